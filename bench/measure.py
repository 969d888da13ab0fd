"""What is measured of one round of calls: set-up times on the wire, failures, and the CPU of those involved."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import psutil

from bench.lab import Lab
from bench.sipp import A_SECOND
from bench.ways import Way

# A set-up that takes longer counts as not kept up with, though the call did not fail, milliseconds.
KEPT_UP = 1000.0
# So much of the wanted rate the carrier must really have placed for a round to count as one at that rate.
PLACED = 0.95


@dataclass(frozen=True, slots=True)
class Round:
    """One round of calls by one way at one rate. Times in milliseconds, CPU in milliseconds a call."""

    way: str
    rate: int
    calls: int
    failed: int
    p50: float
    p99: float
    placed_rate: float
    control_cpu: float | None  # None: nothing controls it but Asterisk
    asterisk_cpu: float

    @property
    def sustained(self) -> bool:
        """Whether not a single call failed, none was left waiting, and the rate was really placed."""
        return not self.failed and self.p99 < KEPT_UP and self.placed_rate > PLACED * self.rate


def _always(at: float) -> bool:
    return True


async def measured(
    lab: Lab,
    way: Way,
    rate: int,
    seconds: float,
    counts: Callable[[float], bool] = _always,
    talk: int = A_SECOND,
) -> Round:
    """Places `rate` calls a second for so many seconds by that way, and waits until nothing of them is left.

    A caller talks for `talk` milliseconds. `counts` is asked at the end whether a call counts whose INVITE
    left then (epoch seconds).
    """
    calls = math.ceil(rate * seconds)
    asterisk = await lab.asterisk()
    served_before = await lab.answered_by_the_daemon()
    before = cpu_ms(asterisk), cpu_ms(way.control)
    dialled = await lab.carrier.dial(way.targets(calls), rate, talk)
    served = await lab.answered_by_the_daemon() - served_before
    after = cpu_ms(asterisk), cpu_ms(way.control)
    rung_at = lab.phones.rung_at()
    setups = [(left, (rung_at[number] - left) * 1000) for number, left in dialled.left_at.items() if number in rung_at]
    counted = [took for left, took in setups if counts(left)]
    return Round(
        way.name,
        rate,
        calls,
        # A call that the daemon gave to the fallback was answered, too, but not by what is measured.
        failed=calls - min(dialled.good, len(setups), served if way.by_the_daemon else calls),
        p50=percentile(counted, 50),
        p99=percentile(counted, 99),
        placed_rate=(calls - 1) / max(dialled.seconds, 0.001),
        control_cpu=(after[1] - before[1]) / calls if way.control else None,
        asterisk_cpu=(after[0] - before[0]) / calls,
    )


def cpu_ms(process: psutil.Process | None) -> float:
    """The CPU time that a process has used in all its threads, milliseconds; 0 for none."""
    if process is None:
        return 0.0
    used = process.cpu_times()
    return (used.user + used.system) * 1000


def rss_mb(process: psutil.Process) -> float:
    """A process's resident memory, megabytes."""
    return process.memory_info().rss / 1e6


def percentile(values: Sequence[float], percent: float) -> float:
    """The smallest value that so many percent do not exceed (nearest rank); infinite if there are none."""
    ranked = sorted(values)
    return ranked[max(0, math.ceil(len(ranked) * percent / 100) - 1)] if ranked else math.inf
