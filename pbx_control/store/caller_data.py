"""The one list of what is kept of a caller: `caller find`, `caller export` and `caller erase` all go by it.

A table is in PARTS, or in WITHOUT_CALLERS with the reason why it holds no caller's data: a test fails for one that is
in neither. What lies in files is listed beside it, in `media/caller_files.py`.
"""

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import msgspec
from sqlalchemy import ColumnElement, Connection, Select, Table, bindparam, or_, select, true, update

from pbx_control.catalogue import N_
from pbx_control.domain.agenda.appointments import AppointmentState
from pbx_control.domain.agenda.rules import Source
from pbx_control.domain.audit import ABOUT_OUR_NUMBERS
from pbx_control.domain.keeping.erasure import names_number, redacted, redacted_details, without_person
from pbx_control.domain.keeping.retention import ERASED
from pbx_control.domain.notices.messages import TO_CALLERS, Kind
from pbx_control.store import audit, caller_marks, caller_requests, letters, messages, restrictions, score_sheets
from pbx_control.store.tables import (
    appointment,
    calendar,
    call,
    caller_mark,
    caller_request,
    caller_request_step,
    client,
    journal,
    letter,
    mailbox,
    message,
    message_field,
    message_version,
    recording_hold,
    restriction,
    score_sheet,
    secretary,
)
from pbx_control.store.tables import audit as audit_table

# Rows, or calls, that are read at once.
PAGE = 500
# The numbers in these entries are the house's own, whatever number a caller shows.
OURS = frozenset(verb.value for verb in ABOUT_OUR_NUMBERS)
_encode = msgspec.json.Encoder().encode

Row = Mapping[str, Any]
"""What is kept, by the names that a copy has for it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Whose:
    """A caller: his number, as calls have it, the calls that are meant, and the names that they have for him."""

    number: str
    calls: Sequence[str] = ()
    names: Collection[str] = ()
    client_id: int | None = None  # only what is about this client
    spared: Collection[int] = ()  # the clients about which nothing is erased

    def may_erase(self, client_id: int | None) -> bool:
        """Whether what is about that client, or (None) about all, goes."""
        return client_id not in self.spared if client_id is not None else not self.spared


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """One kind of what is kept. `erase` gives how many rows said something of him; they are deleted, or stay without
    him."""

    name: str
    what: str  # for whoever reads a copy
    tables: tuple[Table, ...]
    rows: Callable[[Connection, Whose], Iterator[Row]]
    erase: Callable[[Connection, Whose], int]
    of_calls: bool  # it goes with his calls; the others are found by his number


# --- with his calls ---------------------------------------------------------------------------------------


def _calls(conn: Connection, whose: Whose) -> Iterator[Row]:
    times = ("arrived_at", "answered_at", "handed_over_at", "ended_at")
    about = ("id", "did", "caller", "caller_name", "outcome", "transferred_to", "talked", "transferred")
    files = ("recording", "recording_flaw", "message", "message_flaw")
    people = call.outerjoin(client, client.c.id == call.c.client_id).outerjoin(
        secretary, secretary.c.id == call.c.secretary_id
    )
    query = select(
        *(call.c[name] for name in (*about, *times, *files)),
        client.c.slug.label("client"),
        client.c.name.label("client_name"),
        secretary.c.name.label("secretary"),
    ).select_from(people)
    yield from _of_calls(conn, whose, query.order_by(call.c.arrived_at, call.c.id), call.c.id)


def _erase_calls(conn: Connection, whose: Whose) -> int:
    nobody = {"caller": ERASED, "caller_name": ""}
    erase_live_state(conn, whose.calls)
    return conn.execute(update(call).where(call.c.id.in_(list(whose.calls))).values(nobody)).rowcount


def erase_live_state(conn: Connection, calls: Sequence[str]) -> None:
    """Takes who called out of the state of calls that last: a backup may have been made meanwhile, and who takes the
    call up reads its state."""
    living = call.c.id.in_(list(calls)), call.c.state.is_not(None), call.c.caller != ""
    query = select(call.c.id, call.c.caller, call.c.caller_name, call.c.state)
    for row in conn.execute(query.where(*living)).all():
        state = _encode(redacted_details(msgspec.json.decode(row.state), row.caller, {row.caller_name}))
        conn.execute(update(call).where(call.c.id == row.id).values(state=state))


def _journals(conn: Connection, whose: Whose) -> Iterator[Row]:
    query = select(journal.c.call_id, journal.c.seq, journal.c.at, journal.c.event, journal.c.details)
    for row in _of_calls(conn, whose, query.order_by(journal.c.call_id, journal.c.seq), journal.c.call_id):
        yield {**row, "details": msgspec.json.decode(row["details"])}


def _erase_journals(conn: Connection, whose: Whose) -> int:
    ids = list(whose.calls)
    rows = conn.execute(select(journal.c.call_id, journal.c.seq, journal.c.details).where(journal.c.call_id.in_(ids)))
    changed = []
    for row in rows.all():
        details = _encode(redacted_details(msgspec.json.decode(row.details), whose.number, whose.names)).decode()
        if details != row.details:
            changed.append({"of": row.call_id, "line": row.seq, "new": details})
    if changed:
        line = update(journal).where(journal.c.call_id == bindparam("of"), journal.c.seq == bindparam("line"))
        conn.execute(line.values(details=bindparam("new")), changed)
    return len(changed)


def _score_notes(conn: Connection, whose: Whose) -> Iterator[Row]:
    noted = select(score_sheet.c.call_id, score_sheet.c.at, score_sheet.c.note).where(score_sheet.c.note != "")
    yield from _of_calls(conn, whose, noted.order_by(score_sheet.c.call_id), score_sheet.c.call_id)


def _holds(conn: Connection, whose: Whose) -> Iterator[Row]:
    """That a call is kept, without the reason: that may be a court's business with others."""
    query = select(recording_hold.c.call_id, recording_hold.c.since, recording_hold.c.released_at)
    yield from _of_calls(conn, whose, query.order_by(recording_hold.c.id), recording_hold.c.call_id)


