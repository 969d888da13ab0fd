"""Telephone numbers: E.164, country and area, what a caller's number may be, where contacts may be called.

All knowledge of numbers is the package phonenumbers'; a prefix list of our own says what it does not tell apart.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache

import phonenumbers
from phonenumbers import PhoneNumber, PhoneNumberFormat, PhoneNumberType, ValidationResult

from pbx_control.errors import ClientMistake, Code, Field

# docs/service.md rule 9: the countries whose landlines and mobiles are free destinations.
FREE_COUNTRIES = ("CL", "MX", "CO", "BR", "PE", "PR", "US", "CA", "ES", "GB", "IT", "FR", "DE")

_LANDLINES_AND_MOBILES = (
    PhoneNumberType.FIXED_LINE,
    PhoneNumberType.MOBILE,
    PhoneNumberType.FIXED_LINE_OR_MOBILE,
)

ITALY = 39  # the one plan whose national numbers begin with a zero that other countries dial, too
# The package's own example of a mobile is one of Santiago's landlines.
_CHILEAN = "+56987654321"
# The package takes these for fixed lines. Chile: shared cost (600, the operators' 606 … 609), campaigns (600 and 809,
# Subtel Res. Ex. 286 of 2025); Spain: sales calls (400). Nobody answers campaigns' numbers.
_NO_FIXED_LINE = ("+5660", "+56809", "+34400")

_AS_WRITTEN = re.compile(r"\+[0-9 ().-]{6,30}", re.ASCII)
_CALLER_LONGEST = 64  # of what a stranger sends, before it is looked at
_HEADERS_LONGEST = 4000
_USER_IN_URI = re.compile(r"(?:sips?|tel):([^@;>?,\s]{1,64})", re.IGNORECASE)
_TEXT_LONGEST = 32  # of a caller that is no number
_NOBODY = ("anonymous", "restricted", "unavailable", "unknown", "private", "withheld")


@dataclass(frozen=True, slots=True)
class Example:
    """A mobile's number as people write it in its country, and as they do abroad."""

    within: str
    abroad: str


def example_of(country: str) -> Example:
    """How numbers are written in a country; as in Chile, if that country is unknown."""
    number = phonenumbers.example_number_for_type(country, PhoneNumberType.MOBILE)
    if number is None or country == "CL":
        number = phonenumbers.parse(_CHILEAN)
    # Nobody writes the brackets that some countries' plans have.
    within = phonenumbers.format_number(number, PhoneNumberFormat.NATIONAL).replace("(", "").replace(")", "")
    return Example(within, _written(number))


def to_e164(text: str, country: str = "CL") -> str:
    """The E.164 form of a number that an admin wrote with its plus sign; spaces, dots and hyphens may stand in it.

    Raises ClientMistake if it is no number that its country gives out; it tells how numbers of `country` are written.
    """
    return _e164(_valid(text, country))


@lru_cache(maxsize=20_000)  # asked for the DID of every call
def country_of(number: str) -> str:
    """The two-letter country of an E.164 number, "" where it belongs to none (satellites, international 800).

    "" too for what is no number: the switch's own record may hold anything.
    """
    try:
        country = phonenumbers.region_code_for_number(phonenumbers.parse(number))
    except phonenumbers.NumberParseException:
        return ""
    return country if country and len(country) == 2 else ""


def area_of(number: str) -> str:
    """The area of an E.164 number: the first group of its international format ("2", "32", "787")."""
    written = phonenumbers.format_number(phonenumbers.parse(number), PhoneNumberFormat.INTERNATIONAL)
    return re.split(r"[ -]", written)[1]


