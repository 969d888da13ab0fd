"""Who changed what: every service that changes something leaves an entry, and nothing is changed without one."""

import inspect
import json
import pkgutil
import re
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from importlib import import_module
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from acting import ADMIN, JOB
from sqlalchemy import Engine, bindparam, insert, select, update

from pbx_control import admin, services
from pbx_control.domain.audit import Verb
from pbx_control.domain.keeping.erasure import names_number
from pbx_control.domain.money.plans import Plan
from pbx_control.domain.money.quota import Limits, Uncounted
from pbx_control.domain.money.repeats import Arrived
from pbx_control.domain.notices.messages import Channel, Letter
from pbx_control.domain.office import AnnouncementKind, Trunk
from pbx_control.domain.users import UserRole
from pbx_control.errors import ClientMistake
from pbx_control.jobs import upkeep
from pbx_control.services import (
    accounts,
    carriers,
    clientele,
    closing_days,
    duty,
    infos,
    invoicing,
    keeping,
    marks,
    messages,
    numbers,
    onboarding,
    people,
    post,
    protocols,
    staff,
    subscriptions,
    supplements,
    texts,
    users,
)
from pbx_control.services.steps import Rules
from pbx_control.services.work import Unaudited, Work, booking, changing
from pbx_control.settings import Billing, Settings
from pbx_control.store import audit, invoices, ledger, letters
from pbx_control.store.audit import Kept
from pbx_control.store.engine import reading, writing
from pbx_control.store.fixed import Fixed
from pbx_control.store.infos import in_force
from pbx_control.store.secretaries import Secretary, find
from pbx_control.store.snapshot import read_revision
from pbx_control.store.tables import audit as entries
from pbx_control.store.tables import call, client, letter, secretary, web_session

DAY = timedelta(days=1)
NOON = datetime(2026, 8, 3, 16, tzinfo=UTC)
SANTIAGO = ZoneInfo("America/Santiago")
NUMBER, FREE, CALLER = "+56225550101", "+56225550102", "+56912345678"
CALLERS_ADDRESS = "juan@correo.example"
CALL = "pbx-1.1"
PLAN = Plan(name="small", calls=50, price=30_000, extra_call=800, contacts=2, calendars=1, did_prices={"CL": 4_000})
LARGE = Plan(name="large", calls=500, price=90_000, extra_call=500, contacts=6, calendars=3)
ISSUER = Settings(billing=Billing(issuer_rut="76.086.428-5", issuer_name="Casa", issuer_address="Av. 1"))
PASSWORD = users.NewPassword("Secreto1", "Secreto2")
ONE_FIELD = '[[field]]\nkey = "name"\nlabel = "Nombre"\n'
Act = Callable[[Work], object]


def provide(work: Work) -> None:
    """An office in which each of the examples can be done."""
    carriers.add(work, Trunk(id=0, name="carrier", match=("192.0.2.1",), password="Secreto1"))
    numbers.add(work, [NUMBER, FREE], None)
    andes = clientele.add(work, "andes", name="Andes")
    numbers.assign(work, NUMBER, andes)
    staff.add(work, "Ana", languages=["es"], client_ids=None)
    users.add(work, "anarojas", UserRole.SECRETARY, PASSWORD, secretary_id=ana(work).id)
    people.add_contact(work, andes, "Rosa", "+56987654321")
    people.add_recipient(work, andes, "email", "gerencia@andes.example")
    texts.write_greeting(work, andes, "uno")
    texts.write_greeting(work, andes, "dos")
    protocols.put(work, andes, ONE_FIELD)
    protocols.put(work, andes, ONE_FIELD + "required = true")
    infos.add(work, andes, "Banco", "Cuenta 1")
    closing_days.add(work, date(2026, 10, 2), None)
    marks.mark(work, CALLER, "test", "ours")
    subscriptions.set_plan(work, PLAN)
    subscriptions.set_plan(work, LARGE)
    subscriptions.assign(work, andes, "small")
    row = {
        "id": CALL,
        "client_id": andes,
        "did": NUMBER,
        "caller": CALLER,
        "arrived_at": NOON,
        "ended_at": NOON,
        "phase": "ended",
    }
    work.conn.execute(insert(call).values(row))
    ledger.charge(work.conn, andes, Arrived(CALL, CALLER, NOON), NOON, Limits())
    invoicing.renew(work, ISSUER, "andes")
    keeping.hold(work, "pbx-1.1", "juzgado")
    letters.add(work.conn, [a_letter(andes)])


