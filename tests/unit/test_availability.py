"""What people write to the bot about a contact who is not available: read in either language, always with an end."""

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pbx_control.domain.notices.chat_commands import OFF, ON, read_availability
from pbx_control.errors import ClientMistake

SANTIAGO = ZoneInfo("America/Santiago")
NOW = datetime(2026, 11, 30, 15, tzinfo=UTC)  # noon in Chile
CONTACTS = {"Ana": 1, "Rosa Soto": 2, "José Díaz": 3, "Off Shore": 4}
THREE = datetime(2026, 11, 30, 18, tzinfo=UTC)
MIDNIGHT = datetime(2026, 12, 1, 3, tzinfo=UTC)


@pytest.mark.parametrize(
    ("typed", "contact", "until"),
    [
        ("Ana off 15:00", "Ana", THREE),
        ("ana ausente hasta 15:00", "Ana", THREE),
        ("Ana ausente hasta las 15:00", "Ana", THREE),
        ("Rosa Soto away until 15:00", "Rosa Soto", THREE),
        ("rosa no disponible 15:00", "Rosa Soto", THREE),
        ("jose diaz fuera 3h", "José Díaz", THREE),
        ("Ana not available", "Ana", MIDNIGHT),
        ("Ana off", "Ana", MIDNIGHT),
        ("Ana off mañana 9:00", "Ana", datetime(2026, 12, 1, 12, tzinfo=UTC)),
        ("Ana ausente hasta el 02/12/2026", "Ana", datetime(2026, 12, 3, 3, tzinfo=UTC)),
        ("Off Shore off 15:00", "Off Shore", THREE),
        ("Ana on", "Ana", None),
        ("Rosa Soto disponible", "Rosa Soto", None),
        ("José back", "José Díaz", None),
    ],
)
def test_it_is_read_in_either_language(typed: str, contact: str, until: datetime | None) -> None:
    found = read_availability(typed.split(), CONTACTS, SANTIAGO, NOW)
    assert (found.contact, found.until) == (contact, until)


@given(
    st.lists(st.sampled_from(["Ana", "Rosa", "no", "hasta", "15:00", "2h", "x", "٣", *OFF, *ON]) | st.text(max_size=9))
)
def test_whatever_is_written_has_an_end_or_is_refused_in_one_line(typed: list[str]) -> None:
    told, end = "", NOW
    try:
        end = read_availability(" ".join(typed).split(), CONTACTS, SANTIAGO, NOW).until or NOW
    except ClientMistake as error:
        told = str(error)
    assert end.tzinfo is not None
    assert len(told.splitlines()) <= 1
