"""Calls and their journal: the daemon's steps go in here, what people ask about comes out."""

from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from typing import Any

import msgspec
from sqlalchemy import Connection, String, bindparam, delete, func, insert, or_, select, update
from sqlalchemy.dialects import postgresql, sqlite

from pbx_control.domain.audit import SWITCH, Difference, Entry, Verb
from pbx_control.domain.call.commands import (
    ChargeUnit,
    ClaimSeat,
    FreeSeat,
    NoteDialling,
    NoteForward,
    PauseSeat,
    RaiseAlarm,
    ReleaseUnit,
    ReportLoss,
    ReserveUnit,
    ReturnUnit,
    StoreCommand,
    WriteLetters,
)
from pbx_control.domain.call.journal import Line
from pbx_control.domain.call.lengths import lengths_of
from pbx_control.domain.call.model import Call, Outcome, Phase
from pbx_control.domain.money.quota import Limits, Threshold
from pbx_control.domain.money.repeats import Arrived
from pbx_control.domain.notices.loss_notes import Loss, compose_loss
from pbx_control.domain.notices.messages import CallSummary, compose
from pbx_control.domain.notices.notes import AlarmDesk, LimitReached, compose_alarm
from pbx_control.domain.notices.pause_notes import Pause, compose_pause
from pbx_control.errors import ClientMistake
from pbx_control.settings import Settings
from pbx_control.store import audit, floods, ledger, letters, recipients, repeats, reports, secretaries
from pbx_control.store.engine import node_here
from pbx_control.store.tables import Instant, dialling, journal, seat_claim, secretary
from pbx_control.store.tables import call as calls

_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder(Call).decode


@dataclass(frozen=True, slots=True)
class Save:
    """One step to be remembered: the call after it, what the journal says, and what the store is to do."""

    call: Call
    new: bool
    entries: Sequence[Line]
    commands: Sequence[StoreCommand] = ()
    only_noted: bool = False  # the call is as it was before: only the journal grows


@dataclass(frozen=True, slots=True)
class Rules:
    """What of the settings the saving of steps depends on."""

    office_name: str = ""
    alarms: AlarmDesk = field(default_factory=AlarmDesk)
    limits: Limits = field(default_factory=Limits)  # when a client is told that its calls run out
    bag_sizes: tuple[int, ...] = ()  # what it is then offered
    answers_read: bool = False  # somebody reads what clients answer to e-mails


def rules_of(settings: Settings) -> Rules:
    """What the settings say of it."""
    office, bags = settings.office, settings.billing.bag_sizes
    desk = AlarmDesk(office.alarms_to, office.language, office.name, office.timezone)
    return Rules(office.name, desk, settings.plans.limits, bags, bool(settings.mail.reply_to))


def save(conn: Connection, steps: Sequence[Save], rules: Rules) -> list[bool]:
    """Remembers steps, in order, in the caller's transaction. For each: False if what it claimed, a seat or a unit of
    the client's calls, was not to be had.

    Such a step is not remembered at all, nor is any later one of the same call in this transaction. Of several steps
    of one call only the last state is written; the journal has them all.
    """
    kept = _settle_claims(conn, steps, rules)
    valid = [step for step, keep in zip(steps, kept, strict=True) if keep]
    _write_calls(conn, valid)
    entries = [_entry_row(step.call.id, entry) for step in valid for entry in step.entries]
    if entries:
        conn.execute(_INSERT_ENTRY, entries)
    _note_dialling(conn, valid)
    for step in valid:
        for command in step.commands:
            if isinstance(command, WriteLetters):
                write_letters(conn, summary_of(step.call), rules.office_name)
            elif isinstance(command, RaiseAlarm):
                _write_alarm(conn, step, command, rules.alarms)
            elif isinstance(command, PauseSeat):
                _pause(conn, command, step.entries[-1].at, rules.alarms)
            elif isinstance(command, NoteForward):
                at = step.entries[-1].at if command.forwards else None
                secretaries.note_forward(conn, command.secretary_id, at)
            elif isinstance(command, ReportLoss):
                facts, at = step.call.known, step.entries[-1].at
                tell_loss(conn, command.what, step.call.id, facts.client_name, step.call.caller.number, at, rules)
            elif isinstance(command, ChargeUnit):
                at = step.entries[-1].at
                charge(conn, step.call.known.client_id, _arrived(step.call, at), at, rules)
            elif isinstance(command, ReturnUnit):
                with suppress(ClientMistake):  # nothing was charged, or the admin was faster
                    at = step.entries[-1].at
                    ledger.uncount(conn, step.call.id, command.reason, command.said_by, at)
    return kept


