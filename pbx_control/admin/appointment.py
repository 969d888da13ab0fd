"""`appointment`: what is booked into clients' calendars, and what is free there (docs/service.md rule 14)."""

from collections.abc import Callable, Sequence
from datetime import UTC, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import click
from sqlalchemy import Connection

from pbx_control import clock
from pbx_control.admin.audit import row_of
from pbx_control.admin.calendar import calendar_argument, find, refuse_pairless
from pbx_control.admin.calendar_remote import look_again
from pbx_control.admin.door import Door, pass_door, print_json, reading_command, table_options
from pbx_control.admin.provisioning import CLIENT, book, card, client_argument, examples, noting, tell_change
from pbx_control.admin.whole import NumberOf, WholeNumber
from pbx_control.catalogue import N_
from pbx_control.domain.agenda.appointments import STATE_WORDS, Appointment, AppointmentState
from pbx_control.domain.agenda.clashes import CLASH_WORDS, ClashKind
from pbx_control.domain.agenda.rules import AgendaCalendar, Source
from pbx_control.domain.words.wording import clean_line
from pbx_control.domain.words.written_time import is_day_alone, read_day, read_instant
from pbx_control.errors import ClientMistake, Code
from pbx_control.services import appointments, calendars
from pbx_control.services.appointment_letters import house_of
from pbx_control.services.appointments import Order
from pbx_control.services.work import Work
from pbx_control.store import agenda, audit, clients, letters, remotes
from pbx_control.store.agenda import Mirror
from pbx_control.store.engine import reading
from pbx_control.store.rows import facts

MOST_DAYS = 62
# Entries of one appointment's story.
MOST_STORY = 200
STORY = ("at", "who", "what", "changes")
# Of its facts, those that no other command shows.
LABELS = (N_("booked_by"), N_("in the client's calendar"))
COLUMNS = ("id", "client", "calendar", "starts", "kind", "name", "number", "state")

number_argument = click.argument("number", metavar="ID", type=NumberOf("appointment list"))
kind_option = click.option("--kind", default="", metavar="NAME", help="Of appointment [the calendar's only one].")


@click.group()
def appointment() -> None:
    """Appointments in clients' calendars: which slots are free, who is booked; book, move, cancel."""


@appointment.command(
    epilog=examples(
        "appointment slots andes soto",
        "appointment slots andes soto --kind Consulta --day tomorrow --days 3 --json",
    )
)
@client_argument
@calendar_argument
@kind_option
@click.option("--day", metavar="DAY", help="From this day on, in the calendar's zone [today].")
@click.option("--days", type=WholeNumber(1, MOST_DAYS), default=7, show_default=True, help="So many days.")
@reading_command(["day", "starts", "ends"])
def slots(door: Door, slug: str, calendar: str, kind: str, day: str | None, days: int) -> Sequence[dict[str, Any]]:
    """The slots that are free, in the calendar's time zone."""
    now, found = clock.now(), find(door, slug, calendar).calendar
    zone = ZoneInfo(found.zone)
    today = now.astimezone(zone).date()
    first = datetime.combine(read_day(day, today) if day else today, time.min, zone).astimezone(UTC)
    with reading(door.engine) as conn:
        free = appointments.free(conn, found.client_id, calendar, kind, first, first + timedelta(days=days), now)
    local = [(one.starts.astimezone(zone), one.ends.astimezone(zone)) for one in free]
    return [
        {"day": f"{starts:%Y-%m-%d}", "starts": f"{starts:%H:%M}", "ends": f"{ends:%H:%M}", "at": starts}
        for starts, ends in local
    ]


def _listed(door: Door, row: dict[str, Any]) -> dict[str, Any]:
    """A row for a person: in the calendar's time zone, and whether the remote calendar has it."""
    starts = row["starts"].astimezone(ZoneInfo(row["zone"]))
    state = door.say(STATE_WORDS[AppointmentState(row["state"])])
    if not row["synced"]:
        state = door.say("{state}, not in the remote calendar yet", state=state)
    for clash in row["clashes"]:
        state = f"{state}; {_clash_line(door, clash, ZoneInfo(row['zone']))}"
    return row | {"starts": f"{starts:%Y-%m-%d %H:%M}", "state": state}


