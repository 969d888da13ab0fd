"""The admin's door: what all commands share: home, language, tables, JSON, and errors told in one line."""

import errno
import gc
import json
import os
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from functools import cached_property, wraps
from importlib import import_module
from itertools import chain, islice
from shutil import get_terminal_size
from typing import TYPE_CHECKING, Any, TypeVar
from zoneinfo import ZoneInfo

import click
import msgspec

from pbx_control import clock
from pbx_control.admin.language import asked_language, speak, spoken, with_help_in
from pbx_control.catalogue import LANGUAGES
from pbx_control.domain.audit import Actor
from pbx_control.domain.words.characters import harmless, unseen_in, without_unseen
from pbx_control.domain.words.facts import fact, readable, week
from pbx_control.domain.words.sentences import read_kept, said
from pbx_control.errors import ClientMistake, Code, Field, PbxError, Pesos, reason
from pbx_control.settings import Home, Settings, find_home, load, require_owner
from pbx_control.store.rows import facts

if TYPE_CHECKING:
    from sqlalchemy import Engine

NO_PAGER_HELP = "Long lists do not go through $PAGER."
CONTEXT = {"help_option_names": ["-h", "--help"], "max_content_width": 100}
# By this variable a shell asks for its script, or for what may follow.
COMPLETING = "_PBX_CONTROL_COMPLETE"
T = TypeVar("T")

# Rows or lines that are printed in one piece.
PIECE = 200


@dataclass
class Door:
    """What a command is given: its home, settings, database, the person's language ("es" or "en"), whether a list that
    is longer than the screen goes through the pager, and which command it is."""

    home: Home
    language: str
    pager: bool = True
    command: click.Command | None = None

    @cached_property
    def settings(self) -> Settings:
        return load(self.home)

    @cached_property
    def engine(self) -> "Engine":
        # Imported here: help and wrong usage need no database.
        from pbx_control.store.engine import open_engine

        return open_engine(self.home, self.settings)

    @cached_property
    def zone(self) -> ZoneInfo:
        """The office's zone: people read times as the letters to clients tell them, wherever the machine's clock is."""
        return ZoneInfo(self.settings.office.timezone)

    @cached_property
    def actor(self) -> Actor:
        """Who gives the command, for the audit trail."""
        from pbx_control.admin.identity import who_asks

        return who_asks()

    def about_to_change(self) -> None:
        """For commands that write into the home. Raises ClientMistake if root would, in another user's home."""
        require_owner(self.home)

    def close(self) -> None:
        """Lets the database go, if the command used it."""
        if "engine" in vars(self):
            self.engine.dispose()

    def say(self, template: str, **values: Any) -> str:
        """The line in the person's language; templates are English and looked up in the catalogue."""
        return said(self.language, template, values)

    def tell(self, template: str, **values: Any) -> None:
        """Prints a line for a person."""
        click.echo(self.say(template, **values))

    def confirm(self, template: str, **values: Any) -> None:
        """Asks a question. Ends the command unless the answer is yes, in either language; click knows English only."""
        choice = "[s/N]" if self.language == "es" else "[y/N]"
        answer = click.prompt(f"{self.say(template, **values)} {choice}", default="", show_default=False)
        if answer.strip().lower() not in ("s", "si", "sí", "y", "yes"):
            raise click.Abort

    def fact(self, name: str, value: object) -> str:
        """A fact of that name as text; words of ours are said in the person's language, weeks are written in it."""
        return fact(name, value, self.language, self.zone)

    def told(self, error: PbxError) -> str:
        """What an error says in the person's language, and what to do about it."""
        return told(error, self.language, self.command)

    def pesos(self, amount: int) -> str:
        """An amount of Chilean pesos."""
        return said(self.language, "{amount}", {"amount": Pesos(amount)})

    def kept(self, text: str) -> str:
        """A sentence of the store (domain.sentences) in the person's language."""
        return read_kept(text).said(self.language)

    def week(self, text: str) -> str:
        """A canonical week as people of the language write it: "lun-vie 09:00-18:00"."""
        return week(text, self.language)

    def plain(self, cell: object) -> str:
        """A fact as text: instants in the office's zone and with its offset ("2026-08-03 12:00:00 -04"), numbers as its
        language writes them."""
        return readable(cell, self.language, self.zone)

    def minute(self, at: datetime) -> str:
        """An instant to the minute, in the office's zone, for a sentence: "2026-08-03 12:00"."""
        return f"{at.astimezone(self.zone):%Y-%m-%d %H:%M}"

    def instant(self, text: str) -> datetime:
        """An instant that a person wrote; without an offset, in the office's zone, as the lists show it.

        Raises ClientMistake if it is none.
        """
        # Imported here: it knows how to write dates in two languages, which most commands do not need.
        from pbx_control.domain.words.written_time import read_instant

        return read_instant(text, self.zone, clock.now())

    def end(self, text: str, zone: ZoneInfo | None = None) -> datetime:
        """An instant to come, until which something is to hold, as --until has it; in that zone [the office's].

        Raises ClientMistake if it is none, or has passed.
        """
        # Imported here, as for the others.
        from pbx_control.domain.words.written_time import read_end

        now = clock.now()
        end = read_end(text, zone or self.zone, now)
        if end <= now:
            raise ClientMistake(
                "{field} {value} has passed: give a later time",
                Code.BAD_VALUE,
                field=Field("until"),
                value=repr(text[:40]),
            )
        return end

    def day(self, text: str) -> date:
        """A day that a person wrote. Raises ClientMistake if it is none."""
        from pbx_control.domain.words.written_time import read_day

        return read_day(text, clock.now().astimezone(self.zone).date())

    def table(self, columns: Sequence[str], rows: Iterable[Sequence[object]], cut: Sequence[str] = ()) -> None:
        """Prints rows under translated headings, as they come; what is in the columns `cut` is shortened to fit."""
        from pbx_control.admin import table

        room = get_terminal_size().columns if sys.stdout.isatty() else None
        texts = ([self.fact(column, cell) for column, cell in zip(columns, row, strict=True)] for row in rows)
        places = [columns.index(column) for column in cut]
        self.show_lines(table.lines([self.say(column) for column in columns], texts, room, places))

    def show_lines(self, lines: Iterator[str]) -> None:
        """Prints lines, the first one bold; through the pager if a terminal has less room."""
        lines = chain([click.style(next(lines), bold=True)], lines)
        if self.pager and sys.stdin.isatty() and sys.stdout.isatty():
            first = list(islice(lines, get_terminal_size().lines))
            lines = chain(first, lines)
            if len(first) == get_terminal_size().lines:
                click.echo_via_pager("\n".join(piece) + "\n" for piece in pieces(lines))
                return
        for piece in pieces(lines):
            click.echo("\n".join(piece))


