"""Cancelling: what ends at once, what is erased after 90 days with receipts, and coming back."""

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from acting import HOUSE, JOB, by_admin
from sqlalchemy import Connection, Engine, func, insert, select, update

from pbx_control.domain.agenda.rules import Kind
from pbx_control.domain.keeping.retention import ERASED, What
from pbx_control.domain.money.plans import Plan
from pbx_control.domain.money.repeats import Arrived
from pbx_control.domain.notices.messages import Channel, Letter
from pbx_control.domain.office import AnnouncementKind, Lack, Trunk
from pbx_control.domain.users import UserRole
from pbx_control.errors import ClientMistake, Code
from pbx_control.services import (
    accounts,
    appointments,
    calendars,
    cancelled,
    carriers,
    clientele,
    infos,
    marks,
    numbers,
    onboarding,
    people,
    protocols,
    staff,
    subscriptions,
    texts,
    users,
)
from pbx_control.services.cancelled import AFTER, PAGE, erase_cancelled, without_people
from pbx_control.services.work import Work
from pbx_control.settings import Home, Settings
from pbx_control.store import (
    clients,
    contacts,
    holds,
    ledger,
    letters,
    plans,
    receipts,
    retention,
    secretaries,
)
from pbx_control.store.engine import changing, reading, writing
from pbx_control.store.snapshot import read_revision
from pbx_control.store.tables import (
    account_user,
    announcement,
    appointment,
    calendar,
    call,
    caller_mark,
    client,
    contact,
    dialling,
    greeting,
    info_text,
    journal,
    ledger_entry,
    letter,
    message,
    metadata,
    protocol,
    recipient,
    shown,
    subscription,
    web_session,
)

NOON = datetime(2026, 8, 3, 16, tzinfo=UTC)
DAY, HOUR, MINUTE = timedelta(days=1), timedelta(hours=1), timedelta(minutes=1)
NUMBER = "+56225550101"
PEOPLE = (account_user, contact, recipient, caller_mark)
PERSONAL = (
    *PEOPLE,
    calendar,
    appointment,
    greeting,
    announcement,
    protocol,
    info_text,
    letter,
    dialling,
)
SMALL = Plan(name="small", calls=50, price=30_000, extra_call=800, contacts=2, calendars=1)
LARGE = Plan(name="large", calls=500, price=90_000, extra_call=500, contacts=6, calendars=3, recording=True)


@pytest.fixture
def office(engine: Engine) -> Engine:
    """Two clients alike, each with texts, people, a plan, and a call that was handed over and told of."""
    with changing(engine) as conn:
        numbers.add(
            by_admin(conn),
            [NUMBER, "+56225550102"],
            carriers.add(by_admin(conn), Trunk(id=0, name="carrier", match=("127.0.0.2",))),
        )
        subscriptions.set_plan(by_admin(conn), SMALL)
        subscriptions.set_plan(by_admin(conn), LARGE)
        for slug, number in (("andes", NUMBER), ("lagos", "+56225550102")):
            provision(conn, slug, number)
        retention.note_time(conn, NOON)
    return engine


def provision(conn: Connection, slug: str, number: str) -> None:
    client_id = clientele.add(by_admin(conn, NOON), slug, name=slug.title(), rut="76.086.428-5")
    numbers.assign(by_admin(conn, NOON), number, client_id)
    texts.write_greeting(by_admin(conn, NOON), client_id, "Buenos días")
    texts.write_greeting(by_admin(conn, NOON), client_id, "Buenas tardes")
    texts.put_announcement(by_admin(conn), client_id, AnnouncementKind.CLOSED, text="Cerrado")
    protocols.put(by_admin(conn, NOON), client_id, '[[field]]\nkey = "name"\nlabel = "Rosa Soto pregunta"')
    infos.add(by_admin(conn, NOON), client_id, "Banco", "Cuenta de Rosa Soto")
    people.add_contact(by_admin(conn), client_id, "Rosa Soto", "+56987654321")
    people.add_recipient(by_admin(conn), client_id, "email", f"gerencia@{slug}.example")
    password = users.NewPassword("x", "y")
    users.add(by_admin(conn, NOON), f"rosa.soto.{slug}", UserRole.CLIENT, password, client_id=client_id)
    values = {"token_hash": slug, "user_id": _user(conn, client_id), "origin": "203.0.113.77"}
    conn.execute(insert(web_session).values(began_at=NOON, seen_at=NOON, ends_at=NOON, **values))
    conn.execute(insert(caller_mark).values(number="+56911112222", client_id=client_id, kind="blocked"))
    subscriptions.assign(by_admin(conn, NOON), client_id, "small")
    letters.add(conn, [a_letter(client_id, None)])
    a_call(conn, client_id, f"{slug}-1")
    an_appointment(conn, client_id)


