"""The event stream of an open wallboard: what has changed, as ready-made pieces of the page, and that it lives."""

import asyncio
import json
from collections.abc import AsyncGenerator

from pbx_control.domain.users import Person
from pbx_control.web.sessions import Sessions
from pbx_control.web.wall.view import pieces
from pbx_control.web.wall.wall import Viewer, Wall

# A line so often, seconds: a page that hears nothing for longer says that its figures are old.
ALIVE_EVERY = 1.0
# So often it is asked whether the session goes on.
SESSION_EVERY = 3.0
# Open pages of one person's. One more ends the oldest, so that nobody holds them without end.
MOST = 12


async def events(wall: Wall, sessions: Sessions, person: Person, language: str) -> AsyncGenerator[bytes, None]:
    """Server-sent events until the page, the session or the process ends."""
    viewer, sent, now = Viewer(person.user_id), dict[str, str](), asyncio.get_running_loop().time
    for oldest in wall.of_user(person.user_id)[: 1 - MOST]:
        oldest.over = True
        oldest.news.set()
    asked = now()
    with wall.watched_by(viewer):
        await wall.look()
        yield b"retry: 1000\n\n"
        viewer.news.set()
        while not (wall.ending or viewer.over):
            try:
                await asyncio.wait_for(viewer.news.wait(), ALIVE_EVERY)
            except TimeoutError:
                yield event("alive", {"at": wall.shown.at.isoformat()})
            viewer.news.clear()
            if now() - asked >= SESSION_EVERY:
                if not await sessions.still_valid(person.session_id):
                    yield event("signed-out", {})
                    return
                asked = now()
            made = wall.once("pieces", language, pieces)
            if changed := {name: html for name, html in made.items() if sent.get(name) != html}:
                yield event("figures", {"at": wall.shown.at.isoformat(), "regions": changed})
                sent = dict(made)


def event(name: str, content: object) -> bytes:
    """One event as it travels."""
    return f"event: {name}\ndata: {json.dumps(content, separators=(',', ':'))}\n\n".encode()
