"""Clients in the store: the firms that are answered for."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from datetime import datetime
from difflib import get_close_matches
from typing import Any

from sqlalchemy import Connection, Row, and_, bindparam, func, select, update

from pbx_control.domain.office import ClientState
from pbx_control.errors import ClientMistake, Code
from pbx_control.store import dids, infos
from pbx_control.store.engine import new_id
from pbx_control.store.fixed import FixedQuery
from pbx_control.store.rows import record
from pbx_control.store.tables import call, client, contact, did, protocol, recipient


@dataclass(frozen=True, slots=True, kw_only=True)
class Client:
    """A client as it is kept; what the columns mean is told in `tables.client`."""

    id: int
    slug: str
    name: str
    language: str
    timezone: str
    state: ClientState
    rut: str
    legal_name: str
    business: str
    address: str
    invoice_as: str
    after_call: int  # seconds
    exhausted_messages: bool
    exhausted_report: bool
    week: str
    recording: bool
    music: bool
    wait_limit: int  # seconds
    summary_closed: bool
    sensitive: bool
    campaigns: bool
    takes_messages: bool
    early_media: str
    repeat_within: int  # seconds
    short_call: int  # seconds
    calls_out_at_once: int
    calls_out_a_day: int
    urgent_interval: int  # seconds
    urgent_rounds: int
    created_at: datetime
    cancelled_at: datetime | None
    erased_at: datetime | None


@dataclass(frozen=True, slots=True)
class Listed:
    """A client with its main number, as lists show it."""

    slug: str
    name: str
    state: ClientState
    language: str
    week: str
    number: str | None


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What belongs to a client, beside its own row."""

    numbers: list[str]
    recipients: list[str]  # addresses
    contacts: list[str]  # names
    protocol_since: datetime | None  # None: the house's own is in force
    ready_made_texts: list[str]  # names
    calls: int


def find(connection: Connection, slug: str) -> Client:
    """The client. Raises ClientMistake, naming slugs that look alike, if there is none."""
    row = connection.execute(select(client).where(client.c.slug == slug)).one_or_none()
    if row is None:
        raise _unknown(connection, slug)
    return _client(row)


def get(connection: Connection, client_id: int) -> Client:
    """A client that is there."""
    (found,) = _GET.all(connection, client=client_id)
    return found


def language_of(connection: Connection, client_id: int) -> str:
    """The language of a client that is there."""
    (found,) = _LANGUAGE.all(connection, client=client_id)
    return found


def timezone_of(connection: Connection, client_id: int) -> str:
    """The time zone of a client that is there."""
    (found,) = _TIMEZONE.all(connection, client=client_id)
    return found


_GET = FixedQuery(
    lambda state, **rest: Client(state=ClientState(state), **rest),
    select(*(client.c[field.name] for field in fields(Client))).where(client.c.id == bindparam("client")),
)
_LANGUAGE: FixedQuery[str] = FixedQuery(
    lambda language: language, select(client.c.language).where(client.c.id == bindparam("client"))
)
_TIMEZONE: FixedQuery[str] = FixedQuery(
    lambda timezone: timezone, select(client.c.timezone).where(client.c.id == bindparam("client"))
)


def is_there(connection: Connection, client_id: int) -> bool:
    """Whether there is a client of that id."""
    return connection.scalar(select(client.c.id).where(client.c.id == client_id)) is not None


def slugs(connection: Connection, beginning: str = "") -> list[str]:
    """The slugs that begin so, sorted."""
    query = select(client.c.slug).where(client.c.slug.startswith(beginning, autoescape=True)).order_by(client.c.slug)
    return list(connection.scalars(query))


def names(connection: Connection) -> list[tuple[str, str]]:
    """Short name and name of every client, by name."""
    rows = connection.execute(select(client.c.slug, client.c.name).order_by(client.c.name, client.c.id))
    return [(row.slug, row.name) for row in rows]


def ids(connection: Connection, wanted: Sequence[str]) -> list[int]:
    """The ids of the clients with these slugs. Raises ClientMistake if one is unknown."""
    return [find(connection, slug).id for slug in wanted]


def with_data(connection: Connection) -> list[int]:
    """The ids of the clients whose data are still here: not those that were erased."""
    return list(connection.scalars(select(client.c.id).where(client.c.erased_at.is_(None)).order_by(client.c.slug)))


def insert_row(connection: Connection, values: Mapping[str, Any]) -> int:
    """Keeps a new client; gives its id."""
    return new_id(connection, client, values)


def update_row(connection: Connection, client_id: int, values: Mapping[str, Any]) -> None:
    """Changes columns of a client."""
    connection.execute(update(client).where(client.c.id == client_id).values(values))


def rows(connection: Connection) -> list[Listed]:
    """Every client with its main number, by slug."""
    query = (
        select(client.c.slug, client.c.name, client.c.state, client.c.language, client.c.week, did.c.number)
        .select_from(client.outerjoin(did, and_(did.c.client_id == client.c.id, did.c.main)))
        .order_by(client.c.slug)
    )
    return [record(Listed, row, state=ClientState(row.state)) for row in connection.execute(query)]


def surroundings(connection: Connection, client_id: int) -> Surroundings:
    """What belongs to a client: numbers, people, and how many calls it has had."""
    addresses = select(recipient.c.address).where(recipient.c.client_id == client_id).order_by("address")
    names = select(contact.c.name).where(contact.c.client_id == client_id).order_by("name")
    protocol_since = select(func.max(protocol.c.since)).where(protocol.c.client_id == client_id)
    count = select(func.count()).select_from(call).where(call.c.client_id == client_id)
    return Surroundings(
        numbers=dids.of_client(connection, client_id),
        recipients=list(connection.scalars(addresses)),
        contacts=list(connection.scalars(names)),
        protocol_since=connection.scalar(protocol_since),
        ready_made_texts=[one.name for one in infos.in_force(connection, client_id)],
        calls=connection.scalar(count) or 0,
    )


def _client(row: Row[Any]) -> Client:
    return record(Client, row, state=ClientState(row.state))


def _unknown(connection: Connection, slug: str) -> ClientMistake:
    near = get_close_matches(slug[:40], slugs(connection), n=3, cutoff=0.5)
    if near:
        return ClientMistake(
            "there is no client {slug}: did you mean {near}?",
            Code.NO_SUCH_CLIENT,
            slug=repr(slug[:40]),
            near=" / ".join(near),
        )
    return ClientMistake("there is no client {slug}", Code.NO_SUCH_CLIENT, slug=repr(slug[:40]))
