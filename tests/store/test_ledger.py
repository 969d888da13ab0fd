"""The ledger in the store: every unit is used once, by whom it was kept for, whatever happens at once or dies."""

import subprocess
import sys
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from accounts import AT, answered, arriving, missed, provide, wrong_number
from acting import by_admin
from msgspec import structs
from sqlalchemy import Engine, delete, func, insert, select, update
from sqlalchemy.exc import DBAPIError

from pbx_control.domain.call.journal import Line
from pbx_control.domain.call.model import Caller, Outcome
from pbx_control.domain.call.saving import Save
from pbx_control.domain.money.plans import Plan
from pbx_control.domain.money.quota import Kind, Limits, Threshold, Uncounted
from pbx_control.domain.money.repeats import Arrived
from pbx_control.errors import ClientMistake, StoreUnavailable
from pbx_control.live.writer import Writer
from pbx_control.services import corrections, marks, subscriptions
from pbx_control.services.steps import Rules
from pbx_control.services.steps import save as save_steps
from pbx_control.services.taken_in import SwitchCall, take_in
from pbx_control.store import ledger, plans
from pbx_control.store.engine import reading, writing
from pbx_control.store.tables import account, bag, call, did, ledger_entry, letter, recipient, unit_reservation

RULES = Rules("Casa", limits=Limits(80, 5), bag_sizes=(25,))
PROCESS = Path(__file__).parent / "reserving_process.py"


@pytest.fixture
def office(engine: Engine) -> Engine:
    with writing(engine) as conn:
        provide(conn)
    return engine


def save(engine: Engine, *steps: Save) -> list[bool]:
    with writing(engine) as conn:
        return save_steps(conn, steps, RULES)


def left(engine: Engine, at: datetime = AT) -> tuple[int, int]:
    """What is left of the account, and what of it is reserved; the books are in balance."""
    with reading(engine) as conn:
        assert ledger.out_of_balance(conn) == []
        found = ledger.read(conn, 1)
    return found.left, found.reserved


def entries(engine: Engine) -> list[tuple[str, int, str | None]]:
    with reading(engine) as conn:
        rows = conn.execute(select(ledger_entry).order_by(ledger_entry.c.id)).all()
    return [(row.kind, row.units, row.call_id) for row in rows]


# --- one call ---------------------------------------------------------------------------------------------


def test_an_answered_call_uses_the_unit_that_was_kept_for_it(office: Engine) -> None:
    assert save(office, arriving("c1")) == [True]
    assert left(office) == (10, 1)
    save(office, answered("c1"))
    assert left(office) == (9, 0)
    assert entries(office) == [("grant", 10, None), ("charge", -1, "c1")]


def test_a_missed_call_gives_it_back(office: Engine) -> None:
    save(office, arriving("c1"))
    save(office, missed("c1"))
    assert left(office) == (10, 0)


def test_a_wrong_number_is_taken_back_with_the_secretarys_name(office: Engine) -> None:
    save(office, arriving("c1"), answered("c1"), wrong_number("c1"))
    assert left(office) == (10, 0)
    assert entries(office) == [("grant", 10, None), ("charge", -1, "c1"), ("reversal", 1, "c1")]
    with reading(office) as conn:
        assert conn.scalar(select(ledger_entry.c.why).where(ledger_entry.c.units == 1)) == "wrong-number: Ana"


def test_a_wrong_number_that_the_admin_has_marked_is_not_taken_back_twice(office: Engine) -> None:
    save(office, arriving("c1"), answered("c1"))
    with writing(office) as conn:
        corrections.uncount(conn, "c1", Uncounted.TEST, "", AT)
    assert save(office, wrong_number("c1"), arriving("c2")) == [True, True]
    assert left(office) == (10, 1)


def test_nothing_is_charged_twice(office: Engine) -> None:
    save(office, arriving("c1"))
    save(office, answered("c1"))
    with writing(office) as conn:
        assert ledger.charge(conn, 1, Arrived("c1", "", AT), AT, Limits()) is None
    assert left(office) == (9, 0)


def test_arrival_and_answer_in_one_commit(office: Engine) -> None:
    assert save(office, arriving("c1"), answered("c1"), arriving("c2"), missed("c2")) == [True] * 4
    assert left(office) == (9, 0)


