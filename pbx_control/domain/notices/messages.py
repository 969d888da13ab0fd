"""What a recipient is told about a call: its summary and what the secretary wrote go in, a letter ready for the outbox
comes out.

Everything here is pure and quick (no I/O but the template, read once), so that it can be called inside the
transaction that ends a call. The HTML is a Jinja2 template with autoescape beside this module: a caller's name is
text wherever it shows up.
"""

import hashlib
import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from functools import cache
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

from pbx_control.domain.call.model import Outcome
from pbx_control.domain.desk.words import Said, Stage, Written, gist, said
from pbx_control.domain.notices.acts import Act, acts_about
from pbx_control.domain.notices.phrases import PHRASES, Phrases, Told
from pbx_control.domain.words.wording import (
    NAME_LIMIT,
    clean_line,
    date_and_time,
    dialable_number,
    duration,
    is_withheld,
    readable_number,
)

if TYPE_CHECKING:
    from jinja2 import Template

# Calls for which telephones rang: only there is waiting time worth telling.
RUNG = (Outcome.ANSWERED, Outcome.MISSED, Outcome.LEFT_MESSAGE)

# What the message_ids of a call's letters begin with: the first to a recipient, and those that answer it.
FIRST, ANSWER = "call.", "message."
# And those that tell somebody again of an urgent one that nobody has seen.
AGAIN = "urgent."
# The kind of the daily reports, which their message_ids begin with (domain.notices.notes.named).
REPORT = "missed"
# And those about an appointment, which are apart from the call in which it was booked.
APPOINTMENT = "appointment."

# Where an HTML letter begins to be read.
BODY = re.compile(r"<body[^>]*>")

# Between what she wrote and the facts of the call, in text.
RULE = "–" * 20

# What a letter's attachment begins with if it lies there, and not under recordings/.
DOCUMENTS = "documents/"

# Pauses after the 1st, 2nd … try; then every LATER_PAUSE until the letter has been tried for three days.
PAUSES = tuple(timedelta(minutes=minutes) for minutes in (1, 2, 5, 15, 30, 60))
LATER_PAUSE = timedelta(hours=2)
PATIENCE = timedelta(days=3)
# What Telegram takes of a text, and of the text beside a file, in UTF-16 units.
TELEGRAM_LIMIT, CAPTION_LIMIT = 4096, 1024
MAX_ATTEMPTS = len(PAUSES) + (PATIENCE - sum(PAUSES, timedelta())) // LATER_PAUSE + 1


class Channel(StrEnum):
    """The ways out of the outbox. A recipient has one of the first two (the names are those of the table `recipient`);
    by the third a program is told of events (`domain/webhooks.py`)."""

    EMAIL = "email"
    TELEGRAM = "telegram"
    WEBHOOK = "webhook"


class Kind(StrEnum):
    """To whom a letter goes; the names are those of `letter.kind`."""

    OURS = ""  # a client's recipients, or the admin
    INFO = "info"  # a caller, who asked for a ready-made text
    BOOKED = "booked"  # a caller, who wants his appointment by e-mail
    RESET = "reset"  # somebody who has forgotten his password
    INVITE = "invite"  # somebody who has never had one
    ASK = "ask"  # an address that is asked whether it wants a client's messages
    WEBHOOK = "webhook"  # a program: no letter to anybody


# What stands in these opens an account, or says yes for somebody: it is gone once they are sent, or given up.
SECRET = frozenset({Kind.RESET, Kind.INVITE, Kind.ASK})
# These go to callers: their addresses are none of ours.
TO_CALLERS = frozenset({Kind.INFO, Kind.BOOKED})


@dataclass(frozen=True, slots=True)
class Recipient:
    """One who gets a client's messages: an e-mail address, or a Telegram chat's id."""

    channel: Channel
    address: str


