"""No call comes of what a contact's telephone answers, of a caller's keys, or of what a registered telephone dials."""

import asyncio
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

import pytest
import pytest_asyncio
import worker
from conftest import Firm, Town
from wire import Wire, header, wire

from pbx_control.world.legs import Leg, Ringing
from pbx_control.world.people import Telephone

pytestmark = [pytest.mark.switch, pytest.mark.asyncio(loop_scope="session")]

CARRIER, STRANGER, HERS = "127.0.0.52", "127.0.0.79", "127.0.0.80"
PORT = worker.ports(1).base + 95
ROSA, PREMIUM = "+56987650095", "+19005550195"
# What Asterisk dials for a leg that it has dialled within milliseconds.
MOMENT = 0.4


@dataclass
class Scene:
    """A firm whose contact Rosa is called over a carrier that is a socket; Ana answers, Eva is paused."""

    town: Town
    firm: Firm
    ana: Telephone
    eva: Telephone
    carrier: Wire
    stranger: Wire
    premium: Telephone
    trunk: str
    account: dict[str, str]  # of Ben, whose telephone is whatever a test likes

    def named(self, target: str) -> str:
        words = {
            "TRUNK": self.trunk,
            "EVA": self.eva.name,
            "BEN": self.account["user"],
            "DID": self.firm.number,
            "CARRIER": str(self.carrier.here),
            "STRANGER": str(self.stranger.here),
            "PBX": str(self.town.world.place.pbx),
            "WORLD": str(self.town.world.place.carrier),
        }
        for word, meant in words.items():
            target = target.replace(word, meant)
        return target

    def nothing_came(self) -> None:
        """Nowhere but to Rosa, once for each consultation."""
        invites = [text for text in self.carrier.requests if text.startswith("INVITE")]
        assert all(ROSA[1:] in text.splitlines()[0] for text in invites)
        assert len({header(text, "Call-ID") for text in invites}) <= 1
        assert self.stranger.packets == []
        assert self.eva.calls == []
        assert self.premium.calls == []


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def scene(switch, world, post):
    town = Town(switch, world, post)
    if not switch.daemon or switch.daemon.returncode is not None:
        await switch.start_daemon()
    firm = await town.firm()
    secret = ("--user", "cuenta", "--password", "una-clave-larga-y-segura")
    await switch.pbx("trunk", "add", "rosas", "--match", CARRIER, "--host", f"{CARRIER}:{PORT}", *secret)
    shown = firm.number.replace("+562255510", "+562255530")
    await switch.pbx("did", "add", shown, "--trunk", "rosas")
    await switch.pbx("did", "assign", shown, firm.slug, "--main")
    await switch.pbx("contact", "add", firm.slug, "Rosa", ROSA, "--key", "1")
    ana = (await town.secretary(firm, "Ana")).answers(0.1)
    eva = await town.secretary(firm, "Eva")
    await switch.pbx("secretary", "set", f"Eva {firm.slug}", "--paused")
    account = await switch.ask("secretary", "add", f"Ben {firm.slug}", "--clients", firm.slug)
    await switch.pbx("secretary", "set", f"Ben {firm.slug}", "--paused")
    await town.live()
    shown = await switch.pbx("asterisk", "console", "-x", "pjsip show endpoints")
    trunk = max(line.split()[1] for line in shown.splitlines() if " trunk-" in line).split("/")[0]
    premium = world.contact(PREMIUM)
    pbx = world.place.pbx
    async with wire(pbx, CARRIER, PORT) as carrier, wire(pbx, STRANGER, PORT) as stranger:
        carrier.answers["INVITE"] = None
        yield Scene(town, firm, ana, eva, carrier, stranger, premium, trunk, account)
    await switch.pbx("did", "release", firm.number.replace("+562255510", "+562255530"))
    await switch.pbx("did", "remove", firm.number.replace("+562255510", "+562255530"))
    await switch.pbx("trunk", "remove", "rosas")


