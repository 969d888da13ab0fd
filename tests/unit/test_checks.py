"""What may be written into a field: tidied or refused, never kept as it is when it could hurt."""

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pbx_control.domain import checks
from pbx_control.domain.words.characters import printable
from pbx_control.errors import ClientMistake

HOSTILE = ["a\nb", "a\rb", "a\x00b", "a\u2028b", "\u202eevil", "\ud800", "", "   ", "x" * 10_000]


@pytest.mark.parametrize("value", HOSTILE)
def test_a_name_is_one_line_of_characters_that_show(value: str) -> None:
    with pytest.raises(ClientMistake, match="--name"):
        checks.line(value, "--name")


def test_a_name_is_tidied_and_may_hold_any_script() -> None:
    assert checks.line("  Peña &  Hijos 👨‍👩‍👧 ", "--name") == "Peña & Hijos 👨‍👩‍👧"


def test_a_paragraph_keeps_its_lines_and_known_places() -> None:
    text = checks.paragraph("Hola,\r\n{part_of_day} ", "TEXT", places=("part_of_day",))
    assert text == "Hola,\n{part_of_day}"


@pytest.mark.parametrize("text", ["{nobody}", "{}", "{0}", "{", "}", "{name!r}", "{name.__class__}", "{name:>9}"])
def test_a_place_that_is_not_filled_in_is_refused(text: str) -> None:
    with pytest.raises(ClientMistake):
        checks.paragraph(text, "TEXT", places=("name",))


@pytest.mark.parametrize("value", ["Andes", "-a", "a-", "a b", "ñ", "", "123", "a" * 41, "a\n", "../a"])
def test_a_slug_is_fit_for_files_and_commands(value: str) -> None:
    with pytest.raises(ClientMistake):
        checks.slug(value)


@pytest.mark.parametrize("value", ["a@b.cl", "ventas+x@andes.example", "o'neil@andes.cl"])
def test_addresses_of_letters(value: str) -> None:
    assert checks.email(value) == value


@pytest.mark.parametrize(
    ("typed", "kept", "sent"),
    [
        ("ventas@ñandú.cl", "ventas@ñandú.cl", "ventas@xn--and-6ma2c.cl"),
        ("ventas@xn--and-6ma2c.cl", "ventas@ñandú.cl", "ventas@xn--and-6ma2c.cl"),
        ("Ventas@ANDES.CL", "Ventas@andes.cl", "Ventas@andes.cl"),
        ("pbx-control@localhost", "pbx-control@localhost", "pbx-control@localhost"),
    ],
)
def test_domain_is_kept_for_people_and_sent_in_ascii(typed: str, kept: str, sent: str) -> None:
    assert (checks.email(typed), checks.wire_email(kept)) == (kept, sent)


@pytest.mark.parametrize(
    "value",
    ["", "a", "a@", "@b", "a@b@c", "a b@c.cl", "a@b.cl\nBcc: x@y", "a@b.cl\r\n", "<a@b.cl>", "a@b.cl,c@d.cl", "ñ@b.cl",
     "a@-", "a" * 250 + "@b.cl", "a@b .cl", "(x)a@b.cl", "ventas@andes-.cl", "ventas@-andes.cl",
     f"x@{'a' * 64}.cl", "a..b@c.cl", ".a@b.cl", "a@b..cl", "a@b.cl.", "a@[10.0.0.1]"],
)  # fmt: skip
def test_what_is_no_address_of_letters(value: str) -> None:
    with pytest.raises(ClientMistake):
        checks.email(value)


@pytest.mark.parametrize("value", ["ventas@andes", "root@mailhost", "a@local", "a@xn--and-6ma2c"])
def test_address_whose_domain_has_no_dot_is_refused(value: str) -> None:
    with pytest.raises(ClientMistake, match="has no dot"):
        checks.email(value)
    assert checks.email_in_house(value)  # the office's own mail server may know it


@given(st.text(max_size=80))
def test_an_address_accepted_can_break_no_header(value: str) -> None:
    try:
        kept, sent = checks.email(value), checks.wire_email(value)
    except ClientMistake:
        return
    assert sent.isascii()
    assert printable(kept + sent)
    assert not set(kept + sent) & set(" ,;<>()\r\n")
    assert checks.email(kept) == kept


