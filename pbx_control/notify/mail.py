"""Hands letters to the office's mail server by SMTP, as text and HTML, with a file attached if they have one."""

import asyncio
import ssl
from email.header import Header
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP as SMTP_POLICY
from email.utils import parseaddr

from aiosmtplib import (
    SMTP,
    SMTPDataError,
    SMTPException,
    SMTPRecipientRefused,
    SMTPRecipientsRefused,
    SMTPResponseException,
)

from pbx_control.domain import checks
from pbx_control.domain.messages import Letter
from pbx_control.domain.wording import NAME_LIMIT, clean_line
from pbx_control.errors import ClientMistake, DeliveryFailed
from pbx_control.notify import attachments
from pbx_control.notify.attachments import Attached
from pbx_control.settings import Home, Mail

ANSWER_LIMIT = 20.0  # seconds that the server may take for each answer
PLAIN_SUBJECT = 65  # characters: with its header's name a line, which is never folded


class Mailer:
    """Sends mail through one server; connections are kept for the next letter until `rest`."""

    def __init__(self, settings: Mail, office_name: str, home: Home) -> None:
        self._settings = settings
        self._sender = sender_address(settings.sender, office_name)
        self._home = home
        # Made once: reading all certificate authorities takes some 30 ms.
        self._tls = None if settings.tls == "none" else ssl.create_default_context()
        self._idle: list[SMTP] = []

    async def send(self, letter: Letter) -> None:
        """Hand the letter to the server. Raises DeliveryFailed if it did not take it, or may not have."""
        # In a thread: encoding a sound of some megabytes would hold up the calls.
        to, content = await asyncio.to_thread(self._write, letter)
        try:
            connection = await self._connection()
            try:
                await connection.sendmail(self._sender.addr_spec, [to], content)
            except BaseException:
                # Half an envelope may stand there, and after a cancellation half an answer: never use it again.
                connection.close()
                raise
        except (SMTPException, OSError, ValueError) as error:
            raise failure(error) from error
        self._idle.append(connection)

    async def rest(self) -> None:
        """Take leave of the server: there is nothing to send for now."""
        while self._idle:
            await _leave(self._idle.pop())

    async def _connection(self) -> SMTP:
        while self._idle:
            connection = self._idle.pop()
            if await _alive(connection):
                return connection
            connection.close()
        return await self._connect()

    async def _connect(self) -> SMTP:
        settings = self._settings
        connection = SMTP(
            hostname=settings.host,
            port=settings.port,
            username=settings.user or None,
            password=settings.password or None,
            use_tls=settings.tls == "tls",
            start_tls=settings.tls == "starttls",
            tls_context=self._tls,
            timeout=ANSWER_LIMIT,
        )
        await connection.connect()
        return connection

    def _write(self, letter: Letter) -> tuple[str, bytes]:
        """The envelope's address and the mail."""
        attached = attachments.read(self._home, letter.attachment)
        try:
            mail = write(letter, self._sender, attached)
            return mail["To"].addresses[0].addr_spec, mail.as_bytes()
        except ClientMistake as error:
            raise DeliveryFailed(
                "{address} cannot be written to: {why}", address=letter.address, why=error, permanent=True
            ) from error


def sender_address(sender: str, office_name: str) -> Address:
    """`[mail] sender`, "avisos@x.cl" or "Name <avisos@x.cl>"; without a name the office's stands there.

    Raises ClientMistake if that is no address.
    """
    name, address = parseaddr(sender)
    try:
        return Address(display_name=clean_line(name or office_name, NAME_LIMIT), addr_spec=checks.wire_email(address))
    except ClientMistake:
        raise ClientMistake(
            "the setting mail.sender is wrong: {sender} is no e-mail address; mend it in pbx.toml", sender=sender
        ) from None


def write(letter: Letter, sender: Address, attached: Attached | None) -> EmailMessage:
    """The letter as a mail; written twice it is the same mail, Message-ID and Date included.

    Raises ClientMistake for an address that is none.
    """
    mail = EmailMessage(policy=SMTP_POLICY)
    mail["From"] = sender
    mail["To"] = Address(addr_spec=checks.wire_email(letter.address))
    mail.set_raw("Subject", encoded_subject(letter.subject))
    mail["Date"] = letter.written_at
    mail["Message-ID"] = f"<{letter.message_id}@{sender.domain}>"
    if letter.in_reply_to:
        mail["In-Reply-To"] = mail["References"] = f"<{letter.in_reply_to}@{sender.domain}>"
    # RFC 3834: keeps holiday notices and other robots from answering; Exchange wants a header of its own.
    mail["Auto-Submitted"] = "auto-generated"
    mail["X-Auto-Response-Suppress"] = "All"
    mail.set_content(letter.text, cte="quoted-printable")
    if letter.html:
        mail.add_alternative(letter.html, subtype="html", cte="quoted-printable")
    if attached is not None:
        _attach(mail, attached)
    return mail


def _attach(mail: EmailMessage, attached: Attached) -> None:
    maintype, _, subtype = attached.kind.partition("/")
    charset = {"charset": "utf-8"} if maintype == "text" else {}
    mail.add_attachment(attached.content, maintype=maintype, subtype=subtype, filename=attached.name, params=charset)


def encoded_subject(subject: str) -> str:
    """The subject as it stands in the mail, folded (RFC 2047); one line of text goes in.

    Not left to the message's policy, which adds blanks where it folds between plain and encoded words (Python 3.11).
    What a caller's name says in the form of an encoded word is encoded once more, so that it stays what it is.
    """
    # Folded plain text may gain a blank, where a long word stands at its beginning.
    plain = subject.isascii() and "=?" not in subject and len(subject) <= PLAIN_SUBJECT
    return Header(subject, "us-ascii" if plain else "utf-8", header_name="Subject").encode()


def failure(error: Exception) -> DeliveryFailed:
    """What a failed try means: a 5xx answer to this recipient or this content is final, all else is tried again.

    A wrong password, a refused sender or a relay that does not know us (5.7.x, RFC 3463) is for the admin to mend:
    no letter is given up for it.
    """
    if isinstance(error, SMTPRecipientsRefused):
        return failure(error.recipients[0])
    if isinstance(error, SMTPResponseException):
        concerns_letter = isinstance(error, (SMTPRecipientRefused, SMTPDataError))
        about_us = not concerns_letter or error.code in (530, 535, 538) or error.message.startswith("5.7.")
        return DeliveryFailed(
            "the mail server answered {code} {answer}",
            code=error.code,
            answer=error.message,
            permanent=error.code >= 500 and not about_us,
        )
    # A refused certificate is an OSError and a ValueError at once; a ValueError alone speaks of the addresses.
    if isinstance(error, (SMTPException, OSError)):
        return DeliveryFailed("the mail server cannot be used: {why}", why=str(error) or type(error).__name__)
    return DeliveryFailed("the letter cannot be sent: {why}", why=error, permanent=True)


async def _alive(connection: SMTP) -> bool:
    try:
        await connection.noop()
    except (SMTPException, OSError):
        return False
    return True


async def _leave(connection: SMTP) -> None:
    try:
        await connection.quit(timeout=1)
    except (SMTPException, OSError):
        connection.close()  # gone already, which is what we wanted
