"""The portal: a client's people read what came of the calls to their firm, and listen to them."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, time, timedelta
from typing import TypeVar
from urllib.parse import urlencode
from zoneinfo import ZoneInfo

from anyio.to_thread import run_sync
from starlette.requests import Request
from starlette.responses import FileResponse, Response

from pbx_control import clock
from pbx_control.catalogue import N_
from pbx_control.domain.words.sentences import said
from pbx_control.domain.words.written_time import read_day
from pbx_control.errors import ClientMistake, Code
from pbx_control.services.tenant import INSTEAD, Place, Received, Tenant, Wanted, actor_of, as_tenant
from pbx_control.services.work import Work
from pbx_control.web.pages import go_to, language_of, page, refusal
from pbx_control.web.portal.changes import changed
from pbx_control.web.portal.view import CallShown, Shown
from pbx_control.web.site import person_of, site_of

Answer = TypeVar("Answer")

LONGEST_SEARCH = 100
# Characters of a call's id, and of where a page of calls goes on.
LONGEST_ID, LONGEST_PLACE = 64, 120

NO_CALL = N_("there is no such call")
NO_SOUND = N_("there is nothing to listen to any more")
ELSEWHERE = N_("this recording lies on another machine of the office; ask the office for it")


@dataclass(frozen=True, slots=True)
class Asked:
    """What the form above the calls says, as far as it makes sense."""

    text: str = ""
    unread: bool = False
    urgent: bool = False
    contact: str = ""
    day: str = ""
    problem: str = ""

    def query(self, **more: str) -> str:
        """As it stands in an address."""
        given = {"q": self.text, "contact": self.contact, "day": self.day}
        flags = {name: "1" for name in ("unread", "urgent") if getattr(self, name)}
        return urlencode({name: value for name, value in (given | flags | more).items() if value})


async def start(request: Request) -> Response:
    """GET /portal"""
    return go_to("/portal/messages")


async def messages(request: Request) -> Response:
    """GET /portal/messages: the newest calls; `q`, `unread`, `urgent`, `contact`, `day` narrow them down, and `after`
    goes on where a page ended."""
    after = _place(request.query_params.get("after", "")[:LONGEST_PLACE])

    def read(tenant: Tenant) -> Shown:
        asked, wanted = _wanted(request, ZoneInfo(tenant.client.timezone))
        return Shown.of(tenant, wanted, asked, after, language_of(request))

    shown = await _as_tenant(request, read)
    return page(request, "portal/messages.html.j2", shown=shown, here=_here(request))


async def read_all(request: Request) -> Response:
    """POST /portal/messages/read: those that the form names have been read."""
    named = [str(value)[:LONGEST_ID] for value in (await request.form()).getlist("call")][:100]

    def note(tenant: Tenant) -> None:
        tenant.note_opened(named, clock.now())

    await _as_tenant(request, note, writes=True)
    return go_to("/portal/messages")


async def call(request: Request) -> Response:
    """GET /portal/calls/ID: all that is known of it. It has been read then."""
    call_id = request.path_params["call"]

    def read(tenant: Tenant) -> CallShown:
        return CallShown.of(tenant, call_id, language_of(request), clock.now())

    def note(tenant: Tenant) -> None:
        tenant.note_opened([call_id], clock.now())

    try:
        shown = await _as_tenant(request, read)
        if shown.unread:
            await _as_tenant(request, note, writes=True)
    except ClientMistake as error:
        return _not_shown(request, error)
    return page(request, "portal/call.html.j2", shown=shown, here=_here(request))


async def recording(request: Request) -> Response:
    """GET /portal/calls/ID/recording"""
    return await _sound(request, lambda call: call.recording)


async def voice_message(request: Request) -> Response:
    """GET /portal/calls/ID/voice-message"""
    return await _sound(request, lambda call: call.message)


async def ask_to_call_back(request: Request) -> Response:
    """POST /portal/calls/ID/call-back: it stands on the secretaries' desks."""
    call_id, who = request.path_params["call"], person_of(request).name
    try:
        news = await _as_tenant(request, lambda tenant: tenant.ask_to_call_back(call_id, who, clock.now()), writes=True)
    except ClientMistake as error:
        return _not_shown(request, error)
    if news:
        site_of(request).was_seen(call_id)
    return go_to(f"/portal/calls/{call_id}")


