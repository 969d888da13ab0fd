"""Urgent messages: one recipient after the other is told again until somebody says that he has seen it, by a letter's
link, a chat's button or the portal (docs/messages.md). When nobody is left the office is told, and every desk."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

import structlog
from sqlalchemy import Connection

from pbx_control.domain.desk.tasks import TaskKind
from pbx_control.domain.notices.kinds import About
from pbx_control.domain.notices.messages import Channel, Recipient
from pbx_control.domain.notices.urgency import (
    LINK_LIVES,
    GiveUp,
    Patience,
    Tell,
    Unseen,
    Wait,
    letter_of,
    next_step,
)
from pbx_control.domain.notices.urgent_letters import NobodyHasSeen, compose_unseen
from pbx_control.errors import ClientMistake, Code
from pbx_control.services import messages
from pbx_control.store import call_log, clients, letters, link_keys, recipients, restrictions, tasks, urgencies
from pbx_control.store import messages as stored
from pbx_control.store.clients import Client
from pbx_control.store.letters import Posted
from pbx_control.store.urgencies import OnDesk, Step, Urgency

if TYPE_CHECKING:
    from pbx_control.services.steps import Rules

__all__ = ["Again", "OnDesk", "Told", "go_on", "look_at", "next_due", "on_desk", "say_seen", "seen", "told"]

# So many are gone on with at a time: the daemon saves its steps in between.
PAGE = 20
# What is over stays on her page for so long.
STAYS_FOR = timedelta(minutes=10)
# Who has told the secretaries of a message that nobody has seen.
SYSTEM = ""

log = structlog.get_logger()


@dataclass(frozen=True, slots=True, kw_only=True)
class Again:
    """How often somebody was told again, and when last."""

    channel: Channel
    address: str
    times: int
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """How it stands with an urgent message. `next_at`: when the next one is told, None if that is over."""

    began_at: datetime
    again: Sequence[Again]
    next_at: datetime | None
    seen_at: datetime | None
    seen_by: str
    given_up_at: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Looked:
    """What a letter's link leads to. It tells nothing of what was said: whoever got the letter has that."""

    call_id: str
    just_now: bool  # it was seen by this
    address: str
    client: str
    language: str
    timezone: str
    arrived_at: datetime
    seen_at: datetime | None
    seen_by: str
    taken_by: str  # who sees to it, or ""
    given_up: bool  # nobody is told again: the secretaries have it as a task


# --- going on ---------------------------------------------------------------------------------------------


def go_on(conn: Connection, at: datetime, rules: "Rules") -> int:
    """Does what is due about urgent messages that nobody has seen; gives about how many, PAGE at most. Two daemons that
    do it at once take different ones; a kill leaves all of it undone or done."""
    due = urgencies.claim_due(conn, at, PAGE)
    for one in due:
        _step(conn, one, at, rules)
    return len(due)


def next_due(conn: Connection) -> datetime | None:
    """When `go_on` has something to do next; None: nobody is waited for."""
    return urgencies.next_due(conn)


def _step(conn: Connection, one: Urgency, at: datetime, rules: "Rules") -> None:
    firm, done = clients.get(conn, one.client_id), urgencies.steps(conn, one.call_id)
    # The links of one that has cancelled are dead: whoever were told again could not say that he has seen it.
    people = [] if firm.cancelled_at else recipients.of_client(conn, one.client_id, About.CALLS)
    patience = Patience(timedelta(seconds=firm.urgent_interval), firm.urgent_rounds)
    match next_step(_unseen(one, done), people, urgencies.failing(conn, people), patience, at):
        case Wait(until):
            urgencies.put_off(conn, one.call_id, until)
        case Tell(who, round_):
            step = Step(at=at, who=who, round=round_)
            urgencies.add_step(conn, one.call_id, len(done) + 1, step, at + patience.interval)
            messages.tell_again(conn, one.call_id, [who], len(done) + 1, at, rules)
        case GiveUp():
            _give_up(conn, one, firm, len(done), at, rules)


def _unseen(one: Urgency, done: Sequence[Step]) -> Unseen:
    if not done:
        return Unseen(one.began_at)
    return Unseen(done[-1].at, done[-1].who, {step.who: step.round for step in done})


