"""What programs page through by the API: of one client or, for the office's tokens, of all (`client_id` None).

Lists of calls and messages give only whose they are and which: what is shown of each goes through its own client's
questions (`store/inbox.py`). Each list is in one order, in which equal instants are ordered by the id.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import ColumnElement, Connection, and_, select, tuple_

from pbx_control.domain.agenda.rules import AgendaCalendar
from pbx_control.domain.office import ClientState
from pbx_control.store import agenda, restrictions
from pbx_control.store.inbox import told
from pbx_control.store.rows import record
from pbx_control.store.tables import calendar, call, client, did, message


@dataclass(frozen=True, slots=True)
class Place:
    """A call, whose it is, and when it came or was written about: where a page ends."""

    at: datetime
    call_id: str
    client_id: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Span:
    """From an instant on, until another one; what is None is not asked for."""

    since: datetime | None = None
    until: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ClientShown:
    """A client as programs read it."""

    id: int
    slug: str
    name: str
    state: ClientState
    language: str
    timezone: str
    week: str
    number: str | None  # its main one


After = tuple[datetime, str] | None


def calls(conn: Connection, client_id: int | None, span: Span, after: After, limit: int) -> list[Place]:
    """The newest calls of which there is something to tell, newest first."""
    at = call.c.arrived_at
    query = select(at.label("at"), call.c.id.label("call_id"), call.c.client_id).where(told(), _mine(client_id))
    query = query.where(*_within(at, span))
    if after:
        query = query.where(tuple_(at, call.c.id) < tuple_(*after))
    rows = conn.execute(query.order_by(at.desc(), call.c.id.desc()).limit(limit))
    return [record(Place, row) for row in rows]


def call_of(conn: Connection, client_id: int | None, call_id: str) -> Place | None:
    """That call, if there is something to tell of it."""
    query = select(call.c.arrived_at.label("at"), call.c.id.label("call_id"), call.c.client_id)
    row = conn.execute(query.where(call.c.id == call_id, told(), _mine(client_id))).one_or_none()
    return record(Place, row) if row else None


def messages(
    conn: Connection, client_id: int | None, span: Span, call_id: str, after: After, limit: int, *, discreet: bool
) -> list[Place]:
    """The calls about which words were sent, those that were sent last first: none of a caller whose request is being
    decided and, if `discreet`, none of a client that handles sensitive matters."""
    at = message.c.sent_at
    query = select(at.label("at"), call.c.id.label("call_id"), call.c.client_id).join_from(message, call)
    query = query.where(message.c.version > 0, told(), _mine(client_id), ~restrictions.covers(), *_within(at, span))
    if discreet:
        query = query.join(client, client.c.id == call.c.client_id).where(~client.c.sensitive)
    if call_id:
        query = query.where(call.c.id == call_id)
    if after:
        query = query.where(tuple_(at, message.c.call_id) < tuple_(*after))
    rows = conn.execute(query.order_by(at.desc(), message.c.call_id.desc()).limit(limit))
    return [record(Place, row) for row in rows]


def clients(conn: Connection, client_id: int | None, after: str, limit: int) -> list[ClientShown]:
    """The clients that were not erased, by slug."""
    names = [client.c[name] for name in ("id", "slug", "name", "state", "language", "timezone", "week")]
    query = select(*names, did.c.number).select_from(
        client.outerjoin(did, and_(did.c.client_id == client.c.id, did.c.main))
    )
    query = query.where(client.c.erased_at.is_(None), client.c.slug > after)
    if client_id is not None:
        query = query.where(client.c.id == client_id)
    rows = conn.execute(query.order_by(client.c.slug).limit(limit))
    return [record(ClientShown, row, state=ClientState(row.state)) for row in rows]


def calendars(conn: Connection, client_id: int | None, after: int, limit: int) -> Sequence[AgendaCalendar]:
    """The calendars that were not removed, by number."""
    query = select(calendar.c.id).where(calendar.c.removed_at.is_(None), calendar.c.id > after)
    if client_id is not None:
        query = query.where(calendar.c.client_id == client_id)
    found = conn.scalars(query.order_by(calendar.c.id).limit(limit)).all()
    return [one for number in found if (one := agenda.calendar_by_id(conn, number, client_id))]


def _mine(client_id: int | None) -> ColumnElement[bool]:
    # A call to a number that is nobody's is no client's.
    return call.c.client_id.is_not(None) if client_id is None else call.c.client_id == client_id


def _within(at: ColumnElement[datetime], span: Span) -> list[ColumnElement[bool]]:
    found = [] if span.since is None else [at >= span.since]
    return found if span.until is None else [*found, at < span.until]
