"""The second half of a sign-in, after the right password: a code (a passkey: `passkeys.py`)."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, Engine

from pbx_control.domain.audit import Verb
from pbx_control.domain.users import CODES_A_SIGN_IN
from pbx_control.errors import ClientMistake, Code
from pbx_control.services import second_factor
from pbx_control.services.account_trail import Account, actor_of
from pbx_control.services.second_factor import Proof
from pbx_control.services.users import Admitted, Whence, begin_session, kept
from pbx_control.services.work import Work
from pbx_control.store import half_sign_ins, passkeys, second_factors, users
from pbx_control.store.engine import reading, writing
from pbx_control.store.half_sign_ins import HalfSignIn
from pbx_control.store.users import User


def who(engine: Engine, token: str, at: datetime) -> User | None:
    """Whose sign-in waits for a code; None if it is over. Raises StoreUnavailable."""
    with reading(engine) as conn:
        half = half_sign_ins.find(conn, kept(token), at)
        return _whose(conn, half) if half else None


@dataclass(frozen=True, slots=True)
class Factors:
    """What somebody has besides his password."""

    app: bool
    passkeys: bool


def factors_of(engine: Engine, user_id: int) -> Factors:
    """What he may be asked for. Raises StoreUnavailable."""
    with reading(engine) as conn:
        return Factors(second_factors.has_app(conn, user_id), passkeys.are_there(conn, user_id))


def finish(engine: Engine, token: str, typed: str, at: datetime, *, app_too: bool = True) -> Admitted | None:
    """Begins the session; None if the code is not right. `app_too`: else only a code for when the app is lost will do.

    Raises ClientMistake if that sign-in is over, or StoreUnavailable.
    """
    with writing(engine) as conn:
        half, user = half_of(conn, token, at)
        proof = second_factor.take(conn, user.id, typed, at, app_too=app_too)
        if proof is None:
            half_sign_ins.count_wrong(conn, half.id)
            return None
        if not half_sign_ins.end(conn, half.id):
            raise over()
        if proof is Proof.RECOVERY:
            work = Work(conn, actor_of(user.name, user.role, half.origin), at)
            Account(work, user).note(Verb.RECOVERY_CODE_USED)
        return begin_session(conn, user, Whence(half.origin, half.agent, half.language), at)


def half_of(conn: Connection, token: str, at: datetime) -> tuple[HalfSignIn, User]:
    """The sign-in that waits, and whose it is. Raises ClientMistake if it is over."""
    half = half_sign_ins.find(conn, kept(token), at)
    user = _whose(conn, half) if half else None
    if half is None or user is None:
        raise over()
    return half, user


def _whose(conn: Connection, half: HalfSignIn) -> User | None:
    """Whose it is, if he is still there with the password that was right, and not too many codes were wrong."""
    user = users.by_id(conn, half.user_id)
    same = user is not None and user.password_hash == half.password_hash
    return user if same and half.wrong < CODES_A_SIGN_IN else None


def over() -> ClientMistake:
    """What is said when nothing is waited for any more."""
    return ClientMistake("that took too long, or too many codes were wrong: sign in again", Code.WRONG_STATE)
