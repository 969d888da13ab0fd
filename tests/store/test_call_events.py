"""What happens in calls enters the outbox for webhooks in the transaction that makes it true, on both databases."""

import json
import signal
import subprocess
import sys
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from acting import ADMIN
from msgspec.structs import replace
from sqlalchemy import Engine, select, update
from test_messages_written import AT, ENDED, OVER, RULES, TALKING, WORDS, Desk, desk, office

from pbx_control.domain.call.commands import WriteLetters
from pbx_control.domain.call.journal import Line
from pbx_control.domain.call.model import Call, Outcome, Phase
from pbx_control.domain.call.saving import Save
from pbx_control.domain.notices.messages import Channel
from pbx_control.domain.webhooks import KEPT, MADE_WITHIN, MOST_MADE, MOST_OF_ONE, MOST_WAITING
from pbx_control.errors import ClientMistake, Code
from pbx_control.jobs import upkeep
from pbx_control.services import call_events, clientele, post, taken_in, webhooks
from pbx_control.services.steps import save
from pbx_control.services.taken_in import SwitchCall
from pbx_control.services.work import booking, changing
from pbx_control.store import caller_data, callers, letters, restrictions
from pbx_control.store import webhooks as stored
from pbx_control.store.caller_data import Whose
from pbx_control.store.engine import reading, writing
from pbx_control.store.tables import audit, client, letter, webhook

__all__ = ["desk", "office"]

URL = "https://crm.example/calls"
RINGING = replace(TALKING, phase=Phase.OFFERING, answered_at=None, talking_since=None, answered_by=None)
RECORDED = replace(OVER, recording="2026/01/05/c1.wav", message="2026/01/05/c1-message.wav")
ALL = ["call.started", "call.answered", "message.sent", "call.ended", "recording.ready", "recording.ready"]


def add(engine: Engine, *events: str, client_id: int | None = 1) -> stored.Webhook:
    with booking(engine, ADMIN, AT) as work:
        return webhooks.add(work, URL, events, client_id, private=False)


def told(engine: Engine, number: int = 1) -> list[Any]:
    """What waits for a webhook, in order."""
    with reading(engine) as conn:
        rows = conn.scalars(select(letter.c.body_text).where(letter.c.address == str(number)).order_by(letter.c.id))
        return [json.loads(one) for one in rows]


def types(engine: Engine, number: int = 1) -> list[str]:
    return [one["type"] for one in told(engine, number)]


def step(desk: Desk, state: Call, *commands: WriteLetters, event: str = "X", at: Any = AT) -> None:
    desk.line += 1
    with desk.work() as conn:
        save(conn, [Save(state, desk.line == 1, (Line(desk.line, at, event, {}),), commands)], RULES)


def whole_call(desk: Desk) -> None:
    """She answers, writes and presses send while it lasts; then it is over."""
    step(desk, RINGING)
    step(desk, TALKING, event="SecretaryAnswered", at=TALKING.answered_at)
    desk.opened()
    desk.types(WORDS)
    desk.sends(at=AT)
    step(desk, RECORDED, WriteLetters(), at=ENDED)


def test_a_whole_call_is_told_in_order(desk: Desk) -> None:
    add(desk.office)
    whole_call(desk)
    events = told(desk.office)
    assert [one["type"] for one in events] == ALL
    assert [one["timestamp"] for one in events] == [
        *("2026-01-05T15:00:00Z", "2026-01-05T15:00:08Z"),
        *["2026-01-05T15:02:00Z"] * 4,
    ]
    assert {one["data"]["call"] for one in events} == {"c1"}
    assert {one["data"]["caller"] for one in events} == {"+56223334455"}
    assert events[2]["data"].items() >= {"version": 1, "urgent": False}.items()
    assert events[3]["data"].items() >= {"outcome": "answered", "answered_at": "2026-01-05T15:00:08Z"}.items()
    assert [one["data"]["kind"] for one in events[4:]] == ["conversation", "voice-message"]
    assert "cotización" not in json.dumps(events, ensure_ascii=False)


def test_each_event_is_told_once_however_often_its_step_is_saved(desk: Desk) -> None:
    add(desk.office)
    whole_call(desk)
    for state in (TALKING, RECORDED, RECORDED):
        step(desk, state, event="SecretaryAnswered", at=TALKING.answered_at)
    assert sorted(types(desk.office)) == sorted(ALL)


