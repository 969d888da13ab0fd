"""What can be done with people who sign in: their accounts and passwords, their sessions.

A password is hashed before the transaction that keeps it (`new_password`) and checked outside of any: that takes a
twentieth of a second, for which live calls would wait for the database's one writer.
"""

import secrets
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cache
from hashlib import sha256
from typing import TYPE_CHECKING

from sqlalchemy import Engine

from pbx_control.domain.audit import Verb
from pbx_control.domain.telephony.guessing import place_of
from pbx_control.domain.users import LONGEST_SESSION, SEEN_EVERY, Person, UserRole, login_name
from pbx_control.errors import ClientMistake, Code, Field, StoreUnavailable
from pbx_control.services.standing import refuse_cancelled
from pbx_control.services.work import Work
from pbx_control.store import users
from pbx_control.store.engine import reading, writing

if TYPE_CHECKING:
    from argon2 import PasswordHasher

# Typed from paper: small letters and digits, none that looks like another.
_READABLE = "abcdefghjkmnpqrstuvwxyz23456789"
# Four groups of four characters of 31: 79 bits, which nobody tries out against argon2.
_GROUPS, _GROUP = 4, 4
# Of what is typed as a password, characters.
LONGEST_PASSWORD = 200
_TOKEN_BYTES = 32
# How long it can be looked up when and from where somebody was signed in.
_SESSIONS_KEPT = timedelta(days=90)


@dataclass(frozen=True, slots=True)
class NewPassword:
    """A password that was made just now: `text` is shown once, `hash` is kept."""

    text: str
    hash: str


@dataclass(frozen=True, slots=True)
class Admitted:
    """Somebody who has just signed in: what his cookie has, and who he is."""

    token: str
    person: Person


def new_password() -> NewPassword:
    """A password of readable characters, hashed."""
    groups = ("".join(secrets.choice(_READABLE) for _ in range(_GROUP)) for _ in range(_GROUPS))
    text = "-".join(groups)
    return NewPassword(text, _hasher().hash(text))


# --- accounts ---------------------------------------------------------------------------------------------


def add(
    work: Work,
    name: str,
    role: UserRole,
    password: NewPassword,
    *,
    secretary_id: int | None = None,
    client_id: int | None = None,
) -> str:
    """Keeps a new account; gives the name as it was kept.

    Raises ClientMistake if the name cannot be one or is taken, or if role, secretary and client do not go together, or
    if the client has cancelled.
    """
    name = login_name(name)
    _check_whose(role, secretary_id, client_id)
    if client_id is not None:
        refuse_cancelled(work.conn, client_id)
    if users.by_name(work.conn, name):
        raise ClientMistake(
            "there is a user {name} already: choose another name", Code.NAME_TAKEN, name=name, field=Field("name")
        )
    other = users.of_secretary(work.conn, secretary_id) if secretary_id is not None else None
    if other:
        raise ClientMistake("she signs in as {name} already: one account is enough", Code.WRONG_STATE, name=other.name)
    values = {"name": name, "role": role.value, "secretary_id": secretary_id, "client_id": client_id}
    made = users.insert_row(work.conn, values | {"password_hash": password.hash, "created_at": work.at})
    new = _whose(work, made) | {"password": password.hash}
    work.note(Verb.USER_ADDED, _subject(new), client_id=client_id, new=new)
    return name


def reset_password(work: Work, name: str, password: NewPassword) -> None:
    """Gives somebody a new password and ends his sessions. Raises ClientMistake if there is no such user."""
    user = users.find(work.conn, name.lower())
    users.update_row(work.conn, user.id, {"password_hash": password.hash})
    ended = users.end_sessions(work.conn, user.id, work.at)
    old = _whose(work, user.id) | {"password": user.password_hash}
    new = {"name": user.name, "password": password.hash, "sessions_ended": ended}
    work.note(Verb.USER_PASSWORD_RESET, _subject(old), client_id=user.client_id, old=_named(old), new=new)


