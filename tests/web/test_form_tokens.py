"""Each form that changes something carries the session's token: without it whoever is signed in is refused."""

import re
from pathlib import Path

import pytest

import pbx_control.web

TEMPLATES = Path(pbx_control.web.__file__).parent / "templates"
FORM = re.compile(r'<form\b[^>]*\bmethod="post"[^>]*>(.*?)</form>', re.DOTALL)
MACRO = re.compile(r"\{%-? macro (\w+)\((.*?)\{%-? endmacro", re.DOTALL)
TOKEN = 'name="csrf"'
# Ways on which nobody is looked up who is signed in.
WITHOUT = ("/login", "/forgot", "/reset")


def forms() -> list[tuple[str, str]]:
    """Each form's beginning, and what it holds with the macros that it calls."""
    found = []
    for file in sorted(TEMPLATES.rglob("*.j2")):
        text = file.read_text()
        macros = dict(MACRO.findall(text))
        for form in FORM.finditer(text):
            called = (macros.get(name, "") for name in re.findall(r"\b(\w+)\(", form[1]))
            found.append((f"{file.name}: {form[0].splitlines()[0]}", form[1] + "".join(called)))
    return found


@pytest.mark.parametrize(("begins", "holds"), forms())
def test_it_carries_the_sessions_token(begins: str, holds: str) -> None:
    assert TOKEN in holds or any(f'action="{path}' in begins for path in WITHOUT)


def test_there_are_forms() -> None:
    assert len(forms()) > 50
