"""Set-up on the wire while the nightly purge deletes from a large home, and while it does not, in turn.

The purge is done as the daemon has it done: its job, in a process of its own.
"""

import asyncio
import math
import os
import time
from dataclasses import dataclass, field
from multiprocessing.context import SpawnProcess
from zoneinfo import ZoneInfo

import psutil
from sqlalchemy import select

from bench.lab import DID, FREE_DID, Lab
from bench.measure import Round, cpu_ms, measured, rss_mb
from bench.purge import ended_calls, make_recordings
from bench.ways import Way
from pbx_control.clock import now
from pbx_control.jobs import run as jobs
from pbx_control.jobs import schedule
from pbx_control.jobs.run import JobHome, JobOutcome, Task
from pbx_control.settings import load
from pbx_control.store import retention
from pbx_control.store.engine import reading, writing
from pbx_control.store.tables import client

NO_PLAN, ALONE, BESIDE = "no plan", "with a plan", "beside a purge"
# How often the purge's memory is looked at, seconds.
LOOK = 0.2


@dataclass(frozen=True, slots=True)
class Extent:
    """How much is measured."""

    recordings: int
    due: int  # of them, before each purge
    rounds: int
    seconds: float  # of calls in one round


@dataclass(frozen=True, slots=True)
class Purged:
    """What one purge took, from its process's start to its end."""

    seconds: float
    cpu: float  # seconds
    early: float  # its resident memory when a quarter of the time was over, megabytes
    peak: float


@dataclass(frozen=True, slots=True)
class Beside:
    """All that was measured; a round's way is one of the three names above."""

    extent: Extent
    rounds: list[Round] = field(default_factory=list)
    purges: list[Purged] = field(default_factory=list)


@dataclass(slots=True)
class Span:
    """From when until when something was under way, epoch seconds."""

    began: float = math.inf
    ended: float = math.inf

    def __contains__(self, at: float) -> bool:
        return self.began <= at < self.ended


class Asides:
    """The rounds of calls in one lab, whose home has `extent.recordings` from now on."""

    def __init__(self, lab: Lab, extent: Extent) -> None:
        self._lab, self._extent = lab, extent
        with reading(lab.engine) as conn:
            self._clients = list(conn.scalars(select(client.c.id)))
        self._fill(extent.recordings - extent.due, 0)

    async def alone(self, rate: int) -> Round:
        """Calls to a client with a plan, while nothing is deleted."""
        return await measured(self._lab, self._way(ALONE, DID), rate, self._extent.seconds)

    async def without_plan(self, rate: int) -> Round:
        """The same to a client whose calls are not counted."""
        return await measured(self._lab, self._way(NO_PLAN, FREE_DID), rate, self._extent.seconds)

    async def beside(self, rate: int) -> tuple[Round, Purged]:
        """Calls to a client with a plan, during a purge: those placed before its end count, and all must succeed."""
        await asyncio.to_thread(self._fill, self._extent.due, self._extent.due)
        span = Span()
        purging = asyncio.create_task(self._purge(span))
        way = self._way(BESIDE, DID)
        done = await measured(self._lab, way, rate, self._extent.seconds, counts=lambda at: at in span)
        return done, await purging

    def _way(self, name: str, did: str) -> Way:
        return Way(name, lambda calls: [did] * calls, self._lab.daemon, by_the_daemon=True)

    def _fill(self, calls: int, due: int) -> None:
        make_recordings(self._lab.home, self._lab.engine, ended_calls(now(), calls, due, self._clients))
        with writing(self._lab.engine) as conn:
            retention.believe(conn, now())
        os.sync()  # what the next round waits for is not to be this

    async def _purge(self, span: Span) -> Purged:
        """Raises RuntimeError if it did not delete exactly what was due."""
        task = next(Task(job, ZoneInfo("UTC")) for job in schedule.JOBS if job.name == "purge")
        place = JobHome(self._lab.home, load(self._lab.home))
        span.began = time.time()
        process, wire = await asyncio.to_thread(jobs.begin_apart, task, place, now())
        looks: list[tuple[float, float]] = []
        looking = asyncio.create_task(_look(process, looks))
        try:
            _require(await asyncio.to_thread(jobs.outcome_of, process, wire), self._extent.due)
        finally:
            process.kill()
            looking.cancel()
        span.ended = time.time()
        memory = [megabytes for megabytes, _ in looks]
        return Purged(span.ended - span.began, looks[-1][1], early=memory[len(memory) // 4], peak=max(memory))


def _require(outcome: JobOutcome, due: int) -> None:
    if not outcome.result.startswith(f"{due} files deleted"):
        raise RuntimeError(f"the purge: {outcome.result} {outcome.trace}")


async def _look(process: SpawnProcess, looks: list[tuple[float, float]]) -> None:
    """Its memory (megabytes) and CPU (seconds), again and again, until cancelled or it has ended."""
    looked_at = psutil.Process(process.pid)
    while looked_at.is_running() and looked_at.status() != psutil.STATUS_ZOMBIE:
        looks.append((rss_mb(looked_at), cpu_ms(looked_at) / 1000))
        await asyncio.sleep(LOOK)
