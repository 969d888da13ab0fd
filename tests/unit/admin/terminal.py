"""The command as an admin types it into a terminal."""

import json
import os
from pathlib import Path
from typing import Any

from click.testing import CliRunner, Result

from cli import main

ENVIRONMENT = {"LC_ALL": "C.UTF-8", "PBX_HOME": None, "PBX_DATABASE__URL": None, "COLUMNS": "200"}


class Admin:
    """Types commands into a terminal, all of them about one home."""

    def __init__(self, home: Path) -> None:
        self.home = home

    def types(self, *words: str, **more: Any) -> Result:
        """What became of a command line; a traceback fails the test."""
        result = CliRunner().invoke(
            main, ["--home", str(self.home), *words], env=ENVIRONMENT | more.pop("env", {}), **more
        )
        if result.exception is not None and not isinstance(result.exception, SystemExit):
            raise result.exception
        return result

    def does(self, *words: str, **more: Any) -> str:
        """What a command printed that must succeed."""
        result = self.types(*words, **more)
        assert result.exit_code == 0, result.stderr
        return result.stdout

    def reads(self, *words: str) -> Any:
        """What a reading command printed as JSON."""
        return json.loads(self.does(*words, "--json"))

    def is_refused(self, *words: str, **more: Any) -> str:
        """The one line with which a command was refused."""
        result = self.types(*words, **more)
        assert result.exit_code == 1
        assert result.stdout == ""
        assert result.stderr.startswith("pbx-control: ")
        assert result.stderr.count("\n") == 1
        return result.stderr.removeprefix("pbx-control: ").strip()


def uncounted() -> dict[str, str]:
    """The environment of a process whose lines `make coverage` cannot count: it has no room to write them down."""
    return {name: value for name, value in os.environ.items() if not name.startswith("COVERAGE_PROCESS")}
