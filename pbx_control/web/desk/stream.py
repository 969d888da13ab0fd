"""The event stream of one page: what has changed on her desk, as ready-made pieces of the page."""

import asyncio
import json
from collections.abc import AsyncGenerator

import structlog
from anyio.to_thread import run_sync

from pbx_control import clock
from pbx_control.domain.users import Person
from pbx_control.errors import StoreUnavailable
from pbx_control.web.desk.room import Room, Stream
from pbx_control.web.desk.view import View, view_of
from pbx_control.web.sessions import Sessions
from pbx_control.web.wall.view import strip

log = structlog.get_logger()

# A line so often, seconds: proxies end a silent stream, and a revoked session is noticed.
ALIVE_EVERY = 3.0
# What changes on a desk is shown this often at most, seconds: one press brings several changes. A new call waits for
# nothing.
TOGETHER = 0.15


async def events(
    room: Room, sessions: Sessions, person: Person, language: str, stream: Stream
) -> AsyncGenerator[bytes, None]:
    """Server-sent events until the page, the session or the process ends, or the page answers no more. Each has what
    changed since the last one."""
    sent, now = View.nothing(), asyncio.get_running_loop().time
    shown, house = -TOGETHER, ""
    with room.page_open(stream), room.wall.watched_by(stream):
        yield f"retry: 1000\nid: {stream.key}\n\n".encode()
        stream.news.set()
        due = now() + ALIVE_EVERY
        while not (room.ending or stream.over or stream.sleeps):
            told = await _news(stream, due - now())
            if only_of_the_house := stream.news.only_of_the_house:
                stream.news.clear()
            if (line := room.wall.once("strip", language, strip)) != house:
                house = line
                yield _event("house", {"html": line})
            # Also where news never pause: a busy house is no reason to show calls to who is signed out.
            if now() >= due:
                if not await sessions.still_valid(person.session_id):
                    yield _event("signed-out", {})
                    return
                yield _event("alive", {})
                due = now() + ALIVE_EVERY
            overdue = sent.due is not None and clock.now() > sent.due
            if not ((told and not only_of_the_house) or overdue):
                continue
            await _settled(room, person, stream, sent.call_id, shown + TOGETHER)
            stream.news.clear()
            shown = now()
            if stream.agenda:
                stream.agenda = False
                yield _event("agenda", {})
            try:
                asked = (room, person, language, stream.looks_at, sent)
                view = await run_sync(view_of, *asked, limiter=room.making)
            except StoreUnavailable as error:
                log.warning("a desk is not shown what is new", why=str(error))
                return  # the page says so, and asks again
            if change := view.since(sent):
                yield _event("view", change)
            if view.taken_from:
                room.look(view.taken_from)
            if view.work_done and view.work_done != sent.work_done:
                room.feed.free(person, view.work_done)
            sent, stream.concerns = view, view.concerns
            stream.client_id = view.pop.call.client_id if view.pop else 0


async def _news(stream: Stream, seconds: float) -> bool:
    try:
        await asyncio.wait_for(stream.news.wait(), seconds)
    except TimeoutError:
        return False
    return True


async def _settled(room: Room, person: Person, stream: Stream, call_id: str, until: float) -> None:
    """Waits until then, or until she has another call than that."""
    now = asyncio.get_running_loop().time
    while now() < until and not (room.ending or stream.over):
        call = room.feed.standing.call_of(person.secretary_id or 0)
        if call and call.id != call_id:
            return
        stream.news.clear()
        await _news(stream, until - now())


def _event(name: str, content: object) -> bytes:
    return f"event: {name}\ndata: {json.dumps(content, separators=(',', ':'))}\n\n".encode()
