"""Whatever a telephone, a carrier or a stranger sends, no call of ours goes where nobody of ours sent it: zero packets.

Two sockets are where such calls would go: a carrier's, with an account, and a stranger's.
"""

import asyncio
import itertools
import re
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from urllib.parse import quote

import pytest
import pytest_asyncio
import worker
from conftest import Firm, Town
from wire import Dialog, Wire, header, wire

from pbx_control.world.legs import patience
from pbx_control.world.people import Telephone

pytestmark = [pytest.mark.switch, pytest.mark.asyncio(loop_scope="session")]

CARRIER, STRANGER, HERS = "127.0.0.51", "127.0.0.77", "127.0.0.78"
PORT = worker.ports(1).base + 97
SATELLITE = "+881612345678"
# What Asterisk dials for a telephone it has dialled within milliseconds.
MOMENT = 0.4


@dataclass
class Scene:
    """A firm, its secretaries Ana (a socket) and Eva (a softphone), and the two sockets to which nothing may come."""

    town: Town
    firm: Firm
    account: dict[str, str]
    ana: Wire
    eva: Telephone
    carrier: Wire
    stranger: Wire
    trunk: str  # the carrier's name in Asterisk

    def named(self, target: str) -> str:
        """The target with the names of this scene in it."""
        names = {"TRUNK": self.trunk, "ANA": self.account["user"], "EVA": self.eva.name, "DID": self.firm.number}
        hosts = {
            "CARRIER": str(self.carrier.here),
            "STRANGER": str(self.stranger.here),
            "PBX": str(self.pbx),
            "HERS": str(self.ana.here),
        }
        for word, meant in (names | hosts).items():
            target = target.replace(word, meant)
        return target

    @property
    def pbx(self):
        return self.town.world.place.pbx

    @property
    def uri(self) -> str:
        return f"sip:{self.firm.number}@{self.pbx}"

    async def registered(self) -> None:
        """Ana's telephone is where she is, and the daemon knows."""
        answer = await self.ana.register(self.account["user"], self.account["password"], f"<sip:ana@{self.ana.here}>")
        assert answer.startswith("SIP/2.0 200")
        async with asyncio.timeout(patience(10)):
            while await self.state() != "reached":  # noqa: ASYNC110
                await asyncio.sleep(0.05)

    async def state(self) -> str:
        """What the switch says of Ana's telephone."""
        secretaries = await self.town.office.ask("secretary", "list")
        return next(one["telephone"] for one in secretaries if one["user"] == self.account["user"])

    def nothing_came(self) -> None:
        """To nobody to whom it should not."""
        assert self.carrier.packets == []
        assert self.stranger.packets == []
        assert self.eva.calls == []


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def scene(switch, world, post):
    town = Town(switch, world, post)
    if not switch.daemon or switch.daemon.returncode is not None:
        await switch.start_daemon()
    pbx, firm = world.place.pbx, await town.firm()
    account = await switch.ask("secretary", "add", "Ana toll", "--clients", firm.slug)
    eva = await town.secretary(firm, "Eva")
    await switch.pbx("secretary", "set", f"Eva {firm.slug}", "--paused")
    secret = ("--user", "cuenta", "--password", "una-clave-larga-y-segura")
    await switch.pbx("trunk", "add", "toll", "--match", CARRIER, "--host", f"{CARRIER}:{PORT}", *secret)
    await town.live()
    trunk = max(line.split()[1] for line in (await _endpoints(town)).splitlines() if " trunk-" in line).split("/")[0]
    async with wire(pbx, HERS, PORT) as ana, wire(pbx, CARRIER, PORT) as carrier, wire(pbx, STRANGER, PORT) as stranger:
        yield Scene(town, firm, account, ana, eva, carrier, stranger, trunk)
    await switch.pbx("trunk", "remove", "toll")


