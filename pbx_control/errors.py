"""What can go wrong, told by who must act; the door that catches an error picks the exit status or HTTP code."""

from datetime import timedelta
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


class ClientMistake(PbxError):
    """What was asked cannot be done as asked: whoever asked must ask differently. Nothing was changed."""


class SwitchUnavailable(PbxError):
    """Asterisk is absent, unreachable or refused: the admin must look at the switch."""


class StoreUnavailable(PbxError):
    """The database cannot be reached or written to (away, locked, disk full)."""


class DeliveryFailed(PbxError):
    """A message could not be handed over; `permanent` tells that trying again is of no use.

    `retry_after` is the pause that the other side asked for, if it did.
    """

    def __init__(
        self, template: str, *, permanent: bool = False, retry_after: timedelta | None = None, **values: Any
    ) -> None:
        super().__init__(template, **values)
        self.permanent = permanent
        self.retry_after = retry_after
