"""Which sound is which: the name of what a caller hears is a pure function of its text and language.

A name is a path under the home without extension (`prompts/spoken/es-0123456789abcdef`): Asterisk adds `.wav` or
`.wav16`, and media/prompts.py sees to it that the files are there.
"""

import re
from collections.abc import Iterable, Mapping
from enum import StrEnum
from functools import lru_cache
from hashlib import sha256

from pbx_control.domain.office import AnnouncementKind, Client
from pbx_control.domain.opening.hours import USUAL_WEEK, Week, parse_week
from pbx_control.domain.opening.overrides import Override, OverrideKind
from pbx_control.domain.opening.speech import hours_in_words
from pbx_control.domain.words.characters import printable
from pbx_control.errors import ClientMistake, Code, Field
from pbx_control.sounds import en, es

LANGUAGES = ("es", "en")
TEXTS = {"es": es, "en": en}

# Raised when a text is pronounced or processed differently from now on: every prompt then gets a new name.
RENDERING = 2
EXTENSIONS = (".wav", ".wav16")  # 8 and 16 kHz, as Asterisk's format_wav names them
LONGEST_TEXT = 1000  # characters: a bit more than a minute of speech
LAST_POSITION = 20

PLACEHOLDERS = ("hours", "name")

Spoken = tuple[str, str, str]
"""(name, text, language) of one sound that is to be spoken."""


# Tones that every Asterisk brings along: for a moment's attention, and for a key that can do nothing now.
BEEP = "asterisk:beep"
REFUSAL = "asterisk:beeperr"


class HouseSound(StrEnum):
    """What the house itself says to callers and contacts, whoever the client is, and to its secretaries."""

    MESSAGE_TAKEN = "message_taken"  # after a message was left, then hung up
    MESSAGE_LOST = "message_lost"  # it could not be recorded, then hung up
    GOODBYE = "goodbye"
    # Before the closed announcement, where a day is closed whatever the weekly hours say.
    HOLIDAY = "holiday"
    CLOSED_TODAY = "closed_today"  # a day of the client's own, which is nobody else's holiday
    CLOSED_NOW = "closed_now"  # the client has closed for some hours
    TIME_IS_UP = "time_is_up"  # the cap on a transferred conversation was reached, then hung up
    # Why a consultation came to nothing: to her, before she goes on talking with the caller.
    CONTACT_BUSY = "contact_busy"
    CONTACT_SILENT = "contact_silent"
    CONTACT_DECLINED = "contact_declined"
    CONTACT_GONE = "contact_gone"
    CONTACT_UNREACHABLE = "contact_unreachable"
    CONTACT_AWAY = "contact_away"
    NOT_ALLOWED = "not_allowed"
    TOO_MANY_CALLS = "too_many_calls"
    FORWARDED_TO_US = "forwarded_to_us"
    NOBODY_SPEAKS_IT = "nobody_speaks_it"
    CALLER_GONE = "caller_gone"


def sound_name(text: str, language: str) -> str:
    """The name of a spoken text: `prompts/spoken/{language}-{16 hexadecimal digits}`."""
    digest = sha256(f"{RENDERING}\n{language}\n{text}".encode("utf-8", "surrogatepass")).hexdigest()
    return f"prompts/spoken/{language}-{digest[:16]}"


def audio_sound(audio: str) -> str:
    """The name of an uploaded sound; `audio` is what `media.prompts.store_upload` gave: `audio/{16 digits}`."""
    return f"prompts/{audio}"


def house_sound(sound: HouseSound, language: str) -> str:
    """The name of one of the house's own sounds."""
    return sound_name(house_text(sound, language), language)


def house_text(sound: HouseSound, language: str) -> str:
    """What that sound says."""
    text: str = TEXTS[language].HOUSE[sound.value]
    return text


@lru_cache(maxsize=256)  # asked for each arriving call
def position_sound(position: int, language: str) -> str:
    """The name of "you are number {position} in line" (1 is next); beyond 20 it says "more than twenty"."""
    return sound_name(position_text(position, language), language)


def position_text(position: int, language: str) -> str:
    """What is said to the caller at that position."""
    texts = TEXTS[language]
    if position > LAST_POSITION:
        return str(texts.POSITION_FAR)
    return str(texts.POSITION.format(number=max(position, 1)))


def announcement_sound(client: Client, kind: AnnouncementKind) -> str:
    """The name of what the client's callers hear for that kind, or "" where nothing is to be played.

    Only `welcome` can be "", for a client that set none, and `recording`, for one whose calls are not recorded.
    """
    own = client.announcement(kind)
    if own and own.audio:
        return audio_sound(own.audio)
    text = announcement_text(client, kind)
    return sound_name(text, client.language) if text else ""


def announcement_text(client: Client, kind: AnnouncementKind) -> str:
    """What is spoken for that kind, with hours and name filled in; "" if nothing is, or an uploaded file is played."""
    own = client.announcement(kind)
    if own and own.audio:
        return ""
    if own and own.text:
        return fill(own.text, client)
    return fill(default_text(kind, client.language, client.week), client) if _has_default(client, kind) else ""


