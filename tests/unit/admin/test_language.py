"""Help, usage lines and mistakes are told in the terminal's language, all of them."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import click
import pytest
from click.testing import CliRunner
from terminal import Admin

from cli import main
from pbx_control.admin.language import asked_language, with_help_in
from pbx_control.admin.spanish_help import CLICK, SPANISH_HELP

SPANISH = {"LC_ALL": "es_CL.UTF-8", "COLUMNS": "200", "PBX_HOME": None}
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


def typed(*words: str, env: dict[str, str | None] | None = None) -> str:
    """What a command line without a home says, on both outputs."""
    result = CliRunner().invoke(main, words, env=SPANISH if env is None else env, prog_name="pbx-control")
    return result.output


def click_texts() -> Iterator[str]:
    for path in sorted(Path(click.__file__).parent.glob("*.py")):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Call) and getattr(node.func, "id", "") in ("_", "ngettext"):
                yield from (
                    one.value for one in node.args if isinstance(one, ast.Constant) and isinstance(one.value, str)
                )


def commands(command: click.Command, path: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    yield path
    if isinstance(command, click.Group):
        for name in command.list_commands(click.Context(command)):
            below = command.get_command(click.Context(command), name)
            assert below is not None
            yield from commands(below, (*path, name))


def test_every_word_of_clicks_has_its_spanish() -> None:
    texts = {text for text in click_texts() if not text.startswith("No options defined but")}
    assert len(texts) > 50
    assert texts - FOR_PROGRAMMERS - CLICK.keys() == set()


def test_every_text_of_every_commands_help_has_its_spanish() -> None:
    asked: set[str] = set()

    def note(text: str) -> str:
        asked.add(text)
        return text

    for path in commands(main):
        command: click.Command = main
        for name in path:
            assert isinstance(command, click.Group)
            command = command.get_command(click.Context(command), name)
        told = with_help_in(command, note)
        click.Context(told, info_name="x").get_help()
    assert len(asked) > 250
    assert asked - SPANISH_HELP.keys() == set()


@pytest.mark.parametrize("path", [pytest.param(path, id=" ".join(path)) for path in commands(main)])
def test_help_of_a_command_has_no_english_word_of_clicks(path: tuple[str, ...]) -> None:
    told = typed(*path, "--help")
    assert told.startswith("Uso: pbx-control")
    told = re.sub(r"\[\w+(\|\w+)+\]|\[con tls required", "", told)  # what is typed is the same in every language
    for word in ("Usage", "Options", "[OPTIONS]", "COMMAND", "Show this message", "Examples", "required", "default"):
        assert word not in told


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["cliet", "list"], "No existe el comando 'cliet'. ¿Quiso decir 'client'?"),
        (["client", "lst"], "No existe el comando 'lst'."),
        (["client", "show"], "Falta el argumento 'CLIENTE'."),
        (["client", "list", "--jsn"], "No existe la opción '--jsn'. ¿Quiso decir '--json'?"),
        (["client", "list", "x"], "Sobra un argumento (x)"),
        (["client", "list", "x", "y"], "Sobran argumentos (x y)"),
        (["client", "add", "andes", "--name"], "La opción '--name' requiere un valor."),
        (["call", "list", "--limit", "0"], "Valor no válido para '--limit': 0 está fuera del rango 1<=x<=100000."),
        (["call", "list", "--limit", "x"], "Valor no válido para '--limit': 'x' no es un número válido."),
        (["trunk", "add", "x", "--transport", "ip"], "'ip' no es ninguno de estos: 'udp', 'tcp', 'tls'."),
        (["--lang", "fr", "status"], "'fr' no es ninguno de estos: 'es', 'en'."),
        (["recipient", "add", "andes"], "indique --email o --telegram"),
        (["announcement", "set", "andes", "closed"], "indique --text o --audio"),
    ],
    ids=lambda one: " ".join(one) if isinstance(one, list) else None,
)
def test_wrong_usage_is_told_in_spanish(words: list[str], said: str) -> None:
    told = typed(*words)
    assert said in told
    assert "Error: " in told
    if "requiere" not in told:  # click tells those without the usage line
        assert told.startswith("Uso: pbx-control")
        assert "Vea la ayuda con 'pbx-control" in told


def test_help_of_help_is_told_anew_in_another_language() -> None:
    main.get_help_option(click.Context(main, help_option_names=["--help"]))
    assert "Muestra esta ayuda." in typed("--help")


def test_english_is_what_it_was_also_after_spanish() -> None:
    typed("client", "--help")
    told = typed("client", "show", "--help", env={"LC_ALL": "C.UTF-8", "COLUMNS": "200"})
    assert told.startswith("Usage: pbx-control client show [OPTIONS] CLIENT\n\n  Everything about one client.\n")
    assert "Show this message and exit." in told


@pytest.mark.parametrize(
    ("arguments", "language"),
    [
        (["--lang", "en", "status"], "en"),
        (["--lang=en", "--help"], "en"),
        (["--help", "--lang", "en"], "en"),
        (["--home", "/srv/pbx", "--lang", "en", "status"], "en"),
        (["--home=/srv/pbx", "--lang", "en"], "en"),
        (["status", "--lang", "en"], "es"),
        (["--home", "--lang", "en"], "en"),
        (["--lang"], "es"),
        ([], "es"),
    ],
)
def test_asked_language_comes_before_the_terminals(
    arguments: list[str], language: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LC_ALL", "es_CL.UTF-8")
    assert asked_language(arguments) == language


def test_mistake_is_told_in_the_language_that_was_asked_for() -> None:
    assert "No such command 'clent'" in typed("--lang", "en", "clent")
    assert "No existe el comando" in typed("--lang", "es", "clent", env={"LC_ALL": "C.UTF-8"})


@pytest.mark.parametrize(("answer", "erased"), [("s", True), ("Sí", True), ("y", True), ("n", False), ("", False)])
def test_question_is_answered_in_spanish(office: Admin, answer: str, erased: bool) -> None:
    office.does("caller", "mark", "+56912345678", "test", "--why", "prueba")
    words = ("--lang", "es", "caller", "erase", "+56912345678", "--why", "lo pidió")
    result = office.types(*words, input=f"{answer}\n")
    assert "[s/N]" in result.output
    assert (result.exit_code == 0) == erased
