"""Letters of a client that handles sensitive matters (a doctor, say): that there is something to read, and where."""

from dataclasses import replace

from pbx_control.catalogue import InLanguages
from pbx_control.domain.notices.acts import Act
from pbx_control.domain.notices.messages import Channel, Letter
from pbx_control.domain.notices.notes import Link, Note, mail_page, mail_text
from pbx_control.domain.words.wording import NAME_LIMIT, clean_line


def without_content(
    letter: Letter, client_name: str, language: str, office_name: str, url: str, page: str = ""
) -> Letter:
    """The letter with nothing in it of who called and what for: a link to the portal at `url`, for those who may sign
    in there; `page`: to that page of it. What names it stays, so that it is written once all the same."""
    words = WORDS[language]
    values = {"client": clean_line(client_name, NAME_LIMIT), "office": clean_line(office_name, NAME_LIMIT)}
    path = page or (f"/portal/calls/{letter.call_id}" if letter.call_id else "/portal/messages")
    note = Note(
        language=language,
        sign="🔒",
        accent="#1d5fbf",
        subject=words["subject"].format(**values),
        headline=words["headline"],
        title=values["client"],
        paragraphs=(words["there"].format(**values),),
        link=Link(f"{url}{path}", words["read"]),
        footer=words["footer"].format(**values),
    )
    by_mail = letter.channel is Channel.EMAIL
    return replace(
        letter,
        subject=note.subject,
        text=mail_text(note) if by_mail else f"{note.sign} {note.subject}\n\n{url}{path}",
        html=mail_page(note) if by_mail else "",
        attachment="",
        acts=tuple(act for act in letter.acts if act is Act.SEEN),
    )


WORDS = InLanguages(
    {
        "subject": "{client}: something new in the portal",
        "headline": "Something new",
        "there": "There is a message or a call to read in the portal. Nothing of it stands in this letter.",
        "read": "Read it in the portal",
        "footer": "Sent by {office}, who answers the calls of {client}.",
    }
)
