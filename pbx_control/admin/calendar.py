"""`calendar`: clients' calendars, into which their secretaries book (docs/service.md rule 14)."""

import re
from collections.abc import Sequence
from datetime import timedelta
from typing import Any

import click

from pbx_control import clock
from pbx_control.admin.door import Door, pass_door, print_json, reading_command, table_options
from pbx_control.admin.language import spoken
from pbx_control.admin.provisioning import (
    CALENDAR,
    CLIENT,
    book,
    card,
    client_argument,
    examples,
    noting,
    tell_change,
)
from pbx_control.admin.whole import WholeNumber
from pbx_control.catalogue import N_
from pbx_control.domain.agenda.rules import SOURCES, Kind, Source, length_text
from pbx_control.errors import ClientMistake, Code
from pbx_control.services import calendars
from pbx_control.services.calendars import Whole
from pbx_control.services.work import Work
from pbx_control.store import agenda, clients
from pbx_control.store.agenda import ListedCalendar
from pbx_control.store.engine import reading
from pbx_control.store.rows import facts

_LENGTH = re.compile(r"([0-9]{1,5}) ?(m|min|h|d)?", re.ASCII)
_UNITS = {"m": timedelta(minutes=1), "min": timedelta(minutes=1), "h": timedelta(hours=1), "d": timedelta(days=1)}
_KIND = re.compile(r"([^=]*[^=\s][^=]*)=([0-9]{1,4})(?:\+([0-9]{1,4}))?", re.ASCII)
# Of a calendar's facts, as `show` calls them.
LABELS = (
    *(N_("name"), N_("resource"), N_("week"), N_("zone"), N_("step"), N_("lead"), N_("horizon")),
    *(N_("address"), N_("map"), N_("place_in_mail"), N_("reminder"), N_("kept in"), N_("feed")),
)


class Length(click.ParamType[timedelta]):
    """A length of time: 90m, 2h or 60d. Without a unit nobody knows which is meant."""

    name = "length"

    def convert(self, value: Any, parameter: click.Parameter | None, context: click.Context | None) -> timedelta:
        """The length."""
        if isinstance(value, timedelta):
            return value
        found = _LENGTH.fullmatch(value.strip().lower())
        if found is None:
            raise ClientMistake(
                "{text} is no length of time: write it like 30m, 2h or 60d", Code.BAD_VALUE, text=repr(value[:40])
            )
        if int(found[1]) and not found[2]:
            raise ClientMistake(
                "{number} of what? Write {number}m for minutes, {number}h for hours, or {number}d for days",
                Code.BAD_VALUE,
                number=found[1],
            )
        return int(found[1]) * _UNITS[found[2] or "m"]


class KindOption(click.ParamType[Kind]):
    """A kind of appointment: NAME=MINUTES, or NAME=MINUTES+BUFFER."""

    name = "kind"

    def convert(self, value: Any, parameter: click.Parameter | None, context: click.Context | None) -> Kind:
        """The kind; its length is always said: a slip of the pen must not become a name."""
        if isinstance(value, Kind):
            return value
        found = _KIND.fullmatch(value)
        if found is None:
            raise ClientMistake(
                "{text} is no kind of appointment: write it like Consulta=30 or Consulta=30+10",
                Code.BAD_VALUE,
                text=repr(value[:40]),
            )
        return Kind(0, found[1], int(found[2]), int(found[3] or 0))


def _fields(command: Any) -> Any:
    """The options of what `add` and `set` may say of a calendar."""
    options = (
        click.option("--resource", metavar="WHO", help="The person or thing that is booked: Dra. Soto, Sala 2."),
        click.option("--hours", "week", metavar="HOURS", help="Bookable ones, as `hours set` takes them."),
        click.option("--zone", metavar="ZONE", help="Time zone, like America/Santiago."),
        click.option("--step", type=WholeNumber(), metavar="MINUTES", help="Appointments begin every so many minutes."),
        click.option("--lead", type=Length(), metavar="LENGTH", help="No sooner than that from now: 30m, 2h, 1d."),
        click.option("--horizon", type=Length(), metavar="LENGTH", help="No later than that from now: 60d."),
        click.option("--address", metavar="TEXT", help="Where one goes."),
        click.option("--map", "map_link", metavar="LINK", help="A link to a map of it."),
        click.option("--question", "questions", metavar="TEXT", multiple=True, help="To be asked; repeatable."),
        click.option("--place-in-mail/--no-place-in-mail", default=None, help="Callers' mails say where it is."),
        click.option("--reminder/--no-reminder", default=None, help="Callers get a mail the day before."),
    )
    for option in reversed(options):
        command = option(command)
    return command


