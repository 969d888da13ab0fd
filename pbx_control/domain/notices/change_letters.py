"""The letters that answer a mail which asks for another greeting or protocol (docs/service.md rule 4)."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from pbx_control.catalogue import InLanguages
from pbx_control.domain.desk.proposals import Line, Mark, Subject
from pbx_control.domain.notices.messages import Channel, Fact, Kind, Letter
from pbx_control.domain.notices.notes import CAUTION, Link, Note, mail_page, mail_text, named
from pbx_control.domain.words.sentences import Sentence
from pbx_control.domain.words.wording import NAME_LIMIT, clean_line, date_and_time

# Changed lines that a letter shows, and characters of one; the portal has all.
MOST_LINES, LINE_LIMIT = 60, 1000
ACCENT = "#1d5fbf"


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """Whom a letter answers, about what. `identity` tells it from every other."""

    identity: str
    address: str
    client_id: int | None
    client_name: str  # "" if it is not known whom the mail is about
    language: str
    subject: Subject | None
    at: datetime  # aware


def compose_changed(answer: Answer, difference: Sequence[Line], back: str, office: str) -> Letter:
    """That the change is in force; `back`: the page where it can be taken back."""
    words = WORDS[answer.language]
    values = _values(answer, office)
    return _letter(
        answer,
        "changed",
        Kind.OURS,
        Note(
            language=answer.language,
            sign="✏️",
            accent=ACCENT,
            subject=words["changed-subject"].format(**values),
            headline=words["changed-headline"],
            title=values["client"],
            paragraphs=(words["changed"].format(**values),),
            facts=_facts(difference, answer.language),
            link=Link(back, words["look"]),
            afterwards=(words["back"].format(**values),),
            footer=words["footer"].format(**values),
        ),
    )


def compose_confirm(answer: Answer, difference: Sequence[Line], link: str, until: datetime, office: str) -> Letter:
    """Asks whether the mail was really his; `until`, in the client's zone: how long the link is good."""
    words = WORDS[answer.language]
    values = _values(answer, office) | {"until": date_and_time(until, answer.language)}
    return _letter(
        answer,
        "confirm",
        Kind.ASK,
        Note(
            language=answer.language,
            sign="✏️",
            accent=ACCENT,
            subject=words["confirm-subject"].format(**values),
            headline=words["confirm-headline"],
            title=values["client"],
            paragraphs=(words["confirm"].format(**values),),
            facts=_facts(difference, answer.language),
            link=Link(link, words["decide"]),
            afterwards=(words["until"].format(**values), words["not-you"]),
            footer=words["footer"].format(**values),
        ),
    )


def compose_refused(answer: Answer, why: Sentence, office: str) -> Letter:
    """Why nothing was changed."""
    words = WORDS[answer.language]
    values = _values(answer, office)
    return _letter(
        answer,
        "refused",
        Kind.OURS,
        Note(
            language=answer.language,
            sign="✏️",
            accent=CAUTION,
            subject=words["refused-subject"].format(**values),
            headline=words["refused-headline"],
            title=values["client"] or values["office"],
            paragraphs=(words["refused"], clean_line(why.said(answer.language), LINE_LIMIT)),
            afterwards=(words["how"],),
            footer=words["footer"].format(**values),
        ),
    )


def _values(answer: Answer, office: str) -> dict[str, str]:
    words = WORDS[answer.language]
    what = words[answer.subject.value] if answer.subject else ""
    client = clean_line(answer.client_name, NAME_LIMIT)
    return {"client": client, "office": clean_line(office, NAME_LIMIT), "what": what}


def _letter(answer: Answer, name: str, kind: Kind, note: Note) -> Letter:
    return Letter(
        channel=Channel.EMAIL,
        address=answer.address,
        message_id=named(f"change-{name}", answer.identity, answer.address),
        subject=note.subject,
        text=mail_text(note),
        html=mail_page(note),
        written_at=answer.at,
        client_id=answer.client_id,
        kind=kind,
    )


def _facts(difference: Sequence[Line], language: str) -> tuple[Fact, ...]:
    """The lines that are different, as they were and as they are."""
    words, facts = WORDS[language], list[Fact]()
    for line in difference:
        if all(piece.mark is Mark.SAME for piece in line):
            continue
        for mark, label in ((Mark.GONE, words["was"]), (Mark.NEW, words["is"])):
            if any(piece.mark is mark for piece in line) or any(piece.mark is Mark.SAME for piece in line):
                text = " ".join(piece.text for piece in line if piece.mark in (mark, Mark.SAME))
                facts.append(Fact(label, clean_line(text, LINE_LIMIT)))
    return tuple(facts[:MOST_LINES])


WORDS = InLanguages(
    {
        "greeting": "greeting",
        "protocol": "protocol",
        "was": "Until now",
        "is": "From now on",
        "changed-subject": "{client}: the {what} is changed",
        "changed-headline": "Changed as you asked by mail",
        "changed": "The {what} of {client} is changed, as your mail asked. Secretaries see it from the next call on.",
        "look": "Open it in the portal",
        "back": "If this is not what you want, put the earlier {what} back there, under the earlier ones.",
        "confirm-subject": "{client}: shall the {what} be changed?",
        "confirm-headline": "Did you ask for this change?",
        "confirm": "A mail from your address asks for another {what} of {client}. The mail does not prove that it is "
        "yours, so nothing is changed before you say yes on this page.",
        "decide": "Look at the change and decide",
        "until": "The link is good until {until}, and once. Do not pass it on: whoever has it can say yes.",
        "not-you": "If you did not ask for this, do nothing: everything stays as it is.",
        "refused-subject": "Your mail has changed nothing",
        "refused-headline": "Your mail has changed nothing",
        "refused": "A mail from your address asked for a change. It was not made:",
        "how": "Write a mail with the subject “Greeting” and the new greeting as its text, or with the subject "
        "“Protocol” and the protocol as a .toml file. If you are an owner of several clients, put the client's name "
        "after that word. You can do the same in the portal.",
        "footer": "Sent automatically by {office} in answer to a mail from this address.",
    }
)
