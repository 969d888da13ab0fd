"""What a mail of one of a client's people asks for, by its subject line."""

import re
from collections.abc import Mapping
from dataclasses import dataclass

from pbx_control.domain.desk.proposals import Subject
from pbx_control.domain.mail_in.mails import Mail
from pbx_control.domain.words.characters import folded
from pbx_control.errors import ClientMistake, Code

# In small letters without accents, in both languages, whatever the client's.
WORDS: Mapping[str, Subject] = {
    "saludo": Subject.GREETING,
    "greeting": Subject.GREETING,
    "protocolo": Subject.PROTOCOL,
    "protocol": Subject.PROTOCOL,
}
_ANSWERS = re.compile(r"(?:(?:re|rv|fw|fwd|res|r)\s*(?:\[\d{1,3}\])?\s*:\s*)+")
_WISH = re.compile(rf"({'|'.join(WORDS)})\b[\s:,–—-]*(.*)")


@dataclass(frozen=True, slots=True)
class Wish:
    """What is to be changed, and for which client; `client` is what the subject says of it, folded, or ""."""

    subject: Subject
    client: str


def wish_of(subject: str) -> Wish | None:
    """What a subject line asks for; None if it asks for nothing that we know."""
    line = folded(subject)
    if answered := _ANSWERS.match(line):
        line = line[answered.end() :]
    found = _WISH.fullmatch(line)
    return Wish(WORDS[found[1]], found[2].strip()) if found else None


def content_of(mail: Mail, subject: Subject) -> str:
    """The new greeting, or the protocol's file. Raises ClientMistake if the mail has none, or several."""
    if subject is Subject.GREETING:
        if mail.text is None:
            raise ClientMistake("the mail has no plain text: write the greeting as plain text", Code.NOT_BY_MAIL)
        return mail.text
    files = [one for one in mail.files if one.name.lower().endswith(".toml")]
    if len(files) != 1:
        raise ClientMistake("attach one file with the protocol, its name ending in .toml", Code.NOT_BY_MAIL)
    if files[0].content is None:
        raise ClientMistake("{file} is no text in UTF-8: save it as one", Code.BAD_FILE, file=files[0].name)
    return files[0].content
