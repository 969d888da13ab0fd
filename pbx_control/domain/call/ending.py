"""How a call ends: a last announcement, everything is let go, the files are looked at, the letters are written."""

from datetime import datetime, timedelta

from msgspec.structs import replace

from pbx_control.domain.call.commands import (
    Command,
    HangUp,
    InspectFiles,
    LimitLeg,
    ReleaseUnit,
    RemoveBridge,
    ReportLoss,
    ReturnUnit,
    WriteLetters,
)
from pbx_control.domain.call.events import (
    CallerLeft,
    CallerTakenOver,
    ContactLeft,
    DeadlinePassed,
    FilesInspected,
    PromptEnded,
    RecordingEnded,
    SecretaryLeft,
)
from pbx_control.domain.call.model import Call, Deadline, Outcome, Phase, Unit
from pbx_control.domain.call.moves import Step, picked_up, playing, seat_freed, with_deadline
from pbx_control.domain.money.quota import Uncounted

# Legs and files report their end within milliseconds; what has not by then is settled without them.
SETTLING_LIMIT = timedelta(seconds=3)
# A look at the files waits for a busy disk, or a daemon that has just started; nobody is on the line any more.
INSPECTION_LIMIT = timedelta(seconds=30)
# Longer than any announcement; it is for a daemon that dies in one.
PARTING_LIMIT = timedelta(minutes=2)
# A left message shorter than this is a caller who hung up at the tone.
SHORTEST_MESSAGE_SECONDS = 1.0
# Who had less time than this after the question, tone included, has said nothing.
SHORTEST_SPEECH = timedelta(seconds=2)
# The recording may differ from the conversation by so much: joining, closing, a pause's rounding.
RECORDING_TOLERANCE = timedelta(seconds=2)


def say_goodbye(call: Call, at: datetime, sound: str | tuple[str, ...], outcome: Outcome | None) -> Step:
    """The caller hears one last announcement (of one or several sounds) and is then hung up, by Asterisk itself if
    nobody else does."""
    call, pick_up = picked_up(replace(call, phase=Phase.PARTING, deadlines={}, outcome=outcome))
    limit = LimitLeg(call.id, PARTING_LIMIT, then="parting")
    call, play = playing(call, *((sound,) if isinstance(sound, str) else sound))
    return call, [*pick_up, limit, *play]


def goodbye_said(call: Call, event: PromptEnded) -> Step:
    return end_call(replace(call, prompt_playing=False), event.at, call.outcome)


def caller_hung_up(call: Call, event: CallerLeft) -> Step:
    call = replace(call, caller_here=False, ended_at=event.since, unseen=unseen(event))
    return end_call(call, event.at, call.outcome)


def unseen(event: CallerLeft) -> timedelta:
    """How much later than the end that is told he may really have left."""
    return event.at - event.since if event.since else timedelta(0)


def end_call(call: Call, at: datetime, outcome: Outcome | None) -> Step:
    """Everything of the call is let go; it has ended when all of it has confirmed."""
    call = replace(
        call,
        phase=Phase.ENDING,
        outcome=outcome or Outcome.MISSED,
        ended_at=call.ended_at or at,
        prompt_playing=False,
        deadlines={Deadline.SETTLING: at + SETTLING_LIMIT},
    )
    let_go = release(call)
    call, more = settle(call, at)
    return call, [*let_go, *more]


def release(call: Call) -> list[Command]:
    """Lets go of whatever the call may still have. The caller's bridge waits for its recording, which ends by itself
    when nobody is left in it: Asterisk may lose the end of a recording whose bridge is removed first."""
    legs: list[Command] = [HangUp(call.id)] if call.caller_here else []
    if call.seat:
        legs.append(HangUp(call.secretary_leg))
    if call.contact_here:
        legs.append(HangUp(call.contact_leg))
    kept = call.bridge if call.files_awaited else ""
    return [*legs, *(RemoveBridge(bridge) for bridge in bridges_of(call) if bridge != kept)]


def bridges_of(call: Call) -> list[str]:
    """The bridges that the call has, or may still have."""
    return [*([call.bridge] if call.bridged else []), *([call.consultation] if call.consultations else [])]


def caller_gone(call: Call, event: CallerLeft) -> Step:
    return settle(replace(call, caller_here=False), event.at)


def secretary_gone(call: Call, event: SecretaryLeft) -> Step:
    call, free = seat_freed(call, event.at)
    call, more = settle(call, event.at)
    return call, [*free, *more]


def contact_gone(call: Call, event: ContactLeft) -> Step:
    return settle(replace(call, contact_here=False), event.at)


def file_closed(call: Call, event: RecordingEnded) -> Step:
    call = replace(call, files_awaited=max(0, call.files_awaited - 1))
    if call.phase is not Phase.ENDING or call.files_awaited:
        return call, []
    call, more = settle(call, event.at)
    return call, [*map(RemoveBridge, bridges_of(call)), *more]


def settle(call: Call, at: datetime) -> Step:
    """Once nobody is left and every file is closed: look at the files, or end if there are none."""
    if call.caller_here or call.seat or call.contact_here or call.files_awaited or call.inspected:
        return call, []
    return look_at_files(call, at)


def look_at_files(call: Call, at: datetime) -> Step:
    if not (call.recording or call.message):
        return finish(call, at)
    call = with_deadline(replace(call, inspected=True), Deadline.SETTLING, at + INSPECTION_LIMIT)
    return call, [InspectFiles(call.recording, call.message)]


