"""What her page shows of the call that she has, as the daemon tells of it."""

import asyncio
import re
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from acting import ADMIN
from browsing import AT, Place, at_desk
from msgspec.structs import replace

from pbx_control import clock, web
from pbx_control.clock import now
from pbx_control.domain.call.model import Call, Missed, Seat, WhyNot
from pbx_control.domain.opening.written_rota import read_rules
from pbx_control.live.bulletin import call_now
from pbx_control.live.news import DaemonNow, SecretaryNow
from pbx_control.services import messages, people, rotas, texts, users
from pbx_control.services.work import changing
from pbx_control.store import clients
from pbx_control.store.desk import contacts_of
from pbx_control.store.secretaries import find
from pbx_control.web.desk import stream, words
from pbx_control.web.desk.feed import Standing
from pbx_control.web.desk.room import Stream
from pbx_control.web.desk.view import MISSED_FOR, view_of
from pbx_control.world.legs import patience


def stands(place: Place, call: Call) -> None:
    """The daemon has told of that call."""
    assert call.seat
    her = SecretaryNow(call.seat.secretary_id, "Ana", registered=True, call=call.id, talking=True, at_desk=True)
    daemon = DaemonNow(1, True, now())
    place.site.room.feed.standing = Standing(daemon, {call.id: call_now(call, 1)}, {her.id: her})


@pytest.mark.parametrize(
    ("why", "language", "words"),
    [
        (WhyNot.BUSY, "en", "&lt;Rosa&gt; is busy."),
        (WhyNot.BUSY, "es", "&lt;Rosa&gt; tiene el teléfono ocupado."),
        (WhyNot.SILENT, "es", "&lt;Rosa&gt; no contesta."),
        *[(why, "es", ".*&lt;Rosa&gt;") for why in WhyNot],
    ],
)
async def test_a_contact_who_was_not_reached_is_named_with_the_reason(
    place: Place, talking: Call, why: WhyNot, language: str, words: str
) -> None:
    stands(place, replace(talking, missed=Missed("<Rosa>", why, now())))
    ana = await at_desk(place, "ana")
    await ana.post("/language", {"language": language})
    page = (await ana.get("/desk")).text
    assert re.search(f'data-missed="{why}">{words}', page)


async def test_a_contact_who_is_away_cannot_be_consulted_before_his_time(
    place: Place, talking: Call, monkeypatch: pytest.MonkeyPatch
) -> None:
    at, zone = now(), ZoneInfo("America/Santiago")
    with changing(place.engine, ADMIN, at) as work:
        andes = clients.find(work.conn, "andes").id
        people.add_contact(work, andes, "Rosa", "+56987654321")
        people.set_away(work, andes, "Rosa", at + timedelta(minutes=5))
    stands(place, talking)
    ana = await at_desk(place, "ana")
    page = (await ana.get("/desk")).text
    until = f"{(at + timedelta(minutes=5)).astimezone(zone):%H:%M}"
    assert re.search(r'data-act="consult"[^>]*(disabled|aria-disabled="true")[^>]*>', page)
    assert "not available until" in page
    assert until in page
    monkeypatch.setattr(clock, "now", partial(later, at + timedelta(minutes=5)))
    assert "not available until" not in (await ana.get("/desk")).text


async def test_a_page_that_is_back_says_so_before_the_daemon_knows(place: Place) -> None:
    """Her keys are those of what she sees: «write it later» is there as soon as she has woken up the computer."""
    ana = await at_desk(place, "ana")
    her_id = next(iter(place.site.room.feed.standing.secretaries), 1)
    until = now() + timedelta(minutes=1)
    lost = SecretaryNow(her_id, "Ana", registered=True, after_call=True, free_from=until, page_lost=True)
    place.site.room.feed.standing = Standing(DaemonNow(1, True, now()), {}, {her_id: lost})
    page = (await ana.get("/desk")).text
    assert 'data-state="wrap-up"' in page
    assert 'data-duty="free"' in page


