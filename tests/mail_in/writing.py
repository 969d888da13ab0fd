"""Mails as clients' people, their servers and others write them."""

import base64
import subprocess
from collections.abc import Sequence
from datetime import datetime, timedelta
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime
from functools import cache

import dkim

from pbx_control.clock import now

OURS = "secretarias@sur.example"
OWNER = "rosa@andes.example"
NEW = "Clínica Andes, {part_of_day}, habla {secretary}"
COVERED = (b"from", b"to", b"subject", b"date", b"message-id", b"mime-version", b"content-type",
           b"content-transfer-encoding", b"from")  # fmt: skip


def key(bits: int = 2048) -> tuple[bytes, bytes]:
    """A private key (PEM), and the TXT record of its public one; always the same."""
    return _made(bits)


@cache
def _made(bits: int) -> tuple[bytes, bytes]:
    pem = _openssl("genrsa", "-traditional", str(bits))
    public = _openssl("rsa", "-pubout", "-outform", "DER", given=pem)
    return pem, b"v=DKIM1; k=rsa; p=" + base64.b64encode(public)


def _openssl(*words: str, given: bytes = b"") -> bytes:
    return subprocess.run(["openssl", *words], input=given, capture_output=True, check=True).stdout


class Dns:
    """The DNS of the tests: each of these domains has published the key."""

    def __init__(self, *domains: str, record: bytes | None = None) -> None:
        self.domains = domains or ("andes.example", "evil.example", "example")
        self.record = record or key()[1]
        self.asked: list[str] = []

    def __call__(self, name: str) -> bytes | None:
        self.asked.append(name)
        return self.record if name.partition("._domainkey.")[2] in self.domains else None


def written(
    text: str = NEW,
    *,
    subject: str = "Saludo",
    sender: str = f"Rosa Soto <{OWNER}>",
    to: str = OURS,
    at: datetime | None = None,
    name: str = "",
    protocol: str | None = None,
    html: bool = True,
    **headers: str,
) -> bytes:
    """A mail as a mail program makes it, without a signature."""
    mail = EmailMessage(policy=SMTP)
    mail["From"], mail["To"], mail["Subject"] = sender, to, subject
    at = at or now()
    mail["Date"] = format_datetime(at)
    mail["Message-ID"] = f"<{name or at.timestamp()}@andes.example>"
    for header, value in headers.items():
        mail[header.replace("_", "-")] = value
    mail.set_content(text)
    if html:
        mail.add_alternative(f"<p>{text}</p>", subtype="html")
    if protocol is not None:
        mail.add_attachment(protocol.encode(), maintype="application", subtype="toml", filename="protocolo.toml")
    return mail.as_bytes()


def signed(
    mail: bytes,
    domain: str = "andes.example",
    *,
    covered: Sequence[bytes] = COVERED,
    length: bool = False,
    bits: int = 2048,
) -> bytes:
    """The mail with a signature of that domain's servers before it."""
    there = {line.partition(b":")[0].lower() for line in mail.partition(b"\r\n\r\n")[0].split(b"\r\n")}
    include = [each for each in covered if each in there]
    pem, _ = key(bits)
    header = dkim.sign(mail, b"s1", domain.encode(), pem, include_headers=include, length=length, linesep=b"\r\n")
    return header + mail


def days_ago(days: int) -> datetime:
    return now() - timedelta(days=days)
