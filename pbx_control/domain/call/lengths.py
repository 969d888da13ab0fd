"""How long a call took, told once for everybody: letter, `call list`, `call show`, JSON and `recording list`."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from pbx_control.domain.call.model import Call

NOTHING = timedelta(0)


@dataclass(frozen=True, slots=True)
class Lengths:
    """What people are told of a call's time."""

    talked: timedelta | None  # with secretaries, waiting between two of them left out; None: not known yet, or nobody
    transferred: timedelta | None  # with the contact, our farewell left out; None while they talk, or without transfer


def lengths_of(call: Call) -> Lengths:
    """The lengths of a call, as far as it has come."""
    return Lengths(_talked(call), _transferred(call))


def with_her_since(call: Call) -> datetime | None:
    """Since when he talks with his present secretary. A call that an older daemon began knows of its answer only."""
    return call.talking_since or (None if call.talked_before else call.answered_at)


def _talked(call: Call) -> timedelta | None:
    if call.answered_at is None:
        return None
    since, until = with_her_since(call), call.handed_over_at or call.ended_at
    if since is None:
        return call.talked_before
    return call.talked_before + max(until - since, NOTHING) if until else None


def _transferred(call: Call) -> timedelta | None:
    until = call.left_bridge_at or call.ended_at
    return max(until - call.handed_over_at, NOTHING) if call.handed_over_at and until else None
