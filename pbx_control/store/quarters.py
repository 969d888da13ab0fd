"""How many calls became what, by quarter hours: added to as calls end, read by day and week, compared with calls."""

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import astuple, dataclass, fields
from datetime import datetime
from functools import cache
from typing import Any

from sqlalchemy import Connection, Row, Select, and_, bindparam, case, func, select

from pbx_control.domain.figures.days import quarter_of
from pbx_control.domain.figures.levels import Sums, Told, sums_of
from pbx_control.store.engine import insert_into
from pbx_control.store.fixed import Fixed, FixedQuery
from pbx_control.store.tables import call, client, quarter_hour

# Whose rows are those of all clients together: a week of the house is read in 672 rows, however many clients it has.
ALL = 0
NAMES = tuple(one.name for one in fields(Sums))
# Calls that are looked at, or rows written, at once.
PAGE = 5000


@dataclass(frozen=True, slots=True)
class Counted:
    """What a call that is over adds, and where."""

    client_id: int
    arrived_at: datetime
    node: str  # the call's
    sums: Sums


@dataclass(frozen=True, slots=True)
class OfClient:
    """A client, and what its calls became."""

    client_id: int
    slug: str
    name: str
    sums: Sums


Key = tuple[int, datetime, str]
"""A row's: client, begin of the quarter hour, node."""


# --- as calls end -----------------------------------------------------------------------------------------


def add(conn: Connection, counted: Iterable[Counted]) -> None:
    """Adds calls to the sums of their nodes."""
    rows: dict[Key, Sums] = defaultdict(Sums)
    for one in counted:
        for client_id in (ALL, one.client_id):
            rows[client_id, quarter_of(one.arrived_at), one.node] += one.sums
    add_rows(conn, rows)


def add_rows(conn: Connection, rows: Mapping[Key, Sums]) -> None:
    """Adds sums to rows; what others add meanwhile stays."""
    # In one order, so that two who add at once do not wait for each other.
    _adding(conn.dialect.name).run_each(conn, [_row(key, rows[key]) for key in sorted(rows)])


@cache
def _adding(dialect: str) -> Fixed:
    adding = insert_into(dialect, quarter_hour)
    more = {name: quarter_hour.c[name] + adding.excluded[name] for name in NAMES}
    return Fixed(adding.on_conflict_do_update(index_elements=["client_id", "starts", "node"], set_=more))


def _row(key: Key, sums: Sums) -> dict[str, Any]:
    client_id, starts, node = key
    return {"client_id": client_id, "starts": starts, "node": node} | dict(zip(NAMES, astuple(sums), strict=True))


_HAS_ENDED = FixedQuery(
    lambda ended: bool(ended), select(call.c.ended_at.is_not(None).label("ended")).where(call.c.id == bindparam("call"))
)


def has_ended(conn: Connection, call_id: str) -> bool:
    """Whether that call is over, as the store has it: then it is counted already."""
    return bool(_HAS_ENDED.first(conn, call=call_id))


def counted(conn: Connection, call_id: str) -> Counted | None:
    """What that call adds, as the store has it; None: nothing."""
    row = conn.execute(_over().where(call.c.id == call_id)).one_or_none()
    return _counted(row) if row else None


# --- reading ----------------------------------------------------------------------------------------------

_SUMS = [func.coalesce(func.sum(quarter_hour.c[name]), 0).label(name) for name in NAMES]


def total(conn: Connection, since: datetime, until: datetime, client_id: int = ALL) -> Sums:
    """All calls that came between these instants, of one client or of all."""
    theirs = *_between(since, until), quarter_hour.c.client_id == client_id
    return _sums(conn.execute(select(*_SUMS).where(*theirs)).one())


def by_quarter(conn: Connection, since: datetime, until: datetime, client_id: int = ALL) -> Mapping[datetime, Sums]:
    """The same, by the beginnings of the quarter hours; those without calls are left out."""
    which = *_between(since, until), quarter_hour.c.client_id == client_id
    rows = conn.execute(select(quarter_hour.c.starts, *_SUMS).where(*which).group_by(quarter_hour.c.starts))
    return {row.starts: _sums(row) for row in rows}


