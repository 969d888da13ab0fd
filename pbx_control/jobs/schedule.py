"""Every calendar job, on one page: what it does, when, and where its work is done (docs/decisions/schedule.md).

"Office" is the office's zone; every other time is UTC. Each run is written down in the table job_run: no due time is
run twice, by however many daemons, and the latest one that was missed is made up at the next start.
"""

import asyncio
from collections import defaultdict
from collections.abc import Callable, Coroutine, Iterable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import structlog
from apscheduler.schedulers.asyncio import AsyncIOScheduler
from apscheduler.triggers.base import BaseTrigger
from sqlalchemy import Connection, Engine

from pbx_control import clock
from pbx_control.catalogue import N_
from pbx_control.domain.due import Daily, Every
from pbx_control.domain.keeping.retention import Trust
from pbx_control.domain.notices.job_notes import Trouble
from pbx_control.domain.notices.reports import REPORTS
from pbx_control.domain.words.sentences import Sentence
from pbx_control.errors import ClientMistake, PbxError, Word
from pbx_control.jobs import alarms
from pbx_control.jobs import run as jobs
from pbx_control.jobs.run import Context, Job, JobHome, JobOutcome, Task
from pbx_control.settings import Home, Settings
from pbx_control.store import job_runs
from pbx_control.store.engine import reading, writing
from pbx_control.store.job_runs import Failure

log = structlog.get_logger()

# What reconciliation counts (media.purge.Reconciliation), in words.
DIFFERENCES = {
    "without_row": N_("files without a call"),
    "without_file": N_("calls without their file"),
    "odd": N_("odd files"),
    "unended": N_("calls without an end"),
    "empty": N_("empty files"),
    "cut": N_("recordings or messages cut short"),
}

# --- the page ---------------------------------------------------------------------------------------------
# Each function imports its work when it is first due: a daemon that starts again has calls to take up.


def back_up(context: Context) -> Sentence:
    from pbx_control.jobs import backup

    return backup.nightly(context.home, context.settings, context.engine, context.at)


def purge(context: Context) -> Sentence:
    """docs/service.md rule 13."""
    from pbx_control.services import keeping

    report = keeping.purge(
        context.home, context.engine, context.actor, context.at, alarms=context.alarms, urgent=context.urgent
    )
    if report.trust is not Trust.TRUSTED:
        return Failure(
            Sentence(
                "nothing looked at: the clock is in doubt ({trust}, last believed {seen} UTC); if it is right: "
                "pbx-control recording purge --clock-is-right",
                trust=Word(report.trust.value),
                seen=f"{report.seen_at:%Y-%m-%d %H:%M}",
            )
        )
    done = report.done
    deleted = Sentence("files deleted: {deleted} ({freed} bytes)", deleted=done.deleted, freed=done.freed)
    line = Sentence("{deleted}; held: {held}", deleted=deleted, held=done.held)
    if done.restricted:
        line = Sentence("{line}; blocked while a request is decided: {count}", line=line, count=done.restricted)
    if not done.failures:
        return line
    files = tuple(Sentence("{file}: {why}", file=path, why=why) for path, why in done.failed.items())
    return Failure(Sentence("{line}; not deleted: {failures}: {files}", line=line, failures=done.failures, files=files))


def reconcile(context: Context) -> Sentence:
    from pbx_control.media import purge as deletion

    found = deletion.reconcile(context.home, context.engine, context.at, alarms=context.alarms)
    if found.agrees:
        return Sentence("files and rows agree")
    counts = tuple(
        Sentence("{what}: {count}", what=Word(DIFFERENCES[name]), count=count) for name, count in found.counts.items()
    )
    return Sentence("{counts}", counts=counts)


def erase_cancelled(context: Context) -> Sentence:
    """docs/decisions/cancelling.md."""
    from pbx_control.services import cancelled

    return cancelled.erase_cancelled(context.home, context.engine, context.actor, context.at)


def tend_database(context: Context) -> Sentence:
    from pbx_control.jobs import upkeep
    from pbx_control.services import figures
    from pbx_control.store import ledger

    tended = upkeep.tend(context.engine, context.actor, context.at)
    if rows := figures.compare(context.engine, context.actor, context.at):
        tended = Sentence("figures that were not the calls' and are now: {count}; {tended}", count=rows, tended=tended)
    with reading(context.engine) as conn:
        wrong = ledger.out_of_balance(conn)
    if not wrong:
        return Failure(tended) if rows else tended
    return Failure(
        Sentence(
            "accounts are not the sum of their ledger: of clients {clients}; {tended}",
            clients=", ".join(map(str, wrong)),
            tended=tended,
        )
    )


