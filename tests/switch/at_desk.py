"""A secretary at her desk: her page in a real browser, and her telephone; what the tests of the page share."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psutil
from axe_playwright_python.async_playwright import Axe
from conftest import Firm, Town
from playwright.async_api import Browser, BrowserContext, Locator, Page, expect

from pbx_control.world.legs import Leg, patience
from pbx_control.world.people import Telephone

CALLER, ANA = 620, 880
KEPT = "Guardado"
RULES = {"runOnly": {"type": "tag", "values": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"]}}
PICTURES = Path(__file__).parents[2] / "build" / "screens"


@dataclass
class Desk:
    """A secretary at her desk: her page, her telephone, her firm."""

    town: Town
    firm: Firm
    telephone: Telephone
    user: str
    password: str
    browser: Browser
    options: dict[str, Any]
    name: str  # the secretary's
    computers: list[BrowserContext] = field(default_factory=list)
    faults: list[str] = field(default_factory=list)
    page: Page = field(init=False)

    @property
    def context(self) -> BrowserContext:
        """The computer that she sits at."""
        return self.page.context

    async def sits_down(self, **options: Any) -> None:
        """At a computer of which the page knows nothing yet, unless `storage_state` is given."""
        size = {"width": 1280, "height": 900}
        computer = await self.browser.new_context(locale="es-CL", **{"viewport": size} | self.options | options)
        self.computers.append(computer)
        computer.set_default_timeout(seconds(15))
        self.page = await computer.new_page()
        self.page.on("pageerror", lambda error: self.faults.append(str(error)))
        self.page.on("dialog", lambda dialog: self.faults.append(f"a dialog: {dialog.message}"))
        self.page.on(
            "response", lambda answer: answer.status >= 500 and self.faults.append(f"{answer.status} {answer.url}")
        )

    @property
    def url(self) -> str:
        return self.town.office.url

    async def signs_in(self, page: Page | None = None) -> None:
        page = page or self.page
        await page.goto(f"{self.url}/login")
        await page.fill("[name=name]", self.user)
        await page.fill("[name=password]", self.password)
        await page.keyboard.press("Enter")
        await page.wait_for_url("**/desk**")

    @property
    def why(self) -> Locator:
        """What stands beside her state."""
        return self.page.locator(".state .why")

    async def is_in(self, state: str, page: Page | None = None, limit: float = 15) -> None:
        await expect((page or self.page).locator("body")).to_have_attribute("data-state", state, timeout=seconds(limit))

    async def pauses(self) -> None:
        """By keys, for the first reason."""
        await self.page.keyboard.press("Alt+KeyP")
        await self.page.keyboard.press("Enter")

    async def pops(self, firm: Firm | None = None) -> None:
        firm = firm or self.firm
        await expect(self.page.locator(f"[data-pop][data-client={firm.slug}]")).to_be_visible(timeout=seconds(15))
        assert await self.page.locator("[data-pop]").count() == 1

    async def is_called(self, name: str = "María", firm: Firm | None = None, number: str = "+56912345678") -> Leg:
        return await self.town.world.call((firm or self.firm).number, number, name, tone=CALLER)

    async def writes(self, key: str, words: str) -> None:
        await self.page.fill(f"[name=field-{key}]", words)

    @property
    def saved(self) -> Locator:
        """What stands beside the message's title."""
        return self.page.locator("[data-saved]")

    @property
    def banner(self) -> Locator:
        return self.page.locator("#banner")

    async def sees_saved(self) -> None:
        await expect(self.saved).to_have_text(KEPT, timeout=seconds(10))

    async def kept(self, key: str) -> str:
        return await self.page.locator(f"[name=field-{key}]").input_value()

    async def told_by_switch(self, why: str, limit: float) -> None:
        """Waits until the commands say of her what the floor goes by."""
        async with asyncio.timeout(patience(limit)):
            while why not in str(await self._listed()):  # noqa: ASYNC110
                await asyncio.sleep(0.5)

    async def _listed(self) -> Any:
        listed = await self.town.office.ask("secretary", "list")
        return next(one for one in listed if one["name"] == self.name)


async def picture(page: Page, name: str) -> None:
    """The page as it looks now, in the folder of pictures."""
    PICTURES.mkdir(parents=True, exist_ok=True)
    await page.screenshot(path=PICTURES / f"{name}.png", full_page=True)


async def looked_at(page: Page, name: str) -> None:
    """In light and dark it breaks no rule of WCAG 2.2 AA that axe can judge; its pictures are kept."""
    await page.evaluate("scrollTo(0, 0)")  # what has been scrolled half beneath the bar counts as too small
    for scheme in ("light", "dark"):
        await page.emulate_media(color_scheme=scheme)
        found = await Axe().run(page, options=RULES)
        wrong = [
            f"{one['id']}: {[node['html'][:200] for node in one['nodes']]}" for one in found.response["violations"]
        ]
        assert not wrong, "\n".join(wrong)
        await picture(page, f"{name}-{scheme}")


def seconds(idle: float) -> float:
    """Milliseconds, as Playwright counts, of so many seconds on an idle machine."""
    return patience(idle) * 1000


@asynccontextmanager
async def at_desk(
    town: Town, browser: Browser, firm: Firm | None = None, who: str = "Ana", speaks: str = "es", **options: Any
) -> AsyncIterator[Desk]:
    """A secretary of a firm with her telephone and her page, signed in and ready. `options`: of her browser."""
    await town.office.served()
    firm = firm or await town.firm()
    her = f"{who} {firm.slug}"
    account = await town.office.ask("secretary", "add", her, "--clients", firm.slug, "--language", speaks)
    telephone = await town.world.phone(account["user"], account["password"], tone=ANA)
    name = f"{who.lower()}.{firm.slug}"
    user = await town.office.ask("user", "add", name, "--role", "secretary", "--secretary", her)
    desk = Desk(town, firm, telephone, name, user["password"], browser, options, her)
    try:
        await desk.sits_down()
        await desk.signs_in()
        await desk.is_in("ready")
        yield desk
        assert not desk.faults
    finally:
        for computer in desk.computers:
            await computer.close()


def web_of(town: Town) -> psutil.Process:
    """The web process of the daemon."""
    assert town.office.daemon
    children = psutil.Process(town.office.daemon.pid).children()
    return next(child for child in children if "web" in child.cmdline())
