"""What the page says of her state, of a call's phase, and of what becomes of a message."""

from collections.abc import Mapping
from typing import NamedTuple

from pbx_control.catalogue import N_, counted
from pbx_control.domain.agenda.clashes import ClashKind
from pbx_control.domain.call.model import Phase, WhyNot
from pbx_control.domain.desk.duty import DeskState, Why

STATES: Mapping[DeskState, str] = {
    DeskState.READY: N_("Ready"),
    DeskState.PAUSE: N_("Pause"),
    DeskState.OFFERED: N_("Your telephone rings"),
    DeskState.TALKING: N_("In a call"),
    DeskState.WRAP_UP: N_("After the call"),
    DeskState.OFFLINE: N_("Not reachable"),
}

WHYS: Mapping[Why, str] = {
    Why.ADMIN: N_("by the office"),
    Why.TELEPHONE_SILENT: N_(
        "your telephone let three calls pass: you get calls again when you say that you are ready"
    ),
    Why.TELEPHONE_GONE: N_("your telephone is not connected: start the softphone"),
    Why.DAEMON_AWAY: N_("no connection to the switchboard"),
    Why.BUSY_ELSEWHERE: N_("your telephone is in a call of which this page knows nothing"),
    Why.PAUSE_NEXT: N_("your pause begins after this call"),
    Why.SIGNED_OUT: N_("signed out"),
}

PHASES: Mapping[str, str] = {
    Phase.OFFERING: N_("Answer on your telephone"),
    Phase.TALKING: N_("You talk with the caller"),
    Phase.CALLING_CONTACT: N_("The caller is on hold; {contact} is called"),
    Phase.CONSULTING: N_("The caller is on hold; you talk with {contact}"),
    Phase.CALLER_GONE: N_("The caller has hung up"),
    Phase.HANDED_OVER: N_("The caller talks with {contact}"),
    Phase.ENDING: N_("The call is over"),
}


# Why she has the caller again without having asked for it.
CLASHES: Mapping[ClashKind, str] = {
    ClashKind.OVERLAP: N_("The client has entered something else at that time: ask, and move or cancel."),
    ClashKind.MOVED: N_("The client has moved it in the calendar: ask, and move it here, too."),
    ClashKind.DELETED: N_("The client has deleted it in the calendar: ask, and cancel it here, too."),
}

MISSED: Mapping[str, str] = {
    WhyNot.BUSY: N_("{contact} is busy."),
    WhyNot.SILENT: N_("{contact} does not answer."),
    WhyNot.DECLINED: N_("{contact} declined the call."),
    WhyNot.UNREACHABLE: N_("{contact} cannot be reached."),
    WhyNot.GONE: N_("{contact} has hung up."),
    WhyNot.TOO_LONG: N_("{contact} was let go: the caller had been on hold for ten minutes."),
    WhyNot.TOO_MANY_CALLS: N_("{contact} was not called: the client's limit of calls to its contacts is reached."),
    WhyNot.FORWARDED_TO_US: N_("{contact}'s telephone is forwarded to this switchboard."),
}


class Idle(NamedTuple):
    """What stands where no call is."""

    title: str
    text: str


IDLE: Mapping[DeskState, Idle] = {
    DeskState.READY: Idle(N_("Ready for the next call"), N_("It shows here while your telephone rings.")),
    DeskState.PAUSE: Idle(N_("You are in a pause"), N_("No call is offered to you.")),
    DeskState.OFFLINE: Idle(N_("No calls reach you"), N_("Above stands why.")),
}
OTHERWISE = Idle(N_("One moment"), N_("The call comes onto this page."))

DELIVERED: Mapping[str, str] = {
    "queued": N_("on its way"),
    "sent": N_("delivered"),
    "failed": N_("not delivered"),
    "seen": N_("seen by {who}"),
}

JUST_CALLED = counted("called a minute ago", "called {minutes} minutes ago", by="minutes")

# What can be asked for in a call: its act, its words, its key.
ACTS: Mapping[str, tuple[str, str]] = {
    "hand-over": (N_("Hand over"), "H"),
    "take-back": (N_("Take the caller back"), "B"),
    "pause-recording": (N_("Stop recording"), "R"),
    "resume-recording": (N_("Record again"), "R"),
    "language": (N_("Other language"), "I"),
    "wrong-number": (N_("Wrong number"), "W"),
    "spam": (N_("Spam"), "S"),
}

