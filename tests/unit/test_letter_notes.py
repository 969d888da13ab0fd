"""Letters about letters: what is said instead of an attachment that is too large, and what the office is told."""

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta

import pytest
from test_messages import BY_MAIL, LEFT_MESSAGE, OFFICE

from pbx_control.domain.notices.letter_notes import compose_given_up, compose_test, compose_too_large
from pbx_control.domain.notices.messages import Letter, compose
from pbx_control.domain.notices.notes import AlarmDesk
from pbx_control.domain.words.sentences import Sentence

DESKS = {language: AlarmDesk("admin@sur.example", language, OFFICE) for language in ("es", "en")}
LETTER = compose(LEFT_MESSAGE, BY_MAIL, OFFICE)


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
    assert "pbx-control recording fetch pbx-1785766500.12 --message" in alarm.text
    document = compose_too_large(
        replace(LETTER, attachment="documents/x.csv"), Sentence("552"), LETTER.written_at, DESKS[language]
    )
    assert "recording fetch" not in document.text


@pytest.mark.parametrize("language", ["es", "en"])
@pytest.mark.parametrize("composed", [compose_given_up, compose_too_large])
def test_office_reads_of_which_call_it_was_and_no_word_of_it(language: str, composed: Callable[..., Letter]) -> None:
    """The caller's name would outlive his erasure there, and be read while his data is blocked."""
    alarm = composed(LETTER, Sentence("550"), LETTER.written_at, DESKS[language])
    for text in (alarm.subject, alarm.text, alarm.html):
        assert LETTER.subject not in text
        assert "María" not in text
    assert str(LETTER.call_id) in alarm.text
    report = replace(LETTER, call_id=None, subject="Andes: 3 missed calls")
    assert report.subject in composed(report, Sentence("550"), LETTER.written_at, DESKS[language]).text


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
