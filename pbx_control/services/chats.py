"""What people may do and learn in a Telegram chat. A chat that is nobody's learns nothing.

A chat is a client's if it is one of its recipients; an account is one of its people's if it was connected by a code.
Everybody in a chat may answer its messages; what changes something for callers needs an account with that right, too.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from zoneinfo import ZoneInfo

from sqlalchemy import Connection, Engine

from pbx_control.domain.audit import Actor, ActorKind
from pbx_control.domain.desk.proposals import Subject, Way
from pbx_control.domain.money import quota
from pbx_control.domain.notices.acts import Act
from pbx_control.domain.notices.chat_commands import Availability, Today
from pbx_control.domain.notices.messages import Channel, Recipient
from pbx_control.domain.users import ClientRole
from pbx_control.domain.words.wording import clean_line
from pbx_control.errors import ClientMistake, Code
from pbx_control.services import blocking, people, proposals, rotas, tasks, today, urgent
from pbx_control.services.blocking import Blocked
from pbx_control.services.proposals import Told
from pbx_control.services.rotas import Now
from pbx_control.services.work import booking, changing
from pbx_control.store import (
    call_log,
    caller_marks,
    clients,
    desk,
    greetings,
    inbox,
    ledger,
    letters,
    messages,
    recipients,
    restrictions,
    telegram_accounts,
)
from pbx_control.store import rotas as stored_rotas
from pbx_control.store.clients import Client
from pbx_control.store.desk import ContactOnDesk
from pbx_control.store.engine import reading, writing
from pbx_control.store.inbox import Reader, Received, Wanted
from pbx_control.store.letters import Posted
from pbx_control.store.telegram_accounts import Owner

__all__ = [
    "Answered",
    "Availabilities",
    "Balance",
    "Client",
    "ContactOnDesk",
    "InChat",
    "Mine",
    "Now",
    "Posted",
    "Received",
    "Writer",
]
# Characters of a name as a chat gives it.
LONGEST_NAME = 60
# So many calls are listed.
LAST_CALLS = 5
# What a block's reason begins with that was said in a chat: then his name.
IN_A_CHAT = "Telegram: "
# A user's id that nobody has: who reads in a chat has opened nothing.
NOBODY = 0


@dataclass(frozen=True, slots=True)
class Writer:
    """Who writes in a chat, or presses a button, as Telegram tells of him."""

    chat: str
    account: str
    name: str
    private: bool  # nobody else is in the chat

    @property
    def shown(self) -> str:
        """His name, harmless; somebody may call himself anything."""
        return clean_line(self.name, LONGEST_NAME) or "Telegram"


@dataclass(frozen=True, slots=True, kw_only=True)
class InChat:
    """A letter with buttons in a chat, and who has done what about its call; "": nobody."""

    posted: Posted
    language: str
    seen_by: str
    called_back_by: str  # the secretaries have still to do it
    taken_by: str
    blocked_by: str  # in a chat

    @property
    def has_arrived(self) -> bool:
        """Whether the chat has it, and where is known."""
        return self.posted.receipt.isdecimal() and self.posted.letter.address.lstrip("-").isdecimal()

    @property
    def will_arrive(self) -> bool:
        """Whether it is still on its way."""
        return self.posted.due_at is not None


@dataclass(frozen=True, slots=True)
class Answered:
    """What became of a button: who has done it, now or before, and what else is to be told."""

    language: str
    act: Act
    who: str
    first: bool  # it was done just now
    letter: InChat
    news: bool  # what stands beneath the call's other letters is not so any more
    blocked: Blocked | None = None


@dataclass(frozen=True, slots=True)
class Balance:
    """What a client has left of its calls; `account` is None where they are not counted."""

    client: Client
    account: quota.Account | None


@dataclass(frozen=True, slots=True)
class Availabilities:
    """A client's contacts, and who is on call for each of its departments."""

    contacts: Sequence[ContactOnDesk]
    on_call: Sequence[Now]


# --- whose chat it is -------------------------------------------------------------------------------------


