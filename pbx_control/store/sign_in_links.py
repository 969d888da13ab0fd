"""Links by which somebody sets a password without the old one: each good once, for a while."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Connection, Select, delete, func, insert, select, update

from pbx_control.domain.users import UserRole
from pbx_control.store.rows import record
from pbx_control.store.tables import account_user, client, sign_in_link


@dataclass(frozen=True, slots=True, kw_only=True)
class Link:
    """A link that is good, and whose."""

    user_id: int
    name: str
    email: str
    role: UserRole
    firm: str  # of a client's people


def add(conn: Connection, user_id: int, token_hash: str, at: datetime, ends_at: datetime) -> None:
    """Keeps a link; those that he was sent before are good no more."""
    end_of_user(conn, user_id, at)
    values = {"user_id": user_id, "token_hash": token_hash, "made_at": at, "ends_at": ends_at}
    conn.execute(insert(sign_in_link).values(values))


def find(conn: Connection, token_hash: str, at: datetime) -> Link | None:
    """The link with that token, if it is good."""
    whose = [account_user.c.id.label("user_id"), *(account_user.c[name] for name in ("name", "email", "role"))]
    query: Select[Any] = select(*whose, func.coalesce(client.c.name, "").label("firm"))
    query = query.select_from(sign_in_link.join(account_user).outerjoin(client))
    row = conn.execute(query.where(account_user.c.removed_at.is_(None), *_good(token_hash, at))).one_or_none()
    return record(Link, row, role=UserRole(row.role)) if row else None


def _good(token_hash: str, at: datetime) -> tuple[ColumnElement[bool], ...]:
    return sign_in_link.c.token_hash == token_hash, sign_in_link.c.ended_at.is_(None), sign_in_link.c.ends_at > at


def spend(conn: Connection, token_hash: str, at: datetime) -> bool:
    """Uses a link; False if it is good no more: of two at the same instant one gets True."""
    return conn.execute(update(sign_in_link).where(*_good(token_hash, at)).values(ended_at=at)).rowcount == 1


def end_of_user(conn: Connection, user_id: int, at: datetime) -> None:
    """Ends all links of a person's."""
    his = sign_in_link.c.user_id == user_id, sign_in_link.c.ended_at.is_(None)
    conn.execute(update(sign_in_link).where(*his).values(ended_at=at))


def made_since(conn: Connection, user_id: int, since: datetime) -> int:
    """How many links he was sent since then."""
    his = sign_in_link.c.user_id == user_id, sign_in_link.c.made_at >= since
    return conn.scalar(select(func.count()).select_from(sign_in_link).where(*his)) or 0


def forget(conn: Connection, before: datetime) -> None:
    """Takes away the links that ended by themselves before that instant."""
    conn.execute(delete(sign_in_link).where(sign_in_link.c.ends_at < before))
