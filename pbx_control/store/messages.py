"""What secretaries write about calls: drafts field by field, and the versions that were sent."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import msgspec
from sqlalchemy import ColumnElement, Connection, Select, and_, bindparam, delete, func, insert, or_, select, update

from pbx_control.domain.desk.words import Words
from pbx_control.store.engine import insert_into
from pbx_control.store.rows import facts, record
from pbx_control.store.tables import (
    call,
    client,
    greeting,
    letter,
    mailbox,
    message,
    message_field,
    message_version,
    recipient,
    seat_claim,
    secretary,
    shown,
)

_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder(Words).decode


@dataclass(frozen=True, slots=True, kw_only=True)
class Kept:
    """A message as it is kept; what the columns mean is told in `tables.message`."""

    call_id: str
    client_id: int
    secretary_id: int
    protocol_id: int | None
    begun_at: datetime
    signed_at: datetime | None = None
    due_at: datetime | None = None
    overdue_at: datetime | None = None
    sent_at: datetime | None = None
    version: int = 0

    @property
    def over(self) -> bool:
        """Whether the call is over for her, or was handed over."""
        return bool(self.due_at or self.overdue_at or self.sent_at)

    @property
    def closed(self) -> bool:
        """Whether nothing need be written."""
        return self.sent_at is not None and not self.version


@dataclass(frozen=True, slots=True)
class Value:
    """What stands in a field; `edit` counts what the page has sent of it."""

    value: str
    edit: int


@dataclass(frozen=True, slots=True, kw_only=True)
class About:
    """What a draft must know of its call."""

    client_id: int | None
    secretary_id: int | None  # who answered
    caller: str
    over: bool  # or handed over
    seat_of: int | None  # who is offered it, or has it now


@dataclass(frozen=True, slots=True, kw_only=True)
class Open:
    """A message that is not written yet."""

    call_id: str
    client_id: int
    client: str  # slug
    client_name: str
    caller: str
    caller_name: str
    secretary_id: int
    secretary: str
    timezone: str  # of the client
    arrived_at: datetime
    due_at: datetime | None
    overdue_at: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Before:
    """An earlier call of a caller to one client; `begun_at`: None if nothing was written about it."""

    call_id: str
    arrived_at: datetime
    outcome: str
    live: bool
    secretary: str
    transferred_to: str
    protocol_id: int | None
    begun_at: datetime | None
    overdue_at: datetime | None
    sent_at: datetime | None
    version: int | None


# --- drafts -----------------------------------------------------------------------------------------------

_OF_CALL = select(message).where(message.c.call_id == bindparam("call"))
_LOCKED = _OF_CALL.with_for_update()


def about(conn: Connection, call_id: str) -> About | None:
    """What a draft must know of its call; None: it is not (yet) in the store. The call waits at its next step until
    this transaction ends: so its end sees the draft, or the draft sees its end."""
    query = select(call.c.client_id, call.c.secretary_id, call.c.caller, _over().label("over"))
    row = conn.execute(query.where(call.c.id == call_id).with_for_update(read=True)).one_or_none()
    if row is None:
        return None
    seat = conn.scalar(select(seat_claim.c.secretary_id).where(seat_claim.c.call_id == call_id))
    return record(About, row, seat_of=seat)


def find(conn: Connection, call_id: str, *, lock: bool = False) -> Kept | None:
    """The message about a call, or None. `lock`: nobody changes it until the transaction ends (SQLite has one writer
    anyway)."""
    row = conn.execute(_LOCKED if lock else _OF_CALL, {"call": call_id}).one_or_none()
    return record(Kept, row) if row else None


def add(conn: Connection, kept: Kept) -> bool:
    """Keeps a new draft; False if there is one for the call."""
    adding = insert_into(conn.dialect.name, message).values(facts(kept))
    adding = adding.on_conflict_do_nothing(index_elements=["call_id"]).returning(message.c.call_id)
    return conn.execute(adding).first() is not None


def change(conn: Connection, call_id: str, **values: object) -> None:
    """Changes columns of a message."""
    conn.execute(update(message).where(message.c.call_id == call_id).values(values))


def note_shown(conn: Connection, call_id: str, secretary_id: int, at: datetime, protocol_id: int | None) -> None:
    """Remembers which versions she had before her eyes; what was noted first stays."""
    newest = (
        select(func.max(greeting.c.id))
        .join(call, call.c.client_id == greeting.c.client_id)
        .where(call.c.id == call_id)
        .scalar_subquery()
    )
    values = {"call_id": call_id, "secretary_id": secretary_id, "at": at, "protocol_id": protocol_id}
    adding = insert_into(conn.dialect.name, shown).values(values | {"greeting_id": newest})
    conn.execute(adding.on_conflict_do_nothing(index_elements=["call_id", "secretary_id"]))


def values_of(conn: Connection, call_ids: Collection[str]) -> dict[str, dict[str, Value]]:
    """What stands in the fields of these calls' drafts, by call and key."""
    found: dict[str, dict[str, Value]] = {call_id: {} for call_id in call_ids}
    for row in conn.execute(select(message_field).where(message_field.c.call_id.in_(list(call_ids)))):
        found[row.call_id][row.key] = Value(row.value, row.edit)
    return found


