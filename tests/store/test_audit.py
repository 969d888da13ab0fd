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
from pathlib import Path
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

import pytest
from acting import ADMIN, JOB
from authenticator import Authenticator
from pyotp import TOTP
from sqlalchemy import Engine, bindparam, insert, select, update

from pbx_control import admin, services
from pbx_control.domain.agenda.rules import Kind, Source
from pbx_control.domain.audit import Verb
from pbx_control.domain.desk.proposals import Subject, Way
from pbx_control.domain.keeping.erasure import fingerprint, names_number
from pbx_control.domain.keeping.requests import RequestKind
from pbx_control.domain.money.plans import Plan
from pbx_control.domain.money.quota import Limits, Uncounted
from pbx_control.domain.money.repeats import Arrived
from pbx_control.domain.notices.appointment_letters import House
from pbx_control.domain.notices.kinds import EVERYTHING, Wants
from pbx_control.domain.notices.messages import Channel, Letter, Recipient
from pbx_control.domain.office import AnnouncementKind, Trunk
from pbx_control.domain.opening.overrides import OverrideKind
from pbx_control.domain.opening.rota import Rule, Swap
from pbx_control.domain.opening.written_rota import read_shifts
from pbx_control.domain.passkeys import Party
from pbx_control.domain.users import ClientRole, Person, UserRole
from pbx_control.errors import ClientMistake
from pbx_control.jobs import upkeep
from pbx_control.media.erased import Blocked
from pbx_control.services import (
    accounts,
    api_messages,
    appointments,
    blocking,
    calendar_sync,
    calendars,
    caller_requests,
    carriers,
    checking,
    client_orders,
    clientele,
    closing_days,
    desk_agenda,
    downloads,
    duty,
    incidents,
    infos,
    invitations,
    invoicing,
    keeping,
    leaving,
    marks,
    messages,
    numbers,
    onboarding,
    own_account,
    passkeys,
    people,
    post,
    proposal_links,
    proposals,
    protocols,
    restricting,
    rotas,
    second_factor,
    staff,
    subprocessors,
    subscriptions,
    supervisors,
    supplements,
    texts,
    today,
    tokens,
    users,
    webhooks,
)
from pbx_control.services import sign_in_links as link_services
from pbx_control.services.downloads import Download
from pbx_control.services.steps import Rules
from pbx_control.services.work import Unaudited, Work, booking, changing
from pbx_control.settings import Billing, Home, Mail, Settings, Web
from pbx_control.store import audit, invoices, ledger, letters, second_factors, sign_in_links
from pbx_control.store import passkeys as store_passkeys
from pbx_control.store import users as store_users
from pbx_control.store.audit import Kept
from pbx_control.store.engine import reading, writing
from pbx_control.store.fixed import Fixed
from pbx_control.store.infos import in_force
from pbx_control.store.remotes import Access
from pbx_control.store.secretaries import Secretary, find
from pbx_control.store.snapshot import read_revision
from pbx_control.store.tables import api_token, call, client, letter, secretary, web_session
from pbx_control.store.tables import audit as entries

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
APP_SECRET = "JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP"
LINK = "Enlace1"
PLACE = invitations.Place("Casa", "https://desk.example.com")
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
    whose = {"client_id": andes, "client_role": ClientRole.STAFF, "email": "rosa@andes.example"}
    users.add(work, "rosa.soto", UserRole.CLIENT, PASSWORD, **whose)
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
        "outcome": "answered",
    }
    work.conn.execute(insert(call).values(row))
    ledger.charge(work.conn, andes, Arrived(CALL, CALLER, NOON), NOON, Limits())
    invoicing.renew(work, ISSUER, "andes")
    keeping.hold(work, "pbx-1.1", "juzgado")
    letters.add(work.conn, [a_letter(andes)])
    kinds = [Kind(0, "Consulta", 30), Kind(0, "Control", 15)]
    calendars.add(work, andes, "soto", "Dra. Soto", kinds, questions=["¿RUT?"])


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


def a_telephone(work: Work) -> None:
    if not store_users.by_name(work.conn, "jefa"):
        users.add(work, "jefa", UserRole.SUPERVISOR, PASSWORD)
    supervisors.give_telephone(work, "jefa")


