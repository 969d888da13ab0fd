"""Letters about calls: what they say in either language, and that no stranger's string does harm in them."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from email import message_from_bytes
from email.headerregistry import Address
from email.policy import default
from html.parser import HTMLParser

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pbx_control.domain.call.model import Outcome
from pbx_control.domain.desk.spelling import spelled
from pbx_control.domain.desk.words import Stage, Written
from pbx_control.domain.notices.acts import Act
from pbx_control.domain.notices.discretion import without_content
from pbx_control.domain.notices.gone import attachment_gone
from pbx_control.domain.notices.messages import CallSummary, Channel, Recipient, compose, next_try
from pbx_control.domain.words.characters import category
from pbx_control.domain.words.wording import clean_line, duration, readable_number, unbroken
from pbx_control.notify.mail import write

BY_MAIL = Recipient(Channel.EMAIL, "gerencia@andes.example")
BY_TELEGRAM = Recipient(Channel.TELEGRAM, "-1001234")
OFFICE = "Secretariado Sur"

ANSWERED = CallSummary(
    call_id="pbx-1785766500.12",
    client_id=1,
    client_name="Clínica Andes",
    language="es",
    timezone="America/Santiago",
    did="+56225550101",
    caller="+56981234567",
    caller_name="Maria Soto",
    outcome=Outcome.ANSWERED,
    secretary="Ana",
    arrived_at=datetime(2026, 8, 3, 14, 15, 2, tzinfo=UTC),
    ended_at=datetime(2026, 8, 3, 14, 17, 15, tzinfo=UTC),
    waited=timedelta(seconds=8),
    talked=timedelta(minutes=2, seconds=5),
)
LEFT_MESSAGE = replace(
    ANSWERED, outcome=Outcome.LEFT_MESSAGE, secretary="", talked=timedelta(0), message="2026/08/03/x-message.wav"
)

SPANISH_MAIL = """\
Llamada atendida

La atendió Ana.

Llamó: Maria Soto (+56 9 8123 4567)
Cuándo: Lunes 3 de agosto de 2026, 10:15
A su número: +56 2 2555 0101
Espera: 8 segundos
Conversación: 2 minutos y 5 segundos

Mensaje automático de Secretariado Sur, que atiende las llamadas de Clínica Andes.
Referencia: pbx-1785766500.12
"""

ENGLISH_MAIL = """\
Voice message

Nobody could answer in time, and the caller left a voice message.

Caller: Maria Soto (+56 9 8123 4567)
When: Monday 3 August 2026, 10:15
Your number: +56 2 2555 0101
Waited: 8 seconds

The message is attached to this e-mail.

Sent automatically by Secretariado Sur, who answers the calls of Clínica Andes.
Reference: pbx-1785766500.12
"""

SPANISH_TELEGRAM = """\
❗ Clínica Andes: llamada perdida de Maria Soto (+56 9 8123 4567)

Llamó: Maria Soto (+56 9 8123 4567)
Cuándo: Lunes 3 de agosto de 2026, 10:15
A su número: +56 2 2555 0101
Espera: 8 segundos"""


class PageReader(HTMLParser):
    """What a mail program makes of a page: its tags, its links and its visible text."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.links: list[str] = []
        self.text = ""
        self.feed(html)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.links += [value or "" for name, value in attrs if name == "href"]

    def handle_data(self, data: str) -> None:
        self.text += data


def test_answered_call_in_spanish():
    letter = compose(ANSWERED, BY_MAIL, OFFICE)
    assert letter.subject == "Clínica Andes: llamada de Maria Soto (+56 9 8123 4567), atendida por Ana"
    assert letter.text == SPANISH_MAIL
    assert (letter.channel, letter.address) == (Channel.EMAIL, "gerencia@andes.example")
    assert (letter.call_id, letter.client_id, letter.written_at) == ("pbx-1785766500.12", 1, ANSWERED.ended_at)


def test_left_message_in_english_names_its_attachment():
    letter = compose(replace(LEFT_MESSAGE, language="en"), BY_MAIL, OFFICE)
    assert letter.subject == "Clínica Andes: voice message from Maria Soto (+56 9 8123 4567)"
    assert letter.text == ENGLISH_MAIL
    assert letter.attachment == "2026/08/03/x-message.wav"


def test_missed_call_by_telegram_is_text_alone():
    letter = compose(replace(ANSWERED, outcome=Outcome.MISSED), BY_TELEGRAM, OFFICE)
    assert letter.text == SPANISH_TELEGRAM
    assert letter.html == ""


