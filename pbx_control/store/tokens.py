"""Tokens of programs that use the API, and what they have asked for once."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Connection, Row, Select, delete, func, or_, select, tuple_, update

from pbx_control.domain.office import ClientState
from pbx_control.domain.tokens import Scope
from pbx_control.errors import ClientMistake, Code
from pbx_control.store.engine import is_new, new_id
from pbx_control.store.rows import record
from pbx_control.store.tables import api_once, api_token, client


@dataclass(frozen=True, slots=True, kw_only=True)
class Token:
    """A token that was not revoked."""

    id: int
    name: str
    client_id: int | None  # None: the office's
    scopes: frozenset[Scope]
    ends_at: datetime | None
    used_at: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Listed:
    """A token as lists show it."""

    name: str
    client: str  # slug; "": the office's
    scopes: list[str]
    created_at: datetime
    ends_at: datetime | None
    used_at: datetime | None


@dataclass(frozen=True, slots=True)
class Asked:
    """What was asked for with a key, as a hash, and what came of it."""

    asked: str
    came_of_it: str


def insert_row(conn: Connection, values: Mapping[str, Any]) -> int:
    """Keeps a new token; gives its id."""
    return new_id(conn, api_token, values)


def by_name(conn: Connection, name: str) -> Token | None:
    """The token of that name, if it was not revoked."""
    row = conn.execute(_query().where(api_token.c.name == name)).one_or_none()
    return _token(row) if row else None


def find(conn: Connection, name: str) -> Token:
    """The token of that name. Raises ClientMistake if there is none."""
    found = by_name(conn, name)
    if found is None:
        raise ClientMistake("there is no token {name}", Code.NO_SUCH_TOKEN, name=repr(name[:40]))
    return found


def good(conn: Connection, token_hash: str, at: datetime) -> Token | None:
    """The token with that secret, if it is good: neither revoked nor over, nor that of a client that has cancelled."""
    lasts = or_(api_token.c.ends_at.is_(None), api_token.c.ends_at > at)
    query = _query().outerjoin(client).where(api_token.c.token_hash == token_hash, lasts)
    with_us = or_(client.c.id.is_(None), client.c.state != ClientState.CANCELLED.value)
    row = conn.execute(query.where(with_us)).one_or_none()
    return _token(row) if row else None


def keep(conn: Connection, token: Token) -> None:
    """Nobody revokes the token before the transaction ends. Raises ClientMistake if it was revoked already."""
    query = select(api_token.c.id).where(api_token.c.id == token.id, _KEPT)
    if conn.execute(query.with_for_update(read=True)).first() is None:
        raise ClientMistake("there is no token {name}", Code.NO_SUCH_TOKEN, name=repr(token.name))


def names(conn: Connection, beginning: str = "") -> list[str]:
    """The names that begin so, sorted."""
    named = api_token.c.name.startswith(beginning, autoescape=True)
    return list(conn.scalars(select(api_token.c.name).where(_KEPT, named).order_by(api_token.c.name)))


def rows(conn: Connection, client_id: int | None = None) -> list[Listed]:
    """The tokens that were not revoked, of one client or all, by name."""
    columns = [api_token.c[name] for name in ("name", "scopes", "created_at", "ends_at", "used_at")]
    query = select(*columns, func.coalesce(client.c.slug, "").label("client")).select_from(api_token.outerjoin(client))
    if client_id is not None:
        query = query.where(api_token.c.client_id == client_id)
    found = conn.execute(query.where(_KEPT).order_by(api_token.c.name))
    return [Listed(**dict(row._mapping) | {"scopes": row.scopes.split()}) for row in found]


def ended(conn: Connection, at: datetime) -> list[int]:
    """The ids of tokens whose time is over and that were not revoked, by id."""
    query = select(api_token.c.id).where(_KEPT, api_token.c.ends_at <= at)
    return list(conn.scalars(query.order_by(api_token.c.id)))


def note_used(conn: Connection, token_id: int, at: datetime) -> None:
    """It was used at that instant."""
    conn.execute(update(api_token).where(api_token.c.id == token_id, _KEPT).values(used_at=at))


def revoke(conn: Connection, token_id: int, at: datetime) -> None:
    """It is good no more."""
    conn.execute(update(api_token).where(api_token.c.id == token_id).values(revoked_at=at))


def _query() -> Select[Any]:
    return select(api_token).where(_KEPT)


_KEPT: ColumnElement[bool] = api_token.c.revoked_at.is_(None)


def _token(row: Row[Any]) -> Token:
    return Token(
        id=row.id,
        name=row.name,
        client_id=row.client_id,
        scopes=frozenset(Scope(one) for one in row.scopes.split() if one in _KNOWN),
        ends_at=row.ends_at,
        used_at=row.used_at,
    )


# A scope of a later version opens nothing here.
_KNOWN = frozenset(one.value for one in Scope)


# --- what was asked for once ------------------------------------------------------------------------------


def ask(conn: Connection, token_id: int, key_hash: str, asked: str, at: datetime) -> bool:
    """Notes that something was asked for with a key; False if the key is known. Of two that ask at once the second
    waits for the first one's transaction."""
    values = {"token_id": token_id, "key_hash": key_hash, "asked": asked, "at": at}
    return is_new(conn, api_once, values)


def asked_with(conn: Connection, token_id: int, key_hash: str) -> Asked | None:
    """What was asked for with a key."""
    query = select(api_once.c.asked, api_once.c.came_of_it)
    row = conn.execute(query.where(*_of(token_id, key_hash))).one_or_none()
    return record(Asked, row) if row else None


def note_what_came(conn: Connection, token_id: int, key_hash: str, what: str) -> None:
    """Notes what came of it."""
    conn.execute(update(api_once).where(*_of(token_id, key_hash)).values(came_of_it=what))


def forget(conn: Connection, before: datetime) -> None:
    """Keys that are older are new again."""
    keys = api_once.c.token_id, api_once.c.key_hash
    # Those that another one takes away just now are left to it.
    old = select(*keys).where(api_once.c.at <= before).with_for_update(skip_locked=True)
    conn.execute(delete(api_once).where(tuple_(*keys).in_(old)))


def _of(token_id: int, key_hash: str) -> tuple[ColumnElement[bool], ...]:
    return api_once.c.token_id == token_id, api_once.c.key_hash == key_hash
