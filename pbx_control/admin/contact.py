"""`contact`: the people of a client's to whom its calls may be transferred."""

from typing import Any

import click

from pbx_control.admin.door import Door, pass_door, reading_command
from pbx_control.admin.provisioning import CLIENT, change, client_argument, examples
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
@click.option("--key", type=click.IntRange(1, 6), help="*KEY on a secretary's telephone [the lowest free].")
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
@reading_command(["client", "key", "name", "number", "then_number", "department"])
def list_(door: Door, slug: str | None) -> list[Listed]:
    """The contacts of one client, or of all."""
    with reading(door.engine) as connection:
        return contacts.rows(connection, clients.find(connection, slug).id if slug else None)


@contact.command(epilog=examples('contact remove andes "Rosa Soto"'))
@client_argument
@click.argument("name")
@pass_door
def remove(door: Door, slug: str, name: str) -> None:
    """Takes a contact away."""
    change(door, lambda work: people.remove_contact(work, clients.find(work.conn, slug).id, name))
    door.tell("contact {name} removed", name=name)
