"""How greetings and protocols change: asked for in writing, confirmed by the authorised person (docs/service.md 4).

Whoever asks, by whatever way, a proposal is kept, with what it would change. It is in force as soon as it is confirmed,
or from a day on. Nothing is lost: what was refused stays on record.
"""

import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from hashlib import sha256

import structlog
from sqlalchemy import Connection, Engine

from pbx_control.domain import checks
from pbx_control.domain.audit import Actor, Verb
from pbx_control.domain.desk.greeting import PLACES
from pbx_control.domain.desk.proposals import Decision, Line, Subject, Way, compared, in_lines
from pbx_control.domain.desk.protocol_file import parse, written
from pbx_control.domain.words.sentences import Sentence
from pbx_control.errors import ClientMistake, Code, Field
from pbx_control.services import protocols, texts
from pbx_control.services.standing import refuse_cancelled
from pbx_control.services.work import Work, changing
from pbx_control.store import clients, greetings, proposals
from pbx_control.store import protocols as stored
from pbx_control.store.engine import reading
from pbx_control.store.proposals import Proposal

__all__ = ["Proposal", "Told", "apply_due", "by_link", "confirm", "propose", "refuse", "told", "waiting"]

log = structlog.get_logger()

# A link that confirms a change is answered within a few days, or the change is asked for again.
LINK_LIVES = timedelta(days=3)
# A client's undecided proposals: whoever sends more is told so.
MOST_WAITING = 20
# The latest day that a change may be put off to.
LATEST = timedelta(days=366)
_TOKEN_BYTES = 32


@dataclass(frozen=True, slots=True)
class Told:
    """A proposal with what it would change, for whoever decides."""

    proposal: Proposal
    difference: Sequence[Line]


def propose(
    work: Work, client_id: int, subject: Subject, content: str, way: Way, asked_by: str, *, with_link: bool = False
) -> tuple[int, str]:
    """Keeps what somebody asks for; gives its number and, `with_link`, the secret of a link that confirms it.

    Raises ClientMistake if the client has cancelled, the text will not do, nothing would change, or too many wait.
    """
    slug = refuse_cancelled(work.conn, client_id)
    content = tidied(subject, content)
    if content == _present(work.conn, client_id, subject):
        raise ClientMistake("this is in force already: nothing would change", Code.NOTHING_TO_DO)
    if len(proposals.waiting(work.conn, client_id)) >= MOST_WAITING:
        raise ClientMistake("so many changes wait for an answer that no more are taken", Code.TOO_MANY_ASKED)
    secret = secrets.token_urlsafe(_TOKEN_BYTES) if with_link else ""
    values: dict[str, object] = {
        "client_id": client_id,
        "subject": subject.value,
        "content": content,
        "way": way.value,
        "asked_by": checks.line(asked_by, "asked_by", longest=120),
        "asked_at": work.at,
        "secret_hash": _hash(secret) if secret else None,
        "link_ends_at": work.at + LINK_LIVES if secret else None,
    }
    number = proposals.insert_row(work.conn, values)
    told = {"subject": subject.value, "way": way.value, "asked_by": asked_by}
    work.note(Verb.CHANGE_PROPOSED, f"{slug}: {number}", client_id=client_id, new=told)
    return number, secret


def told(conn: Connection, client_id: int, number: int) -> Told:
    """A proposal with what it would change now. Raises ClientMistake if the client has none of that number."""
    found = proposals.find(conn, client_id, number)
    if found is None:
        raise _none()
    return Told(found, difference(conn, found))


def is_of(conn: Connection, client_id: int, number: int) -> bool:
    """Whether the client has a proposal of that number."""
    return proposals.find(conn, client_id, number) is not None


def waiting(conn: Connection, client_id: int) -> Sequence[Proposal]:
    """A client's proposals that are undecided, or confirmed for a later day."""
    return proposals.waiting(conn, client_id)


