"""Single mishaps on a real switch: the daemon hangs, dies at a bad moment, loses its connection; Asterisk dies."""

import asyncio
import ctypes
import json
import os
import signal
import socket
from contextlib import asynccontextmanager
from urllib.parse import quote, urlencode
from urllib.request import Request, urlopen

import numpy as np
import psutil
import pytest
import soundfile

from pbx_control.settings import Home, load
from pbx_control.world import audio
from pbx_control.world.legs import patience

pytestmark = [pytest.mark.switch, pytest.mark.asyncio(loop_scope="session")]

MARIA, JUAN = "+56912345678", "+56987654321"
STALE = 5.0  # s after which the dialplan takes a daemon that gives no sign for dead, and a second more
RTP_TIMEOUT = 44  # Q.850
SOFTEST_MUSIC = 0.0005  # of full scale, on average
ANNOUNCED, ANNOUNCEMENT = 1500.0, 6.0  # Hz, and s, of an announcement
PIDFD_OPEN, PIDFD_GETFD = 434, 438  # Linux's numbers of system calls, which Python does not wrap


async def talking(town, firm, secretary, caller=MARIA, tone=700):
    """Somebody who talks with that secretary: both legs."""
    secretary.answers(after=0.2)
    leg = await town.world.call(firm.number, caller, tone=tone)
    await leg.answered()
    ring = await secretary.rung(len(secretary.calls) or 1)
    await ring.answered()
    return leg, ring


async def known(town, firm, calls):
    """Waits until so many calls of the firm are in the store."""
    async with asyncio.timeout(patience(10)):
        while len(await town.calls(firm)) < calls:
            continue  # each look takes a command's time


async def outcomes(town, firm, letters):
    """What became of the firm's calls, oldest first, once so many letters have come; never one more."""
    await town.letter(firm, letters, seconds=60)
    assert len(town.post.to(firm.mailbox)) == letters
    return [call["outcome"] for call in await town.calls(firm)]


@asynccontextmanager
async def nobody_home(town):
    """No daemon for the length of a block; then a new one."""
    await town.office.kill_daemon()
    try:
        yield
    finally:
        await town.office.start_daemon()


async def in_the_dialplan(town):
    """Waits until a ringing telephone's leg is where the switch alone can connect it: a moment after it was dialled."""
    async with asyncio.timeout(patience(5)):
        while "!WaitForCondition!" not in await town.channels():  # noqa: ASYNC110
            await asyncio.sleep(0.05)


# --- the daemon is dead at a bad moment -----------------------------------------------------------------------


async def test_an_answer_that_falls_into_the_gap_joins_the_two_and_is_recorded(town):
    firm = await town.firm("always", "--recording")
    ana = (await town.secretary(firm, "Ana", tone=880)).rings_on()
    caller = await town.world.call(firm.number, MARIA, tone=700)
    ring = await ana.rung()
    await in_the_dialplan(town)
    async with nobody_home(town):
        await ring.pick_up()
        await caller.answered(10)
        await asyncio.sleep(2)
    await asyncio.sleep(2)
    assert caller.end.at is None
    await caller.hang_up()
    await ring.ended(3)
    assert await outcomes(town, firm, 1) == ["answered"]
    assert audio.heard(caller.heard, 880) > 3
    (call,) = await town.calls(firm)
    assert audio.tones_in(town.office.home / "recordings" / call["recording"], (700, 880), at_least=2) == {700, 880}
    assert await town.quiet() == ""


async def test_a_caller_who_gives_up_in_the_gap_is_a_missed_call(town):
    firm = await town.firm()
    ana = (await town.secretary(firm, "Ana")).rings_on()
    caller = await town.world.call(firm.number, MARIA)
    ring = await ana.rung()
    async with nobody_home(town):
        await caller.hang_up()
    await ring.ended(20)
    assert await outcomes(town, firm, 1) == ["missed"]
    assert await town.quiet() == ""


async def test_a_conversation_that_ends_in_the_gap_is_settled_and_its_recording_is_sound(town):
    firm = await town.firm("always", "--recording")
    caller, ring = await talking(town, firm, await town.secretary(firm, "Ana"))
    await asyncio.sleep(3)
    async with nobody_home(town):
        await caller.hang_up()
        await asyncio.sleep(1)
    await ring.ended(3)
    assert await outcomes(town, firm, 1) == ["answered"]
    (call,) = await town.calls(firm)
    assert call["recording_flaw"] == ""
    assert audio.seconds(town.office.home / "recordings" / call["recording"]) > 2