def charge(conn: Connection, client_id: int, call: Arrived, at: datetime, rules: Rules) -> None:
    """A secretary answered the call: its unit is used, and its client told if few are left (rules 10 and 11); the
    admin, if more calls come than people make."""
    charged = ledger.charge(conn, client_id, call, at, rules.limits)
    floods.tell_flood(conn, client_id, at, rules.alarms)
    if charged and charged.threshold:
        reports.write_offer(conn, charged, at, rules.bag_sizes, rules.office_name, answers_read=rules.answers_read)


def tell_loss(
    conn: Connection, what: str, call_id: str, client_name: str, caller: str, at: datetime, rules: Rules
) -> None:
    """Writes to the admin that a message, or a recording (`what`), could not be kept; once an hour."""
    if rules.alarms.address:
        loss = Loss(what=what, call_id=call_id, client_name=client_name, caller=caller, at=at)
        letters.add(conn, [compose_loss(loss, rules.alarms)])


def _pause(conn: Connection, command: PauseSeat, at: datetime, desk: AlarmDesk) -> None:
    """Pauses her, and writes so to the admin; once a day for each of them."""
    if not secretaries.pause(conn, command.secretary_id, at):
        return
    paused: Difference = {"paused": (False, True), "paused_why": ("", secretaries.REFUSALS)}
    audit.add(conn, Entry(at=at, actor=SWITCH, verb=Verb.PAUSE_BEGUN, subject=command.name, difference=paused))
    if desk.address:
        letters.add(conn, [compose_pause(Pause(command.secretary_id, command.name, at), desk)])


def write_letters(conn: Connection, summary: CallSummary, office_name: str) -> None:
    """Puts the summary for each recipient of the client into the outbox (docs/service.md rule 7)."""
    people = recipients.of_client(conn, summary.client_id)
    letters.add(conn, [compose(summary, person, office_name) for person in people])


def dialled_today(conn: Connection, day: date) -> dict[int, int]:
    """How many contacts of each client (by its id) were called on that UTC day; clients without any are left out."""
    midnight = datetime.combine(day, time(), UTC)
    rows = conn.execute(
        select(dialling.c.client_id, func.count().label("calls"))
        .where(dialling.c.at >= midnight, dialling.c.at < midnight + timedelta(days=1), dialling.c.refused == "")
        .group_by(dialling.c.client_id)
    )
    return {row.client_id: row.calls for row in rows}


def live(conn: Connection, node: str) -> list[Call]:
    """The calls of that node that had not ended when they were last saved."""
    own = select(calls.c.state).where(calls.c.state.is_not(None), calls.c.node == node)
    return [_decode(state) for (state,) in conn.execute(own)]


def asking_elsewhere(conn: Connection, node: str) -> list[Call]:
    """The calls of other nodes in which a contact's telephone rings."""
    theirs = select(calls.c.state).where(calls.c.state.is_not(None), calls.c.node != node)
    rings = theirs.where(calls.c.phase == Phase.CALLING_CONTACT.value)
    return [_decode(state) for (state,) in conn.execute(rings)]


def journal_lengths(conn: Connection, ids: Iterable[str]) -> dict[str, int]:
    """How many lines each of these calls' journals has."""
    rows = conn.execute(
        select(journal.c.call_id, func.max(journal.c.seq).label("seq"))
        .where(journal.c.call_id.in_(list(ids)))
        .group_by(journal.c.call_id)
    )
    return {row.call_id: row.seq for row in rows}


def last_conversations(conn: Connection) -> dict[int, datetime]:
    """When each secretary's last conversation ended: who has been idle longest is asked first."""
    rows = conn.execute(select(calls.c.secretary_id, func.max(calls.c.ended_at)).group_by(calls.c.secretary_id))
    return {who: ended for who, ended in rows if who is not None and ended is not None}


def release_forgotten_seats(conn: Connection) -> None:
    """Gives back the seats of calls that have ended: a claim never outlives its call."""
    over = select(calls.c.id).where(calls.c.state.is_(None))
    conn.execute(delete(seat_claim).where(seat_claim.c.call_id.in_(over)))


