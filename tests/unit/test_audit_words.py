"""What the audit trail tells has a word for every field, in the reader's language."""

import ast
from collections.abc import Iterator
from dataclasses import fields
from zoneinfo import ZoneInfo

import pytest

from pbx_control.domain.audit import Difference, Verb
from pbx_control.domain.desk.duty import PausedBy
from pbx_control.domain.desk.proposals import Subject, Way
from pbx_control.domain.keeping.requests import RequestKind
from pbx_control.domain.money.orders import OrderKind
from pbx_control.domain.money.plans import Plan
from pbx_control.domain.money.quota import Uncounted
from pbx_control.domain.notices.kinds import About
from pbx_control.domain.office import AnnouncementKind, ClientState, Trunk
from pbx_control.domain.opening.overrides import OverrideKind
from pbx_control.domain.users import ClientRole, UserRole
from pbx_control.domain.words.trail import changes, origin, subject
from pbx_control.store.clients import Client
from pbx_control.store.contacts import Contact
from pbx_control.store.secretaries import Secretary
from pbx_control.store.users import Listed as Account
from tests.texts import ROOT, catalogue

WRITTEN = {message.id for message in catalogue() if isinstance(message.id, str)}
# Records whose fields, whichever are changed, stand in an entry.
RECORDS = (Client, Trunk, Plan, Contact, Account, Secretary)
# What no entry tells: what a row is known by within, and what is counted for lists.
WITHIN = {"id", "last_seen", "has_second_factor", "since"}


def noted() -> Iterator[str]:
    """The names that stand in the code where an entry is written."""
    for folder in ("services", "jobs", "media"):
        for file in sorted((ROOT / "pbx_control" / folder).glob("*.py")):
            for node in ast.walk(ast.parse(file.read_text())):
                if isinstance(node, ast.Call) and getattr(node.func, "attr", "").startswith("note"):
                    yield from (key for given in node.keywords for key in keys(given.value))


def keys(node: ast.AST) -> Iterator[str]:
    for one in ast.walk(node):
        if isinstance(one, ast.Dict):
            yield from (key.value for key in one.keys if isinstance(key, ast.Constant) and isinstance(key.value, str))


@pytest.mark.parametrize("name", sorted({*noted(), *(f.name for one in RECORDS for f in fields(one))} - WITHIN))
def test_field_of_an_entry_has_a_word(name: str) -> None:
    assert name in WRITTEN


@pytest.mark.parametrize("verb", Verb)
def test_verb_has_a_word(verb: Verb) -> None:
    assert verb.value in WRITTEN


WORDS = (
    *(PausedBy, Subject, Way, RequestKind, OrderKind, Uncounted, About, AnnouncementKind, ClientState, OverrideKind),
    *(ClientRole, UserRole),
)


@pytest.mark.parametrize("value", sorted({one.value for kind in WORDS for one in kind if one.value}))
def test_word_of_ours_is_translated(value: str) -> None:
    assert value in WRITTEN


