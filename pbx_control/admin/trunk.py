"""`trunk`: the carriers that bring the calls."""

from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

import click

from pbx_control.admin.door import Door, json_option, pass_door, print_json, reading_command
from pbx_control.admin.live import wait_until_live
from pbx_control.admin.provisioning import TRUNK, card, change, examples, noting, tell_change
from pbx_control.admin.whole import WholeNumber
from pbx_control.catalogue import N_
from pbx_control.domain import checks
from pbx_control.domain.office import OurNumber, Trunk, trunk_section
from pbx_control.errors import ClientMistake, reason
from pbx_control.services import carriers
from pbx_control.store import dids, trunks
from pbx_control.store import refusals as store_refusals
from pbx_control.store.engine import reading
from pbx_control.store.refusals import Refused
from pbx_control.store.rows import facts as facts_of
from pbx_control.store.snapshot import read_trunks
from pbx_control.store.trunks import Listed

MOST_CALLS = 10_000
# For a person; --json has everything.
SHOWN = (
    *("name", "match", "host", "user", "registration", "transport", "verified_by", "srtp", "codecs", "identity"),
    *("number_format", "country", "did_from", "max_calls", "early_media", "numbers"),
)
# What is given as --password to be asked for it.
ASK = "-"
# What is given as --ca for those that the system trusts; a file of that name is ./system.
SYSTEM = "system"


@click.group()
def trunk() -> None:
    """The carriers that bring the calls."""


# What a new trunk has where nothing is said.
DEFAULTS: dict[str, Any] = {
    "host": "",
    "user": "",
    "password": "",
    "register": False,
    "transport": "udp",
    "verify": True,
    "ca": "",
    "srtp": "",
    "codecs": "alaw,ulaw",
    "identity": "from",
    "number_format": "e164",
    "country": "CL",
    "did_from": "request",
    "max_calls": 0,
    "early_media": True,
}
OPTIONS = (
    click.option("--host", metavar="HOST[:PORT]", help="Where we send to."),
    click.option("--user", help="Our user name with the carrier."),
    click.option("--password", help="Our password; - asks for it, unseen."),
    click.option("--register/--no-register", default=None, help="Register with the carrier."),
    click.option("--transport", type=click.Choice(["udp", "tcp", "tls"]), help="[udp]"),
    click.option(
        "--verify/--no-verify",
        default=None,
        help="With tls: call only who proves by his certificate that he is --host [--verify].",
    ),
    click.option(
        "--ca",
        metavar="FILE",
        help="Who may vouch for his certificate (PEM); system: whom the system trusts [system].",
    ),
    click.option(
        "--srtp",
        type=click.Choice([N_("required"), N_("optional"), N_("off")]),
        help="Whether what is spoken is encrypted [with tls required, else off].",
    ),
    click.option("--codecs", help="The preferred one first [alaw,ulaw]."),
    click.option(
        "--identity",
        type=click.Choice(["from", "pai", "rpid"]),
        help="Where the caller's number stands: From, P-Asserted-Identity or Remote-Party-ID [from].",
    ),
    click.option(
        "--number-format",
        type=click.Choice(["e164", "plain", "national"]),
        help="How it writes numbers: +56225550101, 56225550101 or 225550101 [e164].",
    ),
    click.option("--country", metavar="CC", help="Of national numbers [CL]."),
    click.option("--did-from", type=click.Choice(["request", "to"]), help="Where the dialled number stands [request]."),
    click.option("--max-calls", type=WholeNumber(0, MOST_CALLS), help="At once; 0: no limit [0]."),
    click.option(
        "--early-media/--no-early-media",
        default=None,
        help="Whether its callers hear us before the answer; else they are answered for the recording notice "
        "[--early-media].",
    ),
)


def facts(command: Callable[..., Any]) -> Callable[..., Any]:
    """Adds the options that say what a trunk is like; what is not given comes as None."""
    for option in reversed(OPTIONS):
        command = option(command)
    return command


