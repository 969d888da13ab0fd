"""The letter to the admin about an address that guesses passwords of telephones."""

from datetime import datetime

from pbx_control.catalogue import InLanguages
from pbx_control.domain.notices.messages import Letter
from pbx_control.domain.notices.notes import CAUTION, AlarmDesk, named, warning
from pbx_control.domain.telephony.guessing import KEPT_OUT, TRIES
from pbx_control.domain.words.wording import NAME_LIMIT, clean_line


def compose_guessing(place: str, at: datetime, desk: AlarmDesk) -> Letter:
    """The letter; one for each hour (UTC) has the same `message_id`, however many guess: `place` is the first of them.

    `place` is an address or a network.
    """
    source = clean_line(place, NAME_LIMIT)
    return warning(
        desk,
        at,
        named("guessing", f"{at:%Y-%m-%dT%H}"),
        WORDS[desk.language],
        ("done", "ours", "else"),
        accent=CAUTION,
        title=source,
        command="pbx-control trunk refusals --since 2h",
        source=source,
        tries=TRIES,
        minutes=int(KEPT_OUT.total_seconds()) // 60,
    )


WORDS = InLanguages(
    {
        "subject": "Passwords of telephones are guessed from {source}",
        "headline": "Wrong passwords in series",
        "done": "{tries} wrong passwords came from {source} within a minute. It is kept out for {minutes} minutes; "
        "registered telephones and live calls do not notice.",
        "ours": "If it is a telephone of yours, it has an old password: correct it, and wait until that time is over.",
        "else": "If not, there is nothing to do. Who else tries, and whether it comes back:",
        "footer": "Sent automatically by pbx-control at {office}; at most one an hour.",
    }
)