UNSEEN = N_("urgent: nobody has seen it yet, the next one is told at {when}")
UNSEEN_NOW = N_("urgent: nobody has seen it yet")
SEEN = N_("seen by {who}, {when}")
GIVEN_UP = N_("urgent, and seen by nobody: tell the client by telephone")
TOLD_AGAIN = counted("told again at {when}", "told again {times} times, last at {when}", by="times")
URGENT_BY_FORM = N_("the form says so")
URGENT_ALREADY = N_("it was told as urgent")

MARKED = N_("not charged, and no message needed; press again to take it back")

KEYS: tuple[tuple[str, str], ...] = (
    ("Alt 1 … Alt 9", N_("consult a contact")),
    ("Alt H", N_("hand over")),
    ("Alt B", N_("take the caller back")),
    ("Alt R", N_("stop recording, record again")),
    ("Alt I", N_("a secretary who speaks the other language")),
    ("Alt W / Alt S", N_("wrong number / spam; once more takes it back")),
    ("Alt U", N_("the message is urgent; once more takes it back")),
    ("Alt M", N_("to the message")),
    ("Ctrl Enter", N_("send the message")),
    ("Alt E", N_("send a text by e-mail")),
    ("Alt A", N_("to the agenda: free times of the client's calendars")),
    ("Alt P", N_("pause, or ready again")),
    ("Alt N", N_("write the message later: it stays on the list")),
    ("Alt O", N_("to the open messages")),
    ("?  /  F1", N_("this list")),
)

# Those of the telephone in the page, where she has one.
TELEPHONE_KEYS: tuple[tuple[str, str], ...] = (
    ("Alt T", N_("answer by the telephone in the page")),
    ("Alt K", N_("hang up there")),
    ("Alt X", N_("mute there, and be heard again")),
)
NO_TELEPHONE = N_("You have no telephone in the page: the admin can turn it on.")
TELEPHONE_AWAY = N_("The switchboard gives this page no telephone now. It is tried again.")

# Why something that was asked for was not done: codes of domain/call/commands.py, and of the channel.
REFUSALS: Mapping[str, str] = {
    "not_hers": N_("This call is not yours any more."),
    "not_now": N_("Not possible at this moment."),
    "no_such_contact": N_("This contact is not there any more."),
    "contact_unreachable": N_("The client has no number from which its contacts could be called."),
    "number_not_allowed": N_("This number may not be called."),
    "contact_away": N_("This contact is not to be consulted for now."),
    "too_many_calls": N_("The client's limit of calls to its contacts is reached."),
    "not_recorded": N_("This call is not recorded."),
    "not_paused": N_("The recording runs."),
    "nobody_speaks_it": N_("Nobody who is there speaks the other language."),
    "marked_already": N_("It is marked already."),
    "not_marked": N_("It is not marked."),
    "unknown": N_("The call is over, or the switchboard does not answer: use the keys of your telephone."),
}

MESSAGES: Mapping[str, str] = {
    "draft": N_("not sent yet"),
    "signed": N_("goes when the call is over"),
    "overdue": N_("too late: the summary went without it"),
    "sent": N_("sent"),
    "changed": N_("sent, but not what you changed since"),
    "closed": N_("no message needed"),
}
CORRECTED = N_("correction sent")
SEND, SEND_AGAIN = N_("Send the message"), N_("Send a correction")
SENT, SIGNED = N_("Sent."), N_("It goes as soon as the call is over.")
GAPS = N_("Something that is asked of every caller is missing. If the caller would not tell: send once more.")
MEND = N_("Not sent: look at the marked fields.")
EMPTY = N_("There is nothing in the message yet.")
INFO_SENT = N_("On its way to the caller.")
PAUSE_LATER = N_("Your pause begins after this call.")


class Language(NamedTuple):
    """A language by its own name."""

    code: str
    words: str


# What a reader of the one may change to.
OTHER_LANGUAGE = {"es": Language("en", "English"), "en": Language("es", "Español")}