@pytest.mark.parametrize(
    ("difference", "spanish", "english"),
    [
        ({"after_call": (120, 60)}, "plazo del mensaje (s): 120 → 60", "after call: 120 → 60"),
        (
            {"gets": (["calls", "usage"], ["invoices"])},
            "recibe: mensajes y llamadas, cuando se acaban las llamadas → boletas y facturas",
            "gets: messages and calls, when calls run out → boletas and facturas",
        ),
        (
            {"note": (None, "nota_credito-1")},
            "nota de crédito: nota de crédito interna 1",
            "credit note: internal credit note 1",
        ),
        (
            {"invoices": (None, ["boleta-7", "factura-8"])},
            "documentos: boleta interna 7, factura interna 8",
            "invoices: internal boleta 7, internal factura 8",
        ),
        ({"state": ("confirmed", "cancelled")}, "estado: confirmada → cancelada", "state: confirmed → cancelled"),
        ({"state": ("confirmed", "no_show")}, "estado: confirmada → no vino", "state: confirmed → did not come"),
        ({"state": ("active", "cancelled")}, "estado: activo → dado de baja", "state: active → cancelled"),
        ({"questions": ("[]", '["¿RUT?", "¿Edad?"]')}, "preguntas: – → ¿RUT?, ¿Edad?", "questions: – → ¿RUT?, ¿Edad?"),
        ({"questions": (None, "{")}, "preguntas: {", "questions: {"),
        ({"languages": ("es", "es,en")}, "idiomas: español → español, inglés", "languages: Spanish → Spanish, English"),
        ({"language": (None, "en")}, "idioma: inglés", "language: English"),
        ({"codecs": (None, ["alaw", "ulaw"])}, "códecs: alaw, ulaw", "codecs: alaw, ulaw"),
        # What the store knows things by, nobody else does; the entry's client has a column.
        ({"client_id": (None, 1), "trunk_id": (1, 2), "main": (True, None)}, "principal: sí → –", "main: yes → –"),
        ({"main": (False, True)}, "principal: no → sí", "main: no → yes"),
        ({"recording": (True, False)}, "grabación: sí → no", "recording: yes → no"),
        ({"price": (39000, 45000)}, "precio: $39.000 → $45.000", "price: CLP 39,000 → CLP 45,000"),
        ({"country": (None, "US")}, "país: Estados Unidos", "country: United States"),
        ({"country": ("Bodega", None)}, "país: Bodega → –", "country: Bodega → –"),
        ({"early_media": ("trunk", "no")}, "audio previo: según la troncal → no", "early media: as the trunk → no"),
        ({"by": (None, "rosa")}, "decidido por: rosa", "decided by: rosa"),
        ({"order": (None, "bag 25")}, "pedido: bolsa 25", "order: bag 25"),
        ({"reason": (None, "wrong-number")}, "motivo: número equivocado", "reason: wrong-number"),
        (
            {"rota": (["always: Rosa"], ["mon-fri 09:00-18:00: Ana, Juan from 2026-11-30"])},
            "turno: siempre: Rosa → lun-vie 09:00-18:00: Ana, Juan desde 2026-11-30",
            "rota: always: Rosa → mon-fri 09:00-18:00: Ana, Juan from 2026-11-30",
        ),
        (
            {"scopes": (None, ["calls:read", "appointments:write", "later:read"])},
            "permisos: ver llamadas; agendar, mover y cancelar citas; later:read",
            "scopes: see calls; book, move and cancel appointments; later:read",
        ),
        (
            {"events": (None, ["call.started", "call.ended"])},
            "eventos: llega una llamada; termina una llamada",
            "events: a call comes; a call is over",
        ),
        ({"events": (None, [])}, "eventos: todos", "events: all"),
        ({"rota": (None, ["what: no rule"])}, "turno: what: no rule", "rota: what: no rule"),
        ({"asked_by": (None, "rollback to 2")}, "a pedido de: vuelta a la versión 2", "asked by: back to version 2"),
        ({"asked_by": (None, "Rosa")}, "a pedido de: Rosa", "asked by: Rosa"),
        ({"role": (None, "secretary")}, "rol: secretaria", "role: secretary"),
        (
            {"since": (None, "2026-08-03T16:00:00+00:00")},
            "desde: 2026-08-03 12:00:00 -04",
            "since: 2026-08-03 12:00:00 -04",
        ),
    ],
    ids=lambda value: next(iter(value)) if isinstance(value, dict) else "",
)
def test_change_is_told_in_words(difference: Difference, spanish: str, english: str) -> None:
    zone = ZoneInfo("America/Santiago")
    told = [[": ".join(one) for one in changes(difference, language, zone)] for language in ("es", "en")]
    assert told == [[spanish], [english]]


def test_what_a_change_was_of_is_told_in_words() -> None:
    subjects = ("*", "request 7", "entry 2", "boleta-3", "2026-08-03T16:00:00+00:00", "+56225550101", "request 7; x")
    zone = ZoneInfo("America/Santiago")
    assert [subject(one, "es", zone) for one in (*subjects, "andes\x1b[31m")] == [
        "todos los clientes",
        "solicitud 7",
        "asiento 2",
        "boleta interna 3",
        "2026-08-03 12:00:00 -04",
        "+56225550101",
        "request 7; x",
        "andes[31m",
    ]


def test_from_where_is_told_in_words() -> None:
    places = ("mail", "mail, 203.0.113.5", "203.0.113.5", "mailbox", "Telegram 4711", "ssh 203.0.113.5\x1b[2J")
    assert [origin(one, "es") for one in places] == [
        *("correo", "correo, 203.0.113.5", "203.0.113.5", "mailbox", "Telegram 4711", "ssh 203.0.113.5[2J"),
    ]
