"""The sounds under prompts/: spoken texts and uploads, made once, found by name, removed when nobody needs them."""

import json
import os
import re
import stat
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from functools import partial
from hashlib import sha256
from pathlib import Path
from threading import get_ident
from typing import TYPE_CHECKING

from pbx_control.domain.office import Client
from pbx_control.domain.sounds import EXTENSIONS, RENDERING, Spoken, house_sounds, sound_name, sounds_of, uploads_of
from pbx_control.domain.words.wording import clean_line
from pbx_control.errors import ClientMistake, Code, Field, reason
from pbx_control.settings import Home

if TYPE_CHECKING:
    from pbx_control.media.voices import Voice

# media.audio and media.voices are imported where a sound is really made: their numerics take a second to load, and
# a daemon that starts again in the midst of calls finds all its sounds there.

Progress = Callable[[int, int], None]
"""Called with (done, of how many) after each sound."""

FOLDERS = ("prompts/spoken", "prompts/audio")
OUR_FILE = re.compile(r"([a-z]{2}-)?[0-9a-f]{16}\.wav(16)?")
LARGEST_UPLOAD = 64 * 1024 * 1024  # bytes: three minutes of stereo at 96 kHz and 24 bits are 104 MB, at 48 kHz 52 MB
AT_ONCE = 2  # sounds made in parallel: the calls have the other cores
# A caller may be hearing it, or a switch that was away may still have last day's dialplan.
UNUSED_FOR = timedelta(days=1)


def speak(home: Home, text: str, language: str) -> str:
    """Makes sure that the text is spoken; gives the sound's name (a path under the home, without extension).

    Raises ClientMistake if no voice is installed or it cannot be written.
    """
    name = sound_name(text, language)
    ensure(home, [(name, text, language)])
    return name


def speak_house(home: Home, languages: Iterable[str], progress: Progress | None = None) -> int:
    """Speaks the house's own sounds that are not there yet; gives their number. Two languages take some seconds.

    After a better voice was installed, remove prompts/spoken/ and call this again.
    """
    return ensure(home, house_sounds(languages), progress)


def ensure_client(home: Home, client: Client, progress: Progress | None = None) -> int:
    """Speaks what the client's callers hear and is not there yet; gives the number of new sounds."""
    return ensure(home, sounds_of(client), progress)


def ensure(home: Home, sounds: Iterable[Spoken], progress: Progress | None = None) -> int:
    """Speaks those that are not there yet; gives their number. Asks the disk once, however many there are.

    Raises ClientMistake for one that cannot be spoken, after all the others were.
    """
    wanted = {name: (text, language) for name, text, language in sounds}
    absent = missing(home, wanted)
    if not absent:
        return 0
    _make_folders(home)
    from pbx_control.media.voices import voices_for

    voices = {language: voices_for(home, language) for language in {wanted[name][1] for name in absent}}
    jobs = [partial(_speak_one, home, name, *wanted[name], voices[wanted[name][1]]) for name in absent]
    failures = _all_done(jobs, progress)
    if failures:
        raise failures[0]
    return len(absent)


def missing(home: Home, names: Iterable[str]) -> list[str]:
    """Those of the sounds, sorted, that are not there in both sampling rates."""
    there = set().union(*(_files(home.root / folder) for folder in FOLDERS))
    return sorted(name for name in set(names) if not all(name + extension in there for extension in EXTENSIONS))


def store_upload(home: Home, path: Path) -> str:
    """Converts an audio file to what Asterisk plays; gives its audio name (`audio/{16 digits}`, see `audio_sound`).

    Raises ClientMistake in one line that names the file if it is no audio, too large, too long or silent.
    """
    return store_sound(home, _read_upload(path), _shown(path))


def store_sound(home: Home, content: bytes, what: str) -> str:
    """The same with the content of a file; `what` names it in errors."""
    audio = f"audio/{sha256(bytes([RENDERING]) + content).hexdigest()[:16]}"
    if missing(home, [f"prompts/{audio}"]):
        _make_folders(home)
        _write_sound(home, f"prompts/{audio}", _converted(content, what))
    return audio


def prune(home: Home, clients: Iterable[Client], at: datetime) -> list[str]:
    """Removes sounds that neither house nor clients have needed for a day; gives their names. To be called daily.

    Since when a sound is not needed is noted in prompts/unused.json: a file's age says nothing about its use.
    """
    needed = {name for name, _, _ in house_sounds()}
    for client in clients:
        needed.update(name for name, _, _ in sounds_of(client))
        needed.update(uploads_of(client))
    there = {name.rpartition(".")[0] for folder in FOLDERS for name in _files(home.root / folder)}
    _make_folders(home)
    noted = _unused(home)
    unused = {name: noted.get(name, at) for name in sorted(there - needed)}
    removable = [name for name, since in unused.items() if at - since >= UNUSED_FOR]
    for name in removable:
        for extension in EXTENSIONS:
            (home.root / f"{name}{extension}").unlink(missing_ok=True)
    _note_unused(home, {name: since for name, since in unused.items() if name not in removable})
    return removable


