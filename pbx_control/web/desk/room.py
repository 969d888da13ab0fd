"""Who has the page open, and who has to be shown something new."""

import asyncio
from collections import defaultdict
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from itertools import chain
from secrets import token_urlsafe
from zoneinfo import ZoneInfo

from anyio import CapacityLimiter
from anyio.to_thread import run_sync
from sqlalchemy import Engine

from pbx_control.live.kept_running import KeptRunning
from pbx_control.live.news import MessageNow
from pbx_control.services.tasks import mark_of_appointments
from pbx_control.settings import Home, Settings
from pbx_control.store.engine import reading
from pbx_control.web.desk.feed import Concerned, Feed
from pbx_control.web.desk.lines import Lines
from pbx_control.web.wall.wall import Wall

# A message has letters to several people: its desk looks this often at most, seconds.
DELIVERIES_EVERY = 0.5
# So often it is looked whether something is to be settled about appointments, seconds.
TASKS_EVERY = 1.0
# So many pages are made at once: more would only take the interpreter from each other, and from who holds a lock.
MADE_AT_ONCE = 2
# A page answers every three seconds to what it hears; what is silent for so long is not there, seconds.
ANSWERS_WITHIN = 12.0
# Streams of one secretary's, or one supervisor's. One more ends the oldest, so that nobody holds them without end.
MOST_STREAMS = 12


class News(asyncio.Event):
    """Set when she may have to be shown something else. What is new of the house alone makes no page anew."""

    only_of_the_house = False

    def set(self) -> None:
        self.only_of_the_house = False
        super().set()

    def set_of_the_house(self) -> None:
        """The figures of the house are different."""
        if not self.is_set():
            self.only_of_the_house = True
            super().set()

    def clear(self) -> None:
        self.only_of_the_house = False
        super().clear()


@dataclass(eq=False, slots=True)
class Stream:
    """One open page of a secretary: `news` is set when she may have to be shown something else."""

    secretary_id: int
    session_id: int
    looks_at: str = ""  # the call of an open message that she has chosen
    concerns: frozenset[str] = frozenset()  # the calls whose messages stand on it
    client_id: int = 0  # whose calendars may be on it
    agenda: bool = False  # something in them was changed
    news: News = field(default_factory=News)
    signed_out: bool = False  # its end is no loss
    over: bool = False  # newer ones have taken its place
    key: str = field(default_factory=partial(token_urlsafe, 12))  # the page answers with it
    heard_at: float | None = None  # when the page answered last, as the event loop counts; None: it never has

    def figures_changed(self) -> None:
        """Those of the wallboard are different."""
        self.news.set_of_the_house()

    @property
    def sleeps(self) -> bool:
        """A page that has answered once and does so no more: its computer sleeps, or is gone."""
        return self.heard_at is not None and asyncio.get_running_loop().time() - self.heard_at > ANSWERS_WITHIN


@dataclass(eq=False, slots=True)
class Watcher:
    """An open page of the live calls: `news` is set whenever something is told of calls or secretaries."""

    user_id: int
    news: asyncio.Event = field(default_factory=asyncio.Event)
    over: bool = False  # newer ones have taken its place