def save(conn: Connection, call_id: str, changes: Mapping[str, Value], at: datetime) -> None:
    """Keeps fields; one of which a newer edit is there stays as it is."""
    rows = [
        {"call_id": call_id, "key": key, "value": new.value, "edit": new.edit, "saved_at": at}
        for key, new in sorted(changes.items())
    ]
    if not rows:
        return
    adding = insert_into(conn.dialect.name, message_field)
    newer = {name: adding.excluded[name] for name in ("value", "edit", "saved_at")}
    conn.execute(
        adding.on_conflict_do_update(
            index_elements=["call_id", "key"], set_=newer, where=adding.excluded.edit > message_field.c.edit
        ),
        rows,
    )


# --- what was sent ----------------------------------------------------------------------------------------


def add_version(conn: Connection, kept: Kept, words: Words, at: datetime) -> int:
    """Keeps the words as the message's next version, sent at `at`; gives its number."""
    version = kept.version + 1
    row = {"call_id": kept.call_id, "version": version, "at": at, "secretary_id": kept.secretary_id}
    conn.execute(insert(message_version).values(row | {"words": _encode(words).decode()}))
    change(conn, kept.call_id, version=version, sent_at=at, due_at=None)
    return version


def words_of(conn: Connection, call_id: str) -> Words | None:
    """The words that were sent last; None if none were."""
    query = select(message_version.c.words).where(message_version.c.call_id == call_id)
    text = conn.scalar(query.order_by(message_version.c.version.desc()).limit(1))
    return None if text is None else _decode(text)


def claim_due(conn: Connection, at: datetime, limit: int) -> list[Kept]:
    """Takes messages that were not written in time, at most so many: from now on they are overdue. Of two that claim
    at once each gets others."""
    due = select(message.c.call_id).where(message.c.due_at <= at).order_by(message.c.due_at).limit(limit)
    claiming = (
        update(message)
        .where(message.c.call_id.in_(due.with_for_update(skip_locked=True)), message.c.due_at <= at)
        .values(due_at=None, overdue_at=at)
        .returning(message)
    )
    return [record(Kept, row) for row in conn.execute(claiming).all()]


def next_due(conn: Connection) -> datetime | None:
    """When the next message must be written; None: none waits."""
    found: datetime | None = conn.scalar(select(func.min(message.c.due_at)).where(message.c.due_at.is_not(None)))
    return found


# --- lists ------------------------------------------------------------------------------------------------


def open_ones(conn: Connection, secretary_id: int | None = None) -> list[Open]:
    """The messages that are not written yet, the oldest first: of one secretary, or of all. One of a call that lasts is
    there once she has answered it."""
    rows = conn.execute(_OPEN) if secretary_id is None else conn.execute(_OPEN_OF_HER, {"her": secretary_id})
    return [record(Open, row) for row in rows]


