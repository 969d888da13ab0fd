"""A client's people read the calls to their firm, listen to them, and learn nothing of any other's."""

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from acting import ADMIN
from browsing import Browser, Place, asks, at_desk
from sqlalchemy import insert, select, update

from pbx_control.clock import now
from pbx_control.domain.users import UserRole
from pbx_control.services import clientele, staff, users
from pbx_control.services.users import NewPassword
from pbx_control.services.work import changing
from pbx_control.store import caller_marks, clients, messages, secretaries, tasks
from pbx_control.store.engine import reading, writing
from pbx_control.store.messages import Kept
from pbx_control.store.tables import account_user, audit, call, client, journal

SOUND = b"RIFF" + bytes(range(256)) * 8
Called = Callable[..., str]


@pytest.fixture
def called(place: Place, tmp_path: Path, password: NewPassword) -> Called:
    """Makes a call that is over, with what Ana wrote about it; another client, Sur, has its own user, `sur`."""
    with changing(place.engine, ADMIN, now()) as work:
        sur = clientele.add(work, "sur", name="Sur")
        users.add(work, "sur", UserRole.CLIENT, password, secretary_id=None, client_id=sur)
    # The calls of these tests are new to everybody.
    with writing(place.engine) as conn:
        conn.execute(update(account_user).values(created_at=datetime(2020, 1, 1, tzinfo=UTC)))
    count = iter(range(1, 1000))

    def make(slug: str = "andes", *, words: dict[str, str] | None = None, urgent: bool = False, **row: object) -> str:
        number = next(count)
        at = datetime(2026, 11, 20, 13, tzinfo=UTC) + timedelta(minutes=number)
        values = {
            "id": f"pbx-{number}.1",
            "did": "+56225550101",
            "caller": f"+5622333{number:04d}",
            "caller_name": "",
            "phase": "ended",
            "outcome": "answered",
            "arrived_at": at,
            "answered_at": at + timedelta(seconds=5),
            "ended_at": at + timedelta(seconds=65),
            "talked": 60.0,
        } | row
        with writing(place.engine) as conn:
            ana, client = secretaries.find(conn, "Ana"), clients.find(conn, slug)
            conn.execute(insert(call).values(values | {"client_id": client.id, "secretary_id": ana.id}))
            conn.execute(insert(journal).values(call_id=values["id"], seq=1, at=at, event="CallerLeft", details="{}"))
            if words is not None:
                kept = Kept(
                    call_id=str(values["id"]),
                    client_id=client.id,
                    secretary_id=ana.id,
                    protocol_id=None,
                    begun_at=at,
                )
                messages.add(conn, kept)
                gist = next(iter(words.values()), "")
                messages.add_version(conn, kept, tuple(words.items()), at, gist=gist, urgent=urgent)
        if path := values.get("recording") or values.get("message"):
            file = tmp_path / "recordings" / str(path)
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_bytes(SOUND)
        return str(values["id"])

    return make


async def reader(place: Place, who: str = "gerencia") -> Browser:
    browser = place.browser()
    await browser.sign_in(who)
    return browser


def shown(page: str) -> list[str]:
    """The calls that a list has, in its order."""
    return [part.partition('"')[0] for part in page.split('data-call="')[1:]]


async def search(browser: Browser, **query: str) -> list[str]:
    answer = await browser.get("/portal/messages", params=query)
    assert answer.status_code == 200
    return shown(answer.text)


async def test_he_comes_to_his_messages_and_sees_those_of_his_firm_only_the_newest_first(
    place: Place, called: Called
) -> None:
    first, _, last = called(words={"Motivo": "Pide hora"}), called("sur", words={"Motivo": "Secreto"}), called()
    browser = place.browser()
    assert (await browser.sign_in("gerencia")).headers["location"] == "/portal/messages"
    assert (await browser.get("/portal")).headers["location"] == "/portal/messages"
    page = await browser.get("/portal/messages")
    assert shown(page.text) == [last, first]
    assert "Pide hora" in page.text
    assert "Secreto" not in page.text
    assert 'data-unread="2"' in page.text