def _clash_line(door: Door, clash: dict[str, Any], zone: ZoneInfo) -> str:
    starts = clash["starts"]
    other = f"{starts.astimezone(zone):%Y-%m-%d %H:%M}" if starts else "–"
    return door.say(CLASH_WORDS[ClashKind(clash["kind"])], other=other)


@appointment.command(
    "list",
    epilog=examples(
        "appointment list",
        "appointment list --client andes --since 01/12/2026 --until 31/12/2026 --all --json",
        "appointment list --clashes",
    ),
)
@click.option("--client", "slug", metavar="CLIENT", type=CLIENT, help="Of this client only [all].")
@click.option("--calendar", metavar="CALENDAR", help="Of this calendar of the client's only.")
@click.option("--since", metavar="DAY", help="Those that end after it has begun, in the office's zone [now].")
@click.option("--until", metavar="DAY", help="Those that begin before it has ended.")
@click.option("--all", "cancelled", is_flag=True, help="Those that are cancelled, too.")
@click.option("--clashes", is_flag=True, help="Only those that do not agree with the client's own calendar.")
@click.option("--limit", type=WholeNumber(1, 100_000), default=1000, show_default=True, help="How many at most.")
@reading_command(list(COLUMNS), _listed, cut=("name", "kind"))
def list_(
    door: Door,
    slug: str | None,
    calendar: str | None,
    since: str | None,
    until: str | None,
    cancelled: bool,
    clashes: bool,
    limit: int,
) -> list[dict[str, Any]]:
    """The appointments that are to come, or those of some days, by when they begin."""
    if calendar and not slug:
        raise ClientMistake("--calendar needs --client: two clients may have one of that name")
    with reading(door.engine) as conn:
        client_id = clients.find(conn, slug).id if slug else None
        of = calendars.get(conn, client_id, calendar).id if calendar and client_id is not None else None
        found = agenda.listed_appointments(
            conn,
            client_id=client_id,
            calendar_id=of,
            since=_midnight(door, since) if since else clock.now(),
            until=_midnight(door, until, after=1) if until else None,
            cancelled=cancelled,
            limit=limit,
        )
        open_ones: dict[int, list[dict[str, Any]]] = {}
        for one in remotes.tasks_of(conn, clock.now(), client_id=client_id, calendar_id=of):
            clash = {"kind": one.kind, "starts": one.other_starts, "ends": one.other_ends, "found_at": one.found_at}
            open_ones.setdefault(one.appointment_id, []).append(clash)
    rows = [facts(one) | {"clashes": open_ones.get(one.id, [])} for one in found]
    return [row for row in rows if row["clashes"] or not clashes]


@appointment.command(epilog=examples("appointment show 12", "appointment show 12 --json"))
@number_argument
@table_options
@pass_door
def show(door: Door, number: int, as_json: bool) -> None:
    """One appointment with its story: who did what and when, its letters, how it stands in the client's calendar."""
    with reading(door.engine) as conn:
        one, calendar, names = _found(conn, number)
        mirror = agenda.mirror_of(conn, number)
        story = audit.below(conn, one.client_id, f"{names[0]}: {names[1]} {number}", MOST_STORY, alone=True)[::-1]
        sent = letters.about_appointment(conn, one.uid)
        tasks = remotes.tasks_of(conn, clock.now(), calendar_id=calendar.id)
    told = [row_of(door, entry) for entry in story]
    clashes = [each for each in tasks if each.appointment_id == number]
    posts = [
        {"id": each.id, "written": each.letter.written_at, "address": each.letter.address, "state": each.state}
        for each in sent
    ]
    if as_json:
        plain = facts(one) | {"client": names[0], "calendar": names[1], "mirror": facts(mirror)}
        print_json(plain | {"story": told, "letters": posts, "clashes": [facts(each) for each in clashes]})
        return
    _show_facts(door, one, calendar, names, mirror)
    for each in clashes:
        line = {"kind": each.kind, "starts": each.other_starts}
        door.tell("to settle: {what}", what=_clash_line(door, line, ZoneInfo(calendar.zone)))
    door.table(list(STORY), [[row[name] for name in STORY] for row in told], cut=("changes",))
    if posts:
        rows = [row | {"state": door.say(str(row["state"]))} for row in posts]
        door.table(list(rows[0]), [list(row.values()) for row in rows])


