"""While a request of a caller's is decided nobody reads or hears what there is of him; then it is all there again."""

import csv
import io
import re
from datetime import timedelta
from pathlib import Path
from zipfile import ZipFile

import pytest
from acting import ADMIN
from browsing import Browser, Place, asks, at_desk
from sqlalchemy import delete, insert, select

from pbx_control.clock import now
from pbx_control.domain.call.model import Call
from pbx_control.domain.desk.words import Words
from pbx_control.domain.money.plans import Plan
from pbx_control.domain.notices.acts import Act
from pbx_control.domain.notices.messages import Channel, Letter
from pbx_control.errors import ClientMistake, Code
from pbx_control.live.bulletin import call_now
from pbx_control.live.news import DaemonNow, SecretaryNow
from pbx_control.services import chats, desk, messages, people, restricting, subscriptions, tasks
from pbx_control.services.chats import Writer
from pbx_control.services.work import booking, changing
from pbx_control.store import clients, letters, secretaries
from pbx_control.store import messages as stored
from pbx_control.store.engine import reading, writing
from pbx_control.store.messages import Kept
from pbx_control.store.tables import call, dispute, journal, ledger_entry, opened
from pbx_control.web.desk.feed import Standing
from pbx_control.web.telegram import words
from pbx_control.zones import zoneinfo

HIS, NAME, WORDS, CALL = "+56223334455", "María Soto", "Pide hora con Luis", "pbx-9.1"
INSTEAD = "blocked while a request is decided"  # browsers are English here, and the firm is Spanish
EN_CAMBIO = "bloqueado mientras se resuelve una solicitud"
SOUND = b"RIFF" + bytes(100)
CHAT = Writer("77", "77", "Juan", private=True)


@pytest.fixture
def earlier(place: Place, tmp_path: Path) -> str:
    """A call of his to andes, recorded and written about, of an hour ago."""
    at = now() - timedelta(hours=1)
    with changing(place.engine, ADMIN, at) as work:
        andes = clients.find(work.conn, "andes").id
        people.add_recipient(work, andes, "telegram", "77")
    values = {"id": CALL, "did": "+56225550101", "caller": HIS, "caller_name": NAME, "phase": "ended"}
    more = {"outcome": "answered", "recording": "a.wav", "message": "b.wav", "transferred_to": "", "talked": 60.0}
    with writing(place.engine) as conn:
        ana = secretaries.find(conn, "Ana").id
        times = {"arrived_at": at, "answered_at": at, "ended_at": at + timedelta(minutes=1)}
        conn.execute(insert(call).values(values | more | times | {"client_id": andes, "secretary_id": ana}))
        conn.execute(insert(journal).values(call_id=CALL, seq=1, at=at, event="CallerLeft", details="{}"))
        kept = Kept(call_id=CALL, client_id=andes, secretary_id=ana, protocol_id=None, begun_at=at)
        stored.add(conn, kept)
        sent: Words = (("Motivo", WORDS),)
        stored.add_version(conn, kept, sent, at, gist=WORDS, urgent=True)
        tasks.ask(conn, andes, CALL, "gerencia", at)
        told = Letter(
            channel=Channel.TELEGRAM,
            address="77",
            message_id="call.1",
            subject=NAME,
            text=WORDS,
            acts=(Act.SEEN,),
            written_at=at,
            call_id=CALL,
            client_id=andes,
        )
        letters.add(conn, [told])
    for name in ("a.wav", "b.wav"):
        file = tmp_path / "recordings" / name
        file.parent.mkdir(exist_ok=True)
        file.write_bytes(SOUND)
    return CALL


def stands(place: Place, live: Call) -> None:
    """The daemon has told of that call."""
    assert live.seat
    her = SecretaryNow(live.seat.secretary_id, "Ana", registered=True, call=live.id, talking=True, at_desk=True)
    place.site.room.feed.standing = Standing(DaemonNow(1, True, now()), {live.id: call_now(live, 1)}, {her.id: her})


