"""A carrier of one socket whose sound is tones, each a stream of its own: early media, a contact's or caller's."""

import asyncio
import io
import re
import struct
from contextlib import asynccontextmanager
from pathlib import Path

import numpy as np
import soundfile
from peer import Peer

from pbx_control.world.config import Address
from pbx_control.world.legs import patience

FRAME, RATE, HEADER = 160, 8000, 12  # samples of 20 ms, Hz, bytes
CODECS = {0: "ULAW", 8: "ALAW"}  # RFC 3551
SILENCE = {0: b"\xff", 8: b"\xd5"}


@asynccontextmanager
async def sounding_carrier(switch: Address, host: str, port: int, payload: int = 8):
    """A carrier at that address that speaks one codec; its sound comes from the port above."""
    loop = asyncio.get_running_loop()
    one = SoundingCarrier(switch, Address(host, port))
    one.payload = payload
    await loop.create_datagram_endpoint(lambda: one, local_addr=(host, port), remote_addr=(switch.host, switch.port))
    one.ear = Ear(payload)
    one.sound, _ = await loop.create_datagram_endpoint(lambda: one.ear, local_addr=(host, port + 1))
    try:
        yield one
    finally:
        await one.give_up()
        one.sound.close()
        one.transport.close()


class Ear(asyncio.DatagramProtocol):
    """Keeps what comes of one codec, with the time at which it came."""

    def __init__(self, payload: int) -> None:
        self.payload, self.packets = payload, []

    def datagram_received(self, data: bytes, _) -> None:
        if data[1] & 0x7F == self.payload and len(data) == HEADER + FRAME:
            self.packets.append((asyncio.get_running_loop().time(), data[HEADER:]))

    def write(self, path: Path) -> Path:
        """What was heard, as a WAV; silence where for more than two packets' time nothing came."""
        sound, began = bytearray(), self.packets[0][0]
        for at, packet in self.packets:
            lag = int((at - began) * RATE) - len(sound)
            sound += SILENCE[self.payload] * (lag if lag > 3 * FRAME else 0) + packet
        raw = io.BytesIO(bytes(sound))
        codec = CODECS[self.payload]
        samples, _ = soundfile.read(raw, format="RAW", subtype=codec, samplerate=RATE, channels=1)
        soundfile.write(path, samples, RATE)
        return path


class SoundingCarrier(Peer):
    """One call at a time, its own or the switch's; `ear` is what it hears of it."""

    sound: asyncio.DatagramTransport
    payload, streams, far = 8, 0, ("", 0)

    def __init__(self, switch: Address, here: Address) -> None:
        super().__init__(switch, here)
        self.taken = asyncio.Event()

    def datagram_received(self, data: bytes, addr) -> None:
        text = data.decode(errors="surrogateescape")
        if text.startswith("ACK"):
            self.taken.set()
        super().datagram_received(data, addr)

    def calls(self, number: str, sender: str) -> None:
        """Dials that number."""
        self.invite(number, sender, codecs=str(self.payload), audio=self.here.port + 1)

    async def called(self) -> None:
        """Waits until the switch has answered its call, and knows from then on where to send sound."""
        self.far = self._ear_in(await self.answer("200"))

    async def rings_with_sound(self) -> None:
        """The next call that it gets has early media from here on."""
        self.ringing = await self.rung()
        self.far = self._ear_in(self.ringing)
        self._respond(self.ringing, "183 Session Progress", self._sdp())

    async def picks_up(self) -> None:
        """The contact answers."""
        self._respond(self.ringing, "200 OK", self._sdp())
        await asyncio.wait_for(self.taken.wait(), patience(5))

    async def talks(self, hertz: float, first: int, seconds: float, source: int = 0) -> None:
        """Sends a tone as a stream of its own, whose first packet has that number; `source` is its SSRC."""
        self.streams += 1
        loop = asyncio.get_running_loop()
        began, tone = loop.time(), tone_of(hertz, CODECS[self.payload])
        for k in range(int(seconds * 50)):
            head = struct.pack("!BBHII", 0x80, self.payload, (first + k) & 0xFFFF, k * FRAME, source or self.streams)
            at = k * FRAME % RATE
            self.sound.sendto(head + tone[at : at + FRAME], self.far)
            await asyncio.sleep(began + (k + 1) / 50 - loop.time())

    def _ear_in(self, text: str) -> tuple[str, int]:
        return re.search(r"c=IN IP4 (\S+)", text)[1], int(re.search(r"m=audio (\d+)", text)[1])

    def _sdp(self) -> str:
        return self._offer([str(self.payload)], Address(self.here.host, self.here.port + 1))

    def _respond(self, request: str, status: str, body: str = "") -> None:
        same = re.findall(r"^((?:Via|Record-Route|From|To|Call-ID|CSeq): .*?)\r$", request, re.MULTILINE)
        tagged = [f"{one};tag=peer" if one.startswith("To:") and ";tag=" not in one else one for one in same]
        more = [f"Contact: <sip:{self.here}>", "Content-Type: application/sdp"] if body else []
        self._send(f"SIP/2.0 {status}", *tagged, *more, body=body)


def tone_of(hertz: float, codec: str) -> bytes:
    """A second of it; whole hertz go on without a click in the next one."""
    raw = io.BytesIO()
    samples = 0.25 * np.sin(2 * np.pi * hertz * np.arange(RATE) / RATE)
    soundfile.write(raw, samples, RATE, format="RAW", subtype=codec)
    return raw.getvalue()
