"""`recipient`: who gets a client's messages."""

from typing import Any

import click

from pbx_control.admin.door import Door, pass_door, show_rows, table_options
from pbx_control.admin.language import spoken
from pbx_control.admin.provisioning import CLIENT, change, client_argument, examples
from pbx_control.domain.words.sentences import read_kept
from pbx_control.services import people
from pbx_control.services.work import Work
from pbx_control.store import clients, recipients
from pbx_control.store.engine import reading
from pbx_control.store.recipients import Listed
from pbx_control.store.rows import facts


@click.group()
def recipient() -> None:
    """Who gets a client's messages."""


@recipient.command(
    epilog=examples("recipient add andes --email ventas@andes.cl", "recipient add andes --telegram 123456789")
)
@client_argument
@click.option("--email", metavar="E", help="An e-mail address.")
@click.option("--telegram", metavar="CHAT", help="A Telegram chat's number, or a channel's @name.")
@pass_door
def add(door: Door, slug: str, email: str | None, telegram: str | None) -> None:
    """Adds an e-mail address or a Telegram chat."""
    if (email is None) == (telegram is None):
        raise click.UsageError(spoken("give either --email or --telegram"))
    channel, address = ("email", email) if email is not None else ("telegram", telegram or "")

    def act(work: Work) -> str:
        return people.add_recipient(work, clients.find(work.conn, slug).id, channel, address)

    door.tell("{address} gets the messages of {slug}", address=change(door, act), slug=slug)


@recipient.command("list", epilog=examples("recipient list", "recipient list andes"))
@click.argument("slug", metavar="[CLIENT]", type=CLIENT, required=False)
@table_options
@pass_door
def list_(door: Door, slug: str | None, as_json: bool) -> None:
    """The recipients of one client, or of all; since when messages do not reach one, and why."""
    with reading(door.engine) as connection:
        rows = recipients.rows(connection, clients.find(connection, slug).id if slug else None)
    language = "en" if as_json else door.language
    shown = [_shown(row, language) for row in rows]
    show_rows(door, ["client", "channel", "address", "failing_since", "last_error"], shown, as_json)


def _shown(row: Listed, language: str) -> dict[str, Any]:
    told = facts(row)
    return told | {"last_error": read_kept(told.pop("kept_error")).said(language)}


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
