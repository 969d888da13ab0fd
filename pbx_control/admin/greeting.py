"""`greeting`: what secretaries say when they answer for a client."""

import sys

import click

from pbx_control.admin.door import Door, json_option, pass_door, print_json, reading_command
from pbx_control.admin.provisioning import change, client_argument, examples, listing, tell_version
from pbx_control.admin.whole import WholeNumber
from pbx_control.catalogue import N_
from pbx_control.services import texts
from pbx_control.services.work import Work
from pbx_control.store import clients, greetings
from pbx_control.store.engine import reading
from pbx_control.store.greetings import Version
from pbx_control.store.rows import facts


@click.group()
def greeting() -> None:
    """What secretaries say when they answer for a client."""


@greeting.command(
    "set",
    epilog=examples(
        'greeting set andes "Andes Ltda, {part_of_day}, habla {secretary}, ¿en qué puedo ayudarle?"',
        "greeting set andes - < greeting.txt",
    ),
)
@client_argument
@click.argument("text")
@click.option("--asked-by", default="", metavar="WHO", help="Who asked for it in writing: an address, an account.")
@pass_door
def set_(door: Door, slug: str, text: str, asked_by: str) -> None:
    """Puts TEXT in force; - reads it from the standard input. Filled in: {secretary}, {part_of_day}, {on_call}."""
    wanted = sys.stdin.read() if text == "-" else text

    def act(work: Work) -> str:
        return texts.write_greeting(work, clients.find(work.conn, slug).id, wanted, asked_by)

    _, fields = change(door, listing(act))
    tell_version(door, fields, N_("the greeting of {slug} is changed"), asked_by, slug=slug)


@greeting.command(epilog=examples("greeting show andes"))
@client_argument
@json_option
@pass_door
def show(door: Door, slug: str, as_json: bool) -> None:
    """The greeting in force."""
    past = _history(door, slug)
    if as_json:
        print_json(facts(past[0]) if past else None)
    elif past:
        click.echo(past[0].text)
    else:
        door.tell("{slug} has no greeting yet: `greeting set {slug} TEXT`", slug=slug)


@greeting.command(epilog=examples("greeting history andes"))
@client_argument
@reading_command(["version", "since", "asked_by", "text"])
def history(door: Door, slug: str) -> list[Version]:
    """All greetings that a client has had, the one in force first."""
    return _history(door, slug)


@greeting.command(epilog=examples("greeting rollback andes", "greeting rollback andes --to 3"))
@client_argument
@click.option("--to", "version", type=WholeNumber(1), metavar="VERSION", help="[the last different one]")
@pass_door
def rollback(door: Door, slug: str, version: int | None) -> None:
    """Puts an earlier greeting in force again; the history keeps both."""

    def act(work: Work) -> str:
        return texts.roll_back_greeting(work, clients.find(work.conn, slug).id, version)

    click.echo(change(door, act))


def _history(door: Door, slug: str) -> list[Version]:
    with reading(door.engine) as connection:
        return greetings.history(connection, clients.find(connection, slug).id)
