"""The texts that the code shows to people, as Babel's extraction asks for them (babel.cfg; `make texts`).

Four ways lead into the catalogue: a template in a call that says something, or marked with `N_` or `counted`; a
command's help with click's own words; a word (name of a column, value of an enumeration) that stands in the code; `_`
in a page's template, which Jinja's own extraction finds.
"""

import ast
import errno
import os
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import IO, Any, get_args

import click
from babel.messages.catalog import Catalog
from babel.messages.pofile import read_po

from pbx_control.catalogue import DOMAIN, LOCALE

ROOT = Path(__file__).parent.parent
# Calls whose first argument is a line for a person.
SAYING = {
    *("N_", "Word", "Sentence", "spoken", "confirm", "tell", "say"),
    *("ClientMistake", "SwitchUnavailable", "StoreUnavailable", "DeliveryFailed", "RemoteTrouble", "DaemonAway"),
    "NoAnswer",
    *("title", "chapter", "note", "fact", "working", "good", "doubt", "bad"),
}
HEADING = {"reading_command", "table"}
WORD = re.compile(r"[a-z][a-z0-9_]*")
# Raised for whoever writes a command, or on another system: no user of ours meets them.
FOR_PROGRAMMERS = {
    "Windows error: {error}",
    "Value must be an iterable.",
    "Could not determine name for option with declarations {decls!r}",
    "Arguments take exactly one parameter declaration, got {length}: {decls}.",
    "Name '{name}' defined twice",
    "Boolean option {decl!r} cannot use the same flag for true/false.",
    "Invalid start character for option ({option})",
    "Unknown color {colour!r}",
    "Choice({choices})",
    "Unknown standard stream '{name}'",
    "DeprecationWarning: The command {name!r} is deprecated.{extra_message}",
    "DeprecationWarning: The {param_type} {name!r} is deprecated.{extra_message}",
    "Couldn't detect Bash version, shell completion is not supported.",
    "Shell completion is not supported for Bash versions older than 4.4.",
}
# STREAMS, XENIX, old binaries, tapes and radios: no call of ours can fail so.
OF_OTHER_MACHINES = {
    *("ENOMSG", "EIDRM", "ECHRNG", "EL2NSYNC", "EL3HLT", "EL3RST", "ELNRNG", "EUNATCH", "ENOCSI", "EL2HLT", "EBADE"),
    *("EBADR", "EXFULL", "ENOANO", "EBADRQC", "EBADSLT", "EBFONT", "ENOSTR", "ENODATA", "ENOSR", "ENOPKG", "EREMOTE"),
    *("EADV", "ESRMNT", "EMULTIHOP", "EDOTDOT", "EBADFD", "ELIBACC", "ELIBBAD", "ELIBSCN", "ELIBMAX", "ELIBEXEC"),
    *("ERESTART", "ESTRPIPE", "ETOOMANYREFS", "ENOTNAM", "ENAVAIL", "EISNAM", "ERFKILL"),
}
# What glibc's gai_strerror says.
RESOLVING = (
    "Name or service not known",
    "Temporary failure in name resolution",
    "Non-recoverable failure in name resolution",
    "No address associated with hostname",
    "Servname not supported for ai_socktype",
    "ai_family not supported",
    "Address family for hostname not supported",
)
# What Python's library says in its own words.
OF_LIBRARIES = ("timed out", "The read operation timed out", "Connection unexpectedly closed")
# What SQLite (its result codes) and PostgreSQL with its client say where nothing is wrong with a statement.
OF_DATABASES = (
    *("database is locked", "database or disk is full", "disk I/O error", "unable to open database file"),
    *("attempt to write a readonly database", "file is not a database", "database disk image is malformed"),
    *("the database system is starting up", "the database system is shutting down", "sorry, too many clients already"),
    *("connection timeout expired", "timeout expired", "server closed the connection unexpectedly"),
    *("terminating connection due to administrator command", "canceling statement due to lock timeout"),
)

Text = str | tuple[str, str]
"""A text, or one for one and one for many."""
Extracted = Iterator[tuple[int, str | None, Text, list[str]]]
"""As Babel asks for it: line, function, texts, comments."""


def catalogue(language: str = "es") -> Catalog:
    """The catalogue as it is written."""
    with (LOCALE / language / "LC_MESSAGES" / f"{DOMAIN}.po").open("rb") as file:
        return read_po(file, locale=language)


def of_source(file: IO[bytes], keywords: Any, comment_tags: Any, options: dict[str, str]) -> Extracted:
    """Babel's extraction from a module."""
    tree = ast.parse(file.read())
    words = _words()
    for node in ast.walk(tree):
        if (word := _name(node)) in words:
            yield 1, None, word, []
        if isinstance(node, ast.Call):
            for function, text in _said(node):
                yield node.lineno, function, text, []


