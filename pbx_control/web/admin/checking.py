"""The pages of calls that are over: a supervisor reads the message, listens, and fills in the score sheet."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TypeVar
from urllib.parse import urlencode
from zoneinfo import ZoneInfo

from anyio.to_thread import run_sync
from sqlalchemy import Connection
from starlette.requests import Request
from starlette.responses import FileResponse, Response

from pbx_control import clock
from pbx_control.catalogue import N_
from pbx_control.domain.audit import Actor
from pbx_control.domain.call.story import sentence
from pbx_control.domain.desk.scores import MOST_POINTS
from pbx_control.domain.words.sentences import said
from pbx_control.domain.words.wording import (
    NAME_LIMIT,
    brief_time,
    clean_line,
    date_and_time,
    duration,
    is_withheld,
    readable_number,
)
from pbx_control.errors import ClientMistake, Code
from pbx_control.services import checking
from pbx_control.services.account_trail import actor_of
from pbx_control.services.checking import CallChecked
from pbx_control.services.tenant import INSTEAD
from pbx_control.services.work import booking
from pbx_control.store import secretaries
from pbx_control.store.engine import reading
from pbx_control.store.score_sheets import Average, Checked
from pbx_control.web.pages import go_to, language_of, page, refusal, say
from pbx_control.web.portal.acts import ELSEWHERE, NO_CALL, NO_SOUND, begins
from pbx_control.web.site import person_of, site_of

Answer = TypeVar("Answer")

# Characters of where a page of calls goes on, and of a field of a form.
LONGEST_PLACE, LONGEST_FIELD = 120, 4000


@dataclass(frozen=True, slots=True)
class Row:
    """A call in the list."""

    call_id: str
    when: str
    client: str
    secretary: str
    caller: str
    gist: str
    talked: str
    recorded: bool
    scored: bool


@dataclass(frozen=True, slots=True)
class Criterion:
    """What is judged: its field, its name as readers see it, and the points that were given; "": none yet."""

    field: str
    name: str
    points: str


@dataclass(frozen=True, slots=True)
class Shown:
    """One call as its page shows it."""

    row: Row
    facts: Sequence[tuple[str, str]]
    words: Sequence[tuple[str, str]]
    lines: Sequence[tuple[str, str]]
    sounds: Sequence[Mapping[str, str]]
    heard: Sequence[Mapping[str, str]]
    criteria: Sequence[Criterion]
    note: str
    judged: str  # by whom and when; "": nobody has
    average: str


async def calls(request: Request) -> Response:
    """GET /admin/check: the newest calls that secretaries answered; `secretary` is the id of one, `after` goes on where
    a page ended."""
    given, at = request.query_params, clock.now()
    wanted, place = given.get("secretary", ""), given.get("after", "")[:LONGEST_PLACE]
    after = _place(place)

    def ask(conn: Connection) -> tuple[int | None, checking.Calls, list[Average]]:
        secretary_id = secretaries.known_id(conn, wanted)
        return secretary_id, checking.calls(conn, secretary_id, after), checking.averages(conn, at)

    secretary_id, found, averages = await _read(request, ask)
    problems = []
    if wanted and secretary_id is None:
        told = N_("there is no secretary {name}; the calls of all are shown")
        problems.append(say(request, told, name=repr(wanted[:NAME_LIMIT])))
    if place and after is None:
        told = N_("{place} is no place in this list; the newest calls are shown")
        problems.append(say(request, told, place=repr(place[:NAME_LIMIT])))
    older = {"after": f"{found.next[0].isoformat()}~{found.next[1]}"} if found.next else None
    more = {"secretary": str(secretary_id)} if secretary_id is not None else {}
    return page(
        request,
        "admin/check.html.j2",
        rows=[_row(one, request) for one in found.calls],
        averages=[(one, points_in_words(one.points, language_of(request))) for one in averages],
        chosen=secretary_id,
        problems=problems,
        older=urlencode(older | more) if older else "",
        here="/admin/check",
    )


async def call(request: Request) -> Response:
    """GET /admin/check/CALL"""
    return await _page_of(request)


async def _page_of(
    request: Request, problem: str = "", typed: Mapping[str, str] | None = None, status: int = 200
) -> Response:
    call_id = request.path_params["call"]
    try:
        found = await _read(request, lambda conn: checking.one(conn, call_id))
    except ClientMistake as error:
        return _not_shown(request, error)
    shown = _shown(found, request, typed or {})
    done = "" if problem else request.query_params.get("done", "")
    return page(
        request,
        "admin/checked.html.j2",
        status=status,
        shown=shown,
        problem=problem,
        done=done,
        most=MOST_POINTS,
        here="/admin/check",
    )


async def score(request: Request) -> Response:
    """POST /admin/check/CALL/score"""
    site, person, call_id = site_of(request), person_of(request), request.path_params["call"]
    typed = {name: str(value)[:LONGEST_FIELD] for name, value in (await request.form()).items()}
    criteria = site.settings.office.score_criteria
    points = {criterion: typed.get(f"points-{place}", "") for place, criterion in enumerate(criteria)}
    actor = actor_of(person.name, person.role, _origin(request))

    def keep() -> None:
        with booking(site.engine, actor, clock.now()) as work:
            checking.score(work, call_id, person.user_id, points, typed.get("note", ""), criteria)

    try:
        await run_sync(keep)
    except ClientMistake as error:
        if error.code in (Code.NO_SUCH_CALL, Code.RESTRICTED):
            return _not_shown(request, error)
        language = language_of(request)
        return await _page_of(request, said(language, error.template, error.values), typed, 422)
    return go_to(f"/admin/check/{call_id}?done=1#score")


async def recording(request: Request) -> Response:
    """GET /admin/check/CALL/recording"""
    return await _sound(request, lambda found: found.recording)


async def voice_message(request: Request) -> Response:
    """GET /admin/check/CALL/voice-message"""
    return await _sound(request, lambda found: found.message)


async def _sound(request: Request, which: Callable[[Checked], str]) -> Response:
    """A call's sound, from anywhere in it; that she listens is written down before the first of it is sent."""
    site, call_id = site_of(request), request.path_params["call"]
    try:
        found = await _read(request, lambda conn: checking.find(conn, call_id))
    except ClientMistake as error:
        return _not_shown(request, error)
    file = site.home.recordings / which(found)
    if not which(found) or not await run_sync(file.is_file):
        here = found.node == site.settings.node.name
        return refusal(request, 404, NO_SOUND if here or not which(found) else ELSEWHERE, "no-recording")
    person = person_of(request)
    actor = actor_of(person.name, person.role, _origin(request))
    if begins(request) or not await _is_listening(request, found, actor):
        await run_sync(_note_heard, request, call_id, actor)
    return FileResponse(file, media_type="audio/wav")


