"""A client's person says by one press that the firm is closed, open, or what callers hear first; and takes it back."""

import re
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from acting import ADMIN
from browsing import Browser, Place
from httpx import Response

from pbx_control import clock
from pbx_control.domain.opening.overrides import Override, OverrideKind
from pbx_control.domain.users import ClientRole, UserRole
from pbx_control.services import clientele, today, users
from pbx_control.services.users import NewPassword
from pbx_control.services.work import changing
from pbx_control.store import audit, clients, overrides
from pbx_control.store.engine import reading
from pbx_control.web.voice import OF_A_CLIENT

SANTIAGO = ZoneInfo("America/Santiago")
# A Monday, 11 o'clock in Chile.
MONDAY = datetime(2026, 11, 23, 14, tzinfo=UTC)
HERE = "/portal/today"

pytestmark = pytest.mark.usefixtures("spoken")


@pytest.fixture
def at(monkeypatch: pytest.MonkeyPatch) -> list[datetime]:
    """The instant that it is: the last one of the list."""
    instants = [MONDAY]
    monkeypatch.setattr(clock, "now", lambda: instants[-1])
    return instants


async def reader(place: Place, who: str = "gerencia") -> Browser:
    browser = place.browser()
    await browser.sign_in(who)
    return browser


def holding(place: Place) -> list[Override]:
    with reading(place.engine) as conn:
        return [one.override for one in overrides.holding(conn, clock.now())]


def wall(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=SANTIAGO).astimezone(UTC)


async def presses(browser: Browser, act: str, **fields: str) -> Response:
    """The page after the press."""
    answer = await browser.post(HERE, {"act": act} | fields)
    if answer.status_code == 303:
        assert answer.headers["location"] == HERE
        return await browser.get(HERE)
    return answer


async def test_what_the_office_has_said_is_told_in_its_name(place: Place, at: list[datetime]) -> None:
    browser = await reader(place)
    with changing(place.engine, replace(ADMIN, name="root"), MONDAY) as work:
        today.say(work, clients.find(work.conn, "andes").id, OverrideKind.CLOSED, wall("2026-11-24T00:00"))
    office = place.site.settings.office.name
    page = (await browser.get(HERE)).text
    assert f"{office} has said so." in page
    assert f"{office}: closed until midnight" in page
    with changing(place.engine, replace(ADMIN, name="root"), MONDAY + timedelta(minutes=1)) as work:
        today.back_to_normal(work, clients.find(work.conn, "andes").id)
    page = (await browser.get(HERE)).text
    assert f"ended by {office}" in page
    assert "root" not in page


async def test_one_press_closes_the_firm_and_another_takes_it_back(place: Place, at: list[datetime]) -> None:
    browser = await reader(place)
    page = await browser.get(HERE)
    assert 'data-today="open"' in page.text
    assert "By your usual hours, until 13:00." in page.text
    assert "Back to normal" not in page.text
    page = await presses(browser, "closed", end="day")
    assert holding(place) == [Override(OverrideKind.CLOSED, MONDAY, wall("2026-11-24T00:00"), said_by="gerencia")]
    assert 'data-today="closed"' in page.text
    assert "Closed until midnight" in page.text
    assert "gerencia has said so. Then you are closed as usual until tomorrow, 9:00." in page.text
    assert "Hoy no atendemos." in page.text
    page = await presses(browser, "normal")
    assert 'data-today="open"' in page.text
    assert "ended by gerencia: 11:00" in page.text
    assert holding(place) == []


@pytest.mark.parametrize(
    ("fields", "until"),
    [
        ({"end": "day"}, "2026-11-24T00:00"),
        ({"end": "opening"}, "2026-11-24T09:00"),
        ({"end": "time", "day": "2026-11-23", "time": "15:30"}, "2026-11-23T15:30"),
        ({"end": "time", "day": "2026-11-26", "time": "09:00"}, "2026-11-26T09:00"),
    ],
)
async def test_each_press_has_an_end(place: Place, at: list[datetime], fields: dict[str, str], until: str) -> None:
    page = await presses(await reader(place), "closed", **fields)
    assert [one.until for one in holding(place)] == [wall(until)]
    at.append(wall(until))
    assert holding(place) == []
    assert page.status_code == 200


