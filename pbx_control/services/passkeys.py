"""Passkeys of whoever signs in: made at one's account, asked for after the password (docs/decisions/sign-in.md)."""

from dataclasses import asdict
from datetime import datetime

from sqlalchemy import Connection, Engine

from pbx_control.catalogue import N_
from pbx_control.domain import passkeys as rules
from pbx_control.domain.audit import Verb
from pbx_control.domain.passkeys import ANSWER_WITHIN, MOST_PASSKEYS, NAME_LIMIT, Known, Party
from pbx_control.domain.users import Person
from pbx_control.domain.words.wording import clean_line
from pbx_control.errors import ClientMistake, Code, Field
from pbx_control.services import second_factor, second_step
from pbx_control.services.account_trail import Account, actor_of
from pbx_control.services.users import Admitted, Whence, begin_session
from pbx_control.services.work import Work
from pbx_control.store import half_sign_ins, passkeys, second_factors, users
from pbx_control.store.engine import reading, writing
from pbx_control.store.passkeys import Passkey

GONE = N_("this passkey is not there any more: nothing to do")
NOT_MADE = N_("the passkey was not made, or that took too long: try again")


def list_own(engine: Engine, user_id: int) -> list[Passkey]:
    """A person's, the oldest first. Raises StoreUnavailable."""
    with reading(engine) as conn:
        return passkeys.of_user(conn, user_id)


def offer(engine: Engine, person: Person, party: Party, office: str, *, typed: str, origin: str, at: datetime) -> str:
    """What the browser of somebody who has just shown his password is to make, as JSON. `typed`: a code, if he has a
    second factor already; it is used up.

    Raises ClientMistake if that code is not right, or he has as many passkeys as one may; StoreUnavailable.
    """
    with writing(engine) as conn:
        users.lock(conn, person.user_id)
        known = _refuse_too_many(conn, person)
        if second_factors.is_on(conn, person.user_id):
            second_factor.require(Work(conn, actor_of(person.name, person.role, origin), at), person, typed)
        challenge = _challenge(conn, _at_session(person), person.user_id, at)
        return rules.to_make(party, office, person.user_id, person.name, challenge, known)


def add(work: Work, person: Person, party: Party, answer: str, name: str) -> list[str]:
    """Keeps the passkey of a browser's answer. Gives the codes for when it is lost if it is the first second factor.

    Raises ClientMistake if the answer is not right.
    """
    users.lock(work.conn, person.user_id)
    challenge = passkeys.take_challenge(work.conn, _at_session(person), person.user_id, work.at)
    made = rules.made(party, challenge, answer) if challenge else None
    if made is None or passkeys.is_known(work.conn, made.credential):
        raise ClientMistake(NOT_MADE, Code.BAD_VALUE, field=Field("answer"))
    _refuse_too_many(work.conn, person)
    was_on = second_factors.is_on(work.conn, person.user_id)
    called = clean_line(name, NAME_LIMIT) or "passkey"
    row = asdict(made) | {"user_id": person.user_id, "name": called, "added_at": work.at}
    passkeys.insert_row(work.conn, row)
    _account(work, person).note(Verb.PASSKEY_ADDED, new={"passkey": called})
    return [] if was_on else second_factor.turned_on(work, person)


def remove(work: Work, person: Person, passkey_id: int, typed: str) -> bool:
    """Takes one of his away; whether a second factor is left. `typed`: a code of the app, or a recovery code.

    Raises ClientMistake: NOTHING_TO_DO if he has none of that id (any more), or because the code is not right.
    """
    second_factor.require(work, person, typed)
    name = passkeys.remove(work.conn, person.user_id, passkey_id)
    if not name:
        raise ClientMistake(GONE, Code.NOTHING_TO_DO)
    _account(work, person).note(Verb.PASSKEY_REMOVED, old={"passkey": name})
    if second_factors.is_on(work.conn, person.user_id):
        return True
    second_factors.remove(work.conn, person.user_id)
    _account(work, person).note(Verb.SECOND_FACTOR_OFF)
    return False


# --- the second half of a sign-in -------------------------------------------------------------------------


def ask(engine: Engine, token: str, party: Party, at: datetime) -> str:
    """What the browser of a half sign-in is to have signed, as JSON.

    Raises ClientMistake if that sign-in is over, or its owner has no passkey; StoreUnavailable.
    """
    with writing(engine) as conn:
        half, user = second_step.half_of(conn, token, at)
        known = [one.credential for one in passkeys.of_user(conn, user.id)]
        if not known:
            raise second_step.over()
        return rules.to_sign(party, _challenge(conn, f"sign-in {half.id}", user.id, at), known)


def finish(engine: Engine, token: str, party: Party, answer: str, at: datetime) -> Admitted | None:
    """Begins the session; None if the signature is not right.

    Raises ClientMistake if that sign-in is over, or StoreUnavailable.
    """
    with writing(engine) as conn:
        half, user = second_step.half_of(conn, token, at)
        challenge = passkeys.take_challenge(conn, f"sign-in {half.id}", user.id, at)
        by = _signer(conn, user.id, answer)
        count = rules.signed(party, challenge, answer, _known(by)) if challenge and by else None
        if by is None or count is None:
            half_sign_ins.count_wrong(conn, half.id)
            return None
        passkeys.note_use(conn, by.id, count, at)
        if not half_sign_ins.end(conn, half.id):
            raise second_step.over()
        return begin_session(conn, user, Whence(half.origin, half.agent, half.language), at)


def _refuse_too_many(conn: Connection, person: Person) -> list[str]:
    """Those that he has."""
    known = [one.credential for one in passkeys.of_user(conn, person.user_id)]
    if len(known) >= MOST_PASSKEYS:
        raise ClientMistake("{most} passkeys are enough: remove one first", Code.WRONG_STATE, most=MOST_PASSKEYS)
    return known


def _signer(conn: Connection, user_id: int, answer: str) -> Passkey | None:
    credential = rules.named(answer)
    return next((one for one in passkeys.of_user(conn, user_id) if one.credential == credential), None)


def _known(one: Passkey) -> Known:
    return Known(one.credential, one.public_key, one.sign_count)


def _challenge(conn: Connection, place: str, user_id: int, at: datetime) -> str:
    challenge = rules.new_challenge()
    passkeys.put_challenge(conn, place, user_id, challenge, at, at + ANSWER_WITHIN)
    return challenge


def _at_session(person: Person) -> str:
    return f"session {person.session_id}"


def _account(work: Work, person: Person) -> Account:
    return Account(work, users.get(work.conn, person.user_id))