def calendar_argument(command: Any) -> Any:
    """The CALENDAR of the client that stands before it."""
    return click.argument("calendar", metavar="CALENDAR", type=CALENDAR)(command)


@click.group()
def calendar() -> None:
    """The calendars of clients, into which secretaries book: hours, kinds of appointment, feed."""


@calendar.command(
    epilog=examples(
        'calendar add andes soto --name "Dra. Soto" --kind Consulta=30+10 --kind Control=15 '
        '--hours "mon-fri 9-13 15-18"',
        'calendar add andes sala --name "Sala 2" --kind Reunión=60 --lead 1h --horizon 30d --question "¿RUT?"',
    )
)
@client_argument
@click.argument("calendar", metavar="CALENDAR")
@click.option("--name", metavar="NAME", required=True, help="As callers are told it.")
@click.option(
    "--kind",
    "kinds",
    metavar="NAME=MINUTES[+BUFFER]",
    type=KindOption(),
    multiple=True,
    required=True,
    help="Of appointment; repeatable.",
)
@_fields
@pass_door
def add(door: Door, slug: str, calendar: str, name: str, kinds: tuple[Kind, ...], **given: Any) -> None:
    """Gives a client a calendar. What is not said is the client's own: hours and time zone."""

    def act(work: Work) -> None:
        client_id = clients.find(work.conn, slug).id
        calendars.add(work, client_id, calendar, name, kinds, **_said(given))

    book(door, act)
    door.tell("calendar {calendar} of {slug} added", calendar=calendar, slug=slug)


@calendar.command(
    "set",
    epilog=examples(
        'calendar set andes soto --hours "mon-thu 10:00-14:00" --step 15',
        "calendar set andes soto --kind Consulta=45+15 --remove-kind Control",
        'calendar set andes soto --address "Av. Matta 12, Santiago" --map https://maps.example/x --reminder',
    ),
)
@client_argument
@calendar_argument
@click.option("--name", metavar="NAME", help="As callers are told it.")
@click.option(
    "--kind", "kinds", metavar="NAME=MINUTES[+BUFFER]", type=KindOption(), multiple=True, help="Added, or changed."
)
@click.option("--remove-kind", "gone", metavar="NAME", multiple=True, help="Not booked any more; repeatable.")
@click.option("--no-questions", is_flag=True, help="Nothing is asked.")
@_fields
@pass_door
def set_(
    door: Door,
    slug: str,
    calendar: str,
    kinds: tuple[Kind, ...],
    gone: tuple[str, ...],
    no_questions: bool,
    **given: Any,
) -> None:
    """Changes a calendar. Appointments that are booked stay where they are."""
    wanted = _said(given) | ({"questions": ()} if no_questions else {})
    if not (wanted or kinds or gone):
        raise click.UsageError(spoken("say what is to be changed: --help lists the options"))

    def act(work: Work) -> None:
        client_id = clients.find(work.conn, slug).id
        calendars.change(work, client_id, calendar, **wanted)
        for kind in kinds:
            calendars.put_kind(work, client_id, calendar, kind.name, kind.minutes, kind.buffer)
        for name in gone:
            calendars.remove_kind(work, client_id, calendar, name)

    tell_change(
        door, book(door, noting(act)), N_("calendar {calendar} of {slug} changed"), calendar=calendar, slug=slug
    )


def _listed(door: Door, row: dict[str, Any]) -> dict[str, Any]:
    """A row for a person: where the calendar is kept, in words."""
    return row | {"kept in": door.say(SOURCES[Source(row["source"])])}


