"""How the demo looks: chapters, commands as an admin types them, facts that were checked, letters."""

import shlex
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from time import monotonic
from typing import Any

from rich.console import Console, RenderableType
from rich.markup import escape
from rich.padding import Padding
from rich.panel import Panel
from rich.rule import Rule
from rich.status import Status
from rich.table import Table

from pbx_control.admin.door import Door
from pbx_control.catalogue import counted

INDENT = 4
WIDTH = 110  # where the output is no terminal


class Screen:
    """Prints the demo as it happens. Lines are English templates that the catalogue knows; the rest is data."""

    def __init__(self, door: Door) -> None:
        self.door = door
        self.console = Console(highlight=False, width=None if sys.stdout.isatty() else WIDTH)
        self.failures = 0
        self.chapters = 0
        self.began = monotonic()

    def title(self, template: str, **values: Any) -> None:
        """The line at the top."""
        self.console.print()
        self.console.print(Rule(f"[bold]pbx-control demo[/]  {self._said(template, values)}", style="cyan"))

    def chapter(self, template: str, **values: Any) -> None:
        """Opens a numbered chapter."""
        self.chapters += 1
        self.console.print(f"\n[bold cyan]{self.chapters}  {self._said(template, values)}[/]")

    def note(self, template: str, **values: Any) -> None:
        """A line that explains."""
        self._print(f"[dim]{self._said(template, values)}[/]")

    def command(self, words: Sequence[str], program: str = "pbx-control") -> None:
        """A command, as it could be typed."""
        line = escape(" ".join(shlex.quote(word) for word in words))
        self._print(f"[green]$[/] [bold]{program}[/] {line}")

    def fact(self, template: str, true: bool, **values: Any) -> None:
        """Something that was looked at: true or not. The demo fails if any is not."""
        self.failures += not true
        mark = "[bold green]✓[/]" if true else "[bold red]✗[/]"
        self._print(f"{mark} {self._said(template, values)}")

    def line(self, text: str) -> None:
        """A line that another program printed."""
        self._print(escape(text), style="yellow")

    def letter(self, to: str, subject: str, text: str) -> None:
        """An e-mail, as the mail program of whoever got it shows it."""
        body = f"[bold]{escape(subject)}[/]\n\n{escape(text.strip())}"
        panel = Panel(body, title=f"✉  {escape(to)}", title_align="left", border_style="blue")
        self.console.print(Padding(panel, (0, 4, 0, INDENT)))

    def text(self, text: str) -> None:
        """What a command printed, as it printed it."""
        for line in text.rstrip().splitlines():
            # a table's lines are left to the terminal: folded by us they would not be a table any more
            self.console.print(" " * INDENT + escape(line.rstrip()), style="dim", soft_wrap=True)

    def desks(self, url: str, accounts: Mapping[str, str]) -> None:
        """Where to sign in, and as whom."""
        table = Table.grid(padding=(0, 3))
        table.add_row(self.door.say("address"), f"[bold]{url}[/]")
        for user, password in accounts.items():
            table.add_row(self.door.say("user, password"), f"[bold]{user}[/]   [bold]{password}[/]")
        self._print(table)

    @contextmanager
    def working(self, template: str, **values: Any) -> Iterator[Status]:
        """Shows that something is going on."""
        with self.console.status(self._said(template, values)) as status:
            yield status

    def end(self) -> None:
        """The verdict."""
        seconds = round(monotonic() - self.began)
        if self.failures:
            template = counted(
                "{count} fact is not as it should be ({seconds} s)",
                "{count} facts are not as they should be ({seconds} s)",
                by="count",
            )
            words = self.door.say(template, count=self.failures, seconds=seconds)
        else:
            words = self.door.say("all of it really happened ({seconds} s)", seconds=seconds)
        colour = "red" if self.failures else "green"
        self.console.print()
        self.console.print(Rule(f"[bold {colour}]{words}[/]", style=colour))

    def _print(self, markup: RenderableType, style: str = "") -> None:
        self.console.print(Padding(markup, (0, 0, 0, INDENT), expand=False), style=style)

    def _said(self, template: str, values: dict[str, Any]) -> str:
        return self.door.say(template, **{name: escape(str(value)) for name, value in values.items()})
