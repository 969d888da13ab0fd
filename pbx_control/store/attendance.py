"""Which secretaries were there, and when: written by the daemons as they see it, read by whoever plans."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, delete, func, insert, select, update

from pbx_control.domain.desk.duty import Present
from pbx_control.store.tables import attendance, secretary

# A later version may have kept more.
KEPT = tuple(one.value for one in Present)


@dataclass(frozen=True, slots=True, kw_only=True)
class Stay:
    """How long a secretary was in one state."""

    secretary_id: int
    state: Present
    began_at: datetime
    until: datetime


def see(
    conn: Connection, before: Mapping[int, tuple[Present, int]], now: Mapping[int, Present], at: datetime
) -> dict[int, tuple[Present, int]]:
    """Keeps who is there at that instant, by id. `before`: what was kept last, state and row of each; gives the same
    of now. A row of a daemon that died ends when it last saw her."""
    stays = {who: row for who, (state, row) in before.items()}
    conn.execute(update(attendance).where(attendance.c.id.in_(stays.values())).values(until=at))
    same = {who: (state, stays[who]) for who, state in now.items() if who in stays and before[who][0] is state}
    return same | {who: (state, _begin(conn, who, state, at)) for who, state in now.items() if who not in same}


def stays(conn: Connection, since: datetime, until: datetime) -> list[Stay]:
    """Who was there in that time, in order of their beginning."""
    there = attendance.c.until > since, attendance.c.began_at < until, attendance.c.state.in_(KEPT)
    rows = conn.execute(
        select(attendance.c.secretary_id, attendance.c.state, attendance.c.began_at, attendance.c.until)
        .where(*there)
        .order_by(attendance.c.began_at, attendance.c.id)
    )
    return [
        Stay(secretary_id=row.secretary_id, state=Present(row.state), began_at=row.began_at, until=row.until)
        for row in rows
    ]


def first(conn: Connection) -> datetime | None:
    """Since when it is known who was there."""
    found: datetime | None = conn.scalar(select(func.min(attendance.c.began_at)))
    return found


def forget(conn: Connection, before: datetime) -> int:
    """Deletes what was over before that instant; gives how much."""
    return conn.execute(delete(attendance).where(attendance.c.until < before)).rowcount


def known_secretaries(conn: Connection, ids: Collection[int]) -> set[int]:
    """Those of them that the database has: one may have been removed a moment ago."""
    return set(conn.scalars(select(secretary.c.id).where(secretary.c.id.in_(ids))))


def _begin(conn: Connection, secretary_id: int, state: Present, at: datetime) -> int:
    values = {"secretary_id": secretary_id, "state": state.value, "began_at": at, "until": at}
    made = conn.execute(insert(attendance).values(values).returning(attendance.c.id))
    row: int = made.scalar_one()
    return row
