"""The purge on a real folder and both databases: what is due goes, with a receipt; nothing else is touched."""

import hashlib
import os
import signal
import subprocess
import sys
from datetime import timedelta
from pathlib import Path

import pytest
from acting import by_admin
from keeping import DAY, NOW, House
from sqlalchemy import Engine, insert, select, update
from sqlalchemy.exc import DBAPIError

from pbx_control.domain.keeping.retention import Trust
from pbx_control.domain.notices.notes import AlarmDesk
from pbx_control.errors import ClientMistake
from pbx_control.media import deletion
from pbx_control.media.purge import planned, reconcile
from pbx_control.services import keeping
from pbx_control.settings import Home
from pbx_control.store import holds, retention
from pbx_control.store.engine import reading, writing
from pbx_control.store.tables import call, client, clock_guard, letter, receipt

ADMIN = AlarmDesk("admin@sur.example", "en", "Sur")
ROOT = Path(__file__).parents[2]


@pytest.fixture
def house(engine: Engine, tmp_path: Path) -> House:
    return House(Home(tmp_path / "home"), engine)


def test_what_is_due_goes_with_a_receipt_and_the_rows_reference(house: House) -> None:
    old, young = house.has_call("pbx-1.1", 30), house.has_call("pbx-1.2", 29.9)
    report = house.purges()
    assert (report.done.deleted, report.done.freed) == (1, len("sound of pbx-1.1"))
    assert house.files() == {young}
    assert (house.row("pbx-1.1")["recording"], house.row("pbx-1.2")["recording"]) == ("", young)
    [written] = house.receipts()
    assert written["sha256"] == hashlib.sha256(b"sound of pbx-1.1").hexdigest()
    assert (written["path"], written["call_id"], written["client_id"]) == (old, "pbx-1.1", 1)
    assert (written["what"], written["size"], written["at"]) == ("recording", 16, NOW)
    assert written["why"] == "age: 2026-07-04T03:00:00Z + 30 d"


def test_what_was_made_of_a_call_goes_with_it(house: House) -> None:
    path = house.has_call("pbx-1.1", 31, message="2026/07/03/pbx-1.1-message.wav")
    stem = path.removesuffix(".wav")
    for name in ("-message.wav", "-message.json", ".mp3", "-message-2.wav"):
        house.has_file(stem + name)
    other = house.has_file("2026/07/03/pbx-1.10.wav")
    house.purges()
    assert house.files() == {"2026/07/03/pbx-1.10.wav"}
    assert other.exists()
    assert sorted(one["what"] for one in house.receipts()) == ["derived"] * 3 + ["message", "recording"]
    assert house.row("pbx-1.1")["message"] == ""


def test_a_second_purge_finds_nothing_to_do(house: House) -> None:
    house.has_call("pbx-1.1", 31)
    house.purges()
    assert house.purges().done.deleted == 0
    assert len(house.receipts()) == 1


def test_the_plan_in_force_says_how_long(house: House) -> None:
    house.has_plan(1, 90, NOW - 400 * DAY, NOW - 10 * DAY)
    house.has_plan(1, 5, NOW - 10 * DAY)
    house.has_plan(2, 60, NOW - 400 * DAY, NOW - 200 * DAY)  # cancelled since: the last one counts
    house.has_call("pbx-1.1", 6)
    kept = house.has_call("pbx-2.1", 40, client_id=2)
    house.has_call("pbx-2.2", 61, client_id=2)
    house.has_call("pbx-3.1", 31, client_id=None)
    house.purges()
    assert house.files() == {kept}


def test_a_hold_wins_over_age_until_it_is_released(house: House) -> None:
    path = house.has_call("pbx-1.1", 300)
    house.has_file(path.removesuffix(".wav") + ".mp3")
    with writing(house.engine) as conn:
        assert holds.hold(conn, "pbx-1.1", "a trial", NOW)
    report = house.purges()
    assert (report.done.deleted, report.done.held) == (0, 2)
    with writing(house.engine) as conn:
        holds.release(conn, "pbx-1.1", NOW)
    assert house.purges().done.deleted == 2


