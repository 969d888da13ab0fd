"""The secretary's page in a real browser, with real calls: it pops, keeps every word, and sends them once."""

import os
import signal
from pathlib import Path

import pytest
from at_desk import at_desk, looked_at, seconds, web_of
from conftest import Town
from playwright.async_api import Browser, expect

pytestmark = [pytest.mark.switch, pytest.mark.asyncio(loop_scope="session"), pytest.mark.usefixtures("pages")]

ROSA = 1100
HOSTILE = "<img src=x onerror=alert(1)>"


async def test_a_call_pops_and_what_she_writes_reaches_the_client_once(town: Town, browser: Browser) -> None:
    async with at_desk(town, browser) as desk:
        await town.office.pbx("greeting", "set", desk.firm.slug, "Firma Sur, {part_of_day}, le atiende {secretary}")
        desk.telephone.answers(after=2)
        caller = await desk.is_called(name="María Soto")
        await desk.pops()
        await desk.is_in("offered")
        greeting = await desk.page.locator("[data-greeting]").inner_text()
        assert greeting.startswith("Firma Sur, buen")
        assert "Ana" in greeting
        await expect(desk.page.locator("[data-pop]")).to_contain_text("+56 912345678")
        await desk.is_in("talking")
        await desk.writes("name", "María Soto")
        await desk.writes("message", "Llamar <b>hoy</b> por la hora del jueves")
        await desk.sees_saved()
        await desk.page.reload()
        await desk.pops()
        assert await desk.kept("message") == "Llamar <b>hoy</b> por la hora del jueves"
        await desk.writes("reason", "Hora del jueves")
        await caller.hang_up()
        await desk.is_in("wrap-up")
        for _ in range(3):
            await desk.page.keyboard.press("Control+Enter")
        await desk.is_in("ready")
        letter = await town.letter(desk.firm)
        assert "Llamar <b>hoy</b> por la hora del jueves" in letter.text
        assert "<b>hoy</b>" not in letter.letter.get_body(("html",)).get_content()
        await expect(desk.page.locator("[data-delivery][data-status=sent]")).to_have_count(1, timeout=seconds(15))
        assert len(town.post.to(desk.firm.mailbox)) == 1


async def test_the_pop_of_one_client_never_stands_under_a_call_of_another(town: Town, browser: Browser) -> None:
    south, north = await town.firm(), await town.firm()
    async with at_desk(town, browser, south) as desk:
        await town.office.pbx("secretary", "set", f"Ana {south.slug}", "--clients", f"{south.slug},{north.slug}")
        await town.live()
        desk.telephone.answers(after=0.3)
        for firm, words in ((south, "para el sur"), (north, "para el norte"), (south, "otra vez el sur")):
            caller = await desk.is_called(firm=firm)
            await desk.pops(firm)
            await caller.answered()
            assert await desk.kept("message") == ""
            await desk.writes("message", words)
            await desk.sees_saved()
            await caller.hang_up()
            await desk.is_in("wrap-up")
            await desk.page.keyboard.press("Alt+KeyN")
            await desk.is_in("ready")
        await expect(desk.page.locator("[data-look]")).to_have_count(3)
        for firm, words in ((south, ["para el sur", "otra vez el sur"]), (north, ["para el norte"])):
            for one in words:
                await desk.page.locator("[data-look]", has_text=firm.name).nth(words.index(one)).click()
                await desk.pops(firm)


async def test_the_page_does_what_her_keys_do(town: Town, browser: Browser) -> None:
    firm = await town.firm("always", "--recording")
    await town.office.pbx(
        "contact", "add", firm.slug, "Rosa Díaz", "+442079460188", "--department", "ventas", "--key", "1"
    )
    await town.live()
    rosa = town.world.contact("+442079460188", tone=ROSA).answers()
    async with at_desk(town, browser, firm) as desk:
        desk.telephone.answers(after=0.5)
        caller = await desk.is_called()
        await desk.pops()
        press = desk.page.keyboard.press
        phase = desk.page.locator("[data-phase]")
        await desk.is_in("talking")
        over = desk.page.locator("[data-act=hand-over]")
        await expect(over).to_have_attribute("aria-disabled", "true")
        await press("Alt+KeyR")
        await expect(desk.page.locator("[data-act=pause-recording]")).to_have_attribute("aria-pressed", "true")
        await press("Alt+KeyR")
        await expect(desk.page.locator("[data-act=pause-recording]")).to_have_attribute("aria-pressed", "false")
        await desk.writes("message", "Quiere hablar con Rosa")
        await press("Alt+Digit1")
        await expect(phase).to_have_attribute("data-phase", "consulting")
        await press("Alt+KeyB")
        await expect(phase).to_have_attribute("data-phase", "talking")
        await press("Alt+Digit1")
        await (await rosa.rung(2)).answered()
        await expect(over).not_to_have_attribute("aria-disabled", "true")
        await press("Alt+KeyH")
        letter = await town.letter(firm)  # at the hand-over, not after the call
        assert "Quiere hablar con Rosa" in letter.text
        assert not caller.end.at
        await desk.is_in("ready")
        await caller.hang_up()
        assert len(town.post.to(firm.mailbox)) == 1