def _erase_holds(conn: Connection, whose: Whose) -> int:
    held = recording_hold.c.call_id.in_(list(whose.calls))
    changed = 0
    for row in conn.execute(select(recording_hold.c.id, recording_hold.c.why).where(held)).all():
        why = without_person(row.why, whose.number, whose.names)
        if why != row.why:
            conn.execute(update(recording_hold).where(recording_hold.c.id == row.id).values(why=why))
            changed += 1
    return changed


def _messages(conn: Connection, whose: Whose) -> Iterator[Row]:
    """Each with all its versions, and the draft as it stands."""
    columns = ("call_id", "begun_at", "signed_at", "sent_at", "version", "changed_at")
    query = select(*(message.c[name] for name in columns)).order_by(message.c.begun_at, message.c.call_id)
    for row in _of_calls(conn, whose, query, message.c.call_id):
        one = message_version.c.call_id == row["call_id"]
        sent = select(message_version.c.version, message_version.c.at, message_version.c.words).where(one)
        versions = [
            {"version": each.version, "at": each.at, "words": msgspec.json.decode(each.words)}
            for each in conn.execute(sent.order_by(message_version.c.version))
        ]
        draft = select(message_field.c.key, message_field.c.value).where(message_field.c.call_id == row["call_id"])
        fields = {each.key: each.value for each in conn.execute(draft.order_by(message_field.c.key))}
        yield {**row, "versions": versions, "draft": fields}


