"""How old the figures are on open wallboards, and what these cost the calls.

Two kinds of figures are looked at. What the daemon tells: since when each secretary talks, which is the instant at
which she answered. What the database has: how many calls the day had, of which each has its instant, too.
"""

import asyncio
import sys
from asyncio.subprocess import PIPE, Process, create_subprocess_exec
from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import msgspec
from sqlalchemy import Row, select

from bench.desks import ELSEWHERE, OPENING, ROOT, Account, web_of
from bench.lab import BENCH, DID, Lab
from bench.measure import Round, cpu_ms, measured
from bench.wallpages import Seen
from bench.ways import Way
from pbx_control.clock import now
from pbx_control.domain.figures.levels import Became, Told, became
from pbx_control.domain.users import UserRole
from pbx_control.services import users
from pbx_control.services.work import changing
from pbx_control.store.engine import reading
from pbx_control.store.tables import call

CLOSED, OPEN = "no wallboard", "wallboards open"
# A line of what a page has seen in a round.
LONGEST = 16 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class Hall:
    """How many wallboards are open in a house of so many secretaries, with how many calls a second, in so many pairs of
    rounds of so many seconds."""

    boards: int
    secretaries: int
    rate: int
    rounds: int
    seconds: float


@dataclass(slots=True)
class Ages:
    """How long after its instant each change stood on each page, milliseconds."""

    took: list[float] = field(default_factory=list)
    missing: int = 0  # changes that a page never showed


@dataclass(slots=True)
class Wallboards:
    """Rounds without and with open wallboards, in turn: `rounds` have one of the names above as their way."""

    hall: Hall
    rounds: list[Round] = field(default_factory=list)
    web_cpu: dict[str, list[float]] = field(default_factory=lambda: {CLOSED: [], OPEN: []})  # milliseconds a call
    floor: Ages = field(default_factory=Ages)  # that a secretary talks
    day: Ages = field(default_factory=Ages)  # how many calls the day had


async def on_the_wall(lab: Lab, hall: Hall) -> Wallboards:
    """Calls while no wallboard is open and calls while all are take turns."""
    accounts = await asyncio.to_thread(_accounts, lab, hall.boards)
    done = Wallboards(hall)
    for _ in range(hall.rounds):
        await _calls(lab, CLOSED, done)
        async with _pages(lab, accounts) as pages:
            since = now()
            await _calls(lab, OPEN, done)
            answered, counted = await asyncio.to_thread(_instants, lab)
            seen = await pages.seen(len(counted))
        for one in seen:
            add_floor(done.floor, one, [at for at in answered if at >= since])
            add_day(done.day, one, counted, since)
    return done


async def _calls(lab: Lab, name: str, done: Wallboards) -> None:
    await lab.register()
    way = Way(name, lambda calls: [DID] * calls, lab.daemon, by_the_daemon=True)
    before = cpu_ms(web := web_of(lab))
    done.rounds.append(await measured(lab, way, done.hall.rate, done.hall.seconds))
    done.web_cpu[name].append((cpu_ms(web) - before) / done.rounds[-1].calls)


def add_floor(ages: Ages, seen: Seen, answered: Iterable[datetime]) -> None:
    """Adds how soon one page showed each answer."""
    shown = {datetime.fromisoformat(since): at for since, at in seen.since.items()}
    for instant in answered:
        _add(ages, instant, shown.get(instant))


def add_day(ages: Ages, seen: Seen, counted: Sequence[datetime], since: datetime) -> None:
    """Adds how soon one page had counted each call of the day from `since` on. `counted`: the instants of all of them,
    ascending; what a page shows is how many of them there are."""
    for number, instant in enumerate(counted, 1):
        if instant >= since:
            _add(ages, instant, _first_with(seen.counted, number))


def _first_with(counted: Mapping[int, float], number: int) -> float | None:
    return min((at for shown, at in counted.items() if shown >= number), default=None)


def _add(ages: Ages, instant: datetime, shown_at: float | None) -> None:
    if shown_at is None:
        ages.missing += 1
    else:
        ages.took.append((shown_at - instant.timestamp()) * 1000)


def _instants(lab: Lab) -> tuple[list[datetime], list[datetime]]:
    """When calls were answered, and when each counted, ascending."""
    with reading(lab.engine) as conn:
        rows = conn.execute(select(call).where(call.c.ended_at.is_not(None))).all()
    answered = [row.answered_at for row in rows if row.answered_at]
    return sorted(answered), sorted(filter(None, map(_counted_at, rows)))


def _counted_at(row: Row[Any]) -> datetime | None:
    """An answered call counts from its answer on, another one when it is over; None: not at all."""
    told = Told(
        outcome=row.outcome,
        arrived_at=row.arrived_at,
        queued_at=row.queued_at,
        answered_at=row.answered_at,
        over_at=row.hung_up_at or row.ended_at,
    )
    return None if became(told) in (None, Became.BRIEF) else row.answered_at or row.ended_at


def _accounts(lab: Lab, boards: int) -> list[Account]:
    """An admin for each wallboard."""
    made = []
    for number in range(boards):
        password = users.new_password()
        with changing(lab.engine, BENCH, now()) as work:
            made.append(Account(users.add(work, f"jefa{number}", UserRole.ADMIN, password), password.text))
    return made


@dataclass(frozen=True, slots=True)
class _Pages:
    """The program that has them open."""

    process: Process

    async def seen(self, calls: int) -> list[Seen]:
        """Closes all pages, once they show so many calls of the day; gives what each of them showed."""
        printed, _ = await self.process.communicate(f"{calls}\n".encode())
        if self.process.returncode:
            raise RuntimeError("the wallboards could not be read")
        return [msgspec.json.decode(line, type=Seen) for line in printed.splitlines()]


@asynccontextmanager
async def _pages(lab: Lab, accounts: Sequence[Account]) -> AsyncIterator[_Pages]:
    """All wallboards, open. Raises RuntimeError if one cannot be opened."""
    url = f"http://127.0.0.1:{lab.office.ports.web}"
    words = ("nice", f"-n{ELSEWHERE}", sys.executable, "-m", "bench.wallpages", url)
    process = await create_subprocess_exec(*words, cwd=ROOT, stdin=PIPE, stdout=PIPE, limit=LONGEST)
    assert process.stdin
    assert process.stdout
    try:
        process.stdin.write("".join(f"{each.name} {each.password}\n" for each in accounts).encode() + b"\n")
        async with asyncio.timeout(OPENING):
            if await process.stdout.readline() != b"ready\n":
                raise RuntimeError("the wallboards could not be opened")
        yield _Pages(process)
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()
