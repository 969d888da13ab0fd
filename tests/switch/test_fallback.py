"""The generated dialplan alone keeps the service: hours, ringing, recording, messages; proved by what was heard."""

import asyncio
import json
import stat
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import numpy as np
import pytest
import soundfile
from alone import (
    ANNOUNCED,
    BUSY,
    CLOSED,
    CLOSED_NOW,
    CLOSED_TODAY,
    EXHAUSTED,
    HOLIDAY,
    MESSAGE,
    NOTICE,
    TAKEN,
    WAIT_A_LITTLE,
    WELCOME,
    number_of,
)
from lengths import listening, talking
from sipp import play

from pbx_control.asterisk.ami import connected, to_dialplan
from pbx_control.asterisk.perform import variables_of_hers
from pbx_control.asterisk.translate import MADE
from pbx_control.domain.call.commands import Ring
from pbx_control.domain.call.model import Outcome
from pbx_control.domain.office import Announcement, AnnouncementKind, ClientState, Holiday, Mark, MarkKind
from pbx_control.domain.opening.hours import NEVER, parse_week
from pbx_control.domain.opening.overrides import Override, OverrideKind, end_of_day
from pbx_control.domain.sounds import sound_name
from pbx_control.world import audio
from pbx_control.world.legs import patience

pytestmark = [pytest.mark.switch, pytest.mark.asyncio(loop_scope="session")]

MARIA = "+56912345678"


async def test_a_secretary_answers_and_the_conversation_is_recorded(alone):
    firm = await alone.firm("Ana", recording=True)
    ana = (await alone.phone(firm, "Ana", tone=880)).answers(after=0.5)
    caller = await alone.call(firm, caller=MARIA, name="María", tone=700)
    await caller.answered()
    ring = await ana.rung()
    assert (ring.name, ring.number) == (firm.name, MARIA)
    await ring.answered()
    await talking(3)
    await caller.hang_up()
    await ring.ended(2)
    assert audio.heard(caller.heard, 880) > 2
    assert audio.heard(ring.heard, 700) > 2
    call = await alone.absent(firm)
    assert (call.outcome, call.answered_by, call.caller, call.did) == (
        Outcome.ANSWERED,
        ana.name,
        MARIA,
        number_of(firm),
    )
    assert call.caller_name == "María"
    file = alone.recording(call)
    assert audio.tones_in(file, (700, 880), at_least=2) == {700, 880}
    assert abs(audio.seconds(file) - (call.ended_at - call.answered_at).total_seconds()) < 1
    assert stat.S_IMODE(file.stat().st_mode) == 0o600


async def test_a_blocked_caller_is_not_served_and_another_clients_is(alone):
    """As with the daemon: no announcement, no telephone, and nothing said but that it is over."""
    firm, other = await alone.firm("Ana"), await alone.firm("Eva")
    ana = (await alone.phone(firm, "Ana")).answers(after=0.2)
    eva = (await alone.phone(other, "Eva")).answers(after=0.2)
    await alone.publish(marks=(Mark(MARIA, MarkKind.BLOCKED, firm.id),))
    try:
        turned_away = await alone.call(firm, caller=MARIA)
        await turned_away.ended(5)
        served = await alone.call(other, caller=MARIA)
        await served.answered()
        await served.hang_up()
    finally:
        await alone.publish(marks=())
    assert turned_away.answer.at is None
    assert (ana.calls, len(eva.calls)) == ([], 1)
    assert (await alone.absent(firm)).outcome is Outcome.BLOCKED


async def test_a_campaign_is_turned_away_by_who_wants_none(alone):
    firm, other = await alone.firm("Ana", campaigns=False), await alone.firm("Eva")
    ana = (await alone.phone(firm, "Ana")).answers(after=0.2)
    eva = (await alone.phone(other, "Eva")).answers(after=0.2)
    turned_away = await alone.call(firm, caller="+56809123456")
    await turned_away.ended(5)
    served = await alone.call(other, caller="+56809123456")
    await served.answered()
    await served.hang_up()
    assert (ana.calls, len(eva.calls)) == ([], 1)
    assert (await alone.absent(firm)).outcome is Outcome.BLOCKED


async def test_she_hangs_up_and_the_caller_is_free(alone):
    firm = await alone.firm("Ana")
    ana = (await alone.phone(firm, "Ana")).answers(after=0.2, hang_up_after=1)
    caller = await alone.call(firm)
    ring = await ana.rung()
    await ring.ended()
    await caller.ended(2)
    call = await alone.absent(firm)
    assert (call.outcome, call.recording) == (Outcome.ANSWERED, "")


