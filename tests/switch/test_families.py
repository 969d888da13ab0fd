"""Asterisk that listens on [::] hears nobody over IPv4: why `[sip] bind` does not take it."""

import asyncio

import alone
import pytest
from msgspec.structs import replace

from pbx_control.world.legs import patience

pytestmark = [pytest.mark.switch, pytest.mark.asyncio(loop_scope="session")]


class Asking(asyncio.DatagramProtocol):
    """Sends one request; `refused` when the machine says that nobody listens there."""

    def __init__(self) -> None:
        self.refused = asyncio.get_running_loop().create_future()

    def connection_made(self, transport) -> None:
        transport.sendto(b"OPTIONS sip:x SIP/2.0\r\n\r\n")

    def error_received(self, error: OSError) -> None:
        self.refused.set_result(error)


async def test_nobody_listens_over_ipv4(folder, monkeypatch):
    usual = alone.settings_of
    bind = f"[::]:{alone.PORTS.sip}"

    def of_ipv6(ports):
        settings = usual(ports)
        return replace(settings, sip=replace(settings.sip, bind=bind))

    monkeypatch.setattr(alone, "settings_of", of_ipv6)
    async with alone.switch_alone(folder) as switch:
        assert f"transport-udp             udp      0      0  {bind}" in switch.console("pjsip show transports")
        here = asyncio.get_running_loop().create_datagram_endpoint(Asking, remote_addr=("127.0.0.1", alone.PORTS.sip))
        transport, asking = await here
        async with asyncio.timeout(patience(10)):
            assert isinstance(await asking.refused, ConnectionRefusedError)
        transport.close()
