"""The outbox: letters wait here until they are delivered or given up, and are never lost (docs/service.md rule 7).

`due_at` is the next try; a letter that has none is delivered (`delivered_at`) or given up. Whoever sends claims
first: the claim counts the try and moves `due_at` a lease ahead, which is renewed while the letter is in flight. What a
sender that dies had in flight is sent once its lease is over, unless it has noted that it was taken
(`notify/taken.py`).

Letters to one recipient keep their order: only the oldest that waits is ever due (`docs/decisions/outbox.md`).
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import cache
from typing import Any, Literal, TypeVar

from sqlalchemy import (
    Column,
    ColumnElement,
    Connection,
    FromClause,
    Integer,
    Row,
    ScalarSelect,
    Select,
    String,
    and_,
    bindparam,
    case,
    delete,
    false,
    func,
    or_,
    select,
    true,
    union_all,
    update,
)

from pbx_control.domain.keeping.retention import ERASED
from pbx_control.domain.notices.acts import Act
from pbx_control.domain.notices.messages import (
    AGAIN,
    ANSWER,
    APPOINTMENT,
    FIRST,
    SECRET,
    TO_CALLERS,
    Channel,
    Kind,
    Letter,
    Recipient,
)
from pbx_control.domain.notices.retries import Retry
from pbx_control.domain.words.sentences import kept, read_kept, sentence_of
from pbx_control.errors import ClientMistake, Code, DeliveryFailed
from pbx_control.store import mailboxes, recipients, restrictions
from pbx_control.store.engine import insert_into, node_here
from pbx_control.store.fixed import Fixed, FixedQuery
from pbx_control.store.rows import record
from pbx_control.store.tables import client, letter, mailbox

# A claim that is not renewed runs out after this.
LEASE = timedelta(seconds=75)

# Events for programs wait here, too, but are no letters: lists, counts and `resend` leave them out.
_TO_PEOPLE = letter.c.channel != Channel.WEBHOOK.value

# What stays of a letter whose caller was erased.
BLANK = {"subject": ERASED, "body_text": ERASED, "body_html": "", "invitation": "", "attachment": "", "due_at": None}

T = TypeVar("T")
State = Literal["waiting", "delivered", "given up"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Posted:
    """A letter in the outbox, with what has become of it so far."""

    id: int
    letter: Letter
    client: str = ""  # slug, where it was asked for
    attempts: int  # the one under way included
    unconfirmed: int = 0  # tries of which the answer did not come
    due_at: datetime | None
    delivered_at: datetime | None
    kept_error: str  # why it did not arrive, as the store has it (domain.sentences)
    receipt: str = ""  # what its server knows it by
    seen_at: datetime | None = None  # when somebody there said that he has read it
    seen_by: str = ""
    linked_at: datetime | None = None  # since when it goes with a link to its file

    @property
    def last_error(self) -> str:
        """Why it did not arrive, in English; empty if it did, or waits for its first try."""
        return str(read_kept(self.kept_error))

    @property
    def recipient(self) -> Recipient:
        return Recipient(self.letter.channel, self.letter.address)

    @property
    def state(self) -> State:
        if self.delivered_at is not None:
            return "delivered"
        return "given up" if self.due_at is None else "waiting"


def add(conn: Connection, letters: Sequence[Letter], node: str = "") -> None:
    """Put letters into the outbox, due at once; those that are there already (by message_id) stay as they are. `node`:
    where their attachments lie, if not here."""
    if letters:
        place = node or node_here(conn)
        _unless_there(conn.dialect.name).run_each(conn, [_row(each, place) for each in letters])


def is_there(conn: Connection, message_ids: Collection[str]) -> bool:
    """Whether one of these letters has been written."""
    found = select(letter.c.id).where(letter.c.message_id.in_(message_ids))
    return conn.scalar(found.limit(1)) is not None


def first_told(conn: Connection, call_id: str) -> dict[Recipient, str]:
    """The message_id of the first letter about the call that each of the client's recipients has got."""
    first = letter.c.call_id == call_id, letter.c.in_reply_to == "", letter.c.kind == Kind.OURS.value
    apart = letter.c.message_id.startswith(APPOINTMENT)
    query = select(letter.c.channel, letter.c.address, letter.c.message_id).where(*first, ~apart).order_by(
        letter.c.id.desc()
    )
    return {Recipient(Channel(row.channel), row.address): row.message_id for row in conn.execute(query)}


