"""An urgent message: marked on the desk, seen by a mail's link or in the portal, and shown on the desk until then."""

import asyncio
import re
from datetime import timedelta

import pytest
from acting import ADMIN
from browsing import AT, SECRET, Browser, Place, asks, at_desk
from msgspec.structs import replace
from sqlalchemy import update

from pbx_control import clock
from pbx_control.domain.call.commands import WriteLetters
from pbx_control.domain.call.journal import Line
from pbx_control.domain.call.model import Call, Outcome, Phase
from pbx_control.domain.call.saving import Save
from pbx_control.services import people, urgent
from pbx_control.services.steps import rules_of, save
from pbx_control.services.work import changing
from pbx_control.store import clients, letters, recipients
from pbx_control.store.engine import reading, writing
from pbx_control.store.tables import client, letter

BOSS, SALES = "jefa@andes.example", "ventas@andes.example"
SENT = AT + timedelta(minutes=2)
FIVE = timedelta(minutes=5)


class Hasty:
    """A message that Ana has marked and sent, as urgent, at a time that can be moved."""

    def __init__(self, place: Place, call: str, monkeypatch: pytest.MonkeyPatch) -> None:
        self.place, self.call, self._monkeypatch = place, call, monkeypatch
        self.at(SENT)

    def at(self, instant: object) -> None:
        for where in ("pbx_control.clock.now", "pbx_control.web.seen.now"):
            self._monkeypatch.setattr(where, lambda: instant)

    def goes_on(self, instant: object) -> None:
        self.at(instant)
        with writing(self.place.engine) as conn:
            while urgent.go_on(conn, clock.now(), rules_of(self.place.site.settings)):
                pass

    def links(self) -> list[str]:
        with reading(self.place.engine) as conn:
            texts = [one.letter.text for one in letters.newest(conn)[::-1]]
        return [found for text in texts for found in re.findall(r"http://[^/\s]+(/seen/\S+)", text)]

    def seen_by(self) -> str:
        with reading(self.place.engine) as conn:
            told = urgent.told(conn, self.call)
        assert told
        return told.seen_by


@pytest.fixture
async def hasty(place: Place, talking: Call, monkeypatch: pytest.MonkeyPatch) -> Hasty:
    with changing(place.engine, ADMIN, AT) as work:
        for address in (BOSS, SALES):
            people.add_recipient(work, clients.find(work.conn, "andes").id, "email", address)
    made = Hasty(place, talking.id, monkeypatch)
    over = replace(talking, phase=Phase.ENDED, seat=None, outcome=Outcome.ANSWERED, ended_at=AT + timedelta(minutes=1))
    with writing(place.engine) as conn:
        save(conn, [Save(over, False, (Line(2, AT, "X", {}),), (WriteLetters(),))], rules_of(place.site.settings))
    ana = await at_desk(place, "ana")
    assert (await asks(ana, f"/desk/calls/{talking.id}/urgent", {"urgent": True})).status_code == 200
    assert (await asks(ana, f"/desk/calls/{talking.id}/send", {"gaps": True})).status_code == 200
    made.goes_on(SENT)
    with writing(place.engine) as conn:
        conn.execute(update(letter).values(due_at=None, delivered_at=SENT))
    return made


async def test_looking_says_nothing_however_often_and_by_whatever_program(hasty: Hasty) -> None:
    first, second = hasty.links()
    for link in (first, second, first):
        for method in ("GET", "HEAD", "OPTIONS", "PUT"):
            answer = await hasty.place.browser().client.request(method, link)
            assert answer.status_code in (200, 405)
    page = await hasty.place.browser().get(first)
    assert "Lo he visto" in page.text  # in the client's language, not the browser's
    assert 'data-do="seen"' in page.text
    assert page.headers["cache-control"] == "no-store"
    assert not [word for word in (SECRET, "María", "2333") if word in page.text]
    assert hasty.seen_by() == ""


async def test_pressing_says_it_once_and_the_others_read_who_did(hasty: Hasty) -> None:
    first, second = hasty.links()
    answer = await hasty.place.browser().post(first)
    assert "Gracias" in answer.text
    assert hasty.seen_by() == BOSS
    hasty.at(SENT + FIVE)
    for page in (await hasty.place.browser().get(second), await hasty.place.browser().post(second)):
        assert f'data-seen-by="{BOSS}"' in page.text
        assert "<button class" not in page.text
    hasty.goes_on(SENT + 9 * FIVE)
    assert len(hasty.links()) == 2


