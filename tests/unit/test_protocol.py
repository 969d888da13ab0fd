"""What a protocol asks, when its conditions open, and what is wrong with what was typed."""

from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pbx_control.domain.desk.protocol import (
    HOUSE_COLOURS,
    Condition,
    Field,
    FieldKind,
    Local,
    Problem,
    Protocol,
    caller_field,
    colour_of,
    default_protocol,
    of_json,
    open_fields,
    problem,
    problems,
    tidied,
    to_json,
    told,
)
from pbx_control.domain.desk.protocol_file import LEAST_CONTRAST, parse, written

HERE = Local("CL", date(2026, 8, 3))


def choice(key: str, **more: Condition) -> Field:
    return Field(key=key, label=key, kind=FieldKind.CHOICE, choices=("yes", "no"), **more)


def when(field: str, *values: str) -> Condition:
    return Condition(field, values)


STEPS = Protocol(
    fields=(
        choice("urgent"),
        choice("at_home", when=when("urgent", "yes")),
        Field(key="address", label="Address", required=True, when=when("at_home", "yes")),
    )
)


def keys(protocol: Protocol, **values: str) -> list[str]:
    return [field.key for field in open_fields(protocol, values)]


def test_step_opens_on_its_condition() -> None:
    assert keys(STEPS) == ["urgent"]
    assert keys(STEPS, urgent="no") == ["urgent"]
    assert keys(STEPS, urgent="yes") == ["urgent", "at_home"]
    assert keys(STEPS, urgent=" yes ", at_home="yes") == ["urgent", "at_home", "address"]


def test_answer_of_a_closed_step_opens_nothing() -> None:
    assert keys(STEPS, urgent="no", at_home="yes") == ["urgent"]


def test_what_is_not_asked_is_not_missing() -> None:
    assert problems(STEPS, {"urgent": "no", "at_home": "yes"}, HERE) == {}
    assert problems(STEPS, {"urgent": "yes", "at_home": "yes"}, HERE) == {"address": Problem.MISSING}


@pytest.mark.parametrize(
    ("kind", "typed", "wrong"),
    [
        (FieldKind.NUMBER, "1.500,50", None),
        (FieldKind.NUMBER, "000 123", None),
        (FieldKind.NUMBER, "three", Problem.NO_NUMBER),
        (FieldKind.NUMBER, "1..2", Problem.NO_NUMBER),
        (FieldKind.NUMBER, "١٢", Problem.NO_NUMBER),
        (FieldKind.TELEPHONE, "9 1234 5678", None),
        (FieldKind.TELEPHONE, "+44 20 7946 0000", None),
        (FieldKind.TELEPHONE, "4711", Problem.NO_TELEPHONE),
        (FieldKind.TELEPHONE, "later", Problem.NO_TELEPHONE),
        (FieldKind.EMAIL, "maria@andes.cl", None),
        (FieldKind.EMAIL, "maria at andes.cl", Problem.NO_EMAIL),
        (FieldKind.DATE, "31/12/2026", None),
        (FieldKind.DATE, "mañana", None),
        (FieldKind.DATE, "12/31/2026", Problem.NO_DATE),
        (FieldKind.TEXT, "x" * 200, None),
        (FieldKind.TEXT, "x" * 201, Problem.TOO_LONG),
        (FieldKind.LONG, "x\n" * 2000, None),
        (FieldKind.LONG, "x" * 4001, Problem.TOO_LONG),
        (FieldKind.NUMBER, "1" * 41, Problem.TOO_LONG),
    ],
)
def test_value_is_checked_by_its_kind(kind: FieldKind, typed: str, wrong: Problem | None) -> None:
    field = Field(key="it", label="It", kind=kind)
    assert problem(field, typed, HERE) == wrong
    assert problem(field, f"  {typed} ", HERE) == wrong


