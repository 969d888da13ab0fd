"""The telephones by which supervisors, and admins, are in calls."""

from dataclasses import dataclass

from sqlalchemy import Connection, delete, insert, select, update

from pbx_control.store.engine import bump_revision
from pbx_control.store.rows import record
from pbx_control.store.tables import supervisor_telephone


@dataclass(frozen=True, slots=True, kw_only=True)
class Telephone:
    """One of them; what the columns mean is told in `tables.supervisor_telephone`."""

    user_id: int
    user: str
    password: str
    secure: bool


def of_user(conn: Connection, user_id: int) -> Telephone | None:
    """That of somebody who signs in, if there is one."""
    row = conn.execute(select(supervisor_telephone).where(supervisor_telephone.c.user_id == user_id)).first()
    return record(Telephone, row) if row else None


def users(conn: Connection) -> set[str]:
    """Their user names."""
    return set(conn.scalars(select(supervisor_telephone.c.user)))


def put(conn: Connection, telephone: Telephone) -> None:
    """Keeps one, in place of the one that the person has."""
    values = {"user": telephone.user, "password": telephone.password, "secure": telephone.secure}
    his = supervisor_telephone.c.user_id == telephone.user_id
    if not conn.execute(update(supervisor_telephone).where(his).values(values)).rowcount:
        conn.execute(insert(supervisor_telephone).values(user_id=telephone.user_id, **values))


def remove(conn: Connection, user_id: int) -> bool:
    """Takes it away, so that the switch is told; False if there is none."""
    removed = conn.execute(delete(supervisor_telephone).where(supervisor_telephone.c.user_id == user_id)).rowcount > 0
    if removed:
        bump_revision(conn)
    return removed
