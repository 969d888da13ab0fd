"""Holidays in the store: the days that the office or a client adds to the public ones or takes away from them."""

from datetime import date
from typing import Any

from sqlalchemy import Connection, delete, insert, select

from pbx_control.domain import checks
from pbx_control.domain.office import Holiday
from pbx_control.domain.opening.holidays import public, with_changes
from pbx_control.errors import ClientMistake
from pbx_control.store.tables import client, holiday


def add(connection: Connection, day: date, client_id: int | None, name: str = "") -> None:
    """Closes one client, or (None) everybody, on a day. Raises ClientMistake if it is closed then already."""
    found = changes(connection, day=day)
    own = next((entry for entry in found if entry.client_id == client_id), None)
    if own is not None and own.kept:
        raise ClientMistake("{day} is a holiday already", day=day)
    if own is None and client_id is None and day in public(day.year):
        raise ClientMistake("{day} is a public holiday already: {name}", day=day, name=public(day.year)[day])
    name = checks.line(name, "--name") if name else ""
    _put(connection, Holiday(day, name, client_id, kept=True))


def remove(connection: Connection, day: date, client_id: int | None) -> None:
    """Opens one client, or (None) everybody, on a day that was a holiday. Raises ClientMistake if it was none."""
    found = {entry.client_id: entry for entry in changes(connection, day=day)}
    common = found.get(None)
    is_common = common.kept if common else day in public(day.year)
    own = found.get(client_id)
    is_holiday = own.kept if own else is_common
    if not is_holiday:
        raise ClientMistake("{day} is no holiday: nothing to remove", day=day)
    _delete(connection, day, client_id)
    # Taking away one's own entry is enough, unless the day is a holiday without it too.
    if is_common if client_id is not None else day in public(day.year):
        _put(connection, Holiday(day, own.name if own else "", client_id, kept=False))


def changes(connection: Connection, day: date | None = None) -> list[Holiday]:
    """The rows as they are, of one day or of all: `kept` False takes a day away."""
    query = select(holiday).order_by(holiday.c.day, holiday.c.client_id)
    if day is not None:
        query = query.where(holiday.c.day == day)
    return [Holiday(row.day, row.name, row.client_id, kept=row.observed) for row in connection.execute(query)]


def rows(connection: Connection, year: int, client_id: int | None = None) -> list[dict[str, Any]]:
    """A year's holidays by day: everybody's, and with them one client's own entries or (None) those of all clients."""
    slugs = {row.id: row.slug for row in connection.execute(select(client.c.id, client.c.slug))}
    public_days = [Holiday(day, name) for day, name in public(year).items()]
    written = [entry for entry in changes(connection) if entry.day.year == year]
    return [
        {"day": entry.day, "name": entry.name, "client": slugs.get(entry.client_id or 0), "closed": entry.kept}
        for entry in with_changes(public_days, written)
        if entry.client_id is None or client_id in (None, entry.client_id)
    ]


def _put(connection: Connection, entry: Holiday) -> None:
    _delete(connection, entry.day, entry.client_id)
    connection.execute(
        insert(holiday).values(day=entry.day, name=entry.name, client_id=entry.client_id, observed=entry.kept)
    )


def _delete(connection: Connection, day: date, client_id: int | None) -> None:
    connection.execute(delete(holiday).where(holiday.c.day == day, holiday.c.client_id.is_not_distinct_from(client_id)))
