"""The channel's socket: who is let in, what is answered, what listeners are told, and what becomes of those who misuse
it."""

import asyncio
import os
import stat
from collections.abc import AsyncIterator, Callable, Collection
from contextlib import asynccontextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Self

import msgspec
import pytest
import uvloop

from pbx_control.domain.call import events
from pbx_control.domain.call.commands import Refusal, Reply, WriteLetters
from pbx_control.domain.call.journal import Line
from pbx_control.domain.call.model import Admission, Call, Caller, Facts, Missed, Phase, Seat, Sounds, WhyNot
from pbx_control.domain.call.saving import Save
from pbx_control.domain.floor import Chair
from pbx_control.errors import StoreUnavailable
from pbx_control.live import channel as under_test
from pbx_control.live.bulletin import call_now
from pbx_control.live.channel import Channel
from pbx_control.live.listener import path, socket_name
from pbx_control.live.news import (
    SUPERVISORS_ACTS,
    Act,
    Answered,
    AnswerKind,
    Asker,
    Desks,
    Free,
    FromDaemon,
    Instruct,
    Lend,
    Lent,
    Listen,
    MissedNow,
    News,
    Role,
    State,
    TakeBack,
    ToDaemon,
    Trouble,
    line_of,
    told_by,
)
from pbx_control.live.relay import Notice, Relay
from pbx_control.settings import Home

SOON = 30.0  # a test that waits longer has failed, seconds
AT = datetime(2026, 3, 2, 15, tzinfo=UTC)
ANA = Seat(1, "ana", "Ana")
FACTS = Facts("+56225550101", 1, "andes", "Andes", "es", "America/Santiago", Admission.OPEN, Sounds())
TALKING = Call("c1", Phase.TALKING, FACTS, Caller("+56912345678", "María"), AT, seat=ANA)
HER = Asker(Role.SECRETARY, "Ana", 1)
MEGABYTE = 1024 * 1024


class Board:
    """The calls that the channel is asked about; what is posted to them is kept."""

    def __init__(self) -> None:
        self.calls = [TALKING]
        self.chairs = [Chair(ANA, ("es",), None, AT, AT, registered=True)]
        self.posted: list[tuple[str, events.Asked]] = []
        self.arrived = asyncio.Event()
        self.open, self.lost = set[int](), set[int]()
        self.desks_told = 0
        self.working = set[tuple[int, str]]()  # who has after-call work, of which call

    def call(self, call_id: str) -> Call | None:
        return next((call for call in self.calls if call.id == call_id), None)

    def lines_of(self, call_id: str) -> int:
        return 3

    def telephone_of(self, user_id: int) -> str:
        return f"jefa-{user_id}"

    def desks(self, open_: Collection[int], lost: Collection[int]) -> None:
        self.open, self.lost = set(open_), set(lost)
        self.desks_told += 1
        self.arrived.set()

    def may_end_work(self, secretary_id: int, call_id: str, at: datetime) -> bool:
        return (secretary_id, call_id) in self.working

    def end_work(self, secretary_id: int, call_id: str, at: datetime) -> None:
        self.working.discard((secretary_id, call_id))
        self.arrived.set()

    def post(self, call_id: str, event: events.Asked) -> None:
        self.posted.append((call_id, event))
        self.arrived.set()


class Telephones:
    """Those in pages: Ana may have one."""

    def __init__(self) -> None:
        self.ready: Collection[int] = ()
        self.taken_back: list[int] = []
        self.took = asyncio.Event()

    async def lend(self, secretary_id: int) -> tuple[str, str] | None:
        return ("ana_browser", "secret") if secretary_id == ANA.secretary_id else None

    async def take_back(self, secretary_id: int) -> None:
        self.taken_back.append(secretary_id)
        self.took.set()

    def are_ready(self, secretary_ids: Collection[int]) -> None:
        self.ready = secretary_ids


