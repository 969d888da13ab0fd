"""What happens to a call, in the past tense. `asterisk/translate.py` and the runner make these, nobody else.

Every event says when it happened (`at`, aware); those of a leg or prompt say which, so that what comes from one
that is no longer current can be dropped before the table.
"""

from dataclasses import dataclass, field
from datetime import datetime

from pbx_control.domain.call.model import Caller, Deadline, Facts, Limit, Seat, SupervisionMode


@dataclass(frozen=True, slots=True)
class Event:
    at: datetime


@dataclass(frozen=True, slots=True)
class CallArrived(Event):
    facts: Facts
    caller: Caller


@dataclass(frozen=True, slots=True)
class CallerLeft(Event):
    """The caller's leg is gone. `cause` is the Q.850 cause, 0 where nobody knows.

    `since` is when he really left, where the daemon learns of it only afterwards.
    """

    cause: int = 0
    since: datetime | None = None


@dataclass(frozen=True, slots=True)
class CallerTakenOver(Event):
    """The caller's leg left our application for the dialplan: the switch serves him alone from here."""


@dataclass(frozen=True, slots=True)
class Offered(Event):
    """The floor found a free secretary for the waiting call."""

    seat: Seat


@dataclass(frozen=True, slots=True)
class SeatClaimed(Event):
    """The store has reserved her for this call."""


@dataclass(frozen=True, slots=True)
class OfferLost(Event):
    """Another call claimed her first."""


@dataclass(frozen=True, slots=True)
class SecretaryRinging(Event):
    leg: str


@dataclass(frozen=True, slots=True)
class SecretaryAnswered(Event):
    leg: str


@dataclass(frozen=True, slots=True)
class SecretaryLeft(Event):
    """Her leg is gone: she refused, hung up, or her network died. `cause` is the Q.850 cause, 0 if unknown."""

    leg: str
    cause: int = 0


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What a command of hers depends on outside its call; the runner adds it."""

    dialled_now: int = 0  # contacts of this client's that are being called or talked with in other calls
    dialled_today: int = 0  # contacts of this client's that were called since midnight UTC
    languages: frozenset[str] = frozenset()  # spoken by others who may answer for the client and are there
    supervising: frozenset[int] = frozenset()  # users who are in other calls as supervisors


@dataclass(frozen=True, slots=True)
class KeyPressed(Event):
    """She pressed a key of her telephone: 0-9, * or #."""

    leg: str
    key: str
    around: Surroundings = field(default_factory=Surroundings)


@dataclass(frozen=True, slots=True)
class Asked(Event):
    """Somebody asks for something in this call from a screen, not by her telephone's keys. It is always answered."""

    ticket: int = field(default=0, kw_only=True)  # names the question; its Reply has the same
    secretary_id: int | None = field(default=None, kw_only=True)  # who asks; None: an admin, who may in any call
    asker: str = field(default="", kw_only=True)  # for the journal
    around: Surroundings = field(default_factory=Surroundings, kw_only=True)


@dataclass(frozen=True, slots=True)
class ConsultationAsked(Asked):
    """For a contact of the client's; those without a key, too."""

    contact_id: int


@dataclass(frozen=True, slots=True)
class HandOverAsked(Asked):
    """Caller and contact are to talk without her."""


@dataclass(frozen=True, slots=True)
class TakeBackAsked(Asked):
    """She wants the caller again."""


@dataclass(frozen=True, slots=True)
class RecordingPauseAsked(Asked):
    """What follows is not to be recorded: a card number, say."""


@dataclass(frozen=True, slots=True)
class RecordingResumeAsked(Asked):
    """It is to be recorded again."""


@dataclass(frozen=True, slots=True)
class LanguageAsked(Asked):
    """The caller is to go to a secretary who speaks the other language."""


@dataclass(frozen=True, slots=True)
class WrongNumberAsked(Asked):
    """The caller wanted somebody else."""


@dataclass(frozen=True, slots=True)
class SpamAsked(Asked):
    """The caller sells, cheats or harasses: the client does not pay for him either."""


@dataclass(frozen=True, slots=True)
class UnmarkAsked(Asked):
    """He is neither a wrong number nor spam: it was marked by mistake."""


