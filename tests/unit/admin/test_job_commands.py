"""What an admin types about calendar jobs and backups, and what is answered."""

import json
import sqlite3
from collections.abc import Callable
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from terminal import Admin

from pbx_control import clock
from pbx_control.catalogue import translated
from pbx_control.domain.words.sentences import Sentence
from pbx_control.errors import ClientMistake
from pbx_control.jobs import schedule
from pbx_control.jobs.run import Context, Job
from pbx_control.jobs.schedule import JOBS
from pbx_control.live.pulse import take_lock
from pbx_control.settings import Home, Settings

CONTROL = "16270"
PORTS = {"PBX_ASTERISK__HTTP_PORT": CONTROL, "PBX_ASTERISK__AMI_PORT": "16271", "PBX_SIP__BIND": "127.0.0.1:16272"}


def fail(_: Context) -> Sentence:
    raise ClientMistake("{file} is there already: name another file", file="x.gz")


@pytest.fixture
def a_failing_job(monkeypatch: pytest.MonkeyPatch) -> None:
    backup, *others = JOBS
    monkeypatch.setattr(schedule, "JOBS", (Job("backup", backup.what, backup.rhythm, fail), *others))


def backed_up(admin: Admin, *words: str) -> Path:
    return Path(json.loads(admin.does("backup", *words, "--json"))["file"])


def listed(admin: Admin) -> dict[str, Any]:
    return {row["job"]: row for row in admin.reads("job", "list")}


def test_every_job_is_listed_with_what_it_does_and_when(office: Admin) -> None:
    rows = listed(office)
    by_zone = {"reports", "remind"}
    assert set(rows) == {job.name for job in JOBS if job.wanted(Settings())} - by_zone | {
        f"{job}:America/Santiago" for job in by_zone
    }
    purge = rows["purge"]
    assert (purge["when"], purge["state"], purge["last"]) == ("03:30 America/Santiago", "not yet", None)
    assert purge["next"] > "2026"
    shown = office.does("--lang", "es", "job", "list")
    assert "borra las grabaciones cuyo plazo venció" in shown
    assert "aún no" in shown
    assert "cada 60 min" in shown
    assert [job.name for job in JOBS if translated(job.what, "es") == job.what] == []


def test_a_job_run_by_hand_tells_what_came_of_it(admin: Admin) -> None:
    assert admin.does("job", "run", "upkeep").startswith("the job upkeep: sound, statistics renewed")
    row = listed(admin)["upkeep"]
    assert row["state"] == "done"
    assert row["result"].startswith("sound")
    assert row["began"] == row["last"]


def test_upkeep_finds_an_account_that_is_not_the_sum_of_its_ledger(office: Admin) -> None:
    terms = ("--calls", "10", "--price", "0", "--extra-call", "0", "--contacts", "1", "--calendars", "0")
    office.does("plan", "set", "mini", *terms)
    office.does("plan", "assign", "andes", "mini")
    assert "sound" in office.does("job", "run", "upkeep")
    with closing(sqlite3.connect(office.home / "pbx.db", isolation_level=None)) as conn:
        conn.execute("UPDATE account SET period_left = 11")
    assert "accounts are not the sum of their ledger: of clients 1;" in office.is_refused("job", "run", "upkeep")


@pytest.mark.usefixtures("a_failing_job")
def test_a_job_that_fails_is_an_exit_status_and_a_finding_of_the_doctor(admin: Admin) -> None:
    why = "failed: x.gz is there already: name another file"
    assert admin.is_refused("job", "run", "backup") == f"the job backup: {why}"
    assert listed(admin)["backup"]["state"] == "failed"
    result = admin.types("doctor", "--json", env=PORTS)
    found = {entry["finding"]: entry["level"] for entry in json.loads(result.stdout)}
    assert found[f"the job backup {why}; try again: pbx-control job run backup"] == "bad"
    assert result.exit_code == 1
    spoken = "falló: x.gz ya existe: indique otro archivo"
    assert f"la tarea backup {spoken}" in admin.types("--lang", "es", "doctor", env=PORTS).stdout
    assert "falló: x.gz ya existe" in admin.does("--lang", "es", "job", "list")


