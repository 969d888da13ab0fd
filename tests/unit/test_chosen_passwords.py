"""What may be chosen as a password, how a browser is called, and which codes an app shows."""

from datetime import UTC, datetime, timedelta

import pytest
from pyotp import TOTP

from pbx_control.domain.browsers import browser_and_system
from pbx_control.domain.passwords import check_chosen
from pbx_control.domain.second_factor import address, as_recovery_code, in_groups, step_of
from pbx_control.errors import ClientMistake

KNOWN = ("gerencia", "Clínica Andes", "rosa@andes.example")
NOON = datetime(2026, 8, 3, 16, tzinfo=UTC)
SECRET = "JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP"


@pytest.mark.parametrize(
    "password",
    [
        "",
        "corta",
        "elevencharA",
        "aaaaaaaaaaaaaaaaaaaa",
        "123456789012",
        "qwertyuiopasdf",
        "contraseña2026",
        "Clinica Andes",
        "ANDES-gerencia",
        "passwordpassword",
        "andes.example",
        "x" * 201,
    ],
)
def test_what_is_guessed_early_is_no_password(password: str) -> None:
    with pytest.raises(ClientMistake) as refused:
        check_chosen(password, KNOWN)
    assert refused.value.values["field"] == "password"


@pytest.mark.parametrize(
    "password",
    ["abcd-efgh-jkmn-pqrs", "perro gato casa luna", "ñandú volando bajo", "Xk9$2mQz!pLw", "ééexq7Zt0;kRw"],
)
def test_what_takes_years_to_guess_is_one(password: str) -> None:
    check_chosen(password, KNOWN)


@pytest.mark.parametrize(
    ("agent", "said"),
    [
        ("Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0", ("Firefox", "Linux")),
        (
            "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/126.0.0.0 "
            "Safari/537.36 Edg/126.0.0.0",
            ("Edge", "Windows"),
        ),
        (
            "Mozilla/5.0 (iPhone; CPU iPhone OS 17_5 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) "
            "Version/17.5 Mobile/15E148 Safari/604.1",
            ("Safari", "iPhone"),
        ),
        (
            "Mozilla/5.0 (Linux; Android 14) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/126.0.0.0 Mobile "
            "Safari/537.36",
            ("Chrome", "Android"),
        ),
        ("", ("", "")),
        ("curl/8.0 <script>alert(1)</script>", ("", "")),
        ("x" * 250 + "Firefox/1", ("", "")),
    ],
)
def test_a_browser_is_called_as_its_owner_calls_it(agent: str, said: tuple[str, str]) -> None:
    assert browser_and_system(agent) == said


def code(at: datetime) -> str:
    return TOTP(SECRET).at(at)


def test_a_code_is_taken_half_a_minute_early_or_late_and_its_step_is_told() -> None:
    now = step_of(SECRET, code(NOON), NOON)
    assert now == int(NOON.timestamp()) // 30
    half = timedelta(seconds=30)
    assert step_of(SECRET, code(NOON - half), NOON) == now - 1
    assert step_of(SECRET, code(NOON + half), NOON) == now + 1
    assert step_of(SECRET, code(NOON - 2 * half), NOON) is None
    assert step_of(SECRET, code(NOON + 2 * half), NOON) is None


@pytest.mark.parametrize(
    "typed",
    ["", "12345", "1234567", "abcdef", "١٢٣٤٥٦", "\uff11\uff12\uff13\uff14\uff15\uff16", "1" * 10_000, "-12345"],
)
def test_what_is_no_code_is_none(typed: str) -> None:
    assert step_of(SECRET, typed, NOON) is None


def test_a_code_may_be_typed_as_the_app_shows_it() -> None:
    shown = code(NOON)
    assert step_of(SECRET, f" {shown[:3]} {shown[3:]}\n", NOON) is not None


def test_a_code_for_when_the_app_is_lost_may_be_typed_in_any_way() -> None:
    assert in_groups("abcdefgh2345") == "abcd-efgh-2345"
    for typed in ("abcd-efgh-2345", "ABCD EFGH 2345", "abcdefgh2345 "):
        assert as_recovery_code(typed) == "abcdefgh2345"
    for typed in ("", "abcd-efgh", "abcd-efgh-2345-6", "x" * 10_000):
        assert as_recovery_code(typed) == ""


def test_an_app_is_told_whose_secret_it_is_whatever_the_office_is_called() -> None:
    told = address(SECRET, "ana.rojas", "Casa: Soto & Cía? #1")
    assert told.startswith("otpauth://totp/Casa")
    assert f"secret={SECRET}" in told
    assert "issuer=Casa%3A%20Soto%20%26%20C%C3%ADa%3F%20%231" in told
