"""Puts a backup in the place of a home's database and settings. Nothing is lost: what it replaces is kept beside.

All is unpacked and looked at first, in a folder of its own; the home changes only at the end, by renaming.
"""

import json
import os
import re
import shutil
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import IO

from sqlalchemy import make_url

from pbx_control.asterisk.runtime import choose
from pbx_control.domain.audit import Actor, AuditEntry, Verb, difference
from pbx_control.domain.money.billing import InvoiceKind
from pbx_control.domain.words.sentences import Sentence
from pbx_control.errors import ClientMistake, Code
from pbx_control.files import lock_alone, write_below
from pbx_control.jobs import erased_again
from pbx_control.jobs.archive import Manifest, damaged, sync_folder, unpack
from pbx_control.jobs.erased_again import DoneAgain, Restoring
from pbx_control.live.pulse import take_lock
from pbx_control.media.erased import take_over
from pbx_control.settings import Home, Settings, load
from pbx_control.store import audit, copies, invoices, tokens, users, webhooks
from pbx_control.store.engine import open_engine, writing
from pbx_control.store.migrate import newest, upgrade

SQLITE_FILES = ("pbx.db", "pbx.db-wal", "pbx.db-shm", "pbx.db-journal")
# What is added to what lies there: such files are written once, under a name of their own.
ADDED = {"prompts/audio": (0o755, 0o644), "documents": (0o700, 0o600), "recordings": (0o700, 0o600)}

FIRST_WITH_INVOICES, FIRST_WITH_AUDIT, FIRST_WITH_SESSIONS = 3, 13, 18  # of the schemas
FIRST_WITH_TOKENS, FIRST_WITH_WEBHOOKS = 40, 48
# What the folder of a backup that is being unpacked is called.
UNPACKED = ".restoring-"
# As they are written into the names of PDFs; a longer one would be none that the database can count.
INVOICE_NUMBER = re.compile(r"\d{6,9}", re.ASCII)


@dataclass(frozen=True, slots=True)
class Restored:
    """What was restored, and where that lies what it replaced: a folder, and a schema of PostgreSQL ("" if none).

    `issued_since` are invoices that were issued after the backup was made: only their PDFs are left in the home, and
    their numbers are not given again. `again`: what was erased since then, and is again. `tokens`: those that programs
    may use again, also if they were revoked since; `webhooks`: those that are told of events again.
    """

    manifest: Manifest
    kept: Path
    schema: str = ""
    again: DoneAgain = field(default_factory=DoneAgain)
    issued_since: Mapping[InvoiceKind, range] = field(default_factory=dict)
    tokens: Sequence[str] = ()
    webhooks: Sequence[int] = ()


def restore(home: Home, file: Path, actor: Actor, at: datetime) -> Restored:
    """Restores a home from the backup `file`. Its folder must be there; what it lacks comes from the backup.

    Raises ClientMistake if the home is in use, or the backup is damaged, of a newer schema or for another database;
    the home is then as it was. That it was restored, and
    by whom, stands in the audit trail of the restored database.
    """
    with take_lock(home), _no_pages(home), _unpacked_in(home) as folder:
        fresh = Home(Path(folder))
        manifest = unpack(file, fresh.root)
        _require_known_schema(manifest)
        _require_part(file, manifest, "pbx.toml")
        settings = load(fresh)
        _require_idle(home, settings)
        _require_its_database(home, settings, manifest)
        _require_part(file, manifest, copies.NAMES[manifest.database])
        _require_sound(home, fresh, settings, manifest)
        take_over(home, fresh)
        # From here on nobody reads the home until what was erased is erased again.
        added = _begin(home, fresh, manifest)
        for part, modes in ADDED.items():
            _add_missing(fresh.root / part, home.root / part, *modes)
        restored = _replace(home, fresh, settings, manifest, at)
        again = _erase_again(
            Restoring(home=home, settings=settings, actor=actor, made_at=manifest.made_at, added=added), at
        )
        home.unfinished_restore.unlink()
    entry = AuditEntry(at=at, actor=actor, verb=Verb.BACKUP_RESTORED, subject=file.name[:200])
    usable, told = _note(home, settings, manifest, entry)
    issued = _count_on(home, settings, manifest)
    return replace(restored, again=again, issued_since=issued, tokens=usable, webhooks=told)


