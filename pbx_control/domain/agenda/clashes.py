"""What does not agree between our appointments and the client's own calendar: a task for the secretaries, never a
silent move."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from pbx_control.catalogue import N_
from pbx_control.domain.agenda.appointments import Appointment, AppointmentState
from pbx_control.domain.agenda.remote_events import Busy


class ClashKind(StrEnum):
    """The names are those of `appointment_task.kind`."""

    OVERLAP = "overlap"  # the client has entered something else at that time
    MOVED = "moved"  # the client has moved the appointment in his calendar
    DELETED = "deleted"  # the client has deleted it there


# What is wrong, for whoever lists appointments; `other` is a time in the client's calendar.
CLASH_WORDS: Mapping[ClashKind, str] = {
    ClashKind.OVERLAP: N_("the client has something else there: {other}"),
    ClashKind.MOVED: N_("the client has moved it to {other}"),
    ClashKind.DELETED: N_("the client has deleted it"),
}


@dataclass(frozen=True, slots=True, order=True)
class Clash:
    """An appointment, and what is to be settled about it."""

    appointment_id: int
    kind: ClashKind


def overlaps(appointments: Iterable[Appointment], busy: Sequence[Busy]) -> list[Clash]:
    """The confirmed appointments at whose time the remote calendar has something else."""
    return [
        Clash(one.id, ClashKind.OVERLAP)
        for one in appointments
        if one.state is AppointmentState.CONFIRMED
        and any(span.starts < one.ends and one.starts < span.ends for span in busy)
    ]


def changed_there(appointments: Iterable[Appointment], there: Mapping[str, Sequence[Busy]]) -> list[Clash]:
    """The confirmed appointments that stand at another time in the remote calendar; `there`: by UID, when. One that the
    client has made transparent stands nowhere, and is left alone."""
    return [
        Clash(one.id, ClashKind.MOVED)
        for one in appointments
        if one.state is AppointmentState.CONFIRMED
        and (spans := there.get(one.uid))
        and [(span.starts, span.ends) for span in spans] != [(one.starts, one.ends)]
    ]
