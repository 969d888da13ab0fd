"""`/portal/calendars/CALENDAR/connection`: a calendar is mirrored in the client's own; and what is wrong there."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from anyio.to_thread import run_sync
from starlette.requests import Request
from starlette.responses import Response

from pbx_control import clock
from pbx_control.catalogue import counted
from pbx_control.domain.words.sentences import said
from pbx_control.domain.words.wording import clean_line
from pbx_control.errors import ClientMistake, Code, Field, PbxError
from pbx_control.services.tenant_agenda import Access, Source
from pbx_control.web.pages import go_to, language_of, page
from pbx_control.web.portal.agenda import done_in
from pbx_control.web.portal.agenda_view import HERE, agenda_of, head, is_not_there, not_there, slug_in
from pbx_control.web.portal.opening import problems_of
from pbx_control.web.site import person_of, site_of

LONGEST_ADDRESS, LONGEST_KEY, SHOWN = 600, 16_000, 300
# The fields beside which a problem stands; what else is wrong is wrong with the remote calendar.
FIELDS = ("address", "user", "secret")
SOURCES = (Source.CALDAV.value, Source.GOOGLE.value)
TOO_OFTEN = counted(
    "Calendars were tried too often of late. Try again in a minute.",
    "Calendars were tried too often of late. Try again in {minutes} minutes.",
    by="minutes",
)


@dataclass(frozen=True, slots=True)
class Asked:
    """What was filled in, and what is wrong with it. What is secret is not shown again."""

    source: str = ""
    address: str = ""
    user: str = ""
    problems: Mapping[str, str] = field(default_factory=dict)


async def connection(request: Request) -> Response:
    """GET /portal/calendars/CALENDAR/connection"""
    return await _page(request)


async def change(request: Request) -> Response:
    """POST /portal/calendars/CALENDAR/connection: `act` is connect (`source`, `address`, `user`, `secret`), check, or
    disconnect."""
    given, bound, slug = await request.form(), agenda_of(request), slug_in(request)
    asked, act = _asked(given), str(given.get("act", ""))
    try:
        if act == "disconnect":
            await run_sync(bound.disconnect, slug, clock.now())
            return go_to(f"{HERE}/{slug}/connection?done=disconnected")
        if act not in ("connect", "check"):
            raise ClientMistake("choose what to do", Code.BAD_VALUE, field=Field("act"))
        await run_sync(bound.calendar, slug)  # whether there is one
        if problem := _too_often(request):
            return await _page(request, Asked(asked.source, asked.address, asked.user, {"above": problem}), status=429)
        if act == "check":
            await run_sync(bound.check, slug)
            return go_to(f"{HERE}/{slug}/connection?done=checked")
        access = _access(asked, str(given.get("secret", ""))[:LONGEST_KEY].strip())
        await run_sync(bound.connect, slug, access, clock.now())
    except PbxError as error:
        return await _refused(request, asked, error)
    return go_to(f"{HERE}/{slug}/connection?done=connected")


def _asked(given: Any) -> Asked:
    source, address, user = (str(given.get(one, ""))[:LONGEST_ADDRESS].strip() for one in ("source", "address", "user"))
    return Asked(source, address, user)


def _access(asked: Asked, secret: str) -> Access:
    if asked.source not in SOURCES:
        raise ClientMistake("choose what to do", Code.BAD_VALUE, field=Field("act"))
    return Access(source=Source(asked.source), address=asked.address, user=asked.user, secret=secret)


def _too_often(request: Request) -> str:
    wait = site_of(request).calendars.take(str(person_of(request).client_id))
    return said(language_of(request), TOO_OFTEN, {"minutes": -(-wait // 60)}) if wait else ""


async def _refused(request: Request, asked: Asked, error: PbxError) -> Response:
    language = language_of(request)
    if isinstance(error, ClientMistake):
        if is_not_there(error):
            return not_there(request, error)
        problems = problems_of(error, language, {}, usual="above")
        problems = problems if set(problems) <= set(FIELDS) else {"above": " ".join(problems.values())}
    else:  # the remote calendar did not do what was asked
        problems = {"above": clean_line(said(language, error.template, error.values), SHOWN)}
    return await _page(request, Asked(asked.source, asked.address, asked.user, problems), status=400)


async def _page(request: Request, asked: Asked | None = None, status: int = 200) -> Response:
    language = language_of(request)
    try:
        seen, access = await run_sync(agenda_of(request).connection, slug_in(request))
    except ClientMistake as error:
        return not_there(request, error)
    kept = Asked(access.source.value, access.address, access.user) if access else Asked()
    shown = {
        "firm": seen.firm.name,
        "head": head(seen, clock.now(), language),
        "connected": access is not None,
        "address": clean_line(kept.address, SHOWN),
        "kept": kept,
        "google_account": clean_line(site_of(request).settings.agenda.google_account, SHOWN),
    }
    done = done_in(request) if status == 200 else ""
    values: dict[str, Any] = {"asked": asked or kept, "done": done}
    return page(request, "portal/calendar_connection.html.j2", status=status, shown=shown, here=HERE, **values)


