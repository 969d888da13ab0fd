"""Blocking a caller's data while a request of his is decided (Ley 21.719): nobody sees, hears, sends or deletes it.

This is no mark by which a caller is not answered (`services/marks.py`): he is answered as before, and what comes of it
is new. The audit trail names the restriction and never the caller.
"""

from datetime import datetime

from sqlalchemy import Connection, Engine

from pbx_control.domain import checks
from pbx_control.domain.audit import Actor, Verb
from pbx_control.domain.keeping.erasure import redacted
from pbx_control.domain.keeping.retention import instant
from pbx_control.domain.telephony.callers import distinct_number
from pbx_control.errors import ClientMistake, Code
from pbx_control.media.erased import Blocked, remember_block
from pbx_control.services.work import Work, booking
from pbx_control.settings import Home
from pbx_control.store import clients, erasing, restrictions
from pbx_control.store.restrictions import Restriction


def block(
    work: Work, home: Home, text: str, why: str, slug: str | None = None, request_id: int | None = None
) -> str:
    """Blocks what there is of a caller, for that client or for all; gives the number. A restore does so again.

    Raises ClientMistake if it is no caller's number, the client is unknown, it is blocked already, or `why` is empty;
    OSError if it cannot be written down.
    """
    number = distinct_number(text)
    kept_why = redacted(checks.reason(why), number)
    client = _client(work.conn, slug)
    client_id = client[0] if client else None
    if find(work.conn, number, client_id):
        raise ClientMistake("the data of {number} is blocked there already", Code.RESTRICTED_ALREADY, number=number)
    restriction_id = restrictions.add(work.conn, number, client_id, kept_why, work.at, request_id)
    work.note(Verb.CALLER_RESTRICTED, f"restriction {restriction_id}", client_id=client_id)
    # Before it is committed: what a restore blocks in vain does less harm than what it forgets to block.
    remember_block(home, number, work.at, client, over=False)
    return number


def unblock(home: Home, engine: Engine, actor: Actor, text: str, at: datetime, slug: str | None = None) -> str:
    """Ends that; gives the number. What waited to be sent is sent, and what is due to be deleted is deleted the next
    night. Raises ClientMistake if it is not blocked there; OSError if it cannot be written down."""
    number = distinct_number(text)
    with booking(engine, actor, at) as work:
        client = _client(work.conn, slug)
        if not _lift(work, number, client[0] if client else None, at):
            raise ClientMistake("the data of {number} is not blocked there", Code.NOT_RESTRICTED, number=number)
    # Once it is committed: no restore is to end what has not ended.
    remember_block(home, number, at, client, over=True)
    return number


def do_again(work: Work, was: Blocked, number: str) -> bool:
    """Blocks a caller's data once more, or ends that, as it was done after the backup that is restored; whether it was
    not so already."""
    if was.client_id is not None and not erasing.is_client(work.conn, was.client_id, was.slug):
        return False
    standing = find(work.conn, number, was.client_id)
    if was.over:
        return bool(standing and standing.since <= was.at and _lift(work, number, was.client_id, was.at))
    if restrictions.is_known(work.conn, number, was.client_id, was.at) or (standing and standing.since > was.at):
        return False  # the backup was made while that was done, or after it
    if standing:
        _lift(work, number, was.client_id, was.at)
    why = f"again after a restore, first on {instant(was.at)}"
    restriction_id = restrictions.add(work.conn, number, was.client_id, why, was.at)
    work.note(Verb.CALLER_RESTRICTED, f"restriction {restriction_id}", client_id=was.client_id)
    return True


def find(conn: Connection, number: str, client_id: int | None) -> Restriction | None:
    """What restricts that number for that client, or (None) for all, and for nobody less."""
    return next((one for one in restrictions.in_force(conn, number) if one.client_id == client_id), None)


def _client(conn: Connection, slug: str | None) -> tuple[int, str] | None:
    """Its number and short name. Raises ClientMistake if there is no such client."""
    return (clients.find(conn, slug).id, slug) if slug is not None else None


def _lift(work: Work, number: str, client_id: int | None, at: datetime) -> list[int]:
    lifted = restrictions.lift(work.conn, number, client_id, at)
    for restriction_id in lifted:
        work.note(Verb.CALLER_UNRESTRICTED, f"restriction {restriction_id}", client_id=client_id)
    return lifted
