"""Upkeep of the database: looked over, its statistics renewed, its log emptied, old counts forgotten."""

import sqlite3
from contextlib import closing
from datetime import datetime, timedelta

from sqlalchemy import Engine

from pbx_control.domain import webhooks
from pbx_control.domain.audit import Actor, Verb
from pbx_control.domain.words.sentences import Sentence
from pbx_control.errors import Code, StoreUnavailable
from pbx_control.services import tokens
from pbx_control.services.work import booking
from pbx_control.store import attendance, audit, job_runs, letters, mail_in, refusals
from pbx_control.store import webhooks as kept_webhooks
from pbx_control.store.causes import cause
from pbx_control.store.engine import writing

# Counts of what the switch refused, and runs of jobs, are kept so long: they serve to find a fault, and nobody is
# charged by them.
KEPT = timedelta(days=90)
# The audit trail explains invoices, which the tax authority may ask for during six years (docs/decisions/audit.md).
AUDIT_KEPT = timedelta(days=6 * 366)
# Last year's holidays show what this year's will need.
ATTENDANCE_KEPT = timedelta(days=400)
# How long emptying the log may wait for readers, and with it a call's next step for the database, seconds.
PATIENCE = 0.2
# Rows that SQLite looks at for each index: enough for its choices, and done in a moment.
SAMPLE = 1000


def tend(engine: Engine, actor: Actor, at: datetime) -> Sentence:
    """Does all of it while the service runs, and tells what was done.

    Raises StoreUnavailable if the database is damaged or away.
    """
    with writing(engine) as conn:
        refused = refusals.forget(conn, at - KEPT)
        runs = job_runs.forget(conn, at - KEPT)
        mail_in.forget(conn, at - KEPT)
        attendance.forget(conn, at - ATTENDANCE_KEPT)
        letters.forget_for_programs(conn, at - webhooks.KEPT)
        kept_webhooks.forget_former_secrets(conn, at - webhooks.BOTH_SIGN_FOR)
    with booking(engine, actor, at) as work:
        entries = audit.forget(work.conn, at - AUDIT_KEPT)
        if entries:
            work.note(Verb.ENTRIES_FORGOTTEN, "", new={"entries": entries})
        tokens.remove_webhooks_of_ended(work)
    tended = _tend_postgresql(engine) if engine.dialect.name == "postgresql" else _tend_sqlite(engine)
    return Sentence(
        "{tended}; forgotten: counts of refusals: {refused}, runs of jobs: {runs}",
        tended=tended,
        refused=refused,
        runs=runs,
    )


def _tend_postgresql(engine: Engine) -> Sentence:
    # Vacuuming is autovacuum's; it is statistics after a night's deletions that it may come late with.
    with writing(engine) as conn:
        conn.exec_driver_sql("ANALYZE")
    return Sentence("statistics renewed")


def _tend_sqlite(engine: Engine) -> Sentence:
    # A connection of its own: none of this may stand in a transaction, and its patience is shorter than ours.
    with closing(sqlite3.connect(engine.url.database or "", timeout=PATIENCE, isolation_level=None)) as raw:
        try:
            _look_over(raw)
            raw.execute(f"PRAGMA analysis_limit = {SAMPLE}")
            raw.execute("PRAGMA optimize")
            emptied = _empty_log(raw)
        except sqlite3.DatabaseError as error:
            raise StoreUnavailable(
                "the database cannot be used: {why}; see that it runs and that its disk has room", why=cause(error)
            ) from error
    if emptied:
        return Sentence("sound, statistics renewed, log emptied")
    return Sentence("sound, statistics renewed, log in use, copied only")


def _look_over(raw: sqlite3.Connection) -> None:
    # Reading alone, beside the writers.
    found = [str(row[0]) for row in raw.execute("PRAGMA quick_check(5)")]
    if found != ["ok"]:
        raise StoreUnavailable(
            "the database is damaged ({why}): stop the daemon and restore a backup",
            Code.DATABASE_DAMAGED,
            why="; ".join(found),
        )


def _empty_log(raw: sqlite3.Connection) -> bool:
    """Whether the write-ahead log is empty now; it is not while somebody reads from it."""
    # Most is copied without holding up anybody: what then needs the writer's lock is short.
    raw.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchone()
    busy, _, _ = raw.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
    return not busy
