"""What was committed, numbered: the last state of every call and secretary, and the news of the last while.

Pure of sockets and clocks. Changes collect until `cut` makes one numbered piece of news of them: a call that took
five steps meanwhile is told once.
"""

from collections import deque
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

import msgspec

from pbx_control.domain.call.model import OFFERED, Call, Missed, Phase
from pbx_control.domain.call.saving import Save
from pbx_control.domain.floor import Chair
from pbx_control.live.news import CallNow, DaemonNow, LineNow, MessageNow, MissedNow, News, SecretaryNow, State, line_of

# Phases in which her telephone rings for the call.
# News that can be had again: so many, and so many bytes of them.
WINDOW, WINDOW_BYTES = 2000, 4_000_000


@dataclass(slots=True)
class Piece:
    """One piece of news as it travels: to most, and to those who want the journals' lines."""

    number: int
    short: bytes
    full: bytes
    calls: tuple[CallNow, ...]  # of this daemon's, as are the following two: for the others
    messages: tuple[MessageNow, ...]
    look: bool

    @property
    def size(self) -> int:
        return len(self.short) + (len(self.full) if self.full is not self.short else 0)


@dataclass(slots=True)
class Pending:
    """What has changed since the last piece of news."""

    daemon: DaemonNow | None = None
    calls: dict[str, CallNow] = field(default_factory=dict)
    messages: list[MessageNow] = field(default_factory=list)
    lines: list[LineNow] = field(default_factory=list)
    touched: set[int] = field(default_factory=set)  # secretaries of those calls, before and now
    look: bool = False
    elsewhere: set[str] = field(default_factory=set)  # which of the calls live at other daemons
    their_messages: list[MessageNow] = field(default_factory=list)
    they_look: bool = False  # other daemons have written more than they tell


class Bulletin:
    """Collects what is committed; `chairs` is the floor, looked at with each cut."""

    def __init__(self, epoch: str, daemon: DaemonNow) -> None:
        self.epoch, self.number, self.daemon = epoch, 0, daemon
        self._calls: dict[str, CallNow] = {}
        self._node_of: dict[str, str] = {}  # a call that lives at another daemon -> that daemon
        self._held: dict[int, str] = {}  # a secretary's id -> the call that she is offered or has
        self._chairs: dict[int, Chair] = {}  # as they were last told
        self._secretaries: dict[int, SecretaryNow] = {}
        self._pending = Pending()
        self._window: deque[Piece] = deque()
        self._bytes = 0

    # --- what happens -------------------------------------------------------------------------------------

    def adopted(self, call: Call, line: int) -> None:
        """A live call of an earlier daemon's."""
        self._note(call_now(call, line))

    def committed(self, steps: Iterable[Save]) -> None:
        """Steps that are remembered."""
        for step in steps:
            known = self._calls.get(step.call.id)
            line = step.entries[-1].seq if step.entries else known.line if known else 0
            self._note(call_now(step.call, line))
            self._pending.lines += [
                LineNow(step.call.id, entry.seq, entry.at, entry.event, entry.details) for entry in step.entries
            ]

    def letters(self, messages: Iterable[MessageNow]) -> None:
        """Letters were written, or tried."""
        self._pending.messages += messages

    def daemon_is(self, daemon: DaemonNow) -> None:
        """The daemon is ready or not, or has published."""
        self.daemon = self._pending.daemon = daemon

    def written_elsewhere(self) -> None:
        """The database has got calls or lines that no step here wrote."""
        self._pending.look = True

    # --- what happens at other daemons --------------------------------------------------------------------

    def told_by(self, node: str, calls: Iterable[CallNow], messages: Iterable[MessageNow]) -> None:
        """What another daemon has committed. Journals' lines are not told from machine to machine."""
        for now in calls:
            self._node_of[now.id] = node
            self._pending.elsewhere.add(now.id)
            self._note(now)
        self._pending.their_messages += messages
        self._pending.they_look = True

    def forget(self, node: str) -> None:
        """Another daemon begins anew: those of its calls that still live it tells again."""
        for call_id in [call_id for call_id, host in self._node_of.items() if host == node]:
            self._pending.elsewhere.add(call_id)
            self._note(msgspec.structs.replace(self._calls[call_id], phase=Phase.ENDED.value))

    def nodes_elsewhere(self) -> set[str]:
        """The other daemons that have calls."""
        return set(self._node_of.values())

    def own_calls(self) -> list[CallNow]:
        """The calls that live here."""
        return [now for now in self._calls.values() if now.id not in self._node_of]

    def lives_elsewhere(self, call_id: str) -> bool:
        """Whether another daemon has told of that call."""
        return call_id in self._node_of

    def has_her(self, call_id: str, secretary_id: int) -> bool:
        """Whether that call, here or elsewhere, has that secretary, or is offered to her."""
        known = self._calls.get(call_id)
        return known is not None and known.secretary_id == secretary_id

    def _note(self, now: CallNow) -> None:
        before = self._calls.get(now.id)
        if before and before.secretary_id is not None and self._held.get(before.secretary_id) == now.id:
            del self._held[before.secretary_id]
            self._pending.touched.add(before.secretary_id)
        if now.phase == Phase.ENDED:
            self._calls.pop(now.id, None)
            self._node_of.pop(now.id, None)
        else:
            self._calls[now.id] = now
            if now.secretary_id is not None:
                self._held[now.secretary_id] = now.id
                self._pending.touched.add(now.secretary_id)
        self._pending.calls[now.id] = now

    # --- what is told -------------------------------------------------------------------------------------

    def cut(self, chairs: Iterable[Chair]) -> Piece | None:
        """Everything since the last cut as the next piece of news, or None if nothing has changed."""
        secretaries = self._changed(chairs)
        pending, self._pending = self._pending, Pending()
        messages, look = (*pending.messages, *pending.their_messages), pending.look or pending.they_look
        if not (secretaries or pending.calls or messages or pending.lines or pending.daemon or look):
            return None
        self.number += 1
        news = News(
            number=self.number,
            daemon=pending.daemon,
            calls=tuple(pending.calls.values()),
            secretaries=tuple(secretaries),
            messages=messages,
            look=look,
        )
        short = line_of(news)
        full = line_of(msgspec.structs.replace(news, lines=tuple(pending.lines))) if pending.lines else short
        own = tuple(now for now in pending.calls.values() if now.id not in pending.elsewhere)
        return self._keep(Piece(self.number, short, full, own, tuple(pending.messages), pending.look))

    def state(self) -> State:
        """Everything as it was at the last cut or since."""
        return State(
            epoch=self.epoch,
            number=self.number,
            daemon=self.daemon,
            calls=tuple(self._calls.values()),
            secretaries=tuple(self._secretaries.values()),
        )

    def since(self, epoch: str, number: int) -> Sequence[Piece] | None:
        """The news after that number; None if they cannot be had any more, or never were of this epoch."""
        if epoch != self.epoch or number > self.number:
            return None
        oldest = self._window[0].number if self._window else self.number + 1
        if number < oldest - 1:
            return None
        return [piece for piece in self._window if piece.number > number]

    def _changed(self, chairs: Iterable[Chair]) -> list[SecretaryNow]:
        """Those of whom something is different. A chair that is the same object has not changed."""
        touched, told, changed = self._pending.touched, self._chairs, []
        there = 0
        for chair in chairs:
            there += 1
            secretary_id = chair.seat.secretary_id
            if told.get(secretary_id) is not chair or secretary_id in touched:
                told[secretary_id] = chair
                now = secretary_now(chair, self._calls.get(self._held.get(secretary_id, "")))
                if self._secretaries.get(secretary_id) != now:
                    self._secretaries[secretary_id] = now
                    changed.append(now)
        return changed if there == len(told) else changed + self._gone(chairs)

    def _gone(self, chairs: Iterable[Chair]) -> list[SecretaryNow]:
        here = {chair.seat.secretary_id for chair in chairs}
        gone = [now for secretary_id, now in self._secretaries.items() if secretary_id not in here]
        for one in gone:
            del self._secretaries[one.id], self._chairs[one.id]
        return [SecretaryNow(one.id, one.name, gone=True) for one in gone]

    def _keep(self, piece: Piece) -> Piece:
        self._window.append(piece)
        self._bytes += piece.size
        while len(self._window) > WINDOW or self._bytes > WINDOW_BYTES:
            self._bytes -= self._window.popleft().size
        return piece


