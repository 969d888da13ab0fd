"""Letters about a client's calls running out: the bags on offer, and the daily report of calls that nobody took.

As in `messages.py` everything is pure and quick, and whatever a stranger sent is text wherever it shows up: in a mail
program, in a chat, and in a spreadsheet.
"""

import csv
import io
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time
from functools import partial
from typing import Any
from zoneinfo import ZoneInfo

from pbx_control.catalogue import InLanguages, counted, in_context
from pbx_control.domain.due import Daily
from pbx_control.domain.money.billing import Offer, pesos
from pbx_control.domain.money.quota import Threshold
from pbx_control.domain.notices.messages import DOCUMENTS, REPORT, Channel, Fact, Letter, Recipient
from pbx_control.domain.notices.notes import Cell, Grid, Note, mail_page, mail_text, named, telegram_text
from pbx_control.domain.words.sentences import said
from pbx_control.domain.words.wording import (
    NAME_LIMIT,
    brief_time,
    clean_line,
    day_in_words,
    dialable_number,
    is_withheld,
    no_formula,
    readable_number,
)

# When a day's report goes out, by the wall clock of the client's zone. It covers all that came until then, and what
# came afterwards is in the next one (docs/service.md rule 12).
REPORTS = Daily(time(18, 15))

# Rows of a report that stand in the mail itself; its file has all. Gmail cuts off what is beyond 102 kB.
LARGEST_TABLE = 100
# What Telegram takes, in UTF-16 code units: as a message, and as the words under a file.
TELEGRAM_TEXT, TELEGRAM_CAPTION = 4096, 1024
# Of these, for the line that says how many more there are, and what stands between the parts.
ROOM_FOR_MORE = 80


@dataclass(frozen=True, slots=True, kw_only=True)
class Notice:
    """That few of a client's calls are left, or none (docs/service.md rule 11)."""

    client_id: int
    client_name: str
    language: str
    timezone: str  # IANA name
    threshold: Threshold
    granted: int  # calls of this period
    left: int  # of them
    in_bags: int
    period_start: datetime  # aware
    period_end: datetime  # aware; the next period begins then
    bags: tuple[Offer, ...] = ()  # that the client may buy
    answers_read: bool = False  # somebody reads what is answered to an e-mail
    forecast: date | None = None  # the day on which the calls run out, if they do within the period
    reported: bool = True  # out of calls, the client gets a daily report
    at: datetime  # aware

    @property
    def all_left(self) -> int:
        """What may still be used; a debt shows as nothing."""
        return max(0, self.left + self.in_bags)


@dataclass(frozen=True, slots=True, kw_only=True)
class MissedCall:
    """A call that nobody took because its client was out of calls."""

    id: str
    at: datetime  # aware; when it came
    did: str
    caller: str  # E.164, other cleaned text, or empty if withheld
    caller_name: str = ""
    left_message: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class MissedReport:
    """What a client is told of the calls that it missed until `until`: when `REPORTS` are due, or an admin asks."""

    client_id: int
    client_name: str
    language: str
    timezone: str  # IANA name
    until: datetime  # aware
    calls: tuple[MissedCall, ...]  # in the order in which they came, at least one
    campaigns: int = 0  # callers of mass calls that were not put through in the last 24 hours

    @property
    def local(self) -> datetime:
        """Until when, by the client's clock."""
        return self.until.astimezone(ZoneInfo(self.timezone))

    @property
    def day(self) -> date:
        """The client's day that the report is about."""
        return self.local.date()

    @property
    def file(self) -> str:
        """Where its CSV lies, as a letter's attachment names it."""
        name = FILE[_language(self.language)]
        extra = "" if self.local.time() == REPORTS.at else f"-{self.local:%H%M}"
        return f"{DOCUMENTS}reports/{self.client_id}/{name}-{self.day.isoformat()}{extra}.csv"


# --- few calls are left -----------------------------------------------------------------------------------


