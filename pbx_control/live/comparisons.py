"""When the board is compared with the switch: after each connection, each minute, after a hang, and when something
looks odd. While nobody knows what the switch has, the board is held: nothing falls due."""

import asyncio
from collections.abc import Awaitable
from contextlib import suppress
from datetime import datetime
from typing import Protocol

import structlog

from pbx_control.errors import SwitchUnavailable
from pbx_control.live.pulse import Pulse
from pbx_control.live.switchboard import Switchboard

log = structlog.get_logger()

# Board and switch are compared so often while all goes well, seconds.
COMPARE_EVERY = 60.0
# A switch that is away is asked again after this, seconds.
ASK_AGAIN = 0.5
# The event loop is looked at so often, and has hung if it stood still for so long, seconds.
LOOK_AT_LOOP_EVERY, HUNG = 0.25, 2.0


class Compare(Protocol):
    """One comparison (recovery.py), with what follows from it."""

    def __call__(self, *, newly_connected: bool, last_beat: datetime | None = None) -> Awaitable[None]: ...


class Comparisons:
    """`watch_loop` and `run` go on for ever; `look_soon` asks for a comparison."""

    def __init__(self, compare: Compare, board: Switchboard, pulse: Pulse) -> None:
        self._compare = compare
        self._board = board
        self._pulse = pulse
        self._wanted = asyncio.Event()
        self._failed = False  # the last comparison, for a fault of ours
        self._hangs = 0
        self._loop_ran: float | None = None  # when, as its clock says

    def look_soon(self) -> None:
        """Asks for a comparison at once."""
        self._wanted.set()

    async def take_up(self, last_beat: datetime | None) -> None:
        """The comparison after a new connection. What fell due meanwhile happens at its end.

        If the daemon hung in it, people did something since: it is made anew.
        """
        hangs = -1
        while hangs != self._hangs:
            hangs = self._hangs
            await self._compare(newly_connected=True, last_beat=last_beat)
            self._notice_hang()
        self._board.resume()

    async def run(self) -> None:
        """Compares each minute, and when somebody asks for it."""
        while True:
            with suppress(TimeoutError):
                await asyncio.wait_for(self._wanted.wait(), COMPARE_EVERY)
            self._wanted.clear()
            if self._pulse.ready:
                await self._look()

    async def _look(self) -> None:
        try:
            await self._compare(newly_connected=False)
        except SwitchUnavailable:
            await asyncio.sleep(ASK_AGAIN)
            self._wanted.set()
        except Exception:
            self._after_fault()
            raise
        else:
            self._failed = False
            self._notice_hang()
            if not self._wanted.is_set():  # another hang has fallen into the comparison
                self._resume()

    def _after_fault(self) -> None:
        """Calls that are held wait for one more try, not for the next minute and not for ever."""
        self._failed = not self._failed
        if self._failed:
            self._wanted.set()
        else:
            self._resume()

    def _resume(self) -> None:
        if self._pulse.ready:
            self._board.resume()

    def watch_loop(self) -> None:
        """After a hang nothing falls due before the switch has told what people did meanwhile: it may have joined a
        caller with a secretary whose telephone would now be given up. (A timer: it runs before those that were set for
        later.)"""
        self._notice_hang()
        asyncio.get_running_loop().call_later(LOOK_AT_LOOP_EVERY, self.watch_loop)

    def _notice_hang(self) -> None:
        at = asyncio.get_running_loop().time()
        if self._loop_ran is not None and at - self._loop_ran > HUNG:
            log.warning("the daemon hung", seconds=round(at - self._loop_ran, 1))
            self._hangs += 1
            self._board.hold()
            self._wanted.set()
        self._loop_ran = at
