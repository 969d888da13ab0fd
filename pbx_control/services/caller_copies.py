"""A copy of all that is kept of a caller, to be handed out to him (Ley 21.719, access and portability).

It is a ZIP with one JSON document, which says what is in it, and the sounds. Each copy leaves a receipt.
"""

import hashlib
import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import date, datetime
from importlib.metadata import version
from io import BufferedRandom
from pathlib import Path
from zipfile import ZIP_DEFLATED, ZIP_STORED, ZipFile, ZipInfo
from zoneinfo import ZoneInfo

from sqlalchemy import Connection, Engine

from pbx_control.catalogue import N_
from pbx_control.domain.audit import Actor, Verb
from pbx_control.domain.keeping.erasure import fingerprint
from pbx_control.domain.keeping.retention import What
from pbx_control.domain.words.sentences import said
from pbx_control.errors import ClientMistake, Code, StoreUnavailable
from pbx_control.files import appears_at, open_below, unfinished
from pbx_control.media import caller_files
from pbx_control.services.work import booking
from pbx_control.settings import Home, OfficeSettings
from pbx_control.store import caller_data, callers, clients, receipts
from pbx_control.store.caller_data import Whose
from pbx_control.store.callers import CallerCall
from pbx_control.store.engine import reading
from pbx_control.store.receipts import Receipt

# Bytes of a sound that are read at once.
PIECE = 64 * 1024
DOCUMENT, SOUNDS = "caller.json", "sounds"
# The document's shape; programs look at it first.
FORMAT = 1
# Digits of the caller's fingerprint in a receipt: nobody meets them by chance.
SHOWN = 16
# Why there is a receipt.
CAUSE = N_("handed out")
ABOUT = N_(
    "All that is kept of the calls from this number. `parts` has it by kind, each with what it is; `files` are the "
    "sounds in this archive. Instants are UTC, lengths are seconds."
)


@dataclass(frozen=True, slots=True, kw_only=True)
class CopyOrder:
    """Whose data is copied, and for whom it is made."""

    number: str  # as calls have it
    client: str | None = None  # only what is about this client (slug)
    office: OfficeSettings
    key: str  # the home's secret, for the receipt
    actor: Actor


@dataclass(slots=True)
class Copy:
    """A copy that was made. `absent`: sounds that calls name and that are not here; `elsewhere`: nodes with some."""

    file: Path
    calls: int
    sounds: list[dict[str, object]] = field(default_factory=list)
    absent: list[str] = field(default_factory=list)
    elsewhere: list[str] = field(default_factory=list)
    size: int = 0  # bytes
    sha256: str = ""


def hand_out(
    home: Home, engine: Engine, order: CopyOrder, target: Path, at: datetime, *, replacing: bool = False
) -> Copy:
    """Writes the copy to `target`, for its owner alone, whole or not at all.

    Raises ClientMistake if nothing is known of the caller, or there is something at `target` (unless `replacing`);
    OSError if it cannot be written.
    """
    with reading(engine) as conn:
        client_id = clients.find(conn, order.client).id if order.client else None
        calls = callers.calls_of(conn, order.number, client_id=client_id)
        whose = callers.whose(calls, order.number, client_id=client_id)
        parts = dict(_parts(home, conn, whose, order.office.language))
    if not any(part["rows"] for name, part in parts.items() if name != caller_data.ENTRIES):
        raise ClientMistake("nothing is known of {number}", Code.NO_SUCH_CALLER, number=order.number)
    copy = Copy(target, len(calls), elsewhere=sorted({call.elsewhere for call in calls} - {""}))
    with unfinished(target, replacing=replacing) as (part, out):
        _write(home, out, _document(order, parts, at), calls, copy, at.astimezone(ZoneInfo(order.office.timezone)))
        out.flush()
        copy.size = out.tell()
        out.seek(0)
        copy.sha256 = hashlib.file_digest(out, "sha256").hexdigest()
        with _only_with_receipt(target), booking(engine, order.actor, at) as work:
            receipts.add(work.conn, [_receipt(order, copy, client_id, at)])
            counts = {"calls": len(calls), "sounds": len(copy.sounds), "sha256": copy.sha256}
            # Whose they were is not said.
            work.note(Verb.CALLER_EXPORTED, "", client_id=client_id, new=counts)
            appears_at(part, target, replacing=replacing)
    return copy


