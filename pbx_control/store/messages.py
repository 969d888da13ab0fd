"""What secretaries write about calls: drafts field by field, and the versions that were sent."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from typing import Any

import msgspec
from sqlalchemy import (
    ColumnElement,
    Connection,
    Integer,
    Select,
    and_,
    bindparam,
    delete,
    func,
    insert,
    or_,
    select,
    update,
)

from pbx_control.domain.desk.edits import Value
from pbx_control.domain.desk.words import Words
from pbx_control.domain.notices.messages import TO_CALLERS
from pbx_control.domain.words.characters import folded
from pbx_control.store import mailboxes, restrictions
from pbx_control.store.engine import insert_into
from pbx_control.store.fixed import Fixed, FixedQuery
from pbx_control.store.rows import facts, record
from pbx_control.store.tables import (
    call,
    client,
    greeting,
    letter,
    message,
    message_field,
    message_version,
    seat_claim,
    secretary,
    shown,
    urgency,
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
    changed_at: datetime | None = None
    urgent_at: datetime | None = None

    @property
    def over(self) -> bool:
        """Whether the call is over for her, or was handed over."""
        return bool(self.due_at or self.overdue_at or self.sent_at)

    @property
    def closed(self) -> bool:
        """Whether nothing need be written."""
        return self.sent_at is not None and not self.version


@dataclass(frozen=True, slots=True, kw_only=True)
class About:
    """What a draft must know of its call."""

    client_id: int | None
    secretary_id: int | None  # who answered
    over: bool  # or handed over
    seat_of: int | None  # who is offered it, or has it now


@dataclass(frozen=True, slots=True, kw_only=True)
class Open:
    """A message that is not written yet, or was changed after it was sent."""

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
    changed_at: datetime | None


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
    restricted: bool = False  # a request of the caller's is being decided


# --- drafts -----------------------------------------------------------------------------------------------


def _over() -> ColumnElement[bool]:
    return or_(call.c.ended_at.is_not(None), call.c.handed_over_at.is_not(None))


_KEPT = tuple(message.c[name] for name in Kept.__slots__)
_OF_CALL = select(*_KEPT).where(message.c.call_id == bindparam("call"))
_FIND = FixedQuery(Kept, _OF_CALL)
_FIND_LOCKED = FixedQuery(Kept, _OF_CALL.with_for_update())
_CHANGE = Fixed(update(message).where(message.c.call_id == bindparam("call")))
_ABOUT = FixedQuery(
    About,
    select(
        call.c.client_id,
        call.c.secretary_id,
        _over().label("over"),
        select(seat_claim.c.secretary_id).where(seat_claim.c.call_id == call.c.id).scalar_subquery().label("seat_of"),
    )
    .where(call.c.id == bindparam("call"))
    .with_for_update(read=True, of=call),
)
_SHOWN = FixedQuery(
    lambda call_id: call_id,
    select(shown.c.call_id).where(shown.c.call_id == bindparam("call"), shown.c.secretary_id == bindparam("her")),
)
_VALUES = FixedQuery(
    lambda key, value, edit: (key, Value(value, edit)),
    select(message_field.c.key, message_field.c.value, message_field.c.edit).where(
        message_field.c.call_id == bindparam("call")
    ),
)


def about(conn: Connection, call_id: str) -> About | None:
    """What a draft must know of its call; None: it is not (yet) in the store. The call waits at its next step until
    this transaction ends: so its end sees the draft, or the draft sees its end."""
    return _ABOUT.first(conn, call=call_id)


def find(conn: Connection, call_id: str, *, lock: bool = False) -> Kept | None:
    """The message about a call, or None. `lock`: nobody changes it until the transaction ends (SQLite has one writer
    anyway)."""
    return (_FIND_LOCKED if lock else _FIND).first(conn, call=call_id)


def add(conn: Connection, kept: Kept) -> bool:
    """Keeps a new draft; False if there is one for the call."""
    return _adding(conn.dialect.name).run(conn, facts(kept)).fetchone() is not None


@cache
def _adding(dialect: str) -> Fixed:
    adding = insert_into(dialect, message).on_conflict_do_nothing(index_elements=["call_id"])
    return Fixed(adding.returning(message.c.call_id))


def change(conn: Connection, call_id: str, **values: object) -> None:
    """Changes columns of a message."""
    _CHANGE.run(conn, {"call": call_id, **values})


def take(conn: Connection, call_id: str, who: str, at: datetime) -> tuple[str, bool]:
    """Notes which of the client's people sees to an urgent message; gives who does, and whether that is news."""
    untaken = message.c.call_id == call_id, message.c.taken_at.is_(None)
    taking = update(message).where(*untaken).values(taken_at=at, taken_by=who)
    if conn.execute(taking).rowcount:
        return who, True
    return taken_by(conn, call_id), False


