"""Stories of a supervisor in a call: the trail has it first, she is heard by whom she chose, and she never stays when
the secretary leaves."""

from collections.abc import Callable
from datetime import timedelta

import pytest
from fake_switch import BUSY
from story import BOSS_AT_HOME, SALES, Story

from pbx_control.domain.call import events as e
from pbx_control.domain.call.commands import (
    Command,
    Dial,
    HangUp,
    Join,
    JoinAnew,
    MixOnce,
    NoteSupervision,
    NoteSupervisionEnd,
    Refusal,
    RemoveBridge,
    RingSupervisor,
    Snoop,
    StartMusic,
    StopMusic,
    Tell,
)
from pbx_control.domain.call.flow import step
from pbx_control.domain.call.model import Outcome, Phase, SupervisionMode

LISTEN, WHISPER, BARGE = SupervisionMode
JEFA, OTHER = 9, 10


def talking(*more: str, **facts: object) -> Story:
    """Ana talks with a caller."""
    return Story("Ana", *more).caller_dials("andes", **facts).answers("Ana").passes(5)


def asks(story: Story, mode: SupervisionMode = LISTEN, user: int = JEFA, telephone: str = "jefa-1") -> Story:
    return story.happens(e.SupervisionAsked(story.now, user, mode, telephone, ticket=7, asker="jefa"))


def comes_in(story: Story, mode: SupervisionMode = LISTEN) -> Story:
    asks(story, mode)
    return story.happens(e.SupervisorAnswered(story.now, story.call.supervisor_leg))


def in_the_call(**facts: object) -> Story:
    return comes_in(talking(**facts))


def test_her_telephone_rings_and_the_trail_has_it_in_the_same_step() -> None:
    story = talking()
    asked = e.SupervisionAsked(story.now, JEFA, WHISPER, "jefa-1", ticket=7, asker="jefa")
    after, commands = step(story.call, asked)
    assert commands[0] == NoteSupervision("jefa", "jefa-1", "Ana", WHISPER)
    assert [type(one) for one in commands[1:-1]] == [RingSupervisor]
    assert after.supervision
    assert not after.supervision.here


def test_she_hears_once_she_has_answered_and_the_secretary_is_told_by_a_tone() -> None:
    story = in_the_call()
    story.expect(RingSupervisor, user="jefa-1").expect(Tell, leg=story.call.secretary_leg)
    story.expect(Join, bridge=story.call.supervision_bridge, legs=(story.call.supervisor_leg,))
    story.expect(Snoop, leg=story.call.secretary_leg, mode=LISTEN).is_told()


def test_an_office_that_does_not_announce_it_plays_no_tone() -> None:
    story = in_the_call(announces_supervision=False).expect(Snoop)
    assert not [one for _, one in story.switch.done if isinstance(one, Tell)]


def test_she_changes_who_hears_her_and_the_old_way_ends_first() -> None:
    story = in_the_call()
    old = story.call.snoop
    asks(story, BARGE).expect(Snoop, mode=LISTEN, moved=False).expect(HangUp, leg=old)
    # The old one may not have begun yet: it may wait until Asterisk has forgotten a stream.
    story.expect(Snoop, mode=BARGE, moved=True).is_told()
    asks(story, BARGE).is_told()
    assert story.call.snoop.endswith("-2")


def test_what_carried_her_voice_before_ends_and_changes_nothing() -> None:
    story = in_the_call()
    old = story.call.snoop
    asks(story, WHISPER).happens(e.SnoopEnded(story.now, old))
    assert story.call.supervision


@pytest.mark.parametrize("how", [e.SupervisorLeft, e.SnoopEnded])
def test_the_call_goes_on_when_she_leaves(how: type[e.SupervisorLeft | e.SnoopEnded]) -> None:
    story = in_the_call()
    story.happens(how(story.now, story.call.supervisor_leg if how is e.SupervisorLeft else story.call.snoop))
    story.expect(RemoveBridge, bridge=story.call.supervision_bridge).is_in(Phase.TALKING).hears("ana")
    assert story.call.supervision is None


def ends(story: Story, user: int, *, anybodys: bool = False) -> Story:
    return story.happens(e.SupervisionEndAsked(story.now, user, anybodys, ticket=7, asker="root"))


def test_she_leaves_by_her_screen() -> None:
    story = in_the_call()
    ends(story, JEFA).is_told()
    story.expect(HangUp, leg=story.call.snoop).expect(HangUp, leg=story.call.supervisor_leg)
    ends(story, JEFA).is_told(Refusal.NOT_NOW)


