"""Every line that a command may say is there in Spanish, with the same places to fill in."""

import ast
from collections.abc import Iterator
from pathlib import Path
from string import Formatter

import pytest

import pbx_control
from pbx_control.admin.spanish import SPANISH
from pbx_control.admin.spanish_help import CLICK, SPANISH_HELP

SOURCE = Path(pbx_control.__file__).parent
# Calls whose first argument is a line for a person.
SAYING = {
    "Word",
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


@pytest.mark.parametrize("line", sorted(SPANISH), ids=range(len(SPANISH)))
def test_a_spanish_line_fills_in_the_same_things(line: str) -> None:
    assert places(SPANISH[line]) == places(line)


@pytest.mark.parametrize("line", [pytest.param(line, id=line[:40]) for line in CLICK])
def test_a_spanish_line_of_clicks_fills_in_nothing_else(line: str) -> None:
    assert places(CLICK[line]) <= places(line)
