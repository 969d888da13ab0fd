"""A room of secretaries, simulated call by call: callers come at random, wait their turn, give up; conversations have
log-normal lengths. It shares nothing with the formula but what both are told."""

import heapq
import random
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from math import inf, log, sqrt

from pbx_control.domain.staffing.days import Spell
from pbx_control.domain.staffing.erlang import HALF_HOUR, WITHIN

# The standard deviation of conversations over their mean.
SPREAD = 1.0
# When every conversation is over, seconds.
LONG_AFTER = 1e9


@dataclass
class Seen:
    """Of each half hour: who came, and how many of them were answered in time."""

    came: list[int]
    in_time: list[int]

    def level(self, number: int) -> float:
        return self.in_time[number] / self.came[number]

    @property
    def level_of_all(self) -> float:
        return sum(self.in_time) / sum(self.came)


@dataclass
class _Room:
    spells: Sequence[Spell]
    chance: random.Random
    spread: float
    seen: Seen
    talking: list[float] = field(default_factory=list)  # when each conversation ends
    waiting: deque[tuple[float, float]] = field(default_factory=deque)  # since when, and until when he does

    def staff_at(self, at: float) -> int:
        return int(self.spells[min(int(at // HALF_HOUR), len(self.spells) - 1)].staff)

    def serve(self, until: float) -> None:
        """Who waits is answered as secretaries become free, or come, until then."""
        changes = deque(HALF_HOUR * number for number in range(len(self.spells)))
        while True:
            while changes and changes[0] <= self.now:
                changes.popleft()
            free = self.talking[0] if self.talking else inf
            at = min(free, changes[0] if changes else inf)
            if at > until:
                self.now = until
                return
            self.now = at
            while self.talking and self.talking[0] <= at:
                heapq.heappop(self.talking)
            self.seat(at)

    now: float = 0.0

    def seat(self, at: float) -> None:
        while self.waiting and len(self.talking) < self.staff_at(at):
            since, until = self.waiting.popleft()
            if until < at:
                continue
            self.answer(since, at)

    def answer(self, since: float, at: float) -> None:
        number = min(int(since // HALF_HOUR), len(self.spells) - 1)
        self.seen.in_time[number] += at - since <= WITHIN
        heapq.heappush(self.talking, at + self.length(self.spells[number].load.talk))

    def length(self, mean: float) -> float:
        if self.spread == 0:
            return mean
        width = sqrt(log(1 + self.spread**2))
        return self.chance.lognormvariate(log(mean) - width**2 / 2, width)

    def comes(self, at: float) -> None:
        self.serve(at)
        number = int(at // HALF_HOUR)
        self.seen.came[number] += 1
        if len(self.talking) < self.staff_at(at):
            self.answer(at, at)
        elif (patience := self.spells[number].load.patience) > 0:
            until = inf if patience == inf else self.chance.expovariate(1 / patience)
            self.waiting.append((at, at + until))


def simulate(spells: Sequence[Spell], days: int, seed: int, spread: float = SPREAD) -> Seen:
    """The same day, so many times, each from an empty room."""
    chance = random.Random(seed)
    seen = Seen([0] * len(spells), [0] * len(spells))
    for _ in range(days):
        room = _Room(spells, chance, spread, seen)
        for number, spell in enumerate(spells):
            at = number * HALF_HOUR
            while spell.load.calls > 0:
                at += chance.expovariate(spell.load.arrivals)
                if at >= (number + 1) * HALF_HOUR:
                    break
                room.comes(at)
        room.serve(LONG_AFTER)
    return seen
