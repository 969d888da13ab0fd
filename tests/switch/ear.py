"""Tells what somebody heard on the telephone, in order and for how long: spoken texts, tones, beeps, music."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from itertools import pairwise
from pathlib import Path

import numpy as np
import soundfile

from pbx_control.world import audio
from pbx_control.world.audio import RATE, Span

RINGING, BEEP, MUSIC = "ringing", "beep", "music"
# Chile's ringing tone (dialplans/indications.conf.j2) and the beep of Asterisk's sounds.
RINGING_HERTZ, BEEP_HERTZ = 400.0, 700.0
# A ring and the pause after it are one ringing; music has quiet moments, too.
PAUSES = {RINGING: 3.6, MUSIC: 3.0}
SHORT_PAUSE = 0.6
# Shorter sounds than these are crackle between two others, or the half second of music before a position is told, s.
# A tone in music is shorter than anybody's.
SHORTEST, SHORTEST_TONE, SHORTEST_BEEP = 0.75, 0.8, 0.25
# A tone's line is so wide, Hz, and has so much of its power: alone, or when two talk at the same time.
LINE_WIDTH, ALONE, MIXED = 20.0, 0.97, 0.35
# A text is looked for by some pieces of it, so long, s; and so alike they must be, after a-law.
PIECE, PIECES, ALIKE = 0.6, 8, 0.6

Samples = np.ndarray


@dataclass(frozen=True, slots=True)
class Heard:
    """One thing that was heard: a text's or a person's name, `ringing`, `beep` or `music`; in seconds."""

    what: str
    start: float
    end: float

    @property
    def seconds(self) -> float:
        return self.end - self.start

    def __str__(self) -> str:
        return f"{self.what} {self.start:.1f}–{self.end:.1f}"


def listen(recording: Path, texts: Mapping[str, Path], people: Mapping[str, float]) -> list[Heard]:
    """What is heard in a recording, by time. `texts` are the sounds that may have been played, by name; `people`
    speak in tones, of so many hertz."""
    if not recording.exists() or audio.is_silent(recording):
        return []
    sound = _load(recording)
    spoken = _spoken(sound, texts)
    tones = {RINGING: RINGING_HERTZ} | dict(people)
    voices = [
        Heard(name, span.start, span.end)
        for name, hertz in tones.items()
        for span in _joined(audio.spans(recording, hertz), 0.3)
        if span.seconds >= SHORTEST_TONE and _is_pure(sound, hertz, span, ALONE if name == RINGING else MIXED)
    ]
    beeps = [Heard(BEEP, s.start, s.end) for s in audio.spans(recording, BEEP_HERTZ) if _is_beep(s)]
    known = spoken + _outside(voices, spoken)
    known += _outside(beeps, known)
    rest = [Heard(MUSIC, span.start, span.end) for span in audio.loud(recording)]
    music = [one for one in _outside(rest, known) if one.seconds >= SHORTEST]
    return _merged(sorted(known + music, key=lambda one: one.start))


def _is_pure(sound: Samples, hertz: float, span: Span, share: float) -> bool:
    """Music may have a long note of somebody's height, but never alone: most of a tone's power lies in its line."""
    part = sound[int(span.start * RATE) : int(span.end * RATE)]
    power = np.abs(np.fft.rfft(part)) ** 2
    heights = np.fft.rfftfreq(len(part), 1 / RATE)
    return float(power[abs(heights - hertz) < LINE_WIDTH].sum()) > share * float(power.sum())


def _is_beep(span: Span) -> bool:
    return SHORTEST_BEEP <= span.seconds < SHORTEST_TONE


# --- texts ------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Found:
    heard: Heard
    pieces: int


def _spoken(recording: Samples, texts: Mapping[str, Path]) -> list[Heard]:
    """The texts that are heard. Two that begin alike are told apart by which has more of its pieces there."""
    finder = _Finder(recording)
    found = [one for name, path in texts.items() for one in finder.find(name, _load(path))]
    taken: list[Heard] = []
    for one in sorted(found, key=lambda one: -one.pieces):
        if all(one.heard.end <= other.start + PIECE or one.heard.start >= other.end - PIECE for other in taken):
            taken.append(one.heard)
    return taken


class _Finder:
    """Looks for pieces of sound in one recording, by normalised cross-correlation."""

    def __init__(self, recording: Samples) -> None:
        self._length = len(recording)
        self._size = 1 << int(np.ceil(np.log2(self._length + PIECE * RATE)))
        self._spectrum = np.fft.rfft(recording, self._size)
        width = int(PIECE * RATE)
        energy = np.concatenate([[0], np.cumsum(recording**2)])
        self._energy = np.sqrt(np.maximum(energy[width:] - energy[:-width], 1e-6))

    def find(self, name: str, text: Samples) -> list[_Found]:
        """Every time that at least two pieces of the text are heard in their right distance."""
        offsets = np.linspace(0, max(0, len(text) - int(PIECE * RATE)), PIECES).astype(int)
        hits = [(offset / RATE, at) for offset in offsets for at in self._places(text[offset:])]
        begins = sorted({round((at - offset) * 2) / 2 for offset, at in hits})
        runs = [self._run(name, len(text) / RATE, begin, hits) for begin in begins]
        return [run for run in runs if run.pieces > 1]

    def _run(self, name: str, seconds: float, begin: float, hits: list[tuple[float, float]]) -> _Found:
        """The text as heard from about `begin` on; what follows its last known piece is its end, or a pause in it."""
        mine = [(offset, at) for offset, at in hits if abs(at - offset - begin) < 0.5]
        if not mine:
            return _Found(Heard(name, begin, begin), 0)
        start, last = min(at - offset for offset, at in mine), max(at for _, at in mine)
        gap = seconds / (PIECES - 1)
        end = min(start + seconds, last + PIECE + gap, self._length / RATE)
        return _Found(Heard(name, max(0.0, start), end), len(mine))

    def _places(self, text: Samples) -> list[float]:
        """Where the text's first piece is heard, s."""
        piece = text[: int(PIECE * RATE)]
        norm = np.sqrt((piece**2).sum())
        if norm < 0.1 or len(self._energy) == 0:  # a pause in the text is found everywhere
            return []
        product = np.fft.irfft(self._spectrum * np.conj(np.fft.rfft(piece, self._size)), self._size)
        alike = product[: len(self._energy)] / (self._energy * norm)
        near = np.flatnonzero(alike > ALIKE)
        peaks = np.split(near, np.flatnonzero(np.diff(near) > RATE // 4) + 1) if len(near) else []
        return [float(peak[alike[peak].argmax()]) / RATE for peak in peaks]


def _load(path: Path) -> Samples:
    samples, rate = soundfile.read(str(path), dtype="float64")
    assert rate == RATE, path
    return samples


# --- order ------------------------------------------------------------------------------------------------


def _joined(spans: list[Span], pause: float) -> list[Span]:
    joined: list[Span] = []
    for span in spans:
        if joined and span.start - joined[-1].end < pause:
            joined[-1] = Span(joined[-1].start, span.end)
        else:
            joined.append(span)
    return joined


def _outside(things: Iterable[Heard], known: Iterable[Heard]) -> list[Heard]:
    """The parts of `things` during which nothing known is heard."""
    parts = list(things)
    for other in known:
        parts = [part for thing in parts for part in _without(thing, other)]
    return parts


def _without(thing: Heard, other: Heard) -> list[Heard]:
    if other.end <= thing.start or other.start >= thing.end:
        return [thing]
    before, after = replace(thing, end=other.start), replace(thing, start=other.end)
    return [part for part in (before, after) if part.seconds > 0.2]


def _merged(things: list[Heard]) -> list[Heard]:
    """Neighbours of one name are one, if the pause between them is one that it has."""
    merged = things[:1]
    for before, thing in pairwise(things):
        pause = PAUSES.get(thing.what, SHORT_PAUSE)
        if before.what == thing.what and thing.start - merged[-1].end < pause:
            merged[-1] = replace(merged[-1], end=max(merged[-1].end, thing.end))
        else:
            merged.append(thing)
    return merged