async def test_outside_the_hours_the_closed_announcement_is_played(alone):
    firm = await alone.firm("Ana", week=NEVER)
    ana = await alone.phone(firm, "Ana")
    caller = await alone.call(firm)
    await caller.ended()
    assert audio.heard(caller.heard, CLOSED) > 1
    assert ana.calls == []
    assert (await alone.absent(firm)).outcome is Outcome.CLOSED


async def test_a_holiday_is_kept_in_the_clients_zone_and_other_clients_are_open(alone):
    zone = "Pacific/Kiritimati"
    today = datetime.now(ZoneInfo(zone)).date()
    week = parse_week(["mon-sun", "00:00-24:00"])
    firm = await alone.firm(week=replace_one_span(week), timezone=zone)
    other = await alone.firm("Ana", week=replace_one_span(week), timezone=zone)
    ana = await alone.phone(other, "Ana")
    await alone.publish(holidays=(Holiday(today, "Aniversario", firm.id),))
    closed, open_ = await alone.call(firm), await alone.call(other)
    await closed.ended()
    await ana.rung()
    await open_.hang_up()
    assert audio.heard(closed.heard, CLOSED) > 1
    assert audio.heard(closed.heard, CLOSED_TODAY) > 1


async def test_on_a_holiday_the_caller_hears_that_it_is_one_and_then_the_hours(alone):
    today = datetime.now(ZoneInfo("America/Santiago")).date()
    week = replace_one_span(parse_week(["mon-sun", "00:00-24:00"]))
    firm = await alone.firm(week=week)
    with_file = await alone.firm(
        week=week, announcements=(Announcement(AnnouncementKind.CLOSED, audio="audio/0123456789abcdef"),)
    )
    await alone.publish(holidays=(Holiday(today, "Navidad"),))
    caller, other = await alone.call(firm), await alone.call(with_file)
    await caller.ended()
    await other.ended()
    assert audio.heard(caller.heard, HOLIDAY) > 1
    assert audio.heard(caller.heard, CLOSED) > 1
    assert audio.heard(other.heard, HOLIDAY) == 0
    assert audio.heard(other.heard, CLOSED) > 1
    assert (await alone.absent(firm)).outcome is Outcome.CLOSED


async def test_what_a_client_says_for_today_holds_until_its_end_by_the_switchs_own_clock(alone):
    firm = await alone.firm("Ana")
    ana = await alone.phone(firm, "Ana")
    now = datetime.now(UTC)
    until = now + timedelta(seconds=patience(4))
    await alone.says(firm, Override(OverrideKind.CLOSED, now, until))
    caller = await alone.call(firm)
    await caller.ended()
    assert audio.heard(caller.heard, CLOSED_NOW) > 1
    assert audio.heard(caller.heard, CLOSED) > 1
    assert ana.calls == []
    assert (await alone.absent(firm)).outcome is Outcome.CLOSED
    await alone.until(lambda: datetime.now(UTC) >= until + timedelta(seconds=1), 30)
    caller = await alone.call(firm)
    await ana.rung()
    await caller.hang_up()


async def test_open_until_rings_outside_the_hours_and_on_a_holiday(alone):
    today = datetime.now(ZoneInfo("America/Santiago")).date()
    firm = await alone.firm("Ana", week=NEVER)
    ana = await alone.phone(firm, "Ana")
    await alone.publish(holidays=(Holiday(today, "Aniversario", firm.id),))
    now = datetime.now(UTC)
    await alone.says(firm, Override(OverrideKind.OPEN, now, now + timedelta(hours=1)))
    caller = await alone.call(firm)
    await ana.rung()
    await caller.hang_up()


async def test_words_for_today_are_heard_first_whether_it_is_open_or_closed(alone):
    firm = await alone.firm("Ana")
    ana = (await alone.phone(firm, "Ana", tone=880)).answers(after=0.5)
    now = datetime.now(UTC)
    words = Override(OverrideKind.ANNOUNCED, now, now + timedelta(hours=1), "Hoy nos mudamos.")
    await alone.says(firm, words)
    caller = await alone.call(firm)
    await (await ana.rung()).answered()
    await talking(1)
    await caller.hang_up()
    assert in_order(caller.heard, ANNOUNCED, 880)
    all_day = Override(OverrideKind.CLOSED, now, end_of_day(ZoneInfo(firm.timezone), now))
    await alone.says(firm, words, all_day)
    caller = await alone.call(firm)
    await caller.ended()
    assert in_order(caller.heard, ANNOUNCED, CLOSED_TODAY, CLOSED)


