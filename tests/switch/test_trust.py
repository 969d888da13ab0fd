"""Whom TLS trusts, on the wire: no byte to a carrier that proves nothing, no secure telephone but over TLS."""

import asyncio
import re
import ssl
from contextlib import suppress
from dataclasses import dataclass, field, replace
from hashlib import md5
from itertools import count
from pathlib import Path
from typing import Any

import httpx
import pytest
import pytest_asyncio
import worker
from authority import Authority, Carrier, carrier, nobody_vouches

from pbx_control.asterisk import runtime
from pbx_control.asterisk.publish import Publication, bring_into_force, stage
from pbx_control.asterisk.reached import ask_switch
from pbx_control.domain.office import Client, Did, Office, Secretary, Trunk
from pbx_control.settings import AsteriskSettings, Home, Secrets, Settings, Sip
from pbx_control.world.config import Address
from pbx_control.world.legs import patience

pytestmark = [pytest.mark.switch, pytest.mark.asyncio(loop_scope="session")]

PORTS = worker.fixed_ports(17600, audio=53000)
PBX = Address("127.0.0.1", PORTS.base + 1)
PBX_TLS = Address("127.0.0.1", PORTS.base + 10)  # the next ones are those of trunks
CARRIER = Address("127.0.0.14", PORTS.base + 40)
NUMBER = "+56225553001"
PASSWORD = "password-of-a-telephone-123"
_serial = count(1)


@dataclass
class Switch:
    """A switch without a daemon, whose trunks and telephones the tests choose."""

    home: Home
    settings: Settings
    asterisk: runtime.Runtime
    ours: Authority
    theirs: Authority
    folder: Path
    office: Office = field(default_factory=Office)

    async def publish(self, **changes: Any) -> Publication:
        self.office = replace(self.office, revision=self.office.revision + 1, **changes)
        return await bring_into_force(stage(self.home, self.settings, self.office), self.home, self.settings)

    async def trunk(self, **facts: Any) -> Publication:
        """Has one trunk over TLS, with an id of its own, that registers at CARRIER."""
        usual = {"host": str(CARRIER), "user": "account", "password": "its-password", "register": True}
        trunk = Trunk(next(_serial), "voz", (CARRIER.host,), **usual | {"transport": "tls"} | facts)
        return await self.publish(trunks=(trunk,))

    async def call_out(self) -> None:
        """Sends an INVITE to the carrier; it need not arrive."""
        async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{self.settings.asterisk.http_port}/ari") as ari:
            endpoint = f"PJSIP/+56912345678@{self.office.trunks[0].section}"
            await ari.post("/channels", params={"endpoint": endpoint, "app": "pbx"}, auth=("pbx", "ari-of-the-tests"))


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def switch(folder):
    place = folder / "trust"
    place.mkdir()
    ours, theirs = Authority.new(place, "ours"), Authority.new(place, "theirs")
    own = str(ours.vouches("switch", PBX.host))
    settings = Settings(
        asterisk=AsteriskSettings(http_port=PORTS.base + 2, ami_port=PORTS.base + 3),
        sip=Sip(
            bind=str(PBX),
            tls_bind=str(PBX_TLS),
            certificate=own,
            key=own,
            ca_file=str(ours.file),
            rtp_ports="53000-53900",
        ),
        secrets=Secrets(ari_password="ari-of-the-tests", ami_password="ami-of-the-tests"),
    )
    home = Home(place / "home")
    office = Office(
        clients=(Client(1, "andes", "Andes"),),
        dids=(Did(NUMBER, "", 1),),
        secretaries=(
            Secretary(1, "Ana", "ana", PASSWORD, secure=True),
            Secretary(2, "Eva", "eva", PASSWORD),
        ),
    )
    switch = Switch(home, settings, runtime.choose(home, settings), ours, theirs, place, office)
    await switch.publish()
    await asyncio.to_thread(switch.asterisk.start)
    yield switch
    await asyncio.to_thread(switch.asterisk.stop)


# --- carriers ---------------------------------------------------------------------------------------------


def certificate(switch: Switch, kind: str) -> Path:
    match kind:
        case "its own":
            return nobody_vouches(switch.folder, "self")
        case "of another":
            return switch.ours.vouches("other", "127.0.0.99")
        case "by a stranger":
            return switch.theirs.vouches("strange", CARRIER.host)
        case "expired":
            return switch.ours.vouches("old", CARRIER.host, -1)
    return switch.ours.vouches("right", CARRIER.host)


