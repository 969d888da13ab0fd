"""A client reads on its page, in a real browser, what the secretary wrote of a real call, and hears the recording."""

import pytest
from at_desk import at_desk, looked_at, seconds
from conftest import Town
from playwright.async_api import Browser, expect

pytestmark = [pytest.mark.switch, pytest.mark.asyncio(loop_scope="session"), pytest.mark.usefixtures("pages")]

# Plays the whole recording; gives its seconds.
PLAYED = """player => new Promise((done, fail) => {
  player.muted = true;
  player.addEventListener("ended", () => done(player.duration));
  player.play().catch(fail);
})"""


async def test_the_client_reads_the_message_and_hears_the_call(town: Town, browser: Browser) -> None:
    firm = await town.firm("always", "--recording")
    user = f"dueño-{firm.slug}".replace("ñ", "n")
    made = await town.office.ask("user", "add", user, "--role", "client", "--client", firm.slug)
    async with at_desk(town, browser, firm) as desk:
        desk.telephone.answers(after=0.5)
        caller = await desk.is_called(name="María Soto")
        await desk.is_in("talking")
        await desk.writes("message", "Quiere adelantar su hora del jueves")
        await desk.page.check("[name=field-urgent][value=sí]")
        await desk.sees_saved()
        await caller.hang_up()
        await desk.is_in("wrap-up")
        await desk.page.keyboard.press("Control+Enter")
        await desk.is_in("ready")
        await town.letter(firm)

        firms_own = await browser.new_context(locale="es-CL", viewport={"width": 390, "height": 844})
        desk.computers.append(firms_own)
        page = await firms_own.new_page()
        page.on("console", lambda told: desk.faults.append(told.text) if told.type == "error" else None)
        await page.goto(f"{desk.url}/login")
        await page.fill("[name=name]", user)
        await page.fill("[name=password]", made["password"])
        await page.keyboard.press("Enter")
        await page.wait_for_url("**/portal/messages")
        await looked_at(page, "portal-messages")
        only = page.locator("[data-call]")
        await expect(only).to_have_count(1)
        await expect(only).to_contain_text("Nuevo María Soto")
        await expect(only).to_contain_text("Urgente Quiere adelantar su hora del jueves")
        await only.click()
        await expect(page.locator(".words")).to_contain_text("Quiere adelantar su hora del jueves")
        await expect(page.locator("[data-delivery][data-status=sent]")).to_have_count(1, timeout=seconds(15))
        await looked_at(page, "portal-call")
        assert await page.locator("[data-sound=recording]").evaluate(PLAYED) > 0.1
        await page.reload()
        await expect(page.locator("section", has_text="Quién la escuchó")).to_contain_text(user)
        assert await page.evaluate("document.documentElement.scrollWidth") <= 390
        await page.goto(f"{desk.url}/portal/messages?unread=1")
        await expect(only).to_have_count(0)
