"""Whether a secretary is offered calls, and why not: the one place that says so to her page, commands and status."""

from datetime import datetime
from enum import StrEnum
from typing import NamedTuple, Protocol

from pbx_control.catalogue import N_

# Characters of a reason for a pause.
LONGEST_REASON = 40
# What she may choose from if nobody set it; these are looked up in the catalogue, others are shown as they are.
USUAL_REASONS = (N_("bathroom"), N_("lunch"), N_("training"), N_("other"))


class PausedBy(StrEnum):
    """Whose a pause is, as `secretary.paused_why` and `pause.by` have it. Only those of DESK are booked on her."""

    ADMIN = ""
    REFUSALS = "refusals"  # the system's: her telephone took none of three offers
    DESK = "desk"  # her own, with a reason
    SIGNED_OUT = "signed_out"  # the system's: she has left her desk

    @classmethod
    def kept(cls, value: str) -> "PausedBy":
        """As the store has it. A later version may have kept more kinds: an unknown one is not booked on her."""
        return next((one for one in cls if one == value), cls.ADMIN)


class DeskState(StrEnum):
    """What her page shows, as `data-state`."""

    READY = "ready"
    PAUSE = "pause"
    OFFERED = "offered"
    TALKING = "talking"
    WRAP_UP = "wrap-up"  # after-call work
    OFFLINE = "offline"


class Present(StrEnum):
    """What is kept of a secretary who is there, as `attendance.state`."""

    READY = "ready"
    TALKING = "talking"  # or her telephone rings for a call
    WRAP_UP = "wrap-up"
    PAUSE = "pause"


PRESENT = {
    DeskState.READY: Present.READY,
    DeskState.OFFERED: Present.TALKING,
    DeskState.TALKING: Present.TALKING,
    DeskState.WRAP_UP: Present.WRAP_UP,
    DeskState.PAUSE: Present.PAUSE,
}


class Why(StrEnum):
    """What a state is due to, as a code; NOTHING where the state says it all."""

    NOTHING = ""
    ADMIN = "admin"  # pause
    DESK = "desk"  # pause: her own
    TELEPHONE_SILENT = "telephone_silent"  # pause: it refused three offers, or let them ring
    SIGNED_OUT = "signed_out"  # offline
    TELEPHONE_GONE = "telephone_gone"  # offline: not registered, or it does not answer the switch
    PAGE_LOST = "page_lost"  # offline: her page has vanished without a sign-out
    DAEMON_AWAY = "daemon_away"  # offline: nobody knows
    BUSY_ELSEWHERE = "busy_elsewhere"  # talking: in a conversation that the daemon does not host
    PAUSE_NEXT = "pause_next"  # offered, talking: a pause begins when that is over


class Known(Protocol):
    """What is known of her; `live.news.SecretaryNow` has it."""

    @property
    def registered(self) -> bool: ...
    @property
    def paused(self) -> bool: ...
    @property
    def paused_by(self) -> str: ...
    @property
    def busy(self) -> bool: ...
    @property
    def call(self) -> str: ...
    @property
    def talking(self) -> bool: ...
    @property
    def free_from(self) -> datetime | None: ...
    @property
    def after_call(self) -> bool: ...
    @property
    def page_lost(self) -> bool: ...


class Duty(NamedTuple):
    """Her state, what it is due to, and when it ends by itself (None: it does not)."""

    state: DeskState
    why: Why = Why.NOTHING
    until: datetime | None = None


_OF_PAUSE = {
    PausedBy.ADMIN: Duty(DeskState.PAUSE, Why.ADMIN),
    PausedBy.REFUSALS: Duty(DeskState.PAUSE, Why.TELEPHONE_SILENT),
    PausedBy.DESK: Duty(DeskState.PAUSE, Why.DESK),
    PausedBy.SIGNED_OUT: Duty(DeskState.OFFLINE, Why.SIGNED_OUT),
}


def state_of(who: Known | None, at: datetime) -> Duty:
    """Her state at that instant; None: the daemon is away, or knows no such secretary.

    A call comes first: a pause that was asked for during it begins when it is over. Her own pause is shown whatever
    her telephone does; nobody is ready whose telephone cannot be reached.
    """
    if who is None:
        return Duty(DeskState.OFFLINE, Why.DAEMON_AWAY)
    if who.call:
        state = DeskState.TALKING if who.talking else DeskState.OFFERED
        return Duty(state, Why.PAUSE_NEXT if who.paused else Why.NOTHING)
    if who.busy:
        return Duty(DeskState.TALKING, Why.BUSY_ELSEWHERE)
    if who.paused:
        return _OF_PAUSE[PausedBy.kept(who.paused_by)]
    if not who.registered:
        return Duty(DeskState.OFFLINE, Why.TELEPHONE_GONE)
    if who.page_lost:
        return Duty(DeskState.OFFLINE, Why.PAGE_LOST)
    if who.after_call and who.free_from and who.free_from > at:
        return Duty(DeskState.WRAP_UP, until=who.free_from)
    return Duty(DeskState.READY)
