"""Reports of mail servers about letters that they could not deliver (RFC 3464)."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from email.message import Message

from pbx_control.domain.mail_in.mails import BrokenMail, header, parse
from pbx_control.domain.words.wording import clean_line

# RFC 3463: class, subject, detail.
_STATUS = re.compile(r"([245])\.(\d{1,3})\.(\d{1,3})\b")
_MESSAGE_ID = re.compile(r"<([^<>\s]{1,200})@([^<>\s@]{1,253})>")
MOST_ADDRESSES = 50


@dataclass(frozen=True, slots=True)
class Bounce:
    """What a report says of one address. `name`, `domain`: the Message-ID of the letter that came back."""

    addresses: frozenset[str]  # in small letters, as mail servers write it: where it went, and came to by forwarding
    name: str
    domain: str
    status: str  # "5.1.1"
    answer: str  # what the other server said

    @property
    def final(self) -> bool:
        """Whether the address will not get it."""
        return self.status.startswith("5.")


def read(raw: bytes) -> list[Bounce] | None:
    """What a report tells; None if the mail is no such report. Raises BrokenMail if it cannot be read."""
    message = parse(raw)
    if message.get_content_type() != "multipart/report":
        return None
    if str(message.get_param("report-type", "")).lower() != "delivery-status":
        return None
    try:
        return list(_bounces(message))
    except (ValueError, LookupError, AttributeError, TypeError) as error:
        raise BrokenMail(str(error)) from error


def _bounces(message: Message) -> Iterator[Bounce]:
    parts = _inner(message)
    returned = _returned(parts)
    if returned is None:
        return
    for part in parts:
        if part.get_content_type() == "message/delivery-status":
            for block in _inner(part)[:MOST_ADDRESSES]:
                if found := _bounce(block, *returned):
                    yield found


def _inner(part: Message) -> list[Message]:
    inside = part.get_payload()
    return [each for each in inside if isinstance(each, Message)] if isinstance(inside, list) else []


def _bounce(block: Message, name: str, domain: str) -> Bounce | None:
    status = _STATUS.match(header(block, "Status"))
    named = (header(block, each).partition(";")[2] for each in ("Original-Recipient", "Final-Recipient"))
    addresses = frozenset(one.strip().strip("<>").lower() for one in named if one.strip())
    if status is None or not addresses:
        return None
    answer = clean_line(header(block, "Diagnostic-Code").partition(";")[2] or status[0], 200)
    return Bounce(addresses, name, domain.lower(), status[0], answer)


def _returned(parts: list[Message]) -> tuple[str, str] | None:
    """The Message-ID of the letter that came back, of which a report has all or the headers."""
    for part in parts:
        inner = _inner(part)
        if part.get_content_type() in ("message/rfc822", "message/global") and inner:
            found = _MESSAGE_ID.search(header(inner[0], "Message-ID"))
        elif part.get_content_type() in ("text/rfc822-headers", "message/global-headers"):
            text = part.get_payload(decode=True)
            found = _MESSAGE_ID.search(header(parse(text if isinstance(text, bytes) else b""), "Message-ID"))
        else:
            continue
        if found:
            return found[1], found[2]
    return None
