"""Supervised transfers (docs/service.md rule 9): she consults a contact, takes the caller back or hands him over.

The caller stays in his one bridge all the while, which is what is recorded. She and the contact talk in a bridge of
their own, the consultation; at the hand-over the contact comes to the caller and she leaves.
"""

from collections.abc import Callable
from datetime import datetime, timedelta

from msgspec.structs import replace

from pbx_control.domain.call.commands import (
    Command,
    Dial,
    HangUp,
    Join,
    Leave,
    LimitLeg,
    NoteDialling,
    PassKeys,
    PauseRecording,
    Play,
    RaiseAlarm,
    RecordBridge,
    Refusal,
    Refuse,
    RemoveBridge,
    ResumeRecording,
    StartMusic,
    StopMusic,
    WriteLetters,
)
from pbx_control.domain.call.ending import caller_hung_up, charge_taken_back, end_call, say_goodbye, unseen
from pbx_control.domain.call.events import (
    Asked,
    CallerLeft,
    ConsultationAsked,
    ContactAnswered,
    ContactLeft,
    DeadlinePassed,
    DiallingRefused,
    Event,
    HandOverAsked,
    KeyPressed,
    LanguageAsked,
    LoopFound,
    PromptEnded,
    RecordingPauseAsked,
    RecordingResumeAsked,
    Recovered,
    SecretaryLeft,
    SpamAsked,
    Surroundings,
    TakeBackAsked,
    UnmarkAsked,
    WorkDone,
    WrongNumberAsked,
)
from pbx_control.domain.call.model import Call, Contact, Deadline, Limit, Missed, Outcome, Phase, WhyNot
from pbx_control.domain.call.moves import (
    IN_CONVERSATION,
    SWITCH_MARGIN,
    Handler,
    Step,
    first_in_line,
    seat_freed,
    seat_of,
    silenced,
    tell,
    with_deadline,
    with_him,
    without_deadline,
)
from pbx_control.domain.call.streams import heard_again
from pbx_control.domain.sounds import BEEP, REFUSAL, HouseSound, house_sound
from pbx_control.domain.telephony.numbering import transfer_destination
from pbx_control.errors import ClientMistake

# The second key of a command follows within this; else the first was meant for whom she talks to.
SECOND_KEY_WITHIN = timedelta(seconds=3)
# A contact's telephone rings so long; Asterisk itself gives up a little later.
CONTACT_LIMIT = timedelta(seconds=25)
CONTACT_GIVE_UP = CONTACT_LIMIT + timedelta(seconds=5)
# Nobody is on hold for longer: she gets the caller back.
CONSULTATION_LIMIT = timedelta(minutes=10)
# Both hear a tone so long before the end of a transferred conversation, and the farewell.
CAP_WARNING_BEFORE = timedelta(minutes=1)
FAREWELL_BEFORE = timedelta(seconds=7)
# So much after the contact's time is up, Asterisk itself gives her the caller back.
TAKEN_BACK_MARGIN = timedelta(seconds=5)
# Asterisk acts so much later, for the case that no daemon is there to act in time.
FAREWELL_MARGIN = timedelta(seconds=1)
# Her telephone is still closing the old conversation.
FREE_AGAIN_AFTER = timedelta(seconds=1)

# Q.850: 17 user busy; 18, 19 no answer; 21 rejected. Any other: he cannot be reached.
WHY_NOT = {17: WhyNot.BUSY, 18: WhyNot.SILENT, 19: WhyNot.SILENT, 21: WhyNot.DECLINED}
REJECTED = 21
# What she hears then.
WORDS = {
    WhyNot.BUSY: HouseSound.CONTACT_BUSY,
    WhyNot.SILENT: HouseSound.CONTACT_SILENT,
    WhyNot.DECLINED: HouseSound.CONTACT_DECLINED,
    WhyNot.UNREACHABLE: HouseSound.CONTACT_UNREACHABLE,
    WhyNot.GONE: HouseSound.CONTACT_GONE,
    WhyNot.TOO_LONG: HouseSound.CONTACT_GONE,
    WhyNot.TOO_MANY_CALLS: HouseSound.TOO_MANY_CALLS,
    WhyNot.FORWARDED_TO_US: HouseSound.FORWARDED_TO_US,
}

