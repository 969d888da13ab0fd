"""`incident`: the register of incidents with clients' data, and the letters that tell the clients (Ley 21.719)."""

from typing import Any

import click

from pbx_control import clock
from pbx_control.admin.door import (
    Door,
    json_option,
    pass_door,
    print_json,
    print_json_rows,
    reading_command,
    table_options,
)
from pbx_control.admin.language import spoken
from pbx_control.admin.provisioning import CLIENT, book, card, examples
from pbx_control.admin.whole import NumberOf, WholeNumber
from pbx_control.catalogue import N_, counted
from pbx_control.domain.keeping.incidents import EntryKind
from pbx_control.domain.words.characters import harmless
from pbx_control.services import incidents as services
from pbx_control.services.incidents import Draft
from pbx_control.store import incidents
from pbx_control.store.engine import reading
from pbx_control.store.incidents import Listed
from pbx_control.store.rows import facts

NUMBER = NumberOf("incident list")
# Of an incident's facts, as `show` calls them.
LABELS = (N_("id"), N_("title"), N_("happened_at"), N_("known_at"), N_("what"), N_("data"), N_("measures"))
KINDS = {EntryKind.NOTE: N_("noted"), EntryKind.SENT: N_("letters sent to"), EntryKind.CLOSED: N_("closed")}
LETTER_COLUMNS = ("client", "channel", "address", N_("sent_at"), N_("delivered_at"))

number_argument = click.argument("number", metavar="ID", type=NUMBER)


@click.group()
def incident() -> None:
    """Incidents with clients' data: what happened, and that the clients were told (Ley 21.719).

    Nothing in the register is ever changed: it is added to.
    """


@incident.command(
    epilog=examples(
        'incident add "Mensaje a otra dirección" --happened "3/12/2026 9:30" --what "Un mensaje salió a …" '
        '--client andes --data "Nombre y teléfono de 3 personas" --measures "Se pidió borrarlo"',
        'incident add "Intrusión" --happened 2h --what "…" --all-clients',
    )
)
@click.argument("title")
@click.option("--happened", metavar="TIME", required=True, help="When: 3/12/2026 9:30, yesterday, 2h …")
@click.option("--what", metavar="TEXT", required=True, help="What happened, as the clients are told it.")
@click.option("--client", "slugs", metavar="CLIENT", type=CLIENT, multiple=True, help="Whom it concerns; repeatable.")
@click.option("--all-clients", "everybody", is_flag=True, help="All whose data are here.")
@click.option("--data", metavar="TEXT", default="", help="Which data, of how many people.")
@click.option("--measures", metavar="TEXT", default="", help="What was done against it.")
@pass_door
def add(
    door: Door,
    title: str,
    happened: str,
    what: str,
    slugs: tuple[str, ...],
    everybody: bool,
    data: str,
    measures: str,
) -> None:
    """Registers an incident. The clients are not told yet: look at the letters with `incident letters`, then send them.

    Texts stand in the letters as they are written here: write them in the clients' language.
    """
    if bool(slugs) == everybody:
        raise click.UsageError(spoken("give either --client or --all-clients"))
    at = door.instant(happened)
    number = book(
        door,
        lambda work: services.add(
            work, title, at, what, slugs=slugs, everybody=everybody, data=data, measures=measures
        ),
    )
    door.tell("incident {id} is registered; `incident letters {id}` shows what the clients will read", id=number)


@incident.command("list", epilog=examples("incident list", "incident list --json"))
@click.option("--limit", type=WholeNumber(1, 100_000), default=100, show_default=True, help="How many at most.")
@reading_command(["id", "happened_at", "title", "clients", "told", "closed_at"], cut=("title",))
def list_(door: Door, limit: int) -> list[Listed]:
    """The incidents, the newest first: how many clients each concerns, and how many of them were written to."""
    with reading(door.engine) as conn:
        return incidents.rows(conn, limit)


@incident.command(epilog=examples("incident show 3", "incident show 3 --json"))
@number_argument
@table_options
@pass_door
def show(door: Door, number: int, as_json: bool) -> None:
    """All that the register says of one: its facts, what was added, and to whom letters were sent and delivered."""
    with reading(door.engine) as conn:
        found = facts(incidents.get(conn, number)) | {"clients": ", ".join(incidents.concerned(conn, number))}
        entries, told = incidents.entries(conn, number), incidents.told(conn, number)
    if as_json:
        listed = {"clients": found["clients"].split(", ")}
        more = {"entries": list(map(facts, entries)), "letters": list(map(facts, told))}
        print_json(found | listed | more)
        return
    card(door, {name: found[name] for name in (*LABELS, "clients") if found[name]})
    for one in entries:
        done = f"{door.say(KINDS[one.kind])} {one.client or ''}".rstrip()
        click.echo(harmless(f"{door.plain(one.at)}  {one.who}  {done}  {one.text}".rstrip()))
    if told:
        door.table(LETTER_COLUMNS, [[getattr(one, name) for name in LETTER_COLUMNS] for one in told])


@incident.command(epilog=examples('incident note 3 "El destinatario confirmó que lo borró."'))
@number_argument
@click.argument("text")
@pass_door
def note(door: Door, number: int, text: str) -> None:
    """Adds what became known since. It stands in the register alone, not in the letters."""
    book(door, lambda work: services.note(work, number, text))
    door.tell("it is noted at incident {id}", id=number)


@incident.command(epilog=examples('incident close 3 --how "Borrado; la regla de direcciones se corrigió."'))
@number_argument
@click.option("--how", metavar="TEXT", required=True, help="How it ended.")
@pass_door
def close(door: Door, number: int, how: str) -> None:
    """Says how it ended. Notes can still be added."""
    book(door, lambda work: services.close(work, number, how))
    door.tell("incident {id} is closed", id=number)


@incident.command(epilog=examples("incident letters 3", "incident letters 3 --json"))
@number_argument
@json_option
@pass_door
def letters(door: Door, number: int, as_json: bool) -> None:
    """What the clients read, or will read: each letter's subject and text."""
    with reading(door.engine) as conn:
        drafts = services.drafts(conn, door.settings, number, clock.now())
    if as_json:
        print_json_rows(map(_as_json, drafts))
        return
    if not drafts:
        door.tell("nobody can be written to: `recipient add` gives a client somebody")
    for one in drafts:
        click.echo(click.style(f"{one.client} · {harmless(one.letter.address)}", bold=True))
        click.echo(f"{door.say('subject')}: {one.letter.subject}\n\n{one.letter.text.rstrip()}\n")


@incident.command(epilog=examples("incident send 3"))
@number_argument
@pass_door
def send(door: Door, number: int) -> None:
    """Sends the letters. Each client is written to once, however often this is called."""
    sent = book(door, lambda work: services.send(work, door.settings, number))
    if sent.letters:
        told = counted(
            "{count} letter is in the outbox: {clients}", "{count} letters are in the outbox: {clients}", by="count"
        )
        door.tell(told, count=sent.letters, clients=", ".join(sent.clients))
    else:
        door.tell("nothing was sent: who can be written to has been")
    for slug in sent.nobody:
        door.tell("{slug} has nobody to write to: `recipient add {slug} --email ADDRESS`, then send again", slug=slug)


def _as_json(one: Draft) -> dict[str, Any]:
    letter = one.letter
    return {
        "client": one.client,
        "channel": letter.channel.value,
        "address": letter.address,
        "subject": letter.subject,
        "text": letter.text,
    }
