"""Finds the secretary's line that died in a conversation: her telephone no longer answers the switch, and is silent.

Silence alone means nothing (a muted or holding telephone may send no packet at all), nor does one lost answer. Both
together do: `qualify` of the generated configuration finds within eight seconds that nobody answers there.
"""

import asyncio
from contextlib import suppress

import structlog

from pbx_control.asterisk.ari import Ari, path
from pbx_control.errors import SwitchUnavailable
from pbx_control.live.switchboard import Switchboard

log = structlog.get_logger()

# How often the packets of those who cannot be reached are counted, seconds: nothing between two counts is silence.
COUNT_EVERY = 2.0
# Q.850: what her leg ends with; the flow knows it for a network that died.
OUT_OF_ORDER = 27


class DeadLines:
    """`run` looks, for ever; only at telephones that talk and cannot be reached."""

    def __init__(self, ari: Ari, board: Switchboard) -> None:
        self._ari = ari
        self._board = board
        self._received: dict[str, int] = {}  # leg -> packets at the last look

    async def run(self) -> None:
        while True:
            await asyncio.sleep(COUNT_EVERY)
            with suppress(SwitchUnavailable):
                await self.look()

    async def look(self) -> None:
        """Ends the legs of which nothing has come since the last look."""
        before, self._received = self._received, {}
        for leg in self._board.unreachable_legs():
            received = await self._count(leg)
            if received is not None and before.get(leg) == received:
                log.warning("a secretary's line is dead", leg=leg)
                await self._ari.ask("DELETE", path("channels", leg), reason_code=OUT_OF_ORDER)
            elif received is not None:
                self._received[leg] = received

    async def _count(self, leg: str) -> int | None:
        """The audio packets that have come from it; None for a leg without audio, or one that is gone."""
        reply = await self._ari.ask("GET", path("channels", leg, "rtp_statistics"))
        return int(reply.body["rxcount"]) if reply.ok else None