def a_letter(client_id: int) -> Letter:
    return Letter(
        message_id="<1@casa>",
        client_id=client_id,
        call_id=CALL,
        channel=Channel.EMAIL,
        address="gerencia@andes.example",
        subject="S",
        text="T",
        written_at=NOON,
    )


def charge(work: Work) -> int:
    found = ledger.charge_of_call(work.conn, CALL)
    assert found is not None
    return found


def paid_and_welcomed(work: Work) -> None:
    onboarding.paid(work, 1, NOON, SANTIAGO)
    onboarding.welcomed(work, 1, NOON, SANTIAGO, "Casa")


def one_more_number(work: Work) -> None:
    """After the invoice that paid for the others."""
    numbers.assign(replace(work, at=NOON + timedelta(seconds=30)), FREE, 1)


def paid_for_a_year(work: Work) -> None:
    subscriptions.assign(work, clientele.add(work, "lagos", name="Lagos"), "large", months=12)
    invoicing.charge_plan(work, ISSUER, "lagos")
    clientele.cancel(work, "lagos")


def send_info(work: Work) -> None:
    """With the address that the caller gave her, which is his and stands in no entry."""
    her, (text,) = ana(work).id, in_force(work.conn, 1)
    messages.open_draft(work.conn, CALL, her, NOON)
    messages.send_info(work, CALL, her, text.id, CALLERS_ADDRESS, Rules())


def ana(work: Work) -> Secretary:
    return find(work.conn, "Ana")


def pause(work: Work) -> None:
    work.conn.execute(update(secretary).values(paused=True, paused_why="refusals", paused_at=NOON))


def give_up(work: Work) -> None:
    work.conn.execute(update(letter).values(due_at=None))


def sign_in(work: Work) -> None:
    session = {"token_hash": "x", "user_id": 1, "began_at": NOON, "seen_at": NOON, "ends_at": NOON + DAY, "origin": ""}
    work.conn.execute(insert(web_session).values(session))


