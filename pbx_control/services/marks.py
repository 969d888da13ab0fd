"""What can be done with callers who are known: test calls are not charged, blocked ones are not let in.

The audit trail names the mark and never the caller.
"""

from pbx_control.domain import checks
from pbx_control.domain.audit import Verb
from pbx_control.domain.telephony.callers import known_number
from pbx_control.errors import ClientMistake, Code, Field
from pbx_control.services.standing import refuse_cancelled
from pbx_control.services.work import Work
from pbx_control.store import caller_marks, clients


def mark(work: Work, text: str, kind: str, why: str, slug: str | None = None) -> str:
    """Marks a caller, for that client or for all; gives the number. A mark that is there is replaced.

    Raises ClientMistake if it is no telephone number, the client is unknown or has cancelled, or `why` is empty.
    """
    number = known_number(text)
    if not number.startswith("+"):
        raise ClientMistake(
            "{number} is no telephone number: only those can be marked",
            Code.BAD_NUMBER,
            number=number,
            field=Field("number"),
        )
    values = {"kind": kind, "why": checks.reason(why)}
    client_id = clients.find(work.conn, slug).id if slug is not None else None
    if client_id is not None:
        refuse_cancelled(work.conn, client_id)
    old = caller_marks.find(work.conn, number, client_id)
    if old and (old.kind, old.why) == (kind, values["why"]):
        return number
    mark_id = caller_marks.put(work.conn, number, client_id, values)
    was = {"kind": old.kind} if old else {}
    work.note(Verb.CALLER_MARKED, f"mark {mark_id}", client_id=client_id, old=was, new={"kind": kind})
    return number


def unmark(work: Work, text: str, slug: str | None = None) -> str:
    """Takes a caller's mark away; gives the number. Raises ClientMistake if there is none."""
    number = known_number(text)
    client_id = clients.find(work.conn, slug).id if slug is not None else None
    old = caller_marks.find(work.conn, number, client_id)
    if old is None:
        raise ClientMistake("{number} is not marked there", Code.NOT_MARKED, number=number)
    caller_marks.delete_row(work.conn, old.id)
    work.note(Verb.CALLER_UNMARKED, f"mark {old.id}", client_id=client_id, old={"kind": old.kind})
    return number