OTHER_LANGUAGE = {"es": "en", "en": "es"}

# What a secretary hears against a consultation, and what her screen is told.
REASONS = {
    HouseSound.CONTACT_AWAY: Refusal.CONTACT_AWAY,
    HouseSound.CONTACT_UNREACHABLE: Refusal.CONTACT_UNREACHABLE,
    HouseSound.NOT_ALLOWED: Refusal.NUMBER_NOT_ALLOWED,
    HouseSound.TOO_MANY_CALLS: Refusal.TOO_MANY_CALLS,
}

# A command of hers comes by her telephone's keys or from a screen.
HerCommand = KeyPressed | Asked


# --- keys -------------------------------------------------------------------------------------------------


def key_pressed(call: Call, event: KeyPressed) -> Step:
    """Two keys are a command; anything else passes on to whom she talks with."""
    if not call.keys_begun:
        if event.key not in "*#":
            return call, passed_on(call, event.key)
        return with_deadline(replace(call, keys_begun=event.key), Deadline.KEYS, event.at + SECOND_KEY_WITHIN), []
    keys = call.keys_begun + event.key
    call = without_deadline(replace(call, keys_begun=""), Deadline.KEYS)
    if keys not in COMMANDS:
        return call, passed_on(call, keys)
    phases, command = COMMANDS[keys]
    call = replace(call, missed=None)
    return command(call, event) if call.phase in phases else refused(call, Refusal.NOT_NOW)


def second_key_missing(call: Call, event: DeadlinePassed) -> Step:
    keys = call.keys_begun
    call = without_deadline(replace(call, keys_begun=""), Deadline.KEYS)
    return call, passed_on(call, keys)


def passed_on(call: Call, keys: str) -> list[Command]:
    if call.phase is Phase.TALKING:
        return [PassKeys(call.id, keys)]
    return [PassKeys(call.contact_leg, keys)] if call.contact_here else []


def refused(call: Call, why: Refusal) -> Step:
    """Her command can do nothing now: a short tone, to her alone."""
    call, tone = tell(call, call.secretary_leg, REFUSAL)
    return call, [*tone, Refuse(why)]


# --- from a screen ----------------------------------------------------------------------------------------


def holds(call: Call, event: Asked) -> bool:
    """Whether who asks may command this call: she who has it now, or an admin."""
    return event.secretary_id is None or (call.seat is not None and call.seat.secretary_id == event.secretary_id)


def before_she_acts(call: Call) -> Call:
    """A first key that she pressed before is no part of what she does on her screen; she knows whom she missed."""
    return without_deadline(replace(call, keys_begun="", missed=None), Deadline.KEYS)


def tell_secretary(call: Call, sound: HouseSound) -> Step:
    return tell(call, call.secretary_leg, house_sound(sound, seat_of(call).language))


# --- consulting -------------------------------------------------------------------------------------------


def consult_one(call: Call, event: HerCommand) -> Step:
    """By the key that the contact has, or by its id: from a screen those without a key can be chosen, too."""
    contact = next((one for one in call.known.contacts if _is_meant(one, event)), None)
    return consult(call, contact, event.at, event.around)


def _is_meant(contact: Contact, event: HerCommand) -> bool:
    if isinstance(event, KeyPressed):
        return str(contact.key) == event.key
    return isinstance(event, ConsultationAsked) and contact.id == event.contact_id


