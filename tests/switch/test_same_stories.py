"""Each story is played with the daemon and, on the same home, without it: everybody must hear and be told the same."""

import asyncio
import shutil
import tempfile
from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
import pytest_asyncio
import worker
from forked import ForkedInstallation
from lengths import listening, talking, waiting
from sipp import play
from twice import (
    CALLERS,
    MARIA,
    PEDRO,
    ROSA,
    STORIES,
    VOICES,
    Admin,
    Stage,
    differences,
    play_twice,
    provision,
    somebody_who_says,
    story,
)

from pbx_control.world import audio
from pbx_control.world.post import PostOffice
from pbx_control.world.world import World

pytestmark = [pytest.mark.switch, pytest.mark.asyncio(loop_scope="session")]

PORTS = worker.fixed_ports(16700, audio=48000)
# A second carrier, which writes numbers as they are dialled inside Chile.
NATIONAL_CARRIER = "127.0.0.5"

NOW = datetime.now(UTC)
# Five minutes of the client's day that are not now.
OTHER_HOURS = "mon-sun 03:00-03:05" if NOW.astimezone(ZoneInfo("America/Santiago")).hour != 3 else "mon-sun 15:00-15:05"
# A zone in which it is another day than here, and not about to become a third.
FAR_ZONE = "Pacific/Kiritimati" if NOW.hour >= 10 else "Pacific/Pago_Pago"
THERE = NOW.astimezone(ZoneInfo(FAR_ZONE)).date()
# From `mon-sun` on: `always` keeps no holidays.
ALL_DAY = "mon-sun 00:01-24:00"


# --- nobody is rung ---------------------------------------------------------------------------------------


@story(hours=OTHER_HOURS, outcomes=["closed"], hears=["closed"], letters=0)
async def closed_by_hours(scene):
    await (await scene.dials()).ended(40)


@story(
    hours=ALL_DAY,
    options=f"--timezone {FAR_ZONE}",
    then=[f"holiday add {THERE} --client {{slug}} --name Aniversario"],
    outcomes=["closed"],
    hears=["closed today", "closed"],
    letters=0,
)
async def closed_by_a_holiday_in_the_clients_zone(scene):
    await (await scene.dials()).ended(40)


@story(
    hours=ALL_DAY,
    options=f"--timezone {FAR_ZONE}",
    then=[f"holiday add {THERE + timedelta(days=3)} --client {{slug}}"],
    outcomes=["answered"],
    hears=["Ana"],
)
async def open_on_the_day_that_is_no_holiday_there(scene):
    scene.phone().answers(after=0.3)
    caller = await scene.dials()
    await caller.answered()
    await talking(2)


@story(options="--tell-closed", hours=OTHER_HOURS, outcomes=["closed"], hears=["closed"], letters=1)
async def closed_and_the_client_wants_to_know(scene):
    await (await scene.dials(MARIA, "Íñigo Muñoz Peña")).ended(40)


@story(then=["client suspend {slug}"], outcomes=["exhausted"], hears=["exhausted"])
async def suspended(scene):
    await (await scene.dials()).ended(40)


@story(then=["client cancel {slug}"], outcomes=[], hears=[])
async def cancelled(scene):
    await (await scene.dials()).ended(10)


@story(hours=OTHER_HOURS, options="--tell-closed", outcomes=["closed"], letters=1)
async def hangs_up_during_the_closed_announcement(scene):
    caller = await scene.dials()
    await caller.answered()
    await listening(4)


# --- a secretary answers ----------------------------------------------------------------------------------


# What is played before the answer, nobody of this world hears: test_early_media.py does.
@story(options="--recording", outcomes=["answered"], hears=["Ana"])
async def answered_and_recorded(scene):
    scene.phone().answers(after=2)
    await scene.dials(MARIA, "Ángela Ñáñez")
    await (await scene.rung()).answered()
    await talking(6)


