"""Sign-ins that have the right password and still lack the code: none of them is a session."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, delete, insert, select, update

from pbx_control.store.rows import record
from pbx_control.store.tables import half_sign_in


@dataclass(frozen=True, slots=True, kw_only=True)
class HalfSignIn:
    """One of them; what the columns mean is told in `tables.half_sign_in`."""

    id: int
    user_id: int
    password_hash: str
    ends_at: datetime
    origin: str
    agent: str
    language: str
    wrong: int


def begin(conn: Connection, values: Mapping[str, Any], at: datetime) -> None:
    """Keeps one; those that were left lying go."""
    conn.execute(delete(half_sign_in).where(half_sign_in.c.ends_at <= at))
    conn.execute(insert(half_sign_in).values(values))


def find(conn: Connection, token_hash: str, at: datetime) -> HalfSignIn | None:
    """The one with that token, if it goes on."""
    columns = [half_sign_in.c[name] for name in HalfSignIn.__slots__]
    query = select(*columns).where(half_sign_in.c.token_hash == token_hash, half_sign_in.c.ends_at > at)
    row = conn.execute(query).one_or_none()
    return record(HalfSignIn, row) if row else None


def count_wrong(conn: Connection, half_id: int) -> None:
    """A wrong code was given for it."""
    conn.execute(update(half_sign_in).where(half_sign_in.c.id == half_id).values(wrong=half_sign_in.c.wrong + 1))


def end(conn: Connection, half_id: int) -> bool:
    """Ends one; False if it was over: of two at the same instant one gets True."""
    return conn.execute(delete(half_sign_in).where(half_sign_in.c.id == half_id)).rowcount == 1


def end_of_user(conn: Connection, user_id: int) -> None:
    """Ends all of a person's."""
    conn.execute(delete(half_sign_in).where(half_sign_in.c.user_id == user_id))
