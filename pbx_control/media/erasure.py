"""Erases what is kept of one caller: recordings, messages, number and name (Ley 21.719), with receipts.

All or nothing for each call: its files, row, journal and letters go in one transaction. What was broken off is finished
by erasing again, files by the next purge.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime

from sqlalchemy import Connection, Engine, text

from pbx_control.domain.audit import Actor, AuditEntry, Verb
from pbx_control.domain.keeping.erasure import fingerprint, redacted
from pbx_control.domain.keeping.retention import Cause, File, Verdict, What, may_be_erased
from pbx_control.errors import ClientMistake, Code
from pbx_control.media import caller_files, deletion
from pbx_control.media.deletion import Found
from pbx_control.media.disposal import Disposal, Done, Reached, dispose
from pbx_control.media.erased import forget_caller, remember_caller, stop_caller
from pbx_control.media.purge import batches
from pbx_control.settings import Home
from pbx_control.store import audit, caller_data, caller_requests, callers, messages, receipts, restrictions, retention
from pbx_control.store.caller_data import Whose
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
    again: "Again | None" = None  # it was done before, and a backup has brought him back


@dataclass(frozen=True, slots=True, kw_only=True)
class Again:
    """An erasure that a restore does again: of the calls until then, but for those that were kept. `heeds`: what the
    backup says of holds and requests is younger than the erasure, and counts."""

    until: datetime
    kept: frozenset[str]
    spared: frozenset[int]
    papers: bool  # what has no call, too: all of it is older
    heeds: bool = False


@dataclass(slots=True)
class Erased:
    """What was erased."""

    calls: int = 0
    letters: int = 0
    marks: int = 0
    documents: int = 0  # reports, and the switch's own records
    others: int = 0  # requests of his, restrictions that are over, and appointments
    kept: list[str] = field(default_factory=list)  # calls under a legal hold
    restricted: list[str] = field(default_factory=list)  # calls that stay while a request is decided
    elsewhere: list[str] = field(default_factory=list)  # nodes that have files of his calls: it is erased there, too
    done: Done = field(default_factory=Done)  # files

    @property
    def anything(self) -> bool:
        return bool(self.calls or self.letters or self.marks or self.documents or self.others)


def erase(
    home: Home, engine: Engine, order: ErasureOrder, now: datetime, reached: Reached = lambda moment: None
) -> Erased:
    """Erases what is kept of a caller.

    Raises ClientMistake, with nothing done, if a call of his lasts, is held (unless `keep_held`), waits to be told of
    (unless `drop_waiting`), an appointment of his is still to come, or nothing is known of the number.
    """
    with deletion.alone(home.recordings):
        with reading(engine) as conn:
            standing = _standing(conn, order, now)
        here = [call for call in standing.free if not call.elsewhere or order.again]
        erased = Erased(
            kept=standing.held,
            restricted=standing.restricted,
            elsewhere=sorted({call.elsewhere for call in standing.free} - {""}),
        )
        whose = replace(callers.whose(here, order.number), spared=standing.spared)
        if here:
            _remember(home, order, standing, now)
        # First what has no call: the names are known as long as the calls have them.
        without_calls = not standing.all_spared and (order.again is None or order.again.papers)
        if without_calls:
            try:
                _erase_elsewhere(home, engine, order, whose, now, erased)
            except ClientMistake:
                _remember_stopped(home, order, here, erased, now, papers=False)
                raise
        if erased.anything and not here:
            _remember(home, order, standing, now)
        try:
            _erase_calls(home, engine, order, here, now, erased, reached)
        except ClientMistake:
            _remember_stopped(home, order, here, erased, now, papers=without_calls)
            raise
        if not erased.anything:
            with reading(engine) as conn:
                asked = caller_requests.open_of(conn, order.number)
            raise _nothing(order, erased, asked)
        _write_receipt(engine, order, erased, whose if without_calls else None, now)
    return erased


def refuse_impossible(engine: Engine, order: ErasureOrder, now: datetime) -> int:
    """How many calls would be erased. Raises ClientMistake, as `erase` does, for what stands in the way."""
    with reading(engine) as conn:
        standing = _standing(conn, order, now)
    if standing.all_spared and not standing.free:
        raise _all_restricted(order)
    return len(standing.free)


@dataclass(frozen=True, slots=True)
class _Standing:
    """What of a caller's can be erased, and what stays."""

    free: list[CallerCall]
    held: list[str]
    restricted: list[str]
    spared: frozenset[int]  # clients about which nothing is erased: a request is being decided
    all_spared: bool  # about none


