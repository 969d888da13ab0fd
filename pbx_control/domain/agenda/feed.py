"""A calendar as an iCalendar text (RFC 5545), for programs that subscribe to it, and for a client that takes its data
along.

What is cancelled stays to be seen: its status would have most programs hide it, so its title says it.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

from pbx_control.catalogue import N_
from pbx_control.domain.agenda.appointments import STATE_WORDS, Appointment, AppointmentState
from pbx_control.domain.agenda.rules import AgendaCalendar
from pbx_control.domain.agenda.vtimezone import add_zone
from pbx_control.domain.words.sentences import said
from pbx_control.domain.words.wording import clean_line, readable_number

if TYPE_CHECKING:
    from icalendar import Event

# icalendar is imported where it is used: it takes long to load, and only few commands write such a text.

PRODUCT = "-//pbx-control//agenda//ES"
# How often programs are asked to look again.
LOOK_AGAIN = timedelta(minutes=15)
# CSS names, as RFC 7986 has them.
COLOURS = {
    AppointmentState.CONFIRMED: "green",
    AppointmentState.CANCELLED: "red",
    AppointmentState.NO_SHOW: "gray",
}
TITLES = {
    AppointmentState.CONFIRMED: "{title}",
    AppointmentState.CANCELLED: N_("CANCELLED {title}"),
    AppointmentState.NO_SHOW: N_("NO-SHOW {title}"),
}
LONGEST = 500  # characters of what callers have said


def feed_text(
    calendar: AgendaCalendar, appointments: Sequence[Appointment], language: str, *, discreet: bool = False
) -> bytes:
    """The calendar with these appointments, in UTF-8. The same ones give the same text.

    `discreet`: nothing in it says whose they are (clients with sensitive data).
    """
    from icalendar import Calendar

    text = Calendar()
    text.add("prodid", PRODUCT)
    text.add("version", "2.0")
    text.add("method", "PUBLISH")
    for name in ("name", "x-wr-calname"):
        text.add(name, clean_line(calendar.name, 60))
    text.add("x-wr-timezone", calendar.zone)
    text.add("refresh-interval", LOOK_AGAIN, parameters={"VALUE": "DURATION"})
    text.add("x-published-ttl", "PT15M")  # the older word for it
    for one in appointments:
        text.add_component(_event(calendar, one, language, discreet))
    add_zone(text, calendar.zone, [one.starts for one in appointments])
    return bytes(text.to_ical())


def archive_text(
    calendars: Mapping[int, AgendaCalendar],
    pages: Iterable[Iterable[Appointment]],
    years: Sequence[datetime],
    language: str,
) -> Iterator[bytes]:
    """Appointments of several calendars (by id) as one text, page by page; `years`: some instant of the first year and
    of the last one."""
    from icalendar import Calendar

    head = Calendar()
    head.add("prodid", PRODUCT)
    head.add("version", "2.0")
    for zone in sorted({one.zone for one in calendars.values()}):
        add_zone(head, zone, years)
    begun, end, _ = bytes(head.to_ical()).rpartition(b"END:VCALENDAR")
    yield begun
    for page in pages:
        yield b"".join(bytes(_event(calendars[one.calendar_id], one, language, False).to_ical()) for one in page)
    yield end + b"\r\n"


def title_of(one: Appointment, language: str, *, discreet: bool = False) -> str:
    """The appointment's title: its kind and whom it is for, and what became of it."""
    whom = "" if discreet else clean_line(one.name, 60)
    title = ": ".join(filter(None, [clean_line(one.kind, 60), whom]))
    return said(language, TITLES[one.state], {"title": title})


def text_of(one: Appointment, language: str) -> str:
    """What is known of the appointment, a line each."""
    told = [(N_("Name"), one.name), (N_("Telephone"), readable_number(one.number)), (N_("E-mail"), one.email)]
    lines = [f"{said(language, label, {})}: {clean_line(value, LONGEST)}" for label, value in told if value]
    lines += [f"{clean_line(question, 200)} {clean_line(answer, LONGEST)}" for question, answer in one.answers.items()]
    return "\n".join(lines + [clean_line(line, LONGEST) for line in one.note.splitlines()])


def add_times(event: "Event", starts: datetime, ends: datetime, zone: ZoneInfo) -> None:
    """When it is, in wall time of the zone. Where clocks are set within it its length is said instead of its end: a
    wall time that comes twice would be taken for the first (RFC 5545, 3.3.5)."""
    first, last = starts.astimezone(zone), ends.astimezone(zone)
    event.add("dtstart", first)
    if last.utcoffset() == first.utcoffset():
        event.add("dtend", last)
    else:
        event.add("duration", ends - starts)


def _event(calendar: AgendaCalendar, one: Appointment, language: str, discreet: bool) -> "Event":
    from icalendar import Event

    event = Event()
    event.add("uid", one.uid)
    event.add("sequence", one.sequence)
    # The same as long as nothing changes: who looks again is told that nothing has.
    event.add("dtstamp", one.changed_at.astimezone(UTC))
    event.add("last-modified", one.changed_at.astimezone(UTC))
    event.add("created", one.booked_at.astimezone(UTC))
    add_times(event, one.starts, one.ends, ZoneInfo(calendar.zone))
    event.add("summary", title_of(one, language, discreet=discreet))
    if not discreet and (text := text_of(one, language)):
        event.add("description", text)
    if calendar.place.address:
        event.add("location", clean_line(calendar.place.address, 200))
    event.add("status", "CONFIRMED")
    event.add("transp", "TRANSPARENT" if one.state is AppointmentState.CANCELLED else "OPAQUE")
    event.add("categories", [said(language, STATE_WORDS[one.state], {})])
    event.add("color", COLOURS[one.state])
    return event
