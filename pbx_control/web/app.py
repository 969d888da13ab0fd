"""The application: the table of ways behind the guard, and what is said when something goes wrong."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from typing import TYPE_CHECKING
from uuid import uuid4

import structlog
from anyio.to_thread import run_sync
from sqlalchemy import Engine
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from pbx_control.catalogue import N_
from pbx_control.errors import PbxError, StoreUnavailable
from pbx_control.live.kept_running import KeptRunning
from pbx_control.services import users
from pbx_control.settings import Home, Settings
from pbx_control.web.desk.room import Room
from pbx_control.web.guard import NOT_UNDERSTOOD, Guard
from pbx_control.web.pages import refusal
from pbx_control.web.problems import is_api
from pbx_control.web.routes import routes
from pbx_control.web.sessions import Sessions
from pbx_control.web.site import Site, site_of
from pbx_control.web.tries import Tries

if TYPE_CHECKING:
    from pbx_control.web.telegram.listening import Listener

log = structlog.get_logger()

SAID = {
    404: N_("there is no such page"),
    405: N_("that cannot be done here"),
    415: N_("that was sent in a form that is not understood here"),
}
BROKEN = N_("something went wrong here; it is written down, and you can try again")


def make_app(home: Home, settings: Settings, engine: Engine) -> Guard:
    """The pages of that home. Nothing is asked of the database before the first request."""
    https = settings.web.is_https
    room = Room(home, settings, engine)
    site = Site(home, settings, engine, Sessions(engine, https), room, bot=_bot(settings, engine, room))
    app = Starlette(
        routes=routes(),
        lifespan=_life,
        exception_handlers={
            HTTPException: _unknown,
            StoreUnavailable: _store_away,
            PbxError: _mistaken,
            Exception: _broken,
        },
    )
    app.router.redirect_slashes = False
    app.state.site = site
    return Guard(app, site)


def _bot(settings: Settings, engine: Engine, room: Room) -> "Listener | None":
    if not settings.telegram.token:
        return None
    # Imported here: an office without Telegram need not load it.
    from pbx_control.web.telegram.answering import Answers
    from pbx_control.web.telegram.listening import Listener

    answers = Answers(engine, Tries(), room.look_all)
    webhook = f"{settings.web.public_url}/telegram" if settings.telegram.webhook else ""
    return Listener(settings.telegram, engine, uuid4().hex, answers, webhook)


@asynccontextmanager
async def _life(app: Starlette) -> AsyncIterator[None]:
    """What goes on as long as the process serves."""
    await run_sync(users.prepare)
    site: Site = app.state.site
    listening = asyncio.create_task(site.room.run(site.stopping))
    async with AsyncExitStack() as stack:
        if site.bot:
            await stack.enter_async_context(KeptRunning(site.bot.run))
        try:
            yield
        finally:
            listening.cancel()


async def _unknown(request: Request, error: Exception) -> Response:
    await _note_visitor(request)
    status = error.status_code if isinstance(error, HTTPException) else 400
    answer = refusal(request, status, SAID.get(status, NOT_UNDERSTOOD), "unknown")
    if isinstance(error, HTTPException) and error.headers:
        # Which methods there are.
        answer.headers.update({name: _in_order(value) for name, value in error.headers.items()})
    return answer


async def _note_visitor(request: Request) -> None:
    """No gate has asked who comes to a page that is not there: he reads of it in his own language."""
    if "person" not in request.scope and not is_api(request.url.path):
        with suppress(StoreUnavailable):
            request.scope["person"] = await site_of(request).sessions.person_of(request)


async def _store_away(request: Request, error: Exception) -> Response:
    log.warning("the database is away", path=request.url.path, why=str(error))
    answer = refusal(request, 503, N_("the database is away at this moment; try again soon"), "store-unavailable")
    answer.headers["Retry-After"] = "5"
    return answer


async def _mistaken(request: Request, error: Exception) -> Response:
    assert isinstance(error, PbxError)
    return refusal(request, 400, error.template, error.code, **error.values)


async def _broken(request: Request, error: Exception) -> Response:
    log.error("a page failed", path=request.url.path, exc_info=error)
    return refusal(request, 500, BROKEN, "broken")


def _in_order(listed: str) -> str:
    """A header's list, sorted: Starlette has the methods of a way in no order."""
    return ", ".join(sorted(listed.split(", ")))
