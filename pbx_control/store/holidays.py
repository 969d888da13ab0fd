"""Holidays in the store: the days that the office or a client adds to the public ones or takes away from them."""

from dataclasses import dataclass
from datetime import date

from sqlalchemy import Connection, delete, insert, select

from pbx_control.domain.office import Holiday
from pbx_control.domain.opening.holidays import public, with_changes
from pbx_control.store.tables import client, holiday


@dataclass(frozen=True, slots=True)
class Listed:
    """A holiday, as lists show it; `client`: whose it is alone."""

    day: date
    name: str
    client: str | None
    closed: bool


def changes(connection: Connection, day: date | None = None) -> list[Holiday]:
    """The rows as they are, of one day or of all: `kept` False takes a day away."""
    query = select(holiday).order_by(holiday.c.day, holiday.c.client_id)
    if day is not None:
        query = query.where(holiday.c.day == day)
    return [Holiday(row.day, row.name, row.client_id, kept=row.observed) for row in connection.execute(query)]


def rows(connection: Connection, year: int, client_id: int | None = None) -> list[Listed]:
    """A year's holidays by day: everybody's, and with them one client's own entries or (None) those of all clients."""
    slugs = {row.id: row.slug for row in connection.execute(select(client.c.id, client.c.slug))}
    public_days = [Holiday(day, name) for day, name in public(year).items()]
    written = [entry for entry in changes(connection) if entry.day.year == year]
    return [
        Listed(entry.day, entry.name, slugs.get(entry.client_id or 0), entry.kept)
        for entry in with_changes(public_days, written)
        if entry.client_id is None or client_id in (None, entry.client_id)
    ]


def put(connection: Connection, entry: Holiday) -> None:
    """Keeps an entry, in place of one of the same day and client."""
    delete_row(connection, entry.day, entry.client_id)
    connection.execute(
        insert(holiday).values(day=entry.day, name=entry.name, client_id=entry.client_id, observed=entry.kept)
    )


def delete_row(connection: Connection, day: date, client_id: int | None) -> None:
    """Takes away the entry of that day and client, if there is one."""
    connection.execute(delete(holiday).where(holiday.c.day == day, holiday.c.client_id.is_not_distinct_from(client_id)))
