"""`/portal/contacts`: to whom the firm's calls may be handed, and who is not to be consulted before a time."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime, time, tzinfo

from anyio.to_thread import run_sync
from starlette.requests import Request
from starlette.responses import Response

from pbx_control import clock
from pbx_control.domain.opening.overrides import end_of_day, on_the_clock
from pbx_control.domain.words.wording import NAME_LIMIT, clean_line, readable_number
from pbx_control.errors import ClientMistake, Code, Field
from pbx_control.services.tenant import actor_of
from pbx_control.services.tenant_contacts import KEYS, ContactsList, ContactsOf, Listed, Written
from pbx_control.web.pages import go_to, language_of, page
from pbx_control.web.portal.opening import days_named, problems_of, until
from pbx_control.web.site import person_of, site_of

HERE = "/portal/contacts"
DAYS = 14
LONGEST_NAME, LONGEST_FIELD = 200, 40
# What is said of a contact that names no field.
USUAL = {"away": "until", "back": "until", "remove": "contact"}


@dataclass(frozen=True, slots=True)
class Asked:
    """What was pressed, of which contact ("": a new one), what was filled in, and what is wrong with it."""

    act: str = ""
    contact: str = ""
    new: Written = field(default_factory=Written)
    end: str = ""
    day: str = ""
    time: str = ""
    problems: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class ContactShown:
    """A contact as the page has it."""

    name: str
    department: str
    numbers: Sequence[str]
    key: int | None
    away: str  # until when; "": he may be consulted
    written: Written  # as it is kept, to be changed


@dataclass(frozen=True, slots=True)
class ContactsShown:
    """The page as it is shown."""

    firm: str
    each: Sequence[ContactShown]
    room: int | None
    full: bool
    days: Sequence[tuple[str, str]]
    keys: Sequence[int]


async def contacts(request: Request) -> Response:
    """GET /portal/contacts"""
    return await _page(request, Asked())


async def available(request: Request) -> Response:
    """POST /portal/contacts/availability: `act` is away (until `end`: day, or time with `day` and `time`) or back."""
    asked = await _asked(request)
    bound, now = _contacts_of(request), clock.now()
    try:
        zone = (await run_sync(bound.listed)).zone
        end = _end(asked, now, zone) if asked.act != "back" else None
        await run_sync(bound.set_away, asked.contact, end, now)
    except ClientMistake as error:
        return await _refused(request, asked, error)
    return go_to(HERE)


async def change(request: Request) -> Response:
    """POST /portal/contacts: `act` is add, change or remove."""
    asked = await _asked(request)
    bound, now = _contacts_of(request), clock.now()
    try:
        if asked.act == "add":
            await run_sync(bound.add, asked.new, now)
        elif asked.act == "change":
            await run_sync(bound.change, asked.contact, asked.new, now)
        elif asked.act == "remove":
            await run_sync(bound.remove, asked.contact, now)
        else:
            raise ClientMistake("choose what to do", Code.BAD_VALUE, field=Field("act"))
    except ClientMistake as error:
        return await _refused(request, asked, error)
    return go_to(HERE)


async def _asked(request: Request) -> Asked:
    given = await request.form()

    def typed(name: str, longest: int = LONGEST_NAME) -> str:
        return str(given.get(name, ""))[:longest].strip()

    key = typed("key", 2)
    new = Written(
        typed("name"),
        typed("number", LONGEST_FIELD),
        typed("then_number", LONGEST_FIELD),
        typed("department"),
        int(key) if key.isascii() and key.isdecimal() and int(key) in KEYS else None,
    )
    act, end, day, at = (typed(one, LONGEST_FIELD) for one in ("act", "end", "day", "time"))
    return Asked(act, typed("contact"), new, end, day, at)


def _end(asked: Asked, now: datetime, zone: tzinfo) -> datetime:
    if asked.end == "day":
        return end_of_day(zone, now)
    if not asked.time:
        raise ClientMistake("choose until when", Code.EMPTY_VALUE, field=Field("until"))
    try:
        chosen = time.fromisoformat(asked.time).replace(second=0, microsecond=0, tzinfo=None)
        return on_the_clock(date.fromisoformat(asked.day), chosen, zone, now)
    except (ValueError, OverflowError):
        raise ClientMistake("this is no time: write it like 14:30", Code.BAD_VALUE, field=Field("until")) from None


def _contacts_of(request: Request) -> ContactsOf:
    person = person_of(request)
    assert person.client_id is not None  # who has that role has a client
    actor = actor_of(person, request.client.host if request.client else "")
    return ContactsOf(site_of(request).engine, person.client_id, actor)


async def _refused(request: Request, asked: Asked, error: ClientMistake) -> Response:
    problems = problems_of(error, language_of(request), {}, usual=USUAL.get(asked.act, "name"))
    if error.code is Code.NO_SUCH_CONTACT:  # it has no place on the page any more
        problems = {"contact": " ".join(problems.values())}
    return await _page(request, replace(asked, problems=problems), status=400)


async def _page(request: Request, asked: Asked, status: int = 200) -> Response:
    found, now = await run_sync(_contacts_of(request).listed), clock.now()
    shown = _shown(found, now, language_of(request))
    return page(request, "portal/contacts.html.j2", status=status, shown=shown, asked=asked, here=HERE)


def _shown(found: ContactsList, now: datetime, language: str) -> ContactsShown:
    return ContactsShown(
        firm=found.firm,
        each=[_contact(one, found, now, language) for one in found.each],
        room=found.room,
        full=found.room is not None and len(found.each) >= found.room,
        days=days_named(found.zone, now, language, DAYS),
        keys=list(KEYS),
    )


def _contact(one: Listed, found: ContactsList, now: datetime, language: str) -> ContactShown:
    away = one.away_until is not None and one.away_until > now
    return ContactShown(
        name=clean_line(one.name, NAME_LIMIT),
        department=clean_line(one.department, NAME_LIMIT),
        numbers=[readable_number(number) for number in (one.number, one.then_number) if number],
        key=one.key,
        away=until(one.away_until, now, found.zone, language) if away and one.away_until else "",
        written=Written(one.name, one.number, one.then_number, one.department, one.key),
    )