def transfer_destination(text: str, country: str = "CL") -> str:
    """The E.164 form of a number to which calls may be transferred: a landline or mobile of FREE_COUNTRIES (rule 9).

    Raises ClientMistake for others: premium, shared-cost, campaign, satellite, short, freephone or internet numbers
    (Chile's 44 is no landline: docs/decisions/transfers.md). What is no number is told how those of `country` are
    written.
    """
    number = _valid(text, country)
    if phonenumbers.region_code_for_number(number) not in FREE_COUNTRIES:
        raise ClientMistake(
            "no calls are transferred to {number}: only to Chile, Mexico, Colombia, Brazil, Peru, Puerto Rico, USA, "
            "Canada, Spain, United Kingdom, Italy, France, Germany",
            Code.BAD_NUMBER,
            number=_e164(number),
            field=Field("number"),
        )
    kind = phonenumbers.number_type(number)
    if kind == PhoneNumberType.VOIP:
        raise ClientMistake(
            "no calls are transferred to {number}: it is neither a landline nor a mobile but internet telephony",
            Code.BAD_NUMBER,
            number=_e164(number),
            field=Field("number"),
        )
    if _e164(number).startswith(_NO_FIXED_LINE):
        raise ClientMistake(
            "no calls are transferred to {number}: it is neither a landline nor a mobile, its prefix is for campaigns "
            "and shared-cost services",
            Code.BAD_NUMBER,
            number=_e164(number),
            field=Field("number"),
        )
    if kind not in _LANDLINES_AND_MOBILES:
        raise ClientMistake(
            "no calls are transferred to {number}: it is neither a landline nor a mobile",
            Code.BAD_NUMBER,
            number=_e164(number),
            field=Field("number"),
        )
    return _e164(number)


def is_complete(number: str) -> bool:
    """Whether an E.164 number is one that a telephone can have: neither too short nor too long, in a known country."""
    try:
        return number.startswith("+") and phonenumbers.is_possible_number(phonenumbers.parse(number))
    except phonenumbers.NumberParseException:
        return False


def written_for(number: str, number_format: str, country: str) -> str:
    """An E.164 number as a carrier writes it: `e164` with its plus, `plain` without it, `national` as within that
    country (one of another country without its plus)."""
    if number_format == "e164":
        return number
    if number_format == "national":
        return _national(number, country)
    return number.removeprefix("+")


@dataclass(frozen=True, slots=True)
class Dialling:
    """How numbers are dialled within a country."""

    code: str  # of the country: 56
    prefix: str  # before a national number: 0, 1, "" where it would be part of the number
    abroad: str  # before another country's code: 00, 011
    length: int  # of national numbers, landlines and mobiles alike; 0 if they differ


@lru_cache(maxsize=256)
def dialling(country: str) -> Dialling:
    """The country's dialling. Where none is the rule, a 0 before national numbers is taken: some carriers add it."""
    facts = phonenumbers.PhoneMetadata.metadata_for_region(country)
    code = phonenumbers.country_code_for_region(country)
    if facts is None or not code:
        return Dialling("", "", "00", 0)
    kinds = [kind for kind in (facts.fixed_line, facts.mobile) if kind]
    lengths = {length for kind in kinds for length in kind.possible_length}
    prefix = facts.national_prefix or ("" if code == ITALY else "0")
    abroad = facts.preferred_international_prefix or facts.international_prefix or ""
    return Dialling(
        str(code), prefix, abroad if abroad.isdecimal() else "00", lengths.pop() if len(lengths) == 1 else 0
    )


def readings(digits: str, number_format: str, country: str) -> list[str]:
    """The E.164 numbers that a carrier may mean by a dialled number, that of its declared way of writing first.

    `digits` is of digits, with or without a plus before them. The dialplan has the same rule (`[dialled]`).
    """
    if digits.startswith("+"):
        return [digits]
    rule = dialling(country)
    plain, national = f"+{digits}", f"+{rule.code}{digits}"
    found = [national, plain] if number_format == "national" else [plain, national]
    if rule.prefix and digits.startswith(rule.prefix):
        found.append(f"+{rule.code}{digits[1:]}")
    found += [f"+{digits.removeprefix(prefix)}" for prefix in ("00", rule.abroad) if digits.startswith(prefix)]
    return list(dict.fromkeys(found))


def dialled_within_country(number: str) -> str:
    """The digits of an E.164 number as people dial it in its own country: "225550101", "02079460000"."""
    written = phonenumbers.format_number(phonenumbers.parse(number), PhoneNumberFormat.NATIONAL)
    return re.sub(r"[^0-9]", "", written)


