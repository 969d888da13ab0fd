"""Letters that are no summaries of calls: a note's parts and looks, what a secretary adds to a call, alarms.

As in `messages.py` everything is pure and quick, and whatever a stranger wrote is text wherever it shows up.
"""

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from zoneinfo import ZoneInfo

from pbx_control.catalogue import InLanguages
from pbx_control.domain.call.model import Outgoing
from pbx_control.domain.notices.messages import Channel, Fact, Letter, Recipient, html_template
from pbx_control.domain.words.wording import NAME_LIMIT, clean_line, is_withheld, readable_number

# How a warning looks: somebody should know of it; something is being lost.
CAUTION, LOSS = "#8f5400", "#b3261e"
# What a secretary writes after a call; a longer text is cut, since a letter must go out in any case.
LONGEST_SUPPLEMENT = 4000


@dataclass(frozen=True, slots=True, kw_only=True)
class Supplement:
    """What a secretary writes later about a call of which the message has gone out (docs/service.md rule 9)."""

    call_id: str
    client_id: int
    client_name: str
    language: str  # of the client
    caller: str
    caller_name: str
    text: str
    at: datetime  # aware


@dataclass(frozen=True, slots=True)
class AlarmDesk:
    """Where alarms go: the admin's e-mail address ("" for none), the office's language, name and time zone."""

    address: str = ""
    language: str = "es"
    office: str = ""
    timezone: str = "UTC"

    def time(self, at: datetime) -> str:
        """An instant as the commands' lists show it to the office: "2026-11-24 02:00 -03"."""
        return f"{at.astimezone(ZoneInfo(self.timezone)):%Y-%m-%d %H:%M %Z}"


@dataclass(frozen=True, slots=True, kw_only=True)
class LimitReached:
    """A client's limit of calls to its contacts was reached: `limit` names it, at_once or a_day."""

    limit: str
    client_id: int
    slug: str
    client_name: str
    outgoing: Outgoing
    contact: str  # who was not called
    at: datetime  # aware


@dataclass(frozen=True, slots=True)
class Cell:
    """What stands in a table's place: a text, perhaps a number that a touch calls (E.164), and smaller text beneath."""

    text: str
    dial: str = ""
    beneath: str = ""


@dataclass(frozen=True, slots=True)
class Grid:
    """A table for who sees HTML; `lines` are its rows for who sees text."""

    headings: tuple[str, ...]
    rows: tuple[tuple[Cell, ...], ...]
    lines: tuple[str, ...]
    figures: bool = False  # all but the first column are amounts
    last_width: str = ""  # of the last column, in percent: what it gets however long the others' texts are


@dataclass(frozen=True, slots=True)
class Link:
    """Where a button of the letter leads."""

    address: str
    words: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Note:
    """A letter's contents, harmless and in words, before they become text or HTML."""

    language: str
    sign: str
    accent: str  # CSS colour
    subject: str
    headline: str
    title: str
    paragraphs: tuple[str, ...]
    facts: tuple[Fact, ...] = ()
    grid: Grid | None = None
    link: Link | None = None
    afterwards: tuple[str, ...] = ()  # paragraphs, too
    command: str = ""  # to be typed
    footer: str = ""
    reference: str = ""
    colour: str = ""  # the client's


def compose_supplement(added: Supplement, recipient: Recipient, office_name: str, answers: str) -> Letter:
    """The letter that adds to the one about a call; `answers`: that one's message_id, "" if the recipient has not got
    it. The same text about the same call always gives the same `message_id`: sent twice by a nervous
    finger, it goes out once."""
    words = SUPPLEMENT[added.language]
    number = words["withheld"] if is_withheld(added.caller) else readable_number(added.caller)
    name = clean_line(added.caller_name, NAME_LIMIT)
    values = {
        "client": clean_line(added.client_name, NAME_LIMIT),
        "caller": f"{name} ({number})" if name else number,
        "office": clean_line(office_name, NAME_LIMIT),
    }
    note = Note(
        language=added.language,
        sign="📝",
        accent="#1d5fbf",
        subject=words["subject"].format(**values),
        headline=words["headline"],
        title=values["caller"] if name else number[:1].upper() + number[1:],
        paragraphs=tuple(clean_paragraphs(added.text)),
        footer=words["footer"].format(**values),
        reference=f"{words['reference']}: {clean_line(added.call_id, NAME_LIMIT)}",
    )
    return Letter(
        channel=recipient.channel,
        address=recipient.address,
        message_id=named("more", added.call_id, recipient.channel, recipient.address, added.text),
        in_reply_to=answers,
        subject=note.subject,
        text=mail_text(note) if recipient.channel is Channel.EMAIL else telegram_text(note),
        html=mail_page(note) if recipient.channel is Channel.EMAIL else "",
        written_at=added.at,
        call_id=added.call_id,
        client_id=added.client_id,
    )


