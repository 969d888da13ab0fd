"""The pages of a day and of a week: curves drawn by the server, the table behind them, and the same as a file."""

import csv
import io
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

from anyio.to_thread import run_sync
from babel.dates import format_date
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse

from pbx_control import clock
from pbx_control.catalogue import N_
from pbx_control.domain.figures.curves import HEIGHT, WIDTH, Drawing, Step, longest_gap, runs, scale, steps
from pbx_control.domain.figures.days import DAY, HOUR, QUARTER, begin_of, day_of, hours_of, monday_of
from pbx_control.domain.figures.levels import GOAL, Sums
from pbx_control.domain.words.sentences import Sentence, said, sentence_of
from pbx_control.domain.words.wording import LOCALES, NAME_LIMIT, clean_line, day_in_words, no_formula
from pbx_control.domain.words.written_time import read_day
from pbx_control.errors import ClientMistake, Code, Field
from pbx_control.services import figures
from pbx_control.store import clients, quarters
from pbx_control.store.engine import reading
from pbx_control.store.quarters import ALL
from pbx_control.web.pages import language_of, page, refusal
from pbx_control.web.site import site_of
from pbx_control.web.wall.view import client_row, percent, worst_first

WEEK = 7
# No call came before, none is foreseen after: years that dates and clocks of a page may name.
EARLIEST, LATEST = date(2000, 1, 1), date(2100, 1, 1)
COLUMNS = (
    *("from", "to", "client", "name", "calls", "answered", "within_20_s", "abandoned", "within_5_s", "voice_message"),
    *("waited_s", "talked_s"),
)
# Characters of what is asked for.
LONGEST = 40
# Characters of a file that are sent at once.
PIECE = 32_000


@dataclass(frozen=True, slots=True)
class Asked:
    """Which days, and whose; `problems` are what made no sense in the page's address, and what is shown instead."""

    first: date
    days: int
    slug: str
    client_id: int
    problems: tuple[Sentence, ...] = ()


async def day(request: Request) -> Response:
    """GET /admin/day, of `date` [today] and `client` [all]."""
    return await _curves(request, 1, "/admin/day")


async def week(request: Request) -> Response:
    """GET /admin/week: the one that `date` lies in."""
    return await _curves(request, WEEK, "/admin/week")


async def sheet(request: Request) -> Response:
    """GET /admin/figures.csv: the quarter hours of a day (or, `days`=7, a week) for spreadsheets and programs."""
    site = site_of(request)
    days = WEEK if request.query_params.get("days") == str(WEEK) else 1
    asked = await run_sync(_asked, request, days)
    if asked.problems:
        # Who keeps a file does not see which day it is of.
        return refusal(request, 422, "{problems}", "bad-value", problems=asked.problems)
    zone = ZoneInfo(site.settings.office.timezone)
    made = await run_sync(lambda: list(_sheet(request, asked, zone)))
    name = f"figures-{asked.first:%Y-%m-%d}-{asked.days}.csv"
    headers = {"Content-Disposition": f'attachment; filename="{name}"'}
    return StreamingResponse(iter(made), media_type="text/csv; charset=utf-8", headers=headers)


async def _curves(request: Request, days: int, room: str) -> Response:
    asked = await run_sync(_asked, request, days)
    shown = await run_sync(_read, request, asked)
    here = f"{room}?date={asked.first:%Y-%m-%d}&client={asked.slug}"
    return page(request, "wall/days.html.j2", shown=shown, room=room, here=here)


def _asked(request: Request, days: int) -> Asked:
    """What the page's address asks for; in the place of what makes no sense today, and all clients."""
    site, given = site_of(request), request.query_params
    today, problems = day_of(clock.now(), ZoneInfo(site.settings.office.timezone)), []
    first, slug, client_id = today, given.get("client", "")[:LONGEST], ALL
    try:
        first = _first(given.get("date", "")[:LONGEST], today)
    except ClientMistake as mistake:
        instead = N_("{why}; this week is shown") if days == WEEK else N_("{why}; today is shown")
        problems.append(Sentence(instead, why=sentence_of(mistake)))
    try:
        with reading(site.engine) as conn:
            client_id = clients.find(conn, slug).id if slug else ALL
    except ClientMistake as mistake:
        slug = ""
        problems.append(Sentence(N_("{why}; all are shown"), why=sentence_of(mistake)))
    return Asked(monday_of(first) if days == WEEK else first, days, slug, client_id, tuple(problems))


