"""Every option of trunks and telephones, seen on the wire: an installation with TLS, provisioned as an admin does."""

import asyncio
import re
import subprocess
from dataclasses import dataclass, field, replace
from itertools import count
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
import worker
from forked import ForkedInstallation
from forwarder import forwarding
from lengths import talking
from peer import Peer, peer

from pbx_control.asterisk import runtime
from pbx_control.asterisk.publish import bring_into_force, stage
from pbx_control.domain.office import Client, Did, Office, Trunk
from pbx_control.settings import AsteriskSettings, Home, Secrets, Settings, Sip
from pbx_control.world import audio
from pbx_control.world.config import BEHIND_NAT, INSIDE_NAT, Address
from pbx_control.world.installation import CARRIER, Installation
from pbx_control.world.legs import Leg, patience
from pbx_control.world.people import Telephone
from pbx_control.world.world import World

pytestmark = [pytest.mark.switch, pytest.mark.asyncio(loop_scope="session")]

PORTS = worker.fixed_ports(16800, audio=52000)
# A carrier of its own, made of one socket: the world's Asterisk would not send what these tests want sent.
OTHER_CARRIER, OTHER_PORT = "127.0.0.12", PORTS.base + 61
MARIA = "+56912345678"
OTHER = "+56987654321"
# qualify_frequency, qualify_timeout and the time that the switch and the daemon take, seconds.
NOTICED = 5 + 3 + 4


@dataclass
class House:
    """The installation, the world around it, and one firm in it with a secretary."""

    office: Installation
    world: World
    serial: Any = field(default_factory=lambda: count(1))

    async def firm(self, trunk: str = "carrier") -> tuple[str, str]:
        """A new client, open always: its slug and its number, which comes in by that trunk."""
        serial = next(self.serial)
        slug, number = f"firma{serial}", f"+562255520{serial:02}"
        await asyncio.gather(
            self.pbx("client", "add", slug, "--name", f"Firma {serial}"),
            self.pbx("did", "add", number, "--trunk", trunk),
        )
        await self.pbx("did", "assign", number, slug)
        await self.pbx("hours", "set", slug, "always")
        return slug, number

    async def account(self, slug: str, *options: str) -> dict[str, str]:
        """The account of a new secretary of that firm; the switch knows it."""
        return await self.office.ask("secretary", "add", f"Ana {slug}", "--clients", slug, *options)

    async def phone(self, slug: str, over: str = "udp", tone: float = 880) -> Telephone:
        """The registered telephone of a new secretary, who answers by herself."""
        secure = ["--secure"] if over == "tls" else []
        account = await self.account(slug, *secure)
        telephone = await self.world.phone(account["user"], account["password"], tone, over=over)
        await self.state(account["user"], "reached")
        return telephone.answers(0.2)

    async def state(self, user: str, wanted: str, seconds: float = 5) -> None:
        """Waits until `secretary list` says that of her telephone."""

        async def now() -> str:
            rows = await self.office.ask("secretary", "list")
            return next(row["telephone"] for row in rows if row["user"] == user)

        await until(now, wanted, seconds)

    async def registration(self, trunk: str, wanted: str, seconds: float = 10) -> None:
        """Waits until `trunk list` says that of our registration with a carrier."""

        async def now() -> str:
            rows = await self.office.ask("trunk", "list")
            return next(row["registration"] for row in rows if row["name"] == trunk)

        await until(now, wanted, seconds)

    async def told(self, slug: str, number: int, caller: str) -> None:
        """Waits until the journal has so many calls of the firm; the last one is from that number."""

        async def now() -> int:
            return len(await self.calls(slug))

        await until(now, number, 5)
        assert (await self.calls(slug))[-1]["caller"] == caller

    async def calls(self, slug: str) -> list[dict[str, Any]]:
        """The firm's calls in the journal, oldest first."""
        calls = await self.office.ask("call", "list", "--client", slug)
        return sorted(calls, key=lambda call: call["arrived_at"])

    async def pbx(self, *words: str) -> str:
        return await self.office.pbx(*words)


async def until(ask: Any, wanted: Any, seconds: float) -> None:
    """Asks until the answer is the wanted one; fails with the last other one."""
    last = asyncio.get_running_loop().time() + patience(seconds)
    while (answer := await ask()) != wanted:
        assert asyncio.get_running_loop().time() < last, f"{answer!r}, not {wanted!r}"
        await asyncio.sleep(0.1)


