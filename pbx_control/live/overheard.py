"""Overhears SIP: calls that Asterisk refuses with 488 by itself, since their trunk takes nothing of what they offer.

Such a call has no channel: neither dialplan nor AMI tells of it. Asterisk sends us a copy of each message (res_hep).
"""

import asyncio
from collections import OrderedDict
from collections.abc import Callable, Iterable

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
# A port that somebody else has is tried again so often, seconds.
TRY_EVERY = 30.0


class Overheard(asyncio.DatagramProtocol):
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
        loop, told = asyncio.get_running_loop(), False
        while True:
            try:
                transport, _ = await loop.create_datagram_endpoint(lambda: self, local_addr=self._place)
                break
            except OSError as error:
                if not told:
                    log.warning("calls without a common codec are not counted", port=self._place[1], why=str(error))
                told = True
                await asyncio.sleep(TRY_EVERY)
        try:
            await asyncio.Event().wait()
        finally:
            transport.close()

    def datagram_received(self, data: bytes, _: object) -> None:
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
