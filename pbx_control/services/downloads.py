"""The link by which a letter's file is fetched that was too large to go with it (docs/decisions/outbox.md).

It is good for whoever has it, while the letter's recipient is one of the client's and gets such letters, the client is
with us and the file is there. While a request is decided of a caller that the file tells of, it is not there, and that
time does not count. What is wrong with a link is told to nobody.
"""

import hmac
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path, PurePosixPath

from sqlalchemy import Connection

from pbx_control.domain.audit import Verb
from pbx_control.domain.notices.kinds import about_of
from pbx_control.domain.notices.large import letter_of, token_of
from pbx_control.errors import ClientMistake, Code
from pbx_control.notify import attachments
from pbx_control.notify.links import good_until
from pbx_control.services.work import Work
from pbx_control.settings import Home, Settings
from pbx_control.store import clients, letters, link_keys, recipients
from pbx_control.store.clients import Client
from pbx_control.store.letters import Posted


@dataclass(frozen=True, slots=True, kw_only=True)
class Download:
    """A file that a link leads to, and for whom."""

    path: Path
    name: str
    kind: str  # its media type
    size: int  # bytes
    ends_at: datetime
    address: str  # of the letter
    call_id: str  # "": the file is of no call
    client_id: int
    client: str
    language: str
    timezone: str


def download(conn: Connection, home: Home, settings: Settings, token: str, at: datetime) -> Download:
    """What a link leads to. Raises ClientMistake: DEAD_SECRET if it is good no more, or never was; RESTRICTED while a
    request of the caller's is decided."""
    posted = _signed(conn, token)
    if posted is None or posted.linked_at is None or posted.letter.client_id is None:
        raise _dead()
    letters.refuse_restricted(conn, posted)
    letter, firm = posted.letter, clients.get(conn, posted.letter.client_id)
    ends_at = good_until(conn, posted, posted.linked_at, timedelta(days=settings.mail.link_days))
    path, size = attachments.place(home, letter.attachment), attachments.size(home, letter.attachment)
    if path is None or size is None or at >= ends_at or not _may_have(conn, firm, posted):
        raise _dead()
    return Download(
        path=path,
        name=PurePosixPath(letter.attachment).name,
        kind=attachments.kind_of(letter.attachment),
        size=size,
        ends_at=ends_at,
        address=letter.address,
        call_id=letter.call_id or "",
        client_id=firm.id,
        client=firm.name,
        language=firm.language,
        timezone=firm.timezone,
    )


def note_fetched(work: Work, fetched: Download) -> None:
    """Somebody fetches it: everybody who may see the call sees that."""
    if fetched.call_id and fetched.kind.startswith("audio/"):
        work.note(Verb.RECORDING_HEARD, fetched.call_id, client_id=fetched.client_id)
    else:
        work.note(Verb.FILE_FETCHED, fetched.name, client_id=fetched.client_id)


def _signed(conn: Connection, token: str) -> Posted | None:
    """The letter that a token speaks of, if it is signed by us."""
    key, number = link_keys.find(conn), letter_of(token)
    posted = letters.find(conn, number) if key and number is not None else None
    if posted is None or posted.linked_at is None:
        return None
    right = token_of(key, posted.id, posted.linked_at)
    return posted if hmac.compare_digest(right.encode(), token.encode(errors="replace")) else None


def _may_have(conn: Connection, firm: Client, posted: Posted) -> bool:
    gone = firm.cancelled_at or firm.erased_at or firm.sensitive
    return not gone and posted.recipient in recipients.of_client(conn, firm.id, about_of(posted.letter.attachment))


def _dead() -> ClientMistake:
    return ClientMistake("this is not valid any more: ask for a new one", Code.DEAD_SECRET)
