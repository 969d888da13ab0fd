"""What an admin may write into each field: every check gives the value back tidied, or says what is wrong with it.

Generated configuration is filtered again where it is rendered; here a person learns it before anything is kept.
"""

import re
from datetime import timedelta
from difflib import get_close_matches
from functools import cache
from ipaddress import ip_network
from string import Formatter
from types import ModuleType

from pbx_control.domain.words.characters import category, without_unseen
from pbx_control.domain.words.wording import clean_line
from pbx_control.errors import ClientMistake, Code, Field

LANGUAGES = ("es", "en")
CODECS = ("alaw", "ulaw", "g722", "gsm")

_SLUG = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,38}[a-z0-9])?")
_HOST = re.compile(r"(?=.{1,253}(?::|$))[A-Za-z0-9](?:[A-Za-z0-9.-]*[A-Za-z0-9])?(?::([0-9]{1,5}))?")
_SIP_WORD = re.compile(r"[A-Za-z0-9._~!$%^*+=@/-]+")
_TELEGRAM = re.compile(r"-?[0-9]{1,19}|@[A-Za-z][A-Za-z0-9_]{4,31}")
_CERTIFICATE = re.compile(r"-----BEGIN CERTIFICATE-----[A-Za-z0-9+/=\s]+-----END CERTIFICATE-----")
# Of a file of certificates, bytes: the whole internet's fill some 200 kB.
MOST_CERTIFICATES = 1 << 20
_THIS_MACHINE = "localhost"
LONGEST_REASON = 300  # characters
_DURATION = re.compile(r"([0-9]{1,5}) ?(s|m|min|h)?")
_SECONDS = {"s": 1, "m": 60, "min": 60, "h": 3600}


def line(value: str, field: str, longest: int = 80) -> str:
    """A name or the like: one line of printable characters, spaces at the ends and doubled ones dropped."""
    value = without_unseen(value)
    if any(_is_control(character) for character in value):
        raise ClientMistake(
            "{field} holds a line break or another control character: leave it out", Code.BAD_VALUE, field=Field(field)
        )
    tidy = " ".join(value.split())
    if not tidy:
        raise ClientMistake("{field} is empty: write something", Code.EMPTY_VALUE, field=Field(field))
    return _not_too_long(tidy, field, longest)


def reason(why: str) -> str:
    """A person's reason as it is kept, for whoever asks later. Raises ClientMistake if there is none."""
    kept = clean_line(why, LONGEST_REASON)
    if not kept:
        raise ClientMistake("{field} is empty: say why, for whoever asks later", Code.EMPTY_VALUE, field=Field("why"))
    return kept


def paragraph(value: str, field: str, longest: int = 2000, places: tuple[str, ...] | None = ()) -> str:
    """A text that is spoken or read out; line breaks are allowed, and {places} that are filled in later.

    `places` None: nothing is filled in, braces are text.
    """
    text = without_unseen(value).replace("\r\n", "\n").strip()
    if any(_is_control(character) and character not in "\n\t" for character in text):
        raise ClientMistake("{field} holds a control character: leave it out", Code.BAD_VALUE, field=Field(field))
    if not text:
        raise ClientMistake("{field} is empty: write something", Code.EMPTY_VALUE, field=Field(field))
    if places is not None:
        _only_known_places(text, field, places)
    return _not_too_long(text, field, longest)


def slug(value: str) -> str:
    """A short name for commands and files: small letters, digits and hyphens, at most 40, not digits alone."""
    if not _SLUG.fullmatch(value) or value.isdecimal():
        raise ClientMistake(
            "{value} cannot be a short name: use 1 to 40 small letters, digits and hyphens, like andes-norte",
            Code.BAD_VALUE,
            value=_shown(value),
            field=Field("name"),
        )
    return value


def language(value: str) -> str:
    if value not in LANGUAGES:
        raise ClientMistake(
            "the language {value} is not spoken here: write es or en",
            Code.BAD_VALUE,
            value=_shown(value),
            field=Field("language"),
        )
    return value


def languages(value: str) -> tuple[str, ...]:
    """Languages written with commas, the first being her best: "es,en"."""
    return tuple(dict.fromkeys(language(word.strip()) for word in value.split(",")))


def timezone(value: str) -> str:
    """A zone of the IANA list. Machines have more files: `localtime` is another one elsewhere, `right/…` counts leap
    seconds, and Asterisk would take one that it does not know for UTC without a word."""
    if value not in _zones():
        near = get_close_matches(value[:40], _zones(), n=1, cutoff=0.7)
        raise ClientMistake(
            "there is no time zone {value}: write one like {near}",
            Code.BAD_VALUE,
            value=_shown(value),
            near=near[0] if near else "America/Santiago",
            field=Field("timezone"),
        )
    return value