def an_appointment(conn: Connection, client_id: int) -> None:
    calendars.add(by_admin(conn, NOON), client_id, "soto", "Rosa Soto", [Kind(0, "Consulta", 30)])
    order = appointments.Order(client_id=client_id, calendar="soto", starts=NOON + 3 * HOUR, name="Juan Pérez Rojas")
    appointments.book(by_admin(conn, NOON), order, house=HOUSE)


def _user(conn: Connection, client_id: int) -> int:
    return conn.scalars(select(account_user.c.id).where(account_user.c.client_id == client_id)).one()


def a_letter(client_id: int, call_id: str | None) -> Letter:
    words = {"subject": "llamada", "text": "+56912345678 llamó", "written_at": NOON}
    named = f"{client_id}-{call_id}"
    return Letter(
        channel=Channel.EMAIL, address="a@b.example", message_id=named, call_id=call_id, client_id=client_id, **words
    )


def a_call(conn: Connection, client_id: int, call_id: str, **more: Any) -> None:
    values = {
        "id": call_id,
        "client_id": client_id,
        "did": NUMBER,
        "caller": "+56912345678",
        "caller_name": "María",
        "phase": "ENDED",
        "arrived_at": NOON,
        "ended_at": NOON + MINUTE,
        "recording": f"2026/08/03/{call_id}.wav",
        "transferred_to": "Rosa Soto",
    }
    conn.execute(insert(call).values(values | more))
    told = {"did": NUMBER, "caller": "+56912345678", "name": "María", "admission": "open"}
    lines = [("CallArrived", told), ("ContactAnswered", {"contact": "Rosa Soto"}), ("CallerLeft", {"cause": "bye"})]
    for seq, (event, details) in enumerate(lines):
        conn.execute(
            insert(journal).values(
                call_id=call_id, seq=seq, at=NOON, event=event, details=json.dumps(details, ensure_ascii=False)
            )
        )
    called = {"number": "+56987654321", "shown": NUMBER, "at": NOON}
    conn.execute(insert(dialling).values(leg=f"{call_id}-c", call_id=call_id, client_id=client_id, **called))
    letters.add(conn, [a_letter(client_id, call_id)])


def of(conn: Connection, slug: str = "andes") -> int:
    return int(clients.find(conn, slug).id)


def cancel(engine: Engine, at: datetime = NOON) -> None:
    with changing(engine) as conn:
        clientele.cancel(by_admin(conn, at), "andes")


def erase(engine: Engine, now: datetime, home: Path = Path("/nowhere")) -> str:
    """The schedule's job of a night, after the clock was noted every hour until then."""
    with writing(engine) as conn:
        retention.believe(conn, now)
    return str(erase_cancelled(Home(home), engine, JOB, now))


def counts(engine: Engine, slug: str) -> dict[str, int]:
    with reading(engine) as conn:
        client_id = of(conn, slug)
        return {
            table.name: conn.scalar(select(func.count()).select_from(table).where(table.c.client_id == client_id))
            for table in PERSONAL
        }


def everything(engine: Engine) -> dict[str, list[Any]]:
    with reading(engine) as conn:
        return {name: sorted(conn.execute(select(table)).all(), key=str) for name, table in metadata.tables.items()}


# --- cancelling


