"""How long a call took: what letter, list and card tell, whatever came between."""

from datetime import timedelta

from story import Story

from pbx_control.domain.call.lengths import lengths_of
from pbx_control.domain.call.model import Outcome
from pbx_control.domain.words.wording import duration
from pbx_control.store.calls import seconds


def test_the_conversation_with_the_contact_ends_when_he_hangs_up_not_after_our_farewell() -> None:
    story = Story("Ana").caller_dials("andes").answers("Ana").passes(10).consults().passes(5).presses("Ana", "##")
    story.passes(40).contact_leaves().passes(10).ended(Outcome.ANSWERED)
    assert lengths_of(story.call).talked == timedelta(seconds=15)
    assert lengths_of(story.call).transferred == timedelta(seconds=40)


def test_waiting_for_another_secretary_and_leaving_a_message_is_no_talking() -> None:
    story = Story("Ana").caller_dials("andes").answers("Ana").passes(10).unplugs("Ana").network_dies("Ana")
    story.nobody_answers().speaks_a_message(8).passes(10).ended(Outcome.ANSWERED)
    assert lengths_of(story.call).talked == timedelta(seconds=10)


def test_two_secretaries_one_after_the_other_are_added_up() -> None:
    story = Story("Ana", "Eva").caller_dials("andes").answers("Ana").passes(10).network_dies("Ana").passes(4)
    story.answers("Eva").passes(20).caller_hangs_up().passes(1).ended(Outcome.ANSWERED)
    assert lengths_of(story.call).talked == timedelta(seconds=30)


def test_while_they_talk_and_where_nobody_answered_there_is_no_length_yet() -> None:
    story = Story("Ana").caller_dials("andes")
    assert lengths_of(story.call).talked is None
    assert lengths_of(story.answers("Ana").passes(3).call).talked is None


def test_a_length_reads_the_same_whether_it_is_told_at_once_or_was_kept() -> None:
    for milliseconds in range(6900, 9100):
        length = timedelta(milliseconds=milliseconds)
        kept = timedelta(seconds=seconds(length) or 0)
        assert duration(length, "en") == duration(kept, "en")