@cache
def _zones() -> frozenset[str]:
    from importlib import resources  # imported here, as only one option needs it

    names = resources.files("tzdata").joinpath("zones").read_text().split()
    return frozenset(names) - {"Factory"}  # what a machine has that nobody has told where it stands


def rut(value: str) -> str:
    """A Chilean tax number with its check digit, as 76.086.428-5. "" takes it away."""
    if not value:
        return ""
    # Imported here, as only one option needs it.
    from stdnum.cl import rut as chilean
    from stdnum.exceptions import ValidationError

    try:
        return str(chilean.format(chilean.validate(value)))
    except ValidationError:
        raise ClientMistake(
            "{value} is no RUT: its check digit or its length is wrong; write it like 76.086.428-5",
            Code.BAD_VALUE,
            value=_shown(value),
            field=Field("rut"),
        ) from None


def email(value: str) -> str:
    """An e-mail address that a letter can carry, with its domain in small letters and as people read it (ñandú.cl).

    Raises ClientMistake for a domain without a dot, too: no mail server of the world would find it.
    """
    normal = email_in_house(value)
    domain = normal.rpartition("@")[2]
    if "." not in domain and domain != _THIS_MACHINE:
        raise ClientMistake(
            "the domain of {value} has no dot, so no letter arrives there: write all of it, like ventas@andes.cl",
            Code.BAD_VALUE,
            value=_shown(value),
            field=Field("email"),
        )
    return normal


def email_in_house(value: str) -> str:
    """The same for an address of the office's own settings: its mail server may know a host by its bare name."""
    normal, _ = _mailbox(value)
    return normal


def wire_email(value: str) -> str:
    """The same address as mail servers write it, in ASCII: ventas@xn--and-6ma2c.cl."""
    _, ascii_form = _mailbox(value)
    return ascii_form


def _mailbox(value: str) -> tuple[str, str]:
    """An address for people and one for mail servers: taking and sending ask the same question."""
    library = _email_validator()
    try:
        found = library.validate_email(
            value, allow_smtputf8=False, globally_deliverable=False, check_deliverability=False
        )
    except library.EmailNotValidError:
        raise ClientMistake(
            "{value} is no e-mail address: write one like ventas@andes.cl",
            Code.BAD_VALUE,
            value=_shown(value),
            field=Field("email"),
        ) from None
    assert found.ascii_email is not None  # the part before the @ is ASCII
    return found.normalized, found.ascii_email


@cache
def _email_validator() -> ModuleType:
    # Imported here: it takes 60 ms, and few commands need it.
    import email_validator

    # An office may have mail that stays in the house. The library's manual names this list for that.
    for domain in ("localhost", "local", "test"):
        email_validator.SPECIAL_USE_DOMAIN_NAMES.remove(domain)
    return email_validator


def telegram(value: str) -> str:
    """A Telegram chat: its number (negative for groups) or the @name of a channel."""
    if not _TELEGRAM.fullmatch(value):
        raise ClientMistake(
            "{value} is no Telegram chat: write its number, like 123456789, or a channel's @name",
            Code.BAD_VALUE,
            value=_shown(value),
            field=Field("telegram"),
        )
    return value


def addresses(values: tuple[str, ...]) -> tuple[str, ...]:
    """The addresses or networks a carrier sends from, each an IP address or a network like 200.1.2.0/24."""
    return tuple(_network(word) for value in values for word in value.split(","))


def host(value: str) -> str:
    """HOST or HOST:PORT, a name or an IPv4 address; "" for none."""
    match = _HOST.fullmatch(value)
    if value and (match is None or not 0 < int(match[1] or 5060) < 65536):
        raise ClientMistake(
            "{value} is no host: write HOST or HOST:PORT, like sip.example.cl:5060",
            Code.BAD_VALUE,
            value=_shown(value),
            field=Field("host"),
        )
    return value


def sip_word(value: str, field: str) -> str:
    """A SIP user name or password as a carrier gives it: ASCII without spaces, quotes or characters of syntax."""
    if value and (not _SIP_WORD.fullmatch(value) or len(value) > 80):
        raise ClientMistake(
            "{field} holds a character that cannot be used: only letters, digits and . _ ~ ! $ % ^ * + = @ / -",
            Code.BAD_VALUE,
            field=Field(field),
        )
    return value


