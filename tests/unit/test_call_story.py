"""How a call's journal reads: words for every event in both languages, and nothing hostile gets through."""

from datetime import UTC, datetime
from string import Formatter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pbx_control.domain.call import flow, journal
from pbx_control.domain.call.events import DeadlinePassed
from pbx_control.domain.call.model import Call, Deadline, Phase, Seat
from pbx_control.domain.call.story import ENGLISH, KEYS, SPANISH, sentence

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
    line = sentence("DeadlinePassed", told, language)
    assert ("Ana" in line) is (deadline in ("offer", "withdrawal"))
    assert ("3" in line) is (deadline == "position")
    assert "–" not in line


def test_every_event_has_its_words() -> None:
    assert {event.__name__ for event in flow.EVENT_TYPES} <= KEYS.keys()
    assert {f"deadline-{deadline}" for deadline in Deadline} <= ENGLISH.keys()


def test_both_languages_tell_the_same_things() -> None:
    def places(words: dict[str, str]) -> dict[str, set[str | None]]:
        return {key: {name for _, name, _, _ in Formatter().parse(text) if name} for key, text in words.items()}

    assert places(SPANISH) == places(ENGLISH)


VALUES = st.none() | st.integers() | st.text() | st.sampled_from([*Phase, *Deadline])
NAMES = st.sampled_from(
    ["secretary", "cause", "during", "phase", "deadline", "what", "who", "caller", "name", "did", "x"]
)


@given(st.sampled_from([*KEYS, "Other"]), st.dictionaries(NAMES, VALUES), st.sampled_from(["es", "en"]))
def test_whatever_a_journal_holds_is_one_harmless_line(event: str, details: dict[str, object], language: str) -> None:
    line = sentence(event, details, language)
    assert line.isprintable()
    assert line
