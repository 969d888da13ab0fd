"""An owner makes a token and a webhook in a real Chromium, copies the secret, and ends both."""

from pathlib import Path

import pytest
from test_agenda_in_a_browser import BASE, TELEPHONE, WIDE, browser, is_fit, office, signs_in

from pbx_control.world.installation import Installation

__all__ = ["office"]

pytestmark = pytest.mark.switch
PICTURES = Path(__file__).parents[2] / "build" / "screens"
HERE = f"{BASE}/portal/programs"
URL = "https://crm.andes.example/recepcion/llamadas?sucursal=providencia&clave=0123456789abcdef"


@pytest.mark.parametrize("scripts", [True, False], ids=["scripts", "no-scripts"])
@pytest.mark.parametrize(
    ("locale", "size", "scheme"),
    [
        ("es-CL", TELEPHONE, "dark"),
        ("es-CL", WIDE, "light"),
        ("en-GB", TELEPHONE, "light"),
        ("en-GB", WIDE, "dark"),
    ],
)
async def test_an_owner_makes_and_ends_a_token_and_a_webhook(
    office: Installation, locale: str, size: dict[str, int], scheme: str, scripts: bool
) -> None:
    looks = {"viewport": size, "color_scheme": scheme, "java_script_enabled": scripts}
    async with browser(locale, **looks) as page:
        password = await signs_in(office, page)

        async def shot(name: str) -> None:
            # What checks a page is a script of its own.
            if scripts:
                await is_fit(page)
                PICTURES.mkdir(parents=True, exist_ok=True)
                width = size["width"]
                await page.screenshot(path=PICTURES / f"programs-{name}-{locale}-{width}.png", full_page=True)

        await page.goto(HERE)
        await shot("empty")
        await page.fill("#token-name", "crm")
        await page.fill("#token-password", "wrong")
        await page.check("[value='calls:read']")
        await page.check("[value='appointments:write']")
        await page.fill("#token-until", "2032-12-31")
        await page.click("form[action$='/tokens'] button.main")
        await page.locator("#token-password-problem").wait_for()
        assert await page.evaluate("document.activeElement.id") == "token-password" or not scripts
        await shot("wrong")
        await page.fill("#token-password", password)
        await page.click("form[action$='/tokens'] button.main")
        token = await page.locator("[data-secret]").input_value()
        assert token.startswith("pbx_")
        copy = page.locator("[data-copy]")
        assert await copy.is_visible() == scripts
        await shot("token")
        if scripts:
            await page.context.grant_permissions(["clipboard-read", "clipboard-write"])
            await copy.click()
            await page.locator(f"text={await copy.get_attribute('data-copied')}").wait_for()
            assert await page.evaluate("navigator.clipboard.readText()") == token

        await page.fill("#webhook-url", URL)
        await page.fill("#webhook-password", password)
        await page.check("[value='call.ended']")
        await page.click("form[action$='/webhooks'] button.main")
        assert (await page.locator("[data-secret]").input_value()).startswith("whsec_")
        await shot("webhook")
        await page.goto(HERE)
        await page.click("[data-token] summary")
        await page.click("[data-webhook] summary")
        await shot("both")
        await page.click("form[action$='/tokens/revoke'] button")
        await page.wait_for_url(f"{HERE}?done=revoked")
        await page.click("[data-webhook] summary")
        await page.click("form[action$='/webhooks/remove'] button")
        await page.wait_for_url(f"{HERE}?done=removed")
        assert await page.locator("[data-token], [data-webhook]").count() == 0
        await page.goto(f"{BASE}/portal/audit")
        await shot("log")
