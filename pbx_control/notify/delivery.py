"""How a try to deliver something of the outbox ended."""

from dataclasses import dataclass
from datetime import datetime

from pbx_control.errors import DeliveryFailed
from pbx_control.store.letters import Posted


@dataclass(frozen=True, slots=True)
class Delivery:
    """How a try ended, to be written down; `failure` is None if the letter was taken. `receipt`: what its server knows
    it by. `others_taken`: that has taken others since this one's try before; `passed_over`: several times."""

    posted: Posted
    at: datetime
    failure: DeliveryFailed | None
    receipt: str = ""
    others_taken: bool = True
    passed_over: bool = False
