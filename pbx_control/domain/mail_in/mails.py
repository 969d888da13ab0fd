"""A mail from outside, taken apart: who it says that it is from, its subject, its words, its files."""

import hashlib
import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from email import message_from_bytes
from email.errors import HeaderParseError
from email.header import decode_header
from email.message import Message
from email.policy import compat32
from email.utils import parsedate_to_datetime

from pbx_control.domain.words.wording import clean_line

# Characters of a subject that are looked at, and kept.
SUBJECT_LIMIT = 200
# A mail of more parts than this is nobody's greeting.
MOST_PARTS = 50
# Of a header's value, bytes.
HEADER_LIMIT = 4000

# One mailbox, by itself or after a name; no comments, groups or lists: what programs could read in several ways is not
# read at all. The address is looked for before words are decoded, so that none can be hidden in an encoded word.
_ADDRESS = r"[A-Za-z0-9.!#$%&'*+/?^_`{|}~=-]{1,64}@[A-Za-z0-9-]+(?:\.[A-Za-z0-9-]+)*"
_FROM = re.compile(rf'(?:"(?:[^"\\\r\n]|\\.)*"\s*|[^"<>(),:;@\\\r\n]*)<({_ADDRESS})>|({_ADDRESS})')
_FOLD = re.compile(r"\r?\n[ \t]")
# What programs of other people's answer with; they get no answer (RFC 3834).
_ROBOTS = frozenset({"bulk", "list", "junk", "auto_reply"})
_ROBOT_HEADERS = ("List-Id", "List-Unsubscribe", "X-Autoreply", "X-Autorespond", "X-Loop")
_ROBOT_NAMES = frozenset({"mailer-daemon", "postmaster", "noreply", "no-reply"})

# Where the words of the mail that is answered begin, and a signature.
_SIGNATURE = re.compile(r"--\s*")
_QUOTED = re.compile(
    r"\s*>|_{10,}\s*$|-{2,}\s*(original message|mensaje original|forwarded message|mensaje reenviado)\b"
    r"|(from|de)\s*:.{0,80}@",
    re.IGNORECASE,
)
_WROTE = re.compile(r"(on|el)\b.{4,300}\b(wrote|escribi[oó])\s*:", re.IGNORECASE)  # often broken into two lines


class BrokenMail(ValueError):
    """A mail that cannot be read."""


@dataclass(frozen=True, slots=True)
class File:
    """What is attached. `content` is None if it is no text in UTF-8."""

    name: str
    content: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Mail:
    """A mail as it was sent. Whether it is from whom it says is another question (notify.signatures)."""

    sender: str  # the address in From, in small letters; "" if there is not exactly one
    to: tuple[str, ...]  # addresses in To and Cc that can be read, in small letters
    subject: str
    message_id: str
    date: datetime | None  # aware
    text: str | None  # what the sender wrote himself; None: there is no plain text
    files: tuple[File, ...]
    automatic: bool  # a program has written it
    reads_one_way: bool  # whatever else the headers that say how to read it said
    digest: str  # names what was said by whom and when, however the mail is wrapped

    @property
    def domain(self) -> str:
        """Whose mail servers the sender's address belongs to."""
        return self.sender.rpartition("@")[2]


def read(raw: bytes) -> Mail:
    """A mail as the server gave it. Raises BrokenMail for one that cannot be read."""
    try:
        message = message_from_bytes(raw, policy=compat32)
        return _read(message, raw.partition(b"\r\n\r\n")[2])
    except (ValueError, LookupError, AttributeError, TypeError, RecursionError, HeaderParseError) as error:
        # Python's parser breaks in many ways on what strangers send.
        raise BrokenMail(f"{type(error).__name__}: {error}"[:HEADER_LIMIT]) from error


def parse(raw: bytes) -> Message:
    """The mail's parts. Raises BrokenMail."""
    try:
        return message_from_bytes(raw, policy=compat32)
    except (ValueError, LookupError, AttributeError, TypeError, RecursionError) as error:
        raise BrokenMail(str(error)[:HEADER_LIMIT]) from error


def header(message: Message, name: str) -> str:
    """A header's value in one line, not decoded; the first one's of several. "" if there is none."""
    return _FOLD.sub(" ", str(message.get(name, ""))[:HEADER_LIMIT]).strip()


def address_in(value: str) -> str:
    """The one address that a header names, in small letters; "" if it can be read in more ways, or in none."""
    found = _FROM.fullmatch(_FOLD.sub(" ", value[:HEADER_LIMIT]).strip())
    return (found[1] or found[2]).lower() if found else ""


