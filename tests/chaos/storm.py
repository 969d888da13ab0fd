"""A storm over the outbox: thousands of letters, servers down for hours, a notifying process that is killed.

Time is simulated (`fast_time.py`) while nothing can be taken; as soon as the servers are well it runs as everywhere,
and only waiting is left out.
"""

import asyncio
import os
import random
import signal
import sys
from asyncio.subprocess import PIPE, Process, create_subprocess_exec
from collections import Counter, defaultdict
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path

import psutil
from sqlalchemy import Engine, func, select

from chaos.fast_time import SharedTime
from chaos.storm_servers import Arrivals, Mood, StormMail, StormTelegram, moods
from pbx_control.domain.notices.messages import PAUSES, Channel, Letter
from pbx_control.store import letters
from pbx_control.store.engine import reading, writing
from pbx_control.store.tables import letter

HOUR = 3600.0
# Real seconds between two looks of the one who makes the storm.
LOOK = 0.02
# Where nothing is under way so many simulated seconds are left out at once, at least.
SKIP = 60.0
# Nothing takes longer than this, real seconds: what is waited for is not coming.
HANGS = 600.0
# Letters are written in so many bursts while the servers are down.
BURSTS = 20
PROCESS = Path(__file__).with_name("storm_process.py")


@dataclass(frozen=True, slots=True, kw_only=True)
class Extent:
    """How large a storm is."""

    letters: int
    recipients: int  # half of them chats
    kills: int  # half of them while the servers are down
    hours: float  # that they are
    moods: int = 6  # one after the other in that time
    speed: float = 200.0  # of the simulated time meanwhile
    watch: float = 0.0  # real seconds of it at the ordinary speed, in which the CPU is measured


@dataclass
class Storm:
    """What a storm found."""

    extent: Extent
    complaints: list[str] = field(default_factory=list)
    lost: int = 0
    twice: Counter[int] = field(default_factory=Counter)  # letters that came again, by the kill before
    attempts: list[int] = field(default_factory=list)  # of each letter, as the outbox counts them
    tries: int = 0  # letters begun to be handed over, in all
    down_tries: int = 0
    down_seconds: float = 0.0  # simulated
    watched_cpu: float = 0.0  # CPU seconds
    watched_tries: int = 0
    drained: float = 0.0  # real seconds from the servers' return until everything was taken

    def __str__(self) -> str:
        extent = self.extent
        cpu = self.watched_cpu / extent.watch if extent.watch else 0.0
        most = most_attempts(extent.hours * HOUR)
        rows = [
            ("letters, recipients", f"{extent.letters}, {extent.recipients}"),
            ("servers down, in so many ways", f"{self.down_seconds / HOUR:.1f} h, {extent.moods}"),
            ("kills", f"{extent.kills}"),
            ("lost", f"{self.lost}"),
            ("came twice, all explained by a kill", f"{sum(self.twice.values())}"),
            ("the most that came twice after one kill", f"{max(self.twice.values(), default=0)}"),
            ("tries of one letter: the most, by schedule", f"{max(self.attempts)}, {most} and one for each kill"),
            ("tries begun while servers were down", f"{self.down_tries}"),
            (
                "CPU while servers were down, of one core",
                f"{cpu:.1%}, {self.watched_tries} tries in {extent.watch:.0f} s",
            ),
            ("from the servers' return until all had come", f"{self.drained:.0f} s, kills included"),
            ("complaints", f"{len(self.complaints)}"),
        ]
        lines = ["| storm | |", "| --- | ---: |", *(f"| {name} | {value} |" for name, value in rows)]
        return "\n".join([*lines, *(f"  {each}" for each in self.complaints)])


