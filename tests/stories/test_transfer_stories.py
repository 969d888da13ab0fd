"""Stories of supervised transfers (docs/service.md rule 9): who hears whom, in each phase, whoever hangs up first."""

from datetime import timedelta

import pytest
from story import BOSS, BOSS_AT_HOME, MORNING, OURS, SALES, Story, speaks

from pbx_control.domain.call.commands import (
    Dial,
    HangUp,
    Join,
    JoinAnew,
    Leave,
    LimitLeg,
    MixOnce,
    PauseRecording,
    Play,
    RecordBridge,
    ResumeRecording,
    StopMusic,
)
from pbx_control.domain.call.ending import talked
from pbx_control.domain.call.events import (
    ContactAnswered,
    DiallingRefused,
    LoopFound,
    NewStream,
    RecordingPauseAsked,
    SecretaryLeft,
)
from pbx_control.domain.call.model import Contact, Limit, Outcome, Outgoing, Phase
from pbx_control.domain.call.transfer import CONTACT_GIVE_UP, TAKEN_BACK_MARGIN

UNALLOCATED, BUSY, NO_ANSWER, REJECTED = 1, 17, 19, 21
ELSEWHERE = Outgoing("trunk-carrier", "e164", "CL", OURS, at_once=1, a_day=2)


def talking(*more: str, **facts: object) -> Story:
    """Ana talks with a caller."""
    return Story("Ana", *more).caller_dials("andes", **facts).answers("Ana").passes(5)


def handed_over(**facts: object) -> Story:
    return talking(**facts).consults().passes(5).presses("Ana", "##").passes(0.5)


# --- consulting -----------------------------------------------------------------------------------------------


def test_she_hears_the_contacts_telephone_ring_and_the_caller_hears_music() -> None:
    story = talking().presses("Ana", "*1").expect(Dial, number=BOSS, shown=OURS).passes(0.1)
    story.is_in(Phase.CALLING_CONTACT).hears("music").she_hears("ringing").never(Dial)
    assert story.dialled == [BOSS]


def test_she_talks_with_the_contact_in_private() -> None:
    story = talking().consults()
    story.hears("music").she_hears(BOSS).contact_hears("ana").passes(60).hears("music")


def test_she_hears_him_although_his_voice_is_another_stream_than_his_carriers_ringing() -> None:
    story = talking().presses("Ana", "*1").passes(3).contact_answers()
    story.expect(MixOnce, bridge=story.call.consultation)


@pytest.mark.parametrize("recording", [True, False])
@pytest.mark.parametrize("keys", ["*0", "##"])
def test_who_was_on_hold_is_heard_although_he_began_a_new_stream_meanwhile(keys: str, recording: bool) -> None:
    story = talking(recording=recording).consults().expect(MixOnce)
    story.happens(NewStream(story.now, story.call.id)).never(JoinAnew).never(MixOnce)
    story.presses("Ana", keys).expect(Join, bridge=story.call.bridge, anew=story.call.id)


def test_who_begins_a_new_stream_is_joined_anew_where_he_is_heard() -> None:
    story = talking(recording=True).consults().expect(MixOnce)
    for leg in (story.call.contact_leg, story.call.secretary_leg):
        story.happens(NewStream(story.now, leg)).expect(MixOnce, bridge=story.call.consultation)
    story.happens(NewStream(story.now, story.call.id)).never(JoinAnew).never(MixOnce)
    story.presses("Ana", "##").passes(0.5)
    for leg in (story.call.id, story.call.contact_leg):
        story.happens(NewStream(story.now, leg)).expect(JoinAnew, bridge=story.call.bridge, leg=leg)
    story.happens(NewStream(story.now, story.call.secretary_leg)).never(JoinAnew)


def test_from_the_desk_she_reaches_contacts_without_a_key() -> None:
    story = talking().asks_from_the_desk("Ana", 3).expect(Dial, number=BOSS)
    story.contact_answers().is_in(Phase.CONSULTING)


