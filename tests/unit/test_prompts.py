"""Prompts and uploads become what Asterisk plays: by the real espeak-ng and real audio files."""

import errno
import io
import os
import shutil
import struct
import wave
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pytest
import soundfile
import soxr
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pbx_control.domain.office import Announcement, AnnouncementKind, Client
from pbx_control.domain.opening.hours import USUAL_WEEK, parse_week
from pbx_control.domain.sounds import audio_sound, house_sounds, sound_name, sounds_of
from pbx_control.domain.words.characters import printable
from pbx_control.errors import ClientMistake
from pbx_control.media import audio, prompts, voices
from pbx_control.settings import Home

RATES = {".wav": 8000, ".wav16": 16000}
NOON = datetime(2026, 8, 3, 12, tzinfo=UTC)
ANDES = Client(id=1, slug="andes", name="Andes", week=parse_week([USUAL_WEEK]))


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return Home(tmp_path / "home")


@pytest.fixture(scope="module")
def speech(tmp_path_factory: pytest.TempPathFactory) -> tuple[np.ndarray, int]:
    """Some seconds of a voice at 22.05 kHz."""
    somewhere = Home(tmp_path_factory.mktemp("voice"))
    return voices.say(voices.voices_for(somewhere, "es"), "Gracias por llamar a nuestra oficina. Hasta luego.", "es")


def played(home: Home, name: str, extension: str) -> tuple[np.ndarray, int]:
    """What Asterisk would play, read by Python's own wave module, which is as strict as Asterisk."""
    with wave.open(str(home.root / f"{name}{extension}")) as file:
        assert (file.getnchannels(), file.getsampwidth()) == (1, 2)
        samples = np.frombuffer(file.readframes(file.getnframes()), "<i2").astype(np.float32) / 32768
        return samples, file.getframerate()


def assert_fit_for_a_telephone(home: Home, name: str) -> None:
    for extension, rate in RATES.items():
        samples, found = played(home, name, extension)
        assert found == rate
        assert audio.loudness(samples, rate) == pytest.approx(-19, abs=1)
        assert audio.true_peak(samples) <= 10 ** (-0.9 / 20)
        assert (home.root / f"{name}{extension}").stat().st_mode & 0o777 == 0o644
        # Asterisk takes the data to begin at byte 44.
        assert (home.root / f"{name}{extension}").read_bytes()[36:40] == b"data"


def seconds(home: Home, name: str) -> float:
    samples, rate = played(home, name, ".wav")
    return len(samples) / rate


def upload(folder: Path, name: str, samples: np.ndarray, rate: int, **options: str) -> Path:
    soundfile.write(folder / name, samples, rate, **options)
    return folder / name


def refused(home: Home, path: Path) -> str:
    """The line with which the file is refused; nothing is left of it."""
    with pytest.raises(ClientMistake) as caught:
        prompts.store_upload(home, path)
    assert not list(home.root.rglob("*.wav*"))
    line = str(caught.value)
    assert printable(line)
    return line


# --- spoken -------------------------------------------------------------------------------------------------


def test_a_text_is_spoken_in_both_rates(home: Home) -> None:
    name = prompts.speak(home, "Gracias por llamar. Atendemos de las 9:00 a las 13:00 horas.", "es")
    assert name == sound_name("Gracias por llamar. Atendemos de las 9:00 a las 13:00 horas.", "es")
    assert_fit_for_a_telephone(home, name)
    assert 3 < seconds(home, name) < 7


def test_times_are_spoken_as_people_say_them(home: Home) -> None:
    # "nueve cero cero" would be three words; "las nueve" is one.
    written = prompts.speak(home, "a las 9:00 horas", "es")
    in_words = prompts.speak(home, "a las nueve horas", "es")
    assert seconds(home, written) == pytest.approx(seconds(home, in_words), abs=0.05)


