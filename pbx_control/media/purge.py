"""The nightly purge: deletes what is old enough and nothing else; and the reconciliation of files with rows.

docs/service.md rule 13. What goes and what stays is decided by domain/keeping/retention.py; docs/decisions/retention.md
tells why it is done like this.
"""

from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from functools import partial
from itertools import islice
from typing import Generic, TypeAlias, TypeVar

from sqlalchemy import Connection, Engine

from pbx_control.domain.keeping.retention import (
    DAY_FOLDER,
    SHORTEST_KEEP,
    Cause,
    File,
    Trust,
    Verdict,
    What,
    is_too_young,
    verdict,
)
from pbx_control.domain.notices.notes import AlarmDesk
from pbx_control.domain.notices.retention_notes import Differences, compose_clock_alarm, compose_differences
from pbx_control.media import deletion
from pbx_control.media.deletion import Found
from pbx_control.media.disposal import GROUP, Also, Disposal, Done, Reached, dispose_gently
from pbx_control.media.erased import Purged, remember_purge
from pbx_control.settings import MAIN_NODE, Home
from pbx_control.store import letters, receipts, retention
from pbx_control.store.engine import node_here, reading, writing
from pbx_control.store.retention import Clock, Odd, Reference

T = TypeVar("T")

# Files whose calls are looked up at once.
PAGE = 200
# What is younger may be on its way into the database, or be a call that the switch serves alone.
NO_STRAY_BEFORE = timedelta(days=1)
# So many of each kind are told one by one.
LISTED = 1000
NOBODY = AlarmDesk()

Judged: TypeAlias = tuple[Found, File, Verdict]
Progress: TypeAlias = Callable[[int, int], None]
"""Told now and then how many files were looked at, and how many deleted."""


def quiet(*_: object) -> None:
    """Nobody is told."""


@dataclass(frozen=True, slots=True)
class PurgeReport:
    """What a purge did. `trust` other than TRUSTED: the clock is in doubt, and nothing was looked at."""

    at: datetime
    trust: Trust
    seen_at: datetime  # when the clock was last believed
    done: Done = field(default_factory=Done)


@dataclass(frozen=True, slots=True)
class Planned:
    """What a purge would do with a file; `size` is None where only the row's reference is left of it."""

    file: File
    verdict: Verdict
    size: int | None

    @property
    def what(self) -> What:
        return self.file.what


@dataclass(frozen=True, slots=True, kw_only=True)
class Reconciliation:
    """Where files and rows do not agree; of each kind the first LISTED, and how many there are."""

    at: datetime
    without_row: tuple[Found, ...] = ()  # files that no call claims
    without_file: tuple[Reference, ...] = ()  # references to files that are not there
    odd: tuple[Found, ...] = ()  # links, and what is no ordinary file
    unended: tuple[str, ...] = ()  # calls with files of which nobody told the end
    empty: tuple[Found, ...] = ()  # files of a call to which nothing could be written
    cut: tuple[str, ...] = ()  # calls of the last day whose recording or message is lost or too short
    counts: dict[str, int] = field(default_factory=dict)  # by the names above

    @property
    def agrees(self) -> bool:
        return not any(self.counts.values())


def purge(
    home: Home,
    engine: Engine,
    now: datetime,
    *,
    alarms: AlarmDesk = NOBODY,
    progress: Progress = quiet,
    reached: Reached = quiet,
    urgent: Executor | None = None,
    done: Done | None = None,
    goes: Also = quiet,
) -> PurgeReport:
    """Deletes what is due at `now` (aware), in small transactions; others may write meanwhile. The transactions are
    done by `urgent`, if the caller has given way to others: who keeps a lock must not wait for CPU. `done` counts, also
    for a caller that is told of an error; `goes` is done in each transaction by which something goes.

    If the clock is in doubt nothing is touched, and the admin gets a letter, one a day. A purge that was broken off is
    finished by the next one. Raises ClientMistake if another one is under way, StoreUnavailable, OSError.
    """
    clock = _note_time(engine, now, alarms)
    report = PurgeReport(now, clock.trust, clock.seen_at, done or Done())
    if clock.trust is not Trust.TRUSTED:
        return report
    goes = _remembering(home, engine, now, goes)
    with deletion.alone(home.recordings):
        with reading(engine) as conn:
            odd = retention.odd_references(conn)
        decide = partial(verdict, now=now, trust=clock.trust)
        how = Disposal(home, engine, now, odd, decide, reached, urgent, goes)
        _purge_files(how, report.done, progress)
        _purge_references(how, report.done)
        _drop_empty_days(home, now)
    return report


