"""A simulated time that several processes share: it runs as fast as one says, and can be put ahead.

An event loop of this time waits by it, so that the product's pauses and limits hold as they are: three hours of a dead
server are over in a minute.
"""

import asyncio
import mmap
import selectors
import struct
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

BEGAN = datetime(2026, 8, 3, 12, 0, tzinfo=UTC)
# A loop that waits looks so often whether its time has been changed, real seconds.
LOOK = 0.05
# When a pace was set (real, simulated), and its speed, between two numbers that are equal once it is whole.
_PACE = struct.Struct("<QdddQ")
# What the notifying process says of itself: tries begun, letters of which nothing is written down yet, and whether it
# has begun.
_SAID = struct.Struct("<QQQ")


class SharedTime:
    """The time that lies in a file; seconds since the beginning."""

    def __init__(self, path: Path) -> None:
        if not path.exists():
            path.write_bytes(bytes(_PACE.size + _SAID.size))
        with path.open("r+b") as file:
            self._page = mmap.mmap(file.fileno(), 0)

    def run_at(self, speed: float, *, ahead: float = 0.0) -> None:
        """From now on so fast; `ahead`: so many seconds are left out."""
        version, *_, old = self._pace()
        seconds = self.seconds() + ahead if old else 0.0
        _PACE.pack_into(self._page, 0, version + 1, time.monotonic(), seconds, speed, version)
        _PACE.pack_into(self._page, 0, version + 1, time.monotonic(), seconds, speed, version + 1)

    def seconds(self) -> float:
        """How much time has gone by."""
        _, real, simulated, speed = self._pace()
        return simulated + (time.monotonic() - real) * speed

    def now(self) -> datetime:
        """The present instant."""
        return BEGAN + timedelta(seconds=self.seconds())

    @property
    def speed(self) -> float:
        """How many seconds go by in a real one."""
        return self._pace()[3]

    def say(self, tries: int, open_letters: int, *, begun: bool) -> None:
        """The notifying process tells how it is."""
        _SAID.pack_into(self._page, _PACE.size, tries, open_letters, begun)

    def said(self) -> tuple[int, int, bool]:
        """What it told last."""
        tries, open_letters, begun = _SAID.unpack_from(self._page, _PACE.size)
        return tries, open_letters, bool(begun)

    def _pace(self) -> tuple[int, float, float, float]:
        while True:
            first, real, simulated, speed, last = _PACE.unpack_from(self._page, 0)
            if first == last:
                return first, real, simulated, speed


class FastLoop(asyncio.SelectorEventLoop):
    """An event loop of this time."""

    def __init__(self, shared: SharedTime) -> None:
        self._shared = shared
        super().__init__(_FastSelector(shared))

    def time(self) -> float:
        return self._shared.seconds()


class _FastSelector(selectors.DefaultSelector):
    def __init__(self, shared: SharedTime) -> None:
        super().__init__()
        self._shared = shared

    def select(self, timeout: float | None = None) -> list[Any]:
        wanted = LOOK if timeout is None else min(timeout / self._shared.speed, LOOK)
        return super().select(wanted)
