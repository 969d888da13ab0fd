"""The runner on a real writer and a real database: what is saved, in which order, and what is told to the switch."""

import asyncio
import json
import threading
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from acting import by_admin
from fake_switch import FakeSwitch
from msgspec import structs
from sqlalchemy import Engine, event, func, insert, select, text
from structlog.testing import capture_logs
from structlog.typing import EventDict

from pbx_control.clock import now
from pbx_control.domain.call.commands import ClaimSeat, InspectFiles, Ring, WriteLetters
from pbx_control.domain.call.events import (
    CallerLeft,
    CallerTakenOver,
    DeadlinePassed,
    FilesInspected,
    PromptEnded,
    Recovered,
    SecretaryLeft,
    SwitchRefused,
)
from pbx_control.domain.call.journal import Line
from pbx_control.domain.call.model import Call, Caller, Deadline, Outcome, Phase, Seat
from pbx_control.domain.call.saving import Save
from pbx_control.domain.money.plans import Plan
from pbx_control.domain.office import Client, Did, Office, Secretary
from pbx_control.domain.opening.admission import sounds_for
from pbx_control.domain.opening.hours import ALWAYS
from pbx_control.live import writer
from pbx_control.live.directory import Directory
from pbx_control.live.switchboard import Switchboard
from pbx_control.live.writer import Writer
from pbx_control.services import subscriptions
from pbx_control.services.steps import Rules, save
from pbx_control.settings import Home, Settings
from pbx_control.store import calls, ledger
from pbx_control.store.engine import open_engine, reading, writing
from pbx_control.store.tables import call as call_table
from pbx_control.store.tables import client, journal, letter, recipient, seat_claim, secretary

SOON = 60.0  # a test that waits longer has failed, seconds
DID = "+56225550101"
MARIA = Caller("+56223334455", "María")
SUMMER = datetime(2026, 1, 5, 15, tzinfo=UTC)
ANA, EVA = Secretary(1, "Ana", "ana", "x"), Secretary(2, "Eva", "eva", "x")
ANDES = Client(1, "andes", "Andes", week=ALWAYS, recording=True)


@pytest.fixture
def engine(sqlite_url: str, tmp_path: Path) -> Engine:
    """A database with one client, who has one recipient, and two secretaries."""
    opened = open_engine(Home(tmp_path), Settings())
    with writing(opened) as conn:
        conn.execute(insert(client).values(id=1, slug="andes", name="Andes", week="always", created_at=SUMMER))
        conn.execute(insert(recipient).values(client_id=1, channel="email", address="gerencia@andes.example"))
        for one in (ANA, EVA):
            conn.execute(insert(secretary).values(id=one.id, name=one.name, user=one.user, password="x"))
    return opened


@pytest.fixture
def logged() -> Iterator[list[EventDict]]:
    """What is logged, instead of printing it."""
    with capture_logs() as lines:
        yield lines


