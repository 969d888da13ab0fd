"""What the provisioning commands share: one transaction for each change, prompts spoken before it, names completed."""

import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, TypeVar

import click
from click.shell_completion import CompletionItem
from sqlalchemy import Connection

from pbx_control import clock
from pbx_control.admin.completion import from_store
from pbx_control.admin.door import Door
from pbx_control.catalogue import N_
from pbx_control.domain.words.characters import harmless
from pbx_control.errors import ClientMistake
from pbx_control.services.work import Work, booking, changing
from pbx_control.services.work import rehearsed as rehearse
from pbx_control.store import agenda, clients, dids, infos, secretaries, tokens, trunks, users

T = TypeVar("T")


def change(door: Door, act: Callable[[Work], T]) -> T:
    """Does a change in one transaction that counts as a new revision; gives what `act` gives."""
    door.about_to_change()
    with changing(door.engine, door.actor, clock.now()) as work:
        return act(work)


def book(door: Door, act: Callable[[Work], T]) -> T:
    """Does in one transaction what the switch need not learn of: money, holds, letters; gives what `act` gives."""
    door.about_to_change()
    with booking(door.engine, door.actor, clock.now()) as work:
        return act(work)


def change_heard(door: Door, slug: str, act: Callable[[Work], T]) -> T:
    """A change of what a client's callers hear: first every new text is spoken, then the change is done."""
    # Imported here: commands that change no sounds start without it.
    from pbx_control.services import heard

    door.about_to_change()
    return heard.change_heard(door.home, door.engine, door.actor, clock.now(), slug, act)


def noting(act: Callable[[Work], object]) -> Callable[[Work], bool]:
    """An act that gives whether it changed something."""

    def noted(work: Work) -> bool:
        act(work)
        return bool(work.entries)

    return noted


def tell_change(door: Door, changed: bool, template: str, **values: object) -> None:
    """Tells what was changed, or that it is so already."""
    door.tell(template if changed else N_("it is so already: nothing was changed"), **values)


def listing(act: Callable[[Work], T]) -> Callable[[Work], tuple[T, set[str]]]:
    """An act that also gives the names of the fields that it changed."""

    def listed(work: Work) -> tuple[T, set[str]]:
        done = act(work)
        return done, {name for entry in work.entries for name in entry.difference}

    return listed


def tell_version(door: Door, fields: set[str], template: str, asked_by: str, **values: object) -> None:
    """Tells that a version of a text was kept, or that it only says who asked for what is there."""
    if fields == {"asked_by"}:
        door.tell("it is as it was; that {who} asked for it is kept as a version of its own", who=asked_by)
    else:
        tell_change(door, bool(fields), template, **values)


def rehearsed(door: Door, act: Callable[[Work], T]) -> T:
    """What `act` would give: it is done in a transaction that is rolled back."""
    return rehearse(door.engine, door.actor, clock.now(), act)


def typed_text(file: str, largest: int) -> str:
    """The text in a file, or of the standard input if `file` is -.

    Raises ClientMistake if it is larger than so many bytes, or no text in UTF-8.
    """
    if file == "-":
        content = sys.stdin.buffer.read(largest + 1)
    else:
        with open(file, "rb") as opened:
            content = opened.read(largest + 1)
    if len(content) > largest:
        raise ClientMistake("{file} is larger than {most} kB", file=file, most=largest // 1024)
    try:
        return content.decode()
    except UnicodeDecodeError:
        raise ClientMistake("{file} is no text in UTF-8: save it as one", file=file) from None


def card(door: Door, facts: Mapping[str, object]) -> None:
    """Prints one thing's facts, a line each, under the language's names for them."""
    labels = {name: door.say(name) for name in facts}
    width = max(map(len, labels.values()))
    for name, value in facts.items():
        click.echo(f"{labels[name]:{width}}  {harmless(door.fact(name, value))}")


def examples(*lines: str) -> str:
    """The examples at the end of a command's help, each on a line of its own."""
    return "\b\nExamples:\n" + "\n".join(f"  pbx-control {line}" for line in lines)


class Named(click.ParamType[str]):
    """A name that the shell completes from the store."""

    def __init__(self, name: str, known: Callable[[Connection, str], Iterable[str]]) -> None:
        self.name = name
        self.known = known

    def shell_complete(
        self, context: click.Context, _parameter: click.Parameter, incomplete: str
    ) -> list[CompletionItem]:
        """What may follow."""
        return from_store(context, lambda connection: self.begun(connection, context, incomplete))

    def begun(self, connection: Connection, _context: click.Context, start: str) -> Iterable[str]:
        """The names that begin so."""
        return self.known(connection, start)


class InfoName(Named):
    """The name of one of the ready-made texts of the CLIENT that stands before it."""

    def __init__(self) -> None:
        super().__init__("name", lambda connection, start: ())

    def begun(self, connection: Connection, context: click.Context, start: str) -> Iterable[str]:
        """Those without a blank: the shell would take the name for several words."""
        found = infos.in_force(connection, clients.find(connection, context.params.get("slug") or "").id)
        return [one.name for one in found if one.name.startswith(start) and one.name.split() == [one.name]]


class CalendarName(Named):
    """The short name of one of the calendars of the CLIENT that stands before it."""

    def __init__(self) -> None:
        super().__init__("calendar", lambda connection, start: ())

    def begun(self, connection: Connection, context: click.Context, start: str) -> Iterable[str]:
        """Those of that client."""
        found = agenda.slugs(connection, clients.find(connection, context.params.get("slug") or "").id)
        return [one for one in found if one.startswith(start)]


def _beginning(names: Callable[[Connection], Iterable[str]]) -> Callable[[Connection, str], Iterable[str]]:
    return lambda connection, start: (name for name in names(connection) if name.startswith(start))


def _secretary(connection: Connection, start: str) -> Iterator[str]:
    """Secretaries by name; where it has a blank, by SIP user: the shell would take the name for several words."""
    for row in secretaries.rows(connection):
        name, user = row.name, row.user
        if name.startswith(start) or user.startswith(start):
            yield name if name.split() == [name] else user


CLIENT = Named("client", clients.slugs)
NUMBER = Named("number", dids.numbers)
TRUNK = Named("trunk", _beginning(trunks.names))
SECRETARY = Named("name", _secretary)
INFO = InfoName()
CALENDAR = CalendarName()
USER = Named("name", _beginning(users.names))
TOKEN = Named("name", tokens.names)


def client_argument(command: Callable[..., Any]) -> Callable[..., Any]:
    """The CLIENT that most commands are about."""
    return click.argument("slug", metavar="CLIENT", type=CLIENT)(command)
