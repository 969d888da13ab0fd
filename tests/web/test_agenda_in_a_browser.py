"""A client's agenda in a real Chromium, on a telephone and on a wide screen; no Asterisk is there."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import worker
from axe_playwright_python.async_playwright import Axe
from pages_process import said, started

from pbx_control.settings import Home, load
from pbx_control.store.migrate import upgrade
from pbx_control.world.installation import Installation

if TYPE_CHECKING:
    from playwright.async_api import Page

# The browser is there where the tests with a switch are.
pytestmark = pytest.mark.switch
PORTS = worker.ports(0)
BASE = f"http://localhost:{PORTS.web}"
SOTO = f"{BASE}/portal/calendars/consultas"
TELEPHONE, WIDE = {"width": 390, "height": 844}, {"width": 1280, "height": 900}


@pytest.fixture
async def office(tmp_path: Path) -> AsyncIterator[Installation]:
    """A home without a switch, whose pages are served."""
    office = Installation(tmp_path / "home", PORTS, language="es", runtime="external")
    secrets = {"ari_password": "a" * 40, "ami_password": "b" * 40}
    office.write_settings(secrets=secrets, web={"public_url": BASE})
    upgrade(Home(office.home), load(Home(office.home)))
    await office.pbx("client", "add", "andes", "--name", "Clínica Andes")
    async with started(office, "web") as web:
        await said(web, "the pages are served")
        yield office


@asynccontextmanager
async def browser(locale: str, **looks: object) -> "AsyncIterator[Page]":
    from playwright.async_api import async_playwright

    async with async_playwright() as play:
        chromium = await play.chromium.launch(
            executable_path="/usr/bin/chromium", args=["--headless=new", "--no-sandbox", "--disable-gpu"]
        )
        context = await chromium.new_context(locale=locale, **looks)  # type: ignore[arg-type]
        yield await context.new_page()
        await chromium.close()


async def signs_in(office: Installation, page: "Page") -> str:
    """Gives his password."""
    user = await office.ask("user", "add", "gerencia", "--role", "client", "--client", "andes")
    await page.goto(f"{BASE}/login")
    await page.fill("[name=name]", "gerencia")
    await page.fill("[name=password]", user["password"])
    await page.click("button.main")
    await page.wait_for_url("**/portal/**")
    return str(user["password"])


async def is_fit(page: "Page") -> None:
    """It has nothing that axe finds, and nothing stands beyond its side."""
    results = await Axe().run(page, options={"runOnly": ["wcag2a", "wcag2aa", "wcag21aa", "wcag22aa"]})
    found = [(each["id"], [node["html"] for node in each["nodes"]]) for each in results.response["violations"]]
    beyond = await page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
    assert (found, beyond) == ([], 0), page.url


async def test_an_owner_sets_up_books_moves_and_cancels_on_a_telephone(office: Installation) -> None:
    async with browser("es-CL", viewport=TELEPHONE, color_scheme="dark") as page:
        await signs_in(office, page)
        await page.goto(f"{BASE}/portal/calendars")
        await is_fit(page)
        await page.get_by_label("Nombre, como Consultas").fill("Consultas")
        await page.get_by_label("Tipo de cita, como Primera consulta").fill("Control")
        await page.get_by_role("button", name="Agregar").click()
        await page.get_by_text("La agenda está lista.").wait_for()

        await page.get_by_label("siempre, a cualquier hora").check()
        await page.get_by_label("Con esta anticipación, al menos").select_option("0")
        await page.get_by_label("Preguntas a quien llama").fill("¿RUT?")
        # The Enter key in a field keeps it all.
        await page.get_by_label("Dirección (puede quedar vacía)").fill("Av. Matta 12")
        await page.keyboard.press("Enter")
        await page.get_by_text("Guardado.").wait_for()
        await is_fit(page)
        await page.get_by_role("button", name="Crear una dirección").click()
        address = await page.get_by_label("Dirección", exact=True).first.input_value()
        await is_fit(page)
        feed = await page.request.get(address)
        assert (feed.status, "BEGIN:VCALENDAR" in await feed.text()) == (200, True)

        await page.goto(f"{SOTO}/book")
        await is_fit(page)
        await page.locator("[name=starts]").first.focus()
        await page.keyboard.press("Space")
        chosen = await page.locator("[name=starts]:checked").input_value()
        await page.get_by_label("Nombre").fill("María Soto")
        await page.get_by_label("¿RUT?").fill("5-1")
        await page.get_by_role("button", name="Agendar").click()
        await page.get_by_text("Agendada.").wait_for()
        await is_fit(page)

        await page.get_by_text("Mover a otra hora …").click()
        await page.locator("[name=starts]").nth(2).check(force=True)
        await is_fit(page)
        await page.get_by_role("button", name="Mover").click()
        await page.get_by_text("Movida.").wait_for()
        [moved] = await office.ask("appointment", "list", "--client", "andes")
        assert moved["starts"] != chosen
        await page.get_by_text("Cancelar …").click()
        await page.get_by_role("button", name="Cancelar esta cita").click()
        await page.get_by_text("Cancelada: la hora está libre de nuevo.").wait_for()
        await is_fit(page)
        for path in ("history", "connection", "remove"):
            await page.goto(f"{SOTO}/{path}")
            await is_fit(page)
        await page.get_by_label("Estoy seguro").check()
        await page.get_by_role("button", name="Quitar esta agenda").click()
        await page.get_by_text("La agenda fue quitada.").wait_for()
        assert (await page.request.get(address)).status == 404


async def test_each_free_time_of_a_fine_step_can_be_read_and_is_in_sight(office: Installation) -> None:
    await office.pbx(
        *("calendar", "add", "andes", "consultas", "--name", "Consultas", "--hours", "always", "--lead", "3h"),
        *("--step", "5", "--kind", "Control=10"),
    )
    async with browser("en-GB", viewport=WIDE) as page:
        await signs_in(office, page)
        await page.goto(SOTO)
        await page.locator("#week[data-week-ready]").wait_for()
        seen = await page.evaluate(
            """() => {
              const main = document.querySelector("#week .ec-main"), box = (one) => one.getBoundingClientRect();
              const free = [...document.querySelectorAll("#week [data-kind=free]")];
              free.sort((one, other) => (one.dataset.from < other.dataset.from ? -1 : 1));
              const day = (one) => one.dataset.from.slice(0, 10);
              const pairs = free.slice(1).map((one, place) => [free[place], one]);
              const same = pairs.filter(([one, other]) => day(one) === day(other));
              const head = box(document.querySelector("#week .ec-header")), first = box(free[0]);
              const report = {
                least: Math.min(...free.map((one) => box(one).height)),
                smeared: same.filter(([one, other]) => box(one).bottom > box(other).top + 1).length,
                inSight: first.top >= head.bottom - 1 && first.bottom <= box(main).bottom + 1,
              };
              report.above = [];
              for (let at = 1; at < 30; at += 4) {
                main.scrollTop += 4;
                const bar = box(document.querySelector("#week .ec-header"));
                for (let x = 0.05; x < 1; x += 0.13) for (const y of [0.05, 0.5, 0.95]) {
                  const hit = document.elementFromPoint(bar.left + bar.width * x, bar.top + bar.height * y);
                  if (hit?.closest("[data-from]")) report.above.push(hit.closest("[data-from]").dataset.from);
                }
                const top = document.elementFromPoint(bar.left + bar.width * 0.5, box(main).top + 2);
                if (top?.closest("[data-from]")) report.above.push("between");
              }
              return report;
            }"""
        )
        assert seen["least"] >= 24
        assert (seen["smeared"], seen["inSight"], seen["above"]) == (0, True, [])
        await is_fit(page)


async def test_the_week_leads_to_booking_and_to_what_is_booked(office: Installation) -> None:
    kinds = ("--kind", "Primera=60", "--kind", "Control=30")
    await office.pbx(
        *("calendar", "add", "andes", "consultas", "--name", "Consultas", "--hours", "always", "--lead", "0m"), *kinds
    )
    async with browser("en-GB", viewport=WIDE) as page:
        await signs_in(office, page)
        await page.goto(SOTO)
        ready = page.locator("#week[data-week-ready]")
        await ready.wait_for()
        await is_fit(page)
        await page.get_by_label("Free times for").select_option("Control")
        this_week = await ready.get_attribute("data-week-ready")
        # Next week, by keys alone.
        await page.get_by_role("button", name="Later").focus()
        await page.keyboard.press("Enter")
        free = page.locator("#week [data-kind=free]")
        await page.wait_for_function("was => document.getElementById('week').dataset.weekReady !== was", arg=this_week)
        starts = await free.first.get_attribute("data-starts")
        await free.first.focus()
        await page.keyboard.press("Enter")
        await page.wait_for_url("**/book?**")
        assert await page.locator("[name=starts]:checked").input_value() == starts
        assert await page.locator("#kind").input_value() == "Control"
        await is_fit(page)
        await page.get_by_label("Name").fill("Zoë")
        await page.get_by_role("button", name="Book").click()
        await page.get_by_text("Booked.").wait_for()

        await page.goto(SOTO)
        await ready.wait_for()
        await page.get_by_role("button", name="Later").click()
        booked = page.locator("#week [data-appointment]")
        await booked.wait_for()
        assert await booked.inner_text() != ""
        await is_fit(page)
        await booked.click()
        await page.get_by_role("heading", name="Zoë").wait_for()
