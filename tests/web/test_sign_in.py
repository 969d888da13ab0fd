"""Signing in and out: what an honest browser meets, and what others try."""

import asyncio
import re
from datetime import timedelta

import pytest
from acting import ADMIN
from browsing import PASSWORD, Place
from limits import RateLimitItemPerMinute

from pbx_control.clock import now
from pbx_control.domain.users import LONGEST_SESSION
from pbx_control.services import staff, users
from pbx_control.services.work import booking, changing
from pbx_control.web import tries
from pbx_control.web.sign_in import MOST_WAITING, local_path
from pbx_control.web.tries import OF_A_NAME, OF_A_NAME_AT_A_PLACE

OTHER = "198.51.100.8"


@pytest.mark.parametrize(
    ("name", "page"),
    [("ana", "/desk"), ("ANA ", "/desk"), ("gerencia", "/portal/messages"), ("jefa", "/admin"), ("root", "/admin")],
)
async def test_each_role_is_sent_to_its_page(place: Place, name: str, page: str) -> None:
    browser = place.browser()
    answer = await browser.sign_in(name)
    assert (answer.status_code, answer.headers["location"]) == (303, page)
    assert (await browser.get(page)).status_code == 200
    assert (await browser.get("/")).headers["location"] == page
    assert (await browser.get("/login")).headers["location"] == page


async def test_the_page_that_was_wanted_comes_next(place: Place) -> None:
    browser = place.browser()
    sent = (await browser.get("/account?a=1&b=%C3%B1")).headers["location"]
    assert sent.startswith("/login?next=")
    form = await browser.get(sent)
    wanted = re.search(r'name="next" value="([^"]*)"', form.text)
    assert wanted
    answer = await browser.sign_in("ana", next=wanted[1].replace("&amp;", "&"))
    assert answer.headers["location"] == "/account?a=1&b=%C3%B1"


ELSEWHERE = [
    *("//evil.example", "/\\evil.example", "\\\\evil.example", "https:evil.example", "https://evil.example", "evil"),
    *("///evil.example", "/\t/evil.example", "\t//evil.example", " //evil.example", "javascript:alert(1)", "/\n/evil"),
    *("/home\r\nSet-Cookie: pbx=x", "/\x00", "http:///evil.example", "//evil.example\\@127.0.0.1", "/" + "a" * 1000),
    *("/\u2028/evil", "//[::1", "/\ufeff/evil.example"),
]


@pytest.mark.parametrize("value", ELSEWHERE)
async def test_nobody_is_sent_elsewhere(place: Place, value: str) -> None:
    assert local_path(value) == ""
    browser = place.browser()
    answer = await browser.sign_in("ana", next=value)
    if "\x00" in value:
        assert answer.status_code == 400
        return
    assert (answer.status_code, answer.headers["location"]) == (303, "/desk")
    assert set(answer.headers.get_list("set-cookie")) == {answer.headers["set-cookie"]}
    answer = await browser.post("/language", {"language": "es", "next": value})
    assert answer.headers["location"] == "/"
    answer = await browser.get("/login", params={"next": value})
    assert answer.headers["location"] == "/desk"


async def test_the_cookie_is_the_browsers_alone(place: Place, public: Place) -> None:
    plain = (await place.browser().sign_in("ana")).headers["set-cookie"]
    assert re.fullmatch(r"pbx=[\w-]{43}; HttpOnly; Max-Age=50400; Path=/; SameSite=lax", plain)
    browser = public.browser(base="https://desk.example.com")
    safe = (await browser.sign_in("ana")).headers["set-cookie"]
    assert re.fullmatch(r"__Host-pbx=[\w-]{43}; HttpOnly; Max-Age=50400; Path=/; SameSite=lax; Secure", safe)
    assert (await browser.get("/desk")).status_code == 200


async def test_a_session_that_was_there_before_is_not_continued(place: Place) -> None:
    """Fixation: whoever puts a cookie into her browser does not come in with her."""
    planted = place.browser()
    await planted.sign_in("jefa")
    cookie = planted.client.cookies["pbx"]
    for value in (cookie, "x" * 43):
        hers = place.browser()
        hers.client.cookies.set("pbx", value)
        answer = await hers.sign_in("ana")
        assert answer.status_code == 303
        assert value not in answer.headers["set-cookie"]
    thief = place.browser()
    thief.client.cookies.set("pbx", cookie)
    assert (await thief.get("/account")).status_code == 303


async def test_who_signs_out_is_out(place: Place) -> None:
    browser = place.browser()
    await browser.sign_in("ana")
    cookie = browser.client.cookies["pbx"]
    answer = await browser.post("/logout")
    assert (answer.status_code, answer.headers["location"]) == (303, "/login")
    assert 'pbx=""' in answer.headers["set-cookie"]
    browser.client.cookies.set("pbx", cookie)
    assert (await browser.get("/desk")).status_code == 303


