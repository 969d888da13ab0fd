"""A client's own calendar in the outside world: a real CalDAV server (Radicale)."""

import asyncio
import sys
from asyncio.subprocess import DEVNULL, Process, create_subprocess_exec
from dataclasses import dataclass
from pathlib import Path
from typing import Self

import httpx

from pbx_control.world.legs import within

HOST = "127.0.0.1"
NAME = "agenda"


@dataclass
class CalendarServer:
    """Serves one calendar of one user; an async context manager."""

    port: int
    folder: Path  # is made, and is the server's alone
    user: str
    password: str
    _server: Process | None = None

    @property
    def url(self) -> str:
        """The calendar's address."""
        return f"http://{HOST}:{self.port}/{self.user}/{NAME}/"

    async def __aenter__(self) -> Self:
        self.folder.mkdir(parents=True)
        users = self.folder / "users"
        users.write_text(f"{self.user}:{self.password}\n")
        options = {
            "server-hosts": f"{HOST}:{self.port}",
            "auth-type": "htpasswd",
            "auth-htpasswd-filename": users,
            "auth-htpasswd-encryption": "plain",
            "storage-filesystem-folder": self.folder / "storage",
        }
        words = (sys.executable, "-m", "radicale", *(f"--{name}={value}" for name, value in options.items()))
        self._server = await create_subprocess_exec(*words, stdin=DEVNULL, stdout=DEVNULL, stderr=DEVNULL)
        await within(20, "the calendar server answers", self._answers())
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._server and self._server.returncode is None:
            self._server.terminate()
            await self._server.wait()

    async def events(self) -> list[str]:
        """What stands in the calendar, as iCalendar texts."""
        async with self._program() as program:
            answer = await program.get(self.url)
            return answer.raise_for_status().text.replace("\r\n ", "").split("BEGIN:VEVENT")[1:]

    async def _answers(self) -> None:
        async with self._program() as program:
            while True:
                try:
                    (await program.request("MKCALENDAR", self.url)).raise_for_status()
                except httpx.TransportError:
                    await asyncio.sleep(0.1)
                else:
                    return

    def _program(self) -> httpx.AsyncClient:
        return httpx.AsyncClient(auth=(self.user, self.password), trust_env=False, timeout=10)
