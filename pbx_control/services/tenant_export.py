"""All that is kept of a client, as files of one archive: its owner takes them along (Ley 21.719, portability).

Read page by page, so that an archive of a hundred thousand calls costs no more memory than one of a hundred.
"""

import csv
import io
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

from sqlalchemy import Connection, Engine

from pbx_control.domain.agenda.appointments import Appointment
from pbx_control.domain.agenda.feed import archive_text
from pbx_control.domain.agenda.rules import AgendaCalendar
from pbx_control.domain.audit import Actor, Verb
from pbx_control.domain.desk.protocol_file import written
from pbx_control.domain.money.billing import Invoice
from pbx_control.domain.opening.written_rota import rule_text, swap_text
from pbx_control.domain.words.sentences import said
from pbx_control.domain.words.wording import no_formula
from pbx_control.services.rotas import names_of
from pbx_control.services.work import booking
from pbx_control.settings import Home
from pbx_control.store import (
    agenda,
    clients,
    contacts,
    dids,
    greetings,
    inbox,
    infos,
    invoices,
    ledger,
    messages,
    protocols,
    restrictions,
    rotas,
)
from pbx_control.store import recipients as recipients_
from pbx_control.store.clients import Client
from pbx_control.store.engine import reading
from pbx_control.store.inbox import Place, Reader, Received, Wanted

# Before all that is kept.
EVER = datetime(2000, 1, 1, tzinfo=UTC)
# Calls that are read at once.
PAGE = 200
# Bytes of a sound that are read at once.
PIECE = 64 * 1024
CALLS = (
    *("call", "arrived_at", "caller", "caller_name", "outcome", "secretary", "answered_at", "talked_seconds"),
    *("transferred_to", "ended_at", "urgent", "recording", "voice_message", "note"),
)
WORDS = ("call", "field", "value")
APPOINTMENTS = (
    *("appointment", "calendar", "starts", "ends", "kind", "state", "name", "number", "email", "answers", "note"),
    *("language", "booked_by", "booked_at", "call"),
)
LEDGER = ("entry", "at", "kind", "units", "source", "bag", "call", "reverses", "why", "disputed", "answer")


@dataclass(frozen=True, slots=True)
class File:
    """One file of the archive."""

    name: str
    pieces: Iterable[bytes]
    sound: bool = False  # compressing it is not worth the time


@dataclass(frozen=True, slots=True)
class ExportOf:
    """One of a client's owners, and all that is kept of the client."""

    engine: Engine
    home: Home
    reader: Reader
    actor: Actor

    def note(self, at: datetime) -> str:
        """Writes down that he takes all of it along; gives the client's short name."""
        with booking(self.engine, self.actor, at) as work:
            slug = clients.get(work.conn, self.reader.client_id).slug
            work.note(Verb.CLIENT_EXPORTED, slug, client_id=self.reader.client_id)
        return slug

    def files(self) -> Iterator[File]:
        """The archive's files, one after the other: each is to be read before the next one is asked for."""
        with reading(self.engine) as conn:
            firm = clients.get(conn, self.reader.client_id)
            told = self._firm(conn, firm)
            asked = written(protocols.in_force(conn, firm.id).protocol).encode()
            bills = invoices.issued(conn, client_id=firm.id)
            known, years = agenda.all_calendars_of(conn, firm.id), agenda.first_and_last(conn, firm.id)
        zone = ZoneInfo(firm.timezone)
        yield File("firm.json", [told])
        yield File("protocol.toml", [asked])
        why = said(firm.language, restrictions.INSTEAD, {})
        yield File("calls.csv", _table(CALLS, (_call(one, zone, why) for one in self._calls())))
        yield File("messages.csv", _table(WORDS, self._words()))
        yield File("ledger.csv", _table(LEDGER, self._ledger(zone, why)))
        yield File("appointments.csv", _table(APPOINTMENTS, self._appointments(known)))
        if known:
            pages = self._pages_of_appointments()
            yield File("agenda.ics", archive_text(known, pages, years, firm.language))
        for one in bills:
            yield File(f"invoices/{one.kind.value}-{one.number}.pdf", _pdf(one))
        for call in self._calls():
            yield from self._sounds(call)

    def _firm(self, conn: Connection, firm: Client) -> bytes:
        """What is set up for it, for programs."""
        told = {
            "name": firm.name,
            "language": firm.language,
            "timezone": firm.timezone,
            "hours": firm.week,
            "numbers": dids.of_client(conn, firm.id),
            "greetings": [
                {"since": one.since.isoformat(), "text": one.text} for one in greetings.history(conn, firm.id)
            ],
            "texts": [{"name": one.name, "text": one.text} for one in infos.in_force(conn, firm.id)],
            "contacts": [
                {"name": one.name, "number": one.number, "then": one.then_number, "department": one.department}
                for one in contacts.rows(conn, firm.id)
            ],
            "rota": _rota(conn, firm),
            "calendars": [_agenda(conn, one) for one in agenda.all_calendars_of(conn, firm.id).values()],
            "recipients": [{"channel": one.channel, "address": one.address} for one in recipients_.rows(conn, firm.id)],
        }
        return json.dumps(told, ensure_ascii=False, indent=2).encode()

    def _calls(self) -> Iterator[Received]:
        after: Place | None = None
        while True:
            with reading(self.engine) as conn:
                found = inbox.page(conn, self.reader, Wanted(), PAGE, after)
            yield from found
            if len(found) < PAGE:
                return
            after = (found[-1].arrived_at, found[-1].call_id)

    def _words(self) -> Iterator[Sequence[object]]:
        for one in self._calls():
            if one.version:
                with reading(self.engine) as conn:
                    words = messages.words_of(conn, one.call_id) or ()
                yield from ((one.call_id, label, value) for label, value in words)

    def _ledger(self, zone: ZoneInfo, instead: str) -> Iterator[Sequence[object]]:
        after = 0
        while True:
            with reading(self.engine) as conn:
                found = ledger.entries_after(conn, self.reader.client_id, after, PAGE)
            for one in found:
                at = one.at.astimezone(zone).isoformat()
                words = (one.why, one.disputed, one.answer)
                told = (instead if one.restricted and each else each for each in words)
                yield (one.id, at, one.kind, one.units, one.source, one.bag_id, one.call_id, one.reverses, *told)
            if len(found) < PAGE:
                return
            after = found[-1].id

    def _appointments(self, known: Mapping[int, AgendaCalendar]) -> Iterator[Sequence[object]]:
        for page in self._pages_of_appointments():
            for one in page:
                calendar = known[one.calendar_id]
                zone = ZoneInfo(calendar.zone)
                starts, ends, booked_at = (
                    at.astimezone(zone).isoformat() for at in (one.starts, one.ends, one.booked_at)
                )
                answers = "; ".join(f"{question} {answer}" for question, answer in one.answers.items())
                who = (one.kind, one.state.value, one.name, one.number, one.email, answers, one.note)
                kept = (one.language, one.booked_by, booked_at, one.call_id or "")
                yield (one.id, calendar.slug, starts, ends, *who, *kept)

    def _pages_of_appointments(self) -> Iterator[Sequence[Appointment]]:
        after = 0
        while True:
            with reading(self.engine) as conn:
                found = agenda.page_after(conn, self.reader.client_id, after, PAGE)
                shown = agenda.without_blocked(conn, found)
            yield shown
            if len(found) < PAGE:
                return
            after = found[-1].id

    def _sounds(self, call: Received) -> Iterator[File]:
        for folder, path in (("recordings", call.recording), ("voice-messages", call.message)):
            file = self.home.recordings / path
            if path and file.is_file():
                yield File(f"{folder}/{call.call_id}{file.suffix}", _pieces(file), sound=True)