@dataclass(frozen=True, slots=True)
class WorkDone(Asked):
    """The message of this call is sent: she is free as soon as it is over."""


@dataclass(frozen=True, slots=True)
class Supervising(Asked):
    """A supervisor asks. `user_id`: who she is; a secretary never asks for this."""

    user_id: int


@dataclass(frozen=True, slots=True)
class SupervisionAsked(Supervising):
    """She wants to be in the call, or to be heard there by others than now. Her telephone is `telephone`."""

    mode: SupervisionMode
    telephone: str


@dataclass(frozen=True, slots=True)
class SupervisionEndAsked(Supervising):
    """She wants to leave the call. `anybodys`: an admin wants whoever supervises it to leave."""

    anybodys: bool = False


@dataclass(frozen=True, slots=True)
class SupervisorAnswered(Event):
    """Her telephone rang for the call, and she has answered it."""

    leg: str


@dataclass(frozen=True, slots=True)
class SupervisorLeft(Event):
    """The supervisor's leg is gone. `cause` is the Q.850 cause, 0 if unknown."""

    leg: str
    cause: int = 0


@dataclass(frozen=True, slots=True)
class NewStream(Event):
    """What comes from a leg is a new RTP stream, or may be one: its SSRC is another, or a hold has ended at its end."""

    leg: str


@dataclass(frozen=True, slots=True)
class SnoopEnded(Event):
    """What carried the secretary's leg to the supervisor is gone: that leg, say."""

    snoop: str


@dataclass(frozen=True, slots=True)
class Held(Event):
    """She put the other side on hold with her telephone's own key."""

    leg: str


@dataclass(frozen=True, slots=True)
class Unheld(Event):
    """She talks again."""

    leg: str


@dataclass(frozen=True, slots=True)
class ContactRinging(Event):
    leg: str


@dataclass(frozen=True, slots=True)
class ContactAnswered(Event):
    leg: str


@dataclass(frozen=True, slots=True)
class ContactLeft(Event):
    """The contact's leg is gone: busy, rejected, hung up. `cause` is the Q.850 cause, 0 if unknown."""

    leg: str
    cause: int = 0


@dataclass(frozen=True, slots=True)
class DiallingRefused(Event):
    """The contact was not dialled: a limit of the client's is reached, over all daemons together."""

    leg: str
    limit: Limit


@dataclass(frozen=True, slots=True)
class LoopFound(Event):
    """The contact's telephone forwards to one of our own numbers: the consultation came in again as a call."""


@dataclass(frozen=True, slots=True)
class PromptEnded(Event):
    """A prompt is over; `failed`: it was not played, or not to its end."""

    prompt: str
    failed: bool = False


@dataclass(frozen=True, slots=True)
class RecordingEnded(Event):
    """A file (the call's recording or a left message) has been closed; `path` is under recordings/."""

    path: str


@dataclass(frozen=True, slots=True)
class FilesInspected(Event):
    """What the recordings really hold, seconds; None where there is no such file, or nothing could be written to it.

    `room`: whether there is room where they lie.
    """

    recording_seconds: float | None = None
    message_seconds: float | None = None
    room: bool = True


@dataclass(frozen=True, slots=True)
class MessageInspected(Event):
    """What a message that was left just now really holds; fields as those of FilesInspected."""

    seconds: float | None = None
    room: bool = True


@dataclass(frozen=True, slots=True)
class DeadlinePassed(Event):
    """`position` is the caller's place in the queue, 1 for the next, if he is in it."""

    name: Deadline
    position: int = 1


@dataclass(frozen=True, slots=True)
class SwitchRefused(Event):
    """Asterisk would not do what was asked: `command` names it."""

    command: str
    why: str


@dataclass(frozen=True, slots=True)
class Recovered(Event):
    """The daemon (or its connection) is back and has compared the call with the switch: what it found."""

    picked_up: bool = False
    bridged: bool = False  # every leg is in the bridge where its phase has it
    recorded: bool = False  # the conversation, or the message that he leaves, is being recorded
    playing: bool = False  # the prompt that was begun last is still being played
    message_left: bool = False  # his message is recorded, and over
    heard: bool = False  # the prompt that was begun last has been played, while nobody was there to be told
