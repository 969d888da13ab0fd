"""The life of a call, top to bottom: which event means what in which phase, as pure functions.

`step(call, event)` gives the next call and the commands to be done. The tables are the contents page: every pair
of phase and event is handled in TABLE or listed with a reason in IGNORED (a test walks them all).
"""

from datetime import datetime, timedelta

from msgspec.structs import replace

from pbx_control.domain.call import streams, supervision, transfer
from pbx_control.domain.call.commands import (
    ChargeUnit,
    ClaimSeat,
    Command,
    FreeSeat,
    HangUp,
    InspectMessage,
    Leave,
    LimitLeg,
    NoteForward,
    PauseSeat,
    RecordMessage,
    Refusal,
    Refuse,
    Reply,
    ReportLoss,
    ReserveUnit,
    Ring,
    StartMusic,
    StopMusic,
    StopPlaying,
    StopRingingTone,
)
from pbx_control.domain.call.ending import (
    SETTLING_LIMIT,
    caller_gone,
    caller_hung_up,
    contact_gone,
    end_call,
    file_closed,
    files_inspected,
    goodbye_said,
    message_flaw,
    release,
    say_goodbye,
    secretary_gone,
    settle,
    settling_over,
    taken_over,
)
from pbx_control.domain.call.events import (
    Asked,
    CallArrived,
    CallerLeft,
    CallerTakenOver,
    ConsultationAsked,
    ContactAnswered,
    ContactLeft,
    ContactRinging,
    DeadlinePassed,
    DiallingRefused,
    Event,
    FilesInspected,
    HandOverAsked,
    Held,
    KeyPressed,
    LanguageAsked,
    LoopFound,
    MessageInspected,
    NewStream,
    Offered,
    OfferLost,
    PromptEnded,
    RecordingEnded,
    RecordingPauseAsked,
    RecordingResumeAsked,
    Recovered,
    SeatClaimed,
    SecretaryAnswered,
    SecretaryLeft,
    SecretaryRinging,
    SnoopEnded,
    SpamAsked,
    Supervising,
    SupervisionAsked,
    SupervisionEndAsked,
    SupervisorAnswered,
    SupervisorLeft,
    SwitchRefused,
    TakeBackAsked,
    Unheld,
    UnmarkAsked,
    WorkDone,
    WrongNumberAsked,
)
from pbx_control.domain.call.model import Admission, Call, Deadline, Outcome, Phase, Seat, TurnedAway, Unit
from pbx_control.domain.call.moves import (
    FIRST_POSITION_AFTER,
    SWITCH_MARGIN,
    Handler,
    Step,
    file_path,
    first_in_line,
    in_his_bridge,
    joined,
    picked_up,
    playing,
    seat_freed,
    seat_of,
    start_waiting_audio,
    stop_waiting_audio,
    with_deadline,
    without_deadline,
)

# The caller hears ringing so long, unanswered; then music and his position (issue of the main job, "The call").
RINGING_LIMIT = timedelta(seconds=20)
# One secretary's telephone rings so long; then the next one's.
OFFER_LIMIT = timedelta(seconds=10)
# Asterisk itself ends her ringing a little later, for the case that the daemon dies meanwhile.
OFFER_GIVE_UP = OFFER_LIMIT + timedelta(seconds=5)
# A silenced telephone confirms within milliseconds; one that does not is taken for gone.
WITHDRAWAL_LIMIT = timedelta(seconds=2)
# A telephone that declines at once would be rung again at once, for the same caller or the next.
REST_AFTER_REFUSAL = timedelta(seconds=5)
# It has refused so many offers in a row, none answered between: nobody sits there, or do-not-disturb is on.
REFUSALS_BEFORE_PAUSE = 3
# A pause ends after this: one offer is tried again, and one more refusal pauses her anew.
PAUSE_AFTER_REFUSALS = timedelta(minutes=15)
POSITION_EVERY = timedelta(seconds=30)
MESSAGE_LIMIT = timedelta(minutes=2)
SILENCE_ENDS_MESSAGE = timedelta(seconds=5)
# So long he waits to hear what became of his message; a disk that takes longer does not answer.
CHECK_LIMIT = timedelta(seconds=3)

# How a journal says why a client's caller is turned away.
OUT_OF_CALLS = "out of calls"

# Somebody answers whom nobody waits for any more.
ANSWERS = SecretaryAnswered | ContactAnswered | SupervisorAnswered

