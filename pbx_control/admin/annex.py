"""`client annex`: the annex to a client's contract on the processing of personal data, as a PDF."""

import sys
from pathlib import Path

import click

from pbx_control import clock
from pbx_control.admin.door import Door, pass_door
from pbx_control.admin.new_file import write_new
from pbx_control.admin.provisioning import client_argument, examples
from pbx_control.services import annexes
from pbx_control.store import clients
from pbx_control.store.engine import reading


@click.command(epilog=examples("client annex andes", "client annex andes -o anexo.pdf"))
@client_argument
@click.option(
    "-o", "--output", metavar="FILE.pdf", help="Where to write it; - is the standard output [anexo-CLIENT.pdf]."
)
@pass_door
def annex(door: Door, slug: str, output: str | None) -> None:
    """The annex to a client's contract on the processing of personal data (Ley 21.719), as a PDF to read and sign.

    In the client's language, from what is set on this day: the parties, recording or not, opening hours, who else
    processes the data, security measures, the end. It is a template for a lawyer to read, and says so. The parties'
    RUT and addresses stand in [billing] of pbx.toml, and in `client set --rut --legal-name --address`.
    """
    # Imported here: it takes long to load.
    from pbx_control.notify.annex_pdf import render

    with reading(door.engine) as conn:
        made = annexes.of_client(conn, door.settings, clients.find(conn, slug).id, clock.now())
    if output == "-":
        sys.stdout.buffer.write(render(made))
        return
    target = Path(output or f"anexo-{slug}.pdf")
    write_new(target, render(made))
    door.tell("the annex of {slug} is in {file}: have a lawyer read it", slug=slug, file=target)
