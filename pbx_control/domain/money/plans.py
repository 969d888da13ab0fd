"""What a client pays for: plans, and the months that one is paid ahead (docs/service.md rule 10)."""

from collections.abc import Mapping
from dataclasses import dataclass, field

# How many months ahead may be paid at once.
MONTHS_AHEAD = (1, 3, 6, 12)
# How long a recording is kept if nothing else is said (docs/service.md rule 13).
USUAL_KEEP_DAYS = 30
# What no price reaches in earnest is a slip of the finger.
MOST_PESOS = 100_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """One plan. Prices are net pesos a month, without IVA; discounts are percent by the months paid ahead."""

    id: int = 0
    name: str
    calls: int  # a month
    price: int
    extra_call: int  # one call of a bag
    contacts: int
    calendars: int
    recording: bool = False
    keep_days: int = USUAL_KEEP_DAYS
    discounts: Mapping[int, int] = field(default_factory=dict)
    did_prices: Mapping[str, int] = field(default_factory=dict)  # of an extra number, by country: "CL", "US" …
    client_id: int | None = None  # made to measure for one client

    def discount(self, months: int) -> int:
        """The percentage off when so many months are paid at once; 0 where the plan grants none."""
        return self.discounts.get(months, 0)
