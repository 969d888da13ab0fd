"""The last step of handing over, one letter at a time: what a server may have and nobody has noted comes twice after a
kill (docs/decisions/outbox.md)."""

import asyncio
from collections.abc import Awaitable, Callable
from types import TracebackType
from typing import Self

# While servers answer sooner than this, seconds, the last steps go strictly one after the other.
QUICK = 0.1
# For a slower one no letter waits longer than this, and none holds up others for longer, seconds.
PATIENCE = 1.0
# How much the newest answer counts in what is usual.
NEWEST = 0.2

# To be awaited just before the server may take the letter.
LastStep = Callable[[], Awaitable[None]]


async def at_once() -> None:
    """For whoever sends one letter alone."""


class Turns:
    """Whose last step it is, of all letters of this process, whichever server they go to."""

    def __init__(self) -> None:
        self.lock = asyncio.Lock()
        self.usual = 0.0  # seconds from a last step's beginning until it is noted

    def for_letter(self) -> "Turn":
        """The turn of one letter, which ends with its `with`."""
        return Turn(self)


class Turn:
    """A letter's turn: taken by awaiting it, once or more often, and kept until the letter's end is noted."""

    def __init__(self, turns: Turns) -> None:
        self._turns = turns
        self._began: float | None = None
        self._release: asyncio.TimerHandle | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._let_others()
        if self._began is not None:
            took = asyncio.get_running_loop().time() - self._began
            self._turns.usual += NEWEST * (min(took, PATIENCE) - self._turns.usual)

    async def take(self) -> None:
        """Returns when the letter may be handed over."""
        if self._began is not None:
            return
        loop = asyncio.get_running_loop()
        while self._release is None:
            try:
                async with asyncio.timeout(PATIENCE):
                    await self._turns.lock.acquire()
            except TimeoutError:
                if self._turns.usual >= QUICK:
                    break  # beside the others
            else:
                self._release = loop.call_later(PATIENCE, self._is_slow)
        self._began = loop.time()

    def _is_slow(self) -> None:
        """Servers that hang tell nothing by an end of theirs: whoever waits goes beside them from now on."""
        self._turns.usual = max(PATIENCE, QUICK)
        self._let_others()

    def _let_others(self) -> None:
        if self._release is not None:
            self._release.cancel()
            self._release = None
            self._turns.lock.release()
