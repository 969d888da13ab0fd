"""How an appointment stands in a client's remote calendar: our store decides, that calendar is a mirror.

Confirmed ones are green, cancelled ones red, and still to be seen: the title says so, for programs that show no
colours, and they block nothing. Nobody is an attendee: invitations are our own letters.
"""

import base64
import hashlib
import html
import re
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final
from zoneinfo import ZoneInfo

from icalendar import Calendar, Event
from icalendar.prop import vCategory

from pbx_control.catalogue import N_
from pbx_control.domain.agenda.appointments import Appointment, AppointmentState
from pbx_control.domain.agenda.foreign_zones import without_zones
from pbx_control.domain.agenda.rules import AgendaCalendar
from pbx_control.domain.words.sentences import said
from pbx_control.domain.words.wording import clean_line, readable_number

CANCELLED_TITLE: Final = "CANCELADA"
# Google's event colours: Basil and Tomato.
GOOGLE_GREEN, GOOGLE_RED = "10", "11"
# RFC 7986, 5.9: names of CSS.
GREEN, RED = "green", "red"
CONFIRMED_CATEGORY, CANCELLED_CATEGORY = "CONFIRMADA", CANCELLED_TITLE
# Where our UID and SEQUENCE stand in a Google event.
GOOGLE_UID, GOOGLE_SEQUENCE = "pbxUid", "pbxSequence"
# Where our SEQUENCE stands in a CalDAV event: programs raise the event's own with each change of theirs.
CALDAV_SEQUENCE = "X-PBX-SEQUENCE"
# Characters; Google takes 8192 of a description.
LONGEST_TITLE, LONGEST_TEXT, LONGEST_LOCATION = 200, 6000, 400
# Of a stranger's event so much is looked at, characters.
LONGEST_READ = 4 * 1024 * 1024

