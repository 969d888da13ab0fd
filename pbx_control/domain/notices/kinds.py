"""What a client's recipient is sent, and what not: each gets the kinds that the client has chosen for him."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Self

from pbx_control.catalogue import N_


class About(StrEnum):
    """What a letter to a client's recipients is about; the names are the columns' of `recipient`, after `gets_`."""

    CALLS = "calls"  # messages, missed calls, what was added to them
    USAGE = "usage"  # that calls run out, and the report of missed ones
    INVOICES = "invoices"
    APPOINTMENTS = "appointments"  # each that is confirmed, moved or cancelled


LABELS: Mapping[About, str] = {
    About.CALLS: N_("messages and calls"),
    About.USAGE: N_("when calls run out"),
    About.INVOICES: N_("boletas and facturas"),
    About.APPOINTMENTS: N_("appointments"),
}


# What a letter with that file is about, by the folder; the other files are of calls.
FOLDERS = {"documents/invoices/": About.INVOICES, "documents/reports/": About.USAGE}


def about_of(attachment: str) -> About:
    """What a letter is about whose file that is."""
    return next((about for folder, about in FOLDERS.items() if attachment.startswith(folder)), About.CALLS)


@dataclass(frozen=True, slots=True)
class Wants:
    """Which kinds a recipient is sent."""

    calls: bool = True
    usage: bool = True
    invoices: bool = True
    appointments: bool = True

    @classmethod
    def only(cls, *kinds: About) -> Self:
        """Just these."""
        return cls(**{kind.value: kind in kinds for kind in About})

    @property
    def kinds(self) -> tuple[About, ...]:
        """Those that he is sent."""
        return tuple(kind for kind in About if getattr(self, kind.value))


EVERYTHING = Wants()
