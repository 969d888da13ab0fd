"""Two daemons, each with an Asterisk of its own, on one PostgreSQL, with one pool of secretaries."""

import asyncio
import shutil
import tempfile
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
import worker
from forked import ForkedInstallation

from pbx_control.world import audio
from pbx_control.world.installation import Installation
from pbx_control.world.legs import patience
from pbx_control.world.people import Telephone
from pbx_control.world.post import Delivery, PostOffice
from pbx_control.world.world import World

pytestmark = [pytest.mark.switch, pytest.mark.postgres, pytest.mark.asyncio(loop_scope="module")]

PORTS = worker.fixed_ports(16700, audio=51200), worker.fixed_ports(16800, audio=53000)
NUMBER, MAILBOX = "+56225556001", "andes@firma.example"


@dataclass
class Pair:
    """Two installations on one database, each with its own outside world; letters of both go to one mail server."""

    offices: tuple[Installation, Installation]
    worlds: tuple[World, World]
    post: PostOffice

    @property
    def names(self) -> list[str]:
        return [name_of(office) for office in self.offices]

    async def telephones(self, name: str) -> tuple[Telephone, Telephone]:
        """A new secretary whose telephone is registered at both switches."""
        account = await self.offices[0].ask("secretary", "add", name)
        for office in self.offices:
            await office.pbx("dialplan", "apply")
        first, second = self.worlds
        return (
            await first.phone(account["user"], account["password"]),
            await second.phone(account["user"], account["password"]),
        )

    async def published(self) -> None:
        """Waits until both switches have what is provisioned."""
        for office in self.offices:
            async with asyncio.timeout(patience(20)):
                while (await office.ask("dialplan", "diff"))["diff"]:  # noqa: ASYNC110
                    await asyncio.sleep(0.1)

    async def calls(self) -> list[dict[str, Any]]:
        """The calls in the books, oldest first."""
        return sorted(await self.offices[0].ask("call", "list"), key=lambda call: call["arrived_at"])

    async def letter(self, number: int) -> Delivery:
        return await self.post.arrived(MAILBOX, number, 30)


def name_of(office: Installation) -> str:
    from pbx_control.settings import Home, load

    return load(Home(office.home)).node.name


@pytest.fixture(scope="module")
def folder():
    """A short path: a UNIX socket's name has 107 bytes at most."""
    path = Path(tempfile.mkdtemp(prefix="pbx-"))
    yield path
    shutil.rmtree(path, ignore_errors=True)


@pytest_asyncio.fixture(loop_scope="module")
async def pair(folder, postgres_url) -> AsyncIterator[Pair]:
    """Both with Asterisk running, and no daemon yet; one client, which records."""
    async with AsyncExitStack() as stack:
        offices = tuple(ForkedInstallation(folder / name, ports) for name, ports in zip("ab", PORTS, strict=True))
        for office in offices:
            office.ports.require_free()
            stack.push_async_callback(office.clean_up)
            await office.set_up(database={"url": postgres_url}, mail={"port": PORTS[0].smtp})
        await provide(offices[0])
        for office in offices:
            await office.pbx("dialplan", "apply")
            await office.pbx("asterisk", "start")
        worlds = [
            await stack.enter_async_context(World(office.place(folder / f"world-{office.home.name}")))
            for office in offices
        ]
        post = await stack.enter_async_context(PostOffice(PORTS[0].smtp))
        yield Pair(offices, tuple(worlds), post)
        shutil.rmtree(folder / "world-a", ignore_errors=True)
        shutil.rmtree(folder / "world-b", ignore_errors=True)


async def provide(office: Installation) -> None:
    pbx = office.pbx
    await pbx("trunk", "add", "carrier", "--match", office.place(office.home).carrier.host)
    await pbx("client", "add", "andes", "--name", "Andes", "--recording")
    await pbx("did", "add", NUMBER)
    await pbx("did", "assign", NUMBER, "andes")
    await pbx("hours", "set", "andes", "always")
    await pbx("recipient", "add", "andes", "--email", MAILBOX)


async def test_the_start_of_a_second_daemon_leaves_the_calls_of_the_first_alone(pair):
    first, second = pair.offices
    await first.start_daemon()
    ana, _ = await pair.telephones("Ana")
    ana.answers(after=0.2)
    caller = await pair.worlds[0].call(NUMBER)
    ring = await ana.rung()
    await ring.answered()
    await second.start_daemon()
    await asyncio.sleep(3)
    (live,) = await pair.calls()
    assert live["ended_at"] is None
    assert caller.end.at is None
    assert not pair.post.to(MAILBOX)
    await caller.hang_up()
    await ring.ended(5)
    await pair.letter(1)
    (call,) = await pair.calls()
    assert (call["outcome"], call["recording_flaw"]) == ("answered", "")
    recorded = audio.seconds(first.home / "recordings" / call["recording"])
    assert abs(recorded - call["talked"]) < 2.5
    assert recorded > 3
