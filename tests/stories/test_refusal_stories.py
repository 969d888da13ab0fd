"""A telephone that refuses: the rest belongs to it, not to the call, and after three refusals it is paused."""

import pytest
from msgspec.structs import replace
from story import MORNING, Story, speaks

from pbx_control.domain.call import journal, story
from pbx_control.domain.call.commands import NoteForward, Ring
from pbx_control.domain.call.events import SecretaryAnswered, SecretaryLeft
from pbx_control.domain.call.flow import step
from pbx_control.domain.call.model import Phase
from pbx_control.domain.call.moves import seat_of


def rung(day: Story) -> int:
    return sum(isinstance(command, Ring) for _, command in day.switch.done)


def test_a_telephone_that_refuses_one_caller_rests_for_all_who_wait() -> None:
    day = Story("Ana").caller_dials("andes", "one").caller_dials("andes", "two").caller_dials("norte", "three")
    day.about("one").rings("Ana").refuses("Ana").passes(4.9)
    assert rung(day) == 1
    day.passes(0.2)
    assert rung(day) == 2


def test_after_three_refusals_in_a_row_she_is_paused_and_comes_back_when_she_is_said_to_be_there() -> None:
    day = Story("Ana").caller_dials("andes", "one").caller_dials("andes", "two").caller_dials("norte", "three")
    for _ in range(3):
        day.refuses("Ana").passes(5.1)
    assert rung(day) == 3
    day.passes(30)
    assert rung(day) == 3
    day.is_back("Ana").about("one").is_in(Phase.OFFERING).answers("Ana").is_in(Phase.TALKING)


def test_who_is_tried_again_is_offered_one_call_and_paused_anew_by_one_refusal() -> None:
    day = Story("Ana").caller_dials("andes", "one")
    for _ in range(3):
        day.refuses("Ana").passes(5.1)
    day.is_tried_again("Ana").rings("Ana").refuses("Ana").passes(30)
    assert rung(day) == 4
    day.is_tried_again("Ana").rings("Ana").answers("Ana").is_in(Phase.TALKING)


def test_an_answered_call_between_begins_the_count_anew() -> None:
    day = Story("Ana").caller_dials("andes", "one")
    day.refuses("Ana").passes(5.1).refuses("Ana").passes(5.1).answers("Ana").passes(5).caller_hangs_up().passes(1)
    day.caller_dials("andes", "two").refuses("Ana").passes(5.1).rings("Ana")


@pytest.mark.parametrize("cause", [20, 27, 38])
def test_a_telephone_that_cannot_be_reached_rests_but_refuses_nothing(cause: int) -> None:
    day = Story("Ana").caller_dials("andes", "one")
    for _ in range(4):
        day.switch.leaves(day.call.secretary_leg, cause)
        day.passes(5.1)
    day.rings("Ana")


def test_a_telephone_that_rings_in_vain_refuses_nothing_and_the_next_caller_is_not_kept_waiting() -> None:
    day = Story("Ana").caller_dials("andes", "one").caller_dials("andes", "two").passes(10.2)
    day.about("two").rings("Ana")


def test_another_secretary_is_rung_at_once() -> None:
    Story("Ana", speaks("Eva")).caller_dials("andes").refuses("Ana").rings("Eva")


def test_the_journal_says_that_the_system_pauses_her() -> None:
    day = Story("Ana").caller_dials("andes")
    day.refuses("Ana").passes(5.1).refuses("Ana").passes(5.1).rings("Ana")
    before = day.call
    day.refuses("Ana")
    told = journal.details(SecretaryLeft(day.now, before.secretary_leg, 17), before, day.call)
    assert told is not None
    assert story.sentence("SecretaryLeft", told, "en") == (
        "Ana's telephone refuses the third call in a row: the system pauses her"
    )


def forwards(day: Story) -> list[bool]:
    return [chair.forwards for chair in day.chairs]


def test_a_telephone_left_on_forward_is_remembered_until_it_rings_again() -> None:
    day = Story("Ana").caller_dials("andes")
    assert forwards(day) == [False]
    day.forwards("Ana").passes(4.9)
    assert forwards(day) == [True]
    day.passes(0.2).rings("Ana")
    assert forwards(day) == [False]


def test_one_that_answers_without_a_ring_forwards_no_more() -> None:
    call = Story("Ana").caller_dials("andes").rings("Ana").call
    her = replace(seat_of(call), forwards=True)
    call, commands = step(replace(call, seat=her), SecretaryAnswered(MORNING, call.secretary_leg))
    assert NoteForward(her.secretary_id, False) in commands
    assert not seat_of(call).forwards


def test_one_that_declines_forwards_nothing() -> None:
    assert forwards(Story("Ana").caller_dials("andes").refuses("Ana").passes(4.9)) == [False]
