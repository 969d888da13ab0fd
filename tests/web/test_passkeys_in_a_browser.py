"""Passkeys in a real Chromium, whose developer tools bring a security key along; no Asterisk is there."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import worker
from axe_playwright_python.async_playwright import Axe
from pages_process import said, started

from pbx_control.settings import Home, load
from pbx_control.store.migrate import upgrade
from pbx_control.world.installation import Installation

if TYPE_CHECKING:
    from playwright.async_api import Page

# The browser is there where the tests with a switch are.
pytestmark = pytest.mark.switch
PORTS = worker.ports(0)
KEY = {"protocol": "ctap2", "transport": "usb", "hasUserVerification": True, "isUserVerified": True}


@pytest.fixture
async def office(tmp_path: Path) -> AsyncIterator[Installation]:
    """A home without a switch, whose pages are served at an address with a name."""
    office = Installation(tmp_path / "home", PORTS, language="es", runtime="external")
    secrets = {"ari_password": "a" * 40, "ami_password": "b" * 40}
    office.write_settings(secrets=secrets, web={"public_url": f"http://localhost:{PORTS.web}"})
    upgrade(Home(office.home), load(Home(office.home)))
    async with started(office, "web") as web:
        await said(web, "the pages are served")
        yield office


@pytest.fixture
async def page() -> "AsyncIterator[Page]":
    from playwright.async_api import async_playwright

    async with async_playwright() as play:
        browser = await play.chromium.launch(
            executable_path="/usr/bin/chromium", args=["--headless=new", "--no-sandbox", "--disable-gpu"]
        )
        context = await browser.new_context(locale="es-CL", viewport={"width": 390, "height": 844})
        yield await context.new_page()
        await browser.close()


async def signs_in(page: "Page", name: str, password: str) -> None:
    await page.goto(f"http://localhost:{PORTS.web}/login")
    await page.fill("[name=name]", name)
    await page.fill("[name=password]", password)
    await page.click("button.main")


async def violations(page: "Page") -> list[str]:
    results = await Axe().run(page, options={"runOnly": ["wcag2a", "wcag2aa", "wcag21aa", "wcag22aa"]})
    return [found["id"] for found in results.response["violations"]]


async def test_a_key_is_added_and_gets_him_in(office: Installation, page: "Page") -> None:
    user = await office.ask("user", "add", "jefa", "--role", "supervisor")
    tools = await page.context.new_cdp_session(page)
    await tools.send("WebAuthn.enable")
    made = await tools.send("WebAuthn.addVirtualAuthenticator", {"options": KEY})
    key = {"authenticatorId": made["authenticatorId"]}

    await signs_in(page, "jefa", user["password"])
    await page.goto(f"http://localhost:{PORTS.web}/account")
    await page.fill("#passkey-name", "llave azul")
    await page.fill("#passkey-password", "otra cosa")
    await page.click("text=Agregar una llave de acceso")
    await page.get_by_text("Esta no es su contraseña.").wait_for()
    await page.fill("#passkey-password", user["password"])
    assert await violations(page) == []
    await page.click("text=Agregar una llave de acceso")
    await page.get_by_role("heading", name="Sus códigos de recuperación").wait_for()
    assert await page.locator(".codes li").count() == 10
    assert len((await tools.send("WebAuthn.getCredentials", key))["credentials"]) == 1

    await page.context.clear_cookies()
    await signs_in(page, "jefa", user["password"])
    assert await violations(page) == []
    await page.click("text=Usar su llave de acceso")
    await page.wait_for_url("**/admin/calls")

    # A key that does not say that somebody is there: the browser gives up, the form says so, a code is left.
    await page.context.clear_cookies()
    await signs_in(page, "jefa", user["password"])
    await tools.send("WebAuthn.removeVirtualAuthenticator", key)
    await tools.send("WebAuthn.addVirtualAuthenticator", {"options": KEY})
    await page.click("text=Usar su llave de acceso")
    await page.get_by_text("Esa llave de acceso no es correcta").wait_for()