@pytest.mark.parametrize("keys", ["*5", "*0", "##", "*8", "*7"])
def test_a_key_that_can_do_nothing_now_is_answered_with_a_tone_to_her_alone(keys: str) -> None:
    talking().presses("Ana", keys).was_told("ana", "refusal").is_in(Phase.TALKING).hears("ana").never(Dial)


def test_the_second_key_must_follow_within_three_seconds() -> None:
    story = talking().presses("Ana", "*").passes(2.9).presses("Ana", "1").is_in(Phase.CALLING_CONTACT)
    story = talking().presses("Ana", "*").passes(3.1).presses("Ana", "1").is_in(Phase.TALKING).never(Dial)
    assert story.switch.legs["maria"].keys == "*1"


def test_other_digits_reach_whom_she_talks_with() -> None:
    story = talking().presses("Ana", "42#").passes(4)
    assert story.switch.legs["maria"].keys == "42#"
    story.consults().presses("Ana", "7**").passes(4)
    assert story.switch.legs[story.call.contact_leg].keys == "7**"
    assert story.switch.legs["maria"].keys == "42#"


def test_no_digit_but_the_begun_command_is_remembered_of_what_is_typed() -> None:
    story = talking().presses("Ana", "4111").passes(1)
    assert "4111" not in repr(story.call)


# --- what comes to nothing ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("cause", "word"),
    [
        (BUSY, "contact_busy"),
        (REJECTED, "contact_declined"),
        (NO_ANSWER, "contact_silent"),
        (UNALLOCATED, "contact_unreachable"),
        (38, "contact_unreachable"),
    ],
)
def test_she_has_the_caller_again_and_hears_why(cause: int, word: str) -> None:
    story = talking(recording=True).presses("Ana", "*1").passes(3).contact_leaves(cause).passes(0.2)
    story.is_in(Phase.TALKING).hears("ana").she_hears("caller").was_told("ana", word).missed("Boss", word)
    story.caller_hangs_up().passes(1).ended(Outcome.ANSWERED)
    assert story.call.recording_flaw == ""


def test_who_does_not_answer_within_25_seconds_is_no_longer_rung() -> None:
    story = talking().presses("Ana", "*1").passes(24.9).is_in(Phase.CALLING_CONTACT).passes(0.3)
    story.is_in(Phase.TALKING).hears("ana").was_told("ana", "contact_silent").missed("Boss", "contact_silent")
    assert story.switch.telephone(BOSS) is None


def test_his_other_number_is_tried_next() -> None:
    story = talking().presses("Ana", "*2").expect(Dial, number=SALES).passes(1).contact_leaves(BUSY)
    story.expect(Dial, number=BOSS_AT_HOME).passes(0.1).hears("music").she_hears("ringing")
    story.contact_answers().she_hears(BOSS_AT_HOME).presses("Ana", "##").passes(0.2).hears(BOSS_AT_HOME)
    assert story.dialled == [SALES, BOSS_AT_HOME]


def test_who_rejects_is_not_called_at_his_other_number() -> None:
    story = talking().presses("Ana", "*2").expect(Dial, number=SALES).contact_leaves(REJECTED)
    story.never(Dial).is_in(Phase.TALKING).was_told("ana", "contact_declined")


def test_both_numbers_ring_in_vain() -> None:
    story = talking().presses("Ana", "*2").passes(25.2).is_in(Phase.CALLING_CONTACT).passes(25)
    story.is_in(Phase.TALKING).hears("ana").passes(1)
    assert story.dialled == [SALES, BOSS_AT_HOME]


def test_a_machine_answers_and_she_takes_the_caller_back() -> None:
    story = talking().consults().presses("Ana", "*0").passes(0.2).is_in(Phase.TALKING).hears("ana")
    assert story.switch.telephone(BOSS) is None
    story.passes(30).hangs_up("Ana").passes(1).ended(Outcome.ANSWERED)


