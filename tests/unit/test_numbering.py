"""Numbers: what is one, where it belongs, whom calls may be transferred to, and callers that nobody can trust."""

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from pbx_control.domain.telephony.numbering import (
    FREE_COUNTRIES,
    area_of,
    caller_number,
    country_of,
    example_of,
    to_e164,
    transfer_destination,
    typed_number,
)
from pbx_control.errors import ClientMistake


@pytest.mark.parametrize("text", ["+56225550101", "+56 2 2555 0101", "+56 (2) 2555-0101", " +56.2.2555.0101 "])
def test_number_may_be_written_with_gaps(text: str) -> None:
    assert to_e164(text) == "+56225550101"


@pytest.mark.parametrize(
    "text",
    ["", "225550101", "+5622555", "+99912345678", "+56225550101;ext=1", "+56 2 VENTAS 1", "tel:+56225550101", "+" * 9,
     "+56225550101\n", "+٥٦٢٢٥٥٥٠١٠١", "+5622555010100000000"],
)  # fmt: skip
def test_what_is_no_number_is_refused(text: str) -> None:
    if text.endswith("\n"):
        assert to_e164(text) == "+56225550101"  # white space at the ends is nobody's fault
        return
    with pytest.raises(ClientMistake):
        to_e164(text)


@pytest.mark.parametrize("country", FREE_COUNTRIES)
def test_an_example_is_a_number_that_may_be_typed_so(country: str) -> None:
    example = example_of(country)
    number = transfer_destination(example.abroad)
    assert typed_number(example.within, country) == typed_number(example.abroad, "CL") == number
    assert "(" not in example.within


@pytest.mark.parametrize("country", ["CL", "", "XX", "001"])
def test_the_example_of_no_country_is_chilean(country: str) -> None:
    assert (example_of(country).within, example_of(country).abroad) == ("9 8765 4321", "+56 9 8765 4321")


@pytest.mark.parametrize(
    ("text", "country", "told"),
    [
        ("later", "CL", "with its plus sign and country, like +56 9 8765 4321"),
        ("later", "PE", "with its plus sign and country, like +51 912 345 678"),
        ("2 2555 0101", "CL", "with its plus sign and country, like +56 2 2555 0101"),
        ("+44 1", "CL", "with its plus sign and country, like +56 9 8765 4321"),
        ("+44 1234567", "CL", "its country gives out none like it, but such as +44 7400 123456"),
    ],
)
def test_who_writes_no_number_is_told_how_one_is_written_there(text: str, country: str, told: str) -> None:
    for read in (to_e164, transfer_destination):
        with pytest.raises(ClientMistake) as refused:
            read(text, country)
        assert str(refused.value).endswith(told)


@pytest.mark.parametrize(
    ("number", "country", "area"),
    [
        ("+56225550101", "CL", "2"),
        ("+56322555010", "CL", "32"),
        ("+56987654321", "CL", "9"),
        ("+17875550101", "PR", "787"),
        ("+525512345678", "MX", "55"),
        ("+34912345678", "ES", "912"),
        ("+442079460018", "GB", "20"),
    ],
)
def test_country_and_area_of_a_number(number: str, country: str, area: str) -> None:
    assert (country_of(number), area_of(number)) == (country, area)


# One landline and one mobile of each country of docs/service.md rule 9, out of the package's own examples.
ALLOWED = {
    "CL": ("+56221234567", "+56987654321"),
    "MX": ("+522001234567", "+525512345678"),
    "CO": ("+576012345678", "+573211234567"),
    "BR": ("+551123456789", "+5511961234567"),
    "PE": ("+5111234567", "+51912345678"),
    "PR": ("+17872345678", "+19392345678"),
    "US": ("+12015550123", "+14155550123"),
    "CA": ("+15062345678", "+14165550123"),
    "ES": ("+34810123456", "+34612345678"),
    "GB": ("+441212345678", "+447400123456"),
    "IT": ("+390212345678", "+393123456789"),
    "FR": ("+33123456789", "+33612345678"),
    "DE": ("+4930123456", "+4915123456789"),
}


@pytest.mark.parametrize("number", [number for pair in ALLOWED.values() for number in pair])
def test_landlines_and_mobiles_of_thirteen_countries_are_free_destinations(number: str) -> None:
    assert transfer_destination(number) == number


@pytest.mark.parametrize(
    "number",
    [
        "+566006000101",  # Chile: shared cost
        "+56800200300",  # Chile: freephone
        "+56442345678",  # Chile: internet telephony
        "+56600222333",  # Chile: campaigns, or shared cost
        "+56809222333",  # Chile: campaigns
        "+34400123456",  # Spain: campaigns
        "+19005551234",  # premium
        "+18005551234",  # freephone
        "+15005551234",  # personal number
        "+18765551234",  # Jamaica has the country code of the USA
        "+18095551234",  # Dominican Republic
        "+447012345678",  # personal number
        "+448431234567",  # shared cost
        "+441481256789",  # Guernsey
        "+34803123456",  # premium
        "+33891123456",  # premium
        "+49900123456",  # premium
        "+39892123",  # premium
        "+881612345678",  # satellite
        "+870773111632",  # satellite
        "+61212345678",  # Australia
        "+5491123456789",  # Argentina
        "133",
        "+56133",  # the police
    ],
)
def test_other_destinations_are_refused(number: str) -> None:
    with pytest.raises(ClientMistake):
        transfer_destination(number)


@pytest.mark.parametrize(
    ("number", "why"),
    [("+56 809 222 333", "campaigns"), ("+56 600 222 333", "campaigns"), ("+56 44 234 5678", "internet telephony")],
)
def test_who_gives_such_a_number_learns_what_it_is(number: str, why: str) -> None:
    with pytest.raises(ClientMistake, match=why):
        transfer_destination(number)


@pytest.mark.parametrize(
    ("raw", "read"),
    [
        ("+56225550101", "+56225550101"),
        ("56225550101", "+56225550101"),
        ("225550101", "+56225550101"),
        ("0056225550101", "+56225550101"),
        ("sip:+56225550101@10.0.0.1;user=phone", "+56225550101"),
        ("+12025550123", "+12025550123"),
        ("+56912345678", "+56912345678"),  # not given out yet, but the carrier shows it
        ("133", "133"),
        ("anonymous", ""),
        ("Restricted", ""),
        ("", ""),
        ("😀", ""),
        ("ventas", "ventas"),
        ("Bob;evil=1\r\nX: y", "Bobevil1Xy"),
        ("${SHELL(rm)}&,|", "SHELLrm"),
        ("1" * 10_000, "1" * 32),
    ],
)
def test_callers_number_is_read_or_cleaned(raw: str, read: str) -> None:
    assert caller_number(raw, "CL") == read


@given(st.text(max_size=200))
@example("\x00" * 50)
@example("++++")
def test_a_hostile_caller_leaves_only_letters_digits_and_a_plus(raw: str) -> None:
    cleaned = caller_number(raw, "CL")
    assert len(cleaned) <= 33
    assert cleaned.removeprefix("+").isalnum() or cleaned == ""
    assert cleaned.isascii()
