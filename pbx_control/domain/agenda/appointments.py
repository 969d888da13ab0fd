"""Appointments: what one is, and what may become of it. Each change gives another appointment."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from enum import StrEnum

from pbx_control.catalogue import N_, in_context
from pbx_control.domain.agenda.slots import Slot, Taken
from pbx_control.errors import ClientMistake, Code

# How long a slot is held for whoever talks with the caller, minutes.
HELD_MINUTES = 5
# From here on SEQUENCE counts minutes; iCalendar's integers have 31 bits (RFC 5545, 3.3.8): enough for 4000 years.
SEQUENCE_ZERO, SEQUENCE_STEP = datetime(2020, 1, 1, tzinfo=UTC), timedelta(minutes=1)


class AppointmentState(StrEnum):
    """The names are those in the table `appointment`."""

    CONFIRMED = "confirmed"
    CANCELLED = "cancelled"
    NO_SHOW = "no_show"  # nobody came


STATE_WORDS: Mapping[AppointmentState, str] = {
    AppointmentState.CONFIRMED: in_context("appointment", "confirmed"),
    AppointmentState.CANCELLED: in_context("appointment", "cancelled"),
    AppointmentState.NO_SHOW: in_context("appointment", "did not come"),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Appointment:
    """One appointment. Its UID is its own for ever; `sequence` rises with each change that invitations must tell
    (RFC 5546, 2.1.4): another time, or that it is cancelled (`next_sequence`)."""

    id: int
    uid: str
    sequence: int = 0
    calendar_id: int
    client_id: int
    call_id: str | None = None  # during which it was booked
    kind: str  # its name at the time of the booking
    starts: datetime  # UTC
    ends: datetime
    blocked_until: datetime  # its end and the kind's buffer
    name: str
    number: str = ""
    email: str = ""  # "": he wants no letter
    answers: Mapping[str, str] = field(default_factory=dict)  # by question
    note: str = ""
    state: AppointmentState = AppointmentState.CONFIRMED
    language: str = "es"  # of letters to him
    booked_by: str = ""
    booked_at: datetime
    changed_at: datetime  # the last change of any kind

    @property
    def taken(self) -> Taken:
        """The time that it takes, with its buffer."""
        return Taken(self.starts, self.blocked_until)


def moved(old: Appointment, to: Slot, at: datetime) -> Appointment:
    """It begins at another time, and keeps its buffer. Where it is there already, nothing changes.

    Raises ClientMistake if it is over, cancelled, or nobody came.
    """
    _require_live(old, at)
    if (old.starts, old.ends) == (to.starts, to.ends):
        return old
    buffer = old.blocked_until - old.ends
    return replace(
        old,
        sequence=next_sequence(old.sequence, at),
        starts=to.starts,
        ends=to.ends,
        blocked_until=to.ends + buffer,
        changed_at=at,
    )


def cancelled(old: Appointment, at: datetime) -> Appointment:
    """It does not take place. One that is cancelled already stays as it is.

    Raises ClientMistake if it is over, or nobody came.
    """
    if old.state is AppointmentState.CANCELLED:
        return old
    _require_live(old, at)
    sequence = next_sequence(old.sequence, at)
    return replace(old, sequence=sequence, state=AppointmentState.CANCELLED, changed_at=at)


def missed(old: Appointment, at: datetime) -> Appointment:
    """Nobody came. No invitation tells that, so `sequence` stays; one that was missed already stays as it is.

    Raises ClientMistake if it has not begun yet, or is cancelled.
    """
    if old.state is AppointmentState.NO_SHOW:
        return old
    if old.state is AppointmentState.CANCELLED:
        raise _refused(N_("the appointment {id} is cancelled"), old)
    if at < old.starts:
        raise _refused(N_("the appointment {id} has not begun yet"), old)
    return replace(old, state=AppointmentState.NO_SHOW, changed_at=at)


def next_sequence(old: int, at: datetime) -> int:
    """The SEQUENCE of a change at that instant: higher than the one before, and than any that was given before `at`,
    also if a restored backup knows nothing of those."""
    return max(old + 1, (at - SEQUENCE_ZERO) // SEQUENCE_STEP)


def _require_live(old: Appointment, at: datetime) -> None:
    match old.state:
        case AppointmentState.CANCELLED:
            raise _refused(N_("the appointment {id} is cancelled"), old)
        case AppointmentState.NO_SHOW:
            raise _refused(N_("nobody came to the appointment {id}"), old)
    if old.ends <= at:
        raise _refused(N_("the appointment {id} is over"), old)


def _refused(template: str, old: Appointment) -> ClientMistake:
    return ClientMistake(template, Code.WRONG_STATE, id=old.id)
