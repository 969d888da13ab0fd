"""What clients have said for today, in the store. No row goes before its client does: they tell who said what."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Connection, Row, Select, insert, or_, select, update

from pbx_control.domain.opening.overrides import Override, OverrideKind
from pbx_control.store.tables import client, opening_override


@dataclass(frozen=True, slots=True)
class Kept:
    """One of them. `ended_at`: before its end it was taken back, or gave way to another one, by `ended_by`'s press."""

    id: int
    client: str  # its short name
    override: Override
    ended_at: datetime | None
    ended_by: str


def insert_row(conn: Connection, client_id: int, said: Override) -> None:
    """Keeps what a client says."""
    conn.execute(
        insert(opening_override).values(
            client_id=client_id,
            kind=said.kind.value,
            text=said.text,
            since=said.since,
            until=said.until,
            said_by=said.said_by,
        )
    )


def end(conn: Connection, client_id: int, kinds: Iterable[OverrideKind], at: datetime, by: str) -> None:
    """Ends those of these kinds that hold."""
    kind = opening_override.c.kind.in_([one.value for one in kinds])
    mine = opening_override.c.client_id == client_id, kind, *_holds(at)
    conn.execute(update(opening_override).where(*mine).values(ended_at=at, ended_by=by))


def holding(conn: Connection, at: datetime, client_id: int | None = None) -> list[Kept]:
    """What holds at that instant or will, as it is known now: of one client, or of all; by client and time."""
    mine = [opening_override.c.client_id == client_id] if client_id is not None else []
    query = _rows().where(*mine, *_holds(at)).order_by(client.c.slug, opening_override.c.id)
    return [_kept(row) for row in conn.execute(query)]


def by_client(conn: Connection, at: datetime, client_id: int | None = None) -> dict[int, tuple[Override, ...]]:
    """The same for each client that has any; what was taken back holds until then."""
    mine = [opening_override.c.client_id == client_id] if client_id is not None else []
    found: dict[int, list[Override]] = defaultdict(list)
    query = select(opening_override).where(*mine, *_holds(at)).order_by(opening_override.c.id)
    for row in conn.execute(query):
        found[row.client_id].append(_override(row, row.ended_at or row.until))
    return {client_id: tuple(each) for client_id, each in found.items()}


def latest(conn: Connection, client_id: int, limit: int) -> Sequence[Kept]:
    """What a client has said last, the newest first."""
    query = _rows().where(opening_override.c.client_id == client_id).order_by(opening_override.c.id.desc())
    return [_kept(row) for row in conn.execute(query.limit(limit))]


def _holds(at: datetime) -> tuple[ColumnElement[bool], ColumnElement[bool]]:
    ended_at = opening_override.c.ended_at
    return opening_override.c.until > at, or_(ended_at.is_(None), ended_at > at)


def _rows() -> Select[Any]:
    return select(opening_override, client.c.slug).join_from(opening_override, client)


def _kept(row: Row[Any]) -> Kept:
    return Kept(row.id, row.slug, _override(row, row.until), row.ended_at, row.ended_by)


def _override(row: Row[Any], until: datetime) -> Override:
    return Override(OverrideKind(row.kind), row.since, until, row.text, row.said_by)
