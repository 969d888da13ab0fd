"""Callers whose data nobody uses while a request of theirs is decided (Ley 21.719): the one place that says which.

A restriction is about what there was when it began: calls that were over by then. A call that came later, or lasted, is
a purpose of its own and is served as any other. Every question that shows, sends or deletes something of a call asks
here (docs/data-protection.md).
"""

from collections.abc import Callable, Collection
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Connection, FromClause, and_, exists, func, or_, select, update

from pbx_control.catalogue import N_
from pbx_control.domain.keeping.retention import ERASED
from pbx_control.domain.notices.messages import REPORT
from pbx_control.errors import ClientMistake, Code
from pbx_control.store.engine import new_id
from pbx_control.store.rows import record
from pbx_control.store.tables import appointment, call, client, letter, restriction

# What stands in the place of what is not shown.
INSTEAD = N_("blocked while a request is decided")

# Under these locks of PostgreSQL's, one for each number, a caller is blocked, or what is about no call of his erased.
LOCK = 7_304


@dataclass(frozen=True, slots=True, kw_only=True)
class Restriction:
    """One that is in force. `client` is "" where it is about the calls to all."""

    id: int
    number: str
    client_id: int | None
    client: str  # slug
    why: str
    since: datetime


def covers(of: FromClause = call) -> ColumnElement[bool]:
    """Whether a call's data may not be used; `of` is the table of calls, or another name for it, in the query."""
    return exists().where(restriction.c.lifted_at.is_(None), *_covered(of)).correlate(of)


def covers_appointment() -> ColumnElement[bool]:
    """Whether nobody uses what is known of whom an appointment is for, in a query that has `appointment`: a restriction
    of his number, or of the call in which it was booked, was begun later."""
    his = restriction.c.number == appointment.c.number, appointment.c.booked_at <= restriction.c.since
    about = or_(restriction.c.client_id.is_(None), restriction.c.client_id == appointment.c.client_id)
    named = appointment.c.number != ""
    of_number = exists().where(restriction.c.lifted_at.is_(None), named, about, *his).correlate(appointment)
    booked_in = call.alias()
    of_call = exists().where(booked_in.c.id == appointment.c.call_id, covers(booked_in)).correlate(appointment)
    return or_(of_number, of_call)


def was_lifted(since: datetime) -> ColumnElement[bool]:
    """Whether a call's data may be used again since then or later, in a query that has `call`."""
    return exists().where(restriction.c.lifted_at >= since, *_covered(call)).correlate(call)


def stops() -> ColumnElement[bool]:
    """Whether a letter, in a query that has `letter`, is about such a call, or is a report that tells of one."""
    about, told = call.alias(), call.alias()
    # The few restrictions are read first, then one call by its id, or those of a few callers to that client.
    of_one = exists().where(about.c.id == letter.c.call_id, covers(about))
    blocked = select(restriction.c.number).where(restriction.c.lifted_at.is_(None))
    in_report = exists().where(told.c.caller.in_(blocked), _report_tells_of(told), covers(told))
    return or_(of_one.correlate(letter), in_report.correlate(letter))


def pauses(conn: Connection, letter_id: int) -> list[tuple[datetime, datetime]]:
    """From when until when a letter could not be used for that, as far as it is over."""
    about = call.alias()
    theirs = or_(about.c.id == letter.c.call_id, _report_tells_of(about)), *_covered(about)
    query = select(restriction.c.since, restriction.c.lifted_at).distinct()
    rows = conn.execute(query.where(letter.c.id == letter_id, *theirs, restriction.c.lifted_at.is_not(None)))
    return [(row.since, row.lifted_at) for row in rows]


def _report_tells_of(of: FromClause) -> ColumnElement[bool]:
    """Whether `letter` is the daily report that tells of that call (`missed.reported`); its file has it, too."""
    is_report = letter.c.call_id.is_(None), letter.c.message_id.startswith(f"{REPORT}.")
    return and_(*is_report, of.c.client_id == letter.c.client_id, of.c.reported_at == letter.c.written_at)


def _covered(of: FromClause) -> tuple[ColumnElement[bool], ...]:
    """That a restriction, in force or over, is about that call."""
    about = or_(restriction.c.client_id.is_(None), restriction.c.client_id == of.c.client_id)
    return restriction.c.number == of.c.caller, of.c.ended_at <= restriction.c.since, about


