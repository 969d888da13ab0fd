"""Consultations that come back to us: which arriving calls are refused, and whose they were."""

import pytest
from msgspec.structs import replace

from pbx_control.domain.call.model import Admission, Call, Contact, Facts, Outgoing, Phase, Sounds
from pbx_control.domain.telephony.loops import Arriving, came_back, may_have_come_back

ANDES, INCA = "+56225550101", "+56225550102"
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
ASKING = Call(
    "c1",
    Phase.CALLING_CONTACT,
    facts=FACTS,
    contact=Contact(5, "Rosa", (ROSA, SECOND)),
    contact_legs=1,
    contact_here=True,
)
TALKING = replace(ASKING, id="c2", phase=Phase.TALKING, contact_here=False)


def met(
    caller: str,
    *forwarded_by: str,
    did: str = ANDES,
    mark: str = "",
    live: tuple[Call, ...] = (ASKING, TALKING),
) -> str | None:
    return came_back(Arriving(did, caller, forwarded_by, mark), live)


@pytest.mark.parametrize(
    ("caller", "forwarded_by"),
    [
        (STRANGER, ()),
        ("", ()),
        ("ana", (STRANGER,)),
        (STRANGER, (SECOND,)),
        (ROSA, ()),  # a colleague of hers, whose firm shows one number for all
        (STRANGER, (ROSA,)),  # he rang her up, and her telephone forwards to us
        (STRANGER, (ANDES,)),  # a firm whose operator names the number that it forwards to
        (INCA, ()),
    ],
)
def test_callers_are_served_while_a_contacts_telephone_rings(caller: str, forwarded_by: tuple[str, ...]) -> None:
    assert met(caller, *forwarded_by) is None


@pytest.mark.parametrize(
    ("caller", "forwarded_by"),
    [(ANDES, ()), (ANDES, (ROSA,)), (ANDES, (STRANGER,)), (ROSA, (ROSA,)), ("", (ROSA,)), ("", (STRANGER, ROSA))],
)
def test_a_consultation_is_known_by_the_did_it_shows_or_by_who_forwarded_it(
    caller: str, forwarded_by: tuple[str, ...]
) -> None:
    assert met(caller, *forwarded_by) == "c1"


@pytest.mark.parametrize("caller", [ANDES, INCA, ROSA, ""])
def test_without_a_consultation_everybody_is_served(caller: str) -> None:
    idle = (TALKING, replace(ASKING, phase=Phase.HANDED_OVER), replace(ASKING, phase=Phase.CONSULTING))
    for did in (ANDES, INCA):
        assert met(caller, ROSA, ANDES, did=did, live=idle) is None
        assert met(caller, did=did, live=()) is None


def test_it_comes_back_to_the_did_that_it_showed() -> None:
    assert met(ANDES, ROSA, did=INCA) is None
    assert met(INCA, did=INCA) is None


def test_our_own_mark_tells_it_wherever_it_comes_and_whatever_it_shows() -> None:
    assert met(STRANGER, did=INCA, mark="c1-contact-1") == "c1"
    assert met(STRANGER, did=INCA, mark="c1-contact-2") is None
    assert met(STRANGER, mark="c1-contact-1", live=(replace(ASKING, phase=Phase.CONSULTING),)) is None


def test_the_number_that_is_called_at_the_moment_counts() -> None:
    second = replace(ASKING, number_tried=1)
    assert met("", SECOND, live=(second,)) == "c1"
    assert met("", ROSA, live=(second,)) is None


def test_of_two_consultations_that_show_the_same_did_neither_is_ended_by_guess() -> None:
    other = replace(ASKING, id="c3", contact=Contact(6, "Luis", ("+56911111111",)))
    assert met(ANDES, live=(ASKING, other)) == ""
    assert met(ANDES, "+56911111111", live=(ASKING, other)) == "c3"
    assert met(ANDES, mark="c1-contact-1", live=(ASKING, other)) == "c1"


def test_between_two_numbers_of_a_contact_nothing_rings() -> None:
    assert met(ANDES, live=(replace(ASKING, contact_here=False),)) is None


@pytest.mark.parametrize(
    ("arriving", "suspect"),
    [
        (Arriving(ANDES, ANDES), True),
        (Arriving(ANDES, STRANGER, mark="c1-contact-1"), True),
        (Arriving(ANDES, "", (STRANGER, ROSA)), True),
        (Arriving(ANDES, STRANGER, (INCA,)), False),
        (Arriving(ANDES, ROSA), False),
        (Arriving(ANDES, ""), False),
    ],
)
def test_who_shows_nothing_of_a_consultation_is_looked_for_nowhere_else(arriving: Arriving, suspect: bool) -> None:
    assert may_have_come_back(arriving, (ROSA, SECOND)) is suspect
    assert suspect or came_back(arriving, (ASKING,)) is None
