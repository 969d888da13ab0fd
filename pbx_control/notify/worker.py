"""Empties the outbox: claims what is due, sends it, writes down what became of it, and never dies.

One turn is one small transaction that records what has finished and claims what is due, because the database's
writer is shared with live calls. Between claim and record a letter is in flight: if the daemon dies there, the
lease runs out and the letter is sent again under the same Message-ID.
"""

import asyncio
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol

import structlog
from sqlalchemy import Connection, Engine

from pbx_control.domain.messages import Channel, Letter, Recipient
from pbx_control.errors import DeliveryFailed, StoreUnavailable
from pbx_control.store import letters
from pbx_control.store.engine import reading, writing
from pbx_control.store.letters import Posted

PARALLEL = 16  # letters in flight, each to another recipient
SEND_LIMIT = timedelta(seconds=60)  # for one letter
LEASE = timedelta(seconds=75)  # longer than a letter can be in flight
POLL = 2.0  # seconds between looks for letters that another process (`message resend`) made due
BREATH = 0.05  # seconds from one turn to the next at least: a burst is recorded in few transactions
AWAY_PAUSE = 2.0  # seconds until the database is tried again
GRACE = 5.0  # seconds that letters in flight get when the daemon stops

log = structlog.get_logger()


class Sender(Protocol):
    """Hands letters over by one channel: notify.mail.Mailer, notify.telegram.Telegrammer."""

    async def send(self, letter: Letter) -> None:
        """Raises DeliveryFailed if the letter was not taken, or may not have been."""

    async def rest(self) -> None:
        """There is nothing to send for now: connections can be let go."""


@dataclass(frozen=True, slots=True)
class Delivery:
    """How a try ended, to be written down; `failure` is None if the letter was taken."""

    posted: Posted
    at: datetime
    failure: DeliveryFailed | None


class Outbox:
    """The worker of the outbox; `clock` gives the present instant, aware."""

    def __init__(self, engine: Engine, mailer: Sender, telegrammer: Sender, clock: Callable[[], datetime]) -> None:
        self._engine = engine
        self._senders: dict[Channel, Sender] = {Channel.EMAIL: mailer, Channel.TELEGRAM: telegrammer}
        self._clock = clock
        self._news = asyncio.Event()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._in_flight: dict[Recipient, asyncio.Task[None]] = {}
        self._finished: list[Delivery] = []
        self._rested = True

    def wake(self) -> None:
        """Say that a transaction with letters was committed; may be called from any thread."""
        if self._loop is not None and not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self._news.set)

    async def run(self) -> None:
        """Send what is due, for ever; when cancelled, letters in flight get a few seconds to be finished."""
        self._loop = asyncio.get_running_loop()
        try:
            while True:
                began = self._loop.time()
                pause = await self._turn_or_pause()
                await self._wait_for_news(pause)
                await asyncio.sleep(began + BREATH - self._loop.time())
        finally:
            await self._finish()

    async def _turn_or_pause(self) -> float:
        """One turn; returns seconds until the next. Whatever goes wrong, the outbox goes on."""
        try:
            return await self._turn()
        except StoreUnavailable as error:
            log.warning("outbox.store_away", why=str(error))
        except Exception:
            log.exception("outbox.turn_failed")
        return AWAY_PAUSE

    async def _turn(self) -> float:
        at = self._clock()
        finished = tuple(self._finished)
        claimed, due = await asyncio.to_thread(self._exchange, at, finished, frozenset(self._in_flight))
        del self._finished[: len(finished)]
        for posted in claimed:
            self._in_flight[posted.recipient] = asyncio.create_task(self._deliver(posted))
        await self._rest_if_idle()
        if due is None or len(self._in_flight) >= PARALLEL:
            return POLL
        return min(POLL, max(0.0, (due - at).total_seconds()))

    def _exchange(
        self, at: datetime, finished: Sequence[Delivery], busy: frozenset[Recipient]
    ) -> tuple[list[Posted], datetime | None]:
        """Record what has finished, claim what is due; returns that and when the next letter is due."""
        free = PARALLEL - len(busy)
        if not finished:
            # Most turns find nothing to do, and a read does not hold up the writer.
            with reading(self._engine) as conn:
                due = letters.next_due(conn, busy)
            if due is None or due > at or free <= 0:
                return [], due
        with writing(self._engine) as conn:
            record(conn, finished)
            claimed = letters.claim(conn, at, lease=LEASE, limit=free, busy=busy)
            return claimed, letters.next_due(conn, busy | {posted.recipient for posted in claimed})

    async def _deliver(self, posted: Posted) -> None:
        failure = await self._send(posted)
        log.info("letter.failed" if failure else "letter.delivered", letter=posted.id, why=str(failure or "") or None)
        self._finished.append(Delivery(posted, self._clock(), failure))
        del self._in_flight[posted.recipient]
        self._news.set()

    async def _send(self, posted: Posted) -> DeliveryFailed | None:
        self._rested = False
        try:
            async with asyncio.timeout(SEND_LIMIT.total_seconds()):
                await self._senders[posted.letter.channel].send(posted.letter)
        except DeliveryFailed as failure:
            return failure
        except TimeoutError:
            return DeliveryFailed("not delivered within {seconds} s", seconds=SEND_LIMIT.seconds)
        except Exception as error:
            log.exception("letter.broken", letter=posted.id)
            return DeliveryFailed("{error}: this is a fault of the software, see its log", error=type(error).__name__)
        return None

    async def _rest_if_idle(self) -> None:
        if self._rested or self._in_flight:
            return
        self._rested = True
        for sender in self._senders.values():
            await sender.rest()

    async def _wait_for_news(self, pause: float) -> None:
        with suppress(TimeoutError):
            async with asyncio.timeout(pause):
                await self._news.wait()
        self._news.clear()

    async def _finish(self) -> None:
        if self._in_flight:
            await asyncio.wait(self._in_flight.values(), timeout=GRACE)
        late = list(self._in_flight.values())
        for task in late:
            task.cancel()
        await asyncio.gather(*late, return_exceptions=True)
        try:
            await asyncio.to_thread(self._record_last)
        except StoreUnavailable as error:
            log.warning("outbox.store_away", why=str(error))
        await self._rest_if_idle()

    def _record_last(self) -> None:
        if self._finished:
            with writing(self._engine) as conn:
                record(conn, self._finished)


def record(conn: Connection, finished: Sequence[Delivery]) -> None:
    """Write down how tries ended."""
    for delivery in finished:
        failure = delivery.failure
        if failure is None:
            letters.delivered(conn, delivery.posted, delivery.at)
        else:
            letters.failed(
                conn,
                delivery.posted,
                delivery.at,
                str(failure),
                permanent=failure.permanent,
                retry_after=failure.retry_after,
            )