def _read(message: Message, body: bytes) -> Mail:
    senders = message.get_all("From", [])
    sender = address_in(str(senders[0])) if len(senders) == 1 else ""
    subject = clean_line(_decoded(header(message, "Subject")), SUBJECT_LIMIT)
    parts = list(_leaves(message))
    said = "\n".join([sender, header(message, "Subject"), header(message, "Date")])
    return Mail(
        sender=sender,
        to=tuple(_addresses(message)),
        subject=subject,
        message_id=clean_line(header(message, "Message-ID"), 250),
        date=_date(header(message, "Date")),
        text=_text(parts),
        files=tuple(_files(parts)),
        automatic=_automatic(message, sender),
        reads_one_way=_reads_one_way(message, body),
        # White space is what a signature lets others change.
        digest=hashlib.sha256("".join(said.split()).encode(errors="replace") + b"".join(body.split())).hexdigest(),
    )


def _addresses(message: Message) -> Iterator[str]:
    for name in ("To", "Cc"):
        for one in header(message, name).split(","):
            if address := address_in(one):
                yield address


def _date(value: str) -> datetime | None:
    try:
        found = parsedate_to_datetime(value)
        return found if found.tzinfo else found.replace(tzinfo=UTC)
    except (ValueError, TypeError, IndexError, OverflowError):
        return None


def _decoded(value: str) -> str:
    """Encoded words as people read them; what is wrong with them stays as it stands."""
    try:
        pieces = decode_header(value)
        return "".join(
            piece if isinstance(piece, str) else piece.decode(charset or "ascii", "replace")
            for piece, charset in pieces
        )
    except (ValueError, LookupError, HeaderParseError):
        return value


def _leaves(message: Message) -> Iterator[Message]:
    """The parts that have no parts; a mail within the mail is not looked into."""
    waiting, seen = [message], 0
    while waiting:
        part = waiting.pop(0)
        seen += 1
        if seen > MOST_PARTS:
            raise BrokenMail("too many parts")
        inner = part.get_payload()
        if part.get_content_maintype() == "multipart" and isinstance(inner, list):
            waiting = [*inner, *waiting]
        elif not part.is_multipart():
            yield part


def _text(parts: list[Message]) -> str | None:
    for part in parts:
        if part.get_content_type() == "text/plain" and not part.get_filename() and not _is_attached(part):
            return own_words(_characters(part), flowed=str(part.get_param("format", "")).lower() == "flowed")
    return None


def _is_attached(part: Message) -> bool:
    return header(part, "Content-Disposition").lower().startswith("attachment")


def _characters(part: Message) -> str:
    content = part.get_payload(decode=True)
    assert isinstance(content, bytes)
    charset = str(part.get_content_charset() or "")
    if charset and charset != "us-ascii":
        return content.decode(charset)
    try:
        return content.decode()
    except UnicodeDecodeError:  # old programs do not say what they write
        return content.decode("cp1252")


def _files(parts: list[Message]) -> Iterator[File]:
    for part in parts:
        if name := part.get_filename():
            content = part.get_payload(decode=True)
            try:
                yield File(clean_line(_decoded(name), 120), content.decode() if isinstance(content, bytes) else None)
            except UnicodeDecodeError:
                yield File(clean_line(_decoded(name), 120), None)


def own_words(text: str, *, flowed: bool = False) -> str:
    """What somebody wrote himself: up to his signature, or to what he quotes. Lines of one paragraph are one line, as
    mail programs break them where they like."""
    lines: list[str] = []
    given = text.replace("\r\n", "\n").replace("\r", "\n").split("\n")
    for line, after in zip(given, [*given[1:], ""], strict=True):
        if _SIGNATURE.fullmatch(line) or _QUOTED.match(line) or _WROTE.fullmatch(f"{line} {after}".rstrip()):
            break
        lines.append(line[1:] if flowed and line.startswith(" ") else line)
    paragraphs = re.split(r"\n\s*\n", "\n".join(lines).strip())
    return "\n".join(" ".join(one.split()) for one in paragraphs).strip()


def _automatic(message: Message, sender: str) -> bool:
    submitted = header(message, "Auto-Submitted").lower() or "no"
    return (
        not submitted.startswith("no")
        or header(message, "Precedence").lower() in _ROBOTS
        or any(name in message for name in _ROBOT_HEADERS)
        or header(message, "Return-Path") == "<>"
        or sender.partition("@")[0] in _ROBOT_NAMES
    )


def _reads_one_way(message: Message, body: bytes) -> bool:
    """Whether the body can be read in one way only, although the headers that say how are not signed (some of the
    largest services do not sign them): who changes them gets no other words out of it."""
    kind = message.get_content_type()
    if message.get_content_maintype() == "multipart":
        boundary = str(message.get_boundary() or "")
        return bool(boundary) and body.startswith(f"--{boundary}\r\n".encode(errors="replace"))
    plain = kind == "text/plain" and str(message.get_content_charset() or "utf-8") in ("utf-8", "us-ascii")
    encoding = header(message, "Content-Transfer-Encoding").lower() or "7bit"
    encoded = encoding not in ("7bit", "8bit", "quoted-printable") or b"=" in body
    return plain and not encoded and not body.startswith(b"--")