async def test_the_page_names_a_contact_who_was_not_reached_and_why(town: Town, browser: Browser) -> None:
    firm = await town.firm()
    number = "+442079460187"
    await town.office.pbx("contact", "add", firm.slug, "Rosa Díaz", number, "--key", "1")
    await town.live()
    rosa = town.world.contact(number, tone=ROSA).refuses()
    async with at_desk(town, browser, firm) as desk:
        missed = desk.page.locator("[data-missed]")
        desk.telephone.answers(after=0.5)
        caller = await desk.is_called()
        await desk.is_in("talking")
        await desk.page.keyboard.press("Alt+Digit1")
        await expect(missed).to_have_text("Rosa Díaz tiene el teléfono ocupado.", timeout=seconds(10))
        await expect(desk.page.locator("#read-out")).to_have_text("Rosa Díaz tiene el teléfono ocupado.")
        await looked_at(desk.page, "contact-busy")
        rosa.answers()
        await desk.page.keyboard.press("Alt+Digit1")
        await expect(missed).to_have_count(0)
        ringing = await rosa.rung(2)
        await ringing.answered()
        await expect(desk.page.locator("[data-phase]")).to_have_attribute("data-phase", "consulting")
        await ringing.hang_up()
        await expect(missed).to_have_text("Rosa Díaz colgó.", timeout=seconds(10))
        rosa.rings_on()
        await desk.page.locator("[data-menu=me] summary").click()
        await desk.page.get_by_role("button", name="English").click()
        await desk.is_in("talking")
        await desk.page.keyboard.press("Alt+Digit1")
        await expect(missed).to_have_text("Rosa Díaz does not answer.", timeout=seconds(35))
        await expect(missed).to_have_count(0, timeout=seconds(30))
        await caller.hang_up()


async def test_a_mark_by_mistake_is_taken_back_by_the_same_key(town: Town, browser: Browser) -> None:
    firm = await town.firm()
    terms = ("--price", "39000", "--extra-call", "450", "--contacts", "2", "--calendars", "1")
    await town.office.pbx("plan", "set", firm.slug, "--calls", "9", *terms)
    await town.office.pbx("plan", "assign", firm.slug, firm.slug)
    await town.live()
    async with at_desk(town, browser, firm) as desk:
        desk.telephone.answers(after=0.5)
        spam, wrong = (desk.page.locator(f"[data-act={act}]") for act in ("spam", "wrong-number"))
        for keys, number in ((["W", "W"], "+56912345678"), (["S", "S", "W"], "+56912340002")):
            caller = await desk.is_called(number=number)
            await desk.is_in("talking")
            for key in keys:
                button, other = (wrong, spam) if key == "W" else (spam, wrong)
                pressed = await button.get_attribute("aria-pressed") == "true"
                await desk.page.keyboard.press(f"Alt+Key{key}")
                await expect(button).to_have_attribute("aria-pressed", "false" if pressed else "true")
                await expect(other).to_have_attribute("aria-pressed", "false")
            if len(keys) % 2:
                await looked_at(desk.page, "marked")
            await caller.hang_up()
            await desk.is_in("wrap-up" if len(keys) % 2 == 0 else "ready")
            await desk.page.keyboard.press("Alt+KeyN")
            await desk.is_in("ready")
        entries = (await town.office.ask("ledger", "show", firm.slug))["entries"]
        assert [one["kind"] for one in entries] == ["grant", "charge", "charge", "reversal"]
        trail = await town.office.ask("audit", "list", "--client", firm.slug)
        assert [one["subject"] for one in trail if one["verb"] == "call uncounted"] == [f"entry {entries[2]['id']}"]


