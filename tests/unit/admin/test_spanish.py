"""Every line that a command may say is there in Spanish, with the same places to fill in."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path
from string import Formatter

import pytest

import pbx_control
from pbx_control.admin.door import said
from pbx_control.admin.spanish_help import CLICK, SPANISH_HELP
from pbx_control.errors import Pesos
from pbx_control.plurals import ONE
from pbx_control.spanish import SPANISH

SOURCE = Path(pbx_control.__file__).parent
# Calls whose first argument is a line for a person.
SAYING = {
    "Word",
    "Sentence",
    "spoken",
    "confirm",
    "ClientMistake",
    "SwitchUnavailable",
    "StoreUnavailable",
    "DeliveryFailed",
    "tell",
    "say",
} | {
    "title",
    "chapter",
    "note",
    "fact",
    "working",
    "good",
    "doubt",
    "bad",
}
HEADING = {"reading_command", "table"}


def templates(tree: ast.AST) -> Iterator[str]:
    """The lines and headings that a module may show."""
    for node in ast.walk(tree):
        if not isinstance(node, ast.Call) or not node.args:
            continue
        name = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
        if name in SAYING:
            yield from literals(node.args[0])
        elif name in HEADING and isinstance(node.args[0], ast.List):
            yield from (word for element in node.args[0].elts for word in literals(element))


def literals(node: ast.expr) -> Iterator[str]:
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        yield node.value
    elif isinstance(node, ast.IfExp):
        yield from literals(node.body)
        yield from literals(node.orelse)


def places(text: str) -> set[str]:
    return {name for _, name, _, _ in Formatter().parse(text) if name}


FILES = sorted(
    path for path in SOURCE.rglob("*.py") if "world" not in path.parts and (path.stat().st_size and path.is_file())
)


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(SOURCE)))
def test_every_line_of_a_module_has_its_spanish(path: Path) -> None:
    missing = [line for line in templates(ast.parse(path.read_text())) if line and line not in SPANISH | SPANISH_HELP]
    assert missing == []


# Places that hold a number of things, and lines whose number is never one.
COUNTS = (
    "count",
    "left",
    "calls",
    "looked",
    "channels",
    "sent",
    "months",
    "hours",
    "minutes",
    "digits",
    "limit",
    "days",
)
NEVER_ONE = {
    "all {count} sounds are there",
    "late by {minutes} min",
    "{net} net cannot be credited: of the {kind} {number}, {left} net is left",
    "{what} is longer than {minutes} minutes; give a shorter one",
    "{what} has {channels} channels at {rate} Hz; give mono or stereo at 8000 to 48000 Hz",
    "{months} months cannot be paid ahead: choose 1, 3, 6 or 12",
    "a backup holds at most {count} files: make it without --recordings",
    "{number} cannot be told from other words in texts: erase calls by a number of {digits} digits or more",
}
OF_MANY = re.compile(rf"\{{({'|'.join(COUNTS)})\}} ([a-z]+ )?([a-z]+s\b|min\b|are\b|were\b|have\b)")


@pytest.mark.parametrize("line", sorted(line for line in SPANISH if OF_MANY.search(line)))
def test_line_that_counts_has_one_for_one(line: str) -> None:
    if line not in NEVER_ONE and line not in {one.template for one in ONE.values()}:
        assert places(ONE[line].template) | {ONE[line].count} == places(line)
        assert ONE[line].template in SPANISH


@pytest.mark.parametrize(
    ("language", "left", "told"),
    [
        ("en", 1, "andes has the plan p: 1 call is left"),
        ("en", 2, "andes has the plan p: 2 calls are left"),
        ("en", 0, "andes has the plan p: 0 calls are left"),
        ("es", 1, "andes tiene el plan p: queda 1 llamada"),
        ("es", 2, "andes tiene el plan p: quedan 2 llamadas"),
    ],
)
def test_one_is_told_in_the_singular(language: str, left: int, told: str) -> None:
    values = {"slug": "andes", "name": "p", "left": left}
    assert said(language, "{slug} has the plan {name}: {left} calls are left", values) == told


@pytest.mark.parametrize(("language", "told"), [("en", "CLP 11,250"), ("es", "$11.250")])
def test_money_is_written_in_one_way_in_each_language(language: str, told: str) -> None:
    assert said(language, "{cost}", {"cost": Pesos(11250)}) == told


@pytest.mark.parametrize("line", sorted(SPANISH), ids=range(len(SPANISH)))
def test_a_spanish_line_fills_in_the_same_things(line: str) -> None:
    assert places(SPANISH[line]) == places(line)


@pytest.mark.parametrize("line", [pytest.param(line, id=line[:40]) for line in CLICK])
def test_a_spanish_line_of_clicks_fills_in_nothing_else(line: str) -> None:
    assert places(CLICK[line]) <= places(line)
