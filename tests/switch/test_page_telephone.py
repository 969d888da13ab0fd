"""The telephone in a secretary's page, in a real Chromium, with real calls: people speak in tones, and what each of
them heard is measured."""

import asyncio
import os
import signal
from itertools import count
from pathlib import Path

import psutil
import pytest
from at_desk import looked_at, seconds
from conftest import Firm, Town
from lengths import talking
from page_telephone import PageTelephone, page_telephone
from playwright.async_api import expect

from pbx_control.world import audio
from pbx_control.world.legs import Leg

pytestmark = [pytest.mark.switch, pytest.mark.asyncio(loop_scope="session"), pytest.mark.usefixtures("pages")]

CALLER, OTHER, ANA, EVA, ROSA = 620, 520, 880, 1240, 1500
# A caller's call that is heard by her second page within this was put at the front, seconds.
BACK_WITHIN = 40
# Calls of the long test; the suite makes a few.
CALLS = int(os.environ.get("PAGE_CALLS", "5"))
NUMBERS = count(1)


async def is_called(town: Town, firm: Firm, tone: float = CALLER) -> Leg:
    return await town.world.call(firm.number, f"+5691234{next(NUMBERS):04}", "María", tone=tone)


async def hear_each_other(caller: Leg, her: PageTelephone, his: float, hers: float) -> None:
    await caller.answered()
    await asyncio.gather(caller.hears(hers), her.hears(his))


async def test_both_hear_each_other_and_her_keys_work(town: Town, tmp_path: Path) -> None:
    firm = await town.firm("always", "--recording")
    await town.office.pbx("contact", "add", firm.slug, "Rosa Díaz", "+442079460195", "--key", "1")
    await town.live()
    rosa = town.world.contact("+442079460195", tone=ROSA).answers()
    async with page_telephone(town, tmp_path, firm, tone=ANA) as ana:
        await looked_at(ana.page, "telephone-ready")
        caller = await is_called(town, firm)
        await ana.is_("ringing")
        await looked_at(ana.page, "telephone-ringing")
        await ana.answers()
        await hear_each_other(caller, ana, CALLER, ANA)
        await looked_at(ana.page, "telephone-talking")
        pressed = ana.page.locator("[data-act=pause-recording]")
        await ana.presses("*7")
        await expect(pressed).to_have_attribute("aria-pressed", "true", timeout=seconds(10))
        await ana.presses("*8")
        await expect(pressed).to_have_attribute("aria-pressed", "false", timeout=seconds(10))
        await ana.presses("*1")
        await (await rosa.rung(1)).answered()
        await expect(ana.page.locator("[data-phase=consulting]")).to_be_visible(timeout=seconds(15))
        await ana.hears(ROSA)
        await ana.presses("##")
        await ana.is_("ready")
        await caller.hears(ROSA)
        await caller.hang_up()
        call = (await town.calls(firm))[-1]
        assert call["outcome"] == "answered", call


async def test_mute_is_silence_and_no_dead_line(town: Town, tmp_path: Path) -> None:
    firm = await town.firm()
    async with page_telephone(town, tmp_path, firm, tone=ANA) as ana:
        caller = await is_called(town, firm)
        await ana.answers()
        await hear_each_other(caller, ana, CALLER, ANA)
        await ana.page.keyboard.press("Alt+KeyX")
        await expect(ana.page.locator("[data-part=mute]")).to_have_attribute("aria-pressed", "true")
        before = await ana.sent()
        await talking(16)  # longer than a silent page is let go on
        assert await ana.sent() - before > 16 * 40  # fifty a second, of silence
        await ana.hears(CALLER)
        await ana.page.keyboard.press("Alt+KeyX")
        await caller.hears(ANA)
        await ana.page.keyboard.press("Alt+KeyK")
        await caller.ended()
        assert audio.heard(caller.heard, ANA) < 12  # and nothing of her in between


@pytest.mark.parametrize("how", ["reload", "closed", "hung"])
async def test_a_page_that_goes_in_a_call_gives_its_caller_back_as_the_next_in_line(
    town: Town, tmp_path: Path, how: str
) -> None:
    firm = await town.firm()
    async with page_telephone(town, tmp_path, firm, tone=ANA) as ana:
        first = await is_called(town, firm)
        await ana.answers()
        await hear_each_other(first, ana, CALLER, ANA)
        second = await is_called(town, firm, OTHER)  # waits
        await second.ringing()
        if how == "reload":
            await ana.page.reload()
        elif how == "closed":
            await ana.page.close()
            await ana.opens()
            await ana.page.goto(f"{town.office.url}/desk")
        else:
            os.kill(renderer := await ana.renderer(), signal.SIGSTOP)
            try:
                await ana.opens_beside()
            finally:
                os.kill(renderer, signal.SIGKILL)
        await ana.is_("ringing", limit=BACK_WITHIN)
        assert not first.end.at
        assert not second.answer.at
        await ana.answers()
        await hear_each_other(first, ana, CALLER, ANA)
        assert not second.answer.at
        await first.hang_up()
        await second.hang_up()


