"""The letters to the admin about a caller's request whose limit is near, or has passed. They do not name the caller."""

from datetime import date, datetime

from pbx_control.catalogue import InLanguages
from pbx_control.domain.keeping.requests import RequestKind, Step
from pbx_control.domain.notices.messages import Letter
from pbx_control.domain.notices.notes import CAUTION, LOSS, AlarmDesk, named, warning
from pbx_control.domain.words.wording import day_in_words


def compose_request_warning(
    request_id: int, kind: RequestKind, last: date, step: Step, at: datetime, desk: AlarmDesk
) -> Letter:
    """The letter; one for each request and step (WARNED or LATE) has the same `message_id`."""
    words = WORDS[desk.language]
    late = step is Step.LATE
    return warning(
        desk,
        at,
        named("request", f"{request_id}.{step.value}"),
        {**words, "subject": words["late-subject"] if late else words["subject"]},
        ("late" if late else "near", "answer"),
        accent=LOSS if late else CAUTION,
        command=f"pbx-control request show {request_id}",
        id=request_id,
        kind=words[kind.value],
        day=day_in_words(last, desk.language),
    )


WORDS = InLanguages(
    {
        "subject": "Request {id} of a caller is to be answered by {day}",
        "late-subject": "Request {id} of a caller is late",
        "headline": "A caller's rights",
        "access": "access",
        "rectification": "rectification",
        "deletion": "deletion",
        "portability": "portability",
        "blocking": "blocking",
        "objection": "objection",
        "near": "A caller has asked for {kind} (Ley 21.719). The answer is in time until the end of {day}.",
        "late": "A caller has asked for {kind} (Ley 21.719). It was to be answered by {day}; no answer is noted.",
        "answer": "Once he has been answered, note it with `request close`.",
        "footer": "Sent automatically by pbx-control at {office}; once before the limit and once after it.",
    }
)
