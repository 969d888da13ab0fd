"""What a secretary's page may ask for: in her calls, and in no other's; what is no page is told so in one line."""

from datetime import timedelta
from typing import Any

import pytest
from browsing import AT, SECRET, Place, asks, at_desk
from msgspec.structs import replace

from pbx_control import clock
from pbx_control.domain.call.commands import WriteLetters
from pbx_control.domain.call.journal import Line
from pbx_control.domain.call.model import Call, Outcome, Phase
from pbx_control.domain.call.saving import Save
from pbx_control.domain.notices.messages import Channel, Recipient
from pbx_control.live.news import LONGEST_LINE
from pbx_control.services import messages
from pbx_control.services.steps import Rules, save
from pbx_control.store import letters, recipients, secretaries
from pbx_control.store.engine import reading, writing

ASKED = [
    ("fields", {"fields": {"message": {"value": "otra cosa", "edit": 99}}}),
    ("send", {}),
    ("send", {"gaps": True}),
    ("info", {"info": 1, "address": "x@y.cl"}),
]


@pytest.mark.parametrize(("what", "content"), ASKED)
async def test_nothing_is_done_in_another_secretarys_call(place: Place, call: str, what: str, content: Any) -> None:
    eva = await at_desk(place, "eva")
    answer = await asks(eva, f"/desk/calls/{call}/{what}", content)
    assert answer.status_code == 409
    assert SECRET not in answer.text
    with reading(place.engine) as conn:
        draft = messages.draft_of(conn, call)
    assert draft
    assert (draft.values["message"], draft.state) == (SECRET, messages.State.DRAFT)


async def test_another_secretarys_call_is_not_shown(place: Place, call: str) -> None:
    eva, ana = await at_desk(place, "eva"), await at_desk(place, "ana")
    assert SECRET in (await ana.get(f"/desk?call={call}")).text
    page = (await eva.get(f"/desk?call={call}")).text
    assert not [word for word in (SECRET, "María", "Andes", call) if word in page]


async def test_her_own_is_shown_for_ten_minutes_after_it_was_sent(
    place: Place, call: str, talking: Call, monkeypatch: pytest.MonkeyPatch
) -> None:
    ana, page = await at_desk(place, "ana"), f"/desk?call={call}"
    ends(place, talking)
    monkeypatch.setattr(clock, "now", lambda: AT + timedelta(days=300))
    assert SECRET in (await ana.get(page)).text  # it is on the open list
    await asks(ana, f"/desk/calls/{call}/send", {})
    monkeypatch.setattr(clock, "now", lambda: AT + timedelta(days=300, seconds=599))
    assert SECRET in (await ana.get(page)).text
    monkeypatch.setattr(clock, "now", lambda: AT + timedelta(days=300, seconds=601))
    for path in (page, "/desk"):
        shown = (await ana.get(path)).text
        assert not [word for word in (SECRET, "María", call) if word in shown]


async def test_her_own_is_kept_sent_once_and_corrected(place: Place, call: str) -> None:
    ana = await at_desk(place, "ana")
    answer = await asks(ana, f"/desk/calls/{call}/fields", ASKED[0][1])
    assert answer.json() == {"problems": {}, "edits": {"message": 99}, "instead": {}, "lost": {}}
    for _ in range(3):
        assert (await asks(ana, f"/desk/calls/{call}/send", {})).status_code == 200
    with reading(place.engine) as conn:
        draft = messages.draft_of(conn, call)
    assert draft
    assert (draft.values["message"], draft.state) == ("otra cosa", messages.State.SIGNED)


async def test_a_wrong_telephone_number_is_told_how_one_is_written_in_chile(place: Place, call: str) -> None:
    ana = await at_desk(place, "ana")
    await ana.post("/language", {"language": "es"})
    told = "esto no es un número de teléfono: escríbalo como 9 8765 4321 o +56 9 8765 4321"
    wrong = {"fields": {"telephone": {"value": "después", "edit": 50}}}
    assert (await asks(ana, f"/desk/calls/{call}/fields", wrong)).json()["problems"] == {"telephone": told}
    refused = await asks(ana, f"/desk/calls/{call}/send", {"gaps": True})
    assert (refused.status_code, refused.json()["problems"]) == (422, {"telephone": told})


@pytest.mark.parametrize(
    "content",
    [
        {},
        [],
        {"fields": []},
        {"fields": {"message": "x"}},
        {"fields": {"message": {"value": 1, "edit": 1}}},
        {"fields": {"message": {"value": "x", "edit": "1"}}},
        {"fields": {}, "more": 1},
    ],
)
async def test_what_no_page_sends_is_refused(place: Place, call: str, content: Any) -> None:
    ana = await at_desk(place, "ana")
    answer = await asks(ana, f"/desk/calls/{call}/fields", content)
    assert answer.status_code == 400
    assert "load it anew" in answer.text


async def test_a_page_is_told_what_stays_and_what_it_has_overwritten(place: Place, call: str) -> None:
    ana = await at_desk(place, "ana")

    async def types(value: str, edit: int, seen: int) -> dict[str, Any]:
        content = {"fields": {"message": {"value": value, "edit": edit, "seen": seen}}}
        told: dict[str, Any] = (await asks(ana, f"/desk/calls/{call}/fields", content)).json()
        return {name: each.get("message") for name, each in told.items() if name != "problems"}

    assert await types("otra", 1, 0) == {"edits": 2, "instead": None, "lost": SECRET}
    assert await types("tarde", 1, 0) == {"edits": 2, "instead": "otra", "lost": None}
    assert (await types("sigue", 2**53 - 1, 2))["instead"] is None
    assert (await types("aparte", 2**31, 2))["lost"] == "sigue"


