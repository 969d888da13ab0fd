"""Signals: from any audio file or voice to what Asterisk plays, 8 and 16 kHz mono at the loudness of a telephone."""

import io
import os
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import TypeAlias

import numpy as np
import pyloudnorm
import soundfile
import soxr
from numpy.typing import NDArray

from pbx_control.errors import ClientMistake, Code, Field

Samples: TypeAlias = NDArray[np.float32]
"""Mono, full scale is ±1."""

# Asterisk's format_wav takes 16-bit mono alone, and the rate must be that of the extension.
RATES = {".wav": 8000, ".wav16": 16000}
MASTER_RATE = 16000

FORMATS = ("WAV", "WAVEX", "FLAC", "OGG", "MP3")
LONGEST = timedelta(minutes=3)
MOST_CHANNELS = 8
RATE_LIMITS = (4000, 192000)  # Hz
BLOCK = 65536  # frames decoded at a time: a small file can hold hours of silence

TARGET = -19.0  # LUFS (ITU-R BS.1770), speech on a telephone line
SILENT = -60.0  # LUFS; what is quieter is no announcement
CEILING = 10 ** (-1 / 20)  # -1 dBTP: no clipping after the carrier's own resampling
OVERSAMPLING = 4  # for true peaks, as BS.1770 asks
LOOKAHEAD = 0.005  # s; the limiter is down before the peak arrives

FRAME = 0.01  # s, of the search for silence
QUIET = 10 ** (-45 / 20)  # of the loudest frame; below it is silence
# A call's first half second is often lost while its media starts, and what is played first is played right after the
# answer; Asterisk drops a file's last 22 samples.
LEAD, TAIL = 0.5, 0.25  # s of silence before and after


def decode(content: bytes, what: str) -> Samples:
    """The sound in a WAV, FLAC, OGG or MP3 file, mono at 16 kHz; `what` names the file in errors.

    Raises ClientMistake if it is no audio, of another kind, or longer than `LONGEST`.
    """
    try:
        with _quiet_decoder(), soundfile.SoundFile(io.BytesIO(content)) as file:
            _refuse_unfit(file, what)
            return _resampled(file, what)
    except (soundfile.LibsndfileError, TypeError):
        raise ClientMistake(
            "{what} is no audio; give a WAV, FLAC, OGG or MP3 file", Code.BAD_FILE, what=what, field=Field("audio")
        ) from None


def telephone_sound(samples: Samples, rate: int, what: str) -> dict[str, bytes]:
    """The two files that Asterisk plays, by extension: trimmed, `TARGET` loud, peaks below -1 dBTP, 16-bit WAV.

    `what` names the file or text in errors. Raises ClientMistake if there is nothing to hear, or more than `LONGEST`.
    """
    master = _trimmed(soxr.resample(samples - samples.mean(), rate, MASTER_RATE).astype(np.float32))
    if len(master) > LONGEST.total_seconds() * MASTER_RATE:
        raise _too_long(what)
    if loudness(master, MASTER_RATE) < SILENT:
        raise ClientMistake(
            "there is nothing to hear in {what}; give one with sound", Code.BAD_FILE, what=what, field=Field("audio")
        )
    return {extension: _wav(_at_rate(master, played), played) for extension, played in RATES.items()}


def loudness(samples: Samples, rate: int) -> float:
    """Integrated loudness in LUFS (ITU-R BS.1770-4); -inf for silence."""
    shortest = int(0.4 * rate) + 1  # one gating block
    padded = np.pad(samples, (0, max(0, shortest - len(samples))))
    with np.errstate(divide="ignore"):  # a block of nothing but zeros is -inf
        return float(pyloudnorm.Meter(rate).integrated_loudness(padded.astype(np.float64)))


def true_peak(samples: Samples) -> float:
    """The highest value between the samples too, full scale is 1."""
    return float(_envelope(samples).max(initial=0.0))


def _refuse_unfit(file: soundfile.SoundFile, what: str) -> None:
    if file.format not in FORMATS:
        raise ClientMistake(
            "{what} is {format}; give a WAV, FLAC, OGG or MP3 file",
            Code.BAD_FILE,
            what=what,
            format=file.format,
            field=Field("audio"),
        )
    low, high = RATE_LIMITS
    if not low <= file.samplerate <= high or file.channels > MOST_CHANNELS:
        raise ClientMistake(
            "{what} has {channels} channels at {rate} Hz; give mono or stereo at 8000 to 48000 Hz",
            Code.BAD_FILE,
            what=what,
            channels=file.channels,
            rate=file.samplerate,
            field=Field("audio"),
        )
    if file.frames > LONGEST.total_seconds() * file.samplerate:
        raise _too_long(what)


