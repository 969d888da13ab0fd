"""Writes down how tries to tell webhooks ended: when the next one is, or that a webhook is at its end."""

import structlog
from sqlalchemy import Connection

from pbx_control.domain.notices.notes import AlarmDesk
from pbx_control.domain.notices.webhook_notes import compose_stopped
from pbx_control.domain.webhooks import after_try
from pbx_control.domain.words.sentences import sentence_of
from pbx_control.errors import DeliveryFailed
from pbx_control.notify.delivery import Delivery
from pbx_control.store import letters, webhooks

log = structlog.get_logger()


def record_told(conn: Connection, delivery: Delivery, desk: AlarmDesk) -> None:
    """Writes down how one try ended."""
    number, failure = int(delivery.posted.letter.address), delivery.failure
    if failure is None:
        webhooks.note_delivered(conn, number, delivery.at)
    else:
        _failed(conn, number, delivery, failure, desk)


def _failed(conn: Connection, number: int, delivery: Delivery, failure: DeliveryFailed, desk: AlarmDesk) -> None:
    since = webhooks.note_failed(conn, number, delivery.at, sentence_of(failure))
    then = after_try(failure, delivery.posted.attempts, since, delivery.at)
    if then is None:
        _stop(conn, number, delivery, failure, desk)
        return
    letters.put_off(conn, delivery.posted, then)
    if then.due_at is None:
        webhooks.count_lost(conn, number, 1)
        log.error("webhook.event_given_up", webhook=number, letter=delivery.posted.id, why=str(failure))


def _stop(conn: Connection, number: int, delivery: Delivery, failure: DeliveryFailed, desk: AlarmDesk) -> None:
    """Nothing more is told there; the office hears of it once. One that was removed meanwhile just has no events."""
    lost = letters.drop_for_program(conn, delivery.posted.letter.address)
    if not webhooks.stop(conn, number, delivery.at):
        return
    webhooks.count_lost(conn, number, lost)
    log.error("webhook.stopped", webhook=number, lost=lost, why=str(failure))
    found = webhooks.find(conn, number)
    if found is not None and desk.address:
        letters.add(conn, [compose_stopped(found.id, found.client, lost, sentence_of(failure), delivery.at, desk)])
