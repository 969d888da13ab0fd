"""What a real Asterisk answers to whoever tries the telephone of a page that is not open."""

import asyncio

import pytest
from conftest import Town

from pbx_control.domain.telephony.browser import browser_of
from pbx_control.world.installation import PBX
from pbx_control.world.legs import patience

pytestmark = [pytest.mark.switch, pytest.mark.asyncio(loop_scope="session")]

# Where pages' sockets come from, and the only place from which such a telephone registers.
HERE = "127.64.0.77"
REFUSED = "SIP/2.0 401 Unauthorized"


class Socket(asyncio.DatagramProtocol):
    def __init__(self) -> None:
        self.answered: asyncio.Future[str] = asyncio.get_running_loop().create_future()

    def datagram_received(self, data: bytes, _: object) -> None:
        if not self.answered.done():
            self.answered.set_result(data.decode())


async def registered(town: Town, user: str) -> str:
    """The first line of what is answered to a REGISTER without a password."""
    place = (PBX, town.office.ports.sip)
    loop = asyncio.get_running_loop()
    wire, socket = await loop.create_datagram_endpoint(Socket, local_addr=(HERE, 0), remote_addr=place)
    port = wire.get_extra_info("sockname")[1]
    lines = (
        f"REGISTER sip:{PBX} SIP/2.0",
        f"Via: SIP/2.0/UDP {HERE}:{port};branch=z9hG4bK{user};rport",
        f"From: <sip:{user}@{PBX}>;tag={user}",
        f"To: <sip:{user}@{PBX}>",
        f"Call-ID: closed-{user}",
        "CSeq: 1 REGISTER",
        f"Contact: <sip:{user}@{HERE}:{port}>",
        "Max-Forwards: 70",
        "Content-Length: 0",
    )
    try:
        wire.sendto("\r\n".join([*lines, "", ""]).encode())
        return (await asyncio.wait_for(socket.answered, patience(5))).splitlines()[0]
    finally:
        wire.close()


async def test_a_closed_pages_telephone_is_answered_as_one_that_does_not_exist(town: Town) -> None:
    firm = await town.firm()
    name = f"Ana {firm.slug}"
    account = await town.office.ask("secretary", "add", name, "--clients", firm.slug)
    await town.office.pbx("secretary", "set", name, "--browser-telephone")
    await town.live()
    await town.office.stop_daemon()
    await town.office.start_daemon()
    async with asyncio.timeout(patience(10)):  # the daemon closes it once it has begun
        while await registered(town, browser_of(account["user"])) != REFUSED:  # noqa: ASYNC110
            await asyncio.sleep(0.1)
    assert await registered(town, "nobody_browser") == REFUSED
