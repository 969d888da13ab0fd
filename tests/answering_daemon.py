"""A daemon's channel without the daemon, in a thread of its own: for commands that listen to one."""

import asyncio
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any

from pbx_control.clock import now
from pbx_control.domain.call.model import Seat
from pbx_control.domain.floor import Chair
from pbx_control.live.channel import Channel
from pbx_control.settings import Home


class Idle:
    """A switchboard without calls."""

    calls: Sequence[object] = ()

    def __init__(self, chairs: Sequence[Chair]) -> None:
        self.chairs = chairs

    def call(self, call_id: str) -> None:
        return None

    def desks(self, here: object, lost: object) -> None:
        """Nobody is offered calls."""


class Answering:
    """The channel, from another thread."""

    def __init__(self, channel: Channel, loop: asyncio.AbstractEventLoop) -> None:
        self._channel, self._loop = channel, loop

    def does(self, act: Callable[[Channel], None]) -> None:
        """Has something done with the channel, and waits until it is."""
        done = threading.Event()
        self._loop.call_soon_threadsafe(lambda: (act(self._channel), done.set()))
        done.wait()


@contextmanager
def answering(
    home: Home, *, ready: bool = True, since: datetime | None = None, published: int = 0, chairs: Sequence[Chair] = ()
) -> Iterator[Answering]:
    """A channel that answers in the home for the length of the block."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever)
    thread.start()

    async def begin() -> tuple[Channel, "asyncio.Task[None]"]:
        channel = Channel(home, Idle(chairs))  # type: ignore[arg-type]
        channel.daemon_is(ready, since or now(), 0)
        running = asyncio.ensure_future(channel.run())
        await asyncio.sleep(0)
        return channel, running

    async def end(running: "asyncio.Task[None]") -> None:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)

    channel, running = asyncio.run_coroutine_threadsafe(begin(), loop).result()
    try:
        yield Answering(channel, loop)
    finally:
        asyncio.run_coroutine_threadsafe(end(running), loop).result()
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()


def a_chair(secretary_id: int, **known: Any) -> Chair:
    """A secretary as the switchboard has her; her telephone is away, unless it is said to be there."""
    then = datetime(2026, 8, 3, tzinfo=UTC)
    return Chair(Seat(secretary_id, f"u{secretary_id}", f"N{secretary_id}"), ("es",), None, then, then, **known)
