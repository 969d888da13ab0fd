"""What everybody who signs in can do with his own account: password and sessions."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from zoneinfo import ZoneInfo

from sqlalchemy import Engine

from pbx_control.domain.audit import Verb
from pbx_control.domain.users import Person
from pbx_control.errors import ClientMistake, Code
from pbx_control.services.account_trail import Account
from pbx_control.services.users import NewPassword, put_password
from pbx_control.services.work import Work
from pbx_control.store import clients, passkeys, second_factors, users
from pbx_control.store.engine import reading
from pbx_control.store.passkeys import Passkey
from pbx_control.store.users import Session


@dataclass(frozen=True, slots=True, kw_only=True)
class Own:
    """What somebody sees of his own account."""

    email: str
    firm: str  # of a client's people
    zone: ZoneInfo | None  # the firm's
    sessions: Sequence[Session]  # the newest first
    has_app: bool
    passkeys: Sequence[Passkey]  # the oldest first
    codes_left: int  # for when app or passkey is lost


def look_at(engine: Engine, person: Person, at: datetime) -> Own:
    """His account. Raises StoreUnavailable, or ClientMistake if he has been removed."""
    with reading(engine) as conn:
        firm = clients.get(conn, person.client_id) if person.client_id is not None else None
        return Own(
            email=users.get(conn, person.user_id).email,
            firm=firm.name if firm else "",
            zone=ZoneInfo(firm.timezone) if firm else None,
            sessions=users.open_sessions(conn, person.user_id, at),
            has_app=second_factors.has_app(conn, person.user_id),
            passkeys=passkeys.of_user(conn, person.user_id),
            codes_left=second_factors.codes_left(conn, person.user_id),
        )


def change_password(work: Work, person: Person, known: str, password: NewPassword) -> None:
    """Keeps another password, and ends his other sessions. `known`: the hash that the old one fitted.

    Raises ClientMistake if it was changed meanwhile, or he was removed.
    """
    users.lock(work.conn, person.user_id)
    user = users.get(work.conn, person.user_id)
    if user.password_hash != known:
        raise ClientMistake("the password was changed meanwhile: sign in again", Code.CHANGED_MEANWHILE)
    account = Account(work, user)
    ended = put_password(work.conn, user.id, password, work.at, but=person.session_id)
    new = {"password": password.hash, "sessions_ended": ended}
    account.note(Verb.PASSWORD_CHANGED, old={"password": known}, new=new)


def end_session(work: Work, person: Person, session_id: int) -> int:
    """Ends one of his sessions; gives how many there were: none, if it is over, or another one's."""
    return _noted(work, person, users.end_sessions(work.conn, person.user_id, work.at, only=session_id))


def end_other_sessions(work: Work, person: Person) -> int:
    """Ends all of his sessions but the one that asks; gives how many there were."""
    return _noted(work, person, users.end_sessions(work.conn, person.user_id, work.at, but=person.session_id))


def _noted(work: Work, person: Person, ended: int) -> int:
    if ended:
        account = Account(work, users.get(work.conn, person.user_id))
        account.note(Verb.SESSIONS_ENDED, new={"sessions_ended": ended})
    return ended