def first_about(conn: Connection, uid: str, to: Recipient) -> str:
    """The message_id of the first letter about the appointment of that UID to a recipient; "" if there is none."""
    theirs = letter.c.channel == to.channel.value, letter.c.address == to.address
    about = letter.c.message_id.startswith(f"{APPOINTMENT}{uid}.", autoescape=True)
    return conn.scalar(select(letter.c.message_id).where(*theirs, about).order_by(letter.c.id).limit(1)) or ""


def has_had(conn: Connection, uid: str, to: Recipient, after: datetime) -> bool:
    """Whether a letter about the appointment of that UID was written to a recipient after an instant."""
    theirs = letter.c.channel == to.channel.value, letter.c.address == to.address, letter.c.written_at > after
    about = letter.c.message_id.startswith(f"{APPOINTMENT}{uid}.", autoescape=True)
    return conn.scalar(select(letter.c.id).where(*theirs, about).limit(1)) is not None


def about_appointment(conn: Connection, uid: str) -> list[Posted]:
    """The letters about the appointment of that UID, the oldest first."""
    about = letter.c.message_id.startswith(f"{APPOINTMENT}{uid}.", autoescape=True)
    return [_posted(row) for row in conn.execute(select(letter).where(about).order_by(letter.c.id))]


def erase_about(conn: Connection, uids: Collection[str]) -> None:
    """Erases what was written about these appointments, whether or not they were booked during a call: letters to the
    callers go, with what is known of their addresses, and the others stay, blank."""
    for uid in uids:
        about = letter.c.message_id.startswith(f"{APPOINTMENT}{uid}.", autoescape=True)
        to_him = delete(letter).where(about, letter.c.kind.in_(TO_CALLERS)).returning(letter.c.address)
        mailboxes.forget_those(conn, list(conn.scalars(to_him)))
        conn.execute(update(letter).where(about).values(BLANK))


def newest_told(conn: Connection, call_id: str) -> list[Posted]:
    """The newest letter with the message of the call to each recipient of the client, also one that tells of it again;
    what supplements add is none."""
    found = {one.recipient: one for one in (_posted(row) for row in conn.execute(_TOLD, {"call": call_id}))}
    return list(found.values())


# Made once: each change on a desk asks for them.
_TOLD = (
    select(letter)
    .where(
        letter.c.call_id == bindparam("call"),
        or_(*(letter.c.message_id.startswith(prefix) for prefix in (FIRST, ANSWER, AGAIN))),
    )
    .order_by(letter.c.id)
)


def by_name(conn: Connection, message_id: str) -> Posted | None:
    """The letter of that message_id, if there is one."""
    row = conn.execute(select(letter).where(letter.c.message_id == message_id)).one_or_none()
    return _posted(row) if row else None


def in_chats(conn: Connection, call_id: str) -> list[Posted]:
    """The letters about a call to chats, the oldest first."""
    theirs = letter.c.call_id == call_id, letter.c.channel == Channel.TELEGRAM.value, letter.c.kind == Kind.OURS.value
    return [_posted(row) for row in conn.execute(select(letter).where(*theirs).order_by(letter.c.id))]


def note_seen(conn: Connection, letter_id: int, at: datetime, who: str) -> bool:
    """Notes who has read a letter; False if somebody had before."""
    unseen = letter.c.id == letter_id, letter.c.seen_at.is_(None)
    return bool(conn.execute(update(letter).where(*unseen).values(seen_at=at, seen_by=who)).rowcount)


def note_seen_there(conn: Connection, posted: Posted, at: datetime, who: str) -> None:
    """Notes who has read what its recipient got about the call of a letter: all of it."""
    there = letter.c.call_id == posted.letter.call_id, letter.c.channel == posted.letter.channel.value
    unseen = letter.c.address == posted.letter.address, letter.c.seen_at.is_(None), letter.c.kind == Kind.OURS.value
    conn.execute(update(letter).where(*there, *unseen).values(seen_at=at, seen_by=who))


def withdraw_again(conn: Connection, call_id: str) -> None:
    """Takes back the letters that tell again of a call's urgent message, as far as they have not gone out: somebody has
    seen it."""
    waits = letter.c.call_id == call_id, letter.c.message_id.startswith(AGAIN), letter.c.due_at.is_not(None)
    conn.execute(delete(letter).where(*waits))


def infos(conn: Connection, call_id: str) -> list[Posted]:
    """The ready-made texts that were sent to the caller, oldest first."""
    query = select(letter).where(letter.c.call_id == call_id, letter.c.kind == Kind.INFO.value).order_by(letter.c.id)
    return [_posted(row) for row in conn.execute(query)]