def block(place: Place) -> None:
    with booking(place.engine, ADMIN, now()) as work:
        restricting.block(work, place.site.home, HIS, "asks for deletion", "andes")


def unblock(place: Place) -> None:
    restricting.unblock(place.site.home, place.engine, ADMIN, HIS, now(), "andes")


async def reader(place: Place) -> Browser:
    browser = place.browser()
    await browser.sign_in("gerencia")
    return browser


def says_nothing(text: str) -> bool:
    return not any(one in text for one in (HIS, "2 2333 4455", NAME, WORDS, "Soto"))


async def test_the_list_says_why_it_does_not_say_who_called(place: Place, earlier: str) -> None:
    browser = await reader(place)
    assert NAME in (await browser.get("/portal/messages")).text
    block(place)
    page = (await browser.get("/portal/messages")).text
    assert "Blocked while a request is decided" in page
    assert f'data-call="{earlier}"' in page
    assert says_nothing(page)
    unblock(place)
    assert NAME in (await browser.get("/portal/messages")).text


@pytest.mark.parametrize("query", [{"q": "soto"}, {"q": "2 2333"}, {"q": "hora"}, {"urgent": "1"}])
async def test_it_is_not_found_by_what_may_not_be_shown(place: Place, earlier: str, query: dict[str, str]) -> None:
    browser = await reader(place)
    assert earlier in (await browser.get("/portal/messages", params=query)).text
    block(place)
    assert earlier not in (await browser.get("/portal/messages", params=query)).text
    unblock(place)
    assert earlier in (await browser.get("/portal/messages", params=query)).text


@pytest.mark.parametrize("what", ["", "/recording", "/voice-message"])
async def test_call_and_sounds_are_not_given(place: Place, earlier: str, what: str) -> None:
    browser = await reader(place)
    assert (await browser.get(f"/portal/calls/{earlier}{what}")).status_code == 200
    block(place)
    answer = await browser.get(f"/portal/calls/{earlier}{what}", headers={"accept": "text/html"})
    assert answer.status_code == 403
    assert INSTEAD in answer.text
    assert says_nothing(answer.text)
    unblock(place)
    assert (await browser.get(f"/portal/calls/{earlier}{what}")).status_code == 200


@pytest.mark.parametrize("act", ["call-back", "block", "unblock"])
async def test_nothing_is_done_about_it(place: Place, earlier: str, act: str) -> None:
    browser = await reader(place)
    block(place)
    assert (await browser.post(f"/portal/calls/{earlier}/{act}")).status_code == 403


async def test_it_can_be_noted_as_read(place: Place, earlier: str) -> None:
    browser = await reader(place)
    block(place)
    with writing(place.engine) as conn:
        conn.execute(delete(opened))
    assert (await browser.post("/portal/messages/read", {"call": earlier})).status_code == 303
    with reading(place.engine) as conn:
        assert list(conn.scalars(select(opened.c.call_id))) == [earlier]


async def test_the_archive_of_the_firm_says_it_instead(place: Place, earlier: str) -> None:
    browser = await reader(place)
    block(place)
    archive = ZipFile(io.BytesIO((await browser.post("/portal/export")).content))
    (row,) = csv.DictReader(io.StringIO(archive.read("calls.csv").decode("utf-8-sig")))
    assert (row["call"], row["caller"], row["caller_name"], row["note"]) == (earlier, "", "", EN_CAMBIO)
    everything = "".join(archive.read(name).decode(errors="replace") for name in archive.namelist())
    assert says_nothing(everything)
    assert [name for name in archive.namelist() if name.endswith(".wav")] == []
    unblock(place)
    whole = ZipFile(io.BytesIO((await browser.post("/portal/export")).content))
    assert len([name for name in whole.namelist() if name.endswith(".wav")]) == 2