@dataclass(frozen=True, slots=True, kw_only=True)
class CallSummary:
    """What is known of a call that is over, or was handed over to a contact and goes on without us: then it ended,
    for the letter, at the hand-over. Strings of outside may be anything: `compose` makes them harmless."""

    call_id: str
    client_id: int
    client_name: str
    language: str  # of the client: "es" or "en"
    colour: str = ""  # that it is shown in at the desk, CSS
    timezone: str  # of the client, IANA name
    did: str  # E.164
    caller: str  # E.164, other cleaned text, or empty if withheld
    caller_name: str = ""
    outcome: Outcome
    secretary: str = ""  # who answered
    transferred_to: str = ""  # the contact's name; the outcome is ANSWERED then
    arrived_at: datetime  # aware
    ended_at: datetime  # aware; also the letter's date
    waited: timedelta = timedelta(0)  # until somebody answered, or it was over
    talked: timedelta = timedelta(0)  # with the secretary
    recording_flaw: str = ""  # missing | short | long; empty: the recording is sound, or there was to be none
    message: str = ""  # path under recordings/ of a left message
    message_flaw: str = ""  # lost | cut; empty: it is sound, or there is none
    message_kept: timedelta = timedelta(0)  # of one that was cut
    wrong_number: bool = False
    spam: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Letter:
    """One message to one recipient, complete. `message_id` is the same however often it is composed or sent."""

    channel: Channel
    address: str
    message_id: str  # left part of the mail's Message-ID; the sender's domain is the right one
    subject: str
    text: str
    html: str = ""  # e-mail only
    invitation: str = ""  # e-mail only: an iCalendar text that calendars take (domain.agenda.invitation)
    attachment: str = ""  # path under recordings/ or, if it begins with documents/, under the home
    in_reply_to: str = ""  # the message_id of the letter that it adds to
    acts: tuple[Act, ...] = ()  # Telegram only: the buttons beneath it
    language: str = ""  # of the buttons
    written_at: datetime  # aware
    call_id: str | None = None
    client_id: int | None = None
    kind: Kind = Kind.OURS


@dataclass(frozen=True, slots=True)
class Fact:
    """A line of a letter: what it is about, and what there is to say."""

    label: str
    value: str


@dataclass(frozen=True, slots=True, kw_only=True)
class MessagePage:
    """A letter's contents, harmless and in words, before they become text or HTML."""

    language: str
    sign: str  # one emoji
    accent: str  # CSS colour
    colour: str  # the client's, or ""
    subject: str
    headline: str
    notice: str  # what there is to know of the words, or empty
    words: tuple[Said, ...]  # what she wrote
    before: str  # {was}: how a corrected field tells what it was
    story: str
    caller: str  # name, or number, or that it was withheld
    number: str  # beneath the name, if there is one
    dialable: str  # E.164 to call back, or empty
    call_back: str
    facts: tuple[Fact, ...]  # the first one says who called; HTML shows that large instead
    attached: str  # that the message is attached, or empty
    footer: str
    reference: str

    @property
    def details(self) -> tuple[Fact, ...]:
        """The facts but who called."""
        return self.facts[1:]

    def was(self, one: Said) -> str:
        """What a corrected field was before; empty if it was not there, or is as it was."""
        return self.before.format(was=one.was) if one.was else ""


# The letter's one colour and, in Telegram, its sign: what became of the call is seen before it is read.
ACCENTS = {
    Outcome.ANSWERED: "#17784a",
    Outcome.MISSED: "#b3261e",
    Outcome.CLOSED: "#586272",
    Outcome.LEFT_MESSAGE: "#1d5fbf",
    Outcome.EXHAUSTED: "#8f5400",
    Outcome.BLOCKED: "#586272",
}
SIGNS = {
    Outcome.ANSWERED: "📞",
    Outcome.MISSED: "❗",
    Outcome.CLOSED: "🌙",
    Outcome.LEFT_MESSAGE: "🎙",
    Outcome.EXHAUSTED: "⛔",
    Outcome.BLOCKED: "🚫",
}


def compose(
    summary: CallSummary, recipient: Recipient, office_name: str, written: Written | None = None, answers: str = ""
) -> Letter:
    """The letter that tells a recipient about a call, in the client's language (docs/service.md rule 7).

    `office_name` is the secretaries' company, for the footer. `written`: what the secretary wrote; None: there is
    nothing to say of that. `answers`: the message_id of the recipient's first letter about the call, "" if this is it.
    The same call, recipient and version always give the same `message_id`, so that the outbox can refuse a second one.
    """
    phrases = PHRASES[summary.language if summary.language in PHRASES else "es"]
    page = _page(summary, phrases, office_name, written)
    by_mail = recipient.channel == Channel.EMAIL
    first = message_id(summary.call_id, recipient)
    return Letter(
        channel=recipient.channel,
        address=recipient.address,
        message_id=answer_id(summary.call_id, recipient, written.version) if written and answers else first,
        in_reply_to=answers,
        subject=page.subject,
        text=_mail_text(page) if by_mail else _telegram_text(page, phrases, bool(summary.message and not answers)),
        html=html_template("summary.html.j2").render(letter=page) if by_mail else "",
        attachment="" if answers else summary.message,
        acts=() if by_mail else acts_about(summary.caller, urgent=bool(written and written.urgent)),
        language=summary.language,
        written_at=written.at if written else summary.ended_at,
        call_id=summary.call_id,
        client_id=summary.client_id,
    )


