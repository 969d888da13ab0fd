"""Stories of one call: each path of the flow, from the first ringing to the letter."""

from datetime import timedelta

import pytest
from msgspec.structs import replace
from story import EARLY, NOTICE, SOUNDS, WELCOME, Story, speaks

from pbx_control.domain.call import journal
from pbx_control.domain.call.commands import (
    Answer,
    HangUp,
    IndicateRinging,
    Join,
    JoinAnew,
    LimitLeg,
    MixOnce,
    Play,
    RecordBridge,
    RecordMessage,
    Ring,
    StartMusic,
    StopMusic,
)
from pbx_control.domain.call.events import (
    DeadlinePassed,
    Held,
    NewStream,
    PromptEnded,
    SecretaryAnswered,
    SecretaryLeft,
    Unheld,
)
from pbx_control.domain.call.flow import REFUSALS_BEFORE_PAUSE
from pbx_control.domain.call.model import Admission, Deadline, Outcome, Phase, TurnedAway
from pbx_control.domain.call.story import sentence
from pbx_control.domain.call.summary import summary_of
from pbx_control.domain.notices.messages import Channel, Recipient, compose

# --- nobody is rung -----------------------------------------------------------------------------------------


def test_outside_the_hours_the_caller_hears_so_and_no_letter_is_written() -> None:
    story = Story("Ana").caller_dials("andes", admission=Admission.CLOSED, why="hours")
    story.expect(Answer).hears("closed").rings().passes(4).ended(Outcome.CLOSED, letters=0)


def test_on_a_holiday_a_client_that_wants_it_gets_a_letter() -> None:
    story = Story("Ana").caller_dials("andes", admission=Admission.CLOSED, why="Navidad", summary_closed=True)
    story.hears("closed").passes(4).never(Ring).ended(Outcome.CLOSED)


def test_the_callers_of_a_suspended_client_hear_the_exhausted_announcement() -> None:
    story = Story("Ana").caller_dials("andes", admission=Admission.EXHAUSTED)
    story.hears("exhausted").passes(4).never(Ring).ended(Outcome.EXHAUSTED)


def test_on_a_holiday_he_hears_that_it_is_one_and_then_the_hours() -> None:
    sounds = replace(SOUNDS, day_off="holiday")
    story = Story("Ana").caller_dials("andes", admission=Admission.CLOSED, why="Navidad", sounds=sounds)
    story.expect(Play, sounds=("holiday", "closed")).passes(8).ended(Outcome.CLOSED, letters=0)


def test_he_hears_both_from_the_next_daemon_if_the_first_one_died_before_it_played_them() -> None:
    sounds = replace(SOUNDS, day_off="holiday")
    story = Story("Ana").daemon_dies_before_performing()
    story.caller_dials("andes", admission=Admission.CLOSED, why="Navidad", sounds=sounds).passes(5).daemon_returns()
    story.expect(Play, sounds=("holiday", "closed")).passes(8).ended(Outcome.CLOSED, letters=0)


def test_who_hangs_up_during_the_closed_announcement_called_outside_the_hours_all_the_same() -> None:
    story = Story().caller_dials("andes", admission=Admission.CLOSED)
    story.passes(1).caller_hangs_up().passes(1).ended(Outcome.CLOSED, letters=0)


# --- ringing and answering ------------------------------------------------------------------------------------


def test_ana_answers_while_the_caller_still_hears_ringing() -> None:
    story = Story("Ana").caller_dials("andes")
    story.expect(IndicateRinging).hears("ringing").rings("Ana").passes(4)
    story.answers("Ana").expect(Answer).expect(Join, mixed=False).hears("ana").never(RecordBridge)
    story.passes(60).caller_hangs_up().passes(1).ended(Outcome.ANSWERED)
    assert story.call.answered_by is not None
    assert story.call.answered_by.name == "Ana"
    story.is_free("Ana")


def test_her_display_shows_the_client_and_the_callers_number() -> None:
    story = Story("Ana").caller_dials("andes")
    story.expect(Ring, user="ana", display_name="Andes Ltda", display_number="+56912345678")


def test_a_welcome_is_heard_before_the_ringing() -> None:
    story = Story("Ana").caller_dials("andes", sounds=WELCOME)
    story.expect(Answer).expect(Play, sounds=("welcome", "notice")).hears("notice").rings()
    story.passes(4).hears("ringing").rings("Ana").answers("Ana").hears("ana")


