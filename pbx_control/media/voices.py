"""The voices that speak prompts: Piper where one of its voices is installed, else espeak-ng."""

import shutil
import subprocess
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from tempfile import TemporaryDirectory

import soundfile

from pbx_control.domain.opening.speech import pronounceable
from pbx_control.errors import ClientMistake, reason
from pbx_control.media.audio import Samples
from pbx_control.settings import Home

ESPEAK_VOICES = {"es": "es-419", "en": "en-us"}  # Latin American Spanish
ESPEAK_SPEED = "150"  # words a minute: a telephone carries half of what its default of 175 is made for
# The nearest to Chile first; then whatever of the language there is.
PIPER_ACCENTS = {"es": ("es_CL", "es_AR", "es_MX", "es_"), "en": ("en_US", "en_")}
PIPER_FOLDERS = (Path("/usr/local/share/piper-voices"), Path("/usr/share/piper-voices"))
PATIENCE = timedelta(minutes=2)  # for one text; Piper on a small machine is as slow as speech


@dataclass(frozen=True, slots=True)
class Voice:
    """A program that reads a text on its standard input and writes a WAV into the file named after `argv`."""

    name: str
    argv: tuple[str, ...]


def voices_for(home: Home, language: str) -> list[Voice]:
    """The installed voices of a language, the best first; `voices/` in the home is searched for Piper's too."""
    return [*_piper(home, language), *_espeak(language)]


def say(voices: Iterable[Voice], text: str, language: str) -> tuple[Samples, int]:
    """The spoken text and its sampling rate, by the first of the voices that can.

    Raises ClientMistake if none can, or none is installed.
    """
    failure = None
    for voice in voices:
        try:
            return _spoken(voice, pronounceable(text, language))
        except (OSError, subprocess.SubprocessError, soundfile.LibsndfileError) as error:
            failure = ClientMistake("{voice} cannot speak: {why}", voice=voice.name, why=reason(error))
    raise failure or ClientMistake("no voice is installed for the prompts: apt-get install espeak-ng")


def _spoken(voice: Voice, text: str) -> tuple[Samples, int]:
    # The text goes in by the standard input alone: no shell and no argument ever sees it.
    with TemporaryDirectory(prefix="pbx-voice-") as folder:
        file = Path(folder) / "spoken.wav"
        subprocess.run(
            [*voice.argv, str(file)],
            input=f"{text}\n".encode(),
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            timeout=PATIENCE.total_seconds(),
            check=True,
        )
        samples, rate = soundfile.read(file, dtype="float32")
        return samples, rate


def _piper(home: Home, language: str) -> list[Voice]:
    program = shutil.which("piper")
    if not program:
        return []
    files = [file for folder in (home.root / "voices", *PIPER_FOLDERS) for file in _models(folder, language)]
    return [Voice(f"piper {file.stem}", (program, "-m", str(file), "-f")) for file in files[:1]]


def _models(folder: Path, language: str) -> list[Path]:
    """The Piper voices of a language in a folder, the best accent first. A voice without its .json is half copied."""
    found = sorted(file for file in folder.rglob(f"{language}_*.onnx") if Path(f"{file}.json").is_file())
    accents = PIPER_ACCENTS[language]
    return sorted(found, key=lambda file: next(i for i, accent in enumerate(accents) if file.name.startswith(accent)))


def _espeak(language: str) -> list[Voice]:
    program = shutil.which("espeak-ng")
    options = ("-b", "1", "-v", ESPEAK_VOICES[language], "-s", ESPEAK_SPEED, "--stdin", "-w")
    return [Voice("espeak-ng", (program, *options))] if program else []