_UNFOLDED = re.compile(r"\r?\n[ \t]")
_OURS = (
    *("SUMMARY", "DESCRIPTION", "LOCATION", "DTSTART", "DTEND", "DURATION", "TRANSP", "STATUS", "COLOR"),
    *("SEQUENCE", CALDAV_SEQUENCE),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Mirrored:
    """An appointment as it is to stand there. `sequence` rises with each change; `zone` is the calendar's."""

    uid: str
    sequence: int
    title: str
    text: str = ""
    location: str = ""
    starts: datetime  # UTC
    ends: datetime
    zone: str
    cancelled: bool = False


def mirrored_of(one: Appointment, calendar: AgendaCalendar, language: str, *, by_client: bool) -> Mirrored:
    """An appointment as the client sees it in his own calendar, in his language. `by_client`: one of his own people
    booked it, who is named; who of the office did is the office's own affair."""
    asked = [f"{question}: {answer}" for question, answer in one.answers.items() if answer]
    known = (
        (N_("Telephone: {text}"), readable_number(one.number) if one.number else ""),
        (N_("E-mail: {text}"), one.email),
        (N_("Note: {text}"), one.note),
        (N_("Booked by {text}"), one.booked_by if by_client else ""),
    )
    lines = [said(language, template, {"text": text}) for template, text in known if text]
    if not by_client:
        lines.append(said(language, N_("Booked by the secretaries"), {}))
    return Mirrored(
        uid=one.uid,
        sequence=one.sequence,
        title=f"{one.name}, {one.kind}",
        text="\n".join([*asked, *lines]),
        location=calendar.place.address,
        starts=one.starts,
        ends=one.ends,
        zone=calendar.zone,
        cancelled=one.state is AppointmentState.CANCELLED,
    )


def title_of(one: Mirrored) -> str:
    """Its title; that of a cancelled one begins with «CANCELADA»."""
    title = clean_line(one.title, LONGEST_TITLE)
    return f"{CANCELLED_TITLE}: {title}" if one.cancelled else title


# --- Google Calendar ------------------------------------------------------------------------------------------


def google_id(uid: str) -> str:
    """The event's id there, which is ours to choose: base32hex (RFC 4648, 7), always the same for a UID."""
    return base64.b32hexencode(hashlib.sha256(uid.encode()).digest()[:20]).decode().lower()


def google_event(one: Mirrored) -> dict[str, Any]:
    """The event as Google's API takes it. Its status stays `confirmed`: one that is `cancelled` vanishes."""
    return {
        "id": google_id(one.uid),
        "status": "confirmed",
        "summary": title_of(one),
        # Google shows it as HTML; what callers say is none.
        "description": html.escape(_clean(one.text, LONGEST_TEXT), quote=False),
        "location": clean_line(one.location, LONGEST_LOCATION),
        "start": _google_time(one.starts, one.zone),
        "end": _google_time(one.ends, one.zone),
        "colorId": GOOGLE_RED if one.cancelled else GOOGLE_GREEN,
        "transparency": "transparent" if one.cancelled else "opaque",
        "extendedProperties": {"private": {GOOGLE_UID: one.uid, GOOGLE_SEQUENCE: str(one.sequence)}},
    }


def _google_time(at: datetime, zone: str) -> dict[str, str]:
    return {"dateTime": at.astimezone(ZoneInfo(zone)).isoformat(), "timeZone": zone}


# --- CalDAV ---------------------------------------------------------------------------------------------------


def caldav_name(uid: str) -> str:
    """The name of its file in the calendar."""
    return f"{google_id(uid)}.ics"


def caldav_event(one: Mirrored, at: datetime, old: str = "") -> str:
    """The event as a VCALENDAR, written at `at`. Of `old`, which stands there, what is the client's is kept: his
    alarms, for example."""
    calendar, event = _kept(one.uid, old)
    known, standing = _number(event, CALDAV_SEQUENCE), _number(event, "SEQUENCE")
    for name in _OURS:
        event.pop(name, None)
    categories = [each for each in _categories(event) if each not in (CONFIRMED_CATEGORY, CANCELLED_CATEGORY)]
    event.pop("CATEGORIES", None)
    for name in ("DTSTAMP", "LAST-MODIFIED"):
        event.pop(name, None)
        event.add(name, at.astimezone(UTC).replace(microsecond=0))
    zone = ZoneInfo(one.zone)
    event.add("DTSTART", one.starts.astimezone(zone))
    event.add("DTEND", one.ends.astimezone(zone))
    # It never falls, and rises with each change of ours: programs leave out what looks older.
    least = 0 if standing is None else standing + (known != one.sequence)
    event.add("SEQUENCE", max(one.sequence, least))
    event.add(CALDAV_SEQUENCE, str(one.sequence))
    event.add("SUMMARY", title_of(one))
    for name, text in (
        ("DESCRIPTION", _clean(one.text, LONGEST_TEXT)),
        ("LOCATION", clean_line(one.location, LONGEST_LOCATION)),
    ):
        if text:
            event.add(name, text)
    event.add("STATUS", "CONFIRMED")
    event.add("TRANSP", "TRANSPARENT" if one.cancelled else "OPAQUE")
    event.add("CATEGORIES", [CANCELLED_CATEGORY if one.cancelled else CONFIRMED_CATEGORY, *categories])
    event.add("COLOR", RED if one.cancelled else GREEN)
    calendar.subcomponents = [each for each in calendar.subcomponents if each.name != "VTIMEZONE"]
    calendar.add_missing_timezones()
    return str(calendar.to_ical().decode())


def sequence_in(ical: str, uid: str) -> int | None:
    """Our SEQUENCE of that appointment as it stands there; None if the text holds no such event, or nothing of ours: an
    earlier version wrote none, and a program may drop what it does not know."""
    event = _found(ical, uid)
    return _number(event, CALDAV_SEQUENCE) if event else None


def _number(event: Event, name: str) -> int | None:
    text = str(event.get(name, ""))
    return int(text) if text.isascii() and text.isdecimal() and len(text) < 10 else None


def is_cancelled_there(ical: str) -> bool:
    """Whether the first event in it is cancelled, by whoever: ours never are by their STATUS."""
    event = _UNFOLDED.sub("", ical[:LONGEST_READ]).upper().partition("BEGIN:VEVENT")[2].partition("END:VEVENT")[0]
    lines = [line.strip() for line in event.splitlines()]
    return any(line.startswith(("STATUS:", "STATUS;")) and line.endswith(":CANCELLED") for line in lines)


def _kept(uid: str, old: str) -> tuple[Calendar, Event]:
    event = _found(old, uid) if old else None
    calendar = Calendar()
    calendar.add("PRODID", "-//pbx-control//agenda//ES")
    calendar.add("VERSION", "2.0")
    if event is None:
        event = Event()
        event.add("UID", uid)
    calendar.add_component(event)
    return calendar, event


def _found(ical: str, uid: str) -> Event | None:
    try:
        calendar = Calendar.from_ical(without_zones(ical))
        found = [one for one in calendar.walk("VEVENT") if isinstance(one, Event) and str(one.get("UID", "")) == uid]
    except (ValueError, KeyError, IndexError, AttributeError):
        return None
    return found[0] if found else None


def _categories(event: Event) -> list[str]:
    found = event.get("CATEGORIES", [])
    each = found if isinstance(found, list) else [found]
    return [str(text) for one in each if isinstance(one, vCategory) for text in one.cats]


def _clean(text: str, longest: int) -> str:
    return "\n".join(clean_line(line, longest) for line in text.splitlines())[:longest]
