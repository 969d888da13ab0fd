"""The table of the flow: every pair of phase and event is handled or ignored with a reason, and no order of events
breaks a call."""

from collections.abc import Sequence
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace
from story import MORNING, NOTICE, SOUNDS, USUAL, WELCOME

from pbx_control.domain.call import events as e
from pbx_control.domain.call import flow, transfer
from pbx_control.domain.call.commands import (
    ClaimSeat,
    Command,
    Dial,
    FreeSeat,
    Join,
    NoteDialling,
    RemoveBridge,
    Reply,
    Ring,
    WriteLetters,
)
from pbx_control.domain.call.model import Admission, Call, Caller, Deadline, Outcome, Phase, Seat

KEYS = (*flow.EVENT_TYPES, *Deadline)
# A call that is let go waits for the caller, for files and for their inspection: each has its deadline.
ROUNDS_TO_THE_END = 12


@pytest.mark.parametrize("phase", Phase)
@pytest.mark.parametrize("key", KEYS, ids=lambda key: key.value if isinstance(key, Deadline) else key.__name__)
def test_every_pair_is_handled_or_ignored_with_a_reason(phase: Phase, key: type[e.Event] | Deadline) -> None:
    assert ((phase, key) in flow.TABLE) != ((phase, key) in flow.IGNORED)
    assert (phase, key) in flow.TABLE or flow.IGNORED[phase, key]


def test_the_tables_know_every_event_and_nothing_else() -> None:
    declared = {cls for cls in vars(e).values() if isinstance(cls, type) and issubclass(cls, e.Event)}
    assert declared - {e.Event, e.Asked, e.DeadlinePassed} == set(flow.EVENT_TYPES)
    assert {pair for table in (flow.TABLE, flow.IGNORED) for pair in table} == {(p, k) for p in Phase for k in KEYS}


# --- any order of events ----------------------------------------------------------------------------------------

SEATS = st.builds(
    Seat, st.integers(1, 3), st.just("ana"), st.just("Ana"), st.sampled_from([timedelta(0), timedelta(seconds=20)])
)
FACTS = st.builds(
    replace,
    st.just(USUAL),
    sounds=st.sampled_from([SOUNDS, WELCOME, NOTICE]),
    early_media=st.booleans(),
    admission=st.sampled_from([Admission.OPEN] * 4 + [Admission.CLOSED, Admission.EXHAUSTED]),
    recording=st.booleans(),
    music=st.booleans(),
    takes_messages=st.booleans(),
    summary_closed=st.booleans(),
    wait_limit=st.sampled_from([timedelta(seconds=10), timedelta(seconds=90)]),
)
LEGS = st.integers(0, 4).map("c-secretary-{}".format)
CONTACT_LEGS = st.integers(0, 4).map("c-contact-{}".format)
PROMPTS = st.integers(0, 6).map("c-prompt-{}".format)
CAUSES = st.sampled_from([0, 16, 17, 21, 44])
AROUND = st.builds(
    e.Surroundings, st.integers(0, 4), st.integers(0, 120), st.sets(st.sampled_from(["es", "en"])).map(frozenset)
)
ASKERS = st.none() | st.integers(1, 3)
FILES = st.sampled_from(["2026/08/03/c.wav", "2026/08/03/c-message.wav", "2026/08/03/c-message-2.wav", "other.wav"])
SECONDS = st.none() | st.floats(0, 300)
# The events of a call as functions of the instant at which they happen.
HAPPENINGS = st.one_of(
    st.builds(lambda facts: lambda at: e.CallArrived(at, facts, Caller()), FACTS),
    st.builds(lambda cause: lambda at: e.CallerLeft(at, cause), CAUSES),
    st.just(e.CallerTakenOver),
    st.builds(lambda seat: lambda at: e.Offered(at, seat), SEATS),
    st.sampled_from([e.SeatClaimed, e.OfferLost]),
    st.builds(lambda leg: lambda at: e.SecretaryRinging(at, leg), LEGS),
    st.builds(lambda leg: lambda at: e.SecretaryAnswered(at, leg), LEGS),
    st.builds(lambda leg, cause: lambda at: e.SecretaryLeft(at, leg, cause), LEGS, CAUSES),
    st.builds(lambda prompt: lambda at: e.PromptEnded(at, prompt), PROMPTS),
    st.builds(lambda path: lambda at: e.RecordingEnded(at, path), FILES),
    st.builds(lambda one, two, room: lambda at: e.FilesInspected(at, one, two, room), SECONDS, SECONDS, st.booleans()),
    st.builds(lambda one, room: lambda at: e.MessageInspected(at, one, room), SECONDS, st.booleans()),
    st.builds(lambda name, place: lambda at: e.DeadlinePassed(at, name, place), st.sampled_from(Deadline), SECONDS),
    st.just(lambda at: e.SwitchRefused(at, "Play", "no")),
    st.builds(
        lambda up, bridged, recorded: lambda at: e.Recovered(at, up, bridged, recorded),
        st.booleans(),
        st.booleans(),
        st.booleans(),
    ),
    st.builds(lambda leg: lambda at: e.ContactRinging(at, leg), CONTACT_LEGS),
    st.builds(lambda leg: lambda at: e.ContactAnswered(at, leg), CONTACT_LEGS),
    st.builds(lambda leg, cause: lambda at: e.ContactLeft(at, leg, cause), CONTACT_LEGS, CAUSES),
    st.builds(
        lambda number, asker, around: lambda at: e.ConsultationAsked(at, number, secretary_id=asker, around=around),
        st.integers(0, 4),
        ASKERS,
        AROUND,
    ),
    st.builds(
        lambda kind, asker, around: lambda at: kind(at, secretary_id=asker, around=around),
        st.sampled_from([kind for kind in transfer.FROM_SCREEN if kind is not e.ConsultationAsked]),
        ASKERS,
        AROUND,
    ),
    st.just(e.LoopFound),
    st.just("current"),  # what is current: the nearest deadline, an answer, the prompt's end, a leg's end
    st.just("answer"),
    st.just("prompt"),
    st.just("contact answers"),
    st.just("contact leaves"),
    st.tuples(st.sampled_from(["*1", "*2", "##", "*0", "*7", "*8", "*9", "*#", "*", "5"]), AROUND),  # her keys
)