def certificate(folder: Path) -> Path:
    """A key and a certificate for the house's address, in one file."""
    file = folder / "tls.pem"
    request = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"]
    request += ["-days", "2", "-subj", "/CN=127.0.0.1", "-addext", "subjectAltName=IP:127.0.0.1"]
    subprocess.run([*request, "-keyout", file, "-out", folder / "cert.pem"], check=True, capture_output=True)
    file.write_text(file.read_text() + (folder / "cert.pem").read_text())
    file.chmod(0o644)
    return file


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def house(folder):
    """An installation with TLS, its Asterisk, its daemon, and a world that speaks TLS as well."""
    PORTS.require_free()
    place, office = folder / "options", ForkedInstallation(folder / "options" / "home", PORTS)
    place.mkdir()
    pem = certificate(place)
    tls = {"tls_bind": f"127.0.0.1:{PORTS.sip + 1}", "certificate": str(pem), "key": str(pem)}
    await office.set_up(sip=tls)
    try:
        await office.pbx("asterisk", "start")
        await office.pbx("trunk", "add", "carrier", "--match", CARRIER)
        await office.pbx("trunk", "add", "other", "--match", OTHER_CARRIER)
        await office.start_daemon()
        async with World(replace(office.place(place / "world"), tls=pem)) as world:
            yield House(office, world)
    finally:
        await office.clean_up()


@pytest_asyncio.fixture(loop_scope="session")
async def other(house):
    """The other carrier: a socket."""
    async with peer(house.world.place.pbx, OTHER_CARRIER, OTHER_PORT) as one:
        yield one


async def talk(caller: Leg, telephone: Telephone, tone: float = 880, callers: float = 700) -> None:
    """Both speak for two seconds, and each hears the other."""
    await caller.answered()
    ring = await telephone.rung()
    await talking(2)
    await caller.hang_up()
    await ring.ended()
    assert audio.heard(caller.heard, tone) > 1.2, "the caller does not hear her"
    assert audio.heard(ring.heard, callers) > 1.2, "she does not hear the caller"


# --- a trunk that registers -------------------------------------------------------------------------------


async def test_a_trunk_registers_shows_its_state_and_goes(house):
    await house.world.customer("cuenta", "the-password-of-cuenta")
    account = ("--host", str(house.world.place.carrier), "--user", "cuenta", "--password", "wrong")
    await house.pbx("trunk", "set", "carrier", *account, "--register")
    await house.registration("carrier", "rejected")
    doctor = await house.office.run("doctor")
    assert "trunk set carrier" in doctor.out
    assert not await house.world.has_registered("cuenta")

    await house.pbx("trunk", "set", "carrier", "--password", "the-password-of-cuenta")
    await house.registration("carrier", "registered", 40)
    assert await house.world.has_registered("cuenta")

    slug, number = await house.firm()
    ana = await house.phone(slug)
    await talk(await house.world.call_customer("cuenta", number), ana)

    await house.pbx("trunk", "set", "carrier", "--no-register")
    await until(lambda: house.world.has_registered("cuenta"), False, 5)


async def test_a_trunk_that_is_removed_unregisters(house):
    await house.world.customer("segunda", "the-password-of-segunda")
    account = ("--host", str(house.world.place.carrier), "--user", "segunda", "--password", "the-password-of-segunda")
    await house.pbx("trunk", "add", "second", "--match", "127.0.0.30", *account, "--register")
    await house.registration("second", "registered")
    await house.pbx("trunk", "remove", "second")
    await until(lambda: house.world.has_registered("segunda"), False, 5)


# --- who calls --------------------------------------------------------------------------------------------

PAI, RPID = f"P-Asserted-Identity: <sip:{OTHER}@carrier>", f"Remote-Party-ID: <sip:{OTHER}@carrier>;screen=yes"
FROM, ANONYMOUS = f"<sip:{MARIA}@carrier>", '"Anonymous" <sip:anonymous@anonymous.invalid>'


CALLERS = {
    "from": [
        (FROM, (), MARIA),
        (FROM, (PAI,), MARIA),
        (FROM, (RPID,), MARIA),
        (FROM, ("Privacy: id",), ""),
        (ANONYMOUS, (), ""),
        (ANONYMOUS, (PAI,), ""),
    ],
    "pai": [
        (FROM, (PAI,), OTHER),
        (FROM, (), MARIA),
        (FROM, (PAI, "Privacy: none"), OTHER),
        (FROM, (PAI, "Privacy: user;id"), ""),
        (ANONYMOUS, (PAI, "Privacy: id"), ""),
    ],
    "rpid": [
        (FROM, (RPID,), OTHER),
        (FROM, (f"{RPID};privacy=off",), OTHER),
        (FROM, (f"{RPID};privacy=full",), ""),
        (ANONYMOUS, (f"{RPID};privacy=full",), ""),
    ],
}