@pytest.mark.parametrize("field", ["nope", "", "message' OR 1=1", "x" * 5000])
async def test_a_field_that_there_is_not_keeps_nothing(place: Place, call: str, field: str) -> None:
    ana = await at_desk(place, "ana")
    answer = await asks(ana, f"/desk/calls/{call}/fields", {"fields": {field: {"value": "x", "edit": 5}}})
    assert answer.status_code == 422


@pytest.mark.parametrize(
    ("what", "content"),
    [
        ("act", {"act": "consult", "contact": 10**4000}),
        ("act", {"act": "consult", "contact": -1}),
        ("info", {"info": 10**4000, "address": "x@y.cl"}),
        ("fields", {"fields": {"message": {"value": "x", "edit": 2**63}}}),
    ],
)
async def test_a_number_that_no_database_gives_is_refused(place: Place, call: str, what: str, content: Any) -> None:
    ana = await at_desk(place, "ana")
    assert (await asks(ana, f"/desk/calls/{call}/{what}", content)).status_code == 400


@pytest.mark.parametrize(("what", "content"), [*ASKED, ("act", {"act": "hand-over"})])
async def test_no_id_is_so_long_that_the_daemon_ends_the_pages_connection(
    place: Place, what: str, content: Any
) -> None:
    ana = await at_desk(place, "ana")
    answer = await asks(ana, f"/desk/calls/{'x' * (LONGEST_LINE + 1)}/{what}", content)
    assert answer.status_code == 400
    assert "load it anew" in answer.text


@pytest.mark.parametrize("act", ["dance", "", "consult;hand-over", None, 1])
async def test_an_act_that_there_is_not_is_refused(place: Place, call: str, act: Any) -> None:
    ana = await at_desk(place, "ana")
    assert (await asks(ana, f"/desk/calls/{call}/act", {"act": act})).status_code == 400


async def test_without_a_daemon_she_is_told_to_use_her_telephone(place: Place, call: str) -> None:
    ana = await at_desk(place, "ana")
    answer = await asks(ana, f"/desk/calls/{call}/act", {"act": "hand-over"})
    assert answer.status_code == 409
    assert "keys of your telephone" in answer.json()["words"]


async def test_her_pause_has_a_reason_of_the_house_and_ends_with_one_key(place: Place, call: str) -> None:
    ana = await at_desk(place, "ana")
    reason = place.site.settings.desk.pause_reasons[0]
    for wrong in ("", "holiday", "x" * 500, "<b>"):
        assert (await asks(ana, "/desk/duty", {"act": "pause", "reason": wrong})).status_code == 422
    answer = await asks(ana, "/desk/duty", {"act": "pause", "reason": reason})
    assert answer.status_code == 200
    assert paused(place) == (True, reason)
    assert (await asks(ana, "/desk/duty", {"act": "ready"})).status_code == 200
    assert paused(place) == (False, "")
    assert (await asks(ana, "/desk/duty", {"act": "dance"})).status_code == 400


async def test_who_signs_out_is_offered_nothing_until_she_is_back(place: Place) -> None:
    ana = await at_desk(place, "ana")
    assert (await ana.post("/logout")).status_code == 303
    assert paused(place)[0]
    await at_desk(place, "ana")
    assert not paused(place)[0]


async def test_an_address_is_read_back_however_odd(place: Place) -> None:
    ana = await at_desk(place, "ana")
    for address in ("ana@firma.cl", "<script>", "x" * 60_000, "\u202e", ""):
        answer = await asks(ana, "/desk/spell", {"address": address})
        assert answer.status_code == 200
        assert len(answer.json()["spelled"]) < 10_000


def paused(place: Place) -> tuple[bool, str]:
    with reading(place.engine) as conn:
        her = secretaries.find(conn, "Ana")
    return her.paused, her.pause_reason


def ends(place: Place, talking: Call) -> None:
    """The call is over, a minute after it came."""
    over = replace(talking, phase=Phase.ENDED, seat=None, outcome=Outcome.ANSWERED, ended_at=AT + timedelta(minutes=1))
    with writing(place.engine) as conn:
        save(conn, [Save(over, False, (Line(2, AT, "X", {}),), (WriteLetters(),))], Rules())


async def test_after_the_call_her_words_go_once_and_a_correction_answers_them(
    place: Place, call: str, talking: Call
) -> None:
    with writing(place.engine) as conn:
        jefe = Recipient(Channel.EMAIL, "jefe@andes.example")
        recipients.insert_row(conn, talking.known.client_id, jefe)
    ends(place, talking)
    with reading(place.engine) as conn:
        assert letters.newest(conn) == []
    ana = await at_desk(place, "ana")
    for _ in range(3):
        await asks(ana, f"/desk/calls/{call}/send", {})
    page = f"/desk?call={call}"
    assert 'data-message-state="sent"' in (await ana.get(page)).text
    await asks(ana, f"/desk/calls/{call}/fields", {"fields": {"message": {"value": "No: la compra", "edit": 50}}})
    changed = (await ana.get(page)).text
    assert 'data-message-state="changed">sent, but not what you changed since' in changed
    assert "<span>Send a correction</span>" in changed
    assert "Messages still to write" in changed
    for _ in range(3):
        await asks(ana, f"/desk/calls/{call}/send", {})
    assert 'data-message-state="sent">correction sent' in (await ana.get(page)).text
    with reading(place.engine) as conn:
        correction, first = letters.newest(conn)
    assert SECRET in first.letter.text
    assert "No: la compra" in correction.letter.text
    assert correction.letter.in_reply_to == first.letter.message_id
