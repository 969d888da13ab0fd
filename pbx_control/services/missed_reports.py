"""Tells clients which calls nobody took because they were out of calls, once a day (rule 12)."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

import structlog
from sqlalchemy import Connection, Engine

from pbx_control.catalogue import counted
from pbx_control.domain.audit import Actor, Verb
from pbx_control.domain.notices.kinds import About
from pbx_control.domain.notices.messages import DOCUMENTS, Letter, Recipient
from pbx_control.domain.notices.reports import MissedCall, MissedReport, compose_missed_report, report_csv, report_id
from pbx_control.domain.words.sentences import Sentence
from pbx_control.errors import PbxError
from pbx_control.files import write_below
from pbx_control.services.discretion import discreet
from pbx_control.services.work import Work, booking
from pbx_control.settings import Home, Settings
from pbx_control.store import letters, missed, recipients
from pbx_control.store.engine import reading
from pbx_control.store.missed import Due

log = structlog.get_logger()

# A call that no report has told of yet is told so long after it ended: days on which no daemon ran are made up, and so
# is a call that entered the store late, from the switch's own records.
PATIENCE = timedelta(days=7)
DAY = timedelta(days=1)


def send(
    home: Home, engine: Engine, settings: Settings, zone: ZoneInfo, due_at: datetime, actor: Actor, at: datetime
) -> Sentence:
    """Tells the clients of a zone which calls nobody took because they were out of calls, until `due_at` (rule 12).

    `at` is the present.

    Each call is in one report, and a client gets one for each `due_at`, however often this is called. A client that
    missed none gets none. Gives what was done, in one line. A client's report that cannot be made stops no other's:
    its calls are in its next one, and a PbxError at the end names it.
    """
    with reading(engine) as conn:
        due = missed.clients_due(conn, zone, due_at - PATIENCE, due_at)
    sent, failed = 0, []
    for one in due:
        try:
            written = _written(home, engine, settings, zone, one, due_at)
            if written:
                with booking(engine, actor, at) as work:
                    _keep(work, one, due_at, *written)
                sent += 1
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


def _written(
    home: Home, engine: Engine, settings: Settings, zone: ZoneInfo, one: Due, until: datetime
) -> tuple[list[MissedCall], list[Letter]] | None:
    """Writes one client's file, and gives the calls that it tells of, and the letters; None if there is nobody or
    nothing to tell, or that report is out already. Whatever takes time is done here: live calls wait for the
    database's writer."""
    with reading(engine) as conn:
        people = recipients.of_client(conn, one.client_id, About.USAGE)
        calls = missed.missed_on(conn, one.client_id, until - PATIENCE, until, unreported=True)
        campaigns = missed.campaigns(conn, one.client_id, until - DAY, until)
        if not people or not calls or _is_out(conn, one.client_id, until, people):
            return None
    report = MissedReport(
        client_id=one.client_id,
        client_name=one.name,
        language=one.language,
        timezone=zone.key,
        until=until,
        calls=tuple(calls),
        campaigns=campaigns,
    )
    write_below(home.documents, report.file.removeprefix(DOCUMENTS), report_csv(report))
    office = settings.office.name
    written = [compose_missed_report(report, person, office) for person in people]
    with reading(engine) as conn:
        return calls, discreet(conn, one.client_id, written, office, settings.web.url)


def _keep(work: Work, one: Due, until: datetime, calls: Sequence[MissedCall], written: Sequence[Letter]) -> None:
    letters.add(work.conn, written)
    missed.reported(work.conn, calls, until)
    work.note(Verb.REPORT_SENT, one.slug, client_id=one.client_id, new={"calls": len(calls), "letters": len(written)})


def _is_out(conn: Connection, client_id: int, until: datetime, people: Sequence[Recipient]) -> bool:
    """Whether that report has been written: calls that came to light later are in the next one."""
    names = [report_id(client_id, until, person) for person in people]
    return letters.is_there(conn, names)
