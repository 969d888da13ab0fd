"""Who is written to again about an urgent message that nobody has seen, when, and when that ends; pure.

All of the client's recipients get the message at once. Then one after the other is told again, in the client's order,
until somebody says that he has seen it (docs/messages.md).
"""

import hashlib
import hmac
from base64 import urlsafe_b64encode
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import TypeAlias

from pbx_control.domain.notices.messages import Recipient

# So long a letter's link is good.
LINK_LIVES = timedelta(days=7)


@dataclass(frozen=True, slots=True)
class Patience:
    """What a client has chosen: how long somebody is waited for, and how often each is told again."""

    interval: timedelta
    rounds: int


@dataclass(frozen=True, slots=True)
class Unseen:
    """An urgent message that nobody has seen. `since`: when somebody was written to last; `waits_for`: who that was,
    None while it is everybody, to whom it went at once; `told`: in which round each was told again last."""

    since: datetime
    waits_for: Recipient | None = None
    told: Mapping[Recipient, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Wait:
    """Nothing is to be done before that."""

    until: datetime


@dataclass(frozen=True, slots=True)
class Tell:
    """He is told again."""

    who: Recipient
    round: int  # the first one is 1


@dataclass(frozen=True, slots=True)
class GiveUp:
    """Nobody is left to be told: people of the office have to see to it."""


Next: TypeAlias = Wait | Tell | GiveUp


def next_step(
    unseen: Unseen, people: Sequence[Recipient], unreachable: Collection[Recipient], patience: Patience, at: datetime
) -> Next:
    """What is to be done now. `people`: the client's recipients in its order; `unreachable`: those whose address fails,
    who are passed over without waiting for them. There is no hour at which nobody is written to: urgent is urgent."""
    reached = [one for one in people if one not in unreachable]
    if not reached:
        return GiveUp()
    due = unseen.since + patience.interval
    if at < due and (unseen.waits_for is None or unseen.waits_for in reached):
        return Wait(due)
    now = max(unseen.told.values(), default=1)
    left = [one for one in reached if unseen.told.get(one, 0) < now]
    following = Tell(left[0], now) if left else Tell(reached[0], now + 1)
    return following if following.round <= patience.rounds else GiveUp()


def token_of(key: str, message_id: str) -> str:
    """What stands in the link by which whoever got that letter says that he has seen it: signed, and good for no other
    letter."""
    signature = hmac.new(key.encode(), f"seen {message_id}".encode(), hashlib.sha256).digest()
    return f"{message_id}-{urlsafe_b64encode(signature).decode().rstrip('=')}"


def letter_of(key: str, token: str) -> str:
    """The message_id of the letter that a token speaks of; "" if it is not signed by us."""
    message_id = token.partition("-")[0]
    right = token_of(key, message_id) if key else ""
    return message_id if right and hmac.compare_digest(right.encode(), token.encode(errors="replace")) else ""
