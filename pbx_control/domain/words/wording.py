"""How things read to people: hostile strings made harmless, numbers, dates and durations in words, in es and en."""

import re
from datetime import date, datetime, timedelta
from functools import lru_cache
from typing import TYPE_CHECKING
from urllib.parse import unquote_to_bytes

from pbx_control.domain.words.characters import category, printable

if TYPE_CHECKING:
    from phonenumbers import PhoneNumber

# babel and phonenumbers are imported where they are used: most commands write no date in words, many no number.

# The house's Spanish is Chile's; its English writes the day before the month, as Spanish readers expect.
LOCALES = {"es": "es_CL", "en": "en_GB"}
DAY_OF_THE_YEAR = {"es": "EEEE d 'de' MMMM", "en": "EEEE d MMMM"}
DAY = {"es": f"{DAY_OF_THE_YEAR['es']} 'de' y", "en": f"{DAY_OF_THE_YEAR['en']} y"}
WHEN = {language: f"{day}, HH:mm" for language, day in DAY.items()}

# What begins a formula in a spreadsheet; the wide forms do, too.
FORMULA = ("=", "+", "-", "@", "\t", "\r", "\uff1d", "\uff0b", "\uff0d", "\uff20")
# Where it would stand at the beginning of a cell, if semicolons, tabs or bars parted cells.
OTHER_CELL = re.compile(rf"([;|\t]\s*)(?=[{re.escape(''.join(FORMULA))}])")
# What bytes are counted in, the largest first.
UNITS = ((10**9, "GB"), (10**6, "MB"), (10**3, "kB"), (1, "B"))
# The blank between a number and its unit; a place that a script fills in stands for a number.
_BEFORE_A_UNIT = re.compile(r"(?<=[0-9}]) (?=(?:s|min|h|kB|MB|GB|%)(?!\w))")
NAME_LIMIT = 60  # characters of a person's or firm's name that are shown
CUT_FROM = 60  # bytes: Asterisk keeps 79 of a caller's name, wherever a letter ends; some of those we drop

# What carriers and Asterisk write in place of a number that the caller keeps to himself.
WITHHELD = {"", "anonymous", "restricted", "private", "unavailable", "unknown"}


def clean_line(text: str, limit: int) -> str:
    """One line of at most `limit` characters that is safe to show: whatever a stranger sent.

    Control and format characters (line breaks, NUL, bidirectional overrides) and lone surrogates are gone, runs of
    white space are one blank; what is cut off ends in "…".
    """
    # A few times the limit is enough to look at: 10 kB of a caller's name are not worth cleaning.
    kept = "".join(_harmless(char) for char in text[: limit * 4])
    line = " ".join(kept.split())
    return line if len(line) <= limit else line[: limit - 1].rstrip() + "…"


def decoded(encoded: str) -> str:
    """Percent-encoded text of a carrier's: UTF-8, Latin-1 where it is none. A last letter that was cut is left out."""
    raw = unquote_to_bytes(encoded)
    try:
        return raw.decode()
    except UnicodeDecodeError as error:
        ends_early = error.reason == "unexpected end of data"
        # Latin-1 may end in such a byte, too: `José` does.
        cut = ends_early and (len(raw) >= CUT_FROM or not raw[: error.start].isascii())
        return raw[: error.start].decode() if cut else raw.decode("latin-1")


def _harmless(char: str) -> str:
    kind = category(char)
    if kind in ("Zs", "Zl", "Zp") or char in "\t\n\v\f\r\x85":
        return " "
    return "" if kind.startswith("C") else char


def no_formula(text: str) -> str:
    """A text that no spreadsheet runs: an apostrophe goes before what might begin a formula (OWASP, CSV injection).

    Also within the text, where a program begins another cell that parts them by semicolons, as in Chile.
    """
    text = OTHER_CELL.sub(r"\1'", text)
    return f"'{text}" if text.startswith(FORMULA) else text


def display_name(name: str) -> str:
    """A client's name as a telephone's display shows it: printable, and nothing that ends a SIP display name."""
    return "".join(char for char in name if printable(char) and char not in '"\\<>')[:NAME_LIMIT]


def is_withheld(number: str) -> bool:
    """Whether the caller's number was kept back."""
    return number.strip().lower() in WITHHELD