def call_now(call: Call, line: int) -> CallNow:
    """A call as others are told of it."""
    facts, seat, contact, supervision = call.facts, call.seat, call.contact, call.supervision
    with_contact = contact is not None and (call.contact_here or bool(call.transferred_to))
    return CallNow(
        id=call.id,
        phase=call.phase.value,
        line=line,
        client=facts.slug if facts else "",
        client_name=facts.client_name if facts else "",
        did=facts.did if facts else "",
        caller=call.caller.number,
        caller_name=call.caller.name,
        language=call.language or (facts.language if facts else ""),
        arrived_at=call.arrived_at,
        waiting_since=call.waiting_since,
        answered_at=call.answered_at,
        handed_over_at=call.handed_over_at,
        secretary_id=seat.secretary_id if seat else None,
        secretary=seat.name if seat else "",
        contact_id=contact.id if contact and with_contact else None,
        contact=contact.name if contact and with_contact else "",
        missed=_missed_now(call.missed) if call.missed else None,
        recording=bool(call.recording),
        recording_paused=call.recording_paused,
        wrong_number=call.wrong_number,
        spam=call.spam,
        supervisor_id=supervision.user_id if supervision else None,
        supervisor=supervision.name if supervision else "",
        supervision=supervision.mode.value if supervision else "",
        supervisor_here=bool(supervision and supervision.here),
    )


def _missed_now(missed: Missed) -> MissedNow:
    return MissedNow(missed.contact, missed.why.value, missed.at)


def secretary_now(chair: Chair, call: CallNow | None) -> SecretaryNow:
    """A secretary as others are told of her. `call`: the one that she is offered or has."""
    return SecretaryNow(
        id=chair.seat.secretary_id,
        name=chair.seat.name,
        registered=chair.registered,
        paused=chair.paused,
        paused_by=chair.paused_by.value,
        pause_reason=chair.pause_reason,
        paused_at=chair.paused_at,
        busy=chair.busy,
        call=call.id if call else "",
        talking=call is not None and call.phase not in OFFERED,
        free_from=chair.free_from,
        after_call=chair.after_call,
        last_call=chair.last_call,
        at_desk=chair.at_desk,
        page_lost=chair.page_lost,
    )
