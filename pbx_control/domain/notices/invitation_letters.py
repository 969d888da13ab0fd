"""The letter that asks an address whether it wants to be sent a client's messages (docs/service.md rule 7)."""

from dataclasses import dataclass
from datetime import datetime

from pbx_control.catalogue import InLanguages
from pbx_control.domain.notices.messages import Channel, Kind, Letter
from pbx_control.domain.notices.notes import Link, Note, mail_page, mail_text, named
from pbx_control.domain.words.wording import NAME_LIMIT, clean_line, date_and_time


@dataclass(frozen=True, slots=True, kw_only=True)
class Invitation:
    """Who is asked, for whom, and the page where the answer is given."""

    request_id: int
    client_id: int
    client_name: str
    language: str  # of the client
    address: str
    link: str
    ends_at: datetime  # aware, in the client's zone
    at: datetime  # aware


def compose_invitation(invitation: Invitation, office_name: str) -> Letter:
    """The e-mail; one for each request."""
    words = WORDS[invitation.language]
    client = clean_line(invitation.client_name, NAME_LIMIT)
    values = {
        "client": client,
        "office": clean_line(office_name, NAME_LIMIT),
        "until": date_and_time(invitation.ends_at, invitation.language),
    }
    note = Note(
        language=invitation.language,
        sign="✉️",
        accent="#1d5fbf",
        subject=words["subject"].format(**values),
        headline=words["headline"],
        title=client,
        paragraphs=(words["asks"].format(**values),),
        link=Link(invitation.link, words["yes"]),
        afterwards=(words["until"].format(**values), words["otherwise"].format(**values)),
        footer=words["footer"].format(**values),
    )
    return Letter(
        channel=Channel.EMAIL,
        address=invitation.address,
        message_id=named("invitation", str(invitation.request_id), invitation.address),
        subject=note.subject,
        text=mail_text(note),
        html=mail_page(note),
        written_at=invitation.at,
        client_id=invitation.client_id,
        kind=Kind.ASK,
    )


WORDS = InLanguages(
    {
        "subject": "{client}: shall its messages come to this address?",
        "headline": "Messages about calls",
        "asks": "{client} wants this address to be sent the messages about its calls, which {office} answers. Nothing "
        "is sent before you have said yes.",
        "yes": "Yes, send them here",
        "until": "The link is good until {until}, and once.",
        "otherwise": "If you do not know {client}, do nothing: you will get no further letter.",
        "footer": "Sent by {office}, who answers the calls of {client}.",
    }
)
