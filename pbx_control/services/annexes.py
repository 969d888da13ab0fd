"""The facts of a client's annex on the processing of its callers' data (`domain.keeping.annex`)."""

from datetime import datetime
from urllib.parse import urlsplit

from sqlalchemy import Connection

from pbx_control.domain.agenda.rules import SOURCES, AgendaCalendar, Source
from pbx_control.domain.keeping.annex import Annex, AnnexFacts, Firm, annex
from pbx_control.domain.money.plans import USUAL_KEEP_DAYS
from pbx_control.domain.opening.hours import parse_week
from pbx_control.domain.opening.speech import hours_in_words
from pbx_control.services import subprocessors
from pbx_control.services.cancelled import AFTER
from pbx_control.settings import Settings
from pbx_control.store import agenda, clients, plans, remotes
from pbx_control.store import subprocessors as reached


def of_client(conn: Connection, settings: Settings, client_id: int, at: datetime) -> Annex:
    """The annex of a client as things stand at that instant."""
    firm, current = clients.get(conn, client_id), plans.current(conn, client_id)
    billing, booked = settings.billing, agenda.calendars_of(conn, client_id)
    office = Firm(
        name=billing.issuer_name or settings.office.name, rut=billing.issuer_rut, address=billing.issuer_address
    )
    facts = AnnexFacts(
        office=office,
        client=Firm(name=firm.legal_name or firm.name, rut=firm.rut, address=firm.address),
        language=firm.language,
        day=settings.office.day(at),
        hours=hours_in_words(parse_week([firm.week]), firm.language),
        recording=firm.recording and (current is None or current.plan.recording),
        keep_days=current.plan.keep_days if current else USUAL_KEEP_DAYS,
        sensitive=firm.sensitive,
        by_mail=reached.gets_mail(conn, client_id),
        by_chat=bool(settings.telegram.token) and reached.has_chat(conn, client_id),
        takes_messages=firm.takes_messages,
        database_is_a_file=not settings.database.url.startswith("postgresql"),
        mail_encrypted=settings.mail.tls != "none",
        owners_need_code=settings.web.owners_need_second_factor,
        erased_after=AFTER.days,
        subprocessors=subprocessors.current(conn, settings, client_id),
        books=bool(booked),
        mirrored_at=sorted({_place(conn, one) for one in booked if one.source is not Source.OWN}),
        feeds=any(one.has_feed for one in booked),
        reminds=any(one.reminder for one in booked),
    )
    return annex(facts)


def _place(conn: Connection, calendar: AgendaCalendar) -> str:
    """Where the client keeps that calendar: Google, or a server of that name."""
    access = remotes.access_of(conn, calendar.id)
    host = urlsplit(access.address).hostname if access and calendar.source is Source.CALDAV else ""
    return host or SOURCES[calendar.source]
