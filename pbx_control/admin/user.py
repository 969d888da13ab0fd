"""`user`: the people who sign in to the pages, their passwords and sessions."""

import click
from sqlalchemy import Connection

from pbx_control import clock
from pbx_control.admin.door import Door, json_option, pass_door, print_json, reading_command
from pbx_control.admin.provisioning import CLIENT, SECRETARY, USER, book, examples
from pbx_control.domain.users import UserRole
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
        "user add jefa --role supervisor",
    )
)
@click.argument("name")
@click.option("--role", type=click.Choice([role.value for role in UserRole]), required=True, help="What for.")
@click.option("--client", "slug", metavar="CLIENT", type=CLIENT, help="Whose people it is, with --role client.")
@click.option("--secretary", metavar="NAME", type=SECRETARY, help="Who it is, with --role secretary.")
@json_option
@pass_door
def add(door: Door, name: str, role: str, slug: str | None, secretary: str | None, as_json: bool) -> None:
    """Adds somebody and prints, once, the password to sign in with."""
    password = services.new_password()

    def act(work: Work) -> str:
        return services.add(
            work,
            name,
            UserRole(role),
            password,
            secretary_id=None if secretary is None else secretaries.find(work.conn, secretary).id,
            client_id=None if slug is None else clients.find(work.conn, slug).id,
        )

    _hand_out(door, book(door, act), password, as_json)


@user.command("list", epilog=examples("user list", "user list --json"))
@reading_command(["name", "role", "secretary", "client", "created_at", "last_seen", "sessions"])
def list_(door: Door) -> list[Listed]:
    """All who may sign in: when each was last seen, and in how many browsers each is signed in now."""
    with reading(door.engine) as connection:
        return users.rows(connection, clock.now())


@user.command("reset-password", epilog=examples("user reset-password ana"))
@click.argument("name", type=USER)
@json_option
@pass_door
def reset_password(door: Door, name: str, as_json: bool) -> None:
    """Makes a new password and prints it once; whoever is signed in with the old one is signed out."""
    password = services.new_password()
    book(door, lambda work: services.reset_password(work, name, password))
    _hand_out(door, name.lower(), password, as_json)


@user.command(epilog=examples("user remove ana"))
@click.argument("name", type=USER)
@pass_door
def remove(door: Door, name: str) -> None:
    """Takes somebody's account away; whoever is signed in with it is signed out."""
    book(door, lambda work: services.remove(work, name))
    door.tell("user {name} removed", name=name.lower())


@user.command(epilog=examples("user sessions ana"))
@click.argument("name", type=USER)
@reading_command(["began_at", "seen_at", "ends_at", "origin"])
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


def _id(connection: Connection, name: str) -> int:
    return users.find(connection, name.lower()).id


def _hand_out(door: Door, name: str, password: NewPassword, as_json: bool) -> None:
    if as_json:
        print_json({"name": name, "password": password.text, "url": door.settings.web.url})
        return
    door.tell("user:     {name}", name=name)
    door.tell("password: {password}   (shown only now)", password=password.text)
    door.tell("pages:    {url}", url=door.settings.web.url)