def _letters(conn: Connection, whose: Whose) -> Iterator[Row]:
    """Their addresses are the clients' people's, but for what was sent to himself."""
    columns = ("call_id", "channel", "subject", "body_text", "attachment", "written_at", "delivered_at")
    query = select(letter.c.id, letter.c.kind, letter.c.address, *(letter.c[name] for name in columns))
    for row in _of_calls(conn, whose, query.order_by(letter.c.id), letter.c.call_id):
        told = {name: value for name, value in row.items() if name not in ("kind", "address")}
        others = "program" if row["kind"] == Kind.WEBHOOK.value else "client"
        yield told | {"to": row["address"] if row["kind"] in TO_CALLERS else others}


def _erase_letters(conn: Connection, whose: Whose) -> int:
    """Those to himself go, with what is known of his address; the others stay, blank."""
    to_him = messages.erase_letters_to_callers(conn, whose.calls)
    about = update(letter).where(letter.c.call_id.in_(list(whose.calls)))
    return to_him + conn.execute(about.values(letters.BLANK)).rowcount


# --- by his number ----------------------------------------------------------------------------------------

_TEXTS = ("subject", "body_text", "body_html")


def _reports(conn: Connection, whose: Whose) -> Iterator[Row]:
    """Of each only the lines that name him: the others are other callers'."""
    after: int | None = 0
    while after is not None:
        page, after = _page_of_reports(conn, after, whose)
        for row in page:
            text = f"{row.subject}\n{row.body_text}"
            lines = [line for line in text.splitlines() if names_number(line, whose.number)]
            if lines:
                yield {"id": row.id, "written_at": row.written_at, "lines": lines}


def _erase_reports(conn: Connection, whose: Whose) -> int:
    changed = 0
    after: int | None = 0
    while after is not None:
        here, after = erase_page_of_reports(conn, whose, after)
        changed += here
    return changed


def erase_page_of_reports(conn: Connection, whose: Whose, after: int) -> tuple[int, int | None]:
    """Takes him out of a page of the letters that are about no single call: daily reports, say. Gives how many were
    changed and the last one's number, to go on after it; None after the last page."""
    page, last = _page_of_reports(conn, after, whose)
    changed = 0
    for row in page:
        texts = {field: redacted(getattr(row, field), whose.number, whose.names) for field in _TEXTS}
        if whose.may_erase(row.client_id) and any(texts[field] != getattr(row, field) for field in _TEXTS):
            conn.execute(update(letter).where(letter.c.id == row.id).values(texts))
            changed += 1
    return changed, last


def _page_of_reports(conn: Connection, after: int, whose: Whose) -> tuple[Sequence[Any], int | None]:
    of_client = true() if whose.client_id is None else letter.c.client_id == whose.client_id
    query = select(letter.c.id, letter.c.client_id, letter.c.written_at, *(letter.c[field] for field in _TEXTS))
    which = letter.c.call_id.is_(None), of_client, letter.c.id > after
    rows = conn.execute(query.where(*which).order_by(letter.c.id).limit(PAGE)).all()
    return rows, rows[-1].id if rows else None


def _marks(conn: Connection, whose: Whose) -> Iterator[Row]:
    query = select(caller_mark.c.kind, caller_mark.c.why, client.c.slug.label("client"))
    query = query.select_from(caller_mark.outerjoin(client)).where(caller_mark.c.number == whose.number)
    yield from _read(conn, query.where(_about(caller_mark, whose)).order_by(caller_mark.c.id))


def _erase_marks(conn: Connection, whose: Whose) -> int:
    return caller_marks.forget(conn, whose.number, whose.may_erase)


def _requests(conn: Connection, whose: Whose) -> Iterator[Row]:
    columns = ("id", "kind", "received_at", "last_day", "note", "closed_at", "answer")
    query = select(*(caller_request.c[name] for name in columns), client.c.slug.label("client"))
    query = query.select_from(caller_request.outerjoin(client)).where(caller_request.c.number == whose.number)
    for row in _read(conn, query.where(_about(caller_request, whose)).order_by(caller_request.c.id)):
        steps = select(caller_request_step.c.at, caller_request_step.c.what)
        steps = steps.where(caller_request_step.c.request_id == row["id"]).order_by(caller_request_step.c.seq)
        yield {**row, "steps": list(_read(conn, steps))}


