"""Who begins a new RTP stream with lower numbers is heard, wherever Asterisk translates his sound: a contact after his
carrier's ringing, a caller who changed while he was on hold, two whose bridge is not recorded."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from itertools import count
from pathlib import Path

import pytest
from conftest import Firm, Town
from holding_phone import HoldingPhone, holding_phone
from sounding_carrier import CODECS, Ear, SoundingCarrier, sounding_carrier
from test_channel_calls import ROOT, Screen, contact_id, screen

from pbx_control.live.news import Act, AnswerKind, CallNow
from pbx_control.world import audio
from pbx_control.world.legs import patience

pytestmark = [pytest.mark.switch, pytest.mark.asyncio(loop_scope="session")]

BEFORE, AFTER, ANA, RINGING, ROSA = 600, 750, 850, 1450, 1100  # Hz; the first two are the caller's
ULAW, ALAW = 0, 8
HIGH, LOW = 30_000, 100  # first numbers of streams
SERIAL = count(1)


@dataclass
class Scene:
    """A caller talks with Ana, whose telephone has A-law alone; Rosa is the contact."""

    town: Town
    firm: Firm
    caller: SoundingCarrier
    rosa: SoundingCarrier
    ana: HoldingPhone
    page: Screen
    call: CallNow
    contact: int

    async def asks(self, act: Act, who: int = 0) -> None:
        assert (await self.page.asks(self.call.id, act, ROOT, who)).outcome is AnswerKind.DONE

    async def recording(self) -> Path:
        """The call's, once the caller has hung up."""
        await self.caller.give_up()
        assert await self.town.quiet(8) == ""
        (call,) = await self.town.calls(self.firm)
        return self.town.office.home / "recordings" / call["recording"]


@asynccontextmanager
async def scene(town: Town, payload: int, *options: str) -> AsyncIterator[Scene]:
    """The carriers speak that codec; `options` as for `client add`."""
    serial = next(SERIAL)
    his, rosas, hers = (f"127.0.1.{each + serial}" for each in (50, 100, 150))
    port, pbx = town.office.ports.base + 64, town.world.place.pbx
    codec = f"--codecs={CODECS[payload].lower()}"
    await town.office.pbx("trunk", "add", f"his{serial}", "--match", his, codec)
    await town.office.pbx("trunk", "add", f"rosas{serial}", "--match", rosas, "--host", f"{rosas}:{port}", codec)
    firm = await town.firm("always", *options)
    main = firm.number.replace("+562255510", "+562255520")
    await town.office.pbx("did", "add", main, "--trunk", f"rosas{serial}")
    await town.office.pbx("did", "assign", main, firm.slug, "--main")
    number = f"+5698765410{serial}"
    await town.office.pbx("contact", "add", firm.slug, "Rosa", number)
    account = await town.office.ask("secretary", "add", f"Ana {firm.slug}", "--clients", firm.slug)
    await town.live()
    async with (
        sounding_carrier(pbx, his, port, payload) as caller,
        sounding_carrier(pbx, rosas, port, payload) as rosa,
        holding_phone(pbx, hers, port, account["user"], account["password"]) as ana,
        screen(town) as page,
    ):
        ana.ear = Ear(ALAW)
        ana.sound.set_protocol(ana.ear)
        caller.calls(firm.number, "<sip:+56912345678@carrier>")
        await caller.called()
        await asyncio.wait_for(ana.answered.wait(), patience(5))
        call = await page.sees(firm, "talking")
        yield Scene(town, firm, caller, rosa, ana, page, call, contact_id(town, number))


def heard(ear: Ear, folder: Path, hertz: float) -> float:
    return audio.heard(ear.write(folder / "ear.wav"), hertz)


@pytest.mark.parametrize("payload", [ULAW, ALAW], ids=["another codec", "hers"])
async def test_who_answers_after_his_carriers_ringing_is_heard_by_her_by_the_caller_and_in_the_recording(
    town, tmp_path, payload
):
    async with scene(town, payload, "--recording") as here:
        await here.asks(Act.CONSULT, here.contact)
        await here.rosa.rings_with_sound()
        # She says something: Asterisk reports what it gets to whom it sends.
        speaks = asyncio.ensure_future(here.ana.talks(ANA, LOW, 20))
        await here.rosa.talks(RINGING, HIGH, 4, source=1)
        await here.rosa.picks_up()
        await here.rosa.talks(RINGING, HIGH + 200, 0.6, source=1)  # longer than what is waited for after an answer
        await here.rosa.talks(ROSA, LOW, 5, source=2)
        await here.asks(Act.HAND_OVER)
        await here.rosa.talks(ROSA, LOW + 250, 3, source=2)
        speaks.cancel()
        recording = await here.recording()
        assert heard(here.ana.ear, tmp_path, RINGING) > 4
        assert heard(here.ana.ear, tmp_path, ROSA) > 2.5  # seen within two seconds
        assert heard(here.caller.ear, tmp_path, ROSA) > 2.5
        assert audio.heard(recording, ROSA) > 2.5


@pytest.mark.parametrize("act", [Act.TAKE_BACK, Act.HAND_OVER])
async def test_a_caller_whose_stream_changed_while_he_was_on_hold_is_heard_and_recorded(town, tmp_path, act):
    async with scene(town, ALAW, "--recording") as here:
        await here.caller.talks(BEFORE, HIGH, 2.5)
        await here.asks(Act.CONSULT, here.contact)
        await here.rosa.rings_with_sound()
        await here.rosa.picks_up()
        await here.caller.talks(AFTER, LOW, 2.5, source=9)
        await here.asks(act)
        await asyncio.gather(here.caller.talks(AFTER, LOW + 125, 4, source=9), here.rosa.talks(ROSA, LOW, 4))
        recording = await here.recording()
        hears = here.ana if act is Act.TAKE_BACK else here.rosa
        assert heard(hears.ear, tmp_path, AFTER) > 3.5
        assert audio.heard(recording, BEFORE) > 2
        assert audio.heard(recording, AFTER) > 3.5


@pytest.mark.parametrize("who", ["caller", "secretary"])
async def test_in_a_bridge_that_is_not_recorded_either_is_heard_again_by_the_other(town, tmp_path, who):
    async with scene(town, ULAW) as here:
        speaks, hears = (here.caller, here.ana) if who == "caller" else (here.ana, here.caller)
        other = asyncio.ensure_future(hears.talks(ROSA, LOW, 20))
        await speaks.talks(BEFORE, HIGH, 4)
        await speaks.talks(AFTER, LOW, 6)
        other.cancel()
        await here.caller.give_up()
        assert await town.quiet(8) == ""
        assert heard(hears.ear, tmp_path, AFTER) > 3
