"""Kills the daemon and starts it again at once, as systemd would, and notes how long it was away."""

import asyncio
import json
import os
import signal
import time
from asyncio.subprocess import DEVNULL, Process, create_subprocess_exec
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from chaos.house import House
from pbx_control.world.legs import DidNotHappen, patience

# A start takes this long at most on a busy machine, seconds; how long it took is reported.
PATIENCE = 40.0
# A fault point that nobody reaches in so long counts as a mistake of the test, seconds: who leaves a message is asked
# for it after half a minute, and the next one dials when he has hung up.
REACHED = 150.0
# A letter that the mail server took so shortly before a kill may not have been noted as delivered, seconds.
NOT_YET_NOTED = 1.0


@dataclass
class Killer:
    """`kill` and `die_at` leave a new daemon behind that is ready."""

    house: House
    count_live: Callable[[], int]
    live: list[int] = field(default_factory=list)  # calls on the line at each death
    away: list[float] = field(default_factory=list)  # seconds from each death to the next daemon's readiness
    in_flight: list[set[str]] = field(default_factory=list)  # Message-IDs at each death
    missed: list[str] = field(default_factory=list)  # fault points that were not reached
    _process: Process | None = None

    @property
    def pid(self) -> int:
        assert self._process
        return self._process.pid

    async def start(self, fault: str = "") -> None:
        """Starts a daemon and waits until it takes calls; one with a fault may die before."""
        self._process = await self._spawn(fault)
        await asyncio.wait_for(self._until_ready_or_dead(), patience(PATIENCE))
        if self._says_ready():
            self.house.open.set()

    async def kill(self) -> None:
        """kill -9, and a new one."""
        assert self._process
        self._process.send_signal(signal.SIGKILL)
        await self._back()

    async def die_at(self, faults: Sequence[str]) -> None:
        """Has one daemon after the other run until it dies at its fault point (`phase:point`); the last has none."""
        assert self._process
        self._process.send_signal(signal.SIGKILL)
        for fault in faults:
            await self._back(fault)
            try:
                await asyncio.wait_for(self._process.wait(), patience(REACHED))
            except TimeoutError:
                self.missed.append(fault)
                self._process.send_signal(signal.SIGKILL)
        await self._back()

    async def stop(self) -> None:
        """Asks it to end (SIGTERM)."""
        assert self._process
        if self._process.returncode is None:
            self._process.send_signal(signal.SIGTERM)
        await asyncio.wait_for(self._process.wait(), patience(PATIENCE))

    async def _back(self, fault: str = "") -> None:
        assert self._process
        self.house.open.clear()
        await self._process.wait()
        died = time.monotonic()
        self._note_letters()
        await self.start(fault)
        if self._says_ready():
            self.away.append(time.monotonic() - died)

    def _note_letters(self) -> None:
        """Which letters nobody can know to be delivered: those in the mail server's hands, and just out of them."""
        now = time.monotonic()
        fresh = {name for name, times in self.house.post.taken.items() if now - times[-1] < NOT_YET_NOTED}
        self.live.append(self.count_live())
        self.in_flight.append(fresh | set(self.house.post.in_hand))

    async def _spawn(self, fault: str) -> Process:
        office = self.house.office
        environment = office.environment | ({"PBX_FAULT": fault} if fault else {})
        with (office.home / "run" / "daemon.out").open("ab") as output:
            process = await create_subprocess_exec(
                *office.command, "run", "--no-web", env=environment, stdin=DEVNULL, stdout=output, stderr=output
            )
        office.daemon = process
        return process

    async def _until_ready_or_dead(self) -> None:
        assert self._process
        while not self._says_ready() and self._process.returncode is None:  # noqa: ASYNC110
            await asyncio.sleep(0.02)  # the daemon tells by a file
        if self._process.returncode not in (None, -signal.SIGKILL):
            said = (self.house.office.home / "run" / "daemon.out").read_text(errors="replace")[-2000:]
            raise DidNotHappen(f"the daemon ended with {self._process.returncode}; it said: {said}")

    def _says_ready(self) -> bool:
        try:
            state = json.loads((self.house.office.home / "run" / "daemon.json").read_text())
        except (OSError, ValueError):
            return False
        return bool(state["ready"] and state["pid"] == self.pid)


def freeze(pid: int) -> None:
    """SIGSTOP: a daemon that hangs and keeps its connections."""
    os.kill(pid, signal.SIGSTOP)


def thaw(pid: int) -> None:
    os.kill(pid, signal.SIGCONT)
