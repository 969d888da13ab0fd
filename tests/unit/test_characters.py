"""Names with what Word and telephones put into them."""

import pytest

from pbx_control.domain import checks
from pbx_control.domain.words.characters import harmless
from pbx_control.domain.words.wording import clean_line
from pbx_control.errors import ClientMistake

# U+1FAE9, face with bags under eyes, of Unicode 16; U+1FACD is later still.
NEW_EMOJI = "\U0001fae9\U0001facd"


@pytest.mark.parametrize("unseen", ["\u200b", "\u2060", "\ufeff", "\u00ad"])
def test_what_nobody_sees_is_left_out_of_a_name(unseen: str) -> None:
    assert checks.line(f"Cl\u00ednica{unseen} {unseen}Andes", "--name") == "Cl\u00ednica Andes"
    assert checks.paragraph(f"Hola{unseen}", "TEXT") == "Hola"


def test_name_of_nothing_that_is_seen_is_empty() -> None:
    with pytest.raises(ClientMistake, match="is empty"):
        checks.line("\u200b\ufeff", "--name")


def test_emoji_newer_than_this_python_are_characters() -> None:
    assert checks.line(f"Andes {NEW_EMOJI}", "--name") == f"Andes {NEW_EMOJI}"
    assert clean_line(f"Andes {NEW_EMOJI}", 60) == f"Andes {NEW_EMOJI}"


@pytest.mark.parametrize("strange", ["\u202e", "\x07", "\ufffe", "\ue000", "\U0001ffff", "\u0378", "\n"])
def test_other_characters_that_are_none_are_still_refused(strange: str) -> None:
    with pytest.raises(ClientMistake, match="control character"):
        checks.line(f"An{strange}des", "--name")


def test_a_harmless_text_moves_no_cursor() -> None:
    assert harmless("\x1b[2Jana\r\n\x07perez\x9b1m\u202e\u2028x") == "[2Jana perez1m x"
