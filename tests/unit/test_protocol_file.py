"""A protocol's file: what it may say, that it comes back as it was written, and what is said of a bad one."""

import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pbx_control.domain.desk.protocol import Condition, Field, FieldKind, Protocol
from pbx_control.domain.desk.protocol_file import parse, written
from pbx_control.errors import ClientMistake

NAME = '[[field]]\nkey = "name"\nlabel = "Nombre"\n'
URGENT = '[[field]]\nkey = "urgent"\nlabel = "¿Urgente?"\nkind = "choice"\nchoices = ["sí", "no"]\n'
NOTARY = f"""
pronunciation = "Echáiz, con acento en la a"
colour = "#1D5F8A"
may_tell = ["El horario", "Los requisitos de una escritura"]
must_not_tell = ["Precios"]
steps_note = '''
Primero el nombre.
Después el RUT.
'''
{NAME}required = true
{URGENT}
[[field]]
key = "address"
label = "Dirección"
kind = "long"
hint = "Calle y número"
when = {{ field = "urgent", values = ["sí"] }}
"""


def test_file_is_read_with_all_that_it_says() -> None:
    assert parse(NOTARY) == Protocol(
        pronunciation="Echáiz, con acento en la a",
        colour="#1d5f8a",
        may_tell=("El horario", "Los requisitos de una escritura"),
        must_not_tell=("Precios",),
        steps_note="Primero el nombre.\nDespués el RUT.",
        fields=(
            Field(key="name", label="Nombre", required=True),
            Field(key="urgent", label="¿Urgente?", kind=FieldKind.CHOICE, choices=("sí", "no")),
            Field(
                key="address",
                label="Dirección",
                kind=FieldKind.LONG,
                hint="Calle y número",
                when=Condition("urgent", ("sí",)),
            ),
        ),
    )


def test_editors_may_leave_a_mark_at_the_beginning() -> None:
    assert parse("\ufeff" + NAME.replace("\n", "\r\n")) == parse(NAME)


# --- back and forth

_WORDS = st.text(st.characters(categories=("L", "N", "P", "S")), min_size=1, max_size=20)
_LINES = st.lists(_WORDS, max_size=4).map(tuple)
_CHOICES = st.lists(_WORDS, min_size=2, max_size=4, unique=True).map(tuple)


@st.composite
def _protocols(draw: st.DrawFn) -> Protocol:
    fields: list[Field] = []
    for number in range(draw(st.integers(1, 6))):
        kind = draw(st.sampled_from(FieldKind))
        earlier = [field for field in fields if field.choices]
        asked = draw(st.sampled_from(earlier)) if earlier and draw(st.booleans()) else None
        fields.append(
            Field(
                key=f"key_{number}",
                label=draw(_WORDS),
                kind=kind,
                required=draw(st.booleans()),
                choices=draw(_CHOICES) if kind is FieldKind.CHOICE else (),
                when=Condition(asked.key, asked.choices[:1]) if asked else None,
                hint=draw(st.just("") | _WORDS),
            )
        )
    return Protocol(
        fields=tuple(fields),
        may_tell=draw(_LINES),
        must_not_tell=draw(_LINES),
        pronunciation=draw(st.just("") | _WORDS),
        colour=draw(st.sampled_from(["", "#1d5f8a"])),
        steps_note="\n".join(draw(_LINES)),
    )


@given(_protocols())
def test_what_is_written_is_read_back(protocol: Protocol) -> None:
    assert parse(written(protocol)) == protocol


# --- bad files


def field(key: str, more: str) -> str:
    return f'[[field]]\nkey = "{key}"\nlabel = "x"\n{more}\n'


