"""Takes a caller's number and name out of texts (Ley 21.719); pure.

A number is found however it is written: +56912345678, "+56 9 1234 5678", "9 1234-5678".
"""

import hashlib
import hmac
import re
from collections.abc import Collection
from functools import lru_cache
from typing import Any

from pbx_control.domain.keeping.retention import ERASED

# What stands between the digits of a number that was written for people; \xa0 is a blank that does not break.
GAP = r"[\s\xa0().\-]*"
# Fewer digits are found in too many other things.
FEWEST_DIGITS = 6
# Shorter names are parts of other words.
SHORTEST_NAME = 3


def redacted(text: str, number: str, names: Collection[str] = ()) -> str:
    """The text without that number (as calls have it: E.164, or else what was shown); where it had it, without these
    names, too."""
    return without_person(text, number, names) if names_number(text, number) else text


def without_person(text: str, number: str, names: Collection[str]) -> str:
    """The text without that number and these names, wherever they stand: it is about nobody else."""
    without = _pattern(number).sub(ERASED, text)
    for name in sorted(names, key=len, reverse=True):
        if len(name) >= SHORTEST_NAME:
            without = without.replace(name, ERASED)
    return without


def names_number(text: str, number: str) -> bool:
    """Whether the text has that number, however it is written, and not as a part of another."""
    return bool(_pattern(number).search(text))


def redacted_details(details: Any, number: str, names: Collection[str]) -> Any:
    """A journal line's details without them. Here a name is one wherever it is a whole value: the line is his."""
    if isinstance(details, dict):
        return {key: redacted_details(value, number, names) for key, value in details.items()}
    if isinstance(details, list):
        return [redacted_details(value, number, names) for value in details]
    if isinstance(details, str):
        return ERASED if details and details in names else redacted(details, number, names)
    return details


def fingerprint(number: str, key: str) -> str:
    """What stands for the number in a receipt: who knows number and key can tell that it was that one, nobody else."""
    return hmac.new(key.encode(), number.encode("utf-8", "surrogatepass"), hashlib.sha256).hexdigest()


@lru_cache(maxsize=8)
def _pattern(number: str) -> re.Pattern[str]:
    country, digits = _parts(number)
    if len(digits) < FEWEST_DIGITS:
        return re.compile(rf"(?<!\w){re.escape(number)}(?!\w)")
    written = GAP.join(digits)
    before = rf"(?:(?:\+|00)?{country}{GAP})?" if country else ""
    return re.compile(rf"(?<!\d)\(?{before}\(?{written}(?!\d)")


def _parts(number: str) -> tuple[str, str]:
    """Its country's code and the digits within the country; only the digits of what is no number of a country."""
    # Imported here: lists of letters look for no number.
    import phonenumbers

    try:
        parsed = phonenumbers.parse(number)
    except phonenumbers.NumberParseException:
        return "", number if number.isascii() and number.isdigit() else ""
    return str(parsed.country_code), phonenumbers.national_significant_number(parsed)
