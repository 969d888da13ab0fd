"""Booking from the secretary's desk during a real call, by keys only, in a real browser."""

import asyncio
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from itertools import count
from typing import Any, TypeAlias

import pytest
from at_desk import Desk, at_desk, looked_at
from conftest import Firm, Town
from playwright.async_api import Browser, Locator, Page, Route, expect

from pbx_control.world.legs import Leg

pytestmark = [pytest.mark.switch, pytest.mark.asyncio(loop_scope="session"), pytest.mark.usefixtures("pages")]

HOSTILE = "<img src=x onerror=alert(1)>"
InCall: TypeAlias = tuple[Desk, Leg]
EVERY_DAY = ("--hours", "mon-sun 8:00-20:00", "--lead", "1h")


async def with_calendar(town: Town, *more: str) -> Firm:
    """A firm with a calendar of two kinds."""
    firm = await town.firm()
    kinds = ("--kind", "Consulta=30", "--kind", "Control=60+15", "--question", "¿Primera vez?")
    await town.office.pbx("calendar", "add", firm.slug, "soto", "--name", "Dra. Soto", *kinds, *EVERY_DAY, *more)
    await town.live()
    return firm


def panel(desk: Desk) -> Locator:
    return desk.page.locator("#agenda")


def part(desk: Desk, name: str) -> Locator:
    return desk.page.locator(f'[data-agenda="{name}"]')


def slots(desk: Desk) -> Locator:
    return part(desk, "days").locator(".slot[data-starts]")


async def focused(desk: Desk, what: str) -> Any:
    return await desk.page.evaluate(f"document.activeElement.{what}")


async def stored(town: Town, firm: Firm) -> list[Any]:
    listed: list[Any] = await town.office.ask("appointment", "list", "--client", firm.slug, "--all")
    return listed


async def presses(desk: Desk, *keys: str) -> None:
    for key in keys:
        await desk.page.keyboard.press(key)


@asynccontextmanager
async def both_talking(town: Town, browser: Browser, firm: Firm) -> AsyncIterator[tuple[InCall, InCall]]:
    """Two desks, Ana's with María and Eva's with Pedro on the line."""
    async with at_desk(town, browser, firm) as ana:
        ana.telephone.answers(after=0.5)
        first = await ana.is_called()
        await ana.is_in("talking")
        async with at_desk(town, browser, firm, who="Eva") as eva:
            eva.telephone.answers(after=0.5)
            second = await eva.is_called("Pedro", number="+56912340002")
            await eva.is_in("talking")
            yield (ana, first), (eva, second)


async def test_she_books_moves_and_cancels_by_keys_while_she_talks(town: Town, browser: Browser) -> None:
    firm = await with_calendar(town, "--address", "Av. Italia 850, Providencia")
    async with at_desk(town, browser, firm) as desk:
        desk.telephone.answers(after=0.5)
        caller = await desk.is_called()
        await desk.is_in("talking")
        await expect(panel(desk)).to_be_visible()
        await expect(slots(desk).first).to_be_visible()
        await looked_at(desk.page, "agenda-free")
        await presses(desk, "Alt+KeyA", "ArrowDown", "ArrowRight")  # tomorrow, or the day after, the second time
        starts = await focused(desk, "dataset.starts")
        await presses(desk, "Enter")
        await expect(part(desk, "hold")).to_contain_text("reservada para usted")
        name = desk.page.locator("#agenda-name")
        await expect(name).to_be_focused()
        await expect(name).to_have_value("María")
        await expect(desk.page.locator("#agenda-number")).to_have_value("+56912345678")
        await presses(desk, "Control+a")
        await desk.page.keyboard.type("María Soto")
        await presses(desk, "Tab", "Tab", "Space")  # yes, by e-mail
        await expect(desk.page.locator("#agenda-email")).to_be_focused()
        await desk.page.keyboard.type("maria.soto@example.com")
        await expect(part(desk, "spelled")).to_contain_text("arroba")
        await presses(desk, "Tab")
        await desk.page.keyboard.type("sí")
        await presses(desk, "Tab")
        await desk.page.keyboard.type("trae <b>examen</b>")
        await looked_at(desk.page, "agenda-form")
        await desk.page.reload()
        await desk.pops()
        await expect(desk.page.locator("#agenda-note")).to_have_value("trae <b>examen</b>")
        await expect(desk.page.locator("#agenda-email")).to_have_value("maria.soto@example.com")
        await expect(part(desk, "hold")).to_contain_text("reservada para usted")
        await presses(desk, "Alt+KeyA", "Control+Enter", "Control+Enter", "Control+Enter")
        line = part(desk, "booked").locator("li[data-state=confirmed]")
        await expect(line).to_have_count(1)
        await expect(line).to_contain_text("María Soto")
        (one,) = await stored(town, firm)
        assert (one["name"], one["number"], one["email"]) == ("María Soto", "+56912345678", "maria.soto@example.com")
        assert one["starts"].replace("+00:00", "Z") == starts
        left = "Object.keys(localStorage).filter((one) => one.startsWith('pbx-agenda'))"
        assert await desk.page.evaluate(left) == []
        await looked_at(desk.page, "agenda-booked")
        await line.locator('[data-does="move"]').focus()
        await presses(desk, "Enter")
        await expect(part(desk, "moving")).to_be_visible()
        await expect(slots(desk).first).to_be_focused()
        await presses(desk, "ArrowRight", "ArrowRight", "ArrowRight")
        to = await focused(desk, "dataset.starts")
        assert to != starts
        await presses(desk, "Enter")
        await expect(part(desk, "said")).to_contain_text("Movida a")
        (one,) = await stored(town, firm)
        assert one["starts"].replace("+00:00", "Z") == to
        await line.locator('[data-does="cancel"]').focus()
        await presses(desk, "Enter")
        await expect(line.locator('[data-does="keep"]')).to_be_focused()
        await presses(desk, "Tab", "Enter")
        await expect(part(desk, "booked").locator("li[data-state=cancelled]")).to_have_count(1)
        (one,) = await stored(town, firm)
        assert one["state"] == "cancelled"
        assert not caller.end.at
        await caller.hang_up()