async def test_who_is_left_by_his_secretary_in_the_gap_is_let_go_by_the_next_daemon(town):
    firm = await town.firm()
    ana = await town.secretary(firm, "Ana")
    caller, ring = await talking(town, firm, ana)
    async with nobody_home(town):
        await ring.hang_up()
    await caller.ended(2)
    assert len(ana.calls) == 1
    assert await outcomes(town, firm, 1) == ["answered"]


async def test_who_is_left_by_his_secretary_with_no_daemon_for_long_is_let_go_by_the_switch(town):
    firm = await town.firm()
    caller, ring = await talking(town, firm, await town.secretary(firm, "Ana"))
    async with nobody_home(town):
        await asyncio.sleep(STALE)
        await ring.hang_up()
        await caller.ended(2)
    assert await outcomes(town, firm, 1) == ["answered"]


async def test_who_loses_his_secretary_with_no_daemon_for_long_gets_another_from_the_switch(town):
    firm = await town.firm()
    ana = await town.secretary(firm, "Ana", tone=880)
    caller, _ring = await talking(town, firm, ana)
    eva = (await town.secretary(firm, "Eva", tone=1000)).answers(after=0.2)
    ana.refuses()
    async with nobody_home(town):
        await asyncio.sleep(STALE)
        await lose(town, ana)
        await (await eva.rung(seconds=40)).answered()
        await asyncio.sleep(2)
        await caller.hang_up()
    assert audio.heard(caller.heard, 1000) > 1
    assert await outcomes(town, firm, 1) == ["answered"]


async def test_who_waits_longer_than_the_daemon_lives_leaves_a_message(town):
    firm = await town.firm("always", "--wait-limit", "10s")
    ana = (await town.secretary(firm, "Ana")).rings_on()
    caller = await town.world.call(firm.number, MARIA, tone=700)
    await ana.rung()
    async with nobody_home(town):
        await caller.answered(50)
        await asyncio.sleep(16)
        await caller.hang_up()
    assert await outcomes(town, firm, 1) == ["left_message"]
    (call,) = await town.calls(firm)
    assert audio.heard(town.office.home / "recordings" / call["message"], 700) > 2


async def announces(town, firm, kind):
    """That announcement of the firm's is a tone of its own."""
    tone = audio.write_tone(town.office.home.parent / f"{kind}.wav", ANNOUNCED, ANNOUNCEMENT)
    await town.office.pbx("announcement", "set", firm.slug, kind, "--audio", str(tone))
    await town.live()


async def test_a_welcome_that_was_played_in_the_gap_is_heard_once(town):
    firm = await town.firm()
    await announces(town, firm, "welcome")
    ana = (await town.secretary(firm, "Ana", tone=880)).answers(after=0.2)
    caller = await town.world.call(firm.number)
    await caller.answered()
    async with nobody_home(town):
        await asyncio.sleep(ANNOUNCEMENT + 1)
    await (await ana.rung(seconds=5)).answered()
    await asyncio.sleep(2)
    await caller.hang_up()
    (once,) = audio.spans(caller.heard, ANNOUNCED, 1)
    assert once.seconds > ANNOUNCEMENT - 1
    assert audio.heard(caller.heard, 880) > 1


async def test_a_welcome_that_outlives_two_daemons_is_heard_once(town):
    firm = await town.firm()
    await announces(town, firm, "welcome")
    ana = (await town.secretary(firm, "Ana", tone=880)).answers(after=0.2)
    caller = await town.world.call(firm.number)
    await caller.answered()
    for _ in range(2):
        async with nobody_home(town):
            pass
    await (await ana.rung()).answered()
    await asyncio.sleep(2)
    await caller.hang_up()
    (once,) = audio.spans(caller.heard, ANNOUNCED, 1)
    assert once.seconds > ANNOUNCEMENT - 1


async def test_a_last_word_that_was_played_in_the_gap_is_heard_once(town):
    firm = await town.firm("never", "--tell-closed")
    await announces(town, firm, "closed")
    caller = await town.world.call(firm.number)
    await caller.answered()
    async with nobody_home(town):
        await asyncio.sleep(ANNOUNCEMENT + 1)
        assert caller.end.at is None
    await caller.ended(5)
    (once,) = audio.spans(caller.heard, ANNOUNCED, 1)
    assert once.seconds > ANNOUNCEMENT - 1
    assert audio.speech(caller.heard) < 1
    assert await outcomes(town, firm, 1) == ["closed"]


