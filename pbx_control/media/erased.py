"""What was erased or blocked, kept beside the database: a restored backup knows nothing of it, and a restore does it
again.

In HOME/erased/ lie a key and a log, both for their owner alone. The log has a line (JSON) for each erasure and block,
written before the transaction that does it is committed, and for the end of each block, written after it; it is only
ever added to. A caller is in it by HMAC-SHA256 of his number: with the key it can be asked whether a number is meant,
and nobody can read which are.
"""

import json
import os
import re
import secrets
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from hashlib import sha256
from pathlib import Path
from typing import Any

from pbx_control.domain.keeping.erasure import fingerprint
from pbx_control.errors import ClientMistake
from pbx_control.files import appears_at, unfinished
from pbx_control.settings import Home

# A key's name is the beginning of its SHA-256: a home has the keys, with their logs, of each home it was restored from.
KEY = re.compile(r"[0-9a-f]{16}\.key", re.ASCII)
KEY_BYTES = 32
PRIVATE = 0o600
LARGEST_ID = 2**31


@dataclass(frozen=True, slots=True, kw_only=True)
class CallerErased:
    """A caller was erased: what there was of him until `at`, but for the calls that were kept then."""

    at: datetime
    who: str  # of the number, by that log's key
    key: str
    kept: tuple[str, ...] = ()  # calls that were under a legal hold, or blocked
    spared: tuple[int, ...] = ()  # clients about which nothing was erased
    papers: bool = True  # what is about no call, too

    def means(self, number: str) -> bool:
        """Whether it was the caller of that number."""
        return fingerprint(number, self.key) == self.who


@dataclass(frozen=True, slots=True, kw_only=True)
class ClientErased:
    """What the service had of a client that cancelled long ago was erased."""

    at: datetime
    client_id: int
    slug: str
    kept: tuple[str, ...] = ()  # calls that were under a legal hold, or blocked
    reports: bool = True  # the files of its reports, too


@dataclass(frozen=True, slots=True, kw_only=True)
class Blocked:
    """A caller's data was blocked while a request is decided or, if it is over, no longer: of the calls to that client,
    or (None) to all."""

    at: datetime
    who: str  # of the number, by that log's key
    key: str
    over: bool = False
    client_id: int | None = None
    slug: str = ""

    def means(self, number: str) -> bool:
        """Whether it was the caller of that number."""
        return fingerprint(number, self.key) == self.who


@dataclass(frozen=True, slots=True, kw_only=True)
class Purged:
    """Recordings whose time was over at `at` were deleted, but for those of the calls that were kept."""

    at: datetime
    kept: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Refused:
    """The erasure of a caller that was begun at `at` was refused, with nothing gone."""

    at: datetime
    who: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Stayed:
    """The erasure of a caller that was begun at `at` was stopped: what had not gone by then stays."""

    at: datetime
    who: str
    kept: tuple[str, ...]
    papers: bool  # what is about no call had gone


Remembered = CallerErased | ClientErased | Blocked | Purged
Line = Remembered | Refused | Stayed


def remember_caller(
    home: Home, number: str, at: datetime, *, kept: Collection[str], spared: Collection[int], papers: bool
) -> None:
    """Writes down that a caller is erased. Raises OSError."""
    name, key = _own(home)
    who = fingerprint(number, key)
    facts = {"who": who, "kept": sorted(kept), "spared": sorted(spared), "papers": papers}
    _append(home, name, {"what": "caller", "at": at.isoformat()} | facts)


def forget_caller(home: Home, number: str, at: datetime) -> None:
    """Writes down that the erasure of then was refused, with nothing gone. Raises OSError."""
    name, key = _own(home)
    _append(home, name, {"what": "refused", "at": at.isoformat(), "who": fingerprint(number, key), "kept": []})


def stop_caller(home: Home, number: str, at: datetime, *, kept: Collection[str], papers: bool) -> None:
    """Writes down that the erasure of then was stopped with these calls left, and (not `papers`) what is about none.
    Raises OSError."""
    name, key = _own(home)
    facts = {"who": fingerprint(number, key), "kept": sorted(kept), "papers": papers}
    _append(home, name, {"what": "stopped", "at": at.isoformat()} | facts)


def remember_block(home: Home, number: str, at: datetime, client: tuple[int, str] | None, *, over: bool) -> None:
    """Writes down that a caller's data is blocked, or (`over`) no longer: of the calls to that client (its number and
    short name), or of all. Raises OSError."""
    name, key = _own(home)
    client_id, slug = client or (None, "")
    facts = {"who": fingerprint(number, key), "over": over, "client": client_id, "slug": slug, "kept": []}
    _append(home, name, {"what": "block", "at": at.isoformat()} | facts)


def remember_client(
    home: Home, client_id: int, slug: str, at: datetime, kept: Collection[str], *, reports: bool
) -> None:
    """Writes down that a client is erased; `reports`: the files of its reports as well. Raises OSError."""
    name, _ = _own(home)
    facts = {"client": client_id, "slug": slug, "kept": sorted(kept), "reports": reports}
    _append(home, name, {"what": "client", "at": at.isoformat()} | facts)


def remember_purge(home: Home, at: datetime, kept: Collection[str]) -> None:
    """Writes down that what was due at `at` is deleted. Raises OSError."""
    name, _ = _own(home)
    _append(home, name, {"what": "purge", "at": at.isoformat(), "kept": sorted(kept)})


