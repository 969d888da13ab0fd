"""The wallboard in a real Chromium, with a daemon that says how things are; no Asterisk is there."""

from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from datetime import timedelta
from itertools import pairwise
from typing import TYPE_CHECKING

import pytest
from acting import ADMIN
from answering_daemon import a_chair, answering
from axe_playwright_python.async_playwright import Axe
from msgspec.structs import replace
from pages_process import said, started
from sqlalchemy import insert
from test_agenda_in_a_browser import BASE, TELEPHONE, WIDE, browser, office

from pbx_control.clock import now
from pbx_control.domain.call.journal import Line
from pbx_control.domain.call.model import Admission, Call, Caller, Facts, Phase, Seat, Sounds
from pbx_control.domain.call.saving import Save
from pbx_control.domain.desk.duty import PausedBy
from pbx_control.domain.figures.levels import Sums
from pbx_control.live.channel import Channel
from pbx_control.services import checking
from pbx_control.services.work import changing
from pbx_control.settings import Home, load
from pbx_control.store import quarters
from pbx_control.store.engine import open_engine, writing
from pbx_control.store.quarters import Counted
from pbx_control.store.tables import call
from pbx_control.world.installation import Installation
from pbx_control.world.legs import patience

if TYPE_CHECKING:
    from playwright.async_api import Page

# The browser is there where the tests with a switch are.
pytestmark = pytest.mark.switch
__all__ = ["office"]
FACTS = Facts("+56225550101", 1, "andes", "Clínica Andes", "es", "America/Santiago", Admission.OPEN, Sounds())
NAMES = ("Ana Rojas", "Eva Soto", "Luz Díaz", "Marta Núñez", "Paz Vera", "Sol Muñoz")


def calls() -> Iterator[Call]:
    """One who waits, one for whom a telephone rings, one who talks."""
    phases = {Phase.WAITING: 34, Phase.OFFERING: 6, Phase.TALKING: 205}
    for number, (phase, ago) in enumerate(phases.items()):
        at = now() - timedelta(seconds=ago)
        call = Call(f"pbx-{number}.1", phase, FACTS, Caller("+56223334455", "María"), arrived_at=at, waiting_since=at)
        seat = Seat(number, f"u{number}", NAMES[number - 1]) if number else None
        talks = phase is Phase.TALKING
        yield replace(call, seat=seat, answered_by=seat if talks else None, answered_at=at if talks else None)


def chairs() -> Iterator[object]:
    told = [
        {"registered": True, "held_by": "pbx-1.1"},
        {"registered": True, "held_by": "pbx-2.1"},
        {"registered": True},
        {"registered": True, "free_from": now() + timedelta(seconds=90), "after_call": True},
        {"registered": True, "paused": True, "paused_by": PausedBy.DESK, "pause_reason": "lunch"}
        | {"paused_at": now() - timedelta(minutes=12)},
        {},
    ]
    for number, known in enumerate(told, start=1):
        chair = a_chair(number)
        yield replace(chair, seat=replace(chair.seat, name=NAMES[number - 1]), **known)


def happens(channel: Channel) -> None:
    steps = [Save(call, True, (Line(1, now(), "X", {}),)) for call in calls()]
    channel.committed(steps)


def count_some(office: Installation, *, days: int = 7) -> None:
    """Calls of a week, more in the mornings."""
    engine = open_engine(Home(office.home), load(Home(office.home)))
    with writing(engine) as conn:
        for quarter in range(days * 96):
            at = now() - timedelta(minutes=15 * quarter)
            hour = (at - timedelta(hours=3)).hour
            busy = {9: 6, 10: 9, 11: 8, 12: 6, 13: 2, 14: 3, 15: 6, 16: 7, 17: 4}.get(hour, 0)
            if busy:
                some = Sums(busy, quarter % 3, quarter % 5 == 0, quarter % 2, quarter % 7 == 0, 90 * busy, 900 * busy)
                quarters.add(conn, [Counted(1, at, "main", some)])
        quarters.add(conn, [Counted(1, now(), "main", Sums(in_time=9, late=1, abandoned=1, brief=2))])
    engine.dispose()


