"""People who sign in, and their sessions, in the store."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from difflib import get_close_matches
from typing import Any

from sqlalchemy import Connection, Select, and_, bindparam, delete, exists, func, or_, select, update

from pbx_control.domain.users import IDLE_LIMIT, ClientRole, UserRole
from pbx_control.errors import ClientMistake, Code
from pbx_control.store.engine import new_id
from pbx_control.store.fixed import FixedQuery
from pbx_control.store.rows import record
from pbx_control.store.tables import (
    account_user,
    client,
    passkey,
    second_factor,
    secretary,
    telegram_account,
    web_session,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class User:
    """Somebody who may sign in; what the columns mean is told in `tables.account_user`."""

    id: int
    name: str
    role: UserRole
    secretary_id: int | None
    client_id: int | None
    client_role: ClientRole | None
    password_hash: str
    language: str
    email: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Listed:
    """A user as lists show him: with the secretary's name or the client's slug, and how many sessions are open."""

    name: str
    role: UserRole
    secretary: str | None
    client: str | None
    client_role: ClientRole | None
    email: str
    second_factor: bool
    created_at: datetime
    last_seen: datetime | None
    sessions: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Colleague:
    """One of a client's people, as its owner sees him."""

    id: int
    name: str
    client_role: ClientRole
    email: str
    second_factor: bool
    last_sign_in: datetime | None  # as far as it is kept


@dataclass(frozen=True, slots=True, kw_only=True)
class Session:
    """Somebody's being signed in, on one browser."""

    id: int
    began_at: datetime
    seen_at: datetime
    ends_at: datetime
    origin: str
    agent: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SignedIn:
    """A session that is open, and whose it is."""

    id: int
    began_at: datetime
    seen_at: datetime
    user_id: int
    name: str
    role: UserRole
    secretary_id: int | None
    client_id: int | None
    client_role: ClientRole | None
    language: str
    second_factor: bool


def find(conn: Connection, name: str) -> User:
    """A user who has not been removed, by his name in small letters. Raises ClientMistake if none."""
    found = by_name(conn, name)
    if found is None:
        raise _unknown(conn, name)
    return found


def by_name(conn: Connection, name: str) -> User | None:
    """The same; None if there is none."""
    row = conn.execute(_users().where(account_user.c.name == name)).first()
    return record(User, row, **_roles(row.role, row.client_role)) if row else None


def get(conn: Connection, user_id: int) -> User:
    """The user of that id. Raises ClientMistake if he has been removed."""
    found = by_id(conn, user_id)
    if found is None:
        raise ClientMistake("this account has been removed", Code.CHANGED_MEANWHILE)
    return found


def by_id(conn: Connection, user_id: int) -> User | None:
    """The user of that id; None if he has been removed."""
    row = conn.execute(_users().where(account_user.c.id == user_id)).first()
    return record(User, row, **_roles(row.role, row.client_role)) if row else None


def lock(conn: Connection, user_id: int) -> None:
    """Has others who change his account wait until this transaction ends; SQLite has one writer anyway."""
    conn.execute(select(account_user.c.id).where(account_user.c.id == user_id).with_for_update())


def by_email(conn: Connection, address: str) -> list[User]:
    """Who has that e-mail address, however it is written, by name."""
    query = _users().where(func.lower(account_user.c.email) == address.lower(), account_user.c.email != "")
    found = conn.execute(query.order_by(account_user.c.name))
    return [record(User, row, **_roles(row.role, row.client_role)) for row in found]


def of_secretary(conn: Connection, secretary_id: int) -> User | None:
    """A secretary's account, if she has one."""
    row = conn.execute(_users().where(account_user.c.secretary_id == secretary_id)).first()
    return record(User, row, **_roles(row.role, row.client_role)) if row else None


def of_client(conn: Connection, client_id: int) -> list[User]:
    """A client's people, by name. Who changes one of them decides on it: until his transaction ends, no other does."""
    query = _users().where(account_user.c.client_id == client_id).order_by(account_user.c.name).with_for_update()
    return [record(User, row, **_roles(row.role, row.client_role)) for row in conn.execute(query)]


