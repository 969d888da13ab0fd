"""An installation whose commands are forked from a process that has read the program already.

Each is a process of its own as ever, but costs a tenth: `pbx-control` reads a second's worth of modules, and the tests
with a real Asterisk give more than a thousand commands.
"""

import asyncio
import multiprocessing
import os
import shutil
import sys
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from cli import COMMANDS, main
from pbx_control.world.installation import Answer, Installation

_forks = multiprocessing.get_context("forkserver")
_forks.set_forkserver_preload([late.path.partition(":")[0] for late in COMMANDS.values()])


@cache
def _sounds() -> TemporaryDirectory[str]:
    """The house's sounds as the first installation of this process has spoken them: that takes ten seconds. (Made when
    asked for: the forked commands read this module, too, and clean up nothing.)"""
    return TemporaryDirectory(prefix="pbx-sounds-")


class ForkedInstallation(Installation):
    """As its parent; only the daemon is started as an admin would start it."""

    async def set_up(self, **settings: dict[str, Any]) -> None:
        """Writes the settings and makes the home."""
        self.write_settings(**settings)
        spoken, prompts = Path(_sounds().name, "prompts"), self.home / "prompts"
        if spoken.exists():
            shutil.copytree(spoken, prompts)
        await self.pbx("setup")
        if not spoken.exists():
            shutil.copytree(prompts, spoken)

    async def run(self, *words: str) -> Answer:
        """Runs a command to its end, whatever its exit status."""
        with TemporaryDirectory(prefix="pbx-command-") as folder:
            out, err = Path(folder, "out"), Path(folder, "err")
            process = _forks.Process(target=_run, args=(self.command[3:], words, self.environment, out, err))
            process.start()
            await asyncio.to_thread(process.join)
            answer = Answer(process.exitcode or 0, out.read_text(), err.read_text())
            process.close()
        return answer


def _run(options: list[str], words: tuple[str, ...], environment: dict[str, str], out: Path, err: Path) -> None:
    """The command, in the process that was forked for it."""
    os.setsid()
    os.environ.clear()
    os.environ.update(environment)
    for file, stream in ((out, sys.stdout), (err, sys.stderr)):
        os.dup2(os.open(file, os.O_WRONLY | os.O_CREAT), stream.fileno())
    main([*options, *words], prog_name="pbx-control")
