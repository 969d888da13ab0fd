"""What a secretary writes about a call: her draft, her pressing send, and which letter goes when (docs/messages.md).

A call that a secretary with a page answered gets one letter, with her words. What goes when the call is over for her is
decided by `call_is_over`, in the transaction that ends the call or hands it over.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum
from typing import TYPE_CHECKING

from sqlalchemy import Connection

from pbx_control.domain import checks
from pbx_control.domain.audit import Verb
from pbx_control.domain.call.model import Outcome
from pbx_control.domain.desk.edits import Typed, Value, lost, stays
from pbx_control.domain.desk.protocol import LONGEST, Local, Problem, Protocol, problems, told
from pbx_control.domain.desk.words import (
    Desk,
    Goes,
    Stage,
    Words,
    Written,
    goes,
    is_urgent,
    reason_in,
    says_something,
    written_words,
)
from pbx_control.domain.money.quota import Uncounted
from pbx_control.domain.notices.info_letters import Info, compose_info
from pbx_control.domain.notices.kinds import About
from pbx_control.domain.notices.messages import CallSummary, Channel, Letter, Recipient, compose
from pbx_control.domain.notices.urgency import token_of
from pbx_control.domain.notices.urgent_letters import as_urgent, told_again
from pbx_control.domain.webhooks import OfCall, message_sent
from pbx_control.domain.words.sentences import Sentence, read_kept
from pbx_control.domain.words.wording import clean_line, is_withheld
from pbx_control.errors import ClientMistake, Code
from pbx_control.services import call_events
from pbx_control.services.discretion import discreet
from pbx_control.services.protocols import local
from pbx_control.services.work import Work
from pbx_control.store import (
    call_log,
    calls,
    clients,
    infos,
    ledger,
    letters,
    link_keys,
    messages,
    protocols,
    recipients,
    restrictions,
    urgencies,
)
from pbx_control.store.call_log import LoggedCall
from pbx_control.store.letters import Posted
from pbx_control.store.messages import Before, Kept

if TYPE_CHECKING:
    from pbx_control.services.steps import Rules

# Messages that were not written in time are told of so many at a time: the daemon saves its steps in between.
PAGE = 20
# A message that is sent, or needs nothing, stays on her desk for so long.
STAYS_FOR = timedelta(minutes=10)
# What she typed without a network may come so much later.
WORDS_MAY_BE_LATE = timedelta(hours=1)
# Ready-made texts that a caller gets in one call.
MOST_INFOS = 5
# So often a message goes: whoever takes a session must not have a client written to without end.
MOST_VERSIONS = 20
KEY_SHOWN = 40


class State(StrEnum):
    """Where a message stands."""

    DRAFT = "draft"  # she may write
    SIGNED = "signed"  # she pressed send; it goes when the call is over for her
    OVERDUE = "overdue"  # the summary went out without it
    SENT = "sent"
    CHANGED = "changed"  # sent, and changed since: nobody has the change
    CLOSED = "closed"  # nothing need be written


@dataclass(frozen=True, slots=True, kw_only=True)
class Draft:
    """A message as its page needs it. It is another's if `secretary_id` is: show it, write nothing."""

    call_id: str
    client_id: int
    secretary_id: int
    protocol_id: int | None  # None: the house's own
    protocol: Protocol
    values: Mapping[str, str]  # by the field's key
    edits: Mapping[str, int]  # the edit of each value; the next one must be higher
    state: State
    due_at: datetime | None  # she has time until then, once the call is over for her
    version: int  # of the words that were sent last; 0: none
    shown_until: datetime | None  # when it is sent, or needs nothing, and the call is over for her; None: it is open
    urgent: bool  # she has said so


@dataclass(frozen=True, slots=True)
class Saved:
    """What is kept now of the fields that were to be saved: value and edit of each; another tab may have been newer.
    `lost`: what was overwritten there, though she who typed had not seen it."""

    at: datetime
    fields: Mapping[str, tuple[str, int]]
    older: frozenset[str]  # of these keys a newer text stays
    lost: Mapping[str, str]
    client_id: int
    protocol: Protocol
    values: Mapping[str, str]  # of all fields
    state: State  # of the message now


