"""How a client's people add recipients by themselves: an address is asked by a link, a chat by a code (rule 7).

Nobody is sent a client's messages before the address itself has said yes. Secrets are kept as hashes.
"""

import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta
from hashlib import sha256
from zoneinfo import ZoneInfo

from sqlalchemy import Connection

from pbx_control.domain import checks
from pbx_control.domain.audit import Verb
from pbx_control.domain.notices.invitation_letters import Invitation, compose_invitation
from pbx_control.domain.notices.kinds import Wants
from pbx_control.domain.notices.messages import Channel, Recipient
from pbx_control.domain.words.characters import READABLE
from pbx_control.errors import ClientMistake, Code, Field
from pbx_control.services import people
from pbx_control.services.standing import refuse_cancelled
from pbx_control.services.work import Work
from pbx_control.store import clients, letters, recipient_requests, telegram_accounts, users
from pbx_control.store.recipient_requests import Request

# A mail may lie over a weekend; a code is typed at once.
LINK_LIVES, CODE_LIVES = timedelta(days=3), timedelta(minutes=15)
# So that nobody has us write to strangers without end.
MOST_OPEN, MOST_A_DAY = 20, 20
_TOKEN_BYTES, _CODE = 32, 8


@dataclass(frozen=True, slots=True)
class Place:
    """Whose pages they are, and by which address browsers reach them."""

    office: str
    url: str


@dataclass(frozen=True, slots=True)
class Asking:
    """What a link is about: which client asks which address."""

    client: str
    language: str
    address: str
    wants: Wants


@dataclass(frozen=True, slots=True)
class Joined:
    """A chat that is connected: for which client."""

    client_id: int
    client: str
    language: str
    account: bool  # the Telegram account is that person's from now on, too


def ask_address(work: Work, client_id: int, user_id: int, address: str, wants: Wants, place: Place) -> str:
    """Writes to an e-mail address; gives it as it was understood. Asked twice, the older letter's link is dead.

    Raises ClientMistake if the client has cancelled, it is no address, or a recipient already, or too many are asked.
    """
    slug = refuse_cancelled(work.conn, client_id)
    address = checks.email(address)
    people.refuse_known(work.conn, client_id, address)
    _refuse_nothing(wants)
    _refuse_too_many(work, client_id, address)
    token = secrets.token_urlsafe(_TOKEN_BYTES)
    ends_at = work.at + LINK_LIVES
    request_id = recipient_requests.insert_row(
        work.conn, client_id, user_id, Channel.EMAIL, address, wants, _hash(token), work.at, ends_at
    )
    firm = clients.get(work.conn, client_id)
    invitation = Invitation(
        request_id=request_id,
        client_id=client_id,
        client_name=firm.name,
        language=firm.language,
        address=address,
        link=f"{place.url}/recipients/{token}",
        ends_at=ends_at.astimezone(ZoneInfo(firm.timezone)),
        at=work.at,
    )
    letters.add(work.conn, [compose_invitation(invitation, place.office)])
    work.note(Verb.RECIPIENT_ASKED_FOR, slug, client_id=client_id, new={"channel": "email", "address": address})
    return address


def ask_chat(work: Work, client_id: int, user_id: int, wants: Wants) -> str:
    """A code that connects the chat which it is sent from; the one who asked shows it there within CODE_LIVES. An
    older one of his is dead. Raises ClientMistake if the client has cancelled, or he chose nothing."""
    slug = refuse_cancelled(work.conn, client_id)
    _refuse_nothing(wants)
    for other in recipient_requests.open_of(work.conn, client_id, work.at):
        if other.channel is Channel.TELEGRAM and other.user_id == user_id:
            recipient_requests.settle(work.conn, other.id, work.at)
    code = "".join(secrets.choice(READABLE) for _ in range(_CODE))
    recipient_requests.insert_row(
        work.conn, client_id, user_id, Channel.TELEGRAM, "", wants, _hash(code), work.at, work.at + CODE_LIVES
    )
    work.note(Verb.RECIPIENT_ASKED_FOR, slug, client_id=client_id, new={"channel": "telegram"})
    return f"{code[: _CODE // 2]}-{code[_CODE // 2 :]}"


def withdraw(work: Work, client_id: int, request_id: int) -> None:
    """Takes a request back: its link is dead. Raises ClientMistake if the client has none of that number."""
    for one in recipient_requests.open_of(work.conn, client_id, work.at):
        if one.id == request_id and recipient_requests.settle(work.conn, request_id, work.at):
            told = {"channel": one.channel.value, "address": one.address}
            slug = clients.get(work.conn, client_id).slug
            work.note(Verb.RECIPIENT_REQUEST_WITHDRAWN, slug, client_id=client_id, old=told)
            return
    raise _dead()


