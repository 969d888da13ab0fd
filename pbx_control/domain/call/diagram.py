"""Draws the phases of a call out of the flow's table, as Mermaid: `python -m pbx_control.domain.call.diagram`.

A handler may lead to several phases, depending on the call. Where it leads is not guessed from its code: it is tried
on calls that differ in everything the handlers look at, so the drawing shows what really happens.
"""

from collections import defaultdict
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from itertools import product

from msgspec.structs import replace

from pbx_control.domain.call import events as e
from pbx_control.domain.call import flow, streams, transfer
from pbx_control.domain.call.model import (
    Admission,
    Call,
    Caller,
    Contact,
    Deadline,
    Facts,
    Limit,
    Outcome,
    Outgoing,
    Phase,
    Seat,
    Sounds,
    SupervisionMode,
)
from pbx_control.domain.call.moves import IN_CONVERSATION

AT = datetime(2026, 1, 1, tzinfo=UTC)
ANA = Seat(1, "ana", "Ana")
FILE = "2026/01/01/c-message.wav"
BOSS = Contact(1, "Boss", ("+56225550102", "+56987654321"), 1)
OUT = Outgoing("trunk", "e164", "CL", "+56225550101", at_once=1, a_day=1)
FACTS = Facts("+1", 1, "c", "C", "es", "UTC", Admission.OPEN, Sounds(), contacts=(BOSS,), outgoing=OUT)
# Her commands in words: Mermaid takes # for the beginning of something else.
KEYS = {
    "##": "hands over",
    "*0": "takes back",
    "*7": "recording off",
    "*8": "recording on",
    "*9": "wrong number",
    "*#": "other language",
}
OF_SUPERVISOR = e.SupervisorAnswered | e.SupervisorLeft
# Leads to ENDED out of every phase: told in words instead of by ten arrows.
EVERYWHERE = e.CallerTakenOver
HEAD = """\
# The phases of a call

Drawn from the table in `pbx_control/domain/call/flow.py` by `python -m pbx_control.domain.call.diagram`; a test
fails while this page is older than the table. An event that stands on no arrow leaves the call in its phase. Not drawn:
`CallerTakenOver` ends a call in any phase, since the switch then serves the caller alone.

"""


def page() -> str:
    """docs/phases.md, whole."""
    arrows = _arrows()
    lines = [f"    {start} --> {end}: {', '.join(labels)}" for (start, end), labels in arrows.items()]
    drawing = "\n".join(["stateDiagram-v2", "    [*] --> arriving", *lines, "    ended --> [*]"])
    return f"{HEAD}```mermaid\n{drawing}\n```\n\n{_table()}"


def _arrows() -> dict[tuple[Phase, Phase], list[str]]:
    """Each change of phase with the events that bring it about, in the order of the table."""
    arrows: dict[tuple[Phase, Phase], list[str]] = defaultdict(list)
    for phase, key in flow.TABLE:
        for name, ends in _named_ends(phase, key):
            for end in sorted(ends, key=list(Phase).index):
                if end is not phase and key is not EVERYWHERE and name not in arrows[phase, end]:
                    arrows[phase, end].append(name)
    return dict(sorted(arrows.items(), key=lambda arrow: [list(Phase).index(end) for end in arrow[0]]))


def label(key: type[e.Event] | Deadline) -> str:
    """What an event is called in drawing and table."""
    return f"{key.value} over" if isinstance(key, Deadline) else key.__name__


def _named_ends(phase: Phase, key: type[e.Event] | Deadline) -> Iterator[tuple[str, set[Phase]]]:
    """What the event is called, and where it leads; for her keys, each command by itself."""
    if key is not e.KeyPressed:
        yield label(key), _ends(phase, key)
        return
    for keys, (phases, _) in transfer.COMMANDS.items():
        if phase in phases:
            calls = [replace(call, keys_begun=keys[0]) for call in _calls(phase)]
            around = e.Surroundings(languages=frozenset(transfer.OTHER_LANGUAGE))
            pressed = (e.KeyPressed(AT, call.secretary_leg, keys[1], around) for call in calls)
            ends = {flow.step(call, event)[0].phase for call, event in zip(calls, pressed, strict=True)}
            yield KEYS.get(keys, "consults"), ends


def _ends(phase: Phase, key: type[e.Event] | Deadline) -> set[Phase]:
    return {flow.step(call, event)[0].phase for call in _calls(phase) for event in _events(call, key)}


