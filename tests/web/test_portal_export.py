"""An owner takes along all that is kept of the firm, and nothing of another client's."""

import csv
import io
import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from zipfile import ZipFile

import httpx
import vobject
from acting import ADMIN, HOUSE
from browsing import Browser, Place
from sqlalchemy import insert, select, update

from pbx_control.clock import now
from pbx_control.domain.agenda.rules import Kind
from pbx_control.domain.money.plans import Plan
from pbx_control.domain.money.quota import Limits
from pbx_control.domain.money.repeats import Arrived
from pbx_control.services import accounts, appointments, calendars, infos, invoicing, people, subscriptions, texts
from pbx_control.services.appointments import Order
from pbx_control.services.tenant_export import PAGE, File
from pbx_control.services.work import booking, changing
from pbx_control.settings import Billing, Settings
from pbx_control.store import clients, ledger, messages, restrictions, secretaries
from pbx_control.store.engine import reading, writing
from pbx_control.store.messages import Kept
from pbx_control.store.tables import appointment, audit, call
from pbx_control.web.portal.export import zipped
from pbx_control.web.tries import EXPORTS_OF_ONE

ISSUER = Settings(billing=Billing(issuer_rut="76.086.428-5", issuer_name="Casa", issuer_address="Av. 1"))
SOUND = bytes(range(256)) * 1000


async def owner(place: Place, who: str = "gerencia") -> Browser:
    browser = place.browser()
    await browser.sign_in(who)
    return browser


def provide(place: Place, home: Path, slug: str, secret: str) -> None:
    """A client with one of everything, in which that word stands."""
    with changing(place.engine, ADMIN, now()) as work:
        firm = clients.find(work.conn, slug).id
        texts.write_greeting(work, firm, f"Hola {secret}")
        infos.add(work, firm, "Mapa", f"Av. {secret}")
        people.add_contact(work, firm, f"Rosa {secret}", "+56987654321")
        people.add_recipient(work, firm, "email", f"{secret.lower()}@{slug}.example")
        subscriptions.set_plan(work, Plan(name=slug, calls=9, price=9, extra_call=9, contacts=9, calendars=1))
        subscriptions.assign(work, firm, slug)
    with booking(place.engine, ADMIN, now()) as work:
        invoicing.renew(work, ISSUER, slug)
    with writing(place.engine) as conn:
        at, call_id, ana = now(), f"pbx-{slug}.1", secretaries.find(conn, "Ana").id
        values = {"id": call_id, "client_id": firm, "did": "+56225550101", "caller": "+56223334455", "phase": "ended"}
        more = {"caller_name": f"=cmd {secret}", "outcome": "answered", "talked": 60.0, "recording": f"{slug}.wav"}
        conn.execute(insert(call).values(values | more | {"arrived_at": at, "ended_at": at}))
        kept = Kept(call_id=call_id, client_id=firm, secretary_id=ana, protocol_id=None, begun_at=at)
        messages.add(conn, kept)
        messages.add_version(conn, kept, (("Motivo", f"+{secret}"),), at, gist=secret, urgent=True)
        ledger.charge(conn, firm, Arrived(call_id, "+56223334455", at), at, Limits())
        entry = ledger.charge_of_call(conn, call_id)
    assert entry
    with booking(place.engine, ADMIN, now()) as work:
        accounts.dispute(work, entry, secret)
        rules = {"week": "always", "lead": timedelta(0), "questions": ["¿RUT?"]}
        calendars.add(work, firm, "soto", f"Dra. {secret}", [Kind(0, "Consulta", 30)], **rules)
        first = appointments.free(work.conn, firm, "soto", "", at, at + timedelta(days=1), at)[0]
        who = {"name": f"=cmd {secret}", "number": "+56223334455", "answers": {"¿RUT?": "1-9"}, "call_id": call_id}
        appointments.book(work, Order(client_id=firm, calendar="soto", starts=first.starts, **who), house=HOUSE)
    (home / "recordings").mkdir(exist_ok=True)
    (home / "recordings" / f"{slug}.wav").write_bytes(SOUND)


def opened(answer: httpx.Response) -> ZipFile:
    assert answer.status_code == 200
    archive = ZipFile(io.BytesIO(answer.content))
    assert archive.testzip() is None
    return archive


def table(archive: ZipFile, name: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(archive.read(name).decode("utf-8-sig"))))


async def test_all_of_his_firm_is_there_and_nothing_of_another(place: Place, tmp_path: Path) -> None:
    provide(place, tmp_path, "andes", "Nuestro")
    provide(place, tmp_path, "lagos", "Ajeno")
    answer = await (await owner(place)).post("/portal/export")
    assert answer.headers["content-type"] == "application/zip"
    assert answer.headers["content-disposition"].startswith('attachment; filename="andes-20')
    archive = opened(answer)
    assert sorted(archive.namelist()) == [
        "agenda.ics",
        "appointments.csv",
        "calls.csv",
        "firm.json",
        "invoices/boleta-1.pdf",
        "ledger.csv",
        "messages.csv",
        "protocol.toml",
        "recordings/pbx-andes.1.wav",
    ]
    assert archive.read("recordings/pbx-andes.1.wav") == SOUND
    firm = json.loads(archive.read("firm.json"))
    assert firm["greetings"][0]["text"] == "Hola Nuestro"
    assert firm["recipients"] == [{"channel": "email", "address": "nuestro@andes.example"}]
    (one,) = table(archive, "calls.csv")
    assert (one["call"], one["caller"], one["urgent"]) == ("pbx-andes.1", "'+56223334455", "True")
    assert table(archive, "messages.csv") == [{"call": "pbx-andes.1", "field": "Motivo", "value": "'+Nuestro"}]
    assert [row["disputed"] for row in table(archive, "ledger.csv")] == ["", "Nuestro"]
    for name in archive.namelist():
        assert b"Ajeno" not in archive.read(name)
        assert b"lagos" not in archive.read(name)


