"""The event stream of a secretary's page: whoever is signed out hears nothing more, and nobody has it all."""

import asyncio
import json
from collections.abc import AsyncGenerator
from contextlib import AsyncExitStack, aclosing

import pytest
from browsing import Place

from pbx_control.clock import now
from pbx_control.domain.users import Person
from pbx_control.live.news import CallNow, DaemonNow, News, SecretaryNow, State
from pbx_control.services import users
from pbx_control.web.desk import room, stream
from pbx_control.web.desk.room import Stream
from pbx_control.world.legs import patience


@pytest.fixture
async def ana(place: Place) -> Person:
    place.site.room.ending = False
    browser = place.browser()
    await browser.sign_in("ana")
    person = users.session_of(place.engine, browser.client.cookies["pbx"], now())
    assert person
    return person


def opened(place: Place, person: Person, her: Stream) -> AsyncGenerator[bytes, None]:
    return stream.events(place.site.room, place.site.sessions, person, "es", her)


async def test_whoever_is_signed_out_hears_nothing_more_however_much_news_there_is(
    place: Place, ana: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stream, "ALIVE_EVERY", 0.05)
    her = Stream(ana.secretary_id or 0, ana.session_id)
    heard: list[bytes] = []
    async with asyncio.timeout(patience(10)), asyncio.TaskGroup() as group:
        news = group.create_task(_never_quiet(her))
        async for event in opened(place, ana, her):
            if not heard:
                users.sign_out(place.engine, ana.session_id, now())
            heard.append(event)
        news.cancel()
    assert b"signed-out" in heard[-1]


async def _never_quiet(her: Stream) -> None:
    while True:
        her.news.set()
        await asyncio.sleep(0)


async def test_what_changes_at_once_is_shown_at_once_but_a_new_call_waits_for_nothing(
    place: Place, ana: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stream, "TOGETHER", 3600.0)
    her, feed = ana.secretary_id or 0, place.site.room.feed
    feed._hear(State("e", 0, DaemonNow(1, True, now()), secretaries=(SecretaryNow(her, "Ana", registered=True),)))
    async with asyncio.timeout(patience(10)), aclosing(opened(place, ana, Stream(her, ana.session_id))) as told:
        assert (await _next_view(told))["state"] == "ready"
        following = asyncio.create_task(_next_view(told))
        await asyncio.sleep(0)
        for paused in (True, False, True):
            feed._hear(News(1, secretaries=(SecretaryNow(her, "Ana", registered=True, paused=paused),)))
            await asyncio.sleep(0)
        rings = SecretaryNow(her, "Ana", registered=True, call="pbx-1.2")
        feed._hear(News(2, calls=(CallNow("pbx-1.2", "offering", 1, secretary_id=her),), secretaries=(rings,)))
        assert (await following)["state"] == "offered"


async def _next_view(told: AsyncGenerator[bytes, None]) -> dict[str, str]:
    async for event in told:
        if event.startswith(b"event: view"):
            view: dict[str, str] = json.loads(event.partition(b"data: ")[2])
            return view
    raise AssertionError("the stream has ended")


async def test_one_stream_too_many_ends_the_oldest(place: Place, ana: Person) -> None:
    async with asyncio.timeout(patience(10)), AsyncExitStack() as stack:
        streams = [opened(place, ana, Stream(ana.secretary_id or 0, ana.session_id)) for _ in range(room.MOST_STREAMS)]
        for one in streams:
            await stack.enter_async_context(aclosing(one))
            assert await anext(one)
        last = opened(place, ana, Stream(ana.secretary_id or 0, ana.session_id))
        await stack.enter_async_context(aclosing(last))
        assert await anext(last)
        with pytest.raises(StopAsyncIteration):
            await anext(streams[0])
        assert await _next_view(streams[1])