def taken_by(conn: Connection, call_id: str) -> str:
    """Who sees to an urgent message, or ""."""
    return conn.scalar(select(message.c.taken_by).where(message.c.call_id == call_id)) or ""


def note_shown(conn: Connection, call_id: str, secretary_id: int, at: datetime, protocol_id: int | None) -> None:
    """Remembers which versions she had before her eyes; what was noted first stays."""
    values = {"call_id": call_id, "secretary_id": secretary_id, "at": at, "protocol_id": protocol_id}
    _noting_shown(conn.dialect.name).run(conn, values | {"of_call": call_id})


def was_shown(conn: Connection, call_id: str, secretary_id: int) -> bool:
    """Whether the call has been on that secretary's page."""
    return _SHOWN.first(conn, call=call_id, her=secretary_id) is not None


@cache
def _noting_shown(dialect: str) -> Fixed:
    newest = (
        select(func.max(greeting.c.id))
        .join(call, call.c.client_id == greeting.c.client_id)
        .where(call.c.id == bindparam("of_call"))
        .scalar_subquery()
    )
    noting = insert_into(dialect, shown).values(greeting_id=newest)
    return Fixed(noting.on_conflict_do_nothing(index_elements=["call_id", "secretary_id"]))


def values_of(conn: Connection, call_id: str) -> dict[str, Value]:
    """What stands in the fields of a call's draft, by key."""
    return dict(_VALUES.all(conn, call=call_id))


def save(conn: Connection, call_id: str, changes: Mapping[str, Value], at: datetime) -> None:
    """Keeps fields."""
    rows = [
        {"call_id": call_id, "key": key, "value": new.value, "edit": new.edit, "saved_at": at}
        for key, new in sorted(changes.items())
    ]
    _saving(conn.dialect.name).run_each(conn, rows)


@cache
def _saving(dialect: str) -> Fixed:
    adding = insert_into(dialect, message_field)
    newer = {name: adding.excluded[name] for name in ("value", "edit", "saved_at")}
    return Fixed(adding.on_conflict_do_update(index_elements=["call_id", "key"], set_=newer))


# --- what was sent ----------------------------------------------------------------------------------------


_ADD_VERSION = Fixed(insert(message_version))
_WORDS = FixedQuery(
    lambda words: _decode(words),
    select(message_version.c.words)
    .where(message_version.c.call_id == bindparam("call"))
    .order_by(message_version.c.version.desc())
    .limit(1),
)


def add_version(conn: Connection, kept: Kept, words: Words, at: datetime, *, gist: str, urgent: bool) -> int:
    """Keeps the words as the message's next version, sent at `at`; gives its number."""
    version = kept.version + 1
    row = {"call_id": kept.call_id, "version": version, "at": at, "secretary_id": kept.secretary_id}
    told = {"gist": gist, "urgent": urgent, "searched": folded(" ".join(value for _, value in words))}
    _ADD_VERSION.run(conn, row | told | {"words": _encode(words).decode()})
    change(conn, kept.call_id, version=version, sent_at=at, due_at=None, changed_at=None)
    return version


def gist_of(conn: Connection, call_id: str) -> str:
    """Why he called, as it was sent last; "" if nothing was."""
    query = select(message_version.c.gist).where(message_version.c.call_id == call_id)
    return conn.scalar(query.order_by(message_version.c.version.desc()).limit(1)) or ""


def words_of(conn: Connection, call_id: str) -> Words | None:
    """The words that were sent last; None if none were."""
    return _WORDS.first(conn, call=call_id)


def claim_due(conn: Connection, at: datetime, limit: int) -> list[Kept]:
    """Takes messages that were not written in time, at most so many: from now on they are overdue. Of two that claim
    at once each gets others."""
    due = select(message.c.call_id).where(message.c.due_at <= at).order_by(message.c.due_at).limit(limit)
    claiming = (
        update(message)
        .where(message.c.call_id.in_(due.with_for_update(skip_locked=True)), message.c.due_at <= at)
        .values(due_at=None, overdue_at=at)
        .returning(*_KEPT)
    )
    return [record(Kept, row) for row in conn.execute(claiming).all()]


def next_due(conn: Connection) -> datetime | None:
    """When the next message must be written; None: none waits."""
    found: datetime | None = conn.scalar(select(func.min(message.c.due_at)).where(message.c.due_at.is_not(None)))
    return found


# --- lists ------------------------------------------------------------------------------------------------


def open_ones(conn: Connection, secretary_id: int | None = None) -> list[Open]:
    """The messages that are not written yet, or were changed after they were sent, the oldest first: of one secretary,
    or of all. One of a call that lasts is there once she has answered it."""
    return _OPEN.all(conn) if secretary_id is None else _OPEN_OF_HER.all(conn, her=secretary_id)