def in_order(heard, *tones):
    """Whether these are heard one after the other."""
    starts = [audio.spans(heard, tone)[0].start for tone in tones]
    return starts == sorted(starts)


def replace_one_span(week):
    """Open all day, but not `always`, which keeps no holidays."""
    return (*week[:-1], replace(week[-1], opens=week[-1].opens.replace(minute=1)))


async def test_a_suspended_client_is_not_answered(alone):
    firm = await alone.firm("Ana", state=ClientState.SUSPENDED)
    ana = await alone.phone(firm, "Ana")
    caller = await alone.call(firm)
    await caller.ended()
    assert audio.heard(caller.heard, EXHAUSTED) > 1
    assert ana.calls == []
    assert (await alone.absent(firm)).outcome is Outcome.EXHAUSTED


async def test_welcome_and_recording_notice_come_before_the_ringing(alone):
    own = (
        Announcement(AnnouncementKind.WELCOME, "Bienvenido a la firma"),
        Announcement(AnnouncementKind.RECORDING, "Se graba"),
    )
    firm = await alone.firm("Ana", recording=True, announcements=own)
    ana = (await alone.phone(firm, "Ana", tone=880)).answers(after=0.5)
    caller = await alone.call(firm)
    ring = await ana.rung()
    await ring.answered()
    await talking(1)
    await caller.hang_up()
    order = [audio.spans(caller.heard, tone)[0].start for tone in (WELCOME, NOTICE, 880)]
    assert order == sorted(order)
    notice = next(event for event in (await alone.absent(firm)).events if event.name == "notice")
    assert notice.details == sound_name("Se graba", "es")


async def test_who_cannot_be_told_that_he_is_recorded_is_not_recorded(alone):
    own = (Announcement(AnnouncementKind.RECORDING, "Nadie tiene este aviso"),)
    firm = await alone.firm("Ana", recording=True, announcements=own)
    for file in alone.home.root.glob(f"{sound_name(own[0].text, 'es')}.*"):
        file.unlink()
    ana = (await alone.phone(firm, "Ana", tone=880)).answers(after=0.2)
    caller = await alone.call(firm)
    await (await ana.rung()).answered()
    await caller.answered()
    await caller.hang_up()
    call = await alone.absent(firm)
    told = [event.name for event in call.events if event.name in ("notice", "notice-failed", "recording")]
    assert told == ["notice-failed"]
    assert (call.outcome, call.recording) == (Outcome.ANSWERED, "")


async def test_nobody_answers_so_the_caller_leaves_a_message(alone):
    firm = await alone.firm(wait_limit=WAIT_A_LITTLE)
    caller = await alone.call(firm, caller=MARIA, name="María", tone=700)
    await caller.answered()
    await alone.until(lambda: "Record" in alone.console("core show channels concise"), 15)
    await listening(4)
    await caller.hang_up()
    assert audio.heard(caller.heard, MESSAGE) > 1
    call = await alone.absent(firm)
    assert (call.outcome, call.answered_by) == (Outcome.LEFT_MESSAGE, "")
    assert audio.heard(alone.message(call), 700) > 3
    assert abs(call.message_seconds - 4) < 1
    facts = json.loads(alone.message(call).with_suffix(".json").read_text())
    assert (facts["call"], facts["caller"], facts["caller_name"]) == (call.id, MARIA, "María")
    assert facts["client_name"] == firm.name
    assert stat.S_IMODE(alone.message(call).stat().st_mode) == 0o600


async def test_a_message_ends_by_itself_when_the_caller_is_silent(alone, tmp_path):
    firm = await alone.firm(wait_limit=WAIT_A_LITTLE)
    caller = await alone.call(firm, say=talks_then_is_silent(alone.world.place.folder / "say" / "silent.wav"))
    await caller.ended(40)
    assert audio.heard(caller.heard, TAKEN) > 1
    message = alone.message(await alone.absent(firm))
    assert audio.heard(message, 700) > 1
    assert audio.seconds(message) < 12


def talks_then_is_silent(path):
    """A tone of 10 s, then silence for longer than any test."""
    rate = 8000
    tone = 0.3 * np.sin(2 * np.pi * 700 * np.arange(10 * rate) / rate)
    soundfile.write(path, np.concatenate([tone, np.zeros(50 * rate)]), rate, subtype="PCM_16")
    return path