class Play:
    """One call through any events; claims of seats are answered as the runner does."""

    def __init__(self, facts: object, claims: Sequence[bool]) -> None:
        self.at = MORNING
        self.call = Call("c")
        self.commands: list[Command] = []
        self.held: set[int] = set()
        self._claims = list(claims)
        self.happen(e.CallArrived(self.at, facts, Caller()))  # type: ignore[arg-type]

    def happen(self, event: e.Event) -> None:
        before = self.call
        self.call, commands = flow.step(self.call, event)
        assert sum(isinstance(one, Reply) for one in commands) == isinstance(event, e.Asked)
        if before.phase is Phase.ENDED:
            assert [one for one in commands if not isinstance(one, flow.HangUp | Reply)] == []
        self.commands += commands
        for command in commands:
            if isinstance(command, ClaimSeat):
                self._claim(command.secretary_id)
            elif isinstance(command, FreeSeat):
                self.held.discard(command.secretary_id)

    def _claim(self, secretary_id: int) -> None:
        if self._claims and not self._claims.pop():
            self.happen(e.OfferLost(self.at))
            return
        assert not self.held, "two secretaries for one call"
        self.held.add(secretary_id)
        self.happen(e.SeatClaimed(self.at))

    def current(self, which: object) -> e.Event | None:
        if which == "answer":
            return e.SecretaryAnswered(self.at, self.call.secretary_leg)
        if which == "contact answers":
            return e.ContactAnswered(self.at, self.call.contact_leg)
        if which == "contact leaves":
            return e.ContactLeft(self.at, self.call.contact_leg, 17)
        if which == "prompt":
            return e.PromptEnded(self.at, self.call.prompt)
        if not self.call.next_deadline:
            return None
        name, due = self.call.next_deadline
        self.at = max(self.at, due)
        return e.DeadlinePassed(self.at, name)

    def to_the_end(self) -> None:
        """The caller leaves, and nothing more happens but that time passes."""
        self.happen(e.CallerLeft(self.at, 16))
        for _ in range(ROUNDS_TO_THE_END):
            if event := self.current("current"):
                self.happen(event)

    def count(self, kind: type[Command]) -> int:
        return sum(isinstance(command, kind) for command in self.commands)


@given(FACTS, st.lists(st.booleans(), max_size=5), st.lists(st.tuples(HAPPENINGS, st.floats(0, 40)), max_size=40))
def test_whatever_happens_in_whatever_order_the_call_ends_in_good_order(facts, claims, happenings) -> None:  # type: ignore[no-untyped-def]
    play = Play(facts, claims)
    for happening, pause in happenings:
        play.at += timedelta(seconds=pause)
        if callable(happening):
            # What the runner alone makes comes only as an answer to what it was asked.
            event = happening(play.at)
            if not isinstance(event, (e.SeatClaimed, e.OfferLost)):
                play.happen(event)
        elif isinstance(happening, tuple):
            for key in happening[0]:
                play.happen(e.KeyPressed(play.at, play.call.secretary_leg, key, happening[1]))
        elif event := play.current(happening):
            play.happen(event)
    play.to_the_end()

    call = play.call
    assert call.phase is Phase.ENDED
    assert (call.seat, play.held) == (None, set())
    silent = call.taken_over or (call.outcome is Outcome.CLOSED and not call.known.summary_closed)
    assert play.count(WriteLetters) == (0 if silent else 1)
    rung = [command.leg for command in play.commands if isinstance(command, Ring)]
    assert len(rung) == len(set(rung))
    dialled = [command.leg for command in play.commands if isinstance(command, Dial)]
    assert len(dialled) == len(set(dialled)) == play.count(NoteDialling)
    assert not call.contact_here or call.taken_over
    if play.count(Join) and not call.taken_over:
        last = [type(one) for one in play.commands if isinstance(one, (Join, RemoveBridge))][-1]
        assert last is RemoveBridge
    assert call.taken_over or call.outcome is not None
    assert call.taken_over or call.ended_at is not None
