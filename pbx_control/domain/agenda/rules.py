"""A client's calendar: when appointments may be booked into it, of which kinds, and what callers are told and asked."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from enum import StrEnum
from zoneinfo import ZoneInfo

from pbx_control.catalogue import N_
from pbx_control.domain.opening.hours import Week

# What nobody gives for any of these in earnest is a slip of the finger.
LONGEST_APPOINTMENT = 24 * 60  # minutes
LONGEST_BUFFER = 24 * 60  # minutes
LONGEST_LEAD = timedelta(days=60)
# Holidays are known for a year and a month (domain.opening.holidays.AHEAD).
LONGEST_HORIZON = timedelta(days=366)
STEPS = (5, 10, 15, 20, 30, 45, 60, 90, 120)  # minutes
MOST_KINDS, MOST_QUESTIONS = 30, 12
# Of a calendar for which nothing else was said.
USUAL_STEP = 30  # minutes
USUAL_LEAD = timedelta(hours=2)
USUAL_HORIZON = timedelta(days=60)


class Source(StrEnum):
    """Whose events block slots, beside our own appointments."""

    OWN = "own"
    CALDAV = "caldav"
    GOOGLE = "google"


# Where a calendar is kept, in words.
SOURCES: Mapping[Source, str] = {
    Source.OWN: N_("kept here"),
    Source.CALDAV: N_("CalDAV"),
    Source.GOOGLE: N_("Google Calendar"),
}


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of appointment. Nobody else is booked within its `buffer` after it."""

    id: int
    name: str
    minutes: int
    buffer: int = 0  # minutes

    @property
    def length(self) -> timedelta:
        return timedelta(minutes=self.minutes)

    @property
    def after(self) -> timedelta:
        """The buffer, as a length of time."""
        return timedelta(minutes=self.buffer)


@dataclass(frozen=True, slots=True)
class Rules:
    """When appointments may begin: `week` and `holidays` are days and wall time of `zone`.

    They begin every `step` minutes from the beginning of each span of the week, no sooner than `lead` and no later than
    `horizon` from now.
    """

    zone: ZoneInfo
    week: Week
    holidays: Mapping[date, str] = field(default_factory=dict)
    step: int = USUAL_STEP  # minutes
    lead: timedelta = USUAL_LEAD
    horizon: timedelta = USUAL_HORIZON


def length_text(length: timedelta) -> str:
    """ "2 h", "60 d" or "90 min", in the largest unit that says it in whole numbers."""
    minutes = length // timedelta(minutes=1)
    for unit, size in (("d", 24 * 60), ("h", 60)):
        if minutes and minutes % size == 0:
            return f"{minutes // size} {unit}"
    return f"{minutes} min"


@dataclass(frozen=True, slots=True)
class Place:
    """Where one goes: an address, and a link to a map of it; each may be empty."""

    address: str = ""
    map_link: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class AgendaCalendar:
    """A calendar of a client's: one person's, or one resource's."""

    id: int
    client_id: int
    slug: str
    name: str
    resource: str  # whom or what it is booked for: "Dra. Soto", "Sala 2"; may be empty
    zone: str
    week: str  # canonical: domain.opening.hours.week_text
    step: int  # minutes
    lead: timedelta
    horizon: timedelta
    place: Place
    questions: Sequence[str]  # what callers are asked
    source: Source
    place_in_mail: bool  # callers' letters say where it is
    reminder: bool  # callers are written to the day before
    has_feed: bool  # there is an address of its ICS feed