def test_the_contact_hangs_up_while_they_talk_about_the_caller() -> None:
    story = talking().consults().contact_leaves().passes(0.2).hears("ana").was_told("ana", "contact_gone")
    story.missed("Boss", "contact_gone")


@pytest.mark.parametrize("keys", ["*1", "*9", "##", "*5"])
def test_whom_she_missed_is_told_until_she_does_something_else(keys: str) -> None:
    story = talking().presses("Ana", "*2").contact_leaves(REJECTED).passes(60).missed("Sales", "contact_declined")
    story.presses("Ana", "4").missed("Sales", "contact_declined")
    story.presses("Ana", keys).missed_nobody()


def test_what_she_does_on_her_screen_is_something_else_too() -> None:
    story = talking(recording=True).presses("Ana", "*1").contact_leaves(BUSY)
    assert story.call.seat
    story.asks("Ana", RecordingPauseAsked, story.call.seat.secretary_id).missed_nobody()


def test_who_takes_the_caller_back_has_missed_nobody() -> None:
    talking().consults().presses("Ana", "*0").missed_nobody()
    talking().presses("Ana", "*1").contact_leaves(BUSY).consults().passes(1).missed_nobody()


def test_an_answer_that_arrives_after_the_take_back_is_hung_up() -> None:
    story = talking().presses("Ana", "*1").passes(1)
    leg = story.call.contact_leg
    story.presses("Ana", "*0").expect(HangUp, leg=leg)
    story.happens(ContactAnswered(story.now, leg)).expect(HangUp, leg=leg).is_in(Phase.TALKING).hears("ana")


def test_nobody_is_on_hold_for_longer_than_ten_minutes() -> None:
    story = talking().consults().passes(599).hears("music").passes(2).hears("ana").is_in(Phase.TALKING)
    story.missed("Boss", "too_long")


def test_music_of_the_consultation_ends_where_callers_wait_with_ringing() -> None:
    """It would go on while the next secretary talks with him."""
    story = talking("Eva", music=False).consults().hears("music").hangs_up("Ana").expect(StopMusic).passes(0.2)
    story.rings("Eva").hears("ringing").answers("Eva").hears("eva")
    assert not story.switch.legs["maria"].music


def test_the_caller_hangs_up_on_hold_and_she_is_told() -> None:
    story = talking().consults().caller_hangs_up().is_in(Phase.CALLER_GONE)
    assert story.switch.heard_by(story.call.secretary_leg) != "caller"
    story.passes(0.2)
    assert story.switch.telephone(BOSS) is None
    story.passes(4).ended(Outcome.ANSWERED).is_free("Ana")


def test_she_hangs_up_herself_when_she_hears_that_the_caller_is_gone() -> None:
    talking().presses("Ana", "*1").caller_hangs_up().passes(0.5).hangs_up("Ana").passes(1).ended(Outcome.ANSWERED)


@pytest.mark.parametrize("way", ["hangs_up", "network_dies"])
def test_a_secretary_who_is_gone_before_the_hand_over_leaves_him_first_in_line(way: str) -> None:
    story = talking("Eva").consults()
    getattr(story, way)("Ana").passes(0.3)
    assert story.switch.telephone(BOSS) is None
    story.rings("Eva").answers("Eva").hears("eva").passes(9).caller_hangs_up().passes(1).ended(Outcome.ANSWERED)


# --- what may not be dialled ----------------------------------------------------------------------------------


@pytest.mark.parametrize("number", ["+881612345678", "+12425550123", "+56600123456", "+18005550100", "133"])
def test_a_number_that_is_no_free_destination_is_not_dialled(number: str) -> None:
    story = talking(contacts=(Contact(1, "Boss", (number,), 1),)).presses("Ana", "*1")
    story.never(Dial).was_told("ana", "not_allowed").is_in(Phase.TALKING)


