"""Stories of a daemon that dies: whatever it was doing, the next one goes on with it, and nobody is left behind."""

from datetime import timedelta

import pytest
from story import EARLY, WELCOME, Story, speaks

from pbx_control.domain.call.commands import (
    Answer,
    Join,
    JoinAnew,
    LimitLeg,
    MixOnce,
    Play,
    RecordBridge,
    Ring,
    StopMusic,
)
from pbx_control.domain.call.ending import PARTING_LIMIT
from pbx_control.domain.call.events import Held, PromptEnded
from pbx_control.domain.call.lengths import lengths_of
from pbx_control.domain.call.model import Admission, Outcome, Phase

# --- the daemon is away for some seconds -------------------------------------------------------------------------


def test_a_conversation_talks_on_and_is_not_touched() -> None:
    story = Story("Ana").caller_dials("andes", recording=True).answers("Ana").passes(5).expect(RecordBridge)
    story.daemon_dies().passes(60).hears("ana").daemon_returns().hears("ana").never(Join).never(RecordBridge)
    story.passes(60).caller_hangs_up().passes(1).ended(Outcome.ANSWERED)
    assert story.call.recording_flaw == ""


def test_a_caller_who_hung_up_meanwhile_is_settled() -> None:
    story = Story("Ana").caller_dials("andes").answers("Ana").passes(5).daemon_dies().caller_hangs_up().passes(5)
    story.hears_nobody().daemon_returns().passes(1).ended(Outcome.ANSWERED).is_free("Ana")


def test_a_secretary_who_hung_up_meanwhile_ended_the_call() -> None:
    story = Story("Ana", "Eva").caller_dials("andes", recording=True).answers("Ana").passes(9).daemon_dies()
    story.hangs_up("Ana").passes(5).daemon_returns().passes(5).ended(Outcome.ANSWERED).is_free("Ana")


def test_a_secretary_whose_network_died_meanwhile_sends_him_to_the_front() -> None:
    story = Story("Ana", "Eva").caller_dials("andes").answers("Ana").passes(5).daemon_dies()
    story.network_dies("Ana").passes(5).daemon_returns().hears("music").rings("Eva").answers("Eva").hears("eva")


def test_a_secretary_who_is_gone_nobody_knows_how_sends_him_to_the_front_too() -> None:
    story = Story("Ana", "Eva").caller_dials("andes").answers("Ana").passes(5).daemon_dies().hangs_up("Ana")
    story.switch.causes.clear()
    story.passes(5).daemon_returns().hears("music").rings("Eva").answers("Eva").hears("eva")


def test_a_recording_that_went_on_while_nobody_looked_is_as_long_as_it_may_be() -> None:
    story = Story("Ana").caller_dials("andes", recording=True).answers("Ana").passes(9).daemon_dies().passes(14)
    story.caller_hangs_up().passes(6).daemon_returns().passes(5).ended(Outcome.ANSWERED)
    assert lengths_of(story.call).talked == timedelta(seconds=11)  # the least that is certain is told
    assert story.call.recording_flaw == ""


def test_one_that_is_longer_than_even_that_is_told() -> None:
    story = Story("Ana").caller_dials("andes", recording=True).answers("Ana").passes(9).daemon_dies().passes(1)
    story.caller_hangs_up().passes(4).daemon_returns()
    story.switch.files["2026/08/03/maria.wav"].began -= timedelta(seconds=20)
    story.passes(5).ended(Outcome.ANSWERED)
    assert story.call.recording_flaw == "long"


def test_both_gone_meanwhile() -> None:
    story = Story("Ana").caller_dials("andes", recording=True).answers("Ana").passes(9).daemon_dies()
    story.hangs_up("Ana").caller_hangs_up().passes(30).daemon_returns().passes(5).ended(Outcome.ANSWERED)
    story.is_free("Ana")


def test_an_answer_that_fell_into_the_gap_connects() -> None:
    story = Story("Ana").caller_dials("andes").passes(2).daemon_dies().passes(1).answers("Ana").passes(2)
    story.daemon_returns().hears("ana").passes(9).caller_hangs_up().passes(1).ended(Outcome.ANSWERED)