def _resampled(file: soundfile.SoundFile, what: str) -> Samples:
    # Block by block: what the header says about the length need not be true.
    stream = soxr.ResampleStream(file.samplerate, MASTER_RATE, 1, dtype="float32")
    parts: list[Samples] = []
    left = LONGEST.total_seconds() * file.samplerate
    while len(block := file.read(BLOCK, dtype="float32", always_2d=True)):
        left -= len(block)
        if left < 0:
            raise _too_long(what)
        parts.append(stream.resample_chunk(_mono(block)))
    parts.append(stream.resample_chunk(np.zeros(0, np.float32), last=True))
    return np.concatenate(parts)


def _mono(block: Samples) -> Samples:
    # A file of floats may hold anything: not-a-number would silence the whole result.
    mixed = np.nan_to_num(block, nan=0.0, posinf=0.0, neginf=0.0).clip(-8, 8).mean(axis=1, dtype=np.float32)
    return np.ascontiguousarray(mixed)


def _too_long(what: str) -> ClientMistake:
    minutes = LONGEST.seconds // 60
    return ClientMistake(
        "{what} is longer than {minutes} minutes; give a shorter one",
        Code.BAD_FILE,
        what=what,
        minutes=minutes,
        field=Field("audio"),
    )


def _trimmed(samples: Samples) -> Samples:
    size = int(FRAME * MASTER_RATE)
    frames = np.pad(samples, (0, -len(samples) % size)).reshape(-1, size)
    level = np.sqrt(np.mean(np.square(frames), axis=1))
    heard = np.flatnonzero(level > QUIET * level.max(initial=0.0))
    if not len(heard):
        return samples[:0]
    # One frame more at either end, so that no consonant is clipped.
    voice = samples[max(0, heard[0] - 1) * size : (heard[-1] + 2) * size]
    return np.pad(voice, (int(LEAD * MASTER_RATE), int(TAIL * MASTER_RATE)))


def _at_rate(master: Samples, rate: int) -> Samples:
    """The sound at that rate and at `TARGET`: the limiter takes some loudness away, so it is given back twice."""
    samples: Samples = soxr.resample(master, MASTER_RATE, rate)
    for _ in range(3):
        gain = 10 ** ((TARGET - loudness(samples, rate)) / 20)
        samples = _limited(samples * np.float32(gain), rate)
    return samples


def _limited(samples: Samples, rate: int) -> Samples:
    peaks = _envelope(samples)
    if peaks.max(initial=0.0) <= CEILING:
        return samples
    window = 2 * int(LOOKAHEAD * rate) + 1
    needed = np.pad(np.minimum(1, CEILING / np.maximum(peaks, CEILING)), window - 1, constant_values=1)
    lowest = np.lib.stride_tricks.sliding_window_view(needed, window).min(axis=1)
    # The mean of minima over one window never exceeds what its middle sample needs.
    gain = np.convolve(lowest, np.full(window, 1 / window), mode="valid")
    return (samples * gain).astype(np.float32)


def _envelope(samples: Samples) -> Samples:
    fine: Samples = np.abs(soxr.resample(samples, 1, OVERSAMPLING))
    fine = np.resize(np.pad(fine, (0, OVERSAMPLING)), len(samples) * OVERSAMPLING)
    between = fine.reshape(-1, OVERSAMPLING).max(axis=1) if len(samples) else fine
    # A peak between two samples belongs to both.
    peaks: Samples = np.maximum.reduce([np.abs(samples), between, np.roll(between, 1)])
    return peaks


def _wav(samples: Samples, rate: int) -> bytes:
    file = io.BytesIO()
    soundfile.write(file, samples, rate, format="WAV", subtype="PCM_16")
    return file.getvalue()


@contextmanager
def _quiet_decoder() -> Iterator[None]:
    """libmpg123 writes its own remarks about damaged files to the standard error, where only our one line belongs."""
    kept, nowhere = os.dup(2), os.open(os.devnull, os.O_WRONLY)
    try:
        os.dup2(nowhere, 2)
        yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)
        os.close(nowhere)
