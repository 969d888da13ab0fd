"""`user`: the people who sign in to the pages, their passwords and sessions."""

from typing import Any

import click
from sqlalchemy import Connection

from pbx_control import clock
from pbx_control.admin.door import Door, json_option, pass_door, print_json, reading_command
from pbx_control.admin.provisioning import CLIENT, SECRETARY, USER, book, change, examples, noting, tell_change
from pbx_control.admin.secretary import hand_out, require_tls
from pbx_control.catalogue import N_
from pbx_control.domain.browsers import browser_and_system
from pbx_control.domain.notices.sign_in_letters import SignInChange
from pbx_control.domain.users import ClientRole, UserRole
from pbx_control.services import second_factor, sign_in_notices, supervisors
from pbx_control.services import users as services
from pbx_control.services.users import NewPassword
from pbx_control.services.work import Work
from pbx_control.store import clients, secretaries, users
from pbx_control.store.engine import reading
from pbx_control.store.users import Listed, Session


@click.group()
def user() -> None:
    """The people who sign in to the pages, with a name and a password."""


@user.command(
    epilog=examples(
        'user add ana --role secretary --secretary "Ana Rojas"',
        "user add gerencia --role client --client andes --json",
        "user add recepcion --role client --client andes --staff",
        "user add jefa --role supervisor",
    )
)
@click.argument("name")
@click.option("--role", type=click.Choice([role.value for role in UserRole]), required=True, help="What for.")
@click.option("--client", "slug", metavar="CLIENT", type=CLIENT, help="Whose people it is, with --role client.")
@click.option("--secretary", metavar="NAME", type=SECRETARY, help="Who it is, with --role secretary.")
@click.option("--owner/--staff", default=None, help="May he do all for the client, or read its messages.")
@click.option("--email", metavar="ADDRESS", default="", help="Where a forgotten password is set anew from.")
@json_option
@pass_door
def add(
    door: Door,
    name: str,
    role: str,
    slug: str | None,
    secretary: str | None,
    owner: bool | None,
    email: str,
    as_json: bool,
) -> None:
    """Adds somebody and prints, once, the password to sign in with.

    The first of a client's people is its owner, unless --staff says otherwise; the others are staff. An owner may do
    all that the client may; staff reads messages, listens to recordings and changes what holds for today.
    """
    password = services.new_password()

    def act(work: Work) -> str:
        return services.add(
            work,
            name,
            UserRole(role),
            password,
            secretary_id=None if secretary is None else secretaries.find(work.conn, secretary).id,
            client_id=None if slug is None else clients.find(work.conn, slug).id,
            client_role=_client_role(owner),
            email=email,
        )

    _hand_out(door, book(door, act), password, as_json)


def _said(door: Door, row: dict[str, Any]) -> dict[str, Any]:
    client_role = row["client_role"]
    return row | {
        "role": door.say(row["role"].value),
        "client_role": door.say(client_role.value) if client_role else None,
    }


@user.command("list", epilog=examples("user list", "user list --json"))
@reading_command(
    ["name", "role", "secretary", "client", "client_role", "second_factor", "last_seen", "sessions"], _said
)
def list_(door: Door) -> list[Listed]:
    """All who may sign in: whether a code is asked for, when each was last seen, and in how many browsers each is
    signed in now. --json has the e-mail addresses, too."""
    with reading(door.engine) as connection:
        return users.rows(connection, clock.now())


@user.command("set", epilog=examples("user set recepcion --owner", "user set recepcion --email rosa@andes.example"))
@click.argument("name", type=USER)
@click.option("--owner/--staff", default=None, help="May he do all for the client, or read its messages.")
@click.option("--email", metavar="ADDRESS", help="Where a forgotten password is set anew from; '' takes it away.")
@pass_door
def set_(door: Door, name: str, owner: bool | None, email: str | None) -> None:
    """Changes what is given; the rest stays."""

    def act(work: Work) -> None:
        before = users.find(work.conn, name.lower())
        services.change(work, name, client_role=_client_role(owner), email=email)
        if before.email and users.find(work.conn, before.name).email != before.email:
            what, old = SignInChange.ADDRESS, before.email
            sign_in_notices.tell(work.conn, door.settings, before.id, what, work.at, address=old)

    changed = book(door, noting(act))
    tell_change(door, changed, N_("user {name} changed"), name=name.lower())


