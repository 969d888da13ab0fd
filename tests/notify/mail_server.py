"""A real SMTP server for the tests (aiosmtpd, on the loopback), which answers or breaks off as a test tells it."""

import asyncio
import errno
import itertools
import ssl
from collections.abc import Callable
from dataclasses import dataclass, field
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import default
from typing import Any

import worker
from aiosmtpd.smtp import SMTP, AuthResult, Envelope, Session
from post_office import HANGS

from pbx_control.settings import Mail

FIRST_PORT, PORTS = worker.ports(0).base + 100, 80
_next_port = itertools.cycle(range(FIRST_PORT, FIRST_PORT + PORTS))


def accept() -> str:
    return "250 taken"


def answer(line: str) -> Callable[[], str]:
    return lambda: line


@dataclass
class MailServer:
    """`data` and `rcpt` hold what happens at the next DATA and RCPT; when they are empty, mail is taken."""

    port: int = 0
    tls: ssl.SSLContext | None = None  # STARTTLS is required
    password: str = ""
    data: list[Callable[[], str]] = field(default_factory=list)
    rcpt: list[str] = field(default_factory=list)
    connections: int = 0
    taken: asyncio.Queue[EmailMessage] = field(default_factory=asyncio.Queue)
    on_data: Callable[[], None] = lambda: None  # after a mail was taken, before that is answered
    hold: asyncio.Event | None = None  # until it is set, mail that was taken is not answered
    most_sessions: int = 1000  # the next is refused with 421
    letters_a_session: int = 1000  # then it ends with 421
    most_bytes: int = 2**25
    announce_size: bool = True
    refused: int = 0  # sessions
    letters: int = 0  # begun
    _server: asyncio.Server | None = None
    _open: list[SMTP] = field(default_factory=list)

    async def start(self) -> None:
        """Listens on `port`, or on a free one of this suite's range."""
        while self._server is None:
            port = self.port or next(_next_port)
            try:
                self._server = await asyncio.get_running_loop().create_server(self._protocol, "127.0.0.1", port)
            except OSError as error:
                if error.errno != errno.EADDRINUSE or self.port:
                    raise
        self.port = port

    async def stop(self) -> None:
        """Stops like a killed server: no farewell, connections are cut."""
        if self._server is not None:
            self._server.close()
            self.cut()
            await self._server.wait_closed()
            self._server = None

    def cut(self) -> None:
        """Cuts all connections."""
        for protocol in self._open:
            if protocol.transport is not None:
                protocol.transport.abort()
        self._open.clear()

    def settings(self, **changes: Any) -> Mail:
        """The `[mail]` section of an office that sends through this server."""
        here = {"host": "127.0.0.1", "port": self.port, "tls": "none", "sender": "avisos@sur.example"}
        return Mail(**here | changes)

    async def next_mail(self) -> EmailMessage:
        async with asyncio.timeout(HANGS):
            return await self.taken.get()

    def _protocol(self) -> SMTP:
        self.connections += 1
        full = len(self._open) >= self.most_sessions
        protocol = (Full if full else Counted)(
            self,
            data_size_limit=self.most_bytes if self.announce_size else None,
            hostname="mail.test",
            enable_SMTPUTF8=True,
            tls_context=self.tls,
            require_starttls=self.tls is not None,
            auth_required=bool(self.password),
            auth_require_tls=False,
            authenticator=self._authenticate if self.password else None,
        )
        if full:
            self.refused += 1
        else:
            self._open.append(protocol)
        return protocol

    def _authenticate(self, _server: Any, _session: Any, _envelope: Any, _mechanism: str, login: Any) -> AuthResult:
        return AuthResult(success=login.password.decode() == self.password, handled=False)

    async def handle_RCPT(self, server: SMTP, session: Session, envelope: Envelope, address: str, options: Any) -> str:
        if self.rcpt:
            return self.rcpt.pop(0)
        envelope.rcpt_tos.append(address)
        return "250 ok"

    async def handle_MAIL(self, server: SMTP, session: Session, envelope: Envelope, address: str, options: Any) -> str:
        session.letters = getattr(session, "letters", 0) + 1
        if session.letters > self.letters_a_session:
            return "421 4.3.2 too many letters in this session"
        self.letters += 1
        envelope.mail_from = address
        return "250 ok"

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:
        if len(envelope.content) > self.most_bytes:
            return "552 5.3.4 message too big"
        line = self.data.pop(0)() if self.data else accept()
        if line.startswith("250"):
            self.taken.put_nowait(message_from_bytes(envelope.content, policy=default))
            self.on_data()
            if self.hold is not None:
                await self.hold.wait()
        return line


class Counted(SMTP):
    """A session, one of so many."""

    def connection_lost(self, error: Exception | None) -> None:
        if self in self.event_handler._open:
            self.event_handler._open.remove(self)
        super().connection_lost(error)


class Full(SMTP):
    """A server that has sessions enough: it says so instead of a greeting, and hangs up."""

    async def _handle_client(self) -> None:
        await self.push("421 4.7.0 too many connections from your address")
        self.transport.close()