def test_an_answer_that_fell_into_the_gap_is_recorded_once() -> None:
    story = Story("Ana").caller_dials("andes", recording=True).passes(2).daemon_dies().answers("Ana").passes(2)
    story.daemon_returns().hears("ana").expect(RecordBridge).never(RecordBridge)


def test_a_telephone_that_stopped_ringing_meanwhile_counts_as_refused() -> None:
    story = Story("Ana", "Eva").caller_dials("andes").passes(2).daemon_dies().passes(1).refuses("Ana").passes(2)
    story.daemon_returns().hears("ringing").rings("Eva")


def test_after_twenty_seconds_without_a_daemon_the_music_begins_when_it_is_back() -> None:
    story = Story().caller_dials("andes").passes(18).daemon_dies().passes(5).hears("ringing")
    story.daemon_returns().passes(0.1).expect(Answer).hears("music")


def test_a_position_that_is_still_being_spoken_is_left_alone() -> None:
    story = Story().caller_dials("andes").passes(21).hears("position 1").daemon_dies().passes(1)
    story.daemon_returns().hears("position 1").passes(1.6).hears("music")


def test_a_position_that_was_being_spoken_is_followed_by_music() -> None:
    story = Story().caller_dials("andes").passes(21).hears("position 1").daemon_dies().passes(5).hears("silence")
    story.daemon_returns().hears("music").passes(31).hears("position 1")


def test_so_is_one_while_a_telephone_rang_in_vain() -> None:
    story = Story().caller_dials("andes").passes(20.2).sits_down("Ana").passes(1).hears("position 1")
    story.daemon_dies().passes(4).refuses("Ana").daemon_returns().hears("music").passes(31).hears("position 1")


def test_a_welcome_that_was_played_meanwhile_is_not_played_again() -> None:
    story = Story("Ana").caller_dials("andes", sounds=WELCOME).expect(Play).passes(1).daemon_dies().passes(5)
    story.hears("silence").daemon_returns().never(Play).passes(0.1).rings("Ana")


def test_one_that_never_began_is_played() -> None:
    story = Story("Ana").daemon_dies_before_performing().caller_dials("andes", sounds=WELCOME).passes(5)
    story.hears("silence").daemon_returns().expect(Play).hears("notice").passes(4).rings("Ana")


def test_he_who_loses_every_daemon_after_two_seconds_hears_it_once() -> None:
    story = Story("Ana").caller_dials("andes", sounds=WELCOME).expect(Play)
    for _ in range(3):
        story.passes(1).daemon_dies().passes(1).daemon_returns()
    story.never(Play).rings("Ana")


def test_a_welcome_that_still_plays_plays_on() -> None:
    story = Story("Ana").caller_dials("andes", sounds=WELCOME).expect(Play).passes(1).daemon_dies().passes(1)
    story.hears("notice").daemon_returns().never(Play).hears("notice").passes(2).rings("Ana")


def test_an_early_notice_that_was_played_meanwhile_is_followed_by_ringing_unanswered() -> None:
    story = Story("Ana").caller_dials("andes", **EARLY).expect(Play).passes(1).daemon_dies().passes(5)
    story.hears("silence").daemon_returns().never(Play).passes(0.1).hears("ringing").never(Answer)
    story.rings("Ana").answers("Ana").expect(Answer).hears("ana")


def test_an_early_notice_that_never_began_is_played_unanswered() -> None:
    story = Story("Ana").daemon_dies_before_performing().caller_dials("andes", **EARLY).passes(5).hears("silence")
    story.daemon_returns().expect(Play).hears("notice").passes(4).hears("ringing").never(Answer)


def test_an_early_notice_that_still_plays_plays_on() -> None:
    story = Story("Ana").caller_dials("andes", **EARLY).expect(Play).passes(1).daemon_dies().passes(1)
    story.hears("notice").daemon_returns().never(Play).passes(2).rings("Ana").never(Answer)


