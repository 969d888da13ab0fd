"""Keys pressed on a telephone in the middle of a conversation: RTP with events of RFC 4733, timed to the packet."""

import asyncio
import socket
import struct
import time
from dataclasses import dataclass

# RTP payload types: A-law is static (RFC 3551), the events' is what the telephones' SDP says.
ALAW, EVENT = 8, 101
SILENCE = b"\xd5" * 160
# One packet, seconds, and its samples at 8 kHz.
PACKET, SAMPLES = 0.02, 160
# What a telephone sends before the first key: Asterisk believes a source of audio after some packets only.
PACKETS_OF_SILENCE = 10
# A key is held down and then let go for so many packets: 100 ms and 60 ms, as automatic diallers do.
HELD, PAUSE = 5, 3
# An event's end is sent three times, in case one is lost (RFC 4733 section 2.5.1.4).
ENDS = 3
END_BIT, VOLUME = 0x80, 10
KEYS = "0123456789*#"


@dataclass(frozen=True, slots=True)
class Pressed:
    """When the last of some keys was pressed and let go: its event's first packet and the first that ends it, as
    epoch seconds just before they were sent."""

    began: float
    ended: float


class Keypads:
    """The socket at `address` that the telephones' SDP names for audio. What Asterisk sends there is not read: the
    kernel drops it once the buffer is full."""

    def __init__(self, address: tuple[str, int]) -> None:
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.setblocking(False)
        self._socket.bind(address)
        self._legs = 0

    def leg(self, to: tuple[str, int]) -> "Keypad":
        """The keypad of a telephone in a conversation; `to` is where Asterisk takes its audio."""
        self._legs += 1
        return Keypad(self._socket, to, self._legs)

    def close(self) -> None:
        self._socket.close()


class Keypad:
    """One telephone's stream of RTP, from its first key on."""

    def __init__(self, wire: socket.socket, to: tuple[str, int], source: int) -> None:
        self._wire, self._to, self._source = wire, to, source
        self._sequence = 0
        self._begun = time.monotonic()
        self._next = 0.0  # when the next packet is due, by the event loop's clock

    async def press(self, keys: str) -> Pressed:
        """Presses the keys one after the other; a moment of silence goes before."""
        self._next = asyncio.get_running_loop().time()
        for _ in range(PACKETS_OF_SILENCE):
            await self._send(ALAW, self._now(), SILENCE)
        for key in keys:
            pressed = await self._press(key)
        return pressed

    async def _press(self, key: str) -> Pressed:
        stamp = self._now()
        began = time.time()
        for packet in range(1, HELD + 1):
            await self._send(EVENT, stamp, _event(key, 0, packet), first=packet == 1)
        ended = time.time()
        for _ in range(ENDS):
            self._put(EVENT, stamp, _event(key, END_BIT, HELD + 1))
        for _ in range(PAUSE):
            await self._send(ALAW, self._now(), SILENCE)
        return Pressed(began, ended)

    async def _send(self, payload_type: int, stamp: int, payload: bytes, *, first: bool = False) -> None:
        """Sends a packet and waits until the next is due."""
        self._put(payload_type, stamp, payload, first=first)
        self._next += PACKET
        await asyncio.sleep(self._next - asyncio.get_running_loop().time())

    def _put(self, payload_type: int, stamp: int, payload: bytes, *, first: bool = False) -> None:
        self._sequence += 1
        head = struct.pack("!BBHII", 0x80, payload_type | first << 7, self._sequence, stamp, self._source)
        self._wire.sendto(head + payload, self._to)

    def _now(self) -> int:
        """The RTP time of this moment."""
        return int((time.monotonic() - self._begun) * SAMPLES / PACKET)


def _event(key: str, end: int, packets: int) -> bytes:
    """The payload of a key's event that has lasted for so many packets."""
    return struct.pack("!BBH", KEYS.index(key), end | VOLUME, packets * SAMPLES)
