"""Sound that a stranger sends to a call's port: what he hears of it, and what the caller does."""

import asyncio
import re
import socket
import struct
from contextlib import closing

import pytest
import pytest_asyncio
import worker
from conftest import Town
from wire import MEDIA, wire

from pbx_control.world.installation import CARRIER
from pbx_control.world.legs import patience

pytestmark = [pytest.mark.switch, pytest.mark.asyncio(loop_scope="session")]

STRANGER = "127.0.0.76"
PORT = worker.ports(1).base + 94
# A packet of 20 ms of A-law silence.
SILENCE, PACKET = b"\xd5" * 160, 0.02


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def closed(switch, world, post):
    """A firm that is closed: who calls hears so, at once."""
    if not switch.daemon or switch.daemon.returncode is not None:
        await switch.start_daemon()
    town = Town(switch, world, post)
    return town, await town.firm("mon 03:00-03:01")


class Mouth:
    """A socket that sends sound and counts what it hears."""

    def __init__(self, host: str, port: int) -> None:
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.bind((host, port))
        self.socket.setblocking(False)
        self._sent = 0

    async def speaks(self, packets: int, target: tuple[str, int]) -> None:
        for _ in range(packets):
            self._sent += 1
            head = struct.pack("!BBHII", 0x80, 8, self._sent, self._sent * len(SILENCE), id(self) % 2**32)
            self.socket.sendto(head + SILENCE, target)
            await asyncio.sleep(PACKET)

    def heard(self) -> int:
        """The packets that have come since it was asked last."""
        count = 0
        while True:
            try:
                self.socket.recv(2000)
            except BlockingIOError:
                return count
            count += 1

    async def hears(self) -> None:
        """Waits for sound."""
        async with asyncio.timeout(patience(5)):
            while not self.heard():  # noqa: ASYNC110 — a socket that others read, too
                await asyncio.sleep(PACKET)


@pytest.mark.parametrize("caller_speaks_first", [True, False])
async def test_once_the_caller_speaks_the_call_is_his(closed, caller_speaks_first):
    town, firm = closed
    pbx = town.world.place.pbx
    uri = f"sip:{firm.number}@{pbx}"
    caller, stranger = Mouth(CARRIER, MEDIA), Mouth(STRANGER, MEDIA)
    with closing(caller.socket), closing(stranger.socket):
        async with wire(pbx, CARRIER, PORT) as carrier:
            dialog = await carrier.call(uri)
            answer = next(text for text in carrier.packets if text.startswith("SIP/2.0 200"))
            sound = pbx.host, int(re.search(r"^m=audio (\d+)", answer, re.MULTILINE)[1])
            if caller_speaks_first:
                await caller.speaks(5, sound)
            await stranger.speaks(8, sound)
            await caller.speaks(5, sound)
            await caller.hears()
            stranger.heard()
            # from here on the stranger is heard by nobody and hears nothing, whatever he sends
            await asyncio.gather(stranger.speaks(25, sound), caller.speaks(25, sound))
            assert stranger.heard() == 0
            assert caller.heard() > 0
            await carrier.ask("BYE", uri, within=dialog)