def _found(conn: Connection, number: int) -> tuple[Appointment, AgendaCalendar, tuple[str, str]]:
    """An appointment, without who it is while he is blocked, its calendar, and the names of client and calendar."""
    found, names = agenda.find_appointment(conn, number), agenda.names_of(conn, number)
    calendar = agenda.calendar_by_id(conn, found.calendar_id) if found else None
    if found is None or names is None or calendar is None:
        raise ClientMistake("there is no appointment {id}", Code.NO_SUCH_APPOINTMENT, id=number)
    [one] = agenda.without_blocked(conn, [found])
    return one, calendar, names


def _show_facts(door: Door, one: Appointment, calendar: AgendaCalendar, names: tuple[str, str], mirror: Mirror) -> None:
    """What an appointment is, in lines."""
    zone = ZoneInfo(calendar.zone)
    starts, ends = one.starts.astimezone(zone), one.ends.astimezone(zone)
    known = {
        "client": names[0],
        "calendar": names[1],
        "starts": f"{starts:%Y-%m-%d %H:%M}–{ends:%H:%M} {calendar.zone}",
        "kind": one.kind,
        "state": door.say(STATE_WORDS[one.state]),
        "name": one.name,
        "number": one.number,
        "email": one.email,
        "note": one.note,
        "booked_by": one.booked_by,
        "call": one.call_id or "",
        "in the client's calendar": _mirror_line(door, calendar, mirror),
    }
    card(door, {name: value for name, value in (known | dict(one.answers)).items() if value})


def _mirror_line(door: Door, calendar: AgendaCalendar, mirror: Mirror) -> str:
    """How it stands in the client's own calendar; "" if that is kept here alone."""
    if calendar.source is Source.OWN:
        return ""
    if mirror.due_at is None:
        return door.say("as it is here")
    why = door.kept(mirror.error) if mirror.error else ""
    return door.say("not yet; tried again {when}", when=door.plain(mirror.due_at)) + (f": {why}" if why else "")


@appointment.command(
    "book",
    epilog=examples(
        'appointment book andes soto "01/12/2026 10:00" --name "Juan Pérez" --number "9 8123 4567"',
        'appointment book andes soto "tomorrow 10:00" --kind Consulta --name "Juan Pérez" --email juan@correo.cl '
        '--answer "¿RUT?=1-9"',
    ),
)
@client_argument
@calendar_argument
@click.argument("when", metavar="TIME")
@click.option("--name", metavar="NAME", required=True, help="Whom it is for.")
@click.option("--number", default="", metavar="NUMBER", help="His telephone.")
@click.option("--email", default="", metavar="ADDRESS", help="If he wants a mail.")
@click.option("--language", default="", metavar="es|en", help="Of his mails [the client's].")
@kind_option
@click.option("--answer", "answers", metavar="QUESTION=ANSWER", multiple=True, help="Repeatable.")
@click.option("--note", default="", metavar="TEXT", help="For the client.")
@pass_door
def book_(door: Door, slug: str, calendar: str, when: str, answers: tuple[str, ...], **given: str) -> None:
    """Books a free slot: TIME is in the calendar's time zone."""
    found = find(door, slug, calendar).calendar
    starts = _starts(when, found.zone)
    look_again(door, slug, calendar, starts)
    order = Order(
        client_id=found.client_id,
        calendar=calendar,
        kind=given["kind"],
        starts=starts,
        name=given["name"],
        number=given["number"],
        email=given["email"],
        answers=_answers(answers),
        note=given["note"],
        language=given["language"],
    )
    one = book(door, lambda work: appointments.book(work, order, house=house_of(door.settings)))
    _tell(door, N_("appointment {id}: {when}, {kind}, {name}"), one, found.zone)


