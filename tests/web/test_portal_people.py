"""An owner looks after the people of the firm; of other clients' people he learns nothing, and changes none."""

import asyncio
import html
import re
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import httpx
import pytest
from acting import ADMIN
from browsing import Browser, Place
from sqlalchemy import Engine, select

from pbx_control.clock import now
from pbx_control.domain.audit import Actor, ActorKind
from pbx_control.domain.users import ClientRole, Person, UserRole
from pbx_control.errors import ClientMistake
from pbx_control.services import clientele, users
from pbx_control.services.tenant_people import MOST_PEOPLE, PeopleOf
from pbx_control.services.users import NewPassword
from pbx_control.services.work import booking, changing
from pbx_control.settings import Settings
from pbx_control.store.engine import reading
from pbx_control.store.tables import account_user, audit, letter

BASE = "https://desk.example.com"
NEW = "perro gato casa luna"


async def owner(place: Place, who: str = "gerencia", **options: str) -> Browser:
    browser = place.browser(**options)
    assert (await browser.sign_in(who)).status_code == 303
    return browser


def ids(place: Place) -> dict[str, int]:
    with reading(place.engine) as conn:
        rows = conn.execute(select(account_user.c.name, account_user.c.id).where(account_user.c.removed_at.is_(None)))
        return {row.name: row.id for row in rows}


def roles(place: Place) -> dict[str, str]:
    with reading(place.engine) as conn:
        theirs = account_user.c.client_id.is_not(None), account_user.c.removed_at.is_(None)
        rows = conn.execute(select(account_user.c.name, account_user.c.client_role).where(*theirs))
        return {row.name: row.client_role for row in rows}


def newest(place: Place) -> tuple[str, str, str]:
    with reading(place.engine) as conn:
        row = conn.execute(select(audit).order_by(audit.c.id.desc()).limit(1)).one()
    return row.verb, row.actor, row.who


async def does(browser: Browser, act: str, user: object, **fields: str) -> httpx.Response:
    return await browser.post(f"/portal/users/{act}", {"user": str(user)} | fields)


async def test_he_sees_his_firms_people_alone(place: Place) -> None:
    page = (await (await owner(place)).get("/portal/users")).text
    assert re.findall(r'data-user="\d+" data-role="(\w+)"', page) == ["owner", "staff"]
    assert "<strong>gerencia</strong>" in page
    assert "<strong>recepcion</strong>" in page
    for other in ("lagos", "ana", "jefa", "root"):
        assert f"<strong>{other}</strong>" not in page


async def test_whom_he_adds_without_an_address_gets_a_password_that_is_shown_once(place: Place) -> None:
    browser = await owner(place)
    answer = await browser.post("/portal/users/add", {"name": "Rosa", "role": "staff"})
    assert answer.status_code == 200
    found = re.search(r"data-password>([a-z0-9-]{19})<", answer.text)
    assert found
    assert found[1] not in (await browser.get("/portal/users")).text
    assert roles(place)["andes.rosa"] == "staff"
    assert (await place.browser().sign_in("andes.rosa", found[1])).headers["location"] == "/portal/messages"
    assert newest(place) == ("user added", "user", "gerencia")


