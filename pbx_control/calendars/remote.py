"""What every remote calendar can do, and how it fails. All of it blocks: it runs in threads, or apart from calls."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any, Protocol

from pbx_control.domain.agenda.busy import RemoteEvent
from pbx_control.domain.agenda.mirrored import Mirrored
from pbx_control.errors import Code, PbxError

__all__ = ["Changes", "Remote", "RemoteEvent", "RemoteTrouble", "TroubleKind"]


class TroubleKind(StrEnum):
    """Why a remote calendar did not do what was asked, as far as it says who must act and when to try again."""

    DOWN = "down"  # nobody answers at its address
    SLOW = "slow"  # the answer did not come in time: it may have been done
    CUT = "cut"  # the connection broke: it may have been done
    CERTIFICATE = "certificate"  # its certificate is wrong
    ADDRESS = "address"  # we do not go to that address
    UNAUTHORISED = "unauthorised"  # 401: user, password or key are wrong
    FORBIDDEN = "forbidden"  # 403
    READ_ONLY = "read-only"  # it can be read, not written
    MISSING = "missing"  # 404: there is no such calendar
    NOT_SHARED = "not-shared"  # there is none that this service account may see
    CONFLICT = "conflict"  # 409: something else is in that place
    GONE = "gone"  # 410: the sync token is too old
    CHANGED = "changed"  # 412: somebody changed it meanwhile, again and again
    LIMITED = "limited"  # 429, or a quota is used up
    SERVER = "server"  # 5xx: its own fault
    ODD = "odd"  # an answer that nobody understands


# What may pass by itself: it is tried again soon. The others wait for a person.
PASSING = frozenset(
    {
        TroubleKind.DOWN,
        TroubleKind.SLOW,
        TroubleKind.CUT,
        TroubleKind.CHANGED,
        TroubleKind.GONE,
        TroubleKind.LIMITED,
        TroubleKind.SERVER,
    }
)


class RemoteTrouble(PbxError):
    """A remote calendar did not do what was asked. `retry_after`: seconds that it asked to wait."""

    code = Code.CALENDAR_TROUBLE

    def __init__(self, template: str, kind: TroubleKind, *, retry_after: float | None = None, **values: Any) -> None:
        super().__init__(template, **values)
        self.kind = kind
        self.retry_after = retry_after


@dataclass(frozen=True, slots=True)
class Changes:
    """What changed since a token: events as they are now, keys of those that are gone, and the next token.

    `whole`: these are all events there are, and whatever else was known is gone.
    """

    events: Sequence[RemoteEvent]
    gone: Sequence[str]
    token: str
    whole: bool


class Remote(Protocol):
    """A remote calendar. Everything raises RemoteTrouble, and ends within the limit of time that it was made with."""

    def check(self) -> None:
        """Whether it can be read and written. Raises RemoteTrouble saying what is wrong, as far as can be known."""

    def changes(self, token: str) -> Changes:
        """What changed since the token; with an empty one, and with one that is too old, all events."""

    def events(self, since: datetime, until: datetime) -> Sequence[RemoteEvent]:
        """What may take time between two instants, read anew."""

    def put(self, one: Mirrored) -> None:
        """Has the appointment stand there as it is. Doing so again changes nothing, and never makes a second event;
        what stands there with a higher `sequence` stays."""

    def close(self) -> None:
        """Ends its connections."""