# How each service is asked; what must be so before it is done first.
BEFORE: dict[Callable[..., Any], Act] = {
    accounts.uphold: lambda work: accounts.dispute(work, charge(work), "fax"),
    clientele.resume: lambda work: clientele.suspend(work, "andes"),
    duty.end: pause,
    duty.resume: lambda work: duty.pause(work, ana(work).id, "lunch"),
    duty.resume_by_admin: lambda work: duty.pause_by_admin(work, ana(work).id),
    duty.signed_in: lambda work: duty.signed_out(work, ana(work).id),
    invoicing.renew: one_more_number,
    invoicing.credit_paid_ahead: paid_for_a_year,
    keeping.hold: lambda work: keeping.release(work, CALL),
    onboarding.welcomed: lambda work: onboarding.paid(work, 1, NOON, SANTIAGO),
    onboarding.live: paid_and_welcomed,
    post.resend_undelivered: give_up,
    staff.end_pause: pause,
    staff.end_old_pauses: pause,
    users.revoke: sign_in,
    texts.forget_announcement: lambda work: texts.put_announcement(work, 1, AnnouncementKind.CLOSED, text="No."),
}
EXAMPLES: dict[Callable[..., Any], Act] = {
    accounts.sell_bag: lambda work: accounts.sell_bag(work, ISSUER, "andes", 25),
    accounts.dispute: lambda work: accounts.dispute(work, charge(work), "fax"),
    accounts.reverse: lambda work: accounts.reverse(work, charge(work), "fax"),
    accounts.uphold: lambda work: accounts.uphold(work, charge(work), "no fax"),
    accounts.uncount: lambda work: accounts.uncount(work, CALL, Uncounted.WRONG_NUMBER),
    carriers.add: lambda work: carriers.add(work, Trunk(id=0, name="other", match=("192.0.2.2",))),
    carriers.change: lambda work: carriers.change(work, "carrier", password="Secreto2"),
    carriers.remove: lambda work: (
        carriers.add(work, Trunk(id=0, name="other", match=("192.0.2.2",))),
        carriers.remove(work, "other"),
    ),
    clientele.add: lambda work: clientele.add(work, "lagos", name="Lagos"),
    clientele.change: lambda work: clientele.change(work, "andes", name="Andes SpA"),
    clientele.suspend: lambda work: clientele.suspend(work, "andes"),
    clientele.resume: lambda work: clientele.resume(work, "andes"),
    clientele.cancel: lambda work: clientele.cancel(work, "andes"),
    closing_days.add: lambda work: closing_days.add(work, date(2026, 10, 5), 1),
    closing_days.remove: lambda work: closing_days.remove(work, date(2026, 10, 2), None),
    duty.end: lambda work: duty.end(work, ana(work)),
    duty.pause: lambda work: duty.pause(work, ana(work).id, "lunch"),
    duty.pause_by_admin: lambda work: duty.pause_by_admin(work, ana(work).id),
    duty.resume: lambda work: duty.resume(work, ana(work).id),
    duty.resume_by_admin: lambda work: duty.resume_by_admin(work, ana(work).id),
    duty.signed_in: lambda work: duty.signed_in(work, ana(work).id),
    duty.signed_out: lambda work: duty.signed_out(work, ana(work).id),
    infos.add: lambda work: infos.add(work, 1, "Mapa", "Av. Matta 12"),
    infos.remove: lambda work: infos.remove(work, 1, "banco"),
    invoicing.renew: lambda work: invoicing.renew(work, ISSUER, "andes"),
    invoicing.charge_plan: lambda work: (
        subscriptions.assign(work, 1, "large"),
        invoicing.charge_plan(work, ISSUER, "andes"),
    ),
    invoicing.credit_paid_ahead: lambda work: invoicing.credit_paid_ahead(work, ISSUER, "lagos"),
    invoicing.credit: lambda work: invoicing.credit(work, ISSUER, invoices.issued(work.conn)[0], None, "error"),
    keeping.hold: lambda work: keeping.hold(work, CALL, "juzgado"),
    keeping.release: lambda work: keeping.release(work, CALL),
    keeping.believe_clock: keeping.believe_clock,
    marks.mark: lambda work: marks.mark(work, CALLER, "blocked", "threatens"),
    marks.unmark: lambda work: marks.unmark(work, CALLER),
    messages.send_info: send_info,
    numbers.add: lambda work: numbers.add(work, ["+56225550103"], None),
    numbers.assign: lambda work: numbers.assign(work, FREE, 1),
    numbers.release: lambda work: numbers.release(work, NUMBER),
    numbers.remove: lambda work: numbers.remove(work, FREE),
    onboarding.paid: lambda work: onboarding.paid(work, 1, NOON, SANTIAGO),
    onboarding.welcomed: lambda work: onboarding.welcomed(work, 1, NOON, SANTIAGO, "Casa"),
    onboarding.live: lambda work: onboarding.live(work, 1, NOON),
    people.add_contact: lambda work: people.add_contact(work, 1, "Eva", "+56987654322"),
    people.remove_contact: lambda work: people.remove_contact(work, 1, "Rosa"),
    people.add_recipient: lambda work: people.add_recipient(work, 1, "telegram", "4711"),
    people.remove_recipient: lambda work: people.remove_recipient(work, 1, "gerencia@andes.example"),
    post.resend: lambda work: post.resend(work, [1]),
    post.resend_undelivered: lambda work: post.resend_undelivered(work, slug="andes"),
    protocols.put: lambda work: protocols.put(work, 1, ONE_FIELD, "gerencia@andes.example"),
    protocols.roll_back: lambda work: protocols.roll_back(work, 1),
    supplements.write_supplement: lambda work: supplements.write_supplement(work, CALL, "Es urgente.", "Casa"),
    staff.add: lambda work: staff.add(work, "Eva", languages=["es"], client_ids=[1]),
    staff.change: lambda work: staff.change(work, "Ana", secure=True),
    staff.allow: lambda work: staff.allow(work, "Ana", [1]),
    staff.reset_password: lambda work: staff.reset_password(work, "Ana"),
    staff.remove: lambda work: staff.remove(work, "Ana"),
    staff.end_pause: lambda work: staff.end_pause(work, work.conn.scalar(select(secretary.c.user)) or ""),
    staff.end_old_pauses: lambda work: staff.end_old_pauses(work, NOON),
    subscriptions.set_plan: lambda work: subscriptions.set_plan(work, Plan(**{**_fields(PLAN), "name": "new"})),
    subscriptions.retire: lambda work: subscriptions.retire(work, "large"),
    subscriptions.assign: lambda work: subscriptions.assign(work, 1, "large"),
    users.add: lambda work: users.add(work, "jefa", UserRole.SUPERVISOR, PASSWORD),
    users.reset_password: lambda work: users.reset_password(work, "anarojas", PASSWORD),
    users.remove: lambda work: users.remove(work, "anarojas"),
    users.remove_of_secretary: lambda work: users.remove_of_secretary(work, ana(work).id),
    users.revoke: lambda work: users.revoke(work, "anarojas"),
    texts.write_greeting: lambda work: texts.write_greeting(work, 1, "tres"),
    texts.roll_back_greeting: lambda work: texts.roll_back_greeting(work, 1),
    texts.put_announcement: lambda work: texts.put_announcement(work, 1, AnnouncementKind.CLOSED, text="No."),
    texts.forget_announcement: lambda work: texts.forget_announcement(work, 1, AnnouncementKind.CLOSED),
}