async def test_whom_he_adds_with_an_address_is_sent_a_link(public: Place) -> None:
    browser = await owner(public, base=BASE)
    answer = await browser.post("/portal/users/add", {"name": "rosa", "role": "owner", "email": "rosa@andes.example"})
    assert answer.headers["location"] == "/portal/users?done=added"
    assert "on its way" in (await browser.get("/portal/users?done=added")).text
    with reading(public.engine) as conn:
        (sent,) = conn.execute(select(letter.c.address, letter.c.body_html)).all()
    link = re.search(rf'href="({BASE}/reset\?[^"]*)"', sent.body_html)
    assert link
    hers = public.browser(base=BASE)
    await hers.get(html.unescape(link[1]))
    form = await hers.get("/reset")
    token = re.search(r'name="csrf" value="([0-9a-f]{64})"', form.text)
    assert token
    hers.csrf = token[1]
    assert (await hers.post("/reset", {"password": NEW, "again": NEW})).status_code == 303
    assert (await public.browser(base=BASE).sign_in("andes.rosa", NEW)).status_code == 303


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"name": ""}, "cannot be a name to sign in with"),
        ({"name": "rosa soto"}, "cannot be a name to sign in with"),
        ({"name": '"><script>alert(1)</script>'}, "cannot be a name to sign in with"),
        ({"name": "x" * 40}, "cannot be a name to sign in with"),
        ({"name": "rosa", "email": "nowhere"}, "nowhere"),
        ({"name": "rosa", "email": "a@b.example\r\nBcc: c@d.example"}, "e-mail"),
    ],
)
async def test_what_is_wrong_is_told_and_what_was_typed_is_kept(
    public: Place, fields: dict[str, str], said: str
) -> None:
    browser = await owner(public, base=BASE)
    answer = await browser.post("/portal/users/add", fields)
    assert (answer.status_code, said in answer.text) == (400, True)
    assert "<script>alert" not in answer.text
    assert f'value="{html.escape(fields["name"])}"'.replace("&#x27;", "&#39;").replace("&quot;", "&#34;") in answer.text
    assert len(roles(public)) == 3


async def test_whether_another_client_has_somebody_of_a_name_is_not_told(place: Place) -> None:
    """Not by the name being taken: those whom he adds have his firm's before it."""
    answer = await (await owner(place)).post("/portal/users/add", {"name": "lagos", "role": "staff"})
    assert answer.status_code == 200
    assert {"andes.lagos", "lagos"} <= set(roles(place))


async def test_a_form_that_is_sent_twice_adds_one(place: Place) -> None:
    browser = await owner(place)
    posts = [browser.post("/portal/users/add", {"name": "rosa", "role": "staff"}) for _ in range(2)]
    assert sorted(one.status_code for one in await asyncio.gather(*posts)) == [200, 400]


async def test_a_role_holds_from_the_next_click_on(place: Place) -> None:
    browser, staff = await owner(place), await owner(place, "recepcion")
    assert (await staff.get("/portal/users")).status_code == 403
    answer = await does(browser, "role", ids(place)["recepcion"], role="owner")
    assert answer.headers["location"] == "/portal/users?done=role"
    assert (await staff.get("/portal/users")).status_code == 200
    assert newest(place) == ("user changed", "user", "gerencia")
    await does(staff, "role", ids(place)["gerencia"], role="staff")
    assert (await browser.get("/portal/users")).status_code == 403
    assert (await browser.post("/portal/users/add", {"name": "rosa"})).status_code == 403


async def test_who_is_removed_is_out_at_once(place: Place) -> None:
    browser, staff = await owner(place), await owner(place, "recepcion")
    answer = await does(browser, "remove", ids(place)["recepcion"])
    assert answer.headers["location"] == "/portal/users?done=removed"
    assert (await staff.get("/portal/messages")).status_code == 303
    assert (await place.browser().sign_in("recepcion")).status_code == 401
    assert newest(place) == ("user removed", "user", "gerencia")


@pytest.mark.parametrize(("act", "fields"), [("remove", {}), ("role", {"role": "staff"}), ("role", {"role": "x"})])
async def test_the_only_owner_stays(place: Place, act: str, fields: dict[str, str]) -> None:
    answer = await does(await owner(place), act, ids(place)["gerencia"], **fields)
    assert (answer.status_code, "gerencia is the only owner" in answer.text) == (400, True)
    assert roles(place)["gerencia"] == "owner"


@pytest.mark.parametrize("act", ["remove", "role", "link"])
async def test_of_others_he_changes_nobody_and_learns_nothing(place: Place, act: str) -> None:
    browser, there = await owner(place), ids(place)
    answers = set()
    for user in (there["lagos"], there["ana"], there["root"], 4711, 0, -1, "x", "9" * 50, "١", "", "1 OR 1=1"):
        answer = await does(browser, act, user, role="owner")
        answers.add((answer.status_code, "only owner" in answer.text, "no e-mail address" in answer.text))
    # So many letters may not be asked for from one place.
    assert answers - {(429, False, False)} == {(400, False, False)}
    assert ids(place) == there
    assert roles(place) == {"gerencia": "owner", "recepcion": "staff", "lagos": "owner"}