class Room:
    """All desks of this web process."""

    def __init__(self, home: Home, settings: Settings, engine: Engine) -> None:
        self.home, self.settings, self.engine = home, settings, engine
        self.feed = Feed(home, self._told)
        self.lines = Lines(self._say_who_is_here, self.feed.take_back)
        self.ending = False  # the process is asked to end: streams end
        self.making = CapacityLimiter(MADE_AT_ONCE)
        self._streams: dict[int, list[Stream]] = defaultdict(list)  # the oldest first
        self._by_key: dict[str, Stream] = {}
        self._vanished: dict[int, asyncio.TimerHandle] = {}
        self._lost: set[int] = set()
        self._watchers: list[Watcher] = []  # the oldest first
        self._deliveries: asyncio.TimerHandle | None = None
        self._tasks: tuple[int, int] | None = None  # what tells the open ones from others; None: not looked yet
        self.wall = Wall(engine, ZoneInfo(settings.office.timezone), lambda: self.feed.standing)
        self._delivered: set[str] = set()  # the calls of letters that have been heard of since

    async def run(self, stopping: asyncio.Event) -> None:
        """Listens to the daemon until `stopping` is set; then all streams end."""
        try:
            async with (
                KeptRunning(self.feed.run),
                KeptRunning(self._watch_tasks),
                KeptRunning(self.wall.run),
            ):
                await stopping.wait()
        finally:
            self.ending = True
            self.wall.end()
            for her in self._streams:
                self.look(her)
            for one in self._watchers:
                one.news.set()

    @contextmanager
    def watching(self, user_id: int) -> Iterator[Watcher]:
        """A page of that person's hears, for the length of the block, of calls and secretaries."""
        watcher = Watcher(user_id)
        for oldest in [one for one in self._watchers if one.user_id == user_id][: 1 - MOST_STREAMS]:
            oldest.over = True
            oldest.news.set()
        self._watchers.append(watcher)
        try:
            yield watcher
        finally:
            self._watchers.remove(watcher)

    async def _watch_tasks(self) -> None:
        """Another process writes what is found in clients' calendars. No news come of it, so it is looked for."""
        while True:
            if self._streams:
                known, self._tasks = self._tasks, await run_sync(self._mark_of_tasks)
                if known not in (None, self._tasks):
                    self.look_all()
            await asyncio.sleep(TASKS_EVERY)

    def _mark_of_tasks(self) -> tuple[int, int]:
        with reading(self.engine) as conn:
            return mark_of_appointments(conn)

    # --- who is here --------------------------------------------------------------------------------------

    @contextmanager
    def page_open(self, stream: Stream) -> Iterator[None]:
        """She has the page open for the length of the block."""
        her = stream.secretary_id
        if timer := self._vanished.pop(her, None):
            timer.cancel()
        self._lost.discard(her)
        self._streams[her].append(stream)
        for old in self._streams[her][:-MOST_STREAMS]:
            old.over = True
            old.news.set()
        self._by_key[stream.key] = stream
        self._say_who_is_here()
        try:
            yield
        finally:
            self._streams[her].remove(stream)
            del self._by_key[stream.key]
            if not self._streams[her]:
                del self._streams[her]
                if not stream.signed_out:
                    self._wait_for(her)
            self._say_who_is_here()

    def is_heard(self, key: str) -> None:
        """The page of the stream with that key has answered."""
        if stream := self._by_key.get(key):
            stream.heard_at = asyncio.get_running_loop().time()

    def _wait_for(self, her: int) -> None:
        """A page that is loaded anew is there again within a second; one that has crashed is not."""
        if not self.ending:
            after = self.settings.desk.page_lost_after
            self._vanished[her] = asyncio.get_running_loop().call_later(after, self._is_lost, her)

    def _is_lost(self, her: int) -> None:
        self._vanished.pop(her, None)
        self._lost.add(her)
        self._say_who_is_here()

    def signed_out(self, her: int, session_id: int) -> None:
        """She has gone as one goes: the page of that session is not lost, though it may be open a moment longer."""
        self.lines.signed_out(her, session_id)
        for stream in self._streams.get(her, ()):
            stream.signed_out = stream.signed_out or stream.session_id == session_id
        if timer := self._vanished.pop(her, None):
            timer.cancel()
        self._lost.discard(her)
        self._say_who_is_here()

    def _say_who_is_here(self) -> None:
        self.feed.desks_are({*self._streams, *self._vanished}, self._lost, self.lines.ready)

    # --- who must look ------------------------------------------------------------------------------------

    def look(self, her: int) -> None:
        """Something on her desk is different."""
        for stream in self._streams.get(her, ()):
            stream.news.set()

    def look_all(self) -> None:
        """Something on everybody's desk may be different."""
        for her in self._streams:
            self.look(her)

    def look_elsewhere(self, her: int) -> None:
        """A page has saved what she typed: her other tabs and computers show it, too."""
        if len(self._streams.get(her, ())) > 1:
            self.look(her)

    def agenda_changed(self, client_id: int) -> None:
        """Something was booked or held in a client's calendar: whoever has a call of that client looks there anew."""
        for stream in chain.from_iterable(self._streams.values()):
            if stream.client_id == client_id:
                stream.agenda = True
                stream.news.set()

    def _told(self, concerned: Concerned, messages: Iterable[MessageNow]) -> None:
        self.wall.told()
        for her in self._streams if concerned is None else concerned:
            self.look(her)
        for one in self._watchers:
            one.news.set()
        self._delivered |= {one.call for one in messages}
        if self._delivered and self._deliveries is None:
            self._deliveries = asyncio.get_running_loop().call_later(DELIVERIES_EVERY, self._look_at_deliveries)

    def _look_at_deliveries(self) -> None:
        delivered, self._deliveries, self._delivered = self._delivered, None, set()
        for streams in self._streams.values():
            for stream in streams:
                if not stream.concerns.isdisjoint(delivered):
                    stream.news.set()