def colleagues(conn: Connection, client_id: int) -> list[Colleague]:
    """A client's people as its owner sees them, by name."""
    began = select(func.max(web_session.c.began_at)).where(web_session.c.user_id == account_user.c.id)
    columns = [account_user.c[name] for name in ("id", "name", "client_role", "email")]
    query = (
        select(*columns, _has_second_factor(), began.scalar_subquery().label("last_sign_in"))
        .where(account_user.c.client_id == client_id, account_user.c.removed_at.is_(None))
        .order_by(account_user.c.name)
    )
    return [record(Colleague, row, client_role=ClientRole(row.client_role)) for row in conn.execute(query)]


def names_of_client(conn: Connection, client_id: int) -> list[str]:
    """The names of a client's people, sorted; of removed ones, too."""
    query = select(account_user.c.name).where(account_user.c.client_id == client_id).distinct()
    return list(conn.scalars(query.order_by(account_user.c.name)))


def names(conn: Connection) -> list[str]:
    """The names of all who have not been removed, sorted."""
    query = select(account_user.c.name).where(account_user.c.removed_at.is_(None)).order_by(account_user.c.name)
    return list(conn.scalars(query))


def is_there(conn: Connection, user_id: int) -> bool:
    """Whether that person's account has not been removed."""
    there = account_user.c.id == user_id, account_user.c.removed_at.is_(None)
    return conn.scalar(select(account_user.c.id).where(*there)) is not None


def insert_row(conn: Connection, values: Mapping[str, Any]) -> int:
    """Keeps a new user; gives the id."""
    return new_id(conn, account_user, values)


def update_row(conn: Connection, user_id: int, values: Mapping[str, Any]) -> None:
    """Changes columns of a user."""
    conn.execute(update(account_user).where(account_user.c.id == user_id).values(values))


def rows(conn: Connection, at: datetime, user_id: int | None = None) -> list[Listed]:
    """Every user who has not been removed, by name; or that one."""
    mine = web_session.c.user_id == account_user.c.id
    last_seen = select(func.max(web_session.c.seen_at)).where(mine).scalar_subquery()
    opened = select(func.count()).select_from(web_session).where(mine, _open(at)).scalar_subquery()
    query = (
        select(
            account_user.c.name,
            account_user.c.role,
            account_user.c.client_role,
            account_user.c.email,
            _has_second_factor(),
            account_user.c.created_at,
            secretary.c.name.label("secretary"),
            client.c.slug.label("client"),
            last_seen.label("last_seen"),
            opened.label("sessions"),
        )
        .select_from(account_user.outerjoin(secretary).outerjoin(client))
        .where(account_user.c.removed_at.is_(None))
        .order_by(account_user.c.name)
    )
    if user_id is not None:
        query = query.where(account_user.c.id == user_id)
    return [record(Listed, row, **_roles(row.role, row.client_role)) for row in conn.execute(query)]


def erase_of_client(conn: Connection, client_id: int) -> int:
    """Erases the accounts of a client's people, removed ones too, and where they signed in from; gives how many."""
    theirs = select(account_user.c.id).where(account_user.c.client_id == client_id)
    conn.execute(delete(web_session).where(web_session.c.user_id.in_(theirs)))
    conn.execute(delete(telegram_account).where(telegram_account.c.user_id.in_(theirs)))
    return conn.execute(delete(account_user).where(account_user.c.client_id == client_id)).rowcount


# --- sessions ---------------------------------------------------------------------------------------------


def begin_session(conn: Connection, values: Mapping[str, Any]) -> int:
    """Keeps a new session; gives its id."""
    return new_id(conn, web_session, values)


def _is_open(now: Any, idle_since: Any) -> Any:
    return and_(web_session.c.ended_at.is_(None), web_session.c.ends_at > now, web_session.c.seen_at > idle_since)


def _has_second_factor() -> Any:
    confirmed = second_factor.c.user_id == account_user.c.id, second_factor.c.confirmed_at.is_not(None)
    app = exists().where(*confirmed).correlate(account_user)
    keys = exists().where(passkey.c.user_id == account_user.c.id).correlate(account_user)
    return or_(app, keys).label("second_factor")


