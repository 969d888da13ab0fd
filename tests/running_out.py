"""What tests about clients that run out of calls are set up with: a client with a plan, and calls turned away."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from acting import by_admin
from msgspec.structs import replace
from sqlalchemy import Connection, Engine, insert

from pbx_control.domain.call.events import CallArrived
from pbx_control.domain.call.journal import Line, details
from pbx_control.domain.call.model import Admission, Call, Caller, Facts, Outcome, Phase, Sounds, TurnedAway
from pbx_control.domain.call.saving import Save
from pbx_control.domain.money.plans import Plan
from pbx_control.services import subscriptions
from pbx_control.services.steps import Rules, save
from pbx_control.store.engine import writing
from pbx_control.store.tables import client, recipient

BEGAN = datetime(2026, 1, 7, 15, tzinfo=UTC)
SMALL = Plan(name="Pyme", calls=10, price=60_000, extra_call=1_200, contacts=3, calendars=1)
ANDES = Facts("+56225550101", 1, "andes", "Clínica Andes", "es", "America/Santiago", Admission.EXHAUSTED, Sounds())
MARIA = Caller("+56981234567", "Maria Soto")
SHORT = timedelta(seconds=20)  # how long an announcement is listened to


@dataclass(frozen=True)
class People:
    """The addresses of a client's recipients."""

    mail: str = "gerencia@andes.example"
    chat: str = "4711"


def add_client(engine: Engine, client_id: int = 1, slug: str = "andes", **fields: Any) -> None:
    """A client with a mail address and a chat, and no plan."""
    values = {"name": "Clínica Andes", "week": "always", "created_at": BEGAN} | fields
    with writing(engine) as conn:
        conn.execute(insert(client).values(id=client_id, slug=slug, **values))
        for channel, address in (("email", People.mail), ("telegram", People.chat)):
            conn.execute(insert(recipient).values(client_id=client_id, channel=channel, address=address))


def add_plan(engine: Engine, client_id: int = 1) -> None:
    """Gives the client ten calls a month."""
    with writing(engine) as conn:
        subscriptions.set_plan(by_admin(conn), SMALL)
        subscriptions.assign(by_admin(conn, BEGAN), client_id, SMALL.name)


def turned_away(
    conn: Connection,
    *arrivals: datetime,
    facts: Facts = ANDES,
    caller: Caller = MARIA,
    why: TurnedAway = TurnedAway.OUT_OF_CALLS,
    outcome: Outcome = Outcome.EXHAUSTED,
    message: str = "",
    call_id: str = "",
) -> None:
    """Calls that came at these instants and were over a little later, saved as the daemon saves them."""
    facts = replace(facts, turned_away=why)
    saves = [
        _over(call_id or f"pbx-{facts.client_id}-{at.timestamp()}", at, facts, caller, outcome, message)
        for at in arrivals
    ]
    assert all(save(conn, saves, Rules()))


def _over(call_id: str, at: datetime, facts: Facts, caller: Caller, outcome: Outcome, message: str) -> Save:
    before = Call(call_id)
    after = replace(
        before,
        phase=Phase.ENDED,
        facts=facts,
        caller=caller,
        arrived_at=at,
        ended_at=at + SHORT,
        outcome=outcome,
        message=message,
    )
    arrived = details(CallArrived(at, facts, caller), before, after)
    return Save(after, True, (Line(1, at, "CallArrived", arrived or {}),))
