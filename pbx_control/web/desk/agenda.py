"""The calendars of the client whose call is on her desk: what is free, what she books, moves and cancels, as JSON."""

from collections.abc import Callable
from datetime import UTC, date, datetime
from typing import Annotated, Any, TypeVar
from uuid import UUID
from zoneinfo import ZoneInfo

import msgspec
from anyio.to_thread import run_sync
from sqlalchemy import Connection
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from pbx_control import clock
from pbx_control.catalogue import N_
from pbx_control.domain.agenda.appointments import Appointment
from pbx_control.domain.notices.appointment_letters import House
from pbx_control.domain.words.wording import NAME_LIMIT, clean_line
from pbx_control.errors import ClientMistake, Code, PbxError
from pbx_control.services import agenda_shown, desk_agenda
from pbx_control.services.appointment_letters import house_of
from pbx_control.services.desk_agenda import Panel, Wanted
from pbx_control.services.work import Work, booking
from pbx_control.store import agenda as stored
from pbx_control.store import desk
from pbx_control.store.engine import reading, writing
from pbx_control.web.agenda_json import (
    appointment_json,
    calendars_json,
    day_words,
    free_json,
    instant,
    slot_json,
    trouble,
    week_json,
)
from pbx_control.web.desk.asking import (
    NOT_OURS,
    Refused,
    actor_of,
    call_of,
    failed,
    read,
    room_of,
    secretary_of,
)
from pbx_control.web.pages import language_of, say
from pbx_control.web.site import may_invite, person_of

# Of a calendar's short name, or a kind's name, characters.
LONGEST_NAME = 100

WHO_BOOKED = N_("{who} has booked this time.")
WHO_HOLDS = N_("{who} is booking this time just now.")
TAKEN = N_("This time is not free any more.")

Given = TypeVar("Given")
# As the database numbers things.
Number = Annotated[int, msgspec.Meta(ge=0, lt=2**31)]
Name = Annotated[str, msgspec.Meta(max_length=LONGEST_NAME)]
Text = Annotated[str, msgspec.Meta(max_length=4000)]


class Held(msgspec.Struct, forbid_unknown_fields=True):
    """A slot that is to be held."""

    calendar: Name
    kind: Name
    starts: datetime


class Released(msgspec.Struct, forbid_unknown_fields=True):
    """What she holds in a calendar is to be given back."""

    calendar: Name


class Booked(msgspec.Struct, forbid_unknown_fields=True):
    """A slot that is to be booked, and whom it is for. The page keeps the key: one key books once."""

    key: UUID
    calendar: Name
    kind: Name
    starts: datetime
    name: Text
    number: Text = ""
    email: Text = ""
    answers: dict[Text, Text] = {}
    note: Text = ""


class Moved(msgspec.Struct, forbid_unknown_fields=True):
    """An appointment, and when it is to begin."""

    appointment: Number
    starts: datetime


class Cancelled(msgspec.Struct, forbid_unknown_fields=True):
    """An appointment."""

    appointment: Number


async def panel(request: Request) -> Response:
    """GET: the client's calendars, what is free next, and the caller's appointments."""
    calendar, kind = _query(request, "calendar"), _query(request, "kind")

    def look(conn: Connection, call_id: str, her: int, at: datetime) -> Panel:
        return desk_agenda.panel(conn, call_id, her, at, calendar, kind)

    found, at = await _looked(request, look)
    return found if isinstance(found, Response) else JSONResponse(_panel_json(found, at, language_of(request)))


async def week(request: Request) -> Response:
    """GET: some days of a calendar (web.agenda_json)."""
    calendar, kind = _query(request, "calendar"), _query(request, "kind")
    first, count = _day(_query(request, "from")), _query(request, "days")
    if not (count.isascii() and count.isdecimal() and len(count) < 3):
        raise Refused(NOT_OURS)

    def look(conn: Connection, call_id: str, her: int, at: datetime) -> agenda_shown.Days:
        return desk_agenda.days(conn, call_id, her, at, calendar, kind, first, int(count))

    found, _ = await _looked(request, look)
    return found if isinstance(found, Response) else JSONResponse(week_json(found, language_of(request)))


