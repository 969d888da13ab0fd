"""What is read for a secretary's desk: one call with its client, the greeting that she was shown, whom she may call."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, bindparam, select

from pbx_control.store import restrictions
from pbx_control.store.fixed import FixedQuery
from pbx_control.store.tables import call, client, contact, greeting, seat_claim, secretary, shown


@dataclass(frozen=True, slots=True, kw_only=True)
class CallOnDesk:
    """A call and its client."""

    client_id: int
    slug: str
    client_name: str
    language: str  # of the client
    timezone: str  # of the client
    did: str
    caller: str
    caller_name: str
    arrived_at: datetime
    answered_at: datetime | None
    outcome: str


@dataclass(frozen=True, slots=True)
class ContactOnDesk:
    """Somebody whom she may consult."""

    id: int
    name: str
    department: str
    key: int | None
    away_until: datetime | None


_CALL = FixedQuery(
    CallOnDesk,
    select(
        call.c.did,
        call.c.caller,
        call.c.caller_name,
        call.c.arrived_at,
        call.c.answered_at,
        call.c.outcome,
        client.c.id.label("client_id"),
        client.c.slug,
        client.c.name.label("client_name"),
        client.c.language,
        client.c.timezone,
    )
    .join_from(call, client)
    .where(call.c.id == bindparam("call"), ~restrictions.covers()),
)
_GREETING: FixedQuery[str] = FixedQuery(
    lambda text: text,
    select(greeting.c.text)
    .join(shown, shown.c.greeting_id == greeting.c.id)
    .where(shown.c.call_id == bindparam("call"), shown.c.secretary_id == bindparam("her")),
)
_NAME: FixedQuery[str] = FixedQuery(
    lambda name: name, select(secretary.c.name).where(secretary.c.id == bindparam("her"))
)
_CONTACTS = FixedQuery(
    ContactOnDesk,
    select(contact.c.id, contact.c.name, contact.c.department, contact.c.key, contact.c.away_until).where(
        contact.c.client_id == bindparam("client")
    ),
)


def call_on_desk(conn: Connection, call_id: str) -> CallOnDesk | None:
    """A call of a client's; None if there is no such call, it is nobody's, or a request of the caller's is decided."""
    return _CALL.first(conn, call=call_id)


def greeting_shown(conn: Connection, call_id: str, secretary_id: int) -> str:
    """The client's greeting that was in force when the call was put on her desk; "" if it had none."""
    return _GREETING.first(conn, call=call_id, her=secretary_id) or ""


def has_now(conn: Connection, call_id: str, secretary_id: int) -> bool:
    """Whether she is offered the call, or has it."""
    query = select(seat_claim.c.call_id).where(seat_claim.c.call_id == call_id)
    return conn.scalar(query.where(seat_claim.c.secretary_id == secretary_id)) is not None


def name_of(conn: Connection, secretary_id: int) -> str:
    """A secretary's name."""
    return _NAME.first(conn, her=secretary_id) or ""


def contacts_of(conn: Connection, client_id: int) -> list[ContactOnDesk]:
    """A client's contacts, those with a key first."""
    return sorted(_CONTACTS.all(conn, client=client_id), key=lambda one: (one.key or 99, one.name))
