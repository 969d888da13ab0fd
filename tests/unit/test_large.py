"""A letter whose file is too large says so, and where it is to be had."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from test_messages import BY_MAIL, BY_TELEGRAM, LEFT_MESSAGE, OFFICE

from pbx_control.domain.notices.large import LargeFile, end_of_link, letter_of, token_of, with_link
from pbx_control.domain.notices.messages import compose

LETTER = compose(LEFT_MESSAGE, BY_MAIL, OFFICE)
ENDS_AT = datetime(2026, 12, 24, 9, 0, tzinfo=ZoneInfo("America/Santiago"))
URL = "https://desk.example.com/files/7-abc"
FILE = LargeFile(size=31_000_000, url=URL, ends_at=ENDS_AT)
SAYS = {
    "es": "La grabación pesa 31 MB, demasiado para este mensaje. Puede descargarla hasta el jueves 24 de diciembre de "
    "2026, 09:00:",
    "en": "The recording has 31 MB, too much for this letter. You can download it until Thursday 24 December 2026, "
    "09:00:",
}


@pytest.mark.parametrize("language", ["es", "en"])
def test_a_mail_has_the_link_where_it_spoke_of_the_attachment(language: str) -> None:
    whole = compose(replace(LEFT_MESSAGE, language=language), BY_MAIL, OFFICE)
    linked = with_link(whole, FILE, language)
    assert f"\n\n{SAYS[language]}\n{URL}\n\n" in linked.text
    assert f'{SAYS[language]} <a href="{URL}"' in linked.html
    for text in (linked.text, linked.html):
        assert "adjunto" not in text
        assert "attached" not in text
    assert (linked.attachment, linked.message_id, linked.subject) == ("", whole.message_id, whole.subject)


def test_a_chat_reads_it_below_the_facts() -> None:
    linked = with_link(compose(LEFT_MESSAGE, BY_TELEGRAM, OFFICE), FILE, "es")
    assert linked.text.endswith(f"\n\n{SAYS['es']}\n{URL}\n")
    assert linked.html == ""


@pytest.mark.parametrize("language", ["es", "en"])
def test_without_pages_it_says_in_one_line_where_to_look(language: str) -> None:
    whole = replace(compose(replace(LEFT_MESSAGE, language=language), BY_MAIL, OFFICE), call_id="pbx-1.2")
    linked = with_link(whole, replace(FILE, url=""), language)
    says = {
        "es": "La grabación pesa 31 MB, demasiado para este mensaje. Está en el portal, en la llamada pbx-1.2.",
        "en": "The recording has 31 MB, too much for this letter. It is in the portal, with the call pbx-1.2.",
    }[language]
    assert says in linked.text
    assert says in linked.html
    assert "/files/" not in linked.text + linked.html


def test_a_document_of_which_the_letter_says_nothing_comes_at_its_beginning() -> None:
    invoice = replace(LETTER, attachment="documents/invoices/12.pdf", text="Su boleta.\n", html="<body><p>x</p></body>")
    linked = with_link(invoice, FILE, "es")
    assert linked.text.startswith("Su boleta.\n\nEl archivo pesa 31 MB")
    assert linked.html.startswith("<body><p>El archivo pesa 31 MB")


def test_a_token_is_of_one_letter_and_one_instant() -> None:
    token = token_of("key", 7, ENDS_AT)
    assert letter_of(token) == 7
    others = [token_of("other", 7, ENDS_AT), token_of("key", 8, ENDS_AT), token_of("key", 7, ENDS_AT.replace(minute=1))]
    assert len({token, *others}) == 4
    assert [letter_of(wrong) for wrong in ("", "-", "x-1", "-7", "٣-a", "9" * 99)] == [None] * 6


def _days(*numbers: float) -> list[timedelta]:
    return [timedelta(days=number) for number in numbers]


@pytest.mark.parametrize(
    ("pauses", "days"),
    [
        ([], 7),
        ([(1, 3)], 9),
        ([(1, 3), (2, 4)], 10),  # each instant once
        ([(5, 6), (1, 3)], 10),
        ([(6, 9), (9, 10)], 11),  # what was left when it ended goes on
        ([(-3, 1)], 8),
        ([(-3, -1)], 7),
        ([(7, 9)], 7),  # it was over by then
        ([(1, 5), (2, 3)], 11),
    ],
)
def test_a_link_s_pauses_do_not_count(pauses: list[tuple[float, float]], days: int) -> None:
    begins = datetime(2026, 8, 3, tzinfo=UTC)
    life, after = _days(7, days)
    whole = [(begins + since, begins + until) for since, until in (_days(*one) for one in pauses)]
    assert end_of_link(begins, life, whole) == begins + after
