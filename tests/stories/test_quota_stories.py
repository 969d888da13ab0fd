"""Stories of a client's calls running out: who is charged, who is turned away, what he hears."""

from typing import Any

import pytest
from story import WELCOME, Story

from pbx_control.domain.call.commands import HangUp, Play, RecordMessage, Ring
from pbx_control.domain.call.model import Admission, Outcome, Unit


def metered(*secretaries: str, units: int = 10, **facts: Any) -> Story:
    """A client with a plan, of which so many calls are left, is called."""
    story = Story(*secretaries)
    story.units = units
    return story.caller_dials("andes", metered=True, **facts)


def test_a_secretary_who_answers_uses_a_unit() -> None:
    story = metered("Ana").rings("Ana").passes(3).answers("Ana")
    assert (story.units, story.charged) == (9, ["maria"])
    story.passes(60).caller_hangs_up().passes(1).ended(Outcome.ANSWERED)
    assert (story.units, story.charged) == (9, ["maria"])


def test_a_caller_who_gives_up_costs_nothing() -> None:
    story = metered("Ana").rings("Ana").passes(3)
    assert story.units == 9  # kept for him as long as he waits
    story.caller_hangs_up().passes(3).ended(Outcome.MISSED)
    assert (story.units, story.charged) == (10, [])


def test_a_left_message_costs_nothing() -> None:
    story = metered(takes_messages=True).passes(91).hears("leave a message").caller_hangs_up().passes(40)
    story.ended(Outcome.MISSED)
    assert (story.units, story.charged) == (10, [])


@pytest.mark.parametrize("admission", [Admission.CLOSED, Admission.EXHAUSTED])
def test_nothing_is_reserved_where_nobody_will_be_rung(admission: Admission) -> None:
    story = metered("Ana", admission=admission).never(Ring).passes(5)
    assert (story.units, story.charged) == (10, [])


def test_a_caller_whose_secretary_is_lost_is_charged_once() -> None:
    story = metered("Ana", "Eva").rings("Ana").answers("Ana").passes(20).network_dies("Ana").passes(1)
    story.rings("Eva").answers("Eva").passes(20).caller_hangs_up().passes(1).ended(Outcome.ANSWERED)
    assert (story.units, story.charged) == (9, ["maria"])


def test_a_wrong_number_that_she_marks_costs_nothing() -> None:
    story = metered("Ana").answers("Ana").presses("Ana", "*9").was_told("ana", "beep").hears("ana")
    story.presses("Ana", "*9").was_told("ana", "refusal").passes(20).caller_hangs_up().passes(1)
    story.ended(Outcome.ANSWERED)
    assert (story.units, story.charged) == (10, [])


def test_a_wrong_number_is_none_of_the_next_secretarys_either() -> None:
    story = metered("Ana", "Eva").answers("Ana").presses("Ana", "*9").network_dies("Ana").passes(1)
    story.rings("Eva").answers("Eva").passes(20).caller_hangs_up().passes(1).ended(Outcome.ANSWERED)
    assert (story.units, story.charged) == (10, [])


def test_of_a_client_that_is_not_counted_a_wrong_number_is_noted_too() -> None:
    story = Story("Ana").caller_dials("andes").answers("Ana").presses("Ana", "*9").was_told("ana", "beep")
    assert story.call.wrong_number


def test_out_of_calls_he_hears_the_announcement_and_nobody_is_rung() -> None:
    story = metered("Ana", units=0).hears("exhausted").never(Ring).passes(4).ended(Outcome.EXHAUSTED)
    assert (story.units, story.charged) == (0, [])


def test_who_is_reported_daily_is_not_told_one_by_one() -> None:
    metered("Ana", units=0, exhausted_report=True).passes(4).ended(Outcome.EXHAUSTED, letters=0)


def test_out_of_calls_he_may_leave_a_message_which_is_told_at_once() -> None:
    story = metered("Ana", units=0, exhausted_messages=True, exhausted_report=True)
    story.expect(Play, sounds=("exhausted", "leave a message")).passes(4).expect(RecordMessage).never(Ring)
    story.passes(8).caller_hangs_up().passes(40).ended(Outcome.EXHAUSTED)
    assert (story.units, story.charged) == (0, [])


def test_a_suspended_clients_callers_leave_no_message() -> None:
    story = metered("Ana", admission=Admission.EXHAUSTED, exhausted_messages=True)
    story.hears("exhausted").never(RecordMessage).passes(4).ended(Outcome.EXHAUSTED)


def test_of_two_callers_for_the_last_unit_one_is_served() -> None:
    story = metered("Ana", "Eva", units=1).rings("Ana")
    story.caller_dials("andes", "pedro", metered=True).hears("exhausted").passes(4).ended(Outcome.EXHAUSTED)
    story.about("maria").answers("Ana").passes(5).caller_hangs_up().passes(1).ended(Outcome.ANSWERED)
    assert (story.units, story.charged) == (0, ["maria"])


def test_a_unit_that_was_not_used_serves_the_next_caller() -> None:
    story = metered("Ana", units=1).rings("Ana").caller_hangs_up().passes(3).ended(Outcome.MISSED)
    story.caller_dials("andes", "pedro", metered=True).rings("Ana").answers("Ana").passes(2).caller_hangs_up()
    assert (story.units, story.charged) == (0, ["pedro"])


def test_a_client_without_a_plan_is_not_counted() -> None:
    story = Story("Ana").caller_dials("andes").rings("Ana").answers("Ana").passes(2).caller_hangs_up().passes(1)
    story.ended(Outcome.ANSWERED)
    assert (story.units, story.charged) == (1000, [])


def test_a_blocked_caller_is_hung_up_without_a_word_and_without_a_letter() -> None:
    story = metered("Ana", admission=Admission.BLOCKED).expect(HangUp).never(Play).never(Ring)
    story.passes(5).ended(Outcome.BLOCKED, letters=0)
    assert (story.units, story.charged) == (10, [])


def test_a_daemon_that_dies_while_she_rings_charges_once_when_the_next_one_finds_the_answer() -> None:
    story = metered("Ana").rings("Ana").passes(2).daemon_dies().answers("Ana").passes(2).daemon_returns().passes(10)
    assert story.charged == ["maria"]
    story.daemon_dies().passes(1).daemon_returns().passes(5).caller_hangs_up().passes(2).ended(Outcome.ANSWERED)
    assert (story.units, story.charged) == (9, ["maria"])


def test_a_caller_whom_the_switch_takes_over_gives_his_unit_back() -> None:
    """What the switch serves alone is charged by its own record."""
    story = metered("Ana", units=1, sounds=WELCOME)
    call = story.calls["maria"]
    assert call.unit is Unit.RESERVED
    story.daemon_dies().passes(200).daemon_returns().passes(5)
    assert (story.units, story.charged) == (1, [])