def _converted(content: bytes, what: str) -> dict[str, bytes]:
    from pbx_control.media.audio import MASTER_RATE, decode, telephone_sound

    return telephone_sound(decode(content, what), MASTER_RATE, what)


def _speak_one(home: Home, name: str, text: str, language: str, voices: "list[Voice]") -> None:
    from pbx_control.media.audio import telephone_sound
    from pbx_control.media.voices import say

    samples, rate = say(voices, text, language)
    _write_sound(home, name, telephone_sound(samples, rate, f'"{clean_line(text, 60)}"'))


def _all_done(jobs: Sequence[Callable[[], None]], progress: Progress | None) -> list[ClientMistake]:
    # Threads are enough: the voices are processes of their own, and the arithmetic lets go of the interpreter.
    failures = []
    with ThreadPoolExecutor(AT_ONCE) as pool:
        for done, future in enumerate([pool.submit(job) for job in jobs], 1):
            error = future.exception()
            if isinstance(error, ClientMistake):
                failures.append(error)
            elif error:
                raise error
            if progress:
                progress(done, len(jobs))
    return failures


def _files(folder: Path) -> set[str]:
    """The sounds in a folder of prompts as names with extension; what we did not make is left alone."""
    try:
        with os.scandir(folder) as entries:
            return {f"prompts/{folder.name}/{entry.name}" for entry in entries if OUR_FILE.fullmatch(entry.name)}
    except FileNotFoundError:
        return set()
    except OSError as error:
        raise ClientMistake(
            "{file} cannot be read: {why}", Code.BAD_FILE, file=folder, why=reason(error), field=Field("audio")
        ) from None


def _read_upload(path: Path) -> bytes:
    try:
        # Without O_NONBLOCK a named pipe would wait for a writer for ever.
        with open(os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC), "rb") as file:
            facts = os.fstat(file.fileno())
            if not stat.S_ISREG(facts.st_mode):
                raise ClientMistake(
                    "{file} is no ordinary file; give a WAV, FLAC, OGG or MP3 file",
                    Code.BAD_FILE,
                    file=_shown(path),
                    field=Field("audio"),
                )
            content = file.read(LARGEST_UPLOAD + 1)
    except (OSError, ValueError) as error:
        why = reason(error)
        raise ClientMistake(
            "{file} cannot be read: {why}", Code.BAD_FILE, file=_shown(path), why=why, field=Field("audio")
        ) from None
    if len(content) > LARGEST_UPLOAD:
        most = LARGEST_UPLOAD // 1024**2
        raise ClientMistake(
            "{file} is larger than {most} MB; give a shorter one",
            Code.BAD_FILE,
            file=_shown(path),
            most=most,
            field=Field("audio"),
        )
    return content


def _shown(path: Path) -> str:
    return clean_line(str(path), 120)


def _write_sound(home: Home, name: str, files: dict[str, bytes]) -> None:
    for extension, content in files.items():
        _write(home.root / f"{name}{extension}", content)


def _make_folders(home: Home) -> None:
    try:
        for folder in (home.prompts, *(home.root / folder for folder in FOLDERS)):
            folder.mkdir(parents=True, exist_ok=True)
            folder.chmod(0o755)  # whatever our umask: Asterisk may be another user
    except OSError as error:
        raise ClientMistake("{file} cannot be written: {why}", file=home.prompts, why=reason(error)) from None


def _write(path: Path, content: bytes) -> None:
    """Writes a file as a whole or not at all, readable for Asterisk. Raises ClientMistake if the disk refuses."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}.{get_ident()}.tmp")
    try:
        with temporary.open("wb") as file:
            file.write(content)
            os.fchmod(file.fileno(), 0o644)
            file.flush()
            # Else a power cut could leave an empty file under a name that says what is in it.
            os.fsync(file.fileno())
        temporary.replace(path)
    except OSError as error:
        temporary.unlink(missing_ok=True)
        raise ClientMistake("{file} cannot be written: {why}", file=path, why=reason(error)) from None


def _unused(home: Home) -> dict[str, datetime]:
    try:
        noted = json.loads((home.prompts / "unused.json").read_text())
        return {str(name): datetime.fromisoformat(since) for name, since in noted.items()}
    except (OSError, ValueError, AttributeError, TypeError):
        return {}  # absent or damaged: every unused sound gets its full day again


def _note_unused(home: Home, unused: dict[str, datetime]) -> None:
    _write(home.prompts / "unused.json", json.dumps({n: t.isoformat() for n, t in unused.items()}).encode())
