"""`order`: what clients have ordered on their pages, bags and plans."""

from typing import Any

import click

from pbx_control import clock
from pbx_control.admin.door import Door, pass_door, reading_command
from pbx_control.admin.live import wait_until_live
from pbx_control.admin.plan import send_invoices, warn_of_staffing
from pbx_control.admin.provisioning import CLIENT, book, change, examples
from pbx_control.admin.whole import NumberOf, WholeNumber
from pbx_control.domain.money.orders import OrderState
from pbx_control.domain.words.wording import NAME_LIMIT, clean_line
from pbx_control.services import client_orders as services
from pbx_control.store import client_orders, clients
from pbx_control.store.engine import reading
from pbx_control.store.rows import facts

ORDER = NumberOf("order list")


@click.group()
def order() -> None:
    """What clients order on their pages: bags and plans. Nothing changes until you confirm it."""


def _what(door: Door, kind: str, calls: int | None, plan: str | None) -> str:
    """ "bolsa 25", "plan inicial"."""
    return f"{door.say(kind)} {calls or clean_line(plan or '', NAME_LIMIT)}"


def _listed(door: Door, row: dict[str, Any]) -> dict[str, Any]:
    what = _what(door, row["kind"], row["calls"], row["plan"])
    return row | {"order": what, "price": door.pesos(row["price"]), "state": door.say(row["state"])}


@order.command("list", epilog=examples("order list", "order list --all --client andes --json"))
@click.option("--all", "everything", is_flag=True, help="Those that are decided, too.")
@click.option("--client", "slug", metavar="CLIENT", type=CLIENT, help="Only those of this client.")
@click.option("--limit", type=WholeNumber(1, 100_000), default=100, show_default=True, help="How many at most.")
@reading_command(["id", "asked_at", "client", "order", "price", "asked_by", "state", "too_few", "why"], _listed)
def list_(door: Door, everything: bool, slug: str | None, limit: int) -> list[dict[str, Any]]:
    """The orders that wait, the newest first; prices are net, as the client was shown them. `too_few`: in so many half
    hours of a usual week too few secretaries would be there if it were confirmed.
    """
    with reading(door.engine) as conn:
        client_id = clients.find(conn, slug).id if slug else None
        found = client_orders.rows(conn, client_id=client_id, open_only=not everything, limit=limit)
        worse = services.staffing_of(conn, door.settings, found, clock.now())
    return [
        facts(one) | {"too_few": sum(gap.half_hours for gap in gaps) or None}
        for one, gaps in zip(found, worse, strict=True)
    ]


@order.command(epilog=examples("order confirm 12"))
@click.argument("number", metavar="ORDER", type=ORDER)
@pass_door
def confirm(door: Door, number: int) -> None:
    """Sells the bag, or gives the plan, at the price that the client was shown, and invoices it."""
    with reading(door.engine) as conn:
        ordered = client_orders.get(conn, number)
    if ordered.plan and ordered.state is OrderState.OPEN:
        warn_of_staffing(door, ordered.client, ordered.plan)
    done, issued = change(door, lambda work: services.confirm(work, door.settings, number))
    wait_until_live(door)
    what = _what(door, done.kind, done.calls, done.plan)
    door.tell("order {id} is confirmed: {slug} has the {what}", id=number, slug=done.client, what=what)
    send_invoices(door, list(issued), clock.now())


@order.command(epilog=examples('order refuse 12 --why "Primero hay que pagar la boleta 7"'))
@click.argument("number", metavar="ORDER", type=ORDER)
@click.option("--why", required=True, help="What the client reads on its page.")
@pass_door
def refuse(door: Door, number: int, why: str) -> None:
    """Does not do it, and says why."""
    book(door, lambda work: services.refuse(work, number, why))
    door.tell("order {id} is refused", id=number)
