"""One's own account: password, second factor and sessions; the code at the sign-in; a password set anew by a letter."""

import asyncio
import html
import re
from datetime import datetime, timedelta
from pathlib import Path

import httpx
import pytest
from acting import ADMIN
from browsing import PASSWORD, ROLES, Browser, Place
from pyotp import TOTP
from sqlalchemy import Engine, select

from pbx_control.clock import now
from pbx_control.domain.users import CODES_A_SIGN_IN
from pbx_control.services import second_factor, users
from pbx_control.services.work import booking
from pbx_control.store.engine import reading
from pbx_control.store.tables import account_user, audit, letter, web_session
from pbx_control.web.tries import CODES_OF_ONE, LETTERS_OF_A_PLACE, OF_A_NAME, PROOFS_OF_A_SESSION

OTHER = "198.51.100.8"
BASE = "https://desk.example.com"
NEW = "perro gato casa luna"


async def signed_in(place: Place, who: str = "gerencia", **headers: str) -> Browser:
    browser = place.browser(**headers)
    assert (await browser.sign_in(who)).status_code == 303
    return browser


def told(place: Place) -> list[str]:
    with reading(place.engine) as conn:
        return list(conn.scalars(select(audit.c.verb).order_by(audit.c.id.desc())))


async def with_app(place: Place, who: str = "gerencia") -> tuple[Browser, str, list[str]]:
    """Somebody who sets up an app as people do: his browser, the secret, and the codes for when it is lost."""
    browser = await signed_in(place, who)
    answer = await browser.post("/account/second-factor", {"password": PASSWORD})
    assert answer.headers["location"] == "/account/second-factor"
    shown = await browser.get("/account/second-factor")
    secret = re.search(r"data-secret>([A-Z2-7-]+)<", shown.text)
    assert secret
    plain = secret[1].replace("-", "")
    done = await browser.post("/account/second-factor/confirm", {"code": TOTP(plain).at(earlier())})
    assert done.status_code == 200
    return browser, plain, re.findall(r"<li><code>([a-z0-9-]{14})</code>", done.text)


def earlier() -> datetime:
    """The step before: a code of it is taken, and the next one is not used up by it."""
    return now() - timedelta(seconds=30)


async def at_the_code(place: Place, who: str = "gerencia", address: str = "198.51.100.7") -> Browser:
    """A browser with the right password that is asked for a code."""
    browser = place.browser(address)
    answer = await browser.client.post("/login", data={"name": who, "password": PASSWORD})
    assert answer.headers["location"] == "/login/code"
    await read_token(browser, "/login/code")
    return browser


async def read_token(browser: Browser, path: str) -> httpx.Response:
    answer = await browser.get(path)
    found = re.search(r'name="csrf" value="([0-9a-f]{64})"', answer.text)
    browser.csrf = found[1] if found else ""
    return answer


# --- the page ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("who", ROLES)
async def test_everybody_has_an_account(place: Place, who: str) -> None:
    page = await (await signed_in(place, who)).get("/account")
    assert page.status_code == 200
    assert f">{who}</h2>" in page.text
    assert 'data-second-factor="off"' in page.text


async def test_what_browsers_call_themselves_is_text(place: Place) -> None:
    evil = "Mozilla/5.0 <script>alert(1)</script> Firefox/1"
    browser = place.browser()
    browser.client.headers["user-agent"] = evil
    await browser.sign_in("gerencia")
    page = await browser.get("/account")
    assert "<script>alert" not in page.text
    assert "<strong>Firefox</strong>" in page.text


# --- password ---------------------------------------------------------------------------------------------


async def test_a_password_is_changed_by_who_knows_the_old_one(place: Place) -> None:
    here, there = await signed_in(place), await signed_in(place)
    answer = await here.post("/account/password", {"old": PASSWORD, "password": NEW, "again": NEW})
    assert answer.headers["location"] == "/account?done=password"
    assert "Your password is changed." in (await here.get("/account?done=password")).text
    assert (await there.get("/account")).status_code == 303
    assert (await place.browser().sign_in("gerencia")).status_code == 401
    assert (await place.browser().sign_in("gerencia", NEW)).status_code == 303
    assert told(place)[0] == "password changed"


