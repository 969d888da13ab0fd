"""Mails that have come in, and what became of each."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from sqlalchemy import Connection, delete, func, or_, select

from pbx_control.store.engine import is_new
from pbx_control.store.tables import client, mail_in


class Outcome(StrEnum):
    """What became of a mail; the names are those of `mail_in.outcome`."""

    CHANGED = "changed"  # what it asks for is in force
    ASKED = "asked"  # its sender was asked by a link whether it is his
    BOUNCE = "bounce"  # a report about a letter of ours
    REFUSED = "refused"

    @property
    def is_taken(self) -> bool:
        return self is not Outcome.REFUSED


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """A mail: where it lay, what it said it was, and what became of it."""

    place: str
    validity: str
    uid: str
    at: datetime
    sender: str = ""
    subject: str = ""
    message_id: str = ""
    digest: str = ""
    outcome: Outcome
    why: str = ""
    client_id: int | None = None
    answered: bool = False


def outcome_of(conn: Connection, place: str, validity: str, uid: str) -> Outcome | None:
    """What became of the mail of that name; None if it is new."""
    which = mail_in.c.place == place, mail_in.c.validity == validity, mail_in.c.uid == uid
    found = conn.scalar(select(mail_in.c.outcome).where(*which))
    return Outcome(found) if found else None


def was_taken(conn: Connection, message_id: str, digest: str) -> bool:
    """Whether a mail of that Message-ID, or that says the same, has been taken."""
    taken = mail_in.c.outcome.in_((Outcome.CHANGED.value, Outcome.ASKED.value))
    same = mail_in.c.digest == digest
    known = or_(same, mail_in.c.message_id == message_id) if message_id else same
    return conn.scalar(select(mail_in.c.id).where(taken, known).limit(1)) is not None


def add(conn: Connection, entry: Entry) -> bool:
    """Keeps what became of a mail; False if that, or a mail that says the same, was kept before: of two that deal with
    it at once, one does."""
    values = {name: getattr(entry, name) for name in Entry.__slots__} | {"outcome": entry.outcome.value}
    return is_new(conn, mail_in, values)


def answered_since(conn: Connection, sender: str, since: datetime) -> int:
    """How many mails that said they were from that address were answered since then."""
    which = mail_in.c.sender == sender, mail_in.c.answered, mail_in.c.at > since
    return conn.scalar(select(func.count()).where(*which)) or 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Listed:
    """A mail as lists show it."""

    at: datetime
    sender: str
    subject: str
    outcome: Outcome
    why: str
    client: str | None


def newest(conn: Connection, limit: int) -> list[Listed]:
    """The mails that came in last, the newest first."""
    columns = mail_in.c.at, mail_in.c.sender, mail_in.c.subject, mail_in.c.outcome, mail_in.c.why
    query = select(*columns, client.c.slug).select_from(mail_in.outerjoin(client)).order_by(mail_in.c.id.desc())
    return [
        Listed(at=at, sender=sender, subject=subject, outcome=Outcome(outcome), why=why, client=slug)
        for at, sender, subject, outcome, why, slug in conn.execute(query.limit(limit))
    ]


def forget(conn: Connection, before: datetime) -> int:
    """Takes away what came in before that; gives how many."""
    return conn.execute(delete(mail_in).where(mail_in.c.at < before)).rowcount