def of_commands(file: IO[bytes], keywords: Any, comment_tags: Any, options: dict[str, str]) -> Extracted:
    """Babel's extraction from all commands: their help, what click says, and why the system refuses."""
    yield from of_source(file, keywords, comment_tags, options)
    yield from ((1, None, text, []) for text in sorted(help_texts() | reasons() | listed()))
    for text in click_texts():
        yield 1, None if isinstance(text, str) else "ngettext", text, []


def _name(node: ast.AST) -> str:
    """What may be the name of a fact or of a value."""
    match node:
        case ast.Constant(str() as name) | ast.keyword(str() as name) | ast.AnnAssign(ast.Name(name)):
            return name
    return ""


@cache
def _words() -> frozenset[str]:
    return frozenset(one.id for one in catalogue() if isinstance(one.id, str) and WORD.fullmatch(one.id))


def _said(call: ast.Call) -> Iterator[tuple[str | None, Text]]:
    """What a call marks, with gettext's function of that kind."""
    name = call.func.attr if isinstance(call.func, ast.Attribute) else getattr(call.func, "id", "")
    if not call.args:
        return
    if name in ("counted", "in_context"):
        texts = [text for each in call.args for text in _literals(each)]
        if len(texts) > 1:
            yield "ngettext" if name == "counted" else "pgettext", (texts[0], texts[1])
    elif name == "InLanguages":
        yield from ((None, text) for text in _of_table(call.args[0]))
    elif name in SAYING:
        yield from ((None, text) for text in _literals(call.args[0]))
    elif name in HEADING and isinstance(call.args[0], ast.List):
        yield from ((None, word) for element in call.args[0].elts for word in _literals(element))


def _of_table(node: ast.expr) -> Iterator[str]:
    """The texts of a table; its keys are none."""
    match node:
        case ast.Dict(values=values) | ast.Tuple(elts=values):
            yield from (text for value in values for text in _of_table(value))
        case ast.Call(func=ast.Name(id="in_context")):
            pass  # it is found by itself
        case ast.Call(args=args, keywords=keywords):
            yield from (text for value in (*args, *(one.value for one in keywords)) for text in _of_table(value))
        case _:
            yield from _literals(node)


def _literals(node: ast.expr) -> Iterator[str]:
    if isinstance(node, ast.Constant) and isinstance(node.value, str) and node.value:
        yield node.value
    elif isinstance(node, ast.IfExp):
        yield from _literals(node.body)
        yield from _literals(node.orelse)


def every_command(
    command: click.Command, path: tuple[str, ...] = ()
) -> Iterator[tuple[tuple[str, ...], click.Command]]:
    """A command and all below it, each with its names."""
    yield path, command
    if isinstance(command, click.Group):
        for name in command.list_commands(click.Context(command)):
            below = command.get_command(click.Context(command), name)
            assert below is not None
            yield from every_command(below, (*path, name))


def help_texts() -> set[str]:
    """All that the help of any command says."""
    from cli import main
    from pbx_control.admin.language import with_help_in

    asked: set[str] = set()

    def note(text: str) -> str:
        asked.add(text)
        return text

    for _, command in every_command(main):
        click.Context(with_help_in(command, note), info_name="x").get_help()
    return asked


def click_texts() -> Iterator[Text]:
    """What click says to people of ours."""
    for path in sorted(Path(click.__file__).parent.glob("*.py")):
        for node in ast.walk(ast.parse(path.read_text())):
            if not isinstance(node, ast.Call) or getattr(node.func, "id", "") not in ("_", "ngettext"):
                continue
            texts = [each.value for each in node.args if isinstance(each, ast.Constant)]
            if texts and texts[0] not in FOR_PROGRAMMERS and not texts[0].startswith("No options defined but"):
                yield texts[0] if len(texts) == 1 else (texts[0], texts[1])


def reasons() -> set[str]:
    """Why the system, or a library, refuses."""
    known = set(errno.errorcode.values()) - OF_OTHER_MACHINES
    return {os.strerror(getattr(errno, name)) for name in known} | {*RESOLVING, *OF_LIBRARIES, *OF_DATABASES}


def listed() -> set[str]:
    """Values of types that are said as they are and are more than one word."""
    from pbx_control.domain.audit import Verb
    from pbx_control.store import letters

    return {*get_args(letters.State), *Verb}


def extracted() -> set[tuple[Text, str | None]]:
    """All texts that the code shows, with their contexts."""
    from babel.messages.extract import extract_from_dir
    from babel.messages.frontend import parse_mapping_cfg

    with (ROOT / "babel.cfg").open() as file:
        methods, options = parse_mapping_cfg(file)
    found = extract_from_dir(ROOT, methods, options, directory_filter=None)
    return {(text, context) for _, _, text, _, context in found}
