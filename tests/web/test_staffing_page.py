"""`/admin/staffing`: an admin or a supervisor sees in which half hours secretaries lack."""

import re

import pytest
from acting import ADMIN
from browsing import Place
from staffed import SANTIAGO, busy_weeks

from pbx_control.clock import now
from pbx_control.domain.money.plans import Plan
from pbx_control.services import subscriptions
from pbx_control.services.work import booking
from pbx_control.store import clients
from pbx_control.store.engine import writing
from pbx_control.store.tables import attendance

PRO = Plan(name="pro", calls=2000, price=1, extra_call=1, contacts=1, calendars=1)


@pytest.fixture
def busy(place: Place) -> Place:
    """Andes has called for eight weeks, 30 calls a half hour at worst, and one secretary was there."""
    with booking(place.engine, ADMIN, now()) as work:
        subscriptions.set_plan(work, PRO)
        subscriptions.assign(work, clients.find(work.conn, "andes").id, "pro")
    busy_weeks(place.engine, now().astimezone(SANTIAGO).date(), each=20)
    return place


async def read(place: Place, who: str = "jefa", language: str = "en", **query: str) -> str:
    browser = place.browser(**{"accept-language": language})
    await browser.sign_in(who)
    answer = await browser.get("/admin/staffing", params=query)
    assert answer.status_code == 200
    return " ".join(answer.text.split())


def cells(page: str, look: str) -> list[str]:
    return re.findall(rf'<td class="{look}"> <div[^>]*> <b>([^<]*)</b>', page)


async def test_it_shows_where_secretaries_lack(busy: Place) -> None:
    page = await read(busy)
    assert set(cells(page, "bad")) == {"1 / 4"}
    assert "Too few secretaries:" in page
    assert "3 are missing," in page
    assert re.search(r"of the callers are expected to be answered within 20 s", page)
    assert '<th scope="row">10:00</th>' in page
    assert '<th scope="row">03:00</th>' not in page
    assert re.search(r"Faltan secretarias:.*<strong>\w+ \d+ de \w+, 10:00–10:30<", await read(busy, "root", "es"))


async def test_another_plan_would_make_it_worse(busy: Place) -> None:
    page = await read(busy, plan="pro")
    assert "If the plan pro is sold once more" in page
    assert set(cells(page, "bad")) == {"1 / 6"}
    assert 'class="problem"' not in page
    # What there is not is told.
    page = await read(busy, plan="<script>")
    assert "In short" in page
    assert "there is no plan &#39;&lt;script&gt;&#39;" in page


async def test_who_was_there_is_not_known_yet(busy: Place) -> None:
    with writing(busy.engine) as conn:
        conn.execute(attendance.delete())
    page = await read(busy)
    assert "Who is there is not known yet" in page
    assert set(cells(page, "unknown")) == {"? / 4"}


async def test_an_empty_office_has_nothing_to_reckon_with(place: Place) -> None:
    assert "there is nothing to reckon with" in await read(place)


@pytest.mark.parametrize("week", ["2026-06-03", "0001-01-01", "9999-12-31", "today"])
async def test_any_week(busy: Place, week: str) -> None:
    assert "<h1>Secretaries needed</h1>" in await read(busy, week=week)


async def test_what_is_no_day_is_said(busy: Place) -> None:
    page = await read(busy, week='"><script>alert(1)</script>')
    assert "is no day" in page
    assert "<script>alert" not in page
