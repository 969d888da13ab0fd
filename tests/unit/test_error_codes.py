"""Errors below the doors name no command and no option; the command line has advice for each code, with its places."""

import ast
import re
from collections.abc import Iterator
from itertools import chain
from pathlib import Path
from string import Formatter

import click
import pytest

from bench.shape import COMMAND, DOORS
from cli import main
from pbx_control.admin.advice import ADVICE, GIVES, advised
from pbx_control.calendars.remote import RemoteTrouble
from pbx_control.catalogue import Counted
from pbx_control.domain.office import Lack
from pbx_control.domain.words.sentences import kept, read_kept, sentence_of
from pbx_control.errors import (
    OF_A_FIELD,
    SAY_ALL,
    ClientMistake,
    Code,
    DeliveryFailed,
    Field,
    Fields,
    StoreUnavailable,
    SwitchUnavailable,
)
from tests.texts import ROOT, every_command

# What every error of its kind is, without advice of its own.
GENERAL = {kind.code for kind in (ClientMistake, SwitchUnavailable, StoreUnavailable, DeliveryFailed, RemoteTrouble)}
BELOW = [
    file
    for file in sorted((ROOT / "pbx_control").rglob("*.py"))
    if not {"world", *DOORS}.intersection(file.relative_to(ROOT / "pbx_control").parts)
]
# They speak to programs that have options of the same names.
TO_OTHER_PROGRAMS = {"pbx_control/asterisk/runtime", "pbx_control/media/voices.py", "pbx_control/store/copies.py"}


def tree(file: Path) -> ast.Module:
    return ast.parse(file.read_text())


def kinds() -> set[str]:
    """The names of all our errors."""
    known = {"PbxError"}
    classes = [node for file in BELOW for node in ast.walk(tree(file)) if isinstance(node, ast.ClassDef)]
    for _ in range(3):  # an error of an error of an error
        known |= {one.name for one in classes if known.intersection(ast.unparse(base) for base in one.bases)}
    return known


def errors(file: Path) -> Iterator[ast.Call]:
    for node in ast.walk(tree(file)):
        if isinstance(node, ast.Call) and getattr(node.func, "id", "") in KINDS:
            yield node


def texts(node: ast.AST) -> Iterator[str]:
    for one in ast.walk(node):
        if isinstance(one, ast.Constant) and isinstance(one.value, str):
            yield one.value


KINDS = kinds()
RAISED = [(file, error) for file in BELOW for error in errors(file)]


def test_errors_are_found() -> None:
    assert {"ClientMistake", "DaemonAway", "SwitchAway"} <= KINDS
    assert len(RAISED) > 200


def test_no_error_names_a_command_or_an_option() -> None:
    assert [(file.name, text) for file, error in RAISED for text in texts(error) if COMMAND.search(text)] == []


def test_no_option_of_ours_is_known_below_the_doors() -> None:
    found = chain.from_iterable(our_options(file) for file in BELOW if not speaks_to_programs(file))
    assert list(found) == []


def our_options(file: Path) -> Iterator[tuple[str, str]]:
    return ((file.name, text) for text in texts(tree(file)) if text in OPTIONS)


def speaks_to_programs(file: Path) -> bool:
    return any(str(file.relative_to(ROOT)).startswith(place) for place in TO_OTHER_PROGRAMS)


def options() -> Iterator[str]:
    for _, command in every_command(main):
        yield from chain.from_iterable(one.opts for one in command.params if isinstance(one, click.Option))


OPTIONS = {option for option in options() if option.startswith("--")}


def test_every_code_has_advice_or_says_all_itself() -> None:
    assert set(ADVICE) | SAY_ALL | GENERAL == set(Code)
    assert not SAY_ALL.intersection(ADVICE)
    assert set(GIVES) == set(Lack)


def coded() -> Iterator[tuple[Code, set[str]]]:
    """The codes that are raised, with the names of the values that go along."""
    for _, error in RAISED:
        for given in error.args[1:]:
            if match := re.fullmatch(r"Code\.(\w+)", ast.unparse(given)):
                yield Code[match[1]], {one.arg for one in error.keywords if one.arg}


