"""How the lines of a call's journal read to people: one sentence for each event.

The journal's events are those of `events.py`, `ServedByTheSwitch` for what the generated dialplan did alone, and
`NodeRetired` where whoever had the call is gone. An event that nobody has words for is shown as it is, so an old
journal never breaks a newer reader, or the reverse.
"""

from collections.abc import Callable, Mapping
from typing import Any

from pbx_control.catalogue import InLanguages
from pbx_control.domain.call.model import Phase
from pbx_control.domain.opening.hours import TODAY
from pbx_control.domain.words.wording import clean_line, is_withheld, readable_number

Details = Mapping[str, Any]
# Characters of a value that a line shows; nobody reads more in a line.
VALUE_LIMIT = 80


def sentence(event: str, details: Details, language: str) -> str:
    """What happened, in words ("es" or "en"). `event` and `details` as the journal has them; never raises on them."""
    words = WORDS[language]
    key = KEYS[event](details) if event in KEYS else ""
    template = words.get(key)
    if template is None:
        return _as_it_is(event, details)
    return template.format_map(_Values(details, words))


def clients_sentence(event: str, details: Details, language: str) -> str:
    """The same for the client's people; "" for what is the house's own affair: which secretary's telephone rang in
    vain, what the switch would not do."""
    key = KEYS[event](details) if event in KEYS else ""
    return sentence(event, details, language) if key in CLIENTS else ""


class _Values(dict[str, Any]):
    """A line's details made readable and harmless; what is missing is a dash."""

    def __init__(self, details: Details, words: Mapping[str, str]) -> None:
        super().__init__(details)
        self._words = words

    def __getitem__(self, name: str) -> Any:
        if name in ("who", "because"):
            return self._who() if name == "who" else self._because()
        if name == "words":
            name = "text" if self.get("text") else "notice"
        value = self.get(name, "–")
        if name == "did":
            return readable_number(str(value))
        if name == "details":
            value = _words_of(str(value))
        return f"{value:.0f}" if isinstance(value, float) else clean_line(str(value), VALUE_LIMIT)

    def _who(self) -> str:
        number = str(self.get("caller", ""))
        shown = self._words["withheld"] if is_withheld(number) else readable_number(number)
        name = clean_line(str(self.get("name", "")), VALUE_LIMIT)
        return f"{name} ({shown})" if name else shown

    def _because(self) -> str:
        """Why it is closed, in brackets: a holiday's name, that the client has said so for today, or nothing where the
        hours decide."""
        why = clean_line(str(self.get("why", "")), VALUE_LIMIT)
        if why == TODAY:
            return f" ({self._words['closed-by-client']})"
        return f" ({why})" if why and why != "hours" else ""


def _words_of(details: str) -> str:
    """What the switch wrote down, without the sound's name where the sound's words follow it."""
    sound, _, words = details.partition(" ")
    return words if words and sound.startswith("prompts/") else details


def _as_it_is(event: str, details: Details) -> str:
    parts = [event, *(f"{name}={value}" for name, value in details.items())]
    return clean_line(" ".join(parts), 4 * VALUE_LIMIT)


# --- which sentence an event is told by ---------------------------------------------------------------------


def _always(key: str) -> Callable[[Details], str]:
    return lambda details: key


def _arrived(details: Details) -> str:
    return f"arrived-{details.get('admission', 'open')}"


def _caller_left(details: Details) -> str:
    """He gives up, hangs up after a conversation, ends his message, or was hung up by us."""
    during = details.get("during")
    if during in (Phase.CALLING_CONTACT, Phase.CONSULTING):
        return "caller-left-on-hold"
    if during in (Phase.TALKING, Phase.HANDED_OVER, Phase.TAKING_MESSAGE, Phase.PARTING, Phase.ENDING):
        return f"caller-left-{during}"
    return "caller-left"


