"""What a call is: its phase, the people in it, and what is known of the client it is for."""

from datetime import datetime, timedelta
from enum import StrEnum

from msgspec import Struct, field


class Phase(StrEnum):
    """Where a call stands; the names are those of the journal and of `call list`."""

    ARRIVING = "arriving"  # known by its id only, until the first step
    WELCOMING = "welcoming"  # hears the welcome or the recording notice, then waits
    WAITING = "waiting"  # for a free secretary, who will be offered it by the floor
    OFFERING = "offering"  # one secretary's telephone rings for it
    WITHDRAWING = "withdrawing"  # she did not answer in time; her telephone is being silenced
    TALKING = "talking"  # caller and secretary are in one bridge
    CALLING_CONTACT = "calling_contact"  # the caller hears music; she hears a contact's telephone ring
    CONSULTING = "consulting"  # she talks with the contact in private; the caller hears music
    CALLER_GONE = "caller_gone"  # the caller hung up while on hold: she is told so, then everything ends
    HANDED_OVER = "handed_over"  # caller and contact talk, for ten minutes at most; she is free
    TAKING_MESSAGE = "taking_message"  # nobody could answer: the caller speaks a message
    PARTING = "parting"  # hears a last announcement and is then hung up
    ENDING = "ending"  # everything is being let go; the recording is looked at
    ENDED = "ended"


# A secretary has the call, but has not answered it.
OFFERED = frozenset({Phase.OFFERING, Phase.WITHDRAWING})


class Outcome(StrEnum):
    """What became of a call, for journal, summary and ledger."""

    ANSWERED = "answered"
    MISSED = "missed"  # gave up, or nobody could take it and no message was left
    CLOSED = "closed"  # outside the client's hours
    LEFT_MESSAGE = "left_message"
    EXHAUSTED = "exhausted"  # client suspended or out of calls: nobody was rung
    BLOCKED = "blocked"  # the client, or the house, does not want this caller


class Admission(StrEnum):
    """Whether the client takes calls at the moment of arrival."""

    OPEN = "open"
    CLOSED = "closed"
    EXHAUSTED = "exhausted"
    BLOCKED = "blocked"


class TurnedAway(StrEnum):
    """Why nobody is rung for a client's callers though it is open; the names are those of `call.turned_away`."""

    OUT_OF_CALLS = "out-of-calls"
    SUSPENDED = "suspended"


class Unit(StrEnum):
    """What the call has cost its client so far (docs/service.md rule 10)."""

    NONE = ""  # nothing: not counted, or given back
    RESERVED = "reserved"  # kept until somebody answers
    CHARGED = "charged"  # once, however often it is transferred


class Deadline(StrEnum):
    """The instants that a call may wait for; several run at once."""

    PATIENCE = "patience"  # ringing unanswered ends; music and position begin
    POSITION = "position"  # the next spoken position
    WAIT_LIMIT = "wait_limit"  # the client's limit: a message is taken instead
    OFFER = "offer"  # her telephone has rung long enough
    WITHDRAWAL = "withdrawal"  # a silenced telephone that does not confirm is taken for gone
    MESSAGE = "message"  # a left message that never reports its end, or what it holds
    KEYS = "keys"  # the second key of a command did not follow
    CONTACT = "contact"  # the contact's telephone has rung long enough
    CONSULTATION = "consultation"  # the caller has been on hold long enough
    CAP_WARNING = "cap_warning"  # a minute is left of a transferred conversation
    FAREWELL = "farewell"  # some seconds are left of it
    CAP = "cap"  # it is over
    SETTLING = "settling"  # legs or files that do not report their end are no longer waited for


class Sounds(Struct, frozen=True):
    """What this client's callers may hear: paths under the home, without extension, as `domain.sounds` names them."""

    welcome: tuple[str, ...] = ()  # before the ringing: the client's welcome, the recording notice
    notice: str = ""  # the last of them, if the call is recorded: that says so
    notice_text: str = ""  # its words; none of an uploaded file
    closed: str = ""
    day_off: str = ""  # on a holiday, before `closed`: that it is one; or that the client has closed for today
    announced: str = ""  # heard first, whether open or closed: what the client has said for today
    exhausted: str = ""
    busy: str = ""
    message: str = ""
    thanks: str = ""
    not_taken: str = ""  # the message could not be recorded
    positions: tuple[str, ...] = ()  # spoken position 1, 2, … ; the last one says "more than"

    @property
    def closing(self) -> tuple[str, ...]:
        """What is heard outside the hours, one after the other."""
        return *filter(None, (self.announced, self.day_off)), self.closed

    @property
    def notice_alone(self) -> bool:
        """Whether nothing but the recording notice is heard before the ringing."""
        return bool(self.notice) and self.welcome == (self.notice,)


class Contact(Struct, frozen=True):
    """A person of the client's to whom callers may be transferred. `numbers`, E.164, are tried one after the other."""

    id: int
    name: str
    numbers: tuple[str, ...]
    key: int | None = None  # 1-6: the digit after * on her telephone; None: from the desk only
    away_until: datetime | None = None  # not to be consulted before


