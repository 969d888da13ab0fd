"""`pbx-control recording`: which calls were recorded, and a copy of a recording to listen to."""

import os
import shutil
import sys
from contextlib import suppress
from pathlib import Path
from typing import Any, BinaryIO

import click

from pbx_control.admin.door import Desk, json_option, pass_desk, print_json
from pbx_control.domain.wording import caller_line, clean_line
from pbx_control.errors import ClientMistake
from pbx_control.media import recordings
from pbx_control.store import clients
from pbx_control.store import recordings as recorded
from pbx_control.store.engine import reading
from pbx_control.store.recordings import RecordedCall

# For a person; --json has everything.
COLUMNS = ("call", "client", "caller", "arrived", "seconds", "flaw", "message")


@click.group(help="Recordings of calls and left messages: list them, fetch one.")
def recording() -> None:
    pass


@recording.command("list", help="The newest calls with a recording or a left message, newest first.")
@click.option("--client", "slug", metavar="SLUG", help="Only those of this client.")
@click.option("--limit", type=click.IntRange(1, 100_000), default=100, show_default=True, help="How many at most.")
@json_option
@pass_desk
def list_recordings(desk: Desk, slug: str | None, limit: int, as_json: bool) -> None:
    with reading(desk.engine) as conn:
        if slug is not None:
            clients.find(conn, slug)
        found = recorded.newest(conn, slug=slug, limit=limit)
    rows = [_row(desk, one) for one in found]
    if as_json:
        print_json(rows)
    elif rows:
        said = [_said(desk, row) for row in rows]
        desk.table(COLUMNS, [[row[column] for column in COLUMNS] for row in said])
    else:
        desk.tell("nothing to show")


@recording.command(help="Copy a call's recording, or the message that was left, to a WAV file.")
@click.argument("call_id", metavar="ID")
@click.option("-o", "--output", metavar="FILE", help="Where to [CALL-ID.wav here]; - is the standard output.")
@click.option("--message", "left_message", is_flag=True, help="The message that the caller left.")
@pass_desk
def fetch(desk: Desk, call_id: str, output: str | None, left_message: bool) -> None:
    with reading(desk.engine) as conn:
        found = recorded.get(conn, call_id)
    name = _name(found, left_message)
    with recordings.open_recording(desk.home.recordings, name) as source:
        if output == "-":
            shutil.copyfileobj(source, sys.stdout.buffer)
            return
        target = Path(output or Path(name).name)
        _copy(source, target)
    desk.tell("{file} written", file=clean_line(str(target), 200))


def _row(desk: Desk, one: RecordedCall) -> dict[str, Any]:
    facts = recordings.inspect(desk.home.recordings / (one.recording or one.message))
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


def _said(desk: Desk, row: dict[str, Any]) -> dict[str, Any]:
    """A row for a person; the caller as in `call list`."""
    return row | {
        "caller": caller_line(row["caller_name"], row["caller"]),
        "flaw": desk.say(row["flaw"]),
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
    why = getattr(error, "strerror", None) or str(error)
    return ClientMistake("{file} cannot be written: {why}", file=clean_line(str(target), 200), why=why)
