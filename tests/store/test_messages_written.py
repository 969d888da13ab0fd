"""What a secretary writes about a call: which letter goes when, once each, with whose words."""

from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from threading import Barrier
from typing import Any

import pytest
from acting import by_admin
from msgspec.structs import replace
from sqlalchemy import Connection, Engine, insert, select, update

from pbx_control.domain.audit import Actor, ActorKind
from pbx_control.domain.call.commands import ClaimSeat, StoreCommand, WriteLetters
from pbx_control.domain.call.journal import Line
from pbx_control.domain.call.model import Admission, Call, Caller, Facts, Outcome, Phase, Seat, Sounds
from pbx_control.domain.call.saving import Save
from pbx_control.domain.desk.edits import Typed
from pbx_control.domain.desk.protocol import Condition, Field, FieldKind, Problem, Protocol
from pbx_control.domain.notices.messages import Channel
from pbx_control.errors import ClientMistake, Code
from pbx_control.services import messages, people, taken_in
from pbx_control.services.messages import Incomplete, Signed, State, Status
from pbx_control.services.steps import Rules, save
from pbx_control.services.supplements import write_supplement
from pbx_control.services.taken_in import SwitchCall
from pbx_control.services.work import booking
from pbx_control.settings import Database, Home, Settings
from pbx_control.store import caller_data, letters, protocols
from pbx_control.store import infos as stored
from pbx_control.store.caller_data import Whose
from pbx_control.store.engine import open_engine, reading, writing
from pbx_control.store.letters import Posted
from pbx_control.store.tables import (
    audit,
    client,
    greeting,
    message,
    message_field,
    message_version,
    seat_claim,
    secretary,
    shown,
)

AT = datetime(2026, 1, 5, 15, tzinfo=UTC)
ENDED = AT + timedelta(minutes=2)
LIMIT = timedelta(seconds=120)
ANDES = Facts("+56225550101", 1, "andes", "Andes", "es", "America/Santiago", Admission.OPEN, Sounds())
ANA, EVA = Seat(1, "ana", "Ana"), Seat(2, "eva", "Eva")
TALKING = Call(
    "c1",
    Phase.TALKING,
    facts=ANDES,
    caller=Caller("+56223334455", "María"),
    arrived_at=AT,
    answered_at=AT + timedelta(seconds=8),
    talking_since=AT + timedelta(seconds=8),
    seat=ANA,
    answered_by=ANA,
)
OVER = replace(TALKING, phase=Phase.ENDED, seat=None, outcome=Outcome.ANSWERED, ended_at=ENDED, talking_since=None)
HANDED_OVER = replace(TALKING, phase=Phase.HANDED_OVER, transferred_to="Rosa", handed_over_at=ENDED)
RULES = Rules("Casa")
ADDRESSES = ("gerencia@andes.example", "ventas@andes.example")
WORDS = {"name": ("María Soto", 1), "reason": ("Quiere una cotización", 1)}


@pytest.fixture
def office(engine: Engine) -> Engine:
    """Two clients, one with two recipients, and two secretaries."""
    with writing(engine) as conn:
        for number, slug in enumerate(("andes", "inca"), 1):
            conn.execute(insert(client).values(id=number, slug=slug, name=slug.title(), week="always", created_at=AT))
        for number, name in enumerate(("Ana", "Eva"), 1):
            conn.execute(insert(secretary).values(id=number, name=name, user=name.lower(), password="x"))
        for address in ADDRESSES:
            people.add_recipient(by_admin(conn), 1, Channel.EMAIL, address)
    return engine


class Desk:
    """What the page and the daemon do, each in a transaction of its own."""

    def __init__(self, office: Engine) -> None:
        self.office = office
        self.line = 0

    @contextmanager
    def work(self) -> Iterator[Connection]:
        with writing(self.office) as conn:
            yield conn

    def step(self, state: Call, *commands: StoreCommand, at: datetime = AT) -> None:
        self.line += 1
        with self.work() as conn:
            save(conn, [Save(state, self.line == 1, (Line(self.line, at, "X", {}),), commands)], RULES)

    def opened(self, who: Seat = ANA, at: datetime = AT, call_id: str = "c1") -> messages.Draft:
        with self.work() as conn:
            messages.open_draft(conn, call_id, who.secretary_id, at)
            draft = messages.draft_of(conn, call_id)
        assert draft
        return draft

    def types(
        self, changes: Mapping[str, tuple[str, int] | Typed], who: Seat = ANA, at: datetime = AT
    ) -> messages.Saved:
        typed = {key: Typed(*one) for key, one in changes.items()}
        with self.work() as conn:
            return messages.save_fields(conn, "c1", who.secretary_id, typed, at)

    def sends(
        self, who: Seat = ANA, at: datetime = ENDED + timedelta(seconds=30), *, despite_gaps: bool = False
    ) -> Signed:
        with self.work() as conn:
            return messages.sign(conn, "c1", who.secretary_id, at, RULES, despite_gaps=despite_gaps)

    def gives_up(self, at: datetime = ENDED + LIMIT) -> int:
        with self.work() as conn:
            return messages.give_up_waiting(conn, at, RULES)

    def talks(self) -> None:
        self.step(TALKING)
        self.opened()

    def ends(self, state: Call = OVER, at: datetime = ENDED) -> None:
        self.step(state, WriteLetters(), at=at)

    @property
    def outbox(self) -> list[Posted]:
        """Oldest first."""
        with reading(self.office) as conn:
            return letters.newest(conn)[::-1]

    @property
    def to_first(self) -> list[Posted]:
        return [one for one in self.outbox if one.letter.address == ADDRESSES[0]]

    def draft(self) -> messages.Draft:
        with reading(self.office) as conn:
            draft = messages.draft_of(conn, "c1")
        assert draft
        return draft

    def state(self) -> State | None:
        with reading(self.office) as conn:
            return messages.state_of(conn, "c1")

    def open_list(self, who: Seat = ANA) -> list[tuple[str, State]]:
        with reading(self.office) as conn:
            return [(one.call_id, one.state) for one in messages.open_of(conn, who.secretary_id)]