async def say_seen(request: Request) -> Response:
    """POST /portal/calls/ID/seen: of an urgent message, nobody is told again."""
    call_id, who = request.path_params["call"], person_of(request).name
    try:
        news = await _as_tenant(request, lambda tenant: tenant.say_seen(call_id, who, clock.now()), writes=True)
    except ClientMistake as error:
        return _not_shown(request, error)
    if news:
        site_of(request).was_seen(call_id)
    return go_to(f"/portal/calls/{call_id}")


async def block(request: Request) -> Response:
    """POST /portal/calls/ID/block: who called is not let in any more. He has seen the message, too."""
    await say_seen(request)
    return await _about_caller(request, lambda tenant, work, call_id: tenant.block(work, call_id))


async def unblock(request: Request) -> Response:
    """POST /portal/calls/ID/unblock"""
    return await _about_caller(request, lambda tenant, work, call_id: tenant.unblock(work, call_id))


async def _about_caller(request: Request, do: Callable[[Tenant, Work, str], object]) -> Response:
    call_id, person = request.path_params["call"], person_of(request)
    try:
        await changed(request, lambda work, _: do(Tenant.within(work, person), work, call_id))
    except ClientMistake as error:
        if error.code in (Code.NO_SUCH_CALL, Code.RESTRICTED):
            return _not_shown(request, error)
        return refusal(request, 422, error.template, error.code, **error.values)
    return go_to(f"/portal/calls/{call_id}")


async def _sound(request: Request, which: Callable[[Received], str]) -> Response:
    """A call's sound; that he listens is written down before the first of it is sent, from wherever, and not with each
    piece that his player asks for."""
    site, call_id = site_of(request), request.path_params["call"]
    try:
        found = await _as_tenant(request, lambda tenant: tenant.received(call_id))
    except ClientMistake as error:
        return _not_shown(request, error)
    file = site.home.recordings / which(found)
    if not which(found) or not await run_sync(file.is_file):
        here = found.node == site.settings.node.name
        return refusal(request, 404, NO_SOUND if here or not which(found) else ELSEWHERE, "no-recording")
    actor = actor_of(person_of(request), request.client.host if request.client else "")
    if begins(request) or not await _as_tenant(request, lambda one: one.is_listening(found, actor, clock.now())):
        await _as_tenant(request, lambda tenant: tenant.note_heard(found, actor, clock.now()), writes=True)
    return FileResponse(file, media_type="audio/wav")


def _not_shown(request: Request, error: ClientMistake) -> Response:
    """Why a call is not shown: there is none, or a request of the caller's is being decided."""
    if error.code is Code.RESTRICTED:
        return refusal(request, 403, INSTEAD, error.code)
    return refusal(request, 404, NO_CALL, "no-such-call")


def begins(request: Request) -> bool:
    """Whether a player asks for the beginning."""
    wanted = request.headers.get("range", "").replace(" ", "")
    return not wanted or wanted.startswith("bytes=0-")


async def _as_tenant(request: Request, do: Callable[[Tenant], Answer], *, writes: bool = False) -> Answer:
    """What `do` gives, asked in one transaction by whoever is signed in."""
    engine, person = site_of(request).engine, person_of(request)

    def within() -> Answer:
        with as_tenant(engine, person, writes=writes) as tenant:
            return do(tenant)

    return await run_sync(within)


def _wanted(request: Request, zone: ZoneInfo) -> tuple[Asked, Wanted]:
    given = request.query_params
    text, contact = given.get("q", "")[:LONGEST_SEARCH].strip(), given.get("contact", "")[:LONGEST_SEARCH]
    flags = {name: given.get(name) == "1" for name in ("unread", "urgent")}
    written, problem = given.get("day", "")[:LONGEST_SEARCH].strip(), ""
    since = until = None
    if written:
        try:
            day = read_day(written, clock.now().astimezone(zone).date())
            since, until = (datetime.combine(one, time(), zone) for one in (day, day + timedelta(days=1)))
            written = day.isoformat()
        except (ClientMistake, OverflowError) as error:
            told = error if isinstance(error, ClientMistake) else None
            problem = said(language_of(request), told.template, told.values) if told else ""
            written = ""
    asked = Asked(text=text, contact=contact, day=written, problem=problem, **flags)
    return asked, Wanted(text=text, contact=contact, since=since, until=until, **flags)


def _place(text: str) -> Place | None:
    """Where a page ends, as its address has it."""
    at, _, call_id = text.partition("~")
    try:
        place = datetime.fromisoformat(at)
    except ValueError:
        return None
    return (place, call_id) if call_id and place.tzinfo else None


def _here(request: Request) -> str:
    """The page to come back to when another language is chosen."""
    return request.url.path + (f"?{request.url.query}" if request.url.query else "")