@pytest.mark.parametrize(
    ("outcome", "spanish", "english"),
    [
        (Outcome.MISSED, "X: llamada perdida de número oculto", "X: missed call from withheld number"),
        (
            Outcome.CLOSED,
            "X: llamada de número oculto fuera de horario",
            "X: call from withheld number outside opening hours",
        ),
        (Outcome.LEFT_MESSAGE, "X: mensaje de voz de número oculto", "X: voice message from withheld number"),
        (Outcome.EXHAUSTED, "X: llamada de número oculto, no atendida", "X: call from withheld number, not answered"),
    ],
)
@pytest.mark.parametrize("caller", ["", "anonymous", "Restricted"])
def test_subject_tells_what_became_of_a_withheld_caller(outcome, spanish, english, caller):
    summary = replace(ANSWERED, client_name="X", caller=caller, caller_name="", outcome=outcome)
    assert compose(summary, BY_MAIL, OFFICE).subject == spanish
    assert compose(replace(summary, language="en"), BY_MAIL, OFFICE).subject == english


def test_time_is_that_of_the_client():
    summary = replace(ANSWERED, timezone="Europe/Madrid")
    assert "3 de agosto de 2026, 16:15" in compose(summary, BY_MAIL, OFFICE).text


def test_html_shows_every_fact_and_calls_back_with_one_touch():
    page = PageReader(compose(replace(ANSWERED, recording_flaw="short"), BY_MAIL, OFFICE).html)
    for fact in (
        "Maria Soto",
        "+56 9 8123 4567",
        "La atendió Ana.",
        "8 segundos",
        "2 minutos y 5 segundos",
        "incompleta",
    ):
        assert fact in page.text
    assert page.links == ["tel:+56981234567"]


def test_nobody_calls_back_a_withheld_number():
    page = PageReader(compose(replace(ANSWERED, caller="anonymous"), BY_MAIL, OFFICE).html)
    assert page.links == []


def test_message_id_is_the_same_for_call_and_recipient_only():
    first = compose(ANSWERED, BY_MAIL, OFFICE).message_id
    assert compose(replace(ANSWERED, caller_name="other"), BY_MAIL, "Other").message_id == first
    assert compose(ANSWERED, BY_TELEGRAM, OFFICE).message_id != first
    assert compose(replace(ANSWERED, call_id="pbx-2"), BY_MAIL, OFFICE).message_id != first


@pytest.mark.parametrize(
    ("seconds", "spanish", "english"),
    [
        (0, "0 segundos", "0 seconds"),
        (1, "1 segundo", "1 second"),
        (60, "1 minuto", "1 minute"),
        (3725, "1 hora, 2 minutos y 5 segundos", "1 hour, 2 minutes and 5 seconds"),
        (-3, "0 segundos", "0 seconds"),
    ],
)
def test_duration_in_words(seconds, spanish, english):
    assert duration(timedelta(seconds=seconds), "es") == spanish
    assert duration(timedelta(seconds=seconds), "en") == english


@pytest.mark.parametrize(
    ("number", "shown"),
    [
        ("+56225550101", "+56 2 2555 0101"),
        ("+442079460000", "+44 20 7946 0000"),
        ("+999", "+999"),
        ("sip:evil\r\nBcc: x", "sip:evil Bcc: x"),
    ],
)
def test_numbers_are_written_for_reading(number, shown):
    assert readable_number(number) == shown


