"""The supervisors' pages: live calls with their buttons, calls that are over with sound and score sheet, and what the
secretary and the client see of it."""

import asyncio
import json
import re

import pytest
from browsing import AT, Browser, Place, asks, at_desk
from sqlalchemy import select, update

from pbx_control.domain.audit import Verb
from pbx_control.domain.call.model import Call
from pbx_control.live.news import Act, Answered, AnswerKind, CallNow, DaemonNow
from pbx_control.store import audit
from pbx_control.store.engine import reading, writing
from pbx_control.store.tables import account_user, call, score_mark
from pbx_control.store.tables import audit as audit_rows
from pbx_control.web.desk import room
from pbx_control.world.legs import patience

FILE = "2026/01/05/pbx-1.2.wav"
SOUND = b"RIFF" + bytes(range(200)) * 20


@pytest.fixture
def over(place: Place, talking: Call) -> str:
    """Ana's call is over, and recorded."""
    file = place.site.home.recordings / FILE
    file.parent.mkdir(parents=True)
    file.write_bytes(SOUND)
    ended = {"ended_at": AT, "outcome": "answered", "phase": "ended", "talked": 65.0, "recording": FILE}
    with writing(place.engine) as conn:
        her = talking.seat.secretary_id if talking.seat else 0
        conn.execute(update(call).where(call.c.id == talking.id).values(**ended, secretary_id=her))
    return talking.id


def user_id(place: Place, name: str) -> int:
    with reading(place.engine) as conn:
        return conn.execute(select(account_user.c.id).where(account_user.c.name == name)).scalar_one()


def entries(place: Place, verb: Verb) -> list[audit.Kept]:
    with reading(place.engine) as conn:
        return [one for one in audit.newest(conn) if one.entry.verb is verb]


def live(place: Place, **more: object) -> CallNow:
    """Ana talks, as the daemon tells."""
    who = {"caller": "+56912345678", "caller_name": "<b>María", "secretary_id": 1, "secretary": "Ana"}
    now = CallNow("pbx-1.2", "talking", 1, "andes", "Andes", **who, **more)
    standing = place.site.room.feed.standing
    standing.daemon = DaemonNow(1, True, AT)
    standing.calls["pbx-1.2"] = now
    return now


# --- live ---------------------------------------------------------------------------------------------------


async def test_live_calls_stand_there_with_three_buttons(place: Place) -> None:
    live(place)
    answer = await (await at_desk(place, "jefa")).get("/admin/calls")
    assert "<strong>Ana</strong>" in answer.text
    assert "&lt;b&gt;María" in answer.text
    for act in ("listen", "whisper", "barge"):
        assert f'data-act="{act}" aria-pressed="false"' in answer.text
    assert 'data-act="leave"' not in answer.text


async def test_a_call_that_another_supervisor_is_in_has_no_button_to_press(place: Place) -> None:
    live(place, supervisor_id=10_000, supervisor="otra", supervision="listen", supervisor_here=True)
    answer = await (await at_desk(place, "jefa")).get("/admin/calls")
    assert "otra is in this call" in answer.text
    assert answer.text.count(" disabled>") == 3


@pytest.mark.parametrize(("who", "may"), [("root", True), ("jefa", False)])
async def test_an_admin_alone_has_a_button_that_ends_what_another_does(place: Place, who: str, may: bool) -> None:
    live(place, supervisor_id=10_000, supervisor="<otra>", supervision="listen", supervisor_here=True)
    answer = await (await at_desk(place, who)).get("/admin/calls")
    assert ('data-act="end-supervision"' in answer.text) is may
    assert ("Have &lt;otra&gt; leave" in answer.text) is may


async def test_nobody_is_there_to_be_sent_away_from_a_call_of_ones_own(place: Place) -> None:
    live(place)
    assert "end-supervision" not in (await (await at_desk(place, "root")).get("/admin/calls")).text
    live(place, supervisor_id=user_id(place, "root"), supervisor="root", supervision="listen", supervisor_here=True)
    assert "end-supervision" not in (await (await at_desk(place, "root")).get("/admin/calls")).text


async def test_she_sees_how_she_is_in_it(place: Place) -> None:
    live(place, supervisor_id=user_id(place, "jefa"), supervisor="jefa", supervision="whisper", supervisor_here=True)
    answer = await (await at_desk(place, "jefa")).get("/admin/calls")
    assert 'data-act="whisper" aria-pressed="true"' in answer.text
    assert "Ana alone hears you" in answer.text
    assert 'data-act="leave"' in answer.text