@pytest.mark.parametrize(("code", "values"), list(coded()))
def test_advice_is_filled_in_with_what_the_error_knows(code: Code, values: set[str]) -> None:
    if code in SAY_ALL or "near" in values:
        return
    template = ADVICE[code]
    wordings = [template, template.one] if isinstance(template, Counted) else [template]
    places = {name for text in wordings for _, name, _, _ in Formatter().parse(text) if name}
    assert places - {"commands"} <= values


def test_every_code_is_raised() -> None:
    assert {code for code, _ in coded()} == set(ADVICE) | SAY_ALL


@pytest.mark.parametrize(("code", "values"), [each for each in coded() if each[0] in OF_A_FIELD])
def test_what_is_wrong_with_a_field_names_it(code: Code, values: set[str]) -> None:
    """A page marks that field, an API answers with its name."""
    assert "field" in values


# Rooms of which the pages, the portal and the API show errors.
SHOWN = ("services", "store", "domain")


def test_what_doors_show_has_a_code_of_its_own() -> None:
    """Those few that have none are about the machine or the admin's own work."""
    plain = {text for file, error in RAISED for text in uncoded(file, error)}
    assert plain == {
        "{program} is not installed: PostgreSQL's own programs copy and restore it; apt-get install postgresql-client",
        "[database] url is no database of ours: write postgresql+psycopg://user:password@host/name, or leave it empty "
        "for SQLite",
        "{count} other is connected to the database: stop every daemon and program that uses it first",
    }


def uncoded(file: Path, error: ast.Call) -> Iterator[str]:
    """The template of a client's mistake that has only its class's code."""
    room = file.relative_to(ROOT / "pbx_control").parts[0]
    is_mistake = ast.unparse(error.func) == "ClientMistake" and room in SHOWN
    if is_mistake and error.args and not any("Code." in ast.unparse(one) for one in error.args[1:]):
        yield next(texts(error.args[0]), ast.unparse(error.args[0]))


def test_who_is_told_what_is_called_nearly_so_is_sent_to_no_list() -> None:
    near = ClientMistake(
        "there is no client {slug}: did you mean {near}?", Code.NO_SUCH_CLIENT, slug="ande", near="andes"
    )
    assert str(advised(near)) == "there is no client ande: did you mean andes?"


@click.command()
@click.argument("name")
@click.option("--legal-name", "-l")
@click.option("--verify/--no-verify")
def shown(name: str, legal_name: str, verify: bool) -> None:
    """Takes an argument and options."""


@pytest.mark.parametrize(
    ("field", "command", "called"),
    [
        ("name", shown, "NAME"),
        ("legal_name", shown, "--legal-name"),
        ("verify", shown, "--verify"),
        ("wrap_up", shown, "--wrap-up"),
        ("legal_name", None, "--legal-name"),
    ],
)
def test_field_is_called_as_the_command_calls_it(field: str, command: click.Command | None, called: str) -> None:
    error = ClientMistake("{field} is empty: write something", field=Field(field))
    assert str(advised(error, command)) == f"{called} is empty: write something"


def test_argument_is_called_as_the_help_calls_it_in_that_language() -> None:
    error = ClientMistake("{field} is empty: write something", field=Field("name"))
    assert advised(error, shown).said("es") == "NOMBRE está vacío: escriba algo"


def test_fields_are_words_to_everybody_else() -> None:
    error = ClientMistake("a factura needs {fields} too", fields=Fields([Field("rut"), Field("legal_name")]))
    assert str(error) == "a factura needs rut, legal_name too"
    text = kept(sentence_of(error), 200)
    assert read_kept(text).said("es") == "para factura hay que indicar también RUT, razón social"
    assert str(advised(error)) == "a factura needs --rut, --legal-name too"


@pytest.mark.parametrize(
    ("language", "told"),
    [
        ("en", "the client andes is not ready: first do `hours set andes HOURS`, `plan assign andes PLAN`"),
        ("es", "el cliente andes no está listo: falta hacer `hours set andes HORARIO`, `plan assign andes PLAN`"),
    ],
)
def test_what_lacks_is_told_in_commands(language: str, told: str) -> None:
    error = ClientMistake(
        "the client {slug} is not ready", Code.CLIENT_NOT_READY, slug="andes", lacking=(Lack.HOURS, Lack.PLAN)
    )
    assert advised(error).said(language) == told


def test_value_may_be_called_code() -> None:
    error = ClientMistake("the mail server answered {code} {answer}", code=550, answer="no")
    assert (str(error), error.code) == ("the mail server answered 550 no", Code.REFUSED)
