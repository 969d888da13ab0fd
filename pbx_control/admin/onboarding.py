"""`client paid`, `welcomed`, `live`: from payment to service, within deadlines in business hours (rule 2)."""

import sys
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import click
from sqlalchemy import Connection

from pbx_control import clock
from pbx_control.admin.door import Door, pass_door, print_json
from pbx_control.admin.provisioning import change, client_argument, examples
from pbx_control.catalogue import counted
from pbx_control.domain.going_live import Deadline, Order, minutes_left
from pbx_control.domain.opening.deadlines import Urgency
from pbx_control.domain.words.wording import readable_number
from pbx_control.errors import ClientMistake
from pbx_control.services import onboarding
from pbx_control.services.onboarding import Progress
from pbx_control.services.work import Work
from pbx_control.store import clients, plans
from pbx_control.store.engine import reading

# What happened longer ago is a slip of the pen, or no news.
LONGEST_AGO = timedelta(days=31)
# How a deadline is seen before it is read; rich's names of styles.
STYLES = {Urgency.LATE: "bold red", Urgency.SOON_LATE: "yellow", Urgency.ON_TIME: "", Urgency.DONE: "green"}


def _at_option(command: Callable[..., Any]) -> Callable[..., Any]:
    return click.option("--at", "at", metavar="TIME", help="When it happened, in the office's zone [now].")(command)


@click.command(epilog=examples("client paid andes", "client paid andes --at 2026-04-01T09:30"))
@client_argument
@_at_option
@pass_door
def paid(door: Door, slug: str, at: str | None) -> None:
    """Notes a payment: number and welcome call are due 2 business hours later, answered calls 1 hour after that."""
    when = _when(door, at)
    order = _note(door, slug, lambda work, client_id: onboarding.paid(work, client_id, when, door.zone))
    door.tell(
        "client {slug} has paid: welcome it by {welcome}, answer its calls by {service}",
        slug=slug,
        welcome=_clock(door, order.welcome_due),
        service=_clock(door, order.service_due),
    )


@click.command(epilog=examples("client welcomed andes"))
@client_argument
@_at_option
@pass_door
def welcomed(door: Door, slug: str, at: str | None) -> None:
    """Notes the welcome call, and writes to the recipients how the number is used."""
    when, office = _when(door, at), door.settings.office.name
    order = _note(door, slug, lambda work, client_id: onboarding.welcomed(work, client_id, when, door.zone, office))
    door.tell(
        "client {slug} is welcomed and has a letter about {number}; answer its calls by {service}",
        slug=slug,
        number=readable_number(order.number),
        service=_clock(door, order.service_due),
    )


@click.command(epilog=examples("client live andes"))
@client_argument
@_at_option
@pass_door
def live(door: Door, slug: str, at: str | None) -> None:
    """Notes that calls are answered. Refused while something lacks for that: number, hours, greeting, secretary …"""
    when = _when(door, at)
    order = _note(door, slug, lambda work, client_id: onboarding.live(work, client_id, when))
    if when <= order.service_due:
        door.tell("client {slug} is live, in time", slug=slug)
    else:
        door.tell("client {slug} is live; it was due at {service}", slug=slug, service=_clock(door, order.service_due))
    with reading(door.engine) as conn:
        if plans.current(conn, clients.find(conn, slug).id) is None:
            door.tell("client {slug} has no plan: its calls are neither counted nor invoiced", slug=slug)


def under_way(door: Door, as_json: bool) -> None:
    """Prints the orders under way, the late ones first, with what is left of each deadline in business time."""
    with reading(door.engine) as conn:
        orders = onboarding.status(conn, clock.now(), door.zone)
    if as_json:
        print_json([_as_json(each) for each in orders])
    elif orders:
        _print(door, orders)
    else:
        door.tell("nothing to show")


def going_live_facts(door: Door, conn: Connection, slug: str, as_json: bool) -> dict[str, object]:
    """The client's order among its other facts: nothing if it has none."""
    found = onboarding.of_client(conn, clients.find(conn, slug).id, clock.now(), door.zone)
    if as_json:
        return {"going_live": _as_json(found) if found else None}
    if found is None:
        return {}
    welcome, service = (_told(door, each) for each in found.deadlines)
    return {"paid_at": found.order.paid_at, "welcome": welcome, "service": service}


def _note(door: Door, slug: str, act: Callable[[Work, int], Order]) -> Order:
    return change(door, lambda work: act(work, clients.find(work.conn, slug).id))


def _when(door: Door, at: str | None) -> datetime:
    """The instant that was given, or now. Raises ClientMistake for one that is still to come, or long past."""
    now = clock.now()
    when = now if at is None else door.instant(at)
    if not now - LONGEST_AGO <= when <= now:
        raise ClientMistake(
            "--at {at} is still to come or over a month ago: write when it happened, like {example}",
            at=door.plain(when),
            example=f"{now.astimezone(door.zone):%Y-%m-%dT%H:%M}",
        )
    return when


def _print(door: Door, orders: list[Progress]) -> None:
    # Imported here: no other command prints in colours.
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None, pad_edge=False, header_style="bold")
    for column in ("client", "number", "paid_at", "welcome", "by", "service", "by"):
        table.add_column(door.say(column), overflow="fold")
    for each in orders:
        facts = [each.order.slug, readable_number(each.order.number) or "–", _clock(door, each.order.paid_at)]
        cells = [Text(fact) for fact in facts]
        for deadline in each.deadlines:
            style = STYLES[deadline.urgency]
            cells += [Text(_told(door, deadline), style), Text(_clock(door, deadline.due), style)]
        table.add_row(*cells)
    # rich drops the colours when the output is no terminal or NO_COLOR is set
    Console(highlight=False, width=None if sys.stdout.isatty() else 200).print(table)


def _told(door: Door, deadline: Deadline) -> str:
    """A deadline in a few words, business minutes included."""
    minutes = minutes_left(deadline)
    match deadline.urgency:
        case Urgency.DONE if deadline.done_at and deadline.done_at > deadline.due:
            return door.say("done, but late")
        case Urgency.DONE:
            return door.say("done in time")
        case Urgency.LATE:
            return door.say("late by {minutes} min", minutes=-minutes)
        case Urgency.SOON_LATE:
            return door.say(
                counted("soon late: a minute left", "soon late: {minutes} min left", by="minutes"), minutes=minutes
            )
        case _:
            return door.say(counted("a minute left", "{minutes} min left", by="minutes"), minutes=minutes)


def _clock(door: Door, at: datetime) -> str:
    return f"{at.astimezone(door.zone):%Y-%m-%d %H:%M}"


def _as_json(progress: Progress) -> dict[str, object]:
    order = progress.order
    return {
        "client": order.slug,
        "name": order.client_name,
        "number": order.number or None,
        "paid_at": order.paid_at,
        "state": progress.urgency.value,
        "told": order.told,
        "deadlines": [
            {
                "step": each.step.value,
                "due": each.due,
                "done_at": each.done_at,
                "state": each.urgency.value,
                "minutes_left": None if each.done_at else minutes_left(each),
            }
            for each in progress.deadlines
        ],
    }