@story(outcomes=["answered"], hears=["Ana"])
async def answered_and_not_recorded(scene):
    scene.phone().answers(after=1)
    caller = await scene.dials()
    await caller.answered()
    await talking(3)


@story(options="--recording", outcomes=["answered"], hears=["Ana"])
async def she_hangs_up(scene):
    scene.phone().answers(after=2, hang_up_after=4)
    caller = await scene.dials()
    await caller.answered()
    await caller.ended(20)


@story(
    options="--recording",
    says={"welcome": "Bienvenido a {name}.", "recording": "Esta llamada se graba."},
    outcomes=["answered"],
    hears=["welcome", "recording", "ringing", "Ana"],
)
async def welcomed_and_told_of_the_recording(scene):
    scene.phone().answers(after=3)
    caller = await scene.dials()
    await caller.answered()
    await (await scene.rung()).answered()
    await talking(4)


@story(
    staff={},
    says={"welcome": "Bienvenido a {name}."},
    outcomes=["missed"],
    hears=["welcome", "ringing", "position 1", "music"],
)
async def welcomed_and_kept_waiting(scene):
    """Twenty seconds of ringing are his after a welcome, too."""
    caller = await scene.dials()
    await caller.answered()
    await waiting(32)


@story(
    options="--recording --wait-limit 10s",
    staff={},
    outcomes=["left_message"],
    hears=["message", "beep"],
)
async def told_of_the_recording_and_asked_for_a_message(scene):
    caller = await scene.dials()
    await caller.answered(25)
    await asyncio.sleep(audio.seconds(scene.firm.sounds["message"]) + 6)


@story(staff={"Ana": "es", "Eva": "en"}, outcomes=["answered"], hears=["Eva"])
async def the_first_is_busy_and_the_next_answers(scene):
    scene.phone("Ana").refuses(after=0.3)
    scene.phone("Eva").answers(after=1)
    caller = await scene.dials()
    await caller.answered()
    await talking(2)


@story(staff={"Ana": "en", "Eva": "es"}, outcomes=["answered"], hears=["Ana"])
async def the_first_does_not_answer_and_the_next_does(scene):
    """Who speaks the client's language is asked first, and lets it ring."""
    scene.phone("Eva").rings_on()
    scene.phone("Ana").answers(after=1)
    caller = await scene.dials()
    await caller.answered(25)
    await talking(2)


@story(staff={"Ana": "en", "Ida": "en", "Eva": "es"}, outcomes=["answered"], hears=["Eva"])
async def who_speaks_the_language_is_asked_first(scene):
    for name in ("Ana", "Ida", "Eva"):
        scene.phone(name).answers(after=0.5)
    caller = await scene.dials()
    await caller.answered()
    await talking(2)


@story(
    options="--recording",
    holes=True,
    outcomes=["answered"],
    hears=["Ana", "position 1", "music", "Ana"],
)
async def her_network_dies_and_she_comes_back(scene):
    """The caller is not hung up: he waits, first in line."""
    scene.phone().loses_network(after=2, lost_after=2)
    caller = await scene.dials()
    await (await scene.rung()).answered()
    scene.phone().answers(after=7)
    await (await scene.rung(times=2, seconds=50)).answered()
    await talking(3)
    assert caller.end.at is None


@story(outcomes=["answered"], hears=["Ana"])
async def a_caller_without_number(scene):
    scene.phone().answers(after=0.5)
    caller = await scene.dials("anonymous", "Anonymous")
    await caller.answered()
    await talking(2)


@story(trunk="nacional", outcomes=["missed"])
async def a_number_of_a_carrier_with_national_numbers(scene):
    scene.phone().rings_on()
    number = scene.firm.number.removeprefix("+56")
    sender = '"Sofía" <sip:912345678@nacional>'
    switch = str(scene.world.place.pbx)
    done = await play(scene.folder, "cancelled", switch, NATIONAL_CARRIER, service=number, sender=sender, subject="x")
    assert done.as_expected, done.errors
    assert len(scene.rung_so_far()) == 1


