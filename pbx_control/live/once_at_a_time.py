"""Work for each of many names, one at a time for each: a flood of events about one telephone is two questions."""

import asyncio
from collections.abc import Awaitable, Callable


class OnceAtATime:
    """`want` begins the work for a name; what is wanted while it goes on is done once, after it."""

    def __init__(self, work: Callable[[str], Awaitable[None]]) -> None:
        self._work = work
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self._again: set[str] = set()

    def want(self, name: str) -> None:
        """Has the work done for that name, with all that is known from now on."""
        if name in self._tasks:
            self._again.add(name)
        else:
            self._tasks[name] = asyncio.ensure_future(self._do(name))

    async def _do(self, name: str) -> None:
        try:
            wanted = True
            while wanted:
                self._again.discard(name)
                await self._work(name)
                wanted = name in self._again
        finally:
            self._again.discard(name)
            del self._tasks[name]
