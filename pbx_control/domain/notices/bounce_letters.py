"""The letter that tells a client's other recipients that letters to one of them come back."""

from datetime import datetime

from pbx_control.catalogue import InLanguages
from pbx_control.domain.notices.messages import Channel, Letter, Recipient
from pbx_control.domain.notices.notes import CAUTION, Link, Note, mail_page, mail_text, named, telegram_text
from pbx_control.domain.words.wording import NAME_LIMIT, clean_line

ADDRESS_LIMIT, ANSWER_LIMIT = 120, 200


def compose_bounced(
    to: Recipient,
    *,
    client_id: int,
    client_name: str,
    language: str,  # of the client
    address: str,
    answer: str,
    link: str,
    office: str,
    at: datetime,
) -> Letter:
    """Tells one of them; one for each address and UTC day has the same `message_id`. `answer`: what the server said."""
    words = WORDS[language]
    values = {
        "client": clean_line(client_name, NAME_LIMIT),
        "address": clean_line(address, ADDRESS_LIMIT),
        "answer": clean_line(answer, ANSWER_LIMIT),
        "office": clean_line(office, NAME_LIMIT),
    }
    note = Note(
        language=language,
        sign="⚠️",
        accent=CAUTION,
        subject=words["subject"].format(**values),
        headline=words["headline"],
        title=values["address"],
        paragraphs=(words["what"].format(**values), words["do"]),
        link=Link(link, words["open"]),
        footer=words["footer"].format(**values),
    )
    by_mail = to.channel is Channel.EMAIL
    return Letter(
        channel=to.channel,
        address=to.address,
        message_id=named("bounce", str(client_id), address, to.channel.value, to.address, at.date().isoformat()),
        subject=note.subject,
        text=mail_text(note) if by_mail else telegram_text(note),
        html=mail_page(note) if by_mail else "",
        written_at=at,
        client_id=client_id,
    )


WORDS = InLanguages(
    {
        "subject": "{client}: messages to {address} come back",
        "headline": "An address gets no messages",
        "what": "The messages of {client} to {address} come back: the mail server there says “{answer}”.",
        "do": "Nobody reads there what callers wanted. Correct the address, or take it away, among the recipients in "
        "the portal.",
        "open": "Open the recipients",
        "footer": "Sent automatically by {office} to the other recipients of {client}, once for each address that "
        "stops working.",
    }
)
