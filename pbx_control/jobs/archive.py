"""A backup's file: a tar with a manifest of everything in it, written whole or not at all, read with distrust.

Its last member is the manifest: what is added is read once, however large it is. Reading goes through the file twice:
first to see that all in it is what the manifest promises, and only then to write it.
"""

import gzip
import json
import os
import re
import shutil
import tarfile
import zlib
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from datetime import datetime
from hashlib import sha256
from io import BytesIO
from pathlib import Path
from typing import IO, Any, BinaryIO

from pbx_control.domain.words.sentences import Sentence
from pbx_control.domain.words.wording import clean_line
from pbx_control.errors import ClientMistake, Code

FORMAT = 1
MANIFEST, SETTINGS = "manifest.json", "pbx.toml"
# Fast: sound hardly shrinks, and a database shrinks to a quarter at once.
COMPRESSION = 1
# What a backup may hold. No part of a name begins with a dot, so none leads up or hides.
PART = r"[\w+@-][\w .+@-]*"
NAME = re.compile(rf"manifest\.json|pbx\.toml|pbx\.db|pbx\.dump|(prompts/audio|documents|recordings|erased)(/{PART})+")
BLOCK = 1 << 20
# What unpacking leaves free of the disk that it shares with live calls' recordings, bytes.
ROOM_LEFT = 256 * BLOCK
# A backup's own headers have some hundred bytes; tar would let one name its own size and read it all into memory.
LARGEST_HEADER = 16 << 10
# Each file of a backup is kept in mind while it is read; an office of 500 clients has some 300,000 recordings.
MOST_FILES = 2_000_000
LONGEST_NAME = 1000
# Settings are read whole; with all that can be set they have some kB.
LARGEST_SETTINGS = BLOCK
# A manifest's line for one file, without its name, and what the lines stand in, bytes.
MANIFEST_LINE, MANIFEST_FRAME = 256, BLOCK
# A character of a name is written with so many at most: two times \uXXXX.
ESCAPED = 12


@dataclass(frozen=True, slots=True)
class PackedFile:
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
    files: tuple[PackedFile, ...] = ()


class Packing:
    """A backup that is being written: files are added, the manifest comes last."""

    def __init__(self, tar: tarfile.TarFile) -> None:
        self._tar = tar
        self.entries: list[PackedFile] = []

    def add(self, name: str, file: BinaryIO) -> None:
        """Adds an open file, as long as it is now: one that grows meanwhile is cut there.

        Raises ClientMistake when there are more files than can be read again.
        """
        if len(self.entries) == MOST_FILES:
            raise ClientMistake("a backup holds at most {count} files", Code.TOO_MANY_FILES, count=MOST_FILES)
        facts = os.fstat(file.fileno())
        info = tarfile.TarInfo(name)
        info.size, info.mode, info.mtime = facts.st_size, 0o600, int(facts.st_mtime)
        hashed = _Hashed(file)
        self._tar.addfile(info, hashed)  # type: ignore[arg-type]  # of a file, tarfile reads only
        self.entries.append(PackedFile(name, info.size, hashed.digest.hexdigest()))

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

    Nothing is written before the manifest is read, nothing beyond what it promises, and memory does not grow with
    what a header claims. Raises ClientMistake for what is no backup, is damaged, or holds anything that a backup does
    not: links, pipes, names that lead elsewhere, large headers, files that its manifest does not know.
    """
    try:
        with file.open("rb") as packed:
            manifest = _survey(packed, folder, file)
            packed.seek(0)
            _unpack_all(packed, folder, file, manifest)
            return manifest
    except (tarfile.TarError, EOFError, zlib.error, OSError) as error:
        if isinstance(error, OSError) and error.errno is not None:
            raise  # a disk that is full, say: the backup is not to blame
        raise damaged(file, _fault_of(error)) from None


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


class _Limited:
    """The unpacked stream, for tarfile: it may read so many bytes for a header, and ours of a file's content."""

    def __init__(self, stream: BinaryIO, file: Path) -> None:
        self._stream = stream
        self._file = file
        self.allowed = LARGEST_HEADER

    def read(self, size: int = -1) -> bytes:
        # A negative size would be all that follows.
        if not 0 <= size <= self.allowed:
            raise damaged(self._file, Sentence("it has a header of more than {size} kB", size=LARGEST_HEADER >> 10))
        self.allowed -= size
        return self._stream.read(size)

    def seek(self, place: int) -> int:
        return self._stream.seek(place)

    def tell(self) -> int:
        return self._stream.tell()


