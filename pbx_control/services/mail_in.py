"""Mail that comes in: an owner's mail changes greeting or protocol, a report of another server marks an address.

A mail proves little. It is in force at once only if its signature is good (notify.signatures); else its sender is asked
by a link. Who is no owner is refused without an answer: a forged sender shall not have us write to strangers.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

import structlog
from sqlalchemy import Connection, Engine

from pbx_control.domain.audit import Actor, ActorKind
from pbx_control.domain.desk.proposals import Subject, Way
from pbx_control.domain.mail_in import asked, bounces, mails
from pbx_control.domain.mail_in.asked import Wish
from pbx_control.domain.mail_in.bounces import Bounce
from pbx_control.domain.mail_in.mails import BrokenMail, Mail
from pbx_control.domain.notices.change_letters import Answer, compose_changed, compose_confirm, compose_refused
from pbx_control.domain.notices.notes import AlarmDesk
from pbx_control.domain.users import ClientRole, UserRole
from pbx_control.domain.words.characters import folded
from pbx_control.domain.words.sentences import Sentence, sentence_of
from pbx_control.errors import ClientMistake, Code
from pbx_control.notify import imap, signatures
from pbx_control.notify.imap import Received
from pbx_control.notify.signatures import FindKey
from pbx_control.services import bounced, proposals
from pbx_control.services.bounced import Reports
from pbx_control.services.invitations import Place
from pbx_control.services.work import Work, booking, changing
from pbx_control.settings import MailIn
from pbx_control.store import clients, letters, mail_in, users
from pbx_control.store.clients import Client
from pbx_control.store.engine import reading, writing
from pbx_control.store.mail_in import Entry, Outcome
from pbx_control.store.users import User

log = structlog.get_logger()

# Where a mail's deed comes from, in the audit trail.
ORIGIN = "mail"
# So many answers a day to one address: whoever forges it cannot fill its mailbox.
MOST_ANSWERS = 10
# So many changes of a client wait for the answer to their link: whoever forges an owner cannot fill the list.
MOST_UNPROVEN = 5
WHY_LIMIT = 200


@dataclass(frozen=True, slots=True)
class Desk:
    """Where mail is dealt with."""

    engine: Engine
    place: Place
    ours: str  # the address that clients write to; "": not known, so that nothing is in force without a link
    sender_domain: str  # of our own letters
    find_key: FindKey = signatures.find_key
    alarms: AlarmDesk = field(default_factory=AlarmDesk)  # who hears of an address that stops working


@dataclass(frozen=True, slots=True)
class _Asked:
    """A mail of an owner that asks for something that we know."""

    mail: Mail
    owner: User
    firm: Client
    subject: Subject
    content: str


class _Refused(Exception):
    """A mail that changes nothing. `answer`: what its sender is told, who is an owner; None: nothing."""

    def __init__(self, why: str, answer: ClientMistake | None = None, owner: User | None = None) -> None:
        super().__init__(why)
        self.why, self.answer, self.owner = why, answer, owner


def look(settings: MailIn, desk: Desk, clock: Callable[[], datetime]) -> Sentence:
    """Deals with what lies in the mailbox; what is not done when the server breaks off is done at the next look.

    Raises MailboxUnavailable, StoreUnavailable.
    """
    counts = dict.fromkeys(Outcome, 0)
    with imap.opened(settings) as box:
        for key in box.new():
            with reading(desk.engine) as conn:
                outcome = mail_in.outcome_of(conn, key.place, key.validity, key.uid)
            if outcome is None:
                received = box.fetch(key)
                if received is None:
                    continue
                outcome = take(desk, received, clock())
                counts[outcome] += 1
            # After what it asks for is kept: whoever dies in between moves it at the next look.
            box.put(key, imap.HANDLED if outcome.is_taken else imap.REFUSED)
    return Sentence(
        "mails: changed {changed}, asked by link {asked}, reports {bounce}, refused {refused}",
        **{outcome.value: count for outcome, count in counts.items()},
    )


def take(desk: Desk, received: Received, at: datetime) -> Outcome:
    """Deals with one mail, and keeps what became of it."""
    entry = Entry(
        place=received.key.place,
        validity=received.key.validity,
        uid=received.key.uid,
        at=at,
        outcome=Outcome.REFUSED,
    )
    try:
        mail = mails.read(received.raw)
        entry = replace(
            entry, sender=mail.sender[:254], subject=mail.subject, message_id=mail.message_id, digest=mail.digest
        )
        outcome = _take(desk, received, mail, entry, at)
    except BrokenMail as broken:
        outcome = _refuse(desk, entry, _Refused(f"broken: {broken}"))
    except _Refused as refused:
        outcome = _refuse(desk, entry, refused)
    log.info("mail_in.dealt_with", uid=entry.uid, sender=entry.sender, outcome=outcome.value)
    return outcome


def _take(desk: Desk, received: Received, mail: Mail, entry: Entry, at: datetime) -> Outcome:
    if (found := bounces.read(received.raw)) is not None:
        return _bounced(desk, found, entry)
    if not received.whole:
        raise _Refused("too large")
    with reading(desk.engine) as conn:
        wanted = _asked(conn, mail)
    verdict = signatures.judge(received.raw, mail, [desk.ours] if desk.ours else [], at, desk.find_key)
    actor = Actor(ActorKind.USER, wanted.owner.name, ORIGIN)
    try:
        if verdict.good:
            with changing(desk.engine, actor, at) as work:
                _change(work, desk, wanted, entry)
            return Outcome.CHANGED
        with booking(desk.engine, actor, at) as work:
            _ask(work, desk, wanted, replace(entry, why=verdict.why[:WHY_LIMIT]))
        return Outcome.ASKED
    except ClientMistake as mistake:
        raise _Refused(str(mistake), mistake, wanted.owner) from mistake


def _bounced(desk: Desk, found: Sequence[Bounce], entry: Entry) -> Outcome:
    """A report of another server. Raises _Refused if it is about no letter of ours."""
    reports = Reports(desk.sender_domain, desk.place, desk.alarms)
    with writing(desk.engine) as conn:
        ours, told = bounced.note(conn, found, reports, entry.at)
        if ours:
            mail_in.add(conn, replace(entry, outcome=Outcome.BOUNCE, why=told[:WHY_LIMIT]))
            return Outcome.BOUNCE
    raise _Refused(told)


def _asked(conn: Connection, mail: Mail) -> _Asked:
    """Who asks for what. Raises _Refused."""
    if mail.automatic:
        raise _Refused("written by a program")
    if not mail.sender:
        raise _Refused("From cannot be read, or is there twice")
    owners = [
        one
        for one in users.by_email(conn, mail.sender)
        if one.role is UserRole.CLIENT and one.client_role is ClientRole.OWNER and one.client_id is not None
    ]
    if not owners:
        raise _Refused("not from an owner")
    if mail_in.was_taken(conn, mail.message_id, mail.digest):
        raise _Refused("taken before")
    wish = asked.wish_of(mail.subject)
    if wish is None:
        unknown = ClientMistake("its subject asks for nothing that can be changed by mail", Code.NOT_BY_MAIL)
        raise _Refused("not understood", unknown, owners[0])
    owner, firm = _whose(conn, owners, wish)
    try:
        return _Asked(mail, owner, firm, wish.subject, asked.content_of(mail, wish.subject))
    except ClientMistake as mistake:
        raise _Refused(str(mistake), mistake, owner) from mistake


def _whose(conn: Connection, owners: Sequence[User], wish: Wish) -> tuple[User, Client]:
    """Which client the mail is about."""
    firms = [(one, clients.get(conn, one.client_id)) for one in owners if one.client_id is not None]
    meant = [(one, firm) for one, firm in firms if not wish.client or wish.client in (firm.slug, folded(firm.name))]
    if len({firm.id for _, firm in meant}) == 1:
        return meant[0]
    names = ", ".join(sorted(firm.name for _, firm in firms))
    which = ClientMistake(
        "write after the subject's first word which client it is for: {clients}", Code.NOT_BY_MAIL, clients=names
    )
    raise _Refused("for which client?", which, owners[0])


def _change(work: Work, desk: Desk, wanted: _Asked, entry: Entry) -> None:
    """Puts it in force."""
    firm, sender = wanted.firm, wanted.mail.sender
    number, _ = proposals.propose(work, firm.id, wanted.subject, wanted.content, Way.MAIL, sender[:120])
    told = proposals.told(work.conn, firm.id, number)
    proposals.confirm(work, firm.id, number, sender[:120])
    _keep(work.conn, replace(entry, outcome=Outcome.CHANGED, client_id=firm.id, answered=True))
    back = f"{desk.place.url}/portal/protocol"
    answer = _answer(entry, sender, firm, wanted.subject, work.at)
    letters.add(work.conn, [compose_changed(answer, told.difference, back, desk.place.office)])


def _ask(work: Work, desk: Desk, wanted: _Asked, entry: Entry) -> None:
    """Keeps it as a proposal, and asks its sender by a link."""
    firm, sender = wanted.firm, wanted.mail.sender
    _refuse_too_many(work, firm.id, sender)
    number, secret = proposals.propose(
        work, firm.id, wanted.subject, wanted.content, Way.MAIL, sender[:120], with_link=True
    )
    told = proposals.told(work.conn, firm.id, number)
    _keep(work.conn, replace(entry, outcome=Outcome.ASKED, client_id=firm.id, answered=True))
    until = (work.at + proposals.LINK_LIVES).astimezone(ZoneInfo(firm.timezone))
    answer = _answer(entry, sender, firm, wanted.subject, work.at)
    link = f"{desk.place.url}/changes/{secret}"
    letters.add(work.conn, [compose_confirm(answer, told.difference, link, until, desk.place.office)])


def _refuse_too_many(work: Work, client_id: int, sender: str) -> None:
    unproven = [
        one
        for one in proposals.waiting(work.conn, client_id)
        if one.way is Way.MAIL and one.decision is None and one.asked_at > work.at - proposals.LINK_LIVES
    ]
    if len(unproven) >= MOST_UNPROVEN or _answered_enough(work.conn, sender, work.at):
        raise ClientMistake("so many changes wait for an answer that no more are taken", Code.TOO_MANY_ASKED)


def _keep(conn: Connection, entry: Entry) -> None:
    if not mail_in.add(conn, entry):
        raise ClientMistake("this mail was dealt with before", Code.CHANGED_MEANWHILE)


def _refuse(desk: Desk, entry: Entry, refused: _Refused) -> Outcome:
    """Keeps that it was refused, and why; an owner is told, unless he has been told so often today."""
    with writing(desk.engine) as conn:
        told = refused.answer is not None and not _answered_enough(conn, entry.sender, entry.at)
        firm = clients.get(conn, refused.owner.client_id) if refused.owner and refused.owner.client_id else None
        entry = replace(entry, why=refused.why[:WHY_LIMIT], answered=told, client_id=firm.id if firm else None)
        if mail_in.add(conn, entry) and told and firm and refused.answer:
            answer = _answer(entry, entry.sender, firm, None, entry.at)
            letters.add(conn, [compose_refused(answer, sentence_of(refused.answer), desk.place.office)])
    log.warning("mail_in.refused", uid=entry.uid, sender=entry.sender, why=refused.why)
    return Outcome.REFUSED


def _answered_enough(conn: Connection, sender: str, at: datetime) -> bool:
    return mail_in.answered_since(conn, sender, at - timedelta(days=1)) >= MOST_ANSWERS


def _answer(entry: Entry, address: str, firm: Client, subject: Subject | None, at: datetime) -> Answer:
    return Answer(
        identity=f"{entry.place} {entry.validity} {entry.uid}",
        address=address,
        client_id=firm.id,
        client_name=firm.name,
        language=firm.language,
        subject=subject,
        at=at,
    )
