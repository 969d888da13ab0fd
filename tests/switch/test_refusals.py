"""Who is refused, and that the daemon can count it; and the ways in which carriers write numbers."""

import asyncio
from contextlib import asynccontextmanager
from dataclasses import replace

import pytest
from alone import CARRIERS, number_of
from forwarder import forwarding
from lengths import waiting
from sipp import CARRIER, STRANGER, play

from pbx_control.asterisk.ami import Ami, Refused, refusal
from pbx_control.domain.office import Trunk
from pbx_control.world.installation import PHONES
from pbx_control.world.legs import patience

pytestmark = [pytest.mark.switch, pytest.mark.asyncio(loop_scope="session")]

MARIA = "+56912345678"


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


async def test_asterisk_finds_all_that_it_is_to_load(alone):
    assert "loader.c" not in (alone.home.asterisk / "log" / "messages.log").read_text()


async def test_a_strangers_invite(alone, tmp_path):
    firm = await alone.firm("Ana")
    ana = await alone.phone(firm, "Ana")
    async with refusals(alone) as told:
        for _ in range(6):  # the first few of a second could be a telephone that moved; then they are a stranger's
            outcome = await play(
                tmp_path,
                "refused",
                str(alone.world.place.pbx),
                STRANGER,
                service=number_of(firm),
                user="100",
                STATUS="401",
            )
            assert outcome.as_expected, outcome.errors
        assert await asyncio.wait_for(told.get(), patience(3)) == Refused(STRANGER, "stranger")
    assert ana.calls == []
    assert alone.absence.gather() == [] or all(call.client_id != firm.id for call in alone.absence.gather())


async def test_a_stranger_who_takes_the_name_of_a_trunk(alone, tmp_path):
    firm = await alone.firm("Ana")
    for user in ("trunk-1", "generation"):
        outcome = await play(
            tmp_path, "refused", str(alone.world.place.pbx), STRANGER, service=number_of(firm), user=user, STATUS="401"
        )
        assert outcome.as_expected, outcome.errors
    assert all(call.client_id != firm.id for call in alone.absence.gather())


async def test_a_wrong_password(alone, tmp_path):
    firm = await alone.firm("Ana")
    async with refusals(alone) as told:
        outcome = await play(
            tmp_path, "register", str(alone.world.place.pbx), STRANGER, user=f"ana{firm.id}", USER=f"ana{firm.id}"
        )
        assert outcome.as_expected, outcome.errors
        assert await asyncio.wait_for(told.get(), patience(3)) == Refused(STRANGER, "wrong-password")


@pytest.mark.parametrize("number", ["133", "+56912345678", "*1", "ana1"])
async def test_a_telephone_dials_nothing(alone, number):
    firm = await alone.firm("Ana")
    ana = await alone.phone(firm, "Ana")
    async with refusals(alone) as told:
        leg = await alone.world.dial_from_phone(ana.name, number)
        await leg.ended()
        assert leg.answer.at is None
        assert await asyncio.wait_for(told.get(), patience(3)) == Refused(PHONES, "dialled")


@pytest.mark.parametrize("number", ["+56229999999", "133", "s", "T", "h", "arrival", "+5622555000100", "trunk-1"])
async def test_a_number_that_is_not_ours(alone, tmp_path, number):
    async with refusals(alone) as told:
        outcome = await play(
            tmp_path, "refused", str(alone.world.place.pbx), CARRIER, service=number, user=MARIA, STATUS="404"
        )
        assert outcome.as_expected, outcome.errors
        assert await asyncio.wait_for(told.get(), patience(3)) == Refused(CARRIER, "unknown-number")


@pytest.mark.parametrize("target", ["sip:+56912345678@CARRIER", "sip:eva@SWITCH", "tel:133"])
async def test_a_telephone_that_forwards_its_calls_makes_no_second_call(alone, target):
    firm = await alone.firm("Ana", "Eva")
    eva = await alone.phone(firm, "Eva")
    ana = f"ana{firm.id}"
    mobile = alone.world.contact(MARIA)
    await alone.publish(secretaries=paused(alone, eva.name))
    place = alone.world.place
    for word, meant in {"eva": eva.name, "CARRIER": str(place.carrier), "SWITCH": str(place.pbx)}.items():
        target = target.replace(word, meant)
    async with forwarding(alone.world.place.pbx, ana, password_of(alone, ana), target) as phone:
        await alone.until(lambda: "Not in use" in alone.console(f"pjsip show endpoint {ana}"))
        caller = await alone.call(firm)
        await asyncio.wait_for(phone.forwarded.wait(), patience(10))
        await waiting(1)  # a second call would come at once
        others = [name for name in alone.channels() if not name.startswith(f"PJSIP/{ana}-")]
        assert len(others) == 1  # the caller's; her own telephone may be ringing again by then
        await caller.hang_up()
        await alone.until(lambda: not alone.channels())
    assert (mobile.calls, eva.calls) == ([], [])


def paused(alone, user):
    return tuple(replace(one, paused=one.user == user) for one in alone.office.secretaries)


def password_of(alone, user):
    return next(one.password for one in alone.office.secretaries if one.user == user)


async def test_a_carrier_has_its_maximum_of_calls(alone):
    firm = await alone.firm("Ana")
    await alone.phone(firm, "Ana")
    await alone.publish(trunks=(replace(CARRIERS[0], max_calls=1),))
    first = await alone.call(firm)
    await first.ringing()
    second = await alone.call(firm)
    assert await second.ended() == 17  # busy
    await first.hang_up()
    third = await alone.call(firm)
    await third.ringing()
    await third.hang_up()
    await alone.publish(trunks=CARRIERS)


@pytest.mark.parametrize(
    ("number_format", "dialled", "caller", "shown"),
    [
        ("e164", "{}", "56912345678", MARIA),
        ("plain", "{plain}", "56912345678", MARIA),
        ("national", "{national}", "912345678", MARIA),
        ("national", "{national}", "0912345678", MARIA),
        ("national", "{national}", "0034911234567", "+34911234567"),
        ("national", "{national}", "anonymous", "<unknown>"),
    ],
)
async def test_carriers_write_numbers_in_their_own_way(alone, number_format, dialled, caller, shown):
    firm = await alone.firm("Ana")
    ana = await alone.phone(firm, "Ana")
    await alone.publish(trunks=(replace(CARRIERS[0], number_format=number_format),))
    number = number_of(firm)
    leg = await alone.world.call(dialled.format(number, plain=number[1:], national=number[3:]), caller=caller)
    ring = await ana.rung()
    assert (ring.number, ring.name) == (shown, firm.name)
    await leg.hang_up()
    await alone.publish(trunks=CARRIERS)


async def test_the_number_dialled_may_stand_in_the_to_header(alone, tmp_path):
    firm = await alone.firm("Ana")
    ana = await alone.phone(firm, "Ana")
    by_to: Trunk = replace(CARRIERS[0], did_from="to")
    await alone.publish(trunks=(by_to,))
    leg = await alone.call(firm)
    await ana.rung()
    await leg.hang_up()
    await alone.publish(trunks=CARRIERS)
