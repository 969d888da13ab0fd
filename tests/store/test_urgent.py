"""Urgent messages: who is told again, until somebody has seen it; on both databases, with a clock that is moved."""

import signal
import subprocess
import sys
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from acting import by_admin
from sqlalchemy import Connection, select, update
from test_messages_written import (
    ADDRESSES,
    AT,
    ENDED,
    LIMIT,
    WORDS,
    Desk,
    at_once,
    desk,
    office,
    subjects,
)

from pbx_control.domain.desk.protocol import Field, FieldKind, Protocol
from pbx_control.domain.desk.tasks import TaskKind
from pbx_control.domain.notices.kinds import Wants
from pbx_control.domain.notices.messages import Channel, Recipient
from pbx_control.domain.notices.notes import AlarmDesk
from pbx_control.domain.words.sentences import Sentence
from pbx_control.errors import ClientMistake, Code
from pbx_control.services import clientele, messages, people, tasks, urgent
from pbx_control.services.messages import Status
from pbx_control.services.steps import Rules
from pbx_control.store import caller_data, mailboxes, protocols, restrictions
from pbx_control.store.caller_data import Whose
from pbx_control.store.engine import reading
from pbx_control.store.tables import client, letter, urgency, urgent_step

__all__ = ["desk", "office"]

RULES = Rules("Casa", AlarmDesk("oficina@casa.example", "es", "Casa", "America/Santiago"), url="https://casa.example")
FIVE = timedelta(minutes=5)
SENT = ENDED + timedelta(seconds=30)
BOSS, SALES = (Recipient(Channel.EMAIL, address) for address in ADDRESSES)
ASKS = Protocol(
    fields=(
        Field(key="name", label="Nombre", kind=FieldKind.TEXT),
        Field(key="reason", label="Motivo de la llamada", kind=FieldKind.LONG),
        Field(key="urgent", label="¿Es urgente?", kind=FieldKind.CHOICE, choices=("sí", "no")),
    )
)


def mark(desk: Desk, at: datetime = AT, *, on: bool = True) -> None:
    with desk.work() as conn:
        messages.mark_urgent(conn, "c1", 1, at, RULES, urgent=on)


def sends(desk: Desk, at: datetime = SENT) -> None:
    with desk.work() as conn:
        messages.sign(conn, "c1", 1, at, RULES)


def goes_on(desk: Desk, at: datetime) -> list[str]:
    """What is done until nothing more is due then: to whom it was told."""
    before = len(desk.outbox)
    for _ in range(50):
        with desk.work() as conn:
            if not urgent.go_on(conn, at, RULES):
                break
    else:
        raise AssertionError("it never rests")
    return [one.letter.address for one in desk.outbox[before:]]


def delivered(desk: Desk) -> None:
    with desk.work() as conn:
        conn.execute(update(letter).values(due_at=None, delivered_at=SENT))


def fails(conn: Connection, who: Recipient, at: datetime = SENT) -> None:
    mailboxes.fails(conn, who, at, Sentence("no such user"))


def how(desk: Desk) -> urgent.Told:
    with reading(desk.office) as conn:
        found = urgent.told(conn, "c1")
    assert found
    return found


def open_tasks(desk: Desk) -> list[TaskKind]:
    with reading(desk.office) as conn:
        return [one.kind for one in tasks.open_for(conn, 1)]


@pytest.fixture
def marked(desk: Desk) -> Desk:
    """An urgent message that has gone, and arrived."""
    desk.talks()
    desk.types(WORDS)
    mark(desk)
    desk.ends()
    sends(desk)
    delivered(desk)
    assert goes_on(desk, SENT) == []
    return desk


def token(desk: Desk, number: int = 0) -> str:
    text = desk.outbox[number].letter.text
    return text.partition("https://casa.example/seen/")[2].split()[0]


# --- what makes one urgent --------------------------------------------------------------------------------


def test_what_she_marks_goes_to_all_at_once_and_says_so(marked: Desk) -> None:
    first = marked.outbox[0]
    assert [one.letter.address for one in marked.outbox] == list(ADDRESSES)
    assert first.letter.subject == "Urgente: Andes: mensaje de María (+56 2 2333 4455): Quiere una cotización"
    assert token(marked, 0) != token(marked, 1)
    assert f"https://casa.example/seen/{token(marked)}" in first.letter.html
    assert how(marked).next_at == SENT + FIVE


def test_what_the_form_says_is_urgent_without_her_marking_it(desk: Desk) -> None:
    with desk.work() as conn:
        protocols.insert_row(conn, 1, ASKS, AT, "")
    desk.talks()
    desk.types({**WORDS, "urgent": ("sí", 1)})
    desk.ends()
    sends(desk)
    assert subjects(desk.outbox)[0].startswith("Urgente: ")
    assert how(desk).seen_at is None