class Peer:
    """Somebody at the other end."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader, self.writer = reader, writer

    def says(self, *messages: ToDaemon) -> Self:
        for message in messages:
            self.writer.write(line_of(message))
        return self

    def sends(self, data: bytes) -> Self:
        self.writer.write(data)
        return self

    async def hears(self) -> FromDaemon:
        return told_by(await asyncio.wait_for(self.reader.readline(), SOON))

    async def news(self) -> News:
        heard = await self.hears()
        assert isinstance(heard, News)
        return heard

    async def state(self) -> State:
        heard = await self.hears()
        assert isinstance(heard, State)
        return heard

    async def is_refused(self, why: str) -> None:
        """It is told so, and let go."""
        assert await self.hears() == Trouble(why)
        await self.is_let_go()

    async def is_let_go(self) -> None:
        with suppress(BrokenPipeError, ConnectionResetError):
            assert await asyncio.wait_for(self.reader.read(), SOON) == b""


class Desk:
    """A channel in a home of its own."""

    def __init__(self, home: Home, database: str = "") -> None:
        self.home, self.board = home, Board()
        self.rested: list[int] = []  # whose rest the store was told to end
        self.away = False  # the database
        self.telephones = Telephones()
        self.channel = Channel(
            home,
            self.board,  # type: ignore[arg-type]
            home.root.name,
            database,
            self._end_rest,
            self.telephones,  # type: ignore[arg-type]
        )
        self._peers: list[Peer] = []

    def _end_rest(self, secretary_id: int, at: datetime) -> None:
        if self.away:
            raise StoreUnavailable("away")
        self.rested.append(secretary_id)

    async def connects(self) -> Peer:
        with socket_name(self.home) as name:
            peer = Peer(*await asyncio.open_unix_connection(name, limit=64 * MEGABYTE))
        self._peers.append(peer)
        return peer

    def leave(self) -> None:
        for peer in self._peers:
            peer.writer.transport.abort()

    def commits(self, call: Call, *commands: WriteLetters | Reply, seq: int = 4) -> None:
        entry = Line(seq, AT, "Held", {"secretary": "Ana"})
        self.channel.committed([Save(call, False, (entry,), commands)])


@asynccontextmanager
async def desk(home: Home, database: str = "") -> AsyncIterator[Desk]:
    here = Desk(home, database)
    here.channel.adopted()
    running = asyncio.create_task(here.channel.run())
    try:
        while not path(home).exists():  # noqa: ASYNC110
            await asyncio.sleep(0)
        yield here
    finally:
        here.leave()
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)


@pytest.fixture
def home(tmp_path: Path) -> Home:
    """A path that no socket's name has room for."""
    folder = tmp_path / ("long" * 20) / "home"
    folder.mkdir(parents=True)
    return Home(folder)


def play(home: Home, act: Callable[[Desk], object]) -> None:
    """Runs a story on the loop that the daemon has."""

    async def run() -> None:
        async with desk(home) as here:
            await asyncio.wait_for(act(here), SOON)  # type: ignore[arg-type]

    uvloop.run(run())


# --- telephones in pages ----------------------------------------------------------------------------------------


def test_a_page_is_lent_a_telephone_and_it_is_taken_back(home: Home) -> None:
    async def story(here: Desk) -> None:
        peer = await here.connects()
        assert await peer.says(Lend(5, 1)).hears() == Lent(5, "ana_browser", "secret")
        assert await peer.says(Lend(6, 2)).hears() == Answered(6, AnswerKind.REFUSED, "not_now")
        peer.says(TakeBack(1))
        await here.telephones.took.wait()
        assert here.telephones.taken_back == [1]

    play(home, story)


def test_whose_page_can_be_rung_is_known_while_its_process_is_there(home: Home) -> None:
    async def story(here: Desk) -> None:
        peer = await here.connects()
        peer.says(Desks(frozenset({1, 2}), telephones=frozenset({1})))
        await here.board.arrived.wait()
        assert here.telephones.ready == {1}
        here.board.arrived.clear()
        here.leave()
        await here.board.arrived.wait()
        assert here.telephones.ready == set()

    play(home, story)


def test_what_another_daemon_says_of_pages_rings_none_here(home: Home) -> None:
    async def story(here: Desk) -> None:
        here.channel.desks_at("south", Desks(frozenset({1}), telephones=frozenset({1})))
        assert here.telephones.ready == set()

    play(home, story)