def message_id(call_id: str, recipient: Recipient) -> str:
    """What names the letter about that call to that recipient, for ever: safe in a header whatever went in."""
    return FIRST + _digest(call_id, recipient.channel, recipient.address)


def answer_id(call_id: str, recipient: Recipient, version: int) -> str:
    """The same for the letter that sends him that version of the message after a first one."""
    return ANSWER + _digest(call_id, recipient.channel, recipient.address, str(version))


def again_id(call_id: str, recipient: Recipient, number: int) -> str:
    """The same for the letter that is the `number`-th to tell again of an urgent message; 0: it was sent as another."""
    return AGAIN + _digest(call_id, recipient.channel, recipient.address, str(number))


def _digest(*identity: str) -> str:
    return hashlib.sha256("\x1f".join(identity).encode("utf-8", "surrogatepass")).hexdigest()[:32]


def next_try(attempts: int, at: datetime) -> datetime | None:
    """When a letter whose `attempts`-th try failed at `at` is tried again; None: three days of it are enough."""
    if attempts >= MAX_ATTEMPTS:
        return None
    return at + (PAUSES[attempts - 1] if attempts <= len(PAUSES) else LATER_PAUSE)


def _page(summary: CallSummary, phrases: Phrases, office_name: str, written: Written | None) -> MessagePage:
    name = clean_line(summary.caller_name, NAME_LIMIT)
    number = phrases.withheld if is_withheld(summary.caller) else readable_number(summary.caller)
    values = {
        "client": clean_line(summary.client_name, NAME_LIMIT),
        "caller": f"{name} ({number})" if name else number,
        "secretary": clean_line(summary.secretary, NAME_LIMIT) or phrases.somebody,
        "contact": clean_line(summary.transferred_to, NAME_LIMIT),
        "office": clean_line(office_name, NAME_LIMIT),
        "gist": gist(written.gist) if written else "",
    }
    told = _told(summary, phrases)
    return MessagePage(
        language=summary.language,
        sign=SIGNS[summary.outcome],
        accent=ACCENTS[summary.outcome],
        colour=summary.colour,
        subject=_subject(told, phrases, written).format(**values),
        headline=_headline(told, phrases, written),
        notice=_notice(phrases, written),
        words=said(written) if written else (),
        before=phrases.before,
        story=_sentence(told.story.format(**values)),
        caller=name or _sentence(number),
        number=number if name else "",
        dialable=dialable_number(summary.caller),
        call_back=phrases.call_back,
        # A name stays as the telephone sent it.
        facts=tuple(_facts(summary, phrases, values["caller"] if name else _sentence(number))),
        attached=phrases.attached if summary.message else "",
        footer=phrases.footer.format(**values),
        reference=f"{phrases.reference}: {clean_line(summary.call_id, NAME_LIMIT)}",
    )


def _told(summary: CallSummary, phrases: Phrases) -> Told:
    if summary.transferred_to:
        return phrases.transferred
    lost = summary.message_flaw == "lost" and summary.outcome is not Outcome.ANSWERED
    return phrases.lost if lost else phrases.told(summary.outcome)


def _subject(told: Told, phrases: Phrases, written: Written | None) -> str:
    if written is None or written.stage is Stage.OVERDUE:
        return told.subject
    subject = phrases.message_with_gist if gist(written.gist) else phrases.message_from
    return phrases.correction_of.replace("{subject}", subject) if written.before is not None else subject


def _headline(told: Told, phrases: Phrases, written: Written | None) -> str:
    if written is None or written.stage is Stage.OVERDUE:
        return told.headline
    return phrases.message_headline if written.before is None else phrases.correction_headline


