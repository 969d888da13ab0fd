"""What is written down now is said later, in the language of whoever reads it."""

import errno
from smtplib import SMTPServerDisconnected

import pytest

from pbx_control.catalogue import counted, translated
from pbx_control.domain.keeping.retention import Trust
from pbx_control.domain.words.sentences import Sentence, kept, read_kept, sentence_of
from pbx_control.errors import ClientMistake, Pesos, Size, Word, reason
from pbx_control.jobs.schedule import DIFFERENCES
from pbx_control.store.erasing import PROVISIONED

LIMIT = 300


@pytest.mark.parametrize(
    "sentence",
    [
        Sentence("files and rows agree"),
        Sentence("[sip] bind is empty"),
        Sentence("issued: {count}", count=2),
        Sentence("failed: {why}", why=Sentence("{file}: {why}", file="a.wav", why=Word("Permission denied"))),
        Sentence("{each}", each=(Sentence("{what}: {count}", what=Word("letters"), count=1), Sentence("{x}", x="y"))),
        Sentence("{price}", price=Pesos(11250)),
        Sentence("{room}", room=Size(63_700_000_000)),
        Sentence("{left} {{braces}}", left=1),
        Sentence(counted("{left} call", "{left} calls", by="left"), left=1),
    ],
    ids=str,
)
def test_sentence_comes_back_from_the_store(sentence: Sentence) -> None:
    assert read_kept(kept(sentence, LIMIT)) == sentence


@pytest.mark.parametrize(
    ("value", "english", "spanish"),
    [
        (Size(63_700_000_000), "63.7 GB", "63,7 GB"),
        (Size(6_000_000), "6 MB", "6 MB"),
        (Size(1_250), "1.2 kB", "1,2 kB"),
        (Size(7), "7 B", "7 B"),
        (12.5, "12.5", "12,5"),
        (Pesos(11250), "CLP 11,250", "$11.250"),
    ],
    ids=str,
)
def test_numbers_are_written_as_the_language_does(value: object, english: str, spanish: str) -> None:
    told = Sentence("{value}", value=value)
    assert [told.said("en"), told.said("es")] == [english, spanish]


def test_sentence_of_one_is_in_the_singular_when_it_comes_back() -> None:
    told = Sentence(counted("{left} call of the bag is left", "{left} calls of the bag are left", by="left"), left=1)
    back = read_kept(kept(told, LIMIT))
    assert [back.said("en"), back.said("es")] == ["1 call of the bag is left", "queda 1 llamada de la bolsa"]


@pytest.mark.parametrize("text", ["", "3 files deleted", "[", "[1", "[1, 2]", '["x"]', '["x", 2]', "{", '["{a}", []]'])
def test_text_of_an_older_version_is_said_as_it_is(text: str) -> None:
    assert str(read_kept(text)) == text


def test_what_a_stranger_said_is_one_harmless_line_and_no_template() -> None:
    answer = "550 {code} no\r\nBcc: x \x00" + "x" * 999
    text = kept(Sentence("the mail server answered {code} {answer}", code=550, answer=answer), LIMIT)
    said = read_kept(text).said("es")
    assert said.startswith("el servidor de correo respondió 550 550 {code} no Bcc: x xxx")
    assert "\n" not in said
    assert len(said) < LIMIT + 50


def test_error_is_told_in_the_readers_language() -> None:
    full = OSError(errno.ENOSPC, "No space left on device", "/srv/pbx")
    error = ClientMistake("{file} cannot be written: {why}", file="/srv/pbx", why=reason(full))
    text = kept(Sentence("failed: {why}", why=sentence_of(error)), LIMIT)
    assert read_kept(text).said("es") == "falló: no se puede escribir /srv/pbx: no queda espacio en el disco"
    assert str(read_kept(text)) == "failed: /srv/pbx cannot be written: No space left on device"


@pytest.mark.parametrize(
    ("error", "why"),
    [
        (TimeoutError(), "timed out"),
        (ConnectionRefusedError(111, "Connect call failed ('127.0.0.1', 25)"), "Connection refused"),
        (SMTPServerDisconnected("Connection unexpectedly closed"), "Connection unexpectedly closed"),
    ],
)
def test_reason_that_a_library_words_itself_has_its_spanish(error: Exception, why: str) -> None:
    assert reason(error) == why
    assert translated(why, "es") != why


def test_every_word_in_a_result_has_its_spanish() -> None:
    words = {*Trust, *DIFFERENCES.values(), *PROVISIONED, "callers", "letters", "reports"}
    # Spanish has no other word for these.
    assert {word for word in words if translated(word, "es") == word} == {"webhooks"}
