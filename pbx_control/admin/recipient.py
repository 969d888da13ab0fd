"""`recipient`: who gets a client's messages."""

from collections.abc import Sequence
from typing import Any

import click

from pbx_control.admin.door import Door, pass_door, show_rows, table_options
from pbx_control.admin.language import spoken
from pbx_control.admin.provisioning import CLIENT, change, client_argument, examples
from pbx_control.domain.notices.kinds import EVERYTHING, LABELS, About, Wants
from pbx_control.domain.words.sentences import read_kept, said
from pbx_control.services import people
from pbx_control.services.work import Work
from pbx_control.store import clients, recipients
from pbx_control.store.engine import reading
from pbx_control.store.recipients import Listed
from pbx_control.store.rows import facts

gets_option = click.option(
    "--gets",
    multiple=True,
    type=click.Choice([kind.value for kind in About]),
    help="What goes there; may be given several times. All of it, if it is not given.",
)


@click.group()
def recipient() -> None:
    """Who gets a client's messages."""


@recipient.command(
    epilog=examples("recipient add andes --email ventas@andes.cl", "recipient add andes --telegram 123456789")
)
@client_argument
@click.option("--email", metavar="E", help="An e-mail address.")
@click.option("--telegram", metavar="CHAT", help="A Telegram chat's number, or a channel's @name.")
@gets_option
@pass_door
def add(door: Door, slug: str, email: str | None, telegram: str | None, gets: tuple[str, ...]) -> None:
    """Adds an e-mail address or a Telegram chat.

    The client's own people do so in the portal, where the address is asked first.
    """
    if (email is None) == (telegram is None):
        raise click.UsageError(spoken("give either --email or --telegram"))
    channel, address = ("email", email) if email is not None else ("telegram", telegram or "")

    def act(work: Work) -> str:
        return people.add_recipient(work, clients.find(work.conn, slug).id, channel, address, _wants(gets))

    door.tell("{address} gets the messages of {slug}", address=change(door, act), slug=slug)


@recipient.command("list", epilog=examples("recipient list", "recipient list andes"))
@click.argument("slug", metavar="[CLIENT]", type=CLIENT, required=False)
@table_options
@pass_door
def list_(door: Door, slug: str | None, as_json: bool) -> None:
    """The recipients of one client, or of all; since when messages do not reach one, and why."""
    with reading(door.engine) as connection:
        rows = recipients.rows(connection, clients.find(connection, slug).id if slug else None)
    language = None if as_json else door.language
    shown = [_shown(row, language) for row in rows]
    show_rows(door, ["client", "channel", "address", "gets", "failing_since", "last_error"], shown, as_json)


def _shown(row: Listed, language: str | None) -> dict[str, Any]:
    """As a person reads it in that language; None: as a program does."""
    told = facts(row)
    kinds = told.pop("wants").kinds
    gets = [kind.value if language is None else said(language, LABELS[kind], {}) for kind in kinds]
    return told | {"gets": gets, "last_error": read_kept(told.pop("kept_error")).said(language or "en")}


@recipient.command(
    "set",
    epilog=examples(
        "recipient set andes contador@andes.cl --gets invoices",
        "recipient set andes -100123456789 --gets calls --gets usage",
    ),
    context_settings={"ignore_unknown_options": True},
)
@client_argument
@click.argument("address")
@gets_option
@pass_door
def set_(door: Door, slug: str, address: str, gets: tuple[str, ...]) -> None:
    """Changes what a recipient is sent."""
    wants = _wants(gets)
    change(door, lambda work: people.set_wants(work, clients.find(work.conn, slug).id, address, wants))
    kinds = ", ".join(spoken(LABELS[kind]) for kind in wants.kinds)
    door.tell("{address} gets from now on: {kinds}", address=address, kinds=kinds)


def _wants(gets: Sequence[str]) -> Wants:
    return Wants.only(*map(About, gets)) if gets else EVERYTHING


@recipient.command(
    epilog=examples("recipient order andes jefe@andes.cl ventas@andes.cl"),
    context_settings={"ignore_unknown_options": True},
)
@client_argument
@click.argument("addresses", metavar="ADDRESS...", nargs=-1, required=True)
@pass_door
def order(door: Door, slug: str, addresses: tuple[str, ...]) -> None:
    """Puts recipients first, in this order; the others follow as they did.

    In this order they are told again of an urgent message that nobody has seen.
    """
    now = change(door, lambda work: people.set_order(work, clients.find(work.conn, slug).id, addresses))
    door.tell("the order of {slug} is: {addresses}", slug=slug, addresses=", ".join(now))


@recipient.command(
    epilog=examples("recipient remove andes ventas@andes.cl", "recipient remove andes --telegram -100123456789"),
    # A Telegram group's number begins with a minus, and is no option.
    context_settings={"ignore_unknown_options": True},
)
@client_argument
@click.argument("address", required=False, default="")
@click.option("--email", metavar="E", help="An e-mail address.")
@click.option("--telegram", metavar="CHAT", help="A Telegram chat's number, or a channel's @name.")
@pass_door
def remove(door: Door, slug: str, address: str, email: str | None, telegram: str | None) -> None:
    """Takes a recipient away; letters already written still go to him."""
    named = email or telegram or address
    change(door, lambda work: people.remove_recipient(work, clients.find(work.conn, slug).id, named))
    door.tell("{address} gets no more messages of {slug}", address=named, slug=slug)
