"""Clients' own calendars: the first synchronisation of a large one, and calls while many are read each minute.

A real Radicale on this machine has them. Its work is on the same cores: elsewhere it would be on others.
"""

import asyncio
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

from sqlalchemy import Engine, func, select

from bench.lab import BENCH, DID, FREE_CLIENT, Lab
from bench.measure import Round, measured
from bench.ways import Way
from pbx_control.clock import now
from pbx_control.domain.agenda.rules import Kind, Source
from pbx_control.services import calendar_sync, calendars, clientele
from pbx_control.services.work import booking, changing
from pbx_control.settings import Home, load
from pbx_control.store import agenda, clients, remotes
from pbx_control.store.engine import open_engine, reading, writing
from pbx_control.store.migrate import upgrade
from pbx_control.store.remotes import Access
from pbx_control.store.tables import remote_busy, remote_state

sys.path.insert(0, str(Path(__file__).parents[1] / "tests" / "calendars"))

from caldav_servers import PASSWORD, USER, Server
from caldav_servers import running as serving

ALONE, BESIDE = "no calendars", "beside calendars"
RATE = 20
# Every so many events one is a series.
SERIES_EACH = 20
# Events in each of the many calendars.
EVENTS_OF_EACH = 10
# All of them are read for the first time within so many seconds, or something is wrong.
PATIENCE, LOOK = 300.0, 0.5
SETTINGS = '[agenda]\nprivate_networks = ["127.0.0.0/8"]\n'


@dataclass(frozen=True, slots=True)
class Crowd:
    """How much is measured."""

    events: int  # of the one large calendar
    calendars: int
    rounds: int
    seconds: float  # of calls in one round


@dataclass(frozen=True, slots=True)
class First:
    """The first synchronisation of one calendar."""

    events: int
    spans: int  # of busy time that are kept of them
    seconds: float
    cpu: float  # ours, seconds


@dataclass(frozen=True, slots=True)
class Calendars:
    """All that was measured; a round's way is one of the two names above. `oldest`: for each round beside calendars,
    how long ago the one that had waited longest was read, seconds."""

    crowd: Crowd
    first: First
    rounds: list[Round] = field(default_factory=list)
    oldest: list[float] = field(default_factory=list)


def first_synchronised(folder: Path, events: int) -> First:
    """Reads a calendar with so many events for the first time, on a home of its own. Raises RuntimeError if it cannot
    be read as a whole."""
    home = Home(folder)
    home.root.mkdir(parents=True)
    home.settings_file.write_text(SETTINGS)
    settings = load(home)
    upgrade(home, settings)
    engine = open_engine(home, settings)
    connections = calendar_sync.Connections(settings.agenda)
    try:
        with serving("radicale") as server:
            url = _filled(server, events)
            with changing(engine, BENCH, now()) as work:
                clientele.add(work, FREE_CLIENT, name="Andes")
            (calendar_id,) = connected(engine, [url])
            return _timed(engine, connections, calendar_id, events)
    finally:
        connections.close()
        engine.dispose()


def _timed(engine: Engine, connections: calendar_sync.Connections, calendar_id: int, events: int) -> First:
    began, cpu = time.monotonic(), time.process_time()
    turn = calendar_sync.take_turn(engine, connections.to, calendar_id)
    took, used = time.monotonic() - began, time.process_time() - cpu
    if turn is None or turn.read != events or turn.state.trouble:
        raise RuntimeError(f"the first synchronisation: {turn}")
    with reading(engine) as conn:
        spans = conn.scalar(select(func.count()).select_from(remote_busy)) or 0
    return First(events, spans, took, used)


def _filled(server: Server, events: int) -> str:
    """The address of a new calendar with so many events, from tomorrow on. They are put into its folder: by HTTP each
    would take longer than all reading."""
    url = server.calendar()
    folder = server.folder / "storage" / "collection-root" / USER / url.rstrip("/").rpartition("/")[2]
    for number, text in enumerate(_events(events, now())):
        (folder / f"event-{number}.ics").write_text(text, newline="")
    return url


