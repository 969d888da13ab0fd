"""Greetings in the store: what secretaries say for a client; none is overwritten, so that changes can be traced."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, insert, select

from pbx_control.store.tables import greeting


@dataclass(frozen=True, slots=True)
class Version:
    """A greeting that a client has had, numbered from 1 for the oldest."""

    version: int
    since: datetime
    asked_by: str  # who asked for the change in writing
    text: str


def insert_row(connection: Connection, client_id: int, text: str, since: datetime, asked_by: str) -> None:
    """Puts a greeting in force."""
    connection.execute(insert(greeting).values(client_id=client_id, text=text, since=since, asked_by=asked_by))


def history(connection: Connection, client_id: int) -> list[Version]:
    """All greetings of a client, the one in force first."""
    query = select(greeting).where(greeting.c.client_id == client_id).order_by(greeting.c.id)
    found = [
        Version(version, row.since, row.asked_by, row.text)
        for version, row in enumerate(connection.execute(query), start=1)
    ]
    return found[::-1]
