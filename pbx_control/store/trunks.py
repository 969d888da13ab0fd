"""Trunks in the store: the carriers that bring the calls."""

from collections.abc import Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Any

from sqlalchemy import Connection, Row, delete, func, select, update

from pbx_control.domain.office import encryption
from pbx_control.errors import ClientMistake, Code
from pbx_control.store.engine import new_id
from pbx_control.store.rows import record
from pbx_control.store.tables import did, trunk


@dataclass(frozen=True, slots=True, kw_only=True)
class Kept:
    """A trunk as it is kept; what the columns mean is told in `tables.trunk`."""

    id: int
    name: str
    match: str  # comma-separated
    host: str
    user: str
    password: str
    register: bool
    transport: str
    verify: bool
    ca: str
    srtp: str
    codecs: str  # comma-separated
    identity: str
    number_format: str
    country: str
    did_from: str
    max_calls: int
    early_media: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Listed:
    """A trunk as lists show it: with the number of its DIDs, without its password, and with whose word its certificate
    needs instead of the certificates."""

    id: int
    name: str
    match: list[str]
    host: str
    user: str
    register: bool
    transport: str
    codecs: list[str]
    identity: str
    number_format: str
    country: str
    did_from: str
    max_calls: int
    early_media: bool
    numbers: int
    verified_by: str | None  # own | system | nobody; None without TLS
    srtp: str


def find(connection: Connection, name: str) -> Kept:
    """The trunk. Raises ClientMistake if there is none."""
    row = connection.execute(select(trunk).where(trunk.c.name == name)).one_or_none()
    if row is None:
        near = get_close_matches(name[:40], names(connection), n=3, cutoff=0.5)
        if not near:
            raise ClientMistake("there is no trunk {name}", Code.NO_SUCH_TRUNK, name=repr(name[:40]))
        raise ClientMistake(
            "there is no trunk {name}: there is {near}",
            Code.NO_SUCH_TRUNK,
            name=repr(name[:40]),
            near=" / ".join(near),
        )
    return record(Kept, row)


def names(connection: Connection) -> list[str]:
    return list(connection.scalars(select(trunk.c.name).order_by(trunk.c.name)))


def insert_row(connection: Connection, values: Mapping[str, Any]) -> int:
    """Keeps a new trunk; gives its id."""
    return new_id(connection, trunk, values)


def update_row(connection: Connection, trunk_id: int, values: Mapping[str, Any]) -> None:
    """Changes columns of a trunk."""
    connection.execute(update(trunk).where(trunk.c.id == trunk_id).values(values))


def delete_row(connection: Connection, trunk_id: int) -> None:
    """Forgets a trunk."""
    connection.execute(delete(trunk).where(trunk.c.id == trunk_id))


def name_of(connection: Connection, trunk_id: int) -> str | None:
    """What the trunk of that id is called; None if there is none."""
    return connection.scalar(select(trunk.c.name).where(trunk.c.id == trunk_id))


def numbers_by(connection: Connection, trunk_id: int | None) -> int:
    """How many numbers come in by a trunk; None: by any."""
    here = did.c.trunk_id.is_not_distinct_from(trunk_id)
    return connection.scalar(select(func.count()).select_from(did).where(here)) or 0


def addresses(connection: Connection, but: str) -> dict[str, list[str]]:
    """The addresses that each trunk sends from, but for one."""
    query = select(trunk.c.name, trunk.c.match).where(trunk.c.name != but).order_by(trunk.c.id)
    return {row.name: row.match.split(",") for row in connection.execute(query)}


def rows(connection: Connection) -> list[Listed]:
    """Every trunk with the number of its DIDs, by name; passwords are left out. By its id the switch names it."""
    count = select(func.count()).select_from(did).where(did.c.trunk_id == trunk.c.id).scalar_subquery()
    query = select(trunk, count.label("numbers")).order_by(trunk.c.name)
    return [_listed(row) for row in connection.execute(query)]


def _listed(row: Row[Any]) -> Listed:
    vouches = ("own" if row.ca else "system") if row.verify else "nobody"
    return Listed(
        id=row.id,
        name=row.name,
        match=row.match.split(","),
        host=row.host,
        user=row.user,
        register=row.register,
        transport=row.transport,
        codecs=row.codecs.split(","),
        identity=row.identity,
        number_format=row.number_format,
        country=row.country,
        did_from=row.did_from,
        max_calls=row.max_calls,
        early_media=row.early_media,
        numbers=row.numbers,
        verified_by=vouches if row.transport == "tls" else None,
        srtp=encryption(row.transport, row.srtp),
    )