async def hold(request: Request) -> Response:
    """POST: a slot is hers for some minutes."""
    asked = await read(request, Held)
    call_id, her, starts, at = call_of(request), secretary_of(person_of(request)), _instant(asked.starts), clock.now()

    def keep() -> stored.Hold:
        with writing(room_of(request).engine) as conn:
            return desk_agenda.hold(conn, call_id, her, at, asked.calendar, asked.kind, starts)

    held = await _done(request, keep, (asked.calendar, asked.kind, starts))
    return held if isinstance(held, Response) else JSONResponse({"until": instant(held.until)})


async def release(request: Request) -> Response:
    """POST: she gives up the slot that she holds."""
    asked = await read(request, Released)
    call_id, her = call_of(request), secretary_of(person_of(request))

    def give_back() -> bool:
        with writing(room_of(request).engine) as conn:
            return desk_agenda.release(conn, call_id, her, clock.now(), asked.calendar)

    done = await _done(request, give_back)
    return done if isinstance(done, Response) else JSONResponse({})


async def book(request: Request) -> Response:
    """POST: an appointment for the caller, once however often it comes."""
    asked = await read(request, Booked)
    fields = msgspec.structs.asdict(asked) | {"starts": _instant(asked.starts)}
    wanted = Wanted(**fields)

    def change(work: Work, call_id: str, her: int, house: House) -> Appointment:
        may_invite(request, wanted.email)
        return desk_agenda.book(work, call_id, her, wanted, house=house)

    return await _changed(request, change, (asked.calendar, asked.kind, wanted.starts))


async def move(request: Request) -> Response:
    """POST: an appointment begins at another time."""
    asked = await read(request, Moved)
    starts = _instant(asked.starts)

    def change(work: Work, call_id: str, her: int, house: House) -> Appointment:
        return desk_agenda.move(work, call_id, her, asked.appointment, starts, house=house)

    return await _changed(request, change, (asked.appointment, "", starts))


async def cancel(request: Request) -> Response:
    """POST: an appointment does not take place."""
    asked = await read(request, Cancelled)

    def change(work: Work, call_id: str, her: int, house: House) -> Appointment:
        return desk_agenda.cancel(work, call_id, her, asked.appointment, house=house)

    return await _changed(request, change)


# --- how each is done -------------------------------------------------------------------------------------

# The slot that was asked for: its calendar (or an appointment in it), its kind and its instant.
_Slot = tuple[str | int, str, datetime]


async def _looked(
    request: Request, look: Callable[[Connection, str, int, datetime], Given]
) -> tuple[Given | Response, datetime]:
    call_id, her, at, engine = call_of(request), secretary_of(person_of(request)), clock.now(), room_of(request).engine

    def read_it() -> Given:
        with reading(engine) as conn:
            return look(conn, call_id, her, at)

    try:
        return await run_sync(read_it), at
    except PbxError as error:
        return failed(request, error), at


async def _changed(
    request: Request, change: Callable[[Work, str, int, House], Appointment], slot: _Slot | None = None
) -> Response:
    """Makes a change, and gives the appointment as it is now."""
    person, call_id, at = person_of(request), call_of(request), clock.now()
    her, engine, language = secretary_of(person), room_of(request).engine, language_of(request)
    settings = room_of(request).settings

    def make() -> Appointment:
        house = house_of(settings)
        if slot:
            calendar, _, starts = slot
            desk_agenda.look_again(engine, settings.agenda, call_id, her, at, calendar, starts)
        with booking(engine, actor_of(request, person), at) as work:
            return change(work, call_id, her, house)

    changed = await _done(request, make, slot)
    if isinstance(changed, Response):
        return changed

    def show() -> dict[str, Any]:
        with reading(engine) as conn:
            (one,) = agenda_shown.shown(conn, [changed], at)
            calendar = stored.calendar_by_id(conn, changed.calendar_id)
        assert calendar
        return appointment_json(one, ZoneInfo(calendar.zone), language)

    return JSONResponse({"appointment": await run_sync(show)})