@pytest.fixture
def desk(office: Engine) -> Desk:
    return Desk(office)


def subjects(posted: list[Posted]) -> list[str]:
    return [one.letter.subject for one in posted]


SUMMARY = "Andes: llamada de María (+56 2 2333 4455), atendida por Ana"
MESSAGE = "Andes: mensaje de María (+56 2 2333 4455): Quiere una cotización"


# --- which letter goes when the call is over --------------------------------------------------------------


def test_a_secretary_without_the_page_has_the_summary_sent_at_once(desk: Desk) -> None:
    desk.step(TALKING)
    desk.ends()
    assert subjects(desk.outbox) == [SUMMARY, SUMMARY]
    assert "falta" not in desk.outbox[0].letter.text
    assert desk.state() is None


def test_who_pressed_send_during_the_call_has_her_words_sent_at_its_end(desk: Desk) -> None:
    desk.talks()
    desk.types(WORDS)
    assert desk.sends(at=AT) == Signed(0, went=False)
    assert (desk.outbox, desk.state(), desk.open_list()) == ([], State.SIGNED, [])
    desk.ends()
    assert subjects(desk.outbox) == [MESSAGE, MESSAGE]
    assert "Nombre: María Soto" in desk.outbox[0].letter.text
    assert desk.state() is State.SENT
    assert desk.sends() == Signed(1, went=False)
    assert len(desk.outbox) == 2


def test_nothing_goes_while_she_writes_and_her_words_go_as_she_sends(desk: Desk) -> None:
    desk.talks()
    desk.ends()
    assert (desk.outbox, desk.open_list()) == ([], [("c1", State.DRAFT)])
    desk.types(WORDS, at=ENDED)
    assert desk.sends() == Signed(1, went=True)
    assert subjects(desk.outbox) == [MESSAGE, MESSAGE]
    assert desk.outbox[0].letter.written_at == ENDED + timedelta(seconds=30)
    assert (desk.open_list(), desk.gives_up()) == ([], 0)
    assert len(desk.outbox) == 2


def test_the_limit_is_the_clients(desk: Desk) -> None:
    with desk.work() as conn:
        conn.execute(update(client).where(client.c.id == 1).values(after_call=5))
    desk.talks()
    desk.ends()
    assert desk.gives_up(ENDED + timedelta(seconds=4)) == 0
    assert desk.gives_up(ENDED + timedelta(seconds=5)) == 1


def test_after_the_limit_the_summary_goes_and_says_what_is_missing(desk: Desk) -> None:
    desk.talks()
    desk.ends()
    with reading(desk.office) as conn:
        assert messages.next_due(conn) == ENDED + LIMIT
    assert (desk.gives_up(), desk.gives_up()) == (1, 0)
    assert subjects(desk.outbox) == [SUMMARY, SUMMARY]
    assert "Aún falta el mensaje escrito" in desk.outbox[0].letter.text
    assert desk.open_list() == [("c1", State.OVERDUE)]
    with reading(desk.office) as conn:
        assert messages.next_due(conn) is None


def test_what_she_had_written_by_then_goes_with_it_as_unfinished(desk: Desk) -> None:
    desk.talks()
    desk.types({"name": ("María Soto", 1)})
    desk.ends()
    desk.gives_up()
    text = desk.outbox[0].letter.text
    assert "Sin terminar" in text
    assert "Nombre: María Soto" in text


def test_her_message_then_answers_the_summary(desk: Desk) -> None:
    desk.talks()
    desk.ends()
    desk.gives_up()
    desk.types(WORDS)
    assert desk.sends(at=ENDED + 2 * LIMIT) == Signed(1, went=True)
    first, second = desk.to_first
    assert second.letter.in_reply_to == first.letter.message_id
    assert second.letter.subject == MESSAGE
    assert desk.open_list() == []


def test_at_the_hand_over_the_words_go_that_there_are(desk: Desk) -> None:
    desk.talks()
    desk.types({"name": ("María Soto", 1)})  # the reason, which is asked of every caller, is not there
    desk.ends(HANDED_OVER)
    assert [one.letter.address for one in desk.outbox] == list(ADDRESSES)
    text = desk.outbox[0].letter.text
    assert "Nombre: María Soto" in text
    assert "Escrito al transferir la llamada." in text
    assert "Transferida a: Rosa" in text
    assert desk.state() is State.SENT