async def test_who_hears_his_last_word_when_the_daemon_dies_for_good_is_asked_for_no_message(town):
    """Asterisk's limit on him is as short here as the announcement."""
    firm = await town.firm("never", "--tell-closed")
    await announces(town, firm, "closed")
    caller = await town.world.call(firm.number)
    await caller.answered()
    async with nobody_home(town):
        (channel,) = [line.split("!")[0] for line in (await town.channels()).splitlines() if "!Stasis!" in line]
        limit = f"dialplan set chanvar {channel} TIMEOUT(absolute) {ANNOUNCEMENT + 1:.0f}"
        await town.office.pbx("asterisk", "console", "-x", limit)
        await caller.ended(ANNOUNCEMENT + 3)
    assert audio.heard(caller.heard, ANNOUNCED) > ANNOUNCEMENT - 1
    assert audio.speech(caller.heard) < 1
    assert await outcomes(town, firm, 1) == ["closed"]


async def test_a_daemon_that_is_asked_to_end_drops_nobody(town):
    firm = await town.firm("always", "--recording")
    ana = await town.secretary(firm, "Ana", tone=880)
    caller, ring = await talking(town, firm, ana)
    ana.rings_on()
    waiting = await town.world.call(firm.number, JUAN)
    await known(town, firm, 2)
    await town.office.stop_daemon()
    await asyncio.sleep(2)
    await town.office.start_daemon()
    assert (caller.end.at, waiting.end.at) == (None, None)
    await waiting.hang_up()
    await caller.hang_up()
    await ring.ended(2)
    assert sorted(await outcomes(town, firm, 2)) == ["answered", "missed"]
    assert audio.heard(caller.heard, 880) > 3


# --- it lives, but does not answer, or not to Asterisk ----------------------------------------------------------


async def test_a_hung_daemon_is_passed_over_and_recovers(town):
    firm = await town.firm()
    ana = await town.secretary(firm, "Ana", tone=880)
    caller, ring = await talking(town, firm, ana)
    eva = (await town.secretary(firm, "Eva", tone=1000)).answers(after=0.2)
    town.office.daemon.send_signal(signal.SIGSTOP)
    try:
        await asyncio.sleep(STALE)
        second = await town.world.call(firm.number, JUAN)
        await second.answered(10)
        await (await eva.rung()).answered()
        await asyncio.sleep(10 - STALE)
    finally:
        town.office.daemon.send_signal(signal.SIGCONT)
    await asyncio.sleep(2)
    assert (caller.end.at, second.end.at) == (None, None)
    await caller.hang_up()
    await ring.ended(2)
    await second.hang_up()
    assert await outcomes(town, firm, 2) == ["answered", "answered"]
    assert [call["hosted_by"] for call in await town.calls(firm)] == ["daemon", "switch"]
    assert await town.quiet() == ""


async def test_a_broken_connection_is_made_anew_and_nobody_notices(town):
    firm = await town.firm("always", "--recording")
    ana = await town.secretary(firm, "Ana", tone=880)
    caller, ring = await talking(town, firm, ana)
    waiting = await town.world.call(firm.number, JUAN)
    await known(town, firm, 2)
    eva = (await town.secretary(firm, "Eva", tone=1000)).rings_on()
    ringing = await eva.rung()
    cut_connections(town.office.daemon.pid, town.office.ports.http)
    await ringing.pick_up()
    await waiting.answered()
    await asyncio.sleep(3)
    assert (caller.end.at, waiting.end.at) == (None, None)
    await ring.hang_up()
    await caller.ended(2)
    await waiting.hang_up()
    await ringing.ended(2)
    assert await outcomes(town, firm, 2) == ["answered", "answered"]
    assert await town.quiet() == ""


def cut_connections(pid: int, port: int) -> None:
    """Breaks a process's TCP connections to a port, as a network would: neither side has asked for it."""
    libc = ctypes.CDLL(None, use_errno=True)
    process = libc.syscall(PIDFD_OPEN, pid, 0)
    wires = [wire for wire in psutil.Process(pid).net_connections("tcp") if wire.raddr and wire.raddr.port == port]
    assert process >= 0
    assert wires
    for wire in wires:
        with socket.socket(fileno=libc.syscall(PIDFD_GETFD, process, wire.fd, 0)) as ours:
            ours.shutdown(socket.SHUT_RDWR)
    os.close(process)


# --- a secretary is lost ----------------------------------------------------------------------------------------


