"""Runs of calendar jobs in the store: each due time is claimed by one daemon, once (docs/decisions/schedule.md)."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

from sqlalchemy import Connection, Row, and_, func, or_, select, union, update

from pbx_control.catalogue import N_
from pbx_control.domain.words.sentences import Sentence, kept, read_kept
from pbx_control.store import nodes
from pbx_control.store.engine import insert_into
from pbx_control.store.tables import calendar, client, job_run

# A run that has not ended after this long belongs to a daemon that died: the longest job takes minutes.
LEASE = timedelta(hours=2)
# So does one of a daemon that has been silent for this long. One that hangs, on a machine that does, is back sooner.
SILENT = timedelta(minutes=5)
# The first row of every job: what was due before there was a daemon is not made up.
FIRST_SEEN = N_("nothing to make up")
# What an open run's result says while it is run for the second and last time.
BEGUN_AGAIN = N_("begun again")
MOST_TRIES = 2
# Characters of each text in a result that are worth keeping.
RESULT_LIMIT = 500
SUPERSEDED = N_("not finished; a later run has done its work")
GIVEN_UP = N_("not finished, twice: the daemon died both times")


class Ending(StrEnum):
    """How a run ended; the names are those of `job_run.ending`."""

    DONE = "done"
    FAILED = "failed"
    SUPERSEDED = "superseded"  # a later run has done its work
    GIVEN_UP = "given-up"
    FIRST_SEEN = "first-seen"  # of a job that was new then: nothing was run


UNFINISHED = {Ending.SUPERSEDED: SUPERSEDED, Ending.GIVEN_UP: GIVEN_UP}


class Failure(Sentence):
    """What came of work that came to nothing, and why."""

    def __init__(self, why: Sentence) -> None:
        super().__init__(N_("failed: {why}"), why=why)


@dataclass(frozen=True, slots=True)
class Run:
    """One run of a job: claimed at `began_at`, under way until it has `ended_at` and an `ending`; `kept` is what came
    of it, as the store has it (domain.sentences)."""

    job: str
    due_at: datetime
    began_at: datetime
    ended_at: datetime | None
    kept: str
    ending: Ending | None = None
    tries: int = 1
    process: str = ""  # of the daemon that does it; "": somebody at a terminal

    @property
    def sentence(self) -> Sentence:
        """What came of it."""
        return read_kept(self.kept)

    @property
    def result(self) -> str:
        """What came of it, in English."""
        return str(self.sentence)

    @property
    def failed(self) -> bool:
        """Whether it has ended without doing its work."""
        return self.ending in (Ending.FAILED, Ending.GIVEN_UP)


def ended(job: str, due_at: datetime, now: datetime, result: Sentence) -> Run:
    """A run that has come to its end now."""
    ending = Ending.FAILED if isinstance(result, Failure) else Ending.DONE
    return Run(job, due_at, now, now, kept(result, RESULT_LIMIT), ending)


def claim(conn: Connection, job: str, due_at: datetime, now: datetime, process: str = "") -> bool:
    """Takes the run of that due time for the daemon that is that process; False if anybody took it before, whenever
    that was and however it went."""
    return _insert(conn, Run(job, due_at, now, None, "", process=process))


def claim_if_missed(conn: Connection, job: str, due_at: datetime, now: datetime, process: str = "") -> bool:
    """Like `claim`, for the latest due time of a job that should have run by now; False if nothing was missed.

    A job that the store has never seen has missed nothing: it is written down as seen. Due times that lie ahead of
    `now` come from a clock that was wrong once, and mean nothing.
    """
    seen = conn.scalar(select(func.max(job_run.c.due_at)).where(job_run.c.job == job, job_run.c.due_at <= now))
    if seen is None:
        _insert(conn, Run(job, due_at, now, now, FIRST_SEEN, Ending.FIRST_SEEN))
        return False
    return seen < due_at and claim(conn, job, due_at, now, process)


def claim_abandoned(
    conn: Connection, now: datetime, is_ours: Callable[[str], bool] = lambda _: True, process: str = ""
) -> tuple[list[Run], list[Run]]:
    """Takes the runs whose daemon died, each for one more time, and closes those that nobody shall repeat: gives both,
    in that order. A daemon has died if it is silent (SILENT), if its node has another one, or after the LEASE.

    Jobs that are not `is_ours` (by name) are left to their own nodes.
    Not repeated: what has been begun twice, and what a later run of the same job has done meanwhile.
    """
    alive = [process, *nodes.living(conn, SILENT)]
    dead = and_(job_run.c.process != "", job_run.c.process.not_in(alive))
    open_too_long = select(job_run).where(job_run.c.ended_at.is_(None), or_(dead, job_run.c.began_at <= now - LEASE))
    taken, closed = [], []
    for run in [_run(row) for row in conn.execute(open_too_long) if is_ours(row.job)]:
        if (ending := _not_again(conn, run)) is not None:
            over = replace(run, ended_at=now, ending=ending, kept=UNFINISHED[ending])
            if _retake(conn, run, over):
                closed.append(over)
        else:
            again = replace(run, began_at=now, tries=run.tries + 1, kept=BEGUN_AGAIN, process=process)
            if _retake(conn, run, again):
                taken.append(again)
    return taken, closed


def finish(conn: Connection, job: str, due_at: datetime, now: datetime, result: Sentence) -> None:
    """Notes that a claimed run has ended, with what came of it."""
    over = ended(job, due_at, now, result)
    its_row = update(job_run).where(job_run.c.job == job, job_run.c.due_at == due_at)
    conn.execute(its_row.values(ended_at=now, ending=over.ending, result=over.kept))


def ended_before(conn: Connection, job: str, due_at: datetime) -> Run | None:
    """The latest run of the job that has ended and was due before that instant; None if there is none."""
    earlier = job_run.c.job == job, job_run.c.due_at < due_at, job_run.c.ended_at.is_not(None)
    row = conn.execute(select(job_run).where(*earlier).order_by(job_run.c.due_at.desc()).limit(1)).first()
    return _run(row) if row else None


def latest(conn: Connection) -> dict[str, Run]:
    """The latest run of each job, by its name."""
    newest = select(job_run.c.job, func.max(job_run.c.due_at).label("due_at")).group_by(job_run.c.job).subquery()
    same = (job_run.c.job == newest.c.job) & (job_run.c.due_at == newest.c.due_at)
    return {row.job: _run(row) for row in conn.execute(select(job_run).join(newest, same))}


def last_done(conn: Connection) -> dict[str, datetime]:
    """When each job last ended as it should, by its name; those that never did are left out."""
    done = select(job_run.c.job, func.max(job_run.c.ended_at).label("at")).where(job_run.c.ending == Ending.DONE.value)
    return {row.job: row.at for row in conn.execute(done.group_by(job_run.c.job))}


def forget(conn: Connection, before: datetime) -> int:
    """Removes runs that were due before that instant, but never a job's latest; gives how many."""
    newest = select(func.max(job_run.c.due_at)).group_by(job_run.c.job)
    gone = conn.execute(job_run.delete().where(job_run.c.due_at < before, job_run.c.due_at.not_in(newest)))
    return int(gone.rowcount)


