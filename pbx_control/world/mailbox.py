"""The office's mailbox in the outside world, and a firm whose mail server signs what its people write (DKIM)."""

import asyncio
import base64
import imaplib
import sys
from asyncio.subprocess import DEVNULL, Process, create_subprocess_exec
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime, make_msgid
from functools import cached_property
from typing import Self, cast

import dkim
import dns.flags
import dns.message
import dns.rrset
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, generate_private_key
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat

from pbx_control.world.legs import within

HOST = "127.0.0.1"
SELECTOR = "s1"
SIGNED = (b"from", b"to", b"subject", b"date", b"message-id", b"content-type", b"content-transfer-encoding")


@dataclass
class Mailbox:
    """A real IMAP server (pymap) with one mailbox; an async context manager."""

    port: int
    user: str
    password: str
    _server: Process | None = None

    async def __aenter__(self) -> Self:
        place = ("--host", HOST, "--port", str(self.port), "--no-tls", "--no-service", "admin")
        account = ("dict", "--demo-user", self.user, "--demo-password", self.password)
        start = "import sys; from pymap.main import main; sys.exit(main())"
        words = (sys.executable, "-c", start, *place, *account)
        self._server = await create_subprocess_exec(*words, stdin=DEVNULL, stdout=DEVNULL, stderr=DEVNULL)
        await within(20, "the mailbox opens", self._answers())
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._server and self._server.returncode is None:
            self._server.terminate()
            await self._server.wait()

    async def brings(self, mail: bytes) -> None:
        """A mail arrives in it."""
        await asyncio.to_thread(self._append, mail)

    def _append(self, mail: bytes) -> None:
        with imaplib.IMAP4(HOST, self.port, timeout=10) as imap:
            imap.login(self.user, self.password)
            imap.append("INBOX", "", imaplib.Time2Internaldate(datetime.now(UTC)), mail)

    async def _answers(self) -> None:
        while True:
            try:
                _, writer = await asyncio.open_connection(HOST, self.port)
            except ConnectionRefusedError:
                await asyncio.sleep(0.05)
            else:
                writer.close()
                return


@dataclass
class Firm:
    """A firm with a domain, whose key its own DNS server tells; an async context manager."""

    domain: str
    dns_port: int
    _dns: asyncio.DatagramTransport | None = field(default=None, init=False)

    async def __aenter__(self) -> Self:
        loop = asyncio.get_running_loop()
        answers = f"{SELECTOR}._domainkey.{self.domain}.", self._record
        self._dns, _ = await loop.create_datagram_endpoint(lambda: _Names(*answers), (HOST, self.dns_port))
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._dns:
            self._dns.close()

    def writes(self, sender: str, to: str, subject: str, text: str) -> bytes:
        """A mail of its people, signed by its server."""
        mail = EmailMessage(policy=SMTP)
        mail["From"], mail["To"], mail["Subject"] = sender, to, subject
        mail["Date"], mail["Message-ID"] = format_datetime(datetime.now(UTC)), make_msgid(domain=self.domain)
        mail.set_content(text, cte="base64")
        raw = mail.as_bytes()
        key = self._key.private_bytes(Encoding.PEM, PrivateFormat.TraditionalOpenSSL, NoEncryption())
        domain, selector = self.domain.encode(), SELECTOR.encode()
        return bytes(dkim.sign(raw, selector, domain, key, include_headers=list(SIGNED), linesep=b"\r\n")) + raw

    @cached_property
    def _key(self) -> RSAPrivateKey:
        return generate_private_key(65537, 2048)

    @cached_property
    def _record(self) -> str:
        public = self._key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
        text = "v=DKIM1; k=rsa; p=" + base64.b64encode(public).decode()
        return " ".join(f'"{text[place : place + 255]}"' for place in range(0, len(text), 255))


class _Names(asyncio.DatagramProtocol):
    """A DNS server that knows one TXT record."""

    def __init__(self, name: str, record: str) -> None:
        self._name, self._record = name, record

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.DatagramTransport, transport)

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        answer = dns.message.make_response(dns.message.from_wire(data))
        answer.flags |= dns.flags.AA
        if answer.question[0].name.to_text() == self._name:
            answer.answer.append(dns.rrset.from_text(self._name, 60, "IN", "TXT", self._record))
        self._transport.sendto(answer.to_wire(), addr)