async def test_it_stands_there_for_some_seconds_only(
    place: Place, talking: Call, monkeypatch: pytest.MonkeyPatch
) -> None:
    browser = await at_desk(place, "ana")
    ana = users.session_of(place.engine, browser.client.cookies["pbx"], now())
    assert ana
    place.site.room.ending = False
    monkeypatch.setattr(stream, "ALIVE_EVERY", 0.05)
    stands(place, replace(talking, missed=Missed("Rosa", WhyNot.BUSY, now())))
    page = Stream(ana.secretary_id or 0, ana.session_id)
    async with asyncio.timeout(patience(10)):
        told = stream.events(place.site.room, place.site.sessions, ana, "es", page)
        async for event in told:
            if b"data-missed" in event:
                monkeypatch.setattr(clock, "now", partial(later, now() + MISSED_FOR))
            elif b"event: view" in event:
                break
        await told.aclose()
    assert b'"live":' in event


def later(instant: datetime) -> datetime:
    return instant + timedelta(seconds=1)


# --- who is on call ---------------------------------------------------------------------------------------


def on_call(place: Place, at: datetime, *lines: str, department: str = "") -> None:
    """Andes has Ana (key 1), Juan and Eva, and these lines in its rota."""
    with changing(place.engine, ADMIN, at) as work:
        andes = clients.find(work.conn, "andes").id
        for number, name in enumerate(("Ana", "Juan", "Eva"), start=1):
            people.add_contact(work, andes, name, f"+5698765432{number}", department=department)
        ids = {one.name: one.id for one in contacts_of(work.conn, andes)}
        rotas.set_rules(work, andes, department, read_rules(lines, ids, at.date()))


def consulted(page: str) -> list[tuple[str, str, bool]]:
    """The contacts as they stand there: name, key, marked as on call."""
    found = re.findall(r'<button[^>]*data-act="consult"([^>]*)>\s*<span>Consult (\w+)', page)
    keys = [re.search(r'aria-keyshortcuts="([^"]*)"', attributes) for attributes, _ in found]
    return [
        (name, key[1] if key else "", "data-on-call" in attributes)
        for (attributes, name), key in zip(found, keys, strict=True)
    ]


async def test_who_is_on_call_stands_first_and_keys_stay(
    place: Place, talking: Call, monkeypatch: pytest.MonkeyPatch
) -> None:
    at = datetime(2026, 11, 30, 15, tzinfo=UTC)  # noon in Chile, a Monday
    monkeypatch.setattr(clock, "now", lambda: at)
    ana = await at_desk(place, "ana")
    on_call(place, at, "mon-fri 09:00-18:00: Juan", "mon-fri 18:00-09:00: Eva")
    stands(place, talking)
    page = (await ana.get("/desk")).text
    assert consulted(page) == [("Juan", "Alt+2", True), ("Ana", "Alt+1", False), ("Eva", "Alt+3", False)]
    assert "on call until 18:00" in page
    monkeypatch.setattr(clock, "now", lambda: at + timedelta(hours=6))
    page = (await ana.get("/desk")).text
    assert consulted(page)[0] == ("Eva", "Alt+3", True)
    assert "on call until Tue 1 Dec, 09:00" in page
    monkeypatch.setattr(clock, "now", lambda: at + timedelta(days=5))  # Saturday
    page = (await ana.get("/desk")).text
    assert [mark for _, _, mark in consulted(page)] == [False] * 3
    assert re.search("data-nobody-on-call>Nobody is on call until Mon 7 Dec, 09:00.", page)


