"""A letter whose file is gone when it is sent does not say that it is attached."""

from dataclasses import replace
from functools import cache
from html import escape

from pbx_control.domain.notices.invoice_letters import WORDS
from pbx_control.domain.notices.messages import Letter
from pbx_control.domain.notices.phrases import PHRASES
from pbx_control.domain.notices.reports import MISSED


def attachment_gone(letter: Letter) -> Letter:
    """The letter as it is sent without its file; one that never had any stays as it is."""
    if not letter.attachment:
        return letter
    text, html = letter.text, letter.html
    for attached, gone in _gone().items():
        text, html = text.replace(attached, gone), html.replace(escape(attached), escape(gone))
    return replace(letter, attachment="", text=text, html=html)


def attached_sentences() -> list[str]:
    """What letters say of what is attached, in each language."""
    return list(_gone())


@cache
def _gone() -> dict[str, str]:
    """What letters say of what is attached, in each language, and what they say when it is gone."""
    documents = {words["attached"]: words["gone"] for words in (*MISSED.values(), *WORDS.values())}
    return documents | {phrases.attached: phrases.sound_gone for phrases in PHRASES.values()}