async def test_many_who_press_at_once(hasty: Hasty) -> None:
    pressed = [hasty.place.browser().post(link) for link in hasty.links() * 4]
    assert {one.status_code for one in await asyncio.gather(*pressed)} == {200}
    assert hasty.seen_by() in (BOSS, SALES)


async def test_who_is_signed_in_presses_it_as_well(hasty: Hasty) -> None:
    browser = hasty.place.browser()
    await browser.sign_in("gerencia")
    page = (await browser.get(hasty.links()[0])).text
    token = re.search(r'name="csrf" value="([^"]+)"', page)
    assert token
    assert (await browser.client.post(hasty.links()[0], data={"csrf": token[1]})).status_code == 200
    assert hasty.seen_by() == BOSS


@pytest.mark.parametrize("why", ["old", "another's", "forged", "gone"])
async def test_dead_links_say_nothing(hasty: Hasty, why: str) -> None:
    first, second = hasty.links()
    name, _, signature = first.partition("-")
    link = {"another's": f"{second.partition('-')[0]}-{signature}", "forged": f"{name}-{'A' * 43}"}.get(why, first)
    if why == "old":
        hasty.at(SENT + timedelta(days=7))
    if why == "gone":
        with changing(hasty.place.engine, ADMIN, SENT) as work:
            people.remove_recipient(work, clients.find(work.conn, "andes").id, BOSS)
    for answer in (await hasty.place.browser().get(link), await hasty.place.browser().post(link)):
        assert answer.status_code == 404
        assert "Andes" not in answer.text
    assert hasty.seen_by() == ""


@pytest.mark.parametrize("token", ["x", "x" * 5000, "%00", "%F0%9F%98%80", "call.1-", "-", "call.1-é"])
async def test_links_that_were_never_there(hasty: Hasty, token: str) -> None:
    answer = await hasty.place.browser().post(f"/seen/{token}")
    assert answer.status_code in (400, 404, 414, 431)


async def test_a_sensitive_clients_letters_and_page_have_no_content(hasty: Hasty) -> None:
    with writing(hasty.place.engine) as conn:
        conn.execute(update(client).where(client.c.slug == "andes").values(sensitive=True))
    hasty.goes_on(SENT + FIVE)
    with reading(hasty.place.engine) as conn:
        newest = letters.newest(conn)[0].letter
    page = (await hasty.place.browser().get(hasty.links()[-1])).text
    for text in (newest.subject, newest.text, newest.html, page):
        assert not [word for word in (SECRET, "María", "2333") if word in text]
    assert "/seen/" in newest.html


# --- on the desk ------------------------------------------------------------------------------------------


async def desk(hasty: Hasty, who: str = "ana") -> str:
    """Her page as it is when it is loaded anew."""
    return (await (await at_desk(hasty.place, who)).get("/desk")).text


async def test_the_desk_shows_whom_it_told_how_often_and_who_has_seen_it_when(hasty: Hasty) -> None:
    page = await desk(hasty)
    assert 'data-urgency="unseen"' in page
    assert 'aria-pressed="true"' in page
    assert "data-told-again" not in page
    for step in (1, 2, 3):
        hasty.goes_on(SENT + step * FIVE)
    page = await desk(hasty)  # its message has left the page, and the list has it
    assert f"{BOSS}: told again 2 times, last at 12:17:00" in page
    assert f"{SALES}: told again at 12:12:00" in page
    assert "the next one is told at 12:22:00" in page
    await hasty.place.browser().post(hasty.links()[1])
    page = await desk(hasty)
    assert 'data-urgency="seen"' in page
    assert f"seen by {SALES}, 12:17:00" in page
    hasty.at(SENT + 6 * FIVE)
    assert "data-urgency" not in await desk(hasty)


async def test_a_delivery_of_a_message_that_was_seen_is_marked_so(hasty: Hasty) -> None:
    await hasty.place.browser().post(hasty.links()[1])
    page = await desk(hasty)
    statuses = re.findall(r'data-delivery data-status="(\w+)"><span class="to">([^<]+)', page)
    assert sorted(statuses) == [("seen", SALES), ("sent", BOSS)]


