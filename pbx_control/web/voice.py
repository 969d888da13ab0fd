"""How often a client's people may have something spoken: a voice takes seconds of a processor, and its sounds lie on
the disk for a day."""

import math
import time
from collections.abc import Callable
from typing import TypeVar

from anyio import CapacityLimiter
from anyio.to_thread import run_sync
from limits import RateLimitItemPerMinute
from limits.storage import MemoryStorage
from limits.strategies import FixedWindowRateLimiter

T = TypeVar("T")

# One text at a time: the calls have the other processors.
AT_ONCE = 1
OF_A_CLIENT = RateLimitItemPerMinute(40, 10)


class TooOften(Exception):
    """The client's people have had too much spoken of late; again in so many `minutes`."""

    def __init__(self, minutes: int) -> None:
        super().__init__(minutes)
        self.minutes = minutes


class Voice:
    """The office's voice, as far as the pages may use it."""

    def __init__(self) -> None:
        self._limiter = FixedWindowRateLimiter(MemoryStorage())
        self._turns = CapacityLimiter(AT_ONCE)

    async def speaks(self, client_id: int, do: Callable[[], T]) -> T:
        """What `do` gives, which may have a voice speak. Raises TooOften."""
        if not self._limiter.hit(OF_A_CLIENT, str(client_id)):
            reset = self._limiter.get_window_stats(OF_A_CLIENT, str(client_id)).reset_time
            raise TooOften(max(1, math.ceil((reset - time.time()) / 60)))
        async with self._turns:
            return await run_sync(do)