async def _is_listening(request: Request, found: Checked, who: Actor) -> bool:
    return await _read(
        request, lambda conn: checking.is_listening(conn, found.client_id, found.call_id, who, clock.now())
    )


def _note_heard(request: Request, call_id: str, actor: Actor) -> None:
    with booking(site_of(request).engine, actor, clock.now()) as work:
        checking.note_heard(work, call_id)


# --- what is shown ----------------------------------------------------------------------------------------


def points_in_words(points: float, language: str) -> str:
    """An average, with one decimal."""
    text = f"{points:.1f}"
    return text.replace(".", ",") if language == "es" else text


def _zone(request: Request) -> ZoneInfo:
    return ZoneInfo(site_of(request).settings.office.timezone)


def _row(one: Checked, request: Request) -> Row:
    language = language_of(request)
    number = said(language, "a withheld number", {}) if is_withheld(one.caller) else readable_number(one.caller)
    who = clean_line(one.caller_name, NAME_LIMIT) or number
    return Row(
        call_id=one.call_id,
        when=brief_time(one.arrived_at.astimezone(_zone(request)), language),
        client=one.client,
        secretary=clean_line(one.secretary, NAME_LIMIT),
        caller=said(language, INSTEAD, {}) if one.restricted else who,
        gist=clean_line(one.gist, NAME_LIMIT * 2),
        talked=_talked(one, language),
        recorded=bool(one.recording or one.message),
        scored=one.scored,
    )


def _shown(found: CallChecked, request: Request, typed: Mapping[str, str]) -> Shown:
    language, zone, sheet = language_of(request), _zone(request), found.sheet
    given = {mark.criterion: str(mark.points) for mark in sheet.marks} if sheet else {}
    criteria = site_of(request).settings.office.score_criteria
    files = (("recording", found.call.recording), ("voice-message", found.call.message))
    return Shown(
        row=_row(found.call, request),
        facts=_facts(found.call, request),
        words=found.words,
        lines=[
            (f"{line.at.astimezone(zone):%H:%M:%S}", sentence(line.event, line.details, language))
            for line in found.lines
        ],
        sounds=[{"kind": kind, "address": f"/admin/check/{found.call.call_id}/{kind}"} for kind, path in files if path],
        heard=[
            {"who": one.who, "when": brief_time(one.at.astimezone(zone), language), "live": "1" if one.live else ""}
            for one in found.heard[:20]
        ],
        criteria=[
            Criterion(f"points-{place}", said(language, one, {}), typed.get(f"points-{place}", given.get(one, "")))
            for place, one in enumerate(criteria)
        ],
        note=typed.get("note", sheet.note if sheet else ""),
        judged=f"{sheet.by}, {brief_time(sheet.at.astimezone(zone), language)}" if sheet else "",
        average=points_in_words(sheet.average, language) if sheet else "",
    )


def _facts(one: Checked, request: Request) -> list[tuple[str, str]]:
    language = language_of(request)
    number = "" if is_withheld(one.caller) else readable_number(one.caller)
    facts = {
        N_("Client"): one.client,
        N_("Secretary"): clean_line(one.secretary, NAME_LIMIT),
        N_("Number"): number,
        N_("Arrived"): date_and_time(one.arrived_at.astimezone(_zone(request)), language),
        N_("Talked"): _talked(one, language),
    }
    return [(said(language, name, {}), value) for name, value in facts.items() if value]


def _talked(one: Checked, language: str) -> str:
    return duration(timedelta(seconds=one.talked), language) if one.talked is not None else ""


def _place(text: str) -> tuple[datetime, str] | None:
    at, _, call_id = text.partition("~")
    try:
        place = datetime.fromisoformat(at)
    except ValueError:
        return None
    return (place, call_id) if call_id and place.tzinfo else None


def _not_shown(request: Request, error: ClientMistake) -> Response:
    if error.code is Code.RESTRICTED:
        return refusal(request, 403, INSTEAD, error.code)
    return refusal(request, 404, NO_CALL, "no-such-call")


def _origin(request: Request) -> str:
    return request.client.host if request.client else ""


async def _read(request: Request, ask: Callable[[Connection], Answer]) -> Answer:
    engine = site_of(request).engine

    def within() -> Answer:
        with reading(engine) as conn:
            return ask(conn)

    return await run_sync(within)
