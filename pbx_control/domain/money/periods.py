"""A client's months: each begins on the client's own day, at midnight of its zone (docs/service.md rule 10)."""

from calendar import monthrange
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

# A period is looked up in the midst of its first day: a client that has moved to another zone has its midnights some
# hours off.
INTO_THE_DAY = timedelta(hours=12)


@dataclass(frozen=True, slots=True)
class Period:
    """One month of a client's: from `start` up to, but not including, `end`; both UTC instants."""

    start: datetime
    end: datetime

    def __contains__(self, at: datetime) -> bool:
        return self.start <= at < self.end


def period_of(anchor_day: int, zone: ZoneInfo, at: datetime) -> Period:
    """The period that `at` (aware) falls into, for a client whose months begin on `anchor_day` (1-31).

    In a month that has no such day it begins on the last one.
    """
    local = at.astimezone(zone).date()
    first = beginning(local.year, local.month, anchor_day)
    if local < first:
        return Period(midnight(_month_before(first, anchor_day), zone), midnight(first, zone))
    return Period(midnight(first, zone), midnight(_month_after(first, anchor_day), zone))


def periods_ahead(anchor_day: int, zone: ZoneInfo, at: datetime, months: int) -> Period:
    """From the beginning of the period that `at` falls into, so many months (1 or more)."""
    start = period_of(anchor_day, zone, at)
    last = start
    for _ in range(months - 1):
        last = period_of(anchor_day, zone, last.end)
    return Period(start.start, last.end)


def beginning(year: int, month: int, anchor_day: int) -> date:
    """The day of that month on which the period begins: the 31st falls on the last day of a shorter month."""
    return date(year, month, min(anchor_day, monthrange(year, month)[1]))


def midnight(day: date, zone: ZoneInfo) -> datetime:
    """When that day begins in the zone, as UTC. Where clocks leap over midnight (Chile's do), it is the first instant
    that the day has."""
    naive = datetime(day.year, day.month, day.day, tzinfo=zone)
    start = naive.astimezone(UTC)
    # A time that does not exist comes back as another one: the day then begins where the leap ends.
    return start if start.astimezone(zone).date() == day else _leap_end(day, zone)


def _leap_end(day: date, zone: ZoneInfo) -> datetime:
    before = datetime(day.year, day.month, day.day, tzinfo=zone) - timedelta(days=1)
    at = before.astimezone(UTC)
    while at.astimezone(zone).date() < day:
        at += timedelta(minutes=15)
    return at


def _month_after(day: date, anchor_day: int) -> date:
    next_month = date(day.year, day.month, 1) + timedelta(days=32)
    return beginning(next_month.year, next_month.month, anchor_day)


def _month_before(day: date, anchor_day: int) -> date:
    last_month = date(day.year, day.month, 1) - timedelta(days=1)
    return beginning(last_month.year, last_month.month, anchor_day)
