"""How a program's request is answered: whoever may not ask learns nothing; a change is done once."""

from collections.abc import Mapping

import msgspec
from anyio.to_thread import run_sync
from starlette.requests import Request
from starlette.responses import Response

from pbx_control.errors import ClientMistake
from pbx_control.web.api.asking import JSON, given, reach_of
from pbx_control.web.api.done import Done
from pbx_control.web.api.ways import ApiWay
from pbx_control.web.pages import language_of
from pbx_control.web.problems import Refusal, of_error
from pbx_control.web.site import Site, site_of

REPLAYED = "Idempotency-Replayed"


class Endpoint:
    """What stands at one path: its ways, by method."""

    def __init__(self, ways: Mapping[str, ApiWay]) -> None:
        self.ways = ways

    async def answer(self, request: Request) -> Response:
        """What a program is answered."""
        way = self.ways["GET" if request.method == "HEAD" else request.method]
        site = site_of(request)
        try:
            done = await _done(way, request, site)
        except (ClientMistake, Refusal) as error:
            return of_error(language_of(request), error)
        _tell(site, done)
        headers = {REPLAYED: "true"} if done.again else {}
        return Response(msgspec.json.encode(done.answer), way.status.value, headers, media_type=JSON)


async def _done(way: ApiWay, request: Request, site: Site) -> Done:
    reach = await reach_of(request, way.scope)
    asked = await given(request, way.query, way.body)
    return await run_sync(way.act, reach, asked, site, limiter=site.api)


def _tell(site: Site, done: Done) -> None:
    """Has the desks look that show what was changed."""
    if done.agenda_of:
        site.room.agenda_changed(done.agenda_of)
    if done.desk_of:
        site.room.look(done.desk_of)