def remove(work: Work, name: str) -> None:
    """Takes somebody's account away and ends his sessions. Raises ClientMistake if there is no such user."""
    _remove(work, users.find(work.conn, name.lower()))


def remove_of_secretary(work: Work, secretary_id: int) -> None:
    """The same for a secretary who leaves, if she has an account."""
    user = users.of_secretary(work.conn, secretary_id)
    if user:
        _remove(work, user)


def revoke(work: Work, name: str) -> int:
    """Ends all sessions of somebody; gives how many. Raises ClientMistake if there is no such user."""
    user = users.find(work.conn, name.lower())
    ended = users.end_sessions(work.conn, user.id, work.at)
    old = _whose(work, user.id)
    new = {"name": user.name, "sessions_ended": ended}
    if ended:
        work.note(Verb.SESSIONS_ENDED, _subject(old), client_id=user.client_id, old=_named(old), new=new)
    return ended


def _remove(work: Work, user: users.User) -> None:
    old = _whose(work, user.id)
    old["sessions_ended"] = users.end_sessions(work.conn, user.id, work.at)
    users.update_row(work.conn, user.id, {"removed_at": work.at, "password_hash": ""})
    work.note(Verb.USER_REMOVED, _subject(old), client_id=user.client_id, old=old)


def _whose(work: Work, user_id: int) -> dict[str, object]:
    """A user's name and role, and whose account it is, as the trail tells it."""
    (row,) = users.rows(work.conn, work.at, user_id)
    return {"name": row.name, "role": row.role, "secretary": row.secretary, "client": row.client}


def _subject(whose: Mapping[str, object]) -> str:
    """Under what the trail has an account: a client's people are erased with it, so that their names stand within the
    entry, as its contacts' do."""
    return str(whose["client"] or whose["name"])


def _named(whose: Mapping[str, object]) -> dict[str, object]:
    """What was so before, with the name only where the entry's subject is that already."""
    return {name: value for name, value in whose.items() if name != "name" or not whose["client"]}


def _check_whose(role: UserRole, secretary_id: int | None, client_id: int | None) -> None:
    if role is UserRole.SECRETARY and secretary_id is None:
        raise ClientMistake("an account with the role secretary needs the secretary whose it is", Code.FIELDS_DISAGREE)
    if role is UserRole.CLIENT and client_id is None:
        raise ClientMistake("an account with the role client needs the client whose it is", Code.FIELDS_DISAGREE)
    if role is not UserRole.SECRETARY and secretary_id is not None:
        raise ClientMistake("only an account with the role secretary is a secretary's", Code.FIELDS_DISAGREE)
    if role is not UserRole.CLIENT and client_id is not None:
        raise ClientMistake("only an account with the role client is a client's", Code.FIELDS_DISAGREE)


# --- signing in -------------------------------------------------------------------------------------------


def sign_in(engine: Engine, name: str, password: str, origin: str, at: datetime, language: str = "") -> Admitted | None:
    """Begins a session for whoever knows the password; None for everybody else, after the same time whether there is
    such a user or not. `origin` is the address it comes from; `language` is kept as the user's choice, if given.

    Raises StoreUnavailable.
    """
    user = _called(engine, name)
    if not _is_right(user.password_hash if user else _of_nobody(), password) or user is None:
        return None
    token = secrets.token_urlsafe(_TOKEN_BYTES)
    with writing(engine) as conn:
        # It may have been reset or removed while it was checked.
        now = users.by_name(conn, user.name)
        if now is None or (now.id, now.password_hash) != (user.id, user.password_hash):
            return None
        if language:
            users.update_row(conn, user.id, {"language": language})
        users.forget_sessions(conn, at - _SESSIONS_KEPT)
        session_id = users.begin_session(
            conn,
            {
                "token_hash": _kept(token),
                "user_id": user.id,
                "began_at": at,
                "seen_at": at,
                "ends_at": at + LONGEST_SESSION,
                "origin": origin[:120],
            },
        )
        person = Person(
            user_id=user.id,
            name=user.name,
            role=user.role,
            secretary_id=user.secretary_id,
            client_id=user.client_id,
            session_id=session_id,
            csrf=_csrf(token),
            language=language or user.language,
        )
    return Admitted(token, person)