# Q.850 causes with which a leg ends when its network died; any other is somebody who hung up.
# 0: ended unseen. 18 no user responding, 20 absent, 27 out of order, 38 network, 41 temporary failure,
# 44 what Asterisk gives after rtp_timeout, 102 a timer expired.
NETWORK_DIED = frozenset({0, 18, 20, 27, 38, 41, 44, 102})
# What a 301 and a 302 of her telephone come to.
FORWARDS = frozenset({22, 23})


def step(call: Call, event: Event) -> Step:
    """The next state of a call after an event, and the commands that follow from it, in order.

    What comes from a leg, prompt or deadline that is no longer current changes nothing; an answer of such a leg
    is hung up.
    """
    if is_stale(call, event):
        return call, [HangUp(event.leg)] if isinstance(event, ANSWERS) else []
    handler = TABLE.get((call.phase, key_of(event)))
    if isinstance(event, Asked):
        after, commands = answered(call, event, handler)
    else:
        after, commands = handler(call, event) if handler else (call, [])
    return supervision.only_with_her(call, after, commands)


def answered(call: Call, event: Asked, handler: Handler | None) -> Step:
    """What is asked from a screen is done by who has the call now, or refused; either way there is an answer."""
    supervises = isinstance(event, Supervising)
    if supervises and event.secretary_id is not None:
        return call, [Reply(event.ticket, Refusal.NOT_A_SUPERVISOR)]
    if not transfer.holds(call, event):
        return call, [Reply(event.ticket, Refusal.NOT_HERS)]
    if handler is None:
        return call, [Reply(event.ticket, Refusal.NOT_NOW)]
    call, commands = handler(call if supervises else transfer.before_she_acts(call), event)
    refusal = next((command.why for command in commands if isinstance(command, Refuse)), None)
    return call, [*commands, Reply(event.ticket, refusal)]


def is_stale(call: Call, event: Event) -> bool:
    """Whether the event is about a leg, prompt or deadline that the call has left behind."""
    match event:
        case SecretaryRinging(leg=leg) | SecretaryAnswered(leg=leg) | SecretaryLeft(leg=leg):
            return call.seat is None or leg != call.secretary_leg
        case KeyPressed(leg=leg) | Held(leg=leg) | Unheld(leg=leg):
            return call.seat is None or leg != call.secretary_leg
        case ContactRinging(leg=leg) | ContactAnswered(leg=leg) | ContactLeft(leg=leg) | DiallingRefused(leg=leg):
            return not call.contact_here or leg != call.contact_leg
        case SupervisorAnswered(leg=leg) | SupervisorLeft(leg=leg):
            return call.supervision is None or leg != call.supervisor_leg
        case NewStream(leg=leg):
            return not streams.bridge_of(call, leg)
        case SnoopEnded(snoop=snoop):
            return call.supervision is None or snoop != call.snoop
        case PromptEnded(prompt=prompt):
            return not call.prompt_playing or prompt != call.prompt
        case DeadlinePassed(name=name, at=at):
            return name not in call.deadlines or call.deadlines[name] > at
        case CallerLeft():
            return not call.caller_here
    return False


def key_of(event: Event) -> type[Event] | Deadline:
    """What the tables are keyed by: the event's type, or which deadline has passed."""
    return event.name if isinstance(event, DeadlinePassed) else type(event)


# --- arriving ---------------------------------------------------------------------------------------------


def arrive(call: Call, event: CallArrived) -> Step:
    """Asterisk's own short limit, for callers whom no daemon takes, gives way to a longer one. It does so first: a leg
    to which something is played obeys nothing else until that is over, and the whole connection waits for it."""
    call = replace(call, facts=event.facts, caller=event.caller, arrived_at=event.at)
    if call.known.admission is Admission.BLOCKED:
        return end_call(call, event.at, Outcome.BLOCKED)
    call, reserve = reserved(call)
    call, first = first_heard(call, event.at)
    waits = call.phase not in (Phase.PARTING, Phase.TAKING_MESSAGE)
    limit = [waiting_limit(call, event.at)] if waits else []  # the others have their own
    return call, [*reserve, *limit, *first]


def reserved(call: Call) -> Step:
    """One of the client's calls is kept for this one from its arrival on: of a hundred callers at once for the last
    unit, one is served and 99 hear at once that nobody can answer."""
    if call.known.admission is not Admission.OPEN or not call.known.metered:
        return call, []
    return replace(call, unit=Unit.RESERVED), [ReserveUnit()]


