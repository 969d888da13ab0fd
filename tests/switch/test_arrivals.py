"""What carriers send when a call arrives, byte by byte, and what is made of it by the switch alone: the number that is
called, who calls, and one call that comes twice."""

import asyncio
from contextlib import asynccontextmanager
from dataclasses import replace

import pytest
import pytest_asyncio
from alone import CARRIERS, PORTS, number_of
from peer import peer

from pbx_control.asterisk.ami import Ami, Refused, refusal
from pbx_control.domain.office import Did
from pbx_control.world.installation import CARRIER
from pbx_control.world.legs import patience

pytestmark = [pytest.mark.switch, pytest.mark.asyncio(loop_scope="session")]

MARIA, MARIAS = "+56912345678", "<sip:+56912345678@carrier>"


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def carrier(alone):
    async with peer(alone.world.place.pbx, CARRIER, PORTS.base + 61) as one:
        yield one


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def rung(alone):
    """A firm and the telephone of its secretary, who lets it ring."""
    firm = await alone.firm("Ana")
    return firm, (await alone.phone(firm, "Ana")).rings_on()


@pytest_asyncio.fixture(autouse=True, loop_scope="session")
async def quiet(alone, carrier):
    """No call of one test is there in the next one."""
    yield
    await carrier.give_up()
    await alone.publish(trunks=CARRIERS)
    await alone.until(lambda: not alone.channels())


async def rings(alone, ana, before):
    """Her telephone rings for one call more; gives that, and the call's id."""

    def callers() -> list[str]:
        lines = alone.console("core show channels concise").splitlines()
        return [line.split("!")[-1].strip() for line in lines if line.startswith("PJSIP/trunk-1-")]

    ring = await ana.rung(before + 1)
    await alone.until(lambda: len(callers()) == 1)
    return ring, callers()[0]


@asynccontextmanager
async def refusals(alone):
    """Collects what AMI tells of refusals within the block."""
    told: asyncio.Queue[Refused] = asyncio.Queue()

    def listen(name, event):
        if refused := refusal(name, event):
            told.put_nowait(refused)

    ami = Ami(alone.settings, alone.home, listen)
    await ami.connect()
    try:
        yield told
    finally:
        ami.close()


# --- the number that is called --------------------------------------------------------------------------------

WAYS = ["+{plain}", "{plain}", "00{plain}", "{national}", "0{national}", "+56-2-{local}"]


@pytest.mark.parametrize("number_format", ["e164", "plain", "national"])
async def test_our_number_is_known_however_the_carrier_writes_it(alone, carrier, rung, number_format):
    firm, ana = rung
    await alone.publish(trunks=(replace(CARRIERS[0], number_format=number_format),))
    number = number_of(firm)
    for way in WAYS:
        before = len(ana.calls)
        carrier.invite(way.format(plain=number[1:], national=number[3:], local=number[4:]), MARIAS)
        await rings(alone, ana, before)
        await carrier.give_up()
        await alone.until(lambda: not alone.channels())


@pytest.mark.parametrize(
    "to",
    [
        "<tel:{plain}>",
        "<tel:+56-2-{local};npdi>",
        "<sip:{plain};npdi@carrier;user=phone>",
        "<sip:{national}:secret@carrier:5060;user=phone>;cause=1",
        '"Firma \\"+56999999999\\", <sip:+56999999998@x>" <sip:+{plain}@carrier>',
        "<sip:%2B{plain}@carrier>",
    ],
)
async def test_it_may_stand_in_to_in_any_form_of_an_address(alone, carrier, rung, to):
    firm, ana = rung
    await alone.publish(trunks=(replace(CARRIERS[0], did_from="to"),))
    before, number = len(ana.calls), number_of(firm)
    carrier.invite("cuenta", MARIAS, to=to.format(plain=number[1:], national=number[3:], local=number[4:]))
    await rings(alone, ana, before)


@pytest.mark.parametrize(
    ("dialled", "told"),
    [("+56229999999", "+56229999999"), ("22999", "22999"), ("cuenta", "cuenta"), ("+" + "5" * 40, "+" + "5" * 31)],
)
async def test_a_refusal_says_which_number_was_asked_for(alone, carrier, dialled, told):
    async with refusals(alone) as heard:
        carrier.invite(dialled, MARIAS)
        await carrier.answer("404")
        one = await asyncio.wait_for(heard.get(), patience(3))
    assert (one, one.number, one.trunk) == (Refused(CARRIER, "unknown-number"), told, "trunk-1")


async def test_a_number_that_may_be_two_of_ours_is_refused_and_one_of_another_trunk(alone, carrier, rung):
    firm, _ = rung
    office = alone.office
    more = (Did("+4412345678", "", firm.id), Did("+564412345678", "", firm.id), Did("+56225559999", "other", firm.id))
    other = replace(CARRIERS[0], id=2, name="other", match=("127.0.0.77",))
    await alone.publish(dids=(*office.dids, *more), trunks=(*CARRIERS, other))
    async with refusals(alone) as heard:
        for dialled, reason in (("4412345678", "ambiguous-number"), ("+56225559999", "unknown-number")):
            carrier.invite(dialled, MARIAS)
            await carrier.answer("404")
            one = await asyncio.wait_for(heard.get(), patience(3))
            assert (one.reason, one.number) == (reason, dialled)
            await carrier.give_up()
    await alone.publish(dids=office.dids)