@calendar.command("list", epilog=examples("calendar list", "calendar list --client andes --json"))
@click.option("--client", "slug", metavar="CLIENT", type=CLIENT, help="Of this client only [all].")
@reading_command(
    ["client", "calendar", "name", "resource", "week", "kinds", "coming", "kept in"], _listed, cut=("name", "resource")
)
def list_(door: Door, slug: str | None) -> list[ListedCalendar]:
    """The calendars, and how many appointments each has to come."""
    with reading(door.engine) as conn:
        client_id = clients.find(conn, slug).id if slug else None
        return agenda.listed_calendars(conn, clock.now(), client_id)


@calendar.command(epilog=examples("calendar show andes soto", "calendar show andes soto --json"))
@client_argument
@calendar_argument
@table_options
@pass_door
def show(door: Door, slug: str, calendar: str, as_json: bool) -> None:
    """One calendar: its rules, kinds of appointment and questions."""
    with reading(door.engine) as conn:
        found = calendars.whole(conn, clients.find(conn, slug).id, calendar)
    if as_json:
        print_json(_as_json(slug, found))
        return
    told = _facts(found) | {"kept in": door.say(SOURCES[found.calendar.source])}
    card(door, {name: told[name] for name in LABELS if told[name] not in ("", None)})
    door.table(["kind", "minutes", "buffer"], [[one.name, one.minutes, one.buffer] for one in found.kinds])
    for question in found.calendar.questions:
        door.tell("asked: {question}", question=question)


@calendar.command(epilog=examples("calendar remove andes soto"))
@client_argument
@calendar_argument
@pass_door
def remove(door: Door, slug: str, calendar: str) -> None:
    """Takes a calendar away, once no appointment of it is to come; past ones stay known."""
    book(door, lambda work: calendars.remove(work, clients.find(work.conn, slug).id, calendar))
    door.tell("calendar {calendar} of {slug} removed", calendar=calendar, slug=slug)


@calendar.command(epilog=examples("calendar feed andes soto", "calendar feed andes soto --stop"))
@client_argument
@calendar_argument
@click.option("--stop", is_flag=True, help="No feed any more: its address leads nowhere.")
@pass_door
def feed(door: Door, slug: str, calendar: str, stop: bool) -> None:
    """Gives the calendar's ICS feed a new secret address and prints it: it is shown once. The old one ends."""
    if stop:
        changed = book(door, noting(lambda work: calendars.stop_feed(work, clients.find(work.conn, slug).id, calendar)))
        tell_change(
            door, changed, N_("calendar {calendar} of {slug} has no feed any more"), calendar=calendar, slug=slug
        )
        return
    secret = book(door, lambda work: calendars.renew_feed(work, clients.find(work.conn, slug).id, calendar))
    click.echo(f"{door.settings.web.url}/agenda/{secret}.ics")


def _said(given: dict[str, Any]) -> dict[str, Any]:
    """What was said of the calendar's fields; the others stay as they are."""
    return {name: value for name, value in given.items() if value is not None and value != ()}


def _facts(found: Whole) -> dict[str, Any]:
    one = found.calendar
    return {
        "name": one.name,
        "resource": one.resource,
        "week": one.week,
        "zone": one.zone,
        "step": f"{one.step} min",
        "lead": length_text(one.lead),
        "horizon": length_text(one.horizon),
        "address": one.place.address,
        "map": one.place.map_link,
        "place_in_mail": one.place_in_mail,
        "reminder": one.reminder,
        "source": one.source.value,
        "feed": one.has_feed,
    }


def _as_json(slug: str, found: Whole) -> dict[str, Any]:
    one = found.calendar
    minute, day = timedelta(minutes=1), timedelta(days=1)
    plain = _facts(found) | {"step": one.step, "lead": one.lead // minute, "horizon": one.horizon // day}
    kinds: Sequence[Any] = [
        {name: value for name, value in facts(kind).items() if name != "id"} for kind in found.kinds
    ]
    return {"client": slug, "calendar": one.slug, **plain, "kinds": list(kinds), "questions": list(one.questions)}


def find(door: Door, slug: str, calendar: str) -> Whole:
    """The client's calendar. Raises ClientMistake if there is none of that name."""
    with reading(door.engine) as conn:
        return calendars.whole(conn, clients.find(conn, slug).id, calendar)


def refuse_pairless(text: str) -> ClientMistake:
    """What is said of an answer that names no question."""
    return ClientMistake("{text} is no answer: write it like '¿RUT?=1-9'", text=repr(text[:40]))
