"""Links by which somebody sets a password without the old one: he has forgotten it, or never had one
(docs/decisions/sign-in.md)."""

import secrets
from collections.abc import Sequence
from contextlib import suppress
from datetime import datetime, timedelta

from sqlalchemy import Connection, Engine

from pbx_control.domain.audit import Verb
from pbx_control.domain.notices.sign_in_letters import INVITED_FOR, RESET_WITHIN, SignInLink, compose_link
from pbx_control.domain.users import login_name
from pbx_control.errors import ClientMistake, Code
from pbx_control.services.account_trail import Account, actor_of
from pbx_control.services.users import NewPassword, kept, put_password
from pbx_control.services.work import Work, booking
from pbx_control.settings import Settings
from pbx_control.store import clients, letters, sign_in_links, users
from pbx_control.store.engine import reading
from pbx_control.store.sign_in_links import Link
from pbx_control.store.users import User

# Letters to one person; who wants to annoy him sends no more.
MOST_AN_HOUR = 3
# Accounts that one e-mail address gets letters for.
MOST_ACCOUNTS = 5
# Of what is typed as a name or an address, characters.
LONGEST_WHO = 254
_TOKEN_BYTES = 32
_FORGOTTEN_AFTER = timedelta(days=7)


def meant(engine: Engine, who: str) -> Sequence[User]:
    """Who has that name, or that e-mail address. Raises StoreUnavailable."""
    with reading(engine) as conn:
        return _meant(conn, who)


def send_to(engine: Engine, settings: Settings, people: Sequence[User], origin: str, at: datetime) -> None:
    """Sends a link to each of these who has an e-mail address, and was not sent too many: whoever asks for it is told
    nothing of that. Raises StoreUnavailable."""
    for user in people:
        with suppress(ClientMistake), booking(engine, actor_of(user.name, user.role, origin), at) as work:
            send(work, settings, user.name, invited=False)


def send(work: Work, settings: Settings, name: str, *, invited: bool) -> None:
    """Writes the letter with a link; those that he was sent before are good no more. `invited`: he has no password yet,
    and more time.

    Raises ClientMistake if he has no e-mail address, the pages have none, or he was sent too many.
    """
    user = users.find(work.conn, name)
    users.lock(work.conn, user.id)
    if not user.email:
        raise ClientMistake("{name} has no e-mail address", Code.WRONG_STATE, name=user.name)
    if not settings.web.public_url:
        raise ClientMistake("the pages have no address that a letter could name", Code.NO_PUBLIC_URL)
    if sign_in_links.made_since(work.conn, user.id, work.at - timedelta(hours=1)) >= MOST_AN_HOUR:
        raise ClientMistake("{name} was sent several links within the hour: wait", Code.WRONG_STATE, name=user.name)
    token = secrets.token_urlsafe(_TOKEN_BYTES)
    lasts = INVITED_FOR if invited else RESET_WITHIN
    sign_in_links.forget(work.conn, work.at - _FORGOTTEN_AFTER)
    sign_in_links.add(work.conn, user.id, kept(token), work.at, work.at + lasts)
    link = SignInLink(
        address=user.email,
        name=user.name,
        client_id=user.client_id,
        firm=clients.get(work.conn, user.client_id).name if user.client_id is not None else "",
        language=_language(work.conn, user, settings),
        url=f"{settings.web.public_url}/reset?link={token}",
        invited=invited,
        at=work.at,
    )
    letters.add(work.conn, [compose_link(link, kept(token), settings.office.name)])
    Account(work, user).note(Verb.SIGN_IN_LINK_SENT)


def found(engine: Engine, token: str, at: datetime) -> Link | None:
    """Whose link that is; None if it is good no more. Looking uses nothing up: mail programs look, too.

    Raises StoreUnavailable.
    """
    with reading(engine) as conn:
        return sign_in_links.find(conn, kept(token), at)


def use(work: Work, token: str, password: NewPassword) -> str:
    """Sets the password of the one whose link it is, and ends his sessions; gives his name.

    Raises ClientMistake if the link is good no more.
    """
    link = sign_in_links.find(work.conn, kept(token), work.at)
    if link is not None:
        users.lock(work.conn, link.user_id)
    if link is None or not sign_in_links.spend(work.conn, kept(token), work.at):
        raise ClientMistake("this link is good no more: ask for a new one", Code.CHANGED_MEANWHILE)
    account = Account(work, users.get(work.conn, link.user_id))
    ended = put_password(work.conn, link.user_id, password, work.at)
    new = {"password": password.hash, "sessions_ended": ended}
    account.note(Verb.USER_PASSWORD_RESET, old={"password": account.user.password_hash}, new=new)
    return link.name


def _meant(conn: Connection, who: str) -> Sequence[User]:
    typed = who[:LONGEST_WHO].strip()
    if "@" in typed:
        return users.by_email(conn, typed)[:MOST_ACCOUNTS]
    with suppress(ClientMistake):
        found = users.by_name(conn, login_name(typed))
        return [found] if found else []
    return []


def _language(conn: Connection, user: User, settings: Settings) -> str:
    if user.language or user.client_id is None:
        return user.language or settings.office.language
    return clients.get(conn, user.client_id).language
