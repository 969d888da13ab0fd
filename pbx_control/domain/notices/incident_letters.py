"""The letter by which a client is told of an incident with its data (Ley 21.719)."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from zoneinfo import ZoneInfo

from pbx_control.catalogue import InLanguages
from pbx_control.domain.keeping.incidents import LONGEST_TITLE, Incident
from pbx_control.domain.notices.messages import Channel, Fact, Letter, Recipient
from pbx_control.domain.notices.notes import LOSS, Note, clean_paragraphs, mail_page, mail_text, named, telegram_text
from pbx_control.domain.words.wording import NAME_LIMIT, clean_line, date_and_time


@dataclass(frozen=True, slots=True, kw_only=True)
class Concerned:
    """The client that is told."""

    client_id: int
    name: str
    language: str
    timezone: str  # IANA name


def compose_incident(
    incident: Incident, client: Concerned, recipient: Recipient, office_name: str, at: datetime
) -> Letter:
    """The letter to one recipient, in the client's language, with times of its zone. The same incident, client and
    recipient always give the same `message_id`."""
    note = _note(incident, client, office_name)
    by_mail = recipient.channel is Channel.EMAIL
    return Letter(
        channel=recipient.channel,
        address=recipient.address,
        message_id=named("incident", str(incident.id), str(client.client_id), recipient.channel, recipient.address),
        subject=note.subject,
        text=mail_text(note) if by_mail else _chat_text(note),
        html=mail_page(note) if by_mail else "",
        written_at=at,
        client_id=client.client_id,
    )


def _note(incident: Incident, client: Concerned, office_name: str) -> Note:
    words = WORDS[client.language]
    values = {
        "client": clean_line(client.name, NAME_LIMIT),
        "office": clean_line(office_name, NAME_LIMIT),
        "title": clean_line(incident.title, LONGEST_TITLE),
    }
    return Note(
        language=client.language,
        sign="⚠️",
        accent=LOSS,
        subject=words["subject"].format(**values),
        headline=words["headline"],
        title=values["title"],
        paragraphs=tuple(clean_paragraphs(incident.what)),
        facts=tuple(_facts(incident, client)),
        afterwards=(words["yours"].format(**values), words["ask"].format(**values)),
        footer=words["footer"].format(**values),
        reference=words["reference"].format(number=incident.id),
    )


def _facts(incident: Incident, client: Concerned) -> Iterator[Fact]:
    words, zone = WORDS[client.language], ZoneInfo(client.timezone)
    for label, instant in (("happened", incident.happened_at), ("known", incident.known_at)):
        yield Fact(words[label], date_and_time(instant.astimezone(zone), client.language))
    for label, text in (("data", incident.data), ("measures", incident.measures)):
        if told := " ".join(clean_paragraphs(text)):
            yield Fact(words[label], told)


def _chat_text(note: Note) -> str:
    facts = "\n".join(f"{fact.label}: {fact.value}" for fact in note.facts)
    return "\n\n".join([telegram_text(note), facts, *note.afterwards])


WORDS = InLanguages(
    {
        "subject": "{client}: notice of an incident: {title}",
        "headline": "Notice of an incident",
        "happened": "Happened",
        "known": "Known to us since",
        "data": "Data concerned",
        "measures": "Measures taken",
        "yours": "We process your callers' data on your behalf, so we report this to you (Ley 21.719). You decide "
        "about these data: whether the data protection agency and the people concerned must be told is yours to judge. "
        "{office} gives you what you need for that.",
        "ask": "If you have questions, get in touch with {office}.",
        "footer": "Sent by {office}, who answers the calls of {client}.",
        "reference": "Incident {number}",
    }
)