def firms_of(conn: Connection, writer: Writer) -> list[Client]:
    """The clients whose chat this is: as a recipient, or as one of their people's own."""
    found = recipients.clients_of(conn, Recipient(Channel.TELEGRAM, writer.chat))
    if writer.private:
        found += [one.client_id for one in telegram_accounts.owners(conn, writer.account)]
    firms = (clients.get(conn, one) for one in dict.fromkeys(found))
    return [firm for firm in firms if firm.cancelled_at is None]


def firms(engine: Engine, writer: Writer) -> list[Client]:
    """The same, read at once. Raises StoreUnavailable."""
    with reading(engine) as conn:
        return firms_of(conn, writer)


def person_of(conn: Connection, writer: Writer, client_id: int) -> Owner | None:
    """Which of the client's people writes; None: somebody else, who may only answer messages."""
    return next((one for one in telegram_accounts.owners(conn, writer.account) if one.client_id == client_id), None)


def actor_of(who: Owner | None, writer: Writer) -> Actor:
    """Whose deed it is."""
    return Actor(ActorKind.USER, who.name if who else writer.shown, f"Telegram {writer.account}")


@dataclass(frozen=True, slots=True)
class Mine:
    """A client for which somebody may change something from his own account."""

    person: Owner
    client: Client


def his_firms(engine: Engine, writer: Writer) -> list[Mine]:
    """The clients whose chat this is and of which the writing account is one of the people. Raises StoreUnavailable."""
    with reading(engine) as conn:
        return his_firms_in(conn, writer)


def his_firms_in(conn: Connection, writer: Writer) -> list[Mine]:
    """The same, in a transaction."""
    here = {firm.id: firm for firm in firms_of(conn, writer)}
    owners = telegram_accounts.owners(conn, writer.account)
    return [Mine(one, here[one.client_id]) for one in owners if one.client_id in here]


# --- the buttons of a message -----------------------------------------------------------------------------


def press(engine: Engine, writer: Writer, act: Act, message_id: str, at: datetime) -> Answered:
    """Does what a button beneath a letter says: once, however often and by how many it is pressed.

    Raises ClientMistake: NOT_HERE if the letter was not sent to this chat or has no such button, or the chat is no
    recipient any more; NOT_YOURS if this needs an account with that right; RESTRICTED while a request of the caller's
    is decided. Raises StoreUnavailable.
    """
    if act is Act.BLOCK:
        return _block(engine, writer, message_id, at)
    with writing(engine) as conn:
        firm, letter = _letter_here(conn, writer, act, message_id)
        call_id = letter.letter.call_id or ""
        # First of all: whoever is about to tell the next one is waited for, or sees this.
        news = urgent.seen(conn, call_id, writer.shown, at)
        first = letters.note_seen(conn, letter.id, at, writer.shown)
        who = writer.shown if first else letter.seen_by
        letters.note_seen_there(conn, letter, at, writer.shown)
        if act is Act.CALL_BACK:
            first = tasks.ask(conn, firm.id, call_id, writer.shown, at)
            who = writer.shown if first else tasks.about(conn, call_id)[-1].asked_by
        elif act is Act.TAKE:
            who, first = messages.take(conn, call_id, writer.shown, at)
        news = news or (first and act is not Act.SEEN)
        return Answered(firm.language, act, who, first, _in_chat(conn, firm, message_id), news)


def _block(engine: Engine, writer: Writer, message_id: str, at: datetime) -> Answered:
    with reading(engine) as conn:
        firm, letter = _letter_here(conn, writer, Act.BLOCK, message_id)
        person = person_of(conn, writer, firm.id)
    if person is None:
        raise ClientMistake("only an account that is connected in the portal may do this", Code.NOT_YOURS)
    with writing(engine) as conn:
        news = urgent.seen(conn, letter.letter.call_id or "", writer.shown, at)
    with changing(engine, actor_of(person, writer), at) as work:
        blocked = blocking.block(work, firm.id, letter.letter.call_id or "", f"{IN_A_CHAT}{writer.shown}")
        there = _in_chat(work.conn, firm, message_id)
    return Answered(firm.language, Act.BLOCK, writer.shown, True, there, news, blocked)


def letter_here(engine: Engine, writer: Writer, act: Act, message_id: str) -> InChat:
    """The letter beneath which somebody presses that button. Raises ClientMistake as `press` does, StoreUnavailable."""
    with reading(engine) as conn:
        firm, posted = _letter_here(conn, writer, act, message_id)
        return _beneath(conn, firm, posted)