@dataclass(frozen=True, slots=True)
class Signed:
    """What became of pressing send: `version` of the words that the client has (0: they go when the call is over),
    and whether letters went because of this press."""

    version: int
    went: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenMessage:
    """A line of the open list."""

    call_id: str
    client_id: int
    client: str  # slug
    client_name: str
    caller: str
    caller_name: str
    secretary_id: int
    secretary: str
    timezone: str  # of the client
    at: datetime  # when he called
    state: State  # DRAFT | OVERDUE | CHANGED
    due_at: datetime | None  # None: the call goes on, or it is overdue


class Status(StrEnum):
    """What became of a letter."""

    QUEUED = "queued"
    SENT = "sent"
    FAILED = "failed"
    SEEN = "seen"  # somebody there has said so


@dataclass(frozen=True, slots=True)
class Delivery:
    """What became of the newest letter to one address; `why`: what its server last answered, if that was no yes."""

    channel: Channel
    address: str
    status: Status
    why: Sentence | None
    subject: str
    at: datetime | None  # when it was handed over
    seen_by: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Earlier:
    """An earlier call of a caller to one client."""

    call_id: str
    at: datetime
    live: bool
    secretary: str  # who answered, or ""
    outcome: str  # domain.call.model.Outcome; "" while it is not known
    transferred_to: str
    message: State | None  # None: nobody wrote about it
    first_words: str
    restricted: bool = False  # a request of the caller's is being decided: that there was a call is all that is told

    @property
    def is_open(self) -> bool:
        """Whether a message about it is still to be written."""
        return self.message in (State.DRAFT, State.OVERDUE)


class Incomplete(ClientMistake):
    """The form cannot be sent as it is; `problems` says what is wrong with each field, by its key, `told` in words."""

    problems: Mapping[str, Problem] = {}
    told: Mapping[str, Sentence] = {}


# --- the draft --------------------------------------------------------------------------------------------


def open_draft(conn: Connection, call_id: str, secretary_id: int, at: datetime) -> int | None:
    """The draft about a call that is offered to her page, or that she answered; made if there is none.

    One that another secretary has is handed to her with the call, unless the call is over; if that one has pressed
    send, it goes at its end all the same. Gives that one's id; None: nobody else had it.
    What she is shown is noted once. May be called again, and for a call that is over: what is said of it then is in the
    draft's state. Calls wait for this transaction: what the draft says is read apart (`draft_of`).

    Raises ClientMistake (NO_SUCH_CALL) if the call is not in the store: news of a call are told after it is, so try
    again with the next news only if it was not from news that the call is known.
    """
    about = messages.about(conn, call_id)
    if about is None or about.client_id is None:
        raise ClientMistake("there is no call {call}", Code.NO_SUCH_CALL, call=clean_line(call_id, KEY_SHOWN) or '""')
    kept, had_it = messages.find(conn, call_id, lock=True), None
    if kept is None:
        protocol_id = protocols.in_force(conn, about.client_id).id
        new = Kept(
            call_id=call_id,
            client_id=about.client_id,
            secretary_id=secretary_id,
            protocol_id=protocol_id,
            begun_at=at,
            # Too late for the call's letter: what she writes answers it. Another's call needs nothing from her.
            overdue_at=at if about.over and about.secretary_id == secretary_id else None,
            sent_at=at if about.over and about.secretary_id != secretary_id else None,
        )
        messages.add(conn, new)
        kept = messages.find(conn, call_id, lock=True) or new
    elif kept.secretary_id != secretary_id and _passes_on(kept, about.seat_of, secretary_id):
        had_it, kept = kept.secretary_id, replace(kept, secretary_id=secretary_id)
        messages.change(conn, call_id, secretary_id=secretary_id)
    if kept.secretary_id == secretary_id:
        messages.note_shown(conn, call_id, secretary_id, at, kept.protocol_id)
    return had_it


def draft_of(conn: Connection, call_id: str, known: Draft | None = None) -> Draft | None:
    """The draft about a call as it stands, or None; to read only. `known`: as it was read before, to save work."""
    kept = messages.find(conn, call_id)
    return _draft(conn, kept, known) if kept else None


