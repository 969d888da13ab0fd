"""Calls that the switch served to their end enter the store, with what the daemon had seen of them before."""

from datetime import timedelta

import pytest
from accounts import AT, FACTS, answered, arriving, marked, provide
from sqlalchemy import Engine, insert, select, update

from pbx_control.domain.call.journal import Line
from pbx_control.domain.call.model import Call, Outcome, Phase, Seat, Unit
from pbx_control.domain.call.saving import Save
from pbx_control.domain.money.quota import Uncounted
from pbx_control.domain.notices.notes import AlarmDesk
from pbx_control.services.steps import Rules, save
from pbx_control.services.taken_in import SwitchCall, take_in
from pbx_control.store import ledger
from pbx_control.store.engine import reading, writing
from pbx_control.store.tables import call, client, did, letter, recipient, secretary

RULES = Rules("Casa")
ANA = Seat(1, "ana", "Ana")
LATER = AT + timedelta(seconds=40)


@pytest.fixture
def office(engine: Engine) -> Engine:
    with writing(engine) as conn:
        provide(conn)
        conn.execute(insert(did).values(number=FACTS.did, country="CL", area="2", client_id=1))
        people = [{"id": 1, "user": "ana", "name": "Ana"}, {"id": 2, "user": "eva", "name": "Eva"}]
        conn.execute(insert(secretary), [each | {"password": "x"} for each in people])
        conn.execute(insert(recipient).values(client_id=1, channel="email", address="a@andes.example"))
    return engine


def taken_over(call_id: str, **facts: object) -> Save:
    """The switch has the caller: what the daemon knew of him stays in the row."""
    known = Call(
        call_id,
        Phase.ENDED,
        facts=FACTS,
        arrived_at=AT,
        answered_at=AT,
        answered_by=ANA,
        recording="2026/08/10/c1.wav",
        outcome=Outcome.ANSWERED,
        unit=Unit.CHARGED,
        taken_over=True,
        **facts,
    )
    return Save(known, False, (Line(9, AT, "CallerTakenOver", {}),))


def switch_call(outcome: Outcome, **facts: object) -> SwitchCall:
    usual = {"id": "c1", "did": FACTS.did, "caller": "+56911110000", "caller_name": "", "arrived_at": AT}
    return SwitchCall(**(usual | {"ended_at": LATER, "outcome": outcome} | facts))


def remember(engine: Engine, *steps: Save, then: SwitchCall) -> None:
    with writing(engine) as conn:
        save(conn, steps, RULES)
        assert take_in(conn, then, RULES)
        assert ledger.out_of_balance(conn) == []


def told(engine: Engine) -> tuple[str, str]:
    """The subject of the one letter, and its text."""
    with reading(engine) as conn:
        (row,) = conn.execute(select(letter.c.subject, letter.c.body_text))
    return row.subject, row.body_text


@pytest.mark.parametrize("outcome", [Outcome.MISSED, Outcome.LEFT_MESSAGE])
def test_who_had_talked_with_her_before_the_switch_took_over_was_answered(office: Engine, outcome: Outcome) -> None:
    alone = switch_call(outcome, message="2026/08/10/c1-message.wav" if outcome is Outcome.LEFT_MESSAGE else "")
    remember(office, arriving("c1"), answered("c1"), taken_over("c1"), then=alone)
    with reading(office) as conn:
        row = conn.execute(select(call)).one()
        assert ledger.read(conn, 1).left == 9
    assert (row.outcome, row.answered_at, row.secretary_id) == ("answered", AT, 1)
    assert (row.recording, row.recording_flaw, row.message) == ("2026/08/10/c1.wav", "", alone.message)
    assert "Ana" in told(office)[1]


def test_the_last_who_talked_with_him_is_named_and_his_wait_ends_with_the_first(office: Engine) -> None:
    late = AT + timedelta(seconds=19)
    file = "2026/08/10/c1.wav"
    by_eva = switch_call(Outcome.ANSWERED, answered_by="eva", answered_at=late, recording=file, recording_flaw="long")
    remember(office, arriving("c1"), answered("c1"), taken_over("c1"), then=by_eva)
    with reading(office) as conn:
        row = conn.execute(select(call)).one()
    assert (row.answered_at, row.secretary_id, row.recording, row.recording_flaw) == (AT, 2, file, "")


