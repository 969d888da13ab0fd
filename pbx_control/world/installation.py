"""An installation of pbx-control to call at: a home of its own, its commands, its Asterisk and its daemon."""

import asyncio
import json
import os
import signal
import sys
from asyncio.subprocess import DEVNULL, PIPE, STDOUT, Process, create_subprocess_exec
from collections.abc import AsyncIterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import tomlkit

from pbx_control.asterisk.runtime.ports import Port, require_free
from pbx_control.errors import ClientMistake
from pbx_control.live.listener import socket_name
from pbx_control.live.news import Listen, News, State, line_of, told_by
from pbx_control.settings import Home
from pbx_control.world.config import Address, Place
from pbx_control.world.legs import DidNotHappen, patience, within

PBX, CARRIER, PHONES = "127.0.0.1", "127.0.0.2", "127.0.0.3"
READY = 30.0  # s: the daemon's first start renders and publishes the configuration
GOODBYE = 15.0  # s
# The whole state of a busy daemon is one line, bytes.
LONGEST_NEWS = 16 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class Ports:
    """Where an installation and its world listen: within 100 ports from `base`, and 1800 from `audio` for RTP."""

    base: int
    audio: int = 0  # 0: behind the others

    @property
    def sip(self) -> int:
        """The same on PBX, CARRIER and PHONES: they differ by address."""
        return self.base + 60

    @property
    def http(self) -> int:
        return self.base + 88

    @property
    def ami(self) -> int:
        return self.base + 38

    @property
    def web(self) -> int:
        return self.base + 80

    @property
    def smtp(self) -> int:
        return self.base + 25

    @property
    def imap(self) -> int:
        return self.base + 43

    @property
    def dns(self) -> int:
        return self.base + 53

    @property
    def caldav(self) -> int:
        return self.base + 52

    @property
    def world_ami(self) -> int:
        return self.base + 39

    @property
    def rtp(self) -> tuple[int, int]:
        low = self.audio or self.base + 100
        return low, low + 899

    @property
    def world_rtp(self) -> tuple[int, int]:
        low = self.rtp[1] + 1
        return low, low + 899

    def require_free(self) -> None:
        """Raises ClientMistake, naming the port and who holds it, if one of them is busy."""
        for address in (PBX, CARRIER, PHONES):
            require_free(Port("udp", address, self.sip, "SIP"))
        for name, number in (("ARI", self.http), ("AMI", self.ami), ("web", self.web), ("SMTP", self.smtp)):
            require_free(Port("tcp", PBX, number, name))
        require_free(Port("tcp", PBX, self.world_ami, "AMI of the outside world"))
        require_free(Port("tcp", PBX, self.imap, "IMAP of the outside world"))
        require_free(Port("tcp", PBX, self.caldav, "CalDAV of the outside world"))
        require_free(Port("udp", PBX, self.dns, "DNS of the outside world"))


def free_ports(bases: tuple[int, ...]) -> Ports:
    """The first of these blocks in which nobody listens; raises ClientMistake about the first if there is none."""
    complaint = None
    for base in bases:
        try:
            Ports(base).require_free()
        except ClientMistake as busy:
            complaint = complaint or busy
        else:
            return Ports(base)
    raise complaint or ClientMistake("no ports were offered")


@dataclass(frozen=True, slots=True)
class Answer:
    """What a command printed, and its exit status."""

    status: int
    out: str
    err: str