def test_after_a_welcome_too_ringing_becomes_music_after_twenty_seconds() -> None:
    story = Story().caller_dials("andes", sounds=WELCOME)
    story.passes(4).hears("ringing").passes(18.9).hears("ringing").passes(0.4).hears("music")


def test_a_secretary_who_hangs_up_ends_everything_within_a_second() -> None:
    story = Story("Ana").caller_dials("andes").answers("Ana").passes(30).hangs_up("Ana")
    story.passes(1).ended(Outcome.ANSWERED)


def test_both_hang_up_at_once() -> None:
    story = Story("Ana").caller_dials("andes", recording=True).answers("Ana").passes(9)
    story.hangs_up("Ana").caller_hangs_up().passes(1).ended(Outcome.ANSWERED)


def test_after_a_conversation_she_has_her_wrap_up() -> None:
    story = Story(speaks("Ana", wrap_up=20)).caller_dials("andes").answers("Ana").passes(5).hangs_up("Ana").passes(1)
    story.caller_dials("andes", "pedro").rings().passes(15).rings().passes(5).rings("Ana")


def test_a_refusal_needs_no_wrap_up() -> None:
    story = Story(speaks("Ana", wrap_up=60)).caller_dials("andes").refuses("Ana")
    story.caller_dials("norte", "pedro").rings().passes(5.1).about("maria").rings("Ana")


def told_that_he_is_recorded(failed: bool = False, early: bool = False) -> tuple[Story, dict[str, object]]:
    """A caller of a recorded client after the notice, and what the journal keeps of that."""
    story = Story("Ana").caller_dials("andes", recording=True, sounds=NOTICE, early_media=early).hears("notice")
    event, before = PromptEnded(story.now, story.call.prompt, failed=failed), story.call
    story.happens(event)
    return story, journal.details(event, before, story.call) or {}


def test_the_journal_proves_which_words_said_that_the_call_is_recorded() -> None:
    story, kept = told_that_he_is_recorded()
    assert (kept["notice"], kept["text"]) == ("notice", "Se graba")
    assert "(Se graba)" in sentence("PromptEnded", kept, "es")
    story.rings("Ana").answers("Ana").expect(RecordBridge)


def test_the_journal_tells_that_they_were_said_before_the_answer() -> None:
    _, kept = told_that_he_is_recorded(early=True)
    assert "antes de que se contestara" in sentence("PromptEnded", kept, "es")
    assert "antes de que" not in sentence("PromptEnded", told_that_he_is_recorded()[1], "es")


def test_who_could_not_be_told_that_he_is_recorded_is_not_recorded() -> None:
    """Código Penal 161-A."""
    story, kept = told_that_he_is_recorded(failed=True)
    assert "la llamada no se graba" in sentence("PromptEnded", kept, "es")
    story.rings("Ana").answers("Ana").never(RecordBridge).passes(5).hangs_up("Ana").passes(1).ended(Outcome.ANSWERED)


# --- the notice is early media ----------------------------------------------------------------------------------


def test_he_hears_the_notice_before_the_answer_and_her_answer_is_his() -> None:
    story = Story("Ana").caller_dials("andes", **EARLY).hears("notice").rings()
    story.passes(3.1).rings("Ana").hears("ringing").never(Answer)
    story.passes(2).answers("Ana").expect(Answer).expect(RecordBridge).hears("ana")
    assert story.call.answered_at == story.now


def test_a_carrier_without_early_media_is_answered_for_the_notice() -> None:
    story = Story("Ana").caller_dials("andes", **EARLY | {"early_media": False})
    story.expect(Answer).expect(Play, sounds=("notice",)).hears("notice").passes(3.1).rings("Ana").hears("ringing")


def test_a_welcome_is_answered_and_the_notice_after_it_too() -> None:
    story = Story("Ana").caller_dials("andes", **EARLY | {"sounds": WELCOME})
    story.expect(Answer).expect(Play, sounds=("welcome", "notice")).passes(3.1).rings("Ana")


def test_who_hangs_up_in_an_early_notice_was_never_answered_and_is_a_missed_call() -> None:
    story = Story("Ana").caller_dials("andes", **EARLY).passes(1).is_in(Phase.WELCOMING).caller_hangs_up()
    story.never(Answer).passes(1).ended(Outcome.MISSED, letters=1).is_free("Ana")