def _has_default(client: Client, kind: AnnouncementKind) -> bool:
    """Whether the house says something for a client that set nothing. Who is recorded is told so, always: to record a
    private conversation without that is punishable (Código Penal 161-A)."""
    if kind is AnnouncementKind.RECORDING:
        return client.recording
    return kind is not AnnouncementKind.WELCOME


def day_off_sound(client: Client, is_holiday: bool) -> str:
    """What is said before the closed announcement on a day that is closed besides the weekly hours: a holiday, or a day
    of the client's own. "" for a client whose closed announcement is an uploaded file: it says what the client wants.
    """
    own = client.announcement(AnnouncementKind.CLOSED)
    if own and own.audio:
        return ""
    return house_sound(HouseSound.HOLIDAY if is_holiday else HouseSound.CLOSED_TODAY, client.language)


def announced_sound(client: Client, said: Override) -> str:
    """The name of the words that callers hear first."""
    return sound_name(announced_text(client, said), client.language)


def announced_text(client: Client, said: Override) -> str:
    """What is spoken of them, with hours and name filled in."""
    return fill(said.text, client)


def default_text(kind: AnnouncementKind, language: str, week: Week) -> str:
    """The house's text for a client that set none, `{hours}` and `{name}` still in it (docs/service.md rule 3)."""
    texts = TEXTS[language]
    if kind is AnnouncementKind.CLOSED and not week:
        return str(texts.CLOSED_ALWAYS)
    return str(texts.ANNOUNCEMENTS[kind.value])


def fill(text: str, client: Client) -> str:
    """The text with the client's `{hours}` in words and its `{name}`; anything else in braces stays as it is.

    In one pass, so that braces in a client's name are not filled in again.
    """
    values: Mapping[str, str] = {"name": client.name, "hours": hours_in_words(client.week, client.language)}
    filled = re.sub(r"\{(hours|name)\}", lambda found: values[found[1]], text)
    # English hours end in "p.m.": no second full stop at the end of a sentence.
    return re.sub(r"\.m\.\.(?!\.)", ".m.", filled)


def check_text(kind: AnnouncementKind | OverrideKind, text: str) -> str:
    """A client's own text for an announcement, or for what callers hear first, tidied (one line, single spaces).

    Raises ClientMistake if there is nothing to speak, if it is too long, or for a placeholder that is not known.
    """
    if any(not printable(character) and not character.isspace() for character in text):
        raise ClientMistake(
            "the {kind} text has characters that cannot be spoken; type it anew",
            Code.BAD_VALUE,
            kind=kind.value,
            field=Field("text"),
        )
    tidy = " ".join(text.split())
    if not any(character.isalnum() for character in re.sub(r"\{\w*\}", "x", tidy)):
        raise ClientMistake(
            "the {kind} text has no words; give the text that callers shall hear",
            Code.EMPTY_VALUE,
            kind=kind.value,
            field=Field("text"),
        )
    if len(tidy) > LONGEST_TEXT:
        raise ClientMistake(
            "the {kind} text has {length} characters, at most {most} are spoken",
            Code.TEXT_TOO_LONG,
            kind=kind.value,
            length=len(tidy),
            most=LONGEST_TEXT,
        )
    _refuse_unknown_placeholders(kind, tidy)
    return tidy


def sounds_of(client: Client) -> list[Spoken]:
    """Every sound that must be spoken for this client, its own texts and the defaults; uploads are not among them."""
    texts = [announcement_text(client, kind) for kind in AnnouncementKind]
    texts += [announced_text(client, one) for one in client.overrides if one.kind is OverrideKind.ANNOUNCED]
    return [(sound_name(text, client.language), text, client.language) for text in texts if text]


def house_sounds(languages: Iterable[str] = LANGUAGES) -> list[Spoken]:
    """Every sound that does not depend on a client, and the defaults that most clients use."""
    return [(sound_name(text, language), text, language) for language in languages for text in _house_texts(language)]


def uploads_of(client: Client) -> list[str]:
    """The names of the client's uploaded sounds."""
    return [audio_sound(announcement.audio) for announcement in client.announcements if announcement.audio]


def _house_texts(language: str) -> list[str]:
    plain_client = Client(id=0, slug="", name="", language=language, week=parse_week([USUAL_WEEK]), recording=True)
    return [
        *(position_text(position, language) for position in range(1, LAST_POSITION + 2)),
        *(house_text(sound, language) for sound in HouseSound),
        *(text for kind in AnnouncementKind if (text := announcement_text(plain_client, kind))),
    ]


def _refuse_unknown_placeholders(kind: AnnouncementKind | OverrideKind, text: str) -> None:
    rest = re.sub(r"\{(hours|name)\}", "", text)
    if "{" in rest or "}" in rest:
        found = re.search(r"\{[^{}]*\}|[{}]", rest)
        raise ClientMistake(
            "the {kind} text has {found}, which is not known: only {known} are filled in",
            Code.BAD_VALUE,
            kind=kind.value,
            found=found[0] if found else "{}",
            known=" ".join(f"{{{name}}}" for name in PLACEHOLDERS),
            field=Field("text"),
        )