def test_a_contact_who_is_away_is_not_called_before_his_time() -> None:
    away = Contact(1, "Boss", (BOSS,), 1, away_until=MORNING + timedelta(minutes=5))
    story = talking(contacts=(away,)).presses("Ana", "*1")
    story.never(Dial).was_told("ana", "contact_away").is_in(Phase.TALKING).hears("ana")
    story.passes(300).consults("Ana")
    assert len(story.dialled) == 1


def test_a_client_without_a_number_on_a_trunk_that_we_may_send_to_calls_nobody() -> None:
    talking(outgoing=None).presses("Ana", "*1").never(Dial).was_told("ana", "contact_unreachable")


def test_a_client_calls_no_more_contacts_at_once_than_it_may() -> None:
    story = Story("Ana", "Eva").caller_dials("andes", outgoing=ELSEWHERE).answers("Ana").consults("Ana")
    story.caller_dials("andes", who="juan", outgoing=ELSEWHERE).answers("Eva").presses("Eva", "*1")
    story.never(Dial).was_told("eva", "too_many_calls").hears("eva")
    assert len(story.alarms) == 1


def test_a_client_calls_no_more_contacts_a_day_than_it_may() -> None:
    story = talking(outgoing=ELSEWHERE)
    for _ in range(2):
        story.consults().presses("Ana", "*0").passes(1)
    story.presses("Ana", "*1").was_told("ana", "too_many_calls").is_in(Phase.TALKING)
    assert len(story.dialled) == 2


def test_a_contact_is_not_called_beyond_a_limit_that_other_daemons_calls_reach() -> None:
    story = talking().presses("Ana", "*1").passes(0.01)
    story.happens(DiallingRefused(story.now, story.call.contact_leg, Limit.A_DAY)).passes(0.2)
    story.is_in(Phase.TALKING).was_told("ana", "too_many_calls").hears("ana").missed("Boss", "too_many_calls")
    assert len(story.alarms) == 1


def test_what_was_refused_for_a_limit_is_none_of_the_days_calls() -> None:
    story = talking(outgoing=ELSEWHERE)
    for _ in range(3):
        story.presses("Ana", "*1").passes(0.01)
        story.happens(DiallingRefused(story.now, story.call.contact_leg, Limit.AT_ONCE)).passes(1)
    story.consults().presses("Ana", "*0").is_in(Phase.TALKING)


def test_a_contact_whose_telephone_is_forwarded_to_us_is_let_go() -> None:
    story = talking().presses("Ana", "*1").passes(1)
    story.happens(LoopFound(story.now)).passes(0.2).is_in(Phase.TALKING).was_told("ana", "forwarded_to_us")
    story.missed("Boss", "forwarded_to_us")
    assert story.switch.telephone(BOSS) is None


# --- handing over ---------------------------------------------------------------------------------------------


def test_caller_and_contact_talk_and_she_is_free() -> None:
    story = handed_over().is_in(Phase.HANDED_OVER).hears(BOSS).contact_hears("caller").is_free("Ana")
    assert story.call.transferred_to == "Boss"
    story.caller_hangs_up().passes(1).ended(Outcome.ANSWERED)


def test_her_wrap_up_follows_the_hand_over() -> None:
    story = Story(speaks("Ana", wrap_up=30)).caller_dials("andes").answers("Ana").passes(5)
    story.consults().presses("Ana", "##").passes(29)
    assert not story.board.chairs[story.call.answered_by.secretary_id].free_at(story.now)  # type: ignore[union-attr]
    story.passes(2).is_free("Ana")


def test_the_letters_go_out_at_the_hand_over_and_not_again_after_it() -> None:
    story = handed_over()
    assert story.letters == ["maria"]
    story.passes(60).caller_hangs_up().passes(5).ended(Outcome.ANSWERED, letters=1)


def test_hands_over_is_refused_before_the_contact_has_answered() -> None:
    story = talking().presses("Ana", "*1").passes(1).presses("Ana", "##").was_told("ana", "refusal")
    story.is_in(Phase.CALLING_CONTACT).hears("music")