async def _endpoints(town: Town) -> str:
    return await town.office.pbx("asterisk", "console", "-x", "pjsip show endpoints")


@asynccontextmanager
async def caller_at(scene: Scene, host: str = "127.0.0.2", port: int = PORT) -> AsyncIterator[Wire]:
    """A carrier that brings calls, at an address of which nobody expects that calls go there."""
    async with wire(scene.pbx, host, port) as one:
        yield one


# --- a telephone sends its call elsewhere -----------------------------------------------------------------------

TARGETS = (
    "sip:+881612345678@CARRIER",
    "sip:PJSIP%2F+881612345678%40TRUNK@x",
    "sip:PJSIP%2FTRUNK%2Fsip%3Aevil%40STRANGER@x",
    "sip:PJSIP%2FANA%2Fsip%3Aevil%40STRANGER@x",
    "sip:PJSIP/+881612345678%40TRUNK@x",
    "sip:PJSIP%2FEVA@x",
    "sip:Local%2FDID%40arrival@x",
    "sip:evil@STRANGER",
)
STATUSES = ("302 Moved Temporarily", "300 Multiple Choices", "301 Moved", "305 Use Proxy", "380 Alternative Service")


async def _forwards_each(scene: Scene, before_each=lambda: None) -> None:
    """A caller waits, and Ana's telephone answers each INVITE with a redirection; the next offer waits for nobody."""
    scene.ana.answers["INVITE"] = None
    for number, target in enumerate(TARGETS):
        scene.ana.packets.clear()
        await scene.town.office.pbx("secretary", "set", "Ana toll", "--available")  # three refusals have paused her
        caller = await scene.town.world.call(scene.firm.number)
        invite = await scene.ana.heard(r"^INVITE", 20)
        before_each()
        status = STATUSES[number % len(STATUSES)]
        scene.ana.answer(invite, status, f"Contact: <{scene.named(target)}>")
        await scene.ana.heard(rf"^ACK[\s\S]*^Call-ID: {header(invite, 'Call-ID')}")
        await asyncio.sleep(MOMENT)
        scene.nothing_came()
        yield target
        await caller.hang_up()


async def test_her_telephone_forwards_and_no_call_is_made(scene):
    await scene.registered()
    async for target in _forwards_each(scene):
        channels = [line.split("!")[0] for line in (await scene.town.channels()).splitlines() if "!" in line]
        others = [name for name in channels if not name.startswith((f"PJSIP/{scene.account['user']}-", "PJSIP/trunk-"))]
        assert others == [], target
    story = await scene.town.office.ask("call", "show", (await scene.town.calls(scene.firm))[-1]["id"])
    left = [line for line in story["journal"] if line["event"] == "SecretaryLeft"]
    assert left[0]["details"]["cause"] == 23, left  # redirected: her telephone forwards


async def test_nor_while_the_daemon_hangs(scene):
    daemon = scene.town.office.daemon
    await scene.registered()
    async for _ in _forwards_each(scene, lambda: daemon.send_signal(signal.SIGSTOP)):
        daemon.send_signal(signal.SIGCONT)
    scene.nothing_came()


async def test_nor_without_one(scene):
    await scene.registered()
    await scene.town.office.kill_daemon()
    try:
        async for _ in _forwards_each(scene):
            pass
    finally:
        await scene.town.office.start_daemon()
    scene.nothing_came()


# --- where her telephone says that it is -------------------------------------------------------------------------

ELSEWHERE = (
    (("<sip:+881612345678@CARRIER>",), ()),
    (("<sip:ana@HERS>;expires=0", "<sip:+881612345678@CARRIER>"), ()),
    (("<sip:ana@HERS>;expires=0, <sip:+881612345678@CARRIER>",), ()),
    (("<sip:ana@HERS>", "<sip:+881612345678@CARRIER>"), ()),
    (("<tel:+56225550101>", "<sip:+881612345678@CARRIER>"), ()),
    (("<sip:ana@HERS>",), ("Path: <sip:CARRIER;lr>", "Supported: path")),
    (("<sip:ana@HERS>",), ("Record-Route: <sip:CARRIER;lr>",)),
)