class House:
    """A switchboard, its writer, and a switch; the switch's deeds come at once, prompts and limits never."""

    def __init__(self, engine: Engine, *secretaries: Secretary, client: Client = ANDES) -> None:
        self.engine = engine
        self.commits: list[Sequence[Save]] = []
        self.writer = Writer(engine, Rules("Casa"), self.commits.append)
        self.board = Switchboard(self.writer, self._perform, self._perform)
        self.switch = FakeSwitch(now, self._later, lambda call, happening: self.board.post(call, happening))
        directory = Directory(Office(1, dids=(Did(DID, "", 1),), clients=(client,), secretaries=secretaries))
        # Prompts never end here: callers hear no notice before the ringing.
        directory._sounds[client.id] = structs.replace(sounds_for(client), welcome=())
        self.board.staff(directory, {})

    def _perform(self, call_id: str, command: object) -> None:
        self.switch.perform(call_id, command)  # type: ignore[arg-type]

    def _later(self, delay: timedelta, act: Callable[[], None]) -> None:
        if delay < timedelta(seconds=1):
            asyncio.get_running_loop().call_soon(act)

    def register(self, *users: str) -> None:
        for user in users:
            self.board.registered(user, True)

    def dials(self, call_id: str = "c1") -> bool:
        self.switch.caller_enters(call_id, timedelta(seconds=120))
        return self.board.arrive(call_id, DID, MARIA)

    def phase(self, call_id: str = "c1") -> Phase | None:
        call = self.board.call(call_id)
        return call.phase if call else None

    def lines(self, call_id: str = "c1") -> list[str]:
        """The events of a call's journal in the database; its numbers have no gap."""
        with reading(self.engine) as conn:
            rows = conn.execute(select(journal).where(journal.c.call_id == call_id).order_by(journal.c.seq)).all()
        assert [row.seq for row in rows] == list(range(1, len(rows) + 1))
        return [row.event for row in rows]

    def row(self, call_id: str = "c1"):  # type: ignore[no-untyped-def]
        with reading(self.engine) as conn:
            return conn.execute(select(call_table).where(call_table.c.id == call_id)).one_or_none()

    def count(self, table) -> int:  # type: ignore[no-untyped-def]
        with reading(self.engine) as conn:
            return conn.scalar(select(func.count()).select_from(table)) or 0

    async def calm(self) -> None:
        """Until nothing is under way, neither here nor at the switch."""
        for _ in range(5):
            await self.board.drained()
            await asyncio.sleep(0)


@asynccontextmanager
async def house(engine: Engine, *secretaries: Secretary, **options: Client) -> AsyncIterator[House]:
    opened = House(engine, *secretaries, **options)
    try:
        yield opened
    finally:
        await opened.calm()
        await opened.writer.close()


@asynccontextmanager
async def locked(engine: Engine) -> AsyncIterator[None]:
    """Another writer holds the database: the next commit waits for it."""
    with engine.connect() as other:
        other.execute(text("UPDATE revision SET number = number"))
        yield


# --- saving -----------------------------------------------------------------------------------------------------


async def test_a_call_from_its_arrival_to_its_letter(engine: Engine) -> None:
    async with house(engine, ANA) as here:
        here.register("ana")
        assert here.dials()
        await here.calm()
        assert here.phase() is Phase.OFFERING
        here.switch.answers("c1-secretary-1")
        await here.calm()
        assert here.switch.heard_by("c1") == "ana"
        here.switch.leaves("c1")
        await here.calm()
        assert (here.phase(), here.board.calls, here.count(seat_claim)) == (None, [], 0)
        assert (here.row().outcome, here.row().state, here.row().secretary_id) == ("answered", None, 1)
        assert here.count(letter) == 1
        assert here.lines()[:5] == ["CallArrived", "Offered", "SeatClaimed", "SecretaryRinging", "SecretaryAnswered"]
        assert here.lines()[-1] == "FilesInspected"


async def test_arrival_and_offer_are_handed_to_the_writer_together(engine: Engine) -> None:
    async with house(engine, ANA) as here:
        here.register("ana")
        handed: list[Save] = []
        here.writer.saved = lambda steps: handed.extend(steps) or done(True)  # type: ignore[method-assign,func-returns-value]
        here.dials()
        await asyncio.sleep(0)
        assert [entry.event for save in handed for entry in save.entries] == ["CallArrived", "Offered", "SeatClaimed"]


def done(value: bool) -> "asyncio.Future[bool]":
    future = asyncio.get_running_loop().create_future()
    future.set_result(value)
    return future


async def until(true: Callable[[], bool]) -> None:
    """Waits for what another thread does."""
    async with asyncio.timeout(SOON):
        while not true():  # noqa: ASYNC110 — nobody sets an event for us
            await asyncio.sleep(0.005)


async def test_what_waits_is_saved_by_one_commit(engine: Engine) -> None:
    async with house(engine) as here:
        async with locked(engine):
            here.dials("c0")
            await until(lambda: here.writer._in_hand_since is not None)
            for number in range(1, 41):
                here.dials(f"c{number}")
            await asyncio.sleep(0)
        await here.calm()
        assert [len(saves) for saves in here.commits] == [1, 40]
        assert here.count(call_table) == 41


