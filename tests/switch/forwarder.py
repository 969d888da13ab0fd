"""A telephone that forwards every call (302), which no softphone in the tests can be made to do."""

import asyncio
import re
from collections.abc import Iterator
from contextlib import asynccontextmanager
from hashlib import md5

import worker

from pbx_control.world.config import Address
from pbx_control.world.legs import patience

HOST, PORT = "127.0.0.9", worker.ports(0).base + 98


@asynccontextmanager
async def forwarding(switch: Address, user: str, password: str, target: str):
    """Registers as that user and answers each INVITE with 302 to `target`; gives it once it is registered."""
    loop = asyncio.get_running_loop()
    phone = Forwarder(switch, user, password, target)
    await loop.create_datagram_endpoint(lambda: phone, local_addr=(HOST, PORT), remote_addr=(switch.host, switch.port))
    try:
        await asyncio.wait_for(phone.registered.wait(), patience(5))
        yield phone
    finally:
        phone.transport.close()


@asynccontextmanager
async def forwarding_carrier(switch: Address, here: Address, target: str):
    """Is a carrier at that address, and answers each INVITE with 302 to `target`."""
    loop = asyncio.get_running_loop()
    carrier = ForwardingCarrier(switch, "", "", target)
    there = (switch.host, switch.port)
    await loop.create_datagram_endpoint(lambda: carrier, local_addr=(here.host, here.port), remote_addr=there)
    try:
        yield carrier
    finally:
        carrier.transport.close()


class Forwarder(asyncio.DatagramProtocol):
    def __init__(self, switch: Address, user: str, password: str, target: str) -> None:
        self.switch, self.user, self.password, self.target = switch, user, password, target
        self.registered, self.forwarded = asyncio.Event(), asyncio.Event()
        self.invites: set[str] = set()
        self.asked = ""  # the last INVITE

    def connection_made(self, transport) -> None:
        self.transport = transport
        self._register(1)

    def datagram_received(self, data: bytes, _) -> None:
        text = data.decode()
        if text.startswith("SIP/2.0 401"):
            self._register(2, self._credentials(text))
        elif text.startswith("SIP/2.0 200"):
            self.registered.set()
        elif text.startswith("INVITE"):
            self.invites.add(_header(text, "Call-ID"))
            self.asked = text
            self._answer(text, "302 Moved Temporarily", f"Contact: <{self.target}>")
            self.forwarded.set()
        elif text.startswith("OPTIONS"):
            self._answer(text, "200 OK")

    def _register(self, number: int, *further: str) -> None:
        me = f"sip:{self.user}@{self.switch}"
        self._send(
            f"REGISTER sip:{self.switch} SIP/2.0",
            f"Via: SIP/2.0/UDP {HOST}:{PORT};branch=z9hG4bK{self.user}{number}",
            f"From: <{me}>;tag=forwarder",
            f"To: <{me}>",
            f"Call-ID: forwarder-{self.user}",
            f"CSeq: {number} REGISTER",
            f"Contact: <sip:{self.user}@{HOST}:{PORT}>",
            "Expires: 60",
            "Max-Forwards: 70",
            *further,
        )

    def _credentials(self, challenge: str) -> str:
        """RFC 7616 with MD5, as Asterisk asks for it."""
        realm, nonce = (re.search(f'{name}="([^"]+)"', challenge)[1] for name in ("realm", "nonce"))
        uri = f"sip:{self.switch}"
        secret, request = _md5(f"{self.user}:{realm}:{self.password}"), _md5(f"REGISTER:{uri}")
        response = _md5(f"{secret}:{nonce}:00000001:c:auth:{request}")
        return (
            f'Authorization: Digest username="{self.user}", realm="{realm}", nonce="{nonce}", uri="{uri}", '
            f'response="{response}", algorithm=MD5, qop=auth, nc=00000001, cnonce="c"'
        )

    def _answer(self, request: str, status: str, *further: str) -> None:
        tag = "" if ";tag=" in _header(request, "To") else ";tag=forwarder"
        same = [*_vias(request), f"To: {_header(request, 'To')}{tag}"]
        same += [f"{name}: {_header(request, name)}" for name in ("From", "Call-ID", "CSeq")]
        self._send(f"SIP/2.0 {status}", *same, *further)

    def _send(self, *lines: str) -> None:
        self.transport.sendto("\r\n".join([*lines, "Content-Length: 0", "", ""]).encode())


class ForwardingCarrier(Forwarder):
    """One that is found by its address."""

    def connection_made(self, transport) -> None:
        self.transport = transport


def _header(text: str, name: str) -> str:
    return re.search(rf"^{name}: (.*?)\r$", text, re.MULTILINE)[1]


def _vias(text: str) -> Iterator[str]:
    yield from re.findall(r"^(Via: .*?)\r$", text, re.MULTILINE)


def _md5(text: str) -> str:
    return md5(text.encode()).hexdigest()