async def test_open_until_rings_in_the_evening(place: Place, at: list[datetime]) -> None:
    at.append(wall("2026-11-23T18:30"))
    page = await presses(await reader(place), "open", end="time", day="2026-11-23", time="20:00")
    assert "Open until 20:00" in page.text
    assert "Then you are closed as usual until tomorrow, 9:00." in page.text


async def test_of_two_who_press_the_last_one_wins_and_both_see_it(
    place: Place, at: list[datetime], password: NewPassword
) -> None:
    with changing(place.engine, ADMIN, MONDAY) as work:
        andes = clients.find(work.conn, "andes").id
        users.add(work, "luis", UserRole.CLIENT, password, client_id=andes, client_role=ClientRole.STAFF)
    first, second = await reader(place), await reader(place, "luis")
    await presses(first, "closed", end="day")
    at.append(MONDAY + timedelta(minutes=1))
    await presses(second, "open", end="time", day="2026-11-23", time="15:00")
    for browser in (first, second):
        page = (await browser.get(HERE)).text
        assert "Open until 15:00" in page
        assert "luis has said so" in page
        assert "gerencia: closed until midnight" in page
        assert "ended by luis: 11:01" in page


async def test_the_same_press_twice_is_one(place: Place, at: list[datetime]) -> None:
    browser = await reader(place)
    for _ in range(2):
        await presses(browser, "closed", end="day")
        at.append(at[-1] + timedelta(seconds=1))
    with reading(place.engine) as conn:
        andes = clients.find(conn, "andes").id
        assert len(overrides.latest(conn, andes, 9)) == 1
        entries = [one.entry for one in audit.newest(conn, client_id=andes)]
    said = [one for one in entries if one.verb.value == "said for today"]
    assert [(one.actor.kind.value, one.actor.name, one.actor.origin) for one in said] == [
        ("user", "gerencia", "198.51.100.7")
    ]


async def test_words_are_listened_to_and_then_said(place: Place, at: list[datetime], spoken: list[str]) -> None:
    browser = await reader(place)
    words = {"text": "{name} se muda hoy.", "end": "day"}
    page = await presses(browser, "listen", **words)
    assert page.status_code == 200
    assert "So it would be heard: “Andes se muda hoy.”" in page.text
    assert ">{name} se muda hoy.</textarea>" in page.text
    assert holding(place) == []
    address = re.search(r'data-listen.*?src="([^"]+)"', page.text, re.DOTALL)
    assert address
    sound = await browser.get(address[1])
    assert (sound.status_code, sound.headers["content-type"]) == (200, "audio/wav")
    assert "Andes se muda hoy." in sound.content.decode()
    page = await presses(browser, "announced", **words)
    assert [one.text for one in holding(place)] == ["{name} se muda hoy."]
    assert "Callers first hear another announcement until midnight; gerencia has said so." in page.text
    assert spoken.count("Andes se muda hoy.") == 2


async def test_a_sound_is_for_the_session_that_was_shown_it(
    place: Place, at: list[datetime], password: NewPassword
) -> None:
    with changing(place.engine, ADMIN, MONDAY) as work:
        sur = clientele.add(work, "sur", name="Sur")
        users.add(work, "sur", UserRole.CLIENT, password, client_id=sur, client_role=ClientRole.OWNER)
    mine, other = await reader(place), await reader(place, "sur")
    page = await presses(mine, "listen", text="Secreto.", end="day")
    address = re.search(r'data-listen.*?src="([^"]+)"', page.text, re.DOTALL)
    assert address
    name, _, key = address[1].partition("?key=")
    for tried in (address[1], name, f"{name}?key=", f"{name}?key={key[:-1]}", f"{name}?key=ñ"):
        assert (await other.get(tried)).status_code == 404
    assert (await mine.get(f"/portal/sounds/spoken/../../pbx.toml?key={key}")).status_code == 404
    assert (await mine.get(address[1])).status_code == 200