def _erase_requests(conn: Connection, whose: Whose) -> int:
    return caller_requests.forget(conn, whose.number, whose.names, whose.may_erase)


def _restrictions(conn: Connection, whose: Whose) -> Iterator[Row]:
    columns = (restriction.c.why, restriction.c.since, restriction.c.lifted_at, client.c.slug.label("client"))
    query = select(*columns).select_from(restriction.outerjoin(client)).where(restriction.c.number == whose.number)
    yield from _read(conn, query.where(_about(restriction, whose)).order_by(restriction.c.id))


def _erase_restrictions(conn: Connection, whose: Whose) -> int:
    return restrictions.forget_lifted(conn, whose.number, whose.may_erase)


def _appointments(conn: Connection, whose: Whose) -> Iterator[Row]:
    """Those for his number, and those that were booked during his calls."""
    columns = ("uid", "kind", "starts", "ends", "name", "number", "email", "answers", "note", "state", "language")
    query = select(*(appointment.c[name] for name in columns), client.c.slug.label("client"))
    query = query.join_from(appointment, client, client.c.id == appointment.c.client_id)
    for row in _read(conn, query.where(*_his_appointments(whose)).order_by(appointment.c.id)):
        yield {**row, "answers": msgspec.json.decode(row["answers"])}


def _erase_appointments(conn: Connection, whose: Whose) -> int:
    """They stay, for nobody: when they were is the client's. Remote calendars are told at once."""
    columns = ("id", "uid", "client_id", "changed_at", "mirror_due_at")
    query = select(*(appointment.c[name] for name in columns), calendar.c.source).join_from(appointment, calendar)
    query = query.where(*_his_appointments(whose))
    his = [row for row in conn.execute(query).all() if whose.may_erase(row.client_id)]
    letters.erase_about(conn, [row.uid for row in his])
    nobody = {"name": ERASED, "number": "", "email": "", "answers": "{}", "note": ""}
    for row in his:
        told = {"mirror_due_at": _anew(row), "mirror_attempts": 0, "mirror_error": ""}
        conn.execute(update(appointment).where(appointment.c.id == row.id).values(nobody | told))
    return len(his)


def _anew(row: Any) -> datetime | None:
    """When the remote calendar is to be told of an erased one: another instant than it was to be, as who tells it at
    this moment, with the name, is not to note that it is done."""
    if row.source == Source.OWN.value:
        return None
    due_at: datetime = row.changed_at
    return due_at + timedelta(microseconds=1) if due_at == row.mirror_due_at else due_at


def _his_appointments(whose: Whose) -> tuple[ColumnElement[bool], ...]:
    his = or_(appointment.c.number == whose.number, appointment.c.call_id.in_(list(whose.calls)))
    of_client = true() if whose.client_id is None else appointment.c.client_id == whose.client_id
    return his, appointment.c.name != ERASED, of_client


def coming_appointments(conn: Connection, whose: Whose, at: datetime) -> list[int]:
    """The ids of his confirmed appointments that are not over, as far as they may be erased, the next one first."""
    query = select(appointment.c.id, appointment.c.client_id).where(
        *_his_appointments(whose),
        appointment.c.state == AppointmentState.CONFIRMED.value,
        appointment.c.ends > at,
    )
    rows = conn.execute(query.order_by(appointment.c.starts, appointment.c.id))
    return [row.id for row in rows if whose.may_erase(row.client_id)]


def _entries(conn: Connection, whose: Whose) -> Iterator[Row]:
    """That a change named his number, as it was then that of a client's contact; what else it said is not his."""
    query = select(audit_table.c.at, audit_table.c.verb, audit_table.c.difference).order_by(audit_table.c.id)
    containing = audit_table.c.difference.contains(whose.number, autoescape=True)
    for row in conn.execute(query.where(containing, _about(audit_table, whose))):
        if row.verb not in OURS and names_number(row.difference, whose.number):
            yield {"at": row.at, "verb": row.verb}


