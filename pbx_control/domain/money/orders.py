"""What a client orders on its page: a bag, or another plan. The office confirms or refuses."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum


class OrderKind(StrEnum):
    """What is ordered; the names are those of the table `client_order`."""

    BAG = "bag"
    PLAN = "plan"


class OrderState(StrEnum):
    """What became of it."""

    OPEN = "open"
    CONFIRMED = "confirmed"
    REFUSED = "refused"
    WITHDRAWN = "withdrawn"  # by the client


@dataclass(frozen=True, slots=True, kw_only=True)
class ClientOrder:
    """One order. `price` is what was shown when it was placed, in net pesos: of all of a bag, of a plan's month."""

    id: int
    client_id: int
    client: str  # slug
    kind: OrderKind
    calls: int | None  # of a bag
    plan: str | None
    price: int
    asked_at: datetime
    asked_by: str
    state: OrderState
    decided_at: datetime | None
    why: str  # of a refusal

    @property
    def what(self) -> str:
        """It in short, for lists and the audit trail: "bag 25", "plan inicial"."""
        return f"{self.kind.value} {self.calls if self.kind is OrderKind.BAG else self.plan}"
