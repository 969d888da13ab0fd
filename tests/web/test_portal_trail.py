"""An owner reads who changed what of the firm: its own people, and the office for it; of nothing else he is told."""

import re
from datetime import UTC, datetime, timedelta

import pytest
from acting import ADMIN
from browsing import Browser, Place
from sqlalchemy import Engine

from pbx_control.clock import now
from pbx_control.domain.audit import Actor, ActorKind, AuditEntry, Verb
from pbx_control.domain.users import ClientRole
from pbx_control.services import clientele, people, staff, texts, users
from pbx_control.services.tenant_trail import OFFICES, PAGE
from pbx_control.services.work import booking, changing
from pbx_control.store import audit, clients
from pbx_control.store.engine import writing

EVIL = '<script>alert("x")</script>\u202e\x1b[2J'
GERENCIA = Actor(ActorKind.USER, "gerencia", "198.51.100.7")


async def owner(place: Place, who: str = "gerencia") -> Browser:
    browser = place.browser()
    await browser.sign_in(who)
    return browser


async def read(place: Place, reader: str = "gerencia", **query: str) -> str:
    answer = await (await owner(place, reader)).get("/portal/audit", params=query)
    assert answer.status_code == 200
    return answer.text


def did(page: str) -> list[str]:
    """What stands there, the newest first."""
    return re.findall(r'<p class="did"><strong>([^<]*)</strong>', page)


def of(engine: Engine, slug: str) -> int:
    with writing(engine) as conn:
        return clients.find(conn, slug).id


def entry(place: Place, verb: Verb, *, actor: Actor = ADMIN, slug: str = "andes", **values: object) -> None:
    at = values.pop("at", now())
    subject = values.pop("subject", slug)
    with writing(place.engine) as conn:
        client_id = clients.find(conn, slug).id if slug else None
        difference = {name: (None, value) for name, value in values.items()}
        audit.add(
            conn,
            AuditEntry(at=at, actor=actor, verb=verb, subject=subject, client_id=client_id, difference=difference),  # type: ignore[arg-type]
        )


async def test_he_reads_what_his_people_and_the_office_did(place: Place) -> None:
    with changing(place.engine, GERENCIA, now()) as work:
        people.add_recipient(work, clients.find(work.conn, "andes").id, "email", "rosa@andes.example")
    with changing(place.engine, ADMIN, now()) as work:
        texts.write_greeting(work, clients.find(work.conn, "andes").id, "Buenos días")
    page = await read(place)
    assert did(page)[:2] == ["greeting changed", "recipient added"]
    assert "rosa@andes.example" in page
    assert "gerencia (198.51.100.7)" in page
    # Who of the office it was, and where he sat, is the office's own affair.
    assert ADMIN.origin not in page
    assert "Secretariado ·" in page


async def test_what_a_change_was_of_is_said_without_the_short_name(place: Place) -> None:
    entry(place, Verb.RECIPIENT_CHANGED, subject="andes: rosa@andes.example", gets=["calls", "usage"])
    entry(place, Verb.CHARGE_DISPUTED, subject="entry 7")
    browser = await owner(place)
    await browser.post("/language", {"language": "es", "next": "/portal/audit"})
    page = (await browser.get("/portal/audit")).text
    assert "· rosa@andes.example</p>" in page
    assert "· asiento 7</p>" in page
    assert "<dt>recibe</dt><dd>mensajes y llamadas, cuando se acaban las llamadas</dd>" in page


async def test_of_others_and_of_the_house_itself_he_reads_nothing(place: Place) -> None:
    with changing(place.engine, ADMIN, now()) as work:
        clientele.change(work, "lagos", name="Lagos SpA")
        staff.change(work, "Ana", secure=True)
        people.add_contact(work, clients.find(work.conn, "lagos").id, "Josefa", "+56987654321")
    for verb in (Verb.PAUSE_BEGUN, Verb.TRUNK_CHANGED, Verb.RECORDINGS_PURGED, Verb.MONTHS_BEGUN, Verb.LETTERS_RESENT):
        entry(place, verb, name="Interno")
    page = await read(place)
    for hidden in ("Lagos", "Josefa", "Interno", "secretary"):
        assert hidden not in page
    assert "Josefa" in await read(place, "lagos")