async def test_who_is_away_is_not_put_first_and_the_page_says_who_stands_in(
    place: Place, talking: Call, monkeypatch: pytest.MonkeyPatch
) -> None:
    at = datetime(2026, 11, 30, 15, tzinfo=UTC)
    monkeypatch.setattr(clock, "now", lambda: at)
    ana = await at_desk(place, "ana")
    on_call(place, at, "mon-fri 09:00-18:00: Eva, Juan", department="Ventas")
    stands(place, talking)
    away(place, "Eva", at + timedelta(hours=1), at)
    page = (await ana.get("/desk")).text
    assert consulted(page)[0] == ("Juan", "Alt+2", True)
    assert "on call until 13:00, as Eva is not available" in page
    assert "not available until 13:00" in page
    away(place, "Juan", at + timedelta(hours=2), at)
    page = (await ana.get("/desk")).text
    assert [name for name, _, mark in consulted(page) if mark] == []
    assert "Eva is on call (Ventas), but not available; nobody stands in." in page


async def test_an_open_pop_shows_a_change_as_soon_as_the_office_has_it(place: Place, talking: Call) -> None:
    """The news of a new revision come with it: what was read a moment ago counts no more."""
    browser, at = await at_desk(place, "ana"), now()
    ana = users.session_of(place.engine, browser.client.cookies["pbx"], at)
    assert ana
    on_call(place, at, "always: Eva")
    stands(place, talking)
    standing = place.site.room.feed.standing
    first = view_of(place.site.room, ana, "en")
    assert consulted(first.regions["live"])[0][0] == "Eva"
    away(place, "Eva", at + timedelta(hours=1), at)
    assert standing.daemon
    place.site.room.feed.standing = replace_daemon(standing, standing.daemon.published + 1)
    second = view_of(place.site.room, ana, "en", before=first)
    assert "but not available; nobody stands in" in second.since(first)["regions"]["live"]
    assert "pop" not in second.since(first)["regions"]


async def test_it_is_shown_anew_when_the_shift_ends(
    place: Place, talking: Call, monkeypatch: pytest.MonkeyPatch
) -> None:
    at = datetime(2026, 11, 30, 15, tzinfo=UTC)
    browser = await at_desk(place, "ana")
    ana = users.session_of(place.engine, browser.client.cookies["pbx"], now())
    assert ana
    monkeypatch.setattr(clock, "now", lambda: at)
    on_call(place, at, "mon-fri 09:00-18:00: Juan")
    stands(place, talking)
    assert view_of(place.site.room, ana, "en").due == datetime(2026, 11, 30, 21, tzinfo=UTC)


async def test_the_greeting_names_who_is_on_call(place: Place, talking: Call) -> None:
    with changing(place.engine, ADMIN, AT) as work:
        texts.write_greeting(work, clients.find(work.conn, "andes").id, "Andes, hoy está {on_call}.")
        her = find(work.conn, "Eva")
        messages.open_draft(work.conn, talking.id, her.id, AT)
    stands(place, replace(talking, seat=Seat(her.id, her.user, "Eva")))
    eva = await at_desk(place, "eva")
    assert "Andes, hoy está nadie." in (await eva.get("/desk")).text
    on_call(place, now(), "always: Juan")
    assert "Andes, hoy está Juan." in (await eva.get("/desk")).text


def away(place: Place, name: str, until: datetime, at: datetime) -> None:
    with changing(place.engine, ADMIN, at) as work:
        people.set_away(work, clients.find(work.conn, "andes").id, name, until)


def replace_daemon(standing: Standing, published: int) -> Standing:
    assert standing.daemon
    daemon = replace(standing.daemon, published=published)
    return Standing(daemon, standing.calls, standing.secretaries)


def test_no_key_of_the_desk_does_two_things() -> None:
    told = [key for key, _ in (*words.KEYS, *words.TELEPHONE_KEYS)]
    assert len(told) == len(set(told))
    scripts = [(Path(web.__file__).parent / f"static/{name}.js").read_text() for name in ("desk", "telephone")]
    desk, telephone = (re.findall(r"\bKey[A-Z](?=:)", script) for script in scripts)
    assert desk
    assert telephone
    assert not set(desk) & set(telephone)
