"""The last step of handing over: one letter at a time, but no server that is slow or silent holds up the others."""

import asyncio

import pytest

from pbx_control.notify import turns
from pbx_control.notify.turns import Turns

HANGS = 30


async def take_and_leave(all_turns: Turns, log: list[str], name: str, until: asyncio.Event | None = None) -> None:
    with all_turns.for_letter() as turn:
        await turn.take()
        log.append(f"{name} begins")
        await (until.wait() if until else asyncio.sleep(0))
        log.append(f"{name} ends")


async def test_quick_ones_go_strictly_one_after_the_other():
    log: list[str] = []
    all_turns = Turns()
    await asyncio.gather(*(take_and_leave(all_turns, log, str(number)) for number in range(20)))
    assert log == [f"{number} {what}" for number in range(20) for what in ("begins", "ends")]


async def test_one_that_hangs_holds_up_the_next_for_a_moment_only(monkeypatch):
    monkeypatch.setattr(turns, "PATIENCE", 0.05)
    log: list[str] = []
    all_turns, never = Turns(), asyncio.Event()
    hanging = asyncio.create_task(take_and_leave(all_turns, log, "hanging", never))
    async with asyncio.timeout(HANGS):
        await asyncio.gather(*(take_and_leave(all_turns, log, str(number)) for number in range(3)))
    assert log[0] == "hanging begins"
    assert set(log[1:]) == {f"{number} {what}" for number in range(3) for what in ("begins", "ends")}
    never.set()
    await hanging
    await take_and_leave(all_turns, log, "after")
    assert log[-1] == "after ends"


async def test_many_that_hang_wait_for_the_first_of_them_alone(monkeypatch):
    """A way whose servers answer does not wait for each letter of the other, one after the other."""
    monkeypatch.setattr(turns, "PATIENCE", 0.05)
    log: list[str] = []
    all_turns, never, alone = Turns(), asyncio.Event(), 0
    hanging = [asyncio.create_task(take_and_leave(all_turns, log, str(number), never)) for number in range(16)]
    hanging.append(asyncio.create_task(take_and_leave(all_turns, log, "telegram")))
    async with asyncio.timeout(HANGS):
        while "telegram ends" not in log:
            before = len(log)
            await asyncio.sleep(0)
            alone += len(log) - before == 1
    assert alone < 8  # the others begin together; each on its own it would be sixteen
    never.set()
    await asyncio.gather(*hanging)


async def test_while_a_server_is_slow_none_waits_longer_than_its_patience(monkeypatch):
    monkeypatch.setattr(turns, "PATIENCE", 0.05)
    log: list[str] = []
    all_turns, never = Turns(), asyncio.Event()
    all_turns.usual = turns.QUICK
    slow = [asyncio.create_task(take_and_leave(all_turns, log, str(number), never)) for number in range(16)]
    async with asyncio.timeout(HANGS):
        while len(log) < 16:  # noqa: ASYNC110
            await asyncio.sleep(0.01)
    never.set()
    await asyncio.gather(*slow)


async def test_a_letter_that_takes_its_turn_again_keeps_it_and_a_cancelled_one_gives_it_back():
    all_turns = Turns()
    with all_turns.for_letter() as turn:
        await turn.take()
        await turn.take()
        waiting = asyncio.create_task(take_and_leave(all_turns, [], "waiting"))
        await asyncio.sleep(0)
        waiting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waiting
    async with asyncio.timeout(HANGS):
        await take_and_leave(all_turns, [], "next")


async def test_servers_that_hang_are_soon_known_as_slow_and_quick_ones_as_quick(monkeypatch):
    monkeypatch.setattr(turns, "PATIENCE", 0.6)
    all_turns = Turns()
    with all_turns.for_letter() as turn:
        await turn.take()
        await asyncio.sleep(0.7)
    assert all_turns.usual > turns.QUICK
    for _ in range(10):
        await take_and_leave(all_turns, [], "quick")
    assert all_turns.usual < turns.QUICK