def test_at_the_hand_over_without_a_word_she_has_her_time(desk: Desk) -> None:
    desk.talks()
    desk.types({"telephone": ("+56223334455", 1), "name": ("  ", 1)})  # the page fills in whence he calls
    desk.ends(HANDED_OVER)
    assert (desk.outbox, desk.open_list()) == ([], [("c1", State.DRAFT)])
    desk.types({"name": ("María Soto", 2), "reason": ("Factura", 1)})
    assert desk.sends() == Signed(1, went=True)
    desk.step(replace(HANDED_OVER, phase=Phase.ENDED, outcome=Outcome.ANSWERED, ended_at=ENDED + LIMIT))
    assert (len(desk.outbox), desk.gives_up(ENDED + 2 * LIMIT)) == (2, 0)


def test_the_end_of_a_call_that_was_handed_over_writes_nothing_more(desk: Desk) -> None:
    desk.talks()
    desk.ends(HANDED_OVER)
    desk.ends(replace(HANDED_OVER, phase=Phase.ENDED, outcome=Outcome.ANSWERED, ended_at=ENDED + LIMIT))
    assert desk.outbox == []
    assert desk.gives_up() == 1


@pytest.mark.parametrize("mark", ["wrong_number", "spam"])
def test_a_wrong_number_needs_no_message(desk: Desk, mark: str) -> None:
    desk.talks()
    desk.types({"name": ("Pizzería", 1)})
    desk.ends(replace(OVER, **{mark: True}))
    assert subjects(desk.outbox) == [SUMMARY, SUMMARY]
    assert "Pizzería" not in desk.outbox[0].letter.text
    assert (desk.state(), desk.open_list()) == (State.CLOSED, [])


def test_nobody_answered_though_it_was_on_her_page(desk: Desk) -> None:
    desk.talks()
    missed = replace(OVER, outcome=Outcome.MISSED, answered_by=None, answered_at=None)
    desk.ends(missed)
    assert subjects(desk.outbox)[0] == "Andes: llamada perdida de María (+56 2 2333 4455)"
    assert (desk.state(), desk.open_list()) == (State.CLOSED, [])


def test_a_colleague_without_the_page_answered_in_the_end(desk: Desk) -> None:
    desk.talks()
    desk.types({"name": ("María Soto", 1)})
    desk.ends(replace(OVER, answered_by=EVA))
    assert subjects(desk.outbox) == [SUMMARY.replace("Ana", "Eva")] * 2
    assert "falta" not in desk.outbox[0].letter.text
    assert desk.open_list() == [("c1", State.OVERDUE)]  # what Ana has written is not lost


def test_what_she_has_sent_goes_though_a_colleague_without_the_page_answered_in_the_end(desk: Desk) -> None:
    desk.talks()
    desk.types(WORDS)
    desk.sends(at=AT)
    desk.ends(replace(OVER, answered_by=EVA))
    assert "Quiere una cotización" in desk.outbox[0].letter.text
    assert desk.state() is State.SENT


def test_what_she_has_sent_goes_though_it_is_a_wrong_number(desk: Desk) -> None:
    desk.talks()
    desk.types(WORDS)
    desk.sends(at=AT)
    desk.ends(replace(OVER, wrong_number=True))
    assert "Quiere una cotización" in desk.outbox[0].letter.text
    assert desk.state() is State.SENT


def test_closed_by_her_after_the_end_the_summary_goes_now(desk: Desk) -> None:
    desk.talks()
    desk.ends()
    for _ in range(2):
        with desk.work() as conn:
            messages.close_without_words(conn, "c1", 1, ENDED, RULES)
    assert subjects(desk.outbox) == [SUMMARY, SUMMARY]
    assert (desk.state(), desk.open_list(), desk.gives_up()) == (State.CLOSED, [], 0)


def test_closed_by_her_during_the_call_the_summary_goes_at_its_end(desk: Desk) -> None:
    desk.talks()
    with desk.work() as conn:
        messages.close_without_words(conn, "c1", 1, AT, RULES)
    assert desk.outbox == []
    desk.ends()
    assert subjects(desk.outbox) == [SUMMARY, SUMMARY]
    assert desk.state() is State.CLOSED


def served(**more: object) -> SwitchCall:
    usual = {
        "id": "c1",
        "did": "+56225550101",
        "client_id": 1,
        "caller": "+56223334455",
        "caller_name": "María",
        "arrived_at": AT,
        "ended_at": ENDED,
        "outcome": Outcome.ANSWERED,
        "answered_by": "ana",
        "answered_at": AT + timedelta(seconds=8),
    }
    return SwitchCall(**(usual | more))  # type: ignore[arg-type]


def test_what_the_switch_served_alone_is_told_at_once(desk: Desk) -> None:
    with desk.work() as conn:
        taken_in.take_in(conn, served(), RULES)
    assert subjects(desk.outbox) == [SUMMARY, SUMMARY]


def test_her_draft_is_waited_for_also_where_the_switch_served_the_rest(desk: Desk) -> None:
    desk.talks()
    desk.types(WORDS)
    desk.step(replace(TALKING, phase=Phase.ENDED, seat=None, taken_over=True))
    with desk.work() as conn:
        taken_in.take_in(conn, served(), RULES)
    assert (desk.outbox, desk.open_list()) == ([], [("c1", State.DRAFT)])
    assert desk.sends() == Signed(1, went=True)
    assert subjects(desk.outbox) == [MESSAGE, MESSAGE]


# --- corrections ------------------------------------------------------------------------------------------