def _give_up(conn: Connection, one: Urgency, firm: Client, told_again: int, at: datetime, rules: "Rules") -> None:
    urgencies.give_up(conn, one.call_id, at)
    tasks.add(conn, one.client_id, one.call_id, TaskKind.UNSEEN, SYSTEM, at)
    log.error("nobody has seen an urgent message", call=one.call_id, client=firm.slug)
    if rules.alarms.address:
        told = NobodyHasSeen(
            call_id=one.call_id,
            client_name=firm.name,
            arrived_at=call_log.find(conn, one.call_id).arrived_at,
            letters=told_again,
            at=at,
        )
        letters.add(conn, [compose_unseen(told, rules.alarms)])


# --- seen -------------------------------------------------------------------------------------------------


def seen(conn: Connection, call_id: str, who: str, at: datetime) -> bool:
    """Somebody has seen the message: nobody is told again from the end of this transaction on, but for a letter that is
    on its way at that instant. False if somebody had before, or it is not urgent."""
    if not urgencies.see(conn, call_id, who, at):
        return False
    letters.withdraw_again(conn, call_id)
    tasks.settle(conn, call_id, TaskKind.UNSEEN, at)
    return True


def look_at(conn: Connection, token: str, at: datetime) -> Looked:
    """What a letter's link leads to. Raises ClientMistake: DEAD_SECRET if it is too old, or never was; RESTRICTED while
    a request of the caller's is decided."""
    return _looked(conn, *_find(conn, token, at))


def say_seen(conn: Connection, token: str, at: datetime) -> Looked:
    """Whoever got the letter has seen it; once, however often it is said. Raises ClientMistake as `look_at`."""
    posted, firm = _find(conn, token, at)
    call_id, who = posted.letter.call_id or "", posted.letter.address
    # First of all: whoever is about to tell the next one is waited for, or sees this.
    just_now = seen(conn, call_id, who, at)
    letters.note_seen_there(conn, posted, at, who)
    return _looked(conn, posted, firm, just_now=just_now)


def _find(conn: Connection, token: str, at: datetime) -> tuple[Posted, Client]:
    name = letter_of(link_keys.find(conn), token)
    posted = letters.by_name(conn, name) if name else None
    client_id = posted.letter.client_id if posted else None
    if posted is None or client_id is None or at >= posted.letter.written_at + LINK_LIVES:
        raise _dead()
    firm = clients.get(conn, client_id)
    if firm.cancelled_at or posted.recipient not in recipients.of_client(conn, client_id, About.CALLS):
        raise _dead()
    restrictions.refuse(conn, posted.letter.call_id or "")
    return posted, firm


def _looked(conn: Connection, posted: Posted, firm: Client, *, just_now: bool = False) -> Looked:
    call_id = posted.letter.call_id or ""
    known = urgencies.find(conn, call_id)
    if known is None:  # the caller was erased
        raise _dead()
    return Looked(
        call_id=call_id,
        just_now=just_now,
        address=posted.letter.address,
        client=firm.name,
        language=firm.language,
        timezone=firm.timezone,
        arrived_at=call_log.find(conn, call_id).arrived_at,
        seen_at=known.seen_at,
        seen_by=known.seen_by,
        taken_by=stored.taken_by(conn, call_id),
        given_up=known.given_up_at is not None,
    )


def _dead() -> ClientMistake:
    return ClientMistake("this is not valid any more: ask for a new one", Code.DEAD_SECRET)


# --- what is told of it -----------------------------------------------------------------------------------


def told(conn: Connection, call_id: str) -> Told | None:
    """How it stands with the message about a call; None: it is not urgent, or has not gone yet."""
    known = urgencies.find(conn, call_id)
    if known is None:
        return None
    by_whom: dict[Recipient, list[datetime]] = defaultdict(list)
    for step in urgencies.steps(conn, call_id):
        by_whom[step.who].append(step.at)
    return Told(
        began_at=known.began_at,
        again=[
            Again(channel=who.channel, address=who.address, times=len(times), at=times[-1])
            for who, times in by_whom.items()
        ],
        next_at=known.due_at,
        seen_at=known.seen_at,
        seen_by=known.seen_by,
        given_up_at=known.given_up_at,
    )


def on_desk(conn: Connection, secretary_id: int, at: datetime) -> Sequence[tuple[OnDesk, Told]]:
    """A secretary's urgent messages that nobody has seen, or that were seen or given up lately, the oldest first."""
    found = urgencies.on_desk(conn, secretary_id, at - STAYS_FOR)
    return [(one, how) for one in found if (how := told(conn, one.call_id))]