def told(error: PbxError, language: str, command: click.Command | None) -> str:
    """What an error says in that language, and what to do about it."""
    # Imported here: most commands go well.
    from pbx_control.admin.advice import advised

    return advised(error, command).said(language)


def _seen(argument: str) -> str:
    """What was typed, without characters that nobody sees; which they were is said. A file's own name stays."""
    unseen = unseen_in(argument)
    if not unseen or os.path.exists(argument):
        return argument
    click.echo(
        spoken("left out of what was typed, as nobody sees it: {signs}").format(signs=" ".join(unseen)), err=True
    )
    return without_unseen(argument)


@dataclass(frozen=True, slots=True)
class Late:
    """A command that is imported only when it is used."""

    path: str  # module:attribute
    help: str  # the first paragraph of its help


class LateGroup(click.Group):
    """A group of which some commands are imported only when they are used, so that the others start quickly."""

    def __init__(self, *arguments: Any, late: Mapping[str, Late], **options: Any) -> None:
        super().__init__(*arguments, **options)
        self.late = late

    def list_commands(self, context: click.Context) -> list[str]:
        return sorted([*self.commands, *self.late])

    def get_command(self, context: click.Context, name: str) -> click.Command | None:
        if name not in self.late:
            return super().get_command(context, name)
        module, _, attribute = self.late[name].path.partition(":")
        with uncollected():
            command: click.Command = getattr(import_module(module), attribute)
        return with_help_in(command)

    def format_commands(self, context: click.Context, formatter: click.HelpFormatter) -> None:
        """As click does it, but without an import."""
        told = {name: with_help_in(click.Command(name, help=late.help)) for name, late in self.late.items()}
        commands, names = {**self.commands, **told}, self.list_commands(context)
        room = formatter.width - 6 - max(map(len, names))
        with formatter.section(spoken("Commands")):
            formatter.write_dl([(name, commands[name].get_short_help_str(room)) for name in names])


