"""`rota`: who of a client's contacts is on call, and when."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

import click
from sqlalchemy import Connection

from pbx_control import clock
from pbx_control.admin.door import Door, json_option, pass_door, print_json
from pbx_control.admin.provisioning import change, client_argument, examples, noting, tell_change
from pbx_control.admin.whole import NumberOf
from pbx_control.catalogue import N_
from pbx_control.domain.opening.hours import week_text
from pbx_control.domain.opening.rota import gaps
from pbx_control.domain.opening.written_rota import read_rules, read_swap, rule_text, swap_text
from pbx_control.domain.words.wording import NAME_LIMIT, clean_line
from pbx_control.domain.words.written_time import read_instant
from pbx_control.errors import ClientMistake
from pbx_control.services import rotas
from pbx_control.services.rotas import Now, Place
from pbx_control.services.work import Work
from pbx_control.store import clients, desk
from pbx_control.store import rotas as stored
from pbx_control.store.desk import ContactOnDesk
from pbx_control.store.engine import reading

DEPARTMENT = click.option("--department", default="", metavar="NAME", help="Of the contacts [the firm].")


@dataclass(frozen=True, slots=True)
class _Firm:
    """A client's contacts and rota, as they are read."""

    id: int
    zone: ZoneInfo
    contacts: Mapping[int, ContactOnDesk]
    places: Sequence[Place]

    @property
    def names(self) -> dict[int, str]:
        return {number: one.name for number, one in self.contacts.items()}

    @property
    def ids(self) -> dict[str, int]:
        return {one.name: number for number, one in self.contacts.items()}

    def now(self, at: datetime) -> list[Now]:
        return rotas.at_hand(self.places, list(self.contacts.values()), self.zone, at)


@click.group()
def rota() -> None:
    """Who of a client's contacts is on call, and when."""


@rota.command(
    "set",
    epilog=examples(
        'rota set andes "mon-fri 09:00-18:00: Ana" "mon-fri 18:00-09:00: Juan"   # the night may pass midnight',
        'rota set andes "always: Ana, Juan, Eva from 2026-11-30"   # a week each, changing on that weekday',
        'rota set andes --department Ventas "L-V 9-18: Ana, Juan desde 30/11/2026" "S 10-14: Eva"',
    ),
)
@client_argument
@click.argument("lines", nargs=-1, required=True, metavar="'WHEN: WHO[, WHO …] [from DAY]' …")
@DEPARTMENT
@pass_door
def set_(door: Door, slug: str, lines: tuple[str, ...], department: str) -> None:
    """Says who is on call, in the client's time zone: one line for each time. It takes the place of what was said
    before. Several people take turns, a week each."""
    now = clock.now()
    firm = _firm(door, slug, now)
    rules = read_rules(lines, firm.ids, now.astimezone(firm.zone).date())
    changed = change(door, noting(lambda work: rotas.set_rules(work, firm.id, department, rules)))
    tell_change(door, changed, N_("the rota of {slug} is kept"), slug=slug)
    if free := gaps(rules):
        door.tell("nobody is on call: {when}", when=week_text(free, door.language))


@rota.command(
    epilog=examples(
        'rota swap andes "24/12/2026 09:00-18:00: Ana instead of Juan"',
        'rota swap andes "24/12/2026 18:00 - 26/12/2026 09:00: Eva"   # whoever it would be',
        'rota swap andes --department Ventas "mañana: Ana en vez de Juan"   # all day',
    )
)
@client_argument
@click.argument("text", metavar="'WHEN: WHO [instead of WHO]'")
@DEPARTMENT
@pass_door
def swap(door: Door, slug: str, text: str, department: str) -> None:
    """Has somebody on call for a while; then the rota holds again by itself."""
    now = clock.now()
    firm = _firm(door, slug, now)
    wanted = read_swap(text, firm.ids, firm.zone, now)
    number = change(door, lambda work: rotas.swap(work, firm.id, department, wanted))
    told = swap_text(wanted, firm.names, firm.zone, door.language)
    door.tell("swap {number} is kept: {swap}", number=number, swap=told)


