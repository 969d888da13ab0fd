"""Which telephone of hers is rung, whether she can be reached, and which legs of pages are given up."""

import asyncio
from types import SimpleNamespace
from typing import Any

import pytest

from pbx_control.asterisk.ari import Reply
from pbx_control.domain.call.model import Seat
from pbx_control.domain.telephony import browser
from pbx_control.errors import SwitchUnavailable
from pbx_control.live.dead_lines import SILENT_COUNTS, DeadLines
from pbx_control.live.page_telephones import PageTelephones
from pbx_control.live.reach import Reach

LEG, PAGE = "c1-secretary-1", "ana_browser"
SHE = SimpleNamespace(id=7, user="ana", browser_telephone=True)


class Board:
    """Ana's chair, her leg, and what is told of her telephone."""

    def __init__(self) -> None:
        self.chairs = [SimpleNamespace(seat=Seat(7, "ana", "Ana"), held_by="c1")]
        self.calls = [SimpleNamespace(seat=True, secretary_leg=LEG)]
        self.directory = SimpleNamespace(office=SimpleNamespace(secretaries=[SHE]))
        self.told: dict[str, bool] = {}
        self.unreachable: list[str] = []

    def registered(self, user: str, is_registered: bool) -> None:
        self.told[user] = is_registered

    def legs_with_her(self) -> list[str]:
        return [LEG]

    def unreachable_legs(self) -> list[str]:
        return self.unreachable


@pytest.fixture
def board() -> Board:
    return Board()


@pytest.fixture
def reach(board: Board) -> Reach:
    return Reach(board)  # type: ignore[arg-type]


def test_the_switch_alone_is_not_enough_and_her_page_alone_is_not(board: Board, reach: Reach) -> None:
    reach.is_online(PAGE, True)
    assert board.told == {"ana": False}
    reach.are_ready({7})
    assert board.told == {"ana": True}
    reach.is_online(PAGE, False)
    assert board.told == {"ana": False}


def test_a_page_that_has_no_microphone_any_more_is_not_rung(board: Board, reach: Reach) -> None:
    reach.is_online(PAGE, True)
    reach.are_ready({7})
    reach.are_ready(set())
    assert board.told == {"ana": False}
    assert reach.endpoint_of("ana") == "ana"


def test_another_secretarys_page_makes_nobody_reachable(board: Board, reach: Reach) -> None:
    reach.is_online(PAGE, True)
    reach.are_ready({8})
    assert board.told == {"ana": False}


def test_her_softphone_comes_first(board: Board, reach: Reach) -> None:
    reach.is_online(PAGE, True)
    reach.are_ready({7})
    assert reach.endpoint_of("ana") == PAGE
    reach.is_online("ana", True)
    assert reach.endpoint_of("ana") == "ana"
    reach.is_online("ana", False)
    assert (board.told, reach.endpoint_of("ana")) == ({"ana": True}, PAGE)


def test_an_address_stands_for_one_secretary() -> None:
    addresses = {browser.comes_from(number) for number in range(1, 2000)}
    assert len(addresses) == 1999
    assert "127.0.0.1" not in addresses


class Switch:
    """Answers with the packet counts that it is given, one a look; notes the legs that are ended."""

    def __init__(self, *counts: int) -> None:
        self._counts = list(counts)
        self.ended: list[int] = []

    async def ask(self, method: str, uri: str, body: Any = None, /, **query: Any) -> Reply:
        if method == "DELETE":
            self.ended.append(len(self._counts))
            return Reply(204)
        return Reply(200, {"rxcount": self._counts.pop(0)})


def looks(board: Board, reach: Reach, *counts: int) -> bool:
    """Whether her leg was given up, with such packet counts."""
    switch = Switch(*counts)
    lines = DeadLines(switch, board, reach)  # type: ignore[arg-type]

    async def look() -> None:
        for _ in counts:
            if not switch.ended:
                await lines.look()

    asyncio.run(look())
    return bool(switch.ended)


def in_her_page(reach: Reach) -> None:
    reach.is_online(PAGE, True)
    reach.are_ready({7})
    assert reach.ring("ana", LEG) == PAGE


def test_a_silent_page_is_given_up_after_a_while(board: Board, reach: Reach) -> None:
    in_her_page(reach)
    assert not looks(board, reach, *[700] * SILENT_COUNTS)
    assert looks(board, reach, *[700] * (SILENT_COUNTS + 1))


