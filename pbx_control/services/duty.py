"""Her pauses: begun and ended by herself, by an admin, or by the system; the daemon knows of each within a second.

Each function bumps the revision of the office, so it works in any transaction; what changes nothing writes nothing.
"""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Engine

from pbx_control.domain import checks
from pbx_control.domain.audit import Verb
from pbx_control.domain.desk.duty import LONGEST_REASON, PausedBy
from pbx_control.errors import ClientMistake, Code, Field
from pbx_control.services.work import Work
from pbx_control.store import pauses, secretaries
from pbx_control.store.engine import bump_revision, writing
from pbx_control.store.secretaries import NOT_PAUSED, Secretary


@dataclass(frozen=True, slots=True)
class Paused:
    """What became of a pause that was asked for."""

    after_call: bool  # she has a call: it begins when that is over


def pause(work: Work, secretary_id: int, reason: str, among: Collection[str] | None = None) -> Paused:
    """Her own pause, for a reason of `[desk] pause_reasons` (`among`; None: any). A pause of the system's becomes hers;
    another reason begins another pause.

    Raises ClientMistake for another reason, while an admin has paused her, or if she is unknown.
    """
    reason = checks.line(reason, "reason", longest=LONGEST_REASON)
    if among is not None and reason not in among:
        raise ClientMistake(
            "{reason} is no reason for a pause: {known}",
            Code.BAD_VALUE,
            reason=reason,
            known=" / ".join(among),
            field=Field("reason"),
        )
    her = secretaries.locked(work.conn, secretary_id)
    _refuse_admins(her)
    if not (_is(her, PausedBy.DESK) and her.pause_reason == reason):
        _begin(work, her, PausedBy.DESK, reason)
    return Paused(secretaries.is_in_call(work.conn, secretary_id))


def resume(work: Work, secretary_id: int) -> None:
    """She is back: her own pause and one of the system's end. Nothing to end is no mistake: keys are pressed twice.

    Raises ClientMistake while an admin has paused her, or if she is unknown.
    """
    her = secretaries.locked(work.conn, secretary_id)
    _refuse_admins(her)
    end(work, her)


def signed_out(work: Work, secretary_id: int) -> None:
    """She has left her desk: her own pause, or one of the system's, becomes this one; an admin's stays."""
    her = secretaries.locked(work.conn, secretary_id)
    if not her.paused or PausedBy.kept(her.paused_why) in (PausedBy.DESK, PausedBy.REFUSALS):
        _begin(work, her, PausedBy.SIGNED_OUT, "")


def signed_in(work: Work, secretary_id: int) -> None:
    """She is at her desk again: this ends nothing but the pause of her leaving it."""
    her = secretaries.locked(work.conn, secretary_id)
    if _is(her, PausedBy.SIGNED_OUT):
        end(work, her)


def pause_by_admin(work: Work, secretary_id: int) -> Paused:
    """An admin's pause, which an admin alone ends; any other becomes this one."""
    her = secretaries.locked(work.conn, secretary_id)
    if not _is(her, PausedBy.ADMIN):
        _begin(work, her, PausedBy.ADMIN, "")
    return Paused(secretaries.is_in_call(work.conn, secretary_id))


def resume_by_admin(work: Work, secretary_id: int) -> None:
    """Whatever pause she is in ends."""
    end(work, secretaries.locked(work.conn, secretary_id))


def end(work: Work, her: Secretary) -> None:
    """The pause that she is in, if any, is over. `her` is locked."""
    if her.paused:
        secretaries.update_row(work.conn, her.id, NOT_PAUSED)
        pauses.end(work.conn, her.id, work.at)
        work.note(Verb.PAUSE_ENDED, her.name, old=her, new=NOT_PAUSED)
        bump_revision(work.conn)


def end_rest(engine: Engine, secretary_id: int, at: datetime) -> None:
    """Her after-call work is over at that instant, if it lasts longer. The office does not change: no entry."""
    with writing(engine) as conn:
        secretaries.end_rest(conn, secretary_id, at)


def _begin(work: Work, her: Secretary, by: PausedBy, reason: str) -> None:
    values = {"paused": True, "paused_why": by.value, "pause_reason": reason, "paused_at": work.at}
    secretaries.update_row(work.conn, her.id, values)
    pauses.begin(work.conn, her.id, by, reason, work.at)
    work.note(Verb.PAUSE_BEGUN, her.name, old=her, new=values)
    bump_revision(work.conn)


def _is(her: Secretary, by: PausedBy) -> bool:
    return her.paused and PausedBy.kept(her.paused_why) is by


def _refuse_admins(her: Secretary) -> None:
    if _is(her, PausedBy.ADMIN):
        raise ClientMistake("an admin has paused {name}: only an admin ends that", Code.PAUSED_BY_ADMIN, name=her.name)
