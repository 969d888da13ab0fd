"""Talks to a running Asterisk over the socket of its console, as `asterisk -rx` does, from any runtime."""

import re
import socket
from pathlib import Path
from typing import NamedTuple

from pbx_control.errors import Code, SwitchUnavailable, reason

# Colours of the console: of no use to programs.
ESCAPES = re.compile(r"\x1b\[[0-9;]*[A-Za-z]|\x00")
# main/asterisk.c: a client that begins so gets the answer and then the end of the stream.
ONE_COMMAND = b"cli quit after "


class Greeting(NamedTuple):
    """The first line that the console sends: host, pid (as Asterisk sees it) and version."""

    host: str
    pid: int
    version: str


def ask(path: Path, command: str, timeout: float = 10) -> str:
    """What the console answers to one command (`core show channels`), without colours.

    `timeout` in seconds for each piece of the answer. Raises SwitchUnavailable if nobody answers.
    """
    return _talk(path, command, timeout)[1]


def greeting(path: Path, timeout: float = 10) -> Greeting:
    """Who is at the other end. Raises SwitchUnavailable if nobody answers."""
    return _talk(path, "core show version", timeout)[0]


def _talk(path: Path, command: str, timeout: float) -> tuple[Greeting, str]:
    try:
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as line:
            line.settimeout(timeout)
            line.connect(str(path))
            line.sendall(ONE_COMMAND + command.encode() + b"\0")
            text = b"".join(iter(lambda: line.recv(65536), b""))
    except OSError as error:
        raise SwitchUnavailable(
            "Asterisk does not answer on its console ({path}: {why})",
            Code.SWITCH_SILENT,
            path=path,
            why=reason(error),
        ) from None
    first, _, rest = ESCAPES.sub("", text.decode(errors="replace")).partition("\n")
    host, _, remainder = first.partition("/")
    pid, _, version = remainder.partition("/")
    return Greeting(host, int(pid) if pid.isdecimal() else 0, version.removeprefix("Asterisk ").strip()), rest