async def nothing_comes(switch: Switch, one: Carrier) -> None:
    """Neither REGISTER nor INVITE, though both were to be sent: somebody connects for each, and goes without a byte."""
    await one.was_left(1)
    before = one.ended
    await switch.call_out()
    await one.was_left(before + 1)
    assert one.got == b""


@pytest.mark.parametrize("kind", ["its own", "of another", "by a stranger", "expired"])
async def test_a_carrier_that_proves_nothing_gets_not_a_byte(switch, kind):
    async with carrier(CARRIER, certificate(switch, kind)) as one:
        await switch.trunk()
        await nothing_comes(switch, one)


async def test_a_carrier_that_proves_who_it_is_gets_both(switch):
    async with carrier(CARRIER, certificate(switch, "right")) as one:
        await switch.trunk()
        assert "account@" in await one.request("REGISTER")
        await switch.call_out()
        invite = await one.request("INVITE")
    assert re.search(r"^m=audio \d+ RTP/SAVP ", invite, re.MULTILINE)
    assert "a=crypto:" in invite


async def test_a_trunks_own_authority_counts_for_it_alone(switch):
    async with carrier(CARRIER, certificate(switch, "by a stranger")) as one:
        published = await switch.trunk(ca=switch.theirs.pem)
        assert published.needs_restart == ()
        assert "account@" in await one.request("REGISTER")
    async with carrier(CARRIER, certificate(switch, "right")) as one:
        await switch.trunk(ca=switch.theirs.pem)
        await nothing_comes(switch, one)


async def test_another_authority_of_a_trunk_counts_at_once(switch):
    async with carrier(CARRIER, certificate(switch, "by a stranger")) as one:
        await switch.trunk(ca=switch.ours.pem)
        await nothing_comes(switch, one)
        trunk = replace(switch.office.trunks[0], ca=switch.theirs.pem)
        published = await switch.publish(trunks=(trunk,))
        assert published.needs_restart == ()
        await switch.call_out()
        await one.request("INVITE")


async def test_who_wants_no_proof_must_say_so(switch):
    async with carrier(CARRIER, certificate(switch, "its own")) as one:
        published = await switch.trunk(verify=False)
        assert published.needs_restart == ()
        assert "account@" in await one.request("REGISTER")


# --- what is spoken ---------------------------------------------------------------------------------------


class Line:
    """One connection over TLS, or one socket over UDP, that speaks SIP from an address of ours."""

    def __init__(self, over: str, here: str) -> None:
        self.over, self.here = over, here

    async def __aenter__(self) -> "Line":
        if self.over == "udp":
            self._news: asyncio.Queue[bytes] = asyncio.Queue()
            place, news = (PBX.host, PBX.port), self._news

            class Socket(asyncio.DatagramProtocol):
                def datagram_received(self, data: bytes, _: object) -> None:
                    news.put_nowait(data)

            loop = asyncio.get_running_loop()
            self._socket, _ = await loop.create_datagram_endpoint(Socket, local_addr=(self.here, 0), remote_addr=place)
            self.port = self._socket.get_extra_info("sockname")[1]
            return self
        context = ssl.create_default_context()
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        where = PBX_TLS if self.over == "tls" else PBX
        self._reader, self._writer = await asyncio.open_connection(
            where.host, where.port, ssl=context if self.over == "tls" else None, local_addr=(self.here, 0)
        )
        self.port = self._writer.get_extra_info("sockname")[1]
        return self

    async def __aexit__(self, *_: object) -> None:
        (self._socket if self.over == "udp" else self._writer).close()

    async def ask(self, method: str, uri: str, user: str, *headers: str, body: str = "", via: str = "") -> str:
        """Sends a request and gives its final answer."""
        serial = next(_serial)
        lines = [
            f"{method} {uri} SIP/2.0",
            f"Via: SIP/2.0/{via or self.over.upper()} {self.here}:{self.port};branch=z9hG4bKtrust{serial};rport",
            f"From: <sip:{user}@{PBX.host}>;tag=trust{serial}",
            f"To: <{uri if method == 'INVITE' else f'sip:{user}@{PBX.host}'}>",
            f"Call-ID: trust-{serial}",
            f"CSeq: {serial} {method}",
            f"Contact: <sip:{user}@{self.here}:{self.port};transport={self.over}>",
            "Max-Forwards: 70",
            *headers,
            f"Content-Length: {len(body)}",
        ]
        message = "\r\n".join([*lines, "", body]).encode()
        self._socket.sendto(message) if self.over == "udp" else self._writer.write(message)
        while True:
            answer = await asyncio.wait_for(self._answer(), patience(5))
            if answer.startswith("SIP/2.0") and not answer.startswith("SIP/2.0 1") and f"trust-{serial}" in answer:
                return answer

    async def register(self, user: str, via: str = "") -> str:
        """Registers with the right password; the first line of the last answer."""
        uri = f"sip:{PBX.host}"
        asked = await self.ask("REGISTER", uri, user, "Expires: 60", via=via)
        realm, nonce = (re.search(f'{name}="([^"]+)"', asked)[1] for name in ("realm", "nonce"))
        secret, request = _md5(f"{user}:{realm}:{PASSWORD}"), _md5(f"REGISTER:{uri}")
        digest = _md5(f"{secret}:{nonce}:00000001:c:auth:{request}")
        told = f'username="{user}", realm="{realm}", nonce="{nonce}", uri="{uri}", response="{digest}"'
        header = f'Authorization: Digest {told}, algorithm=MD5, qop=auth, nc=00000001, cnonce="c"'
        return (await self.ask("REGISTER", uri, user, "Expires: 60", header, via=via)).splitlines()[0]

    async def _answer(self) -> str:
        if self.over == "udp":
            return (await self._news.get()).decode()
        head = (await self._reader.readuntil(b"\r\n\r\n")).decode()
        length = int(re.search(r"^Content-Length:\s*(\d+)", head, re.MULTILINE)[1])
        return head + (await self._reader.readexactly(length)).decode()


