"""A client's people say who is on call, and swap with an end; two who edit at once learn of each other."""

import io
import json
import re
from datetime import UTC, datetime, timedelta
from zipfile import ZipFile
from zoneinfo import ZoneInfo

import pytest
from acting import ADMIN
from browsing import Browser, Place
from httpx import Response

from pbx_control import clock
from pbx_control.domain.opening.written_rota import rule_text, swap_text
from pbx_control.services import clientele, people
from pbx_control.services.rotas import Place as Kept
from pbx_control.services.work import changing
from pbx_control.store import clients, desk, rotas
from pbx_control.store.engine import reading

MONDAY = datetime(2026, 11, 30, 14, tzinfo=UTC)  # 11 o'clock in Chile
HERE, SWAPS = "/portal/rota", "/portal/rota/swaps"


@pytest.fixture
def at(monkeypatch: pytest.MonkeyPatch) -> list[datetime]:
    """The instant that it is: the last one of the list."""
    instants = [MONDAY]
    monkeypatch.setattr(clock, "now", lambda: instants[-1])
    return instants


@pytest.fixture
def ids(place: Place, at: list[datetime]) -> dict[str, str]:
    """The contacts of Andes by name, as the forms have them."""
    with changing(place.engine, ADMIN, MONDAY) as work:
        andes = clients.find(work.conn, "andes").id
        for number, name in enumerate(("Ana", "Juan", "<Eva>")):
            people.add_contact(work, andes, name, f"+5698765432{number}", department="" if number < 2 else "Ventas")
        return {one.name: str(one.id) for one in desk.contacts_of(work.conn, andes)}


@pytest.fixture
async def owner(place: Place, ids: dict[str, str]) -> Browser:
    browser = place.browser()
    await browser.sign_in("gerencia")
    return browser


@pytest.fixture
async def staff(place: Place, ids: dict[str, str]) -> Browser:
    browser = place.browser()
    await browser.sign_in("recepcion")
    return browser


def kept(place: Place) -> list[Kept]:
    with reading(place.engine) as conn:
        return rotas.of_client(conn, clients.find(conn, "andes").id, clock.now())


def lines(place: Place) -> list[str]:
    with reading(place.engine) as conn:
        names = {one.id: one.name for one in desk.contacts_of(conn, clients.find(conn, "andes").id)}
    return [rule_text(rule, names) for one in kept(place) for rule in one.rota.rules]


def before(page: Response, department: str = "") -> str:
    """What the form of a department says of the version that it was made for."""
    found = re.search(
        rf'name="department" value="{department}">\s*<input type="hidden" name="before" value="([^"]*)"', page.text
    )
    assert found
    return found[1]


async def keeps(browser: Browser, department: str = "", was: str | None = None, **fields: str) -> Response:
    """The page after the press."""
    version = before(await browser.get(HERE), department) if was is None else was
    answer = await browser.post(HERE, {"department": department, "before": version} | fields)
    return await browser.get(HERE) if answer.status_code == 303 else answer


async def swaps(browser: Browser, act: str = "swap", **fields: str) -> Response:
    answer = await browser.post(SWAPS, {"act": act} | fields)
    return await browser.get(HERE) if answer.status_code == 303 else answer


def week(ids: dict[str, str]) -> dict[str, str]:
    return {
        "r0-when": "lun-vie 9-18", "r0-who0": ids["Ana"],
        "r1-when": "mon-fri 18:00-09:00", "r1-who0": ids["Juan"], "r1-who1": ids["<Eva>"], "r1-from": "2026-11-30",
    }  # fmt: skip


async def test_hours_in_which_nobody_is_on_call_are_told_while_the_firm_is_open(
    owner: Browser, ids: dict[str, str], at: list[datetime]
) -> None:
    line = {"r0-when": "lun-jue 9-17", "r0-who0": ids["Ana"]}
    page = await keeps(owner, **line)
    told = "You are open, and nobody is on call: mon-thu 17:00-18:00 fri 09:00-13:00 14:00-18:00"
    assert told in page.text


