"""A client changes greeting, protocol and ready-made texts: shown first, confirmed, in force at once or on a day."""

import asyncio
import re
from datetime import timedelta
from zoneinfo import ZoneInfo

import httpx
import pytest
from acting import ADMIN
from browsing import Browser, Place
from sqlalchemy import select

from pbx_control.clock import now
from pbx_control.domain.audit import Actor, ActorKind
from pbx_control.domain.desk.proposals import Mark, Piece, Subject, Way, compared
from pbx_control.domain.desk.protocol import Protocol
from pbx_control.domain.users import UserRole
from pbx_control.errors import ClientMistake
from pbx_control.services import clientele, infos, proposals, texts, users
from pbx_control.services.users import NewPassword
from pbx_control.services.work import booking, changing
from pbx_control.store import clients, greetings, protocols
from pbx_control.store import infos as kept_infos
from pbx_control.store.engine import reading
from pbx_control.store.tables import audit

HERE = "/portal/protocol"
OLD, NEW = "Andes, habla {secretary}", "Clínica Andes, {part_of_day}, habla {secretary}"
JOB = Actor(ActorKind.JOB, "changes")


@pytest.fixture
async def browser(place: Place) -> Browser:
    with changing(place.engine, ADMIN, now()) as work:
        texts.write_greeting(work, clients.find(work.conn, "andes").id, OLD)
    browser = place.browser()
    await browser.sign_in("gerencia")
    return browser


def greeting(place: Place, slug: str = "andes") -> str:
    with reading(place.engine) as conn:
        past = greetings.history(conn, clients.find(conn, slug).id)
    return past[0].text if past else ""


def protocol(place: Place) -> Protocol:
    with reading(place.engine) as conn:
        return protocols.in_force(conn, clients.find(conn, "andes").id).protocol


async def asked(browser: Browser, text: str = NEW) -> str:
    """Asks for a greeting; gives the path of the proposal."""
    answer = await browser.post(f"{HERE}/greeting", {"text": text})
    assert answer.status_code == 303
    return answer.headers["location"]


async def fields(browser: Browser, **changes: str) -> dict[str, str]:
    """The form of what is asked, as the page has it, with changes."""
    html = (await browser.get(HERE)).text
    _, _, form = html.partition('action="/portal/protocol/fields')
    form = form.partition("</form>")[0]
    found = {name: value for value, name in ()}  # type: ignore[misc]
    for tag in re.findall(r"<input [^>]+>", form):
        name, value = re.search(r'name="([^"]+)"', tag), re.search(r'value="([^"]*)"', tag)
        if not name or ('type="checkbox"' in tag and " checked" not in tag):
            continue
        found[name[1]] = value[1] if value else "on"
    for name, body in re.findall(r'<select [^>]*name="([^"]+)">(.*?)</select>', form, re.S):
        chosen = re.search(r'value="([^"]+)" selected', body)
        found[name] = chosen[1] if chosen else "text"
    for name, body in re.findall(r'<textarea [^>]*name="([^"]+)"[^>]*>(.*?)</textarea>', form, re.S):
        found[name] = body
    return found | {name.replace("__", "-"): value for name, value in changes.items()}


# --- the greeting -----------------------------------------------------------------------------------------


async def test_greeting_is_in_force_when_it_is_confirmed_and_not_before(place: Place, browser: Browser) -> None:
    path = await asked(browser)
    assert greeting(place) == OLD
    page = (await browser.get(path)).text
    assert "<ins>Clínica</ins>" in page
    assert (await browser.post(path, {"answer": "yes"})).status_code == 303
    assert greeting(place) == NEW
    with reading(place.engine) as conn:
        who = conn.execute(select(audit.c.verb, audit.c.who).where(audit.c.actor == "user").order_by(audit.c.id)).all()
    assert [tuple(one) for one in who] == [
        ("change proposed", "gerencia"),
        ("change confirmed", "gerencia"),
        ("greeting changed", "gerencia"),
    ]


