"""A backup is one state of a database that others write to, and a home that is made of it is that state again."""

import gzip
import io
import json
import os
import shutil
import sqlite3
import subprocess
import sys
import tarfile
import tracemalloc
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from acting import ADMIN, JOB
from msgspec import structs
from sqlalchemy import Engine, func, insert, select, text
from sqlalchemy.exc import IntegrityError

from pbx_control.domain.audit import Verb
from pbx_control.domain.money.billing import InvoiceKind
from pbx_control.domain.money.plans import Plan
from pbx_control.errors import ClientMistake, StoreUnavailable
from pbx_control.jobs import archive, backup, upkeep
from pbx_control.jobs import restore as restoring
from pbx_control.jobs.backup import make, nightly
from pbx_control.jobs.restore import restore
from pbx_control.live.pulse import take_lock
from pbx_control.settings import Backup, Database, Home, Settings, load
from pbx_control.store import audit, copies, invoices, job_runs, ledger, refusals
from pbx_control.store.engine import open_engine, reading, writing
from pbx_control.store.migrate import newest
from pbx_control.store.tables import call, client, job_run, journal, ledger_entry, refusal

AT = datetime(2026, 8, 3, 6, tzinfo=UTC)
DAY = timedelta(days=1)
UPLOAD = "prompts/audio/0123456789abcdef.wav"
RECORDING = "2026/08/03/call-1.wav"
HAMMER = Path(__file__).with_name("hammering_process.py")


class Place:
    """A home with a client, settings, an upload and a recording, on one of the databases."""

    def __init__(self, root: Path, url: str) -> None:
        self.home = Home(root)
        for folder in (self.home.recordings, self.home.run, self.home.prompts / "audio"):
            folder.mkdir(parents=True)
        # The home's own database needs no setting; that of a server does.
        setting = "" if url.startswith("sqlite") else f'url = "{url}"'
        self.home.settings_file.write_text(f'[database]\n{setting}\n[asterisk]\nruntime = "system"\n')
        self.home.settings_file.chmod(0o600)
        self.settings = load(self.home)
        self.engine = open_engine(self.home, self.settings)
        self.put(UPLOAD, "an upload")
        self.put(f"recordings/{RECORDING}", "a voice")
        with writing(self.engine) as conn:
            conn.execute(insert(client).values(id=1, slug="andes", name="Andes", week="always", created_at=AT))
            plan = Plan(name="big", calls=1_000_000, price=1, extra_call=1, contacts=1, calendars=1)
            ledger.open_account(conn, 1, plan, AT)

    def put(self, name: str, content: str) -> Path:
        path = self.home.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content)
        return path

    def backed_up(self, *, recordings: bool = False) -> Path:
        target = self.home.root / "copy.tar.gz"
        make(self.home, self.settings, self.engine, target, AT, recordings=recordings)
        return target

    def restored(self, file: Path, at: datetime = AT + DAY) -> restoring.Restored:
        self.engine.dispose()
        return restore(self.home, file, ADMIN, at)

    def rename_client(self, name: str) -> None:
        with writing(self.engine) as conn:
            conn.execute(client.update().values(name=name))

    def client_name(self) -> str:
        with reading(self.engine) as conn:
            return str(conn.scalar(select(client.c.name)))


@pytest.fixture(params=["sqlite", pytest.param("postgres", marks=pytest.mark.postgres)])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Place]:
    root = tmp_path / "home"
    root.mkdir()
    if request.param == "sqlite":
        shutil.copy(request.getfixturevalue("migrated_sqlite"), root / "pbx.db")
        made = Place(root, "sqlite://")
    else:
        made = Place(root, request.getfixturevalue("postgres_url"))
    yield made
    made.engine.dispose()


@pytest.fixture
def small(migrated_sqlite: Path, tmp_path: Path) -> Iterator[Place]:
    """The same on SQLite alone, where the database does not matter."""
    root = tmp_path / "home"
    root.mkdir()
    shutil.copy(migrated_sqlite, root / "pbx.db")
    made = Place(root, "sqlite://")
    yield made
    made.engine.dispose()


# --- a copy while others write ----------------------------------------------------------------------------


