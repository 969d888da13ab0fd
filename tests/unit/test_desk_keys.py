"""The keys of a secretary's page: each does one thing, and all of them stand on the list that she opens by «?»."""

import re
from pathlib import Path

import pbx_control.web
from pbx_control.web.desk.words import KEYS, TELEPHONE_KEYS

STATIC = Path(pbx_control.web.__file__).parent / "static"


def keys_of(script: str) -> list[str]:
    """The letters that a script takes with Alt."""
    table = re.search(r"const withAlt = \{(.*?)\};", (STATIC / script).read_text(), re.DOTALL)
    assert table
    return re.findall(r"\bKey([A-Z])\b", table[1])


def test_no_key_of_the_telephone_presses_something_else_as_well() -> None:
    """Mute and urgent had one key: whoever was silent for a moment told everybody that the message is urgent."""
    keys = keys_of("desk.js") + keys_of("telephone.js")
    assert len(keys) == len(set(keys)) > 10


def test_the_list_of_keys_has_those_that_the_scripts_take() -> None:
    assert listed(KEYS) == set(keys_of("desk.js"))
    assert listed(TELEPHONE_KEYS) == set(keys_of("telephone.js"))


def listed(table: tuple[tuple[str, str], ...]) -> set[str]:
    return {key for written, _ in table for key in re.findall(r"Alt ([A-Z])\b", written)}