def offer(profile: str) -> str:
    crypto = "a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:" + "QUJDREVGR0hJSktMTU5PUFFSU1RVVldYWVowMTIz"
    lines = ["v=0", f"o=- 1 1 IN IP4 {CARRIER.host}", "s=-", f"c=IN IP4 {CARRIER.host}", "t=0 0"]
    lines += [f"m=audio 40000 {profile} 8", "a=rtpmap:8 PCMA/8000", *([crypto] if profile == "RTP/SAVP" else [])]
    return "\r\n".join([*lines, ""])


SDP = "Content-Type: application/sdp"


@pytest.mark.parametrize(
    ("srtp", "profile", "status"),
    [
        ("", "RTP/AVP", "488"),
        ("", "RTP/SAVP", "200"),
        ("required", "RTP/AVP", "488"),
        ("optional", "RTP/AVP", "200"),
        ("optional", "RTP/SAVP", "200"),
        ("off", "RTP/AVP", "200"),
        ("off", "RTP/SAVP", "488"),
    ],
)
async def test_what_is_spoken_is_encrypted_unless_somebody_said_otherwise(switch, srtp, profile, status):
    await switch.trunk(register=False, srtp=srtp)
    async with Line("tls", CARRIER.host) as line:
        answer = await line.ask("INVITE", f"sip:{NUMBER}@{PBX}", "+56912345678", SDP, body=offer(profile))
    assert answer.startswith(f"SIP/2.0 {status}")
    assert status != "200" or f" {profile} " in answer


# --- telephones -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("via", ["", "TLS"])
async def test_a_secure_telephone_does_not_register_over_udp(switch, via):
    async with Line("udp", "127.0.0.15") as line:
        with suppress(TimeoutError):  # an answer for a Via that lies may be sent to nobody
            assert "401" in await line.register("ana", via)
    assert "ana" not in ask_over(await asyncio.to_thread(ask_switch, switch.settings, switch.home))


async def test_a_secure_telephone_does_not_register_over_tcp(switch):
    async with Line("tcp", "127.0.0.15") as line:
        assert "401" in await line.register("ana")
    assert "ana" not in ask_over(await asyncio.to_thread(ask_switch, switch.settings, switch.home))


def ask_over(reached: Any) -> dict[str, str]:
    assert reached.known
    return dict(reached.over)


async def test_over_what_each_telephone_is_registered_is_known(switch):
    async with Line("tls", "127.0.0.15") as secure, Line("udp", "127.0.0.16") as other:
        assert "200" in await secure.register("ana")
        assert "200" in await other.register("eva")
        reached = await asyncio.to_thread(ask_switch, switch.settings, switch.home)
        assert reached.over == {"ana": "tls", "eva": "udp"}
    async with Line("tcp", "127.0.0.16") as other:
        assert "200" in await other.register("eva")
        assert (await asyncio.to_thread(ask_switch, switch.settings, switch.home)).over["eva"] == "tcp"
    async with Line("tls", "127.0.0.16") as other:
        assert "200" in await other.register("eva")
        assert (await asyncio.to_thread(ask_switch, switch.settings, switch.home)).over["eva"] == "tls"


def _md5(text: str) -> str:
    return md5(text.encode()).hexdigest()
