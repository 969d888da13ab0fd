"""Who else processes a client's data on our behalf, and what differs between two lists of them."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from ipaddress import ip_address

from pbx_control.catalogue import InLanguages
from pbx_control.domain.words.wording import LOCALES

LONGEST_NAME, LONGEST_PURPOSE = 80, 200
TELEGRAM, GOOGLE = "Telegram", "Google"


class Does(StrEnum):
    """What the settings and the client's numbers and people show that somebody does for us."""

    MAIL = "mail"
    MAILBOX = "mailbox"
    TELEGRAM = "telegram"
    CALENDAR = "calendar"
    CARRIER = "carrier"


# By this the audit trail knows what is for all clients.
EVERYBODY = "*"
PURPOSES = InLanguages(
    {
        Does.MAIL.value: "delivers our letters and messages by e-mail",
        Does.MAILBOX.value: "keeps the mailbox that you write to",
        Does.TELEGRAM.value: "delivers messages to your chats",
        Does.CALENDAR.value: "keeps your calendar, in which your appointments stand",
        Does.CARRIER.value: "carries the telephone calls",
    }
)


CARRIER = InLanguages("Telephone company (here called “{name}”)")


@dataclass(frozen=True, slots=True)
class Subprocessor:
    """One of them. `does` is None for one that only the register knows; `purpose` is what the register says, if it
    says anything; `country` ISO 3166, "" where nobody has said it."""

    name: str
    does: Does | None = None
    purpose: str = ""
    country: str = ""

    def purpose_in(self, language: str) -> str:
        """What it is for."""
        return self.purpose or (PURPOSES[language][self.does.value] if self.does else "")

    def called(self, language: str) -> str:
        """Its name; of a carrier that no register describes, that the name is only the trunk's here."""
        is_trunk = self.does is Does.CARRIER and not self.purpose
        return CARRIER[language].format(name=self.name) if is_trunk else self.name

    def line(self, language: str) -> str:
        """All of it: "Bodega SpA: keeps copies (Chile)"."""
        told = ": ".join(filter(None, (self.called(language), self.purpose_in(language))))
        return f"{told} ({country_in(self.country, language)})" if self.country else told


@dataclass(frozen=True, slots=True)
class Difference:
    """What has become of a list."""

    new: Sequence[Subprocessor]
    gone: Sequence[Subprocessor]
    changed: Sequence[Subprocessor]  # as they are now

    def __bool__(self) -> bool:
        return bool(self.new or self.gone or self.changed)


def country_in(country: str, language: str) -> str:
    """A country's name in that language; its letters, if it has none there."""
    # Imported here: few commands name a country.
    from babel import Locale

    name: str = Locale.parse(LOCALES[language]).territories.get(country, country)
    return name


def is_elsewhere(host: str) -> bool:
    """Whether the host of a setting is another machine than this one."""
    if host in ("", "localhost"):
        return False
    try:
        return not ip_address(host).is_loopback
    except ValueError:
        return True


def merged(by_facts: Iterable[Subprocessor], registered: Iterable[Subprocessor]) -> list[Subprocessor]:
    """One list, by name. An entry of the register completes the one of the same name; of two, the last counts."""
    found = {one.name.casefold(): one for one in by_facts}
    for entry in registered:
        there = found.get(entry.name.casefold(), entry)
        found[entry.name.casefold()] = replace(there, purpose=entry.purpose, country=entry.country)
    return [found[name] for name in sorted(found)]


def difference(old: Iterable[Subprocessor], new: Iterable[Subprocessor]) -> Difference:
    """What is new in the second list, gone from the first, or told otherwise."""
    before, after = ({one.name.casefold(): one for one in each} for each in (old, new))
    return Difference(
        new=[one for name, one in after.items() if name not in before],
        gone=[one for name, one in before.items() if name not in after],
        changed=[one for name, one in after.items() if name in before and before[name] != one],
    )