@pytest.mark.parametrize(
    ("reason", "words"), [(Uncounted.WRONG_NUMBER, "Número equivocado"), (Uncounted.SPAM, "Llamada no deseada")]
)
def test_what_she_marked_stays_marked(office: Engine, reason: Uncounted, words: str) -> None:
    steps = (arriving("c1"), answered("c1"), marked("c1", reason), taken_over("c1"))
    remember(office, *steps, then=switch_call(Outcome.MISSED))
    assert words in told(office)[1]
    with reading(office) as conn:
        assert ledger.read(conn, 1).left == 10


def test_a_call_is_whose_the_number_was_when_it_came(office: Engine) -> None:
    """The number has another client by the time the record is read."""
    with writing(office) as conn:
        conn.execute(insert(client).values(id=2, slug="norte", name="Norte", week="always", created_at=AT))
        conn.execute(update(did).values(client_id=2))
        alone = switch_call(Outcome.ANSWERED, client_id=1, answered_by="ana", answered_at=AT)
        assert take_in(conn, alone, RULES)
        assert conn.scalar(select(call.c.client_id)) == 1
        assert ledger.read(conn, 1).left == 9
    assert "Andes" in told(office)[0]


def test_a_call_of_a_client_that_is_unknown_is_nobodys(office: Engine) -> None:
    with writing(office) as conn:
        assert take_in(conn, switch_call(Outcome.MISSED, client_id=77), RULES)
        assert conn.scalar(select(call.c.client_id)) is None
        assert conn.scalar(select(letter.c.id)) is None


def test_a_message_that_the_switch_could_not_keep_is_told_to_client_and_admin(office: Engine) -> None:
    rules = Rules("Casa", AlarmDesk("admin@casa.example", "es", "Casa"))
    with writing(office) as conn:
        assert take_in(conn, switch_call(Outcome.MISSED, client_id=1, message_flaw="lost"), rules)
        cut = {"message": "2026/08/10/c2-message.wav", "message_flaw": "cut", "message_kept": timedelta(seconds=6)}
        assert take_in(conn, switch_call(Outcome.LEFT_MESSAGE, id="c2", client_id=1, **cut), rules)
        assert take_in(conn, switch_call(Outcome.MISSED, id="c3", client_id=1), rules)
    with reading(office) as conn:
        rows = conn.execute(select(letter.c.address, letter.c.subject, letter.c.body_text).order_by(letter.c.id)).all()
        flaws = conn.scalars(select(call.c.message_flaw).order_by(call.c.id)).all()
    assert flaws == ["lost", "cut", ""]
    to_admin = [row for row in rows if row.address == "admin@casa.example"]
    assert [row.subject for row in to_admin] == ["No se pueden guardar grabaciones"]
    assert "El mensaje que +56 911110000 quiso dejar a Andes no se pudo grabar" in to_admin[0].body_text
    lost, kept, missed = [row.body_text for row in rows if row.address == "a@andes.example"]
    assert "Mensaje: no se pudo grabar" in lost
    assert "solo se pudieron grabar 6 segundos" in kept
    assert "Mensaje:" not in missed


def test_a_recording_that_the_switch_could_not_keep_is_told_to_the_admin(office: Engine) -> None:
    rules = Rules("Casa", AlarmDesk("admin@casa.example", "en", "Casa"))
    one = switch_call(Outcome.ANSWERED, client_id=1, answered_at=AT, recording_flaw="missing", recording_lost=True)
    with writing(office) as conn:
        assert take_in(conn, one, rules)
        told = conn.execute(select(letter).where(letter.c.address == "admin@casa.example")).one()
    assert told.subject == "Recordings cannot be kept"
    assert "The recording of the call from +56 911110000 to Andes is missing, or was cut off." in told.body_text