async def test_what_the_firm_said_against_its_charge_is_not_read(place: Place, earlier: str) -> None:
    with changing(place.engine, ADMIN, now()) as work:
        subscriptions.set_plan(work, Plan(name="x", calls=9, price=9, extra_call=9, contacts=9, calendars=1))
        subscriptions.assign(work, clients.find(work.conn, "andes").id, "x")
    with writing(place.engine) as conn:
        andes = clients.find(conn, "andes").id
        entry = {"client_id": andes, "at": now(), "kind": "charge", "units": -1, "source": "period", "call_id": earlier}
        (number,) = conn.execute(insert(ledger_entry).values(entry)).inserted_primary_key
        conn.execute(insert(dispute).values(entry_id=number, at=now(), why=f"{NAME}: {WORDS}"))
    browser = await reader(place)
    assert WORDS in (await browser.get("/portal/ledger")).text
    block(place)
    page = (await browser.get("/portal/ledger")).text
    assert 'data-dispute="open"' in page
    assert says_nothing(page)
    archive = ZipFile(io.BytesIO((await browser.post("/portal/export")).content))
    *_, row = csv.DictReader(io.StringIO(archive.read("ledger.csv").decode("utf-8-sig")))
    assert (row["call"], row["disputed"]) == (earlier, EN_CAMBIO)


async def test_the_desk_tells_of_an_earlier_call_and_of_no_more(place: Place, talking: Call, earlier: str) -> None:
    """A call that lasts, or comes later, is served as any other."""
    block(place)
    assert talking.seat
    with reading(place.engine) as conn:
        pop = desk.read_pop(conn, talking.id, talking.seat.secretary_id)
    assert pop is not None
    assert pop.call.caller == HIS
    (before,) = pop.earlier
    assert (before.restricted, before.first_words, before.secretary, before.outcome) == (True, "", "", "")
    stands(place, talking)
    page = (await (await at_desk(place, "ana")).get("/desk")).text
    assert re.search(f'class="earlier".*<li>[^<]*{INSTEAD}</li>', page, re.DOTALL)
    assert WORDS not in page


async def test_what_is_open_about_it_leaves_the_desk(place: Place, earlier: str) -> None:
    def on_desk() -> tuple[int, bool]:
        with reading(place.engine) as conn:
            ana = secretaries.find(conn, "Ana").id
            return len(tasks.open_for(conn, ana)), desk.read_pop(conn, earlier, ana) is not None

    assert on_desk() == (1, True)
    with reading(place.engine) as conn:
        pop = desk.read_pop(conn, earlier, secretaries.find(conn, "Ana").id)
    assert pop is not None
    block(place)
    assert on_desk() == (0, False)
    with reading(place.engine) as conn:
        assert desk.read_again(conn, pop) is None  # her page had it already
    with reading(place.engine) as conn:
        assert earlier not in {one.call_id for one in messages.open_of(conn)}
    unblock(place)
    assert on_desk() == (1, True)


@pytest.mark.parametrize("edit", [1, 99])
async def test_she_neither_reads_nor_changes_what_she_wrote_about_it(place: Place, earlier: str, edit: int) -> None:
    browser = await at_desk(place, "ana")
    block(place)
    fields = {"fields": {"message": {"value": "otra cosa", "edit": edit}}}
    for act, content in (("fields", fields), ("send", {})):
        answer = await asks(browser, f"/desk/calls/{earlier}/{act}", content)
        assert answer.status_code >= 400
        assert says_nothing(answer.text)
    with reading(place.engine) as conn:
        assert stored.values_of(conn, earlier) == {}
        assert stored.words_of(conn, earlier) == (("Motivo", WORDS),)


async def test_the_chat_says_it_instead(place: Place, earlier: str) -> None:
    def told() -> str:
        ((firm, found),) = chats.last_calls(place.engine, CHAT)
        return words.calls(firm, found, "es", zoneinfo.ZoneInfo(firm.timezone))

    assert NAME in told()
    block(place)
    assert EN_CAMBIO in told()
    assert says_nothing(told())
    with pytest.raises(ClientMistake) as refused:
        chats.press(place.engine, CHAT, Act.SEEN, "call.1", now())
    assert refused.value.code is Code.RESTRICTED
    unblock(place)
    assert chats.press(place.engine, CHAT, Act.SEEN, "call.1", now()).first
