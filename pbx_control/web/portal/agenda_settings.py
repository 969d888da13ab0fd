"""`/portal/calendars/CALENDAR/settings`: how a calendar is set up, and the secret address of its feed."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Any

from anyio.to_thread import run_sync
from starlette.requests import Request
from starlette.responses import Response

from pbx_control import clock
from pbx_control.catalogue import N_
from pbx_control.domain.agenda.rules import LONGEST_HORIZON, MOST_KINDS, MOST_QUESTIONS, STEPS
from pbx_control.domain.opening.hours import week_text
from pbx_control.domain.words.sentences import said
from pbx_control.errors import ClientMistake, Code, Field
from pbx_control.services.tenant_agenda import CalendarSeen, Kind
from pbx_control.web.pages import go_to, language_of, page
from pbx_control.web.portal.agenda import done_in
from pbx_control.web.portal.agenda_view import HERE, agenda_of, head, is_not_there, not_there, number_of, slug_in
from pbx_control.web.portal.opening import problems_of
from pbx_control.web.portal.written_week import WeekAsked, as_asked, asked_week, weekdays
from pbx_control.web.site import site_of

LONGEST_NAME, LONGEST_LINK, LONGEST_QUESTIONS, LONGEST_NUMBER = 200, 600, 4000, 9
# Where the feed of a secret is (web/feed.py).
FEED = "/agenda/{secret}.ics"
# Rows for kinds of appointment: what there is, and so many more.
MORE_KINDS = 2
MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)
# How long beforehand one must book, as it can be chosen.
LEADS = (0 * HOUR, HOUR / 2, HOUR, 2 * HOUR, 4 * HOUR, 12 * HOUR, DAY, 2 * DAY, 3 * DAY, 7 * DAY, 14 * DAY)
# What is offered beside the firm's own zone; others can be typed.
ZONES = ("America/Santiago", "America/Punta_Arenas", "America/Coyhaique", "Pacific/Easter", "Europe/Madrid")
# The fields whose problems stand beside them; others stand above all.
FIELDS = (
    *("name", "resource", "timezone", "week", "kind", "step", "lead", "horizon", "address", "map_link", "questions"),
    *map(str, range(7)),
)


@dataclass(frozen=True, slots=True)
class Asked:
    """The form as it was filled in, and what is wrong with it."""

    week: WeekAsked
    kinds: Sequence[tuple[str, str, str]]  # name, minutes, minutes after it
    name: str
    resource: str
    zone: str
    step: str  # minutes
    lead: str  # minutes
    horizon: str  # days
    address: str
    map_link: str
    questions: str  # one a line
    place_in_mail: bool
    reminder: bool
    before: str
    problems: Mapping[str, str] = field(default_factory=dict)


async def settings(request: Request) -> Response:
    """GET /portal/calendars/CALENDAR/settings"""
    return await _page(request)


async def change(request: Request) -> Response:
    """POST /portal/calendars/CALENDAR/settings: `act` is keep, or hours to fill in the firm's own."""
    given = await request.form()
    asked, bound, slug = _asked(given), agenda_of(request), slug_in(request)
    if given.get("act") == "hours":
        return await _page(request, asked, as_the_firm=True)
    try:
        wanted, kinds = _wanted(asked), _kinds(asked)
        await run_sync(bound.change, slug, wanted, kinds, asked.before, clock.now())
    except ClientMistake as error:
        if is_not_there(error):
            return not_there(request, error)
        problems = problems_of(error, language_of(request), {}, usual="above")
        if not set(problems) <= set(FIELDS):
            problems = {"above": " ".join(problems.values())}
        return await _page(request, replace(asked, problems=problems), status=400)
    return go_to(f"{HERE}/{slug}/settings?done=kept")


async def feed(request: Request) -> Response:
    """POST /portal/calendars/CALENDAR/feed: `act` is renew, or stop. The address is shown in the answer, and never
    again."""
    act, bound, slug = (await request.form()).get("act"), agenda_of(request), slug_in(request)
    try:
        if act == "stop":
            await run_sync(bound.stop_feed, slug, clock.now())
            return go_to(f"{HERE}/{slug}/settings?done=stopped")
        if act != "renew":
            raise ClientMistake("choose what to do", Code.BAD_VALUE, field=Field("act"))
        secret = await run_sync(bound.renew_feed, slug, clock.now())
    except ClientMistake as error:
        if is_not_there(error):
            return not_there(request, error)
        return await _page(request, problem=said(language_of(request), error.template, error.values), status=400)
    return await _page(request, secret=secret)


# --- what was filled in -----------------------------------------------------------------------------------