@pytest.mark.parametrize("how", ["removed", "revoked", "reset", "secretary left"])
async def test_a_session_that_was_ended_elsewhere_is_nobodys(place: Place, how: str) -> None:
    browser = place.browser()
    await browser.sign_in("ana")
    person = users.session_of(place.engine, browser.client.cookies["pbx"], now())
    assert person
    assert await place.site.sessions.still_valid(person.session_id)
    if how == "secretary left":
        with changing(place.engine, ADMIN, now()) as work:
            staff.remove(work, "Ana")
    else:
        with booking(place.engine, ADMIN, now()) as work:
            match how:
                case "removed":
                    users.remove(work, "ana")
                case "revoked":
                    users.revoke(work, "ana")
                case _:
                    users.reset_password(work, "ana", users.NewPassword("x", "y"))
    assert (await browser.get("/desk")).headers["location"] == "/login?next=%2Fdesk"
    assert not await place.site.sessions.still_valid(person.session_id)


async def test_a_shift_is_over_some_day(place: Place) -> None:
    admitted = users.sign_in(place.engine, "ana", PASSWORD, OTHER, now() - LONGEST_SESSION + timedelta(hours=1))
    assert admitted
    browser = place.browser()
    browser.client.cookies.set("pbx", admitted.token)
    assert (await browser.get("/desk")).status_code == 303  # and nobody had a page open for two hours


@pytest.mark.parametrize(
    ("name", "typed"),
    [
        ("ana", "wrong"),
        ("nobody", PASSWORD),
        ("", ""),
        ("ana' OR '1'='1", PASSWORD),
        ("a" * 60_000, "x"),
        ("ana", "x" * 60_000),
        ("ana\r\nX: y", "\x1b[2J\u202e"),
        ("ñandú", "😀"),
    ],
)
async def test_what_was_wrong_is_not_told(place: Place, name: str, typed: str) -> None:
    answer = await place.browser().sign_in(name, typed)
    assert answer.status_code == 401
    assert "Name or password is wrong." in answer.text
    assert "set-cookie" not in answer.headers
    told = re.sub(r'value="[^"]*"', "", answer.text)
    other = await place.browser().sign_in("jefa", "wrong")
    assert re.sub(r'value="[^"]*"', "", other.text).replace(" autofocus", "") == told.replace(" autofocus", "")


async def test_markup_in_a_name_is_text(place: Place) -> None:
    name = '"><script>alert(1)</script><img src=x onerror=alert(1)>'
    answer = await place.browser().sign_in(name, "x", language='en"><script>', next='/"><script>')
    assert "<script" not in answer.text
    assert "<img" not in answer.text
    assert "&lt;script&gt;" in answer.text


async def test_a_megabyte_is_refused_unread(place: Place) -> None:
    for fields in ({"name": "n" * 1_000_000}, {"password": "p" * 1_000_000}):
        answer = await place.browser().client.post("/login", data={"name": "ana", "password": "x"} | fields)
        assert answer.status_code == 413
        assert answer.headers["content-security-policy"]


async def test_who_was_wrong_too_often_has_to_wait(place: Place) -> None:
    browser = place.browser()
    for _ in range(OF_A_NAME_AT_A_PLACE.amount):
        assert (await browser.sign_in("ana", "wrong")).status_code == 401
    for password in ("wrong", PASSWORD):
        answer = await browser.sign_in("ana", password)
        assert answer.status_code == 429
        assert 0 < int(answer.headers["retry-after"]) <= 300
        assert re.search(r"Too many wrong tries. Try again in (a minute|[2-5] minutes)\.", answer.text)
    assert (await place.browser(OTHER).sign_in("ana")).status_code == 303  # she herself, elsewhere
    assert (await browser.sign_in("eva")).status_code == 303  # her colleague beside him


async def test_a_name_that_nobody_has_waits_as_well(place: Place) -> None:
    browser = place.browser()
    answers = [(await browser.sign_in("nobody", "wrong")).status_code for _ in range(OF_A_NAME_AT_A_PLACE.amount + 1)]
    assert answers == [*[401] * OF_A_NAME_AT_A_PLACE.amount, 429]