def _erase_entries(conn: Connection, whose: Whose) -> int:
    return audit.erase_number(conn, whose.number, lambda text: names_number(text, whose.number))


# A number stands there as that of a client's contact.
ENTRIES = "entries"
PARTS: tuple[Part, ...] = (
    Part(
        name="calls",
        what=N_("The calls: when, to which client, what became of them, and how long they lasted in seconds."),
        tables=(call,),
        rows=_calls,
        erase=_erase_calls,
        of_calls=True,
    ),
    Part(
        name="journals",
        what=N_("What happened in each call, line by line."),
        tables=(journal,),
        rows=_journals,
        erase=_erase_journals,
        of_calls=True,
    ),
    Part(
        name="messages",
        what=N_("What secretaries wrote about the calls: each version that was sent, and the draft."),
        tables=(message, message_field, message_version),
        rows=_messages,
        erase=lambda conn, whose: messages.erase(conn, whose.calls),
        of_calls=True,
    ),
    Part(
        name="letters",
        what=N_(
            "What was sent about the calls: to the client that was called, to a program that is told of calls, or to "
            "the caller himself."
        ),
        tables=(letter, mailbox),
        rows=_letters,
        erase=_erase_letters,
        of_calls=True,
    ),
    Part(
        name="notes",
        what=N_("What a supervisor has noted about the secretary's work in the calls."),
        tables=(score_sheet,),
        rows=_score_notes,
        erase=lambda conn, whose: score_sheets.forget_notes(conn, whose.calls),
        of_calls=True,
    ),
    Part(
        name="holds",
        what=N_("Calls that are, or were, kept for a court or another authority."),
        tables=(recording_hold,),
        rows=_holds,
        erase=_erase_holds,
        of_calls=True,
    ),
    Part(
        name="reports",
        what=N_("Lines of reports to clients that have the number."),
        tables=(letter,),
        rows=_reports,
        erase=_erase_reports,
        of_calls=False,
    ),
    Part(
        name="marks",
        what=N_("Whether calls from the number are tests, or are not answered."),
        tables=(caller_mark,),
        rows=_marks,
        erase=_erase_marks,
        of_calls=False,
    ),
    Part(
        name="requests",
        what=N_("What the caller has asked for by his rights, and the answers."),
        tables=(caller_request, caller_request_step),
        rows=_requests,
        erase=_erase_requests,
        of_calls=False,
    ),
    Part(
        name="restrictions",
        what=N_("Whether the data is, or was, blocked while a request is decided."),
        tables=(restriction,),
        rows=_restrictions,
        erase=_erase_restrictions,
        of_calls=False,
    ),
    Part(
        name="appointments",
        what=N_("The appointments: when, with which client, and what was noted for them."),
        tables=(appointment,),
        rows=_appointments,
        erase=_erase_appointments,
        of_calls=False,
    ),
    Part(
        name=ENTRIES,
        what=N_("Entries of the audit trail that have the number."),
        tables=(audit_table,),
        rows=_entries,
        erase=_erase_entries,
        of_calls=False,
    ),
)

_SWITCH, _CLIENT = "our own telephones and carriers", "a client's own data, and its people's"
_MONEY, _ABOUT = "what a call cost: it names no caller", "refers to a call and says nothing of who called"
_STAFF, _OFFICE = "people who sign in", "the office's own work"
_INCIDENT = "the office wrote it of an incident, as evidence: it may name anybody, and is no record of callers"
_COPY = "a client wrote it in a text of its own: it may name anybody, and is no record of callers"