def test_a_second_secretary_is_no_second_answer(desk: Desk) -> None:
    add(desk.office, "call.answered")
    step(desk, RINGING)
    step(desk, TALKING, event="SecretaryAnswered", at=TALKING.answered_at)
    step(desk, TALKING, event="SecretaryAnswered", at=AT + timedelta(seconds=50))
    assert len(types(desk.office)) == 1


def test_a_correction_is_told_as_the_next_version(desk: Desk) -> None:
    add(desk.office, "message.sent")
    whole_call(desk)
    desk.types({"reason": ("Otra cosa", 2)}, at=ENDED)
    desk.sends()
    assert [one["data"]["version"] for one in told(desk.office)] == [1, 2]


def test_a_call_without_recording_has_none_ready(desk: Desk) -> None:
    add(desk.office)
    step(desk, RINGING)
    missed = replace(RINGING, phase=Phase.ENDED, outcome=Outcome.MISSED, ended_at=ENDED, recording="x", seat=None)
    step(desk, replace(missed, recording_flaw="missing"), WriteLetters(), at=ENDED)
    assert types(desk.office) == ["call.started", "call.ended"]


def test_only_what_is_wanted_and_whose_it_is(desk: Desk) -> None:
    some = add(desk.office, "call.ended", "call.started")
    others = add(desk.office, client_id=2)
    offices = add(desk.office, client_id=None)
    whole_call(desk)
    assert types(desk.office, some.id) == ["call.started", "call.ended"]
    assert types(desk.office, others.id) == []
    assert types(desk.office, offices.id) == ALL
    assert told(desk.office, offices.id)[0]["data"]["client"] == "andes"


def test_of_a_sensitive_client_no_number_is_told_to_anybody(desk: Desk) -> None:
    add(desk.office)
    add(desk.office, client_id=None)
    with writing(desk.office) as conn:
        conn.execute(update(client).values(sensitive=True))
    whole_call(desk)
    for number in (1, 2):
        events = told(desk.office, number)
        assert [one["type"] for one in events] == ALL
        assert {(one["data"]["caller"], one["data"]["withheld"]) for one in events} == {("", "sensitive")}


def test_nothing_is_told_to_what_was_removed_or_stopped_or_has_cancelled(desk: Desk) -> None:
    removed, stopped, gone = (add(desk.office, client_id=which) for which in (1, None, 1))
    with booking(desk.office, ADMIN, AT) as work:
        webhooks.remove(work, removed.id)
        stored.stop(work.conn, stopped.id, AT)
    with changing(desk.office, ADMIN, AT) as work:
        clientele.cancel(work, "andes")
    whole_call(desk)
    assert [types(desk.office, one.id) for one in (removed, stopped, gone)] == [[], [], []]
    with reading(desk.office) as conn:
        kept = conn.execute(select(webhook).where(webhook.c.id == removed.id)).one()
    assert (kept.secret, kept.url) == ("", "")


def served(name: str = "c2", caller: str = "+56223334455") -> SwitchCall:
    return SwitchCall(
        id=name,
        did="+56225550101",
        client_id=1,
        caller=caller,
        caller_name="",
        arrived_at=AT,
        ended_at=ENDED,
        outcome=Outcome.ANSWERED,
        answered_at=AT + timedelta(seconds=9),
        recording="c2.wav",
    )


def test_what_the_switch_served_alone_is_told_afterwards_once(desk: Desk) -> None:
    add(desk.office)
    for _ in range(2):
        with desk.work() as conn:
            assert taken_in.take_in(conn, served(), RULES)
    events = told(desk.office)
    assert [one["type"] for one in events] == ["call.started", "call.answered", "call.ended", "recording.ready"]
    assert [one["timestamp"][11:19] for one in events] == ["15:00:00", "15:00:09", "15:02:00", "15:02:00"]


def test_of_a_call_that_the_switch_took_over_only_the_rest_is_told_then(desk: Desk) -> None:
    add(desk.office)
    step(desk, RINGING)
    step(desk, TALKING, event="SecretaryAnswered", at=TALKING.answered_at)
    step(desk, replace(TALKING, phase=Phase.ENDED, taken_over=True, seat=None), at=AT)
    assert types(desk.office) == ["call.started", "call.answered"]
    with desk.work() as conn:
        taken_in.take_in(conn, served("c1"), RULES)
    assert types(desk.office) == ["call.started", "call.answered", "call.ended", "recording.ready"]
    assert told(desk.office)[2]["data"]["answered_at"] == "2026-01-05T15:00:08Z"  # the daemon's, which was the first