async def test_a_client_without_messages_says_that_the_lines_are_busy(alone):
    firm = await alone.firm(wait_limit=WAIT_A_LITTLE, takes_messages=False)
    caller = await alone.call(firm)
    await caller.ended(15)
    assert audio.heard(caller.heard, BUSY) > 1
    assert (await alone.absent(firm)).outcome is Outcome.MISSED


async def test_one_telephone_rings_at_a_time_and_after_twenty_seconds_there_is_music(alone):
    firm = await alone.firm("Ana", "Eva", wait_limit=timedelta(seconds=60))
    ana, eva = await alone.phone(firm, "Ana"), await alone.phone(firm, "Eva", tone=880)
    caller = await alone.call(firm)
    await alone.until(lambda: ana.calls or eva.calls)
    first, second = (ana, eva) if ana.calls else (eva, ana)
    ring = await first.rung()
    await ring.ended(12)
    later = await second.rung(seconds=5)
    assert later.rang.at >= ring.end.at
    await caller.answered(15)
    first.answers(after=4)
    second.answers(after=4)
    await alone.until(lambda: any(call.answer.at for call in (*first.calls, *second.calls)), 20)
    await talking(1.5)
    await caller.hang_up()
    voice = audio.spans(caller.heard, 880)[0]
    music = [span for span in audio.loud(caller.heard) if span.start < voice.start - 0.5]
    assert sum(span.seconds for span in music) > 0.5  # some pieces begin softly
    assert 19 < (caller.answer.at - ring.rang.at).total_seconds() < 24


async def test_a_busy_secretary_is_not_rung(alone):
    firm = await alone.firm("Ana", wait_limit=WAIT_A_LITTLE)
    ana = (await alone.phone(firm, "Ana")).answers(after=0.2)
    first = await alone.call(firm)
    ring = await ana.rung()
    await ring.answered()
    second = await alone.call(firm)
    await second.answered()
    await second.hang_up()
    await first.hang_up()
    assert len(ana.calls) == 1


async def test_a_daemon_that_hangs_is_passed_by(alone):
    firm = await alone.firm("Ana")
    ana = (await alone.phone(firm, "Ana")).answers(after=0.2)
    alone.stop_beating()
    async with alone.daemon_that_does_nothing():
        caller = await alone.call(firm)
        await (await ana.rung()).answered()
        await caller.hang_up()


async def test_a_caller_who_waited_when_the_daemon_died_leaves_a_message(alone):
    firm = await alone.firm("Ana")
    ana = await alone.phone(firm, "Ana")
    async with alone.daemon_that_does_nothing() as socket:
        alone.beat()
        caller = await alone.call(firm, tone=700)
        channel = await arrived(socket)
        await ask(socket, "POST", f"channels/{channel}/answer")
        await ask(socket, "POST", f"channels/{channel}/moh")
        await ask(socket, "POST", f"channels/{channel}/variable", variable="PBX_ON_TIMEOUT", value="fallback")
        await ask(socket, "POST", f"channels/{channel}/variable", variable="TIMEOUT(absolute)", value="2")
    alone.stop_beating()
    await alone.until(lambda: "Record" in alone.console("core show channels concise"), 15)
    await listening(2)
    await caller.hang_up()
    assert audio.heard(caller.heard, MESSAGE) > 1
    call = await alone.absent(firm)
    assert (call.id, call.outcome) == (channel, Outcome.LEFT_MESSAGE)
    assert ana.calls == []


async def test_an_answer_that_falls_into_the_gap_still_connects_the_two(alone):
    firm = await alone.firm("Ana", recording=True)
    ana = (await alone.phone(firm, "Ana", tone=880)).answers(after=1)
    async with alone.daemon_that_does_nothing() as socket:
        alone.beat()
        caller = await alone.call(firm, tone=700)
        channel = await arrived(socket)
        await ask(socket, "POST", f"channels/{channel}/variable", variable="TIMEOUT(absolute)", value="4")
        await ring(alone, socket, ana.name, channel)
        await ana.rung()
    alone.stop_beating()
    hers = ana.calls[0]
    await hers.answered()
    await caller.answered()
    await talking(5)  # longer than the limit that the caller had while he waited
    await caller.hang_up()
    await hers.ended(2)
    assert audio.heard(caller.heard, 880) > 4
    assert audio.heard(hers.heard, 700) > 4
    call = await alone.absent(firm)
    assert (call.id, call.outcome, call.answered_by) == (channel, Outcome.ANSWERED, ana.name)
    assert audio.tones_in(alone.recording(call), (700, 880), at_least=4) == {700, 880}
    assert alone.channels() == []