def _secretary_left(details: Details) -> str:
    during, cause = details.get("during"), details.get("cause")
    if during == Phase.TALKING:
        return "secretary-lost" if details.get("phase") == Phase.WAITING else "secretary-hung-up"
    if during in (Phase.CALLING_CONTACT, Phase.CONSULTING):
        return "secretary-left-consulting"
    if during in (Phase.HANDED_OVER, Phase.ENDING):
        return "secretary-gone"
    if during == Phase.CALLER_GONE:
        return "secretary-hung-up"
    if during == Phase.WITHDRAWING:
        return "secretary-silent-paused" if details.get("paused") else "secretary-silent"
    if details.get("paused"):
        return "secretary-paused"
    return SECRETARY_CAUSES.get(cause if isinstance(cause, int) else 0, "secretary-refused")


def _prompt_ended(details: Details) -> str:
    during = details.get("during", "")
    if during == Phase.WELCOMING and details.get("notice"):
        if details.get("failed"):
            return "prompt-notice-failed"
        return "prompt-notice-early" if details.get("early") else "prompt-notice"
    known = (Phase.WELCOMING, Phase.TAKING_MESSAGE, Phase.PARTING, Phase.CALLER_GONE)
    return f"prompt-{during}" if during in known else "prompt-position"


def _deadline(details: Details) -> str:
    name = details.get("deadline", "")
    if name == "withdrawal" and details.get("paused"):
        return "secretary-silent-paused"
    if name == "contact" and "phase" not in details:
        return "deadline-contact-next"
    # While a telephone rings, the wait limit changes nothing yet.
    return "deadline-wait_limit-ringing" if name == "wait_limit" and "phase" not in details else f"deadline-{name}"


def _keys(details: Details) -> str:
    """A command of two keys; those of *1 to *6 consult a contact."""
    if details.get("refused"):
        return "keys-refused"
    keys = str(details.get("keys", ""))
    return "keys-consult" if keys[:1] == "*" and keys[1:] in tuple("123456") else f"keys-{keys}"


def _asked(key: str, refused: str = "screen-refused") -> Callable[[Details], str]:
    """What somebody asked for from a screen."""
    return lambda details: refused if details.get("refused") else key


def _supervision(details: Details) -> str:
    return "supervision-refused" if details.get("refused") else f"supervision-{details.get('mode', 'listen')}"


def _supervision_end(details: Details) -> str:
    if details.get("refused"):
        return "screen-refused"
    return "supervision-ended-by" if details.get("supervisor") else "supervision-end"


def _contact_left(details: Details) -> str:
    during, cause = details.get("during"), details.get("cause")
    if during in (Phase.CONSULTING, Phase.HANDED_OVER):
        return f"contact-left-{during}"
    if during != Phase.CALLING_CONTACT:
        return "contact-gone"
    return CONTACT_CAUSES.get(cause if isinstance(cause, int) else 0, "contact-unreachable")


# Q.850. 22 and 23 are what a 301 and a 302 come to: nothing is dialled for them.
SECRETARY_CAUSES = {
    17: "secretary-busy",
    20: "secretary-absent",
    21: "secretary-declined",
    22: "secretary-forwards",
    23: "secretary-forwards",
}

# Q.850, as `transfer.WHY_NOT` has them.
CONTACT_CAUSES = {
    1: "contact-unknown",
    17: "contact-busy",
    18: "contact-silent",
    19: "contact-silent",
    21: "contact-declined",
    22: "contact-forwards",
    23: "contact-forwards",
    28: "contact-unknown",
}


def _inspected(details: Details) -> str:
    found = [name for name in ("recording", "message") if details.get(name) is not None]
    return "-".join(["files", *found])


def _message(details: Details) -> str:
    """What a message that was left just now holds."""
    flaw = details.get("flaw")
    return f"message-{flaw}" if flaw else "files-message" if details.get("message") is not None else "files"


def _new_stream(details: Details) -> str:
    return f"new-stream-{details.get('of', 'caller')}"


def _switch(details: Details) -> str:
    return f"switch-{details.get('what', '')}"


