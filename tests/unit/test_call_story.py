"""How a call's journal reads: words for every event in both languages, and nothing hostile gets through."""

import re
from datetime import UTC, datetime
from importlib import resources
from string import Formatter
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from pbx_control.domain.call import flow, journal
from pbx_control.domain.call.events import ConsultationAsked, DeadlinePassed, KeyPressed, Surroundings
from pbx_control.domain.call.model import (
    Admission,
    Call,
    Contact,
    Deadline,
    Facts,
    Outgoing,
    Phase,
    Seat,
    Sounds,
)
from pbx_control.domain.call.story import KEYS, WORDS, sentence
from pbx_control.domain.call.transfer import COMMANDS
from pbx_control.domain.words.characters import printable

ANA = {"secretary": "Ana"}
NOON = datetime(2026, 8, 3, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    ("event", "details", "spanish", "english"),
    [
        ("SecretaryRinging", ANA, "Suena el teléfono de Ana", "Ana's telephone rings"),
        ("SecretaryAnswered", ANA | {"phase": "talking"}, "Ana contesta", "Ana answers"),
        (
            "CallArrived",
            {"did": "+56225550101", "client": "andes", "caller": "+56223334455", "name": "María", "admission": "open"},
            "María (+56 2 2333 4455) llama a andes, al +56 2 2555 0101",
            "María (+56 2 2333 4455) calls andes on +56 2 2555 0101",
        ),
        (
            "CallArrived",
            {"did": "+56225550101", "client": "andes", "caller": "", "admission": "closed", "why": "Navidad"},
            "un número oculto llama a andes, al +56 2 2555 0101, fuera de horario (Navidad): oye el aviso de cierre",
            "a withheld number calls andes on +56 2 2555 0101 outside the hours (Navidad) "
            "and hears the closed announcement",
        ),
        (
            "SecretaryLeft",
            ANA | {"cause": 44, "during": "talking", "phase": "waiting"},
            "Se cortó la red de Ana (causa 44): quien llama pasa al primer lugar de la fila",
            "Ana's network died (cause 44): the caller goes to the front of the queue",
        ),
        (
            "SecretaryLeft",
            ANA | {"cause": 16, "during": "talking", "phase": "ending"},
            "Ana cuelga",
            "Ana hangs up",
        ),
        (
            "SecretaryLeft",
            ANA | {"cause": 17, "during": "offering", "phase": "waiting"},
            "El teléfono de Ana está ocupado",
            "Ana's telephone is busy",
        ),
        (
            "SecretaryLeft",
            ANA | {"cause": 23, "during": "offering", "phase": "waiting"},
            "El teléfono de Ana está desviado: no se llama a otro número, debe quitar el desvío",
            "Ana's telephone is left on forward: nobody is called there, she must end that",
        ),
        (
            "FilesInspected",
            {"recording": 61.4, "message": None},
            "La grabación dura 61 s",
            "The recording lasts 61 s",
        ),
        (
            "ServedByTheSwitch",
            {"what": "message", "details": "2026/08/03/x-message.wav"},
            "Nadie contestó: la central toma un mensaje",
            "Nobody answered: the switch takes a message",
        ),
        (
            "ServedByTheSwitch",
            {"what": "notice", "details": "prompts/spoken/es-51c82cca6276f8d5 Le informamos que se graba."},
            "Quien llama oyó el aviso de que se graba (Le informamos que se graba.)",
            "The caller has heard that the call is recorded (Le informamos que se graba.)",
        ),
        (
            "ServedByTheSwitch",
            {"what": "notice", "details": "prompts/audio/51c82cca6276f8d5"},
            "Quien llama oyó el aviso de que se graba (prompts/audio/51c82cca6276f8d5)",
            "The caller has heard that the call is recorded (prompts/audio/51c82cca6276f8d5)",
        ),
        (
            "KeyPressed",
            ANA | {"keys": "*1", "contact": "Rosa", "phase": "calling_contact"},
            "Ana pulsa *1 y consulta a Rosa: quien llama oye música",
            "Ana presses *1 and consults Rosa: the caller hears music",
        ),
        (
            "KeyPressed",
            ANA | {"keys": "##", "refused": True},
            "Ana pulsa ##, que ahora no puede hacer nada: oye un tono",
            "Ana presses ##, which can do nothing now, and hears a tone",
        ),
        (
            "KeyPressed",
            ANA | {"keys": "##", "contact": "Rosa", "phase": "handed_over"},
            "Ana entrega la llamada a Rosa: conversan, y ella queda libre",
            "Ana hands the call over to Rosa: the two talk, and she is free",
        ),
        (
            "ContactLeft",
            {"contact": "Rosa", "cause": 17, "during": "calling_contact", "phase": "talking"},
            "El teléfono de Rosa está ocupado",
            "Rosa's telephone is busy",
        ),
        (
            "ContactLeft",
            {"contact": "Rosa", "cause": 16, "during": "handed_over", "phase": "parting"},
            "Rosa cuelga: quien llamaba oye la despedida",
            "Rosa hangs up: the caller hears the farewell",
        ),
        (
            "CallerLeft",
            {"cause": 16, "during": "consulting", "phase": "caller_gone"},
            "Quien llamaba cuelga mientras oye música: se le avisa a la secretaria",
            "The caller hangs up while on hold: the secretary is told",
        ),
        (
            "SecretaryLeft",
            ANA | {"cause": 16, "during": "consulting", "phase": "waiting"},
            "Ana se va durante la consulta: quien llama pasa al primer lugar de la fila",
            "Ana leaves while consulting: the caller goes to the front of the queue",
        ),
        ("NewerEvent", {"one": 1}, "NewerEvent one=1", "NewerEvent one=1"),
    ],
)
def test_a_line_reads_like_speech(event: str, details: dict[str, object], spanish: str, english: str) -> None:
    assert (sentence(event, details, "es"), sentence(event, details, "en")) == (spanish, english)