async def test_greeting_comes_in_force_on_its_day(place: Place, browser: Browser) -> None:
    path = await asked(browser)
    santiago = ZoneInfo("America/Santiago")
    day = (now().astimezone(santiago) + timedelta(days=3)).date()
    await browser.post(path, {"answer": "yes", "day": day.isoformat()})
    assert greeting(place) == OLD
    proposals.apply_due(place.engine, JOB, now())
    assert greeting(place) == OLD
    for _ in range(2):
        proposals.apply_due(place.engine, JOB, now() + timedelta(days=3))
    assert greeting(place) == NEW
    with reading(place.engine) as conn:
        assert len(greetings.history(conn, clients.find(conn, "andes").id)) == 2


async def test_what_waits_for_its_day_can_be_taken_back(place: Place, browser: Browser) -> None:
    path = await asked(browser)
    day = (now() + timedelta(days=3)).date()
    await browser.post(path, {"answer": "yes", "day": day.isoformat()})
    assert path in (await browser.get(HERE)).text
    await browser.post(path, {"answer": "no"})
    proposals.apply_due(place.engine, JOB, now() + timedelta(days=9))
    assert greeting(place) == OLD


@pytest.mark.parametrize("day", ["2020-01-01", "yesterday", "2999-01-01", "x" * 500])
async def test_day_that_will_not_do_is_refused_and_nothing_is_decided(place: Place, browser: Browser, day: str) -> None:
    path = await asked(browser)
    assert (await browser.post(path, {"answer": "yes", "day": day})).status_code == 422
    assert (await browser.post(path, {"answer": "yes"})).status_code == 303
    assert greeting(place) == NEW


async def test_of_two_who_decide_at_once_one_does(place: Place, browser: Browser) -> None:
    path = await asked(browser)
    answers = await asyncio.gather(*(browser.post(path, {"answer": "yes"}) for _ in range(4)))
    assert sorted(one.status_code for one in answers) == [303, 422, 422, 422]
    with reading(place.engine) as conn:
        assert len(greetings.history(conn, clients.find(conn, "andes").id)) == 2


@pytest.mark.parametrize("text", ["", OLD, "habla {unknown}", "x" * 3000, "tab\x07"])
async def test_greeting_that_will_not_do_is_told_and_stays_in_its_place(
    place: Place, browser: Browser, text: str
) -> None:
    answer = await browser.post(f"{HERE}/greeting", {"text": text})
    assert answer.status_code == 422
    assert 'role="alert"' in answer.text
    assert greeting(place) == OLD


async def test_earlier_greeting_is_put_back(place: Place, browser: Browser) -> None:
    await browser.post(await asked(browser), {"answer": "yes"})
    answer = await browser.post(f"{HERE}/greeting/back", {"version": "1"})
    await browser.post(answer.headers["location"], {"answer": "yes"})
    assert greeting(place) == OLD


async def test_proposals_of_another_client_do_not_exist(place: Place, browser: Browser, password: NewPassword) -> None:
    with changing(place.engine, ADMIN, now()) as work:
        sur = clientele.add(work, "sur", name="Sur")
        users.add(work, "sur", UserRole.CLIENT, password, secretary_id=None, client_id=sur)
    path = await asked(browser)
    other = place.browser()
    await other.sign_in("sur")
    answers = [await other.get(path), *[await other.post(path, {"answer": each}) for each in ("yes", "no")]]
    assert [one.status_code for one in answers] == [404, 404, 404]
    assert greeting(place) == OLD


async def test_client_that_cancels_meanwhile_keeps_what_it_had(place: Place, browser: Browser) -> None:
    path = await asked(browser)
    await browser.post(path, {"answer": "yes", "day": (now() + timedelta(days=3)).date().isoformat()})
    with changing(place.engine, ADMIN, now()) as work:
        clientele.cancel(work, "andes")
    proposals.apply_due(place.engine, JOB, now() + timedelta(days=9))
    assert greeting(place) == OLD


def test_link_confirms_once_and_dies_of_age(place: Place) -> None:
    with booking(place.engine, ADMIN, now()) as work:
        andes = clients.find(work.conn, "andes").id
        number, secret = proposals.propose(work, andes, Subject.GREETING, NEW, Way.MAIL, "ana@andes.cl", with_link=True)
        assert proposals.by_link(work.conn, secret, now()).proposal.id == number
    with reading(place.engine) as conn, pytest.raises(ClientMistake):
        proposals.by_link(conn, secret, now() + timedelta(days=4))


# --- what is asked and told -------------------------------------------------------------------------------


