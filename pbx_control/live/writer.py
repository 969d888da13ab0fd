"""The one thread that saves steps: everything that waits goes into one durable commit, in order."""

import asyncio
import os
import queue
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from itertools import islice

import structlog
from sqlalchemy import Engine
from sqlalchemy.exc import DataError

from pbx_control import faults
from pbx_control.domain.call.commands import NoteSupervision
from pbx_control.domain.call.saving import Save
from pbx_control.errors import StoreUnavailable
from pbx_control.services.steps import Rules, save
from pbx_control.store.engine import writing

log = structlog.get_logger()

# A commit that takes longer than this holds up no live call: it goes on from memory, seconds.
SLOW = 1.0
# A database that is away is asked again so often, seconds.
RETRY_EVERY = 0.5
# At most so many steps in one commit: the first of them should not wait for a crowd.
LARGEST_COMMIT = 200


@dataclass(slots=True)
class _Job:
    steps: Sequence[Save]
    done: "asyncio.Future[int]"
    since: float = field(default_factory=time.monotonic)


class Writer:
    """Saves steps durably and in order; `saved` gives a future: how many of them are remembered, once committed.

    Steps that are handed over together are in one commit, so that an arrival and its offer wait for one and not two.
    """

    def __init__(
        self,
        engine: Engine,
        rules: Rules,
        committed: Callable[[Sequence[Save]], None],
    ) -> None:
        self._engine = engine
        self._rules = rules
        self._committed = committed  # called in the loop after each commit, with what is remembered
        self._jobs: queue.SimpleQueue[_Job | None] = queue.SimpleQueue()
        self._loop = asyncio.get_running_loop()
        self._in_hand_since: float | None = None
        self._left_out: list[Save] = []  # of the commit in hand: what the database refused
        self._thread = threading.Thread(target=self._work_or_die, name="writer", daemon=True)
        self._thread.start()

    def saved(self, steps: Sequence[Save]) -> "asyncio.Future[int]":
        """Hands a call's steps over to be saved. The result is less than their number if one did not get what it
        claims, a seat or a unit: that one and those after it are not remembered."""
        job = _Job(steps, self._loop.create_future())
        self._jobs.put(job)
        return job.done

    @property
    def stalled(self) -> bool:
        """Whether a commit has been under way for more than a second: new calls then go to the fallback."""
        since = self._in_hand_since
        return since is not None and time.monotonic() - since > SLOW

    async def close(self) -> None:
        """Waits until everything handed over is saved, then ends the thread."""
        self._jobs.put(None)
        await asyncio.to_thread(self._thread.join)

    def _work_or_die(self) -> None:
        """A daemon that saves nothing any more must not go on as if it did: the next one recovers."""
        try:
            self._work()
        except BaseException:
            log.critical("steps can no longer be saved; the daemon ends, so that another one starts", exc_info=True)
            os._exit(os.EX_SOFTWARE)

    def _work(self) -> None:
        while (job := self._jobs.get()) is not None:
            batch, last = self._with_what_waits(job)
            self._in_hand_since = time.monotonic()
            steps = [step for each in batch for step in each.steps]
            if faults.ARMED:
                faults.reach(faults.BEFORE_COMMIT, [step.call for step in steps])
            kept = self._commit(steps)
            if faults.ARMED:
                faults.reach(faults.AFTER_COMMIT, [step.call for step in steps])
            self._in_hand_since = None
            remembered = [step for step, keep in zip(steps, kept, strict=True) if keep and step not in self._left_out]
            self._left_out.clear()
            self._loop.call_soon_threadsafe(self._tell, batch, kept, remembered)
            if last:
                return

    def _with_what_waits(self, job: _Job) -> tuple[list[_Job], bool]:
        batch = [job]
        while len(batch) < LARGEST_COMMIT:
            try:
                more = self._jobs.get_nowait()
            except queue.Empty:
                break
            if more is None:
                return batch, True
            batch.append(more)
        return batch, False

    def _commit(self, steps: list[Save]) -> list[bool]:
        """Commits, however long it takes: a database that comes back finds every step in order."""
        told = False
        while True:
            try:
                with writing(self._engine) as conn:
                    return save(conn, steps, self._rules)
            except StoreUnavailable as error:
                if isinstance(error.__cause__, DataError):
                    return self._one_by_one(steps)
                if not told:
                    log.error("steps cannot be saved; going on from memory", why=str(error), steps=len(steps))
                    told = True
                time.sleep(RETRY_EVERY)
            except Exception:  # a letter that cannot be composed must not end the thread that saves every call
                return self._one_by_one(steps)

    def _one_by_one(self, steps: list[Save]) -> list[bool]:
        """A step that the database will never take must not hold up the others: it is logged whole and left out.

        Nor are later steps of a call remembered here whose claim was lost. One by which a supervisor listens is not
        performed either: nobody would know of it.
        """
        if len(steps) > 1:
            kept, refused = [], set[str]()
            for step in steps:
                kept.append(step.call.id not in refused and self._commit([step])[0])
                if not kept[-1]:
                    refused.add(step.call.id)
            return kept
        log.exception("a step was refused by the database", call=steps[0].call.id, entries=steps[0].entries)
        self._left_out += steps
        return [not any(isinstance(command, NoteSupervision) for command in steps[0].commands)]

    def _tell(self, batch: list[_Job], kept: list[bool], remembered: list[Save]) -> None:
        answers = iter(kept)
        for job in batch:
            number = sum(islice(answers, len(job.steps)))
            if not job.done.done():
                job.done.set_result(number)
        self._committed(remembered)
