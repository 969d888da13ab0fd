"""A secretary's page as she has it before her: in a real browser, or by what the page's script would send."""

import asyncio
import json
import re
import shutil
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from html import unescape
from importlib.util import find_spec
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias

import httpx

from pbx_control.world.legs import PATIENCE, DidNotHappen, within

if TYPE_CHECKING:
    from playwright.async_api import Page

BROWSERS = ("chromium", "chromium-browser", "google-chrome-stable", "google-chrome")
# When a call's pop has been painted, by the page's own clock.
PAINTED = """() => new Promise((painted) => {
  const look = () => document.querySelector("[data-pop]") && requestAnimationFrame(() => painted(Date.now()));
  new MutationObserver(look).observe(document.body, { subtree: true, childList: true });
  look();
})"""
# The page's stream says something every few seconds.
SILENCE = 20.0


@dataclass(frozen=True, slots=True)
class Pop:
    """What a call's pop shows, and since when."""

    client: str  # the slug
    greeting: str
    at: datetime


@dataclass(frozen=True, slots=True)
class Browser:
    """What there is here to open a page with."""

    program: str | None  # a browser
    driver: bool  # the Python package that drives it

    @property
    def to_drive(self) -> str | None:
        """The browser, if it can be driven."""
        return self.program if self.driver else None


NO_BROWSER = Browser(None, False)


def find_browser() -> Browser:
    """The first browser that is installed here, and whether playwright is."""
    return Browser(next(filter(None, map(shutil.which, BROWSERS)), None), find_spec("playwright") is not None)


@asynccontextmanager
async def desk_page(url: str, language: str, program: str | None) -> AsyncIterator["InBrowser | ByRequests"]:
    """A page at that address for the block, in that browser (None, or if it does not start: by its requests alone)."""
    async with AsyncExitStack() as stack:
        opened = await _opened(stack, url, language, program) if program else None
        yield opened or await _requests(stack, url, language)


# --- in a browser -----------------------------------------------------------------------------------------


async def _opened(stack: AsyncExitStack, url: str, language: str, program: str) -> "InBrowser | None":
    # Imported here: it drives browsers for the tests, and an installation need not have it.
    from playwright.async_api import Error, async_playwright

    async def closed(close: Callable[[], Awaitable[None]]) -> None:
        with suppress(Error):  # Ctrl-C has ended it as well
            await close()

    driver = await async_playwright().start()
    stack.push_async_callback(closed, driver.stop)
    try:
        browser = await driver.chromium.launch(executable_path=program, args=["--disable-gpu"], handle_sigint=False)
    except Error:
        return None
    stack.push_async_callback(closed, browser.close)
    page = await browser.new_page(base_url=url, locale=language, viewport={"width": 1280, "height": 900})
    page.set_default_timeout(0)  # `within` knows how patient to be
    return InBrowser(page, f"Chromium {browser.version}")


class InBrowser:
    """Her page in a real browser. What she does waits until the page shows it; DidNotHappen if it never does."""

    def __init__(self, page: "Page", name: str) -> None:
        self._page, self.name = page, name

    async def sign_in(self, user: str, password: str) -> None:
        await self._page.goto("/login")
        await self._page.fill("[name=name]", user)
        await self._page.fill("[name=password]", password)
        await self._page.keyboard.press("Enter")
        await self._shows("body[data-state=ready]", "her page says that she is ready")

    async def pops(self) -> Pop:
        painted = await within(PATIENCE, "her page pops", self._page.evaluate(PAINTED))
        pop = self._page.locator("[data-pop]")
        client, greeting = await pop.get_attribute("data-client"), await pop.locator("[data-greeting]").inner_text()
        return Pop(client or "", greeting, datetime.fromtimestamp(painted / 1000, UTC))

    async def write(self, key: str, words: str) -> None:
        await self._page.fill(f"[name=field-{key}]", words)
        kept = await self._page.locator("#words").get_attribute("data-kept")
        await self._shows(f'[data-saved]:text-is("{kept}")', "her words are saved")

    async def send(self) -> None:
        await self._page.keyboard.press("Control+Enter")

    async def delivered(self) -> None:
        await self._shows("[data-delivery][data-status=sent]", "her page shows that it is delivered")

    async def sign_out(self) -> None:
        await self._page.click("[data-menu=me] summary")
        await self._page.click("[data-sign-out]")
        await self._shows("[name=password]", "she is signed out")

    async def picture(self, file: Path) -> None:
        """The page as it looks now, as PNG."""
        await self._page.screenshot(path=file, full_page=True)

    async def _shows(self, selector: str, what: str) -> None:
        await within(PATIENCE, what, self._page.wait_for_selector(selector))


