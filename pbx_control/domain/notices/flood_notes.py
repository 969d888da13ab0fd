"""The letter to the admin about a client that is called more often than people can."""

from datetime import datetime

from pbx_control.catalogue import InLanguages, counted
from pbx_control.domain.money.repeats import Flood
from pbx_control.domain.notices.messages import Fact, Letter
from pbx_control.domain.notices.notes import AlarmDesk, named, warning
from pbx_control.domain.words.sentences import said
from pbx_control.domain.words.wording import NAME_LIMIT, clean_line, dialable_number, readable_number


def compose_flood(found: Flood, client_id: int, slug: str, name: str, at: datetime, desk: AlarmDesk) -> Letter:
    """The letter; one for each client and hour (UTC) has the same `message_id`."""
    words = WORDS[desk.language]
    client = clean_line(name, NAME_LIMIT)
    callers = [(readable_number(number), times) for number, times in found.callers]
    callers += [(words["withheld"], found.withheld)] if found.withheld else []
    # To be pasted into a shell: only what is a number, whatever the carrier sent.
    worst = next((number for caller, _ in found.callers if (number := dialable_number(caller))), "")
    return warning(
        desk,
        at,
        named("flood", str(client_id), f"{at:%Y-%m-%dT%H}"),
        words,
        ("rate", "cost"),
        last=["block" if worst else "nobody"],
        title=client,
        facts=tuple(
            Fact(clean_line(caller, NAME_LIMIT), said(desk.language, CALLS, {"times": times}))
            for caller, times in callers
        ),
        command=f"pbx-control caller mark {worst} blocked --client {slug} --why abuso" if worst else "",
        client=client,
        slug=slug,
        calls=found.calls,
        short=found.short,
    )


CALLS = counted("{times} call", "{times} calls", by="times")

WORDS = InLanguages(
    {
        "subject": "{client}: more calls than people make",
        "headline": "Calls in series",
        "rate": "{client} ({slug}) got {calls} answered calls within a minute; shorter than 10 s: {short}.",
        "cost": "Who calls again at once is not charged; who withholds or changes his number is.",
        "block": "If it is abuse, block the caller:",
        "nobody": "The numbers are withheld and cannot be blocked: tell your carrier.",
        "withheld": "withheld number",
        "footer": "Sent automatically by pbx-control at {office}; at most one an hour for each client.",
    }
)