def save_fields(conn: Connection, call_id: str, secretary_id: int, changes: Mapping[str, Typed], at: datetime) -> Saved:
    """Keeps what she typed, by the field's key. An older edit overwrites no newer one, in whatever order they come; of
    two with the same number the later one to arrive stays. What is saved after sending is for the next version.

    Raises ClientMistake, with nothing saved, if the draft is not hers, or not any more (NOT_ON_DESK), a key is no field
    of its protocol (NO_SUCH_FIELD), or a value is too long (VALUE_TOO_LONG).
    """
    kept = _hers(conn, call_id, secretary_id, at)
    protocol = protocols.content(conn, kept.client_id, kept.protocol_id)
    fields = {field.key: field for field in protocol.fields}
    for key, typed in changes.items():
        if key not in fields:
            raise ClientMistake("there is no field {field}", Code.NO_SUCH_FIELD, field=clean_line(key, KEY_SHOWN))
        longest = LONGEST[fields[key].kind]
        if len(typed.value) > longest:
            raise ClientMistake(
                "{field} is too long: {length} characters, at most {longest}",
                Code.VALUE_TOO_LONG,
                field=fields[key].label,
                length=len(typed.value),
                longest=longest,
            )
    before = messages.values_of(conn, call_id)
    tidy = {key: typed._replace(value=_storable(typed.value)) for key, typed in changes.items()}
    now = {key: stays(before.get(key), typed, at) for key, typed in tidy.items()}
    messages.save(conn, call_id, {key: one for key, one in now.items() if one != before.get(key)}, at)
    overwritten = {key: lost(before.get(key), typed, now[key]) for key, typed in tidy.items()}
    values = {key: one.value for key, one in (before | now).items()}
    return Saved(
        at=at,
        fields={key: (one.value, one.edit) for key, one in now.items()},
        older=frozenset(key for key, typed in tidy.items() if now[key].value != typed.value),
        lost={key: text for key, text in overwritten.items() if text},
        client_id=kept.client_id,
        protocol=protocol,
        values=values,
        state=_noted_as_changed(conn, kept, protocol, values, at) if kept.version else _state(kept),
    )


def _noted_as_changed(
    conn: Connection, kept: Kept, protocol: Protocol, values: Mapping[str, str], at: datetime
) -> State:
    """Notes whether what stands in a message that was sent is something else than what the client has; where it stands
    then."""
    form = _Form(protocol, values, local(conn, kept.client_id, at), clients.language_of(conn, kept.client_id))
    changed_at = None if form.words == messages.words_of(conn, kept.call_id) else at
    if changed_at != kept.changed_at:
        messages.change(conn, kept.call_id, changed_at=changed_at)
    return _state(replace(kept, changed_at=changed_at))


def wrong_in(conn: Connection, saved: Saved) -> Mapping[str, Sentence]:
    """What is wrong with a draft's fields, as they were saved, by their keys."""
    place = local(conn, saved.client_id, saved.at)
    return _told(problems(saved.protocol, saved.values, place), place)


def _told(found: Mapping[str, Problem], place: Local) -> dict[str, Sentence]:
    return {key: told(problem, place) for key, problem in found.items()}


def _passes_on(kept: Kept, seat_of: int | None, to: int) -> bool:
    """Whether the draft goes along with a call that is passed on: while it lasts, and nobody else has it."""
    return not kept.over and (seat_of == to or (seat_of is None and kept.signed_at is None))


def _hers(conn: Connection, call_id: str, secretary_id: int, at: datetime) -> Kept:
    kept = messages.find(conn, call_id, lock=True)
    until = _shown_until(kept) if kept else None
    too_late = until is not None and at > until + WORDS_MAY_BE_LATE
    if kept is None or kept.secretary_id != secretary_id or too_late:
        raise ClientMistake(
            "the message about the call {call} is not on this desk",
            Code.NOT_ON_DESK,
            call=clean_line(call_id, KEY_SHOWN),
        )
    restrictions.refuse(conn, call_id)
    return kept


def _shown_until(kept: Kept) -> datetime | None:
    return kept.sent_at + STAYS_FOR if kept.sent_at and not kept.changed_at else None


