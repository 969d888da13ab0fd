"""What can be done with what is kept of calls: legal holds, and the clock that deletion goes by."""

from pbx_control.domain.audit import Verb
from pbx_control.services.work import Work
from pbx_control.store import call_log, clients, holds, retention


def hold(work: Work, call_id: str, why: str) -> tuple[str, bool]:
    """Holds a call's files from now on; gives its whole id, and False if nothing of it is recorded (any more).

    Raises ClientMistake if it is held already. The reason stays with the hold: it may name people.
    """
    found = call_log.find(work.conn, call_id)
    something = holds.hold(work.conn, found.id, why, work.at)
    work.note(Verb.CALL_HELD, found.id, client_id=_client_id(work, found.client))
    return found.id, something


def release(work: Work, call_id: str) -> str:
    """Ends a call's hold; gives its whole id. Raises ClientMistake if it is not held."""
    found = call_log.find(work.conn, call_id)
    holds.release(work.conn, found.id, work.at)
    work.note(Verb.CALL_RELEASED, found.id, client_id=_client_id(work, found.client))
    return found.id


def believe_clock(work: Work) -> None:
    """The server's clock is right, although it leapt or went back: what is old by it may be deleted."""
    retention.believe(work.conn, work.at)
    work.note(Verb.CLOCK_BELIEVED, work.at.isoformat())


def _client_id(work: Work, slug: str) -> int | None:
    return clients.find(work.conn, slug).id if slug else None