async def test_its_agenda_comes_as_a_table_and_as_a_calendar(place: Place, tmp_path: Path) -> None:
    provide(place, tmp_path, "andes", "Nuestro")
    archive = opened(await (await owner(place)).post("/portal/export"))
    (row,) = table(archive, "appointments.csv")
    assert (row["calendar"], row["kind"], row["state"], row["call"]) == ("soto", "Consulta", "confirmed", "pbx-andes.1")
    assert (row["name"], row["number"], row["answers"]) == ("'=cmd Nuestro", "'+56223334455", "¿RUT? 1-9")
    read = vobject.readOne(archive.read("agenda.ics").decode())
    assert read.vevent.summary.value == "Consulta: =cmd Nuestro"
    assert read.vevent.dtstart.value == datetime.fromisoformat(row["starts"])
    (calendar,) = json.loads(archive.read("firm.json"))["calendars"]
    assert (calendar["name"], calendar["kinds"]) == (
        "Dra. Nuestro",
        [{"name": "Consulta", "minutes": 30, "buffer": 0}],
    )


async def test_a_blocked_caller_s_past_appointments_are_nobody_s(place: Place, tmp_path: Path) -> None:
    provide(place, tmp_path, "andes", "Nuestro")
    with writing(place.engine) as conn:
        past = {"starts": now() - timedelta(hours=2), "ends": now() - timedelta(hours=1)}
        conn.execute(update(appointment).values(past))
        restrictions.add(conn, "+56223334455", None, "asks", now())
    archive = opened(await (await owner(place)).post("/portal/export"))
    (row,) = table(archive, "appointments.csv")
    assert (row["name"], row["number"], row["answers"], row["kind"]) == ("", "", "", "Consulta")
    assert b"=cmd" not in archive.read("agenda.ics")


async def test_what_spreadsheets_would_run_is_text(place: Place, tmp_path: Path) -> None:
    provide(place, tmp_path, "andes", "Nuestro")
    (one,) = table(opened(await (await owner(place)).post("/portal/export")), "calls.csv")
    assert one["caller_name"] == "'=cmd Nuestro"


async def test_that_he_took_it_along_is_written_down(place: Place) -> None:
    await (await owner(place)).post("/portal/export")
    with reading(place.engine) as conn:
        row = conn.execute(select(audit).where(audit.c.verb == "client exported")).one()
    assert (row.actor, row.who, row.origin, row.subject) == ("user", "gerencia", "198.51.100.7", "andes")
    assert "client exported" in (await (await owner(place)).get("/portal/audit")).text


async def test_many_calls_come_without_gap_or_repetition(place: Place) -> None:
    at, count = datetime(2026, 11, 20, 13, tzinfo=UTC), 2 * PAGE + 7
    with writing(place.engine) as conn:
        firm = clients.find(conn, "andes").id
        values = {"client_id": firm, "did": "+56225550101", "caller": "", "phase": "ended", "outcome": "missed"}
        times = [at + timedelta(minutes=number // 3) for number in range(count)]
        rows = [{"id": f"c{n}", "arrived_at": when, "ended_at": when} | values for n, when in enumerate(times)]
        conn.execute(insert(call), rows)
    found = [row["call"] for row in table(opened(await (await owner(place)).post("/portal/export")), "calls.csv")]
    assert sorted(found) == sorted(row["id"] for row in rows)


async def test_a_sound_that_is_gone_leaves_the_rest(place: Place, tmp_path: Path) -> None:
    provide(place, tmp_path, "andes", "Nuestro")
    (tmp_path / "recordings" / "andes.wav").unlink()
    archive = opened(await (await owner(place)).post("/portal/export"))
    assert not [name for name in archive.namelist() if name.startswith("recordings")]


async def test_it_is_made_some_times_an_hour(place: Place) -> None:
    browser = await owner(place)
    answers = [(await browser.post("/portal/export")).status_code for _ in range(EXPORTS_OF_ONE.amount + 1)]
    assert answers == [*[200] * EXPORTS_OF_ONE.amount, 429]
    assert (await (await owner(place, "lagos")).post("/portal/export")).status_code == 200


def test_what_was_read_is_given_away_before_the_next_is_read() -> None:
    """Whatever a firm's recordings come to, no more than a piece of one is held."""
    read: list[int] = []

    def pieces() -> Iterator[bytes]:
        for number in range(5):
            read.append(number)
            yield SOUND

    out = zipped([File("a.wav", pieces(), sound=True)], datetime(2026, 11, 20, tzinfo=UTC))
    given, most = 0, 0
    for piece in out:
        given += len(piece)
        most = max(most, len(read) * len(SOUND) - given)
    assert most <= len(SOUND)
    assert given > 5 * len(SOUND)


async def test_a_semicolon_begins_no_formula_where_it_parts_cells(place: Place, tmp_path: Path) -> None:
    """As spreadsheets in Chile read it."""
    provide(place, tmp_path, "andes", "Nuestro")
    with writing(place.engine) as conn:
        conn.execute(update(call).where(call.c.id == "pbx-andes.1").values(caller_name="Ana;=1+1"))
    archive = opened(await (await owner(place)).post("/portal/export"))
    rows = csv.reader(io.StringIO(archive.read("calls.csv").decode("utf-8-sig")), delimiter=";")
    assert [cell for row in rows for cell in row if cell.startswith("=")] == []
