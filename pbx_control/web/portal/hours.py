"""`/portal/hours`: the week in which a firm is answered for, and days of its own; what callers will hear of it is heard
before it is put in force."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date

from anyio.to_thread import run_sync
from starlette.requests import Request
from starlette.responses import Response

from pbx_control import clock
from pbx_control.domain.office import AnnouncementKind, Client, Holiday
from pbx_control.domain.opening.hours import ALWAYS, NEVER, nights, week_text
from pbx_control.domain.opening.speech import hours_in_words
from pbx_control.domain.users import Person
from pbx_control.domain.words.wording import NAME_LIMIT, clean_line, day_in_words
from pbx_control.errors import ClientMistake, Code, Field
from pbx_control.services.tenant_opening import HoursOf
from pbx_control.web.pages import go_to, language_of, page
from pbx_control.web.portal.opening import Played, opening_of, played, problems_of
from pbx_control.web.portal.written_week import LONGEST_FIELD, WeekAsked, as_asked, asked_week, weekdays
from pbx_control.web.site import person_of, site_of
from pbx_control.web.voice import TooOften

HERE = "/portal/hours"
LONGEST_NAME = 200


@dataclass(frozen=True, slots=True)
class Asked(WeekAsked):
    """The form as it was filled in, and what is wrong with it; a day's problem under its number."""

    problems: Mapping[str, str] = field(default_factory=dict)
    day: str = ""  # of a holiday of its own
    name: str = ""

    @classmethod
    def of(cls, week: WeekAsked) -> "Asked":
        """The form with these hours."""
        return cls(week.always, week.days)


@dataclass(frozen=True, slots=True)
class Row:
    """A single day in a list."""

    day: str  # ISO
    when: str
    name: str
    closed: bool  # of its own: closed, else "we work"


@dataclass(frozen=True, slots=True)
class HoursShown:
    """The page as it is shown."""

    firm: str
    words: str
    week: str  # as it is kept
    always: bool
    closed: Played
    own_file: bool  # callers hear a recording of the firm's, which nobody changes by itself
    silent: bool  # its own words do not tell the hours
    own: Sequence[Row]
    public: Sequence[Row]
    today: str
    weekdays: Sequence[str]


async def hours(request: Request) -> Response:
    """GET /portal/hours"""
    found = await run_sync(opening_of(request).hours, clock.now())
    return _page(request, found, Asked.of(as_asked(found.client.week)))


async def change(request: Request) -> Response:
    """POST /portal/hours: `act` is preview, edit or confirm; the week is in `always` and in fields `d0-1-from` …"""
    given = await request.form()
    act, before = str(given.get("act", "")), str(given.get("before", ""))
    asked, opening, now = Asked.of(asked_week(given)), opening_of(request), clock.now()
    found = await run_sync(opening.hours, now)
    if act == "edit":
        return _page(request, found, asked)
    try:
        week = asked.week()
        if act == "confirm" and before:
            await site_of(request).voice.speaks(opening.client_id, lambda: opening.set_hours(week, before, now))
            return go_to(HERE)
        would = await site_of(request).voice.speaks(opening.client_id, lambda: opening.hours_would_be(week, now))
    except (ClientMistake, TooOften) as error:
        return _page(request, found, replace(asked, problems=problems_of(error, language_of(request), {})), status=400)
    return _preview(request, found, would, asked)


async def days(request: Request) -> Response:
    """POST /portal/hours/days: `act` is close (with `day` and `name`), work or as-everybody (with `day`)."""
    given = await request.form()
    act, day, name = (str(given.get(one, ""))[:LONGEST_NAME] for one in ("act", "day", "name"))
    opening, now = opening_of(request), clock.now()
    try:
        chosen = _chosen(day)
        if act == "close":
            await run_sync(opening.close_on, chosen, name, now)
        elif act == "work":
            await run_sync(opening.work_on, chosen, now)
        else:
            await run_sync(opening.as_everybody_on, chosen, now)
    except ClientMistake as error:
        found = await run_sync(opening.hours, now)
        problems = problems_of(error, language_of(request), {}, usual="day")
        asked = replace(Asked.of(as_asked(found.client.week)), day=day[:LONGEST_FIELD], name=name, problems=problems)
        return _page(request, found, asked, status=400)
    return go_to(f"{HERE}#days")


# --- what was filled in -----------------------------------------------------------------------------------


def _chosen(day: str) -> date:
    try:
        return date.fromisoformat(day)
    except ValueError:
        raise ClientMistake("choose a day", Code.EMPTY_VALUE, field=Field("day")) from None


# --- the pages --------------------------------------------------------------------------------------------


def _page(request: Request, found: HoursOf, asked: Asked, status: int = 200) -> Response:
    shown = _shown(found, person_of(request), language_of(request))
    return page(request, "portal/hours.html.j2", status=status, shown=shown, asked=asked, here=HERE)


def _preview(request: Request, found: HoursOf, would: HoursOf, asked: Asked) -> Response:
    language, person = language_of(request), person_of(request)
    written = "" if asked.always else asked.written()
    return page(
        request,
        "portal/hours_preview.html.j2",
        shown=_shown(would, person, language),
        now=_shown(found, person, language),
        asked=asked,
        never=would.client.week == NEVER,
        nights=nights([written]) if written else [],
        here=HERE,
    )


def _shown(found: HoursOf, person: Person, language: str) -> HoursShown:
    client = found.client
    return HoursShown(
        firm=client.name,
        words=hours_in_words(client.week, language),
        week=week_text(client.week),
        always=client.week == ALWAYS,
        closed=played(person, found.closed, language),
        own_file=not found.closed.text,
        silent=_is_silent(client),
        own=[_row(one, language) for one in found.own],
        public=list(_public(found, language)),
        today=found.today.isoformat(),
        weekdays=weekdays(language),
    )


def _is_silent(client: Client) -> bool:
    own = client.announcement(AnnouncementKind.CLOSED)
    return own is not None and bool(own.text) and "{hours}" not in own.text


def _public(found: HoursOf, language: str) -> Iterator[Row]:
    """The days that close everybody, but for those of which the firm has said something."""
    said_of = {one.day for one in found.own}
    return (_row(one, language) for one in found.public if one.day not in said_of)


def _row(one: Holiday, language: str) -> Row:
    return Row(one.day.isoformat(), day_in_words(one.day, language), clean_line(one.name, NAME_LIMIT), one.kept)
