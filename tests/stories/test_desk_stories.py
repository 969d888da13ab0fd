"""At her desk: her page is open or lost, work follows the call, a pause comes at its end, three offers ring in vain."""

from datetime import timedelta

import pytest
from msgspec.structs import replace
from story import MORNING, Story, speaks

from pbx_control.domain.call import events as e
from pbx_control.domain.call import journal, story
from pbx_control.domain.call.commands import Refusal, Ring
from pbx_control.domain.call.model import Call, Deadline, Phase
from pbx_control.domain.call.moves import seat_of
from pbx_control.domain.desk.duty import PausedBy

TWO_MINUTES, WAITS = timedelta(minutes=2), timedelta(minutes=10)


def ana(day: Story) -> int:
    return next(chair.seat.secretary_id for chair in day.chairs if chair.seat.name == "Ana")


def at_desk(*others: str) -> Story:
    """Ana's page is open."""
    day = Story("Ana", *others)
    return day.desks(open_=["Ana"])


def calls(day: Story, who: str = "one") -> Story:
    return day.caller_dials("andes", who, after_call=TWO_MINUTES, wait_limit=WAITS)


def talks(day: Story, who: str = "one") -> Story:
    return calls(day, who).answers("Ana").passes(5)


def rung(day: Story) -> int:
    return sum(isinstance(command, Ring) for _, command in day.switch.done)


# --- after the call ---------------------------------------------------------------------------------------------


def test_the_clients_limit_passes_and_she_is_offered_calls_again() -> None:
    day = talks(at_desk()).caller_hangs_up().passes(1)
    calls(day, "two").passes(118).rings()
    day.passes(2).rings("Ana")


def test_a_longer_rest_of_her_own_holds() -> None:
    day = Story(speaks("Ana", wrap_up=180)).desks(open_=["Ana"])
    talks(day).caller_hangs_up().passes(1)
    calls(day, "two").passes(170).rings()
    day.passes(10).rings("Ana")


def test_by_her_telephone_alone_she_has_her_own_rest_only() -> None:
    day = talks(Story("Ana")).caller_hangs_up().passes(1)
    calls(day, "two").rings("Ana")


def test_who_opens_her_page_during_the_call_has_the_clients_limit_too() -> None:
    day = talks(Story("Ana")).desks(open_=["Ana"]).passes(1).caller_hangs_up().passes(1)
    calls(day, "two").passes(118).rings()
    day.passes(2).rings("Ana")


def test_a_page_that_is_opened_and_lost_before_the_call_ends_gives_no_work() -> None:
    day = talks(Story("Ana")).desks(open_=["Ana"]).desks(lost=["Ana"]).desks(open_=[]).passes(1)
    calls(day.caller_hangs_up().passes(1), "two").rings("Ana")


def test_who_lost_her_network_has_her_caller_again_at_once_and_the_work_follows_then() -> None:
    day = talks(at_desk()).network_dies("Ana").rings("Ana").answers("Ana").passes(5).caller_hangs_up().passes(1)
    calls(day, "two").passes(118).rings()
    day.passes(2).rings("Ana")


def test_the_message_is_sent_and_she_is_free_at_once() -> None:
    day = talks(at_desk()).caller_hangs_up().passes(1)
    calls(day, "two").rings()
    day.is_done("Ana", "one").rings("Ana")


def test_what_was_sent_before_the_calls_end_counts_for_that_call() -> None:
    day = talks(at_desk())
    day.asks("Ana", e.WorkDone, ana(day)).is_told()
    day.caller_hangs_up().passes(1)
    calls(day, "two").rings("Ana").answers("Ana").passes(5).caller_hangs_up().passes(1)
    calls(day, "three").rings()


def test_said_twice_it_is_done_twice() -> None:
    day = talks(at_desk())
    day.asks("Ana", e.WorkDone, ana(day)).is_told().asks("Ana", e.WorkDone, ana(day)).is_told()


def test_who_sends_it_while_caller_and_contact_talk_is_free_when_her_line_is_closed() -> None:
    day = talks(at_desk()).consults()
    day.asks("Ana", e.WorkDone, ana(day)).is_told().presses("Ana", "##").passes(1)
    calls(day, "two").rings("Ana")


def test_the_message_of_an_earlier_call_ends_no_work_of_this_one() -> None:
    day = talks(at_desk()).caller_hangs_up().passes(121)
    talks(day, "two").caller_hangs_up().passes(1)
    calls(day, "three").rings()
    day.is_done("Ana", "one").rings()
    day.is_done("Ana", "two").rings("Ana")


def test_during_a_call_the_message_of_an_earlier_one_changes_nothing() -> None:
    day = talks(at_desk()).caller_hangs_up().passes(121)
    talks(day, "two").is_done("Ana", "one").caller_hangs_up().passes(1)
    calls(day, "three").rings()


