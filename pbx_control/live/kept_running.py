"""A task that should never end: if it fails, that is logged and it is begun anew."""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress

import structlog

from pbx_control.errors import PbxError

log = structlog.get_logger()

# After a failure it is begun anew so much later, seconds; what others must mend first is asked for less often.
AGAIN_AFTER, ASK_OTHERS_AFTER = 0.5, 2.0


class KeptRunning:
    """Runs a task for the length of a block, again and again."""

    def __init__(self, work: Callable[[], Awaitable[None]]) -> None:
        self._work = work

    async def __aenter__(self) -> None:
        self._task = asyncio.create_task(self._again_and_again())

    async def __aexit__(self, *_: object) -> None:
        self._task.cancel()
        with suppress(asyncio.CancelledError):
            await self._task

    async def _again_and_again(self) -> None:
        while True:
            try:
                await self._work()
            except PbxError as error:  # a database that is away, say: nothing that a trace would explain
                log.warning("a part of the process waits", part=self._work.__qualname__, why=str(error))
                await asyncio.sleep(ASK_OTHERS_AFTER)
            except Exception:
                log.exception("a part of the process failed and is begun anew", part=self._work.__qualname__)
                await asyncio.sleep(AGAIN_AFTER)


def log_failure(task: asyncio.Task[None]) -> None:
    """For a task that nobody waits for, as its callback when done."""
    if not task.cancelled() and (error := task.exception()):
        log.error("a part of the process failed", part=getattr(task.get_coro(), "__qualname__", ""), exc_info=error)
