"""`recording hold`, `purge`, `reconcile`, `receipts` and `caller …` as an admin types them."""

import os
import time
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import insert, update
from terminal import Admin

from pbx_control.clock import now
from pbx_control.settings import Home, Settings
from pbx_control.store.engine import open_engine, writing
from pbx_control.store.migrate import upgrade
from pbx_control.store.tables import call, client, clock_guard

HIS = "+56912345678"


@pytest.fixture
def admin(tmp_path: Path) -> Admin:
    """A home with a call whose time is over, one that is young, and a file that is nobody's."""
    home = Home(tmp_path / "home")
    home.root.mkdir()
    home.settings_file.write_text('[office]\nlanguage = "es"\n')
    upgrade(home, Settings())
    engine = open_engine(home, Settings())
    at = now()
    with writing(engine) as conn:
        conn.execute(insert(client).values(id=1, slug="andes", name="Andes", week="never", created_at=at))
        for call_id, age in (("pbx-1.1", 31), ("pbx-2.1", 0.1)):
            ended = at - timedelta(days=age)
            path = f"{ended:%Y/%m/%d}/{call_id}.wav"
            (home.recordings / path).parent.mkdir(parents=True)
            (home.recordings / path).write_text(call_id)
            facts = {"client_id": 1, "did": "+56225550101", "caller": HIS, "phase": "ended", "outcome": "answered"}
            times = {"arrived_at": ended, "ended_at": ended}
            conn.execute(insert(call).values(id=call_id, recording=path, **facts, **times))
    engine.dispose()
    stray = home.recordings / "2026/01/01/nobody.wav"
    stray.parent.mkdir(parents=True)
    stray.write_text("?")
    old = time.time() - 3 * 86400
    os.utime(stray, (old, old))
    return Admin(home.root)


def files(admin: Admin) -> list[str]:
    return sorted(path.name for path in (admin.home / "recordings").rglob("*.wav"))


def sees_clock(admin: Admin, days: float) -> None:
    """Has the clock last been believed so many days ago (or ahead)."""
    engine = open_engine(Home(admin.home), Settings())
    with writing(engine) as conn:
        conn.execute(insert(clock_guard).values(id=1, seen_at=now() - timedelta(days=days)))
    engine.dispose()


def test_a_dry_run_shows_what_would_go_and_why(admin: Admin) -> None:
    [row] = admin.reads("recording", "purge", "--dry-run")
    assert (row["call"], row["what"], row["goes"], row["bytes"]) == ("pbx-1.1", "recording", True, 7)
    assert row["why"].startswith("age: ")
    assert row["why"].endswith(" + 30 d")
    shown = admin.does("--lang", "es", "recording", "purge", "--dry-run")
    assert "antigüedad: " in shown
    assert "se borrarían: 1 (7 B); con retención legal: 0" in shown
    assert files(admin) == ["nobody.wav", "pbx-1.1.wav", "pbx-2.1.wav"]


def test_a_purge_says_what_it_did_and_receipts_prove_it(admin: Admin) -> None:
    assert admin.does("recording", "purge") == "deleted: 1 (7 B); kept by a legal hold: 0\n"
    assert files(admin) == ["nobody.wav", "pbx-2.1.wav"]
    [receipt] = admin.reads("recording", "receipts", "--call", "1.1")
    assert (receipt["call_id"], receipt["what"], receipt["size"]) == ("pbx-1.1", "recording", 7)
    assert "pbx-1.1" in admin.does("recording", "receipts")
    assert admin.does("recording", "receipts", "--since", "2100-01-01") == "nothing to show\n"
    assert admin.does("recording", "purge", "--dry-run") == "nothing is due\n"


def test_a_purge_in_json(admin: Admin) -> None:
    assert admin.reads("recording", "purge")["deleted"] == 1


def test_a_held_call_is_listed_and_kept(admin: Admin) -> None:
    assert "is held" in admin.does("recording", "hold", "pbx-1.1", "--why", "a trial")
    assert {row["call"]: row["hold"] for row in admin.reads("recording", "list")} == {
        "pbx-1.1": "a trial",
        "pbx-2.1": "",
    }
    assert "a trial" in admin.does("recording", "list")
    assert admin.reads("recording", "purge", "--dry-run")[0]["why"] == "held: a trial"
    assert "deleted: 0 " in admin.does("recording", "purge")
    assert "held already" in admin.is_refused("recording", "hold", "pbx-1.1", "--why", "again")
    admin.does("recording", "release", "pbx-1.1")
    assert "is not held" in admin.is_refused("recording", "release", "pbx-1.1")
    assert "deleted: 1 " in admin.does("recording", "purge")
    assert "not any more" in admin.does("recording", "hold", "pbx-1.1", "--why", "too late")


