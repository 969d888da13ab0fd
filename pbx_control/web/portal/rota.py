"""`/portal/rota`: who of the firm's contacts is on call, in each of their departments; and swaps with an end."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime, time, timedelta
from typing import Any

from anyio.to_thread import run_sync
from starlette.requests import Request
from starlette.responses import Response

from pbx_control import clock
from pbx_control.catalogue import N_
from pbx_control.domain.opening.hours import week_text
from pbx_control.domain.opening.rota import MOST_PEOPLE, MOST_RULES, Rule, Stretch, check_rules, gaps, stretches, within
from pbx_control.domain.opening.written_rota import of_line, rule_of, shifts_text, swap_between
from pbx_control.domain.words.sentences import said
from pbx_control.domain.words.wording import NAME_LIMIT, brief_time, clean_line, day_in_words
from pbx_control.errors import ClientMistake, Code, Field
from pbx_control.services.tenant import actor_of
from pbx_control.services.tenant_rota import KeptSwap, Now, Place, RotaOf, RotaSeen, version_of
from pbx_control.web.pages import go_to, language_of, page
from pbx_control.web.portal.opening import problems_of, until
from pbx_control.web.site import person_of, site_of

HERE = "/portal/rota"
LONGEST_WHEN, LONGEST_FIELD = 400, 70
# A line has so many people to fill in, or one more than it has.
PEOPLE = 3
# What comes is shown for so many days, and at most so many lines of it.
AHEAD, MOST_AHEAD = timedelta(days=14), 30
# What is filled in for a swap.
SWAP_FIELDS = ("who", "instead_of", "day", "from", "to_day", "to", "number")
# What is wrong with none of these fields is told above all.
OF_A_SWAP = ("who", "day", "from", "until")


@dataclass(frozen=True, slots=True)
class Line:
    """A line as it was filled in: ids of contacts."""

    when: str = ""
    people: Sequence[str] = ()
    starts: str = ""

    @property
    def empty(self) -> bool:
        return not (self.when or any(self.people))


@dataclass(frozen=True, slots=True)
class Asked:
    """What was filled in, for which department, and what is wrong with it; a line's problem under its number."""

    act: str = ""
    department: str = ""
    lines: Sequence[Line] = ()
    before: str = ""
    swap: Mapping[str, str] = field(default_factory=dict)
    problems: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class PlaceShown:
    """A department as the page has it."""

    department: str
    now: str
    why: str  # of who it is, where it is not by the lines alone
    nobody: bool
    lines: Sequence[tuple[str, Sequence[str], str]]  # when, who takes turns, since when
    gaps: str
    swaps: Sequence[tuple[int, str]]
    ahead: Sequence[tuple[str, str]]
    written: Sequence[Line]  # as it is kept, to be changed
    version: str


@dataclass(frozen=True, slots=True)
class RotaShown:
    """The page as it is shown."""

    firm: str
    places: Sequence[PlaceShown]
    contacts: Sequence[tuple[str, str]]
    today: str


async def rota(request: Request) -> Response:
    """GET /portal/rota"""
    return await _page(request, Asked())


async def change(request: Request) -> Response:
    """POST /portal/rota: `department`, `before`, and lines in fields `r0-when`, `r0-who0` …, `r0-from`."""
    asked, now = _asked(await request.form()), clock.now()
    bound = _rota_of(request)
    try:
        today = now.astimezone((await run_sync(bound.seen, now)).zone).date()
        rules = _rules(asked.lines, today)
        await run_sync(bound.set_rules, asked.department, rules, asked.before, now)
    except ClientMistake as error:
        return await _refused(request, replace(asked, act="lines"), error)
    return go_to(HERE)


async def swap(request: Request) -> Response:
    """POST /portal/rota/swaps: `act` is swap (with `department`, `who`, `instead_of`, `day`, `from`, `to_day`, `to`) or
    take-back (with `number`)."""
    asked, now = _asked(await request.form()), clock.now()
    bound = _rota_of(request)
    try:
        if asked.act == "take-back":
            await run_sync(bound.take_back, _number(asked.swap["number"]), now)
        elif asked.act == "swap":
            await run_sync(_swap, bound, asked, now)
        else:
            raise ClientMistake("choose what to do", Code.BAD_VALUE, field=Field("act"))
    except ClientMistake as error:
        return await _refused(request, asked, error)
    return go_to(HERE)


