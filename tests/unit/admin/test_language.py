"""Help, usage lines and mistakes are told in the terminal's language, all of them."""

import re

import click
import pytest
from click.testing import CliRunner
from terminal import Admin

from cli import main
from pbx_control.admin.language import asked_language
from pbx_control.admin.whole import WholeNumber
from tests.texts import every_command

# How click itself reads numbers.
OF_CLICK = (click.types.IntParamType, click.types.FloatParamType)
SPANISH = {"LC_ALL": "es_CL.UTF-8", "COLUMNS": "200", "PBX_HOME": None}


def typed(*words: str, env: dict[str, str | None] | None = None) -> str:
    """What a command line without a home says, on both outputs."""
    result = CliRunner().invoke(main, words, env=SPANISH if env is None else env, prog_name="pbx-control")
    return result.output


@pytest.mark.parametrize("path", [pytest.param(path, id=" ".join(path)) for path, _ in every_command(main)])
def test_help_of_a_command_has_no_english_word_of_clicks(path: tuple[str, ...]) -> None:
    told = typed(*path, "--help")
    assert told.startswith("Uso: pbx-control")
    told = re.sub(r"\[\w+(\|\w+)+\]|\[con tls required", "", told)  # what is typed is the same in every language
    for word in ("Usage", "Options", "[OPTIONS]", "COMMAND", "Show this message", "Examples", "required", "default"):
        assert word not in told


@pytest.mark.parametrize(
    ("words", "option"),
    [
        (["client", "set"], "--urgent-interval"),
        (["client", "set"], "--wait-limit"),
        (["client", "add"], "--after-call"),
        (["client", "add"], "--repeat-within"),
        (["client", "set"], "--short-call"),
        (["secretary", "add"], "--wrap-up"),
        (["secretary", "set"], "--wrap-up"),
    ],
)
def test_how_long_is_no_date(words: list[str], option: str) -> None:
    assert re.search(rf"{option} +DURACIÓN", typed(*words, "--help"))


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
        (
            ["call", "list", "--limit", "0"],
            "Valor no válido para '--limit': '0' no es un número entero de 1 a 100000: escríbalo en cifras",
        ),
        (
            ["call", "list", "--limit", "uno"],
            "Valor no válido para '--limit': 'uno' no es un número entero de 1 a 100000: escríbalo en cifras",
        ),
        (["plan", "assign", "a", "b", "--months", "x"], "'x' no es un número entero: escríbalo en cifras"),
        (["greeting", "rollback", "a", "--to", "0"], "'0' no es un número entero desde 1: escríbalo en cifras"),
        (["message", "show", "x"], "'x' no es el número de ninguno: `pbx-control message list` los muestra"),
        (["webhook", "test", "x"], "'x' no es el número de ninguno: `pbx-control webhook list` los muestra"),
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


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["message", "show", "2026-x"], "'2026-x' is not the number of one: `pbx-control message list` shows them"),
        (["message", "show", "0"], "'0' is not the number of one: `pbx-control message list` shows them"),
        (["call", "list", "--limit", "one"], "'one' is no whole number from 1 to 100000: write it in figures"),
        (["calendar", "set", "a", "b", "--step", "x"], "'x' is no whole number: write it in figures"),
        (["bag", "add", "a", "x"], "'x' is no whole number from 1 to 100000: write it in figures"),
    ],
    ids=lambda one: " ".join(one) if isinstance(one, list) else None,
)
def test_a_number_that_is_none_is_told_in_plain_words(words: list[str], said: str) -> None:
    told = typed(*words, env={"LC_ALL": "C.UTF-8", "COLUMNS": "200"})
    assert said in told
    assert "integer range" not in told


def test_no_command_leaves_a_number_to_the_words_of_click() -> None:
    """Those say "'x' is not a valid integer range", and "1<=x<=7"."""
    of_click = {
        f"{' '.join(path)} {one.name}"
        for path, command in every_command(main)
        for one in command.params
        if isinstance(one.type, OF_CLICK) and not isinstance(one.type, WholeNumber)
    }
    assert of_click == set()


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