async def test_a_correction_that_a_call_interrupts_is_not_forgotten(town: Town, browser: Browser) -> None:
    async with at_desk(town, browser) as desk:
        state = desk.page.locator("[data-message-state]")
        desk.telephone.answers(after=0.5)
        first = await desk.is_called()
        await desk.is_in("talking")
        await desk.writes("message", "Llamar el jueves")
        await first.hang_up()
        await desk.is_in("wrap-up")
        await desk.page.keyboard.press("Control+Enter")
        await expect(state).to_have_attribute("data-message-state", "sent")
        await desk.writes("message", "Llamar el viernes")
        await expect(state).to_have_text("enviado, pero sin lo que cambió después")
        await expect(desk.page.locator("[data-send]")).to_contain_text("Enviar una corrección")
        await looked_at(desk.page, "changed")
        second = await desk.is_called("Pedro", number="+56912340002")
        await desk.is_in("talking")
        await expect(desk.page.locator("[data-pop]")).to_contain_text("Pedro")
        await second.hang_up()
        await desk.is_in("wrap-up")
        await desk.page.locator("[data-look]", has_text="María").click()
        await expect(desk.page.locator("[name=field-message]")).to_have_value("Llamar el viernes")
        await desk.page.keyboard.press("Control+Enter")
        correction = await town.letter(desk.firm, 2)
        assert "Llamar el viernes" in correction.text
        await expect(state).to_have_text("corrección enviada")


async def test_web_and_daemon_killed_lose_no_word_and_no_call(town: Town, browser: Browser) -> None:
    async with at_desk(town, browser) as desk:
        desk.telephone.answers(after=0.5)
        caller = await desk.is_called()
        await desk.pops()
        await desk.is_in("talking")
        await desk.writes("message", "antes")
        await desk.sees_saved()
        os.kill(web_of(town).pid, signal.SIGKILL)
        await desk.writes("message", "mientras la web no estaba")
        await expect(desk.page.locator("#banner")).to_be_visible()
        await expect(desk.page.locator("#banner")).to_be_hidden(timeout=seconds(10))
        await desk.sees_saved()
        await desk.page.reload()
        await desk.pops()
        assert await desk.kept("message") == "mientras la web no estaba"
        await town.office.kill_daemon()  # the pages end with it, and it is not begun anew by itself
        await expect(desk.page.locator("#banner")).to_be_visible()
        await desk.writes("message", "y sin central")
        await expect(desk.page.locator("[data-pop]")).to_be_visible()
        assert not caller.end.at
        await town.office.start_daemon()
        await desk.is_in("talking")
        await desk.sees_saved()
        assert await desk.kept("message") == "y sin central"
        await caller.hang_up()
        await desk.is_in("wrap-up")
        await desk.page.keyboard.press("Control+Enter")
        letter = await town.letter(desk.firm)
        assert "y sin central" in letter.text
        assert len(town.post.to(desk.firm.mailbox)) == 1


async def test_hostile_names_are_text(town: Town, browser: Browser) -> None:
    firm = await town.firm()
    await town.office.pbx("client", "set", firm.slug, "--name", HOSTILE)
    await town.office.pbx("greeting", "set", firm.slug, f"Hola {HOSTILE}")
    await town.office.pbx("info", "add", firm.slug, "mapa <b>", "--text", HOSTILE)
    await town.live()
    async with at_desk(town, browser, firm) as desk:
        desk.telephone.answers(after=0.3)
        caller = await desk.is_called(name="</script><b>x")
        await desk.pops()
        await expect(desk.page.locator("h1")).to_have_text(HOSTILE)
        await desk.writes("message", HOSTILE)
        await desk.sees_saved()
        await desk.page.reload()
        assert await desk.kept("message") == HOSTILE
        assert await desk.page.locator("[data-pop] img, [data-pop] b").count() == 0
        await caller.hang_up()


async def test_two_tabs_are_one_desk(town: Town, browser: Browser) -> None:
    async with at_desk(town, browser) as desk:
        other = await desk.context.new_page()
        await other.goto(f"{desk.url}/desk")
        await desk.is_in("ready", other)
        desk.telephone.answers(after=0.5)
        caller = await desk.is_called()
        await desk.pops()
        await expect(other.locator(f"[data-pop][data-client={desk.firm.slug}]")).to_be_visible()
        await desk.page.close()  # it had the stream
        desk.page = other
        await desk.is_in("talking")
        await desk.writes("message", "de la otra")
        await desk.sees_saved()
        await caller.hang_up()
        await desk.is_in("wrap-up")