async def both_answered_together(page: Page, way: str) -> None:
    """The first request of that way waits for the second one."""
    second = asyncio.Event()
    asked = count(1)

    async def hold(route: Route) -> None:
        if next(asked) >= 2:
            second.set()
        await second.wait()
        await route.continue_()

    await page.route(way, hold)


async def test_the_week_is_gone_through_by_keys(town: Town, browser: Browser) -> None:
    firm = await with_calendar(town)
    async with at_desk(town, browser, firm) as desk:
        desk.telephone.answers(after=0.5)
        caller = await desk.is_called()
        await desk.is_in("talking")
        await presses(desk, "Alt+KeyA", "Enter")
        await desk.page.locator("#agenda-name").fill("Ada")
        await presses(desk, "Control+Enter")
        await expect(part(desk, "booked").locator("li")).to_have_count(1)
        await part(desk, "week").focus()
        # A colleague books in the same moment: the week is asked for once more before it is there.
        await both_answered_together(desk.page, "**/agenda/*/week?*")
        await presses(desk, "Enter")
        await desk.page.evaluate("document.dispatchEvent(new Event('pbx-agenda'))")
        grid = part(desk, "grid")
        await grid.locator('[data-kind="free"]').first.wait_for()
        await expect(grid.locator('[data-kind="confirmed"]')).to_contain_text("Ada")
        await expect(grid.locator('[data-kind="free"]:focus')).to_have_count(1)
        await looked_at(desk.page, "agenda-week")
        first = await grid.get_attribute("data-week-ready")
        await presses(desk, "PageDown")
        await expect(grid).not_to_have_attribute("data-week-ready", first or "")
        free = grid.locator('[data-kind="free"]')
        await expect(free.first).to_be_visible()
        await presses(desk, "ArrowRight", "ArrowDown")
        label = await focused(desk, "ariaLabel")
        assert "libre" in label
        starts = await focused(desk, "dataset.starts")
        await presses(desk, "Enter")
        await expect(desk.page.locator("#agenda-week")).to_be_hidden()
        await expect(desk.page.locator("#agenda-name")).to_be_focused()
        await presses(desk, "Control+Enter")
        await expect(part(desk, "booked").locator("li")).to_have_count(2)
        assert starts in [one["starts"].replace("+00:00", "Z") for one in await stored(town, firm)]
        await caller.hang_up()


async def test_on_a_telephone_the_week_is_a_list_of_a_day(town: Town, browser: Browser) -> None:
    firm = await with_calendar(town)
    narrow = {"viewport": {"width": 390, "height": 844}}
    async with at_desk(town, browser, firm, **narrow) as desk:
        desk.telephone.answers(after=0.5)
        caller = await desk.is_called()
        await desk.is_in("talking")
        await expect(slots(desk).first).to_be_visible()
        await looked_at(desk.page, "agenda-narrow")
        await part(desk, "week").click()
        grid = part(desk, "grid")
        await expect(grid.locator("[data-week=day]")).to_have_attribute("aria-pressed", "true")
        await grid.locator("[data-week=next]").click()
        await expect(grid.locator('[data-kind="free"]').first).to_be_visible()
        await looked_at(desk.page, "agenda-narrow-day")
        assert await desk.page.evaluate("document.documentElement.scrollWidth") <= 390
        await grid.locator('[data-kind="free"]').nth(2).click()
        await expect(desk.page.locator("#agenda-name")).to_be_focused()
        await looked_at(desk.page, "agenda-narrow-form")
        await caller.hang_up()


