"""Recipients in the store: the e-mail addresses and Telegram chats that get a client's messages (rule 7)."""

from typing import Any

from sqlalchemy import Connection, delete, insert, select

from pbx_control.domain import checks
from pbx_control.domain.messages import Channel, Recipient
from pbx_control.errors import ClientMistake
from pbx_control.store.tables import client, recipient

CHECKS = {"email": checks.email, "telegram": checks.telegram}


def add(connection: Connection, client_id: int, channel: str, address: str) -> str:
    """Keeps a client's recipient; `channel` is email or telegram. Raises ClientMistake if it is no address or known."""
    address = CHECKS[channel](address)
    if address in _addresses(connection, client_id):
        raise ClientMistake("{address} is a recipient of this client already", address=address)
    connection.execute(insert(recipient).values(client_id=client_id, channel=channel, address=address))
    return address


def remove(connection: Connection, client_id: int, address: str) -> None:
    """Takes a recipient away; letters already written still go to him. Raises ClientMistake if there is none such."""
    gone = connection.execute(
        delete(recipient).where(recipient.c.client_id == client_id, recipient.c.address == address)
    )
    if not gone.rowcount:
        raise ClientMistake(
            "{address} is no recipient of this client: it has {known}",
            address=repr(address[:60]),
            known=", ".join(_addresses(connection, client_id)) or "–",
        )


def rows(connection: Connection, client_id: int | None = None) -> list[dict[str, Any]]:
    """The recipients of one client or of all, with the client's slug."""
    query = (
        select(client.c.slug.label("client"), recipient.c.channel, recipient.c.address)
        .join_from(recipient, client)
        .order_by(client.c.slug, recipient.c.channel, recipient.c.address)
    )
    if client_id is not None:
        query = query.where(recipient.c.client_id == client_id)
    return [dict(row._mapping) for row in connection.execute(query)]


def _addresses(connection: Connection, client_id: int) -> list[str]:
    query = select(recipient.c.address).where(recipient.c.client_id == client_id).order_by(recipient.c.address)
    return list(connection.scalars(query))


def of_client(connection: Connection, client_id: int) -> list[Recipient]:
    """Who gets this client's messages, as letters are addressed to them."""
    query = select(recipient.c.channel, recipient.c.address).where(recipient.c.client_id == client_id)
    return [Recipient(Channel(row.channel), row.address) for row in connection.execute(query.order_by(recipient.c.id))]
