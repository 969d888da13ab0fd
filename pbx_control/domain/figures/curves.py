"""The curves of some days: what was counted in each step of time, and where that lies on a drawing."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from pbx_control.domain.figures.days import QUARTER
from pbx_control.domain.figures.levels import Sums

# The drawing: across in units of its own, which browsers stretch to the page; up in pixels.
WIDTH, HEIGHT = 960, 240
TOP, BOTTOM = 20, 26
# Lines across it, at most.
MOST_LINES = 5


@dataclass(frozen=True, slots=True)
class Step:
    """A part of the time that is drawn, and what the calls became that came in it."""

    since: datetime
    until: datetime
    sums: Sums


def steps(quarters: Mapping[datetime, Sums], spans: Iterable[tuple[datetime, datetime]]) -> list[Step]:
    """The sums of the quarter hours (by their beginnings), for each of these spans, which begin at one."""
    return [Step(since, until, Sums.of(_within(quarters, since, until))) for since, until in spans]


def _within(quarters: Mapping[datetime, Sums], since: datetime, until: datetime) -> Iterator[Sums]:
    at = since
    while at < until:
        if at in quarters:
            yield quarters[at]
        at += QUARTER


def scale(most: int) -> Sequence[int]:
    """Where lines go across a drawing of numbers up to that: round ones, from nought to at least it."""
    most = max(most, 1)
    size = 1
    while True:
        for unit in (size, 2 * size, 5 * size):
            if most <= unit * (MOST_LINES - 1):
                return [unit * line for line in range(-(-most // unit) + 1)]
        size *= 10


@dataclass(frozen=True, slots=True)
class Drawing:
    """Where things lie: instants from left to right, numbers from the bottom up."""

    since: datetime
    until: datetime
    most: float

    def x(self, at: datetime) -> float:
        """An instant's place."""
        return round(self._share(at) * WIDTH, 1)

    def percent(self, at: datetime) -> float:
        """The same, in percent of the drawing's width."""
        return round(self._share(at) * 100, 2)

    def _share(self, at: datetime) -> float:
        return (at - self.since) / (self.until - self.since)

    def y(self, number: float) -> float:
        """A number's place."""
        return round(HEIGHT - BOTTOM - number / self.most * (HEIGHT - TOP - BOTTOM), 1)

    def stairs(self, numbers: Iterable[tuple[Step, float]]) -> str:
        """A line that is level within each step, as SVG writes points: a step's number holds for all of it."""
        return " ".join(
            f"{self.x(step.since)},{self.y(number)} {self.x(step.until)},{self.y(number)}" for step, number in numbers
        )

    def area(self, numbers: Sequence[tuple[Step, float]]) -> str:
        """The same, closed along the bottom."""
        return f"{self.x(self.since)},{self.y(0)} {self.stairs(numbers)} {self.x(self.until)},{self.y(0)}"


def runs(some: Sequence[Step]) -> list[list[tuple[Step, float]]]:
    """The service levels, in runs of steps that have one: where no call came, there is no line."""
    found: list[list[tuple[Step, float]]] = []
    before: Step | None = None
    for step in some:
        if step.sums.level is None:
            continue
        if before is None or before.until != step.since:
            found.append([])
        found[-1].append((step, step.sums.level))
        before = step
    return found


def longest_gap(days: int) -> timedelta:
    """How far apart the times stand beneath a drawing of so many days."""
    return timedelta(hours=2) if days == 1 else timedelta(days=1)