def compose_offer(notice: Notice, recipient: Recipient, office_name: str) -> Letter:
    """The letter that tells a client how few calls are left and which bags it can buy (docs/service.md rule 11).

    For one recipient, period and threshold it always has the same `message_id`.
    """
    words = _words(OFFER, notice.language)
    by_mail = recipient.channel is Channel.EMAIL
    note = _offer(notice, words, office_name, by_mail)
    return Letter(
        channel=recipient.channel,
        address=recipient.address,
        message_id=named(
            "offer",
            str(notice.client_id),
            notice.period_start.isoformat(),
            notice.threshold,
            recipient.channel,
            recipient.address,
        ),
        subject=note.subject,
        text=mail_text(note) if by_mail else _offer_chat(note),
        html=mail_page(note) if by_mail else "",
        written_at=notice.at,
        client_id=notice.client_id,
    )


def _offer(notice: Notice, words: dict[str, Any], office_name: str, by_mail: bool) -> Note:
    values = {"client": clean_line(notice.client_name, NAME_LIMIT), "office": clean_line(office_name, NAME_LIMIT)}
    some = said(_language(notice.language), LEFT, {"count": notice.all_left})
    left = some if notice.all_left else words["none-left"]
    none = notice.threshold is Threshold.NONE
    consequence = words["consequence-none" if none else "consequence"]
    report = words["report"].format(at=REPORTS) if notice.reported else ""
    how = ("buy-mail" if by_mail and notice.answers_read else "buy") if notice.bags else "ask"
    return Note(
        language=_language(notice.language),
        sign="⛔" if none else "⏳",
        accent="#b3261e" if none else "#8f5400",
        subject=f"{values['client']}: {left}",
        headline=words["headline-none" if none else "headline"],
        title=left[:1].upper() + left[1:],
        paragraphs=(f"{consequence} {report}".rstrip(),),
        facts=tuple(_standing(notice, words)),
        grid=_bags(notice, words) if notice.bags else None,
        afterwards=(words[how].format(**values), *([words["bags"]] if notice.bags else [])),
        footer=words["footer"].format(**values),
    )


def _standing(notice: Notice, words: dict[str, Any]) -> Iterator[Fact]:
    """How many calls are left of how many, until when."""
    yield Fact(words["of-plan"], words["of"].format(left=max(0, notice.left), granted=notice.granted))
    yield Fact(words["in-bags"], str(notice.in_bags))
    if notice.forecast and notice.threshold is not Threshold.NONE:
        yield Fact(words["forecast"], _day(notice.forecast, notice.language))
    renewal = notice.period_end.astimezone(ZoneInfo(notice.timezone)).date()
    yield Fact(words["renewal"], _day(renewal, notice.language))