def put_in_force(context: Context) -> Sentence:
    """docs/service.md rule 4."""
    from pbx_control.services import proposals

    return proposals.apply_due(context.engine, context.actor, context.at)


def read_mail(context: Context) -> Sentence:
    """docs/service.md rule 4."""
    from pbx_control.notify.mail import sender_address
    from pbx_control.notify.signatures import keys_from
    from pbx_control.services import mail_in
    from pbx_control.services.invitations import Place

    settings = context.settings
    if not settings.mail_in.host:
        return Sentence("no mailbox is set")
    office = settings.office.name
    desk = mail_in.Desk(
        context.engine,
        Place(office, settings.web.url),
        settings.mail_in.ours,
        sender_address(settings.mail.sender, office).domain,
        find_key=keys_from(settings.mail_in.dns),
        alarms=context.alarms,
    )
    return mail_in.look(settings.mail_in, desk, clock.now)


def remove_sounds(context: Context) -> Sentence:
    from pbx_control.media import prompts
    from pbx_control.store.snapshot import read_clients

    with reading(context.engine) as conn:
        clients = read_clients(conn, context.at)
    return Sentence("sounds removed: {count}", count=len(prompts.prune(context.home, clients, context.at)))


def warn_of_requests(context: Context) -> Sentence:
    """docs/data-protection.md."""
    from pbx_control.services import caller_requests

    today = context.settings.office.day(context.at)
    return caller_requests.warn(context.engine, context.alarms, context.actor, today, context.at)


def issue_invoices(context: Context) -> Sentence:
    """docs/service.md rule 15."""
    from pbx_control.services import invoicing

    report = invoicing.issue_due(context.engine, context.home, context.settings, context.actor, context.at)
    return Failure(report.sentence) if report.refused else report.sentence


def report_missed_calls(context: Context) -> Sentence:
    """docs/service.md rule 12."""
    from pbx_control.services import missed_reports

    return missed_reports.send(
        context.home, context.engine, context.settings, context.zone, context.due_at, context.actor, context.at
    )


def remind_of_appointments(context: Context) -> Sentence:
    """docs/service.md rule 14."""
    from pbx_control.services import appointment_letters

    return appointment_letters.remind(
        context.engine, context.settings, context.zone, context.due_at, context.actor, context.at
    )


def begin_periods(context: Context) -> Sentence:
    """docs/service.md rules 10 and 11."""
    from pbx_control.services import accounts

    begun, returned = accounts.begin_months(context.engine, context.actor, context.at)
    return Sentence("months begun: {begun}; calls kept back for nothing: {returned}", begun=begun, returned=returned)


def note_clock(context: Context) -> Sentence:
    from pbx_control.store import retention

    with writing(context.engine) as conn:
        trust = retention.note_time(conn, context.at).trust
    return Sentence("the clock: {trust}", trust=Word(trust.value))


def tell_subprocessors(context: Context) -> Sentence:
    """docs/processor.md."""
    from pbx_control.services import subprocessors

    return subprocessors.tell_changes(context.engine, context.settings, context.actor, context.at)


def warn_of_deadlines(context: Context) -> Sentence:
    """docs/service.md rule 2."""
    from pbx_control.services import onboarding

    return onboarding.warn_of_deadlines(context.engine, context.settings, context.at)


def watch_space(context: Context) -> Sentence:
    from pbx_control.disks import LITTLE_ROOM, disks

    found = disks(context.home, context.settings)
    each = tuple(Sentence("{room} free on the disk of {folders}", room=one.room, folders=one.names) for one in found)
    told = Sentence("{disks}", disks=each)
    return Failure(told) if any(disk.free < LITTLE_ROOM for disk in found) else told


def turn_log_over(context: Context) -> Sentence:
    from pbx_control.asterisk import log_file

    return Sentence("bytes in Asterisk's log: {count}", count=log_file.turn_over(context.home, context.settings))


def warn_of_staffing(context: Context) -> Sentence:
    """docs/staffing.md."""
    from pbx_control.services import staffing

    return staffing.warn_of_month(context.engine, context.settings, context.at)


HOURLY, FIVE_MINUTES, MINUTE = (Every(timedelta(minutes=minutes)) for minutes in (60, 5, 1))

# Each daemon does these for its own disk, and in a process of their own.
OWN: dict[str, Any] = {"each_node": True, "apart": True}
# A server that hangs holds up no other job, and what strangers send is taken apart in a process of its own.
MAIL: dict[str, Any] = {"apart": True, "lane": "mail", "wanted": lambda settings: bool(settings.mail_in.host)}

