"""Which legs are given up: those that neither answer the switch nor send anything between two counts."""

import asyncio
from types import SimpleNamespace

from pbx_control.asterisk.ari import Reply
from pbx_control.live.dead_lines import DeadLines
from pbx_control.live.reach import Reach

LEG = "c1-secretary-1"


class Switch:
    """Answers with the packet counts that it is given, one a look; notes the legs that are ended."""

    def __init__(self, *counts: int | None) -> None:
        self._counts = list(counts)
        self.ended: list[object] = []

    async def ask(self, method: str, uri: str, **query: object) -> Reply:
        if method == "DELETE":
            self.ended.append((uri, query["reason_code"]))
            return Reply(204)
        count = self._counts.pop(0)
        return Reply(404) if count is None else Reply(200, {"rxcount": count})


def looks(switch: Switch, *unreachable: bool) -> list[object]:
    """What was ended after so many looks, in each of which her telephone could not be reached or could."""

    async def look() -> None:
        told = {"legs_with_her": list, "calls": [], "chairs": []}
        board = SimpleNamespace(unreachable_legs=lambda: [LEG] if next(turns) else [], **told)
        lines = DeadLines(switch, board, Reach(board))  # type: ignore[arg-type]
        for _ in unreachable:
            await lines.look()

    turns = iter(unreachable)
    asyncio.run(look())
    return switch.ended


def test_a_telephone_that_cannot_be_reached_and_is_silent_is_dead() -> None:
    assert looks(Switch(700, 700), True, True) == [(f"channels/{LEG}", 27)]


def test_one_that_never_sent_anything_is_dead_too() -> None:
    assert looks(Switch(0, 0), True, True) == [(f"channels/{LEG}", 27)]


def test_one_whose_audio_still_comes_is_not() -> None:
    assert looks(Switch(700, 800, 900), True, True, True) == []


def test_one_that_answers_the_switch_is_not_however_silent() -> None:
    assert looks(Switch(), False, False, False) == []


def test_one_that_was_away_for_a_moment_is_counted_anew() -> None:
    assert looks(Switch(700, 700), True, False, True) == []


def test_a_leg_that_is_gone_or_has_no_audio_yet_is_left_alone() -> None:
    assert looks(Switch(None, None), True, True) == []
