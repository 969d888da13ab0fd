"""What the steps of calls change: rows and journals, seats, units of the clients' calls, and letters."""

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime

from sqlalchemy import Connection

from pbx_control.domain.audit import SWITCH, Actor, ActorKind, AuditEntry, Difference, Verb, difference
from pbx_control.domain.call.commands import (
    ChargeUnit,
    ClaimSeat,
    NoteForward,
    NoteSupervision,
    NoteSupervisionEnd,
    PauseSeat,
    RaiseAlarm,
    ReleaseUnit,
    ReportLoss,
    ReserveUnit,
    ReturnUnit,
    WriteLetters,
)
from pbx_control.domain.call.model import Call
from pbx_control.domain.call.saving import Save
from pbx_control.domain.call.summary import summary_of
from pbx_control.domain.desk.duty import PausedBy
from pbx_control.domain.money.quota import Limits, Threshold
from pbx_control.domain.money.repeats import FLOOD_WINDOW, Arrived, flood
from pbx_control.domain.notices.flood_notes import compose_flood
from pbx_control.domain.notices.loss_notes import Loss, compose_loss
from pbx_control.domain.notices.notes import AlarmDesk, LimitReached, compose_alarm
from pbx_control.domain.notices.pause_notes import Pause, compose_pause
from pbx_control.errors import ClientMistake
from pbx_control.services import call_events, corrections, figures, messages
from pbx_control.services.offers import write_offer
from pbx_control.settings import Settings
from pbx_control.store import audit, calls, clients, ledger, letters, repeats, secretaries


@dataclass(frozen=True, slots=True)
class Rules:
    """What of the settings the saving of steps depends on."""

    office_name: str = ""
    alarms: AlarmDesk = field(default_factory=AlarmDesk)
    limits: Limits = field(default_factory=Limits)  # when a client is told that its calls run out
    bag_sizes: tuple[int, ...] = ()  # what it is then offered
    answers_read: bool = False  # somebody reads what clients answer to e-mails
    url: str = ""  # where browsers reach the pages


def rules_of(settings: Settings) -> Rules:
    """What the settings say of it."""
    office, bags = settings.office, settings.billing.bag_sizes
    desk = AlarmDesk(office.alarms_to, office.language, office.name, office.timezone)
    answers_read = bool(settings.mail.reply_to)
    return Rules(office.name, desk, settings.plans.limits, bags, answers_read, settings.web.url)


def save(conn: Connection, steps: Sequence[Save], rules: Rules) -> list[bool]:
    """Remembers steps, in order, in the caller's transaction. For each: False if what it claimed, a seat or a unit of
    the client's calls, was not to be had.

    Such a step is not remembered at all, nor is any later one of the same call in this transaction. Of several steps
    of one call only the last state is written; the journal has them all.
    """
    kept = _settle_claims(conn, steps, rules)
    valid = [step for step, keep in zip(steps, kept, strict=True) if keep]
    over = figures.ending(conn, valid)
    calls.write(conn, valid)
    call_events.tell(conn, call_events.of_beginnings(valid), rules.url)
    for step in valid:
        for command in step.commands:
            if isinstance(command, WriteLetters):
                _write_letters(conn, step, rules)
            elif isinstance(command, RaiseAlarm):
                _write_alarm(conn, step, command, rules.alarms)
            elif isinstance(command, PauseSeat):
                _pause(conn, command, step.entries[-1].at, rules.alarms)
            elif isinstance(command, NoteForward):
                at = step.entries[-1].at if command.forwards else None
                secretaries.note_forward(conn, command.secretary_id, at)
            elif isinstance(command, NoteSupervision):
                _note_supervision(conn, step, command)
            elif isinstance(command, NoteSupervisionEnd):
                _note_supervision_end(conn, step, command)
            elif isinstance(command, ReportLoss):
                facts, at = step.call.known, step.entries[-1].at
                tell_loss(conn, command.what, step.call.id, facts.client_name, step.call.caller.number, at, rules)
            elif isinstance(command, ChargeUnit):
                at = step.entries[-1].at
                charge(conn, step.call.known.client_id, _arrived(step.call, at), at, rules)
            elif isinstance(command, ReturnUnit):
                with suppress(ClientMistake):  # nothing was charged, or the admin was faster
                    _uncount(conn, step, command)
    call_events.tell(conn, call_events.of_ends(over), rules.url)
    figures.count(conn, over)
    return kept


def charge(conn: Connection, client_id: int, call: Arrived, at: datetime, rules: Rules) -> None:
    """A secretary answered the call: its unit is used, and its client told if few are left (rules 10 and 11); the
    admin, if more calls come than people make."""
    charged = ledger.charge(conn, client_id, call, at, rules.limits)
    _tell_flood(conn, client_id, at, rules.alarms)
    if charged and charged.threshold:
        write_offer(conn, charged, at, rules.bag_sizes, rules.office_name, answers_read=rules.answers_read)


