"""A client blocks a caller: he is not let in any more, and the call by which he was noticed is off the bill by rule.

The rule (docs/decisions/blocking.md): a short conversation of the running month, and ten of them a month at most. What
it does not cover can be disputed.
"""

from dataclasses import dataclass
from datetime import timedelta

from sqlalchemy import Connection

from pbx_control.domain.audit import Verb
from pbx_control.domain.money.quota import Uncounted
from pbx_control.errors import ClientMistake, Code
from pbx_control.services import corrections, marks
from pbx_control.services.work import Work
from pbx_control.store import call_log, caller_marks, clients, ledger

# A conversation that shows that nobody wanted anything.
SHORT = timedelta(minutes=1)
MOST_A_MONTH = 10


@dataclass(frozen=True, slots=True)
class Blocked:
    """Whose number, and whether the call is off the bill now."""

    number: str
    uncounted: bool


def block(work: Work, client_id: int, call_id: str, why: str) -> Blocked:
    """Blocks who called, for that client. Pressed twice, nothing more happens.

    Raises ClientMistake if the client has no such call, or who called showed no number.
    """
    call = call_log.find(work.conn, call_id)
    firm = clients.get(work.conn, client_id)
    if call.id != call_id or call.client != firm.slug:
        raise ClientMistake("there is no call {call}", Code.NO_SUCH_CALL, call=repr(call_id[:64]))
    number = marks.mark(work, call.caller, "blocked", why, firm.slug)
    return Blocked(number, _off_the_bill(work, client_id, call_id, call.talked or 0.0, why))


def is_blocked(conn: Connection, client_id: int, number: str) -> bool:
    """Whether the client itself has blocked that number."""
    mark = caller_marks.find(conn, number, client_id)
    return mark is not None and mark.kind == "blocked"


def is_charged(conn: Connection, call_id: str) -> bool:
    """Whether a call is on the bill."""
    return ledger.charge_of_call(conn, call_id) is not None and ledger.uncounted(conn, call_id) is None


def unblock(work: Work, client_id: int, number: str) -> None:
    """Lets a caller in again. Raises ClientMistake if this client has not blocked him."""
    marks.unmark(work, number, clients.get(work.conn, client_id).slug)


def _off_the_bill(work: Work, client_id: int, call_id: str, talked: float, why: str) -> bool:
    account = ledger.find(work.conn, client_id)
    charge = ledger.charge_of_call(work.conn, call_id)
    if account is None or charge is None or talked > SHORT.total_seconds():
        return False
    entry = ledger.entry(work.conn, charge)
    since = ledger.up_to_date(work.conn, client_id, work.at).period.start
    if entry is None or entry.at < since or ledger.blocked_since(work.conn, client_id, since) >= MOST_A_MONTH:
        return False
    try:
        corrections.uncount(work.conn, call_id, Uncounted.BLOCKED, why, work.at)
    except ClientMistake:
        return False  # taken back before
    work.note(Verb.CALL_UNCOUNTED, call_id, client_id=client_id, new={"uncounted": Uncounted.BLOCKED.value})
    return True
