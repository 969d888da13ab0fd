"""DIDs in the store: the numbers that can be dialled, whose they are, and which are free."""

from collections import Counter
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, Row, delete, insert, or_, select, update

from pbx_control.domain.office import ClientState, OurNumber
from pbx_control.errors import ClientMistake
from pbx_control.store.tables import client, contact, did, trunk

# A released number rests before another client gets it: the old one's callers go on dialling it for a while.
QUARANTINE = timedelta(days=30)


def find(connection: Connection, number: str) -> Row[Any]:
    """The DID's row; the number may hold spaces. Raises ClientMistake if it is no number or not one of ours."""
    written = _e164(number)
    row = connection.execute(select(did).where(did.c.number == written)).one_or_none()
    if row is None:
        raise ClientMistake("{number} is not one of our numbers: `did add` it first", number=written)
    return row


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


def add(connection: Connection, new: Sequence[str], trunk_id: int | None) -> list[str]:
    """Keeps all of the numbers or, if one is wrong, known or named twice, none (ClientMistake); gives their E.164."""
    written = [_e164(number) for number in new]
    twice = [number for number, count in Counter(written).items() if count > 1]
    if twice:
        raise ClientMistake("{number} is named twice", number=twice[0])
    known = set(numbers(connection)).intersection(written)
    if known:
        raise ClientMistake("{number} is one of our numbers already: nothing was added", number=min(known))
    _refuse_contacts(connection, written)
    connection.execute(insert(did), [_row(number, trunk_id) for number in written])
    return written


def assign(
    connection: Connection, number: str, client_id: int, now: datetime, *, main: bool = False, resting: bool = False
) -> str:
    """Gives a free number to a client; its first one, or if `main` is asked for, is the one shown to contacts.

    Raises ClientMistake if the number has another client or, unless `resting`, still rests after a release.
    """
    row = find(connection, number)
    if row.client_id == client_id:
        _own_main(connection, row, main)
        return str(row.number)
    if row.client_id is not None:
        raise ClientMistake(
            "{number} belongs to the client {owner}: release it first",
            number=row.number,
            owner=connection.scalar(select(client.c.slug).where(client.c.id == row.client_id)),
        )
    if row.free_from is not None and row.free_from > now and not resting:
        raise ClientMistake(
            "{number} rests until {day} after its release, because the old client's callers still dial it; "
            "--resting assigns it all the same",
            number=row.number,
            day=row.free_from.date(),
        )
    _give(connection, row.number, client_id, now, main=main or not of_client(connection, client_id))
    return str(row.number)


def release(connection: Connection, number: str, now: datetime) -> datetime:
    """Takes a number from its client; it rests for QUARANTINE. Gives the instant from which it is free.

    If it was the main one, the number that the client has had for longest takes its place.
    """
    row = find(connection, number)
    if row.client_id is None:
        raise ClientMistake("{number} belongs to no client: nothing to release", number=row.number)
    free_from = now + QUARANTINE
    connection.execute(
        update(did)
        .where(did.c.number == row.number)
        .values(client_id=None, main=False, assigned_at=None, free_from=free_from)
    )
    if row.main:
        _promote_oldest(connection, row.client_id)
    return free_from


def remove(connection: Connection, number: str) -> str:
    """Forgets a number that goes back to its carrier. Raises ClientMistake while a client has it."""
    row = find(connection, number)
    if row.client_id is not None:
        raise ClientMistake("{number} belongs to a client: release it first", number=row.number)
    connection.execute(delete(did).where(did.c.number == row.number))
    return str(row.number)


def rows(
    connection: Connection, now: datetime, *, free: bool = False, area: str = "", country: str = ""
) -> list[dict[str, Any]]:
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
    return [dict(row._mapping) for row in connection.execute(query)]


def _refuse_contacts(connection: Connection, written: Sequence[str]) -> None:
    """A number of ours is nobody's contact: the consultation would come back to us as a call."""
    query = select(client.c.slug, contact.c.name, contact.c.number, contact.c.then_number).join_from(contact, client)
    ours = set(written)
    for row in connection.execute(query):
        if called := ours.intersection((row.number, row.then_number)):
            raise ClientMistake(
                "{number} is what {name}, a contact of {slug}, is called by: `contact remove` it first",
                number=min(called),
                name=row.name,
                slug=row.slug,
            )


def _e164(text: str) -> str:
    # Imported here: what is known of numbers takes long to load, and most commands are given none.
    from pbx_control.domain.telephony.numbering import to_e164

    return to_e164(text)


def _row(number: str, trunk_id: int | None) -> dict[str, Any]:
    from pbx_control.domain.telephony.numbering import area_of, country_of

    return {"number": number, "trunk_id": trunk_id, "country": country_of(number), "area": area_of(number)}


def _give(connection: Connection, number: str, client_id: int, now: datetime, *, main: bool) -> None:
    state = connection.scalar(select(client.c.state).where(client.c.id == client_id))
    if state == ClientState.CANCELLED:
        raise ClientMistake("the client has cancelled: `client resume` it before it gets a number")
    if main:
        connection.execute(update(did).where(did.c.client_id == client_id).values(main=False))
    values = {"client_id": client_id, "main": main, "assigned_at": now, "free_from": None}
    connection.execute(update(did).where(did.c.number == number).values(**values))


def _own_main(connection: Connection, row: Row[Any], main: bool) -> None:
    """A number that the client has already: assigning it again can only make it the main one."""
    if not main:
        raise ClientMistake("{number} belongs to this client already: nothing to do", number=row.number)
    connection.execute(update(did).where(did.c.client_id == row.client_id).values(main=False))
    connection.execute(update(did).where(did.c.number == row.number).values(main=True))


def _promote_oldest(connection: Connection, client_id: int) -> None:
    oldest = connection.scalar(
        select(did.c.number).where(did.c.client_id == client_id).order_by(did.c.assigned_at, did.c.number).limit(1)
    )
    if oldest is not None:
        connection.execute(update(did).where(did.c.number == oldest).values(main=True))
