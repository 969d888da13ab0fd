"""Who was erased does not come back with a backup; who has called since then stays."""

import json
import shutil
from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from acting import ADMIN, JOB, by_admin
from his_data import CALL, HIS, MAIL, NAME, has_letter, is_everywhere
from keeping import DAY, NOW, House
from sqlalchemy import Engine, insert, select, update

from pbx_control.domain.keeping.erasure import fingerprint
from pbx_control.errors import ClientMistake, Code
from pbx_control.files import lock_shared
from pbx_control.jobs import restore as restoring
from pbx_control.jobs.backup import make
from pbx_control.jobs.restore import Restored, finish, restore
from pbx_control.media import erased
from pbx_control.media.erased import Blocked, CallerErased, ClientErased, Purged
from pbx_control.media.erasure import ErasureOrder, erase
from pbx_control.services import cancelled, restricting, tokens, webhooks
from pbx_control.services.work import changing
from pbx_control.settings import Home, load
from pbx_control.store import caller_marks, holds, restrictions, retention
from pbx_control.store.engine import open_engine, reading, writing
from pbx_control.store.migrate import move
from pbx_control.store.tables import account_user, client, greeting, metadata, recording_hold, web_session

WISH = ErasureOrder(number=HIS, why="his letter", key="secret", actor=ADMIN)
HOUR = timedelta(hours=1)


class Place:
    """A home with all that there may be of him, and its backups."""

    def __init__(self, root: Path, url: str) -> None:
        self.home = Home(root)
        self.home.run.mkdir(parents=True)
        self.home.settings_file.write_text(f'[database]\n{url}\n[asterisk]\nruntime = "system"\n')
        self.home.settings_file.chmod(0o600)
        self.settings = load(self.home)
        self.engine: Engine = open_engine(self.home, self.settings)
        self.house = House(self.home, self.engine)
        is_everywhere(self.house)

    def backs_up(self, name: str = "copy", *, recordings: bool = True) -> Path:
        target = self.home.root / f"{name}.tar.gz"
        make(self.home, self.settings, self.engine, target, NOW, recordings=recordings)
        return target

    def erases(self, **more: Any) -> None:
        erase(self.home, self.engine, replace(WISH, **more), NOW + HOUR)

    def restores(self, file: Path, at: datetime = NOW + DAY) -> Restored:
        self.engine.dispose()
        return restore(self.home, file, ADMIN, at)

    def everything(self) -> str:
        """All rows of all tables, and all texts but the erasures' own, as one text."""
        with reading(self.engine) as conn:
            rows = [str(row) for table in metadata.sorted_tables for row in conn.execute(select(table))]
        folders = (self.home.documents, self.home.run / "absence")
        files = [path for folder in folders for path in folder.rglob("*") if path.is_file()]
        return "\n".join([*rows, *(path.read_text() for path in files)])

    def knows_him(self) -> list[str]:
        kept = self.everything()
        return [one for one in (HIS, NAME, MAIL, "9 1234 5678") if one in kept]


@pytest.fixture(params=["sqlite", pytest.param("postgres", marks=pytest.mark.postgres)])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Place]:
    root, url = tmp_path / "home", ""
    root.mkdir()
    if request.param == "sqlite":
        shutil.copy(request.getfixturevalue("migrated_sqlite"), root / "pbx.db")
    else:
        url = f'url = "{request.getfixturevalue("postgres_url")}"'
    made = Place(root, url)
    yield made
    made.engine.dispose()


@pytest.fixture
def small(migrated_sqlite: Path, tmp_path: Path) -> Iterator[Place]:
    """The same on SQLite alone."""
    root = tmp_path / "home"
    root.mkdir()
    shutil.copy(migrated_sqlite, root / "pbx.db")
    made = Place(root, "")
    yield made
    made.engine.dispose()


def test_who_was_erased_is_erased_again_with_a_receipt(place: Place) -> None:
    file = place.backs_up()
    place.erases()
    assert place.knows_him() == []
    done = place.restores(file)
    assert done.again.callers == 1
    assert place.knows_him() == []
    assert place.house.files() == set()
    why = "again after a restore, first on 2026-08-03T04:00:00Z"
    receipts = place.house.receipts()
    assert [one["why"].rpartition("; ")[2] for one in receipts if one["what"] == "caller_data"] == [why]
    key = place.settings.secrets.ari_password
    assert receipts[-1]["sha256"] == fingerprint(HIS, key)
    assert {one["what"] for one in receipts} == {"recording", "message", "caller_data"}


