"""What a crowd that listens to everything costs the daemon: its CPU a call with and without them, in turn."""

import statistics
import sys
from asyncio.subprocess import PIPE, create_subprocess_exec
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from bench.lab import DID, Lab
from bench.measure import Round, measured
from bench.ways import PBX_CONTROL, Way

LISTENERS, RATE = 100, 50
ROOT = Path(__file__).parents[1]


@dataclass(frozen=True, slots=True)
class Listening:
    """The rounds that nobody listened to, and those that all did, in turn."""

    alone: Sequence[Round]
    heard: Sequence[Round]

    @property
    def cost(self) -> float:
        """What they add to the daemon's CPU, a share of it: the median over the pairs of rounds."""
        pairs = zip(self.alone, self.heard, strict=True)
        return statistics.median(_cpu(heard) / _cpu(alone) - 1 for alone, heard in pairs)

    @property
    def failed(self) -> int:
        """The calls that failed."""
        return sum(each.failed for each in (*self.alone, *self.heard))


def _cpu(one: Round) -> float:
    return one.control_cpu or 1.0


async def listened(lab: Lab, rounds: int, seconds: float) -> Listening:
    """Calls without listeners and calls beside them take turns."""
    way = Way(PBX_CONTROL, lambda calls: [DID] * calls, lab.daemon, by_the_daemon=True)
    alone, heard = [], []
    for _ in range(rounds):
        alone.append(await measured(lab, way, RATE, seconds))
        async with _crowd(lab):
            heard.append(await measured(lab, way, RATE, seconds))
    return Listening(alone, heard)


@asynccontextmanager
async def _crowd(lab: Lab) -> AsyncIterator[None]:
    words = (sys.executable, "-m", "bench.listeners", str(lab.home.root), str(LISTENERS))
    process = await create_subprocess_exec(*words, cwd=ROOT, stdout=PIPE)
    assert process.stdout
    try:
        await process.stdout.readline()
        yield
    finally:
        process.kill()
        await process.wait()
