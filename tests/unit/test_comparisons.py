"""When board and switch are compared anew: after a hang, wherever it falls, and after a comparison that failed."""

import asyncio
import time
from collections.abc import Callable
from contextlib import suppress
from datetime import datetime

import pytest

from pbx_control.live import comparisons
from pbx_control.live.comparisons import Comparisons

HANG = 0.05


class Board:
    """Says whether it is held."""

    def __init__(self) -> None:
        self.held = True

    def hold(self) -> None:
        self.held = True

    def resume(self) -> None:
        self.held = False


class Pulse:
    ready = True


class Switch:
    """Is compared with the board; at each comparison it does the next thing of `story`."""

    def __init__(self, board: Board, *story: Callable[[], None]) -> None:
        self.board, self.story = board, list(story)
        self.compared: list[bool] = []  # whether the board was held meanwhile

    async def __call__(self, *, newly_connected: bool, last_beat: datetime | None = None) -> None:
        self.compared.append(self.board.held)
        await asyncio.sleep(0)
        if self.story:
            self.story.pop(0)()


def hang() -> None:
    """The whole process stands still."""
    time.sleep(2 * HANG)


def fail() -> None:
    raise KeyError("a fault of ours")


@pytest.fixture
def board(monkeypatch) -> Board:
    monkeypatch.setattr(comparisons, "HUNG", HANG)
    monkeypatch.setattr(comparisons, "LOOK_AT_LOOP_EVERY", HANG / 5)
    return Board()


async def until(true: Callable[[], bool]) -> None:
    async with asyncio.timeout(20):
        while not true():  # noqa: ASYNC110
            await asyncio.sleep(0)


async def test_after_a_hang_while_calls_are_taken_up_it_is_compared_again(board):
    switch = Switch(board, hang)
    watched = Comparisons(switch, board, Pulse())
    watched.watch_loop()
    await watched.take_up(None)
    assert switch.compared == [True, True]
    assert not board.held


async def test_calls_that_are_taken_up_without_a_hang_are_compared_once(board, monkeypatch):
    monkeypatch.setattr(comparisons, "HUNG", 60)
    switch = Switch(board)
    watched = Comparisons(switch, board, Pulse())
    watched.watch_loop()
    await watched.take_up(None)
    assert switch.compared == [True]
    assert not board.held


async def test_what_is_held_after_a_hang_waits_until_a_comparison_without_one(board):
    board.held = False
    switch = Switch(board, hang, lambda: None)
    watched = Comparisons(switch, board, Pulse())
    watched.watch_loop()
    running = asyncio.ensure_future(watched.run())
    hang()
    await until(lambda: len(switch.compared) >= 2 and not board.held)
    assert switch.compared[:2] == [True, True]
    running.cancel()


async def test_a_comparison_that_fails_is_tried_once_more_before_held_calls_go_on(board):
    switch = Switch(board, fail, fail)
    watched = Comparisons(switch, board, Pulse())
    watched.look_soon()
    for held in (True, False):
        with pytest.raises(KeyError):
            await watched.run()
        assert board.held is held
    assert switch.compared == [True, True]


async def test_a_comparison_that_succeeds_the_second_time_ends_the_hold(board):
    switch = Switch(board, fail)
    watched = Comparisons(switch, board, Pulse())
    watched.look_soon()
    with suppress(KeyError):
        await watched.run()
    running = asyncio.ensure_future(watched.run())
    await until(lambda: not board.held)
    assert switch.compared == [True, True]
    running.cancel()
