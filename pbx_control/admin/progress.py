"""Shows what a long command is doing, once it has taken longer than two seconds."""

import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Console

from pbx_control.admin.door import Door

PATIENCE = 2.0  # seconds without a word


class Teller:
    """Tells steps on stderr: a spinner on a terminal, plain lines elsewhere; nothing for what is done quickly."""

    def __init__(self, door: Door) -> None:
        self.door = door
        self.console = Console(stderr=True, highlight=False)
        self.status = self.console.status("")
        self.line = door.say("working")
        self.patience = threading.Timer(PATIENCE, self._show)
        self.patience.daemon = True
        self.shown = False

    def __call__(self, template: str, **values: object) -> None:
        """Says that a step begins; `template` is an English line known to the catalogue."""
        self.line = self.door.say(template, **values)
        if self.shown:
            self._show()

    def _show(self) -> None:
        self.shown = True
        if sys.stderr.isatty():
            self.status.update(f"{self.line} …")
            self.status.start()
        else:
            self.console.print(f"{self.line} …")

    def close(self) -> None:
        self.patience.cancel()
        self.status.stop()


@contextmanager
def telling(door: Door) -> Iterator[Teller]:
    """A teller of steps for the length of a block: `with telling(door) as tell: tell("making …")`."""
    teller = Teller(door)
    teller.patience.start()
    try:
        yield teller
    finally:
        teller.close()
