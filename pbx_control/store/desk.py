"""What is read for a secretary's desk: one call with its client, the greeting that she was shown, whom she may call."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, select

from pbx_control.store.rows import record
from pbx_control.store.tables import call, client, contact, greeting, secretary, shown


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


def call_on_desk(conn: Connection, call_id: str) -> CallOnDesk | None:
    """A call of a client's; None if there is no such call, or nobody's."""
    of_call = (call.c.did, call.c.caller, call.c.caller_name, call.c.arrived_at, call.c.answered_at, call.c.outcome)
    of_client = (
        client.c.id.label("client_id"),
        client.c.slug,
        client.c.name.label("client_name"),
        client.c.language,
        client.c.timezone,
    )
    row = conn.execute(select(*of_call, *of_client).join_from(call, client).where(call.c.id == call_id)).one_or_none()
    return record(CallOnDesk, row) if row else None


def greeting_shown(conn: Connection, call_id: str, secretary_id: int) -> str:
    """The client's greeting that was in force when the call was put on her desk; "" if it had none."""
    hers = shown.c.call_id == call_id, shown.c.secretary_id == secretary_id
    text = conn.scalar(select(greeting.c.text).join(shown, shown.c.greeting_id == greeting.c.id).where(*hers))
    return text or ""


def name_of(conn: Connection, secretary_id: int) -> str:
    """A secretary's name."""
    return conn.scalar(select(secretary.c.name).where(secretary.c.id == secretary_id)) or ""


def contacts_of(conn: Connection, client_id: int) -> list[ContactOnDesk]:
    """A client's contacts, those with a key first."""
    columns = (contact.c.id, contact.c.name, contact.c.department, contact.c.key)
    rows = conn.execute(select(*columns).where(contact.c.client_id == client_id))
    found = [record(ContactOnDesk, row) for row in rows]
    return sorted(found, key=lambda one: (one.key or 99, one.name))