def files_inspected(call: Call, event: FilesInspected) -> Step:
    if call.recording:
        call = replace(call, recording_flaw=flaw(talked(call), event.recording_seconds, call.unseen))
    if call.message:
        call = with_message_judged(call, event)
    reports: list[Command] = [ReportLoss("message")] if call.message_flaw else []
    if call.recording_flaw in ("missing", "short") and not event.room:
        reports.append(ReportLoss("recording"))
    call, end = finish(call, event.at)
    return call, [*reports, *end]


def with_message_judged(call: Call, event: FilesInspected) -> Call:
    """What is kept of his message, and what is wrong with it; one that is not there is none."""
    seconds = event.message_seconds or 0.0
    spoke = (call.ended_at or event.at) - (call.message_began or event.at)
    found = message_flaw(event.message_seconds, spoke, event.room)
    # He was told that it is lost: whatever is there is not all of it.
    found = found or call.message_flaw
    if seconds < SHORTEST_MESSAGE_SECONDS:
        return replace(call, message="", message_flaw="lost" if found else "", message_kept=0.0)
    outcome = Outcome.LEFT_MESSAGE if call.outcome is Outcome.MISSED else call.outcome
    return replace(call, outcome=outcome, message_flaw="cut" if found else "", message_kept=seconds)


def message_flaw(seconds: float | None, spoke: timedelta, room: bool) -> str:
    """What is wrong with a message of so many seconds (None: no file) by one who could speak for so long: "lost",
    "cut", or "". A disk without room lets Asterisk report success, and stop in the midst of a word."""
    if spoke < SHORTEST_SPEECH:
        return ""  # he hung up at the tone
    if seconds is None:
        return "lost"
    if room:
        return ""
    return "cut" if seconds >= SHORTEST_MESSAGE_SECONDS else "lost"


def settling_over(call: Call, event: DeadlinePassed) -> Step:
    """Something never confirmed its end. A caller is hung up again: one who stayed would come back as a new call.
    Of the rest the minute's comparison with the switch finds what is left over."""
    if call.caller_here:
        return with_deadline(call, Deadline.SETTLING, event.at + SETTLING_LIMIT), release(call)
    call, more = finish(call, event.at) if call.inspected else look_at_files(call, event.at)
    return call, [*map(RemoveBridge, bridges_of(call)), *more]


def finish(call: Call, at: datetime) -> Step:
    call, free = seat_freed(call, at)
    call, unused = unit_released(replace(call, phase=Phase.ENDED, deadlines={}))
    call, take_back = charge_taken_back(call)
    return call, [*free, *unused, *take_back, *([WriteLetters()] if deserves_letters(call) else [])]


def deserves_letters(call: Call) -> bool:
    """Whether the client is told of the call now: not twice, and not of one that it does not want to hear of, or
    hears of in its daily report."""
    if call.letters_written or call.outcome is Outcome.BLOCKED:
        return False
    if call.outcome is Outcome.CLOSED:
        return call.known.summary_closed
    return bool(call.message or call.message_flaw) or not (
        call.outcome is Outcome.EXHAUSTED and call.known.exhausted_report
    )


def unit_released(call: Call) -> Step:
    """A call that no secretary answered costs nothing (docs/service.md rule 10)."""
    if call.unit is not Unit.RESERVED:
        return call, []
    return replace(call, unit=Unit.NONE), [ReleaseUnit()]


def charge_taken_back(call: Call) -> Step:
    """Whom a secretary has marked as a wrong number, or as spam, the client does not pay for."""
    if not call.marked_by:
        return call, []
    reason = Uncounted.SPAM if call.spam else Uncounted.WRONG_NUMBER
    charged: list[Command] = [ReturnUnit(call.marked_by, reason)] if call.unit is Unit.CHARGED else []
    return replace(call, marked_by="", unit=Unit.NONE), charged


def taken_over(call: Call, event: CallerTakenOver) -> Step:
    """The switch serves the caller alone; what became of him comes with the record that it writes."""
    call, free = seat_freed(call, event.at)
    contact = [HangUp(call.contact_leg)] if call.contact_here else []
    bridges = map(RemoveBridge, bridges_of(call))
    call, unused = unit_released(replace(call, phase=Phase.ENDED, deadlines={}, taken_over=True))
    call, take_back = charge_taken_back(call)
    return call, [*free, *unused, *take_back, *contact, *bridges]


def talked(call: Call) -> timedelta:
    """How long the caller was in his bridge: from the secretary's answer on, or from when a new daemon joined them."""
    since, until = call.recording_began or call.answered_at, call.left_bridge_at or call.ended_at
    return until - since if since and until else timedelta(0)


def flaw(conversation: timedelta, recorded_seconds: float | None, unseen: timedelta = timedelta(0)) -> str:
    """What is wrong with a recording: "missing", "short", "long", or "" if its length fits the conversation.

    A tenth of the conversation is allowed on top of RECORDING_TOLERANCE for clocks that drift. A conversation that
    ended while no daemon was there may have been longer by `unseen`, and its recording with it.
    """
    if recorded_seconds is None:
        return "missing"
    allowed = RECORDING_TOLERANCE + conversation / 10
    difference = timedelta(seconds=recorded_seconds) - conversation
    if abs(difference) <= allowed:
        return ""
    if difference < timedelta(0):
        return "short"
    return "long" if difference > allowed + unseen else ""
