"""The feeds of clients' calendars, for programs that show them; whoever has a feed's address needs no password."""

from hashlib import sha256

from anyio.to_thread import run_sync
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response

from pbx_control.clock import now
from pbx_control.domain.telephony.guessing import place_of
from pbx_control.services import agenda_feed
from pbx_control.store.engine import reading
from pbx_control.web.site import site_of

# Characters of what stands in an address.
LONGEST = 60
# Programs keep what they have, and ask each time whether it is still so; search engines have no part in it.
HEADERS = {"Cache-Control": "private, no-cache", "X-Robots-Tag": "noindex, nofollow"}


async def feed(request: Request) -> Response:
    """GET /agenda/SECRET.ics: the calendar as an iCalendar text; 304 to a program that has it as it is."""
    site = site_of(request)
    if wait := site.feeds.take(place_of(request.client.host if request.client else "")):
        return PlainTextResponse("429", 429, {"Retry-After": str(wait)})
    text = await run_sync(_look_up, request)
    if text is None:
        return PlainTextResponse("404", 404)
    tag = f'"{sha256(text).hexdigest()[:32]}"'
    headers = HEADERS | {"ETag": tag}
    if _has(request.headers.get("if-none-match", ""), tag):
        return Response(status_code=304, headers=headers)
    name = {"Content-Disposition": 'inline; filename="agenda.ics"'}
    return Response(text, headers=headers | name, media_type="text/calendar; charset=utf-8")


def _look_up(request: Request) -> bytes | None:
    with reading(site_of(request).engine) as conn:
        return agenda_feed.feed_of(conn, str(request.path_params["token"])[:LONGEST], now())


def _has(given: str, tag: str) -> bool:
    """Whether one of the tags that a program has is this one; a proxy may have made them weak."""
    tags = {one.strip().removeprefix("W/") for one in given[:1000].split(",")}
    return tag in tags or "*" in tags