# --- what becomes of them ---------------------------------------------------------------------------------------


def waiting(desk: Desk) -> list[int]:
    with reading(desk.office) as conn:
        return [head.id for head in letters.heads(conn, Channel.WEBHOOK, 10)]


def test_what_is_about_a_caller_whose_request_is_decided_waits_and_other_calls_go_on(desk: Desk) -> None:
    add(desk.office)
    whole_call(desk)
    assert len(waiting(desk)) == 1
    with desk.work() as conn:
        restrictions.add(conn, "+56223334455", None, "asks", ENDED)
    assert waiting(desk) == []
    with desk.work() as conn:
        taken_in.take_in(conn, served(), RULES)  # it ended no later: blocked, too
        taken_in.take_in(conn, served("c3", "+56987654321"), RULES)
    (head,) = waiting(desk)
    with desk.work() as conn:
        found = conn.execute(select(letter).where(letter.c.id == head)).one()
        assert found.call_id == "c3"
        restrictions.lift(conn, "+56223334455", None, ENDED)
    assert waiting(desk) < [head]


def test_an_erased_callers_events_go_with_him_and_ask_nobody(desk: Desk) -> None:
    add(desk.office)
    whole_call(desk)
    with desk.work() as conn:
        assert len(callers.letters_about(conn, ["c1"], waiting=True)) == 2  # the client's mails
        shown = list(next(one for one in caller_data.PARTS if one.name == "letters").rows(conn, his()))
        assert sorted(one["to"] for one in shown) == ["client"] * 2 + ["program"] * 6
        caller_data.erase_calls(conn, his())
        rows = conn.execute(select(letter).where(letter.c.channel == "webhook")).all()
    assert waiting(desk) == []
    assert len(rows) == 6
    assert "+56223334455" not in repr(rows)


def his() -> Whose:
    return Whose(number="+56223334455", calls=["c1"])


def test_events_are_no_letters(desk: Desk) -> None:
    made = add(desk.office)
    before = state_of_post(desk.office)
    step(desk, RINGING)
    assert len(types(desk.office)) == 1
    assert state_of_post(desk.office) == before
    with reading(desk.office) as conn:
        number = conn.scalar(select(letter.c.id).where(letter.c.channel == "webhook"))
    assert number
    with pytest.raises(ClientMistake) as error, booking(desk.office, ADMIN, AT) as work:
        post.resend(work, [number])
    assert error.value.code is Code.NO_SUCH_MESSAGE
    with booking(desk.office, ADMIN, AT) as work:
        assert post.resend_undelivered(work, address=str(made.id)) == 0


def state_of_post(engine: Engine) -> Any:
    with reading(engine) as conn:
        late = AT + timedelta(days=1)
        return (
            letters.newest(conn),
            letters.newest(conn, undelivered=True, slug="andes"),
            letters.waiting(conn),
            letters.waiting_since(conn),
            letters.count_undelivered(conn, late, AT),
            letters.count_given_up(conn),
            letters.first_told(conn, "c1"),
            letters.newest_told(conn, "c1"),
        )


