"""Of two texts of one field the later one stays, whatever its number, and none keeps the next one out."""

from datetime import timedelta

import pytest

from pbx_control.domain.desk.edits import AHEAD, SINCE, Typed, Value, lost, stays

AT = SINCE + timedelta(days=300)
NOW = int((AT - SINCE).total_seconds())
HIGHEST = NOW + int(AHEAD.total_seconds())


@pytest.mark.parametrize(
    ("there", "typed", "then"),
    [
        (None, Typed("a", NOW), Value("a", NOW)),
        (Value("a", NOW), Typed("b", NOW + 1), Value("b", NOW + 1)),
        (Value("a", NOW), Typed("b", NOW - 1), Value("a", NOW)),
        (Value("a", NOW), Typed("b", NOW), Value("b", NOW + 1)),  # the same second at two computers
        (Value("a", NOW), Typed("a", NOW), Value("a", NOW)),  # sent again, as no answer came
        (Value("a", NOW), Typed("a", NOW + 3), Value("a", NOW + 3)),
        (None, Typed("a", 0), Value("a", 0)),
        (None, Typed("a", 2**53), Value("a", HIGHEST)),
        (Value("a", HIGHEST), Typed("b", 2**53), Value("b", HIGHEST + 1)),
        (Value("a", HIGHEST + 1), Typed("b", 2**53), Value("b", HIGHEST + 1)),
        (Value("a", 2**31 - 1), Typed("b", 2**31), Value("b", HIGHEST + 1)),
    ],
)
def test_what_stays(there: Value | None, typed: Typed, then: Value) -> None:
    assert stays(there, typed, AT) == then


def test_no_number_keeps_the_next_text_out() -> None:
    there = stays(None, Typed("crafted", 2**53 - 1), AT)
    for number in range(5):
        typed = Typed(f"text {number}", there.edit + 1)
        there = stays(there, typed, AT)
        assert there.value == typed.value
    assert there.edit < HIGHEST + 10


@pytest.mark.parametrize(
    ("there", "typed", "told"),
    [
        (None, Typed("b", 9, 0), ""),
        (Value("a", 5), Typed("b", 9, 5), ""),  # she had it before her eyes
        (Value("a", 5), Typed("b", 9, 0), "a"),
        (Value("a", 5), Typed("b", 5, 0), "a"),
        (Value("a", 5), Typed("ab", 9, 0), ""),  # it is still there
        (Value(" ", 5), Typed("b", 9, 0), ""),
        (Value("a", 5), Typed("b", 4, 0), ""),  # it stays
        (Value("a", 5), Typed("b", 9), ""),  # no page of ours
    ],
)
def test_a_text_that_was_not_seen_is_told(there: Value | None, typed: Typed, told: str) -> None:
    assert lost(there, typed, stays(there, typed, AT)) == told
