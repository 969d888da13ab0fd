"""Every minute within 48 hours of each of Chile's clock changes of 2026 to 2028: hours and deadlines."""

from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from pbx_control.domain.opening.deadlines import BusinessHours, add_business_time, business_time_between
from pbx_control.domain.opening.holidays import public
from pbx_control.domain.opening.hours import HORIZON, Week, parse_week, state_at

SANTIAGO = ZoneInfo("America/Santiago")
MINUTE, HOUR, AROUND = timedelta(minutes=1), timedelta(hours=1), timedelta(hours=48)
# Longer than the office is closed about any of the changes, 1 May and Fiestas Patrias included.
BEYOND = timedelta(days=7)

HOLIDAYS = {day: name for year in (2026, 2027, 2028) for day, name in public(year).items()}
EASTER = {day: name for day, name in HOLIDAYS.items() if day.month == 4}


def clock_changes() -> list[datetime]:
    """The instants at which Santiago's clocks are set, found without our own rules: hour by hour."""
    hours = (datetime(2026, 1, 1, tzinfo=UTC) + count * HOUR for count in range(3 * 366 * 24))
    return [at for at in hours if offset(at) != offset(at - HOUR) and at.year < 2029]


def offset(at: datetime) -> timedelta | None:
    return at.astimezone(SANTIAGO).utcoffset()


CHANGES = clock_changes()


# Each week with what its wall clock says, written down apart from `domain.hours`.
def usual(wall: datetime) -> bool:
    return wall.weekday() < 5 and wall.date() not in HOLIDAYS and (9 <= wall.hour < 13 or 14 <= wall.hour < 18)


def nights(wall: datetime) -> bool:
    return wall.date() not in HOLIDAYS and (wall.hour < 3 or wall.hour >= 22)


def first_hours(wall: datetime) -> bool:
    """Open in just the hour that comes never in spring, and until just before the one that comes twice in autumn."""
    return wall.weekday() in (5, 6) and (wall.hour == 0 or (wall.hour == 23 and wall.minute < 30))


WEEKS: dict[str, tuple[Week, dict[date, str], Callable[[datetime], bool]]] = {
    "usual": (parse_week(["mon-fri 09:00-13:00 14:00-18:00"]), HOLIDAYS, usual),
    "nights": (parse_week(["mon-sun 00:00-03:00 22:00-24:00"]), HOLIDAYS, nights),
    "first hours": (parse_week(["sat,sun 00:00-01:00 23:00-23:30"]), {}, first_hours),
}


def minutes(start: datetime, end: datetime) -> Iterator[datetime]:
    while start < end:
        yield start
        start += MINUTE


def open_by_minute(change: datetime, is_open: Callable[[datetime], bool]) -> dict[datetime, bool]:
    """Whether it is open in each minute, from 48 hours before the change until well beyond it."""
    span = minutes(change - AROUND, change + AROUND + BEYOND)
    return {at: is_open(at.astimezone(SANTIAGO)) for at in span}


def next_changes(states: dict[datetime, bool]) -> dict[datetime, datetime | None]:
    """For each minute, when the state next becomes another one; None where it does not within what is known."""
    found: dict[datetime, datetime | None] = {}
    following, until = None, None
    for at in reversed(states):
        if following is not None and states[at] != states[following]:
            until = following
        found[at], following = until, at
    return found


def test_chile_sets_its_clocks_twice_a_year() -> None:
    assert [(change.year, change.month) for change in CHANGES] == [
        (year, month) for year in (2026, 2027, 2028) for month in (4, 9)
    ]
    assert all(change.astimezone(SANTIAGO).weekday() in (5, 6) for change in CHANGES)


@pytest.mark.parametrize("name", WEEKS)
@pytest.mark.parametrize("change", CHANGES, ids=lambda change: f"{change:%Y-%m-%d}")
def test_hours_are_those_of_the_wall_clock_in_every_minute(change: datetime, name: str) -> None:
    week, holidays, is_open = WEEKS[name]
    states = open_by_minute(change, is_open)
    until = next_changes(states)
    for at in minutes(change - AROUND, change + AROUND):
        state = state_at(week, holidays, SANTIAGO, at)
        assert state.open == states[at], at.astimezone(SANTIAGO)
        assert until[at] is not None
        assert state.until == until[at], at.astimezone(SANTIAGO)
        assert until[at] - at < HORIZON


@pytest.mark.parametrize("name", WEEKS)
@pytest.mark.parametrize("change", CHANGES, ids=lambda change: f"{change:%Y-%m-%d}")
def test_deadlines_count_the_open_minutes_and_no_others(change: datetime, name: str) -> None:
    week, holidays, is_open = WEEKS[name]
    hours = BusinessHours(week, holidays, SANTIAGO)
    states = open_by_minute(change, is_open)
    open_minutes = [at for at, is_open_then in states.items() if is_open_then]
    passed, last = 0, change - AROUND
    for at in minutes(change - AROUND, change + AROUND):
        # Half an hour is over when the thirtieth open minute from now on is.
        due = add_business_time(at, timedelta(minutes=30), hours)
        assert due == open_minutes[passed + 29] + MINUTE, at.astimezone(SANTIAGO)
        assert due >= last
        assert business_time_between(at, due, hours) == timedelta(minutes=30)
        passed, last = passed + states[at], due


@pytest.mark.parametrize("change", CHANGES, ids=lambda change: f"{change:%Y-%m-%d}")
def test_time_between_is_the_number_of_open_minutes(change: datetime) -> None:
    hours = BusinessHours(WEEKS["usual"][0], HOLIDAYS, SANTIAGO)
    states = open_by_minute(change, usual)
    start, passed = change - AROUND, 0
    for at in minutes(start, change + AROUND):
        assert business_time_between(start, at, hours) == passed * MINUTE
        passed += states[at]