def test_what_she_takes_back_before_it_goes_is_not_urgent(desk: Desk) -> None:
    desk.talks()
    desk.types(WORDS)
    mark(desk)
    mark(desk, on=False)
    desk.ends()
    sends(desk)
    assert not subjects(desk.outbox)[0].startswith("Urgente")
    with reading(desk.office) as conn:
        assert urgent.told(conn, "c1") is None


def test_what_is_not_written_in_time_is_urgent_all_the_same(desk: Desk) -> None:
    desk.talks()
    desk.types({"name": ("María Soto", 1)})
    mark(desk)
    desk.ends()
    with desk.work() as conn:
        messages.give_up_waiting(conn, ENDED + LIMIT, RULES)
    assert subjects(desk.outbox)[0].startswith("Urgente: ")
    delivered(desk)
    assert goes_on(desk, ENDED + LIMIT) == []
    assert goes_on(desk, ENDED + LIMIT + FIVE) == [ADDRESSES[0]]
    assert "Nombre: María Soto" in desk.outbox[-1].letter.text


def test_what_is_marked_when_it_has_gone_goes_to_everybody_once_more(desk: Desk) -> None:
    desk.talks()
    desk.types(WORDS)
    desk.ends()
    sends(desk)
    delivered(desk)
    mark(desk, SENT)
    mark(desk, SENT)
    mark(desk, SENT, on=False)  # it is told by now
    assert [one.letter.address for one in desk.outbox[2:]] == list(ADDRESSES)
    assert desk.outbox[2].letter.in_reply_to == desk.outbox[0].letter.message_id
    assert subjects(desk.outbox[2:])[0].startswith("Urgente: ")
    assert how(desk).again == []
    assert goes_on(desk, SENT) == []
    assert goes_on(desk, SENT + FIVE) == [ADDRESSES[0]]


def test_only_she_on_whose_desk_it_is_marks_it(marked: Desk) -> None:
    with pytest.raises(ClientMistake) as refused, marked.work() as conn:
        messages.mark_urgent(conn, "c1", 2, AT, RULES, urgent=True)
    assert refused.value.code is Code.NOT_ON_DESK


# --- going on ---------------------------------------------------------------------------------------------


def test_one_after_the_other_is_told_again_until_nobody_is_left(marked: Desk) -> None:
    told = []
    for minute in range(1, 60):
        told += [(minute, address) for address in goes_on(marked, SENT + timedelta(minutes=minute))]
        delivered(marked)
    a, b = ADDRESSES
    times = [(5, a), (10, b), (15, a), (20, b), (25, a), (30, b)]
    assert told == [*times, (35, "oficina@casa.example")]
    assert open_tasks(marked) == [TaskKind.UNSEEN]
    alarm = marked.outbox[-1].letter
    assert alarm.subject == "Nadie de Andes ha visto un mensaje urgente"
    assert "María" not in alarm.text
    assert "+56" not in alarm.text
    found = how(marked)
    assert (found.next_at, found.given_up_at) == (None, SENT + 7 * FIVE)
    assert [(one.address, one.times) for one in found.again] == [(a, 3), (b, 3)]
    assert "Nadie ha dicho todavía que lo vio" in marked.outbox[2].letter.text
    assert marked.outbox[2].letter.in_reply_to == marked.outbox[0].letter.message_id


def test_interval_rounds_and_order_are_the_clients(marked: Desk) -> None:
    with marked.work() as conn:
        work = by_admin(conn)
        clientele.change(work, "andes", urgent_interval=60, urgent_rounds=1)
        people.set_order(work, 1, [ADDRESSES[1]])
    told = [goes_on(marked, SENT + timedelta(minutes=minute)) for minute in (5, 6, 7, 8)]
    assert told == [[ADDRESSES[1]], [ADDRESSES[0]], ["oficina@casa.example"], []]


def test_what_tells_again_has_the_words_as_they_were_sent_last(marked: Desk) -> None:
    marked.types({"reason": ("Se inunda la bodega", 2)})
    sends(marked, SENT + timedelta(minutes=1))
    assert how(marked).next_at == SENT + FIVE
    goes_on(marked, SENT + FIVE)
    assert "Se inunda la bodega" in marked.outbox[-1].letter.text


