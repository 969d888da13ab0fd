"""Supervised transfers through a real Asterisk: who hears whom in each phase, by a tone that each of them speaks in."""

import asyncio
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from itertools import count, pairwise

import pytest
import pytest_asyncio
import tomlkit
from conftest import PORTS, Firm, Town
from ear import listen
from forwarder import forwarding_carrier
from lengths import listening, talking, until, waiting
from peer import peer
from sipp import CARRIER

from pbx_control.asterisk.dialplan import STALE as TAKEN_FOR_DEAD
from pbx_control.domain.call.transfer import CONTACT_GIVE_UP
from pbx_control.domain.sounds import HouseSound, house_sound
from pbx_control.world import audio
from pbx_control.world.config import Address
from pbx_control.world.legs import Leg, Ringing, patience
from pbx_control.world.people import Conduct, Telephone, refusing

pytestmark = [pytest.mark.switch, pytest.mark.asyncio(loop_scope="session")]

# What each of them says, in hertz; and the tone of a telephone that rings.
CALLER, ANA, ROSA, EVA = 620, 880, 1100, 1300
OTHER_CALLER, PEDRO = 500, 1500
RING_BACK = 400
NORMAL, BUSY, REJECTED = 16, 17, 21  # Q.850
STALE = 5  # s after which the dialplan takes a daemon that gives no sign for dead
SERIAL = count(10)


@dataclass
class Scene:
    """A caller of a firm talks with Ana; Rosa is the firm's contact, *1 on Ana's telephone."""

    town: Town
    firm: Firm
    ana: Telephone
    rosa: Telephone
    caller: Leg
    her: Ringing

    async def consults(self) -> Ringing:
        """She presses *1; gives Rosa's leg as soon as it rings."""
        before = len(self.rosa.calls)
        await self.her.press("*1")
        return await self.rosa.rung(before + 1, 5)

    async def talks_in_private(self, seconds: float = 2) -> Ringing:
        leg = await self.consults()
        await leg.answered()
        await talking(seconds)
        return leg

    async def hands_over(self, seconds: float = 2) -> Ringing:
        """The caller talks with Rosa, and Ana is out of it."""
        leg = await self.talks_in_private()
        await self.her.press("##")
        await self.her.ended(1)
        await talking(seconds)
        return leg

    async def over(self, seconds: float = 8) -> dict:
        """The caller hangs up; gives what `call list` says, once nothing is left of the call (who consults is told)."""
        await self.caller.hang_up()
        return await self.settled(seconds)

    async def settled(self, seconds: float = 3) -> dict:
        assert await self.town.quiet(seconds) == ""
        (call,) = await self.town.calls(self.firm)
        return call


async def scene(town: Town, *options: str, then: str = "", wrong: str = "", over: str = "") -> Scene:
    """They have talked for a moment; Rosa will answer after 1.5 s. `options` as for `client add`, `then` is her second
    number, `wrong` is noted in place of hers, `over` is the trunk of the firm's main number."""
    firm = await town.firm("always", *options)
    serial = next(SERIAL)
    if over:
        await town.office.pbx("did", "add", main_number(firm), "--trunk", over)
        await town.office.pbx("did", "assign", main_number(firm), firm.slug, "--main")
    number = f"+569876543{serial}"
    second = ("--then", then) if then else ()
    await town.office.pbx("contact", "add", firm.slug, "Rosa", wrong or number, "--key", "1", *second)
    rosa = town.world.contact(number, ROSA).answers(1.5)
    ana = (await town.secretary(firm, "Ana", ANA)).answers(0.2)
    caller = await town.world.call(firm.number, tone=CALLER)
    await caller.answered()
    her = await ana.rung()
    await talking(1.5)
    return Scene(town, firm, ana, rosa, caller, her)


def main_number(firm: Firm) -> str:
    """A second number of a firm."""
    return firm.number.replace("+562255510", "+562255520")


def stretches(leg: Leg | Ringing, *tones: float) -> list[float]:
    """The tones that were heard on a leg, in the order of their beginnings; one that pauses is there again."""
    found = sorted((span.start, tone) for tone in tones for span in audio.spans(leg.heard, tone, 0.4))
    order = [tone for _, tone in found]
    return [tone for number, tone in enumerate(order) if number == 0 or order[number - 1] != tone]


