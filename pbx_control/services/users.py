"""What can be done with people who sign in: their accounts and passwords, their sessions.

A password is hashed before the transaction that keeps it (`new_password`) and checked outside of any: that takes a
twentieth of a second, for which live calls would wait for the database's one writer.
"""

import secrets
import unicodedata
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cache
from hashlib import sha256
from typing import TYPE_CHECKING

from sqlalchemy import Connection, Engine

from pbx_control.domain import checks
from pbx_control.domain.audit import Verb
from pbx_control.domain.browsers import LONGEST_AGENT
from pbx_control.domain.office import ClientState
from pbx_control.domain.passwords import LONGEST_PASSWORD
from pbx_control.domain.telephony.guessing import place_of
from pbx_control.domain.users import (
    CODE_WITHIN,
    LONGEST_SESSION,
    READABLE,
    SEEN_EVERY,
    ClientRole,
    Person,
    UserRole,
    login_name,
)
from pbx_control.domain.words.wording import clean_line
from pbx_control.errors import ClientMistake, Code, Field, StoreUnavailable
from pbx_control.services.account_trail import Account
from pbx_control.services.standing import refuse_cancelled
from pbx_control.services.work import Work, news
from pbx_control.store import clients, half_sign_ins, second_factors, sign_in_links, supervisor_telephones, users
from pbx_control.store.engine import reading, writing

if TYPE_CHECKING:
    from argon2 import PasswordHasher

# Four groups of four characters of 31: 79 bits, which nobody tries out against argon2.
_GROUPS, _GROUP = 4, 4
_TOKEN_BYTES = 32
# How long it can be looked up when and from where somebody was signed in.
_SESSIONS_KEPT = timedelta(days=90)


@dataclass(frozen=True, slots=True)
class NewPassword:
    """A password that was made or chosen just now: `text` is shown once, `hash` is kept."""

    text: str
    hash: str


@dataclass(frozen=True, slots=True)
class Admitted:
    """Somebody who has just signed in: what his cookie has, and who he is."""

    token: str
    person: Person


@dataclass(frozen=True, slots=True)
class CodeWanted:
    """The password is right, and a code is still to come: what the cookie for that has. It is no session."""

    token: str


def new_password() -> NewPassword:
    """A password of readable characters, hashed."""
    return hashed(proposed())


def proposed() -> str:
    """A password of readable characters."""
    groups = ("".join(secrets.choice(READABLE) for _ in range(_GROUP)) for _ in range(_GROUPS))
    return "-".join(groups)


def hashed(text: str) -> NewPassword:
    """That password as it is kept."""
    return NewPassword(text, _hasher().hash(_as_typed_anywhere(text)))


# --- accounts ---------------------------------------------------------------------------------------------


def add(
    work: Work,
    name: str,
    role: UserRole,
    password: NewPassword,
    *,
    secretary_id: int | None = None,
    client_id: int | None = None,
    client_role: ClientRole | None = None,
    email: str = "",
) -> str:
    """Keeps a new account; gives the name as it was kept. Without a `client_role` the first of a client's people is
    its owner, and the others are staff.

    Raises ClientMistake if the name cannot be one or is taken, or if role, secretary and client do not go together, or
    if the client has cancelled.
    """
    name = login_name(name)
    _check_whose(role, secretary_id, client_id, client_role)
    if client_id is not None:
        refuse_cancelled(work.conn, client_id)
    if users.by_name(work.conn, name):
        raise ClientMistake(
            "there is a user {name} already: choose another name", Code.NAME_TAKEN, name=name, field=Field("name")
        )
    other = users.of_secretary(work.conn, secretary_id) if secretary_id is not None else None
    if other:
        raise ClientMistake("she signs in as {name} already: one account is enough", Code.WRONG_STATE, name=other.name)
    values: dict[str, object] = {"name": name, "role": role.value, "email": checks.email(email) if email else ""}
    values |= {"secretary_id": secretary_id, "client_id": client_id}
    if client_id is not None:
        values["client_role"] = client_role or (ClientRole.STAFF if _owners(work, client_id) else ClientRole.OWNER)
    made = users.insert_row(work.conn, values | {"password_hash": password.hash, "created_at": work.at})
    Account(work, users.get(work.conn, made)).note_added({"password": password.hash})
    return name