@pytest.mark.parametrize(("contacts", "further"), ELSEWHERE)
async def test_a_telephone_that_registers_a_carriers_address_is_not_rung_there(scene, contacts, further):
    """The switch's question for a sign of life may come, which calls nobody."""
    contacts = map(scene.named, contacts)
    account = scene.account["user"], scene.account["password"]
    await scene.ana.register(*account, *contacts, further=tuple(map(scene.named, further)))
    caller = await scene.town.world.call(scene.firm.number)
    await caller.ringing()
    await asyncio.sleep(MOMENT)
    await caller.hang_up()
    assert {text.split(" ")[0] for text in scene.carrier.packets} <= {"OPTIONS"}
    scene.carrier.packets.clear()
    scene.nothing_came()


_callers = itertools.count(71000001)
# No carrier's address that we know, so the switch keeps the contact; the last is a name, looked up at each call.
AT_A_NAME = ("<sip:ana@HERS>;expires=0", "<sip:+881612345678@nowhere.invalid>")
BY_MADDR = ("<sip:ana@HERS>;expires=0", "<sip:ana@HERS;maddr=127.0.0.77>")
BY_ROUTE = ("<sip:ana@HERS>;expires=0", "<sip:ana@HERS?Route=%3Csip%3ASTRANGER%3Blr%3E>")
NOT_HERS = (
    ("<sip:ana@HERS>;expires=0", "<sip:+881612345678@STRANGER>"),
    ("<sip:ana@HERS>;expires=0, <sip:+881612345678@STRANGER;x=ana%40HERS>",),
    AT_A_NAME,
)


async def _is_not_rung_there(scene: Scene) -> None:
    """A caller waits, and nobody is called. (The switch asks any contact for a sign of life, OPTIONS, and repeats the
    INVITEs of earlier callers, which she leaves unanswered.)"""
    number = f"+569{next(_callers)}"
    caller = await scene.town.world.call(scene.firm.number, number)
    await caller.ringing()
    await asyncio.sleep(MOMENT)
    assert caller.end.at is None
    await caller.hang_up()
    assert {text.split(" ")[0] for text in scene.stranger.requests} <= {"OPTIONS"}
    assert [text for text in scene.ana.requests if text.startswith("INVITE") and number in text] == []


@pytest.mark.parametrize("contacts", NOT_HERS)
async def test_a_telephone_is_rung_only_where_its_password_came_from(scene, contacts):
    await scene.registered()
    scene.ana.packets.clear()
    account = scene.account["user"], scene.account["password"]
    answer = await scene.ana.register(*account, *map(scene.named, contacts))
    assert answer.startswith("SIP/2.0 200")
    await _is_not_rung_there(scene)
    # and soon the switch does not even ask it for signs of life
    async with asyncio.timeout(patience(10)):
        while await scene.state() != "away":  # noqa: ASYNC110
            await asyncio.sleep(0.05)
    scene.stranger.packets.clear()
    await _is_not_rung_there(scene)
    await scene.registered()  # she herself is let in as before
    # offers that led nowhere count as refusals, and three pause her
    await scene.town.office.pbx("secretary", "set", "Ana toll", "--available")


async def test_without_a_daemon_it_is_rung_at_no_name(scene):
    await scene.registered()
    account = scene.account["user"], scene.account["password"]
    await scene.town.office.kill_daemon()
    try:
        scene.ana.packets.clear()
        answer = await scene.ana.register(*account, *map(scene.named, AT_A_NAME))
        assert answer.startswith("SIP/2.0 200")
        await _is_not_rung_there(scene)
        # at home she is rung
        await scene.ana.register(*account, f"<sip:ana@{scene.ana.here}>")
        caller = await scene.town.world.call(scene.firm.number)
        await scene.ana.heard(r"^INVITE", 20)
        await caller.hang_up()
    finally:
        await scene.town.office.start_daemon()
    scene.stranger.packets.clear()


