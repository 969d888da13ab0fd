"""Callers who are known: test calls are not charged, blocked ones are not let in; for one client, or for all."""

from collections.abc import Mapping
from dataclasses import dataclass

from sqlalchemy import ColumnElement, Connection, delete, or_, select, update

from pbx_control.domain.keeping.retention import ERASED
from pbx_control.domain.telephony.numbering import caller_number
from pbx_control.errors import ClientMistake, Code, Field
from pbx_control.store.engine import new_id
from pbx_control.store.rows import record
from pbx_control.store.tables import caller_mark, client

KINDS = ("test", "blocked")


# A caller's number of fewer digits is not looked for in texts.
SHORTEST_DISTINCT = 6


def known_number(text: str) -> str:
    """A caller's number as calls have it. Raises ClientMistake if it is none that a caller could show."""
    number = caller_number(text, "CL")
    if not number or number == ERASED:
        raise ClientMistake(
            "{text} is no caller's number: write it with its plus sign and country, like +56912345678",
            Code.BAD_NUMBER,
            text=repr(text[:40]),
            field=Field("number"),
        )
    return number


def distinct_number(text: str) -> str:
    """A caller's number that is long enough to be looked for in texts: "10" or a word stands in many that have
    nothing to do with him. Raises ClientMistake if it is shorter."""
    number = known_number(text)
    if sum(char.isdigit() for char in number) < SHORTEST_DISTINCT:
        raise ClientMistake(
            "{number} cannot be told from other words in texts: erase calls by a number of {digits} digits or more",
            Code.BAD_NUMBER,
            number=repr(number[:40]),
            digits=SHORTEST_DISTINCT,
            field=Field("number"),
        )
    return number


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


def forget(conn: Connection, number: str) -> int:
    """Takes away all marks of a number; gives how many there were."""
    return len(
        conn.execute(delete(caller_mark).where(caller_mark.c.number == number).returning(caller_mark.c.id)).all()
    )


def _of(client_id: int | None) -> ColumnElement[bool]:
    return caller_mark.c.client_id.is_(None) if client_id is None else caller_mark.c.client_id == client_id