async def test_nothing_is_told_to_the_switch_before_it_is_saved(engine: Engine) -> None:
    saved_when_told: list[bool] = []
    async with house(engine, ANA) as here:
        here.register("ana")
        here.board._perform = lambda call_id, command: saved_when_told.append(here.row(call_id) is not None)
        here.dials()
        await here.calm()
    assert saved_when_told
    assert all(saved_when_told)


async def test_she_is_freed_and_claimed_again_by_one_commit(engine: Engine) -> None:
    seat = Seat(1, "ana", "Ana")
    async with house(engine, ANA) as here:
        here.register("ana")
        here.dials("c1")
        await here.calm()
        here.switch.answers("c1-secretary-1")
        await here.calm()
        async with locked(engine):
            here.dials("c0")  # something for the writer to wait with
            await until(lambda: here.writer._in_hand_since is not None)
            here.board.post("c0", SwitchRefused(now(), "Play", "x"))
            here.switch.leaves("c1-secretary-1")
            here.switch.leaves("c1")
            await asyncio.sleep(0)
            await asyncio.sleep(0)
        await here.calm()
        assert here.board.call("c0").seat == seat  # type: ignore[union-attr]
        assert "OfferLost" not in here.lines("c0")
        assert here.count(seat_claim) == 1


# --- claims ---------------------------------------------------------------------------------------------------------


async def test_a_claim_that_another_daemon_won_rings_nobody_and_leaves_no_trace(engine: Engine) -> None:
    with writing(engine) as conn:
        other = {"id": "other", "client_id": 1, "did": DID, "caller": "", "phase": "talking", "arrived_at": SUMMER}
        conn.execute(insert(call_table).values(**other, state=b"{}"))
        conn.execute(insert(seat_claim).values(secretary_id=1, call_id="other"))
    async with house(engine, ANA) as here:
        here.register("ana")
        here.dials()
        await here.calm()
        assert here.phase() is Phase.WAITING
        assert [command for _, command in here.switch.done if isinstance(command, Ring)] == []
        assert here.lines() == ["CallArrived", "OfferLost"]
        (ana,) = here.board.chairs
        assert (ana.held_by, ana.free_from > now()) == ("", True)


async def test_after_a_lost_claim_the_next_secretary_is_asked(engine: Engine) -> None:
    with writing(engine) as conn:
        other = {"id": "other", "client_id": 1, "did": DID, "caller": "", "phase": "talking", "arrived_at": SUMMER}
        conn.execute(insert(call_table).values(**other, state=b"{}"))
        conn.execute(insert(seat_claim).values(secretary_id=1, call_id="other"))
    async with house(engine, ANA, EVA) as here:
        here.register("ana", "eva")
        here.dials()
        await here.calm()
        assert here.switch.telephone("eva") == "c1-secretary-2"
        assert here.lines()[:4] == ["CallArrived", "OfferLost", "Offered", "SeatClaimed"]


async def test_an_offer_that_finds_its_caller_gone_frees_her_for_the_next(engine: Engine) -> None:
    async with house(engine, ANA) as here:
        here.dials("c1")
        here.dials("c2")
        await here.calm()
        here.switch.leaves("c1")  # in the inbox before the offer
        here.register("ana")
        await here.calm()
        assert here.board.call("c2").phase is Phase.OFFERING  # type: ignore[union-attr]
        assert here.switch.telephone("ana") == "c2-secretary-1"
        assert here.row("c1").outcome == "missed"


# --- a database that is slow, away, or refuses ------------------------------------------------------------------------


