"""An owner says what programs of the firm may do and where they are told; of other clients' he learns nothing."""

import html
import re
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from threading import Barrier
from typing import get_args

import httpx
import msgspec
import pytest
from acting import ADMIN
from browsing import PASSWORD, Browser, Place
from limits import RateLimitItemPerMinute
from sqlalchemy import Engine, select, update
from webhook_receiver import Answer, Receiver, receiving

from pbx_control.clock import now
from pbx_control.domain.audit import Actor, ActorKind
from pbx_control.domain.tokens import MOST_OF_OWNERS, Scope
from pbx_control.domain.users import ClientRole, Person, UserRole
from pbx_control.domain.webhooks import MOST_OF_ONE, EventType
from pbx_control.domain.words.programs import EVENTS, SCOPES, STATES
from pbx_control.errors import ClientMistake
from pbx_control.services import clientele, tokens, users, webhooks
from pbx_control.services.tenant_programs import ProgramsOf
from pbx_control.services.users import NewPassword
from pbx_control.services.work import booking, changing
from pbx_control.settings import Settings, Webhooks
from pbx_control.store import clients
from pbx_control.store import tokens as kept_tokens
from pbx_control.store import webhooks as kept_webhooks
from pbx_control.store.engine import reading, writing
from pbx_control.store.tables import api_token, audit, client, webhook
from pbx_control.store.webhooks import State
from pbx_control.web.tries import Allowance

PAGE = "/portal/programs"
URL = "https://crm.andes.example/calls"


async def makes(browser: Browser, **fields: object) -> httpx.Response:
    given = {"name": "crm", "scope": "calls:read", "until": "", "password": PASSWORD}
    return await browser.post(f"{PAGE}/tokens", given | fields)  # type: ignore[arg-type]


async def adds(browser: Browser, **fields: object) -> httpx.Response:
    return await browser.post(f"{PAGE}/webhooks", {"url": URL, "password": PASSWORD} | fields)  # type: ignore[arg-type]


def secret_in(page: str) -> str:
    found = re.search(r"data-secret>([^<]+)</textarea>", page)
    return html.unescape(found[1]) if found else ""


def beside(page: str, place: str) -> str:
    """What is wrong beside a field, or in a row."""
    found = re.search(rf'id="{re.escape(place)}-problem">([^<]*)<', page)
    return html.unescape(found[1]) if found else ""


def theirs(place: Place, slug: str) -> tuple[list[str], list[int]]:
    """A client's tokens and webhooks."""
    with reading(place.engine) as conn:
        client_id = clients.find(conn, slug).id
        return (
            [one.name for one in kept_tokens.rows(conn, client_id)],
            [one.id for one in kept_webhooks.rows(conn, client_id)],
        )


def entries(place: Place) -> list[tuple[str, str, str]]:
    with reading(place.engine) as conn:
        rows = conn.execute(select(audit.c.verb, audit.c.actor, audit.c.who).order_by(audit.c.id)).all()
    return [(row.verb, row.actor, row.who) for row in rows if row.verb.startswith(("token", "webhook"))]


@pytest.fixture
def others(place: Place) -> tuple[str, int, int]:
    """A token and a webhook of another client's, and a webhook of the office's."""
    with booking(place.engine, ADMIN, now()) as work:
        lagos = clients.find(work.conn, "lagos").id
        tokens.add(work, "lagos.crm", ["calls:read"], lagos)
        tokens.add(work, "wallboard", ["calls:read"])
        told = webhooks.add(work, "https://hooks.lagos.example/", [], lagos, private=False)
        offices = webhooks.add(work, "https://hooks.office.example/", [], private=False)
    return "lagos.crm", told.id, offices.id


@pytest.fixture
def receiver(place: Place) -> Iterator[Receiver]:
    """A receiver within our own walls, where the settings allow it."""
    inner = Webhooks(private_networks=["127.0.0.0/8"])
    object.__setattr__(place.site, "settings", msgspec.structs.replace(place.site.settings, webhooks=inner))
    with receiving() as made:
        yield made


