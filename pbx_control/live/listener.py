"""The other end of the channel, for commands: connects to the home's daemon, says and hears lines."""

import os
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Self

import msgspec

from pbx_control.errors import Code, PbxError
from pbx_control.live.news import DaemonNow, FromDaemon, Listen, News, State, ToDaemon, line_of, told_by
from pbx_control.settings import Home

# At most so much is read at a time, bytes.
CHUNK = 64 * 1024


class DaemonAway(PbxError):
    """No daemon listens in this home, or it went away."""


@contextmanager
def socket_name(home: Home) -> Iterator[str]:
    """The socket's name for the length of the block. By the folder's descriptor: the whole path may be longer than the
    107 bytes that a name has room for (unix(7))."""
    folder = os.open(home.run, os.O_PATH | os.O_DIRECTORY)
    try:
        yield f"/proc/self/fd/{folder}/{path(home).name}"
    finally:
        os.close(folder)


def path(home: Home) -> Path:
    """Where the socket lies."""
    return home.run / "channel"


class Wire:
    """A connection to the daemon; a context manager. Raises DaemonAway where there is none, here and in each method."""

    def __init__(self, home: Home) -> None:
        self._home = home
        self._half = b""
        self._lines: list[bytes] = []
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            with socket_name(home) as name:
                self._socket.connect(name)
        except OSError as error:
            self._socket.close()
            raise self._away() from error

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._socket.close()

    def say(self, message: ToDaemon) -> None:
        """Sends a message."""
        try:
            self._socket.sendall(line_of(message))
        except OSError as error:
            raise self._away() from error

    def hear(self, seconds: float | None = None) -> FromDaemon:
        """The next message. Raises TimeoutError if none comes in time."""
        until = None if seconds is None else time.monotonic() + seconds
        while not self._lines:
            self._socket.settimeout(None if until is None else max(0.001, until - time.monotonic()))
            self._read()
        return self._understood(self._lines.pop(0))

    def _read(self) -> None:
        try:
            data = self._socket.recv(CHUNK)
        except TimeoutError:
            raise
        except OSError as error:
            raise self._away() from error
        if not data:
            raise self._away()
        *self._lines, self._half = (self._half + data).split(b"\n")

    def _understood(self, line: bytes) -> FromDaemon:
        try:
            return told_by(line)
        except msgspec.DecodeError as error:  # a daemon of another version
            raise self._away() from error

    def _away(self) -> DaemonAway:
        return DaemonAway("no daemon runs for {home}", Code.NO_DAEMON, home=self._home.root)


def state_now(home: Home, seconds: float) -> State:
    """What the daemon says of itself and its secretaries. Raises DaemonAway, or TimeoutError for one that hangs."""
    with Wire(home) as wire:
        wire.say(Listen())
        while True:
            message = wire.hear(seconds)
            if isinstance(message, State):
                return message


def daemon_now(home: Home, seconds: float) -> DaemonNow:
    """What the daemon says of itself. Raises as `state_now` does."""
    return state_now(home, seconds).daemon


def told_of_daemon(wire: Wire, seconds: float) -> Iterator[DaemonNow]:
    """What the daemon says of itself now, and each time that it changes. Raises DaemonAway, and TimeoutError if
    nothing is heard for so long."""
    wire.say(Listen())
    while True:
        message = wire.hear(seconds)
        if isinstance(message, State | News) and message.daemon:
            yield message.daemon
