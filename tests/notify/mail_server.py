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

    def settings(self, **changes: str) -> Mail:
        """The `[mail]` section of an office that sends through this server."""
        here = {"host": "127.0.0.1", "port": self.port, "tls": "none", "sender": "avisos@sur.example"}
        return Mail(**here | changes)

    async def next_mail(self) -> EmailMessage:
        async with asyncio.timeout(10):
            return await self.taken.get()

    def _protocol(self) -> SMTP:
        self.connections += 1
        protocol = SMTP(
            self,
            hostname="mail.test",
            enable_SMTPUTF8=True,
            tls_context=self.tls,
            require_starttls=self.tls is not None,
            auth_required=bool(self.password),
            auth_require_tls=False,
            authenticator=self._authenticate if self.password else None,
        )
        self._open.append(protocol)
        return protocol

    def _authenticate(self, _server: Any, _session: Any, _envelope: Any, _mechanism: str, login: Any) -> AuthResult:
        return AuthResult(success=login.password.decode() == self.password, handled=False)

    async def handle_RCPT(self, server: SMTP, session: Session, envelope: Envelope, address: str, options: Any) -> str:
        if self.rcpt:
            return self.rcpt.pop(0)
        envelope.rcpt_tos.append(address)
        return "250 ok"

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:
        line = self.data.pop(0)() if self.data else accept()
        if line.startswith("250"):
            self.taken.put_nowait(message_from_bytes(envelope.content, policy=default))
            self.on_data()
        return line
