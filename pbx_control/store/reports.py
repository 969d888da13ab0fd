"""Tells clients that their calls run out, once for each threshold and period, and which calls they missed, each day."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

import structlog
from sqlalchemy import ColumnElement, Connection, Engine, bindparam, select, update
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.exc import InterfaceError, InternalError, OperationalError

from pbx_control.catalogue import counted
from pbx_control.domain.call.model import Outcome, TurnedAway
from pbx_control.domain.money import quota
from pbx_control.domain.money.billing import bags_on_offer
from pbx_control.domain.notices.messages import DOCUMENTS, Recipient
from pbx_control.domain.notices.reports import (
    MissedCall,
    MissedReport,
    Notice,
    compose_missed_report,
    compose_offer,
    report_csv,
    report_id,
)
from pbx_control.domain.office import ClientState
from pbx_control.domain.words.sentences import Sentence
from pbx_control.errors import PbxError
from pbx_control.files import write_below
from pbx_control.settings import Home, Settings
from pbx_control.store import ledger, letters, plans, recipients
from pbx_control.store.engine import reading, writing
from pbx_control.store.ledger import Charged
from pbx_control.store.tables import call, client, letter, threshold_notice

log = structlog.get_logger()

# A call that no report has told of yet is told so long after it ended: days on which no daemon ran are made up, and so
# is a call that entered the store late, from the switch's own records.
PATIENCE = timedelta(days=7)

_NOTE = {
    dialect.dialect.name: dialect.insert(threshold_notice).on_conflict_do_nothing().returning(threshold_notice.c.at)
    for dialect in (sqlite, postgresql)
}

_REPORTED = update(call).where(call.c.id == bindparam("told")).values(reported_at=bindparam("due"))


@dataclass(frozen=True, slots=True)
class Due:
    """A client that is to be told of calls that it missed."""

    client_id: int
    slug: str
    name: str
    language: str


# --- few calls are left -----------------------------------------------------------------------------------


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
            return _is_first(conn, charged, at) and _tell(
                conn, replace(_notice(conn, charged, at, bag_sizes), answers_read=answers_read), office_name
            )
    except (OperationalError, InterfaceError, InternalError):
        raise  # then the whole transaction is lost, and its owner must know
    except Exception:
        log.exception("offer.not_written", client=charged.client_id, threshold=charged.threshold)
        return False


def _is_first(conn: Connection, charged: Charged, at: datetime) -> bool:
    """One conditional statement: of several that cross a threshold at once, one is the first."""
    row = {
        "client_id": charged.client_id,
        "period_start": charged.account.period.start,
        "threshold": (charged.threshold or quota.Threshold.NONE).value,
        "at": at,
    }
    # Told by the row that comes back: psycopg counts none of an insert's rows.
    return conn.execute(_NOTE[conn.dialect.name], row).first() is not None


def _tell(conn: Connection, notice: Notice, office_name: str) -> bool:
    people = recipients.of_client(conn, notice.client_id)
    letters.add(conn, [compose_offer(notice, person, office_name) for person in people])
    return True


def _notice(conn: Connection, charged: Charged, at: datetime, bag_sizes: Sequence[int]) -> Notice:
    row = conn.execute(select(client).where(client.c.id == charged.client_id)).one()
    account, current = charged.account, plans.current(conn, charged.client_id)
    used = ledger.used_since(conn, charged.client_id, account.period.start)
    return Notice(
        client_id=row.id,
        client_name=row.name,
        language=row.language,
        timezone=row.timezone,
        threshold=charged.threshold or quota.Threshold.NONE,
        granted=account.period_calls,
        left=account.period_left,
        in_bags=account.left - account.period_left,
        period_start=account.period.start,
        period_end=account.period.end,
        bags=bags_on_offer(current.plan, bag_sizes) if current else (),
        forecast=quota.forecast(account, used, ZoneInfo(row.timezone), at),
        reported=row.exhausted_report,
        at=at,
    )


# --- the day's missed calls -------------------------------------------------------------------------------


def send_missed_reports(home: Home, engine: Engine, settings: Settings, zone: ZoneInfo, due_at: datetime) -> Sentence:
    """Tells the clients of a zone which calls nobody took because they were out of calls, until `due_at` (rule 12).

    Each call is in one report, and a client gets one for each `due_at`, however often this is called. A client that
    missed none gets none. Gives what was done, in one line. A client's report that cannot be made stops no other's:
    its calls are in its next one, and a PbxError at the end names it.
    """
    with reading(engine) as conn:
        due = clients_due(conn, zone, due_at)
    sent, failed = 0, []
    for one in due:
        try:
            sent += _report(home, engine, settings.office.name, zone, one, due_at)
        except PbxError:
            raise  # the database is away: for every client
        except Exception:
            log.exception("report.not_written", client=one.slug)
            failed.append(one.slug)
    if failed:
        raise PbxError(
            counted(
                "the reports of missed calls of {clients} could not be made: the log says why; {sent} other was sent",
                "the reports of missed calls of {clients} could not be made: the log says why; {sent} others were sent",
                by="sent",
            ),
            clients=", ".join(failed),
            sent=sent,
        )
    return Sentence("reports of missed calls: {sent}", sent=sent)


def clients_due(conn: Connection, zone: ZoneInfo, until: datetime) -> list[Due]:
    """The clients of that zone, by slug, that want a report and have calls that none has told of until then."""
    unreported = select(call.c.client_id).where(*_missed(until - PATIENCE, until), call.c.reported_at.is_(None))
    query = select(client).where(
        client.c.timezone == zone.key,
        client.c.exhausted_report,
        client.c.state != ClientState.CANCELLED.value,
        client.c.id.in_(unreported),
    )
    rows = conn.execute(query.order_by(client.c.slug))
    return [Due(row.id, row.slug, row.name, row.language) for row in rows]


def missed_on(
    conn: Connection, client_id: int, since: datetime, until: datetime, *, unreported: bool = False
) -> list[MissedCall]:
    """The calls to the client that nobody took because it was out of calls, in the order in which they came: those
    that ended from `since` up to, but not including, `until`; all, or those that no report has told of yet."""
    query = select(call).where(call.c.client_id == client_id, *_missed(since, until))
    if unreported:
        query = query.where(call.c.reported_at.is_(None))
    return [
        MissedCall(
            id=row.id,
            at=row.arrived_at,
            did=row.did,
            caller=row.caller,
            caller_name=row.caller_name,
            left_message=bool(row.message),
        )
        for row in conn.execute(query.order_by(call.c.arrived_at, call.c.id))
    ]


def _missed(since: datetime, until: datetime) -> tuple[ColumnElement[bool], ...]:
    """Turned away for want of calls; a suspended client's calls end alike but do not count.

    By the end of the call: from then on its row stays as it is.
    """
    return (
        call.c.turned_away == TurnedAway.OUT_OF_CALLS.value,
        call.c.outcome == Outcome.EXHAUSTED.value,
        call.c.ended_at >= since,
        call.c.ended_at < until,
    )


def _report(home: Home, engine: Engine, office_name: str, zone: ZoneInfo, one: Due, until: datetime) -> bool:
    """Writes one client's report; False if there is nobody or nothing to tell, or that report is out already."""
    with reading(engine) as conn:
        people = recipients.of_client(conn, one.client_id)
        missed = missed_on(conn, one.client_id, until - PATIENCE, until, unreported=True)
        report = MissedReport(
            client_id=one.client_id,
            client_name=one.name,
            language=one.language,
            timezone=zone.key,
            until=until,
            calls=tuple(missed),
        )
        if not people or not missed or _is_out(conn, one.client_id, until, people):
            return False
    # Everything that takes time comes before the transaction: live calls wait for the database's writer.
    write_below(home.documents, report.file.removeprefix(DOCUMENTS), report_csv(report))
    written = [compose_missed_report(report, person, office_name) for person in people]
    with writing(engine) as conn:
        letters.add(conn, written)
        conn.execute(_REPORTED, [{"told": each.id, "due": until} for each in missed])
    return True


def _is_out(conn: Connection, client_id: int, until: datetime, people: Sequence[Recipient]) -> bool:
    """Whether that report has been written: calls that came to light later are in the next one."""
    names = [report_id(client_id, until, person) for person in people]
    return conn.scalar(select(letter.c.id).where(letter.c.message_id.in_(names)).limit(1)) is not None