def test_other_words_are_a_correction_that_shows_what_changed(desk: Desk) -> None:
    desk.talks()
    desk.types(WORDS)
    desk.ends()
    desk.sends()
    desk.types({"reason": ("Quiere dos cotizaciones", 2)})
    assert desk.sends() == Signed(2, went=True)
    assert desk.sends() == Signed(2, went=False)
    first, second = desk.to_first
    assert second.letter.in_reply_to == first.letter.message_id
    assert second.letter.subject == ("Corrección: Andes: mensaje de María (+56 2 2333 4455): Quiere dos cotizaciones")
    assert "* Motivo de la llamada: Quiere dos cotizaciones  (antes: Quiere una cotización)" in second.letter.text
    assert "\nNombre: María Soto" in second.letter.text
    with reading(desk.office) as conn:
        kept = conn.execute(select(message_version.c.version, message_version.c.words)).all()
    assert [version for version, _ in kept] == [1, 2]
    assert kept[0].words == '[["Nombre","María Soto"],["Motivo de la llamada","Quiere una cotización"]]'


def test_a_supplement_answers_the_first_letter_and_is_no_delivery_of_the_message(desk: Desk) -> None:
    desk.talks()
    desk.types(WORDS)
    desk.ends()
    desk.sends()
    with desk.work() as conn:
        write_supplement(by_admin(conn), "c1", "algo más", "Casa")
    first, more = desk.to_first
    assert more.letter.in_reply_to == first.letter.message_id
    with reading(desk.office) as conn:
        assert [one.subject for one in messages.deliveries(conn, "c1")] == [MESSAGE, MESSAGE]


def test_a_recipient_who_came_later_gets_the_correction_as_his_first_letter(desk: Desk) -> None:
    desk.talks()
    desk.types(WORDS)
    desk.ends()
    desk.sends()
    with desk.work() as conn:
        people.add_recipient(by_admin(conn), 1, Channel.EMAIL, "nueva@andes.example")
    for number in (2, 3):
        desk.types({"reason": (f"Otra cosa {number}", number)})
        desk.sends()
    first, second = (one.letter for one in desk.outbox if one.letter.address == "nueva@andes.example")
    assert (first.in_reply_to, second.in_reply_to) == ("", first.message_id)


# --- the draft --------------------------------------------------------------------------------------------


def test_a_draft_is_opened_once_and_what_she_saw_is_noted(desk: Desk) -> None:
    with desk.work() as conn:
        conn.execute(insert(greeting).values(id=7, client_id=1, text="Andes, buenos días", since=AT))
        protocols.insert_row(conn, 1, Protocol(fields=(Field(key="who", label="Quién"),)), AT, "")
    desk.step(TALKING)
    first, again = desk.opened(), desk.opened(at=ENDED)
    assert first == again
    assert [field.key for field in first.protocol.fields] == ["who"]
    with desk.work() as conn:
        protocols.insert_row(conn, 1, Protocol(fields=(Field(key="other", label="Otro"),)), AT, "")
    assert desk.opened().protocol == first.protocol  # the version in force then stays
    with reading(desk.office) as conn:
        assert [tuple(row) for row in conn.execute(select(shown))] == [("c1", 1, AT, 7, first.protocol_id)]


def test_a_call_that_is_passed_on_takes_its_draft_along(desk: Desk) -> None:
    desk.talks()
    desk.types(WORDS)
    draft = desk.opened(EVA)
    assert (draft.secretary_id, draft.values["name"]) == (2, "María Soto")
    with pytest.raises(ClientMistake) as refused:
        desk.types({"name": ("x", 9)}, who=ANA)
    assert refused.value.code is Code.NOT_ON_DESK
    desk.types({"name": ("María", 9)}, who=EVA)
    desk.ends(replace(OVER, answered_by=EVA))
    assert desk.open_list(EVA) == [("c1", State.DRAFT)]


def test_a_page_that_comes_late_takes_no_draft_from_who_has_the_call_now(desk: Desk) -> None:
    desk.talks()
    desk.opened(EVA)
    with desk.work() as conn:
        conn.execute(insert(seat_claim).values(secretary_id=2, call_id="c1"))
    assert desk.opened(ANA).secretary_id == 2


def test_a_draft_of_a_call_that_is_over_stays_where_it_is(desk: Desk) -> None:
    desk.talks()
    desk.types(WORDS)
    desk.ends()
    assert desk.opened(EVA).secretary_id == 1


def test_what_she_has_sent_before_the_call_is_passed_on_is_there_for_the_next_one_and_goes(desk: Desk) -> None:
    desk.talks()
    desk.types(WORDS)
    desk.sends(at=AT)
    assert desk.opened(EVA).secretary_id == 1  # a page that comes late
    desk.step(replace(TALKING, seat=EVA, answered_by=EVA), ClaimSeat(2))
    draft = desk.opened(EVA)
    assert (draft.secretary_id, draft.values["name"], draft.state) == (2, "María Soto", State.SIGNED)
    desk.types({"reason": ("Quiere una cotización y un plazo", 2)}, who=EVA)
    desk.ends(replace(OVER, answered_by=EVA))
    assert "Quiere una cotización y un plazo" in desk.to_first[0].letter.text
    assert len(desk.to_first) == 1