def test_no_other_supervisor_has_her_leave() -> None:
    story = in_the_call()
    ends(story, OTHER).is_told(Refusal.ONLY_AN_ADMIN)
    assert story.call.supervision


@pytest.mark.parametrize("come", [asks, comes_in], ids=["while her telephone rings", "while she listens"])
def test_an_admin_has_her_leave_and_the_trail_has_who_did(come: Callable[[Story, SupervisionMode], Story]) -> None:
    story = come(talking(), WHISPER)
    after, commands = step(story.call, e.SupervisionEndAsked(story.now, OTHER, True, ticket=7, asker="root"))
    assert commands[0] == NoteSupervisionEnd("root", "jefa", "Ana", WHISPER)
    assert after.supervision is None
    ends(story, OTHER, anybodys=True).is_told().expect(HangUp, leg=story.call.supervisor_leg)
    story.is_in(Phase.TALKING).hears("ana")
    ends(story, OTHER, anybodys=True).is_told(Refusal.NOT_NOW)


def test_an_admin_who_leaves_himself_is_no_entry() -> None:
    story = in_the_call()
    _, commands = step(story.call, e.SupervisionEndAsked(story.now, JEFA, True, ticket=7, asker="jefa"))
    assert not [one for one in commands if isinstance(one, NoteSupervisionEnd)]


def test_she_hears_the_consultation_and_leaves_before_the_hand_over() -> None:
    story = in_the_call().consults()
    assert story.call.supervision
    done = len(story.switch.done)
    story.presses("Ana", "##").is_in(Phase.HANDED_OVER)
    first: list[Command] = [one for _, one in story.switch.done[done:]][:3]
    call = story.call
    assert first == [HangUp(call.snoop), HangUp(call.supervisor_leg), RemoveBridge(call.supervision_bridge)]
    assert call.supervision is None


def test_what_she_hears_is_carried_anew_when_the_secretary_goes_to_others_and_comes_back() -> None:
    story = in_the_call()
    first = story.call.snoop
    story.consults()
    second = story.call.snoop
    story.expect(Snoop, snoop=first, moved=False).expect(HangUp, leg=first).expect(Snoop, snoop=second, moved=True)
    story.presses("Ana", "*0").is_in(Phase.TALKING).hears("ana")
    story.expect(HangUp, leg=second).expect(Snoop, snoop=story.call.snoop, moved=True)
    assert story.call.supervision


def test_it_is_carried_anew_when_the_contacts_other_number_is_called() -> None:
    story = in_the_call().presses("Ana", "*2").expect(Dial, number=SALES)
    first = story.call.snoop
    story.contact_leaves(BUSY).expect(HangUp, leg=first).expect(Dial, number=BOSS_AT_HOME)
    story.expect(Snoop, snoop=story.call.snoop, moved=True)
    assert story.call.snoop != first


@pytest.mark.parametrize("recording", [True, False])
def test_while_the_secretary_holds_him_she_hears_the_secretary_alone(recording: bool) -> None:
    story = in_the_call(recording=recording)
    first, hers = story.call.snoop, story.call.secretary_leg
    story.holds("Ana").expect(HangUp, leg=first)
    story.expect(Snoop, snoop=story.call.snoop, leg=hers, mode=LISTEN, moved=True, her_side=True)
    second = story.call.snoop
    story.passes(3).resumes("Ana").expect(HangUp, leg=second)
    # Her telephone may begin a new stream then.
    story.expect(Snoop, snoop=story.call.snoop, leg=hers, mode=LISTEN, moved=True, her_side=False)
    assert len({first, second, story.call.snoop}) == 3


def test_a_hold_that_is_told_twice_changes_nothing_the_second_time() -> None:
    story = in_the_call().holds("Ana").expect(Snoop).expect(Snoop, her_side=True)
    story.holds("Ana").never(Snoop)


def test_nor_does_she_hear_him_who_comes_in_or_changes_during_the_hold() -> None:
    story = comes_in(talking().holds("Ana")).expect(Snoop, mode=LISTEN, her_side=True)
    asks(story, BARGE).expect(Snoop, mode=BARGE, her_side=True)


def test_a_contact_who_is_on_hold_is_not_heard_either() -> None:
    story = in_the_call().consults().holds("Ana").expect(Snoop, moved=True, her_side=False)
    story.expect(Snoop, moved=True, her_side=True)
    story.presses("Ana", "*0").expect(Snoop, moved=True, her_side=True)
    story.resumes("Ana").expect(Snoop, moved=True, her_side=False)


def test_a_hold_is_forgotten_when_she_is_gone() -> None:
    story = comes_in(talking("Eva").holds("Ana").network_dies("Ana").passes(1).answers("Eva").passes(1))
    story.expect(Snoop, her_side=False)