def free_of_node(conn: Connection, node: str) -> None:
    """Has letters sent by whichever node is there, although that one had their attachments: it is gone for good."""
    conn.execute(update(letter).where(letter.c.node == node, letter.c.due_at.is_not(None)).values(node=""))


@cache
def _unless_there(dialect: str) -> Fixed:
    return Fixed(insert_into(dialect, letter).on_conflict_do_nothing(index_elements=["message_id"]))


@dataclass(frozen=True, slots=True)
class Head:
    """The letter that is next for its recipient, and when; a claimed one is due when its lease is over."""

    id: int
    address: str
    due_at: datetime


def heads(conn: Connection, channel: Channel, limit: int) -> list[Head]:
    """The next letter of each recipient of a channel, the first due first, at most so many.

    A recipient has a second one while an older letter stands aside (`failed`). One whose attachment lies on another
    node is left to that, and with it what comes after it.
    """
    which = {"most": limit, "here": node_here(conn)}
    return [Head(row.id, row.address, row.due_at) for row in conn.execute(_heads(channel), which)]


@cache  # each call that ends may have written letters: the outbox looks four times a second
def _heads(channel: Channel) -> Select[Any]:
    due_at = _later(letter.c.due_at, mailbox.c.paused_until).label("due_at")
    first = _first_of_each(channel)
    return (
        select(letter.c.id, letter.c.address, due_at)
        .select_from(first.join(letter, letter.c.id == first.c.id).outerjoin(mailbox, _mailbox_of_letter()))
        # What waits, once more: PostgreSQL else reads the whole table, all that was ever delivered, to find these few.
        .where(letter.c.due_at.is_not(None), letter.c.node.in_(("", bindparam("here", type_=String))))
        .order_by(due_at, letter.c.id)
        .limit(bindparam("most", type_=Integer))
    )


def claim(conn: Connection, ids: Collection[int], at: datetime) -> list[Posted]:
    """Take those of the `heads` that are still due for sending, oldest first.

    Nobody else gets them before `at + LEASE`. Two that claim at once never get the same letter.
    """
    if not ids:
        return []
    rows = conn.execute(_taking(), {"chosen": list(ids), "now": at, "until": at + LEASE}).all()
    return sorted(map(_posted, rows), key=lambda posted: posted.id)


@cache  # SQLAlchemy takes milliseconds to make it: each turn of the outbox claims
def _taking() -> Any:
    return (
        update(letter)
        # PostgreSQL looks at the second condition again after it waited for another's claim.
        .where(
            letter.c.id.in_(bindparam("chosen", expanding=True)),
            letter.c.due_at <= bindparam("now"),
            ~restrictions.stops(),
        )
        .values(due_at=bindparam("until"), attempts=letter.c.attempts + 1, server_away=False)
        .returning(letter)
    )


def renew(conn: Connection, ids: Collection[int], until: datetime) -> None:
    """Keep claimed letters for oneself until then."""
    if ids:
        held = letter.c.id.in_(ids), letter.c.due_at.is_not(None), letter.c.due_at < until
        conn.execute(update(letter).where(*held).values(due_at=until))


def delivered(conn: Connection, posted: Posted, at: datetime, receipt: str = "") -> None:
    """Note that the letter was handed over at `at`; `receipt` is what its server knows it by."""
    all_delivered(conn, [(posted, at, receipt)])


def all_delivered(conn: Connection, handed_over: Sequence[tuple[Posted, datetime, str]]) -> None:
    """The same for several, each with its instant and receipt."""
    if handed_over:
        which = [
            {"which": posted.id, "named": posted.letter.message_id, "taken_at": at, "known_by": receipt}
            for posted, at, receipt in handed_over
        ]
        conn.execute(_DELIVERED, which)
        mailboxes.all_arrived(conn, [(posted.recipient, at) for posted, at, _ in handed_over])


_DELIVERED = (
    update(letter)
    # SQLite gives the number of a letter that was erased meanwhile to another one.
    .where(letter.c.id == bindparam("which"), letter.c.message_id == bindparam("named"))
    .values(due_at=None, delivered_at=bindparam("taken_at"), last_error="", receipt=bindparam("known_by"))
)