@pytest.mark.parametrize("sent", [True, False])
def test_a_draft_that_went_along_with_an_offer_that_nobody_took_is_hers_who_talked_with_him(
    desk: Desk, sent: bool
) -> None:
    desk.talks()
    desk.types(WORDS)
    if sent:
        desk.sends(at=AT)
    desk.step(replace(TALKING, phase=Phase.OFFERING, seat=EVA), ClaimSeat(2))
    assert desk.opened(EVA).secretary_id == 2
    desk.ends()
    assert (desk.state(), desk.open_list()) == ((State.SENT, []) if sent else (State.DRAFT, [("c1", State.DRAFT)]))
    assert subjects(desk.to_first) == ([MESSAGE] if sent else [])


def test_a_page_that_opens_after_the_end_writes_an_answer_to_the_summary(desk: Desk) -> None:
    desk.step(TALKING)
    desk.ends()
    assert desk.opened(at=ENDED).state is State.OVERDUE
    desk.types(WORDS)
    assert desk.sends() == Signed(1, went=True)
    assert subjects(desk.to_first) == [SUMMARY, MESSAGE]


def test_a_page_that_opens_after_a_call_that_she_did_not_answer_has_nothing_to_write(desk: Desk) -> None:
    desk.step(TALKING)
    desk.ends(replace(OVER, answered_by=EVA))
    assert desk.opened(ANA, at=ENDED).state is State.CLOSED
    assert desk.open_list() == []


def test_a_call_that_is_not_there_is_refused(desk: Desk) -> None:
    with pytest.raises(ClientMistake) as refused:
        desk.opened(call_id="c9")
    assert refused.value.code is Code.NO_SUCH_CALL


def test_an_older_edit_overwrites_no_newer_one(desk: Desk) -> None:
    desk.talks()
    desk.types({"name": ("María", 2)})
    assert desk.types({"name": ("Mar", 1), "reason": ("", 1)}).fields == {"name": ("María", 2), "reason": ("", 1)}
    assert desk.opened().values == {"name": "María", "reason": ""}
    assert desk.types({"name": ("", 3)}).fields == {"name": ("", 3)}


def test_of_two_with_one_number_the_later_to_arrive_stays_and_who_sent_it_is_told_of_the_other(desk: Desk) -> None:
    desk.talks()
    assert desk.types({"name": ("María", 7, 0)}).lost == {}
    second = desk.types({"name": ("Pedro", 7, 0)})
    assert (second.fields, second.older, second.lost) == ({"name": ("Pedro", 8)}, frozenset(), {"name": "María"})
    assert desk.types({"name": ("Pedro Soto", 9, 8)}).lost == {}
    late = desk.types({"name": ("María", 7, 0)})
    assert (late.fields, late.older) == ({"name": ("Pedro Soto", 9)}, {"name"})
    assert desk.draft().values == {"name": "Pedro Soto"}


@pytest.mark.parametrize("turn", range(5))
def test_two_computers_at_once_lose_no_text_silently(desk: Desk, turn: int) -> None:
    desk.talks()

    def types(text: str) -> Callable[[Connection], messages.Saved]:
        return lambda conn: messages.save_fields(conn, "c1", 1, {"name": Typed(text, 7, 0)}, AT)

    saved = [one for one in at_once(desk, types("María"), types("Pedro")) if isinstance(one, messages.Saved)]
    first, second = sorted(saved, key=lambda one: one.fields["name"][1])
    assert (first.fields["name"][1], second.fields["name"][1]) == (7, 8)
    assert second.lost == {"name": first.fields["name"][0]}
    assert desk.draft().values == {"name": second.fields["name"][0]}


def test_an_absurd_number_keeps_the_next_text_out_of_no_field(desk: Desk) -> None:
    desk.talks()
    with desk.work() as conn:  # as an earlier version kept it
        row = {"call_id": "c1", "key": "reason", "value": "x", "edit": 2**31 - 1, "saved_at": AT}
        conn.execute(insert(message_field).values(row))
    for number, text in ((2**53 - 1, "a"), (2**31, "b"), (2**53 - 1, "c")):
        for key in ("name", "reason"):
            assert desk.types({key: (text, number)}).fields[key][0] == text
    assert desk.draft().values == {"name": "c", "reason": "c"}


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"nombre": ("x", 1)}, Code.NO_SUCH_FIELD),
        ({"reason": ("x", 1), "name": ("x" * 201, 1)}, Code.VALUE_TOO_LONG),
    ],
)
def test_what_no_form_sends_is_refused(desk: Desk, changes: dict[str, tuple[str, int]], code: Code) -> None:
    desk.talks()
    with pytest.raises(ClientMistake) as refused:
        desk.types(changes)
    assert refused.value.code is code
    assert desk.opened().values == {}


def test_what_no_database_keeps_is_left_out(desk: Desk) -> None:
    desk.talks()
    desk.types({"name": ("Ma\x00r\ud800ía", 1)})
    assert desk.opened().values == {"name": "María"}


def test_a_message_with_a_field_missing_is_not_sent_unless_she_insists(desk: Desk) -> None:
    fields = (Field(key="name", label="Nombre", required=True), Field(key="day", label="Día", kind=FieldKind.DATE))
    with desk.work() as conn:
        protocols.insert_row(conn, 1, Protocol(fields=fields), AT, "")
    desk.talks()
    desk.types({"day": ("nunca", 1)})
    with pytest.raises(Incomplete) as refused:
        desk.sends()
    assert refused.value.problems == {"name": Problem.MISSING, "day": Problem.NO_DATE}
    with pytest.raises(Incomplete) as refused:
        desk.sends(despite_gaps=True)
    assert refused.value.problems == {"day": Problem.NO_DATE}
    assert desk.state() is State.DRAFT
    desk.types({"day": ("2026-12-01", 2)})
    desk.sends(despite_gaps=True)
    assert desk.state() is State.SIGNED


