"""An urgent message of a real call: one after the other is told until one of them says, by a mail's link, that he has
seen it; her page shows it all the while, also after a reload, and when its tab has slept."""

import re

import pytest
from at_desk import at_desk, looked_at, seconds
from conftest import Town
from playwright.async_api import Browser, expect
from test_asleep import asleep

pytestmark = [pytest.mark.switch, pytest.mark.asyncio(loop_scope="session"), pytest.mark.usefixtures("pages")]


async def test_an_urgent_message_goes_on_until_it_is_seen(town: Town, browser: Browser) -> None:
    firm = await town.firm()
    second = f"segunda.{firm.mailbox}"
    await town.office.pbx("recipient", "add", firm.slug, "--email", second)
    await town.office.pbx("recipient", "order", firm.slug, second)
    await town.office.pbx("client", "set", firm.slug, "--urgent-interval", "20s", "--urgent-rounds", "5")
    async with at_desk(town, browser, firm) as desk:
        desk.telephone.answers(after=0.3)
        caller = await desk.is_called(name="María Soto")
        await desk.is_in("talking")
        await desk.writes("message", "Se inunda la bodega")
        await desk.sees_saved()
        button = desk.page.locator("[data-act=urgent]")
        await desk.page.keyboard.press("Alt+KeyU")
        await expect(button).to_have_attribute("aria-pressed", "true", timeout=seconds(10))
        await desk.page.keyboard.press("Alt+KeyU")
        await expect(button).to_have_attribute("aria-pressed", "false", timeout=seconds(10))
        await button.click()
        await expect(button).to_have_attribute("aria-pressed", "true", timeout=seconds(10))
        await caller.hang_up()
        await desk.is_in("wrap-up")
        for _ in range(2):  # what every caller is asked for is missing
            await desk.page.keyboard.press("Control+Enter")
        for address in (firm.mailbox, second):
            first = await town.post.arrived(address)
            assert first.letter["Subject"].startswith("Urgente: ")

        again = await town.post.arrived(second, 2, 60)
        assert "Nadie ha dicho todavía que lo vio" in again.text
        assert again.letter["In-Reply-To"] == town.post.to(second)[0].letter["Message-ID"]
        told = desk.page.locator("[data-delivery]", has_text=second).locator("[data-told-again]")
        await expect(told).to_contain_text("avisado de nuevo a las", timeout=seconds(15))
        await desk.page.reload()
        await expect(told).to_contain_text("avisado de nuevo a las", timeout=seconds(15))
        await looked_at(desk.page, "desk-urgent")

        link = re.search(r"http\S+/seen/\S+", again.text)
        assert link
        reader = await browser.new_context(locale="en-GB", viewport={"width": 390, "height": 844})
        desk.computers.append(reader)
        page = await reader.new_page()
        async with asleep(desk):
            await page.goto(link[0])
            await looked_at(page, "seen-question")
            assert await page.evaluate("document.documentElement.scrollWidth") <= 390
            await page.click("[data-do=seen]")
            await expect(page.locator("[data-seen-by]")).to_contain_text("Gracias")
            await looked_at(page, "seen-answer")
        status = desk.page.locator("[data-delivery][data-status=seen]")
        await expect(status).to_contain_text(second, timeout=seconds(30))
        await expect(desk.page.locator(".sending [data-urgency=seen]")).to_contain_text(f"visto por {second}")
        await looked_at(desk.page, "desk-urgent-seen")
        newest = (await town.office.ask("message", "list", "--client", firm.slug))[0]
        told_of = (await town.office.ask("message", "show", str(newest["id"])))["urgent"]
        assert (told_of["seen_by"], told_of["next_at"], told_of["given_up_at"]) == (second, None, None)
        assert await town.office.pbx("message", "show", str(newest["id"]))
