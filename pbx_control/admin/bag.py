"""`bag`: packs of extra calls, for when the month's are used up."""

from typing import Any

import click

from pbx_control import clock
from pbx_control.admin.door import Door, pass_door, reading_command
from pbx_control.admin.plan import MONEY, MOST_CALLS, send_invoices
from pbx_control.admin.provisioning import CLIENT, book, client_argument, examples
from pbx_control.admin.whole import WholeNumber
from pbx_control.catalogue import counted
from pbx_control.services import accounts
from pbx_control.store import clients, ledger
from pbx_control.store.engine import reading
from pbx_control.store.ledger import ListedBag


@click.group()
def bag() -> None:
    """Packs of extra calls: used when the month's own are used up, and kept until then."""


@bag.command(epilog=examples("bag add andes 50", "bag add andes 25 --price 0"))
@client_argument
@click.argument("calls", type=WholeNumber(1, MOST_CALLS))
@click.option("--price", type=MONEY, help="Net pesos for all of it [CALLS times the plan's price of an extra call].")
@pass_door
def add(door: Door, slug: str, calls: int, price: int | None) -> None:
    """Sells CLIENT a bag of so many calls: it works from the next call on, and is invoiced."""
    cost, issued, account = book(door, lambda work: accounts.sell_bag(work, door.settings, slug, calls, price))
    door.tell(
        counted(
            "{slug} has {calls} call more, for {price} net; left altogether: {left}",
            "{slug} has {calls} calls more, for {price} net; left altogether: {left}",
            by="calls",
        ),
        slug=slug,
        calls=calls,
        price=door.pesos(cost),
        left=account.left,
    )
    send_invoices(door, [issued] if issued else [], clock.now())
    if cost and not door.settings.billing.issuer_rut:
        door.tell("no invoice: [billing] in pbx.toml is empty; fill it in this month, and the invoice is issued then")


def _listed(door: Door, row: dict[str, Any]) -> dict[str, Any]:
    return row | {"price": door.pesos(row["price"])}


@bag.command("list", epilog=examples("bag list", "bag list andes --json"))
@click.argument("slug", metavar="[CLIENT]", type=CLIENT, required=False)
@reading_command(["id", "client", "bought_at", "calls", "left", "price"], _listed)
def list_(door: Door, slug: str | None) -> list[ListedBag]:
    """The bags of one client, or of all, the oldest first; prices are net."""
    with reading(door.engine) as connection:
        return ledger.bag_rows(connection, clients.find(connection, slug).id if slug else None)
