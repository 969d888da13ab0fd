"""Tells a client that its calls run out, and which bags it can buy: once for each threshold and period (rule 11)."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from zoneinfo import ZoneInfo

import structlog
from sqlalchemy import Connection
from sqlalchemy.exc import InterfaceError, InternalError, OperationalError

from pbx_control.domain.money import quota
from pbx_control.domain.money.billing import bags_on_offer
from pbx_control.domain.notices.kinds import About
from pbx_control.domain.notices.reports import Notice, compose_offer
from pbx_control.store import clients, ledger, letters, plans, recipients
from pbx_control.store.ledger import Charged

log = structlog.get_logger()


def write_offer(
    conn: Connection,
    charged: Charged,
    at: datetime,
    bag_sizes: Sequence[int],
    office_name: str,
    *,
    answers_read: bool = False,
) -> bool:
    """Tells a client's recipients that a charge has crossed a threshold, and which bags it can buy (rule 11).

    In the transaction of that charge: letters are written once for each client, period and threshold, whoever charges
    at the same time. True if they were written now. What cannot be told, whatever the reason, loses no charge: it is
    logged, and told at the next charge that crosses the threshold. Only a database in trouble is an error.
    `answers_read`: whether the client may answer the e-mail.
    """
    if charged.threshold is None:
        return False
    try:
        with conn.begin_nested():
            return ledger.note_threshold(conn, charged, at) and _tell(
                conn, replace(_notice(conn, charged, at, bag_sizes), answers_read=answers_read), office_name
            )
    except (OperationalError, InterfaceError, InternalError):
        raise  # then the whole transaction is lost, and its owner must know
    except Exception:
        log.exception("offer.not_written", client=charged.client_id, threshold=charged.threshold)
        return False


def _tell(conn: Connection, notice: Notice, office_name: str) -> bool:
    people = recipients.of_client(conn, notice.client_id, About.USAGE)
    letters.add(conn, [compose_offer(notice, person, office_name) for person in people])
    return True


def _notice(conn: Connection, charged: Charged, at: datetime, bag_sizes: Sequence[int]) -> Notice:
    known = clients.get(conn, charged.client_id)
    account, current = charged.account, plans.current(conn, charged.client_id)
    used = ledger.used_since(conn, charged.client_id, account.period.start)
    return Notice(
        client_id=known.id,
        client_name=known.name,
        language=known.language,
        timezone=known.timezone,
        threshold=charged.threshold or quota.Threshold.NONE,
        granted=account.period_calls,
        left=account.period_left,
        in_bags=account.left - account.period_left,
        period_start=account.period.start,
        period_end=account.period.end,
        bags=bags_on_offer(current.plan, bag_sizes) if current else (),
        forecast=quota.forecast(account, used, ZoneInfo(known.timezone), at),
        reported=known.exhausted_report,
        at=at,
    )