def _asked(given: Any) -> Asked:
    def typed(name: str, longest: int = LONGEST_NAME) -> str:
        return str(given.get(name, ""))[:longest].strip()

    rows = [
        (typed(f"k{row}-name"), typed(f"k{row}-minutes", LONGEST_NUMBER), typed(f"k{row}-buffer", LONGEST_NUMBER))
        for row in range(MOST_KINDS + MORE_KINDS)
    ]
    return Asked(
        week=asked_week(given),
        kinds=[one for one in rows if any(one)],
        questions=str(given.get("questions", ""))[:LONGEST_QUESTIONS].replace("\r\n", "\n").strip(),
        map_link=typed("map_link", LONGEST_LINK),
        place_in_mail=given.get("place_in_mail") == "1",
        reminder=given.get("reminder") == "1",
        name=typed("name"),
        resource=typed("resource"),
        zone=typed("zone"),
        address=typed("address"),
        before=typed("before"),
        step=typed("step", LONGEST_NUMBER),
        lead=typed("lead", LONGEST_NUMBER),
        horizon=typed("horizon", LONGEST_NUMBER),
    )


def _wanted(asked: Asked) -> dict[str, Any]:
    """The calendar's fields. Raises ClientMistake."""
    return {
        "name": asked.name,
        "resource": asked.resource,
        "zone": asked.zone,
        "week": asked.week.week(),
        "step": _number(asked.step, "step"),
        "lead": _number(asked.lead, "lead") * MINUTE,
        "horizon": min(_number(asked.horizon, "horizon"), 9999) * DAY,
        "address": asked.address,
        "map_link": asked.map_link,
        "questions": [line for line in asked.questions.split("\n") if line.strip()],
        "place_in_mail": asked.place_in_mail,
        "reminder": asked.reminder,
    }


def _kinds(asked: Asked) -> list[Kind]:
    """The kinds whose name was left. Raises ClientMistake."""
    named = [one for one in asked.kinds if one[0]]
    return [
        Kind(0, name, _number(minutes, "kind"), _number(buffer, "kind") if buffer else 0)
        for name, minutes, buffer in named
    ]


def _number(text: str, name: str) -> int:
    if not (text.isascii() and text.isdecimal()):
        raise ClientMistake("write whole numbers here, like 30", Code.BAD_VALUE, field=Field(name))
    return int(text)


# --- the page ---------------------------------------------------------------------------------------------


def _as_kept(seen: CalendarSeen) -> Asked:
    one = seen.calendar
    return Asked(
        week=as_asked(seen.week),
        kinds=[(kind.name, str(kind.minutes), str(kind.buffer)) for kind in seen.kinds],
        name=one.name,
        resource=one.resource,
        zone=one.zone,
        step=str(one.step),
        lead=str(one.lead // MINUTE),
        horizon=str(one.horizon // DAY),
        address=one.place.address,
        map_link=one.place.map_link,
        questions="\n".join(one.questions),
        place_in_mail=one.place_in_mail,
        reminder=one.reminder,
        before=seen.version,
    )


async def _page(
    request: Request,
    asked: Asked | None = None,
    *,
    status: int = 200,
    as_the_firm: bool = False,
    secret: str = "",
    problem: str = "",
) -> Response:
    language, bound, slug = language_of(request), agenda_of(request), slug_in(request)
    try:
        seen = await run_sync(bound.calendar, slug)
    except ClientMistake as error:
        return not_there(request, error)
    shown_asked = asked or _as_kept(seen)
    if as_the_firm:
        shown_asked = replace(shown_asked, week=as_asked(seen.firms_week))
    shown = {
        "firm": seen.firm.name,
        "head": head(seen, clock.now(), language),
        "weekdays": weekdays(language),
        "firms_hours": week_text(seen.firms_week, language),
        "rows": [*shown_asked.kinds, *[("", "", "")] * min(MORE_KINDS, MOST_KINDS - len(shown_asked.kinds))],
        "steps": STEPS,
        "leads": _leads(shown_asked.lead, language),
        "zones": sorted({*ZONES, seen.firm.timezone, seen.calendar.zone}),
        "most_days": LONGEST_HORIZON // DAY,
        "most_questions": MOST_QUESTIONS,
        "has_feed": seen.calendar.has_feed,
    }
    address = f"{_origin(request)}{FEED.format(secret=secret)}" if secret else ""
    values: dict[str, Any] = {"asked": shown_asked, "address": address, "problem": problem}
    done = done_in(request) if status == 200 and asked is None else ""
    return page(request, "portal/calendar_settings.html.j2", status=status, shown=shown, here=HERE, done=done, **values)


def _leads(chosen: str, language: str) -> list[tuple[str, str]]:
    minutes = {one // MINUTE for one in LEADS} | ({number_of(chosen)} if chosen else set())
    return [(str(one), _length(one, language)) for one in sorted(minutes)]


def _length(minutes: int, language: str) -> str:
    from babel.units import format_unit

    from pbx_control.domain.words.wording import LOCALES

    if minutes == 0:
        return said(language, N_("none: until the last minute"), {})
    for unit, size in (("duration-day", 1440), ("duration-hour", 60)):
        if minutes % size == 0:
            return format_unit(minutes // size, unit, "long", locale=LOCALES[language])
    return format_unit(minutes, "duration-minute", "long", locale=LOCALES[language])


def _origin(request: Request) -> str:
    return site_of(request).settings.web.public_url or f"{request.url.scheme}://{request.headers.get('host', '')}"
