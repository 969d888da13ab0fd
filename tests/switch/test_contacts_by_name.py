"""What a telephone writes into its Contact is looked up for no stranger, holds up nobody, and leads to no carrier.

The switch asks a name server of these tests, so that each look-up is an event that is seen.
"""

import asyncio
from dataclasses import dataclass

import pytest
import pytest_asyncio
import worker
from alone import Alone, switch_alone
from name_server import NameServer, name_server
from wire import Wire, header, wire

from pbx_control.asterisk.runtime import bubblewrap
from pbx_control.domain.office import Client, Secretary, Trunk
from pbx_control.world.config import Address
from pbx_control.world.legs import patience

pytestmark = [pytest.mark.switch, pytest.mark.asyncio(loop_scope="session")]

NAME_SERVER = f"127.53.0.{1 + worker.NUMBER}"
# The carrier, another address of the carrier's that we do not know, a stranger, and where the telephones are.
CARRIER, CARRIERS_OTHER, STRANGER, HERS, EVAS = (f"127.0.0.{last}" for last in (151, 152, 153, 154, 155))
PORT = worker.ports(0).base + 95
SATELLITE = "+881612345678"


@dataclass
class Scene:
    """A switch without a daemon that knows a carrier, and a firm with Ana and Eva."""

    alone: Alone
    names: NameServer
    firm: Client

    @property
    def pbx(self) -> Address:
        return Address(self.alone.settings.sip.address, self.alone.settings.sip.port)

    def secretary(self, name: str) -> Secretary:
        return next(one for one in self.alone.office.secretaries if one.user == f"{name}{self.firm.id}")

    async def register(self, phone: Wire, name: str, *contacts: str) -> str:
        account = self.secretary(name)
        return await phone.register(account.user, account.password, *contacts)

    async def everybody_is_rung(self, eva: Wire) -> None:
        """A caller waits while Eva, who is at home, refuses him twice: the queue has come round to Ana."""
        eva.answers["INVITE"] = None
        caller = await self.alone.call(self.firm)
        refused: set[str] = set()
        while len(refused) < 2:
            invite = await eva.heard(rf"^INVITE(?![\s\S]*^Call-ID: ({'|'.join(refused) or '-'})\r$)", 30)
            eva.answer(invite, "486 Busy Here")
            refused.add(header(invite, "Call-ID"))
        assert caller.end.at is None
        await caller.hang_up()


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def scene(folder):
    resolver = folder / "resolv.conf"
    resolver.write_text(f"nameserver {NAME_SERVER}\n")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(bubblewrap, "RESOLVER", str(resolver))
        async with name_server(NAME_SERVER) as names, switch_alone(folder) as alone:
            carrier = Trunk(7, "by-name", (CARRIER,), host=f"sip.carrier.example:{PORT}")
            await alone.publish(trunks=(*alone.office.trunks, carrier))
            yield Scene(alone, names, await alone.firm("Ana", "Eva"))


async def test_no_name_is_looked_up_for_a_stranger(scene):
    user = scene.secretary("ana").user
    names = [", ".join(f"<sip:x@n{one}-{number}.silent.example>" for number in range(30)) for one in range(60)]
    me = f"<sip:{user}@{scene.pbx}>"
    async with wire(scene.pbx, STRANGER, PORT) as stranger, wire(scene.pbx, HERS, PORT) as ana:
        answers = [
            stranger.send("REGISTER", f"sip:{scene.pbx}", f"From: {me};tag=x", f"To: {me}", f"Contact: {contacts}")
            for contacts in names
        ]
        assert (await scene.register(ana, "ana", f"<sip:ana@{ana.here}>")).startswith("SIP/2.0 200")
        for answer in answers:
            assert (await stranger.heard(answer)).startswith("SIP/2.0 401")
    assert [name for name in scene.names.questions if "silent" in name] == []


async def test_a_name_that_nobody_answers_for_holds_up_nobody(scene):
    """The switch asks her contact for a sign of life, once her password is right."""
    async with wire(scene.pbx, HERS, PORT) as ana, wire(scene.pbx, EVAS, PORT) as eva:
        elsewhere = ("<sip:ana@127.0.0.154>;expires=0", f"<sip:{SATELLITE}@hers.silent.example>")
        assert (await scene.register(ana, "ana", *elsewhere)).startswith("SIP/2.0 200")
        async with asyncio.timeout(patience(10)):
            await scene.names.asked("hers.silent.example.")
        asked = len(scene.names.questions)
        assert (await eva.ask("OPTIONS", f"sip:{scene.pbx}")).startswith("SIP/2.0 ")
        assert (await scene.register(eva, "eva", f"<sip:eva@{eva.here}>")).startswith("SIP/2.0 200")
        assert len(scene.names.questions) == asked, "the resolver asks again after five seconds"


# Two of them are 127.0.0.151 in other words.
AT_CARRIERS = (CARRIER, "127.151", "0177.0.0.0227", "named.example")


@pytest.mark.parametrize("host", AT_CARRIERS)
async def test_no_call_goes_to_a_carrier_because_a_telephone_has_registered_there(scene, host):
    """Only the switch's question for a sign of life does, which calls nobody."""
    scene.names.addresses["named.example."] = CARRIER
    async with wire(scene.pbx, CARRIER, PORT) as carrier, wire(scene.pbx, EVAS, PORT) as eva:
        async with wire(scene.pbx, HERS, PORT) as ana:
            assert (await scene.register(eva, "eva", f"<sip:eva@{eva.here}>")).startswith("SIP/2.0 200")
            at_carrier = (f"<sip:ana@{ana.here}>;expires=0", f"<sip:{SATELLITE}@{host}:{PORT};transport=udp>")
            assert (await scene.register(ana, "ana", *at_carrier)).startswith("SIP/2.0 200")
        await scene.everybody_is_rung(eva)
        # The name server has kept silent before: pjproject leaves such a one alone for a minute.
        await carrier.heard("^OPTIONS ", 90)
        assert {text.split(" ")[0] for text in carrier.packets} == {"OPTIONS"}
