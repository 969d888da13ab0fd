"""What may be corrected in a client's ledger: charges that are taken back, disputed or upheld.

Each function works in the transaction of whoever asks, and writes no entry in the audit trail: who did it is theirs to
tell.
"""

from datetime import datetime

from sqlalchemy import Connection

from pbx_control.domain.money.quota import Kind, LedgerEntry, Uncounted
from pbx_control.errors import ClientMistake, Code
from pbx_control.store import ledger


def reverse(conn: Connection, entry_id: int, why: str, at: datetime, uncounted: Uncounted | None = None) -> None:
    """Takes a charge back by a counter-entry, and settles a dispute about it. `uncounted`: the call should not have
    counted.

    Raises ClientMistake if there is no such entry, it is no charge, or it has been taken back already.
    """
    charge = _charge(conn, entry_id)
    if not ledger.reverse(conn, entry_id, charge, why, at, uncounted):
        raise ClientMistake("entry {id} has been reversed already", Code.REVERSED_ALREADY, id=entry_id)
    ledger.settle(conn, entry_id, why, at)


def uncount(conn: Connection, call_id: str, reason: Uncounted, why: str, at: datetime) -> int:
    """Takes back what a call was charged because it should not have counted; a secretary may do so at her desk. Gives
    the number of the entry that had charged it.

    Raises ClientMistake if nothing was charged for it, or that has been taken back already.
    """
    entry_id = ledger.charge_of_call(conn, call_id)
    if entry_id is None:
        raise ClientMistake("nothing was charged for the call {call}", Code.NOT_CHARGED, call=call_id)
    reverse(conn, entry_id, f"{reason.value}: {why}" if why else reason.value, at, reason)
    return entry_id


def dispute(conn: Connection, entry_id: int, why: str, at: datetime) -> None:
    """The client objects to a charge. Raises ClientMistake if it cannot be disputed, or has been before."""
    _charge(conn, entry_id)
    if ledger.is_disputed(conn, entry_id):
        raise ClientMistake("entry {id} is disputed already", Code.DISPUTED_ALREADY, id=entry_id)
    ledger.dispute(conn, entry_id, why, at)


def uphold(conn: Connection, entry_id: int, answer: str, at: datetime) -> None:
    """A disputed charge stays as it is, for a reason. Raises ClientMistake unless an open dispute is about it."""
    if not ledger.settle(conn, entry_id, answer, at):
        raise ClientMistake("no open dispute is about entry {id}", Code.NOT_DISPUTED, id=entry_id)


def _charge(conn: Connection, entry_id: int) -> LedgerEntry:
    entry = ledger.entry(conn, entry_id)
    if entry is None:
        raise ClientMistake("there is no entry {id} in any ledger", Code.NO_SUCH_ENTRY, id=entry_id)
    if entry.kind is not Kind.CHARGE:
        raise ClientMistake(
            "entry {id} charges no call: only charges are disputed and reversed", Code.NOT_A_CHARGE, id=entry_id
        )
    return entry