def _fields(plan: Plan) -> dict[str, Any]:
    return {name: getattr(plan, name) for name in plan.__slots__}


def suspend_twice(work: Work) -> None:
    clientele.suspend(work, "andes")
    clientele.suspend(work, "andes")


def changing_services() -> list[Callable[..., Any]]:
    """Every public function of the services that is given a work."""
    found = []
    for module in (import_module(f"{services.__name__}.{one.name}") for one in pkgutil.iter_modules(services.__path__)):
        for name, function in inspect.getmembers(module, inspect.isfunction):
            parameters = list(inspect.signature(function).parameters.values())
            is_own = function.__module__ == module.__name__ and not name.startswith("_")
            if is_own and parameters and parameters[0].annotation is Work:
                found.append(function)
    return found


def named(function: Callable[..., Any]) -> str:
    return f"{function.__module__.rpartition('.')[2]}.{function.__name__}"


@pytest.mark.parametrize("service", changing_services(), ids=named)
def test_every_service_that_changes_something_says_who_did_it(service: Callable[..., Any], engine: Engine) -> None:
    with changing(engine, ADMIN, NOON) as work:
        provide(work)
        BEFORE.get(service, lambda work: None)(work)
    with changing(engine, ADMIN, NOON + timedelta(minutes=1)) as work:
        EXAMPLES[service](work)
    with reading(engine) as conn:
        newest, *_ = audit.newest(conn)
        told = json.dumps([list(row) for row in conn.execute(select(entries))], default=str, ensure_ascii=False)
        passwords = conn.scalars(select(secretary.c.password)).all()
    assert (newest.entry.actor, newest.entry.at) == (ADMIN, NOON + timedelta(minutes=1))
    for secret in ("Secreto1", "Secreto2", *passwords):
        assert secret not in told
    assert CALLER not in told  # callers do not stand in it
    assert CALLERS_ADDRESS not in told


# What happens anew each time that it is asked for; all others change nothing the second time, or are refused.
ANEW = {
    accounts.sell_bag,
    keeping.believe_clock,
    messages.send_info,
    post.resend,
    supplements.write_supplement,
    staff.reset_password,
    users.reset_password,
    carriers.remove,  # of one that is added for it
    # Back to the text before, each time.
    protocols.roll_back,
    texts.roll_back_greeting,
}


@pytest.mark.parametrize("service", [one for one in changing_services() if one not in ANEW], ids=named)
def test_what_is_so_already_is_neither_noted_nor_published(service: Callable[..., Any], engine: Engine) -> None:
    with changing(engine, ADMIN, NOON) as work:
        provide(work)
        BEFORE.get(service, lambda work: None)(work)
        EXAMPLES[service](work)
    before = trail_and_revision(engine)
    with suppress(ClientMistake), changing(engine, ADMIN, NOON + timedelta(minutes=1)) as work:
        EXAMPLES[service](work)
    assert trail_and_revision(engine) == before


@pytest.mark.parametrize(
    "change",
    [
        lambda work: clientele.change(work, "andes", name="Andes", recording=False),
        lambda work: carriers.change(work, "carrier", match=("192.0.2.1",), password="Secreto1"),
        lambda work: staff.change(work, "Ana", languages="es"),
        lambda work: staff.allow(work, "Ana", None),
        lambda work: texts.forget_announcement(work, 1, AnnouncementKind.BUSY),
        lambda work: users.revoke(work, "anarojas"),
        lambda work: post.resend_undelivered(work, address="nobody@andes.example"),
    ],
    ids=lambda act: act.__code__.co_names[1],
)
def test_setting_what_is_there_is_no_change(change: Act, engine: Engine) -> None:
    with changing(engine, ADMIN, NOON) as work:
        provide(work)
    before = trail_and_revision(engine)
    with changing(engine, ADMIN, NOON + timedelta(minutes=1)) as work:
        change(work)
    assert trail_and_revision(engine) == before


