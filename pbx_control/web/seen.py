"""The page that a recipient comes to by an urgent mail's link: he says there that he has seen the message."""

from collections.abc import Callable
from zoneinfo import ZoneInfo

from anyio.to_thread import run_sync
from starlette.requests import Request
from starlette.responses import Response

from pbx_control.catalogue import N_
from pbx_control.clock import now
from pbx_control.domain.words.wording import NAME_LIMIT, brief_time, clean_line, date_and_time
from pbx_control.errors import ClientMistake, Code
from pbx_control.services import urgent
from pbx_control.services.tenant import INSTEAD
from pbx_control.services.urgent import Looked
from pbx_control.store.engine import reading, writing
from pbx_control.web.fetched import PRIVATE
from pbx_control.web.pages import page, refusal
from pbx_control.web.site import site_of

# Characters of what stands in a link.
LONGEST = 120
DEAD = N_("this link is not valid any more: it is too old, or this address gets no messages any more")


async def question(request: Request) -> Response:
    """GET /seen/TOKEN. Looking says nothing: programs that check mails follow links, too."""

    def look() -> Looked:
        with reading(site_of(request).engine) as conn:
            return urgent.look_at(conn, _token(request), now())

    return await _answered(request, look, done=False)


async def answer(request: Request) -> Response:
    """POST /seen/TOKEN: he has seen it. Nobody is told again."""

    def say() -> Looked:
        with writing(site_of(request).engine) as conn:
            return urgent.say_seen(conn, _token(request), now())

    return await _answered(request, say, done=True)


async def _answered(request: Request, do: Callable[[], Looked], *, done: bool) -> Response:
    try:
        found = await run_sync(do)
    except ClientMistake as error:
        restricted = error.code is Code.RESTRICTED
        refused = refusal(request, 404, INSTEAD if restricted else DEAD, "dead-secret")
        refused.headers.update(PRIVATE)
        return refused
    if found.just_now:
        site_of(request).was_seen(found.call_id)
    return _page(request, found, done=done)


def _page(request: Request, found: Looked, *, done: bool) -> Response:
    zone, language = ZoneInfo(found.timezone), found.language
    return page(
        request,
        "seen.html.j2",
        language=language,
        headers=PRIVATE,
        client=clean_line(found.client, NAME_LIMIT),
        called=date_and_time(found.arrived_at.astimezone(zone), language),
        seen_by=found.seen_by,
        seen=brief_time(found.seen_at.astimezone(zone), language) if found.seen_at else "",
        by_himself=found.seen_by == found.address,
        taken_by=found.taken_by,
        given_up=found.given_up,
        done=done,
    )


def _token(request: Request) -> str:
    token: str = request.path_params["token"]
    return token[:LONGEST]