def music(leg: Leg | Ringing) -> float:
    """For how many seconds something else was heard than the people of these tests."""
    voices = sum(audio.heard(leg.heard, tone) for tone in (CALLER, ANA, ROSA, EVA))
    return sum(span.seconds for span in audio.loud(leg.heard)) - voices


def is_told(here: Scene, leg: Leg | Ringing, sound: HouseSound) -> bool:
    """Whether the house said that on this leg."""
    file = here.town.office.home / f"{house_sound(sound, 'es')}.wav"
    return any(one.what == sound for one in listen(leg.heard, {sound.value: file}, {}))


def rejecting() -> Conduct:
    """Declines the call."""

    async def conduct(call: Ringing) -> None:
        await call.hang_up(REJECTED)

    return conduct


async def test_she_consults_and_hands_over(town):
    here = await scene(town, "--recording")
    rosa = await here.hands_over(2.5)
    call = await here.over()
    await rosa.ended(1)
    assert stretches(here.caller, ANA, ROSA) == [ANA, ROSA]
    assert stretches(here.her, CALLER, RING_BACK, ROSA) == [CALLER, RING_BACK, ROSA]
    assert stretches(rosa, ANA, CALLER) == [ANA, CALLER]
    assert music(here.caller) > 1
    assert call["outcome"] == "answered"
    assert call["transferred_to"] == "Rosa"
    file = town.office.home / "recordings" / call["recording"]
    assert audio.tones_in(file, (CALLER, ANA, ROSA), at_least=1) == {CALLER, ANA, ROSA}
    assert max(span.end for span in audio.spans(file, ANA)) < min(span.start for span in audio.spans(file, ROSA))
    assert call["recording_flaw"] == ""


async def test_the_contact_sees_the_clients_own_number(town):
    here = await scene(town)
    rosa = await here.consults()
    assert rosa.number == here.firm.number
    assert here.firm.number in rosa.sender
    assert here.firm.number in rosa.identity
    await here.over()


@pytest.mark.parametrize(("identity", "host"), [("from", "127.0.0.41"), ("pai", "127.0.0.42"), ("rpid", "127.0.0.43")])
async def test_a_carrier_that_forwards_the_call_makes_no_second_one(town, identity, host):
    carrier = Address(host, town.office.ports.base + 98)
    target = f"sip:+19005550100@{town.world.place.carrier}"
    premium = town.world.contact("+19005550100")
    add = ("trunk", "add", identity, "--match", carrier.host, "--host", str(carrier), "--identity", identity)
    async with forwarding_carrier(town.world.place.pbx, carrier, target) as other:
        await town.office.pbx(*add, "--user", "cuenta", "--password", "una-clave-larga-y-segura")
        here = await scene(town, over=identity)
        await here.her.press("*1")
        await asyncio.wait_for(other.forwarded.wait(), patience(5))
        await waiting(4)
        assert town_channels(await town.channels()) == 2
        await here.over()
    shown = {"from": "From", "pai": "P-Asserted-Identity", "rpid": "Remote-Party-ID"}[identity]
    assert re.search(rf"^{shown}:.*{re.escape(main_number(here.firm)[1:])}@", other.asked, re.MULTILINE)
    assert "912345678" not in other.asked
    assert premium.calls == []
    assert is_told(here, here.her, HouseSound.CONTACT_UNREACHABLE)


def town_channels(shown: str) -> int:
    """How many channels there are, of what `Town.channels` shows."""
    return sum(line.startswith("PJSIP/") for line in shown.splitlines())


async def test_she_takes_the_caller_back(town):
    here = await scene(town)
    rosa = await here.talks_in_private()
    await here.her.press("*0")
    await rosa.ended(1)
    await talking(2)
    await here.over()
    await here.her.ended(1)
    assert stretches(here.caller, ANA, ROSA) == [ANA]
    assert audio.heard(here.caller.heard, ANA) > 2.5
    assert stretches(here.her, CALLER, ROSA) == [CALLER, ROSA, CALLER]
    assert stretches(rosa, ANA, CALLER) == [ANA]


