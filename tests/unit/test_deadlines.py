"""Business time: what passes within the office's hours, and nothing else."""

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pbx_control.domain.opening.deadlines import (
    OFFICE_WEEK,
    BusinessHours,
    Urgency,
    add_business_time,
    business_time_between,
    urgency,
)
from pbx_control.domain.opening.hours import ALWAYS, NEVER, parse_week

SANTIAGO = ZoneInfo("America/Santiago")
FIESTAS = {date(2026, 9, 18): "Independencia", date(2026, 9, 19): "Glorias del Ejército"}
OFFICE = BusinessHours(OFFICE_WEEK, FIESTAS, SANTIAGO)
HOUR = timedelta(hours=1)


def instant(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=SANTIAGO).astimezone(UTC)


@pytest.mark.parametrize(
    ("paid", "due"),
    [
        ("2026-11-23T09:30", "2026-11-23T11:30"),
        ("2026-11-23T12:00", "2026-11-23T15:00"),  # over lunch
        ("2026-11-23T11:00", "2026-11-23T13:00"),  # exactly until lunch
        ("2026-11-23T13:30", "2026-11-23T16:00"),  # within lunch
        ("2026-11-27T17:00", "2026-11-30T10:00"),  # over the weekend
        ("2026-11-28T23:59", "2026-11-30T11:00"),  # a Saturday night
        ("2026-09-17T17:30", "2026-09-21T10:30"),  # a holiday's eve: the 18th is a Friday
        ("2026-09-04T17:00", "2026-09-07T10:00"),  # over the night without its first hour
        ("2026-04-03T17:00", "2026-04-06T10:00"),  # over the night with an hour twice
    ],
)
def test_two_business_hours_after_the_payment(paid: str, due: str) -> None:
    assert add_business_time(instant(paid), 2 * HOUR, OFFICE) == instant(due)


def test_no_time_at_all_is_over_at_once() -> None:
    saturday = instant("2026-11-28T12:00")
    assert add_business_time(saturday, timedelta(0), OFFICE) == saturday


def test_time_is_not_counted_backwards() -> None:
    with pytest.raises(ValueError, match="forwards"):
        add_business_time(instant("2026-11-23T09:30"), -HOUR, OFFICE)


def test_hours_that_never_come_hold_no_deadline() -> None:
    closed = BusinessHours(NEVER, {}, SANTIAGO)
    with pytest.raises(ValueError, match="never open"):
        add_business_time(instant("2026-11-23T09:30"), HOUR, closed)
    assert business_time_between(instant("2026-11-23T09:30"), instant("2031-11-23T09:30"), closed) == timedelta(0)


def test_who_is_always_open_counts_every_hour() -> None:
    always = BusinessHours(ALWAYS, {}, SANTIAGO)
    start = instant("2026-01-01T00:00")
    assert add_business_time(start, timedelta(days=365), always) == start + timedelta(days=365)


def test_opening_after_a_long_time_is_found() -> None:
    # A whole summer of holidays: longer than the hours look ahead by themselves.
    closed = {date(2026, 12, 1) + timedelta(days=day): "verano" for day in range(90)}
    hours = BusinessHours(OFFICE_WEEK, closed, SANTIAGO)
    assert add_business_time(instant("2026-11-30T17:00"), 2 * HOUR, hours) == instant("2027-03-01T10:00")


@pytest.mark.parametrize(
    ("now", "state"),
    [
        ("2026-11-23T11:29", Urgency.ON_TIME),
        ("2026-11-23T11:30", Urgency.SOON_LATE),
        ("2026-11-23T12:00", Urgency.SOON_LATE),
        ("2026-11-23T12:00:01", Urgency.LATE),
    ],
)
def test_a_deadline_is_soon_late_in_its_last_half_hour_and_late_only_after_it(now: str, state: Urgency) -> None:
    due = instant("2026-11-23T12:00")
    assert urgency(due, None, instant(now), OFFICE) is state
    assert urgency(due, due, instant(now), OFFICE) is Urgency.DONE


def test_the_last_half_hour_may_begin_before_a_weekend() -> None:
    due = instant("2026-11-30T09:20")
    assert urgency(due, None, instant("2026-11-27T17:49"), OFFICE) is Urgency.ON_TIME
    assert urgency(due, None, instant("2026-11-28T12:00"), OFFICE) is Urgency.SOON_LATE


# --- what holds for any hours

WEEKS = st.sampled_from(
    [OFFICE_WEEK, ALWAYS]
    + [parse_week([text]) for text in ("sat,sun 00:00-24:00", "mon-sun 22:00-24:00 00:00-03:00", "wed 10:00-10:01")]
)
ZONES = st.sampled_from(["America/Santiago", "Europe/Madrid", "Australia/Lord_Howe", "Asia/Kathmandu", "UTC"])
HOURS = st.builds(
    BusinessHours,
    WEEKS,
    st.dictionaries(st.dates(date(2026, 1, 1), date(2028, 12, 31)), st.just("feriado"), max_size=40),
    ZONES.map(ZoneInfo),
)
INSTANTS = st.datetimes(datetime(2026, 1, 1), datetime(2028, 12, 31), timezones=st.just(UTC))
AMOUNTS = st.timedeltas(timedelta(0), timedelta(minutes=90))


@given(INSTANTS, AMOUNTS, HOURS)
def test_so_much_time_lies_between_start_and_deadline(start: datetime, amount: timedelta, hours: BusinessHours) -> None:
    due = add_business_time(start, amount, hours)
    assert due >= start + amount
    assert business_time_between(start, due, hours) == amount
    if amount:
        assert business_time_between(start, due - timedelta(microseconds=1), hours) < amount


@given(INSTANTS, AMOUNTS, AMOUNTS, HOURS)
def test_two_deadlines_in_a_row_are_one(
    start: datetime, one: timedelta, other: timedelta, hours: BusinessHours
) -> None:
    assert add_business_time(add_business_time(start, one, hours), other, hours) == add_business_time(
        start, one + other, hours
    )


@given(INSTANTS, INSTANTS, AMOUNTS, HOURS)
def test_who_pays_later_has_a_later_deadline(
    start: datetime, other: datetime, amount: timedelta, hours: BusinessHours
) -> None:
    first, second = sorted((start, other))
    assert add_business_time(first, amount, hours) <= add_business_time(second, amount, hours)


@given(st.lists(INSTANTS, min_size=3, max_size=3), HOURS)
def test_time_between_adds_up_and_has_a_sign(instants: list[datetime], hours: BusinessHours) -> None:
    first, middle, last = instants[0], *(instants[0] + (each - instants[0]) / 200 for each in instants[1:])
    there = business_time_between(first, middle, hours)
    assert there + business_time_between(middle, last, hours) == business_time_between(first, last, hours)
    assert business_time_between(middle, first, hours) == -there
    assert abs(there) <= abs(middle - first)
