"""The supervisor's pages in a real browser, with a real call: she listens by the keyboard, and judges the call
afterwards."""

import pytest
from at_desk import looked_at, seconds
from conftest import Town
from playwright.async_api import Browser, Page, expect
from test_supervision import ANA, CALLER, JEFA, scene

pytestmark = [pytest.mark.switch, pytest.mark.asyncio(loop_scope="session"), pytest.mark.usefixtures("pages")]


async def signs_in(page: Page, town: Town, name: str, password: str) -> None:
    await page.goto(f"{town.office.url}/login")
    await page.fill("[name=name]", name)
    await page.fill("[name=password]", password)
    await page.keyboard.press("Enter")
    await page.wait_for_url("**/admin")
    await page.click("text=Llamadas en curso")
    await page.wait_for_url("**/admin/calls")


async def test_she_listens_by_the_keyboard_and_judges_the_call(town: Town, browser: Browser) -> None:
    await town.office.served()
    async with scene(town) as here:
        context = await browser.new_context(locale="es-CL", viewport={"width": 1200, "height": 800})
        page = await context.new_page()
        page.set_default_timeout(seconds(15))
        await signs_in(page, town, here.by.name, here.password)
        row = page.locator(f"li[data-call='{here.call.id}']")
        await expect(row).to_be_visible(timeout=seconds(15))
        await page.keyboard.press("ArrowDown")
        await page.keyboard.press("l")
        jefa = await here.jefa.rung(1, 10)
        await jefa.answered()
        await expect(row).to_contain_text("Usted escucha: nadie la oye.", timeout=seconds(10))
        await here.lasts("listen", 2)
        await page.keyboard.press("w")
        await expect(row).to_contain_text("la oye", timeout=seconds(10))
        await expect(row).to_have_attribute("data-mode", "whisper")
        await here.lasts("whisper", 2)
        await looked_at(page, "supervisor-live")
        await page.set_viewport_size({"width": 390, "height": 844})
        await looked_at(page, "supervisor-live-narrow")
        await page.keyboard.press("Escape")
        await jefa.ended(5)
        await expect(row).not_to_have_attribute("data-mode", "whisper")
        await here.over()
        assert here.heard(here.her, "listen") == {CALLER}
        assert here.heard(here.her, "whisper") == {CALLER, JEFA}
        assert here.heard(here.caller, "whisper") == {ANA}

        await page.goto(f"{town.office.url}/admin/check/{here.call.id}")
        sound = page.locator("audio[data-sound=recording]")
        await sound.evaluate("one => one.play().then(() => new Promise(done => setTimeout(done, 500)))")
        await sound.evaluate("one => new Promise(done => { one.onseeked = done; one.currentTime = 3; })")
        for criterion in range(4):
            await page.check(f"[name=points-{criterion}][value='4']")
        await page.fill("[name=note]", "Buen saludo; faltó pedir el correo.")
        await looked_at(page, "supervisor-check-narrow")
        await page.click("text=Guardar la pauta")
        await expect(page.locator("[data-judged]")).to_contain_text("4,0")
        await page.set_viewport_size({"width": 1200, "height": 800})
        await looked_at(page, "supervisor-checked")
        await page.goto(f"{town.office.url}/admin/check")
        await looked_at(page, "supervisor-check")
        trail = await town.office.ask("audit", "list")
        verbs = [one["verb"] for one in trail if one["subject"] == here.call.id]
        assert {"call supervised", "recording heard", "call scored"} <= set(verbs)
        await context.close()
