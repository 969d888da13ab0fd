"""The API's reference in a real Chromium: on a telephone, and on a wide screen."""

import pytest
from test_agenda_in_a_browser import BASE, TELEPHONE, WIDE, browser, is_fit, office

from pbx_control.world.installation import Installation

# The browser is there where the tests with a switch are.
pytestmark = pytest.mark.switch
__all__ = ["office"]
# The words of types that go on in another line, or beyond their table.
CUT = """() => [...document.querySelectorAll('.reference td:nth-child(2) code')].flatMap(code => {
    const node = code.firstChild, end = code.closest('.sheet').getBoundingClientRect().right
    return [...(node ? node.textContent : '').matchAll(/[^ ]+/g)].filter(word => {
        const range = document.createRange()
        range.setStart(node, word.index)
        range.setEnd(node, word.index + word[0].length)
        const lines = [...range.getClientRects()]
        return new Set(lines.map(one => Math.round(one.top))).size > 1 || lines.some(one => one.right > end)
    }).map(word => word[0])
})"""


@pytest.mark.parametrize("viewport", [TELEPHONE, WIDE], ids=["telephone", "wide"])
async def test_no_type_is_cut(office: Installation, viewport: dict[str, int]) -> None:
    async with browser("es-CL", viewport=viewport) as page:
        await page.goto(f"{BASE}/api/docs")
        assert await page.locator(".reference td:nth-child(2) code").count() > 100
        assert await page.evaluate(CUT) == []
        beyond = await page.locator(".sheet").evaluate_all("all => all.map(one => one.scrollWidth - one.clientWidth)")
        assert set(beyond) == {0}
        await is_fit(page)