async def signs_in(office: Installation, page: "Page") -> None:
    user = await office.ask("user", "add", "jefa", "--role", "supervisor")
    await page.goto(f"{BASE}/login")
    await page.fill("[name=name]", "jefa")
    await page.fill("[name=password]", user["password"])
    await page.click("button.main")
    await page.wait_for_url("**/admin")


async def is_fit(page: "Page") -> None:
    """It has nothing that axe finds, and nothing stands beyond its side."""
    results = await Axe().run(page, options={"runOnly": ["wcag2a", "wcag2aa", "wcag21aa", "wcag22aa"]})
    found = [(each["id"], [node["html"] for node in each["nodes"]]) for each in results.response["violations"]]
    beyond = await page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
    assert (found, beyond) == ([], 0), page.url


@asynccontextmanager
async def wallboard(office: Installation, locale: str, **looks: object) -> "AsyncIterator[Page]":
    count_some(office)
    async with browser(locale, **looks) as page:
        await signs_in(office, page)
        yield page


@pytest.mark.parametrize(
    ("locale", "looks"),
    [
        ("es-CL", {"viewport": TELEPHONE, "color_scheme": "dark"}),
        ("en-GB", {"viewport": WIDE, "color_scheme": "light"}),
    ],
)
async def test_all_its_pages_can_be_read_by_everybody(
    office: Installation, locale: str, looks: dict[str, object]
) -> None:
    with answering(Home(office.home), chairs=list(chairs())) as daemon:
        async with wallboard(office, locale, **looks) as page:
            daemon.does(happens)
            await page.locator("[data-figure=waiting]", has_text="2").wait_for()
            await is_fit(page)
            for path in ("day", "week"):
                await page.goto(f"{BASE}/admin/{path}")
                await page.locator("summary").click()
                await is_fit(page)


# Of each word in the drawings that is shown: how high its letters are, and where it begins and ends.
WORDS = """() => [...document.querySelectorAll('.chart > svg')].map(svg => {
    const box = svg.getBoundingClientRect()
    return [...svg.querySelectorAll('text')].filter(one => one.getClientRects().length).map(one => {
        const {left, right, top, height} = one.getBoundingClientRect()
        const place = {left: left - box.left, right: right - box.left, room: box.width}
        return {words: one.textContent, height, row: Math.round(top), ...place}
    })
})"""


@pytest.mark.parametrize("viewport", [TELEPHONE, WIDE], ids=["telephone", "wide"])
@pytest.mark.parametrize("path", ["day", "week"])
async def test_curves_are_read_without_moving_them(office: Installation, viewport: dict[str, int], path: str) -> None:
    async with wallboard(office, "es-CL", viewport=viewport) as page:
        await page.goto(f"{BASE}/admin/{path}")
        boxes = page.locator(".chart")
        assert await boxes.evaluate_all("all => all.map(one => one.scrollWidth - one.clientWidth)") == [0, 0]
        for words in await page.evaluate(WORDS):
            assert all(one["height"] >= 12 and one["left"] >= 0 and one["right"] <= one["room"] for one in words), words
            beneath = [one for one in words if one["row"] == max(each["row"] for each in words)]
            assert len(beneath) >= (6 if path == "day" else 7)
            assert all(one["right"] < other["left"] for one, other in pairwise(beneath)), beneath


async def test_no_number_is_parted_from_its_unit_on_a_telephone(office: Installation) -> None:
    parted = """() => [...document.querySelectorAll('dt, dd, small, th, td, p, li')].flatMap(one => {
        const found = [...one.childNodes].filter(node => node.nodeType === Node.TEXT_NODE)
        return found.flatMap(node => [...node.textContent.matchAll(/[0-9]\\s(s|%|min)(?![a-z])/g)].filter(match => {
            const range = document.createRange()
            range.setStart(node, match.index)
            range.setEnd(node, match.index + match[0].length)
            return range.getClientRects().length > 1
        }).map(() => node.textContent))
    })"""
    with answering(Home(office.home), chairs=list(chairs())):
        async with wallboard(office, "es-CL", viewport=TELEPHONE) as page:
            await page.locator("[data-figure=abandoned] small").wait_for()
            for path in ("", "/day", "/week", "/staffing"):
                await page.goto(f"{BASE}/admin{path}")
                assert await page.evaluate(parted) == [], path