@lru_cache(maxsize=4096)  # a list shows few numbers many times
def readable_number(number: str) -> str:
    """`+56912345678` as "+56 9 1234 5678"; what is no E.164 number comes back cleaned, at most 40 characters."""
    parsed = _parsed(number)
    if parsed is None:
        return clean_line(number, 40)
    from phonenumbers import PhoneNumberFormat, format_number

    return format_number(parsed, PhoneNumberFormat.INTERNATIONAL)


def caller_line(name: str, number: str) -> str:
    """Who called, in a list: the name that his telephone sent, if any, and the number; "" if both are unknown."""
    return " ".join(filter(None, [clean_line(name, NAME_LIMIT), readable_number(number)]))


@lru_cache(maxsize=4096)
def dialable_number(number: str) -> str:
    """The number in E.164 if it is one that can be called back, else the empty string."""
    parsed = _parsed(number)
    if parsed is None:
        return ""
    from phonenumbers import PhoneNumberFormat, format_number

    return format_number(parsed, PhoneNumberFormat.E164)


def _parsed(number: str) -> "PhoneNumber | None":
    # The longest E.164 number has a plus and 15 digits; anything else is not worth the parser's time.
    if not number.startswith("+") or len(number) > 16:
        return None
    from phonenumbers import NumberParseException, is_possible_number, parse

    try:
        parsed = parse(number)
    except NumberParseException:
        return None
    return parsed if is_possible_number(parsed) else None


def language_in(code: str, language: str) -> str:
    """What a language is called in that language: "inglés"; its letters, if it has no name there."""
    from babel import Locale

    name: str = Locale.parse(LOCALES[language]).languages.get(code, code)
    return name


def decimal(number: float, language: str) -> str:
    """ "63,7" / "63.7": what has a fraction, with the language's sign for it."""
    text = str(number)
    return text.replace(".", ",") if language == "es" else text


def size(count: int, language: str) -> str:
    """So many bytes: "63,7 GB" / "63.7 GB", "6 MB", "12 B"."""
    unit, name = next((each for each in UNITS if count >= each[0]), UNITS[-1])
    return f"{decimal(round(count / unit, 1), language).removesuffix('.0').removesuffix(',0')} {name}"


def unbroken(text: str) -> str:
    """The text with each number and its unit ("20 s", "80 %") on one line: no-break spaces between them."""
    return _BEFORE_A_UNIT.sub("\N{NO-BREAK SPACE}", text)


def date_and_time(local: datetime, language: str) -> str:
    """ "lunes 3 de agosto de 2026, 10:15" / "Monday 3 August 2026, 10:15", in the zone that `local` carries."""
    from babel.dates import format_datetime

    return format_datetime(local, WHEN[language], locale=LOCALES[language])


def day_in_words(day: date, language: str, *, with_year: bool = True) -> str:
    """ "domingo 22 de noviembre de 2026" / "Sunday 22 November 2026"."""
    from babel.dates import format_date

    pattern = DAY if with_year else DAY_OF_THE_YEAR
    return format_date(day, pattern[language], locale=LOCALES[language])


def brief_time(local: datetime, language: str) -> str:
    """ "dom 22 nov, 10:15" / "Sun 22 Nov, 10:15", for tables; in the zone that `local` carries."""
    from babel.dates import format_datetime

    return format_datetime(local, "EEE d MMM, HH:mm", locale=LOCALES[language])


def duration(length: timedelta, language: str) -> str:
    """ "2 minutos y 5 segundos" / "2 minutes and 5 seconds", to the second.

    Rounded to tenths first, as lengths are kept: one reads the same whether it was kept or is told at once.
    """
    from babel.lists import format_list
    from babel.units import format_unit

    locale = LOCALES[language]
    minutes, seconds = divmod(max(0, round(round(length.total_seconds(), 1))), 60)
    hours, minutes = divmod(minutes, 60)
    counts = {"duration-hour": hours, "duration-minute": minutes, "duration-second": seconds}
    parts = [format_unit(count, unit, locale=locale) for unit, count in counts.items() if count]
    return format_list(parts, locale=locale) if parts else format_unit(0, "duration-second", locale=locale)
