"""A softphone made of one socket: it registers, answers every call, sends no audio at all, and may vanish."""

import asyncio
import hashlib
import itertools
import re
from contextlib import asynccontextmanager

from pbx_control.world.config import Address
from pbx_control.world.legs import patience

_serial = itertools.count(1)
# Nobody listens there.
MEDIA_PORT = 55992


@asynccontextmanager
async def socket_phone(switch: Address, host: str, port: int, user: str, password: str):
    """A registered softphone at that address."""
    loop = asyncio.get_running_loop()
    phone = SocketPhone(switch, Address(host, port), user, password)
    await loop.create_datagram_endpoint(lambda: phone, local_addr=(host, port), remote_addr=(switch.host, switch.port))
    try:
        phone.register()
        await asyncio.wait_for(phone.registered.wait(), patience(5))
        yield phone
    finally:
        phone.vanish()


class SocketPhone(asyncio.DatagramProtocol):
    """`answered` is set when the switch has confirmed a call, `over` when it has ended it."""

    def __init__(self, switch: Address, here: Address, user: str, password: str) -> None:
        self.switch, self.here, self.user, self.password = switch, here, user, password
        self.registered, self.answered, self.over = asyncio.Event(), asyncio.Event(), asyncio.Event()
        self.asked: list[str] = []  # the methods of the requests that came
        self._name = f"phone{next(_serial)}"

    def connection_made(self, transport) -> None:
        self.transport = transport

    def error_received(self, _: Exception) -> None:
        """The switch is not there for a moment."""

    def datagram_received(self, data: bytes, _) -> None:
        text = data.decode()
        if text.startswith("SIP/2.0 401"):
            self.register(text)
        elif text.startswith("SIP/2.0 200"):
            self.registered.set()
        elif not text.startswith("SIP/2.0"):
            self._asked(text.split(" ", 1)[0], text)

    def _asked(self, method: str, request: str) -> None:
        self.asked.append(method)
        if method == "ACK":
            self.answered.set()
            return
        if method == "BYE":
            self.over.set()
        self._answer(request, self._offer() if method == "INVITE" else "")

    def vanish(self) -> None:
        """Its machine is off: nothing is sent any more, and nothing heard."""
        self.transport.close()

    def register(self, challenge: str = "") -> None:
        uri, number = f"sip:{self.switch}", 2 if challenge else 1
        lines = [
            f"REGISTER {uri} SIP/2.0",
            f"Via: SIP/2.0/UDP {self.here};branch=z9hG4bK{self._name}{number}",
            f"From: <sip:{self.user}@{self.switch}>;tag={self._name}",
            f"To: <sip:{self.user}@{self.switch}>",
            f"Call-ID: {self._name}",
            f"CSeq: {number} REGISTER",
            f"Contact: <sip:{self.user}@{self.here}>",
            "Expires: 600",
        ]
        self._send([*lines, *([self._proof(challenge, uri)] if challenge else [])])

    def _proof(self, challenge: str, uri: str) -> str:
        known = dict(re.findall(r'(realm|nonce|opaque|qop)="?([^",\r]+)', challenge))
        one = md5(f"{self.user}:{known['realm']}:{self.password}")
        two = md5(f"REGISTER:{uri}")
        proof = md5(f"{one}:{known['nonce']}:00000001:c:auth:{two}")
        fields = {"username": self.user, "uri": uri, "response": proof}
        fields |= {name: known[name] for name in ("realm", "nonce")}
        fields |= {"opaque": known["opaque"]} if "opaque" in known else {}
        written = ", ".join(f'{name}="{value}"' for name, value in fields.items())
        return f'Authorization: Digest {written}, algorithm=MD5, qop=auth, nc=00000001, cnonce="c"'

    def _answer(self, request: str, body: str) -> None:
        kept = re.findall(r"^((?:Via|From|Call-ID|CSeq): .*?)\r$", request, re.MULTILINE)
        to = re.search(r"^(To: .*?)\r$", request, re.MULTILINE)[1]
        tag = "" if ";tag=" in to else f";tag={self._name}"
        contact = f"Contact: <sip:{self.user}@{self.here}>"
        kind = ["Content-Type: application/sdp"] if body else []
        self._send(["SIP/2.0 200 OK", *kept, to + tag, contact, *kind], body)

    def _offer(self) -> str:
        lines = ["v=0", f"o=- 1 1 IN IP4 {self.here.host}", "s=-", f"c=IN IP4 {self.here.host}", "t=0 0"]
        return "".join(f"{line}\r\n" for line in [*lines, f"m=audio {MEDIA_PORT} RTP/AVP 8", "a=rtpmap:8 PCMA/8000"])

    def _send(self, lines: list[str], body: str = "") -> None:
        head = [*lines, "Max-Forwards: 70", f"Content-Length: {len(body)}", "", ""]
        self.transport.sendto(("\r\n".join(head) + body).encode())


def md5(text: str) -> str:
    return hashlib.md5(text.encode()).hexdigest()