# --- tokens -----------------------------------------------------------------------------------------------


async def test_an_owner_makes_a_token_sees_it_once_uses_it_and_revokes_it(place: Place, owner: Browser) -> None:
    answer = await makes(owner, name=" CRM ", scope=["messages:read", "calls:read"])
    secret = secret_in(answer.text)
    assert (answer.status_code, secret.startswith("pbx_")) == (200, True)
    assert "Shown only now, and never again" in answer.text
    assert answer.headers["cache-control"] == "no-store"
    assert "http://127.0.0.1:8080/api/v1" in answer.text
    later = (await owner.get(PAGE)).text
    assert secret not in later
    assert 'data-token="andes.crm"' in later
    assert "May: see calls; read messages" in later
    assert "never used" in later
    assert "good until it is revoked" in later

    program = place.browser()
    headers = {"Authorization": f"Bearer {secret}"}
    found = await program.get("/api/v1/clients", headers=headers)
    assert (found.status_code, found.json()["code"]) == (403, "not-in-scope")
    assert (await program.get("/api/v1/calls", headers=headers)).status_code == 200
    assert "last use: " in (await owner.get(PAGE)).text

    answer = await owner.post(f"{PAGE}/tokens/revoke", {"token": "andes.crm"})
    assert answer.headers["location"] == f"{PAGE}?done=revoked"
    page = (await owner.get(f"{PAGE}?done=revoked")).text
    assert "the next request with it is refused" in page
    assert "There is no token yet." in page
    assert (await program.get("/api/v1/calls", headers=headers)).status_code == 401
    assert entries(place) == [("token added", "user", "gerencia"), ("token revoked", "user", "gerencia")]


async def test_a_token_has_an_end_if_one_is_given(place: Place, owner: Browser) -> None:
    day = (now() + timedelta(days=40)).date()
    answer = await makes(owner, until=day.isoformat())
    assert answer.status_code == 200
    assert f"good until {day:%A} {day.day} {day:%B %Y}" in answer.text
    with reading(place.engine) as conn:
        ends_at = conn.scalar(select(api_token.c.ends_at))
    assert timedelta(0) < ends_at - now() - timedelta(days=39) < timedelta(days=3)


async def test_of_a_client_no_token_may_have_what_is_the_offices(place: Place, owner: Browser) -> None:
    page = (await owner.get(PAGE)).text
    offered = set(re.findall(r'name="scope" value="([^"]+)"', page))
    assert offered == set(Scope) - {Scope.MESSAGES_WRITE}
    answer = await makes(owner, scope=["calls:read", "messages:write"])
    assert (answer.status_code, beside(answer.text, "token-scope")) == (
        400,
        "messages:write is for tokens of the office alone",
    )
    assert theirs(place, "andes") == ([], [])


