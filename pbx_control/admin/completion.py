"""What shells need besides click's own to complete our words."""

from collections.abc import Callable, Iterable

import click
from click.shell_completion import BashComplete, CompletionItem, add_completion_class
from sqlalchemy import Connection

from pbx_control.admin.door import Door
from pbx_control.errors import PbxError
from pbx_control.settings import find_home
from pbx_control.store.engine import reading


class Bash(BashComplete):
    """Bash takes a colon for the end of a word: of calls:read it would complete "read" alone."""

    source_template = "COMP_WORDBREAKS=${COMP_WORDBREAKS//:}\n" + BashComplete.source_template


add_completion_class(Bash)


class Several(click.ParamType[str]):
    """Words of ours, with commas between them; which there are, a service says."""

    name = "words"

    def __init__(self, words: Iterable[str]) -> None:
        self.words = tuple(words)

    def shell_complete(
        self, _context: click.Context, _parameter: click.Parameter, incomplete: str
    ) -> list[CompletionItem]:
        """What may stand after the last comma."""
        before, comma, begun = incomplete.rpartition(",")
        return [CompletionItem(f"{before}{comma}{word}") for word in self.words if word.startswith(begun)]


def from_store(context: click.Context, names: Callable[[Connection], Iterable[str]]) -> list[CompletionItem]:
    """What the store knows; nothing where there is no home yet: a completion must not print errors."""
    try:
        door = Door(find_home(context.find_root().params.get("home")), "en")
        with reading(door.engine) as connection:
            return [CompletionItem(name) for name in names(connection)]
    except PbxError:
        return []
