"""Callers who are known: test calls are not charged, blocked ones are not let in; for one client, or for all."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from sqlalchemy import ColumnElement, Connection, delete, or_, select, update

from pbx_control.store.engine import new_id
from pbx_control.store.rows import record
from pbx_control.store.tables import caller_mark, client

KINDS = ("test", "blocked")


@dataclass(frozen=True, slots=True)
class Mark:
    """A caller's mark; the number is known to whoever asks for it."""

    id: int
    kind: str  # test | blocked
    why: str


@dataclass(frozen=True, slots=True)
class Listed:
    """A mark as lists show it; `client` is "" where it is for all."""

    number: str
    kind: str
    client: str
    why: str


def find(conn: Connection, number: str, client_id: int | None) -> Mark | None:
    """The mark of that number for that client, or (None) for all."""
    row = conn.execute(select(caller_mark).where(caller_mark.c.number == number, _of(client_id))).one_or_none()
    return Mark(row.id, row.kind, row.why) if row else None


def is_marked(conn: Connection, number: str, client_id: int) -> bool:
    """Whether the caller is a tester, or blocked, for that client or for all."""
    of_both = or_(caller_mark.c.client_id == client_id, caller_mark.c.client_id.is_(None))
    return conn.scalar(select(caller_mark.c.id).where(caller_mark.c.number == number, of_both).limit(1)) is not None


def put(conn: Connection, number: str, client_id: int | None, values: Mapping[str, str]) -> int:
    """Keeps a mark, in place of one that is there; gives its id."""
    same = caller_mark.c.number == number, _of(client_id)
    there = conn.execute(update(caller_mark).where(*same).values(values).returning(caller_mark.c.id)).first()
    if there is not None:
        return int(there.id)
    return new_id(conn, caller_mark, {"number": number, "client_id": client_id} | dict(values))


def delete_row(conn: Connection, mark_id: int) -> None:
    """Takes a mark away."""
    conn.execute(delete(caller_mark).where(caller_mark.c.id == mark_id))


def rows(conn: Connection, number: str | None = None) -> list[Listed]:
    """All marks, or those of one number."""
    query = (
        select(caller_mark.c.number, caller_mark.c.kind, client.c.slug.label("client"), caller_mark.c.why)
        .select_from(caller_mark.outerjoin(client))
        .order_by(caller_mark.c.number, client.c.slug, caller_mark.c.id)
    )
    if number is not None:
        query = query.where(caller_mark.c.number == number)
    return [record(Listed, row, client=row.client or "") for row in conn.execute(query)]


def forget(conn: Connection, number: str, of: Callable[[int | None], bool]) -> int:
    """Takes away the marks of a number for those clients (None: for all) that `of` names; gives how many."""
    rows = conn.execute(select(caller_mark.c.id, caller_mark.c.client_id).where(caller_mark.c.number == number))
    going = [row.id for row in rows.all() if of(row.client_id)]
    return conn.execute(delete(caller_mark).where(caller_mark.c.id.in_(going))).rowcount


def _of(client_id: int | None) -> ColumnElement[bool]:
    return caller_mark.c.client_id.is_(None) if client_id is None else caller_mark.c.client_id == client_id
