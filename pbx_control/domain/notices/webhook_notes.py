"""The letter to the admin about a webhook that is told of nothing any more."""

from datetime import datetime

from pbx_control.catalogue import InLanguages
from pbx_control.domain.notices.letter_notes import ANSWER_LIMIT
from pbx_control.domain.notices.messages import Letter
from pbx_control.domain.notices.notes import AlarmDesk, named, warning
from pbx_control.domain.words.sentences import Sentence
from pbx_control.domain.words.wording import clean_line


def compose_stopped(number: int, client: str, lost: int, why: Sentence, at: datetime, desk: AlarmDesk) -> Letter:
    """The letter about a webhook that has stopped; one for each webhook and instant has the same `message_id`. `client`
    is a slug, "" if it is the office's own."""
    return warning(
        desk,
        at,
        named("webhook", str(number), at.isoformat()),
        STOPPED[desk.language],
        ("whose" if client else "ours", "why", "lost", "do"),
        command=f"pbx-control webhook test {number}",
        number=number,
        client=client,
        lost=lost,
        why=clean_line(why.said(desk.language), ANSWER_LIMIT),
    )


STOPPED = InLanguages(
    {
        "subject": "The webhook {number} was stopped",
        "headline": "A webhook was stopped",
        "whose": "The webhook {number} of {client} is told of no events any more.",
        "ours": "The office\'s webhook {number} is told of no events any more.",
        "why": "Its receiver has taken none for five days, or says that it wants none. The last answer was: {why}",
        "lost": "Events that waited for it and were dropped: {lost}.",
        "do": "Tell whoever runs it. A test that it takes lets it go on:",
        "footer": "Sent automatically by pbx-control, once each time that a webhook is stopped.",
    }
)
