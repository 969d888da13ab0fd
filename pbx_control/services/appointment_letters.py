"""Writes to callers and clients about appointments, in the transaction of each change, and reminds callers the day
before (docs/service.md rule 14)."""

from dataclasses import replace
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

import structlog
from sqlalchemy import Connection, Engine

from pbx_control.domain.agenda.appointments import Appointment, AppointmentState
from pbx_control.domain.agenda.rules import AgendaCalendar
from pbx_control.domain.audit import Actor, ActorKind, Verb
from pbx_control.domain.notices import kinds
from pbx_control.domain.notices.appointment_letters import (
    About,
    Firm,
    House,
    Tells,
    letter_name,
    to_caller,
    to_leaver,
    to_recipient,
)
from pbx_control.domain.notices.discretion import without_content
from pbx_control.domain.notices.messages import Channel, Letter, Recipient
from pbx_control.domain.office import ClientState
from pbx_control.domain.words.sentences import Sentence
from pbx_control.services.work import Work, booking
from pbx_control.settings import Settings
from pbx_control.store import agenda, clients, dids, letters, protocols, recipients, restrictions
from pbx_control.store.engine import reading

log = structlog.get_logger()

DAY = timedelta(days=1)


def house_of(settings: Settings) -> House:
    """Who sends the letters, by the settings. Raises ClientMistake if the sender's address is none."""
    # Imported here: it knows how mail is sent, which few commands need.
    from pbx_control.notify.mail import sender_address

    sender = sender_address(settings.mail.sender, settings.office.name).addr_spec
    return House(office=settings.office.name, sender=sender, url=settings.web.url)


def changed(
    conn: Connection,
    calendar: AgendaCalendar,
    before: Appointment | None,
    after: Appointment,
    at: datetime,
    house: House,
    booker: Actor | None,
) -> list[Letter]:
    """Writes what an appointment's change is told by, in its transaction; gives the letters. `before` is None for one
    that was booked just now. `booker`: who has booked it; None if nobody knows any more.

    What is over by then, and what has changed in nothing but words, is told nobody; but who has another address is
    written to there, and the one that he had is told that it is cancelled.
    """
    if after.ends <= at:
        return []
    firm = _firm(conn, after.client_id)
    about = replace(_about(before, after, calendar, firm, house, at), booked_by=_named(booker, house))
    told = [*_to_callers(conn, before, after, about), *(_to_recipients(conn, about) if _is_news(before, after) else ())]
    letters.add(conn, told)
    return told


def _about(
    before: Appointment | None, after: Appointment, calendar: AgendaCalendar, firm: Firm, house: House, at: datetime
) -> About:
    tells, was = Tells.CONFIRMED, None
    if after.state is AppointmentState.CANCELLED:
        tells = Tells.CANCELLED
    elif before and before.starts != after.starts:
        tells, was = Tells.MOVED, before.starts
    return About(tells=tells, appointment=after, calendar=calendar, firm=firm, house=house, before=was, at=at)


def _named(booker: Actor | None, house: House) -> str:
    """Who has booked it, as the client's people may read it: a secretary, one of their own, else the office. What an
    admin is called on this machine is nobody's business."""
    match booker.kind if booker else None:
        case ActorKind.SECRETARY:
            return booker.name if booker else ""
        case ActorKind.USER:
            return f"{booker.name} (portal)" if booker else ""
    return house.office


def _is_news(before: Appointment | None, after: Appointment) -> bool:
    """Whether it is another time, or another state: a no-show is the client's own knowledge."""
    return before is None or before.sequence != after.sequence


def _to_callers(conn: Connection, before: Appointment | None, after: Appointment, about: About) -> list[Letter]:
    had = before.email if before else ""
    written = []
    if had and had.casefold() != after.email.casefold() and after.state is AppointmentState.CONFIRMED:
        written.append(_to_caller(conn, _as(about, Tells.CANCELLED), had))
    is_new_there = before is None or had.casefold() != after.email.casefold()
    if after.email and (_is_news(before, after) or (is_new_there and after.state is AppointmentState.CONFIRMED)):
        tells = Tells.CONFIRMED if is_new_there and after.state is AppointmentState.CONFIRMED else about.tells
        written.append(_to_caller(conn, _as(about, tells), after.email))
    return written


def _as(about: About, tells: Tells) -> About:
    return replace(about, tells=tells, before=about.before if tells is Tells.MOVED else None)


def _to_caller(conn: Connection, about: About, address: str) -> Letter:
    first = letters.first_about(conn, about.appointment.uid, Recipient(Channel.EMAIL, address))
    return to_caller(about, address, first)