def test_a_message_without_a_word_is_not_sent(desk: Desk) -> None:
    with desk.work() as conn:
        protocols.insert_row(conn, 1, Protocol(fields=(Field(key="who", label="Quién"),)), AT, "")
    desk.talks()
    with pytest.raises(Incomplete) as refused:
        desk.sends()
    assert refused.value.problems == {}


def test_only_open_fields_are_told_in_the_protocols_order(desk: Desk) -> None:
    fields = (
        Field(key="urgent", label="Urgente", kind=FieldKind.CHOICE, choices=("sí", "no")),
        Field(key="where", label="Dirección", when=Condition("urgent", ("sí",))),
        Field(key="who", label="Quién"),
    )
    with desk.work() as conn:
        protocols.insert_row(conn, 1, Protocol(fields=fields), AT, "")
    desk.talks()
    desk.types({"who": ("María", 1), "where": ("Matta 12", 1), "urgent": ("sí", 1)})
    desk.ends()
    desk.sends()
    assert "Urgente: sí\nDirección: Matta 12\nQuién: María\n" in desk.outbox[0].letter.text
    desk.types({"urgent": ("no", 2)})
    desk.sends()
    assert "* Dirección: –  (antes: Matta 12)" in desk.to_first[1].letter.text


def test_another_secretary_can_neither_write_nor_send_nor_close(desk: Desk) -> None:
    desk.talks()
    desk.types(WORDS)
    for deed in (
        lambda conn: messages.save_fields(conn, "c1", 2, {"name": Typed("x", 9)}, AT),
        lambda conn: messages.sign(conn, "c1", 2, AT, RULES),
        lambda conn: messages.close_without_words(conn, "c1", 2, AT, RULES),
        lambda conn: messages.send_info(by_admin(conn), "c1", 2, 1, "x@y.example", RULES),
    ):
        with pytest.raises(ClientMistake) as refused, desk.work() as conn:
            deed(conn)
        assert refused.value.code is Code.NOT_ON_DESK


# --- lists ------------------------------------------------------------------------------------------------


def test_a_message_is_on_the_open_list_from_her_answer_on(desk: Desk) -> None:
    desk.step(replace(TALKING, answered_by=None, phase=Phase.OFFERING))
    desk.opened()
    assert desk.open_list() == []
    desk.step(TALKING)
    assert desk.open_list() == [("c1", State.DRAFT)]
    with reading(desk.office) as conn:
        (one,) = messages.open_of(conn)
    assert (one.client, one.client_name, one.caller, one.secretary, one.at) == (
        "andes",
        "Andes",
        "+56223334455",
        "Ana",
        AT,
    )


def test_deliveries_are_those_of_the_newest_version(desk: Desk) -> None:
    desk.talks()
    desk.types(WORDS)
    desk.ends()
    desk.sends()
    with desk.work() as conn:
        for posted in letters.newest(conn):
            letters.delivered(conn, posted, ENDED)
    desk.types({"reason": ("Otra cosa", 2)})
    desk.sends()
    with reading(desk.office) as conn:
        found = messages.deliveries(conn, "c1")
    assert [(one.address, one.status) for one in found] == [(address, Status.QUEUED) for address in ADDRESSES]


def test_earlier_calls_are_those_to_this_client_alone(desk: Desk) -> None:
    desk.talks()
    desk.types(WORDS)
    desk.ends()
    for number, facts in enumerate((ANDES, replace(ANDES, client_id=2, slug="inca", client_name="Inca")), 2):
        other = replace(TALKING, id=f"c{number}", facts=facts, arrived_at=AT + timedelta(hours=1))
        with desk.work() as conn:
            save(conn, [Save(other, True, (Line(1, AT, "X", {}),))], RULES)
    with reading(desk.office) as conn:
        found = messages.earlier(conn, 1, "+56223334455", 5, but="c2")
        assert [(one.call_id, one.secretary, one.message, one.first_words) for one in found] == [
            ("c1", "Ana", State.DRAFT, "Quiere una cotización")
        ]
        assert [one.call_id for one in messages.earlier(conn, 2, "+56223334455", 5)] == ["c3"]
        assert len(messages.earlier(conn, 1, "+56223334455", 1)) == 1


@pytest.mark.parametrize("number", ["", "anonymous", "Restricted"])
def test_whoever_hides_his_number_has_no_earlier_calls(desk: Desk, number: str) -> None:
    desk.step(replace(TALKING, caller=Caller(number, "")))
    with reading(desk.office) as conn:
        assert messages.earlier(conn, 1, number, 5) == []


def test_facts_of_the_call_are_told_with_a_message_written_later(desk: Desk) -> None:
    desk.talks()
    desk.types(WORDS)
    desk.ends(replace(OVER, recording_flaw="short"))
    desk.sends()
    text = desk.outbox[0].letter.text
    assert "Espera: 8 segundos" in text
    assert "Conversación: 1 minuto y 52 segundos" in text
    assert "incompleta" in text


# --- ready-made texts -------------------------------------------------------------------------------------