def test_a_caller_whom_nobody_erased_comes_back(place: Place) -> None:
    file = place.backs_up()
    done = place.restores(file)
    assert not done.again.anything
    assert place.knows_him() != []


def test_what_is_remembered_names_nobody(place: Place) -> None:
    place.erases()
    files = sorted(place.home.erased.iterdir())
    assert [path.suffix for path in files] == [".key", ".log"]
    assert {path.stat().st_mode & 0o777 for path in files} == {0o600}
    assert place.home.erased.stat().st_mode & 0o777 == 0o700
    kept = files[1].read_text()
    assert not any(one in kept for one in (HIS, "12345678", NAME))
    (line,) = erased.recall(place.home)
    assert isinstance(line, CallerErased)
    assert (line.means(HIS), line.means("+56912345679"), line.at) == (True, False, NOW + HOUR)


def test_a_new_call_after_the_erasure_stays(place: Place) -> None:
    """The backup was made after it; then an older one brings the old calls back."""
    old = place.backs_up("old")
    place.erases()
    sound = place.house.has_call("pbx-9.1", -1, caller=HIS, caller_name=NAME)
    with writing(place.engine) as conn:
        has_letter(conn, "pbx-9.1", f"{NAME} called again")
    target = place.home.root / "new.tar.gz"
    make(place.home, place.settings, place.engine, target, NOW + 2 * HOUR, recordings=True)
    done = place.restores(target)
    assert not done.again.anything
    row = place.house.row("pbx-9.1")
    assert (row["caller"], row["caller_name"]) == (HIS, NAME)
    assert (place.house.files(), place.house.row(CALL)["caller"]) == ({sound}, "erased")
    assert f"{NAME} called again" in place.everything()

    place.restores(old, NOW + 2 * DAY)
    assert place.house.row(CALL)["caller"] == "erased"
    assert place.house.files() == {sound}


def test_a_call_that_was_held_then_is_not_erased_although_the_backup_does_not_know_it(place: Place) -> None:
    file = place.backs_up()
    place.house.has_call("pbx-1.5", 2, caller=HIS)
    with writing(place.engine) as conn:
        holds.hold(conn, CALL, "a trial", NOW)
    place.erases(keep_held=True)
    place.restores(file)
    assert place.house.row(CALL)["caller"] == HIS
    assert len(place.house.files()) == 2


def test_a_hold_of_the_backup_that_was_over_keeps_nothing(place: Place) -> None:
    with writing(place.engine) as conn:
        holds.hold(conn, CALL, "a trial", NOW)
    file = place.backs_up()
    with writing(place.engine) as conn:
        holds.release(conn, CALL, NOW)
    place.erases()
    place.restores(file)
    assert place.house.row(CALL)["caller"] == "erased"
    with reading(place.engine) as conn:
        assert conn.scalar(select(recording_hold.c.released_at).order_by(recording_hold.c.id.desc())) is None


def test_a_call_that_lasted_during_the_backup_forgets_him_too(place: Place) -> None:
    state = json.dumps({"caller": {"number": HIS, "name": NAME}, "id": "pbx-1.7"}).encode()
    place.house.has_call("pbx-1.7", 0, caller=HIS, caller_name=NAME, ended_at=None, state=state)
    file = place.backs_up()
    with writing(place.engine) as conn:
        calls = metadata.tables["call"]
        conn.execute(update(calls).where(calls.c.id == "pbx-1.7").values(ended_at=NOW, state=None))
    place.erases()
    place.restores(file)
    assert place.knows_him() == []
    assert json.loads(place.house.row("pbx-1.7")["state"])["caller"] == {"number": "erased", "name": "erased"}


def test_purged_recordings_do_not_come_back(place: Place) -> None:
    young = place.house.has_call("pbx-1.8", -20, caller="+56987654321")
    file = place.backs_up()
    later = NOW + 40 * DAY
    with writing(place.engine) as conn:
        retention.believe(conn, later)
    assert place.house.purges(later).done.deleted == 2
    assert place.house.files() == {young}
    done = place.restores(file)
    assert done.again.recordings == 2
    assert place.house.files() == {young}
    assert place.house.row(CALL)["recording"] == ""
    assert [one["why"] for one in place.house.receipts()] == ["age: 2026-08-01T03:00:00Z + 30 d; again"] * 2


