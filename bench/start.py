"""The start of commands: the CPU time that each takes to say its lines, beside bare Python's and SQLAlchemy's.

A command waits for nobody, so CPU time is what it keeps a person waiting. Its files are in the page cache.
"""

import os
import statistics
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

BARE, SQLALCHEMY = "python -c pass", "python -c 'import sqlalchemy'"
COMMANDS = (
    "--help",
    "client list",
    "client suspend nobody",  # one line on stderr
    "did list",
    "hours show andes",
    "secretary list",
    "call list",
    "status",
)
PROVISIONED = (
    ("setup",),
    ("client", "add", "andes", "--name", "Andes Ltda"),
    ("did", "add", "+56225550101"),
    ("did", "assign", "+56225550101", "andes"),
    ("secretary", "add", "Ana"),
)


@dataclass(frozen=True, slots=True)
class Starts:
    """All that was measured: the runs of each line, milliseconds."""

    runs: dict[str, list[float]] = field(default_factory=dict)

    def median(self, line: str) -> float:
        """The middle one of a line's runs."""
        return statistics.median(self.runs[line])


def started(folder: Path, runs: int) -> Starts:
    """Makes a small home in `folder` and measures on it; the lines take turns, so that what else the machine does
    meets all of them."""
    command = [sys.executable, "-m", "cli", "--home", str(folder)]
    for words in PROVISIONED:
        subprocess.run([*command, *words], check=True, capture_output=True)
    lines = {
        BARE: [sys.executable, "-c", "pass"],
        SQLALCHEMY: [sys.executable, "-c", "import sqlalchemy"],
        **{line: [*command, *line.split()] for line in COMMANDS},
    }
    done = Starts()
    for _ in range(runs):
        for line, argv in lines.items():
            done.runs.setdefault(line, []).append(cpu_ms(argv))
    return done


def cpu_ms(argv: Sequence[str]) -> float:
    """User and system time of one run."""
    silent = [(os.POSIX_SPAWN_OPEN, number, os.devnull, os.O_RDWR, 0) for number in (0, 1, 2)]
    pid = os.posix_spawn(argv[0], argv, os.environ, file_actions=silent)
    _, _, used = os.wait4(pid, 0)
    return (used.ru_utime + used.ru_stime) * 1000