# Phases in which a contact is called or talked with.
WITH_CONTACT = (Phase.CALLING_CONTACT, Phase.CONSULTING, Phase.HANDED_OVER)


class WhyNot(StrEnum):
    """Why she has the caller again without having asked for it."""

    BUSY = "busy"
    SILENT = "silent"  # does not answer
    DECLINED = "declined"
    UNREACHABLE = "unreachable"
    GONE = "gone"  # hung up while they talked
    TOO_LONG = "too_long"  # the caller was on hold for long enough
    TOO_MANY_CALLS = "too_many_calls"  # a limit of the client's
    FORWARDED_TO_US = "forwarded_to_us"  # his telephone forwards to one of our own numbers


class Missed(Struct, frozen=True):
    """A consultation that came to nothing: with whom, why, and when."""

    contact: str  # name
    why: WhyNot
    at: datetime


class Limit(StrEnum):
    """Why a contact is not called."""

    TRUNK = "trunk"  # the carrier carries no more calls at a time
    AT_ONCE = "at_once"  # so many of the client's contacts are called or talked with
    A_DAY = "a_day"  # or were called on this UTC day


class Outgoing(Struct, frozen=True):
    """How this client's contacts are called (docs/service.md rule 9)."""

    trunk: str  # the endpoint's name in the generated configuration
    number_format: str  # how that carrier wants numbers written: e164 | plain | national
    country: str  # for national
    shown: str  # the client's main DID, E.164: what the contact's telephone shows
    at_once: int  # so many calls of this client's may be under way
    a_day: int  # and so many begun within a UTC day
    most: int = 0  # calls that the carrier carries at a time, both ways together; 0: it sets no limit


class Facts(Struct, frozen=True):
    """What is known of the client when the call arrives, frozen: later changes do not touch a live call."""

    did: str
    client_id: int
    slug: str
    client_name: str
    language: str
    timezone: str
    admission: Admission
    sounds: Sounds
    why: str = ""  # why it is closed: the weekly hours, or a holiday's name
    recording: bool = False
    music: bool = True
    takes_messages: bool = True
    summary_closed: bool = False
    exhausted_messages: bool = False  # who is turned away because the calls are used up may leave a message
    exhausted_report: bool = False  # and is told of once a day, with the others, not one by one
    metered: bool = False  # has a plan: an answered call uses a unit of it
    wait_limit: timedelta = timedelta(seconds=90)
    contacts: tuple[Contact, ...] = ()
    outgoing: Outgoing | None = None  # None: the client has no DID on a trunk that we may send to
    cap: timedelta = timedelta(minutes=10)  # of a transferred conversation
    after_call: timedelta = timedelta(0)  # what she has for the message, if she sits at her desk
    early_media: bool = False  # the carrier lets its callers hear us before the answer
    trunk: str = ""  # the endpoint by which the call came; "": not known
    turned_away: TurnedAway | None = None  # with Admission.EXHAUSTED
    announces_supervision: bool = True  # the secretary hears a tone when a supervisor comes in


class Caller(Struct, frozen=True):
    """Who calls, cleaned at the door: the number E.164 where it could be read as one, the name printable."""

    number: str = ""
    name: str = ""


class Seat(Struct, frozen=True):
    """The secretary to whom a call is offered or who has it. `user` names her telephone, PJSIP/{user}."""

    secretary_id: int
    user: str
    name: str
    wrap_up: timedelta = timedelta(0)
    language: str = "es"  # in which she is told things
    refusals: int = 0  # offers in a row that her telephone had refused when this one was made
    forwards: bool = False  # her telephone was left on forward when this offer was made
    at_desk: bool = False  # her page was open when this offer was made, or has been since she answered
    work_done: bool = False  # the message of this call is sent: nothing is left to do after it


class SupervisionMode(StrEnum):
    """Who hears a supervisor who is in a call; the names are those of the acts that ask for it."""

    LISTEN = "listen"  # nobody
    WHISPER = "whisper"  # the secretary alone
    BARGE = "barge"  # everybody whom the secretary talks with, too


class Supervision(Struct, frozen=True):
    """A supervisor is in the call, or her telephone rings for it. `telephone` names that: PJSIP/{telephone}."""

    user_id: int
    name: str  # by which she signs in
    telephone: str
    mode: SupervisionMode
    here: bool = False  # she has answered