def turned_away(event: CallArrived) -> CallArrived:
    """The same arrival, of a client that turned out to have no unit left."""
    out_of_calls = TurnedAway.OUT_OF_CALLS
    facts = replace(event.facts, admission=Admission.EXHAUSTED, turned_away=out_of_calls, why=OUT_OF_CALLS)
    return CallArrived(event.at, facts, event.caller)


def first_heard(call: Call, at: datetime) -> Step:
    sounds = call.known.sounds
    if call.known.admission is Admission.CLOSED:
        return say_goodbye(call, at, sounds.closing, Outcome.CLOSED)
    if call.known.admission is Admission.EXHAUSTED:
        return exhausted(call, at)
    return welcome(call, at) if sounds.welcome else begin_waiting(call, at)


def exhausted(call: Call, at: datetime) -> Step:
    """Out of calls, or suspended: an announcement that does not say so; then perhaps a message (rule 12)."""
    sounds = call.known.sounds
    if call.known.turned_away is not TurnedAway.OUT_OF_CALLS or not call.known.exhausted_messages:
        return say_goodbye(call, at, sounds.exhausted, Outcome.EXHAUSTED)
    return ask_for_message(replace(call, outcome=Outcome.EXHAUSTED), sounds.exhausted, sounds.message)


def welcome(call: Call, at: datetime) -> Step:
    """A client's own welcome is answered. The recording notice alone is heard before the answer, where the carrier
    lets its callers hear that: who calls pays for the conversation, neither for the notice nor for the ringing."""
    call = replace(call, phase=Phase.WELCOMING)
    early = call.known.early_media and call.known.sounds.notice_alone
    call, pick_up = (call, []) if early else picked_up(call)
    call, play = playing(call, *call.known.sounds.welcome)
    return call, [*pick_up, *play]


def welcomed(call: Call, event: PromptEnded) -> Step:
    """Who could not be told that the call is recorded is not recorded."""
    if event.failed and call.known.sounds.notice:
        call = replace(call, facts=replace(call.known, recording=False))
    return begin_waiting(replace(call, prompt_playing=False), event.at)


# --- waiting ----------------------------------------------------------------------------------------------


def begin_waiting(call: Call, at: datetime) -> Step:
    call = replace(
        call,
        phase=Phase.WAITING,
        queued_at=at,
        waiting_since=at,
        deadlines={Deadline.PATIENCE: at + RINGING_LIMIT, Deadline.WAIT_LIMIT: at + call.known.wait_limit},
    )
    return call, start_waiting_audio(call)


def patience_over(call: Call, event: DeadlinePassed) -> Step:
    """Ringing has lasted long enough: the call is answered and the caller waits with music and his position."""
    ringing_tone = [StopRingingTone(call.id, call.bridged)] if call.picked_up and call.known.music else []
    call, pick_up = picked_up(without_deadline(call, Deadline.PATIENCE))
    if call.known.music:
        call = with_deadline(call, Deadline.POSITION, event.at + FIRST_POSITION_AFTER)
    return call, [*pick_up, *ringing_tone, *start_waiting_audio(call)]


def tell_position(call: Call, event: DeadlinePassed) -> Step:
    call = without_deadline(call, Deadline.POSITION)
    positions = call.known.sounds.positions
    if not positions:
        return call, []
    return playing(call, positions[min(event.position, len(positions)) - 1])


def music_again(call: Call, event: PromptEnded) -> Step:
    call = with_deadline(replace(call, prompt_playing=False), Deadline.POSITION, event.at + POSITION_EVERY)
    return call, start_waiting_audio(call)


def wait_over(call: Call, event: DeadlinePassed) -> Step:
    return take_message(call, event.at)


def wait_over_while_ringing(call: Call, event: DeadlinePassed) -> Step:
    """Her telephone rings already: she gets her chance first."""
    return replace(without_deadline(call, Deadline.WAIT_LIMIT), overdue=True), []


# --- offering ---------------------------------------------------------------------------------------------


def offer(call: Call, event: Offered) -> Step:
    call = replace(call, phase=Phase.OFFERING, seat=event.seat, offers=call.offers + 1)
    return call, [ClaimSeat(event.seat.secretary_id)]