KEYS: dict[str, Callable[[Details], str]] = {
    "CallArrived": _arrived,
    "CallerLeft": _caller_left,
    "CallerTakenOver": _always("taken-over"),
    "Offered": _always("offered"),
    "SeatClaimed": _always("claimed"),
    "OfferLost": _always("offer-lost"),
    "SecretaryRinging": _always("ringing"),
    "SecretaryAnswered": _always("answered"),
    "SecretaryLeft": _secretary_left,
    "Held": _always("held"),
    "Unheld": _always("unheld"),
    "KeyPressed": _keys,
    "ConsultationAsked": _asked("consultation", "consultation-refused"),
    "HandOverAsked": _asked("screen-hand-over"),
    "TakeBackAsked": _asked("screen-take-back"),
    "RecordingPauseAsked": _asked("screen-pause-recording"),
    "RecordingResumeAsked": _asked("screen-resume-recording"),
    "LanguageAsked": _asked("screen-language"),
    "WrongNumberAsked": _asked("screen-wrong-number"),
    "SpamAsked": _asked("screen-spam"),
    "UnmarkAsked": _asked("screen-unmark"),
    "WorkDone": _asked("work-done"),
    "SupervisionAsked": _supervision,
    "SupervisionEndAsked": _supervision_end,
    "SupervisorAnswered": _always("supervisor-answered"),
    "SupervisorLeft": _always("supervisor-left"),
    "NewStream": _new_stream,
    "SnoopEnded": _always("snoop-ended"),
    "ContactRinging": _always("contact-ringing"),
    "ContactAnswered": _always("contact-answered"),
    "ContactLeft": _contact_left,
    "DiallingRefused": _always("over-limit"),
    "LoopFound": _always("loop"),
    "PromptEnded": _prompt_ended,
    "RecordingEnded": _always("file-closed"),
    "FilesInspected": _inspected,
    "MessageInspected": _message,
    "DeadlinePassed": _deadline,
    "SwitchRefused": _always("refused"),
    "Recovered": _always("recovered"),
    "ServedByTheSwitch": _switch,
    "NodeRetired": _always("node-retired"),
}

# What a client is told of a call.
CLIENTS = frozenset(
    (
        *("arrived-open", "arrived-closed", "arrived-exhausted", "arrived-blocked"),
        *("prompt-notice", "prompt-notice-early", "prompt-notice-failed", "switch-notice", "switch-notice-early"),
        *("switch-notice-failed", "deadline-patience", "deadline-wait_limit", "answered", "switch-answered"),
        *("keys-consult", "consultation", "contact-ringing", "contact-answered", "contact-busy", "contact-silent"),
        *("contact-declined", "contact-unknown", "contact-unreachable", "contact-left-consulting", "over-limit"),
        *("deadline-contact", "deadline-contact-next", "deadline-consultation", "keys-##", "screen-hand-over"),
        *("keys-*0", "screen-take-back", "keys-*7", "keys-*8", "screen-pause-recording", "screen-resume-recording"),
        *("keys-*9", "screen-wrong-number", "screen-spam", "screen-unmark", "keys-*#", "screen-language"),
        *("contact-left-handed_over", "deadline-cap_warning", "deadline-cap", "secretary-hung-up", "caller-left"),
        *("caller-left-talking", "caller-left-on-hold", "caller-left-handed_over", "caller-left-taking_message"),
        *("caller-left-parting", "prompt-taking_message", "switch-message", "switch-left", "switch-closed"),
        *("switch-exhausted", "switch-blocked", "files-message", "secretary-lost", "switch-lost"),
    )
)

# --- the words ----------------------------------------------------------------------------------------------

