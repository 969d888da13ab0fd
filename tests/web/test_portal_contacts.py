"""A client's people keep their contacts, and say who is not to be consulted before a time; the secretary sees it."""

from datetime import UTC, datetime, timedelta

import pytest
from acting import ADMIN
from browsing import Browser, Place
from httpx import Response

from pbx_control import clock
from pbx_control.domain.money.plans import Plan
from pbx_control.domain.users import ClientRole, UserRole
from pbx_control.services import clientele, people, subscriptions, users
from pbx_control.services.users import NewPassword
from pbx_control.services.work import changing
from pbx_control.store import clients, contacts
from pbx_control.store.contacts import Listed
from pbx_control.store.engine import reading

MONDAY = datetime(2026, 11, 23, 14, tzinfo=UTC)  # 11 o'clock in Chile
HERE = "/portal/contacts"
ROSA = {"name": "Rosa Soto", "number": "+56 9 8765 4321", "then_number": "", "department": "Ventas", "key": ""}


@pytest.fixture
def at(monkeypatch: pytest.MonkeyPatch) -> list[datetime]:
    """The instant that it is: the last one of the list."""
    instants = [MONDAY]
    monkeypatch.setattr(clock, "now", lambda: instants[-1])
    return instants


@pytest.fixture
async def owner(place: Place, at: list[datetime]) -> Browser:
    browser = place.browser()
    await browser.sign_in("gerencia")
    return browser


def kept(place: Place) -> list[Listed]:
    with reading(place.engine) as conn:
        return contacts.rows(conn, clients.find(conn, "andes").id)


async def presses(browser: Browser, act: str, where: str = HERE, **fields: str) -> Response:
    """The page after the press."""
    answer = await browser.post(where, {"act": act} | fields)
    return await browser.get(HERE) if answer.status_code == 303 else answer


async def away(browser: Browser, name: str = "Rosa Soto", act: str = "away", **end: str) -> Response:
    return await presses(browser, act, f"{HERE}/availability", contact=name, **end)


async def test_a_contact_is_added_changed_and_removed(place: Place, owner: Browser) -> None:
    page = await presses(owner, "add", **ROSA)
    assert 'data-contact="Rosa Soto"' in page.text
    assert "+56 9 8765 4321" in page.text
    [rosa] = kept(place)
    assert (rosa.number, rosa.department, rosa.key) == ("+56987654321", "Ventas", 1)
    page = await presses(owner, "change", contact="Rosa Soto", **ROSA | {"name": "Rosa", "key": "4"})
    assert [(one.name, one.key) for one in kept(place)] == [("Rosa", 4)]
    await presses(owner, "remove", contact="Rosa")
    assert kept(place) == []


@pytest.mark.parametrize(
    ("fields", "field", "told"),
    [
        ({"name": ""}, "name", "is empty"),
        ({"name": "Luis"}, "name", "there is a contact Luis"),
        ({"name": "x" * 61}, "name", "too long"),
        ({"number": "133"}, "number", "133"),
        ({"then_number": "987654321"}, "then_number", "is no telephone number"),
        ({"number": "+881612345678"}, "number", "no calls are transferred to"),
        ({"number": "<script>"}, "number", "&lt;script&gt;"),
        ({"key": "1"}, "", "the key 1 belongs to another contact"),
    ],
)
async def test_nonsense_is_refused_at_its_field_and_what_was_typed_stays(
    place: Place, owner: Browser, fields: dict[str, str], field: str, told: str
) -> None:
    await presses(owner, "add", **ROSA | {"name": "Luis"})
    before = kept(place)
    page = await presses(owner, "add", **ROSA | fields)
    assert page.status_code == 400
    assert page.text.count('role="alert"') == 1
    assert told in page.text
    assert not field or f'id="new-{field}-problem"' in page.text
    assert 'value="Ventas"' in page.text
    assert kept(place) == before


async def test_the_plans_room_is_told_and_held(place: Place, owner: Browser) -> None:
    with changing(place.engine, ADMIN, MONDAY) as work:
        subscriptions.set_plan(work, Plan(name="s", calls=9, price=9, extra_call=9, contacts=1, calendars=0))
        subscriptions.assign(work, clients.find(work.conn, "andes").id, "s")
    page = await presses(owner, "add", **ROSA)
    assert "Your plan has room for 1 contact." in page.text
    assert 'value="add"' not in page.text
    assert (await owner.post(HERE, {"act": "add"} | ROSA | {"name": "Eva"})).status_code == 400
    assert len(kept(place)) == 1


async def test_who_is_away_comes_back_by_himself(place: Place, owner: Browser, at: list[datetime]) -> None:
    await presses(owner, "add", **ROSA)
    page = await away(owner, end="time", day="2026-11-23", time="15:00")
    assert "Not available until 15:00" in page.text
    assert [one.away_until for one in kept(place)] == [datetime(2026, 11, 23, 18, tzinfo=UTC)]
    page = await away(owner, act="back")
    assert "data-away" not in page.text
    assert "Not available until midnight" in (await away(owner, end="day")).text
    at.append(MONDAY + timedelta(hours=13))
    assert "data-away" not in (await owner.get(HERE)).text


@pytest.mark.parametrize(
    ("end", "told"),
    [
        ({}, "choose until when"),
        ({"end": "time", "day": "2026-11-23", "time": "10:00"}, "this time has passed"),
        ({"end": "time", "day": "2027-11-23", "time": "10:00"}, "more than a month away"),
        ({"end": "time", "day": "x", "time": "10:00"}, "this is no time"),
    ],
)
async def test_an_end_that_makes_no_sense_is_refused(
    place: Place, owner: Browser, end: dict[str, str], told: str
) -> None:
    await presses(owner, "add", **ROSA)
    page = await away(owner, **end)
    assert (page.status_code, page.text.count('role="alert"'), told in page.text) == (400, 1, True)
    page = await away(owner, name="<Nadie>", end="day")
    assert (page.status_code, "is no contact of this client" in page.text) == (400, True)
    assert [one.away_until for one in kept(place)] == [None]


async def test_staff_says_who_is_away_and_changes_nothing_else(
    place: Place, owner: Browser, password: NewPassword
) -> None:
    await presses(owner, "add", **ROSA)
    with changing(place.engine, ADMIN, MONDAY) as work:
        andes = clients.find(work.conn, "andes").id
        users.add(work, "luis", UserRole.CLIENT, password, client_id=andes, client_role=ClientRole.STAFF)
    staff = place.browser()
    await staff.sign_in("luis")
    page = await away(staff, end="day")
    assert "Not available until midnight" in page.text
    assert 'value="remove"' not in page.text
    assert 'value="add"' not in page.text
    assert (await staff.post(HERE, {"act": "remove", "contact": "Rosa Soto"})).status_code == 403


async def test_another_clients_contact_is_none(place: Place, owner: Browser) -> None:
    with changing(place.engine, ADMIN, MONDAY) as work:
        sur = clientele.add(work, "sur", name="Sur")
        people.add_contact(work, sur, "Rosa Soto", "+56987654321")
    for answer in (await away(owner, end="day"), await presses(owner, "remove", contact="Rosa Soto")):
        assert answer.status_code == 400
    with reading(place.engine) as conn:
        assert [one.away_until for one in contacts.rows(conn, sur)] == [None]
