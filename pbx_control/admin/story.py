"""How the lines of a call's journal read: one sentence for each event, in the person's language."""

from collections.abc import Callable, Mapping
from typing import Any

from pbx_control.admin.door import Desk
from pbx_control.store.history import Told

# Q.850 causes that people want to tell apart; any other one is told by its number.
CAUSES = {
    0: "hung up",
    16: "hung up",
    17: "busy",
    18: "no answer",
    19: "no answer",
    20: "not registered",
    21: "refused",
    26: "answered elsewhere",
    32: "hung up by the switch",
    44: "no sound came any more: the network is gone",
}

Sentence = Callable[[Desk, Mapping[str, Any]], str]


def sentence(desk: Desk, told: Told) -> str:
    """What happened, in words. An event that nobody has found words for is shown as it is."""
    words = SENTENCES.get(told.event)
    if words is None:
        return " ".join([told.event, *(f"{name}={value}" for name, value in told.details.items())])
    return words(desk, told.details)


def _arrived(desk: Desk, facts: Mapping[str, Any]) -> str:
    who = " ".join(filter(None, [facts.get("name"), facts.get("caller")])) or desk.say("somebody")
    said = desk.say("{who} calls {client} at {did}", who=who, client=facts["client"], did=facts["did"])
    if facts["admission"] == "open":
        return said
    why = desk.say(WHY.get(facts.get("why", ""), facts.get("why", "")))
    return f"{said}: {desk.say(facts['admission'])}" + (f" ({why})" if why else "")


def _offered(desk: Desk, facts: Mapping[str, Any]) -> str:
    return desk.say("offered to {secretary}", secretary=facts["secretary"])


def _offer_lost(desk: Desk, facts: Mapping[str, Any]) -> str:
    return desk.say("{secretary} has just taken another call", secretary=_her(facts))


def _claimed(desk: Desk, facts: Mapping[str, Any]) -> str:
    return desk.say("{secretary} is reserved for it", secretary=_her(facts))


def _ringing(desk: Desk, facts: Mapping[str, Any]) -> str:
    return desk.say("the telephone of {secretary} rings", secretary=_her(facts))


def _answered(desk: Desk, facts: Mapping[str, Any]) -> str:
    return desk.say("{secretary} answers", secretary=_her(facts))


def _secretary_left(desk: Desk, facts: Mapping[str, Any]) -> str:
    return desk.say("{secretary} is off the line: {cause}", secretary=_her(facts), cause=_cause(desk, facts))


def _caller_left(desk: Desk, facts: Mapping[str, Any]) -> str:
    return desk.say("the caller is off the line: {cause}", cause=_cause(desk, facts))


def _taken_over(desk: Desk, facts: Mapping[str, Any]) -> str:
    return desk.say("from here on the switch serves the caller alone")


def _prompt_ended(desk: Desk, facts: Mapping[str, Any]) -> str:
    return desk.say("an announcement has been played")


def _recording_ended(desk: Desk, facts: Mapping[str, Any]) -> str:
    return desk.say("{file} is closed", file=facts["file"])


def _inspected(desk: Desk, facts: Mapping[str, Any]) -> str:
    parts = []
    if facts.get("recording") is not None:
        parts.append(desk.say("the recording holds {seconds} s", seconds=facts["recording"]))
    if facts.get("message") is not None:
        parts.append(desk.say("the message holds {seconds} s", seconds=facts["message"]))
    return "; ".join(parts) or desk.say("there is no recording")


def _deadline(desk: Desk, facts: Mapping[str, Any]) -> str:
    if facts["deadline"] == "position":
        return desk.say("he is told his position: {position}", position=facts.get("position", 1))
    return desk.say(DEADLINES.get(facts["deadline"], facts["deadline"]))


def _refused(desk: Desk, facts: Mapping[str, Any]) -> str:
    return desk.say("Asterisk would not do {command}: {why}", command=facts["command"], why=facts["why"])


def _recovered(desk: Desk, facts: Mapping[str, Any]) -> str:
    return desk.say("the daemon is back and has adopted the call")


def _alone(desk: Desk, facts: Mapping[str, Any]) -> str:
    what, more = facts["what"], facts.get("details", "")
    said = desk.say(ALONE.get(what, what))
    return f"{said} ({more.rpartition(' ')[2]})" if more and what in ("answered", "recording", "message") else said


def _her(facts: Mapping[str, Any]) -> str:
    return str(facts.get("secretary", "–"))


def _cause(desk: Desk, facts: Mapping[str, Any]) -> str:
    cause = facts.get("cause", 0)
    return desk.say(CAUSES[cause]) if cause in CAUSES else desk.say("cause {number}", number=cause)


WHY = {"hours": "outside its hours"}
DEADLINES = {
    "patience": "he has heard ringing long enough: the call is answered, and he waits",
    "wait_limit": "the client's waiting limit has passed",
    "offer": "her telephone has rung long enough",
    "withdrawal": "her telephone does not confirm that it is silent",
    "message": "the message takes too long",
    "settling": "what has not reported its end is no longer waited for",
}
ALONE = {
    "entered": "the switch serves the call without the daemon",
    "closed": "the switch plays the closed announcement",
    "exhausted": "the switch plays the announcement that nobody answers",
    "recording": "the switch records",
    "answered": "the switch has connected a secretary",
    "message": "the switch takes a message",
    "ended": "the call is over",
}
SENTENCES: dict[str, Sentence] = {
    "CallArrived": _arrived,
    "Offered": _offered,
    "OfferLost": _offer_lost,
    "SeatClaimed": _claimed,
    "SecretaryRinging": _ringing,
    "SecretaryAnswered": _answered,
    "SecretaryLeft": _secretary_left,
    "CallerLeft": _caller_left,
    "CallerTakenOver": _taken_over,
    "PromptEnded": _prompt_ended,
    "RecordingEnded": _recording_ended,
    "FilesInspected": _inspected,
    "DeadlinePassed": _deadline,
    "SwitchRefused": _refused,
    "Recovered": _recovered,
    "ServedByTheSwitch": _alone,
}