def _called(engine: Engine, name: str) -> users.User | None:
    """Who has that name; the database is not asked for what cannot be one."""
    try:
        known = login_name(name)
    except ClientMistake:
        return None
    with reading(engine) as conn:
        return users.by_name(conn, known)


def has_come_from(engine: Engine, name: str, origin: str) -> bool:
    """Whether somebody of that name has signed in from that address, or its network of IPv6, as far as it is kept.

    Raises StoreUnavailable.
    """
    user = _called(engine, name)
    if user is None:
        return False
    with reading(engine) as conn:
        return place_of(origin) in map(place_of, users.origins(conn, user.id))


def session_of(engine: Engine, token: str, at: datetime) -> Person | None:
    """Who has that cookie, and that he uses his session; None if it is nobody's (any more).

    Raises StoreUnavailable.
    """
    with reading(engine) as conn:
        found = users.session_by_token(conn, _kept(token), at)
    if found is None:
        return None
    _note_seen(engine, found.id, found.seen_at, at)
    return Person(
        user_id=found.user_id,
        name=found.name,
        role=found.role,
        secretary_id=found.secretary_id,
        client_id=found.client_id,
        session_id=found.id,
        csrf=_csrf(token),
        language=found.language,
    )


def still_valid(engine: Engine, session_id: int, at: datetime) -> bool:
    """Whether a session with a page open goes on; that it does is noted, so that it does not end for idleness.

    Raises StoreUnavailable.
    """
    with reading(engine) as conn:
        seen_at = users.seen_at(conn, session_id, at)
    if seen_at is None:
        return False
    _note_seen(engine, session_id, seen_at, at)
    return True


def sign_out(engine: Engine, session_id: int, at: datetime) -> None:
    """Ends a session. Raises StoreUnavailable."""
    with writing(engine) as conn:
        users.end_session(conn, session_id, at)


def choose_language(engine: Engine, user_id: int, language: str) -> None:
    """Keeps the language that somebody wants to read. Raises StoreUnavailable."""
    with writing(engine) as conn:
        users.update_row(conn, user_id, {"language": language})


def _note_seen(engine: Engine, session_id: int, seen_at: datetime, at: datetime) -> None:
    if at - seen_at < SEEN_EVERY:
        return
    # The next request will note it, if this one cannot.
    with suppress(StoreUnavailable), writing(engine) as conn:
        users.note_seen(conn, session_id, at)


def _kept(token: str) -> str:
    """What is kept of a token: whoever reads the database cannot sign in with it."""
    return sha256(token.encode(errors="replace")).hexdigest()


def _csrf(token: str) -> str:
    """Who reads it in a page does not learn the token of it."""
    return sha256(b"csrf:" + token.encode(errors="replace")).hexdigest()


# --- hashes -----------------------------------------------------------------------------------------------


@cache
def _hasher() -> "PasswordHasher":
    # Imported here: most commands hash nothing.
    from argon2 import PasswordHasher
    from argon2.profiles import RFC_9106_LOW_MEMORY

    # The second choice of RFC 9106 (section 4): 64 MiB a hash, three passes.
    return PasswordHasher.from_parameters(RFC_9106_LOW_MEMORY)


@cache
def _of_nobody() -> str:
    """A hash that no password fits: it is checked for a name that nobody has, so that this takes as long."""
    return _hasher().hash(secrets.token_urlsafe(_TOKEN_BYTES))


def prepare() -> None:
    """Has the first sign-in take as long as the others."""
    _of_nobody()


def _is_right(password_hash: str, password: str) -> bool:
    from argon2.exceptions import VerificationError

    # A longer one is none of ours, and is not worth a longer time.
    tried = password if len(password) <= LONGEST_PASSWORD else ""
    try:
        return _hasher().verify(password_hash, tried.encode(errors="replace"))
    except VerificationError:
        return False