def test_a_recording_that_was_held_at_the_purge_comes_back(place: Place) -> None:
    file = place.backs_up()
    place.house.has_call("pbx-1.8", 2, caller="+56987654321")
    later = NOW + 40 * DAY
    with writing(place.engine) as conn:
        holds.hold(conn, CALL, "a trial", NOW)
        retention.believe(conn, later)
    assert place.house.purges(later).done.deleted == 1
    before = place.house.files()
    (line,) = erased.recall(place.home)
    assert line == Purged(at=later, kept=(CALL,))
    shutil.rmtree(place.home.recordings / "2026")  # the disk was lost
    assert place.restores(file).again.recordings == 0
    assert place.house.files() == before


def test_a_client_that_was_erased_is_erased_again(place: Place) -> None:
    with writing(place.engine) as conn:
        conn.execute(insert(greeting).values(client_id=1, text="Andes, buenos días", since=NOW))
        conn.execute(insert(greeting).values(client_id=2, text="Norte, buenos días", since=NOW))
    file = place.backs_up()
    long_after = NOW + 91 * DAY
    with writing(place.engine) as conn:
        conn.execute(update(client).where(client.c.id == 1).values(state="cancelled", cancelled_at=NOW))
        retention.believe(conn, long_after)
    cancelled.erase_cancelled(place.home, place.engine, JOB, long_after)
    assert place.house.row(CALL)["caller"] == "erased"
    done = place.restores(file)
    assert done.again.clients == 1
    row = place.house.row(CALL)
    assert (row["caller"], row["caller_name"]) == ("erased", "")
    with reading(place.engine) as conn:
        assert list(conn.scalars(select(greeting.c.text))) == ["Norte, buenos días"]
        # It is a client again, by the backup: what comes now is erased when it cancels anew.
        assert conn.execute(select(client.c.state, client.c.erased_at).where(client.c.id == 1)).one() == (
            "active",
            None,
        )
    assert not (place.home.documents / "reports/1").exists()
    assert any("; again; 1 greetings" in one["why"] for one in place.house.receipts())


def erased_after_90_days(place: Place, long_after: datetime) -> None:
    with writing(place.engine) as conn:
        conn.execute(update(client).where(client.c.id == 1).values(state="cancelled", cancelled_at=NOW))
        retention.believe(conn, long_after)
    cancelled.erase_cancelled(place.home, place.engine, JOB, long_after)


@pytest.mark.parametrize("why", ["a hold", "a block"])
def test_reports_of_an_erased_client_that_stayed_then_stay_again(place: Place, why: str) -> None:
    """Until they are erased, too; a restore does that again as well."""
    file, reports = place.backs_up(), place.home.documents / "reports/1"
    long_after = NOW + 91 * DAY
    if why == "a hold":
        with writing(place.engine) as conn:
            holds.hold(conn, CALL, "a trial", NOW)
    else:
        block(place, NOW + HOUR)
    erased_after_90_days(place, long_after)
    assert reports.exists()
    place.restores(file, long_after + HOUR)
    assert reports.exists()
    assert place.house.row(CALL)["caller"] == HIS
    if why == "a block":
        restricting.unblock(place.home, place.engine, ADMIN, HIS, long_after + 2 * HOUR)
    erased_after_90_days(place, long_after + 3 * HOUR)
    assert not reports.exists()
    place.restores(file, long_after + 4 * HOUR)
    assert not reports.exists()
    assert place.house.row(CALL)["caller"] == "erased"


def test_what_an_older_version_noted_of_a_client_is_understood(tmp_path: Path) -> None:
    """The reports stayed where a call did."""
    home = Home(tmp_path)
    for kept in ([], ["pbx-1.1"]):
        erased.remember_client(home, 1, "andes", NOW, kept, reports=True)
    (log,) = home.erased.glob("*.log")
    log.write_text(log.read_text().replace(', "reports": true', ""))
    assert [one.reports for one in erased.recall(home) if isinstance(one, ClientErased)] == [True, False]


