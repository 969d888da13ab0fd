"""What a secretary does in the calendars of the client whose call she has, or whose message is still hers
(docs/service.md rule 14). Each question names the call: another's is answered as one that is not on her desk."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from uuid import UUID

from sqlalchemy import Connection, Engine

from pbx_control.domain.agenda.appointments import Appointment
from pbx_control.domain.agenda.rules import AgendaCalendar, Kind, Source
from pbx_control.domain.agenda.slots import Slot
from pbx_control.domain.notices.appointment_letters import House
from pbx_control.domain.words.wording import NAME_LIMIT, clean_line, is_withheld
from pbx_control.errors import ClientMistake, Code
from pbx_control.services import agenda_shown, appointments, calendars, messages
from pbx_control.services.agenda_shown import Days, Shown
from pbx_control.services.appointments import Order
from pbx_control.services.calendars import Whole
from pbx_control.services.work import Work
from pbx_control.settings import Agenda
from pbx_control.store import agenda, desk, restrictions
from pbx_control.store import agenda_shown as stored
from pbx_control.store.agenda import Hold
from pbx_control.store.agenda_shown import Remote
from pbx_control.store.engine import reading

# How many slots near one that is taken are offered, and how far from it they are looked for.
NEAR = 4
NEAR_BEFORE, NEAR_AFTER = timedelta(days=2), timedelta(days=14)
NOTHING_REMOTE = Remote(None, "")


@dataclass(frozen=True, slots=True)
class OnDesk:
    """A call that is on her desk: whose client's, and who called."""

    call_id: str
    client_id: int
    holder: str  # her name, by which slots are held
    number: str  # the caller's; "": withheld
    name: str  # as his telephone company told it; may be empty


@dataclass(frozen=True, slots=True)
class Concerned:
    """An appointment that the call is about, and its calendar."""

    shown: Shown
    calendar: AgendaCalendar
    booked_now: bool  # during this call


@dataclass(frozen=True, slots=True, kw_only=True)
class Panel:
    """The client's calendars, and what is free next in the one that she looks at (None: there is none)."""

    on_desk: OnDesk
    calendars: Sequence[Whole]
    chosen: AgendaCalendar | None = None
    kind: Kind | None = None
    free: Mapping[date, Sequence[Slot]] = field(default_factory=dict)
    held: Hold | None = None  # by her
    concerned: Sequence[Concerned] = ()
    remote: Remote = NOTHING_REMOTE


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """What she books: the slot, and whom it is for. One `key` books once."""

    key: UUID
    calendar: str
    kind: str
    starts: datetime
    name: str
    number: str = ""
    email: str = ""
    answers: Mapping[str, str] = field(default_factory=dict)
    note: str = ""


@dataclass(frozen=True, slots=True)
class Instead:
    """Why a slot is not to be had: who has it ("": it is not known), whether he has booked it; and slots near it."""

    who: str
    booked: bool
    near: Sequence[Slot]
    calendar: AgendaCalendar


# --- what she sees ----------------------------------------------------------------------------------------


def on_desk(conn: Connection, call_id: str, secretary_id: int, at: datetime) -> OnDesk:
    """The call on her desk. Raises ClientMistake (NOT_ON_DESK) if it is another's, or was hers and is settled."""
    draft, call = messages.draft_of(conn, call_id), desk.call_on_desk(conn, call_id)
    over = draft is not None and draft.shown_until is not None and at >= draft.shown_until
    # She may have a call again whose message went long ago: when it was handed over, and came back.
    gone = over and not desk.has_now(conn, call_id, secretary_id)
    if draft is None or call is None or draft.secretary_id != secretary_id or gone:
        raise ClientMistake(
            "the message about the call {call} is not on this desk",
            Code.NOT_ON_DESK,
            call=clean_line(call_id, messages.KEY_SHOWN),
        )
    restrictions.refuse(conn, call_id)
    number = "" if is_withheld(call.caller) else call.caller
    her = desk.name_of(conn, secretary_id)
    return OnDesk(call_id, call.client_id, her, number, clean_line(call.caller_name, NAME_LIMIT))


def panel(
    conn: Connection, call_id: str, secretary_id: int, at: datetime, calendar: str = "", kind: str = ""
) -> Panel:
    """The client's calendars; of the one of that short name ("", or one that is there no more: the first) what is free
    next for that kind, in the same way. Raises ClientMistake (NOT_ON_DESK)."""
    here = on_desk(conn, call_id, secretary_id, at)
    found = calendars.all_of(conn, here.client_id)
    concerned = _concerned(conn, here, at)
    if not found:
        return Panel(on_desk=here, calendars=[], concerned=concerned)
    chosen = next((one for one in found if one.calendar.slug == calendar), found[0])
    wanted = next((one for one in chosen.kinds if one.name == kind), chosen.kinds[0])
    return Panel(
        on_desk=here,
        calendars=found,
        chosen=chosen.calendar,
        kind=wanted,
        free=agenda_shown.next_free(conn, here.client_id, chosen.calendar, wanted, at, here.holder),
        held=stored.hold_of(conn, chosen.calendar.id, here.holder, at),
        concerned=concerned,
        remote=agenda_shown.remote_of(conn, chosen.calendar),
    )


def days(
    conn: Connection,
    call_id: str,
    secretary_id: int,
    at: datetime,
    calendar: str,
    kind: str,
    first: date | None,
    count: int,
) -> Days:
    """Some days of the client's calendar (`agenda_shown.days`). Raises ClientMistake, also NOT_ON_DESK."""
    here = on_desk(conn, call_id, secretary_id, at)
    return agenda_shown.days(conn, here.client_id, calendar, kind, first, count, at, here.holder)