# --- who calls ------------------------------------------------------------------------------------------------

ASSERTED = {
    "sip and tel": '"Maria" <sip:+56912345678@x>, <tel:+56912345678>',
    "tel and sip": '<tel:+56-9-1234-5678;ext=5>,"M" <sip:maria@x>',
    "sip without number, and tel": "<sip:maria@x>, <tel:+56912345678>",
    "one": "<sip:+56912345678;npdi@x;user=phone>",
    "a name with numbers and quotes": '"<sip:+56999999999@x>, \\"<tel:+56999999998>" <sip:+56912345678@x>',
    "national": "<sip:912345678@x>",
    "with zeros": "<tel:0056912345678>",
    "bare": "tel:+56912345678",
}


@pytest.mark.parametrize("asserted", ASSERTED.values(), ids=ASSERTED.keys())
async def test_the_asserted_identity_is_read_whatever_its_form(alone, carrier, rung, asserted):
    firm, ana = rung
    await alone.publish(trunks=(replace(CARRIERS[0], identity="pai"),))
    before = len(ana.calls)
    carrier.invite(number_of(firm), "<sip:+56900000000@carrier>", f"P-Asserted-Identity: {asserted}")
    ring, ident = await rings(alone, ana, before)
    await carrier.give_up()
    assert ring.number == MARIA
    assert (await alone.absent_by_id(ident)).caller == MARIA


async def test_two_headers_of_asserted_identity_and_one_that_names_nobody(alone, carrier, rung):
    firm, ana = rung
    await alone.publish(trunks=(replace(CARRIERS[0], identity="pai"),))
    sip, tel = "P-Asserted-Identity: <sip:maria@x>", f"P-Asserted-Identity: <tel:{MARIA}>"
    for headers, shown in (((sip, tel), MARIA), ((sip,), "+56900000000"), ((tel, "Privacy: id"), "")):
        before = len(ana.calls)
        carrier.invite(number_of(firm), "<sip:+56900000000@carrier>", *headers)
        ring, _ = await rings(alone, ana, before)
        await carrier.give_up()
        await alone.until(lambda: not alone.channels())
        assert ring.number.replace("<unknown>", "") == shown


ANONYMOUS = "<sip:anonymous@anonymous.invalid>"
PAI, RPID = f"P-Asserted-Identity: <sip:{MARIA}@x>", f"Remote-Party-ID: <sip:{MARIA}@x>"
BRACKETS = {
    "a number": ("from", f'"Juan :) Soto" {MARIAS}', (), MARIA),
    "an asserted one": (
        "pai",
        f'"a)" {ANONYMOUS.replace("anonymous.invalid", "x")}',
        (PAI.replace("<", '"b)" <'),),
        MARIA,
    ),
    "no number": ("pai", f'"a)" {ANONYMOUS}', (PAI,), ""),
    "none, brackets open": ("pai", f'"((a" {ANONYMOUS}', (PAI,), ""),
    "no number without quotes": ("pai", f"a).]}} {ANONYMOUS}", (PAI,), ""),
    "a party that hides": ("rpid", MARIAS, (f"{RPID.replace('<', ')c) <')};privacy=full",), ""),
    "a wish with a comment": ("pai", MARIAS, (PAI, "Privacy: none);id"), ""),
}


@pytest.mark.parametrize(("identity", "sender", "headers", "shown"), BRACKETS.values(), ids=BRACKETS.keys())
async def test_brackets_in_a_name_hide_neither_a_number_nor_the_wish_to_hide_it(
    alone, carrier, rung, identity, sender, headers, shown
):
    firm, ana = rung
    await alone.publish(trunks=(replace(CARRIERS[0], identity=identity),))
    before = len(ana.calls)
    carrier.invite(number_of(firm), sender, *headers)
    ring, ident = await rings(alone, ana, before)
    await carrier.give_up()
    assert ring.number.replace("<unknown>", "") == shown
    assert (await alone.absent_by_id(ident)).caller == shown


NAMES = {
    "a smile": ("Juan :) Soto: el otro", "Juan Soto el otro"),
    "a letter over the limit": ("A" * 59 + "ñandu", "A" * 59 + "…"),
    "UTF-8": ("José Peña", "José Peña"),
    "Latin-1": ("Jos\udce9 Pe\udcf1a", "José Peña"),
    "Latin-1 at the end": ("Jos\udce9", "José"),
    "longer than Asterisk keeps": ("ñ" * 70, "ñ" * 59 + "…"),
    "a percent sign": ("100% Chile", "100 Chile"),
    "direction and control": ("a\u202eb\u0081c", "abc"),
}


