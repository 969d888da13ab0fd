"""Her states at her desk, with real calls and a real page: nobody is shown ready whom no call can reach."""

import pytest
from at_desk import at_desk
from conftest import Town
from playwright.async_api import Browser, expect

pytestmark = [pytest.mark.switch, pytest.mark.asyncio(loop_scope="session"), pytest.mark.usefixtures("pages")]


async def test_three_offers_that_ring_in_vain_pause_her_and_one_key_brings_her_back(
    town: Town, browser: Browser
) -> None:
    async with at_desk(town, browser) as desk:
        desk.telephone.rings_on()
        caller = await desk.is_called()
        await desk.telephone.rung(3, 60)
        await desk.is_in("pause", limit=30)
        await expect(desk.why).to_have_text(
            "su teléfono dejó pasar tres llamadas: volverá a recibirlas cuando diga que está lista"
        )
        desk.telephone.answers(after=0.3)
        await desk.page.keyboard.press("Alt+KeyP")
        await desk.pops()  # he waits still
        await desk.is_in("talking")
        assert len(desk.telephone.calls) == 4
        await caller.hang_up()
        await desk.is_in("wrap-up")


async def test_a_page_that_vanishes_is_lost_and_she_is_offered_calls_once_it_is_back(
    town: Town, browser: Browser
) -> None:
    async with at_desk(town, browser) as desk:
        desk.telephone.answers(after=0.3)
        session = await desk.context.storage_state()
        await desk.context.close()  # as a browser that crashes: nobody has signed out
        await desk.told_by_switch("page_lost", 40)
        caller = await desk.is_called()
        await caller.ringing()
        assert not desk.telephone.calls
        await desk.sits_down(storage_state=session)
        await desk.page.goto(f"{desk.url}/desk")
        await desk.pops()
        await desk.is_in("talking")
        await caller.hang_up()


async def test_after_call_work_ends_with_the_clients_limit_and_by_sending(town: Town, browser: Browser) -> None:
    async with at_desk(town, browser) as desk:
        await town.office.pbx("client", "set", desk.firm.slug, "--after-call", "5s")
        await town.live()
        desk.telephone.answers(after=0.3)
        caller = await desk.is_called()
        await desk.is_in("talking")
        await desk.writes("message", "a medias")
        await desk.sees_saved()
        await caller.hang_up()
        await desk.is_in("wrap-up")
        second = await desk.is_called("Pedro")  # waits until her time is over
        await desk.is_in("talking")
        assert "a medias" in (await town.letter(desk.firm)).text
        await town.office.pbx("client", "set", desk.firm.slug, "--after-call", "10m")
        await desk.writes("message", "del todo")
        await desk.sees_saved()
        await second.hang_up()
        await desk.is_in("wrap-up")
        third = await desk.is_called("Lucía")
        await third.ringing()
        assert len(desk.telephone.calls) == 2
        await desk.page.keyboard.press("Control+Enter")
        await third.answered()
        assert "del todo" in (await town.letter(desk.firm, 2)).text
        await third.hang_up()


async def test_nobody_is_ready_whose_telephone_is_gone(town: Town, browser: Browser) -> None:
    async with at_desk(town, browser) as desk:
        desk.telephone.answers(after=0.3)
        await town.world.unregister(desk.telephone.name)
        await desk.is_in("offline")
        await expect(desk.why).to_have_text("su teléfono no está conectado: inicie el softphone")
        caller = await desk.is_called()
        await caller.ringing()
        await desk.is_in("offline")
        await town.world.register(desk.telephone.name)
        await desk.pops()
        await caller.answered()
        await caller.hang_up()


async def test_a_pause_that_is_asked_for_in_a_call_begins_at_its_end(town: Town, browser: Browser) -> None:
    async with at_desk(town, browser) as desk:
        await desk.pauses()
        await desk.is_in("pause")
        caller = await desk.is_called()
        await caller.ringing()
        assert not desk.telephone.calls
        await desk.page.keyboard.press("Alt+KeyP")
        await desk.pops()
        await desk.telephone.calls[0].pick_up()
        await desk.is_in("talking")
        await desk.pauses()
        await expect(desk.why).to_have_text("su pausa empieza después de esta llamada")
        await desk.is_in("talking")
        await caller.hang_up()
        await desk.is_in("pause")
        waits = await desk.is_called("Pedro")
        await waits.ringing()
        assert len(desk.telephone.calls) == 1
        await desk.page.keyboard.press("Alt+KeyP")
        await desk.is_in("wrap-up")  # the message of the first call is still to be written
        await desk.page.keyboard.press("Alt+KeyN")
        await desk.telephone.rung(2)