def trail_and_revision(engine: Engine) -> tuple[list[Kept], int]:
    with reading(engine) as conn:
        return audit.newest(conn), read_revision(conn)


def test_nothing_is_kept_of_a_change_without_an_entry(engine: Engine) -> None:
    for transaction in (changing, booking):
        with pytest.raises(Unaudited, match="client"), transaction(engine, ADMIN, NOON) as work:
            work.conn.execute(insert(client).values(slug="andes", name="Andes", week="always", created_at=NOON))
    with reading(engine) as conn:
        assert conn.execute(select(client)).all() == []


def test_a_statement_that_is_made_once_needs_an_entry_too(engine: Engine) -> None:
    andes = {"slug": "andes", "name": "Andes", "week": "always", "created_at": NOON}
    add, rename = Fixed(insert(client)), Fixed(update(client).where(client.c.slug == bindparam("who")))
    for write in (lambda conn: add.run(conn, andes), lambda conn: add.run_each(conn, [andes])):
        for transaction in (changing, booking):
            with pytest.raises(Unaudited, match="client"), transaction(engine, ADMIN, NOON) as work:
                write(work.conn)
    with booking(engine, ADMIN, NOON) as work:
        rename.run(work.conn, {"who": "nobody", "name": "Sur"})  # what touched no row has changed nothing
    with reading(engine) as conn:
        assert conn.execute(select(client)).all() == []
    with writing(engine) as conn:  # of a step of a call: nobody watches it
        add.run(conn, andes)
    with reading(engine) as conn:
        assert conn.scalar(select(client.c.slug)) == "andes"


def test_nothing_is_told_of_a_change_that_was_refused(engine: Engine) -> None:
    with changing(engine, ADMIN, NOON) as work:
        clientele.add(work, "andes", name="Andes")
    with pytest.raises(ClientMistake, match="nothing to do"), changing(engine, ADMIN, NOON) as work:
        suspend_twice(work)
    with reading(engine) as conn:
        assert [one.entry.verb.value for one in audit.newest(conn)] == ["client added"]


@pytest.mark.parametrize("shown", [NUMBER, "2255501", "+5698765432"])
def test_a_caller_who_shows_our_number_or_a_part_of_one_takes_no_entry_with_him(shown: str, engine: Engine) -> None:
    """What a caller shows is his to choose, and the law gives him the right to have it erased."""
    with changing(engine, ADMIN, NOON) as work:
        provide(work)
        before = audit.newest(work.conn)
        audit.erase_number(work.conn, shown, lambda text: names_number(text, shown))
        assert audit.newest(work.conn) == before


def test_a_caller_who_was_a_contact_is_taken_out(engine: Engine) -> None:
    with changing(engine, ADMIN, NOON) as work:
        provide(work)
        audit.erase_number(work.conn, "+56987654321", lambda text: names_number(text, "+56987654321"))
        told = {one.entry.verb: one.entry.difference for one in audit.newest(work.conn)}
    assert told[Verb.CONTACT_ADDED] == {}
    assert told[Verb.NUMBER_ADDED]


def test_a_command_changes_something_by_a_service_only() -> None:
    """No command opens a transaction of its own, or writes into a table."""
    writes = re.compile(r"\b(writing|insert|delete|bump_revision)\(|from sqlalchemy import .*\bupdate\b")
    for module in pkgutil.iter_modules(admin.__path__):
        source = inspect.getsource(import_module(f"{admin.__name__}.{module.name}"))
        assert writes.search(source) is None, module.name


def test_entries_are_kept_for_six_years(engine: Engine) -> None:
    with changing(engine, ADMIN, NOON) as work:
        clientele.add(work, "andes", name="Andes")
    upkeep.tend(engine, JOB, NOON + timedelta(days=6 * 365))
    with reading(engine) as conn:
        assert len(audit.newest(conn)) == 1
    upkeep.tend(engine, JOB, NOON + upkeep.AUDIT_KEPT + timedelta(days=1))
    with reading(engine) as conn:
        (left,) = audit.newest(conn)
    assert (left.entry.verb, left.entry.difference) == (Verb.ENTRIES_FORGOTTEN, {"entries": (None, 1)})
