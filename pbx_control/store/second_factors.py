"""Second factors in the store: the secret of a person's app, the last code that was taken, and codes for when app or
passkey is lost."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, delete, func, insert, select, update

from pbx_control.store import passkeys
from pbx_control.store.rows import record
from pbx_control.store.tables import recovery_code, second_factor


@dataclass(frozen=True, slots=True, kw_only=True)
class SecondFactor:
    """Somebody's app; what the columns mean is told in `tables.second_factor`."""

    user_id: int
    secret: str
    session_id: int | None
    begun_at: datetime
    confirmed_at: datetime | None
    last_step: int


def find(conn: Connection, user_id: int) -> SecondFactor | None:
    """A person's, confirmed or only begun; None if there is none."""
    columns = [second_factor.c[name] for name in SecondFactor.__slots__]
    row = conn.execute(select(*columns).where(second_factor.c.user_id == user_id)).one_or_none()
    return record(SecondFactor, row) if row else None


def is_on(conn: Connection, user_id: int) -> bool:
    """Whether he is asked for more than his password when he signs in."""
    return has_app(conn, user_id) or passkeys.are_there(conn, user_id)


def has_app(conn: Connection, user_id: int) -> bool:
    """Whether a code of his app is asked for."""
    found = find(conn, user_id)
    return found is not None and found.confirmed_at is not None


def begin(conn: Connection, user_id: int, session_id: int, secret: str, at: datetime) -> None:
    """Keeps a secret that waits for its first code, in the place of one that waited before."""
    waiting = second_factor.c.user_id == user_id, second_factor.c.confirmed_at.is_(None)
    conn.execute(delete(second_factor).where(*waiting))
    values = {"user_id": user_id, "session_id": session_id, "secret": secret, "begun_at": at}
    conn.execute(insert(second_factor).values(values))


def confirm(conn: Connection, user_id: int, session_id: int, step: int, at: datetime) -> bool:
    """The first code of the secret that this session was shown has been taken; whether it waited for one."""
    waiting = second_factor.c.confirmed_at.is_(None), second_factor.c.session_id == session_id
    values = {"confirmed_at": at, "last_step": step, "session_id": None}
    changed = conn.execute(update(second_factor).where(second_factor.c.user_id == user_id, *waiting).values(values))
    return changed.rowcount == 1


def take_step(conn: Connection, user_id: int, step: int) -> bool:
    """Takes a code; False if it, or a later one, was taken already: of two at the same instant one gets True."""
    fresh = second_factor.c.confirmed_at.is_not(None), second_factor.c.last_step < step
    changed = conn.execute(
        update(second_factor).where(second_factor.c.user_id == user_id, *fresh).values(last_step=step)
    )
    return changed.rowcount == 1


def remove(conn: Connection, user_id: int) -> bool:
    """Takes app, passkeys and codes away; whether one of the first two was in use."""
    was_on = is_on(conn, user_id)
    passkeys.remove_all(conn, user_id)
    conn.execute(delete(recovery_code).where(recovery_code.c.user_id == user_id))
    conn.execute(delete(second_factor).where(second_factor.c.user_id == user_id))
    return was_on


def put_codes(conn: Connection, user_id: int, hashes: Iterable[str]) -> None:
    """Keeps codes in the place of those before."""
    conn.execute(delete(recovery_code).where(recovery_code.c.user_id == user_id))
    conn.execute(insert(recovery_code), [{"user_id": user_id, "code_hash": one} for one in hashes])


def take_code(conn: Connection, user_id: int, code_hash: str, at: datetime) -> bool:
    """Uses such a code; False if it is none of his, or was used."""
    his = recovery_code.c.user_id == user_id, recovery_code.c.code_hash == code_hash
    changed = conn.execute(update(recovery_code).where(*his, recovery_code.c.used_at.is_(None)).values(used_at=at))
    return changed.rowcount == 1


def codes_left(conn: Connection, user_id: int) -> int:
    """How many such codes have not been used."""
    unused = recovery_code.c.user_id == user_id, recovery_code.c.used_at.is_(None)
    return conn.scalar(select(func.count()).select_from(recovery_code).where(*unused)) or 0
