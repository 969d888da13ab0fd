"""Which of two texts of one field stays, if they were typed at two computers or come in another order.

A page numbers what is typed into a field by the seconds since SINCE, and each further text by one more at least: so
the one that was typed later counts, however late the other comes.
"""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

SINCE = datetime(2026, 1, 1, tzinfo=UTC)
# A computer's clock may be ahead by so much. A higher number is taken for this one, so that none keeps later texts out.
AHEAD = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Value:
    """What stands in a field, and its number."""

    value: str
    edit: int


class Typed(NamedTuple):
    """What a page sends of a field. `seen`: the number of what it had there from the server; None: it does not say."""

    value: str
    edit: int
    seen: int | None = None


def stays(there: Value | None, typed: Typed, at: datetime) -> Value:
    """What stands in the field then. Of two with one number the later one to arrive stays, and gets a higher number."""
    highest = int((at - SINCE + AHEAD).total_seconds())
    edit = min(typed.edit, highest)
    if there is None:
        return Value(typed.value, edit)
    before = min(there.edit, highest)
    if edit < before:
        return there
    return Value(typed.value, max(edit, before if typed.value == there.value else before + 1))


def lost(there: Value | None, typed: Typed, stays: Value) -> str:
    """The text that is overwritten although who typed had not seen it; "" if none is."""
    if there is None or typed.seen is None or typed.seen >= there.edit or stays.value != typed.value:
        return ""
    return "" if there.value.strip() in typed.value else there.value
