"""What can go wrong, told by who must act; the door that catches an error picks the exit status or HTTP code."""


class PbxError(Exception):
    """Base of all our errors. The text is one line for a person: what happened, why, what to do."""


class ClientMistake(PbxError):
    """What was asked cannot be done as asked: whoever asked must ask differently. Nothing was changed."""


class SwitchUnavailable(PbxError):
    """Asterisk is absent, unreachable or refused: the admin must look at the switch."""


class StoreUnavailable(PbxError):
    """The database cannot be reached or written to (away, locked, disk full)."""


class DeliveryFailed(PbxError):
    """A message could not be handed over; `permanent` tells that trying again is of no use."""

    def __init__(self, text: str, *, permanent: bool = False) -> None:
        super().__init__(text)
        self.permanent = permanent