@rota.command(epilog=examples("rota clear andes", "rota clear andes --department Ventas", "rota clear andes --swap 7"))
@client_argument
@DEPARTMENT
@click.option(
    "--swap",
    "number",
    type=NumberOf("rota show CLIENT"),
    metavar="NUMBER",
    help="This one alone; `rota show` has the numbers.",
)
@pass_door
def clear(door: Door, slug: str, department: str, number: int | None) -> None:
    """Takes lines and swaps away: nobody is on call there."""

    def act(work: Work) -> None:
        client_id = clients.find(work.conn, slug).id
        if number is None:
            rotas.clear(work, client_id, department)
        else:
            rotas.take_back(work, client_id, number)

    changed = change(door, noting(act))
    told = N_("the rota of {slug} is empty") if number is None else N_("swap {number} is taken back")
    tell_change(door, changed, told, slug=slug, number=number)


@rota.command(epilog=examples("rota show andes", "rota show andes --at '24/12/2026 20:00'", "rota show andes --json"))
@client_argument
@click.option("--at", "moment", metavar="TIME", help="In the client's zone [now].")
@json_option
@pass_door
def show(door: Door, slug: str, moment: str | None, as_json: bool) -> None:
    """Who is on call, until when, and by which lines and swaps."""
    at = now = clock.now()
    firm = _firm(door, slug, now)
    if moment is not None:
        at = read_instant(moment, firm.zone, now)
        firm = _firm(door, slug, at)
    states = _states(firm, at)
    if as_json:
        print_json([_as_json(firm, place, state) for place, state in zip(firm.places, states, strict=True)])
    elif not states:
        door.tell("{slug} has no rota", slug=slug)
    for place, state in zip(firm.places, () if as_json else states, strict=False):
        _tell(door, firm, place, state)


def _firm(door: Door, slug: str, after: datetime) -> _Firm:
    with reading(door.engine) as conn:
        client = clients.find(conn, slug)
        contacts = {one.id: one for one in desk.contacts_of(conn, client.id)}
        return _Firm(client.id, ZoneInfo(client.timezone), contacts, _places(conn, client.id, after))


def _states(firm: _Firm, at: datetime) -> list[Now]:
    try:
        return firm.now(at)
    except OverflowError:
        raise ClientMistake("{text} is too far away to be looked up", text=at.isoformat()) from None


def _places(conn: Connection, client_id: int, after: datetime) -> list[Place]:
    return stored.of_client(conn, client_id, after)


def _as_json(firm: _Firm, place: Place, state: Now) -> dict[str, Any]:
    names, swap = firm.names, state.on_call.swap
    return {
        "department": place.department,
        "on_call": _name(names, state.on_call.who),
        "until": state.on_call.until,
        "to_consult": _name(names, state.there),
        "instead_of": _name(names, swap.instead_of) if swap else None,
        "lines": [rule_text(one, names) for one in place.rota.rules],
        "gaps": week_text(gaps(place.rota.rules)),
        "swaps": [{"number": one.id, "swap": swap_text(one.swap, names, firm.zone)} for one in place.swaps],
    }


def _name(names: Mapping[int, str], who: int | None) -> str | None:
    return names.get(who) if who is not None else None


def _tell(door: Door, firm: _Firm, place: Place, state: Now) -> None:
    """A department: who it is now, then its lines, gaps and swaps."""
    where = clean_line(place.department, NAME_LIMIT) or door.say("the firm")
    door.tell("{where}: {who}", where=where, who=_who(door, firm, state))
    for rule in place.rota.rules:
        door.tell("  {line}", line=rule_text(rule, firm.names, door.language))
    if free := gaps(place.rota.rules):
        door.tell("  nobody is on call: {when}", when=week_text(free, door.language))
    for kept in place.swaps:
        text = swap_text(kept.swap, firm.names, firm.zone, door.language)
        who = clean_line(kept.said_by, NAME_LIMIT)
        door.tell("  swap {number}: {swap} (by {who})", number=kept.id, swap=text, who=who)


def _who(door: Door, firm: _Firm, state: Now) -> str:
    """ "Ana until 2026-11-30 18:00; away, so Juan"."""
    names, until = firm.names, state.on_call.until
    who = clean_line(_name(names, state.on_call.who) or door.say("nobody"), NAME_LIMIT)
    if until:
        who = door.say("{who} until {until}", who=who, until=f"{until.astimezone(firm.zone):%Y-%m-%d %H:%M %Z}")
    if state.there == state.on_call.who:
        return who
    other = clean_line(_name(names, state.there) or door.say("nobody"), NAME_LIMIT)
    return door.say("{who} (away: {other} stands in)", who=who, other=other)
