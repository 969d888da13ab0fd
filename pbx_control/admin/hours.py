"""`hours`: when a client is answered for."""

from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

import click
from sqlalchemy import Connection

from pbx_control import clock
from pbx_control.admin.door import Door, json_option, pass_door, print_json
from pbx_control.admin.provisioning import change_heard, client_argument, examples
from pbx_control.catalogue import N_
from pbx_control.domain.office import Client
from pbx_control.domain.opening.holidays import of_client
from pbx_control.domain.opening.hours import OpenState, nights, parse_week, state_at, week_text
from pbx_control.domain.words.wording import NAME_LIMIT, clean_line
from pbx_control.domain.words.written_time import read_instant
from pbx_control.errors import ClientMistake
from pbx_control.services import clientele
from pbx_control.store import clients
from pbx_control.store.engine import reading
from pbx_control.store.snapshot import read_client, read_holidays


@click.group()
def hours() -> None:
    """When a client is answered for."""


@hours.command(
    "set",
    epilog=examples(
        'hours set andes "mon-fri 09:00-13:00 14:00-18:00"',
        'hours set andes "mon-fri 09:00-19:00" "sat 10:00-14:00"',
        "hours set andes L-V 9-13 14-18 S 10-14",
        "hours set andes always   # on public holidays too",
    ),
)
@client_argument
@click.argument("words", nargs=-1, required=True, metavar="HOURS…")
@pass_door
def set_(door: Door, slug: str, words: tuple[str, ...]) -> None:
    """Sets the week, in the client's time zone; what its closed announcement says follows."""
    week = week_text(parse_week(words))
    change_heard(door, slug, lambda work: clientele.change(work, slug, week=week))
    door.tell("the hours of {slug} are now {week}", slug=slug, week=door.week(week))
    for night in nights(words):
        door.tell("{night} passes midnight: what comes after 24:00 is counted to the next day", night=night)


@hours.command(epilog=examples("hours show andes"))
@client_argument
@json_option
@pass_door
def show(door: Door, slug: str, as_json: bool) -> None:
    """The week and its time zone."""
    with reading(door.engine) as connection:
        found = clients.find(connection, slug)
    if as_json:
        print_json({"client": slug, "week": found.week, "timezone": found.timezone})
    else:
        door.tell("{week} ({zone})", week=door.week(found.week), zone=found.timezone)


@hours.command(epilog=examples("hours check andes", "hours check andes --at '18/09/2026 10:00'"))
@client_argument
@click.option("--at", "moment", metavar="TIME", help="In the client's zone [now].")
@json_option
@pass_door
def check(door: Door, slug: str, moment: str | None, as_json: bool) -> None:
    """Whether the client is open, until when, and why."""
    with reading(door.engine) as connection:
        now = clock.now()
        at = now if moment is None else read_instant(moment, ZoneInfo(clients.find(connection, slug).timezone), now)
        client = read_client(connection, slug, at)
        state = _state(connection, client, at)
    if as_json:
        print_json({"client": slug, "at": at, "open": state.open, "until": state.until, "why": state.why})
    else:
        _tell(door, client, state)


def _state(connection: Connection, client: Client, at: datetime) -> OpenState:
    zone = ZoneInfo(client.timezone)
    try:
        holidays = of_client(read_holidays(connection, at.astimezone(zone).date()), client.id, client.week)
        return state_at(client.week, holidays, zone, at, client.overrides)
    except OverflowError:
        raise ClientMistake("{text} is too far away to be looked up", text=at.isoformat()) from None


def _tell(door: Door, client: Client, state: OpenState) -> None:
    values: dict[str, Any] = {"slug": client.slug, "why": _why(door, client, state)}
    if state.until is None:
        template = (
            N_("{slug} is open, for the coming month ({why})")
            if state.open
            else N_("{slug} is closed, for the coming month ({why})")
        )
        return door.tell(template, **values)
    until = state.until.astimezone(ZoneInfo(client.timezone))
    template = (
        N_("{slug} is open until {until} ({why})") if state.open else N_("{slug} is closed until {until} ({why})")
    )
    return door.tell(template, until=f"{until:%Y-%m-%d %H:%M %Z}", **values)


def _why(door: Door, client: Client, state: OpenState) -> str:
    if said := state.override:
        until = f"{said.until.astimezone(ZoneInfo(client.timezone)):%Y-%m-%d %H:%M %Z}"
        who = clean_line(said.said_by, NAME_LIMIT) or door.settings.office.name
        return door.say("said for today by {who}, until {until}", who=who, until=until)
    return door.say("holiday: {name}", name=state.why) if state.day_off else week_text(client.week, door.language)