def answered_by_ana(work: Work) -> None:
    work.conn.execute(update(call).where(call.c.id == CALL).values(secretary_id=ana(work).id))


def judged(work: Work) -> None:
    answered_by_ana(work)
    checking.score(work, CALL, rosa(work).user_id, {"trato": "4"}, "Secreto5", ["trato"])


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


def a_message(work: Work) -> object:
    work.conn.execute(update(call).where(call.c.id == CALL).values(outcome="answered"))
    messages.open_draft(work.conn, CALL, ana(work).id, work.at)
    return api_messages.write(work, CALL, {"name": "Juan Soto"}, Rules(), gaps=True)


def a_webhook_of_an_ended_token(work: Work) -> None:
    tokens.add(work, "crm", ["calls:read"], 1)
    work.conn.execute(update(api_token).values(ends_at=work.at))
    webhooks.add(work, "https://crm.example/calls", ["call.ended"], 1, private=False, token_id=1)


def a_webhook(work: Work) -> object:
    return webhooks.add(work, "https://crm.example/calls", ["call.ended"], 1, private=False)


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


SESSION = {"token_hash": "x", "began_at": NOON, "seen_at": NOON, "ends_at": NOON + DAY, "origin": ""}
PAGES = Settings(web=Web(public_url="https://desk.example"))


def rosa(work: Work) -> Person:
    """One of the client's people, signed in."""
    user = store_users.find(work.conn, "rosa.soto")
    session = work.conn.scalar(select(web_session.c.id).where(web_session.c.user_id == user.id)) or 0
    return Person(
        user_id=user.id,
        name=user.name,
        role=user.role,
        secretary_id=None,
        client_id=user.client_id,
        client_role=user.client_role,
        session_id=session,
        has_second_factor=True,
        csrf="",
        language="",
    )


def rosa_signs_in(work: Work) -> None:
    for token in ("x", "y"):
        values = SESSION | {"user_id": rosa(work).user_id, "token_hash": token}
        work.conn.execute(insert(web_session).values(values))


def rosas_app_waits(work: Work) -> None:
    rosa_signs_in(work)
    her = rosa(work)
    second_factors.begin(work.conn, her.user_id, her.session_id, APP_SECRET, NOON)


def rosa_has_an_app(work: Work) -> None:
    rosas_app_waits(work)
    second_factor.confirm(work, rosa(work), TOTP(APP_SECRET).at(work.at - timedelta(seconds=30)))


def code(work: Work) -> str:
    """What her app shows; none that she has used before."""
    return TOTP(APP_SECRET).at(work.at)


def rosa_adds_a_passkey(work: Work) -> None:
    her = rosa(work)
    place = f"session {her.session_id}"
    store_passkeys.put_challenge(work.conn, place, her.user_id, "AAAA", work.at, work.at + DAY)
    passkeys.add(work, her, PARTY, KEY.makes({"challenge": "AAAA"}), "llave")


def rosa_has_app_and_passkey(work: Work) -> None:
    rosa_has_an_app(work)
    rosa_adds_a_passkey(work)


def rosa_is_sent_a_link(work: Work) -> None:
    sign_in_links.add(work.conn, rosa(work).user_id, users.kept(LINK), NOON, NOON + DAY)


PARTY = Party("desk.example.com", "https://desk.example.com")
KEY = Authenticator(PARTY.origin, PARTY.host)
FETCHED = Download(
    path=Path("x.pdf"),
    name="x.pdf",
    kind="application/pdf",
    size=1,
    ends_at=NOON + DAY,
    address="gerencia@andes.example",
    call_id="",
    client_id=1,
    client="Andes",
    language="es",
    timezone="America/Santiago",
)
SECRETS: dict[str, str] = {}  # of what was asked for, by what it is
HOMES: list[Home] = []  # the one that remembers whose data is blocked


