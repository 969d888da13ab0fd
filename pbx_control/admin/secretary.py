"""`secretary`: the people who answer, and their telephones' accounts."""

import socket
from typing import TYPE_CHECKING, Any

import click
from sqlalchemy import Connection

from pbx_control.admin.door import Door, json_option, pass_door, print_json, reading_command
from pbx_control.admin.duties import facts_of, in_words, kept, known_to, told_by_daemon
from pbx_control.admin.live import wait_until_live
from pbx_control.admin.provisioning import SECRETARY, card, change, examples, noting, tell_change
from pbx_control.catalogue import N_
from pbx_control.domain import checks
from pbx_control.domain.telephony.browser import browser_of
from pbx_control.errors import ClientMistake
from pbx_control.services import duty, staff
from pbx_control.services.work import Work
from pbx_control.settings import Sip
from pbx_control.store import clients, secretaries
from pbx_control.store.engine import reading
from pbx_control.store.rows import facts
from pbx_control.store.secretaries import Listed

if TYPE_CHECKING:
    from pbx_control.asterisk.reached import Reached

LONGEST_WRAP_UP = 600  # seconds
# For a person; --json has everything.
SHOWN = (
    *("name", "user", N_("state"), "telephone", "over", "languages", "clients", "forwarded_at", "wrap_up", "secure"),
    *(N_("browser_telephone"), "browser"),
)


@click.group()
def secretary() -> None:
    """The people who answer, and their telephones' accounts."""


@secretary.command(
    epilog=examples('secretary add "Ana Rojas"', "secretary add Eva --language en,es --clients andes,lagos --json")
)
@click.argument("name")
@click.option("--language", default="es", show_default=True, metavar="es,en", help="What she speaks, the best first.")
@click.option("--clients", "slugs", metavar="SLUG,…", help="Whom she may answer for [every client].")
@click.option("--wrap-up", default="0s", metavar="LENGTH", help="Her pause after each call [0s].")
@click.option("--secure", is_flag=True, help="Her telephone must use TLS and SRTP.")
@json_option
@pass_door
def add(door: Door, name: str, language: str, slugs: str | None, wrap_up: str, secure: bool, as_json: bool) -> None:
    """Adds a secretary and prints, once, what is typed into her telephone."""
    pause = checks.duration(wrap_up, "wrap_up", 0, LONGEST_WRAP_UP)
    if secure:
        require_tls(door.settings.sip)

    def act(work: Work) -> staff.Account:
        return staff.add(
            work,
            name,
            languages=checks.languages(language),
            client_ids=_client_ids(work.conn, slugs),
            wrap_up=pause,
            secure=secure,
        )

    hand_out(door, change(door, act), as_json, secure)


@secretary.command(
    "set", epilog=examples("secretary set Ana --language es,en", "secretary set Ana --clients all --paused")
)
@click.argument("name", type=SECRETARY)
@click.option("--language", metavar="es,en", help="What she speaks, the best first.")
@click.option("--clients", "slugs", metavar="SLUG,…", help="Whom she may answer for; all: every client.")
@click.option("--wrap-up", metavar="LENGTH", help="Her pause after each call.")
@click.option("--secure/--no-secure", default=None, help="Her telephone must use TLS and SRTP.")
@click.option(
    "--browser-telephone/--no-browser-telephone", default=None, help="Whether her page has a telephone, too."
)
@click.option("--paused/--available", default=None, help="Whether she is offered calls.")
@pass_door
def set_(door: Door, name: str, slugs: str | None, **given: Any) -> None:
    """Changes what is given; the rest stays."""
    if given["secure"]:
        require_tls(door.settings.sip)
    fields = {key: given[key] for key in ("secure", "browser_telephone") if given[key] is not None}
    if given["language"] is not None:
        fields["languages"] = ",".join(checks.languages(given["language"]))
    if given["wrap_up"] is not None:
        fields["wrap_up"] = int(checks.duration(given["wrap_up"], "wrap_up", 0, LONGEST_WRAP_UP).total_seconds())

    def act(work: Work) -> None:
        if slugs is not None:
            staff.allow(work, name, _client_ids(work.conn, None if slugs == "all" else slugs))
        if (paused := given["paused"]) is not None:
            (duty.pause_by_admin if paused else duty.resume_by_admin)(work, secretaries.find(work.conn, name).id)
        if fields or (slugs is None and paused is None):
            staff.change(work, name, **fields)

    tell_change(door, change(door, noting(act)), N_("secretary {name} changed"), name=name)


@secretary.command("list", epilog=examples("secretary list", "secretary list --json"))
@reading_command(["name", "user", N_("state"), "languages", "clients"], in_words, cut=("clients",))
def list_(door: Door) -> list[dict[str, Any]]:
    """All secretaries: whether each is offered calls now, and why not; whom she may answer for.

    `secretary show NAME` has the rest of each, --json has all of it.
    """
    return _rows(door)


