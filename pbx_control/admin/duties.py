"""Which state each secretary is in, for lists: as the daemon tells it; without one, as store and switch have it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from sqlalchemy import Connection

from pbx_control import clock
from pbx_control.admin.door import Door
from pbx_control.catalogue import N_
from pbx_control.domain.desk.duty import DeskState, Known, Why, state_of
from pbx_control.live.listener import DaemonAway, state_now
from pbx_control.settings import Home
from pbx_control.store import secretaries
from pbx_control.store.secretaries import Listed

if TYPE_CHECKING:
    from pbx_control.asterisk.reached import Reached
    from pbx_control.live.news import State

# After this the dialplan takes a daemon that gives no sign for dead, and so do we.
SILENCE = timedelta(seconds=4)

WORDS: Mapping[tuple[DeskState, Why], str] = {
    (DeskState.READY, Why.NOTHING): N_("ready for calls"),
    (DeskState.PAUSE, Why.ADMIN): N_("paused by an admin"),
    (DeskState.PAUSE, Why.DESK): N_("pause: {reason}"),
    (DeskState.PAUSE, Why.TELEPHONE_SILENT): N_("paused: her telephone took no call"),
    (DeskState.OFFERED, Why.NOTHING): N_("is offered a call"),
    (DeskState.OFFERED, Why.PAUSE_NEXT): N_("is offered a call, then pause"),
    (DeskState.TALKING, Why.NOTHING): N_("in a call"),
    (DeskState.TALKING, Why.PAUSE_NEXT): N_("in a call, then pause"),
    (DeskState.TALKING, Why.BUSY_ELSEWHERE): N_("in another conversation"),
    (DeskState.WRAP_UP, Why.NOTHING): N_("after-call work"),
    (DeskState.OFFLINE, Why.SIGNED_OUT): N_("offline: signed out"),
    (DeskState.OFFLINE, Why.TELEPHONE_GONE): N_("offline: her telephone is away"),
    (DeskState.OFFLINE, Why.PAGE_LOST): N_("offline: her page is lost"),
    (DeskState.OFFLINE, Why.DAEMON_AWAY): N_("offline: unknown to the daemon"),
}
# States in which her pause is in force; since when is known.
PAUSES = (Why.ADMIN, Why.DESK, Why.TELEPHONE_SILENT, Why.SIGNED_OUT)
# In `status`.
COUNTED: Mapping[DeskState, str] = {
    DeskState.READY: N_("ready"),
    DeskState.OFFERED: N_("offered a call"),
    DeskState.TALKING: N_("in a call"),
    DeskState.WRAP_UP: N_("in after-call work"),
    DeskState.PAUSE: N_("in a pause"),
    DeskState.OFFLINE: N_("offline"),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Kept:
    """A secretary as the store and the switch know her."""

    registered: bool
    paused: bool
    paused_by: str
    call: str
    talking: bool
    free_from: datetime | None
    after_call: bool
    busy: bool = False
    page_lost: bool = False


def told_by_daemon(home: Home) -> "State | None":
    """What the daemon says now; None if none answers."""
    try:
        return state_now(home, SILENCE.total_seconds())
    except (DaemonAway, TimeoutError):
        return None


def known_to(told: "State") -> dict[int, Known]:
    """Who the secretaries are to the daemon, by their ids."""
    return {one.id: one for one in told.secretaries}


def kept(conn: Connection, rows: Sequence[Listed], reached: "Reached") -> dict[int, Known]:
    """Who they are without a daemon; as a new one would take it."""
    # Imported here: most commands need nothing of calls.
    from pbx_control.domain.call.model import OFFERED

    seats = secretaries.in_calls(conn)
    return {
        row.id: Kept(
            registered=reached.telephone(row.user) == "reached",
            paused=row.paused,
            paused_by=row.paused_why,
            call=seats[row.id].call_id if row.id in seats else "",
            talking=row.id in seats and seats[row.id].phase not in OFFERED,
            free_from=row.free_from,
            after_call=row.free_from is not None,
        )
        for row in rows
    }


def facts_of(row: Listed, who: Known | None) -> dict[str, Any]:
    """Her state as --json has it."""
    duty = state_of(who, clock.now())
    since = row.paused_at if duty.why in PAUSES else None
    return {"state": duty.state.value, "state_why": duty.why.value, "since": since, "until": duty.until}


def in_words(door: Door, row: Mapping[str, Any]) -> dict[str, Any]:
    """A row with `facts_of` and what is known of her telephones, as a table shows it."""
    clients = door.say("all") if row["clients"] is None else row["clients"]
    browser = row["browser"] and door.say(row["browser"])
    return {**row, "state": _state(door, row), "clients": clients, "browser": browser}


def _state(door: Door, row: Mapping[str, Any]) -> str:
    why, reason = Why(row["state_why"]), row["pause_reason"]
    if why is Why.TELEPHONE_GONE and row["telephone"] == "unknown":
        words = N_("offline: Asterisk does not answer")
    else:
        words = WORDS[DeskState(row["state"]), why]
    state = door.say(words, reason=door.say(reason) if reason else "")
    if row["since"]:
        state = door.say("{state}, since {at}", state=state, at=_by_the_minute(door, row["since"]))
    elif row["until"]:
        state = door.say("{state}, until {at}", state=state, at=_by_the_minute(door, row["until"]))
    return door.say("{state}; her telephone is left on forward", state=state) if row["forwarded_at"] else state


def _by_the_minute(door: Door, at: datetime) -> str:
    """The time of day; with its date, if that is another day's."""
    at, today = at.astimezone(door.zone), clock.now().astimezone(door.zone).date()
    return f"{at:%H:%M}" if at.date() == today else f"{at:%Y-%m-%d %H:%M}"


def counts(rows: Sequence[Listed], known: Mapping[int, Known]) -> dict[str, int]:
    """How many secretaries are in each state."""
    now = clock.now()
    states = [state_of(known.get(row.id), now).state for row in rows]
    return {state.value: states.count(state) for state in DeskState}