async def test_where_she_has_signed_in_before_nobodys_wrong_tries_keep_her_out(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Not as many as a name may have, and not as many as an address may have."""
    monkeypatch.setattr(tries, "OF_A_PLACE", RateLimitItemPerMinute(OF_A_NAME.amount + 1, 5))
    assert (await place.browser().sign_in("ana")).status_code == 303
    beside_her = place.browser()
    for _ in range(OF_A_NAME.amount + 1):
        assert (await beside_her.sign_in("ana", "wrong")).status_code == 401
    assert (await place.browser().sign_in("eva")).status_code == 429  # for the address: she has never been there
    assert (await place.browser(OTHER).sign_in("ana")).status_code == 429  # for the name: nor has she there
    assert (await beside_her.sign_in("ana", "wrong")).status_code == 401
    assert (await place.browser().sign_in("ana")).status_code == 303


async def test_who_guesses_where_she_has_signed_in_before_holds_up_nobody_else(place: Place) -> None:
    await place.browser().sign_in("ana")
    guesser = place.browser()
    for _ in range(OF_A_NAME_AT_A_PLACE.amount):
        await guesser.sign_in("ana", "wrong")
    guesses = asyncio.gather(*(guesser.sign_in("ana", f"wrong {number}") for number in range(500)))
    for _ in range(5):
        assert (await place.browser(OTHER).sign_in("eva")).status_code == 303
    counted = [answer.status_code for answer in await guesses]
    assert set(counted) == {401, 503}
    assert counted.count(503) > 0
    assert (await place.browser().sign_in("ana")).status_code == 303


async def test_of_ipv6_she_has_been_in_the_whole_network(place: Place) -> None:
    await place.browser("2001:db8::1").sign_in("ana")
    for _ in range(OF_A_NAME_AT_A_PLACE.amount + 1):
        await place.browser("2001:db8::2").sign_in("ana", "wrong")
    assert (await place.browser("2001:db8::3").sign_in("ana")).status_code == 303


async def test_an_address_has_a_limit_for_all_names_together(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tries, "OF_A_PLACE", RateLimitItemPerMinute(12, 5))
    browser = place.browser()
    for number in range(12):
        assert (await browser.sign_in(f"name{number}", "wrong")).status_code == 401
    assert (await browser.sign_in("ana")).status_code == 429
    assert (await place.browser(OTHER).sign_in("ana")).status_code == 303


async def test_of_ipv6_a_whole_network_is_one_place(place: Place) -> None:
    for number in range(OF_A_NAME_AT_A_PLACE.amount):
        await place.browser(f"2001:db8::{number + 1}").sign_in("ana", "wrong")
    assert (await place.browser("2001:db8::ffff").sign_in("ana")).status_code == 429
    assert (await place.browser("2001:db8:0:1::1").sign_in("ana")).status_code == 303


async def test_many_places_together_have_a_limit_for_one_name(place: Place) -> None:
    for number in range(OF_A_NAME.amount):
        await place.browser(f"198.51.{number}.1").sign_in("ana", "wrong")
    assert (await place.browser(OTHER).sign_in("ana")).status_code == 429
    assert (await place.browser(OTHER).sign_in("eva")).status_code == 303


async def test_who_signs_in_often_is_no_guesser(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    """An office behind one address starts to work at the same minute."""
    monkeypatch.setattr(tries, "OF_A_PLACE", RateLimitItemPerMinute(50, 5))
    for _ in range(51):
        assert (await place.browser().sign_in("ana")).status_code == 303


async def test_a_thousand_tries_at_once_are_no_more_than_some(place: Place) -> None:
    browser = place.browser()
    answers = await asyncio.gather(*(browser.sign_in("ana", f"wrong {number}") for number in range(1000)))
    counted = {status: [one.status_code for one in answers].count(status) for status in (401, 429, 503)}
    assert sum(counted.values()) == 1000
    assert counted[401] <= OF_A_NAME_AT_A_PLACE.amount + 1  # two are checked at once
    assert counted[503] <= 1000 - MOST_WAITING
    assert (await place.browser(OTHER).sign_in("eva")).status_code == 303


@pytest.mark.parametrize(
    ("accepted", "title"),
    [
        ("es-CL,es;q=0.9,en;q=0.8", "Entrar"),
        ("en-GB", "Sign in"),
        ("de,fr;q=0.5", "Entrar"),  # the office's
        ("en;q=0.1,es;q=0.2", "Entrar"),
        ("en;q=x, es;q=0", "Entrar"),
        ("", "Entrar"),
        ("en\xff;q=1" * 1000, "Entrar"),
    ],
)
async def test_the_language_is_the_browsers(place: Place, accepted: str, title: str) -> None:
    headers = {"accept-language": accepted.encode("latin-1")}
    answer = await place.browser().client.get("/login", headers=headers)
    assert f"<h1>{title}</h1>" in answer.text


async def test_page_that_is_not_there_is_told_in_the_language_that_was_chosen(place: Place) -> None:
    browser = place.browser()  # which asks for English
    assert "there is no such page" in (await browser.get("/nowhere")).text
    await browser.sign_in("gerencia", language="es")
    assert "no existe esa página" in (await browser.get("/nowhere")).text
    assert "no existe esa página" in (await browser.get("/portal/nowhere")).text
    assert "eso no se puede hacer aquí" in (await browser.post("/portal/messages")).text


async def test_the_language_that_was_chosen_stays(place: Place) -> None:
    browser = place.browser()
    form = await browser.get("/login?language=es&next=/account")
    assert 'lang="es"' in form.text
    assert "<h1>Entrar</h1>" in form.text
    wrong = await browser.sign_in("ana", "wrong", language="es")
    assert "El nombre o la contraseña no son correctos." in wrong.text
    await browser.sign_in("ana", language="es")
    assert "<h1>Mi cuenta" in (await browser.get("/account")).text
    await browser.post("/language", {"language": "en", "next": "/account"})
    assert "<h1>My account" in (await browser.get("/account")).text
    for other in ("de", "en\r\nX-Evil: 1", "../es", ""):
        answer = await browser.post("/language", {"language": other})
        assert "x-evil" not in answer.headers
        assert "<h1>My account" in (await browser.get("/account")).text