def put_off(conn: Connection, posted: Posted, then: Retry) -> None:
    """Note how a try failed, and what becomes of the letter."""
    if then.pause_until:
        mailboxes.pause(conn, posted.recipient, then.pause_until)
    if then.moved_to:
        move(conn, posted.recipient, then.moved_to)
    if not _still_waits(conn, posted):
        return  # given up meanwhile: its caller was erased
    put = {"aside": then.aside, "server_away": then.server_away, "unconfirmed": then.unconfirmed}
    _note(
        conn,
        posted,
        due_at=then.due_at,
        attempts=posted.attempts - (not then.counts),
        last_error=kept(then.why, mailboxes.ERROR_LIMIT),
        **{name: value for name, value in put.items() if value is not None},
    )


def _still_waits(conn: Connection, posted: Posted) -> bool:
    return conn.scalar(select(letter.c.due_at).where(*_same(posted)).with_for_update()) is not None


def server_is_back(conn: Connection, channel: Channel, at: datetime) -> None:
    """Make due at once what waits only because the channel's server was away."""
    waiting = letter.c.channel == channel.value, letter.c.due_at > at, letter.c.server_away
    conn.execute(update(letter).where(*waiting).values(due_at=at, server_away=False))


def link(conn: Connection, posted: Posted, at: datetime, failure: DeliveryFailed) -> None:
    """Have a letter sent with a link to its file, due at once; nothing of the first one was taken."""
    if not _still_waits(conn, posted):
        return
    _note(conn, posted, due_at=at, linked_at=at, last_error=kept(sentence_of(failure), mailboxes.ERROR_LIMIT))


def _note(conn: Connection, posted: Posted, **values: Any) -> None:
    conn.execute(update(letter).where(*_same(posted)).values(values))


def _same(posted: Posted) -> tuple[ColumnElement[bool], ...]:
    """That it is that letter, and none that has its number since it was erased."""
    return letter.c.id == posted.id, letter.c.message_id == posted.letter.message_id


def move(conn: Connection, old: Recipient, address: str) -> None:
    """A recipient is reached under another address from now on: he, and what waits for him."""
    here = letter.c.channel == old.channel.value, letter.c.address == old.address
    conn.execute(update(letter).where(*here, letter.c.due_at.is_not(None)).values(address=address))
    recipients.move(conn, old, address)


def newest(conn: Connection, *, undelivered: bool = False, slug: str | None = None, limit: int = 100) -> list[Posted]:
    """The newest letters, newest first: all, or those not (yet) delivered, or those of one client. Events for programs
    are no letters."""
    query = _with_client().where(_TO_PEOPLE).order_by(letter.c.id.desc()).limit(limit)
    if undelivered:
        query = query.where(letter.c.delivered_at.is_(None))
    if slug is not None:
        query = query.where(client.c.slug == slug)
    return [_shown(row) for row in conn.execute(query)]


def get(conn: Connection, letter_id: int) -> Posted:
    """One letter, for somebody who reads it or sends it again. Raises ClientMistake if there is none of that number, or
    (RESTRICTED) a request is being decided of a caller that it tells of."""
    row = conn.execute(_with_client().where(_TO_PEOPLE, letter.c.id == letter_id)).one_or_none()
    if row is None:
        raise ClientMistake("there is no message {id}", Code.NO_SUCH_MESSAGE, id=letter_id)
    if row.restricted:
        raise restrictions.refusal(row.call_id or str(letter_id))
    return _posted(row)


def find(conn: Connection, letter_id: int) -> Posted | None:
    """The letter of that number, if there is one."""
    row = conn.execute(select(letter).where(letter.c.id == letter_id)).one_or_none()
    return _posted(row) if row else None


def refuse_restricted(conn: Connection, posted: Posted) -> None:
    """Raises ClientMistake (RESTRICTED) while a request is decided of a caller that the letter, or its file, tells
    of."""
    if conn.scalar(select(letter.c.id).where(letter.c.id == posted.id, restrictions.stops())) is not None:
        raise restrictions.refusal(posted.letter.call_id or str(posted.id))


def find_claimed(conn: Connection, letter_id: int, name: str, attempts: int, at: datetime) -> Posted | None:
    """The letter of that number and message_id if it still waits as it was claimed for that try, which ended at `at`:
    nobody has sent it since."""
    same = letter.c.id == letter_id, letter.c.message_id == name
    as_it_was = *same, letter.c.attempts == attempts, letter.c.due_at <= at + LEASE
    row = conn.execute(select(letter).where(*as_it_was)).one_or_none()
    return _posted(row) if row else None


