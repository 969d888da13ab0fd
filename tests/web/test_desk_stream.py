"""The event stream of a secretary's page: whoever is signed out hears nothing more, and nobody has it all."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import AsyncExitStack, aclosing

import pytest
from browsing import Place

from pbx_control.clock import now
from pbx_control.domain.users import Person
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
        assert b"event: view" in await anext(streams[1])