def ring_secretary(call: Call, event: SeatClaimed) -> Step:
    call = with_deadline(call, Deadline.OFFER, event.at + OFFER_LIMIT)
    ring = Ring(
        leg=call.secretary_leg,
        user=seat_of(call).user,
        display_name=call.known.client_name,
        display_number=call.caller.number,
        give_up=OFFER_GIVE_UP,
        recording_announced=call.known.recording,
    )
    return call, [ring]


def offer_lost(call: Call, event: OfferLost) -> Step:
    return back_in_line(replace(call, seat=None), event.at)


def refused(call: Call, event: SecretaryLeft) -> Step:
    """She declined, was busy, or her telephone could not be reached: the next one is asked. Her telephone rests, so
    that it does not refuse everybody who waits within a moment; one that refuses again and again is paused."""
    her = seat_of(call)
    refusals = refusals_with(her, event.cause)
    call = replace(call, refused_at=call.refused_at | {her.secretary_id: event.at}, seat=None)
    free = FreeSeat(her.secretary_id, event.at + REST_AFTER_REFUSAL, refusals)
    pause = [PauseSeat(her.secretary_id, her.name)] if refusals >= REFUSALS_BEFORE_PAUSE else []
    forwards = [NoteForward(her.secretary_id, True)] if event.cause in FORWARDS else []
    call, more = back_in_line(call, event.at)
    return call, [free, *pause, *forwards, *more]


def refusals_with(her: Seat, cause: int) -> int:
    """How many offers in a row her telephone has refused with this one; one that cannot be reached refuses nothing."""
    return her.refusals if cause in NETWORK_DIED else her.refusals + 1


def secretary_rings(call: Call, event: SecretaryRinging) -> Step:
    """It forwards no more, if it did."""
    return forward_ended(call)


def forward_ended(call: Call) -> Step:
    her = seat_of(call)
    if not her.forwards:
        return call, []
    return replace(call, seat=replace(her, forwards=False)), [NoteForward(her.secretary_id, False)]


def not_answered(call: Call, event: SecretaryLeft) -> Step:
    """Her telephone rang long enough and is silent: the next one is asked."""
    her = seat_of(call)
    refusals = refusals_unheard(her)
    call = replace(call, refused_at=call.refused_at | {her.secretary_id: event.at}, seat=None)
    free = FreeSeat(her.secretary_id, event.at, refusals)
    pause = [PauseSeat(her.secretary_id, her.name, silent=True)] if refusals >= REFUSALS_BEFORE_PAUSE else []
    call, more = back_in_line(call, event.at)
    return call, [free, *pause, *more]


def refusals_unheard(her: Seat) -> int:
    """An offer that rings in vain counts at a desk only: there one key brings her back."""
    return her.refusals + 1 if her.at_desk else her.refusals


def withdraw(call: Call, event: DeadlinePassed) -> Step:
    call = with_deadline(without_deadline(call, Deadline.OFFER), Deadline.WITHDRAWAL, event.at + WITHDRAWAL_LIMIT)
    return replace(call, phase=Phase.WITHDRAWING), [HangUp(call.secretary_leg)]


def too_late(call: Call, event: SecretaryAnswered) -> Step:
    return call, [HangUp(event.leg)]


def withdrawn_without_a_word(call: Call, event: DeadlinePassed) -> Step:
    return not_answered(call, SecretaryLeft(event.at, call.secretary_leg))


def back_in_line(call: Call, at: datetime) -> Step:
    call = replace(without_deadline(call, Deadline.OFFER, Deadline.WITHDRAWAL), phase=Phase.WAITING)
    return take_message(call, at) if call.overdue else (call, [])


# --- talking ----------------------------------------------------------------------------------------------


def connect(call: Call, event: SecretaryAnswered) -> Step:
    call, rings = forward_ended(call)
    quiet = stop_waiting_audio(call)
    call, pick_up = picked_up(replace(call, prompt_playing=False))
    call = replace(
        call,
        phase=Phase.TALKING,
        deadlines={},
        overdue=False,
        outcome=Outcome.ANSWERED,
        answered_by=call.seat,
        answered_at=call.answered_at or event.at,
        talking_since=event.at,
    )
    call, used = charged(call)
    call, join = joined(call)
    return call, [*used, *pick_up, *quiet, *join, *rings]