def test_pauses_grow_and_end_after_three_days():
    at = start = datetime(2026, 8, 3, tzinfo=UTC)
    pauses = []
    while (due := next_try(len(pauses) + 1, at)) is not None:
        pauses.append(due - at)
        at = due
    assert [pause // timedelta(minutes=1) for pause in pauses[:8]] == [1, 2, 5, 15, 30, 60, 120, 120]
    assert timedelta(days=3) - timedelta(hours=2) < at - start <= timedelta(days=3)


HOSTILE = st.text(max_size=300) | st.sampled_from(
    [
        "=?utf-8?q?=0D=0ABcc:_all=40evil.example?=",
        "x\r\nBcc: all@evil.example\r\n\r\n<script>alert(1)</script>",
        '"><img src=x onerror=alert(1)>',
        "{caller} {0} %s ${jndi:x} {{ 7*7 }} {% raw %}",
        "\u202egpj.exe\u2066\x00\x1b[31m\ud800",
        "é" * 10_000,
        "👩‍👩‍👧‍👦 &amp; ; , |",
    ]
)


@settings(max_examples=200, deadline=None)
@given(
    name=HOSTILE,
    number=HOSTILE,
    client=HOSTILE,
    call_id=HOSTILE,
    outcome=st.sampled_from(Outcome),
    language=st.sampled_from(["es", "en"]),
)
def test_no_strangers_string_leaves_its_place(name, number, client, call_id, outcome, language):
    summary = replace(
        LEFT_MESSAGE,
        caller_name=name,
        caller=number,
        client_name=client,
        secretary=name,
        call_id=call_id,
        outcome=outcome,
        language=language,
    )
    by_mail = compose(summary, BY_MAIL, OFFICE)
    harmless = replace(summary, caller_name="N" if clean_line(name, 60) else "", client_name="C", secretary="S")
    expected = PageReader(compose(harmless, BY_MAIL, OFFICE).html)
    page = PageReader(by_mail.html)
    assert page.tags == expected.tags
    assert all(link.removeprefix("tel:+").isdigit() for link in page.links)

    mail = message_from_bytes(
        write(by_mail, Address(OFFICE, addr_spec="no@sur.example"), None).as_bytes(), policy=default
    )
    assert mail["Subject"] == by_mail.subject
    assert mail["Bcc"] is None
    assert mail["To"] == BY_MAIL.address
    assert mail["Message-ID"] == f"<{by_mail.message_id}@sur.example>"
    assert mail.get_body(("plain",)).get_content().replace("\r\n", "\n") == by_mail.text

    by_telegram = compose(summary, BY_TELEGRAM, OFFICE)
    assert len(by_telegram.text.encode("utf-16-le")) // 2 <= 1024


@given(HOSTILE, st.integers(1, 80))
def test_a_clean_line_is_one_short_printable_line(text, limit):
    line = clean_line(text, limit)
    assert len(line) <= limit
    assert all(char == " " or category(char)[0] not in "CZ" for char in line)  # a new emoji is as good as an old one
    assert line.split() == line.split(" ") or line == ""
    line.encode()


@pytest.mark.parametrize(("language", "attached"), [("es", "va adjunto a"), ("en", "is attached")])
def test_a_letter_whose_sound_is_gone_does_not_say_that_it_is_attached(language, attached):
    letter = compose(replace(LEFT_MESSAGE, language=language), BY_MAIL, OFFICE)
    assert (attached in letter.text, attached in letter.html) == (True, True)
    sent = attachment_gone(letter)
    assert (attached in sent.text, attached in sent.html, sent.attachment) == (False, False, "")
    assert attachment_gone(replace(letter, attachment="")).text == letter.text


# --- with what a secretary wrote --------------------------------------------------------------------------

WORDS = (("Nombre", "María Soto"), ("Motivo", "Quiere una cotización"), ("Mensaje", "Urgente.\nPor la tarde."))
WRITTEN = Written(words=WORDS, gist="Quiere una cotización", at=ANSWERED.ended_at + timedelta(seconds=40))

SPANISH_MESSAGE = """\
Mensaje

Llamó: Maria Soto (+56 9 8123 4567)

Nombre: María Soto
Motivo: Quiere una cotización
Mensaje:
  Urgente.
  Por la tarde.

––––––––––––––––––––

La atendió Ana.

Cuándo: Lunes 3 de agosto de 2026, 10:15
A su número: +56 2 2555 0101
Espera: 8 segundos
Conversación: 2 minutos y 5 segundos

Mensaje automático de Secretariado Sur, que atiende las llamadas de Clínica Andes.
Referencia: pbx-1785766500.12
"""


def test_who_called_and_her_words_stand_before_the_facts():
    letter = compose(ANSWERED, BY_MAIL, OFFICE, WRITTEN)
    assert letter.subject == "Clínica Andes: mensaje de Maria Soto (+56 9 8123 4567): Quiere una cotización"
    assert letter.text == SPANISH_MESSAGE
    assert letter.written_at == WRITTEN.at
    page = PageReader(letter.html)
    assert page.text.index("Maria Soto\n") < page.text.index("Motivo") < page.text.index("10:15")
    assert page.links == ["tel:+56981234567"]


def test_summary_and_message_are_the_same_first_letter():
    overdue = replace(WRITTEN, words=(), stage=Stage.OVERDUE, version=0)
    ids = {compose(ANSWERED, BY_MAIL, OFFICE, written).message_id for written in (None, WRITTEN, overdue)}
    assert len(ids) == 1
    assert compose(ANSWERED, BY_MAIL, OFFICE, WRITTEN, answers="call.1").message_id not in ids


def test_a_correction_in_english_marks_what_is_new_what_changed_and_what_is_gone():
    now = (("Name", "Maria Soto"), ("Reason", "Wants two"), ("Company", "Soto"))
    before = (("Name", "Maria Soto"), ("Reason", "Wants one"), ("Message", "Soon"))
    written = replace(WRITTEN, words=now, before=before, version=2, gist="Wants two")
    letter = compose(replace(ANSWERED, language="en"), BY_TELEGRAM, OFFICE, written, answers="call.1")
    assert letter.subject == "Correction: Clínica Andes: message from Maria Soto (+56 9 8123 4567): Wants two"
    assert (
        "\nName: Maria Soto\n* Reason: Wants two  (before: Wants one)\n* Company: Soto\n* Message: –  (before: Soon)\n"
        in letter.text
    )
    assert letter.in_reply_to == "call.1"


def test_a_message_longer_than_telegram_takes_is_cut_with_a_note():
    letter = compose(ANSWERED, BY_TELEGRAM, OFFICE, replace(WRITTEN, words=(("Mensaje", "👩 " * 2000),)))
    assert len(letter.text.encode("utf-16-le")) // 2 <= 4096
    assert letter.text.endswith("…\n\nEl mensaje es más largo de lo que cabe aquí; el correo lo tiene completo.")


@settings(max_examples=150, deadline=None)
@given(label=HOSTILE, value=HOSTILE, before=HOSTILE, reason=HOSTILE, language=st.sampled_from(["es", "en"]))
def test_no_field_leaves_its_place(label, value, before, reason, language):
    def composed(*words: str) -> str:
        told = replace(WRITTEN, words=((words[0], words[1]), ("x", "y")), before=((words[0], words[2]),), gist=words[3])
        return compose(replace(ANSWERED, language=language), BY_MAIL, OFFICE, told, answers="call.1").html

    page = PageReader(composed(label, value, before, reason))
    assert not {"script", "img", "b"}.intersection(page.tags)
    assert page.links == ["tel:+56981234567"]
    told = replace(WRITTEN, words=((label, value),), gist=reason)
    by_mail = compose(ANSWERED, BY_MAIL, OFFICE, told)
    mail = message_from_bytes(
        write(by_mail, Address(OFFICE, addr_spec="no@sur.example"), None).as_bytes(), policy=default
    )
    assert (mail["Subject"], mail["Bcc"]) == (by_mail.subject, None)
    assert mail.get_body(("plain",)).get_content().replace("\r\n", "\n") == by_mail.text
    assert len(compose(ANSWERED, BY_TELEGRAM, OFFICE, told).text.encode("utf-16-le")) // 2 <= 4096


def test_an_address_is_read_back_letter_by_letter():
    assert spelled("Ana.9@x-y.cl", "es") == (
        "a de Ana, n de Nora, a de Ana, punto, nueve, arroba, x de Xilófono, guion, y de Yolanda, punto, "
        "c de Carlos, l de Luis"
    )
    assert spelled("jo_2@é.test", "en").startswith("j as in Juliett, o as in Oscar, underscore, two, at, é, dot")


# --- clients that handle sensitive matters ----------------------------------------------------------------


@pytest.mark.parametrize("recipient", [BY_MAIL, BY_TELEGRAM])
@pytest.mark.parametrize("language", ["es", "en"])
def test_letter_of_a_sensitive_client_bears_a_link_and_no_content(recipient, language):
    summary = replace(ANSWERED, language=language, message="2026/left.wav", caller_name="María Ñandú")
    letter = compose(summary, recipient, OFFICE, replace(WRITTEN, urgent=True))
    sealed = without_content(letter, summary.client_name, language, OFFICE, "https://desk.example.com")
    assert f"https://desk.example.com/portal/calls/{summary.call_id}" in sealed.text
    everything = sealed.subject + sealed.text + sealed.html
    told = ("Ñandú", "cotización", readable_number(summary.caller), summary.caller, summary.secretary)
    assert [each for each in told if each and each in everything] == []
    assert sealed.attachment == ""
    assert set(sealed.acts) <= {Act.SEEN}
    assert (sealed.message_id, sealed.in_reply_to) == (letter.message_id, letter.in_reply_to)


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("y 20 en menos de 5 s", "y 20 en menos de 5_s"),
        ("80 % of them within 20 s (90 %)", "80_% of them within 20_s (90_%)"),
        ("{seconds} s old", "{seconds}_s old"),
        ("3 secretarias, 2 son de 5 minutos", "3 secretarias, 2 son de 5 minutos"),
        ("late by 5 min", "late by 5_min"),
        ("a s", "a s"),
    ],
)
def test_number_and_unit_stay_on_one_line(text: str, shown: str) -> None:
    assert unbroken(text) == shown.replace("_", "\N{NO-BREAK SPACE}")
