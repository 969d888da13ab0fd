"""Writes what a command makes into a file of the person's."""

import os
from contextlib import suppress
from pathlib import Path

from pbx_control.domain.words.wording import clean_line
from pbx_control.errors import ClientMistake, reason


def write_new(target: Path, content: bytes) -> None:
    """Writes a file that only its owner may read; one that is there already is never replaced."""
    shown = clean_line(str(target), 200)
    try:
        handle = os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    except FileExistsError:
        raise ClientMistake("{file} is there already: name another with -o", file=shown) from None
    except (OSError, ValueError) as error:
        raise ClientMistake("{file} cannot be written: {why}", file=shown, why=reason(error)) from None
    try:
        with open(handle, "wb") as file:
            file.write(content)
    except OSError as error:
        with suppress(OSError):
            target.unlink()
        raise ClientMistake("{file} cannot be written: {why}", file=shown, why=reason(error)) from None