def test_a_hold_that_began_or_ended_while_no_daemon_was_there_is_known_to_the_next() -> None:
    story = talking(recording=True).daemon_dies().holds("Ana").passes(2).daemon_returns()
    story.expect(StartMusic, leg="maria")
    assert story.call.held
    story.daemon_dies().passes(2).daemon_returns().expect(StartMusic, leg="maria")
    story.daemon_dies().resumes("Ana").passes(2).daemon_returns().expect(StopMusic, leg="maria").never(StartMusic)
    assert not story.call.held


def test_she_is_heard_again_after_a_hold_of_her_own_telephone() -> None:
    story = comes_in(talking(), BARGE)
    story.expect(Snoop).happens(e.NewStream(story.now, story.call.supervisor_leg))
    story.expect(JoinAnew, bridge=story.call.supervision_bridge, leg=story.call.supervisor_leg).never(Snoop)
    story.happens(e.NewStream(story.now, "maria-supervisor-7")).never(JoinAnew)


@pytest.mark.parametrize("whose", ["caller", "secretary"])
def test_it_is_carried_anew_when_somebody_in_the_call_begins_a_new_stream(whose: str) -> None:
    story = in_the_call()
    first, leg = story.call.snoop, {"caller": story.call.id, "secretary": story.call.secretary_leg}[whose]
    story.happens(e.NewStream(story.now, leg)).expect(HangUp, leg=first).expect(MixOnce, bridge=story.call.bridge)
    story.expect(Snoop, snoop=story.call.snoop, moved=True)
    assert story.call.snoop != first


def test_before_she_has_answered_there_is_nothing_to_carry_anew() -> None:
    story = asks(talking())
    story.happens(e.Unheld(story.now, story.call.secretary_leg)).consults()
    assert not [one for _, one in story.switch.done if isinstance(one, Snoop)]


def test_she_does_not_stay_for_the_next_secretary() -> None:
    story = comes_in(talking("Eva")).network_dies("Ana")
    assert story.call.supervision is None
    story.passes(1).answers("Eva").passes(1)
    assert story.call.supervision is None


def test_the_call_ends_with_nothing_of_hers_left() -> None:
    in_the_call().caller_hangs_up().passes(5).ended(Outcome.ANSWERED)
    in_the_call().hangs_up("Ana").passes(5).ended(Outcome.ANSWERED)


@pytest.mark.parametrize(
    ("user", "why"), [(OTHER, Refusal.SUPERVISED_ALREADY), (JEFA, None)], ids=["another", "herself"]
)
def test_one_supervisor_is_in_a_call(user: int, why: Refusal | None) -> None:
    asks(in_the_call(), WHISPER, user).is_told(why)


def test_she_is_in_one_call_at_a_time() -> None:
    story = comes_in(talking("Eva"))
    story.caller_dials("andes", "pedro").answers("Eva").passes(1)
    asks(story).is_told(Refusal.SUPERVISES_ELSEWHERE)


def test_without_a_telephone_nothing_rings() -> None:
    asks(talking(), telephone="").is_told(Refusal.NO_TELEPHONE)


def test_a_secretary_listens_to_nobody() -> None:
    story = talking()
    her = story.call.seat.secretary_id if story.call.seat else 0
    asked = e.SupervisionAsked(story.now, JEFA, LISTEN, "jefa-1", ticket=7, secretary_id=her)
    story.happens(asked).is_told(Refusal.NOT_A_SUPERVISOR)
    assert story.call.supervision is None


def test_nobody_listens_to_who_waits() -> None:
    story = Story().caller_dials("andes").passes(5)
    asks(story).is_told(Refusal.NOT_NOW)


def test_who_answers_too_late_is_hung_up() -> None:
    story = asks(talking())
    leg = story.call.supervisor_leg
    story.happens(e.SupervisionEndAsked(story.now, JEFA, ticket=7)).happens(e.SupervisorAnswered(story.now, leg))
    story.expect(HangUp, leg=leg).expect(HangUp, leg=leg)


def test_what_she_does_disturbs_no_key_of_the_secretary() -> None:
    story = talking().presses("Ana", "*")
    asks(story)
    assert story.call.keys_begun == "*"


def test_a_new_daemon_finds_her_gone() -> None:
    story = in_the_call().daemon_dies().passes(3).daemon_returns()
    assert story.call.supervision is None
    story.is_in(Phase.TALKING).expect(HangUp, leg=story.call.supervisor_leg)
    assert story.call.next_deadline is None or story.call.next_deadline[1] > story.now - timedelta(seconds=1)
