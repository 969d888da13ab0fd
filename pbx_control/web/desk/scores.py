"""A secretary's own score sheets: how supervisors judged her calls. Nobody else's."""

from zoneinfo import ZoneInfo

from anyio.to_thread import run_sync
from starlette.requests import Request
from starlette.responses import Response

from pbx_control import clock
from pbx_control.domain.words.sentences import said
from pbx_control.domain.words.wording import brief_time
from pbx_control.services import checking
from pbx_control.store.engine import reading
from pbx_control.store.score_sheets import Average, Sheet
from pbx_control.web.admin.checking import points_in_words
from pbx_control.web.desk.asking import secretary_of
from pbx_control.web.pages import language_of, page
from pbx_control.web.site import person_of, site_of


async def own(request: Request) -> Response:
    """GET /desk/scores"""
    site, her, at = site_of(request), secretary_of(person_of(request)), clock.now()

    def ask() -> tuple[list[Average], list[Sheet]]:
        with reading(site.engine) as conn:
            return checking.averages(conn, at, her), checking.sheets_of(conn, her)

    averages, sheets = await run_sync(ask)
    language, zone = language_of(request), ZoneInfo(site.settings.office.timezone)
    shown = [
        {
            "client": sheet.client,
            "when": brief_time(sheet.arrived_at.astimezone(zone), language),
            "average": points_in_words(sheet.average, language),
            "marks": [(said(language, mark.criterion, {}), mark.points) for mark in sheet.marks],
            "note": sheet.note,
        }
        for sheet in sheets
    ]
    mine = points_in_words(averages[0].points, language) if averages else ""
    return page(request, "desk/scores.html.j2", sheets=shown, average=mine, here="/desk/scores")
