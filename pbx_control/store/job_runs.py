"""Runs of calendar jobs in the store: each due time is claimed by one daemon, once (docs/decisions/schedule.md)."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, Row, func, select, update

from pbx_control.domain.words.sentences import Sentence, kept, read_kept
from pbx_control.store.engine import insert_into
from pbx_control.store.tables import client, job_run

# A run that has not ended after this long belongs to a daemon that died: the longest job takes minutes.
LEASE = timedelta(hours=2)
# The first row of every job: what was due before there was a daemon is not made up.
FIRST_SEEN = "nothing to make up"
# What an open run's result says while it is run for the second and last time.
BEGUN_AGAIN = "begun again"
# What came of work that came to nothing; its beginning tells older results, which were kept in English.
FAILED = "failed: {why}"
FAILED_BEFORE = "failed: "
# Characters of each text in a result that are worth keeping.
RESULT_LIMIT = 500
SUPERSEDED = "not finished; a later run has done its work"
GIVEN_UP = "not finished, twice: the daemon died both times"


@dataclass(frozen=True, slots=True)
class Run:
    """One run of a job: claimed at `began_at`, under way until it has `ended_at`; `kept` is what came of it, as the
    store has it (domain.sentences)."""

    job: str
    due_at: datetime
    began_at: datetime
    ended_at: datetime | None
    kept: str

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
        return self.ended_at is not None and is_failure(self.sentence)


def failure(why: Sentence) -> Sentence:
    """What came of work that came to nothing."""
    return Sentence(FAILED, why=why)


def is_failure(result: Sentence) -> bool:
    """Whether the work came to nothing."""
    return result.template in (FAILED, GIVEN_UP) or result.template.startswith(FAILED_BEFORE)


def claim(conn: Connection, job: str, due_at: datetime, now: datetime) -> bool:
    """Takes the run of that due time; False if anybody took it before, whenever that was and however it went."""
    return _insert(conn, Run(job, due_at, now, None, ""))


def claim_if_missed(conn: Connection, job: str, due_at: datetime, now: datetime) -> bool:
    """Like `claim`, for the latest due time of a job that should have run by now; False if nothing was missed.

    A job that the store has never seen has missed nothing: it is written down as seen. Due times that lie ahead of
    `now` come from a clock that was wrong once, and mean nothing.
    """
    seen = conn.scalar(select(func.max(job_run.c.due_at)).where(job_run.c.job == job, job_run.c.due_at <= now))
    if seen is None:
        _insert(conn, Run(job, due_at, now, now, FIRST_SEEN))
        return False
    return seen < due_at and claim(conn, job, due_at, now)


def claim_abandoned(
    conn: Connection, now: datetime, is_ours: Callable[[str], bool] = lambda _: True
) -> tuple[list[Run], list[Run]]:
    """Takes the runs whose daemon died (LEASE), each for one more time, and closes those that nobody shall repeat:
    gives both, in that order.

    Jobs that are not `is_ours` (by name) are left to their own nodes.
    Not repeated: what has been begun twice, and what a later run of the same job has done meanwhile.
    """
    open_too_long = select(job_run).where(job_run.c.ended_at.is_(None), job_run.c.began_at <= now - LEASE)
    taken, closed = [], []
    for run in [_run(row) for row in conn.execute(open_too_long) if is_ours(row.job)]:
        if (reason := _not_again(conn, run)) is not None:
            if _retake(conn, run, ended_at=now, result=reason):
                closed.append(Run(run.job, run.due_at, run.began_at, now, reason))
        elif _retake(conn, run, began_at=now, result=BEGUN_AGAIN):
            taken.append(Run(run.job, run.due_at, now, None, BEGUN_AGAIN))
    return taken, closed


def finish(conn: Connection, job: str, due_at: datetime, now: datetime, result: Sentence) -> None:
    """Notes that a claimed run has ended, with what came of it."""
    ended = update(job_run).where(job_run.c.job == job, job_run.c.due_at == due_at)
    conn.execute(ended.values(ended_at=now, result=kept(result, RESULT_LIMIT)))


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


def forget(conn: Connection, before: datetime) -> int:
    """Removes runs that were due before that instant, but never a job's latest; gives how many."""
    newest = select(func.max(job_run.c.due_at)).group_by(job_run.c.job)
    gone = conn.execute(job_run.delete().where(job_run.c.due_at < before, job_run.c.due_at.not_in(newest)))
    return int(gone.rowcount)


def zones(conn: Connection) -> list[str]:
    """The time zones of clients that have not cancelled, sorted."""
    query = select(client.c.timezone).where(client.c.state != "cancelled").distinct().order_by(client.c.timezone)
    return list(conn.scalars(query))


def _insert(conn: Connection, run: Run) -> bool:
    row = insert_into(conn.dialect.name, job_run).values(
        job=run.job, due_at=run.due_at, began_at=run.began_at, ended_at=run.ended_at, result=run.kept
    )
    # Asked for the row itself: drivers do not agree on how many rows such a statement has touched.
    kept = row.on_conflict_do_nothing(index_elements=["job", "due_at"]).returning(job_run.c.job)
    return conn.execute(kept).one_or_none() is not None


def _not_again(conn: Connection, run: Run) -> str | None:
    later = select(job_run.c.job).where(job_run.c.job == run.job, job_run.c.due_at > run.due_at).limit(1)
    if conn.scalar(later) is not None:
        return SUPERSEDED
    return GIVEN_UP if run.kept == BEGUN_AGAIN else None


def _retake(conn: Connection, run: Run, **values: object) -> bool:
    """Changes a run that nobody has touched since it was read: of two daemons that try, one does."""
    same = (job_run.c.job == run.job, job_run.c.due_at == run.due_at, job_run.c.began_at == run.began_at)
    return bool(conn.execute(update(job_run).where(*same, job_run.c.ended_at.is_(None)).values(**values)).rowcount)


def _run(row: Row[Any]) -> Run:
    return Run(row.job, row.due_at, row.began_at, row.ended_at, row.result)
