"""When secretaries were not offered calls, and whose pause it was: one row a pause, at most one of hers open."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, insert, select, update

from pbx_control.domain.desk.duty import PausedBy
from pbx_control.store.rows import record
from pbx_control.store.tables import pause


@dataclass(frozen=True, slots=True, kw_only=True)
class Pause:
    """A pause as it is kept."""

    id: int
    secretary_id: int
    by: str  # PausedBy
    reason: str
    began_at: datetime
    ended_at: datetime | None


def begin(conn: Connection, secretary_id: int, by: PausedBy, reason: str, at: datetime) -> None:
    """A pause begins; one that is open ends."""
    end(conn, secretary_id, at)
    conn.execute(insert(pause).values(secretary_id=secretary_id, by=by.value, reason=reason, began_at=at))


def end(conn: Connection, secretary_id: int, at: datetime) -> None:
    """The open pause, if there is one, is over."""
    hers = pause.c.secretary_id == secretary_id, pause.c.ended_at.is_(None)
    conn.execute(update(pause).where(*hers).values(ended_at=at))


def of_secretary(conn: Connection, secretary_id: int) -> Sequence[Pause]:
    """Her pauses, the oldest first."""
    hers = select(pause).where(pause.c.secretary_id == secretary_id).order_by(pause.c.began_at, pause.c.id)
    return [record(Pause, row) for row in conn.execute(hers)]