@pytest.mark.parametrize(
    ("answer", "status", "words"),
    [
        (Answered(1, AnswerKind.DONE), 200, ""),
        (Answered(1, AnswerKind.REFUSED, "no_telephone"), 409, "You have no telephone yet"),
        (Answered(1, AnswerKind.REFUSED, "supervised_already"), 409, "Another supervisor is in this call"),
        (Answered(1, AnswerKind.REFUSED, "only_an_admin"), 409, "Only an admin has another"),
        (Answered(1, AnswerKind.UNKNOWN), 409, "Nobody answers for this call"),
    ],
)
async def test_a_button_asks_the_daemon(
    place: Place, monkeypatch: pytest.MonkeyPatch, answer: Answered, status: int, words: str
) -> None:
    asked = []

    async def ask(by: object, call_id: str, act: Act, contact: int = 0) -> Answered:
        asked.append((by, call_id, act))
        return answer

    monkeypatch.setattr(place.site.room.feed, "_ask", ask)
    browser = await at_desk(place, "jefa")
    told = await asks(browser, "/admin/calls/pbx-1.2/act", {"act": "whisper"})
    assert told.status_code == status
    assert words in told.text
    ((by, call_id, act),) = asked
    assert (by.role, by.user_id, by.secretary_id) == ("supervisor", user_id(place, "jefa"), None)
    assert (call_id, act) == ("pbx-1.2", Act.WHISPER)


@pytest.mark.parametrize("act", ["hand-over", "consult", "x", 3, None])
async def test_nothing_else_is_asked_for_by_this_way(place: Place, act: object) -> None:
    browser = await at_desk(place, "jefa")
    assert (await asks(browser, "/admin/calls/pbx-1.2/act", {"act": act})).status_code == 400


async def test_the_stream_tells_what_changes(place: Place) -> None:
    place.site.room.ending = False
    live(place)
    browser = await at_desk(place, "jefa")
    stream = asyncio.ensure_future(browser.get("/admin/calls/events"))
    await asyncio.sleep(0.1)
    place.site.room.feed.standing.calls.clear()
    place.site.room._told(None, ())
    await asyncio.sleep(0.6)
    place.site.room.ending = True
    place.site.room._told(None, ())
    told = (await stream).text
    views = [json.loads(one.split("data: ")[1].strip()) for one in told.split("\n\n") if "event: view" in one]
    assert "Ana" in views[0]
    assert "Nobody talks at this moment" in views[-1]