def test_a_client_without_a_call_is_remembered_with_what_was_kept_back(place: Place) -> None:
    """Marks, letters and reports alone go when the block is over."""
    block(place, NOW + HOUR, "norte")
    with writing(place.engine) as conn:
        conn.execute(update(client).where(client.c.id == 2).values(state="cancelled", cancelled_at=NOW))
        retention.believe(conn, NOW + 91 * DAY)
        has_letter(conn, None, f"of norte: {HIS}", client_id=2)
    reports = place.home.documents / "reports/2"
    reports.mkdir(parents=True)
    (reports / "x.csv").write_text(HIS)
    cancelled.erase_cancelled(place.home, place.engine, JOB, NOW + 91 * DAY)
    file = place.backs_up()
    restricting.unblock(place.home, place.engine, ADMIN, HIS, NOW + 92 * DAY, "norte")
    with writing(place.engine) as conn:
        retention.believe(conn, NOW + 93 * DAY)
    cancelled.erase_cancelled(place.home, place.engine, JOB, NOW + 93 * DAY)
    assert "of norte" not in place.everything()
    assert not reports.exists()
    place.restores(file, NOW + 94 * DAY)
    assert "of norte" not in place.everything()
    assert not reports.exists()


# --- blocked ----------------------------------------------------------------------------------------------


def block(place: Place, at: datetime, slug: str | None = None) -> None:
    with writing(place.engine) as conn:
        restricting.block(by_admin(conn, at), place.home, HIS, f"{NAME} asks", slug)


def unblock(place: Place, at: datetime, slug: str | None = None) -> None:
    restricting.unblock(place.home, place.engine, ADMIN, HIS, at, slug)


def in_force(place: Place) -> list[tuple[str, datetime]]:
    with reading(place.engine) as conn:
        return [(one.client, one.since) for one in restrictions.in_force(conn, HIS)]


@pytest.mark.parametrize("slug", [None, "andes"])
def test_who_was_blocked_after_the_backup_is_blocked_after_the_restore(place: Place, slug: str | None) -> None:
    file = place.backs_up()
    block(place, NOW + HOUR, slug)
    done = place.restores(file)
    assert (done.again.blocks, done.again.anything) == (1, False)
    assert in_force(place) == [(slug or "", NOW + HOUR)]
    with reading(place.engine) as conn:
        assert restrictions.of_calls(conn, [CALL]) == {CALL}
    assert place.restores(file, NOW + 2 * DAY).again.blocks == 1
    assert in_force(place) == [(slug or "", NOW + HOUR)]


def test_whose_block_was_over_after_the_backup_is_not_blocked_after_the_restore(place: Place) -> None:
    block(place, NOW - HOUR)
    block(place, NOW - HOUR, "andes")
    file = place.backs_up()
    unblock(place, NOW + HOUR)
    assert place.restores(file).again.blocks == 1
    assert in_force(place) == [("andes", NOW - HOUR)]


def test_what_the_backup_has_of_blocks_is_left_as_it_is(place: Place) -> None:
    """It was made just then: what was done before it is looked at, too."""
    block(place, NOW - 3 * HOUR)
    unblock(place, NOW - 2 * HOUR)
    block(place, NOW - HOUR)
    assert place.restores(place.backs_up()).again.blocks == 0
    assert in_force(place) == [("", NOW - HOUR)]


def test_the_last_word_counts_and_a_later_block_is_about_later_calls(place: Place) -> None:
    block(place, NOW - HOUR)
    file = place.backs_up()
    unblock(place, NOW + HOUR)
    block(place, NOW + 2 * HOUR)
    place.restores(file)
    assert in_force(place) == [("", NOW + 2 * HOUR)]
    unblock(place, NOW + 25 * HOUR)
    place.restores(file, NOW + 2 * DAY)
    assert in_force(place) == []


def test_a_block_that_was_refused_or_not_ended_is_not_remembered_as_such(place: Place) -> None:
    file = place.backs_up()
    block(place, NOW + HOUR)
    for act in (lambda: block(place, NOW + 2 * HOUR), lambda: unblock(place, NOW + 2 * HOUR, "norte")):
        with pytest.raises(ClientMistake):
            act()
    place.restores(file)
    assert in_force(place) == [("", NOW + HOUR)]


def test_what_is_remembered_of_a_block_names_nobody(place: Place) -> None:
    block(place, NOW + HOUR, "andes")
    (log,) = place.home.erased.glob("*.log")
    kept = log.read_text()
    assert not any(one in kept for one in (HIS, "12345678", NAME))
    (line,) = erased.recall(place.home)
    assert isinstance(line, Blocked)
    assert (line.means(HIS), line.client_id, line.slug, line.over) == (True, 1, "andes", False)


