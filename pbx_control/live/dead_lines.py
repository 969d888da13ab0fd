"""Finds the secretary's line that died in a conversation: her telephone no longer answers the switch, and is silent.

Silence alone means nothing (a muted or holding telephone may send no packet at all), nor does one lost answer. Both
together do: `qualify` of the generated configuration finds within eight seconds that nobody answers there.

The telephone in a page sends a packet each 20 ms, muted or not. One that is silent is gone with its page: at once if
another page of hers has begun with a telephone, or if nobody answers there; else after a while.
"""

import asyncio
from contextlib import suppress

import structlog

from pbx_control.asterisk.ari import Ari, path
from pbx_control.errors import SwitchUnavailable
from pbx_control.live.reach import Reach
from pbx_control.live.switchboard import Switchboard

log = structlog.get_logger()

# How often the packets of those who cannot be reached are counted, seconds: nothing between two counts is silence.
COUNT_EVERY = 2.0
# So many counts in a row without a packet from a page of which nothing else is known: a network may be bad for a while.
SILENT_COUNTS = 5
# Q.850: what her leg ends with; the flow knows it for a network that died.
OUT_OF_ORDER = 27


class DeadLines:
    """`run` looks, for ever; only at telephones that talk and cannot be reached."""

    def __init__(self, ari: Ari, board: Switchboard, reach: Reach) -> None:
        self._ari = ari
        self._board = board
        self._reach = reach
        self._received: dict[str, int] = {}  # leg -> packets at the last look
        self._silent: dict[str, int] = {}  # leg -> counts in a row without one

    async def run(self) -> None:
        while True:
            await asyncio.sleep(COUNT_EVERY)
            with suppress(SwitchUnavailable):
                await self.look()

    async def look(self) -> None:
        """Ends the legs of which nothing has come since the last look, or since some looks."""
        before, self._received = self._received, {}
        silent, self._silent = self._silent, {}
        for leg, most in self._patience().items():
            received = await self._count(leg)
            if received is None:
                continue
            self._silent[leg] = silent.get(leg, 0) + 1 if before.get(leg) == received else 0
            if self._silent[leg] >= most:
                log.warning("a secretary's line is dead", leg=leg)
                await self._ari.ask("DELETE", path("channels", leg), reason_code=OUT_OF_ORDER)
            else:
                self._received[leg] = received

    def _patience(self) -> dict[str, int]:
        """The legs that are looked at, and how many silent counts end each."""
        pages = self._reach.browser_legs()
        others = {leg: 1 for leg in self._board.unreachable_legs() if leg not in pages}
        return others | {leg: 1 if gone else SILENT_COUNTS for leg, gone in pages.items()}

    async def _count(self, leg: str) -> int | None:
        """The audio packets that have come from it; None for a leg without audio, or one that is gone."""
        reply = await self._ari.ask("GET", path("channels", leg, "rtp_statistics"))
        return int(reply.body["rxcount"]) if reply.ok else None