def infos(desk: Desk, count: int) -> list[int]:
    with desk.work() as conn:
        for number in range(count):
            stored.insert_row(conn, 1, f"Datos {number}", AT, "", "Banco Sur\n<b>123</b>")
        return [one.id for one in stored.in_force(conn, 1)]


def sends_info(desk: Desk, info_id: int, address: str) -> None:
    with booking(desk.office, Actor(ActorKind.SECRETARY, "Ana", "desk"), AT) as work:
        messages.send_info(work, "c1", 1, info_id, address, RULES)


def test_a_ready_made_text_goes_to_the_caller_once_and_is_none_of_the_clients_letters(desk: Desk) -> None:
    (info_id,) = infos(desk, 1)
    desk.talks()
    for _ in range(2):
        sends_info(desk, info_id, "Maria@Soto.example")
    (posted,) = desk.outbox
    assert (posted.letter.address, posted.letter.subject) == ("Maria@soto.example", "Andes: Datos 0")
    assert "Banco Sur" in posted.letter.text
    assert "&lt;b&gt;123" in posted.letter.html
    assert "en nombre de Andes" in posted.letter.text
    desk.ends()
    with reading(desk.office) as conn:
        assert letters.first_told(conn, "c1") == {}
        assert messages.deliveries(conn, "c1") == []
        assert [one.status for one in messages.infos_sent(conn, "c1")] == [Status.QUEUED]
        kept = conn.execute(select(audit.c.verb, audit.c.difference)).all()
    assert [row.verb for row in kept if row.verb == "info sent"] == ["info sent"]
    assert "soto.example" not in str(kept)


# --- changes after it was sent --------------------------------------------------------------------------------------


def test_what_she_changes_after_sending_is_on_her_open_list_until_it_is_sent(desk: Desk) -> None:
    desk.talks()
    desk.types(WORDS)
    desk.ends()
    desk.sends()
    assert (desk.state(), desk.open_list()) == (State.SENT, [])
    assert desk.types({"reason": ("Quiere dos cotizaciones", 2)}, at=ENDED).state is State.CHANGED
    assert (desk.state(), desk.open_list(), desk.open_list(EVA)) == (State.CHANGED, [("c1", State.CHANGED)], [])
    assert desk.sends().version == 2
    assert (desk.state(), desk.open_list()) == (State.SENT, [])


@pytest.mark.parametrize("again", ["Quiere una cotización", "  Quiere una cotización "])
def test_what_reads_as_it_was_sent_is_no_change(desk: Desk, again: str) -> None:
    desk.talks()
    desk.types(WORDS)
    desk.ends()
    desk.sends()
    desk.types({"reason": ("otra cosa", 2)})
    assert desk.state() is State.CHANGED
    assert desk.types({"reason": (again, 3)}).state is State.SENT
    assert (desk.state(), desk.open_list()) == (State.SENT, [])


def test_an_edit_that_comes_too_late_changes_nothing(desk: Desk) -> None:
    desk.talks()
    desk.types({"reason": ("Quiere una cotización", 5)})
    desk.ends()
    desk.sends()
    assert desk.types({"reason": ("Quiere", 4)}).state is State.SENT


def test_what_she_writes_on_after_the_hand_over_is_not_sent_by_itself(desk: Desk) -> None:
    desk.talks()
    desk.types(WORDS)
    desk.ends(HANDED_OVER)
    assert desk.state() is State.SENT
    desk.types({"message": ("Y que lo llamen hoy", 1)})
    assert desk.open_list() == [("c1", State.CHANGED)]


def test_what_is_sent_leaves_her_desk_after_ten_minutes_and_takes_no_words_after_an_hour_more(desk: Desk) -> None:
    desk.talks()
    desk.types(WORDS)
    desk.ends()
    assert desk.draft().shown_until is None
    desk.sends(at=ENDED)
    until = ENDED + messages.STAYS_FOR
    assert desk.draft().shown_until == until
    late = until + messages.WORDS_MAY_BE_LATE
    for refused in (desk.sends, lambda at: desk.types({"reason": ("otra", 2)}, at=at)):
        with pytest.raises(ClientMistake) as told:
            refused(at=late + timedelta(seconds=1))
        assert told.value.code is Code.NOT_ON_DESK
    assert desk.types({"reason": ("otra", 2)}, at=late).state is State.CHANGED
    assert desk.draft().shown_until is None
    desk.types({"reason": ("otra más", 3)}, at=late + timedelta(days=30))


def test_her_open_list_is_found_by_its_index(sqlite_url: str, tmp_path: Path) -> None:
    """The plan of SQLite: what she has sent in all the years is not read."""
    engine = open_engine(Home(tmp_path), Settings(database=Database(url=sqlite_url)))
    asked: list[str] = []
    with reading(engine) as conn:
        driver: Any = conn.connection.driver_connection
        driver.set_trace_callback(asked.append)
        messages.open_of(conn, 1)
        driver.set_trace_callback(None)
        plan = [row.detail for row in conn.exec_driver_sql(f"EXPLAIN QUERY PLAN {asked[-1]}")]
    engine.dispose()
    assert any("message USING INDEX ix_message_open (secretary_id=?" in step for step in plan), plan


