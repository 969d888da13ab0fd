"""The people outside: what somebody does when his telephone rings, and the telephones that remember who called."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from pbx_control.world.legs import BUSY, NETWORK_OUT_OF_ORDER, NORMAL, PATIENCE, Act, Ringing, within

# What somebody does when his telephone rings.
Conduct = Callable[[Ringing], Awaitable[None]]


def answering(after: float = 0.5, hang_up_after: float | None = None, cause: int = NORMAL) -> Conduct:
    """Picks up `after` seconds; then talks until the other side hangs up, or hangs up by himself with that cause."""

    async def conduct(call: Ringing) -> None:
        await asyncio.sleep(after)
        await call.pick_up()
        if hang_up_after is not None:
            await asyncio.sleep(hang_up_after)
            await call.hang_up(cause)

    return conduct


def refusing(after: float = 0.2) -> Conduct:
    """Refuses the call as busy."""

    async def conduct(call: Ringing) -> None:
        await asyncio.sleep(after)
        await call.hang_up(BUSY)

    return conduct


def ignoring() -> Conduct:
    """Lets it ring."""

    async def conduct(call: Ringing) -> None:
        await call.ended(3600)

    return conduct


@dataclass
class Telephone:
    """A telephone of the outside world (a secretary's softphone, a contact's mobile): who rang it, and what it does."""

    name: str
    act: Act
    folder: Path
    say: Path
    conduct: Conduct = field(default_factory=ignoring)
    calls: list[Ringing] = field(default_factory=list)
    registered: asyncio.Event = field(default_factory=asyncio.Event)
    refused: asyncio.Event = field(default_factory=asyncio.Event)
    _rang: asyncio.Condition = field(default_factory=asyncio.Condition)
    _busy: set[asyncio.Task[None]] = field(default_factory=set)

    def answers(self, after: float = 0.5, hang_up_after: float | None = None) -> "Telephone":
        """From now on its owner answers after so many seconds, and hangs up `hang_up_after` more (None: never)."""
        self.conduct = answering(after, hang_up_after)
        return self

    def loses_network(self, after: float = 0.5, lost_after: float = 2.0) -> "Telephone":
        """From now on its owner answers, and so many seconds later his network breaks, as his telephone says."""
        self.conduct = answering(after, lost_after, NETWORK_OUT_OF_ORDER)
        return self

    def refuses(self, after: float = 0.2) -> "Telephone":
        """From now on its owner refuses calls as busy."""
        self.conduct = refusing(after)
        return self

    def rings_on(self) -> "Telephone":
        """From now on nobody answers."""
        self.conduct = ignoring()
        return self

    async def rung(self, times: int = 1, seconds: float = PATIENCE) -> Ringing:
        """Waits until it has been rung so many times in all, and returns the last of these calls."""
        async with self._rang:
            enough = self._rang.wait_for(lambda: len(self.calls) >= times)
            await within(seconds, f"{self.name} rings for the {times}. time", enough)
        return self.calls[times - 1]

    async def ring(self, event: Mapping[str, str]) -> Ringing:
        """A call has come in: remembers it and lets its owner act."""
        heard = self.folder / f"{self.name}-{len(self.calls) + 1}.wav"
        call = Ringing(self.act, self.name, self.say, heard, event)
        async with self._rang:
            self.calls.append(call)
            self._rang.notify_all()
        task = asyncio.ensure_future(self.conduct(call))
        self._busy.add(task)
        task.add_done_callback(self._acted)
        return call

    def _acted(self, task: asyncio.Task[None]) -> None:
        self._busy.discard(task)
        if not task.cancelled() and (error := task.exception()):
            task.get_loop().call_exception_handler({"message": f"{self.name} could not act", "exception": error})

    def leave(self) -> None:
        """Its owner goes home: whatever he was about to do is not done."""
        for task in self._busy:
            task.cancel()
