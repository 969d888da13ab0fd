"""What happened to calls while the daemon was away, read from what Asterisk and the fallback's AGI script wrote.

Asterisk appends one line for each event to `log/cel-custom/fallback.csv` (dialplans/cel_custom.conf.j2). `gather`
moves that file aside, so that Asterisk begins a new one, and reads everything that was moved aside and not yet taken
in; `taken_in` puts a file away once all its calls are in the store. A crash in between leaves files that are read
again: the store must take in a call once only, by its id.
"""

import csv
import json
import time
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import structlog

from pbx_control.domain.call.model import Outcome
from pbx_control.domain.telephony.browser import user_of
from pbx_control.domain.words.wording import NAME_LIMIT, clean_line, decoded
from pbx_control.settings import Home

log = structlog.get_logger()

# Files that were taken in are kept this long: for looking into a dispute, not for ever (docs/service.md rule 13).
KEPT = timedelta(days=30)
# A message of less sound than this is a caller who hung up at the tone, seconds.
SHORTEST_MESSAGE = 1.0
# Between the question and the recording there is a tone; a file that is closed well lacks less than this, seconds.
TONE_TAKES, UNWRITTEN = 0.7, 1.5
# Debian's 8 kHz WAV as Asterisk writes it: header, and bytes a second.
WAV_HEADER, WAV_RATE = 44, 16000


@dataclass(frozen=True, slots=True)
class AbsentEvent:
    """What the dialplan told of a call: entered, closed, exhausted, notice, notice-early, recording, answered,
    lost, message, unrecorded, left, ended."""

    at: datetime
    name: str
    details: str = ""


@dataclass(frozen=True, slots=True)
class AbsentCall:
    """A call that is over and that the daemon has not seen, or not to its end."""

    id: str
    did: str
    client_id: int | None
    caller: str
    caller_name: str
    arrived_at: datetime
    ended_at: datetime
    outcome: Outcome | None  # None: the daemon's own call; only its end was missed
    answered_by: str  # user of the secretary, "" if nobody
    answered_at: datetime | None
    recording: str  # path under recordings/, "" if there is none
    message: str
    message_seconds: float
    message_flaw: str  # lost | cut; "" if it is sound, or none was left
    events: tuple[AbsentEvent, ...]


@dataclass(frozen=True, slots=True)
class Alive:
    """The ids of all channels that Asterisk had at one instant."""

    channels: frozenset[str]
    at: datetime


@dataclass(frozen=True, slots=True)
class _Line:
    at: datetime
    event: str
    channel: str
    details: str
    number: str
    name: str

    @property
    def call(self) -> str:
        """The caller's channel. A secretary's leg tells of his in its first word."""
        return self.details.partition(" ")[0] if self.event == "answered" else self.channel


class Absence:
    """The files of one home. Not for use by two at once."""

    def __init__(self, home: Home) -> None:
        self._written = home.asterisk / "log" / "cel-custom" / "fallback.csv"
        self._recordings = home.recordings
        self._waiting = home.run / "absence"
        self._done = self._waiting / "done"
        self._taken: set[str] = set()
        self._read: dict[Path, tuple[int, frozenset[str]]] = {}  # size when read, calls in it

    def gather(self, alive: Alive | None = None) -> list[AbsentCall]:
        """The calls that are over, oldest first.

        A call without an end is one still going on; if `alive` is given and has not its channel, Asterisk ended with
        it, and its last sign of life counts as its end.
        """
        self._move_aside()
        lines = defaultdict(list)
        for file in sorted(self._waiting.glob("*.csv")):
            for line in self._lines(file):
                lines[line.call].append(line)
        calls = [self._call(call, own) for call, own in lines.items() if _is_over(call, own, alive)]
        return sorted((call for call in calls if call.id not in self._taken), key=lambda call: call.arrived_at)

    def taken_in(self, ids: Iterable[str]) -> None:
        """The store has committed these calls: files of which nothing else is waiting are put away."""
        self._taken |= set(ids)
        for file, (size, calls) in list(self._read.items()):
            # Asterisk may have had the file open while it was moved, and have written once more.
            if calls <= self._taken and file.stat().st_size == size:
                file.rename(self._done / file.name)
                del self._read[file]
        self._forget_old()

    def _move_aside(self) -> None:
        self._done.mkdir(mode=0o700, parents=True, exist_ok=True)
        if self._written.exists():
            self._written.rename(self._waiting / f"{time.time_ns():020}.csv")

    def _lines(self, file: Path) -> list[_Line]:
        content = file.read_bytes()
        rows = csv.reader(content.decode(errors="replace").splitlines())
        lines = [line for row in rows if (line := _parsed(row, file))]
        self._read[file] = len(content), frozenset(line.call for line in lines)
        return lines

    def _call(self, call: str, lines: list[_Line]) -> AbsentCall:
        lines.sort(key=lambda line: line.at)
        told = {line.event: line for line in lines}
        own = next((line for line in lines if line.event != "answered"), lines[0])
        did, client_id, arrived_at = _arrival(told.get("entered") or told.get("ended"), lines[0].at)
        answers = [line for line in lines if line.event == "answered"]
        message, seconds, flaw = self._message(told)
        facts = self._facts(message)
        return AbsentCall(
            id=call,
            did=did,
            client_id=client_id,
            caller=own.number,
            caller_name=str(facts.get("caller_name") or clean_line(decoded(own.name), NAME_LIMIT)),
            arrived_at=arrived_at,
            ended_at=told.get("left", lines[-1]).at,
            outcome=_outcome(told, message),
            # Two, if the first one's network died: he was answered by then, and it is the last who had the call.
            answered_by=user_of(answers[-1].details.partition(" ")[2]) if answers else "",
            answered_at=answers[0].at if answers else None,
            recording=self._recording(told),
            message=message,
            message_seconds=seconds,
            message_flaw=flaw,
            events=tuple(AbsentEvent(line.at, line.event, line.details) for line in lines),
        )

    def _recording(self, told: Mapping[str, _Line]) -> str:
        path = told["recording"].details if "recording" in told and "answered" in told else ""
        return path if path and (self._recordings / path).exists() else ""

    def _message(self, told: Mapping[str, _Line]) -> tuple[str, float, str]:
        """The left message's path and length, nothing if the caller said nothing; and what is wrong with it."""
        path = told["message"].details if "message" in told else ""
        if not path:
            return "", 0.0, ""
        size = _size(self._recordings / path)
        seconds = max(size - WAV_HEADER, 0) / WAV_RATE
        missing = "unrecorded" in told or _is_missed(told, seconds)
        if seconds < SHORTEST_MESSAGE:
            return "", 0.0, "lost" if missing else ""
        return path, seconds, "cut" if missing else ""

    def _facts(self, message: str) -> Mapping[str, object]:
        """What the AGI script wrote beside the message; it may be missing, the message is the floor."""
        file = (self._recordings / message).with_suffix(".json")
        if not message or not file.exists():
            return {}
        try:
            facts = json.loads(file.read_text())
        except (OSError, ValueError):
            log.warning("the facts beside a message cannot be read", file=str(file))
            return {}
        return facts if isinstance(facts, dict) else {}

    def _forget_old(self) -> None:
        limit = time.time() - KEPT.total_seconds()
        for file in self._done.glob("*.csv"):
            if file.stat().st_mtime < limit:
                file.unlink()


