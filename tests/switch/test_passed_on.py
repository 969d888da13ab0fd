"""A call goes on to a colleague or a contact: every word that she typed goes along, and each page shows its own."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from at_desk import Desk, at_desk
from conftest import Firm, Town
from playwright.async_api import Browser, expect

from pbx_control.world.legs import Leg

pytestmark = [pytest.mark.switch, pytest.mark.asyncio(loop_scope="session"), pytest.mark.usefixtures("pages")]

ROSA = 1100
WORDS = "Quiere una hora el jueves, hasta la última palabra"


@asynccontextmanager
async def two_at_desk(town: Town, browser: Browser) -> AsyncIterator[tuple[Desk, Desk, Leg]]:
    """Ana talks with a caller who should go to Eva, for he speaks English; Eva has just answered for another firm."""
    south, north = await town.firm(), await town.firm()
    async with at_desk(town, browser, south) as ana, at_desk(town, browser, south, "Eva", "es,en") as eva:
        await town.office.pbx("secretary", "set", eva.name, "--clients", f"{south.slug},{north.slug}")
        await town.live()
        eva.telephone.answers(after=0.3)
        await finishes_one(eva, north)
        ana.telephone.answers(after=0.3)
        caller = await ana.is_called()
        await ana.is_in("talking")
        yield ana, eva, caller


async def finishes_one(desk: Desk, firm: Firm) -> None:
    """A call, and its message; it stays on her page."""
    caller = await desk.is_called("Pedro", firm, "+56912340002")
    await desk.is_in("talking")
    await desk.writes("message", "para el norte")
    await caller.hang_up()
    await desk.is_in("wrap-up")
    await desk.page.keyboard.press("Control+Enter")
    await desk.is_in("ready")
    await desk.pops(firm)


async def test_what_she_types_up_to_the_key_goes_to_the_colleague(town: Town, browser: Browser) -> None:
    async with two_at_desk(town, browser) as (ana, eva, caller):
        await ana.writes("message", WORDS)
        await ana.page.keyboard.press("Alt+KeyI")
        await eva.pops(ana.firm)
        await eva.is_in("talking")
        assert await eva.kept("message") == WORDS
        await ana.is_in("ready")
        await caller.hang_up()
        await eva.is_in("wrap-up")
        await eva.page.keyboard.press("Control+Enter")
        assert WORDS in (await town.letter(ana.firm)).text


async def test_what_she_sends_before_the_colleague_has_him_pops_there_and_goes_once(
    town: Town, browser: Browser
) -> None:
    async with two_at_desk(town, browser) as (ana, eva, caller):
        await ana.writes("message", WORDS)
        await ana.page.keyboard.press("Control+Enter")
        await expect(ana.page.locator("[data-region=after]")).to_contain_text("se envía al terminar la llamada")
        await ana.page.keyboard.press("Alt+KeyI")
        await eva.pops(ana.firm)
        await eva.is_in("talking")
        assert await eva.kept("message") == WORDS
        await caller.hang_up()
        assert WORDS in (await town.letter(ana.firm)).text
        await eva.is_in("ready")
        assert len(town.post.to(ana.firm.mailbox)) == 1


async def test_what_she_types_up_to_the_hand_over_goes_with_it(town: Town, browser: Browser) -> None:
    firm = await town.firm()
    await town.office.pbx("contact", "add", firm.slug, "Rosa Díaz", "+442079460187", "--key", "1")
    await town.live()
    rosa = town.world.contact("+442079460187", tone=ROSA).answers()
    async with at_desk(town, browser, firm) as desk:
        desk.telephone.answers(after=0.3)
        caller = await desk.is_called()
        await desk.is_in("talking")
        await desk.page.keyboard.press("Alt+Digit1")
        await (await rosa.rung()).answered()
        await expect(desk.page.locator("[data-act=hand-over]")).not_to_have_attribute("aria-disabled", "true")
        await desk.writes("message", WORDS)
        await desk.page.keyboard.press("Alt+KeyH")
        assert WORDS in (await town.letter(firm)).text
        await caller.hang_up()
        await desk.is_in("ready")
        assert len(town.post.to(firm.mailbox)) == 1
