"""Letters to the admin about calendar jobs that failed or did not run: which ones, why, and what to do."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from pbx_control.catalogue import InLanguages
from pbx_control.domain.notices.messages import Fact, Letter
from pbx_control.domain.notices.notes import AlarmDesk, named, warning
from pbx_control.domain.words.sentences import Sentence
from pbx_control.domain.words.wording import clean_line

# Characters of a job's result that a letter shows.
RESULT_LIMIT = 300


@dataclass(frozen=True, slots=True)
class Trouble:
    """A job that came to nothing: its name (`reports:America/Santiago`), when it was due, and why; no reason if it
    did not run."""

    job: str
    due_at: datetime  # aware
    why: Sentence | None = None

    @property
    def kind(self) -> str:
        """The job's name without the zone."""
        return self.job.partition(":")[0]


def compose_failure(failed: Trouble, at: datetime, desk: AlarmDesk) -> Letter:
    """The letter about a job that failed; one for each job and UTC day has the same `message_id`."""
    words = FAILED[desk.language]
    why = failed.why.said(desk.language) if failed.why else ""
    return warning(
        desk,
        at,
        named("job", failed.job, at.date().isoformat()),
        words,
        ("result", *([failed.kind] if failed.kind in words else []), "again"),
        command=f"pbx-control job run {failed.job}",
        job=failed.job,
        due=desk.time(failed.due_at),
        result=clean_line(why, RESULT_LIMIT),
    )


def compose_missed(missed: Sequence[Trouble], at: datetime, desk: AlarmDesk) -> Letter:
    """The letter about jobs that ran late, as no daemon was there; one UTC day's have the same `message_id`."""
    return warning(
        desk,
        at,
        named("missed", at.date().isoformat()),
        MISSED[desk.language],
        ("why", "now"),
        last=["look"],
        facts=tuple(Fact(one.job, desk.time(one.due_at)) for one in missed),
        command="pbx-control job list",
        count=len(missed),
    )


FAILED = InLanguages(
    {
        "subject": "The job {job} failed",
        "headline": "A calendar job failed",
        "result": "The job {job}, due at {due}, ended like this: {result}",
        "again": "Once the cause is mended, repeat it:",
        "footer": "Sent automatically by pbx-control, once each time that a job begins to fail.",
        "backup": "Until it succeeds there is no new backup: if the disk breaks, all that came later is lost.",
        "purge": "Until it succeeds no recordings are deleted, although their time is over.",
        "reconciliation": "Until it succeeds nobody compares recordings with their records.",
        "erasure": "Until it succeeds the data of clients that left 90 days ago are not erased.",
        "upkeep": "The database or the clients' accounts need somebody to look at them.",
        "sounds": "Until it succeeds sounds that nobody uses stay on the disk; calls are not affected.",
        "invoices": "Until it succeeds there are documents that are neither issued nor sent.",
        "reports": "Until it succeeds there are clients that do not get their report of missed calls.",
        "remind": "Until it succeeds callers are not reminded of tomorrow's appointments.",
        "processors": "Until it succeeds clients are not told of a change in who else processes their data.",
        "mail": "Until it succeeds nobody reads what clients write to the office's mailbox; it stays there.",
        "changes": "Until it succeeds greetings and protocols that were confirmed for a day are not in force.",
        "periods": "Until it succeeds the clients' new months do not begin.",
        "clock": "Until it succeeds no recording is deleted: nobody knows whether the clock is right.",
        "space": "Less than 1 GB is left on a disk: once it is full, recordings, messages or backups are lost.",
        "log": "Until it succeeds Asterisk's own log grows.",
        "deadlines": "Until it succeeds nobody warns of orders that are soon late.",
        "requests": "Until it succeeds nobody warns of callers' requests whose limit is near.",
        "staffing": "Until it succeeds nobody warns of a coming month in which too few secretaries are there.",
    }
)

MISSED = InLanguages(
    {
        "subject": "Jobs that did not run in time: {count}",
        "headline": "Jobs that did not run in time",
        "why": "No daemon of pbx-control ran when these jobs were due.",
        "now": "Of each the latest time that was missed is made up now.",
        "look": "What came of it:",
        "footer": "Sent automatically by pbx-control, at most one a day.",
    }
)