def test_a_call_is_held_once_and_released_once(house: House) -> None:
    house.has_call("pbx-1.1", 3, recording="")
    with writing(house.engine) as conn:
        work = by_admin(conn, NOW)
        assert keeping.hold(work, "pbx-1.1", "a trial") == ("pbx-1.1", False)
        with pytest.raises(ClientMistake, match="held already"):
            keeping.hold(work, "pbx-1.1", "a trial")
        keeping.release(work, "pbx-1.1")
        with pytest.raises(ClientMistake, match="is not held"):
            keeping.release(work, "pbx-1.1")
        with pytest.raises(ClientMistake, match="why is empty"):
            keeping.hold(work, "pbx-1.1", " \n")


@pytest.mark.parametrize("facts", [{"state": b"{}"}, {"ended_at": None}, {"ended_at": None, "state": b"{}"}])
def test_a_call_that_lasts_keeps_its_files(house: House, facts: dict[str, object]) -> None:
    path = house.has_call("pbx-1.1", 300, **facts)
    house.purges()
    assert house.files() == {path}


def test_a_clock_that_went_back_deletes_nothing_and_tells_the_admin_once_a_day(house: House) -> None:
    path = house.has_call("pbx-1.1", 300)
    for minutes in (2, 3):
        report = house.purges(NOW - timedelta(minutes=minutes), alarms=ADMIN)
        assert (report.trust, report.done.deleted) == (Trust.WENT_BACK, 0)
    assert house.files() == {path}
    with reading(house.engine) as conn:
        [told] = conn.execute(select(letter)).all()
    assert (told.address, "--clock-is-right" in told.body_text) == ("admin@sur.example", True)


def test_a_clock_that_leapt_ahead_deletes_nothing_until_it_is_confirmed(house: House) -> None:
    house.has_call("pbx-1.1", 29)
    later = NOW + DAY + timedelta(seconds=1)
    for at in (later, later + timedelta(hours=1)):
        assert house.purges(at, alarms=ADMIN).trust is Trust.LEAPT_AHEAD
    with reading(house.engine) as conn:
        assert conn.execute(select(clock_guard.c.seen_at, clock_guard.c.leapt_to)).one() == (NOW, later)
    assert len(house.files()) == 1
    with writing(house.engine) as conn:
        retention.believe(conn, later)
    assert house.purges(later).done.deleted == 1


def test_a_clock_that_comes_back_is_believed_again(house: House) -> None:
    house.purges(NOW + 300 * DAY)
    assert house.purges(NOW + timedelta(hours=2)).trust is Trust.TRUSTED
    with reading(house.engine) as conn:
        assert conn.scalar(select(clock_guard.c.leapt_to)) is None


def test_hourly_notes_carry_the_clock_on(house: House) -> None:
    for hour in range(1, 73):
        with writing(house.engine) as conn:
            assert retention.note_time(conn, NOW + timedelta(hours=hour)).trust is Trust.TRUSTED
    assert house.purges(NOW + timedelta(hours=73)).trust is Trust.TRUSTED


def test_where_no_time_was_noted_the_last_call_tells_it(house: House) -> None:
    house.has_call("pbx-1.1", 40)
    with writing(house.engine) as conn:
        conn.execute(clock_guard.delete())
        conn.execute(update(client).values(created_at=NOW - 300 * DAY))
    assert house.purges().trust is Trust.LEAPT_AHEAD
    house.has_call("pbx-1.2", 0.5)
    with writing(house.engine) as conn:
        conn.execute(clock_guard.delete())
    assert house.purges().done.deleted == 1


def test_nothing_is_reached_through_a_link(house: House, tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "pbx-1.1.wav").write_text("kept")
    (outside / "pbx-1.2.wav").write_text("kept")
    house.has_call("pbx-1.1", 40, recording="")
    house.has_call("pbx-1.2", 40, recording="")
    with writing(house.engine) as conn:
        conn.execute(update_recording("pbx-1.1", "2026/01/01/pbx-1.1.wav"))
        conn.execute(update_recording("pbx-1.2", "2026/01/02/pbx-1.2.wav"))
    (house.home.recordings / "2026/01/01").mkdir(parents=True)
    (house.home.recordings / "2026/01/01/pbx-1.1.wav").symlink_to(outside / "pbx-1.1.wav")
    (house.home.recordings / "2026/01/02").symlink_to(outside)
    report = house.purges()
    assert sorted(path.name for path in outside.iterdir()) == ["pbx-1.1.wav", "pbx-1.2.wav"]
    assert set(report.done.failed) == {"2026/01/01/pbx-1.1.wav", "2026/01/02/pbx-1.2.wav"}
    assert house.row("pbx-1.1")["recording"] != ""
    assert house.receipts() == []


