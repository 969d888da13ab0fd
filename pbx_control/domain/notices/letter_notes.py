"""Letters to the admin about letters: an address that gets none any more, an attachment that was too large."""

from collections.abc import Mapping
from datetime import datetime
from shlex import quote

from pbx_control.catalogue import InLanguages
from pbx_control.domain.notices.messages import DOCUMENTS, Letter
from pbx_control.domain.notices.notes import AlarmDesk, Note, named, to_admin, warning
from pbx_control.domain.words.sentences import Sentence
from pbx_control.domain.words.wording import NAME_LIMIT, clean_line

# Characters of an address, and of a server's answer, that are shown.
ADDRESS_LIMIT, ANSWER_LIMIT = 120, 300


def compose_given_up(letter: Letter, why: Sentence, at: datetime, desk: AlarmDesk) -> Letter:
    """The letter about an address that no longer works; one for each address and UTC day has the same `message_id`."""
    command = f"pbx-control message resend --to {quote(clean_line(letter.address, ADDRESS_LIMIT))}"
    return _letter(GIVEN_UP[desk.language], "address", command, letter, why, at, desk)


def compose_too_large(letter: Letter, why: Sentence, at: datetime, desk: AlarmDesk) -> Letter:
    """The letter about an attachment that was left out; one for each address and UTC day has the same `message_id`."""
    call = clean_line(letter.call_id or "", NAME_LIMIT)
    command = f"pbx-control recording fetch {call} --message" if _is_message(letter) else ""
    return _letter(TOO_LARGE[desk.language], "large", command, letter, why, at, desk)


def compose_test(at: datetime, desk: AlarmDesk) -> Letter:
    """A letter that only shows whether letters arrive; it goes to `desk.address`."""
    words = TEST[desk.language]
    values = {"office": clean_line(desk.office, NAME_LIMIT)}
    note = Note(
        language=desk.language,
        sign="✉️",
        accent="#1d5fbf",
        subject=words["subject"].format(**values),
        headline=words["headline"],
        title=values["office"],
        paragraphs=(words["what"],),
        footer=words["footer"],
    )
    return to_admin(note, desk, named("test", desk.address, at.isoformat()), at)


def _letter(
    words: Mapping[str, str], kind: str, command: str, letter: Letter, why: Sentence, at: datetime, desk: AlarmDesk
) -> Letter:
    address = clean_line(letter.address, ADDRESS_LIMIT)
    return warning(
        desk,
        at,
        named(kind, letter.channel.value, letter.address, at.date().isoformat()),
        words,
        ("what-call" if letter.call_id else "what", "why", "do"),
        title=address,
        command=command,
        address=address,
        # The subject of a letter about a call names the caller: who may read that, sees it with the call.
        about=clean_line(letter.call_id or letter.subject, ADDRESS_LIMIT),
        file=clean_line(letter.attachment, ADDRESS_LIMIT),
        why=clean_line(why.said(desk.language), ANSWER_LIMIT),
    )


def _is_message(letter: Letter) -> bool:
    return letter.call_id is not None and not letter.attachment.startswith(DOCUMENTS)


TEST = InLanguages(
    {
        "subject": "{office}: test of e-mail",
        "headline": "Test of e-mail",
        "what": "If you read this, the messages of pbx-control reach this address.",
        "footer": "Sent by `pbx-control mail test`.",
    }
)

GIVEN_UP = InLanguages(
    {
        "subject": "{address} gets no messages any more",
        "headline": "An address gets no messages any more",
        "what": "“{about}” could not be delivered to {address}, and will not be tried again.",
        "what-call": "The message about the call {about} could not be delivered to {address}, and will not be tried "
        "again.",
        "why": "The answer was: {why}",
        "do": "Correct the address or tell the client. What did not arrive is in `message list --undelivered`; once "
        "the address works, send it again:",
        "footer": "Sent automatically by pbx-control, once for each address that stops working.",
    }
)

TOO_LARGE = InLanguages(
    {
        "subject": "An attachment was too large for {address}",
        "headline": "An attachment could not be sent",
        "what": "“{about}” went out without its attachment ({file}): it was too large for the mail of {address}.",
        "what-call": "The message about the call {about} went out without its attachment ({file}): it was too large "
        "for the mail of {address}.",
        "why": "The answer was: {why}",
        "do": "The client reads that you keep it and can be asked for it. It is in the folder of the installation.",
        "footer": "Sent automatically by pbx-control, at most one a day for each address.",
    }
)
