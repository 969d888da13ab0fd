"""The daemon's children, the pages' process and that of remote calendars: begun anew when they die, ended with the
daemon, never in a call's way."""

import asyncio
import os
from asyncio.subprocess import PIPE, Process, create_subprocess_exec
from collections.abc import Sequence
from contextlib import suppress

import structlog

from pbx_control.errors import ClientMistake
from pbx_control.settings import Web

log = structlog.get_logger()

# A process that died is begun anew after so long; each time twice as long, seconds.
FIRST_PAUSE, LONGEST_PAUSE = 0.5, 60.0
# One that has lived so long is no longer one that dies at its start, seconds.
WELL = 60.0
# How long it may take to end, seconds: it gives open requests three.
GOODBYE = 5.0
# What systemd tells its service: the child is not that.
SYSTEMD = ("NOTIFY_SOCKET", "WATCHDOG_PID", "WATCHDOG_USEC")


class Child:
    """What that command starts. Its end of our pipe tells it when we are gone, however we end."""

    def __init__(self, name: str, command: Sequence[str]) -> None:
        self._name = name
        self._command = command
        self._process: Process | None = None

    async def run(self) -> None:
        """Keeps it running until cancelled."""
        pause = FIRST_PAUSE
        while True:
            lived, status = await self._live()
            pause = FIRST_PAUSE if lived > WELL else pause
            log.warning("a process ended and is begun anew", process=self._name, status=status, after=pause)
            await asyncio.sleep(pause)
            pause = min(2 * pause, LONGEST_PAUSE)

    async def ended(self) -> None:
        """Waits until it has ended; kills it if it does not."""
        if self._process is None:
            return
        try:
            await asyncio.wait_for(self._process.wait(), GOODBYE)
        except TimeoutError:
            self._process.kill()
            await self._process.wait()

    async def _live(self) -> tuple[float, int]:
        """Its whole life: for how many seconds, and how it ended."""
        began = asyncio.get_running_loop().time()
        environment = {name: value for name, value in os.environ.items() if name not in SYSTEMD}
        # A session of its own: Ctrl-C is for the daemon, which ends it in good order.
        self._process = await create_subprocess_exec(
            *self._command, stdin=PIPE, env=environment, start_new_session=True
        )
        try:
            status = await self._process.wait()
        except asyncio.CancelledError:
            with suppress(ProcessLookupError):
                self._process.terminate()
            raise
        return asyncio.get_running_loop().time() - began, status


class Pages(Child):
    """The process that serves the pages."""

    def __init__(self, web: Web, command: Sequence[str]) -> None:
        super().__init__("web", command)
        self._web = web

    async def run(self) -> None:
        """Keeps it running until cancelled, if the pages may be served."""
        try:
            self._web.require_safe()
        except ClientMistake as error:
            log.error("the pages are not served", why=str(error))
            await asyncio.Event().wait()
        await super().run()
