"""What a store would grant and remember of seats and of clients' calls, kept in memory by the rules of domain/money."""

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from pbx_control.domain.call.commands import (
    ChargeUnit,
    ClaimSeat,
    Command,
    FreeSeat,
    ReleaseUnit,
    ReserveUnit,
    ReturnUnit,
)
from pbx_control.domain.call.model import Call
from pbx_control.domain.money import quota
from pbx_control.domain.money.periods import Period
from pbx_control.domain.money.quota import Account, Bag, Kind, LedgerEntry


def account(period_left: int, *bags: int, at: datetime) -> Account:
    """A month's calls and bags with so much left in them."""
    period = Period(at, at + timedelta(days=30))
    return Account(period, period_left, period_left, tuple(Bag(number, left) for number, left in enumerate(bags, 1)))


@dataclass
class Books:
    """Who has claimed whom, and each client's account and ledger. Clients without an account are not asked about."""

    claims: dict[int, str] = field(default_factory=dict)  # secretary id -> call id
    accounts: dict[int, Account] = field(default_factory=dict)
    ledger: list[LedgerEntry] = field(default_factory=list)
    reserved: dict[str, int] = field(default_factory=dict)  # call id -> client id
    taken_elsewhere: set[int] = field(default_factory=set)  # secretaries whom another daemon claims at the next offer

    def grant(self, call: Call, commands: Iterable[Command], at: datetime) -> bool:
        """Whether a step gets what it claims; if so, all that it commands is noted."""
        commands = list(commands)
        if not all(self._can_have(call, command) for command in commands):
            return False
        for command in commands:
            self._note(call, command, at)
        return True

    def _can_have(self, call: Call, command: Command) -> bool:
        if isinstance(command, ReserveUnit):
            return self.accounts[call.known.client_id].free > 0
        if isinstance(command, ClaimSeat) and command.secretary_id in self.taken_elsewhere:
            self.taken_elsewhere.discard(command.secretary_id)
            return False
        return True

    def _note(self, call: Call, command: Command, at: datetime) -> None:
        match command:
            case ClaimSeat(secretary_id=who):
                # The board holds her for one call: of two on one board the store would never hear.
                assert who not in self.claims, f"secretary {who} is claimed by {call.id} and has {self.claims[who]}"
                self.claims[who] = call.id
            case FreeSeat(secretary_id=who) if self.claims.get(who) == call.id:
                del self.claims[who]
            case ReserveUnit():
                self._reserve(call, 1)
                self.reserved[call.id] = call.known.client_id
            case ReleaseUnit():
                self._unreserve(call)
            case ChargeUnit():
                self._unreserve(call)
                self._book(call, quota.charge(self.accounts[call.known.client_id], call.id, at))
            case ReturnUnit():
                self._give_back(call, command, at)

    def _reserve(self, call: Call, units: int) -> None:
        mine = self.accounts[call.known.client_id]
        self.accounts[call.known.client_id] = replace(mine, reserved=mine.reserved + units)

    def _unreserve(self, call: Call) -> None:
        assert self.reserved.pop(call.id, None) == call.known.client_id, f"{call.id} has no unit reserved"
        self._reserve(call, -1)

    def _book(self, call: Call, booked: tuple[Account, LedgerEntry]) -> None:
        self.accounts[call.known.client_id], entry = booked
        self.ledger.append(entry)

    def _give_back(self, call: Call, command: ReturnUnit, at: datetime) -> None:
        charges = [number for number, entry in enumerate(self.ledger) if entry.call_id == call.id]
        entry = self.ledger[charges[-1]]
        mine = self.accounts[call.known.client_id]
        self._book(call, quota.reverse(mine, entry, charges[-1], command.said_by, at, command.reason))

    @property
    def charged(self) -> list[str]:
        """The calls that cost a unit, in the order of their charges."""
        taken_back = {entry.reverses for entry in self.ledger}
        charges = [(n, entry) for n, entry in enumerate(self.ledger) if entry.kind is Kind.CHARGE]
        return [entry.call_id or "" for number, entry in charges if number not in taken_back]