def _to_recipients(conn: Connection, about: About) -> list[Letter]:
    one, written = about.appointment, []
    for person in recipients.of_client(conn, one.client_id, kinds.About.APPOINTMENTS):
        letter = to_recipient(about, person, letters.first_about(conn, one.uid, person))
        if about.firm.sensitive:
            firm, house = about.firm, about.house
            letter = without_content(letter, firm.name, firm.language, house.office, house.url, about.page)
        written.append(letter)
    return written


def _firm(conn: Connection, client_id: int) -> Firm:
    known = clients.get(conn, client_id)
    return Firm(
        name=known.name,
        language=known.language,
        number=next(iter(dids.of_client(conn, client_id)), ""),
        colour=protocols.in_force(conn, client_id).protocol.colour,
        sensitive=known.sensitive,
    )


def tell_leaver(conn: Connection, client_id: int, coming: int, until: date, at: datetime, house: House) -> int:
    """Writes to a client that has cancelled, in that transaction, what becomes of its appointments that are to come; to
    how many of its recipients. Those who get letters about appointments, else all of them."""
    firm = _firm(conn, client_id)
    whom = recipients.of_client(conn, client_id, kinds.About.APPOINTMENTS) or recipients.of_client(conn, client_id)
    letters.add(conn, [to_leaver(firm, house, client_id, coming, until, each, at) for each in whom])
    return len(whom)


# --- reminders --------------------------------------------------------------------------------------------


def remind(
    engine: Engine, settings: Settings, zone: ZoneInfo, due_at: datetime, actor: Actor, at: datetime
) -> Sentence:
    """Reminds callers by e-mail of their appointments on the day after `due_at`, in calendars of that zone whose client
    wants it; `at` is the present. Never by a call.

    Once for each appointment and SEQUENCE, however often this is called. What was booked or moved after `due_at` is not
    reminded of: its caller has just been written to. Nor is what has begun by now, or is about data that is blocked.
    """
    house = house_of(settings)
    tomorrow = due_at.astimezone(zone).date() + DAY
    with reading(engine) as conn:
        due = [
            one.id
            for one in agenda.to_remind(conn, zone.key, due_at, at)
            if one.starts.astimezone(zone).date() == tomorrow
        ]
    sent = 0
    for appointment_id in due:
        with booking(engine, actor, at) as work:
            sent += _remind(work, appointment_id, due_at, house)
    return Sentence("reminders of appointments: {sent}", sent=sent)


def _remind(work: Work, appointment_id: int, due_at: datetime, house: House) -> bool:
    """Looks once more, with the calendar's row taken: it may have been moved or cancelled meanwhile."""
    found = agenda.find_appointment(work.conn, appointment_id)
    if found is None:
        return False
    agenda.lock(work.conn, found.calendar_id)
    one = agenda.find_appointment(work.conn, appointment_id)
    calendar = agenda.calendar_by_id(work.conn, found.calendar_id)
    if one is None or calendar is None or not _is_reminded(work, one, calendar, due_at):
        return False
    firm = _firm(work.conn, one.client_id)
    about = About(tells=Tells.REMINDER, appointment=one, calendar=calendar, firm=firm, house=house, at=work.at)
    if letters.is_there(work.conn, [letter_name(about, Recipient(Channel.EMAIL, one.email))]):
        return False
    letters.add(work.conn, [_to_caller(work.conn, about, one.email)])
    slug = clients.get(work.conn, one.client_id).slug
    work.note(Verb.APPOINTMENT_REMINDED, f"{slug}: {calendar.slug} {one.id}", client_id=one.client_id)
    return True


def _is_reminded(work: Work, one: Appointment, calendar: AgendaCalendar, due_at: datetime) -> bool:
    # Nothing is written in the name of a client whose contract has ended.
    if clients.get(work.conn, one.client_id).state is ClientState.CANCELLED:
        return False
    live = one.state is AppointmentState.CONFIRMED and one.starts > work.at and one.booked_at <= due_at
    if not (live and one.email and calendar.reminder) or _is_blocked(work.conn, one):
        return False
    # He was written to of another time, or at another address. A changed note tells him nothing.
    return not letters.has_had(work.conn, one.uid, Recipient(Channel.EMAIL, one.email), due_at)


def _is_blocked(conn: Connection, one: Appointment) -> bool:
    """Whether a request of the caller's is being decided that is about it."""
    blocked = restrictions.in_force(conn, one.number) if one.number else []
    of_call = restrictions.of_calls(conn, [one.call_id]) if one.call_id else set()
    about = (each for each in blocked if each.client_id in (None, one.client_id) and one.booked_at <= each.since)
    return bool(of_call) or any(about)
