"""How a long step tells what it is doing."""

from collections.abc import Callable

# Called with one English template line when a step that may take a while begins.
Progress = Callable[[str], None]


def silent(_line: str) -> None:
    """Tells nobody: for programs and tests."""
