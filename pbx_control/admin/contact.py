"""`contact`: the people of a client's to whom its calls may be transferred."""

from dataclasses import replace
from typing import Any
from zoneinfo import ZoneInfo

import click

from pbx_control import clock
from pbx_control.admin.door import Door, pass_door, reading_command
from pbx_control.admin.provisioning import CLIENT, change, client_argument, examples
from pbx_control.admin.whole import WholeNumber
from pbx_control.services import people
from pbx_control.services.work import Work
from pbx_control.store import clients, contacts
from pbx_control.store.contacts import Listed
from pbx_control.store.engine import reading


@click.group()
def contact() -> None:
    """The people of a client's to whom its calls may be transferred."""


@contact.command(
    epilog=examples(
        'contact add andes "Rosa Soto" +56987654321',
        "contact add andes Ventas +56225550199 --then +56987654321 --department Ventas --key 1",
    )
)
@client_argument
@click.argument("name")
@click.argument("number")
@click.option("--then", "then_number", default="", metavar="NUMBER", help="Called if the first does not answer.")
@click.option("--department", default="", help="Support, sales, billing …")
@click.option("--key", type=WholeNumber(1, 6), help="*KEY on a secretary's telephone [the lowest free].")
@pass_door
def add(door: Door, slug: str, name: str, number: str, **given: Any) -> None:
    """Adds a contact: a landline or mobile in Chile, Mexico, Colombia, Brazil, Peru, Puerto Rico, USA, Canada,
    Spain, United Kingdom, Italy, France or Germany."""

    def act(work: Work) -> int | None:
        return people.add_contact(work, clients.find(work.conn, slug).id, name, number, **given)

    key = change(door, act)
    if key is None:
        door.tell("contact {name} added; all six keys of {slug} are taken, so it has none", name=name, slug=slug)
    else:
        door.tell("contact {name} added: secretaries reach it with *{key}", name=name, key=key)


@contact.command("list", epilog=examples("contact list", "contact list andes"))
@click.argument("slug", metavar="[CLIENT]", type=CLIENT, required=False)
@reading_command(["client", "key", "name", "number", "then_number", "department", "away_until"])
def list_(door: Door, slug: str | None) -> list[Listed]:
    """The contacts of one client, or of all."""
    with reading(door.engine) as connection:
        found = contacts.rows(connection, clients.find(connection, slug).id if slug else None)
    now = clock.now()
    return [replace(one, away_until=None) if one.away_until and one.away_until <= now else one for one in found]


@contact.command(epilog=examples('contact remove andes "Rosa Soto"'))
@client_argument
@click.argument("name")
@pass_door
def remove(door: Door, slug: str, name: str) -> None:
    """Takes a contact away."""
    change(door, lambda work: people.remove_contact(work, clients.find(work.conn, slug).id, name))
    door.tell("contact {name} removed", name=name)


@contact.command(
    epilog=examples('contact away andes "Rosa Soto" --until 15:00', "contact away andes Rosa --until tomorrow")
)
@client_argument
@click.argument("name")
@click.option("--until", required=True, metavar="TIME", help="15:00, tomorrow 9:00, 2h … in the client's zone.")
@pass_door
def away(door: Door, slug: str, name: str, until: str) -> None:
    """Not to be consulted before a time: secretaries see it, and NAME is not called. Then again by itself."""
    with reading(door.engine) as connection:
        zone = ZoneInfo(clients.find(connection, slug).timezone)
    end = door.end(until, zone)
    change(door, lambda work: people.set_away(work, clients.find(work.conn, slug).id, name, end))
    door.tell("{name} is not consulted until {until}", name=name, until=f"{end.astimezone(zone):%Y-%m-%d %H:%M %Z}")


@contact.command(epilog=examples('contact back andes "Rosa Soto"'))
@client_argument
@click.argument("name")
@pass_door
def back(door: Door, slug: str, name: str) -> None:
    """To be consulted again, now."""
    change(door, lambda work: people.set_away(work, clients.find(work.conn, slug).id, name, None))
    door.tell("{name} may be consulted", name=name)
