"""`pbx-control node`: the daemons that share the database, and what becomes of the calls of one that is gone."""

from contextlib import nullcontext
from typing import Any

import click

from pbx_control.admin.door import Door, pass_door, reading_command
from pbx_control.admin.provisioning import examples
from pbx_control.services import nodes as services
from pbx_control.services.steps import rules_of
from pbx_control.store import nodes
from pbx_control.store.engine import reading
from pbx_control.store.nodes import Node


@click.group()
def node() -> None:
    """The daemons that share the database, each with a switch of its own."""


def _said(door: Door, row: dict[str, Any]) -> dict[str, Any]:
    return row | {"state": door.say(row["state"])}


@node.command("list", epilog=examples("node list", "node list --json"))
@reading_command(["node", "state", "since", "seen", "live_calls", "place"], _said)
def list_nodes(door: Door) -> list[dict[str, Any]]:
    """Every node: since when it takes calls, when it was last seen, how many calls it has."""
    with reading(door.engine) as connection:
        return [_row(one) for one in nodes.rows(connection)]


@node.command(epilog=examples("node retire central-2"))
@click.argument("name", metavar="NODE")
@click.option("--yes", is_flag=True, help="Do not ask.")
@pass_door
def retire(door: Door, name: str, yes: bool) -> None:
    """Settle the calls of a node that is gone for good: they end in the books, and their clients are told.

    A node that is alive is refused. One that takes calls again later is a node like any other.
    """
    # Imported here: `list` needs no flow of calls.
    from pbx_control.live import retiring
    from pbx_control.live.pulse import take_lock

    door.about_to_change()
    with reading(door.engine) as connection:
        services.refuse_unless_gone(connection, name)
    if not yes:
        door.confirm("settle what is left of the node {node}? Its recordings are out of reach", node=name)
    # Its own daemon may hang, or wait for the database: then it gives no sign of life, but its calls live.
    with take_lock(door.home) if name == door.settings.node.name else nullcontext():
        done = retiring.retire(door.engine, name, rules_of(door.settings), door.actor)
    door.tell(
        "the node {node} is retired; calls settled: {calls}, of its switch alone: {others}",
        node=name,
        calls=done.calls,
        others=done.of_switch,
    )


def _row(one: Node) -> dict[str, Any]:
    return {
        "node": one.name,
        "state": one.state,
        "since": one.since,
        "seen": one.seen_at,
        "live_calls": one.live_calls,
        "place": one.place,
        "retired": one.retired_at,
    }