def test_after_an_early_notice_he_waits_twenty_seconds_unanswered_and_then_with_music() -> None:
    story = Story().caller_dials("andes", **EARLY).passes(3.1).hears("ringing").passes(19.8).never(Answer)
    story.passes(0.2).expect(Answer).hears("music")


def test_after_an_early_notice_his_message_is_answered() -> None:
    story = Story().caller_dials("andes", **EARLY, wait_limit=timedelta(seconds=10)).passes(12.9).never(Answer)
    story.passes(0.3).expect(Answer).hears("leave a message")


def test_who_could_not_be_told_early_is_not_recorded_and_rings_unanswered() -> None:
    story = Story("Ana").caller_dials("andes", **EARLY)
    story.happens(PromptEnded(story.now, story.call.prompt, failed=True))
    story.never(Answer).rings("Ana").answers("Ana").expect(Answer).never(RecordBridge)


@pytest.mark.parametrize("admission", [Admission.CLOSED, Admission.EXHAUSTED])
def test_who_is_turned_away_hears_why_answered(admission: Admission) -> None:
    Story().caller_dials("andes", **EARLY, admission=admission).expect(Answer).expect(Play)


# --- a disk is full ---------------------------------------------------------------------------------------------


def a_message_on_a_full_disk(keeps: float, **facts: object) -> Story:
    """Nobody answers, and of what he says after the tone a full disk keeps so many seconds."""
    story = Story().caller_dials("andes", **facts).passes(95).hears("tone")
    story.switch.keeps = timedelta(seconds=keeps)
    return story


def test_who_left_a_message_that_was_not_kept_hears_so_and_the_office_is_told_at_once() -> None:
    story = a_message_on_a_full_disk(0).passes(9)
    story.switch.message_ends("maria")
    story.passes(0.2).hears("not taken")
    assert story.losses == ["message"]
    story.passes(9).ended(Outcome.MISSED, letters=1)
    assert (story.call.message, story.call.message_flaw) == ("", "lost")


def test_of_a_message_that_was_cut_the_letter_says_how_much_is_kept() -> None:
    story = a_message_on_a_full_disk(6).passes(30)
    story.switch.message_ends("maria")
    story.passes(0.2).hears("not taken").passes(9).ended(Outcome.LEFT_MESSAGE)
    summary = summary_of(story.call)
    assert (summary.message_flaw, summary.message_kept) == ("cut", timedelta(seconds=6))
    text = compose(summary, Recipient(Channel.EMAIL, "a@andes.cl"), "Casa").text
    assert "Mensaje: incompleto: solo se pudieron grabar 6 segundos" in text


def test_who_hangs_up_himself_is_told_by_the_letter() -> None:
    story = a_message_on_a_full_disk(0).passes(9).caller_hangs_up().passes(2).ended(Outcome.MISSED)
    assert (story.call.message_flaw, story.losses) == ("lost", ["message"])
    letter = compose(summary_of(story.call), Recipient(Channel.EMAIL, "a@andes.cl"), "Casa")
    assert "quiso dejar un mensaje, pero no se pudo grabar" in letter.text
    assert "antes de que alguien pudiera atenderla" not in letter.text


def test_who_hangs_up_at_the_tone_wanted_to_leave_none() -> None:
    story = Story().caller_dials("andes").passes(94).hears("tone")
    story.switch.keeps = timedelta(0)
    story.passes(0.5).caller_hangs_up().passes(2).ended(Outcome.MISSED)
    assert (story.call.message_flaw, story.losses) == ("", [])


def test_a_disk_that_does_not_answer_keeps_nobody_waiting_and_promises_nothing() -> None:
    story = a_message_on_a_full_disk(9).passes(9)
    story.switch.looking_takes = timedelta(seconds=20)
    story.switch.message_ends("maria")
    story.passes(2).hears("silence").passes(1.5).hears("not taken")


def test_out_of_calls_too_a_message_that_was_lost_is_told_at_once() -> None:
    facts = {"exhausted_messages": True, "exhausted_report": True, "turned_away": TurnedAway.OUT_OF_CALLS}
    story = Story().caller_dials("andes", admission=Admission.EXHAUSTED, **facts).passes(10).hears("tone")
    story.switch.keeps = timedelta(0)
    story.passes(9).caller_hangs_up().passes(2).ended(Outcome.EXHAUSTED, letters=1)