async def test_of_its_settings_he_reads_what_is_his(place: Place) -> None:
    with changing(place.engine, ADMIN, now()) as work:
        clientele.change(work, "andes", name="Andes SpA", calls_out_a_day=7)
    page = await read(place)
    assert "Andes → Andes SpA" in page
    assert "calls_out_a_day" not in page
    entry(place, Verb.USER_CHANGED, actor=GERENCIA, name="recepcion", client_id=4711, role="client")
    assert "4711" not in await read(place)


@pytest.mark.parametrize("verb", [verb for verb in Verb if verb not in OFFICES])
async def test_a_kind_that_the_office_does_within_is_not_shown(place: Place, verb: Verb) -> None:
    entry(place, verb, name="Interno")
    entry(place, verb, actor=Actor(ActorKind.SECRETARY, "Eva"), name="Interno")
    entry(place, verb, actor=Actor(ActorKind.JOB, "nightly"), name="Interno")
    assert "Interno" not in await read(place)


async def test_what_his_people_do_with_their_own_accounts_is_told_without_secrets(place: Place) -> None:
    with booking(place.engine, Actor(ActorKind.USER, "recepcion", "203.0.113.5"), now()) as work:
        users.change(work, "recepcion", client_role=ClientRole.OWNER)
        users.reset_password(work, "recepcion", users.NewPassword("Secreto1", "Secreto2"))
    page = await read(place)
    assert did(page)[:2] == ["user password reset", "user changed"]
    assert "*** → ***" not in page or "Secreto" not in page
    assert "Secreto" not in page
    assert "staff → owner" in page


async def test_days_and_people_narrow_it_down(place: Place) -> None:
    late = datetime(2026, 11, 22, 2, 30, tzinfo=UTC)  # 23:30 of the day before in Santiago
    entry(place, Verb.CONTACT_ADDED, actor=GERENCIA, at=late, name="Rosa")
    entry(place, Verb.CONTACT_REMOVED, at=late + timedelta(hours=2), name="Luis")
    entry(place, Verb.INFO_CHANGED, actor=Actor(ActorKind.USER, "recepcion"), at=late, name="Mapa")
    assert did(await read(place, day="2026-11-21")) == ["ready-made text changed", "contact added"]
    assert did(await read(place, day="22/11/2026")) == ["contact removed"]
    assert did(await read(place, day="2026-11-21", who="gerencia")) == ["contact added"]
    assert did(await read(place, day="2026-11-22", who="*")) == ["contact removed"]
    assert did(await read(place, who="lagos")) == []
    for odd in ("ayer por la tarde", "9999-12-31", "0001-01-01", "'; --"):
        assert "Traceback" not in await read(place, day=odd)
    assert 'role="alert"' in await read(place, day="ayer por la tarde")


async def test_pages_follow_each_other_without_gap_or_repetition(place: Place) -> None:
    for number in range(2 * PAGE + 5):
        entry(place, Verb.CONTACT_ADDED, actor=GERENCIA, name=f"Nombre {number} ")
    browser, path, seen = await owner(place), "/portal/audit?who=gerencia", []
    while path:
        page = (await browser.get(path)).text
        seen += re.findall(r"Nombre (\d+)", page)
        _, found, rest = page.partition('rel="next" href="')
        path = rest.partition('"')[0].replace("&amp;", "&") if found else ""
    assert seen == [str(number) for number in reversed(range(2 * PAGE + 5))]
    for odd in ("x", "-1", "9" * 40, "١", "0"):
        assert len(did(await read(place, before=odd, who="gerencia"))) == PAGE


async def test_what_people_wrote_is_text(place: Place) -> None:
    entry(place, Verb.CONTACT_ADDED, actor=Actor(ActorKind.USER, EVIL, EVIL), subject=EVIL, name=EVIL, **{"<b>x": EVIL})
    page = await read(place)
    assert "<script>alert" not in page
    assert "<b>x" not in page
    assert "\u202e" not in page
    assert "\x1b" not in page


async def test_a_recording_that_was_heard_leads_to_its_call(place: Place) -> None:
    entry(place, Verb.RECORDING_HEARD, actor=GERENCIA, subject="pbx-1.2")
    page = await read(place)
    assert did(page)[0] == "recording heard"
    assert 'href="/portal/calls/pbx-1.2"' in page


async def test_it_is_told_in_the_readers_language(place: Place) -> None:
    entry(place, Verb.CONTACT_ADDED, actor=GERENCIA, name="Rosa")
    browser = await owner(place)
    page = await browser.get("/portal/audit", headers={"accept-language": "es"})
    assert did(page.text)[0] == "contacto agregado"