# --- who is let in ----------------------------------------------------------------------------------------------


def test_nobody_else_can_open_it(home: Home) -> None:
    async def story(here: Desk) -> None:
        assert stat.S_IMODE(path(home).stat().st_mode) == 0o600
        assert stat.S_IMODE(home.run.stat().st_mode) == 0o700

    play(home, story)
    assert not path(home).exists()


def test_a_socket_that_a_killed_daemon_left_is_replaced(home: Home) -> None:
    home.run.mkdir(mode=0o700)
    path(home).write_text("")

    async def story(here: Desk) -> None:
        assert (await (await here.connects()).says(Listen()).state()).number >= 0

    play(home, story)


def test_another_users_process_is_let_go_whatever_the_files_mode(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    """A process of this test plays the daemon of another user."""
    monkeypatch.setattr(under_test, "_ROOT", 1_000_000)
    monkeypatch.setattr(os, "geteuid", lambda: 1_000_001)

    async def story(here: Desk) -> None:
        peer = await here.connects()
        peer.says(Listen())
        await peer.is_let_go()

    play(home, story)


def test_of_a_thousand_connections_some_are_let_in_and_still_served(home: Home) -> None:
    async def story(here: Desk) -> None:
        first = await here.connects()
        await first.says(Listen()).state()
        crowd = [await here.connects() for _ in range(1000)]
        refused = [await peer.hears() for peer in crowd[under_test.MOST_PEERS :]]
        assert refused == [Trouble("too_many_connections")] * len(refused)
        here.commits(TALKING)
        assert (await first.news()).calls[0].id == "c1"
        for peer in crowd:
            peer.writer.transport.abort()
        while len(here.channel._peers) > 1:  # noqa: ASYNC110
            await asyncio.sleep(0)
        await (await here.connects()).says(Listen()).state()

    play(home, story)


# --- misuse -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "garbage",
    [
        b"\n",
        b"GET / HTTP/1.1\r\n",
        bytes(range(256)) + b"\n",
        b"[" * 10_000 + b"\n",
        b'{"type":"do"}\n',
        b'{"type":"do","id":"x","call":"c1","act":"consult","by":{"role":"secretary","name":"Ana"}}\n',
        b'{"type":"do","id":1,"call":"c1","act":"explode","by":{"role":"admin","name":"root"}}\n',
        b'{"type":"listen","after":1e400}\n',
        b'{"type":"state","epoch":"x","number":1}\n',
        b"null\n",
    ],
)
def test_who_speaks_otherwise_is_told_so_and_let_go(home: Home, garbage: bytes) -> None:
    async def story(here: Desk) -> None:
        await (await here.connects()).sends(garbage).is_refused("not_understood")
        assert here.board.posted == []

    play(home, story)


@pytest.mark.parametrize("end", [b"", b"\n"])
def test_a_line_of_ten_megabytes_is_not_kept(home: Home, end: bytes) -> None:
    async def story(here: Desk) -> None:
        peer = await here.connects()
        peer.sends(b"x" * 10 * MEGABYTE + end)
        assert await peer.hears() == Trouble("line_too_long")
        assert not [one for one in here.channel._peers if len(one._half) > 2 * under_test.LONGEST_LINE]

    play(home, story)


