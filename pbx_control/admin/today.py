"""`today`: what clients say for today, each with an end after which the usual holds again by itself."""

from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

import click
from sqlalchemy import Connection

from pbx_control import clock
from pbx_control.admin.door import Door, pass_door, reading_command
from pbx_control.admin.provisioning import CLIENT, change_heard, client_argument, examples, noting, tell_change
from pbx_control.catalogue import N_
from pbx_control.domain.office import Client
from pbx_control.domain.opening.holidays import of_client
from pbx_control.domain.opening.hours import next_opening
from pbx_control.domain.opening.overrides import OverrideKind, end_of_day
from pbx_control.errors import ClientMistake, Code, Field
from pbx_control.services import today as services
from pbx_control.services.work import Work
from pbx_control.store import clients, overrides
from pbx_control.store.engine import reading
from pbx_control.store.snapshot import read_client, read_holidays

# The next opening after today, as people type it.
OPENING = ("opening", "apertura")
WHAT = {OverrideKind.CLOSED: N_("closed"), OverrideKind.OPEN: N_("open"), OverrideKind.ANNOUNCED: N_("announced")}
UNTIL_HELP = "14:00, tomorrow 9:00, 2h, opening (of the next day) … in the client's zone [the end of today]."


@click.group()
def today() -> None:
    """What clients say for today: closed, open, or what callers hear first. Then the usual holds again by itself."""


@today.command(epilog=examples("today closed andes", "today closed andes --until 15:00"))
@client_argument
@click.option("--until", metavar="TIME", help=UNTIL_HELP)
@pass_door
def closed(door: Door, slug: str, until: str | None) -> None:
    """Closed from now on: callers hear that, and the closed announcement."""
    _say(door, slug, OverrideKind.CLOSED, until, N_("{slug} is closed until {until}; then its usual hours hold again"))


@today.command("open", epilog=examples("today open andes --until 20:00", "today open andes --until 'tomorrow 2:00'"))
@client_argument
@click.option("--until", metavar="TIME", required=True, help="20:00, tomorrow 2:00, 2h … in the client's zone.")
@pass_door
def open_(door: Door, slug: str, until: str) -> None:
    """Open from now on, whatever hours and holidays say: secretaries are rung."""
    _say(door, slug, OverrideKind.OPEN, until, N_("{slug} is open until {until}; then its usual hours hold again"))


@today.command(epilog=examples("today announce andes 'Hoy atendemos en Providencia 100.' --until 'tomorrow 9:00'"))
@client_argument
@click.argument("text")
@click.option("--until", metavar="TIME", help=UNTIL_HELP)
@pass_door
def announce(door: Door, slug: str, text: str, until: str | None) -> None:
    """What callers hear first: in place of the welcome while the client is open, before the closed announcement while
    it is closed. {hours} and {name} are filled in."""
    told = N_("the callers of {slug} hear this first until {until}")
    _say(door, slug, OverrideKind.ANNOUNCED, until, told, text)


@today.command(epilog=examples("today normal andes"))
@client_argument
@pass_door
def normal(door: Door, slug: str) -> None:
    """Back to the usual hours and announcements, now."""

    def act(work: Work) -> None:
        services.back_to_normal(work, clients.find(work.conn, slug).id)

    changed = change_heard(door, slug, noting(act))
    tell_change(door, changed, N_("the usual hours and announcements of {slug} hold again"), slug=slug)


def _in_words(door: Door, row: dict[str, Any]) -> dict[str, Any]:
    return row | {"what": door.say(WHAT[OverrideKind(row["what"])])}


@today.command(epilog=examples("today show", "today show andes"))
@click.argument("slug", required=False, metavar="[CLIENT]", type=CLIENT)
@reading_command(["client", "what", "text", "since", "until", "said_by"], _in_words, cut=["text"])
def show(door: Door, slug: str | None) -> list[dict[str, Any]]:
    """What holds for today: of one client, or of all that have said something."""
    with reading(door.engine) as connection:
        only = clients.find(connection, slug).id if slug else None
        found = overrides.holding(connection, clock.now(), only)
    return [
        {
            "client": one.client,
            "what": one.override.kind.value,
            "text": one.override.text,
            "since": one.override.since,
            "until": one.override.until,
            "said_by": one.override.said_by or door.settings.office.name,
        }
        for one in found
    ]


def _say(door: Door, slug: str, kind: OverrideKind, until: str | None, told: str, text: str = "") -> None:
    now = clock.now()
    with reading(door.engine) as connection:
        client = read_client(connection, slug, now)
        end = _end(door, connection, client, until, now)

    def act(work: Work) -> None:
        services.say(work, client.id, kind, end, text)

    changed = change_heard(door, slug, noting(act))
    until = f"{end.astimezone(ZoneInfo(client.timezone)):%Y-%m-%d %H:%M %Z}"
    tell_change(door, changed, told, slug=slug, until=until)


def _end(door: Door, connection: Connection, client: Client, until: str | None, now: datetime) -> datetime:
    """The end that was typed; without one that of the local day."""
    zone = ZoneInfo(client.timezone)
    if until is None:
        return end_of_day(zone, now)
    if until.strip().lower() not in OPENING:
        return door.end(until, zone)
    holidays = of_client(read_holidays(connection, now.astimezone(zone).date()), client.id, client.week)
    opening = next_opening(client.week, holidays, zone, now)
    if opening is None:
        raise ClientMistake("no opening is ahead: give a time", Code.BAD_VALUE, field=Field("until"))
    return opening
