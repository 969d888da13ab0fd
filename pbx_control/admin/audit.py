"""`audit`: who changed what, when and from where."""

from typing import Any

import click

from pbx_control.admin.door import Door, pass_door, print_json_rows, show_rows, table_options
from pbx_control.admin.provisioning import CLIENT, examples
from pbx_control.admin.whole import WholeNumber
from pbx_control.domain.audit import Actor, ActorKind
from pbx_control.domain.words.trail import VALUE_LIMIT, changes, origin, subject
from pbx_control.domain.words.wording import clean_line
from pbx_control.store import audit as trail
from pbx_control.store import clients
from pbx_control.store.audit import Kept
from pbx_control.store.engine import reading

COLUMNS = ("at", "who", "origin", "what", "subject", "client", "changes")


@click.group("audit")
def audit() -> None:
    """Who changed what, when and from where. Nothing in it is ever changed."""


@audit.command(
    "list",
    epilog=examples("audit list", "audit list --client andes --since yesterday", "audit list --limit 500 --json"),
)
@click.option("--client", "slug", metavar="CLIENT", type=CLIENT, help="Only what was changed of this client.")
@click.option("--since", metavar="TIME", help="Only since then: yesterday, 2h, 28/11/2026 9:30 …")
@click.option("--limit", type=WholeNumber(1, 100_000), default=100, show_default=True, help="How many at most.")
@table_options
@pass_door
def list_(door: Door, slug: str | None, since: str | None, limit: int, as_json: bool) -> None:
    """The newest changes, newest first.

    Who: the admin's user name on this machine (with sudo, that of who called it), a secretary, a job, or the switch.

    Changes: what each field was, if there was anything, and what it is. Passwords are not shown: only that they were
    changed.
    """
    start = door.instant(since) if since is not None else None
    with reading(door.engine) as conn:
        client_id = clients.find(conn, slug).id if slug is not None else None
        found = trail.newest(conn, client_id=client_id, since=start, limit=limit)
    if as_json:
        print_json_rows(map(_as_json, found))
    else:
        show_rows(door, COLUMNS, (row_of(door, one) for one in found), as_json, cut=("subject", "changes"))


def row_of(door: Door, one: Kept) -> dict[str, Any]:
    """An entry for a person."""
    entry = one.entry
    told = (f"{name}: {value}" for name, value in changes(entry.difference, door.language, door.zone))
    return {
        "at": entry.at,
        "who": _who(door, entry.actor),
        "origin": origin(entry.actor.origin, door.language),
        "what": door.say(entry.verb.value),
        "subject": subject(entry.subject, door.language, door.zone),
        "client": one.client,
        "changes": "; ".join(told),
    }


def _who(door: Door, actor: Actor) -> str:
    name = clean_line(actor.name, VALUE_LIMIT)
    if actor.kind in (ActorKind.JOB, ActorKind.TOKEN):
        return f"{door.say(actor.kind.value)} {name}"
    return name or door.say(actor.kind.value)


def _as_json(one: Kept) -> dict[str, Any]:
    entry = one.entry
    return {
        "id": one.id,
        "at": entry.at,
        "actor": entry.actor.kind.value,
        "who": entry.actor.name,
        "origin": entry.actor.origin,
        "verb": entry.verb.value,
        "subject": entry.subject,
        "client": one.client or None,
        "changes": {name: {"old": old, "new": new} for name, (old, new) in entry.difference.items()},
    }
