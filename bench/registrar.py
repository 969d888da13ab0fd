"""Registers telephones by REGISTER with digest authentication (RFC 3261 section 22, RFC 2617), many in a moment."""

import hashlib
import re
import socket
from collections.abc import Iterable
from dataclasses import dataclass

# The longest that the switch grants (pjsip.conf, `place`), seconds.
EXPIRES = 600
ANSWER_TIMEOUT = 3.0
TRIES = 3


@dataclass(frozen=True, slots=True)
class Account:
    """A telephone's SIP user and password."""

    user: str
    password: str


class NotRegistered(Exception):
    """The switch did not take a telephone's REGISTER."""


def register(accounts: Iterable[Account], switch: tuple[str, int], phones: tuple[str, int]) -> None:
    """Registers each account at the switch with one contact, `phones`: the socket that will take their calls.

    The REGISTERs leave from there, too, since the switch takes the source for the contact. Raises NotRegistered.
    """
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as wire:
        wire.bind(phones)
        wire.connect(switch)
        wire.settimeout(ANSWER_TIMEOUT)
        for serial, account in enumerate(accounts):
            _register(wire, account, f"telephone{serial}")


def _register(wire: socket.socket, account: Account, call_id: str) -> None:
    challenge = _ask(wire, account, call_id, 1, "")
    answer = _ask(wire, account, call_id, 2, _authorization(account, challenge, f"sip:{wire.getpeername()[0]}"))
    if not answer.startswith("SIP/2.0 200"):
        raise NotRegistered(f"{account.user}: {answer.partition(chr(13))[0]}")


def _ask(wire: socket.socket, account: Account, call_id: str, cseq: int, authorization: str) -> str:
    """Sends a REGISTER, again if it is lost, and returns the final answer."""
    (host, _), (address, port) = wire.getpeername(), wire.getsockname()
    lines = [
        f"REGISTER sip:{host} SIP/2.0",
        f"Via: SIP/2.0/UDP {address}:{port};rport;branch=z9hG4bK{call_id}-{cseq}",
        f"From: <sip:{account.user}@{host}>;tag={call_id}",
        f"To: <sip:{account.user}@{host}>",
        f"Call-ID: {call_id}",
        f"CSeq: {cseq} REGISTER",
        f"Contact: <sip:{account.user}@{address}:{port}>",
        f"Expires: {EXPIRES}",
        "Max-Forwards: 70",
        *([authorization] if authorization else []),
        "Content-Length: 0",
    ]
    for _ in range(TRIES):
        wire.send("\r\n".join([*lines, "", ""]).encode())
        if answer := _answer(wire, call_id, cseq):
            return answer
    raise NotRegistered(f"{account.user}: the switch does not answer")


def _answer(wire: socket.socket, call_id: str, cseq: int) -> str:
    """The final answer to that request, or "" if none comes; the switch's OPTIONS in between are answered."""
    try:
        while True:
            message = wire.recv(65535).decode(errors="replace")
            if message.startswith("OPTIONS "):
                wire.send(_alive(message).encode())
            ours = f"Call-ID: {call_id}\r\n" in message and f"CSeq: {cseq} REGISTER" in message
            if ours and not message.startswith("SIP/2.0 1"):
                return message
    except TimeoutError:
        return ""


def _alive(options: str) -> str:
    """200 to the switch's question whether the telephone is there (RFC 3261 section 8.2.6)."""
    kept = ("Via:", "From:", "To:", "Call-ID:", "CSeq:")
    headers = [line for line in options.split("\r\n") if line.startswith(kept)]
    return "\r\n".join(["SIP/2.0 200 OK", *headers, "Content-Length: 0", "", ""])


def _authorization(account: Account, challenge: str, uri: str) -> str:
    fields = dict(re.findall(r'(\w+)="([^"]*)"', challenge))
    realm, nonce = fields["realm"], fields["nonce"]
    secret = _md5(f"{account.user}:{realm}:{account.password}")
    response = _md5(f"{secret}:{nonce}:00000001:bench:auth:{_md5(f'REGISTER:{uri}')}")
    values = {"username": account.user, "realm": realm, "nonce": nonce, "uri": uri, "response": response}
    written = ", ".join(f'{name}="{value}"' for name, value in values.items())
    opaque = f', opaque="{fields["opaque"]}"' if "opaque" in fields else ""
    return f'Authorization: Digest {written}{opaque}, algorithm=MD5, qop=auth, nc=00000001, cnonce="bench"'


def _md5(text: str) -> str:
    return hashlib.md5(text.encode(), usedforsecurity=False).hexdigest()
