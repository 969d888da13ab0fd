"""Deletes groups of files with receipts: set aside and read, decided and written down, then removed.

A crash at any moment loses no receipt and writes none twice: before the commit nothing is lost (the next run finds the
file set aside), after it the receipt tells the next run to finish.
"""

import time
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import Executor
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import TypeAlias

from sqlalchemy import Connection, Engine

from pbx_control.domain.keeping.retention import Cause, Claim, File, Verdict
from pbx_control.errors import Word, reason
from pbx_control.media import deletion
from pbx_control.media.deletion import Found, OpenFolders, SetAsideFile
from pbx_control.settings import Home
from pbx_control.store import receipts, retention
from pbx_control.store.engine import Overtaken, reading, writing, writing_late
from pbx_control.store.receipts import Receipt
from pbx_control.store.retention import Odd

# Files that go in one transaction: it lasts for some milliseconds, and so long the save of a call may have to wait.
GROUP = 20
# A group begins no sooner after the one before it than this for each of that one's files, seconds: few calls come just
# when they have to wait, and 10,000 files take 40 s, however fast the machine is.
PACE = 0.004
# So often it is tried to decide without keeping others from writing.
TRIES = 3

Decide: TypeAlias = Callable[[File], Verdict]
"""What becomes of a file, asked once more inside the transaction that deletes it."""
Reached: TypeAlias = Callable[[str], None]
"""Told of each moment at which a crash would leave something half done; tests crash there."""
Also: TypeAlias = Callable[[Connection], None]
"""What else is done in the same transaction."""


@dataclass(frozen=True, slots=True)
class Disposal:
    """Where and how groups of files are deleted."""

    home: Home
    engine: Engine
    now: datetime
    odd: Odd
    decide: Decide
    reached: Reached = lambda moment: None
    urgent: Executor | None = None  # where transactions are done that others wait for
    goes: Also = lambda conn: None  # done with each group of which something goes


# Failures that are told one by one.
SHOWN = 100


@dataclass(slots=True)
class Done:
    """What became of files."""

    deleted: int = 0
    freed: int = 0  # bytes
    unfinished: int = 0  # of the deleted: those whose receipt an earlier run had written
    absent: int = 0  # references to files that were not there any more
    held: int = 0  # old enough, kept by a legal hold
    restricted: int = 0  # old enough, kept while a request of the caller's is decided
    failures: int = 0
    failed: dict[str, Word] = field(default_factory=dict)  # path -> why, of the first of them

    def fail(self, path: str, error: OSError) -> None:
        if path not in self.failed:
            self.failures += 1
        if len(self.failed) < SHOWN:
            self.failed[path] = reason(error)


@dataclass(frozen=True, slots=True)
class _Item:
    found: Found
    file_set_aside: SetAsideFile | None  # None: there is no such file


def dispose(how: Disposal, group: Sequence[Found], done: Done, also: Also | None = None) -> None:
    """Deletes those of a group of files that `how.decide` lets go, and counts it in `done`.

    Raises StoreUnavailable if the database is away: then every file is back in its place.
    """
    with deletion.open_folders(how.home.recordings) as on:
        _dispose(how, on, group, done, also)
        on.sync()


def dispose_gently(how: Disposal, groups: Iterable[Sequence[Found]], done: Done) -> None:
    """Deletes in the same way group after group, at a PACE that leaves time to those who save calls.

    What was done in the folders is made durable once: should a crash bring a file back, its receipt is there.
    """
    with deletion.open_folders(how.home.recordings) as on:
        for group in groups:
            next_at = time.monotonic() + PACE * len(group)
            _dispose(how, on, group, done)
            time.sleep(max(0.0, next_at - time.monotonic()))
        on.sync()