@pytest.mark.parametrize(
    ("fields", "said", "at"),
    [
        ({"old": "wrong", "password": NEW, "again": NEW}, "This is not your password.", "old"),
        ({"old": PASSWORD, "password": "short", "again": "short"}, "at least 12 characters", "new"),
        ({"old": PASSWORD, "password": "gerencia-andes", "again": "gerencia-andes"}, "too easy to guess", "new"),
        ({"old": PASSWORD, "password": NEW, "again": NEW + "x"}, "not the same", "again"),
        ({"old": PASSWORD, "password": "x" * 201, "again": "x" * 201}, "at most 200 characters", "new"),
        ({}, "This is not your password.", "old"),
    ],
)
async def test_what_is_wrong_is_told_at_its_field(place: Place, fields: dict[str, str], said: str, at: str) -> None:
    browser = await signed_in(place)
    answer = await browser.post("/account/password", fields)
    assert answer.status_code == 400
    assert said in answer.text
    assert re.search(rf'id="{at}" [^>]*aria-invalid="true"', answer.text)
    for value in fields.values():
        assert f'value="{value}"' not in answer.text  # no password goes back
    assert (await place.browser(OTHER).sign_in("gerencia")).status_code == 303
    assert "password changed" not in told(place)


async def test_an_open_page_is_no_place_to_guess_the_password(place: Place) -> None:
    browser = await signed_in(place)
    fields = {"old": "wrong", "password": NEW, "again": NEW}
    for _ in range(PROOFS_OF_A_SESSION.amount):
        assert (await browser.post("/account/password", fields)).status_code == 400
    for form in ("/account/password", "/account/second-factor"):
        answer = await browser.post(form, fields | {"old": PASSWORD, "password": PASSWORD})
        assert (answer.status_code, "Too many wrong tries" in answer.text) == (429, True)


async def test_a_thousand_guesses_at_once_are_no_more_than_some(place: Place) -> None:
    browser = await signed_in(place)
    posts = (browser.post("/account/second-factor", {"password": f"wrong {number}"}) for number in range(200))
    answers = [one.status_code for one in await asyncio.gather(*posts)]
    assert answers.count(400) <= PROOFS_OF_A_SESSION.amount


async def test_who_is_in_shows_the_password_whatever_others_type_at_the_sign_in(place: Place) -> None:
    browser = await signed_in(place)
    for number in range(OF_A_NAME.amount):
        place.site.tries.wrong("gerencia", f"192.0.2.{number}")
    assert (await place.browser(OTHER).sign_in("gerencia")).status_code == 429
    answer = await browser.post("/account/password", {"old": PASSWORD, "password": NEW, "again": NEW})
    assert answer.headers["location"] == "/account?done=password"


async def test_wrong_passwords_of_an_open_page_count_at_the_sign_in(place: Place) -> None:
    browser = await signed_in(place, address=OTHER)
    for _ in range(PROOFS_OF_A_SESSION.amount):
        await browser.post("/account/second-factor", {"password": "wrong"})
    assert place.site.tries.wait("gerencia", OTHER) > 0


# --- sessions ---------------------------------------------------------------------------------------------


async def test_he_sees_where_he_is_signed_in_and_ends_one_there(place: Place) -> None:
    agent = "Mozilla/5.0 (iPhone; CPU iPhone OS 17_5 like Mac OS X) Version/17.5 Safari/604.1"
    telephone = place.browser(OTHER)
    telephone.client.headers["user-agent"] = agent
    await telephone.sign_in("gerencia")
    here = await signed_in(place)
    await signed_in(place, "lagos")
    page = await here.get("/account")
    ids = re.findall(r'data-session="(\d+)"', page.text)
    assert len(ids) == 2
    assert "Safari on iPhone" in page.text
    assert f"from {OTHER}" in page.text
    assert page.text.count(">this one<") == 1
    person = users.session_of(place.engine, telephone.client.cookies["pbx"], now())
    assert person
    assert await place.site.sessions.still_valid(person.session_id)
    answer = await here.post("/account/sessions/end", {"session": str(person.session_id)})
    assert answer.headers["location"] == "/account?done=session"
    assert (await telephone.get("/account")).status_code == 303
    assert not await place.site.sessions.still_valid(person.session_id)  # an open stream ends
    assert told(place)[0] == "sessions ended"