def _storable(value: str) -> str:
    """The value without what no database keeps: NUL, and halves of characters."""
    return value.replace("\x00", "").encode("utf-8", "ignore").decode()


def _draft(conn: Connection, kept: Kept, known: Draft | None = None) -> Draft:
    same = known is not None and (known.call_id, known.protocol_id) == (kept.call_id, kept.protocol_id)
    there = messages.values_of(conn, kept.call_id)
    return Draft(
        call_id=kept.call_id,
        client_id=kept.client_id,
        secretary_id=kept.secretary_id,
        protocol_id=kept.protocol_id,
        protocol=known.protocol if known and same else protocols.content(conn, kept.client_id, kept.protocol_id),
        values={key: one.value for key, one in there.items()},
        edits={key: one.edit for key, one in there.items()},
        state=_state(kept),
        due_at=kept.due_at,
        version=kept.version,
        shown_until=_shown_until(kept),
        urgent=kept.urgent_at is not None,
    )


def _state(kept: Kept | Before) -> State:
    if isinstance(kept, Kept) and kept.changed_at:
        return State.CHANGED
    if kept.sent_at:
        return State.SENT if kept.version else State.CLOSED
    if kept.overdue_at:
        return State.OVERDUE
    return State.SIGNED if isinstance(kept, Kept) and kept.signed_at else State.DRAFT


# --- which letter goes ------------------------------------------------------------------------------------


def call_is_over(conn: Connection, summary: CallSummary, answered_by: int | None, at: datetime, rules: "Rules") -> None:
    """The call is over for the secretary, or was handed over: writes its letters, or says until when she has time.

    `answered_by`: who answered, None for nobody. The same call again writes nothing twice.
    """
    kept = messages.find(conn, summary.call_id, lock=True)
    if kept is None:
        _write(conn, summary, rules)
        return
    kept = _back_with(conn, kept, answered_by)
    form = _Form.of(conn, kept, at)
    desk = Desk(
        hers=answered_by == kept.secretary_id,
        needless=summary.wrong_number or summary.spam or kept.closed,
        settled=kept.over,
        signed=kept.signed_at is not None,
        handed_over=bool(summary.transferred_to),
        has_words=form.says_something(summary.caller),
    )
    match goes(desk):
        case Goes.SUMMARY:
            _write(conn, summary, rules)
            _need_nothing(conn, kept, desk, at)
        case Goes.WORDS:
            stage = Stage.SIGNED if desk.signed else Stage.HANDED_OVER
            _send(conn, kept, summary, form, at, rules, stage)
        case Goes.LATER:
            limit = timedelta(seconds=clients.get(conn, kept.client_id).after_call)
            messages.change(conn, kept.call_id, due_at=at + limit)


def _back_with(conn: Connection, kept: Kept, answered_by: int | None) -> Kept:
    """The draft with who talked with the caller: it may have gone along with a later offer that nobody took."""
    if answered_by is None or kept.over or not messages.was_shown(conn, kept.call_id, answered_by):
        return kept
    if answered_by != kept.secretary_id:
        messages.change(conn, kept.call_id, secretary_id=answered_by)
    return replace(kept, secretary_id=answered_by)


def sign(
    conn: Connection,
    call_id: str,
    secretary_id: int,
    at: datetime,
    rules: "Rules",
    *,
    despite_gaps: bool = False,
) -> Signed:
    """She presses send, however often, by however many tabs: the same words go once.

    While the call lasts this only says that they go when it is over for her; afterwards they go now. Other words than
    those that were sent are a correction of them, a new version.

    `despite_gaps`: although a field is empty that every caller is asked for; not every caller tells.

    Raises Incomplete if a field will not do, ClientMistake if the draft is not hers (NOT_ON_DESK) or was sent
    MOST_VERSIONS times already (TOO_MANY_CORRECTIONS).
    """
    kept = _hers(conn, call_id, secretary_id, at)
    form = _Form.of(conn, kept, at)
    form.must_do(despite_gaps=despite_gaps)
    if kept.signed_at is None:
        messages.change(conn, call_id, signed_at=at)
    if not kept.over:
        return Signed(0, went=False)
    if kept.version and messages.words_of(conn, call_id) == form.words:
        return Signed(kept.version, went=False)
    if kept.version >= MOST_VERSIONS:
        raise ClientMistake(
            "this message has been sent {count} times already", Code.TOO_MANY_CORRECTIONS, count=MOST_VERSIONS
        )
    version = _send(conn, kept, _summary(conn, call_id), form, at, rules, Stage.SIGNED)
    return Signed(version, went=True)


