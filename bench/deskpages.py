"""Secretaries' pages without a browser, as a program of its own: `python -m bench.deskpages URL`.

Standard input has a line for each: user and password. Each signs in, reads its event stream as the page's script does,
types a field and presses send in each call. It says `ready` when all are ready for calls. A line on standard input
then ends it: everybody signs out, and a line for each pop is printed: epoch seconds, call.
"""

import asyncio
import re
import sys
import time
from collections.abc import AsyncIterator

import httpx
import msgspec

WORDS = "Llamar por la hora del jueves"
FIELD = "message"
CSRF = re.compile(r'data-csrf="([^"]+)"')
# So many sign in at once: a password takes a twentieth of a second of a core.
AT_ONCE = 4
VIEW = b"event: view\ndata: "


class View(msgspec.Struct):
    """What the page is told; its pieces are not looked into."""

    state: str
    call: str
    regions: dict[str, msgspec.Raw]


decode = msgspec.json.Decoder(View).decode


class Page:
    """One secretary's page."""

    def __init__(self, url: str) -> None:
        self._browser = httpx.AsyncClient(base_url=url, timeout=None, headers={"accept": "text/html"})
        self._headers: dict[str, str] = {}
        self._acts = set[asyncio.Task[None]]()
        self.ready = asyncio.Event()
        self.popped: dict[str, float] = {}
        self._written = ""  # the call that she has written about

    async def sign_in(self, name: str, password: str) -> None:
        """Raises HTTPStatusError if she is not let in."""
        answer = await self._browser.post("/login", data={"name": name, "password": password})
        if answer.status_code != 303:
            raise RuntimeError(f"{name} was not let in: {answer.status_code}")
        home = await self._browser.get("/desk")
        found = CSRF.search(home.text)
        if not found:
            raise RuntimeError(f"{name} is shown a page without a token")
        self._headers = {"X-CSRF-Token": found[1]}

    async def read(self) -> None:
        """Follows the stream, for ever."""
        async with self._browser.stream("GET", "/desk/events", headers={"accept": "text/event-stream"}) as stream:
            async for view in _views(stream):
                self._see(view)

    async def sign_out(self) -> None:
        """As one goes."""
        await self._browser.post("/logout", headers=self._headers)
        await self._browser.aclose()

    def _see(self, view: View) -> None:
        call, state = view.call, view.state
        if state == "ready":
            self.ready.set()
        if call and call not in self.popped and "pop" in view.regions:
            self.popped[call] = time.time()
        if state == "talking" and call in self.popped and call != self._written:
            self._written = call
            task = asyncio.create_task(self._write(call))
            self._acts.add(task)
            task.add_done_callback(self._acts.discard)

    async def _write(self, call: str) -> None:
        path = f"/desk/calls/{call}"
        typed = {"fields": {FIELD: {"value": WORDS, "edit": 1}}}
        await self._browser.post(f"{path}/fields", json=typed, headers=self._headers)
        await self._browser.post(f"{path}/send", json={"gaps": True}, headers=self._headers)


async def _views(stream: httpx.Response) -> AsyncIterator[View]:
    """Of an event each is looked at in bytes: sixty pages take the cores that the calls need, too."""
    rest = b""
    async for piece in stream.aiter_raw():
        *events, rest = (rest + piece).split(b"\n\n")
        for event in events:
            if event.startswith(VIEW):
                yield decode(event[len(VIEW) :])


async def _main(url: str) -> None:
    accounts = [line.split() for line in iter(sys.stdin.readline, "\n")]
    pages = [Page(url) for _ in accounts]
    turns = asyncio.Semaphore(AT_ONCE)

    async def enter(page: Page, name: str, password: str) -> None:
        async with turns:
            await page.sign_in(name, password)

    await asyncio.gather(*(enter(page, *account) for page, account in zip(pages, accounts, strict=True)))
    readers = [asyncio.create_task(page.read()) for page in pages]
    await asyncio.gather(*(page.ready.wait() for page in pages))
    print("ready", flush=True)
    await asyncio.to_thread(sys.stdin.readline)
    for reader in readers:
        reader.cancel()
    await asyncio.gather(*readers, return_exceptions=True)
    await asyncio.gather(*(page.sign_out() for page in pages))
    for page in pages:
        for call, at in page.popped.items():
            print(at, call)


if __name__ == "__main__":
    asyncio.run(_main(sys.argv[1]))
