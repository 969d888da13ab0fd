"""The register of what callers ask for by their rights (Ley 21.719), each with its steps."""

from collections.abc import Callable, Collection, Sequence
from dataclasses import asdict, dataclass
from datetime import date, datetime
from typing import Any

from sqlalchemy import Connection, Select, func, insert, select, update

from pbx_control.domain.audit import Actor, ActorKind
from pbx_control.domain.keeping.erasure import without_person
from pbx_control.domain.keeping.requests import RequestKind, Step
from pbx_control.domain.keeping.retention import ERASED, What
from pbx_control.errors import ClientMistake, Code
from pbx_control.store.engine import new_id
from pbx_control.store.tables import caller_request, caller_request_step, client, receipt


@dataclass(frozen=True, slots=True, kw_only=True)
class NewRequest:
    """A request as it is entered."""

    number: str  # as calls have it
    fingerprint: str
    client_id: int | None
    kind: RequestKind
    received_at: datetime
    last_day: date
    note: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class CallerRequest:
    """A request as it is kept. `client` is "" where it is about the calls to all."""

    id: int
    number: str
    fingerprint: str
    client_id: int | None
    client: str  # slug
    kind: RequestKind
    received_at: datetime
    last_day: date  # in the office's zone
    note: str
    closed_at: datetime | None
    answer: str
    receipt_id: int | None  # of the erasure that was made for it


@dataclass(frozen=True, slots=True)
class Taken:
    """One step: what was done, when and by whom; the SHA-256 of the text that was kept with it, "" if none was."""

    at: datetime
    actor: Actor
    what: Step
    sha256: str = ""


def add(conn: Connection, new: NewRequest) -> int:
    """Enters a request; gives its number."""
    return new_id(conn, caller_request, asdict(new) | {"kind": new.kind.value})


def get(conn: Connection, request_id: int, *, lock: bool = False) -> CallerRequest:
    """One request. `lock`: nobody changes it until the transaction ends. Raises ClientMistake if there is none."""
    if lock and conn.dialect.name == "postgresql":
        conn.execute(select(caller_request.c.id).where(caller_request.c.id == request_id).with_for_update()).all()
    row = conn.execute(_query().where(caller_request.c.id == request_id)).one_or_none()
    if row is None:
        raise ClientMistake("there is no request {id}", Code.NO_SUCH_REQUEST, id=request_id)
    return _request(row)


def rows(conn: Connection, *, open_only: bool = False) -> list[CallerRequest]:
    """All requests, or those that are not answered, the one whose limit is nearest first."""
    query = _query().order_by(caller_request.c.last_day, caller_request.c.id)
    if open_only:
        query = query.where(caller_request.c.closed_at.is_(None))
    return [_request(row) for row in conn.execute(query)]


def close(conn: Connection, request_id: int, answer: str, at: datetime, receipt_id: int | None) -> None:
    """Keeps the answer."""
    values = {"closed_at": at, "answer": answer, "receipt_id": receipt_id}
    conn.execute(update(caller_request).where(caller_request.c.id == request_id).values(values))


def add_step(conn: Connection, request_id: int, step: Taken) -> None:
    """Writes a step of a request, after those that are there."""
    steps = caller_request_step
    last = conn.scalar(select(func.max(steps.c.seq)).where(steps.c.request_id == request_id)) or 0
    values = {"at": step.at, "actor": step.actor.kind.value, "who": step.actor.name, "what": step.what.value}
    more = {"request_id": request_id, "seq": last + 1, "sha256": step.sha256}
    conn.execute(insert(steps).values(values | more))


def steps_of(conn: Connection, request_id: int) -> list[Taken]:
    """The steps of a request, in order."""
    steps = caller_request_step
    query = select(steps).where(steps.c.request_id == request_id).order_by(steps.c.seq)
    return [
        Taken(row.at, Actor(ActorKind(row.actor), row.who), Step(row.what), row.sha256) for row in conn.execute(query)
    ]


def erasure_since(conn: Connection, fingerprint: str, since: datetime) -> int | None:
    """The number of the newest receipt for the erasure of that caller since then, if there is one."""
    his = receipt.c.what == What.CALLER_DATA.value, receipt.c.sha256 == fingerprint, receipt.c.at >= since
    found: int | None = conn.scalar(select(func.max(receipt.c.id)).where(*his))
    return found


def forget(conn: Connection, number: str, names: Collection[str], of: Callable[[int | None], bool]) -> int:
    """Takes a caller out of his requests about the clients (None: all) that `of` names; gives how many said something
    of him. That they were made, and when they were answered, stays.

    One that is open keeps his number: the office could answer nobody.
    """
    forgotten = 0
    for one in _of_number(conn, number, lock=True):
        if not of(one.client_id):
            continue
        new = {name: without_person(getattr(one, name), number, names) for name in ("note", "answer")}
        if one.closed_at is not None:
            new["number"] = ERASED
        if any(getattr(one, name) != value for name, value in new.items()):
            conn.execute(update(caller_request).where(caller_request.c.id == one.id).values(new))
            forgotten += 1
    return forgotten


def forget_number(conn: Connection, request_id: int) -> None:
    """Takes the number out of one request."""
    conn.execute(update(caller_request).where(caller_request.c.id == request_id).values(number=ERASED))


def open_of(conn: Connection, number: str) -> list[int]:
    """The numbers of the caller's requests that are not answered."""
    return [one.id for one in _of_number(conn, number) if one.closed_at is None]


def _of_number(conn: Connection, number: str, *, lock: bool = False) -> Sequence[CallerRequest]:
    query = _query().where(caller_request.c.number == number).order_by(caller_request.c.id)
    if lock and conn.dialect.name == "postgresql":
        # One that is closed meanwhile must not keep the number.
        query = query.with_for_update(of=caller_request)
    return [_request(row) for row in conn.execute(query).all()]


def _query() -> Select[Any]:
    return select(caller_request, client.c.slug.label("client")).select_from(caller_request.outerjoin(client))


def _request(row: Any) -> CallerRequest:
    values = dict(row._mapping) | {"client": row.client or "", "kind": RequestKind(row.kind)}
    return CallerRequest(**values)
