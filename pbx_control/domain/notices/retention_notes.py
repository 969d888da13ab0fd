"""Letters to the admin about what is kept and deleted: a clock in doubt, files and rows that do not agree."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from pbx_control.catalogue import InLanguages
from pbx_control.domain.keeping.retention import Trust
from pbx_control.domain.notices.messages import Letter
from pbx_control.domain.notices.notes import CAUTION, AlarmDesk, named, warning
from pbx_control.domain.words.wording import clean_line

# Characters of a path that are shown.
PATH_LIMIT = 120


@dataclass(frozen=True, slots=True)
class Differences:
    """What a reconciliation found: how many of each kind, and some of them by path or call."""

    counts: Mapping[str, int]
    examples: tuple[str, ...]
    at: datetime  # aware
    node: str = ""  # on whose disk, where there are others; "" of the first one


def compose_clock_alarm(trust: Trust, seen_at: datetime, now: datetime, desk: AlarmDesk) -> Letter:
    """The letter that tells why nothing is deleted, and how that is ended; one a UTC day has the same `message_id`."""
    return warning(
        desk,
        now,
        named("clock", now.date().isoformat()),
        CLOCK[desk.language],
        (trust.value, "kept", "confirm"),
        accent=CAUTION,
        command="pbx-control recording purge --clock-is-right",
        now=desk.time(now),
        seen=desk.time(seen_at),
    )


def compose_differences(found: Differences, desk: AlarmDesk) -> Letter:
    """The letter that tells of files without rows and rows without files; one a UTC day and node has the same
    `message_id`."""
    words = DIFFERENCES[desk.language]
    counted = {kind: words[kind].format(count=count) for kind, count in found.counts.items() if count}
    where = f".{found.node}" if found.node else ""
    return warning(
        desk,
        found.at,
        named(f"reconcile{where}", found.at.date().isoformat()),
        words | counted,
        [*(["node"] if found.node else []), *counted],
        further=(clean_line(example, PATH_LIMIT) for example in found.examples),
        accent=CAUTION,
        command="pbx-control recording reconcile",
        node=found.node,
    )


CLOCK = InLanguages(
    {
        "subject": "No recordings are deleted: the clock is in doubt",
        "headline": "The server's clock is in doubt",
        "went_back": "The clock shows {now}, but it has shown {seen} before: it went back.",
        "leapt_ahead": "The clock shows {now}, and when it was last looked at it showed {seen}: more than a day less.",
        "kept": "Until that is settled no recording is deleted, not even those whose time is over.",
        "confirm": "If the server was switched off, or the clock is right by now, confirm it once:",
        "footer": "Sent automatically by pbx-control, at most once a day.",
    }
)

DIFFERENCES = InLanguages(
    {
        "subject": "Recordings: files and records do not agree",
        "headline": "Files and records do not agree",
        "node": "On the node {node}:",
        "without_row": "Files that belong to no known call: {count}. They are not deleted by themselves.",
        "without_file": "Calls whose file is not there: {count}.",
        "odd": "Links and other things that are no ordinary files: {count}. They are left alone.",
        "unended": "Calls with a recording of which nobody told the end: {count}. Their files are kept.",
        "empty": "Files of calls to which nothing could be written: {count}. A disk was full.",
        "cut": "Calls of the last day whose recording or message is missing or too short: {count}.",
        "footer": "Sent automatically by pbx-control, at most once a day.",
    }
)
