"""Letters about signing in: the link by which somebody sets his password, of which nothing is kept once it is sent; and
that something was changed."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from zoneinfo import ZoneInfo

from pbx_control.catalogue import InLanguages
from pbx_control.domain.notices.messages import Channel, Kind, Letter
from pbx_control.domain.notices.notes import Link, Note, mail_page, mail_text, named
from pbx_control.domain.words.wording import NAME_LIMIT, clean_line, date_and_time

# How long a link is good: for whoever has forgotten his password, and for whoever never had one.
RESET_WITHIN = timedelta(minutes=30)
INVITED_FOR = timedelta(days=3)


@dataclass(frozen=True, slots=True, kw_only=True)
class SignInLink:
    """Who is sent which link."""

    address: str
    name: str  # to sign in with
    client_id: int | None
    firm: str  # of a client's people
    language: str
    url: str
    invited: bool  # he has never had a password
    at: datetime  # aware


def compose_link(link: SignInLink, identity: str, office_name: str) -> Letter:
    """The letter; `identity` tells one link from another, and is no part of it."""
    words = WORDS[link.language]
    office, firm = clean_line(office_name, NAME_LIMIT), clean_line(link.firm, NAME_LIMIT)
    values: dict[str, object] = {"office": office, "firm": firm or office, "name": link.name}
    values |= {"minutes": int(RESET_WITHIN.total_seconds() // 60), "days": INVITED_FOR.days}
    which = "invited" if link.invited else "forgotten"
    note = Note(
        language=link.language,
        sign="",
        accent="#1d5fbf",
        subject=words[f"{which}-subject"].format(**values),
        headline=office,
        title=words[f"{which}-title"].format(**values),
        paragraphs=tuple(words[f"{which}-{part}"].format(**values) for part in ("why", "until")),
        link=Link(link.url, words["press"]),
        afterwards=(words[f"{which}-not-you"].format(**values),),
        footer=words["footer"].format(**values),
    )
    return Letter(
        channel=Channel.EMAIL,
        address=link.address,
        message_id=named("sign-in", identity),
        subject=note.subject,
        text=mail_text(note),
        html=mail_page(note),
        written_at=link.at,
        client_id=link.client_id,
        kind=Kind.INVITE if link.invited else Kind.RESET,
    )


class SignInChange(StrEnum):
    """What was changed of somebody's sign-in."""

    PASSWORD = "password"
    SECOND_FACTOR_ON = "second-factor-on"
    SECOND_FACTOR_OFF = "second-factor-off"
    PASSKEY_ADDED = "passkey-added"
    PASSKEY_REMOVED = "passkey-removed"
    ADDRESS = "address"


@dataclass(frozen=True, slots=True, kw_only=True)
class SignInChanged:
    """Whose sign-in was changed, and when."""

    address: str
    name: str
    user_id: int
    client_id: int | None
    firm: str  # of a client's people
    language: str
    what: SignInChange
    at: datetime  # aware
    zone: ZoneInfo


def compose_change(changed: SignInChanged, office_name: str) -> Letter:
    """The letter; one for each change."""
    words = CHANGED[changed.language]
    office, firm = clean_line(office_name, NAME_LIMIT), clean_line(changed.firm, NAME_LIMIT)
    when = date_and_time(changed.at.astimezone(changed.zone), changed.language)
    values = {"office": office, "firm": firm or office, "name": changed.name, "when": when}
    note = Note(
        language=changed.language,
        sign="",
        accent="#1d5fbf",
        subject=words["subject"].format(**values),
        headline=office,
        title=words[changed.what.value].format(**values),
        paragraphs=(words["who"].format(**values), words["not-you"].format(**values)),
        footer=words["footer"].format(**values),
    )
    return Letter(
        channel=Channel.EMAIL,
        address=changed.address,
        message_id=named("sign-in-changed", str(changed.user_id), changed.what.value, changed.at.isoformat()),
        subject=note.subject,
        text=mail_text(note),
        html=mail_page(note),
        written_at=changed.at,
        client_id=changed.client_id,
    )


CHANGED = InLanguages(
    {
        "subject": "{firm}: the sign-in of {name} was changed",
        "password": "The password was changed",
        "second-factor-on": "The second factor is on",
        "second-factor-off": "The second factor is off",
        "passkey-added": "A passkey was added",
        "passkey-removed": "A passkey was removed",
        "address": "The e-mail address was changed",
        "who": "This is about the user {name} of {firm}; it was done on {when}.",
        "not-you": "If it was not you, tell {office} at once.",
        "footer": "Sent automatically by {office}. Nobody of us will ever ask you for your password.",
    }
)

WORDS = InLanguages(
    {
        "forgotten-subject": "{firm}: a new password for {name}",
        "forgotten-title": "A new password",
        "forgotten-why": "Somebody, probably you, has asked for a new password for the user {name} of {firm}.",
        "forgotten-until": "Set it by this link within {minutes} minutes. It is good once.",
        "forgotten-not-you": "If it was not you, do nothing: the old password stays.",
        "invited-subject": "{firm}: your access to the messages",
        "invited-title": "Your access",
        "invited-why": "You can now read the messages of {firm} on the pages of {office}. Your user is {name}.",
        "invited-until": "Set your password by this link within {days} days. It is good once.",
        "invited-not-you": "If you do not know {firm}, do nothing: without a password nobody gets in.",
        "press": "Set the password",
        "footer": "Sent automatically by {office}. Nobody of us will ever ask you for your password.",
    }
)
