"""The letter that welcomes a client: its number, both ways of using it, what comes next (docs/service.md rule 1)."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from zoneinfo import ZoneInfo

from pbx_control.catalogue import InLanguages
from pbx_control.domain.notices.messages import Channel, Letter, Recipient, html_template
from pbx_control.domain.notices.notes import named
from pbx_control.domain.opening.hours import ALWAYS, NEVER, Week
from pbx_control.domain.opening.speech import hours_in_words
from pbx_control.domain.telephony.numbering import dialled_within_country
from pbx_control.domain.words.wording import NAME_LIMIT, clean_line, date_and_time, readable_number

ACCENT = "#17784a"
# What carriers understand as "forward every call" and as "no longer", in Chile and nearly everywhere (3GPP TS 22.030).
FORWARD, FORWARD_NO_MORE = "*21*{digits}#", "#21#"


@dataclass(frozen=True, slots=True, kw_only=True)
class Welcome:
    """What a client is told once it has its number and has been called."""

    order_id: int
    client_id: int
    client_name: str
    language: str  # of the client: "es" or "en"
    timezone: str  # of the client, IANA name
    week: Week  # its opening hours
    numbers: tuple[str, ...]  # E.164, the main one first
    answered_by: datetime  # aware: until when its calls will be answered
    at: datetime  # aware


@dataclass(frozen=True, slots=True)
class Section:
    """A part of the letter: paragraphs and, for what is to be dialled, what it does with what to dial."""

    title: str
    paragraphs: tuple[str, ...]
    codes: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class WelcomePage:
    """The letter, harmless and in words, before it becomes text or HTML."""

    language: str
    accent: str  # CSS colour
    subject: str
    headline: str
    number: str
    lead: str
    sections: tuple[Section, ...]
    footer: str
    colour: str = ""
    reference: str = ""


def compose_welcome(welcome: Welcome, recipient: Recipient, office_name: str) -> Letter:
    """The letter to one of the client's recipients, in the client's language.

    The same order and recipient always give the same `message_id`: a client is welcomed once.
    """
    page = _page(welcome, office_name)
    by_mail = recipient.channel is Channel.EMAIL
    return Letter(
        channel=recipient.channel,
        address=recipient.address,
        message_id=named("welcome", str(welcome.order_id), recipient.channel, recipient.address),
        subject=page.subject,
        text=_mail_text(page) if by_mail else _telegram_text(page),
        html=html_template("welcome.html.j2").render(letter=page) if by_mail else "",
        written_at=welcome.at,
        client_id=welcome.client_id,
    )


def _page(welcome: Welcome, office_name: str) -> WelcomePage:
    words = WORDS[welcome.language]
    values = {
        "client": clean_line(welcome.client_name, NAME_LIMIT),
        "office": clean_line(office_name, NAME_LIMIT),
        "number": readable_number(welcome.numbers[0]),
        "others": ", ".join(readable_number(number) for number in welcome.numbers[1:]),
        "hours": hours_in_words(welcome.week, welcome.language),
        "until": date_and_time(welcome.answered_by.astimezone(ZoneInfo(welcome.timezone)), welcome.language),
    }
    return WelcomePage(
        language=welcome.language,
        accent=ACCENT,
        subject=words["subject"].format(**values),
        headline=words["headline"].format(**values),
        number=values["number"],
        lead=words["lead"].format(**values),
        sections=tuple(_sections(welcome, words, values)),
        footer=words["footer"].format(**values),
    )


def _sections(welcome: Welcome, words: Mapping[str, str], values: Mapping[str, str]) -> list[Section]:
    def part(title: str, *names: str, codes: tuple[tuple[str, str], ...] = ()) -> Section:
        return Section(words[title], tuple(words[name].format(**values) for name in names), codes)

    forward = FORWARD.format(digits=dialled_within_country(welcome.numbers[0]))
    codes = ((words["forward-on"], forward), (words["forward-off"], FORWARD_NO_MORE))
    others = ("others",) if welcome.numbers[1:] else ()
    return [
        part("publish-title", "publish", *others),
        part("forward-title", "forward", "forward-how", codes=codes),
        part("next-title", "next", "messages", "changes"),
        part("hours-title", *_hours(welcome.week)),
    ]


def _hours(week: Week) -> tuple[str, ...]:
    if week == NEVER:
        return ("never",)
    return ("always",) if week == ALWAYS else ("hours", "closed")


def _mail_text(page: WelcomePage) -> str:
    """The letter for mail programs that show no HTML; the same contents."""
    paragraphs = [page.headline, page.number, page.lead]
    for section in page.sections:
        codes = "\n".join(f"    {code:18}{what}" for what, code in section.codes)
        paragraphs += [section.title.upper(), *section.paragraphs, codes]
    return "\n\n".join(filter(None, [*paragraphs, page.footer])) + "\n"


def _telegram_text(page: WelcomePage) -> str:
    """The letter for a chat: Telegram's limit is 4096 characters, of which it needs less than half."""
    parts = [f"👋 {page.headline}", f"☎️ {page.number}", page.lead]
    for section in page.sections:
        codes = (f"{what}: {code}" for what, code in section.codes)
        parts.append("\n".join([f"▪️ {section.title}", *section.paragraphs, *codes]))
    return "\n\n".join(parts)


WORDS = InLanguages(
    {
        "subject": "{client}: your number is {number}",
        "headline": "Welcome to {office}",
        "lead": "This is the fixed number of {client}. It is yours alone until the subscription ends, and you can use "
        "it in two ways, or in both.",
        "publish-title": "1. Publish it",
        "publish": "Put it on your web site, your business cards, your advertisements: who dials it is answered as if "
        "he had called your office.",
        "others": "These are yours, too: {others}.",
        "forward-title": "2. Keep your old number and forward it",
        "forward": "If you would rather not change your number, forward your landline or mobile to this one, and as "
        "many telephones as you need.",
        "forward-how": "Dial it on the telephone that you want to forward. The code depends on your telephone company "
        "but is usually this; if it does not work, ask the company to forward all calls to {number}.",
        "forward-on": "to forward",
        "forward-off": "to stop forwarding, in the same way",
        "next-title": "What comes next",
        "next": "With the greeting that you agreed on with our secretary, we begin to answer your calls by {until} at "
        "the latest. If you forward a telephone, do it from then on.",
        "messages": "As soon as each call has ended, its message goes to all your recipients by e-mail or Telegram.",
        "changes": "Greeting and protocol can be changed as often as you like. For your safety, ask for changes in "
        "writing, by e-mail or Telegram; we accept none by telephone.",
        "hours-title": "Opening hours",
        "hours": "We answer {hours}, except on public holidays.",
        "always": "We answer 24 hours a day, every day, public holidays included.",
        "never": "Your opening hours are still to be agreed on.",
        "closed": "At other times callers hear a recording that tells them these hours.",
        "footer": "Sent by {office}, who answers the calls of {client}.",
    }
)