def _uncount(conn: Connection, step: Save, command: ReturnUnit) -> None:
    """What a secretary says by her telephone, or at her desk: the call should not have counted."""
    at, call = step.entries[-1].at, step.call
    charged = corrections.uncount(conn, call.id, command.reason, command.said_by, at)
    entry = AuditEntry(
        at=at,
        actor=Actor(ActorKind.SECRETARY, command.said_by),
        verb=Verb.CALL_UNCOUNTED,
        subject=f"entry {charged}",
        client_id=call.known.client_id,
        difference=difference({}, {"call": call.id, "reason": command.reason}),
    )
    audit.add(conn, entry)


def _note_supervision(conn: Connection, step: Save, command: NoteSupervision) -> None:
    """That a supervisor listens, or is heard by others than before. What she does it with is no secret of hers."""
    was = {"supervision": command.before} if command.before else {}
    entry = AuditEntry(
        at=step.entries[-1].at,
        actor=Actor(ActorKind.ADMIN, command.supervisor, command.telephone),
        verb=Verb.CALL_SUPERVISED,
        subject=step.call.id,
        client_id=step.call.known.client_id,
        difference=difference(was, {"supervision": command.mode, "secretary": command.secretary}),
    )
    audit.add(conn, entry)


def _note_supervision_end(conn: Connection, step: Save, command: NoteSupervisionEnd) -> None:
    """That an admin has ended what another supervisor did."""
    was = {"supervision": command.mode, "supervisor": command.supervisor, "secretary": command.secretary}
    entry = AuditEntry(
        at=step.entries[-1].at,
        actor=Actor(ActorKind.ADMIN, command.by),
        verb=Verb.SUPERVISION_ENDED,
        subject=step.call.id,
        client_id=step.call.known.client_id,
        difference=difference(was, {}),
    )
    audit.add(conn, entry)


def tell_loss(
    conn: Connection, what: str, call_id: str, client_name: str, caller: str, at: datetime, rules: Rules
) -> None:
    """Writes to the admin that a message, or a recording (`what`), could not be kept; once an hour."""
    if rules.alarms.address:
        loss = Loss(what=what, call_id=call_id, client_name=client_name, caller=caller, at=at)
        letters.add(conn, [compose_loss(loss, rules.alarms)])


def _pause(conn: Connection, command: PauseSeat, at: datetime, desk: AlarmDesk) -> None:
    """Pauses her, and writes so to the admin, once a day for each of them; one at her desk is told there alone."""
    if not secretaries.pause(conn, command.secretary_id, at):
        return
    paused: Difference = {"paused": (False, True), "paused_why": ("", PausedBy.REFUSALS.value)}
    audit.add(conn, AuditEntry(at=at, actor=SWITCH, verb=Verb.PAUSE_BEGUN, subject=command.name, difference=paused))
    if desk.address and not command.silent:
        letters.add(conn, [compose_pause(Pause(command.secretary_id, command.name, at), desk)])


def _write_letters(conn: Connection, step: Save, rules: Rules) -> None:
    """The call is over for the secretary: the client is told now, or when she has written her message."""
    her = step.call.answered_by.secretary_id if step.call.answered_by else None
    messages.call_is_over(conn, summary_of(step.call), her, step.entries[-1].at, rules)


def _settle_claims(conn: Connection, steps: Sequence[Save], rules: Rules) -> list[bool]:
    """Gives back and claims seats and units in the order of the steps: what is freed by one may be claimed by the
    next of the same commit. For each step: False if it, or one of the same call before it, did not get its claim."""
    kept, freeing, refused = [], list[Save](), set[str]()
    for step in steps:
        if any(isinstance(command, ClaimSeat) for command in step.commands):
            calls.free_seats(conn, freeing)
            freeing = []
        if step.call.id in refused or not _claims(conn, step, rules):
            refused.add(step.call.id)
            kept.append(False)
            continue
        kept.append(True)
        freeing.append(step)
    calls.free_seats(conn, freeing)
    return kept


def _claims(conn: Connection, step: Save, rules: Rules) -> bool:
    """Whether the step got what it claims; what it gives back of the client's calls is free at once."""
    for command in step.commands:
        if isinstance(command, ClaimSeat) and not calls.claim_seat(conn, step, command.secretary_id):
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
        write_offer(conn, out_of_calls, at, rules.bag_sizes, rules.office_name, answers_read=rules.answers_read)
    return False


def _arrived(call: Call, at: datetime) -> Arrived:
    return Arrived(call.id, call.caller.number, call.arrived_at or at)


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


def _tell_flood(conn: Connection, client_id: int, at: datetime, desk: AlarmDesk) -> None:
    """Writes to the admin if more calls of the client were answered in the minute before `at` than people make."""
    if not desk.address:
        return
    recent = repeats.answered_since(conn, client_id, at - FLOOD_WINDOW)
    if found := flood([one for one in recent if one.answered_at <= at]):
        known = clients.get(conn, client_id)
        letters.add(conn, [compose_flood(found, client_id, known.slug, known.name, at, desk)])
