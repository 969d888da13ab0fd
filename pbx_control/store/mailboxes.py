"""What is amiss with an address or chat that letters go to: its server asked to wait, or letters were given up."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, Connection, and_, bindparam, delete, not_, or_, select, tuple_, update

from pbx_control.domain.notices.messages import Channel, Recipient
from pbx_control.domain.words.sentences import Sentence, kept, read_kept
from pbx_control.store.engine import insert_into
from pbx_control.store.tables import mailbox, recipient

ERROR_LIMIT = 300  # characters of a server's answer that are worth keeping
# A mail server takes letters that come back later: for so long after one has, that one is taken proves nothing.
BOUNCES_WITHIN = timedelta(days=5)


def pause(conn: Connection, to: Recipient, until: datetime) -> None:
    """No letter goes there before that."""
    _put(conn, to, {"paused_until": until})


def forget_those(conn: Connection, addresses: Sequence[str]) -> None:
    """Forgets what is known of addresses, as far as they are no client's recipients."""
    ours = select(recipient.c.address)
    conn.execute(delete(mailbox).where(mailbox.c.address.in_(addresses), mailbox.c.address.not_in(ours)))


def fails(conn: Connection, to: Recipient, at: datetime, error: Sentence) -> bool:
    """Note that a letter to it was given up; returns whether it is the first since one arrived."""
    since = conn.scalar(select(mailbox.c.failing_since).where(*_one(to)))
    _put(conn, to, {"failing_since": since or at, "last_error": kept(error, ERROR_LIMIT)})
    return since is None


def bounces(conn: Connection, to: Recipient, at: datetime, error: Sentence) -> bool:
    """Note that a letter came back which its server had taken; returns whether it is the first since one arrived."""
    is_news = fails(conn, to, at, error)
    _put(conn, to, {"bounced_at": at})
    return is_news


def arrived(conn: Connection, to: Recipient, at: datetime) -> None:
    """Note that a server has taken a letter: nothing is amiss any more, unless letters come back from there."""
    all_arrived(conn, [(to, at)])


def all_arrived(conn: Connection, taken: Sequence[tuple[Recipient, datetime]]) -> None:
    """The same for several letters, each with its instant."""
    which = [{"by": to.channel.value, "where": to.address, "lately": at - BOUNCES_WITHIN} for to, at in taken]
    conn.execute(_WELL, which)


_WELL = delete(mailbox).where(
    mailbox.c.channel == bindparam("by"),
    mailbox.c.address == bindparam("where"),
    or_(mailbox.c.bounced_at.is_(None), not_(mailbox.c.bounced_at > bindparam("lately"))),
)


def mended(conn: Connection, to: Recipient) -> None:
    """Note that somebody has seen to it: the next letter that is given up is news again."""
    conn.execute(update(mailbox).where(*_one(to)).values(failing_since=None, last_error="", bounced_at=None))


def forget(conn: Connection, to: Recipient) -> None:
    """Forget what was amiss: no letter will go there any more."""
    conn.execute(delete(mailbox).where(*_one(to)))


@dataclass(frozen=True, slots=True)
class Failing:
    """An address that gets no letters: since when, and what was answered."""

    recipient: Recipient
    since: datetime
    error: Sentence


def failing(conn: Connection, alarms_to: str) -> list[Failing]:
    """The addresses that get no letters, the longest first: recipients', and the one for alarms."""
    wanted = select(recipient.c.channel, recipient.c.address)
    alarms = and_(mailbox.c.channel == Channel.EMAIL.value, mailbox.c.address == alarms_to)
    query = select(mailbox).where(
        mailbox.c.failing_since.is_not(None), or_(tuple_(mailbox.c.channel, mailbox.c.address).in_(wanted), alarms)
    )
    rows = conn.execute(query.order_by(mailbox.c.failing_since, mailbox.c.address))
    return [
        Failing(Recipient(Channel(row.channel), row.address), row.failing_since, read_kept(row.last_error))
        for row in rows
    ]


def forget_strangers(conn: Connection) -> None:
    """Forget addresses that are nobody's any more."""
    known = select(recipient.c.channel, recipient.c.address)
    conn.execute(delete(mailbox).where(tuple_(mailbox.c.channel, mailbox.c.address).not_in(known)))


def _put(conn: Connection, to: Recipient, values: dict[str, Any]) -> None:
    key = {"channel": to.channel.value, "address": to.address}
    insert = insert_into(conn.dialect.name, mailbox).values(key | values)
    conn.execute(insert.on_conflict_do_update(index_elements=list(key), set_=values))


def _one(to: Recipient) -> tuple[ColumnElement[bool], ColumnElement[bool]]:
    return mailbox.c.channel == to.channel.value, mailbox.c.address == to.address
