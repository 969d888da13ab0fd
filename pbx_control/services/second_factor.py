"""The second factor of whoever signs in: an authenticator app or passkeys (`passkeys.py`), and ten codes for when it is
lost (docs/decisions/sign-in.md)."""

import secrets
from datetime import datetime
from enum import Enum
from hashlib import sha256

from sqlalchemy import Connection, Engine

from pbx_control.catalogue import N_
from pbx_control.domain.audit import Verb
from pbx_control.domain.second_factor import (
    RECOVERY_CODES,
    RECOVERY_LENGTH,
    SET_UP_WITHIN,
    as_recovery_code,
    in_groups,
    step_of,
)
from pbx_control.domain.users import READABLE, Person
from pbx_control.errors import ClientMistake, Code, Field
from pbx_control.services.account_trail import Account, actor_of
from pbx_control.services.users import end_begun
from pbx_control.services.work import Work
from pbx_control.store import passkeys, second_factors, users
from pbx_control.store.engine import reading, writing


class Proof(Enum):
    """By which code somebody has shown that he is who he says."""

    APP = "app"
    RECOVERY = "recovery"


WRONG_CODE = N_("this code is not right: type the one that the app shows now, each is good once")


def begin(engine: Engine, person: Person, at: datetime, *, typed: str = "", origin: str = "") -> None:
    """Makes a secret that this session is shown until its first code comes. `typed`: a recovery code, if there is a
    passkey already; it is used up.

    Raises ClientMistake if there is an app already, or that code is not right.
    """
    from pyotp import random_base32

    with writing(engine) as conn:
        users.lock(conn, person.user_id)
        _refuse_second(conn, person.user_id)
        if second_factors.is_on(conn, person.user_id):
            require(Work(conn, actor_of(person.name, person.role, origin), at), person, typed)
        second_factors.begin(conn, person.user_id, person.session_id, random_base32(), at)


def shown(engine: Engine, person: Person, at: datetime) -> str:
    """The secret that this session may see: it waits for its first code; "" if there is none."""
    with reading(engine) as conn:
        found = second_factors.find(conn, person.user_id)
    return found.secret if found and _waits(found, person, at) else ""


def confirm(work: Work, person: Person, typed: str) -> list[str]:
    """The app's first code: from now on one is asked for at each sign-in, and the person's other sessions end. Gives
    the codes for when the app is lost, which are shown once; none beside a passkey, whose codes stay.

    Raises ClientMistake if the code is wrong or none is waited for.
    """
    users.lock(work.conn, person.user_id)
    found = second_factors.find(work.conn, person.user_id)
    if found is None or not _waits(found, person, work.at):
        raise ClientMistake("that took too long: begin again", Code.WRONG_STATE)
    step = step_of(found.secret, typed, work.at)
    if step is None:
        raise ClientMistake(WRONG_CODE, Code.BAD_VALUE, field=Field("code"))
    was_on = second_factors.is_on(work.conn, person.user_id)
    second_factors.confirm(work.conn, person.user_id, person.session_id, step, work.at)
    if was_on:
        _account(work, person).note(Verb.SECOND_FACTOR_ON)
        return []
    return turned_on(work, person)


def turned_on(work: Work, person: Person) -> list[str]:
    """Ends what was begun without: the other sessions, sign-ins, passkeys that are being made. Gives the codes,
    which are shown once."""
    passkeys.forget_challenges(work.conn, person.user_id)
    codes = _new_codes(work, person.user_id)
    ended = users.end_sessions(work.conn, person.user_id, work.at, but=person.session_id)
    end_begun(work.conn, person.user_id, work.at)
    _account(work, person).note(Verb.SECOND_FACTOR_ON, new={"sessions_ended": ended})
    return codes


def renew_codes(work: Work, person: Person, typed: str) -> list[str]:
    """Ten new codes in the place of those before. Raises ClientMistake if `typed` is not right."""
    require(work, person, typed)
    codes = _new_codes(work, person.user_id)
    _account(work, person).note(Verb.RECOVERY_CODES_RENEWED)
    return codes


def turn_off(work: Work, person: Person, typed: str) -> None:
    """Neither app nor passkey is asked for any more. Raises ClientMistake if `typed` is not right."""
    require(work, person, typed)
    second_factors.remove(work.conn, person.user_id)
    end_begun(work.conn, person.user_id, work.at)
    _account(work, person).note(Verb.SECOND_FACTOR_OFF)


def reset(work: Work, name: str) -> None:
    """Takes somebody's second factor away, who has lost it and the codes, and ends his sessions.

    Raises ClientMistake if there is no such user, or he has none.
    """
    user = users.find(work.conn, name.lower())
    if not second_factors.remove(work.conn, user.id):
        raise ClientMistake("{name} has no second factor: nothing to do", Code.NOTHING_TO_DO, name=user.name)
    ended = users.end_sessions(work.conn, user.id, work.at)
    end_begun(work.conn, user.id, work.at)
    Account(work, user).note(Verb.SECOND_FACTOR_RESET, new={"sessions_ended": ended})


def take(conn: Connection, user_id: int, typed: str, at: datetime, *, app_too: bool = True) -> Proof | None:
    """Takes the app's code (unless that has been guessed at too often), or one of those for when it is lost; each is
    good once. None: it is not right."""
    found = second_factors.find(conn, user_id)
    step = step_of(found.secret, typed, at) if app_too and found and found.confirmed_at else None
    if step is not None:
        return Proof.APP if second_factors.take_step(conn, user_id, step) else None
    code = as_recovery_code(typed)
    taken = bool(code) and second_factors.take_code(conn, user_id, _kept(user_id, code), at)
    return Proof.RECOVERY if taken else None


def require(work: Work, person: Person, typed: str) -> None:
    """Takes a code of his. Raises ClientMistake if it is not right."""
    users.lock(work.conn, person.user_id)
    proof = take(work.conn, person.user_id, typed, work.at)
    if proof is None:
        raise ClientMistake(WRONG_CODE, Code.BAD_VALUE, field=Field("code"))
    if proof is Proof.RECOVERY:
        _account(work, person).note(Verb.RECOVERY_CODE_USED)


def _waits(found: second_factors.SecondFactor, person: Person, at: datetime) -> bool:
    """Whether this session, and no other, is being shown it."""
    return found.confirmed_at is None and found.session_id == person.session_id and at - found.begun_at < SET_UP_WITHIN


def _refuse_second(conn: Connection, user_id: int) -> None:
    if second_factors.has_app(conn, user_id):
        raise ClientMistake("there is a second factor already: nothing to do", Code.NOTHING_TO_DO)


def _new_codes(work: Work, user_id: int) -> list[str]:
    codes = ["".join(secrets.choice(READABLE) for _ in range(RECOVERY_LENGTH)) for _ in range(RECOVERY_CODES)]
    second_factors.put_codes(work.conn, user_id, [_kept(user_id, code) for code in codes])
    return [in_groups(code) for code in codes]


def _account(work: Work, person: Person) -> Account:
    return Account(work, users.get(work.conn, person.user_id))


def _kept(user_id: int, code: str) -> str:
    """What is kept of such a code: 59 random bits need no slow hash."""
    return sha256(f"{user_id}:{code}".encode()).hexdigest()
