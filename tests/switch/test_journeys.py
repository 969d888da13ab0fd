"""Twenty hand-overs, everybody with a tone of his own: the one recording has all three at the right times, and nobody
hears a second conversation. And a cap that Asterisk keeps alone, the daemon killed right after the hand-over."""

import asyncio
import shutil
import tempfile
from dataclasses import dataclass
from pathlib import Path

import pytest
import worker
from chaos.cap import kept_without_daemon
from chaos.house import TRANSFER, House
from conftest import Firm, Town

from pbx_control.world import audio
from pbx_control.world.legs import Leg, Ringing
from pbx_control.world.people import Telephone

pytestmark = [pytest.mark.switch, pytest.mark.asyncio(loop_scope="session")]

PORTS = worker.fixed_ports(17600, audio=54000)
AT_ONCE, BATCHES = 5, 4
# Everybody's tone in hertz: far enough apart to be told from each other, and higher than the notes that music holds.
TONES = [1010 + 70 * number for number in range(3 * AT_ONCE)]
TALK, PRIVATE, AFTER = 2.0, 2.5, 2.5  # s: with the caller, with the contact, and the two of them
SHORT_CAP = 12  # s
# A tone that pauses for less than this goes on: a packet more or less, the end of a person's sound file.
PAUSE = 0.3


@dataclass
class Desk:
    """A firm with a secretary and a contact of its own, and the tones of its three people."""

    firm: Firm
    secretary: Telephone
    contact: Telephone
    caller_tone: int
    her_tone: int
    his_tone: int

    @property
    def tones(self) -> set[int]:
        return {self.caller_tone, self.her_tone, self.his_tone}


@dataclass
class Journey:
    """One call that was handed over: the three legs."""

    desk: Desk
    caller: Leg
    hers: Ringing
    contact: Ringing


async def desk(town: Town, number: int) -> Desk:
    caller_tone, her_tone, his_tone = TONES[number], TONES[AT_ONCE + number], TONES[2 * AT_ONCE + number]
    firm = await town.firm("always", "--recording")
    mobile = f"+5698765500{number}"
    await town.office.pbx("contact", "add", firm.slug, "Rosa", mobile, "--key", "1")
    contact = town.world.contact(mobile, his_tone).answers(0.7)
    secretary = (await town.secretary(firm, "Ana", her_tone)).answers(0.2)
    return Desk(firm, secretary, contact, caller_tone, her_tone, his_tone)


async def journey(town: Town, at: Desk) -> Journey:
    """A caller talks with her, waits while she asks the contact, and talks with him."""
    rung, called = len(at.secretary.calls), len(at.contact.calls)
    caller = await town.world.call(at.firm.number, tone=at.caller_tone)
    await caller.answered()
    hers = await at.secretary.rung(rung + 1)
    await hers.answered()
    await asyncio.sleep(TALK)
    await hers.press("*1")
    contact = await at.contact.rung(called + 1, 5)
    await contact.answered()
    await asyncio.sleep(PRIVATE)
    await hers.press("##")
    await hers.ended(2)
    await asyncio.sleep(AFTER)
    await caller.hang_up()
    await contact.ended(3)
    return Journey(at, caller, hers, contact)


async def test_each_of_twenty_journeys_is_recorded_whole_and_nobody_hears_another(town):
    desks = [await desk(town, number) for number in range(AT_ONCE)]
    for batch in range(BATCHES):
        journeys = await asyncio.gather(*(journey(town, each) for each in desks))
        assert await town.quiet(5) == ""
        calls = await town.office.ask("call", "list", "--limit", "1000")
        for one in journeys:
            own = [call for call in calls if call["client"] == one.desk.firm.slug]
            assert len(own) == batch + 1
            last = max(own, key=lambda call: call["arrived_at"])
            require_whole(town.office.home / "recordings" / last["recording"], one.desk)
            require_private(one)
            assert (last["outcome"], last["transferred_to"]) == ("answered", "Rosa")
            assert last["recording_flaw"] == ""


def require_whole(file: Path, at: Desk) -> None:
    """She and the caller, then neither her nor the contact, then the contact and the caller; nobody else."""
    assert heard_in(file) == at.tones, file
    hers, his = stretch(file, at.her_tone), stretch(file, at.his_tone)
    assert hers.seconds > TALK - 0.5, (file, hers)
    assert his.seconds > AFTER - 0.5, (file, his)
    assert his.start - hers.end > PRIVATE, (file, hers, his)
    talks = [span for span in audio.spans(file, at.caller_tone) if span.start < hers.end]
    after = [span for span in audio.spans(file, at.caller_tone) if span.end > his.start]
    assert overlap(talks, hers) > TALK - 0.7, (file, talks, hers)
    assert overlap(after, his) > AFTER - 0.7, (file, after, his)


def require_private(one: Journey) -> None:
    """Each has heard those whom he talked with, and nobody else of the five conversations."""
    at = one.desk
    assert heard_in(one.caller.heard) == {at.her_tone, at.his_tone}, one.caller.heard
    assert heard_in(one.hers.heard) == {at.caller_tone, at.his_tone}, one.hers.heard
    assert heard_in(one.contact.heard) == {at.her_tone, at.caller_tone}, one.contact.heard
    for leg, first, second in (
        (one.caller, at.her_tone, at.his_tone),
        (one.hers, at.caller_tone, at.his_tone),
        (one.contact, at.her_tone, at.caller_tone),
    ):
        assert stretch(leg.heard, first).end < stretch(leg.heard, second).start + PAUSE, leg.heard


def heard_in(file: Path) -> set[float]:
    """Who of all these people is heard in a file."""
    return audio.tones_in(file, TONES, at_least=1)


def stretch(file: Path, tone: float) -> audio.Span:
    """From when until when a tone is heard."""
    spans = audio.spans(file, tone, shortest=0.4)
    assert spans, (file, tone)
    return audio.Span(spans[0].start, spans[-1].end)


def overlap(spans: list[audio.Span], with_: audio.Span) -> float:
    """For how many seconds some stretches and another are heard together."""
    return sum(max(0.0, min(span.end, with_.end) - max(span.start, with_.start)) for span in spans)


@pytest.fixture
def short_path():
    """A UNIX socket's name has 107 bytes at most."""
    path = Path(tempfile.mkdtemp(prefix="pbx-"))
    yield path
    shutil.rmtree(path, ignore_errors=True)


async def test_a_cap_without_the_daemon_ends_both_legs_in_time(short_path):
    async with House(short_path, PORTS, firms=(TRANSFER,), cap=SHORT_CAP) as house:
        kept = await kept_without_daemon(house, SHORT_CAP)
    assert kept.complaints == [], str(kept)