def test_no_more_wait_than_may_and_what_is_lost_is_counted(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    assert MOST_WAITING >= 1000
    monkeypatch.setattr(call_events, "MOST_WAITING", 2)
    made = add(desk.office)
    whole_call(desk)
    assert types(desk.office) == ALL[:2]
    with reading(desk.office) as conn:
        found = stored.get(conn, made.id)
    assert (found.waiting, found.lost) == (2, 4)


def test_a_step_asks_each_webhook_once_what_waits_however_many_events_it_has(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A live call waits for each statement."""
    add(desk.office)
    add(desk.office, client_id=None)
    step(desk, RINGING)
    asked, real = [], letters.waits_for_program
    monkeypatch.setattr(letters, "waits_for_program", lambda *given: asked.append(given[1]) or real(*given))
    step(desk, RECORDED, WriteLetters(), at=ENDED)
    assert types(desk.office)[1:] == ["call.ended", "recording.ready", "recording.ready"]
    assert sorted(asked) == ["1", "2"]


def test_those_that_are_over_are_forgotten_after_a_week(desk: Desk) -> None:
    add(desk.office)
    whole_call(desk)
    with desk.work() as conn:
        first = conn.scalar(select(letter.c.id).where(letter.c.channel == "webhook").order_by(letter.c.id).limit(1))
        conn.execute(update(letter).where(letter.c.id == first).values(due_at=None, delivered_at=AT))
    for at, left in ((AT + KEPT, 6), (AT + KEPT + timedelta(seconds=1), 5)):
        upkeep.tend(desk.office, ADMIN, at)
        assert len(types(desk.office)) == left
    with reading(desk.office) as conn:
        assert len(letters.newest(conn)) == 2


# --- made and removed -------------------------------------------------------------------------------------------


def test_the_secret_is_in_no_entry_and_in_no_listing(office: Engine) -> None:
    with booking(office, ADMIN, AT) as work:
        made = webhooks.add(work, f"{URL}?key=hidden", ["call.ended"], 1, private=False)
        webhooks.note_test(work, made.id, taken=True)
        webhooks.remove(work, made.id)
    assert made.secret.startswith("whsec_")
    assert made.secret not in repr(made)
    with reading(office) as conn:
        trail = repr(conn.execute(select(audit)).all())
    assert trail.count("webhook ") >= 3
    assert URL in trail
    assert made.secret not in trail
    assert "hidden" not in trail


def test_each_has_so_many_at_most(office: Engine) -> None:
    for which in (1, None):
        for _ in range(MOST_OF_ONE):
            made = add(office, client_id=which)
        with pytest.raises(ClientMistake) as error:
            add(office, client_id=which)
        assert error.value.code is Code.TOO_MANY_WEBHOOKS
        with booking(office, ADMIN, AT) as work:
            webhooks.remove(work, made.id)
        add(office, client_id=which)


def test_what_is_made_and_removed_again_and_again_ends_for_the_day(office: Engine) -> None:
    """Each leaves a row that the steps of live calls pass."""
    for _ in range(MOST_MADE):
        made = add(office)
        with booking(office, ADMIN, AT) as work:
            webhooks.remove(work, made.id)
    with pytest.raises(ClientMistake) as error:
        add(office)
    assert error.value.code is Code.TOO_MANY_WEBHOOKS
    add(office, client_id=2)
    with booking(office, ADMIN, AT + MADE_WITHIN) as work:
        assert webhooks.add(work, URL, [], 1, private=False)


def test_of_another_client_none_is_removed(office: Engine) -> None:
    made = add(office)
    for whose in (2, 1):
        with reading(office) as conn:
            assert (stored.find(conn, made.id, whose) is None) == (whose == 2)
    with pytest.raises(ClientMistake) as error, booking(office, ADMIN, AT) as work:
        webhooks.remove(work, made.id, 2)
    assert error.value.code is Code.NO_SUCH_WEBHOOK
    with booking(office, ADMIN, AT) as work:
        webhooks.remove(work, made.id, 1)
    with pytest.raises(ClientMistake), booking(office, ADMIN, AT) as work:
        webhooks.remove(work, made.id, 1)


def test_who_has_cancelled_gets_none(office: Engine) -> None:
    with changing(office, ADMIN, AT) as work:
        clientele.cancel(work, "andes")
    with pytest.raises(ClientMistake) as error:
        add(office)
    assert error.value.code is Code.CLIENT_CANCELLED


# --- killed -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("where", ["before", "after"])
def test_a_daemon_killed_as_it_commits_tells_neither_twice_nor_never(desk: Desk, tmp_path: Path, where: str) -> None:
    """The step and its event are one: with both or without either the next one goes on."""
    add(desk.office)
    url = desk.office.url.render_as_string(hide_password=False)
    program = Path(__file__).with_name("events_process.py")
    killed = subprocess.run([sys.executable, str(program), url, where], cwd=tmp_path, check=False, timeout=60)
    assert killed.returncode == -signal.SIGKILL
    assert types(desk.office) == (["call.started"] if where == "after" else [])
    if where == "before":
        step(desk, RINGING)
    desk.line = 1
    step(desk, TALKING, event="SecretaryAnswered", at=TALKING.answered_at)
    assert types(desk.office) == ["call.started", "call.answered"]


def test_who_may_read_the_outbox_finds_no_secret_there(desk: Desk) -> None:
    made = add(desk.office)
    whole_call(desk)
    with reading(desk.office) as conn:
        assert made.secret not in repr(conn.execute(select(letter)).all())
