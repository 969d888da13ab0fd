"""The calendar: each job once when it is due, made up once when it was missed, and none of them any other's trouble."""

import asyncio
import os
import signal
import threading
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import replace
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from acting import ADMIN
from sqlalchemy import Engine, insert, select

from pbx_control import clock
from pbx_control.domain.due import Daily, Every
from pbx_control.domain.money.plans import Plan
from pbx_control.domain.words.sentences import Sentence
from pbx_control.errors import ClientMistake
from pbx_control.jobs import run as jobs
from pbx_control.jobs import schedule
from pbx_control.jobs.run import Context, Job, JobHome, Task
from pbx_control.jobs.schedule import JOBS, Schedule, Trigger
from pbx_control.settings import Database, Home, OfficeSettings, Settings
from pbx_control.store import job_runs, ledger
from pbx_control.store.engine import reading, writing
from pbx_control.store.job_runs import FIRST_SEEN, LEASE, Run
from pbx_control.store.tables import client, job_run, letter

SANTIAGO = ZoneInfo("America/Santiago")
SECOND, DAY = timedelta(seconds=1), timedelta(days=1)
LONG_AGO = datetime(2026, 1, 1, tzinfo=UTC)
# Chile's clocks go back at the end of one of these days, and leap over the first hour of another.
CHANGES = [date(2026, 4, 4), date(2026, 9, 6), date(2027, 4, 3), date(2027, 9, 5), date(2028, 4, 1), date(2028, 9, 3)]
SOON = 120.0  # a test that waits longer has failed, seconds


# --- when -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("change", CHANGES, ids=str)
@pytest.mark.parametrize("at", [time(18, 15), time(2), time(0), time(0, 30), time(1, 59), time(23, 30)], ids=str)
def test_the_scheduler_fires_once_a_day_across_each_change_of_the_clocks(change: date, at: time) -> None:
    trigger = Trigger(Task(Job("test", "", Daily(at), tell_nothing), SANTIAGO))
    now = datetime.combine(change - 3 * DAY, time(0), SANTIAGO).astimezone(UTC) - SECOND
    fired = [trigger.get_next_fire_time(None, now)]
    for _ in range(6):
        fired.append(trigger.get_next_fire_time(fired[-1], fired[-1]))
    assert [due.astimezone(SANTIAGO).date() for due in fired] == [change + (n - 3) * DAY for n in range(7)]


def test_a_clock_that_leaps_ahead_fires_each_job_once() -> None:
    trigger = Trigger(Task(Job("test", "", Every(5 * 60 * SECOND), tell_nothing), SANTIAGO))
    now = LONG_AGO + 100 * DAY
    assert trigger.get_next_fire_time(LONG_AGO, now) == now
    assert trigger.get_next_fire_time(now, now) == now + 5 * 60 * SECOND


def test_every_job_has_a_name_of_its_own_that_fits_the_table() -> None:
    names = [Task(job, ZoneInfo("America/Argentina/ComodRivadavia")).name for job in JOBS]
    assert len(set(names)) == len(names)
    assert max(map(len, names)) <= job_run.c.job.type.length


def test_a_job_by_the_clients_clocks_is_there_for_each_zone(monkeypatch: pytest.MonkeyPatch) -> None:
    report = Job("reports", "", Daily(time(18, 15)), tell_nothing, each_zone=True)
    monkeypatch.setattr(schedule, "JOBS", (Job("purge", "", Daily(time(3, 30)), tell_nothing), report))
    known = schedule.tasks(Settings(), ["America/Santiago", "Pacific/Easter"])
    assert [task.name for task in known] == ["purge", "reports:America/Santiago", "reports:Pacific/Easter"]
    now = datetime(2026, 8, 3, 12, tzinfo=UTC)
    assert [str(task.next(now)) for task in known[1:]] == ["2026-08-03 22:15:00+00:00", "2026-08-04 00:15:00+00:00"]
    assert schedule.find(known, "reports") == known[1:]
    assert schedule.find(known, "reports:Pacific/Easter") == known[2:]
    with pytest.raises(ClientMistake, match="there is no job 'purg': there are purge, reports:America/Santiago"):
        schedule.find(known, "purg")


# --- what jobs do here ------------------------------------------------------------------------------------


def tell_nothing(_: Context) -> Sentence:
    return ""


def tell_due(context: Context) -> Sentence:
    return Sentence(context.due_at.isoformat())


def fail(_: Context) -> Sentence:
    raise ValueError("nobody expected\nthis")


def refuse(_: Context) -> Sentence:
    raise ClientMistake("the disk is full")


def tell_process(context: Context) -> Sentence:
    assert context.urgent
    return Sentence(f"{os.getpid()} {os.nice(0)} {context.urgent.submit(os.nice, 0).result()}")


def die(_: Context) -> Sentence:
    os.kill(os.getpid(), signal.SIGKILL)
    return Sentence("alive")