async def test_two_transfers_of_one_client_at_once_meet_nobody_elses_people(town):
    here = await scene(town)
    number = f"+569855555{next(SERIAL)}"
    await town.office.pbx("contact", "add", here.firm.slug, "Pedro", number, "--key", "2")
    pedro = town.world.contact(number, PEDRO).answers(1.5)
    eva = (await town.secretary(here.firm, "Eva", EVA)).answers(0.2)
    other = await town.world.call(here.firm.number, tone=OTHER_CALLER)
    hers = await eva.rung()
    await hers.answered()
    await talking(1)
    await asyncio.gather(here.her.press("*1"), hers.press("*2"))
    rosas, pedros = await asyncio.gather(here.rosa.rung(), pedro.rung())
    await asyncio.gather(rosas.answered(), pedros.answered())
    await talking(1.5)
    await asyncio.gather(here.her.press("##"), hers.press("##"))
    await asyncio.gather(here.her.ended(1), hers.ended(1))
    await talking(1.5)
    await asyncio.gather(here.caller.hang_up(), other.hang_up())
    assert await town.quiet() == ""
    everybody = (CALLER, OTHER_CALLER, ANA, EVA, ROSA, PEDRO)
    assert stretches(rosas, *everybody) == [ANA, CALLER]
    assert stretches(pedros, *everybody) == [EVA, OTHER_CALLER]
    voices = (ANA, EVA, ROSA, PEDRO)  # music has notes of the others' heights
    assert audio.tones_in(here.caller.heard, voices, at_least=1) == {ANA, ROSA}
    assert audio.tones_in(other.heard, voices, at_least=1) == {EVA, PEDRO}


# --- a consultation that comes to nothing ---------------------------------------------------------------------


@pytest.mark.parametrize(
    ("conduct", "word"),
    [(refusing(), HouseSound.CONTACT_BUSY), (rejecting(), HouseSound.CONTACT_DECLINED)],
    ids=["busy", "rejects"],
)
async def test_who_cannot_come_to_the_telephone(town, conduct, word):
    here = await scene(town)
    here.rosa.conduct = conduct
    rosa = await here.consults()
    await rosa.ended(1)
    await listening(4)
    await here.over()
    assert stretches(here.caller, ANA, ROSA) == [ANA]
    assert audio.heard(here.caller.heard, ANA) > 2.3
    assert is_told(here, here.her, word)
    assert stretches(here.her, CALLER, ROSA) == [CALLER]
    assert len(here.rosa.calls) == 1


async def test_a_number_that_nobody_has(town):
    here = await scene(town, wrong=f"+569877777{next(SERIAL)}")
    await here.her.press("*1")
    await listening(4)
    await here.over()
    assert is_told(here, here.her, HouseSound.CONTACT_UNREACHABLE)
    assert audio.heard(here.caller.heard, ANA) > 2.3


async def test_who_does_not_answer_is_no_longer_rung(town):
    here = await scene(town)
    here.rosa.rings_on()
    rosa = await here.consults()
    await rosa.ended(27)
    assert (rosa.end.at - rosa.rang.at).total_seconds() == pytest.approx(25, abs=1)
    await listening(4)
    await here.over()
    assert stretches(here.her, CALLER, RING_BACK) == [CALLER, RING_BACK, CALLER]
    assert is_told(here, here.her, HouseSound.CONTACT_SILENT)


async def test_the_second_number_is_called_next(town):
    number = f"+569866666{next(SERIAL)}"
    mobile = town.world.contact(number, ROSA).answers(0.5)
    here = await scene(town, then=number)
    here.rosa.refuses()
    await here.consults()
    second = await mobile.rung(1, 5)
    await second.answered()
    await talking(1.5)
    await here.her.press("##")
    await here.her.ended(1)
    await talking(1.5)
    await here.over()
    assert here.firm.number in second.sender
    assert stretches(here.caller, ANA, ROSA) == [ANA, ROSA]


async def test_the_contact_hangs_up_before_the_hand_over(town):
    here = await scene(town)
    rosa = await here.talks_in_private()
    await rosa.hang_up()
    await listening(4)
    await here.over()
    assert stretches(here.caller, ANA, ROSA) == [ANA]
    assert audio.heard(here.caller.heard, ANA) > 2.3
    assert is_told(here, here.her, HouseSound.CONTACT_GONE)


async def test_the_caller_hangs_up_on_hold(town):
    here = await scene(town)
    rosa = await here.talks_in_private()
    call = await here.over()
    assert call["outcome"] == "answered"
    assert is_told(here, here.her, HouseSound.CALLER_GONE)
    assert stretches(rosa, ANA, CALLER) == [ANA]