def consult(call: Call, contact: Contact | None, at: datetime, around: Surroundings) -> Step:
    """The caller goes on hold with music, and she hears the contact's telephone ring."""
    if contact is None:
        return refused(call, Refusal.NO_SUCH_CONTACT)
    if reason := reason_against(call, contact, at, around):
        alarm = [alarm_about(call, contact, around)] if reason is HouseSound.TOO_MANY_CALLS else []
        call, word = tell_secretary(call, reason)
        return call, [*alarm, *word, Refuse(REASONS[reason])]
    call = replace(
        call,
        phase=Phase.CALLING_CONTACT,
        contact=contact,
        number_tried=0,
        consultations=call.consultations + 1,
        deadlines={Deadline.CONSULTATION: at + CONSULTATION_LIMIT},
    )
    call, dial = dialled(call, at)
    quiet = silenced(call, call.secretary_leg)
    return call, [*quiet, in_private(call, call.secretary_leg), *dial, *on_hold(call)]


def reason_against(call: Call, contact: Contact, at: datetime, around: Surroundings) -> HouseSound | None:
    """Why this contact may not be called now, or None."""
    if contact.away_until and at < contact.away_until:
        return HouseSound.CONTACT_AWAY
    outgoing = call.known.outgoing
    if outgoing is None:
        return HouseSound.CONTACT_UNREACHABLE
    try:
        for number in contact.numbers:
            transfer_destination(number)
    except ClientMistake:
        return HouseSound.NOT_ALLOWED
    if around.dialled_now >= outgoing.at_once or around.dialled_today >= outgoing.a_day:
        return HouseSound.TOO_MANY_CALLS
    return None


def alarm_about(call: Call, contact: Contact, around: Surroundings) -> RaiseAlarm:
    outgoing = call.known.outgoing
    enough = outgoing is not None and around.dialled_today >= outgoing.a_day
    return not_called(contact, Limit.A_DAY if enough else Limit.AT_ONCE)


def not_called(contact: Contact, limit: Limit) -> RaiseAlarm:
    return RaiseAlarm(f"{contact.name} was not called", limit, contact.name)


def dialled(call: Call, at: datetime) -> Step:
    """The contact's next number is called."""
    contact, outgoing = call.contact, call.known.outgoing
    if contact is None or outgoing is None:
        raise ValueError(f"call {call.id} has no contact to call")
    number, is_first = contact.numbers[call.number_tried], call.number_tried == 0
    call = replace(call, contact_legs=call.contact_legs + 1, contact_here=True)
    call = with_deadline(call, Deadline.CONTACT, at + CONTACT_LIMIT)
    dial = Dial(
        leg=call.contact_leg,
        bridge=call.consultation,
        secretary=call.secretary_leg,
        trunk=outgoing.trunk,
        number_format=outgoing.number_format,
        country=outgoing.country,
        number=number,
        shown=outgoing.shown,
        give_up=CONTACT_GIVE_UP,
        limit=CONSULTATION_LIMIT + SWITCH_MARGIN,
        most=outgoing.most,
        at_once=outgoing.at_once if is_first else 0,
        a_day=outgoing.a_day if is_first else 0,
    )
    note = NoteDialling(call.contact_leg, number, outgoing.shown, outgoing.trunk)
    return call, [note, dial, her_limit(call, CONTACT_GIVE_UP)]


def her_limit(call: Call, after: timedelta) -> LimitLeg:
    """For a daemon that dies: Asterisk gives her the caller back when no contact can be there any more."""
    return LimitLeg(call.secretary_leg, after + TAKEN_BACK_MARGIN)


def in_private(call: Call, *legs: str) -> Join:
    hers = call.secretary_leg if call.secretary_leg in legs else ""
    return Join(call.consultation, legs, mixed=False, secretary=hers)


def on_hold(call: Call) -> list[Command]:
    """Asterisk's limit is for a daemon that dies: who is on hold then, waits for another secretary."""
    return [StartMusic(call.id), LimitLeg(call.id, CONSULTATION_LIMIT + SWITCH_MARGIN)]


def contact_answered(call: Call, event: ContactAnswered) -> Step:
    """Until now she heard his carrier ring, or say something; his voice is often another stream (`streams`)."""
    call = replace(without_deadline(call, Deadline.CONTACT), phase=Phase.CONSULTING)
    return call, [*heard_again(call, call.contact_leg), her_limit(call, CONSULTATION_LIMIT)]