@trunk.command(
    epilog=examples(
        "trunk add carrier --match 200.1.2.3",
        "trunk add voz --match 200.1.2.9 --host sip.voz.example:5061 --transport tls --ca voz-ca.pem",
        "trunk add entel --match 200.1.2.0/24 --host sip.example.cl --user 5622 --password - --register",
    )
)
@click.argument("name")
@click.option("--match", multiple=True, required=True, metavar="ADDRESS", help="Where it sends from; repeatable.")
@facts
@pass_door
def add(door: Door, name: str, match: tuple[str, ...], **given: Any) -> None:
    """Adds a trunk. Calls are taken from its --match addresses only."""
    values = DEFAULTS | _given(given)
    _require_tls(door, values["transport"])
    values["codecs"] = tuple(values["codecs"].split(","))
    new = Trunk(id=0, name=name, match=match, **values)
    change(door, lambda work: carriers.add(work, new))
    door.tell("trunk {name} added; next: `did add NUMBER… --trunk {name}`", name=new.name)


@trunk.command(
    "set", epilog=examples("trunk set entel --password -", "trunk set carrier --max-calls 30 --identity pai")
)
@click.argument("name", type=TRUNK)
@click.option("--match", multiple=True, metavar="ADDRESS", help="Where it sends from; repeatable.")
@facts
@pass_door
def set_(door: Door, name: str, match: tuple[str, ...], **given: Any) -> None:
    """Changes what is given; the rest stays. Calls that are going on are not touched."""
    if given["password"] == ASK:
        with reading(door.engine) as connection:
            trunks.find(connection, name)
    fields = _given(given) | ({"match": match} if match else {})
    _require_tls(door, fields.get("transport", ""))
    if "codecs" in fields:
        fields["codecs"] = tuple(fields["codecs"].split(","))
    changed = change(door, noting(lambda work: carriers.change(work, name, **fields)))
    wait_until_live(door)
    tell_change(door, changed, N_("trunk {name} changed"), name=name)


@trunk.command("list", epilog=examples("trunk list"))
@reading_command(["name", "match", "host", "registration", "transport", "numbers"])
def list_(door: Door) -> list[dict[str, Any]]:
    """All trunks: `trunk show NAME` has the rest of each, --json has all of it."""
    with reading(door.engine) as connection:
        rows = trunks.rows(connection)
    return with_registrations(door, rows)


@trunk.command(epilog=examples("trunk show carrier", "trunk show carrier --json"))
@click.argument("name", type=TRUNK)
@json_option
@pass_door
def show(door: Door, name: str, as_json: bool) -> None:
    """One trunk; without its password.

    Registration: registered, rejected (the carrier refuses user or password), unregistered (it has not answered yet),
    or unknown (Asterisk is away).

    Verified by: with tls, whose word the carrier's certificate needs: system, own (the file of --ca), or nobody.
    """
    with reading(door.engine) as connection:
        wanted = trunks.find(connection, name).name
        rows = [row for row in trunks.rows(connection) if row.name == wanted]
    [row] = with_registrations(door, rows)
    if as_json:
        print_json(row)
    else:
        card(door, {fact: row[fact] for fact in SHOWN})


def with_registrations(door: Door, rows: Sequence[Listed]) -> list[dict[str, Any]]:
    """Those trunks, each with `registration`: how it stands with the carrier; None if we do not register there."""
    # Imported here: commands that ask the switch nothing start without them.
    from pbx_control.asterisk.reached import Reached, ask_switch

    reached = ask_switch(door.settings, door.home) if any(row.register for row in rows) else Reached()
    return [
        {key: value for key, value in facts_of(row).items() if key != "id"}
        | {"registration": reached.registration(trunk_section(row.id)) if row.register else None}
        for row in rows
    ]


