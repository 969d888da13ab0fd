"""Hands letters to the office's mail server by SMTP, as text and HTML, with a file attached if they have one."""

import asyncio
import re
import ssl
from contextlib import suppress
from email.header import Header
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP as SMTP_POLICY
from email.utils import parseaddr

from aiosmtplib import (
    SMTP,
    SMTPDataError,
    SMTPException,
    SMTPHeloError,
    SMTPRecipientRefused,
    SMTPResponseException,
)

from pbx_control.domain import checks
from pbx_control.domain.agenda.invitation import method_of
from pbx_control.domain.notices.gone import attachment_gone
from pbx_control.domain.notices.messages import Letter
from pbx_control.domain.words.sentences import sentence_of
from pbx_control.domain.words.wording import NAME_LIMIT, clean_line
from pbx_control.errors import ClientMistake, DeliveryFailed, Fault, reason
from pbx_control.notify import attachments
from pbx_control.notify.attachments import Attached
from pbx_control.notify.turns import LastStep, at_once
from pbx_control.settings import Home, Mail

# How long the server may take, seconds. RFC 5321 section 4.5.3.2: five minutes for an answer, ten after the final dot,
# where a client that goes sooner makes duplicates. That a server is not there at all shows sooner.
CONNECT_LIMIT = 60.0
ANSWER_LIMIT = 300.0
ACCEPT_LIMIT = 600.0
# As Google names it.
INVITATION = "invite.ics"
PLAIN_SUBJECT = 65  # characters: with its header's name a line, which is never folded

# RFC 3463: what an answer begins with, as 4.3.2.
ENHANCED = re.compile(r"[245]\.\d{1,3}\.\d{1,3}\b")
# The server has no room for one more session or letter at once; letters have no part in that.
BUSY_CODES, BUSY_STATUS = (421, 432), ("4.3.2",)
# The letter is larger than the server, or its recipient's, takes. 552 alone: RFC 1870 section 6.1.
SIZE_CODE, SIZE_STATUS = 552, ("5.3.4", "5.2.3")
# RFC 3463: the server is full, takes no mail now, or is set up wrongly: nobody's letter gets through. Postfix says
# 4.3.0 where its own look-ups fail; 5.3.0 may be the recipient's.
SYSTEM_STATUS = ("5.3.1", "5.3.2", "5.3.5", "4.3.0", "4.3.1", "4.3.5")
# Our own password or rights are in question.
LOGIN_CODES = (530, 535, 538)


