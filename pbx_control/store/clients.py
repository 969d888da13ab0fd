"""Clients in the store: the firms that are answered for."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from difflib import get_close_matches
from typing import Any

from sqlalchemy import Connection, Row, and_, func, insert, select, update

from pbx_control.domain import checks
from pbx_control.domain.office import ClientState
from pbx_control.domain.opening.hours import USUAL_WEEK, parse_week, week_text
from pbx_control.errors import ClientMistake
from pbx_control.store import dids
from pbx_control.store.tables import call, client, contact, did, recipient

# How each field that a person may write is checked before it is kept.
CHECKS: Mapping[str, Any] = {
    "name": lambda value: checks.line(value, "--name"),
    "language": checks.language,
    "timezone": checks.timezone,
    "rut": checks.rut,
    "legal_name": lambda value: value and checks.line(value, "--legal-name", longest=100),
    "business": lambda value: value and checks.line(value, "--business"),
    "address": lambda value: value and checks.line(value, "--address", longest=120),
    "week": lambda value: week_text(parse_week([value])),
}

# What a factura cannot do without, and the options that give it (docs/service.md rule 15).
OF_A_FACTURA = {"rut": "--rut", "legal_name": "--legal-name", "business": "--business", "address": "--address"}


def find(connection: Connection, slug: str) -> Row[Any]:
    """The client's row. Raises ClientMistake, naming slugs that look alike, if there is none."""
    row = connection.execute(select(client).where(client.c.slug == slug)).one_or_none()
    if row is None:
        raise _unknown(connection, slug)
    return row


def slugs(connection: Connection, beginning: str = "") -> list[str]:
    """The slugs that begin so, sorted."""
    query = select(client.c.slug).where(client.c.slug.startswith(beginning, autoescape=True)).order_by(client.c.slug)
    return list(connection.scalars(query))


def ids(connection: Connection, wanted: Sequence[str]) -> list[int]:
    """The ids of the clients with these slugs. Raises ClientMistake if one is unknown."""
    return [find(connection, slug).id for slug in wanted]


def add(connection: Connection, slug: str, now: datetime, **fields: Any) -> int:
    """Keeps a new client, with the usual hours if `week` is not among the fields; gives its id.

    Raises ClientMistake if the slug is taken or a field makes no sense.
    """
    checks.slug(slug)
    if slug in slugs(connection, slug):
        raise ClientMistake("there is a client {slug} already: choose another short name", slug=slug)
    values = _checked({"week": USUAL_WEEK} | fields)
    _refuse_incomplete_factura(values)
    added = connection.execute(insert(client).values(slug=slug, created_at=now, **values))
    return int(added.inserted_primary_key[0])


def change(connection: Connection, slug: str, **fields: Any) -> None:
    """Changes some of a client's fields.

    Raises ClientMistake for an unknown client, a field that makes no sense, a factura that lacks something, or
    recording where the plan has none.
    """
    row = find(connection, slug)
    if not fields:
        raise ClientMistake("nothing to change was given: name an option, such as --name; --help lists them")
    values = _checked(fields)
    _refuse_incomplete_factura(dict(row._mapping) | values)
    if values.get("recording"):
        _refuse_unless_recorded(connection, row.id)
    connection.execute(update(client).where(client.c.id == row.id).values(**values))


def suspend(connection: Connection, slug: str) -> None:
    """Its callers hear the `exhausted` announcement from now on. Raises ClientMistake unless it is active."""
    _move(connection, slug, ClientState.SUSPENDED, allowed=(ClientState.ACTIVE,))


def resume(connection: Connection, slug: str) -> None:
    """Answers again for a suspended or cancelled client; `still_to_do` tells what a cancelled one must get anew."""
    _move(connection, slug, ClientState.ACTIVE, allowed=(ClientState.SUSPENDED, ClientState.CANCELLED))
    connection.execute(update(client).where(client.c.slug == slug).values(cancelled_at=None, erased_at=None))


def still_to_do(connection: Connection, slug: str) -> list[str]:
    """What a client lacks that its calls can be answered and charged, as commands of ours."""
    # Imported here: most commands write no letters and count no calls.
    from pbx_control.store import going_live, plans

    row = find(connection, slug)
    missing = going_live.missing(connection, row.id)
    if not plans.history(connection, row.id) or plans.current(connection, row.id):
        return missing
    # It had left: a number that it had rests, for everybody but its own callers.
    again = [f"{command} --resting" if command.startswith("did assign ") else command for command in missing]
    return [*again, f"plan assign {slug} PLAN"]


def cancel(connection: Connection, slug: str, now: datetime) -> list[str]:
    """Ends the subscription: its numbers are released (rule 1) and given back as a list, its plan and order end.

    What is kept of it, and for how long, docs/decisions/cancelling.md says.
    """
    from pbx_control.store import going_live, plans

    _move(connection, slug, ClientState.CANCELLED, allowed=(ClientState.ACTIVE, ClientState.SUSPENDED))
    client_id = find(connection, slug).id
    connection.execute(update(client).where(client.c.id == client_id).values(cancelled_at=now))
    plans.end(connection, client_id, now)
    going_live.ended(connection, client_id, now)
    numbers = dids.of_client(connection, client_id)
    for number in numbers:
        dids.release(connection, number, now)
    return numbers


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


def _move(connection: Connection, slug: str, state: ClientState, allowed: Sequence[ClientState]) -> None:
    row = find(connection, slug)
    if row.state not in allowed:
        raise ClientMistake("the client {slug} is {state}: nothing to do", slug=slug, state=row.state)
    connection.execute(update(client).where(client.c.id == row.id).values(state=state.value))


def _checked(fields: Mapping[str, Any]) -> dict[str, Any]:
    return {name: CHECKS[name](value) if name in CHECKS else value for name, value in fields.items()}


def _refuse_incomplete_factura(values: Mapping[str, Any]) -> None:
    lacking = [option for name, option in OF_A_FACTURA.items() if not values.get(name)]
    if values.get("invoice_as") == "factura" and lacking:
        raise ClientMistake(
            "a factura needs {lacking} too: give what lacks, or --invoice-as boleta", lacking=", ".join(lacking)
        )


def _refuse_unless_recorded(connection: Connection, client_id: int) -> None:
    from pbx_control.store import plans

    current = plans.current(connection, client_id)
    if current and not current.plan.recording:
        raise ClientMistake(
            "the plan {plan} has no recording: assign one that has it, or leave --recording out", plan=current.plan.name
        )


def _unknown(connection: Connection, slug: str) -> ClientMistake:
    near = get_close_matches(slug[:40], slugs(connection), n=3, cutoff=0.5)
    if near:
        return ClientMistake(
            "there is no client {slug}: did you mean {near}?", slug=repr(slug[:40]), near=" / ".join(near)
        )
    return ClientMistake("there is no client {slug}: `client list` shows all", slug=repr(slug[:40]))
