"""`/portal/calendars`: a firm's calendars, what is booked in them, and what was done."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime
from typing import Any
from urllib.parse import urlencode
from zoneinfo import ZoneInfo

from anyio.to_thread import run_sync
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from pbx_control import clock
from pbx_control.catalogue import N_
from pbx_control.domain.users import ClientRole
from pbx_control.domain.words.sentences import said
from pbx_control.domain.words.wording import NAME_LIMIT, clean_line
from pbx_control.errors import ClientMistake, Code
from pbx_control.services.tenant_agenda import CalendarListed, NewCalendar, appointments_known
from pbx_control.web.agenda_json import week_json
from pbx_control.web.pages import go_to, language_of, page, refusal
from pbx_control.web.portal.agenda_view import (
    HERE,
    ClashShown,
    Head,
    MirrorShown,
    Row,
    agenda_of,
    change,
    clash,
    head,
    hours_of,
    is_not_there,
    kind_line,
    mirror,
    not_there,
    number_of,
    row,
    slug_in,
)
from pbx_control.web.portal.opening import problems_of
from pbx_control.web.site import person_of, site_of

LONGEST_NAME, LONGEST_FIELD, LONGEST_SEARCH = 200, 40, 100
# So many of the appointments that are lost with a calendar are named.
MOST_LOST = 100
DONE = {
    "added": N_("The calendar is there. Look at its hours and kinds of appointment."),
    "kept": N_("Saved."),
    "removed": N_("The calendar is removed."),
    "booked": N_("Booked."),
    "moved": N_("Moved."),
    "cancelled": N_("Cancelled: the time is free again."),
    "no-show": N_("Noted: nobody came."),
    "connected": N_("Connected: it could be read and written. Appointments to come are put there within a minute."),
    "checked": N_("The calendar can be read and written."),
    "disconnected": N_("Connected no more. What stands there stays there."),
    "stopped": N_("The address leads nowhere any more."),
}


@dataclass(frozen=True, slots=True)
class Typed:
    """A new calendar as it was filled in, and what is wrong with it."""

    name: str = ""
    resource: str = ""
    kind: str = ""
    minutes: str = "30"
    problems: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Card:
    """A calendar in the list."""

    path: str
    name: str
    resource: str
    coming: int
    next: Sequence[Row]
    mirror: MirrorShown


@dataclass(frozen=True, slots=True)
class CardsShown:
    """The list of calendars."""

    firm: str
    each: Sequence[Card]
    room: int | None
    full: bool


@dataclass(frozen=True, slots=True)
class CalendarShown:
    """One calendar's page."""

    firm: str
    head: Head
    hours: str
    kinds: Sequence[tuple[str, str]]  # its name, and as it is read
    address: str
    map_link: str
    has_feed: bool
    rows: Sequence[Row]
    clashes: Sequence[ClashShown]
    past: bool
    text: str
    older: str  # the query of the next page; "": there is none


async def calendars(request: Request) -> Response:
    """GET /portal/calendars"""
    return await _list(request, Typed())


async def add(request: Request) -> Response:
    """POST /portal/calendars, with `name`, `resource`, and the first kind of appointment: `kind`, `minutes`."""
    given = await request.form()
    name, resource, kind, minutes = (
        str(given.get(one, ""))[:LONGEST_NAME].strip() for one in ("name", "resource", "kind", "minutes")
    )
    typed = Typed(name, resource, kind, minutes)
    new = NewCalendar(typed.name, typed.resource, typed.kind, number_of(typed.minutes))
    try:
        slug = await run_sync(agenda_of(request).add, new, clock.now())
    except ClientMistake as error:
        problems = problems_of(error, language_of(request), {}, usual="name")
        return await _list(request, replace(typed, problems=problems), status=400)
    return go_to(f"{HERE}/{slug}/settings?done=added")


async def calendar(request: Request) -> Response:
    """GET /portal/calendars/CALENDAR: what is booked in it; `past` and `q` narrow that down, `skip` goes on."""
    query, language, now = request.query_params, language_of(request), clock.now()
    past, text = "past" in query, query.get("q", "")[:LONGEST_SEARCH].strip()
    skip = number_of(query.get("skip", "")[:9])
    bound, slug = agenda_of(request), slug_in(request)
    try:
        seen, found = await run_sync(lambda: bound.page(slug, past=past, text=text, skip=skip, at=now))
        clashes = await run_sync(bound.clashes, slug, now)
    except ClientMistake as error:
        return not_there(request, error)
    more = {"past": "1" if past else "", "q": text, "skip": str(found.next or "")}
    shown = CalendarShown(
        firm=seen.firm.name,
        head=head(seen, now, language),
        hours=hours_of(seen, language),
        kinds=[(one.name, kind_line(one)) for one in seen.kinds],
        address=clean_line(seen.calendar.place.address, 200),
        map_link=seen.calendar.place.map_link,
        has_feed=seen.calendar.has_feed,
        rows=[row(one, seen.zone, language) for one in found.each],
        clashes=[clash(one, seen.zone, language) for one in clashes],
        past=past,
        text=text,
        older=urlencode({name: value for name, value in more.items() if value}) if found.next else "",
    )
    return page(request, "portal/calendar.html.j2", shown=shown, here=HERE, done=done_in(request))


