"""Recipients in the store: the e-mail addresses and Telegram chats that get a client's messages (rule 7)."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Connection, Row, and_, bindparam, delete, func, insert, select, update

from pbx_control.domain.notices.kinds import EVERYTHING, About, Wants
from pbx_control.domain.notices.messages import Channel, Recipient
from pbx_control.store import mailboxes
from pbx_control.store.fixed import FixedQuery
from pbx_control.store.tables import client, mailbox, recipient


@dataclass(frozen=True, slots=True)
class Listed:
    """A recipient with its client's slug, what he is sent, and since when and why letters do not arrive there."""

    client: str
    channel: str
    address: str
    name: str  # a chat's
    wants: Wants
    failing_since: datetime | None
    kept_error: str  # as the store has it (domain.sentences)


_GETS = {about: recipient.c[f"gets_{about.value}"] for about in About}


def _who(*which: ColumnElement[bool]) -> FixedQuery[Recipient]:
    return FixedQuery(
        lambda channel, address: Recipient(Channel(channel), address),
        select(recipient.c.channel, recipient.c.address)
        .where(recipient.c.client_id == bindparam("client"), *which)
        .order_by(recipient.c.place, recipient.c.id),
    )


_OF_CLIENT = _who()
_TOLD_ABOUT = {about: _who(gets) for about, gets in _GETS.items()}


def insert_row(
    connection: Connection, client_id: int, new: Recipient, wants: Wants = EVERYTHING, name: str = ""
) -> None:
    """Keeps a new recipient; `name` is a chat's."""
    values = {"client_id": client_id, "channel": new.channel.value, "address": new.address, "name": name}
    last = select(func.coalesce(func.max(recipient.c.place), 0)).where(recipient.c.client_id == client_id)
    connection.execute(insert(recipient).values(values | gets(wants) | {"place": last.scalar_subquery()}))


def put_in_order(connection: Connection, client_id: int, addresses: Sequence[str]) -> None:
    """Keeps the order of a client's list; each of its addresses is named."""
    for place, address in enumerate(addresses, 1):
        which = recipient.c.client_id == client_id, recipient.c.address == address
        connection.execute(update(recipient).where(*which).values(place=place))


def update_row(connection: Connection, client_id: int, address: str, wants: Wants) -> None:
    """Keeps what a recipient is to be sent from now on."""
    which = recipient.c.client_id == client_id, recipient.c.address == address
    connection.execute(update(recipient).where(*which).values(gets(wants)))


def gets(wants: Wants) -> dict[str, bool]:
    """The columns that say it."""
    return {f"gets_{about.value}": about in wants.kinds for about in About}


def delete_row(connection: Connection, client_id: int, address: str) -> None:
    """Takes a recipient away."""
    connection.execute(delete(recipient).where(recipient.c.client_id == client_id, recipient.c.address == address))


def move(connection: Connection, old: Recipient, address: str) -> None:
    """Keeps a recipient's new address for every client that has him; who has the new one already loses the old."""
    here = recipient.c.channel == old.channel.value, recipient.c.address == old.address
    known = select(recipient.c.client_id).where(here[0], recipient.c.address == address)
    connection.execute(delete(recipient).where(*here, recipient.c.client_id.in_(known)))
    connection.execute(update(recipient).where(*here).values(address=address))
    mailboxes.forget(connection, old)


def rows(connection: Connection, client_id: int | None = None) -> list[Listed]:
    """The recipients of one client or of all, with the client's slug, and since when and why letters do not arrive."""
    query = (
        select(
            client.c.slug.label("client"),
            recipient.c.channel,
            recipient.c.address,
            recipient.c.name,
            *_GETS.values(),
            mailbox.c.failing_since,
            func.coalesce(mailbox.c.last_error, "").label("kept_error"),
        )
        .join_from(recipient, client)
        .outerjoin(mailbox, and_(mailbox.c.channel == recipient.c.channel, mailbox.c.address == recipient.c.address))
        .order_by(client.c.slug, recipient.c.place, recipient.c.id)
    )
    if client_id is not None:
        query = query.where(recipient.c.client_id == client_id)
    return [_listed(row) for row in connection.execute(query)]


def _listed(row: Row[*tuple[Any, ...]]) -> Listed:
    there = {name: value for name, value in row._mapping.items() if not name.startswith("gets_")}
    return Listed(**there, wants=Wants(**{about.value: getattr(row, f"gets_{about.value}") for about in About}))


def addresses(connection: Connection, client_id: int) -> list[str]:
    """The addresses of a client's recipients, sorted."""
    query = select(recipient.c.address).where(recipient.c.client_id == client_id).order_by(recipient.c.address)
    return list(connection.scalars(query))


def count_by(connection: Connection, channel: Channel) -> int:
    """How many recipients of all clients are reached by that channel."""
    return connection.scalar(select(func.count()).where(recipient.c.channel == channel.value)) or 0


def of_client(connection: Connection, client_id: int, about: About | None = None) -> list[Recipient]:
    """Who is sent what is about that, as letters are addressed to them; None: all of the client's recipients."""
    who = _TOLD_ABOUT[about] if about else _OF_CLIENT
    return who.all(connection, client=client_id)


def clients_of(connection: Connection, who: Recipient) -> list[int]:
    """The clients whose letters go there."""
    here = recipient.c.channel == who.channel.value, recipient.c.address == who.address
    return list(connection.scalars(select(recipient.c.client_id).where(*here).order_by(recipient.c.client_id)))