class Installation:
    """One installation in `home`; nothing of it runs until it is told to."""

    def __init__(self, home: Path, ports: Ports, language: str = "es", runtime: str = "auto") -> None:
        self.home, self.ports, self.language, self.runtime = home, ports, language, runtime
        self.daemon: Process | None = None
        # Whether its daemon serves the pages: most tests need none, and their start takes as long as the daemon's.
        self.pages = False

    @property
    def command(self) -> list[str]:
        """What starts `pbx-control` for this home, of the very interpreter that runs us."""
        return [sys.executable, "-m", "cli", "--home", str(self.home), "--lang", self.language]

    @property
    def url(self) -> str:
        """Where its pages are."""
        return f"http://{PBX}:{self.ports.web}"

    @property
    def environment(self) -> dict[str, str]:
        """Ours without PBX_* settings, which are meant for another home."""
        return {name: value for name, value in os.environ.items() if not name.startswith("PBX_")}

    def write_settings(self, **further: Mapping[str, object]) -> Path:
        """Writes pbx.toml, as an admin would before `setup`: on loopback, on ports of its own."""
        ports = self.ports
        sections: dict[str, dict[str, object]] = {
            "asterisk": {"runtime": self.runtime, "http_port": ports.http, "ami_port": ports.ami},
            "sip": {"bind": f"{PBX}:{ports.sip}", "rtp_ports": "{}-{}".format(*ports.rtp)},
            "web": {"bind": f"{PBX}:{ports.web}"},
            "mail": {"host": PBX, "port": ports.smtp, "tls": "none", "sender": "central@secretariado.example"},
            "office": {"language": self.language},
        }
        for name, values in further.items():
            sections[name] = {**sections.get(name, {}), **values}
        self.home.mkdir(parents=True, exist_ok=True, mode=0o700)
        file = self.home / "pbx.toml"
        file.write_text(tomlkit.dumps(sections))
        file.chmod(0o600)
        return file

    def place(self, folder: Path) -> Place:
        """Where its outside world is to live."""
        ports = self.ports
        return Place(
            folder,
            pbx=Address(PBX, ports.sip),
            carrier=Address(CARRIER, ports.sip),
            phones=Address(PHONES, ports.sip),
            ami_port=ports.world_ami,
            rtp_ports=ports.world_rtp,
        )

    async def run(self, *words: str) -> Answer:
        """Runs a command to its end, whatever its exit status."""
        process = await create_subprocess_exec(
            *self.command, *words, env=self.environment, stdin=DEVNULL, stdout=PIPE, stderr=PIPE, start_new_session=True
        )
        out, err = await process.communicate()
        return Answer(process.returncode or 0, out.decode(), err.decode())

    async def pbx(self, *words: str) -> str:
        """Runs a command that must succeed and returns what it printed."""
        answer = await self.run(*words)
        if answer.status:
            raise DidNotHappen(f"pbx-control {' '.join(words)} ended with {answer.status}: {answer.err.strip()}")
        return answer.out

    async def ask(self, *words: str) -> Any:
        """What a reading command answers with --json."""
        return json.loads(await self.pbx(*words, "--json"))

    async def watch(self, *words: str) -> AsyncIterator[str]:
        """The lines that a command prints, as they come; the command ends with the iteration."""
        process = await create_subprocess_exec(
            *self.command,
            *words,
            env=self.environment,
            stdin=DEVNULL,
            stdout=PIPE,
            stderr=STDOUT,
            start_new_session=True,
        )
        assert process.stdout
        try:
            async for line in process.stdout:
                yield line.decode(errors="replace").rstrip()
        finally:
            if process.returncode is None:
                process.kill()
            await process.wait()

    async def start_daemon(self) -> None:
        """Starts the daemon and waits until it is ready to take calls."""
        with (self.home / "run" / "daemon.out").open("ab") as output:
            self.daemon = await create_subprocess_exec(
                *self.command,
                "run",
                *(() if self.pages else ("--no-web",)),
                env=self.environment,
                stdin=DEVNULL,
                stdout=output,
                stderr=output,
            )
        try:
            await asyncio.wait_for(self._until_ready(), limit := patience(READY))
        except TimeoutError:
            raise DidNotHappen(f"the daemon is ready: not within {limit:.0f} s; {self._last_words()}") from None

    async def served(self) -> None:
        """Waits until the pages are there: they come up beside the daemon."""
        await within(READY, f"the pages are served at {self.url}", self._until_served())

    async def kill_daemon(self) -> None:
        """kill -9: it has no time for anything."""
        await self._end_daemon(signal.SIGKILL)

    async def stop_daemon(self) -> None:
        """Asks it to end; kills it if it does not."""
        try:
            await asyncio.wait_for(self._end_daemon(signal.SIGTERM), patience(GOODBYE))
        except TimeoutError:
            await self.kill_daemon()

    async def clean_up(self) -> None:
        """Ends whatever of it runs, also what an earlier, killed program left behind."""
        await self.stop_daemon()
        if (self.home / "pbx.toml").exists():
            await self._end_forgotten_daemon()
            await self.run("asterisk", "stop")

    async def _end_daemon(self, how: signal.Signals) -> None:
        if self.daemon and self.daemon.returncode is None:
            self.daemon.send_signal(how)
            await self.daemon.wait()

    async def _end_forgotten_daemon(self) -> None:
        facts = await self.run("status", "--json")
        daemon = json.loads(facts.out)["daemon"] if facts.out else {}
        if daemon.get("running"):
            os.kill(int(daemon["pid"]), signal.SIGKILL)

    async def _until_ready(self) -> None:
        """Until the daemon says so by its channel."""
        assert self.daemon
        while not await self._said_ready():
            if self.daemon.returncode is not None:
                raise DidNotHappen(f"the daemon ended with {self.daemon.returncode}; {self._last_words()}")
            await asyncio.sleep(0.05)

    async def _until_served(self) -> None:
        while True:
            with suppress(OSError):
                _, writer = await asyncio.open_connection(PBX, self.ports.web)
                writer.close()
                return
            await asyncio.sleep(0.1)

    async def _said_ready(self) -> bool:
        """Listens until it says that it is ready; False if it is not there (yet), or went away."""
        try:
            with socket_name(Home(self.home)) as name:
                reader, writer = await asyncio.open_unix_connection(name, limit=LONGEST_NEWS)
        except OSError:
            return False
        writer.write(line_of(Listen()))
        try:
            async for line in reader:
                news = told_by(line)
                if isinstance(news, State | News) and news.daemon and news.daemon.ready:
                    return True
        except OSError:
            pass
        finally:
            writer.close()
        return False

    def _last_words(self) -> str:
        file = self.home / "run" / "daemon.out"
        lines = file.read_text(errors="replace").strip().splitlines()
        return f"it said: {lines[-1]}" if lines else f"{file} is empty"
