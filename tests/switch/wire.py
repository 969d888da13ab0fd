"""One UDP socket that speaks SIP as a test writes it, header by header, and keeps every packet that comes to it."""

import asyncio
import itertools
import re
from contextlib import asynccontextmanager
from hashlib import md5

from pbx_control.world.config import Address
from pbx_control.world.legs import patience

_serial = itertools.count(1)
# Where whoever calls wants to hear.
MEDIA = 55990


@asynccontextmanager
async def wire(switch: Address, host: str, port: int):
    """A socket at that address for the length of a block."""
    loop = asyncio.get_running_loop()
    one = Wire(switch, Address(host, port))
    await loop.create_datagram_endpoint(lambda: one, local_addr=(host, port))
    try:
        yield one
    finally:
        one.transport.close()
        await one.closed.wait()


class Wire(asyncio.DatagramProtocol):
    """`packets` is all that came, oldest first. `answers` says what to do with a request that comes, by its method:
    lines to answer with, the first of them the status, or None for no answer; 200 to what is not in it."""

    def __init__(self, switch: Address, here: Address) -> None:
        self.switch, self.here = switch, here
        self.packets: list[str] = []
        self.answers: dict[str, list[str] | None] = {}
        self.closed = asyncio.Event()
        self._news = asyncio.Condition()

    @property
    def requests(self) -> list[str]:
        return [text for text in self.packets if not text.startswith("SIP/2.0")]

    def connection_made(self, transport) -> None:
        self.transport = transport

    def connection_lost(self, _) -> None:
        self.closed.set()

    def datagram_received(self, data: bytes, _) -> None:
        text = data.decode(errors="replace")
        self.packets.append(text)
        method = text.split(" ", 1)[0]
        if method not in ("SIP/2.0", "ACK") and (lines := self.answers.get(method, ["200 OK"])) is not None:
            self.answer(text, *lines)
        self._telling = asyncio.ensure_future(self._tell())

    async def heard(self, pattern: str, seconds: float = 5) -> str:
        """The first packet in which the pattern is found; fails with the first lines of those that came instead."""

        def there() -> str:
            return next((text for text in self.packets if re.search(pattern, text, re.MULTILINE)), "")

        async with self._news:
            try:
                await asyncio.wait_for(self._news.wait_for(there), patience(seconds))
            except TimeoutError:
                raise AssertionError(f"no {pattern}: {[text.splitlines()[0] for text in self.packets]}") from None
        return there()

    def answer(self, request: str, status: str, *further: str) -> None:
        tag = "" if ";tag=" in header(request, "To") else f";tag=wire{self.here.port}"
        same = re.findall(r"^((?:Via|Record-Route|From|Call-ID|CSeq): .*?)\r$", request, re.MULTILINE)
        body = sdp(self.here) if status.startswith("200") and request.startswith("INVITE") else ""
        self._send([f"SIP/2.0 {status}", *same, f"To: {header(request, 'To')}{tag}", *further], body)

    async def ask(self, method: str, uri: str, *further: str, within: "Dialog | None" = None) -> str:
        """Sends a request and gives the final answer to it; `within` a call, or for itself."""
        return await self.heard(self.send(method, uri, *further, within=within) + r"[\s\S]*")

    async def ask_as(self, user: str, password: str, method: str, uri: str, *further: str) -> str:
        """The same of a telephone that proves who it is; gives the final answer."""
        me = f"From: <sip:{user}@{self.switch}>;tag=known{next(_serial)}"
        challenge = await self.ask(method, uri, me, *further)
        if not challenge.startswith("SIP/2.0 401"):
            return challenge
        return await self.ask(method, uri, me, *further, credentials(challenge, user, password, method, uri))

    def send(self, method: str, uri: str, *further: str, within: "Dialog | None" = None) -> str:
        """Sends a request; gives a pattern for the final answer to it."""
        number = next(_serial)
        dialog = within or Dialog(f"<sip:+56912345678@{self.here}>;tag=wire{number}", f"<{uri}>", f"wire-{number}")
        same = {"From": dialog.sender, "To": dialog.to, "Call-ID": dialog.call, "CSeq": f"{number} {method}"}
        given = {line.split(":", 1)[0] for line in further}
        lines = [f"{name}: {value}" for name, value in same.items() if name not in given]
        via = f"Via: SIP/2.0/UDP {self.here};branch=z9hG4bKwire{number}"
        contact = [] if "Contact" in given else [f"Contact: <sip:wire@{self.here}>"]
        body = sdp(self.here) if method == "INVITE" else ""
        kind = ["Content-Type: application/sdp"] if body else []
        self._send([f"{method} {uri} SIP/2.0", via, *lines, *contact, *kind, *further], body)
        return rf"^SIP/2.0 [2-6][\s\S]*^CSeq: {number} {method}"

    async def call(self, uri: str, *further: str) -> "Dialog":
        """Calls somebody who answers."""
        answer = await self.ask("INVITE", uri, *further)
        assert answer.startswith("SIP/2.0 200"), answer
        dialog = Dialog(header(answer, "From"), header(answer, "To"), header(answer, "Call-ID"))
        number = header(answer, "CSeq").split()[0]
        self.send("ACK", uri, f"CSeq: {number} ACK", within=dialog)
        return dialog

    async def register(self, user: str, password: str, *contacts: str, further: tuple[str, ...] = ()) -> str:
        """Registers those Contacts; gives the final answer."""
        me = f"<sip:{user}@{self.switch}>"
        lines = [f"From: {me};tag=wire", f"To: {me}", *(f"Contact: {contact}" for contact in contacts), *further]
        uri = f"sip:{self.switch}"
        challenge = await self.ask("REGISTER", uri, *lines)
        if not challenge.startswith("SIP/2.0 401"):
            return challenge
        return await self.ask("REGISTER", uri, *lines, credentials(challenge, user, password, "REGISTER", uri))

    def _send(self, lines: list[str], body: str) -> None:
        head = "\r\n".join([*lines, "Max-Forwards: 70", f"Content-Length: {len(body)}", "", ""])
        self.transport.sendto((head + body).encode(), (self.switch.host, self.switch.port))

    async def _tell(self) -> None:
        async with self._news:
            self._news.notify_all()