# Each other table, and why it holds no caller's data.
WITHOUT_CALLERS: Mapping[str, str] = {
    **dict.fromkeys(("revision", "trunk", "did", "node", "refusal"), _SWITCH),
    **dict.fromkeys(("client", "holiday", "contact", "recipient", "recipient_request", "telegram_account"), _CLIENT),
    **dict.fromkeys(("greeting", "announcement", "opening_override", "protocol", "info_text", "proposal"), _COPY),
    "mail_in": "mails of clients' people and of mail servers; forgotten after 90 days",
    **dict.fromkeys(("secretary", "secretary_client", "pause", "attendance", "account_user", "web_session"), _STAFF),
    **dict.fromkeys(("supervisor_telephone", "score_mark"), _STAFF),
    **dict.fromkeys(("half_sign_in", "second_factor", "recovery_code", "sign_in_link"), _STAFF),
    **dict.fromkeys(("passkey", "passkey_challenge"), _STAFF),
    "api_token": "names of programs",
    "webhook": "where programs are told of events; the events are letters",
    "api_once": "what a program asked for, as a hash; forgotten after a day",
    **dict.fromkeys(("rota_rule", "rota_turn", "rota_swap", "subprocessors_told", "incident_letter"), _CLIENT),
    **dict.fromkeys(("incident", "incident_client", "incident_entry"), _INCIDENT),
    **dict.fromkeys(("subprocessor", "link_key"), _OFFICE),
    **dict.fromkeys(("seat_claim", "shown", "opened", "task", "appointment_task", "unit_reservation"), _ABOUT),
    **dict.fromkeys(("urgency", "urgent_step"), _ABOUT),
    "dialling": "numbers of clients' contacts that were called",
    **dict.fromkeys(("ledger_entry", "dispute"), _MONEY),
    **dict.fromkeys(("plan", "plan_did", "subscription", "account", "bag", "client_order"), _CLIENT),
    **dict.fromkeys(("threshold_notice", "invoice_series", "invoice", "invoice_line", "going_live"), _CLIENT),
    **dict.fromkeys(("calendar", "appointment_kind", "remote_state", "remote_access"), _CLIENT),
    "slot_hold": "a time, and the secretary who holds it",
    "remote_busy": "when a client's own calendar is busy: it names nobody",
    "receipt": "what was deleted or handed out, made so that it names nobody",
    **dict.fromkeys(("clock_guard", "lease", "job_run"), _OFFICE),
    "quarter_hour": "how many calls there were",
}


def counts(conn: Connection, whose: Whose) -> dict[str, int]:
    """How much there is of each part."""
    return {part.name: sum(1 for _ in part.rows(conn, whose)) for part in PARTS}


def erase_calls(conn: Connection, whose: Whose) -> dict[str, int]:
    """Takes him out of what goes with these calls; gives how many rows of each part said something of him."""
    return {part.name: part.erase(conn, whose) for part in PARTS if part.of_calls}


def erase_rest(conn: Connection, whose: Whose) -> dict[str, int]:
    """Takes him out of what is found by his number, as far as it is no spared client's, but for the reports, which
    are erased page by page, and the audit trail."""
    rest = [part for part in PARTS if not part.of_calls and part.name not in ("reports", ENTRIES)]
    return {part.name: part.erase(conn, whose) for part in rest}


def erase_entries(conn: Connection, whose: Whose) -> int:
    """Takes him out of the audit trail, once something else of him was erased: that a client's contact has a number is
    no reason. Gives how many entries had it."""
    return _erase_entries(conn, whose)


def _about(table: Table, whose: Whose) -> ColumnElement[bool]:
    """What is about all clients is also about one."""
    if whose.client_id is None:
        return true()
    return or_(table.c.client_id == whose.client_id, table.c.client_id.is_(None))


def _of_calls(conn: Connection, whose: Whose, query: Select[Any], column: ColumnElement[str]) -> Iterator[Row]:
    for start in range(0, len(whose.calls), PAGE):
        yield from _read(conn, query.where(column.in_(list(whose.calls[start : start + PAGE]))))


def _read(conn: Connection, query: Select[Any]) -> Iterator[Row]:
    for row in conn.execute(query):
        yield dict(row._mapping)
