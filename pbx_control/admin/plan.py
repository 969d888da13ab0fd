"""`plan`: what clients may subscribe to, and who has which."""

import re
from datetime import datetime
from typing import Any

import click

from pbx_control import clock
from pbx_control.admin.door import Door, pass_door, reading_command
from pbx_control.admin.invoice import own_name
from pbx_control.admin.language import spoken
from pbx_control.admin.live import wait_until_live
from pbx_control.admin.provisioning import CLIENT, Named, change, client_argument, examples
from pbx_control.admin.whole import WholeNumber
from pbx_control.catalogue import N_, counted
from pbx_control.domain import checks
from pbx_control.domain.money.plans import MONTHS_AHEAD, MOST_PESOS, USUAL_KEEP_DAYS, Plan
from pbx_control.domain.money.quota import Account
from pbx_control.errors import ClientMistake
from pbx_control.services import invoicing, subscriptions
from pbx_control.services.work import Work
from pbx_control.store import agenda, clients, ledger, plans
from pbx_control.store.engine import reading
from pbx_control.store.plans import Listed

PLAN = Named("plan", plans.names)
# What no plan reaches in earnest is a slip of the finger.
MOST_CALLS, MOST_PEOPLE, MOST_DAYS = 100_000, 1000, 3650
COUNT = WholeNumber(0, MOST_CALLS)
# Chilean pesos have no decimals: in 39.000, as it is written there, the point can only part thousands.
_PESOS = re.compile(r"\$?([0-9]{1,9}|[0-9]{1,3}(?:\.[0-9]{3})+)")
PAIR = re.compile(r"([A-Za-z0-9]{1,3})=([0-9$.]{1,12})")


class Money(WholeNumber):
    """An amount in pesos: 39000, or 39.000 as Chile writes it."""

    def convert(self, value: Any, parameter: click.Parameter | None, context: click.Context | None) -> Any:
        """The amount; the sign of pesos and the points that part thousands are left out."""
        if isinstance(value, str):
            value = self.read(value, parameter, context)
        return super().convert(value, parameter, context)

    def read(self, text: str, parameter: click.Parameter | None, context: click.Context | None) -> str:
        """The digits of what was typed."""
        if not _PESOS.fullmatch(text.strip()):
            refusal = spoken("{text} is no amount in pesos: write 39000 or 39.000; pesos have no decimals")
            self.fail(refusal.format(text=repr(text[:40])), parameter, context)
        return text.strip().removeprefix("$").replace(".", "")


MONEY = Money(0, MOST_PESOS)
OTHER_MONTHS = [months for months in MONTHS_AHEAD if months > 1]


@click.group()
def plan() -> None:
    """What clients may subscribe to: so many calls a month, for so many pesos."""


@plan.command(
    "set",
    epilog=examples(
        "plan set inicial --calls 100 --price 39000 --extra-call 450 --contacts 2 --calendars 1",
        "plan set pro --calls 400 --price 119000 --extra-call 350 --contacts 6 --calendars 4 --recording \\\n"
        "      --discount 3=5 --discount 6=10 --discount 12=20 --did CL=4000 --did US=9000",
    ),
)
@click.argument("name")
@click.option("--calls", type=COUNT, required=True, help="Calls a month.")
@click.option("--price", type=MONEY, required=True, help="Net pesos a month.")
@click.option("--extra-call", type=MONEY, required=True, help="Net pesos for one call of a bag.")
@click.option("--contacts", type=WholeNumber(0, MOST_PEOPLE), required=True, help="How many contacts it may have.")
@click.option("--calendars", type=WholeNumber(0, MOST_PEOPLE), required=True, help="How many calendars.")
@click.option("--recording/--no-recording", default=False, help="Calls may be recorded [no].")
@click.option(
    "--keep-days", type=WholeNumber(1, MOST_DAYS), default=USUAL_KEEP_DAYS, show_default=True, help="Of recordings."
)
@click.option("--discount", "discounts", multiple=True, metavar="MONTHS=PERCENT", help="For 3, 6 or 12 months ahead.")
@click.option("--did", "dids", multiple=True, metavar="COUNTRY=PESOS", help="An extra number of that country a month.")
@click.option("--client", "slug", type=CLIENT, metavar="CLIENT", help="Made to measure: for this client alone.")
@pass_door
def set_(door: Door, name: str, slug: str | None, **given: Any) -> None:
    """Sets a plan's terms. Once a client has it they stay: a new price is a plan of another name."""
    checks.slug(name)
    discounts, dids = _discounts(given.pop("discounts")), _did_prices(given.pop("dids"))

    def act(work: Work) -> bool:
        owner = clients.find(work.conn, slug).id if slug else None
        return subscriptions.set_plan(
            work, Plan(name=name, discounts=discounts, did_prices=dids, client_id=owner, **given)
        )

    new = change(door, act)
    door.tell("plan {name} added" if new else "plan {name} is as you say", name=name)


@plan.command(epilog=examples("plan retire inicial"))
@click.argument("name", type=PLAN)
@pass_door
def retire(door: Door, name: str) -> None:
    """Takes a plan off the list; who has it keeps it."""
    change(door, lambda work: subscriptions.retire(work, name))
    door.tell("plan {name} is no longer on offer", name=name)


