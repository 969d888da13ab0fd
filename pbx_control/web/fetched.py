"""The page by which a letter's file is fetched that was too large for it; whoever has the link needs no password."""

from zoneinfo import ZoneInfo

from anyio.to_thread import run_sync
from starlette.requests import Request
from starlette.responses import FileResponse, Response
from starlette.types import Receive, Scope, Send

from pbx_control.catalogue import N_, counted
from pbx_control.clock import now
from pbx_control.domain.audit import Actor, ActorKind
from pbx_control.domain.telephony.guessing import place_of
from pbx_control.domain.words.wording import date_and_time, size
from pbx_control.errors import ClientMistake
from pbx_control.services import downloads
from pbx_control.services.downloads import Download
from pbx_control.services.work import booking
from pbx_control.store.engine import reading
from pbx_control.web.pages import accepted, page, refusal
from pbx_control.web.portal.acts import begins
from pbx_control.web.site import site_of

# Characters of what stands in a link.
LONGEST = 60
DEAD = N_("there is nothing here, or not any more")
TOO_MANY = counted("too many tries: wait for a minute", "too many tries: wait for {minutes} minutes", by="minutes")
# Search engines have no part in it.
PRIVATE = {"Cache-Control": "no-store", "X-Robots-Tag": "noindex, nofollow", "Referrer-Policy": "same-origin"}


async def offer(request: Request) -> Response:
    """GET /files/TOKEN: what there is. Looking fetches nothing: programs that check mails follow links, too."""
    found = await _found(request)
    if isinstance(found, Response):
        return found
    language = accepted(request.headers.get("accept-language", "")) or found.language
    until = date_and_time(found.ends_at.astimezone(ZoneInfo(found.timezone)), language)
    return page(
        request,
        "fetched.html.j2",
        language=language,
        headers=PRIVATE,
        file=found,
        size=size(found.size, language),
        until=until,
        sound=found.kind.startswith("audio/"),
    )


async def fetch(request: Request) -> Response:
    """POST /files/TOKEN: the file, or the piece of it that is asked for."""
    found = await _found(request)
    if isinstance(found, Response):
        return found
    # Also who leaves out the beginning has fetched it.
    is_first = not site_of(request).fetched.take(f"{request.path_params['token']} {_place(request)}")
    if begins(request) or is_first:
        await run_sync(_note, request, found)
    return Pieces(found.path, media_type=found.kind, filename=found.name, headers=PRIVATE)


class Pieces(FileResponse):
    """A file of which a POST, too, is answered with the piece that it asks for."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await super().__call__({**scope, "method": "GET"}, receive, send)


async def _found(request: Request) -> Download | Response:
    """What the link leads to, or the answer to one that is good no more."""
    site = site_of(request)
    if wait := site.fetches.take(_place(request)):
        answer = refusal(request, 429, TOO_MANY, "too-many", minutes=-(-wait // 60))
        answer.headers["Retry-After"] = str(wait)
        return answer
    try:
        return await run_sync(_look_up, request)
    except ClientMistake:
        answer = refusal(request, 404, DEAD, "dead-secret")
        answer.headers.update(PRIVATE)
        return answer


def _place(request: Request) -> str:
    return place_of(request.client.host if request.client else "")


def _look_up(request: Request) -> Download:
    site, token = site_of(request), str(request.path_params["token"])[:LONGEST]
    with reading(site.engine) as conn:
        return downloads.download(conn, site.home, site.settings, token, now())


def _note(request: Request, found: Download) -> None:
    origin = request.client.host if request.client else ""
    actor = Actor(ActorKind.USER, found.address, f"mail, {origin}")
    with booking(site_of(request).engine, actor, now()) as work:
        downloads.note_fetched(work, found)
