"""What is deleted and when: recordings, left messages and all that was made of them (docs/service.md rule 13).

Everything here is pure. A file is judged by the calls it may belong to: it goes only if every one of them lets it go,
so that a doubt keeps it. docs/decisions/retention.md gives the reasons.
"""

import re
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from zoneinfo import ZoneInfo

# What replaces a caller's number and name where they are erased.
ERASED = "erased"
# However little a plan says: the letters that carry a left message are on their way at first.
SHORTEST_KEEP = timedelta(days=1)
# A clock that stands further ahead of what it last showed is not believed.
LONGEST_LEAP = timedelta(days=1)
# Two who look at the clock at once may note it the wrong way round, and NTP corrects it by moments: neither is going
# back. Files are then judged by the earlier instant, so none goes early by that.
JITTER = timedelta(minutes=1)
# The longest id of a call (store/tables.py).
ID_LIMIT = 64
# Where the software puts files: recordings/2026/08/03/NAME, by UTC days.
DAY_FOLDER = re.compile(r"\d{4}/\d\d/\d\d", re.ASCII)
FOREVER = datetime.max.replace(tzinfo=UTC)


class What(StrEnum):
    """What a receipt is about; the names are those of the table `receipt`."""

    RECORDING = "recording"
    MESSAGE = "message"  # that a caller left
    DERIVED = "derived"  # lies beside them under the call's name, and no row speaks of it
    STRAY = "stray"  # belongs to no call that is known
    CALLER_DATA = "caller_data"  # number and name, erased at the caller's wish
    CLIENT_DATA = "client_data"  # of a client that cancelled long ago
    HANDED_OUT = "handed_out"  # a copy of a caller's data: nothing was deleted


class Trust(StrEnum):
    """Whether the clock may be believed."""

    TRUSTED = "trusted"
    WENT_BACK = "went_back"
    LEAPT_AHEAD = "leapt_ahead"


class Cause(StrEnum):
    """Why a file goes, or stays."""

    AGE = "age"
    ERASED = "erased"  # at the caller's wish
    UNFINISHED = "unfinished"  # its receipt is written: the deletion was broken off
    CLOCK = "clock"
    STRAY = "stray"
    LIVE = "live"
    HELD = "held"
    RESTRICTED = "restricted"  # while a request of the caller's is decided
    YOUNG = "young"


@dataclass(frozen=True, slots=True, kw_only=True)
class Claim:
    """A call that a file may belong to, and what decides about its files."""

    call_id: str
    client_id: int | None = None
    ended_at: datetime | None  # aware; None: the call lasts
    live: bool = False  # the daemon has it
    held: bool = False  # a legal hold is open
    restricted: bool = False  # a request of the caller's is being decided
    keep_days: int
    zone: ZoneInfo
    recording: str = ""  # the row's references, paths under recordings/
    message: str = ""

    @property
    def lasts(self) -> bool:
        """Whether something may still be written to its files: the daemon has it, or the switch has it alone."""
        return self.live or self.ended_at is None

    @property
    def due_at(self) -> datetime:
        """When its files are to go."""
        return FOREVER if self.ended_at is None else due_at(self.ended_at, self.keep_days, self.zone)


@dataclass(frozen=True, slots=True)
class File:
    """A file below recordings/, with every call it may belong to."""

    path: str  # below recordings/
    claims: tuple[Claim, ...] = ()
    has_receipt: bool = False  # its deletion was decided and written down before

    @property
    def owner(self) -> Claim | None:
        """The call it belongs to: whose row names it, else the one whose id says most of its name."""
        mentioned = [claim for claim in self.claims if self.path in (claim.recording, claim.message)]
        return max(mentioned or self.claims, key=lambda claim: len(claim.call_id), default=None)

    @property
    def what(self) -> What:
        """What a receipt calls it."""
        owner = self.owner
        if owner is None:
            return What.STRAY
        if self.path == owner.recording:
            return What.RECORDING
        return What.MESSAGE if self.path == owner.message else What.DERIVED