async def test_one_page_too_many_of_hers_ends_another(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(room, "MOST_STREAMS", 2)
    place.site.room.ending = False
    jefa, root = await at_desk(place, "jefa"), await at_desk(place, "root")
    roots = asyncio.ensure_future(root.get("/admin/calls/events"))
    hers = {asyncio.ensure_future(jefa.get("/admin/calls/events")) for _ in range(3)}
    ended, open_ = await asyncio.wait(hers, timeout=patience(10), return_when=asyncio.FIRST_COMPLETED)
    assert (len(ended), len(open_), roots.done()) == (1, 2, False)
    place.site.room.ending = True
    place.site.room._told(None, ())
    await asyncio.wait_for(asyncio.gather(*open_, roots), patience(10))


# --- check --------------------------------------------------------------------------------------------------


async def test_a_call_that_is_over_stands_in_the_list_and_on_a_page(place: Place, over: str) -> None:
    browser = await at_desk(place, "jefa")
    listed = await browser.get("/admin/check")
    assert f'data-call="{over}"' in listed.text
    page = await browser.get(f"/admin/check/{over}")
    assert f'src="/admin/check/{over}/recording"' in page.text
    assert "greeting and tone" in page.text


@pytest.mark.parametrize(
    ("asked", "told"),
    [
        ("secretary=x", "there is no secretary &#39;x&#39;; the calls of all are shown"),
        ("secretary=999", "there is no secretary &#39;999&#39;; the calls of all are shown"),
        ("after=x", "&#39;x&#39; is no place in this list; the newest calls are shown"),
        ("secretary=1", ""),
        ("secretary=&after=", ""),
    ],
)
async def test_what_makes_no_sense_in_its_address_is_told(place: Place, over: str, asked: str, told: str) -> None:
    page = (await (await at_desk(place, "jefa")).get(f"/admin/check?{asked}")).text
    assert re.findall(r'<p class="problem" role="alert">(.*?)</p>', page) == ([told] if told else [])
    assert f'data-call="{over}"' in page


async def test_who_listens_is_written_down_once_and_the_client_sees_it(place: Place, over: str) -> None:
    browser = await at_desk(place, "jefa")
    first = await browser.get(f"/admin/check/{over}/recording", headers={"range": "bytes=0-99"})
    seek = await browser.get(f"/admin/check/{over}/recording", headers={"range": "bytes=1000-1099"})
    assert (first.status_code, first.content) == (206, SOUND[:100])
    assert (seek.status_code, seek.content) == (206, SOUND[1000:1100])
    (entry,) = entries(place, Verb.RECORDING_HEARD)
    assert (entry.entry.actor.name, entry.entry.subject, entry.client) == ("jefa", over, "andes")
    client = await at_desk(place, "gerencia")
    assert "the office" in (await client.get(f"/portal/calls/{over}")).text
    assert over in (await client.get("/portal/audit")).text


async def test_who_asks_for_the_middle_first_has_listened_too(place: Place, over: str) -> None:
    browser = await at_desk(place, "jefa")
    await browser.get(f"/admin/check/{over}/recording", headers={"range": "bytes=1000-1099"})
    assert len(entries(place, Verb.RECORDING_HEARD)) == 1


async def test_who_listens_again_on_another_day_is_written_down_again(place: Place, over: str) -> None:
    browser = await at_desk(place, "jefa")
    for number in (1, 2):
        for _ in range(2):
            await browser.get(f"/admin/check/{over}/recording", headers={"range": "bytes=1-"})
        assert len(entries(place, Verb.RECORDING_HEARD)) == number
        with writing(place.engine) as conn:
            conn.execute(update(audit_rows).values(at=AT))


async def judge(browser: Browser, call_id: str, points: str = "4", note: str = "Bien") -> int:
    fields = {f"points-{place}": points for place in range(4)}
    return (await browser.post(f"/admin/check/{call_id}/score", fields | {"note": note})).status_code


async def test_a_score_sheet_is_kept_and_counted(place: Place, over: str) -> None:
    browser = await at_desk(place, "jefa")
    assert await judge(browser, over, "4") == 303
    assert await judge(browser, over, "3", "Mejor <b>así") == 303
    page = (await browser.get(f"/admin/check/{over}")).text
    assert page.count(" checked>") == 4
    assert "Mejor &lt;b&gt;así" in page
    listed = (await browser.get("/admin/check")).text
    assert 'data-average="Ana"' in listed
    assert ">3.0<" in listed
    assert len(entries(place, Verb.CALL_SCORED)) == 2


@pytest.mark.parametrize("points", ["6", "-1", "", "x", "٣", "4.5"])
async def test_points_that_are_none_are_refused_and_the_note_stays(place: Place, over: str, points: str) -> None:
    browser = await at_desk(place, "jefa")
    fields = {f"points-{number}": "5" for number in range(3)} | {"points-3": points, "note": "queda"}
    answer = await browser.post(f"/admin/check/{over}/score", fields)
    assert answer.status_code == 422
    assert "give 0 to 5 points" in answer.text
    assert "queda" in answer.text
    with reading(place.engine) as conn:
        assert not conn.execute(select(score_mark)).all()


async def test_a_secretary_sees_her_own_sheets_and_nobody_elses(place: Place, over: str) -> None:
    await judge(await at_desk(place, "jefa"), over, "4", "Muy bien")
    hers = (await (await at_desk(place, "ana")).get("/desk/scores")).text
    assert "Muy bien" in hers
    assert "4.0 of 5" in hers
    others = (await (await at_desk(place, "eva")).get("/desk/scores")).text
    assert "Muy bien" not in others
    assert "No call of yours has been judged yet" in others


@pytest.mark.parametrize("who", ["ana", "gerencia", "lagos"])
async def test_nobody_else_gets_there(place: Place, over: str, who: str) -> None:
    browser = await at_desk(place, who)
    for path in ("", f"/{over}", f"/{over}/recording"):
        assert (await browser.get(f"/admin/check{path}")).status_code == 403
    assert await judge(browser, over) == 403
    assert not entries(place, Verb.RECORDING_HEARD)
