"""Empties the outbox: claims what is due, sends it, writes down what became of it, and never dies.

One turn is one small transaction that records what has finished and claims what is due, because the database's
writer is shared with live calls. Between claim and record a letter is in flight, however long its server takes: the
claim is renewed meanwhile. If the daemon dies there, the lease runs out and the letter is sent again under the same
Message-ID, unless the dead one had noted that its server has it (`taken`).
"""

import asyncio
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

import structlog
from sqlalchemy import Connection, Engine

from pbx_control.domain.notices.messages import Channel
from pbx_control.domain.notices.notes import AlarmDesk
from pbx_control.errors import DeliveryFailed, Fault, StoreUnavailable
from pbx_control.notify.delivery import Delivery
from pbx_control.notify.lanes import Flight, Lane, Room, Sender
from pbx_control.notify.links import Links
from pbx_control.notify.outcomes import record
from pbx_control.notify.taken import Taken, TakenLetters
from pbx_control.notify.turns import Turn, Turns
from pbx_control.settings import Home
from pbx_control.store import letters, webhooks
from pbx_control.store.engine import reading, writing
from pbx_control.store.letters import Posted

SEND_LIMIT = timedelta(minutes=45)  # for one letter: more than its server may take for all its answers together
RENEW_AFTER = letters.LEASE / 3  # of a claim, while its letter is in flight
POLL = 2.0  # seconds between looks for letters that another process (`message resend`) made due
BREATH = 0.05  # seconds from one turn to the next at least: a burst is recorded in few transactions
GATHERED = 0.25  # seconds from news of letters to the look for them: each costs live calls' CPU
AWAY_PAUSE = 2.0  # seconds until the database is tried again
GRACE = 5.0  # seconds that letters in flight get when the daemon stops
SLOTS_FOR_SLOW = 4  # webhooks that hang or dawdle get no more of their lane's slots than these

NOBODY = AlarmDesk()
NO_LINKS = Links(Home(Path()))

log = structlog.get_logger()


