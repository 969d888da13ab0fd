"""A client with a plan, and calls that arrive for it: what the tests of the ledger start from."""

from datetime import UTC, datetime
from typing import Any

from acting import by_admin
from sqlalchemy import Connection, insert

from pbx_control.domain.call.commands import ChargeUnit, ReleaseUnit, ReserveUnit, ReturnUnit, StoreCommand
from pbx_control.domain.call.journal import Line
from pbx_control.domain.call.model import Admission, Call, Facts, Outcome, Phase, Sounds, Unit
from pbx_control.domain.call.saving import Save
from pbx_control.domain.money.plans import Plan
from pbx_control.domain.money.quota import Uncounted
from pbx_control.services import subscriptions
from pbx_control.store.tables import client

AT = datetime(2026, 8, 10, 15, tzinfo=UTC)
FACTS = Facts("+56225550101", 1, "andes", "Andes", "es", "America/Santiago", Admission.OPEN, Sounds(), metered=True)
STARTER = Plan(name="inicial", calls=10, price=20_000, extra_call=700, contacts=2, calendars=1)


def provide(conn: Connection, calls: int = 10, **changes: Any) -> None:
    """The client andes, whose plan has so many calls a month, from the 10th."""
    conn.execute(insert(client).values(id=1, slug="andes", name="Andes", week="always", created_at=AT))
    subscriptions.set_plan(by_admin(conn), Plan(**{**_fields(STARTER), "calls": calls, **changes}))
    subscriptions.assign(by_admin(conn, AT), 1, "inicial")


def _fields(plan: Plan) -> dict[str, Any]:
    return {name: getattr(plan, name) for name in plan.__slots__}


def arriving(call_id: str, at: datetime = AT) -> Save:
    """The step of a call that arrives and needs a unit."""
    call = Call(call_id, Phase.WAITING, facts=FACTS, arrived_at=at, unit=Unit.RESERVED)
    return Save(call, True, (Line(1, at, "CallArrived", {}),), (ReserveUnit(),))


def answered(call_id: str, at: datetime = AT) -> Save:
    return _later(call_id, 2, at, Phase.TALKING, Unit.CHARGED, ChargeUnit())


def wrong_number(call_id: str, at: datetime = AT) -> Save:
    return marked(call_id, Uncounted.WRONG_NUMBER, at)


def marked(call_id: str, reason: Uncounted, at: datetime = AT) -> Save:
    return _later(call_id, 3, at, Phase.TALKING, Unit.NONE, ReturnUnit("Ana", reason))


def missed(call_id: str, at: datetime = AT) -> Save:
    return _later(call_id, 2, at, Phase.ENDED, Unit.NONE, ReleaseUnit())


def _later(call_id: str, seq: int, at: datetime, phase: Phase, unit: Unit, command: StoreCommand) -> Save:
    outcome = Outcome.ANSWERED if unit is Unit.CHARGED else Outcome.MISSED
    ended = at if phase is Phase.ENDED else None
    call = Call(call_id, phase, facts=FACTS, arrived_at=at, unit=unit, outcome=outcome, ended_at=ended)
    return Save(call, False, (Line(seq, at, "X", {}),), (command,))