@asynccontextmanager
async def consulting(scene: Scene) -> AsyncIterator[tuple[Leg, Ringing, str]]:
    """A caller talks with Ana, who calls Rosa: the caller, Ana's leg, and the INVITE that has come for Rosa."""
    before = len(scene.ana.calls)
    caller = await scene.town.world.call(scene.firm.number)
    await caller.answered()
    her = await scene.ana.rung(before + 1)
    await asyncio.sleep(0.5)
    scene.carrier.packets.clear()
    await her.press("*1")
    invite = await scene.carrier.heard(r"^INVITE", 10)
    yield caller, her, invite
    await caller.hang_up()


TARGETS = (
    "sip:+19005550195@CARRIER",
    "sip:+19005550195@WORLD",
    "sip:PJSIP%2F+19005550195%40TRUNK@x",
    "sip:PJSIP%2FTRUNK%2Fsip%3Aevil%40STRANGER@x",
    "sip:PJSIP/+19005550195%40TRUNK@x",
    "sip:PJSIP%2FEVA@x",
    "sip:Local%2FDID%40arrival@x",
    "sip:evil@STRANGER",
)
STATUSES = ("302 Moved Temporarily", "300 Multiple Choices", "301 Moved", "305 Use Proxy", "380 Alternative Service")
EACH = [(target, STATUSES[number % len(STATUSES)]) for number, target in enumerate(TARGETS)]


async def redirected(scene: Scene, invite: str, target: str, status: str) -> None:
    """The contact's side answers with the redirection, and for a moment nothing comes."""
    scene.carrier.answer(invite, status, f"Contact: <{scene.named(target)}>")
    await scene.carrier.heard(rf"^ACK[\s\S]*^Call-ID: {header(invite, 'Call-ID')}")
    await asyncio.sleep(MOMENT)
    scene.nothing_came()


@pytest.mark.parametrize(("target", "status"), EACH)
async def test_a_contact_that_forwards_makes_no_call(scene, target, status):
    async with consulting(scene) as (caller, her, invite):
        await redirected(scene, invite, target, status)
        assert caller.end.at is None
        assert her.end.at is None


@pytest.mark.parametrize(("target", "status"), EACH)
async def test_nor_while_the_daemon_hangs(scene, target, status):
    daemon = scene.town.office.daemon
    async with consulting(scene) as (caller, her, invite):
        daemon.send_signal(signal.SIGSTOP)
        try:
            await redirected(scene, invite, target, status)
            assert caller.end.at is None
            assert her.end.at is None
        finally:
            daemon.send_signal(signal.SIGCONT)


@pytest.mark.parametrize(("target", "status"), EACH)
async def test_nor_without_one(scene, target, status):
    async with consulting(scene) as (caller, her, invite):
        await scene.town.office.kill_daemon()
        try:
            await redirected(scene, invite, target, status)
            assert caller.end.at is None
            assert her.end.at is None
        finally:
            await scene.town.office.start_daemon()
    scene.nothing_came()


# --- what a registered telephone dials ----------------------------------------------------------------------------

DIALLED = (
    ("sip:+19005550195@PBX", ()),
    ("sip:DID@PBX", ()),
    ("sip:EVA@PBX", ()),
    ("sip:BEN@PBX", ()),
    ("sip:TRUNK@PBX", ()),
    ("sip:s@PBX", ()),
    ("sip:T@PBX", ()),
    ("sip:h@PBX", ()),
    ("sip:*1@PBX", ()),
    ("sip:133@PBX", ()),
    ("sip:generation@PBX", ()),
    ("sip:PJSIP%2F+19005550195%40TRUNK@PBX", ()),
    ("sip:PJSIP%2FTRUNK%2Fsip%3Aevil%40STRANGER@PBX", ()),
    ("sip:Local%2FDID%40arrival@PBX", ()),
    ("sip:+19005550195@CARRIER", ()),
    ("sip:evil@STRANGER", ()),
    ("tel:+19005550195", ()),
    ("sip:+19005550195@PBX", ("Route: <sip:CARRIER;lr>",)),
    ("sip:DID@PBX", ("Diversion: <sip:+19005550195@CARRIER>",)),
    ("sip:DID@PBX", ("P-Asserted-Identity: <sip:+56225550101@PBX>",)),
    ("sip:DID@PBX;transport=tcp", ("Request-Disposition: proxy",)),
    ("sip:DID@PBX?Replaces=1%3Bto-tag%3D2%3Bfrom-tag%3D3", ()),
)