async def test_menu_says_what_it_is_and_the_language_can_be_changed_on_a_telephone(place: Place) -> None:
    browser = await reader(place)
    for language, menu, here in (("en", "Menu", "Messages"), ("es", "Menú", "Mensajes")):
        await browser.post("/language", {"language": language, "next": "/portal/messages"})
        page = (await browser.get("/portal/messages")).text
        summary = page.partition("<summary>")[2].partition("</summary>")[0]
        assert [part in summary for part in (menu, here)] == [True, True]
        # What has the class `aside` is not shown where there is little room.
        assert '<form method="post" action="/language">' in page


async def test_story_of_a_call_has_the_clients_name_not_its_short_one(place: Place, called: Called) -> None:
    call_id, browser = called(), await reader(place)
    details = {"did": "+56225550101", "client": "andes", "caller": "+56223334455", "name": "", "admission": "open"}
    with writing(place.engine) as conn:
        values = {"call_id": call_id, "seq": 0, "at": now(), "event": "CallArrived", "details": json.dumps(details)}
        conn.execute(insert(journal).values(values))
        conn.execute(update(client).where(client.c.slug == "andes").values(name="Clínica Andes"))
    page = (await browser.get(f"/portal/calls/{call_id}")).text
    assert "calls Clínica Andes on" in page
    assert "calls andes" not in page


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ({"q": "perez"}, "name"),
        ({"q": "PÉREZ"}, "name"),
        ({"q": "cotización techo"}, "words"),
        ({"q": "techo cotizacion"}, "words"),
        ({"q": "2 2999"}, "number"),
        ({"q": "+56 2 2999 1234"}, "number"),
        ({"q": "022999"}, "number"),
        ({"q": "100%"}, "sign"),
        ({"q": "ximena"}, "caller"),
        ({"urgent": "1"}, "urgent"),
        ({"contact": "Luis"}, "contact"),
        ({"day": "2026-11-21"}, "day"),
        ({"day": "21/11/2026"}, "day"),
    ],
)
async def test_what_he_looks_for_is_found(place: Place, called: Called, query: dict[str, str], found: str) -> None:
    day = datetime(2026, 11, 22, 2, 30, tzinfo=UTC)  # 23:30 of the day before in Santiago
    made = {
        "name": called(words={"Nombre": "Juan  Pérez"}),
        "words": called(words={"Motivo": "Quiere una cotización", "Mensaje": "para el techo"}),
        "number": called(caller="+56229991234"),
        "sign": called(words={"Mensaje": "100% de acuerdo"}),
        "caller": called(caller_name="Ximena Soto"),
        "urgent": called(words={"Motivo": "Fuego"}, urgent=True),
        "contact": called(transferred_to="Luis"),
        "day": called(arrived_at=day, ended_at=day + timedelta(minutes=1)),
    }
    called(
        "sur", words={"Nombre": "Juan Pérez", "Mensaje": "100% cotización techo"}, urgent=True, transferred_to="Luis"
    )
    assert await search(await reader(place), **query) == [made[found]]


async def test_what_makes_no_sense_is_told_or_let_be(place: Place, called: Called) -> None:
    only, browser = called(), await reader(place)
    answer = await browser.get("/portal/messages", params={"day": "ayer por la tarde"})
    assert 'role="alert"' in answer.text
    assert await search(browser, after="yesterday") == [only]
    assert await search(browser, after="2026-11-20T12:00:00~x") == [only]
    assert await search(browser, q="_%\\") == []


async def test_pages_follow_each_other_without_gap_or_repetition(place: Place, called: Called) -> None:
    made = [called(words={"Motivo": "uno"}) for _ in range(65)]
    browser, path, seen = await reader(place), "/portal/messages?q=uno", []
    while path:
        page = (await browser.get(path)).text
        seen.append(shown(page))
        _, found, rest = page.partition('rel="next" href="')
        path = rest.partition('"')[0].replace("&amp;", "&") if found else ""
    assert [len(one) for one in seen] == [30, 30, 5]
    assert [one for page in seen for one in page] == made[::-1]