async def test_when_nobody_is_left_every_desk_has_a_task_until_one_has_done_it(hasty: Hasty) -> None:
    for step in range(1, 9):
        hasty.goes_on(SENT + step * FIVE)
    assert "data-unseen" in await desk(hasty, "eva")
    page = (await hasty.place.browser().get(hasty.links()[0])).text
    assert ("se avisa de nuevo al siguiente" in page, "quedó como tarea de las secretarias" in page) == (False, True)
    assert "Lo he visto" in page
    eva = await at_desk(hasty.place, "eva")
    task = re.search(r'data-task="(\d+)"', await desk(hasty, "eva"))
    assert task
    assert (await asks(eva, f"/desk/tasks/{task[1]}/done", {})).status_code == 200
    assert "data-unseen" not in await desk(hasty)


async def test_another_secretary_neither_marks_nor_sees_it(hasty: Hasty) -> None:
    eva = await at_desk(hasty.place, "eva")
    assert (await asks(eva, f"/desk/calls/{hasty.call}/urgent", {"urgent": True})).status_code == 409
    assert "data-urgency" not in await desk(hasty, "eva")


@pytest.mark.parametrize("content", [{}, {"urgent": "yes"}, {"urgent": None}, [], {"urgent": True, "more": 1}])
async def test_what_no_page_sends(hasty: Hasty, content: object) -> None:
    ana = await at_desk(hasty.place, "ana")
    assert (await asks(ana, f"/desk/calls/{hasty.call}/urgent", content)).status_code == 400


# --- in the portal ----------------------------------------------------------------------------------------


async def reader(place: Place, who: str = "gerencia") -> Browser:
    browser = place.browser()
    await browser.sign_in(who)
    return browser


async def test_the_inbox_and_the_call_say_who_has_seen_it(hasty: Hasty) -> None:
    staff = await reader(hasty.place, "recepcion")
    hasty.goes_on(SENT + FIVE)
    assert 'data-seen=""' in (await staff.get("/portal/messages?urgent=1")).text
    page = (await staff.get(f"/portal/calls/{hasty.call}")).text
    assert f"{BOSS} was told again" in page
    assert hasty.seen_by() == ""  # reading says nothing
    await staff.post(f"/portal/calls/{hasty.call}/seen")
    assert hasty.seen_by() == "recepcion"
    assert 'data-seen="recepcion"' in (await staff.get("/portal/messages")).text
    assert 'data-do="seen"' not in (await staff.get(f"/portal/calls/{hasty.call}")).text


@pytest.mark.parametrize("act", ["block", "call-back"])
async def test_who_does_something_about_it_has_seen_it(hasty: Hasty, act: str) -> None:
    staff = await reader(hasty.place, "recepcion")
    assert (await staff.post(f"/portal/calls/{hasty.call}/{act}")).status_code == 303
    assert hasty.seen_by() == "recepcion"


async def test_another_clients_people_see_nothing_of_it(hasty: Hasty) -> None:
    other = await reader(hasty.place, "lagos")
    assert (await other.post(f"/portal/calls/{hasty.call}/seen")).status_code == 404
    assert hasty.seen_by() == ""


def order(place: Place) -> list[str]:
    with reading(place.engine) as conn:
        return [one.address for one in recipients.of_client(conn, clients.find(conn, "andes").id)]


async def test_an_owner_sets_the_order_and_how_long_is_waited(hasty: Hasty) -> None:
    owner = await reader(hasty.place)
    assert (await owner.post("/portal/recipients/order", {"address": SALES})).status_code == 303
    assert order(hasty.place) == [SALES, BOSS]
    page = (await owner.get("/portal/recipients")).text
    assert re.findall(r'data-place="([^"]+)"', page) == [SALES, BOSS]
    assert (await owner.post("/portal/recipients/urgent", {"minutes": "2", "rounds": "0"})).status_code == 303
    with reading(hasty.place.engine) as conn:
        firm = clients.find(conn, "andes")
    assert (firm.urgent_interval, firm.urgent_rounds) == (120, 0)


@pytest.mark.parametrize(
    ("where", "form"),
    [
        ("order", {"address": "nobody@andes.example"}),
        ("order", {}),
        ("urgent", {"minutes": "0", "rounds": "1"}),
        ("urgent", {"minutes": "x", "rounds": "-1"}),
        ("urgent", {"minutes": "5"}),
        ("urgent", {"minutes": "9" * 40, "rounds": "٣"}),
    ],
)
async def test_what_the_form_does_not_offer_is_refused(hasty: Hasty, where: str, form: dict[str, str]) -> None:
    owner = await reader(hasty.place)
    assert (await owner.post(f"/portal/recipients/{where}", form)).status_code == 422
    assert order(hasty.place) == [BOSS, SALES]
