"""A secretary's telephone holds its call by SIP, and begins a new stream when it takes the caller back, as many do.
Asterisk drops what it translates of a stream whose packets have lower numbers than those of the one before. What she
does not hear meanwhile, no supervisor hears."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from conftest import Town
from holding_phone import HoldingPhone, holding_phone
from lengths import talking
from test_channel_calls import screen
from test_supervision import CALLER, Scene, user_id

from pbx_control.live.news import Act, AnswerKind, Asker, Role
from pbx_control.world import audio
from pbx_control.world.legs import patience

pytestmark = [pytest.mark.switch, pytest.mark.asyncio(loop_scope="session")]

HOST = "127.0.0.14"
BEFORE, AFTER, ON_HOLD = 880, 1240, 1700  # what she says, and what her telephone plays while she holds, Hz
TALKS = 4.0


async def recorded(town: Town, says: Callable[[HoldingPhone], Awaitable[None]]) -> tuple[Path, Path]:
    """What the caller heard of a recorded call in which Ana `says` something, and the recording."""
    firm = await town.firm("always", "--recording")
    account = await town.office.ask("secretary", "add", f"Ana {firm.slug}", "--clients", firm.slug)
    await town.live()
    port = town.office.ports.base + 76
    async with holding_phone(town.world.place.pbx, HOST, port, account["user"], account["password"]) as ana:
        caller = await town.world.call(firm.number)
        await caller.answered()
        await asyncio.wait_for(ana.answered.wait(), patience(3))
        await says(ana)
        await caller.hang_up()
        assert await town.quiet(8) == ""
    (call,) = await town.calls(firm)
    return caller.heard, town.office.home / "recordings" / call["recording"]


@pytest.mark.parametrize("first", [100, 40_000], ids=["lower", "higher"])
async def test_who_was_on_hold_hears_her_again_and_so_does_the_recording(town, first):
    async def holds(ana: HoldingPhone) -> None:
        await ana.talks(BEFORE, 30_000, 2)
        await ana.changes_to("sendonly")
        await talking(1)
        await ana.changes_to("sendrecv")
        await ana.talks(AFTER, first, TALKS)

    for file in await recorded(town, holds):
        assert audio.heard(file, BEFORE) > 1.5
        assert audio.heard(file, AFTER) > TALKS - 1


async def test_who_begins_a_new_stream_without_a_word_by_sip_is_heard_again(town):
    async def changes(ana: HoldingPhone) -> None:
        await ana.talks(BEFORE, 30_000, 4)
        await ana.talks(AFTER, 100, 8)

    for file in await recorded(town, changes):
        assert audio.heard(file, BEFORE) > 3
        assert audio.heard(file, AFTER) > 4  # seen within two seconds


@asynccontextmanager
async def supervised(town: Town, *options: str) -> AsyncIterator[tuple[Scene, HoldingPhone]]:
    """A caller talks with Ana, whose telephone holds by SIP; a supervisor has a telephone."""
    firm = await town.firm("always", *options)
    account = await town.office.ask("secretary", "add", f"Ana {firm.slug}", "--clients", firm.slug)
    name = f"jefa-{firm.slug}"
    await town.office.ask("user", "add", name, "--role", "supervisor")
    hers = await town.office.ask("user", "telephone", name)
    jefa = (await town.world.phone(hers["user"], hers["password"])).answers(0.2)
    await town.live()
    port = town.office.ports.base + 76
    async with (
        holding_phone(town.world.place.pbx, HOST, port, account["user"], account["password"]) as ana,
        screen(town) as page,
    ):
        caller = await town.world.call(firm.number, tone=CALLER)
        await caller.answered()
        call = await page.sees(firm, "talking")
        by = Asker(Role.SUPERVISOR, name, user_id=user_id(town, name))
        yield Scene(town, firm, None, jefa, by, page, caller, None, call, ""), ana


@pytest.mark.parametrize("options", [("--recording",), ()], ids=["recorded", "not recorded"])
async def test_a_supervisor_does_not_hear_who_is_on_hold(town, options):
    async with supervised(town, *options) as (here, ana):
        jefa = await here.comes_in(Act.LISTEN)
        await asyncio.gather(here.lasts("talking"), ana.talks(BEFORE, 30_000, 3))
        await ana.changes_to("sendonly")
        await asyncio.gather(here.lasts("on hold"), ana.talks(ON_HOLD, 31_000, 3))
        assert (await here.asks(Act.BARGE)).outcome is AnswerKind.DONE
        await asyncio.gather(here.lasts("on hold, another mode", 2), ana.talks(ON_HOLD, 32_000, 2))
        await ana.changes_to("sendrecv")
        await asyncio.gather(here.lasts("talking again"), ana.talks(AFTER, 100, 3))
        await here.over()
        heard = {name: here.heard(jefa, name, (CALLER, BEFORE, AFTER, ON_HOLD)) for name in here.stretches}
        assert heard == {
            "talking": {CALLER, BEFORE},
            "on hold": {ON_HOLD},
            "on hold, another mode": {ON_HOLD},
            "talking again": {CALLER, AFTER},
        }


async def test_nor_who_was_put_on_hold_while_no_daemon_was_there(town):
    async with supervised(town, "--recording") as (here, ana):
        jefa = await here.comes_in(Act.LISTEN)
        await asyncio.gather(here.lasts("talking", 2), ana.talks(BEFORE, 30_000, 2))
        await town.office.kill_daemon()
        await ana.changes_to("sendonly")
        await town.office.start_daemon()
        await asyncio.gather(here.lasts("on hold"), ana.talks(ON_HOLD, 35_000, 3))
        await town.office.kill_daemon()
        await ana.changes_to("sendrecv")
        await town.office.start_daemon()
        await asyncio.gather(here.lasts("talking again"), ana.talks(AFTER, 100, 3))
        await here.over()
        heard = {name: here.heard(jefa, name, (CALLER, BEFORE, AFTER, ON_HOLD)) for name in here.stretches}
        assert heard == {"talking": {CALLER, BEFORE}, "on hold": {ON_HOLD}, "talking again": {CALLER, AFTER}}


async def test_a_supervisor_who_barges_in_is_heard_again_after_a_hold_of_her_telephone(town):
    firm = await town.firm("always", "--recording")
    her = (await town.secretary(firm, "Ana", BEFORE)).answers(0.2)
    name = f"jefa-{firm.slug}"
    await town.office.ask("user", "add", name, "--role", "supervisor")
    account = await town.office.ask("user", "telephone", name)
    await town.live()
    port = town.office.ports.base + 76
    async with (
        holding_phone(town.world.place.pbx, HOST, port, account["user"], account["password"]) as jefa,
        screen(town) as page,
    ):
        caller = await town.world.call(firm.number, tone=CALLER)
        await caller.answered()
        call = await page.sees(firm, "talking")
        by = Asker(Role.SUPERVISOR, name, user_id=user_id(town, name))
        here = Scene(town, firm, her, None, by, page, caller, await her.rung(), call, "")
        assert (await here.asks(Act.BARGE)).outcome is AnswerKind.DONE
        await asyncio.wait_for(jefa.answered.wait(), patience(3))
        await asyncio.gather(here.lasts("barge"), jefa.talks(ON_HOLD, 30_000, 3))
        await jefa.changes_to("sendonly")
        await here.lasts("her hold")
        await jefa.changes_to("sendrecv")
        await asyncio.gather(here.lasts("barge again"), jefa.talks(AFTER, 100, 3))
        await here.over()
    heard = {name: here.heard(caller, name, (BEFORE, AFTER, ON_HOLD)) for name in here.stretches}
    assert heard == {"barge": {BEFORE, ON_HOLD}, "her hold": {BEFORE}, "barge again": {BEFORE, AFTER}}
    heard = {name: here.heard(here.her, name, (CALLER, AFTER, ON_HOLD)) for name in here.stretches}
    assert heard == {"barge": {CALLER, ON_HOLD}, "her hold": {CALLER}, "barge again": {CALLER, AFTER}}