class _Run:
    """One storm under way."""

    def __init__(self, engine: Engine, folder: Path, extent: Extent, dice: random.Random) -> None:
        self.engine, self.extent, self.dice = engine, extent, dice
        self.time_file = folder / "time"
        self.time = SharedTime(self.time_file)
        self.time.run_at(1.0)
        self.arrivals = Arrivals()
        self.mail = StormMail(self.arrivals, dice)
        self.chats = StormTelegram(self.arrivals, dice)
        self.done = Storm(extent)
        self.written = 0
        self.delivered_at_kill: list[set[int]] = []  # by letters' numbers
        self._parent: Process | None = None  # of the notifying processes
        self._pid = 0

    # --- the notifying process

    async def start(self) -> None:
        self.time.say(0, 0, begun=False)
        url = self.engine.url.render_as_string(hide_password=False)
        if self._parent is None:
            words = (url, self.mail.port, self.chats.base_url, self.time_file)
            self._parent = await create_subprocess_exec(
                sys.executable, PROCESS, *map(str, words), stdin=PIPE, stdout=PIPE
            )
        assert self._parent.stdin
        self._parent.stdin.write(b"one more\n")
        self._pid = await self._hears()
        await self.until(lambda: self.time.said()[2])

    async def _hears(self) -> int:
        assert self._parent
        assert self._parent.stdout
        return int(await self._parent.stdout.readline())

    async def stop(self) -> None:
        """No process is left."""
        if self._parent is not None:
            assert self._parent.stdin
            if self._pid:
                os.kill(self._pid, signal.SIGKILL)
            self._parent.stdin.close()
            await self._parent.wait()

    async def kill(self) -> None:
        """SIGKILL; then waits until the servers have no request of the dead one any more."""
        os.kill(self._pid, signal.SIGKILL)
        code, self._pid = await self._hears(), 0
        if code != -signal.SIGKILL:
            self.done.complaints.append(f"the notifying process ended by itself, with {code}")
        self.done.tries += self.time.said()[0]
        self.time.say(0, 0, begun=False)
        await self.until(lambda: not self.arrivals.busy and (not self.mail.open or self.mail.mood is not Mood.WELL))
        self.delivered_at_kill.append(await asyncio.to_thread(self._delivered))
        self.arrivals.kills += 1

    @property
    def tries(self) -> int:
        return self.done.tries + self.time.said()[0]

    def cpu(self) -> float:
        times = psutil.Process(self._pid).cpu_times()
        return times.user + times.system

    async def until(self, check: Callable[[], bool]) -> None:
        async with asyncio.timeout(HANGS):
            while not check():  # noqa: ASYNC110
                await asyncio.sleep(LOOK)

    # --- letters

    def write(self, count: int) -> None:
        """So many more letters, each to a recipient at random."""
        numbers = range(self.written, min(self.written + count, self.extent.letters))
        with writing(self.engine) as conn:
            letters.add(conn, [_letter(number, self._recipient(), self.time.now()) for number in numbers])
        self.written += len(numbers)

    def _recipient(self) -> int:
        return self.dice.randrange(self.extent.recipients)

    def _delivered(self) -> set[int]:
        with reading(self.engine) as conn:
            found = conn.scalars(select(letter.c.message_id).where(letter.c.delivered_at.is_not(None)))
            return {_number(each) for each in found}

    def waiting(self) -> tuple[int, datetime | None]:
        """How many letters wait, and when the next is due."""
        with reading(self.engine) as conn:
            count = conn.scalar(select(func.count()).select_from(letter).where(letter.c.due_at.is_not(None))) or 0
            heads = [head.due_at for channel in Channel for head in letters.heads(conn, channel, 1)]
        return count, min(heads, default=None)


async def storm(engine: Engine, folder: Path, extent: Extent, seed: int = 1) -> Storm:
    """Runs one on this database, which must be migrated and without letters."""
    run = _Run(engine, folder, extent, random.Random(seed))
    await run.mail.start()
    run.chats.start()
    try:
        await _bad_hours(run)
        await _all_well(run)
        await asyncio.to_thread(_audit, run)
    finally:
        run.time.run_at(1.0)
        await run.stop()
        await run.mail.stop()
        run.chats.stop()
    return run.done