@secretary.command(epilog=examples("secretary show Ana", "secretary show Ana --json"))
@click.argument("name", type=SECRETARY)
@json_option
@pass_door
def show(door: Door, name: str, as_json: bool) -> None:
    """One secretary; without her password.

    State: whether she is offered calls now, and why not; since when, for a pause, and until when, for after-call work.
    If her telephone took none of three calls in a row, one is tried again fifteen minutes later, and she is back when
    it registers anew. `secretary resume` ends every pause.

    Telephone: reached, away (not registered, or it does not answer the switch), or unknown (Asterisk is away).

    Over: udp, tcp or tls, as it has registered.

    Browser: the telephone in her page, if she may have one: reached or away, as above.

    Forwarded at: her telephone is left on forward (it answers a call with 302), and did so last then; nobody is called
    there. Empty as soon as it rings again.
    """
    with reading(door.engine) as connection:
        user = secretaries.find(connection, name).user
    row = next(row for row in _rows(door) if row["user"] == user)
    if as_json:
        print_json(row)
    else:
        card(door, {fact: in_words(door, row)[fact] for fact in SHOWN})


def _rows(door: Door) -> list[dict[str, Any]]:
    """All that is known of each secretary."""
    # Imported here: commands that ask the switch nothing start without it.
    from pbx_control.asterisk.reached import ask_switch

    reached, told = ask_switch(door.settings, door.home), told_by_daemon(door.home)
    with reading(door.engine) as connection:
        rows = secretaries.rows(connection)
        known = known_to(told) if told else kept(connection, rows, reached)
    return [
        facts(row)
        | facts_of(row, known.get(row.id))
        | {"telephone": reached.telephone(row.user), "over": reached.over.get(row.user)}
        | {"browser": _browser(row, reached)}
        for row in rows
    ]


def _browser(row: Listed, reached: "Reached") -> str | None:
    """How the telephone in her page stands; None: she has none."""
    return reached.telephone(browser_of(row.user)) if row.browser_telephone else None


@secretary.command(epilog=examples("secretary pause Ana"))
@click.argument("name", type=SECRETARY)
@pass_door
def pause(door: Door, name: str) -> None:
    """Pauses a secretary: she is offered no calls until `secretary resume`."""
    paused = change(door, lambda work: duty.pause_by_admin(work, secretaries.find(work.conn, name).id))
    begins_later = "{name} is in a call: her pause begins when it is over"
    door.tell(begins_later if paused.after_call else "{name} is paused", name=name)


@secretary.command(epilog=examples("secretary resume Ana"))
@click.argument("name", type=SECRETARY)
@pass_door
def resume(door: Door, name: str) -> None:
    """Ends whatever pause she is in."""
    change(door, lambda work: duty.resume_by_admin(work, secretaries.find(work.conn, name).id))
    door.tell("{name} is offered calls again", name=name)


@secretary.command("reset-password", epilog=examples("secretary reset-password Ana"))
@click.argument("name", type=SECRETARY)
@json_option
@pass_door
def reset_password(door: Door, name: str, as_json: bool) -> None:
    """Makes a new password for her telephone and prints it once; the old one stops working."""

    def act(work: Work) -> tuple[staff.Account, bool]:
        return staff.reset_password(work, name), secretaries.find(work.conn, name).secure

    account, secure = change(door, act)
    hand_out(door, account, as_json, secure)


@secretary.command(epilog=examples("secretary remove Ana"))
@click.argument("name", type=SECRETARY)
@pass_door
def remove(door: Door, name: str) -> None:
    """Removes a secretary; the calls she answered still name her."""
    change(door, lambda work: staff.remove(work, name))
    door.tell("secretary {name} removed", name=name)


def require_tls(sip: Sip) -> None:
    """SRTP's keys travel in the signalling: without TLS everybody on the way could read them."""
    if not (sip.tls_bind and sip.certificate and sip.key):
        raise ClientMistake("--secure needs TLS: set tls_bind, certificate and key under [sip] in pbx.toml first")


def server(sip: Sip, secure: bool) -> str:
    """What is typed as server into her telephone: the outside address, else the one we listen on, with a port."""
    bind = sip.tls_bind if secure and sip.tls_bind else sip.bind
    host, _, port = bind.rpartition(":")
    if host == "0.0.0.0":
        host = _own_address()
    return f"{sip.external_address or host}:{port}"


def _own_address() -> str:
    """The address with which this machine reaches others; connecting a datagram socket sends nothing."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(("192.0.2.1", 9))
        except OSError:
            return "127.0.0.1"
        return str(probe.getsockname()[0])


def _client_ids(connection: Connection, slugs: str | None) -> list[int] | None:
    if slugs is None:
        return None
    return clients.ids(connection, [slug.strip() for slug in slugs.split(",")])


def hand_out(door: Door, account: staff.Account, as_json: bool, secure: bool) -> None:
    """Prints the account, and comes back when the switch knows it: a telephone is set up right away."""
    _print_account(door, account, as_json, secure)
    wait_until_live(door)


def _print_account(door: Door, account: staff.Account, as_json: bool, secure: bool) -> None:
    where = server(door.settings.sip, secure)
    if as_json:
        print_json({"user": account.user, "password": account.password, "server": where})
        return
    door.tell("user:     {user}", user=account.user)
    door.tell("password: {password}   (shown only now)", password=account.password)
    door.tell("server:   {server}", server=where)
    door.tell("")
    door.tell("This telephone answers calls only. It dials nothing by itself, EMERGENCY NUMBERS INCLUDED:")
    door.tell("keep another telephone at hand for 131 (ambulance), 132 (fire brigade) and 133 (police).")