def charged(call: Call) -> Step:
    """The first secretary who answers uses the unit, whatever becomes of the call afterwards (rule 10)."""
    if call.unit is not Unit.RESERVED:
        return call, []
    return replace(call, unit=Unit.CHARGED), [ChargeUnit()]


def secretary_hung_up(call: Call, event: SecretaryLeft) -> Step:
    if event.cause in NETWORK_DIED:
        return secretary_lost(call, event)
    call, free = seat_freed(call, event.at)
    call, end = end_call(call, event.at, Outcome.ANSWERED)
    return call, [*free, *end]


def held(call: Call, event: Held) -> Step:
    """Her telephone's own hold. Asterisk itself plays music to the other side, but not in a bridge that is recorded.
    (One who is consulted is in none; the caller has his music then.)"""
    music: list[Command] = [StartMusic(call.id)] if _in_what_is_recorded(call) else []
    return replace(call, held=True), music


def unheld(call: Call, event: Unheld) -> Step:
    """Many telephones begin a new stream then (`streams`)."""
    quiet: list[Command] = [StopMusic(call.id, call.bridged)] if _in_what_is_recorded(call) else []
    call = replace(call, held=False)
    return call, [*quiet, *streams.heard_again(call, call.secretary_leg, call.id, call.contact_leg)]


def _in_what_is_recorded(call: Call) -> bool:
    """Whether she talks with the caller, in a bridge that is recorded."""
    return call.known.recording and call.phase is Phase.TALKING


def secretary_lost(call: Call, event: SecretaryLeft) -> Step:
    """Her network died, or her page was loaded anew; she did not hang up. The caller goes to the front of the queue,
    and she need not write about him before she has him back."""
    call, resume = transfer.recording_resumed(call)
    call, wait = first_in_line(call, event.at, is_over=False)
    return call, [*resume, *wait]


# --- taking a message -------------------------------------------------------------------------------------


def take_message(call: Call, at: datetime) -> Step:
    """Nobody could take the call: the caller is asked to leave a message, if the client wants messages."""
    quiet = stop_waiting_audio(call)
    call = replace(call, prompt_playing=False, deadlines={}, overdue=False)
    leave = [Leave(call.bridge, call.id)] if call.bridged else []
    call = replace(call, left_bridge_at=at) if call.bridged else call
    if not call.known.takes_messages:
        call, goodbye = say_goodbye(call, at, call.known.sounds.busy, call.outcome or Outcome.MISSED)
        return call, [*quiet, *leave, *goodbye]
    call, ask = ask_for_message(call, call.known.sounds.message)
    return call, [*quiet, *leave, *ask]


def ask_for_message(call: Call, *sounds: str) -> Step:
    call, pick_up = picked_up(replace(call, phase=Phase.TAKING_MESSAGE))
    limit = LimitLeg(call.id, MESSAGE_LIMIT + SWITCH_MARGIN)
    call, ask = playing(call, *sounds)
    return call, [*pick_up, limit, *ask]


def record_message(call: Call, event: PromptEnded) -> Step:
    call = replace(call, prompt_playing=False, messages=call.messages + 1, files_awaited=call.files_awaited + 1)
    suffix = "-message" if call.messages == 1 else f"-message-{call.messages}"
    call = replace(call, message=file_path(call, suffix), message_began=event.at, message_checked=False)
    call = with_deadline(
        replace(call, message_flaw="", message_kept=0.0), Deadline.MESSAGE, event.at + MESSAGE_LIMIT + SETTLING_LIMIT
    )
    return call, [RecordMessage(call.id, call.message, MESSAGE_LIMIT)]


def message_recorded(call: Call, event: RecordingEnded) -> Step:
    call = replace(call, files_awaited=max(0, call.files_awaited - 1))
    if event.path != call.message:
        return call, []
    return check_message(call, event.at)


def check_message(call: Call, at: datetime) -> Step:
    """Before he is told that it was taken, its file is looked at: on a full disk Asterisk reports success, too."""
    call = with_deadline(replace(call, message_checked=True), Deadline.MESSAGE, at + CHECK_LIMIT)
    return call, [InspectMessage(call.message)]


def message_inspected(call: Call, event: MessageInspected) -> Step:
    spoke = event.at - (call.message_began or event.at)
    # Nothing there at all is no silence: even of that Asterisk writes a header.
    found = "lost" if event.seconds is None else message_flaw(event.seconds, spoke, event.room)
    return end_message(replace(call, message_flaw=found), event.at)