def purge_again(home: Home, engine: Engine, paths: Collection[str], was: Purged, now: datetime) -> Done:
    """Deletes those of these files that were due when a purge was made, as a restore has brought them back. `was`: that
    purge; what it kept stays, and so does what the backup says is held or blocked."""
    done = Done()

    def decide(file: File) -> Verdict:
        if any(claim.call_id in was.kept for claim in file.claims):
            return Verdict(False, Cause.HELD)
        what = verdict(file, was.at, Trust.TRUSTED)
        return replace(what, why=f"{what.why}; again") if what.delete else what

    with deletion.alone(home.recordings):
        with reading(engine) as conn:
            odd = retention.odd_references(conn)
        how = Disposal(home, engine, now, odd, decide)
        dispose_gently(how, batches((Found(path, "file") for path in sorted(paths)), GROUP), done)
    return done


def _remembering(home: Home, engine: Engine, now: datetime, goes: Also) -> Also:
    """With the first thing that goes, it is written down beside the database: no backup is to bring it back."""
    remembered: list[bool] = []
    # Which calls are blocked is looked for among all calls: not while others wait to write.
    with reading(engine) as conn:
        kept = retention.kept_calls(conn)

    def with_memory(conn: Connection) -> None:
        if not remembered:
            remember_purge(home, now, {*kept, *retention.held_calls(conn)})
            remembered.append(True)
        goes(conn)

    return with_memory


def planned(home: Home, engine: Engine, now: datetime) -> Iterator[Planned]:
    """What a purge at `now` would delete, and what a hold keeps from it; nothing is changed. The clock is believed."""
    told = set()
    for _, judged in _walked(home, engine, now, only_old=True):
        for found, file, what in judged:
            if _counts(what):
                told.add(found.path)
                yield Planned(file, what, found.size)
    with reading(engine) as conn:
        odd = retention.odd_references(conn)
    with deletion.open_folders(home.recordings) as on:
        for group in _old_references(engine, now):
            with reading(engine) as conn:
                judged = _judged(conn, [found for found in group if found.path not in told], odd, now)
            for found, file, what in judged:
                if _counts(what):
                    yield Planned(file, what, deletion.size_of(on, found.path))


def reconcile(home: Home, engine: Engine, now: datetime, *, alarms: AlarmDesk = NOBODY) -> Reconciliation:
    """Compares files and rows both ways at `now`; nothing is changed.

    Calls that last, and files younger than a day, are passed over. If something does not agree and there is an admin's
    address, it is told by letter, one a day.
    """
    without_row, odd, without_file, empty = _Some[Found](), _Some[Found](), _Some[Reference](), _Some[Found]()
    for page, judged in _walked(home, engine, now):
        odd.add([found for found in page if found.kind != "file" or not _is_text(found.path)])
        without_row.add([found for found, _, what in judged if _is_stray(found, what, now)])
        empty.add([found for found, file, what in judged if _is_empty(found, file, what)])
    with deletion.open_folders(home.recordings) as on:
        for references in _pages(engine, now - NO_STRAY_BEFORE, only_own=True):
            without_file.add([one for one in references if deletion.size_of(on, one.path) is None])
    with reading(engine) as conn:
        unended = retention.unended(conn, now - NO_STRAY_BEFORE, LISTED)
        cut = retention.cut(conn, now - NO_STRAY_BEFORE, LISTED)
    found = Reconciliation(
        at=now,
        without_row=tuple(without_row.kept),
        without_file=tuple(without_file.kept),
        odd=tuple(odd.kept),
        unended=tuple(unended),
        empty=tuple(empty.kept),
        cut=tuple(cut),
        counts={
            "without_row": without_row.count,
            "without_file": without_file.count,
            "odd": odd.count,
            "unended": len(unended),
            "empty": empty.count,
            "cut": len(cut),
        },
    )
    _tell_differences(engine, found, alarms)
    return found


def batches(items: Iterable[T], size: int) -> Iterator[list[T]]:
    """The items in lists of that size; the last one may be shorter."""
    source = iter(items)
    return iter(lambda: list(islice(source, size)), [])


def _note_time(engine: Engine, now: datetime, alarms: AlarmDesk) -> Clock:
    with writing(engine) as conn:
        clock = retention.note_time(conn, now)
        if clock.trust is not Trust.TRUSTED and alarms.address:
            letters.add(conn, [compose_clock_alarm(clock.trust, clock.seen_at, now, alarms)])
    return clock


def _purge_files(how: Disposal, done: Done, progress: Progress) -> None:
    """Every file below recordings/ is looked at."""
    looked = 0
    for page, judged in _walked(how.home, how.engine, how.now, only_old=True):
        done.held += sum(what.cause is Cause.HELD for _, _, what in judged)
        done.restricted += sum(what.cause is Cause.RESTRICTED for _, _, what in judged)
        # What was left set aside is looked at in any case: it is finished, or put back.
        going = [found for found, _, what in judged if what.delete or found.aside]
        dispose_gently(how, batches(going, GROUP), done)
        looked += len(page)
        progress(looked, done.deleted)