def change(work: Work, name: str, *, client_role: ClientRole | None = None, email: str | None = None) -> None:
    """Changes what is given of an account, from its next click on; an `email` that is empty takes the address away.

    Raises ClientMistake if nothing is, if there is no such user, if a role is given to none of a client's people, if
    the client's only owner would be staff, or the address is none.
    """
    user = users.find(work.conn, name.lower())
    wanted: dict[str, object] = {}
    if client_role is not None:
        _check_whose(user.role, user.secretary_id, user.client_id, client_role)
        wanted["client_role"] = client_role
        if client_role is not ClientRole.OWNER:
            _refuse_only_owner(work, user)
    if email is not None:
        wanted["email"] = checks.email(email) if email else ""
    if not wanted:
        raise ClientMistake("nothing to change was given", Code.NOTHING_TO_CHANGE)
    if values := news(user, wanted):
        account = Account(work, user)
        users.update_row(work.conn, user.id, values)
        if "email" in values:  # what was sent to the old address is good no more
            sign_in_links.end_of_user(work.conn, user.id, work.at)
        account.note(Verb.USER_CHANGED, new=values)


def reset_password(work: Work, name: str, password: NewPassword) -> None:
    """Gives somebody a new password and ends his sessions. Raises ClientMistake if there is no such user."""
    user = users.find(work.conn, name.lower())
    users.lock(work.conn, user.id)
    account = Account(work, user)
    ended = put_password(work.conn, user.id, password, work.at)
    new = {"password": password.hash, "sessions_ended": ended}
    account.note(Verb.USER_PASSWORD_RESET, old={"password": user.password_hash}, new=new)


def put_password(conn: Connection, user_id: int, password: NewPassword, at: datetime, *, but: int | None = None) -> int:
    """Keeps another password, and ends what was begun with the one before: sessions (`but` one), sign-ins that wait
    for a code, links. Gives how many sessions it ended."""
    users.update_row(conn, user_id, {"password_hash": password.hash})
    end_begun(conn, user_id, at)
    return users.end_sessions(conn, user_id, at, but=but)


def end_begun(conn: Connection, user_id: int, at: datetime) -> None:
    """Ends what was begun before his sign-in was changed: sign-ins that wait for a code, links."""
    half_sign_ins.end_of_user(conn, user_id)
    sign_in_links.end_of_user(conn, user_id, at)


def remove(work: Work, name: str) -> None:
    """Takes somebody's account away and ends his sessions.

    Raises ClientMistake if there is no such user, or he is the only owner of a client that has not cancelled.
    """
    user = users.find(work.conn, name.lower())
    _refuse_only_owner(work, user)
    _remove(work, user)


def remove_of_secretary(work: Work, secretary_id: int) -> None:
    """The same for a secretary who leaves, if she has an account."""
    user = users.of_secretary(work.conn, secretary_id)
    if user:
        _remove(work, user)


def revoke(work: Work, name: str) -> int:
    """Ends all sessions of somebody; gives how many. Raises ClientMistake if there is no such user."""
    user = users.find(work.conn, name.lower())
    ended = users.end_sessions(work.conn, user.id, work.at)
    if ended:
        Account(work, user).note(Verb.SESSIONS_ENDED, new={"sessions_ended": ended})
    return ended


def _remove(work: Work, user: users.User) -> None:
    account = Account(work, user)
    ended = users.end_sessions(work.conn, user.id, work.at)
    end_begun(work.conn, user.id, work.at)
    second_factors.remove(work.conn, user.id)
    supervisor_telephones.remove(work.conn, user.id)
    users.update_row(work.conn, user.id, {"removed_at": work.at, "password_hash": "", "email": ""})
    account.note_removed({"sessions_ended": ended})


def _owners(work: Work, client_id: int) -> list[users.User]:
    return [one for one in users.of_client(work.conn, client_id) if one.client_role is ClientRole.OWNER]


def _refuse_only_owner(work: Work, user: users.User) -> None:
    """Nobody of a client without an owner could order, complain or let anybody in."""
    if user.client_id is None or clients.get(work.conn, user.client_id).state == ClientState.CANCELLED:
        return
    if [one.id for one in _owners(work, user.client_id)] == [user.id]:
        raise ClientMistake(
            "{name} is the only owner: make somebody else an owner first", Code.WRONG_STATE, name=user.name
        )


def _check_whose(
    role: UserRole, secretary_id: int | None, client_id: int | None, client_role: ClientRole | None
) -> None:
    if role is UserRole.SECRETARY and secretary_id is None:
        raise ClientMistake(
            "an account with the role secretary needs {field}: whose it is",
            Code.FIELDS_DISAGREE,
            field=Field("secretary"),
        )
    if role is UserRole.CLIENT and client_id is None:
        raise ClientMistake(
            "an account with the role client needs {field}: whose it is", Code.FIELDS_DISAGREE, field=Field("client")
        )
    if role is not UserRole.SECRETARY and secretary_id is not None:
        raise ClientMistake("{field} is for the role secretary alone", Code.FIELDS_DISAGREE, field=Field("secretary"))
    if role is not UserRole.CLIENT and client_id is not None:
        raise ClientMistake("{field} is for the role client alone", Code.FIELDS_DISAGREE, field=Field("client"))
    if role is not UserRole.CLIENT and client_role is not None:
        raise ClientMistake("only an account with the role client is an owner's or staff's", Code.FIELDS_DISAGREE)