@pytest.mark.parametrize("first", ["erased", "blocked"])
def test_erasures_and_blocks_are_done_again_in_their_order(place: Place, first: str) -> None:
    """Who was erased and blocked afterwards is erased; what was blocked when he was erased stays."""
    file = place.backs_up()
    if first == "erased":
        place.erases()
        block(place, NOW + 2 * HOUR)
    else:
        block(place, NOW, "andes")
        place.house.has_call("pbx-2.1", 2, caller=HIS, client_id=2)
        place.erases()
    place.restores(file)
    assert place.house.row(CALL)["caller"] == ("erased" if first == "erased" else HIS)
    assert len(in_force(place)) == 1


def test_of_a_client_that_the_backup_does_not_have_nothing_is_blocked(place: Place) -> None:
    file = place.backs_up()
    erased.remember_block(place.home, HIS, NOW + HOUR, (1, "another"), over=False)
    assert place.restores(file).again.blocks == 0
    assert in_force(place) == []


# --- broken off -------------------------------------------------------------------------------------------


class Killed(BaseException):
    """The process is gone."""


@pytest.mark.parametrize("moment", ["_add_missing", "_replace", "_erase_again"])
@pytest.mark.parametrize("how", ["finished", "begun anew"])
def test_a_restore_that_dies_is_finished_before_anybody_reads(
    place: Place, monkeypatch: pytest.MonkeyPatch, moment: str, how: str
) -> None:
    file = place.backs_up()
    place.erases()

    def die(*_: object) -> None:
        raise Killed

    with monkeypatch.context() as patch:
        patch.setattr(restoring, moment, die)
        with pytest.raises(Killed):
            place.restores(file)
    with pytest.raises(ClientMistake) as refused:
        load(place.home)
    assert refused.value.code is Code.RESTORE_UNFINISHED
    if how == "finished":
        finish(place.home, ADMIN, NOW + DAY)
    else:
        place.restores(file, NOW + 2 * DAY)
    assert load(place.home) == place.settings
    assert place.knows_him() == []
    assert place.house.files() == set()