def test_a_job_that_did_not_run_when_it_was_due_is_a_finding_of_the_doctor(
    admin: Admin, monkeypatch: pytest.MonkeyPatch
) -> None:
    admin.does("job", "run", "upkeep")
    afternoon = (datetime.now(UTC) + timedelta(days=3)).replace(hour=20)  # the job was due this morning
    monkeypatch.setattr(clock, "now", lambda: afternoon)
    found = json.loads(admin.types("doctor", "--json", env=PORTS).stdout)
    missed = [entry for entry in found if "and did not run" in entry["finding"]]
    assert [entry["level"] for entry in missed] == ["bad"]
    assert missed[0]["finding"].startswith("the job upkeep was due at ")


def test_the_doctor_says_that_nobody_would_be_told(admin: Admin) -> None:
    words = "nobody is told by e-mail of what goes wrong"
    assert words in admin.types("doctor", env=PORTS).stdout
    assert words not in admin.types("doctor", env=PORTS | {"PBX_OFFICE__ALARMS_TO": "admin@casa.example"}).stdout


def test_an_unknown_job_is_refused_with_those_there_are(admin: Admin) -> None:
    line = admin.is_refused("job", "run", "prge")
    assert line.startswith("there is no job 'prge': there are backup, purge, ")


def test_what_was_backed_up_comes_back(office: Admin, unchanged: Callable[[Admin], Any]) -> None:
    before = unchanged(office)
    file = backed_up(office)
    assert file.parent == office.home / "backups"
    office.does("client", "set", "andes", "--name", "Since then")
    told = office.does("restore", str(file)).splitlines()
    assert told[0].startswith(f"the home {office.home} is as it was at 20")
    assert told[-1] == "next: pbx-control setup, then start Asterisk and the daemon"
    assert unchanged(office) == before
    (kept,) = office.home.glob(".before-restore-*")
    with closing(sqlite3.connect(kept / "pbx.db")) as former:
        assert former.execute("SELECT name FROM client").fetchall() == [("Since then",)]
    office.does("setup")


def test_a_backup_can_be_restored_in_another_home(office: Admin, tmp_path: Path) -> None:
    file = backed_up(office, str(tmp_path / "pbx.tar.gz"), "--recordings")
    other = Admin(tmp_path / "other")
    other.does("restore", str(file))
    assert other.reads("client", "list") == office.reads("client", "list")
    other.does("setup")


def test_a_backup_tells_its_size(admin: Admin, tmp_path: Path) -> None:
    told = admin.does("backup", str(tmp_path / "pbx.tar.gz"))
    assert told.startswith(f"{tmp_path}/pbx.tar.gz: 2 files, ")
    assert told.endswith(" kB\n")
    assert "is there already: name another file" in admin.is_refused("backup", str(tmp_path / "pbx.tar.gz"))


def test_a_home_in_use_is_not_restored(office: Admin) -> None:
    file = backed_up(office)
    with take_lock(Home(office.home)):
        assert "a daemon runs" in office.is_refused("restore", str(file))
    assert list(office.home.glob(".*")) == []


def test_a_folder_of_somebody_else_is_not_restored_into(office: Admin, tmp_path: Path) -> None:
    file = backed_up(office)
    (tmp_path / "else").mkdir()
    (tmp_path / "else" / "thesis.tex").write_text("years of work")
    assert "is no empty folder" in Admin(tmp_path / "else").is_refused("restore", str(file))


def test_after_an_old_backup_the_clock_has_to_be_confirmed(office: Admin, monkeypatch: pytest.MonkeyPatch) -> None:
    office.does("job", "run", "clock")
    file = backed_up(office)
    monkeypatch.setattr(clock, "now", lambda: datetime.now(UTC) + timedelta(days=2))
    assert "recording purge --clock-is-right" in office.does("restore", str(file))
    assert "the clock is in doubt" in office.is_refused("job", "run", "purge")
    office.does("recording", "purge", "--clock-is-right")
    assert "files deleted: 0" in office.does("job", "run", "purge")


def test_a_fresh_backup_says_nothing_of_the_clock(office: Admin) -> None:
    assert "clock" not in office.does("restore", str(backed_up(office)))