@dataclass(frozen=True, slots=True)
class Verdict:
    """Whether a file is to be deleted, and why (not)."""

    delete: bool
    cause: Cause
    why: str = ""  # as the receipt has it


def due_at(ended_at: datetime, keep_days: int, zone: ZoneInfo) -> datetime:
    """When the files of a call that ended then are to be deleted: so many days later, by the clock and by elapsed time.

    Where clocks are changed in between the latest of all readings counts, so that no day is ever cut short.
    """
    try:
        keep = max(timedelta(days=keep_days), SHORTEST_KEEP)
        wall = ended_at.astimezone(zone) + keep
        # An hour that comes twice is over when it is over the second time.
        return max(ended_at + keep, *(wall.replace(fold=fold).astimezone(UTC) for fold in (0, 1)))
    except OverflowError:
        return FOREVER


def verdict(file: File, now: datetime, trust: Trust) -> Verdict:
    """What becomes of a file at `now` (aware): it goes when it is old enough, unless a hold, a call that lasts or a
    clock in doubt keeps it. One that belongs to no call is never deleted, but to finish what was broken off."""
    if trust is not Trust.TRUSTED:
        return Verdict(False, Cause.CLOCK)
    if any(claim.lasts for claim in file.claims):
        return Verdict(False, Cause.LIVE)
    due = bool(file.claims) and all(claim.due_at <= now for claim in file.claims)
    if not due and not file.has_receipt:
        return Verdict(False, Cause.YOUNG if file.claims else Cause.STRAY)
    if any(claim.held for claim in file.claims):
        return Verdict(False, Cause.HELD)
    if any(claim.restricted for claim in file.claims):
        return Verdict(False, Cause.RESTRICTED)
    if file.has_receipt:
        return Verdict(True, Cause.UNFINISHED)
    return Verdict(True, Cause.AGE, _of_age(file))


def may_be_erased(file: File, calls: Collection[str]) -> bool:
    """Whether a file may go because the data of those calls' caller is erased: it belongs to them alone, and none of
    them lasts, is held, or may not be used while a request is decided."""
    kept = (claim.lasts or claim.held or claim.restricted for claim in file.claims)
    free = (claim.call_id in calls and not stays for claim, stays in zip(file.claims, kept, strict=True))
    return bool(file.claims) and all(free)


def judge(seen_at: datetime, now: datetime) -> Trust:
    """Whether a clock that shows `now` may be believed, `seen_at` being the latest instant that it was believed."""
    if seen_at - now > JITTER:
        return Trust.WENT_BACK
    return Trust.LEAPT_AHEAD if now - seen_at > LONGEST_LEAP else Trust.TRUSTED


def possible_owners(path: str) -> Iterator[str]:
    """The ids of calls that a file may belong to by its name: `{id}.wav`, `{id}-message-2.wav`, `{id}.mp3` …

    Only where the software puts files: what an admin laid aside in a folder of his own is not ours to delete.
    """
    folder, _, name = path.rpartition("/")
    if not DAY_FOLDER.fullmatch(folder):
        return
    for position, char in enumerate(name[: ID_LIMIT + 1]):
        if char in ".-" and position:
            yield name[:position]


def is_too_young(path: str, now: datetime, shortest: timedelta) -> bool:
    """Whether a file lies in the folder of a day that is less than `shortest` ago, the least that any plan keeps.

    Its call arrived on that day, so it cannot be due; it need not be asked for.
    """
    folder, _, _ = path.rpartition("/")
    return bool(DAY_FOLDER.fullmatch(folder)) and folder > f"{now.astimezone(UTC) - shortest:%Y/%m/%d}"


def instant(at: datetime) -> str:
    """An instant as receipts have it: to the second, in UTC."""
    return f"{at.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}"


def _of_age(file: File) -> str:
    """When the call ended that kept it longest, and how long its plan keeps files."""
    last = max(file.claims, key=lambda claim: claim.due_at)
    return f"age: {instant(last.ended_at)} + {last.keep_days} d" if last.ended_at else ""