async def test_an_answer_in_the_gap_after_the_caller_has_gone_ends_her_leg(alone):
    firm = await alone.firm("Ana")
    ana = (await alone.phone(firm, "Ana")).answers(after=1)
    async with alone.daemon_that_does_nothing() as socket:
        alone.beat()
        caller = await alone.call(firm)
        channel = await arrived(socket)
        await ring(alone, socket, ana.name, channel)
        rung = await ana.rung()
        alone.stop_beating()
        await caller.hang_up()
        await rung.ended(5)
    call = await alone.absent_by_id(channel)
    assert call.outcome is None
    assert call.did == number_of(firm)


@pytest.mark.parametrize(
    "sender",
    [
        '"A&B;C,D|E" <sip:+56912345678@carrier>',
        '"${EXTEN} ${SHELL(touch /tmp/owned)} $[1+1]" <sip:+56912345678@carrier>',
        '"a\\"b)(]," <sip:+56912345678@carrier>',
        f'"{"x" * 5000}" <sip:+56912345678@carrier>',
        "<sip:PJSIP%2Fana&Local%2Fs@carrier>",
        "<sip:%24%7BEXTEN%7D,1@carrier>",
    ],
)
async def test_whoever_says_he_calls_is_served_and_told_of_in_harmless_characters(alone, tmp_path, sender):
    firm = await alone.firm("Ana")
    ana = await alone.phone(firm, "Ana")
    outcome = await play(
        tmp_path, "cancelled", str(alone.world.place.pbx), service=number_of(firm), sender=sender, subject="x"
    )
    assert outcome.as_expected, outcome.errors
    assert len(ana.calls) == 1
    assert ana.calls[0].name == firm.name
    call = await alone.absent(firm)
    assert (call.outcome, call.did) == (Outcome.MISSED, number_of(firm))
    assert not set(call.caller + call.caller_name) & set('${}[]()&;,|<>`"\\\r\n\0')
    assert len(call.caller_name) <= 60
    assert alone.channels() == []


async def test_each_language_has_its_own_words(alone):
    firm = await alone.firm("Ana", language="en", week=NEVER)
    caller = await alone.call(firm)
    await caller.ended()
    assert audio.heard(caller.heard, CLOSED) > 1


async def arrived(socket):
    """The channel id of the caller who has just come into the application."""
    while True:
        event = json.loads(await asyncio.wait_for(socket.recv(), patience(5)))
        if event["type"] == "StasisStart":
            assert event["args"][0] == "arrived"
            return event["channel"]["id"]


async def ask(socket, method, uri, body=None, *, too_early=0, **query):
    """One ARI request over the websocket, as the daemon makes them. The answer must be a good one; with `too_early` the
    request is made again as long as that is the answer."""
    request = {
        "type": "RESTRequest",
        "transaction_id": "t",
        "request_id": "r",
        "method": method,
        "uri": uri,
        "query_strings": [{"name": name, "value": value} for name, value in query.items()],
    }
    if body:
        request |= {"content_type": "application/json", "message_body": json.dumps(body)}
    async with asyncio.timeout(patience(5)):
        while (answer := await _answer(socket, request))["status_code"] == too_early:
            pass
    assert answer["status_code"] < 300, answer


async def _answer(socket, request):
    await socket.send(json.dumps(request))
    while True:
        answer = json.loads(await socket.recv())
        if answer["type"] == "RESTResponse":
            return answer


async def ring(alone, socket, user, channel):
    """Rings a telephone as the daemon does: its leg is made and dialled, and goes to the dialplan while it rings."""
    do = Ring(f"{channel}-secretary-1", user, "Firma", MARIA, timedelta(seconds=20), recording_announced=True)
    leg = {"endpoint": f"PJSIP/{user}", "channelId": do.leg, "originator": channel, "app": "pbx", "appArgs": MADE}
    await ask(socket, "POST", "channels/create", {"variables": variables_of_hers(channel, do)}, **leg)
    await ask(socket, "POST", f"channels/{do.leg}/dial", too_early=409, timeout="20")
    await alone.until(lambda: "!Ringing!" in alone.console("core show channels concise"))
    async with connected(alone.settings, alone.home) as ami:
        await ami.ask("Redirect", Channel=do.leg, **to_dialplan())