async def judge_one(office: Installation) -> None:
    """A call of a secretary's is over, and was judged."""
    await office.pbx("secretary", "add", NAMES[0])
    engine = open_engine(Home(office.home), load(Home(office.home)))
    row = {"id": "pbx-9.1", "client_id": 1, "did": "+56225550101", "caller": "+56223334455", "phase": "ended"}
    over = {"outcome": "answered", "secretary_id": 1, "arrived_at": now(), "ended_at": now(), "talked": 65.0}
    with writing(engine) as conn:
        conn.execute(insert(call).values(row | over))
    with changing(engine, ADMIN, now()) as work:
        checking.score(work, "pbx-9.1", 1, {"Saludo": "4"}, "", ["Saludo"])
    engine.dispose()


async def test_no_word_above_the_averages_is_cut_on_a_telephone(office: Installation) -> None:
    async with browser("es-CL", viewport=TELEPHONE) as page:
        await signs_in(office, page)
        await judge_one(office)
        await page.goto(f"{BASE}/admin/check")
        heading = page.locator(".averages th", has_text="Secretaria")
        await heading.evaluate("one => getSelection().selectAllChildren(one)")
        lines = await page.evaluate("getSelection().getRangeAt(0).getClientRects().length")
        assert lines == 1


async def test_what_happens_is_there_within_a_second_and_ticks_by_itself(office: Installation) -> None:
    with answering(Home(office.home), chairs=list(chairs())) as daemon:
        async with wallboard(office, "en-GB", viewport=WIDE) as page:
            waiting = page.locator("[data-figure=waiting]", has_text="0")
            await waiting.wait_for()
            daemon.does(happens)
            await page.locator("[data-figure=waiting]", has_text="2").wait_for(timeout=patience(1) * 1000)
            wait = page.locator("[data-figure=longest-wait]")
            shown = await wait.inner_text()
            asked: list[str] = []
            page.on("request", lambda request: asked.append(request.url))
            await page.wait_for_function(
                "shown => document.querySelector('[data-figure=longest-wait]').innerText !== shown", arg=shown
            )
            assert asked == []


async def test_a_daemon_that_goes_is_told_and_what_it_told_is_gone(office: Installation) -> None:
    async with wallboard(office, "en-GB", viewport=WIDE) as page:
        with answering(Home(office.home), chairs=list(chairs())) as daemon:
            daemon.does(happens)
            await page.locator("[data-figure=waiting]", has_text="2").wait_for()
        await page.locator("[data-trouble=daemon]").wait_for()
        assert await page.locator("[data-figure=waiting]").inner_text() == "–"
        assert (await page.locator("[data-figure=abandoned]").inner_text())[0].isdigit()


async def test_figures_that_nobody_renews_are_called_old(tmp_path_factory: pytest.TempPathFactory) -> None:
    from test_agenda_in_a_browser import PORTS

    from pbx_control.store.migrate import upgrade

    alone = Installation(tmp_path_factory.mktemp("alone") / "home", PORTS, language="es", runtime="external")
    secrets = {"ari_password": "a" * 40, "ami_password": "b" * 40}
    alone.write_settings(secrets=secrets, web={"public_url": BASE})
    upgrade(Home(alone.home), load(Home(alone.home)))
    async with started(alone, "web") as web:
        await said(web, "the pages are served")
        async with browser("en-GB", viewport=WIDE) as page:
            await signs_in(alone, page)
            await page.locator("[data-trouble=daemon]").wait_for()
            web.kill()
            await page.get_by_text("No connection: these figures are").wait_for()
            assert await page.locator("body[data-stale]").count() == 1
            async with started(alone, "web") as again:
                await said(again, "the pages are served")
                await page.locator("body:not([data-stale])").wait_for()
