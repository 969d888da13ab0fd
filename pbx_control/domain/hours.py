"""Opening hours: a week of spans in local wall time, closed on holidays (SERVICE.md rule 3)."""

from dataclasses import dataclass
from datetime import time


@dataclass(frozen=True, slots=True)
class Span:
    """Open on `weekday` (0 = Monday) from `opens` until `closes`, local wall time; time.max means the day's end."""

    weekday: int
    opens: time
    closes: time


Week = tuple[Span, ...]
"""Spans sorted by weekday and time, never overlapping. Empty: never open."""