def zones(conn: Connection) -> list[str]:
    """The time zones of clients that have not cancelled, and of their calendars, sorted."""
    live = client.c.state != "cancelled"
    theirs = select(client.c.timezone).where(live)
    of_calendars = select(calendar.c.zone).join(client).where(live, calendar.c.removed_at.is_(None))
    return sorted(conn.scalars(union(theirs, of_calendars)))


def _insert(conn: Connection, run: Run) -> bool:
    row = insert_into(conn.dialect.name, job_run).values(job=run.job, due_at=run.due_at, **_progress(run))
    # Asked for the row itself: drivers do not agree on how many rows such a statement has touched.
    kept = row.on_conflict_do_nothing(index_elements=["job", "due_at"]).returning(job_run.c.job)
    return conn.execute(kept).one_or_none() is not None


def _not_again(conn: Connection, run: Run) -> Ending | None:
    later = select(job_run.c.job).where(job_run.c.job == run.job, job_run.c.due_at > run.due_at).limit(1)
    if conn.scalar(later) is not None:
        return Ending.SUPERSEDED
    return Ending.GIVEN_UP if run.tries >= MOST_TRIES else None


def _retake(conn: Connection, run: Run, after: Run) -> bool:
    """Changes a run that nobody has touched since it was read: of two daemons that try, one does."""
    same = (job_run.c.job == run.job, job_run.c.due_at == run.due_at, job_run.c.began_at == run.began_at)
    changing = update(job_run).where(*same, job_run.c.ended_at.is_(None)).values(_progress(after))
    return bool(conn.execute(changing).rowcount)


def _progress(run: Run) -> dict[str, datetime | str | int | None]:
    return {
        "began_at": run.began_at,
        "ended_at": run.ended_at,
        "tries": run.tries,
        "ending": run.ending,
        "result": run.kept,
        "process": run.process,
    }


def _run(row: Row[Any]) -> Run:
    ending = Ending(row.ending) if row.ending else None
    return Run(row.job, row.due_at, row.began_at, row.ended_at, row.result, ending, row.tries, row.process)
