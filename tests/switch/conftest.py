"""A whole installation with the outside world around it, started once: what the tests with a real Asterisk share."""

import asyncio
import shutil
import tempfile
from collections.abc import AsyncIterator
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import pytest_asyncio
import worker
from alone import switch_alone
from forked import ForkedInstallation

from pbx_control.world.installation import Installation
from pbx_control.world.legs import patience
from pbx_control.world.people import Telephone
from pbx_control.world.post import Delivery, PostOffice
from pbx_control.world.world import World

if TYPE_CHECKING:
    from playwright.async_api import Browser

# One town for each process of `pytest -n`.
PORTS = worker.ports(1)
SERIAL = count(1)  # no two firms of a run have the same number


@dataclass(frozen=True)
class Firm:
    """A client of the installation: its number, and where its letters arrive."""

    slug: str
    number: str

    @property
    def name(self) -> str:
        return f"Firma {self.slug}"

    @property
    def mailbox(self) -> str:
        return f"{self.slug}@firma.example"


@dataclass
class Town:
    """The installation, the world around it, and what a test needs of both: firms and secretaries of its own."""

    office: Installation
    world: World
    post: PostOffice

    async def firm(self, hours: str = "always", *options: str) -> Firm:
        """A new client with a number and a recipient; `options` as for `client add`."""
        serial = next(SERIAL)
        firm = Firm(f"firma{serial}", f"+562255510{serial:02}")
        pbx = self.office.pbx
        await asyncio.gather(
            pbx("client", "add", firm.slug, "--name", firm.name, *options), pbx("did", "add", firm.number)
        )
        await asyncio.gather(
            pbx("did", "assign", firm.number, firm.slug),
            pbx("hours", "set", firm.slug, hours),
            pbx("recipient", "add", firm.slug, "--email", firm.mailbox),
        )
        await self.live()
        return firm

    async def secretary(self, firm: Firm, name: str, tone: float = 880) -> Telephone:
        """A new secretary who answers for that firm only, with her softphone registered."""
        words = ("secretary", "add", f"{name} {firm.slug}", "--clients", firm.slug)
        account = await self.office.ask(*words)
        return await self.world.phone(account["user"], account["password"], tone=tone)

    async def live(self, seconds: float = 20) -> None:
        """Waits until the switch has what is provisioned. A daemon that has just been started takes longer than one
        that has published before (test_calls tests that promise)."""
        last = asyncio.get_running_loop().time() + patience(seconds)
        while difference := (await self.office.ask("dialplan", "diff"))["diff"]:
            assert asyncio.get_running_loop().time() < last, f"not published: {difference}"
            await asyncio.sleep(0.1)

    async def calls(self, firm: Firm) -> list[dict[str, Any]]:
        """The firm's calls, oldest first."""
        calls = await self.office.ask("call", "list", "--client", firm.slug)
        return sorted(calls, key=lambda call: call["arrived_at"])

    async def journal(self, call: dict[str, Any]) -> list[dict[str, Any]]:
        """The lines of a call's journal."""
        lines: list[dict[str, Any]] = (await self.office.ask("call", "show", call["id"]))["journal"]
        return lines

    async def letter(self, firm: Firm, number: int = 1, seconds: float = 20) -> Delivery:
        """The firm's letter of that number, as soon as it has arrived."""
        return await self.post.arrived(firm.mailbox, number, seconds)

    async def channels(self) -> str:
        """The channels and bridges that the switch has now, as its console tells."""
        channels = await self.office.pbx("asterisk", "console", "-x", "core show channels concise")
        bridges = await self.office.pbx("asterisk", "console", "-x", "bridge show all")
        return channels.strip() + "".join(f"\n{line}" for line in bridges.splitlines()[1:] if line.strip())

    async def quiet(self, seconds: float = 2) -> str:
        """Waits until the switch has no channel and no bridge any more; returns those that stay nevertheless."""
        last = asyncio.get_running_loop().time() + patience(seconds)
        while (left := await self.channels()) and asyncio.get_running_loop().time() < last:  # noqa: ASYNC110
            await asyncio.sleep(0.1)
        return left


@pytest.fixture(scope="session")
def folder():
    """A short path: a UNIX socket's name has 107 bytes at most."""
    path = Path(tempfile.mkdtemp(prefix="pbx-"))
    yield path
    shutil.rmtree(path, ignore_errors=True)


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def switch(folder):
    """An installation with its Asterisk running, and no daemon yet."""
    PORTS.require_free()
    office = ForkedInstallation(folder / "home", PORTS)
    await office.set_up()
    try:
        await office.pbx("asterisk", "start")
        carrier = office.place(folder).carrier
        await office.pbx("trunk", "add", "carrier", "--match", carrier.host, "--host", str(carrier))
        yield office
    finally:
        await office.clean_up()


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def world(switch, folder):
    """The outside Asterisk."""
    async with World(switch.place(folder / "world")) as world:
        yield world


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def post():
    """The mail server that the installation's letters go to."""
    async with PostOffice(PORTS.smtp) as post:
        yield post


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def alone(folder):
    """A switch without a daemon, for one module."""
    async with switch_alone(folder) as alone:
        yield alone


@pytest_asyncio.fixture(loop_scope="session")
async def town(switch, world, post):
    """All of it, with the daemon ready; a test that ended the daemon, or failed, does not disturb the next one."""
    if not switch.daemon or switch.daemon.returncode is not None:
        await switch.start_daemon()
    yield Town(switch, world, post)
    await world.console("channel request hangup all")


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def browser() -> "AsyncIterator[Browser]":
    """A real browser, for one module."""
    # Imported here: most of the tests with a switch need none.
    from playwright.async_api import async_playwright

    async with async_playwright() as play:
        arguments = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--no-first-run"]
        opened = await play.chromium.launch(executable_path="/usr/bin/chromium", args=["--headless=new", *arguments])
        yield opened
        await opened.close()


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def pages(switch: Installation) -> AsyncIterator[None]:
    """The daemon is started with its pages, and served by them; what comes after this module goes without."""
    await switch.stop_daemon()
    switch.pages = True
    yield
    switch.pages = False
    await switch.stop_daemon()
