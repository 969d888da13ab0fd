"""A switch written by hand: legs, bridges, prompts and recordings, and what everybody hears; no Asterisk, no SIP.

It does what commands say and tells what comes of it, as Asterisk does. Two things it refuses loudly, because
Asterisk would do harm: a second leg of the same id, and sound for a caller whose call nobody has answered, but for the
one that is early media.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from pbx_control.domain.call import commands as c
from pbx_control.domain.call.events import (
    CallerLeft,
    ContactAnswered,
    ContactLeft,
    ContactRinging,
    Event,
    FilesInspected,
    MessageInspected,
    PromptEnded,
    RecordingEnded,
    SecretaryAnswered,
    SecretaryLeft,
    SecretaryRinging,
)
from pbx_control.domain.sounds import BEEP, REFUSAL, HouseSound, house_sound
from pbx_control.live.recovery import Found, FoundLeg

PROMPT_LENGTH = timedelta(seconds=3)
ON_THE_WIRE = timedelta(milliseconds=50)
NORMAL, BUSY, NO_ANSWER, REJECTED, REDIRECTED, RTP_TIMEOUT = 16, 17, 19, 21, 23, 44
# What secretaries and contacts are told, by the sound that says it.
WORDS = {house_sound(sound, language): sound.value for sound in HouseSound for language in ("es", "en")}
WORDS |= {BEEP: "beep", REFUSAL: "refusal"}
# What may be heard before the answer.
EARLY = ("notice",)


@dataclass
class Leg:
    """A channel. `user` is the telephone's name, a contact's number; a caller has none."""

    call: str
    user: str = ""
    number: str = ""  # what her display shows
    name: str = ""
    up: bool = False
    contact: bool = False
    ours: bool = True  # in the daemon's application, not in the dialplan
    ringing_tone: bool = False
    music: bool = False
    prompt: str = ""
    begun: str = ""  # the prompt that was begun last
    sounds: tuple[str, ...] = ()
    bridge: str = ""
    limit: int = 0  # counts the time limits set: only the last one holds
    told: list[str] = field(default_factory=list)  # words and tones for it alone
    keys: str = ""  # that reached it


@dataclass
class File:
    """Something being recorded."""

    began: datetime
    where: str  # a bridge, or a leg
    ended: datetime | None = None


@dataclass
class FakeSwitch:
    """`later(delay, act)` runs an act then; `tell(call id, event)` is the daemon's ear."""

    now: Callable[[], datetime]
    later: Callable[[timedelta, Callable[[], None]], None]
    tell: Callable[[str, Event], None]
    legs: dict[str, Leg] = field(default_factory=dict)
    bridges: dict[str, set[str]] = field(default_factory=dict)
    files: dict[str, File] = field(default_factory=dict)
    paused: set[str] = field(default_factory=set)  # files in which silence is written
    rung: set[str] = field(default_factory=set)
    told: list[tuple[str, str]] = field(default_factory=list)  # (user or "", word)
    dialled: list[c.Dial] = field(default_factory=list)
    looking_takes: timedelta = ON_THE_WIRE  # at files
    keeps: timedelta | None = None  # so much of each file, as the disk is full
    causes: dict[str, int] = field(default_factory=dict)  # of secretaries' legs that are gone
    holding: set[str] = field(default_factory=set)  # legs of secretaries whose telephones hold them
    done: list[tuple[str, c.SwitchCommand]] = field(default_factory=list)

    # --- what people do -----------------------------------------------------------------------------------

    def caller_enters(self, call: str, limit: timedelta) -> None:
        self.legs[call] = Leg(call)
        self._limit(call, limit)

    def answers(self, leg: str) -> None:
        """She lifts the receiver."""
        her = self.legs[leg]
        her.up = True
        answered = ContactAnswered if her.contact else SecretaryAnswered
        self.tell(her.call, answered(self.now(), leg))

    def leaves(self, leg: str, cause: int = NORMAL) -> None:
        """A leg is gone, whoever ended it. One that is gone already stays so."""
        gone = self.legs.pop(leg, None)
        if gone is None:
            return
        if gone.user and gone.up and not gone.contact:
            self.causes[leg] = cause
        self._out_of_bridge(leg, gone)
        for path, file in self.files.items():
            if file.where == leg:
                self._close(gone.call, path)
        self.tell(gone.call, _left(leg, gone, self.now(), cause))

    def telephone(self, user: str) -> str | None:
        """The leg that a telephone has, or None."""
        return next((leg for leg, it in self.legs.items() if it.user == user), None)

    def heard_by(self, call: str) -> str:
        """What the caller hears (or another leg, by its id): a prompt's name, a secretary's user name, a contact's
        number, "caller", "music", "ringing", "silence", or "tone" while he may speak a message."""
        leg = self.legs[call]
        if leg.prompt:
            return leg.sounds[-1]
        if any(file.where == call and self._is_written(file) for file in self.files.values()):
            return "tone"
        others = [self.legs[other] for other in self.bridges.get(leg.bridge, ()) if other != call]
        assert len(others) < 2, f"{call} hears two at once: {others}"
        if others:
            other = others[0]
            return (other.user or "caller") if other.up else "ringing"
        return "music" if leg.music else "ringing" if leg.ringing_tone else "silence"

    def _is_written(self, file: File) -> bool:
        """Whether it is being recorded, as far as anybody knows yet."""
        return file.ended is None or self.now() <= file.ended + ON_THE_WIRE

    def found(self, registered: dict[str, bool]) -> Found:
        """What a comparison would find."""
        return Found(
            {key: _as_found(key, leg) for key, leg in self.legs.items()},
            {bridge: frozenset(legs) for bridge, legs in self.bridges.items()},
            registered,
            frozenset(path for path, file in self.files.items() if file.ended is None),
            frozenset(path for path, file in self.files.items() if file.ended is not None),
            frozenset(leg.prompt for leg in self.legs.values() if leg.prompt),
            frozenset(leg.begun for leg in self.legs.values() if leg.begun),
            self.causes,
        )

    # --- what it is told to do ----------------------------------------------------------------------------

    def perform(self, call: str, command: c.SwitchCommand) -> None:
        self.done.append((call, command))
        leg = self.legs.get(getattr(command, "leg", ""))
        match command:
            case c.Ring():
                self._ring(call, command)
            case c.Dial():
                self._dial(call, command)
            case c.PauseRecording(path=path):
                self.paused.add(path)
            case c.ResumeRecording(path=path):
                self.paused.discard(path)
            case c.HangUp(leg=key):
                self.later(ON_THE_WIRE, lambda: self.leaves(key))
            case c.RemoveBridge(bridge=bridge):
                self._remove_bridge(bridge)
            case c.Join(bridge=bridge, legs=legs):
                self._join(bridge, legs)
            case c.RecordBridge(bridge=bridge, path=path):
                self._record(path, bridge)
            case c.StopPlaying(prompt=prompt):
                self._stop_playing(call, prompt)
            case c.InspectFiles():
                self.later(self.looking_takes, lambda: self._inspect(call, command))
            case c.InspectMessage(message=path):
                self.later(self.looking_takes, lambda: self._inspect_message(call, path))
            case _ if leg:
                self._on_leg(call, leg, command)

    def _on_leg(self, call: str, leg: Leg, command: c.SwitchCommand) -> None:
        match command:
            case c.Answer():
                leg.up, leg.ringing_tone = True, False
            case c.IndicateRinging() | c.StartRingingTone():
                leg.ringing_tone = True
            case c.StopRingingTone():
                leg.ringing_tone = False
            case c.StartMusic():
                assert leg.up, f"music for {call}, whose call nobody has answered"
                leg.music = True
            case c.StopMusic():
                leg.music = False
            case c.Play(prompt=prompt, sounds=sounds):
                self._play(call, leg, prompt, sounds)
            case c.Tell(sound=sound):
                leg.told.append(WORDS[sound])
                self.told.append((leg.user, WORDS[sound]))
            case c.PassKeys(keys=keys):
                leg.keys += keys
            case c.Leave():
                self._out_of_bridge(command.leg, leg)
            case c.RecordMessage(path=path, limit=limit):
                self._record(path, command.leg)
                self.later(limit, lambda: self._close(call, path))
            case c.LimitLeg(after=after, then=then):
                self._limit(command.leg, after, then)

    def _ring(self, call: str, command: c.Ring) -> None:
        assert command.leg not in self.rung, f"{command.leg} is rung a second time"
        self.rung.add(command.leg)
        if self.telephone(command.user):
            self.later(ON_THE_WIRE, lambda: self.tell(call, SecretaryLeft(self.now(), command.leg, BUSY)))
            return
        self.legs[command.leg] = Leg(call, command.user, command.display_number, command.display_name)
        self.later(ON_THE_WIRE, lambda: self._rings(call, command.leg))
        self.later(command.give_up, lambda: self._given_up(command.leg))

    def _dial(self, call: str, command: c.Dial) -> None:
        assert command.leg not in self.rung, f"{command.leg} is dialled a second time"
        self.rung.add(command.leg)
        self.dialled.append(command)
        self.legs[command.leg] = Leg(call, command.number, contact=True, number=command.shown)
        self._join(command.bridge, (command.leg,))
        self.later(ON_THE_WIRE, lambda: self._rings(call, command.leg))
        self.later(command.give_up, lambda: self._given_up(command.leg))

    def _rings(self, call: str, leg: str) -> None:
        if leg in self.legs:
            ringing = ContactRinging if self.legs[leg].contact else SecretaryRinging
            self.tell(call, ringing(self.now(), leg))

    def _given_up(self, leg: str) -> None:
        if leg in self.legs and not self.legs[leg].up:
            self.leaves(leg, NO_ANSWER)

    def _play(self, call: str, leg: Leg, prompt: str, sounds: tuple[str, ...]) -> None:
        assert leg.up or sounds == EARLY, f"{sounds} for {call}, whose call nobody has answered"
        # Music does not resume after a prompt.
        leg.begun = prompt
        leg.prompt, leg.sounds, leg.music, leg.ringing_tone = prompt, sounds, False, False
        self.later(PROMPT_LENGTH, lambda: self._prompt_ends(call, prompt))

    def _prompt_ends(self, call: str, prompt: str) -> None:
        for leg in self._playing(call, prompt):
            leg.prompt = ""
            self.tell(call, PromptEnded(self.now(), prompt))

    def _playing(self, call: str, prompt: str) -> list[Leg]:
        return [leg for leg in self.legs.values() if leg.call == call and leg.prompt == prompt]

    def _stop_playing(self, call: str, prompt: str) -> None:
        for leg in self._playing(call, prompt):
            leg.prompt = ""
            self.later(ON_THE_WIRE, lambda: self.tell(call, PromptEnded(self.now(), prompt)))

    def _join(self, bridge: str, legs: tuple[str, ...]) -> None:
        members = self.bridges.setdefault(bridge, set())
        for key in legs:
            if leg := self.legs.get(key):
                self.bridges.get(leg.bridge, set()).discard(key)
                members.add(key)
                leg.bridge = bridge

    def _out_of_bridge(self, key: str, leg: Leg) -> None:
        members = self.bridges.get(leg.bridge, set())
        members.discard(key)
        if not members:
            self._close_all_of(leg.call, leg.bridge)
        leg.bridge = ""

    def _remove_bridge(self, bridge: str) -> None:
        for key in self.bridges.pop(bridge, set()):
            self.legs[key].bridge = ""
        if "-bridge-" in bridge:
            self._close_all_of(bridge.rpartition("-bridge-")[0], bridge)

    def _record(self, path: str, where: str) -> None:
        if path in self.files and self.files[path].ended is None:
            return
        began = self.files[path].began if path in self.files else self.now()
        self.files[path] = File(began, where)

    def _close_all_of(self, call: str, where: str) -> None:
        for path, file in self.files.items():
            if where and file.where == where:
                self._close(call, path)

    def _close(self, call: str, path: str) -> None:
        file = self.files[path]
        if file.ended is None:
            file.ended = self.now()
            self.later(ON_THE_WIRE, lambda: self._tell_end(call, path, file.where))

    def _tell_end(self, call: str, path: str, where: str) -> None:
        """A recording tells of its end through its bridge: Asterisk loses it where the bridge was removed first."""
        if where in self.bridges or "-bridge-" not in where:
            self.tell(call, RecordingEnded(self.now(), path))

    def message_ends(self, call: str) -> None:
        """The caller is silent, or presses #: his message is over."""
        self._close_all_of(call, call)

    def _inspect(self, call: str, command: c.InspectFiles) -> None:
        lengths = self._length(command.recording), self._length(command.message)
        self.tell(call, FilesInspected(self.now(), *lengths, room=self.keeps is None))

    def _inspect_message(self, call: str, path: str) -> None:
        self.tell(call, MessageInspected(self.now(), self._length(path), room=self.keeps is None))

    def _length(self, path: str) -> float | None:
        file = self.files.get(path)
        if file is None:
            return None
        length = (file.ended or self.now()) - file.began
        return (length if self.keeps is None else min(length, self.keeps)).total_seconds()

    def _limit(self, key: str, after: timedelta | None, then: str = "fallback") -> None:
        leg = self.legs[key]
        leg.limit += 1
        if after:
            number = leg.limit
            self.later(after, lambda: self._time_is_up(key, number, then))

    def _time_is_up(self, key: str, number: int, then: str) -> None:
        leg = self.legs.get(key)
        if leg and leg.limit == number:
            if leg.contact or then == "parting":
                self.leaves(key)
            else:
                leg.ours = False
                if leg.user:  # she has her caller again, and the dialplan has both
                    self._out_of_bridge(key, leg)
                    self.legs[leg.call].ours = False


def _left(key: str, leg: Leg, at: datetime, cause: int) -> Event:
    if leg.contact:
        return ContactLeft(at, key, cause)
    return SecretaryLeft(at, key, cause) if leg.user else CallerLeft(at, cause)


def _as_found(key: str, leg: Leg) -> FoundLeg:
    name = f"PJSIP/{leg.user or 'carrier'}-00000001"
    return FoundLeg(key, name, leg.up, leg.ours, "" if leg.user else "+56225550101")
