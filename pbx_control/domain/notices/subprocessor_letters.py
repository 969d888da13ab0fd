"""The letter by which a client learns that somebody else processes its data now, or does so no more (Ley 21.719)."""

from dataclasses import dataclass
from datetime import datetime

from pbx_control.catalogue import InLanguages
from pbx_control.domain.keeping.subprocessors import Difference
from pbx_control.domain.notices.messages import Channel, Fact, Letter, Recipient
from pbx_control.domain.notices.notes import Link, Note, mail_page, mail_text, named
from pbx_control.domain.words.wording import NAME_LIMIT, clean_line

LINE_LIMIT = 300
PAGE = "/portal/privacy"


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """What has changed for a client."""

    client_id: int
    client_name: str
    language: str
    difference: Difference
    at: datetime


def compose_change(change: Change, recipient: Recipient, office_name: str, url: str) -> Letter:
    """The letter to one recipient; `url` is where browsers reach the portal. The same change to the same recipient
    always has the same `message_id`."""
    note = _note(change, office_name, url)
    by_mail = recipient.channel is Channel.EMAIL
    identity = str(change.client_id), change.at.isoformat(), recipient.channel, recipient.address
    return Letter(
        channel=recipient.channel,
        address=recipient.address,
        message_id=named("subprocessors", *identity),
        subject=note.subject,
        text=mail_text(note) if by_mail else _chat_text(note),
        html=mail_page(note) if by_mail else "",
        written_at=change.at,
        client_id=change.client_id,
    )


def _note(change: Change, office_name: str, url: str) -> Note:
    words = WORDS[change.language]
    values = {"client": clean_line(change.client_name, NAME_LIMIT), "office": clean_line(office_name, NAME_LIMIT)}
    return Note(
        language=change.language,
        sign="🔎",
        accent="#1d5fbf",
        subject=words["subject"].format(**values),
        headline=words["headline"],
        title=values["client"],
        paragraphs=(words["changed"].format(**values),),
        facts=_facts(change),
        link=Link(f"{url}{PAGE}", words["look"]),
        afterwards=(words["object"].format(**values),),
        footer=words["footer"].format(**values),
    )


def _facts(change: Change) -> tuple[Fact, ...]:
    words, told = WORDS[change.language], change.difference
    lines = [
        *((words["new"], one.line(change.language)) for one in told.new),
        *((words["otherwise"], one.line(change.language)) for one in told.changed),
        *((words["gone"], one.called(change.language)) for one in told.gone),
    ]
    return tuple(Fact(label, clean_line(line, LINE_LIMIT)) for label, line in lines)


def _chat_text(note: Note) -> str:
    facts = "\n".join(f"{fact.label}: {fact.value}" for fact in note.facts)
    address = note.link.address if note.link else ""
    return "\n\n".join([f"{note.sign} {note.subject}", *note.paragraphs, facts, address, *note.afterwards])


WORDS = InLanguages(
    {
        "subject": "{client}: who else processes your data changes",
        "headline": "Who else processes your data",
        "changed": "{office} processes your callers' data on your behalf and lets others help. "
        "Who they are has changed:",
        "new": "New",
        "gone": "No longer",
        "otherwise": "Changed",
        "look": "See the whole list",
        "object": "If you do not agree, tell {office}.",
        "footer": "Sent by {office}, who answers the calls of {client}, as Ley 21.719 asks.",
    }
)