def compose_alarm(reached: LimitReached, desk: AlarmDesk) -> Letter:
    """The letter that tells the admin of a limit; one for each client and UTC day has the same `message_id`.

    It belongs to no client's letters: it is the house's own.
    """
    option, number = _limit(reached)
    client = clean_line(reached.client_name, NAME_LIMIT)
    return warning(
        desk,
        reached.at,
        named("alarm", str(reached.client_id), reached.at.date().isoformat()),
        ALARM[desk.language],
        (f"reached-{reached.limit}", "contact", "raise"),
        accent=CAUTION,
        title=client,
        command=f"pbx-control client set {reached.slug} --{option} {max(2 * number, 1)}",
        client=client,
        slug=reached.slug,
        number=number,
        contact=clean_line(reached.contact, NAME_LIMIT),
    )


def warning(
    desk: AlarmDesk,
    at: datetime,
    message_id: str,
    words: Mapping[str, str],
    parts: Iterable[str],
    *,
    further: Iterable[str] = (),
    last: Iterable[str] = (),
    accent: str = LOSS,
    title: str = "",
    facts: tuple[Fact, ...] = (),
    command: str = "",
    reference: str = "",
    **values: object,
) -> Letter:
    """A letter that warns the admin.

    `words` has its subject, headline and footer, and its paragraphs by name, of which it says `parts` and after them
    `further`, as it is; the parts in `last` stand after the facts, before the command. Braces in words are filled with
    `values` and the office's name; that is also the title if no other is given.
    """
    office = clean_line(desk.office, NAME_LIMIT)

    def said(part: str) -> str:
        return words[part].format(office=office, **values)

    note = Note(
        language=desk.language,
        sign="⚠️",
        accent=accent,
        subject=said("subject"),
        headline=said("headline"),
        title=title or office,
        paragraphs=(*map(said, parts), *further),
        facts=facts,
        afterwards=tuple(map(said, last)),
        command=command,
        footer=said("footer"),
        reference=reference,
    )
    return to_admin(note, desk, message_id, at)


def to_admin(note: Note, desk: AlarmDesk, message_id: str, at: datetime) -> Letter:
    """The note as an e-mail to the admin; of two with the same `message_id` one is sent."""
    return Letter(
        channel=Channel.EMAIL,
        address=desk.address,
        message_id=message_id,
        subject=note.subject,
        text=mail_text(note),
        html=mail_page(note),
        written_at=at,
    )


def clean_paragraphs(text: str) -> list[str]:
    """The lines of a text, each harmless; empty ones are left out."""
    lines = text[:LONGEST_SUPPLEMENT].splitlines()
    return [line for line in (clean_line(each, LONGEST_SUPPLEMENT) for each in lines) if line]


def _limit(reached: LimitReached) -> tuple[str, int]:
    """The option that raises the limit, and where it stands."""
    if reached.limit == "a_day":
        return "calls-out-a-day", reached.outgoing.a_day
    return "calls-out-at-once", reached.outgoing.at_once


def named(kind: str, *identity: str) -> str:
    """A letter's `message_id`: a name for ever for what has this identity: safe in a header whatever went in."""
    return f"{kind}." + hashlib.sha256("\x1f".join(identity).encode("utf-8", "surrogatepass")).hexdigest()[:32]


def mail_page(note: Note) -> str:
    """The note as HTML."""
    return html_template("note.html.j2").render(letter=note)


def mail_text(note: Note) -> str:
    """The note for mail programs that show no HTML."""
    facts = "\n".join(f"{fact.label}: {fact.value}" for fact in note.facts)
    lines = "\n".join(note.grid.lines) if note.grid else ""
    command = note.command and f"    {note.command}"
    link = f"{note.link.words}:\n{note.link.address}" if note.link else ""
    end = "\n".join(filter(None, [note.footer, note.reference]))
    parts = [note.headline, note.title, *note.paragraphs, facts, lines, link, *note.afterwards, command, end]
    return "\n\n".join(filter(None, parts)) + "\n"


def telegram_text(note: Note) -> str:
    """The note for a chat: what it says, without a table and what belongs to it."""
    return "\n\n".join([f"{note.sign} {note.subject}", *note.paragraphs])


SUPPLEMENT = InLanguages(
    {
        "subject": "{client}: more about the call from {caller}",
        "headline": "More about the call",
        "withheld": "withheld number",
        "reference": "Reference",
        "footer": "Sent by {office}, who answers the calls of {client}. It adds to the message before.",
    }
)

ALARM = InLanguages(
    {
        "subject": "{client}: the limit of calls to contacts is reached",
        "headline": "Limit of outgoing calls",
        "reached-at_once": "{client} ({slug}) has reached its limit of calls to contacts at the same time: {number}.",
        "reached-a_day": "{client} ({slug}) has reached its limit of calls to contacts on this day (UTC): {number}.",
        "contact": "A secretary wanted to call {contact} and could not.",
        "raise": "If it is right that so many are made, raise the limit, to twice as much for example:",
        "footer": "Sent automatically by pbx-control at {office}; at most one a day for each client.",
    }
)