@appointment.command(epilog=examples('appointment move 12 "02/12/2026 11:30"'))
@number_argument
@click.argument("when", metavar="TIME")
@pass_door
def move(door: Door, number: int, when: str) -> None:
    """Moves an appointment to another free slot of its calendar, in that one's time zone. It keeps its length."""
    zone, _ = _whose(door, number)
    starts = _starts(when, zone)
    with reading(door.engine) as conn:
        names = agenda.names_of(conn, number)
    if names:
        look_again(door, *names, starts)
    house = house_of(door.settings)

    def act(work: Work, client_id: int, number: int) -> Appointment:
        return appointments.move(work, client_id, number, starts, house=house)

    _do(door, number, act, N_("appointment {id} is on {when} now: {kind}, {name}"))


@appointment.command(epilog=examples("appointment cancel 12"))
@number_argument
@pass_door
def cancel(door: Door, number: int) -> None:
    """Cancels an appointment; its slot is free again."""
    house = house_of(door.settings)

    def act(work: Work, client_id: int, number: int) -> Appointment:
        return appointments.cancel(work, client_id, number, house=house)

    _do(door, number, act, N_("appointment {id} is cancelled: {when}, {kind}, {name}"))


@appointment.command("no-show", epilog=examples("appointment no-show 12"))
@number_argument
@pass_door
def no_show(door: Door, number: int) -> None:
    """Notes that nobody came."""
    _do(door, number, appointments.no_show, N_("it is noted that nobody came to the appointment {id}: {when}, {name}"))


def _starts(when: str, zone: str) -> datetime:
    """The instant at which it is to begin. Raises ClientMistake, for a day alone too: midnight is hardly meant."""
    now = clock.now()
    if is_day_alone(when, now.astimezone(ZoneInfo(zone)).date()):
        raise ClientMistake(
            "{text} names a day and no time: write it like '{text} 10:00'",
            Code.BAD_VALUE,
            text=clean_line(when, 40),
        )
    return read_instant(when, ZoneInfo(zone), now)


def _do(door: Door, number: int, act: Callable[[Work, int, int], Appointment], told: str) -> None:
    zone, client_id = _whose(door, number)
    changed = book(door, noting(lambda work: act(work, client_id, number)))
    with reading(door.engine) as conn:
        one = appointments.get(conn, client_id, number)
    tell_change(door, changed, told, **_values(one, zone))


def _whose(door: Door, number: int) -> tuple[str, int]:
    """The time zone of an appointment's calendar, and its client. Raises ClientMistake if there is none."""
    with reading(door.engine) as conn:
        one = agenda.find_appointment(conn, number)
        calendar = agenda.calendar_by_id(conn, one.calendar_id) if one else None
    if one is None or calendar is None:
        raise ClientMistake("there is no appointment {id}", Code.NO_SUCH_APPOINTMENT, id=number)
    return calendar.zone, one.client_id


def _tell(door: Door, template: str, one: Appointment, zone: str) -> None:
    door.tell(template, **_values(one, zone))


def _values(one: Appointment, zone: str) -> dict[str, Any]:
    when = f"{one.starts.astimezone(ZoneInfo(zone)):%Y-%m-%d %H:%M}"
    return {"id": one.id, "when": when, "kind": one.kind, "name": one.name}


def _answers(given: Sequence[str]) -> dict[str, str]:
    pairs = [text.partition("=") for text in given]
    for text, (question, sign, _) in zip(given, pairs, strict=True):
        if not (question.strip() and sign):
            raise refuse_pairless(text)
    return {question.strip(): answer for question, _, answer in pairs}


def _midnight(door: Door, day: str, after: int = 0) -> datetime:
    return datetime.combine(door.day(day) + timedelta(days=after), time.min, door.zone).astimezone(UTC)
