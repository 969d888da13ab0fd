"""The wallboard's page and its stream."""

from starlette.requests import Request
from starlette.responses import Response, StreamingResponse

from pbx_control.web.pages import language_of, page
from pbx_control.web.site import person_of, site_of
from pbx_control.web.wall.stream import events
from pbx_control.web.wall.view import pieces


async def now(request: Request) -> Response:
    """GET /admin: the house as it is."""
    wall = site_of(request).room.wall
    await wall.look()
    regions = wall.once("pieces", language_of(request), pieces)
    return page(request, "wall/now.html.j2", regions=regions, here="/admin")


async def stream(request: Request) -> Response:
    """GET /admin/events: the event stream of that page."""
    site = site_of(request)
    told = events(site.room.wall, site.sessions, person_of(request), language_of(request))
    headers = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}
    return StreamingResponse(told, media_type="text/event-stream", headers=headers)
