"""DIDs in the store: the numbers that can be dialled, whose they are, and which are free."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, bindparam, delete, insert, or_, select, update

from pbx_control.domain.office import OurNumber
from pbx_control.errors import ClientMistake, Code
from pbx_control.store.fixed import FixedQuery
from pbx_control.store.rows import record
from pbx_control.store.tables import client, did, trunk


@dataclass(frozen=True, slots=True, kw_only=True)
class Did:
    """A number of ours as it is kept; what the columns mean is told in `tables.did`."""

    number: str
    trunk_id: int | None
    client_id: int | None
    country: str
    area: str
    main: bool
    assigned_at: datetime | None
    free_from: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Listed:
    """A number with the names of its trunk and client, as lists show it."""

    number: str
    country: str
    area: str
    trunk: str | None
    client: str | None
    main: bool
    free_from: datetime | None


def find(connection: Connection, number: str) -> Did:
    """The DID; the number may hold spaces. Raises ClientMistake if it is no number or not one of ours."""
    written = _e164(number)
    row = connection.execute(select(did).where(did.c.number == written)).one_or_none()
    if row is None:
        raise ClientMistake("{number} is not one of our numbers", Code.NOT_OUR_NUMBER, number=written)
    return record(Did, row)


def owner_of(connection: Connection, number: str) -> int | None:
    """The id of the client that has the number now."""
    return connection.scalar(select(did.c.client_id).where(did.c.number == number))


def owners(connection: Connection) -> dict[str, OurNumber]:
    """Every number of ours, with the trunk that it comes by and the client that has it."""
    query = select(did.c.number, trunk.c.name, client.c.slug).select_from(did.outerjoin(trunk).outerjoin(client))
    return {number: OurNumber(by or "", slug or "") for number, by, slug in connection.execute(query)}


def numbers(connection: Connection, beginning: str = "") -> list[str]:
    """Our numbers that begin so, sorted."""
    query = select(did.c.number).where(did.c.number.startswith(beginning, autoescape=True)).order_by(did.c.number)
    return list(connection.scalars(query))


def of_client(connection: Connection, client_id: int) -> list[str]:
    """The client's numbers, the main one first."""
    query = select(did.c.number).where(did.c.client_id == client_id).order_by(did.c.main.desc(), did.c.number)
    return list(connection.scalars(query))


def country_of_client(connection: Connection, client_id: int) -> str:
    """The country of the client's main number, "" without one."""
    return _COUNTRY.first(connection, client=client_id) or ""


_COUNTRY: FixedQuery[str] = FixedQuery(
    lambda country: country,
    select(did.c.country)
    .where(did.c.client_id == bindparam("client"))
    .order_by(did.c.main.desc(), did.c.number)
    .limit(1),
)


def insert_rows(connection: Connection, rows: Sequence[Mapping[str, Any]]) -> None:
    """Keeps new numbers."""
    connection.execute(insert(did), rows)


def update_row(connection: Connection, number: str, values: Mapping[str, Any]) -> None:
    """Changes columns of a number."""
    connection.execute(update(did).where(did.c.number == number).values(values))


def delete_row(connection: Connection, number: str) -> None:
    """Forgets a number."""
    connection.execute(delete(did).where(did.c.number == number))


def none_is_main(connection: Connection, client_id: int) -> None:
    """Leaves a client without a main number, until another one is."""
    connection.execute(update(did).where(did.c.client_id == client_id).values(main=False))


def first_of(connection: Connection, called: Sequence[str]) -> str | None:
    """One of these that is a number of ours."""
    return connection.scalar(select(did.c.number).where(did.c.number.in_(called)).limit(1))


def oldest_of(connection: Connection, client_id: int) -> str | None:
    """The number that the client has had for longest."""
    query = select(did.c.number).where(did.c.client_id == client_id).order_by(did.c.assigned_at, did.c.number)
    return connection.scalar(query.limit(1))


def added_since(connection: Connection, client_id: int, since: datetime) -> list[Did]:
    """The client's numbers beyond its main one that it got after that instant, by number."""
    theirs = did.c.client_id == client_id, did.c.main.is_(False), did.c.assigned_at > since
    return [record(Did, row) for row in connection.execute(select(did).where(*theirs).order_by(did.c.number))]


def rows(
    connection: Connection, now: datetime, *, free: bool = False, area: str = "", country: str = ""
) -> list[Listed]:
    """The numbers with trunk and client, by number; `free`: those that can be assigned now."""
    query = (
        select(
            did.c.number,
            did.c.country,
            did.c.area,
            trunk.c.name.label("trunk"),
            client.c.slug.label("client"),
            did.c.main,
            did.c.free_from,
        )
        .select_from(did.outerjoin(trunk).outerjoin(client))
        .order_by(did.c.number)
    )
    if free:
        query = query.where(did.c.client_id.is_(None), or_(did.c.free_from.is_(None), did.c.free_from <= now))
    if area:
        query = query.where(did.c.area == area.lstrip("0"))
    if country:
        query = query.where(did.c.country == country.upper())
    return [record(Listed, row) for row in connection.execute(query)]


def _e164(text: str) -> str:
    # Imported here: what is known of numbers takes long to load, and most commands are given none.
    from pbx_control.domain.telephony.numbering import to_e164

    return to_e164(text)