def confirm(work: Work, client_id: int, number: int, who: str, starts_at: datetime | None = None) -> bool:
    """The authorised person has confirmed it; True if it is in force now, else from `starts_at` on.

    Raises ClientMistake if there is none of that number, it was decided before, or the day will not do.
    """
    found = proposals.find(work.conn, client_id, number)
    if found is None:
        raise _none()
    if starts_at is not None and not work.at < starts_at <= work.at + LATEST:
        raise ClientMistake("choose a day from tomorrow on, within a year", Code.BAD_VALUE, field=Field("day"))
    _decide(work, found, Decision.CONFIRMED, who)
    if starts_at is None:
        _apply(work, found)
        return True
    proposals.start_at(work.conn, number, starts_at)
    return False


def refuse(work: Work, client_id: int, number: int, who: str) -> None:
    """It is not wanted (any more). Raises ClientMistake if there is none of that number, or it is in force."""
    found = proposals.find(work.conn, client_id, number)
    if found is None:
        raise _none()
    if found.decision is Decision.REFUSED:
        return
    if not proposals.withdraw(work.conn, number, who, work.at):
        raise ClientMistake("this change is in force already: put the earlier text back instead", Code.WRONG_STATE)
    slug = clients.get(work.conn, client_id).slug
    work.note(Verb.CHANGE_REFUSED, f"{slug}: {number}", client_id=client_id, new={"subject": found.subject.value})


def by_link(conn: Connection, secret: str, at: datetime) -> Told:
    """What a link is about. Raises ClientMistake if it is dead: used, too old, or never there."""
    found = proposals.by_secret(conn, _hash(secret), at)
    if found is None or clients.get(conn, found.client_id).cancelled_at:
        raise ClientMistake("this is not valid any more: ask for a new one", Code.DEAD_SECRET)
    return Told(found, difference(conn, found))


def _apply(work: Work, found: Proposal) -> None:
    """Puts a confirmed change in force, once."""
    if not proposals.applied(work.conn, found.id, work.at):
        return
    if found.subject is Subject.GREETING:
        texts.write_greeting(work, found.client_id, found.content, found.asked_by)
    else:
        protocols.put(work, found.client_id, found.content, found.asked_by)


def apply_due(engine: Engine, actor: Actor, at: datetime) -> Sentence:
    """Puts in force whose day has come: the calendar's job. A client that has cancelled meanwhile keeps what it had."""
    with reading(engine) as conn:
        found = proposals.due(conn, at)
    done = 0
    for one in found:
        try:
            with changing(engine, actor, at) as work:
                _apply(work, one)
            done += 1
        except ClientMistake as error:
            log.warning("a change cannot be put in force", client=one.client_id, proposal=one.id, why=str(error))
    return Sentence("changes put in force: {count}", count=done)


def tidied(subject: Subject, content: str) -> str:
    """The text as it is kept. Raises ClientMistake if it will not do."""
    if subject is Subject.GREETING:
        return checks.paragraph(content, "text", places=PLACES)
    return written(parse(content))


def difference(conn: Connection, found: Proposal) -> list[Line]:
    """What would be different from what is in force now."""
    present = _present(conn, found.client_id, found.subject)
    if found.subject is Subject.GREETING:
        return compared(present.splitlines(), found.content.splitlines())
    return compared(in_lines(parse(present)), in_lines(parse(found.content)))


def _present(conn: Connection, client_id: int, subject: Subject) -> str:
    if subject is Subject.GREETING:
        past = greetings.history(conn, client_id)
        return past[0].text if past else ""
    return written(stored.in_force(conn, client_id).protocol)


def _decide(work: Work, found: Proposal, decision: Decision, who: str) -> None:
    refuse_cancelled(work.conn, found.client_id)
    if not proposals.decide(work.conn, found.id, decision, who, work.at):
        raise ClientMistake("this was decided before", Code.WRONG_STATE)
    slug = clients.get(work.conn, found.client_id).slug
    new = {"subject": found.subject.value, "by": who}
    work.note(Verb.CHANGE_CONFIRMED, f"{slug}: {found.id}", client_id=found.client_id, new=new)


def _hash(secret: str) -> str:
    return sha256(secret.encode(errors="replace")).hexdigest()


def _none() -> ClientMistake:
    return ClientMistake("there is no such proposal", Code.NO_SUCH_PROPOSAL)