def test_whose_address_fails_is_passed_over_at_once(marked: Desk) -> None:
    soon = SENT + FIVE + timedelta(seconds=3)
    assert goes_on(marked, SENT + FIVE) == [ADDRESSES[0]]
    assert goes_on(marked, soon) == []
    with marked.work() as conn:
        fails(conn, BOSS)
        assert urgent.next_due(conn) <= soon
    assert goes_on(marked, soon) == [ADDRESSES[1]]
    with marked.work() as conn:
        fails(conn, SALES)
    assert goes_on(marked, soon) == ["oficina@casa.example"]
    assert how(marked).given_up_at == soon


@pytest.mark.parametrize("why", ["none", "all fail", "only invoices"])
def test_with_nobody_to_tell_the_office_is_told_at_once(desk: Desk, why: str) -> None:
    with desk.work() as conn:
        for who in (BOSS, SALES):
            if why == "all fail":
                fails(conn, who)
            elif why == "none":
                people.remove_recipient(by_admin(conn), 1, who.address)
            else:
                people.set_wants(by_admin(conn), 1, who.address, Wants.only())
    desk.talks()
    desk.types(WORDS)
    mark(desk)
    desk.ends()
    sends(desk)
    assert goes_on(desk, SENT) == ["oficina@casa.example"]
    assert open_tasks(desk) == [TaskKind.UNSEEN]


def test_a_daemon_that_was_away_for_long_tells_one_and_then_waits(marked: Desk) -> None:
    late = SENT + timedelta(hours=9)
    assert goes_on(marked, late) == [ADDRESSES[0]]
    assert how(marked).next_at == late + FIVE


def test_a_sensitive_client_is_told_nothing_but_that_there_is_something(desk: Desk) -> None:
    with desk.work() as conn:
        conn.execute(update(client).values(sensitive=True))
        people.add_recipient(by_admin(conn), 1, Channel.TELEGRAM, "77")
        people.set_order(by_admin(conn), 1, ["77"])
    desk.talks()
    desk.types(WORDS)
    mark(desk)
    desk.ends()
    sends(desk)
    goes_on(desk, SENT)
    goes_on(desk, SENT + FIVE)
    goes_on(desk, SENT + 2 * FIVE)
    assert len(desk.outbox) == 5
    for one in desk.outbox:
        whole = one.letter.subject + one.letter.text + one.letter.html
        assert not [word for word in ("María", "2333", "cotización") if word in whole]
        assert "Urgente" in whole
        assert ("/seen/" in whole) == (one.letter.channel is Channel.EMAIL)


# --- seen -------------------------------------------------------------------------------------------------


def test_once_somebody_has_seen_it_nobody_is_told_again(marked: Desk) -> None:
    goes_on(marked, SENT + FIVE)
    at = SENT + FIVE + timedelta(seconds=9)
    with marked.work() as conn:
        looked = urgent.say_seen(conn, token(marked, 1), at)
    assert (looked.seen_by, looked.seen_at, looked.client) == (ADDRESSES[1], at, "Andes")
    assert goes_on(marked, SENT + 99 * FIVE) == []
    with reading(marked.office) as conn:
        status = {one.address: one.status for one in messages.deliveries(conn, "c1")}
        assert urgent.next_due(conn) is None
    assert status == {ADDRESSES[0]: Status.SENT, ADDRESSES[1]: Status.SEEN}
    # The letter to the other, which had not gone out, is taken back.
    assert len(marked.outbox) == 2


def test_the_first_who_says_it_stays(marked: Desk) -> None:
    for number, minute in ((0, 1), (1, 2), (0, 3)):
        with marked.work() as conn:
            looked = urgent.say_seen(conn, token(marked, number), SENT + timedelta(minutes=minute))
        assert (looked.seen_by, looked.seen_at) == (ADDRESSES[0], SENT + timedelta(minutes=1))


def test_looking_says_nothing(marked: Desk) -> None:
    with reading(marked.office) as conn:
        assert urgent.look_at(conn, token(marked), SENT).seen_at is None
    assert goes_on(marked, SENT + FIVE) == [ADDRESSES[0]]


def test_what_is_seen_late_takes_the_task_off_the_desks(marked: Desk) -> None:
    for minute in range(1, 60):
        goes_on(marked, SENT + timedelta(minutes=minute))
    assert open_tasks(marked) == [TaskKind.UNSEEN]
    with marked.work() as conn:
        assert urgent.seen(conn, "c1", "Rosa", SENT + timedelta(hours=1))
    assert open_tasks(marked) == []
    assert how(marked).seen_by == "Rosa"


def test_of_a_client_that_has_cancelled_nobody_is_told_again_by_letters_with_dead_links(marked: Desk) -> None:
    with marked.work() as conn:
        clientele.cancel(by_admin(conn), "andes")
    assert goes_on(marked, SENT + FIVE) == ["oficina@casa.example"]
    assert how(marked).given_up_at == SENT + FIVE
    assert open_tasks(marked) == [TaskKind.UNSEEN]