# --- what was filled in -----------------------------------------------------------------------------------


def _asked(given: Any) -> Asked:
    def typed(name: str, longest: int = LONGEST_FIELD) -> str:
        return str(given.get(name, ""))[:longest].strip()

    lines = [
        Line(
            typed(f"r{number}-when", LONGEST_WHEN),
            [one for place in range(MOST_PEOPLE) if (one := typed(f"r{number}-who{place}"))],
            typed(f"r{number}-from"),
        )
        for number in range(MOST_RULES)
    ]
    return Asked(
        act=typed("act"),
        department=typed("department"),
        lines=lines,
        before=str(given.get("before", ""))[: MOST_RULES * 1000].replace("\r\n", "\n"),
        swap={name: typed(name) for name in SWAP_FIELDS},
    )


def _rules(lines: Sequence[Line], today: date) -> Sequence[Rule]:
    """The rules that were filled in. Raises ClientMistake whose field is the number of a line."""
    filled = [(number, line) for number, line in enumerate(lines) if not line.empty]
    rules = [_rule(number, line, today) for number, line in filled]
    try:
        return check_rules(rules)
    except ClientMistake as error:
        place = int(str(error.values["field"]))
        raise of_line(error, filled[place][0]) from None


def _rule(number: int, line: Line, today: date) -> Rule:
    try:
        starts = _day(line.starts) if line.starts else None
        return rule_of(line.when, [_number(one) for one in line.people], starts, today)
    except ClientMistake as error:
        raise of_line(error, number) from None


def _swap(bound: RotaOf, asked: Asked, now: datetime) -> None:
    given, zone = asked.swap, bound.seen(now).zone
    if not given["who"]:
        raise ClientMistake("say who is on call", Code.EMPTY_VALUE, field=Field("who"))
    opens, closes = _time(given["from"], time.min), _time(given["to"], time.max)
    day = _day(given["day"])
    last = _day(given["to_day"]) if given["to_day"] else day + timedelta(days=closes <= opens)
    instead_of = _number(given["instead_of"]) if given["instead_of"] else None
    wanted = swap_between(_number(given["who"]), (day, opens), (last, closes), instead_of, zone)
    bound.swap(asked.department, wanted, now)


def _number(text: str) -> int:
    return int(text) if text.isascii() and text.isdecimal() and len(text) < 10 else 0


def _day(text: str) -> date:
    try:
        day = date.fromisoformat(text)
    except ValueError:
        raise ClientMistake("choose a day", Code.EMPTY_VALUE, field=Field("day")) from None
    if not 2000 <= day.year < 2200:
        raise ClientMistake("choose a day", Code.EMPTY_VALUE, field=Field("day"))
    return day


def _time(text: str, otherwise: time) -> time:
    try:
        return time.fromisoformat(text).replace(second=0, microsecond=0, tzinfo=None) if text else otherwise
    except ValueError:
        raise ClientMistake("this is no time: write it like 14:30", Code.BAD_VALUE, field=Field("from")) from None


def _rota_of(request: Request) -> RotaOf:
    person = person_of(request)
    assert person.client_id is not None  # who has that role has a client
    actor = actor_of(person, request.client.host if request.client else "")
    return RotaOf(site_of(request).engine, person.client_id, actor)


# --- the page ---------------------------------------------------------------------------------------------


async def _refused(request: Request, asked: Asked, error: ClientMistake) -> Response:
    [(where, told)] = problems_of(error, language_of(request), {}, usual="rota").items()
    place = "swap" if asked.act == "swap" and where in OF_A_SWAP else where if where.isdecimal() else "rota"
    return await _page(request, replace(asked, problems={place: told}), status=400)


async def _page(request: Request, asked: Asked, status: int = 200) -> Response:
    now, language = clock.now(), language_of(request)
    found = await run_sync(_rota_of(request).seen, now)
    states = found.now(now)
    shown = RotaShown(
        firm=found.firm,
        places=[_place(one, state, found, now, language) for one, state in zip(found.places, states, strict=True)],
        contacts=[(str(one.id), clean_line(one.name, NAME_LIMIT)) for one in found.contacts],
        today=now.astimezone(found.zone).date().isoformat(),
    )
    lines = [one for one in asked.lines if not one.empty]
    values: dict[str, Any] = {"rows": _rows, "filled": lines, "blank": dict.fromkeys(SWAP_FIELDS, "")}
    return page(request, "portal/rota.html.j2", status=status, shown=shown, asked=asked, here=HERE, **values)