def test_half_a_line_asks_for_nothing_and_is_not_waited_for(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(under_test, "SAY_SOMETHING_WITHIN", 0.05)

    async def story(here: Desk) -> None:
        peer = await here.connects()
        peer.sends(line_of(Instruct(1, "c1", Act.SPAM, HER))[:-10])
        await peer.is_refused("silent")
        assert here.board.posted == []

    play(home, story)


def test_a_line_may_come_in_pieces_and_several_at_once(home: Home) -> None:
    async def story(here: Desk) -> None:
        peer = await here.connects()
        line = line_of(Instruct(1, "gone", Act.SPAM, HER))
        for place in range(len(line)):
            peer.sends(line[place : place + 1])
            await peer.writer.drain()
        assert await peer.hears() == Answered(1, AnswerKind.UNKNOWN)
        peer.sends(line * 3)
        assert [await peer.hears() for _ in range(3)] == [Answered(1, AnswerKind.UNKNOWN)] * 3

    play(home, story)


def test_who_does_not_read_is_passed_over_and_told_anew_when_it_does(home: Home) -> None:
    async def story(here: Desk) -> None:
        slow, quick = await here.connects(), await here.connects()
        await slow.says(Listen(lines=True)).state()
        await quick.says(Listen()).state()
        slow.writer.transport.pause_reading()  # type: ignore[attr-defined]
        long = "x" * 50_000
        for number in range(400):  # 20 MB
            entry = Line(number, AT, "Held", {"secretary": long})
            here.channel.committed([Save(msgspec.structs.replace(TALKING, offers=number), False, (entry,))])
            here.channel._tell()
            await quick.news()
        waiting = max(one._transport.get_write_buffer_size() for one in here.channel._peers)
        assert waiting < 2 * under_test.MOST_UNREAD
        slow.writer.transport.resume_reading()  # type: ignore[attr-defined]
        while not isinstance(heard := await slow.hears(), State):
            pass
        assert heard.number == here.channel._bulletin.number
        here.commits(TALKING)
        assert (await slow.news()).number == heard.number + 1

    play(home, story)


def test_who_asks_for_the_state_again_and_again_without_reading_is_told_it_as_he_reads(home: Home) -> None:
    async def story(here: Desk) -> None:
        here.commits(msgspec.structs.replace(TALKING, caller=Caller("+56912345678", "x" * 50_000)))
        peer = await here.connects()
        peer.writer.transport.pause_reading()  # type: ignore[attr-defined]
        peer.says(*[Listen()] * 1000)
        await peer.writer.drain()
        most = 0
        for _ in range(100):
            await asyncio.sleep(0)
            most = max([most, *(one._transport.get_write_buffer_size() for one in here.channel._peers)])
        assert 0 < most < 2 * under_test.MOST_UNREAD
        peer.writer.transport.resume_reading()  # type: ignore[attr-defined]
        peer.says(Instruct(1, "gone", Act.SPAM, HER))
        while not isinstance(heard := await peer.hears(), Answered):
            pass
        assert heard == Answered(1, AnswerKind.UNKNOWN)

    play(home, story)


def test_who_never_reads_is_ended(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(under_test, "UNREAD_FOR", 0.05)

    async def story(here: Desk) -> None:
        dead = await here.connects()
        await dead.says(Listen(lines=True)).state()
        dead.writer.transport.pause_reading()  # type: ignore[attr-defined]
        number = 0
        while here.channel._peers:
            number += 1
            entry = Line(number, AT, "Held", {"secretary": "x" * 50_000})
            here.channel.committed([Save(TALKING, False, (entry,))])
            here.channel._tell()
            await asyncio.sleep(0)

    play(home, story)


# --- asking -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("act", [act for act in Act if act not in SUPERVISORS_ACTS])
def test_what_is_asked_is_answered_once_when_it_is_committed(home: Home, act: Act) -> None:
    async def story(here: Desk) -> None:
        peer = (await here.connects()).says(Instruct(41, "c1", act, HER, contact=5))
        await here.board.arrived.wait()
        [(call_id, event)] = here.board.posted
        assert (call_id, event.secretary_id, event.asker) == ("c1", 1, "Ana")
        here.commits(TALKING, Reply(event.ticket))
        here.commits(TALKING, Reply(event.ticket))
        assert await peer.hears() == Answered(41, AnswerKind.DONE)
        peer.says(Listen())
        await peer.state()

    play(home, story)


JEFA = Asker(Role.SUPERVISOR, "jefa", user_id=9)


@pytest.mark.parametrize("act", sorted(SUPERVISORS_ACTS))
@pytest.mark.parametrize("role", [Role.SUPERVISOR, Role.ADMIN])
def test_what_a_supervisor_asks_for_comes_with_her_telephone(home: Home, act: Act, role: Role) -> None:
    async def story(here: Desk) -> None:
        peer = (await here.connects()).says(Instruct(41, "c1", act, Asker(role, "jefa", user_id=9)))
        await here.board.arrived.wait()
        [(_, event)] = here.board.posted
        assert isinstance(event, events.Supervising)
        assert (event.user_id, event.secretary_id, event.asker) == (9, None, "jefa")
        if isinstance(event, events.SupervisionAsked):
            assert (event.telephone, event.mode.value) == ("jefa-9", act.value)
        here.commits(TALKING, Reply(event.ticket))
        assert await peer.hears() == Answered(41, AnswerKind.DONE)

    play(home, story)


@pytest.mark.parametrize(
    ("role", "act", "anybodys"),
    [
        (Role.ADMIN, Act.END_SUPERVISION, True),
        (Role.ADMIN, Act.LEAVE, False),
        (Role.SUPERVISOR, Act.END_SUPERVISION, False),
    ],
)
def test_an_admin_alone_has_others_leave(home: Home, role: Role, act: Act, anybodys: bool) -> None:
    async def story(here: Desk) -> None:
        (await here.connects()).says(Instruct(41, "c1", act, Asker(role, "jefa", user_id=9)))
        await here.board.arrived.wait()
        [(_, event)] = here.board.posted
        assert isinstance(event, events.SupervisionEndAsked)
        assert event.anybodys is anybodys

    play(home, story)


@pytest.mark.parametrize(
    ("by", "act", "why"),
    [
        (HER, Act.END_SUPERVISION, "not_a_supervisor"),
        (Asker(Role.ADMIN, "root"), Act.END_SUPERVISION, "not_a_supervisor"),
        (HER, Act.LISTEN, "not_a_supervisor"),
        (Asker(Role.SECRETARY, "Ana", 1, user_id=9), Act.BARGE, "not_a_supervisor"),
        (Asker(Role.ADMIN, "root"), Act.WHISPER, "not_a_supervisor"),
        (Asker(Role.SUPERVISOR, "jefa"), Act.LISTEN, "not_a_supervisor"),
        (JEFA, Act.HAND_OVER, "not_hers"),
        (JEFA, Act.SPAM, "not_hers"),
    ],
)
def test_who_may_not_ask_for_that_is_refused_whatever_the_call(home: Home, by: Asker, act: Act, why: str) -> None:
    async def story(here: Desk) -> None:
        peer = (await here.connects()).says(Instruct(41, "c1", act, by))
        assert await peer.hears() == Answered(41, AnswerKind.REFUSED, why)
        assert not here.board.posted

    play(home, story)


def test_a_secretary_is_called_by_her_own_name_whatever_she_signs_in_with(home: Home) -> None:
    async def story(here: Desk) -> None:
        peer = await here.connects()
        peer.says(Instruct(1, "c1", Act.PAUSE_RECORDING, Asker(Role.SECRETARY, "ana.rojas", 1)))
        peer.says(Instruct(2, "c1", Act.PAUSE_RECORDING, Asker(Role.SECRETARY, "nobody.here", 9)))
        peer.says(Instruct(3, "c1", Act.PAUSE_RECORDING, Asker(Role.ADMIN, "root")))
        while len(here.board.posted) < 3:
            here.board.arrived.clear()
            await here.board.arrived.wait()
        assert [event.asker for _, event in here.board.posted] == ["Ana", "nobody.here", "root"]

    play(home, story)


def test_a_refusal_says_why(home: Home) -> None:
    async def story(here: Desk) -> None:
        peer = (await here.connects()).says(Instruct(1, "c1", Act.HAND_OVER, HER))
        await here.board.arrived.wait()
        here.commits(TALKING, Reply(here.board.posted[0][1].ticket, Refusal.NOT_NOW))
        assert await peer.hears() == Answered(1, AnswerKind.REFUSED, "not_now")

    play(home, story)


def test_a_secretary_without_a_number_is_no_admin(home: Home) -> None:
    async def story(here: Desk) -> None:
        peer = (await here.connects()).says(Instruct(1, "c1", Act.SPAM, Asker(Role.SECRETARY, "Ana")))
        assert await peer.hears() == Answered(1, AnswerKind.REFUSED, "not_hers")
        assert here.board.posted == []

    play(home, story)


def test_one_that_asks_too_much_at_once_is_refused_the_rest(home: Home) -> None:
    async def story(here: Desk) -> None:
        wishes = [Instruct(number, "c1", Act.SPAM, HER) for number in range(under_test.MOST_QUESTIONS + 1)]
        peer = (await here.connects()).says(*wishes)
        assert await peer.hears() == Answered(under_test.MOST_QUESTIONS, AnswerKind.REFUSED, "too_many_questions")

    play(home, story)


def test_what_was_not_answered_when_the_call_ends_is_unknown(home: Home) -> None:
    async def story(here: Desk) -> None:
        peer = (await here.connects()).says(Instruct(1, "c1", Act.SPAM, HER))
        await here.board.arrived.wait()
        here.commits(msgspec.structs.replace(TALKING, phase=Phase.ENDED, seat=None))
        assert await peer.hears() == Answered(1, AnswerKind.UNKNOWN)
        here.commits(TALKING, Reply(here.board.posted[0][1].ticket))
        peer.says(Listen())
        await peer.state()

    play(home, story)


def test_a_name_of_any_length_goes_to_another_daemon_with_what_is_asked(home: Home) -> None:
    async def story(here: Desk) -> None:
        relay = here.channel._relay = Relay("", "own", here.channel)
        here.channel.told_by("other", [call_now(msgspec.structs.replace(TALKING, id="c2"), 1)], (), look=False)
        long = msgspec.structs.replace(HER, name="Ñ" * 7000)
        (await here.connects()).says(Instruct(1, "c2", Act.SPAM, long))
        while not relay._waiting:  # noqa: ASYNC110
            await asyncio.sleep(0)
        asked = [msgspec.json.decode(line, type=Notice).ask for line in relay._waiting]
        assert [one and one.call for one in asked] == ["c2"]

    play(home, story)


def test_an_answer_that_an_earlier_daemon_had_asked_for_is_nobodys(home: Home) -> None:
    """Other daemons answer by the ticket, to the node's name: both may be the same after a restart."""

    async def story(here: Desk) -> None:
        before = Desk(home)
        before.channel.ask(_Nobody(), Instruct(1, "c1", Act.SPAM, HER))  # type: ignore[arg-type]
        (await here.connects()).says(Instruct(1, "c1", Act.SPAM, HER))
        await here.board.arrived.wait()
        assert here.board.posted[0][1].ticket != before.board.posted[0][1].ticket

    play(home, story)


class _Nobody:
    """A connection that is of no account."""

    questions = 0

    def answered(self, answer: Answered) -> None:
        raise AssertionError(answer)


def test_who_asked_and_left_is_forgotten(home: Home) -> None:
    async def story(here: Desk) -> None:
        peer = (await here.connects()).says(Instruct(1, "c1", Act.SPAM, HER))
        await here.board.arrived.wait()
        peer.writer.transport.abort()
        while here.channel._asked:  # noqa: ASYNC110
            await asyncio.sleep(0)
        here.commits(TALKING, Reply(here.board.posted[0][1].ticket))

    play(home, story)


# --- listening --------------------------------------------------------------------------------------------------


def test_a_listener_is_told_everything_once_and_then_the_news(home: Home) -> None:
    async def story(here: Desk) -> None:
        peer = (await here.connects()).says(Listen())
        state = await peer.state()
        assert [(call.id, call.phase, call.secretary, call.line) for call in state.calls] == [
            ("c1", "talking", "Ana", 3)
        ]
        assert [(one.name, one.registered, one.call) for one in state.secretaries] == [("Ana", True, "c1")]
        here.commits(msgspec.structs.replace(TALKING, phase=Phase.ENDED, seat=None), WriteLetters())
        news = await peer.news()
        assert (news.number, news.calls[0].phase, news.messages[0].call) == (state.number + 1, "ended", "c1")
        assert [(one.name, one.call) for one in news.secretaries] == [("Ana", "")]
        assert news.lines == ()
        assert (await (await here.connects()).says(Listen()).state()).calls == ()

    play(home, story)


def test_a_contact_whom_she_did_not_reach_is_told_of_until_she_does_something_else(home: Home) -> None:
    async def story(here: Desk) -> None:
        peer = await here.connects()
        await peer.says(Listen()).state()
        missed = Missed("Rosa Díaz", WhyNot.BUSY, AT)
        here.commits(msgspec.structs.replace(TALKING, missed=missed))
        [told] = (await peer.news()).calls
        assert told.missed == MissedNow("Rosa Díaz", "busy", AT)
        [call] = (await (await here.connects()).says(Listen()).state()).calls
        assert call.missed == told.missed
        here.commits(TALKING)
        assert (await peer.news()).calls[0].missed is None

    play(home, story)


def test_the_journals_lines_are_for_those_who_want_them(home: Home) -> None:
    async def story(here: Desk) -> None:
        peer = (await here.connects()).says(Listen(lines=True))
        await peer.state()
        here.commits(TALKING)
        assert [(line.call, line.seq, line.event) for line in (await peer.news()).lines] == [("c1", 4, "Held")]

    play(home, story)


def test_who_comes_back_is_told_what_was_missed(home: Home) -> None:
    async def story(here: Desk) -> None:
        first = (await here.connects()).says(Listen())
        state = await first.state()
        for number in range(3):
            here.commits(TALKING, seq=4 + number)
            await first.news()
        back = (await here.connects()).says(Listen(state.epoch, state.number + 1))
        assert [(await back.news()).number for _ in range(2)] == [state.number + 2, state.number + 3]
        here.commits(TALKING, seq=9)
        assert (await back.news()).calls[0].line == 9

    play(home, story)


@pytest.mark.parametrize(("epoch", "after"), [("another", 1), ("", 999), ("", 0)])
def test_what_cannot_be_told_again_is_told_as_a_whole(
    home: Home, epoch: str, after: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pbx_control.live.bulletin.WINDOW", 1)

    async def story(here: Desk) -> None:
        first = (await here.connects()).says(Listen())
        state = await first.state()
        for number in range(3):
            here.commits(TALKING, seq=4 + number)
            await first.news()
        back = (await here.connects()).says(Listen(epoch or state.epoch, after))
        assert (await back.state()).number == state.number + 3

    play(home, story)


def test_many_steps_in_a_moment_are_few_news(home: Home) -> None:
    async def story(here: Desk) -> None:
        peer = (await here.connects()).says(Listen(lines=True))
        state = await peer.state()
        for number in range(500):
            here.commits(TALKING, seq=4 + number)
        news, lines = await peer.news(), 0
        assert len(news.calls) == 1
        lines = len(news.lines)
        while lines < 500:
            news = await peer.news()
            lines += len(news.lines)
        assert (lines, news.calls[0].line) == (500, 503)
        assert news.number - state.number <= 2

    play(home, story)


def test_a_secretary_who_is_no_more_is_told_of(home: Home) -> None:
    async def story(here: Desk) -> None:
        peer = (await here.connects()).says(Listen())
        await peer.state()
        here.board.chairs = []
        here.channel.changed()
        assert [(one.name, one.gone) for one in (await peer.news()).secretaries] == [("Ana", True)]

    play(home, story)


# --- desks ------------------------------------------------------------------------------------------------------


def desks(open_: set[int], lost: set[int]) -> Desks:
    return Desks(frozenset(open_), frozenset(lost))


def test_whose_page_is_open_or_lost_holds_while_its_connection_lives(home: Home) -> None:
    async def story(here: Desk) -> None:
        web = (await here.connects()).says(desks({1, 2}, {3}))
        await here.board.arrived.wait()
        assert (here.board.open, here.board.lost) == ({1, 2}, {3})
        here.board.arrived.clear()
        web.writer.transport.abort()
        await here.board.arrived.wait()
        assert (here.board.open, here.board.lost) == (set(), set())

    play(home, story)


def test_a_flood_of_the_same_desks_is_one_change(home: Home) -> None:
    async def story(here: Desk) -> None:
        web = (await here.connects()).says(*[desks({1}, {2})] * 1000, Listen())
        await web.state()
        assert here.board.desks_told == 1

    play(home, story)


def test_two_web_processes_are_told_of_together(home: Home) -> None:
    async def story(here: Desk) -> None:
        for said in (desks({1}, {2}), desks({2}, {3})):
            web = (await here.connects()).says(said, Listen())
            await web.state()
        assert here.board.open == {1, 2}
        assert here.channel.own_desks() == desks({1, 2}, {2, 3})

    play(home, story)


def test_desks_at_a_daemon_that_dies_without_a_word_hold_for_a_while_only(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(under_test, "DESKS_TOLD_EVERY", 0.01)
    monkeypatch.setattr(under_test, "DESKS_HOLD", 0.05)

    async def story(here: Desk) -> None:
        here.channel.desks_at("other", desks({1}, {2}))
        assert (here.board.open, here.board.lost) == ({1}, {2})
        here.board.arrived.clear()
        repeating = asyncio.create_task(here.channel._repeat_desks())
        await here.board.arrived.wait()
        assert (here.board.open, here.board.lost) == (set(), set())
        repeating.cancel()

    play(home, story)


def test_another_daemon_that_begins_anew_tells_its_desks_anew(home: Home) -> None:
    async def story(here: Desk) -> None:
        here.channel.desks_at("other", desks({1}, set()))
        here.channel.node_began("other")
        assert here.board.open == set()
        here.channel.desks_at("other", desks({1}, set()))
        here.channel.all_tell_anew()
        assert here.board.open == set()

    play(home, story)


# --- after-call work --------------------------------------------------------------------------------------------


def test_work_that_is_over_ends_in_the_store_first_then_on_the_floor(home: Home) -> None:
    async def story(here: Desk) -> None:
        here.board.working = {(1, "c0")}
        web = (await here.connects()).says(Free(7, 1, "c0", "Ana"))
        assert await web.hears() == Answered(7, AnswerKind.DONE)
        assert (here.rested, here.board.working) == ([1], set())

    play(home, story)


@pytest.mark.parametrize("away", [True, False])
def test_work_that_she_does_not_have_or_that_cannot_be_written_ends_not(home: Home, away: bool) -> None:
    async def story(here: Desk) -> None:
        here.away = away
        here.board.working = {(1, "c0")}
        web = (await here.connects()).says(Free(7, 1, "c0" if away else "c9"))
        assert await web.hears() == Answered(7, AnswerKind.REFUSED, Refusal.NOT_NOW.value)
        assert here.board.working == {(1, "c0")}

    play(home, story)


def test_work_that_is_over_while_she_has_the_call_is_kept_by_the_call(home: Home) -> None:
    async def story(here: Desk) -> None:
        web = (await here.connects()).says(Free(7, 1, "c1", "Ana"))
        await here.board.arrived.wait()
        ((call_id, event),) = here.board.posted
        assert (call_id, type(event), event.secretary_id, event.asker) == ("c1", events.WorkDone, 1, "Ana")
        here.commits(TALKING, Reply(event.ticket))
        assert await web.hears() == Answered(7, AnswerKind.DONE)
        assert here.rested == []

    play(home, story)


def test_if_the_call_has_let_go_of_her_meanwhile_it_is_her_work_that_ends(home: Home) -> None:
    async def story(here: Desk) -> None:
        web = (await here.connects()).says(Free(7, 1, "c1", "Ana"))
        await here.board.arrived.wait()
        here.board.working = {(1, "c1")}
        here.commits(msgspec.structs.replace(TALKING, phase=Phase.ENDED, seat=None))
        assert await web.hears() == Answered(7, AnswerKind.DONE)
        assert here.rested == [1]

    play(home, story)


def test_more_questions_than_anybody_asks_are_refused(home: Home) -> None:
    async def story(here: Desk) -> None:
        web = (await here.connects()).says(*[Free(number, 1, "c1") for number in range(under_test.MOST_QUESTIONS + 1)])
        assert await web.hears() == Answered(under_test.MOST_QUESTIONS, AnswerKind.REFUSED, "too_many_questions")

    play(home, story)
