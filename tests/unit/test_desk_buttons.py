"""Her page's buttons are on in the phases in which her telephone's keys do something; elsewhere they say why not."""

import pytest

from pbx_control.domain.call import events, transfer
from pbx_control.domain.call.model import Phase
from pbx_control.domain.desk.buttons import MARKED_ALREADY, NOT_RECORDED, ONLY_TALKING, Button, Situation, buttons

ASKED = {
    "consult": events.ConsultationAsked,
    "hand-over": events.HandOverAsked,
    "take-back": events.TakeBackAsked,
    "pause-recording": events.RecordingPauseAsked,
    "language": events.LanguageAsked,
    "wrong-number": events.WrongNumberAsked,
    "spam": events.SpamAsked,
}


@pytest.mark.parametrize("phase", Phase)
def test_a_button_is_on_where_the_call_obeys_it(phase: Phase) -> None:
    shown = buttons(Situation(phase, recording=True))
    assert set(shown) == set(ASKED)
    for act, event in ASKED.items():
        phases, _ = transfer.FROM_SCREEN[event]
        assert (shown[act].why_not == "") == (phase in phases), act


def test_a_stopped_recording_can_be_begun_again() -> None:
    shown = buttons(Situation(Phase.TALKING, recording=True, recording_paused=True))
    assert "pause-recording" not in shown
    assert shown["resume-recording"].why_not == ""


def test_what_is_not_recorded_says_so() -> None:
    assert buttons(Situation(Phase.TALKING, recording=False))["pause-recording"].why_not == NOT_RECORDED


@pytest.mark.parametrize(("mark", "other"), [("wrong_number", "spam"), ("spam", "wrong_number")])
def test_a_mark_is_taken_back_by_the_button_that_made_it(mark: str, other: str) -> None:
    shown = buttons(Situation(Phase.TALKING, **{mark: True}))
    assert shown[mark.replace("_", "-")] == Button("unmark", pressed=True)
    assert shown[other.replace("_", "-")] == Button(other.replace("_", "-"), MARKED_ALREADY, pressed=False)
    consulting = buttons(Situation(Phase.CONSULTING, **{mark: True}))
    assert consulting[mark.replace("_", "-")] == Button("unmark", ONLY_TALKING, pressed=True)