def by_client(conn: Connection, since: datetime, until: datetime) -> list[OfClient]:
    """What the calls of each client became that had any between these instants, by name."""
    theirs = and_(quarter_hour.c.client_id == client.c.id, *_between(since, until))
    query = select(client.c.id, client.c.slug, client.c.name, *_SUMS).join(quarter_hour, theirs)
    rows = conn.execute(query.group_by(client.c.id, client.c.slug, client.c.name).order_by(client.c.name, client.c.id))
    return [OfClient(row.id, row.slug, row.name, _sums(row)) for row in rows]


def each(
    conn: Connection, since: datetime, until: datetime, client_id: int = ALL
) -> Iterator[tuple[datetime, OfClient]]:
    """The quarter hours of each client, or of one, in order: for a file."""
    which = [*_between(since, until), quarter_hour.c.client_id == client.c.id]
    if client_id != ALL:
        which.append(client.c.id == client_id)
    names = quarter_hour.c.starts, client.c.id, client.c.slug, client.c.name
    query = select(*names, *_SUMS).where(*which).group_by(*names).order_by(quarter_hour.c.starts, client.c.name)
    for row in conn.execute(query):
        yield row.starts, OfClient(row.id, row.slug, row.name, _sums(row))


def answered_and_live(conn: Connection, since: datetime) -> dict[int, Sums]:
    """What the calls add that came since then, were answered and are not over, by client: nobody waits for an answer to
    be counted until the conversation is over."""
    live = call.c.state.is_not(None), call.c.answered_at.is_not(None), call.c.arrived_at >= since
    found: dict[int, Sums] = defaultdict(Sums)
    for row in conn.execute(_calls().where(*live, call.c.ended_at.is_(None))):
        one = _counted(row)
        if one:
            found[one.client_id] += one.sums
    return found


def _between(since: datetime, until: datetime) -> tuple[Any, Any]:
    return quarter_hour.c.starts >= since, quarter_hour.c.starts < until


def _sums(row: Row[Any]) -> Sums:
    return Sums(*(int(getattr(row, name)) for name in NAMES))


# --- computed anew from the calls -------------------------------------------------------------------------


def differences(conn: Connection, since: datetime) -> Mapping[Key, tuple[Sums, Sums]]:
    """The rows, by their keys, that are not the sums of the calls that came since then (the beginning of a quarter
    hour): what is kept, and what it should be."""
    query = select(quarter_hour).where(quarter_hour.c.starts >= since)
    kept = {(row.client_id, row.starts, row.node): _sums(row) for row in conn.execute(query)}
    right = _computed(conn, since)
    keys = sorted(kept.keys() | right.keys())
    found = {key: (kept.get(key, Sums()), right.get(key, Sums())) for key in keys}
    return {key: pair for key, pair in found.items() if pair[0] != pair[1]}


def _computed(conn: Connection, since: datetime) -> Mapping[Key, Sums]:
    sums: dict[Key, Sums] = defaultdict(Sums)
    for row in _ended_since(conn, since):
        one = _counted(row)
        if one:
            for client_id in (ALL, one.client_id):
                sums[client_id, quarter_of(one.arrived_at), one.node] += one.sums
    return sums


def _ended_since(conn: Connection, since: datetime) -> Iterator[Row[Any]]:
    yield from conn.execute(_over().where(call.c.arrived_at >= since).execution_options(yield_per=PAGE))


def _calls() -> Select[Any]:
    left = case((call.c.hung_up_at.is_not(None), call.c.hung_up_at), else_=call.c.ended_at).label("over_at")
    names = ("client_id", "node", "outcome", "arrived_at", "queued_at", "answered_at", "talked")
    return select(*(call.c[name] for name in names), left).where(call.c.client_id.is_not(None))


def _over() -> Select[Any]:
    return _calls().where(call.c.ended_at.is_not(None))


def _counted(row: Row[Any]) -> Counted | None:
    names = ("outcome", "arrived_at", "queued_at", "answered_at", "over_at", "talked")
    sums = sums_of(Told(**{name: getattr(row, name) for name in names}))
    return Counted(row.client_id, row.arrived_at, row.node, sums) if sums else None


def clients_with_calls(conn: Connection, ids: Collection[int]) -> dict[int, tuple[str, str]]:
    """Slug and name of these clients."""
    if not ids:
        return {}
    rows = conn.execute(select(client.c.id, client.c.slug, client.c.name).where(client.c.id.in_(list(ids))))
    return {row.id: (row.slug, row.name) for row in rows}
