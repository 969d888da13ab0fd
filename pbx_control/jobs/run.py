"""How one calendar job is run: what it is given, what is kept of it, and where: in a thread or in a process."""

import os
import traceback
from collections.abc import Callable
from concurrent.futures import Executor, ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime
from multiprocessing import get_context
from multiprocessing.connection import Connection as Wire
from multiprocessing.context import SpawnProcess
from zoneinfo import ZoneInfo

import structlog
from sqlalchemy import Engine

from pbx_control import clock
from pbx_control.domain.audit import Actor, ActorKind
from pbx_control.domain.due import Daily, Rhythm
from pbx_control.domain.notices.notes import AlarmDesk
from pbx_control.domain.words.sentences import Sentence, sentence_of
from pbx_control.errors import PbxError
from pbx_control.jobs import alarms
from pbx_control.offspring import end_with_parent
from pbx_control.settings import MAIN_NODE, Home, Settings
from pbx_control.store import job_runs
from pbx_control.store.engine import open_engine, writing
from pbx_control.store.job_runs import Failure

log = structlog.get_logger()

# Calls come first: a process of a job's own gets what CPU they leave.
NICENESS = 10
SPAWN = get_context("spawn")


@dataclass(frozen=True, slots=True)
class Context:
    """What a job is given. `due_at` is the time that this run stands for, `at` the present; both aware, UTC."""

    home: Home
    settings: Settings
    engine: Engine
    due_at: datetime
    at: datetime
    zone: ZoneInfo  # the office's, or (Job.each_zone) the one whose clients this run is for
    actor: Actor  # whose deed it is: the job's, or that of the admin who runs it by hand
    urgent: Executor | None = None  # apart: does what others wait for, and does not itself give way to them

    @property
    def alarms(self) -> AlarmDesk:
        """Where the admin is told what needs a person."""
        return alarm_desk(self.settings)


def alarm_desk(settings: Settings) -> AlarmDesk:
    """Where the settings have alarms go."""
    office = settings.office
    return AlarmDesk(office.alarms_to, office.language, office.name, office.timezone)


Work = Callable[[Context], Sentence]
"""Does a job and tells in a sentence what came of it; it may be called again for the same due time."""


def _always(_settings: Settings) -> bool:
    return True


@dataclass(frozen=True, slots=True)
class Job:
    """A calendar job: what it does in words, when, and the function that does it."""

    name: str
    what: str
    rhythm: Rhythm
    work: Work
    each_node: bool = False  # by every daemon on the database for itself: it is about its own disk
    each_zone: bool = False  # by the clocks of the clients, once for each zone, and not by the office's
    apart: bool = False  # in a process of its own: it computes for seconds, and calls share the daemon's interpreter
    lane: str = ""  # jobs wait for others of their lane: one that waits for a server has its own
    wanted: Callable[[Settings], bool] = _always  # whether the settings ask for it at all


@dataclass(frozen=True, slots=True)
class Task:
    """A job by one zone's clock: what is due, claimed and listed under a name of its own."""

    job: Job
    zone: ZoneInfo
    node: str = MAIN_NODE  # whose it is (Job.each_node)

    @property
    def name(self) -> str:
        """The job's name, with the zone or node where there is a run for each; at most 40 characters."""
        if self.job.each_node and self.node != MAIN_NODE:
            return f"{self.job.name}@{self.node}"
        return f"{self.job.name}:{self.zone.key}" if self.job.each_zone else self.job.name

    @property
    def when(self) -> str:
        """ "03:30 America/Santiago", "60 min"."""
        return f"{self.job.rhythm} {self.zone.key}" if self.by_wall_clock else str(self.job.rhythm)

    @property
    def actor(self) -> Actor:
        """Who changed what this job changes."""
        return Actor(ActorKind.JOB, self.name)

    @property
    def by_wall_clock(self) -> bool:
        """Whether it runs at a time of the day, not again and again."""
        return isinstance(self.job.rhythm, Daily)

    def last(self, now: datetime) -> datetime:
        """The latest due time that is not after `now`."""
        return self.job.rhythm.last(now, self.zone)

    def next(self, now: datetime) -> datetime:
        """The first due time after `now`."""
        return self.job.rhythm.next(now, self.zone)


