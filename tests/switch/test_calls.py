"""Real calls through a real Asterisk: what people hear, what the journal says, and what the client is told."""

import asyncio

import pytest
from lengths import listening, talking

from pbx_control.world import audio
from pbx_control.world.legs import patience

pytestmark = [pytest.mark.switch, pytest.mark.asyncio(loop_scope="session")]

MARIA = "+56912345678"
LIVE_WITHIN = 4.0  # s; the promise is two, on an idle machine


async def test_a_change_is_live_in_seconds(town):
    firm = await town.firm()
    await town.office.pbx("hours", "set", firm.slug, "mon-sun 08:00-20:00")
    await town.live(LIVE_WITHIN)


async def test_a_secretary_answers_and_both_hear_each_other(town):
    firm = await town.firm()
    ana = (await town.secretary(firm, "Ana", tone=880)).answers(after=0.5)
    caller = await town.world.call(firm.number, MARIA, "María Soto", tone=700)
    await caller.answered()
    ring = await ana.rung()
    await talking(2)
    await caller.hang_up()
    await ring.ended(1)
    assert (ring.name, ring.number) == (firm.name, MARIA)
    assert audio.heard(caller.heard, 880) > 1.5
    assert audio.heard(ring.heard, 700) > 1.5
    (call,) = await town.calls(firm)
    assert call["outcome"] == "answered"
    letter = await town.letter(firm)
    assert MARIA in letter.text.replace(" ", "")


async def test_a_recorded_call_has_both_voices_in_its_file(town):
    firm = await town.firm("always", "--recording")
    ana = (await town.secretary(firm, "Ana", tone=940)).answers(after=0.2)
    caller = await town.world.call(firm.number, tone=700)
    await caller.answered()
    ring = await ana.rung()
    await talking(3)
    await caller.hang_up()
    await ring.ended()
    await town.letter(firm)
    (call,) = await town.calls(firm)
    file = town.office.home / "recordings" / call["recording"]
    assert audio.tones_in(file, (700, 940), at_least=2) == {700, 940}
    assert audio.seconds(file) == pytest.approx(3, abs=0.7)
    assert file.stat().st_mode & 0o777 == 0o600
    assert "DeadlinePassed" not in [line["event"] for line in await town.journal(call)]


async def test_outside_the_hours_the_caller_hears_so_and_nobody_is_rung(town):
    firm = await town.firm("never")
    ana = await town.secretary(firm, "Ana")
    caller = await town.world.call(firm.number)
    await caller.answered()
    await caller.ended(40)
    assert audio.speech(caller.heard) > 2
    assert ana.calls == []
    (call,) = await town.calls(firm)
    assert call["outcome"] == "closed"


async def test_a_caller_who_gives_up_is_a_missed_call(town):
    firm = await town.firm()
    ana = (await town.secretary(firm, "Ana")).rings_on()
    caller = await town.world.call(firm.number, MARIA)
    ring = await ana.rung()
    await caller.ringing()
    await caller.hang_up()
    await ring.ended(1)
    await town.letter(firm)
    (call,) = await town.calls(firm)
    assert call["outcome"] == "missed"


async def test_a_busy_secretary_lets_the_next_one_be_rung(town):
    firm = await town.firm()
    ana = (await town.secretary(firm, "Ana", tone=880)).refuses()
    eva = (await town.secretary(firm, "Eva", tone=1000)).refuses()
    caller = await town.world.call(firm.number)
    first = await asyncio.wait_for(_first_rung(ana, eva), patience(10))
    second = eva if first is ana else ana
    second.answers(after=0.2)
    await caller.answered()
    await talking(1)
    await caller.hang_up()
    assert len(first.calls) == 1
    assert len(second.calls) == 1
    assert audio.heard(caller.heard, 1000 if second is eva else 880) > 0.5


async def test_when_she_hangs_up_the_caller_is_hung_up_and_nothing_stays(town):
    firm = await town.firm()
    (await town.secretary(firm, "Ana")).answers(after=0.2, hang_up_after=1)
    caller = await town.world.call(firm.number)
    await caller.answered()
    await caller.ended(4)
    await town.letter(firm)
    assert await town.quiet() == ""


async def test_nobody_answers_and_the_caller_leaves_a_message(town):
    firm = await town.firm("always", "--wait-limit", "10s")
    caller = await town.world.call(firm.number, MARIA, tone=700)
    await caller.answered(25)
    await listening(14)
    await caller.hang_up()
    letter = await town.letter(firm)
    (call,) = await town.calls(firm)
    assert call["outcome"] == "left_message"
    assert audio.heard(town.office.home / "recordings" / call["message"], 700) > 2
    assert [part.get_content_type() for part in letter.letter.iter_attachments()] == ["audio/wav"]


async def test_a_telephone_dials_nothing_emergency_numbers_included(town):
    firm = await town.firm()
    ana = await town.secretary(firm, "Ana")
    eva = await town.secretary(firm, "Eva")
    for number in ("133", "131", firm.number, eva.name, "s", "arrival"):
        leg = await town.world.dial_from_phone(ana.name, number)
        await leg.ended()
        assert leg.answer.at is None, number
    assert eva.calls == []


async def _first_rung(*telephones):
    waits = {asyncio.ensure_future(telephone.rung()): telephone for telephone in telephones}
    done, pending = await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
    for wait in pending:
        wait.cancel()
    return waits[done.pop()]
