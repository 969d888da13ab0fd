"""The daemon hangs, or dies, in the moments in which nothing is played: nobody is left in silence, nobody is recorded
untold."""

import signal
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from lengths import talking, unbroken, waiting
from test_recovery import MARIA, in_the_dialplan, lose, nobody_home, outcomes
from test_transfers import daemon_taken_for_dead

from pbx_control.asterisk.dialplan import UNJOINED
from pbx_control.domain.call.flow import OFFER_LIMIT
from pbx_control.world import audio
from pbx_control.world.legs import patience

pytestmark = [pytest.mark.switch, pytest.mark.asyncio(loop_scope="session")]

CALLER, ANA, EVA = 700, 880, 1000


@asynccontextmanager
async def hung(town):
    """The daemon lives, and does nothing, for the length of a block."""
    town.office.daemon.send_signal(signal.SIGSTOP)
    try:
        yield
    finally:
        town.office.daemon.send_signal(signal.SIGCONT)


async def ringing(town, *options: str):
    """A firm, a caller, and Ana's telephone that rings for him where the switch alone can connect it."""
    firm = await town.firm("always", *options)
    ana = (await town.secretary(firm, "Ana", tone=ANA)).rings_on()
    caller = await town.world.call(firm.number, MARIA, tone=CALLER)
    ring = await ana.rung()
    await in_the_dialplan(town)
    return firm, ana, caller, ring


async def test_she_answers_as_the_daemon_hangs_and_the_switch_joins_the_two(town):
    """It comes back when it would have given up her telephone."""
    firm, _, caller, ring = await ringing(town, "--recording")
    async with hung(town):
        await ring.pick_up()
        await caller.answered(UNJOINED + 2)
        silence = (caller.answer.at - ring.answer.at).total_seconds()
        await waiting(OFFER_LIMIT.total_seconds())
    await talking(3)
    assert (caller.end.at, ring.end.at) == (None, None)
    await caller.hang_up()
    await ring.ended(3)
    assert silence < patience(UNJOINED + 1)
    assert await outcomes(town, firm, 1) == ["answered"]
    assert unbroken(caller.heard, ANA) > OFFER_LIMIT.total_seconds() + 2
    (call,) = await town.calls(firm)
    assert call["hosted_by"] == "switch"
    assert audio.tones_in(town.office.home / "recordings" / call["recording"], (CALLER, ANA), at_least=9) == {
        CALLER,
        ANA,
    }
    assert await town.quiet() == ""


async def test_a_hang_that_is_over_before_leaves_them_to_the_daemon(town):
    firm, _, caller, ring = await ringing(town)
    async with hung(town):
        await ring.pick_up()
    await caller.answered()
    await talking(UNJOINED + 2)
    await caller.hang_up()
    await ring.ended(3)
    assert await outcomes(town, firm, 1) == ["answered"]
    (call,) = await town.calls(firm)
    assert call["hosted_by"] == "daemon"
    assert unbroken(caller.heard, ANA) > UNJOINED + 1


@asynccontextmanager
async def notice_cannot_be_played(town, firm):
    """The files of the recording notice are away for the length of a block."""
    shown = await town.office.ask("announcement", "show", firm.slug)
    notice = town.office.home / next(row["sound"] for row in shown if row["kind"] == "recording")
    files = list(notice.parent.glob(f"{notice.name}.*"))
    away = [file.rename(file.with_name(f"away-{file.name}")) for file in files]
    try:
        yield
    finally:
        for one, file in zip(away, files, strict=True):
            one.rename(file)


def recorded(town, call) -> list[Path]:
    """Whatever is recorded of the call."""
    return list((town.office.home / "recordings").rglob(f"{call['id']}*.wav"))


async def test_who_could_not_be_told_is_not_recorded_when_she_answers_in_the_gap(town):
    firm = await town.firm("always", "--recording")
    ana = (await town.secretary(firm, "Ana", tone=ANA)).rings_on()
    async with notice_cannot_be_played(town, firm):
        caller = await town.world.call(firm.number, MARIA, tone=CALLER)
        ring = await ana.rung()
        await in_the_dialplan(town)
        async with nobody_home(town):
            await ring.pick_up()
            await caller.answered(10)
            await talking(2)
            await caller.hang_up()
    assert await outcomes(town, firm, 1) == ["answered"]
    (call,) = await town.calls(firm)
    assert audio.heard(ring.heard, CALLER) > 1
    assert (call["recording"], recorded(town, call)) == ("", [])


async def test_who_could_not_be_told_is_not_recorded_with_the_next_secretary_either(town):
    firm = await town.firm("always", "--recording")
    ana = (await town.secretary(firm, "Ana", tone=ANA)).answers(0.2)
    eva = (await town.secretary(firm, "Eva", tone=EVA)).refuses()
    async with notice_cannot_be_played(town, firm):
        caller = await town.world.call(firm.number, MARIA, tone=CALLER)
        await (await ana.rung(1, 20)).answered()
        await caller.answered()
        eva.answers(0.2)
        ana.refuses()
        async with nobody_home(town):
            await daemon_taken_for_dead(town)
            await lose(town, ana)
            second = await eva.rung(len(eva.calls) + 1, 40)
            await second.answered()
            await talking(2)
            await caller.hang_up()
    assert await outcomes(town, firm, 1) == ["answered"]
    (call,) = await town.calls(firm)
    assert audio.heard(second.heard, CALLER) > 1
    assert (call["recording"], recorded(town, call)) == ("", [])
