"""The letter to the office before a month begins in which callers would wait too long."""

from collections.abc import Sequence
from datetime import date, datetime, tzinfo
from typing import TYPE_CHECKING

from pbx_control.catalogue import InLanguages
from pbx_control.domain.notices.messages import Fact, Letter
from pbx_control.domain.notices.notes import CAUTION, AlarmDesk, named, warning
from pbx_control.domain.words.wording import brief_time

if TYPE_CHECKING:
    # Reckons with matrices: most of those who write a letter do not.
    from pbx_control.domain.staffing.outlook import Gap

# More lines than this nobody reads; the command has them all.
MOST_SHOWN = 20


def compose_month(first: date, gaps: "Sequence[Gap]", zone: tzinfo, at: datetime, desk: AlarmDesk) -> Letter:
    """The letter about the month that begins on `first`; one for each month has the same `message_id`."""
    words = WORDS[desk.language]
    facts = tuple(Fact(span_of(gap, zone, desk.language), lacking_in(gap, desk.language)) for gap in gaps[:MOST_SHOWN])
    more = len(gaps) - len(facts)
    return warning(
        desk,
        at,
        named("staffing", first.isoformat()),
        words,
        ("what",),
        last=["more", "see"] if more else ["see"],
        accent=CAUTION,
        facts=facts,
        command=f"pbx-control staffing show --week {first.isoformat()}",
        month=f"{first:%m/%Y}",
        count=sum(gap.half_hours for gap in gaps),
        more=more,
    )


def span_of(gap: "Gap", zone: tzinfo, language: str) -> str:
    """Its days and hours: "Tue 1 Dec, 10:00-11:30"."""
    begins, ends = gap.at.astimezone(zone), gap.until.astimezone(zone)
    same = ends.date() == begins.date()
    return f"{brief_time(begins, language)}-" + (f"{ends:%H:%M}" if same else brief_time(ends, language))


def hours_of_week(gap: "Gap", zone: tzinfo, language: str) -> str:
    """ "Mon 10:00-11:30": of any week."""
    # Imported here: most commands need no names of days.
    from babel.dates import format_date

    begins, ends = gap.at.astimezone(zone), gap.until.astimezone(zone)
    return f"{format_date(begins, 'EEE', locale=language)} {begins:%H:%M}-{ends:%H:%M}"


def lacking_in(gap: "Gap", language: str) -> str:
    """How many secretaries lack then, and the service that this comes to."""
    return WORDS[language]["lacking"].format(count=gap.lacking, level=round(100 * gap.level))


WORDS = InLanguages(
    {
        "subject": "Too few secretaries in {month}; half hours: {count}",
        "headline": "A month with too few secretaries",
        "what": "If as many secretaries are there in {month} as in the last weeks, fewer than 80 % of the callers will "
        "be answered within 20 seconds at these times, as the calls of past weeks and the plans sold let expect.",
        "lacking": "secretaries lacking: {count}; answered in time: {level} %",
        "more": "Further times: {more}.",
        "see": "Half hour by half hour:",
        "footer": "Sent automatically by pbx-control at {office}, once before each month.",
    }
)
