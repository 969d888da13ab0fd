"""Open wallboards without a browser, as a program of its own: `python -m bench.wallpages URL`.

Standard input has a line for each: user and password. Each signs in and reads the event stream of its page as the
page's script does. It says `ready` when all have been told the figures. A line with the number of calls of the day then
ends it as soon as all show that many, or after PATIENCE. Everybody signs out, and a line of JSON for each page is
printed: what it showed first when.
"""

import asyncio
import re
import sys
import time
from functools import lru_cache

import httpx
import msgspec

from bench.deskpages import AT_ONCE, CSRF

FIGURES = b"event: figures\ndata: "
# How long the last figures are waited for, seconds.
PATIENCE = 5.0
SINCE = re.compile(r'datetime="([^"]+)"')
# The service level has both of its numbers beside it, in whatever language: "12 of 14".
COUNTED = re.compile(r'data-figure="service-level">[^<]*<small>\D*\d+\D+(\d+)')


class Told(msgspec.Struct):
    """The pieces of the page that are different now."""

    regions: dict[str, str]


class Seen(msgspec.Struct):
    """What one page showed, and when first (epoch seconds): each secretary's "since", and each number of calls of the
    day, which only rises."""

    since: dict[str, float] = {}
    counted: dict[int, float] = {}


class Figures(msgspec.Struct, frozen=True):
    """What is looked for in one event."""

    since: tuple[str, ...]
    counted: int | None  # None: that region is as it was


decode = msgspec.json.Decoder(Told).decode


# All pages are told the same: each event is looked into once, as these are other computers' cores.
@lru_cache(maxsize=16)
def figures(data: bytes) -> Figures:
    """What an event's data tell."""
    regions = decode(data).regions
    found = COUNTED.search(regions.get("numbers", ""))
    return Figures(tuple(SINCE.findall(regions.get("floor", ""))), int(found[1]) if found else None)


def note(seen: Seen, told: Figures, at: float) -> None:
    """Notes what is new to a page."""
    for since in told.since:
        seen.since.setdefault(since, at)
    if told.counted is not None and told.counted > max(seen.counted, default=-1):
        seen.counted[told.counted] = at


class Page:
    """One open wallboard."""

    def __init__(self, url: str) -> None:
        self._browser = httpx.AsyncClient(base_url=url, timeout=None, headers={"accept": "text/html"})
        self._headers: dict[str, str] = {}
        self._news = asyncio.Event()
        self.seen = Seen()

    async def sign_in(self, name: str, password: str) -> None:
        """Raises RuntimeError if whoever it is is not let in."""
        answer = await self._browser.post("/login", data={"name": name, "password": password})
        if answer.status_code != 303:
            raise RuntimeError(f"{name} was not let in: {answer.status_code}")
        found = CSRF.search((await self._browser.get("/admin")).text)
        if not found:
            raise RuntimeError(f"{name} is shown no wallboard")
        self._headers = {"X-CSRF-Token": found[1]}

    async def read(self) -> None:
        """Follows the stream, for ever. Raises RuntimeError if it ends."""
        rest = b""
        async with self._browser.stream("GET", "/admin/events", headers={"accept": "text/event-stream"}) as stream:
            async for piece in stream.aiter_raw():
                *events, rest = (rest + piece).split(b"\n\n")
                for event in filter(lambda one: one.startswith(FIGURES), events):
                    note(self.seen, figures(event[len(FIGURES) :]), time.time())
                    self._news.set()
        raise RuntimeError("a wallboard's stream ended")

    async def shows(self, calls: int) -> None:
        """Waits until the page shows that many calls of the day."""
        while max(self.seen.counted, default=-1) < calls:
            self._news.clear()
            await self._news.wait()

    async def sign_out(self) -> None:
        """As one goes."""
        await self._browser.post("/logout", headers=self._headers)
        await self._browser.aclose()


async def _main(url: str) -> None:
    accounts = [line.split() for line in iter(sys.stdin.readline, "\n")]
    pages = [Page(url) for _ in accounts]
    turns = asyncio.Semaphore(AT_ONCE)

    async def enter(page: Page, name: str, password: str) -> None:
        async with turns:
            await page.sign_in(name, password)

    await asyncio.gather(*(enter(page, *account) for page, account in zip(pages, accounts, strict=True)))
    async with asyncio.TaskGroup() as group:
        readers = [group.create_task(page.read()) for page in pages]
        await asyncio.gather(*(page.shows(0) for page in pages))
        print("ready", flush=True)
        calls = int(await asyncio.to_thread(sys.stdin.readline))
        await asyncio.wait([asyncio.create_task(page.shows(calls)) for page in pages], timeout=PATIENCE)
        for reader in readers:
            reader.cancel()
    await asyncio.gather(*(page.sign_out() for page in pages))
    for page in pages:
        print(msgspec.json.encode(page.seen).decode())


if __name__ == "__main__":
    asyncio.run(_main(sys.argv[1]))
