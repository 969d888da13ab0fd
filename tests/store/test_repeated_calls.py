"""A caller who calls again at once is not charged, by daemon and by switch; who calls without end is told of."""

from datetime import datetime, timedelta

import pytest
from accounts import AT, FACTS, provide
from msgspec.structs import replace
from sqlalchemy import Engine, select, update

from pbx_control.domain.call.commands import ChargeUnit, ReserveUnit
from pbx_control.domain.call.journal import Line
from pbx_control.domain.call.model import Call, Caller, Outcome, Phase, Unit
from pbx_control.domain.call.saving import Save
from pbx_control.domain.money.repeats import Arrived
from pbx_control.domain.notices.notes import AlarmDesk
from pbx_control.services.steps import Rules, save
from pbx_control.services.taken_in import SwitchCall, take_in
from pbx_control.store import ledger
from pbx_control.store.engine import reading, writing
from pbx_control.store.tables import client, ledger_entry, letter

RULES = Rules("Casa", AlarmDesk("admin@casa.example", "es", "Casa"))
MARIA, PEDRO = "+56981234567", "+56222223333"


@pytest.fixture
def office(engine: Engine) -> Engine:
    with writing(engine) as conn:
        provide(conn)
    return engine


def seconds(number: float) -> timedelta:
    return timedelta(seconds=number)


def talks(engine: Engine, call_id: str, at: datetime, lasts: float = 1, caller: str = MARIA, ends: bool = True) -> bool:
    """A call that is answered as it arrives; False if the client had no unit left for it. Not `ends`: its files are
    still looked at."""
    call = Call(call_id, Phase.WAITING, FACTS, Caller(caller), arrived_at=at, unit=Unit.RESERVED)
    answered = replace(call, phase=Phase.TALKING, unit=Unit.CHARGED, outcome=Outcome.ANSWERED, answered_at=at)
    over = replace(answered, phase=Phase.ENDED if ends else Phase.ENDING, ended_at=at + seconds(lasts))
    steps = [(call, ReserveUnit()), (answered, ChargeUnit()), (over, None)]
    saves = [
        Save(state, number == 1, (Line(number, at, "X", {}),), (command,) if command else ())
        for number, (state, command) in enumerate(steps, start=1)
    ]
    with writing(engine) as conn:
        return all(save(conn, saves, RULES))


def booked(engine: Engine) -> list[tuple[str, int, str]]:
    """The ledger's entries of calls: kind, units, why."""
    with reading(engine) as conn:
        assert ledger.out_of_balance(conn) == []
        rows = conn.execute(select(ledger_entry).where(ledger_entry.c.call_id.is_not(None)).order_by(ledger_entry.c.id))
        return [(row.kind, row.units, row.why) for row in rows]


def left(engine: Engine) -> int:
    with reading(engine) as conn:
        return ledger.read(conn, 1).left


def alarms(engine: Engine) -> list[str]:
    with reading(engine) as conn:
        return list(conn.scalars(select(letter.c.subject).where(letter.c.address == "admin@casa.example")))


def test_ten_calls_of_a_second_cost_one_unit_and_the_admin_is_told(office: Engine) -> None:
    for number in range(10):
        assert talks(office, f"c{number}", AT + seconds(2 * number))
    assert left(office) == 9
    assert booked(office) == [("charge", -1, ""), *(("repeat", 0, f"c{number}, 1 s") for number in range(9))]
    assert alarms(office) == ["Andes: más llamadas de las que hacen las personas"]


def test_who_withholds_his_number_is_charged_each_time_and_the_admin_is_told(office: Engine) -> None:
    for number in range(7):
        talks(office, f"c{number}", AT + seconds(2 * number), caller="")
    assert (left(office), len(alarms(office))) == (3, 1)


def test_people_alarm_nobody(office: Engine) -> None:
    for number in range(5):
        talks(office, f"c{number}", AT + seconds(12 * number), lasts=11)
    assert (left(office), alarms(office)) == (5, [])


def test_after_the_last_unit_who_was_cut_off_is_served_again(office: Engine) -> None:
    for number in range(10):
        talks(office, f"c{number}", AT + seconds(100 * number), lasts=5)
    assert left(office) == 0
    assert not talks(office, "other", AT + seconds(910), caller=PEDRO)
    assert talks(office, "again", AT + seconds(920))
    assert (left(office), booked(office)[-1]) == (0, ("repeat", 0, "c9, 5 s"))


def test_a_call_of_which_the_files_are_still_looked_at_is_over(office: Engine) -> None:
    talks(office, "c1", AT, ends=False)
    talks(office, "c2", AT + seconds(2))
    assert [kind for kind, _, _ in booked(office)] == ["charge", "repeat"]


def test_a_client_may_have_limits_of_its_own_or_none(office: Engine) -> None:
    with writing(office) as conn:
        conn.execute(update(client).values(repeat_within=0))
    talks(office, "c1", AT)
    talks(office, "c2", AT + seconds(5))
    with writing(office) as conn:
        conn.execute(update(client).values(repeat_within=600, short_call=30))
    talks(office, "c3", AT + seconds(60), lasts=29)
    talks(office, "c4", AT + seconds(600))
    assert [kind for kind, _, _ in booked(office)] == ["charge", "charge", "repeat", "repeat"]


def test_another_callers_call_is_no_repetition(office: Engine) -> None:
    talks(office, "c1", AT)
    talks(office, "c2", AT + seconds(5), caller=PEDRO)
    assert [kind for kind, _, _ in booked(office)] == ["charge", "charge"]


def test_the_switch_alone_counts_by_the_same_rule_and_once(office: Engine) -> None:
    talks(office, "c1", AT)
    arrived = AT + seconds(30)
    one = SwitchCall(
        id="c2",
        did="+56225550101",
        client_id=1,
        caller=MARIA,
        caller_name="",
        arrived_at=arrived,
        ended_at=arrived + seconds(100),
        outcome=Outcome.ANSWERED,
        answered_at=arrived + seconds(3),
    )
    with writing(office) as conn:
        assert take_in(conn, one, RULES)
        assert ledger.charge(conn, 1, Arrived("c2", MARIA, arrived), arrived, RULES.limits) is None
    assert booked(office) == [("charge", -1, ""), ("repeat", 0, "c1, 1 s")]