def _notice(phrases: Phrases, written: Written | None) -> str:
    """What there is to know of her words: that they are missing, unfinished, or corrected."""
    if written is None:
        return ""
    if written.stage is Stage.OVERDUE:
        return phrases.unfinished if written.words else phrases.still_missing
    if written.before is not None:
        return phrases.corrected
    return phrases.at_hand_over if written.stage is Stage.HANDED_OVER else ""


def _facts(summary: CallSummary, phrases: Phrases, caller: str) -> Iterator[Fact]:
    local = summary.arrived_at.astimezone(ZoneInfo(summary.timezone))
    yield Fact(phrases.caller, caller)
    yield Fact(phrases.called, _sentence(date_and_time(local, summary.language)))
    yield Fact(phrases.did, readable_number(summary.did))
    if summary.outcome in RUNG:
        yield Fact(phrases.waited, duration(summary.waited, summary.language))
    if summary.transferred_to:
        yield Fact(phrases.transferred_to, clean_line(summary.transferred_to, NAME_LIMIT))
    if summary.outcome == Outcome.ANSWERED:
        label = phrases.with_secretary if summary.transferred_to else phrases.talked
        yield Fact(label, duration(summary.talked, summary.language))
    if summary.wrong_number:
        yield Fact(phrases.wrong_number, phrases.not_charged)
    if summary.spam:
        yield Fact(phrases.spam, phrases.not_charged)
    if summary.message_flaw:
        kept = duration(summary.message_kept, summary.language)
        lost = summary.message_flaw == "lost"
        yield Fact(phrases.message, phrases.message_lost if lost else phrases.message_cut.format(kept=kept))
    if flaw := phrases.flaws.get(summary.recording_flaw):
        yield Fact(phrases.recording, flaw)


def _mail_text(page: MessagePage) -> str:
    """The text for mail programs that show no HTML; the same facts."""
    end = f"{page.footer}\n{page.reference}"
    if page.words:
        who = f"{page.facts[0].label}: {page.facts[0].value}"
        parts = [page.headline, page.notice, who, _said(page), RULE, page.story, _lines(page.details), page.attached]
    else:
        parts = [page.headline, page.notice, page.story, _lines(page.facts), page.attached]
    return "\n\n".join(part for part in (*parts, end) if part) + "\n"


def _telegram_text(page: MessagePage, phrases: Phrases, beside_file: bool) -> str:
    """The text for a chat; what Telegram does not take is cut off, and that is said."""
    if page.words:
        parts = [page.notice, _lines(page.facts[:1]), _said(page), _lines(page.details)]
    else:
        parts = [page.notice, _lines(page.facts)]
    text = "\n\n".join(filter(None, [f"{page.sign} {page.subject}", *parts]))
    return cut(text, CAPTION_LIMIT if beside_file else TELEGRAM_LIMIT, phrases.cut)


def cut(text: str, limit: int, note: str) -> str:
    """As much of the text as fits into so many UTF-16 units, with a note at the end of one that was cut."""
    encoded = text.encode("utf-16-le")
    if len(encoded) <= 2 * limit:
        return text
    room = 2 * limit - len(f"…\n\n{note}".encode("utf-16-le"))
    return f"{encoded[:room].decode('utf-16-le', 'ignore').rstrip()}…\n\n{note}"


def _said(page: MessagePage) -> str:
    """Her words, one field a line; a value of several lines stands below its label."""
    return "\n".join(_said_line(page, one) for one in page.words)


def _said_line(page: MessagePage, one: Said) -> str:
    lines = (one.value or "–").splitlines()
    value = lines[0] if len(lines) == 1 else "".join(f"\n  {line}" for line in lines)
    was = page.was(one).replace("\n", " / ")
    mark = "* " if one.changed else ""
    return f"{mark}{one.label}: {value}{f'  ({was})' if was else ''}".replace(": \n", ":\n")


def _lines(facts: tuple[Fact, ...]) -> str:
    return "\n".join(f"{fact.label}: {fact.value}" for fact in facts)


def _sentence(text: str) -> str:
    return text[:1].upper() + text[1:]


@cache
def html_template(name: str) -> "Template":
    """A letter's page, by its file in this folder; what is filled in is escaped, and nothing may be missing."""
    # Imported here: most commands write no letter.
    from jinja2 import Environment, PackageLoader, StrictUndefined

    environment = Environment(
        loader=PackageLoader("pbx_control.domain"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    return environment.get_template(name)
