"""Recipients that a client's people have asked for, and whose addresses have not said yes yet."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, func, select, update

from pbx_control.domain.notices.kinds import About, Wants
from pbx_control.domain.notices.messages import Channel
from pbx_control.store.engine import new_id
from pbx_control.store.recipients import gets
from pbx_control.store.tables import recipient_request as table


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """One that is open. `address` is "" for a chat, which is not known before its code comes from there."""

    id: int
    client_id: int
    user_id: int  # who asked
    channel: Channel
    address: str
    wants: Wants
    asked_at: datetime
    ends_at: datetime


def insert_row(
    conn: Connection,
    client_id: int,
    user_id: int,
    channel: Channel,
    address: str,
    wants: Wants,
    secret_hash: str,
    asked_at: datetime,
    ends_at: datetime,
) -> int:
    """Keeps a request; gives its id."""
    values: Mapping[str, object] = {
        "client_id": client_id,
        "user_id": user_id,
        "channel": channel.value,
        "address": address,
        "secret_hash": secret_hash,
        "asked_at": asked_at,
        "ends_at": ends_at,
    }
    return new_id(conn, table, dict(values) | gets(wants))


def open_of(conn: Connection, client_id: int, at: datetime) -> list[Request]:
    """A client's requests that are still open, the oldest first."""
    query = select(table).where(table.c.client_id == client_id, *_open(at)).order_by(table.c.id)
    return [_request(row) for row in conn.execute(query)]


def by_secret(conn: Connection, secret_hash: str, channel: Channel, at: datetime) -> Request | None:
    """The open request with that secret."""
    which = table.c.secret_hash == secret_hash, table.c.channel == channel.value, *_open(at)
    row = conn.execute(select(table).where(*which)).one_or_none()
    return _request(row) if row else None


def settle(conn: Connection, request_id: int, at: datetime) -> bool:
    """Notes that a request is used or withdrawn; False if it was before: of two that use it at once, one does."""
    which = table.c.id == request_id, table.c.settled_at.is_(None)
    return bool(conn.execute(update(table).where(*which).values(settled_at=at)).rowcount)


def asked_since(conn: Connection, client_id: int, since: datetime) -> int:
    """How many letters a client's people have had written to new addresses since then."""
    which = table.c.client_id == client_id, table.c.channel == Channel.EMAIL.value, table.c.asked_at >= since
    return conn.scalar(select(func.count()).where(*which)) or 0


def _open(at: datetime) -> tuple[Any, Any]:
    return table.c.settled_at.is_(None), table.c.ends_at > at


def _request(row: Row[Any]) -> Request:
    return Request(
        id=row.id,
        client_id=row.client_id,
        user_id=row.user_id,
        channel=Channel(row.channel),
        address=row.address,
        wants=Wants(**{about.value: getattr(row, f"gets_{about.value}") for about in About}),
        asked_at=row.asked_at,
        ends_at=row.ends_at,
    )
