"""What the wallboard shows of a snapshot: pieces of HTML, made once for all pages of a language."""

from collections.abc import Mapping, Sequence

from pbx_control.catalogue import N_
from pbx_control.domain.desk.duty import DeskState, Duty, Why
from pbx_control.domain.figures.floor_now import by_state
from pbx_control.domain.figures.levels import GOAL, Sums
from pbx_control.domain.words.sentences import said
from pbx_control.domain.words.wording import NAME_LIMIT, clean_line
from pbx_control.store.quarters import OfClient
from pbx_control.web.pages import environment
from pbx_control.web.wall.wall import Snapshot

# So many clients stand on the board, those that were served worst first; all of them are on the day's page.
MOST_CLIENTS = 25
# How the states are ordered: who could take a call first.
ORDER = (
    DeskState.READY,
    DeskState.OFFERED,
    DeskState.TALKING,
    DeskState.WRAP_UP,
    DeskState.PAUSE,
    DeskState.OFFLINE,
)
NAMES = {
    DeskState.READY: N_("Ready"),
    DeskState.OFFERED: N_("Ringing"),
    DeskState.TALKING: N_("Talking"),
    DeskState.WRAP_UP: N_("After the call"),
    DeskState.PAUSE: N_("Paused"),
    DeskState.OFFLINE: N_("Not there"),
}


def percent(share: float | None) -> str:
    """ "83 %", with a no-break space; a dash where there was nothing to count. Rounded down: the goal is reached when
    it is."""
    return "–" if share is None else f"{int(share * 100 + 1e-9)}\N{NO-BREAK SPACE}%"


REGIONS = ("numbers", "floor", "clients")


def pieces(snapshot: Snapshot, language: str) -> Mapping[str, str]:
    """The regions of the page."""
    made, values = environment(language), {"shown": _Shown(snapshot, language)}
    return {name: made.get_template(f"wall/{name}.html.j2").render(values) for name in REGIONS}


def strip(snapshot: Snapshot, language: str) -> str:
    """The line on each secretary's desk."""
    return environment(language).get_template("wall/strip.html.j2").render(shown=_Shown(snapshot, language))


class _Shown:
    """A snapshot in words and numbers."""

    def __init__(self, snapshot: Snapshot, language: str) -> None:
        self._language = language
        self.snapshot = snapshot
        self.daemon_away = snapshot.daemon_away
        self.store_away = snapshot.today is None
        self.line = snapshot.line
        self.today = snapshot.today
        self.day = snapshot.today.all if snapshot.today else Sums()
        self.level = percent(self.day.level) if snapshot.today else "–"
        self.below = self.day.level is not None and self.day.level < GOAL
        self.goal = percent(GOAL)

    @property
    def states(self) -> Sequence[tuple[str, str, int]]:
        """How many secretaries are in each state."""
        counts = by_state(since for _, since in self.snapshot.secretaries)
        return [(state.value, said(self._language, NAMES[state], {}), counts[state]) for state in ORDER]

    @property
    def secretaries(self) -> Sequence[Mapping[str, object]]:
        """Each with her state, why, and since when."""
        rows = sorted(self.snapshot.secretaries, key=lambda one: ORDER.index(one[1].duty.state))
        return [
            {
                "name": clean_line(her.name, NAME_LIMIT),
                "state": since.duty.state.value,
                "words": said(self._language, NAMES[since.duty.state], {}),
                "why": self._why(since.duty, her.pause_reason),
                "since": since.since,
                "at_least": since.at_least,
            }
            for her, since in rows
        ]

    def _why(self, duty: Duty, reason: str) -> str:
        why = reason if duty.why is Why.DESK else WHYS.get(duty.why, "")
        return said(self._language, clean_line(why, NAME_LIMIT), {}) if why else ""

    @property
    def clients(self) -> Sequence[Mapping[str, object]]:
        """The clients that were served worst today."""
        return [client_row(one) for one in worst_first(self.today.clients if self.today else ())[:MOST_CLIENTS]]

    @property
    def more_clients(self) -> int:
        """How many clients had calls, and do not stand there."""
        return max(0, len(self.today.clients if self.today else ()) - MOST_CLIENTS)


WHYS = {
    Why.ADMIN: N_("by the office"),
    Why.TELEPHONE_SILENT: N_("her telephone did not answer"),
    Why.SIGNED_OUT: N_("signed out"),
    Why.TELEPHONE_GONE: N_("no telephone"),
    Why.PAGE_LOST: N_("her page is gone"),
    Why.BUSY_ELSEWHERE: N_("on another line"),
    Why.PAUSE_NEXT: N_("a pause follows"),
}


def worst_first(clients: Sequence[OfClient]) -> list[OfClient]:
    """By the service level; those without any call to count come last."""

    def place(one: OfClient) -> tuple[float, int, str]:
        return 2.0 if one.sums.level is None else one.sums.level, -one.sums.calls, one.name

    return sorted(clients, key=place)


def client_row(one: OfClient) -> Mapping[str, object]:
    """A client's line in a table."""
    return {
        "slug": one.slug,
        "name": clean_line(one.name, NAME_LIMIT),
        "level": percent(one.sums.level),
        "below": one.sums.level is not None and one.sums.level < GOAL,
        "sums": one.sums,
    }