def test_a_recording_that_a_full_disk_cut_is_told_to_the_office() -> None:
    story = Story("Ana").caller_dials("andes", recording=True).answers("Ana").passes(20)
    story.switch.keeps = timedelta(seconds=4)
    story.hangs_up("Ana").passes(2).ended(Outcome.ANSWERED)
    assert (story.call.recording_flaw, story.losses) == ("short", ["recording"])


# --- recording ------------------------------------------------------------------------------------------------


def test_a_recorded_conversation_is_whole() -> None:
    story = Story("Ana").caller_dials("andes", recording=True).passes(3).answers("Ana")
    story.expect(Join, mixed=True).expect(RecordBridge, path="2026/08/03/maria.wav")
    story.passes(30).caller_hangs_up().passes(1).ended(Outcome.ANSWERED)
    assert (story.call.recording, story.call.recording_flaw) == ("2026/08/03/maria.wav", "")


@pytest.mark.parametrize("who", ["maria", "Ana"])
def test_a_recorded_call_is_over_at_once_since_its_bridge_stays_until_the_file_has_told_its_end(who: str) -> None:
    story = Story("Ana").caller_dials("andes", recording=True).answers("Ana").passes(3)
    story = (story.caller_hangs_up() if who == "maria" else story.hangs_up("Ana")).passes(1)
    story.ended(Outcome.ANSWERED)


def test_a_recording_that_broke_off_is_flagged() -> None:
    story = Story("Ana").caller_dials("andes", recording=True).answers("Ana").passes(10)
    story.switch.files[story.call.recording].ended = story.now
    story.passes(30).caller_hangs_up().passes(5).ended(Outcome.ANSWERED)
    assert story.call.recording_flaw == "short"


def test_a_recording_that_is_not_there_is_flagged() -> None:
    story = Story("Ana").caller_dials("andes", recording=True).answers("Ana").passes(10)
    story.switch.files.clear()
    story.caller_hangs_up().passes(5).ended(Outcome.ANSWERED)
    assert story.call.recording_flaw == "missing"


# --- who is asked next ------------------------------------------------------------------------------------------


def test_who_refuses_is_followed_by_the_next() -> None:
    Story("Ana", "Eva").caller_dials("andes").rings("Ana").refuses("Ana").rings("Eva").answers("Eva").hears("eva")


def test_each_telephone_rings_ten_seconds() -> None:
    story = Story("Ana", "Eva").caller_dials("andes").rings("Ana").passes(9.9).rings("Ana")
    story.passes(0.3).rings("Eva").passes(9.7).rings("Eva")


def test_who_refused_is_asked_again_only_after_everybody_else_refused() -> None:
    story = Story("Ana", "Eva", "Isa").caller_dials("andes")
    story.refuses("Ana").rings("Eva").refuses("Eva").rings("Isa").refuses("Isa")
    story.rings().passes(5).rings("Ana").refuses("Ana").rings("Eva")


def test_a_telephone_that_declines_at_once_does_not_ring_in_a_hot_loop() -> None:
    story = Story("Ana").always_refuses("Ana").caller_dials("andes").passes(60)
    rung = [command for _, command in story.switch.done if isinstance(command, Ring)]
    assert len(rung) == REFUSALS_BEFORE_PAUSE


def test_who_speaks_the_callers_language_comes_before_who_has_been_idle_longer() -> None:
    story = Story("Ana", speaks("Eva", "es", "en")).caller_dials("andes", language="en").rings("Eva")
    story.refuses("Eva").rings("Ana")


def test_of_those_who_speak_it_the_one_idle_longest_is_asked() -> None:
    story = Story("Ana", "Eva").caller_dials("andes").answers("Ana").passes(30).hangs_up("Ana").passes(1)
    story.caller_dials("andes", "pedro").rings("Eva")


def test_a_secretary_answers_only_for_her_clients() -> None:
    story = Story(speaks("Ana", clients=[7])).caller_dials("andes").rings().passes(30).never(Ring)
    story.caller_dials("norte", "pedro", client_id=7).rings("Ana")