def test_a_prompt_begins_with_half_a_second_of_silence_and_ends_with_some(home: Home) -> None:
    samples, rate = played(home, prompts.speak(home, "Hola", "es"), ".wav")
    loud = np.flatnonzero(np.abs(samples) > 0.02) / rate
    assert 0.45 < loud[0] < 0.7
    assert 0.2 < len(samples) / rate - loud[-1] < 0.6


def test_the_same_text_is_spoken_once(home: Home) -> None:
    name = prompts.speak(home, "Hola", "es")
    before = (home.root / f"{name}.wav").stat()
    assert prompts.ensure(home, [(name, "Hola", "es")]) == 0
    after = (home.root / f"{name}.wav").stat()
    assert (before.st_ino, before.st_mtime_ns) == (after.st_ino, after.st_mtime_ns)


def test_a_lost_rate_is_made_again(home: Home) -> None:
    name = prompts.speak(home, "Hola", "es")
    (home.root / f"{name}.wav16").unlink()
    assert prompts.missing(home, [name]) == [name]
    prompts.speak(home, "Hola", "es")
    assert_fit_for_a_telephone(home, name)


def test_the_house_speaks_all_of_its_sounds_in_a_language(home: Home) -> None:
    steps: list[tuple[int, int]] = []
    count = prompts.speak_house(home, ["en"], lambda done, total: steps.append((done, total)))
    assert steps == [(done, count) for done in range(1, count + 1)]
    assert prompts.missing(home, [name for name, _, _ in house_sounds(["en"])]) == []
    assert prompts.speak_house(home, ["en"]) == 0


def test_a_client_gets_what_its_callers_hear(home: Home) -> None:
    client = replace(ANDES, announcements=(Announcement(AnnouncementKind.WELCOME, "Hola, llama a {name}."),))
    assert prompts.ensure_client(home, client) == len(sounds_of(client))
    assert prompts.missing(home, [name for name, _, _ in sounds_of(client)]) == []