def test_cancelling_ends_plan_and_order_and_keeps_account_and_history(office: Engine) -> None:
    before = counts(office, "andes")
    with changing(office) as conn:
        account = ledger.find(conn, of(conn))
        onboarding.paid(by_admin(conn), of(conn), NOON, retention.UTC_ZONE)
        assert clientele.cancel(by_admin(conn, NOON + DAY), "andes") == [NUMBER]
        assert plans.current(conn, of(conn)) is None
        assert conn.scalar(select(subscription.c.until).where(subscription.c.client_id == of(conn))) == NOON + DAY
        assert onboarding.status(conn, NOON + DAY, retention.UTC_ZONE) == []
        assert ledger.find(conn, of(conn)) == account
        assert clients.find(conn, "andes").cancelled_at == NOON + DAY
        assert clients.find(conn, "lagos").cancelled_at is None
        assert plans.current(conn, of(conn, "lagos")) is not None
    assert counts(office, "andes") == before


def test_who_comes_back_in_time_finds_everything_but_its_number_and_plan(office: Engine) -> None:
    before = counts(office, "andes")
    cancel(office)
    assert erase(office, NOON + AFTER - MINUTE) == "nothing to erase"
    with changing(office) as conn:
        clientele.resume(by_admin(conn), "andes")
        assert clientele.still_to_do(conn, "andes") == [
            Lack.FORMER_NUMBER,
            Lack.SECRETARY,
            Lack.PLAN,
        ]
    assert erase(office, NOON + 10 * AFTER) == "nothing to erase"
    assert counts(office, "andes") == before


# --- erasing


def test_after_90_days_texts_people_and_callers_are_gone_and_the_other_client_is_untouched(office: Engine) -> None:
    before = counts(office, "lagos")
    cancel(office)
    said = erase(office, NOON + AFTER)
    assert said == (
        "erased: accounts: 1; announcements: 1; appointments: 1; calendars: 1; callers: 1; contacts: 1; greetings: 2; "
        "letters: 3; marks of callers: 1; protocols: 1; ready-made texts: 1; recipients: 1"
    )
    assert set(counts(office, "andes").values()) == {0}
    assert counts(office, "lagos") == before
    with reading(office) as conn:
        row = conn.execute(select(call).where(call.c.id == "andes-1")).one()
        assert (row.caller, row.caller_name, row.transferred_to) == (ERASED, "", ERASED)
        # the recording goes by its age, as always
        assert row.recording == "2026/08/03/andes-1.wav"
        told = [json.loads(line) for line in conn.scalars(journal_of("andes-1"))]
        assert told == [
            {"did": NUMBER, "caller": ERASED, "name": ERASED, "admission": "open"},
            {"contact": ERASED},
            {"cause": "bye"},
        ]
        other = conn.execute(select(call).where(call.c.id == "lagos-1")).one()
        assert (other.caller, other.caller_name) == ("+56912345678", "María")
        assert "María" in next(iter(conn.scalars(journal_of("lagos-1"))))


def journal_of(call_id: str) -> Any:
    return select(journal.c.details).where(journal.c.call_id == call_id).order_by(journal.c.seq)


def test_nothing_that_was_erased_stands_anywhere_else(office: Engine) -> None:
    with changing(office) as conn:
        conn.execute(update(client).where(client.c.slug == "lagos").values(state="cancelled", cancelled_at=NOON))
    cancel(office)
    erase(office, NOON + AFTER)
    kept = json.dumps(everything(office), default=str, ensure_ascii=False)
    for personal in (
        "+56912345678",
        "María",
        "Rosa Soto",
        "+56987654321",
        "+56911112222",
        "Buen",
        "gerencia@",
        "rosa.soto",
        "203.0.113.77",
    ):
        assert personal not in kept


def test_ledger_name_and_tax_number_stay(office: Engine) -> None:
    with writing(office) as conn:
        ledger.charge(conn, of(conn), Arrived("andes-1", "", NOON), NOON, ledger.Limits())
    entries = everything(office)["ledger_entry"]
    cancel(office)
    erase(office, NOON + AFTER)
    with reading(office) as conn:
        assert conn.scalar(select(func.count()).select_from(ledger_entry)) == len(entries)
        row = clients.find(conn, "andes")
    assert everything(office)["ledger_entry"] == entries
    assert (row.name, row.rut, row.erased_at) == ("Andes", "76.086.428-5", NOON + AFTER)


