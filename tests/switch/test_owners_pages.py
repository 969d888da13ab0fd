"""An owner's pages in a real browser: account and second factor, people, log, money, orders, his data."""

import io
from datetime import timedelta
from pathlib import Path
from zipfile import ZipFile

import pytest
from at_desk import looked_at, seconds
from conftest import Town
from playwright.async_api import Browser, Page, expect
from pyotp import TOTP

from pbx_control.clock import now

pytestmark = [pytest.mark.switch, pytest.mark.asyncio(loop_scope="session"), pytest.mark.usefixtures("pages")]

PLAN = ("--calls", "10", "--price", "39000", "--extra-call", "450", "--contacts", "2", "--calendars", "1")
ROOMS = ("users", "audit", "ledger", "orders", "invoices", "export")


async def signs_in(page: Page, url: str, name: str, password: str) -> None:
    await page.goto(f"{url}/login")
    await page.fill("[name=name]", name)
    await page.fill("[name=password]", password)
    await page.keyboard.press("Enter")


async def test_an_owners_pages_on_a_telephones_screen(town: Town, browser: Browser) -> None:
    await town.office.served()
    firm, url = await town.firm(), town.office.url
    plan = f"plan-{firm.slug}"
    await town.office.pbx("plan", "set", plan, *PLAN)
    await town.office.pbx("plan", "assign", firm.slug, plan)
    user = f"duena.{firm.slug}"
    made = await town.office.ask("user", "add", user, "--role", "client", "--client", firm.slug)
    telephone = await browser.new_context(locale="es-CL", viewport={"width": 390, "height": 844})
    telephone.set_default_timeout(seconds(15))
    faults: list[str] = []
    try:
        page = await telephone.new_page()
        page.on("console", lambda told: faults.append(told.text) if "Content Security Policy" in told.text else None)
        page.on("pageerror", lambda error: faults.append(str(error)))
        await signs_in(page, url, user, made["password"])
        await page.wait_for_url("**/portal/messages")
        for room in ROOMS:
            await page.goto(f"{url}/portal/{room}")
            await looked_at(page, f"portal-{room}")
            assert await page.evaluate("document.documentElement.scrollWidth") <= 390, room
        await page.goto(f"{url}/portal/orders")
        await page.click("[name=calls] >> nth=0")
        await expect(page.locator("[data-state=open]")).to_have_count(1)
        await page.goto(f"{url}/portal/export")
        async with page.expect_download() as coming:
            await page.click("main button")
        download = await coming.value
        content = Path(await download.path()).read_bytes()
        assert "firm.json" in ZipFile(io.BytesIO(content)).namelist()
        await sets_up_an_app(page, url, user, made["password"])
    finally:
        await telephone.close()
    assert faults == []


async def sets_up_an_app(page: Page, url: str, user: str, password: str) -> None:
    """And signs in with its code, and with one for when it is lost."""
    await page.goto(f"{url}/account")
    await looked_at(page, "account")
    await page.fill("#app-password", password)
    await page.keyboard.press("Enter")
    secret = ((await page.text_content("[data-secret]")) or "").replace("-", "")
    await looked_at(page, "account-set-up")
    await page.fill("#code", TOTP(secret).at(now() - timedelta(seconds=30)))
    await page.keyboard.press("Enter")
    await expect(page.locator(".codes li")).to_have_count(10)
    await looked_at(page, "account-codes")
    spare = await page.text_content(".codes li >> nth=0")
    for code in (TOTP(secret).at(now()), spare or ""):
        await page.context.clear_cookies()
        await signs_in(page, url, user, password)
        await page.wait_for_url("**/login/code")
        await looked_at(page, "login-code")
        await page.fill("#code", code)
        await page.keyboard.press("Enter")
        await page.wait_for_url("**/portal/messages")