@pytest.mark.parametrize("value", ["123456789", "-1001234567890", "@canal_andes"])
def test_telegram_chats(value: str) -> None:
    assert checks.telegram(value) == value


@pytest.mark.parametrize("value", ["", "@x", "canal", "12a", "1" * 30, "@a b cde"])
def test_what_is_no_telegram_chat(value: str) -> None:
    with pytest.raises(ClientMistake):
        checks.telegram(value)


@pytest.mark.parametrize("value", ["Mars/Phobos", "", "../../etc/passwd", "/etc/localtime", "a\x00", "America"])
def test_an_unknown_zone_is_refused(value: str) -> None:
    with pytest.raises(ClientMistake, match="time zone"):
        checks.timezone(value)


@pytest.mark.parametrize("value", ["76.086.428-5", "76086428-5", "760864285"])
def test_a_rut_is_written_in_one_way(value: str) -> None:
    assert checks.rut(value) == "76.086.428-5"


@pytest.mark.parametrize("value", ["76.086.428-4", "1", "x", "76.086.428-5-1"])
def test_a_wrong_rut_is_refused(value: str) -> None:
    with pytest.raises(ClientMistake, match="RUT"):
        checks.rut(value)


@pytest.mark.parametrize(
    ("text", "seconds"), [("90s", 90), ("2m", 120), ("2min", 120), (" 10S ", 10), ("1h", 3600), ("90 s", 90)]
)
def test_durations(text: str, seconds: int) -> None:
    assert checks.duration(text, "--wait-limit", 10, 3600) == timedelta(seconds=seconds)


@pytest.mark.parametrize("text", ["90", " 5 ", "007", "99999"])
def test_a_number_without_a_unit_is_no_duration(text: str) -> None:
    number = text.strip()
    with pytest.raises(ClientMistake, match=f"--wait-limit: {number} of what.* {number}s .* {number}m .* {number}h"):
        checks.duration(text, "--wait-limit", 10, 3600)


def test_nothing_needs_no_unit() -> None:
    assert checks.duration("0", "--wrap-up", 0, 60) == timedelta(0)


@pytest.mark.parametrize("text", ["", "s", "9s", "3601s", "2h", "-5", "1e3", "٩٠", "99999999999m"])
def test_what_is_no_duration(text: str) -> None:
    with pytest.raises(ClientMistake, match="--wait-limit"):
        checks.duration(text, "--wait-limit", 10, 3600)


def test_carriers_addresses() -> None:
    given_by_admin = ("200.1.2.3", "200.1.2.0/24,2001:db8::1")
    assert checks.addresses(given_by_admin) == ("200.1.2.3", "200.1.2.0/24", "2001:db8::1")


@pytest.mark.parametrize("value", ["0.0.0.0/0", "::/0", "sip.example.cl", "200.1.2.3/24", "", "200.1.2.3\n[evil]"])
def test_addresses_that_would_let_strangers_in(value: str) -> None:
    with pytest.raises(ClientMistake):
        checks.addresses((value,))


@pytest.mark.parametrize("value", ["", "sip.example.cl", "sip.example.cl:5060", "10.0.0.1", "10.0.0.1:65535"])
def test_hosts(value: str) -> None:
    assert checks.host(value) == value


@pytest.mark.parametrize("value", ["a b", "a:0", "a:65536", "a:", "-a", "a;b", "a\n", "x" * 300, "http://a"])
def test_what_is_no_host(value: str) -> None:
    with pytest.raises(ClientMistake):
        checks.host(value)


def test_codecs_and_languages_keep_their_order_once() -> None:
    assert checks.codecs("ulaw,alaw,ulaw") == ("ulaw", "alaw")
    assert checks.languages("en,es,en") == ("en", "es")
    for wrong in ("opus", "", "alaw;x"):
        with pytest.raises(ClientMistake):
            checks.codecs(wrong)
    with pytest.raises(ClientMistake):
        checks.languages("es,fr")
