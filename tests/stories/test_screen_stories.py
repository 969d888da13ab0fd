"""Stories of what is asked from a screen: what her telephone's keys do, for who has the call, and always answered."""

import pytest
from story import BOSS, Story, speaks

from pbx_control.domain.call import events as e
from pbx_control.domain.call.commands import (
    Dial,
    HangUp,
    PauseRecording,
    Refusal,
    ResumeRecording,
)
from pbx_control.domain.call.model import Outcome, Phase, Unit
from pbx_control.domain.call.transfer import FROM_SCREEN
from pbx_control.domain.money.quota import Kind, Uncounted


def talking(*more: str, **facts: object) -> Story:
    """Ana talks with a caller."""
    return Story("Ana", *more).caller_dials("andes", **facts).answers("Ana").passes(5)


def hers(story: Story) -> int:
    assert story.call.seat
    return story.call.seat.secretary_id


def ask(story: Story, kind: type[e.Asked]) -> Story:
    return story.asks("Ana", kind, hers(story))


def test_she_hands_over_and_is_free_before_she_is_told_that_it_is_done() -> None:
    story = ask(talking().consults().passes(5), e.HandOverAsked)
    story.is_in(Phase.HANDED_OVER).is_told()


def test_she_takes_the_caller_back() -> None:
    story = ask(talking().consults().passes(5), e.TakeBackAsked)
    story.is_in(Phase.TALKING).expect(HangUp).is_told().hears("ana")


def test_the_recording_is_off_and_on_again() -> None:
    story = ask(talking(recording=True), e.RecordingPauseAsked).expect(PauseRecording).is_told()
    ask(story, e.RecordingResumeAsked).expect(ResumeRecording).is_told()


def test_what_is_off_already_is_not_turned_off_twice() -> None:
    ask(talking(), e.RecordingResumeAsked).is_told(Refusal.NOT_PAUSED)
    ask(talking(recording=False), e.RecordingPauseAsked).is_told(Refusal.NOT_RECORDED)


def test_the_caller_goes_to_who_speaks_his_language() -> None:
    story = Story("Ana", speaks("Eva", "en")).caller_dials("andes").answers("Ana").passes(5)
    ask(story, e.LanguageAsked).is_told()
    assert story.call.language == "en"


def test_nobody_speaks_it() -> None:
    ask(talking(), e.LanguageAsked).is_in(Phase.TALKING).is_told(Refusal.NOBODY_SPEAKS_IT)


@pytest.mark.parametrize("kind", [e.WrongNumberAsked, e.SpamAsked])
def test_a_caller_who_is_marked_costs_the_client_nothing(kind: type[e.Asked]) -> None:
    story = ask(talking(metered=True), kind).is_told()
    ask(story, e.SpamAsked).is_told(Refusal.MARKED_ALREADY)
    story.caller_hangs_up().passes(1).ended(Outcome.ANSWERED)
    assert (story.call.unit, story.charged, reversals(story)) == (Unit.NONE, [], ["Ana"])


@pytest.mark.parametrize("kind", [e.WrongNumberAsked, e.SpamAsked])
def test_a_mark_that_is_taken_back_leaves_no_trace_in_the_ledger(kind: type[e.Asked]) -> None:
    story = ask(ask(talking(metered=True), kind), e.UnmarkAsked).is_told().is_in(Phase.TALKING)
    assert (story.call.wrong_number, story.call.spam) == (False, False)
    ask(story, e.UnmarkAsked).is_told(Refusal.NOT_MARKED)
    story.caller_hangs_up().passes(1).ended(Outcome.ANSWERED)
    assert (story.charged, reversals(story)) == (["maria"], [])


def test_who_is_marked_once_more_is_given_back_once() -> None:
    story = ask(ask(ask(talking(metered=True), e.SpamAsked), e.UnmarkAsked), e.WrongNumberAsked).is_told()
    story.hangs_up("Ana").passes(1).ended(Outcome.ANSWERED)
    assert (story.charged, reversals(story)) == ([], ["Ana"])
    assert story.books.ledger[-1].uncounted is Uncounted.WRONG_NUMBER


def test_a_mark_by_her_telephones_key_is_taken_back_on_her_screen() -> None:
    story = ask(talking(metered=True).presses("Ana", "*9"), e.UnmarkAsked).is_told()
    story.presses("Ana", "*9").was_told("ana", "beep").passes(1).caller_hangs_up().passes(1)
    assert (story.charged, reversals(story)) == ([], ["Ana"])


def test_a_mark_of_the_first_secretarys_the_second_may_take_back() -> None:
    story = Story("Ana", "Eva").caller_dials("andes", metered=True).answers("Ana").passes(5)
    ask(story, e.SpamAsked).network_dies("Ana").passes(1).rings("Eva").answers("Eva").passes(5)
    story.asks("Eva", e.UnmarkAsked, hers(story)).is_told().caller_hangs_up().passes(1).ended(Outcome.ANSWERED)
    assert (story.charged, reversals(story)) == (["maria"], [])


def test_a_mark_is_settled_when_the_call_is_handed_over() -> None:
    story = ask(talking(metered=True), e.SpamAsked).consults().passes(5).presses("Ana", "##").passes(1)
    assert (story.charged, reversals(story)) == ([], ["Ana"])
    story.caller_hangs_up().passes(1).ended(Outcome.ANSWERED)
    assert reversals(story) == ["Ana"]


def test_a_mark_holds_though_the_switch_serves_the_rest_alone() -> None:
    story = ask(talking(metered=True), e.WrongNumberAsked)
    story.happens(e.CallerTakenOver(story.now)).is_in(Phase.ENDED)
    assert (story.charged, reversals(story)) == ([], ["Ana"])


def reversals(story: Story) -> list[str]:
    """Who said so, of each charge that was taken back."""
    return [entry.why for entry in story.books.ledger if entry.kind is Kind.REVERSAL]


@pytest.mark.parametrize("kind", [kind for kind in FROM_SCREEN if kind is not e.ConsultationAsked])
def test_who_does_not_have_the_call_changes_nothing_in_it(kind: type[e.Asked]) -> None:
    story = talking()
    before = story.call
    story.asks("Eva", kind, hers(story) + 1).is_told(Refusal.NOT_HERS)
    assert story.call is before


def test_what_the_phase_does_not_allow_is_refused_without_a_sound() -> None:
    story = talking()
    before = story.call
    ask(story, e.HandOverAsked).is_told(Refusal.NOT_NOW)
    assert story.call is before


def test_who_waits_is_nobodys_yet() -> None:
    Story().caller_dials("andes").asks("Ana", e.SpamAsked, 1).is_told(Refusal.NOT_HERS)


def test_an_admin_may_in_any_call() -> None:
    talking().asks("root", e.SpamAsked).is_told()


def test_a_key_that_she_had_begun_is_no_part_of_it() -> None:
    story = ask(talking().presses("Ana", "*"), e.SpamAsked)
    story.presses("Ana", "1").is_in(Phase.TALKING).never(Dial)
    story.presses("Ana", "*1").expect(Dial, number=BOSS)