def in_chats(engine: Engine, call_id: str) -> list[InChat]:
    """The letters with buttons about a call in those chats that still are its client's. Raises StoreUnavailable."""
    with reading(engine) as conn:
        found = []
        for posted in letters.in_chats(conn, call_id):
            client_id = posted.letter.client_id
            if posted.letter.acts and client_id in recipients.clients_of(conn, posted.recipient):
                found.append(_beneath(conn, clients.get(conn, client_id), posted))
        return found


def _in_chat(conn: Connection, firm: Client, message_id: str) -> InChat:
    posted = letters.by_name(conn, message_id)
    assert posted  # in the same transaction
    return _beneath(conn, firm, posted)


def _beneath(conn: Connection, firm: Client, posted: Posted) -> InChat:
    call_id = posted.letter.call_id or ""
    urgency = urgent.told(conn, call_id)
    asked = [one.asked_by for one in tasks.about(conn, call_id) if one.done_at is None]
    mark = caller_marks.find(conn, call_log.find(conn, call_id).caller, firm.id) if call_id else None
    why = mark.why if mark and mark.kind == "blocked" else ""
    return InChat(
        posted=posted,
        language=firm.language,
        seen_by=posted.seen_by or (urgency.seen_by if urgency else ""),
        called_back_by=asked[-1] if asked else "",
        taken_by=messages.taken_by(conn, call_id),
        blocked_by=why.removeprefix(IN_A_CHAT) if why.startswith(IN_A_CHAT) else "",
    )


def _letter_here(conn: Connection, writer: Writer, act: Act, message_id: str) -> tuple[Client, Posted]:
    """The letter, if this chat is the recipient that it was sent to, and it has that button."""
    found = letters.by_name(conn, message_id)
    here = Recipient(Channel.TELEGRAM, writer.chat)
    client_id = found.letter.client_id if found else None
    # What a button sends back can be made up: of a sensitive client's letter, that a caller is to be blocked.
    if found is None or act not in found.letter.acts:
        raise ClientMistake("this message is not known here any more", Code.NOT_HERE)
    if client_id is None or client_id not in recipients.clients_of(conn, here):
        raise ClientMistake("this message is not known here any more", Code.NOT_HERE)
    # A group that became a supergroup keeps its messages' buttons: what was sent before bears its old number.
    if found.recipient != here and not _moved(conn, found, client_id):
        raise ClientMistake("this message is not known here any more", Code.NOT_HERE)
    firm = clients.get(conn, client_id)
    if firm.cancelled_at is not None:
        raise ClientMistake("this message is not known here any more", Code.NOT_HERE)
    restrictions.refuse(conn, found.letter.call_id or "")
    return firm, found


def _moved(conn: Connection, found: Posted, client_id: int) -> bool:
    """Whether the chat that got the letter is no recipient any more: its number has changed."""
    return client_id not in recipients.clients_of(conn, found.recipient)


# --- what can be asked ------------------------------------------------------------------------------------


def balances(engine: Engine, writer: Writer) -> list[Balance]:
    """What each client whose chat this is has left of its calls. Raises StoreUnavailable."""
    with reading(engine) as conn:
        firms = firms_of(conn, writer)
        return [Balance(firm, ledger.find(conn, firm.id)) for firm in firms]


def last_calls(engine: Engine, writer: Writer) -> list[tuple[Client, Sequence[Received]]]:
    """The newest calls of each client whose chat this is. Raises StoreUnavailable."""
    with reading(engine) as conn:
        readers = [(firm, Reader(client_id=firm.id, user_id=NOBODY)) for firm in firms_of(conn, writer)]
        return [(firm, inbox.page(conn, reader, Wanted(), LAST_CALLS)) for firm, reader in readers]


# --- what can be changed ----------------------------------------------------------------------------------


def say_today(engine: Engine, writer: Writer, mine: Mine, wanted: Today, at: datetime) -> None:
    """Closed, open or the usual hours, from now. Raises ClientMistake for an end that will not do; StoreUnavailable."""
    with changing(engine, actor_of(mine.person, writer), at) as work:
        if wanted.kind is None or wanted.until is None:
            today.back_to_normal(work, mine.client.id)
        else:
            today.say(work, mine.client.id, wanted.kind, wanted.until)