async def test_a_call_that_he_has_opened_is_new_no_more_but_to_his_colleague_it_is(
    place: Place, called: Called, password: NewPassword
) -> None:
    with changing(place.engine, ADMIN, now()) as work:
        andes = clients.find(work.conn, "andes").id
        users.add(work, "ventas", UserRole.CLIENT, password, secretary_id=None, client_id=andes)
    one, other = called(), called()
    with writing(place.engine) as conn:
        conn.execute(update(account_user).values(created_at=datetime(2020, 1, 1, tzinfo=UTC)))
    browser = await reader(place)
    assert (await browser.get(f"/portal/calls/{one}")).status_code == 200
    assert await search(browser, unread="1") == [other]
    assert await search(await reader(place, "ventas"), unread="1") == [other, one]
    await browser.post("/portal/messages/read", {"call": other})
    assert await search(browser, unread="1") == []


async def test_what_came_before_his_account_is_not_new(place: Place, called: Called) -> None:
    called()
    with writing(place.engine) as conn:
        conn.execute(update(account_user).values(created_at=datetime(2026, 11, 25, tzinfo=UTC)))
    page = await (await reader(place)).get("/portal/messages")
    assert "data-unread" not in page.text


async def test_he_listens_and_that_he_did_is_told_once_for_each_time(place: Place, called: Called) -> None:
    one, browser = called(recording="2026/11/20/pbx-1.1.wav"), await reader(place)
    address = f"/portal/calls/{one}/recording"
    page = await browser.get(f"/portal/calls/{one}")
    assert address in page.text
    assert "20 de diciembre" in (await browser.get(f"/portal/calls/{one}", headers={"accept-language": "es"})).text
    whole = await browser.get(address)
    assert (whole.content, whole.headers["content-type"]) == (SOUND, "audio/wav")
    piece = await browser.get(address, headers={"range": "bytes=100-199"})
    assert (piece.status_code, piece.content) == (206, SOUND[100:200])
    await browser.get(address, headers={"range": "bytes=0-"})
    with reading(place.engine) as conn:
        query = select(audit.c.actor, audit.c.who, audit.c.subject).where(audit.c.verb == "recording heard")
        assert conn.execute(query).all() == [("user", "gerencia", one)] * 2
    assert (await browser.get(f"/portal/calls/{one}")).text.count("<li>gerencia") == 2


@pytest.mark.parametrize("wanted", ["bytes=1-", "bytes=-99999", "bytes=1-1,0-"])
async def test_who_leaves_out_the_beginning_has_listened_too(place: Place, called: Called, wanted: str) -> None:
    one, browser = called(recording="2026/11/20/pbx-1.1.wav"), await reader(place)
    for _ in range(2):
        piece = await browser.get(f"/portal/calls/{one}/recording", headers={"range": wanted})
        assert piece.status_code == 206
    assert (await browser.get(f"/portal/calls/{one}")).text.count("<li>gerencia") == 1


async def test_a_recording_that_is_gone_is_told_so(place: Place, called: Called, tmp_path: Path) -> None:
    one, browser = called(recording="2026/11/20/pbx-1.1.wav"), await reader(place)
    (tmp_path / "recordings/2026/11/20/pbx-1.1.wav").unlink()
    assert (await browser.get(f"/portal/calls/{one}/recording")).status_code == 404
    with writing(place.engine) as conn:
        conn.execute(update(call).values(node="north"))
    assert "another machine" in (await browser.get(f"/portal/calls/{one}/recording")).text
    with reading(place.engine) as conn:
        assert conn.scalar(select(audit.c.id).where(audit.c.verb == "recording heard")) is None


async def test_of_another_clients_call_he_learns_nothing(place: Place, called: Called) -> None:
    theirs = called("sur", recording="2026/11/20/x.wav", message="2026/11/20/y.wav", words={"Motivo": "Secreto"})
    browser = await reader(place)
    for path in ("", "/recording", "/voice-message"):
        there = await browser.get(f"/portal/calls/{theirs}{path}")
        nowhere = await browser.get(f"/portal/calls/pbx-9.9{path}")
        assert (there.status_code, there.text) == (nowhere.status_code, nowhere.text) == (404, nowhere.text)
    assert (await browser.post("/portal/messages/read", {"call": theirs})).status_code == 400
    assert (await (await reader(place, "sur")).get(f"/portal/calls/{theirs}")).status_code == 200


async def test_a_call_that_lasts_stands_there_from_its_hand_over_on(place: Place, called: Called) -> None:
    at = datetime(2026, 11, 20, 14, tzinfo=UTC)
    waiting = called(ended_at=None, talked=None)
    talking = called(ended_at=None, outcome="", handed_over_at=at, transferred_to="Luis", words={"Motivo": "Hora"})
    page = (await (await reader(place)).get("/portal/messages")).text
    assert shown(page) == [talking]
    assert waiting not in page
    assert 'data-outcome="live"' in page