JOBS = (
    # by the office's clock, one after the other, in processes of their own
    Job("backup", N_("copies database, settings and uploads; keeps the newest"), Daily(time(2, 0)), back_up, **OWN),
    Job("purge", N_("deletes recordings whose time is over"), Daily(time(3, 30)), purge, **OWN),
    Job("reconciliation", N_("compares recordings and rows"), Daily(time(4, 0)), reconcile, **OWN),
    Job("erasure", N_("erases who cancelled 90 days ago"), Daily(time(4, 15)), erase_cancelled, **OWN),
    Job("upkeep", N_("checks the database, forgets old counts"), Daily(time(4, 30)), tend_database, apart=True),
    Job("sounds", N_("removes sounds that nobody needs"), Daily(time(5, 0)), remove_sounds, **OWN),
    Job("invoices", N_("issues and sends what is due"), Daily(time(6, 0)), issue_invoices, apart=True),
    Job("processors", N_("tells clients who else has their data"), Daily(time(7, 0)), tell_subprocessors, apart=True),
    Job("requests", N_("warns before callers' requests are late"), Daily(time(8, 0)), warn_of_requests),
    Job(
        "staffing",
        N_("warns of a coming month with too few secretaries"),
        Daily(time(8, 30)),
        warn_of_staffing,
        apart=True,
    ),
    # at 18:15 of the clients' clocks (domain.reports.REPORTS), a run for each zone
    Job("reports", N_("reports missed calls to clients"), REPORTS, report_missed_calls, each_zone=True, apart=True),
    # at noon of the calendars' clocks, a run for each zone
    Job(
        "remind",
        N_("reminds callers of tomorrow's appointments"),
        Daily(time(12, 0)),
        remind_of_appointments,
        each_zone=True,
        apart=True,
    ),
    # all day long
    Job("changes", N_("puts confirmed changes in force on their day"), FIVE_MINUTES, put_in_force),
    Job("mail", N_("reads what clients write, and what came back"), MINUTE, read_mail, **MAIL),
    Job("periods", N_("begins the clients' new months of calls"), HOURLY, begin_periods),
    Job("clock", N_("notes the time: a clock that leaps deletes nothing"), HOURLY, note_clock),
    Job("space", N_("warns before a disk is full"), FIVE_MINUTES, watch_space, each_node=True),
    Job(
        "log", N_("begins a new file of Asterisk's log, keeps the newest"), FIVE_MINUTES, turn_log_over, each_node=True
    ),
    Job("deadlines", N_("warns of orders that are soon late"), FIVE_MINUTES, warn_of_deadlines),
)

# --- running them -----------------------------------------------------------------------------------------

# What was missed, and whose daemon died, is looked for so often, seconds; so is whether clients have new zones.
LOOK_EVERY = 600.0
# A daemon that starts again makes up a job within minutes: what is later than this was missed.
LATE = timedelta(hours=1)


def tasks(settings: Settings, zones: Iterable[str]) -> list[Task]:
    """Each job of this node by the clock, or clocks, that it follows; `zones` are those of the clients."""
    office = ZoneInfo(settings.office.timezone)
    clients = [ZoneInfo(zone) for zone in zones]
    here = settings.node.name
    wanted = [job for job in JOBS if job.wanted(settings)]
    return [Task(job, zone, here) for job in wanted for zone in (clients if job.each_zone else [office])]


def is_elsewhere(name: str, known: Iterable[Task]) -> bool:
    """Whether a job of that name is another node's to do."""
    each_node = {job.name for job in JOBS if job.each_node}
    return name.partition("@")[0] in each_node and all(task.name != name for task in known)


def find(known: list[Task], name: str) -> list[Task]:
    """The task of that name, or all of a job's. Raises ClientMistake if there is none."""
    found = [task for task in known if name in (task.name, task.job.name)]
    if not found:
        names = ", ".join(task.name for task in known)
        raise ClientMistake("there is no job {name}: there are {names}", name=repr(name[:60]), names=names)
    return found


