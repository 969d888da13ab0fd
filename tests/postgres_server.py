"""A PostgreSQL of the tests' own: made by initdb in a folder under /tmp, reached by a UNIX socket only."""

import os
import pwd
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count
from pathlib import Path
from tempfile import mkdtemp

import psutil

# Durability is not what these tests are about, and the folder is thrown away.
FAST = "-c fsync=off -c synchronous_commit=off -c full_page_writes=off -c max_connections=100"


class Server:
    """A running server; `new_database` gives the URL of a database of one's own."""

    def __init__(self, folder: Path, durability: str = FAST) -> None:
        self.folder = folder
        self._durability = durability
        self._numbers = count(1)

    def url(self, database: str) -> str:
        return f"postgresql+psycopg://postgres@/{database}?host={self.folder}"

    def new_database(self, template: str = "template1") -> str:
        name = f"test{next(self._numbers)}"
        self.execute(f"CREATE DATABASE {name} TEMPLATE {template}")
        return self.url(name)

    def start(self) -> None:
        options = f"-c listen_addresses='' -c unix_socket_directories={self.folder} {self._durability}"
        self._control("-l", self.folder / "log", "-o", options, "-w", "start")

    def stop(self) -> None:
        """Breaks its connections; what was committed stays, although it is not durable by itself (FAST)."""
        self._control("-m", "fast", "-w", "stop")

    def pause(self) -> None:
        """Has all its processes hang (SIGSTOP)."""
        for process in self._processes():
            process.suspend()

    def resume(self) -> None:
        for process in self._processes():
            process.resume()

    def _processes(self) -> list[psutil.Process]:
        postmaster = psutil.Process(int((self.folder / "data" / "postmaster.pid").read_text().split()[0]))
        return [postmaster, *postmaster.children()]

    def _control(self, *words: object) -> None:
        _run([_program("pg_ctl"), "-D", self.folder / "data", *words])

    def execute(self, statement: str) -> None:
        command = [_program("psql"), "-X", "-q", "-h", self.folder, "-U", "postgres", "-d", "postgres", "-c", statement]
        _run(command)


@contextmanager
def running(durability: str = FAST) -> Iterator[Server]:
    """Makes and starts a server; stops it and removes its folder at the end. `durability`: "" for as it is shipped."""
    folder = Path(mkdtemp(prefix="pbx-postgres-", dir="/tmp"))  # a socket's path may have 107 bytes only
    if os.geteuid() == 0:
        account = pwd.getpwnam("postgres")
        os.chown(folder, account.pw_uid, account.pw_gid)
    try:
        _run(
            [
                _program("initdb"),
                "-D",
                folder / "data",
                "-U",
                "postgres",
                "--auth=trust",
                "--no-sync",
                "--encoding=UTF8",
            ]
        )
        server = Server(folder, durability)
        server.start()
        try:
            yield server
        finally:
            server.stop()
    finally:
        shutil.rmtree(folder)


def _program(name: str) -> str:
    """Debian keeps the server's programs out of the PATH."""
    found = shutil.which(name) or next(
        iter(sorted(Path("/usr/lib/postgresql").glob(f"*/bin/{name}"), reverse=True)), ""
    )
    assert found, f"{name} is not installed: apt-get install postgresql"
    return str(found)


def _run(command: list[object]) -> None:
    """Runs a program, as the user postgres if we are root: the server refuses to be root."""
    as_postgres = ["setpriv", "--reuid=postgres", "--regid=postgres", "--init-groups"] if os.geteuid() == 0 else []
    # No pipe for their output: the server that pg_ctl leaves behind would hold it open.
    subprocess.run(
        [*as_postgres, *map(str, command)], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, cwd="/", check=True
    )
