"""What the calendar, and a secretary's telephone, change stands in the audit trail: once for each run, with counts."""

from datetime import timedelta
from functools import partial
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from acting import JOB, by_admin
from keeping import NOW, House
from running_out import ANDES, BEGAN, MARIA, add_client, add_plan, turned_away
from sqlalchemy import Engine

from pbx_control.domain.audit import Actor, ActorKind, AuditEntry, Verb
from pbx_control.domain.call.commands import ChargeUnit, ReturnUnit
from pbx_control.domain.call.journal import Line
from pbx_control.domain.call.model import Call, Phase
from pbx_control.domain.call.saving import Save
from pbx_control.media.disposal import GROUP
from pbx_control.media.purge import purge
from pbx_control.services import accounts, clientele, invoicing, missed_reports
from pbx_control.services import keeping as retention
from pbx_control.services.cancelled import AFTER, erase_cancelled
from pbx_control.services.steps import Rules, save
from pbx_control.settings import Billing, Home, Settings
from pbx_control.store import audit
from pbx_control.store.engine import reading, writing
from pbx_control.store.retention import believe

SETTINGS = Settings(billing=Billing(issuer_rut="76.086.428-5", issuer_name="Casa", issuer_address="Av. 1"))
DAY = timedelta(days=1)
SANTIAGO = ZoneInfo("America/Santiago")


@pytest.fixture
def home(engine: Engine, tmp_path: Path) -> Home:
    """A client with a plan."""
    add_client(engine)
    add_plan(engine)
    return Home(tmp_path / "home")


def told(engine: Engine, *verbs: Verb) -> list[AuditEntry]:
    with reading(engine) as conn:
        return [one.entry for one in reversed(audit.newest(conn)) if one.entry.verb in verbs]


def counts(entry: AuditEntry) -> dict[str, object]:
    return {name: new for name, (_, new) in entry.difference.items()}


def test_an_invoice_that_the_calendar_issues_names_its_client(engine: Engine, home: Home) -> None:
    for _ in range(2):
        invoicing.issue_due(engine, home, SETTINGS, JOB, BEGAN + DAY)
    (entry,) = told(engine, Verb.INVOICE_ISSUED)
    assert (entry.actor, entry.subject, entry.client_id) == (JOB, "andes", 1)
    assert counts(entry)["invoices"] == ["boleta-1"]


def test_months_that_begin_are_counted(engine: Engine, home: Home) -> None:
    for _ in range(2):
        accounts.begin_months(engine, JOB, BEGAN + 40 * DAY)
    (entry,) = told(engine, Verb.MONTHS_BEGUN)
    assert (entry.actor, counts(entry)) == (JOB, {"accounts": 1})


def test_a_report_of_missed_calls_tells_how_many_there_were(engine: Engine, home: Home) -> None:
    with writing(engine) as conn:
        turned_away(conn, BEGAN, BEGAN + timedelta(minutes=1))
    for _ in range(2):
        missed_reports.send(home, engine, SETTINGS, SANTIAGO, BEGAN + DAY, JOB, BEGAN + DAY)
    (entry,) = told(engine, Verb.REPORT_SENT)
    assert (entry.actor, entry.client_id, counts(entry)) == (JOB, 1, {"calls": 2, "letters": 2})


def test_a_purge_has_one_entry_however_much_it_deletes(engine: Engine, tmp_path: Path) -> None:
    house = House(Home(tmp_path / "home"), engine)
    for number in (1, 2):
        house.has_call(f"pbx-1.{number}", age=40)
    for _ in range(2):
        retention.purge(house.home, engine, JOB, NOW)
    (entry,) = told(engine, Verb.RECORDINGS_PURGED)
    assert (entry.actor, counts(entry)) == (JOB, {"deleted": 2, "bytes": 32, "absent": 0})


def test_a_purge_that_is_broken_off_tells_what_it_had_deleted(engine: Engine, tmp_path: Path) -> None:
    house = House(Home(tmp_path / "home"), engine)
    house.has_call("pbx-1.1", age=40)

    def breaks(_looked: int, deleted: int) -> None:
        if deleted:
            raise OSError("the disk is gone")

    with pytest.raises(OSError, match="gone"):
        retention.purge(house.home, engine, JOB, NOW, progress=breaks)
    (entry,) = told(engine, Verb.RECORDINGS_PURGED)
    assert counts(entry)["deleted"] == 1


def test_a_purge_that_is_killed_has_said_that_it_began(engine: Engine, tmp_path: Path) -> None:
    house = House(Home(tmp_path / "home"), engine)
    house.has_call("pbx-1.1", age=40)

    class Killed(BaseException):
        pass

    def dies(moment: str) -> None:
        if moment == "committed":
            raise Killed

    begun = AuditEntry(at=NOW, actor=JOB, verb=Verb.PURGE_BEGUN, subject="")
    with pytest.raises(Killed):
        purge(house.home, engine, NOW, reached=dies, goes=partial(audit.add_once, entry=begun))
    assert [one.actor for one in told(engine, Verb.PURGE_BEGUN)] == [JOB]
    assert told(engine, Verb.RECORDINGS_PURGED) == []


def test_a_purge_says_once_that_it_began_and_nothing_if_it_deletes_nothing(engine: Engine, tmp_path: Path) -> None:
    house = House(Home(tmp_path / "home"), engine)
    retention.purge(house.home, engine, JOB, NOW)
    assert told(engine, Verb.PURGE_BEGUN) == []
    for number in range(2 * GROUP):
        house.has_call(f"pbx-1.{number}", age=40)
    retention.purge(house.home, engine, JOB, NOW)
    assert len(told(engine, Verb.PURGE_BEGUN)) == 1
    (done,) = told(engine, Verb.RECORDINGS_PURGED)
    assert counts(done)["deleted"] == 2 * GROUP


def test_a_client_that_cancelled_long_ago_is_erased_with_its_counts(engine: Engine, home: Home) -> None:
    with writing(engine) as conn:
        turned_away(conn, BEGAN)
        clientele.cancel(by_admin(conn, BEGAN + DAY), "andes")
        believe(conn, BEGAN + 2 * DAY + AFTER)
    for _ in range(2):
        erase_cancelled(home, engine, JOB, BEGAN + 2 * DAY + AFTER)
    texts, callers = told(engine, Verb.CLIENT_ERASED)
    assert {texts.actor, callers.actor} == {JOB}
    assert (texts.subject, counts(texts)["recipients"]) == ("andes", 2)
    assert counts(callers)["callers"] == 1


def test_a_secretary_who_takes_a_charge_back_by_her_key_is_named(engine: Engine, home: Home) -> None:
    one = Call("c1", caller=MARIA, facts=ANDES, phase=Phase.TALKING, arrived_at=BEGAN)
    with writing(engine) as conn:
        save(conn, [Save(one, True, (Line(1, BEGAN, "SecretaryAnswered", {}),), (ChargeUnit(),))], Rules("Casa"))
        for seq in (2, 3):
            save(conn, [Save(one, False, (Line(seq, BEGAN, "KeyPressed", {}),), (ReturnUnit("Ana"),))], Rules("Casa"))
    (entry,) = told(engine, Verb.CALL_UNCOUNTED)
    assert entry.actor == Actor(ActorKind.SECRETARY, "Ana")
    assert counts(entry) == {"call": "c1", "reason": "wrong-number"}