def test_nobody_is_offered_two_calls_at_once() -> None:
    story = Story("Ana").caller_dials("andes").caller_dials("andes", "pedro").rings()
    story.about("maria").rings("Ana").answers("Ana").about("pedro").passes(5).rings()
    story.about("maria").caller_hangs_up().passes(0.2).about("pedro").rings("Ana")


def test_who_waits_longest_is_served_first() -> None:
    story = Story().caller_dials("andes").passes(1).caller_dials("andes", "pedro").sits_down("Ana")
    story.rings().about("maria").rings("Ana")


def test_an_offer_that_another_daemon_won_rings_nobody_and_is_tried_again() -> None:
    story = Story("Ana").another_daemon_takes("Ana").caller_dials("andes").rings().is_in(Phase.WAITING)
    story.passes(0.9).rings().passes(0.2).rings("Ana")


def test_after_a_lost_offer_the_next_secretary_is_asked() -> None:
    Story("Ana", "Eva").another_daemon_takes("Ana").caller_dials("andes").rings("Eva")


def test_an_offer_that_finds_its_call_gone_leaves_her_free() -> None:
    story = Story("Ana").caller_dials("andes").refuses("Ana").caller_hangs_up().passes(6)
    story.ended(Outcome.MISSED).is_free("Ana")


# --- an answer that comes too late -------------------------------------------------------------------------------


def test_an_answer_after_the_withdrawal_is_hung_up_and_the_next_one_rings() -> None:
    story = Story("Ana", "Eva").caller_dials("andes").passes(10).is_in(Phase.WITHDRAWING)
    story.answers("Ana").expect(HangUp).hears("ringing").passes(0.2).rings("Eva")


def test_a_telephone_that_does_not_confirm_its_silence_is_taken_for_gone() -> None:
    story = Story("Ana", "Eva").caller_dials("andes").passes(9.9)
    del story.switch.legs["maria-secretary-1"]
    story.passes(1).is_in(Phase.WITHDRAWING).passes(1.2).rings("Eva")


def test_an_answer_of_a_telephone_that_was_left_behind_is_hung_up() -> None:
    story = Story("Ana", "Eva").caller_dials("andes").refuses("Ana").rings("Eva")
    story.happens(SecretaryAnswered(story.now, "maria-secretary-1"))
    story.expect(HangUp, leg="maria-secretary-1").is_in(Phase.OFFERING)


def test_what_comes_late_changes_nothing() -> None:
    story = Story("Ana", "Eva").caller_dials("andes").refuses("Ana").answers("Eva")
    before = story.call
    for late in (
        SecretaryLeft(story.now, "maria-secretary-1", 16),
        PromptEnded(story.now, "maria-prompt-9"),
        DeadlinePassed(story.now, Deadline.OFFER),
        DeadlinePassed(story.now, Deadline.PATIENCE),
    ):
        story.happens(late)
    assert story.call is before


# --- waiting ------------------------------------------------------------------------------------------------------


def test_after_twenty_seconds_the_call_is_answered_with_music_and_then_the_position() -> None:
    story = Story().caller_dials("andes").passes(19.9).hears("ringing").never(Answer)
    story.passes(0.2).expect(Answer).expect(StartMusic).hears("music").passes(0.3).hears("music")
    story.passes(0.2).hears("position 1").passes(3.1).hears("music")


def test_the_position_is_repeated_every_thirty_seconds() -> None:
    story = Story().caller_dials("andes").passes(20.6).hears("position 1").passes(3.1).hears("music")
    story.passes(29).hears("music").passes(1).hears("position 1").passes(3.1).hears("music")


def test_the_position_is_that_of_the_moment() -> None:
    patient = {"wait_limit": timedelta(minutes=3)}
    story = Story().caller_dials("andes", **patient).passes(1).caller_dials("andes", "pedro", **patient)
    story.passes(20.6).hears("position 2").about("maria").caller_hangs_up()
    story.about("pedro").passes(33).hears("position 1")


def test_music_and_position_go_on_while_telephones_ring() -> None:
    Story("Ana").caller_dials("andes").passes(22).rings("Ana").passes(2).hears("music")


def test_a_client_without_music_lets_them_hear_ringing_all_the_time() -> None:
    story = Story().caller_dials("andes", music=False).passes(21).expect(Answer).hears("ringing")
    story.passes(60).hears("ringing").never(Play).sits_down("Ana").answers("Ana").hears("ana")