def test_what_is_changed_stays_on_her_desk_as_long_as_she_changes_it(desk: Desk) -> None:
    desk.talks()
    desk.types(WORDS)
    desk.ends()
    desk.sends(at=ENDED)
    later = ENDED + timedelta(minutes=9)
    desk.types({"reason": ("otra cosa", 2)}, at=later)
    with reading(desk.office) as conn:
        assert messages.last_of(conn, ANA.secretary_id, ENDED + timedelta(minutes=8)) == "c1"
        assert messages.last_of(conn, ANA.secretary_id, later + timedelta(seconds=1)) == ""


def test_a_message_goes_twenty_times_at_most(desk: Desk) -> None:
    desk.talks()
    desk.ends()
    for edit in range(messages.MOST_VERSIONS):
        desk.types({"message": (f"otra vez {edit}", edit + 1)})
        assert desk.sends().went
    desk.types({"message": ("una más", messages.MOST_VERSIONS + 1)})
    with pytest.raises(ClientMistake) as refused:
        desk.sends()
    assert refused.value.code is Code.TOO_MANY_CORRECTIONS


def test_a_caller_gets_five_texts_at_most(desk: Desk) -> None:
    ids = infos(desk, 6)
    desk.talks()
    for info_id in ids[:5]:
        sends_info(desk, info_id, "maria@soto.example")
    with pytest.raises(ClientMistake) as refused:
        sends_info(desk, ids[5], "maria@soto.example")
    assert refused.value.code is Code.TOO_MANY_INFOS


@pytest.mark.parametrize("address", ["", "x", "a@b.example\r\nBcc: c@d.example", "a@b.example, c@d.example"])
def test_an_address_that_is_none_gets_nothing(desk: Desk, address: str) -> None:
    (info_id,) = infos(desk, 1)
    desk.talks()
    with pytest.raises(ClientMistake):
        sends_info(desk, info_id, address)
    assert desk.outbox == []


def test_another_clients_text_is_not_sent(desk: Desk) -> None:
    with desk.work() as conn:
        stored.insert_row(conn, 2, "Inca", AT, "", "x")
        info_id = stored.in_force(conn, 2)[0].id
    desk.talks()
    with pytest.raises(ClientMistake) as refused:
        sends_info(desk, info_id, "maria@soto.example")
    assert refused.value.code is Code.NO_SUCH_INFO


def test_what_is_erased_leaves_neither_words_nor_the_callers_address(desk: Desk) -> None:
    (info_id,) = infos(desk, 1)
    desk.talks()
    desk.types(WORDS)
    sends_info(desk, info_id, "maria@soto.example")
    desk.ends()
    desk.sends()
    with desk.work() as conn:
        his = Whose(number="+56223334455", calls=["c1"], names={"María"})
        assert caller_data.erase_calls(conn, his)["letters"] == 3
        assert [conn.execute(select(table)).all() for table in (message, message_field, message_version)] == [[]] * 3
    assert [one.letter.address for one in desk.outbox] == list(ADDRESSES)


# --- both at once -----------------------------------------------------------------------------------------


def at_once(desk: Desk, *deeds: Callable[[Connection], object]) -> list[object]:
    """Each deed by a connection of its own, begun together."""
    gate = Barrier(len(deeds))

    def done(deed: Callable[[Connection], object]) -> object:
        gate.wait()
        with desk.work() as conn:
            return deed(conn)

    with ThreadPoolExecutor(len(deeds)) as pool:
        return list(pool.map(done, deeds))


@pytest.mark.parametrize("turn", range(5))
def test_two_tabs_and_two_daemons_at_once_write_one_letter(desk: Desk, turn: int) -> None:
    desk.talks()
    desk.types(WORDS)
    desk.ends()
    at = ENDED + LIMIT

    def press(conn: Connection) -> object:
        return messages.sign(conn, "c1", 1, at, RULES)

    def give_up(conn: Connection) -> object:
        return messages.give_up_waiting(conn, at, RULES)

    told = at_once(desk, press, give_up, press, give_up)
    assert sorted(one.went for one in told if isinstance(one, Signed)) == [False, True]
    assert desk.state() is State.SENT
    overdue = sum(one for one in told if isinstance(one, int))
    assert len(desk.to_first) == 1 + overdue
    assert [bool(one.letter.in_reply_to) for one in desk.to_first] == [False, True][: 1 + overdue]


@pytest.mark.parametrize("turn", range(5))
def test_she_presses_send_as_the_call_ends(desk: Desk, turn: int) -> None:
    desk.talks()
    desk.types(WORDS)

    def end(conn: Connection) -> object:
        return save(conn, [Save(OVER, False, (Line(2, ENDED, "X", {}),), (WriteLetters(),))], RULES)

    def press(conn: Connection) -> object:
        return messages.sign(conn, "c1", 1, ENDED, RULES)

    at_once(desk, end, press)
    assert subjects(desk.to_first) == [MESSAGE]
    assert desk.state() is State.SENT


@pytest.mark.parametrize("turn", range(5))
def test_her_page_opens_as_the_call_ends(desk: Desk, turn: int) -> None:
    desk.step(TALKING)

    def end(conn: Connection) -> object:
        return save(conn, [Save(OVER, False, (Line(2, ENDED, "X", {}),), (WriteLetters(),))], RULES)

    def opens(conn: Connection) -> None:
        messages.open_draft(conn, "c1", 1, ENDED)

    at_once(desk, end, opens)
    # Either the summary has gone, and she answers it, or her words are waited for.
    assert (desk.state(), len(desk.to_first)) in [(State.OVERDUE, 1), (State.DRAFT, 0)]
    assert len(desk.open_list()) == 1