def never_end(context: Context) -> Sentence:
    (context.home.root / "begun").touch()
    threading.Event().wait()
    return Sentence("ended")


# --- running ----------------------------------------------------------------------------------------------

House = Callable[..., "Running"]


class Running:
    """A schedule with jobs of the test's own, on a database of its own."""

    def __init__(self, engine: Engine, folder: Path) -> None:
        self.engine = engine
        url = engine.url.render_as_string(hide_password=False)
        office = OfficeSettings(alarms_to="admin@casa.example", language="en")
        self.home, self.settings = Home(folder), Settings(database=Database(url=url), office=office)
        self.ended = asyncio.Event()

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        running = asyncio.create_task(Schedule(self.home, self.settings, self.engine, self.ended.set).run())
        try:
            yield
        finally:
            running.cancel()
            with suppress(asyncio.CancelledError):
                await running

    async def one_more(self) -> None:
        """Waits until a job has ended."""
        await asyncio.wait_for(self.ended.wait(), SOON)
        self.ended.clear()

    def seen(self, name: str, due_at: datetime = LONG_AGO) -> None:
        """The job has run, long ago."""
        with writing(self.engine) as conn:
            job_runs.claim(conn, name, due_at, due_at)
            job_runs.finish(conn, name, due_at, due_at, Sentence("then"))

    def runs(self, name: str) -> list[Run]:
        with reading(self.engine) as conn:
            rows = conn.execute(select(job_run).where(job_run.c.job == name).order_by(job_run.c.due_at)).all()
        return [Run(*row) for row in rows]

    def letters(self) -> list[str]:
        """The subjects of what was written to the admin."""
        with reading(self.engine) as conn:
            return list(conn.scalars(select(letter.c.subject).order_by(letter.c.subject)))

    def results(self, name: str) -> list[str]:
        return [run.result for run in self.runs(name)]


@pytest.fixture
def running(engine: Engine, tmp_path: Path) -> Running:
    return Running(engine, tmp_path)


