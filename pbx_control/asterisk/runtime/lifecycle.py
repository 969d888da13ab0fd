"""Starts, watches and stops one Asterisk, whichever runtime it has."""

import contextlib
import fcntl
import os
import re
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from pbx_control.asterisk.runtime import bubblewrap, container, control, process, readiness, rootfs, system
from pbx_control.asterisk.runtime.instance import Instance, of_home
from pbx_control.asterisk.runtime.ports import require_free
from pbx_control.asterisk.runtime.progress import Progress, silent
from pbx_control.errors import ClientMistake, Code, SwitchUnavailable
from pbx_control.settings import Home, Settings

# How long Asterisk may take until it answers, seconds. It took 1 to 4 on two cores; a busy machine gets more.
START_LIMIT = 30
# How long it may take to end by itself, seconds.
STOP_LIMIT = 10


@dataclass(frozen=True, slots=True)
class Status:
    """What is known of an Asterisk from outside."""

    running: bool  # its process is there
    answers: bool  # its console (of an external one: its ARI) answers
    runtime: str
    pid: int | None = None  # of the process that holds all of it
    version: str | None = None
    uptime: int | None = None  # seconds
    channels: int | None = None


class Runtime:
    """One Asterisk and the way it is run here."""

    def __init__(self, instance: Instance, wanted: str) -> None:
        self.instance = instance
        self.wanted = wanted  # a value of `[asterisk] runtime`

    def start(self, progress: Progress = silent) -> bool:
        """Starts it and waits until it answers (console and ARI); False if it ran already.

        Raises ClientMistake (a port is taken, no configuration) or SwitchUnavailable (it cannot be run, or it ended
        at once: with its last error), and then nothing is left running.
        """
        self._require_ours()
        with self._alone():
            if process.load(self.instance.pid_file):
                return False
            kind, command = self._ready_to_run(progress)
            spawned = process.spawn(command, self.instance.output, kind)
            spawned.save(self.instance.pid_file)
            try:
                self._wait_until_it_answers(spawned)
            except BaseException:
                self._end(spawned)
                raise
        return True

    def prepare(self, progress: Progress = silent) -> str:
        """Makes what `start` will need (root file system, image) and gives the kind of runtime. Raises like `start`."""
        self._require_ours()
        self.instance.lay_out()
        return self._prepared(progress)[0]

    def run_in_foreground(self, progress: Progress = silent) -> None:
        """Becomes Asterisk: this process is replaced (for systemd). Raises like `start`."""
        self._require_ours()
        with self._alone():
            if process.load(self.instance.pid_file):
                raise ClientMistake("Asterisk runs already", Code.ASTERISK_RUNS)
            kind, command = self._ready_to_run(progress)
            process.myself(os.getpid(), kind).save(self.instance.pid_file)
        process.become(command)

    def stop(self) -> bool:
        """Ends it, calls and all: asked on its console first, then by signals. False if it did not run."""
        with self._alone():
            spawned = process.load(self.instance.pid_file)
            if not spawned:
                return False
            with contextlib.suppress(SwitchUnavailable):  # a hung one does not answer: signals follow
                self.command("core stop now", timeout=2)
            if not process.gone(spawned, STOP_LIMIT):
                self._end(spawned)
            self.instance.pid_file.unlink(missing_ok=True)
        return True

    def restart(self, progress: Progress = silent) -> bool:
        """Ends it, calls and all, and starts it anew; False if it did not run and was only started.

        Raises like `start`, and ClientMistake if systemd runs it: that one would start a second one.
        """
        self._require_ours()
        spawned = process.load(self.instance.pid_file)
        if spawned and (unit := process.unit_of(spawned.pid)):
            raise ClientMistake("systemd runs this Asterisk: systemctl restart {unit}", unit=unit)
        stopped = self.stop()
        progress("starting Asterisk")
        self.start(progress)
        return stopped

    def status(self) -> Status:
        """What is known of it now; asks its console, never raises for an Asterisk that is away."""
        spawned = process.load(self.instance.pid_file)
        if self.wanted == "external":
            answers = readiness.ari_answers(self.instance.http_port or 0)
            return Status(running=answers, answers=answers, runtime="external")
        if not spawned:
            return Status(running=False, answers=False, runtime=self.wanted)
        try:
            socket = self.instance.control_socket()
            hello = control.greeting(socket)
            uptime = re.search(r"System uptime: (\d+)", control.ask(socket, "core show uptime seconds"))
            channels = re.search(r"(\d+) active channel", control.ask(socket, "core show channels count"))
        except (SwitchUnavailable, ClientMistake):
            return Status(running=True, answers=False, runtime=spawned.runtime, pid=spawned.pid)
        return Status(True, True, spawned.runtime, spawned.pid, hello.version, _number(uptime), _number(channels))

    def command(self, text: str, timeout: float = 10) -> str:
        """What its console answers to one command. Raises SwitchUnavailable if it does not answer."""
        if self.wanted == "external":
            raise ClientMistake("this Asterisk is not run by us ([asterisk] runtime = external): use its own console")
        return control.ask(self.instance.control_socket(), text, timeout)

    def console(self) -> None:
        """Becomes its interactive console (`asterisk -rvvv`). Raises SwitchUnavailable if it does not run."""
        spawned = process.load(self.instance.pid_file)
        if not spawned:
            raise SwitchUnavailable("Asterisk does not run", Code.ASTERISK_STOPPED)
        console = ["asterisk", "-rvvv", "-C", str(self.instance.configuration)]
        command = [*self._inside(spawned.runtime), *console]
        os.execvp(command[0], command)

    def _require_ours(self) -> None:
        if self.wanted == "external":
            raise ClientMistake("[asterisk] runtime = external: start that Asterisk where it is installed")

    def _ready_to_run(self, progress: Progress) -> tuple[str, list[str]]:
        for port in self.instance.ports:
            require_free(port)
        self.instance.lay_out()
        kind, prefix = self._prepared(progress)
        return kind, [*prefix, "asterisk", "-f", "-C", str(self.instance.configuration)]

    def _prepared(self, progress: Progress) -> tuple[str, list[str]]:
        """The kind of runtime, ready for use, and the prefix of its commands."""
        if self.wanted == "system" or (self.wanted == "auto" and system.new_enough(system.version())):
            system.require_new_enough()
            return "system", system.prefix(self.instance)
        if self.wanted == "container":
            return "container", self._container(progress)
        if self.wanted == "auto" and container.engine():
            with contextlib.suppress(SwitchUnavailable):  # an engine that cannot run one here: the root file system can
                return "container", self._container(progress)
        rootfs.ensure(progress)
        return "rootfs", bubblewrap.prefix(self.instance)

    def _container(self, progress: Progress) -> list[str]:
        program = _engine()
        container.ensure(program, progress)
        container.remove(program, self.instance)
        return container.prefix(program, self.instance)

    def _inside(self, kind: str) -> list[str]:
        if kind == "container":
            return container.inside(_engine(), self.instance)
        return bubblewrap.prefix(self.instance) if kind == "rootfs" else system.prefix(self.instance)

    def _wait_until_it_answers(self, spawned: process.Spawned) -> None:
        deadline = time.monotonic() + START_LIMIT
        while not readiness.answers(self.instance, START_LIMIT):
            if not spawned.alive():
                raise SwitchUnavailable("Asterisk ended at once: {why}", why=readiness.last_error(self.instance))
            if time.monotonic() > deadline:
                raise SwitchUnavailable(
                    "Asterisk did not answer within {limit} s: {why}",
                    limit=START_LIMIT,
                    why=readiness.last_error(self.instance),
                )
            time.sleep(process.POLL)

    def _end(self, spawned: process.Spawned) -> None:
        process.end(spawned, STOP_LIMIT)
        if spawned.runtime == "container" and (program := container.engine()):
            container.remove(program, self.instance)
        self.instance.pid_file.unlink(missing_ok=True)

    @contextlib.contextmanager
    def _alone(self) -> Iterator[None]:
        """Two commands at once must not start two of them."""
        self.instance.keep.mkdir(parents=True, exist_ok=True)
        with (self.instance.keep / f"{self.instance.name}.lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield


def choose(home: Home, settings: Settings) -> Runtime:
    """The Asterisk of a home, run as `[asterisk] runtime` says; nothing is started or made yet."""
    return Runtime(of_home(home, settings), settings.asterisk.runtime)


def sandbox(state: Path, readable: tuple[Path, ...] = (), wanted: str = "auto") -> Runtime:
    """A further, independent Asterisk whose files all lie in `state`, configured by hand in `state`/etc/asterisk.conf.

    That file must place astetcdir, astrundir, astlogdir, astspooldir and astdbdir in `state`; `readable` are further
    folders that it may read. It counts as started when its console says that it has booted.
    """
    keep = state.with_name(state.name + ".run")
    return Runtime(Instance(name="asterisk", state=state, keep=keep, readable=readable), wanted)


def _engine() -> str:
    program = container.engine()
    if not program:
        raise SwitchUnavailable("no container engine runs here: start docker, or set [asterisk] runtime = auto")
    return program


def _number(found: re.Match[str] | None) -> int | None:
    return int(found[1]) if found else None