async def test_another_ones_session_goes_on_whatever_is_sent(place: Place) -> None:
    hers, browser = await signed_in(place, "lagos"), await signed_in(place)
    with reading(place.engine) as conn:
        hers_id = conn.scalar(select(web_session.c.id).join(account_user).where(account_user.c.name == "lagos"))
    for value in (str(hers_id), "0", "-1", "x", "9" * 30, "١", "1 OR 1=1", ""):
        answer = await browser.post("/account/sessions/end", {"session": value})
        assert answer.headers["location"] == "/account?done=session"
    await browser.post("/account/sessions/end-others")
    assert (await hers.get("/account")).status_code == 200
    assert "sessions ended" not in told(place)


async def test_he_signs_out_everywhere_else_or_here(place: Place) -> None:
    here, there = await signed_in(place), await signed_in(place)
    await here.post("/account/sessions/end-others")
    assert (await there.get("/account")).status_code == 303
    page = await here.get("/account")
    (mine,) = re.findall(r'data-session="(\d+)"', page.text)
    answer = await here.post("/account/sessions/end", {"session": mine})
    assert answer.headers["location"] == "/login"
    assert 'pbx=""' in answer.headers["set-cookie"]
    assert (await here.get("/account")).status_code == 303


# --- the second factor ------------------------------------------------------------------------------------


async def test_an_app_is_set_up_and_its_code_asked_for(place: Place) -> None:
    browser, secret, codes = await with_app(place)
    assert len(set(codes)) == 10
    page = await browser.get("/account")
    assert 'data-second-factor="on"' in page.text
    assert secret not in page.text
    assert "10 recovery codes are left" in page.text
    assert (await browser.get("/account/second-factor")).headers["location"] == "/account"
    new = await at_the_code(place)
    wanted = await new.post("/login/code", {"code": TOTP(secret).at(now()), "next": "/account"})
    assert (wanted.status_code, wanted.headers["location"]) == (303, "/account")
    assert (await new.get("/account")).status_code == 200
    assert "pbx-step" not in new.client.cookies


async def test_the_picture_has_what_the_policy_allows(place: Place) -> None:
    browser = await signed_in(place)
    await browser.post("/account/second-factor", {"password": PASSWORD})
    page = await browser.get("/account/second-factor")
    assert "<svg" in page.text
    assert "style=" not in page.text
    assert "<script" not in page.text


async def test_half_signed_in_is_not_signed_in(place: Place) -> None:
    await with_app(place)
    browser = await at_the_code(place)
    for path in ("/account", "/portal/messages", "/"):
        assert (await browser.get(path)).headers["location"].startswith("/login")
    thief = place.browser()
    thief.client.cookies.set("pbx", browser.client.cookies["pbx-step"])
    assert (await thief.get("/account")).status_code == 303


async def test_the_page_that_was_wanted_comes_after_the_code(place: Place) -> None:
    _, secret, _ = await with_app(place)
    browser = place.browser()
    fields = {"name": "gerencia", "password": PASSWORD, "next": "/portal/messages?unread=1"}
    answer = await browser.client.post("/login", data=fields)
    assert answer.headers["location"] == "/login/code?next=%2Fportal%2Fmessages%3Funread%3D1"
    page = await read_token(browser, answer.headers["location"])
    assert 'name="next" value="/portal/messages?unread=1"' in page.text
    for evil in ("//evil.example", "/\\evil.example", "https://evil.example"):
        page = await browser.get("/login/code", params={"next": evil})
        assert "evil" not in page.text
    answer = await browser.post("/login/code", {"code": TOTP(secret).at(now()), "next": "//evil.example"})
    assert answer.headers["location"] == "/portal/messages"


async def test_a_code_is_good_once_whoever_has_seen_it(place: Place) -> None:
    _, secret, codes = await with_app(place)
    code = TOTP(secret).at(now())
    for typed in (code, codes[0]):
        first, second = await at_the_code(place), await at_the_code(place, address=OTHER)
        assert (await first.post("/login/code", {"code": typed})).status_code == 303
        answer = await second.post("/login/code", {"code": typed})
        assert answer.status_code == 401
        assert "each is good once" in answer.text
    assert "recovery code used" in told(place)


