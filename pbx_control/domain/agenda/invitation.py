"""The iCalendar text by which a mail program puts an appointment into a calendar, and takes it out again.

RFC 5546 says what each METHOD must have, RFC 5545 how it is written. The icalendar package writes it.
"""

from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

from pbx_control.domain import checks
from pbx_control.domain.agenda.clock_changes import Observance, observances
from pbx_control.domain.words.wording import NAME_LIMIT, clean_line

if TYPE_CHECKING:
    from icalendar import Component, Timezone, vCalAddress

# Characters of one line of what an event shows.
LINE_LIMIT = 500
MOST_LINES = 40
# What names the program that wrote it (RFC 5545, 3.7.3).
PRODUCT = "-//pbx-control//agenda//EN"
METHOD_LINE = "\nMETHOD:"


class Method(StrEnum):
    """What is asked of a calendar; the names are RFC 5546's."""

    REQUEST = "REQUEST"  # put it in, or in place of what has its UID
    CANCEL = "CANCEL"


@dataclass(frozen=True, slots=True, kw_only=True)
class Invitation:
    """What one says. Texts may come from anybody: they are text in the calendar, too, and never another property."""

    method: Method
    uid: str  # the appointment's, for ever
    sequence: int
    at: datetime  # when it was written, aware
    starts: datetime  # aware
    ends: datetime
    zone: str  # IANA name
    title: str
    text: str = ""  # of several lines
    place: str = ""
    organizer: str  # the address that it is sent from: others are refused as forged
    organizer_name: str = ""
    attendee: str  # the address that it is sent to
    attendee_name: str = ""


def written(invitation: Invitation) -> str:
    """The invitation as it goes into a mail; the same one is always the same text. Lines end in CRLF, and none has more
    than 75 octets. Raises ClientMistake for an address that is none."""
    # Imported here: most commands write no invitation.
    from icalendar import Calendar

    zone = ZoneInfo(invitation.zone)
    calendar = Calendar()
    calendar.add("prodid", PRODUCT)
    calendar.add("version", "2.0")
    calendar.add("calscale", "GREGORIAN")
    calendar.add("method", invitation.method.value)
    if not (_comes_twice(invitation.starts, zone) and _comes_twice(invitation.ends, zone)):
        years = (at.astimezone(zone).year for at in (invitation.starts, invitation.ends))
        calendar.add_component(_timezone(zone, *years))
    calendar.add_component(_event(invitation, zone))
    text: str = calendar.to_ical().decode()
    return text


def method_of(text: str) -> str:
    """The METHOD of a text that `written` has made; "" for none."""
    _, found, rest = text.partition(METHOD_LINE)
    return rest.partition("\r\n")[0] if found else ""


def _event(invitation: Invitation, zone: ZoneInfo) -> "Component":
    from icalendar import Event

    cancelled = invitation.method is Method.CANCEL
    event = Event()
    event.add("uid", clean_line(invitation.uid, LINE_LIMIT))
    event.add("sequence", invitation.sequence)
    event.add("dtstamp", invitation.at.astimezone(UTC))
    event.add("dtstart", _written_time(invitation.starts, zone))
    event.add("dtend", _written_time(invitation.ends, zone))
    event.add("summary", clean_line(invitation.title, LINE_LIMIT))
    if text := _lines(invitation.text):
        event.add("description", text)
    if place := clean_line(invitation.place, LINE_LIMIT):
        event.add("location", place)
    event.add("status", "CANCELLED" if cancelled else "CONFIRMED")
    event.add("transp", "TRANSPARENT" if cancelled else "OPAQUE")
    event.add("organizer", _person(invitation.organizer, invitation.organizer_name))
    event.add("attendee", _attendee(invitation))
    return event


def _attendee(invitation: Invitation) -> "vCalAddress":
    attendee = _person(invitation.attendee, invitation.attendee_name)
    # Some programs offer to keep only what needs an answer. None is asked for: he has said yes on the telephone.
    answer = {"PARTSTAT": "NEEDS-ACTION", "RSVP": "FALSE"}
    attendee.params.update({"CUTYPE": "INDIVIDUAL", "ROLE": "REQ-PARTICIPANT", **answer})
    return attendee


def _person(address: str, name: str) -> "vCalAddress":
    from icalendar import vCalAddress

    person = vCalAddress(f"mailto:{checks.wire_email(address)}")
    # A parameter cannot hold a quotation mark (RFC 5545, 3.2).
    if shown := clean_line(name, NAME_LIMIT).replace('"', "'"):
        person.params["CN"] = shown
    return person


def _lines(text: str) -> str:
    lines = [clean_line(line, LINE_LIMIT) for line in text.splitlines()[:MOST_LINES]]
    return "\n".join(lines).strip()


def _written_time(at: datetime, zone: ZoneInfo) -> datetime:
    """In the zone's wall time, so that it stays what was said if the zone's rules change; in UTC where that time comes
    twice: a text cannot say which of both is meant."""
    return at.astimezone(UTC if _comes_twice(at, zone) else zone)


def _comes_twice(at: datetime, zone: ZoneInfo) -> bool:
    local = at.astimezone(zone)
    return local.utcoffset() != local.replace(fold=1 - local.fold).utcoffset()


def _timezone(zone: ZoneInfo, first_year: int, last_year: int) -> "Timezone":
    from icalendar import Timezone

    described = Timezone()
    described.add("tzid", zone.key)
    for each in observances(zone, first_year, last_year):
        described.add_component(_observance(each))
    return described


def _observance(each: Observance) -> "Component":
    from icalendar import TimezoneDaylight, TimezoneStandard

    part = TimezoneDaylight() if each.is_summer else TimezoneStandard()
    part.add("dtstart", each.onsets[0])
    part.add("tzoffsetfrom", each.before)
    part.add("tzoffsetto", each.after)
    part.add("tzname", each.name)
    if each.yearly:
        rule = {"freq": "yearly", "bymonth": each.yearly.month, "byday": f"{each.yearly.place}{each.yearly.weekday}"}
        part.add("rrule", rule)
    elif each.onsets[1:]:
        part.add("rdate", list(each.onsets[1:]))
    return part