def finish(home: Home, actor: Actor, at: datetime) -> DoneAgain:
    """Finishes a restore that was broken off: what was erased is erased again, whichever database is in its place.

    Raises ClientMistake if none was, or the home is in use.
    """
    with take_lock(home), _no_pages(home):
        if not home.unfinished_restore.exists():
            raise ClientMistake("no restore of {home} was broken off: name a backup", home=home.root)
        _remove_unpacked(home)
        settings, (made_at, added) = load(home, restoring=True), _begun(home)
        _require_idle(home, settings)
        again = _erase_again(Restoring(home=home, settings=settings, actor=actor, made_at=made_at, added=added), at)
        home.unfinished_restore.unlink()
    return again


def _no_pages(home: Home) -> IO[str]:
    """Keeps the pages from being served, as long as it is open. Raises ClientMistake if they are."""
    alone = lock_alone(home.pages_lock)
    if alone is None:
        raise ClientMistake("the pages of {home} are served by a process of their own: end it first", home=home.root)
    return alone


@contextmanager
def _unpacked_in(home: Home) -> Iterator[str]:
    """A folder to unpack into; what a restore that was killed has left there goes: it has what may have been erased."""
    _remove_unpacked(home)
    with TemporaryDirectory(prefix=UNPACKED, dir=home.root) as folder:
        yield folder


def _remove_unpacked(home: Home) -> None:
    for left in home.root.glob(f"{UNPACKED}*"):
        shutil.rmtree(left)


def _begin(home: Home, fresh: Home, manifest: Manifest) -> list[str]:
    """Writes down what is restored; gives the recordings that come back, those of a restore that was broken off too."""
    source, target = fresh.root / "recordings", home.recordings
    names = (str(path.relative_to(source)) for path in source.rglob("*") if path.is_file())
    added = {name for name in names if not os.path.lexists(target / name)}
    made_at = manifest.made_at
    if home.unfinished_restore.exists():
        before, others = _begun(home)
        made_at, added = min(made_at, before), added.union(others)
    told = {"made_at": made_at.isoformat(), "added": sorted(added)}
    write_below(home.root, "restore-unfinished.part", json.dumps(told).encode())
    (home.root / "restore-unfinished.part").replace(home.unfinished_restore)
    sync_folder(home.root)
    return sorted(added)


def _begun(home: Home) -> tuple[datetime, list[str]]:
    told = json.loads(home.unfinished_restore.read_text("utf-8"))
    return datetime.fromisoformat(told["made_at"]), list(told["added"])


def _erase_again(restoring: Restoring, at: datetime) -> DoneAgain:
    """Brings an older database up to date first: it must have room for the receipts."""
    if not erased_again.is_needed(restoring):
        return DoneAgain()
    upgrade(restoring.home, restoring.settings)
    engine = open_engine(restoring.home, restoring.settings)
    try:
        return erased_again.do(restoring, engine, at)
    finally:
        engine.dispose()


def _require_known_schema(manifest: Manifest) -> None:
    if not manifest.schema.isdecimal() or int(manifest.schema) > int(newest()):
        raise ClientMistake(
            "this backup was made by version {version}, with a newer schema: install that version first",
            version=repr(manifest.version[:40]),
        )


def _require_part(file: Path, manifest: Manifest, name: str) -> None:
    if name not in {entry.name for entry in manifest.files}:
        raise damaged(file, Sentence("it lacks {name}", name=name))


def _require_idle(home: Home, settings: Settings) -> None:
    if choose(home, settings).status().running:
        raise ClientMistake("Asterisk runs in this home", Code.ASTERISK_RUNS)


def _require_its_database(home: Home, settings: Settings, manifest: Manifest) -> None:
    """The settings that come with a backup say where its database belongs."""
    url = make_url(home.database_url(settings))
    kind = url.get_backend_name()
    if kind != manifest.database or (kind == "sqlite" and Path(url.database or "") != home.root / "pbx.db"):
        raise ClientMistake(
            "the backup holds a database of {kind}, but [database] url in its settings, or in the environment, says "
            "{url}: set PBX_DATABASE__URL to where it shall be restored",
            kind=manifest.database,
            url=url.render_as_string(),
        )


def _require_sound(home: Home, fresh: Home, settings: Settings, manifest: Manifest) -> None:
    """The database of the backup is sound; or, where only PostgreSQL can tell, nobody uses the present one."""
    if manifest.database == "sqlite":
        copies.check_sqlite(fresh.root / "pbx.db", manifest.schema)
        return
    engine = open_engine(home, settings)
    try:
        copies.require_unused(engine)
    finally:
        engine.dispose()