async def test_she_hangs_up_while_she_consults(town):
    here = await scene(town)
    rosa = await here.talks_in_private()
    await here.her.hang_up()
    await rosa.ended(1)
    again = await here.ana.rung(2, 8)
    await again.answered()
    await talking(1.5)
    await here.over()
    assert stretches(here.caller, ANA, ROSA) == [ANA]
    assert stretches(again, CALLER, ROSA) == [CALLER]


async def test_the_answer_comes_as_she_takes_the_caller_back(town):
    here = await scene(town)
    here.rosa.rings_on()
    rosa = await here.consults()
    await here.her.press("*")
    await asyncio.gather(rosa.pick_up(), here.her.press("0"))
    await rosa.ended(2)
    await talking(1.5)
    await here.over()
    assert stretches(here.caller, ANA, ROSA) == [ANA]
    assert stretches(here.her, CALLER)[-1:] == [CALLER]


async def test_after_one_that_comes_to_nothing_she_hands_over(town):
    here = await scene(town, "--recording")
    await here.talks_in_private()
    await here.her.press("*0")
    await talking(1.5)
    await here.hands_over()
    call = await here.over()
    assert stretches(here.caller, ANA, ROSA) == [ANA, ROSA]
    assert call["recording_flaw"] == ""


# --- keys -----------------------------------------------------------------------------------------------------


async def test_other_digits_reach_whom_she_talks_with_and_commands_nobody(town):
    here = await scene(town)
    await here.her.press("7")
    rosa = await here.talks_in_private(1)
    await here.her.press("15")
    await until(lambda: (here.caller.keys, rosa.keys) == ("7", "15"))
    await here.over()


async def test_handing_over_twice_is_handing_over_once(town):
    here = await scene(town)
    rosa = await here.talks_in_private()
    await here.her.press("####")
    await here.her.ended(1)
    await talking(1.5)
    assert rosa.end.at is None
    assert rosa.keys == ""
    await here.over()
    assert stretches(rosa, ANA, CALLER) == [ANA, CALLER]


async def test_nobody_is_handed_over_to_a_telephone_that_rings(town):
    here = await scene(town)
    here.rosa.rings_on()
    rosa = await here.consults()
    await here.her.press("##")
    await waiting(1)
    assert here.her.end.at is None
    await rosa.pick_up()
    await talking(1.5)
    await here.her.press("##")
    await here.her.ended(1)
    await talking(1.5)
    await here.over()
    assert stretches(rosa, ANA, CALLER) == [ANA, CALLER]


async def test_keys_of_callers_and_contacts_command_nothing(town):
    here = await scene(town)
    await here.caller.press("*1")
    rosa = await here.talks_in_private(1)
    await rosa.press("##")
    await here.caller.press("*0")
    await waiting(1)
    assert here.her.end.at is None
    assert rosa.end.at is None
    assert len(here.rosa.calls) == 1
    await here.over()


# --- how a transferred conversation ends ------------------------------------------------------------------------


async def test_the_contact_hangs_up_and_the_caller_is_thanked(town):
    here = await scene(town)
    rosa = await here.hands_over()
    await rosa.hang_up()
    await here.caller.ended(10)
    call = await here.settled()
    assert call["outcome"] == "answered"
    assert is_told(here, here.caller, HouseSound.GOODBYE)


async def test_both_hang_up_in_the_same_instant(town):
    here = await scene(town)
    rosa = await here.hands_over(1)
    await asyncio.gather(rosa.hang_up(), here.caller.hang_up())
    call = await here.settled()
    assert (call["outcome"], call["transferred_to"]) == ("answered", "Rosa")
    await town.letter(here.firm)


@asynccontextmanager
async def capped(town: Town, seconds: int) -> AsyncIterator[None]:
    """A daemon that ends transferred conversations after so many seconds; then one as before."""
    file = town.office.home / "pbx.toml"
    before = file.read_text()
    settings = tomlkit.parse(before)
    settings["office"]["transfer_cap"] = seconds
    try:
        await town.office.stop_daemon()
        file.write_text(tomlkit.dumps(settings))
        await town.office.start_daemon()
        yield
    finally:
        await town.office.stop_daemon()
        file.write_text(before)
        await town.office.start_daemon()


CAP = 20


