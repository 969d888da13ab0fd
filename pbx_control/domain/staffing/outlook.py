"""A week half hour by half hour: its calls, the secretaries they need, those who are there, and what it comes to."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import pairwise
from math import floor, inf
from statistics import fmean, quantiles

from pbx_control.domain.staffing import days
from pbx_control.domain.staffing.days import Spell
from pbx_control.domain.staffing.erlang import GOAL, NO_CALLS, WITHIN, Load, needed
from pbx_control.domain.staffing.forecast import HALF

# What is taken for granted until there are calls to learn it from, seconds.
USUAL_TALK, USUAL_RING, USUAL_PATIENCE = 120.0, 4.0, 120.0
# From fewer calls, or callers who gave up, nothing is learnt.
ENOUGH_CALLS, ENOUGH_LOST = 20, 10
SHORTEST_PATIENCE, LONGEST_PATIENCE = 5.0, 900.0
LONGEST_TALK = 3600.0


@dataclass(frozen=True, slots=True)
class Sampled:
    """A past call: how long its caller waited, and talked (None: nobody answered), seconds."""

    waited: float
    talked: float | None


@dataclass(frozen=True, slots=True)
class Manner:
    """How calls are, on average, in seconds: how long a telephone rings that is free, how long she has the caller, how
    long she then writes, how long callers wait before they give up."""

    ring: float = USUAL_RING
    talk: float = USUAL_TALK
    wrap_up: float = 0.0
    patience: float = USUAL_PATIENCE

    @property
    def takes(self) -> float:
        """How long a call keeps a secretary from others."""
        return self.ring + self.talk + self.wrap_up

    @property
    def within(self) -> float:
        """What is left for the queue of the time within which he is to be answered: her telephone has to ring."""
        return max(0.0, WITHIN - self.ring)


@dataclass(frozen=True, slots=True, kw_only=True)
class HalfHour:
    """One half hour. What is not known is None."""

    at: datetime  # UTC
    calls: float  # expected
    talk: float  # seconds that each takes
    needed: int
    there: float | None  # secretaries, on average
    planned: bool  # it is still to come: as many as usual
    level: float | None  # the share that is answered in time, expected
    came: int | None = None  # calls, if it is over
    in_time: int | None = None  # of those

    @property
    def breaks(self) -> bool:
        """Too few callers will be answered in time."""
        return self.level is not None and self.calls >= NO_CALLS and self.level < GOAL

    @property
    def lacking(self) -> int:
        """How many secretaries more it takes; at least one if it breaks, perhaps in the half hour before."""
        if not self.breaks or self.there is None:
            return 0
        return max(1, self.needed - floor(self.there + 0.5))


@dataclass(frozen=True, slots=True)
class Gap:
    """Half hours in a row that break."""

    at: datetime
    until: datetime
    lacking: int  # at worst
    level: float  # at worst
    half_hours: int


def manner_of(calls: Sequence[Sampled], wrap_up: float) -> Manner:
    """What past calls show."""
    talked = [one.talked for one in calls if one.talked is not None]
    answered = [one.waited for one in calls if one.talked is not None]
    lost = len(calls) - len(answered)
    enough = len(answered) >= ENOUGH_CALLS
    patience = USUAL_PATIENCE
    if lost >= ENOUGH_LOST:
        # Of exponential patience that is seen only of those who lost it (Mandelbaum and Zeltyn, section 5).
        patience = min(max(sum(one.waited for one in calls) / lost, SHORTEST_PATIENCE), LONGEST_PATIENCE)
    return Manner(
        # Of who waited least nobody else was in the way.
        ring=min(max(quantiles(answered, n=4)[0], 0.0), WITHIN) if enough else USUAL_RING,
        talk=min(max(fmean(talked), 1.0), LONGEST_TALK) if enough else USUAL_TALK,
        wrap_up=min(max(wrap_up, 0.0), LONGEST_TALK),
        patience=patience,
    )


def outlook(
    halves: Sequence[tuple[datetime, float, float | None, bool]], manner: Manner, past: dict[datetime, tuple[int, int]]
) -> list[HalfHour]:
    """Half hours in a row: when, how many calls are expected, how many secretaries are there, whether that is still to
    come. `past`: how many came, and were answered in time."""
    loads = [Load(calls, manner.takes, manner.patience) for _, calls, _, _ in halves]
    spells = [Spell(load, there or 0.0) for load, (_, _, there, _) in zip(loads, halves, strict=True)]
    levels = days.levels(spells, manner.within)
    return [
        HalfHour(
            at=at,
            calls=calls,
            talk=manner.takes,
            needed=needed(load, GOAL, manner.within),
            there=there,
            planned=planned,
            level=None if there is None or calls < NO_CALLS else level,
            came=past.get(at, (0, 0))[0] if not planned else None,
            in_time=past.get(at, (0, 0))[1] if not planned else None,
        )
        for (at, calls, there, planned), load, level in zip(halves, loads, levels, strict=True)
    ]


def gaps(halves: Iterable[HalfHour]) -> list[Gap]:
    """The half hours that break, each run of neighbours as one."""
    broken = [one for one in halves if one.breaks]
    runs: list[list[HalfHour]] = [broken[:1]] if broken else []
    for before, one in pairwise(broken):
        if one.at - before.at == HALF:
            runs[-1].append(one)
        else:
            runs.append([one])
    return [
        Gap(
            run[0].at,
            run[-1].at + HALF,
            max(one.lacking for one in run),
            min((one.level for one in run if one.level is not None), default=inf),
            len(run),
        )
        for run in runs
    ]


def level_of(halves: Sequence[HalfHour]) -> float | None:
    """The share of all callers who are answered in time, of the half hours of which that is known."""
    known = [(one.calls, one.level) for one in halves if one.level is not None]
    calls = sum(count for count, _ in known)
    return sum(count * level for count, level in known) / calls if calls > 0 else None
