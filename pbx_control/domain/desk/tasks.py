"""What the secretaries are to do about a call."""

from enum import StrEnum


class TaskKind(StrEnum):
    """The names are those of `task.kind`."""

    CALL_BACK = "call_back"  # as one of the client's people asks
    UNSEEN = "unseen"  # to tell the client of its urgent message, as nobody has seen it
