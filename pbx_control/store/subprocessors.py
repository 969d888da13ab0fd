"""Sub-processors in the store: the register, what shows which others a client's data reach, and what was told last."""

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import datetime

from sqlalchemy import Connection, func, insert, or_, select, update

from pbx_control.domain.keeping.subprocessors import Does, Subprocessor
from pbx_control.domain.notices.messages import Channel
from pbx_control.domain.office import ClientState
from pbx_control.store.engine import insert_into
from pbx_control.store.rows import record
from pbx_control.store.tables import (
    account_user,
    client,
    did,
    recipient,
    subprocessor,
    subprocessors_told,
    telegram_account,
    trunk,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Registered:
    """An entry of the register; `client` None: for all."""

    id: int
    name: str
    purpose: str
    country: str
    client: str | None  # slug
    added_at: datetime


def insert_row(conn: Connection, name: str, purpose: str, country: str, client_id: int | None, at: datetime) -> None:
    """Keeps a new entry."""
    values = {"name": name, "purpose": purpose, "country": country, "client_id": client_id, "added_at": at}
    conn.execute(insert(subprocessor).values(values))


def standing(conn: Connection, name: str, client_id: int | None) -> Registered | None:
    """The entry of that name, in whatever capitals, for that client or for all."""
    open_ = [one for one in rows(conn, client_id=client_id) if one.name.casefold() == name.casefold()]
    return next((one for one in open_ if (one.client is None) == (client_id is None)), None)


def remove_row(conn: Connection, entry_id: int, at: datetime) -> None:
    """Ends an entry; that it was there stays."""
    conn.execute(update(subprocessor).where(subprocessor.c.id == entry_id).values(removed_at=at))


def rows(conn: Connection, *, client_id: int | None = None) -> list[Registered]:
    """The entries that stand: all, or those that count for a client, its own after those for all."""
    query = (
        select(
            *(subprocessor.c[name] for name in ("id", "name", "purpose", "country", "added_at")),
            client.c.slug.label("client"),
        )
        .select_from(subprocessor.outerjoin(client))
        .where(subprocessor.c.removed_at.is_(None))
        .order_by(subprocessor.c.client_id.is_not(None), subprocessor.c.name, subprocessor.c.id)
    )
    if client_id is not None:
        query = query.where(or_(subprocessor.c.client_id.is_(None), subprocessor.c.client_id == client_id))
    return [record(Registered, row) for row in conn.execute(query)]


def gets_mail(conn: Connection, client_id: int) -> bool:
    """Whether letters go to somebody of the client's by e-mail."""
    here = recipient.c.client_id == client_id, recipient.c.channel == Channel.EMAIL.value
    people = account_user.c.client_id == client_id, account_user.c.email != "", account_user.c.removed_at.is_(None)
    found = select(func.count()).select_from(recipient).where(*here), select(func.count()).where(*people)
    return any(conn.scalar(one) for one in found)


def has_chat(conn: Connection, client_id: int) -> bool:
    """Whether one of the client's recipients is a Telegram chat, or one of its people has connected an account."""
    chats = select(func.count()).where(
        recipient.c.client_id == client_id, recipient.c.channel == Channel.TELEGRAM.value
    )
    accounts = select(func.count()).select_from(telegram_account.join(account_user))
    return any(conn.scalar(one) for one in (chats, accounts.where(account_user.c.client_id == client_id)))


def carriers(conn: Connection, client_id: int) -> list[str]:
    """The trunks that may bring the client's numbers, by name; a number of no trunk may come by any."""
    by = select(did.c.trunk_id).where(did.c.client_id == client_id)
    theirs = or_(trunk.c.id.in_(by), by.where(did.c.trunk_id.is_(None)).exists())
    return list(conn.scalars(select(trunk.c.name).where(theirs).order_by(trunk.c.name)))


def to_tell(conn: Connection) -> list[int]:
    """The ids of the clients that are told of changes: those that have not cancelled."""
    active = client.c.state != ClientState.CANCELLED.value
    return list(conn.scalars(select(client.c.id).where(active).order_by(client.c.id)))


def last_told(conn: Connection, client_id: int) -> list[Subprocessor] | None:
    """The list that the client was told last; None: it has never had one."""
    query = select(subprocessors_told.c.listed).where(subprocessors_told.c.client_id == client_id)
    text = conn.scalar(query)
    if text is None:
        return None
    return [Subprocessor(**one | {"does": Does(one["does"]) if one["does"] else None}) for one in json.loads(text)]


def note_told(conn: Connection, client_id: int, listed: Sequence[Subprocessor], at: datetime) -> None:
    """Keeps the list that the client knows from now on."""
    values = {"at": at, "listed": json.dumps([asdict(one) for one in listed], ensure_ascii=False)}
    adding = insert_into(conn.dialect.name, subprocessors_told).values(values | {"client_id": client_id})
    conn.execute(adding.on_conflict_do_update(index_elements=["client_id"], set_=values))