@pytest.mark.parametrize(
    ("country", "written"), [("CL", "9 8765 4321 or +56 9 8765 4321"), ("GB", "07400 123456 or +44 7400 123456")]
)
def test_how_a_telephone_number_is_written_depends_on_the_country(country: str, written: str) -> None:
    place = Local(country, HERE.today)
    assert str(told(Problem.NO_TELEPHONE, place)) == f"this is no telephone number: write it like {written}"
    assert all(str(told(one, place)) for one in Problem)


def test_choice_is_one_of_those_offered() -> None:
    assert problem(choice("urgent"), "maybe", HERE) is Problem.NO_CHOICE
    assert problem(choice("urgent"), "yes", HERE) is None


@pytest.mark.parametrize("typed", ["", "   ", "\n\t", "\u200b\x00"])
def test_nothing_is_missing_where_something_is_required(typed: str) -> None:
    assert problem(Field(key="name", label="Name", required=True), typed, HERE) is Problem.MISSING
    assert problem(Field(key="name", label="Name"), typed, HERE) is None


@pytest.mark.parametrize(
    ("kind", "typed", "sent"),
    [
        (FieldKind.TEXT, "  María \t Soto\x00 ", "María Soto"),
        (FieldKind.LONG, " una\r\n\r\ndos \u202e tres\n ", "una\n\ndos tres"),
        (FieldKind.TELEPHONE, "9 1234 5678", "+56912345678"),
        (FieldKind.TELEPHONE, "(2) 2555-0101", "+56225550101"),
        (FieldKind.TELEPHONE, "anexo 12", "anexo 12"),
        (FieldKind.EMAIL, "Maria@ANDES.cl", "Maria@andes.cl"),
        (FieldKind.DATE, "31/12/2026", "2026-12-31"),
        (FieldKind.DATE, "mañana", "2026-08-04"),
        (FieldKind.DATE, "some day", "some day"),
        (FieldKind.NUMBER, " 1.500 ", "1.500"),
    ],
)
def test_value_is_tidied_as_it_is_sent(kind: FieldKind, typed: str, sent: str) -> None:
    assert tidied(Field(key="it", label="It", kind=kind), typed, HERE) == sent


def test_telephone_is_read_in_the_clients_country() -> None:
    field = Field(key="it", label="It", kind=FieldKind.TELEPHONE)
    assert tidied(field, "55 1234 5678", Local("MX", HERE.today)) == "+525512345678"


@given(st.sampled_from(FieldKind), st.text(max_size=300))
def test_whatever_is_typed_can_be_kept_and_tidied_again(kind: FieldKind, typed: str) -> None:
    field = Field(key="it", label="It", kind=kind, choices=("yes", "no"))
    once = tidied(field, typed, HERE)
    once.encode()
    assert "\x00" not in once
    assert tidied(field, once, HERE) == once
    if problem(field, typed, HERE) is None:
        assert problem(field, once, HERE) is None


@given(st.text(max_size=100_000))
def test_long_texts_are_refused_at_once(typed: str) -> None:
    for kind in FieldKind:
        problem(Field(key="it", label="It", kind=kind), typed * 3, HERE)


@pytest.mark.parametrize(("language", "labels"), [("es", ["Nombre", "Empresa"]), ("en", ["Name", "Company"])])
def test_house_asks_in_the_clients_language(language: str, labels: list[str]) -> None:
    protocol = default_protocol(language)
    assert [field.label for field in protocol.fields[:2]] == labels
    assert not [field.key for field in protocol.fields if field.required]  # not every caller tells everything
    assert caller_field(protocol) == protocol.fields[2]
    assert parse(written(protocol)) == protocol
    assert of_json(to_json(protocol)) == protocol


def test_house_chooses_a_colour_on_which_white_can_be_read() -> None:
    from coloraide import Color

    for colour in HOUSE_COLOURS:
        assert Color(colour).contrast("white", method="wcag21") >= LEAST_CONTRAST
    assert colour_of(STEPS, 5) == colour_of(STEPS, 5) != colour_of(STEPS, 6)
    assert colour_of(Protocol(fields=(), colour="#000000"), 5) == "#000000"
