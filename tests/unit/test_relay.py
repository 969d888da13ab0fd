"""Two daemons' channels on one PostgreSQL: what is committed at one is told at the other, and asked there."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import suppress
from pathlib import Path

import msgspec
import pytest
import uvloop
from psycopg import Notify, connect
from test_channel import HER, SOON, TALKING, Desk, desk

from pbx_control.domain.call.commands import Refusal, Reply, WriteLetters
from pbx_control.domain.call.model import Caller, Phase
from pbx_control.live.bulletin import call_now
from pbx_control.live.news import Act, Answered, AnswerKind, Desks, Free, Instruct, Listen, News, State
from pbx_control.live.relay import LONGEST_NOTICE, NOTICES, Notice, Relay, _lines
from pbx_control.settings import Home

THEIRS = msgspec.structs.replace(TALKING, id="c2")


def lines(notice: Notice) -> list[Notice]:
    """What travels of a notice."""
    parts = list(_lines(notice))
    assert all(len(part) <= LONGEST_NOTICE for part in parts)
    return [msgspec.json.decode(part, type=Notice) for part in parts]


def test_a_notice_that_is_too_long_goes_in_pieces() -> None:
    calls = tuple(msgspec.structs.replace(call_now(TALKING, 1), id=f"c{number}") for number in range(200))
    told = [call for notice in lines(Notice("a", calls=calls)) for call in notice.calls]
    assert told == list(calls)


def test_one_that_is_too_long_by_itself_is_looked_up() -> None:
    long = call_now(msgspec.structs.replace(TALKING, caller=Caller("+56912345678", "x" * 9000)), 1)
    assert lines(Notice("a", calls=(long,))) == [Notice("a", look=True)]


class Ear:
    """A connection that hears these notifications."""

    def __init__(self, *payloads: str) -> None:
        self._payloads = payloads

    async def execute(self, *_: object) -> None:
        """It listens, or notifies."""

    async def notifies(self) -> AsyncIterator[Notify]:
        for payload in self._payloads:
            yield Notify(NOTICES, payload, 1)


class Told:
    """A channel that keeps which calls it is told of."""

    def __init__(self) -> None:
        self.loops: list[str] = []

    def loop_found(self, call_id: str) -> None:
        self.loops.append(call_id)


async def test_nobody_is_deafened_by_what_a_stranger_notifies() -> None:
    """Whoever may connect to a database may NOTIFY there."""
    here = Told()
    deep = '{"node":"x","more":' + "[" * 3900 + "]" * 3900 + "}"
    good = msgspec.json.encode(Notice("other", loop="c1")).decode()
    relay = Relay("", "own", here)  # type: ignore[arg-type]
    await relay._hear(Ear("garbage", "", '{"node":"\\ud800"}', deep, good))  # type: ignore[arg-type]
    assert here.loops == ["c1"]


def test_what_ended_while_nobody_was_heard_lives_no_more(tmp_path: Path) -> None:
    """The other was connected again first: what it said then was not heard, and it tells of living calls only."""
    home = Home(tmp_path / "home")
    home.root.mkdir()

    async def run() -> None:
        async with desk(home) as here:
            here.channel.told_by("other", [call_now(THEIRS, 1)], (), look=False)
            third = call_now(msgspec.structs.replace(THEIRS, id="c3"), 1)
            ear = Ear(msgspec.json.encode(Notice("other", calls=(third,))).decode())
            serving = Relay("", "own", here.channel)._serve(ear, Ear())  # type: ignore[arg-type]
            with suppress(TimeoutError):
                await asyncio.wait_for(serving, 0.1)
            state = await (await here.connects()).says(Listen()).state()
            assert sorted(call.id for call in state.calls) == ["c1", "c3"]

    uvloop.run(run())


def play(folder: Path, url: str, story: Callable[[Desk, Desk], object]) -> None:
    """Two channels on one database; the second has a call of its own."""
    homes = [Home(folder / name) for name in ("one", "two")]
    for home in homes:
        home.root.mkdir()

    async def run() -> None:
        async with desk(homes[0], url) as one, desk(homes[1], url) as two:
            two.board.calls = [THEIRS]
            await asyncio.wait_for(story(one, two), SOON)  # type: ignore[arg-type]

    uvloop.run(run())


async def heard_of(here: Desk, call_id: str, phase: str = "talking"):  # type: ignore[no-untyped-def]
    """A listener that has heard of that call."""
    peer = (await here.connects()).says(Listen())
    while True:
        heard = await peer.hears()
        if isinstance(heard, State | News) and (call_id, phase) in [(call.id, call.phase) for call in heard.calls]:
            return peer


@pytest.fixture
def address(postgres_url: str) -> str:
    return postgres_url.replace("+psycopg", "")


@pytest.mark.postgres
def test_what_is_committed_at_one_is_told_at_the_other(tmp_path: Path, address: str) -> None:
    async def story(one: Desk, two: Desk) -> None:
        two.commits(THEIRS)
        peer = await heard_of(one, "c2")
        two.commits(msgspec.structs.replace(THEIRS, phase=Phase.ENDED, seat=None), WriteLetters())
        ended = messages = False
        while not (ended and messages):
            news = await peer.news()
            ended |= "ended" in [call.phase for call in news.calls if call.id == "c2"]
            messages |= "c2" in [message.call for message in news.messages]

    play(tmp_path, address, story)


@pytest.mark.postgres
def test_what_is_asked_at_one_is_done_at_the_other_and_answered_once(tmp_path: Path, address: str) -> None:
    async def story(one: Desk, two: Desk) -> None:
        two.commits(THEIRS)
        peer = await heard_of(one, "c2")
        for refusal, outcome, why in ((None, AnswerKind.DONE, ""), (Refusal.NOT_NOW, AnswerKind.REFUSED, "not_now")):
            two.board.arrived.clear()
            peer.says(Instruct(41, "c2", Act.HAND_OVER, HER))
            await two.board.arrived.wait()
            call_id, event = two.board.posted[-1]
            assert (call_id, event.secretary_id) == ("c2", 1)
            two.commits(THEIRS, Reply(event.ticket, refusal))
            while not isinstance(answer := await peer.hears(), Answered):
                pass
            assert answer == Answered(41, outcome, why)
        assert one.board.posted == []

    play(tmp_path, address, story)


@pytest.mark.postgres
def test_a_daemon_that_does_not_answer_any_more_leaves_it_unknown(
    tmp_path: Path, address: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pbx_control.live.channel.ANSWER_WITHIN", 0.1)

    async def story(one: Desk, two: Desk) -> None:
        two.commits(THEIRS)
        peer = await heard_of(one, "c2")
        two.board.calls = []
        peer.says(Instruct(1, "c2", Act.SPAM, HER))
        while not isinstance(answer := await peer.hears(), Answered):
            pass
        assert answer == Answered(1, AnswerKind.UNKNOWN)

    play(tmp_path, address, story)


@pytest.mark.postgres
def test_desks_at_one_are_known_at_the_other_and_work_that_is_over_is_over_at_both(
    tmp_path: Path, address: str
) -> None:
    async def story(one: Desk, two: Desk) -> None:
        two.commits(THEIRS)
        peer = await heard_of(one, "c2")
        two.board.arrived.clear()
        peer.says(Desks(frozenset({1}), frozenset({2})))
        await two.board.arrived.wait()
        assert (two.board.open, two.board.lost) == ({1}, {2})
        one.board.working, two.board.working = {(2, "c9")}, {(2, "c9")}
        two.board.arrived.clear()
        peer.says(Free(5, 2, "c9"))
        await two.board.arrived.wait()
        assert two.board.working == set()

    play(tmp_path, address, story)


@pytest.mark.postgres
def test_who_is_cut_off_is_told_everything_anew(tmp_path: Path, address: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pbx_control.live.relay.RETRY_EVERY", 0.05)

    async def story(one: Desk, two: Desk) -> None:
        two.commits(THEIRS)
        await heard_of(one, "c2")
        with connect(address, autocommit=True) as admin:
            admin.execute("SELECT pg_notify(%s, 'garbage')", (NOTICES,))
            admin.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE query ~ 'LISTEN|pg_notify'"
                " AND pid <> pg_backend_pid() AND datname = current_database()"
            )
        third = msgspec.structs.replace(THEIRS, id="c3")
        two.board.calls = [third]
        two.commits(msgspec.structs.replace(THEIRS, phase=Phase.ENDED, seat=None))
        two.commits(third)
        peer = await heard_of(one, "c3")
        peer.says(Listen())
        state = await peer.state()
        assert "c2" not in [call.id for call in state.calls]

    play(tmp_path, address, story)
