"""Business time: deadlines counted in the office's hours, over nights, holidays and clock changes alike."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta, tzinfo
from enum import StrEnum

from pbx_control.domain.opening.hours import HORIZON, USUAL_WEEK, Week, parse_week, state_at

# So much business time before a deadline the admin is warned of it.
SOON = timedelta(minutes=30)

# The house's own hours, in which business time passes: those of rule 3.
OFFICE_WEEK = parse_week([USUAL_WEEK])

# Nobody is closed for so long: who seems to be is never open, and no deadline can be counted.
_LONGEST_CLOSED = timedelta(days=400)


@dataclass(frozen=True, slots=True)
class BusinessHours:
    """When business time passes: a week in a zone, but not on the `holidays` (with their names)."""

    week: Week
    holidays: Mapping[date, str]
    zone: tzinfo


class Urgency(StrEnum):
    """How a deadline stands."""

    ON_TIME = "on time"
    SOON_LATE = "soon late"
    LATE = "late"
    DONE = "done"


def add_business_time(start: datetime, amount: timedelta, hours: BusinessHours) -> datetime:
    """The first instant (UTC) at which `amount` of business time has passed since `start` (aware).

    Two hours from Friday 17:00 are over on Monday 10:00; one hour is over on Friday 18:00, at closing. Raises
    ValueError for a negative amount, and if the hours never come.
    """
    if amount < timedelta(0):
        raise ValueError("business time is counted forwards")
    left = amount
    at = start.astimezone(UTC)
    if not left:
        return at
    for opens, closes in _open_times(at, hours):
        if left <= closes - opens:
            return opens + left
        left -= closes - opens
    raise ValueError("hours that never open hold no deadline")


def business_time_between(start: datetime, end: datetime, hours: BusinessHours) -> timedelta:
    """How much business time passes from `start` until `end` (both aware); negative if `end` is the earlier one."""
    if end < start:
        return -business_time_between(end, start, hours)
    passed = timedelta(0)
    for opens, closes in _open_times(start.astimezone(UTC), hours):
        if opens >= end:
            break
        passed += min(closes, end.astimezone(UTC)) - opens
    return passed


def urgency(due: datetime, done_at: datetime | None, now: datetime, hours: BusinessHours) -> Urgency:
    """How a deadline stands at `now`: soon late within the last SOON of business time, late only after `due`."""
    if done_at is not None:
        return Urgency.DONE
    if now > due:
        return Urgency.LATE
    return Urgency.SOON_LATE if business_time_between(now, due, hours) <= SOON else Urgency.ON_TIME


def _open_times(start: datetime, hours: BusinessHours) -> Iterator[tuple[datetime, datetime]]:
    """The stretches of business time from `start` on, in order; they end where nothing opens any more."""
    at, closed_since = start, start
    while at - closed_since < _LONGEST_CLOSED:
        state = state_at(hours.week, hours.holidays, hours.zone, at)
        # Without a change in sight the state lasts at least so long; then it is asked anew.
        until = state.until or at + HORIZON
        if state.open:
            yield at, until
            closed_since = until
        at = until