async def test_a_carrier_cannot_say_where_it_is(scene):
    async with caller_at(scene) as other:
        uri = f"sip:{scene.pbx}"
        for name in ("trunk-1", scene.trunk, scene.account["user"]):
            to = f"<sip:{name}@{scene.pbx}>"
            answer = await other.ask(
                "REGISTER", uri, f"From: {to};tag=x", f"To: {to}", scene.named("Contact: <sip:x@STRANGER>")
            )
            assert answer.startswith(("SIP/2.0 40", "SIP/2.0 50"))
    scene.nothing_came()


# --- what somebody in a call may ask for -------------------------------------------------------------------------


@asynccontextmanager
async def in_a_call(scene: Scene) -> AsyncIterator[tuple[Wire, Dialog]]:
    """A caller who talks with Ana."""
    await scene.registered()
    scene.ana.packets.clear()
    scene.ana.answers["INVITE"] = ["200 OK", "Content-Type: application/sdp", f"Contact: <sip:ana@{scene.ana.here}>"]
    async with caller_at(scene) as caller:
        dialog = await caller.call(scene.uri)
        yield caller, dialog
        caller.send("BYE", scene.uri, within=dialog)
        await caller.heard(r"^SIP/2.0 200[\s\S]*BYE|^BYE")
    scene.ana.answers["INVITE"] = None


REFER_TO = (
    "<sip:EVA@PBX?Replaces=IDS>",
    "<sip:DID@PBX?Replaces=IDS&x=LONG>",
    "<sip:+881612345678@CARRIER>",
    "<sip:PJSIP%2F+881612345678%40TRUNK@PBX>",
    "<sip:evil@STRANGER>",
    "<sip:EVA@PBX>",
)


async def test_a_transfer_is_refused(scene):
    async with in_a_call(scene) as (caller, dialog):
        ids = quote(dialog.replaces.partition(" ")[2], safe="")
        for within in (dialog, None):
            for target in REFER_TO:
                target = target.replace("IDS", ids).replace("LONG", LONG)
                answer = await caller.ask("REFER", scene.uri, scene.named(f"Refer-To: {target}"), within=within)
                assert answer.startswith(("SIP/2.0 4", "SIP/2.0 5", "SIP/2.0 6")), answer
        await asyncio.sleep(MOMENT)
        scene.nothing_came()
        assert "BYE" not in [text.split(" ")[0] for text in caller.requests]


LONG = "a" * 5000
TAKEOVERS = (
    ("Replaces: IDS",),
    ("Replaces: IDS", "Require: replaces"),
    ("Replaces: IDS;early-only",),
    ("Replaces: CALL;x=y;TAGS",),
    ("REPLACES : CALL ; TAGS",),
    ("replaces:\r\n CALL\r\n\t;x=y\r\n ;TAGS", "Require: replaces"),
    (f"X-Long: {LONG}", "Replaces: IDS"),
    ("Replaces: IDS", f"X-Long: {LONG}"),
    (f"Replaces: nobody;to-tag=1;from-tag=2;x={LONG}", "Replaces: IDS"),
    ("Replaces: IDS", "Replaces: IDS"),
    ("Join: IDS",),
)


def takeover(headers: tuple[str, ...], dialog: Dialog) -> tuple[str, ...]:
    ids = dialog.replaces.partition(" ")[2]
    call, _, tags = ids.partition(";")
    words = {"IDS": ids, "CALL": call, "TAGS": tags}
    return tuple(re.sub(r"\b(IDS|CALL|TAGS)\b", lambda found: words[found[1]], one) for one in headers)


