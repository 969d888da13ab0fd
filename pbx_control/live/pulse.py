"""How others know that the daemon lives: its lock, its state file, the dialplan's heartbeat, systemd's watchdog."""

import fcntl
import json
import os
import socket
import time
from collections.abc import Callable
from contextlib import suppress
from datetime import datetime
from pathlib import Path
from typing import IO

from pbx_control.clock import now
from pbx_control.errors import ClientMistake, Code
from pbx_control.settings import Home

# The daemon says that it lives so often; the dialplan takes four seconds of silence for death.
BEAT_EVERY = 1.0
# `pbx-control status` holds the lock for an instant when it looks: that is waited out, seconds.
LOCK_TRIES, LOCK_PAUSE = 10, 0.05


def take_lock(home: Home) -> IO[str]:
    """The home's daemon lock, held as long as the file stays open. Raises ClientMistake if another daemon has it."""
    home.run.mkdir(mode=0o700, parents=True, exist_ok=True)
    file = (home.run / "daemon.lock").open("a+")
    for _ in range(LOCK_TRIES):
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            time.sleep(LOCK_PAUSE)
        else:
            _notes(home).unlink(missing_ok=True)  # of one that was killed: they may say that it is ready
            return file
    file.close()
    raise ClientMistake("a daemon runs for {home} already", Code.DAEMON_RUNS, home=home.root)


def _notes(home: Home) -> Path:
    return home.run / "daemon.json"


class Pulse:
    """Writes run/daemon.json and tells systemd; `ready` is whether the daemon takes calls at this moment.

    `told(ready, since, published)` is called when one of them changes.
    """

    def __init__(self, home: Home, told: Callable[[bool, datetime, int], None]) -> None:
        self._file = _notes(home)
        self._since = now()
        self._told = told
        self.ready = False
        self._published = 0

    def set_ready(self, ready: bool) -> None:
        """Notes that the daemon can (no longer) take calls, and says so at once."""
        if ready != self.ready:
            self.ready, self._since = ready, now()
            if ready:
                _tell_systemd("READY=1")
            self._told(self.ready, self._since, self._published)
        self.beat()

    def set_published(self, revision: int) -> None:
        """Notes which revision of the provisioning is in force in the switch."""
        if revision != self._published:
            self._published = revision
            self._told(self.ready, self._since, revision)
        self.beat()

    def beat(self) -> None:
        """Says that the daemon lives."""
        state = {
            "pid": os.getpid(),
            "ready": self.ready,
            "since": self._since.isoformat(),
            "beat": now().isoformat(),
            "published": self._published,
        }
        _replace(self._file, json.dumps(state))
        _tell_systemd("WATCHDOG=1")

    def stop(self) -> None:
        """The daemon ends as it should: nothing is left that says it lives."""
        self._file.unlink(missing_ok=True)
        _tell_systemd("STOPPING=1")


def _replace(file: Path, text: str) -> None:
    new = file.with_suffix(".new")
    with suppress(OSError):  # a full disk must not end the daemon; `status` then shows an old beat
        new.write_text(text)
        new.replace(file)


def _tell_systemd(line: str) -> None:
    """sd_notify(3): one datagram to the socket that systemd named, if it did."""
    address = os.environ.get("NOTIFY_SOCKET")
    if not address:
        return
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as wire, suppress(OSError):
        wire.connect("\0" + address[1:] if address.startswith("@") else address)
        wire.sendall(line.encode())
