"""`subprocessor`: who else processes clients' data on our behalf (Ley 21.719)."""

from typing import Any

import click

from pbx_control.admin.door import Door, pass_door, show_rows, table_options
from pbx_control.admin.language import spoken
from pbx_control.admin.provisioning import CLIENT, book, examples, tell_change
from pbx_control.catalogue import N_
from pbx_control.domain.keeping.subprocessors import Does, country_in
from pbx_control.services import subprocessors as services
from pbx_control.services.work import Work
from pbx_control.store import clients, subprocessors
from pbx_control.store.engine import reading

COLUMNS = ("name", N_("purpose"), "country", "client")
OF_CLIENT_COLUMNS = ("name", "purpose", "country", N_("known_by"))
REGISTER = N_("register")
# By what one is known.
SOURCES = {
    Does.MAIL: N_("mail relay"),
    Does.MAILBOX: N_("mailbox"),
    Does.TELEGRAM: N_("chats"),
    Does.CARRIER: N_("numbers"),
}

client_option = click.option("--client", "slug", metavar="CLIENT", type=CLIENT, help="For this client only [all].")


@click.group()
def subprocessor() -> None:
    """Who else processes clients' data on our behalf: mail relay, carriers, others (Ley 21.719).

    The mail relay, the mailbox, Telegram and the carriers follow from the settings, and from the client's numbers and
    people. Whoever else there is stands in a register: where backups go, if that is somebody else's; a translator. An
    entry of the same name as one of the first (`list --client` shows them) says where that one is, and what for.
    """


@subprocessor.command(
    epilog=examples(
        'subprocessor add "Bodega SpA" --purpose "guarda las copias de seguridad" --country CL',
        'subprocessor add "Traducciones Sur" --purpose "traduce mensajes" --country AR --client andes',
    )
)
@click.argument("name")
@click.option("--purpose", metavar="TEXT", required=True, help="What it does for us, as the clients read it.")
@click.option("--country", metavar="CC", required=True, help="Where it is: two letters, like CL.")
@click.option("--all", "everybody", is_flag=True, help="For all clients; so it is if nothing is said.")
@client_option
@pass_door
def add(door: Door, name: str, purpose: str, country: str, everybody: bool, slug: str | None) -> None:
    """Enters one, or changes what stands there. The clients concerned are told by letter, the next morning."""
    if everybody and slug:
        raise click.UsageError(spoken("give either --client or --all"))

    def act(work: Work) -> bool:
        client_id = clients.find(work.conn, slug).id if slug else None
        return services.add(work, door.settings, name, purpose, country, client_id=client_id)

    told = N_("{name} is in the register; the clients are told by letter, the next morning")
    tell_change(door, book(door, act), told, name=name)


@subprocessor.command(epilog=examples('subprocessor remove "Bodega SpA"'))
@click.argument("name")
@client_option
@pass_door
def remove(door: Door, name: str, slug: str | None) -> None:
    """Takes one out of the register. The clients concerned are told by letter, the next morning."""

    def act(work: Work) -> str:
        client_id = clients.find(work.conn, slug).id if slug else None
        return services.remove(work, door.settings, name, client_id=client_id)

    told = N_("{name} is in the register no more; the clients are told by letter, the next morning")
    door.tell(told, name=book(door, act))


@subprocessor.command("list", epilog=examples("subprocessor list", "subprocessor list --client andes --json"))
@click.option("--client", "slug", metavar="CLIENT", type=CLIENT, help="All that this client's data reach.")
@table_options
@pass_door
def list_(door: Door, slug: str | None, as_json: bool) -> None:
    """The register; with --client, everybody whom that client's data reach."""
    with reading(door.engine) as conn:
        if slug is None:
            show_rows(door, COLUMNS, subprocessors.rows(conn), as_json, _said)
        else:
            found = services.current(conn, door.settings, clients.find(conn, slug).id)
            rows = [
                {
                    "name": one.name,
                    "purpose": one.purpose_in(door.language),
                    "country": one.country,
                    "known_by": SOURCES[one.does] if one.does else REGISTER,
                }
                for one in found
            ]
            show_rows(door, OF_CLIENT_COLUMNS, rows, as_json, _said)
    if not as_json and door.settings.backup.folder:
        door.tell("backups go to {folder}: if that is somebody else's, enter who", folder=door.settings.backup.folder)


def _said(door: Door, row: dict[str, Any]) -> dict[str, Any]:
    source = {"known_by": door.say(row["known_by"])} if "known_by" in row else {}
    return row | source | {"country": country_in(row["country"], door.language)}
