"""`holiday`: the days on which clients are closed, besides their weekly hours."""

import click

from pbx_control import clock
from pbx_control.admin.door import Door, pass_door, reading_command
from pbx_control.admin.provisioning import CLIENT, change, examples
from pbx_control.admin.whole import WholeNumber
from pbx_control.services import closing_days
from pbx_control.services.work import Work
from pbx_control.store import clients, holidays
from pbx_control.store.engine import reading
from pbx_control.store.holidays import Listed

client_option = click.option("--client", "slug", type=CLIENT, metavar="C", help="One client only [everybody].")


@click.group()
def holiday() -> None:
    """The days on which clients are closed: Chile's public holidays, and your own changes to them.

    Clients whose hours are `always` are open on public holidays; a day added for one client closes any client.
    """


@holiday.command("list", epilog=examples("holiday list", "holiday list --year 2027 --client andes"))
@click.option("--year", type=WholeNumber(2000, 2100), help="[this year]")
@client_option
@reading_command(["day", "name", "client", "closed"])
def list_(door: Door, year: int | None, slug: str | None) -> list[Listed]:
    """The holidays of a year. `closed` is – where a client is open although everybody else is not."""
    with reading(door.engine) as connection:
        only = clients.find(connection, slug).id if slug else None
        return holidays.rows(connection, year or clock.now().year, only)


@holiday.command(
    epilog=examples("holiday add 31/12/2026", 'holiday add 2026-10-02 --client andes --name "Aniversario"')
)
@click.argument("text", metavar="DATE")
@client_option
@click.option("--name", default="", help="Why: `hours check` and the journal show it.")
@pass_door
def add(door: Door, text: str, slug: str | None, name: str) -> None:
    """Closes everybody, or one client, on DATE."""
    day = door.day(text)
    change(door, lambda work: closing_days.add(work, day, _client_id(work, slug), name))
    door.tell("{who} closed on {day}", who=_who(door, slug), day=day)


@holiday.command(epilog=examples("holiday remove 2026-10-31", "holiday remove 2026-09-18 --client andes"))
@click.argument("text", metavar="DATE")
@client_option
@pass_door
def remove(door: Door, text: str, slug: str | None) -> None:
    """Keeps the usual hours on DATE, though it was a holiday: for everybody, or for one client."""
    day = door.day(text)
    change(door, lambda work: closing_days.remove(work, day, _client_id(work, slug)))
    door.tell("usual hours for {who} on {day}", who=_who(door, slug), day=day)


def _client_id(work: Work, slug: str | None) -> int | None:
    return clients.find(work.conn, slug).id if slug else None


def _who(door: Door, slug: str | None) -> str:
    return slug or door.say("everybody")