def close_without_words(conn: Connection, call_id: str, secretary_id: int, at: datetime, rules: "Rules") -> None:
    """Nothing need be written about the call: a wrong number, or spam. If its letter waits for her words, the summary
    goes now; if the call lasts, when it is over. May be called again. Raises ClientMistake if the draft is not hers."""
    kept = _hers(conn, call_id, secretary_id, at)
    if kept.sent_at:
        return
    if kept.due_at:
        _write(conn, _summary(conn, call_id), rules)
    messages.change(conn, call_id, sent_at=at, due_at=None)


def give_up_waiting(conn: Connection, at: datetime, rules: "Rules") -> int:
    """Sends the summary of calls whose message was not written in time, with the words so far; gives how many, PAGE at
    most. They stay on the open list. Two daemons that do it at once take different ones."""
    overdue = messages.claim_due(conn, at, PAGE)
    for kept in overdue:
        _tell_overdue(conn, kept, at, rules)
    return len(overdue)


def _tell_overdue(conn: Connection, kept: Kept, at: datetime, rules: "Rules") -> None:
    form, summary = _Form.of(conn, kept, at), _summary(conn, kept.call_id)
    urgent = form.is_urgent(kept)
    _write(conn, summary, rules, _so_far(form, summary, at, urgent=urgent))
    if urgent:
        urgencies.begin(conn, kept.call_id, kept.client_id, at)


def _so_far(form: "_Form", summary: CallSummary, at: datetime, *, urgent: bool) -> Written:
    words = form.words if form.says_something(summary.caller) else ()
    return Written(words=words, stage=Stage.OVERDUE, urgent=urgent, version=0, at=at)


def next_due(conn: Connection) -> datetime | None:
    """When `give_up_waiting` has something to do next; None: nobody is waited for."""
    return messages.next_due(conn)


@dataclass(frozen=True, slots=True)
class _Form:
    """A draft's fields with all that they are judged by."""

    protocol: Protocol
    values: Mapping[str, str]
    local: Local
    language: str

    @classmethod
    def of(cls, conn: Connection, kept: Kept, at: datetime) -> "_Form":
        there = messages.values_of(conn, kept.call_id)
        protocol = protocols.content(conn, kept.client_id, kept.protocol_id)
        values = {key: one.value for key, one in there.items()}
        return cls(protocol, values, local(conn, kept.client_id, at), clients.language_of(conn, kept.client_id))

    @property
    def words(self) -> Words:
        return written_words(self.protocol, self.values, self.local, self.language)

    def says_something(self, caller: str) -> bool:
        return says_something(self.protocol, self.values, self.local, caller)

    def is_urgent(self, kept: Kept) -> bool:
        """Whether she has said so, or what stands in the form does."""
        return kept.urgent_at is not None or is_urgent(self.protocol, self.values)

    @property
    def problems(self) -> dict[str, Problem]:
        return problems(self.protocol, self.values, self.local)

    def must_do(self, *, despite_gaps: bool) -> None:
        """Raises Incomplete unless the form can be sent."""
        found = {
            key: problem for key, problem in self.problems.items() if not (despite_gaps and problem is Problem.MISSING)
        }
        if found or not self.words:
            labels = {field.key: field.label for field in self.protocol.fields}
            shown = ", ".join(labels[key] for key in found)
            template = "the message cannot be sent yet: {fields}" if found else "there is nothing in the message yet"
            error = Incomplete(template, Code.MESSAGE_INCOMPLETE, fields=shown)
            error.problems, error.told = found, _told(found, self.local)
            raise error


