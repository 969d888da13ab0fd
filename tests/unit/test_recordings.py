"""Recordings on disk: what hostile names and links reach, what a crash leaves, what is found."""

import io
import os
import resource
import struct
import wave
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pbx_control.errors import ClientMistake
from pbx_control.media.recordings import (
    ABSENT,
    RecordingFacts,
    has_room,
    inspect,
    is_spoken,
    listing,
    open_recording,
    settle,
)

NAME = "2026/08/03/pbx-1785752100.17.wav"


def sound(seconds: float, rate: int = 8000) -> bytes:
    """A WAV as Asterisk writes it."""
    content = io.BytesIO()
    with wave.open(content, "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(rate)
        file.writeframes(b"\x01\x02" * int(seconds * rate))
    return content.getvalue()


def crashed(content: bytes) -> bytes:
    """The same as a crash leaves it: sizes never written."""
    return content[:4] + bytes(4) + content[8:40] + bytes(4) + content[44:]


@pytest.fixture
def recordings(tmp_path: Path) -> Path:
    folder = tmp_path / "home" / "recordings"
    folder.mkdir(parents=True)
    return folder


def put(recordings: Path, content: bytes, name: str = NAME) -> Path:
    path = recordings / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    return path


@pytest.mark.parametrize("rate", [8000, 16000])
def test_a_recording_is_measured(recordings: Path, rate: int) -> None:
    content = sound(2.5, rate)
    assert inspect(put(recordings, content)) == RecordingFacts(exists=True, seconds=2.5, bytes=len(content))


def test_a_recording_that_was_never_closed_is_measured_by_what_is_in_it(recordings: Path) -> None:
    assert inspect(put(recordings, crashed(sound(3)))).seconds == 3


@pytest.mark.parametrize("content", [b"", b"RIFF", b"no sound at all" * 10, bytes(100), sound(0)])
def test_a_file_without_sound_has_no_seconds(recordings: Path, content: bytes) -> None:
    assert inspect(put(recordings, content)) == RecordingFacts(exists=True, seconds=0, bytes=len(content))


def test_what_is_no_ordinary_file_is_absent(recordings: Path) -> None:
    path = put(recordings, sound(1))
    (recordings / "link.wav").symlink_to(path)
    os.mkfifo(recordings / "pipe.wav")
    for name in ("link.wav", "pipe.wav", "2026", "none.wav", "none/none.wav"):
        assert inspect(recordings / name) == ABSENT
        assert settle(recordings / name) == ABSENT


def test_settling_mends_what_a_crash_left_and_closes_it_to_others(recordings: Path) -> None:
    path = put(recordings, crashed(sound(3)))
    path.chmod(0o644)
    assert settle(path).seconds == 3
    assert path.read_bytes() == sound(3)
    assert path.stat().st_mode & 0o777 == 0o600


def test_settling_leaves_a_sound_recording_as_it_is(recordings: Path) -> None:
    path = put(recordings, sound(3))
    assert settle(path) == settle(path)
    assert path.read_bytes() == sound(3)


@given(content=st.binary(max_size=100), keep=st.integers(0, 44))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_whatever_is_in_a_file_settling_keeps_its_sound(recordings: Path, content: bytes, keep: int) -> None:
    whole = sound(0)[:keep] + content
    facts = settle(put(recordings, whole))
    assert facts.bytes == len(whole)
    assert facts.seconds >= 0
    assert (recordings / NAME).read_bytes()[44:] == whole[44:]


@pytest.mark.parametrize(
    ("value", "seconds", "spoken"),
    [(0, 4, False), (200, 4, False), (3000, 1, True), (3000, 0.1, False)],
    ids=["silence", "a line's noise", "a voice", "a click"],
)
def test_a_message_in_which_nobody_is_heard_is_told_apart(
    recordings: Path, value: int, seconds: float, spoken: bool
) -> None:
    samples = struct.pack("<hh", value, -value) * int(seconds * 4000)
    quiet = bytes(16000)
    header = sound((len(quiet) * 2 + len(samples)) / 16000)[:44]
    assert is_spoken(put(recordings, header + quiet + samples + quiet)) == spoken


def test_a_message_that_cannot_be_read_is_kept(recordings: Path) -> None:
    assert is_spoken(recordings / NAME)


def test_a_header_of_zero_bytes_a_second_is_no_division_by_zero(recordings: Path) -> None:
    content = bytearray(sound(1))
    struct.pack_into("<I", content, 24, 0)
    assert settle(put(recordings, bytes(content))).seconds == 0


def test_a_recording_is_opened_by_its_name(recordings: Path) -> None:
    put(recordings, sound(1))
    with open_recording(recordings, NAME) as file:
        assert file.read() == sound(1)


def test_the_recordings_may_lie_on_another_disk(recordings: Path, tmp_path: Path) -> None:
    put(recordings, sound(1))
    moved = recordings.rename(tmp_path / "disk")
    recordings.symlink_to(moved)
    with open_recording(recordings, NAME) as file:
        assert file.read() == sound(1)
    assert [name for name, _ in listing(recordings)] == [NAME]


@pytest.mark.parametrize(
    "name",
    [
        "",
        "/etc/passwd",
        "../../etc/passwd",
        "2026/08/03/../../../secret.wav",
        "2026/08/../../secret.wav",
        "2026/08/03/.hidden.wav",
        "2026/08/03/a\0.wav",
        "2026/08/03/a.wav\n",
        "2026/08/03/a b.wav",
        "2026/08/03/a.conf",
        "2026/08/03//a.wav",
        "٢٠٢٦/٠٨/٠٣/../a.wav",
    ],
)
def test_a_name_that_is_no_recordings_is_refused(recordings: Path, name: str) -> None:
    put(recordings.parent, b"secret", "secret.wav")
    with pytest.raises(ClientMistake, match="no name of a recording"):
        open_recording(recordings, name)


@pytest.mark.parametrize("part", ["2026", "2026/08", "2026/08/03", NAME])
def test_a_link_is_never_followed(recordings: Path, tmp_path: Path, part: str) -> None:
    put(recordings, sound(1))
    moved = (recordings / part).rename(tmp_path / "elsewhere")
    (recordings / part).symlink_to(moved)
    with pytest.raises(ClientMistake, match="cannot be read"):
        open_recording(recordings, NAME)
    assert list(listing(recordings)) == []


def test_an_absent_recording_is_told_in_one_line(recordings: Path) -> None:
    with pytest.raises(ClientMistake, match=f"{NAME} cannot be read: No such file"):
        open_recording(recordings, NAME)


def test_recordings_are_listed_by_name_and_nothing_else_is(recordings: Path) -> None:
    second = "2026/08/04/pbx-2.1-message.wav"
    for name in (second, NAME, "notes.txt", "2026/08/03/.part.wav", "2026/08/03/deep/a.wav"):
        put(recordings, sound(1), name)
    assert list(listing(recordings)) == [(NAME, 16044), (second, 16044)]


def test_room_is_tried(tmp_path: Path) -> None:
    """A quota shows in no figure of the disk; here it is a limit of the process."""
    assert has_room(tmp_path)
    assert list(tmp_path.iterdir()) == []
    assert not has_room(tmp_path / "missing")
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1000, hard))
    try:
        assert not has_room(tmp_path)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def test_a_file_without_a_byte_has_no_header_and_one_of_silence_has(tmp_path: Path) -> None:
    empty = tmp_path / "empty.wav"
    empty.touch()
    assert not inspect(empty).has_header
    assert not inspect(tmp_path / "missing.wav").has_header
    silence = tmp_path / "silence.wav"
    with wave.open(str(silence), "wb") as sound:
        sound.setparams((1, 2, 8000, 0, "NONE", ""))
    assert inspect(silence).has_header