def _parsed(row: list[str], file: Path) -> _Line | None:
    """A line of the file; None, logged, for one that a full disk or a crash has cut off."""
    try:
        when, event, channel, told, number, name = row
        # Asterisk wraps what CELGenUserEvent is given: {"extra": "…"}.
        details = json.loads(told)["extra"] if told else ""
        return _Line(datetime.fromtimestamp(float(when), UTC), event, channel, details, number, name)
    except (ValueError, OverflowError, OSError, LookupError, TypeError):
        log.warning("a line of the switch's own record makes no sense and is left out", file=str(file), line=row[:6])
        return None


def _size(file: Path) -> int:
    """How large a file is; 0 if it is not there."""
    try:
        return file.stat().st_size
    except OSError:
        return 0


def _is_missed(told: Mapping[str, _Line], seconds: float) -> bool:
    """Whether a caller who hung up had more time to speak than his message lasts. Only of him: when he is silent, or
    presses a key, Asterisk leaves out the end."""
    if "left" not in told or told["left"].details != "HANGUP":
        return False
    spoke = (told["left"].at - told["message"].at).total_seconds() - TONE_TAKES
    return spoke - seconds > UNWRITTEN


def _is_over(call: str, lines: Sequence[_Line], alive: Alive | None) -> bool:
    if any(line.event == "ended" for line in lines):
        return True
    # One that gave a sign after that instant may have begun after it, too.
    return alive is not None and call not in alive.channels and max(line.at for line in lines) < alive.at


def _arrival(line: _Line | None, otherwise: datetime) -> tuple[str, int | None, datetime]:
    """DID, client and arrival, as `entered` and `ended` tell them: `+56225550101 17 1764000000`."""
    words = line.details.split(" ") if line else []
    if len(words) != 3 or not (words[1].isdecimal() and words[2].isdecimal()):
        return (words[0] if words else ""), None, otherwise
    return words[0], int(words[1]), _to_the_fraction(datetime.fromtimestamp(int(words[2]), UTC), otherwise)


def _to_the_fraction(arrived: datetime, first: datetime) -> datetime:
    """The dialplan knows whole seconds only; a call of the fallback's own has its first line within the same one."""
    return first if timedelta(0) <= first - arrived < timedelta(seconds=1) else arrived


# What the switch tells only of calls that it serves; one of these may be lost to a disk that was full.
SERVED = frozenset({"entered", "answered", "message", "left", "closed", "exhausted", "blocked"})


def _outcome(told: Mapping[str, _Line], message: str) -> Outcome | None:
    """None for a call of the daemon's, of which the switch tells the end only."""
    if not SERVED & told.keys():
        return None
    if "answered" in told:
        return Outcome.ANSWERED
    if message:
        return Outcome.LEFT_MESSAGE
    if "blocked" in told:
        return Outcome.BLOCKED
    if "closed" in told:
        return Outcome.CLOSED
    return Outcome.EXHAUSTED if "exhausted" in told else Outcome.MISSED