def test_a_call_that_the_switch_answered_alone_may_overdraw(office: Engine) -> None:
    for number in range(10):
        save(office, arriving(f"c{number}"), answered(f"c{number}"))
    save(office, Save(arriving("alone").call, True, arriving("alone").entries))
    with writing(office) as conn:
        charged = ledger.charge(conn, 1, Arrived("alone", "", AT), AT, Limits())
    assert charged
    assert left(office) == (-1, 0)
    assert save(office, arriving("next")) == [False]


def test_a_client_without_a_plan_is_not_counted(office: Engine) -> None:
    with writing(office) as conn:
        conn.execute(delete(account))
        assert ledger.reserve(conn, 1, "c1", AT)
        assert ledger.charge(conn, 1, Arrived("c1", "", AT), AT, Limits()) is None


@pytest.mark.parametrize(("caller", "cost"), [("+56911110000", 0), ("+56911110001", 0), ("+56911110002", 1)])
def test_of_what_the_switch_served_alone_marked_callers_cost_nothing(office: Engine, caller: str, cost: int) -> None:
    with writing(office) as conn:
        conn.execute(insert(did).values(number="+56225550101", country="CL", area="2", client_id=1))
        marks.mark(by_admin(conn), "+56911110000", "test", "ours")
        marks.mark(by_admin(conn), "+56911110001", "blocked", "threats", "andes")
        alone = SwitchCall(
            id="c1",
            did="+56225550101",
            caller=caller,
            caller_name="",
            arrived_at=AT,
            ended_at=AT,
            outcome=Outcome.ANSWERED,
            answered_at=AT,
        )
        assert take_in(conn, alone, RULES)
    assert left(office) == (10 - cost, 0)


# --- the last unit ----------------------------------------------------------------------------------------


def test_of_a_hundred_in_one_commit_one_gets_the_last_unit(engine: Engine) -> None:
    with writing(engine) as conn:
        provide(conn, calls=1)
    assert save(engine, *(arriving(f"c{number}") for number in range(100))) == [True] + [False] * 99
    with reading(engine) as conn:
        assert conn.scalar(select(func.count()).select_from(call)) == 1
    save(engine, answered("c0"))
    assert left(engine) == (0, 0)


def test_what_one_gives_back_the_next_of_the_same_commit_may_have(engine: Engine) -> None:
    with writing(engine) as conn:
        provide(conn, calls=1)
    save(engine, arriving("c1"))
    assert save(engine, missed("c1"), arriving("c2"), arriving("c3")) == [True, True, False]


def test_later_steps_of_a_call_that_was_refused_are_not_remembered(engine: Engine) -> None:
    with writing(engine) as conn:
        provide(conn, calls=1)
    save(engine, arriving("c1"))
    assert save(engine, arriving("c2"), missed("c2")) == [False, False]
    assert left(engine) == (1, 1)


async def test_beside_a_step_that_no_database_takes_a_refused_call_is_refused_whole(engine: Engine) -> None:
    with writing(engine) as conn:
        provide(conn, calls=0)
    spoilt = arriving("c0")
    spoilt = replace(spoilt, call=structs.replace(spoilt.call, caller=Caller("\ud800")), commands=())
    writer = Writer(engine, RULES, lambda steps: None)
    second = Save(arriving("c1").call, False, (Line(2, AT, "Offered", {}),))
    assert writer._commit([spoilt, arriving("c1"), second, arriving("c2")])[1:] == [False, False, False]
    await writer.close()
    assert left(engine) == (0, 0)


def test_four_daemons_and_a_hundred_calls_for_the_last_unit(engine: Engine) -> None:
    with writing(engine) as conn:
        provide(conn, calls=1)
    got = [int(said) for said in compete(engine, processes=4, each=25)]
    assert sum(got) == 1
    assert left(engine) == (1, 1)


def test_a_daemon_that_is_killed_before_its_commit_reserves_nothing(engine: Engine) -> None:
    with writing(engine) as conn:
        provide(conn, calls=1)
    assert compete(engine, processes=1, each=1, options=("die",)) == [""]
    assert left(engine) == (1, 0)
    assert save(engine, arriving("next")) == [True]


