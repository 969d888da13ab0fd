"""The servers of a storm: a real SMTP server (aiosmtpd) and a stand-in for the Bot API, which misbehave as told.

What they have taken is written down in one list, with the number of kills until then.
"""

import asyncio
import itertools
import random
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from aiosmtpd.smtp import SMTP, Envelope, Session

from pbx_control.world.telegram import TelegramServer, parse

NAMED = re.compile(rb"^Message-ID: <storm\.(\d+)@", re.MULTILINE | re.IGNORECASE)
# What Telegram asks to wait, seconds.
PAUSES = (5, 60)


class Mood(StrEnum):
    """How a server is."""

    WELL = "well"
    AWAY = "away"  # nobody listens
    LATER = "4xx"
    BROKEN = "5xx"
    TOO_MANY = "429"
    SILENT = "hangs"  # from the beginning
    SILENT_AT_END = "hangs at the end"  # once it has the whole letter, which is not taken


MAIL_MOODS = (Mood.AWAY, Mood.LATER, Mood.BROKEN, Mood.TOO_MANY, Mood.SILENT, Mood.SILENT_AT_END)
CHAT_MOODS = (Mood.LATER, Mood.BROKEN, Mood.TOO_MANY, Mood.SILENT)


@dataclass(frozen=True, slots=True)
class Arrival:
    """A letter that a server has taken."""

    number: int  # of the letter
    kills: int  # until then


@dataclass
class Arrivals:
    """All that was taken, in order; `kills` is counted by whoever kills, once nothing is under way any more."""

    all: list[Arrival] = field(default_factory=list)
    kills: int = 0
    busy: int = 0  # requests that are being taken
    _lock: threading.Lock = field(default_factory=threading.Lock)

    @contextmanager
    def taking(self) -> Iterator[None]:
        """While a server makes up its mind."""
        with self._lock:
            self.busy += 1
        try:
            yield
        finally:
            with self._lock:
                self.busy -= 1

    def note(self, number: int) -> None:
        with self._lock:
            self.all.append(Arrival(number, self.kills))


class StormMail:
    """The mail server. `mood` may be changed at any time by `become`."""

    def __init__(self, arrivals: Arrivals, dice: random.Random) -> None:
        self.mood = Mood.WELL
        self.port = 0
        self.open: set[SMTP] = set()
        self._arrivals, self._dice = arrivals, dice
        self._server: asyncio.Server | None = None

    async def become(self, mood: Mood) -> None:
        """Its mood changes; who was left hanging is hung up on."""
        self.mood = mood
        for protocol in list(self.open):
            if protocol.transport is not None and (mood is not Mood.WELL or protocol.hangs):
                protocol.transport.abort()
        if mood is Mood.AWAY:
            await self.stop()
        elif self._server is None:
            await self.start()

    async def start(self) -> None:
        loop = asyncio.get_running_loop()
        self._server = await loop.create_server(self._protocol, "127.0.0.1", self.port)
        self.port = self._server.sockets[0].getsockname()[1]

    async def stop(self) -> None:
        if self._server is not None:
            self._server.close()
            for protocol in list(self.open):
                if protocol.transport is not None:
                    protocol.transport.abort()
            await self._server.wait_closed()
            self._server = None

    def _protocol(self) -> SMTP:
        kind = _Mute if self.mood is Mood.SILENT else _Refusing if self._greets_badly() else _Session
        protocol = kind(self, hostname="mail.test", enable_SMTPUTF8=True)
        protocol.hangs = kind is _Mute
        return protocol

    def _greets_badly(self) -> bool:
        return self.mood is Mood.TOO_MANY or (self.mood is Mood.BROKEN and self._dice.random() < 0.3)

    @property
    def greeting(self) -> str:
        return "421 4.3.2 too many connections" if self.mood is Mood.TOO_MANY else "554 5.3.2 no mail is accepted here"

    async def handle_RCPT(self, server: SMTP, session: Session, envelope: Envelope, address: str, options: Any) -> str:
        if self.mood is Mood.LATER and self._dice.random() < 0.5:
            return "451 4.3.0 try again later"
        if self.mood is Mood.BROKEN and self._dice.random() < 0.3:
            return "550 5.7.1 relaying denied"
        envelope.rcpt_tos.append(address)
        return "250 ok"

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:
        if self.mood is Mood.SILENT_AT_END:
            server.hangs = True
            await asyncio.Event().wait()  # until its task is cancelled
        if self.mood is Mood.WELL:
            with self._arrivals.taking():
                found = NAMED.search(envelope.content)
                assert found
                self._arrivals.note(int(found[1]))
            return "250 taken"
        return "554 5.3.2 mail system is broken" if self.mood is Mood.BROKEN else "452 4.3.1 no space on disk"


class _Session(SMTP):
    """One that serves, and is kept in mind while it is open."""

    hangs = False

    def connection_made(self, transport: Any) -> None:
        self.event_handler.open.add(self)
        super().connection_made(transport)

    def connection_lost(self, error: Exception | None) -> None:
        self.event_handler.open.discard(self)
        super().connection_lost(error)


class _Mute(_Session):
    """It takes the connection and says nothing."""

    async def _handle_client(self) -> None:
        await asyncio.Event().wait()


class _Refusing(_Session):
    """It says that it takes no mail, and hangs up."""

    async def _handle_client(self) -> None:
        await self.push(self.event_handler.greeting)
        self.transport.close()


class StormTelegram(TelegramServer):
    """The Bot API, which never has a letter that it did not answer for."""

    def __init__(self, arrivals: Arrivals, dice: random.Random) -> None:
        super().__init__()
        self.mood = Mood.WELL
        self._arrivals, self._dice = arrivals, dice
        self._released = threading.Event()

    def become(self, mood: Mood) -> None:
        """Its mood changes; who was left hanging is told that it was a bad gateway."""
        self.mood = mood
        self._released.set()
        self._released = threading.Event()

    def stop(self) -> None:
        self.become(Mood.BROKEN)
        super().stop()

    def answer(self, path: str, content_type: str, body: bytes) -> tuple[int, dict[str, Any]]:
        mood = self.mood
        if mood is Mood.SILENT:
            self._released.wait()
            return 502, _refusal(502, "Bad Gateway")
        if mood is Mood.TOO_MANY:
            seconds = self._dice.randint(*PAUSES)
            more = {"parameters": {"retry_after": seconds}}
            return 429, _refusal(429, f"Too Many Requests: retry after {seconds}") | more
        if mood is not Mood.WELL:
            code = 500 if mood is Mood.BROKEN else self._dice.choice((409, 502, 503))
            return code, _refusal(code, "Internal Server Error")
        with self._arrivals.taking():
            code, said = super().answer(path, content_type, body)
            if code == 200:
                self._arrivals.note(int(parse(content_type, body)[0]["text"]))
            return code, said


def _refusal(code: int, description: str) -> dict[str, Any]:
    return {"ok": False, "error_code": code, "description": description}


def moods(dice: random.Random) -> Iterator[tuple[Mood, Mood]]:
    """How the two servers are, one bad hour after the other: each mood comes round."""
    mails, chats = list(MAIL_MOODS), list(CHAT_MOODS)
    dice.shuffle(mails)
    dice.shuffle(chats)
    return zip(itertools.cycle(mails), itertools.cycle(chats), strict=False)
