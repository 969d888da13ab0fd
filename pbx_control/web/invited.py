"""The page that an address comes to by its letter's link: whether it wants to be sent a client's messages."""

from collections.abc import Callable
from typing import TypeVar

from anyio.to_thread import run_sync
from starlette.requests import Request
from starlette.responses import Response

from pbx_control.catalogue import N_
from pbx_control.clock import now
from pbx_control.domain.audit import Actor, ActorKind
from pbx_control.domain.notices.kinds import LABELS
from pbx_control.errors import ClientMistake
from pbx_control.services import invitations
from pbx_control.services.invitations import Asking
from pbx_control.services.work import Work, booking
from pbx_control.web.pages import accepted, page, refusal
from pbx_control.web.site import site_of

Done = TypeVar("Done")

# Characters of what stands in a link.
LONGEST = 60
DEAD = N_("this link is not valid any more: it was used, taken back, or is too old; whoever asked you can ask again")


async def question(request: Request) -> Response:
    """GET /recipients/TOKEN. Looking decides nothing: programs that check mails follow links, too."""
    try:
        asked = await _do(request, lambda work: invitations.asking(work.conn, _token(request), work.at))
    except ClientMistake:
        return refusal(request, 404, DEAD, "dead-secret")
    return _page(request, asked, "")


async def answer(request: Request) -> Response:
    """POST /recipients/TOKEN with `answer`: yes or no."""
    said = (await request.form()).get("answer")
    try:
        if said == "yes":
            return _page(request, await _do(request, lambda work: invitations.say_yes(work, _token(request))), "yes")
        asked = await _do(request, lambda work: invitations.asking(work.conn, _token(request), work.at))
        if said != "no":
            return _page(request, asked, "")
        await _do(request, lambda work: invitations.say_no(work, _token(request)))
    except ClientMistake:
        return refusal(request, 404, DEAD, "dead-secret")
    return _page(request, asked, "no")


def _page(request: Request, asked: Asking, answered: str) -> Response:
    language = accepted(request.headers.get("accept-language", "")) or asked.language
    kinds = [LABELS[kind] for kind in asked.wants.kinds]
    return page(request, "invited.html.j2", language=language, asked=asked, kinds=kinds, answered=answered)


async def _do(request: Request, do: Callable[[Work], Done]) -> Done:
    origin = request.client.host if request.client else ""
    actor = Actor(ActorKind.USER, "", origin)

    def within() -> Done:
        with booking(site_of(request).engine, actor, now()) as work:
            return do(work)

    return await run_sync(within)


def _token(request: Request) -> str:
    token: str = request.path_params["token"]
    return token[:LONGEST]
