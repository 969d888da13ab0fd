"""Erases what is kept of one caller: recordings, messages, number and name (Ley 21.719), with receipts.

All or nothing for each call: its files, row, journal and letters go in one transaction. What was broken off is finished
by erasing again, files by the next purge.
"""

import csv
import io
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

from sqlalchemy import Connection, Engine, text

from pbx_control.domain.audit import Actor, AuditEntry, Verb
from pbx_control.domain.keeping.erasure import fingerprint, names_number, redacted
from pbx_control.domain.keeping.retention import (
    ERASED,
    Cause,
    File,
    Verdict,
    What,
    may_be_erased,
    possible_owners,
)
from pbx_control.errors import ClientMistake, Code
from pbx_control.files import write_below
from pbx_control.media import deletion
from pbx_control.media.deletion import Found
from pbx_control.media.disposal import Disposal, Done, Reached, dispose
from pbx_control.media.purge import batches
from pbx_control.settings import Home
from pbx_control.store import audit, caller_marks, callers, messages, receipts, retention
from pbx_control.store.callers import CallerCall
from pbx_control.store.engine import bump_revision, reading, writing
from pbx_control.store.receipts import Receipt

# Calls that are erased in one transaction, with all their files.
GROUP = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class ErasureOrder:
    """Whose data is to be erased, why, and what is done with what stands in the way."""

    number: str  # as calls have it (domain.telephony.callers.known_number)
    why: str
    key: str  # the home's secret, for the receipt
    actor: Actor
    keep_held: bool = False  # leave calls under a legal hold as they are
    drop_waiting: bool = False  # give up letters that are still to be sent


@dataclass(slots=True)
class Erased:
    """What was erased."""

    calls: int = 0
    letters: int = 0
    marks: int = 0
    documents: int = 0  # reports, and the switch's own records
    kept: list[str] = field(default_factory=list)  # calls under a legal hold
    elsewhere: list[str] = field(default_factory=list)  # nodes that have files of his calls: it is erased there, too
    done: Done = field(default_factory=Done)  # files

    @property
    def anything(self) -> bool:
        return bool(self.calls or self.letters or self.marks or self.documents)


def erase(
    home: Home, engine: Engine, order: ErasureOrder, now: datetime, reached: Reached = lambda moment: None
) -> Erased:
    """Erases what is kept of a caller. Raises ClientMistake, with nothing done, if a call of his lasts, is held (unless
    `keep_held`), waits to be told of (unless `drop_waiting`), or nothing is known of the number."""
    with deletion.alone(home.recordings):
        with reading(engine) as conn:
            found, kept = _calls(conn, order)
        free = [call for call in found if not call.elsewhere]
        erased = Erased(kept=kept, elsewhere=sorted({call.elsewhere for call in found} - {""}))
        names = {call.name for call in free if call.name}
        # First what has no call: the names are known as long as the calls have them.
        _erase_elsewhere(home, engine, order, [call.id for call in free], names, now, erased)
        _erase_calls(home, engine, order, free, now, erased, reached)
        if kept and not erased.anything:
            raise ClientMistake(
                "all that is left of {number} are calls under a legal hold: {calls}",
                number=order.number,
                calls=", ".join(kept),
            )
        if erased.elsewhere and not erased.anything:
            raise ClientMistake(
                "all that is left of {number} lies on the node {node}: erase it there",
                number=order.number,
                node=", ".join(erased.elsewhere),
            )
        if not erased.anything:
            raise ClientMistake(
                "nothing is known of {number}: there is nothing to erase", Code.NO_SUCH_CALLER, number=order.number
            )
        _write_receipt(engine, order, erased, now)
    return erased


def refuse_impossible(engine: Engine, order: ErasureOrder) -> int:
    """How many calls would be erased. Raises ClientMistake, as `erase` does, for what stands in the way."""
    with reading(engine) as conn:
        free, _ = _calls(conn, order)
    return len(free)


def _calls(conn: Connection, order: ErasureOrder) -> tuple[list[CallerCall], list[str]]:
    """The calls to erase, and those that stay under a hold."""
    found = callers.calls_of(conn, order.number)
    lasting = [call.id for call in found if call.lasts]
    held = [call.id for call in found if call.held]
    free = [call for call in found if not call.held]
    if lasting:
        raise ClientMistake(
            "the call {call} of that caller lasts: erase when it is over", Code.CALL_LASTS, call=lasting[0]
        )
    if held and not order.keep_held:
        raise ClientMistake("the call {call} is under a legal hold", Code.CALL_IS_HELD, call=held[0])
    waiting = callers.letters_about(conn, [call.id for call in free], waiting=True)
    if waiting and not order.drop_waiting:
        raise ClientMistake(
            "the message {id} about that caller is still to be sent",
            Code.MESSAGE_WAITS,
            id=waiting[0],
        )
    unwritten = messages.waiting_about(conn, [call.id for call in free])
    if unwritten and not order.drop_waiting:
        raise ClientMistake(
            "the client has not been told of that caller's call {call} yet: its message is still to be written",
            Code.MESSAGE_WAITS,
            call=unwritten[0],
        )
    return free, held


def _erase_elsewhere(
    home: Home,
    engine: Engine,
    order: ErasureOrder,
    calls: Sequence[str],
    names: Collection[str],
    now: datetime,
    erased: Erased,
) -> None:
    after: int | None = 0
    while after is not None:
        with writing(engine) as conn:
            after, changed = callers.erase_from_letters(conn, order.number, names, after)
            if changed:
                _note_begun(conn, order, now)
        erased.letters += changed
    for path in sorted(home.documents.rglob("*.csv")):
        erased.documents += _rewritten(home.documents, path, lambda old: redacted(old, order.number, names))
    done = home.run / "absence" / "done"
    for path in sorted(done.glob("*.csv")):
        erased.documents += _rewritten(done, path, lambda old: _without_callers(old, calls))
    with writing(engine) as conn:
        erased.marks = caller_marks.forget(conn, order.number)
        if erased.marks:
            _note_begun(conn, order, now)
            bump_revision(conn)


