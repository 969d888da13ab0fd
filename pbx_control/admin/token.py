"""`token`: what programs use the API by."""

from typing import Any

import click

from pbx_control.admin.completion import Several
from pbx_control.admin.door import Door, json_option, pass_door, print_json, reading_command
from pbx_control.admin.provisioning import CLIENT, TOKEN, book, examples
from pbx_control.domain.tokens import Scope
from pbx_control.services import tokens as services
from pbx_control.services.work import Work
from pbx_control.store import clients, tokens
from pbx_control.store.engine import reading
from pbx_control.store.tokens import Listed


@click.group()
def token() -> None:
    """The tokens by which programs use the API: of the office, or of one client alone."""


@token.command(
    epilog=examples(
        "token add wallboard --scope calls:read",
        "token add crm --client andes --scope calls:read,messages:read",
        "token add booking --client andes --scope calendars:read --scope appointments:write --until 2027-12-31",
    )
)
@click.argument("name")
@click.option(
    "--scope",
    "scopes",
    metavar="SCOPE[,…]",
    type=Several(Scope),
    multiple=True,
    required=True,
    help=f"What it may be used for: {', '.join(Scope)}.",
)
@click.option("--client", "slug", metavar="CLIENT", type=CLIENT, help="Bound to this client; else it is the office's.")
@click.option("--until", metavar="DATE", help="Good until then: 2027-12-31, 90d [until it is revoked].")
@json_option
@pass_door
def add(door: Door, name: str, scopes: tuple[str, ...], slug: str | None, until: str | None, as_json: bool) -> None:
    """Makes a token and prints it, once: only a hash of it is kept.

    One of a client's reaches that client's things alone; others are answered as if they did not exist. One of the
    office's reaches all, without the content of clients that handle sensitive matters.
    """
    ends_at = door.end(until) if until is not None else None
    wanted = [scope for given in scopes for scope in given.split(",") if scope]

    def act(work: Work) -> str:
        client_id = None if slug is None else clients.find(work.conn, slug).id
        return services.add(work, name, wanted, client_id, ends_at)

    secret = book(door, act)
    name = name.strip().lower()
    if as_json:
        print_json({"name": name, "token": secret, "url": f"{door.settings.web.url}/api/v1"})
        return
    door.tell("token:  {token}   (shown only now)", token=secret)
    door.tell("API:    {url}", url=f"{door.settings.web.url}/api/v1")


def _said(door: Door, row: dict[str, Any]) -> dict[str, Any]:
    return row | {"client": row["client"] or door.say("office")}


@token.command("list", epilog=examples("token list", "token list --json"))
@reading_command(["name", "client", "scopes", "created_at", "ends_at", "used_at"], _said)
def list_(door: Door) -> list[Listed]:
    """All tokens that were not revoked: whose each is, what it may be used for, and when it was used last, to within
    five minutes."""
    with reading(door.engine) as connection:
        return tokens.rows(connection)


@token.command(epilog=examples("token revoke crm"))
@click.argument("name", type=TOKEN)
@pass_door
def revoke(door: Door, name: str) -> None:
    """Ends a token: the next request with it is refused, and the webhooks that were made with it are removed."""
    removed = book(door, lambda work: services.revoke(work, name))
    door.tell("token {name} revoked", name=name.strip().lower())
    if removed:
        door.tell("webhooks that were made with it, removed: {numbers}", numbers=", ".join(map(str, removed)))