def contact_unavailable(call: Call, event: ContactLeft) -> Step:
    """Busy, rejected, not there: his other number is tried, if he has one; else she has the caller again."""
    call = replace(call, contact_here=False)
    more = call.contact is not None and call.number_tried + 1 < len(call.contact.numbers)
    if more and event.cause != REJECTED:
        return dialled(replace(call, number_tried=call.number_tried + 1), event.at)
    return missed(call, event.at, WHY_NOT.get(event.cause, WhyNot.UNREACHABLE))


def contact_silent(call: Call, event: DeadlinePassed) -> Step:
    quiet = [HangUp(call.contact_leg)]
    call, more = contact_unavailable(call, ContactLeft(event.at, call.contact_leg, 19))
    return call, [*quiet, *more]


def contact_hung_up(call: Call, event: ContactLeft) -> Step:
    return missed(replace(call, contact_here=False), event.at, WhyNot.GONE)


def contact_over_limit(call: Call, event: DiallingRefused) -> Step:
    """Other daemons have called so many of the client's contacts that this one is not dialled."""
    alarm = [not_called(call.contact, event.limit)] if call.contact else []
    call, back = missed(replace(call, contact_here=False), event.at, WhyNot.TOO_MANY_CALLS)
    return call, [*alarm, *back]


def forwarded_to_us(call: Call, event: LoopFound) -> Step:
    return missed(call, event.at, WhyNot.FORWARDED_TO_US)


def on_hold_too_long(call: Call, event: DeadlinePassed) -> Step:
    return missed(call, event.at, WhyNot.TOO_LONG)


def missed(call: Call, at: datetime, why: WhyNot) -> Step:
    """She has the caller again, hears why, and reads it on her page."""
    call, back = taken_back(call)
    call, word = tell_secretary(call, WORDS[why])
    return replace(call, missed=Missed(call.contact.name if call.contact else "", why, at)), [*back, *word]


def take_back(call: Call, event: HerCommand) -> Step:
    return taken_back(call)


def taken_back(call: Call) -> Step:
    """She has the caller again."""
    contact = [HangUp(call.contact_leg)] if call.contact_here else []
    call = replace(call, phase=Phase.TALKING, contact_here=False, keys_begun="", deadlines={})
    hers = call.secretary_leg
    back = [LimitLeg(hers, None), *silenced(call, hers), StopMusic(call.id, call.bridged), with_him(call, hers)]
    return call, [*contact, *back, RemoveBridge(call.consultation), LimitLeg(call.id, None)]


def caller_left_on_hold(call: Call, event: CallerLeft) -> Step:
    """She is told, and the consultation ends."""
    contact = [HangUp(call.contact_leg)] if call.contact_here else []
    ended = event.since or event.at
    call = replace(call, phase=Phase.CALLER_GONE, caller_here=False, deadlines={}, keys_begun="", ended_at=ended)
    call = replace(call, unseen=unseen(event))
    call, word = tell_that_caller_left(call)
    return call, [*contact, *word]


def tell_that_caller_left(call: Call) -> Step:
    call = replace(call, prompts=call.prompts + 1, prompt_playing=True)
    sound = house_sound(HouseSound.CALLER_GONE, seat_of(call).language)
    return call, [Play(call.secretary_leg, call.prompt, (sound,))]


def secretary_was_told(call: Call, event: PromptEnded) -> Step:
    return end_call(replace(call, prompt_playing=False), event.at, call.outcome)


def contact_let_go(call: Call, event: ContactLeft) -> Step:
    return replace(call, contact_here=False), []


def secretary_left_after_caller(call: Call, event: SecretaryLeft) -> Step:
    call, free = seat_freed(call, event.at)
    call, end = end_call(call, event.at, call.outcome)
    return call, [*free, *end]