@pytest.mark.parametrize("why", ["old", "forged", "gone", "wants none", "cancelled", "another's"])
def test_dead_links(marked: Desk, why: str) -> None:
    link, at = token(marked), SENT
    with marked.work() as conn:
        work = by_admin(conn)
        match why:
            case "old":
                at = SENT + timedelta(days=7)
            case "forged":
                link = link[:-1] + ("A" if link[-1] != "A" else "B")
            case "gone":
                people.remove_recipient(work, 1, ADDRESSES[0])
            case "wants none":
                people.set_wants(work, 1, ADDRESSES[0], Wants.only())
            case "cancelled":
                clientele.cancel(work, "andes")
            case "another's":
                link = link.replace(link.partition("-")[0], marked.outbox[1].letter.message_id)
    for do in (urgent.look_at, urgent.say_seen):
        with pytest.raises(ClientMistake) as refused, marked.work() as conn:
            do(conn, link, at)
        assert refused.value.code is Code.DEAD_SECRET


def test_while_a_request_of_the_callers_is_decided_nobody_is_told_and_afterwards_it_goes_on(marked: Desk) -> None:
    link = token(marked)
    with marked.work() as conn:
        restrictions.add(conn, "+56223334455", None, "x", SENT)
    assert goes_on(marked, SENT + 3 * FIVE) == []
    with marked.work() as conn:
        assert urgent.next_due(conn) is None
        assert urgent.on_desk(conn, 1, SENT) == []
        with pytest.raises(ClientMistake) as refused:
            urgent.say_seen(conn, link, SENT)
        restrictions.lift(conn, "+56223334455", None, SENT + 3 * FIVE)
    assert refused.value.code is Code.RESTRICTED
    assert goes_on(marked, SENT + 4 * FIVE) == [ADDRESSES[0]]


def test_erasing_ends_it_with_all_that_was_written(marked: Desk) -> None:
    goes_on(marked, SENT + FIVE)
    link = token(marked)
    with marked.work() as conn:
        caller_data.erase_calls(conn, Whose(number="+56223334455", calls=["c1"], names={"María"}))
        assert [conn.execute(select(table)).all() for table in (urgency, urgent_step)] == [[], []]
        with pytest.raises(ClientMistake):
            urgent.say_seen(conn, link, SENT)
    assert goes_on(marked, SENT + 3 * FIVE) == []


# --- both at once, and kills ------------------------------------------------------------------------------


@pytest.mark.parametrize("turn", range(5))
def test_seen_as_the_next_one_is_told_leaves_nothing_to_be_sent(marked: Desk, turn: int) -> None:
    link = token(marked)

    def tell(conn: Connection) -> object:
        return urgent.go_on(conn, SENT + FIVE, RULES)

    def see(conn: Connection) -> object:
        return urgent.say_seen(conn, link, SENT + FIVE)

    at_once(marked, tell, see, tell)
    assert goes_on(marked, SENT + 99 * FIVE) == []
    assert [one for one in marked.outbox if one.state == "waiting"] == []


@pytest.mark.parametrize("turn", range(3))
def test_three_daemons_tell_once(marked: Desk, turn: int) -> None:
    for step in range(1, 8):
        at = SENT + step * FIVE
        at_once(marked, *[lambda conn: urgent.go_on(conn, at, RULES)] * 3)  # noqa: B023
    told = [one.letter.address for one in marked.outbox[2:]]
    assert told == [*ADDRESSES, *ADDRESSES, *ADDRESSES, "oficina@casa.example"]


@pytest.mark.parametrize("where", ["before", "after"])
def test_a_daemon_killed_in_the_middle_tells_neither_twice_nor_never(marked: Desk, tmp_path: Path, where: str) -> None:
    """Each process is killed as it commits, just before that or just after it: seven steps, and nothing is lost."""
    url = marked.office.url.render_as_string(hide_password=False)
    program = Path(__file__).with_name("urgent_process.py")
    for step in range(1, 8):
        at = SENT + step * FIVE
        command = [sys.executable, str(program), url, at.isoformat(), where]
        killed = subprocess.run(command, cwd=tmp_path, check=False, timeout=60)
        assert killed.returncode == -signal.SIGKILL
        assert goes_on(marked, at) == ([] if where == "after" else [told_at(step)])
    told = [one.letter.address for one in marked.outbox[2:]]
    assert told == [told_at(step) for step in range(1, 8)]
    assert open_tasks(marked) == [TaskKind.UNSEEN]


def told_at(step: int) -> str:
    return ADDRESSES[(step - 1) % 2] if step < 7 else "oficina@casa.example"
