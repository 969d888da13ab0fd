"""Greetings in the store: what secretaries say for a client; none is overwritten, so that changes can be traced."""

from datetime import datetime
from typing import Any

from sqlalchemy import Connection, insert, select

from pbx_control.domain import checks
from pbx_control.errors import ClientMistake
from pbx_control.store.tables import greeting

# What the desk fills in when it shows the greeting.
PLACES = ("secretary", "part_of_day")


def write(connection: Connection, client_id: int, text: str, now: datetime, asked_by: str = "") -> str:
    """Puts a new greeting in force and gives its tidied text; `asked_by` says who wrote to ask for it."""
    text = checks.paragraph(text, "TEXT", places=PLACES)
    asked_by = checks.line(asked_by, "--asked-by", longest=120) if asked_by else ""
    connection.execute(insert(greeting).values(client_id=client_id, text=text, since=now, asked_by=asked_by))
    return text


def history(connection: Connection, client_id: int) -> list[dict[str, Any]]:
    """All greetings of a client, the one in force first, numbered from 1 for the oldest."""
    query = select(greeting).where(greeting.c.client_id == client_id).order_by(greeting.c.id)
    found = [
        {"version": version, "since": row.since, "asked_by": row.asked_by, "text": row.text}
        for version, row in enumerate(connection.execute(query), start=1)
    ]
    return found[::-1]


def rollback(connection: Connection, client_id: int, now: datetime, version: int | None = None) -> str:
    """Writes an old text anew: that version's, or the last one that differs from the present. Gives the text.

    Raises ClientMistake if there is no such version.
    """
    past = history(connection, client_id)
    if version is None:
        old = next((row for row in past if row["text"] != past[0]["text"]), None)
    else:
        old = next((row for row in past if row["version"] == version), None)
    if old is None:
        raise ClientMistake("there is no such earlier greeting: `greeting history` shows all")
    return write(connection, client_id, old["text"], now, f"rollback to {old['version']}")
