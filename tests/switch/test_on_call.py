"""An owner says in the portal who is on call; of the next call the secretary's page shows him first, and a change of it
while she talks."""

import pytest
from at_desk import Desk, at_desk, looked_at, seconds
from conftest import Firm, Town
from playwright.async_api import Browser, Page, expect

pytestmark = [pytest.mark.switch, pytest.mark.asyncio(loop_scope="session"), pytest.mark.usefixtures("pages")]

CONTACTS = (("Rosa Soto", "+56987654321"), ("Juan Pérez", "+56987654322"), ("Eva Muñoz", "+56987654323"))


async def owners_page(town: Town, browser: Browser, desk: Desk, firm: Firm) -> Page:
    """The page about who is on call, on the telephone of one of the firm's owners."""
    user = f"duena.{firm.slug}"
    made = await town.office.ask("user", "add", user, "--role", "client", "--client", firm.slug)
    telephone = await browser.new_context(locale="es-CL", viewport={"width": 390, "height": 844})
    telephone.set_default_timeout(seconds(15))
    desk.computers.append(telephone)
    page = await telephone.new_page()
    page.on("console", lambda told: desk.faults.append(told.text) if told.type == "error" else None)
    await page.goto(f"{desk.url}/login?next=/portal/rota")
    await page.fill("[name=name]", user)
    await page.fill("[name=password]", made["password"])
    await page.keyboard.press("Enter")
    await expect(page.locator("[data-rota]")).to_be_visible()
    return page


async def put_on_call(page: Page, *people: str) -> None:
    """All day, every day: these in turn."""
    await page.click("text=quién está de turno")
    await page.fill("[name=r0-when]", "siempre")
    for place, name in enumerate(people):
        await page.select_option(f"[name=r0-who{place}]", label=name)
    await looked_at(page, "portal-rota-filled")
    await page.click("form[action='/portal/rota'] button.main")
    await expect(page.locator("[data-on-call]")).to_contain_text(f"Ahora: {people[0]}")


async def shows(desk: Desk, first: str, key: str, words: str) -> None:
    """The first of the contacts on her page, within seconds of what was done elsewhere."""
    top = desk.page.locator("[data-act=consult]").first
    await expect(top).to_contain_text(f"Consultar a {first}", timeout=seconds(5))
    await expect(top).to_have_attribute("aria-keyshortcuts", f"Alt+{key}")
    await expect(top.locator(".on-call")).to_contain_text(words)


async def test_the_desk_shows_first_who_is_on_call(town: Town, browser: Browser) -> None:
    firm = await town.firm()
    for name, number in CONTACTS:
        await town.office.pbx("contact", "add", firm.slug, name, number)
    async with at_desk(town, browser, firm) as desk:
        page = await owners_page(town, browser, desk, firm)
        await put_on_call(page, "Juan Pérez", "Eva Muñoz")
        await looked_at(page, "portal-rota")
        assert await page.evaluate("document.documentElement.scrollWidth") <= 390
        desk.telephone.answers(after=0.5)
        caller = await desk.is_called()
        await desk.is_in("talking")
        await shows(desk, "Juan Pérez", "2", "de turno")
        await looked_at(desk.page, "desk-on-call")

        # He is away: the next one of the rota stands in, and the open page says why.
        await page.goto(f"{desk.url}/portal/contacts")
        juan = page.locator("[data-contact='Juan Pérez']")
        await juan.locator("summary").first.click()
        await juan.locator("button[value=day]").click()
        await expect(page.locator("[data-contact='Juan Pérez'][data-away]")).to_be_visible()
        await shows(desk, "Eva Muñoz", "3", "Juan Pérez no está disponible")
        await looked_at(desk.page, "desk-on-call-away")

        # A swap that holds from now on.
        await town.office.pbx("contact", "back", firm.slug, "Juan Pérez")
        await shows(desk, "Juan Pérez", "2", "de turno")
        await page.goto(f"{desk.url}/portal/rota")
        await page.click("text=Cambio con término")
        await page.select_option("[name=who]", label="Rosa Soto")
        await page.select_option("[name=instead_of]", label="Juan Pérez")
        await page.click("button[value=swap]")
        await expect(page.locator("[data-on-call]")).to_contain_text("Ahora: Rosa Soto")
        await shows(desk, "Rosa Soto", "1", "de turno hasta")
        await page.click("button[value=take-back]")
        await shows(desk, "Juan Pérez", "2", "de turno")
        await caller.hang_up()
        await desk.is_in("wrap-up")
