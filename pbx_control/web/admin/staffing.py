"""`/admin/staffing`: how many secretaries each half hour of a week needs, and how many are there."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

from anyio.to_thread import run_sync
from babel.dates import format_date
from sqlalchemy import Connection
from starlette.requests import Request
from starlette.responses import Response

from pbx_control import clock
from pbx_control.catalogue import N_
from pbx_control.domain.staffing.erlang import GOAL
from pbx_control.domain.staffing.forecast import HALF
from pbx_control.domain.staffing.outlook import HalfHour, Manner
from pbx_control.domain.words.sentences import said
from pbx_control.domain.words.wording import day_in_words, decimal
from pbx_control.domain.words.written_time import read_day
from pbx_control.errors import ClientMistake
from pbx_control.services import staffing
from pbx_control.services.staffing import Outlook
from pbx_control.store import plans
from pbx_control.store.engine import reading
from pbx_control.web.pages import language_of, page
from pbx_control.web.site import site_of

HERE = "/admin/staffing"
# Characters of what is asked for.
LONGEST = 40
A_WEEK = timedelta(days=7)
# Weeks farther away than this nobody plans, and the calendar ends somewhere.
FARTHEST = timedelta(days=2 * 366)
# What is nearly too few is told apart from what is plenty.
PLENTY = GOAL + 0.1


@dataclass(frozen=True, slots=True)
class Cell:
    """A half hour of a day. `look`: good, tight, bad, unknown, or none, where nothing is to do."""

    look: str
    needed: int
    there: str  # "" where that is not known
    level: str  # in percent; "" likewise
    lacking: int
    calls: str
    came: str  # what really came, and was answered in time; "" if it is still to come


@dataclass(frozen=True, slots=True)
class GapShown:
    """Half hours in a row in which too few are there."""

    day: str
    hours: str
    lacking: int
    level: int


@dataclass(frozen=True, slots=True)
class Shown:
    """The page."""

    week: date
    before: date
    after: date
    days: Sequence[str]
    rows: Sequence[tuple[str, Sequence[Sequence[Cell]]]]  # the hour, and each day's: two where clocks go back
    gaps: Sequence[GapShown]
    level: int | None
    known: bool
    manner: Manner
    plans: Sequence[str]
    sold: str  # the plan of which it is asked what it would change
    problems: Sequence[str]


async def show(request: Request) -> Response:
    """GET /admin/staffing: the week with the day `week` [the coming one]; `plan`: if that one were sold once more."""
    site, language = site_of(request), language_of(request)
    zone = ZoneInfo(site.settings.office.timezone)
    given = {name: request.query_params.get(name, "")[:LONGEST].strip() for name in ("week", "plan")}
    now = clock.now()
    monday, problem = _monday(given["week"], now.astimezone(zone).date(), language)

    def read() -> Shown:
        with reading(site.engine) as conn:
            names = plans.names(conn)
            sold, unknown = _sold(given["plan"], names, language)
            found = _looked(conn, zone, monday, now, sold)
        return _shown(found, monday, zone, language, names, sold, [one for one in (problem, unknown) if one])

    return page(request, "admin/staffing.html.j2", shown=await run_sync(read), here=HERE)


def _looked(conn: Connection, zone: ZoneInfo, monday: date, now: datetime, sold: str) -> Outlook:
    changes = [staffing.selling_to_somebody(conn, sold)] if sold else []
    return staffing.look(conn, zone, monday, 7, now, changes)


def _sold(text: str, names: Sequence[str], language: str) -> tuple[str, str]:
    """The plan of which it is asked what it would change, and what is wrong with what was written."""
    if not text or text in names:
        return text, ""
    return "", said(language, N_("there is no plan {name}"), {"name": repr(text)})


def _monday(text: str, today: date, language: str) -> tuple[date, str]:
    """The Monday of the week that is asked for, and what is wrong with what was written."""
    coming, problem = today + A_WEEK, ""
    try:
        day = read_day(text, today) if text else coming
    except ClientMistake as mistake:
        day, problem = coming, said(language, mistake.template, mistake.values)
    day = min(max(day, today - FARTHEST), today + FARTHEST)
    return day - timedelta(days=day.weekday()), problem


def _shown(
    found: Outlook,
    monday: date,
    zone: ZoneInfo,
    language: str,
    names: Sequence[str],
    sold: str,
    problems: Sequence[str],
) -> Shown:
    days = [monday + timedelta(days=number) for number in range(7)]
    return Shown(
        week=monday,
        before=monday - A_WEEK,
        after=monday + A_WEEK,
        days=[format_date(day, "EEE d", locale=language) for day in days],
        rows=_rows(found.halves, zone, language, days),
        gaps=[
            GapShown(
                day=day_in_words(gap.at.astimezone(zone), language, with_year=False),
                hours=f"{gap.at.astimezone(zone):%H:%M}–{gap.until.astimezone(zone):%H:%M}",
                lacking=gap.lacking,
                level=round(100 * gap.level),
            )
            for gap in found.gaps
        ],
        level=None if found.level is None else round(100 * found.level),
        known=found.known,
        manner=found.manner,
        plans=names,
        sold=sold,
        problems=problems,
    )


def _rows(
    halves: Sequence[HalfHour], zone: ZoneInfo, language: str, days: Sequence[date]
) -> list[tuple[str, Sequence[Sequence[Cell]]]]:
    """From the first hour of any day at which there is something to do until the last."""
    cells = defaultdict[tuple[str, date], list[Cell]](list)
    for one in halves:
        wall = one.at.astimezone(zone)
        cells[f"{wall:%H:%M}", wall.date()].append(_cell(one, language))
    busy = sorted(hour for (hour, _), these in cells.items() if any(cell.look != "none" for cell in these))
    hours = [f"{minutes // 60:02}:{minutes % 60:02}" for minutes in range(0, 24 * 60, HALF.seconds // 60)]
    shown = [hour for hour in hours if busy and busy[0] <= hour <= busy[-1]]
    return [(hour, [cells.get((hour, day), []) for day in days]) for hour in shown]


def _cell(one: HalfHour, language: str) -> Cell:
    return Cell(
        look=_look(one),
        needed=one.needed,
        there="" if one.there is None else decimal(round(one.there, 1), language).removesuffix(",0").removesuffix(".0"),
        level="" if one.level is None else f"{100 * one.level:.0f}",
        lacking=one.lacking,
        calls=decimal(round(one.calls, 1), language),
        came="" if one.came is None else f"{one.in_time}/{one.came}",
    )


def _look(one: HalfHour) -> str:
    if one.level is None:
        if one.needed:
            return "unknown"
        return "good" if one.there and one.there > 0.05 else "none"
    if one.breaks:
        return "bad"
    return "good" if one.level >= PLENTY else "tight"