def test_ana_answers_in_the_middle_of_a_spoken_position() -> None:
    story = Story().caller_dials("andes").passes(20.6).hears("position 1").sits_down("Ana").answers("Ana")
    story.hears("ana").passes(40).hears("ana").caller_hangs_up().passes(1).ended(Outcome.ANSWERED)


# --- messages -----------------------------------------------------------------------------------------------------


def test_at_the_wait_limit_the_caller_leaves_a_message() -> None:
    story = Story("Ana", "Eva").caller_dials("andes").nobody_answers().expect(RecordMessage)
    story.rings().speaks_a_message(8).hears("thanks").passes(4).ended(Outcome.LEFT_MESSAGE)
    assert story.call.message == "2026/08/03/maria-message.wav"


def test_who_hangs_up_after_speaking_has_left_a_message_too() -> None:
    story = Story().caller_dials("andes").passes(94).hears("tone").passes(5).caller_hangs_up()
    story.passes(1).ended(Outcome.LEFT_MESSAGE)


def test_a_message_that_is_too_short_is_a_missed_call() -> None:
    story = Story().caller_dials("andes").passes(93.2).hears("tone").passes(0.5).caller_hangs_up()
    story.passes(1).ended(Outcome.MISSED)
    assert story.call.message == ""


def test_who_hangs_up_before_the_tone_is_a_missed_call() -> None:
    story = Story().caller_dials("andes").passes(91).hears("leave a message").caller_hangs_up()
    story.passes(1).ended(Outcome.MISSED)


def test_the_longest_message_is_two_minutes() -> None:
    story = Story().caller_dials("andes").passes(94).hears("tone").passes(121).hears("thanks")
    story.passes(4).ended(Outcome.LEFT_MESSAGE)


def test_a_recorder_that_never_reports_its_end_does_not_hold_the_caller_for_ever() -> None:
    story = Story().caller_dials("andes").passes(94).hears("tone")
    story.switch.files[story.call.message].where = "nowhere"
    story.switch._close = lambda call, path: None  # type: ignore[method-assign]
    story.passes(124).is_in(Phase.PARTING).passes(8).ended(Outcome.LEFT_MESSAGE)


def test_a_client_without_messages_lets_them_hear_that_all_are_busy() -> None:
    story = Story().caller_dials("andes", takes_messages=False).passes(91).hears("busy").passes(4)
    story.never(RecordMessage).ended(Outcome.MISSED)


def test_a_wait_limit_before_the_music_takes_the_message_at_once() -> None:
    Story().caller_dials("andes", wait_limit=timedelta(seconds=10)).passes(10.1).hears("leave a message")


def test_a_telephone_that_rings_at_the_wait_limit_gets_its_chance() -> None:
    story = Story().caller_dials("andes").passes(88).sits_down("Ana").passes(3).rings("Ana").hears("music")
    story.answers("Ana").hears("ana").passes(200).hears("ana")


def test_if_it_rings_in_vain_the_message_follows() -> None:
    Story().caller_dials("andes").passes(88).sits_down("Ana").passes(10.2).rings().hears("leave a message")


def test_if_she_refuses_after_the_limit_nobody_else_is_asked() -> None:
    story = Story().caller_dials("andes").passes(88).sits_down("Ana").sits_down("Eva").passes(4)
    story.refuses("Ana").rings().hears("leave a message")


# --- the caller gives up -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("seconds", "phase"),
    [(1, Phase.WELCOMING), (5, Phase.OFFERING), (13.02, Phase.WITHDRAWING), (14, Phase.WAITING), (30, Phase.WAITING)],
)
def test_who_gives_up_before_anybody_answers_is_a_missed_call(seconds: float, phase: Phase) -> None:
    story = Story("Ana").caller_dials("andes", sounds=WELCOME).passes(seconds).is_in(phase).caller_hangs_up()
    story.passes(1).ended(Outcome.MISSED).is_free("Ana")


def test_an_answer_that_crosses_the_callers_goodbye_connects_nobody() -> None:
    story = Story("Ana").caller_dials("andes").passes(3).caller_hangs_up().answers("Ana")
    story.never(Join).passes(1).ended(Outcome.MISSED).is_free("Ana")


# --- her network dies -----------------------------------------------------------------------------------------------