@lru_cache(maxsize=65536)
def _national(number: str, country: str) -> str:
    parsed = phonenumbers.parse(number)
    if parsed.country_code != phonenumbers.country_code_for_region(country):
        return number.removeprefix("+")
    return phonenumbers.national_significant_number(parsed)


def caller_number(raw: str, country: str) -> str:
    """What a carrier sent as the caller's number, made safe: E.164 where it can be read as a number dialled in
    `country`, else its letters and digits, or "" for a caller who shows none.

    `raw` is hostile: anything of any length. Never raises.
    """
    return _caller_number(raw[:_CALLER_LONGEST], country)


@lru_cache(maxsize=1024)  # asked for more than once of each call
def _caller_number(cut: str, country: str) -> str:
    text = cut.removeprefix("sip:").partition("@")[0].strip()
    if not text or text.lower() in _NOBODY:
        return ""
    number = _possible(text, country)
    if number is not None:
        return _e164(number)
    plus = "+" if text.startswith("+") else ""
    return plus + re.sub(r"[^0-9A-Za-z]", "", text)[:_TEXT_LONGEST] if re.search(r"[0-9A-Za-z]", text) else ""


def typed_number(text: str, country: str) -> str:
    """The E.164 form of a number that somebody typed as it is dialled in `country`; "" if it cannot be one.

    `text` may be anything of any length. Never raises.
    """
    number = _possible(text.strip(), country) if len(text) <= _CALLER_LONGEST else None
    return _e164(number) if number else ""


def numbers_in(headers: str, country: str) -> Iterator[str]:
    """The numbers in SIP headers that name people (Diversion, History-Info), each read like a caller's.

    `headers` is hostile: anything of any length. Never raises.
    """
    text = headers[:_HEADERS_LONGEST]
    for found in _USER_IN_URI.findall(text) or [text]:
        if number := caller_number(found, country):
            yield number


def _possible(text: str, country: str) -> PhoneNumber | None:
    """The number, if its length fits its country: callers show numbers that the package does not know yet."""
    if not re.fullmatch(r"\+?[0-9 ().-]{4,}", text, re.ASCII):
        return None
    try:
        number = phonenumbers.parse(text, country)
    except phonenumbers.NumberParseException:
        return None
    possible = phonenumbers.is_possible_number_with_reason(number) == ValidationResult.IS_POSSIBLE
    return number if possible else None


def _valid(text: str, country: str) -> PhoneNumber:
    if not _AS_WRITTEN.fullmatch(text.strip()):
        meant = _possible(text.strip(), country)
        raise ClientMistake(
            "{text} is no telephone number: write it with its plus sign and country, like {example}",
            Code.BAD_NUMBER,
            text=_shown(text),
            example=_written(meant) if meant else example_of(country).abroad,
            field=Field("number"),
        )
    try:
        number = phonenumbers.parse(text.strip())
    except phonenumbers.NumberParseException:
        raise ClientMistake(
            "{text} is no telephone number: no country has the code it begins with",
            Code.BAD_NUMBER,
            text=_shown(text),
            field=Field("number"),
        ) from None
    if not phonenumbers.is_valid_number(number):
        raise ClientMistake(
            "{text} is no telephone number: its country gives out none like it, but such as {example}",
            Code.BAD_NUMBER,
            text=_shown(text),
            example=example_of(phonenumbers.region_code_for_country_code(number.country_code or 0)).abroad,
            field=Field("number"),
        )
    return number


def _e164(number: PhoneNumber) -> str:
    return phonenumbers.format_number(number, PhoneNumberFormat.E164)


def _written(number: PhoneNumber) -> str:
    return phonenumbers.format_number(number, PhoneNumberFormat.INTERNATIONAL)


def _shown(text: str) -> str:
    """A refused text as an error line may carry it."""
    return repr(text if len(text) <= 40 else text[:40] + "…")


def zone_of(number: str) -> str:
    """The IANA zone of a caller, "" if his number is in several or in none that is known."""
    from phonenumbers import NumberParseException, parse, timezone

    try:
        zones = timezone.time_zones_for_number(parse(number)) if number.startswith("+") else ()
    except NumberParseException:
        zones = ()
    return zones[0] if len(zones) == 1 and zones[0] != timezone.UNKNOWN_TIMEZONE else ""
