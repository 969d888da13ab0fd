"""What the bench makes of wallboards: how old a figure was on a page, the table, and the words about the goals."""

import json
from datetime import UTC, datetime, timedelta

import pytest

from bench.measure import Round
from bench.table import wallboards_goals, wallboards_table
from bench.wallboards import CLOSED, OPEN, Ages, Hall, Wallboards, add_day, add_floor
from bench.wallpages import Figures, Seen, figures, note

AT = datetime(2026, 8, 3, 15, tzinfo=UTC)
FLOOR = '<li data-secretary-state="talking"><time data-clock="up" datetime="{}"></time></li>'
NUMBERS = '<dd data-figure="service-level">83 % <small>{} of {}</small></dd><dd data-figure="abandoned">7</dd>'


def after(seconds: float) -> datetime:
    return AT + timedelta(seconds=seconds)


def event(**regions: str) -> bytes:
    return json.dumps({"at": AT.isoformat(), "regions": regions}).encode()


def test_a_page_keeps_when_it_showed_what_first() -> None:
    seen = Seen()
    first, second = after(1).isoformat(), after(2).isoformat()
    note(seen, figures(event(floor=FLOOR.format(first), numbers=NUMBERS.format(10, 12))), 100.0)
    note(seen, figures(event(floor=FLOOR.format(first) + FLOOR.format(second))), 101.0)
    note(seen, figures(event(numbers=NUMBERS.format(10, 12))), 102.0)
    note(seen, figures(event(numbers=NUMBERS.format(11, 13))), 103.0)
    assert seen.since == {first: 100.0, second: 101.0}
    assert seen.counted == {12: 100.0, 13: 103.0}


def test_a_figure_that_nobody_knows_is_no_number() -> None:
    dash = '<dd data-figure="service-level">–</dd><dd data-figure="abandoned">3 <small>and 1 within 5 s</small></dd>'
    assert figures(event(numbers=dash)) == Figures((), None)


def test_an_answer_is_as_old_as_its_instant_was_when_the_page_showed_it() -> None:
    ages = Ages()
    seen = Seen(since={after(0).isoformat(): after(0.25).timestamp(), after(9).isoformat(): 0.0})
    add_floor(ages, seen, [after(0), after(1)])
    assert ages.took == pytest.approx([250.0])
    assert ages.missing == 1


def test_a_number_of_calls_tells_of_all_calls_that_it_counts() -> None:
    ages = Ages()
    seen = Seen(counted={1: 0.0, 3: after(1.5).timestamp()})
    add_day(ages, seen, [after(-60), after(1), after(1.2), after(2)], since=after(0))
    assert ages.took == pytest.approx([500.0, 300.0])
    assert ages.missing == 1


def round_(way: str, p50: float, failed: int = 0) -> Round:
    return Round(way, 20, 300, failed, p50, p50 * 2, 20.0, 5.0, 6.0)


def measured(
    beside: tuple[float, ...] = (5.0, 5.4, 50.0), failed: int = 0, worst: float = 990.0, missing: int = 0
) -> Wallboards:
    rounds = [round_(CLOSED, 5.0) for _ in beside] + [round_(OPEN, p50, failed) for p50 in beside]
    cpu = {CLOSED: [0.1, 0.1, 0.2], OPEN: [3.0, 4.0, 3.5]}
    hall = Hall(boards=60, secretaries=60, rate=20, rounds=len(beside), seconds=15.0)
    return Wallboards(hall, rounds, cpu, Ages([100.0, 400.0]), Ages([600.0, worst], missing))


def verdicts(done: Wallboards) -> list[str]:
    return [line.rpartition(", ")[2] for line in wallboards_goals(done)]


def test_all_goals_are_reached() -> None:
    assert verdicts(measured()) == ["reached"] * 3
    assert ": 1.08, 0 failed, reached" in wallboards_goals(measured())[1]


@pytest.mark.parametrize("old", [measured(worst=1001.0), measured(missing=1)])
def test_one_figure_that_is_too_old_or_missing_is_enough(old: Wallboards) -> None:
    assert verdicts(old) == ["NOT reached", "reached", "reached"]


@pytest.mark.parametrize("slower", [measured((5.0, 5.6, 50.0)), measured(failed=1)])
def test_calls_must_not_notice(slower: Wallboards) -> None:
    assert verdicts(slower) == ["reached", "NOT reached", "NOT reached"]


def test_the_table_has_both_ways_and_the_ages() -> None:
    table = wallboards_table(measured())
    for cell in ("set-up at 20/s, p50, ms", " 5.0 |", " 5.4 |", " 1.08 |", " 0.1 |", " 3.5 |", "900, 0", "60 open"):
        assert cell in table
    assert "100 / 400 / 400" in table
    assert "600 / 990 / 990" in table