class Mailer:
    """Sends mail through one server; sessions are kept for the next letters until `rest`."""

    def __init__(self, settings: Mail, office_name: str, home: Home) -> None:
        self._settings = settings
        self._sender = sender_address(settings.sender, office_name)
        self._reply_to = settings.reply_to
        self._home = home
        # Made once: reading all certificate authorities takes some 30 ms.
        self._tls = None if settings.tls == "none" else ssl.create_default_context()
        self._idle: list[SMTP] = []

    async def send(self, letter: Letter, last_step: LastStep = at_once) -> str:
        """Hand the letter to the server, its contents after `last_step`. Raises DeliveryFailed if it did not take it,
        or may not have."""
        written = None if letter.attachment else await asyncio.to_thread(self._write, letter, 0)
        while True:
            session, used = await self._session()
            if written is None:
                written = await self._write_for(session, letter)
            try:
                await self._hand_over(session, *written, last_step)
            except DeliveryFailed as failed:
                # A server may end a session after so many letters, or after a while: a new one shows how it is.
                if used and failed.fault in (Fault.BUSY, Fault.SERVER):
                    continue
                raise
            self._idle.append(session)
            return ""

    async def rest(self) -> None:
        """Take leave of the server: there is nothing to send for now."""
        while self._idle:
            await _leave(self._idle.pop())

    async def _session(self) -> tuple[SMTP, bool]:
        """A session with the server, and whether it was used before."""
        while self._idle:
            session = self._idle.pop()
            if await _alive(session):
                return session, True
            session.close()
        try:
            return await self._connect(), False
        except (SMTPException, OSError, ValueError) as error:
            raise failure(error) from error

    async def _connect(self) -> SMTP:
        settings = self._settings
        session = SMTP(
            hostname=settings.host,
            port=settings.port,
            username=settings.user or None,
            password=settings.password or None,
            use_tls=settings.tls == "tls",
            start_tls=settings.tls == "starttls",
            tls_context=self._tls,
            timeout=CONNECT_LIMIT,
        )
        await session.connect()
        session.timeout = ANSWER_LIMIT
        with suppress(SMTPHeloError):  # a server that knows only HELO has no extensions
            if not session.esmtp_extensions:
                await session.ehlo()
        return session

    async def _write_for(self, session: SMTP, letter: Letter) -> tuple[str, bytes]:
        """The envelope's address and the mail, with a file that the server has room for. Raises DeliveryFailed if it
        has none."""
        most = _announced(session) or self._settings.attachment_limit
        try:
            # In a thread: encoding a sound of some megabytes would hold up the calls.
            to, content = await asyncio.to_thread(self._write, letter, most)
            _require_room(len(content), most)
        except BaseException:
            self._idle.append(session)  # nothing of it was said there
            raise
        return to, content

    async def _hand_over(self, session: SMTP, to: str, content: bytes, last_step: LastStep) -> None:
        begun = False  # whether the server may have the whole letter
        try:
            _require_room(len(content), _announced(session))
            await session.mail(self._sender.addr_spec, options=_size_option(session, content))
            await session.rcpt(to)
            await last_step()
            begun = True
            await session.data(content, timeout=ACCEPT_LIMIT)
        except BaseException as error:
            # Half an envelope may stand there, and after a cancellation half an answer: never use it again.
            session.close()
            if not isinstance(error, (SMTPException, OSError, ValueError)):
                raise
            raise failure(error, begun=begun) from error

    def _write(self, letter: Letter, most: int) -> tuple[str, bytes]:
        """The envelope's address and the mail. A file that makes it larger than `most` (0: any) is not even read."""
        _require_room(4 * (attachments.size(self._home, letter.attachment) or 0) // 3, most)
        attached = attachments.read(self._home, letter.attachment)
        if attached is None:
            letter = attachment_gone(letter)
        try:
            mail = write(letter, self._sender, attached, self._reply_to)
            return mail["To"].addresses[0].addr_spec, mail.as_bytes()
        except ClientMistake as error:
            raise DeliveryFailed(
                "{address} cannot be written to: {why}", Fault.FINAL, address=letter.address, why=sentence_of(error)
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


def write(letter: Letter, sender: Address, attached: Attached | None, reply_to: str = "") -> EmailMessage:
    """The letter as a mail; written twice it is the same mail, Message-ID and Date included. Answers go to `reply_to`.

    Raises ClientMistake for an address that is none.
    """
    mail = EmailMessage(policy=SMTP_POLICY)
    mail["From"] = sender
    mail["To"] = Address(addr_spec=checks.wire_email(letter.address))
    if reply_to:
        mail["Reply-To"] = Address(addr_spec=checks.wire_email(reply_to))
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
    if letter.invitation:
        _invite(mail, letter.invitation)
    if attached is not None:
        _attach(mail, attached)
    return mail


def _invite(mail: EmailMessage, invitation: str) -> None:
    """The invitation, twice the same: Gmail and Outlook take it from among the texts, others from what is attached."""
    method = {"method": method_of(invitation)}
    content = invitation.encode()
    mail.add_alternative(content, "text", "calendar", cte="base64", params=method | {"charset": "utf-8"})
    mail.add_attachment(content, "application", "ics", cte="base64", filename=INVITATION, params=method)


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


def failure(error: Exception, *, begun: bool = False) -> DeliveryFailed:
    """What a failed try means: a 5xx answer to this recipient or this content is final, all else is tried again.

    A wrong password, a refused sender or a relay that does not know us (5.7.x, RFC 3463) is for the admin to mend:
    no letter is given up for it. `begun`: the server may have got the whole letter before its answer failed to come.
    """
    if isinstance(error, DeliveryFailed):
        return error
    if isinstance(error, SMTPResponseException) and error.code > 0:
        return DeliveryFailed(
            "the mail server answered {code} {answer}", _meaning(error), code=error.code, answer=error.message
        )
    # A refused certificate is an OSError and a ValueError at once; a ValueError alone speaks of the addresses.
    if isinstance(error, (SMTPException, OSError)):
        fault = Fault.UNCONFIRMED if begun else Fault.SERVER
        return DeliveryFailed("the mail server cannot be used: {why}", fault, why=reason(error))
    return DeliveryFailed("the letter cannot be sent: {why}", Fault.FINAL, why=error)


def _meaning(error: SMTPResponseException) -> Fault:
    found = ENHANCED.match(error.message)
    status = found[0] if found else ""
    if error.code in BUSY_CODES or status in BUSY_STATUS:
        return Fault.BUSY
    if status in SIZE_STATUS or (error.code == SIZE_CODE and not status):
        return Fault.TOO_LARGE
    about_content = isinstance(error, SMTPDataError)
    if about_content and error.code < 400:
        return Fault.UNCONFIRMED  # no answer that SMTP knows
    if not about_content and not isinstance(error, SMTPRecipientRefused):
        return Fault.SERVER
    if error.code in LOGIN_CODES or status.startswith("5.7.") or status in SYSTEM_STATUS:
        return Fault.SERVER
    if error.code >= 500:
        return Fault.FINAL
    return Fault.LETTER if about_content else Fault.LATER


def _announced(session: SMTP) -> int:
    """The largest letter that the server takes, as it has said (RFC 1870); 0: it has not."""
    size = session.esmtp_extensions.get("size", "")
    return int(size) if size.isascii() and size.isdecimal() and len(size) < 20 else 0


def _require_room(size: int, most: int) -> None:
    """Raises DeliveryFailed if a letter of that size is larger than `most`; 0: none is."""
    if 0 < most < size:
        raise DeliveryFailed(
            "the mail server takes letters of at most {most} bytes, this one has {size}",
            Fault.TOO_LARGE,
            most=most,
            size=size,
        )


def _size_option(session: SMTP, content: bytes) -> list[str]:
    return [f"SIZE={len(content)}"] if session.supports_extension("size") else []


async def _alive(session: SMTP) -> bool:
    try:
        await session.noop()
    except (SMTPException, OSError):
        return False
    return True


async def _leave(session: SMTP) -> None:
    try:
        await session.quit(timeout=1)
    except (SMTPException, OSError):
        session.close()  # gone already, which is what we wanted