def _need_nothing(conn: Connection, kept: Kept, desk: Desk, at: datetime) -> None:
    """Nothing more is waited for. What somebody wrote who did not answer in the end stays on her open list."""
    if kept.over:
        return
    if desk.has_words and not desk.needless:
        messages.change(conn, kept.call_id, overdue_at=at)
    else:
        messages.change(conn, kept.call_id, sent_at=at)


def _send(
    conn: Connection, kept: Kept, summary: CallSummary, form: _Form, at: datetime, rules: "Rules", stage: Stage
) -> int:
    """Writes the letters with her words as they stand, as the message's next version; gives its number."""
    before, words = messages.words_of(conn, kept.call_id), form.words
    reason, urgent = reason_in(form.protocol, form.values), form.is_urgent(kept)
    version = messages.add_version(conn, kept, words, at, gist=reason, urgent=urgent)
    written = Written(words=words, stage=stage, gist=reason, urgent=urgent, version=version, before=before, at=at)
    _write(conn, summary, rules, written)
    call_events.tell(conn, [message_sent(_told_of(summary), version, at, urgent=urgent)], rules.url)
    if urgent:
        urgencies.begin(conn, kept.call_id, kept.client_id, at)
    return version


def _told_of(summary: CallSummary) -> OfCall:
    """What programs are told of the call."""
    return OfCall(
        id=summary.call_id,
        client_id=summary.client_id,
        caller=summary.caller,
        arrived_at=summary.arrived_at,
    )


def _write(conn: Connection, summary: CallSummary, rules: "Rules", written: Written | None = None) -> None:
    """Puts the letter for each recipient of the client into the outbox. What she sends after a first letter answers
    that; the first one, whichever it is, is written once."""
    told = letters.first_told(conn, summary.call_id) if written and written.version else {}
    people = recipients.of_client(conn, summary.client_id, About.CALLS)
    leaving = _composed(conn, summary, people, rules, written, told)
    # The page of another node may be where she sends it.
    letters.add(conn, leaving, calls.node_of(conn, summary.call_id) if summary.message else "")


def _composed(
    conn: Connection,
    summary: CallSummary,
    people: Iterable[Recipient],
    rules: "Rules",
    written: Written | None,
    told: Mapping[Recipient, str],
) -> list[Letter]:
    """What each of them is sent; `told`: what he got first. What is urgent, and nobody has seen, says so."""
    office = rules.office_name
    summary = replace(summary, colour=protocols.in_force(conn, summary.client_id).protocol.colour)
    composed = [compose(summary, person, office, written, told.get(person, "")) for person in people]
    leaving = discreet(conn, summary.client_id, composed, office, rules.url)
    known = urgencies.find(conn, summary.call_id) if written and written.urgent else None
    if not written or not written.urgent or (known and known.seen_at):
        return leaving
    return [as_urgent(one, seen_link(conn, one.message_id, rules.url), summary.language) for one in leaving]


def seen_link(conn: Connection, message_id: str, url: str) -> str:
    """The page by which whoever gets that letter says that he has seen it."""
    return f"{url}/seen/{token_of(link_keys.ensure(conn), message_id)}"


# --- urgent ones ------------------------------------------------------------------------------------------


def mark_urgent(
    conn: Connection, call_id: str, secretary_id: int, at: datetime, rules: "Rules", *, urgent: bool
) -> None:
    """She says that a message is urgent, or that it is not. One that has gone goes to everybody once more, as urgent;
    from then on it cannot be taken back. Raises ClientMistake if the draft is not hers (NOT_ON_DESK)."""
    kept = _hers(conn, call_id, secretary_id, at)
    if urgencies.find(conn, call_id) or urgent == (kept.urgent_at is not None):
        return
    messages.change(conn, call_id, urgent_at=at if urgent else None)
    about = call_log.find(conn, call_id)
    if urgent and (kept.overdue_at or kept.sent_at) and (about.ended_at or about.handed_over_at):
        urgencies.begin(conn, call_id, kept.client_id, at)
        people = recipients.of_client(conn, kept.client_id, About.CALLS)
        tell_again(conn, call_id, people, 0, at, rules)


