"""What the daemon and the web process write on stderr: a line for each thing worth knowing, with fields."""

import sys
from collections.abc import MutableMapping
from typing import Any

import structlog

# So much of one value stands in a log line, characters.
LONGEST_LOGGED = 300


def log_to_stderr() -> None:
    """Lines for people at a terminal, JSON elsewhere."""
    for_people = sys.stderr.isatty()
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            cut_short,
            *([] if for_people else [structlog.processors.format_exc_info]),
            _for_people() if for_people else structlog.processors.JSONRenderer(),
        ],
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
    )


def cut_short(_logger: object, _method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """Cuts every value of a log line: what comes from outside may be as long as whoever sends it likes."""
    for key, value in event.items():
        if isinstance(value, str) and len(value) > LONGEST_LOGGED:
            event[key] = f"{value[:LONGEST_LOGGED]}…"
    return event


def _for_people() -> structlog.dev.ConsoleRenderer:
    # The default traceback, with every local, takes seconds: meanwhile the writer's thread would save nothing.
    return structlog.dev.ConsoleRenderer(exception_formatter=structlog.dev.plain_traceback)