def message_unconfirmed(call: Call, event: DeadlinePassed) -> Step:
    """The recorder did not report its end: what it has written is looked at. If that takes too long, the disk does not
    answer, and nobody can promise him that his message is kept."""
    if not call.message_checked:
        return check_message(call, event.at)
    return end_message(replace(call, message_flaw="lost"), event.at)


def end_message(call: Call, at: datetime) -> Step:
    """He hears the truth, and the office at once."""
    sounds = call.known.sounds
    report: list[Command] = [ReportLoss("message")] if call.message_flaw else []
    call, goodbye = say_goodbye(call, at, sounds.not_taken if call.message_flaw else sounds.thanks, call.outcome)
    return call, [*report, *goodbye]


# --- recovering -------------------------------------------------------------------------------------------


def resume_prompt(call: Call, event: Recovered) -> Step:
    """One that still plays, plays on; one that was played meanwhile is over; one that never began is played now.

    Only who has talked with a contact is not thanked after that: he has what he called for.
    """
    call = replace(call, picked_up=event.picked_up)
    if event.playing:
        return call, []
    if event.heard:
        return step(call, PromptEnded(event.at, call.prompt))
    if call.transferred_to:
        return end_call(call, event.at, call.outcome)
    if call.phase is Phase.WELCOMING:
        call, again = welcome(call, event.at)
        return call, [waiting_limit(call, event.at), *again]
    sounds = call.known.sounds
    parting_with: dict[Outcome, str | tuple[str, ...]] = {
        Outcome.CLOSED: sounds.closing,
        Outcome.EXHAUSTED: sounds.exhausted,
    }
    last_word = sounds.thanks if call.message else parting_with.get(call.outcome or Outcome.MISSED, sounds.busy)
    return say_goodbye(call, event.at, last_word, call.outcome)


def resume_message(call: Call, event: Recovered) -> Step:
    """Who is being asked for a message, or speaks it, is not interrupted; who has spoken it is thanked. The question is
    not asked twice."""
    if event.playing or event.recorded:
        return call, []
    call = replace(call, picked_up=event.picked_up, files_awaited=0)
    if event.message_left:
        return check_message(call, event.at)
    if event.heard:
        return record_message(call, PromptEnded(event.at, call.prompt))
    return take_message(call, event.at)


def resume_waiting(call: Call, event: Recovered) -> Step:
    call = replace(call, picked_up=event.picked_up)
    if event.playing:
        return call, []
    if call.prompt_playing:
        call = with_deadline(replace(call, prompt_playing=False), Deadline.POSITION, event.at + POSITION_EVERY)
    # Answering may have been saved but not done.
    call, pick_up = (call, []) if Deadline.PATIENCE in call.deadlines else picked_up(call)
    return call, [waiting_limit(call, event.at), *pick_up, *start_waiting_audio(call)]


def waiting_limit(call: Call, at: datetime) -> LimitLeg:
    """How long Asterisk lets him wait if no daemon is left. The daemon that took him may have died before it said so:
    the short limit of callers whom nobody takes would still be on his leg."""
    until = call.deadlines.get(Deadline.WAIT_LIMIT, at + call.known.wait_limit)
    return LimitLeg(call.id, max(until - at, timedelta(0)) + SWITCH_MARGIN)


def resume_withdrawing(call: Call, event: Recovered) -> Step:
    call, waiting_audio = resume_waiting(call, event)
    call = with_deadline(call, Deadline.WITHDRAWAL, event.at + WITHDRAWAL_LIMIT)
    return call, [HangUp(call.secretary_leg), *waiting_audio]


def resume_talking(call: Call, event: Recovered) -> Step:
    """Performs what was saved but not done when the daemon died between the two."""
    call, pick_up = picked_up(replace(call, picked_up=event.picked_up))
    quiet: list[Command] = [
        StopPlaying(call.prompt),
        StopRingingTone(call.id, call.bridged),
        StopMusic(call.id, call.bridged),
    ]
    join = [] if event.bridged else [*quiet, in_his_bridge(call, call.id, call.secretary_leg)]
    # She may have taken him off hold meanwhile: music would drown her for the rest of the call.
    unheld = [StopMusic(call.id, bridged=True)] if event.bridged and call.known.recording else []
    # Nobody saw who began a new stream meanwhile.
    heard = streams.heard_again(call, call.secretary_leg, call.id) if event.bridged else []
    call, record = transfer.recording_again(call, event)
    return call, [*pick_up, *join, *unheld, *heard, LimitLeg(call.id, None), *record]


