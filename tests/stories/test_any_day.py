"""Any day in the house: callers, secretaries and a dying daemon in any order, played by hypothesis on the whole."""

from datetime import timedelta

from books import account
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule
from story import MORNING, NOTICE, SOUNDS, WELCOME, Story, speaks

from pbx_control.domain.call.events import Held, Unheld
from pbx_control.domain.call.flow import REFUSALS_BEFORE_PAUSE
from pbx_control.domain.call.model import Admission, Outcome, Phase, Unit

NAMES = ("Ana", "Eva", "Isa")
SILENT_WHILE_IT_ENDS = (Phase.ARRIVING, Phase.ENDING, Phase.ENDED)


class AnyDay(RuleBasedStateMachine):
    """The house of three secretaries. After each act a moment passes, so that the switch has done what it was told."""

    def __init__(self) -> None:
        super().__init__()
        self.story = Story("Ana", speaks("Eva", "es", "en", wrap_up=10), speaks("Isa", "en", clients=[1, 2]))
        # Of the month's calls, and of bags, something is left or nothing.
        left = {1: account(2, at=MORNING), 2: account(0, 1, 1, at=MORNING), 3: account(0, at=MORNING)}
        self.story.books.accounts = left
        self.callers = 0

    # --- people

    @rule(
        client=st.sampled_from([1, 2, 3]),
        admission=st.sampled_from([Admission.OPEN] * 6 + [Admission.CLOSED, Admission.BLOCKED]),
        language=st.sampled_from(["es", "en"]),
        flags=st.tuples(*[st.booleans()] * 6),
    )
    @precondition(lambda self: self.story.connected and self.callers < 5)
    def somebody_dials(self, client: int, admission: Admission, language: str, flags: tuple[bool, ...]) -> None:
        self.callers += 1
        names = ("recording", "music", "takes_messages", "summary_closed", "early_media", "metered")
        known = dict(zip(names, flags, strict=True))
        known |= {"sounds": (WELCOME if flags[1] else NOTICE) if flags[0] else SOUNDS}
        facts = {"client_id": client, "admission": admission, "language": language}
        self.story.caller_dials(f"client {client}", f"caller-{self.callers}", **facts, **known)
        self.a_moment()

    @rule(which=st.integers(1, 5))
    def a_caller_hangs_up(self, which: int) -> None:
        self.story.switch.leaves(f"caller-{which}")
        self.a_moment()

    @rule(which=st.integers(1, 5))
    def a_caller_has_said_his_message(self, which: int) -> None:
        self.story.switch.message_ends(f"caller-{which}")
        self.a_moment()

    @rule(name=st.sampled_from(NAMES))
    def she_lifts_the_receiver(self, name: str) -> None:
        leg = self.story.switch.telephone(name.lower())
        if leg and not self.story.switch.legs[leg].up:
            self.story.switch.answers(leg)
        self.a_moment()

    @rule(name=st.sampled_from(NAMES), cause=st.sampled_from([16, 17, 21, 44]))
    def she_is_gone(self, name: str, cause: int) -> None:
        if leg := self.story.switch.telephone(name.lower()):
            self.story.switch.leaves(leg, cause)
        self.a_moment()

    @rule(name=st.sampled_from(NAMES), keys=st.sampled_from(["*1", "*2", "##", "*0", "*7", "*8", "*9", "*#", "*", "5"]))
    @precondition(lambda self: self.story.connected)
    def she_presses_keys(self, name: str, keys: str) -> None:
        leg = self.story.switch.telephone(name.lower())
        if leg and self.story.switch.legs[leg].up:
            self.story.about(self.story.switch.legs[leg].call).presses(name, keys)
        self.a_moment()

    @rule(name=st.sampled_from(NAMES), kind=st.sampled_from([Held, Unheld]))
    def she_uses_her_telephones_hold(self, name: str, kind: type[Held | Unheld]) -> None:
        leg = self.story.switch.telephone(name.lower())
        if leg and self.story.switch.legs[leg].up:
            self.story._hear(self.story.switch.legs[leg].call, kind(self.story.now, leg))
        self.a_moment()

    @rule(which=st.integers(1, 5))
    def a_contact_answers(self, which: int) -> None:
        leg = self.contacts_leg(which)
        if leg and not self.story.switch.legs[leg].up:
            self.story.switch.answers(leg)
        self.a_moment()

    @rule(which=st.integers(1, 5), cause=st.sampled_from([16, 17, 19, 21]))
    def a_contact_is_gone(self, which: int, cause: int) -> None:
        if leg := self.contacts_leg(which):
            self.story.switch.leaves(leg, cause)
        self.a_moment()

    def contacts_leg(self, which: int) -> str | None:
        legs = self.story.switch.legs.items()
        return next((key for key, leg in legs if leg.contact and leg.call == f"caller-{which}"), None)

    @rule(name=st.sampled_from(NAMES), there=st.booleans())
    def her_telephone_comes_or_goes(self, name: str, there: bool) -> None:
        self.story._change(name, registered=there)
        if self.story.daemon_lives:
            self.story._look_at_floor()
        self.a_moment()

    @rule(name=st.sampled_from(NAMES))
    @precondition(lambda self: self.story.daemon_lives)
    def her_pause_is_over(self, name: str) -> None:
        self.story.is_back(name)
        self.a_moment()

    @rule(name=st.sampled_from(NAMES))
    def another_daemon_takes_her(self, name: str) -> None:
        self.story.another_daemon_takes(name)

    @rule(seconds=st.sampled_from([1, 3, 10, 20, 45, 95]))
    def time_passes(self, seconds: float) -> None:
        self.story.passes(seconds)
        self.a_moment()

    # --- the daemon

    @rule(before_performing=st.booleans())
    def the_daemon_dies(self, before_performing: bool) -> None:
        if before_performing:
            self.story.daemon_dies_before_performing()
        else:
            self.story.daemon_dies()

    @rule()
    def the_connection_breaks(self) -> None:
        self.story.connection_breaks()

    @rule(seconds=st.sampled_from([0, 1, 5, 30]))
    @precondition(lambda self: not self.story.connected)
    def the_daemon_returns(self, seconds: float) -> None:
        self.story.passes(seconds).daemon_returns()
        self.a_moment()

    @rule()
    @precondition(lambda self: self.story.connected)
    def a_minute_is_over(self) -> None:
        self.story.compares()
        self.a_moment()

    def a_moment(self) -> None:
        self.story.passes(0.3)

    # --- what always holds

    @invariant()
    def nobody_hears_dead_air(self) -> None:
        if not self.story.connected or self.story._will_die:
            return
        for call in self.story.calls.values():
            leg = self.story.switch.legs.get(call.id)
            if leg and leg.ours and call.phase not in SILENT_WHILE_IT_ENDS:
                assert self.story.switch.heard_by(call.id) != "silence", f"{call.id}:\n{self.story.so_far}"

    @invariant()
    def nobody_hears_anothers_conversation(self) -> None:
        """Who shares a bridge belongs to one call, and they are two."""
        for bridge, legs in self.story.switch.bridges.items():
            assert {self.story.switch.legs[leg].call for leg in legs} <= {bridge.rsplit("-", 2)[0]}, self.story.so_far
            assert len(legs) <= 2, self.story.so_far

    @invariant()
    def nobody_is_rung_while_her_telephone_rests_or_is_paused(self) -> None:
        for chair in self.story.chairs:
            assert chair.refusals < REFUSALS_BEFORE_PAUSE or chair.paused, self.story.so_far
            assert not (chair.paused and chair.held_by), self.story.so_far

    @invariant()
    def a_seat_belongs_to_a_call_that_wants_it(self) -> None:
        for who, call_id in self.story.books.claims.items():
            seat = self.story.calls[call_id].seat
            assert seat is not None, self.story.so_far
            assert seat.secretary_id == who, self.story.so_far

    def teardown(self) -> None:
        story = self.story
        story.daemon_returns()
        for caller in [leg for leg, it in story.switch.legs.items() if not it.user]:
            story.switch.leaves(caller)
        story.passes(30).compares().passes(30)
        for who in story.calls:
            self.it_ended_well(story.about(who))

    def it_ended_well(self, story: Story) -> None:
        call = story.call
        assert call.phase is Phase.ENDED, story.so_far
        silent = call.taken_over or (call.outcome is Outcome.CLOSED and not call.known.summary_closed)
        silent = silent or call.outcome is Outcome.BLOCKED
        assert story.letters.count(call.id) == (0 if silent else 1), story.so_far
        assert call.answered_at is None or call.answered_at - call.arrived_at >= timedelta(0)  # type: ignore[operator]
        assert story.charged.count(call.id) == (call.unit is Unit.CHARGED), story.so_far
        assert call.id not in story.books.reserved, story.so_far
        story.nothing_is_left()


TestAnyDay = AnyDay.TestCase
TestAnyDay.settings = settings(max_examples=200, stateful_step_count=40, deadline=None)