def _first(text: str, today: date) -> date:
    """The day that was written; nothing is today. Raises ClientMistake if it is none, or too far away."""
    first = read_day(text, today) if text else today
    if not EARLIEST <= first <= LATEST:
        raise ClientMistake("{day} is too far away", Code.BAD_VALUE, day=first.isoformat(), field=Field("date"))
    return first


def _read(request: Request, asked: Asked) -> "Shown":
    site = site_of(request)
    zone = ZoneInfo(site.settings.office.timezone)
    since, until = begin_of(asked.first, zone), begin_of(asked.first + asked.days * DAY, zone)
    with reading(site.engine) as conn:
        found = figures.of_days(conn, asked.first, asked.days, zone, asked.client_id)
        theirs = quarters.by_client(conn, since, until) if asked.days == 1 and not asked.slug else ()
        every = clients.names(conn)
    drawn = steps(found, hours_of(asked.days, asked.first, zone, QUARTER if asked.days == 1 else HOUR))
    rows = steps(found, hours_of(asked.days, asked.first, zone, HOUR) if asked.days == 1 else _days(asked, zone))
    table = [client_row(one) for one in worst_first(theirs)]
    return Shown(asked, zone, language_of(request), drawn, rows, table, every, day_of(clock.now(), zone))


def _days(asked: Asked, zone: ZoneInfo) -> Iterator[tuple[datetime, datetime]]:
    for place in range(asked.days):
        first = asked.first + place * DAY
        yield begin_of(first, zone), begin_of(first + DAY, zone)


