"""What her page shows of the call that she has, as the daemon tells of it."""

import asyncio
import re
from datetime import datetime, timedelta
from functools import partial

import pytest
from browsing import Place, at_desk
from msgspec.structs import replace

from pbx_control import clock
from pbx_control.clock import now
from pbx_control.domain.call.model import Call, Missed, WhyNot
from pbx_control.live.bulletin import call_now
from pbx_control.live.news import DaemonNow, SecretaryNow
from pbx_control.services import users
from pbx_control.web.desk import stream
from pbx_control.web.desk.feed import Standing
from pbx_control.web.desk.room import Stream
from pbx_control.web.desk.view import MISSED_FOR
from pbx_control.world.legs import patience


def stands(place: Place, call: Call) -> None:
    """The daemon has told of that call."""
    assert call.seat
    her = SecretaryNow(call.seat.secretary_id, "Ana", registered=True, call=call.id, talking=True, at_desk=True)
    daemon = DaemonNow(1, True, now())
    place.site.room.feed.standing = Standing(daemon, {call.id: call_now(call, 1)}, {her.id: her})


@pytest.mark.parametrize(
    ("why", "language", "words"),
    [
        (WhyNot.BUSY, "en", "&lt;Rosa&gt; is busy."),
        (WhyNot.BUSY, "es", "&lt;Rosa&gt; tiene el teléfono ocupado."),
        (WhyNot.SILENT, "es", "&lt;Rosa&gt; no contesta."),
        *[(why, "es", ".*&lt;Rosa&gt;") for why in WhyNot],
    ],
)
async def test_a_contact_who_was_not_reached_is_named_with_the_reason(
    place: Place, talking: Call, why: WhyNot, language: str, words: str
) -> None:
    stands(place, replace(talking, missed=Missed("<Rosa>", why, now())))
    ana = await at_desk(place, "ana")
    await ana.post("/language", {"language": language})
    page = (await ana.get("/desk")).text
    assert re.search(f'data-missed="{why}">{words}', page)


async def test_it_stands_there_for_some_seconds_only(
    place: Place, talking: Call, monkeypatch: pytest.MonkeyPatch
) -> None:
    browser = await at_desk(place, "ana")
    ana = users.session_of(place.engine, browser.client.cookies["pbx"], now())
    assert ana
    place.site.room.ending = False
    monkeypatch.setattr(stream, "ALIVE_EVERY", 0.05)
    stands(place, replace(talking, missed=Missed("Rosa", WhyNot.BUSY, now())))
    page = Stream(ana.secretary_id or 0, ana.session_id)
    async with asyncio.timeout(patience(10)):
        told = stream.events(place.site.room, place.site.sessions, ana, "es", page)
        async for event in told:
            if b"data-missed" in event:
                monkeypatch.setattr(clock, "now", partial(later, now() + MISSED_FOR))
            elif b"event: view" in event:
                break
        await told.aclose()
    assert b'"live":' in event


def later(instant: datetime) -> datetime:
    return instant + timedelta(seconds=1)
