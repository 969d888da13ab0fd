"""The letter by which a caller gets a ready-made text of a client (docs/service.md rule 8)."""

from dataclasses import dataclass
from datetime import datetime

from pbx_control.catalogue import InLanguages
from pbx_control.domain.notices.messages import Channel, Kind, Letter
from pbx_control.domain.notices.notes import Note, mail_page, mail_text, named
from pbx_control.domain.words.wording import NAME_LIMIT, clean_line

# Characters of one paragraph; the whole text is shorter (services.infos).
LONGEST = 8000


@dataclass(frozen=True, slots=True, kw_only=True)
class Info:
    """A ready-made text, and for which call it is sent."""

    call_id: str
    client_id: int
    client_name: str
    language: str  # of the client
    text_id: int
    name: str
    text: str
    at: datetime  # aware


def compose_info(info: Info, address: str, office_name: str) -> Letter:
    """The e-mail to the caller; the same text for the same call and address always has the same `message_id`."""
    words = WORDS[info.language]
    client, name = clean_line(info.client_name, NAME_LIMIT), clean_line(info.name, NAME_LIMIT)
    values = {"client": client, "name": name, "office": clean_line(office_name, NAME_LIMIT)}
    note = Note(
        language=info.language,
        sign="",
        accent="#1d5fbf",
        subject=words["subject"].format(**values),
        headline=client,
        title=name,
        paragraphs=tuple(filter(None, (clean_line(line, LONGEST) for line in info.text.splitlines()))),
        footer=words["footer"].format(**values),
    )
    return Letter(
        channel=Channel.EMAIL,
        address=address,
        message_id=named("info", info.call_id, str(info.text_id), address),
        subject=note.subject,
        text=mail_text(note),
        html=mail_page(note),
        written_at=info.at,
        call_id=info.call_id,
        client_id=info.client_id,
        kind=Kind.INFO,
    )


WORDS = InLanguages(
    {
        "subject": "{client}: {name}",
        "footer": "Sent by {office} on behalf of {client}, as you asked on the telephone.",
    }
)
