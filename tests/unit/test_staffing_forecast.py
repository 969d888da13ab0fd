"""What is expected of a week: past weeks, plans sold, holidays, days on which clocks change."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pbx_control.domain.opening.hours import ALWAYS, NEVER, USUAL_WEEK, parse_week
from pbx_control.domain.staffing.forecast import (
    HALVES,
    HOLIDAY,
    WEEKS_A_MONTH,
    Profile,
    Slot,
    Sold,
    expected,
    half_hours,
    means,
    shares,
    slot_of,
    sold,
)
from pbx_control.domain.staffing.outlook import HalfHour, Manner, Sampled, gaps, level_of, manner_of, outlook

SANTIAGO = ZoneInfo("America/Santiago")
OFFICE = parse_week([USUAL_WEEK])
DAYS = 56
# Eight weeks: 8 calls a day from Monday to Friday, at 10:00 and 15:30.
PAST = {Slot(day, half): 4.0 for day in range(5) for half in (20, 31)}
ANDES = Sold(1, "andes", OFFICE, 200, "pro", came=320, days=DAYS)


def total(profile: Profile) -> float:
    """Calls of a usual week."""
    return sum(count for slot, count in profile.calls.items() if slot.kind != HOLIDAY)


def test_who_calls_as_before_adds_nothing() -> None:
    assert expected(PAST, DAYS, [ANDES]).calls == PAST


def test_a_new_client_will_use_what_the_plan_s_clients_use() -> None:
    """Andes uses 40 of the 46 calls a week that it has; so will Sur, of twice as many, in its hours."""
    sur = Sold(2, "sur", OFFICE, 400, "pro")
    assert shares([ANDES])[0]["pro"] == pytest.approx(40 / (200 / WEEKS_A_MONTH))
    profile = expected(PAST, DAYS, [ANDES, sur])
    assert total(profile) == pytest.approx(40 + 80)
    assert profile.calls[Slot(0, 20)] == pytest.approx(12)


def test_a_client_who_began_lately_is_not_taken_for_a_small_one() -> None:
    """Four weeks of calls in a window of eight: the past has half of what is to come."""
    late = replace(ANDES, came=160, days=28)
    half = {slot: count / 2 for slot, count in PAST.items()}
    assert total(expected(half, DAYS, [late])) == pytest.approx(40)


def test_who_leaves_takes_its_calls_along() -> None:
    assert total(expected(PAST, DAYS, [replace(ANDES, gone=True)])) == pytest.approx(0)


def test_another_plan_is_used_as_plans_are() -> None:
    changed = sold([ANDES, replace(ANDES, client_id=2, slug="sur")], "sur", "pro", 400)
    assert [one.changed for one in changed] == [False, True]
    assert total(expected({slot: 2 * count for slot, count in PAST.items()}, DAYS, changed)) == pytest.approx(120)


def test_nobody_has_called_yet() -> None:
    """The whole plan, evenly over its hours."""
    profile = expected({}, 0, [Sold(1, "andes", OFFICE, 200, "pro")])
    assert total(profile) == pytest.approx(200 / WEEKS_A_MONTH)
    assert set(profile.calls) == {Slot(day, half) for day in range(5) for half in (*range(18, 26), *range(28, 36))}
    assert expected({}, 0, []).calls == {}


def test_a_client_that_is_never_open_adds_nothing() -> None:
    assert total(expected(PAST, DAYS, [ANDES, Sold(2, "sur", NEVER, 400, "pro")])) == pytest.approx(40)


def test_calls_of_the_night_are_the_night_s() -> None:
    """A client that is always open calls at night, though nobody did so far, as others come by day."""
    profile = expected({Slot(0, 0): 1.0}, DAYS, [Sold(1, "noche", ALWAYS, 300, "noche")])
    assert profile.calls[Slot(0, 0)] > 1


def test_a_holiday_is_a_day_of_its_own() -> None:
    monday = date(2026, 6, 29)
    at = datetime(2026, 6, 29, 10, tzinfo=SANTIAGO).astimezone(UTC)
    seen = expected(PAST | {Slot(HOLIDAY, 20): 0.5}, DAYS, [ANDES])
    assert seen.at(at, SANTIAGO, {monday}) == 0.5
    assert seen.at(at, SANTIAGO, ()) == 4.0
    unseen = expected(PAST, DAYS, [ANDES])
    assert unseen.at(at, SANTIAGO, {monday}) == 0.0
    always = expected(PAST, DAYS, [ANDES, replace(ANDES, client_id=2, week=ALWAYS)])
    assert always.at(at, SANTIAGO, {monday}) == pytest.approx(always.at(at, SANTIAGO, ()) / 2)


@pytest.mark.parametrize(("day", "count"), [(date(2026, 4, 4), 50), (date(2026, 9, 6), 46), (date(2026, 9, 7), 48)])
def test_a_day_on_which_clocks_change(day: date, count: int) -> None:
    halves = half_hours(day, 1, SANTIAGO)
    assert len(halves) == count
    assert {at.astimezone(SANTIAGO).date() for at in halves} == {day}
    assert half_hours(day, 0, SANTIAGO) == []


def test_an_hour_that_comes_twice_is_no_busier() -> None:
    halves = half_hours(date(2026, 4, 4), 1, SANTIAGO)
    counts = dict.fromkeys(halves, 3.0)
    assert set(means(counts, halves, SANTIAGO, ()).values()) == {3.0}


def test_an_instant_is_its_wall_clock_s() -> None:
    assert slot_of(datetime(2026, 1, 1, 2, 45, tzinfo=UTC), SANTIAGO, ()) == Slot(2, 47)  # the evening before


CLIENTS = st.lists(
    st.builds(
        Sold,
        client_id=st.integers(1, 50),
        slug=st.just("x"),
        week=st.sampled_from([OFFICE, ALWAYS, NEVER]),
        calls=st.one_of(st.none(), st.integers(0, 5000)),
        plan=st.sampled_from(["a", "b"]),
        came=st.integers(0, 3000),
        days=st.integers(0, 56),
        changed=st.booleans(),
        gone=st.booleans(),
    ),
    max_size=6,
    unique_by=lambda one: one.client_id,
)


@given(
    st.dictionaries(st.builds(Slot, st.integers(0, 7), st.integers(0, HALVES - 1)), st.floats(0, 100), max_size=30),
    st.integers(0, 56),
    CLIENTS,
)
def test_no_half_hour_has_fewer_than_no_calls(past: Mapping[Slot, float], days: int, clients: list[Sold]) -> None:
    profile = expected(past, days, clients)
    assert all(count >= 0 for count in profile.calls.values())
    assert 0 <= profile.open_on_holidays <= 1


# --- what calls show, and what comes of it ----------------------------------------------------------------


def test_calls_show_how_long_they_take() -> None:
    calls = [Sampled(3.0 if number % 2 else 40.0, 100.0) for number in range(40)] + [Sampled(30.0, None)] * 20
    manner = manner_of(calls, wrap_up=25)
    assert (manner.ring, manner.talk, manner.wrap_up, manner.takes) == (3.0, 100.0, 25, 128.0)
    assert manner.patience == pytest.approx((20 * 3 + 20 * 40 + 20 * 30) / 20)
    assert manner.within == 17


def test_too_few_calls_show_nothing() -> None:
    assert manner_of([Sampled(900.0, 5000.0)], wrap_up=0) == Manner()
    assert manner_of([], wrap_up=0) == Manner()


def test_callers_without_patience_and_telephones_that_ring_long() -> None:
    manner = manner_of([Sampled(60.0, 0.0)] * 30 + [Sampled(0.0, None)] * 3000, wrap_up=0)
    assert (manner.ring, manner.within, manner.talk, manner.patience) == (20.0, 0.0, 1.0, 5.0)


def looked(calls: list[float], there: list[float | None]) -> list[HalfHour]:
    at = datetime(2026, 6, 1, 14, tzinfo=UTC)
    rows = [
        (at + timedelta(minutes=30) * number, count, people, True)
        for number, (count, people) in enumerate(zip(calls, there, strict=True))
    ]
    return outlook(rows, Manner(), {})


def test_runs_of_half_hours_that_break_are_told_as_one() -> None:
    halves = looked([2, 20, 20, 2, 20, 0], [2, 1, 2, 2, 1, 0])
    found = gaps(halves)
    assert [(gap.half_hours, gap.lacking) for gap in found] == [(2, 2), (1, 2)]
    assert found[0].until - found[0].at == timedelta(hours=1)
    assert found[0].level < 0.8
    assert level_of(halves) is not None


def test_where_nobody_was_noted_nothing_breaks() -> None:
    halves = looked([20, 20], [None, None])
    assert [(one.level, one.needed, one.lacking) for one in halves] == [(None, 3, 0)] * 2
    assert (gaps(halves), level_of(halves)) == ([], None)


def test_a_part_of_a_secretary_is_a_part_of_the_service() -> None:
    low, middle, high = (looked([20], [people])[0].level for people in (2.0, 2.5, 3.0))
    assert low is not None
    assert middle is not None
    assert high is not None
    assert low < middle < high