async def test_a_slow_database_holds_up_no_live_call_and_gets_every_step_in_order(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    for module in ("pbx_control.live.switchboard.SLOW", "pbx_control.live.writer.SLOW"):
        monkeypatch.setattr(module, 0.05)
    async with house(engine, ANA) as here:
        here.register("ana")
        here.dials()
        await here.calm()
        async with locked(engine):
            here.switch.answers("c1-secretary-1")
            await until(lambda: here.switch.heard_by("c1") == "ana")
            await until(lambda: here.writer.stalled)
            assert here.dials("c2") is False
            assert here.row().phase == "offering"
            here.switch.leaves("c1")
            await until(lambda: here.phase() is None)
        await until(lambda: here.row().state is None)
        assert here.lines()[4:6] == ["SecretaryAnswered", "CallerLeft"]
        assert (here.row().outcome, here.count(letter), here.count(seat_claim)) == ("answered", 1, 0)
        await until(lambda: not here.writer.stalled)
        assert here.dials("c3") is True


async def test_a_database_that_is_away_is_asked_again(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(writer, "RETRY_EVERY", 0.01)
    refusals = iter([True, True])

    def away(*_: object) -> None:
        if next(refusals, False):
            raise writer.StoreUnavailable("the database cannot be used: {why}", why="away")

    event.listen(engine, "begin", away)
    async with house(engine) as here:
        here.dials()
        await until(lambda: len(here.commits) == 1)
        event.remove(engine, "begin", away)
        assert here.lines() == ["CallArrived"]


async def test_a_step_that_the_database_refuses_stops_no_other(engine: Engine, logged: list[EventDict]) -> None:
    async with house(engine) as here:
        for call_id in ("c0", "c1", "poison"):
            here.dials(call_id)
        await here.calm()
        with writing(engine) as conn:
            conn.execute(text("DELETE FROM journal WHERE call_id = 'poison'"))
            conn.execute(text("DELETE FROM call WHERE id = 'poison'"))
        async with locked(engine):
            here.board.post("c0", SwitchRefused(now(), "Play", "for the writer to wait with"))
            await until(lambda: here.writer._in_hand_since is not None)
            here.board.post("poison", SwitchRefused(now(), "Play", "its row is gone"))
            here.board.post("c1", SwitchRefused(now(), "Play", "x"))
            await asyncio.sleep(0)
        await here.calm()
        assert here.lines("c1") == ["CallArrived", "SwitchRefused"]
        assert here.lines("poison") == []
        assert [line["call"] for line in logged] == ["poison"]


async def test_a_letter_that_cannot_be_written_does_not_end_the_writer(
    engine: Engine, monkeypatch: pytest.MonkeyPatch, logged: list[EventDict]
) -> None:
    def broken(*_: object) -> None:
        raise KeyError("no such phrase")

    monkeypatch.setattr("pbx_control.services.messages.compose", broken)
    async with house(engine) as here:
        here.dials("c1")
        await here.calm()
        here.switch.leaves("c1")
        await here.calm()
        here.dials("c2")
        await here.calm()
        assert here.lines("c2") == ["CallArrived"]
        assert [line["event"] for line in logged] == ["a step was refused by the database"]


# --- a new daemon ---------------------------------------------------------------------------------------------------


async def test_a_new_daemon_adopts_what_the_old_one_left(engine: Engine) -> None:
    async with house(engine, ANA) as old:
        old.register("ana")
        old.dials("c1")
        await old.calm()
        old.dials("c2")
        await old.calm()
        left = {call.id: call for call in old.board.calls}
    async with house(engine, ANA, EVA) as new:
        with reading(engine) as conn:
            live = calls.live(conn, "main")
            lengths = calls.journal_lengths(conn, left)
        assert {call.id: call for call in live} == left
        for call in live:
            new.board.adopt(call, lengths[call.id])
        new.board.staff(Directory(Office(2, secretaries=(ANA, EVA))), {})
        ana, _eva = new.board.chairs
        assert ana.held_by == "c1"
        new.register("ana", "eva")
        await new.calm()
        assert new.switch.rung == {"c2-secretary-1"}
        new.board.post("c1", Recovered(now(), picked_up=False))
        await new.calm()
        assert new.lines("c1")[-1] == "Recovered"
        assert new.lines("c2")[:4] == ["CallArrived", "Offered", "SeatClaimed", "SecretaryRinging"]


FULL = Call(
    "c1",
    facts=Directory(Office(1, dids=(Did(DID, "", 1),), clients=(ANDES,))).facts(DID, SUMMER),
    caller=MARIA,
    arrived_at=SUMMER,
    waiting_since=SUMMER,
    seat=Seat(1, "ana", "Ana", timedelta(seconds=20)),
    offers=2,
    refused_at={1: SUMMER, 2: SUMMER + timedelta(seconds=9)},
    deadlines={name: SUMMER + timedelta(seconds=number) for number, name in enumerate(Deadline)},
    outcome=Outcome.ANSWERED,
    answered_by=Seat(1, "ana", "Ana"),
    answered_at=SUMMER + timedelta(milliseconds=4),
    recording="2026/01/05/c1.wav",
)


@pytest.mark.parametrize("phase", [phase for phase in Phase if phase not in (Phase.ARRIVING, Phase.ENDED)])
def test_a_call_in_any_phase_comes_back_as_it_was_saved(engine: Engine, phase: Phase) -> None:
    call = structs.replace(FULL, phase=phase)
    entry = Line(1, SUMMER, "CallArrived", {})
    with writing(engine) as conn:
        assert save(conn, [Save(call, True, (entry,), (ClaimSeat(1),))], Rules("Casa")) == [True]
    with reading(engine) as conn:
        assert calls.live(conn, "main") == [call]


def test_a_call_that_an_older_daemon_kept_is_read() -> None:
    kept = b'{"id": "c1", "words": {"c1-secretary-1": "c1-secretary-1-word-1"}}'
    assert calls._decode(kept).spoken_prompts == {"c1-secretary-1": "c1-secretary-1-word-1"}
    assert calls._decode(calls._encode(calls._decode(kept))) == calls._decode(kept)


def test_a_call_that_is_over_is_live_no_more_and_has_its_letter_once(engine: Engine) -> None:
    over = structs.replace(FULL, phase=Phase.ENDED, ended_at=SUMMER + timedelta(minutes=1), deadlines={})
    steps = [
        Save(FULL, True, (Line(1, SUMMER, "CallArrived", {}),), (ClaimSeat(1),)),
        Save(over, False, (Line(2, SUMMER, "FilesInspected", {}),), (WriteLetters(),)),
        Save(over, False, (Line(3, SUMMER, "Other", {}),), (WriteLetters(),)),
    ]
    with writing(engine) as conn:
        assert save(conn, steps, Rules("Casa")) == [True, True, True]
    with reading(engine) as conn:
        assert calls.live(conn, "main") == []
        assert conn.scalar(select(func.count()).select_from(letter)) == 1
    with writing(engine) as conn:
        calls.release_forgotten_seats(conn)
        assert conn.scalar(select(func.count()).select_from(seat_claim)) == 0


# --- arriving and time ------------------------------------------------------------------------------------------------


async def test_a_number_that_nobody_knows_goes_to_the_fallback(engine: Engine) -> None:
    async with house(engine) as here:
        assert here.board.arrive("c1", "+56229999999", MARIA) is False
        assert here.board.calls == []


async def test_a_caller_whom_the_comparison_found_first_does_not_arrive_twice(engine: Engine) -> None:
    async with house(engine) as here:
        assert here.dials()
        assert here.dials()
        await here.calm()
        assert here.lines() == ["CallArrived"]


async def test_deadlines_pass_by_themselves(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pbx_control.domain.call.flow.RINGING_LIMIT", timedelta(milliseconds=30))
    async with house(engine) as here:
        here.dials()
        await until(lambda: here.switch.legs["c1"].music)
        await here.calm()
        kept = here.lines()
        assert kept[:2] == ["CallArrived", "DeadlinePassed"]


async def test_a_timer_that_was_set_for_an_earlier_deadline_passes_no_later_one(engine: Engine) -> None:
    async with house(engine) as here:
        here.dials()
        await here.calm()
        here.board._deadline(here.board._calls["c1"])  # as it fires while the step that moves the deadline is saved
        await here.calm()
        assert here.lines() == ["CallArrived"]


async def test_what_comes_for_a_call_that_is_over_is_dropped(engine: Engine) -> None:
    async with house(engine) as here:
        here.dials()
        await here.calm()
        here.switch.leaves("c1")
        await here.calm()
        before = here.lines()
        for late in (PromptEnded(now(), "c1-prompt-1"), DeadlinePassed(now(), Deadline.OFFER), FilesInspected(now())):
            here.board.post("c1", late)
        await here.calm()
        assert here.lines() == before


async def test_an_inspection_goes_to_who_looks_at_files(engine: Engine) -> None:
    looked: list[tuple[str, InspectFiles]] = []
    async with house(engine, ANA) as here:
        here.board._inspect = lambda call_id, command: looked.append((call_id, command))
        here.register("ana")
        here.dials()
        await here.calm()
        here.switch.answers("c1-secretary-1")
        await here.calm()
        here.switch.leaves("c1")
        await here.calm()
        (call_id, command) = looked[0]
        assert call_id == "c1"
        assert command.recording.endswith("/c1.wav")


async def test_a_new_revision_keeps_what_is_known_of_telephones(engine: Engine) -> None:
    async with house(engine, ANA) as here:
        here.register("ana")
        here.board.busy("ana", True)
        here.board.staff(Directory(Office(2, secretaries=(ANA, EVA))), {})
        chairs = {chair.seat.user: chair for chair in here.board.chairs}
        assert (chairs["ana"].registered, chairs["ana"].busy) == (True, True)
        assert (chairs["eva"].registered, chairs["eva"].busy) == (False, False)


async def test_the_journal_holds_what_happened_as_json(engine: Engine) -> None:
    async with house(engine, ANA) as here:
        here.register("ana")
        here.dials()
        await here.calm()
        with reading(engine) as conn:
            details = conn.scalars(select(journal.c.details).where(journal.c.call_id == "c1")).all()
        assert json.loads(details[0])["client"] == "andes"
        assert json.loads(details[1]) == {"secretary": "Ana", "phase": "offering"}


async def test_nothing_falls_due_and_nobody_is_offered_before_it_is_known_what_the_switch_has(engine: Engine) -> None:
    async with house(engine, ANA, EVA) as here:
        here.board.hold()
        here.register("ana", "eva")
        overdue = now() - timedelta(seconds=5)
        here.dials("c1")
        here.dials("c2")
        await here.calm()
        offered = structs.replace(
            here.board.call("c1"),
            phase=Phase.OFFERING,
            seat=Seat(1, "ana", "Ana"),
            offers=1,
            deadlines={Deadline.OFFER: overdue},
        )
        here.board.adopt(offered, seq=1)
        await asyncio.sleep(0.05)
        await here.calm()
        assert (here.phase("c1"), here.phase("c2")) == (Phase.OFFERING, Phase.WAITING)
        here.board.resume()
        await asyncio.sleep(0.05)
        await here.calm()
        assert (here.phase("c1"), here.phase("c2")) == (Phase.WITHDRAWING, Phase.OFFERING)


async def test_a_daemon_that_can_save_nothing_any_more_ends(engine: Engine, monkeypatch, logged) -> None:
    ended = threading.Event()
    monkeypatch.setattr(writer.os, "_exit", lambda status: ended.set())
    broken = Writer(engine, Rules("Casa"), lambda steps: None)
    broken._jobs.put("no job at all")
    assert await asyncio.to_thread(ended.wait, 5)
    assert logged[-1]["log_level"] == "critical"


# --- the client's calls ---------------------------------------------------------------------------------------------

COUNTED = replace(ANDES, metered=True, recording=False)


def grant(engine: Engine, calls: int) -> None:
    """Andes has a plan of so many calls a month."""
    with writing(engine) as conn:
        subscriptions.set_plan(
            by_admin(conn), Plan(name="mini", calls=calls, price=0, extra_call=0, contacts=0, calendars=0)
        )
        subscriptions.assign(by_admin(conn, now()), 1, "mini")


def books(engine: Engine) -> tuple[int, int]:
    """What is left and what is reserved; account and ledger agree."""
    with reading(engine) as conn:
        assert ledger.out_of_balance(conn) == []
        account = ledger.read(conn, 1)
    return account.left, account.reserved


async def test_of_many_callers_at_once_for_the_last_unit_one_is_served(engine: Engine) -> None:
    grant(engine, 1)
    async with house(engine, ANA, EVA, client=COUNTED) as here:
        here.register("ana", "eva")
        for number in range(20):
            assert here.dials(f"c{number}")
        await here.calm()
        phases = [here.phase(f"c{number}") for number in range(20)]
        assert phases == [Phase.OFFERING] + [Phase.PARTING] * 19
        assert [chair.held_by for chair in here.board.chairs].count("c0") == 1
        assert {chair.held_by for chair in here.board.chairs} == {"c0", ""}
        here.switch.answers("c0-secretary-1")
        await here.calm()
        assert here.row("c0").outcome == "answered"
        assert {here.row(f"c{number}").outcome for number in range(1, 20)} == {"exhausted"}
    assert books(engine) == (0, 0)


async def test_who_is_turned_away_is_told_of_once_in_the_journal(engine: Engine) -> None:
    grant(engine, 0)
    async with house(engine, ANA, client=COUNTED) as here:
        here.register("ana")
        assert here.dials()
        await here.calm()
        assert here.lines() == ["CallArrived"]
        with reading(engine) as conn:
            details = json.loads(conn.scalar(select(journal.c.details)) or "{}")
    assert (details["admission"], details["why"]) == ("exhausted", "out of calls")


async def test_a_refused_caller_who_hangs_up_at_once_is_over(engine: Engine) -> None:
    """Arrival, offer and goodbye are in one batch, of which nothing was to be had."""
    grant(engine, 0)
    async with house(engine, ANA, client=COUNTED) as here:
        here.register("ana")
        async with locked(engine):
            assert here.dials()
            here.switch.leaves("c1")
            await asyncio.sleep(0.05)
        await here.calm()
        assert here.phase() is None
        assert here.row().outcome == "exhausted"
        assert [chair.held_by for chair in here.board.chairs] == [""]
    assert books(engine) == (0, 0)


async def test_an_arrival_that_needs_a_unit_waits_for_the_database(engine: Engine) -> None:
    """Nobody knows yet whether it is to be served: no telephone rings for it."""
    grant(engine, 1)
    async with house(engine, ANA, client=COUNTED) as here:
        here.register("ana")
        async with locked(engine):
            assert here.dials()
            await asyncio.sleep(writer.SLOW + 0.3)
            assert here.switch.telephone("ana") is None
        await here.calm()
        assert here.phase() is Phase.OFFERING
    assert books(engine) == (1, 1)


async def test_a_caller_who_gives_up_leaves_his_unit_to_the_next(engine: Engine) -> None:
    grant(engine, 1)
    async with house(engine, ANA, client=COUNTED) as here:
        here.register("ana")
        assert here.dials("c1")
        await here.calm()
        here.switch.leaves("c1")
        await here.calm()
        assert books(engine) == (1, 0)
        assert here.dials("c2")
        await here.calm()
        assert here.phase("c2") is Phase.OFFERING


# --- what is heard before anybody knows what the switch has --------------------------------------------------------


async def test_who_leaves_before_the_comparison_was_answered_if_the_switch_had_joined_the_two(engine: Engine) -> None:
    async with house(engine, ANA) as here:
        here.register("ana")
        here.dials()
        await here.calm()
        here.board.hold()
        here.board.heard("c1", SecretaryLeft(now(), "c1-secretary-1", 16))
        here.board.heard("c1", CallerLeft(now(), 16))
        await here.calm()
        assert here.phase() is Phase.OFFERING
        here.board.post("c1", CallerTakenOver(now()))
        await here.calm()
        here.board.resume()
        await here.calm()
        assert (here.phase(), here.row().ended_at) == (None, None)  # the switch's own record says how it ended
        assert "CallerLeft" not in here.lines()


async def test_what_was_heard_meanwhile_happens_after_the_comparison_in_its_order(engine: Engine) -> None:
    async with house(engine, ANA) as here:
        here.register("ana")
        here.dials()
        await here.calm()
        here.board.hold()
        here.board.heard("c1", SecretaryLeft(now(), "c1-secretary-1", 16))
        here.board.heard("c1", CallerLeft(now(), 16))
        here.board.resume()
        await here.calm()
        assert [line for line in here.lines() if line.endswith("Left")] == ["SecretaryLeft", "CallerLeft"]
        assert here.row().outcome == "missed"
