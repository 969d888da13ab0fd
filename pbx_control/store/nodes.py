"""The daemons that share the database: who they are, when each gave a sign of life, who is gone for good."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, Row, Select, func, select, text, update

from pbx_control import clock
from pbx_control.store.engine import insert_into
from pbx_control.store.tables import call, node

# A daemon gives a sign of life so often, and counts as away when it has given none for so long.
BEAT_EVERY = timedelta(seconds=10)
AWAY_AFTER = timedelta(seconds=30)


@dataclass(frozen=True, slots=True)
class Node:
    """One of the daemons, as the database knew it at `now`."""

    name: str
    since: datetime  # when it first took calls
    seen_at: datetime  # its last sign of life
    place: str
    process: str  # "" if it has stopped
    retired_at: datetime | None
    live_calls: int
    now: datetime  # by the database's clock, as all instants here

    @property
    def is_alive(self) -> bool:
        return bool(self.process) and self.now - self.seen_at < AWAY_AFTER

    @property
    def state(self) -> str:
        """alive, stopped (as it should), away (silent for too long), or retired."""
        if self.retired_at:
            return "retired"
        if self.is_alive:
            return "alive"
        return "away" if self.process else "stopped"


def rows(conn: Connection) -> list[Node]:
    """All nodes, by name."""
    now = _now(conn)
    return [_node(row, now) for row in conn.execute(_nodes().order_by(node.c.name))]


def find(conn: Connection, name: str) -> Node | None:
    """The node of that name; None if none has ever taken calls under it."""
    row = conn.execute(_nodes().where(node.c.name == name)).one_or_none()
    return _node(row, _now(conn)) if row else None


def take(conn: Connection, name: str, place: str, process: str) -> None:
    """A daemon begins under that name, at that place, whoever had it before."""
    now = _now(conn)
    begun = {"place": place, "process": process, "seen_at": now}
    values = insert_into(conn.dialect.name, node).values(name=name, since=now, **begun)
    conn.execute(values.on_conflict_do_update(index_elements=["name"], set_=begun))
    conn.execute(update(node).where(node.c.name == name, node.c.retired_at.is_not(None)).values(_anew(now)))


def beat(conn: Connection, name: str, process: str) -> bool:
    """A sign of life; False if another daemon has the name meanwhile, or the node was retired."""
    own = update(node).where(node.c.name == name, node.c.process == process).values(seen_at=_now(conn))
    return conn.execute(own.returning(node.c.name)).one_or_none() is not None


def stop(conn: Connection, name: str, process: str) -> None:
    """The daemon ends as it should: nobody waits for its signs of life."""
    conn.execute(update(node).where(node.c.name == name, node.c.process == process).values(process=""))


def clock_ahead(conn: Connection) -> timedelta:
    """How far this machine's clock is ahead of the database's."""
    return clock.now() - _now(conn)


def living(conn: Connection, silent_for: timedelta) -> list[str]:
    """The processes of the daemons that have not stopped, nor been silent for longer than that."""
    heard = node.c.process != "", node.c.seen_at > _now(conn) - silent_for
    return list(conn.scalars(select(node.c.process).where(*heard)))


def may_overhear(conn: Connection) -> list[str]:
    """Roles that may connect to the database without being a daemon's: LISTEN and NOTIFY ask for no other right."""
    if conn.dialect.name != "postgresql":
        return []
    connects = "rolcanlogin AND NOT rolsuper AND has_database_privilege(oid, current_database(), 'CONNECT')"
    is_daemon = "rolname = current_user OR has_table_privilege(oid, 'call', 'UPDATE')"
    query = f"SELECT rolname FROM pg_roles WHERE {connects} AND NOT ({is_daemon}) ORDER BY rolname"
    return list(conn.scalars(text(query)))


def locked(conn: Connection, name: str) -> Node | None:
    """The same as `find`; nobody else changes the node until the transaction ends."""
    conn.execute(select(node.c.name).where(node.c.name == name).with_for_update()).all()
    return find(conn, name)


def note_retired(conn: Connection, name: str, at: datetime) -> None:
    """The node is gone for good."""
    conn.execute(update(node).where(node.c.name == name).values(process="", retired_at=at))


def _anew(now: datetime) -> dict[str, datetime | None]:
    return {"since": now, "retired_at": None}


def _nodes() -> Select[Any]:
    live = select(func.count()).where(call.c.node == node.c.name, call.c.state.is_not(None)).scalar_subquery()
    return select(node, live.label("live_calls"))


def _now(conn: Connection) -> datetime:
    """What the time is for the database: the nodes' own clocks may differ."""
    if conn.dialect.name != "postgresql":
        return clock.now()  # the database is on this machine
    now: datetime = conn.execute(select(func.clock_timestamp())).scalar_one()
    return now


def _node(row: Row[Any], now: datetime) -> Node:
    return Node(row.name, row.since, row.seen_at, row.place, row.process, row.retired_at, row.live_calls, now)
