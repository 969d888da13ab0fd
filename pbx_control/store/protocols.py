"""Protocols in the store: what clients want asked and told; none is overwritten, so that changes can be traced."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, func, insert, select

from pbx_control.domain.desk.protocol import Protocol, default_protocol, of_json, to_json
from pbx_control.errors import ClientMistake, Code
from pbx_control.store import clients
from pbx_control.store.tables import protocol


@dataclass(frozen=True, slots=True)
class Version:
    """A protocol that a client has had, numbered from 1 for the oldest; the house's own is number 0 and has no id."""

    id: int | None
    version: int
    since: datetime | None
    asked_by: str  # who asked for the change in writing
    protocol: Protocol


def insert_row(conn: Connection, client_id: int, content: Protocol, since: datetime, asked_by: str) -> None:
    """Puts a protocol in force."""
    values = {"client_id": client_id, "content": to_json(content), "since": since, "asked_by": asked_by}
    conn.execute(insert(protocol).values(values))


def in_force(conn: Connection, client_id: int) -> Version:
    """The protocol of a client that is there; the house's own, in the client's language, if it has set none."""
    theirs = protocol.c.client_id == client_id
    newest = conn.execute(select(protocol).where(theirs).order_by(protocol.c.id.desc()).limit(1)).first()
    if newest is None:
        return _house(conn, client_id)
    count = conn.scalar(select(func.count()).select_from(protocol).where(theirs)) or 0
    return _version(newest, count)


def content(conn: Connection, client_id: int, protocol_id: int | None) -> Protocol:
    """What a client's version with that id asks and tells, as a call or a message remembers it; None: the house's own.

    An id of another client's protocol, or of one that was erased, gives the house's own, too.
    """
    if protocol_id is not None:
        query = select(protocol.c.content).where(protocol.c.id == protocol_id, protocol.c.client_id == client_id)
        if kept := conn.scalar(query):
            return of_json(kept)
    return _house(conn, client_id).protocol


def find(conn: Connection, client_id: int, version: int) -> Version:
    """A client's version of that number. Raises ClientMistake if there is none."""
    found = next((one for one in history(conn, client_id) if one.version == version), None)
    if found is None:
        raise ClientMistake("there is no such earlier protocol", Code.NO_EARLIER_PROTOCOL)
    return found


def history(conn: Connection, client_id: int) -> list[Version]:
    """All protocols that a client has set, the one in force first."""
    query = select(protocol).where(protocol.c.client_id == client_id).order_by(protocol.c.id)
    return [_version(row, number) for number, row in enumerate(conn.execute(query), start=1)][::-1]


def _version(row: Row[Any], number: int) -> Version:
    return Version(row.id, number, row.since, row.asked_by, of_json(row.content))


def _house(conn: Connection, client_id: int) -> Version:
    return Version(None, 0, None, "", default_protocol(clients.get(conn, client_id).language))