def _open() -> Select[Any]:
    has_it = and_(call.c.secretary_id == message.c.secretary_id, call.c.ended_at.is_(None))
    waits = or_(message.c.due_at.is_not(None), message.c.overdue_at.is_not(None), has_it)
    columns = [message.c[name] for name in ("call_id", "client_id", "secretary_id", "due_at", "overdue_at")]
    return (
        select(
            *columns,
            client.c.slug.label("client"),
            client.c.name.label("client_name"),
            client.c.timezone,
            secretary.c.name.label("secretary"),
            call.c.caller,
            call.c.caller_name,
            call.c.arrived_at,
        )
        .select_from(message.join(call).join(client, client.c.id == message.c.client_id))
        .join(secretary, secretary.c.id == message.c.secretary_id)
        .where(message.c.sent_at.is_(None), message.c.signed_at.is_(None), waits)
        .order_by(message.c.begun_at, message.c.call_id)
    )


# Made once: each change on a desk asks for these.
_OPEN = _open()
_OPEN_OF_HER = _OPEN.where(message.c.secretary_id == bindparam("her"))


def last_on_desk(conn: Connection, secretary_id: int, since: datetime) -> str:
    """The newest of her messages, if she has the call still, it waits for her words or for the call's end, or was sent
    since then; else ""."""
    has_it = and_(call.c.secretary_id == secretary_id, call.c.ended_at.is_(None)).label("has_it")
    newest = (
        select(message.c.call_id, message.c.due_at, message.c.signed_at, message.c.sent_at, has_it)
        .join_from(message, call)
        .where(message.c.secretary_id == secretary_id)
        .order_by(message.c.begun_at.desc())
        .limit(1)
    )
    row = conn.execute(newest).one_or_none()
    if row is None:
        return ""
    waits = row.sent_at is None and (row.has_it or row.due_at or row.signed_at)
    return row.call_id if waits or (row.sent_at and row.sent_at >= since) else ""


def calls_before(conn: Connection, client_id: int, caller: str, but: str, limit: int) -> list[Before]:
    """The newest calls of a caller to that client, newest first, without the call `but`."""
    names = ("protocol_id", "begun_at", "overdue_at", "sent_at", "version")
    query = (
        select(
            call.c.id.label("call_id"),
            call.c.arrived_at,
            call.c.outcome,
            call.c.ended_at.is_(None).label("live"),
            func.coalesce(secretary.c.name, "").label("secretary"),
            call.c.transferred_to,
            *(message.c[name] for name in names),
        )
        .select_from(call.outerjoin(message, message.c.call_id == call.c.id))
        .outerjoin(secretary, secretary.c.id == call.c.secretary_id)
        .where(call.c.client_id == client_id, call.c.caller == caller, call.c.id != but)
        .order_by(call.c.arrived_at.desc(), call.c.id.desc())
        .limit(limit)
    )
    return [record(Before, row) for row in conn.execute(query)]


# --- erasing ----------------------------------------------------------------------------------------------


def waiting_about(conn: Connection, calls: Collection[str]) -> list[str]:
    """Those of the calls of which the client has not been told yet, as a message is still to be written."""
    query = select(message.c.call_id).where(message.c.call_id.in_(list(calls)), message.c.due_at.is_not(None))
    return list(conn.scalars(query.order_by(message.c.call_id)))


def erase(conn: Connection, calls: Collection[str]) -> int:
    """Deletes what was written about these calls, and the letters to their callers, which have their addresses.

    Gives how many letters there were.
    """
    ids = list(calls)
    conn.execute(delete(message).where(message.c.call_id.in_(ids)))
    to_callers = delete(letter).where(letter.c.call_id.in_(ids), letter.c.kind == "info").returning(letter.c.address)
    addresses = list(conn.scalars(to_callers))
    ours = select(recipient.c.address)
    conn.execute(delete(mailbox).where(mailbox.c.address.in_(addresses), mailbox.c.address.not_in(ours)))
    return len(addresses)


def _over() -> ColumnElement[bool]:
    return or_(call.c.ended_at.is_not(None), call.c.handed_over_at.is_not(None))
