"""Callers' numbers as people type them: what is known of one, and whether it can be looked for in texts."""

from pbx_control.domain.keeping.retention import ERASED
from pbx_control.domain.telephony.numbering import caller_number, example_of
from pbx_control.errors import ClientMistake, Code, Field

# A caller's number of fewer digits is not looked for in texts.
SHORTEST_DISTINCT = 6


def known_number(text: str) -> str:
    """A caller's number as calls have it. Raises ClientMistake if it is none that a caller could show."""
    number = caller_number(text, "CL")
    if not number or number == ERASED:
        raise ClientMistake(
            "{text} is no caller's number: write it like {within} or {abroad}",
            Code.BAD_NUMBER,
            text=repr(text[:40]),
            within=example_of("CL").within,
            abroad=example_of("CL").abroad,
            field=Field("number"),
        )
    return number


def distinct_number(text: str) -> str:
    """A caller's number that is long enough to be looked for in texts: "10" or a word stands in many that have
    nothing to do with him. Raises ClientMistake if it is shorter."""
    number = known_number(text)
    if sum(char.isdigit() for char in number) < SHORTEST_DISTINCT:
        raise ClientMistake(
            "{number} cannot be told from other words in texts: erase calls by a number of {digits} digits or more",
            Code.BAD_NUMBER,
            number=repr(number[:40]),
            digits=SHORTEST_DISTINCT,
            field=Field("number"),
        )
    return number
