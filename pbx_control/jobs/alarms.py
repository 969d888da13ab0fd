"""How runs of jobs end, and what the admin is told of those that came to nothing (docs/decisions/schedule.md)."""

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import Connection

from pbx_control.domain.notices.job_notes import Trouble, compose_failure, compose_missed
from pbx_control.domain.notices.notes import AlarmDesk
from pbx_control.domain.words.sentences import Sentence
from pbx_control.store import job_runs, letters
from pbx_control.store.job_runs import Run


def finish(conn: Connection, job: str, due_at: datetime, now: datetime, result: Sentence, desk: AlarmDesk) -> None:
    """Notes that a run has ended; the first of several that fail one after the other is told by letter."""
    job_runs.finish(conn, job, due_at, now, result)
    tell_failure(conn, job_runs.ended(job, due_at, now, result), now, desk)


def tell_failure(conn: Connection, run: Run, now: datetime, desk: AlarmDesk) -> None:
    """Writes to the admin if the run failed and the one before it did not."""
    if not (desk.address and run.failed):
        return
    before = job_runs.ended_before(conn, run.job, run.due_at)
    if before is None or not before.failed:
        why = run.sentence.values.get("why", run.sentence)
        letters.add(conn, [compose_failure(Trouble(run.job, run.due_at, why), now, desk)])


def tell_missed(conn: Connection, missed: Sequence[Trouble], now: datetime, desk: AlarmDesk) -> None:
    """Writes to the admin of the jobs that did not run in time, if there are any."""
    if desk.address and missed:
        letters.add(conn, [compose_missed(missed, now, desk)])
