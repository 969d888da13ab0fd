"""What can be done with letters that were written: sending them once more."""

from collections.abc import Sequence
from contextlib import suppress

from pbx_control.domain import checks
from pbx_control.domain.audit import Verb
from pbx_control.domain.keeping.retention import ERASED
from pbx_control.domain.notices.messages import SECRET
from pbx_control.errors import ClientMistake, Code
from pbx_control.services.work import Work
from pbx_control.store import clients, letters


def resend(work: Work, ids: Sequence[int]) -> int:
    """Sends these letters once more, delivered or not; gives how many.

    Raises ClientMistake if one is unknown or erased, or had a link to set a password, which is not kept.
    """
    for letter_id in ids:
        letter = letters.get(work.conn, letter_id).letter
        if letter.subject == ERASED:
            raise ClientMistake("message {id} was erased with its caller", Code.WRONG_STATE, id=letter_id)
        if letter.kind in SECRET:
            raise ClientMistake(
                "message {id} had a link to set a password, which is not kept: a new one is asked for on the page",
                Code.WRONG_STATE,
                id=letter_id,
            )
    letters.resend(work.conn, ids, work.at)
    work.note(Verb.LETTERS_RESENT, ", ".join(map(str, sorted(set(ids))))[:200])
    return len(set(ids))


def resend_undelivered(work: Work, *, address: str = "", slug: str | None = None) -> int:
    """Sends what has not reached an address, or a client's recipients, once more; gives how many."""
    client_id = clients.find(work.conn, slug).id if slug else None
    count = letters.resend_undelivered(work.conn, work.at, address=_as_kept(address), client_id=client_id)
    if count:
        work.note(Verb.LETTERS_RESENT, slug or "", client_id=client_id, new={"letters": count})
    return count


def _as_kept(address: str) -> str:
    """An e-mail address as it is kept, its domain in small letters; anything else as it is."""
    with suppress(ClientMistake):
        return checks.email(address)
    return address
