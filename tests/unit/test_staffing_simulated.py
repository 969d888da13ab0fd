"""The service that is foretold, beside a simulation of the same day: within three points, whatever the room."""

from collections.abc import Sequence

import pytest
from simulated_room import simulate

from pbx_control.domain.staffing.days import Spell, level_of_all, levels
from pbx_control.domain.staffing.erlang import GOAL, Load, needed, service

POINTS = 0.03
# A day's shape, of calls in half hours.
SHAPE = (2, 4, 7, 9, 10, 10, 9, 7, 5, 6, 8, 9, 9, 8, 6, 4)


def day(calls: Sequence[float], staff: Sequence[int], talk: float = 180.0, patience: float = 120.0) -> list[Spell]:
    return [Spell(Load(count, talk, patience), people) for count, people in zip(calls, staff, strict=True)]


def as_needed(calls: Sequence[float]) -> list[Spell]:
    return day(calls, [needed(Load(count, 180.0, 120.0)) for count in calls])


DAYS = {
    "one secretary": day([1.5] * 8, [1] * 8),
    "two secretaries": day([count / 2 for count in SHAPE], [2] * 16),
    "three secretaries": day(SHAPE, [3] * 16),
    "three with twice the calls": day([2 * count for count in SHAPE], [3] * 16),
    "twenty, as needed": as_needed([20 * count for count in SHAPE]),
    "sixty, as needed": as_needed([60 * count for count in SHAPE]),
    "overload of fourteen, and after it": day([60, 200, 320, 200, 100, 60], [14] * 6),
    "overload of sixty, and after it": day([200, 600, 900, 700, 300, 200], [60] * 6),
    "half of them go for lunch": day([100] * 4, [14, 7, 14, 14]),
    "night": day([0.4] * 16, [1] * 16, 240.0),
    "nobody, then two, then nobody": day([5, 5, 0, 5], [0, 2, 1, 0]),
    "no patience": day(SHAPE, [3] * 16, patience=0.0),
    "great patience": day(SHAPE, [3] * 16, patience=900.0),
}


# Where the queue is long, it matters how much conversations differ in length.
SPREADS = [(name, 1.0) for name in DAYS]
SPREADS += [(name, spread) for name in DAYS if "as needed" in name or "overload" in name for spread in (0.6, 1.4)]


@pytest.mark.parametrize(("name", "spread"), SPREADS)
def test_a_day_comes_as_it_is_foretold(name: str, spread: float) -> None:
    spells = DAYS[name]
    calls = sum(spell.load.calls for spell in spells)
    seen = simulate(spells, days=max(1, round(20_000 / calls)), seed=7, spread=spread)
    assert level_of_all(spells, levels(spells)) == pytest.approx(seen.level_of_all, abs=POINTS)


@pytest.mark.parametrize("name", ["one secretary", "three secretaries", "half of them go for lunch", "night"])
def test_so_does_each_half_hour(name: str) -> None:
    spells = DAYS[name]
    calls = sum(spell.load.calls for spell in spells)
    seen = simulate(spells, days=round(40_000 / calls), seed=7)
    for number, level in enumerate(levels(spells)):
        assert level == pytest.approx(seen.level(number), abs=POINTS), number


def test_who_was_left_waiting_spoils_the_next_half_hour() -> None:
    """The formula alone, which knows of no half hour before, is wrong by more than three points there."""
    spells = day([100, 300, 100], [12, 12, 12], patience=900.0)
    after = levels(spells)[2]
    alone = service(spells[2].load, 12).level
    seen = simulate(spells, days=100, seed=7)
    assert after == pytest.approx(seen.level(2), abs=POINTS)
    assert alone > after + POINTS


def test_a_half_hour_as_needed_keeps_what_is_promised() -> None:
    spells = as_needed([20 * count for count in SHAPE])
    assert all(level >= GOAL - 0.01 for level in levels(spells))
