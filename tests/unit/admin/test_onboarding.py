"""`client paid`, `welcomed`, `live`, the orders under way, and what a cancelled client lacks, as an admin types."""

import re
from collections.abc import Callable
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from terminal import Admin

from pbx_control import clock

SANTIAGO = ZoneInfo("America/Santiago")
MINUTE = timedelta(minutes=1)
NO_PLAN = "client andes has no plan: its calls are neither counted nor invoiced"
MONDAY = datetime(2026, 11, 23, 9, 30, tzinfo=SANTIAGO)

SetClock = Callable[[datetime], None]


@pytest.fixture
def at(monkeypatch: pytest.MonkeyPatch) -> SetClock:
    """Sets the clock; it stands at Monday 09:30."""

    def show(now: datetime) -> None:
        monkeypatch.setattr(clock, "now", lambda: now)

    show(MONDAY)
    return show


@pytest.fixture
def ready(office: Admin) -> Admin:
    """An office whose client andes has all that answering takes."""
    office.does("secretary", "add", "Ana")
    office.does("greeting", "set", "andes", "Andes, buenos días")
    office.does("recipient", "add", "andes", "--email", "gerencia@andes.example")
    return office


def test_an_order_goes_from_payment_to_service(ready: Admin, at: SetClock) -> None:
    assert ready.does("client", "paid", "andes") == (
        "client andes has paid: welcome it by 2026-11-23 11:30, answer its calls by 2026-11-23 12:30\n"
    )
    at(MONDAY + 60 * MINUTE)
    assert ready.does("client", "welcomed", "andes") == (
        "client andes is welcomed and has a letter about +56 2 2555 0101; answer its calls by 2026-11-23 11:30\n"
    )
    (letter,) = ready.reads("message", "list")
    assert letter["subject"] == "Andes Ltda: su número es +56 2 2555 0101"
    assert "*21*225550101#" in ready.does("message", "show", str(letter["id"]))
    at(MONDAY + 90 * MINUTE)
    assert ready.does("client", "live", "andes").splitlines() == ["client andes is live, in time", NO_PLAN]
    assert ready.does("client", "list", "--onboarding") == "nothing to show\n"
    assert ready.reads("client", "show", "andes")["going_live"]["state"] == "done"


def test_list_shows_what_is_late_first_with_the_business_minutes(ready: Admin, at: SetClock) -> None:
    ready.does("client", "add", "lagos", "--name", "Lagos")
    ready.does("client", "add", "volcan", "--name", "Volcán")
    at(MONDAY + 125 * MINUTE)
    for slug, minutes in (("volcan", 60), ("lagos", 20), ("andes", 0)):
        ready.does("client", "paid", slug, "--at", f"{MONDAY + minutes * MINUTE:%Y-%m-%dT%H:%M}")
    lines = ready.does("client", "list", "--onboarding").splitlines()
    first, *rows = [re.split(r"\s{2,}", line.strip()) for line in lines]
    assert first == ["client", "number", "paid_at", "welcome", "by", "service", "by"]
    assert [row[:4] for row in rows] == [
        ["andes", "+56 2 2555 0101", "2026-11-23 09:30", "late by 5 min"],
        ["lagos", "–", "2026-11-23 09:50", "soon late: 15 min left"],
        ["volcan", "–", "2026-11-23 10:30", "55 min left"],
    ]
    assert [row[4:] for row in rows] == [
        ["2026-11-23 11:30", "55 min left", "2026-11-23 12:30"],
        ["2026-11-23 11:50", "75 min left", "2026-11-23 12:50"],
        ["2026-11-23 12:30", "115 min left", "2026-11-23 14:30"],
    ]
    shown = ready.reads("client", "list", "--onboarding")
    assert [(row["client"], row["state"]) for row in shown] == [
        ("andes", "late"),
        ("lagos", "soon late"),
        ("volcan", "on time"),
    ]
    assert [each["minutes_left"] for each in shown[0]["deadlines"]] == [-5, 55]
    assert shown[2]["deadlines"][1]["due"] == "2026-11-23T17:30:00+00:00"


def test_urgency_has_a_colour_in_a_terminal(ready: Admin, at: SetClock) -> None:
    ready.does("client", "paid", "andes")
    coloured = {"FORCE_COLOR": "1", "NO_COLOR": None, "TERM": "xterm-256color"}
    at(MONDAY + 125 * MINUTE)
    assert "\x1b[1;31mlate by 5 min" in ready.does("client", "list", "--onboarding", env=coloured)
    at(MONDAY + 95 * MINUTE)
    assert "\x1b[33msoon late: 25 min left" in ready.does("client", "list", "--onboarding", env=coloured)


def test_client_show_names_the_state_and_speaks_spanish(ready: Admin, at: SetClock) -> None:
    assert ready.reads("client", "show", "andes")["going_live"] is None
    assert "welcome" not in ready.does("client", "show", "andes")
    ready.does("client", "paid", "andes")
    at(MONDAY + 121 * MINUTE)
    shown = ready.does("--lang", "es", "client", "show", "andes")
    assert re.search(r"^bienvenida +atrasado 1 min$", shown, re.M)
    assert re.search(r"^servicio +quedan 59 min$", shown, re.M)
    ready.does("client", "welcomed", "andes")
    assert re.search(r"^welcome +done, but late$", ready.does("client", "show", "andes"), re.M)