def _members(packed: BinaryIO, file: Path) -> Iterator[tuple[tarfile.TarInfo, IO[bytes]]]:
    """Each ordinary file with an allowed name, and its content, to be read before the next one is asked for."""
    with gzip.GzipFile(fileobj=packed) as stream:
        limited = _Limited(stream, file)  # type: ignore[arg-type]  # a GzipFile is read like a file
        with tarfile.open(fileobj=limited, mode="r:") as tar:  # type: ignore[call-overload]  # it reads and seeks only
            while (member := tar.next()) is not None:
                _require_ours(tar, member, file)
                tar.members.clear()  # tarfile would keep them all
                source = tar.extractfile(member)
                assert source is not None  # it is an ordinary file
                limited.allowed = member.size
                yield member, source
                limited.allowed = LARGEST_HEADER


def _require_ours(tar: tarfile.TarFile, member: tarfile.TarInfo, file: Path) -> None:
    ordinary = member.isreg() and not member.issparse() and member.size >= 0 and not tar.pax_headers
    if not ordinary or len(member.name) > LONGEST_NAME or not NAME.fullmatch(member.name):
        raise ClientMistake(
            "{file} is no backup of ours: it holds {name}", file=file, name=clean_line(repr(member.name[:120]), 120)
        )


def _survey(packed: BinaryIO, folder: Path, file: Path) -> Manifest:
    """The manifest, once it is known that the files in the backup are those, and as long as, it promises."""
    room = shutil.disk_usage(folder).free - ROOM_LEFT
    sizes: dict[str, int] = {}
    manifest = None
    for member, source in _members(packed, file):
        if member.name in sizes or len(sizes) > MOST_FILES:
            raise ClientMistake("{file} is no backup of ours: it holds {name}", file=file, name=repr(member.name))
        sizes[member.name] = member.size
        room -= member.size
        if room < 0:
            raise ClientMistake(
                "there is no room for {file} in {folder}: unpacked it has over {size} MB, and {reserve} MB stay free "
                "for calls",
                file=file,
                folder=folder.parent,
                size=sum(sizes.values()) >> 20,
                reserve=ROOM_LEFT >> 20,
            )
        if member.name == SETTINGS and member.size > LARGEST_SETTINGS:
            raise damaged(file, Sentence("{name} has more than {size} kB", name=SETTINGS, size=LARGEST_SETTINGS >> 10))
        if member.name == MANIFEST and member.size <= _longest_manifest(sizes):
            manifest = _read(file, source.read())
    if manifest is None:
        raise ClientMistake("{file} is no backup of ours: it has no manifest", file=file)
    promised = {entry.name: entry.size for entry in manifest.files}
    del sizes[MANIFEST]
    _require_same(file, promised, sizes)
    return manifest


def _longest_manifest(names: Iterable[str]) -> int:
    return MANIFEST_FRAME + sum(MANIFEST_LINE + ESCAPED * len(name) for name in names)


def _unpack_all(packed: BinaryIO, folder: Path, file: Path, manifest: Manifest) -> None:
    promised = {entry.name: entry for entry in manifest.files}
    found = {}
    for member, source in _members(packed, file):
        if member.name == MANIFEST:
            continue
        entry = promised.get(member.name)
        if entry is None or entry.size != member.size or member.name in found:
            raise damaged(file, Sentence("{name} does not fit the manifest", name=member.name))
        found[member.name] = _unpack_one(source, member.name, folder)
    _require_same(file, promised, found)


def _unpack_one(source: IO[bytes], name: str, folder: Path) -> PackedFile:
    target = folder / name
    target.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    digest, size = sha256(), 0
    with open(target, "xb", opener=_private) as out:
        while block := source.read(BLOCK):
            digest.update(block)
            size += out.write(block)
        out.flush()
        os.fsync(out.fileno())
    return PackedFile(name, size, digest.hexdigest())


def _require_same(file: Path, promised: Mapping[str, object], found: Mapping[str, object]) -> None:
    odd = sorted(name for name in promised.keys() | found.keys() if promised.get(name) != found.get(name))
    if odd:
        raise damaged(file, Sentence("{name} does not fit the manifest", name=clean_line(odd[0], LONGEST_NAME)))


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
            files=tuple(PackedFile(str(one["name"]), int(one["size"]), str(one["sha256"])) for one in told["files"]),
        )
    except (ValueError, KeyError, TypeError, RecursionError):
        raise damaged(file, Sentence("its manifest makes no sense")) from None


def _fault_of(error: Exception) -> Sentence:
    """What is wrong with what cannot be unpacked."""
    if isinstance(error, EOFError) or "unexpected end" in str(error):
        return Sentence("it ends too early")
    if isinstance(error, tarfile.TarError):
        return Sentence("what it holds is no archive, or a broken one")
    return Sentence("it is not compressed as a backup is")


def damaged(file: Path, why: Sentence) -> ClientMistake:
    """The error about a file that cannot be restored."""
    return ClientMistake("{file} is no backup, or damaged: {why}", file=file, why=why)


def _private(path: str, flags: int) -> int:
    return os.open(path, flags | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
