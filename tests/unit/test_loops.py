"""Consultations that come back to us: which arriving calls are refused, and whose they were."""

from dataclasses import replace

import pytest

from pbx_control.domain.call.model import Admission, Call, Contact, Facts, Outgoing, Phase, Sounds
from pbx_control.domain.loops import came_back

ANDES, INCA, UNUSED = "+56225550101", "+56225550102", "+56225550109"
ROSA, SECOND, STRANGER = "+56987654321", "+56225559999", "+56223334455"
FACTS = Facts(
    ANDES,
    1,
    "andes",
    "Andes",
    "es",
    "America/Santiago",
    Admission.OPEN,
    Sounds(),
    outgoing=Outgoing("trunk-1", "e164", "CL", ANDES, 3, 100),
)
ASKING = Call("c1", Phase.CALLING_CONTACT, facts=FACTS, contact=Contact(5, "Rosa", (ROSA, SECOND)))
TALKING = replace(ASKING, id="c2", phase=Phase.TALKING)


def met(caller: str, diverted_by: str = "", live: tuple[Call, ...] = (ASKING, TALKING)) -> str | None:
    return came_back(caller, diverted_by, {ANDES, INCA, UNUSED}.__contains__, live)


@pytest.mark.parametrize(("caller", "diverted_by"), [(STRANGER, ""), ("", ""), (STRANGER, SECOND), ("ana", STRANGER)])
def test_ordinary_calls_are_none_of_it(caller: str, diverted_by: str) -> None:
    assert met(caller, diverted_by) is None


@pytest.mark.parametrize(
    ("caller", "diverted_by"), [(ANDES, ""), (ROSA, ""), (ANDES, ROSA), ("", ROSA), (STRANGER, ANDES)]
)
def test_a_consultation_is_known_by_the_did_it_shows_or_by_the_contacts_number(caller: str, diverted_by: str) -> None:
    assert met(caller, diverted_by) == "c1"


@pytest.mark.parametrize("number", [INCA, UNUSED])
def test_a_call_from_another_did_of_ours_is_refused_but_ends_no_consultation(number: str) -> None:
    assert met(number) == ""


def test_once_nobody_is_asked_any_more_a_contact_may_call() -> None:
    assert met(ROSA, live=(TALKING, replace(ASKING, phase=Phase.HANDED_OVER))) is None
    assert met(ANDES, live=(TALKING,)) == ""


def test_the_number_that_is_called_at_the_moment_counts() -> None:
    second = replace(ASKING, number_tried=1)
    assert met(SECOND, live=(second,)) == "c1"
    assert met(ROSA, live=(second,)) is None


def test_of_two_consultations_that_show_the_same_did_neither_is_ended_by_guess() -> None:
    other = replace(ASKING, id="c3", contact=Contact(6, "Luis", ("+56911111111",)))
    assert met(ANDES, live=(ASKING, other)) == ""
    assert met(ANDES, "+56911111111", live=(ASKING, other)) == "c3"


def test_a_contact_who_talks_already_is_not_the_one_who_forwards() -> None:
    talks = replace(ASKING, id="c3", phase=Phase.CONSULTING)
    assert met(ROSA, live=(talks, ASKING)) == "c1"
    assert met(ROSA, live=(talks,)) == "c3"