def test_each_erasure_leaves_receipts_that_name_nobody(office: Engine) -> None:
    cancel(office)
    erase(office, NOON + AFTER)
    with reading(office) as conn:
        found = receipts.newest(conn)
        client_id = of(conn)
    assert {(each.what, each.client_id, each.at) for each in found} == {(What.CLIENT_DATA, client_id, NOON + AFTER)}
    assert sorted(each.why.partition("; ")[2] for each in found) == [
        "1 accounts",
        "1 announcements",
        "1 appointments",
        "1 calendars",
        "1 callers",
        "1 contacts",
        "1 letters",
        "1 marks of callers",
        "1 protocols",
        "1 ready-made texts",
        "1 recipients",
        "2 greetings",
        "2 letters",
    ]
    assert {each.why.partition("; ")[0] for each in found} == {"cancelled: 2026-08-03T16:00:00Z + 90 d"}


def test_a_call_outlives_the_versions_that_a_secretary_was_shown(office: Engine) -> None:
    with changing(office) as conn:
        staff.add(by_admin(conn, NOON), "Ana", languages=["es"], client_ids=None)
        ana = secretaries.find(conn, "Ana").id
        for slug in ("andes", "lagos"):
            greeted, asked = (
                conn.scalar(select(func.max(each.c.id)).where(each.c.client_id == of(conn, slug)))
                for each in (greeting, protocol)
            )
            on_desk = {"call_id": f"{slug}-1", "secretary_id": ana}
            conn.execute(insert(shown).values(on_desk | {"at": NOON, "greeting_id": greeted, "protocol_id": asked}))
            begun = {"client_id": of(conn, slug), "begun_at": NOON, "protocol_id": asked}
            conn.execute(insert(message).values(on_desk | begun))
    before = everything(office)
    cancel(office)
    erase(office, NOON + AFTER)
    after = everything(office)
    # The other client's calls still say it.
    assert [row for row in after["shown"] if row.protocol_id] == [r for r in before["shown"] if r.call_id == "lagos-1"]
    assert [row.call_id for row in after["shown"] if not row.greeting_id] == ["andes-1"]
    # What was written about its calls went with their callers.
    assert [row.call_id for row in after["message"]] == ["lagos-1"]


@pytest.mark.parametrize(
    "give",
    [
        lambda work, to: subscriptions.assign(work, to, "measured"),
        lambda work, to: accounts.sell_bag(work, Settings(), "andes", 25),
        lambda work, to: onboarding.paid(work, to, NOON, retention.UTC_ZONE),
        lambda work, to: numbers.assign(work, NUMBER, to, resting=True),
        lambda work, to: people.add_contact(work, to, "Eva", "+56987654322"),
        lambda work, to: people.add_recipient(work, to, "telegram", "4711"),
        lambda work, to: users.add(work, "eva", UserRole.CLIENT, users.NewPassword("x", "y"), client_id=to),
        lambda work, to: marks.mark(work, "+56912345678", "blocked", "threatens", "andes"),
        lambda work, to: texts.write_greeting(work, to, "Hola"),
        lambda work, to: texts.put_announcement(work, to, AnnouncementKind.CLOSED, text="No."),
        lambda work, to: protocols.put(work, to, "[[field]]\nkey = 'why'\nlabel = 'Why?'\n"),
        lambda work, to: infos.add(work, to, "Mapa", "Av. Matta 12"),
    ],
    ids=lambda act: act.__code__.co_names[1],
)
def test_who_has_cancelled_is_given_nothing(give: Callable[[Work, int], object], office: Engine) -> None:
    """It would be charged for what nobody serves; and what is written after the erasure would stay for ever."""
    cancel(office)
    before = everything(office)
    with pytest.raises(ClientMistake, match="the client andes has cancelled") as refused, changing(office) as conn:
        give(by_admin(conn, NOON + DAY), of(conn))
    assert refused.value.code is Code.CLIENT_CANCELLED
    assert everything(office) == before


def test_erasing_again_does_nothing(office: Engine) -> None:
    cancel(office)
    erase(office, NOON + AFTER)
    before = everything(office)
    assert erase(office, NOON + AFTER) == "nothing to erase"
    assert everything(office) == before


