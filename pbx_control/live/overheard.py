"""Overhears SIP: calls that Asterisk refuses with 488 by itself, since their trunk takes nothing of what they offer.

Such a call has no channel: neither dialplan nor AMI tells of it. Asterisk sends us a copy of each message (res_hep).
"""

import asyncio
import socket
from collections import OrderedDict
from collections.abc import Callable, Iterable
from contextlib import suppress

import structlog

from pbx_control.asterisk import copies
from pbx_control.asterisk.ami import Refused
from pbx_control.asterisk.copies import Copy
from pbx_control.domain.office import Trunk
from pbx_control.domain.telephony.offers import read_cseq, read_invite, why_refused
from pbx_control.domain.telephony.places import trunk_of
from pbx_control.settings import Settings

log = structlog.get_logger()

# One of these is in each message that matters. Most do not, and are not taken apart: a call has some fourteen.
OF_INTEREST = (b"INVITE sip", b"INVITE tel", b"SIP/2.0 488 ")
# An answer comes within milliseconds: so many INVITEs are kept for it, whoever sends them.
MOST_INVITES = 1000
# No call of an honest carrier has more, bytes; somebody else's is not taken apart.
LONGEST_COPY = 16_384
MOST_BYTES = LONGEST_COPY + 1
# Copies are read so often, seconds: a turn of the event loop for each of a call's thirty costs more than the reading.
GATHERED = 0.02
MOST_AT_ONCE = 500
# What the system keeps of them meanwhile, bytes.
ROOM = 1 << 20
# A port that somebody else has is tried again so often, seconds.
TRY_EVERY = 30.0


class Overheard:
    """`run` listens for ever, and tells of each call that a trunk refused."""

    def __init__(
        self, settings: Settings, trunks: Callable[[], Iterable[Trunk]], tell: Callable[[Refused], None]
    ) -> None:
        self._place = ("127.0.0.1", settings.asterisk.ami_port)
        self._password = copies.password(settings.secrets).encode()
        self._trunks = trunks
        self._tell = tell
        self._invites: OrderedDict[bytes, Copy] = OrderedDict()

    async def run(self) -> None:
        """Listens; without the port nothing is overheard, and calls go on."""
        told = False
        while True:
            try:
                wire = self._listening()
                break
            except OSError as error:
                if not told:
                    log.warning("calls without a common codec are not counted", port=self._place[1], why=str(error))
                told = True
                await asyncio.sleep(TRY_EVERY)
        try:
            while True:
                await _readable(wire)
                self._read_all(wire)
                await asyncio.sleep(GATHERED)
        finally:
            wire.close()

    def _listening(self) -> socket.socket:
        wire = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        try:
            wire.setblocking(False)
            wire.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, ROOM)
            wire.bind(self._place)
        except OSError:
            wire.close()
            raise
        return wire

    def _read_all(self, wire: socket.socket) -> None:
        with suppress(BlockingIOError):
            for _ in range(MOST_AT_ONCE):
                self.hear(wire.recv(MOST_BYTES))

    def hear(self, data: bytes) -> None:
        """A copy of a message, or whatever else somebody sends us."""
        if len(data) > LONGEST_COPY or not any(word in data for word in OF_INTEREST):
            return
        if not (copy := copies.read(data, self._password)):
            return
        if copy.message.startswith(b"INVITE "):
            self._invites[copy.about] = copy
            if len(self._invites) > MOST_INVITES:
                self._invites.popitem(last=False)
        elif copy.message.startswith(b"SIP/2.0 488 ") and (invite := self._invites.pop(copy.about, None)):
            self._refused(invite, copy)

    def _refused(self, asked: Copy, answered: Copy) -> None:
        invite, trunk = read_invite(asked.message), trunk_of(asked.sender[0], self._trunks())
        # Ours only: of those that we sent, a carrier's answer comes from elsewhere.
        by_us = answered.receiver == asked.sender and invite.cseq == read_cseq(answered.message)
        if not (by_us and invite.begins and trunk):
            return
        reason, number = why_refused(invite.sounds, trunk), invite.asked_for(trunk)
        offered = " ".join(f"{sound.profile} {','.join(sound.codecs)}" for sound in invite.sounds)
        log.warning("a carrier's call was refused", trunk=trunk.name, number=number, why=reason, offered=offered)
        self._tell(Refused(asked.sender[0], reason, number, trunk.section))


async def _readable(wire: socket.socket) -> None:
    """Waits until there is something to read."""
    loop, there = asyncio.get_running_loop(), asyncio.Event()
    loop.add_reader(wire, there.set)
    try:
        await there.wait()
    finally:
        loop.remove_reader(wire)
