"""Every text that the code shows is translated, with the same places to fill in; nothing else is in the catalogue."""

import ast
import re
from collections.abc import Iterator
from string import Formatter

import pytest
from babel.messages.catalog import Message

from pbx_control.admin.door import said
from pbx_control.catalogue import counted
from pbx_control.errors import Pesos
from tests.texts import ROOT, catalogue, extracted

WRITTEN = {
    (message.id if isinstance(message.id, str) else tuple(message.id), message.context): message
    for message in catalogue()
    if message.id
}
SHOWN = extracted()


def places(text: str) -> set[str]:
    return {name for _, name, _, _ in Formatter().parse(text) if name}


def texts_of(message: Message) -> tuple[list[str], list[str]]:
    """The English and the translated texts, those for one and for many side by side."""
    if isinstance(message.id, str):
        return [message.id], [str(message.string)]
    return list(message.id), list(message.string)


def test_every_text_is_translated() -> None:
    missing = [text for text in SHOWN if text not in WRITTEN]
    empty = [text for text, message in WRITTEN.items() if not all(texts_of(message)[1])]
    assert (missing, empty) == ([], [])


def test_nothing_is_translated_that_nobody_says() -> None:
    assert [text for text in WRITTEN if text not in SHOWN] == []


def test_nothing_is_in_doubt() -> None:
    assert [text for text, message in WRITTEN.items() if message.fuzzy] == []


# What click says of a kind of number, and of a parameter, has no word but the English one.
LEFT_OUT = {"{value!r} is not a valid {number_type}."}


@pytest.mark.parametrize("message", WRITTEN.values(), ids=range(len(WRITTEN)))
def test_a_translation_fills_in_the_same_things(message: Message) -> None:
    english, translated = texts_of(message)
    found = [(places(one), places(other)) for one, other in zip(english, translated, strict=True)]
    if message.id in LEFT_OUT:
        assert all(there <= here for here, there in found)
    else:
        assert all(there == here for here, there in found)


# Places that hold a number of things, and lines whose number is never one.
COUNTS = (
    *("count", "left", "calls", "looked", "channels", "sent", "months", "hours", "minutes", "digits", "limit", "days"),
)
NEVER_ONE = {
    "Every {minutes} minutes one call is tried; if that is refused, she stays paused.",
    "{client} ({slug}) got {calls} answered calls within a minute; shorter than 10 s: {short}.",
    "{tries} wrong passwords came from {source} within a minute. It is kept out for {minutes} minutes; registered "
    "telephones and live calls do not notice.",
    "Set it by this link within {minutes} minutes. It is good once.",
    "Set your password by this link within {days} days. It is good once.",
    "If we know that user, and an e-mail address of his, a letter is on its way to it. The link in it is good for "
    "{minutes} minutes.",
    "all {count} sounds are there",
    "late by {minutes} min",
    "so many e-mail addresses were written to appointments that for {minutes} min no more are taken: leave it out",
    "{net} net cannot be credited: of the {kind} {number}, {left} net is left",
    "{what} is longer than {minutes} minutes; give a shorter one",
    "{what} has {channels} channels at {rate} Hz; give mono or stereo at 8000 to 48000 Hz",
    "{months} months cannot be paid ahead: choose 1, 3, 6 or 12",
    "a backup holds at most {count} files",
    "this message has been sent {count} times already",
    "{number} cannot be told from other words in texts: erase calls by a number of {digits} digits or more",
}
OF_MANY = re.compile(rf"\{{({'|'.join(COUNTS)})\}} ([a-z]+ )?([a-z]+s\b|min\b|are\b|were\b|have\b)")


def test_line_that_counts_has_one_for_one() -> None:
    assert {text for text, _ in WRITTEN if isinstance(text, str) and OF_MANY.search(text)} - NEVER_ONE == set()


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
    template = counted(
        "{slug} has the plan {name}: {left} call is left",
        "{slug} has the plan {name}: {left} calls are left",
        by="left",
    )
    assert said(language, template, {"slug": "andes", "name": "p", "left": left}) == told


@pytest.mark.parametrize(("language", "told"), [("en", "CLP 11,250"), ("es", "$11.250")])
def test_money_is_written_in_one_way_in_each_language(language: str, told: str) -> None:
    assert said(language, "{cost}", {"cost": Pesos(11250)}) == told


# What is read back as it is written, is spoken, or is a pattern or the name of a voice.
NO_SENTENCES = {"DAY", "DAY_OF_THE_YEAR", "LETTERS", "OTHERS", "AS_IN", "INSTEAD"}


def tables_by_language() -> Iterator[str]:
    """Dicts that hold sentences by language in the code."""
    for file in sorted((ROOT / "pbx_control").rglob("*.py")):
        for node in ast.walk(ast.parse(file.read_text())):
            if isinstance(node, ast.Assign) and isinstance(node.value, ast.Dict) and _by_language(node.value):
                yield from (ast.unparse(target) for target in node.targets)


def _by_language(table: ast.Dict) -> bool:
    if [ast.literal_eval(key) for key in table.keys if isinstance(key, ast.Constant)] not in (
        ["es", "en"],
        ["en", "es"],
    ):
        return False
    texts = (one.value for one in ast.walk(table) if isinstance(one, ast.Constant))
    return any(isinstance(text, str) and " " in text for text in texts)


def test_no_sentence_stands_twice_in_code() -> None:
    assert set(tables_by_language()) - NO_SENTENCES == set()