def certificates(content: bytes, file: object) -> str:
    """The certificates (PEM) in a file's content, at least one; nothing else of it. `file` is its name, for errors."""
    # Imported here, as only one option needs it.
    import ssl

    found = _CERTIFICATE.findall(content.decode("ascii", "replace")) if len(content) <= MOST_CERTIFICATES else []
    try:
        for one in found:
            ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT).load_verify_locations(cadata=one)
    except (ssl.SSLError, ValueError):
        found = []
    if not found:
        raise ClientMistake(
            "{file} has no certificates in it, or broken ones: give the PEM file of who vouches for the carrier",
            Code.BAD_FILE,
            file=file,
            field=Field("ca"),
        )
    return "\n".join(found) + "\n"


def country(value: str) -> str:
    """A country's two letters that has telephone numbers, as ISO 3166 writes it."""
    # Imported here: the package is large and few commands need it.
    from phonenumbers import SUPPORTED_REGIONS

    if value.upper() not in SUPPORTED_REGIONS:
        raise ClientMistake(
            "there is no country {value}: write two letters, like CL",
            Code.BAD_VALUE,
            value=_shown(value),
            field=Field("country"),
        )
    return value.upper()


def codecs(value: str) -> tuple[str, ...]:
    """Codecs written with commas, the preferred one first: "alaw,ulaw"."""
    names = tuple(dict.fromkeys(word.strip() for word in value.split(",")))
    unknown = [name for name in names if name not in CODECS]
    if unknown:
        raise ClientMistake(
            "there is no codec {value} here: write some of {codecs}",
            Code.BAD_VALUE,
            value=_shown(unknown[0]),
            codecs=", ".join(CODECS),
            field=Field("codecs"),
        )
    return names


def duration(value: str, field: str, least: int, most: int) -> timedelta:
    """A duration written as 90s, 2m or 1h, within its limits in seconds; without a unit nobody knows which is meant."""
    match = _DURATION.fullmatch(value.strip().lower())
    if match and int(match[1]) and not match[2]:
        raise ClientMistake(
            "{field}: {number} of what? Write {number}s for seconds, {number}m for minutes, or {number}h for hours",
            Code.BAD_VALUE,
            field=Field(field),
            number=match[1],
        )
    seconds = int(match[1]) * _SECONDS[match[2] or "s"] if match else -1
    if not least <= seconds <= most:
        raise ClientMistake(
            "{field} {value} is no duration from {least} to {most} seconds: write it like 90s, 2m or 1h",
            Code.BAD_VALUE,
            field=Field(field),
            value=_shown(value),
            least=least,
            most=most,
        )
    return timedelta(seconds=seconds)


def _network(word: str) -> str:
    try:
        network = ip_network(word.strip())
    except ValueError:
        raise ClientMistake(
            "{value} is no address: write an IP address, like 200.1.2.3, or a network, like 200.1.2.0/24",
            Code.BAD_VALUE,
            value=_shown(word),
            field=Field("match"),
        ) from None
    if network.prefixlen == 0:
        raise ClientMistake(
            "{value} would let everybody in: name the carrier's own addresses",
            Code.BAD_VALUE,
            value=_shown(word),
            field=Field("match"),
        )
    return str(network.network_address) if network.num_addresses == 1 else str(network)


def _only_known_places(text: str, field: str, places: tuple[str, ...]) -> None:
    known = ", ".join("{" + place + "}" for place in places) or "–"
    try:
        found = [(name, form, how) for _, name, form, how in Formatter().parse(text) if name is not None]
    except ValueError:
        raise ClientMistake(
            "{field} has a brace without its pair; filled in is only: {known}",
            Code.BAD_VALUE,
            field=Field(field),
            known=known,
        ) from None
    for name, form, how in found:
        if name not in places or form or how:
            raise ClientMistake(
                "{field} has {place}, which is not filled in; what is: {known}",
                Code.BAD_VALUE,
                field=Field(field),
                place="{" + name + "}",
                known=known,
            )


def _is_control(character: str) -> bool:
    # Cc: control, Cf: invisible marks (but for the joiner within emoji), Cs/Co/Cn: no characters, Zl/Zp: line ends
    return category(character) in ("Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp") and character != "\u200d"


def _not_too_long(value: str, field: str, longest: int) -> str:
    if len(value) > longest:
        raise ClientMistake(
            "{field} is too long: {length} characters, at most {longest}",
            Code.VALUE_TOO_LONG,
            field=Field(field),
            length=len(value),
            longest=longest,
        )
    return value


def _shown(value: str) -> str:
    """A refused value as an error line may carry it."""
    return repr(value if len(value) <= 40 else value[:40] + "…")
