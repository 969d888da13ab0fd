"""The page that an owner comes to by a letter's link: whether the change that a mail asked for is his."""

from collections.abc import Callable
from contextlib import AbstractContextManager
from datetime import datetime
from zoneinfo import ZoneInfo

from anyio.to_thread import run_sync
from sqlalchemy import Engine
from starlette.requests import Request
from starlette.responses import Response

from pbx_control.catalogue import N_
from pbx_control.clock import now
from pbx_control.domain.audit import Actor, ActorKind
from pbx_control.domain.desk.proposals import Subject
from pbx_control.domain.words.wording import brief_time
from pbx_control.errors import ClientMistake
from pbx_control.services import proposal_links
from pbx_control.services.invitations import Place
from pbx_control.services.proposal_links import Change
from pbx_control.services.work import Work, booking, changing
from pbx_control.web.pages import accepted, page, refusal
from pbx_control.web.site import site_of

# Characters of what stands in a link.
LONGEST = 60
DEAD = N_("this link is not valid any more: it was used, or is too old; ask again by mail, or in the portal")
SUBJECTS = {
    Subject.GREETING: N_("Another greeting for {client}?"),
    Subject.PROTOCOL: N_("Another protocol for {client}?"),
}
Begin = Callable[[Engine, Actor, datetime], AbstractContextManager[Work]]


async def question(request: Request) -> Response:
    """GET /changes/TOKEN. Looking decides nothing: programs that check mails follow links, too."""
    try:
        return _page(request, await _do(request, _asked, booking), "")
    except ClientMistake:
        return refusal(request, 404, DEAD, "dead-secret")


async def answer(request: Request) -> Response:
    """POST /changes/TOKEN with `answer`: yes or no."""
    said = (await request.form()).get("answer")
    site = site_of(request)
    place = Place(site.settings.office.name, site.settings.web.url)
    try:
        if said == "yes":
            # Secretaries are shown it at once: that is published.
            done = await _do(request, lambda work, secret: proposal_links.say_yes(work, secret, place), changing)
        elif said == "no":
            done = await _do(request, proposal_links.say_no, booking)
        else:
            return _page(request, await _do(request, _asked, booking), "")
    except ClientMistake:
        return refusal(request, 404, DEAD, "dead-secret")
    return _page(request, done, str(said))


def _asked(work: Work, secret: str) -> Change:
    return proposal_links.change_of(work.conn, secret, work.at)


def _page(request: Request, change: Change, answered: str) -> Response:
    language = accepted(request.headers.get("accept-language", "")) or change.language
    when = brief_time(change.asked_at.astimezone(ZoneInfo(change.timezone)), language)
    title = SUBJECTS[change.subject]
    return page(
        request, "proposed.html.j2", language=language, change=change, when=when, title=title, answered=answered
    )


async def _do(request: Request, do: Callable[[Work, str], Change], begin: Begin) -> Change:
    origin = request.client.host if request.client else ""
    secret = str(request.path_params["token"])[:LONGEST]

    def within() -> Change:
        engine, at = site_of(request).engine, now()
        with booking(engine, Actor(ActorKind.USER), at) as work:
            who = proposal_links.change_of(work.conn, secret, at).asked_by
        with begin(engine, Actor(ActorKind.USER, who, f"mail, {origin}"), at) as work:
            return do(work, secret)

    return await run_sync(within)