@pytest.mark.parametrize(
    ("fields", "at", "said"),
    [
        ({"name": ""}, "name", "cannot be a token's name"),
        ({"name": '"><script>alert(1)</script>'}, "name", "cannot be a token's name"),
        ({"name": "x" * 40}, "name", "cannot be a token's name"),
        ({"scope": []}, "scope", "a token needs a scope"),
        ({"scope": "<b>:read"}, "scope", "is no scope"),
        ({"until": "2020-01-01"}, "until", "that is over already"),
        ({"until": "<i>soon"}, "until", "is no time to come"),
        ({"password": "not it"}, "password", "This is not your password."),
        ({"password": ""}, "password", "This is not your password."),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
async def test_what_is_wrong_with_a_token_stands_beside_its_field(
    place: Place, owner: Browser, fields: dict[str, object], at: str, said: str
) -> None:
    answer = await makes(owner, **fields)
    assert (answer.status_code, secret_in(answer.text)) == (400, "")
    assert said in beside(answer.text, f"token-{at}")
    assert not re.search("<script>alert|<b>:|<i>soon", answer.text)
    assert PASSWORD not in answer.text
    assert theirs(place, "andes") == ([], [])
    # What was filled in is there still.
    typed = str(fields.get("name", "crm"))[:40]
    assert f'name="name" value="{html.escape(typed).replace("&quot;", "&#34;")}"' in answer.text
    assert ('value="calls:read" checked' in answer.text) == ("scope" not in fields)


async def test_a_name_that_the_firm_has_already_is_told_so(owner: Browser) -> None:
    await makes(owner)
    answer = await makes(owner)
    assert (answer.status_code, "there is a token andes.crm already" in beside(answer.text, "token-name")) == (
        400,
        True,
    )


async def test_whether_another_client_has_a_token_of_a_name_is_not_told(
    place: Place, owner: Browser, others: tuple[str, int, int]
) -> None:
    assert (await makes(owner, name="wallboard")).status_code == 200
    assert theirs(place, "andes")[0] == ["andes.wallboard"]


async def test_of_clients_that_are_called_alike_neither_tells_the_others_tokens(
    place: Place, password: NewPassword
) -> None:
    firms = ("inmobiliaria-del-norte-uno", "inmobiliaria-del-norte-dos")
    with changing(place.engine, ADMIN, now()) as work:
        for name, slug in zip(("rosa", "luis"), firms, strict=True):
            firm = clientele.add(work, slug, name=slug)
            users.add(work, name, UserRole.CLIENT, password, client_id=firm, client_role=ClientRole.OWNER)
    for name in ("rosa", "luis"):
        browser = place.browser()
        await browser.sign_in(name)
        assert (await makes(browser)).status_code == 200
    for slug in firms:
        (name,) = theirs(place, slug)[0]
        assert re.fullmatch(r"inmobiliaria-de-[0-9a-f]{4}\.crm", name)


async def test_an_owner_makes_some_tokens_only(place: Place, owner: Browser) -> None:
    with booking(place.engine, ADMIN, now()) as work:
        for number in range(MOST_OF_OWNERS):
            tokens.add(work, f"t{number}", ["calls:read"], clients.find(work.conn, "andes").id)
    answer = await makes(owner)
    assert (answer.status_code, "there are 20 tokens already: revoke one" in answer.text) == (400, True)
    assert len(theirs(place, "andes")[0]) == MOST_OF_OWNERS


# --- webhooks ---------------------------------------------------------------------------------------------


async def test_an_owner_adds_a_webhook_sees_its_secret_once_and_removes_it(place: Place, owner: Browser) -> None:
    answer = await adds(owner, event=["call.ended", "call.started"])
    secret = secret_in(answer.text)
    assert (answer.status_code, secret.startswith("whsec_")) == (200, True)
    assert answer.headers["cache-control"] == "no-store"
    (number,) = theirs(place, "andes")[1]
    with reading(place.engine) as conn:
        assert conn.scalar(select(webhook.c.secret)) == secret
        assert secret not in repr(conn.execute(select(audit)).all())
    page = (await owner.get(PAGE)).text
    assert secret not in page
    assert "Told: a call comes; a call is over" in page
    assert f"Webhook {number} · nothing sent yet" in page

    answer = await owner.post(f"{PAGE}/webhooks/remove", {"webhook": str(number)})
    assert answer.headers["location"] == f"{PAGE}?done=removed"
    assert theirs(place, "andes")[1] == []
    assert entries(place) == [("webhook added", "user", "gerencia"), ("webhook removed", "user", "gerencia")]
    answer = await owner.post(f"{PAGE}/webhooks/remove", {"webhook": str(number)})
    assert (answer.status_code, "this webhook is removed already" in answer.text) == (400, True)


@pytest.mark.parametrize(
    ("fields", "at", "said"),
    [
        ({"url": "http://crm.example/"}, "url", "must begin with https://"),
        ({"url": ""}, "url", "no address of a receiver"),
        ({"url": "https://169.254.169.254/latest"}, "url", "a private one"),
        ({"url": "https://crm.example/" + "x" * 600}, "url", "the address is too long"),
        ({"url": '"><script>alert(1)</script>'}, "url", "no address of a receiver"),
        ({"event": "call.*<b>"}, "events", "is no event"),
        ({"password": "not it"}, "password", "This is not your password."),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
async def test_what_is_wrong_with_a_webhook_stands_beside_its_field(
    place: Place, owner: Browser, fields: dict[str, object], at: str, said: str
) -> None:
    answer = await adds(owner, **fields)
    assert (answer.status_code, secret_in(answer.text)) == (400, "")
    assert said in beside(answer.text, f"webhook-{at}")
    assert not re.search("<script>alert|<b>", answer.text)
    assert theirs(place, "andes") == ([], [])


async def test_a_form_that_is_sent_twice_adds_one_webhook(place: Place, owner: Browser) -> None:
    await adds(owner)
    answer = await adds(owner, url=f" {URL} ")
    assert (answer.status_code, "a webhook goes there already" in beside(answer.text, "webhook-url")) == (400, True)
    assert len(theirs(place, "andes")[1]) == 1


async def test_a_firm_has_some_webhooks_only(place: Place, owner: Browser) -> None:
    for number in range(MOST_OF_ONE):
        assert (await adds(owner, url=f"{URL}/{number}")).status_code == 200
    answer = await adds(owner)
    assert (answer.status_code, "there are 5 webhooks already" in answer.text) == (400, True)


async def test_a_test_says_whether_it_was_taken(place: Place, owner: Browser, receiver: Receiver) -> None:
    secret = secret_in((await adds(owner, url=receiver.url())).text)
    (number,) = theirs(place, "andes")[1]
    answer = await owner.post(f"{PAGE}/webhooks/test", {"webhook": str(number)})
    assert answer.headers["location"] == f"{PAGE}?done=tested"
    (sent,) = receiver.requests
    assert sent.is_signed_by(secret)
    assert sent.event["type"] == "webhook.test"
    assert "it works, last at" in (await owner.get(PAGE)).text

    receiver.answers = [Answer(500)]
    answer = await owner.post(f"{PAGE}/webhooks/test", {"webhook": str(number)})
    assert (answer.status_code, beside(answer.text, f"webhook-{number}")) == (
        400,
        "The test was not taken: the receiver answers 500",
    )
    assert entries(place)[1:] == [("webhook tested", "user", "gerencia")] * 2


async def test_tests_are_not_asked_for_again_and_again(place: Place, owner: Browser, receiver: Receiver) -> None:
    object.__setattr__(place.site, "webhook_tests", Allowance(RateLimitItemPerMinute(1, 15)))
    await adds(owner, url=receiver.url())
    (number,) = theirs(place, "andes")[1]
    await owner.post(f"{PAGE}/webhooks/test", {"webhook": str(number)})
    answer = await owner.post(f"{PAGE}/webhooks/test", {"webhook": str(number)})
    assert (answer.status_code, len(receiver.requests)) == (429, 1)
    assert "tested too often" in beside(answer.text, f"webhook-{number}")


async def test_of_a_firm_that_has_cancelled_things_are_ended_only(
    place: Place, owner: Browser, receiver: Receiver
) -> None:
    await makes(owner)
    await adds(owner, url=receiver.url())
    (number,) = theirs(place, "andes")[1]
    with writing(place.engine) as conn:
        conn.execute(update(client).where(client.c.slug == "andes").values(state="cancelled"))
    assert [(await makes(owner, name="other")).status_code, (await adds(owner)).status_code] == [400, 400]
    answer = await owner.post(f"{PAGE}/webhooks/test", {"webhook": str(number)})
    assert (answer.status_code, "has cancelled" in beside(answer.text, f"webhook-{number}")) == (400, True)
    assert receiver.requests == []
    assert (await owner.post(f"{PAGE}/tokens/revoke", {"token": "andes.crm"})).status_code == 303
    assert (await owner.post(f"{PAGE}/webhooks/remove", {"webhook": str(number)})).status_code == 303


# --- who may --------------------------------------------------------------------------------------------


async def test_of_other_clients_and_of_the_office_nothing_is_seen_or_touched(
    place: Place, owner: Browser, others: tuple[str, int, int]
) -> None:
    token, told, offices = others
    before = entries(place)
    page = (await owner.get(PAGE)).text
    for word in ("lagos", "wallboard", "hooks."):
        assert word not in page
    answers = []
    for name in (token, "wallboard", "none", "", "' OR 1=1", "<b>"):
        answers.append(await owner.post(f"{PAGE}/tokens/revoke", {"token": name}))
    for number in (told, offices, 4711, 0, -1, "x", "9" * 50, "١", "<b>"):
        answers.append(await owner.post(f"{PAGE}/webhooks/test", {"webhook": str(number)}))
        answers.append(await owner.post(f"{PAGE}/webhooks/remove", {"webhook": str(number)}))
    assert {one.status_code for one in answers} == {400}
    assert not [one for one in answers if "<b>" in one.text]
    assert {len(re.findall("(?:token is revoked|webhook is removed) already", one.text)) for one in answers} == {1}
    assert theirs(place, "lagos") == ([token], [told])
    assert entries(place) == before


async def test_what_the_office_made_for_the_firm_is_shown_and_its_owner_may_end_it(
    place: Place, owner: Browser
) -> None:
    with booking(place.engine, ADMIN, now()) as work:
        andes = clients.find(work.conn, "andes").id
        tokens.add(work, "crm", ["calls:read"], andes)
        told = webhooks.add(work, URL, [], andes, private=False)
    page = (await owner.get(PAGE)).text
    assert 'data-token="crm"' in page
    assert "Told: everything" in page
    assert (await owner.post(f"{PAGE}/tokens/revoke", {"token": "crm"})).status_code == 303
    assert (await owner.post(f"{PAGE}/webhooks/remove", {"webhook": str(told.id)})).status_code == 303
    assert theirs(place, "andes") == ([], [])


@pytest.mark.parametrize("way", ["tokens", "tokens/revoke", "webhooks", "webhooks/test", "webhooks/remove"])
async def test_staff_may_nothing_of_it_and_no_form_is_taken_without_its_token(place: Place, way: str) -> None:
    staff = place.browser()
    await staff.sign_in("recepcion")
    assert (await staff.get(PAGE)).status_code == 403
    assert PAGE not in (await staff.get("/portal/messages")).text
    fields = {"name": "crm", "scope": "calls:read", "url": URL, "password": PASSWORD, "token": "x", "webhook": "1"}
    assert (await staff.post(f"{PAGE}/{way}", fields)).status_code == 403
    boss = place.browser()
    await boss.sign_in("gerencia")
    assert PAGE in (await boss.get("/portal/messages")).text
    for csrf in ("", staff.csrf):
        assert (await boss.post(f"{PAGE}/{way}", fields | {"csrf": csrf})).status_code == 403
    assert theirs(place, "andes") == ([], [])
    assert entries(place) == []


@pytest.mark.parametrize("way", ["tokens", "webhooks"])
async def test_whoever_finds_an_open_page_guesses_no_password(place: Place, owner: Browser, way: str) -> None:
    act = makes if way == "tokens" else adds
    for _ in range(10):
        assert (await act(owner, password="guess")).status_code == 400
    answer = await act(owner)
    assert (answer.status_code, secret_in(answer.text), "retry-after" in answer.headers) == (429, "", True)
    assert theirs(place, "andes") == ([], [])


# --- at the same instant; on both databases ---------------------------------------------------------------


def of_firm(engine: Engine) -> ProgramsOf:
    """The programs of a new client, for one of its two owners."""
    password = NewPassword("x", "y")
    with changing(engine, ADMIN, now()) as work:
        andes = clientele.add(work, "andes", name="Andes")
        for name in ("rosa", "luis"):
            users.add(work, name, UserRole.CLIENT, password, client_id=andes, client_role=ClientRole.OWNER)
        his = users.users.find(work.conn, "rosa")
    person = Person(his.id, his.name, his.role, None, andes, ClientRole.OWNER, 1, False, "", "")
    inner = Settings(webhooks=Webhooks(private_networks=["127.0.0.0/8"]))
    return ProgramsOf(engine, inner, andes, person, Actor(ActorKind.USER, his.name, "198.51.100.7"))


def test_an_owner_who_was_made_staff_meanwhile_changes_nothing(engine: Engine) -> None:
    bound = of_firm(engine)
    with receiving() as receiver:
        bound.add_token("crm", ["calls:read"], None, now())
        number = bound.add_webhook(receiver.url(), [], now()).id
        bound.test(number, now)
        with booking(engine, ADMIN, now()) as work:
            users.change(work, "rosa", client_role=ClientRole.STAFF)
        for act in (
            lambda: bound.add_token("x1", ["calls:read"], None, now()),
            lambda: bound.revoke("andes.crm", now()),
            lambda: bound.add_webhook(URL, [], now()),
            lambda: bound.test(number, now),
            lambda: bound.remove_webhook(number, now()),
        ):
            with pytest.raises(ClientMistake, match="only an owner"):
                act()
        assert len(receiver.requests) == 1
    found = bound.all()
    assert ([one.name for one in found.tokens], [one.id for one in found.webhooks]) == (["andes.crm"], [number])


def test_of_many_forms_at_once_no_more_tokens_come_than_there_may_be(engine: Engine) -> None:
    bound = of_firm(engine)
    for number in range(MOST_OF_OWNERS - 1):
        bound.add_token(f"t{number}", ["calls:read"], None, now())
    start = Barrier(4)

    def make(name: str) -> bool:
        start.wait()
        try:
            bound.add_token(name, ["calls:read"], None, now())
        except ClientMistake:
            return False
        return True

    with ThreadPoolExecutor(4) as pool:
        assert sorted(pool.map(make, ("x1", "x1", "x2", "x2"))) == [False, False, False, True]
    assert len(bound.all().tokens) == MOST_OF_OWNERS


# --- what is told -----------------------------------------------------------------------------------------


async def test_the_log_tells_it_in_words(place: Place, owner: Browser) -> None:
    await makes(owner, scope=["calls:read", "appointments:write"])
    await adds(owner, event="call.ended")
    await adds(owner, url=f"{URL}?key=k3y-0f-theirs")
    await owner.post(f"{PAGE}/tokens/revoke", {"token": "andes.crm"})
    page = html.unescape((await owner.get("/portal/audit")).text)
    for words in ("token added", "andes.crm", "see calls; book, move and cancel appointments", "token revoked"):
        assert words in page
    for words in ("webhook added", "a call is over", f"{URL}<", "<dt>events</dt><dd>all</dd>"):
        assert words in page
    assert "k3y-0f-theirs" not in page
    assert not re.search("calls:read|call[.]ended", page)


async def test_the_page_is_in_the_readers_language(place: Place) -> None:
    browser = place.browser(**{"accept-language": "es-CL"})
    await browser.sign_in("gerencia")
    page = (await makes(browser)).text
    for words in ("<h1>Programas</h1>", "Se muestra solo ahora", "Puede: ver llamadas", "hasta que se revoque"):
        assert words in page
    assert not re.search("Shown|never used|Revoke|Webhook is", page)


async def test_without_a_script_there_is_no_button_that_copies(owner: Browser) -> None:
    assert "copying.js" not in (await owner.get(PAGE)).text
    page = (await makes(owner)).text
    assert re.search(r'<button type="button" data-copy="secret-once" data-copied="In the clipboard" hidden>', page)
    assert "copying.js" in page


def test_each_thing_has_its_words() -> None:
    assert (list(SCOPES), list(EVENTS), list(STATES)) == (list(Scope), list(EventType), list(get_args(State)))
