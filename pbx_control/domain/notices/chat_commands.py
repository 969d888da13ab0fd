"""What people write to the bot, read: which firm it is about, what is to hold for today, and who is not available."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, time, tzinfo

from pbx_control.domain.opening.overrides import OverrideKind, end_of_day, on_the_clock
from pbx_control.domain.opening.written_rota import called
from pbx_control.domain.words.characters import folded
from pbx_control.domain.words.written_time import read_end
from pbx_control.errors import ClientMistake, Code, Field

# In either language, without accents.
CLOSED, OPEN, NORMAL = ("closed", "cerrado", "cerrada"), ("open", "abierto", "abierta"), ("normal",)
OFF = ("off", "away", "out", "ausente", "fuera")
ON = ("on", "back", "here", "available", "disponible", "presente", "vuelve", "volvio")
NOT, UNTIL, THE = ("not", "no"), ("until", "till", "hasta"), ("el", "la", "las")


@dataclass(frozen=True, slots=True)
class Availability:
    """Until when a contact is not to be consulted; None: he may be."""

    contact: str
    until: datetime | None


@dataclass(frozen=True, slots=True)
class Today:
    """What is to hold until when; `kind` None: the usual hours again."""

    kind: OverrideKind | None
    until: datetime | None = None


def about(words: Sequence[str], slugs: Sequence[str]) -> tuple[str, Sequence[str]]:
    """The firm that the words begin with, or the only one there is, and the rest of the words; "" if it is not said."""
    if words and words[0].lower() in slugs:
        return words[0].lower(), words[1:]
    return (slugs[0] if len(slugs) == 1 else ""), words


def read_today(words: Sequence[str], zone: tzinfo, now: datetime) -> Today:
    """`closed`, `closed 14:00`, `open 20:00`, `normal`, or the same in Spanish. Without a time: until the day ends.

    Raises ClientMistake for anything else; a time that has passed is refused where it is kept.
    """
    what = folded(words[0]) if words else ""
    if what in NORMAL and len(words) == 1:
        return Today(None)
    kind = OverrideKind.CLOSED if what in CLOSED else OverrideKind.OPEN if what in OPEN else None
    if kind is None or len(words) > 2 or (kind is OverrideKind.OPEN and len(words) == 1):
        raise ClientMistake("that is not understood", Code.BAD_VALUE, field=Field("text"))
    if len(words) == 1:
        return Today(kind, end_of_day(zone, now))
    try:
        clock = time.fromisoformat(words[1].zfill(5)).replace(second=0, microsecond=0, tzinfo=None)
    except ValueError:
        raise ClientMistake("this is no time: write it like 14:30", Code.BAD_VALUE, field=Field("until")) from None
    return Today(kind, on_the_clock(now.astimezone(zone).date(), clock, zone, now))


def read_availability(words: Sequence[str], contacts: Mapping[str, int], zone: tzinfo, now: datetime) -> Availability:
    """`Ana off 15:00`, `Ana ausente hasta 15:00`, `Rosa Soto on`: the contact, the state, and the end. Without a time:
    until the day ends.

    Raises ClientMistake for anything else; a time that has passed is refused where it is kept.
    """
    plain = [folded(word) for word in words]
    at = next((one for one in range(len(words) - 1, 0, -1) if plain[one] in OFF + ON), 0)
    if not at:
        raise ClientMistake("that is not understood", Code.BAD_VALUE, field=Field("text"))
    negated = at > 1 and plain[at - 1] in NOT
    contact = called(" ".join(words[: at - 1 if negated else at]), contacts)
    rest = list(words[at + 1 :])
    if (plain[at] in ON) != negated:
        if rest:
            raise ClientMistake("that is not understood", Code.BAD_VALUE, field=Field("text"))
        return Availability(contact, None)
    while rest and folded(rest[0]) in UNTIL + THE:
        rest.pop(0)
    return Availability(contact, read_end(" ".join(rest), zone, now) if rest else end_of_day(zone, now))