async def test_lines_are_kept_and_the_page_says_who_it_is(
    place: Place, owner: Browser, ids: dict[str, str], at: list[datetime]
) -> None:
    page = await keeps(owner, **week(ids))
    assert lines(place) == ["mon-fri 09:00-18:00: Ana", "mon-fri 18:00-09:00: Juan, <Eva> from 2026-11-30"]
    assert "Now: Ana until 18:00" in page.text
    assert "data-gaps" not in page.text, "the firm is closed then"
    assert "Juan → &lt;Eva&gt;" in page.text
    assert "<Eva>" not in page.text
    at.append(MONDAY + timedelta(days=5))  # Saturday
    page = await owner.get(HERE)
    assert "Now: nobody until Mon 7 Dec" in page.text or "Now: nobody until" in page.text
    assert 'data-rota="" data-nobody' in page.text
    await keeps(owner)
    assert lines(place) == []


async def test_a_department_has_a_rota_of_its_own(place: Place, owner: Browser, ids: dict[str, str]) -> None:
    page = await keeps(owner, "Ventas", **{"r0-when": "siempre", "r0-who0": ids["<Eva>"]})
    assert [(one.department, len(one.rota.rules)) for one in kept(place)] == [("Ventas", 1)]
    assert "Now: &lt;Eva&gt;" in page.text
    assert "Nobody has been put on call here." in page.text


@pytest.mark.parametrize(
    ("fields", "told"),
    [
        ({"r0-when": "mon-fri", "r0-who0": "ANA"}, "lack times"),
        ({"r0-when": "mon 9-18"}, "say who is on call"),
        ({"r0-who0": "ANA"}, "no hours were given"),
        ({"r0-when": "always", "r0-who0": "999"}, "not there any more"),
        ({"r0-when": "always", "r0-who0": "-1"}, "not there any more"),
        ({"r0-when": "always", "r0-who0": "ANA", "r0-from": "x"}, "choose a day"),
        ({"r0-when": "always", "r0-who0": "ANA", "r2-when": "mon 9-10", "r2-who0": "ANA"}, "two would be on call"),
        ({"r0-when": "<script>", "r0-who0": "ANA"}, "&lt;script&gt;"),
    ],
)
async def test_nonsense_is_refused_and_what_was_typed_stays(
    place: Place, owner: Browser, ids: dict[str, str], fields: dict[str, str], told: str
) -> None:
    typed = {name: ids["Ana"] if value == "ANA" else value for name, value in fields.items()}
    page = await keeps(owner, **typed)
    assert page.status_code == 400
    assert told in page.text
    assert page.text.count('role="alert"') == 1
    if "r0-when" in fields and "script" not in told:
        assert f'value="{fields["r0-when"]}"' in page.text
    assert kept(place) == []


async def test_of_two_edits_at_once_the_second_is_told(place: Place, owner: Browser, ids: dict[str, str]) -> None:
    seen = before(await owner.get(HERE))
    await keeps(owner, was=seen, **{"r0-when": "always", "r0-who0": ids["Ana"]})
    page = await keeps(owner, was=seen, **{"r0-when": "always", "r0-who0": ids["Juan"]})
    assert (page.status_code, "somebody else has changed the rota meanwhile" in page.text) == (400, True)
    assert lines(place) == ["always: Ana"]


async def test_staff_swaps_with_an_end_and_changes_no_lines(
    place: Place, owner: Browser, staff: Browser, ids: dict[str, str], at: list[datetime]
) -> None:
    await keeps(owner, **{"r0-when": "always", "r0-who0": ids["Juan"]})
    given = {"who": ids["Ana"], "instead_of": ids["Juan"], "day": "2026-11-30", "from": "09:00", "to": "18:00"}
    page = await swaps(staff, **given)
    assert "Now: Ana until 18:00" in page.text
    assert "instead of Juan" in page.text
    [one] = kept(place)
    names = {int(number): name for name, number in ids.items()}
    told = [swap_text(each.swap, names, ZoneInfo("America/Santiago")) for each in one.swaps]
    assert told == ["2026-11-30 09:00 - 2026-11-30 18:00: Ana instead of Juan"]
    assert (await staff.post(HERE, {"department": "", "before": ""})).status_code == 403
    assert "Say who is on call" not in page.text
    at.append(MONDAY + timedelta(hours=8))
    assert "Now: Juan" in (await staff.get(HERE)).text
    at.append(MONDAY)
    page = await swaps(staff, "take-back", number=str(one.swaps[0].id))
    assert "Now: Juan" in page.text
    page = await swaps(staff, "take-back", number=str(one.swaps[0].id))
    assert (page.status_code, "no such swap any more" in page.text) == (400, True)


