"""Contacts in the store: the people of a client's to whom its calls may be transferred (rule 9)."""

from typing import Any

from sqlalchemy import Connection, delete, insert, select

from pbx_control.catalogue import counted
from pbx_control.domain import checks
from pbx_control.errors import ClientMistake
from pbx_control.store import plans
from pbx_control.store.tables import client, contact, did

# The digits after * on a secretary's telephone that consult a contact.
KEYS = range(1, 7)


def add(
    connection: Connection,
    client_id: int,
    name: str,
    number: str,
    *,
    then_number: str = "",
    department: str = "",
    key: int | None = None,
) -> int | None:
    """Keeps a contact; without a `key` it gets the lowest free one. Gives the key, None if all six are taken.

    Raises ClientMistake if the name or the key is taken, the plan has room for no more, or a number may not be called:
    ours neither, since the consultation would come back to us as a call.
    """
    # Imported here: what is known of numbers takes long to load.
    from pbx_control.domain.telephony.numbering import transfer_destination

    values = {
        "name": checks.line(name, "NAME", longest=60),
        "number": transfer_destination(number),
        "then_number": transfer_destination(then_number) if then_number else "",
        "department": checks.line(department, "--department", longest=60) if department else "",
    }
    _refuse_our_own(connection, values["number"], values["then_number"])
    taken = {row.name: row.key for row in _of(connection, client_id)}
    if values["name"] in taken:
        raise ClientMistake("there is a contact {name} of this client already", name=values["name"])
    _refuse_beyond_plan(connection, client_id, len(taken))
    if key is not None and key in taken.values():
        raise ClientMistake("the key {key} belongs to another contact of this client: choose another", key=key)
    free = key or next((one for one in KEYS if one not in taken.values()), None)
    connection.execute(insert(contact).values(client_id=client_id, key=free, **values))
    return free


def remove(connection: Connection, client_id: int, name: str) -> None:
    """Takes a contact away. Raises ClientMistake if there is none of that name."""
    gone = connection.execute(delete(contact).where(contact.c.client_id == client_id, contact.c.name == name))
    if not gone.rowcount:
        raise ClientMistake(
            "{name} is no contact of this client: it has {known}",
            name=repr(name[:60]),
            known=", ".join(row.name for row in _of(connection, client_id)) or "–",
        )


def rows(connection: Connection, client_id: int | None = None) -> list[dict[str, Any]]:
    """The contacts of one client or of all, by client and key."""
    shown = (contact.c.key, contact.c.name, contact.c.number, contact.c.then_number, contact.c.department)
    query = select(client.c.slug.label("client"), *shown).join_from(contact, client)
    if client_id is not None:
        query = query.where(contact.c.client_id == client_id)
    found = [dict(row._mapping) for row in connection.execute(query.order_by(client.c.slug, contact.c.name))]
    return sorted(found, key=lambda row: (row["client"], row["key"] or max(KEYS) + 1))


def _refuse_our_own(connection: Connection, *called: str) -> None:
    own = connection.scalar(select(did.c.number).where(did.c.number.in_(called)).limit(1))
    if own is not None:
        raise ClientMistake(
            "{number} is a number of ours: a call to it would come back; give the contact's own telephone", number=own
        )


def _refuse_beyond_plan(connection: Connection, client_id: int, there: int) -> None:
    """How many contacts a client may have depends on its plan (docs/service.md rule 9); without one, no limit."""
    current = plans.current(connection, client_id)
    if current and there >= current.plan.contacts:
        raise ClientMistake(
            counted(
                "the plan {plan} has room for {limit} contact and the client has {count}: "
                "remove one, or assign a larger plan",
                "the plan {plan} has room for {limit} contacts and the client has {count}: "
                "remove one, or assign a larger plan",
                by="limit",
            ),
            plan=current.plan.name,
            limit=current.plan.contacts,
            count=there,
        )


def _of(connection: Connection, client_id: int) -> list[Any]:
    query = select(contact.c.name, contact.c.key).where(contact.c.client_id == client_id).order_by(contact.c.name)
    return list(connection.execute(query))