def tell_again(
    conn: Connection, call_id: str, people: Iterable[Recipient], number: int, at: datetime, rules: "Rules"
) -> None:
    """Sends them an urgent message once more, as it reads now; `number`: for which time, 0 if it was sent as another
    before it was urgent."""
    kept = messages.find(conn, call_id)
    if kept is None:
        return
    summary, told = _summary(conn, call_id), letters.first_told(conn, call_id)
    words = messages.words_of(conn, call_id) or ()
    written = (
        Written(words=words, gist=messages.gist_of(conn, call_id), urgent=True, version=kept.version, at=at)
        if kept.version
        else _so_far(_Form.of(conn, kept, at), summary, at, urgent=True)
    )
    office = rules.office_name
    summary = replace(summary, colour=protocols.in_force(conn, summary.client_id).protocol.colour)
    composed = [told_again(compose(summary, one, office, written), number, told.get(one, "")) for one in people]
    leaving = discreet(conn, kept.client_id, composed, office, rules.url)
    again = [
        as_urgent(one, seen_link(conn, one.message_id, rules.url), summary.language, again=number > 0)
        for one in leaving
    ]
    letters.add(conn, again, calls.node_of(conn, call_id) if summary.message else "")


def _summary(conn: Connection, call_id: str) -> CallSummary:
    """What there is to tell of a call that is over or was handed over, as the store has it."""
    told = call_log.find(conn, call_id)
    client = clients.find(conn, told.client)
    over = told.handed_over_at or told.ended_at or told.arrived_at
    until, uncounted = told.answered_at or over, ledger.uncounted(conn, call_id)
    return CallSummary(
        call_id=told.id,
        client_id=client.id,
        client_name=client.name,
        language=client.language,
        timezone=client.timezone,
        did=told.did,
        caller=told.caller,
        caller_name=told.caller_name,
        outcome=Outcome.ANSWERED if told.handed_over_at else Outcome(told.outcome),
        secretary=told.secretary,
        transferred_to=told.transferred_to,
        arrived_at=told.arrived_at,
        ended_at=over,
        waited=until - told.arrived_at,
        talked=timedelta(seconds=told.talked or 0),
        recording_flaw=told.recording_flaw,
        message=told.message,
        message_flaw=told.message_flaw,
        message_kept=_kept_of(conn, told),
        wrong_number=uncounted is Uncounted.WRONG_NUMBER,
        spam=uncounted is Uncounted.SPAM,
    )


def _kept_of(conn: Connection, told: LoggedCall) -> timedelta:
    """How much there is of a left message that was cut; the journal knows."""
    if told.message_flaw != "cut":
        return timedelta(0)
    lengths = [line.details.get("message") for line in call_log.journal_of(conn, told.id)]
    return timedelta(seconds=next((float(one) for one in reversed(lengths) if one), 0.0))


# --- lists ------------------------------------------------------------------------------------------------


def open_of(conn: Connection, secretary_id: int | None = None) -> list[OpenMessage]:
    """The messages that she has to write still, or has changed since they were sent, the oldest first; None: those of
    all secretaries."""
    return [
        OpenMessage(
            call_id=one.call_id,
            client_id=one.client_id,
            client=one.client,
            client_name=one.client_name,
            caller=one.caller,
            caller_name=one.caller_name,
            secretary_id=one.secretary_id,
            secretary=one.secretary,
            timezone=one.timezone,
            at=one.arrived_at,
            state=State.CHANGED if one.changed_at else State.OVERDUE if one.overdue_at else State.DRAFT,
            due_at=one.due_at,
        )
        for one in messages.open_ones(conn, secretary_id)
    ]


def last_of(conn: Connection, secretary_id: int, since: datetime) -> str:
    """The call that came onto her desk last, if its message is open for the time being, or was sent or changed since
    that instant; else ""."""
    return messages.last_on_desk(conn, secretary_id, since)


def deliveries(conn: Connection, call_id: str) -> list[Delivery]:
    """What became of the newest letter about the call, for each recipient of the client that was written to."""
    return _deliveries(letters.newest_told(conn, call_id))


def taken_by(conn: Connection, call_id: str) -> str:
    """Which of the client's people sees to an urgent message; "" for nobody."""
    return messages.taken_by(conn, call_id)


