"""`info`: a client's ready-made texts, which its secretaries send to callers who ask."""

import click

from pbx_control.admin.door import Door, json_option, pass_door, print_json, reading_command
from pbx_control.admin.language import spoken
from pbx_control.admin.provisioning import INFO, book, client_argument, examples, listing, tell_version, typed_text
from pbx_control.catalogue import N_
from pbx_control.services import infos as services
from pbx_control.services.work import Work
from pbx_control.store import clients, infos
from pbx_control.store.engine import reading
from pbx_control.store.infos import Version
from pbx_control.store.rows import facts

# Bytes of the longest text, in UTF-8.
LARGEST = 4 * services.LONGEST

asked_by_option = click.option(
    "--asked-by", default="", metavar="WHO", help="Who asked for it in writing: an address, an account."
)
name_argument = click.argument("name", type=INFO)


@click.group()
def info() -> None:
    """A client's ready-made texts, which its secretaries send to callers who ask: address, bank details …"""


@info.command(
    epilog=examples(
        'info add andes Banco --text "Banco Estado, cuenta 12345678, a nombre de Andes Ltda"',
        'info add andes "Cómo llegar" --file map.txt --asked-by gerencia@andes.cl',
        "info add andes Banco --file - < bank.txt",
    )
)
@client_argument
@name_argument
@click.option("--file", metavar="FILE", help="Plain text; - reads the standard input.")
@click.option("--text", metavar="T", help="The text itself.")
@asked_by_option
@pass_door
def add(door: Door, slug: str, name: str, file: str | None, text: str | None, asked_by: str) -> None:
    """Puts a plain text in force under NAME, in place of what stood there."""
    if (file is None) == (text is None):
        raise click.UsageError(spoken("give either --file or --text"))
    wanted = text if text is not None else typed_text(file or "", LARGEST)

    def act(work: Work) -> str:
        return services.add(work, clients.find(work.conn, slug).id, name, wanted, asked_by)

    kept, fields = book(door, listing(act))
    tell_version(door, fields, N_("the text {name} of {slug} is kept"), asked_by, name=kept, slug=slug)


@info.command("list", epilog=examples("info list andes"))
@client_argument
@reading_command(["name", "since", "asked_by", "text"])
def list_(door: Door, slug: str) -> list[Version]:
    """The texts in force, by name."""
    with reading(door.engine) as connection:
        return infos.in_force(connection, clients.find(connection, slug).id)


@info.command(epilog=examples("info show andes Banco"))
@client_argument
@name_argument
@json_option
@pass_door
def show(door: Door, slug: str, name: str, as_json: bool) -> None:
    """The text in force under NAME."""
    with reading(door.engine) as connection:
        found = infos.find(connection, clients.find(connection, slug).id, name)
    if as_json:
        print_json(facts(found))
    else:
        click.echo(found.text)


@info.command(epilog=examples("info history andes Banco"))
@client_argument
@name_argument
@reading_command(["since", "asked_by", "name", "removed", "text"])
def history(door: Door, slug: str, name: str) -> list[Version]:
    """All that has stood under NAME, the newest first; removed: from then on nothing."""
    with reading(door.engine) as connection:
        return infos.history(connection, clients.find(connection, slug).id, name)


@info.command(epilog=examples("info remove andes Banco"))
@client_argument
@name_argument
@asked_by_option
@pass_door
def remove(door: Door, slug: str, name: str, asked_by: str) -> None:
    """Takes a text away; its history stays."""
    removed = book(door, lambda work: services.remove(work, clients.find(work.conn, slug).id, name, asked_by))
    door.tell("the text {name} of {slug} is removed", name=removed, slug=slug)
