"""Programs that use the API: an office with two clients of which everything is told, and tokens of all kinds."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import count
from typing import Any

import httpx
from acting import ADMIN
from browsing import Place
from sqlalchemy import insert

from pbx_control.clock import now
from pbx_control.domain.agenda.rules import Kind
from pbx_control.domain.money.plans import Plan
from pbx_control.domain.notices.appointment_letters import House
from pbx_control.domain.notices.messages import FIRST, Channel, Letter
from pbx_control.domain.tokens import Scope
from pbx_control.services import appointments, calendars, subscriptions, tokens, webhooks
from pbx_control.services.appointments import Order
from pbx_control.services.work import booking, changing
from pbx_control.store import clients, letters, messages, secretaries
from pbx_control.store import tokens as kept_tokens
from pbx_control.store.engine import reading, writing
from pbx_control.store.messages import Kept
from pbx_control.store.tables import call, journal, ledger_entry

DAY, MINUTE = timedelta(days=1), timedelta(minutes=1)
BEGAN = datetime(2026, 11, 20, 13, tzinfo=UTC)
PLAN = Plan(name="Pyme", calls=100, price=60_000, extra_call=1_200, contacts=3, calendars=3)
HOUSE = House(office="Sur", sender="avisos@sur.example")
KEYS = count(1)


def mark(slug: str) -> str:
    """What stands in all that is a client's."""
    return f"only-{slug}"


@dataclass
class Program:
    """A program with a token; each POST has a key of its own unless one is given."""

    client: httpx.AsyncClient
    secret: str = ""

    async def get(self, path: str, **query: Any) -> httpx.Response:
        return await self.client.get(f"/api/v1{path}", params=query, headers=self.headers)

    async def post(self, path: str, content: Any, key: str = "", **headers: str) -> httpx.Response:
        sent = {"Idempotency-Key": key or f"key-{next(KEYS)}"} | self.headers | headers
        return await self.client.post(f"/api/v1{path}", json=content, headers=sent)

    @property
    def headers(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.secret}"} if self.secret else {}


@dataclass
class Office:
    """An office with clients of which everything is told."""

    place: Place
    calendars: dict[str, int] = field(default_factory=dict)
    appointments: dict[str, int] = field(default_factory=dict)
    calls: dict[str, list[str]] = field(default_factory=dict)
    webhooks: dict[str, int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        with changing(self.place.engine, ADMIN, BEGAN) as work:
            subscriptions.set_plan(work, PLAN)
        for slug in ("andes", "lagos"):
            self.fill(slug)

    def fill(self, slug: str) -> None:
        engine, at = self.place.engine, now()
        with booking(engine, ADMIN, BEGAN) as work:
            client_id = clients.find(work.conn, slug).id
            subscriptions.assign(work, client_id, PLAN.name)
        with booking(engine, ADMIN, at) as work:
            rules = {"week": "always", "lead": timedelta(0), "questions": [f"¿{mark(slug)}?"]}
            name = f"Agenda {mark(slug)}"
            made = calendars.add(work, client_id, "soto", name, [Kind(0, "Control", 30)], **rules)
            order = Order(
                client_id=client_id,
                calendar="soto",
                starts=self.slot(1),
                name=f"Núñez {mark(slug)}",
                number="+56912345678",
                note=mark(slug),
                answers={f"¿{mark(slug)}?": mark(slug)},
            )
            booked = appointments.book(work, order, house=HOUSE)
            told = webhooks.add(work, f"https://hooks.example/{mark(slug)}", [], client_id, private=False)
        self.webhooks[slug] = told.id
        self.calendars[slug], self.appointments[slug] = made.id, booked.id
        # What was sent about the first one can still be added to.
        times = [at - 5 * MINUTE, BEGAN, BEGAN]
        self.calls[slug] = [self.call(slug, number, when) for number, when in enumerate(times)]

    def call(self, slug: str, number: int, at: datetime = BEGAN, **row: Any) -> str:
        """A call that is over, and was written about."""
        call_id = f"{mark(slug)}.{number}"
        values = {"id": call_id, "did": "+56225550101", "caller": f"+562233300{number:02d}", "phase": "ended"}
        values |= {"caller_name": mark(slug), "outcome": "answered", "transferred_to": mark(slug), "talked": 60.0}
        times = {"arrived_at": at, "answered_at": at, "handed_over_at": at, "ended_at": at + MINUTE}
        with writing(self.place.engine) as conn:
            ana, client_id = secretaries.find(conn, "Ana").id, clients.find(conn, slug).id
            conn.execute(insert(call).values(values | times | {"client_id": client_id, "secretary_id": ana} | row))
            conn.execute(insert(journal).values(call_id=call_id, seq=1, at=at, event="CallerLeft", details="{}"))
            kept = Kept(call_id=call_id, client_id=client_id, secretary_id=ana, protocol_id=None, begun_at=at)
            messages.add(conn, kept)
            messages.add_version(conn, kept, (("Motivo", mark(slug)),), at, gist=mark(slug), urgent=True)
            letter = Letter(
                message_id=f"{FIRST}{call_id}",
                client_id=client_id,
                call_id=call_id,
                channel=Channel.EMAIL,
                address=f"{mark(slug)}@example.com",
                subject=mark(slug),
                text=mark(slug),
                written_at=at,
            )
            letters.add(conn, [letter])
            charge = {"client_id": client_id, "at": BEGAN, "kind": "charge", "units": -1, "source": "period"}
            conn.execute(insert(ledger_entry).values(charge | {"call_id": call_id, "why": mark(slug)}))
        return call_id

    def slot(self, number: int) -> datetime:
        """A time at which an appointment can begin: another one for each number."""
        day = (now() + 2 * DAY).replace(hour=12, minute=0, second=0, microsecond=0)
        return day + number * 30 * MINUTE

    def secret(self, scopes: Iterable[Scope] = Scope, slug: str = "", until: datetime | None = None) -> str:
        """A new token, of a client's or of the office, with any scopes: also those that no client's should have."""
        name = f"t{next(KEYS)}"
        secret = f"pbx_{name}".ljust(47, "x")
        with writing(self.place.engine) as conn:
            whose = clients.find(conn, slug).id if slug else None
            values = {"name": name, "client_id": whose, "token_hash": tokens.kept(secret), "created_at": now()}
            kept_tokens.insert_row(conn, values | {"scopes": " ".join(scopes), "ends_at": until})
        return secret

    def revoked(self, scopes: Iterable[Scope], slug: str = "") -> str:
        secret = self.secret(scopes, slug)
        with writing(self.place.engine) as conn:
            token = kept_tokens.good(conn, tokens.kept(secret), now())
            assert token
            kept_tokens.revoke(conn, token.id, now())
        return secret

    def program(self, secret: str = "", address: str = "198.51.100.9", **headers: str) -> Program:
        transport = httpx.ASGITransport(self.place.app, raise_app_exceptions=False, client=(address, 40000))
        client = httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1:8080", headers=headers)
        self.place.open.append(client)
        return Program(client, secret)

    def holding(self, *scopes: Scope, slug: str = "") -> Program:
        """A program with a token that has these scopes, or all."""
        return self.program(self.secret(scopes or Scope, slug))

    def entries(self) -> int:
        """How often something was changed."""
        with reading(self.place.engine) as conn:
            return int(conn.exec_driver_sql("SELECT count(*) FROM audit").scalar() or 0)
