"""Real CalDAV servers, processes of the tests' own on the loopback: Radicale and xandikos."""

import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path

import httpx

USER, PASSWORD = "andes", "caldav-secret"
HOST = "127.0.0.1"
# A server that has not begun to listen within so many seconds does not.
START_LIMIT = 30.0


@dataclass
class Server:
    """A running server; `url` is what the calendars of USER are in. `calendar` makes another one."""

    name: str
    port: int
    folder: Path
    process: "subprocess.Popen[bytes]"
    client: httpx.Client  # the client's own program, that enters and deletes what it likes
    _numbers: Iterator[int] = field(default_factory=count)

    @property
    def url(self) -> str:
        return f"http://{HOST}:{self.port}/{USER}/"

    def calendar(self) -> str:
        """A new, empty calendar's address."""
        home = self.url if self.name == "radicale" else f"{self.url}calendars/"
        url = f"{home}cal{next(self._numbers)}/"
        self.client.request("MKCALENDAR", url).raise_for_status()
        return url


def free_port() -> int:
    with socket.socket() as one:
        one.bind((HOST, 0))
        return int(one.getsockname()[1])


@contextmanager
def running(name: str) -> Iterator[Server]:
    folder = Path(tempfile.mkdtemp(prefix=f"{name}-"))
    port = free_port()
    (folder / "users").write_text(f"{USER}:{PASSWORD}\nreader:{PASSWORD}\n")
    log = (folder / "log").open("wb")
    process = subprocess.Popen(_command(name, folder, port), stdout=log, stderr=log, cwd=folder)
    try:
        _wait_until_it_listens(process, port, folder)
        with httpx.Client(auth=(USER, PASSWORD), trust_env=False, timeout=30) as client:
            yield Server(name, port, folder, process, client)
    finally:
        process.terminate()
        process.wait()
        log.close()
        shutil.rmtree(folder, ignore_errors=True)


def _command(name: str, folder: Path, port: int) -> list[str]:
    programs = Path(sys.executable).parent
    if name == "radicale":
        (folder / "rights").write_text(
            "[owner]\nuser: .+\ncollection: {user}(/.*)?\npermissions: RrWw\n"
            "[reader]\nuser: reader\ncollection: andes(/.*)?\npermissions: Rr\n"
        )
        return [
            str(programs / "radicale"),
            f"--server-hosts={HOST}:{port}",
            "--auth-type=htpasswd",
            f"--auth-htpasswd-filename={folder}/users",
            "--auth-htpasswd-encryption=plain",
            "--auth-delay=0",
            f"--storage-filesystem-folder={folder}/storage",
            "--rights-type=from_file",
            f"--rights-file={folder}/rights",
        ]
    (folder / "storage").mkdir()
    return [
        str(programs / "xandikos"),
        "serve",
        f"--directory={folder}/storage",
        f"--state-dir={folder}/state",
        f"--current-user-principal=/{USER}/",
        "--defaults",
        f"--listen-address={HOST}",
        f"--port={port}",
        "--no-detect-systemd",
    ]


def _wait_until_it_listens(process: "subprocess.Popen[bytes]", port: int, folder: Path) -> None:
    ends = time.monotonic() + START_LIMIT
    while time.monotonic() < ends and process.poll() is None:
        try:
            with socket.create_connection((HOST, port), 1):
                return
        except OSError:
            time.sleep(0.05)
    raise RuntimeError(f"it does not listen: {(folder / 'log').read_text()[-2000:]}")