async def test_each_state_keeps_the_rules_of_wcag_and_has_its_picture(town: Town, browser: Browser) -> None:
    firm = await town.firm("always", "--recording")
    pbx = town.office.pbx
    await pbx("client", "set", firm.slug, "--name", "Clínica Los Andes")
    protocol = Path(__file__).parents[1] / "desk" / "clinic.toml"
    await pbx("protocol", "set", firm.slug, "--file", str(protocol))
    await pbx("greeting", "set", firm.slug, "Clínica Los Andes, {part_of_day}, le atiende {secretary}")
    await pbx("info", "add", firm.slug, "Dirección y mapa", "--text", "Av. Apoquindo 4501, Las Condes")
    await pbx("contact", "add", firm.slug, "Rosa Díaz", "+442079460199", "--department", "pabellón", "--key", "1")
    await pbx("contact", "add", firm.slug, "Dr. Soto", "+442079460198", "--department", "urgencias", "--key", "2")
    await town.live()
    town.world.contact("+442079460199", tone=ROSA).answers()
    async with at_desk(town, browser, firm) as desk:
        await looked_at(desk.page, "ready")
        first = await desk.is_called(name="María Soto")
        await desk.is_in("offered")
        await expect(desk.page.locator(".state")).to_be_in_viewport()
        await expect(desk.page.get_by_text("Si tiene dolor, ofrezca primero")).to_be_visible()
        await looked_at(desk.page, "offered")
        await desk.telephone.calls[0].pick_up()
        await desk.is_in("talking")
        await desk.page.keyboard.press("Control+Enter")  # only his number stands there, which the page filled in
        await expect(desk.page.locator("[data-send-answer]")).to_have_text("El mensaje aún está vacío.")
        await desk.writes("name", "María Soto")
        await expect(desk.page.locator("[data-send-answer]")).to_be_empty()
        await desk.writes("reason", "Hora del jueves")
        await desk.page.fill("#info-address", "maria@firma.cl")
        await expect(desk.page.locator("[data-spelled]")).to_contain_text("arroba")
        await desk.sees_saved()
        await looked_at(desk.page, "talking")
        await desk.page.keyboard.press("Alt+Digit1")
        await expect(desk.page.locator("[data-phase]")).to_have_attribute("data-phase", "consulting")
        await looked_at(desk.page, "consulting")
        await desk.page.set_viewport_size({"width": 390, "height": 844})
        await looked_at(desk.page, "narrow")
        await desk.page.set_viewport_size({"width": 640, "height": 450})  # 1280 x 900 at 200 %
        await looked_at(desk.page, "magnified")
        await desk.page.set_viewport_size({"width": 1280, "height": 900})
        await desk.page.keyboard.press("Alt+KeyB")
        await first.hang_up()
        await desk.is_in("wrap-up")
        await looked_at(desk.page, "wrap-up")
        await desk.page.keyboard.press("Control+Enter")
        await expect(desk.page.locator("[data-delivery][data-status=sent]")).to_have_count(1, timeout=seconds(15))
        await looked_at(desk.page, "sent")
        await desk.page.keyboard.press("F1")
        await looked_at(desk.page, "keys")
        await desk.page.keyboard.press("Escape")
        await desk.page.keyboard.press("Alt+KeyP")
        await looked_at(desk.page, "pause-menu")
        await desk.page.keyboard.press("Enter")
        await desk.is_in("pause")
        await looked_at(desk.page, "pause")


@pytest.mark.parametrize(("language", "wrong"), [("es-CL", "no son correctos"), ("en", "is wrong")])
async def test_the_sign_in_page_keeps_the_rules_of_wcag(
    town: Town, browser: Browser, language: str, wrong: str
) -> None:
    await town.office.served()
    page = await browser.new_page(base_url=town.office.url, locale=language)
    await page.goto("/login")
    await looked_at(page, f"sign-in-{language}")
    await page.fill("[name=name]", "ana")
    await page.fill("[name=password]", "abcd-efgh-jkmn-pqrs")
    await page.keyboard.press("Enter")
    await expect(page.get_by_role("alert")).to_contain_text(wrong)
    await expect(page.locator("[name=password]")).to_be_focused()
    await looked_at(page, f"sign-in-wrong-{language}")
    await page.set_viewport_size({"width": 320, "height": 480})
    await looked_at(page, f"sign-in-narrow-{language}")
    await page.close()
