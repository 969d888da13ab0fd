"""What she can do in a call from her page, and why something cannot be done now."""

from dataclasses import dataclass

from pbx_control.catalogue import N_
from pbx_control.domain.call.model import Phase

NOT_YET = N_("when you have answered")
ONLY_TALKING = N_("when you talk with the caller")
NOBODY_CONSULTED = N_("when a contact has answered you")
NO_CONTACT_CALLED = N_("when a contact is called")
NOT_RECORDED = N_("this call is not recorded")
MARKED_ALREADY = N_("it is marked already")
OVER = N_("the call is over")


@dataclass(frozen=True, slots=True)
class Button:
    """Something to press: `act` is what it asks for, `why_not` why it is off now ("" : it is on). `pressed`: what it is
    about is so already, and pressing it takes that back; None: it is no such button."""

    act: str
    why_not: str = ""
    pressed: bool | None = None


@dataclass(frozen=True, slots=True)
class Situation:
    """What decides which buttons are on."""

    phase: Phase
    recording: bool = False
    recording_paused: bool = False
    wrong_number: bool = False  # so she has marked it
    spam: bool = False


def buttons(now: Situation) -> dict[str, Button]:
    """Every button by its act, or by that which it takes back; the same rules as for her telephone's keys
    (domain/call/transfer.py)."""
    talking = "" if now.phase is Phase.TALKING else _not_talking(now.phase)
    with_contact = now.phase in (Phase.CALLING_CONTACT, Phase.CONSULTING)
    off = {
        "consult": talking,
        "hand-over": "" if now.phase is Phase.CONSULTING else _over_or(now.phase, NOBODY_CONSULTED),
        "take-back": "" if with_contact else _over_or(now.phase, NO_CONTACT_CALLED),
        "resume-recording" if now.recording_paused else "pause-recording": talking or _unless_recorded(now),
        "language": talking,
    }
    marks = {
        "wrong-number": _mark("wrong-number", talking, this=now.wrong_number, other=now.spam),
        "spam": _mark("spam", talking, this=now.spam, other=now.wrong_number),
    }
    return {act: Button(act, why) for act, why in off.items()} | marks


def _mark(act: str, talking: str, *, this: bool, other: bool) -> Button:
    return Button("unmark" if this else act, talking or (MARKED_ALREADY if other else ""), pressed=this)


def _unless_recorded(now: Situation) -> str:
    return "" if now.recording else NOT_RECORDED


def _not_talking(phase: Phase) -> str:
    return NOT_YET if phase is Phase.OFFERING else _over_or(phase, ONLY_TALKING)


def _over_or(phase: Phase, why: str) -> str:
    return OVER if phase in (Phase.ENDING, Phase.ENDED, Phase.HANDED_OVER, Phase.PARTING) else why
