"""Booking into clients' calendars (docs/service.md rule 14). Our store decides, a remote calendar is a mirror.

`house`: who writes to callers and clients of a change; no change is made without it.

Whoever books or holds a slot takes the calendar's row first: of two that want one slot at one instant exactly one gets
it (docs/decisions/agenda.md).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4
from zoneinfo import ZoneInfo

from sqlalchemy import Connection

from pbx_control.catalogue import N_
from pbx_control.domain import checks
from pbx_control.domain.agenda.appointments import HELD_MINUTES, Appointment, cancelled, missed, moved
from pbx_control.domain.agenda.rules import AgendaCalendar, Kind, Rules, Source, length_text
from pbx_control.domain.agenda.slots import Slot, Taken, WhyNot, free_slots, is_free, why_not
from pbx_control.domain.audit import Actor, ActorKind, Verb
from pbx_control.domain.desk.protocol import Problem, told
from pbx_control.domain.notices.appointment_letters import House
from pbx_control.errors import ClientMistake, Code, Field
from pbx_control.services import appointment_letters, calendars
from pbx_control.services.protocols import local
from pbx_control.services.standing import refuse_cancelled
from pbx_control.services.work import Work
from pbx_control.store import agenda, audit, clients
from pbx_control.store.agenda import Hold

# How many other slots are named to whoever asks for one that is not free, and how far ahead they are looked for.
NEAR, NEAR_WITHIN = 3, timedelta(days=14)
LONGEST_NOTE, LONGEST_ANSWER = 1000, 300


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """What is to be booked, and for whom."""

    client_id: int
    calendar: str  # short name
    kind: str = ""  # its name; "": the calendar's only one
    starts: datetime
    name: str
    number: str = ""
    email: str = ""  # "": he wants no letter
    answers: Mapping[str, str] = field(default_factory=dict)  # by question
    note: str = ""
    language: str = ""  # "": the client's
    call_id: str | None = None  # during which it is booked
    holder: str = ""  # who holds the slot
    key: UUID | None = None  # whoever sends one order twice gets one appointment; it is the appointment's UID


@dataclass(frozen=True, slots=True)
class _Place:
    """A calendar whose row is locked, and what its slots follow from."""

    calendar: AgendaCalendar
    rules: Rules


# --- free slots -------------------------------------------------------------------------------------------


def free(
    conn: Connection,
    client_id: int,
    calendar: str,
    kind: str,
    since: datetime,
    until: datetime,
    now: datetime,
    holder: str = "",
) -> list[Slot]:
    """The calendar's free slots for that kind ("": its only one) that begin between two instants; what `holder` holds
    is free for him. Raises ClientMistake if there is no such calendar or kind."""
    found = calendars.get(conn, client_id, calendar)
    place = _Place(found, calendars.rules_of(conn, found, now))
    return _free(conn, place, calendars.find_kind(conn, found, kind), since, until, now, holder=holder)


def free_to_move(
    conn: Connection,
    client_id: int,
    appointment_id: int,
    since: datetime,
    until: datetime,
    now: datetime,
    holder: str = "",
) -> list[Slot]:
    """Where an appointment could be moved to: free slots of its length that begin between two instants; its own time
    does not stand in its way. Raises ClientMistake if there is none of that number."""
    one = get(conn, client_id, appointment_id)
    calendar = agenda.calendar_by_id(conn, one.calendar_id, client_id)
    if calendar is None:
        raise ClientMistake("there is no appointment {id}", Code.NO_SUCH_APPOINTMENT, id=appointment_id)
    place = _Place(calendar, calendars.rules_of(conn, calendar, now))
    return _free(conn, place, _kind_of(one), since, until, now, holder=holder, but=one.id)


def hold(
    conn: Connection, client_id: int, calendar: str, kind: str, starts: datetime, holder: str, now: datetime
) -> Hold:
    """Holds a slot for somebody (a secretary's name) for HELD_MINUTES, in place of what he held in that calendar. Held
    again, it lasts as long anew.

    Raises ClientMistake if the slot is not free, or there is no such calendar or kind.
    """
    place = _locked(conn, client_id, calendar, now)
    wanted = calendars.find_kind(conn, place.calendar, kind)
    slot = _require_free(conn, place, wanted, starts, now, holder=holder)
    agenda.forget_holds(conn, now)
    until = now + timedelta(minutes=HELD_MINUTES)
    held = Hold(holder=holder[:64], starts=slot.starts, blocked_until=slot.ends + wanted.after, until=until)
    agenda.put_hold(conn, place.calendar.id, held)
    return held


def release(conn: Connection, client_id: int, calendar: str, holder: str) -> bool:
    """Gives back what somebody holds in a calendar; whether that was something. Raises ClientMistake if there is no
    such calendar."""
    return agenda.release(conn, calendars.get(conn, client_id, calendar).id, holder[:64])


# --- changes ----------------------------------------------------------------------------------------------


def book(work: Work, order: Order, *, house: House) -> Appointment:
    """Books a free slot. One order, told by its key, books once: sent again it gives what was booked.

    Raises ClientMistake if the slot is not free (SLOT_TAKEN), the client has cancelled, there is no such calendar, kind
    or call, or a value will not do.
    """
    refuse_cancelled(work.conn, order.client_id)
    place = _locked(work.conn, order.client_id, order.calendar, work.at)
    if order.key and (known := agenda.appointment_by_uid(work.conn, str(order.key))):
        return _same_order(known, order, place)
    kind = calendars.find_kind(work.conn, place.calendar, order.kind)
    call_id, came = _call(work.conn, order)
    who = _checked(work, order.client_id, place.calendar, _wanted(order), kept={"number": came})
    slot = _require_free(work.conn, place, kind, order.starts, work.at, holder=order.holder)
    new = Appointment(
        id=0,
        uid=str(order.key or uuid4()),
        calendar_id=place.calendar.id,
        client_id=order.client_id,
        call_id=call_id,
        kind=kind.name,
        starts=slot.starts,
        ends=slot.ends,
        blocked_until=slot.ends + kind.after,
        booked_by=work.actor.name,
        booked_at=work.at,
        changed_at=work.at,
        **who,
    )
    new = replace(new, id=agenda.insert_appointment(work.conn, new))
    if order.holder:
        agenda.release(work.conn, place.calendar.id, order.holder[:64])
    _changed(work, place.calendar, None, new, Verb.APPOINTMENT_BOOKED, house)
    return new


def move(
    work: Work, client_id: int, appointment_id: int, starts: datetime, holder: str = "", *, house: House
) -> Appointment:
    """Moves an appointment to another free slot of its calendar; it keeps its length. Where it is there already,
    nothing changes.

    Raises ClientMistake if there is none of that number, it is over or cancelled, or the slot is not free.
    """
    place, old = _locked_with(work, client_id, appointment_id)
    to = Slot(_instant(starts), _instant(starts) + (old.ends - old.starts))
    new = moved(old, to, work.at)
    if new == old:
        return old
    _require_free(work.conn, place, _kind_of(old), to.starts, work.at, holder=holder, but=old.id)
    if holder:
        agenda.release(work.conn, place.calendar.id, holder[:64])
    return _put(work, place.calendar, old, new, Verb.APPOINTMENT_MOVED, house)


def cancel(work: Work, client_id: int, appointment_id: int, *, house: House) -> Appointment:
    """Cancels an appointment: its slot is free again. One that is cancelled already stays as it is.

    Raises ClientMistake if there is none of that number, it is over, or nobody came.
    """
    place, old = _locked_with(work, client_id, appointment_id)
    return _put(work, place.calendar, old, cancelled(old, work.at), Verb.APPOINTMENT_CANCELLED, house)


def cancel_coming(work: Work, client_id: int, *, house: House) -> int:
    """Cancels all of a client's appointments that are not over, each with its letters; how many these were."""
    found = coming(work.conn, client_id, work.at)
    for one in found:
        cancel(work, client_id, one.id, house=house)
    return len(found)


def no_show(work: Work, client_id: int, appointment_id: int) -> Appointment:
    """Notes that nobody came.

    Raises ClientMistake if there is none of that number, it has not begun, or is cancelled.
    """
    place, old = _locked_with(work, client_id, appointment_id)
    # Only the client knows who came: nobody is written to.
    return _put(work, place.calendar, old, missed(old, work.at), Verb.APPOINTMENT_MISSED, None)


def change(work: Work, client_id: int, appointment_id: int, *, house: House, **wanted: Any) -> Appointment:
    """Changes what is known of whom it is for: name, number, email, answers, note, language. Invitations need not tell
    that: `sequence` stays.

    Raises ClientMistake if there is none of that number, or a value will not do.
    """
    place, old = _locked_with(work, client_id, appointment_id)
    now = {name: getattr(old, name) for name in _FIELDS}
    checked = _checked(work, client_id, place.calendar, now | wanted, kept=now)
    new = replace(old, **checked)
    if new != old:
        new = replace(new, changed_at=work.at)
    return _put(work, place.calendar, old, new, Verb.APPOINTMENT_CHANGED, house)


# --- reading ----------------------------------------------------------------------------------------------


def get(conn: Connection, client_id: int, appointment_id: int) -> Appointment:
    """The client's appointment. Raises ClientMistake if it has none of that number."""
    found = agenda.find_appointment(conn, appointment_id, client_id)
    if found is None:
        raise ClientMistake("there is no appointment {id}", Code.NO_SUCH_APPOINTMENT, id=appointment_id)
    return found


def coming(conn: Connection, client_id: int, at: datetime, number: str = "") -> Sequence[Appointment]:
    """The client's appointments that are not over, the next one first; those of one caller only, if his number is
    given, as calls have it."""
    return agenda.coming(conn, client_id, at, number=number)


def is_booked_by_client(conn: Connection, one: Appointment, calendar: AgendaCalendar) -> bool:
    """Whether one of the client's own people booked it, not the office."""
    booker = _booker(conn, one, f"{clients.get(conn, one.client_id).slug}: {calendar.slug} {one.id}")
    return booker is not None and booker.kind is ActorKind.USER


def _booker(conn: Connection, one: Appointment, subject: str) -> Actor | None:
    """Who has booked it, by the audit trail."""
    entries = audit.about(conn, one.client_id, Verb.APPOINTMENT_BOOKED, subject)
    return entries[-1].actor if entries else None


# --- each change ------------------------------------------------------------------------------------------

_FIELDS = ("name", "number", "email", "answers", "note", "language")


def _put(
    work: Work, calendar: AgendaCalendar, old: Appointment, new: Appointment, verb: Verb, house: House | None
) -> Appointment:
    if new != old:
        agenda.update_appointment(work.conn, new)
        _changed(work, calendar, old, new, verb, house)
    return new


def _changed(
    work: Work,
    calendar: AgendaCalendar,
    before: Appointment | None,
    after: Appointment,
    verb: Verb,
    house: House | None,
) -> None:
    """What each change entails, in its transaction: the entry, which names nobody, that the mirror is to be told, and
    the letters.

    `before` is None for one that was booked just now.
    """
    old = _facts(before) if before else {}
    now = _facts(after)
    new = {name: value for name, value in now.items() if value != old.get(name)}
    subject = f"{clients.get(work.conn, after.client_id).slug}: {calendar.slug} {after.id}"
    work.note(verb, subject, client_id=after.client_id, old=old, new=new)
    if calendar.source is not Source.OWN:
        agenda.put_mirror_due(work.conn, after.id, work.at)
    if house:
        booker = _booker(work.conn, after, subject) if before else work.actor
        appointment_letters.changed(work.conn, calendar, before, after, work.at, house, booker)


def _facts(one: Appointment) -> dict[str, object]:
    """What an entry may say of it: nothing of the caller."""
    return {"kind": one.kind, "starts": one.starts, "ends": one.ends, "state": one.state, "call": one.call_id}


# --- the calendar's row -----------------------------------------------------------------------------------


def _locked(conn: Connection, client_id: int, slug: str, now: datetime) -> _Place:
    agenda.lock(conn, calendars.get(conn, client_id, slug).id)
    # Read after waiting: somebody may have changed or removed it meanwhile.
    calendar = calendars.get(conn, client_id, slug)
    return _Place(calendar, calendars.rules_of(conn, calendar, now))


def _locked_with(work: Work, client_id: int, appointment_id: int) -> tuple[_Place, Appointment]:
    calendar_id = get(work.conn, client_id, appointment_id).calendar_id
    agenda.lock(work.conn, calendar_id)
    calendar = agenda.calendar_by_id(work.conn, calendar_id, client_id)
    if calendar is None:
        raise ClientMistake("there is no appointment {id}", Code.NO_SUCH_APPOINTMENT, id=appointment_id)
    place = _Place(calendar, calendars.rules_of(work.conn, calendar, work.at))
    return place, get(work.conn, client_id, appointment_id)


# --- what is free -----------------------------------------------------------------------------------------


def _free(
    conn: Connection,
    place: _Place,
    kind: Kind,
    since: datetime,
    until: datetime,
    now: datetime,
    *,
    holder: str = "",
    but: int | None = None,
) -> list[Slot]:
    # What lies beyond the horizon is not offered: no more than that is read.
    last = min(until, now + place.rules.horizon)
    ends = last + kind.length + kind.after
    taken = agenda.taken(conn, place.calendar.id, since, ends, now, holder=holder, but=but)
    return free_slots(place.rules, kind, taken, since, last, now)


def _require_free(
    conn: Connection,
    place: _Place,
    kind: Kind,
    starts: datetime,
    now: datetime,
    *,
    holder: str = "",
    but: int | None = None,
) -> Slot:
    """The slot that begins at that instant. Raises ClientMistake, naming the next ones, if it is not free."""
    starts = _instant(starts)
    slot = Slot(starts, starts + kind.length)
    taken: list[Taken] = agenda.taken(
        conn, place.calendar.id, starts, slot.ends + kind.after, now, holder=holder, but=but
    )
    if is_free(place.rules, kind, taken, starts, now):
        return slot
    why = why_not(place.rules, kind, starts, now)
    if why is None:
        booked = agenda.taken(conn, place.calendar.id, starts, slot.ends + kind.after, now, but=but, holds=False)
        template = _TAKEN if not is_free(place.rules, kind, booked, starts, now) else _HELD
    else:
        template = _REFUSALS[why]
    near = _near(conn, place, kind, starts, now, holder, but)
    values = _values_of_refusal(place, starts, near)
    if why is None:
        raise ClientMistake(template, Code.SLOT_TAKEN, **values)
    raise ClientMistake(template, Code.BAD_VALUE, **values, field=Field("starts"))


def _near(
    conn: Connection, place: _Place, kind: Kind, starts: datetime, now: datetime, holder: str, but: int | None
) -> list[Slot]:
    """The free slots after that instant; where there is none, as beyond the horizon, the next ones of all."""
    for since in (max(starts, now), now):
        if found := _free(conn, place, kind, since, since + NEAR_WITHIN, now, holder=holder, but=but):
            return found[:NEAR]
    return []


def _values_of_refusal(place: _Place, starts: datetime, near: Sequence[Slot]) -> dict[str, object]:
    """What any refusal may say."""
    rules = place.rules
    return {
        "when": _wall(starts, rules.zone),
        "calendar": place.calendar.slug,
        "near": ", ".join(_wall(one.starts, rules.zone) for one in near) or "–",
        "lead": length_text(rules.lead),
        "horizon": length_text(rules.horizon),
        "hours": place.calendar.week,
        "step": rules.step,
        "holiday": rules.holidays.get(starts.astimezone(rules.zone).date(), ""),
    }


# A sentence for each reason; each names the next times that are free.
_TAKEN = N_("{when} is taken in {calendar}; free next: {near}")
_HELD = N_("{when} is held in {calendar} for another caller, for some minutes; free next: {near}")
_REFUSALS: Mapping[WhyNot, str] = {
    WhyNot.PAST: N_("{when} has passed; free next in {calendar}: {near}"),
    WhyNot.TOO_SOON: N_("{when} is too soon: {calendar} is booked {lead} ahead at least; free next: {near}"),
    WhyNot.TOO_LATE: N_("{when} is too far: {calendar} is booked {horizon} ahead at most; free next: {near}"),
    WhyNot.HOLIDAY: N_("{when} is on a holiday ({holiday}); free next in {calendar}: {near}"),
    WhyNot.CLOSED: N_("{when} is outside the hours of {calendar} ({hours}); free next: {near}"),
    WhyNot.OFF_STEP: N_(
        "no appointment of {calendar} begins at {when}: they begin every {step} minutes ({hours}); free next: {near}"
    ),
    WhyNot.TOO_LONG: N_("at {when} it would last beyond the hours of {calendar} ({hours}); free next: {near}"),
}


def _wall(at: datetime, zone: ZoneInfo) -> str:
    return f"{at.astimezone(zone):%Y-%m-%d %H:%M}"


def _instant(at: datetime) -> datetime:
    return at.astimezone(UTC)


def _kind_of(one: Appointment) -> Kind:
    """As long as the appointment is, and with its buffer: its kind may be another one by now."""
    return Kind(0, one.kind, _minutes(one.ends - one.starts), _minutes(one.blocked_until - one.ends))


def _minutes(length: timedelta) -> int:
    return length // timedelta(minutes=1)


# --- what may be written ----------------------------------------------------------------------------------


def _same_order(known: Appointment, order: Order, place: _Place) -> Appointment:
    if (known.calendar_id, known.starts) != (place.calendar.id, _instant(order.starts)):
        raise ClientMistake("with this key something else was booked", Code.CHANGED_MEANWHILE)
    return known


def _wanted(order: Order) -> dict[str, Any]:
    return {name: getattr(order, name) for name in _FIELDS}


def _checked(
    work: Work, client_id: int, calendar: AgendaCalendar, wanted: Mapping[str, Any], kept: Mapping[str, Any]
) -> dict[str, Any]:
    """Whom it is for, as it is kept. What is in `kept` was there before: it stays, whatever it is. Raises
    ClientMistake."""
    conn = work.conn
    return {
        "name": checks.line(wanted["name"], "name", longest=80),
        "number": _number(work, client_id, wanted["number"], kept["number"]),
        "email": checks.email(wanted["email"]) if wanted["email"] else "",
        "answers": _answers(calendar, wanted["answers"], kept.get("answers", {})),
        "note": checks.paragraph(wanted["note"], "note", longest=LONGEST_NOTE, places=None) if wanted["note"] else "",
        "language": checks.language(wanted["language"] or clients.language_of(conn, client_id)),
    }


def _number(work: Work, client_id: int, text: str, kept: str) -> str:
    """The number as calls have it: by that a caller's appointments are found. A caller's own is as it came."""
    if text.strip() in ("", kept):
        return text.strip()
    # Imported here: what is known of numbers takes long to load.
    from pbx_control.domain.telephony.numbering import typed_number

    place = local(work.conn, client_id, work.at)
    found = typed_number(text, place.country)
    if not found:
        problem = told(Problem.NO_TELEPHONE, place)
        raise ClientMistake(problem.template, Code.BAD_NUMBER, **problem.values, field=Field("number"))
    return found


def _answers(calendar: AgendaCalendar, answers: Mapping[str, str], kept: Mapping[str, str]) -> dict[str, str]:
    """Answers by the calendar's questions; a question that is not asked any more may keep its answer."""
    tidy = {
        checks.line(question, "questions", longest=200): checks.line(answer, "answers", longest=LONGEST_ANSWER)
        for question, answer in answers.items()
        if answer.strip()
    }
    for question in tidy:
        if question not in calendar.questions and question not in kept:
            raise ClientMistake(
                "{slug} does not ask {question}: it asks {known}",
                Code.BAD_VALUE,
                slug=calendar.slug,
                question=repr(question[:60]),
                known=", ".join(calendar.questions) or "–",
                field=Field("answers"),
            )
    return tidy


def _call(conn: Connection, order: Order) -> tuple[str | None, str]:
    """The call during which it is booked, and who called. Raises ClientMistake if it is not the client's."""
    if order.call_id is None:
        return None, ""
    caller = agenda.caller_of(conn, order.call_id, order.client_id)
    if caller is None:
        raise ClientMistake("there is no call {id}", Code.NO_SUCH_CALL, id=repr(order.call_id[:64]))
    return order.call_id, caller