@user.command("reset-password", epilog=examples("user reset-password ana"))
@click.argument("name", type=USER)
@json_option
@pass_door
def reset_password(door: Door, name: str, as_json: bool) -> None:
    """Makes a new password and prints it once; whoever is signed in with the old one is signed out."""
    password = services.new_password()
    book(door, lambda work: services.reset_password(work, name, password))
    _hand_out(door, name.lower(), password, as_json)


@user.command("reset-second-factor", epilog=examples("user reset-second-factor gerencia"))
@click.argument("name", type=USER)
@pass_door
def reset_second_factor(door: Door, name: str) -> None:
    """Takes away the second factor of somebody who has lost both his telephone and the recovery codes.

    Make sure that it is he who asks: whoever then knows the password gets in. He is signed out everywhere, and sets up
    an app again on his page.
    """

    def act(work: Work) -> None:
        second_factor.reset(work, name)
        user = users.find(work.conn, name.lower())
        sign_in_notices.tell(work.conn, door.settings, user.id, SignInChange.SECOND_FACTOR_OFF, work.at)

    book(door, act)
    door.tell("user {name}: the second factor is gone", name=name.lower())


@user.command(epilog=examples("user telephone jefa", "user telephone jefa --none"))
@click.argument("name", type=USER)
@click.option("--secure", is_flag=True, help="It must use TLS and SRTP.")
@click.option("--none", "taken", is_flag=True, help="Take it away.")
@json_option
@pass_door
def telephone(door: Door, name: str, secure: bool, taken: bool, as_json: bool) -> None:
    """Gives a supervisor, or an admin, a telephone and prints, once, what is typed into it; again: a new password.

    It rings when its owner asks, on the page of live calls, to listen to one; it is offered no calls and dials nothing.
    """
    if taken:
        change(door, lambda work: supervisors.take_telephone(work, name))
        door.tell("user {name}: the telephone is taken away", name=name.lower())
        return
    if secure:
        require_tls(door.settings.sip)
    account = change(door, lambda work: supervisors.give_telephone(work, name, secure=secure))
    hand_out(door, account, as_json, secure)


@user.command(epilog=examples("user remove ana"))
@click.argument("name", type=USER)
@pass_door
def remove(door: Door, name: str) -> None:
    """Takes somebody's account away; whoever is signed in with it is signed out."""
    book(door, lambda work: services.remove(work, name))
    door.tell("user {name} removed", name=name.lower())


def _with_browser(door: Door, row: dict[str, Any]) -> dict[str, Any]:
    return row | {"browser": ", ".join(filter(None, browser_and_system(row["agent"])))}


@user.command(epilog=examples("user sessions ana"))
@click.argument("name", type=USER)
@reading_command(["began_at", "seen_at", "ends_at", "origin", "browser"], _with_browser)
def sessions(door: Door, name: str) -> list[Session]:
    """Where somebody is signed in now: since when, last seen when, from which address.

    A session ends at the latest at the time shown, and after two hours without a page open.
    """
    with reading(door.engine) as connection:
        return users.open_sessions(connection, _id(connection, name), clock.now())


@user.command(epilog=examples("user revoke ana"))
@click.argument("name", type=USER)
@pass_door
def revoke(door: Door, name: str) -> None:
    """Signs somebody out of every browser, within seconds; the password stays."""
    ended = book(door, lambda work: services.revoke(work, name))
    door.tell("user {name}: sessions ended: {count}", name=name.lower(), count=ended)


def _client_role(owner: bool | None) -> ClientRole | None:
    if owner is None:
        return None
    return ClientRole.OWNER if owner else ClientRole.STAFF


def _id(connection: Connection, name: str) -> int:
    return users.find(connection, name.lower()).id


def _hand_out(door: Door, name: str, password: NewPassword, as_json: bool) -> None:
    if as_json:
        print_json({"name": name, "password": password.text, "url": door.settings.web.url})
        return
    door.tell("user:     {name}", name=name)
    door.tell("password: {password}   (shown only now)", password=password.text)
    door.tell("pages:    {url}", url=door.settings.web.url)