def recall(home: Home) -> list[Remembered]:
    """All that was erased or blocked, the oldest first. A line that a crash has cut tells of nothing that was done."""
    found = [line for name, key in _keys(home) for line in _read(home, name, key)]
    refused = {(one.who, one.at) for one in found if isinstance(one, Refused)}
    stopped = {(one.who, one.at): one for one in found if isinstance(one, Stayed)}
    done: list[Remembered] = []
    for one in found:
        if isinstance(one, Refused | Stayed):
            continue
        if isinstance(one, CallerErased):
            if (one.who, one.at) in refused:
                continue
            if left := stopped.get((one.who, one.at)):
                kept = tuple(sorted({*one.kept, *left.kept}))
                one = replace(one, kept=kept, papers=one.papers and left.papers)
        done.append(one)
    return sorted(done, key=lambda one: one.at)


def take_over(home: Home, other: Home) -> None:
    """Adds what another home, that of a backup, remembers. Raises OSError."""
    for name, key in _keys(other):
        _keep_key(home, name, key)
        known = set(_lines(home, name))
        _write(home, name, [line for line in _lines(other, name) if line not in known])


def _own(home: Home) -> tuple[str, str]:
    """The key by which this home writes, made when it is first needed: its name, and what it is."""
    for found in _keys(home):
        return found
    key = secrets.token_hex(KEY_BYTES)
    _keep_key(home, _name_of(key), key)
    # Somebody else may have made one at the same time: then both are read, and one is written by.
    return _own(home)


def _keys(home: Home) -> Iterator[tuple[str, str]]:
    if not home.erased.is_dir():
        return
    for path in sorted(home.erased.iterdir()):
        if KEY.fullmatch(path.name) and path.is_file() and not path.is_symlink():
            key = path.read_text("ascii", errors="replace").strip()
            if _name_of(key) == path.stem:
                yield path.stem, key


def _name_of(key: str) -> str:
    return sha256(key.encode()).hexdigest()[:16]


def _keep_key(home: Home, name: str, key: str) -> None:
    home.erased.mkdir(mode=0o700, parents=True, exist_ok=True)
    target = home.erased / f"{name}.key"
    if target.exists():
        return
    try:
        with unfinished(target) as (part, out):
            out.write(key.encode())
            out.flush()
            appears_at(part, target)
    except ClientMistake:
        return  # somebody else has just kept it


def _append(home: Home, name: str, line: dict[str, object]) -> None:
    """Adds a line, unless it is there: an erasure is done in several transactions."""
    text = json.dumps(line, sort_keys=True)
    if text not in _lines(home, name):
        _write(home, name, [text])


def _write(home: Home, name: str, lines: Sequence[str]) -> None:
    if not lines:
        return
    flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC
    handle = os.open(_log(home, name), flags, PRIVATE)
    try:
        # A line that a crash has cut ends here.
        os.write(handle, "".join(f"\n{line}\n" for line in lines).encode())
        os.fsync(handle)
    finally:
        os.close(handle)


def _log(home: Home, name: str) -> Path:
    return home.erased / f"{name}.log"


def _lines(home: Home, name: str) -> list[str]:
    try:
        text = _log(home, name).read_text("utf-8", errors="replace")
    except FileNotFoundError:
        return []
    return [line for line in text.splitlines() if line]


def _read(home: Home, name: str, key: str) -> Iterator[Line]:
    for line in _lines(home, name):
        try:
            told = json.loads(line)
            yield _line(told, key)
        except (ValueError, KeyError, TypeError, OverflowError, RecursionError):
            continue


def _line(told: dict[str, Any], key: str) -> Line:
    """Raises ValueError and the like for what we have not written: a backup's log may be anybody's."""
    at, kept = datetime.fromisoformat(told["at"]), tuple(map(_storable, told["kept"]))
    if at.tzinfo is None:
        raise ValueError("no zone")
    match told["what"]:
        case "caller":
            spared = tuple(map(int, told["spared"]))
            who, papers = str(told["who"]), bool(told["papers"])
            return CallerErased(at=at, who=who, key=key, kept=kept, spared=spared, papers=papers)
        case "client":
            client_id, slug = _client(told["client"]), _storable(told["slug"])
            # Before this was noted, the reports stayed where a call did.
            reports = bool(told.get("reports", not kept))
            return ClientErased(at=at, client_id=client_id, slug=slug, kept=kept, reports=reports)
        case "block":
            of_client = None if told["client"] is None else _client(told["client"])
            who, over, slug = str(told["who"]), bool(told["over"]), _storable(told["slug"])
            return Blocked(at=at, who=who, key=key, over=over, client_id=of_client, slug=slug)
        case "refused":
            return Refused(at=at, who=str(told["who"]))
        case "stopped":
            return Stayed(at=at, who=str(told["who"]), kept=kept, papers=bool(told["papers"]))
        case "purge":
            return Purged(at=at, kept=kept)
        case other:
            raise ValueError(other)


def _client(value: Any) -> int:
    """A client's number. Raises ValueError."""
    client_id = int(value)
    if not 0 < client_id < LARGEST_ID:
        raise ValueError("no client")
    return client_id


def _storable(value: object) -> str:
    """As text that a database takes. Raises ValueError."""
    text = str(value)
    text.encode()
    if "\0" in text:
        raise ValueError("NUL")
    return text