class Schedule:
    """Runs the jobs of one home. `wrote` is called when one has ended: it may have written letters. `process` is the
    daemon's name in the table of nodes."""

    def __init__(
        self, home: Home, settings: Settings, engine: Engine, wrote: Callable[[], None], process: str = ""
    ) -> None:
        self._process = process
        self._place = JobHome(home, settings)
        self._engine = engine
        self._wrote = wrote
        self._tasks: dict[str, Task] = {}
        self._under_way: set[asyncio.Task[None]] = set()
        # One after the other, but those that are done in a moment do not wait for a backup.
        self._lanes: defaultdict[tuple[bool, str], asyncio.Lock] = defaultdict(asyncio.Lock)

    async def run(self) -> None:
        """Makes up what was missed, then runs each job when it is due; for ever."""
        scheduler = AsyncIOScheduler(timezone=UTC, job_defaults={"coalesce": True, "misfire_grace_time": None})
        scheduler.start()
        try:
            while True:
                for task, due_at in await asyncio.to_thread(self._look):
                    self._begin(self._work(task, due_at))
                self._arrange(scheduler)
                await asyncio.sleep(LOOK_EVERY)
        finally:
            scheduler.shutdown(wait=False)
            await self._break_off()

    def _look(self) -> list[tuple[Task, datetime]]:
        """The runs that nobody has done although they were due, claimed for this daemon."""
        now = clock.now()
        with writing(self._engine) as conn:
            found = tasks(self._place.settings, job_runs.zones(conn))
            self._tasks = {task.name: task for task in found}
            again, closed = job_runs.claim_abandoned(
                conn, now, lambda name: not is_elsewhere(name, found), self._process
            )
            for run in closed:
                alarms.tell_failure(conn, run, now, self._place.alarms)
            missed = [task for task in found if self._claim_if_missed(conn, task, now)]
            alarms.tell_missed(conn, _late(missed, now), now, self._place.alarms)
        repeated = [(self._tasks[run.job], run.due_at) for run in again if run.job in self._tasks]
        return [*repeated, *((task, task.last(now)) for task in missed)]

    def _claim_if_missed(self, conn: Connection, task: Task, now: datetime) -> bool:
        return job_runs.claim_if_missed(conn, task.name, task.last(now), now, self._process)

    def _arrange(self, scheduler: AsyncIOScheduler) -> None:
        """Has the scheduler fire each task when it is due, those of new zones too."""
        for job in scheduler.get_jobs():
            if job.id not in self._tasks:
                job.remove()
        there = {job.id for job in scheduler.get_jobs()}
        for name, task in self._tasks.items():
            if name not in there:
                scheduler.add_job(self._due, Trigger(task), [task], id=name)

    async def _due(self, task: Task) -> None:
        self._begin(self._claim_and_work(task))

    def _begin(self, work: Coroutine[Any, Any, None]) -> None:
        running = asyncio.create_task(work)
        self._under_way.add(running)
        running.add_done_callback(self._under_way.discard)

    async def _claim_and_work(self, task: Task) -> None:
        with _absorbed(task):
            due_at = await asyncio.to_thread(self._claim, task)
            if due_at:
                await self._work(task, due_at)

    def _claim(self, task: Task) -> datetime | None:
        now = clock.now()
        due_at = task.last(now)
        with writing(self._engine) as conn:
            return due_at if job_runs.claim(conn, task.name, due_at, now, self._process) else None

    async def _work(self, task: Task, due_at: datetime) -> None:
        """Does a run that is claimed; if that or its daemon is broken off, it is begun again after its lease."""
        with _absorbed(task):
            async with self._lanes[task.job.apart, task.job.lane]:
                outcome = await self._outcome(task, due_at)
            await asyncio.to_thread(jobs.note, task, self._place, self._engine, due_at, outcome)
            self._wrote()

    async def _outcome(self, task: Task, due_at: datetime) -> JobOutcome:
        if not task.job.apart:
            return await asyncio.to_thread(jobs.attempt, task, self._place, self._engine, due_at)
        process, wire = await asyncio.to_thread(jobs.begin_apart, task, self._place, due_at)
        try:
            return await asyncio.to_thread(jobs.outcome_of, process, wire)
        finally:
            process.kill()

    async def _break_off(self) -> None:
        for running in self._under_way:
            running.cancel()
        await asyncio.gather(*self._under_way, return_exceptions=True)


class Trigger(BaseTrigger):  # type: ignore[misc]  # APScheduler has no types
    """A task's rhythm for APScheduler, whose own trigger leaves a day out, or fires twice, when clocks change."""

    def __init__(self, task: Task) -> None:
        self._task = task

    def get_next_fire_time(self, previous_fire_time: datetime | None, now: datetime) -> datetime:
        """The first due time that has not fired; of several that have passed (the clock leapt), the latest."""
        last = self._task.last(now)
        return last if previous_fire_time and previous_fire_time < last else self._task.next(now)


def _late(missed: Iterable[Task], now: datetime) -> list[Trouble]:
    """Of the jobs that were missed, those that an admin must hear of: what runs all day long is soon due again."""
    return [Trouble(task.name, task.last(now)) for task in missed if task.by_wall_clock and now - task.last(now) > LATE]


@contextmanager
def _absorbed(task: Task) -> Iterator[None]:
    """A database that is away, or an error of ours, ends this run and nothing else."""
    try:
        yield
    except PbxError as error:
        log.warning("job.waits", job=task.name, why=str(error))
    except Exception:
        log.exception("job.broken", job=task.name)
