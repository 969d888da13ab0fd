"""What the bench makes of calls beside a purge: the table, the ratio of p99, and the words about the goals."""

import math
from dataclasses import replace

import pytest

from bench.beside import ALONE, BESIDE, NO_PLAN, Beside, Extent, Purged, Span
from bench.measure import Round
from bench.table import beside_goals, beside_table

PURGED = Purged(seconds=20.0, cpu=7.0, early=80.0, peak=81.0)


def round_(way: str, rate: int, p99: float, failed: int = 0) -> Round:
    return Round(way, rate, 100, failed, p99 / 2, p99, rate, 5.0, 6.0)


def measured(beside: tuple[float, ...] = (10.0, 11.0, 90.0), failed: int = 0, purged: Purged = PURGED) -> Beside:
    """Three rounds at each rate; without a purge p99 is 10 ms."""
    rounds = [round_(way, rate, 10.0) for way in (NO_PLAN, ALONE) for rate in (20, 50) for _ in beside]
    rounds += [round_(BESIDE, rate, p99, failed) for rate in (20, 50) for p99 in beside]
    return Beside(Extent(recordings=1000, due=100, rounds=3, seconds=1.0), rounds, [purged])


def verdicts(done: Beside) -> list[str]:
    return [line.rpartition(", ")[2] for line in beside_goals(done)]


def test_one_bad_round_is_the_machine_two_are_the_purge():
    assert beside_goals(measured())[0].endswith(": 1.10, 0 failed, reached")
    assert beside_goals(measured((10.0, 13.0, 90.0)))[1].endswith(": 1.30, 0 failed, NOT reached")


def test_no_call_may_fail_beside_a_purge():
    assert verdicts(measured(failed=1)) == ["NOT reached", "NOT reached", "reached", "reached"]


@pytest.mark.parametrize("purged", [replace(PURGED, seconds=60.0), replace(PURGED, peak=100.0)])
def test_the_purge_has_a_minute_and_a_memory_that_does_not_grow(purged):
    done = measured()
    done.purges.append(purged)
    assert verdicts(done).count("NOT reached") == 1


def test_the_table_has_a_figure_or_a_dash_in_every_cell():
    lines = beside_table(measured()).splitlines()
    assert len(lines) == 2 + 2 * 3 + 2 + 3
    assert len({len(line) for line in lines}) == 1
    assert all(cell.strip() for line in lines[2:] for cell in line.strip("|").split("|"))
    assert [cell.strip() for cell in lines[3].strip("|").split("|")][1:] == ["10.0", "10.0", "11.0", "1.10"]
    assert "| purge of 100, 900 stay, s " in lines[-3]
    assert " 80 → 81 |" in lines[-1]


def test_calls_count_that_were_placed_while_the_purge_lasted():
    span = Span()
    assert 5.0 not in span
    span.began = 4.0
    assert 5.0 in span
    span.ended = 5.0
    assert 4.0 in span
    assert 5.0 not in span
    assert span.ended < math.inf