def invite(work: Work) -> None:
    """A letter with a link, and a chat's code."""
    invitations.ask_address(work, 1, 2, "ventas@andes.example", EVERYTHING, PLACE)
    text = work.conn.scalar(select(letter.c.body_text).order_by(letter.c.id.desc())) or ""
    found = re.search(r"/recipients/(\S+)", text)
    SECRETS["token"] = found[1] if found else ""
    SECRETS["code"] = invitations.ask_chat(work, 1, 2, EVERYTHING)


def connect(work: Work) -> None:
    invite(work)
    invitations.connect_chat(work, SECRETS["code"], "77", "Juan", "77")


@pytest.fixture(autouse=True)
def _a_home(tmp_path: Path) -> None:
    HOMES[:] = [Home(tmp_path / "home")]


def propose(work: Work) -> int:
    return proposals.propose(work, 1, Subject.GREETING, "tres", Way.PORTAL, "rosa.soto")[0]


def asked_by_link(work: Work) -> None:
    """An owner's mail asks for a greeting."""
    users.change(work, "rosa.soto", client_role=ClientRole.OWNER)
    _, SECRETS["change"] = proposals.propose(
        work, 1, Subject.GREETING, "tres", Way.MAIL, "rosa@andes.example", with_link=True
    )


def an_incident(work: Work) -> None:
    incidents.add(work, "A lost telephone", NOON, "It was lost.", slugs=["andes"])


def ask(work: Work, *, blocks: bool = False) -> None:
    register = caller_requests.Register(ZoneInfo("America/Santiago"), "secret", HOMES[0])
    caller_requests.add(work, register, CALLER, RequestKind.DELETION, note=f"{CALLER} writes", blocks=blocks)


NINE = datetime(2026, 8, 3, 13, tzinfo=UTC)  # Monday, 9:00 in Santiago: it has passed by NOON
THREE = NINE + timedelta(hours=6)


def visit(starts: datetime = THREE) -> appointments.Order:
    """A caller's, whose name and number stand in no entry."""
    who = {"name": CALLER, "number": CALLER, "email": CALLERS_ADDRESS, "note": CALLER, "answers": {"¿RUT?": CALLER}}
    return appointments.Order(client_id=1, calendar="soto", kind="Consulta", starts=starts, call_id=CALL, **who)


def a_visit(work: Work) -> None:
    appointments.book(work, visit(), house=HOUSE)


def a_visit_that_has_begun(work: Work) -> None:
    appointments.book(replace(work, at=NINE - DAY), visit(NINE), house=HOUSE)


def her_visit(work: Work) -> None:
    """Ana books it while she talks."""
    messages.open_draft(work.conn, CALL, ana(work).id, NOON)
    whom = {"name": CALLER, "number": CALLER, "email": CALLERS_ADDRESS, "note": CALLER, "answers": {"¿RUT?": CALLER}}
    wanted = desk_agenda.Wanted(key=UUID(int=7), calendar="soto", kind="Consulta", starts=THREE, **whom)
    desk_agenda.book(work, CALL, ana(work).id, wanted, house=HOUSE)


def room_for_calendars(work: Work) -> None:
    subscriptions.assign(work, 1, "large")


