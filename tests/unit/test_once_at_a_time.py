"""Work that is wanted again and again for one name."""

import asyncio

from pbx_control.live.once_at_a_time import OnceAtATime


class Work:
    """Waits until it may end; `done` has whom it was for."""

    def __init__(self) -> None:
        self.done: list[str] = []
        self.may_end = asyncio.Event()

    async def __call__(self, name: str) -> None:
        self.done.append(name)
        await self.may_end.wait()


async def ended(once: OnceAtATime) -> None:
    while tasks := list(once._tasks.values()):
        await asyncio.gather(*tasks)


async def test_a_flood_about_one_telephone_is_two_questions():
    work = Work()
    once = OnceAtATime(work)
    for _ in range(1000):
        once.want("ana")
    await asyncio.sleep(0)
    for _ in range(1000):
        once.want("ana")
    assert len(once._tasks) == 1
    work.may_end.set()
    await ended(once)
    assert work.done == ["ana", "ana"]


async def test_one_name_does_not_wait_for_another():
    work = Work()
    once = OnceAtATime(work)
    once.want("ana")
    once.want("eva")
    await asyncio.sleep(0)
    assert work.done == ["ana", "eva"]
    work.may_end.set()
    await ended(once)


async def test_what_is_wanted_later_is_done_anew():
    work = Work()
    work.may_end.set()
    once = OnceAtATime(work)
    for _ in range(2):
        once.want("ana")
        await ended(once)
    assert work.done == ["ana", "ana"]