def asking(conn: Connection, token: str, at: datetime) -> Asking:
    """What a link asks. Raises ClientMistake if it is dead: used, withdrawn, too old, or never there."""
    found = recipient_requests.by_secret(conn, _hash(token), Channel.EMAIL, at)
    if found is None:
        raise _dead()
    firm = clients.get(conn, found.client_id)
    if firm.cancelled_at:
        raise _dead()
    return Asking(firm.name, firm.language, found.address, found.wants)


def say_yes(work: Work, token: str) -> Asking:
    """The address has said yes: it is a recipient from now on. Raises ClientMistake if the link is dead."""
    asked = asking(work.conn, token, work.at)
    found = _use(work, token, Channel.EMAIL)
    _join(work, found, Recipient(Channel.EMAIL, found.address))
    return asked


def say_no(work: Work, token: str) -> None:
    """The address wants no letters: the link is dead. Raises ClientMistake if it was."""
    found = _use(work, token, Channel.EMAIL)
    told = {"channel": found.channel.value, "address": found.address}
    slug = clients.get(work.conn, found.client_id).slug
    work.note(Verb.RECIPIENT_REQUEST_WITHDRAWN, slug, client_id=found.client_id, old=told)


def connect_chat(work: Work, code: str, chat: str, name: str, account: str) -> Joined:
    """A code was sent from a chat: that is a recipient from now on. `account`: the Telegram account that sent it, if
    nobody else reads the chat; it is that of whoever asked for the code.

    Raises ClientMistake if the code is dead: used, withdrawn, too old, or never there.
    """
    found = _use(work, code.strip().lower().replace("-", ""), Channel.TELEGRAM)
    _join(work, found, Recipient(Channel.TELEGRAM, checks.telegram(chat)), name)
    firm = clients.get(work.conn, found.client_id)
    his = bool(account) and users.is_there(work.conn, found.user_id)
    if his and telegram_accounts.bind(work.conn, found.user_id, account, work.at):
        who = {"account": account}
        work.note(Verb.TELEGRAM_ACCOUNT_CONNECTED, firm.slug, client_id=found.client_id, new=who)
    return Joined(found.client_id, firm.name, firm.language, his)


def disconnect(work: Work, client_id: int, user_id: int) -> int:
    """No Telegram account is that person's any more; gives how many were."""
    gone = telegram_accounts.unbind(work.conn, user_id, work.at)
    if gone:
        slug = clients.get(work.conn, client_id).slug
        work.note(Verb.TELEGRAM_ACCOUNT_REMOVED, slug, client_id=client_id, old={"accounts": gone})
    return gone


def _use(work: Work, secret: str, channel: Channel) -> Request:
    """Of two that use it at once, one does."""
    found = recipient_requests.by_secret(work.conn, _hash(secret), channel, work.at)
    if found is None or not recipient_requests.settle(work.conn, found.id, work.at):
        raise _dead()
    refuse_cancelled(work.conn, found.client_id)
    return found


def _join(work: Work, found: Request, who: Recipient, name: str = "") -> None:
    """Whoever is a recipient already stays so, with what was chosen now."""
    people.join(work, found.client_id, who, found.wants, name)


def _refuse_nothing(wants: Wants) -> None:
    if not wants.kinds:
        raise ClientMistake("choose at least one kind of message", Code.BAD_VALUE, field=Field("kinds"))


def _refuse_too_many(work: Work, client_id: int, address: str) -> None:
    waiting = recipient_requests.open_of(work.conn, client_id, work.at)
    for one in waiting:
        if one.address == address:
            recipient_requests.settle(work.conn, one.id, work.at)
    today = recipient_requests.asked_since(work.conn, client_id, work.at - timedelta(days=1))
    if len(waiting) >= MOST_OPEN or today >= MOST_A_DAY:
        raise ClientMistake(
            "so many addresses have been asked lately that no more are: wait a day, or until they have answered",
            Code.TOO_MANY_ASKED,
        )


def _hash(secret: str) -> str:
    return sha256(secret.encode(errors="replace")).hexdigest()


def _dead() -> ClientMistake:
    return ClientMistake("this is not valid any more: ask for a new one", Code.DEAD_SECRET)
