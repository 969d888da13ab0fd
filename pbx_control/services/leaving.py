"""What becomes of a client's coming appointments when it cancels (docs/decisions/cancelling.md)."""

from dataclasses import dataclass
from datetime import date
from zoneinfo import ZoneInfo

from pbx_control.errors import ClientMistake
from pbx_control.services import appointment_letters, appointments
from pbx_control.services.cancelled import AFTER
from pbx_control.services.work import Work
from pbx_control.settings import Settings
from pbx_control.store import clients


@dataclass(frozen=True, slots=True)
class Left:
    """How many appointments were to come, whether they are cancelled now, else how many of the client's recipients were
    written to, and the day after which they are erased."""

    coming: int
    cancelled: bool
    told: int
    until: date


def settle_appointments(work: Work, slug: str, settings: Settings, *, cancel: bool) -> Left:
    """Leaves the appointments of a client that has just cancelled as they are, and writes to it how to take them along;
    or cancels them, each with its letters.

    Raises ClientMistake if they are to be cancelled, and the settings name no sender for the letters.
    """
    firm = clients.find(work.conn, slug)
    until = (work.at + AFTER).astimezone(ZoneInfo(firm.timezone)).date()
    coming, told = len(appointments.coming(work.conn, firm.id, work.at)), 0
    if cancel and coming:
        appointments.cancel_coming(work, firm.id, house=appointment_letters.house_of(settings))
    elif coming:
        told = _tell(work, firm.id, coming, until, settings)
    return Left(coming, cancel, told, until)


def _tell(work: Work, client_id: int, coming: int, until: date, settings: Settings) -> int:
    try:
        house = appointment_letters.house_of(settings)
    except ClientMistake:
        return 0  # without a sender nobody is written to; a contract ends all the same
    return appointment_letters.tell_leaver(work.conn, client_id, coming, until, work.at, house)