def test_hands_over_twice() -> None:
    story = talking().consults()
    leg = story.call.secretary_leg
    story.presses("Ana", "####").passes(0.3).is_in(Phase.HANDED_OVER).hears(BOSS)
    assert leg not in story.switch.legs


def test_after_nine_minutes_a_tone_then_a_farewell_and_at_ten_the_end() -> None:
    story = handed_over().passes(538)
    assert story.switch.told == []
    story.passes(3).was_told("", "beep").was_told(BOSS, "beep").passes(51)
    story.was_told("", "beep").passes(2).was_told("", "time_is_up").was_told(BOSS, "time_is_up")
    story.passes(4).hears(BOSS).passes(3).ended(Outcome.ANSWERED)


def test_asterisk_itself_keeps_the_cap_on_both_legs() -> None:
    story = handed_over(cap=timedelta(seconds=600))
    story.expect(LimitLeg, leg="maria", after=timedelta(seconds=594), then="cap")
    story.expect(LimitLeg, leg=story.call.contact_leg, after=timedelta(seconds=601))


def test_the_contact_hangs_up_and_the_caller_is_thanked_and_released() -> None:
    story = handed_over().contact_leaves().is_in(Phase.PARTING).passes(4).ended(Outcome.ANSWERED)
    assert story.call.outcome is Outcome.ANSWERED


def test_what_the_house_says_after_the_contact_has_left_is_no_conversation_and_not_recorded() -> None:
    story = handed_over(recording=True).contact_leaves()
    left = story.now
    story.expect(Leave).passes(4).ended(Outcome.ANSWERED)
    assert story.call.answered_at is not None
    assert talked(story.call) == left - story.call.answered_at
    assert story.call.recording_flaw == ""


def test_who_was_being_thanked_when_the_daemon_died_is_let_go_and_not_told_that_all_are_busy() -> None:
    story = handed_over().contact_leaves().expect(Play).daemon_dies().passes(5).daemon_returns()
    story.never(Play).passes(0.1).ended(Outcome.ANSWERED)


def test_both_hang_up_in_the_same_instant() -> None:
    story = handed_over(recording=True)
    leg = story.call.contact_leg
    story.caller_hangs_up().switch.leaves(leg)
    story.passes(1).ended(Outcome.ANSWERED)
    assert story.call.recording_flaw == ""


def test_the_contact_answers_in_the_moment_she_takes_the_caller_back() -> None:
    story = talking().presses("Ana", "*1").passes(1).presses("Ana", "*")
    story.contact_answers().presses("Ana", "0").passes(0.2).hears("ana")
    assert story.switch.telephone(BOSS) is None


def test_a_transfer_after_one_that_came_to_nothing() -> None:
    story = talking(recording=True).presses("Ana", "*1").passes(2).contact_leaves(BUSY).passes(1)
    story.presses("Ana", "*2").passes(1).contact_answers().presses("Ana", "##").passes(0.3).hears(SALES)
    story.passes(30).caller_hangs_up().passes(1).ended(Outcome.ANSWERED)
    assert story.call.recording_flaw == ""


def test_two_transfers_of_one_client_at_once_meet_nobody_elses_contact() -> None:
    story = Story("Ana", "Eva").caller_dials("andes").answers("Ana").consults("Ana")
    story.caller_dials("andes", who="juan").answers("Eva").presses("Eva", "*2").contact_answers()
    story.presses("Eva", "##").passes(0.3).hears(SALES)
    story.about("maria").presses("Ana", "##").passes(0.3).hears(BOSS)
    story.caller_hangs_up().passes(1).ended(Outcome.ANSWERED)
    story.about("juan").hears(SALES).caller_hangs_up().passes(1).ended(Outcome.ANSWERED)


# --- recording, language --------------------------------------------------------------------------------------