def resume_ending(call: Call, event: Recovered) -> Step:
    call = with_deadline(replace(call, files_awaited=0, inspected=False), Deadline.SETTLING, event.at + SETTLING_LIMIT)
    let_go = release(call)
    call, more = settle(call, event.at)
    return call, [*let_go, *more]


# --- the contents page ------------------------------------------------------------------------------------

P, D = Phase, Deadline

TABLE: dict[tuple[Phase, type[Event] | Deadline], Handler] = {
    (P.ARRIVING, CallArrived): arrive,
    (P.WELCOMING, PromptEnded): welcomed,
    (P.WELCOMING, CallerLeft): caller_hung_up,
    (P.WELCOMING, Recovered): resume_prompt,
    (P.WAITING, Offered): offer,
    (P.WAITING, PromptEnded): music_again,
    (P.WAITING, CallerLeft): caller_hung_up,
    (P.WAITING, D.PATIENCE): patience_over,
    (P.WAITING, D.POSITION): tell_position,
    (P.WAITING, D.WAIT_LIMIT): wait_over,
    (P.WAITING, Recovered): resume_waiting,
    (P.OFFERING, SeatClaimed): ring_secretary,
    (P.OFFERING, OfferLost): offer_lost,
    (P.OFFERING, SecretaryRinging): secretary_rings,
    (P.OFFERING, SecretaryAnswered): connect,
    (P.OFFERING, SecretaryLeft): refused,
    (P.OFFERING, PromptEnded): music_again,
    (P.OFFERING, CallerLeft): caller_hung_up,
    (P.OFFERING, D.OFFER): withdraw,
    (P.OFFERING, D.PATIENCE): patience_over,
    (P.OFFERING, D.POSITION): tell_position,
    (P.OFFERING, D.WAIT_LIMIT): wait_over_while_ringing,
    (P.OFFERING, Recovered): resume_waiting,
    (P.WITHDRAWING, SecretaryAnswered): too_late,
    (P.WITHDRAWING, SecretaryLeft): not_answered,
    (P.WITHDRAWING, PromptEnded): music_again,
    (P.WITHDRAWING, CallerLeft): caller_hung_up,
    (P.WITHDRAWING, D.WITHDRAWAL): withdrawn_without_a_word,
    (P.WITHDRAWING, D.PATIENCE): patience_over,
    (P.WITHDRAWING, D.POSITION): tell_position,
    (P.WITHDRAWING, D.WAIT_LIMIT): wait_over_while_ringing,
    (P.WITHDRAWING, Recovered): resume_withdrawing,
    (P.TALKING, CallerLeft): caller_hung_up,
    (P.TALKING, SecretaryLeft): secretary_hung_up,
    **{(p, Held): held for p in supervision.SUPERVISED},
    **{(p, Unheld): unheld for p in supervision.SUPERVISED},
    (P.TALKING, Recovered): resume_talking,
    **transfer.HANDLERS,
    **supervision.HANDLERS,
    **{(p, NewStream): handler for p, handler in streams.HANDLERS.items()},
    (P.TAKING_MESSAGE, PromptEnded): record_message,
    (P.TAKING_MESSAGE, RecordingEnded): message_recorded,
    (P.TAKING_MESSAGE, MessageInspected): message_inspected,
    (P.TAKING_MESSAGE, D.MESSAGE): message_unconfirmed,
    (P.TAKING_MESSAGE, CallerLeft): caller_hung_up,
    (P.TAKING_MESSAGE, Recovered): resume_message,
    (P.PARTING, PromptEnded): goodbye_said,
    (P.PARTING, CallerLeft): caller_hung_up,
    (P.PARTING, Recovered): resume_prompt,
    (P.ENDING, CallerLeft): caller_gone,
    (P.ENDING, SecretaryLeft): secretary_gone,
    (P.ENDING, ContactLeft): contact_gone,
    (P.ENDING, FilesInspected): files_inspected,
    (P.ENDING, D.SETTLING): settling_over,
    (P.ENDING, Recovered): resume_ending,
    # A file may close in any phase: the bridge's recording when the bridge empties, a message when he hangs up.
    **{(p, RecordingEnded): file_closed for p in P if p not in (P.ARRIVING, P.WELCOMING, P.TAKING_MESSAGE, P.ENDED)},
    # The switch may take the caller over whenever the daemon was not there.
    **{(p, CallerTakenOver): taken_over for p in P if p not in (P.ARRIVING, P.ENDED)},
}

