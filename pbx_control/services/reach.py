"""What a token reaches: a client's token its client's things, the office's all; through the objects that are bound to
one client (`services/tenant.py`, `tenant_agenda.py`, `tenant_money.py`), so that the API hides what the pages hide.

Of a client that handles sensitive matters the office's tokens are told no content: it leaves the house nowhere else
either (`services/discretion.py`). The client's own are, as its people are on their pages.
"""

from calendar import monthrange
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime
from functools import partial
from zoneinfo import ZoneInfo

from sqlalchemy import Connection, Engine

from pbx_control.domain.agenda.rules import AgendaCalendar, Kind
from pbx_control.domain.agenda.slots import Slot
from pbx_control.domain.audit import Actor, ActorKind
from pbx_control.domain.desk.words import Words
from pbx_control.domain.words.written_time import read_month
from pbx_control.errors import ClientMistake, Code
from pbx_control.services import api_messages, messages, tokens, webhooks
from pbx_control.services.appointment_letters import house_of
from pbx_control.services.appointments import Order
from pbx_control.services.messages import Delivery, Draft
from pbx_control.services.steps import rules_of
from pbx_control.services.tenant import Tenant
from pbx_control.services.tenant_agenda import AgendaOf, Noted
from pbx_control.services.tenant_money import LedgerOf, MoneyOf, Told
from pbx_control.services.tokens import Once, Token
from pbx_control.services.work import booking
from pbx_control.settings import Settings
from pbx_control.store import agenda, api_lists, clients
from pbx_control.store import tokens as stored_tokens
from pbx_control.store import webhooks as stored_webhooks
from pbx_control.store.api_lists import After, ClientShown, Place, Span
from pbx_control.store.engine import reading
from pbx_control.store.inbox import Reader, Received
from pbx_control.store.webhooks import Webhook

__all__ = [
    "CalendarSeen",
    "CallSeen",
    "ClientShown",
    "EntrySeen",
    "LedgerSeen",
    "MessageSeen",
    "NotedSeen",
    "Reach",
    "Span",
    "Webhook",
    "Withheld",
]
# No person reads: nothing is new to a program, or read by it.
NOBODY = 0
# Characters of an id that an error shows.
SHOWN = 64


class Withheld:
    """Why the content of something is not told."""

    NO = ""
    REQUEST = "request"  # a request of the caller's is being decided
    SENSITIVE = "sensitive"  # its client handles sensitive matters


@dataclass(frozen=True, slots=True, kw_only=True)
class CallSeen:
    """A call; `charged` and `blocked` are known of one that is asked for by its id."""

    call: Received
    client: str  # slug
    withheld: str
    charged: bool = False
    blocked: bool = False  # who called is not let in any more


@dataclass(frozen=True, slots=True, kw_only=True)
class MessageSeen:
    """What was sent about a call last."""

    call: Received
    client: str
    sent_at: datetime
    words: Words
    deliveries: Sequence[Delivery]


@dataclass(frozen=True, slots=True)
class EntrySeen:
    """A line of a ledger, and why `why` may not be told."""

    entry: Told
    withheld: str


@dataclass(frozen=True, slots=True)
class LedgerSeen:
    """A month of a client's ledger, with its entries as far as they may be told, the newest first."""

    month: LedgerOf
    entries: Sequence[EntrySeen]


@dataclass(frozen=True, slots=True)
class CalendarSeen:
    """A calendar of a client's, with its kinds of appointment."""

    calendar: AgendaCalendar
    client: str
    kinds: Sequence[Kind]


@dataclass(frozen=True, slots=True)
class NotedSeen:
    """An appointment, as far as it may be told."""

    noted: Noted
    withheld: str