def _listed(door: Door, row: dict[str, Any]) -> dict[str, Any]:
    """A plan's row for a person: money as money, for whom it was made to measure, and whether it is still on offer."""
    return row | {
        "name": f"{row['name']} ({door.say('retired')})" if row["retired_at"] else row["name"],
        "price": door.pesos(row["price"]),
        "extra_call": door.pesos(row["extra_call"]),
        "discounts": [f"{months}: {percent} %" for months, percent in row["discounts"].items()],
        "dids": [f"{country}: {door.pesos(price)}" for country, price in row["dids"].items()],
        "clients": f"{row['clients']} ({row['client']})" if row["client"] else row["clients"],
    }


@plan.command("list", epilog=examples("plan list", "plan list --all --json"))
@click.option("--all", "retired", is_flag=True, help="Those that are no longer on offer, too.")
@reading_command(
    ["name", "calls", "price", "extra_call", "contacts", "calendars", "recording", "discounts", "dids", "clients"],
    _listed,
)
def list_(door: Door, retired: bool) -> list[Listed]:
    """The plans on offer, and how many clients have each; prices are net."""
    with reading(door.engine) as connection:
        return plans.rows(connection, retired=retired)


@plan.command(
    epilog=examples("plan assign andes inicial", "plan assign andes pro --months 12", "plan assign sur pro --day 1")
)
@client_argument
@click.argument("name", type=PLAN, metavar="PLAN")
@click.option("--months", type=WholeNumber(), default=1, show_default=True, help="Paid ahead: 1, 3, 6 or 12.")
@click.option("--day", type=WholeNumber(1, 31), help="On which its months begin, for its first plan [that of today].")
@pass_door
def assign(door: Door, slug: str, name: str, months: int, day: int | None) -> None:
    """Gives CLIENT a plan, from now on. Within a month that has begun the difference is granted and invoiced in
    proportion to the days that are left of it."""

    def act(work: Work) -> tuple[Account, list[Any]]:
        client_id = clients.find(work.conn, slug).id
        subscriptions.assign(work, client_id, name, months=months, anchor_day=day)
        issued = invoicing.charge_plan(work, door.settings, slug)
        return ledger.read(work.conn, client_id), issued

    warn_of_staffing(door, slug, name)
    account, issued = change(door, act)
    beyond = _calendars_beyond(door, slug)
    wait_until_live(door)
    door.tell(
        counted(
            "{slug} has the plan {name}: {left} call is left",
            "{slug} has the plan {name}: {left} calls are left",
            by="left",
        ),
        slug=slug,
        name=name,
        left=account.left,
    )
    if beyond:
        has, room = beyond
        template = N_("it has room for calendars: {room}; the client has {has}: all stay, and none can be added")
        door.tell(template, room=room, has=has)
    send_invoices(door, issued, clock.now())


def _calendars_beyond(door: Door, slug: str) -> tuple[int, int] | None:
    """How many calendars the client has, and for how many its plan has room, if these are fewer."""
    with reading(door.engine) as conn:
        client_id = clients.find(conn, slug).id
        current, has = plans.current(conn, client_id), len(agenda.slugs(conn, client_id))
    return (has, current.plan.calendars) if current and has > current.plan.calendars else None


def warn_of_staffing(door: Door, slug: str, name: str) -> None:
    """Says, before a plan is sold, in which half hours too few secretaries would be there."""
    # Imported here: it reckons with matrices, which no other command of this group does.
    from pbx_control.admin.staffing import tell_of
    from pbx_control.services.staffing import selling

    with reading(door.engine) as conn:
        changes = selling(conn, slug, name)
    tell_of(door, changes)


def send_invoices(door: Door, issued: list[Any], now: datetime) -> None:
    """Sends the invoices that came of a command, with a line for each."""
    # Imported here: no other command of this group writes letters.
    from pbx_control.notify.invoices import send

    send(door.engine, door.home, door.settings, issued, now)
    for each in issued:
        name = own_name(door, each.kind.value, each.number)
        door.tell("issued: {invoice}, {total}", invoice=name, total=door.pesos(each.total))


def _discounts(pairs: tuple[str, ...]) -> dict[int, int]:
    found: dict[int, int] = {}
    for pair in pairs:
        months, percent = _pair(pair, "--discount")
        if not (months.isdecimal() and int(months) in OTHER_MONTHS and percent.isdecimal() and int(percent) <= 100):
            raise ClientMistake(
                "--discount {pair} makes no sense: MONTHS is 3, 6 or 12, PERCENT at most 100, as in 6=10", pair=pair
            )
        found[int(months)] = int(percent)
    return found


def _did_prices(pairs: tuple[str, ...]) -> dict[str, int]:
    found = {}
    for pair in pairs:
        country, price = _pair(pair, "--did")
        if not (country.isalpha() and len(country) == 2):
            raise ClientMistake(
                "--did {pair} makes no sense: COUNTRY has two letters, PESOS is a price, as in CL=4000", pair=pair
            )
        found[checks.country(country)] = MONEY.convert(price, None, None)
    return found


def _pair(pair: str, option: str) -> tuple[str, str]:
    parts = PAIR.fullmatch(pair)
    if parts is None:
        raise ClientMistake("{option} {pair} makes no sense: write it like 6=10", option=option, pair=repr(pair[:40]))
    return parts[1], parts[2]
