"""An act of the demo: a secretary at her page. It pops while her telephone rings, and her words reach the client."""

import asyncio
from typing import NamedTuple

from pbx_control.catalogue import N_
from pbx_control.demo.stage import MAILBOX, MARIA, SPOKEN, Stage
from pbx_control.domain.words.sentences import said
from pbx_control.world.desk import Browser, DeskPage, InBrowser, Pop, desk_page
from pbx_control.world.legs import Leg, Ringing

# Of the office's protocol for a client that has set none.
REASON, MESSAGE = "reason", "message"


class Written(NamedTuple):
    """What she writes, in the language in which the office speaks."""

    reason: str
    message: str


async def a_written_message(stage: Stage) -> None:
    """Ana sits down at her page, writes what María wants, and signs out again."""
    stage.screen.chapter("Ana opens her page: María calls again, and the client gets what Ana writes")
    await stage.desk_for("ana", "Ana")
    async with desk_page(stage.office.url, stage.door.language, stage.browser.to_drive) as page:
        await _sits_down(stage, page)
        caller, ring, pop = await _a_call(stage, page)
        _facts_of_the_pop(stage, ring, pop)
        written = await _writes(stage, page)
        await _picture(stage, page)
        await caller.hang_up()
        await ring.ended(2)
        await _sends(stage, page, written)
        await page.sign_out()
    stage.screen.note("Ana signs out; from now on she answers by telephone alone again")
    await stage.type("secretary", "resume", "Ana")


async def _sits_down(stage: Stage, page: DeskPage) -> None:
    a_page_is_opened(stage, page.name if isinstance(page, InBrowser) else None)
    await page.sign_in("ana", stage.desks["ana"])
    stage.screen.fact("she has signed in, and her page says that she is ready", True)


def a_page_is_opened(stage: Stage, browser: str | None) -> None:
    """Tells where her page is, and in which browser, or why in none."""
    url = f"{stage.office.url}/desk"
    if browser:
        stage.screen.note("her page is {url}, here in {browser} without a screen", url=url, browser=browser)
    else:
        why = stage.door.say(_why_none(stage.browser), program=stage.browser.program)
        stage.screen.note("her page is {url}; {why}: what it would send is sent without one", url=url, why=why)


def _why_none(browser: Browser) -> str:
    """Why her page is opened in no browser."""
    if browser.to_drive:
        return N_("{program} does not start here")
    if browser.program:
        return N_("{program} is here, but not the Python package playwright, which drives it")
    if browser.driver:
        return N_("no browser is found here (Chromium or Google Chrome)")
    return N_(
        "neither a browser (Chromium or Google Chrome) nor the Python package playwright, which drives it, is here"
    )


async def _a_call(stage: Stage, page: DeskPage) -> tuple[Leg, Ringing, Pop]:
    popping = asyncio.create_task(page.pops())
    caller, ring = await stage.begun(MARIA, "María Soto", stage.said("maria"))
    return caller, ring, await popping


def _facts_of_the_pop(stage: Stage, ring: Ringing, pop: Pop) -> None:
    assert ring.rang.at
    assert ring.answer.at
    after = round((pop.at - ring.rang.at).total_seconds() * 1000)
    stage.screen.fact(
        "her page showed the call {ms} ms after her telephone rang, before she answered",
        pop.client == "andes" and pop.at < ring.answer.at,
        ms=max(after, 0),
    )
    stage.screen.fact("what to say stands there: {greeting}", "Ana" in pop.greeting, greeting=pop.greeting)


async def _writes(stage: Stage, page: DeskPage) -> Written:
    written = Written(
        said(SPOKEN, N_("An appointment with doctor Pérez"), {}),
        said(SPOKEN, N_("Mornings only. Please call her back before noon."), {}),
    )
    for key, words in ((REASON, written.reason), (MESSAGE, written.message)):
        stage.screen.note("she writes: {words}", words=words)
        await page.write(key, words)
    return written


async def _picture(stage: Stage, page: DeskPage) -> None:
    if isinstance(page, InBrowser):
        file = stage.folder / "desk.png"
        await page.picture(file)
        stage.screen.note("what she sees: {file}", file=file)


async def _sends(stage: Stage, page: DeskPage, written: Written) -> None:
    stage.screen.fact("no e-mail yet: it waits for her words", len(stage.post.to(MAILBOX)) == stage.letters)
    stage.screen.note("Ana presses Ctrl+Enter, three times")
    for _ in range(3):
        await page.send()
    letter = await stage.summary()
    stage.screen.fact("the e-mail has her words", all(words in letter.text for words in written))
    await page.delivered()
    once = len(stage.post.to(MAILBOX)) == stage.letters
    stage.screen.fact("it went once, and her page says that it is delivered", once)


async def goes_home(stage: Stage) -> None:
    """Ana is offered nothing until somebody signs in as her."""
    async with desk_page(stage.office.url, stage.door.language, None) as page:
        await page.sign_in("ana", stage.desks["ana"])
        await page.sign_out()
