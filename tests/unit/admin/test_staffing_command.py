"""`staffing show`, and what is said before a plan is sold."""

import re
from datetime import timedelta

import pytest
from acting import ADMIN
from staffed import SANTIAGO, busy_weeks
from terminal import Admin

from pbx_control.clock import now
from pbx_control.services import client_orders
from pbx_control.services.work import booking
from pbx_control.settings import Home, Settings
from pbx_control.store import clients
from pbx_control.store.engine import open_engine

TERMS = ["--price", "39000", "--extra-call", "450", "--contacts", "2", "--calendars", "1"]


@pytest.fixture
def busy(office: Admin) -> Admin:
    """Andes has called for eight weeks, and one secretary was enough; Sur has only been added."""
    office.does("plan", "set", "inicial", "--calls", "200", *TERMS)
    office.does("plan", "set", "pro", "--calls", "2000", *TERMS)
    office.does("plan", "assign", "andes", "inicial")
    office.does("client", "add", "sur", "--name", "Sur")
    engine = open_engine(Home(office.home), Settings())
    busy_weeks(engine, now().astimezone(SANTIAGO).date(), each=2)
    engine.dispose()
    return office


def test_an_empty_office_has_nothing_to_show(admin: Admin) -> None:
    assert "no plan is sold" in admin.does("staffing", "show")
    assert admin.reads("staffing", "show")["gaps"] == []


def test_a_week_is_shown(busy: Admin) -> None:
    shown = busy.does("staffing", "show")
    assert "half hour" in shown
    assert "nowhere too few" in shown
    read = busy.reads("staffing", "show", "--week", "2026-06-03")
    assert len(read["half_hours"]) == 7 * 48
    assert {"at", "calls", "talk", "needed", "there", "planned", "level", "breaks"} <= read["half_hours"][0].keys()
    assert read["half_hours"][0]["at"] == "2026-06-01T04:00:00+00:00"
    assert "is no day" in busy.is_refused("staffing", "show", "--week", "soon")


def test_what_would_be(busy: Admin) -> None:
    assert "too few from" in busy.does("staffing", "show", "--with-plan", "pro", "--with-plan", "pro")
    assert sum(one["calls"] for one in busy.reads("staffing", "show", "--without", "andes")["half_hours"]) < 0.01
    assert "there is no plan" in busy.is_refused("staffing", "show", "--with-plan", "gratis")
    assert "there is no client" in busy.is_refused("staffing", "show", "--without", "nadie")


def test_when_too_few_are_there_is_told_as_in_the_table_above(busy: Admin) -> None:
    words = ("staffing", "show", "--with-plan", "pro", "--with-plan", "pro")
    for language, begins in (("es", r"(lun|mar|mié|jue|vie) \d+ \w+, "), ("en", r"(Mon|Tue|Wed|Thu|Fri) \d+ \w+, ")):
        few = [line for line in busy.does("--lang", language, *words).splitlines() if ":00-" in line or ":30-" in line]
        assert few
        assert all(re.search(begins + r"\d\d:\d\d-\d\d:\d\d", line) for line in few), few


def test_who_sells_is_told_what_breaks(busy: Admin) -> None:
    told = busy.does("plan", "assign", "sur", "pro")
    warning, sold, *_ = told.splitlines()
    assert warning.startswith("too few secretaries if this is sold: fewer than 80 % answered within 20 s in 10 half")
    assert "Mon 10:00-10:30 (secretaries lacking: " in warning
    assert sold.startswith("sur has the plan pro")
    # Sold already: it makes nothing worse.
    again = busy.does("plan", "assign", "sur", "pro", "--months", "3")
    assert "too few" not in again
    assert "too few" not in busy.does("plan", "assign", "sur", "inicial")


def test_who_confirms_an_order_is_told_too(busy: Admin) -> None:
    engine = open_engine(Home(busy.home), Settings())
    with booking(engine, ADMIN, now() + timedelta(seconds=1)) as work:
        client_orders.order_plan(work, Settings(), clients.find(work.conn, "sur").id, "pro")
        client_orders.order_plan(work, Settings(), clients.find(work.conn, "andes").id, "pro")
        client_orders.withdraw(work, clients.find(work.conn, "andes").id, 2)
    engine.dispose()
    assert [(one["id"], one["too_few"]) for one in busy.reads("order", "list", "--all")] == [(2, None), (1, 10)]
    assert "too_few" in busy.does("order", "list")
    spanish = busy.does("order", "confirm", "1", env={"LC_ALL": "es_CL.UTF-8"})
    assert "demasiado pocas secretarias" in spanish
    assert "decided already" in busy.is_refused("order", "confirm", "1")
