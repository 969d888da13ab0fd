"""`protocol`: what secretaries ask a client's callers, and what they may tell them."""

from typing import Any

import click

from pbx_control.admin.door import Door, pass_door, print_json, reading_command, table_options
from pbx_control.admin.language import spoken
from pbx_control.admin.provisioning import (
    book,
    card,
    client_argument,
    examples,
    listing,
    tell_version,
    typed_text,
)
from pbx_control.admin.whole import WholeNumber
from pbx_control.catalogue import N_, in_context
from pbx_control.domain.desk.protocol import Field, Protocol, colour_of
from pbx_control.domain.desk.protocol_file import LARGEST, parse, written
from pbx_control.domain.words.characters import harmless
from pbx_control.services import protocols as services
from pbx_control.services.work import Work
from pbx_control.store import clients, protocols
from pbx_control.store.engine import reading
from pbx_control.store.protocols import Version


@click.group()
def protocol() -> None:
    """What secretaries ask a client's callers, and what they may tell them."""


@protocol.command(
    "set",
    epilog=examples(
        "protocol set andes --file andes.toml --asked-by gerencia@andes.cl",
        "protocol show andes --toml > andes.toml",
        "protocol set andes --file - < andes.toml",
    ),
)
@client_argument
@click.option("--file", required=True, metavar="FILE", help="A protocol in TOML; - reads the standard input.")
@click.option("--asked-by", default="", metavar="WHO", help="Who asked for it in writing: an address, an account.")
@pass_door
def set_(door: Door, slug: str, file: str, asked_by: str) -> None:
    """Puts a protocol in force. `protocol show CLIENT --toml` prints the present one, to be edited."""
    text = typed_text(file, LARGEST)

    def act(work: Work) -> Protocol:
        return services.put(work, clients.find(work.conn, slug).id, text, asked_by)

    _, fields = book(door, listing(act))
    tell_version(door, fields, N_("the protocol of {slug} is changed"), asked_by, slug=slug)


@protocol.command(epilog=examples("protocol check andes.toml"))
@click.argument("file", metavar="FILE")
@pass_door
def check(door: Door, file: str) -> None:
    """Whether a file would do as a protocol; nothing is changed."""
    found = parse(typed_text(file, LARGEST))
    door.tell("{file} is in order; it asks for: {fields}", file=file, fields=", ".join(one.key for one in found.fields))


@protocol.command(epilog=examples("protocol show andes", "protocol show andes --toml > andes.toml"))
@client_argument
@click.option("--version", type=WholeNumber(1), metavar="VERSION", help="An earlier one [the one in force].")
@click.option("--toml", "as_toml", is_flag=True, help="Print the file, which can be edited and set again.")
@table_options
@pass_door
def show(door: Door, slug: str, version: int | None, as_toml: bool, as_json: bool) -> None:
    """The protocol in force; the house's own, if the client has set none."""
    if as_toml and as_json:
        raise click.UsageError(spoken("give either --toml or --json"))
    with reading(door.engine) as connection:
        client_id = clients.find(connection, slug).id
        if version is None:
            found = protocols.in_force(connection, client_id)
        else:
            found = protocols.find(connection, client_id, version)
    if as_toml:
        click.echo(written(found.protocol), nl=False)
    elif as_json:
        print_json(_facts(found))
    else:
        _show(door, found, client_id)


@protocol.command(epilog=examples("protocol history andes", "protocol history andes --json"))
@client_argument
@reading_command(["version", "since", "asked_by", "fields"], lambda door, row: row | {"fields": _keys(row["fields"])})
def history(door: Door, slug: str) -> list[dict[str, Any]]:
    """All protocols that a client has set, the one in force first."""
    with reading(door.engine) as connection:
        return [_facts(one) for one in protocols.history(connection, clients.find(connection, slug).id)]


@protocol.command(epilog=examples("protocol rollback andes", "protocol rollback andes --to 3"))
@client_argument
@click.option("--to", "version", type=WholeNumber(1), metavar="VERSION", help="[the last different one]")
@pass_door
def rollback(door: Door, slug: str, version: int | None) -> None:
    """Puts an earlier protocol in force again; the history keeps both."""

    def act(work: Work) -> Protocol:
        return services.roll_back(work, clients.find(work.conn, slug).id, version)

    found = book(door, act)
    keys = ", ".join(field.key for field in found.fields)
    door.tell("the protocol of {slug} asks again for: {fields}", slug=slug, fields=keys)


def _show(door: Door, found: Version, client_id: int) -> None:
    one = found.protocol
    own = {"version": found.version, "since": found.since, "asked_by": found.asked_by}
    told = own if found.id else {"version": door.say("the house's own")}
    card(door, told | {"pronunciation": one.pronunciation, "colour": colour_of(one, client_id)})
    click.echo()
    # Not a telephone's key.
    key = in_context("protocol", "key")
    door.table([key, "label", "kind", "required", "choices", "when", "hint"], map(_row, one.fields))
    for heading, lines in (
        (door.say("She may tell"), one.may_tell),
        (door.say("She must not tell"), one.must_not_tell),
        (door.say("How to proceed"), one.steps_note.splitlines()),
    ):
        if lines:
            click.echo("\n" + click.style(heading, bold=True))
            click.echo("\n".join(f"  {harmless(line)}" for line in lines))


def _row(field: Field) -> list[object]:
    """A field as a person reads it in a table."""
    when = f"{field.when.field} = {' / '.join(field.when.values)}" if field.when else ""
    choices = " / ".join(field.choices)
    return [field.key, field.label, field.kind.value, field.required, choices, when, field.hint]


def _facts(found: Version) -> dict[str, Any]:
    """A version as programs read it."""
    # Imported here: a person's table needs none of it.
    import msgspec

    own = {"version": found.version, "since": found.since, "asked_by": found.asked_by}
    return (
        own
        | {name: getattr(found.protocol, name) for name in found.protocol.__struct_fields__}
        | {"fields": [msgspec.structs.asdict(one) | {"when": _when(one)} for one in found.protocol.fields]}
    )


def _when(field: Field) -> dict[str, Any] | None:
    return {"field": field.when.field, "values": list(field.when.values)} if field.when else None


def _keys(fields: list[dict[str, Any]]) -> list[str]:
    return [one["key"] for one in fields]
