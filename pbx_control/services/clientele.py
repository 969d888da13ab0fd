"""What can be done with clients: the firms that are answered for."""

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import Connection

from pbx_control.domain import checks
from pbx_control.domain.audit import Verb
from pbx_control.domain.office import ClientState, Lack
from pbx_control.domain.opening.hours import USUAL_WEEK, parse_week, week_text
from pbx_control.errors import ClientMistake, Code, Field, Fields, Word
from pbx_control.services import numbers
from pbx_control.services.work import Work, news
from pbx_control.store import clients, dids
from pbx_control.store.rows import facts

# How each field that a person may write is checked before it is kept.
CHECKS: Mapping[str, Any] = {
    "name": lambda value: checks.line(value, "name"),
    "language": checks.language,
    "timezone": checks.timezone,
    "rut": checks.rut,
    "legal_name": lambda value: value and checks.line(value, "legal_name", longest=100),
    "business": lambda value: value and checks.line(value, "business"),
    "address": lambda value: value and checks.line(value, "address", longest=120),
    "week": lambda value: week_text(parse_week([value])),
}

# What a factura cannot do without (docs/service.md rule 15).
OF_A_FACTURA = ("rut", "legal_name", "business", "address")


def add(work: Work, slug: str, **fields: Any) -> int:
    """Keeps a new client, with the usual hours if `week` is not among the fields; gives its id.

    Raises ClientMistake if the slug is taken or a field makes no sense.
    """
    checks.slug(slug)
    if slug in clients.slugs(work.conn, slug):
        raise ClientMistake(
            "there is a client {slug} already: choose another short name",
            Code.NAME_TAKEN,
            slug=slug,
            field=Field("slug"),
        )
    values = _checked({"week": USUAL_WEEK} | fields)
    _refuse_incomplete_factura(values)
    client_id = clients.insert_row(work.conn, {"slug": slug, "created_at": work.at} | values)
    work.note(Verb.CLIENT_ADDED, slug, client_id=client_id, new=values)
    return client_id


def change(work: Work, slug: str, **fields: Any) -> None:
    """Changes some of a client's fields; those that are so already are no change.

    Raises ClientMistake for an unknown client, a field that makes no sense, a factura that lacks something, or
    recording where the plan has none.
    """
    row = clients.find(work.conn, slug)
    if not fields:
        raise ClientMistake("nothing to change was given", Code.NOTHING_TO_CHANGE)
    values = _checked(fields)
    _refuse_incomplete_factura(facts(row) | values)
    if values.get("recording"):
        _refuse_unless_recorded(work, row.id)
    if not (values := news(row, values)):
        return
    clients.update_row(work.conn, row.id, values)
    work.note(Verb.CLIENT_CHANGED, slug, client_id=row.id, old=row, new=values)


def suspend(work: Work, slug: str) -> None:
    """Its callers hear the `exhausted` announcement from now on. Raises ClientMistake unless it is active."""
    _move(work, slug, Verb.CLIENT_SUSPENDED, ClientState.SUSPENDED, allowed=(ClientState.ACTIVE,))


def resume(work: Work, slug: str) -> None:
    """Answers again for a suspended or cancelled client; `still_to_do` tells what a cancelled one must get anew."""
    gone = (ClientState.SUSPENDED, ClientState.CANCELLED)
    back = {"cancelled_at": None, "erased_at": None}
    _move(work, slug, Verb.CLIENT_RESUMED, ClientState.ACTIVE, allowed=gone, more=back)


def still_to_do(conn: Connection, slug: str) -> list[Lack]:
    """What a client lacks that its calls can be answered and charged."""
    # Imported here: most commands write no letters and count no calls.
    from pbx_control.services import onboarding
    from pbx_control.store import plans

    row = clients.find(conn, slug)
    missing = onboarding.missing(conn, row.id)
    if not plans.history(conn, row.id) or plans.current(conn, row.id):
        return missing
    return [*(Lack.FORMER_NUMBER if one is Lack.NUMBER else one for one in missing), Lack.PLAN]


def cancel(work: Work, slug: str) -> list[str]:
    """Ends the subscription: its numbers are released (rule 1) and given back as a list, its plan and order end.

    What is kept of it, and for how long, docs/decisions/cancelling.md says.
    """
    from pbx_control.store import orders, plans

    left = {"cancelled_at": work.at}
    there = (ClientState.ACTIVE, ClientState.SUSPENDED)
    client_id = _move(work, slug, Verb.CLIENT_CANCELLED, ClientState.CANCELLED, allowed=there, more=left)
    plans.end(work.conn, client_id, work.at)
    orders.end(work.conn, client_id, work.at)
    released = dids.of_client(work.conn, client_id)
    for number in released:
        numbers.release(work, number)
    return released


def _move(
    work: Work,
    slug: str,
    verb: Verb,
    state: ClientState,
    *,
    allowed: Sequence[ClientState],
    more: Mapping[str, object] | None = None,
) -> int:
    """Puts a client into another state; gives its id."""
    row = clients.find(work.conn, slug)
    if row.state not in allowed:
        raise ClientMistake(
            "the client {slug} is {state}: nothing to do", Code.NOTHING_TO_DO, slug=slug, state=Word(row.state)
        )
    values = {"state": state.value} | dict(more or {})
    clients.update_row(work.conn, row.id, values)
    work.note(verb, slug, client_id=row.id, old=row, new=values)
    return row.id


def _checked(fields: Mapping[str, Any]) -> dict[str, Any]:
    return {name: CHECKS[name](value) if name in CHECKS else value for name, value in fields.items()}


def _refuse_incomplete_factura(values: Mapping[str, Any]) -> None:
    lacking = Fields(Field(name) for name in OF_A_FACTURA if not values.get(name))
    if values.get("invoice_as") == "factura" and lacking:
        raise ClientMistake("a factura needs {fields} too", Code.FACTURA_INCOMPLETE, fields=lacking)


def _refuse_unless_recorded(work: Work, client_id: int) -> None:
    from pbx_control.store import plans

    current = plans.current(work.conn, client_id)
    if current and not current.plan.recording:
        raise ClientMistake("the plan {plan} has no recording", Code.PLAN_WITHOUT_RECORDING, plan=current.plan.name)