async def test_a_form_that_is_sent_twice_signs_in_once(place: Place) -> None:
    _, secret, _ = await with_app(place)
    browser = await at_the_code(place)
    code = TOTP(secret).at(now())
    posts = [browser.client.post("/login/code", data={"csrf": browser.csrf, "code": code}) for _ in range(2)]
    answers = [one.status_code for one in await asyncio.gather(*posts)]
    assert answers.count(303) == 1


async def test_the_half_of_somebody_is_not_given_to_another(place: Place) -> None:
    """Fixation: who puts his half into her browser does not come in with her code."""
    await with_app(place)
    _, hers, _ = await with_app(place, "lagos")
    attacker = await at_the_code(place)
    planted = place.browser()
    planted.client.cookies.set("pbx-step", attacker.client.cookies["pbx-step"])
    planted.csrf = attacker.csrf
    assert (await planted.post("/login/code", {"code": TOTP(hers).at(now())})).status_code == 401


@pytest.mark.parametrize("csrf", ["", "x" * 64, "ñ" * 64])
async def test_the_codes_form_must_be_ours(place: Place, csrf: str) -> None:
    _, secret, _ = await with_app(place)
    browser = await at_the_code(place)
    answer = await browser.post("/login/code", {"csrf": csrf, "code": TOTP(secret).at(now())})
    assert answer.status_code == 403
    answer = await browser.post("/login/code", {"code": TOTP(secret).at(now())})
    assert answer.status_code == 303


async def test_codes_are_not_tried_out(place: Place) -> None:
    _, secret, codes = await with_app(place)
    tried = 0
    while tried < CODES_OF_ONE.amount:
        browser = await at_the_code(place, address=f"198.51.100.{tried + 20}")
        for _ in range(CODES_A_SIGN_IN):
            answer = await browser.post("/login/code", {"code": "000000"})
            assert answer.status_code == 401
            tried += 1
        over = await browser.post("/login/code", {"code": TOTP(secret).at(now())})
        assert (over.status_code, "Sign in again" in over.text) == (401, True)
    browser = await at_the_code(place, address="198.51.100.90")
    answer = await browser.post("/login/code", {"code": TOTP(secret).at(now())})
    assert (answer.status_code, "use one of your recovery codes" in answer.text) == (429, True)
    assert (await browser.post("/login/code", {"code": codes[0]})).status_code == 303


async def test_whether_there_is_a_second_factor_is_not_told_to_who_does_not_know_the_password(place: Place) -> None:
    await with_app(place)
    with_one, without = place.browser(), place.browser()
    one, other = await with_one.sign_in("gerencia", "wrong"), await without.sign_in("lagos", "wrong")
    assert (one.status_code, one.text.replace("gerencia", "")) == (401, other.text.replace("lagos", ""))
    assert "set-cookie" not in one.headers


async def test_it_is_turned_off_by_password_and_code(place: Place) -> None:
    browser, secret, codes = await with_app(place)
    code = TOTP(secret).at(now())
    for fields, said in (
        ({"password": "wrong", "code": code}, "This is not your password."),
        ({"password": PASSWORD, "code": "000000"}, "this code is not right"),
        ({"password": PASSWORD}, "this code is not right"),
    ):
        answer = await browser.post("/account/second-factor/off", fields)
        assert (answer.status_code, said in answer.text) == (400, True)
    renewed = await browser.post("/account/recovery-codes", {"password": PASSWORD, "code": code})
    new = re.findall(r"<li><code>([a-z0-9-]{14})</code>", renewed.text)
    assert len(new) == 10
    assert not set(new).intersection(codes)
    answer = await browser.post("/account/second-factor/off", {"password": PASSWORD, "code": codes[0]})
    assert answer.status_code == 400
    answer = await browser.post("/account/second-factor/off", {"password": PASSWORD, "code": new[0]})
    assert answer.headers["location"] == "/account?done=second-factor-off"
    assert (await place.browser().sign_in("gerencia")).headers["location"] == "/portal/messages"


async def test_a_wrong_first_code_leaves_the_picture_there(place: Place) -> None:
    browser = await signed_in(place)
    await browser.post("/account/second-factor", {"password": PASSWORD})
    answer = await browser.post("/account/second-factor/confirm", {"code": "000000"})
    assert (answer.status_code, "<svg" in answer.text, "this code is not right" in answer.text) == (400, True, True)
    other = await signed_in(place)
    assert (await other.get("/account/second-factor")).headers["location"] == "/account"


