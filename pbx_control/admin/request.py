"""`request`: the register of what callers ask for by their rights, each with its limit and its answer."""

from typing import Any

import click

from pbx_control import clock
from pbx_control.admin.door import Door, json_option, pass_door, print_json, reading_command, table_options
from pbx_control.admin.provisioning import CLIENT, book, card, examples
from pbx_control.admin.whole import NumberOf
from pbx_control.catalogue import N_, in_context
from pbx_control.domain.keeping.requests import RequestKind
from pbx_control.domain.keeping.retention import ERASED
from pbx_control.domain.words.wording import readable_number
from pbx_control.services import caller_requests as services
from pbx_control.services.caller_requests import Register
from pbx_control.store import caller_requests
from pbx_control.store.caller_requests import CallerRequest, Taken
from pbx_control.store.engine import reading
from pbx_control.store.rows import facts

REQUEST = NumberOf("request list")
# Kinds, standings and steps, in words.
WORDS = {
    "access": N_("access"),
    "rectification": N_("rectification"),
    "deletion": N_("deletion"),
    "portability": N_("portability"),
    "blocking": N_("blocking"),
    "objection": N_("objection"),
    "open": in_context("request", "open"),
    "near": N_("limit is near"),
    "late": N_("late"),
    "closed": in_context("request", "closed"),
    "received": N_("received"),
    "blocked": N_("data blocked"),
    "warned": N_("office warned"),
}
HIDDEN = frozenset({"fingerprint", "client_id"})


@click.group()
def request() -> None:
    """What callers ask for by their rights (Ley 21.719), each to be answered within 30 days."""


@request.command(
    epilog=examples(
        'request add +56987654321 --kind deletion --received "2026-11-20 16:05" --note "by letter"',
        "request add +56987654321 --kind blocking --client andes",
    )
)
@click.argument("number")
@click.option("--kind", type=click.Choice([kind.value for kind in RequestKind]), required=True, help="What for.")
@click.option("--client", "slug", metavar="CLIENT", type=CLIENT, help="About the calls to this client only [all].")
@click.option("--received", metavar="TIME", help="When it came [now].")
@click.option("--note", metavar="TEXT", default="", help="How it came, and what it says.")
@click.option("--block/--no-block", default=None, help="Block the data at once [yes for blocking, no for others].")
@json_option
@pass_door
def add(
    door: Door,
    number: str,
    kind: str,
    slug: str | None,
    received: str | None,
    note: str,
    block: bool | None,
    as_json: bool,
) -> None:
    """Enters a request. It is to be answered within 30 calendar days, and the office is warned before.

    One for blocking blocks the caller's data at once, as `caller block` does: that is what he asks for while another
    request is decided. Closing it does not unblock the data: `caller unblock` does.
    """
    asked = RequestKind(kind)
    came = door.instant(received) if received else None
    blocks = asked is RequestKind.BLOCKING if block is None else block
    register = Register(door.zone, door.settings.secrets.ari_password, door.home)
    added = book(
        door,
        lambda work: services.add(work, register, number, asked, slug=slug, received_at=came, note=note, blocks=blocks),
    )
    if as_json:
        print_json(_row(door, added))
        return
    door.tell("request {id}: the answer is in time until the end of {day}", id=added.id, day=door.plain(added.last_day))
    if blocks:
        door.tell("what there is of the caller is blocked meanwhile; `caller unblock` ends that")


@request.command("list", epilog=examples("request list --open", "request list --json"))
@click.option("--open", "open_only", is_flag=True, help="Only those that are not answered.")
@reading_command(
    ["id", "kind", "number", "client", "received_at", "last_day", "state"],
    lambda door, row: _said(door, row),
)
def list_(door: Door, open_only: bool) -> list[dict[str, Any]]:
    """The requests, the one whose limit is nearest first; days are the office's."""
    with reading(door.engine) as conn:
        return [_row(door, one) for one in caller_requests.rows(conn, open_only=open_only)]


@request.command(epilog=examples("request show 7", "request show 7 --json"))
@click.argument("request_id", metavar="ID", type=REQUEST)
@table_options
@pass_door
def show(door: Door, request_id: int, as_json: bool) -> None:
    """One request with its steps: who did what, when, and the SHA-256 of the text that was kept."""
    with reading(door.engine) as conn:
        found = caller_requests.get(conn, request_id)
        steps = caller_requests.steps_of(conn, request_id)
    row, told = _row(door, found), [_step(one) for one in steps]
    if as_json:
        print_json(row | {"steps": told})
        return
    card(door, _said(door, row))
    click.echo()
    columns = ["at", "who", "what", "sha256"]
    door.table(columns, [[one["at"], one["who"], door.say(WORDS[one["what"]]), one["sha256"][:12]] for one in told])


@request.command(epilog=examples('request close 7 --answer "erased on 3 December; told by letter"'))
@click.argument("request_id", metavar="ID", type=REQUEST)
@click.option("--answer", required=True, help="What he was answered, and how.")
@pass_door
def close(door: Door, request_id: int, answer: str) -> None:
    """Notes the answer. One for deletion names the receipt of the erasure, if the caller was erased since it came."""
    closed = book(door, lambda work: services.close(work, request_id, answer))
    door.tell("request {id} is closed", id=closed.id)
    if closed.receipt_id is not None:
        door.tell("the erasure has the receipt {id}", id=closed.receipt_id)
    elif closed.kind is RequestKind.DELETION:
        door.tell("no receipt of an erasure since then: nothing was erased")


def _row(door: Door, found: CallerRequest) -> dict[str, Any]:
    shown = {name: value for name, value in facts(found).items() if name not in HIDDEN}
    today = door.settings.office.day(clock.now())
    return shown | {"kind": found.kind.value, "state": services.standing_of(found, today).value}


def _said(door: Door, row: dict[str, Any]) -> dict[str, Any]:
    words = {name: door.say(WORDS[row[name]]) for name in ("kind", "state")}
    return row | words | {"number": _readable(row["number"])}


def _step(one: Taken) -> dict[str, Any]:
    return {"at": one.at, "who": one.actor.name or one.actor.kind.value, "what": one.what.value, "sha256": one.sha256}


def _readable(number: str) -> str:
    return number if number == ERASED else readable_number(number)
