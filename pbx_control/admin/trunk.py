"""`trunk`: the carriers that bring the calls."""

from typing import Any

import click

from pbx_control.admin.door import Desk, pass_desk, reading_command
from pbx_control.admin.provisioning import TRUNK, change, examples
from pbx_control.domain.office import Trunk
from pbx_control.store import trunks
from pbx_control.store.engine import reading

MOST_CALLS = 10_000


@click.group()
def trunk() -> None:
    """The carriers that bring the calls."""


@trunk.command(
    epilog=examples(
        "trunk add carrier --match 200.1.2.3",
        "trunk add entel --match 200.1.2.0/24 --host sip.example.cl --user 5622 --password - --register",
    )
)
@click.argument("name")
@click.option("--match", multiple=True, required=True, metavar="ADDRESS", help="Where it sends from; repeatable.")
@click.option("--host", default="", metavar="HOST[:PORT]", help="Where we send to.")
@click.option("--user", default="", help="Our user name with the carrier.")
@click.option("--password", default="", help="Our password; - asks for it, unseen.")
@click.option("--register", is_flag=True, help="Register with the carrier.")
@click.option("--transport", type=click.Choice(["udp", "tcp", "tls"]), default="udp", show_default=True)
@click.option("--codecs", default="alaw,ulaw", show_default=True, help="The preferred one first.")
@click.option(
    "--identity",
    type=click.Choice(["from", "pai", "rpid"]),
    default="from",
    show_default=True,
    help="Where the caller's number stands: From, P-Asserted-Identity or Remote-Party-ID.",
)
@click.option(
    "--number-format",
    type=click.Choice(["e164", "plain", "national"]),
    default="e164",
    show_default=True,
    help="How it writes numbers: +56225550101, 56225550101 or 225550101.",
)
@click.option("--country", default="CL", show_default=True, metavar="CC", help="Of national numbers.")
@click.option(
    "--did-from",
    type=click.Choice(["request", "to"]),
    default="request",
    show_default=True,
    help="Where the dialled number stands: request line or To.",
)
@click.option("--max-calls", type=click.IntRange(0, MOST_CALLS), default=0, help="At once; 0: no limit.")
@pass_desk
def add(desk: Desk, password: str, **given: Any) -> None:
    """Adds a trunk. Calls are taken from its --match addresses only."""
    if password == "-":
        password = click.prompt("--password", hide_input=True, err=True)
    new = Trunk(id=0, password=password, **given | {"codecs": tuple(given["codecs"].split(","))})
    change(desk, lambda connection: trunks.add(connection, new))
    desk.tell("trunk {name} added; next: `did add NUMBER… --trunk {name}`", name=new.name)


@trunk.command("list", epilog=examples("trunk list"))
@reading_command(["name", "match", "host", "user", "register", "transport", "codecs", "max_calls", "numbers"])
def list_(desk: Desk) -> list[dict[str, Any]]:
    """All trunks; without their passwords."""
    with reading(desk.engine) as connection:
        return trunks.rows(connection)


@trunk.command(epilog=examples("trunk remove carrier"))
@click.argument("name", type=TRUNK)
@pass_desk
def remove(desk: Desk, name: str) -> None:
    """Removes a trunk by which no numbers come in."""
    change(desk, lambda connection: trunks.remove(connection, name))
    desk.tell("trunk {name} removed", name=name)
