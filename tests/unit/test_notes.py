"""Supplements and alarms: what they say in either language, and that no stranger's string does harm in them."""

from dataclasses import replace
from datetime import UTC, datetime
from email.headerregistry import Address

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pbx_control.domain.call.model import Outgoing
from pbx_control.domain.notices.messages import Channel, Recipient, message_id
from pbx_control.domain.notices.notes import AlarmDesk, LimitReached, Supplement, compose_alarm, compose_supplement
from pbx_control.domain.words.characters import printable
from pbx_control.notify.mail import write

AT = datetime(2026, 8, 3, 14, 15, tzinfo=UTC)
BY_MAIL = Recipient(Channel.EMAIL, "gerencia@andes.example")
BY_TELEGRAM = Recipient(Channel.TELEGRAM, "-1001234")
SENDER = Address("Casa", addr_spec="avisos@casa.example")

ADDED = Supplement(
    call_id="pbx-1785766500.12",
    client_id=1,
    client_name="Clínica Andes",
    language="en",
    caller="+56981234567",
    caller_name="Maria Soto",
    text="Her order is 4711.\nShe calls again tomorrow.",
    at=AT,
)
REACHED = LimitReached(
    limit="at_once",
    client_id=1,
    slug="andes",
    client_name="Clínica Andes",
    outgoing=Outgoing("trunk-1", "e164", "CL", "+56225550101", at_once=3, a_day=100),
    contact="Rosa",
    at=AT,
)

ENGLISH_SUPPLEMENT = """\
More about the call

Maria Soto (+56 9 8123 4567)

Her order is 4711.

She calls again tomorrow.

Sent by Casa, who answers the calls of Clínica Andes. It adds to the message before.
Reference: pbx-1785766500.12
"""

SPANISH_ALARM = """\
Límite de llamadas salientes

Clínica Andes

Las llamadas a contactos al mismo tiempo de Clínica Andes (andes) llegaron a su límite: 3.

Una secretaria quiso llamar a Rosa y no pudo.

Si es correcto que llame tanto, suba el límite, por ejemplo al doble:

    pbx-control client set andes --calls-out-at-once 6

Aviso automático de pbx-control en Casa; por cliente, a lo más uno al día.
"""


def test_supplement_in_english_answers_the_first_letter() -> None:
    letter = compose_supplement(ADDED, BY_MAIL, "Casa", message_id(ADDED.call_id, BY_MAIL))
    mail = write(letter, SENDER, None)
    assert letter.text == ENGLISH_SUPPLEMENT
    assert mail["In-Reply-To"] == mail["References"] == f"<{letter.in_reply_to}@casa.example>"
    assert letter.in_reply_to.startswith("call.")
    assert mail["Message-ID"] == f"<{letter.message_id}@casa.example>"


def test_first_letter_of_a_thread_answers_none() -> None:
    mail = write(compose_supplement(ADDED, BY_MAIL, "Casa", ""), SENDER, None)
    assert (mail["In-Reply-To"], mail["References"]) == (None, None)


def test_supplement_by_telegram_is_text_alone() -> None:
    letter = compose_supplement(replace(ADDED, language="es"), BY_TELEGRAM, "Casa", message_id(ADDED.call_id, BY_MAIL))
    assert letter.text == (
        "📝 Clínica Andes: más sobre la llamada de Maria Soto (+56 9 8123 4567)\n\n"
        "Her order is 4711.\n\nShe calls again tomorrow."
    )
    assert letter.html == ""


def test_alarm_in_spanish_tells_how_to_raise_the_limit() -> None:
    letter = compose_alarm(REACHED, AlarmDesk("admin@casa.example", "es", "Casa"))
    assert letter.text == SPANISH_ALARM
    assert "client set andes --calls-out-at-once 6" in letter.html
    assert letter.subject == "Clínica Andes: se alcanzó el límite de llamadas a contactos"


@pytest.mark.parametrize(
    ("language", "words"),
    [
        ("es", "en este día (UTC) llegaron a su límite: 100"),
        ("en", "its limit of calls to contacts on this day (UTC): 100"),
    ],
)
def test_alarm_names_the_daily_limit(language: str, words: str) -> None:
    letter = compose_alarm(replace(REACHED, limit="a_day"), AlarmDesk("admin@casa.example", language, "Casa"))
    assert words in letter.text
    assert "--calls-out-a-day 200" in letter.text


HOSTILE = st.text(max_size=80) | st.sampled_from(["<script>x</script>", "a\r\nBcc: x@y", "{client}", "‮evil", "\ud800"])


@given(HOSTILE, HOSTILE, HOSTILE)
def test_no_strangers_string_does_harm(name: str, text: str, caller: str) -> None:
    added = replace(ADDED, caller_name=name, text=text, caller=caller, client_name=name)
    alarm = compose_alarm(replace(REACHED, client_name=name, contact=text), AlarmDesk("a@b.example", "en", name))
    for letter in (compose_supplement(added, BY_MAIL, name, "call.0"), alarm):
        assert "<script" not in letter.html
        assert all(printable(char) or char == "\n" for char in letter.text)
        assert printable(letter.subject)
        mail = write(letter, SENDER, None)
        assert mail.as_bytes()
        assert "Bcc" not in mail
