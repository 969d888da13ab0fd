"""What a carrier's call offers of sound (SDP), and why its trunk does not take it."""

from collections.abc import Iterator
from dataclasses import dataclass
from email.message import Message
from email.parser import BytesParser
from re import IGNORECASE, compile
from urllib.parse import unquote

from pbx_control.domain.office import Trunk

# What RFC 3551 gives a number of its own, so that no rtpmap need name it.
_FIXED = {"0": "PCMU", "3": "GSM", "4": "G723", "8": "PCMA", "9": "G722", "18": "G729"}
_NAMES = {"alaw": "PCMA", "ulaw": "PCMU", "g722": "G722", "gsm": "GSM"}
_USER = compile(r"(?:sips?|tel):([^@;>\s]*)", IGNORECASE)
_NOT_SHOWN = compile(r"[^0-9A-Za-z+*#.-]")
LONGEST_NUMBER = 32


@dataclass(frozen=True, slots=True)
class Sound:
    """One offered stream of sound: the profile of its m= line, and its codecs by their names in SDP."""

    profile: str
    codecs: tuple[str, ...]

    @property
    def encrypted(self) -> bool:
        return "SAVP" in self.profile


@dataclass(frozen=True, slots=True)
class Invite:
    """An INVITE, as far as a refusal needs it."""

    requested: str  # the user of its Request-URI
    to: str  # the user of To
    begins: bool  # a call; else it changes one
    cseq: str
    sounds: tuple[Sound, ...]

    def asked_for(self, trunk: Trunk) -> str:
        """The number, as it was dialled, in harmless characters."""
        number = self.to if trunk.did_from == "to" else self.requested
        return _NOT_SHOWN.sub("", number)[:LONGEST_NUMBER]


def read_invite(message: bytes) -> Invite:
    """Reads an INVITE; what is missing in it is empty."""
    first, _, rest = message.partition(b"\r\n")
    headers = BytesParser().parsebytes(rest, headersonly=True)
    to = _header(headers, "To", "t")
    body = rest.partition(b"\r\n\r\n")[2].decode(errors="replace")
    return Invite(
        _user(first.decode(errors="replace")), _user(to), "tag=" not in to, cseq_of(headers), tuple(_sounds(body))
    )


def read_cseq(message: bytes) -> str:
    """The CSeq of a request or answer: an answer has its request's."""
    return cseq_of(BytesParser().parsebytes(message.partition(b"\r\n")[2], headersonly=True))


def cseq_of(headers: Message) -> str:
    return " ".join(_header(headers, "CSeq").split())


def why_refused(sounds: tuple[Sound, ...], trunk: Trunk) -> str:
    """The reason why a trunk refuses such an offer with 488, as `domain.refused` has it."""
    if not sounds:
        return "no-audio"
    if all("TLS" in sound.profile for sound in sounds):
        return "dtls"
    if trunk.encryption == "required" and not any(sound.encrypted for sound in sounds):
        return "unencrypted"
    if trunk.encryption == "off" and all(sound.encrypted for sound in sounds):
        return "encrypted"
    ours = {_NAMES[codec] for codec in trunk.codecs if codec in _NAMES}
    return "offer" if any(ours & set(sound.codecs) for sound in sounds) else "no-codec"


def _sounds(sdp: str) -> Iterator[Sound]:
    """The streams of sound in an SDP that are not switched off (port 0)."""
    for block in sdp.replace("\r\n", "\n").split("\nm=")[1:]:
        lines = block.split("\n")
        kind, port, profile, *payloads = [*lines[0].split(), "", "", ""]
        if kind == "audio" and port.partition("/")[0] != "0":
            named = dict(line[9:].split(" ", 1) for line in lines if line.startswith("a=rtpmap:") and " " in line)
            codecs = (named.get(payload, _FIXED.get(payload, "")) for payload in payloads)
            yield Sound(profile.upper(), tuple(codec.partition("/")[0].upper() for codec in codecs if codec))


def _header(headers: Message, *names: str) -> str:
    found = (str(headers[name]) for name in names if headers[name] is not None)
    return next(found, "")


def _user(uri: str) -> str:
    match = _USER.search(uri)
    return unquote(match[1]) if match else ""
