"""The ear of the outside world: what is heard in a recording, and when."""

import numpy as np
import pytest
import soundfile

from pbx_control.world import audio


def recording(path, *voices, seconds=4.0):
    """A WAV with tones (hertz, from, until) laid over each other."""
    at = np.arange(int(seconds * audio.RATE)) / audio.RATE
    mix = sum(0.2 * np.sin(2 * np.pi * hertz * at) * ((at >= start) & (at < end)) for hertz, start, end in voices)
    soundfile.write(str(path), mix if voices else np.zeros(len(at)), audio.RATE, subtype="ALAW")
    return path


def test_each_voice_is_heard_in_a_mix_at_its_own_time(tmp_path):
    mix = recording(tmp_path / "mix.wav", (700, 0, 3), (880, 1, 2), (1100, 1.5, 4))
    assert audio.spans(mix, 700) == [audio.Span(0, 3)]
    assert audio.spans(mix, 880) == [audio.Span(1, 2)]
    (contact,) = audio.spans(mix, 1100)
    assert (contact.start, contact.end) == pytest.approx((1.5, 4), abs=audio.FRAME)
    assert audio.tones_in(mix, (440, 700, 880, 1100)) == {700, 880, 1100}


def test_tones_that_lie_near_each_other_are_told_apart(tmp_path):
    one = recording(tmp_path / "one.wav", (700, 0, 4))
    assert audio.heard(one, 700) == pytest.approx(4)
    assert audio.heard(one, 760) == 0


@pytest.mark.parametrize("seconds", [0.0, 2.0])
def test_silence_is_heard_as_nothing(tmp_path, seconds):
    silence = recording(tmp_path / "silence.wav", seconds=seconds)
    assert audio.is_silent(silence)
    assert audio.tones_in(silence, (700, 880)) == set()
    assert audio.speech(silence) == 0


def test_noise_with_a_melody_counts_as_speech_and_a_tone_does_not(tmp_path):
    noise = np.random.default_rng(7).normal(0, 0.1, 2 * audio.RATE)
    soundfile.write(str(tmp_path / "voice.wav"), noise, audio.RATE)
    assert audio.speech(tmp_path / "voice.wav") == pytest.approx(2, abs=0.2)
    assert audio.speech(audio.write_tone(tmp_path / "tone.wav", 700, seconds=2)) == 0


def test_what_came_over_the_wire_becomes_a_recording(tmp_path):
    tone, _ = soundfile.read(audio.write_tone(tmp_path / "tone.wav", 700, seconds=1))
    raw = tmp_path / "wire.alaw"
    soundfile.write(raw, tone, audio.RATE, format="RAW", subtype="ALAW")
    heard = audio.from_alaw(raw, tmp_path / "heard.wav")
    assert audio.seconds(heard) == pytest.approx(1)
    assert audio.heard(heard, 700) == pytest.approx(1, abs=0.1)