def of_calls(conn: Connection, calls: Collection[str]) -> set[str]:
    """Those of the calls whose data may not be used."""
    return set(conn.scalars(select(call.c.id).where(call.c.id.in_(list(calls)), covers())))


def refuse(conn: Connection, call_id: str) -> None:
    """Raises ClientMistake (RESTRICTED) if the call's data may not be used."""
    if of_calls(conn, [call_id]):
        raise refusal(call_id)


def refusal(what: str) -> ClientMistake:
    """What is said instead of the content of a call, or (by its number) of a letter."""
    return ClientMistake("{call}: blocked while a request is decided", Code.RESTRICTED, call=what)


def in_force(conn: Connection, number: str | None = None) -> list[Restriction]:
    """The restrictions in force, of that number or of all, the oldest first."""
    query = _query().where(restriction.c.lifted_at.is_(None)).order_by(restriction.c.id)
    if number is not None:
        query = query.where(restriction.c.number == number)
    return [record(Restriction, row, client=row.client or "") for row in conn.execute(query)]


def of_client(conn: Connection, client_id: int) -> bool:
    """Whether one is in force about a caller of that client's."""
    calls_it = exists().where(call.c.client_id == client_id, covers())
    about = or_(restriction.c.client_id == client_id, restriction.c.client_id.is_(None))
    query = select(restriction.c.id).where(restriction.c.lifted_at.is_(None), about)
    return bool(conn.scalar(query.limit(1))) and bool(
        conn.scalar(query.where(restriction.c.client_id == client_id).limit(1)) or conn.scalar(select(calls_it))
    )


def is_known(conn: Connection, number: str, client_id: int | None, since: datetime) -> bool:
    """Whether a caller's data was, or is, restricted since just then for that client, or (None) for all."""
    same = restriction.c.number == number, restriction.c.since == since, _of(client_id)
    return conn.scalar(select(restriction.c.id).where(*same).limit(1)) is not None


def keep_out(conn: Connection, number: str) -> None:
    """Nobody else blocks that number's data until the transaction ends (SQLite has one writer anyway)."""
    if conn.dialect.name == "postgresql":
        # There may be no row to lock: of some callers there are papers alone.
        conn.execute(select(func.pg_advisory_xact_lock(LOCK, func.hashtext(number))))


def add(
    conn: Connection, number: str, client_id: int | None, why: str, at: datetime, request_id: int | None = None
) -> int:
    """Restricts what there is of a caller from `at` on; gives the restriction's number."""
    keep_out(conn, number)
    if conn.dialect.name == "postgresql":
        # A deletion has locked the calls that it is about: either it is over by now, or it will see this.
        conn.execute(select(call.c.id).where(call.c.caller == number).with_for_update(read=True)).all()
    values = {"number": number, "client_id": client_id, "why": why, "since": at, "request_id": request_id}
    return new_id(conn, restriction, values)


def lift(conn: Connection, number: str, client_id: int | None, at: datetime) -> list[int]:
    """Ends what restricts a caller's data for that client, or (None) for all; gives the numbers of what ended."""
    same = restriction.c.number == number, restriction.c.lifted_at.is_(None), _of(client_id)
    lifting = update(restriction).where(*same).values(lifted_at=at).returning(restriction.c.id)
    return sorted(conn.scalars(lifting))


def forget_lifted(conn: Connection, number: str, of: Callable[[int | None], bool]) -> int:
    """Takes a caller out of restrictions that are over, of the clients (None: all) that `of` names; gives how many."""
    over = restriction.c.number == number, restriction.c.lifted_at.is_not(None)
    rows = conn.execute(select(restriction.c.id, restriction.c.client_id).where(*over)).all()
    ids = [row.id for row in rows if of(row.client_id)]
    nobody = update(restriction).where(restriction.c.id.in_(ids)).values(number=ERASED, why=ERASED)
    return conn.execute(nobody).rowcount


def _of(client_id: int | None) -> ColumnElement[bool]:
    return restriction.c.client_id.is_(None) if client_id is None else restriction.c.client_id == client_id


def _query() -> Any:
    columns = (restriction.c.id, restriction.c.number, restriction.c.client_id, restriction.c.why, restriction.c.since)
    return select(*columns, client.c.slug.label("client")).select_from(restriction.outerjoin(client))