def secretary_left_consulting(call: Call, event: SecretaryLeft) -> Step:
    """Whether she hung up or was cut off: the caller is not lost, he is the next in line."""
    contact = [HangUp(call.contact_leg)] if call.contact_here else []
    call, resume = recording_resumed(replace(call, contact_here=False))
    call, wait = first_in_line(call, event.at)
    return call, [*contact, RemoveBridge(call.consultation), *resume, *wait]


# --- handing over -----------------------------------------------------------------------------------------


def hand_over(call: Call, event: HerCommand) -> Step:
    """Caller and contact are joined, her leg ends at once, the clock starts, and the letters go out."""
    cap = call.known.cap
    call = replace(
        call,
        phase=Phase.HANDED_OVER,
        transferred_to=call.contact.name if call.contact else "",
        handed_over_at=event.at,
        letters_written=True,
        deadlines={
            Deadline.CAP_WARNING: event.at + max(cap - CAP_WARNING_BEFORE, cap / 2),
            Deadline.FAREWELL: event.at + max(cap - FAREWELL_BEFORE, cap / 2),
            Deadline.CAP: event.at + cap,
        },
    )
    call, resume = recording_resumed(call)
    call, take_back = charge_taken_back(call)
    return call, [*resume, *joined_with_contact(call, cap), *take_back, WriteLetters()]


def joined_with_contact(call: Call, left: timedelta) -> list[Command]:
    """Asterisk itself ends the conversation, a second late, if nobody else does; the caller hears a farewell before."""
    seat = [HangUp(call.secretary_leg)] if call.seat else []
    farewell = max(left - FAREWELL_BEFORE + FAREWELL_MARGIN, FAREWELL_MARGIN)
    return [
        StopMusic(call.id, call.bridged),
        with_him(call, call.contact_leg),
        LimitLeg(call.id, farewell, then="cap"),
        LimitLeg(call.contact_leg, max(left, timedelta(0)) + FAREWELL_MARGIN),
        *seat,
        RemoveBridge(call.consultation),
    ]


def secretary_let_go(call: Call, event: SecretaryLeft) -> Step:
    return seat_freed(call, event.at)


def minute_left(call: Call, event: DeadlinePassed) -> Step:
    call = without_deadline(call, Deadline.CAP_WARNING)
    call, to_caller = tell(call, call.id, BEEP)
    call, to_contact = tell(call, call.contact_leg, BEEP)
    return call, [*to_caller, *to_contact]


def farewell(call: Call, event: DeadlinePassed) -> Step:
    """Both hear that their time is up. Asterisk's limit on the caller gives way to the contact's."""
    call = without_deadline(call, Deadline.FAREWELL)
    word = house_sound(HouseSound.TIME_IS_UP, call.known.language)
    call, to_caller = tell(call, call.id, word)
    call, to_contact = tell(call, call.contact_leg, word)
    left = call.deadlines[Deadline.CAP] - event.at
    return call, [LimitLeg(call.id, left + FAREWELL_MARGIN, then="cap"), *to_caller, *to_contact]


def time_is_up(call: Call, event: DeadlinePassed) -> Step:
    return end_call(call, event.at, Outcome.ANSWERED)


def contact_left_him(call: Call, event: ContactLeft) -> Step:
    """The caller is thanked and released; what he hears of the house is no part of the recorded conversation."""
    goodbye = house_sound(HouseSound.GOODBYE, call.known.language)
    call = replace(call, contact_here=False, left_bridge_at=event.at)
    call, farewell = say_goodbye(call, event.at, goodbye, Outcome.ANSWERED)
    return call, [*silenced(call, call.id), Leave(call.bridge, call.id), *farewell]


# --- wrong number, recording, language ------------------------------------------------------------------------


def mark_wrong_number(call: Call, event: HerCommand) -> Step:
    """The caller wanted somebody else: the client does not pay for him (docs/service.md rule 10)."""
    return marked(call, replace(call, wrong_number=True))


def mark_spam(call: Call, event: HerCommand) -> Step:
    """Nor for who sells, cheats or harasses."""
    return marked(call, replace(call, spam=True))