class Dialog:
    """A call's identifiers, from the side of whoever calls."""

    def __init__(self, sender: str, to: str, call: str) -> None:
        self.sender, self.to, self.call = sender, to, call

    @property
    def replaces(self) -> str:
        """The header that asks to take its place."""
        mine, theirs = (tag.rpartition("tag=")[2] for tag in (self.sender, self.to))
        return f"Replaces: {self.call};to-tag={theirs};from-tag={mine}"


def sdp(here: Address) -> str:
    lines = [
        "v=0",
        f"o=- 1 1 IN IP4 {here.host}",
        "s=-",
        f"c=IN IP4 {here.host}",
        "t=0 0",
        f"m=audio {MEDIA} RTP/AVP 8",
    ]
    return "".join(f"{line}\r\n" for line in lines)


def header(text: str, name: str) -> str:
    return re.search(rf"^{name}: (.*?)\r$", text, re.MULTILINE)[1]


def credentials(challenge: str, user: str, password: str, method: str, uri: str) -> str:
    """RFC 7616 with MD5, as Asterisk asks for it."""
    realm, nonce = (re.search(f'{name}="([^"]+)"', challenge)[1] for name in ("realm", "nonce"))
    secret, request = _md5(f"{user}:{realm}:{password}"), _md5(f"{method}:{uri}")
    response = _md5(f"{secret}:{nonce}:00000001:c:auth:{request}")
    return (
        f'Authorization: Digest username="{user}", realm="{realm}", nonce="{nonce}", uri="{uri}", '
        f'response="{response}", algorithm=MD5, qop=auth, nc=00000001, cnonce="c"'
    )


def _md5(text: str) -> str:
    return md5(text.encode()).hexdigest()
