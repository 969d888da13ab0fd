"""What callers meet half hour by half hour, if one begins with those whom the last one left waiting.

A queue that an overload left behind spoils the next half hour, too, and a day that begins empty is better than the
formula says. So the chain of `erlang.py` is followed through time, in steps (implicit Euler: no step can make a
probability negative, however long it is).
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from math import ceil, floor

import numpy as np

from pbx_control.domain.staffing.erlang import (
    HALF_HOUR,
    NO_CALLS,
    WITHIN,
    Load,
    Vector,
    room_of,
    states_for,
)

# Seconds: much shorter than any conversation.
STEP = 10.0


@dataclass(frozen=True, slots=True)
class Spell:
    """A half hour: what callers want, and how many secretaries are there on average."""

    load: Load
    staff: float


def levels(spells: Sequence[Spell], within: float = WITHIN) -> list[float]:
    """The share of each half hour's callers who are answered in time; 1 where nobody calls.

    Before the first one nobody calls or waits.
    """
    found, share = list[float](), np.ones(1)
    for spell in spells:
        if spell.load.calls < NO_CALLS and _is_empty(share):
            share = np.ones(1)
            found.append(1.0)
            continue
        size = max(_states(spell), len(share))
        share = np.concatenate([share, np.zeros(size - len(share))])
        average, share = _through(spell, share, within)
        soon = _mixed(spell, within, size)[1]
        level = min(max(float(average @ soon), 0.0), 1.0)
        found.append(level if spell.load.calls >= NO_CALLS else 1.0)
        share = _without_tail(share)
    return found


def level_of_all(spells: Iterable[Spell], of_each: Iterable[float]) -> float:
    """The share of all callers who are answered in time; 1 if nobody calls."""
    pairs = [(spell.load.calls, level) for spell, level in zip(spells, of_each, strict=True)]
    calls = sum(count for count, _ in pairs)
    return sum(count * level for count, level in pairs) / calls if calls > 0 else 1.0


def _through(spell: Spell, share: Vector, within: float) -> tuple[Vector, Vector]:
    """How likely each state is on average of the half hour, and at its end."""
    forward = _forward(spell, within, len(share))
    steps = round(HALF_HOUR / STEP)
    total = np.zeros(len(share))
    for _ in range(steps):
        share = forward @ share
        total += share
    return total / steps, share


@lru_cache(maxsize=64)
def _forward(spell: Spell, within: float, size: int) -> Vector:
    """The matrix that takes the likelihoods of the states one step on."""
    flow = _mixed(spell, within, size)[0]
    return np.asarray(np.linalg.inv(np.eye(size) - STEP * flow), dtype=np.float64)


def _mixed(spell: Spell, within: float, size: int) -> tuple[Vector, Vector]:
    """The rates between states, and how likely each is to be answered in time; of 2.3 secretaries it is three for 30 %
    of the time."""
    low, part = floor(spell.staff), spell.staff - floor(spell.staff)
    flow, soon = _chain(spell.load, low, within, size)
    if part == 0:
        return flow, soon
    more_flow, more_soon = _chain(spell.load, low + 1, within, size)
    return flow + part * (more_flow - flow), soon + part * (more_soon - soon)


def _chain(load: Load, staff: int, within: float, size: int) -> tuple[Vector, Vector]:
    room = room_of(load, staff, within, size)
    births, deaths = room.births[:size].copy(), room.deaths[:size]
    births[-1] = 0.0
    flow = np.diag(births[:-1], -1) + np.diag(deaths[1:], 1)
    flow -= np.diag(births + deaths)
    return flow, room.soon[:size]


def _states(spell: Spell) -> int:
    return max(states_for(spell.load, floor(spell.staff)), states_for(spell.load, ceil(spell.staff)))


def _is_empty(share: Vector) -> bool:
    return bool(share[0] > 1 - 1e-6)


def _without_tail(share: Vector) -> Vector:
    """States that are next to impossible are left out, so that a night does not carry the day's on."""
    last = int(np.nonzero(share > 1e-10)[0][-1])
    kept = share[: last + 1]
    result: Vector = kept / kept.sum()
    return result