def _standing(conn: Connection, order: ErasureOrder, now: datetime) -> _Standing:
    found = callers.calls_of(conn, order.number)
    if order.again:
        return _standing_again(found, order.again)
    restricted = [call.id for call in found if call.restricted]
    open_ones = [call for call in found if not call.restricted]
    in_force = restrictions.in_force(conn, order.number)
    free = [call for call in open_ones if not call.held]
    _refuse_what_stands_in_the_way(conn, order, open_ones)
    standing = _Standing(
        free=free,
        held=[call.id for call in open_ones if call.held],
        restricted=restricted,
        spared=frozenset(one.client_id for one in in_force if one.client_id is not None),
        all_spared=any(one.client_id is None for one in in_force),
    )
    _refuse_coming_appointments(conn, order, standing, now)
    return standing


def _refuse_coming_appointments(conn: Connection, order: ErasureOrder, standing: _Standing, now: datetime) -> None:
    """Somebody expects him: who takes his name out of it takes the appointment from both."""
    if standing.all_spared:
        return
    whose = replace(callers.whose(standing.free, order.number), spared=standing.spared)
    if coming := caller_data.coming_appointments(conn, whose, now):
        raise ClientMistake(
            "the appointment {id} of that caller is still to come", Code.APPOINTMENTS_TO_COME, id=coming[0]
        )


def _standing_again(found: Sequence[CallerCall], again: Again) -> _Standing:
    free = [call for call in found if call.arrived_at <= again.until and call.id not in again.kept]
    if again.heeds:
        free = [call for call in free if not (call.held or call.restricted)]
    return _Standing(free=free, held=[], restricted=[], spared=again.spared, all_spared=False)


def _refuse_what_stands_in_the_way(conn: Connection, order: ErasureOrder, calls: Sequence[CallerCall]) -> None:
    lasting = [call.id for call in calls if call.lasts]
    held = [call.id for call in calls if call.held]
    free = [call.id for call in calls if not call.held]
    if lasting:
        raise ClientMistake(
            "the call {call} of that caller lasts: erase when it is over", Code.CALL_LASTS, call=lasting[0]
        )
    if held and not order.keep_held:
        raise ClientMistake("the call {call} is under a legal hold", Code.CALL_IS_HELD, call=held[0])
    if order.drop_waiting:
        return
    if waiting := callers.letters_about(conn, free, waiting=True):
        raise ClientMistake(
            "the message {id} about that caller is still to be sent",
            Code.MESSAGE_WAITS,
            id=waiting[0],
        )
    if unwritten := messages.waiting_about(conn, free):
        raise ClientMistake(
            "the client does not know of that caller's call {call} yet: its message is still to be written, or "
            "is urgent and nobody has seen it",
            Code.MESSAGE_WAITS,
            call=unwritten[0],
        )


def _refuse_changed(conn: Connection, order: ErasureOrder, whose: Whose) -> None:
    """Raises ClientMistake for what has come into the way of these calls since they were found; nothing more does until
    the transaction ends."""
    callers.lock(conn, whose.calls)
    going = [call for call in callers.calls_of(conn, order.number) if call.id in whose.calls]
    if blocked := [call.id for call in going if call.restricted]:
        raise restrictions.refusal(blocked[0])
    _refuse_what_stands_in_the_way(conn, replace(order, keep_held=False), going)


def _refuse_newly_blocked(conn: Connection, order: ErasureOrder, whose: Whose) -> None:
    """Raises ClientMistake if his data was blocked since it was looked at; it is not until the transaction ends."""
    if order.again:
        return
    restrictions.keep_out(conn, order.number)
    for one in restrictions.in_force(conn, order.number):
        if one.client_id is None or one.client_id not in whose.spared:
            raise ClientMistake(
                "what there is of {number} has just been blocked while a request is decided",
                Code.RESTRICTED,
                number=order.number,
            )


def _nothing(order: ErasureOrder, erased: Erased, asked: Sequence[int]) -> ClientMistake:
    """Why nothing was erased. `asked`: his requests that are open."""
    if erased.restricted:
        return _all_restricted(order)
    if erased.kept:
        return ClientMistake(
            "all that is left of {number} are calls under a legal hold: {calls}",
            number=order.number,
            calls=", ".join(erased.kept),
        )
    if erased.elsewhere:
        return ClientMistake(
            "all that is left of {number} lies on the node {node}: erase it there",
            number=order.number,
            node=", ".join(erased.elsewhere),
        )
    if asked:
        return ClientMistake(
            "all that is left of {number} is in the request {request}, which is open: it goes when that is closed",
            Code.NO_SUCH_CALLER,
            number=order.number,
            request=asked[0],
        )
    return ClientMistake(
        "nothing is known of {number}: there is nothing to erase", Code.NO_SUCH_CALLER, number=order.number
    )


