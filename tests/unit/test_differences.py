"""What a comparison makes of transfers: who is where he should be, who is gone, what is left over."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any
from unittest.mock import AsyncMock, Mock

import pytest

from pbx_control.domain.call.events import (
    CallerLeft,
    CallerTakenOver,
    ContactAnswered,
    ContactLeft,
    Event,
    Recovered,
    SecretaryLeft,
    SupervisorLeft,
)
from pbx_control.domain.call.model import Admission, Call, Facts, Phase, Seat, Sounds, Supervision, SupervisionMode
from pbx_control.live.recovery import Found, FoundLeg, Recovery, differences

AT = datetime(2026, 11, 22, 12, tzinfo=UTC)
ID = "pbx-1.5"
HERS, CONTACTS = f"{ID}-secretary-1", f"{ID}-contact-2"
BRIDGE, CONSULTATION = f"{ID}-bridge-1", f"{ID}-consultation-3"
FACTS = Facts("+56225550101", 1, "andes", "Andes", "es", "UTC", Admission.OPEN, Sounds())
CALLING, CONSULTING, HANDED_OVER = Phase.CALLING_CONTACT, Phase.CONSULTING, Phase.HANDED_OVER


def call(phase: Phase, **more: Any) -> Call:
    """One with all three of them, not recorded."""
    seat = None if phase is HANDED_OVER else Seat(1, "ana", "Ana")
    facts = {"seat": seat, "offers": 1, "contact_here": True, "contact_legs": 2, "consultations": 3, "bridged": True}
    return Call(ID, phase, FACTS, arrived_at=AT, **(facts | more))


def legs(*ids: str, up: bool = True) -> dict[str, FoundLeg]:
    return {each: FoundLeg(each, f"PJSIP/x-{each}", up, True, "") for each in ids}


def found(phase: Phase, without: str = "", **more: Any) -> Found:
    """Everybody where the phase has him, but for one."""
    together = {CALLING: ({ID}, {HERS, CONTACTS}), CONSULTING: ({ID}, {HERS, CONTACTS})}
    his, theirs = together.get(phase, ({ID, CONTACTS}, set()))
    places = {BRIDGE: frozenset(his - {without}), CONSULTATION: frozenset(theirs - {without})}
    return Found(**({"legs": legs(*(({*his, *theirs}) - {without})), "bridges": places} | more))


def names(events: list[Event]) -> list[type[Event]]:
    return [type(event) for event in events]


@pytest.mark.parametrize("phase", [CONSULTING, HANDED_OVER])
def test_when_all_are_in_their_places_only_a_new_connection_is_told(phase: Phase) -> None:
    assert differences(call(phase), found(phase), AT, newly_connected=False) == []
    (recovered,) = differences(call(phase), found(phase), AT, newly_connected=True)
    assert isinstance(recovered, Recovered)
    assert recovered.bridged


@pytest.mark.parametrize("phase", [CONSULTING, HANDED_OVER])
def test_who_is_in_no_bridge_is_put_into_his(phase: Phase) -> None:
    nowhere = {BRIDGE: frozenset({ID}), CONSULTATION: frozenset()}
    (recovered,) = differences(call(phase), found(phase, bridges=nowhere), AT, newly_connected=False)
    assert isinstance(recovered, Recovered)
    assert not recovered.bridged


@pytest.mark.parametrize("phase", [CALLING, CONSULTING, HANDED_OVER])
def test_a_contact_who_is_gone_has_left(phase: Phase) -> None:
    events = differences(call(phase), found(phase, without=CONTACTS), AT, newly_connected=True)
    assert events == [ContactLeft(AT, CONTACTS)]


@pytest.mark.parametrize("phase", [CALLING, CONSULTING])
def test_a_secretary_who_is_gone_has_left_with_the_cause_that_is_known(phase: Phase) -> None:
    events = differences(call(phase), found(phase, without=HERS, causes={HERS: 16}), AT, newly_connected=True)
    assert events[0] == SecretaryLeft(AT, HERS, 16)


def test_an_answer_in_the_gap_is_told_after_all_are_in_their_places() -> None:
    events = differences(call(CALLING), found(CALLING), AT, newly_connected=True)
    assert names(events) == [Recovered, ContactAnswered]


def test_a_telephone_that_still_rings_has_not_answered() -> None:
    ringing = legs(ID, HERS) | legs(CONTACTS, up=False)
    assert differences(call(CALLING), found(CALLING, legs=ringing), AT, newly_connected=False) == []


def test_a_caller_who_hung_up_on_hold_has_left() -> None:
    assert names(differences(call(CONSULTING), found(CONSULTING, without=ID), AT, newly_connected=True)) == [CallerLeft]


def test_all_are_gone_after_the_hand_over() -> None:
    events = differences(call(HANDED_OVER), Found(), AT, newly_connected=True)
    assert names(events) == [CallerLeft, ContactLeft]


def test_a_caller_whom_the_dialplan_tells_that_his_time_is_up_is_taken_over() -> None:
    his = FoundLeg(ID, "PJSIP/trunk-1-01", True, False, "")
    assert differences(call(HANDED_OVER), Found({ID: his}), AT, newly_connected=False) == [CallerTakenOver(AT)]


@pytest.mark.parametrize("phase", [CONSULTING, HANDED_OVER])
def test_a_recording_that_ended_goes_on(phase: Phase) -> None:
    recorded = call(phase, recording="a.wav")
    assert differences(recorded, found(phase, recording=frozenset({"a.wav"})), AT, newly_connected=False) == []
    (recovered,) = differences(recorded, found(phase), AT, newly_connected=False)
    assert isinstance(recovered, Recovered)
    assert (recovered.bridged, recovered.recorded) == (True, False)


# --- a supervisor -----------------------------------------------------------------------------------------------

SUPERVISORS = f"{ID}-supervisor-1"
LISTENS = Supervision(9, "jefa", "jefa-1", SupervisionMode.LISTEN, here=True)


async def posted(snoop_is: str) -> list[type[Event]]:
    """What the minute's comparison tells a call with a supervisor whose snoop channel is gone: not to be, or `coming`
    as the look at the switch begins."""
    supervised = call(CONSULTING, supervision=LISTENS, supervisions=1, snoops=2)
    there = found(CONSULTING)
    board, performer, told = Mock(calls=[supervised], chairs=[]), Mock(coming=frozenset()), []
    board.settled.return_value = {ID: supervised}
    board.call.return_value = supervised
    board.post = lambda _, event: told.append(type(event))
    performer.coming = frozenset({supervised.snoop} if snoop_is == "coming" else ())
    recovery = Recovery(board, AsyncMock(), performer, reach=Mock())

    async def look(_: object) -> Found:
        performer.coming = frozenset()  # it comes while the switch is asked
        return replace(there, legs=there.legs | legs(SUPERVISORS))

    recovery._look = look  # type: ignore[method-assign]
    await recovery.compare(newly_connected=False)
    return told


async def test_a_supervisor_who_hears_nothing_any_more_is_let_go() -> None:
    assert await posted("gone") == [SupervisorLeft]


async def test_one_whose_hearing_is_being_renewed_stays() -> None:
    assert await posted("coming") == []


# --- what is left over ------------------------------------------------------------------------------------------


class Switch:
    """Notes what is removed."""

    def __init__(self) -> None:
        self.removed: list[str] = []

    async def ask(self, method: str, uri: str) -> None:
        assert method == "DELETE"
        self.removed.append(uri.partition("/")[2])


class Board:
    def __init__(self, *calls: Call) -> None:
        self.calls = calls

    def call(self, call_id: str) -> Call | None:
        return next((call for call in self.calls if call.id == call_id), None)


async def removed(*calls: Call) -> set[str]:
    switch = Switch()
    everything = Found(legs(HERS, CONTACTS), {BRIDGE: frozenset(), CONSULTATION: frozenset({HERS, CONTACTS})})
    await Recovery(Board(*calls), switch, None)._remove_strays(everything)  # type: ignore[arg-type]
    return set(switch.removed)


async def test_of_a_call_that_nobody_knows_everything_is_removed() -> None:
    assert await removed() == {HERS, CONTACTS, BRIDGE, CONSULTATION}


@pytest.mark.parametrize("phase", [CALLING, CONSULTING, Phase.CALLER_GONE])
async def test_of_a_consultation_nothing(phase: Phase) -> None:
    assert await removed(call(phase)) == set()


async def test_of_one_that_was_over_when_the_daemon_died_the_contact_and_the_bridge() -> None:
    assert await removed(call(Phase.TALKING, contact_here=False)) == {CONTACTS, CONSULTATION}


async def test_an_earlier_consultations_leg_and_bridge() -> None:
    assert await removed(call(CONSULTING, contact_legs=3, consultations=4)) == {CONTACTS, CONSULTATION}


async def test_after_the_hand_over_her_leg_and_the_consultation() -> None:
    assert await removed(call(HANDED_OVER)) == {HERS, CONSULTATION}


async def without_undialled(found: Found, phase: Phase = CALLING) -> tuple[Found, list[str]]:
    """What a new connection goes on with, and what it has removed."""
    switch = Switch()
    recovery = Recovery(Board(), switch, None)  # type: ignore[arg-type]
    return await recovery._without_undialled([call(phase)], found), switch.removed


async def test_a_contacts_leg_that_was_made_and_not_dialled_is_removed_and_he_has_left() -> None:
    made = found(CALLING, legs=legs(ID, HERS, CONTACTS, up=False), bridges={BRIDGE: frozenset({ID})})
    left, removed = await without_undialled(made)
    assert removed == [CONTACTS]
    assert differences(call(CALLING), left, AT, newly_connected=True) == [ContactLeft(AT, CONTACTS)]


async def test_one_that_rings_or_was_answered_stays() -> None:
    rings = found(CALLING, legs=legs(ID, HERS, CONTACTS, up=False))
    answered = found(CALLING, bridges={BRIDGE: frozenset({ID})})
    for there in (rings, answered):
        assert await without_undialled(there) == (there, [])
    made = found(CALLING, legs=legs(ID, HERS, CONTACTS, up=False), bridges={BRIDGE: frozenset({ID})})
    assert await without_undialled(made, HANDED_OVER) == (made, [])


# --- when he left, of whom nobody knows -------------------------------------------------------------------------


def test_who_left_right_after_the_daemons_last_beat_did_not_talk_until_the_next_ones_first() -> None:
    back = AT + timedelta(minutes=10)
    until = AT + timedelta(seconds=40)
    gone = found(Phase.TALKING, ID, unrecorded_until=until)
    left = next(event for event in differences(call(Phase.TALKING), gone, back, newly_connected=True))
    assert left == CallerLeft(back, since=until)


def test_nobody_left_before_he_was_answered() -> None:
    answered = AT + timedelta(seconds=9)
    gone = found(Phase.TALKING, ID, unrecorded_until=AT)
    talked = call(Phase.TALKING, answered_at=answered)
    assert differences(talked, gone, AT + timedelta(minutes=1), newly_connected=True)[0].since == answered
