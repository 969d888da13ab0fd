"""Which ports are taken, and by whom."""

import errno
import socket
import time
from dataclasses import dataclass
from typing import Literal

import psutil

from pbx_control.errors import ClientMistake, reason

# A process that was killed keeps its ports until the kernel has put its last thread away.
LEFT_BEHIND = 2.0  # s
LOOK_EVERY = 0.05

NOBODY_KNOWN = "another process"
KINDS = {"udp": socket.SOCK_DGRAM, "tcp": socket.SOCK_STREAM}


@dataclass(frozen=True, slots=True)
class Port:
    """A port to listen on, and the setting that names it."""

    kind: Literal["udp", "tcp"]
    address: str
    number: int
    setting: str

    def __str__(self) -> str:
        return f"{self.address}:{self.number}/{self.kind}"


def require_free(port: Port) -> None:
    """Raises ClientMistake, naming the port and who holds it, if nothing could listen there now."""
    try:
        _try_for_a_moment(port)
    except OSError as error:
        if error.errno == errno.EADDRINUSE:
            raise ClientMistake(
                "{port} is taken by {owner}: stop that, or choose another port ({setting})",
                port=port,
                owner=owner_of(port),
                setting=port.setting,
            ) from None
        raise ClientMistake(
            "nothing can listen on {port}: {why}; correct {setting}",
            port=port,
            why=reason(error),
            setting=port.setting,
        ) from None


def owner_of(port: Port) -> str:
    """Who listens there ("asterisk, process 4711"), or "another process" where only root may see it."""
    for connection in psutil.net_connections(kind=port.kind):
        listens = connection.status in (psutil.CONN_LISTEN, psutil.CONN_NONE)
        if listens and connection.laddr and connection.laddr.port == port.number and connection.pid:
            return f"{_name(connection.pid)}, process {connection.pid}"
    return NOBODY_KNOWN


def _name(pid: int) -> str:
    try:
        return psutil.Process(pid).name()
    except psutil.Error:
        return "?"


def _try_for_a_moment(port: Port) -> None:
    until = time.monotonic() + LEFT_BEHIND
    while True:
        try:
            return _try_to_bind(port)
        except OSError as error:
            held_by_nobody = error.errno == errno.EADDRINUSE and owner_of(port) == NOBODY_KNOWN
            if not held_by_nobody or time.monotonic() > until:
                raise
        time.sleep(LOOK_EVERY)


def _try_to_bind(port: Port) -> None:
    family = socket.AF_INET6 if ":" in port.address else socket.AF_INET
    with socket.socket(family, KINDS[port.kind]) as trial:
        if port.kind == "tcp":
            # As Asterisk does: connections of a former run that linger must not count.
            trial.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        trial.bind((port.address, port.number))
        if port.kind == "tcp":
            trial.listen(1)