_NOT_YET = "a call has no legs, prompts or deadlines before it has arrived"
_OVER = "the call has ended; the legs and files that are left are removed by the comparison with the switch"
_ONCE = "a call arrives once"
_ELSEWHERE = "the call found its way meanwhile: the floor looks again"
_NOBODY = "no telephone rings and nobody talks in this phase"
_NO_KEYS = "she is alone in this phase, or not there: her keys command nothing"
_NOT_NOW = "not possible in this phase: who asked is told so"
_NO_CONTACT = "no contact is called or talked with in this phase"
_NOT_RINGING = "no contact's telephone rings: a consultation that is answered, or over, goes on as it is"
_NO_SUPERVISOR = "nobody listens in this phase: that ended with the conversation"
_NOT_HEARD = "nobody hears that leg in this phase: it is joined when somebody does"
_HE_LEFT = "he hung up before this phase began"
_NO_PROMPT = "no prompt is playing in this phase"
_NO_FILES = "files are looked at in ENDING only"
_NO_MESSAGE = "nobody waits to hear what became of a message; it is looked at again when the call ends"
_NOTED = "kept in the journal; changes nothing"
_NO_FILE_YET = "nothing is recorded before somebody answers"
_NO_DEADLINE = "this deadline is not set in this phase"


def _reason(phase: Phase, key: type[Event] | Deadline) -> str:
    if phase is P.ARRIVING:
        return _NOT_YET
    if phase is P.ENDED:
        return _OVER
    if isinstance(key, Deadline):
        return _NO_DEADLINE
    if issubclass(key, Asked):
        return _NOT_NOW
    reasons: dict[type[Event], str] = {
        CallArrived: _ONCE,
        Offered: _ELSEWHERE,
        SeatClaimed: _ELSEWHERE,
        OfferLost: _ELSEWHERE,
        SecretaryRinging: _NOTED,
        SecretaryAnswered: _NOBODY,
        SecretaryLeft: _NOBODY,
        Held: _NOTED,
        Unheld: _NOTED,
        KeyPressed: _NO_KEYS,
        ContactRinging: _NOTED,
        ContactAnswered: _NO_CONTACT,
        ContactLeft: _NO_CONTACT,
        DiallingRefused: _NOT_RINGING,
        LoopFound: _NOT_RINGING,
        SupervisorAnswered: _NO_SUPERVISOR,
        SupervisorLeft: _NO_SUPERVISOR,
        SnoopEnded: _NO_SUPERVISOR,
        NewStream: _NOT_HEARD,
        CallerLeft: _HE_LEFT,
        PromptEnded: _NO_PROMPT,
        FilesInspected: _NO_FILES,
        MessageInspected: _NO_MESSAGE,
        SwitchRefused: _NOTED,
        RecordingEnded: _NO_FILE_YET,
    }
    return reasons[key]


EVENT_TYPES: tuple[type[Event], ...] = (
    CallArrived,
    CallerLeft,
    CallerTakenOver,
    Offered,
    SeatClaimed,
    OfferLost,
    SecretaryRinging,
    SecretaryAnswered,
    SecretaryLeft,
    Held,
    Unheld,
    KeyPressed,
    ConsultationAsked,
    HandOverAsked,
    TakeBackAsked,
    RecordingPauseAsked,
    RecordingResumeAsked,
    LanguageAsked,
    WrongNumberAsked,
    SpamAsked,
    UnmarkAsked,
    WorkDone,
    SupervisionAsked,
    SupervisionEndAsked,
    SupervisorAnswered,
    SupervisorLeft,
    SnoopEnded,
    NewStream,
    ContactRinging,
    ContactAnswered,
    ContactLeft,
    DiallingRefused,
    LoopFound,
    PromptEnded,
    RecordingEnded,
    FilesInspected,
    MessageInspected,
    SwitchRefused,
    Recovered,
)

IGNORED: dict[tuple[Phase, type[Event] | Deadline], str] = {
    (phase, key): _reason(phase, key)
    for phase in Phase
    for key in (*EVENT_TYPES, *Deadline)
    if (phase, key) not in TABLE
}
