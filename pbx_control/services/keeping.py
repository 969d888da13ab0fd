"""What can be done with what is kept of calls: deletion, legal holds, and the clock that deletion goes by."""

from concurrent.futures import Executor
from datetime import datetime
from functools import partial

from sqlalchemy import Engine

from pbx_control.domain import checks
from pbx_control.domain.audit import Actor, AuditEntry, Verb
from pbx_control.domain.notices.notes import AlarmDesk
from pbx_control.errors import ClientMistake, Code
from pbx_control.media import purge as deletion
from pbx_control.media.disposal import Done
from pbx_control.media.purge import Progress, PurgeReport
from pbx_control.services.work import Work, booking
from pbx_control.settings import Home
from pbx_control.store import audit, call_log, clients, holds, retention


def hold(work: Work, call_id: str, why: str) -> tuple[str, bool]:
    """Holds a call's files from now on; gives its whole id, and False if nothing of it is recorded (any more).

    Raises ClientMistake if it is held already, or without a reason. The reason stays with the hold: it may name people.
    """
    found = call_log.find(work.conn, call_id)
    if not holds.hold(work.conn, found.id, checks.reason(why), work.at):
        raise ClientMistake("the call {call} is held already", Code.HELD_ALREADY, call=found.id)
    work.note(Verb.CALL_HELD, found.id, client_id=_client_id(work, found.client))
    return found.id, holds.has_something(work.conn, found.id)


def release(work: Work, call_id: str) -> str:
    """Ends a call's hold; gives its whole id. Raises ClientMistake if it is not held."""
    found = call_log.find(work.conn, call_id)
    if not holds.release(work.conn, found.id, work.at):
        raise ClientMistake("the call {call} is not held", Code.NOT_HELD, call=found.id)
    work.note(Verb.CALL_RELEASED, found.id, client_id=_client_id(work, found.client))
    return found.id


def believe_clock(work: Work) -> None:
    """The server's clock is right, although it leapt or went back: what is old by it may be deleted."""
    retention.believe(work.conn, work.at)
    work.note(Verb.CLOCK_BELIEVED, work.at.isoformat())


def purge(
    home: Home,
    engine: Engine,
    actor: Actor,
    now: datetime,
    *,
    alarms: AlarmDesk = deletion.NOBODY,
    progress: Progress = deletion.quiet,
    urgent: Executor | None = None,
) -> PurgeReport:
    """Deletes the recordings whose time is over (`media/purge.py`). Each deletion has its receipt. A run that deletes
    something has two entries: that it began, with the first deletion, so that one that is killed has it, too; and what
    it did, also if it was broken off by an error."""
    done = Done()
    begun = AuditEntry(at=now, actor=actor, verb=Verb.PURGE_BEGUN, subject="")
    goes = partial(audit.add_once, entry=begun)
    try:
        return deletion.purge(home, engine, now, alarms=alarms, progress=progress, urgent=urgent, done=done, goes=goes)
    finally:
        if done.deleted or done.absent:
            counts = {"deleted": done.deleted, "bytes": done.freed, "absent": done.absent}
            with booking(engine, actor, now) as work:
                work.note(Verb.RECORDINGS_PURGED, "", new=counts)


def _client_id(work: Work, slug: str) -> int | None:
    return clients.find(work.conn, slug).id if slug else None
