"""THE table of ways: every address of the pages, and who may go there. What is not in it does not exist."""

import secrets
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from enum import Enum
from typing import TypeAlias

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from pbx_control.catalogue import N_
from pbx_control.domain.users import Person, UserRole
from pbx_control.web import files, health, sign_in
from pbx_control.web.desk import acts
from pbx_control.web.guard import is_ours
from pbx_control.web.pages import go_to, refusal, wants_page
from pbx_control.web.portal import acts as portal
from pbx_control.web.site import Site, site_of

Endpoint: TypeAlias = Callable[[Request], Awaitable[Response]]


class Who(Enum):
    """Who may go a way, where it is not one role alone."""

    ANYBODY = "anybody"  # who asks is not even looked up
    VISITOR = "visitor"  # anybody, but it matters who is signed in
    SIGNED_IN = "signed in"


@dataclass(frozen=True, slots=True)
class Way:
    """One line of the table. What changes something is a POST, which must come from our pages with the session's
    token."""

    path: str
    methods: tuple[str, ...]
    endpoint: Endpoint
    who: Who | UserRole


WAYS = (
    Way("/", ("GET",), sign_in.start, Who.SIGNED_IN),
    Way("/home", ("GET",), sign_in.home, Who.SIGNED_IN),
    Way("/desk", ("GET",), acts.desk_page, UserRole.SECRETARY),
    Way("/desk/events", ("GET",), acts.desk_events, UserRole.SECRETARY),
    Way("/desk/here", ("POST",), acts.is_here, Who.ANYBODY),
    Way("/desk/calls/{call}/act", ("POST",), acts.do_in_call, UserRole.SECRETARY),
    Way("/desk/calls/{call}/fields", ("POST",), acts.save_fields, UserRole.SECRETARY),
    Way("/desk/calls/{call}/send", ("POST",), acts.send, UserRole.SECRETARY),
    Way("/desk/calls/{call}/info", ("POST",), acts.send_info, UserRole.SECRETARY),
    Way("/desk/duty", ("POST",), acts.change_duty, UserRole.SECRETARY),
    Way("/desk/spell", ("POST",), acts.spell, UserRole.SECRETARY),
    Way("/portal", ("GET",), portal.start, UserRole.CLIENT),
    Way("/portal/messages", ("GET",), portal.messages, UserRole.CLIENT),
    Way("/portal/messages/read", ("POST",), portal.read_all, UserRole.CLIENT),
    Way("/portal/calls/{call}", ("GET",), portal.call, UserRole.CLIENT),
    Way("/portal/calls/{call}/recording", ("GET",), portal.recording, UserRole.CLIENT),
    Way("/portal/calls/{call}/voice-message", ("GET",), portal.voice_message, UserRole.CLIENT),
    Way("/login", ("GET",), sign_in.form, Who.VISITOR),
    Way("/login", ("POST",), sign_in.enter, Who.ANYBODY),
    Way("/logout", ("POST",), sign_in.leave, Who.SIGNED_IN),
    Way("/language", ("POST",), sign_in.choose_language, Who.SIGNED_IN),
    Way("/healthz", ("GET",), health.healthz, Who.ANYBODY),
    Way("/static/{version}/{name:path}", ("GET",), files.static, Who.ANYBODY),
)


def routes() -> list[Route]:
    """The table, as Starlette takes it: each endpoint behind its gate."""
    return [Route(way.path, gate(way), methods=list(way.methods)) for way in WAYS]


def gate(way: Way) -> Endpoint:
    """The way's endpoint, for those who may go there."""

    async def through(request: Request) -> Response:
        site = site_of(request)
        person = None if way.who is Who.ANYBODY else await site.sessions.person_of(request)
        request.scope["person"] = person
        refused = _who(way, person, request) or await _forged(site, person, request)
        return refused or await way.endpoint(request)

    return through


def _who(way: Way, person: Person | None, request: Request) -> Response | None:
    """What is answered to somebody who may not go there; None: he may."""
    if isinstance(way.who, Who) and way.who is not Who.SIGNED_IN:
        return None
    if person is None:
        if wants_page(request):
            return go_to(sign_in.login_path(request))
        return refusal(request, 401, N_("nobody is signed in here any more"), "signed-out")
    if isinstance(way.who, UserRole) and person.role is not way.who:
        return refusal(request, 403, N_("this page is not yours"), "not-yours")
    return None


async def _forged(site: Site, person: Person | None, request: Request) -> Response | None:
    """What is answered to a change that no page of ours has asked for; None: one has."""
    if request.method in ("GET", "HEAD"):
        return None
    ours = is_ours(request.headers, _origins(site, request))
    if ours and (person is None or secrets.compare_digest(await _token(request), person.csrf.encode())):
        return None
    return refusal(
        request, 403, N_("this does not come from our page, or from an old one: load the page anew"), "forged"
    )


def _origins(site: Site, request: Request) -> list[str]:
    """What browsers call the place that our pages come from. The host has been looked at by the guard."""
    scheme = "https" if site.settings.web.certificate else "http"
    direct = f"{scheme}://{request.headers.get('host', '')}"
    return [site.settings.web.public_url, direct] if site.settings.web.public_url else [direct]


async def _token(request: Request) -> bytes:
    given = request.headers.get("x-csrf-token")
    if given is None and "form" in request.headers.get("content-type", ""):
        given = (await request.form()).get("csrf")  # type: ignore[assignment]
    return given.encode() if isinstance(given, str) else b""