async def test_at_the_cap_both_hear_it_and_everything_ends(town):
    async with capped(town, CAP):
        here = await scene(town)
        rosa = await here.hands_over(0)
        await asyncio.gather(rosa.ended(CAP + 3), here.caller.ended(CAP + 3))
        await here.settled()
    for leg in (rosa, here.caller):
        assert (leg.end.at - here.her.end.at).total_seconds() == pytest.approx(CAP, abs=1)
        assert is_told(here, leg, HouseSound.TIME_IS_UP)
    assert stretches(here.caller, ANA, ROSA)[-1:] == [ROSA]


async def test_without_a_daemon_asterisk_keeps_the_cap(town):
    async with capped(town, CAP):
        here = await scene(town)
        rosa = await here.hands_over(0)
        await town.office.kill_daemon()
        await asyncio.gather(rosa.ended(CAP + 3), here.caller.ended(CAP + 3))
    assert await town.quiet(5) == ""
    assert (rosa.end.at - here.her.end.at).total_seconds() == pytest.approx(CAP, abs=2)
    assert (here.caller.end.at - here.her.end.at).total_seconds() < CAP + 2
    assert is_told(here, here.caller, HouseSound.TIME_IS_UP)


async def test_a_consultation_counts_among_the_trunks_calls_and_a_full_trunk_carries_none(town):
    await town.office.pbx("trunk", "set", "carrier", "--max-calls", "1")
    try:
        here = await scene(town)
        await here.her.press("*1")
        await listening(4)
        call = await here.over()
    finally:
        await town.office.pbx("trunk", "set", "carrier", "--max-calls", "0")
        await town.live()
    assert here.rosa.calls == []
    assert is_told(here, here.her, HouseSound.CONTACT_UNREACHABLE)
    assert "has 1 calls, its limit" in str(await town.journal(call))


# --- the daemon dies --------------------------------------------------------------------------------------------


async def test_it_dies_while_the_contacts_telephone_rings(town):
    here = await scene(town)
    here.rosa.rings_on()
    rosa = await here.consults()
    await town.office.kill_daemon()
    await rosa.pick_up()
    await town.office.start_daemon()
    await here.her.press("##")
    await here.her.ended(2)
    await talking(1.5)
    await here.over()
    assert len(here.rosa.calls) == 1
    assert stretches(rosa, ANA, CALLER) == [ANA, CALLER]


async def test_it_dies_while_they_consult_and_once_more_after_the_hand_over(town):
    here = await scene(town, "--recording")
    rosa = await here.talks_in_private(1)
    await town.office.kill_daemon()
    await town.office.start_daemon()
    await here.her.press("##")
    await here.her.ended(2)
    await town.office.kill_daemon()
    await town.office.start_daemon()
    await talking(1)
    call = await here.over()
    assert len(here.rosa.calls) == 1
    assert stretches(rosa, ANA, CALLER) == [ANA, CALLER]
    assert call["recording_flaw"] == ""


async def test_a_hand_over_by_a_daemon_that_seems_dead_holds(town):
    """Its last sign of life is old when her leg ends: the switch must not take the caller back for her."""
    here = await scene(town)
    await here.talks_in_private()
    async with every_daemon_taken_for_dead(town):
        await here.her.press("##")
        await here.her.ended(2)
        await talking(3)
    call = await here.over()
    assert (call["outcome"], call["transferred_to"], call["hosted_by"]) == ("answered", "Rosa", "daemon")
    assert stretches(here.caller, ANA, ROSA) == [ANA, ROSA]
    assert audio.heard(here.caller.heard, ROSA) > 2.5


async def daemon_taken_for_dead(town: Town) -> None:
    """The last sign of life of a daemon that was killed is old."""
    await town.office.pbx("asterisk", "console", "-x", "dialplan set global PBX_ALIVE 1")


@asynccontextmanager
async def every_daemon_taken_for_dead(town: Town) -> AsyncIterator[None]:
    """However fresh a daemon's sign of life is, the dialplan finds it too old."""
    stale = "dialplan set global PBX_STALE {}"
    await town.office.pbx("asterisk", "console", "-x", stale.format(-1000))
    try:
        yield
    finally:
        await town.office.pbx("asterisk", "console", "-x", stale.format(TAKEN_FOR_DEAD))


@asynccontextmanager
async def nobody_home(town: Town) -> AsyncIterator[None]:
    """No daemon for the length of a block; then a new one."""
    await town.office.kill_daemon()
    try:
        yield
    finally:
        await town.office.start_daemon()