async def test_a_form_of_yesterday_is_told_so(place: Place) -> None:
    browser, hers = await owner(place), ids(place)["recepcion"]
    await does(browser, "remove", hers)
    answer = await does(browser, "remove", hers)
    assert (answer.status_code, "any more" in answer.text) == (400, True)


async def test_a_link_is_sent_again_to_who_has_an_address(public: Place) -> None:
    with booking(public.engine, ADMIN, now()) as work:
        users.change(work, "recepcion", email="recepcion@andes.example")
    browser, hers = await owner(public, base=BASE), ids(public)["recepcion"]
    for _ in range(3):
        assert (await does(browser, "link", hers)).headers["location"] == "/portal/users?done=sent"
    answer = await does(browser, "link", hers)
    assert (answer.status_code, "several links" in answer.text) == (400, True)
    answer = await does(browser, "link", ids(public)["gerencia"])
    assert (answer.status_code, "no e-mail address" in answer.text) == (400, True)


# --- at the same instant; on both databases ---------------------------------------------------------------


def two_owners(engine: Engine) -> list[PeopleOf]:
    password = NewPassword("x", "y")
    with changing(engine, ADMIN, now()) as work:
        andes = clientele.add(work, "andes", name="Andes")
        for name in ("rosa", "luis"):
            users.add(work, name, UserRole.CLIENT, password, client_id=andes, client_role=ClientRole.OWNER)
        found = [users.users.find(work.conn, name) for name in ("rosa", "luis")]
    return [
        PeopleOf(engine, Settings(), andes, person(one), Actor(ActorKind.USER, one.name, "198.51.100.7"))
        for one in found
    ]


def person(user: users.users.User) -> Person:
    return Person(
        user_id=user.id,
        name=user.name,
        role=user.role,
        secretary_id=None,
        client_id=user.client_id,
        client_role=user.client_role,
        session_id=1,
        has_second_factor=False,
        csrf="",
        language="",
    )


@pytest.mark.parametrize("act", ["remove", "make staff"])
def test_two_owners_who_dismiss_each_other_at_once_leave_one(engine: Engine, act: str) -> None:
    rosa, luis = two_owners(engine)
    start = Barrier(2)

    def dismiss(one: tuple[PeopleOf, PeopleOf]) -> bool:
        his, other = one
        start.wait()
        try:
            if act == "remove":
                his.remove(other.person.user_id, now())
            else:
                his.set_role(other.person.user_id, ClientRole.STAFF, now())
        except ClientMistake:
            return False
        return True

    with ThreadPoolExecutor(2) as pool:
        done = list(pool.map(dismiss, [(rosa, luis), (luis, rosa)]))
    assert sorted(done) == [False, True]
    with reading(engine) as conn:
        owners = account_user.c.client_role == "owner", account_user.c.removed_at.is_(None)
        assert len(conn.execute(select(account_user).where(*owners)).all()) == 1


def test_an_owner_who_was_made_staff_meanwhile_changes_nothing(engine: Engine) -> None:
    rosa, luis = two_owners(engine)
    rosa.set_role(luis.person.user_id, ClientRole.STAFF, now())
    for act in (
        lambda: luis.remove(rosa.person.user_id, now()),
        lambda: luis.set_role(luis.person.user_id, ClientRole.OWNER, now()),
        lambda: luis.add("eva", ClientRole.OWNER, "", NewPassword("x", "y"), now()),
    ):
        with pytest.raises(ClientMistake, match="only an owner"):
            act()


def test_a_client_has_some_people_only(engine: Engine) -> None:
    rosa, _ = two_owners(engine)
    for number in range(MOST_PEOPLE - 2):
        rosa.add(f"p{number}", ClientRole.STAFF, "", NewPassword("x", "y"), now())
    with pytest.raises(ClientMistake, match="remove one"):
        rosa.add("one-more", ClientRole.STAFF, "", NewPassword("x", "y"), now())