async def test_what_people_wrote_is_shown_as_text(place: Place, called: Called) -> None:
    evil = '<script>alert("x")</script>'
    one = called(words={evil: evil}, caller_name=evil, transferred_to=evil)
    browser = await reader(place)
    for page in (await browser.get("/portal/messages"), await browser.get(f"/portal/calls/{one}")):
        assert "<script>alert" not in page.text
        assert "&lt;script&gt;" in page.text


async def test_what_is_the_houses_own_affair_is_not_told(place: Place, called: Called) -> None:
    one = called()
    with writing(place.engine) as conn:
        details = '{"secretary": "Eva", "during": "offering", "cause": 21}'
        conn.execute(insert(journal).values(call_id=one, seq=2, at=now(), event="SecretaryLeft", details=details))
    page = (await (await reader(place)).get(f"/portal/calls/{one}")).text
    assert "The caller gives up waiting" in page
    assert "Eva" not in page


# --- what he asks for about a call ------------------------------------------------------------------------


def marked(place: Place, number: str) -> bool:
    with reading(place.engine) as conn:
        return caller_marks.find(conn, number, clients.find(conn, "andes").id) is not None


async def test_caller_is_blocked_and_let_in_again(place: Place, called: Called) -> None:
    call_id, browser = called(caller="+56223334444"), await reader(place)
    for _ in range(2):
        assert (await browser.post(f"/portal/calls/{call_id}/block")).status_code == 303
    assert marked(place, "+56223334444")
    page = (await browser.get(f"/portal/calls/{call_id}")).text
    assert "data-blocked" in page
    assert 'data-do="unblock"' in page
    await browser.post(f"/portal/calls/{call_id}/unblock")
    assert not marked(place, "+56223334444")


async def test_withheld_number_cannot_be_blocked(place: Place, called: Called) -> None:
    call_id, browser = called(caller=""), await reader(place)
    assert (await browser.post(f"/portal/calls/{call_id}/block")).status_code == 422
    assert 'data-do="block"' not in (await browser.get(f"/portal/calls/{call_id}")).text


async def test_another_clients_caller_is_blocked_by_nobody_here(place: Place, called: Called) -> None:
    call_id, browser = called("sur", caller="+56223334444"), await reader(place)
    for what in ("block", "unblock", "call-back"):
        assert (await browser.post(f"/portal/calls/{call_id}/{what}")).status_code == 404
    assert not marked(place, "+56223334444")
    with reading(place.engine) as conn:
        assert tasks.about(conn, call_id) == []


async def test_call_back_stands_on_the_desks_until_one_has_done_it(place: Place, called: Called) -> None:
    call_id, browser, desk = called(caller="+56223334444"), await reader(place), await at_desk(place, "ana")
    for _ in range(2):
        await browser.post(f"/portal/calls/{call_id}/call-back")
    page = (await desk.get("/desk")).text
    assert page.count("data-task=") == 1
    assert "gerencia" in page
    number = page.partition('data-task="')[2].partition('"')[0]
    assert (await asks(desk, f"/desk/tasks/{number}/done", {})).status_code == 200
    assert (await asks(desk, f"/desk/tasks/{number}/done", {})).status_code == 422
    assert "data-task=" not in (await desk.get("/desk")).text
    assert "Ana has called back" in (await browser.get(f"/portal/calls/{call_id}")).text


async def test_secretary_of_other_clients_does_not_see_the_task(place: Place, called: Called) -> None:
    call_id, browser = called(caller="+56223334444"), await reader(place)
    with changing(place.engine, ADMIN, now()) as work:
        staff.allow(work, "Eva", [clients.find(work.conn, "sur").id])
    await browser.post(f"/portal/calls/{call_id}/call-back")
    eva = await at_desk(place, "eva")
    assert "data-task=" not in (await eva.get("/desk")).text
    with reading(place.engine) as conn:
        (task,) = tasks.open_for(conn, secretaries.find(conn, "Ana").id)
    assert (await asks(eva, f"/desk/tasks/{task.id}/done", {})).status_code == 422