def summary_of(call: Call) -> CallSummary:
    """What a summary tells about a call that is over, or that was handed over: from then on it is the client's own
    conversation, so it counts as answered and over (docs/service.md rule 9)."""
    facts, arrived = call.known, call.arrived_at
    over, outcome = (call.handed_over_at, Outcome.ANSWERED) if call.handed_over_at else (call.ended_at, call.outcome)
    if arrived is None or over is None or outcome is None:
        raise ValueError(f"call {call.id} is neither over nor handed over")
    until, lengths = call.answered_at or over, lengths_of(call)
    return CallSummary(
        call_id=call.id,
        client_id=facts.client_id,
        client_name=facts.client_name,
        language=facts.language,
        timezone=facts.timezone,
        did=facts.did,
        caller=call.caller.number,
        caller_name=call.caller.name,
        outcome=outcome,
        secretary=call.answered_by.name if call.answered_by else "",
        arrived_at=arrived,
        transferred_to=call.transferred_to,
        ended_at=over,
        waited=until - arrived,
        talked=lengths.talked or timedelta(0),
        recording_flaw=call.recording_flaw,
        message=call.message,
        message_flaw=call.message_flaw,
        message_kept=timedelta(seconds=call.message_kept),
        wrong_number=call.wrong_number,
        spam=call.spam,
    )


# --- how a step is written --------------------------------------------------------------------------------

_INSERT_ENTRY = insert(journal)
_INSERT_CALL = insert(calls)
_INSERT_DIALLING = insert(dialling)
_UPDATE_CALL = update(calls).where(calls.c.id == bindparam("call_id"))
# Another daemon's call may have left her a wrap-up, of which only the store knows.
_FREE_SEAT = select(secretary.c.id, bindparam("call", type_=String)).where(
    secretary.c.id == bindparam("who"),
    or_(secretary.c.free_from.is_(None), secretary.c.free_from <= bindparam("at", type_=Instant)),
)
_CLAIM = {
    # Told by the row that comes back: psycopg counts none of an insert's rows.
    dialect.dialect.name: dialect.insert(seat_claim)
    .from_select(["secretary_id", "call_id"], _FREE_SEAT)
    .on_conflict_do_nothing(index_elements=["secretary_id"])
    .returning(seat_claim.c.secretary_id)
    for dialect in (sqlite, postgresql)
}
_FREE = delete(seat_claim).where(
    seat_claim.c.secretary_id == bindparam("who"), seat_claim.c.call_id == bindparam("call")
)
_REST = update(secretary).where(secretary.c.id == bindparam("who")).values(free_from=bindparam("free_at"))


def _settle_claims(conn: Connection, steps: Sequence[Save], rules: Rules) -> list[bool]:
    """Gives back and claims seats and units in the order of the steps: what is freed by one may be claimed by the
    next of the same commit. For each step: False if it, or one of the same call before it, did not get its claim."""
    kept, freeing, refused = [], list[Save](), set[str]()
    for step in steps:
        if any(isinstance(command, ClaimSeat) for command in step.commands):
            _free_seats(conn, freeing)
            freeing = []
        if step.call.id in refused or not _claims(conn, step, rules):
            refused.add(step.call.id)
            kept.append(False)
            continue
        kept.append(True)
        freeing.append(step)
    _free_seats(conn, freeing)
    return kept


def _claims(conn: Connection, step: Save, rules: Rules) -> bool:
    """Whether the step got what it claims; what it gives back of the client's calls is free at once."""
    for command in step.commands:
        if isinstance(command, ClaimSeat) and not _claim(conn, step, command.secretary_id):
            return False
        if isinstance(command, ReserveUnit) and not _reserve(conn, step, rules):
            return False
        if isinstance(command, ReleaseUnit):
            ledger.release(conn, step.call.id)
    return True


def _reserve(conn: Connection, step: Save, rules: Rules) -> bool:
    """Whether a unit was free, or none is needed, as the call will not be charged. Else the client is told, once in a
    period: not only a charge can have used the last one, a smaller plan or a debt can, too."""
    client_id, at = step.call.known.client_id, step.entries[-1].at
    if ledger.reserve(conn, client_id, step.call.id, at):
        return True
    if repeats.repeats(conn, client_id, _arrived(step.call, at)):
        return True
    account = ledger.read(conn, client_id)
    if account.left <= 0:
        out_of_calls = ledger.Charged(client_id, account, Threshold.NONE)
        reports.write_offer(conn, out_of_calls, at, rules.bag_sizes, rules.office_name, answers_read=rules.answers_read)
    return False


