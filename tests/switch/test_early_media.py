"""The recording notice before the answer: what goes over the wire, what the caller hears, and when he is answered."""

import asyncio
import re
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
import pytest_asyncio
from ear import MUSIC, RINGING, RINGING_HERTZ, listen
from peer import Peer, peer

from pbx_control.domain.call.flow import RINGING_LIMIT
from pbx_control.world import audio
from pbx_control.world.config import Address
from pbx_control.world.legs import patience

pytestmark = [
    pytest.mark.switch,
    pytest.mark.asyncio(loop_scope="session"),
    pytest.mark.usefixtures("carriers"),
]

# Two carriers: callers of the second hear nothing before the answer.
EARLY, MUTE = "127.0.0.20", "127.0.0.21"
PORT, AUDIO_PORT = 76, 78
MARIA, ANA = "<sip:+56912345678@carrier>", 1130.0
RTP_HEADER, ALAW = 12, 8

served_by = pytest.mark.parametrize("served_by", ["daemon", "switch"])


class Earpiece(asyncio.DatagramProtocol):
    """Where a caller hears: keeps what comes in a-law, and tells what it was."""

    def __init__(self, address: Address, folder: Path, notice: Path) -> None:
        self.address = address
        self._raw, self._wav, self._notice = folder / "ear.alaw", folder / "ear.wav", notice
        self._sound = b""
        self._more = asyncio.Event()

    def datagram_received(self, data: bytes, _) -> None:
        if data[1] & 0x7F == ALAW:
            self._sound += data[RTP_HEADER:]
            self._more.set()

    def recording(self) -> Path:
        self._raw.write_bytes(self._sound)
        return audio.from_alaw(self._raw, self._wav)

    def heard(self) -> list[str]:
        texts, people = {"notice": self._notice}, {"Ana": ANA}
        return [one.what for one in listen(self.recording(), texts, people)]

    async def hears(self, what: str, seconds: float = 20) -> None:
        """Waits until that has been heard."""
        async with asyncio.timeout(patience(seconds)):
            while what not in self.heard():
                before = len(self._sound)
                while len(self._sound) < before + audio.RATE // 2:
                    self._more.clear()
                    await self._more.wait()


@asynccontextmanager
async def calling(town, tmp_path, host: str = EARLY, *options: str):
    """A recorded client, its secretary whose telephone rings on, a carrier's line, and what is heard on it."""
    firm = await town.firm("always", "--recording", *options)
    ana = (await town.secretary(firm, "Ana", tone=ANA)).rings_on()
    shown = await town.office.ask("announcement", "show", firm.slug)
    notice = next(row["sound"] for row in shown if row["kind"] == "recording")
    base = town.office.ports.base
    ear = Earpiece(Address(host, base + AUDIO_PORT), tmp_path, town.office.home / f"{notice}.wav")
    loop = asyncio.get_running_loop()
    transport, _ = await loop.create_datagram_endpoint(lambda: ear, local_addr=(host, ear.address.port))
    try:
        async with peer(town.world.place.pbx, host, base + PORT) as line:
            yield firm, ana, line, ear
    finally:
        transport.close()


def dial(line: Peer, firm, ear: Earpiece, *headers: str) -> None:
    line.invite(firm.number, MARIA, *headers, codecs="8", audio=ear.address.port)


def statuses(line: Peer) -> list[str]:
    """What the INVITE was answered with, in order."""
    return [re.match(r"SIP/2.0 (\d+)", text)[1] for text in line.answers]


def finals(line: Peer) -> list[str]:
    return [status for status in statuses(line) if status >= "200"]


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def carriers(switch):
    await switch.pbx("trunk", "add", "previo", "--match", EARLY)
    await switch.pbx("trunk", "add", "mudo", "--match", MUTE, "--no-early-media")
    shown = {row["name"]: row["early_media"] for row in await switch.ask("trunk", "list")}
    assert (shown["previo"], shown["mudo"]) == (True, False)


async def without_daemon_if(served_by: str, town) -> None:
    if served_by == "switch":
        await town.office.kill_daemon()


async def only_call(town, firm, served_by: str) -> dict:
    """The firm's call once it is over and known."""
    if served_by == "switch":
        await town.office.start_daemon()
    await town.letter(firm, seconds=40)
    (call,) = await town.calls(firm)
    assert call["hosted_by"] == served_by
    return call


@served_by
async def test_the_notice_is_heard_before_the_answer_and_her_answer_is_the_callers(town, tmp_path, served_by):
    async with calling(town, tmp_path) as (firm, ana, line, ear):
        await without_daemon_if(served_by, town)
        dial(line, firm, ear)
        assert "m=audio" in await line.answer("183")
        assert ana.calls == []
        ring = await ana.rung()
        assert "notice" in ear.heard()
        await ear.hears(RINGING)
        assert finals(line) == []
        await ring.pick_up()
        await line.answer("200")
        await ear.hears("Ana")
        await line.give_up()
        await ring.ended()
        assert ear.heard() == ["notice", RINGING, "Ana"]
        hers, tone = (audio.spans(ear.recording(), hertz) for hertz in (ANA, RINGING_HERTZ))
        assert tone[-1].end < hers[0].start + 0.2
    call = await only_call(town, firm, served_by)
    assert call["outcome"] == "answered"
    assert call["talked"] == pytest.approx((ring.end.at - ring.answer.at).total_seconds(), abs=1)
    assert audio.heard(town.office.home / "recordings" / call["recording"], ANA) > 0.5


