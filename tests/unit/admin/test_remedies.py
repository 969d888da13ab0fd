"""What would mend a refused call, for each way in which carriers get numbers wrong."""

from dataclasses import replace

import pytest

from pbx_control.admin.remedies import OurNumber, remedy
from pbx_control.catalogue import translated
from pbx_control.domain.office import Trunk
from pbx_control.domain.telephony.numbering import dialling, readings
from pbx_control.domain.telephony.places import trunk_of

CARRIER = Trunk(1, "carrier", ("192.0.2.1", "198.51.100.0/24"))
OURS = {
    "+56225550101": OurNumber("", "andes"),
    "+56225550102": OurNumber("", ""),
    "+56225550103": OurNumber("other", "inca"),
    "+12025550101": OurNumber("", "gringo"),
    "+441234567890": OurNumber("", "a"),
    "+56441234567890": OurNumber("", "b"),
}


@pytest.mark.parametrize(
    ("reason", "number", "said"),
    [
        ("unknown-number", "+56225550102", "+56225550102 is free: `did assign +56225550102 CLIENT`"),
        ("unknown-number", "0056225550102", "+56225550102 is free: `did assign +56225550102 CLIENT`"),
        (
            "unknown-number",
            "225550103",
            "+56225550103 comes by the trunk other only: ask that carrier, or add the number without --trunk",
        ),
        ("unknown-number", "+56-2-25550101", "+56225550101 is a number of andes by now"),
        ("unknown-number", "25550101", "it lacks the area: ask the carrier for whole numbers"),
        ("unknown-number", "225550999", "it is none of ours: if it should be, `did add +56225550999`"),
        ("unknown-number", "133", "it is no whole number: ask the carrier what it sends"),
        (
            "unknown-number",
            "cuenta",
            "it is no number; if the carrier puts that elsewhere: `trunk set carrier --did-from to`",
        ),
        ("unknown-number", "", ""),
        (
            "ambiguous-number",
            "441234567890",
            "it can be read as +441234567890 / +56441234567890: `trunk set carrier --number-format` as the carrier "
            "writes, or have it send a +",
        ),
        ("full", "+56225550101", "the trunk had its 0 calls: `trunk set carrier --max-calls`"),
        ("stranger", "", "if it is a carrier of yours: `trunk add NAME --match ADDRESS`"),
        ("scan", "", ""),
    ],
)
def test_what_would_mend_it_is_said(reason: str, number: str, said: str) -> None:
    mend = remedy(reason, number, CARRIER, OURS)
    assert mend.template.format(**mend.values) == said
    assert not mend.template or translated(mend.template, "es") != mend.template
    assert remedy(reason, number, None, OURS) is not None


def test_the_trunk_is_found_by_the_address_that_sent() -> None:
    second = replace(CARRIER, id=2, name="v6", match=("2001:db8::/32",))
    found = [trunk_of(source, (CARRIER, second)) for source in ("192.0.2.1", "198.51.100.9", "2001:db8::7", "others")]
    assert found == [CARRIER, CARRIER, second, None]
    assert trunk_of("192.0.2.2", (CARRIER,)) is None


@pytest.mark.parametrize(
    ("digits", "number_format", "country", "first", "among"),
    [
        ("+56225550101", "national", "CL", "+56225550101", "+56225550101"),
        ("56225550101", "plain", "CL", "+56225550101", "+56225550101"),
        ("225550101", "e164", "CL", "+225550101", "+56225550101"),
        ("225550101", "national", "CL", "+56225550101", "+56225550101"),
        ("0225550101", "national", "CL", "+560225550101", "+56225550101"),
        ("0056225550101", "e164", "CL", "+0056225550101", "+56225550101"),
        ("01156225550101", "plain", "US", "+01156225550101", "+56225550101"),
        ("12025550101", "national", "US", "+112025550101", "+12025550101"),
        ("02079460000", "e164", "GB", "+02079460000", "+442079460000"),
        ("0212345678", "national", "IT", "+390212345678", "+390212345678"),
    ],
)
def test_a_dialled_number_is_read_as_declared_first(
    digits: str, number_format: str, country: str, first: str, among: str
) -> None:
    found = readings(digits, number_format, country)
    assert (found[0], among in found) == (first, True)


def test_how_numbers_are_dialled_is_the_countrys_own() -> None:
    known = {country: dialling(country) for country in ("CL", "US", "GB", "IT", "MX", "BR", "ZZ")}
    assert [(one.code, one.prefix, one.abroad, one.length) for one in known.values()] == [
        ("56", "0", "00", 9),
        ("1", "1", "011", 10),
        ("44", "0", "00", 0),
        ("39", "", "00", 0),
        ("52", "0", "00", 10),
        ("55", "0", "00", 0),
        ("", "", "00", 0),
    ]


@pytest.mark.parametrize(
    ("reason", "facts", "said"),
    [
        ("no-codec", {}, "it offers none of alaw, ulaw: have the carrier offer G.711 A-law (PCMA)"),
        (
            "no-codec",
            {"codecs": ("g722",)},
            "it offers none of g722: have the carrier offer one, or `trunk set carrier --codecs alaw,ulaw`",
        ),
        ("unencrypted", {}, "it offers no SRTP: have the carrier offer it, or `trunk set carrier --srtp optional`"),
        ("encrypted", {}, "it offers nothing but SRTP: `trunk set carrier --srtp optional`"),
        ("no-audio", {}, "it offers no sound (video only, or a fax): have the carrier offer G.711 A-law (PCMA)"),
        ("dtls", {}, "it offers SRTP with keys by DTLS: have the carrier send them in the SDP (SDES)"),
        ("offer", {}, "its offer of sound makes no sense to Asterisk: send the carrier a trace of the call"),
    ],
)
def test_what_would_mend_an_offer_that_was_not_taken(reason: str, facts: dict[str, object], said: str) -> None:
    mend = remedy(reason, "+56225550101", replace(CARRIER, **facts), OURS)
    assert mend.template.format(**mend.values) == said
    assert translated(mend.template, "es") != mend.template
