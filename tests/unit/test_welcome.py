"""The welcome letter: both ways of using the number, in either language, and harmless whatever the name is."""

from dataclasses import replace
from datetime import UTC, datetime
from email.headerregistry import Address

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pbx_control.domain.notices.messages import Channel, Recipient
from pbx_control.domain.notices.welcome import Welcome, compose_welcome
from pbx_control.domain.opening.hours import ALWAYS, NEVER, USUAL_WEEK, parse_week
from pbx_control.domain.words.characters import printable
from pbx_control.notify.mail import write

BY_MAIL = Recipient(Channel.EMAIL, "gerencia@andes.example")
BY_TELEGRAM = Recipient(Channel.TELEGRAM, "-1001234")
WELCOME = Welcome(
    order_id=7,
    client_id=1,
    client_name="Clínica Andes",
    language="es",
    timezone="America/Santiago",
    week=parse_week([USUAL_WEEK]),
    numbers=("+56225550101",),
    answered_by=datetime(2026, 11, 23, 14, 30, tzinfo=UTC),
    at=datetime(2026, 11, 23, 13, 30, tzinfo=UTC),
)

TEXT = """\
Bienvenidos a Casa

+56 2 2555 0101

Este es el número fijo de Clínica Andes. Es solo suyo hasta que termine la suscripción, y puede usarlo de dos formas, \
o de ambas.

1. PUBLICARLO

Póngalo en su página web, sus tarjetas de presentación, su publicidad: quien lo marque será atendido como si llamara \
a su oficina.

2. CONSERVAR SU NÚMERO Y DESVIARLO

Si no quiere cambiar de número, desvíe hacia este su teléfono fijo o móvil, y cuantos teléfonos necesite.

Se marca en el teléfono que quiere desviar. El código depende de su compañía telefónica, pero suele ser este; si no \
funciona, pídale a ella el desvío de todas las llamadas a +56 2 2555 0101.

    *21*225550101#    para desviar
    #21#              para quitar el desvío, de la misma manera

QUÉ SIGUE

Con el saludo que acordó con nuestra secretaria empezamos a contestar sus llamadas a más tardar el lunes 23 de \
noviembre de 2026, 11:30. Si desvía un teléfono, hágalo desde entonces.

Apenas termina cada llamada, el mensaje llega a todos sus destinatarios por correo o Telegram.

Puede cambiar el saludo y el protocolo las veces que quiera. Por seguridad, los cambios se piden por escrito, por \
correo o Telegram; no los aceptamos por teléfono.

HORARIO

Atendemos de lunes a viernes de las 9:00 a las 13:00 horas y de las 14:00 a las 18:00 horas, salvo los feriados.

Fuera de ese horario, quien llama escucha una grabación que se lo recuerda.

Mensaje de Casa, que atiende las llamadas de Clínica Andes.
"""


def test_welcome_in_spanish() -> None:
    letter = compose_welcome(WELCOME, BY_MAIL, "Casa")
    assert letter.text == TEXT
    assert letter.subject == "Clínica Andes: su número es +56 2 2555 0101"
    assert letter.client_id == 1


def test_html_says_what_the_text_says() -> None:
    html = compose_welcome(WELCOME, BY_MAIL, "Casa").html
    lines = [line.strip() for line in TEXT.splitlines() if line.strip() and not line.startswith("    ")]
    assert [line for line in lines if line.lower() not in html.lower()] == []
    assert '<html lang="es">' in html
    assert ">*21*225550101#<" in html
    assert ">#21#<" in html


def test_welcome_in_english_by_telegram_is_short_text() -> None:
    letter = compose_welcome(replace(WELCOME, language="en"), BY_TELEGRAM, "Casa")
    assert letter.html == ""
    assert len(letter.text) < 2500
    assert letter.text.startswith("👋 Welcome to Casa\n\n☎️ +56 2 2555 0101\n\n")
    assert "to forward: *21*225550101#\nto stop forwarding, in the same way: #21#" in letter.text
    assert "Monday to Friday from 9:00 a.m. to 1:00 p.m. and from 2:00 p.m. to 6:00 p.m." in letter.text


@pytest.mark.parametrize(
    ("number", "code"),
    [
        ("+56322555010", "*21*322555010#"),
        ("+56912345678", "*21*912345678#"),
        ("+34912345678", "*21*912345678#"),
        ("+12012345678", "*21*2012345678#"),
        ("+442079460000", "*21*02079460000#"),
    ],
)
def test_number_is_filled_in_as_it_is_dialled_in_its_country(number: str, code: str) -> None:
    assert code in compose_welcome(replace(WELCOME, numbers=(number,)), BY_MAIL, "Casa").text


def test_further_numbers_are_named() -> None:
    letter = compose_welcome(replace(WELCOME, numbers=("+56225550101", "+34912345678")), BY_MAIL, "Casa")
    assert "También son suyos: +34 912 34 56 78." in letter.text
    assert letter.text.count("*21*") == 1


@pytest.mark.parametrize(
    ("week", "language", "words"),
    [
        (ALWAYS, "es", "Atendemos las 24 horas, todos los días, también los feriados."),
        (ALWAYS, "en", "We answer 24 hours a day, every day, public holidays included."),
        (NEVER, "es", "Su horario de atención aún está por acordarse."),
        (parse_week(["sat 10:00-14:00"]), "es", "Atendemos los sábados de las 10:00 a las 14:00 horas, salvo los"),
    ],
)
def test_hours_are_told_as_they_are(week: object, language: str, words: str) -> None:
    assert words in compose_welcome(replace(WELCOME, week=week, language=language), BY_MAIL, "Casa").text


def test_a_client_is_welcomed_once_for_each_order() -> None:
    first = compose_welcome(WELCOME, BY_MAIL, "Casa").message_id
    assert compose_welcome(replace(WELCOME, client_name="Otro"), BY_MAIL, "Casa").message_id == first
    assert compose_welcome(replace(WELCOME, order_id=8), BY_MAIL, "Casa").message_id != first
    assert compose_welcome(WELCOME, BY_TELEGRAM, "Casa").message_id != first


HOSTILE = st.text(max_size=80) | st.sampled_from(["<script>x</script>", "a\r\nBcc: x@y", "{client}", "‮evil", "\ud800"])


@given(HOSTILE, HOSTILE)
def test_no_name_does_harm(name: str, office: str) -> None:
    letter = compose_welcome(replace(WELCOME, client_name=name), BY_MAIL, office)
    assert "<script" not in letter.html
    assert printable(letter.subject)
    assert all(printable(char) or char == "\n" for char in letter.text)
    mail = write(letter, Address("Casa", addr_spec="avisos@casa.example"), None)
    assert mail.as_bytes()
    assert "Bcc" not in mail