class Tree(LateGroup):
    """The top command: all its groups are imported when they are used."""

    def main(self, args: Sequence[str] | None = None, *more: Any, **options: Any) -> Any:
        """Reads and runs a command line; all that it says is in the language that it asks for."""
        arguments = sys.argv[1:] if args is None else list(args)
        speak(asked_language(arguments))
        arguments = [_seen(argument) for argument in arguments]
        if COMPLETING in os.environ:
            # Imported here: it says what click is to tell a shell.
            import_module("pbx_control.admin.completion")
        return super(Tree, with_help_in(self)).main(arguments, *more, **options)

    def __init__(self, commands: Mapping[str, Late]) -> None:
        super().__init__(
            name="pbx-control",
            context_settings=CONTEXT,
            help="Runs a telephone-answering service on your own Asterisk.",
            epilog="Completion of commands, clients and numbers with the tab key: put "
            '`eval "$(_PBX_CONTROL_COMPLETE=bash_source pbx-control)"` into ~/.bashrc '
            "(zsh: zsh_source in ~/.zshrc; fish: fish_source).",
            params=[
                click.Option(["--home"], metavar="DIR", help="The folder of this installation [$PBX_HOME or ./var]."),
                click.Option(["--lang"], type=click.Choice(LANGUAGES), help="Language of messages [that of $LANG]."),
                click.Option(["--no-pager"], is_flag=True, help=NO_PAGER_HELP),
            ],
            late=commands,
        )

    def list_commands(self, context: click.Context) -> list[str]:
        return list(self.late)

    def resolve_command(
        self, context: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        if args[0] not in self.late and not args[0].startswith("-"):
            # click would look for what was meant among the commands that it has imported: none.
            raise click.exceptions.NoSuchCommand(args[0], possibilities=self.late, ctx=context)
        return super().resolve_command(context, args)

    def invoke(self, context: click.Context) -> Any:
        language = context.params.get("lang") or asked_language([])
        if os.environ.get("NO_COLOR"):
            context.color = False
        try:
            context.obj = Door(find_home(context.params.get("home")), language, not context.params.get("no_pager"))
            context.call_on_close(context.obj.close)
            with expected_failures():
                return super().invoke(context)
        except click.MissingParameter as first:
            raise _all_missing(first) from None
        except PbxError as error:
            line = told(error, language, getattr(context.obj, "command", None))
            click.echo(click.style("pbx-control: ", fg="red", bold=True) + harmless(line), err=True)
            context.exit(1)


def _all_missing(first: click.MissingParameter) -> click.UsageError:
    """click tells of the first thing that is missing. It looks at what was given before what was not, so that by then
    all that was given is known: this tells of all that is missing at once."""
    context = first.ctx
    if context is None:
        return first
    unknown = (one for one in context.command.get_params(context) if one.required and one.name not in context.params)
    missing = [one for one in unknown if one.value_is_missing(one.consume_value(context, {})[0])]
    if len(missing) < 2:
        return first
    names = ", ".join(one.get_error_hint(context) for one in missing)
    return click.UsageError(spoken("these are missing: {names}").format(names=names), context)


@contextmanager
def uncollected() -> Iterator[None]:
    """Lets the garbage collector rest: what is imported stays, and looking through it takes longer than reading it."""
    collecting = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if collecting:
            gc.enable()


@contextmanager
def expected_failures() -> Iterator[None]:
    """Turns what any command may meet (full disk, unreadable file, race, bytes that are no text) into one line."""
    try:
        yield
    except OSError as error:
        if error.errno == errno.EPIPE:  # the reader of our output has gone: click ends quietly
            raise
        raise ClientMistake(
            "{file} cannot be used: {why}; see to the folder's rights and to the disk's room",
            file=error.filename or "a file of the home",
            why=reason(error),
        ) from error
    except UnicodeEncodeError as error:
        raise ClientMistake("what was typed is no text in UTF-8: type it anew") from error
    except Exception as error:
        # By its name: SQLAlchemy is not imported for commands without a database.
        if type(error).__name__ != "IntegrityError":
            raise
        raise ClientMistake("somebody else has just changed the same thing: look at it and try again") from error


def pass_door(command: Callable[..., T]) -> Callable[..., T]:
    """Gives a command its Door, as the first argument."""

    @wraps(command)
    def run(door: Door, *arguments: Any, **options: Any) -> T:
        door.command = click.get_current_context().command
        return command(door, *arguments, **options)

    return click.make_pass_decorator(Door)(run)


def json_option(command: Callable[..., Any]) -> Callable[..., Any]:
    """Adds --json to a reading command; its function gets `as_json`."""
    return click.option("--json", "as_json", is_flag=True, help="Print JSON instead of a table.")(command)


def table_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Adds --json and --no-pager to a command that prints a table; its function gets `as_json`."""
    no_pager = click.option(
        "--no-pager", is_flag=True, expose_value=False, callback=_leave_pager_out, help=NO_PAGER_HELP
    )
    return json_option(no_pager(command))


def _leave_pager_out(context: click.Context, _parameter: click.Parameter, left_out: bool) -> None:
    if left_out and (door := context.find_object(Door)):
        door.pager = False


def print_json(value: object) -> None:
    """Prints a value as JSON for other programs; instants as ISO 8601."""
    click.echo(_as_json(value))


def print_json_rows(rows: Iterable[object]) -> None:
    """Prints rows as one JSON array, as they come."""
    printed = False
    for piece in pieces(rows):
        objects = ",\n".join("  " + _as_json(row).replace("\n", "\n  ") for row in piece)
        click.echo((",\n" if printed else "[\n") + objects, nl=False)
        printed = True
    click.echo("\n]" if printed else "[]")


def pieces(items: Iterable[T]) -> Iterator[list[T]]:
    """Items, some at a time: printing each alone would take longer than making it."""
    rest = iter(items)
    while piece := list(islice(rest, PIECE)):
        yield piece


# What makes a row's facts readable, for a table.
Said = Callable[["Door", dict[str, Any]], dict[str, Any]]


def reading_command(
    columns: Sequence[str], said: Said | None = None, cut: Sequence[str] = ()
) -> Callable[[Callable[..., Sequence[Any]]], Callable[..., None]]:
    """Makes a command out of a function that returns rows (records or dicts): a table with `columns` (keys) of what
    `said` makes of them, those in `cut` shortened to fit, or all as they are as --json."""

    def decorate(function: Callable[..., Sequence[Any]]) -> Callable[..., None]:
        @table_options
        @pass_door
        @wraps(function)
        def run(door: Door, as_json: bool, **options: Any) -> None:
            show_rows(door, columns, function(door, **options), as_json, said, cut)

        return run

    return decorate


def show_rows(
    door: Door,
    columns: Sequence[str],
    rows: Iterable[Any],
    as_json: bool,
    said: Said | None = None,
    cut: Sequence[str] = (),
) -> None:
    """Prints rows (records or dicts), as they come, as a table with `columns` (keys) or all of them as JSON.

    In the columns `cut` a table shortens what does not fit.
    """
    rest = map(facts, rows)
    if as_json:
        print_json_rows(rest)
        return
    first = next(rest, None)
    if first is None:
        door.tell("nothing to show")
        return
    shown = (said(door, row) if said else row for row in chain([first], rest))
    door.table(columns, ([row[column] for column in columns] for row in shown), cut)


def _as_json(value: object) -> str:
    # Indented by msgspec: json.dumps is four times as slow once it indents.
    return msgspec.json.format(json.dumps(value, ensure_ascii=False, default=_jsonable), indent=2)


def _jsonable(value: object) -> object:
    if isinstance(value, (datetime, date)):
        return value.isoformat()
    if isinstance(value, timedelta):
        return value.total_seconds()
    if isinstance(value, (set, frozenset, tuple)):
        return sorted(value)
    return str(value)