def who_is_there(engine: Engine, mine: Mine, at: datetime) -> Availabilities:
    """A client's contacts, and who of them is on call. Raises StoreUnavailable."""
    with reading(engine) as conn:
        contacts, places = desk.contacts_of(conn, mine.client.id), stored_rotas.of_client(conn, mine.client.id, at)
    zone = ZoneInfo(mine.client.timezone)
    return Availabilities(contacts, rotas.at_hand(places, contacts, zone, at))


def say_availability(engine: Engine, writer: Writer, mine: Mine, wanted: Availability, at: datetime) -> None:
    """A contact is not consulted until then, or is again. Raises ClientMistake for an end that will not do, and for a
    contact that is not there; StoreUnavailable."""
    with changing(engine, actor_of(mine.person, writer), at) as work:
        people.set_away(work, mine.client.id, wanted.contact, wanted.until)


def press_availability(
    engine: Engine, writer: Writer, contact_id: int, until: Callable[[ZoneInfo], datetime | None], at: datetime
) -> Mine:
    """The same by a button; gives whose contact it is. Raises ClientMistake: NOT_YOURS from an account that has not
    that right, NOT_HERE for a contact that is none of its clients', or in another client's chat; StoreUnavailable."""
    with reading(engine) as conn:
        his = his_firms_in(conn, writer)
        found = [
            (mine, one.name) for mine in his for one in desk.contacts_of(conn, mine.client.id) if one.id == contact_id
        ]
        connected = bool(telegram_accounts.owners(conn, writer.account))
    if not connected:
        raise ClientMistake("only an account that is connected in the portal may do this", Code.NOT_YOURS)
    if not found:
        raise ClientMistake("this message is not known here any more", Code.NOT_HERE)
    mine, contact = found[0]
    end = until(ZoneInfo(mine.client.timezone))
    say_availability(engine, writer, mine, Availability(contact, end), at)
    return mine


def greeting(engine: Engine, mine: Mine) -> str:
    """What secretaries say for a client, or "". Raises StoreUnavailable."""
    with reading(engine) as conn:
        past = greetings.history(conn, mine.client.id)
    return past[0].text if past else ""


def propose_greeting(engine: Engine, writer: Writer, mine: Mine, text: str, at: datetime) -> Told:
    """Keeps a greeting that somebody asks for, with what it would change. Raises ClientMistake: NOT_YOURS from an
    account that has not that right, others if the text will not do; StoreUnavailable."""
    _require_owner(mine)
    with booking(engine, actor_of(mine.person, writer), at) as work:
        number, _ = proposals.propose(
            work, mine.client.id, Subject.GREETING, text, Way.TELEGRAM, f"{mine.person.name} (Telegram)"
        )
        return proposals.told(work.conn, mine.client.id, number)


def decide(engine: Engine, writer: Writer, number: int, *, yes: bool, at: datetime) -> Mine:
    """Somebody confirms what was proposed, or does not want it. Raises ClientMistake: NOT_HERE if he has no client with
    such a proposal whose chat this is, NOT_YOURS without that right, others if it was decided before.
    Raises StoreUnavailable."""
    with reading(engine) as conn:
        found = next((one for one in his_firms_in(conn, writer) if proposals.is_of(conn, one.client.id, number)), None)
    if found is None:
        raise ClientMistake("this message is not known here any more", Code.NOT_HERE)
    _require_owner(found)
    with changing(engine, actor_of(found.person, writer), at) as work:
        if yes:
            proposals.confirm(work, found.client.id, number, found.person.name)
        else:
            proposals.refuse(work, found.client.id, number, found.person.name)
    return found


def _require_owner(mine: Mine) -> None:
    if mine.person.role is not ClientRole.OWNER:
        raise ClientMistake("only an owner may do this", Code.NOT_YOURS)


def moved(engine: Engine, old: str, new: str) -> None:
    """A group has become a supergroup: its number is another one from now on, for what waits, too. Raises
    StoreUnavailable."""
    with writing(engine) as conn:
        letters.move(conn, Recipient(Channel.TELEGRAM, old), new)
