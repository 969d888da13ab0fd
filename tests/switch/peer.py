"""A carrier made of one socket: it sends the INVITE that a test writes, header by header, and keeps the answers."""

import asyncio
import itertools
import re
from contextlib import asynccontextmanager

from pbx_control.world.config import Address
from pbx_control.world.legs import patience

_serial = itertools.count(1)
OTHER_WAY = "-other-way"
# RFC 3551 and its extensions: what a codec is called in SDP.
RTPMAP = {"8": "PCMA/8000", "0": "PCMU/8000", "9": "G722/8000", "96": "opus/48000/2"}


@asynccontextmanager
async def peer(switch: Address, host: str, port: int):
    """A carrier at that address; a call that it still has ends with the block."""
    loop = asyncio.get_running_loop()
    one = Peer(switch, Address(host, port))
    await loop.create_datagram_endpoint(lambda: one, local_addr=(host, port), remote_addr=(switch.host, switch.port))
    try:
        yield one
    finally:
        await one.give_up()
        one.transport.close()


class Peer(asyncio.DatagramProtocol):
    """One call at a time. `answers` are the responses to its INVITE, as text. A call that it gets rings."""

    def __init__(self, switch: Address, here: Address) -> None:
        self.switch, self.here = switch, here
        self.answers: list[str] = []
        self.asked: asyncio.Queue[str] = asyncio.Queue()
        self._ringing = ""
        self._news = asyncio.Condition()
        self._request: dict[str, str] = {}

    def connection_made(self, transport) -> None:
        self.transport = transport

    def datagram_received(self, data: bytes, _) -> None:
        text = data.decode(errors="surrogateescape")
        if text.startswith("SIP/2.0"):
            self._reading = asyncio.ensure_future(self._answered(text))
        elif text.startswith("INVITE") and not re.search("^To:.*;tag=", text, re.MULTILINE):
            self._ringing = text
            self._respond(text, "180 Ringing")
            self.asked.put_nowait(text)
        elif not text.startswith("ACK"):
            self._respond(text, "200 OK")
            if text.startswith("CANCEL"):
                self._respond(self._ringing, "487 Request Terminated")

    def _respond(self, request: str, status: str) -> None:
        same = re.findall(r"^((?:Via|From|To|Call-ID|CSeq): .*?)\r$", request, re.MULTILINE)
        tagged = [f"{one};tag=peer" if one.startswith("To:") and ";tag=" not in one else one for one in same]
        self._send(f"SIP/2.0 {status}", *tagged)

    async def rung(self, seconds: float = 5) -> str:
        """The next INVITE that it gets, and lets ring."""
        return await asyncio.wait_for(self.asked.get(), patience(seconds))

    def invite(
        self,
        number: str,
        sender: str,
        *headers: str,
        to: str = "",
        codecs: str = "8 0",
        media: str = "",
        audio: int = 55990,
        call_id: str = "peer",
    ) -> None:
        """Dials `number`; `call_id` begins its Call-ID, `sender` is what stands in From, `codecs` the payload types
        of its SDP, none for a call without an offer. It hears at the address `media` and the port `audio`."""
        serial = next(_serial)
        self._request = {
            "uri": f"sip:{number}@{self.switch}",
            "From": f"{sender};tag=peer{serial}",
            "To": to or f"<sip:{number}@{self.switch}>",
            "Call-ID": f"{call_id}-{serial}-{self.here}",
            "Via": f"SIP/2.0/UDP {self.here};branch=z9hG4bKpeer{serial}",
        }
        body = self._offer(codecs.split(), Address(media or self.here.host, audio)) if codecs else ""
        contact = f"Contact: <sip:{self.here}>"
        self._again = (contact, *(["Content-Type: application/sdp"] if body else []), *headers), body
        self._ask("INVITE", *self._again[0], body=body)

    def invite_again(self) -> None:
        """The same request, as if it had come by another way (RFC 3261 8.2.2.2)."""
        self._ask("INVITE", *self._again[0], branch=OTHER_WAY, body=self._again[1])

    async def answer(self, status: str, seconds: float = 5) -> str:
        """The first answer whose status line begins with these digits, a pattern; fails with those that came if there
        is none."""

        def there() -> str:
            return next((text for text in self.answers if re.match(f"SIP/2.0 {status}", text)), "")

        async with self._news:
            try:
                await asyncio.wait_for(self._news.wait_for(there), patience(seconds))
            except TimeoutError:
                raise AssertionError(f"no {status}: {[text.splitlines()[0] for text in self.answers]}") from None
        return there()

    def cancel(self) -> None:
        """Sends a CANCEL, and waits for nothing."""
        self._ask("CANCEL")

    async def give_up(self) -> None:
        """Ends its call, whatever it has come to."""
        if not self._request:
            return
        finals = [text for text in self.answers if not text.startswith(("SIP/2.0 1", "SIP/2.0 482"))]
        if not finals:
            self._ask("CANCEL")
            await self.answer("487")
        elif finals[0].startswith("SIP/2.0 200"):
            self._ask("BYE", number=2, branch="-bye")
        self._request = {}
        self.answers.clear()

    async def _answered(self, text: str) -> None:
        if "INVITE\r" not in text:
            return
        async with self._news:
            self.answers.append(text)
            self._news.notify_all()
        if text.startswith("SIP/2.0 482"):
            self._merged(text)
        elif not text.startswith("SIP/2.0 1"):
            self._request["To"] = re.search(r"^To: (.*?)\r$", text, re.MULTILINE)[1]
            self._ask("ACK", branch="-ack" if text.startswith("SIP/2.0 200") else "")

    def _merged(self, text: str) -> None:
        """One of the two ways is refused; the call goes on by the other."""
        second = OTHER_WAY in text
        self._ask("ACK", branch=OTHER_WAY if second else "", to=re.search(r"^To: (.*?)\r$", text, re.MULTILINE)[1])
        if not second:
            self._request["Via"] += OTHER_WAY

    def _ask(self, method: str, *headers: str, number: int = 1, branch: str = "", body: str = "", to: str = "") -> None:
        fixed = [f"{name}: {self._request[name]}" for name in ("From", "Call-ID")]
        fixed.append(f"To: {to or self._request['To']}")
        via, sequence = f"Via: {self._request['Via']}{branch}", f"CSeq: {number} {method}"
        self._send(f"{method} {self._request['uri']} SIP/2.0", via, *fixed, sequence, *headers, body=body)

    def _offer(self, codecs: list[str], ear: Address) -> str:
        lines = ["v=0", f"o=- 1 1 IN IP4 {ear.host}", "s=-", f"c=IN IP4 {ear.host}", "t=0 0"]
        lines.append(f"m=audio {ear.port} RTP/AVP {' '.join(codecs)}")
        lines += [f"a=rtpmap:{one} {RTPMAP[one]}" for one in codecs]
        return "".join(f"{line}\r\n" for line in lines)

    def _send(self, *lines: str, body: str = "") -> None:
        head = [*lines, "Max-Forwards: 70", f"Content-Length: {len(body)}", "", ""]
        # A name that is no UTF-8 is written by surrogates: "Jos\udce9" is Latin-1.
        self.transport.sendto(("\r\n".join(head) + body).encode(errors="surrogateescape"))