@pytest.mark.parametrize("verb", ["hold", "release"])
def test_a_call_that_is_not_there_is_neither_held_nor_released(admin: Admin, verb: str) -> None:
    why = ["--why", "x"] if verb == "hold" else []
    assert "there is no call" in admin.is_refused("recording", verb, "nobody", *why)


@pytest.mark.parametrize(("days", "line"), [(2, "more than a day after"), (-1, "has shown")])
def test_a_clock_in_doubt_refuses_until_it_is_confirmed(admin: Admin, days: float, line: str) -> None:
    sees_clock(admin, days)
    refused = admin.is_refused("recording", "purge")
    assert line in refused
    assert "--clock-is-right" in refused
    planned = admin.types("recording", "purge", "--dry-run")
    assert "pbx-1.1" in planned.stdout
    assert line in planned.stderr
    assert len(files(admin)) == 3
    assert "deleted: 1 " in admin.does("recording", "purge", "--clock-is-right")
    assert "deleted: 0 " in admin.does("recording", "purge")


def test_a_file_that_cannot_go_is_told(admin: Admin) -> None:
    [file] = (admin.home / "recordings").rglob("pbx-1.1.wav")
    file.unlink()
    file.symlink_to("/etc/hostname")
    result = admin.types("recording", "purge")
    assert result.exit_code == 1
    assert "could not be deleted: it is no ordinary file" in result.stderr or "symbolic links" in result.stderr
    assert file.is_symlink()


def test_reconciliation_lists_both_sides(admin: Admin) -> None:
    engine = open_engine(Home(admin.home), Settings())
    with writing(engine) as conn:
        conn.execute(update(call).where(call.c.id == "pbx-1.1").values(message="2026/01/01/pbx-1.1-message.wav"))
    engine.dispose()
    found = admin.reads("recording", "reconcile")
    assert found["counts"] == {
        "without_row": 1,
        "without_file": 1,
        "odd": 0,
        "unended": 0,
        "empty": 0,
        "cut": 0,
    }
    assert "nobody.wav" in admin.does("recording", "reconcile")
    [stray] = (admin.home / "recordings").rglob("nobody.wav")
    stray.unlink()
    admin.does("recording", "purge")
    assert admin.does("recording", "reconcile") == "files and calls agree\n"


def test_a_caller_is_found_and_erased(admin: Admin) -> None:
    found = admin.reads("caller", "find", HIS)
    assert [one["id"] for one in found["calls"]] == ["pbx-1.1", "pbx-2.1"]
    assert "calls 2" in admin.does("caller", "find", "9 1234 5678")
    admin.does("recording", "hold", "1.1", "--why", "juicio")
    # What cannot be done is not asked about.
    assert "under a legal hold" in admin.is_refused("caller", "erase", HIS, "--why", "asked")
    admin.does("recording", "release", "1.1")
    refused = admin.types("caller", "erase", HIS, "--why", "asked", input="n\n")
    assert refused.exit_code == 1
    assert len(files(admin)) == 3
    assert "calls 2, files 2" in admin.does("caller", "erase", HIS, "--why", "asked", "--yes")
    assert files(admin) == ["nobody.wav"]
    assert admin.reads("caller", "find", HIS)["calls"] == []
    begun, done = (one for one in reversed(admin.reads("audit", "list")) if "eras" in one["verb"])
    assert (begun["verb"], done["verb"]) == ("caller erasure begun", "caller erased")
    assert "nothing is known" in admin.is_refused("caller", "erase", HIS, "--why", "asked", "--yes")
    assert admin.reads("recording", "receipts")[0]["what"] == "caller_data"
    assert {one["caller"] for one in admin.reads("call", "list")} == {"erased"}


def test_callers_are_marked(admin: Admin) -> None:
    assert "are tests from now on" in admin.does("caller", "mark", HIS, "test", "--why", "ours")
    admin.does("caller", "mark", "+56987654321", "blocked", "--client", "andes", "--why", "threats")
    assert [(one["number"], one["client"]) for one in admin.reads("caller", "marks")] == [
        (HIS, ""),
        ("+56987654321", "andes"),
    ]
    assert "blocked" in admin.does("caller", "marks")
    assert "bloqueada" in admin.does("--lang", "es", "caller", "marks")
    assert "not marked there" in admin.is_refused("caller", "unmark", HIS, "--client", "andes")
    admin.does("caller", "unmark", HIS)
    assert len(admin.reads("caller", "marks")) == 1


@pytest.mark.parametrize(
    "words",
    [["find", "nobody@"], ["find", "+5691234567"], ["mark", "1", "test", "--why", "x"], ["unmark", "anonymous"]],
)
def test_numbers_that_are_none_are_refused(admin: Admin, words: list[str]) -> None:
    admin.is_refused("caller", *words)