# How each service is asked; what must be so before it is done first.
SOTOS = Access(source=Source.CALDAV, address="https://dav.example/soto/", user="soto", secret="Secreto5")
HOUSE = House(office="Secretariado Sur", sender="avisos@sur.example", url="")
SENDS = Settings(mail=Mail(sender="avisos@sur.example"))
ALWAYS_ROSA = Rule(read_shifts("always"), (1,))
ROSA_FOR_A_DAY = Swap(1, NOON, NOON + DAY)
BEFORE: dict[Callable[..., Any], Act] = {
    tokens.revoke: lambda work: tokens.add(work, "crm", ["calls:read"], 1),
    tokens.remove_webhooks_of_ended: a_webhook_of_an_ended_token,
    webhooks.remove: a_webhook,
    webhooks.rotate: a_webhook,
    webhooks.note_test: a_webhook,
    supervisors.take_telephone: a_telephone,
    appointments.move: a_visit,
    appointments.cancel: a_visit,
    appointments.cancel_coming: a_visit,
    leaving.settle_appointments: a_visit,
    desk_agenda.move: her_visit,
    desk_agenda.cancel: her_visit,
    appointments.change: a_visit,
    appointments.no_show: a_visit_that_has_begun,
    calendars.add: room_for_calendars,
    calendars.stop_feed: lambda work: calendars.renew_feed(work, 1, "soto"),
    calendar_sync.disconnect: lambda work: calendar_sync.connect(work, 1, "soto", SOTOS),
    accounts.uphold: lambda work: accounts.dispute(work, charge(work), "fax"),
    blocking.unblock: lambda work: blocking.block(work, 1, CALL, "calls all day"),
    clientele.resume: lambda work: clientele.suspend(work, "andes"),
    closing_days.forget: lambda work: closing_days.add(work, date(2026, 10, 9), 1),
    people.set_order: lambda work: people.add_recipient(work, 1, "email", "ventas@andes.example"),
    people.move_up: lambda work: people.add_recipient(work, 1, "email", "ventas@andes.example"),
    duty.end: pause,
    duty.resume: lambda work: duty.pause(work, ana(work).id, "lunch"),
    duty.resume_by_admin: lambda work: duty.pause_by_admin(work, ana(work).id),
    duty.signed_in: lambda work: duty.signed_out(work, ana(work).id),
    invitations.withdraw: invite,
    invitations.say_yes: invite,
    invitations.say_no: invite,
    invitations.connect_chat: invite,
    invitations.disconnect: connect,
    invoicing.renew: one_more_number,
    invoicing.credit_paid_ahead: paid_for_a_year,
    keeping.hold: lambda work: keeping.release(work, CALL),
    caller_requests.close: lambda work: ask(work),
    onboarding.welcomed: lambda work: onboarding.paid(work, 1, NOON, SANTIAGO),
    onboarding.live: paid_and_welcomed,
    post.resend_undelivered: give_up,
    proposals.confirm: propose,
    proposals.refuse: propose,
    proposal_links.say_yes: asked_by_link,
    proposal_links.say_no: asked_by_link,
    staff.end_pause: pause,
    staff.end_old_pauses: pause,
    users.revoke: sign_in,
    own_account.end_session: rosa_signs_in,
    own_account.end_other_sessions: rosa_signs_in,
    second_factor.confirm: rosas_app_waits,
    second_factor.renew_codes: rosa_has_an_app,
    second_factor.turn_off: rosa_has_an_app,
    second_factor.turned_on: rosa_signs_in,
    second_factor.require: rosa_signs_in,
    passkeys.add: rosa_signs_in,
    passkeys.remove: rosa_has_app_and_passkey,
    second_factor.reset: rosa_has_an_app,
    link_services.use: rosa_is_sent_a_link,
    client_orders.withdraw: lambda work: client_orders.order_plan(work, ISSUER, 1, "large"),
    client_orders.refuse: lambda work: client_orders.order_plan(work, ISSUER, 1, "large"),
    client_orders.confirm: lambda work: client_orders.order_plan(work, ISSUER, 1, "large"),
    incidents.note: an_incident,
    incidents.close: an_incident,
    incidents.send: an_incident,
    subprocessors.remove: lambda work: subprocessors.add(work, ISSUER, "Bodega", "copias", "CL"),
    texts.forget_announcement: lambda work: texts.put_announcement(work, 1, AnnouncementKind.CLOSED, text="No."),
    rotas.clear: lambda work: rotas.set_rules(work, 1, "", [ALWAYS_ROSA]),
    rotas.take_back: lambda work: rotas.swap(work, 1, "", ROSA_FOR_A_DAY),
    today.back_to_normal: lambda work: today.say(work, 1, OverrideKind.OPEN, NOON + DAY),
}
EXAMPLES: dict[Callable[..., Any], Act] = {
    tokens.add: lambda work: tokens.add(work, "crm", ["calls:read"], 1),
    tokens.revoke: lambda work: tokens.revoke(work, "crm"),
    tokens.remove_webhooks_of_ended: tokens.remove_webhooks_of_ended,
    webhooks.add: a_webhook,
    webhooks.remove: lambda work: webhooks.remove(work, 1),
    webhooks.rotate: lambda work: webhooks.rotate(work, 1),
    webhooks.note_test: lambda work: webhooks.note_test(work, 1, taken=True),
    api_messages.write: a_message,
    appointments.book: a_visit,
    appointments.move: lambda work: appointments.move(work, 1, 1, THREE + timedelta(hours=1), house=HOUSE),
    appointments.cancel: lambda work: appointments.cancel(work, 1, 1, house=HOUSE),
    appointments.cancel_coming: lambda work: appointments.cancel_coming(work, 1, house=HOUSE),
    leaving.settle_appointments: lambda work: leaving.settle_appointments(work, "andes", SENDS, cancel=True),
    desk_agenda.book: her_visit,
    desk_agenda.move: lambda work: desk_agenda.move(
        work, CALL, ana(work).id, 1, THREE + timedelta(hours=1), house=HOUSE
    ),
    desk_agenda.cancel: lambda work: desk_agenda.cancel(work, CALL, ana(work).id, 1, house=HOUSE),
    appointments.change: lambda work: appointments.change(work, 1, 1, note=f"{CALLER} llega tarde", house=HOUSE),
    appointments.no_show: lambda work: appointments.no_show(work, 1, 1),
    calendars.add: lambda work: calendars.add(work, 1, "sala", "Sala 2", [Kind(0, "Reunión", 60)]),
    calendars.change: lambda work: calendars.change(work, 1, "soto", address="Av. Matta 12", questions=["¿RUT?"]),
    calendars.put_kind: lambda work: calendars.put_kind(work, 1, "soto", "Consulta", 45, 15),
    calendars.remove_kind: lambda work: calendars.remove_kind(work, 1, "soto", "Control"),
    calendars.remove: lambda work: calendars.remove(work, 1, "soto"),
    calendars.renew_feed: lambda work: calendars.renew_feed(work, 1, "soto"),
    calendars.stop_feed: lambda work: calendars.stop_feed(work, 1, "soto"),
    calendar_sync.connect: lambda work: calendar_sync.connect(work, 1, "soto", SOTOS),
    calendar_sync.disconnect: lambda work: calendar_sync.disconnect(work, 1, "soto"),
    accounts.sell_bag: lambda work: accounts.sell_bag(work, ISSUER, "andes", 25),
    accounts.dispute: lambda work: accounts.dispute(work, charge(work), "fax"),
    accounts.reverse: lambda work: accounts.reverse(work, charge(work), "fax"),
    accounts.uphold: lambda work: accounts.uphold(work, charge(work), "no fax"),
    accounts.uncount: lambda work: accounts.uncount(work, CALL, Uncounted.WRONG_NUMBER),
    blocking.block: lambda work: blocking.block(work, 1, CALL, "calls all day"),
    blocking.unblock: lambda work: blocking.unblock(work, 1, CALLER),
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
    closing_days.forget: lambda work: closing_days.forget(work, date(2026, 10, 9), 1),
    duty.end: lambda work: duty.end(work, ana(work)),
    duty.pause: lambda work: duty.pause(work, ana(work).id, "lunch"),
    duty.pause_by_admin: lambda work: duty.pause_by_admin(work, ana(work).id),
    duty.resume: lambda work: duty.resume(work, ana(work).id),
    duty.resume_by_admin: lambda work: duty.resume_by_admin(work, ana(work).id),
    duty.signed_in: lambda work: duty.signed_in(work, ana(work).id),
    duty.signed_out: lambda work: duty.signed_out(work, ana(work).id),
    infos.add: lambda work: infos.add(work, 1, "Mapa", "Av. Matta 12"),
    infos.remove: lambda work: infos.remove(work, 1, "banco"),
    invitations.ask_address: lambda work: invitations.ask_address(work, 1, 2, "a@b.example", EVERYTHING, PLACE),
    invitations.ask_chat: lambda work: invitations.ask_chat(work, 1, 2, EVERYTHING),
    invitations.withdraw: lambda work: invitations.withdraw(work, 1, 1),
    invitations.say_yes: lambda work: invitations.say_yes(work, SECRETS["token"]),
    invitations.say_no: lambda work: invitations.say_no(work, SECRETS["token"]),
    invitations.disconnect: lambda work: invitations.disconnect(work, 1, 2),
    invitations.connect_chat: lambda work: invitations.connect_chat(work, SECRETS["code"], "77", "Juan", "77"),
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
    restricting.block: lambda work: restricting.block(work, HOMES[0], CALLER, f"{CALLER} asks for it"),
    restricting.do_again: lambda work: restricting.do_again(
        work, Blocked(at=NOON, who=fingerprint(CALLER, "k"), key="k"), CALLER
    ),
    caller_requests.add: lambda work: ask(work, blocks=True),
    caller_requests.close: lambda work: caller_requests.close(work, 1, "told"),
    messages.send_info: send_info,
    numbers.add: lambda work: numbers.add(work, ["+56225550103"], None),
    numbers.assign: lambda work: numbers.assign(work, FREE, 1),
    numbers.release: lambda work: numbers.release(work, NUMBER),
    numbers.remove: lambda work: numbers.remove(work, FREE),
    onboarding.paid: lambda work: onboarding.paid(work, 1, NOON, SANTIAGO),
    onboarding.welcomed: lambda work: onboarding.welcomed(work, 1, NOON, SANTIAGO, "Casa"),
    onboarding.live: lambda work: onboarding.live(work, 1, NOON),
    people.add_contact: lambda work: people.add_contact(work, 1, "Eva", "+56987654322"),
    people.change_contact: lambda work: people.change_contact(
        work, 1, "Rosa", name="Rosa", number="+56987654323", key=1
    ),
    people.set_away: lambda work: people.set_away(work, 1, "Rosa", NOON + DAY),
    people.remove_contact: lambda work: people.remove_contact(work, 1, "Rosa"),
    people.add_recipient: lambda work: people.add_recipient(work, 1, "telegram", "4711"),
    people.join: lambda work: people.join(work, 1, Recipient(Channel.TELEGRAM, "4712"), EVERYTHING),
    people.set_wants: lambda work: people.set_wants(work, 1, "gerencia@andes.example", Wants(usage=False)),
    people.set_order: lambda work: people.set_order(work, 1, ["ventas@andes.example"]),
    people.set_patience: lambda work: people.set_patience(work, 1, timedelta(minutes=2), 1),
    people.move_up: lambda work: people.move_up(work, 1, "ventas@andes.example"),
    people.remove_recipient: lambda work: people.remove_recipient(work, 1, "gerencia@andes.example"),
    post.resend: lambda work: post.resend(work, [1]),
    post.resend_undelivered: lambda work: post.resend_undelivered(work, slug="andes"),
    proposals.propose: propose,
    proposals.confirm: lambda work: proposals.confirm(work, 1, 1, "rosa.soto"),
    proposals.refuse: lambda work: proposals.refuse(work, 1, 1, "rosa.soto"),
    proposal_links.say_yes: lambda work: proposal_links.say_yes(work, SECRETS["change"], PLACE),
    proposal_links.say_no: lambda work: proposal_links.say_no(work, SECRETS["change"]),
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
    users.change: lambda work: users.change(work, "rosa.soto", client_role=ClientRole.OWNER),
    own_account.change_password: lambda work: own_account.change_password(
        work, rosa(work), PASSWORD.hash, users.NewPassword("Secreto3", "Secreto4")
    ),
    own_account.end_session: lambda work: own_account.end_session(work, rosa(work), rosa(work).session_id),
    own_account.end_other_sessions: lambda work: own_account.end_other_sessions(work, rosa(work)),
    second_factor.confirm: lambda work: second_factor.confirm(work, rosa(work), code(work)),
    second_factor.renew_codes: lambda work: second_factor.renew_codes(work, rosa(work), code(work)),
    second_factor.turn_off: lambda work: second_factor.turn_off(work, rosa(work), code(work)),
    second_factor.turned_on: lambda work: second_factor.turned_on(work, rosa(work)),
    second_factor.require: lambda work: second_factor.require(
        work, rosa(work), second_factor.turned_on(work, rosa(work))[0]
    ),
    passkeys.add: rosa_adds_a_passkey,
    passkeys.remove: lambda work: passkeys.remove(work, rosa(work), 1, code(work)),
    downloads.note_fetched: lambda work: downloads.note_fetched(work, FETCHED),
    second_factor.reset: lambda work: second_factor.reset(work, "Rosa.Soto"),
    link_services.send: lambda work: link_services.send(work, PAGES, "rosa.soto", invited=True),
    link_services.use: lambda work: link_services.use(work, LINK, users.NewPassword("Secreto3", "Secreto4")),
    client_orders.order_bag: lambda work: client_orders.order_bag(work, ISSUER, 1, 25),
    client_orders.order_plan: lambda work: client_orders.order_plan(work, ISSUER, 1, "large"),
    client_orders.withdraw: lambda work: client_orders.withdraw(work, 1, 1),
    client_orders.refuse: lambda work: client_orders.refuse(work, 1, "not paid"),
    client_orders.confirm: lambda work: client_orders.confirm(work, ISSUER, 1),
    incidents.add: an_incident,
    incidents.note: lambda work: incidents.note(work, 1, "it was found"),
    incidents.close: lambda work: incidents.close(work, 1, "mended"),
    incidents.send: lambda work: incidents.send(work, ISSUER, 1),
    subprocessors.add: lambda work: subprocessors.add(work, ISSUER, "Bodega", "copias", "CL"),
    subprocessors.remove: lambda work: subprocessors.remove(work, ISSUER, "Bodega"),
    users.reset_password: lambda work: users.reset_password(work, "anarojas", PASSWORD),
    users.remove: lambda work: users.remove(work, "anarojas"),
    users.remove_of_secretary: lambda work: users.remove_of_secretary(work, ana(work).id),
    users.revoke: lambda work: users.revoke(work, "anarojas"),
    supervisors.give_telephone: a_telephone,
    supervisors.take_telephone: lambda work: supervisors.take_telephone(work, "jefa"),
    checking.note_heard: lambda work: (answered_by_ana(work), checking.note_heard(work, CALL)),
    checking.score: judged,
    texts.write_greeting: lambda work: texts.write_greeting(work, 1, "tres"),
    texts.roll_back_greeting: lambda work: texts.roll_back_greeting(work, 1),
    texts.put_announcement: lambda work: texts.put_announcement(work, 1, AnnouncementKind.CLOSED, text="No."),
    texts.forget_announcement: lambda work: texts.forget_announcement(work, 1, AnnouncementKind.CLOSED),
    rotas.set_rules: lambda work: rotas.set_rules(work, 1, "", [ALWAYS_ROSA]),
    rotas.swap: lambda work: rotas.swap(work, 1, "", ROSA_FOR_A_DAY),
    rotas.take_back: lambda work: rotas.take_back(work, 1, 1),
    rotas.clear: lambda work: rotas.clear(work, 1, ""),
    today.say: lambda work: today.say(work, 1, OverrideKind.ANNOUNCED, NOON + DAY, "Nos mudamos."),
    today.back_to_normal: lambda work: today.back_to_normal(work, 1),
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
    for secret in ("Secreto1", "Secreto2", "Secreto3", "Secreto4", "Secreto5", APP_SECRET, LINK, *passwords):
        assert secret not in told
    assert CALLER not in told  # callers do not stand in it
    assert CALLERS_ADDRESS not in told


# What happens anew each time that it is asked for; all others change nothing the second time, or are refused.
ANEW = {
    calendars.renew_feed,
    webhooks.add,  # of several to one address
    webhooks.note_test,
    webhooks.rotate,
    accounts.sell_bag,
    caller_requests.add,
    incidents.add,
    incidents.note,
    invitations.ask_address,
    invitations.ask_chat,
    proposals.propose,
    keeping.believe_clock,
    messages.send_info,
    api_messages.write,
    post.resend,
    supplements.write_supplement,
    staff.reset_password,
    users.reset_password,
    supervisors.give_telephone,
    checking.note_heard,
    checking.score,
    link_services.send,
    second_factor.renew_codes,
    second_factor.turned_on,
    second_factor.require,  # a recovery code of its own each time
    downloads.note_fetched,
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