def test_the_recording_goes_on_through_the_whole_journey() -> None:
    story = talking(recording=True).expect(RecordBridge).consults().passes(20).presses("Ana", "##").passes(40)
    story.caller_hangs_up().passes(1).ended(Outcome.ANSWERED)
    assert len(story.switch.files) == 1
    assert story.call.recording_flaw == ""


def test_a_recording_that_she_had_turned_off_is_on_again_for_the_next_secretary() -> None:
    talking(recording=True).presses("Ana", "*7").network_dies("Ana").expect(ResumeRecording)
    talking(recording=True).presses("Ana", "*7").consults().network_dies("Ana").expect(ResumeRecording)


def test_she_turns_the_recording_off_and_on_for_a_card_number() -> None:
    story = talking(recording=True).presses("Ana", "*7").expect(PauseRecording).was_told("ana", "beep")
    story.presses("Ana", "*7").was_told("ana", "refusal").presses("Ana", "*8").expect(ResumeRecording)
    story.passes(5).caller_hangs_up().passes(1).ended(Outcome.ANSWERED)


def test_a_recording_that_was_to_be_off_is_off_after_the_daemons_death() -> None:
    """A card number must not be heard because a daemon died between saving and doing."""
    story = talking(recording=True).daemon_dies_before_performing().presses("Ana", "*7").passes(2).daemon_returns()
    assert story.call.recording in story.switch.paused


def test_a_recording_that_is_off_stays_off_when_it_is_taken_up_again() -> None:
    story = talking(recording=True).presses("Ana", "*7").passes(1)
    story.switch._close_all_of("maria", story.call.bridge)
    story.switch.paused.clear()
    story.passes(1).compares()
    assert story.call.recording in story.switch.paused


def test_a_recording_that_was_off_is_on_again_after_the_hand_over() -> None:
    story = talking(recording=True).presses("Ana", "*7").consults().presses("Ana", "##").expect(ResumeRecording)
    assert not story.call.recording_paused


def test_the_caller_goes_to_a_secretary_who_speaks_his_language() -> None:
    story = Story("Ana", "Eva", speaks("Amy", "en", "es")).caller_dials("andes").answers("Ana").passes(9)
    story.presses("Ana", "*#").passes(0.2).rings("Amy").hears("music").answers("Amy").hears("amy")
    story.passes(9).hangs_up("Amy").passes(1).ended(Outcome.ANSWERED)


def test_nobody_who_is_there_speaks_the_other_language() -> None:
    story = talking("Eva").presses("Ana", "*#").was_told("ana", "nobody_speaks_it").is_in(Phase.TALKING)
    story.hears("ana")


# --- the daemon dies ------------------------------------------------------------------------------------------


def test_it_dies_while_the_contacts_telephone_rings() -> None:
    story = talking().presses("Ana", "*1").passes(2).daemon_dies().passes(3).daemon_returns()
    story.is_in(Phase.CALLING_CONTACT).she_hears("ringing").contact_answers().she_hears(BOSS).passes(0.2)
    story.presses("Ana", "##").passes(0.2).hears(BOSS)
    assert story.dialled == [BOSS]


def test_the_contacts_answer_falls_into_the_gap() -> None:
    story = talking().presses("Ana", "*1").passes(2).daemon_dies().contact_answers().daemon_returns()
    story.is_in(Phase.CONSULTING).she_hears(BOSS).presses("Ana", "##").passes(0.2).hears(BOSS)


def test_the_contact_was_busy_in_the_gap() -> None:
    story = talking().presses("Ana", "*1").passes(2).daemon_dies().contact_leaves(BUSY).passes(1).daemon_returns()
    story.passes(0.2).is_in(Phase.TALKING).hears("ana")


def test_it_dies_while_they_consult() -> None:
    story = talking(recording=True).consults().daemon_dies().passes(9).daemon_returns()
    story.is_in(Phase.CONSULTING).hears("music").she_hears(BOSS).presses("Ana", "*0").passes(0.2).hears("ana")