def _open() -> Select[Any]:
    has_it = and_(call.c.secretary_id == message.c.secretary_id, call.c.ended_at.is_(None))
    waits = or_(message.c.due_at.is_not(None), message.c.overdue_at.is_not(None), has_it)
    changed = message.c.changed_at.is_not(None)
    names = ("call_id", "client_id", "secretary_id", "due_at", "overdue_at", "changed_at")
    columns = [message.c[name] for name in names]
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
        .where(or_(message.c.sent_at.is_(None), changed))  # as the index has it
        .where(~restrictions.covers())
        .where(or_(changed, and_(message.c.signed_at.is_(None), waits)))
        .order_by(message.c.begun_at, message.c.call_id)
    )


def count_open(conn: Connection) -> int:
    """How many `open_ones` there are of all secretaries."""
    return _HOW_MANY_OPEN.all(conn)[0]


_OPEN = FixedQuery(Open, _open())
_HOW_MANY_OPEN = FixedQuery(
    lambda number: int(number), select(func.count().label("number")).select_from(_open().subquery())
)
_OPEN_OF_HER = FixedQuery(Open, _open().where(message.c.secretary_id == bindparam("her")))


@dataclass(frozen=True, slots=True)
class _Newest:
    """The newest message of a secretary's."""

    call_id: str
    due_at: datetime | None
    signed_at: datetime | None
    sent_at: datetime | None
    changed_at: datetime | None
    has_it: bool  # she has the call still


_NEWEST_OF_HER = FixedQuery(
    _Newest,
    select(
        message.c.call_id,
        message.c.due_at,
        message.c.signed_at,
        message.c.sent_at,
        message.c.changed_at,
        and_(call.c.secretary_id == message.c.secretary_id, call.c.ended_at.is_(None)).label("has_it"),
    )
    .join_from(message, call)
    .where(message.c.secretary_id == bindparam("her"), ~restrictions.covers())
    .order_by(message.c.begun_at.desc())
    .limit(1),
)


def last_on_desk(conn: Connection, secretary_id: int, since: datetime) -> str:
    """The newest of her messages, if she has the call still, it waits for her words or for the call's end, or was sent
    or changed since then; else ""."""
    newest = _NEWEST_OF_HER.first(conn, her=secretary_id)
    if newest is None:
        return ""
    waits = newest.sent_at is None and (newest.has_it or newest.due_at or newest.signed_at)
    fresh = [at for at in (newest.sent_at, newest.changed_at) if at and at >= since]
    return newest.call_id if waits or fresh else ""


def calls_before(conn: Connection, client_id: int, caller: str, but: str, limit: int) -> list[Before]:
    """The newest calls of a caller to that client, newest first, without the call `but`."""
    return _BEFORE.all(conn, client=client_id, caller=caller, but=but, most=limit)


_BEFORE = FixedQuery(
    Before,
    select(
        call.c.id.label("call_id"),
        call.c.arrived_at,
        call.c.outcome,
        call.c.ended_at.is_(None).label("live"),
        func.coalesce(secretary.c.name, "").label("secretary"),
        call.c.transferred_to,
        *(message.c[name] for name in ("protocol_id", "begun_at", "overdue_at", "sent_at", "version")),
        restrictions.covers().label("restricted"),
    )
    .select_from(call.outerjoin(message, message.c.call_id == call.c.id))
    .outerjoin(secretary, secretary.c.id == call.c.secretary_id)
    .where(call.c.client_id == bindparam("client"), call.c.caller == bindparam("caller"), call.c.id != bindparam("but"))
    .order_by(call.c.arrived_at.desc(), call.c.id.desc())
    .limit(bindparam("most", type_=Integer())),
)


# --- erasing ----------------------------------------------------------------------------------------------


def waiting_about(conn: Connection, calls: Collection[str]) -> list[str]:
    """Those of the calls of which the client has not been told yet, as a message is still to be written, or is urgent
    and nobody has seen it."""
    unseen = select(urgency.c.call_id).where(urgency.c.due_at.is_not(None))
    waits = or_(message.c.due_at.is_not(None), message.c.call_id.in_(unseen))
    query = select(message.c.call_id).where(message.c.call_id.in_(list(calls)), waits)
    return list(conn.scalars(query.order_by(message.c.call_id)))


def erase(conn: Connection, calls: Collection[str]) -> int:
    """Deletes what was written about these calls, with its fields and versions; gives about how many."""
    return conn.execute(delete(message).where(message.c.call_id.in_(list(calls)))).rowcount


def erase_letters_to_callers(conn: Connection, calls: Collection[str]) -> int:
    """Deletes the letters to the callers of these calls, which have their addresses; gives how many there were."""
    about = letter.c.call_id.in_(list(calls)), letter.c.kind.in_(TO_CALLERS)
    addresses = list(conn.scalars(delete(letter).where(*about).returning(letter.c.address)))
    mailboxes.forget_those(conn, addresses)
    return len(addresses)