def compete(engine: Engine, *, processes: int, each: int, options: Sequence[str] = ()) -> list[str]:
    """So many processes at once reserve units for so many calls each; what each said last."""
    url = engine.url.render_as_string(hide_password=False)
    running = [
        subprocess.Popen(
            [sys.executable, str(PROCESS), url, f"{number}-", str(each), *options],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        for number in range(processes)
    ]
    for one in running:
        assert one.stdout
        assert one.stdout.readline() == "ready\n"
    for one in running:
        assert one.stdin
        one.stdin.write("go\n")
        one.stdin.flush()
    return [one.communicate()[0].strip() for one in running]


def test_what_a_call_that_is_over_has_kept_is_found(office: Engine) -> None:
    save(office, arriving("c1"))
    with writing(office) as conn:
        conn.execute(update(call).values(state=None))
        assert ledger.release_forgotten(conn) == 1
    assert left(office) == (10, 0)


# --- periods, bags, plans ---------------------------------------------------------------------------------


def test_the_first_call_of_a_new_period_begins_it(office: Engine) -> None:
    late = AT + timedelta(days=31)
    assert save(office, arriving("c1", late), answered("c1", late)) == [True, True]
    assert entries(office)[1:] == [("expiry", -10, None), ("grant", 10, None), ("charge", -1, "c1")]


def test_periods_of_clients_that_nobody_calls_begin_too(office: Engine) -> None:
    with writing(office) as conn:
        assert ledger.roll_over_due(conn, AT + timedelta(days=1)) == 0
        assert ledger.roll_over_due(conn, AT + timedelta(days=40)) == 1
    assert left(office) == (10, 0)


def test_a_bag_works_from_the_next_call_on(engine: Engine) -> None:
    with writing(engine) as conn:
        provide(conn, calls=1)
    save(engine, arriving("c1"), answered("c1"))
    assert save(engine, arriving("c2")) == [False]
    with writing(engine) as conn:
        ledger.add_bag(conn, 1, 25, 17_500, AT)
    assert save(engine, arriving("c3"), answered("c3")) == [True, True]
    assert left(engine) == (24, 0)


def test_a_bag_carries_over_and_the_older_one_goes_first(engine: Engine) -> None:
    with writing(engine) as conn:
        provide(conn, calls=0)
        for size in (1, 25):
            ledger.add_bag(conn, 1, size, 700 * size, AT)
    late = AT + timedelta(days=31)
    for number in range(2):
        save(engine, arriving(f"c{number}", late), answered(f"c{number}", late))
    with reading(engine) as conn:
        assert conn.scalars(select(bag.c.left).order_by(bag.c.id)).all() == [0, 24]


def test_a_cancelled_client_is_granted_nothing_more(office: Engine) -> None:
    with writing(office) as conn:
        assert plans.end(conn, 1, AT)
        assert not plans.end(conn, 1, AT)
        ledger.roll_over_due(conn, AT + timedelta(days=40))
    assert left(office) == (0, 0)


@pytest.mark.parametrize("begun", [True, False])
def test_who_comes_back_in_a_later_month_is_granted_all_of_it_as_he_pays_it(office: Engine, begun: bool) -> None:
    later = AT + timedelta(days=55)
    with writing(office) as conn:
        plans.end(conn, 1, AT + timedelta(days=3))
        if begun:
            ledger.roll_over_due(conn, later)
        subscriptions.assign(by_admin(conn, later), 1, "inicial")
    assert left(office) == (10, 0)


def test_who_comes_back_in_the_month_in_which_he_left_has_what_he_had(office: Engine) -> None:
    save(office, arriving("c1"))
    save(office, answered("c1"))
    with writing(office) as conn:
        plans.end(conn, 1, AT + timedelta(days=3))
        subscriptions.assign(by_admin(conn, AT + timedelta(days=4)), 1, "inicial")
    assert left(office) == (9, 0)


def test_another_plan_changes_what_is_left_at_once(office: Engine) -> None:
    with writing(office) as conn:
        subscriptions.set_plan(
            by_admin(conn), Plan(name="pro", calls=72, price=90_000, extra_call=500, contacts=6, calendars=3)
        )
        subscriptions.assign(by_admin(conn, AT + timedelta(days=15)), 1, "pro")
    assert left(office)[0] == 10 + 32  # 16 of 31 days are left
    with reading(office) as conn:
        assert [(each.plan.name, each.until is None) for each in plans.history(conn, 1)] == [
            ("inicial", False),
            ("pro", True),
        ]


# --- corrections ------------------------------------------------------------------------------------------


def test_a_wrong_number_is_given_back_once(office: Engine) -> None:
    save(office, arriving("c1"), answered("c1"))
    with writing(office) as conn:
        corrections.reverse(conn, ledger.charge_of_call(conn, "c1"), "wrong number", AT)
    assert left(office) == (10, 0)
    with writing(office) as conn, pytest.raises(ClientMistake, match="reversed already"):
        corrections.reverse(conn, ledger.charge_of_call(conn, "c1"), "wrong number", AT)
    assert left(office) == (10, 0)


def test_a_dispute_is_settled_by_a_counter_entry_or_an_answer(office: Engine) -> None:
    save(office, arriving("c1"), answered("c1"), arriving("c2"), answered("c2"))
    with writing(office) as conn:
        first, second = (ledger.charge_of_call(conn, name) for name in ("c1", "c2"))
        for entry in (first, second):
            corrections.dispute(conn, entry, "nobody spoke", AT)
        with pytest.raises(ClientMistake, match="disputed already"):
            corrections.dispute(conn, first, "again", AT)
        corrections.reverse(conn, first, "agreed", AT)
        corrections.uphold(conn, second, "the recording has a minute", AT)
        assert ledger.disputed(conn) == []
        assert [each.answer for each in ledger.disputed(conn, open_only=False)] == [
            "agreed",
            "the recording has a minute",
        ]


def test_what_is_no_charge_cannot_be_reversed(office: Engine) -> None:
    with writing(office) as conn:
        for entry, why in ((1, "charges no call"), (99, "no entry 99")):
            with pytest.raises(ClientMistake, match=why):
                corrections.reverse(conn, entry, "x", AT)
        with pytest.raises(ClientMistake, match="nothing was charged"):
            corrections.uncount(conn, "c9", Uncounted.TEST, "", AT)


@pytest.mark.parametrize("change", [update(ledger_entry).values(units=0), delete(ledger_entry)])
def test_the_ledger_only_grows(office: Engine, change) -> None:
    with pytest.raises((StoreUnavailable, DBAPIError), match="append-only"), writing(office) as conn:
        conn.execute(change)


# --- what people ask --------------------------------------------------------------------------------------


def test_a_statement_opens_with_what_was_there_and_closes_with_what_is_left(office: Engine) -> None:
    for day in range(4):
        at = AT + timedelta(days=day)
        save(office, arriving(f"c{day}", at), answered(f"c{day}", at))
    with reading(office) as conn:
        said = ledger.statement(conn, 1, AT + timedelta(days=1), AT + timedelta(days=3))
        assert ledger.used_since(conn, 1, AT) == 4
    assert (said.opening, [entry.call_id for entry in said.entries], said.closing) == (9, ["c1", "c2"], 7)


def test_the_charge_that_crosses_a_threshold_says_so(office: Engine) -> None:
    told = []
    for number in range(10):
        save(office, arriving(f"c{number}"))
        with writing(office) as conn:
            charged = ledger.charge(conn, 1, Arrived(f"c{number}", "", AT), AT, Limits(80, 1))
        assert charged
        told.append(charged.threshold)
    assert told == [None] * 7 + [Threshold.SHARE, Threshold.LAST, Threshold.NONE]
    assert [kind for kind, _, _ in entries(office)].count(Kind.CHARGE) == 10


def test_reservations_leave_nothing_behind(office: Engine) -> None:
    save(office, arriving("c1"), arriving("c2"))
    save(office, answered("c1"), missed("c2"))
    with reading(office) as conn:
        assert conn.scalar(select(func.count()).select_from(unit_reservation)) == 0


def test_who_is_out_of_calls_without_a_charge_is_told_once(engine: Engine) -> None:
    """A smaller plan has taken the last ones: the first caller who is turned away tells."""
    with writing(engine) as conn:
        provide(conn, calls=0)
        conn.execute(insert(recipient).values(client_id=1, channel="email", address="gerencia@andes.example"))
    for number in range(3):
        assert save(engine, arriving(f"c{number}")) == [False]
    with reading(engine) as conn:
        assert conn.scalar(select(func.count()).select_from(letter)) == 1