@served_by
async def test_a_trunk_without_early_media_is_answered_for_the_notice(town, tmp_path, served_by):
    async with calling(town, tmp_path, MUTE) as (firm, ana, line, ear):
        await without_daemon_if(served_by, town)
        dial(line, firm, ear)
        await line.answer("200")
        assert ana.calls == []
        ring = await ana.rung()
        await ear.hears(RINGING)
        await ring.pick_up()
        await ear.hears("Ana")
        assert "183" not in statuses(line)
        assert ear.heard() == ["notice", RINGING, "Ana"]
        await line.give_up()
        await ring.ended()
    call = await only_call(town, firm, served_by)
    assert call["outcome"] == "answered"
    assert call["talked"] == pytest.approx((ring.end.at - ring.answer.at).total_seconds(), abs=1)


@served_by
async def test_a_call_without_an_offer_is_answered_for_the_notice(town, tmp_path, served_by):
    """Nobody knows where he hears until then: he would be recorded without having been told."""
    async with calling(town, tmp_path) as (firm, ana, line, _):
        await without_daemon_if(served_by, town)
        line.invite(firm.number, MARIA, codecs="")
        await line.answer("200")
        assert ana.calls == []
        assert "183" not in statuses(line)
        await line.give_up()
    await only_call(town, firm, served_by)


FORWARDED = (
    "Diversion: <sip:+56229990000@operator>;reason=no-answer",
    "History-Info: <sip:+56229990000@operator>;index=1",
)
# Who calls by which carrier a client of which options, and what he is answered with before her telephone rings.
WAYS = {
    "forwarded": (EARLY, (), FORWARDED[:1], "200"),
    "forwarded, as history tells": (EARLY, (), FORWARDED[1:], "200"),
    "forwarded, and the client knows that he hears": (EARLY, ("--early-media",), FORWARDED, "183"),
    "a client whose callers do not": (EARLY, ("--no-early-media",), (), "200"),
    "a client whose callers do, whatever its trunk": (MUTE, ("--early-media",), (), "183"),
    "as its trunk": (EARLY, ("--early-media-as-trunk",), (), "183"),
}


@pytest.mark.parametrize(("host", "options", "headers", "first"), WAYS.values(), ids=WAYS)
@served_by
async def test_a_client_may_say_what_its_callers_hear_and_who_was_forwarded_is_answered(
    town, tmp_path, served_by, host, options, headers, first
):
    async with calling(town, tmp_path, host, *options) as (firm, ana, line, ear):
        await without_daemon_if(served_by, town)
        dial(line, firm, ear, *headers)
        await line.answer(first)
        ring = await ana.rung()
        assert "notice" in ear.heard()
        assert finals(line) == (["200"] if first == "200" else [])
        await line.give_up()
        await ring.ended()
    await only_call(town, firm, served_by)


async def test_without_an_offer_no_notice_is_played_into_nowhere_when_no_daemon_has_lived_for_long(town, tmp_path):
    async with calling(town, tmp_path) as (firm, ana, line, _):
        await town.office.kill_daemon()
        await town.office.pbx("asterisk", "console", "-x", "dialplan set global PBX_ALIVE 1")
        line.invite(firm.number, MARIA, codecs="")
        await line.answer("200")
        assert "183" not in statuses(line)
        assert ana.calls == []
        await line.give_up()
    await only_call(town, firm, "switch")


@served_by
async def test_who_hangs_up_in_the_notice_was_never_answered(town, tmp_path, served_by):
    async with calling(town, tmp_path) as (firm, ana, line, ear):
        await without_daemon_if(served_by, town)
        dial(line, firm, ear)
        await line.answer("183")
        line.cancel()
        await line.answer("487")
        assert finals(line) == ["487"]
        assert ana.calls == []
    call = await only_call(town, firm, served_by)
    assert (call["outcome"], call["recording"], call["answered_at"]) == ("missed", "", None)


@served_by
async def test_who_waits_hears_ringing_unanswered_and_is_answered_for_the_music(town, tmp_path, served_by):
    async with calling(town, tmp_path) as (firm, _, line, ear):
        await without_daemon_if(served_by, town)
        dial(line, firm, ear)
        await line.answer("183")
        await line.answer("200", 40)
        unanswered = ear.heard()
        assert unanswered == ["notice", RINGING]
        ringing = audio.spans(ear.recording(), RINGING_HERTZ)
        assert ringing[-1].end - ringing[0].start == pytest.approx(RINGING_LIMIT.total_seconds(), abs=5)
        await ear.hears(MUSIC)
        await line.give_up()
    assert (await only_call(town, firm, served_by))["outcome"] == "missed"


async def test_a_daemon_that_dies_in_the_notice_is_not_the_callers_answer(town, tmp_path):
    async with calling(town, tmp_path) as (firm, ana, line, ear):
        dial(line, firm, ear)
        await line.answer("183")
        await town.office.kill_daemon()
        await town.office.start_daemon()
        ring = await ana.rung()
        await ear.hears(RINGING)
        assert finals(line) == []
        await ring.pick_up()
        await line.answer("200")
        await ear.hears("Ana")
        await line.give_up()
        await ring.ended()
    call = await only_call(town, firm, "daemon")
    assert audio.heard(town.office.home / "recordings" / call["recording"], ANA) > 0.5