def marked(call: Call, after: Call) -> Step:
    """What the call was charged is taken back when it is over for her: until then she may have been mistaken."""
    if call.wrong_number or call.spam:
        return refused(call, Refusal.MARKED_ALREADY)
    return tell(replace(after, marked_by=seat_of(call).name), call.secretary_leg, BEEP)


def unmark(call: Call, event: HerCommand) -> Step:
    if not call.marked_by:
        return refused(call, Refusal.NOT_MARKED)
    return tell(replace(call, wrong_number=False, spam=False, marked_by=""), call.secretary_leg, BEEP)


def pause_recording(call: Call, event: HerCommand) -> Step:
    if not call.recording or call.recording_paused:
        return refused(call, Refusal.NOT_RECORDED)
    call, tone = tell(replace(call, recording_paused=True), call.secretary_leg, BEEP)
    return call, [PauseRecording(call.recording), *tone]


def resume_recording(call: Call, event: HerCommand) -> Step:
    if not call.recording_paused:
        return refused(call, Refusal.NOT_PAUSED)
    call, resume = recording_resumed(call)
    call, tone = tell(call, call.secretary_leg, BEEP)
    return call, [*resume, *tone]


def recording_resumed(call: Call) -> Step:
    if not call.recording_paused:
        return call, []
    return replace(call, recording_paused=False), [ResumeRecording(call.recording)]


def switch_language(call: Call, event: HerCommand) -> Step:
    """The caller goes to a secretary who speaks his language (docs/service.md rule 5)."""
    language = OTHER_LANGUAGE[call.language or call.known.language]
    if language not in event.around.languages:
        call, word = tell_secretary(call, HouseSound.NOBODY_SPEAKS_IT)
        return call, [*word, Refuse(Refusal.NOBODY_SPEAKS_IT)]
    her, leg = seat_of(call), call.secretary_leg
    # Who takes the caller over writes the message.
    seat = replace(her, wrap_up=max(her.wrap_up, FREE_AGAIN_AFTER), at_desk=False, work_done=False)
    refused_at = call.refused_at | {her.secretary_id: event.at}
    call = replace(call, language=language, refused_at=refused_at, seat=seat, answered_by=seat)
    call, resume = recording_resumed(call)
    call, wait = first_in_line(call, event.at)
    return call, [*resume, HangUp(leg), *wait]


def work_done(call: Call, event: HerCommand) -> Step:
    """The message is sent while she still talks, or the contact does: nothing is left for after the call."""
    if call.seat is None:
        return call, [Refuse(Refusal.NOT_NOW)]
    seat = replace(call.seat, work_done=True)
    return replace(call, seat=seat, answered_by=seat), []


# --- recovering -------------------------------------------------------------------------------------------


def resume_consulting(call: Call, event: Recovered) -> Step:
    """Puts each where the phase has them; the contact is not dialled again."""
    call, record = recording_again(call, event)
    if event.bridged:
        return call, [*heard_again(call, call.contact_leg), *record]
    return call, [in_private(call, call.secretary_leg, call.contact_leg), *on_hold(call), *record]


def resume_caller_gone(call: Call, event: Recovered) -> Step:
    """She has most likely heard it; told anew by each daemon that dies, she would not be free for as long."""
    return (call, []) if event.playing else end_call(replace(call, prompt_playing=False), event.at, call.outcome)


def resume_handed_over(call: Call, event: Recovered) -> Step:
    call, record = recording_again(call, event)
    left = call.deadlines.get(Deadline.CAP, event.at) - event.at
    if event.bridged:
        hers = [HangUp(call.secretary_leg)] if call.seat else []
        return call, [*hers, *heard_again(call, call.id, call.contact_leg), *record]
    return call, [*joined_with_contact(call, left), *record]