def _all_restricted(order: ErasureOrder) -> ClientMistake:
    return ClientMistake(
        "all that is left of {number} is blocked while a request is decided", Code.RESTRICTED, number=order.number
    )


def _erase_elsewhere(
    home: Home, engine: Engine, order: ErasureOrder, whose: Whose, now: datetime, erased: Erased
) -> None:
    """What has no call. Reports go page by page: calls save their steps in between."""
    after: int | None = 0
    while after is not None:
        with writing(engine) as conn:
            _refuse_newly_blocked(conn, order, whose)
            changed, after = caller_data.erase_page_of_reports(conn, whose, after)
            if changed:
                _note_begun(conn, order, now)
        erased.letters += changed
    erased.documents = caller_files.erase_papers(home, whose)
    with writing(engine) as conn:
        _refuse_newly_blocked(conn, order, whose)
        counts = caller_data.erase_rest(conn, whose)
        erased.marks = counts.pop("marks")
        erased.others = sum(counts.values())
        if erased.marks or erased.others:
            _note_begun(conn, order, now)
        if erased.marks:
            bump_revision(conn)


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
    files = caller_files.sounds_of(home, {call.id for call in free})
    for group in batches(free, GROUP):
        going = _Group(order, group, now, erased)
        how = Disposal(home, engine, now, odd, going.decide, reached)
        named = {path for call in group for path in (call.recording, call.message) if path}
        found = [one for call in group for one in files.get(call.id, ())]
        absent = named - {one.path for one in found}
        dispose(how, [*found, *(Found(path, "file") for path in sorted(absent))], erased.done, going.also)
        erased.calls += len(group)
        erased.letters += going.letters


class _Group:
    """Some calls that are erased in one transaction."""

    def __init__(self, order: ErasureOrder, calls: Sequence[CallerCall], at: datetime, erased: Erased) -> None:
        self._order, self._at, self._erased = order, at, erased
        self._whose = callers.whose(calls, order.number)
        self._stays: list[str] = []
        self.letters = 0

    def decide(self, file: File) -> Verdict:
        """Every file of theirs goes, at whatever age."""
        theirs = bool(file.claims) and all(claim.call_id in self._whose.calls for claim in file.claims)
        if may_be_erased(file, self._whose.calls) or (self._order.again and theirs):
            return Verdict(True, Cause.ERASED, f"erased: {_reason(self._order)}")
        self._stays.append(file.path)
        return Verdict(False, Cause.LIVE)

    def also(self, conn: Connection) -> None:
        """Number and name go in the same transaction, or nothing goes."""
        if self._order.again is None:
            _refuse_changed(conn, self._order, self._whose)
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
        self.letters = caller_data.erase_calls(conn, self._whose)["letters"]


def _remember(home: Home, order: ErasureOrder, standing: "_Standing", now: datetime) -> None:
    """Before the first thing goes: no backup is to bring him back."""
    if order.again is None:
        elsewhere = [call.id for call in standing.free if call.elsewhere]
        kept = [*standing.held, *standing.restricted, *elsewhere]
        papers = not standing.all_spared
        remember_caller(home, order.number, now, kept=kept, spared=standing.spared, papers=papers)


def _remember_stopped(
    home: Home, order: ErasureOrder, here: Sequence[CallerCall], erased: Erased, now: datetime, *, papers: bool
) -> None:
    """No restore is to do what was not done."""
    if order.again:
        return
    if not (erased.anything or erased.done.deleted):
        forget_caller(home, order.number, now)
        return
    stop_caller(home, order.number, now, kept=[call.id for call in here[erased.calls :]], papers=papers)


def _note_begun(conn: Connection, order: ErasureOrder, at: datetime) -> None:
    """With the first thing that goes: an erasure that is killed, and never done again, has an entry, too."""
    audit.add_once(conn, AuditEntry(at=at, actor=order.actor, verb=Verb.CALLER_ERASURE_BEGUN, subject=""))


def _write_receipt(engine: Engine, order: ErasureOrder, erased: Erased, whose: Whose | None, now: datetime) -> None:
    """`whose`: the audit trail forgets him as well."""
    told = (
        f"erased: {erased.calls} calls, {erased.done.deleted} files, {erased.letters} letters, "
        f"{erased.documents} documents, {erased.marks} marks; {len(erased.kept)} calls held; {_reason(order)}"
    )
    with writing(engine) as conn:
        digest = fingerprint(order.number, order.key)
        receipts.add(conn, [Receipt(at=now, what=What.CALLER_DATA, why=told, sha256=digest)])
        if whose:
            caller_data.erase_entries(conn, whose)
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
