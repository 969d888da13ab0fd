"""What a program of the office's writes about a call in the secretary's place (docs/api.md): her form, her letter."""

from collections.abc import Mapping
from typing import TYPE_CHECKING

from pbx_control.domain.audit import Verb
from pbx_control.domain.desk.edits import Typed
from pbx_control.errors import ClientMistake, Code
from pbx_control.services import messages
from pbx_control.services.messages import WORDS_MAY_BE_LATE, Draft, Signed
from pbx_control.services.work import Work
from pbx_control.store import messages as kept

if TYPE_CHECKING:
    from pbx_control.services.steps import Rules

# Characters of an id that an error shows.
SHOWN = 64


def write(work: Work, call_id: str, fields: Mapping[str, str], rules: "Rules", *, gaps: bool) -> Signed:
    """Fills in fields of a call's form, by key, and presses send; the other fields stay as the secretary has them.
    `gaps`: although a field is empty that every caller is asked for.

    Raises ClientMistake if there is no such call, no secretary has had it, its message was sent long ago, or as
    `messages.save_fields` and `messages.sign`.
    """
    conn, draft = work.conn, _draft(work, call_id)
    edit = max(draft.edits.values(), default=0) + 1
    changes = {key: Typed(value, edit) for key, value in fields.items()}
    if draft.shown_until is not None and work.at > draft.shown_until + WORDS_MAY_BE_LATE:
        raise ClientMistake("the message about this call was sent so long ago that nothing is added", Code.WRONG_STATE)
    messages.save_fields(conn, call_id, draft.secretary_id, changes, work.at)
    signed = messages.sign(conn, call_id, draft.secretary_id, work.at, rules, despite_gaps=gaps)
    work.note(Verb.MESSAGE_SENT, call_id, client_id=draft.client_id, new={"version": signed.version})
    return signed


def _draft(work: Work, call_id: str) -> Draft:
    if draft := messages.draft_of(work.conn, call_id):
        return draft
    about = kept.about(work.conn, call_id)
    if about is None or about.client_id is None:
        raise ClientMistake("there is no call {call}", Code.NO_SUCH_CALL, call=repr(call_id[:SHOWN]))
    hers = about.secretary_id or about.seat_of
    if hers is None:
        raise ClientMistake("no secretary has answered this call: nothing is written about it", Code.WRONG_STATE)
    messages.open_draft(work.conn, call_id, hers, work.at)
    draft = messages.draft_of(work.conn, call_id)
    assert draft is not None  # it was opened just now
    return draft