def test_the_dialling_was_saved_but_not_done_and_is_never_done_later() -> None:
    story = talking().daemon_dies_before_performing().presses("Ana", "*").presses("Ana", "1").passes(2)
    story.daemon_returns().passes(0.5).never(Dial).is_in(Phase.TALKING).hears("ana")


def test_the_hand_over_was_saved_but_not_done() -> None:
    story = talking(recording=True).consults().presses("Ana", "#").daemon_dies_before_performing()
    story.presses("Ana", "#").passes(3).daemon_returns().passes(0.5).hears(BOSS).is_free("Ana")
    story.expect(LimitLeg, leg="maria", after=timedelta(seconds=591), then="cap")
    story.caller_hangs_up().passes(1).ended(Outcome.ANSWERED)


def test_the_take_back_was_saved_but_not_done() -> None:
    story = talking().consults().presses("Ana", "*").daemon_dies_before_performing().presses("Ana", "0").passes(3)
    story.daemon_returns().passes(0.5).hears("ana").she_hears("caller")
    assert story.switch.telephone(BOSS) is None
    story.caller_hangs_up().passes(1).ended(Outcome.ANSWERED)


def test_it_dies_after_the_hand_over_and_the_contact_hangs_up_meanwhile() -> None:
    story = handed_over().daemon_dies().contact_leaves().passes(5).daemon_returns().is_in(Phase.PARTING)
    story.passes(4).ended(Outcome.ANSWERED)


def test_the_caller_hangs_up_on_hold_in_the_gap() -> None:
    story = talking().consults().daemon_dies().caller_hangs_up().passes(5).daemon_returns()
    story.is_in(Phase.CALLER_GONE).passes(4).ended(Outcome.ANSWERED)


def test_who_was_being_told_that_the_caller_left_is_let_go_and_not_told_again() -> None:
    story = talking().consults().caller_hangs_up().is_in(Phase.CALLER_GONE).expect(Play).daemon_dies().passes(5)
    story.daemon_returns().never(Play).passes(0.1).ended(Outcome.ANSWERED).is_free("Ana")


def test_she_hangs_up_while_consulting_in_the_gap() -> None:
    story = talking("Eva").consults().daemon_dies().hangs_up("Ana").passes(2).daemon_returns().passes(0.5)
    assert story.switch.telephone(BOSS) is None
    story.rings("Eva").answers("Eva").hears("eva")


def test_a_comparison_changes_nothing_while_all_is_well() -> None:
    for story in (talking().presses("Ana", "*1").passes(1), talking().consults(), handed_over(recording=True)):
        before, done = story.call, len(story.switch.done)
        story.compares()
        assert (story.call, len(story.switch.done)) == (before, done)


def test_a_secretarys_leg_that_is_gone_twice_is_told_once() -> None:
    story = handed_over()
    story.happens(SecretaryLeft(story.now, story.call.secretary_leg, 16)).is_in(Phase.HANDED_OVER).hears(BOSS)


def test_without_a_daemon_asterisk_gives_her_the_caller_back_when_no_contact_can_be_there() -> None:
    story = talking().presses("Ana", "*1").passes(2).daemon_dies().contact_leaves(BUSY)
    story.passes((CONTACT_GIVE_UP + TAKEN_BACK_MARGIN).total_seconds())
    assert not story.switch.legs[story.call.id].ours
    story.daemon_returns().passes(1).is_in(Phase.ENDED)
    assert story.call.taken_over


def test_the_limit_of_her_leg_follows_the_consultation() -> None:
    story = talking().presses("Ana", "*1").expect(LimitLeg, leg="maria-secretary-1", after=timedelta(seconds=35))
    story.contact_answers().expect(LimitLeg, leg="maria-secretary-1", after=timedelta(seconds=605))
    story.presses("Ana", "*0").expect(LimitLeg, leg="maria-secretary-1", after=None)