# --- by its requests --------------------------------------------------------------------------------------


async def _requests(stack: AsyncExitStack, url: str, language: str) -> "ByRequests":
    headers = {"Accept-Language": language, "Accept": "text/html"}
    client = await stack.enter_async_context(httpx.AsyncClient(base_url=url, headers=headers, timeout=SILENCE))
    page = ByRequests(client)
    stack.push_async_callback(page.close)
    return page


class ByRequests:
    """Her page without a browser: what its script hears and sends. As InBrowser."""

    def __init__(self, client: httpx.AsyncClient) -> None:
        self._client = client
        self._csrf = ""
        self._state = self._call = ""
        self._regions: dict[str, str] = {}
        self._shown = asyncio.Condition()
        self._stream: asyncio.Task[None] | None = None
        self._edits = count(1)

    async def sign_in(self, user: str, password: str) -> None:
        await self._client.post("/login", data={"name": user, "password": password})
        desk = (await self._client.get("/desk")).text
        self._csrf = _found(r'data-csrf="([^"]+)"', desk, "she is signed in")
        self._stream = asyncio.create_task(self._listen())
        await self._until(lambda: self._state == "ready", "her page says that she is ready")

    async def pops(self) -> Pop:
        await self._until(lambda: bool(self._call), "her page pops")
        at, html = datetime.now(UTC), self._regions["pop"]
        greeting = _found(r"data-greeting>([^<]*)<", html, "the greeting stands there")
        return Pop(_found(r'data-client="([^"]+)"', html, "the client stands there"), greeting, at)

    async def write(self, key: str, words: str) -> None:
        await self._post(f"/desk/calls/{self._call}/fields", {"fields": {key: self._typed(words)}})

    async def send(self) -> None:
        await self._post(f"/desk/calls/{self._call}/send", {})

    async def delivered(self) -> None:
        sent = 'data-status="sent"'
        await self._until(lambda: sent in self._regions["after"], "her page shows that it is delivered")

    async def sign_out(self) -> None:
        await self.close()
        await self._client.post("/logout", data={"csrf": self._csrf})

    async def close(self) -> None:
        """It hears nothing any more."""
        if self._stream:
            self._stream.cancel()
            with suppress(asyncio.CancelledError, httpx.HTTPError):
                await self._stream

    def _typed(self, words: str) -> dict[str, object]:
        return {"value": words, "edit": next(self._edits)}

    async def _post(self, path: str, content: object) -> None:
        answer = await self._client.post(path, json=content, headers={"X-CSRF-Token": self._csrf, "Accept": "*/*"})
        if answer.is_error:
            raise DidNotHappen(f"{path}: {answer.status_code} {answer.text}")

    async def _listen(self) -> None:
        """Hears what the page is to show: server-sent events, of which those named `view` say what is different."""
        kind = ""
        async with self._client.stream("GET", "/desk/events") as stream:
            async for line in stream.aiter_lines():
                name, _, value = line.partition(": ")
                if name == "event":
                    kind = value
                elif name == "data" and kind == "view":
                    await self._show(json.loads(value))

    async def _show(self, view: dict[str, object]) -> None:
        async with self._shown:
            self._state, self._call = str(view["state"]), str(view["call"])
            regions = view["regions"]
            assert isinstance(regions, dict)
            self._regions |= regions
            self._shown.notify_all()

    async def _until(self, true: Callable[[], bool], what: str) -> None:
        async with self._shown:
            await within(PATIENCE, what, self._shown.wait_for(true))


def _found(pattern: str, html: str, what: str) -> str:
    match = re.search(pattern, html)
    if match is None:
        raise DidNotHappen(what)
    return unescape(match[1])


DeskPage: TypeAlias = InBrowser | ByRequests
