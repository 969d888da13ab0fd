"""Days, weeks and their quarter hours, by the office's clock: the wallboard is the office's, whosever the calls are."""

from collections.abc import Iterator
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

# Every zone's clock has differed from UTC by whole quarters for a century, so that they fit into anybody's day.
QUARTER = timedelta(minutes=15)
HOUR = timedelta(hours=1)
DAY = timedelta(days=1)


def quarter_of(at: datetime) -> datetime:
    """The beginning of the quarter hour of that instant."""
    at = at.astimezone(UTC)
    return at.replace(minute=at.minute // 15 * 15, second=0, microsecond=0)


def begin_of(day: date, zone: ZoneInfo) -> datetime:
    """The first instant of that day. Where its midnight is skipped (Chile's clocks go from 24:00 to 01:00 in September)
    that is when the clock leaps; where it comes twice, the first one."""
    return datetime.combine(day, time.min, zone).astimezone(UTC)


def day_of(at: datetime, zone: ZoneInfo) -> date:
    """Which day it is at that instant."""
    return at.astimezone(zone).date()


def monday_of(day: date) -> date:
    """The first day of that day's week (ISO 8601)."""
    return day - timedelta(days=day.weekday())


def hours_of(days: int, first: date, zone: ZoneInfo, step: timedelta = HOUR) -> Iterator[tuple[datetime, datetime]]:
    """The hours (or other steps) of so many days, each with its end; a day may have 23 or 25 of them."""
    at, until = begin_of(first, zone), begin_of(first + days * DAY, zone)
    while at < until:
        yield at, min(at + step, until)
        at += step
