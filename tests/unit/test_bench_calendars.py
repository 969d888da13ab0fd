"""What the bench makes of clients' own calendars: the table, and the words about the goals."""

import pytest

from bench.calendars import ALONE, BESIDE, RATE, Calendars, Crowd, First, _events
from bench.measure import Round
from bench.table import calendars_goals, calendars_table
from pbx_control.clock import now


def round_(way: str, p99: float, failed: int = 0) -> Round:
    return Round(way, RATE, 1200, failed, p99 / 2, p99, RATE, 5.0, 6.0)


def measured(
    beside: tuple[float, ...] = (10.0, 11.0, 90.0), failed: int = 0, first: float = 20.0, oldest: float = 50.0
) -> Calendars:
    rounds = [round_(ALONE, 10.0) for _ in beside] + [round_(BESIDE, p99, failed) for p99 in beside]
    crowd = Crowd(events=10_000, calendars=500, rounds=3, seconds=60.0)
    return Calendars(crowd, First(10_000, 20_000, first, 3.0), rounds, [40.0, oldest, 41.0])


def verdicts(done: Calendars) -> list[str]:
    return [line.rpartition(", ")[2] for line in calendars_goals(done)]


def test_all_goals_are_reached_or_said_not_to_be() -> None:
    assert verdicts(measured()) == ["reached"] * 3
    assert calendars_goals(measured())[2].endswith(": 1.10, 0 failed, reached")
    assert verdicts(measured(first=60.0)) == ["NOT reached", "reached", "reached"]
    assert verdicts(measured(oldest=61.0)) == ["reached", "NOT reached", "reached"]


@pytest.mark.parametrize("wrong", [measured((10.0, 13.0, 90.0)), measured(failed=1)])
def test_calls_must_not_notice(wrong: Calendars) -> None:
    assert verdicts(wrong) == ["reached", "reached", "NOT reached"]


def test_the_table_has_both_ways_and_the_first_reading() -> None:
    table = calendars_table(measured())
    assert f"| set-up at {RATE}/s, p99, ms" in table
    for cell in ("10.0", "11.0", "3600, 0", "20.0", "50"):
        assert cell in table


def test_events_are_of_different_times_and_some_are_series() -> None:
    texts = list(_events(100, now()))
    assert len({text.partition("DTSTART:")[2][:16] for text in texts}) == 100
    assert sum("RRULE" in text for text in texts) == 5