@contextmanager
def _only_with_receipt(target: Path) -> Iterator[None]:
    """Takes the copy away again if its receipt was not kept."""
    try:
        yield
    except StoreUnavailable:
        target.unlink(missing_ok=True)
        raise


def _parts(home: Home, conn: Connection, whose: Whose, language: str) -> Iterator[tuple[str, dict[str, object]]]:
    for part in caller_data.PARTS:
        yield part.name, {"what": said(language, part.what, {}), "rows": list(part.rows(conn, whose))}
    for papers in caller_files.PAPERS:
        yield papers.name, {"what": said(language, papers.what, {}), "rows": list(papers.rows(home, whose))}


def _document(order: CopyOrder, parts: dict[str, dict[str, object]], at: datetime) -> dict[str, object]:
    return {
        "format": FORMAT,
        "what": said(order.office.language, ABOUT, {}),
        "number": order.number,
        "client": order.client,
        "made_at": at,
        "made_by": order.office.name,
        "software": f"pbx-control {version('pbx-control')}",
        "parts": parts,
    }


def _write(
    home: Home, out: BufferedRandom, document: dict[str, object], calls: list[CallerCall], copy: Copy, local: datetime
) -> None:
    """The sounds come first: the document has their checksums."""
    with ZipFile(out, "w") as archive:
        for call_id, path in _sounds(home, calls):
            _add_sound(home, archive, call_id, path, copy, local)
        files = document | {"files": copy.sounds, "absent": copy.absent}
        content = json.dumps(files, ensure_ascii=False, indent=2, default=_plain).encode("utf-8", "replace")
        with archive.open(_entry(DOCUMENT, local, ZIP_DEFLATED), "w", force_zip64=True) as entry:
            entry.write(content)


def _sounds(home: Home, calls: list[CallerCall]) -> Iterator[tuple[str, str]]:
    """Every file of these calls, and those that their rows name: a call's id, and the path below recordings/."""
    here = caller_files.sounds_of(home, {call.id for call in calls})
    for call in calls:
        lying = {found.path for found in here.get(call.id, ()) if not found.aside}
        yield from ((call.id, path) for path in sorted(lying | {call.recording, call.message} - {""}))


def _add_sound(home: Home, archive: ZipFile, call_id: str, path: str, copy: Copy, local: datetime) -> None:
    try:
        source = open_below(home.recordings, path)
    except OSError:  # it lies with another node, was lost, or is a link
        copy.absent.append(path)
        return
    digest, size, name = hashlib.sha256(), 0, f"{SOUNDS}/{path}"
    with source, archive.open(_entry(name, local, ZIP_STORED), "w", force_zip64=True) as entry:
        while piece := source.read(PIECE):
            entry.write(piece)
            digest.update(piece)
            size += len(piece)
    copy.sounds.append({"file": name, "call": call_id, "bytes": size, "sha256": digest.hexdigest()})


def _entry(name: str, local: datetime, compression: int) -> ZipInfo:
    info = ZipInfo(name, local.timetuple()[:6])
    info.compress_type = compression
    info.external_attr = 0o600 << 16
    return info


def _plain(value: object) -> str:
    return value.isoformat() if isinstance(value, date) else str(value)


def _receipt(order: CopyOrder, copy: Copy, client_id: int | None, at: datetime) -> Receipt:
    caller = fingerprint(order.number, order.key)[:SHOWN]
    told = f"{CAUSE}: {copy.calls} calls, {len(copy.sounds)} sounds; by {order.actor.name}; caller {caller}"
    return Receipt(at=at, what=What.HANDED_OUT, client_id=client_id, why=told, sha256=copy.sha256, size=copy.size)