def _purge_references(how: Disposal, done: Done) -> None:
    """References that are left: their files are absent, cannot be deleted, or lie where the software puts none."""
    for group in _old_references(how.engine, how.now):
        with reading(how.engine) as conn:
            judged = _judged(conn, group, how.odd, how.now)
        dispose_gently(how, batches((found for found, _, what in judged if what.delete), GROUP), done)


def _old_references(engine: Engine, now: datetime) -> Iterator[list[Found]]:
    with reading(engine) as conn:
        shortest = retention.shortest_keep(conn)
    for page in _pages(engine, now - shortest):
        yield [Found(reference.path, "file") for reference in page]


def _pages(engine: Engine, until: datetime, *, only_own: bool = False) -> Iterator[list[Reference]]:
    """The references of calls that ended until then, in pages; each is read anew, so nothing is held meanwhile."""
    after = None
    while True:
        with reading(engine) as conn:
            page = retention.references(conn, until, after, only_own=only_own)
        if not page:
            return
        yield page
        after = page[-1].ended_at, page[-1].call_id


def _walked(
    home: Home, engine: Engine, now: datetime, *, only_old: bool = False
) -> Iterator[tuple[list[Found], list[Judged]]]:
    """Everything below recordings/, in pages; and what becomes of the ordinary files among it (or only of those that
    may be old enough to go)."""
    with reading(engine) as conn:
        odd = retention.odd_references(conn)
        shortest = retention.shortest_keep(conn) if only_old else None
    for page in batches(deletion.walk(home.recordings), PAGE):
        with reading(engine) as conn:
            judged = _judged(conn, page, odd, now, shortest)
        yield page, judged


def _judged(
    conn: Connection, page: Sequence[Found], odd: Odd, now: datetime, shortest: timedelta | None = None
) -> list[Judged]:
    """What becomes of each ordinary file of a page; with `shortest`, those that are too young to go are left out.

    A receipt for its path and size is believed at first sight; the deletion itself compares contents.
    """
    files = [found for found in page if found.kind == "file" and _is_text(found.path)]
    written = {(path, size) for path, _, size in receipts.contents(conn, {found.path for found in files})}
    if shortest is not None:
        files = [
            found
            for found in files
            if found.aside or (found.path, found.size) in written or not is_too_young(found.path, now, shortest)
        ]
    claims = retention.claims_on(conn, {found.path for found in files}, odd)
    judged = [(found, File(found.path, claims[found.path], (found.path, found.size) in written)) for found in files]
    return [(found, file, verdict(file, now, Trust.TRUSTED)) for found, file in judged]


def _counts(what: Verdict) -> bool:
    return what.delete or what.cause in (Cause.HELD, Cause.RESTRICTED)


def _is_text(path: str) -> bool:
    """A name that is no UTF-8 is none of ours, and no database takes it."""
    return not any("\ud800" <= char <= "\udfff" for char in path)


def _is_stray(found: Found, what: Verdict, now: datetime) -> bool:
    return what.cause is Cause.STRAY and found.modified < (now - NO_STRAY_BEFORE).timestamp()


def _is_empty(found: Found, file: File, what: Verdict) -> bool:
    """A sound of a call that is over without even the header that Asterisk begins every file with: a disk was full."""
    over = bool(file.claims) and what.cause is not Cause.LIVE
    return over and found.path.endswith(".wav") and found.size == 0


def _drop_empty_days(home: Home, now: datetime) -> None:
    """Folders of days that are long over and from which everything has gone."""
    last = f"{now - SHORTEST_KEEP - NO_STRAY_BEFORE:%Y/%m/%d}"
    with deletion.open_folders(home.recordings) as on:
        for path in sorted(home.recordings.glob("[0-9]*/[0-9]*/[0-9]*")):
            day = str(path.relative_to(home.recordings))
            if DAY_FOLDER.fullmatch(day) and day < last:
                deletion.drop_folder(on, day)


class _Some(Generic[T]):
    """A long list of which the beginning is kept, and the length."""

    def __init__(self) -> None:
        self.kept: list[T] = []
        self.count = 0

    def add(self, items: Sequence[T]) -> None:
        self.kept.extend(items[: LISTED - len(self.kept)])
        self.count += len(items)


def _tell_differences(engine: Engine, found: Reconciliation, alarms: AlarmDesk) -> None:
    if found.agrees or not alarms.address:
        return
    kinds = (found.without_row, found.without_file, found.odd, found.empty)
    files = [one.path for some in kinds for one in some[:3]]
    with writing(engine) as conn:
        here = "" if node_here(conn) == MAIN_NODE else node_here(conn)
        told = Differences(found.counts, (*files, *found.unended[:3], *found.cut[:3]), found.at, here)
        letters.add(conn, [compose_differences(told, alarms)])
