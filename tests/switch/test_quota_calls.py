"""The last calls of a plan on a real Asterisk: who is served, what the others hear, what the client is told."""

import asyncio

import pytest
from conftest import Firm, Town
from lengths import listening, talking, waiting

from pbx_control.world import audio
from pbx_control.world.legs import patience

pytestmark = [pytest.mark.switch, pytest.mark.asyncio(loop_scope="session")]

ANA, CALLER = 880, 620
TWO = ("+56911111111", "+56922222222")
AWAY = 450.0  # hertz: what callers hear when no calls are left


async def planned(town: Town, calls: int, *options: str) -> Firm:
    """A firm whose plan has so many calls a month; out of calls, its callers hear a tone."""
    firm = await town.firm("always", *options)
    terms = ("--price", "39000", "--extra-call", "450", "--contacts", "2", "--calendars", "1")
    await town.office.pbx("plan", "set", firm.slug, "--calls", str(calls), *terms)
    await town.office.pbx("plan", "assign", firm.slug, firm.slug)
    tone = town.office.home / f"{firm.slug}-away.wav"
    audio.write_tone(tone, AWAY, 2.5)
    await town.office.pbx("announcement", "set", firm.slug, "exhausted", "--audio", str(tone))
    await town.live()
    return firm


async def left(town: Town, firm: Firm) -> tuple[int, int]:
    said = await town.office.ask("ledger", "show", firm.slug)
    return said["closing"], said["reserved"]


async def test_of_two_callers_for_the_last_call_one_is_served(town):
    firm = await planned(town, 1)
    ana = (await town.secretary(firm, "Ana", ANA)).answers(0.5)
    eva = await town.secretary(firm, "Eva", ANA)
    first, second = await asyncio.gather(*(town.world.call(firm.number, caller=number, tone=CALLER) for number in TWO))
    await ana.rung()
    await asyncio.gather(first.answered(), second.answered())
    await talking(4)
    for leg in (first, second):
        if leg.end.at is None:
            await leg.hang_up()
    assert await town.quiet(5) == ""
    served = [leg for leg in (first, second) if audio.heard(leg.heard, ANA) > 1]
    turned_away = [leg for leg in (first, second) if audio.heard(leg.heard, AWAY) > 1]
    assert (len(served), len(turned_away), len(eva.calls)) == (1, 1, 0)
    assert await left(town, firm) == (0, 0)
    assert sorted(call["outcome"] for call in await town.calls(firm)) == ["answered", "exhausted"]
    offer = await town.letter(firm, 1)
    assert "bolsa" in offer.text


async def test_a_bag_works_from_the_next_call_on(town):
    firm = await planned(town, 0)
    ana = (await town.secretary(firm, "Ana", ANA)).answers(0.2)
    refused = await town.world.call(firm.number, tone=CALLER)
    await refused.answered()
    await refused.ended(6)
    assert audio.heard(refused.heard, AWAY) > 1
    await town.office.pbx("bag", "add", firm.slug, "25")
    caller = await town.world.call(firm.number, tone=CALLER)
    await ana.rung()
    await caller.answered()
    await talking(2)
    await caller.hang_up()
    assert await town.quiet(5) == ""
    assert await left(town, firm) == (24, 0)


async def test_out_of_calls_he_may_leave_a_message(town):
    firm = await planned(town, 0, "--exhausted-messages")
    caller = await town.world.call(firm.number, tone=CALLER)
    await caller.answered()
    await listening(18)  # the announcement, the question, the tone, and what he says
    await caller.hang_up()
    assert await town.quiet(5) == ""
    (call,) = await town.calls(firm)
    assert (call["outcome"], bool(call["message"])) == ("exhausted", True)
    assert await left(town, firm) == (0, 0)
    # The first caller who is turned away makes us offer bags; the other letter is about his message.
    letters = [await town.letter(firm, number) for number in (1, 2)]
    enclosed = [part.get_content_type() for letter in letters for part in letter.letter.iter_attachments()]
    assert enclosed == ["audio/wav"]


async def test_callers_who_are_not_counted(town):
    firm = await planned(town, 5)
    ana = (await town.secretary(firm, "Ana", ANA)).answers(0.2)
    tester, blocked = "+56911112222", "+56933334444"
    await town.office.pbx("caller", "mark", tester, "test", "--client", firm.slug, "--why", "our own")
    await town.office.pbx("caller", "mark", blocked, "blocked", "--client", firm.slug, "--why", "fax")
    away = await town.world.call(firm.number, caller=blocked, tone=CALLER)
    await away.ended(3)
    await town.office.pbx("client", "set", firm.slug, "--no-campaigns")
    await town.live()
    campaign = await town.world.call(firm.number, caller="+56809123456", tone=CALLER)
    await campaign.ended(3)
    caller = await town.world.call(firm.number, caller=tester, tone=CALLER)
    await ana.rung()
    await caller.answered()
    await talking(1.5)
    await caller.hang_up()
    assert await town.quiet(5) == ""
    assert await left(town, firm) == (5, 0)
    assert sorted(call["outcome"] for call in await town.calls(firm)) == ["answered", "blocked", "blocked"]


async def test_a_wrong_number_is_marked_by_a_key_and_told_so(town):
    firm = await planned(town, 5)
    ana = (await town.secretary(firm, "Ana", ANA)).answers(0.2)
    caller = await town.world.call(firm.number, tone=CALLER)
    hers = await ana.rung()
    await caller.answered()
    await talking(0.5)
    await hers.press("*9")
    await waiting(1)
    await caller.hang_up()
    assert await town.quiet(5) == ""
    assert await left(town, firm) == (5, 0)
    entries = (await town.office.ask("ledger", "show", firm.slug))["entries"]
    assert [(one["kind"], one["units"]) for one in entries] == [("grant", 5), ("charge", -1), ("reversal", 1)]
    assert entries[-1]["why"] == f"wrong-number: Ana {firm.slug}"
    assert "Número equivocado" in (await town.letter(firm, 1)).text


async def test_what_the_switch_answered_alone_is_charged_when_the_daemon_is_back(town):
    firm = await planned(town, 5)
    ana = (await town.secretary(firm, "Ana", ANA)).answers(0.3)
    await town.office.kill_daemon()
    caller = await town.world.call(firm.number, tone=CALLER)
    await ana.rung(seconds=12)
    await caller.answered()
    await talking(2)
    await caller.hang_up()
    await town.office.start_daemon()
    async with asyncio.timeout(patience(15)):
        while (await left(town, firm))[0] == 5:
            continue  # each look takes a command's time
    assert await left(town, firm) == (4, 0)
