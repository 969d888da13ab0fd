"""Whose page is open, and whose has vanished: what the daemon is told of it."""

import asyncio
from pathlib import Path

import pytest

from pbx_control.live.news import Desks, MessageNow
from pbx_control.settings import Desk, Home, Settings
from pbx_control.store.engine import open_engine
from pbx_control.web.desk.room import ANSWERS_WITHIN, Room, Stream

ANA, EVA, HERE, THERE = 7, 8, 1, 2
OPEN, LOST, GONE = Desks(frozenset({ANA})), Desks(lost=frozenset({ANA})), Desks()


class Told(Room):
    """A room that keeps what it tells the daemon."""

    def __init__(self, home: Path) -> None:
        settings = Settings(desk=Desk(page_lost_after=1))
        super().__init__(Home(home), settings, open_engine(Home(home), settings))
        self.told: list[Desks] = []

    def _say_who_is_here(self) -> None:
        super()._say_who_is_here()
        self.told.append(self.feed._desks)

    async def tells(self, desks: Desks) -> None:
        async with asyncio.timeout(20):
            while self.told[-1] != desks:  # noqa: ASYNC110
                await asyncio.sleep(0.01)


@pytest.fixture
def room(tmp_path: Path) -> Told:
    return Told(tmp_path)


async def test_a_page_that_vanishes_is_lost_after_its_time(room: Told) -> None:
    with room.page_open(Stream(ANA, HERE)):
        assert room.told == [OPEN]
    assert room.told[-1] == OPEN
    await room.tells(LOST)
    with room.page_open(Stream(ANA, HERE)):
        assert room.told[-1] == OPEN


async def test_a_page_of_whom_has_signed_out_is_not_lost_though_it_closes_after_that(room: Told) -> None:
    with room.page_open(Stream(ANA, HERE)):
        room.signed_out(ANA, HERE)
    assert room.told[-1] == GONE
    assert not room._vanished


async def test_signing_out_at_one_computer_leaves_the_page_of_the_other(room: Told) -> None:
    with room.page_open(Stream(ANA, THERE)):
        with room.page_open(Stream(ANA, HERE)):
            room.signed_out(ANA, HERE)
        assert room.told[-1] == OPEN
    await room.tells(LOST)


async def test_a_page_that_answers_no_more_sleeps(room: Told, monkeypatch: pytest.MonkeyPatch) -> None:
    silent, answering = Stream(ANA, HERE), Stream(ANA, THERE)
    with room.page_open(silent), room.page_open(answering):
        assert not silent.sleeps  # whoever has never answered is no page of ours: a reader of the stream alone
        for stream in (silent, answering):
            room.is_heard(stream.key)
        room.is_heard("no stream's")
        moved_on(monkeypatch, ANSWERS_WITHIN + 1)
        room.is_heard(answering.key)
        assert silent.sleeps
        assert not answering.sleeps
    room.is_heard(silent.key)  # too late


def moved_on(monkeypatch: pytest.MonkeyPatch, seconds: float) -> None:
    """The event loop's clock is so much later."""
    loop = asyncio.get_running_loop()
    now = loop.time
    monkeypatch.setattr(loop, "time", lambda: now() + seconds)


async def test_a_letter_that_has_gone_is_shown_where_its_message_stands_and_nowhere_else(room: Told) -> None:
    hers, other = Stream(ANA, HERE), Stream(EVA, THERE)
    hers.concerns, other.concerns = frozenset({"c1", "c2"}), frozenset({"c3"})
    with room.page_open(hers), room.page_open(other):
        room._told(set(), [MessageNow("delivered", 5, "c2"), MessageNow("delivered", 6, "c4")])
        async with asyncio.timeout(20):
            await hers.news.wait()
        assert not other.news.is_set()