WORDS = InLanguages(
    {
        "withheld": "a withheld number",
        "closed-by-client": "closed by the client for now",
        "arrived-open": "{who} calls {client} on {did}",
        "arrived-closed": "{who} calls {client} on {did} outside the hours{because} and hears the closed announcement",
        "arrived-exhausted": "{who} calls {client} on {did}, which is without service, and hears the announcement",
        "arrived-blocked": "{who}, who is blocked, calls {client} on {did}",
        "caller-left": "The caller gives up waiting",
        "caller-left-talking": "The caller hangs up",
        "caller-left-on-hold": "The caller hangs up while on hold: the secretary is told",
        "caller-left-handed_over": "The caller hangs up: the conversation with the contact is over",
        "caller-left-taking_message": "The caller hangs up while the message is taken",
        "caller-left-parting": "The caller hangs up during the announcement",
        "caller-left-ending": "The caller's line is closed",
        "taken-over": "The switch goes on with the call alone",
        "node-retired": "The node {node} is gone for good: the call is settled",
        "offered": "It is offered to {secretary}",
        "claimed": "{secretary} is reserved for this call",
        "offer-lost": "{secretary} has just taken another call",
        "ringing": "{secretary}'s telephone rings",
        "answered": "{secretary} answers",
        "secretary-lost": "{secretary}'s network died (cause {cause}): the caller goes to the front of the queue",
        "secretary-hung-up": "{secretary} hangs up",
        "secretary-left-consulting": "{secretary} leaves while consulting: the caller goes to the front of the queue",
        "secretary-gone": "{secretary}'s line is closed",
        "secretary-silent": "{secretary}'s telephone stops ringing: she did not answer in time",
        "secretary-silent-paused": "{secretary}'s telephone lets the third call in a row ring: the system pauses her",
        "secretary-paused": "{secretary}'s telephone refuses the third call in a row: the system pauses her",
        "secretary-busy": "{secretary}'s telephone is busy",
        "secretary-absent": "{secretary}'s telephone is not connected",
        "secretary-declined": "{secretary} declines the call",
        "secretary-forwards": "{secretary}'s telephone is left on forward: nobody is called there, she must end that",
        "secretary-refused": "{secretary} does not take the call (cause {cause})",
        "held": "{secretary} puts the call on hold at her telephone",
        "unheld": "{secretary} takes the call off hold",
        "keys-refused": "{secretary} presses {keys}, which can do nothing now, and hears a tone",
        "keys-consult": "{secretary} presses {keys} and consults {contact}: the caller hears music",
        "keys-##": "{secretary} hands the call over to {contact}: the two talk, and she is free",
        "keys-*0": "{secretary} takes the caller back",
        "keys-*7": "{secretary} turns the recording off",
        "keys-*8": "{secretary} turns the recording on again",
        "keys-*9": "{secretary} marks the call as a wrong number: it is not charged",
        "keys-*#": "{secretary} passes the call to a secretary who speaks the other language",
        "consultation": "{secretary} consults {contact} from the desk: the caller hears music",
        "consultation-refused": "{secretary} wanted to consult from the desk, which is not possible now",
        "screen-refused": "What {by} asked for from a screen is not possible now",
        "screen-hand-over": "{by} hands the call over to {contact} from a screen: the two talk, "
        "and {secretary} is free",
        "screen-take-back": "{by} asks from a screen that {secretary} takes the caller back",
        "screen-pause-recording": "{by} turns the recording off from a screen",
        "screen-resume-recording": "{by} turns the recording on again from a screen",
        "screen-language": "{by} passes the call, from a screen, to a secretary who speaks the other language",
        "screen-wrong-number": "{by} marks the call as a wrong number from a screen: it is not charged",
        "screen-spam": "{by} marks the call as unwanted from a screen: it is not charged",
        "screen-unmark": "{by} takes the mark back from a screen: the call is charged as any other",
        "work-done": "{by}: the message of this call is sent, and nothing is left to do after it",
        "supervision-refused": "{by} wanted to be in the call as a supervisor, which is not possible now",
        "supervision-listen": "{by}, a supervisor, listens to {secretary}: nobody hears her",
        "supervision-whisper": "{by}, a supervisor, speaks to {secretary} alone",
        "supervision-barge": "{by}, a supervisor, speaks to everybody in the call",
        "supervision-end": "{by}, a supervisor, leaves the call",
        "supervision-ended-by": "{by}, an admin, has {supervisor}, a supervisor, leave the call",
        "supervisor-answered": "{by}, a supervisor, has answered her telephone and is in the call",
        "supervisor-left": "{by}, a supervisor, is no longer in the call (cause {cause})",
        "new-stream-caller": "The caller's sound comes by a new stream now",
        "new-stream-secretary": "{secretary}'s sound comes by a new stream now",
        "new-stream-contact": "{contact}'s sound comes by a new stream now",
        "new-stream-supervisor": "The sound of {by}, a supervisor, comes by a new stream now",
        "snoop-ended": "{by}, a supervisor, is no longer in the call: the secretary's line is closed",
        "contact-ringing": "{contact}'s telephone rings",
        "contact-answered": "{contact} answers",
        "contact-busy": "{contact}'s telephone is busy",
        "contact-silent": "{contact} does not answer",
        "contact-declined": "{contact} declines the call",
        "contact-unknown": "{contact}'s number does not exist",
        "contact-forwards": "{contact}'s carrier answers with another number: nobody is called there",
        "contact-unreachable": "{contact} could not be called (cause {cause})",
        "contact-left-consulting": "{contact} hangs up: the secretary has the caller again",
        "contact-left-handed_over": "{contact} hangs up: the caller hears the farewell",
        "contact-gone": "{contact}'s line is closed",
        "over-limit": "{contact} is not called, as the client has reached its limit of calls to contacts: {secretary} "
        "has the caller again",
        "loop": "{contact}'s telephone forwards to a number of ours: {secretary} has the caller again",
        "prompt-notice": "The caller has heard that the call is recorded ({words}), and now hears ringing",
        "prompt-notice-early": (
            "Before the answer the caller has heard that the call is recorded ({words}), and now hears ringing"
        ),
        "prompt-notice-failed": "The notice that the call is recorded could not be played: the call is not recorded",
        "prompt-welcoming": "The welcome is over: the caller hears ringing",
        "prompt-position": "The position has been told: the music goes on",
        "prompt-taking_message": "The caller may leave a message: it is recorded after the tone",
        "prompt-parting": "The announcement is over: the call is hung up",
        "prompt-caller_gone": "The secretary knows that the caller has hung up",
        "file-closed": "{file} is kept",
        "files": "No recording is found",
        "files-recording": "The recording lasts {recording} s",
        "files-message": "The message lasts {message} s",
        "files-recording-message": "The recording lasts {recording} s, the message {message} s",
        "deadline-patience": "Nobody has answered yet: the call is picked up, and the caller waits with music",
        "deadline-position": "The caller is told the position in the queue: {position}",
        "deadline-wait_limit": "The client's waiting limit is over: nobody could answer",
        "deadline-wait_limit-ringing": "The waiting limit is over; the telephone that rings still gets its chance",
        "deadline-offer": "{secretary} does not answer: the offer is withdrawn",
        "deadline-withdrawal": "{secretary}'s telephone does not confirm that it is silent: the next one is asked",
        "message-lost": "The message could not be recorded, and the caller is told so: see `doctor`",
        "message-cut": "Only {message} s of the message could be recorded, and the caller is told so: see `doctor`",
        "deadline-message": "The message did not report its end, or what it holds: it is looked at, or counts as lost",
        "deadline-keys": "The second key did not follow: the first was meant for whom she talks to",
        "deadline-contact": "The contact does not answer: the secretary has the caller again",
        "deadline-contact-next": "The contact does not answer: the other number is called",
        "deadline-consultation": "The consultation has lasted too long: the secretary has the caller again",
        "deadline-cap_warning": "Little is left of the transferred conversation: both hear a tone",
        "deadline-farewell": "Seconds are left of the transferred conversation: both hear the farewell",
        "deadline-cap": "The longest time of a transferred conversation is over: it is hung up",
        "deadline-settling": "Something did not report its end: it is no longer waited for",
        "refused": "Asterisk would not do {command}: {why}",
        "recovered": "The control is back and has taken up the call",
        "switch-entered": "The switch serves the call alone",
        "switch-closed": "Outside the hours: the switch plays the closed announcement",
        "switch-blocked": "The number is blocked: the switch does not serve it",
        "switch-exhausted": "Without service: the switch plays the announcement",
        "switch-notice": "The caller has heard that the call is recorded ({details})",
        "switch-notice-early": "Before the answer the caller has heard that the call is recorded ({details})",
        "switch-notice-failed": "The notice that the call is recorded could not be played: the call is not recorded",
        "switch-recording": "The switch records",
        "switch-answered": "The switch has connected a secretary",
        "switch-lost": "The secretary's network died: the caller waits again, first in line",
        "switch-message": "Nobody answered: the switch takes a message",
        "switch-unrecorded": "The message could not be recorded as a whole, and the caller is told so: see `doctor`",
        "switch-left": "The caller has hung up",
        "switch-ended": "The call is over",
        "switch-retired": "The node {details} is gone for good: the call is settled",
    }
)
