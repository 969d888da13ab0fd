"""Letters about an urgent message: what stands above it, and what the office is told if nobody has seen it."""

from dataclasses import dataclass, replace
from datetime import datetime

from pbx_control.catalogue import InLanguages
from pbx_control.domain.notices.messages import (
    BODY,
    CAPTION_LIMIT,
    TELEGRAM_LIMIT,
    Channel,
    Fact,
    Letter,
    Recipient,
    again_id,
    cut,
    html_template,
)
from pbx_control.domain.notices.notes import LOSS, AlarmDesk, named, warning
from pbx_control.domain.notices.phrases import PHRASES
from pbx_control.domain.words.wording import NAME_LIMIT, clean_line


@dataclass(frozen=True, slots=True)
class Above:
    """What stands above an urgent message: `url` leads to the page where somebody says that he has seen it."""

    sentence: str
    url: str
    press: str
    urgent: str


def as_urgent(letter: Letter, url: str, language: str, *, again: bool = False) -> Letter:
    """The letter with what makes it urgent. `again`: it went before, and nobody has seen it. In a chat there are
    buttons; a mail has a link."""
    words = WORDS[language if language in WORDS else "es"]
    subject = words["subject"].format(subject=letter.subject)
    sentence = words["again" if again else "first"]
    if letter.channel is Channel.TELEGRAM:
        limit = CAPTION_LIMIT if letter.attachment else TELEGRAM_LIMIT
        text = cut(f"🚨 {words['urgent']}. {sentence}\n\n{letter.text}", limit, PHRASES[language].cut)
        return replace(letter, subject=subject, text=text)
    above = Above(sentence, url, words["press"], words["urgent"])
    text = f"{words['urgent']}. {sentence}\n{words['press']}: {url}\n\n{letter.text}"
    return replace(letter, subject=subject, text=text, html=_with_above(letter.html, above))


def told_again(letter: Letter, number: int, answers: str) -> Letter:
    """The letter as the `number`-th that tells again, to one who got `answers` first ("": nothing)."""
    who = Recipient(letter.channel, letter.address)
    name = again_id(letter.call_id or "", who, number)
    return replace(letter, message_id=name, in_reply_to=answers, attachment="" if answers else letter.attachment)


def _with_above(html: str, above: Above) -> str:
    start = body.end() if (body := BODY.search(html)) else 0
    return html[:start] + html_template("urgent.html.j2").render(above=above) + html[start:]


@dataclass(frozen=True, slots=True, kw_only=True)
class NobodyHasSeen:
    """An urgent message that nobody has seen, though everybody was told."""

    call_id: str
    client_name: str
    arrived_at: datetime
    letters: int  # that have told of it again
    at: datetime


def compose_unseen(one: NobodyHasSeen, desk: AlarmDesk) -> Letter:
    """The letter to the office; one for each message. It names the call, and nothing of what was said."""
    words = UNSEEN[desk.language]
    return warning(
        desk,
        one.at,
        named("unseen", one.call_id),
        words,
        ("what", "do"),
        accent=LOSS,
        title=clean_line(one.client_name, NAME_LIMIT),
        facts=(
            Fact(words["called"], desk.time(one.arrived_at)),
            Fact(words["told"], str(one.letters)),
        ),
        command=f"pbx-control call show {clean_line(one.call_id, NAME_LIMIT)}",
        client=clean_line(one.client_name, NAME_LIMIT),
    )


WORDS = InLanguages(
    {
        "urgent": "Urgent",
        "subject": "Urgent: {subject}",
        "first": "Please say that you have seen it: until somebody does, the next one is told again.",
        "again": "Nobody has said yet that it was seen.",
        "press": "I have seen it",
    }
)

UNSEEN = InLanguages(
    {
        "subject": "Nobody of {client} has seen an urgent message",
        "headline": "An urgent message that nobody has seen",
        "what": "All recipients of {client} were told of an urgent message, and nobody has said that it was seen.",
        "do": "Tell the client by telephone. It stands on the secretaries' pages until one of them has done it. "
        "Whether its addresses work is shown by `recipient list`. What became of the call:",
        "called": "Call",
        "told": "Told again",
        "footer": "Sent automatically by pbx-control at {office}, once for each message.",
    }
)
