"""A time zone around an instant as an iCalendar text describes it: when its clocks change, and by which rule."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo

DAY, SECOND = timedelta(days=1), timedelta(seconds=1)
WEEKDAYS = ("MO", "TU", "WE", "TH", "FR", "SA", "SU")
# How a rule may name a day of its month: the last such weekday, or the first to fourth.
PLACES = (-1, 1, 2, 3, 4)


@dataclass(frozen=True, slots=True)
class Yearly:
    """A change on the same weekday of the same month each year: `place` 1 is its first one, -1 its last."""

    month: int
    place: int
    weekday: str  # "SU"


@dataclass(frozen=True, slots=True)
class Observance:
    """What clocks show from each of its onsets on (RFC 5545, 3.6.5). Onsets are wall time before the change."""

    before: timedelta  # from UTC
    after: timedelta
    name: str
    onsets: tuple[datetime, ...]  # naive; the first is its DTSTART
    yearly: Yearly | None = field(default=None)  # the rule that all onsets keep; None: they keep none

    @property
    def is_summer(self) -> bool:
        """Whether clocks go forward, which RFC 5545 calls daylight."""
        return self.after > self.before


@lru_cache(maxsize=64)
def observances(zone: ZoneInfo, first_year: int, last_year: int) -> tuple[Observance, ...]:
    """How clocks of the zone change in these years, and in the year before them.

    Where they did not change in that one, the first observance says what they show at its beginning.
    """
    begins, ends = (datetime(year, 1, 1, tzinfo=UTC) for year in (first_year - 1, last_year + 1))
    found: dict[tuple[timedelta, timedelta, str], list[datetime]] = {}
    for change in _changes(zone, begins, ends):
        before, after = (_offset(zone, at) for at in (change - SECOND, change))
        name = change.astimezone(zone).tzname() or zone.key
        found.setdefault((before, after, name), []).append((change + before).replace(tzinfo=None))
    told = [Observance(*how, tuple(onsets), _rule(onsets)) for how, onsets in found.items()]
    if any(each.onsets[0].year < first_year for each in told):
        return tuple(told)
    here = begins.astimezone(zone)
    offset, start = _offset(zone, begins), datetime(first_year - 1, 1, 1)
    return (Observance(offset, offset, here.tzname() or zone.key, (start,)), *told)


def _changes(zone: ZoneInfo, begins: datetime, ends: datetime) -> Iterator[datetime]:
    """The instants at which the distance from UTC becomes another one."""
    at = begins
    while at < ends:
        if _offset(zone, at) != _offset(zone, at + DAY):
            yield _first_second(zone, at, at + DAY)
        at += DAY


def _first_second(zone: ZoneInfo, early: datetime, late: datetime) -> datetime:
    """The first second of what holds at `late` and not at `early`."""
    then = _offset(zone, late)
    while late - early > SECOND:
        middle = early + (late - early) // SECOND // 2 * SECOND
        early, late = (early, middle) if _offset(zone, middle) == then else (middle, late)
    return late


def _offset(zone: ZoneInfo, at: datetime) -> timedelta:
    return at.astimezone(zone).utcoffset() or timedelta()


def _rule(onsets: Sequence[datetime]) -> Yearly | None:
    """The rule that onsets of following years keep."""
    first = onsets[0]
    follow = [onset.year for onset in onsets] == list(range(first.year, first.year + len(onsets)))
    for place in PLACES if follow and len(onsets) > 1 else ():
        rule = Yearly(first.month, place, WEEKDAYS[first.weekday()])
        if all(_keeps(rule, onset) and onset.time() == first.time() for onset in onsets):
            return rule
    return None


def _keeps(rule: Yearly, onset: datetime) -> bool:
    if (onset.month, WEEKDAYS[onset.weekday()]) != (rule.month, rule.weekday):
        return False
    if rule.place < 0:
        return (onset + 7 * DAY).month != onset.month
    return (onset.day - 1) // 7 + 1 == rule.place
