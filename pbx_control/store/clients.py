"""Clients in the store: the firms that are answered for."""

from collections.abc import Mapping, Sequence
from difflib import get_close_matches
from typing import Any

from sqlalchemy import Connection, Row, and_, func, insert, select, update

from pbx_control.errors import ClientMistake, Code
from pbx_control.store import dids
from pbx_control.store.tables import call, client, contact, did, recipient


def find(connection: Connection, slug: str) -> Row[Any]:
    """The client's row. Raises ClientMistake, naming slugs that look alike, if there is none."""
    row = connection.execute(select(client).where(client.c.slug == slug)).one_or_none()
    if row is None:
        raise _unknown(connection, slug)
    return row


def get(connection: Connection, client_id: int) -> Row[Any]:
    """The row of a client that is there."""
    return connection.execute(select(client).where(client.c.id == client_id)).one()


def slugs(connection: Connection, beginning: str = "") -> list[str]:
    """The slugs that begin so, sorted."""
    query = select(client.c.slug).where(client.c.slug.startswith(beginning, autoescape=True)).order_by(client.c.slug)
    return list(connection.scalars(query))


def ids(connection: Connection, wanted: Sequence[str]) -> list[int]:
    """The ids of the clients with these slugs. Raises ClientMistake if one is unknown."""
    return [find(connection, slug).id for slug in wanted]


def insert_row(connection: Connection, values: Mapping[str, Any]) -> int:
    """Keeps a new client; gives its id."""
    return int(connection.execute(insert(client).values(values)).inserted_primary_key[0])


def update_row(connection: Connection, client_id: int, values: Mapping[str, Any]) -> None:
    """Changes columns of a client."""
    connection.execute(update(client).where(client.c.id == client_id).values(values))


def rows(connection: Connection) -> list[dict[str, Any]]:
    """Every client with its main number, by slug."""
    query = (
        select(client.c.slug, client.c.name, client.c.state, client.c.language, client.c.week, did.c.number)
        .select_from(client.outerjoin(did, and_(did.c.client_id == client.c.id, did.c.main)))
        .order_by(client.c.slug)
    )
    return [dict(row._mapping) for row in connection.execute(query)]


def details(connection: Connection, slug: str) -> dict[str, Any]:
    """All that is known of a client but its texts. Raises ClientMistake if it is unknown."""
    row = find(connection, slug)
    facts = {name: value for name, value in row._mapping.items() if name != "id"}
    return facts | {
        "numbers": dids.of_client(connection, row.id),
        "recipients": list(
            connection.scalars(select(recipient.c.address).where(recipient.c.client_id == row.id).order_by("address"))
        ),
        "contacts": list(
            connection.scalars(select(contact.c.name).where(contact.c.client_id == row.id).order_by("name"))
        ),
        "calls": connection.scalar(select(func.count()).select_from(call).where(call.c.client_id == row.id)),
    }


def _unknown(connection: Connection, slug: str) -> ClientMistake:
    near = get_close_matches(slug[:40], slugs(connection), n=3, cutoff=0.5)
    if near:
        return ClientMistake(
            "there is no client {slug}: did you mean {near}?", slug=repr(slug[:40]), near=" / ".join(near)
        )
    return ClientMistake("there is no client {slug}", Code.NO_SUCH_CLIENT, slug=repr(slug[:40]))