@pytest.mark.parametrize("identity", CALLERS)
async def test_the_callers_number_stands_where_the_carrier_puts_it(house, other: Peer, identity):
    slug, number = await house.firm("other")
    ana = (await house.phone(slug)).rings_on()
    await house.pbx("trunk", "set", "other", "--identity", identity)
    for times, (sender, headers, shown) in enumerate(CALLERS[identity], 1):
        other.invite(number, sender, *headers)
        ring = await ana.rung(times)
        await other.give_up()
        await ring.ended()
        assert (ring.number.replace("<unknown>", ""), times) == (shown, times)
        assert "anonymous" not in (ring.name + ring.sender).lower()
        assert shown == OTHER or OTHER not in ring.sender + ring.identity
        await house.told(slug, times, shown)


async def test_the_dialled_number_may_stand_in_to_while_the_request_names_our_account(house, other: Peer):
    slug, number = await house.firm("other")
    ana = (await house.phone(slug)).rings_on()
    await house.pbx("trunk", "set", "other", "--did-from", "to")
    other.invite("cuenta", FROM, to=f'"Firma" <sip:{number}@carrier>;cause=1')
    await other.answer("180")
    await ana.rung()
    await other.give_up()
    await house.pbx("trunk", "set", "other", "--did-from", "request")


# --- transport and codecs ---------------------------------------------------------------------------------


@pytest.mark.parametrize("over", ["tcp", "tls"])
async def test_calls_come_in_over_tcp_and_tls(house, over):
    slug, number = await house.firm()
    ana = await house.phone(slug)
    await house.pbx("trunk", "set", "carrier", "--transport", over)
    await talk(await house.world.call(number, over=over), ana)
    await house.pbx("trunk", "set", "carrier", "--transport", "udp")


async def test_alaw_is_preferred_and_ulaw_works(house, other: Peer):
    slug, number = await house.firm("other")
    await house.phone(slug)
    for codecs, taken in (("8 0", "8"), ("0 8", "8"), ("0", "0"), ("9 96 8", "8")):
        other.invite(number, FROM, codecs=codecs)
        answer = await other.answer("200", 10)
        assert re.search(r"^m=audio \d+ RTP/AVP (\d+)", answer, re.MULTILINE)[1] == taken, codecs
        await other.give_up()


async def test_who_speaks_no_codec_of_ours_is_told_so(house, other: Peer):
    _, number = await house.firm("other")
    other.invite(number, FROM, codecs="9 96")
    assert "488 Not Acceptable Here" in await other.answer("488")


# --- telephones -------------------------------------------------------------------------------------------


async def test_a_secure_telephone_talks_encrypted(house):
    slug, number = await house.firm()
    ana = await house.phone(slug, over="tls")
    await talk(await house.world.call(number), ana)


async def test_a_secure_telephone_that_does_not_encrypt_is_not_rung(house):
    slug, number = await house.firm()
    account = await house.account(slug, "--secure")
    plain = await house.world.unregistered_phone(account["user"], account["password"])
    caller = await house.world.call(number)
    await caller.answered(30)  # nobody could be rung
    await caller.hang_up()
    assert plain.calls == []
    await house.state(account["user"], "away")


async def test_a_telephone_behind_a_router_is_heard_and_hears(house):
    slug, number = await house.firm()
    ana = await house.phone(slug, over="nat")
    contacts = await house.pbx("asterisk", "console", "-x", "pjsip show contacts")
    assert f"@{BEHIND_NAT}:{PORTS.sip}" in contacts
    assert INSIDE_NAT not in contacts
    await talk(await house.world.call(number), ana)


async def test_a_second_registration_replaces_the_first(house):
    slug, number = await house.firm()
    account = await house.account(slug)
    first = await house.world.phone(account["user"], account["password"])
    elsewhere = {"over": "nat", "name": f"{account['user']}-2"}
    second = await house.world.phone(account["user"], account["password"], 1000, **elsewhere)
    second.answers(0.2)
    await house.state(account["user"], "reached")
    await talk(await house.world.call(number), second, 1000)
    assert first.calls == []