# How a contact goes: the cause (17 is told as 486, 19 as 480, 1 as 404), and whether he answered before.
LEAVES = {"is busy": (BUSY, False), "is away": (19, False), "is unknown": (1, False), "hangs up": (NORMAL, True)}


@pytest.mark.parametrize(("cause", "answered"), LEAVES.values(), ids=LEAVES)
async def test_a_contact_leaves_with_no_daemon_and_she_has_the_caller_again(town, cause, answered):
    """Right after its death, when the dialplan still takes it for alive."""
    here = await scene(town)
    if not answered:
        here.rosa.rings_on()
    rosa = await (here.talks_in_private(1) if answered else here.consults())
    async with nobody_home(town):
        await rosa.hang_up(cause)
        await they_talk_again(here)


async def test_a_contact_leaves_with_no_daemon_for_long_and_she_has_the_caller_at_once(town):
    here = await scene(town)
    here.rosa.rings_on()
    rosa = await here.consults()
    async with nobody_home(town):
        await waiting(STALE)
        await rosa.hang_up(BUSY)
        await they_talk_again(here, 3)


async def test_a_contact_does_not_answer_with_no_daemon_and_she_has_the_caller_again(town):
    here = await scene(town)
    here.rosa.rings_on()
    rosa = await here.consults()
    async with nobody_home(town):
        await rosa.ended(CONTACT_GIVE_UP.total_seconds() + 2)
        await they_talk_again(here, 3)


async def they_talk_again(here: Scene, seconds: float = TAKEN_FOR_DEAD + 5) -> None:
    """In the last second of so many, caller and secretary hear each other; then he hangs up, and she is let go."""
    await talking(seconds)
    await here.caller.hang_up()
    await here.her.ended(TAKEN_FOR_DEAD + 2)
    for leg, other in ((here.caller, ANA), (here.her, CALLER)):
        before, *_, after = audio.spans(leg.heard, other, 0.4)
        assert after.start - before.end > 0.5, leg.label
        assert after.seconds > 1, leg.label


@pytest.mark.parametrize("answered", [False, True], ids=["is busy", "hangs up"])
async def test_a_living_daemon_lifts_what_the_switch_would_do_in_its_stead(town, answered):
    here = await scene(town)
    if not answered:
        here.rosa.rings_on()
    rosa = await (here.talks_in_private(1) if answered else here.consults())
    await rosa.hang_up(NORMAL if answered else BUSY)
    await waiting(TAKEN_FOR_DEAD + 3)
    call = await here.over()
    assert (call["outcome"], call["hosted_by"]) == ("answered", "daemon")
    assert audio.spans(here.caller.heard, ANA, 0.4)[-1].seconds > TAKEN_FOR_DEAD


@pytest.mark.parametrize("handed_over", [False, True], ids=["in talk", "handed over"])
@pytest.mark.parametrize("caller_first", [True, False], ids=["caller hangs up", "other hangs up"])
async def test_who_is_left_with_no_daemon_is_let_go(town, handed_over, caller_first):
    here = await scene(town)
    other = await here.hands_over(1) if handed_over else here.her
    first, second = (here.caller, other) if caller_first else (other, here.caller)
    async with nobody_home(town):
        await first.hang_up()
        await second.ended(TAKEN_FOR_DEAD + 2)
    assert (await here.settled())["outcome"] == "answered"


async def test_she_hangs_up_right_after_its_death_and_the_caller_waits_again(town):
    here = await scene(town)
    rosa = await here.talks_in_private(1)
    async with nobody_home(town):
        await here.her.hang_up()
        again = await here.ana.rung(2, TAKEN_FOR_DEAD + 4)
        await again.answered()
        await talking(1.5)
        await here.caller.hang_up()
        await rosa.hang_up()
        await again.ended(2)
    assert await town.quiet(5) == ""
    assert stretches(again, CALLER, ROSA) == [CALLER]


async def test_she_hangs_up_with_no_daemon_and_the_caller_waits_again(town):
    here = await scene(town)
    rosa = await here.talks_in_private(1)
    await town.office.kill_daemon()
    try:
        await daemon_taken_for_dead(town)
        await here.her.hang_up()
        again = await here.ana.rung(2, 8)
        await again.answered()
        await talking(1.5)
        await here.caller.hang_up()
        await rosa.hang_up()
        await again.ended(2)
    finally:
        await town.office.start_daemon()
    assert await town.quiet(5) == ""
    assert stretches(again, CALLER, ROSA) == [CALLER]