async def test_the_admin_takes_it_away(place: Place) -> None:
    browser, _, _ = await with_app(place)
    with booking(place.engine, ADMIN, now()) as work:
        second_factor.reset(work, "gerencia")
    assert (await browser.get("/account")).status_code == 303
    assert (await place.browser().sign_in("gerencia")).headers["location"] == "/portal/messages"


async def test_owners_set_up_an_app_first_where_the_office_says_so(
    database: Engine, tmp_path: Path, place: Place
) -> None:
    strict = Place(tmp_path, database, owners_need_second_factor=True)
    browser, staff = await signed_in(strict), await signed_in(strict, "recepcion")
    assert (await staff.get("/portal/messages")).status_code == 200
    for path in ("/portal/messages", "/portal/users", "/"):
        assert (await browser.get(path)).headers["location"] == "/account?done=app-needed"
    page = await browser.get("/account?done=app-needed")
    assert "Owners need a second factor here" in page.text
    browser.csrf = re.findall(r'name="csrf" value="([0-9a-f]{64})"', page.text)[0]
    assert (await browser.post("/portal/messages/read")).headers["location"] == "/account?done=app-needed"
    await browser.post("/account/second-factor", {"password": PASSWORD})
    secret = re.search(r"data-secret>([A-Z2-7-]+)<", (await browser.get("/account/second-factor")).text)
    assert secret
    await browser.post("/account/second-factor/confirm", {"code": TOTP(secret[1].replace("-", "")).at(now())})
    assert (await browser.get("/portal/messages")).status_code == 200
    for client in strict.open:
        await client.aclose()


# --- a forgotten password ---------------------------------------------------------------------------------


@pytest.fixture
def public_with_addresses(public: Place) -> Place:
    with booking(public.engine, ADMIN, now()) as work:
        users.change(work, "gerencia", email="gerencia@andes.example")
        users.change(work, "lagos", email="hola@lagos.example")
    return public


def browser_of(place: Place, address: str = "198.51.100.7") -> Browser:
    return place.browser(address, base=BASE)


async def asks(place: Place, who: str, browser: Browser | None = None) -> httpx.Response:
    answer = await (browser or browser_of(place)).post("/forgot", {"who": who})
    await asyncio.gather(*place.site.afterwards)
    return answer


def sent(place: Place) -> list[str]:
    """The links in the letters, as their readers find them."""
    with reading(place.engine) as conn:
        texts = conn.scalars(select(letter.c.body_html).order_by(letter.c.id)).all()
    return [html.unescape(found) for text in texts for found in re.findall(rf'href="({BASE}/reset\?[^"]*)"', text)]


async def follows(place: Place, link: str, browser: Browser | None = None) -> Browser:
    """A browser at the form that a link leads to."""
    browser = browser or browser_of(place)
    answer = await browser.get(link)
    assert (answer.status_code, answer.headers["location"]) == (303, "/reset")
    await read_token(browser, "/reset")
    return browser


async def test_the_answer_is_the_same_whoever_is_asked_for(public_with_addresses: Place) -> None:
    place = public_with_addresses
    answers = [await asks(place, who) for who in ("gerencia", "nobody", "ana", "hola@lagos.example", "x@y.example", "")]
    assert {(one.status_code, one.text) for one in answers} == {(200, answers[0].text)}
    assert "a letter is on its way" in answers[0].text
    assert len(sent(place)) == 2


async def test_a_letter_leads_to_a_new_password(public_with_addresses: Place) -> None:
    place = public_with_addresses
    before = browser_of(place)
    await before.sign_in("gerencia")
    await asks(place, "GERENCIA ")
    (link,) = sent(place)
    browser = await follows(place, link)
    answer = await browser.post("/reset", {"password": NEW, "again": NEW})
    assert answer.headers["location"] == "/login?done=password"
    assert "The password is set." in (await browser.get("/login?done=password")).text
    assert (await before.get("/account")).status_code == 303
    assert (await browser_of(place).sign_in("gerencia", NEW)).status_code == 303
    assert (await browser_of(place).sign_in("gerencia")).status_code == 401
    with reading(place.engine) as conn:
        newest = conn.execute(select(audit).order_by(audit.c.id.desc()).limit(1)).one()
    assert (newest.verb, newest.actor, newest.who, newest.origin) == (
        "user password reset",
        "user",
        "gerencia",
        "198.51.100.7",
    )


