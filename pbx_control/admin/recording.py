"""`pbx-control recording`: which calls were recorded, copies to listen to, legal holds, and what is deleted when."""

import os
import shutil
import sys
from contextlib import suppress
from pathlib import Path
from typing import Any, BinaryIO

import click

from pbx_control.admin.door import Door, pass_door, show_rows, table_options
from pbx_control.admin.provisioning import book, examples
from pbx_control.admin.purging import purge, receipts, reconcile
from pbx_control.admin.whole import WholeNumber
from pbx_control.domain.words.wording import caller_line, clean_line
from pbx_control.errors import ClientMistake, reason
from pbx_control.media import recordings
from pbx_control.services import keeping
from pbx_control.store import call_log, clients, holds
from pbx_control.store import recordings as recorded
from pbx_control.store.engine import reading
from pbx_control.store.recordings import RecordedCall

# For a person; --json has everything.
COLUMNS = ("call", "client", "caller", "arrived", "seconds", "flaw", "message", "hold")


@click.group(help="Recordings of calls and left messages: list them, fetch one, hold it, see what is deleted and why.")
def recording() -> None:
    pass


for command in (purge, reconcile, receipts):
    recording.add_command(command)


@recording.command("list", help="The newest calls with a recording or a left message, newest first.")
@click.option("--client", "slug", metavar="SLUG", help="Only those of this client.")
@click.option("--limit", type=WholeNumber(1, 100_000), default=100, show_default=True, help="How many at most.")
@table_options
@pass_door
def list_recordings(door: Door, slug: str | None, limit: int, as_json: bool) -> None:
    with reading(door.engine) as conn:
        if slug is not None:
            clients.find(conn, slug)
        found = recorded.newest(conn, slug=slug, limit=limit)
        held = holds.reasons(conn, [one.call_id for one in found])
    rows = (_row(door, one) | {"hold": held.get(one.call_id, "")} for one in found)
    show_rows(door, COLUMNS, rows, as_json, _said)


@recording.command(help="Copy a call's recording, or the message that was left, to a WAV file.")
@click.argument("call_id", metavar="ID")
@click.option("-o", "--output", metavar="FILE", help="Where to [CALL-ID.wav here]; - is the standard output.")
@click.option("--message", "left_message", is_flag=True, help="The message that the caller left.")
@pass_door
def fetch(door: Door, call_id: str, output: str | None, left_message: bool) -> None:
    with reading(door.engine) as conn:
        found = recorded.get(conn, call_log.find(conn, call_id).id)
    name = _name(found, left_message)
    with recordings.open_recording(door.home.recordings, name) as source:
        if output == "-":
            shutil.copyfileobj(source, sys.stdout.buffer)
            return
        target = Path(output or Path(name).name)
        _copy(source, target)
    door.tell("{file} written", file=clean_line(str(target), 200))


@recording.command(epilog=examples('recording hold pbx-1795351117.3 --why "juzgado de Ñuñoa, causa 123"'))
@click.argument("call_id", metavar="ID")
@click.option("--why", required=True, help="For whom, and what for: whoever asks later reads it.")
@pass_door
def hold(door: Door, call_id: str, why: str) -> None:
    """Keep all files of a call, however old they are, until it is released (a legal hold)."""
    whole, something = book(door, lambda work: keeping.hold(work, call_id, why))
    if something:
        door.tell("call {call} is held: nothing of it is deleted until `recording release`", call=whole)
    else:
        door.tell("call {call} is held; nothing of it is recorded, or not any more", call=whole)


@recording.command(epilog=examples("recording release pbx-1795351117.3"))
@click.argument("call_id", metavar="ID")
@pass_door
def release(door: Door, call_id: str) -> None:
    """End a call's legal hold: its files are deleted when they are old enough."""
    whole = book(door, lambda work: keeping.release(work, call_id))
    door.tell("call {call} is released: its files go when they are old enough", call=whole)


def _row(door: Door, one: RecordedCall) -> dict[str, Any]:
    facts = recordings.inspect(door.home.recordings / (one.recording or one.message))
    return {
        "call": one.call_id,
        "client": one.client,
        "did": one.did,
        "caller": one.caller,
        "caller_name": one.caller_name,
        "arrived": one.arrived_at,
        "talked": one.talked,
        "recording": one.recording,
        "message": one.message,
        "exists": facts.exists,
        "seconds": round(facts.seconds, 1),
        "bytes": facts.bytes,
        "flaw": one.flaw,
    }


def _said(door: Door, row: dict[str, Any]) -> dict[str, Any]:
    """A row for a person; the caller as in `call list`."""
    return row | {
        "caller": caller_line(row["caller_name"], row["caller"]),
        "flaw": door.say(row["flaw"]),
        "message": bool(row["message"]),
    }


def _name(found: RecordedCall, left_message: bool) -> str:
    if left_message and not found.message:
        raise ClientMistake("in call {call} no message was left", call=found.call_id)
    if not left_message and not found.recording:
        raise ClientMistake(
            "call {call} was not recorded; --message fetches the message that was left, if there is one",
            call=found.call_id,
        )
    return found.message if left_message else found.recording


def _copy(source: BinaryIO, target: Path) -> None:
    """Writes a copy that only its owner may read; a file that is there already is never replaced."""
    try:
        handle = os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    except FileExistsError:
        shown = clean_line(str(target), 200)
        raise ClientMistake("{file} is there already: name another with -o", file=shown) from None
    except (OSError, ValueError) as error:
        raise _unwritable(target, error) from None
    try:
        with open(handle, "wb") as file:
            shutil.copyfileobj(source, file)
    except OSError as error:
        with suppress(OSError):
            target.unlink()
        raise _unwritable(target, error) from None


def _unwritable(target: Path, error: OSError | ValueError) -> ClientMistake:
    why = reason(error)
    return ClientMistake("{file} cannot be written: {why}", file=clean_line(str(target), 200), why=why)
