"""What callers meet at a given number of secretaries: Erlang A, and Erlang C and B at its ends.

Calls come at random (Poisson), conversations and patience have exponential lengths, the first who waits is answered
first. Source: A. Mandelbaum, S. Zeltyn, "The Palm/Erlang-A queue, with applications to call centers" (2005); why it is
written here: docs/decisions/staffing.md.
"""

from dataclasses import dataclass
from functools import lru_cache
from math import ceil, exp, floor, inf, lgamma, log, sqrt
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

Vector: TypeAlias = NDArray[np.float64]

# Seconds.
HALF_HOUR = 1800.0
# What is promised: so many of all callers are answered within so many seconds.
GOAL, WITHIN = 0.8, 20.0
# Callers who are less patient than this do not wait at all, seconds.
NO_PATIENCE = 1.0
# Fewer calls in a half hour than this are what rounding leaves: one in two days.
NO_CALLS = 0.01
# So unlikely a state is not looked at; nor are more callers at once than these.
UNLIKELY, MOST_WAITING, MOST_STAFF = 1e-12, 3000, 5000


@dataclass(frozen=True, slots=True)
class Load:
    """What callers want in a half hour: so many calls, each of which takes a secretary `talk` seconds (ringing and
    wrap-up included); a caller who waits gives up after `patience` seconds on average (inf: never)."""

    calls: float
    talk: float
    patience: float = inf

    @property
    def arrivals(self) -> float:
        """Calls a second."""
        return self.calls / HALF_HOUR

    @property
    def erlangs(self) -> float:
        """How many would talk at once if nobody waited or gave up."""
        return self.arrivals * self.talk

    @property
    def nobody_waits(self) -> bool:
        """Who is not answered at once has gone."""
        return self.patience < NO_PATIENCE

    @property
    def giving_up(self) -> float:
        """How often a waiting caller gives up, a second."""
        return 0.0 if self.patience == inf else 1.0 / self.patience


@dataclass(frozen=True, slots=True)
class Service:
    """What callers meet. All are shares of all calls, but for `wait`: the mean in seconds."""

    level: float  # answered in time
    waited: float  # not answered at once
    gave_up: float
    wait: float
    busy: float  # of the secretaries' time


@dataclass(frozen=True, slots=True)
class Room:
    """The chain of states 0, 1, 2 …: so many callers talk or wait. `births` and `deaths` are rates a second, `soon`
    is how likely somebody who comes then is answered in time."""

    births: Vector
    deaths: Vector
    soon: Vector


def service(load: Load, staff: int, within: float = WITHIN) -> Service:
    """What callers meet who come while it has been like this for a while. Without calls everybody is answered."""
    if load.calls <= 0:
        return Service(1.0, 0.0, 0.0, 0.0, 0.0)
    room = room_of(load, staff, within)
    if load.patience == inf and load.erlangs >= staff:  # the queue grows for ever
        return Service(0.0, 1.0, 0.0, inf, 1.0 if staff else 0.0)
    share = steady(room)
    callers = np.arange(len(share))
    waiting = float(share @ np.maximum(callers - staff, 0))
    waited = float(share[staff:].sum())
    return Service(
        level=_bounded(float(share @ room.soon)),
        waited=_bounded(waited),
        gave_up=_bounded(waited if load.nobody_waits else load.giving_up * waiting / load.arrivals),
        wait=waiting / load.arrivals,
        busy=_bounded(float(share @ np.minimum(callers, staff)) / staff) if staff else 0.0,
    )


@lru_cache(maxsize=4096)
def needed(load: Load, goal: float = GOAL, within: float = WITHIN) -> int:
    """The fewest secretaries with whom that share of the callers is answered in time."""
    if load.calls < NO_CALLS:
        return 0
    enough = 1
    while enough < MOST_STAFF and service(load, enough, within).level < goal:
        enough *= 2
    short = enough // 2
    while enough - short > 1:
        middle = (enough + short) // 2
        if service(load, middle, within).level < goal:
            short = middle
        else:
            enough = middle
    return enough


def room_of(load: Load, staff: int, within: float, size: int = 0) -> Room:
    """The chain for that many secretaries, of `size` states at least."""
    states = max(size, states_for(load, staff))
    callers = np.arange(states, dtype=float)
    births = np.full(states, load.arrivals)
    if load.nobody_waits:
        births[staff:] = 0.0
        # Who talked when there were more secretaries is not cut off.
        return Room(births, callers / load.talk, (callers < staff).astype(float))
    waiting = np.maximum(callers - staff, 0.0)
    deaths = np.minimum(callers, staff) / load.talk + waiting * load.giving_up
    soon = np.ones(states)
    soon[staff:] = _answered_soon(staff / load.talk, load.giving_up, within, states - staff)
    return Room(births, deaths, soon)


def states_for(load: Load, staff: int) -> int:
    """How many states are worth looking at."""
    if load.nobody_waits:
        return staff + 2
    if load.patience == inf:
        busy = load.erlangs / staff if staff else inf
        more = log(UNLIKELY) / log(busy) if 0 < busy < 1 else MOST_WAITING
    else:
        more = max(0.0, load.arrivals - staff / load.talk) * load.patience + 8 * sqrt(load.arrivals * load.patience)
    return staff + 20 + min(ceil(more), MOST_WAITING)


def steady(room: Room) -> Vector:
    """How likely each state is when it has been like this for a while."""
    with np.errstate(divide="ignore"):
        steps = np.log(room.births[:-1]) - np.log(room.deaths[1:])
    heights = np.concatenate([[0.0], np.cumsum(np.nan_to_num(steps, nan=-inf, neginf=-inf, posinf=700.0))])
    share = np.exp(heights - heights.max())
    result: Vector = share / share.sum()
    return result


def _answered_soon(freed: float, giving_up: float, within: float, places: int) -> Vector:
    """How likely somebody who finds 0, 1, 2 … callers waiting is answered in time. `freed`: secretaries who become free
    a second. He moves up when one becomes free, or somebody before him gives up; he may give up himself.

    The chain is looked at by uniformisation: it takes a random number of steps, of a length that suits its fastest
    place.
    """
    moves_up = freed + np.arange(places) * giving_up
    fastest = float(moves_up[-1] + giving_up)
    if freed <= 0 or within <= 0 or fastest <= 0:
        return np.zeros(places)
    up, stays = moves_up / fastest, 1 - (moves_up + giving_up) / fastest
    answered, total = np.zeros(places), np.zeros(places)
    mean = fastest * within
    for step in range(floor(mean + 10 * sqrt(mean)) + 20):
        total += exp(step * log(mean) - mean - lgamma(step + 1)) * answered
        answered = stays * answered + up * np.concatenate([[1.0], answered[:-1]])
    return np.clip(total, 0.0, 1.0)


def _bounded(share: float) -> float:
    return min(max(share, 0.0), 1.0)