# --- recording, language ----------------------------------------------------------------------------------------


async def test_the_recording_is_off_while_a_card_number_is_told(town):
    here = await scene(town, "--recording")
    await here.her.press("*7")
    await talking(4)
    await here.her.press("*8")
    await talking(2)
    call = await here.over()
    file = town.office.home / "recordings" / call["recording"]
    before, after = audio.spans(file, ANA, shortest=0.5)
    assert after.start - before.end > 3
    assert audio.heard(here.caller.heard, ANA) > 7
    assert call["recording_flaw"] == ""


async def test_a_recording_that_is_off_stays_off_over_a_daemons_death_and_is_on_again_by_her_key(town):
    here = await scene(town, "--recording")
    await here.her.press("*7")
    await talking(1)
    await town.office.kill_daemon()
    await town.office.start_daemon()
    await talking(3)
    await here.her.press("*8")
    await talking(2)
    call = await here.over()
    file = town.office.home / "recordings" / call["recording"]
    hers = audio.spans(file, ANA, shortest=0.1)
    [off] = [after.start - before.end for before, after in pairwise(hers) if after.start - before.end > 0.3]
    assert off > 3
    assert hers[-1].end > audio.seconds(file) - 0.5
    assert call["recording_flaw"] == ""


async def test_the_recording_is_off_each_time_that_she_turns_it_off(town):
    here = await scene(town, "--recording")
    for _ in range(3):
        await here.her.press("*7")
        await talking(3)
        await here.her.press("*8")
        await talking(3)
    call = await here.over()
    assert len(audio.spans(town.office.home / "recordings" / call["recording"], ANA, shortest=1)) == 4


async def test_the_caller_is_handed_to_a_secretary_who_speaks_his_language(town):
    here = await scene(town)
    words = ("secretary", "add", f"Amy {here.firm.slug}", "--clients", here.firm.slug, "--language", "en,es")
    account = await town.office.ask(*words)
    amy = (await town.world.phone(account["user"], account["password"], tone=EVA)).answers(0.5)
    eva = (await town.secretary(here.firm, "Eva")).answers(0.5)
    await here.her.press("*#")
    await here.her.ended(2)
    await (await amy.rung()).answered()
    await talking(2)
    call = await here.over()
    assert stretches(here.caller, ANA, EVA) == [ANA, EVA]
    assert (call["outcome"], call["secretary"]) == ("answered", f"Amy {here.firm.slug}")
    assert eva.calls == []


async def test_nobody_else_speaks_his_language(town):
    here = await scene(town)
    await here.her.press("*#")
    await listening(3.5)
    assert here.her.end.at is None
    await here.over()
    assert is_told(here, here.her, HouseSound.NOBODY_SPEAKS_IT)


# --- contacts whose telephone is forwarded to us ----------------------------------------------------------------


async def test_a_consultation_that_comes_back_to_us_is_refused_and_she_is_told(town):
    here = await scene(town)
    here.rosa.rings_on()
    await here.consults()
    echo = await town.world.call(here.firm.number, here.firm.number)
    assert await echo.ended(5) == BUSY
    await listening(3)
    await here.over()
    assert is_told(here, here.her, HouseSound.FORWARDED_TO_US)
    assert len(here.ana.calls) == 1


ANONYMOUS = '"Anonymous" <sip:anonymous@anonymous.invalid>'
STRANGER, HIS_MOBILE = "<sip:+56912345678@carrier>", "+56912345678"
FORWARDED = {
    "Diversion": "Diversion: <sip:{rosa}@carrier>;reason=unconditional",
    "History-Info": "History-Info: <sip:{rosa}@carrier?Reason=SIP%3Bcause%3D302>;index=1, <sip:{did}@here>;index=1.1",
}


@pytest_asyncio.fixture(loop_scope="session")
async def carrier(town):
    """The carrier again, as one socket that sends what a test writes."""
    async with peer(town.world.place.pbx, CARRIER, PORTS.base + 61) as one:
        yield one