@pytest.mark.parametrize(("uri", "headers"), DIALLED)
async def test_a_registered_telephone_makes_no_call(scene, uri, headers):
    scene.carrier.packets.clear()
    async with wire(scene.town.world.place.pbx, HERS, PORT) as ben:
        account = scene.account["user"], scene.account["password"]
        assert (await ben.register(*account, f"<sip:ben@{ben.here}>")).startswith("SIP/2.0 200")
        answer = await ben.ask_as(*account, "INVITE", scene.named(uri), *map(scene.named, headers))
        assert answer.startswith(("SIP/2.0 4", "SIP/2.0 5", "SIP/2.0 6")), answer
        await asyncio.sleep(MOMENT)
        assert [text for text in ben.requests if text.startswith("INVITE")] == []
        await ben.register(*account, f"<sip:ben@{ben.here}>;expires=0")
    scene.nothing_came()
    assert scene.carrier.requests == []


# --- a caller's keys ---------------------------------------------------------------------------------------------

KEYS = "*1##*0*7*8*#*9*2*3*4*5*60#19005550195#"


async def presses(scene: Scene, caller: Leg) -> None:
    """The caller presses all of them; no leg comes of it."""
    before = len([line for line in (await scene.town.channels()).splitlines() if line.startswith("PJSIP/")])
    await caller.press(KEYS)
    await asyncio.sleep(MOMENT)
    after = len([line for line in (await scene.town.channels()).splitlines() if line.startswith("PJSIP/")])
    assert after <= before
    assert caller.end.at is None
    scene.nothing_came()


async def test_a_callers_keys_make_no_call_while_he_waits(scene):
    scene.ana.rings_on()
    before = len(scene.ana.calls)
    scene.carrier.packets.clear()
    caller = await scene.town.world.call(scene.firm.number)
    await scene.ana.rung(before + 1)
    await presses(scene, caller)
    await caller.hang_up()
    scene.ana.answers(0.1)
    assert scene.carrier.requests == []


async def test_nor_while_he_talks(scene):
    before = len(scene.ana.calls)
    scene.carrier.packets.clear()
    caller = await scene.town.world.call(scene.firm.number)
    await caller.answered()
    her = await scene.ana.rung(before + 1)
    await presses(scene, caller)
    assert her.end.at is None
    await caller.hang_up()
    assert scene.carrier.requests == []


async def test_nor_while_he_hears_music_during_a_consultation(scene):
    async with consulting(scene) as (caller, her, invite):
        await presses(scene, caller)
        assert her.end.at is None
        scene.carrier.answer(invite, "486 Busy Here")  # else it comes again
        await scene.carrier.heard(rf"^ACK[\s\S]*^Call-ID: {header(invite, 'Call-ID')}")


async def test_nor_without_a_daemon(scene):
    before = len(scene.ana.calls)
    scene.carrier.packets.clear()
    await scene.town.office.kill_daemon()
    try:
        caller = await scene.town.world.call(scene.firm.number)
        await caller.answered()
        await scene.ana.rung(before + 1)
        await presses(scene, caller)
        await caller.hang_up()
    finally:
        await scene.town.office.start_daemon()
    assert scene.carrier.requests == []
