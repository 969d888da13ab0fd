"""The letter to the admin about a secretary whom the system has paused: her telephone refuses every call."""

from dataclasses import dataclass
from datetime import datetime
from shlex import quote

from pbx_control.catalogue import InLanguages
from pbx_control.domain.call.flow import PAUSE_AFTER_REFUSALS, REFUSALS_BEFORE_PAUSE
from pbx_control.domain.notices.messages import Letter
from pbx_control.domain.notices.notes import CAUTION, AlarmDesk, named, warning
from pbx_control.domain.words.wording import NAME_LIMIT, clean_line


@dataclass(frozen=True, slots=True)
class Pause:
    """Who is offered no calls for a while, since when."""

    secretary_id: int
    name: str
    at: datetime  # aware


def compose_pause(pause: Pause, desk: AlarmDesk) -> Letter:
    """The letter; one for each secretary and UTC day has the same `message_id`."""
    name = clean_line(pause.name, NAME_LIMIT)
    return warning(
        desk,
        pause.at,
        named("paused", str(pause.secretary_id), pause.at.date().isoformat()),
        WORDS[desk.language],
        ("paused", "again", "at-once"),
        accent=CAUTION,
        title=name,
        command=f"pbx-control secretary set {quote(name)} --available",
        name=name,
        refusals=REFUSALS_BEFORE_PAUSE,
        minutes=int(PAUSE_AFTER_REFUSALS.total_seconds() // 60),
    )


WORDS = InLanguages(
    {
        "subject": "{name} is paused: her telephone refuses calls",
        "headline": "A telephone refuses calls",
        "paused": "The telephone of {name} refused {refusals} calls in a row. Usually do-not-disturb is on. Meanwhile "
        "the others are offered the calls.",
        "again": "Every {minutes} minutes one call is tried; if that is refused, she stays paused.",
        "at-once": "When her telephone takes calls again, this has them offered to her at once:",
        "footer": "Sent automatically by pbx-control at {office}; at most one a day for each secretary.",
    }
)