@pytest.mark.parametrize(("sent", "kept"), NAMES.values(), ids=NAMES.keys())
async def test_his_name_is_kept_letter_by_letter(alone, carrier, rung, sent, kept):
    firm, ana = rung
    before = len(ana.calls)
    carrier.invite(number_of(firm), f'"{sent}" {MARIAS}')
    ring, ident = await rings(alone, ana, before)
    await carrier.give_up()
    assert ring.name == firm.name
    assert (await alone.absent_by_id(ident)).caller_name == kept


async def test_a_name_may_stand_without_quotes(alone, carrier, rung):
    firm, ana = rung
    before = len(ana.calls)
    carrier.invite(number_of(firm), f"Maria Soto {MARIAS}")
    _, ident = await rings(alone, ana, before)
    await carrier.give_up()
    assert (await alone.absent_by_id(ident)).caller_name == "Maria Soto"


ALIKE = {
    "a name": f'"Maria Soto" {MARIAS}',
    "signs in a name": f'"<a;b>, 50% (c) | + $[1]" {MARIAS}',
    "no name": MARIAS,
    "national": '"Maria" <sip:912345678@carrier>',
    "with zeros": '"Maria" <sip:0056912345678@carrier;user=phone>',
    "too long": f"<sip:+{'5' * 25}@carrier>",
    "secure": '"Maria"  <SIPS:+56912345678@carrier:5061;transport=tls>',
    "no number": '"Maria" <sip:maria@carrier>',
    "anonymous": '"Anonymous" <sip:+56912345678@Anonymous.invalid>',
    "a bracket, a colon and a digit": f'"<sip:+56911111111@x>):3" {MARIAS}',
    "a second quote": f'"Maria" {MARIAS};x="y <sip:+56900000001@z>"',
}


@pytest.mark.parametrize("sender", ALIKE.values(), ids=ALIKE.keys())
@pytest.mark.parametrize("identity", ["from", "pai"])
async def test_the_short_way_reads_what_the_long_one_does(alone, carrier, rung, sender, identity):
    """`Privacy: none` hides nothing, but what has that header takes the long way."""
    firm, ana = rung
    await alone.publish(trunks=(replace(CARRIERS[0], identity=identity),))
    asserted = [f"P-Asserted-Identity: {sender}"] if identity == "pai" else []
    read = []
    for headers in (asserted, [*asserted, "Privacy: none"]):
        before = len(ana.calls)
        carrier.invite(number_of(firm), MARIAS if asserted else sender, *headers)
        ring, ident = await rings(alone, ana, before)
        await carrier.give_up()
        absent = await alone.absent_by_id(ident)
        read.append((ring.number, absent.caller, absent.caller_name))
        await alone.until(lambda: not alone.channels())
    assert read[0] == read[1]


# --- one call that comes twice --------------------------------------------------------------------------------


@pytest.mark.parametrize("at_once", [True, False], ids=["at the same moment", "while it rings"])
async def test_a_call_that_comes_by_two_ways_is_one(alone, carrier, rung, at_once):
    firm, ana = rung
    for _ in range(10):
        before = len(ana.calls)
        async with refusals(alone) as heard:
            carrier.invite(number_of(firm), MARIAS)
            if not at_once:
                await carrier.answer("180")
            carrier.invite_again()
            await carrier.answer("482")
            await carrier.answer("180")
            assert await asyncio.wait_for(heard.get(), patience(3)) == Refused(CARRIER, "merged")
        await rings(alone, ana, before)
        assert len([one for one in carrier.answers if one.startswith("SIP/2.0 482")]) == 1
        await carrier.give_up()
        await alone.until(lambda: not alone.channels())
        assert len(ana.calls) == before + 1


async def test_two_calls_whose_ids_begin_alike_are_two_whatever_stands_in_them(alone, carrier, rung):
    """Of a text with an unmatched bracket and a colon, Asterisk's functions take the beginning only."""
    firm, _ = rung
    async with peer(alone.world.place.pbx, CARRIER, PORTS.base + 62) as other:
        for one in (carrier, other):
            one.invite(number_of(firm), MARIAS, call_id="a):b")
            await one.answer("180")
        await other.give_up()


# --- a trunk's last place -------------------------------------------------------------------------------------


async def test_of_two_in_one_instant_for_a_trunks_last_place_one_is_served(alone, carrier, rung):
    firm, _ = rung
    await alone.publish(trunks=(replace(CARRIERS[0], max_calls=1),))
    async with peer(alone.world.place.pbx, CARRIER, PORTS.base + 62) as other:
        for _ in range(40):
            for one in (carrier, other):
                one.invite(number_of(firm), MARIAS)
            told = await asyncio.gather(*(one.answer("(180|486)") for one in (carrier, other)))
            assert sorted(text.split()[1] for text in told) == ["180", "486"]
            for one in (carrier, other):
                await one.give_up()
            await alone.until(lambda: not alone.channels())
