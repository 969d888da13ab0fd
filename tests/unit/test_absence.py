"""What the switch wrote while the daemon was away is read once, whole, and whatever state it is in."""

import json
import os
import time
import wave
from datetime import UTC, datetime

import pytest

from pbx_control.asterisk.absence import KEPT, Absence, Alive
from pbx_control.domain.call.model import Outcome
from pbx_control.settings import Home

ENTERED = ("entered", "+56225550101 17 1764000000")
ENDED = ("ended", "+56225550101 17 1764000000")


class Switch:
    """Writes as Asterisk does."""

    def __init__(self, home):
        self.home = home
        self.file = home.asterisk / "log" / "cel-custom" / "fallback.csv"
        self.file.parent.mkdir(parents=True)
        self.clock = 1764000000.25

    def tell(self, call, *events, number="+56912345678", name="María"):
        with self.file.open("a") as file:
            for event, details in events:
                self.clock += 1
                extra = json.dumps({"extra": details}).replace('"', '""')
                file.write(f'"{self.clock:.6f}","{event}","{call}","{extra}","{number}","{name}"\n')

    def record(self, path, seconds):
        file = self.home.recordings / path
        file.parent.mkdir(parents=True, exist_ok=True)
        with wave.open(str(file), "wb") as sound:
            sound.setnchannels(1)
            sound.setsampwidth(2)
            sound.setframerate(8000)
            sound.writeframes(bytes(16000 * seconds))
        return file


@pytest.fixture
def home(tmp_path):
    return Home(tmp_path)


@pytest.fixture
def switch(home):
    return Switch(home)


def the_call(home, alive=None):
    (call,) = Absence(home).gather(alive)
    return call


def alive(*channels, at=1764000100):
    return Alive(frozenset(channels), datetime.fromtimestamp(at, UTC))


def test_nothing_happened(home):
    assert Absence(home).gather() == []


def test_an_answered_call(home, switch):
    switch.record("2026/11/22/pbx-1.1.wav", 3)
    switch.tell("pbx-1.1", ENTERED, ("recording", "2026/11/22/pbx-1.1.wav"))
    switch.tell("pbx-1.2", ("answered", "pbx-1.1 ana"), number="+56225550101")
    switch.tell("pbx-1.1", ENDED)
    call = the_call(home)
    assert (call.id, call.did, call.client_id, call.caller) == ("pbx-1.1", "+56225550101", 17, "+56912345678")
    assert (call.outcome, call.answered_by, call.recording) == (Outcome.ANSWERED, "ana", "2026/11/22/pbx-1.1.wav")
    assert call.arrived_at == datetime.fromtimestamp(1764000000, UTC)
    assert call.answered_at == datetime.fromtimestamp(1764000003.25, UTC)
    assert [event.name for event in call.events] == ["entered", "recording", "answered", "ended"]


def test_a_message_whose_call_has_no_beginning_in_the_record_is_a_message_all_the_same(home, switch):
    """A disk that was full has swallowed it."""
    switch.record("2026/11/22/pbx-1.1-message.wav", 3)
    switch.tell("pbx-1.1", ("message", "2026/11/22/pbx-1.1-message.wav"), ENDED)
    call = the_call(home)
    assert (call.outcome, call.did, call.client_id) == (Outcome.LEFT_MESSAGE, "+56225550101", 17)


def test_one_answered_in_her_page_is_hers(home, switch):
    switch.tell("pbx-1.1", ENTERED)
    switch.tell("pbx-1.2", ("answered", "pbx-1.1 ana_browser"))
    switch.tell("pbx-1.1", ENDED)
    assert the_call(home).answered_by == "ana"


def test_a_call_with_two_secretaries_was_answered_by_then_and_is_the_last_ones(home, switch):
    switch.tell("pbx-1.1", ENTERED)
    switch.tell("pbx-1.2", ("answered", "pbx-1.1 ana"))
    switch.tell("pbx-1.1", ("lost", ""))
    switch.tell("pbx-1.3", ("answered", "pbx-1.1 eva"))
    switch.tell("pbx-1.1", ENDED)
    call = the_call(home)
    assert (call.outcome, call.answered_by) == (Outcome.ANSWERED, "eva")
    assert call.answered_at == datetime.fromtimestamp(1764000002.25, UTC)


