"""The outbox: letters wait here until they are delivered or given up, and are never lost (docs/service.md rule 7).

`due_at` is the next try; a letter that has none is delivered (`delivered_at`) or given up. Whoever sends claims
first: the claim counts the try and moves `due_at` a lease ahead, so a sender that dies sends at most what it had in
flight a second time, once its lease is over.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Literal

from sqlalchemy import ColumnElement, Connection, Row, Select, func, select, tuple_, update
from sqlalchemy.dialects import postgresql, sqlite

from pbx_control.domain.messages import Channel, Letter, Recipient, next_try
from pbx_control.domain.wording import clean_line
from pbx_control.errors import ClientMistake
from pbx_control.store.tables import client, letter

# However long the other side asks to wait: it is asked again then, and an absurd number stops nothing.
SHORTEST_WAIT, LONGEST_WAIT = timedelta(seconds=1), timedelta(days=1)
ERROR_LIMIT = 300  # characters of a server's answer that are worth keeping

State = Literal["waiting", "delivered", "given up"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Posted:
    """A letter in the outbox, with what has become of it so far."""

    id: int
    letter: Letter
    client: str = ""  # slug, where it was asked for
    attempts: int  # the one under way included
    due_at: datetime | None
    delivered_at: datetime | None
    last_error: str

    @property
    def recipient(self) -> Recipient:
        return Recipient(self.letter.channel, self.letter.address)

    @property
    def state(self) -> State:
        if self.delivered_at is not None:
            return "delivered"
        return "given up" if self.due_at is None else "waiting"


def add(conn: Connection, letters: Sequence[Letter]) -> None:
    """Put letters into the outbox, due at once; those that are there already (by message_id) stay as they are."""
    if not letters:
        return
    dialect = postgresql if conn.dialect.name == "postgresql" else sqlite
    insert = dialect.insert(letter).on_conflict_do_nothing(index_elements=["message_id"])
    conn.execute(insert, [_row(each) for each in letters])


def claim(
    conn: Connection, at: datetime, *, lease: timedelta, limit: int, busy: Collection[Recipient] = ()
) -> list[Posted]:
    """Take up to `limit` due letters for sending, the oldest of each recipient that is not `busy`.

    Nobody else gets them before `at + lease`. Two that claim at once never get the same letter.
    """
    oldest = (
        select(func.min(letter.c.id))
        .where(letter.c.due_at <= at, *_not_to(busy))
        .group_by(letter.c.channel, letter.c.address)
        .order_by(func.min(letter.c.due_at))
        .limit(limit)
    )
    taking = (
        update(letter)
        # PostgreSQL looks at the second condition again after it waited for another's claim.
        .where(letter.c.id.in_(oldest), letter.c.due_at <= at)
        .values(due_at=at + lease, attempts=letter.c.attempts + 1)
        .returning(letter)
    )
    return sorted((_posted(row) for row in conn.execute(taking)), key=lambda posted: posted.id)


def next_due(conn: Connection, busy: Collection[Recipient] = ()) -> datetime | None:
    """When the next letter to a recipient that is not `busy` is due; None if none waits."""
    due: datetime | None = conn.scalar(select(func.min(letter.c.due_at)).where(*_not_to(busy)))
    return due


def delivered(conn: Connection, posted: Posted, at: datetime) -> None:
    """Note that the letter was handed over at `at`."""
    done = {"due_at": None, "delivered_at": at, "last_error": ""}
    conn.execute(update(letter).where(letter.c.id == posted.id).values(done))


def failed(
    conn: Connection,
    posted: Posted,
    at: datetime,
    error: str,
    *,
    permanent: bool = False,
    retry_after: timedelta | None = None,
) -> None:
    """Note that the claimed try failed at `at`: it is tried again after a pause that grows, or given up.

    `retry_after` is the pause that the other side asked for; such a try does not count.
    """
    if permanent:
        due_at, attempts = None, posted.attempts
    elif retry_after is not None:
        due_at, attempts = at + min(max(retry_after, SHORTEST_WAIT), LONGEST_WAIT), posted.attempts - 1
    else:
        due_at, attempts = next_try(posted.attempts, at), posted.attempts
    values = {"due_at": due_at, "attempts": attempts, "last_error": clean_line(error, ERROR_LIMIT)}
    conn.execute(update(letter).where(letter.c.id == posted.id).values(values))


def newest(conn: Connection, *, undelivered: bool = False, slug: str | None = None, limit: int = 100) -> list[Posted]:
    """The newest letters, newest first: all, or those not (yet) delivered, or those of one client."""
    query = _with_client().order_by(letter.c.id.desc()).limit(limit)
    if undelivered:
        query = query.where(letter.c.delivered_at.is_(None))
    if slug is not None:
        query = query.where(client.c.slug == slug)
    return [_posted(row) for row in conn.execute(query)]


def get(conn: Connection, letter_id: int) -> Posted:
    """One letter. Raises ClientMistake if there is none of that number."""
    row = conn.execute(_with_client().where(letter.c.id == letter_id)).one_or_none()
    if row is None:
        raise ClientMistake("there is no message {id}: `pbx-control message list` shows them", id=letter_id)
    return _posted(row)


def resend(conn: Connection, letter_id: int, at: datetime) -> None:
    """Make the letter due at once, as if it had never been tried; its Message-ID stays the same.

    Raises ClientMistake if there is none of that number.
    """
    get(conn, letter_id)
    anew = {"due_at": at, "attempts": 0, "delivered_at": None, "last_error": ""}
    conn.execute(update(letter).where(letter.c.id == letter_id).values(anew))


def _with_client() -> Select[Any]:
    return select(letter, client.c.slug).select_from(letter.outerjoin(client, letter.c.client_id == client.c.id))


def _not_to(busy: Collection[Recipient]) -> list[ColumnElement[bool]]:
    if not busy:
        return []
    pairs = [(recipient.channel.value, recipient.address) for recipient in busy]
    return [tuple_(letter.c.channel, letter.c.address).not_in(pairs)]


def _row(each: Letter) -> dict[str, Any]:
    return {
        "call_id": each.call_id,
        "client_id": each.client_id,
        "channel": each.channel.value,
        "address": each.address,
        "message_id": each.message_id,
        "in_reply_to": each.in_reply_to,
        "subject": each.subject,
        "body_text": each.text,
        "body_html": each.html,
        "attachment": each.attachment,
        "written_at": each.written_at,
        "due_at": each.written_at,
    }


def _posted(row: Row[Any]) -> Posted:
    return Posted(
        id=row.id,
        letter=Letter(
            channel=Channel(row.channel),
            address=row.address,
            message_id=row.message_id,
            in_reply_to=row.in_reply_to,
            subject=row.subject,
            text=row.body_text,
            html=row.body_html,
            attachment=row.attachment,
            written_at=row.written_at,
            call_id=row.call_id,
            client_id=row.client_id,
        ),
        client=row._mapping.get("slug") or "",
        attempts=row.attempts,
        due_at=row.due_at,
        delivered_at=row.delivered_at,
        last_error=row.last_error,
    )
