"""A time zone as iCalendar writes it (RFC 5545, 3.6.5), with each change of its clocks in the years that matter.

`Timezone.from_tzid` of the package icalendar 7.3.2 writes changes to summer time an hour late, and lists dates of which
some programs read the first only.
"""

from collections.abc import Iterable, Iterator
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

if TYPE_CHECKING:
    from icalendar import Calendar, Timezone, TimezoneDaylight, TimezoneStandard

# No zone changes its clocks twice within that time.
STEP, SECOND = timedelta(days=5), timedelta(seconds=1)


def add_zone(text: "Calendar", zone: str, instants: Iterable[datetime]) -> None:
    """Adds the zone to an iCalendar text, before its events, for the years of these instants; nothing without any."""
    years = sorted({at.astimezone(UTC).year for at in instants})
    if years:
        text.subcomponents.insert(0, vtimezone(zone, years[0], years[-1]))


def vtimezone(name: str, first_year: int, last_year: int) -> "Timezone":
    """The zone of that name as it is from the year before until the year after these."""
    # Imported here: it takes long to load.
    from icalendar import Timezone

    zone = ZoneInfo(name)
    since, until = datetime(first_year - 1, 1, 1, tzinfo=UTC), datetime(last_year + 2, 1, 1, tzinfo=UTC)
    component = Timezone()
    component.add("tzid", name)
    component.add_component(_part(zone, since, since))
    for at in _changes(zone, since, until):
        component.add_component(_part(zone, at - SECOND, at))
    return component


def _part(zone: ZoneInfo, before: datetime, at: datetime) -> "TimezoneDaylight | TimezoneStandard":
    """What the clocks show from `at` on. They begin with it at a wall time of the offset that held before."""
    from icalendar import TimezoneDaylight, TimezoneStandard

    local, old = at.astimezone(zone), _offset(before, zone)
    part = TimezoneDaylight() if local.dst() else TimezoneStandard()
    part.add("dtstart", (at + old).replace(tzinfo=None))
    part.add("tzoffsetfrom", old)
    part.add("tzoffsetto", _offset(at, zone))
    part.add("tzname", local.tzname() or zone.key)
    return part


def _changes(zone: ZoneInfo, since: datetime, until: datetime) -> Iterator[datetime]:
    """The first second of each change."""
    at = since
    while at < until:
        following = min(at + STEP, until)
        if _offset(following, zone) != _offset(at, zone):
            yield _change(zone, at, following)
        at = following


def _change(zone: ZoneInfo, low: datetime, high: datetime) -> datetime:
    before = _offset(low, zone)
    while high - low > SECOND:
        middle = low + (high - low) // SECOND // 2 * SECOND
        low, high = (middle, high) if _offset(middle, zone) == before else (low, middle)
    return high


def _offset(at: datetime, zone: ZoneInfo) -> timedelta:
    offset = at.astimezone(zone).utcoffset()
    assert offset is not None  # a ZoneInfo always has one
    return offset