def test_a_call_of_the_switchs_own_arrived_when_it_told_so_first(home, switch):
    switch.clock -= 1
    switch.tell("pbx-1.1", ENTERED, ENDED)
    assert the_call(home).arrived_at == datetime.fromtimestamp(1764000000.25, UTC)


@pytest.mark.parametrize(
    ("told", "outcome"),
    [([("closed", "")], Outcome.CLOSED), ([("exhausted", "")], Outcome.EXHAUSTED), ([], Outcome.MISSED)],
)
def test_what_became_of_it(home, switch, told, outcome):
    switch.tell("pbx-1.1", ENTERED, *told, ENDED)
    assert the_call(home).outcome is outcome


def test_a_left_message_and_the_facts_beside_it(home, switch):
    file = switch.record("2026/11/22/pbx-1.1-message.wav", 4)
    file.with_suffix(".json").write_text('{"caller_name": "María Pérez"}')
    told = (ENTERED, ("message", "2026/11/22/pbx-1.1-message.wav"), ("left", ""), ENDED)
    switch.tell("pbx-1.1", *told, name="Firma Andes")
    call = the_call(home)
    assert call.ended_at == call.events[-2].at  # not when the facts were written
    assert (call.outcome, call.message_seconds, call.caller_name) == (Outcome.LEFT_MESSAGE, 4.0, "María Pérez")


@pytest.mark.parametrize("facts", [None, "", "[]", '{"caller_name": 7', "\0"])
def test_a_message_without_sound_facts_is_a_message(home, switch, facts):
    file = switch.record("2026/11/22/pbx-1.1-message.wav", 4)
    if facts is not None:
        file.with_suffix(".json").write_text(facts)
    switch.tell("pbx-1.1", ENTERED, ("message", "2026/11/22/pbx-1.1-message.wav"), ENDED)
    call = the_call(home)
    assert (call.outcome, call.caller_name) == (Outcome.LEFT_MESSAGE, "María")


def test_who_hangs_up_at_the_tone_has_left_no_message(home, switch):
    switch.record("2026/11/22/pbx-1.1-message.wav", 0)
    switch.tell("pbx-1.1", ENTERED, ("message", "2026/11/22/pbx-1.1-message.wav"), ENDED)
    call = the_call(home)
    assert (call.outcome, call.message) == (Outcome.MISSED, "")


def test_the_end_of_a_call_that_the_daemon_had(home, switch):
    switch.tell("pbx-1.1", ENDED)
    call = the_call(home)
    assert (call.outcome, call.did, call.ended_at.timestamp()) == (None, "+56225550101", 1764000001.25)


def test_a_call_that_goes_on_is_not_told_until_it_is_over(home, switch):
    absence = Absence(home)
    switch.tell("pbx-1.1", ENTERED)
    assert absence.gather(alive("pbx-1.1")) == []
    assert absence.gather() == []
    switch.tell("pbx-1.1", ENDED)
    (call,) = absence.gather(alive("pbx-1.1"))
    assert call.outcome is Outcome.MISSED


def test_a_call_that_died_with_asterisk_is_over(home, switch):
    switch.tell("pbx-1.1", ENTERED)
    assert the_call(home, alive()).ended_at.timestamp() == 1764000001.25


def test_a_call_that_began_after_the_look_at_the_channels_may_be_going_on(home, switch):
    switch.tell("pbx-1.1", ENTERED)
    assert Absence(home).gather(alive(at=1764000001)) == []


def test_calls_are_told_again_until_they_are_taken_in_and_never_after(home, switch):
    switch.tell("pbx-1.1", ENTERED, ENDED)
    assert len(Absence(home).gather()) == 1  # and the daemon died
    absence = Absence(home)
    assert [call.id for call in absence.gather()] == ["pbx-1.1"]
    absence.taken_in(["pbx-1.1"])
    assert absence.gather() == []
    assert Absence(home).gather() == []
    assert len(list((home.run / "absence" / "done").iterdir())) == 1