@pytest.mark.parametrize("header", FORWARDED)
async def test_a_consultation_is_known_by_who_forwarded_it(town, carrier, header):
    here = await scene(town)
    here.rosa.rings_on()
    await here.consults()
    carrier.invite(here.firm.number, ANONYMOUS, FORWARDED[header].format(rosa=here.rosa.name, did=here.firm.number))
    await carrier.answer("486")
    await listening(3)
    await here.over()
    assert is_told(here, here.her, HouseSound.FORWARDED_TO_US)
    assert len(here.ana.calls) == 1


async def test_a_consultation_is_known_by_our_mark_wherever_it_comes_in(town):
    """A carrier that forwards as a caller of its own, to another number of ours, and keeps what it does not know."""
    other = await town.firm()
    here = Address("127.0.0.14", PORTS.base + 62)
    await town.office.pbx("trunk", "add", "echo", "--match", here.host, "--host", str(here))
    async with peer(town.world.place.pbx, here.host, here.port) as echo:
        scenery = await scene(town, over="echo")
        await scenery.her.press("*1")
        mark = re.search(r"^X-PBX-Consultation: .*$", await echo.rung(), re.MULTILINE)[0].strip()
        echo.invite(other.number, STRANGER, mark)
        await echo.answer("486")
        await listening(3)
        await scenery.over()
    assert is_told(scenery, scenery.her, HouseSound.FORWARDED_TO_US)
    assert await town.calls(other) == []


@pytest.mark.parametrize("daemon", [True, False], ids=["with the daemon", "without it"])
async def test_who_shows_a_number_of_ours_is_served(town, carrier, daemon):
    """A client's own telephone system shows the number that it rents from us, or forwards to us in its name."""
    firm, other = await town.firm(), await town.firm()
    ana = (await town.secretary(firm, "Ana")).rings_on()
    if not daemon:
        await town.office.kill_daemon()
        await daemon_taken_for_dead(town)
    ours = f"<sip:{other.number}@carrier>"
    ways = [(ours, ()), (STRANGER, (f"Diversion: {ours}",)), (f"<sip:{firm.number}@carrier>", ())]
    for times, (sender, headers) in enumerate(ways, 1):
        carrier.invite(firm.number, sender, *headers)
        await ana.rung(times, 8)
        await carrier.give_up()
    if not daemon:
        await town.office.start_daemon()
    await town.quiet()
    callers = [call["caller"] for call in await town.calls(firm)]
    assert callers == [other.number, HIS_MOBILE, firm.number]


async def test_a_colleague_of_the_contact_is_served_and_the_consultation_goes_on(town):
    here = await scene(town)
    eva = (await town.secretary(here.firm, "Eva", EVA)).rings_on()
    rosa = await here.consults()
    first = await town.world.call(here.firm.number, here.rosa.name)  # her telephone still rings
    await eva.rung(1, 8)
    await first.hang_up()
    await rosa.answered()
    second = await town.world.call(here.firm.number, here.rosa.name)
    await eva.rung(2, 8)
    third = await town.world.call(here.firm.number, here.firm.number)  # nothing rings that could have come back
    await third.ringing()
    await second.hang_up()
    await third.hang_up()
    await here.her.press("##")
    await here.her.ended(2)
    await talking(1.5)
    await here.caller.hang_up()
    await town.quiet(8)
    assert stretches(here.caller, ANA, ROSA) == [ANA, ROSA]


async def test_a_consultation_that_comes_back_while_no_daemon_lives_is_refused(town, carrier):
    here = await scene(town)
    here.rosa.rings_on()
    eva = (await town.secretary(here.firm, "Eva", EVA)).rings_on()
    rosa = await here.consults()
    await town.office.kill_daemon()
    try:
        await daemon_taken_for_dead(town)
        forwarded = FORWARDED["Diversion"].format(rosa=here.rosa.name)
        for sender, headers in ((f"<sip:{here.firm.number}@carrier>", ()), (ANONYMOUS, (forwarded,))):
            carrier.invite(here.firm.number, sender, *headers)
            await carrier.answer("486")
            await carrier.give_up()
        carrier.invite(here.firm.number, STRANGER, forwarded)  # he rang her up, and was forwarded
        await eva.rung(1, 8)
        await carrier.give_up()
        await rosa.pick_up()
        carrier.invite(here.firm.number, f"<sip:{here.firm.number}@carrier>")  # nothing rings that could have come back
        await eva.rung(2, 8)
        await carrier.give_up()
    finally:
        await town.office.start_daemon()
    await here.caller.hang_up()
    assert await town.quiet(8) == ""
