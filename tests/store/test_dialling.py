"""What the store does for a transfer: what was dialled, alarms, the message at the hand-over and what is added."""

from datetime import UTC, date, datetime, timedelta

import pytest
from acting import by_admin
from msgspec.structs import replace
from sqlalchemy import Engine, insert, select

from pbx_control.domain.call.commands import NoteDialling, RaiseAlarm, StoreCommand, WriteLetters
from pbx_control.domain.call.journal import Line
from pbx_control.domain.call.model import Admission, Call, Caller, Facts, Limit, Outcome, Outgoing, Phase, Seat, Sounds
from pbx_control.domain.call.saving import Save
from pbx_control.domain.notices.messages import Channel
from pbx_control.domain.notices.notes import AlarmDesk
from pbx_control.errors import ClientMistake
from pbx_control.live.writer import Writer
from pbx_control.services import people
from pbx_control.services.steps import Rules, save
from pbx_control.services.supplements import write_supplement
from pbx_control.store import calls, letters
from pbx_control.store.call_log import find
from pbx_control.store.engine import reading, writing
from pbx_control.store.letters import Posted
from pbx_control.store.tables import call, client, dialling, secretary

AT = datetime(2026, 1, 5, 15, tzinfo=UTC)
OUT = Outgoing("trunk-1", "e164", "CL", "+56225550101", at_once=3, a_day=100)
ANDES = Facts("+56225550101", 1, "andes", "Andes", "es", "America/Santiago", Admission.OPEN, Sounds(), outgoing=OUT)
INCA = replace(ANDES, client_id=2, slug="inca", client_name="Inca")
ANA = Seat(1, "ana", "Ana")
TALKING = Call(
    "c1",
    Phase.TALKING,
    facts=ANDES,
    caller=Caller("+56223334455", "María"),
    arrived_at=AT,
    answered_at=AT + timedelta(seconds=8),
    seat=ANA,
    answered_by=ANA,
)
HANDED_OVER = replace(
    TALKING,
    phase=Phase.HANDED_OVER,
    transferred_to="Rosa",
    handed_over_at=AT + timedelta(seconds=98),
    letters_written=True,
)
ALARMS = AlarmDesk("admin@casa.example", "es", "Casa")
ADDRESSES = ("gerencia@andes.example", "ventas@andes.example")


@pytest.fixture
def office(engine: Engine) -> Engine:
    """A database with two clients, one of which has two recipients, and one secretary."""
    with writing(engine) as conn:
        for number, slug in enumerate(("andes", "inca"), 1):
            conn.execute(insert(client).values(id=number, slug=slug, name=slug, week="always", created_at=AT))
        conn.execute(insert(secretary).values(id=1, name="Ana", user="ana", password="x"))
        for address in ADDRESSES:
            people.add_recipient(by_admin(conn), 1, Channel.EMAIL, address)
    return engine


def remember(office: Engine, state: Call, *commands: StoreCommand, at: datetime = AT, new: bool = True) -> None:
    with writing(office) as conn:
        save(conn, [Save(state, new, (Line(1 if new else 2, at, "X", {}),), commands)], Rules("Casa", ALARMS))


def outbox(office: Engine) -> list[Posted]:
    with reading(office) as conn:
        return letters.newest(conn)


# --- what was dialled ----------------------------------------------------------------------------------------


def test_a_contact_that_is_called_is_remembered_with_the_number_it_was_shown(office: Engine) -> None:
    remember(office, TALKING, NoteDialling("c1-contact-1", "+56987654321", "+56225550101", "trunk-1"))
    with reading(office) as conn:
        assert conn.execute(select(dialling)).all() == [
            ("c1-contact-1", "c1", 1, "+56987654321", "+56225550101", AT, "trunk-1", "")
        ]


def test_calls_to_contacts_are_counted_by_client_and_utc_day(office: Engine) -> None:
    midnight = datetime(2026, 1, 6, tzinfo=UTC)
    for number, (facts, at) in enumerate(
        [(ANDES, AT), (ANDES, midnight - timedelta(seconds=1)), (ANDES, midnight), (INCA, AT)]
    ):
        state = replace(TALKING, id=f"c{number}", facts=facts)
        remember(office, state, NoteDialling(f"c{number}-contact-1", "+56987654321", "+56225550101"), at=at)
    with reading(office) as conn:
        assert calls.dialled_today(conn, date(2026, 1, 5)) == {1: 2, 2: 1}
        assert calls.dialled_today(conn, date(2026, 1, 6)) == {1: 1}
        assert calls.dialled_today(conn, date(2026, 1, 7)) == {}


# --- alarms --------------------------------------------------------------------------------------------------


def test_a_reached_limit_is_told_to_the_admin_once_a_day_for_each_client(office: Engine) -> None:
    alarm = RaiseAlarm("Rosa was not called", Limit.A_DAY, "Rosa")
    for number, (facts, at) in enumerate(
        [(ANDES, AT), (ANDES, AT + timedelta(hours=1)), (INCA, AT), (ANDES, AT + timedelta(days=1))]
    ):
        remember(office, replace(TALKING, id=f"c{number}", facts=facts), alarm, at=at)
    posted = outbox(office)
    assert [(one.letter.address, one.letter.subject) for one in reversed(posted)] == [
        ("admin@casa.example", "Andes: se alcanzó el límite de llamadas a contactos"),
        ("admin@casa.example", "Inca: se alcanzó el límite de llamadas a contactos"),
        ("admin@casa.example", "Andes: se alcanzó el límite de llamadas a contactos"),
    ]
    assert {one.letter.client_id for one in posted} == {None}
    assert "pbx-control client set andes --calls-out-a-day 200" in posted[0].letter.text


