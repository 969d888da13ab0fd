"""What is wrong with a TOML file is told in our own words, with the place."""

import ast
from pathlib import Path

import pytest
import tomli

from pbx_control.domain.words.toml import _MISTAKES, NotToml, parse_toml

MISTAKES = [
    ("= 1", "no line begins so: write a key with a value, a [table] or a # with a comment (line 1, column 1)"),
    ("a = 1 2", "the line should end here (line 1, column 7)"),
    ("a = 1\n[t", "] is missing (line 2, column 3)"),
    ("[[t]", "]] is missing (line 1, column 4)"),
    ("a 3", "after a key there must be an = and a value (line 1, column 3)"),
    ("[]", "a key is made of letters, digits, - and _, or stands in quotes (line 1, column 2)"),
    ("a = [1 2]", "in a list a comma or the ] at its end is missing (line 1, column 8)"),
    ("a = {b = 1 c = 2}", "in an inline table a comma or the brace at its end is missing (line 1, column 12)"),
    ('a = "C:\\dir"', "a \\ in a text must be written twice, or the text in single quotes (line 1, column 10)"),
    ('a = "\\u12"', "there is no character of this code (line 1, column 8)"),
    ('a = "\\ud800"', "there is no character of this code (line 1, column 12)"),
    ('a = "b', "a text has no quote at its end (line 1, column 5)"),
    ('a = "b\nc = 1', "a text has no quote at its end (line 1, column 7)"),
    ("a = \"l'eau\"\nb = 'c\nd = 1\n", "a text has no quote at its end (line 2, column 5)"),
    ("a = 'b\nc = 'd'", "a text has no quote at its end (line 1, column 7)"),
    ("a = 1\nb = '''c\nd = 1", "a text has no quote at its end (line 2, column 5)"),
    ('a = """b"""\nc = """d "e" f\ng = 1', "a text has no quote at its end (line 2, column 5)"),
    ("a = 2026-02-30", "there is no such date or time (line 1, column 5)"),
    ("a = yes", "this is no value: write texts in quotes, and true, false and numbers without them (line 1, column 5)"),
    ("[a]\n[a]", "there is a table of this name already (line 2, column 3)"),
    ("a = 1\na = 2", "there is a value of this name already (line 2, column 6)"),
    ("a = {b = 1, b = 2}", "there is a value of this name already (line 1, column 18)"),
    ("a = {b = 1}\na.c = 2", "nothing can be added to this table any more: write all of it in one place (line 2"),
    ("[a.b]\n[a]\nb.c = 1", "nothing can be added to this table any more: write all of it in one place (line 3"),
    ('a = "\x01"', "the character '\\x01' cannot stand here (line 1, column 6)"),
    ("# \x01", "the character '\\x01' cannot stand here (line 1, column 3)"),
    ("a = " + "9" * 5000, "a number is too long"),
    ("a = " + "[" * 50_000, "too many brackets stand within one another"),
]


@pytest.mark.parametrize(("text", "told"), MISTAKES, ids=range(len(MISTAKES)))
def test_what_is_wrong_is_told_with_its_place(text: str, told: str) -> None:
    with pytest.raises(NotToml) as refused:
        parse_toml(text)
    assert str(refused.value).startswith(told)


def test_a_file_of_windows_is_read() -> None:
    assert parse_toml("\ufeffa = 1\r\n[b]\r\n") == {"a": 1, "b": {}}


def test_the_parser_says_nothing_that_is_not_told_in_our_words() -> None:
    source = Path(tomli.__file__).with_name("_parser.py").read_text()
    raised = [node for node in ast.walk(ast.parse(source)) if isinstance(node, ast.Call)]
    said = [begun(call.args[0]) for call in raised if getattr(call.func, "id", "") == "TOMLDecodeError"]
    assert len(said) > 20
    assert [text for text in said if not any(text.startswith(known) for known in _MISTAKES)] == []


def begun(node: ast.expr) -> str:
    """A text, or what stands before the first place of one."""
    first = node.values[0] if isinstance(node, ast.JoinedStr) else node
    return ast.literal_eval(first)
