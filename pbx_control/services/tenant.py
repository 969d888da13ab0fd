"""What one of a client's people may see: everything goes through an object that is bound to that client."""

from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, Engine

from pbx_control.domain.audit import Actor, ActorKind, Verb
from pbx_control.domain.desk.words import Words
from pbx_control.domain.keeping.retention import Claim
from pbx_control.domain.users import Person
from pbx_control.errors import ClientMistake, Code
from pbx_control.services import blocking, checking, messages, proposals, rotas, tasks, urgent
from pbx_control.services.blocking import Blocked
from pbx_control.services.checking import Heard
from pbx_control.services.messages import Delivery
from pbx_control.services.proposals import Proposal, Told
from pbx_control.services.tasks import Asked
from pbx_control.services.urgent import Told as Urgent
from pbx_control.services.work import Work
from pbx_control.store import (
    call_log,
    clients,
    greetings,
    inbox,
    infos,
    protocols,
    recipient_requests,
    recipients,
    restrictions,
    retention,
    telegram_accounts,
)
from pbx_control.store.call_log import Line
from pbx_control.store.clients import Client
from pbx_control.store.engine import reading, writing
from pbx_control.store.greetings import Version as Greeting
from pbx_control.store.inbox import Place, Reader, Received, Wanted
from pbx_control.store.infos import Version as Info
from pbx_control.store.protocols import Version as ProtocolVersion
from pbx_control.store.recipient_requests import Request
from pbx_control.store.recipients import Listed as Recipient
from pbx_control.store.restrictions import INSTEAD

__all__ = [
    "INSTEAD",
    "CallRead",
    "Heard",
    "Inbox",
    "Place",
    "Proposal",
    "Received",
    "Recipient",
    "Tenant",
    "Told",
    "Urgent",
    "Wanted",
    "actor_of",
    "as_tenant",
    "reader_of",
]
# Why somebody was blocked, where nobody says more.
PORTAL = "portal"
# So many calls stand on one page.
PAGE = 30
# Characters of an id that an error shows.
ID_SHOWN = 64


@dataclass(frozen=True, slots=True, kw_only=True)
class CallRead:
    """A call with all that its client is told of it."""

    call: Received
    words: Words  # that were sent last
    lines: Sequence[Line]
    deliveries: Sequence[Delivery]
    kept: Claim  # of its files
    heard: Sequence[Heard]  # the newest first
    asked: Sequence[Asked]  # of the secretaries, about it
    taken_by: str  # who of his people sees to it, or ""
    urgent: Urgent | None  # how it stands with an urgent message
    blocked: bool  # who called is not let in any more, by his firm
    charged: bool  # the call is on the bill


@dataclass(frozen=True, slots=True, kw_only=True)
class Inbox:
    """A page of a client's calls. `next`: where the following page begins; None: there is none."""

    calls: Sequence[Received]
    next: Place | None
    unread: int
    contacts: Sequence[str]