@dataclass(frozen=True, slots=True)
class Reach:
    """What one token reaches. Each question is a transaction of its own."""

    engine: Engine
    settings: Settings
    token: Token
    origin: str

    @property
    def actor(self) -> Actor:
        """Whose deed it is: a client's token is one of its people."""
        if self.token.client_id is None:
            return Actor(ActorKind.TOKEN, self.token.name, self.origin)
        return Actor(ActorKind.USER, f"token {self.token.name}", self.origin)

    # --- calls and messages ---

    def calls(self, slug: str, span: Span, after: After, limit: int) -> Sequence[CallSeen]:
        """The newest calls, newest first; `slug`: of that client alone. Raises ClientMistake if it reaches none so."""
        with reading(self.engine) as conn:
            return _calls(conn, api_lists.calls(conn, self._whose(conn, slug), span, after, limit), self._hides)

    def call(self, call_id: str) -> CallSeen:
        """One call. Raises ClientMistake (NO_SUCH_CALL) if it reaches none of that id."""
        with reading(self.engine) as conn:
            place = self._place(conn, call_id)
            (seen,) = _calls(conn, [place], self._hides)
            if seen.call.restricted:
                return seen
            read = _tenant(conn, place.client_id).call(call_id)
            return replace(seen, charged=read.charged, blocked=read.blocked)

    def messages(self, slug: str, span: Span, call_id: str, after: After, limit: int) -> Sequence[MessageSeen]:
        """What was sent about calls, the latest first. Raises ClientMistake if it reaches no client of that name."""
        with reading(self.engine) as conn:
            whose = self._whose(conn, slug)
            found = api_lists.messages(conn, whose, span, call_id, after, limit, discreet=self._is_offices)
            seen = _calls(conn, found, self._hides)
            return [
                MessageSeen(
                    call=one.call,
                    client=one.client,
                    sent_at=place.at,
                    words=messages.words_sent(conn, place.call_id),
                    deliveries=messages.deliveries(conn, place.call_id),
                )
                for one, place in zip(seen, found, strict=True)
            ]

    def write_message(
        self, call_id: str, fields: Mapping[str, str], asked: Once, at: datetime, *, gaps: bool
    ) -> tuple[Draft, bool]:
        """Writes and sends what there is to say about a call: the message as it stands then, and whether that was done
        already. For the office's tokens. Raises ClientMistake as `services.api_messages.write`."""
        if not self._is_offices:
            raise _no_call(call_id)
        with booking(self.engine, self.actor, at) as work:

            def write() -> str:
                api_messages.write(work, call_id, fields, rules_of(self.settings), gaps=gaps)
                return call_id

            _, again = tokens.once(work.conn, at, self.token, asked, write)
            draft = messages.draft_of(work.conn, call_id)
        if draft is None:
            raise _no_call(call_id)  # erased since
        return draft, again

    # --- clients ---

    def clients(self, after: str, limit: int) -> Sequence[ClientShown]:
        """The clients that it reaches, by slug."""
        with reading(self.engine) as conn:
            return api_lists.clients(conn, self.token.client_id, after, limit)

    def ledger(self, slug: str, month: str, at: datetime) -> LedgerSeen:
        """A month of a client's ledger (`month`: "2026-10", in which it begins); "" is the one under way. Raises
        ClientMistake if it reaches no client of that name, or that is no month."""
        with reading(self.engine) as conn:
            client_id = self._client(conn, slug)
            zone, hidden = ZoneInfo(clients.timezone_of(conn, client_id)), self._hides(conn, client_id)
        money = MoneyOf(self.engine, client_id, self.actor)
        found = money.ledger(_within(month, zone) if month else None, at)
        return LedgerSeen(found, [_entry(one, sensitive=hidden) for one in found.entries])

    # --- calendars ---

    def calendars(self, slug: str, after: int, limit: int) -> Sequence[CalendarSeen]:
        """The calendars that it reaches, by number. Raises ClientMistake if it reaches no client of that name."""
        with reading(self.engine) as conn:
            found = api_lists.calendars(conn, self._whose(conn, slug), after, limit)
            slugs = _slugs(conn, (one.client_id for one in found))
            return [CalendarSeen(one, slugs[one.client_id], agenda.kinds_of(conn, one.id)) for one in found]

    def slots(
        self, number: int, kind: str, since: datetime, until: datetime, at: datetime
    ) -> tuple[str, Sequence[Slot]]:
        """A calendar's zone, and its free slots. Raises ClientMistake if it reaches none of that number, or it has no
        such kind."""
        bound, slug = self._agenda(number)
        return bound.calendar(slug).calendar.zone, bound.free(slug, kind, since, until, at)

    def appointments(
        self, number: int, since: datetime, until: datetime, last: tuple[datetime, int] | None, limit: int
    ) -> Sequence[NotedSeen]:
        """A calendar's appointments that begin within a time, the first one first. Raises ClientMistake if it reaches
        none of that number."""
        bound, slug = self._agenda(number)
        return self._noted(bound, bound.following(slug, since, until, last, limit))

    def book(self, number: int, order: Order, asked: Once, at: datetime) -> tuple[NotedSeen, bool]:
        """Books an appointment; whether that was done already. Raises ClientMistake as `services.appointments.book`."""
        bound, slug = self._agenda(number)
        bound.look_again(slug, order.starts)
        with booking(self.engine, self.actor, at) as work:

            def book() -> str:
                return str(bound.book_in(work, replace(order, calendar=slug)).id)

            booked, again = tokens.once(work.conn, at, self.token, asked, book)
        return self._appointment(bound, slug, int(booked)), again

    def move(
        self, number: int, starts: datetime, before: str | None, asked: Once, at: datetime
    ) -> tuple[NotedSeen, bool]:
        """Moves an appointment. Raises ClientMistake as `services.appointments.move`, or if it is not as `before`."""
        bound, slug = self._agenda_with(number)
        bound.look_again(slug, starts)
        with booking(self.engine, self.actor, at) as work:

            def move() -> str:
                bound.move_in(work, slug, number, starts, before)
                return str(number)

            _, again = tokens.once(work.conn, at, self.token, asked, move)
        return self._appointment(bound, slug, number), again

    def cancel(self, number: int, before: str | None, asked: Once, at: datetime) -> tuple[NotedSeen, bool]:
        """Cancels an appointment. Raises ClientMistake as `appointments.cancel`, or if it is not as `before`."""
        bound, slug = self._agenda_with(number)
        with booking(self.engine, self.actor, at) as work:

            def cancel() -> str:
                bound.cancel_in(work, slug, number, before)
                return str(number)

            _, again = tokens.once(work.conn, at, self.token, asked, cancel)
        return self._appointment(bound, slug, number), again

    # --- webhooks ---

    def webhooks(self, slug: str, after: int, limit: int) -> Sequence[Webhook]:
        """The webhooks that it reaches, by number. Raises ClientMistake if it reaches no client of that name."""
        with reading(self.engine) as conn:
            return stored_webhooks.rows(conn, self._whose(conn, slug), after, limit)

    def add_webhook(
        self, url: str, events: Sequence[str], slug: str, asked: Once, at: datetime
    ) -> tuple[Webhook, bool]:
        """Makes a webhook for a client's calls, or for all that it reaches; whether that was done already. Raises
        ClientMistake as `services.webhooks.add`, if it reaches no client of that name, it was removed since, or the
        token was revoked just now."""
        private = bool(self.settings.webhooks.private)
        with booking(self.engine, self.actor, at) as work:
            # Revoked meanwhile, it would leave a webhook behind that nobody ends with it.
            stored_tokens.keep(work.conn, self.token)
            whose = self._whose(work.conn, slug)

            def add() -> str:
                return str(webhooks.add(work, url, events, whose, private=private, token_id=self.token.id).id)

            made, again = tokens.once(work.conn, at, self.token, asked, add)
            return stored_webhooks.get(work.conn, int(made), self.token.client_id), again

    def rotate_webhook(self, number: int, asked: Once, at: datetime) -> tuple[Webhook, bool]:
        """Gives a webhook another secret; whether that was done already. Raises ClientMistake if it reaches none of
        that number, it was removed since, or the token was revoked just now."""
        with booking(self.engine, self.actor, at) as work:
            # Revoked meanwhile, it would take a secret along that signs from now on.
            stored_tokens.keep(work.conn, self.token)

            def rotate() -> str:
                return str(webhooks.rotate(work, number, self.token.client_id).id)

            made, again = tokens.once(work.conn, at, self.token, asked, rotate)
            return stored_webhooks.get(work.conn, int(made), self.token.client_id), again

    def remove_webhook(self, number: int, asked: Once, at: datetime) -> bool:
        """Removes a webhook; whether that was done already. Raises ClientMistake if it reaches none of that number."""
        with booking(self.engine, self.actor, at) as work:

            def remove() -> str:
                webhooks.remove(work, number, self.token.client_id)
                return str(number)

            return tokens.once(work.conn, at, self.token, asked, remove)[1]

    # --- what each of them needs ---

    @property
    def _is_offices(self) -> bool:
        return self.token.client_id is None

    def _hides(self, conn: Connection, client_id: int) -> bool:
        """Whether the content of a client's things is not told."""
        return self._is_offices and clients.get(conn, client_id).sensitive

    def _client(self, conn: Connection, slug: str) -> int:
        """Raises ClientMistake if it reaches no client of that name: whether there is one is not told."""
        own = self.token.client_id
        if own is None:
            with suppress(ClientMistake):
                found = clients.find(conn, slug)
                if found.erased_at is None:
                    return found.id
        elif clients.get(conn, own).slug == slug:
            return own
        raise ClientMistake("there is no client {client}", Code.NO_SUCH_CLIENT, client=repr(slug[:SHOWN]))

    def _whose(self, conn: Connection, slug: str) -> int | None:
        return self._client(conn, slug) if slug else self.token.client_id

    def _place(self, conn: Connection, call_id: str) -> Place:
        found = api_lists.call_of(conn, self.token.client_id, call_id)
        if found is None:
            raise _no_call(call_id)
        return found

    def _agenda(self, number: int) -> tuple[AgendaOf, str]:
        """The calendars of the client whose that calendar is, and its short name."""
        with reading(self.engine) as conn:
            found = agenda.calendar_by_id(conn, number, self.token.client_id)
            # One that was removed is not there.
            if found is None or not agenda.is_there(conn, number):
                raise ClientMistake("there is no calendar {id}", Code.NO_SUCH_CALENDAR, id=number)
        settings, writer = self.settings, partial(house_of, self.settings)
        bound = AgendaOf(self.engine, found.client_id, self.actor, settings.agenda, writer, settings.office.name)
        return bound, found.slug

    def _agenda_with(self, number: int) -> tuple[AgendaOf, str]:
        with reading(self.engine) as conn:
            found = agenda.find_appointment(conn, number, self.token.client_id)
        if found is not None:
            with suppress(ClientMistake):
                return self._agenda(found.calendar_id)
        raise ClientMistake("there is no appointment {id}", Code.NO_SUCH_APPOINTMENT, id=number)

    def _noted(self, bound: AgendaOf, found: Iterable[Noted]) -> Sequence[NotedSeen]:
        with reading(self.engine) as conn:
            hidden = self._hides(conn, bound.client_id)
        return [_seen(one, sensitive=hidden) for one in found]

    def _appointment(self, bound: AgendaOf, slug: str, number: int) -> NotedSeen:
        (seen,) = self._noted(bound, [bound.noted(slug, number)])
        return seen