@given(text=st.text(min_size=1, max_size=40))
@settings(max_examples=5, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_hostile_texts_are_spoken_and_never_run(home: Home, text: str) -> None:
    ran = home.root.parent / "ran"
    name = prompts.speak(home, f"$(touch {ran}); -w {ran} {text}", "es")
    assert seconds(home, name) > 1
    assert not ran.exists()


def test_a_text_like_an_option_is_only_read(home: Home) -> None:
    name = prompts.speak(home, "--version", "es")
    assert seconds(home, name) > 0.5


def test_a_text_without_a_word_is_refused_but_the_others_are_spoken(home: Home) -> None:
    good, bad = sound_name("Hola", "es"), sound_name("…", "es")
    with pytest.raises(ClientMistake, match="nothing to hear"):
        prompts.ensure(home, [(bad, "…", "es"), (good, "Hola", "es")])
    assert prompts.missing(home, [good, bad]) == [bad]


def test_without_any_voice_the_line_says_what_to_install(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nonexistent")
    with pytest.raises(ClientMistake, match="apt-get install espeak-ng"):
        prompts.speak(home, "Hola", "es")


# --- Piper --------------------------------------------------------------------------------------------------

# Takes Piper's options and speaks by espeak-ng in a voice that is told by its length: at 80 words a minute.
PIPER = """#!/bin/sh
[ "$1" = -m ] && [ -f "$2" ] && [ "$3" = -f ] || exit 2
exec {espeak} -b 1 -v es -s 80 --stdin -w "$4"
"""


@pytest.fixture
def piper(home: Home, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A `piper` on the PATH, and two Spanish voices of it in the home."""
    program = tmp_path / "bin" / "piper"
    program.parent.mkdir()
    program.write_text(PIPER.format(espeak=shutil.which("espeak-ng")))
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{program.parent}:{os.environ['PATH']}")
    for voice in ("es_ES-one-medium", "es_MX-two-high"):
        (home.root / "voices" / voice).mkdir(parents=True)
        for extension in ("onnx", "onnx.json"):
            (home.root / "voices" / voice / f"{voice}.{extension}").touch()
    return program


def test_an_installed_piper_voice_speaks_and_the_nearest_accent_is_taken(home: Home, piper: Path) -> None:
    assert [voice.name for voice in voices.voices_for(home, "es")] == ["piper es_MX-two-high", "espeak-ng"]
    assert [voice.name for voice in voices.voices_for(home, "en")] == ["espeak-ng"]
    name = prompts.speak(home, "Gracias por llamar a nuestra oficina", "es")
    assert seconds(home, name) > 3


def test_a_piper_that_fails_gives_way_to_espeak(home: Home, piper: Path) -> None:
    piper.write_text("#!/bin/sh\nexit 1\n")
    name = prompts.speak(home, "Gracias por llamar a nuestra oficina", "es")
    assert 1 < seconds(home, name) < 4


def test_a_voice_that_is_half_copied_is_not_used(home: Home, piper: Path) -> None:
    for file in (home.root / "voices").rglob("*.json"):
        file.unlink()
    assert [voice.name for voice in voices.voices_for(home, "es")] == ["espeak-ng"]


# --- uploads ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("a.wav", {"subtype": "PCM_16"}),
        ("a.wav", {"subtype": "FLOAT"}),
        ("a.wav", {"subtype": "ULAW"}),
        ("a.flac", {}),
        ("a.ogg", {"subtype": "VORBIS"}),
        ("a.ogg", {"subtype": "OPUS", "format": "OGG"}),
        ("a.mp3", {}),
        ("no-extension", {"format": "WAV"}),
        ("lies.txt", {"format": "MP3"}),
    ],
)
def test_each_kind_of_audio_is_converted(
    home: Home, tmp_path: Path, speech: tuple[np.ndarray, int], name: str, options: dict[str, str]
) -> None:
    samples = soxr.resample(speech[0], speech[1], 48000)
    stereo = np.column_stack([samples, samples * 0.5]) * 0.1  # far too quiet
    stored = prompts.store_upload(home, upload(tmp_path, name, stereo, 48000, **options))
    assert_fit_for_a_telephone(home, audio_sound(stored))
    assert seconds(home, audio_sound(stored)) == pytest.approx(len(samples) / 48000, abs=0.7)


def test_the_words_survive_the_conversion(home: Home, tmp_path: Path, speech: tuple[np.ndarray, int]) -> None:
    stored = prompts.store_upload(home, upload(tmp_path, "a.flac", *speech))
    samples, rate = played(home, audio_sound(stored), ".wav16")
    original = soxr.resample(speech[0], speech[1], rate)
    match = np.correlate(samples, original, "full").max()
    assert match / (np.linalg.norm(samples) * np.linalg.norm(original)) > 0.95


def test_a_loud_and_clipped_upload_is_brought_down(home: Home, tmp_path: Path, speech: tuple[np.ndarray, int]) -> None:
    stored = prompts.store_upload(home, upload(tmp_path, "a.wav", np.clip(speech[0] * 30, -1, 1), speech[1]))
    assert_fit_for_a_telephone(home, audio_sound(stored))


def test_silence_around_an_upload_is_cut_off(home: Home, tmp_path: Path, speech: tuple[np.ndarray, int]) -> None:
    samples, rate = speech
    stored = prompts.store_upload(home, upload(tmp_path, "a.wav", np.pad(samples, 20 * rate), rate))
    assert seconds(home, audio_sound(stored)) < len(samples) / rate + 0.5


def test_the_same_upload_has_the_same_name(home: Home, tmp_path: Path, speech: tuple[np.ndarray, int]) -> None:
    first = prompts.store_upload(home, upload(tmp_path, "a.wav", *speech))
    assert prompts.store_upload(home, upload(tmp_path, "b; touch x.wav", *speech)) == first


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"hello, world\n" * 100,
        b"RIFF\0\0\0\0WAVE",
        b"\xff\xfb\x90\x64" + bytes(4000),
        b"ID3\x04\0\0\0\0\0\x10" + b"\xff\xfb" * 300,
        b"fLaC" + b"\xff" * 500,
        b"OggS" + b"\0" * 500,
        b"\x89PNG\r\n\x1a\n" + bytes(range(256)) * 4,
    ],
)
def test_what_is_no_audio_is_refused_in_one_line(
    home: Home, tmp_path: Path, content: bytes, capfd: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "a.wav").write_bytes(content)
    assert "give a" in refused(home, tmp_path / "a.wav")
    assert capfd.readouterr() == ("", "")


@given(content=st.binary(max_size=400), start=st.sampled_from([b"", b"RIFF", b"ID3", b"fLaC", b"OggS", b"\xff\xfb"]))
@settings(max_examples=50, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_random_bytes_never_get_further_than_one_line(home: Home, tmp_path: Path, start: bytes, content: bytes) -> None:
    (tmp_path / "a").write_bytes(start + content)
    assert refused(home, tmp_path / "a")


def test_other_kinds_of_audio_are_refused_by_name(home: Home, tmp_path: Path, speech: tuple[np.ndarray, int]) -> None:
    path = upload(tmp_path, "a.aiff", *speech)
    assert refused(home, path).endswith("is AIFF; give a WAV, FLAC, OGG or MP3 file")


def test_hours_of_silence_in_a_small_file_are_refused(home: Home, tmp_path: Path) -> None:
    path = upload(tmp_path, "bomb.flac", np.zeros(8000 * 3600, np.int16), 8000)
    assert path.stat().st_size < 100_000
    assert "longer than 3 minutes" in refused(home, path)


def test_a_header_that_lies_about_the_length_is_found_out(home: Home, tmp_path: Path) -> None:
    flac = io.BytesIO()
    soundfile.write(flac, np.zeros(8000 * 400, np.int16), 8000, format="FLAC")
    content = bytearray(flac.getvalue())
    # STREAMINFO's 36 bits of total samples: say there are 800.
    content[21] &= 0xF0
    content[22:26] = struct.pack(">I", 800)
    (tmp_path / "liar.flac").write_bytes(content)
    assert refused(home, tmp_path / "liar.flac")


def test_a_silent_upload_is_refused(home: Home, tmp_path: Path) -> None:
    path = upload(tmp_path, "a.wav", np.zeros(16000, np.int16), 16000)
    assert "nothing to hear" in refused(home, path)


def test_floats_that_are_no_numbers_do_not_spoil_the_rest(
    home: Home, tmp_path: Path, speech: tuple[np.ndarray, int]
) -> None:
    samples = speech[0].copy()
    samples[1000:1010] = np.nan
    samples[2000] = np.inf
    stored = prompts.store_upload(home, upload(tmp_path, "a.wav", samples, speech[1], subtype="FLOAT"))
    assert_fit_for_a_telephone(home, audio_sound(stored))


def test_too_many_channels_are_refused(home: Home, tmp_path: Path) -> None:
    path = upload(tmp_path, "a.wav", np.zeros((8000, 64), np.int16), 8000)
    assert "64 channels" in refused(home, path)


def test_a_file_that_is_too_large_is_refused_unread(home: Home, tmp_path: Path) -> None:
    path = tmp_path / "a.wav"
    path.touch()
    os.truncate(path, 10 * 1024**3)  # sparse
    assert "larger than 64 MB" in refused(home, path)


def test_what_is_no_file_is_refused(home: Home, tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    assert "no ordinary file" in refused(home, tmp_path / "pipe")
    assert "no ordinary file" in refused(home, Path("/dev/zero"))
    assert "cannot be read" in refused(home, tmp_path)
    assert "No such file" in refused(home, tmp_path / "absent")
    assert "null" in refused(home, Path("a\0b"))


@given(name=st.text(st.characters(codec="utf-8", exclude_characters="/\0"), min_size=1, max_size=30))
@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_hostile_file_names_are_only_names(home: Home, tmp_path: Path, name: str) -> None:
    folder = tmp_path / "uploads"
    folder.mkdir(exist_ok=True)
    if name in (".", "..") or len(os.fsencode(name)) > 200:
        name = f"$(reboot);{len(name)}"
    (folder / name).write_bytes(b"no audio")
    assert "no audio" in refused(home, folder / name)


def test_a_disk_that_refuses_is_told_in_one_line(home: Home, tmp_path: Path) -> None:
    home.root.parent.mkdir(exist_ok=True)
    home.root.touch()  # a file where the home's folder should be
    with pytest.raises(ClientMistake, match="cannot be read: Not a directory"):
        prompts.speak(home, "Hola", "es")


def test_a_folder_that_cannot_be_written_to_is_told_in_one_line(home: Home) -> None:
    (home.prompts / "spoken").mkdir(parents=True)
    (home.prompts / "audio").touch()
    with pytest.raises(ClientMistake, match="cannot be"):
        prompts.speak(home, "Hola", "es")


def test_a_full_disk_leaves_no_half_written_sound(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(_handle: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(ClientMistake, match="cannot be written: No space left on device"):
        prompts.speak(home, "Hola", "es")
    assert [path for path in home.root.rglob("*") if path.is_file()] == []


# --- pruning ------------------------------------------------------------------------------------------------


def test_a_sound_is_removed_a_day_after_it_was_last_needed(home: Home) -> None:
    name = prompts.speak(home, "Hola", "es")
    assert prompts.prune(home, [], NOON) == []
    assert prompts.prune(home, [], NOON + timedelta(hours=23)) == []
    assert prompts.prune(home, [], NOON + timedelta(hours=24)) == [name]
    assert prompts.missing(home, [name]) == [name]


def test_a_sound_that_is_needed_again_gets_its_full_day_anew(home: Home) -> None:
    needing = replace(ANDES, announcements=(Announcement(AnnouncementKind.WELCOME, "Hola"),))
    prompts.speak(home, "Hola", "es")
    prompts.prune(home, [], NOON)
    prompts.prune(home, [needing], NOON + timedelta(hours=23))
    assert prompts.prune(home, [], NOON + timedelta(hours=25)) == []
    assert prompts.prune(home, [], NOON + timedelta(hours=49)) == [sound_name("Hola", "es")]


def test_what_house_and_clients_need_is_never_removed(
    home: Home, tmp_path: Path, speech: tuple[np.ndarray, int]
) -> None:
    stored = prompts.store_upload(home, upload(tmp_path, "a.wav", *speech))
    client = replace(
        ANDES,
        announcements=(
            Announcement(AnnouncementKind.CLOSED, audio=stored),
            Announcement(AnnouncementKind.BUSY, "Hola"),
        ),
    )
    prompts.ensure_client(home, client)
    prompts.prune(home, [client], NOON)
    assert prompts.prune(home, [client], NOON + timedelta(days=100)) == []
    assert prompts.missing(home, [audio_sound(stored), *(name for name, _, _ in sounds_of(client))]) == []


@pytest.mark.parametrize("notes", ["", "[]", "{", '{"x": 1}', '{"../../home": "2020-01-01T00:00:00+00:00"}'])
def test_damaged_notes_remove_nothing_early(home: Home, notes: str) -> None:
    name = prompts.speak(home, "Hola", "es")
    (home.prompts / "unused.json").write_text(notes)
    assert prompts.prune(home, [], NOON) == []
    assert prompts.prune(home, [], NOON + timedelta(days=2)) == [name]


def test_files_that_are_not_ours_are_left_alone(home: Home) -> None:
    prompts.speak(home, "Hola", "es")
    other = home.prompts / "spoken" / "notes.txt"
    other.write_text("mine")
    prompts.prune(home, [], NOON)
    prompts.prune(home, [], NOON + timedelta(days=2))
    assert other.read_text() == "mine"