@dataclass(frozen=True, slots=True)
class Tenant:
    """One of a client's people, in a transaction. Of other clients it knows nothing."""

    conn: Connection
    reader: Reader

    @property
    def client(self) -> Client:
        """His firm."""
        return clients.get(self.conn, self.reader.client_id)

    def inbox(self, wanted: Wanted, after: Place | None = None) -> Inbox:
        """The newest calls that are wanted, a page of them; with `after` the page that follows."""
        found = inbox.page(self.conn, self.reader, wanted, PAGE + 1, after)
        shown = found[:PAGE]
        more = (shown[-1].arrived_at, shown[-1].call_id) if len(found) > PAGE else None
        unread = inbox.unread(self.conn, self.reader)
        return Inbox(calls=shown, next=more, unread=unread, contacts=inbox.contacts(self.conn, self.reader.client_id))

    def among(self, call_ids: Collection[str]) -> Sequence[Received]:
        """Those of these calls that are his firm's, each as it may be shown."""
        return inbox.among(self.conn, self.reader, call_ids)

    def received(self, call_id: str) -> Received:
        """A call. Raises ClientMistake: NO_SUCH_CALL if his firm has none of that id, RESTRICTED while a request of the
        caller's is decided."""
        found = self._found(call_id)
        if found.restricted:
            raise restrictions.refusal(found.call_id)
        return found

    def _found(self, call_id: str) -> Received:
        found = inbox.find(self.conn, self.reader, call_id)
        if found is None:
            raise ClientMistake("there is no call {call}", Code.NO_SUCH_CALL, call=repr(call_id[:ID_SHOWN]))
        return found

    def call(self, call_id: str) -> CallRead:
        """A call with its story. Raises ClientMistake (NO_SUCH_CALL) if his firm has none of that id."""
        received = self.received(call_id)
        return CallRead(
            call=received,
            words=messages.words_sent(self.conn, received.call_id),
            lines=call_log.journal_of(self.conn, received.call_id),
            deliveries=messages.deliveries(self.conn, received.call_id),
            kept=retention.of_calls(self.conn, [received.call_id])[received.call_id],
            heard=checking.heard(self.conn, self.reader.client_id, received.call_id),
            asked=tasks.about(self.conn, received.call_id),
            taken_by=messages.taken_by(self.conn, received.call_id),
            urgent=urgent.told(self.conn, received.call_id),
            blocked=blocking.is_blocked(self.conn, self.reader.client_id, received.caller),
            charged=blocking.is_charged(self.conn, received.call_id),
        )

    def recipients(self) -> Sequence[Recipient]:
        """Who is sent his firm's messages."""
        return recipients.rows(self.conn, self.reader.client_id)

    def telegram_accounts(self) -> int:
        """How many Telegram accounts count as his."""
        return len(telegram_accounts.of_user(self.conn, self.reader.user_id))

    def waiting(self, at: datetime) -> Sequence[Request]:
        """The addresses that have been asked and have not answered."""
        return recipient_requests.open_of(self.conn, self.reader.client_id, at)

    @classmethod
    def within(cls, work: Work, person: Person) -> "Tenant":
        """The same in a transaction that changes something."""
        assert person.client_id is not None  # who has that role has a client
        return cls(work.conn, Reader(client_id=person.client_id, user_id=person.user_id))

    def greetings(self) -> Sequence[Greeting]:
        """All that secretaries have said for his firm, the one in force first."""
        return greetings.history(self.conn, self.reader.client_id)

    def on_call(self, at: datetime) -> str:
        """Who is on call for his firm, as its greeting says it."""
        return rotas.of_client_in_words(self.conn, self.client, at)

    def protocol(self) -> ProtocolVersion:
        """What is asked and told for his firm."""
        return protocols.in_force(self.conn, self.reader.client_id)

    def infos(self) -> Sequence[Info]:
        """His firm's ready-made texts."""
        return infos.in_force(self.conn, self.reader.client_id)

    def proposals(self) -> Sequence[Proposal]:
        """Changes that wait to be confirmed, or for their day."""
        return proposals.waiting(self.conn, self.reader.client_id)

    def proposal(self, number: int) -> Told:
        """One of them. Raises ClientMistake (NO_SUCH_PROPOSAL) if his firm has none of that number."""
        return proposals.told(self.conn, self.reader.client_id, number)

    def block(self, work: Work, call_id: str) -> Blocked:
        """Who called is not let in any more. Raises ClientMistake if his firm has no such call, or who called showed no
        number."""
        return blocking.block(work, self.reader.client_id, self.received(call_id).call_id, PORTAL)

    def say_seen(self, call_id: str, who: str, at: datetime) -> bool:
        """He has seen an urgent message: nobody is told again. False if somebody had before, or it is none. Raises
        ClientMistake if his firm has no such call."""
        return urgent.seen(self.conn, self.received(call_id).call_id, who, at)

    def unblock(self, work: Work, call_id: str) -> None:
        """Who called is let in again. Raises ClientMistake if his firm has no such call, or has not blocked him."""
        blocking.unblock(work, self.reader.client_id, self.received(call_id).caller)

    def ask_to_call_back(self, call_id: str, who: str, at: datetime) -> bool:
        """The secretaries are asked to call back, and he has seen the message; False if both was so before. Raises
        ClientMistake if his firm has no such call."""
        just_now = self.say_seen(call_id, who, at)
        return tasks.ask(self.conn, self.reader.client_id, self.received(call_id).call_id, who, at) or just_now

    def note_opened(self, calls: Sequence[str], at: datetime) -> None:
        """He has read these, or that one may not be shown. Raises ClientMistake if one is not his firm's."""
        inbox.note_opened(self.conn, self.reader, [self._found(one).call_id for one in calls], at)

    def is_listening(self, call: Received, actor: Actor, at: datetime) -> bool:
        """Whether it is written down that he listens to a call's recording at that time."""
        return checking.is_listening(self.conn, self.reader.client_id, call.call_id, actor, at)

    def note_heard(self, call: Received, actor: Actor, at: datetime) -> None:
        """He listens to a call's recording, or the message that was left: everybody who may see the call sees that."""
        Work(self.conn, actor, at).note(Verb.RECORDING_HEARD, call.call_id, client_id=self.reader.client_id)


def reader_of(person: Person) -> Reader:
    """For whom one of a client's people asks: his firm, and himself."""
    assert person.client_id is not None  # who has that role has a client
    return Reader(client_id=person.client_id, user_id=person.user_id)


@contextmanager
def as_tenant(engine: Engine, person: Person, *, writes: bool = False) -> Iterator[Tenant]:
    """A transaction of one of a client's people. Raises StoreUnavailable."""
    with (writing if writes else reading)(engine) as conn:
        yield Tenant(conn, reader_of(person))


def actor_of(person: Person, origin: str) -> Actor:
    """Whose deed it is what one of a client's people does."""
    return Actor(ActorKind.USER, person.name, origin)
