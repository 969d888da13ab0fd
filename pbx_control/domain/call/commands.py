"""What is to be done for a call, in the imperative. The store's are carried out inside the step's transaction,
the switch's after it; `asterisk/perform.py` knows how, and asking twice for the same thing does no harm."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from pbx_control.domain.call.model import Limit, SupervisionMode
from pbx_control.domain.money.quota import Uncounted


@dataclass(frozen=True, slots=True)
class Command:
    pass


class StoreCommand(Command):
    """Done in the transaction that saves the step."""

    __slots__ = ()


class SwitchCommand(Command):
    """Done by Asterisk, after the commit."""

    __slots__ = ()


# --- the answer to who asked from a screen ---------------------------------------------------------------


class Refusal(StrEnum):
    """Why what was asked cannot be done now."""

    NOT_HERS = "not_hers"  # she who asks does not have this call, or not any more
    NOT_NOW = "not_now"  # the call's phase does not allow it
    NO_SUCH_CONTACT = "no_such_contact"
    CONTACT_AWAY = "contact_away"  # the client has said that he is not to be consulted before a time
    CONTACT_UNREACHABLE = "contact_unreachable"  # the client has no number that a contact could be called from
    NUMBER_NOT_ALLOWED = "number_not_allowed"
    TOO_MANY_CALLS = "too_many_calls"  # the client's limit of outgoing calls is reached
    NOT_RECORDED = "not_recorded"  # nothing is being recorded, or it is paused already
    NOT_PAUSED = "not_paused"  # the recording is not paused
    NOBODY_SPEAKS_IT = "nobody_speaks_it"  # no other secretary who is there speaks the other language
    MARKED_ALREADY = "marked_already"
    NOT_MARKED = "not_marked"
    NOT_A_SUPERVISOR = "not_a_supervisor"  # who asks may not listen to others
    NO_TELEPHONE = "no_telephone"  # the supervisor has none
    SUPERVISED_ALREADY = "supervised_already"  # another supervisor is in the call
    SUPERVISES_ELSEWHERE = "supervises_elsewhere"  # she is in another call
    ONLY_AN_ADMIN = "only_an_admin"  # it is another who supervises the call


@dataclass(frozen=True, slots=True)
class Refuse(Command):
    """What she asked for cannot be done. Whoever pressed keys has heard so."""

    why: Refusal


@dataclass(frozen=True, slots=True)
class Reply(StoreCommand):
    """Told to whoever asked, once the step is committed. `refusal` None: it is done."""

    ticket: int
    refusal: Refusal | None = None


# --- the store's ------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class ClaimSeat(StoreCommand):
    """Reserve her for this call; answered by SeatClaimed or OfferLost in the same transaction."""

    secretary_id: int


@dataclass(frozen=True, slots=True)
class FreeSeat(StoreCommand):
    """Give her back to the floor; she is offered nothing before `free_from` (the end of her wrap-up, or of her
    telephone's rest after a refusal). `refusals`: offers in a row that her telephone has refused by now. `talked`: she
    has talked with the caller, so what follows is after-call work."""

    secretary_id: int
    free_from: datetime
    refusals: int = 0
    talked: bool = False


@dataclass(frozen=True, slots=True)
class PauseSeat(StoreCommand):
    """Her telephone refuses everything: she is offered nothing for a while, and the admin is told. `silent`: the last
    offer rang in vain at her desk, whose page says so; then the admin is not told."""

    secretary_id: int
    name: str
    silent: bool = False


@dataclass(frozen=True, slots=True)
class NoteForward(StoreCommand):
    """Her telephone forwards its calls (SIP 3xx), or does so no more."""

    secretary_id: int
    forwards: bool


@dataclass(frozen=True, slots=True)
class ReserveUnit(StoreCommand):
    """Keep one of the client's calls for this one. If none is left the step has never been: the call arrives anew,
    its client out of calls."""


@dataclass(frozen=True, slots=True)
class ChargeUnit(StoreCommand):
    """A secretary has answered: the reserved unit is used."""


@dataclass(frozen=True, slots=True)
class ReturnUnit(StoreCommand):
    """The caller wanted somebody else, or is spam: what the call was charged is taken back. `said_by`: the secretary's
    name."""

    said_by: str
    reason: Uncounted = Uncounted.WRONG_NUMBER


@dataclass(frozen=True, slots=True)
class ReleaseUnit(StoreCommand):
    """Nobody has answered, and nobody will: the reserved unit is free again."""


@dataclass(frozen=True, slots=True)
class NoteDialling(StoreCommand):
    """Remember that a contact is called: what a client may dial in a day is counted, and may be billed."""

    leg: str
    number: str
    shown: str
    trunk: str = ""


@dataclass(frozen=True, slots=True)
class RaiseAlarm(StoreCommand):
    """Tell the admin, in the log and by e-mail: a client's limit of outgoing calls was reached.

    `why` says what did not happen, `limit` which one it was, `contact` who was not called.
    """

    why: str
    limit: Limit = Limit.AT_ONCE
    contact: str = ""


@dataclass(frozen=True, slots=True)
class NoteSupervision(StoreCommand):
    """Write into the audit trail that a supervisor listens to a secretary, or speaks to her or to everybody: committed
    before anything is done for it. `before`: what it was until now."""

    supervisor: str
    telephone: str
    secretary: str
    mode: SupervisionMode
    before: SupervisionMode | None = None


@dataclass(frozen=True, slots=True)
class NoteSupervisionEnd(StoreCommand):
    """Write into the audit trail that an admin (`by`) has ended that another supervises the call."""

    by: str
    supervisor: str
    secretary: str
    mode: SupervisionMode


@dataclass(frozen=True, slots=True)
class ReportLoss(StoreCommand):
    """Tell the admin that a message, or a recording (`what`), could not be kept, or not as a whole."""

    what: str


@dataclass(frozen=True, slots=True)
class WriteLetters(StoreCommand):
    """Put the summary for each recipient of the client into the outbox (SERVICE.md rule 7)."""


# --- the switch's -----------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class IndicateRinging(SwitchCommand):
    leg: str


@dataclass(frozen=True, slots=True)
class Answer(SwitchCommand):
    leg: str


@dataclass(frozen=True, slots=True)
class StartMusic(SwitchCommand):
    leg: str


@dataclass(frozen=True, slots=True)
class StopMusic(SwitchCommand):
    leg: str
    bridged: bool = False  # the leg is in a bridge, where Asterisk may lose the stop


@dataclass(frozen=True, slots=True)
class StartRingingTone(SwitchCommand):
    """Ringing for a caller whose leg is already answered."""

    leg: str


@dataclass(frozen=True, slots=True)
class StopRingingTone(SwitchCommand):
    leg: str
    bridged: bool = False  # as for StopMusic


@dataclass(frozen=True, slots=True)
class Play(SwitchCommand):
    """Play sounds (paths under the home) one after the other to a leg, under the given id."""

    leg: str
    prompt: str
    sounds: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class StopPlaying(SwitchCommand):
    prompt: str


@dataclass(frozen=True, slots=True)
class Ring(SwitchCommand):
    """Ring a secretary's telephone; the display shows the client's name and the caller's number.

    `give_up` is when Asterisk itself ends the ringing, for the case that nobody tells it to. `recording_announced`: the
    caller knows that he is recorded; without a daemon the switch records nobody else.
    """

    leg: str
    user: str
    display_name: str
    display_number: str
    give_up: timedelta
    recording_announced: bool = False


@dataclass(frozen=True, slots=True)
class Dial(SwitchCommand):
    """Call a contact through a trunk. The leg is in the bridge before it is answered, so that whoever is there hears
    it ring, and the carrier's announcements.

    `number` and `shown` are E.164. `give_up` is when Asterisk itself ends the ringing, `limit` the leg's life, both
    for the case that nobody else does. When the leg is gone and no daemon is there, `secretary`'s leg gets the caller
    back.
    """

    leg: str
    bridge: str
    secretary: str
    trunk: str
    number_format: str
    country: str
    number: str
    shown: str
    give_up: timedelta
    limit: timedelta
    most: int = 0  # calls on the trunk, this one included; 0: no limit
    at_once: int = 0  # of the client's calls to contacts, this one included; 0: its limits are not looked at again
    a_day: int = 0


@dataclass(frozen=True, slots=True)
class RingSupervisor(SwitchCommand):
    """Ring a supervisor's telephone; the display shows the client's and the secretary's name. When no daemon is left,
    Asterisk itself gives up the ringing after `give_up`, and ends the leg after `limit`."""

    leg: str
    user: str
    display_name: str
    give_up: timedelta
    limit: timedelta


@dataclass(frozen=True, slots=True)
class Snoop(SwitchCommand):
    """Carry what is spoken on a leg, both ways, into a bridge, and from there back what `mode` says. It ends with the
    leg, whoever is there to see that. `her_side`: only what its own telephone says, as that hears nobody."""

    leg: str
    snoop: str
    bridge: str
    mode: SupervisionMode
    moved: bool = False  # there was another before it: what that carried must be forgotten first
    her_side: bool = False


@dataclass(frozen=True, slots=True)
class Tell(SwitchCommand):
    """Play a sound to one leg alone, whatever bridge it is in; nobody waits for its end."""

    leg: str
    word: str
    sound: str


@dataclass(frozen=True, slots=True)
class PassKeys(SwitchCommand):
    """Keys of hers that are no command reach the other party (a contact's menu, say)."""

    leg: str
    keys: str


@dataclass(frozen=True, slots=True)
class PauseRecording(SwitchCommand):
    """Write silence until ResumeRecording; the file keeps its length."""

    path: str


@dataclass(frozen=True, slots=True)
class ResumeRecording(SwitchCommand):
    path: str


@dataclass(frozen=True, slots=True)
class Join(SwitchCommand):
    """Put legs into a bridge, made if there is none; one that is in another bridge leaves that.

    `mixed`: it will be recorded, so it mixes from the start. `secretary`: the one of the legs whose keys are
    commands, "" for none; the others do not hear them. `anew`: the one of the legs that leaves the bridge before, if it
    is there, as with `JoinAnew`.
    """

    bridge: str
    legs: tuple[str, ...]
    mixed: bool
    secretary: str = ""
    anew: str = ""


@dataclass(frozen=True, slots=True)
class Leave(SwitchCommand):
    """Take a leg out of a bridge; it lives on."""

    bridge: str
    leg: str


@dataclass(frozen=True, slots=True)
class JoinAnew(SwitchCommand):
    """Take a leg out of a bridge and put it in again, in a moment: its telephone may have begun a new stream, of whose
    packets Asterisk would let nobody hear anything where they are translated."""

    bridge: str
    leg: str


@dataclass(frozen=True, slots=True)
class MixOnce(SwitchCommand):
    """Have a bridge of two mix for a moment: what Asterisk has translated for the two is forgotten, wherever it was."""

    bridge: str


@dataclass(frozen=True, slots=True)
class RecordBridge(SwitchCommand):
    """Record what a bridge mixes; a file that is there already is continued."""

    bridge: str
    path: str


@dataclass(frozen=True, slots=True)
class RecordMessage(SwitchCommand):
    """Record what the caller says after a tone, until he is silent, hangs up or `limit` is over."""

    leg: str
    path: str
    limit: timedelta


@dataclass(frozen=True, slots=True)
class LimitLeg(SwitchCommand):
    """Have Asterisk itself end the leg's stay after that time; None lifts the limit.

    `then` says what the dialplan does with a caller: take a message (`fallback`), say farewell and hang up (`cap`), or
    just hang up (`parting`).
    """

    leg: str
    after: timedelta | None
    then: str = "fallback"


@dataclass(frozen=True, slots=True)
class HangUp(SwitchCommand):
    leg: str


@dataclass(frozen=True, slots=True)
class RemoveBridge(SwitchCommand):
    bridge: str


@dataclass(frozen=True, slots=True)
class InspectFiles(SwitchCommand):
    """Look at the call's files; answered by FilesInspected."""

    recording: str
    message: str


@dataclass(frozen=True, slots=True)
class InspectMessage(SwitchCommand):
    """Look at a message that was left just now, while its caller waits; answered by MessageInspected."""

    message: str