# --- nobody answers ---------------------------------------------------------------------------------------


@story(outcomes=["missed"], hears=[])
async def gives_up_while_it_rings(scene):
    scene.phone().rings_on()
    caller = await scene.dials()
    await caller.ringing()
    await scene.rung()
    await waiting(3)


@story(staff={}, strangers=["Ana"], outcomes=["missed"], hears=[])
async def who_may_not_answer_is_never_rung(scene):
    scene.phone().answers(after=0.2)
    caller = await scene.dials()
    await caller.ringing()
    await waiting(5)
    assert scene.rung_so_far() == []


@story(options="--ringing", staff={}, outcomes=["missed"], hears=["ringing"])
async def ringing_instead_of_music(scene):
    caller = await scene.dials()
    await caller.answered(25)
    await waiting(12)


@story(options="--no-messages --wait-limit 10s", staff={}, outcomes=["missed"], hears=["busy"])
async def a_client_that_takes_no_messages(scene):
    await (await scene.dials()).ended(60)


@story(options="--wait-limit 10s", staff={}, outcomes=["left_message"], hears=["message", "beep"])
async def leaves_a_message_and_hangs_up(scene):
    caller = await scene.dials(MARIA, "Begoña")
    await caller.answered(20)
    await listening(audio.seconds(scene.firm.sounds["message"]) + 6)


@story(options="--wait-limit 10s", staff={}, outcomes=["left_message"], hears=["message", "beep", "thanks"])
async def leaves_a_message_and_falls_silent(scene):
    spoken = audio.seconds(scene.firm.sounds["message"]) + 5
    say = somebody_who_says(scene.folder / "speaks.wav", spoken, 60, CALLERS[MARIA])
    caller = await scene.dials(say=say)
    await caller.ended(60)


@story(options="--wait-limit 10s", staff={}, outcomes=["missed"], hears=["message", "beep", "thanks"])
async def says_nothing_after_the_tone(scene):
    say = somebody_who_says(scene.folder / "silent.wav", 0, 60, CALLERS[MARIA])
    caller = await scene.dials(say=say)
    await caller.ended(60)


@story(options="--wait-limit 10s", staff={}, outcomes=["missed"])
async def hangs_up_at_the_tone(scene):
    caller = await scene.dials()
    await caller.answered(20)
    await listening(audio.seconds(scene.firm.sounds["message"]) - 1)


# --- one secretary, three callers -------------------------------------------------------------------------


@story(outcomes=["answered", "answered", "missed"], hears=["Ana"])
async def a_second_and_a_third_caller_wait(scene):
    """The second waits with music, is told his place twice, and is answered when she is free; the third gives up."""
    scene.phone().answers(after=0.5)
    first = await scene.dials(MARIA)
    await first.answered()
    second = await scene.dials(PEDRO)
    await second.ringing()
    await waiting(1.5)
    third = await scene.dials(ROSA)
    await second.answered(25)
    await third.answered(25)
    await waiting(40)
    await third.hang_up()
    await first.hang_up()
    await (await scene.rung(times=2)).answered()
    await talking(3)


SECOND_HEARS = ["position 1", "music", "position 1", "music", "Ana"]
THIRD_HEARS = ["position 2", "music", "position 2", "music"]


# --- the stage --------------------------------------------------------------------------------------------


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def played():
    """What came of every story, with the daemon and without it."""
    folder = Path(tempfile.mkdtemp(prefix="pbx-"))  # short: a UNIX socket's name has 107 bytes at most
    PORTS.require_free()
    office = ForkedInstallation(folder / "home", PORTS)
    try:
        await office.set_up()
        firms = await asyncio.to_thread(_provision, office)
        await office.pbx("dialplan", "apply")
        await office.pbx("asterisk", "start")
        await office.start_daemon()
        async with PostOffice(PORTS.smtp) as post, World(office.place(folder / "world")) as world:
            await _telephones(world, firms)
            yield await play_twice(Stage(office, world, post, firms))
    finally:
        await office.clean_up()
        shutil.rmtree(folder, ignore_errors=True)


