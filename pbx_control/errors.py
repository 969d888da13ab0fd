"""What can go wrong, told by who must act; the door that catches an error picks the exit status or HTTP code."""

import os
from datetime import timedelta
from enum import StrEnum
from typing import Any


class PbxError(Exception):
    """Base of all our errors: one line for a person: what happened, why, what to do.

    `template` is the English line with `{names}` for `values`; a door looks the template up in its catalogue to
    say the line in another language. Without values the template is taken as it is, braces and all.
    """

    def __init__(self, template: str, **values: Any) -> None:
        super().__init__(template.format(**values) if values else template)
        self.template = template
        self.values = values


class Word(str):
    """A value that is a word for people, "Monday" for example: a door looks it up in its catalogue as it does lines."""

    __slots__ = ()


def reason(error: Exception) -> Word:
    """Why the system, or a library, refused; the system's own reasons are known to the catalogue."""
    system = error.__cause__ if isinstance(error.__cause__, OSError) else error
    number = getattr(system, "errno", None)
    if isinstance(system, TimeoutError) and not number:
        return Word("timed out")
    why = getattr(system, "strerror", None) or str(system) or type(system).__name__
    # asyncio puts words of its own in the place of the system's.
    return Word(os.strerror(number) if number and why.startswith("Connect call") else why)


class Pesos(int):
    """An amount of Chilean pesos: a door writes it as its language does."""

    __slots__ = ()


class ClientMistake(PbxError):
    """What was asked cannot be done as asked: whoever asked must ask differently. Nothing was changed."""


class SwitchUnavailable(PbxError):
    """Asterisk is absent, unreachable or refused: the admin must look at the switch."""


class StoreUnavailable(PbxError):
    """The database cannot be reached or written to (away, locked, disk full)."""


class Fault(StrEnum):
    """Why a letter was not handed over, as far as it says when to try again (docs/decisions/outbox.md)."""

    LATER = "later"  # the recipient cannot take it now
    SERVER = "server"  # the server is away, or its settings are wrong: no letter gets through
    LETTER = "letter"  # this letter alone is put off: others need not wait for it
    BUSY = "busy"  # the server takes no more letters at once
    PAUSE = "pause"  # the recipient's server asks to wait before the next letter to him
    UNCONFIRMED = "unconfirmed"  # the answer did not come: it may have arrived
    TOO_LARGE = "too large"  # without its attachment it may get through
    MOVED = "moved"  # the recipient has a new address
    FINAL = "final"  # trying again is of no use


class DeliveryFailed(PbxError):
    """A message could not be handed over.

    `retry_after` is the pause that the other side asked for (PAUSE), `moved_to` the new address (MOVED).
    """

    def __init__(
        self,
        template: str,
        fault: Fault = Fault.LATER,
        *,
        retry_after: timedelta = timedelta(0),
        moved_to: str = "",
        **values: Any,
    ) -> None:
        super().__init__(template, **values)
        self.fault = fault
        self.retry_after = retry_after
        self.moved_to = moved_to

    @property
    def permanent(self) -> bool:
        """Whether trying again is of no use."""
        return self.fault is Fault.FINAL
