"""Makes the sounds that the outside world plays, and tells from a recording who was heard in it, and when."""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
import soundfile
from numpy.typing import NDArray

RATE = 8000  # Hz: what a telephone line carries
FRAME = 0.04  # s: long enough to tell tones 60 Hz apart, short enough to time them
SILENCE = 10 ** (-45 / 20)  # of full scale: comfort noise and codec hiss lie below
SHARE = 0.15  # of a frame's power: a tone in a mix of three voices still reaches it
LINE = 0.5  # of a frame's power in one spectral line: more is a tone, less is speech or music

Samples: TypeAlias = NDArray[Any]  # of numbers, or of truth values


@dataclass(frozen=True, slots=True)
class Span:
    """A stretch of a recording, in seconds from its start."""

    start: float
    end: float

    @property
    def seconds(self) -> float:
        return self.end - self.start


def write_tone(path: Path, hertz: float, seconds: float = 20.0, level: float = 0.3) -> Path:
    """Writes a WAV of one tone (8 kHz, 16 bit, mono) and returns its path."""
    at = np.arange(int(seconds * RATE)) / RATE
    return _write(path, level * np.sin(2 * np.pi * hertz * at))


def write_tone_between(path: Path, speech: Path, hertz: float, level: float = 0.3) -> Path:
    """Writes what somebody says, followed by a second of a tone of his own that tells him apart in a mix."""
    words = _at_rate(*soundfile.read(str(speech), dtype="float64"))
    at = np.arange(RATE) / RATE
    return _write(path, np.concatenate([words, level * np.sin(2 * np.pi * hertz * at), np.zeros(RATE // 5)]))


def seconds(path: Path) -> float:
    """How long a recording is."""
    return len(_load(path)) / RATE


def from_alaw(raw: Path, path: Path) -> Path:
    """Writes bare a-law, as it came over the wire, as a WAV and returns its path."""
    samples, _ = soundfile.read(str(raw), format="RAW", subtype="ALAW", samplerate=RATE, channels=1)
    return _write(path, samples)


def ends_with(raw: Path, hertz: float) -> bool:
    """Whether the last second of bare a-law that is still being written has the tone; a packet may be lost."""
    with raw.open("rb") as file:
        file.seek(max(0, raw.stat().st_size - RATE))
        samples, _ = soundfile.read(file, format="RAW", subtype="ALAW", samplerate=RATE, channels=1)
    return bool(_stretches(_has_tone(_frames(samples), hertz), shortest=0.2))


def spans(path: Path, hertz: float, shortest: float = 0.2) -> list[Span]:
    """When a tone is heard in a recording, alone or in a mix; blips below `shortest` seconds are left out."""
    frames = _frames(_load(path))
    return _stretches(_has_tone(frames, hertz), shortest)


def heard(path: Path, hertz: float) -> float:
    """For how many seconds a tone is heard in a recording."""
    return sum(span.seconds for span in spans(path, hertz))


def tones_in(path: Path, among: Iterable[float], at_least: float = 0.5) -> set[float]:
    """Which of the given tones are heard for `at_least` seconds: who of those people can be heard."""
    return {hertz for hertz in among if heard(path, hertz) >= at_least}


def loud(path: Path, shortest: float = 0.2) -> list[Span]:
    """When anything at all is heard."""
    frames = _frames(_load(path))
    return _stretches(np.sqrt(_power(frames)) > SILENCE, shortest)


def is_silent(path: Path) -> bool:
    """Whether nothing is heard at all (a WAV without a sample counts as silent)."""
    return not loud(path)


def speech(path: Path) -> float:
    """For how many seconds something is heard that is no pure tone: a voice, or music."""
    frames = _frames(_load(path))
    if not len(frames):
        return 0.0
    spectrum = np.abs(np.fft.rfft(frames * np.hanning(frames.shape[1]), axis=1)) ** 2
    # the window spreads a tone over three neighbouring lines
    peak = spectrum.argmax(axis=1)
    line = sum(np.take_along_axis(spectrum, _near(peak, n, spectrum.shape[1]), axis=1)[:, 0] for n in (-1, 0, 1))
    of_one_line = line / np.maximum(spectrum.sum(axis=1), 1e-12) > LINE
    return float(np.count_nonzero((np.sqrt(_power(frames)) > SILENCE) & ~of_one_line) * FRAME)


def _near(peak: Samples, offset: int, lines: int) -> Samples:
    near: Samples = np.clip(peak + offset, 0, lines - 1)[:, None]
    return near


def _load(path: Path) -> Samples:
    return _at_rate(*soundfile.read(str(path), dtype="float64"))


def _at_rate(samples: Samples, rate: int) -> Samples:
    mono: Samples = samples if samples.ndim == 1 else samples.mean(axis=1)
    if rate == RATE:
        return mono
    import soxr  # only uploads and prompts of other rates need it

    resampled: Samples = soxr.resample(mono, rate, RATE)
    return resampled


def _write(path: Path, samples: Samples) -> Path:
    soundfile.write(str(path), samples, RATE, subtype="PCM_16", format="WAV")
    return path


def _frames(samples: Samples) -> Samples:
    size = int(FRAME * RATE)
    return samples[: len(samples) // size * size].reshape(-1, size)


def _power(frames: Samples) -> Samples:
    power: Samples = (frames**2).mean(axis=1)
    return power


def _has_tone(frames: Samples, hertz: float) -> Samples:
    """For each frame: is the tone there, loud enough and with its share of the frame's power (Goertzel's sum)."""
    size = frames.shape[1]
    window = np.hanning(size)
    wave = np.exp(-2j * np.pi * hertz * np.arange(size) / RATE) * window
    amplitude = 2 * np.abs(frames @ wave) / window.sum()
    power = ((frames * window) ** 2).sum(axis=1) / (window**2).sum()
    there: Samples = (amplitude > SILENCE) & (amplitude**2 / 2 > SHARE * power)
    return there


def _stretches(there: Samples, shortest: float) -> list[Span]:
    edges = np.flatnonzero(np.diff(np.concatenate([[0], there.astype(int), [0]])))
    found = (
        Span(round(float(a) * FRAME, 2), round(float(b) * FRAME, 2))
        for a, b in zip(edges[::2], edges[1::2], strict=True)
    )
    return [span for span in found if span.seconds >= shortest]