class Call(Struct, frozen=True):
    """One call's whole state; `flow.step` makes the next one. Ids of legs, bridge and prompts derive from `id`."""

    id: str  # the caller's channel id
    phase: Phase = Phase.ARRIVING
    facts: Facts | None = None
    caller: Caller = Caller()
    arrived_at: datetime | None = None
    queued_at: datetime | None = None  # when he first joined the line
    waiting_since: datetime | None = None  # for the secretary whom he waits for now
    first_in_line: bool = False  # lost his secretary through no fault of his: goes to the front
    overdue: bool = False  # the wait limit passed while a telephone was ringing
    caller_here: bool = True
    picked_up: bool = False  # the caller's leg has been answered (SIP 200)
    seat: Seat | None = None
    offers: int = 0  # telephones rung so far; numbers the secretary's legs
    refused_at: dict[int, datetime] = field(default_factory=dict)  # secretary id -> when she refused this call
    prompts: int = 0  # prompts begun so far; numbers the playbacks
    prompt_playing: bool = False
    deadlines: dict[Deadline, datetime] = field(default_factory=dict)
    unit: Unit = Unit.NONE
    wrong_number: bool = False  # the secretary says so
    spam: bool = False  # the secretary says so
    marked_by: str = ""  # the name of who said either, until what the call was charged is taken back
    outcome: Outcome | None = None
    answered_by: Seat | None = None  # the last secretary who talked with the caller
    answered_at: datetime | None = None  # by the first secretary
    talking_since: datetime | None = None  # with the last one; None while he waits for the next
    talked_before: timedelta = timedelta(0)  # with those before her
    bridged: bool = False  # the bridge has been asked for
    left_bridge_at: datetime | None = None  # to leave a message, his secretary lost, or to be thanked
    recording: str = ""  # path under recordings/, once asked for
    recording_began: datetime | None = None  # if later than the answer, as the daemon died between the two
    recording_flaw: str = ""
    recording_paused: bool = False
    language: str = ""  # in which the caller turned out to speak, if not his client's
    held: bool = False  # her telephone holds whom she talks with
    keys_begun: str = ""  # the first key of a command, until the second follows
    # leg -> the id of the last prompt or tone that was played to it alone; "words" in calls that are kept
    spoken_prompts: dict[str, str] = field(default_factory=dict, name="words")
    consultations: int = 0  # numbers their bridges
    contact: Contact | None = None  # who is (or was last) consulted
    number_tried: int = 0  # which of the contact's numbers
    contact_legs: int = 0  # numbers them
    contact_here: bool = False  # the contact's leg rings or talks
    missed: Missed | None = None  # the last consultation, if it came to nothing; until she does something else
    transferred_to: str = ""  # the contact's name, from the hand-over on
    handed_over_at: datetime | None = None
    letters_written: bool = False  # at the hand-over, not after it
    message: str = ""  # path under recordings/ of the left message, once asked for
    messages: int = 0
    message_began: datetime | None = None
    message_checked: bool = False  # its file has been asked for, while he waits
    message_flaw: str = ""  # lost | cut
    message_kept: float = 0.0  # seconds of a message that was cut
    supervision: Supervision | None = None
    supervisions: int = 0  # numbers the supervisors' legs and their bridges
    snoops: int = 0  # numbers the channels by which they hear the secretary's leg
    files_awaited: int = 0  # recordings that have not yet reported their end
    inspected: bool = False  # the files have been asked for their lengths
    taken_over: bool = False  # the switch serves the caller alone; its own record will tell how it ended
    ended_at: datetime | None = None
    unseen: timedelta = timedelta(0)  # he may have left so much later: no daemon was there to see it

    @property
    def secretary_leg(self) -> str:
        """The channel id of the current (or last) secretary's leg."""
        return f"{self.id}-secretary-{self.offers}"

    @property
    def contact_leg(self) -> str:
        """The channel id of the current (or last) contact's leg."""
        return f"{self.id}-contact-{self.contact_legs}"

    @property
    def consultation(self) -> str:
        """The bridge in which she and the contact talk; the caller never enters it."""
        return f"{self.id}-consultation-{self.consultations}"

    @property
    def supervisor_leg(self) -> str:
        """The channel id of the current (or last) supervisor's leg."""
        return f"{self.id}-supervisor-{self.supervisions}"

    @property
    def supervision_bridge(self) -> str:
        """The bridge of the supervisor's leg and what she hears; nobody else enters it."""
        return f"{self.id}-supervision-{self.supervisions}"

    @property
    def snoop(self) -> str:
        """The channel that carries the secretary's leg to the supervisor, and her voice back."""
        return f"{self.id}-snoop-{self.snoops}"

    @property
    def bridge(self) -> str:
        """The caller's one bridge: he stays in it for the whole call, and it is what is recorded."""
        return f"{self.id}-bridge-1"

    @property
    def prompt(self) -> str:
        """The id of the current (or last) playback to the caller."""
        return f"{self.id}-prompt-{self.prompts}"

    @property
    def known(self) -> Facts:
        """The client's facts. Only a call in ARRIVING has none."""
        if self.facts is None:
            raise ValueError(f"call {self.id} has not arrived yet")
        return self.facts

    @property
    def next_deadline(self) -> tuple[Deadline, datetime] | None:
        """The nearest deadline, or None."""
        if not self.deadlines:
            return None
        name = min(self.deadlines, key=lambda each: self.deadlines[each])
        return name, self.deadlines[name]
