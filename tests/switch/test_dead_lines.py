"""A secretary's telephone that sends nothing: one that answers the switch lives, one that vanished is found soon."""

import asyncio

import pytest
from lengths import talking, waiting
from socket_phone import socket_phone

from pbx_control.live.dead_lines import COUNT_EVERY
from pbx_control.world import audio
from pbx_control.world.legs import patience

pytestmark = [pytest.mark.switch, pytest.mark.asyncio(loop_scope="session")]

HOST = "127.0.0.14"
# qualify_frequency and qualify_timeout of the generated configuration, two counts, and the offer to the next one, s.
FOUND_WITHIN = 5 + 3 + 2 * COUNT_EVERY + 2
# The session timer of a telephone: it is asked after half of it, has 32 s to answer, and 32 more for the BYE.
FOUND_WITHOUT_DAEMON = 45 + 32 + 32 + 8
# Longer than any limit on silence that this service has had.
MUTED_FOR = 40


async def in_conversation(town, firm, port):
    account = await town.office.ask("secretary", "add", f"Ana {firm.slug}", "--clients", firm.slug)
    await town.live()
    return socket_phone(town.world.place.pbx, HOST, port, account["user"], account["password"])


async def test_a_muted_telephone_that_sends_no_packet_at_all_is_no_dead_line(town):
    firm = await town.firm()
    async with await in_conversation(town, firm, town.office.ports.base + 71) as ana:
        caller = await town.world.call(firm.number)
        await caller.answered()
        await waiting(MUTED_FOR)
        assert not ana.over.is_set()
        assert ana.asked.count("OPTIONS") > MUTED_FOR / 5 - 3
        await caller.hang_up()
        await asyncio.wait_for(ana.over.wait(), patience(3))
    await town.letter(firm)
    (call,) = await town.calls(firm)
    assert (call["outcome"], call["live"]) == ("answered", False)


async def test_a_telephone_that_answers_and_vanishes_is_found_and_the_caller_is_the_next_ones(town):
    firm = await town.firm()
    async with await in_conversation(town, firm, town.office.ports.base + 72) as ana:
        caller = await town.world.call(firm.number)
        await caller.answered()
        eva = (await town.secretary(firm, "Eva", tone=1000)).answers(after=0.2)
        ana.vanish()
        ring = await eva.rung(seconds=FOUND_WITHIN)
        await ring.answered()
        await talking(2)
        await caller.hang_up()
        await ring.ended(1)
    assert audio.heard(caller.heard, 1000) > 1
    assert audio.heard(ring.heard, 700) > 1


async def test_without_a_daemon_the_session_timer_finds_it_and_a_muted_one_lives(town):
    firm, quiet = await town.firm(), await town.firm()
    phone, muted = [
        await in_conversation(town, each, town.office.ports.base + port) for each, port in ((firm, 73), (quiet, 74))
    ]
    async with phone as ana, muted as ida:
        caller, other = await town.world.call(firm.number), await town.world.call(quiet.number)
        await asyncio.gather(caller.answered(), other.answered())
        eva = (await town.secretary(firm, "Eva", tone=1000)).answers(after=0.2)
        # Her telephone registers before the queues are read: the switch alone would not know whom to ring.
        await town.office.ask("dialplan", "apply")
        await town.office.kill_daemon()
        try:
            ana.vanish()
            ring = await eva.rung(seconds=FOUND_WITHOUT_DAEMON)
            await ring.answered()
            await caller.hang_up()
            await ring.ended(1)
            # the first INVITE, and one for each half of her session's time
            assert ida.asked.count("INVITE") > 1
            assert not ida.over.is_set()
        finally:
            await town.office.start_daemon()
        await other.hang_up()
        await asyncio.wait_for(ida.over.wait(), patience(5))
