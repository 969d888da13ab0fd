"""How the bench measures transfers: its keys are RFC 4733, its INVITEs belong to the right key, its goal is judged."""

import socket
from contextlib import closing, suppress
from dataclasses import replace

import pytest

from bench.consultation import Consultations, Order, orders, pairs
from bench.keys import END_BIT, EVENT, Keypads, Pressed
from bench.lab import Firm
from bench.table import consultation_goal


def test_a_contact_that_is_called_again_is_not_taken_for_the_first_call():
    first, second = Pressed(9.9, 10.0), Pressed(12.9, 13.0)
    assert pairs({"a": [second, first]}, {"a": [10.01, 13.02]}) == [(first, 10.01), (second, 13.02)]
    assert pairs({"a": [first, second]}, {"a": [13.02]}) == [(second, 13.02)]
    assert pairs({"a": [first]}, {"b": [10.01]}) == []


def test_each_contact_gets_a_call_before_one_gets_two():
    firms = [Firm("1", ("a", "b")), Firm("2", ("c", "d"))]
    wanted = orders(firms, 5)
    assert [order.contact for order in wanted] == ["a", "c", "b", "d", "a"]
    assert wanted[2] == Order("1", "*2", "b")


async def test_a_key_is_an_event_that_ends_three_times():
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as ear, closing(Keypads(("127.0.0.1", 0))) as keypads:
        ear.bind(("127.0.0.1", 0))
        pressed = await keypads.leg(ear.getsockname()).press("*4")
        ear.setblocking(False)
        packets = []
        with suppress(BlockingIOError):
            while True:
                packets.append(ear.recv(200))
    events = [packet for packet in packets if packet[1] & 0x7F == EVENT]
    assert [packet[12] for packet in events] == [10] * 8 + [4] * 8
    assert [bool(packet[13] & END_BIT) for packet in events] == ([False] * 5 + [True] * 3) * 2
    assert len({packet[4:8] for packet in events}) == 2
    assert [int.from_bytes(packet[2:4], "big") for packet in packets] == list(range(1, len(packets) + 1))
    assert pressed.ended - pressed.began == pytest.approx(0.1, abs=0.05)


def test_the_goal_of_consultations_wants_no_failure():
    done = Consultations(20, 4, 0, [5.0, 6.0, 7.0, 99.0], [105.0, 106.0, 107.0, 199.0], 19.8, 10.0, 20.0)
    assert consultation_goal(done).endswith("99.0 ms, 0 failed, reached")
    assert consultation_goal(replace(done, failed=1)).endswith("1 failed, NOT reached")
    assert consultation_goal(replace(done, from_end=[101.0])).endswith("NOT reached")
