"""What the bench makes of its measurements: percentiles, the knee, and the words about the goals."""

import math

import pytest

from bench.measure import Round, percentile
from bench.table import Memory, Results, goals, table
from bench.ways import DIAL, FASTAGI, PBX_CONTROL


def round_(way: str, rate: int, p50: float = 2.0, failed: int = 0, placed_rate: float | None = None) -> Round:
    cpu = None if way == DIAL else 5.0
    return Round(way, rate, 100, failed, p50, 2 * p50, placed_rate or rate, cpu, 6.0)


def results(*steps: Round, pbx_control: float = 3.0) -> Results:
    ways = {PBX_CONTROL: pbx_control, DIAL: 2.0, FASTAGI: 4.0}
    rounds = [round_(way, rate, p50) for way, p50 in ways.items() for rate in (10, 50, 100)]
    return Results(rounds, steps, {PBX_CONTROL: Memory(100, 101, 300), FASTAGI: Memory(13, 13, 300)})


@pytest.mark.parametrize(("percent", "value"), [(50, 5), (99, 10), (100, 10), (1, 1)])
def test_a_percentile_is_a_value_that_was_measured(percent, value):
    assert percentile([10, 9, 8, 7, 6, 5, 4, 3, 2, 1], percent) == value


def test_no_telephone_rang():
    assert percentile([], 50) == math.inf


def test_the_knee_is_below_the_first_rate_that_never_succeeded():
    steps = [round_(PBX_CONTROL, 120, failed=1), round_(PBX_CONTROL, 120), round_(PBX_CONTROL, 150, failed=3)]
    assert results(*steps, round_(PBX_CONTROL, 200)).sustained(PBX_CONTROL) == 120


def test_calls_left_waiting_or_never_placed_are_not_sustained():
    assert not round_(PBX_CONTROL, 100, p50=600).sustained
    assert not round_(PBX_CONTROL, 100, placed_rate=80).sustained


def test_the_table_has_a_figure_or_a_dash_in_every_cell():
    lines = table(results()).splitlines()
    assert len(lines) == 2 + 6 + 1 + 2 + 2 + 1
    assert len({len(line) for line in lines}) == 1
    assert all(cell.strip() for line in lines[2:] for cell in line.strip("|").split("|"))
    assert "| set-up at 50/s, p50, ms           |                   3.0 |    2.0 |" in lines[4]


def test_goals_are_judged_by_what_was_measured():
    assert [line.rpartition(", ")[2] for line in goals(results())] == ["reached"] * 3
    assert goals(results(pbx_control=5.0))[0].endswith("2.50, NOT reached")