def _replace(home: Home, fresh: Home, settings: Settings, manifest: Manifest, at: datetime) -> Restored:
    kept = home.root / f".before-restore-{at:%Y%m%dT%H%M%SZ}"
    kept.mkdir(mode=0o700)
    if manifest.database == "sqlite":
        _swap(home.root, fresh.root, kept, ["pbx.toml", *SQLITE_FILES])
        return Restored(manifest, kept)
    schema = f"before_restore_{at:%Y%m%dt%H%M%Sz}"
    engine = open_engine(home, settings)
    try:
        there = copies.replace_postgresql(engine, fresh.root / "pbx.dump", schema)
    finally:
        engine.dispose()
    _swap(home.root, fresh.root, kept, ["pbx.toml"])
    return Restored(manifest, kept, schema if there else "")


def _note(home: Home, settings: Settings, manifest: Manifest, entry: AuditEntry) -> tuple[Sequence[str], Sequence[int]]:
    """The restored database says that it is one; the tables of an old backup have no room for that yet. Gives the
    tokens and webhooks that are in it."""
    if int(manifest.schema) < FIRST_WITH_AUDIT:
        return (), ()
    told = difference({}, {"made_at": manifest.made_at, "version": manifest.version})
    engine = open_engine(home, settings)
    try:
        with writing(engine) as conn:
            audit.add(conn, replace(entry, difference=told))
            if int(manifest.schema) >= FIRST_WITH_SESSIONS:
                users.end_all_sessions(conn, entry.at)  # some may have been revoked since the backup
            usable = tokens.names(conn) if int(manifest.schema) >= FIRST_WITH_TOKENS else ()
            heard = webhooks.numbers(conn) if int(manifest.schema) >= FIRST_WITH_WEBHOOKS else ()
            return usable, heard
    finally:
        engine.dispose()


def _count_on(home: Home, settings: Settings, manifest: Manifest) -> dict[InvoiceKind, range]:
    """An invoice's number is its client's for ever: those of which the PDFs lie here are not given again."""
    if int(manifest.schema) < FIRST_WITH_INVOICES:
        return {}
    engine = open_engine(home, settings)
    try:
        with writing(engine) as conn:
            since = {kind: invoices.count_on(conn, kind, _highest(home, kind)) for kind in InvoiceKind}
    finally:
        engine.dispose()
    return {kind: numbers for kind, numbers in since.items() if numbers}


def _highest(home: Home, kind: InvoiceKind) -> int:
    """The highest number of which a PDF lies in the home, 0 if none does."""
    files = (home.documents / "invoices").glob(f"*/{kind.value}-*.pdf")
    numbers = (file.stem.rpartition("-")[2] for file in files)
    return max((int(number) for number in numbers if INVOICE_NUMBER.fullmatch(number)), default=0)


def _swap(home: Path, fresh: Path, kept: Path, names: Sequence[str]) -> None:
    """Each of these files moves from the home to `kept`, and from `fresh` into the home: all of them, or none."""
    away = [(home / name, kept / name) for name in names if os.path.lexists(home / name)]
    new = [(fresh / name, home / name) for name in names if (fresh / name).exists()]
    done: list[tuple[Path, Path]] = []
    try:
        for source, target in [*away, *new]:
            source.rename(target)
            done.append((source, target))
    except OSError:
        for source, target in reversed(done):
            target.rename(source)
        raise
    for folder in (kept, home):
        sync_folder(folder)


def _add_missing(source: Path, target: Path, folder_mode: int, file_mode: int) -> None:
    """Adds the files below `source` that `target` lacks; those that are there stay as they are."""
    for file in sorted(path for path in source.rglob("*") if path.is_file()):
        place = target / file.relative_to(source)
        _make_folders(place.parent, folder_mode)
        if not place.parent.resolve().is_relative_to(target.resolve()):
            raise ClientMistake("{file} leads out of the home: remove that link first", file=place.parent)
        if not os.path.lexists(place):
            _copy(file, place, file_mode)


def _make_folders(folder: Path, mode: int) -> None:
    if not folder.is_dir():
        _make_folders(folder.parent, mode)
        folder.mkdir(mode=mode)
        folder.chmod(mode)  # whatever our umask: Asterisk may be another user


def _copy(source: Path, target: Path, mode: int) -> None:
    # A copy, not a rename: a folder of the home may be a link to another disk.
    part = target.with_name(f".{target.name[:100]}.{os.getpid()}.part")
    try:
        shutil.copyfile(source, part)
        shutil.copystat(source, part)
        part.chmod(mode)
        part.rename(target)
    finally:
        part.unlink(missing_ok=True)