def test_one_that_dies_while_it_erases_is_finished(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    file = place.backs_up()
    place.erases()

    def die(*_: object) -> int:
        raise Killed

    with monkeypatch.context() as patch:
        patch.setattr(caller_marks, "forget", die)
        with pytest.raises(Killed):
            place.restores(file)
    assert HIS in place.everything()
    again = finish(place.home, ADMIN, NOW + DAY)
    assert (again.callers, place.knows_him()) == (1, [])
    with pytest.raises(ClientMistake, match="no restore"):
        finish(place.home, ADMIN, NOW + DAY)


# --- what is remembered -----------------------------------------------------------------------------------


def test_a_new_machine_learns_it_from_the_backup(small: Place, tmp_path: Path) -> None:
    """One that was made after the erasure; the older one is restored after it."""
    place = small
    old = place.backs_up("old")
    place.erases()
    new = place.backs_up("new")
    fresh = Home(tmp_path / "fresh")
    fresh.root.mkdir()
    restore(fresh, new, ADMIN, NOW + DAY)
    done = restore(fresh, old, ADMIN, NOW + 2 * DAY)
    assert done.again.callers == 1
    assert erased.recall(fresh) == erased.recall(place.home)


def test_a_line_that_was_cut_tells_of_nothing_and_harms_no_other(tmp_path: Path) -> None:
    home = Home(tmp_path)
    erased.remember_purge(home, NOW, [])
    (log,) = home.erased.glob("*.log")
    log.write_bytes(log.read_bytes() + b'{"what": "caller", "at": "2026-')
    erased.remember_purge(home, NOW + DAY, ["x"])
    erased.remember_purge(home, NOW + DAY, ["x"])
    assert erased.recall(home) == [Purged(at=NOW), Purged(at=NOW + DAY, kept=("x",))]


@pytest.mark.parametrize("then", ["hold", "block"])
def test_an_erasure_that_was_refused_is_not_done_by_a_restore(place: Place, then: str) -> None:
    """It was written down before it was refused; since then something wants the call kept."""
    path = place.home.recordings / place.house.row(CALL)["recording"]
    sound = path.read_bytes()
    path.unlink()
    path.mkdir()  # nothing that can be deleted
    with pytest.raises(ClientMistake, match="cannot be deleted"):
        place.erases()
    path.rmdir()
    path.write_bytes(sound)
    with writing(place.engine) as conn:
        if then == "hold":
            holds.hold(conn, CALL, "a trial", NOW + HOUR)
        else:
            restricting.block(by_admin(conn, NOW + HOUR), place.home, HIS, "request 1")
    target = place.home.root / "new.tar.gz"
    make(place.home, place.settings, place.engine, target, NOW + 2 * HOUR, recordings=True)
    place.restores(target)
    assert place.house.row(CALL)["caller"] == HIS
    assert path.read_bytes() == sound


HOSTILE_LINES = [
    {"what": "caller", "at": "2026-01-01T00:00:00", "who": "x", "kept": [], "spared": [], "papers": True},
    {"what": "caller", "at": "2026-01-01T00:00:00+00:00", "who": "x", "kept": [], "spared": [1e999], "papers": True},
    {"what": "client", "at": "2026-01-01T00:00:00+00:00", "client": 10**30, "slug": "x", "kept": []},
    {"what": "client", "at": "2026-01-01T00:00:00+00:00", "client": 1, "slug": "\ud800", "kept": []},
    {"what": "purge", "at": "2026-01-01T00:00:00+00:00", "kept": ["a\0b"]},
    {"what": "block", "at": "2027-01-01T00:00:00+00:00", "who": "x", "client": 0, "slug": "", "over": 0, "kept": []},
    {"what": "block", "at": "2027-01-01T00:00:00+00:00", "who": "x", "client": 1, "slug": "\0", "over": 0, "kept": []},
    {"what": "stopped", "at": "2027-01-01T00:00:00+00:00", "who": "x", "kept": None},
]


@pytest.mark.parametrize("line", [*map(json.dumps, HOSTILE_LINES), "[" * 100_000, "null", "{"])
def test_a_line_that_we_have_not_written_stops_no_restore(place: Place, line: str) -> None:
    file = place.backs_up()
    place.erases()
    (log,) = place.home.erased.glob("*.log")
    with log.open("a") as out:
        out.write(f"{line}\n")
    assert place.restores(file).again.callers == 1
    assert place.house.row(CALL)["caller"] != HIS


def test_what_a_killed_restore_has_unpacked_goes_with_the_next_one(place: Place) -> None:
    file = place.backs_up()
    left = place.home.root / ".restoring-abc"
    (left / "recordings").mkdir(parents=True)
    (left / "pbx.db").write_text(HIS)
    place.restores(file)
    assert not left.exists()


def test_a_restore_signs_everybody_out(place: Place) -> None:
    """Some may have been signed out since the backup."""
    with writing(place.engine) as conn:
        user = {"name": "rosa", "role": "admin", "password_hash": "x", "created_at": NOW}
        (user_id,) = conn.execute(insert(account_user).values(user)).inserted_primary_key
        session = {"token_hash": "x", "began_at": NOW, "seen_at": NOW + DAY, "ends_at": NOW + 2 * DAY}
        conn.execute(insert(web_session).values(session | {"user_id": user_id}))
    place.restores(place.backs_up())
    with reading(place.engine) as conn:
        assert conn.scalar(select(web_session.c.ended_at)) == NOW + DAY


def test_a_restore_names_the_tokens_that_are_good_again(place: Place) -> None:
    with changing(place.engine, ADMIN, NOW) as work:
        tokens.add(work, "crm", ["calls:read"], None)
    file = place.backs_up()
    with changing(place.engine, ADMIN, NOW) as work:
        tokens.revoke(work, "crm")
    assert place.restores(file).tokens == ["crm"]


def test_a_restore_names_the_webhooks_that_are_told_again(place: Place) -> None:
    with changing(place.engine, ADMIN, NOW) as work:
        made = webhooks.add(work, "https://crm.example/calls", [], private=False)
    file = place.backs_up()
    with changing(place.engine, ADMIN, NOW) as work:
        webhooks.remove(work, made.id)
    assert place.restores(file).webhooks == [made.id]


def test_a_restore_names_the_webhooks_of_an_older_backup(place: Place) -> None:
    with changing(place.engine, ADMIN, NOW) as work:
        made = webhooks.add(work, "https://crm.example/calls", [], private=False)
    with writing(place.engine) as conn:
        move(conn, "0048")
    assert place.restores(place.backs_up()).webhooks == [made.id]


def test_nothing_is_restored_beneath_pages_that_are_served(place: Place) -> None:
    """They would show what is not erased again yet, and go on writing into the database that was replaced."""
    file = place.backs_up()
    with lock_shared(place.home.pages_lock), pytest.raises(ClientMistake, match="end it first"):
        place.restores(file)
    assert place.restores(file).again.callers == 0