def _call(one: Received, zone: ZoneInfo, instead: str) -> Sequence[object]:
    times = [at.astimezone(zone).isoformat() if at else "" for at in (one.arrived_at, one.answered_at, one.ended_at)]
    who = (one.caller, one.caller_name, one.outcome, one.secretary)
    kept = (one.urgent, bool(one.recording), bool(one.message), instead if one.restricted else "")
    return (one.call_id, times[0], *who, times[1], one.talked, one.transferred_to, times[2], *kept)


def _agenda(conn: Connection, one: AgendaCalendar) -> dict[str, object]:
    """A calendar, as it is set up."""
    kinds = agenda.kinds_of(conn, one.id)
    return {
        "calendar": one.slug,
        "name": one.name,
        "resource": one.resource,
        "timezone": one.zone,
        "hours": one.week,
        "step": one.step,
        "lead": one.lead // timedelta(minutes=1),
        "horizon": one.horizon // timedelta(days=1),
        "address": one.place.address,
        "map": one.place.map_link,
        "questions": list(one.questions),
        "kinds": [{"name": kind.name, "minutes": kind.minutes, "buffer": kind.buffer} for kind in kinds],
    }


def _rota(conn: Connection, firm: Client) -> list[dict[str, object]]:
    """Who of its contacts is on call, as it can be typed."""
    names, zone = names_of(conn, firm.id), ZoneInfo(firm.timezone)
    return [
        {
            "department": one.department,
            "lines": [rule_text(rule, names) for rule in one.rota.rules],
            "swaps": [swap_text(swap, names, zone) for swap in one.rota.swaps],
        }
        for one in rotas.of_client(conn, firm.id, EVER)
    ]


def _table(columns: Sequence[str], rows: Iterable[Sequence[object]]) -> Iterator[bytes]:
    """A file for spreadsheets: with a mark by which they know its letters, and nothing in it that they run."""
    out = io.StringIO()
    sheet = csv.writer(out, lineterminator="\r\n")
    yield "\ufeff".encode()
    sheet.writerow(columns)
    for row in rows:
        sheet.writerow([no_formula(cell) if isinstance(cell, str) else cell for cell in row])
        if out.tell() > PIECE:
            yield out.getvalue().encode()
            out.seek(0)
            out.truncate()
    yield out.getvalue().encode()


def _pieces(file: Path) -> Iterator[bytes]:
    with file.open("rb") as opened:
        while piece := opened.read(PIECE):
            yield piece


def _pdf(one: Invoice) -> Iterator[bytes]:
    # Imported here: it takes long to load.
    from pbx_control.notify.invoice_pdf import render

    yield render(one)
