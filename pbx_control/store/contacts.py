"""Contacts in the store: the people of a client's to whom its calls may be transferred (rule 9)."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, delete, insert, select, update

from pbx_control.store.rows import record
from pbx_control.store.tables import client, contact

# The digits after * on a secretary's telephone that consult a contact.
KEYS = range(1, 7)


@dataclass(frozen=True, slots=True, kw_only=True)
class Contact:
    """A contact as it is kept."""

    id: int
    client_id: int
    name: str
    number: str
    then_number: str
    department: str
    key: int | None
    away_until: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Listed:
    """A contact with its client's slug, as lists show it."""

    client: str
    key: int | None
    name: str
    number: str
    then_number: str
    department: str
    away_until: datetime | None


def insert_row(connection: Connection, values: Mapping[str, Any]) -> None:
    """Keeps a new contact."""
    connection.execute(insert(contact).values(values))


def update_row(connection: Connection, contact_id: int, values: Mapping[str, Any]) -> None:
    """Changes columns of a contact."""
    connection.execute(update(contact).where(contact.c.id == contact_id).values(values))


def delete_row(connection: Connection, contact_id: int) -> None:
    """Takes a contact away."""
    connection.execute(delete(contact).where(contact.c.id == contact_id))


def find(connection: Connection, client_id: int, name: str) -> Contact | None:
    """A client's contact of that name, or None."""
    query = select(contact).where(contact.c.client_id == client_id, contact.c.name == name)
    row = connection.execute(query).one_or_none()
    return record(Contact, row) if row else None


def keys(connection: Connection, client_id: int) -> dict[str, int | None]:
    """The client's contacts by name, each with its key."""
    query = select(contact.c.name, contact.c.key).where(contact.c.client_id == client_id).order_by(contact.c.name)
    return {row.name: row.key for row in connection.execute(query)}


def rows(connection: Connection, client_id: int | None = None) -> list[Listed]:
    """The contacts of one client or of all, by client and key."""
    shown = (
        contact.c.key,
        contact.c.name,
        contact.c.number,
        contact.c.then_number,
        contact.c.department,
        contact.c.away_until,
    )
    query = select(client.c.slug.label("client"), *shown).join_from(contact, client)
    if client_id is not None:
        query = query.where(contact.c.client_id == client_id)
    found = [record(Listed, row) for row in connection.execute(query.order_by(client.c.slug, contact.c.name))]
    return sorted(found, key=lambda row: (row.client, row.key or max(KEYS) + 1))