def forget_words(conn: Connection, posted: Posted) -> None:
    """Takes away what stands in a letter that is not to be kept; that it was written stays."""
    _note(conn, posted, body_text="", body_html="")


def resend(conn: Connection, ids: Collection[int], at: datetime) -> None:
    """Make letters due at once, as if they had never been tried; their Message-IDs stay the same."""
    conn.execute(update(letter).where(letter.c.id.in_(ids)).values(_anew(at)))


def resend_undelivered(conn: Connection, at: datetime, *, address: str = "", client_id: int | None = None) -> int:
    """The same for all letters to an address, of a client, or both, that were given up or wait; gives their number.

    Those in flight just now are left to their sender; what would be tried within the next minute is so anyway.
    """
    not_in_flight = or_(letter.c.due_at.is_(None), letter.c.due_at > at + LEASE)
    secret = [kind.value for kind in SECRET]
    which = [letter.c.delivered_at.is_(None), not_in_flight, letter.c.kind.not_in(secret), ~restrictions.stops()]
    which += [letter.c.subject != ERASED, _TO_PEOPLE]
    if address:
        which.append(func.lower(letter.c.address) == address.lower())
    if client_id is not None:
        which.append(letter.c.client_id == client_id)
    return conn.execute(update(letter).where(*which).values(_anew(at))).rowcount


def _anew(at: datetime) -> dict[str, Any]:
    return {
        "due_at": at,
        "attempts": 0,
        "unconfirmed": 0,
        "aside": False,
        "server_away": False,
        "delivered_at": None,
        "last_error": "",
        "linked_at": None,
    }


# --- events for programs: `address` is a webhook's number, as text ---


def waits_for_program(conn: Connection, address: str, most: int) -> int:
    """How many events wait for a webhook, `most` at most."""
    return _WAITS.all(conn, where=address, most=most)[0]


def drop_for_program(conn: Connection, address: str) -> int:
    """Takes away what waits for a webhook; gives how many events."""
    return conn.execute(delete(letter).where(*_waits_for(address))).rowcount


def hurry_for_program(conn: Connection, address: str, at: datetime) -> None:
    """Makes due at once what waits for a webhook; those in flight are left to their sender."""
    later = letter.c.due_at > at + LEASE
    conn.execute(update(letter).where(*_waits_for(address), later).values(due_at=at))


def forget_for_programs(conn: Connection, before: datetime) -> int:
    """Takes away events that were sent, or given up, and written before that; gives how many."""
    over = letter.c.channel == Channel.WEBHOOK.value, letter.c.due_at.is_(None), letter.c.written_at < before
    return conn.execute(delete(letter).where(*over, ~restrictions.stops())).rowcount


def _waits_for(address: str | ColumnElement[str]) -> tuple[ColumnElement[bool], ...]:
    return letter.c.channel == Channel.WEBHOOK.value, letter.c.address == address, letter.c.due_at.is_not(None)


_FEW = select(letter.c.id).where(*_waits_for(bindparam("where"))).limit(bindparam("most", type_=Integer)).subquery()
# A live call's step asks for it.
_WAITS = FixedQuery[int](lambda number: number, select(func.count().label("number")).select_from(_FEW))


def waiting_since(conn: Connection) -> datetime | None:
    """When the oldest letter that waits to be sent was written; None if none waits."""
    waits = letter.c.due_at.is_not(None), _TO_PEOPLE
    written: datetime | None = conn.scalar(select(func.min(letter.c.written_at)).where(*waits))
    return written


@dataclass(frozen=True, slots=True)
class Waiting:
    """What waits to be sent: how many letters, and when the oldest was written."""

    number: int
    since: datetime | None


def waiting(conn: Connection) -> Waiting:
    """All letters that are still to be sent, to whomever."""
    columns = func.count().label("number"), func.min(letter.c.written_at).label("since")
    return record(Waiting, conn.execute(select(*columns).where(letter.c.due_at.is_not(None), _TO_PEOPLE)).one())


def count_undelivered(conn: Connection, written_before: datetime, given_up_since: datetime) -> int:
    """How many letters to clients' recipients that were written before the one instant have not arrived: those that are
    still tried, and those that were given up, if they were written since the other."""
    theirs = letter.c.delivered_at.is_(None), letter.c.client_id.is_not(None), letter.c.kind == Kind.OURS.value
    lasting = or_(letter.c.due_at.is_not(None), letter.c.written_at >= given_up_since)
    query = select(func.count()).where(*theirs, letter.c.written_at <= written_before, lasting)
    return int(conn.execute(query).scalar_one())