def test_late_service_is_said_to_be_late(ready: Admin, at: SetClock) -> None:
    ready.does("client", "paid", "andes")
    ready.does("client", "welcomed", "andes")
    at(MONDAY + 61 * MINUTE)
    late = "client andes is live; it was due at 2026-11-23 10:30"
    assert ready.does("client", "live", "andes").splitlines() == [late, NO_PLAN]


def test_steps_out_of_order_change_nothing(ready: Admin, at: SetClock, unchanged: Callable[[Admin], object]) -> None:
    before = unchanged(ready)
    assert ready.is_refused("client", "welcomed", "andes") == (
        "no payment of andes is noted: `client paid andes` comes first"
    )
    assert "there is no client" in ready.is_refused("client", "paid", "nobody")
    for wrong in ("2026-11-23T09:31", "2026-10-20T09:00"):
        assert "write when it happened, like 2026-11-23T09:30" in ready.is_refused(
            "client", "paid", "andes", "--at", wrong
        )
    assert "is no time" in ready.is_refused("client", "paid", "andes", "--at", "soon")
    assert ready.reads("client", "list", "--onboarding") == []
    assert unchanged(ready) == before


def test_nobody_is_live_who_cannot_be_answered_for(office: Admin, at: SetClock) -> None:
    office.does("client", "paid", "andes")
    office.does("recipient", "add", "andes", "--email", "gerencia@andes.example")
    office.does("client", "welcomed", "andes")
    office.does("hours", "set", "andes", "never")
    assert office.is_refused("client", "live", "andes") == (
        "the client andes is not ready: first do `hours set andes HOURS`, `greeting set andes TEXT`, "
        "`secretary add NAME --clients andes`"
    )
    assert office.reads("client", "show", "andes")["going_live"]["deadlines"][1]["done_at"] is None


def test_invoices_data_and_behaviour_out_of_calls_are_options(office: Admin) -> None:
    facts = office.reads("client", "show", "andes")
    assert (facts["invoice_as"], facts["exhausted_messages"], facts["exhausted_report"]) == ("boleta", False, True)
    assert office.is_refused("client", "set", "andes", "--invoice-as", "factura", "--rut", "76.086.428-5") == (
        "a factura needs --legal-name, --business, --address too: give what lacks, or --invoice-as boleta"
    )
    assert office.reads("client", "show", "andes") == facts
    data = ["--rut", "76.086.428-5", "--legal-name", "Andes  Limitada", "--business", "Ferretería"]
    office.does("client", "set", "andes", "--invoice-as", "factura", *data, "--address", "Av. Matta 12, Santiago")
    office.does("client", "set", "andes", "--exhausted-messages", "--no-exhausted-report")
    facts = office.reads("client", "show", "andes")
    assert (facts["legal_name"], facts["business"], facts["address"]) == (
        "Andes Limitada",
        "Ferretería",
        "Av. Matta 12, Santiago",
    )
    assert (facts["invoice_as"], facts["exhausted_messages"], facts["exhausted_report"]) == ("factura", True, False)
    assert "control character" in office.is_refused("client", "set", "andes", "--address", "Av.\nMatta")


def test_resuming_says_what_a_cancelled_client_lacks(ready: Admin) -> None:
    ready.does("client", "suspend", "andes")
    assert ready.does("client", "resume", "andes") == "client andes resumed\n"
    assert ready.does("client", "cancel", "andes") == "client andes cancelled; released: +56225550101\n"
    assert ready.reads("client", "show", "andes")["cancelled_at"] is not None
    assert ready.does("client", "resume", "andes") == ("client andes resumed; still to do: `did assign NUMBER andes`\n")
    assert ready.reads("client", "show", "andes")["cancelled_at"] is None


def test_who_cancels_gets_a_credit_for_the_months_paid_ahead(ready: Admin, at: SetClock) -> None:
    issuer = {"PBX_BILLING__ISSUER_RUT": "76.086.428-5", "PBX_BILLING__ISSUER_NAME": "Secretariado SpA"}
    terms = ["--calls", "100", "--price", "30000", "--extra-call", "350", "--contacts", "2", "--calendars", "1"]
    ready.does("plan", "set", "inicial", *terms, env=issuer)
    assert "issued: internal boleta 1, CLP 107,100" in ready.does(
        "plan", "assign", "andes", "inicial", "--months", "3", env=issuer
    )
    at(MONDAY + timedelta(days=3))
    said = ready.does("client", "cancel", "andes", env=issuer)
    # 62 of the 92 days that were paid begin after the month under way
    assert "issued: internal credit note 1, CLP 72,176" in said
    assert ready.reads("invoice", "list")[0]["kind"] == "nota_credito"
    assert "`plan assign andes PLAN`" in ready.does("client", "resume", "andes")