@pytest.mark.parametrize(
    ("fields", "told"),
    [
        ({}, "say who is on call"),
        ({"who": "ANA", "day": "x"}, "choose a day"),
        ({"who": "ANA", "day": "0001-01-01"}, "choose a day"),
        ({"who": "ANA", "day": "2026-11-30", "from": "25:00"}, "this is no time"),
        ({"who": "ANA", "day": "2026-11-29"}, "has passed"),
        ({"who": "ANA", "day": "2026-12-29", "to_day": "2026-12-01"}, "ends before it begins"),
        ({"who": "ANA", "day": "2029-12-29"}, "more than a year"),
        ({"who": "ANA", "instead_of": "ANA", "day": "2026-12-29"}, "stand in for himself"),
        ({"who": "999", "day": "2026-12-29"}, "not there any more"),
        ({"who": "ANA", "day": "2026-12-29", "department": "Bodega"}, "no department"),
    ],
)
async def test_a_swap_that_makes_no_sense_is_refused(
    place: Place, owner: Browser, ids: dict[str, str], fields: dict[str, str], told: str
) -> None:
    page = await swaps(owner, **{name: ids["Ana"] if value == "ANA" else value for name, value in fields.items()})
    assert (page.status_code, told in page.text, page.text.count('role="alert"')) == (400, True, 1)
    assert kept(place) == []


async def test_another_clients_contact_is_none(place: Place, owner: Browser) -> None:
    with changing(place.engine, ADMIN, MONDAY) as work:
        sur = clientele.add(work, "sur", name="Sur")
        people.add_contact(work, sur, "Luis", "+56987654321")
        [luis] = desk.contacts_of(work.conn, sur)
    assert "Luis" not in (page := await keeps(owner, **{"r0-when": "always", "r0-who0": str(luis.id)})).text
    assert page.status_code == 400
    assert (await swaps(owner, who=str(luis.id), day="2026-12-29")).status_code == 400


async def test_an_owner_takes_the_rota_along(place: Place, owner: Browser, ids: dict[str, str]) -> None:
    await keeps(owner, **{"r0-when": "always", "r0-who0": ids["Juan"]})
    await swaps(owner, who=ids["Ana"], day="2026-12-24")
    archive = ZipFile(io.BytesIO((await owner.post("/portal/export")).content))
    assert json.loads(archive.read("firm.json"))["rota"] == [
        {"department": "", "lines": ["always: Juan"], "swaps": ["2026-12-24 00:00 - 2026-12-25 00:00: Ana"]}
    ]


async def test_who_is_on_call_is_not_removed(place: Place, owner: Browser, ids: dict[str, str]) -> None:
    await keeps(owner, **week(ids))
    page = await owner.post("/portal/contacts", {"act": "remove", "contact": "Ana"})
    assert page.status_code == 400
    assert "Ana has shifts that would be nobody&#39;s: mon-fri 09:00-18:00" in page.text
    await keeps(owner)
    assert (await owner.post("/portal/contacts", {"act": "remove", "contact": "Ana"})).status_code == 303


async def test_who_is_away_is_shown_with_who_stands_in(place: Place, owner: Browser, ids: dict[str, str]) -> None:
    await keeps(owner, **{"r0-when": "always", "r0-who0": ids["Ana"], "r0-who1": ids["Juan"]})
    await owner.post("/portal/contacts/availability", {"act": "away", "contact": "Ana", "end": "day"})
    page = await owner.get(HERE)
    assert "Ana is not available: Juan stands in" in page.text


async def test_the_page_is_there_in_spanish_and_without_contacts(place: Place, at: list[datetime]) -> None:
    browser = place.browser()
    await browser.sign_in("lagos")
    assert "There are no contacts yet" in (await browser.get(HERE)).text
    await browser.post("/language", {"language": "es"})
    assert "De turno" in (await browser.get(HERE)).text
