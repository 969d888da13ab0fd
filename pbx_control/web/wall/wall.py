"""One computation of the figures for all open pages of this process, and who is told when they are different."""

import asyncio
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any, Protocol, TypeVar, cast
from zoneinfo import ZoneInfo

import structlog
from anyio.to_thread import run_sync
from sqlalchemy import Engine

from pbx_control import clock
from pbx_control.domain.figures.floor_now import Line, Since, line_of, since_when
from pbx_control.errors import StoreUnavailable
from pbx_control.live.news import SecretaryNow
from pbx_control.services import figures
from pbx_control.services.figures import Today
from pbx_control.store.engine import reading
from pbx_control.web.desk.feed import Standing

log = structlog.get_logger()
T = TypeVar("T")

# The database is read so often while somebody looks, seconds: with what telling takes, no figure is older than one.
READ_EVERY = 0.7
# And what the daemon tells is shown so often at most.
TOGETHER = 0.4
# So long the figures wait for the database's, seconds: a slow one holds up nothing that the daemon tells.
READ_WITHIN = 0.1
# Figures of the day that could not be read anew for so long are not shown any more.
STALE_AFTER = 2.5


@dataclass(frozen=True, slots=True)
class Snapshot:
    """The house at an instant. Without a daemon nobody knows who waits; without a database, how the day was."""

    at: datetime
    number: int = 0  # rises with each that differs
    line: Line | None = None  # None: no daemon is there
    secretaries: tuple[tuple[SecretaryNow, Since], ...] = ()
    today: Today | None = None  # None: the database is away
    daemon_away: bool = True
    phases: tuple[str, ...] = ()  # of the live calls

    def same_as(self, other: "Snapshot") -> bool:
        """Whether it shows the same."""
        return replace(self, at=other.at, number=other.number) == other


class Told(Protocol):
    """An open page that shows figures."""

    def figures_changed(self) -> None:
        """Is called when there are others."""


@dataclass(slots=True, eq=False)
class Viewer:
    """An open wallboard."""

    user_id: int = 0
    news: asyncio.Event = field(default_factory=asyncio.Event)
    over: bool = False  # newer ones have taken its place

    def figures_changed(self) -> None:
        self.news.set()


class Wall:
    """All figures of this web process. `run` computes them while anybody looks."""

    def __init__(self, engine: Engine, zone: ZoneInfo, standing: Callable[[], Standing]) -> None:
        self._engine, self._zone, self._standing = engine, zone, standing
        self.shown = Snapshot(clock.now())
        self.ending = False
        self._viewers: list[Told] = []
        self._changed = asyncio.Event()
        self._since: dict[int, Since] = {}
        self._today: Today | None = None
        self._read_at = -READ_EVERY  # when it was asked for last
        self._known_at = -STALE_AFTER  # when it came
        self._reading = asyncio.Lock()
        self._refreshing: asyncio.Task[None] | None = None  # nobody else keeps it
        self._trouble = ""
        self._made: dict[tuple[str, str], tuple[int, Any]] = {}

    async def run(self) -> None:
        """For ever. Also while nobody looks: since when a secretary is as she is must have been seen."""
        while True:
            with suppress(TimeoutError):
                await asyncio.wait_for(self._changed.wait(), self._until_due() if self._viewers else None)
            self._changed.clear()
            if self._viewers and self._is_due():
                self._refreshing = asyncio.create_task(self._refresh())
                await asyncio.wait({self._refreshing}, timeout=READ_WITHIN)
            self._show()
            await asyncio.sleep(TOGETHER)  # one press brings several changes

    def told(self) -> None:
        """There is something new."""
        self._changed.set()

    @contextmanager
    def watched_by(self, viewer: Told) -> Iterator[None]:
        """A page shows the figures for the length of the block."""
        self._viewers.append(viewer)
        self._changed.set()
        try:
            yield
        finally:
            self._viewers.remove(viewer)

    def of_user(self, user_id: int) -> list[Viewer]:
        """The wallboards that one person has open, the oldest first."""
        return [one for one in self._viewers if isinstance(one, Viewer) and one.user_id == user_id]

    def once(self, what: str, language: str, make: Callable[[Snapshot, str], T]) -> T:
        """What is made of the figures for a page: once for all pages of a language, however many there are."""
        number, made = self._made.get((what, language), (-1, None))
        if number != self.shown.number:
            made = make(self.shown, language)
            self._made[what, language] = self.shown.number, made
        return cast("T", made)

    def end(self) -> None:
        """The process ends: so do the streams."""
        self.ending = True
        for viewer in self._viewers:
            viewer.figures_changed()

    async def look(self) -> Snapshot:
        """The figures as they are, for whoever asks once; however many ask at once, the database is asked once."""
        if self._is_due() or self._reading.locked():
            await self._refresh()
        return self._show()

    def _is_due(self) -> bool:
        return self._until_due() == 0.0 and not self._reading.locked()

    def _until_due(self) -> float:
        """Seconds until the database is to be read."""
        return max(0.0, READ_EVERY - (self._now() - self._read_at))

    async def _refresh(self) -> None:
        """Asks the database, in a thread: one that hangs holds up nothing that the daemon tells."""
        async with self._reading:
            if self._now() - self._read_at < READ_EVERY:
                return  # another one has just done it
            self._read_at = self._now()
            self._today = await run_sync(self._read)
            self._known_at = self._now()
        self.told()

    def _show(self) -> Snapshot:
        found = self._compute(clock.now())
        if found.same_as(self.shown):
            self.shown = replace(self.shown, at=found.at)
            return self.shown
        self.shown = replace(found, number=self.shown.number + 1)
        for viewer in self._viewers:
            viewer.figures_changed()
        return self.shown

    def _read(self) -> Today | None:
        try:
            with reading(self._engine) as conn:
                today = figures.today(conn, self._zone, clock.now())
        except StoreUnavailable as error:
            if self._trouble != str(error):
                log.warning("the wallboard has no figures of the day", why=str(error))
            self._trouble = str(error)
            return None
        self._trouble = ""
        return today

    def _compute(self, at: datetime) -> Snapshot:
        standing = self._standing()
        today = self._today if self._now() - self._known_at < STALE_AFTER else None
        if not standing.ready:
            self._since = {}
            return Snapshot(at, today=today)
        told = {her.id: known for her in standing.secretaries.values() if (known := _noted(her, standing))}
        self._since = since_when(self._since, standing.secretaries, at, told)
        secretaries = sorted(standing.secretaries.values(), key=lambda one: (one.name, one.id))
        return Snapshot(
            at,
            line=line_of(standing.calls.values()),
            secretaries=tuple((one, self._since[one.id]) for one in secretaries),
            today=today,
            daemon_away=False,
            phases=tuple(sorted(one.phase for one in standing.calls.values())),
        )

    def _now(self) -> float:
        return asyncio.get_running_loop().time()


def _noted(her: SecretaryNow, standing: Standing) -> datetime | None:
    """Since when she has been as she is, where that was noted."""
    if her.call:
        call = standing.call_of(her.id)
        if call is None or not her.talking or call.answered_at is None:
            return None
        # Another secretary had him before, if he has waited again since the first answer.
        return None if call.waiting_since and call.waiting_since > call.answered_at else call.answered_at
    return her.paused_at if her.paused and not her.busy else None