def test_who_does_not_have_the_call_cannot_say_so() -> None:
    calls(at_desk()).asks("Ana", e.WorkDone, 1).is_told(Refusal.NOT_HERS)


def test_a_refused_offer_is_followed_by_a_rest_that_her_key_does_not_end() -> None:
    day = calls(at_desk()).refuses("Ana").is_done("Ana", "").passes(4).rings()
    day.passes(2).rings("Ana")


def test_a_new_revision_of_the_office_that_was_read_before_she_was_done_gives_her_no_work_again() -> None:
    day = talks(at_desk()).caller_hangs_up().passes(1)
    stale = list(day.chairs)
    day.is_done("Ana", "one")
    day.board.staff(stale)
    calls(day, "two").rings("Ana")


# --- pauses -----------------------------------------------------------------------------------------------------


def test_a_pause_that_is_asked_for_during_the_call_comes_at_its_end() -> None:
    day = talks(at_desk()).pauses("Ana").is_in(Phase.TALKING).passes(30).caller_hangs_up().passes(1)
    her = next(chair for chair in day.chairs if chair.seat.name == "Ana")
    assert her.paused_at
    assert day.now - her.paused_at < timedelta(seconds=1)
    calls(day, "two").passes(150).rings()
    day.is_back("Ana").rings("Ana")


def test_a_pause_and_its_end_touch_no_call_that_waits_rings_or_talks() -> None:
    day = calls(at_desk("Eva"))
    calls(day, "two")
    calls(day, "three")
    before = [day.calls[who].phase for who in ("one", "two", "three")]
    day.pauses("Ana").pauses("Eva").is_back("Ana").is_back("Eva")
    assert [day.calls[who].phase for who in ("one", "two", "three")] == before
    day.about("one").answers("Ana").pauses("Ana").is_back("Ana").is_in(Phase.TALKING)


def test_three_offers_ring_in_vain_at_her_desk_and_the_system_pauses_her() -> None:
    day = calls(at_desk()).passes(80)
    assert rung(day) == 3
    her = next(chair for chair in day.chairs if chair.seat.name == "Ana")
    assert (her.paused, her.paused_by) == (True, PausedBy.REFUSALS)
    day.is_back("Ana").rings("Ana")


def test_refused_and_let_ring_count_together() -> None:
    day = calls(at_desk()).refuses("Ana").passes(5.1).passes(15.2).refuses("Ana").passes(30)
    assert rung(day) == 3


def test_by_her_telephone_alone_an_offer_may_ring_in_vain_as_often_as_it_likes() -> None:
    day = calls(Story("Ana")).passes(80)
    assert rung(day) > 3


def test_the_journal_says_that_the_third_one_paused_her() -> None:
    call = calls(at_desk()).rings("Ana").call
    before = replace(call, phase=Phase.WITHDRAWING, seat=replace(seat_of(call), refusals=2))
    paused = "Ana's telephone lets the third call in a row ring: the system pauses her"
    left, over = e.SecretaryLeft(MORNING, call.secretary_leg), e.DeadlinePassed(MORNING, Deadline.WITHDRAWAL)
    assert said(left, before) == said(over, before) == paused
    assert said(left, replace(before, seat=replace(seat_of(call), refusals=1))) != paused


def said(event: e.Event, before: Call) -> str:
    told = journal.details(event, before, before)
    assert told is not None
    return story.sentence(type(event).__name__, told, "en")


# --- her page ---------------------------------------------------------------------------------------------------


def test_the_page_is_lost_while_a_call_waits_and_comes_back() -> None:
    day = at_desk().desks(lost=["Ana"])
    calls(day).passes(5).rings()
    day.desks(open_=["Ana"]).rings("Ana")


def test_a_page_that_is_lost_during_a_call_leaves_the_call_alone() -> None:
    day = talks(at_desk()).desks(lost=["Ana"]).passes(30).is_in(Phase.TALKING)
    day.caller_hangs_up().passes(1)
    calls(day, "two").passes(130).rings()


def test_the_web_process_dies_and_everybody_is_offered_calls_again() -> None:
    day = Story("Ana", "Eva").desks(open_=["Eva"], lost=["Ana"])
    calls(day).rings("Eva")
    calls(day, "two").rings()
    day.desks().about("two").rings("Ana")


def test_what_is_said_of_strangers_changes_nothing() -> None:
    day = Story("Ana")
    day.board.desks([1, 2], [3])
    calls(day).rings("Ana")


def test_a_desk_that_is_open_before_she_is_known_is_open_when_she_is() -> None:
    day = Story()
    day.board.desks((), [speaks("Ana").seat.secretary_id])
    calls(day.sits_down("Ana")).rings()


@pytest.mark.parametrize("again", [True, False])
def test_the_same_desks_again_are_no_change(again: bool) -> None:
    day = Story("Ana").desks(open_=["Ana"])
    assert day.board.desks([ana(day)] if again else [], []) is not again