def _calls(phase: Phase) -> Iterator[Call]:
    """Calls in a phase that differ in all that the handlers ask about."""
    if phase is Phase.ARRIVING:
        yield Call("c")
        return
    seated = phase in (Phase.OFFERING, Phase.WITHDRAWING, *(IN_CONVERSATION - {Phase.ENDING}))
    with_contact = phase in (Phase.CALLING_CONTACT, Phase.CONSULTING, Phase.CALLER_GONE, Phase.HANDED_OVER)
    for messages, overdue, here, recorded, asked in product((False, True), repeat=5):
        yield Call(
            "c",
            phase,
            facts=replace(FACTS, takes_messages=messages or phase is Phase.TAKING_MESSAGE),
            arrived_at=AT,
            waiting_since=AT,
            overdue=overdue,
            caller_here=phase is not Phase.CALLER_GONE and (here or phase is not Phase.ENDING),
            seat=ANA if seated or (phase is Phase.ENDING and overdue) else None,
            prompt_playing=True,
            deadlines=dict.fromkeys(Deadline, AT),
            outcome=Outcome.MISSED,
            recording="c.wav" if recorded else "",
            message=FILE if recorded or phase is Phase.TAKING_MESSAGE else "",
            files_awaited=1 if messages else 0,
            inspected=asked,
            ended_at=AT if phase is Phase.ENDING else None,
            contact=BOSS if with_contact else None,
            contact_here=with_contact or (phase is Phase.ENDING and here),
            contact_legs=1 if with_contact else 0,
            number_tried=1 if overdue else 0,
        )


def _events(call: Call, key: type[e.Event] | Deadline) -> Iterator[e.Event]:
    """Events of that kind that the call does not find stale, in all their variants."""
    if isinstance(key, Deadline):
        yield e.DeadlinePassed(AT + timedelta(hours=1), key)
    elif key is e.CallArrived:
        for admission, welcome in product(Admission, ((), ("w",))):
            yield e.CallArrived(AT, replace(FACTS, admission=admission, sounds=Sounds(welcome=welcome)), Caller())
    elif key is e.SecretaryLeft:
        yield from (e.SecretaryLeft(AT, call.secretary_leg, cause) for cause in (16, 44))
    elif key is e.ContactLeft:
        yield from (e.ContactLeft(AT, call.contact_leg, cause) for cause in (16, 21))
    elif key in (e.SecretaryRinging, e.SecretaryAnswered, e.Held, e.Unheld):
        yield key(AT, call.secretary_leg)
    elif key is e.NewStream:
        legs = (call.id, call.secretary_leg, call.contact_leg)
        yield from (e.NewStream(AT, leg) for leg in legs if streams.bridge_of(call, leg))
    elif key in (e.ContactRinging, e.ContactAnswered):
        yield key(AT, call.contact_leg)
    elif key is e.DiallingRefused:
        yield e.DiallingRefused(AT, call.contact_leg, Limit.A_DAY)
    elif key is e.ConsultationAsked:
        yield e.ConsultationAsked(AT, BOSS.id)
    elif key is e.LanguageAsked:
        yield e.LanguageAsked(AT, around=e.Surroundings(languages=frozenset({"es", "en"})))
    elif issubclass(key, e.Supervising | OF_SUPERVISOR | e.SnoopEnded):
        yield from _of_supervisor(call, key)
    elif key is e.PromptEnded:
        yield e.PromptEnded(AT, call.prompt)
    elif key is e.RecordingEnded:
        yield from (e.RecordingEnded(AT, path) for path in (FILE, "other.wav"))
    elif key is e.Offered:
        yield e.Offered(AT, ANA)
    else:
        yield key(AT)


def _of_supervisor(call: Call, key: type[e.Event]) -> Iterator[e.Event]:
    """A supervisor asks, or something happens to her leg: none of it changes the phase."""
    if key is e.SupervisionAsked:
        yield e.SupervisionAsked(AT, 1, SupervisionMode.LISTEN, "jefa")
    elif key is e.SupervisionEndAsked:
        yield e.SupervisionEndAsked(AT, 1)
    elif key is e.SnoopEnded:
        yield e.SnoopEnded(AT, call.snoop)
    elif issubclass(key, OF_SUPERVISOR):
        yield key(AT, call.supervisor_leg)


def _table() -> str:
    """Every phase with what it means and what is handled in it."""
    rows = ["| phase | handled in it |", "| --- | --- |"]
    for phase in Phase:
        handled = ", ".join(label(key) for start, key in flow.TABLE if start is phase)
        rows.append(f"| {phase.value} | {handled or 'nothing: the call is over'} |")
    return "\n".join(rows) + "\n"


if __name__ == "__main__":
    print(page(), end="")