def test_erasing_counts_as_a_change_of_provisioning(office: Engine) -> None:
    cancel(office)
    with reading(office) as conn:
        before = read_revision(conn)
    erase(office, NOON + AFTER)
    with reading(office) as conn:
        assert read_revision(conn) == before + 1


def test_many_calls_go_in_pages(office: Engine) -> None:
    with writing(office) as conn:
        for number in range(2 * PAGE):
            a_call(conn, of(conn), f"more-{number}")
    cancel(office)
    assert f"callers: {2 * PAGE + 1}" in erase(office, NOON + AFTER)
    with reading(office) as conn:
        mine = call.c.client_id == of(conn), call.c.caller != ERASED
        assert conn.scalar(select(func.count()).select_from(call).where(*mine)) == 0


def test_a_broken_erasure_is_finished_the_next_night(office: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    cancel(office)
    with monkeypatch.context() as patch:
        patch.setattr(cancelled, "without_people", lambda details: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            erase(office, NOON + AFTER)
    with reading(office) as conn:
        assert conn.scalar(select(call.c.caller).where(call.c.id == "andes-1")) == "+56912345678"
    assert erase(office, NOON + AFTER + DAY) == "erased: callers: 1; letters: 1"


def test_a_legal_hold_keeps_its_call_until_it_is_released(office: Engine, tmp_path: Path) -> None:
    with writing(office) as conn:
        a_call(conn, of(conn), "andes-2")
        holds.hold(conn, "andes-1", "juicio", NOON)
    reports = a_report(tmp_path, office)
    cancel(office)
    erase(office, NOON + AFTER, tmp_path)
    with reading(office) as conn:
        callers = dict(conn.execute(select(call.c.id, call.c.caller).where(call.c.client_id == of(conn))).all())
        assert callers == {"andes-1": "+56912345678", "andes-2": ERASED}
        assert conn.scalar(select(func.count()).select_from(letter).where(letter.c.call_id == "andes-1")) == 1
    assert reports.exists()
    with writing(office) as conn:
        holds.release(conn, "andes-1", NOON + AFTER)
    assert erase(office, NOON + AFTER + DAY, tmp_path) == "erased: callers: 1; letters: 1; reports: 1"
    assert not reports.exists()


def a_report(home: Path, office: Engine) -> Path:
    with reading(office) as conn:
        folder = home / "documents" / "reports" / str(of(conn))
    folder.mkdir(parents=True)
    report = folder / "perdidas-2026-08-03.csv"
    report.write_text("+56912345678\n")
    return report


def test_reports_go_with_the_callers_and_links_are_not_followed(office: Engine, tmp_path: Path) -> None:
    report = a_report(tmp_path, office)
    other = tmp_path / "documents" / "invoices" / "boleta-1.pdf"
    other.parent.mkdir()
    other.write_text("boleta")
    (report.parent / "link").symlink_to(other.parent)
    cancel(office)
    assert "reports: 2" in erase(office, NOON + AFTER, tmp_path)
    assert not report.parent.exists()
    assert other.exists()
    report.parent.symlink_to(other.parent)
    assert erase(office, NOON + AFTER + DAY, tmp_path) == "nothing to erase"
    assert other.exists()


def test_a_live_call_is_left_alone(office: Engine) -> None:
    with writing(office) as conn:
        a_call(conn, of(conn), "andes-2", ended_at=None, state=b"{}")
    cancel(office)
    erase(office, NOON + AFTER)
    with reading(office) as conn:
        assert conn.scalar(select(call.c.caller).where(call.c.id == "andes-2")) == "+56912345678"


@pytest.mark.parametrize("leap", [-DAY, 3 * AFTER])
def test_a_clock_in_doubt_erases_nothing(office: Engine, leap: timedelta) -> None:
    cancel(office, NOON - AFTER)
    assert str(erase_cancelled(Home(Path("/nowhere")), office, JOB, NOON + leap)) == (
        "nothing erased: the clock is not to be trusted"
    )
    assert counts(office, "andes")["greeting"] == 2


def test_who_comes_back_after_the_erasure_is_told_what_lacks(office: Engine) -> None:
    cancel(office)
    erase(office, NOON + AFTER)
    with changing(office) as conn:
        clientele.resume(by_admin(conn), "andes")
        row = clients.find(conn, "andes")
        assert (row.state, row.cancelled_at, row.erased_at) == ("active", None, None)
        assert clientele.still_to_do(conn, "andes") == [
            Lack.FORMER_NUMBER,
            Lack.GREETING,
            Lack.SECRETARY,
            Lack.RECIPIENT,
            Lack.PLAN,
        ]
        subscriptions.assign(by_admin(conn, NOON + AFTER + DAY), of(conn), "large")
        assert Lack.PLAN not in clientele.still_to_do(conn, "andes")


def test_journal_lines_without_people_stay_as_they_are() -> None:
    assert without_people('{"cause":"bye"}') == '{"cause":"bye"}'
    assert without_people('{"name": ""}') == '{"name": ""}'
    assert json.loads(without_people('{"caller": "x", "why": "Año Nuevo"}')) == {"caller": ERASED, "why": "Año Nuevo"}


# --- what the plan has room for


def test_plan_has_room_for_so_many_contacts(office: Engine) -> None:
    with changing(office) as conn:
        people.add_contact(by_admin(conn), of(conn), "Ventas", "+56987654322")
        with pytest.raises(ClientMistake, match="plan small has room for 2 contacts and the client has 2"):
            people.add_contact(by_admin(conn), of(conn), "Soporte", "+56987654323")
        subscriptions.assign(by_admin(conn, NOON), of(conn), "large")
        people.add_contact(by_admin(conn), of(conn), "Soporte", "+56987654323")


def test_without_a_plan_there_is_no_limit_of_contacts(office: Engine) -> None:
    with changing(office) as conn:
        client_id = clientele.add(by_admin(conn, NOON), "nuevo", name="Nuevo")
        for number in range(10):
            people.add_contact(by_admin(conn), client_id, f"Contacto {number}", f"+5698765432{number}")
        assert len(contacts.rows(conn, client_id)) == 10


def test_recording_needs_a_plan_that_has_it(office: Engine) -> None:
    with changing(office) as conn:
        with pytest.raises(ClientMistake, match="plan small has no recording"):
            clientele.change(by_admin(conn), "andes", recording=True)
        clientele.change(by_admin(conn), "andes", recording=False)
        subscriptions.assign(by_admin(conn, NOON), of(conn), "large")
        clientele.change(by_admin(conn), "andes", recording=True)
        assert clients.find(conn, "andes").recording is True


# --- what a factura needs

COMPLETE = {"legal_name": "Andes Limitada", "business": "Ferretería", "address": "Av. Matta 12"}


def test_factura_needs_all_of_its_data(office: Engine) -> None:
    with changing(office) as conn:
        with pytest.raises(ClientMistake, match="needs legal_name, business, address too"):
            clientele.change(by_admin(conn), "andes", invoice_as="factura")
        clientele.change(by_admin(conn), "andes", invoice_as="factura", **COMPLETE)
        for field in ("rut", *COMPLETE):
            with pytest.raises(ClientMistake, match=r"a factura needs [a-z_]+ too"):
                clientele.change(by_admin(conn), "andes", **{field: ""})
        clientele.change(by_admin(conn), "andes", invoice_as="boleta", rut="")
        with pytest.raises(ClientMistake, match="needs rut too"):
            clientele.change(by_admin(conn), "andes", invoice_as="factura")
        with pytest.raises(ClientMistake, match="needs rut, business, address too"):
            clientele.add(by_admin(conn, NOON), "nuevo", name="Nuevo", legal_name="Nuevo SpA", invoice_as="factura")
        assert clients.find(conn, "andes").invoice_as == "boleta"


def test_day_until_which_a_number_rests_is_the_clients(office: Engine) -> None:
    """Late in the evening in Santiago it is the next day in UTC."""
    evening = datetime(2026, 11, 29, 2, 30, tzinfo=UTC)
    with changing(office) as conn:
        numbers.release(by_admin(conn, evening), NUMBER)
        with pytest.raises(ClientMistake, match="rests until 2026-12-28 "):
            numbers.assign(by_admin(conn, evening), NUMBER, clients.find(conn, "lagos").id)