def instead(
    conn: Connection, call_id: str, secretary_id: int, at: datetime, calendar: str, kind: str, starts: datetime
) -> Instead:
    """Who has a slot that she did not get, and which are free near it. Raises ClientMistake, also NOT_ON_DESK."""
    here = on_desk(conn, call_id, secretary_id, at)
    found = calendars.get(conn, here.client_id, calendar)
    wanted = agenda_shown.kind_or_first(conn, found, kind)
    ends = starts + wanted.length
    who, booked = stored.occupant(conn, found.id, starts, ends + wanted.after, at, but=here.holder) or ("", False)
    since, until = starts - NEAR_BEFORE, starts + NEAR_AFTER
    free = appointments.free(conn, here.client_id, found.slug, wanted.name, since, until, at, here.holder)
    near = sorted(sorted(free, key=lambda one: abs(one.starts - starts))[:NEAR])
    return Instead(who, booked, near, found)


# --- what she does ----------------------------------------------------------------------------------------


def hold(
    conn: Connection, call_id: str, secretary_id: int, at: datetime, calendar: str, kind: str, starts: datetime
) -> Hold:
    """Holds a slot for her while she talks. Raises ClientMistake if it is not free, also NOT_ON_DESK."""
    here = on_desk(conn, call_id, secretary_id, at)
    return appointments.hold(conn, here.client_id, calendar, kind, starts, here.holder, at)


def release(conn: Connection, call_id: str, secretary_id: int, at: datetime, calendar: str) -> bool:
    """Gives back what she holds in a calendar; whether that was something. Raises ClientMistake, also NOT_ON_DESK."""
    here = on_desk(conn, call_id, secretary_id, at)
    return appointments.release(conn, here.client_id, calendar, here.holder)


def look_again(
    engine: Engine,
    settings: Agenda,
    call_id: str,
    secretary_id: int,
    at: datetime,
    calendar: str | int,
    starts: datetime,
) -> None:
    """Reads what the client has entered in its own calendar meanwhile, right before a booking or a move; while that is
    away, it is booked so. `calendar`: its short name, or the number of an appointment in it. Raises ClientMistake."""
    with reading(engine) as conn:
        here = on_desk(conn, call_id, secretary_id, at)
        slug = calendar if isinstance(calendar, str) else _calendar_with(conn, here, calendar)
        if calendars.get(conn, here.client_id, slug).source is Source.OWN:
            return
    # Imported here: what is known of others' servers takes long to load.
    from pbx_control.services import calendar_sync

    calendar_sync.look_once(engine, settings, here.client_id, slug, starts)


def _calendar_with(conn: Connection, here: OnDesk, appointment_id: int) -> str:
    appointments.get(conn, here.client_id, appointment_id)  # the client's
    names = agenda.names_of(conn, appointment_id)
    assert names  # an appointment's calendar is not removed before it
    return names[1]


def book(work: Work, call_id: str, secretary_id: int, wanted: Wanted, *, house: House) -> Appointment:
    """Books for the caller, once for each key. Raises ClientMistake as `appointments.book`, also NOT_ON_DESK."""
    here = on_desk(work.conn, call_id, secretary_id, work.at)
    order = Order(
        client_id=here.client_id,
        calendar=wanted.calendar,
        kind=wanted.kind,
        starts=wanted.starts,
        name=wanted.name,
        number=wanted.number,
        email=wanted.email,
        answers=wanted.answers,
        note=wanted.note,
        call_id=call_id,
        holder=here.holder,
        key=wanted.key,
    )
    return appointments.book(work, order, house=house)


def move(
    work: Work, call_id: str, secretary_id: int, appointment_id: int, starts: datetime, *, house: House
) -> Appointment:
    """Moves an appointment of this client's. Raises ClientMistake as `appointments.move`, also NOT_ON_DESK."""
    here = on_desk(work.conn, call_id, secretary_id, work.at)
    _require_usable(work.conn, here, appointment_id, work.at)
    return appointments.move(work, here.client_id, appointment_id, starts, here.holder, house=house)


def cancel(work: Work, call_id: str, secretary_id: int, appointment_id: int, *, house: House) -> Appointment:
    """Cancels an appointment of this client's. Raises ClientMistake as `appointments.cancel`, also NOT_ON_DESK."""
    here = on_desk(work.conn, call_id, secretary_id, work.at)
    _require_usable(work.conn, here, appointment_id, work.at)
    return appointments.cancel(work, here.client_id, appointment_id, house=house)


def _require_usable(conn: Connection, here: OnDesk, appointment_id: int, at: datetime) -> None:
    """Raises ClientMistake if nobody uses its data while a request of the caller's is decided."""
    (one,) = agenda_shown.shown(conn, [appointments.get(conn, here.client_id, appointment_id)], at)
    if one.blocked:
        raise ClientMistake("{call}: blocked while a request is decided", Code.RESTRICTED, call=appointment_id)


def _concerned(conn: Connection, here: OnDesk, at: datetime) -> list[Concerned]:
    found = stored.concerning_call(conn, here.client_id, here.call_id, here.number, at)
    known: dict[int, AgendaCalendar | None] = {}
    for one in found:
        known.setdefault(one.calendar_id, agenda.calendar_by_id(conn, one.calendar_id, here.client_id))
    return [
        Concerned(shown, calendar, shown.appointment.call_id == here.call_id)
        for shown in agenda_shown.shown(conn, found, at)
        if (calendar := known[shown.appointment.calendar_id])
    ]
