"""Greetings in the store: what secretaries say for a client; none is overwritten, so that changes can be traced."""

from datetime import datetime
from typing import Any

from sqlalchemy import Connection, insert, select

from pbx_control.store.tables import greeting


def insert_row(connection: Connection, client_id: int, text: str, since: datetime, asked_by: str) -> None:
    """Puts a greeting in force."""
    connection.execute(insert(greeting).values(client_id=client_id, text=text, since=since, asked_by=asked_by))


def history(connection: Connection, client_id: int) -> list[dict[str, Any]]:
    """All greetings of a client, the one in force first, numbered from 1 for the oldest."""
    query = select(greeting).where(greeting.c.client_id == client_id).order_by(greeting.c.id)
    found = [
        {"version": version, "since": row.since, "asked_by": row.asked_by, "text": row.text}
        for version, row in enumerate(connection.execute(query), start=1)
    ]
    return found[::-1]
