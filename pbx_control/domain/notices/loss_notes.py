"""The letter to the admin about sound that could not be kept: a disk is full, or cannot be written."""

from dataclasses import dataclass
from datetime import datetime

from pbx_control.catalogue import InLanguages
from pbx_control.domain.notices.messages import Letter
from pbx_control.domain.notices.notes import AlarmDesk, named, warning
from pbx_control.domain.words.wording import NAME_LIMIT, clean_line, is_withheld, readable_number


@dataclass(frozen=True, slots=True, kw_only=True)
class Loss:
    """Something of a call that is not there, or not whole: `what` is message or recording."""

    what: str
    call_id: str
    client_name: str
    caller: str
    at: datetime  # aware


def compose_loss(loss: Loss, desk: AlarmDesk) -> Letter:
    """The letter; one for each hour (UTC) has the same `message_id`: a full disk loses all that comes."""
    words = WORDS[desk.language]
    client = clean_line(loss.client_name, NAME_LIMIT)
    return warning(
        desk,
        loss.at,
        named("loss", f"{loss.at:%Y-%m-%dT%H}"),
        words,
        (loss.what, "told", "look"),
        title=client,
        command="pbx-control doctor",
        reference=f"{words['reference']}: {clean_line(loss.call_id, NAME_LIMIT)}",
        client=client,
        caller=words["withheld"] if is_withheld(loss.caller) else readable_number(loss.caller),
    )


WORDS = InLanguages(
    {
        "subject": "Recordings cannot be kept",
        "headline": "Recordings cannot be kept",
        "message": "The message that {caller} wanted to leave for {client} could not be recorded, or was cut off.",
        "recording": "The recording of the call from {caller} to {client} is missing, or was cut off.",
        "told": "Until that is mended, the calls that follow will fare the same.",
        "look": "Usually a disk is full. This tells which one, and what to do:",
        "withheld": "a withheld number",
        "reference": "Reference",
        "footer": "Sent automatically by pbx-control at {office}, at most once an hour.",
    }
)
