"""Writes down how tries to deliver letters ended, and tells the office what it has to know of that."""

from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime

import structlog
from sqlalchemy import Connection

from pbx_control.domain.notices.letter_notes import compose_given_up, compose_too_large
from pbx_control.domain.notices.messages import SECRET, TO_CALLERS, Channel, Kind
from pbx_control.domain.notices.notes import AlarmDesk
from pbx_control.domain.notices.retries import after_failure
from pbx_control.domain.notices.sign_in_letters import RESET_WITHIN
from pbx_control.domain.words.sentences import sentence_of
from pbx_control.errors import DeliveryFailed, Fault
from pbx_control.notify.delivery import Delivery
from pbx_control.notify.told import record_told
from pbx_control.store import letters, mailboxes
from pbx_control.store.letters import Posted

log = structlog.get_logger()


def record(conn: Connection, finished: Iterable[Delivery], desk: AlarmDesk, *, has_links: bool = False) -> None:
    """Write down how tries ended. `has_links`: a file that is too large can be fetched by whoever gets its letter."""
    done = list(finished)
    letters.all_delivered(conn, [(one.posted, one.at, one.receipt) for one in done if one.failure is None])
    for delivery in done:
        failure = delivery.failure
        if delivery.posted.letter.kind is Kind.WEBHOOK:
            record_told(conn, delivery, desk)
        elif failure is None:
            _forget_secrets(conn, delivery.posted)
        elif failure.fault is Fault.TOO_LARGE and delivery.posted.letter.attachment and not delivery.posted.linked_at:
            letters.link(conn, delivery.posted, delivery.at, failure)
            log.warning("letter.too_large", letter=delivery.posted.id, why=str(failure))
            if not has_links:
                _tell_too_large(conn, delivery, failure, desk)
        elif _try_failed(conn, delivery, failure):
            _tell_given_up(conn, delivery, failure, desk)


def _try_failed(conn: Connection, delivery: Delivery, failure: DeliveryFailed) -> bool:
    how = {"others_taken": delivery.others_taken, "passed_over": delivery.passed_over}
    return failed(conn, delivery.posted, delivery.at, failure, **how)


def failed(
    conn: Connection,
    posted: Posted,
    at: datetime,
    failure: DeliveryFailed,
    *,
    others_taken: bool = True,
    passed_over: bool = False,
) -> bool:
    """Writes down how a try failed; whether the letter is given up."""
    then = after_failure(
        failure, posted.attempts, posted.unconfirmed, at, others_taken=others_taken, passed_over=passed_over
    )
    if posted.letter.kind is Kind.RESET and then.due_at and then.due_at >= posted.letter.written_at + RESET_WITHIN:
        then = replace(then, due_at=None)  # its link will be good no more
    if posted.letter.invitation:
        then = replace(then, aside=None)  # a cancellation must not overtake what it cancels
    letters.put_off(conn, posted, then)
    if then.due_at is None:
        _forget_secrets(conn, posted)
    return then.due_at is None


def _forget_secrets(conn: Connection, posted: Posted) -> None:
    if posted.letter.kind in SECRET:
        letters.forget_words(conn, posted)


def _tell_too_large(conn: Connection, delivery: Delivery, failure: DeliveryFailed, desk: AlarmDesk) -> None:
    if desk.address:
        letters.add(conn, [compose_too_large(delivery.posted.letter, sentence_of(failure), delivery.at, desk)])


def _tell_given_up(conn: Connection, delivery: Delivery, failure: DeliveryFailed, desk: AlarmDesk) -> None:
    """One alarm for each address that stops working; none about the address that alarms go to, which would not end.
    A caller's address is none of ours: the secretary sees at her desk what became of it."""
    posted = delivery.posted
    if posted.letter.kind in TO_CALLERS:
        log.error("letter.given_up", letter=posted.id, why=str(failure))
        return
    is_news = mailboxes.fails(conn, posted.recipient, delivery.at, sentence_of(failure))
    log.error("letter.given_up", letter=posted.id, address=posted.letter.address, why=str(failure))
    is_desk = posted.letter.channel is Channel.EMAIL and posted.letter.address.casefold() == desk.address.casefold()
    if is_news and desk.address and not is_desk:
        letters.add(conn, [compose_given_up(posted.letter, sentence_of(failure), delivery.at, desk)])
