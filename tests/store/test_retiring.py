"""A node that is gone for good: its calls end in the books as those of a switch that died, in any phase."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from itertools import count

import pytest
from accounts import FACTS, provide
from msgspec.structs import replace
from sqlalchemy import Connection, Engine, insert, select, update

from pbx_control.domain.audit import Actor, ActorKind
from pbx_control.domain.call.commands import ChargeUnit, ClaimSeat, ReserveUnit, StoreCommand
from pbx_control.domain.call.journal import Line
from pbx_control.domain.call.model import Call, Contact, Deadline, Outcome, Phase, Seat, Unit
from pbx_control.domain.call.saving import Save
from pbx_control.errors import ClientMistake
from pbx_control.live import retiring
from pbx_control.live.retiring import Retired, retire
from pbx_control.services.steps import Rules, save
from pbx_control.store import calls, ledger, nodes
from pbx_control.store.engine import reading, writing
from pbx_control.store.tables import (
    audit,
    call,
    journal,
    letter,
    node,
    recipient,
    seat_claim,
    secretary,
    unit_reservation,
)

RULES = Rules("Casa")
ADMIN = Actor(ActorKind.ADMIN, "root", "tty1")
ANA = Seat(1, "ana", "Ana")
ROSA = Contact(1, "Rosa", ("+56987654321",), 1)
BEGAN = datetime.now(UTC) - timedelta(minutes=30)
SEEN = BEGAN + timedelta(minutes=5)

ARRIVED = Call("a1", facts=FACTS, arrived_at=BEGAN, waiting_since=BEGAN, unit=Unit.RESERVED)
OFFERED = replace(ARRIVED, phase=Phase.OFFERING, seat=ANA, offers=1)
TALKING = replace(
    OFFERED,
    phase=Phase.TALKING,
    unit=Unit.CHARGED,
    outcome=Outcome.ANSWERED,
    answered_by=ANA,
    answered_at=BEGAN,
    talking_since=BEGAN,
    bridged=True,
    recording="2026/08/10/a1.wav",
    files_awaited=1,
)
WITH_ROSA = replace(TALKING, contact=ROSA, contact_legs=1, contact_here=True, consultations=1)
LIVE = {
    Phase.WELCOMING: replace(ARRIVED, phase=Phase.WELCOMING, prompts=1, prompt_playing=True),
    Phase.WAITING: replace(ARRIVED, phase=Phase.WAITING),
    Phase.OFFERING: OFFERED,
    Phase.WITHDRAWING: replace(OFFERED, phase=Phase.WITHDRAWING),
    Phase.TALKING: TALKING,
    Phase.CALLING_CONTACT: replace(WITH_ROSA, phase=Phase.CALLING_CONTACT),
    Phase.CONSULTING: replace(WITH_ROSA, phase=Phase.CONSULTING),
    Phase.CALLER_GONE: replace(TALKING, phase=Phase.CALLER_GONE, caller_here=False, ended_at=SEEN),
    Phase.HANDED_OVER: replace(
        WITH_ROSA, phase=Phase.HANDED_OVER, seat=None, transferred_to="Rosa", handed_over_at=BEGAN, letters_written=True
    ),
    Phase.TAKING_MESSAGE: replace(
        ARRIVED, phase=Phase.TAKING_MESSAGE, message="2026/08/10/a1-message-1.wav", messages=1
    ),
    Phase.PARTING: replace(ARRIVED, phase=Phase.PARTING, outcome=Outcome.CLOSED, prompt_playing=True),
    Phase.ENDING: replace(
        TALKING, phase=Phase.ENDING, caller_here=False, ended_at=SEEN, deadlines={Deadline.SETTLING: SEEN}
    ),
}


@pytest.fixture
def gone(engine: Engine) -> Engine:
    """The database as the node `a` opened it, which was last seen half an hour ago."""
    with writing(engine) as conn:
        provide(conn)
        conn.execute(insert(secretary).values(id=1, user="ana", name="Ana", password="x"))
        conn.execute(insert(recipient).values(client_id=1, channel="email", address="a@andes.example"))
        nodes.take(conn, "a", "there", "1")
        conn.execute(update(node).values(seen_at=SEEN))
    return engine.execution_options(pbx_node="a")


def remember(engine: Engine, one: Call) -> None:
    claims: list[StoreCommand] = [ReserveUnit()]
    claims += [ClaimSeat(1)] if one.seat else []
    claims += [ChargeUnit()] if one.unit is Unit.CHARGED else []
    with writing(engine) as conn:
        assert save(conn, [Save(one, True, (Line(1, BEGAN, "CallArrived", {}),), tuple(claims))], RULES) == [True]


@pytest.mark.parametrize("phase", LIVE)
def test_a_call_in_any_phase_is_settled_once(gone: Engine, engine: Engine, phase: Phase) -> None:
    remember(gone, LIVE[phase])
    assert retire(engine, "a", RULES, ADMIN) == Retired(calls=1, of_switch=0)
    with reading(engine) as conn:
        row = conn.execute(select(call)).one()
        lines = conn.execute(select(journal.c.seq, journal.c.event).order_by(journal.c.seq)).all()
        assert (row.phase, row.state, row.node) == ("ended", None, "a")
        assert BEGAN <= row.ended_at <= SEEN + timedelta(seconds=1)
        assert row.outcome in ("answered", "missed", "closed")
        assert (row.outcome == "answered") is (row.answered_at is not None)
        assert row.recording_flaw == ("missing" if row.recording else "")
        assert conn.execute(select(seat_claim)).all() == []
        assert conn.execute(select(unit_reservation)).all() == []
        assert ledger.out_of_balance(conn) == []
        assert [seq for seq, _ in lines] == list(range(1, len(lines) + 1))
        assert lines[1].event == "NodeRetired"
        # At a hand-over the letter was written before; who hears that it is closed is no news.
        written = 0 if phase in (Phase.HANDED_OVER, Phase.PARTING) else 1
        assert len(conn.execute(select(letter)).all()) == written
    assert retire(engine, "a", RULES, ADMIN) == Retired(calls=0, of_switch=0)
    with reading(engine) as conn:
        told = conn.execute(select(audit.c.verb, audit.c.subject, audit.c.who)).all()
    assert [entry for entry in told if entry.verb == "node retired"] == [("node retired", "a", "root")]


def test_a_message_that_nobody_can_hear_is_told_as_lost(gone: Engine, engine: Engine) -> None:
    remember(gone, replace(LIVE[Phase.TAKING_MESSAGE], message_began=BEGAN))
    retire(engine, "a", RULES, ADMIN)
    with reading(engine) as conn:
        row = conn.execute(select(call)).one()
        assert (row.outcome, row.message, row.message_flaw) == ("missed", "", "lost")


@pytest.mark.parametrize(("known", "outcome"), [(TALKING, "answered"), (ARRIVED, "missed")])
def test_a_call_that_its_switch_had_alone_ends_too(gone: Engine, engine: Engine, known: Call, outcome: str) -> None:
    remember(gone, known)
    with writing(gone) as conn:
        over = replace(known, phase=Phase.ENDED, taken_over=True, unit=Unit.NONE)
        save(conn, [Save(over, False, (Line(2, SEEN, "CallerTakenOver", {}),))], RULES)
    assert retire(engine, "a", RULES, ADMIN) == Retired(calls=0, of_switch=1)
    with reading(engine) as conn:
        row = conn.execute(select(call)).one()
        assert (row.outcome, row.ended_at) == (outcome, SEEN)
        assert len(conn.execute(select(letter)).all()) == 1
        assert ledger.out_of_balance(conn) == []


def test_the_calls_of_others_go_on(gone: Engine, engine: Engine) -> None:
    other = engine.execution_options(pbx_node="b")
    with writing(other) as conn:
        nodes.take(conn, "b", "here", "2")
    remember(other, replace(TALKING, id="b1"))
    assert retire(engine, "a", RULES, ADMIN) == Retired(calls=0, of_switch=0)
    with reading(engine) as conn:
        assert [one.id for one in calls.live(conn, "b")] == ["b1"]
    with pytest.raises(ClientMistake, match="the node b is alive"):
        retire(engine, "b", RULES, ADMIN)


def test_a_node_that_takes_calls_again_meanwhile_keeps_them(
    gone: Engine, engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its daemon was started while it was being retired: people talk on what it has adopted."""
    remember(gone, TALKING)
    transactions = count(1)

    @contextmanager
    def writing_while_it_starts(engine: Engine) -> Iterator[Connection]:
        if next(transactions) == 2:
            with writing(engine) as conn:
                nodes.take(conn, "a", "there", "2")
        with writing(engine) as conn:
            yield conn

    monkeypatch.setattr(retiring, "writing", writing_while_it_starts)
    with pytest.raises(ClientMistake, match="the node a takes calls again"):
        retire(engine, "a", RULES, ADMIN)
    with reading(engine) as conn:
        assert [one.phase for one in calls.live(conn, "a")] == [Phase.TALKING]