async def test_two_desks_press_for_one_time_and_one_gets_it(town: Town, browser: Browser) -> None:
    firm = await with_calendar(town)
    async with both_talking(town, browser, firm) as ((ana, first), (eva, second)):
        await expect(slots(eva).first).to_be_visible()
        wanted = slots(eva).nth(1)
        starts = await wanted.get_attribute("data-starts")
        # Eva's page does not hear of it: she presses for what it still shows.
        await eva.page.route("**/desk/agenda/*?*", lambda route: route.abort())
        await slots(ana).nth(1).click()
        await expect(part(ana, "hold")).to_contain_text("reservada para usted")
        await wanted.click()
        await expect(part(eva, "said")).to_contain_text("está agendando esta hora")
        await expect(part(eva, "near").locator(".slot").first).to_be_focused()
        await looked_at(eva.page, "agenda-taken")
        await eva.page.unroute("**/desk/agenda/*?*")
        await presses(eva, "Enter")
        await expect(eva.page.locator("#agenda-name")).to_have_value("Pedro")
        await eva.page.locator("#agenda-note").fill("palabras de Eva")
        # Ana books; Eva's words stay when her own time is lost, too.
        await presses(ana, "Control+Enter")
        await expect(part(ana, "booked").locator("li")).to_have_count(1)
        await presses(eva, "Control+Enter")
        await expect(part(eva, "booked").locator("li")).to_have_count(1)
        booked = {one["name"]: one["starts"].replace("+00:00", "Z") for one in await stored(town, firm)}
        assert booked["María"] == starts
        assert booked["Pedro"] != starts
        assert len(booked) == 2
        await first.hang_up()
        await second.hang_up()


async def test_what_she_holds_goes_from_the_others_list_and_comes_back(town: Town, browser: Browser) -> None:
    firm = await with_calendar(town)
    async with both_talking(town, browser, firm) as ((ana, first), (eva, second)):
        starts = await slots(ana).nth(2).get_attribute("data-starts")
        theirs = part(eva, "days").locator(f'[data-starts="{starts}"]')
        await expect(theirs).to_have_count(1)
        await slots(ana).nth(2).click()
        await expect(theirs).to_have_count(0)
        await ana.page.locator("#agenda-note").fill("no se pierde")
        await first.hang_up()
        await ana.is_in("wrap-up")
        await expect(theirs).to_have_count(0)
        await presses(ana, "Alt+KeyN")  # she writes later: her after-call work is over
        await expect(theirs).to_have_count(1)
        await expect(part(ana, "hold")).to_contain_text("ya no está reservada")
        await expect(ana.page.locator("#agenda-note")).to_have_value("no se pierde")
        await second.hang_up()


async def test_without_a_network_no_word_is_lost_and_nothing_is_booked_twice(town: Town, browser: Browser) -> None:
    firm = await with_calendar(town)
    async with at_desk(town, browser, firm) as desk:
        desk.telephone.answers(after=0.5)
        caller = await desk.is_called(name="</script><b>x")
        await desk.is_in("talking")
        await presses(desk, "Alt+KeyA", "Enter")
        await desk.page.locator("#agenda-name").fill(HOSTILE)
        # The answer is lost on its way: it was booked, and she knows it once the stream tells.
        await desk.page.route("**/book", lambda route: _lost(route))
        await presses(desk, "Control+Enter")
        await expect(part(desk, "said")).to_contain_text(re.compile("Sin conexión|Agendada"))
        await desk.page.unroute("**/book")
        await desk.page.reload()
        await desk.pops()
        line = part(desk, "booked").locator("li")
        await expect(line).to_have_count(1)
        await expect(line).to_contain_text(HOSTILE)
        assert await panel(desk).locator("img, b").count() == 0
        await expect(part(desk, "form")).to_be_hidden()
        assert [one["name"] for one in await stored(town, firm)] == [HOSTILE]
        await caller.hang_up()


async def _lost(route: Any) -> None:
    await route.fetch()
    await route.abort()
