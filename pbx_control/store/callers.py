"""The calls of a caller, found by number, and what stands in the way of erasing them (Ley 21.719)."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, or_, select

from pbx_control.domain.keeping.retention import ERASED
from pbx_control.domain.notices.messages import Kind
from pbx_control.store import holds, restrictions, retention
from pbx_control.store.caller_data import Whose
from pbx_control.store.rows import record
from pbx_control.store.tables import (
    appointment,
    call,
    caller_mark,
    caller_request,
    client,
    contact,
    letter,
    restriction,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class CallerCall:
    """One call of a caller's."""

    id: str
    client: str  # slug
    did: str
    name: str
    arrived_at: datetime
    outcome: str
    recording: str
    message: str
    lasts: bool
    held: str  # why, "" if it is not
    restricted: bool = False  # a request of the caller's is being decided
    elsewhere: str = ""  # the node that has its files, if that is another


@dataclass(frozen=True, slots=True)
class NamedContact:
    """A client's contact, by its name."""

    client: str  # slug
    name: str


def calls_of(conn: Connection, number: str, *, client_id: int | None = None) -> list[CallerCall]:
    """The calls from that number (as calls have it), to that client or to all, oldest first."""
    elsewhere = retention.is_elsewhere(conn).label("elsewhere")
    query = select(call, client.c.slug, elsewhere).select_from(call.outerjoin(client)).where(call.c.caller == number)
    if client_id is not None:
        query = query.where(call.c.client_id == client_id)
    rows = conn.execute(query.order_by(call.c.arrived_at, call.c.id)).all()
    held = holds.reasons(conn, [row.id for row in rows])
    restricted = restrictions.of_calls(conn, [row.id for row in rows])
    return [
        CallerCall(
            id=row.id,
            client=row.slug or "",
            did=row.did,
            name=row.caller_name,
            arrived_at=row.arrived_at,
            outcome=row.outcome,
            recording=row.recording,
            message=row.message,
            lasts=row.ended_at is None or row.state is not None,
            held=held.get(row.id, ""),
            restricted=row.id in restricted,
            elsewhere=row.node if row.elsewhere and (row.recording or row.message) else "",
        )
        for row in rows
    ]


def lock(conn: Connection, calls: Collection[str]) -> None:
    """Nobody holds or blocks these calls, or writes about them, until the transaction ends (SQLite has one writer
    anyway)."""
    if conn.dialect.name == "postgresql":
        # By itself: what the next statement reads is then newer than whatever this one waited for.
        conn.execute(select(call.c.id).where(call.c.id.in_(list(calls))).order_by(call.c.id).with_for_update()).all()


def numbers(conn: Connection) -> list[str]:
    """Every number from which somebody has called, or that is in a mark, a request, a restriction or an appointment."""
    columns = (call.c.caller, caller_mark.c.number, caller_request.c.number, restriction.c.number, appointment.c.number)
    found = {number for column in columns for number in conn.scalars(select(column).distinct())}
    return sorted(found - {"", ERASED})


def letters_about(conn: Connection, calls: Collection[str], *, waiting: bool = False) -> list[int]:
    """The numbers of the letters about these calls; `waiting`: only those that are still to be sent. Events for
    programs are none: they need nobody's word to go."""
    theirs = letter.c.call_id.in_(list(calls)), letter.c.kind != Kind.WEBHOOK.value
    query = select(letter.c.id).where(*theirs).order_by(letter.c.id)
    return list(conn.scalars(query.where(letter.c.due_at.is_not(None)) if waiting else query))


def contacts_with(conn: Connection, number: str) -> list[NamedContact]:
    """Contacts of clients who have that number: they are no callers' data, and stay."""
    query = select(client.c.slug.label("client"), contact.c.name).join_from(contact, client)
    query = query.where(or_(contact.c.number == number, contact.c.then_number == number))
    return [record(NamedContact, row) for row in conn.execute(query.order_by(client.c.slug, contact.c.name))]


def whose(calls: Collection[CallerCall], number: str, *, client_id: int | None = None) -> Whose:
    """The caller of these calls, for the list of what is kept of him (`store/caller_data.py`)."""
    names = {call.name for call in calls if call.name}
    return Whose(number=number, calls=[call.id for call in calls], names=names, client_id=client_id)