# --- signing in -------------------------------------------------------------------------------------------


def sign_in(
    engine: Engine, name: str, password: str, origin: str, at: datetime, language: str = "", agent: str = ""
) -> Admitted | CodeWanted | None:
    """Begins a session for whoever knows the password, or has him asked for a code; None for everybody else, after the
    same time whether there is such a user or not. `origin` is the address it comes from, `agent` what the browser calls
    itself; `language` is kept as the user's choice, if given.

    Raises StoreUnavailable.
    """
    user = _called(engine, name)
    if not _is_right(user.password_hash if user else _of_nobody(), password) or user is None:
        return None
    whence = Whence(origin[:120], clean_line(agent, LONGEST_AGENT), language)
    with writing(engine) as conn:
        # It may have been reset or removed while it was checked.
        now = users.by_name(conn, user.name)
        if now is None or (now.id, now.password_hash) != (user.id, user.password_hash):
            return None
        if second_factors.is_on(conn, user.id):
            return _ask_for_code(conn, user, whence, at)
        return begin_session(conn, user, whence, at)


@dataclass(frozen=True, slots=True)
class Whence:
    """From where somebody signs in, with what, and in which language, if he chose one."""

    origin: str
    agent: str
    language: str


def begin_session(conn: Connection, user: users.User, whence: Whence, at: datetime) -> Admitted:
    """A new session of somebody who has shown all that is asked for."""
    token = secrets.token_urlsafe(_TOKEN_BYTES)
    if whence.language:
        users.update_row(conn, user.id, {"language": whence.language})
    users.forget_sessions(conn, at - _SESSIONS_KEPT)
    session: dict[str, object] = {"began_at": at, "seen_at": at, "ends_at": at + LONGEST_SESSION}
    session |= {"token_hash": kept(token), "user_id": user.id, "origin": whence.origin, "agent": whence.agent}
    session_id = users.begin_session(conn, session)
    person = Person(
        user_id=user.id,
        name=user.name,
        role=user.role,
        secretary_id=user.secretary_id,
        client_id=user.client_id,
        client_role=user.client_role,
        session_id=session_id,
        has_second_factor=second_factors.is_on(conn, user.id),
        csrf=csrf_of(token),
        language=whence.language or user.language,
    )
    return Admitted(token, person)


def _ask_for_code(conn: Connection, user: users.User, whence: Whence, at: datetime) -> CodeWanted:
    token = secrets.token_urlsafe(_TOKEN_BYTES)
    half = {"token_hash": kept(token), "user_id": user.id, "password_hash": user.password_hash}
    where = {"origin": whence.origin, "agent": whence.agent, "language": whence.language}
    half_sign_ins.begin(conn, half | where | {"ends_at": at + CODE_WITHIN}, at)
    return CodeWanted(token)


def knows_password(engine: Engine, user_id: int, password: str) -> str:
    """Whether that is his password: the hash that it fits, as it was then; "" if not. Raises StoreUnavailable."""
    with reading(engine) as conn:
        user = users.get(conn, user_id)
    return user.password_hash if _is_right(user.password_hash, password) else ""


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
        found = users.session_by_token(conn, kept(token), at)
    if found is None:
        return None
    _note_seen(engine, found.id, found.seen_at, at)
    return Person(
        user_id=found.user_id,
        name=found.name,
        role=found.role,
        secretary_id=found.secretary_id,
        client_id=found.client_id,
        client_role=found.client_role,
        session_id=found.id,
        has_second_factor=found.second_factor,
        csrf=csrf_of(token),
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


def kept(token: str) -> str:
    """What is kept of a token: whoever reads the database cannot sign in with it."""
    return sha256(token.encode(errors="replace")).hexdigest()


def csrf_of(token: str) -> str:
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


def _as_typed_anywhere(password: str) -> str:
    """Keyboards make one letter in several ways, of one sign or of two (NIST SP 800-63B, 3.1.1.2)."""
    return unicodedata.normalize("NFKC", password)


def _is_right(password_hash: str, password: str) -> bool:
    from argon2.exceptions import VerificationError

    # A longer one is none of ours, and is not worth a longer time.
    tried = password if len(password) <= LONGEST_PASSWORD else ""
    try:
        return _hasher().verify(password_hash, _as_typed_anywhere(tried).encode(errors="replace"))
    except VerificationError:
        return False
