"""What she reads when her telephone rings: the greeting with names and the part of the day filled in."""

from datetime import datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pbx_control.domain.desk.greeting import filled, on_call_words, part_of_day

NOON = datetime(2026, 8, 3, 12)
MORNING = datetime(2026, 8, 3, 9)


@pytest.mark.parametrize(
    ("language", "at", "said"),
    [
        ("es", "00:00", "buenos días"),
        ("es", "11:59", "buenos días"),
        ("es", "12:00", "buenas tardes"),
        ("es", "19:59", "buenas tardes"),
        ("es", "20:00", "buenas noches"),
        ("es", "23:59", "buenas noches"),
        ("en", "11:59", "good morning"),
        ("en", "12:00", "good afternoon"),
        ("en", "18:00", "good evening"),
    ],
)
def test_part_of_day_goes_by_the_clients_clock(language: str, at: str, said: str) -> None:
    assert part_of_day(datetime.fromisoformat(f"2026-08-03T{at}"), language) == said


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("Andes, {part_of_day}, habla {secretary}", "Andes, buenos días, habla Ana"),
        ("{part_of_day}, Andes", "Buenos días, Andes"),
        ("¡{part_of_day}! Andes.", "¡Buenos días! Andes."),
        ("Andes. {part_of_day}.", "Andes. Buenos días."),
        ("Andes\n{part_of_day}", "Andes\nBuenos días"),
        ("De turno está {on_call}.", "De turno está Juan {x}."),
        ("Andes {{VIP}}", "Andes {VIP}"),
        ("Andes", "Andes"),
        ("Andes {other} {", "Andes {other} {"),
        ("Andes {secretary.__class__}", "Andes {secretary.__class__}"),
    ],
)
def test_greeting_of_a_client_is_filled_in(text: str, said: str) -> None:
    assert filled(text, "Ana", "Andes Ltda", MORNING, "es", "Juan {x}") == said


@pytest.mark.parametrize(
    ("people", "said"),
    [
        ([], "nadie"),
        ([("", "Ana")], "Ana"),
        ([("", "Ana"), ("Ventas", "Ana")], "Ana"),
        ([("", "Ana"), ("Ventas", "Juan")], "Ana, Juan (Ventas)"),
    ],
)
def test_who_is_on_call_is_said_in_a_few_words(people: list[tuple[str, str]], said: str) -> None:
    assert on_call_words(people, "es") == said


@pytest.mark.parametrize(
    ("language", "said"),
    [
        ("es", "Andes Ltda, buenas tardes, le atiende Ana."),
        ("en", "Andes Ltda, good afternoon, this is Ana speaking."),
    ],
)
def test_house_greets_for_a_client_without_a_greeting(language: str, said: str) -> None:
    assert filled("", "Ana", "Andes Ltda", NOON, language) == said


@given(st.text(), st.text(), st.text())
def test_braces_in_names_stay_text(secretary: str, client: str, text: str) -> None:
    assert filled("", secretary, client, NOON, "es") == f"{client}, buenas tardes, le atiende {secretary}."
    filled(text, secretary, client, NOON, "es")