async def saved(browser: Browser, form: dict[str, str]) -> httpx.Response:
    answer = await browser.post(f"{HERE}/fields", form)
    if answer.status_code != 303:
        return answer
    return await browser.post(answer.headers["location"], {"answer": "yes"})


async def test_page_as_it_stands_changes_nothing(place: Place, browser: Browser) -> None:
    answer = await browser.post(f"{HERE}/fields", await fields(browser))
    assert answer.status_code == 422
    assert "in force already" in answer.text


async def test_questions_are_added_moved_changed_and_taken_away(place: Place, browser: Browser) -> None:
    before = [one.key for one in protocol(place).fields]
    form = await fields(browser)
    last = len(before)
    form |= {
        f"label-{last}": "¿Es paciente?", f"kind-{last}": "choice", f"choices-{last}": "sí / no", f"place-{last}": "1",
        "gone-0": "on", "label-1": "Empresa o familia", "may_tell": "El horario\n\nLa dirección",
    }  # fmt: skip
    await saved(browser, form)
    now_asked = protocol(place)
    assert now_asked.fields[0].label == "¿Es paciente?"
    assert now_asked.fields[0].choices == ("sí", "no")
    assert before[0] not in [one.key for one in now_asked.fields]
    assert next(one.label for one in now_asked.fields if one.key == before[1]) == "Empresa o familia"
    assert now_asked.may_tell == ("El horario", "La dirección")


@pytest.mark.parametrize(
    "wrong",
    [
        {"own_colour": "1", "colour": "#ffffff"},
        {"label-0": "x" * 300},
        {"label-5": "Una", "kind-5": "choice", "choices-5": "sola"},
        {"may_tell": "x" * 900},
    ],
)
async def test_what_will_not_do_is_told_and_what_was_typed_stays(
    place: Place, browser: Browser, wrong: dict[str, str]
) -> None:
    before = protocol(place)
    answer = await browser.post(f"{HERE}/fields", await fields(browser) | {"steps_note": "Lo que escribí"} | wrong)
    assert answer.status_code == 422
    assert "Lo que escribí" in answer.text
    assert protocol(place) == before


@pytest.mark.parametrize("form", [{}, {"rows": "9999999"}, {"rows": "-1"}, {"rows": "3", "kind-0": "<script>"}])
async def test_forms_that_no_page_sends_do_no_harm(place: Place, browser: Browser, form: dict[str, str]) -> None:
    before = protocol(place)
    assert (await browser.post(f"{HERE}/fields", form)).status_code == 422
    assert protocol(place) == before


# --- ready-made texts -------------------------------------------------------------------------------------


async def test_ready_made_texts_are_added_changed_and_removed(place: Place, browser: Browser) -> None:
    for text in ("Av. Siempre Viva 742", "Av. Siempre Viva 743"):
        answer = await browser.post(f"{HERE}/infos", {"name": "Dirección", "text": text})
        assert answer.status_code == 303
    with reading(place.engine) as conn:
        andes = clients.find(conn, "andes").id
        assert [one.text for one in kept_infos.in_force(conn, andes)] == ["Av. Siempre Viva 743"]
    await browser.post(f"{HERE}/infos/remove", {"name": "Dirección"})
    with reading(place.engine) as conn:
        assert kept_infos.in_force(conn, andes) == []
    assert infos.LONGEST == 8000


async def test_hostile_texts_are_text_on_the_page(place: Place, browser: Browser) -> None:
    evil = "<script>alert(1)</script>"
    await browser.post(f"{HERE}/infos", {"name": evil[:60], "text": evil})
    path = await asked(browser, evil)
    assert evil not in (await browser.get(HERE)).text + (await browser.get(path)).text


# --- comparing --------------------------------------------------------------------------------------------


def test_changed_line_is_compared_word_by_word() -> None:
    (line,) = compared(["habla Ana de Andes"], ["habla Ana de Clínica Andes"])
    assert line == (Piece(Mark.SAME, "habla Ana de"), Piece(Mark.NEW, "Clínica"), Piece(Mark.SAME, "Andes"))


def test_lines_that_come_and_go_are_told_whole() -> None:
    found = compared(["a", "b"], ["b", "c"])
    assert [line[0] for line in found] == [Piece(Mark.GONE, "a"), Piece(Mark.SAME, "b"), Piece(Mark.NEW, "c")]
