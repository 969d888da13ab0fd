"""A backup's file: a tar with a manifest of everything in it, written whole or not at all, read with distrust.

Its last member is the manifest: what is added is read once, however large it is.
"""

import json
import os
import re
import shutil
import tarfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from datetime import datetime
from hashlib import sha256
from io import BytesIO
from pathlib import Path
from typing import IO, Any, BinaryIO

from pbx_control.domain.wording import clean_line
from pbx_control.errors import ClientMistake

FORMAT = 1
MANIFEST = "manifest.json"
# Fast: sound hardly shrinks, and a database shrinks to a quarter at once.
COMPRESSION = 1
# What a backup may hold. No part of a name begins with a dot, so none leads up or hides.
PART = r"[\w+@-][\w .+@-]*"
NAME = re.compile(rf"manifest\.json|pbx\.toml|pbx\.db|pbx\.dump|(prompts/audio|documents|recordings)(/{PART})+")
BLOCK = 1 << 20
# What unpacking leaves free of the disk that it shares with live calls' recordings, bytes.
ROOM_LEFT = 256 * BLOCK
# A manifest has a line for each file; a million recordings make 150 MB.
LARGEST_MANIFEST = 512 * BLOCK


@dataclass(frozen=True, slots=True)
class Entry:
    """A file in a backup: its path in there, its size in bytes, and what it must hash to."""

    name: str
    size: int
    sha256: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Manifest:
    """What a backup is: when and by which version it was made, of which database and schema, and its files."""

    made_at: datetime
    version: str
    schema: str
    database: str  # sqlite | postgresql
    recordings: bool
    files: tuple[Entry, ...] = ()


class Packing:
    """A backup that is being written: files are added, the manifest comes last."""

    def __init__(self, tar: tarfile.TarFile) -> None:
        self._tar = tar
        self.entries: list[Entry] = []

    def add(self, name: str, file: BinaryIO) -> None:
        """Adds an open file, as long as it is now: one that grows meanwhile is cut there."""
        facts = os.fstat(file.fileno())
        info = tarfile.TarInfo(name)
        info.size, info.mode, info.mtime = facts.st_size, 0o600, int(facts.st_mtime)
        hashed = _Hashed(file)
        self._tar.addfile(info, hashed)  # type: ignore[arg-type]
        self.entries.append(Entry(name, info.size, hashed.digest.hexdigest()))

    def close(self, manifest: dict[str, Any]) -> None:
        """Ends the backup with its manifest (the fields of Manifest but its files)."""
        told = {"format": FORMAT, **manifest, "files": [asdict(entry) for entry in self.entries]}
        content = json.dumps(told, indent=1, default=str).encode()
        info = tarfile.TarInfo(MANIFEST)
        info.size, info.mode = len(content), 0o600
        self._tar.addfile(info, BytesIO(content))


@contextmanager
def packing(target: Path) -> Iterator[Packing]:
    """A new backup at `target`, for its owner alone; it appears there, durably, when the block ends well."""
    part = target.with_name(f".{target.name}.{os.getpid()}.part")
    try:
        with open(part, "xb", opener=_private) as file:
            with tarfile.open(fileobj=file, mode="w:gz", compresslevel=COMPRESSION) as tar:
                yield Packing(tar)
            file.flush()
            os.fsync(file.fileno())
        part.rename(target)
        sync_folder(target.parent)
    finally:
        part.unlink(missing_ok=True)


def unpack(file: Path, folder: Path) -> Manifest:
    """Unpacks a backup into an empty folder and gives its manifest, which everything in it fits.

    Raises ClientMistake for what is no backup, is damaged, or holds anything that a backup does not: links, pipes,
    names that lead elsewhere, files that its manifest does not know.
    """
    try:
        with tarfile.open(file, "r:gz") as tar:
            found = _unpack_all(tar, folder, file)
    except (tarfile.TarError, EOFError, zlib.error, OSError) as error:
        if isinstance(error, OSError) and error.errno is not None:
            raise  # a disk that is full, say: the backup is not to blame
        raise _damaged(file, clean_line(str(error), 200)) from None
    return _fitting(file, folder, found)


def sync_folder(folder: Path) -> None:
    """Has the disk keep the names in a folder, too."""
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


@dataclass(slots=True)
class _Hashed:
    """A file that is hashed while it is read."""

    file: BinaryIO
    digest: Any = field(default_factory=sha256)

    def read(self, size: int) -> bytes:
        block = self.file.read(size)
        self.digest.update(block)
        return block


def _unpack_all(tar: tarfile.TarFile, folder: Path, file: Path) -> dict[str, Entry]:
    found: dict[str, Entry] = {}
    for member in tar:
        if not member.isreg() or not NAME.fullmatch(member.name) or member.name in found:
            raise ClientMistake(
                "{file} is no backup of ours: it holds {name}", file=file, name=clean_line(repr(member.name), 120)
            )
        if member.size + ROOM_LEFT > shutil.disk_usage(folder).free:
            raise ClientMistake(
                "there is no room for {file} in {folder}: {name} alone has {size} MB",
                file=file,
                folder=folder.parent,
                name=member.name,
                size=member.size >> 20,
            )
        source = tar.extractfile(member)
        assert source is not None  # it is an ordinary file
        found[member.name] = _unpack_one(source, member.name, folder)
    return found


def _unpack_one(source: IO[bytes], name: str, folder: Path) -> Entry:
    target = folder / name
    target.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    digest, size = sha256(), 0
    with open(target, "xb", opener=_private) as out:
        while block := source.read(BLOCK):
            digest.update(block)
            size += out.write(block)
        out.flush()
        os.fsync(out.fileno())
    return Entry(name, size, digest.hexdigest())


def _fitting(file: Path, folder: Path, found: dict[str, Entry]) -> Manifest:
    about = found.pop(MANIFEST, None)
    if about is None or about.size > LARGEST_MANIFEST:
        raise ClientMistake("{file} is no backup of ours: it has no manifest", file=file)
    manifest = _read(file, (folder / MANIFEST).read_bytes())
    promised = {entry.name: entry for entry in manifest.files}
    odd = sorted(name for name in promised.keys() | found.keys() if promised.get(name) != found.get(name))
    if odd:
        raise _damaged(file, f"{odd[0]} does not fit the manifest")
    return manifest


def _read(file: Path, content: bytes) -> Manifest:
    try:
        told = json.loads(content)
        if told["format"] != FORMAT:
            raise ClientMistake("{file} is of another format: restore it with the version that made it", file=file)
        made_at = datetime.fromisoformat(told["made_at"])
        if made_at.tzinfo is None:
            raise ValueError("a time of no zone")
        return Manifest(
            made_at=made_at,
            version=str(told["version"]),
            schema=str(told["schema"]),
            database=str(told["database"]),
            recordings=bool(told["recordings"]),
            files=tuple(Entry(str(one["name"]), int(one["size"]), str(one["sha256"])) for one in told["files"]),
        )
    except (ValueError, KeyError, TypeError, RecursionError):
        raise _damaged(file, "its manifest makes no sense") from None


def _damaged(file: Path, why: str) -> ClientMistake:
    return ClientMistake("{file} is no backup, or damaged: {why}", file=file, why=why)


def _private(path: str, flags: int) -> int:
    return os.open(path, flags | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
