"""The register of what callers ask for by their rights (Ley 21.719): entered, answered within its limit, and provable.

Each step is kept with its time and author, and with the SHA-256 of the text that went with it; steps are never changed.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime
from hashlib import sha256
from zoneinfo import ZoneInfo

from sqlalchemy import Connection, Engine

from pbx_control.catalogue import N_
from pbx_control.domain.audit import Actor, Verb
from pbx_control.domain.keeping.erasure import fingerprint, redacted
from pbx_control.domain.keeping.requests import RequestKind, Standing, Step, last_day, standing
from pbx_control.domain.notices.notes import AlarmDesk
from pbx_control.domain.notices.request_notes import compose_request_warning
from pbx_control.domain.telephony.callers import distinct_number
from pbx_control.domain.words.sentences import Sentence
from pbx_control.domain.words.wording import clean_line
from pbx_control.errors import ClientMistake, Code, Field
from pbx_control.services import restricting
from pbx_control.services.work import Work, booking
from pbx_control.settings import Home
from pbx_control.store import caller_requests, clients, letters, restrictions
from pbx_control.store.caller_requests import CallerRequest, NewRequest, Taken
from pbx_control.store.engine import reading

# Characters of a note, and of an answer.
LONGEST_TEXT = 2000
WARNINGS = {Standing.NEAR: Step.WARNED, Standing.LATE: Step.LATE}


@dataclass(frozen=True, slots=True)
class Register:
    """The office's zone, by which days count, the home's secret, by which receipts know a caller, and the home, which
    remembers whose data is blocked."""

    zone: ZoneInfo
    key: str
    home: Home


def add(
    work: Work,
    register: Register,
    text: str,
    kind: RequestKind,
    *,
    slug: str | None = None,
    received_at: datetime | None = None,
    note: str = "",
    blocks: bool = False,
) -> CallerRequest:
    """Enters a request; `blocks`: the caller's data is blocked at once, unless it is already.

    Raises ClientMistake if it is no caller's number, the client is unknown, or it came later than now.
    """
    number, came = distinct_number(text), received_at or work.at
    if came > work.at:
        raise ClientMistake("a request of later than now cannot be", Code.BAD_VALUE, field=Field("received"))
    client_id = clients.find(work.conn, slug).id if slug is not None else None
    kept_note = redacted(clean_line(note, LONGEST_TEXT), number)
    new = NewRequest(
        number=number,
        fingerprint=fingerprint(number, register.key),
        client_id=client_id,
        kind=kind,
        received_at=came,
        last_day=last_day(came, register.zone),
        note=kept_note,
    )
    request_id = caller_requests.add(work.conn, new)
    _take(work, request_id, Step.RECEIVED, kept_note)
    facts = {"kind": kind, "received_at": came, "last_day": new.last_day.isoformat()}
    work.note(Verb.REQUEST_ADDED, f"request {request_id}", client_id=client_id, new=facts)
    if blocks and not restricting.find(work.conn, number, client_id):
        restricting.block(work, register.home, number, f"request {request_id}", slug, request_id)
        _take(work, request_id, Step.BLOCKED)
    return caller_requests.get(work.conn, request_id)


def close(work: Work, request_id: int, answer: str) -> CallerRequest:
    """Keeps the answer that was given. One to a request for deletion names the erasure that was made since, if one was.
    Whoever was erased while the request was open is now taken out of it, too, unless his data is blocked.

    Raises ClientMistake if there is no such request, it is closed, or the answer is empty.
    """
    found = caller_requests.get(work.conn, request_id, lock=True)
    if found.closed_at is not None:
        raise ClientMistake("request {id} is closed already", Code.WRONG_STATE, id=request_id)
    kept = redacted(clean_line(answer, LONGEST_TEXT), found.number)
    if not kept:
        raise ClientMistake("{field} is empty: say what was answered", Code.EMPTY_VALUE, field=Field("answer"))
    erasure_id = caller_requests.erasure_since(work.conn, found.fingerprint, found.received_at)
    receipt_id = erasure_id if found.kind is RequestKind.DELETION else None
    caller_requests.close(work.conn, request_id, kept, work.at, receipt_id)
    if erasure_id and not restrictions.in_force(work.conn, found.number):
        caller_requests.forget_number(work.conn, request_id)
    _take(work, request_id, Step.CLOSED, kept)
    work.note(Verb.REQUEST_CLOSED, f"request {request_id}", client_id=found.client_id, new={"receipt": receipt_id})
    return caller_requests.get(work.conn, request_id)


def standing_of(found: CallerRequest, today: date) -> Standing:
    """How a request stands on a day of the office's."""
    return standing(found.last_day, today, closed=found.closed_at is not None)


def warn(engine: Engine, desk: AlarmDesk, actor: Actor, today: date, at: datetime) -> Sentence:
    """Writes to the office of each request whose limit is near or has passed, once each; for the schedule, daily."""
    with reading(engine) as conn:
        due = list(_due(conn, today))
    if due and not desk.address:
        nobody = N_("requests of callers near their limit or late: {count}, nobody to tell ([office] alarms_to)")
        return Sentence(nobody, count=len(due))
    told = 0
    for found, step in due:
        with booking(engine, actor, at) as work:
            told += _warn(work, desk, found, step)
    return Sentence("requests of callers near their limit or late: {count}; told of: {told}", count=len(due), told=told)


def _due(conn: Connection, today: date) -> Iterator[tuple[CallerRequest, Step]]:
    for found in caller_requests.rows(conn, open_only=True):
        if step := WARNINGS.get(standing_of(found, today)):
            yield found, step


def _warn(work: Work, desk: AlarmDesk, found: CallerRequest, step: Step) -> bool:
    """Whether it had not been told before. Looks once more: it may have been answered meanwhile."""
    now = caller_requests.get(work.conn, found.id, lock=True)
    taken = {one.what for one in caller_requests.steps_of(work.conn, found.id)}
    if now.closed_at is not None or step in taken:
        return False
    letters.add(work.conn, [compose_request_warning(found.id, found.kind, found.last_day, step, work.at, desk)])
    _take(work, found.id, step)
    work.note(Verb.REQUESTS_WARNED_OF, f"request {found.id}", client_id=found.client_id, new={"step": step})
    return True


def _take(work: Work, request_id: int, what: Step, text: str = "") -> None:
    digest = sha256(text.encode()).hexdigest() if text else ""
    caller_requests.add_step(work.conn, request_id, Taken(work.at, work.actor, what, digest))