def test_a_file_is_put_away_when_all_of_its_calls_are_taken_in(home, switch):
    absence = Absence(home)
    switch.tell("pbx-1.1", ENTERED)
    switch.tell("pbx-1.9", ENTERED, ENDED)
    absence.taken_in(call.id for call in absence.gather(alive("pbx-1.1")))
    assert list((home.run / "absence" / "done").iterdir()) == []
    switch.tell("pbx-1.1", ENDED)
    absence.taken_in(call.id for call in absence.gather(alive("pbx-1.1")))
    assert len(list((home.run / "absence" / "done").iterdir())) == 2


def test_what_is_written_while_the_file_is_moved_is_not_lost(home, switch):
    absence = Absence(home)
    switch.tell("pbx-1.1", ENTERED, ENDED)
    calls = absence.gather()
    (moved,) = (home.run / "absence").glob("*.csv")
    switch.file = moved  # Asterisk had it open
    switch.tell("pbx-1.2", ENTERED, ENDED)
    absence.taken_in(call.id for call in calls)
    assert [call.id for call in absence.gather()] == ["pbx-1.2"]


def test_lines_that_make_no_sense_are_left_out(home, switch):
    switch.tell("pbx-1.1", ENTERED, ENDED)
    with switch.file.open("ab") as file:
        file.write(b'"176400')
        file.write(
            b'\n"x","y"\n\n"1764000009.5","entered","pbx-1.3","not json","",""\n\xff\xfe"\n"1e999","a","b","","",""\n'
        )
        file.write(b'"1764000009.5","entered","pbx-1.4","[1]","",""\n')
    assert [call.id for call in Absence(home).gather()] == ["pbx-1.1"]


def test_what_was_taken_in_is_forgotten_after_a_month(home, switch):
    absence = Absence(home)
    switch.tell("pbx-1.1", ENTERED, ENDED)
    absence.taken_in(call.id for call in absence.gather())
    (file,) = (home.run / "absence" / "done").iterdir()
    old = time.time() - KEPT.total_seconds() - 1
    os.utime(file, (old, old))
    absence.taken_in([])
    assert not file.exists()


MESSAGE = "2026/11/22/pbx-1.1-message.wav"


@pytest.mark.parametrize(
    ("kept", "told", "outcome", "flaw"),
    [
        (None, [("unrecorded", ""), ("left", "ERROR")], Outcome.MISSED, "lost"),
        (0, [("unrecorded", ""), ("left", "ERROR")], Outcome.MISSED, "lost"),
        (6, [("unrecorded", ""), ("left", "ERROR")], Outcome.LEFT_MESSAGE, "cut"),
        (6, [("left", "SILENCE")], Outcome.LEFT_MESSAGE, ""),
        (9, [("left", "HANGUP")], Outcome.LEFT_MESSAGE, ""),
        (6, [("left", "HANGUP")], Outcome.LEFT_MESSAGE, "cut"),
        (0, [("left", "HANGUP")], Outcome.MISSED, "lost"),
        (0, [("left", "SILENCE")], Outcome.MISSED, ""),
    ],
)
def test_a_message_that_a_full_disk_did_not_keep(home, switch, kept, told, outcome, flaw):
    """He had nine seconds; how much is there, and what the switch saw, tell what is wrong with it."""
    if kept is not None:
        switch.record(MESSAGE, kept)
    switch.tell("pbx-1.1", ENTERED, ("message", MESSAGE))
    switch.clock += 9
    switch.tell("pbx-1.1", *told, ENDED)
    call = the_call(home)
    assert (call.outcome, call.message_flaw, call.message) == (outcome, flaw, MESSAGE if kept else "")


def test_who_hangs_up_at_the_tone_lost_nothing(home, switch):
    switch.tell("pbx-1.1", ENTERED, ("message", MESSAGE))
    switch.tell("pbx-1.1", ("left", "HANGUP"), ENDED)
    assert the_call(home).message_flaw == ""
