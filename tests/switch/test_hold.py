"""A secretary's telephone holds its call by SIP, and begins a new stream when it takes the caller back, as many do.
Asterisk drops what it translates of a stream whose packets have lower numbers than those of the one before."""

import asyncio

import pytest
from holding_phone import holding_phone
from lengths import talking

from pbx_control.world import audio
from pbx_control.world.legs import patience

pytestmark = [pytest.mark.switch, pytest.mark.asyncio(loop_scope="session")]

HOST = "127.0.0.14"
BEFORE, AFTER = 880, 1240  # what she says, Hz
TALKS = 4.0


@pytest.mark.parametrize("first", [100, 40_000], ids=["lower", "higher"])
async def test_who_was_on_hold_hears_her_again_and_so_does_the_recording(town, first):
    firm = await town.firm("always", "--recording")
    account = await town.office.ask("secretary", "add", f"Ana {firm.slug}", "--clients", firm.slug)
    await town.live()
    port = town.office.ports.base + 76
    async with holding_phone(town.world.place.pbx, HOST, port, account["user"], account["password"]) as ana:
        caller = await town.world.call(firm.number)
        await caller.answered()
        await asyncio.wait_for(ana.answered.wait(), patience(3))
        await ana.talks(BEFORE, 30_000, 2)
        await ana.changes_to("sendonly")
        await talking(1)
        await ana.changes_to("sendrecv")
        await ana.talks(AFTER, first, TALKS)
        await caller.hang_up()
        assert await town.quiet(8) == ""
    (call,) = await town.calls(firm)
    for file in (caller.heard, town.office.home / "recordings" / call["recording"]):
        assert audio.heard(file, BEFORE) > 1.5
        assert audio.heard(file, AFTER) > TALKS - 1
