"""Starts a process that outlives us, knows it again by pid and start time, and ends it with everything below it."""

import contextlib
import json
import os
import signal
import time
from dataclasses import asdict, dataclass
from pathlib import Path

import psutil

# The shell stays as the supervisor: what it starts is told to die with it (bwrap --die-with-parent, setpriv
# --pdeathsig), and it belongs to no terminal and to no command of ours. umask 077: recordings are for nobody else's
# eyes. As many open files as the machine allows: a call takes four or more, and 1024 would be the usual limit.
LAUNCHER = 'umask 077; ulimit -n "$(ulimit -Hn)"; "$@"; exit $?'
POLL = 0.05


@dataclass(frozen=True, slots=True)
class Spawned:
    """A process that was started earlier, perhaps by another command."""

    pid: int
    started: int  # clock ticks since the machine's start: a pid that was given out again has another one
    boot: str  # the machine's start
    runtime: str  # which kind of runtime it is: "rootfs", "system" or "container"

    def alive(self) -> bool:
        return self.boot == _boot() and _started(self.pid) == self.started

    def save(self, file: Path) -> None:
        """Writes the pid file at once or not at all."""
        new = file.with_suffix(".new")
        new.write_text(json.dumps(asdict(self)))
        new.replace(file)


def load(file: Path) -> Spawned | None:
    """The process that a pid file names, if it still runs; a file that makes no sense names none."""
    try:
        spawned = Spawned(**json.loads(file.read_text()))
    except (OSError, ValueError, TypeError):
        return None
    return spawned if spawned.alive() else None


def spawn(command: list[str], output: Path, runtime: str) -> Spawned:
    """Starts a command in a session of its own, its output in a file. It lives on when this process ends."""
    shell = ["/bin/sh", "-c", LAUNCHER, "asterisk", *command]
    flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC
    files = [
        (os.POSIX_SPAWN_OPEN, 0, os.devnull, os.O_RDONLY, 0),
        (os.POSIX_SPAWN_OPEN, 1, str(output), flags, 0o600),
        (os.POSIX_SPAWN_DUP2, 1, 2),
    ]
    pid = os.posix_spawn(shell[0], shell, os.environ, file_actions=files, setsid=True)
    return myself(pid, runtime)


def myself(pid: int, runtime: str) -> Spawned:
    """The record of a process that runs now."""
    return Spawned(pid, _started(pid) or 0, _boot(), runtime)


def become(command: list[str]) -> None:
    """Replaces this process by the command, under the same supervisor; for systemd and other supervisors."""
    shell = ["/bin/sh", "-c", LAUNCHER, "asterisk", *command]
    os.execv(shell[0], shell)


def end(spawned: Spawned, grace: float) -> None:
    """Ends a process and all below it: SIGTERM to Asterisk, after `grace` seconds SIGKILL to everything."""
    below = _below(spawned)
    for process in below:
        with contextlib.suppress(psutil.NoSuchProcess):
            if process.name() == "asterisk":
                process.terminate()
    if not gone(spawned, grace) and spawned.alive():
        os.kill(spawned.pid, signal.SIGKILL)
    for process in below:
        with contextlib.suppress(psutil.NoSuchProcess):
            process.kill()
    psutil.wait_procs(below, timeout=grace)
    _reap(spawned.pid)


def gone(spawned: Spawned, within: float) -> bool:
    """Waits until the process has ended, at most `within` seconds; tells whether it has."""
    deadline = time.monotonic() + within
    while spawned.alive():
        if time.monotonic() > deadline:
            return False
        time.sleep(POLL)
    _reap(spawned.pid)
    return True


def unit_of(pid: int) -> str | None:
    """The systemd service that a process belongs to ("pbx-control-asterisk.service"), by its control group."""
    try:
        lines = Path(f"/proc/{pid}/cgroup").read_text().splitlines()
    except (FileNotFoundError, ProcessLookupError):
        return None
    names = (line.rpartition("/")[2] for line in lines if "/system.slice/" in line)
    return next((name for name in names if name.endswith(".service")), None)


def _below(spawned: Spawned) -> list[psutil.Process]:
    try:
        return psutil.Process(spawned.pid).children(recursive=True) if spawned.alive() else []
    except psutil.NoSuchProcess:
        return []


def _reap(pid: int) -> None:
    # Only if this very process started it; otherwise it is init's.
    with contextlib.suppress(ChildProcessError):
        os.waitpid(pid, os.WNOHANG)


def _started(pid: int) -> int | None:
    """Field 22 of proc(5)'s stat, None if it has ended. Not psutil's: that one moves when the clock is set."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except (FileNotFoundError, ProcessLookupError):
        return None
    return None if fields[0] in "ZX" else int(fields[19])


def _boot() -> str:
    return Path("/proc/sys/kernel/random/boot_id").read_text().strip()