# Each question of a page asks for these.
_IS_OPEN = _is_open(bindparam("now"), bindparam("idle_since"))
_BY_TOKEN = FixedQuery(
    lambda role, client_role, **rest: SignedIn(**_roles(role, client_role), **rest),
    select(
        web_session.c.id,
        web_session.c.began_at,
        web_session.c.seen_at,
        web_session.c.user_id,
        account_user.c.name,
        account_user.c.role,
        account_user.c.secretary_id,
        account_user.c.client_id,
        account_user.c.client_role,
        account_user.c.language,
        _has_second_factor(),
    )
    .join_from(web_session, account_user)
    .where(web_session.c.token_hash == bindparam("token"), _IS_OPEN),
)
_SEEN_AT: FixedQuery[datetime] = FixedQuery(
    lambda seen_at: seen_at,
    select(web_session.c.seen_at).where(web_session.c.id == bindparam("session"), _IS_OPEN),
)


def session_by_token(conn: Connection, token_hash: str, at: datetime) -> SignedIn | None:
    """The open session with that token."""
    return _BY_TOKEN.first(conn, token=token_hash, now=at, idle_since=at - IDLE_LIMIT)


def seen_at(conn: Connection, session_id: int, at: datetime) -> datetime | None:
    """When an open session was last noted as used; None if it is not open (any more)."""
    return _SEEN_AT.first(conn, session=session_id, now=at, idle_since=at - IDLE_LIMIT)


def note_seen(conn: Connection, session_id: int, at: datetime) -> None:
    """An open session was used at that instant; one that has ended meanwhile stays as it is."""
    conn.execute(update(web_session).where(web_session.c.id == session_id, _open(at)).values(seen_at=at))


def open_sessions(conn: Connection, user_id: int, at: datetime) -> list[Session]:
    """The open sessions of a user, the newest first."""
    columns = [web_session.c[name] for name in Session.__slots__]
    query = select(*columns).where(web_session.c.user_id == user_id, _open(at)).order_by(web_session.c.id.desc())
    return [record(Session, row) for row in conn.execute(query)]


def origins(conn: Connection, user_id: int) -> list[str]:
    """The addresses that a user has signed in from."""
    return list(conn.scalars(select(web_session.c.origin).where(web_session.c.user_id == user_id).distinct()))


def end_session(conn: Connection, session_id: int, at: datetime) -> None:
    """Ends one session."""
    conn.execute(
        update(web_session).where(web_session.c.id == session_id, web_session.c.ended_at.is_(None)).values(ended_at=at)
    )


def end_sessions(
    conn: Connection, user_id: int, at: datetime, *, but: int | None = None, only: int | None = None
) -> int:
    """Ends the open sessions of a user: all, all `but` one, or `only` one; gives how many there were."""
    which = [web_session.c.user_id == user_id, _open(at)]
    if but is not None:
        which.append(web_session.c.id != but)
    if only is not None:
        which.append(web_session.c.id == only)
    return conn.execute(update(web_session).where(*which).values(ended_at=at)).rowcount


def end_all_sessions(conn: Connection, at: datetime) -> int:
    """Signs everybody out; gives how many open sessions there were."""
    return conn.execute(update(web_session).where(_open(at)).values(ended_at=at)).rowcount


def forget_sessions(conn: Connection, before: datetime) -> None:
    """Takes away the sessions that began before that instant."""
    conn.execute(delete(web_session).where(web_session.c.began_at < before))


def _open(at: datetime) -> Any:
    """That a session is open at that instant."""
    return _is_open(at, at - IDLE_LIMIT)


def _roles(role: str, client_role: str | None) -> dict[str, Any]:
    return {"role": UserRole(role), "client_role": ClientRole(client_role) if client_role else None}


def _users() -> Select[*tuple[Any, ...]]:
    columns: Sequence[Any] = [account_user.c[name] for name in User.__slots__]
    return select(*columns).where(account_user.c.removed_at.is_(None))


def _unknown(conn: Connection, name: str) -> ClientMistake:
    near = get_close_matches(name[:40], names(conn), n=3, cutoff=0.4)
    if near:
        return ClientMistake(
            "there is no user {name}: did you mean {near}?",
            Code.NO_SUCH_USER,
            name=repr(name[:40]),
            near=" / ".join(near),
        )
    return ClientMistake("there is no user {name}", Code.NO_SUCH_USER, name=repr(name[:40]))