async def test_looking_at_a_link_uses_nothing_up(public_with_addresses: Place) -> None:
    """Mail programs look at links before their readers do, some by HEAD, some with all that the page loads."""
    place = public_with_addresses
    await asks(place, "gerencia")
    (link,) = sent(place)
    for _ in range(3):
        scanner = browser_of(place, OTHER)
        await scanner.client.head(link)
        await scanner.get(link)
        assert (await scanner.get("/reset")).status_code == 200
    browser = await follows(place, link)
    assert (await browser.post("/reset", {"password": NEW, "again": NEW})).status_code == 303


async def test_no_address_of_a_page_has_the_token(public_with_addresses: Place) -> None:
    place = public_with_addresses
    await asks(place, "gerencia")
    (link,) = sent(place)
    token = link.partition("=")[2]
    browser = browser_of(place)
    first = await browser.get(link)
    assert first.headers["referrer-policy"] == "no-referrer"
    assert token not in first.headers["location"] + first.text
    cookie = first.headers["set-cookie"]
    assert cookie == f"__Host-pbx-link={token}; HttpOnly; Max-Age=1800; Path=/; SameSite=lax; Secure"
    page = await browser.get("/reset")
    assert token not in page.text
    assert page.headers["cache-control"] == "no-store"


async def test_a_link_is_good_once_and_not_beside_a_newer_one(public_with_addresses: Place) -> None:
    place = public_with_addresses
    for _ in range(2):
        await asks(place, "gerencia")
    old, link = sent(place)
    assert (await (await follows(place, old)).get("/reset")).status_code == 410
    first, second = await follows(place, link), await follows(place, link)
    posts = [one.post("/reset", {"password": NEW, "again": NEW}) for one in (first, second)]
    answers = await asyncio.gather(*posts)
    assert sorted(one.status_code for one in answers) == [303, 410]
    assert "good no more" in next(one for one in answers if one.status_code == 410).text
    late = await follows(place, link)
    assert (await late.post("/reset", {"password": NEW, "again": NEW})).status_code == 410


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"password": "short", "again": "short"}, "at least 12 characters"),
        ({"password": "gerencia-andes", "again": "gerencia-andes"}, "too easy to guess"),
        ({"password": NEW, "again": ""}, "not the same"),
        ({}, "at least 12 characters"),
    ],
)
async def test_a_bad_password_uses_no_link_up(public_with_addresses: Place, fields: dict[str, str], said: str) -> None:
    place = public_with_addresses
    await asks(place, "gerencia")
    browser = await follows(place, sent(place)[0])
    answer = await browser.post("/reset", fields)
    assert (answer.status_code, said in answer.text) == (400, True)
    assert (await browser.post("/reset", {"password": NEW, "again": NEW})).status_code == 303


@pytest.mark.parametrize("csrf", ["", "x" * 64, "ñ" * 64])
async def test_the_form_of_a_link_must_be_ours(public_with_addresses: Place, csrf: str) -> None:
    place = public_with_addresses
    await asks(place, "gerencia")
    browser = await follows(place, sent(place)[0])
    answer = await browser.post("/reset", {"csrf": csrf, "password": NEW, "again": NEW})
    assert answer.status_code == 403


@pytest.mark.parametrize("token", ["x" * 43, "x", "x" * 5000, '"><script>', "a;b=c\r\nX-Evil: 1", "ñ"])
async def test_a_link_that_nobody_was_sent_leads_nowhere(public_with_addresses: Place, token: str) -> None:
    browser = browser_of(public_with_addresses)
    answer = await browser.get("/reset", params={"link": token})
    assert (answer.status_code, answer.headers["location"]) == (303, "/reset")
    assert "x-evil" not in answer.headers
    page = await browser.get("/reset")
    assert (page.status_code, "<script" in page.text) == (410, False)