def _events(count: int, at: datetime) -> Iterator[str]:
    first = at.astimezone(UTC).replace(minute=0, second=0, microsecond=0) + timedelta(days=1)
    for number in range(count):
        starts = first + timedelta(minutes=15 * (number % 5000))
        rule = "RRULE:FREQ=WEEKLY;COUNT=20\r\n" if number % SERIES_EACH == 0 else ""
        yield (
            "BEGIN:VCALENDAR\r\nVERSION:2.0\r\nPRODID:-//bench//EN\r\nBEGIN:VEVENT\r\n"
            f"UID:event-{number}@bench\r\nDTSTAMP:20260101T000000Z\r\nDTSTART:{starts:%Y%m%dT%H%M%SZ}\r\n"
            f"DTEND:{starts + timedelta(minutes=15):%Y%m%dT%H%M%SZ}\r\n{rule}SUMMARY:Busy {number}\r\n"
            "END:VEVENT\r\nEND:VCALENDAR\r\n"
        )


def connected(engine: Engine, urls: list[str]) -> list[int]:
    """Calendars of FREE_CLIENT's that are mirrored at these addresses; made where there are too few. Gives their
    ids."""
    ids = []
    with booking(engine, BENCH, now()) as work:
        client_id = clients.find(work.conn, FREE_CLIENT).id
        there = agenda.slugs(work.conn, client_id)
        for number in range(len(urls)):
            slug = f"calendar-{number}"
            if slug not in there:
                calendars.add(work, client_id, slug, slug, [Kind(0, "Consulta", 30)], week="always")
            ids.append(calendars.get(work.conn, client_id, slug).id)
    with writing(engine) as conn:
        for calendar_id, url in zip(ids, urls, strict=True):
            access = Access(source=Source.CALDAV, address=url, user=USER, secret=PASSWORD)
            remotes.put_access(conn, calendar_id, access)
    return ids


class Beside:
    """The rounds of calls in one lab, beside calendars that its daemon's `mirror` reads, and without."""

    def __init__(self, lab: Lab, crowd: Crowd) -> None:
        self._lab, self._crowd = lab, crowd

    async def rounds(self, done: Calendars) -> None:
        """Calls alone and calls beside the calendars take turns."""
        with serving("radicale") as server:
            urls = await asyncio.to_thread(self._urls, server)
            for _ in range(self._crowd.rounds):
                await self._lab.register()
                done.rounds.append(await self._calls(ALONE))
                with self._read_by_the_mirror(urls):
                    await asyncio.to_thread(self._all_are_read)
                    await self._lab.register()
                    done.rounds.append(await self._calls(BESIDE))
                    done.oldest.append(self._oldest())

    def _urls(self, server: Server) -> list[str]:
        return [_filled(server, EVENTS_OF_EACH) for _ in range(self._crowd.calendars)]

    async def _calls(self, name: str) -> Round:
        way = Way(name, lambda calls: [DID] * calls, self._lab.daemon, by_the_daemon=True)
        return await measured(self._lab, way, RATE, self._crowd.seconds)

    @contextmanager
    def _read_by_the_mirror(self, urls: list[str]) -> Iterator[None]:
        ids = connected(self._lab.engine, urls)
        try:
            yield
        finally:
            with writing(self._lab.engine) as conn:
                for calendar_id in ids:
                    remotes.forget(conn, calendar_id)

    def _all_are_read(self) -> None:
        ends = time.monotonic() + PATIENCE
        while self._unread():
            if time.monotonic() > ends:
                raise RuntimeError(f"calendars that nobody has read: {self._unread()}")
            time.sleep(LOOK)

    def _unread(self) -> int:
        with reading(self._lab.engine) as conn:
            query = select(func.count()).select_from(remote_state).where(remote_state.c.synced_at.is_(None))
            return conn.scalar(query) or 0

    def _oldest(self) -> float:
        with reading(self._lab.engine) as conn:
            oldest = conn.scalar(select(func.min(remote_state.c.synced_at)))
        assert oldest
        return (now() - oldest).total_seconds()