def test_a_secretary_whose_network_died_sends_the_caller_to_the_front_and_the_recording_goes_on() -> None:
    story = Story("Ana").caller_dials("andes", recording=True).answers("Ana").passes(20)
    story.caller_dials("andes", "pedro").passes(5).about("maria").network_dies("Ana").hears("music")
    story.expect(RecordBridge).rings("Ana").about("pedro").rings().about("maria")
    story.passes(3).answers("Ana").hears("ana").expect(Join, anew="maria").never(RecordBridge)
    story.passes(20).caller_hangs_up().passes(1).ended(Outcome.ANSWERED)
    assert story.call.recording_flaw == ""


def test_while_he_waits_again_he_hears_music_and_that_he_is_next() -> None:
    story = Story("Ana").caller_dials("andes").answers("Ana").passes(5)
    story.unplugs("Ana").network_dies("Ana").hears("music").passes(0.6).hears("position 1").passes(3.1).hears("music")


def test_a_caller_who_lost_his_secretary_may_leave_a_message_but_was_answered() -> None:
    story = Story("Ana").caller_dials("andes", recording=True).answers("Ana").passes(20)
    story.unplugs("Ana").network_dies("Ana").passes(94).speaks_a_message(60).passes(5).ended(Outcome.ANSWERED)
    assert story.call.message
    assert story.call.recording_flaw == ""


# --- her telephone's own hold ---------------------------------------------------------------------------------------


def test_while_she_holds_the_line_of_a_recorded_call_the_caller_hears_music() -> None:
    story = Story("Ana").caller_dials("andes", recording=True).answers("Ana").passes(5)
    leg = story.call.secretary_leg
    story.happens(Held(story.now, leg)).expect(StartMusic, leg="maria")
    story.passes(9).happens(Unheld(story.now, leg)).expect(StopMusic, leg="maria").hears("ana")
    for each in (leg, "maria"):
        story.expect(JoinAnew, bridge=story.call.bridge, leg=each)


def test_an_unrecorded_bridge_passes_her_hold_on_by_itself() -> None:
    story = Story("Ana").caller_dials("andes").answers("Ana").passes(5)
    leg = story.call.secretary_leg
    story.expect(LimitLeg, after=None).happens(Held(story.now, leg)).never(StartMusic)
    story.happens(Unheld(story.now, leg)).expect(MixOnce, bridge=story.call.bridge).never(StopMusic)


def test_an_unrecorded_bridge_mixes_once_for_a_new_stream_as_its_legs_translate_from_their_first_day() -> None:
    story = Story("Ana").caller_dials("andes").answers("Ana").passes(5)
    for leg in ("maria", story.call.secretary_leg):
        story.happens(NewStream(story.now, leg)).expect(MixOnce, bridge=story.call.bridge).never(JoinAnew)


# --- a stream that begins anew, without a word by SIP ----------------------------------------------------------------


def test_whose_sound_comes_by_another_stream_is_joined_anew() -> None:
    story = Story("Ana").caller_dials("andes", recording=True).answers("Ana").passes(5)
    for leg in (story.call.id, story.call.secretary_leg):
        story.happens(NewStream(story.now, leg)).expect(JoinAnew, bridge=story.call.bridge, leg=leg).hears("ana")
    story.happens(NewStream(story.now, "maria-secretary-7")).never(JoinAnew)


def test_nobody_is_joined_who_is_not_heard() -> None:
    story = Story("Ana").caller_dials("andes")
    story.happens(NewStream(story.now, "maria")).never(JoinAnew)
    story.answers("Ana").passes(5).happens(Held(story.now, story.call.secretary_leg))
    for leg in (story.call.secretary_leg, "maria"):
        story.happens(NewStream(story.now, leg)).never(JoinAnew).never(MixOnce)


# --- a daemon that hung as he came ----------------------------------------------------------------------------------


def test_asterisks_limit_on_him_is_long_once_the_daemon_has_him() -> None:
    story = Story("Ana").caller_dials("andes").expect(LimitLeg, leg="maria", after=timedelta(seconds=120))
    story.passes(8.5).hears("ringing").passes(16).hears("music")


def test_a_message_is_not_lost_to_a_disk_that_is_slow_to_look_at() -> None:
    story = Story("Ana").caller_dials("andes").nobody_answers().speaks_a_message(9)
    story.switch.looking_takes = timedelta(seconds=10)
    story.passes(20).ended(Outcome.LEFT_MESSAGE)