@dataclass(frozen=True, slots=True)
class JobHome:
    """Whose jobs they are; travels to other processes, which open the database anew."""

    home: Home
    settings: Settings

    @property
    def alarms(self) -> AlarmDesk:
        """Where the admin is told what needs a person."""
        return alarm_desk(self.settings)


@dataclass(frozen=True, slots=True)
class JobOutcome:
    """What came of a run, and the trace of an error that nobody expected."""

    sentence: Sentence
    trace: str = ""

    @property
    def result(self) -> str:
        """What came of it, in English."""
        return str(self.sentence)

    @property
    def failed(self) -> bool:
        return isinstance(self.sentence, Failure)


def attempt(
    task: Task,
    place: JobHome,
    engine: Engine,
    due_at: datetime,
    urgent: Executor | None = None,
    by: Actor | None = None,
) -> JobOutcome:
    """Does a job's work here and now. Whatever goes wrong is an outcome: one job's error is no other's. `by`: whoever
    has asked for it; None: the calendar."""
    context = Context(place.home, place.settings, engine, due_at, clock.now(), task.zone, by or task.actor, urgent)
    try:
        return JobOutcome(task.job.work(context))
    except PbxError as error:
        return JobOutcome(Failure(sentence_of(error)))
    except Exception as error:
        why = Sentence("{fault}: {why}", fault=type(error).__name__, why=str(error))
        return JobOutcome(Failure(why), traceback.format_exc())


def note(task: Task, place: JobHome, engine: Engine, due_at: datetime, outcome: JobOutcome) -> None:
    """Keeps and logs what came of a run, and tells the admin if the job begins to fail. Raises StoreUnavailable if it
    cannot be kept: the run then counts as open."""
    if outcome.failed:
        log.error("job.failed", job=task.name, due=due_at.isoformat(), why=outcome.result, trace=outcome.trace or None)
    else:
        log.info("job.done", job=task.name, due=due_at.isoformat(), result=outcome.result)
    with writing(engine) as conn:
        alarms.finish(conn, task.name, due_at, clock.now(), outcome.sentence, place.alarms)


def run_by_hand(task: Task, place: JobHome, engine: Engine, by: Actor) -> JobOutcome:
    """Runs a job at once, here; it stands in the list like any other run, due at this very instant."""
    due_at = clock.now()
    with writing(engine) as conn:
        job_runs.claim(conn, task.name, due_at, due_at)
    outcome = JobOutcome(Failure(Sentence("broken off")))
    try:
        outcome = attempt(task, place, engine, due_at, by=by)
    finally:  # Ctrl-C, too: nobody shall repeat what its admin has broken off
        with writing(engine) as conn:
            alarms.finish(conn, task.name, due_at, clock.now(), outcome.sentence, place.alarms)
    return outcome


def begin_apart(task: Task, place: JobHome, due_at: datetime) -> tuple[SpawnProcess, Wire]:
    """Starts a job's work in a process of its own, and gives that and the wire for `outcome_of`."""
    receiver, sender = SPAWN.Pipe(duplex=False)
    process = SPAWN.Process(target=_work_apart, args=(task, place, due_at, sender), daemon=True)
    process.start()
    sender.close()
    return process, receiver


def outcome_of(process: SpawnProcess, wire: Wire) -> JobOutcome:
    """Waits for the end of such a process; one that is killed has failed."""
    with wire:
        try:
            outcome: JobOutcome = wire.recv()
        except EOFError:
            process.join()
            outcome = JobOutcome(Failure(Sentence("its process ended with status {status}", status=process.exitcode)))
    process.join()
    return outcome


def _work_apart(task: Task, place: JobHome, due_at: datetime, wire: Wire) -> None:
    end_with_parent()
    engine = open_engine(place.home, place.settings)
    try:
        with ThreadPoolExecutor(1, "urgent") as urgent:
            urgent.submit(os.getpid).result()  # its thread is there: on Linux each has a niceness of its own
            os.nice(NICENESS)
            wire.send(attempt(task, place, engine, due_at, urgent))
    finally:
        engine.dispose()
        wire.close()