@pytest.fixture
def these(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """These are the jobs."""
    return lambda *own: monkeypatch.setattr(schedule, "JOBS", own)


def daily(name: str, work: jobs.Work, *, apart: bool = False, each_zone: bool = False) -> Job:
    """A job that is due in some hours: what runs in the test is what was missed."""
    later = (clock.now() + DAY / 2).time().replace(microsecond=0)
    return Job(name, "", Daily(later), work, apart=apart, each_zone=each_zone)


async def test_a_job_runs_each_time_it_is_due(running: Running, these: Callable[..., None]) -> None:
    these(Job("tick", "", Every(SECOND), tell_due))
    async with running.running():
        await running.one_more()
        await running.one_more()
    first, *runs = running.runs("tick")
    assert first.result == FIRST_SEEN
    done = [run for run in runs if run.ended_at]
    assert len(done) >= 2
    assert all(run.result == run.due_at.isoformat() and run.due_at <= run.began_at for run in done)


async def test_a_new_installation_makes_up_nothing(running: Running, these: Callable[..., None]) -> None:
    these(daily("purge", tell_due), Job("tick", "", Every(SECOND), tell_due))
    async with running.running():
        await running.one_more()
    assert running.results("purge") == [FIRST_SEEN]


async def test_what_was_missed_is_made_up_once(running: Running, these: Callable[..., None]) -> None:
    job = daily("purge", tell_due)
    these(job, Job("tick", "", Every(SECOND), tell_due))
    running.seen("purge")
    for _ in range(2):
        async with running.running():
            await running.one_more()
    missed = job.rhythm.last(clock.now(), ZoneInfo(running.settings.office.timezone))
    assert running.results("purge") == ["then", missed.isoformat()]
    assert running.letters() == ["Jobs that did not run in time: 1"]


async def test_two_daemons_run_nothing_twice(running: Running, these: Callable[..., None], tmp_path: Path) -> None:
    done: list[datetime] = []

    def note(context: Context) -> Sentence:
        done.append(context.due_at)
        return ""

    these(Job("tick", "", Every(SECOND), note), daily("purge", tell_due))
    running.seen("purge")
    other = Running(running.engine, tmp_path)
    async with running.running(), other.running():
        for _ in range(2):
            waits = [asyncio.create_task(each.ended.wait()) for each in (running, other)]
            await asyncio.wait(waits, timeout=SOON, return_when=asyncio.FIRST_COMPLETED)
            for wait, each in zip(waits, (running, other), strict=True):
                wait.cancel()
                each.ended.clear()
    assert len(done) >= 1
    assert sorted(set(done)) == sorted(done)
    assert len(running.runs("purge")) == 2


@pytest.mark.parametrize(
    ("work", "why"), [(fail, "failed: ValueError: nobody expected this"), (refuse, "failed: the disk is full")]
)
async def test_a_job_that_fails_is_no_other_job_s_trouble(
    running: Running, these: Callable[..., None], work: jobs.Work, why: str
) -> None:
    these(daily("purge", work), daily("good", tell_due))
    running.seen("purge")
    running.seen("good")
    async with running.running():
        while any(len(running.runs(job)) < 2 or not running.runs(job)[1].ended_at for job in ("purge", "good")):
            await running.one_more()
    assert running.results("purge")[1:] == [why]
    assert not running.results("good")[1].startswith("failed")
    assert running.letters() == ["Jobs that did not run in time: 2", "The job purge failed"]


async def test_a_heavy_job_has_a_process_of_its_own_that_gives_way(
    running: Running, these: Callable[..., None]
) -> None:
    these(daily("heavy", tell_process, apart=True))
    running.seen("heavy")
    async with running.running():
        await running.one_more()
    pid, niceness, of_the_urgent = running.results("heavy")[1].split()
    assert int(pid) != os.getpid()
    assert int(niceness) >= min(os.nice(0) + jobs.NICENESS, 19)
    assert int(of_the_urgent) == os.nice(0)


async def test_a_process_that_is_killed_has_failed(running: Running, these: Callable[..., None]) -> None:
    these(daily("heavy", die, apart=True))
    running.seen("heavy")
    async with running.running():
        await running.one_more()
    assert running.results("heavy")[1] == "failed: its process ended with status -9"


async def test_a_daemon_that_ends_breaks_off_its_jobs_and_the_next_begins_them_again(
    running: Running, these: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    heavy = daily("heavy", never_end, apart=True)
    these(heavy, Job("tick", "", Every(SECOND), tell_due))
    running.seen("heavy")
    async with running.running():
        while not (running.home.root / "begun").exists():
            await running.one_more()
    assert running.runs("heavy")[1].ended_at is None

    these(replace(heavy, work=tell_due, apart=False))
    with writing(running.engine) as conn:
        conn.execute(job_run.update().where(job_run.c.job == "heavy").values(began_at=clock.now() - LEASE))
    async with running.running():
        await running.one_more()
    assert running.results("heavy")[1] == running.runs("heavy")[1].due_at.isoformat()


async def test_a_zone_that_is_new_gets_its_run(
    running: Running, these: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(schedule, "LOOK_EVERY", 0.05)
    these(Job("reports", "", Every(SECOND), tell_due, each_zone=True))
    async with running.running():
        assert running.runs("reports:Pacific/Easter") == []
        with writing(running.engine) as conn:
            values = {"slug": "rapa", "name": "Rapa", "week": "always", "timezone": "Pacific/Easter"}
            conn.execute(insert(client).values(**values, created_at=LONG_AGO))
        await running.one_more()
    assert running.runs("reports:Pacific/Easter")[1].ended_at


def test_a_run_by_hand_is_listed_like_any_other(running: Running) -> None:
    job = daily("purge", tell_due)
    outcome = jobs.run_by_hand(Task(job, SANTIAGO), JobHome(running.home, running.settings), running.engine, ADMIN)
    [run] = running.runs("purge")
    assert (run.result, bool(run.ended_at)) == (outcome.result, True)
    assert outcome.result == run.due_at.isoformat()


@pytest.mark.parametrize("job", JOBS, ids=lambda job: job.name)
def test_each_job_finds_something_to_say_of_an_empty_house(running: Running, job: Job) -> None:
    running.home.settings_file.write_text("")
    for folder in (running.home.recordings, running.home.run):
        folder.mkdir()
    due_at = job.rhythm.last(clock.now(), SANTIAGO)
    outcome = jobs.attempt(Task(job, SANTIAGO), JobHome(running.home, running.settings), running.engine, due_at)
    assert outcome.trace == ""
    assert not outcome.failed, outcome.result
    assert outcome.result


def test_months_begin_for_many_clients_in_transactions_that_hold_up_no_call(
    running: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    plan = Plan(name="small", calls=5, price=1, extra_call=1, contacts=1, calendars=1)
    with writing(running.engine) as conn:
        for number in range(1, 24):
            values = {"id": number, "slug": f"c{number}", "name": "x", "week": "always", "created_at": LONG_AGO}
            conn.execute(insert(client).values(values))
            ledger.open_account(conn, number, plan, LONG_AGO)
    sizes = []
    roll_over = ledger.roll_over_due

    def counted(*words: Any, **options: Any) -> int:
        sizes.append(roll_over(*words, **options))
        return sizes[-1]

    monkeypatch.setattr(ledger, "roll_over_due", counted)
    now = LONG_AGO + 40 * DAY
    context = Context(running.home, running.settings, running.engine, now, now, SANTIAGO, ADMIN)
    assert str(schedule.begin_periods(context)).startswith("months begun: 23;")
    assert sizes == [10, 10, 3, 0]