def test_a_closed_announcement_too() -> None:
    story = Story().caller_dials("andes", admission=Admission.CLOSED).passes(1).daemon_dies().passes(5)
    story.daemon_returns().passes(1).ended(Outcome.CLOSED, letters=0)


def test_an_exhausted_announcement_too() -> None:
    story = Story().caller_dials("andes", admission=Admission.EXHAUSTED).passes(1).daemon_dies().passes(5)
    story.daemon_returns().passes(1).ended(Outcome.EXHAUSTED)


def test_an_announcement_that_never_began_is_played() -> None:
    story = Story().daemon_dies_before_performing().caller_dials("andes", admission=Admission.CLOSED).passes(5)
    story.daemon_returns().hears("closed").passes(4).ended(Outcome.CLOSED, letters=0)


def test_who_has_been_asked_for_a_message_meanwhile_hears_the_tone() -> None:
    story = Story().caller_dials("andes").passes(91).hears("leave a message").daemon_dies().passes(5)
    story.daemon_returns().speaks_a_message(5).hears("thanks").passes(4).ended(Outcome.LEFT_MESSAGE)


def test_who_was_to_be_asked_for_a_message_is_asked() -> None:
    story = Story().caller_dials("andes").passes(89.7).daemon_dies_before_performing().passes(5)
    story.daemon_returns().hears("leave a message").passes(3.2).speaks_a_message(5).hears("thanks").passes(4)
    story.ended(Outcome.LEFT_MESSAGE)


def test_who_is_being_asked_for_a_message_is_not_interrupted() -> None:
    story = Story().caller_dials("andes").passes(91).hears("leave a message").daemon_dies().passes(1)
    story.daemon_returns().hears("leave a message").passes(1.2).hears("tone")


def test_who_speaks_a_message_is_not_interrupted() -> None:
    story = Story().caller_dials("andes").passes(95).hears("tone").daemon_dies().passes(5).daemon_returns()
    story.hears("tone").speaks_a_message(5).hears("thanks").passes(9).ended(Outcome.LEFT_MESSAGE)
    assert story.call.messages == 1


def test_who_has_spoken_a_message_meanwhile_is_thanked() -> None:
    story = Story().caller_dials("andes").passes(95).hears("tone").daemon_dies().passes(5)
    story.switch.message_ends("maria")
    story.passes(5).hears("silence").daemon_returns().passes(0.1).hears("thanks").passes(9).ended(Outcome.LEFT_MESSAGE)


def test_a_message_spoken_while_nobody_listened_is_kept() -> None:
    story = Story().caller_dials("andes").passes(94).hears("tone").daemon_dies().passes(9).caller_hangs_up()
    story.passes(3).daemon_returns().passes(5).ended(Outcome.LEFT_MESSAGE)
    assert story.call.message == "2026/08/03/maria-message.wav"


def test_a_message_that_was_being_spoken_when_the_connection_broke_is_thanked_for() -> None:
    story = Story().caller_dials("andes").passes(94).hears("tone").daemon_dies().passes(2).daemon_returns()
    story.passes(1)
    story.switch.message_ends("maria")
    story.passes(9).ended(Outcome.LEFT_MESSAGE)


def test_who_has_been_thanked_meanwhile_is_let_go() -> None:
    story = Story().caller_dials("andes").passes(94).speaks_a_message(5).hears("thanks").daemon_dies().passes(9)
    story.daemon_returns().passes(1).ended(Outcome.LEFT_MESSAGE)


def test_a_caller_whom_the_switch_took_over_is_left_to_it() -> None:
    story = Story("Ana").caller_dials("andes").passes(2).daemon_dies().passes(1)
    story.switch.legs["maria"].ours = False
    story.daemon_returns().is_in(Phase.ENDED)
    assert (story.call.taken_over, story.letters, story.books.claims) == (True, [], {})


def test_a_caller_who_waits_while_the_daemon_is_away_for_long_is_taken_over_by_the_switch() -> None:
    story = Story().caller_dials("andes").passes(30).daemon_dies().passes(100).daemon_returns()
    assert story.call.taken_over


