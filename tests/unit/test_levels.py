"""What counts as answered in time, as abandoned, as today: by hand, and against a slow way of counting the same."""

from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as some

from pbx_control.domain.figures.days import DAY, begin_of, day_of, hours_of, monday_of, quarter_of
from pbx_control.domain.figures.levels import Became, Sums, Told, became, sums_of

AT = datetime(2026, 8, 3, 15, 7, tzinfo=UTC)
SANTIAGO = ZoneInfo("America/Santiago")


def after(seconds: float) -> datetime:
    return AT + timedelta(seconds=seconds)


@pytest.mark.parametrize(
    ("outcome", "queued", "answered", "over", "is_"),
    [
        ("answered", 0, 20, 90, Became.IN_TIME),  # at exactly twenty seconds
        ("answered", 0, 20.001, 90, Became.LATE),
        ("answered", 12, 30, 90, Became.IN_TIME),  # a welcome of twelve seconds is no waiting
        ("answered", None, 30, 90, Became.LATE),  # nobody knows when he joined the line
        ("", 0, 5, None, Became.IN_TIME),  # they talk still
        ("missed", 0, 5, 90, Became.IN_TIME),  # lost later: he was answered first
        ("missed", 0, None, 4.999, Became.BRIEF),
        ("missed", 0, None, 5, Became.ABANDONED),
        ("missed", 10, None, 13, Became.BRIEF),
        ("missed", None, None, 13, Became.ABANDONED),  # he left during the welcome, after thirteen seconds of it
        ("left_message", 0, None, 120, Became.UNANSWERED),
        ("left_message", 0, None, 3, Became.UNANSWERED),
        ("closed", None, None, 30, None),
        ("exhausted", None, None, 30, None),
        ("blocked", None, None, 0, None),
        ("", 0, None, None, None),  # he waits
    ],
)
def test_each_call_became_what_people_would_say(
    outcome: str, queued: float | None, answered: float | None, over: float | None, is_: Became | None
) -> None:
    instants = {"queued_at": queued, "answered_at": answered, "over_at": over}
    known = {name: after(seconds) if seconds is not None else None for name, seconds in instants.items()}
    assert became(Told(outcome=outcome, arrived_at=AT, **known)) is is_


def test_the_level_leaves_out_the_brief_and_has_all_others_below_the_line() -> None:
    day = Sums(in_time=6, late=1, abandoned=2, brief=5, unanswered=1, waited=700)
    assert (day.level, day.counted, day.calls, day.mean_wait) == (0.6, 10, 15, 10.0)
    assert (Sums(brief=3).level, Sums(brief=3).mean_wait) == (None, None)


OUTCOMES = some.sampled_from(["answered", "missed", "left_message", "closed", "exhausted", "blocked", ""])
LENGTHS = some.integers(0, 60_000).map(lambda thousandths: timedelta(milliseconds=thousandths))


@some.composite
def calls(draw: some.DrawFn) -> Told:
    arrived = AT + draw(LENGTHS)
    queued = draw(some.none() | LENGTHS.map(lambda wait: arrived + wait))
    answered = draw(some.none() | LENGTHS.map(lambda wait: (queued or arrived) + wait))
    over = draw(some.none() | LENGTHS.map(lambda wait: (answered or queued or arrived) + wait))
    talked = draw(some.none() | some.integers(0, 10_000).map(lambda tenths: tenths / 10))
    return Told(
        outcome=draw(OUTCOMES), arrived_at=arrived, queued_at=queued, answered_at=answered, over_at=over, talked=talked
    )


def counted_slowly(some_calls: list[Told]) -> dict[str, int]:
    """One condition after the other, in milliseconds, as it stands in docs/wallboard.md."""
    found = dict.fromkeys(("in_time", "late", "abandoned", "brief", "unanswered"), 0)
    for one in some_calls:
        start = one.arrived_at if one.queued_at is None else one.queued_at
        if one.answered_at is not None:
            milliseconds = (one.answered_at - start) // timedelta(milliseconds=1)
            found["in_time" if milliseconds <= 20_000 else "late"] += 1
        elif one.outcome == "left_message":
            found["unanswered"] += 1
        elif one.outcome == "missed" and one.over_at is not None:
            milliseconds = (one.over_at - start) // timedelta(milliseconds=1)
            found["brief" if milliseconds < 5000 else "abandoned"] += 1
    return found


@given(some.lists(calls(), max_size=30))
def test_any_calls_are_counted_as_a_slow_way_counts_them(some_calls: list[Told]) -> None:
    sums = Sums.of(filter(None, map(sums_of, some_calls)))
    slowly = counted_slowly(some_calls)
    assert {name: getattr(sums, name) for name in slowly} == slowly
    counted = sum(slowly.values()) - slowly["brief"]
    assert sums.level == (slowly["in_time"] / counted if counted else None)


def test_the_day_is_the_offices_also_where_its_midnight_is_skipped() -> None:
    # Chile's clocks went from 24:00 on 2026-09-05 to 01:00 on the 6th, and back from 24:00 to 23:00 on 2026-04-04.
    assert begin_of(date(2026, 9, 6), SANTIAGO) == datetime(2026, 9, 6, 4, tzinfo=UTC)
    assert begin_of(date(2026, 9, 7), SANTIAGO) - begin_of(date(2026, 9, 6), SANTIAGO) == timedelta(hours=23)
    assert begin_of(date(2026, 4, 5), SANTIAGO) - begin_of(date(2026, 4, 4), SANTIAGO) == timedelta(hours=25)
    assert day_of(datetime(2026, 9, 6, 3, 59, 59, tzinfo=UTC), SANTIAGO) == date(2026, 9, 5)
    assert day_of(datetime(2026, 9, 6, 4, tzinfo=UTC), SANTIAGO) == date(2026, 9, 6)
    assert monday_of(date(2026, 9, 6)) == date(2026, 8, 31)


ZONES = some.sampled_from(["America/Santiago", "Asia/Kathmandu", "Europe/Madrid", "America/Havana", "Pacific/Easter"])


@given(some.dates(date(2020, 1, 1), date(2030, 1, 1)), ZONES, some.integers(1, 7))
def test_hours_fill_the_days_without_a_gap_and_quarters_lie_within_them(day: date, name: str, days: int) -> None:
    zone = ZoneInfo(name)
    found = list(hours_of(days, day, zone))
    assert (found[0][0], found[-1][1]) == (begin_of(day, zone), begin_of(day + days * DAY, zone))
    assert all(one[1] == other[0] for one, other in pairwise(found))
    assert {day_of(since, zone) for since, _ in found} == {day + place * DAY for place in range(days)}
    assert all(quarter_of(since) == since for since, _ in found)