def recording_again(call: Call, event: Recovered) -> Step:
    """It is written, and off if she turned it off: a daemon may have died before it did so."""
    if not call.recording:
        return call, []
    off: list[Command] = [PauseRecording(call.recording)] if call.recording_paused else []
    if event.recorded:
        return call, off
    # Who was not together with anybody could not talk either: the answer was saved, and nobody was left to join them.
    began = call.recording_began if event.bridged else event.at
    call = replace(call, files_awaited=1, recording_began=began)
    return call, [RecordBridge(call.bridge, call.recording), *off]


# --- which keys, and what from a screen, do what, and when --------------------------------------------------

Obey = Callable[[Call, HerCommand], Step]

T, CALLING, CONSULTING = Phase.TALKING, Phase.CALLING_CONTACT, Phase.CONSULTING

COMMANDS: dict[str, tuple[tuple[Phase, ...], Obey]] = {
    **{f"*{key}": ((T,), consult_one) for key in range(1, 7)},
    "##": ((CONSULTING,), hand_over),
    "*0": ((CALLING, CONSULTING), take_back),
    "*7": ((T,), pause_recording),
    "*8": ((T,), resume_recording),
    "*9": ((T,), mark_wrong_number),
    "*#": ((T,), switch_language),
}

FROM_SCREEN: dict[type[Asked], tuple[tuple[Phase, ...], Obey]] = {
    ConsultationAsked: ((T,), consult_one),
    HandOverAsked: COMMANDS["##"],
    TakeBackAsked: COMMANDS["*0"],
    RecordingPauseAsked: COMMANDS["*7"],
    RecordingResumeAsked: COMMANDS["*8"],
    LanguageAsked: COMMANDS["*#"],
    WrongNumberAsked: COMMANDS["*9"],
    SpamAsked: ((T,), mark_spam),
    UnmarkAsked: ((T,), unmark),
    WorkDone: (tuple(phase for phase in Phase if phase in IN_CONVERSATION), work_done),
}

HANDLERS: dict[tuple[Phase, type[Event] | Deadline], Handler] = {
    **{(phase, KeyPressed): key_pressed for phase in (T, CALLING, CONSULTING)},
    **{(phase, Deadline.KEYS): second_key_missing for phase in (T, CALLING, CONSULTING)},
    **{(phase, asked): obey for asked, (phases, obey) in FROM_SCREEN.items() for phase in phases},
    (CALLING, ContactAnswered): contact_answered,
    (CALLING, ContactLeft): contact_unavailable,
    (CALLING, Deadline.CONTACT): contact_silent,
    (CONSULTING, ContactLeft): contact_hung_up,
    (CALLING, DiallingRefused): contact_over_limit,
    (CALLING, LoopFound): forwarded_to_us,
    **{(phase, Deadline.CONSULTATION): on_hold_too_long for phase in (CALLING, CONSULTING)},
    **{(phase, CallerLeft): caller_left_on_hold for phase in (CALLING, CONSULTING)},
    **{(phase, SecretaryLeft): secretary_left_consulting for phase in (CALLING, CONSULTING)},
    **{(phase, Recovered): resume_consulting for phase in (CALLING, CONSULTING)},
    (Phase.CALLER_GONE, PromptEnded): secretary_was_told,
    (Phase.CALLER_GONE, SecretaryLeft): secretary_left_after_caller,
    (Phase.CALLER_GONE, ContactLeft): contact_let_go,
    (Phase.CALLER_GONE, Recovered): resume_caller_gone,
    **{(phase, SecretaryLeft): secretary_let_go for phase in (Phase.HANDED_OVER, Phase.PARTING)},
    (Phase.HANDED_OVER, CallerLeft): caller_hung_up,
    (Phase.HANDED_OVER, ContactLeft): contact_left_him,
    (Phase.HANDED_OVER, Deadline.CAP_WARNING): minute_left,
    (Phase.HANDED_OVER, Deadline.FAREWELL): farewell,
    (Phase.HANDED_OVER, Deadline.CAP): time_is_up,
    (Phase.HANDED_OVER, Recovered): resume_handed_over,
}