def test_a_call_that_had_just_been_let_go_is_let_go_to_the_end() -> None:
    story = Story("Ana").caller_dials("andes", recording=True).answers("Ana").passes(9).caller_hangs_up().daemon_dies()
    story.passes(9).daemon_returns().passes(5).ended(Outcome.ANSWERED)


# --- a step is saved, but the daemon dies before it performs it -----------------------------------------------------


def test_an_answer_is_saved_but_not_performed() -> None:
    story = Story("Ana").caller_dials("andes", recording=True).passes(2).daemon_dies_before_performing()
    story.answers("Ana").passes(8).daemon_returns().hears("ana").expect(RecordBridge)
    story.passes(10).caller_hangs_up().passes(5).ended(Outcome.ANSWERED)
    assert story.call.recording_flaw == ""  # nobody could talk before the two were joined


def test_an_answer_during_the_music_is_saved_but_not_performed() -> None:
    story = Story().caller_dials("andes").passes(30).sits_down("Ana").passes(1).hears("music")
    story.daemon_dies_before_performing().answers("Ana").passes(3).daemon_returns().hears("ana")
    assert not story.switch.legs["maria"].music


def test_a_ring_is_saved_but_not_performed() -> None:
    story = Story().caller_dials("andes").passes(2).daemon_dies_before_performing().sits_down("Ana").passes(3)
    story.daemon_returns().hears("ringing").passes(6).rings("Ana").answers("Ana").hears("ana")


def test_the_end_of_the_ringing_is_saved_but_the_call_not_answered() -> None:
    story = Story().caller_dials("andes").passes(19).daemon_dies_before_performing().passes(5).hears("ringing")
    story.daemon_returns().expect(Answer).hears("music").passes(1).hears("position 1")


def test_a_goodbye_is_saved_but_the_caller_not_hung_up() -> None:
    story = Story().caller_dials("andes", admission=Admission.CLOSED, summary_closed=True).passes(2.5)
    story.daemon_dies_before_performing().passes(9).daemon_returns().passes(1).ended(Outcome.CLOSED)


def test_a_callers_goodbye_is_saved_but_she_not_hung_up() -> None:
    story = Story("Ana").caller_dials("andes", recording=True).answers("Ana").passes(9)
    story.daemon_dies_before_performing().caller_hangs_up().passes(5).hears_nobody()
    story.daemon_returns().passes(1).ended(Outcome.ANSWERED).is_free("Ana")


def test_her_goodbye_is_saved_but_the_caller_not_hung_up() -> None:
    story = Story("Ana").caller_dials("andes").answers("Ana").passes(9)
    story.daemon_dies_before_performing().hangs_up("Ana").passes(5).daemon_returns().passes(1)
    story.ended(Outcome.ANSWERED)


def test_a_withdrawal_is_saved_but_her_telephone_rings_on() -> None:
    story = Story("Ana", "Eva").caller_dials("andes").passes(9).daemon_dies_before_performing().passes(2)
    story.rings("Ana").daemon_returns().passes(3).rings("Eva")
    assert story.switch.telephone("ana") is None


def test_a_look_at_the_files_is_saved_but_not_taken() -> None:
    story = Story("Ana").caller_dials("andes", recording=True).answers("Ana").passes(9).caller_hangs_up()
    story.passes(0.06).daemon_dies_before_performing().passes(5).daemon_returns().passes(5).ended(Outcome.ANSWERED)


def test_the_message_is_asked_for_but_the_tone_never_comes() -> None:
    story = Story().caller_dials("andes").passes(92).daemon_dies_before_performing().passes(5).hears("silence")
    story.daemon_returns().hears("leave a message").passes(3.2).speaks_a_message(4).passes(4)
    story.ended(Outcome.LEFT_MESSAGE)


# --- the comparison that is made every minute -----------------------------------------------------------------------


def test_a_comparison_changes_nothing_where_all_is_well() -> None:
    story = Story("Ana").caller_dials("andes", recording=True).passes(2).compares().answers("Ana").passes(2)
    done = len(story.switch.done)
    story.compares().passes(60).compares()
    assert len(story.switch.done) == done


