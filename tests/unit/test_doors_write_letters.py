"""No door books, moves, cancels or changes an appointment without the letters that tell of it."""

import ast
from pathlib import Path

import pbx_control

PACKAGE = Path(pbx_control.__file__).parent
TOLD = {"book", "move", "cancel", "change"}
# Whoever is erased is written to no more, and what is about him names nobody. The table of ways names pages.
SILENT = {"media/erasure.py", "services/appointments.py", "web/routes.py"}


def silent_changes(source: str) -> list[int]:
    """The lines that change an appointment, or hand on what does, and name no house that tells of it."""
    tree = ast.parse(source)
    told = {
        call.func
        for call in ast.walk(tree)
        if isinstance(call, ast.Call) and "house" in {keyword.arg for keyword in call.keywords}
    }
    return [
        node.lineno
        for node in ast.walk(tree)
        if isinstance(node, ast.Attribute)
        and node.attr in TOLD
        and isinstance(node.value, ast.Name)
        and node.value.id == "appointments"
        and node not in told
    ]


def test_every_door_says_who_writes():
    found = {
        f"{path.relative_to(PACKAGE)}:{line}"
        for path in PACKAGE.rglob("*.py")
        if str(path.relative_to(PACKAGE)) not in SILENT
        for line in silent_changes(path.read_text())
    }
    assert found == set()


def test_silent_change_is_found():
    assert silent_changes("appointments.cancel(work, 1, 2)") == [1]
    assert silent_changes("do(appointments.cancel)") == [1]
    assert silent_changes("appointments.cancel(work, 1, 2, house=house)") == []
