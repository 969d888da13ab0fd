"""Brings into the journal what the switch did alone: reads its records, completes the calls, once each."""

import asyncio
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta

import structlog
from sqlalchemy import Engine
from sqlalchemy.exc import DataError

from pbx_control.asterisk.absence import Absence, AbsentCall, AbsentEvent, Alive
from pbx_control.clock import now
from pbx_control.domain.call.ending import flaw
from pbx_control.domain.call.events import CallerLeft, CallerTakenOver
from pbx_control.domain.call.model import Outcome
from pbx_control.domain.telephony.numbering import caller_number, country_of
from pbx_control.domain.words.wording import NAME_LIMIT, clean_line
from pbx_control.errors import StoreUnavailable
from pbx_control.live.switchboard import Switchboard
from pbx_control.media import recordings
from pbx_control.services.steps import Rules
from pbx_control.services.taken_in import SwitchCall, SwitchEvent, take_in
from pbx_control.settings import Home
from pbx_control.store.engine import writing

log = structlog.get_logger()

# The switch's records are looked at so often, seconds: calls that end in the fallback while the daemon is there.
LOOK_EVERY = 1.0


class CatchingUp:
    """`take_in` reads once; `run` goes on reading. `wrote` is called when letters may have been written."""

    def __init__(self, home: Home, engine: Engine, board: Switchboard, rules: Rules, wrote: Callable[[], None]) -> None:
        self._home = home
        self._engine = engine
        self._board = board
        self._rules = rules
        self._wrote = wrote
        self._absence = Absence(home)
        self._one_at_a_time = asyncio.Lock()

    async def run(self) -> None:
        """Takes in what the switch writes, for ever."""
        while True:
            await self.take_in()
            await asyncio.sleep(LOOK_EVERY)

    async def take_in(self, alive: Alive | None = None) -> None:
        """Takes in the calls that are over; `alive` also settles those that ended with an Asterisk that died."""
        async with self._one_at_a_time:
            absent = await asyncio.to_thread(self._gather, alive)
            told = [call.id for call in absent if self._tell_board(call)]
            rest = [call for call in absent if call.outcome and self._board.call(call.id) is None]
            unknown = [call.id for call in absent if not call.outcome and self._board.call(call.id) is None]
            if absent:
                remembered = await asyncio.to_thread(self._remember, rest)
                await asyncio.to_thread(self._absence.taken_in, [*told, *unknown, *remembered])
            if rest:
                self._wrote()

    def _gather(self, alive: Alive | None) -> list[AbsentCall]:
        return [self._spoken(call) for call in self._absence.gather(alive)]

    def _tell_board(self, absent: AbsentCall) -> bool:
        """Tells a live call what became of it. True if that is all there is to do; a call that the switch took over
        is remembered in the next round, when the board has let go of it."""
        call = self._board.call(absent.id)
        if call is None:
            return False
        if absent.outcome is None:
            self._board.post(call.id, CallerLeft(now(), since=absent.ended_at))
            return True
        self._board.post(call.id, CallerTakenOver(now()))
        return False

    def _remember(self, absent: list[AbsentCall]) -> list[str]:
        """The ids of those that are in the store now."""
        remembered = []
        for call in absent:
            try:
                with writing(self._engine) as conn:
                    if take_in(conn, self._as_stored(call), self._rules):
                        remembered.append(call.id)
            except Exception as error:
                if isinstance(error, StoreUnavailable) and not isinstance(error.__cause__, DataError):
                    raise
                # One record that makes no sense must not keep the daemon from its calls for ever: it stays in
                # run/absence/done.
                log.exception("a call of the switch's own record is left out", call=call.id)
                remembered.append(call.id)
        return remembered

    def _as_stored(self, call: AbsentCall) -> SwitchCall:
        recording_flaw = self._flaw(call)
        lost = recording_flaw in ("missing", "short") and not recordings.has_room(self._home.recordings)
        return SwitchCall(
            id=call.id,
            did=call.did,
            client_id=call.client_id,
            caller=caller_number(call.caller, country_of(call.did) or "CL"),
            caller_name=clean_line(call.caller_name, NAME_LIMIT),
            arrived_at=call.arrived_at,
            ended_at=call.ended_at,
            outcome=call.outcome or Outcome.MISSED,
            answered_by=call.answered_by,
            answered_at=call.answered_at,
            talked=_talked(call),
            recording=call.recording,
            recording_flaw=recording_flaw,
            recording_lost=lost,
            message=call.message,
            message_flaw=call.message_flaw,
            message_kept=timedelta(seconds=call.message_seconds),
            events=[self._event(call, event) for event in call.events],
        )

    def _event(self, call: AbsentCall, event: AbsentEvent) -> SwitchEvent:
        """What the switch tells; of the notice that the call is recorded the words, too."""
        details = event.details
        if event.name in ("notice", "notice-early") and self._board.directory:
            details = f"{details} {self._board.directory.notice_text(call.client_id, details)}".strip()
        return SwitchEvent(at=event.at, name=event.name, details=details)

    def _flaw(self, call: AbsentCall) -> str:
        if call.answered_at is None or not any(event.name == "recording" for event in call.events):
            return ""
        if not call.recording:
            return "missing"
        found = recordings.settle(self._home.recordings / call.recording)
        return flaw(_talked(call), found.seconds if found.has_header else None)

    def _spoken(self, call: AbsentCall) -> AbsentCall:
        """The call without its message, if nobody is heard in that."""
        if not call.message or recordings.is_spoken(self._home.recordings / call.message):
            return call
        missed = Outcome.MISSED if call.outcome is Outcome.LEFT_MESSAGE else call.outcome
        flaw = "lost" if call.message_flaw else ""
        return replace(call, message="", message_flaw=flaw, message_seconds=0.0, outcome=missed)


def _talked(call: AbsentCall) -> timedelta:
    """How long the caller talked, with one secretary after another: the switch records that, and no waiting."""
    talked, since = timedelta(0), None
    for event in call.events:
        if event.name == "answered":
            since = event.at
        elif event.name in ("lost", "message", "ended") and since:
            talked, since = talked + (event.at - since), None
    return talked