class Outbox:
    """The worker of the outbox; `clock` gives the present instant, aware, `desk` is told what the office must know.
    `taken`: where it keeps what servers have taken until the database says so. `teller` tells webhooks of events."""

    def __init__(
        self,
        engine: Engine,
        mailer: Sender,
        telegrammer: Sender,
        clock: Callable[[], datetime],
        desk: AlarmDesk = NOBODY,
        told: Callable[[Sequence[Delivery]], None] = lambda tried: None,
        links: Links = NO_LINKS,
        taken: TakenLetters | None = None,
        teller: Sender | None = None,
    ) -> None:
        self._engine = engine
        senders = {Channel.EMAIL: mailer, Channel.TELEGRAM: telegrammer}
        self._lanes = {channel: Lane(channel, sender, clock) for channel, sender in senders.items()}
        if teller is not None:
            self._lanes[Channel.WEBHOOK] = Lane(Channel.WEBHOOK, teller, clock, SLOTS_FOR_SLOW)
        self._tells = False  # whether there are webhooks
        self._clock = clock
        self._desk = desk
        self._links = links
        self._turns = Turns()
        self._taken = taken or TakenLetters()
        self._taken_up = False  # what the last process left there
        self._told = told  # called when what became of some letters is written down
        self._news = asyncio.Event()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._looking: asyncio.TimerHandle | None = None
        self._finished: list[Delivery] = []
        self._back: set[Channel] = set()  # whose server was away and is there again

    def wake(self) -> None:
        """Say that a transaction with letters was committed; may be called from any thread."""
        if self._loop is not None and not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self._look_soon)

    def wake_to_tell(self) -> None:
        """The same of a transaction that may have events for webhooks: where there are none, nobody looks for them."""
        if self._tells:
            self.wake()

    def _look_soon(self) -> None:
        """The letters of all the calls that end within a moment are looked for once."""
        assert self._loop
        if self._looking is None or self._looking.when() <= self._loop.time():
            self._looking = self._loop.call_later(GATHERED, self._news.set)

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
        if not self._taken_up:
            await self._take_up()
        at = self._clock()
        news = self._what_ended(at)
        claimed, due = await asyncio.to_thread(self._exchange, at, news)
        self._is_written_down(news, at)
        for posted in claimed:
            self._begin(posted, at)
        for room in news.rooms:
            if not room.busy:  # what ended since then may be followed by letters that the next turn finds
                await self._lanes[room.channel].rest_if_idle()
        return POLL if due is None else min(POLL, max(0.0, (due - at).total_seconds()))

    async def _take_up(self) -> None:
        """Writes down what the last process had no time to: none of it is sent again."""
        finished = await asyncio.to_thread(self._record_taken)
        self._taken.clear()
        self._taken_up = True
        if finished:
            log.info("outbox.taken_up", letters=len(finished))
            self._told(finished)

    def _record_taken(self) -> list[Delivery]:
        left = self._taken.left()
        if not left:
            return []
        with writing(self._engine) as conn:
            found = [(one, letters.find_claimed(conn, one.letter, one.name, one.attempts, one.at)) for one in left]
            finished = [Delivery(posted, one.at, None, one.receipt) for one, posted in found if posted]
            self._record(conn, finished)
            return finished

    def _what_ended(self, at: datetime) -> "News":
        flights = [flight for lane in self._lanes.values() for flight in lane.in_flight.values()]
        return News(
            finished=tuple(self._finished),
            renew=frozenset(flight.posted.id for flight in flights if flight.renew_at <= at),
            back=frozenset(self._back),
            rooms=tuple(lane.room(at) for lane in self._lanes.values()),
        )

    def _is_written_down(self, news: "News", at: datetime) -> None:
        del self._finished[: len(news.finished)]
        if news.finished:
            self._told(news.finished)
        if not self._finished:
            self._taken.clear()
        self._back -= news.back
        for lane in self._lanes.values():
            for flight in lane.in_flight.values():
                if flight.posted.id in news.renew:
                    flight.renew_at = at + RENEW_AFTER

    def _exchange(self, at: datetime, news: "News") -> tuple[list[Posted], datetime | None]:
        """Record what has finished, claim what is due; returns that and when the next letter is due."""
        if not news.to_write:
            # Most turns find nothing to do, and a read does not hold up the writer.
            with reading(self._engine) as conn:
                self._tells = Channel.WEBHOOK in self._lanes and webhooks.any_there(conn)
                ids, due = _choose(conn, news.rooms, at)
            if not ids:
                return [], due
        with writing(self._engine) as conn:
            self._record(conn, news.finished)
            letters.renew(conn, news.renew, at + letters.LEASE)
            for channel in news.back:
                letters.server_is_back(conn, channel, at)
            ids, due = _choose(conn, news.rooms, at)
            return [self._links.filled(conn, posted) for posted in letters.claim(conn, ids, at)], due

    def _record(self, conn: Connection, finished: Sequence[Delivery]) -> None:
        record(conn, finished, self._desk, has_links=bool(self._links.public_url))

    def _begin(self, posted: Posted, at: datetime) -> None:
        lane = self._lanes[posted.letter.channel]
        task = asyncio.create_task(self._deliver(lane, posted))
        lane.begin(Flight(posted, at + RENEW_AFTER, task))

    async def _deliver(self, lane: Lane, posted: Posted) -> None:
        """Sends a letter and notes what became of it. Whatever fails, its recipient can be sent the next one; a letter
        of which nothing was noted is sent again when its claim runs out."""
        try:
            with self._turns.for_letter() as turn:
                self._note(lane, posted, await self._send(lane, posted, turn))
        except Exception:
            log.exception("letter.not_followed_up", letter=posted.id, channel=lane.channel.value)
        finally:
            lane.in_flight.pop(posted.letter.address, None)
            self._news.set()

    def _note(self, lane: Lane, posted: Posted, became: DeliveryFailed | str) -> None:
        failure, receipt = (None, became) if isinstance(became, str) else (became, "")
        at = self._clock()
        if failure is None:
            self._taken.note(Taken(posted.id, posted.letter.message_id, posted.attempts, at, receipt))
        others, passed_over = lane.has_taken_others(posted), lane.passes_over(posted)
        self._finished.append(Delivery(posted, at, failure, receipt, others, passed_over))
        log.info("letter.failed" if failure else "letter.delivered", letter=posted.id, why=str(failure or "") or None)
        if lane.ended(lane.in_flight[posted.letter.address], failure):
            self._back.add(lane.channel)

    async def _send(self, lane: Lane, posted: Posted, turn: Turn) -> DeliveryFailed | str:
        """What the server knows the letter by, or how it failed."""
        try:
            async with asyncio.timeout(SEND_LIMIT.total_seconds()):
                return await lane.sender.send(posted.letter, turn.take)
        except DeliveryFailed as failure:
            return failure
        except TimeoutError:
            return DeliveryFailed("not delivered within {seconds} s", Fault.UNCONFIRMED, seconds=SEND_LIMIT.seconds)
        except Exception as error:
            log.exception("letter.broken", letter=posted.id)
            return DeliveryFailed(
                "{error}: this is a fault of the software, see its log", Fault.LETTER, error=type(error).__name__
            )

    async def _wait_for_news(self, pause: float) -> None:
        with suppress(TimeoutError):
            async with asyncio.timeout(pause):
                await self._news.wait()
        self._news.clear()

    async def _finish(self) -> None:
        tasks = [flight.task for lane in self._lanes.values() for flight in lane.in_flight.values()]
        if tasks:
            await asyncio.wait(tasks, timeout=GRACE)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        try:
            await asyncio.to_thread(self._record_last)
        except StoreUnavailable as error:
            log.warning("outbox.store_away", why=str(error))
        for lane in self._lanes.values():
            lane.in_flight.clear()
            await lane.rest_if_idle()

    def _record_last(self) -> None:
        if self._finished:
            with writing(self._engine) as conn:
                self._record(conn, self._finished)
            self._taken.clear()


@dataclass(frozen=True, slots=True)
class News:
    """What one turn has to tell the database, and what can be sent after it."""

    finished: tuple[Delivery, ...]
    renew: frozenset[int]  # letters in flight of which the claim would run out
    back: frozenset[Channel]  # whose server was away and answers again
    rooms: tuple[Room, ...]

    @property
    def to_write(self) -> bool:
        return bool(self.finished or self.renew or self.back)


def _choose(conn: Connection, rooms: Sequence[Room], at: datetime) -> tuple[list[int], datetime | None]:
    """The letters to claim in all lanes, and when the next one is due."""
    ids: list[int] = []
    dues: list[datetime] = []
    for room in rooms:
        found, due = room.choose(letters.heads(conn, room.channel, room.enough), at)
        ids += found
        dues += [due] if due else []
    return ids, min(dues, default=None)