def infos_sent(conn: Connection, call_id: str) -> list[Delivery]:
    """What became of the ready-made texts that were sent to the caller, oldest first."""
    return _deliveries(letters.infos(conn, call_id))


def words_sent(conn: Connection, call_id: str) -> Words:
    """The words about the call that the client got last; empty if none."""
    return messages.words_of(conn, call_id) or ()


def state_of(conn: Connection, call_id: str) -> State | None:
    """Where the message about a call stands; None if there is none."""
    kept = messages.find(conn, call_id)
    return _state(kept) if kept else None


def earlier(conn: Connection, client_id: int, caller: str, limit: int, but: str = "") -> list[Earlier]:
    """The caller's newest calls to this client, and to no other, newest first, without the call `but`; nothing for a
    withheld number."""
    if is_withheld(caller):
        return []
    found = messages.calls_before(conn, client_id, caller, but, limit)
    shown = [one for one in found if not one.restricted]
    begun = [one for one in shown if one.begun_at]
    written = {one.call_id: messages.values_of(conn, one.call_id) for one in begun}
    forms = {one: protocols.content(conn, client_id, one) for one in {each.protocol_id for each in begun}}
    return [
        _withheld(one)
        if one.restricted
        else Earlier(
            call_id=one.call_id,
            at=one.arrived_at,
            live=one.live,
            secretary=one.secretary,
            outcome=one.outcome,
            transferred_to=one.transferred_to,
            message=_state(one) if one.begun_at else None,
            first_words=_first_words(forms[one.protocol_id], written[one.call_id]) if one.begun_at else "",
        )
        for one in found
    ]


def _withheld(one: messages.Before) -> Earlier:
    return Earlier(
        call_id=one.call_id,
        at=one.arrived_at,
        live=False,
        secretary="",
        outcome="",
        transferred_to="",
        message=None,
        first_words="",
        restricted=True,
    )


def _first_words(protocol: Protocol, values: Mapping[str, Value]) -> str:
    return reason_in(protocol, {key: one.value for key, one in values.items()})


def _deliveries(found: Iterable[Posted]) -> list[Delivery]:
    return [
        Delivery(
            one.letter.channel,
            one.letter.address,
            Status.SEEN if one.seen_at else _STATUS[one.state],
            read_kept(one.kept_error) if one.kept_error else None,
            one.letter.subject,
            one.delivered_at,
            one.seen_by,
        )
        for one in found
    ]


_STATUS = {"waiting": Status.QUEUED, "delivered": Status.SENT, "given up": Status.FAILED}


# --- ready-made texts -------------------------------------------------------------------------------------


def send_info(work: Work, call_id: str, secretary_id: int, info_id: int, address: str, rules: "Rules") -> Letter:
    """E-mails a ready-made text of the client to the caller, as it stands now (docs/service.md rule 8); once for each
    text and address, however often she presses.

    Raises ClientMistake if the call is not on her desk (NOT_ON_DESK), the client has no such text (NO_SUCH_INFO), the
    address is none, or the caller got MOST_INFOS already (TOO_MANY_INFOS).
    """
    kept = _hers(work.conn, call_id, secretary_id, work.at)
    to = checks.email(address)
    text = next((one for one in infos.in_force(work.conn, kept.client_id) if one.id == info_id), None)
    if text is None:
        raise ClientMistake("there is no ready-made text {name}", Code.NO_SUCH_INFO, name=info_id)
    client = clients.get(work.conn, kept.client_id)
    letter = compose_info(
        Info(
            call_id=call_id,
            client_id=client.id,
            client_name=client.name,
            language=client.language,
            text_id=text.id,
            name=text.name,
            text=text.text,
            at=work.at,
        ),
        to,
        rules.office_name,
    )
    sent = letters.infos(work.conn, call_id)
    if letter.message_id in {one.letter.message_id for one in sent}:
        return letter
    if len(sent) >= MOST_INFOS:
        raise ClientMistake(
            "the caller has got {count} ready-made texts already", Code.TOO_MANY_INFOS, count=MOST_INFOS
        )
    letters.add(work.conn, [letter])
    work.note(Verb.INFO_SENT, call_id, client_id=client.id, new={"text": text.name})
    return letter