@pytest.mark.parametrize("path", ["../secret.wav", "/etc/hostname", "2026/../../secret.wav", ".hidden", "a//b", "."])
def test_a_reference_never_leads_outside(house: House, path: str) -> None:
    secret = house.home.root / "secret.wav"
    secret.write_text("kept")
    house.has_call("pbx-1.1", 40, recording="")
    with writing(house.engine) as conn:
        conn.execute(update_recording("pbx-1.1", path))
    report = house.purges()
    assert secret.read_text() == "kept"
    assert list(report.done.failed) == [path]


def test_recordings_may_themselves_be_a_link_to_another_disk(house: House, tmp_path: Path) -> None:
    house.has_call("pbx-1.1", 40)
    house.home.recordings.rename(tmp_path / "disk")
    house.home.recordings.symlink_to(tmp_path / "disk")
    assert house.purges().done.deleted == 1


def test_a_hard_link_elsewhere_stays_and_the_receipt_says_so(house: House, tmp_path: Path) -> None:
    path = house.has_call("pbx-1.1", 40)
    os.link(house.home.recordings / path, tmp_path / "copy.wav")
    house.purges()
    assert (tmp_path / "copy.wav").read_text() == "sound of pbx-1.1"
    assert house.receipts()[0]["why"].endswith("; links: 2")


def test_a_file_that_two_calls_claim_waits_for_both(house: House) -> None:
    path = house.has_call("pbx-1.1", 40)
    house.has_call("pbx-9.9", 1, recording="")
    with writing(house.engine) as conn:
        conn.execute(update_recording("pbx-9.9", path))
    house.purges()
    assert house.files() == {path}
    assert house.row("pbx-1.1")["recording"] == path


def test_a_row_may_name_the_file_of_a_call_whose_id_only_begins_like_its_own(house: House) -> None:
    path = house.has_call("pbx-1.10", 40)
    house.has_call("pbx-1.1", 40, recording="")
    with writing(house.engine) as conn:
        conn.execute(update_recording("pbx-1.1", path))
        holds.hold(conn, "pbx-1.1", "a trial", NOW)
    house.purges()
    assert house.files() == {path}


def test_a_row_whose_file_is_gone_loses_its_reference_when_it_is_due(house: House) -> None:
    for call_id, age in (("pbx-1.1", 40), ("pbx-1.2", 4)):
        path = house.has_call(call_id, age)
        (house.home.recordings / path).unlink()
    report = house.purges()
    assert (report.done.deleted, report.done.absent) == (0, 1)
    assert house.row("pbx-1.1")["recording"] == ""
    assert house.row("pbx-1.2")["recording"] != ""
    [written] = house.receipts()
    assert (written["sha256"], written["why"]) == ("", "age: 2026-06-24T03:00:00Z + 30 d; absent")


def test_letters_forget_their_attachment(house: House) -> None:
    path = house.has_call("pbx-1.1", 40)
    with writing(house.engine) as conn:
        row = {"channel": "email", "address": "a@b.example", "body_text": "", "written_at": NOW, "attachment": path}
        conn.execute(insert(letter).values(call_id="pbx-1.1", message_id="1", **row))
        conn.execute(insert(letter).values(call_id=None, message_id="2", **row))
    house.purges()
    with reading(house.engine) as conn:
        assert list(conn.scalars(select(letter.c.attachment).order_by(letter.c.id))) == ["", path]


def test_strays_and_odd_things_stay(house: House) -> None:
    names = {"2026/01/01/nobody.wav", "2026/01/01/ pbx-1.1.wav", "keep/pbx-1.1.wav", "2026/01/01/pbx-1.1(copy).wav"}
    for name in names:
        house.has_file(name)
    house.has_call("pbx-1.1", 40, recording="")
    os.mkfifo(house.home.recordings / "2026/01/01/pbx-1.1.fifo")
    house.purges()
    assert house.files() == names | {"2026/01/01/pbx-1.1.fifo"}