def test_one_that_sends_again_is_not(board: Board, reach: Reach) -> None:
    in_her_page(reach)
    assert not looks(board, reach, *[700] * SILENT_COUNTS, 701, *[701] * (SILENT_COUNTS - 1))


def test_one_after_which_another_page_was_opened_is_given_up_at_once(board: Board, reach: Reach) -> None:
    in_her_page(reach)
    reach.page_opened("ana")
    assert looks(board, reach, 700, 700)
    assert not looks(board, reach, 700, 800, 900)  # it has lost its socket only: she talks on


def test_one_that_the_switch_does_not_reach_is_given_up_at_once(board: Board, reach: Reach) -> None:
    in_her_page(reach)
    reach.is_online(PAGE, False)
    assert looks(board, reach, 700, 700)


def test_a_softphone_that_is_silent_is_not(board: Board, reach: Reach) -> None:
    reach.is_online("ana", True)
    assert reach.ring("ana", LEG) == "ana"
    reach.page_opened("ana")
    assert not looks(board, reach, *[700] * (SILENT_COUNTS + 3))


class Passwords:
    """An Asterisk that keeps passwords, or is away."""

    def __init__(self, status: int = 200, there: int = 404) -> None:
        self.status, self.there = status, there  # of what is changed, of what is asked for
        self.asked: list[tuple[str, str, Any]] = []

    async def ask(self, method: str, uri: str, body: Any = None, /) -> Reply:
        if not self.status:
            raise SwitchUnavailable("it is away")
        self.asked.append((method, uri, body))
        return Reply(self.there if method == "GET" else self.status)


async def test_each_page_gets_a_password_of_its_own(board: Board, reach: Reach) -> None:
    switch = Passwords()
    telephones = PageTelephones(switch, board, reach)  # type: ignore[arg-type]
    one, two = await telephones.lend(7), await telephones.lend(7)
    assert one
    assert two
    assert one[0] == two[0] == PAGE
    assert one[1] != two[1]
    assert {uri for _, uri, _ in switch.asked} == {f"asterisk/config/dynamic/res_pjsip/auth/{PAGE}"}
    fields = {each["attribute"]: each["value"] for each in switch.asked[1][2]["fields"]}
    assert fields == {"auth_type": "userpass", "username": PAGE, "password": two[1]}
    await telephones.take_back(7)
    # Without any password Asterisk answers 500: it would tell whoever asks which telephones there are.
    method, _, body = switch.asked[-1]
    passwords = {each["value"] for each in body["fields"] if each["attribute"] == "password"}
    assert method == "PUT"
    assert passwords.isdisjoint({one[1], two[1]})
    board.directory.office.secretaries = [SimpleNamespace(id=7, user="ana", browser_telephone=False)]
    await telephones.take_back(7)
    assert switch.asked[-1][0] == "DELETE"


@pytest.mark.parametrize(("there", "done"), [(404, ["GET", "PUT"]), (200, ["GET"])])
async def test_a_telephone_whose_page_is_closed_has_a_password_that_nobody_knows(
    board: Board, reach: Reach, there: int, done: list[str]
) -> None:
    switch = Passwords(there=there)  # 200: that of a page that is open
    telephones = PageTelephones(switch, board, reach)  # type: ignore[arg-type]
    await telephones.close_those_without(newly_connected=True)
    assert [method for method, _, _ in switch.asked] == done
    await telephones.close_those_without(newly_connected=False)
    assert len(switch.asked) == len(done)
    await telephones.close_those_without(newly_connected=True)  # it may be another Asterisk
    assert len(switch.asked) == 2 * len(done)


async def test_one_that_was_lent_a_password_is_not_asked_for(board: Board, reach: Reach) -> None:
    switch = Passwords()
    telephones = PageTelephones(switch, board, reach)  # type: ignore[arg-type]
    await telephones.lend(7)
    await telephones.close_those_without(newly_connected=False)
    assert [method for method, _, _ in switch.asked] == ["PUT"]


@pytest.mark.parametrize(("status", "her", "has"), [(0, 7, True), (409, 7, True), (200, 8, True), (200, 7, False)])
async def test_nobody_gets_one_who_may_have_none(board: Board, reach: Reach, status: int, her: int, has: bool) -> None:
    board.directory.office.secretaries = [SimpleNamespace(id=7, user="ana", browser_telephone=has)]
    telephones = PageTelephones(Passwords(status), board, reach)  # type: ignore[arg-type]
    assert await telephones.lend(her) is None
    await telephones.take_back(her)
