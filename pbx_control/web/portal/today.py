"""`/portal/today`: what a client's person says for today, by one press, and what holds now."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime, time
from typing import TypeAlias

from anyio.to_thread import run_sync
from starlette.requests import Request
from starlette.responses import Response

from pbx_control import clock
from pbx_control.catalogue import N_
from pbx_control.domain.office import ClientState
from pbx_control.domain.opening.overrides import OverrideKind, on_the_clock
from pbx_control.domain.users import Person
from pbx_control.domain.words.sentences import said
from pbx_control.domain.words.wording import NAME_LIMIT, clean_line
from pbx_control.errors import ClientMistake, Code, Field
from pbx_control.services.tenant_opening import Kept, TodayOf
from pbx_control.web.health import daemon_state
from pbx_control.web.pages import go_to, language_of, page
from pbx_control.web.portal.opening import Played, days_named, moment, opening_of, played, problems_of, until
from pbx_control.web.site import person_of, site_of
from pbx_control.web.voice import TooOften

# An instant in words; "" for none.
Told: TypeAlias = Callable[[datetime | None], str]

HERE = "/portal/today"
# Days that a time may be chosen on: of what is said, and of "open until", which is for this evening.
DAYS, EVENINGS = 7, 2
# Characters of what is typed.
LONGEST_TEXT, LONGEST_FIELD, LONGEST_SHOWN = 2000, 20, 160
KINDS = {OverrideKind.ANNOUNCED.value: N_("for today")}
PRESSED: Mapping[str, str] = {
    OverrideKind.CLOSED: N_("closed"),
    OverrideKind.OPEN: N_("open"),
    OverrideKind.ANNOUNCED: N_("another announcement"),
}


@dataclass(frozen=True, slots=True)
class Asked:
    """What was pressed and typed, and what is wrong with it, by field."""

    act: str = ""
    end: str = ""
    day: str = ""
    time: str = ""
    text: str = ""
    problems: Mapping[str, str] = field(default_factory=dict)
    heard: Played | None = None


@dataclass(frozen=True, slots=True)
class Pressed:
    """One of the last presses."""

    when: str
    who: str
    what: str
    until: str
    text: str
    ended: str  # "": it holds, or held until its end
    holds: bool


@dataclass(frozen=True, slots=True)
class TodayShown:
    """The page as it is shown."""

    firm: str
    state: str  # open | closed
    said: str  # by whom; "": the usual hours decide
    until: str  # when it changes; "": not for long
    why: str  # a holiday's name
    then: str  # what comes after what was said
    words_until: str  # how long other words are heard; "": none are
    words_said: str
    suspended: bool
    daemon_away: bool
    normal: bool  # nothing is said for today
    heard: Sequence[Played]
    ends: Sequence[tuple[str, str]]
    days: Sequence[tuple[str, str]]
    evenings: Sequence[tuple[str, str]]
    latest: Sequence[Pressed]


async def today(request: Request) -> Response:
    """GET /portal/today"""
    return await _page(request, Asked())


async def say(request: Request) -> Response:
    """POST /portal/today: `act` is closed, open, announced, listen (how it would sound) or normal; `end` (day, opening
    or time, with `day` and `time`) says until when."""
    asked = await _asked(request)
    try:
        if asked.act == "listen":
            return await _page(request, await _listened(request, asked))
        await _say(request, asked)
    except (ClientMistake, TooOften) as error:
        wrong = replace(asked, problems=problems_of(error, language_of(request), KINDS))
        return await _page(request, wrong, status=400)
    return go_to(HERE)


async def _asked(request: Request) -> Asked:
    given = await request.form()
    act, end, day, clock = (str(given.get(name, ""))[:LONGEST_FIELD] for name in ("act", "end", "day", "time"))
    return Asked(act, end, day, clock, str(given.get("text", ""))[:LONGEST_TEXT])


async def _say(request: Request, asked: Asked) -> None:
    opening, now = opening_of(request), clock.now()
    if asked.act == "normal":
        return await run_sync(opening.back_to_normal, now)
    kind = _kind(asked.act)
    end = _end(asked, await run_sync(opening.today, now), now)
    if kind is OverrideKind.ANNOUNCED:
        voice = site_of(request).voice
        return await voice.speaks(opening.client_id, lambda: opening.say(kind, end, now, asked.text))
    return await run_sync(opening.say, kind, end, now)


async def _listened(request: Request, asked: Asked) -> Asked:
    """The same with how the words would be heard."""
    opening, now, person = opening_of(request), clock.now(), person_of(request)
    end = _end(asked, await run_sync(opening.today, now), now)
    heard = await site_of(request).voice.speaks(opening.client_id, lambda: opening.spoken(end, now, asked.text))
    return replace(asked, heard=played(person, heard, language_of(request)))


def _kind(act: str) -> OverrideKind:
    try:
        return OverrideKind(act)
    except ValueError:
        raise ClientMistake("choose what is to hold", Code.BAD_VALUE, field=Field("act")) from None


def _end(asked: Asked, today: TodayOf, now: datetime) -> datetime:
    """The instant that was chosen. Raises ClientMistake if none was."""
    if asked.end == "day":
        return today.day_ends
    if asked.end == "opening" and today.next_opening:
        return today.next_opening
    if asked.end != "time" or not asked.time:
        raise ClientMistake("choose until when", Code.EMPTY_VALUE, field=Field("until"))
    try:
        chosen = time.fromisoformat(asked.time).replace(second=0, microsecond=0, tzinfo=None)
        return on_the_clock(date.fromisoformat(asked.day), chosen, today.zone, now)
    except (ValueError, OverflowError):
        raise ClientMistake("this is no time: write it like 14:30", Code.BAD_VALUE, field=Field("until")) from None


# --- the page ---------------------------------------------------------------------------------------------


async def _page(request: Request, asked: Asked, status: int = 200) -> Response:
    now, person, language = clock.now(), person_of(request), language_of(request)
    found = await run_sync(opening_of(request).today, now)
    away = await daemon_state(site_of(request)) != "ready"
    shown = _shown(found, person, site_of(request).settings.office.name, language, now, away)
    return page(request, "portal/today.html.j2", status=status, shown=shown, asked=asked, here=HERE)


def _shown(found: TodayOf, person: Person, office: str, language: str, now: datetime, away: bool) -> TodayShown:
    client, state = found.client, found.state
    words = next((one.override for one in found.holding if one.override.kind is OverrideKind.ANNOUNCED), None)

    def when(at: datetime | None) -> str:
        return moment(at, now, found.zone, language) if at else ""

    def end(at: datetime | None) -> str:
        return until(at, now, found.zone, language) if at else ""

    def who(name: str) -> str:
        return clean_line(name, NAME_LIMIT) or office

    return TodayShown(
        firm=client.name,
        state="open" if state.open else "closed",
        said=who(state.override.said_by) if state.override else "",
        until=end(state.override.until if state.override else state.until),
        why=clean_line(state.why, NAME_LIMIT) if state.day_off else "",
        then=said(language, *_then(found, end)),
        words_until=end(words.until) if words else "",
        words_said=who(words.said_by) if words else "",
        suspended=client.state is ClientState.SUSPENDED,
        daemon_away=away,
        normal=not found.holding,
        heard=[played(person, one, language) for one in found.heard],
        ends=list(_ends(found, when, language)),
        days=days_named(found.zone, now, language, DAYS),
        evenings=days_named(found.zone, now, language, EVENINGS),
        latest=[_pressed(one, when, end, who, language, now) for one in found.latest],
    )


def _then(found: TodayOf, end: Told) -> tuple[str, Mapping[str, str]]:
    """What comes after what was said, as a template with its values."""
    after = found.after
    if after is None:
        return "", {}
    if after.until is None:
        return (N_("Then you are open as usual.") if after.open else N_("Then you are closed as usual.")), {}
    usual = N_("Then you are open as usual {until}.") if after.open else N_("Then you are closed as usual {until}.")
    return usual, {"until": end(after.until)}


def _ends(found: TodayOf, when: Told, language: str) -> Iterator[tuple[str, str]]:
    yield "day", said(language, N_("until the end of today"), {})
    if found.next_opening:
        yield "opening", said(language, N_("until the next opening: {when}"), {"when": when(found.next_opening)})


def _pressed(one: Kept, when: Told, end: Told, who: Callable[[str], str], language: str, now: datetime) -> Pressed:
    override = one.override
    ended = {"when": when(one.ended_at), "who": who(one.ended_by)}
    return Pressed(
        when=when(override.since),
        who=who(override.said_by),
        what=said(language, PRESSED[override.kind], {}),
        until=end(override.until),
        text=clean_line(override.text, LONGEST_SHOWN),
        ended=said(language, N_("ended by {who}: {when}"), ended) if one.ended_at else "",
        holds=one.ended_at is None and override.holds(now),
    )
