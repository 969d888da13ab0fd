"""The annex on the processing of personal data: what it says follows from facts, and whatever is in them is text."""

import re
import zlib
from base64 import a85decode
from dataclasses import replace
from datetime import date

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pbx_control.domain.keeping.annex import Annex, AnnexFacts, Firm, annex
from pbx_control.domain.keeping.requests import RequestKind
from pbx_control.domain.keeping.subprocessors import Does, Subprocessor
from pbx_control.notify.annex_pdf import render

FACTS = AnnexFacts(
    office=Firm(name="Secretariado SpA", rut="76.086.428-5", address="Av. Matta 12, Santiago"),
    client=Firm(name="Clínica Andes Limitada", rut="77.123.456-7", address="Talca"),
    language="es",
    day=date(2026, 12, 3),
    hours="de lunes a viernes de las 9:00 a las 18:00 horas",
    recording=True,
    keep_days=45,
    sensitive=True,
    by_mail=True,
    by_chat=True,
    takes_messages=True,
    database_is_a_file=True,
    mail_encrypted=True,
    owners_need_code=True,
    erased_after=90,
    subprocessors=(Subprocessor("Telegram", Does.TELEGRAM), Subprocessor("Bodega SpA", None, "guarda copias", "CL")),
)
LESS = replace(
    FACTS,
    recording=False,
    sensitive=False,
    by_mail=False,
    by_chat=False,
    takes_messages=False,
    database_is_a_file=False,
    mail_encrypted=False,
    owners_need_code=False,
    subprocessors=(),
)


def said(made: Annex) -> str:
    parts = [made.title, made.subtitle, made.template]
    for section in made.sections:
        parts += [section.heading, *section.paragraphs, *section.points, *(" ".join(row) for row in section.rows)]
    return "\n".join(parts)


def drawn(pdf: bytes) -> str:
    """What the pages show, one line after the other."""
    found = re.findall(rb"stream\r?\n(.*?)endstream", pdf, re.S)
    streams = (zlib.decompress(a85decode(b"<~" + each.strip(), adobe=True)).decode("latin-1") for each in found)
    pieces = re.findall(r"\((.*?)(?<!\\)\) Tj", "".join(streams))
    read = [re.sub(r"\\(\d{3})", lambda code: bytes([int(code[1], 8)]).decode("cp1252"), piece) for piece in pieces]
    return re.sub(r"\\([()\\])", r"\1", " ".join(read))


def test_it_names_the_parties_and_says_that_a_lawyer_should_read_it() -> None:
    text = said(annex(FACTS))
    assert "Responsable Clínica Andes Limitada, R.U.T. 77.123.456-7, Talca" in text
    assert "Encargado Secretariado SpA, R.U.T. 76.086.428-5, Av. Matta 12, Santiago" in text
    assert "Esto es una plantilla" in text
    assert "abogado" in text


def test_a_party_without_a_rut_is_named_all_the_same() -> None:
    assert "Andes, R.U.T. no indicado" in said(annex(replace(FACTS, client=Firm(name="Andes", rut="", address=""))))


@pytest.mark.parametrize(
    ("there", "absent"),
    [
        (
            "Las conversaciones se graban; a cada persona que llama se le dice antes.",
            "Las conversaciones no se graban.",
        ),
        ("las grabaciones de las conversaciones;", ""),
        ("los mensajes de voz que se dejan después del tono;", ""),
        ("A los chats de Telegram", ""),
        ("Por correo a los destinatarios.", ""),
        ("no llevan contenido", "Los correos y los chats llevan los mensajes."),
        ("A los dueños se les exige", "Cada cuenta puede exigir"),
        ("La conexión con el servidor de correo va cifrada.", ""),
        ("La base de datos y los documentos son archivos", ""),
        ("Bodega SpA: guarda copias (Chile)", "A esta fecha nadie más trata los datos."),
        ("Telegram: entrega mensajes en sus chats", ""),
    ],
)
def test_what_it_says_follows_from_what_is_set(there: str, absent: str) -> None:
    full, less = said(annex(FACTS)), said(annex(LESS))
    assert there in full
    assert there not in less
    assert not absent or (absent in less and absent not in full)


def test_days_are_those_of_the_plan_and_of_the_erasure() -> None:
    text = said(annex(FACTS))
    assert "Se guardan 45 días y luego se borran." in text
    assert "espera 90 días" in text
    assert "Se guardan 1 día y luego se borran." in said(annex(replace(FACTS, keep_days=1)))
    assert "dentro de 30 días" in text
    assert "después de 14 horas, y después de 2 horas sin uso" in text


@pytest.mark.parametrize(
    ("language", "rights"),
    [
        ("es", ("acceso", "rectificación", "supresión", "oposición", "portabilidad", "bloqueo")),
        ("en", ("access", "rectification", "erasure", "objection", "portability", "blocking")),
    ],
)
def test_every_right_that_the_register_knows_is_named(language: str, rights: tuple[str, ...]) -> None:
    told = said(annex(replace(FACTS, language=language)))
    assert len(rights) == len(RequestKind)
    assert all(right in told for right in rights)


def test_in_english_it_is_english() -> None:
    text = said(annex(replace(FACTS, language="en")))
    assert "Have a lawyer read it" in text
    assert "Bodega SpA: guarda copias (Chile)" in text
    assert "Kept for 45 days, then deleted." in text


def test_the_same_facts_give_the_same_bytes() -> None:
    assert render(annex(FACTS)) == render(annex(FACTS))


def test_markup_in_a_name_is_text_on_the_page() -> None:
    hostile = replace(FACTS, client=Firm(name="<b>Andes</b> & <a href='x'>Hijos</a>", rut="", address=""))
    # Entities are pieces of their own.
    assert "< b > Andes < /b > & < a href='x' > Hijos < /a >" in drawn(render(annex(hostile)))


@settings(max_examples=20)
@given(name=st.text(max_size=400), purpose=st.text(max_size=300))
def test_whatever_stands_in_a_name_a_pdf_is_made(name: str, purpose: str) -> None:
    facts = replace(
        FACTS,
        client=Firm(name=name, rut=name[:12], address=name),
        subprocessors=(Subprocessor(name, None, purpose, "ZZ"),),
    )
    assert render(annex(facts)).startswith(b"%PDF-")


def test_many_subprocessors_take_more_pages() -> None:
    many = tuple(Subprocessor(f"Empresa {number}", None, "ayuda", "CL") for number in range(120))
    pdf = render(annex(replace(FACTS, subprocessors=many)))
    assert len(re.findall(rb"/Type /Page\b", pdf)) > 4
    assert "Página 5 de" in drawn(pdf)


def test_appointments_are_in_it_for_whoever_has_calendars() -> None:
    without = said(annex(FACTS))
    assert "citas: cuándo" not in without
    assert "mensajes, citas, textos" in without  # erased at the end, if there are any
    booked = replace(FACTS, books=True, mirrored_at=("Google Calendar", "dav.example"), feeds=True, reminds=True)
    text = said(annex(booked))
    places = "(Google Calendar, dav.example)"
    for words in ("citas: cuándo", "invitación", places, "dirección secreta", "90 días después"):
        assert words in text
    least = said(annex(replace(FACTS, books=True)))
    assert "Google" not in least
    assert "dirección secreta" not in least
