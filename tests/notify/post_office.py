"""What stories of delivery are told with: a clock set by hand, a watch on the database, a sender that is a fake."""

import asyncio
from collections import defaultdict
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import Connection, Engine, event

from pbx_control.domain.notices.messages import Letter
from pbx_control.errors import DeliveryFailed, Fault
from pbx_control.notify.turns import LastStep, at_once

# Nothing here takes longer on any machine: what is waited for is not coming, seconds.
HANGS = 120

SOUND = "2026/08/03/pbx-1-message.wav"


class HandClock:
    """A clock that stands until it is set."""

    def __init__(self) -> None:
        self.at = datetime(2026, 8, 3, 12, 0, tzinfo=UTC)

    def __call__(self) -> datetime:
        return self.at

    def advance(self, by: timedelta) -> None:
        self.at += by


class Watch:
    """Lets a test await what the outbox writes down: looks again after each commit."""

    def __init__(self, engine: Engine) -> None:
        self.commits = 0
        self._loop = asyncio.get_running_loop()
        self._committed = asyncio.Event()
        event.listen(engine, "commit", self._mark)
        event.listen(engine.pool, "checkin", self._tell)

    async def until(self, check: Callable[[], bool]) -> None:
        """Returns when `check` is true, which it is asked now and after each commit."""
        async with asyncio.timeout(HANGS):
            while not check():
                await self._committed.wait()
                self._committed.clear()

    def _mark(self, conn: Connection) -> None:
        conn.info["committed"] = True

    def _tell(self, _connection: Any, record: Any) -> None:
        # Only now others see it: SQLAlchemy tells of a commit before the database has done it.
        if record.info.pop("committed", False):
            self.commits += 1
            self._loop.call_soon_threadsafe(self._committed.set)


class SentLetters:
    """A sender that remembers; it holds back what goes to an address in `held`, and fails as `refused`, `failing` and
    `failures` say."""

    def __init__(self) -> None:
        self.sent: list[Letter] = []
        self.tried: asyncio.Queue[Letter] = asyncio.Queue()
        self.failures: list[Exception] = []
        self.held: set[str] = set()
        self.refused: set[str] = set()  # addresses that do not exist
        self.failing: dict[str, DeliveryFailed] = {}  # by address
        self.in_flight: defaultdict[str, int] = defaultdict(int)
        self.most_in_flight = 0
        self.most_to_one = 0
        self.rests = 0
        self._release = asyncio.Event()

    async def send(self, letter: Letter, last_step: LastStep = at_once) -> str:
        self.in_flight[letter.address] += 1
        self.most_in_flight = max(self.most_in_flight, sum(self.in_flight.values()))
        self.most_to_one = max(self.most_to_one, self.in_flight[letter.address])
        self.tried.put_nowait(letter)
        try:
            if letter.address in self.held:
                await self._release.wait()
            await last_step()
            if letter.address in self.refused:
                raise DeliveryFailed("550 no such user", Fault.FINAL)
            if letter.address in self.failing:
                raise self.failing[letter.address]
            if self.failures:
                raise self.failures.pop(0)
            self.sent.append(letter)
            return f"{len(self.sent)}"
        finally:
            self.in_flight[letter.address] -= 1

    async def rest(self) -> None:
        self.rests += 1

    async def next_try(self) -> Letter:
        async with asyncio.timeout(HANGS):
            return await self.tried.get()

    def all_tried(self) -> list[Letter]:
        """Those of which no `next_try` has told."""
        return [self.tried.get_nowait() for _ in range(self.tried.qsize())]

    def release(self) -> None:
        self._release.set()