async def _done(request: Request, do: Callable[[], Given], slot: _Slot | None = None) -> Given | Response:
    """Does it, and has all desks of that client look; a Response that says why not, if it is refused."""
    try:
        given = await run_sync(do)
    except ClientMistake as error:
        if slot and error.code is Code.SLOT_TAKEN:
            return await _taken(request, slot)
        field = error.values.get("field")
        return failed(request, error, code=error.code.value, field=str(field or ""))
    except PbxError as error:
        return failed(request, error)
    await _tell(request)
    return given


async def _tell(request: Request) -> None:
    """Has all desks that have a call of that client look at its calendars."""
    room, call_id = room_of(request), call_of(request)

    def whose() -> int:
        with reading(room.engine) as conn:
            call = desk.call_on_desk(conn, call_id)
        return call.client_id if call else 0

    room.agenda_changed(await run_sync(whose))


async def _taken(request: Request, slot: _Slot) -> Response:
    """Somebody was first: who, and what is free near it."""
    call_id, her, at, language = call_of(request), secretary_of(person_of(request)), clock.now(), language_of(request)

    def look() -> desk_agenda.Instead:
        with reading(room_of(request).engine) as conn:
            calendar, kind, starts = _named(conn, slot)
            return desk_agenda.instead(conn, call_id, her, at, calendar, kind, starts)

    try:
        found = await run_sync(look)
    except PbxError as error:
        return failed(request, error)
    zone = ZoneInfo(found.calendar.zone)
    told = (WHO_BOOKED if found.booked else WHO_HOLDS) if found.who else TAKEN
    near = [
        slot_json(one, zone)
        | {"words": day_words((day := one.starts.astimezone(zone).date()), at.astimezone(zone).date(), language)}
        | {"day": day.isoformat()}
        for one in found.near
    ]
    words = say(request, told, who=clean_line(found.who, NAME_LIMIT))
    return JSONResponse({"words": words, "code": Code.SLOT_TAKEN.value, "near": near}, 409)


def _named(conn: Connection, slot: _Slot) -> tuple[str, str, datetime]:
    """The slot by its calendar's short name and its kind; of an appointment that is moved, by its own."""
    place, kind, starts = slot
    if isinstance(place, str):
        return place, kind, starts
    moved = stored.find_appointment(conn, place)
    calendar = stored.calendar_by_id(conn, moved.calendar_id) if moved else None
    if moved is None or calendar is None:
        raise Refused(NOT_OURS)
    known = {one.name for one in stored.kinds_of(conn, calendar.id)}
    return calendar.slug, moved.kind if moved.kind in known else "", starts


def _panel_json(found: Panel, at: datetime, language: str) -> dict[str, Any]:
    here, chosen = found.on_desk, found.chosen
    told: dict[str, Any] = {
        "caller": {"name": here.name, "number": here.number},
        "calendars": calendars_json(found.calendars),
        "appointments": [
            appointment_json(one.shown, ZoneInfo(one.calendar.zone), language)
            | {
                "calendar": one.calendar.slug,
                "calendar_name": clean_line(one.calendar.name, NAME_LIMIT),
                "booked_now": one.booked_now,
            }
            for one in found.concerned
        ],
    }
    if chosen is None or found.kind is None:
        return told
    zone = ZoneInfo(chosen.zone)
    held = found.held
    return told | {
        "calendar": chosen.slug,
        "kind": found.kind.name,
        "zone": chosen.zone,
        "days": free_json(found.free, zone, at, language),
        "held": {"starts": instant(held.starts), "until": instant(held.until)} if held else None,
        "trouble": trouble(found.remote, language),
    }


# --- what was sent ----------------------------------------------------------------------------------------


def _query(request: Request, name: str) -> str:
    return request.query_params.get(name, "")[:LONGEST_NAME]


def _day(text: str) -> date | None:
    """None for none. Raises Refused for what is no day."""
    try:
        return date.fromisoformat(text) if text else None
    except ValueError as error:
        raise Refused(NOT_OURS) from error


def _instant(at: datetime) -> datetime:
    """Raises Refused for a time without a zone, or at the ends of all time."""
    if at.tzinfo is None or not 2000 < at.year < 3000:
        raise Refused(NOT_OURS)
    return at.astimezone(UTC)
