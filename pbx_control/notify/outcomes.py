"""Writes down how tries to deliver letters ended, and tells the office what it has to know of that."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

import structlog
from sqlalchemy import Connection

from pbx_control.domain.notices.letter_notes import compose_given_up, compose_too_large
from pbx_control.domain.notices.messages import Channel, Kind, without_attachment
from pbx_control.domain.notices.notes import AlarmDesk
from pbx_control.domain.notices.retries import after_failure
from pbx_control.domain.words.sentences import sentence_of
from pbx_control.errors import DeliveryFailed, Fault
from pbx_control.store import clients, letters, mailboxes
from pbx_control.store.letters import Posted

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Delivery:
    """How a try ended, to be written down; `failure` is None if the letter was taken."""

    posted: Posted
    at: datetime
    failure: DeliveryFailed | None


def record(conn: Connection, finished: Iterable[Delivery], desk: AlarmDesk) -> None:
    """Write down how tries ended."""
    for delivery in finished:
        failure = delivery.failure
        if failure is None:
            letters.delivered(conn, delivery.posted, delivery.at)
        elif failure.fault is Fault.TOO_LARGE and delivery.posted.letter.attachment:
            _send_without_attachment(conn, delivery, failure, desk)
        elif failed(conn, delivery.posted, delivery.at, failure):
            _tell_given_up(conn, delivery, failure, desk)


def failed(conn: Connection, posted: Posted, at: datetime, failure: DeliveryFailed) -> bool:
    """Writes down how a try failed; whether the letter is given up."""
    then = after_failure(failure, posted.attempts, posted.unconfirmed, at)
    letters.put_off(conn, posted, then)
    return then.due_at is None


def _send_without_attachment(conn: Connection, delivery: Delivery, failure: DeliveryFailed, desk: AlarmDesk) -> None:
    posted = delivery.posted
    theirs = posted.letter.client_id
    spoken = clients.get(conn, theirs).language if theirs is not None else desk.language
    letters.without_attachment(
        conn, posted, delivery.at, without_attachment(posted.letter, spoken, desk.office), failure
    )
    log.warning("letter.too_large", letter=posted.id, why=str(failure))
    if desk.address:
        letters.add(conn, [compose_too_large(posted.letter, sentence_of(failure), delivery.at, desk)])


def _tell_given_up(conn: Connection, delivery: Delivery, failure: DeliveryFailed, desk: AlarmDesk) -> None:
    """One alarm for each address that stops working; none about the address that alarms go to, which would not end.
    A caller's address is none of ours: the secretary sees at her desk what became of it."""
    posted = delivery.posted
    if posted.letter.kind is Kind.INFO:
        log.error("letter.given_up", letter=posted.id, why=str(failure))
        return
    is_news = mailboxes.fails(conn, posted.recipient, delivery.at, sentence_of(failure))
    log.error("letter.given_up", letter=posted.id, address=posted.letter.address, why=str(failure))
    is_desk = posted.letter.channel is Channel.EMAIL and posted.letter.address.casefold() == desk.address.casefold()
    if is_news and desk.address and not is_desk:
        letters.add(conn, [compose_given_up(posted.letter, sentence_of(failure), delivery.at, desk)])
