"""Reads the office's mailbox by IMAP (RFC 9051), by imap-tools: what is new, and where it is put when it is dealt with.

Nothing is deleted: a mail that is dealt with goes into the folder `handled`, one that was refused into `refused`.
"""

import socket
import ssl
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from imaplib import IMAP4, IMAP4_SSL
from threading import Timer

from imap_tools import BaseMailBox
from imap_tools.errors import ImapToolsError, MailboxFolderCreateError

from pbx_control.errors import PbxError, reason
from pbx_control.settings import MailIn

# The server may take so long for an answer, and for a look as a whole, seconds.
ANSWER_LIMIT, LOOK_LIMIT = 20.0, 240.0
# Mails of one look; the rest waits for the next.
MOST_AT_ONCE = 200
# Bytes of a mail that are asked for. A protocol has some kB; of reports about large letters the beginning tells all.
MOST_BYTES = 256 * 1024
HANDLED, REFUSED = "handled", "refused"


class MailboxUnavailable(PbxError):
    """The mailbox cannot be read at present."""


@dataclass(frozen=True, slots=True)
class Key:
    """What names a mail on its server for ever: mailbox, UIDVALIDITY and UID (RFC 9051 section 2.3.1)."""

    place: str
    validity: str
    uid: str


@dataclass(frozen=True, slots=True)
class Received:
    """A mail as it lies there; `whole`: `raw` is all of it."""

    key: Key
    raw: bytes
    whole: bool


class Box:
    """An open mailbox."""

    def __init__(self, mailbox: BaseMailBox, settings: MailIn) -> None:
        self._mailbox = mailbox
        self._place = f"{settings.user}@{settings.host}/{settings.folder}"
        self._folders: dict[str, str] = {}
        status = mailbox.folder.status(settings.folder, ["UIDVALIDITY"])
        self._validity = str(status["UIDVALIDITY"])

    def new(self) -> list[Key]:
        """What lies there, the oldest first."""
        uids = sorted(self._mailbox.uids("ALL", charset=None), key=int)
        return [Key(self._place, self._validity, uid) for uid in uids[:MOST_AT_ONCE]]

    def fetch(self, key: Key) -> Received | None:
        """One of them, None if it has gone meanwhile. Its flags stay; of a large one the beginning is asked for."""
        status, data = self._mailbox.client.uid("FETCH", key.uid, f"(BODY.PEEK[]<0.{MOST_BYTES + 1}>)")
        if status != "OK":
            raise IMAP4.error(f"FETCH: {status}")
        raw = next((one[1] for one in data if isinstance(one, tuple)), None)
        if raw is None:
            return None
        return Received(key, raw[:MOST_BYTES], len(raw) <= MOST_BYTES)

    def put(self, key: Key, folder: str) -> None:
        """Moves it to `handled` or `refused`."""
        self._mailbox.move(key.uid, self._folder(folder))

    def _folder(self, name: str) -> str:
        """The folder's full name; it is made if it is not there. Some servers have all folders within INBOX."""
        if name not in self._folders:
            found = self._mailbox.folder.list()
            between = next((one.delim for one in found if one.delim), "/")
            choices = (name, f"INBOX{between}{name}")
            there = {one.name for one in found}
            self._folders[name] = next((one for one in choices if one in there), "") or self._create(choices)
        return self._folders[name]

    def _create(self, choices: tuple[str, str]) -> str:
        try:
            self._mailbox.folder.create(choices[0])
        except MailboxFolderCreateError:
            self._mailbox.folder.create(choices[1])
            return choices[1]
        return choices[0]


class _Plain(IMAP4):
    """A connection that is cut after LOOK_LIMIT, whatever it is doing."""

    def open(self, host: str = "", port: int = 143, timeout: float | None = None) -> None:
        super().open(host, port, timeout)
        self.watch = _watched(self)


class _Tls(IMAP4_SSL):
    """The same, encrypted from the beginning."""

    def open(self, host: str = "", port: int | None = 993, timeout: float | None = None) -> None:
        super().open(host, port, timeout)
        self.watch = _watched(self)


class _Mailbox(BaseMailBox):
    def __init__(self, settings: MailIn) -> None:
        self._settings = settings
        super().__init__()

    def _get_mailbox_client(self) -> IMAP4:
        here = self._settings
        if here.tls == "tls":
            return _Tls(here.host, here.port, timeout=ANSWER_LIMIT, ssl_context=ssl.create_default_context())
        client = _Plain(here.host, here.port, timeout=ANSWER_LIMIT)
        if here.tls == "starttls":
            client.starttls(ssl.create_default_context())
        return client


@contextmanager
def opened(settings: MailIn) -> Iterator[Box]:
    """Signs in. Raises MailboxUnavailable if that, or what is done within, fails by the server."""
    mailbox: BaseMailBox | None = None
    try:
        mailbox = _Mailbox(settings)
        mailbox.login(settings.user, settings.password, initial_folder=settings.folder)
        # What the server can do is often told only to who has signed in.
        status, told = mailbox.client.capability()
        if status == "OK" and told[-1]:
            mailbox.client.capabilities = tuple(told[-1].decode("ascii", "replace").upper().split())
        yield Box(mailbox, settings)
    except (IMAP4.error, ImapToolsError, OSError, EOFError) as error:
        raise MailboxUnavailable(
            "the mailbox of {user} on {place} cannot be read: {why}; see [mail_in] in pbx.toml",
            user=settings.user,
            place=f"{settings.host}:{settings.port}",
            why=_why(error),
        ) from error
    finally:
        if mailbox is not None:
            with suppress(IMAP4.error, ImapToolsError, OSError):
                mailbox.logout()
            mailbox.client.watch.cancel()


def _watched(client: IMAP4) -> Timer:
    watch = Timer(LOOK_LIMIT, _cut, [client])
    watch.daemon = True
    watch.start()
    return watch


def _cut(client: IMAP4) -> None:
    # The socket alone: closing its file would wait for whoever reads from it.
    with suppress(OSError):
        client.sock.shutdown(socket.SHUT_RDWR)


def _why(error: Exception) -> str:
    """What the server said, in one line."""
    if isinstance(error, OSError):
        return reason(error)
    result = getattr(error, "command_result", None)
    said = result[1][-1] if result and result[1] else error.args[0] if error.args else ""
    return said.decode("utf-8", "replace") if isinstance(said, bytes) else str(said)[:200]
