"""A step of a call as it is remembered."""

from collections.abc import Sequence
from dataclasses import dataclass

from pbx_control.domain.call.commands import StoreCommand
from pbx_control.domain.call.journal import Line
from pbx_control.domain.call.model import Call


@dataclass(frozen=True, slots=True)
class Save:
    """One step to be remembered: the call after it, what the journal says, and what the store is to do."""

    call: Call
    new: bool
    entries: Sequence[Line]
    commands: Sequence[StoreCommand] = ()
    only_noted: bool = False  # the call is as it was before: only the journal grows