@dataclass(frozen=True, slots=True)
class Shown:
    """Some days in words, and as lines on a drawing."""

    asked: Asked
    zone: ZoneInfo
    language: str
    drawn: Sequence[Step]
    steps: Sequence[Step]
    clients: Sequence[Mapping[str, object]]
    every: Sequence[tuple[str, str]]
    today: date

    @property
    def title(self) -> str:
        """Which day, or week."""
        if self.asked.days == 1:
            return day_in_words(self.asked.first, self.language)
        last = self.asked.first + (WEEK - 1) * DAY
        return f"{self._date(self.asked.first)} – {self._date(last)}"

    @property
    def all(self) -> Sums:
        """All of its calls."""
        return Sums.of(step.sums for step in self.drawn)

    @property
    def problems(self) -> Sequence[str]:
        """What made no sense in the page's address."""
        return [one.said(self.language) for one in self.asked.problems]

    @property
    def level(self) -> str:
        return percent(self.all.level)

    @property
    def before(self) -> date:
        return self.asked.first - self.asked.days * DAY

    @property
    def after(self) -> date | None:
        """The next one; None: it has not begun."""
        after = self.asked.first + self.asked.days * DAY
        return after if after <= self.today else None

    @property
    def marks(self) -> Sequence[tuple[float, str, bool]]:
        """The times beneath the drawing: where each stands, in percent, and whether a narrow page can do without."""
        spare = self.asked.days == 1
        marked = enumerate(self._times())
        return [(self.numbers.percent(at), self._mark(at), spare and place % 2 == 1) for place, at in marked]

    def _times(self) -> Iterator[datetime]:
        at, until = self.drawn[0].since, self.drawn[-1].until
        if self.asked.days == 1:
            while at < until:
                yield at
                at += longest_gap(1)
        else:
            yield from (begin_of(self.asked.first + place * DAY, self.zone) for place in range(self.asked.days))

    def _mark(self, at: datetime) -> str:
        local = at.astimezone(self.zone)
        return f"{local:%H:%M}" if self.asked.days == 1 else format_date(local, "EEE d", self.language)

    @property
    def lines(self) -> Sequence[tuple[float, int]]:
        """The lines across the drawing of numbers."""
        return [(self.numbers.y(number), number) for number in self._scale()]

    def _scale(self) -> Sequence[int]:
        return scale(max(step.sums.calls for step in self.drawn))

    @property
    def numbers(self) -> Drawing:
        return Drawing(self.drawn[0].since, self.drawn[-1].until, self._scale()[-1])

    @property
    def levels(self) -> Drawing:
        return Drawing(self.drawn[0].since, self.drawn[-1].until, 1.0)

    @property
    def calls(self) -> str:
        return self.numbers.area([(step, step.sums.calls) for step in self.drawn])

    @property
    def in_time(self) -> str:
        return self.numbers.stairs((step, step.sums.in_time) for step in self.drawn)

    @property
    def abandoned(self) -> str:
        return self.numbers.stairs((step, step.sums.abandoned) for step in self.drawn)

    @property
    def runs(self) -> Sequence[str]:
        """The service level, where there is one."""
        return [self.levels.stairs(run) for run in runs(self.drawn)]

    @property
    def shares(self) -> Sequence[tuple[float, str]]:
        return [(self.levels.y(share), percent(share)) for share in (0, 0.5, 1.0)]

    @property
    def goal(self) -> float:
        return self.levels.y(GOAL)

    @property
    def goal_words(self) -> str:
        return percent(GOAL)

    @property
    def size(self) -> Mapping[str, int]:
        return {"width": WIDTH, "height": HEIGHT}

    @property
    def told(self) -> str:
        """The whole drawing in one sentence, for who does not see it."""
        busiest = max(self.drawn, key=lambda step: step.sums.calls)
        values = {"calls": self.all.calls, "in_time": self.level, "abandoned": self.all.abandoned}
        if not self.all.calls:
            return said(self.language, N_("No call came."), {})
        told = N_("Calls: {calls}. Answered within 20 s: {in_time}. Abandoned: {abandoned}. Most at {when}: {most}.")
        return said(self.language, told, values | {"when": self._when(busiest.since), "most": busiest.sums.calls})

    def _when(self, at: datetime) -> str:
        local = at.astimezone(self.zone)
        if self.asked.days == 1:
            return f"{local:%H:%M}"
        return f"{format_date(local, 'EEEE', self.language)} {local:%H:%M}"

    @property
    def rows(self) -> Sequence[Mapping[str, object]]:
        """The table behind the drawing: hours of a day, days of a week."""
        return [
            {"name": self._row_name(step), "at": step.since, "sums": step.sums, "level": percent(step.sums.level)}
            | {"below": step.sums.level is not None and step.sums.level < GOAL}
            for step in self.steps
        ]

    def _row_name(self, step: Step) -> str:
        local = step.since.astimezone(self.zone)
        if self.asked.days > 1:
            return day_in_words(local, self.language, with_year=False)
        return f"{local:%H:%M}–{step.until.astimezone(self.zone):%H:%M}"

    def _date(self, one: date) -> str:
        return format_date(one, "long", LOCALES[self.language])


def _sheet(request: Request, asked: Asked, zone: ZoneInfo) -> Iterator[bytes]:
    """RFC 4180, in UTF-8 with the mark by which spreadsheets know it; nothing in it is run by them."""
    since, until = begin_of(asked.first, zone), begin_of(asked.first + asked.days * DAY, zone)
    with reading(site_of(request).engine) as conn:
        rows = (
            [*_times(at, zone), one.slug, clean_line(one.name, NAME_LIMIT), *_cells(one.sums)]
            for at, one in quarters.each(conn, since, until, asked.client_id)
        )
        yield "\ufeff".encode()
        yield from _pieces([COLUMNS, *rows])


def _times(at: datetime, zone: ZoneInfo) -> tuple[str, str]:
    return at.astimezone(zone).isoformat(), (at + timedelta(minutes=15)).astimezone(zone).isoformat()


def _cells(sums: Sums) -> tuple[object, ...]:
    counts = (sums.calls, sums.answered, sums.in_time, sums.abandoned, sums.brief, sums.unanswered)
    return *counts, f"{sums.waited / 10:.1f}", f"{sums.talked / 10:.1f}"


def _pieces(rows: Iterable[Sequence[object]]) -> Iterator[bytes]:
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\r\n")
    for row in rows:
        writer.writerow([no_formula(cell) if isinstance(cell, str) else cell for cell in row])
        if out.tell() > PIECE:
            yield out.getvalue().encode()
            out.seek(0)
            out.truncate()
    yield out.getvalue().encode()
