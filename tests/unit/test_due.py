"""Due times: once a day on the wall clock, whatever that clock does."""

from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pbx_control.domain.due import Daily, Every

SANTIAGO = ZoneInfo("America/Santiago")
QUARTERS = [time(hour, minute) for hour in range(24) for minute in (0, 15, 30, 59)]


def changes(zone: ZoneInfo, years: range) -> list[datetime]:
    """The instants, to the hour, at which the zone's offset changes."""
    hour = timedelta(hours=1)
    hours = (datetime(years[0], 1, 1, tzinfo=UTC) + n * hour for n in range(24 * 366 * len(years)))
    return [at for at in hours if at.astimezone(zone).utcoffset() != (at - hour).astimezone(zone).utcoffset()]


CHANGES = changes(SANTIAGO, range(2026, 2029))


def dues(daily: Daily, zone: ZoneInfo, start: datetime, end: datetime) -> list[datetime]:
    found, at = [], start
    while (at := daily.next(at, zone)) < end:
        found.append(at)
    return found


def test_chile_changes_its_clocks_six_times_in_these_years() -> None:
    local = [str(change.astimezone(SANTIAGO)) for change in CHANGES]
    assert local == [
        "2026-04-04 23:00:00-04:00",
        "2026-09-06 01:00:00-03:00",
        "2027-04-03 23:00:00-04:00",
        "2027-09-05 01:00:00-03:00",
        "2028-04-01 23:00:00-04:00",
        "2028-09-03 01:00:00-03:00",
    ]


@pytest.mark.parametrize("change", CHANGES, ids=lambda change: f"{change:%Y-%m-%d}")
def test_each_day_around_a_change_of_the_clocks_has_its_run_at_whatever_time(change: datetime) -> None:
    day = change.astimezone(SANTIAGO).date()
    start = datetime.combine(day - timedelta(days=3), time(0), SANTIAGO).astimezone(UTC) - timedelta(microseconds=1)
    end = datetime.combine(day + timedelta(days=4), time(0), SANTIAGO).astimezone(UTC)
    for at in QUARTERS:
        days = [due.astimezone(SANTIAGO).date() for due in dues(Daily(at), SANTIAGO, start, end)]
        assert days == [day + timedelta(days=n) for n in range(-3, 4)], at


@pytest.mark.parametrize("change", CHANGES, ids=lambda change: f"{change:%Y-%m-%d}")
def test_at_every_minute_around_a_change_last_and_next_meet(change: datetime) -> None:
    daily = Daily(time(18, 15))
    for minutes in range(-48 * 60, 48 * 60):
        now = change + timedelta(minutes=minutes)
        last, following = daily.last(now, SANTIAGO), daily.next(now, SANTIAGO)
        assert last <= now < following
        assert daily.next(last, SANTIAGO) == following
        assert daily.last(following, SANTIAGO) == following
        assert {due.astimezone(SANTIAGO).strftime("%H:%M") for due in (last, following)} == {"18:15"}


def test_a_time_that_comes_twice_counts_the_first_time() -> None:
    due = Daily(time(23, 30)).next(datetime(2026, 4, 4, 15, tzinfo=UTC), SANTIAGO)
    assert str(due.astimezone(SANTIAGO)) == "2026-04-04 23:30:00-03:00"


def test_a_time_that_is_leapt_over_is_due_after_the_leap() -> None:
    due = Daily(time(0, 30)).next(datetime(2026, 9, 5, 15, tzinfo=UTC), SANTIAGO)
    assert str(due.astimezone(SANTIAGO)) == "2026-09-06 01:30:00-03:00"


def test_a_day_that_a_zone_left_out_has_no_run_of_its_own() -> None:
    apia = ZoneInfo("Pacific/Apia")  # there was no 30 December 2011
    found = dues(Daily(time(18, 15)), apia, datetime(2011, 12, 29, tzinfo=UTC), datetime(2012, 1, 2, tzinfo=UTC))
    assert [due.astimezone(apia).date() for due in found] == [
        date(2011, 12, 28),
        date(2011, 12, 29),
        date(2011, 12, 31),
        date(2012, 1, 1),
    ]


ZONES = st.sampled_from(
    ["America/Santiago", "Pacific/Easter", "Europe/Madrid", "America/Havana", "Australia/Lord_Howe", "Asia/Beirut"]
)


@given(ZONES, st.times(), st.datetimes(datetime(2026, 1, 1), datetime(2029, 1, 1)))
def test_anywhere_and_at_any_time_runs_are_23_to_25_hours_apart(zone: str, at: time, when: datetime) -> None:
    daily, there = Daily(at.replace(second=0, microsecond=0)), ZoneInfo(zone)
    now = when.replace(tzinfo=UTC)
    last, following = daily.last(now, there), daily.next(now, there)
    assert last <= now < following
    assert timedelta(hours=23) <= following - last <= timedelta(hours=25)


@pytest.mark.parametrize("minutes", [5, 60])
def test_even_distances_are_counted_from_midnight(minutes: int) -> None:
    every = Every(timedelta(minutes=minutes))
    now = datetime(2026, 8, 3, 12, 7, 30, 5, tzinfo=UTC)
    last = every.last(now, SANTIAGO)
    assert last == datetime(2026, 8, 3, 12, 5 if minutes == 5 else 0, tzinfo=UTC)
    assert every.last(last, SANTIAGO) == last
    assert every.next(now, SANTIAGO) == last + timedelta(minutes=minutes)


def test_a_rhythm_reads_like_a_timetable() -> None:
    assert (str(Daily(time(3, 30))), str(Every(timedelta(hours=1)))) == ("03:30", "60 min")