def _rows(lines: Sequence[Line]) -> list[tuple[Line, int]]:
    """Lines to fill in, with how many people each has room for: what is there, and one more."""
    more = [Line()] if len(lines) < MOST_RULES else []
    return [(one, min(max(PEOPLE, len(one.people) + 1), MOST_PEOPLE)) for one in (*lines, *more)]


def _place(one: Place, state: Now, found: RotaSeen, now: datetime, language: str) -> PlaceShown:
    names = {number: clean_line(name, NAME_LIMIT) for number, name in found.names.items()}
    rules = one.rota.rules
    free = within(gaps(rules), found.week) if rules else ()
    coming = stretches(one.rota, found.zone, now, now + AHEAD) if one.rota.rules or one.swaps else []
    return PlaceShown(
        department=one.department,
        now=_now(state, names, found, now, language) if coming else "",
        why=_why(state, names, language),
        nobody=state.there is None,
        lines=[_line(rule, names, language) for rule in rules],
        gaps=week_text(free, language) if free else "",
        swaps=[(kept.id, _swap_words(kept, names, found, language)) for kept in one.swaps],
        ahead=[_ahead(each, names, found, language) for each in _by_person(coming)[:MOST_AHEAD]],
        written=[_written(rule, language) for rule in rules],
        version=version_of(rules),
    )


def _now(state: Now, names: Mapping[int, str], found: RotaSeen, now: datetime, language: str) -> str:
    """ "Ana until 18:00"."""
    who = _named(state.on_call.who, names, language)
    end = state.on_call.until
    return f"{who} {until(end, now, found.zone, language)}" if end else who


def _why(state: Now, names: Mapping[int, str], language: str) -> str:
    who, swap = state.on_call.who, state.on_call.swap
    if who is not None and state.there != who:
        other = _named(state.there, names, language)
        return said(language, N_("{who} is not available: {other} stands in"), {"who": names[who], "other": other})
    if swap and swap.instead_of is not None:
        return said(language, N_("instead of {who}"), {"who": names.get(swap.instead_of, "")})
    return ""


def _named(who: int | None, names: Mapping[int, str], language: str) -> str:
    return names.get(who, "") if who is not None else said(language, N_("nobody"), {})


def _line(rule: Rule, names: Mapping[int, str], language: str) -> tuple[str, Sequence[str], str]:
    turns = [names.get(who, "") for who in rule.people]
    return shifts_text(rule.shifts, language), turns, day_in_words(rule.starts, language) if rule.starts else ""


def _written(rule: Rule, language: str) -> Line:
    starts = rule.starts.isoformat() if rule.starts else ""
    return Line(shifts_text(rule.shifts, language), [str(who) for who in rule.people], starts)


def _swap_words(kept: KeptSwap, names: Mapping[int, str], found: RotaSeen, language: str) -> str:
    swap = kept.swap
    values = {
        "since": brief_time(swap.since.astimezone(found.zone), language),
        "until": brief_time(swap.until.astimezone(found.zone), language),
        "who": names.get(swap.who, ""),
        "other": names.get(swap.instead_of or 0, ""),
    }
    told = N_("{since} – {until}: {who}") if swap.instead_of is None else N_("{since} – {until}: {who} for {other}")
    return said(language, told, values)


def _by_person(found: Sequence[Stretch]) -> list[Stretch]:
    """Neighbours of one person's as one."""
    joined: list[Stretch] = []
    for one in found:
        if joined and joined[-1].who == one.who:
            joined[-1] = replace(joined[-1], until=one.until)
        else:
            joined.append(one)
    return joined


def _ahead(one: Stretch, names: Mapping[int, str], found: RotaSeen, language: str) -> tuple[str, str]:
    since, end = (brief_time(at.astimezone(found.zone), language) for at in (one.since, one.until))
    return f"{since} – {end}", _named(one.who, names, language)
