"""A client presses «closed from now» on its page, in a browser: the next caller hears it, with or without a daemon."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from at_desk import looked_at, seconds
from conftest import Firm, Town
from ear import listen
from playwright.async_api import Browser, Page, expect

from pbx_control.domain.sounds import HouseSound, house_sound
from pbx_control.world.legs import Leg

pytestmark = [pytest.mark.switch, pytest.mark.asyncio(loop_scope="session"), pytest.mark.usefixtures("pages")]


@asynccontextmanager
async def on_its_page(town: Town, browser: Browser, firm: Firm) -> AsyncIterator[Page]:
    """One of the firm's people, signed in, on a telephone; the page is never reloaded by hand."""
    await town.office.served()
    user = f"gerencia.{firm.slug}"
    made = await town.office.ask("user", "add", user, "--role", "client", "--client", firm.slug)
    context = await browser.new_context(locale="es-CL", viewport={"width": 390, "height": 844})
    context.set_default_timeout(seconds(15))
    faults: list[str] = []
    try:
        page = await context.new_page()
        page.on("console", lambda told: faults.append(told.text) if told.type == "error" else None)
        await page.goto(f"{town.office.url}/login?next=/portal/today")
        await page.fill("[name=name]", user)
        await page.fill("[name=password]", made["password"])
        await page.keyboard.press("Enter")
        await expect(page.locator("[data-today]")).to_be_visible()
        yield page
        assert faults == []
    finally:
        await context.close()


async def is_told(town: Town, firm: Firm, caller: Leg) -> list[str]:
    """What a caller hears who is not put through."""
    await caller.ended(40)
    [row] = await town.office.ask("announcement", "show", firm.slug, "closed")
    texts = {"hours": row["sound"], "today": house_sound(HouseSound.CLOSED_TODAY, "es")}
    found = listen(caller.heard, {name: town.office.home / f"{sound}.wav" for name, sound in texts.items()}, {})
    return [one.what for one in found]


async def test_the_next_caller_hears_that_the_firm_is_closed_and_then_the_next_one_rings(
    town: Town, browser: Browser
) -> None:
    firm = await town.firm("always")
    ana = await town.secretary(firm, "Ana")
    async with on_its_page(town, browser, firm) as page:
        await expect(page.locator("[data-today=open]")).to_be_visible()
        await page.click("button[value=closed]")
        await expect(page.locator("[data-today=closed]")).to_contain_text("Cerrado hasta medianoche")
        await town.live()
        await looked_at(page, "portal-today")
        assert await page.evaluate("document.documentElement.scrollWidth") <= 390
        assert await is_told(town, firm, await town.world.call(firm.number)) == ["today", "hours"]
        assert ana.calls == []
        await page.click("button[value=normal]")
        await expect(page.locator("[data-today=open]")).to_be_visible()
        await town.live()
    caller = await town.world.call(firm.number)
    await ana.rung()
    await caller.hang_up()
    first, *_ = await town.calls(firm)
    assert first["outcome"] == "closed"
    assert "el cliente cerró por ahora" in await town.office.pbx("call", "show", first["id"])


async def test_what_was_pressed_holds_when_the_daemon_dies(town: Town, browser: Browser) -> None:
    firm = await town.firm("always")
    ana = await town.secretary(firm, "Ana")
    async with on_its_page(town, browser, firm) as page:
        await page.click("button[value=closed]")
        await expect(page.locator("[data-today=closed]")).to_be_visible()
        await town.live()
        await town.office.kill_daemon()
        assert await is_told(town, firm, await town.world.call(firm.number)) == ["today", "hours"]
        assert ana.calls == []
        await town.office.start_daemon()
        await town.office.served()
        await page.click("button[value=normal]")
        await expect(page.locator("[data-today=open]")).to_be_visible()
        await town.live()
        await town.office.kill_daemon()
    caller = await town.world.call(firm.number)
    await ana.rung()
    await caller.hang_up()


# Plays what would be heard, to its end; gives its seconds.
LISTENED = """player => new Promise((done, fail) => {
  player.muted = true;
  player.addEventListener("ended", () => done(player.duration));
  player.play().catch(fail);
})"""


async def test_what_an_owner_confirms_has_been_heard_and_is_what_callers_hear(town: Town, browser: Browser) -> None:
    firm = await town.firm("always")
    async with on_its_page(town, browser, firm) as page:
        await page.goto(f"{town.office.url}/portal/hours")
        await looked_at(page, "portal-hours")
        await page.check("[name=mode][value=week]")
        for day in range(7):
            await page.check(f"[name=d{day}-closed]")
        await page.click("button[value=preview]")
        await looked_at(page, "portal-hours-preview")
        await page.click("button[value=confirm]")
        await expect(page.locator("[data-week=never]")).to_be_visible()
        await page.goto(f"{town.office.url}/portal/announcements")
        await page.click("#closed summary")
        await looked_at(page, "portal-announcements")
        await page.fill("#closed-text", "La firma está de mudanza toda esta semana.")
        await page.click("#closed button[value=preview]")
        assert await page.locator("[data-listen]").evaluate(LISTENED) > 1
        await looked_at(page, "portal-announcement-preview")
        assert await page.evaluate("document.documentElement.scrollWidth") <= 390
        await page.click("button[value=confirm]")
        await expect(page.locator("#closed")).to_contain_text("mudanza")
    await town.live()
    assert await is_told(town, firm, await town.world.call(firm.number)) == ["hours"]