@pytest.mark.parametrize("language", ["es", "en"])
@pytest.mark.parametrize("deadline", Deadline)
def test_a_deadline_of_a_secretarys_telephone_names_her(deadline: Deadline, language: str) -> None:
    ringing = Call("pbx-1.1", phase=Phase.OFFERING, seat=Seat(1, "ana", "Ana"))
    told = journal.details(DeadlinePassed(NOON, deadline, 3), ringing, ringing)
    assert told is not None
    line = sentence("DeadlinePassed", told, language)
    assert ("Ana" in line) is (deadline in ("offer", "withdrawal"))
    assert ("3" in line) is (deadline == "position")
    assert "–" not in line


def test_every_event_has_its_words() -> None:
    assert {event.__name__ for event in flow.EVENT_TYPES} <= KEYS.keys()
    assert {f"deadline-{deadline}" for deadline in Deadline} <= WORDS["en"].keys()


@pytest.mark.parametrize("language", ["es", "en"])
@pytest.mark.parametrize("event", sorted(KEYS))
def test_no_event_is_shown_as_it_is_kept_whenever_it_happens(event: str, language: str) -> None:
    """Each event of each phase, with every deadline, command of hers and word of the switch."""
    files = [
        {"recording": 61.0, "message": None},
        {"recording": None, "message": 6.0},
        {"recording": 61.0, "message": 6.0},
    ]
    told = {
        "DeadlinePassed": [{"deadline": deadline.value} for deadline in Deadline],
        "KeyPressed": [{"keys": keys} for keys in COMMANDS],
        "CallArrived": [{"admission": admission.value} for admission in Admission],
        "FilesInspected": [*files, {}],
        "ServedByTheSwitch": [{"what": word} for word in words_of_the_switch()],
    }
    for details in told.get(event, [{}]):
        for phase in Phase:
            for cause in (0, 1, 16, 17, 18, 20, 21, 28, 44, 127):
                line = sentence(event, details | {"during": phase.value, "cause": cause, "phase": "ending"}, language)
                assert event not in line, (details, phase, cause)


def words_of_the_switch() -> list[str]:
    """What the generated dialplan tells of calls that it serves."""
    template = resources.files("pbx_control.dialplans").joinpath("extensions.conf.j2").read_text()
    words = sorted(set(re.findall(r"CELGenUserEvent\(([\w-]+)", template)))
    assert {"entered", "left", "ended", "notice"} <= set(words)
    return words


