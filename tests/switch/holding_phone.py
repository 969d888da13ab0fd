"""A softphone that talks in a tone and holds its call by SIP; each time that it talks, it begins a new stream."""

import asyncio
import math
import re
import struct
from contextlib import asynccontextmanager

from socket_phone import SocketPhone

from pbx_control.world.config import Address
from pbx_control.world.legs import patience

FRAME = 160  # samples, 20 ms


@asynccontextmanager
async def holding_phone(switch: Address, host: str, port: int, user: str, password: str):
    """A registered softphone at that address; its sound comes from the port above."""
    loop = asyncio.get_running_loop()
    phone = HoldingPhone(switch, Address(host, port), user, password)
    await loop.create_datagram_endpoint(lambda: phone, local_addr=(host, port), remote_addr=(switch.host, switch.port))
    sound, _ = await loop.create_datagram_endpoint(asyncio.DatagramProtocol, local_addr=(host, port + 1))
    phone.sound = sound
    try:
        phone.register()
        await asyncio.wait_for(phone.registered.wait(), patience(5))
        yield phone
    finally:
        sound.close()
        phone.vanish()


class HoldingPhone(SocketPhone):
    """`agreed` is set when the switch has taken the last change of a call."""

    sound: asyncio.DatagramTransport
    direction, changes, streams = "sendrecv", 0, 0

    def _asked(self, method: str, request: str) -> None:
        if method == "INVITE":
            self.invite = request
            self.far = re.search(r"c=IN IP4 (\S+)", request)[1], int(re.search(r"m=audio (\d+)", request)[1])
        super()._asked(method, request)

    def datagram_received(self, data: bytes, addr) -> None:
        text = data.decode()
        if text.startswith("SIP/2.0 200") and f"CSeq: {self.changes} INVITE" in text:
            self._send(self._request("ACK"))
            self.agreed.set()
        else:
            super().datagram_received(data, addr)

    async def changes_to(self, direction: str) -> None:
        """Holds (sendonly) or resumes (sendrecv) its call."""
        self.direction, self.agreed, self.changes = direction, asyncio.Event(), self.changes + 1
        self._send([*self._request("INVITE"), "Content-Type: application/sdp"], self._offer())
        await asyncio.wait_for(self.agreed.wait(), patience(5))

    async def talks(self, hertz: float, first: int, seconds: float) -> None:
        """Sends a tone as a stream of its own, whose first packet has that number."""
        loop = asyncio.get_running_loop()
        self.streams += 1
        began = loop.time()
        for k in range(int(seconds * 50)):
            head = struct.pack("!BBHII", 0x80, 8, (first + k) & 0xFFFF, k * FRAME, self.streams)
            tone = (math.sin(2 * math.pi * hertz * (k * FRAME + at) / 8000) for at in range(FRAME))
            self.sound.sendto(head + bytes(_alaw(int(8000 * one)) for one in tone), self.far)
            await asyncio.sleep(began + k / 50 - loop.time())

    def _request(self, method: str) -> list[str]:
        """Of its own, in the call that it has answered."""
        kept = {name: re.search(rf"^{name}: (.*?)\r$", self.invite, re.MULTILINE)[1] for name in KEPT}
        return [
            f"{method} {re.search('<(.*?)>', kept['Contact'])[1]} SIP/2.0",
            f"Via: SIP/2.0/UDP {self.here};branch=z9hG4bK{self._name}{method}{self.changes}",
            f"From: {kept['To']};tag={self._name}",
            f"To: {kept['From']}",
            f"Call-ID: {kept['Call-ID']}",
            f"CSeq: {self.changes} {method}",
            f"Contact: <sip:{self.user}@{self.here}>",
        ]

    def _offer(self) -> str:
        offer = re.sub(r"m=audio \d+", f"m=audio {self.here.port + 1}", super()._offer())
        return offer.replace("o=- 1 1", f"o=- 1 {self.changes + 1}") + f"a={self.direction}\r\n"


KEPT = ("Contact", "From", "To", "Call-ID")


def _alaw(sample: int) -> int:
    """G.711."""
    size, sign = min(abs(sample), 32635), 0x80 if sample >= 0 else 0
    exponent = max(size.bit_length() - 8, 0)
    mantissa = (size >> (exponent + 3 if exponent else 4)) & 0x0F
    return (sign | exponent << 4 | mantissa) ^ 0x55
