"""A letter whose file is too large to go with it: it has a link instead, or says where the file is to be found."""

import hashlib
import hmac
from base64 import urlsafe_b64encode
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from html import escape

from pbx_control.catalogue import InLanguages
from pbx_control.domain.notices.gone import attached_sentences
from pbx_control.domain.notices.messages import BODY, DOCUMENTS, Letter
from pbx_control.domain.words.wording import NAME_LIMIT, clean_line, date_and_time, size


@dataclass(frozen=True, slots=True, kw_only=True)
class LargeFile:
    """What a letter says of its file. `url`: where it can be fetched; "": the pages have no address."""

    size: int  # bytes
    url: str
    ends_at: datetime  # aware, in the client's zone


def token_of(key: str, letter_id: int, linked_at: datetime) -> str:
    """What stands in the link to a letter's file, signed; another one if the letter gets its link anew."""
    what = f"file of letter {letter_id}, {linked_at.timestamp():.6f}"
    signature = hmac.new(key.encode(), what.encode(), hashlib.sha256).digest()
    return f"{letter_id}-{urlsafe_b64encode(signature).decode().rstrip('=')}"


def letter_of(token: str) -> int | None:
    """The number of the letter that a token speaks of, whether it is right or not."""
    number = token.partition("-")[0]
    return int(number) if number.isascii() and number.isdecimal() and len(number) < 10 else None


def end_of_link(linked_at: datetime, life: timedelta, pauses: Iterable[tuple[datetime, datetime]]) -> datetime:
    """When a link's life is over; the pauses (from, until), in which it could not be used, do not count."""
    ends_at, counted_to = linked_at + life, linked_at
    for since, until in sorted(pauses):
        begins = max(since, counted_to)
        if begins < ends_at and until > begins:
            ends_at += until - begins
            counted_to = until
    return ends_at


def with_link(letter: Letter, file: LargeFile, language: str) -> Letter:
    """The letter as it goes out without its file."""
    words = WORDS[language if language in WORDS else "es"]
    is_document = letter.attachment.startswith(DOCUMENTS)
    what = words["document" if is_document else "sound"].format(size=size(file.size, language))
    if file.url:
        sentence = words["link"].format(what=what, until=date_and_time(file.ends_at, language))
    else:
        reference = clean_line(letter.call_id or "", NAME_LIMIT)
        sentence = words["portal-call" if reference else "portal"].format(what=what, reference=reference)
    text = _in_place(letter.text.rstrip(), "\n".join(filter(None, [sentence, file.url])))
    html = _in_page(letter.html, sentence, file.url, words["press"]) if letter.html else ""
    return replace(letter, attachment="", text=f"{text}\n", html=html)


def _in_place(text: str, said: str) -> str:
    """What is said takes the place of the sentence that something is attached; else it comes last."""
    for attached in _found(text):
        return text.replace(attached, said)
    return f"{text}\n\n{said}"


def _in_page(html: str, sentence: str, url: str, press: str) -> str:
    said = escape(sentence)
    if url:
        said += f' <a href="{escape(url)}" style="font-weight:600">{escape(press)}</a>'
    for attached in _found(html, escaped=True):
        return html.replace(attached, said)
    start = body.end() if (body := BODY.search(html)) else 0
    return f"{html[:start]}<p>{said}</p>{html[start:]}"


def _found(text: str, *, escaped: bool = False) -> Iterator[str]:
    for sentence in attached_sentences():
        written = escape(sentence) if escaped else sentence
        if written in text:
            yield written


WORDS = InLanguages(
    {
        "sound": "The recording has {size}",
        "document": "The file has {size}",
        "link": "{what}, too much for this letter. You can download it until {until}:",
        "press": "Download it",
        "portal": "{what}, too much for this letter. It is in the portal.",
        "portal-call": "{what}, too much for this letter. It is in the portal, with the call {reference}.",
    }
)