async def test_a_code_is_asked_for_after_the_new_password(public_with_addresses: Place) -> None:
    place = public_with_addresses
    owner = browser_of(place)
    await owner.sign_in("gerencia")
    await owner.post("/account/second-factor", {"password": PASSWORD})
    secret = re.search(r"data-secret>([A-Z2-7-]+)<", (await owner.get("/account/second-factor")).text)
    assert secret
    await owner.post("/account/second-factor/confirm", {"code": TOTP(secret[1].replace("-", "")).at(now())})
    await asks(place, "gerencia")
    browser = await follows(place, sent(place)[0])
    await browser.post("/reset", {"password": NEW, "again": NEW})
    answer = await browser_of(place).client.post("/login", data={"name": "gerencia", "password": NEW})
    assert answer.headers["location"] == "/login/code"


async def test_a_place_asks_for_some_letters_only(public_with_addresses: Place) -> None:
    place = public_with_addresses
    for number in range(LETTERS_OF_A_PLACE.amount):
        assert (await asks(place, f"name{number}")).status_code == 200
    answer = await asks(place, "gerencia")
    assert (answer.status_code, "Too many letters" in answer.text) == (429, True)
    assert 0 < int(answer.headers["retry-after"]) <= 900
    assert sent(place) == []
    await asks(place, "gerencia", browser_of(place, OTHER))
    assert len(sent(place)) == 1


async def test_a_foreign_host_is_in_no_letter(public_with_addresses: Place) -> None:
    place = public_with_addresses
    answer = await browser_of(place).post("/forgot", {"who": "gerencia"}, headers={"x-forwarded-host": "evil.example"})
    await asyncio.gather(*place.site.afterwards)
    assert answer.status_code == 200
    with reading(place.engine) as conn:
        (text,) = conn.scalars(select(letter.c.body_text)).all()
    assert "evil" not in text


async def test_where_the_pages_have_no_address_no_letter_is_promised(place: Place) -> None:
    for answer in (await place.browser().get("/forgot"), await asks(place, "gerencia", place.browser())):
        assert "Letters with a link cannot be sent here" in answer.text
    assert sent(place) == []


async def test_what_was_typed_is_text(public_with_addresses: Place) -> None:
    answer = await asks(public_with_addresses, '"><script>alert(1)</script>')
    assert "<script" not in answer.text


# --- letters about changes --------------------------------------------------------------------------------


def written(place: Place) -> list[tuple[str, str]]:
    """To whom, and the line that says what."""
    with reading(place.engine) as conn:
        rows = conn.execute(select(letter.c.address, letter.c.body_text).order_by(letter.c.id))
        return [(row.address, row.body_text.split("\n\n")[1]) for row in rows]


async def test_who_has_an_address_learns_that_his_sign_in_was_changed(place: Place) -> None:
    with booking(place.engine, ADMIN, now()) as work:
        users.change(work, "gerencia", email="gerencia@andes.example")
        users.users.update_row(work.conn, users.users.find(work.conn, "gerencia").id, {"language": "en"})
    browser, secret, codes = await with_app(place)
    await browser.post("/account/password", {"old": PASSWORD, "password": NEW, "again": NEW})
    await browser.post("/account/second-factor/off", {"password": NEW, "code": codes[0]})
    assert written(place) == [
        ("gerencia@andes.example", "The second factor is on"),
        ("gerencia@andes.example", "The password was changed"),
        ("gerencia@andes.example", "The second factor is off"),
    ]
    with reading(place.engine) as conn:
        told = "".join(conn.scalars(select(letter.c.body_text)).all())
    for hidden in (NEW, secret, *codes):
        assert hidden not in told
    assert "tell Secretariado at once" in told


async def test_what_did_not_happen_is_not_told(public_with_addresses: Place) -> None:
    place = public_with_addresses
    browser = browser_of(place)
    await browser.sign_in("gerencia")
    await browser.post("/account/password", {"old": "wrong", "password": NEW, "again": NEW})
    await browser.post("/account/second-factor/confirm", {"code": "000000"})
    assert written(place) == []
    other = browser_of(place)
    await other.sign_in("recepcion")  # who has no address
    await other.post("/account/password", {"old": PASSWORD, "password": NEW, "again": NEW})
    assert written(place) == []


async def test_a_password_that_a_link_has_set_is_told(public_with_addresses: Place) -> None:
    place = public_with_addresses
    await asks(place, "gerencia")
    browser = await follows(place, sent(place)[0])
    await browser.post("/reset", {"password": NEW, "again": NEW})
    assert written(place)[-1] == ("gerencia@andes.example", "La contraseña se cambió")