@contextmanager
def hammering(engine: Engine) -> Iterator[Callable[[], None]]:
    """Another process serves calls for the length of a block; what is given waits until it has served more."""
    command = [sys.executable, str(HAMMER), engine.url.render_as_string(hide_password=False)]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as hammer:
        assert hammer.stdout is not None
        try:
            yield lambda: progress(hammer)
        finally:
            hammer.kill()


def progress(hammer: "subprocess.Popen[bytes]") -> None:
    assert hammer.stdout is not None
    assert hammer.stdout.read(1) == b"."


def assert_one_state(engine: Engine) -> int:
    """Every call has its journal and its unit, and the account is the sum of the ledger. Gives the number of calls."""
    with reading(engine) as conn:
        calls = int(conn.scalar(select(func.count()).select_from(call)) or 0)
        entries = conn.execute(select(func.count()).select_from(journal).group_by(journal.c.call_id)).scalars().all()
        charges = conn.scalar(select(func.count()).select_from(ledger_entry).where(ledger_entry.c.kind == "charge"))
        assert list(entries) == [5] * calls
        assert charges == calls
        assert ledger.out_of_balance(conn) == []
    return calls


def test_a_copy_made_while_another_process_writes_is_one_state(place: Place) -> None:
    files = [place.home.root / f"copy{n}.tar.gz" for n in range(3)]
    with hammering(place.engine) as wait:
        for file in files:
            wait()
            make(place.home, place.settings, place.engine, file, AT)
            wait()
    found = []
    for number, file in enumerate(files):
        place.restored(file, AT + (number + 1) * DAY)
        if place.engine.dialect.name == "sqlite":
            copies.check_sqlite(place.home.root / "pbx.db")
        found.append(assert_one_state(place.engine))
    assert 100 <= found[0] < found[1] < found[2]


# --- there and back ---------------------------------------------------------------------------------------


def test_a_home_is_again_as_it_was_and_what_it_was_meanwhile_is_kept(place: Place) -> None:
    file = place.backed_up()
    place.rename_client("Changed since")
    place.home.settings_file.write_text(place.home.settings_file.read_text() + '[office]\nname = "Since"\n')
    (place.home.root / UPLOAD).unlink()
    done = place.restored(file)
    assert place.client_name() == "Andes"
    assert load(place.home).office.name == "Secretariado"
    assert (place.home.root / UPLOAD).read_text() == "an upload"
    assert (place.home.root / UPLOAD).stat().st_mode & 0o777 == 0o644
    assert place.home.settings_file.stat().st_mode & 0o777 == 0o600
    assert "Since" in (done.kept / "pbx.toml").read_text()
    if place.engine.dialect.name == "sqlite":
        with closing(sqlite3.connect(done.kept / "pbx.db")) as former:
            assert former.execute("SELECT name FROM client").fetchall() == [("Changed since",)]
    else:
        with reading(place.engine) as conn:
            former_name = conn.scalar(text(f"SELECT name FROM {done.schema}.client"))
        assert former_name == "Changed since"


def test_the_ledger_is_as_well_kept_after_it(place: Place) -> None:
    """Triggers come back, too."""
    place.restored(place.backed_up())
    with pytest.raises((IntegrityError, StoreUnavailable), match="ledger"), writing(place.engine) as conn:
        conn.execute(text("UPDATE ledger_entry SET units = 5"))


def test_numbers_of_invoices_that_were_issued_since_are_not_given_again(place: Place) -> None:
    with writing(place.engine) as conn:
        invoices.count_on(conn, InvoiceKind.BOLETA, 12)
    file = place.backed_up()
    for name in (
        "2026/boleta-000014.pdf",
        "2026/boleta-000009.pdf",
        "2027/nota_credito-000001.pdf",
        "2026/boleta-x.pdf",
    ):
        place.put(f"documents/invoices/{name}", "a PDF")
    since = place.restored(file).issued_since
    assert since == {InvoiceKind.BOLETA: range(13, 15), InvoiceKind.CREDIT_NOTE: range(1, 2)}
    with writing(place.engine) as conn:
        assert invoices.count_on(conn, InvoiceKind.BOLETA, 14) == range(15, 15)