REFUSED = [
    ("", "the protocol asks for nothing: it needs at least one [[field]]"),
    ("x", "not valid TOML: after a key there must be an = and a value (line 1, column 2)"),
    ("[[field]]\nkey = 'a'\nkey = 'b'", "not valid TOML: there is a value of this name already (line 3"),
    (NAME + NAME, "field 2: there is a field name already"),
    ("colur = '#000000'\n" + NAME, "`colur` means nothing here"),
    (NAME + "lable = 'x'", "field 1 (name): `lable` means nothing here; what does: key, kind, label"),
    ("colour = '#ffffee'\n" + NAME, "`colour` #ffffee is too pale"),
    ("colour = 'red'\n" + NAME, "`colour` 'red' is no colour"),
    ("colour = 3\n" + NAME, "`colour` is no text"),
    ("may_tell = 'all'\n" + NAME, "`may_tell` is no list of texts"),
    ("may_tell = ['a', 3]\n" + NAME, "`may_tell` is no list of texts"),
    ("may_tell = ['" + "x" * 501 + "']\n" + NAME, "`may_tell` is too long"),
    ("may_tell = [" + "'x'," * 51 + "]\n" + NAME, "`may_tell` has 51, at most 50"),
    ('pronunciation = "a\\u202Eb"\n' + NAME, "`pronunciation` holds a line break or another control character"),
    ("steps_note = '" + "x" * 2001 + "'\n" + NAME, "`steps_note` is too long"),
    ("field = 3", "write [[field]] above each field"),
    ("field = ['a']", "write [[field]] above each field"),
    ("[[field]]\nlabel = 'x'", "field 1: `key` is missing"),
    ("[[field]]\nkey = 'name'", "field 1 (name): `label` is missing"),
    ("[[field]]\nkey = 'Name'\nlabel = 'x'", "field 1: 'Name' cannot be a key"),
    (f"[[field]]\nkey = '{'k' * 41}'\nlabel = 'x'", "cannot be a key"),
    ('[[field]]\nkey = "name"\nlabel = "a\\nb"', "field 1 (name): `label` holds a line break"),
    ('[[field]]\nkey = "name"\nlabel = "a\\u0000b"', "field 1 (name): `label` holds"),
    (field("name", "kind = 'texto'"), "field 1 (name): there is no kind 'texto'"),
    (field("name", "required = 'yes'"), "field 1 (name): `required` is neither true nor false"),
    (field("name", "choices = ['a', 'b']"), "field 1 (name): only a field of the kind choice has `choices`"),
    (field("name", "kind = 'choice'"), "field 1 (name): a choice needs two `choices`"),
    (field("name", "kind = 'choice'\nchoices = ['a', 'b', 'a']"), "field 1 (name): 'a' is twice among"),
    (field("name", "when = 3"), "field 1 (name): `when` is no table"),
    (field("name", "when = {}"), "field 1 (name), `when`: `field` is missing"),
    (URGENT + field("a", "when = {field = 'urgent'}"), "field 2 (a): `when` needs `values`, such as ['sí']"),
    (URGENT + field("a", "when = {field = 'urgent', value = 'sí'}"), "field 2 (a), `when`: `value` means nothing"),
    (URGENT + field("a", "when = {field = 'urgent', values = ['si']}"), "field 2 (a): `when` names 'si', which urgent"),
    (field("a", "when = {field = 'urgent', values = ['sí']}") + URGENT, "field 1 (a): `when` names 'urgent', which is"),
    (NAME + field("a", "when = {field = 'name', values = ['x']}"), "field 2 (a): `when` names 'name', which is no"),
    (URGENT.replace("urgent", "a", 1) + field("b", "when = {field = 'b', values = ['sí']}"), "field 2 (b): `when`"),
    ("".join(field(f"k{number}", "") for number in range(41)), "`field` has 41, at most 40"),
    ("#" * 70_000, "the protocol is larger than 64 kB"),
    ("é" * 40_000, "the protocol is larger than 64 kB"),
    ("a = " + "[" * 60_000, "not valid TOML"),
    ("a = " + "{a=" * 20_000, "not valid TOML"),
    ("a" + ".a" * 30_000 + " = 1", "not valid TOML"),
    ("a = " + "9" * 60_000, "not valid TOML"),
    ("\ud800", "not valid TOML"),
    ("a = \x00", "not valid TOML"),
]


@pytest.mark.parametrize(("text", "why"), REFUSED, ids=range(len(REFUSED)))
def test_bad_file_is_refused_in_one_line_that_names_the_place(text: str, why: str) -> None:
    with pytest.raises(ClientMistake) as refused:
        parse(text)
    said = str(refused.value)
    assert why in said
    assert said.isprintable()
    assert len(said) < 300


@given(st.text(max_size=200), st.integers(0, len(NOTARY)), st.integers(0, 40))
def test_whatever_a_file_holds_is_read_or_refused(noise: str, place: int, gone: int) -> None:
    try:
        protocol = parse(NOTARY[:place] + noise + NOTARY[place + gone :])
    except ClientMistake:
        return
    assert parse(written(protocol)) == protocol


def test_examples_of_the_manual_are_protocols() -> None:
    manual = (Path(__file__).parents[2] / "docs" / "protocol.md").read_text()
    examples = re.findall(r"```toml\n(.*?)```", manual, re.DOTALL)
    assert [parse(example).fields[0].key for example in examples] == ["name", "matter"]
