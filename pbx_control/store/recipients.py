"""Recipients in the store: the e-mail addresses and Telegram chats that get a client's messages (rule 7)."""

from typing import Any

from sqlalchemy import Connection, and_, bindparam, delete, func, insert, select, update

from pbx_control.domain import checks
from pbx_control.domain.notices.messages import Channel, Recipient
from pbx_control.errors import ClientMistake
from pbx_control.store import mailboxes
from pbx_control.store.tables import client, mailbox, recipient

_OF_CLIENT = (
    select(recipient.c.channel, recipient.c.address)
    .where(recipient.c.client_id == bindparam("client"))
    .order_by(recipient.c.id)
)

CHECKS = {"email": checks.email, "telegram": checks.telegram}


def add(connection: Connection, client_id: int, channel: str, address: str) -> str:
    """Keeps a client's recipient; `channel` is email or telegram. Raises ClientMistake if it is no address or known."""
    address = CHECKS[channel](address)
    if known := _known(connection, client_id, address):
        raise ClientMistake("{address} is a recipient of this client already", address=known)
    connection.execute(insert(recipient).values(client_id=client_id, channel=channel, address=address))
    mailboxes.mended(connection, Recipient(Channel(channel), address))
    return address


def remove(connection: Connection, client_id: int, address: str) -> None:
    """Takes a recipient away; letters already written still go to him. Raises ClientMistake if there is none such."""
    known = _known(connection, client_id, address)
    if not known:
        raise ClientMistake(
            "{address} is no recipient of this client: it has {known}",
            address=repr(address[:60]),
            known=", ".join(_addresses(connection, client_id)) or "–",
        )
    connection.execute(delete(recipient).where(recipient.c.client_id == client_id, recipient.c.address == known))


def move(connection: Connection, old: Recipient, address: str) -> None:
    """Keeps a recipient's new address for every client that has him; who has the new one already loses the old."""
    here = recipient.c.channel == old.channel.value, recipient.c.address == old.address
    known = select(recipient.c.client_id).where(here[0], recipient.c.address == address)
    connection.execute(delete(recipient).where(*here, recipient.c.client_id.in_(known)))
    connection.execute(update(recipient).where(*here).values(address=address))
    mailboxes.forget(connection, old)


def rows(connection: Connection, client_id: int | None = None) -> list[dict[str, Any]]:
    """The recipients of one client or of all, with the client's slug, and since when and why letters do not arrive.

    `kept_error` is as the store has it (domain.sentences).
    """
    query = (
        select(
            client.c.slug.label("client"),
            recipient.c.channel,
            recipient.c.address,
            mailbox.c.failing_since,
            func.coalesce(mailbox.c.last_error, "").label("kept_error"),
        )
        .join_from(recipient, client)
        .outerjoin(mailbox, and_(mailbox.c.channel == recipient.c.channel, mailbox.c.address == recipient.c.address))
        .order_by(client.c.slug, recipient.c.channel, recipient.c.address)
    )
    if client_id is not None:
        query = query.where(recipient.c.client_id == client_id)
    return [dict(row._mapping) for row in connection.execute(query)]


def _known(connection: Connection, client_id: int, address: str) -> str:
    """The client's recipient of that address as it is kept, or "", however it is written."""
    wanted = _same(address)
    return next((one for one in _addresses(connection, client_id) if _same(one) == wanted), "")


def _same(address: str) -> str:
    """What is equal for two ways to write one address: no mail server tells VENTAS@ from ventas@."""
    try:
        return checks.email(address).casefold()
    except ClientMistake:
        return address.casefold()


def _addresses(connection: Connection, client_id: int) -> list[str]:
    query = select(recipient.c.address).where(recipient.c.client_id == client_id).order_by(recipient.c.address)
    return list(connection.scalars(query))


def of_client(connection: Connection, client_id: int) -> list[Recipient]:
    """Who gets this client's messages, as letters are addressed to them."""
    rows = connection.execute(_OF_CLIENT, {"client": client_id})
    return [Recipient(Channel(row.channel), row.address) for row in rows]