async def _bad_hours(run: _Run) -> None:
    """The servers are down in one way after the other; letters are written and kills happen all the time."""
    extent = run.extent
    until = extent.hours * HOUR
    happens: list[tuple[float, str]] = [(until * n / BURSTS, "write") for n in range(BURSTS)]
    happens += [(run.dice.uniform(0.02, 1) * until, "kill") for _ in range(extent.kills // 2)]
    happens += [(until * n / extent.moods, "mood") for n in range(extent.moods)]
    coming = moods(run.dice)
    mail, chat = next(coming)
    await run.mail.become(mail)
    run.chats.become(chat)
    await run.start()
    began = run.time.seconds()
    run.time.run_at(extent.speed)
    for at, what in sorted(happens):
        await run.until(lambda at=at: run.time.seconds() - began >= at)
        if what == "write":
            await asyncio.to_thread(run.write, extent.letters * 3 // 4 // BURSTS)
        elif what == "kill":
            await run.kill()
            await run.start()
        elif at:
            mail, chat = next(coming)
            await run.mail.become(mail)
            run.chats.become(chat)
            await _watch(run)
    run.done.down_seconds = run.time.seconds() - began
    run.done.down_tries = run.tries


async def _watch(run: _Run) -> None:
    """Lets time run as everywhere for a while, and measures what the notifying process takes."""
    if not run.extent.watch:
        return
    seconds = run.extent.watch / (run.extent.moods - 1)
    run.time.run_at(1.0)
    cpu, tries = run.cpu(), run.tries
    await asyncio.sleep(seconds)
    run.done.watched_cpu += run.cpu() - cpu
    run.done.watched_tries += run.tries - tries
    run.time.run_at(run.extent.speed)


async def _all_well(run: _Run) -> None:
    """The servers are back; the last letters come, and the other kills, at random while letters stream out."""
    await run.kill()
    run.time.run_at(1.0)
    await run.mail.become(Mood.WELL)
    run.chats.become(Mood.WELL)
    began = asyncio.get_running_loop().time()
    kills = run.extent.kills - run.extent.kills // 2 - 1
    share = run.extent.letters // (kills + 2)
    for _ in range(kills):
        await asyncio.to_thread(run.write, run.extent.letters // 4 // max(1, kills))
        await run.start()
        await _drain(run, len(run.arrivals.all) + run.dice.randrange(1, 2 * share))
        await run.kill()
    await asyncio.to_thread(run.write, run.extent.letters)
    await run.start()
    await _drain(run, sys.maxsize)
    run.done.drained = asyncio.get_running_loop().time() - began
    run.done.tries += run.time.said()[0]


async def _drain(run: _Run, arrivals: int) -> None:
    """Until so many letters have come, or none waits any more. Waiting in which nothing is under way is left out."""
    async with asyncio.timeout(HANGS):
        while len(run.arrivals.all) < arrivals:
            await asyncio.sleep(LOOK)
            if run.time.said()[1]:
                continue
            count, due = await asyncio.to_thread(run.waiting)
            if not count:
                return
            ahead = (due - run.time.now()).total_seconds() if due else 0
            if ahead > 0 and not run.time.said()[1]:
                run.time.run_at(1.0, ahead=max(ahead, SKIP))


# --- the audit


def _audit(run: _Run) -> None:
    done, extent = run.done, run.extent
    with reading(run.engine) as conn:
        rows = list(conn.execute(select(letter)))
    done.attempts = [row.attempts for row in rows]
    came = Counter(one.number for one in run.arrivals.all)
    missing = [row for row in rows if _number(row.message_id) not in came]
    done.lost = len(missing) + extent.letters - len(rows)
    done.complaints += [f"never came: {row.message_id}: {row.last_error}" for row in missing[:20]]
    done.complaints += [f"not delivered, but came: {row.message_id}: {row.last_error}" for row in rows
                        if row.delivered_at is None and _number(row.message_id) in came][:20]  # fmt: skip
    _find_twice(run)
    _find_disorder(run, {_number(row.message_id): (row.channel, row.address) for row in rows})
    most = most_attempts(extent.hours * HOUR) + extent.kills
    done.complaints += [f"{row.message_id} was tried {row.attempts} times" for row in rows if row.attempts > most][:20]


def _find_twice(run: _Run) -> None:
    """A letter that came again must have been in flight at a kill in between, which explains one more copy."""
    last: dict[int, int] = {}
    for one in run.arrivals.all:
        if one.number in last:
            before = last[one.number]
            if before == one.kills or one.number in run.delivered_at_kill[before]:
                run.done.complaints.append(f"letter {one.number} came twice and no kill explains it")
            run.done.twice[before] += 1
        last[one.number] = one.kills
    many = {kill: count for kill, count in run.done.twice.items() if count > 1}
    run.done.complaints += [f"{count} letters came twice after kill {kill}" for kill, count in many.items()]


def _find_disorder(run: _Run, recipients: dict[int, tuple[str, str]]) -> None:
    newest: defaultdict[tuple[str, str], int] = defaultdict(int)
    for one in run.arrivals.all:
        who = recipients[one.number]
        if one.number < newest[who]:
            run.done.complaints.append(f"letter {one.number} came to {who} after {newest[who]}")
        newest[who] = max(newest[who], one.number)


def most_attempts(seconds: float) -> int:
    """How often a letter is tried at most while nothing is taken for so long, and once afterwards."""
    pauses, tries = timedelta(0), 1
    for pause in PAUSES:
        pauses += pause
        tries += pauses.total_seconds() <= seconds
    return tries + int(max(0.0, seconds - pauses.total_seconds()) // (2 * HOUR)) + 1


def _letter(number: int, recipient: int, at: datetime) -> Letter:
    by_mail = recipient % 2 == 0
    return Letter(
        channel=Channel.EMAIL if by_mail else Channel.TELEGRAM,
        address=f"r{recipient}@x.example" if by_mail else str(recipient),
        message_id=f"storm.{number}",
        subject=f"Clínica Andes: llamada {number}",
        text=str(number),
        html=f"<p>{number}</p>" if by_mail else "",
        written_at=at,
    )


def _number(message_id: str) -> int:
    return int(message_id.removeprefix("storm."))