def test_a_name_that_is_no_text_harms_nothing(house: House) -> None:
    house.has_file("2026/01/01/x.wav")
    os.rename(house.home.recordings / "2026/01/01/x.wav", os.fsencode(house.home.recordings) + b"/2026/01/01/\xff.wav")
    house.has_call("pbx-1.1", 40)
    assert house.purges().done.deleted == 1
    assert reconcile(house.home, house.engine, NOW).counts["odd"] == 1


def test_folders_of_days_that_are_empty_go(house: House) -> None:
    path = house.has_call("pbx-1.1", 40)
    today = house.home.recordings / f"{NOW:%Y/%m/%d}"
    today.mkdir(parents=True)
    house.purges()
    assert not (house.home.recordings / path).parent.exists()
    assert today.exists()


def test_a_file_that_is_written_to_meanwhile_stays(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    path = house.has_call("pbx-1.1", 40)
    file = house.home.recordings / path
    digest = deletion.hashlib.file_digest

    def slow(stream, name):  # type: ignore[no-untyped-def]
        with open(file.with_name(".going." + file.name), "a") as more:
            more.write("more")
        return digest(stream, name)

    monkeypatch.setattr(deletion.hashlib, "file_digest", slow)
    report = house.purges()
    assert report.done.failed == {path: "it is being written to"}
    assert house.files() == {path}


def test_another_file_that_takes_its_place_is_no_victim(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    path = house.has_call("pbx-1.1", 40)
    file = house.home.recordings / path
    rename = os.rename

    def swapped(*names, **more):  # type: ignore[no-untyped-def]
        file.unlink()
        file.write_text("another")
        rename(*names, **more)

    monkeypatch.setattr(deletion.os, "rename", swapped)
    report = house.purges()
    assert report.done.failed == {path: "another file took its place"}
    assert file.read_text() == "another"
    assert house.receipts() == []


def test_a_hold_that_comes_in_between_keeps_the_file(house: House) -> None:
    path = house.has_call("pbx-1.1", 40)

    def hold_now(moment: str) -> None:
        if moment == "aside":
            with writing(house.engine) as conn:
                holds.hold(conn, "pbx-1.1", "just in time", NOW)

    house.purges(reached=hold_now)
    assert house.files() == {path}
    assert house.receipts() == []


def test_two_purges_at_once_are_one(house: House) -> None:
    house.has_call("pbx-1.1", 40)
    refused = []

    def another(moment: str) -> None:
        with pytest.raises(ClientMistake, match="at this moment"):
            house.purges()
        refused.append(moment)

    house.purges(reached=another)
    assert refused == ["aside", "committed", "removed"]


def test_a_plan_of_the_purge_changes_nothing(house: House) -> None:
    gone = house.has_call("pbx-1.1", 40)
    held = house.has_call("pbx-1.2", 40)
    house.has_call("pbx-1.3", 4)
    absent = house.has_call("pbx-1.4", 50)
    (house.home.recordings / absent).unlink()
    # Its clock was wrong when it came: its folder says that it is young.
    misplaced = f"{NOW:%Y/%m/%d}/pbx-1.5.wav"
    house.has_call("pbx-1.5", 40, recording=misplaced)
    house.has_file(misplaced)
    with writing(house.engine) as conn:
        holds.hold(conn, "pbx-1.2", "a trial", NOW)
    before = house.files()
    shown = {one.file.path: (one.verdict.delete, one.size) for one in planned(house.home, house.engine, NOW)}
    assert shown == {gone: (True, 16), held: (False, 16), absent: (True, None), misplaced: (True, 5)}
    assert (house.files(), house.receipts()) == (before, [])


def test_reconciliation_finds_both_sides(house: House) -> None:
    for name in ("2026/01/01/nobody.wav", "2026/01/01/young.wav"):
        house.has_file(name)
    old = (NOW - 2 * DAY).timestamp()
    young = (NOW - timedelta(hours=3)).timestamp()
    os.utime(house.home.recordings / "2026/01/01/nobody.wav", (old, old))
    os.utime(house.home.recordings / "2026/01/01/young.wav", (young, young))
    (house.home.recordings / "2026/01/01/link").symlink_to("/etc/hostname")
    lost = house.has_call("pbx-1.1", 4)
    (house.home.recordings / lost).unlink()
    house.has_call("pbx-1.2", 4)
    house.has_call("pbx-1.3", 4, ended_at=None)
    house.has_call("pbx-1.4", 400, state=b"{}", ended_at=None)
    found = reconcile(house.home, house.engine, NOW, alarms=ADMIN)
    assert [one.path for one in found.without_row] == ["2026/01/01/nobody.wav"]
    assert [(one.call_id, one.path) for one in found.without_file] == [("pbx-1.1", lost)]
    assert [one.path for one in found.odd] == ["2026/01/01/link"]
    assert found.unended == ("pbx-1.3",)
    assert (found.empty, found.cut) == ((), ())
    with reading(house.engine) as conn:
        assert "nobody.wav" in conn.scalar(select(letter.c.body_text))


def test_reconciliation_names_what_a_full_disk_has_left(house: House) -> None:
    """A file without a byte belongs to its call and is none of anybody's strays; what is short is told for a day."""
    nothing = house.has_call("pbx-1.1", 4)
    (house.home.recordings / nothing).write_bytes(b"")
    live = house.has_call("pbx-1.2", 0, state=b"{}", ended_at=None)
    (house.home.recordings / live).write_bytes(b"")
    house.has_call("pbx-1.3", 0, ended_at=NOW - timedelta(hours=3), recording_flaw="short")
    house.has_call("pbx-1.4", 0, ended_at=NOW - timedelta(hours=2), message_flaw="lost")
    house.has_call("pbx-1.5", 0, ended_at=NOW - timedelta(hours=1), recording_flaw="long")
    house.has_call("pbx-1.6", 4, recording_flaw="short")
    found = reconcile(house.home, house.engine, NOW, alarms=ADMIN)
    assert [one.path for one in found.empty] == [nothing]
    assert found.cut == ("pbx-1.3", "pbx-1.4")
    with reading(house.engine) as conn:
        told = conn.scalar(select(letter.c.body_text)) or ""
    assert nothing in told
    assert "pbx-1.4" in told


def test_what_agrees_is_not_told(house: House) -> None:
    house.has_call("pbx-1.1", 4)
    assert reconcile(house.home, house.engine, NOW, alarms=ADMIN).agrees
    with reading(house.engine) as conn:
        assert conn.execute(select(letter)).all() == []


@pytest.mark.parametrize("moment", ["aside", "committed", "removed"])
def test_killed_at_any_moment_it_deletes_once_and_writes_one_receipt(house: House, moment: str) -> None:
    house.has_call("pbx-1.1", 40)
    house.has_call("pbx-1.2", 40)
    young = house.has_call("pbx-1.3", 2)
    url = house.engine.url.render_as_string(hide_password=False)
    process = [sys.executable, str(Path(__file__).with_name("purging_process.py")), url, str(house.home.root), moment]
    assert subprocess.run(process, cwd=ROOT, check=False).returncode == -signal.SIGKILL
    report = house.purges()
    assert house.files() == {young}
    assert sorted(one["call_id"] for one in house.receipts()) == ["pbx-1.1", "pbx-1.2"]
    assert report.done.unfinished == (2 if moment == "committed" else 0)
    assert [house.row(one)["recording"] for one in ("pbx-1.1", "pbx-1.2")] == ["", ""]


def test_killed_before_the_commit_a_hold_gets_the_file_back(house: House) -> None:
    path = house.has_call("pbx-1.1", 40)
    url = house.engine.url.render_as_string(hide_password=False)
    process = [sys.executable, str(Path(__file__).with_name("purging_process.py")), url, str(house.home.root), "aside"]
    subprocess.run(process, cwd=ROOT, check=False)
    assert house.files() == {path.replace("pbx-1.1", ".going.pbx-1.1")}
    with writing(house.engine) as conn:
        holds.hold(conn, "pbx-1.1", "a trial", NOW)
    house.purges()
    assert house.files() == {path}


@pytest.mark.parametrize("change", [receipt.delete(), update(receipt).values(why="nothing")])
def test_receipts_are_never_changed(house: House, change: object) -> None:
    house.has_call("pbx-1.1", 40)
    house.purges()
    with pytest.raises(DBAPIError), house.engine.begin() as conn:
        conn.execute(change)  # type: ignore[call-overload]
    assert len(house.receipts()) == 1


def update_recording(call_id: str, path: str):  # type: ignore[no-untyped-def]
    return update(call).where(call.c.id == call_id).values(recording=path)
