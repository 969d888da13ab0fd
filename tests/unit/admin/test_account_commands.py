"""`plan`, `bag`, `ledger` and `call mark` as an admin types them: what a client bought, and used."""

import re
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from acting import by_admin
from sqlalchemy import insert, update
from terminal import Admin

from pbx_control import clock
from pbx_control.domain.money.quota import Limits
from pbx_control.domain.money.repeats import Arrived
from pbx_control.services import clientele
from pbx_control.settings import Home, Settings
from pbx_control.store import clients, ledger
from pbx_control.store.engine import open_engine, writing
from pbx_control.store.migrate import upgrade
from pbx_control.store.tables import call

CALLER = "+56981234567"
BEGAN = datetime(2026, 11, 2, 15, tzinfo=UTC)
TERMS = ("--price", "39000", "--extra-call", "450", "--contacts", "2", "--calendars", "1")


@pytest.fixture
def admin(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Admin:
    """An admin whose client andes has a plan of ten calls since the 2nd, of which two are used."""
    home = Home(tmp_path / "home")
    home.root.mkdir()
    home.settings_file.write_text("")
    upgrade(home, Settings())
    engine = open_engine(home, Settings())
    with writing(engine) as conn:
        andes = clientele.add(by_admin(conn, BEGAN), "andes", name="Andes Ltda")
    monkeypatch.setattr(clock, "now", lambda: BEGAN)
    admin = Admin(home.root)
    admin.does("plan", "set", "inicial", "--calls", "10", *TERMS)
    admin.does("plan", "assign", "andes", "inicial")
    with writing(engine) as conn:
        for hour in (1, 2):
            at, facts = BEGAN + timedelta(hours=hour), {"client_id": andes, "did": "+56225550101", "phase": "ended"}
            conn.execute(insert(call).values(id=f"pbx-{hour}.1", caller=CALLER, arrived_at=at, **facts))
            ledger.reserve(conn, andes, f"pbx-{hour}.1", at)
            ledger.charge(conn, andes, Arrived(f"pbx-{hour}.1", CALLER, at), at, Limits())
    engine.dispose()
    monkeypatch.setattr(clock, "now", lambda: BEGAN + timedelta(days=1))
    return admin


def parts(shown: str) -> list[list[str]]:
    """The blocks of what was printed, which blank lines part."""
    return [block.splitlines() for block in shown.strip().split("\n\n")]


def test_a_ledger_reads_like_an_account(admin: Admin) -> None:
    head, entries, tail = parts(admin.does("ledger", "show", "andes"))
    assert [re.split(r" {2,}", line) for line in head] == [
        ["period", "2026-11-02 – 2026-12-01"],
        ["plan", "inicial"],
        ["opening", "0"],
    ]
    assert re.split(r" {2,}", entries[2].strip()) == [
        "2", "2026-11-02 13:00:00 -03", "charge", "-1", "period", "pbx-1.1", "+56 9 8123 4567", "–",
    ]  # fmt: skip
    assert tail[0].split() == ["closing", "8"]
    assert tail[-1].split() == ["runs_out", "2026-11-09"]


def test_calls_that_last_until_the_next_month_do_not_run_out(admin: Admin) -> None:
    admin.does("bag", "add", "andes", "500")
    assert parts(admin.does("ledger", "show", "andes"))[-1][-1].endswith("  not in this month")
    assert admin.reads("ledger", "show", "andes")["runs_out"] is None


def test_an_objection_shows_until_it_is_settled(admin: Admin) -> None:
    admin.does("ledger", "dispute", "2", "--why", "Era un fax")
    assert "disputed: Era un fax" in admin.does("ledger", "show", "andes")
    assert "objetado: Era un fax" in admin.does("--lang", "es", "ledger", "show", "andes")
    admin.does("ledger", "reverse", "2", "--why", "Se oye el fax")
    shown = admin.does("ledger", "show", "andes")
    assert "disputed" not in shown
    assert "Se oye el fax" in shown
    assert admin.reads("ledger", "show", "andes")["closing"] == 9


@pytest.mark.parametrize("month", ["0000-00", "0001-01", "9999-12", "november", "2026-13"])
def test_a_month_that_is_none_is_refused(admin: Admin, month: str) -> None:
    assert "is no month" in admin.is_refused("ledger", "show", "andes", "--month", month)


def test_a_call_is_marked_by_the_end_of_its_id(admin: Admin) -> None:
    assert admin.does("call", "mark", "2.1", "wrong-number") == "call pbx-2.1 is not charged\n"
    assert admin.reads("client", "show", "andes")["calls_left"] == 9
    assert admin.is_refused("call", "mark", "9.9", "test").startswith("there is no call 9.9")
    assert "número equivocado" in admin.does("ledger", "show", "andes", env={"LC_ALL": "es_CL.UTF-8"})
    assert "wrong-number" in admin.does("ledger", "show", "andes")


def test_money_is_shown_as_money_and_read_as_a_number(admin: Admin) -> None:
    discounts = ("--discount", "6=10", "--did", "US=9000", "--client", "andes")
    admin.does("plan", "set", "andes-2026", "--calls", "250", *TERMS, *discounts)
    assert re.split(r" {2,}", admin.does("plan", "list").splitlines()[1].strip()) == [
        "andes-2026", "250", "CLP 39,000", "CLP 450", "2", "1", "–", "6: 10 %", "US: CLP 9,000", "0 (andes)",
    ]  # fmt: skip
    admin.does("plan", "retire", "inicial")
    assert "inicial (retired)" in admin.does("plan", "list", "--all")
    made_to_measure = admin.reads("plan", "list")[0]
    assert (made_to_measure["price"], made_to_measure["discounts"]) == (39000, {"6": 10})
    assert "CLP 11,250 net" in admin.does("bag", "add", "andes", "25")
    assert "CLP 11,250" in admin.does("bag", "list")
    assert admin.reads("bag", "list")[0]["price"] == 11250


def test_a_client_is_shown_with_its_plan_and_what_is_left(admin: Admin) -> None:
    shown = dict(re.split(r" {2,}", line) for line in admin.does("client", "show", "andes").splitlines())
    assert (shown["plan"], shown["months_ahead"], shown["calls_left"]) == ("inicial", "1", "8")
    assert (shown["state"], shown["wait_limit"]) == ("active", "90 s")
    assert "activo" in admin.does("--lang", "es", "client", "list")


def test_a_call_that_repeats_another_is_in_the_ledger_and_says_so(admin: Admin) -> None:
    """One line of no units, with the conversation that it repeats, in both languages."""
    again = BEGAN + timedelta(hours=2, seconds=30)
    engine = open_engine(Home(admin.home), Settings())
    with writing(engine) as conn:
        over = BEGAN + timedelta(hours=2, seconds=4)
        spoke = {"answered_at": BEGAN + timedelta(hours=2), "ended_at": over, "hung_up_at": over}
        conn.execute(update(call).where(call.c.id == "pbx-2.1").values(**spoke))
        andes = clients.find(conn, "andes").id
        facts = {"client_id": andes, "did": "+56225550101", "phase": "ended"}
        conn.execute(insert(call).values(id="pbx-3.1", caller=CALLER, arrived_at=again, **facts))
        assert ledger.charge(conn, andes, Arrived("pbx-3.1", CALLER, again), again, Limits()) is None
    engine.dispose()
    shown = admin.does("ledger", "show", "andes")
    assert "not charged: the caller called again at once after pbx-2.1 (4 s)" in " ".join(shown.split())
    spanish = " ".join(admin.does("--lang", "es", "ledger", "show", "andes").split())
    assert "llamada repetida" in spanish
    assert "no se descuenta: quien llama volvió a llamar enseguida tras pbx-2.1 (4 s)" in spanish
    told = admin.reads("ledger", "show", "andes")
    assert [(entry["kind"], entry["units"]) for entry in told["entries"][1:]] == [
        ("charge", -1),
        ("charge", -1),
        ("repeat", 0),
    ]
    assert told["closing"] == 8


def test_a_client_has_limits_of_its_own_for_who_calls_again(admin: Admin) -> None:
    assert "repeat_within" in admin.does("client", "show", "andes")
    admin.does("client", "set", "andes", "--repeat-within", "2m", "--short-call", "15s", "--after-call", "5s")
    facts = admin.reads("client", "show", "andes")
    assert (facts["repeat_within"], facts["short_call"], facts["after_call"]) == (120, 15, 5)
    assert "is no duration from 0 to 300 seconds" in admin.is_refused("client", "set", "andes", "--short-call", "6m")


def test_all_that_is_missing_is_told_at_once(admin: Admin) -> None:
    told = admin.types("plan", "set", "--calls", "10", "--price", "39000")
    assert told.exit_code == 2
    assert "these are missing: 'NAME', '--extra-call', '--contacts', '--calendars'\n" in told.stderr
    told = admin.types("--lang", "es", "plan", "set")
    assert "faltan: 'NOMBRE', '--calls', '--price', '--extra-call', '--contacts', '--calendars'\n" in told.stderr
    assert "Missing option '--name'." in admin.types("client", "add", "andes").stderr


@pytest.mark.parametrize(
    ("typed", "price"), [("39000", 39_000), ("39.000", 39_000), ("$1.039.000", 1_039_000), ("0", 0)]
)
def test_pesos_are_typed_as_chile_writes_them(typed: str, price: int, admin: Admin) -> None:
    admin.does("plan", "set", "nuevo", "--calls", "10", *TERMS, "--price", typed, "--did", f"CL={typed}")
    (plan,) = (one for one in admin.reads("plan", "list") if one["name"] == "nuevo")
    assert (plan["price"], plan["dids"]) == (price, {"CL": price})


@pytest.mark.parametrize("typed", ["39.00", "39,5", "39.0000", "1e3", "-1", ".000", "999.999.999"])
def test_what_is_no_amount_in_pesos_is_refused_with_a_hint(typed: str, admin: Admin) -> None:
    for wrong in (("--price", typed), ("--did", f"CL={typed}")):
        told = admin.types("plan", "set", "nuevo", "--calls", "10", *TERMS, *wrong)
        assert told.exit_code in (1, 2)
        hints = ("write 39000 or 39.000", "is no whole number from 0 to ", "CL=4000", "6=10")
        assert any(hint in told.stderr for hint in hints)
    assert "nuevo" not in [one["name"] for one in admin.reads("plan", "list")]