@trunk.command(epilog=examples("trunk remove carrier"))
@click.argument("name", type=TRUNK)
@pass_door
def remove(door: Door, name: str) -> None:
    """Removes a trunk by which no numbers come in."""
    change(door, lambda work: carriers.remove(work, name))
    door.tell("trunk {name} removed", name=name)


@trunk.command(epilog=examples("trunk refusals", "trunk refusals --since 2026-04-01 --json"))
@click.option("--since", metavar="TIME", help="Only the hours since then: yesterday, 2h, 28/11/2026 9:30 …")
@click.option("--limit", type=WholeNumber(1, 100_000), default=100, show_default=True, help="How many at most.")
@reading_command(["hour", "source", "trunk", "number", "reason", "count", "mend"])
def refusals(door: Door, since: str | None, limit: int) -> list[dict[str, Any]]:
    """Who was refused by the switch, counted by hour, address, reason and number, and what would mend it.

    \b
    stranger          a call or telephone from an address that is no carrier's and no secretary's
    wrong-password    a telephone whose password is wrong
    kept-out          whoever had ten wrong passwords in a minute; for ten minutes nothing of his is looked at
    unknown-number    a carrier's call to a number that is none of ours
    ambiguous-number  a carrier's call to a number that may be two of ours
    full              a carrier's call beyond its --max-calls
    no-codec          a carrier's call that offers none of its --codecs (488)
    no-audio          a carrier's call that offers no sound: video or a fax (488)
    unencrypted       a carrier's call without SRTP, which --srtp requires (488)
    encrypted         a carrier's call with nothing but SRTP, which --srtp has off (488)
    dtls              a carrier's call whose keys for SRTP come by DTLS (488)
    offer             a carrier's call that offers sound in a way that Asterisk does not take (488)
    merged            a carrier's call that came by two ways; it was served once
    loop              a consultation of ours that a telephone forwarded to a number of ours
    dialled           a secretary's telephone that dialled: it may not
    """
    start = door.instant(since) if since is not None else None
    with reading(door.engine) as connection:
        rows = store_refusals.newest(connection, start, limit)
        carriers, ours = read_trunks(connection), dids.owners(connection)
    return [_with_remedy(door, row, carriers, ours) for row in rows]


def _with_remedy(door: Door, row: Refused, carriers: Iterable[Trunk], ours: dict[str, OurNumber]) -> dict[str, Any]:
    # Imported here: what is known of numbers takes long to load.
    from pbx_control.admin.remedies import remedy
    from pbx_control.domain.telephony.places import trunk_of

    carrier = trunk_of(row.source, carriers)
    mend = remedy(row.reason, row.number, carrier, ours)
    return facts_of(row) | {"trunk": carrier.name if carrier else "", "mend": door.say(mend.template, **mend.values)}


def _given(options: dict[str, Any]) -> dict[str, Any]:
    """The options that were given; a password of `-` is asked for."""
    given = {name: value for name, value in options.items() if value is not None}
    if given.get("password") == ASK:
        given["password"] = click.prompt("--password", hide_input=True, err=True)
    if "ca" in given:
        given["ca"] = "" if given["ca"] == SYSTEM else _certificates(Path(given["ca"]))
    return given


def _require_tls(door: Door, transport: str) -> None:
    sip = door.settings.sip
    if transport == "tls" and not (sip.tls_bind and sip.certificate and sip.key):
        raise ClientMistake(
            "--transport tls needs TLS: set tls_bind, certificate and key under [sip] in pbx.toml, then `setup` and "
            "`asterisk restart`"
        )


def _certificates(file: Path) -> str:
    """The certificates in a file, without whatever else is in it: a private key, say. Raises ClientMistake."""
    try:
        with file.open("rb") as opened:
            return checks.certificates(opened.read(checks.MOST_CERTIFICATES + 1), file)
    except OSError as error:
        raise ClientMistake("{file} cannot be read: {why}", file=file, why=reason(error)) from None
