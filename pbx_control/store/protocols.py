"""Protocols in the store: what clients want asked and told; none is overwritten, so that changes can be traced."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, bindparam, func, insert, select

from pbx_control.domain.desk.protocol import Protocol, default_protocol, of_json, to_json
from pbx_control.errors import ClientMistake, Code
from pbx_control.store import clients
from pbx_control.store.fixed import FixedQuery
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
    return _IN_FORCE.first(conn, client=client_id) or _house(conn, client_id)


def content(conn: Connection, client_id: int, protocol_id: int | None) -> Protocol:
    """What a client's version with that id asks and tells, as a call or a message remembers it; None: the house's own.

    An id of another client's protocol, or of one that was erased, gives the house's own, too.
    """
    if protocol_id is not None and (kept := _CONTENT.first(conn, protocol=protocol_id, client=client_id)):
        return kept
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
    rows = enumerate(conn.execute(query), start=1)
    return [_version(row.id, number, row.since, row.asked_by, row.content) for number, row in rows][::-1]


def _version(id: int, version: int, since: datetime, asked_by: str, content: str) -> Version:
    return Version(id, version, since, asked_by, of_json(content))


def _house(conn: Connection, client_id: int) -> Version:
    return Version(None, 0, None, "", default_protocol(clients.language_of(conn, client_id)))


_older = protocol.alias()
_IN_FORCE = FixedQuery(
    _version,
    select(
        protocol.c.id,
        select(func.count())
        .select_from(_older)
        .where(_older.c.client_id == protocol.c.client_id)
        .scalar_subquery()
        .label("version"),
        protocol.c.since,
        protocol.c.asked_by,
        protocol.c.content,
    )
    .where(protocol.c.client_id == bindparam("client"))
    .order_by(protocol.c.id.desc())
    .limit(1),
)
_CONTENT = FixedQuery(
    lambda content: of_json(content),
    select(protocol.c.content).where(
        protocol.c.id == bindparam("protocol"), protocol.c.client_id == bindparam("client")
    ),
)
