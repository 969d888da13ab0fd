"""A supervisor checks calls that are over: she reads the message, listens to the recording, fills in a score sheet."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import Connection

from pbx_control.domain import checks
from pbx_control.domain.audit import Actor, ActorKind, Verb
from pbx_control.domain.desk.scores import MOST_POINTS
from pbx_control.domain.desk.words import Words
from pbx_control.domain.words.characters import harmless
from pbx_control.errors import ClientMistake, Code, Field
from pbx_control.services import messages
from pbx_control.services.work import Work
from pbx_control.store import audit, call_log, restrictions, score_sheets
from pbx_control.store.call_log import Line
from pbx_control.store.score_sheets import Average, Checked, Mark, Place, Sheet

# So many calls, and so many sheets of a secretary's own, stand on one page.
PAGE, SHEETS = 30, 30
# Averages are over the sheets of so long.
AVERAGE_OVER = timedelta(days=90)
# Characters of a note.
LONGEST_NOTE = 2000
# A player asks for a recording in pieces: those of one listening are asked for within this.
ONE_LISTENING = timedelta(hours=1)
HEARD = (Verb.RECORDING_HEARD, Verb.CALL_SUPERVISED)


@dataclass(frozen=True, slots=True)
class Heard:
    """That somebody has listened: to the recording afterwards, or (`live`) as a supervisor while the call lasted."""

    at: datetime
    who: str
    live: bool
    of_office: bool  # none of the client's people


@dataclass(frozen=True, slots=True)
class CallChecked:
    """A call with all that a supervisor needs to judge it."""

    call: Checked
    words: Words
    lines: Sequence[Line]
    heard: Sequence[Heard]  # the newest first
    sheet: Sheet | None


@dataclass(frozen=True, slots=True)
class Calls:
    """A page of calls. `next`: where the following page begins; None: there is none."""

    calls: Sequence[Checked]
    next: Place | None


def calls(conn: Connection, secretary_id: int | None, after: Place | None = None) -> Calls:
    """The newest calls that are over and that a secretary answered."""
    found = score_sheets.page(conn, secretary_id, PAGE + 1, after)
    shown = found[:PAGE]
    return Calls(shown, (shown[-1].arrived_at, shown[-1].call_id) if len(found) > PAGE else None)


def find(conn: Connection, call_id: str) -> Checked:
    """One of them. Raises ClientMistake: NO_SUCH_CALL, or RESTRICTED while a request of the caller's is decided."""
    found = score_sheets.find(conn, call_id)
    if found is None:
        raise ClientMistake("there is no call {call}", Code.NO_SUCH_CALL, call=repr(call_id[:64]))
    if found.restricted:
        raise restrictions.refusal(call_id)
    return found


def one(conn: Connection, call_id: str) -> CallChecked:
    """A call with its story. Raises ClientMistake as `find` does."""
    found = find(conn, call_id)
    return CallChecked(
        found,
        words=messages.words_sent(conn, call_id),
        lines=call_log.journal_of(conn, call_id),
        heard=heard(conn, found.client_id, call_id),
        sheet=score_sheets.of_call(conn, call_id),
    )


def heard(conn: Connection, client_id: int, call_id: str) -> list[Heard]:
    """Who has listened to a call, the newest first."""
    entries = [entry for verb in HEARD for entry in audit.about(conn, client_id, verb, call_id)]
    found = [
        Heard(
            entry.at,
            entry.actor.name,
            live=entry.verb is Verb.CALL_SUPERVISED,
            of_office=entry.actor.kind is not ActorKind.USER,
        )
        for entry in entries
    ]
    return sorted(found, key=lambda each: each.at, reverse=True)


def is_listening(conn: Connection, client_id: int, call_id: str, who: Actor, at: datetime) -> bool:
    """Whether it is written down that somebody listens to a call's recording at that time: a player that seeks asks for
    pieces only, and so may somebody who would rather leave no trace."""
    entries = audit.about(conn, client_id, Verb.RECORDING_HEARD, call_id)
    his = [each for each in entries if (each.actor.kind, each.actor.name) == (who.kind, who.name)]
    return any(each.at > at - ONE_LISTENING for each in his)


def note_heard(work: Work, call_id: str) -> None:
    """A supervisor listens to a call's recording, or the message that was left: the client sees that, too. Raises
    ClientMistake as `find` does."""
    found = find(work.conn, call_id)
    work.note(Verb.RECORDING_HEARD, call_id, client_id=found.client_id)


def score(
    work: Work, call_id: str, user_id: int, points: Mapping[str, str], note: str, criteria: Sequence[str]
) -> None:
    """Keeps how a call was judged: for each criterion 0 to 5 points, as they were typed, and a note.

    Raises ClientMistake as `find` does, and for points that are missing or none, or too long a note.
    """
    found = find(work.conn, call_id)
    marks = [Mark(criterion, _points(points.get(criterion, ""), criterion)) for criterion in criteria]
    note = checks.paragraph(note, "note", longest=LONGEST_NOTE) if note.strip() else ""
    before = score_sheets.put(work.conn, found, user_id, work.at, note, marks)
    old = {mark.criterion: mark.points for mark in before.marks} if before else {}
    new: dict[str, object] = {"secretary": found.secretary}
    work.note(Verb.CALL_SCORED, call_id, old=old, new=new | {mark.criterion: mark.points for mark in marks})


def _points(typed: str, criterion: str) -> int:
    if typed not in map(str, range(MOST_POINTS + 1)):
        raise ClientMistake(
            "give 0 to {most} points for {criterion}",
            Code.BAD_VALUE,
            most=MOST_POINTS,
            criterion=harmless(criterion),
            field=Field("points"),
        )
    return int(typed)


def averages(conn: Connection, at: datetime, secretary_id: int | None = None) -> list[Average]:
    """The secretaries' averages of late."""
    return score_sheets.averages(conn, at - AVERAGE_OVER, secretary_id)


def sheets_of(conn: Connection, secretary_id: int) -> list[Sheet]:
    """A secretary's own sheets, the newest first."""
    return score_sheets.of_secretary(conn, secretary_id, SHEETS)