def _calls(conn: Connection, places: Sequence[Place], hides: Callable[[Connection, int], bool]) -> list[CallSeen]:
    """These calls in their order, each as its own client's people are shown it."""
    by_client: dict[int, list[str]] = {}
    for one in places:
        by_client.setdefault(one.client_id, []).append(one.call_id)
    slugs, found = _slugs(conn, by_client), {}
    for client_id, call_ids in by_client.items():
        hidden = hides(conn, client_id)
        for received in _tenant(conn, client_id).among(call_ids):
            found[received.call_id] = _call(received, slugs[client_id], sensitive=hidden)
    return [found[one.call_id] for one in places]


def _within(month: str, zone: ZoneInfo) -> datetime:
    """Its last day: then the period that begins in that month is under way, whatever day that is."""
    start = read_month(month)
    return datetime(start.year, start.month, monthrange(start.year, start.month)[1], 12, tzinfo=zone)


def _entry(one: Told, *, sensitive: bool) -> EntrySeen:
    why = Withheld.REQUEST if one.restricted else Withheld.SENSITIVE if sensitive else Withheld.NO
    return EntrySeen(replace(one, why="") if why else one, why)


def _call(received: Received, slug: str, *, sensitive: bool) -> CallSeen:
    if received.restricted:
        return CallSeen(call=received, client=slug, withheld=Withheld.REQUEST)
    if not sensitive:
        return CallSeen(call=received, client=slug, withheld=Withheld.NO)
    bare = replace(received, caller="", caller_name="", transferred_to="", gist="")
    return CallSeen(call=bare, client=slug, withheld=Withheld.SENSITIVE)


def _seen(noted: Noted, *, sensitive: bool) -> NotedSeen:
    why = Withheld.REQUEST if noted.restricted else Withheld.SENSITIVE if sensitive else Withheld.NO
    if not why:
        return NotedSeen(noted, why)
    bare = replace(noted.appointment, name="", number="", email="", answers={}, note="")
    return NotedSeen(replace(noted, appointment=bare), why)


def _tenant(conn: Connection, client_id: int) -> Tenant:
    return Tenant(conn, Reader(client_id=client_id, user_id=NOBODY))


def _slugs(conn: Connection, client_ids: Iterable[int]) -> dict[int, str]:
    return {one: clients.get(conn, one).slug for one in set(client_ids)}


def _no_call(call_id: str) -> ClientMistake:
    return ClientMistake("there is no call {call}", Code.NO_SUCH_CALL, call=repr(call_id[:SHOWN]))
