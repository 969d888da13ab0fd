"""Reads the recordings that go with letters."""

from pathlib import Path

import structlog

log = structlog.get_logger()

# Mail servers commonly refuse more than 25 MB, which base64 makes of 18; Telegram's bots may send 50.
LARGEST = 15 * 1024 * 1024


def read(recordings: Path, name: str) -> bytes | None:
    """The file `name` under `recordings`, or None if there is none to send: no name, absent, outside, too large.

    A letter without its attachment still tells of the call, so that is logged and no reason to hold it back.
    """
    if not name:
        return None
    path = (recordings / name).resolve()
    if not path.is_relative_to(recordings.resolve()):
        log.error("attachment.outside", name=name)
        return None
    try:
        if path.stat().st_size <= LARGEST:
            return path.read_bytes()
        log.warning("attachment.too_large", name=name)
    except OSError as error:
        log.warning("attachment.unreadable", name=name, why=error.strerror)
    return None
