"""An owner says in a real Chromium, on a telephone, who is told first of an urgent message, and how long is waited."""

from pathlib import Path

import pytest
from test_agenda_in_a_browser import BASE, TELEPHONE, WIDE, browser, is_fit, office, signs_in

from pbx_control.world.installation import Installation

__all__ = ["office"]

pytestmark = pytest.mark.switch
PICTURES = Path(__file__).parents[2] / "build" / "screens"


@pytest.mark.parametrize(
    ("locale", "size", "scheme", "earlier", "save"),
    [("es-CL", TELEPHONE, "dark", "Antes", "Guardar"), ("en-GB", WIDE, "light", "Earlier", "Save")],
)
async def test_an_owner_sets_order_and_patience(
    office: Installation, locale: str, size: dict[str, int], scheme: str, earlier: str, save: str
) -> None:
    for address in ("ventas@andes.example", "jefa@andes.example"):
        await office.pbx("recipient", "add", "andes", "--email", address)
    async with browser(locale, viewport=size, color_scheme=scheme) as page:
        await signs_in(office, page)
        await page.goto(f"{BASE}/portal/recipients")
        await is_fit(page)
        section = page.locator("#urgent")
        await section.get_by_role("button", name=earlier).click()
        await section.locator("[data-place]").first.get_by_text("jefa@andes.example").wait_for()
        await page.select_option("#minutes", "2")
        await page.select_option("#rounds", "1")
        async with page.expect_response(f"{BASE}/portal/recipients/urgent"):
            await section.get_by_role("button", name=save).click()
        await page.locator("#rounds option[value='1'][selected]").wait_for(state="attached")
        PICTURES.mkdir(parents=True, exist_ok=True)
        await page.screenshot(path=PICTURES / f"portal-urgent-{scheme}.png", full_page=True)
    firm = await office.ask("client", "show", "andes")
    assert (firm["urgent_interval"], firm["urgent_rounds"]) == (120, 1)
    listed = [one["address"] for one in await office.ask("recipient", "list", "andes")]
    assert listed == ["jefa@andes.example", "ventas@andes.example"]
