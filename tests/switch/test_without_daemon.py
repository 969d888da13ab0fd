"""The daemon is killed: callers notice nothing, and the daemon catches up when it is back."""

import pytest
from lengths import talking, unbroken, waiting

from pbx_control.world import audio

pytestmark = [pytest.mark.switch, pytest.mark.asyncio(loop_scope="session")]

MARIA = "+56912345678"


async def test_the_switch_alone_reaches_a_secretary_and_the_summary_comes_later(town):
    firm = await town.firm("always", "--recording")
    ana = (await town.secretary(firm, "Ana", tone=880)).answers(after=0.5)
    await town.office.kill_daemon()
    caller = await town.world.call(firm.number, MARIA, tone=700)
    await caller.answered()
    ring = await ana.rung()
    await ring.answered()
    await talking(3)
    await caller.hang_up()
    await ring.ended(2)
    assert (ring.name, ring.number) == (firm.name, MARIA)
    assert audio.heard(caller.heard, 880) > 1
    assert town.post.to(firm.mailbox) == []
    await town.office.start_daemon()
    letter = await town.letter(firm, seconds=40)
    assert MARIA in letter.text.replace(" ", "")
    (call,) = await town.calls(firm)
    assert (call["outcome"], call["hosted_by"]) == ("answered", "switch")
    file = town.office.home / "recordings" / call["recording"]
    assert audio.tones_in(file, (700, 880), at_least=1) == {700, 880}
    assert len(town.post.to(firm.mailbox)) == 1


async def test_the_switch_alone_keeps_the_hours(town):
    firm = await town.firm("never")
    ana = await town.secretary(firm, "Ana")
    await town.office.kill_daemon()
    caller = await town.world.call(firm.number)
    await caller.ended(40)
    assert audio.speech(caller.heard) > 2
    assert ana.calls == []


async def test_a_conversation_outlives_its_daemon_and_the_next_one_settles_it(town):
    firm = await town.firm("always", "--recording")
    ana = (await town.secretary(firm, "Ana", tone=880)).answers(after=0.2)
    caller = await town.world.call(firm.number, tone=700)
    await caller.answered()
    ring = await ana.rung()
    await ring.answered()
    await talking(1)
    await town.office.kill_daemon()
    await waiting(1)
    await town.office.start_daemon()
    assert caller.end.at is None
    await talking(1)
    await caller.hang_up()
    await ring.ended(2)
    await town.letter(firm)
    (call,) = await town.calls(firm)
    assert call["outcome"] == "answered"
    assert unbroken(caller.heard, 880) > 3
    assert await town.quiet() == ""


async def test_a_caller_who_waits_when_the_daemon_dies_is_answered_by_the_next_one(town):
    firm = await town.firm()
    ana = (await town.secretary(firm, "Ana", tone=880)).rings_on()
    caller = await town.world.call(firm.number)
    await ana.rung()
    await town.office.kill_daemon()
    ana.answers(after=0.2)
    await town.office.start_daemon()
    await caller.answered(30)
    await talking(2)
    await caller.hang_up()
    assert audio.heard(caller.heard, 880) > 0.5