def _provision(office):
    admin = Admin(office.home)
    admin("trunk", "add", "carrier", "--match", office.place(office.home).carrier.host)
    admin("trunk", "add", "nacional", "--match", NATIONAL_CARRIER, "--number-format", "national")
    return {each.name: provision(admin, office.home, each, serial) for serial, each in enumerate(STORIES, start=1)}


async def _telephones(world, firms):
    for firm in firms.values():
        for name, account in firm.accounts.items():
            firm.phones[name] = await world.phone(account["user"], account["password"], tone=VOICES[name])


@pytest.fixture
def seen(played, request):
    """A story's two performances; fails with what went wrong in the playing of it."""
    found = played[request.param]
    if isinstance(found, BaseException):
        raise found
    return found


def each_story(names=None):
    names = [one.name for one in STORIES] if names is None else names
    return pytest.mark.parametrize("seen", names, indirect=True)


@each_story()
async def test_it_goes_as_it_should(seen):
    for one in seen:
        story = one.story
        assert [row["outcome"] for row in one.rows] == list(story.outcomes)
        assert len(one.letters) == story.letters
        if story.hears is not None and one.scene.callers:
            assert [heard.what for heard in one.heard_by_callers[0]] == list(story.hears)


@each_story()
async def test_it_goes_the_same_without_the_daemon(seen):
    found = differences(*seen)
    assert not found, "\n".join(found)


@each_story(["a_second_and_a_third_caller_wait"])
async def test_who_waits_hears_music_and_his_place(seen):
    for one in seen:
        _, second, third = ([heard.what for heard in ear] for ear in one.heard_by_callers)
        assert (second, third) == (SECOND_HEARS, THIRD_HEARS)


@each_story(["answered_and_recorded", "she_hangs_up"])
async def test_both_voices_are_in_the_recording_from_the_beginning_to_the_end(seen):
    for one in seen:
        (row,) = one.rows
        file = one.home / "recordings" / row["recording"]
        assert audio.seconds(file) == pytest.approx(row["talked"], abs=1)
        for voice in (VOICES["Ana"], CALLERS[MARIA]):
            spans = audio.spans(file, voice)
            assert spans[0].start < 1
            assert spans[-1].end > audio.seconds(file) - 1


@each_story(["answered_and_recorded", "she_hangs_up"])
async def test_her_answer_is_the_callers(seen):
    """The notice before it was early media."""
    for one in seen:
        (caller,), (ring,) = one.scene.callers, one.scene.rings
        assert timedelta(0) <= caller.answer.at - ring.answer.at < timedelta(seconds=1)


@each_story(["her_network_dies_and_she_comes_back"])
async def test_her_voice_is_recorded_again_when_she_is_back(seen):
    for one in seen:
        (row,) = one.rows
        assert audio.heard(one.home / "recordings" / row["recording"], VOICES["Ana"]) > 3.5
        assert row["recording_flaw"] == ""


@each_story(["leaves_a_message_and_hangs_up", "leaves_a_message_and_falls_silent"])
async def test_the_letter_carries_the_callers_voice(seen, tmp_path):
    for one in seen:
        (part,) = one.letters[0].letter.iter_attachments()
        file = tmp_path / "message.wav"
        file.write_bytes(part.get_content())
        assert 2 < audio.heard(file, CALLERS[MARIA]) < 12


@each_story(["the_first_does_not_answer_and_the_next_does"])
async def test_a_telephone_rings_for_ten_seconds(seen):
    for one in seen:
        first, second = one.scene.rings
        assert (first.end.at - first.rang.at).total_seconds() == pytest.approx(10, abs=1.5)
        assert second.rang.at >= first.end.at - timedelta(seconds=0.2)
