"""A caller of whom there is something in every place where callers' data is kept."""

import hashlib
import json
from datetime import datetime, timedelta

from acting import ADMIN, by_admin
from keeping import NOW, House
from sqlalchemy import Connection, Table, insert, select

from pbx_control.domain.audit import AuditEntry, Verb
from pbx_control.domain.keeping.requests import RequestKind
from pbx_control.services import caller_requests, marks
from pbx_control.services.caller_requests import Register
from pbx_control.store import audit, clients, holds, restrictions
from pbx_control.store.engine import writing
from pbx_control.store.tables import (
    account_user,
    appointment,
    calendar,
    journal,
    letter,
    mailbox,
    message,
    message_field,
    message_version,
    score_sheet,
    secretary,
)
from pbx_control.zones import zoneinfo

HIS, NAME, MAIL = "+56912345678", "María Soto", "maria@soto.example"
CALL = "pbx-1.1"


def register(house: House) -> Register:
    return Register(zoneinfo.ZoneInfo("America/Santiago"), "secret", house.home)


def is_everywhere(house: House) -> None:
    """Puts it there; his call is two days old, and to the client 1."""
    house.has_call(CALL, 2, caller=HIS, caller_name=NAME, message="2026/08/01/pbx-1.1-message.wav", outcome="answered")
    house.has_file("2026/08/01/pbx-1.1-message.wav", "his message")
    report = house.home.documents / "reports" / "1" / "2026-08-01.csv"
    report.parent.mkdir(parents=True)
    report.write_text(f"09:00,{HIS},{NAME}\n10:00,+56987654321,Paz\n")
    done = house.home.run / "absence" / "done"
    done.mkdir(parents=True)
    (done / "1.csv").write_text(f'"1.5","entered","{CALL}","x","{HIS}","{NAME}"\n')
    with writing(house.engine) as conn:
        _calls_papers(conn)
        _number_s_papers(conn, house)


def _calls_papers(conn: Connection) -> None:
    put(conn, journal, call_id=CALL, seq=1, at=NOW, event="X", details=json.dumps({"caller": HIS, "name": NAME}))
    put(conn, secretary, id=77, name="Eva", user="eva77", password="x")
    put(conn, account_user, id=78, name="jefa", role="supervisor", password_hash="x", created_at=NOW)
    put(conn, message, call_id=CALL, client_id=1, secretary_id=77, begun_at=NOW, sent_at=NOW, version=2)
    put(conn, message_field, call_id=CALL, key="name", value=f"{NAME}, draft", saved_at=NOW)
    for version in (1, 2):
        words = json.dumps([["Nombre", f"{NAME} {version}"]])
        put(conn, message_version, call_id=CALL, version=version, at=NOW, secretary_id=77, words=words, gist=NAME)
    put(conn, score_sheet, call_id=CALL, secretary_id=77, user_id=78, at=NOW, note=f"{NAME} was kept waiting")
    has_letter(conn, CALL, f"{NAME} called", address="boss@andes.example")
    has_letter(conn, CALL, "the address of the firm", address=MAIL, kind="info")
    put(conn, mailbox, channel="email", address=MAIL, last_error="full")
    holds.hold(conn, CALL, f"a trial of {HIS}", NOW)
    holds.release(conn, CALL, NOW)


def _number_s_papers(conn: Connection, house: House) -> None:
    work = by_admin(conn, NOW)
    has_letter(conn, None, f"missed\n09:00 {HIS} {NAME}\n10:00 +56 9 8765 4321", address="boss@andes.example")
    marks.mark(work, HIS, "test", f"it is {NAME}")
    added = caller_requests.add(work, register(house), HIS, RequestKind.ACCESS, note=f"{NAME} by letter, {HIS}")
    caller_requests.close(work, added.id, f"sent to {NAME}")
    restrictions.add(conn, HIS, None, f"{NAME} asks", NOW)
    restrictions.lift(conn, HIS, None, NOW)
    has_appointment(conn, NOW - timedelta(days=1))
    entry = {"number": (None, HIS)}
    audit.add(conn, AuditEntry(at=NOW, actor=ADMIN, verb=Verb.CONTACT_ADDED, subject="andes", difference=entry))
    assert clients.get(conn, 1).slug == "andes"


def has_appointment(conn: Connection, starts: datetime, **more: object) -> None:
    """In the calendar of the client 1, which is added with the first one."""
    if conn.scalar(select(calendar.c.id).where(calendar.c.id == 71)) is None:
        rules = {"zone": "America/Santiago", "week": "always", "step": 30, "lead": 0, "horizon": 60}
        put(conn, calendar, id=71, client_id=1, slug="rojas", name="Dra. Rojas", created_at=NOW, **rules)
    when = {"starts": starts, "ends": starts + timedelta(minutes=30), "blocked_until": starts + timedelta(minutes=40)}
    said = {"answers": json.dumps({"¿RUT?": f"{NAME} 1-9"}), "note": f"{NAME} llama de nuevo", "email": MAIL}
    row = {"uid": f"uid {starts}", "calendar_id": 71, "client_id": 1, "kind": "Consulta", "name": NAME, "number": HIS}
    row |= {"state": "confirmed", "booked_at": NOW, "changed_at": NOW}
    put(conn, appointment, **(row | when | said | more))


def has_letter(conn: Connection, call_id: str | None, text: str, *, waiting: bool = False, **more: object) -> None:
    row = {"channel": "email", "address": "a@b.example", "subject": text.partition("\n")[0], "body_text": text}
    due = {"written_at": NOW, "due_at": NOW if waiting else None, "delivered_at": None if waiting else NOW}
    row |= {"call_id": call_id, "client_id": 1, "message_id": hashlib.sha256(f"{call_id} {text}".encode()).hexdigest()}
    put(conn, letter, **(row | due | more))


def put(conn: Connection, table: Table, **row: object) -> None:
    conn.execute(insert(table).values(row))
