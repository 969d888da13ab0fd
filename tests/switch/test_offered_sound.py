"""What a carrier's call offers of sound: what a trunk does not take is refused, and the daemon hears of it."""

import asyncio
from contextlib import asynccontextmanager
from dataclasses import replace

import pytest
import pytest_asyncio
from alone import CARRIERS, number_of
from sipp import CARRIER, STRANGER, play

from pbx_control.asterisk.ami import Refused
from pbx_control.domain.opening.hours import NEVER
from pbx_control.live.overheard import Overheard
from pbx_control.world.legs import patience

pytestmark = [pytest.mark.switch, pytest.mark.asyncio(loop_scope="session")]

KEY = "a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:QUJDREVGR0hJSktMTU5PUFFSU1RVVldYWVowMTIz"
FOREIGN = ["m=audio 40000 RTP/AVP 18 96", "a=rtpmap:96 opus/48000/2"]
VIDEO = ["m=video 40000 RTP/AVP 96", "a=rtpmap:96 H264/90000"]
CLEAR = ["m=audio 40000 RTP/AVP 8"]
ENCRYPTED = ["m=audio 40000 RTP/SAVP 8", KEY]


@pytest_asyncio.fixture(loop_scope="session")
async def firm(alone):
    """A client that is closed: whoever is let in is answered at once."""
    return await alone.firm(week=NEVER)


@asynccontextmanager
async def refusals(alone):
    """Collects what the daemon would count within the block."""
    told: asyncio.Queue[Refused] = asyncio.Queue()
    listening = asyncio.create_task(
        Overheard(alone.settings, lambda: alone.office.trunks, told.put_nowait).run(), name="overheard"
    )
    await asyncio.sleep(0)
    try:
        yield told
    finally:
        listening.cancel()


@pytest.mark.parametrize(
    ("srtp", "offered", "reason"),
    [
        ("", FOREIGN, "no-codec"),
        ("", VIDEO, "no-audio"),
        ("", ENCRYPTED, "encrypted"),
        ("required", CLEAR, "unencrypted"),
        ("required", ["m=audio 40000 RTP/SAVP 18", KEY], "no-codec"),
    ],
)
async def test_a_call_that_a_trunk_does_not_take_is_told(alone, firm, tmp_path, srtp, offered, reason):
    await alone.publish(trunks=(replace(CARRIERS[0], srtp=srtp),))
    async with refusals(alone) as told:
        outcome = await offer(alone, tmp_path, firm, offered, "488")
        assert outcome.as_expected, outcome.errors
        refused = await asyncio.wait_for(told.get(), patience(3))
    assert refused == Refused(CARRIER, reason)
    assert (refused.number, refused.trunk) == (number_of(firm), CARRIERS[0].section)
    await alone.publish(trunks=CARRIERS)


async def test_a_strangers_call_is_not_told_as_a_carriers(alone, firm, tmp_path):
    async with refusals(alone) as told:
        outcome = await offer(alone, tmp_path, firm, FOREIGN, "401", STRANGER)
        assert outcome.as_expected, outcome.errors
        await offer(alone, tmp_path / "after", firm, FOREIGN, "488")
        assert await asyncio.wait_for(told.get(), patience(3)) == Refused(CARRIER, "no-codec")
        assert told.empty()


async def test_a_call_without_an_offer_is_served_with_our_codecs(alone, firm, tmp_path):
    async with refusals(alone) as told:
        outcome = await play(tmp_path, "late", str(alone.world.place.pbx), CARRIER, service=number_of(firm))
        assert outcome.as_expected, outcome.errors
        call = await alone.absent(firm)
        assert (call.did, told.empty()) == (number_of(firm), True)


async def offer(alone, folder, firm, offered, status, source=CARRIER):
    folder.mkdir(exist_ok=True)
    where, number = str(alone.world.place.pbx), number_of(firm)
    return await play(folder, "offer", where, source, service=number, STREAMS="\n".join(offered), STATUS=status)