async def test_one_tab_has_the_telephone_and_another_can_take_it(town: Town, tmp_path: Path) -> None:
    firm = await town.firm()
    async with page_telephone(town, tmp_path, firm, tone=ANA) as ana:
        first = ana.page
        await ana.opens()
        await ana.page.goto(f"{town.office.url}/desk")
        await ana.is_("elsewhere")
        await looked_at(ana.page, "telephone-elsewhere")
        await ana.page.click("[data-telephone-do=here]")
        await ana.is_("ready")
        await expect(first.locator("#telephone")).to_have_attribute("data-telephone", "elsewhere")
        caller = await is_called(town, firm)
        await ana.answers()
        await hear_each_other(caller, ana, CALLER, ANA)
        await caller.hang_up()


async def test_she_hears_herself_before_the_shift_and_reaches_nothing_else(town: Town, tmp_path: Path) -> None:
    firm = await town.firm()
    async with page_telephone(town, tmp_path, firm, tone=ANA) as ana:
        await ana.page.click("[data-telephone-do=test]")
        await ana.is_("test")
        await ana.hears(ANA)
        assert float(await ana.page.locator("[data-part=mine]").evaluate("(one) => one.value")) > 0.3
        assert float(await ana.page.locator("[data-part=theirs]").evaluate("(one) => one.value")) > 0.3
        await looked_at(ana.page, "telephone-test")
        await ana.page.keyboard.press("Alt+KeyK")
        await ana.is_("ready")
        for number in ("133", firm.number, "open", "s"):
            assert await ana.calls(number) in ("Rejected", "Not Found", "Unavailable", "Address Incomplete"), number
        # nor does she hold the ports of everybody's sound by calling herself again and again
        told = await ana.calls_at_once("echo", 5)
        assert [one == "answered" for one in told] == [True] * 3 + [False] * 2, told
        await ana.is_("elsewhere")  # that script has it now
        await ana.page.click("[data-telephone-do=here]")
        await ana.is_("ready")
        # an offered call ends the test
        await ana.page.click("[data-telephone-do=test]")
        await ana.is_("test")
        caller = await is_called(town, firm)
        await ana.answers()
        await hear_each_other(caller, ana, CALLER, ANA)
        await caller.hang_up()


async def test_her_softphone_comes_first_and_a_page_without_a_microphone_is_not_rung(
    town: Town, tmp_path: Path
) -> None:
    firm = await town.firm()
    async with page_telephone(town, tmp_path, firm, tone=ANA) as ana:
        await ana.page.evaluate("window.takeMicrophone()")
        await ana.is_("trouble")
        await expect(ana.page.locator("[data-part=says]")).to_have_text("No hay micrófono: conecte sus audífonos.")
        await looked_at(ana.page, "telephone-no-microphone")
        await ana.desk_is("offline")
        await ana.page.evaluate("window.giveMicrophone()")
        await ana.page.click("[data-telephone-do=again]")
        await ana.is_("ready")
        await ana.desk_is("ready")
        softphone = await town.world.phone(ana.sip_user, ana.sip_password, tone=EVA)
        softphone.answers()
        caller = await is_called(town, firm)
        await caller.answered()
        await caller.hears(EVA)
        await ana.is_("ready")
        await caller.hang_up()


async def test_a_lost_socket_ends_no_conversation(town: Town, tmp_path: Path) -> None:
    firm = await town.firm()
    async with page_telephone(town, tmp_path, firm, tone=ANA) as ana:
        caller = await is_called(town, firm)
        await ana.answers()
        await hear_each_other(caller, ana, CALLER, ANA)
        web = next(one for one in psutil.Process(town.office.daemon.pid).children() if "web" in one.cmdline())
        web.kill()
        await talking(8)
        await hear_each_other(caller, ana, CALLER, ANA)
        await town.office.served()
        await caller.hang_up()
        await ana.is_("ready", limit=60)
        await ana.desk_is("wrap-up")
        await ana.page.keyboard.press("Alt+KeyN")
        await ana.desk_is("ready")
        caller = await is_called(town, firm)
        await ana.answers()
        await hear_each_other(caller, ana, CALLER, ANA)
        await caller.hang_up()


async def test_two_pages_take_calls_at_the_same_time(town: Town, tmp_path: Path) -> None:
    """Each caller's tone tells who he is, hers who she is; both are heard on both sides and in the recording."""
    south, north = await town.firm("always", "--recording"), await town.firm("always", "--recording")
    async with (
        page_telephone(town, tmp_path, south, tone=ANA) as ana,
        page_telephone(town, tmp_path, north, who="Eva", tone=EVA) as eva,
    ):
        ways = ((south, ana, CALLER, ANA, (CALLS + 1) // 2), (north, eva, OTHER, EVA, CALLS // 2))
        await asyncio.gather(*(one_after_the_other(town, *way) for way in ways))
    for firm, _, his, hers, number in ways:
        calls = await town.calls(firm)
        assert [call["outcome"] for call in calls] == ["answered"] * number
        for call in calls:
            file = town.office.home / "recordings" / call["recording"]
            assert audio.tones_in(file, (his, hers), at_least=1.5) == {his, hers}, call
            began, ended = audio.loud(file)[0].start, audio.loud(file)[-1].end
            assert ended - began >= audio.seconds(file) - 1, call  # nothing is missing in between


async def one_after_the_other(town: Town, firm: Firm, her: PageTelephone, his: float, hers: float, number: int) -> None:
    for _ in range(number):
        caller = await is_called(town, firm, his)
        await her.answers()
        await hear_each_other(caller, her, his, hers)
        await talking(1)
        await caller.hang_up()
        await her.is_("ready")
        await her.desk_is("wrap-up")
        await her.page.keyboard.press("Alt+KeyN")
        await her.desk_is("ready")