def _arrived(call: Call, at: datetime) -> Arrived:
    return Arrived(call.id, call.caller.number, call.arrived_at or at)


def _claim(conn: Connection, step: Save, secretary_id: int) -> bool:
    """One conditional statement, never read-then-write. The call's own row may follow (a deferred foreign key)."""
    claim = {"who": secretary_id, "call": step.call.id, "at": step.entries[-1].at}
    return conn.execute(_CLAIM[conn.dialect.name], claim).first() is not None


def _write_calls(conn: Connection, steps: Sequence[Save]) -> None:
    last = {step.call.id: step for step in steps if not step.only_noted}
    new = {step.call.id for step in steps if step.new}
    rows = {call_id: _row(step.call) for call_id, step in last.items()}
    here = node_here(conn)
    inserts = [row | {"id": call_id, "node": here} for call_id, row in rows.items() if call_id in new]
    updates = [row | {"call_id": call_id} for call_id, row in rows.items() if call_id not in new]
    if inserts:
        conn.execute(_INSERT_CALL, inserts)
    if updates:
        conn.execute(_UPDATE_CALL, updates)


def _free_seats(conn: Connection, steps: Sequence[Save]) -> None:
    freed = [(step, command) for step in steps for command in step.commands if isinstance(command, FreeSeat)]
    if not freed:
        return
    conn.execute(_FREE, [{"who": command.secretary_id, "call": step.call.id} for step, command in freed])
    resting = [
        {"who": command.secretary_id, "free_at": command.free_from}
        for step, command in freed
        if command.free_from > step.entries[-1].at
    ]
    if resting:
        conn.execute(_REST, resting)


def _note_dialling(conn: Connection, steps: Sequence[Save]) -> None:
    rows = [
        {
            "leg": command.leg,
            "call_id": step.call.id,
            "client_id": step.call.known.client_id,
            "number": command.number,
            "shown": command.shown,
            "trunk": command.trunk,
            "at": step.entries[-1].at,
        }
        for step in steps
        for command in step.commands
        if isinstance(command, NoteDialling)
    ]
    if rows:
        conn.execute(_INSERT_DIALLING, rows)


def _write_alarm(conn: Connection, step: Save, command: RaiseAlarm, alarms: AlarmDesk) -> None:
    """At most one letter for each client and day: the outbox keeps no second one of the same name."""
    facts = step.call.known
    if not alarms.address or facts.outgoing is None:
        return
    reached = LimitReached(
        limit=command.limit,
        client_id=facts.client_id,
        slug=facts.slug,
        client_name=facts.client_name,
        outgoing=facts.outgoing,
        contact=command.contact,
        at=step.entries[-1].at,
    )
    letters.add(conn, [compose_alarm(reached, alarms)])


def seconds(length: timedelta | None) -> float | None:
    """A length as it is kept and shown to programs: to a tenth."""
    return None if length is None else round(length.total_seconds(), 1)


def _row(call: Call) -> dict[str, Any]:
    facts, lengths = call.known, lengths_of(call)
    over = call.phase is Phase.ENDED
    return {
        "client_id": facts.client_id,
        "did": facts.did,
        "trunk": facts.trunk,
        "caller": call.caller.number,
        "caller_name": call.caller.name,
        "phase": call.phase.value,
        "outcome": call.outcome.value if call.outcome and not call.taken_over else "",
        "secretary_id": call.answered_by.secretary_id if call.answered_by else None,
        "arrived_at": call.arrived_at,
        "answered_at": call.answered_at,
        "turned_away": facts.turned_away,
        "hung_up_at": None if call.taken_over else call.ended_at,
        "ended_at": call.ended_at if over and not call.taken_over else None,
        "recording": call.recording,
        "recording_flaw": call.recording_flaw,
        "message": call.message,
        "message_flaw": call.message_flaw if over else "",
        "transferred_to": call.transferred_to,
        "handed_over_at": call.handed_over_at,
        "talked": seconds(lengths.talked),
        "transferred": seconds(lengths.transferred),
        "hosted_by": "switch" if call.taken_over else "daemon",
        "state": None if over else _encode(call),
    }


def _entry_row(call_id: str, entry: Line) -> dict[str, Any]:
    return {
        "call_id": call_id,
        "seq": entry.seq,
        "at": entry.at,
        "event": entry.event,
        "details": _encode(entry.details).decode(),
    }
