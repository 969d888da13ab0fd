"""The feed of a calendar: at an address that nobody guesses and that can be renewed."""

from datetime import timedelta

import pytest
import vobject
from acting import ADMIN, HOUSE
from browsing import Place
from limits import RateLimitItemPerMinute
from sqlalchemy import select, update

from pbx_control.clock import now
from pbx_control.domain.agenda.rules import Kind
from pbx_control.services import appointments, calendars, clientele
from pbx_control.services.appointments import Order
from pbx_control.services.work import booking
from pbx_control.store import clients, restrictions
from pbx_control.store.engine import reading, writing
from pbx_control.store.tables import appointment, calendar, client
from pbx_control.web import tries

ALWAYS = {"week": "always", "lead": timedelta(0)}


@pytest.fixture
def secret(place: Place) -> str:
    """That of a calendar of the client andes, in which there is one appointment."""
    at = now()
    with booking(place.engine, ADMIN, at) as work:
        firm = clients.find(work.conn, "andes").id
        calendars.add(work, firm, "soto", "Dra. Soto", [Kind(0, "Consulta", 30)], **ALWAYS)
        first = appointments.free(work.conn, firm, "soto", "", at, at + timedelta(days=1), at)[0]
        order = Order(client_id=firm, calendar="soto", starts=first.starts, name="Juan Pérez")
        appointments.book(work, order, house=HOUSE)
        return calendars.renew_feed(work, firm, "soto")


async def test_a_program_reads_it_and_is_told_when_nothing_has_changed(place: Place, secret: str) -> None:
    browser, path = place.browser(), f"/agenda/{secret}.ics"
    first = await browser.get(path)
    assert (first.status_code, first.headers["content-type"]) == (200, "text/calendar; charset=utf-8")
    assert vobject.readOne(first.text).vevent.summary.value == "Consulta: Juan Pérez"
    tag = first.headers["etag"]
    for given in (tag, f"W/{tag}", f'"x", {tag}', "*"):
        again = await browser.get(path, headers={"If-None-Match": given})
        assert (again.status_code, again.content, again.headers["etag"]) == (304, b"", tag)
    with booking(place.engine, ADMIN, now()) as work:
        one = work.conn.execute(select(appointment.c.id, appointment.c.client_id)).one()
        appointments.cancel(work, one.client_id, one.id, house=HOUSE)
    later = await browser.get(path, headers={"If-None-Match": tag})
    assert later.status_code == 200
    assert vobject.readOne(later.text).vevent.summary.value == "CANCELADA Consulta: Juan Pérez"
    assert (await browser.client.head(path)).content == b""


async def test_who_is_blocked_is_not_named_whether_expected_or_gone(place: Place, secret: str) -> None:
    with writing(place.engine) as conn:
        conn.execute(update(appointment).values(number="+56987654321"))
        restrictions.add(conn, "+56987654321", None, "asks", now())
    found = (await place.browser().get(f"/agenda/{secret}.ics")).text
    assert "Consulta" in found
    assert "Juan" not in found
    assert "87654321" not in found


async def test_what_is_kept_is_not_the_secret(place: Place, secret: str) -> None:
    with reading(place.engine) as conn:
        kept = conn.scalar(select(calendar.c.feed_hash)) or ""
    assert secret not in kept
    assert (await place.browser().get(f"/agenda/{kept}.ics")).status_code == 404


async def test_an_address_that_was_renewed_or_stopped_leads_nowhere(place: Place, secret: str) -> None:
    browser = place.browser()
    with booking(place.engine, ADMIN, now()) as work:
        firm = clients.find(work.conn, "andes").id
        new = calendars.renew_feed(work, firm, "soto")
    assert (await browser.get(f"/agenda/{secret}.ics")).status_code == 404
    assert (await browser.get(f"/agenda/{new}.ics")).status_code == 200
    with booking(place.engine, ADMIN, now()) as work:
        calendars.stop_feed(work, firm, "soto")
    assert (await browser.get(f"/agenda/{new}.ics")).status_code == 404


async def test_a_client_that_has_cancelled_has_no_feed(place: Place, secret: str) -> None:
    with booking(place.engine, ADMIN, now()) as work:
        clientele.cancel(work, "andes")
    assert (await place.browser().get(f"/agenda/{secret}.ics")).status_code == 404


async def test_of_a_client_with_sensitive_data_nobody_is_named(place: Place, secret: str) -> None:
    with writing(place.engine) as conn:
        conn.execute(update(client).values(sensitive=True))
    answer = await place.browser().get(f"/agenda/{secret}.ics")
    assert answer.status_code == 200
    assert "Juan" not in answer.text


@pytest.mark.parametrize("wrong", ["x", "", "%00", "%ff", "a" * 500, "..%2f..%2fetc", "' OR 1=1 --"])
async def test_what_is_no_secret_leads_nowhere(place: Place, secret: str, wrong: str) -> None:
    assert (await place.browser().get(f"/agenda/{wrong}.ics")).status_code in (400, 404)


async def test_who_looks_too_often_waits(place: Place, secret: str) -> None:
    object.__setattr__(place.site, "feeds", tries.Allowance(RateLimitItemPerMinute(2, 15)))
    answers = [await place.browser().get(f"/agenda/{secret}.ics") for _ in range(3)]
    assert [answer.status_code for answer in answers] == [200, 200, 429]
    assert int(answers[-1].headers["retry-after"]) > 0
    assert (await place.browser("198.51.100.99").get(f"/agenda/{secret}.ics")).status_code == 200