def test_a_recording_that_stopped_is_taken_up_again_and_its_end_awaited() -> None:
    story = Story("Ana").caller_dials("andes", recording=True).answers("Ana").passes(5)
    story.switch._close_all_of("maria", story.call.bridge)
    story.passes(1).compares().passes(20).caller_hangs_up().passes(1).ended(Outcome.ANSWERED)
    assert story.call.recording_flaw == ""


def test_an_end_that_was_missed_is_found() -> None:
    story = Story("Ana").caller_dials("andes").answers("Ana").passes(5).connection_breaks().caller_hangs_up()
    story.connected = True
    story.passes(30).is_in(Phase.TALKING).compares().passes(1).ended(Outcome.ANSWERED)


def test_a_goodbye_that_the_switch_did_not_hear_is_said_again() -> None:
    story = Story().caller_dials("andes", admission=Admission.CLOSED, summary_closed=True).passes(3.04)
    story.connection_breaks().happens(PromptEnded(story.now, story.call.prompt)).is_in(Phase.ENDING)
    story.connected = True
    story.passes(4).ended(Outcome.CLOSED)


@pytest.mark.parametrize("seconds", [1, 10.02, 13, 20, 20.52, 25, 91, 95, 110])
def test_a_daemon_that_is_back_within_five_seconds_drops_no_caller(seconds: float) -> None:
    story = Story(speaks("Ana")).caller_dials("andes", wait_limit=timedelta(seconds=90)).passes(seconds)
    story.daemon_dies().passes(5).daemon_returns().passes(0.1)
    assert story.switch.heard_by("maria") != "silence"
    story.passes(250)
    assert story.call.phase is Phase.ENDED
    assert [command for _, command in story.switch.done if isinstance(command, Ring)]
    story.nothing_is_left()


@pytest.mark.parametrize("admission", [Admission.CLOSED, Admission.EXHAUSTED])
def test_whom_nobody_is_to_serve_is_let_go_when_the_daemon_dies_in_his_announcement(admission: Admission) -> None:
    story = Story("Ana").caller_dials("andes", admission=admission, why="hours").expect(LimitLeg, then="parting")
    story.daemon_dies().passes(PARTING_LIMIT.total_seconds() + 1).hears_nobody()
    story.daemon_returns().passes(1).is_in(Phase.ENDED)
    assert story.call.outcome == admission.value
    assert not story.call.message


def test_music_of_a_hold_ends_with_the_new_daemon_as_she_may_have_taken_him_back() -> None:
    story = Story("Ana").caller_dials("andes", recording=True).answers("Ana").passes(5)
    story.happens(Held(story.now, story.call.secretary_leg)).daemon_dies().passes(5)
    story.daemon_returns().expect(StopMusic, leg=story.call.id).hears("ana")


# --- the switch's own limits -------------------------------------------------------------------------------------


@pytest.mark.parametrize("told", [{}, EARLY], ids=["rings at once", "is told first that he is recorded"])
def test_the_short_limit_of_who_is_not_taken_is_lifted_by_the_next_daemon(told) -> None:
    story = Story("Ana").daemon_dies_before_performing().caller_dials("andes", **told).never(LimitLeg)
    story.passes(3).daemon_returns().expect(LimitLeg, leg="maria")


@pytest.mark.parametrize("recording", [True, False])
def test_who_began_a_new_stream_while_no_daemon_was_there_is_heard_again(recording: bool) -> None:
    anew = JoinAnew if recording else MixOnce
    story = Story("Ana").caller_dials("andes", recording=recording).answers("Ana").passes(5)
    story.daemon_dies().passes(5).daemon_returns().expect(anew, bridge=story.call.bridge)
    story.consults().expect(MixOnce)
    story.daemon_dies().passes(5).daemon_returns().expect(MixOnce, bridge=story.call.consultation)
    story.presses("Ana", "##").passes(1)
    story.daemon_dies().passes(5).daemon_returns().expect(anew, bridge=story.call.bridge)