def test_the_restored_database_says_by_whom_and_of_what_it_was_restored(place: Place) -> None:
    file = place.backed_up()
    place.restored(file)
    with reading(place.engine) as conn:
        (kept,) = audit.newest(conn)
    assert (kept.entry.verb, kept.entry.actor, kept.entry.subject) == (Verb.BACKUP_RESTORED, ADMIN, "copy.tar.gz")
    assert kept.entry.difference["made_at"] == (None, AT.isoformat())


def test_a_backup_that_has_no_room_is_refused_before_the_disk_is_full(
    small: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = small.backed_up()
    monkeypatch.setattr(shutil, "disk_usage", lambda _: SimpleNamespace(free=2 << 20))
    with pytest.raises(ClientMistake, match="no room"):
        small.restored(file)


def test_a_fresh_machine_becomes_the_old_one(small: Place, tmp_path: Path) -> None:
    file = small.backed_up(recordings=True)
    new = Home(tmp_path / "new")
    new.root.mkdir()
    restore(new, file, ADMIN, AT)
    with closing(sqlite3.connect(new.root / "pbx.db")) as raw:
        assert raw.execute("SELECT name FROM client").fetchall() == [("Andes",)]
    assert (new.recordings / RECORDING).read_text() == "a voice"
    assert (new.recordings / RECORDING).stat().st_mode & 0o777 == 0o600
    assert sorted(path.name for path in new.root.iterdir()) == [
        ".before-restore-20260803T060000Z",
        "pbx.db",
        "pbx.toml",
        "prompts",
        "recordings",
        "run",
    ]


def test_recordings_are_copied_only_if_they_are_asked_for_and_never_through_a_link(
    small: Place, tmp_path: Path
) -> None:
    (tmp_path / "secret").write_text("of another")
    (small.home.recordings / "2026/08/03/linked.wav").symlink_to(tmp_path / "secret")
    (small.home.recordings / "2026/08/04").symlink_to(tmp_path)
    (small.home.prompts / "audio/linked.wav").symlink_to(tmp_path / "secret")
    with tarfile.open(small.backed_up()) as tar:
        assert [member.name for member in tar] == ["pbx.db", "pbx.toml", UPLOAD, "manifest.json"]
    (small.home.root / "copy.tar.gz").unlink()
    with tarfile.open(small.backed_up(recordings=True)) as tar:
        names = [member.name for member in tar]
    assert names == ["pbx.db", "pbx.toml", UPLOAD, f"recordings/{RECORDING}", "manifest.json"]


def test_what_lies_there_is_never_overwritten_by_what_is_added(small: Place) -> None:
    file = small.backed_up(recordings=True)
    small.put(f"recordings/{RECORDING}", "the same voice, mended")
    small.restored(file)
    assert (small.home.recordings / RECORDING).read_text() == "the same voice, mended"


def test_a_folder_that_leads_elsewhere_gets_nothing(small: Place, tmp_path: Path) -> None:
    file = small.backed_up(recordings=True)
    shutil.rmtree(small.home.recordings / "2026")
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    (small.home.recordings / "2026").symlink_to(elsewhere)
    with pytest.raises(ClientMistake, match="leads out of the home"):
        small.restored(file)
    assert [path for path in elsewhere.rglob("*") if path.is_file()] == []


def test_a_backup_is_for_its_owner_alone_and_appears_whole(small: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    file = small.backed_up()
    assert file.stat().st_mode & 0o777 == 0o600
    with tarfile.open(file) as tar:
        assert {member.mode for member in tar} == {0o600}
    before = sorted(path.name for path in small.home.root.iterdir())

    def full(*_: object, **__: object) -> str:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(backup, "schema_of", full)
    with pytest.raises(OSError, match="No space"):
        make(small.home, small.settings, small.engine, small.home.root / "second.tar.gz", AT)
    assert sorted(path.name for path in small.home.root.iterdir()) == before


def test_nothing_is_overwritten_by_a_backup(small: Place) -> None:
    file = small.put("copy.tar.gz", "precious")
    with pytest.raises(ClientMistake, match="is there already"):
        small.backed_up()
    assert file.read_text() == "precious"


def test_the_manifest_tells_what_is_in_it(place: Place) -> None:
    with tarfile.open(place.backed_up()) as tar:
        contents = {member.name: tar.extractfile(member).read() for member in tar}  # type: ignore[union-attr]
    manifest = json.loads(contents.pop("manifest.json"))
    assert manifest["schema"] == newest()
    assert manifest["database"] == place.engine.dialect.name
    assert manifest["made_at"] == AT.isoformat()
    assert {one["name"]: (one["size"], one["sha256"]) for one in manifest["files"]} == {
        name: (len(content), sha256(content).hexdigest()) for name, content in contents.items()
    }


# --- what is refused --------------------------------------------------------------------------------------


def untouched(place: Place) -> dict[str, bytes]:
    place.engine.dispose()  # the last connection brings the log into the database
    return {
        str(path.relative_to(place.home.root)): path.read_bytes()
        for path in place.home.root.rglob("*")
        if path.is_file() and path.parent.name != "run"
    }


def changed(file: Path, change: Callable[[dict[str, bytes]], None]) -> Path:
    """The backup with other contents, and a manifest that fits them unless the change wrote one."""
    with tarfile.open(file) as tar:
        contents = {member.name: tar.extractfile(member).read() for member in tar}  # type: ignore[union-attr]
    change(contents)
    with tarfile.open(file, "w:gz") as tar:
        for name, content in contents.items():
            info = tarfile.TarInfo(name)
            info.size = len(content)
            tar.addfile(info, io.BytesIO(content))
    return file


def with_manifest(**fields: Any) -> Callable[[dict[str, bytes]], None]:
    def change(contents: dict[str, bytes]) -> None:
        contents["manifest.json"] = json.dumps(json.loads(contents["manifest.json"]) | fields).encode()

    return change


def without(name: str) -> Callable[[dict[str, bytes]], None]:
    def change(contents: dict[str, bytes]) -> None:
        del contents[name]
        promised = json.loads(contents["manifest.json"])["files"]
        with_manifest(files=[one for one in promised if one["name"] != name])(contents)

    return change


CHANGES: dict[str, tuple[Callable[[dict[str, bytes]], Any], str]] = {
    "changed": (lambda files: files.update({"pbx.toml": b""}), "pbx.toml does not fit the manifest"),
    "missing": (lambda files: files.pop(UPLOAD), "0123456789abcdef.wav does not fit the manifest"),
    "added": (lambda files: files.update({"documents/x.pdf": b"x"}), "x.pdf does not fit the manifest"),
    "no manifest": (lambda files: files.pop("manifest.json"), "it has no manifest"),
    "manifest of nonsense": (lambda files: files.update({"manifest.json": b"[" * 99_999}), "makes no sense"),
    "manifest of another shape": (lambda files: files.update({"manifest.json": b"[]"}), "makes no sense"),
    "newer schema": (with_manifest(schema="9999"), "with a newer schema"),
    "strange schema": (with_manifest(schema="x"), "with a newer schema"),
    "another format": (with_manifest(format=2), "of another format"),
    "another database": (with_manifest(database="postgresql"), "holds a database of postgresql"),
    "no settings": (without("pbx.toml"), "it lacks pbx.toml"),
    "no database": (without("pbx.db"), "it lacks pbx.db"),
    "time of no zone": (with_manifest(made_at="2026-08-03T06:00:00"), "makes no sense"),
    "path up": (lambda files: files.update({"recordings/../../evil": b"x"}), "it holds 'recordings/../../evil'"),
    "absolute path": (lambda files: files.update({"/etc/evil": b"x"}), "it holds '/etc/evil'"),
    "hidden": (lambda files: files.update({"documents/.evil": b"x"}), "it holds 'documents/.evil'"),
    "elsewhere in the home": (lambda files: files.update({"run/daemon.lock": b"x"}), "it holds 'run/daemon.lock'"),
}


@pytest.mark.parametrize("case", CHANGES)
def test_a_backup_that_does_not_fit_changes_nothing(small: Place, case: str) -> None:
    change, why = CHANGES[case]
    file = changed(small.backed_up(), change)
    before = untouched(small)
    with pytest.raises(ClientMistake) as refused:
        small.restored(file)
    assert why in str(refused.value)
    assert untouched(small) == before


@pytest.mark.parametrize("kind", [tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.FIFOTYPE, tarfile.DIRTYPE])
def test_a_backup_holds_ordinary_files_only(small: Place, tmp_path: Path, kind: bytes) -> None:
    evil = tarfile.TarInfo("documents/evil")
    evil.type, evil.linkname = kind, "/etc/passwd"
    file = tmp_path / "evil.tar.gz"
    with tarfile.open(file, "w:gz") as tar:
        tar.addfile(evil)
    with pytest.raises(ClientMistake, match="it holds 'documents/evil'"):
        small.restored(file)


@pytest.mark.parametrize("content", [b"", b"no archive", b"\x1f\x8b" + bytes(100)])
def test_what_is_no_archive_is_refused(small: Place, tmp_path: Path, content: bytes) -> None:
    file = tmp_path / "copy.tar.gz"
    file.write_bytes(content)
    with pytest.raises(ClientMistake, match="is no backup, or damaged"):
        small.restored(file)


# --- files that claim much ----------------------------------------------------------------------------------

MEGABYTE = 1 << 20
ZEROS = bytes(MEGABYTE)


def header(name: str, kind: bytes, size: int) -> bytes:
    """One block of a tar, of a member that claims that size."""
    info = tarfile.TarInfo(name)
    info.type, info.size = kind, size
    return info.tobuf(tarfile.GNU_FORMAT)


def pax(**records: str) -> bytes:
    """A pax header with those records, and the member that they belong to."""
    info = tarfile.TarInfo("documents/x.pdf")
    info.size, info.pax_headers = 512, records
    return info.tobuf(tarfile.PAX_FORMAT) + bytes(512)


def sparse_map_of_many_blocks() -> Iterator[bytes]:
    first = bytearray(header("documents/x.pdf", tarfile.GNUTYPE_SPARSE, 0))
    first[482] = 1  # more blocks follow
    first[148:155] = b"%06o\0" % (int(first[148:154], 8) + 1)
    yield bytes(first)
    yield from [(b"00000000001\0" * 42 + b"\x01").ljust(512, b"\0")] * 60_000


BOMBS: dict[str, Callable[[], Iterator[bytes]]] = {
    "pax": lambda: iter([header("x", tarfile.XHDTYPE, 30 * MEGABYTE), *[ZEROS] * 30]),
    "pax for all": lambda: iter([header("x", tarfile.XGLTYPE, 30 * MEGABYTE), *[ZEROS] * 30]),
    "pax of Solaris": lambda: iter([header("x", tarfile.SOLARIS_XHDTYPE, 30 * MEGABYTE), *[ZEROS] * 30]),
    "long name": lambda: iter([header("x", tarfile.GNUTYPE_LONGNAME, 30 * MEGABYTE), *[ZEROS] * 30]),
    "long link": lambda: iter([header("x", tarfile.GNUTYPE_LONGLINK, 30 * MEGABYTE), *[ZEROS] * 30]),
    "less than nothing": lambda: iter([header("x", tarfile.XHDTYPE, -512), *[ZEROS] * 30]),
    "many small ones": lambda: iter([header("x", tarfile.XHDTYPE, 512) + bytes(512)] * 60_000),
    "blocks of a sparse file": sparse_map_of_many_blocks,
    "map of a sparse file": lambda: iter(
        [pax(**{"GNU.sparse.major": "1", "GNU.sparse.minor": "0"})[:-512], b"99999999999\n", *[b"1\n" * 512] * 60_000]
    ),
}


def bomb(tmp_path: Path, blocks: Iterator[bytes]) -> Path:
    file = tmp_path / "bomb.tar.gz"
    with gzip.open(file, "wb", compresslevel=1) as out:
        for block in blocks:
            out.write(block)
        out.write(bytes(1024))
    return file


def refused_in_little_memory(place: Place, file: Path) -> str:
    tracemalloc.start()
    try:
        with pytest.raises(ClientMistake) as refused:
            place.restored(file)
        assert tracemalloc.get_traced_memory()[1] < 8 * MEGABYTE
    finally:
        tracemalloc.stop()
    return str(refused.value)


@pytest.mark.parametrize("kind", BOMBS)
def test_no_header_is_read_into_memory_for_what_it_claims(small: Place, tmp_path: Path, kind: str) -> None:
    file = bomb(tmp_path, BOMBS[kind]())
    assert file.stat().st_size < 6 * MEGABYTE
    before = untouched(small)
    assert "a header of more than 16 kB" in refused_in_little_memory(small, file)
    assert untouched(small) == before


@pytest.mark.parametrize("records", [{"GNU.sparse.map": "0,1", "GNU.sparse.size": "9"}, {"size": "-512"}])
def test_a_file_with_holes_or_less_than_nothing_is_refused(
    small: Place, tmp_path: Path, records: dict[str, str]
) -> None:
    file = bomb(tmp_path, iter([pax(**records)]))
    assert "is no backup" in refused_in_little_memory(small, file)


def test_nothing_is_written_of_a_file_that_is_longer_than_its_manifest_says(
    small: Place, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(archive, "_unpack_one", lambda *_: pytest.fail("it is written"))
    manifest = json.dumps(
        {
            "format": archive.FORMAT,
            "made_at": AT.isoformat(),
            "version": "1",
            "schema": newest(),
            "database": "sqlite",
            "recordings": False,
            "files": [{"name": "documents/x.pdf", "size": 10, "sha256": sha256(b"0" * 10).hexdigest()}],
        }
    ).encode()
    tail = [header("manifest.json", tarfile.REGTYPE, len(manifest)), manifest.ljust(1024, b"\0")]
    long = [header("documents/x.pdf", tarfile.REGTYPE, 30 * MEGABYTE), *[ZEROS] * 30]
    assert "x.pdf does not fit the manifest" in refused_in_little_memory(small, bomb(tmp_path, iter([*long, *tail])))


def test_a_manifest_is_as_long_as_its_files_make_it(small: Place, tmp_path: Path) -> None:
    blocks = [header("manifest.json", tarfile.REGTYPE, 30 * MEGABYTE), *[b" " * MEGABYTE] * 30]
    assert "it has no manifest" in refused_in_little_memory(small, bomb(tmp_path, iter(blocks)))


def test_settings_of_any_length_are_not_read(small: Place) -> None:
    file = changed(small.backed_up(), lambda files: files.update({"pbx.toml": b"#" * 2 * MEGABYTE}))
    assert "pbx.toml has more than 1024 kB" in refused_in_little_memory(small, file)


def test_more_files_than_a_backup_holds_are_neither_read_nor_written(
    small: Place, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(archive, "MOST_FILES", 2)
    files = (header(f"documents/{number}", tarfile.REGTYPE, 0) for number in range(60_000))
    assert "it holds 'documents/3'" in refused_in_little_memory(small, bomb(tmp_path, files))
    with pytest.raises(ClientMistake, match="at most 2 files"):
        small.backed_up(recordings=True)


def test_long_names_and_many_files_are_restored(small: Place) -> None:
    names = [f"documents/ñandú/{'ñ' * 100}-{number}.pdf" for number in range(300)]
    for name in names:
        small.put(name, name)
    file = small.backed_up()
    shutil.rmtree(small.home.documents)
    small.restored(file)
    assert sorted(
        f"documents/{path.relative_to(small.home.documents)}" for path in small.home.documents.rglob("*.pdf")
    ) == sorted(names)


@pytest.mark.parametrize("part", [0.3, 0.9])
def test_half_a_backup_is_refused(small: Place, part: float) -> None:
    file = small.backed_up()
    content = file.read_bytes()
    file.write_bytes(content[: int(len(content) * part)])
    with pytest.raises(ClientMistake, match="is no backup, or damaged"):
        small.restored(file)


def broken(database: bytes) -> bytes:
    return database[: 4096 * 3] + bytes(4096 * 3) + database[4096 * 6 :]


@pytest.mark.parametrize("damaged", [broken, lambda _: b""])
def test_a_damaged_database_is_not_restored(small: Place, damaged: Callable[[bytes], bytes]) -> None:
    def damage(files: dict[str, bytes]) -> None:
        files["pbx.db"] = damaged(files["pbx.db"])
        manifest = json.loads(files["manifest.json"])
        for one in manifest["files"]:
            if one["name"] == "pbx.db":
                one |= {"size": len(files["pbx.db"]), "sha256": sha256(files["pbx.db"]).hexdigest()}
        files["manifest.json"] = json.dumps(manifest).encode()

    file = changed(small.backed_up(), damage)
    with pytest.raises(StoreUnavailable, match="the copy of the database is damaged"):
        small.restored(file)
    assert small.client_name() == "Andes"
    assert [path for path in small.home.root.iterdir() if path.name.startswith(".")] == []


def test_a_home_whose_daemon_runs_is_left_alone(small: Place) -> None:
    file = small.backed_up()
    with take_lock(small.home), pytest.raises(ClientMistake, match="a daemon runs"):
        small.restored(file)


def test_a_home_whose_asterisk_runs_is_left_alone(small: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    file = small.backed_up()

    class Switch:
        def status(self) -> Any:
            return type("Status", (), {"running": True})()

    monkeypatch.setattr(restoring, "choose", lambda *_: Switch())
    with pytest.raises(ClientMistake, match="Asterisk runs"):
        small.restored(file)


@pytest.mark.postgres
def test_a_database_that_others_use_is_left_alone(postgres_url: str, tmp_path: Path) -> None:
    (tmp_path / "home").mkdir()
    place = Place(tmp_path / "home", postgres_url)
    file = place.backed_up()
    with reading(place.engine) as conn:
        conn.execute(text("SELECT 1"))
        with pytest.raises(ClientMistake, match="1 others are connected"):
            restore(place.home, file, ADMIN, AT + DAY)
    place.engine.dispose()


@pytest.mark.postgres
def test_a_dump_that_cannot_be_restored_leaves_all_as_it_was(postgres_url: str, tmp_path: Path) -> None:
    (tmp_path / "home").mkdir()
    place = Place(tmp_path / "home", postgres_url)
    (tmp_path / "broken").write_bytes(b"PGDMP no dump")
    place.engine.dispose()
    with pytest.raises(StoreUnavailable, match="pg_restore failed"):
        copies.replace_postgresql(place.engine, tmp_path / "broken", "before_restore_x")
    assert place.client_name() == "Andes"
    place.engine.dispose()


@pytest.mark.postgres
def test_without_postgresql_s_programs_one_line_says_so(
    postgres_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "home").mkdir()
    place = Place(tmp_path / "home", postgres_url)
    monkeypatch.setenv("PATH", "")
    with pytest.raises(ClientMistake, match="pg_dump is not installed"):
        place.backed_up()
    place.engine.dispose()


def test_a_swap_that_fails_midway_is_undone(small: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    file = small.backed_up()
    small.rename_client("Since")
    small.engine.dispose()
    rename = Path.rename

    def failing(source: Path, target: Path) -> Path:
        if target == small.home.root / "pbx.db" and ".restoring-" in str(source):
            raise OSError(5, "Input/output error")
        return rename(source, target)

    monkeypatch.setattr(Path, "rename", failing)
    with pytest.raises(OSError, match="Input/output"):
        small.restored(file)
    assert small.client_name() == "Since"
    assert small.home.settings_file.exists()


# --- every night ------------------------------------------------------------------------------------------


def test_of_the_nightly_copies_the_newest_are_kept_and_nothing_else_is_removed(small: Place) -> None:
    settings = structs.replace(small.settings, backup=Backup(keep=3))
    folder = small.home.backups(settings)
    mine = small.put("backups/before-the-move.tar.gz", "by hand")
    for day in range(5):
        line = str(nightly(small.home, settings, small.engine, AT + day * DAY))
    assert line.startswith("pbx-20260807T060000Z.tar.gz: files: 3, ")
    assert line.endswith("; old ones removed: 1")
    assert sorted(path.name for path in folder.iterdir()) == [
        mine.name,
        "pbx-20260805T060000Z.tar.gz",
        "pbx-20260806T060000Z.tar.gz",
        "pbx-20260807T060000Z.tar.gz",
    ]


def test_what_a_backup_that_was_killed_left_behind_goes_a_day_later(small: Place) -> None:
    settings = Settings()
    part = small.put("backups/.pbx-20260801T060000Z.tar.gz.77.part", "half")
    database = small.put("backups/.pbx-backup-x/pbx.db", "a copy").parent
    fresh = small.put("backups/.pbx-20260803T055900Z.tar.gz.78.part", "another's, under way")
    for path, age in ((part, 2 * DAY), (database, 2 * DAY), (fresh, DAY / 24)):
        os.utime(path, ((AT - age).timestamp(),) * 2)
    nightly(small.home, settings, small.engine, AT)
    left = sorted(path.name for path in small.home.backups(settings).iterdir())
    assert left == [fresh.name, "pbx-20260803T060000Z.tar.gz"]


def test_the_folder_of_backups_can_be_another(small: Place, tmp_path: Path) -> None:
    settings = Settings(backup=Backup(folder=str(tmp_path / "disk")))
    nightly(small.home, settings, small.engine, AT)
    assert [path.name for path in (tmp_path / "disk").iterdir()] == ["pbx-20260803T060000Z.tar.gz"]
    assert (tmp_path / "disk").stat().st_mode & 0o777 == 0o700


def test_a_strange_name_makes_no_backup_worthless(small: Place) -> None:
    small.put("documents/odd\nname.csv", "x")
    small.put("documents/informe de mañana.csv", "x")
    target = small.home.root / "copy.tar.gz"
    made = make(small.home, small.settings, small.engine, target, AT)
    assert made.left_out == 1
    small.restored(target)
    with tarfile.open(target) as tar:
        assert all(archive.NAME.fullmatch(member.name) for member in tar)


# --- upkeep -----------------------------------------------------------------------------------------------


def test_upkeep_looks_the_database_over_and_forgets_old_counts(engine: Engine) -> None:
    with writing(engine) as conn:
        refusals.add(conn, {("1.2.3.4", AT - age, "scan", ""): 1 for age in (91 * DAY, 89 * DAY, DAY)})
        for age in (91 * DAY, 89 * DAY):
            job_runs.claim(conn, "purge", AT - age, AT - age)
    done = str(upkeep.tend(engine, JOB, AT))
    assert done.endswith("forgotten: counts of refusals: 1, runs of jobs: 1")
    with reading(engine) as conn:
        assert len(conn.execute(select(refusal)).all()) == 2
        assert len(conn.execute(select(job_run)).all()) == 1
    if engine.dialect.name == "sqlite":
        assert done.startswith("sound, statistics renewed, log emptied")
        assert Path(f"{engine.url.database}-wal").stat().st_size == 0
    else:
        assert done.startswith("statistics renewed")


def test_upkeep_holds_up_nobody_who_reads(sqlite_url: str, tmp_path: Path) -> None:
    engine = open_engine(Home(tmp_path), Settings(database=Database(url=sqlite_url)))
    with reading(engine) as reader:
        reader.execute(select(client)).all()
        with writing(engine) as conn:
            refusals.add(conn, {("1.2.3.4", AT, "scan", ""): 1})
        assert "log in use, copied only" in str(upkeep.tend(engine, JOB, AT))
    engine.dispose()


def test_upkeep_tells_of_a_damaged_database(sqlite_url: str, tmp_path: Path) -> None:
    engine = open_engine(Home(tmp_path), Settings(database=Database(url=sqlite_url)))
    upkeep.tend(engine, JOB, AT)
    engine.dispose()
    with (tmp_path / "pbx.db").open("r+b") as file:
        size = file.seek(0, 2)
        file.seek(size // 2)
        file.write(os.urandom(size // 4))
    with pytest.raises(StoreUnavailable, match=r"the database (is damaged|cannot be used)"):
        upkeep.tend(engine, JOB, AT)
    engine.dispose()