def _dispose(how: Disposal, on: OpenFolders, group: Sequence[Found], done: Done, also: Also | None = None) -> None:
    items = _set_aside(on, group, done)
    how.reached("aside")
    try:
        verdicts = _committed(how, items, also)
    except BaseException:
        _put_back(items, done)
        raise
    how.reached("committed")
    for item, verdict in zip(items, verdicts, strict=True):
        _carry_out(item, verdict, done)
    how.reached("removed")


def _set_aside(on: OpenFolders, group: Sequence[Found], done: Done) -> list[_Item]:
    items = []
    for found in group:
        try:
            items.append(_Item(found, deletion.mark_for_deletion(on, found.path, aside=found.aside)))
        except FileNotFoundError:
            items.append(_Item(found, None))
        except OSError as error:
            done.fail(found.path, error)
    return items


def _committed(how: Disposal, items: Sequence[_Item], also: Also | None) -> list[Verdict]:
    return how.urgent.submit(_commit, how, items, also).result() if how.urgent else _commit(how, items, also)


def _commit(how: Disposal, items: Sequence[_Item], also: Also | None) -> list[Verdict]:
    """Decides once more, now that nobody else can, and writes down what goes."""
    with reading(how.engine) as conn:  # nobody else writes receipts: deletion.alone
        written = receipts.contents(conn, {item.found.path for item in items})
    if also is None:
        for _ in range(TRIES):
            with suppress(Overtaken), writing_late(how.engine) as conn:
                return _write_down(conn, how, items, written)
    with writing(how.engine) as conn:
        verdicts = _write_down(conn, how, items, written)
        if also:
            also(conn)
        return verdicts


def _write_down(
    conn: Connection, how: Disposal, items: Sequence[_Item], written: set[tuple[str, str, int]]
) -> list[Verdict]:
    claims = retention.claims_on(conn, {item.found.path for item in items}, how.odd, lock=True)
    files = [_file(item, claims[item.found.path], written) for item in items]
    verdicts = [how.decide(file) for file in files]
    going = [each for each in zip(items, files, verdicts, strict=True) if each[2].delete]
    if going:
        how.goes(conn)
    receipts.add(conn, [_receipt(*each, how.now) for each in going if each[2].cause is not Cause.UNFINISHED])
    retention.forget(conn, {(claim, file.path) for _, file, _ in going for claim in file.claims})
    return verdicts


def _file(item: _Item, claims: tuple[Claim, ...], written: set[tuple[str, str, int]]) -> File:
    file_set_aside = item.file_set_aside
    known = file_set_aside is not None and (item.found.path, file_set_aside.sha256, file_set_aside.size) in written
    return File(item.found.path, claims, has_receipt=known)


def _receipt(item: _Item, file: File, verdict: Verdict, at: datetime) -> Receipt:
    owner, file_set_aside = file.owner, item.file_set_aside
    receipt = Receipt(
        at=at,
        what=file.what,
        path=file.path,
        call_id=owner.call_id if owner else "",
        client_id=owner.client_id if owner else None,
        why=verdict.why,
    )
    if file_set_aside is None:
        return replace(receipt, why=f"{verdict.why}; absent")
    linked = f"; links: {file_set_aside.links}" if file_set_aside.links > 1 else ""
    return replace(receipt, why=verdict.why + linked, sha256=file_set_aside.sha256, size=file_set_aside.size)


def _carry_out(item: _Item, verdict: Verdict, done: Done) -> None:
    if item.file_set_aside is None:
        done.absent += verdict.delete
        return
    try:
        if verdict.delete:
            item.file_set_aside.remove()
            done.deleted += 1
            done.freed += item.file_set_aside.size
            done.unfinished += verdict.cause is Cause.UNFINISHED
        else:
            item.file_set_aside.put_back()
    except OSError as error:
        done.fail(item.found.path, error)
    finally:
        item.file_set_aside.close()


def _put_back(items: Sequence[_Item], done: Done) -> None:
    for item in items:
        _carry_out(item, Verdict(False, Cause.YOUNG), done)
