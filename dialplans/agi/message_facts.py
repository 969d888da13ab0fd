#!/usr/bin/env python3
"""AGI script of the fallback: writes what is known about a call beside the message that its caller left.

Asterisk runs it when the caller has gone, without daemon or database; its argument is the message's WAV file. The
message itself is safe already, so whatever fails here is told on stderr and harms nothing.
"""

import json
import os
import sys
import wave
from contextlib import suppress
from urllib.parse import unquote, unquote_to_bytes

from asterisk.agi import AGI

# Asterisk's names of what we want to know, and ours.
FACTS = {
    "PBX_CALL": "call",
    "PBX_DID": "did",
    "PBX_CLIENT": "client",
    "PBX_NAME": "client_name",
    "PBX_ARRIVED": "arrived",
    "PBX_CALLER": "caller",
    "PBX_CALLER_NAME": "caller_name",
}

NAME_LIMIT = 60  # characters
CUT_FROM = 60  # bytes from which on Asterisk may have cut a name within a letter


def main() -> None:
    agi = AGI()
    message = sys.argv[1]
    facts = {ours: agi.get_variable(theirs) for theirs, ours in FACTS.items()}
    facts["client_name"] = unquote(facts["client_name"])
    facts["caller_name"] = name_of(facts["caller_name"])
    facts["seconds"] = seconds(message)
    write(message.removesuffix(".wav") + ".json", facts)


def name_of(encoded: str) -> str:
    """A caller's name, percent-encoded: UTF-8 or Latin-1, by the rule of `decoded` (domain/words/wording.py)."""
    raw = unquote_to_bytes(encoded)
    try:
        return raw.decode()[:NAME_LIMIT]
    except UnicodeDecodeError as error:
        ends_early = error.reason == "unexpected end of data"
        cut = ends_early and (len(raw) >= CUT_FROM or not raw[: error.start].isascii())
        return (raw[: error.start].decode() if cut else raw.decode("latin-1"))[:NAME_LIMIT]


def seconds(path: str) -> float:
    """How long the message is; 0 if nothing was recorded."""
    try:
        with wave.open(path) as file:
            return file.getnframes() / file.getframerate()
    except (OSError, EOFError, wave.Error):
        return 0.0


def write(path: str, facts: dict) -> None:
    """The facts as JSON: whole or not at all, for nobody else's eyes."""
    new = path + ".new"
    try:
        with os.fdopen(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
            json.dump(facts, file, ensure_ascii=False)
        os.replace(new, path)
    except OSError:  # the disk is full
        with suppress(FileNotFoundError):
            os.unlink(new)
        raise


if __name__ == "__main__":
    main()