async def test_the_writer_writes_the_alarm_in_the_steps_own_commit(office: Engine) -> None:
    told: list[Save] = []
    writer = Writer(office, Rules("Casa", ALARMS), told.extend)
    alarm = RaiseAlarm("Rosa was not called", Limit.AT_ONCE, "Rosa")
    assert await writer.saved([Save(TALKING, True, (Line(1, AT, "X", {}),), (alarm,))])
    await writer.close()
    assert [one.letter.address for one in outbox(office)] == ["admin@casa.example"]
    assert [step.commands for step in told] == [(alarm,)]


def test_without_an_address_nobody_is_written_to(office: Engine) -> None:
    with writing(office) as conn:
        save(conn, [Save(TALKING, True, (Line(1, AT, "X", {}),), (RaiseAlarm("x"),))], Rules("Casa"))
    assert outbox(office) == []


# --- the message at the hand-over ----------------------------------------------------------------------------


def test_the_message_goes_out_at_the_hand_over_while_the_two_still_talk(office: Engine) -> None:
    remember(office, HANDED_OVER, WriteLetters())
    first = outbox(office)[-1].letter
    assert first.subject == "Andes: llamada de María (+56 2 2333 4455), transferida a Rosa"
    assert first.written_at == HANDED_OVER.handed_over_at
    assert "La atendió Ana y la transfirió a Rosa." in first.text
    assert "Transferida a: Rosa\nCon la secretaria: 1 minuto y 30 segundos\n" in first.text


def test_a_transfer_is_one_call_whose_conversation_with_her_ends_at_the_hand_over(office: Engine) -> None:
    remember(office, HANDED_OVER, WriteLetters())
    with reading(office) as conn:
        during = find(conn, "c1")
    over = replace(HANDED_OVER, phase=Phase.ENDED, outcome=Outcome.ANSWERED, ended_at=AT + timedelta(seconds=398))
    remember(office, over, new=False)
    with reading(office) as conn:
        after = find(conn, "c1")
        assert conn.scalars(select(call.c.id)).all() == ["c1"]
    assert (during.transferred_to, during.talked, during.transferred) == ("Rosa", 90.0, None)
    assert (after.transferred_to, after.talked, after.transferred) == ("Rosa", 90.0, 300.0)


def test_the_same_letters_after_the_end_are_not_sent_again(office: Engine) -> None:
    remember(office, HANDED_OVER, WriteLetters())
    over = replace(HANDED_OVER, phase=Phase.ENDED, outcome=Outcome.ANSWERED, ended_at=AT + timedelta(seconds=398))
    remember(office, over, WriteLetters(), new=False)
    assert len(outbox(office)) == len(ADDRESSES)


# --- what she writes later -----------------------------------------------------------------------------------


def supplement(office: Engine, text: str = "Pide que le devuelvan el llamado.\n\nEs urgente.") -> int:
    with writing(office) as conn:
        return write_supplement(by_admin(conn, AT + timedelta(minutes=3)), "c1", text, "Casa")


def test_a_supplement_answers_each_recipients_first_letter(office: Engine) -> None:
    remember(office, HANDED_OVER, WriteLetters())
    first = {one.letter.address: one.letter.message_id for one in outbox(office)}
    assert supplement(office) == 2
    added = [one.letter for one in outbox(office)[:2]]
    assert {each.address: each.in_reply_to for each in added} == first
    assert {each.subject for each in added} == {"andes: más sobre la llamada de María (+56 2 2333 4455)"}
    assert "Pide que le devuelvan el llamado.\n\nEs urgente.\n" in added[0].text
    assert (added[0].call_id, added[0].client_id) == ("c1", 1)


def test_the_same_supplement_twice_goes_out_once_another_one_does(office: Engine) -> None:
    remember(office, HANDED_OVER, WriteLetters())
    for text in ("Uno", "Uno", "Dos"):
        supplement(office, text)
    assert len(outbox(office)) == 3 * len(ADDRESSES)


def test_who_got_no_first_letter_gets_a_supplement_that_answers_none(office: Engine) -> None:
    remember(office, HANDED_OVER, WriteLetters())
    with writing(office) as conn:
        people.add_recipient(by_admin(conn), 1, Channel.EMAIL, "nuevo@andes.example")
    supplement(office)
    assert [one.letter.in_reply_to for one in outbox(office) if one.letter.address == "nuevo@andes.example"] == [""]


@pytest.mark.parametrize(("state", "text"), [(TALKING, "Texto"), (HANDED_OVER, " \n\x00\n ")])
def test_no_supplement_before_the_first_message_nor_an_empty_one(office: Engine, state: Call, text: str) -> None:
    remember(office, state)
    with pytest.raises(ClientMistake):
        supplement(office, text)
    assert outbox(office) == []


def test_no_supplement_to_a_call_that_nobody_knows(office: Engine) -> None:
    with pytest.raises(ClientMistake, match="no call c1"):
        supplement(office)
