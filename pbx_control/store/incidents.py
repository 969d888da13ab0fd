"""The register of incidents in the store: it is only ever added to."""

from collections.abc import Sequence
from dataclasses import dataclass, fields
from datetime import datetime

from sqlalchemy import Connection, func, insert, select

from pbx_control.domain.keeping.incidents import Entry, EntryKind, Incident
from pbx_control.errors import ClientMistake, Code
from pbx_control.store.engine import is_new, new_id
from pbx_control.store.rows import record
from pbx_control.store.tables import client, incident, incident_client, incident_entry, incident_letter, letter


@dataclass(frozen=True, slots=True, kw_only=True)
class Listed:
    """An incident in a list: how many clients it concerns, and how many of them were written to."""

    id: int
    happened_at: datetime
    known_at: datetime
    title: str
    clients: int
    told: int
    closed_at: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """A letter that told a client of it."""

    client: str  # slug
    channel: str
    address: str
    message_id: str
    sent_at: datetime  # into the outbox
    delivered_at: datetime | None


def add(conn: Connection, values: dict[str, object], client_ids: Sequence[int]) -> int:
    """Keeps a new incident, and whom it concerns; gives its number."""
    number = new_id(conn, incident, values)
    conn.execute(insert(incident_client), [{"incident_id": number, "client_id": one} for one in client_ids])
    return number


def get(conn: Connection, number: int) -> Incident:
    """One incident. Raises ClientMistake if there is none of that number."""
    row = conn.execute(select(incident).where(incident.c.id == number)).one_or_none()
    if row is None:
        raise ClientMistake("there is no incident {id}", Code.NO_SUCH_INCIDENT, id=number)
    return record(Incident, row)


def concerned(conn: Connection, number: int) -> list[str]:
    """The slugs of the clients that it concerns, sorted."""
    query = select(client.c.slug).join_from(incident_client, client).where(incident_client.c.incident_id == number)
    return list(conn.scalars(query.order_by(client.c.slug)))


def note(conn: Connection, number: int, kind: EntryKind, at: datetime, who: str, text: str) -> None:
    """Adds an entry."""
    values = {"incident_id": number, "kind": kind.value, "at": at, "who": who, "text": text}
    conn.execute(insert(incident_entry).values(values))


def note_once(
    conn: Connection,
    number: int,
    kind: EntryKind,
    at: datetime,
    who: str,
    *,
    text: str = "",
    client_id: int | None = None,
) -> bool:
    """Adds that it was closed, or that a client was written to; False if that stands there already. Of two that add it
    at the same instant one gets True."""
    values = {"incident_id": number, "kind": kind.value, "at": at, "who": who, "text": text, "client_id": client_id}
    return is_new(conn, incident_entry, values)


def note_letters(conn: Connection, number: int, client_id: int, message_ids: Sequence[str]) -> None:
    """Keeps which letters told the client."""
    same = {"incident_id": number, "client_id": client_id}
    conn.execute(insert(incident_letter), [same | {"message_id": one} for one in message_ids])


def entries(conn: Connection, number: int) -> list[Entry]:
    """What was added to it, in order."""
    columns = [incident_entry.c[name] for name in ("at", "who", "kind", "text")]
    query = (
        select(*columns, client.c.slug.label("client"))
        .select_from(incident_entry.outerjoin(client))
        .where(incident_entry.c.incident_id == number)
        .order_by(incident_entry.c.id)
    )
    return [Entry(**(dict(row._mapping) | {"kind": EntryKind(row.kind)})) for row in conn.execute(query)]


def told(conn: Connection, number: int) -> list[Told]:
    """The letters that told of it, in the order in which they were written."""
    query = (
        select(
            client.c.slug.label("client"),
            letter.c.channel,
            letter.c.address,
            letter.c.message_id,
            letter.c.written_at.label("sent_at"),
            letter.c.delivered_at,
        )
        .join_from(incident_letter, letter, letter.c.message_id == incident_letter.c.message_id)
        .join(client, client.c.id == incident_letter.c.client_id)
        .where(incident_letter.c.incident_id == number)
        .order_by(letter.c.id)
    )
    return [record(Told, row) for row in conn.execute(query)]


def rows(conn: Connection, limit: int = 100) -> list[Listed]:
    """The newest incidents, the newest first."""
    of_it = incident_entry.c.incident_id == incident.c.id
    sent = select(func.count()).where(of_it, incident_entry.c.kind == EntryKind.SENT.value)
    closed = select(func.max(incident_entry.c.at)).where(of_it, incident_entry.c.kind == EntryKind.CLOSED.value)
    concerns = select(func.count()).where(incident_client.c.incident_id == incident.c.id)
    query = select(
        *(incident.c[one.name] for one in fields(Listed) if one.name in incident.c),
        concerns.scalar_subquery().label("clients"),
        sent.scalar_subquery().label("told"),
        closed.scalar_subquery().label("closed_at"),
    )
    return [record(Listed, row) for row in conn.execute(query.order_by(incident.c.id.desc()).limit(limit))]
