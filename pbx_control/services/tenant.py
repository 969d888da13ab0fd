"""What one of a client's people may see: everything goes through an object that is bound to that client."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, Engine

from pbx_control.domain.audit import Actor, ActorKind, Verb
from pbx_control.domain.desk.words import Words
from pbx_control.domain.keeping.retention import Claim
from pbx_control.domain.users import Person
from pbx_control.errors import ClientMistake, Code
from pbx_control.services import messages
from pbx_control.services.messages import Delivery
from pbx_control.services.work import Work
from pbx_control.store import audit, call_log, clients, inbox, retention
from pbx_control.store.call_log import Line
from pbx_control.store.clients import Client
from pbx_control.store.engine import reading, writing
from pbx_control.store.inbox import Place, Reader, Received, Wanted

__all__ = ["CallRead", "Heard", "Inbox", "Place", "Received", "Tenant", "Wanted", "actor_of", "as_tenant"]
# So many calls stand on one page.
PAGE = 30
# Characters of an id that an error shows.
ID_SHOWN = 64


@dataclass(frozen=True, slots=True)
class Heard:
    """That somebody has listened to a recording."""

    at: datetime
    who: str


@dataclass(frozen=True, slots=True, kw_only=True)
class CallRead:
    """A call with all that its client is told of it."""

    call: Received
    words: Words  # that were sent last
    lines: Sequence[Line]
    deliveries: Sequence[Delivery]
    kept: Claim  # of its files
    heard: Sequence[Heard]  # the newest first


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

    def received(self, call_id: str) -> Received:
        """A call. Raises ClientMistake (NO_SUCH_CALL) if his firm has none of that id."""
        found = inbox.find(self.conn, self.reader, call_id)
        if found is None:
            raise ClientMistake("there is no call {call}", Code.NO_SUCH_CALL, call=repr(call_id[:ID_SHOWN]))
        return found

    def call(self, call_id: str) -> CallRead:
        """A call with its story. Raises ClientMistake (NO_SUCH_CALL) if his firm has none of that id."""
        received = self.received(call_id)
        heard = audit.about(self.conn, self.reader.client_id, Verb.RECORDING_HEARD, received.call_id)
        return CallRead(
            call=received,
            words=messages.words_sent(self.conn, received.call_id),
            lines=call_log.journal_of(self.conn, received.call_id),
            deliveries=messages.deliveries(self.conn, received.call_id),
            kept=retention.of_calls(self.conn, [received.call_id])[received.call_id],
            heard=[Heard(one.at, one.actor.name) for one in heard],
        )

    def note_opened(self, calls: Sequence[Received], at: datetime) -> None:
        """He has read these."""
        inbox.note_opened(self.conn, self.reader, [one.call_id for one in calls], at)

    def note_heard(self, call: Received, actor: Actor, at: datetime) -> None:
        """He listens to a call's recording, or the message that was left: everybody who may see the call sees that."""
        Work(self.conn, actor, at).note(Verb.RECORDING_HEARD, call.call_id, client_id=self.reader.client_id)


@contextmanager
def as_tenant(engine: Engine, person: Person, *, writes: bool = False) -> Iterator[Tenant]:
    """A transaction of one of a client's people. Raises StoreUnavailable."""
    assert person.client_id is not None  # who has that role has a client
    with (writing if writes else reading)(engine) as conn:
        yield Tenant(conn, Reader(client_id=person.client_id, user_id=person.user_id))


def actor_of(person: Person, origin: str) -> Actor:
    """Whose deed it is what one of a client's people does."""
    return Actor(ActorKind.USER, person.name, origin)