async def test_a_recorded_caller_who_lost_his_secretary_hears_music_and_then_another_one(town):
    firm = await town.firm("always", "--recording")
    ana = await town.secretary(firm, "Ana", tone=880)
    caller, _ring = await talking(town, firm, ana)
    await asyncio.sleep(2)
    ana.rings_on()
    await lose(town, ana)
    await asyncio.sleep(6)
    eva = (await town.secretary(firm, "Eva", tone=1000)).answers(after=0.2)
    await (await eva.rung(seconds=40)).answered()
    await asyncio.sleep(3)
    await caller.hang_up()
    assert audio.heard(caller.heard, 1000) > 2
    eva_speaks = audio.spans(caller.heard, 1000)[0].start
    # By then he knows his position, and hears music only, which may be soft.
    samples, rate = soundfile.read(caller.heard)
    assert np.abs(samples[int((eva_speaks - 4) * rate) : int(eva_speaks * rate)]).mean() > SOFTEST_MUSIC
    assert await outcomes(town, firm, 1) == ["answered"]
    (call,) = await town.calls(firm)
    file = town.office.home / "recordings" / call["recording"]
    assert audio.tones_in(file, (700, 880, 1000), at_least=1) == {700, 880, 1000}


async def test_who_was_answered_before_the_switch_took_over_is_told_as_answered(town):
    """Daemon and network die, nobody else answers, he gives up: he has talked with her all the same, and it is kept."""
    firm = await town.firm("always", "--recording")
    ana = await town.secretary(firm, "Ana", tone=880)
    caller, _ = await talking(town, firm, ana)
    ana.rings_on()
    await town.office.kill_daemon()
    await asyncio.sleep(5)  # the switch takes a daemon for dead
    await lose(town, ana)
    await ana.rung(2)
    await caller.hang_up()
    await town.office.start_daemon()
    assert await outcomes(town, firm, 1) == ["answered"]
    (call,) = await town.calls(firm)
    assert call["secretary"] == f"Ana {firm.slug}"
    file = town.office.home / "recordings" / call["recording"]
    assert audio.tones_in(file, (700, 880), at_least=1) == {700, 880}
    assert "La atendió Ana" in (await town.letter(firm, 1)).text


async def lose(town, telephone):
    """Her network dies: the switch is told at once what it finds out by itself after thirty seconds of silence."""
    await asyncio.to_thread(_end_leg, town.office, telephone.name)


def _end_leg(office, user):
    secret = load(Home(office.home)).secrets.ari_password
    channels = f"http://127.0.0.1:{office.ports.http}/ari/channels"
    with urlopen(f"{channels}?{urlencode({'api_key': f'pbx:{secret}'})}") as answer:
        (leg,) = [channel["id"] for channel in json.load(answer) if channel["name"].startswith(f"PJSIP/{user}-")]
    query = urlencode({"api_key": f"pbx:{secret}", "reason_code": RTP_TIMEOUT})
    urlopen(Request(f"{channels}/{quote(leg)}?{query}", method="DELETE")).close()


# --- Asterisk dies ----------------------------------------------------------------------------------------------


async def test_when_asterisk_dies_its_calls_are_settled_and_a_new_one_is_served(town):
    firm = await town.firm("always", "--recording")
    ana = await town.secretary(firm, "Ana", tone=880)
    await talking(town, firm, ana)
    ana.rings_on()
    waiting = await town.world.call(firm.number, JUAN)
    await waiting.answered()
    pid = town.office.daemon.pid
    kill_asterisk(town.office.home)
    await asyncio.sleep(1)
    await town.office.pbx("asterisk", "start")
    assert sorted(await outcomes(town, firm, 2)) == ["answered", "missed"]
    await asyncio.wait_for(until_ready(town), patience(20))
    again, ring = await talking_again(town, firm, ana)
    await asyncio.sleep(1)
    await again.hang_up()
    await ring.ended(2)
    assert len(await outcomes(town, firm, 3)) == 3
    assert town.office.daemon.pid == pid
    assert town.office.daemon.returncode is None


async def talking_again(town, firm, ana):
    before = len(ana.calls)
    ana.answers(after=0.2)
    leg = await town.world.call(firm.number, "+56911112222")
    ring = await ana.rung(before + 1, seconds=40)
    await ring.answered()
    return leg, ring


async def until_ready(town):
    while (await town.office.run("status")).status:  # noqa: ASYNC110 — it tells by a file
        await asyncio.sleep(0.2)


def kill_asterisk(home) -> None:
    """kill -9 for the Asterisk of that home."""
    for process in psutil.process_iter(["name", "cmdline"]):
        words = process.info["cmdline"] or []
        if process.info["name"] == "asterisk" and any(str(home) in word for word in words) and "-rx" not in words:
            process.kill()