async def week(request: Request) -> Response:
    """GET /portal/calendars/CALENDAR/week: some `days` of it from the day `from` on, with what is free for `kind`, as
    static/week.js reads them."""
    query, language = request.query_params, language_of(request)
    kind, count = query.get("kind", "")[:LONGEST_NAME], number_of(query.get("days", "7")[:1])
    bound, slug, office = agenda_of(request), slug_in(request), site_of(request).settings.office.name
    try:
        first = date.fromisoformat(query["from"][:10]) if query.get("from") else None
        days = await run_sync(bound.days, slug, kind, first, count, office, clock.now())
    except ClientMistake as error:
        return refusal(request, 404 if is_not_there(error) else 400, error.template, error.code, **error.values)
    except ValueError:
        return refusal(request, 400, N_("this is no day"), Code.BAD_VALUE)
    return JSONResponse(week_json(days, language))


async def history(request: Request) -> Response:
    """GET /portal/calendars/CALENDAR/history: who booked, moved and cancelled; an owner also reads what was set up."""
    site, person, language = site_of(request), person_of(request), language_of(request)
    try:
        seen, found = await run_sync(agenda_of(request).changes, slug_in(request))
    except ClientMistake as error:
        return not_there(request, error)
    owner = person.client_role is ClientRole.OWNER
    lines = [change(one, seen.zone, language, site.settings.office.name) for one in found if owner or one.about]
    values = {"firm": seen.firm.name, "head": head(seen, clock.now(), language), "changes": lines}
    return page(request, "portal/calendar_history.html.j2", shown=values, here=HERE)


async def removal(request: Request) -> Response:
    """GET /portal/calendars/CALENDAR/remove: what would be lost."""
    return await _removal(request)


async def remove(request: Request) -> Response:
    """POST /portal/calendars/CALENDAR/remove, with `sure`, and in `known` of which appointments he was told."""
    given = await request.form()
    known = str(given.get("known", ""))[:LONGEST_FIELD]
    if given.get("sure") != "1":
        return await _removal(request, problem=said(language_of(request), N_("tick that you are sure"), {}))
    try:
        await run_sync(agenda_of(request).remove, slug_in(request), known, clock.now())
    except ClientMistake as error:
        if is_not_there(error):
            return not_there(request, error)
        return await _removal(request, problem=said(language_of(request), error.template, error.values))
    return go_to(f"{HERE}?done=removed")


def done_in(request: Request) -> str:
    """What was done, if the address says so."""
    words = DONE.get(request.query_params.get("done", "")[:LONGEST_FIELD])
    return said(language_of(request), words, {}) if words else ""


async def _removal(request: Request, problem: str = "") -> Response:
    now, language = clock.now(), language_of(request)
    try:
        seen, found = await run_sync(agenda_of(request).leaving, slug_in(request), now)
    except ClientMistake as error:
        return not_there(request, error)
    lost = [row(one, seen.zone, language) for one in found[:MOST_LOST]]
    mailed = sum(bool(one.appointment.email) for one in found)
    shown: dict[str, Any] = {"firm": seen.firm.name, "head": head(seen, now, language), "lost": lost, "mailed": mailed}
    shown |= {"feed": seen.calendar.has_feed, "count": len(found), "known": appointments_known(found)}
    status = 400 if problem else 200
    return page(request, "portal/calendar_remove.html.j2", status=status, shown=shown, here=HERE, problem=problem)


async def _list(request: Request, typed: Typed, status: int = 200) -> Response:
    now, language = clock.now(), language_of(request)
    found = await run_sync(agenda_of(request).all, now)
    shown = CardsShown(
        firm=found.firm,
        each=[_card(one, now, language) for one in found.each],
        room=found.room,
        full=found.room is not None and len(found.each) >= found.room,
    )
    done = done_in(request) if status == 200 else ""
    return page(request, "portal/calendars.html.j2", status=status, shown=shown, typed=typed, here=HERE, done=done)


def _card(one: CalendarListed, now: datetime, language: str) -> Card:
    zone = ZoneInfo(one.calendar.zone)
    return Card(
        path=f"{HERE}/{one.calendar.slug}",
        name=clean_line(one.calendar.name, NAME_LIMIT),
        resource=clean_line(one.calendar.resource, NAME_LIMIT),
        coming=one.coming,
        next=[row(noted, zone, language) for noted in one.next],
        mirror=mirror(one.calendar.source, one.told, zone, now, language),
    )
