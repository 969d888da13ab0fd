"""Letters about letters: what is said instead of an attachment that is too large, and what the office is told."""

from dataclasses import replace
from datetime import timedelta

import pytest
from test_messages import BY_MAIL, BY_TELEGRAM, LEFT_MESSAGE, OFFICE

from pbx_control.domain.notices.letter_notes import compose_given_up, compose_test, compose_too_large
from pbx_control.domain.notices.messages import Letter, compose, without_attachment
from pbx_control.domain.notices.notes import AlarmDesk
from pbx_control.domain.words.sentences import Sentence

DESKS = {language: AlarmDesk("admin@sur.example", language, OFFICE) for language in ("es", "en")}
LETTER = compose(LEFT_MESSAGE, BY_MAIL, OFFICE)
REFERENCE = "pbx-1785766500.12"


@pytest.mark.parametrize("language", ["es", "en"])
def test_message_that_could_not_be_attached_is_nowhere_called_attached(language: str) -> None:
    whole = compose(replace(LEFT_MESSAGE, language=language), BY_MAIL, OFFICE)
    shorter = without_attachment(whole, language, OFFICE)
    sentence = {"es": f"indique la referencia {REFERENCE}.", "en": f"give the reference {REFERENCE}."}[language]
    for text in (shorter.text, shorter.html):
        assert text.count(sentence) == 1
        assert "adjunto" not in text
        assert "attached" not in text
    assert (shorter.attachment, shorter.message_id, shorter.subject) == ("", whole.message_id, whole.subject)


def test_chat_reads_it_below_the_facts() -> None:
    shorter = without_attachment(compose(LEFT_MESSAGE, BY_TELEGRAM, OFFICE), "es", OFFICE)
    assert shorter.text.rstrip().endswith(f"indique la referencia {REFERENCE}.")
    assert shorter.html == ""


def test_document_that_could_not_be_attached_is_kept_by_the_office() -> None:
    invoice = replace(LETTER, attachment="documents/invoices/12.pdf", text="Su boleta.\n", html="<body><p>x</p></body>")
    shorter = without_attachment(invoice, "es", "Sur <b> & Co")
    assert shorter.text.endswith("Sur <b> & Co lo guarda: pídalo.\n")
    assert shorter.html.startswith("<body><p>El archivo es")
    assert "Sur &lt;b&gt; &amp; Co lo guarda" in shorter.html


@pytest.mark.parametrize("language", ["es", "en"])
def test_office_reads_who_gets_nothing_why_and_what_to_do(language: str) -> None:
    alarm = compose_given_up(LETTER, Sentence("550 no such\r\nBcc: x@y.cl"), LETTER.written_at, DESKS[language])
    assert LETTER.address in alarm.subject
    assert "550 no such Bcc: x@y.cl" in alarm.text
    assert f"pbx-control message resend --to {LETTER.address}" in alarm.text


@pytest.mark.parametrize("language", ["es", "en"])
def test_office_reads_what_could_not_be_attached_and_how_to_get_it(language: str) -> None:
    alarm = compose_too_large(LETTER, Sentence("552 too big"), LETTER.written_at, DESKS[language])
    assert LEFT_MESSAGE.message in alarm.text
    assert f"pbx-control recording fetch {REFERENCE} --message" in alarm.text
    document = compose_too_large(
        replace(LETTER, attachment="documents/x.csv"), Sentence("552"), LETTER.written_at, DESKS[language]
    )
    assert "recording fetch" not in document.text


def test_one_alarm_a_day_for_each_address() -> None:
    def name(letter: Letter, days: int) -> str:
        at = letter.written_at + timedelta(days=days)
        return compose_given_up(letter, Sentence("no"), at, DESKS["es"]).message_id

    assert name(LETTER, 0) == name(replace(LETTER, message_id="other"), 0)
    assert len({name(LETTER, 0), name(LETTER, 1), name(replace(LETTER, address="b@c.cl"), 0)}) == 3


@pytest.mark.parametrize("language", ["es", "en"])
def test_each_letter_of_a_test_is_a_new_one(language: str) -> None:
    one, other = (compose_test(LETTER.written_at + timedelta(seconds=seconds), DESKS[language]) for seconds in (0, 1))
    assert OFFICE in one.subject
    assert one.message_id != other.message_id