def _bags(notice: Notice, words: dict[str, Any]) -> Grid:
    money = partial(pesos, language=_language(notice.language))
    rows = [(str(bag.calls), money(bag.net), money(bag.total), money(bag.net // bag.calls)) for bag in notice.bags]
    return Grid(
        headings=words["columns"],
        rows=tuple(tuple(Cell(text) for text in row) for row in rows),
        lines=tuple(words["bag"].format(*row) for row in rows),
        figures=True,
    )


def _offer_chat(note: Note) -> str:
    """The offer as a chat shows it: what it says, then the bags, a line each."""
    facts = "\n".join(f"{fact.label}: {fact.value}" for fact in note.facts)
    bags = "\n".join(note.grid.lines) if note.grid else ""
    return "\n\n".join(filter(None, [telegram_text(note), facts, bags, *note.afterwards]))


# --- the day's missed calls -------------------------------------------------------------------------------


def compose_missed_report(report: MissedReport, recipient: Recipient, office_name: str) -> Letter:
    """The daily letter with the calls that nobody took because none were left (docs/service.md rule 12).

    A mail has a table and all of them as CSV (`report_csv`, to be kept at `report.file`); a chat has the numbers, and
    the file if they do not fit. For one client, instant and recipient it always has the same `message_id`.
    """
    words = _words(MISSED, report.language)
    by_mail = recipient.channel is Channel.EMAIL
    note = _missed(report, words, office_name)
    text, is_whole = (mail_text(note), False) if by_mail else _missed_chat(report, note, words)
    return Letter(
        channel=recipient.channel,
        address=recipient.address,
        message_id=report_id(report.client_id, report.until, recipient),
        subject=note.subject,
        text=text,
        html=mail_page(note) if by_mail else "",
        attachment="" if is_whole else report.file,
        written_at=report.until,
        client_id=report.client_id,
    )


def report_id(client_id: int, until: datetime, recipient: Recipient) -> str:
    """The `message_id` of the report until then to that recipient."""
    moment = until.astimezone(UTC).isoformat(timespec="seconds")
    return named(REPORT, str(client_id), moment, recipient.channel, recipient.address)


def report_csv(report: MissedReport) -> bytes:
    """All calls of the report for a spreadsheet: UTF-8 with the mark by which Excel knows it.

    Fields are separated as Excel expects it where the language is spoken (Chile's has commas in its numbers). Nothing
    in it is a formula: a telephone number has blanks after its country's code, which no formula has, and what a
    stranger wrote is made harmless (`_plain`).
    """
    words = _words(MISSED, report.language)
    out = io.StringIO()
    sheet = csv.writer(
        out, delimiter=SEPARATOR[_language(report.language)], quoting=csv.QUOTE_ALL, lineterminator="\r\n"
    )
    sheet.writerow(words["csv"])
    for call in report.calls:
        local = call.at.astimezone(ZoneInfo(report.timezone))
        sheet.writerow(
            [
                f"{local:%Y-%m-%d}",
                f"{local:%H:%M:%S}",
                _sheet_number(call.caller, words),
                _plain(clean_line(call.caller_name, NAME_LIMIT)),
                _sheet_number(call.did, words),
                words["yes" if call.left_message else "no"],
            ]
        )
    return out.getvalue().encode("utf-8-sig")


def _sheet_number(number: str, words: dict[str, Any]) -> str:
    """A real number as people read it; whatever else a carrier sent is text."""
    return readable_number(number) if dialable_number(number) else _plain(_who(number, words))


def _plain(text: str) -> str:
    """What a stranger wrote, for a spreadsheet that may split the line into fields in any of the usual ways."""
    return no_formula(" ".join(text.translate(SEPARATORS).split()))


SEPARATORS = dict.fromkeys(map(ord, ',;|"\t'), " ")


def _missed(report: MissedReport, words: dict[str, Any], office_name: str) -> Note:
    values = {"client": clean_line(report.client_name, NAME_LIMIT), "office": clean_line(office_name, NAME_LIMIT)}
    missed = said(_language(report.language), MISSED_CALLS, {"count": len(report.calls)})
    day = _day(report.day, report.language)
    return Note(
        language=_language(report.language),
        sign="⛔",
        accent="#b3261e",
        subject=words["subject"].format(client=values["client"], missed=missed, day=day),
        headline=words["headline"],
        title=missed,
        paragraphs=(words["why"].format(until=f"{report.local:%H:%M}", day=day), *_campaigns(report)),
        grid=_calls(report, words),
        afterwards=(
            *_more(len(report.calls) - LARGEST_TABLE, words),
            words["attached"],
            words["buy"].format(**values),
        ),
        footer=words["footer"].format(**values),
    )


def _campaigns(report: MissedReport) -> list[str]:
    count = {"count": report.campaigns}
    return [said(_language(report.language), CAMPAIGNS, count)] if report.campaigns else []


def _calls(report: MissedReport, words: dict[str, Any]) -> Grid:
    shown = report.calls[:LARGEST_TABLE]
    return Grid(
        headings=words["columns"],
        rows=tuple(_row(call, report, words) for call in shown),
        lines=tuple(_line(call, report, words) for call in shown),
        last_width="26%",
    )


def _row(call: MissedCall, report: MissedReport, words: dict[str, Any]) -> tuple[Cell, ...]:
    day, _, clock = _time(call, report).rpartition(", ")
    who = _who(call.caller, words)
    return (
        Cell(clock, beneath=day),
        Cell(who[:1].upper() + who[1:], dialable_number(call.caller), clean_line(call.caller_name, NAME_LIMIT)),
        Cell(readable_number(call.did), beneath=words["left"] if call.left_message else ""),
    )


def _line(call: MissedCall, report: MissedReport, words: dict[str, Any]) -> str:
    name = clean_line(call.caller_name, NAME_LIMIT)
    who = f"{_who(call.caller, words)} ({name})" if name else _who(call.caller, words)
    line = f"{_time(call, report)}: {who} → {readable_number(call.did)}"
    return f"{line}. {words['left']}" if call.left_message else line


def _missed_chat(report: MissedReport, note: Note, words: dict[str, Any]) -> tuple[str, bool]:
    """The report for a chat, and whether it has all the calls; if not, it is short enough to stand under a file."""
    said, lines = telegram_text(note), [_line(call, report, words) for call in report.calls]
    whole = "\n\n".join([said, "\n".join(lines), note.afterwards[-1]])
    if _telegram_length(whole) <= TELEGRAM_TEXT:
        return whole, True
    shown = _fitting(lines, TELEGRAM_CAPTION - _telegram_length(said) - ROOM_FOR_MORE)
    return "\n\n".join([said, "\n".join(shown), *_more(len(lines) - len(shown), words)]), False


def _fitting(lines: Sequence[str], room: int) -> list[str]:
    """As many of the lines as there is room for."""
    fitting: list[str] = []
    for line in lines:
        room -= _telegram_length(line) + 1
        if room < 0:
            break
        fitting.append(line)
    return fitting


def _telegram_length(text: str) -> int:
    return len(text.encode("utf-16-le")) // 2


def _more(count: int, words: dict[str, Any]) -> list[str]:
    return [words["more"].format(count=count)] if count > 0 else []


# --- words ------------------------------------------------------------------------------------------------


def _time(call: MissedCall, report: MissedReport) -> str:
    return brief_time(call.at.astimezone(ZoneInfo(report.timezone)), _language(report.language))


def _who(number: str, words: dict[str, Any]) -> str:
    return words["withheld"] if is_withheld(number) else readable_number(number)


def _day(day: date, language: str) -> str:
    return day_in_words(day, _language(language))


def _words(both: InLanguages[dict[str, Any]], language: str) -> dict[str, Any]:
    return both[_language(language)]


def _language(language: str) -> str:
    return language if language in OFFER else "es"


LEFT = counted("1 call left", "{count} calls left", by="count")
CAMPAIGNS = counted(
    "In the last 24 hours 1 call from a campaign's number (809) was not put through. It costs nothing.",
    "In the last 24 hours {count} calls from campaigns' numbers (809) were not put through. They cost nothing.",
    by="count",
)
MISSED_CALLS = counted("1 missed call", "{count} missed calls", by="count")
# What the sheet is called, and what stands between its columns.
FILE = {"es": "perdidas", "en": "missed"}
SEPARATOR = {"es": ";", "en": ","}

OFFER: InLanguages[dict[str, Any]] = InLanguages(
    {
        "none-left": "no calls left",
        "headline": "Few calls are left",
        "headline-none": "No calls are left",
        "consequence": "When they are used up, the secretaries cannot answer and callers hear an announcement.",
        "consequence-none": "For now the secretaries cannot answer and callers hear an announcement.",
        "report": "Each day at {at} you get a report of the missed calls.",
        "of-plan": "Of your plan, this month",
        "of": "{left} of {granted}",
        "in-bags": "In bags",
        "forecast": "At this rate they run out on",
        "renewal": "Your next month begins on",
        "columns": ("Bag of", in_context("price", "Net"), "With IVA", "Net per call"),
        "bag": "Bag of {0} calls: {1} net, {2} with IVA ({3} net per call)",
        "buy-mail": "To buy a bag, answer this e-mail saying which one you want, or get in touch with {office}.",
        "buy": "To buy a bag, get in touch with {office}.",
        "ask": "To go on getting calls, get in touch with {office}.",
        "bags": "A bag works from the next call after it was bought. Its calls do not expire: they are used only when "
        "the month's are used up, and what is left carries over to the next month.",
        "footer": "Sent automatically by {office}, who answers the calls of {client}.",
    }
)

MISSED: InLanguages[dict[str, Any]] = InLanguages(
    {
        "subject": "{client}: {missed}, {day}",
        "headline": "Daily report of missed calls",
        "why": "Until {until} on {day} we could not answer these calls, because you had none left in your plan or "
        "in bags.",
        "columns": ("When", "Caller", "Your number"),
        "left": "Left a message",
        "withheld": "withheld number",
        "more": "… and {count} more in the attached file.",
        "attached": "The whole list is attached, to be opened in a spreadsheet.",
        "gone": "The whole list is not attached: its file is gone.",
        "buy": "To have us answer again, buy a bag of calls: get in touch with {office}.",
        "footer": "Sent automatically by {office}, who answers the calls of {client}.",
        "csv": ("Date", "Time", "Caller", "Name", "Your number", "Left a message"),
        "yes": "yes",
        "no": "no",
    }
)
