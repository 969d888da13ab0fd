"""A tab in the background, a laptop that sleeps, no network, two computers: no pop, no word and no ring is lost."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime

import pytest
from at_desk import Desk, at_desk, seconds
from conftest import Town
from playwright.async_api import Browser, CDPSession, Page, expect

from pbx_control.world.legs import Leg

pytestmark = [pytest.mark.switch, pytest.mark.asyncio(loop_scope="session"), pytest.mark.usefixtures("pages")]

MESSAGE, REASON = "[name=field-message]", "[name=field-reason]"
# Keeps what the page does with sound: whether it may, and how often.
EAR = """
const Own = window.AudioContext;
window.heard = { contexts: [], chimes: 0 };
window.AudioContext = class extends Own {
  constructor() { super(); heard.contexts.push(this); }
  createOscillator() { heard.chimes++; return super.createOscillator(); }
};
"""


async def test_a_hidden_tab_pops_and_rings_though_its_timers_stand(town: Town, browser: Browser) -> None:
    """A browser lets the timers of a tab that is hidden for minutes run once a minute; here they never do."""
    async with at_desk(town, browser) as desk:
        await desk.page.add_init_script(EAR)
        await desk.page.add_init_script("window.setTimeout = window.setInterval = () => 0;")
        await desk.page.reload()
        await desk.is_in("ready")
        await desk.page.keyboard.press("Shift")
        in_front = await desk.context.new_page()
        await in_front.bring_to_front()
        await expect(in_front.locator("body")).to_be_attached()
        desk.telephone.answers(after=3)
        caller = await desk.is_called()
        await desk.pops()
        await desk.is_in("offered")
        assert (await desk.page.title()).startswith("☎")
        assert await desk.page.evaluate("heard.chimes") > 20  # all of them, by the clock of the sound
        await desk.is_in("talking")
        await desk.writes("message", "en segundo plano")
        await desk.page.locator("[name=field-message]").blur()
        await desk.sees_saved()
        await caller.hang_up()
        await desk.is_in("wrap-up")


async def test_the_first_ring_after_sign_in_is_heard(town: Town, browser: Browser) -> None:
    async with at_desk(town, browser) as desk:
        await desk.sits_down()
        await desk.page.add_init_script(EAR)
        await desk.signs_in()
        await desk.is_in("ready")
        await expect(desk.banner).to_be_hidden()
        caller = await desk.is_called()
        await desk.pops()
        await desk.is_in("offered")
        assert await desk.page.evaluate("heard.contexts.map((one) => one.state)") == ["running"]
        assert await desk.page.evaluate("heard.chimes") > 0
        await caller.hang_up()


async def test_a_page_that_may_not_ring_says_so_before_the_first_call(town: Town, browser: Browser) -> None:
    async with at_desk(town, browser) as desk:
        session = await desk.context.storage_state()
        await desk.context.close()
        await desk.sits_down(storage_state=session)  # as a browser that opens its tabs of yesterday: nobody touches it
        await desk.page.add_init_script(EAR)
        await desk.page.goto(f"{desk.url}/desk")
        await desk.is_in("ready")
        await expect(desk.banner).to_contain_text("Pulse una tecla")
        await desk.page.keyboard.press("Shift")
        await expect(desk.banner).to_be_hidden()
        assert await desk.page.evaluate("heard.contexts.map((one) => one.state)") == ["running"]


async def test_a_laptop_that_sleeps_is_lost_and_wakes_up_with_every_word(town: Town, browser: Browser) -> None:
    async with at_desk(town, browser) as desk:
        desk.telephone.answers(after=0.3)
        caller = await desk.is_called()
        await desk.is_in("talking")
        await desk.context.set_offline(True)
        await desk.writes("message", "antes de dormir")
        async with asleep(desk):
            await caller.hang_up()
            await desk.told_by_switch("page_lost", 60)
            waits = await desk.is_called("Pedro", number="+56912340002")
            await waits.ringing()
            assert len(desk.telephone.calls) == 1
            await desk.context.set_offline(False)
        await desk.is_in("wrap-up")  # nothing was loaded anew
        await desk.sees_saved()
        assert await desk.kept("message") == "antes de dormir"
        await desk.page.keyboard.press("Alt+KeyN")
        await expect(desk.page.locator("[data-pop]")).to_contain_text("Pedro")
        await desk.is_in("talking")
        assert await desk.kept("message") == ""
        await waits.hang_up()
        await desk.is_in("wrap-up")
        await desk.page.locator("[data-look]").first.click()
        await expect(desk.page.locator("[name=field-message]")).to_have_value("antes de dormir")


async def test_what_is_typed_without_a_network_is_saved_when_it_is_back(town: Town, browser: Browser) -> None:
    async with at_desk(town, browser) as desk:
        desk.telephone.answers(after=0.3)
        caller = await desk.is_called()
        await desk.is_in("talking")
        await desk.context.set_offline(True)
        await desk.writes("message", "sin red")
        await expect(desk.saved).to_have_text("Aún sin guardar")
        await desk.context.set_offline(False)
        await desk.sees_saved()
        await desk.page.reload()
        assert await desk.kept("message") == "sin red"
        await caller.hang_up()


async def test_two_computers_are_one_desk_with_one_draft(town: Town, browser: Browser) -> None:
    async with at_desk(town, browser) as desk:
        here, there, caller = await talks_at_two_computers(desk)
        await here.fill(MESSAGE, "desde aquí")
        await expect(there.locator(MESSAGE)).to_have_value("desde aquí")
        await there.focus(MESSAGE)
        await there.keyboard.press("End")
        await there.keyboard.type(", y desde allá")
        await here.fill(REASON, "hora")  # while the other one types
        await expect(here.locator(MESSAGE)).to_have_value("desde aquí, y desde allá")
        await expect(there.locator(REASON)).to_have_value("hora")
        await expect(there.locator(MESSAGE)).to_be_focused()
        await caller.hang_up()
        await desk.is_in("wrap-up", here)
        await here.keyboard.press("Control+Enter")
        await there.keyboard.press("Control+Enter")
        assert "desde aquí, y desde allá" in (await town.letter(desk.firm)).text
        for page in (here, there):
            await expect(page.locator("[data-delivery][data-status=sent]")).to_have_count(1, timeout=seconds(15))
        assert len(town.post.to(desk.firm.mailbox)) == 1


async def test_what_two_computers_write_apart_is_kept_of_both(town: Town, browser: Browser) -> None:
    async with at_desk(town, browser) as desk:
        here, there, caller = await talks_at_two_computers(desk)
        await here.context.set_offline(True)
        await here.fill(MESSAGE, "sin red")
        for words in ("desde", "desde allá"):  # the later one, whatever the clock says
            await there.fill(MESSAGE, words)
        await expect(there.locator("[data-saved]")).to_have_text("Guardado")
        await here.context.set_offline(False)
        for page in (here, there):
            await expect(page.locator(MESSAGE)).to_have_value("desde allá\nsin red", timeout=seconds(15))
        await caller.hang_up()


async def test_of_two_texts_with_one_number_neither_is_lost(town: Town, browser: Browser) -> None:
    async with at_desk(town, browser) as desk:
        here, there, caller = await talks_at_two_computers(desk)
        for page in (here, there):  # edits are numbered by seconds
            await page.clock.set_fixed_time(datetime.now(UTC))
        await here.route("**/fields", lambda route: route.abort())
        await here.fill(MESSAGE, "sin red")
        await there.fill(MESSAGE, "desde")
        await expect(there.locator("[data-saved]")).to_have_text("Guardado")
        await here.unroute("**/fields")
        for page in (here, there):
            await expect(page.locator(MESSAGE)).to_have_value("sin red\ndesde", timeout=seconds(15))
        await here.route("**/fields", lambda route: route.abort())
        await here.fill(MESSAGE, "otra vez sin red")
        await there.fill(MESSAGE, "allá")
        await expect(there.locator("[data-saved]")).to_have_text("Guardado")
        await there.fill(MESSAGE, "desde allá")
        await expect(here.locator(MESSAGE)).to_have_value("desde allá\notra vez sin red", timeout=seconds(15))
        await here.unroute("**/fields")
        await expect(there.locator(MESSAGE)).to_have_value("desde allá\notra vez sin red", timeout=seconds(15))
        await caller.hang_up()


async def test_a_call_that_rings_while_the_tab_is_frozen_pops_as_it_wakes(town: Town, browser: Browser) -> None:
    async with at_desk(town, browser) as desk:
        async with asleep(desk):
            caller = await desk.is_called()
            await desk.telephone.rung()
        await desk.pops()
        await desk.telephone.calls[-1].pick_up()
        await desk.is_in("talking")
        await caller.hang_up()


async def talks_at_two_computers(desk: Desk) -> tuple[Page, Page, Leg]:
    """She is signed in at both, and has a caller."""
    here = desk.page
    await desk.sits_down()
    await desk.signs_in()
    desk.telephone.answers(after=0.3)
    caller = await desk.is_called()
    for page in (here, desk.page):
        await desk.is_in("talking", page)
    return here, desk.page, caller


@asynccontextmanager
async def asleep(desk: Desk) -> AsyncIterator[None]:
    """Her laptop sleeps for the block: nothing of the page runs, and its connections say nothing and do not end."""
    devtools: CDPSession = await desk.context.new_cdp_session(desk.page)
    await devtools.send("Page.setWebLifecycleState", {"state": "frozen"})
    yield
    await devtools.send("Page.setWebLifecycleState", {"state": "active"})
    await desk.page.bring_to_front()