def _rewritten(top: Path, path: Path, change: Callable[[str], str]) -> bool:
    """Whether the file had anything to take out; it is replaced in one piece."""
    old = path.read_bytes().decode("utf-8", "surrogateescape")
    new = change(old)
    if new != old:
        write_below(top, str(path.relative_to(top)), new.encode("utf-8", "surrogateescape"))
    return new != old


def _without_callers(old: str, calls: Collection[str]) -> str:
    """The switch's own record (dialplans/cel_custom.conf.j2) without numbers and names of these calls' callers."""
    out = io.StringIO()
    sheet = csv.writer(out, quoting=csv.QUOTE_ALL, lineterminator="\n")
    changed = False
    for row in csv.reader(old.splitlines()):
        # time, event, channel, what is told, number, name; a secretary's leg tells of the call it is for
        if len(row) == 6 and any(row[2] == call or f'"{call} ' in row[3] for call in calls) and row[4] != ERASED:
            row[4:], changed = [ERASED, ""], True
        sheet.writerow(row)
    return out.getvalue() if changed else old


def _erase_calls(
    home: Home,
    engine: Engine,
    order: ErasureOrder,
    free: Sequence[CallerCall],
    now: datetime,
    erased: Erased,
    reached: Reached,
) -> None:
    with reading(engine) as conn:
        odd = retention.odd_references(conn)
    files = _files(home, {call.id for call in free})
    for group in batches(free, GROUP):
        going = _Group(order, group, now, erased)
        how = Disposal(home, engine, now, odd, going.decide, reached)
        named = {path for call in group for path in (call.recording, call.message) if path}
        found = [one for call in group for one in files.get(call.id, ())]
        absent = named - {one.path for one in found}
        dispose(how, [*found, *(Found(path, "file") for path in sorted(absent))], erased.done, going.also)
        erased.calls += len(group)
        erased.letters += going.letters


def _files(home: Home, calls: Collection[str]) -> dict[str, list[Found]]:
    """The ordinary files that bear one of these calls' ids."""
    files: dict[str, list[Found]] = {}
    for found in deletion.walk(home.recordings):
        owner = next((one for one in possible_owners(found.path) if one in calls), None)
        if owner is not None and found.kind == "file":
            files.setdefault(owner, []).append(found)
    return files


class _Group:
    """Some calls that are erased in one transaction."""

    def __init__(self, order: ErasureOrder, calls: Sequence[CallerCall], at: datetime, erased: Erased) -> None:
        self._order, self._at, self._erased = order, at, erased
        self._calls = [call.id for call in calls]
        self._names = {call.name for call in calls if call.name}
        self._stays: list[str] = []
        self.letters = 0

    def decide(self, file: File) -> Verdict:
        """Every file of theirs goes, at whatever age."""
        if may_be_erased(file, self._calls):
            return Verdict(True, Cause.ERASED, f"erased: {_reason(self._order)}")
        self._stays.append(file.path)
        return Verdict(False, Cause.LIVE)

    def also(self, conn: Connection) -> None:
        """Number and name go in the same transaction, or nothing goes."""
        failed = [*self._erased.done.failed, *self._stays]
        if failed:
            raise ClientMistake(
                "{file} cannot be deleted (another call's, held, or unreadable): see to it and erase again",
                file=failed[0],
            )
        if conn.dialect.name == "sqlite":
            # What is overwritten is overwritten in the file, too.
            conn.execute(text("PRAGMA secure_delete = ON"))
        _note_begun(conn, self._order, self._at)
        self.letters = callers.erase(conn, self._calls, self._order.number, self._names)


def _note_begun(conn: Connection, order: ErasureOrder, at: datetime) -> None:
    """With the first thing that goes: an erasure that is killed, and never done again, has an entry, too."""
    audit.add_once(conn, AuditEntry(at=at, actor=order.actor, verb=Verb.CALLER_ERASURE_BEGUN, subject=""))


def _write_receipt(engine: Engine, order: ErasureOrder, erased: Erased, now: datetime) -> None:
    told = (
        f"erased: {erased.calls} calls, {erased.done.deleted} files, {erased.letters} letters, "
        f"{erased.documents} documents, {erased.marks} marks; {len(erased.kept)} calls held; {_reason(order)}"
    )
    with writing(engine) as conn:
        digest = fingerprint(order.number, order.key)
        receipts.add(conn, [Receipt(at=now, what=What.CALLER_DATA, why=told, sha256=digest)])
        audit.erase_number(conn, order.number, lambda text: names_number(text, order.number))
        counts = {"calls": (None, erased.calls), "files": (None, erased.done.deleted), "marks": (None, erased.marks)}
        # Whose they were is not said.
        done = AuditEntry(at=now, actor=order.actor, verb=Verb.CALLER_ERASED, subject="", difference=counts)
        audit.add(conn, done)
    if engine.dialect.name == "sqlite":
        _empty_log(engine)


def _empty_log(engine: Engine) -> None:
    """SQLite's log of writes has the old rows until it is begun anew; who reads at this moment delays that."""
    raw = engine.raw_connection()
    try:
        raw.cursor().execute("PRAGMA wal_checkpoint(TRUNCATE)")
    finally:
        raw.close()


def _reason(order: ErasureOrder) -> str:
    return redacted(order.why, order.number)
