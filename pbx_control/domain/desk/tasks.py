"""What a client's people ask the secretaries to do about a call."""

from enum import StrEnum


class TaskKind(StrEnum):
    """The names are those of `task.kind`."""

    CALL_BACK = "call_back"