@pytest.mark.parametrize(
    ("act", "fields", "told"),
    [
        ("closed", {}, "choose until when"),
        ("closed", {"end": "never"}, "choose until when"),
        ("closed", {"end": "time", "day": "2026-11-23", "time": ""}, "choose until when"),
        ("closed", {"end": "time", "day": "2026-11-23", "time": "10:00"}, "this time has passed"),
        ("closed", {"end": "time", "day": "2027-11-23", "time": "10:00"}, "more than a month away"),
        ("closed", {"end": "time", "day": "9999-12-31", "time": "23:59"}, "this is no time"),
        ("closed", {"end": "time", "day": "0001-01-01", "time": "00:00"}, "this time has passed"),
        ("open", {"end": "time", "day": "x", "time": "20:00"}, "this is no time"),
        ("open", {"end": "time", "day": "2026-11-23", "time": "25:00"}, "this is no time"),
        ("open", {"end": "time", "day": "2026-11-23", "time": "20:00+05:00x"}, "this is no time"),
        ("announced", {"end": "day", "text": " "}, "has no words"),
        ("announced", {"end": "day", "text": "x" * 1001}, "1001 characters, at most 1000"),
        ("announced", {"end": "day", "text": "a\u0007b"}, "cannot be spoken"),
        ("listen", {"end": "day", "text": "{hora}"}, "{hora}, which is not known"),
        ("announced", {"end": "", "text": "Hola"}, "choose until when"),
        ("burn", {"end": "day"}, "choose what is to hold"),
        ("", {}, "choose what is to hold"),
    ],
)
async def test_what_makes_no_sense_is_told_at_its_field_and_what_was_typed_stays(
    place: Place, at: list[datetime], act: str, fields: dict[str, str], told: str
) -> None:
    page = await presses(await reader(place), act, **fields)
    assert page.status_code == 400
    assert page.text.count('role="alert"') == 1
    assert told in page.text
    if typed := fields.get("text", "").strip():
        assert f">{typed}" in page.text
    assert holding(place) == []


async def test_what_somebody_types_is_shown_as_text(place: Place, at: list[datetime]) -> None:
    page = await presses(await reader(place), "announced", text='"><script>alert(1)</script>', end="day")
    assert "<script>" not in page.text
    assert "&lt;script&gt;" in page.text


async def test_a_voice_is_not_kept_busy(place: Place, at: list[datetime], monkeypatch: pytest.MonkeyPatch) -> None:
    browser = await reader(place)
    for _ in range(OF_A_CLIENT.amount):
        assert (await presses(browser, "listen", text="Hola.", end="day")).status_code == 200
    page = await presses(browser, "listen", text="Hola.", end="day")
    assert page.status_code == 400
    assert "Too many texts were spoken of late" in page.text


async def test_holidays_and_suspension_are_told(place: Place, at: list[datetime]) -> None:
    at.append(datetime(2026, 12, 25, 14, tzinfo=UTC))
    with changing(place.engine, ADMIN, MONDAY) as work:
        clientele.suspend(work, "andes")
    page = (await (await reader(place)).get(HERE)).text
    assert "Closed: Navidad" in page
    assert "Your service is suspended" in page


async def test_while_the_daemon_is_away_that_is_said(place: Place, at: list[datetime]) -> None:
    page = await (await reader(place)).get(HERE)
    assert "holds as soon as it is back" in page.text


async def test_the_clocks_of_the_firm_count(place: Place, at: list[datetime]) -> None:
    """In the night when 23:30 comes twice, the first one is meant, until it has passed."""
    browser = await reader(place)
    at.append(datetime(2026, 4, 5, 2, 0, tzinfo=UTC))  # 23:00, for the first time
    await presses(browser, "open", end="time", day="2026-04-04", time="23:30")
    assert [one.until for one in holding(place)] == [datetime(2026, 4, 5, 2, 30, tzinfo=UTC)]
    at.append(datetime(2026, 4, 5, 3, 15, tzinfo=UTC))  # 23:15, for the second time
    await presses(browser, "open", end="time", day="2026-04-04", time="23:30")
    assert [one.until for one in holding(place)] == [datetime(2026, 4, 5, 3, 30, tzinfo=UTC)]
    assert date(2026, 4, 4) == at[-1].astimezone(SANTIAGO).date()