# --- what she presses ----------------------------------------------------------------------------------------

ROSA = Contact(5, "Rosa", ("+56987654321",), 1)
ANDES = Facts(
    "+56225550101",
    1,
    "andes",
    "Andes",
    "es",
    "America/Santiago",
    Admission.OPEN,
    Sounds(),
    contacts=(ROSA,),
    outgoing=Outgoing("trunk-1", "e164", "CL", "+56225550101", 3, 100),
)
TALKING = Call("pbx-1.1", Phase.TALKING, facts=ANDES, seat=Seat(1, "ana", "Ana"), recording="x.wav", offers=1)


def kept_of(call: Call, keys: str) -> list[dict[str, Any] | None]:
    """What the journal keeps of each of these keys."""
    kept = []
    for key in keys:
        event = KeyPressed(NOON, call.secretary_leg, key, Surroundings(languages=frozenset({"es", "en"})))
        after, _ = flow.step(call, event)
        kept.append(journal.details(event, call, after))
        call = after
    return kept


def test_no_digit_that_she_types_is_kept() -> None:
    assert kept_of(TALKING, "41111111**##1") == [None] * 11 + [
        {"secretary": "Ana", "keys": "##", "refused": True},
        None,
    ]


@pytest.mark.parametrize(
    ("phase", "keys", "kept"),
    [
        (Phase.TALKING, "*1", {"contact": "Rosa", "phase": "calling_contact"}),
        (Phase.TALKING, "*2", {"refused": True}),
        (Phase.TALKING, "*0", {"refused": True}),
        (Phase.TALKING, "*7", {}),
        (Phase.TALKING, "*8", {"refused": True}),
        (Phase.TALKING, "*9", {}),
        (Phase.CONSULTING, "*9", {"contact": "Rosa", "refused": True}),
        (Phase.TALKING, "*#", {"phase": "waiting"}),
        (Phase.CONSULTING, "##", {"contact": "Rosa", "phase": "handed_over"}),
        (Phase.CONSULTING, "*0", {"contact": "Rosa", "phase": "talking"}),
        (Phase.CALLING_CONTACT, "##", {"contact": "Rosa", "refused": True}),
    ],
)
def test_a_command_of_hers_is_kept_with_what_came_of_it(phase: Phase, keys: str, kept: dict[str, Any]) -> None:
    contact = None if phase is Phase.TALKING else ROSA
    call = replace(TALKING, phase=phase, contact=contact, contact_here=contact is not None)
    first, second = kept_of(call, keys)
    assert first is None
    assert second == {"secretary": "Ana", "keys": keys} | kept
    for language in ("es", "en"):
        line = sentence("KeyPressed", second, language)
        assert "Ana" in line
        assert "–" not in line


def test_a_consultation_from_the_desk_is_kept_whether_or_not_it_began() -> None:
    asked = [ConsultationAsked(NOON, contact_id) for contact_id in (5, 6)]
    kept = [journal.details(event, TALKING, flow.step(TALKING, event)[0]) for event in asked]
    assert kept == [
        {"secretary": "Ana", "contact": "Rosa", "phase": "calling_contact"},
        {"secretary": "Ana", "refused": True},
    ]


def test_both_languages_tell_the_same_things() -> None:
    def places(words: dict[str, str]) -> dict[str, set[str | None]]:
        return {key: {name for _, name, _, _ in Formatter().parse(text) if name} for key, text in words.items()}

    assert places(WORDS["es"]) == places(WORDS["en"])


VALUES = st.none() | st.integers() | st.text() | st.sampled_from([*Phase, *Deadline])
NAMES = st.sampled_from(
    ["secretary", "cause", "during", "phase", "deadline", "what", "who", "caller", "name", "did", "x"]
)


@given(st.sampled_from([*KEYS, "Other"]), st.dictionaries(NAMES, VALUES), st.sampled_from(["es", "en"]))
def test_whatever_a_journal_holds_is_one_harmless_line(event: str, details: dict[str, object], language: str) -> None:
    line = sentence(event, details, language)
    assert printable(line)
    assert line