def count_given_up(conn: Connection) -> dict[Recipient, int]:
    """How many letters to each address of ours were given up and not sent again since."""
    given_up = letter.c.delivered_at.is_(None), letter.c.due_at.is_(None), letter.c.kind == Kind.OURS.value
    query = select(letter.c.channel, letter.c.address, func.count().label("number")).where(*given_up)
    rows = conn.execute(query.group_by(letter.c.channel, letter.c.address))
    return {Recipient(Channel(row.channel), row.address): row.number for row in rows}


def _first_of_each(channel: Channel) -> FromClause:
    """The ids of the letters that are first in line, one for each address and one more for what stands aside there.

    Each is looked up in the index, so that it does not matter how many letters wait behind it. Not by row values,
    (address, aside) > (?, ?): SQLite would read all letters of the address.
    """
    waits = letter.c.channel == channel.value, letter.c.due_at.is_not(None)
    found = select(_lowest(letter.c.address, *waits).label("address")).cte("line", recursive=True)
    more = select(_lowest(letter.c.address, *waits, letter.c.address > found.c.address, within=found))
    line = found.union_all(more.where(found.c.address.is_not(None)))
    firsts = [
        select(
            _lowest(
                letter.c.id, *waits, letter.c.address == line.c.address, aside, ~restrictions.stops(), within=line
            ).label("id")
        ).select_from(line)
        for aside in (letter.c.aside == false(), letter.c.aside == true())
    ]
    return union_all(*firsts).subquery("first")


def _lowest(column: Column[T], *which: ColumnElement[bool], within: FromClause | None = None) -> ScalarSelect[T]:
    query = select(column).where(*which).order_by(column).limit(1)
    return (query.correlate(within) if within is not None else query).scalar_subquery()


def _later(one: ColumnElement[datetime], other: ColumnElement[datetime | None]) -> ColumnElement[datetime]:
    return case((other > one, other), else_=one)


def _mailbox_of_letter() -> ColumnElement[bool]:
    return and_(mailbox.c.channel == letter.c.channel, mailbox.c.address == letter.c.address)


def _with_client() -> Select[Any]:
    columns = (client.c.slug, restrictions.stops().label("restricted"))
    return select(letter, *columns).select_from(letter.outerjoin(client, letter.c.client_id == client.c.id))


def _shown(row: Row[Any]) -> Posted:
    """A letter as a list may show it: without words, if a request of the caller's that it is about is being decided."""
    posted = _posted(row)
    if not row.restricted:
        return posted
    address = "" if posted.letter.kind in TO_CALLERS else posted.letter.address
    blank = replace(posted.letter, subject=restrictions.INSTEAD, text="", html="", attachment="", address=address)
    return replace(posted, letter=replace(blank, invitation=""))


def _row(each: Letter, here: str) -> dict[str, Any]:
    return {
        "node": here if each.attachment else "",
        "call_id": each.call_id,
        "client_id": each.client_id,
        "kind": each.kind.value,
        "channel": each.channel.value,
        "address": each.address,
        "message_id": each.message_id,
        "in_reply_to": each.in_reply_to,
        "subject": each.subject,
        "body_text": each.text,
        "body_html": each.html,
        "invitation": each.invitation,
        "attachment": each.attachment,
        "acts": ",".join(each.acts),
        "language": each.language,
        "written_at": each.written_at,
        "due_at": each.written_at,
    }


def _posted(row: Row[Any]) -> Posted:
    return Posted(
        id=row.id,
        letter=Letter(
            channel=Channel(row.channel),
            address=row.address,
            message_id=row.message_id,
            in_reply_to=row.in_reply_to,
            subject=row.subject,
            text=row.body_text,
            html=row.body_html,
            invitation=row.invitation,
            attachment=row.attachment,
            acts=tuple(map(Act, filter(None, row.acts.split(",")))),
            language=row.language,
            written_at=row.written_at,
            call_id=row.call_id,
            client_id=row.client_id,
            kind=Kind(row.kind),
        ),
        client=row._mapping.get("slug") or "",
        attempts=row.attempts,
        unconfirmed=row.unconfirmed,
        due_at=row.due_at,
        delivered_at=row.delivered_at,
        kept_error=row.last_error,
        receipt=row.receipt,
        seen_at=row.seen_at,
        seen_by=row.seen_by,
        linked_at=row.linked_at,
    )