async def test_a_telephone_that_vanishes_is_known_to_be_gone_and_is_not_rung(house):
    slug, number = await house.firm()
    account = await house.account(slug)
    target = f"sip:{OTHER}@{CARRIER}"
    async with forwarding(house.world.place.pbx, account["user"], account["password"], target) as phone:
        await house.state(account["user"], "reached")
    await house.state(account["user"], "away", NOTICED)
    caller = await house.world.call(number)
    await caller.ringing()
    await caller.hang_up()
    call = (await house.calls(slug))[-1]
    story = await house.office.ask("call", "show", call["id"])
    assert "Offered" not in str(story)
    assert not phone.forwarded.is_set()


async def test_a_telephone_that_is_left_on_forward_is_told_of(house):
    slug, number = await house.firm()
    account = await house.account(slug)
    target = f"sip:{OTHER}@{CARRIER}"
    async with forwarding(house.world.place.pbx, account["user"], account["password"], target) as phone:
        await house.state(account["user"], "reached")
        caller = await house.world.call(number)
        await asyncio.wait_for(phone.forwarded.wait(), patience(5))
        (call,) = await house.calls(slug)

        async def told() -> bool:
            story = await house.pbx("--lang", "en", "call", "show", call["id"])
            return "telephone is left on forward" in " ".join(story.split())

        await until(told, True, 5)
        await caller.hang_up()


async def test_who_asks_for_an_unknown_number_is_counted_by_it(house, other: Peer):
    await house.pbx("trunk", "set", "other", "--did-from", "request")
    other.invite("0056229998877", FROM)
    await other.answer("404")

    async def now() -> list[str]:
        rows = await house.office.ask("--lang", "en", "trunk", "refusals")
        return [row["mend"] for row in rows if row["number"] == "0056229998877"]

    await until(now, ["it is none of ours: if it should be, `did add +56229998877`"], 15)


async def test_without_a_switch_nobody_claims_to_know(house, tmp_path):
    asleep = Installation(house.office.home, PORTS)
    answer = await _with_environment(asleep, "secretary", "list", "--json")
    assert '"unknown"' in answer
    assert '"reached"' not in answer


async def _with_environment(office: Installation, *words: str) -> str:
    """A command that looks for Asterisk where nobody listens."""
    process = await asyncio.create_subprocess_exec(
        *office.command,
        *words,
        env=office.environment | {"PBX_ASTERISK__AMI_PORT": str(PORTS.base + 99)},
        stdout=asyncio.subprocess.PIPE,
    )
    out, _ = await process.communicate()
    return out.decode()


# --- behind a router --------------------------------------------------------------------------------------

OUTSIDE = "203.0.113.9"
LOCAL_PEER = "127.0.0.13"


@pytest_asyncio.fixture(loop_scope="session")
async def behind_router(folder):
    """A switch without a daemon that has an outside address, and a client that is always closed."""
    settings = Settings(
        asterisk=AsteriskSettings(http_port=PORTS.base + 92, ami_port=PORTS.base + 93),
        sip=Sip(
            bind=f"127.0.0.1:{PORTS.base + 91}",
            rtp_ports="55000-55900",
            external_address=OUTSIDE,
            local_networks=["127.0.0.1/32", f"{LOCAL_PEER}/32"],
        ),
        secrets=Secrets(ari_password="ari-of-the-options", ami_password="ami-of-the-options"),
    )
    home = Home(folder / "router")
    trunks = (Trunk(1, "outside", (OTHER_CARRIER,)), Trunk(2, "inside", (LOCAL_PEER,)))
    office = Office(trunks=trunks, clients=(Client(1, "andes", "Andes"),), dids=(Did("+56225552099", "", 1),))
    await bring_into_force(stage(home, settings, office), home, settings)
    asterisk = runtime.choose(home, settings)
    await asyncio.to_thread(asterisk.start)
    yield Address("127.0.0.1", PORTS.base + 91)
    await asyncio.to_thread(asterisk.stop)


@pytest.mark.parametrize(("host", "told"), [(OTHER_CARRIER, OUTSIDE), (LOCAL_PEER, "127.0.0.1")])
async def test_the_outside_address_is_told_to_those_outside_only(behind_router, host, told):
    async with peer(behind_router, host, OTHER_PORT + 1) as one:
        one.invite("+56225552099", FROM)
        answer = await one.answer("200")
    assert re.search(r"^c=IN IP4 (\S+)", answer, re.MULTILINE)[1] == told
    assert re.search(r"^Contact: <sip:([\d.]+):", answer, re.MULTILINE)[1] == told
