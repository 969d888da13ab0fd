"""In which language a command line speaks: the help of all commands, and click's own words for usage and mistakes."""

import inspect
import os
import re
from collections.abc import Callable, Sequence
from contextvars import ContextVar
from copy import copy
from typing import TypeVar

import click

from pbx_control.catalogue import LANGUAGES, counted, translated, translated_count

Translate = Callable[[str], str]
"""From an English text to the one that is shown."""

C = TypeVar("C", bound=click.Command)

_language: ContextVar[str] = ContextVar("language", default="en")
# The modules in which click has bound gettext's functions to names of its own.
_SPEAKING = ("core", "decorators", "exceptions", "formatting", "parser", "termui", "types")
_METAVAR_WORD = re.compile(r"INTEGER RANGE|[A-Z][A-Z-]*[A-Z]|[A-Z]")
# What a table's line, or an example with a comment, begins with; the rest is for people.
_COLUMN = re.compile(r"(\S+\s{2,}|.*\s#\s)(.*)")


def terminal_language() -> str:
    """ "es" if the terminal's locale is Spanish, else "en" (LC_ALL, LC_MESSAGES, LANG, as POSIX orders them)."""
    locale = next((value for name in ("LC_ALL", "LC_MESSAGES", "LANG") if (value := os.environ.get(name))), "")
    return "es" if locale.lower().startswith("es") else "en"


def asked_language(arguments: Sequence[str]) -> str:
    """The language for a command line. --lang is looked for before click reads it: mistakes and --help, too, are told
    in that language, whatever stands before it."""
    for place, argument in enumerate(arguments):
        if not argument.startswith("-"):
            # The value of --home, or the command's name, with which the options of all commands end.
            if place and arguments[place - 1] == "--home":
                continue
            break
        name, equals, value = argument.partition("=")
        if name == "--lang":
            asked = value if equals else next(iter(arguments[place + 1 :]), "")
            return asked if asked in LANGUAGES else terminal_language()
    return terminal_language()


def speak(language: str) -> None:
    """From now on click's own words are in that language."""
    _language.set(language)


def spoken(text: str) -> str:
    """A text of click's, or of a command's help, in the language that is spoken now."""
    return translated(text, _language.get())


def _spoken_of_many(one: str, many: str, count: int) -> str:
    return translated_count(counted(one, many, by=""), count, _language.get())


def _teach_click() -> None:
    """click asks gettext, which reads the environment and compiled files: --lang would change nothing."""
    for name in _SPEAKING:
        module = getattr(click, name)
        for own, function in (("_", spoken), ("ngettext", _spoken_of_many)):
            if hasattr(module, own):
                setattr(module, own, function)


_teach_click()


def with_help_in(command: C, translate: Translate = spoken) -> C:
    """A copy of the command, and of all below it, whose help is translated; the command itself stays English."""
    told = copy(command)
    told._help_option = None  # click keeps it, in the language in which it was first asked for
    told.help = _help(command.help, translate)
    told.epilog = _help(command.epilog, translate)
    told.short_help = translate(command.short_help) if command.short_help else command.short_help
    told.options_metavar = _metavar(command.options_metavar or "", translate)
    told.params = [_parameter(one, translate) for one in command.params]
    if isinstance(told, click.Group) and isinstance(command, click.Group):
        told.subcommand_metavar = _metavar(command.subcommand_metavar, translate)
        told.commands = {name: with_help_in(one, translate) for name, one in command.commands.items()}
    return told


def _parameter(parameter: click.Parameter, translate: Translate) -> click.Parameter:
    told = copy(parameter)
    if isinstance(told, click.Option) and told.help:
        told.help = translate(told.help)
    # click makes it only when it is shown, out of the parameter's name or type.
    setattr(told, "make_metavar", lambda ctx: _metavar(parameter.make_metavar(ctx), translate))  # noqa: B010
    return told


def _metavar(text: str, translate: Translate) -> str:
    return _METAVAR_WORD.sub(lambda word: translate(word[0]), text)


def _help(text: str | None, translate: Translate) -> str | None:
    """A help text, translated paragraph by paragraph; what click must not wrap, line by line."""
    if not text:
        return text
    paragraphs = re.split(r"\n\s*\n", inspect.cleandoc(text))
    return "\n\n".join(_paragraph(one, translate) for one in paragraphs)


def _paragraph(text: str, translate: Translate) -> str:
    if not text.startswith("\b"):
        return translate(" ".join(text.split()))
    return "\n".join(["\b", *(_line(line, translate) for line in text.splitlines()[1:])])


def _line(line: str, translate: Translate) -> str:
    if found := _COLUMN.fullmatch(line):
        return found[1] + translate(found[2])
    # An example is what is typed, whatever the language.
    return line if line.startswith("  ") else translate(line)