@pytest.mark.parametrize("headers", TAKEOVERS, ids=lambda headers: headers[0][:40])
async def test_nobody_takes_the_place_of_who_talks(scene, headers):
    account = scene.account["user"], scene.account["password"]
    async with in_a_call(scene) as (caller, dialog), caller_at(scene, port=PORT - 1) as thief:
        answer = await thief.ask("INVITE", scene.uri, *takeover(headers, dialog))
        assert not answer.startswith("SIP/2.0 2"), answer
        answer = await scene.ana.ask_as(*account, "INVITE", scene.uri, *takeover(headers, dialog))
        assert not answer.startswith("SIP/2.0 2"), answer
        await asyncio.sleep(MOMENT)
        assert "BYE" not in [text.split(" ")[0] for text in caller.requests]
        scene.nothing_came()


# --- headers of a call, and calls to somewhere else ----------------------------------------------------------------

HEADERS = (
    ("sip:DID@PBX", ("Route: <sip:STRANGER;lr>",)),
    ("sip:DID@PBX", ("Record-Route: <sip:STRANGER;lr>", "Contact: <sip:x@STRANGER>")),
    ("sip:DID@PBX", ("Diversion: <sip:+881612345678@CARRIER>;reason=unconditional",)),
    ("sip:DID@PBX", ("History-Info: <sip:+881612345678@CARRIER>;index=1",)),
    (
        "sip:DID@PBX",
        ("Referred-By: <sip:evil@STRANGER>", "Call-Info: <http://STRANGER/x>", "Alert-Info: <http://STRANGER/x>"),
    ),
    ("sip:DID@PBX", ('From: "PJSIP/+881612345678@TRUNK" <sip:PJSIP%2F+881612345678%40TRUNK@x>;tag=a',)),
    ("sip:+881612345678@CARRIER", ()),
    ("sip:evil@STRANGER", ()),
    ("sip:PJSIP%2F+881612345678%40TRUNK@PBX", ()),
    ("sip:+881612345678@PBX", ()),
)


@pytest.mark.parametrize(("uri", "headers"), HEADERS)
async def test_what_a_call_brings_along_leads_nowhere(scene, uri, headers):
    async with caller_at(scene) as caller:
        caller.send("INVITE", scene.named(uri), *map(scene.named, headers))
        await caller.heard(r"^SIP/2.0 (180|[2-6])")
        await asyncio.sleep(MOMENT)
        scene.nothing_came()


OTHERS = (
    ("MESSAGE", ("Content-Type: text/plain",)),
    ("SUBSCRIBE", ("Event: dialog",)),
    ("PUBLISH", ("Event: presence",)),
    ("NOTIFY", ("Event: refer", "Subscription-State: active")),
    ("OPTIONS", ("Path: <sip:STRANGER;lr>",)),
)


@pytest.mark.parametrize(("method", "headers"), OTHERS)
async def test_other_requests_are_answered_and_lead_nowhere(scene, method, headers):
    async with caller_at(scene) as caller:
        await caller.ask(method, scene.uri, *map(scene.named, headers))
        scene.nothing_came()


# Last of all: Asterisk takes her own registration after one with headers for the same contact, until it is forgotten.
@pytest.mark.parametrize("contacts", [BY_MADDR, BY_ROUTE])
async def test_a_telephone_is_rung_nowhere_beside_its_address(scene, contacts):
    await test_a_telephone_is_rung_only_where_its_password_came_from(scene, contacts)


@pytest.mark.parametrize("contacts", [BY_MADDR, BY_ROUTE])
async def test_nor_without_a_daemon(scene, contacts):
    await scene.town.office.kill_daemon()
    try:
        scene.ana.packets.clear()
        account = scene.account["user"], scene.account["password"]
        answer = await scene.ana.register(*account, *map(scene.named, contacts))
        assert answer.startswith("SIP/2.0 200")
        await _is_not_rung_there(scene)
    finally:
        await scene.town.office.start_daemon()
