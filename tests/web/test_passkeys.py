"""Passkeys: made on the page of one's account, asked for after the password, and of use to nobody else."""

import json
import re
from dataclasses import replace
from pathlib import Path

import httpx
import pytest
from authenticator import Authenticator
from browsing import PASSWORD, Browser, Place
from pyotp import TOTP
from sqlalchemy import select, update

from pbx_control.clock import now
from pbx_control.domain.passkeys import LONGEST_ANSWER, MOST_PASSKEYS, Party
from pbx_control.domain.users import CODES_A_SIGN_IN
from pbx_control.store.engine import reading, writing
from pbx_control.store.tables import account_user, audit, letter, passkey, passkey_challenge, web_session

HOST = "desk.example.com"
BASE = f"https://{HOST}"


def key(origin: str = BASE, host: str = HOST) -> Authenticator:
    return Authenticator(origin, host)


async def signed_in(place: Place, who: str = "gerencia") -> Browser:
    browser = place.browser(base=BASE)
    assert (await browser.sign_in(who)).status_code == 303
    return browser


async def asked(browser: Browser, **fields: str) -> httpx.Response:
    return await browser.post("/account/passkeys/ask", {"password": PASSWORD} | fields)


async def added(browser: Browser, one: Authenticator, name: str = "llave", **fields: str) -> httpx.Response:
    options = (await asked(browser, **fields)).json()
    return await browser.post("/account/passkeys", {"name": name, "answer": one.makes(options)})


async def with_passkey(place: Place, who: str = "gerencia") -> tuple[Browser, Authenticator, list[str]]:
    """Somebody whose only second factor is a passkey: his browser, the key, and the codes for when it is lost."""
    browser, one = await signed_in(place, who), key()
    answer = await added(browser, one)
    assert answer.status_code == 200
    return browser, one, re.findall(r"<li><code>([a-z0-9-]{14})</code>", answer.text)


async def at_the_passkey(place: Place, who: str = "gerencia", base: str = BASE) -> Browser:
    """A browser with the right password that is asked for the passkey."""
    browser = place.browser(base=base)
    answer = await browser.client.post("/login", data={"name": who, "password": PASSWORD, "next": "/portal/audit"})
    assert answer.headers["location"].startswith("/login/code")
    found = re.search(r'name="csrf" value="([0-9a-f]{64})"', (await browser.get(answer.headers["location"])).text)
    browser.csrf = found[1] if found else ""
    return browser


async def to_sign(browser: Browser) -> dict[str, object]:
    return dict((await browser.post("/login/passkey/ask")).json())


async def signs(browser: Browser, answer: str) -> httpx.Response:
    return await browser.post("/login/passkey", {"answer": answer, "next": "/portal/audit"})


def told(place: Place) -> list[str]:
    with reading(place.engine) as conn:
        return list(conn.scalars(select(audit.c.verb).order_by(audit.c.id.desc())))


async def test_a_passkey_is_added_and_asked_for_after_the_password(public: Place) -> None:
    before = await signed_in(public)
    browser, one, codes = await with_passkey(public)
    assert len(codes) == 10
    assert told(public)[:2] == ["second factor on", "passkey added"]
    assert (await before.get("/account")).status_code == 303, "its session was begun without"
    page = (await browser.get("/account")).text
    assert "After the password you are asked for a passkey." in page
    assert 'data-passkey-name="llave"' in page
    again = await at_the_passkey(public)
    assert (await again.get("/portal/messages")).status_code == 303
    assert (await signs(again, one.signs(await to_sign(again)))).headers["location"] == "/portal/audit"
    assert (await again.get("/portal/messages")).status_code == 200


async def test_the_form_says_what_somebody_has(public: Place) -> None:
    await with_passkey(public)
    page = (await (await at_the_passkey(public)).get("/login/code")).text
    assert "Use your passkey" in page
    assert "One of your recovery codes." in page
    assert "Six digits" not in page


async def test_a_lost_passkey_is_stood_in_for_by_a_code_once(public: Place) -> None:
    _, _, codes = await with_passkey(public)
    for status in (303, 401):
        browser = await at_the_passkey(public)
        assert (await browser.post("/login/code", {"code": codes[0]})).status_code == status


async def test_what_was_signed_once_is_good_no_more(public: Place) -> None:
    _, one, _ = await with_passkey(public)
    browser = await at_the_passkey(public)
    answer = one.signs(await to_sign(browser))
    assert (await signs(browser, answer)).status_code == 303
    assert (await signs(await at_the_passkey(public), answer)).status_code == 401
    other = await at_the_passkey(public)
    await to_sign(other)
    assert (await signs(other, answer)).status_code == 401


async def test_only_his_own_key_signs_for_him(public: Place) -> None:
    await with_passkey(public)
    _, theirs, _ = await with_passkey(public, "lagos")
    browser = await at_the_passkey(public)
    assert (await signs(browser, theirs.signs(await to_sign(browser)))).status_code == 401
    stolen = replace(key(), credential=theirs.credential)
    assert (await signs(browser, stolen.signs(await to_sign(browser)))).status_code == 401


@pytest.mark.parametrize("elsewhere", [("https://desk.example.org", HOST), (BASE, "desk.example.org")])
async def test_what_another_site_has_had_signed_is_refused(public: Place, elsewhere: tuple[str, str]) -> None:
    _, one, _ = await with_passkey(public)
    browser = await at_the_passkey(public)
    one.origin, one.host = elsewhere
    assert (await signs(browser, one.signs(await to_sign(browser)))).status_code == 401


async def test_a_copy_of_a_key_that_counts_on_from_before_is_refused(public: Place) -> None:
    _, one, _ = await with_passkey(public)
    copy = replace(one)
    browser = await at_the_passkey(public)
    assert (await signs(browser, one.signs(await to_sign(browser)))).status_code == 303
    other = await at_the_passkey(public)
    assert (await signs(other, copy.signs(await to_sign(other)))).status_code == 401


async def test_wrong_answers_end_the_sign_in(public: Place) -> None:
    await with_passkey(public)
    browser = await at_the_passkey(public)
    for _ in range(CODES_A_SIGN_IN):
        assert (await signs(browser, key().signs(await to_sign(browser)))).status_code == 401
    assert (await browser.post("/login/passkey/ask")).status_code == 401
    assert (await browser.get("/login/code")).status_code == 401


async def test_an_answer_that_comes_too_late_is_refused(public: Place) -> None:
    _, one, _ = await with_passkey(public)
    browser = await at_the_passkey(public)
    options = await to_sign(browser)
    with writing(public.engine) as conn:
        conn.execute(update(passkey_challenge).values(ends_at=now()))
    assert (await signs(browser, one.signs(options))).status_code == 401


HOSTILE = [
    "",
    "{}",
    "null",
    "[]",
    '"x"',
    "{" * 5000,
    "[" * 15_000,
    "x" * (LONGEST_ANSWER + 1),
    '{"id":1,"rawId":[]}',
    "9" * 5000,
]


@pytest.mark.parametrize("answer", HOSTILE)
async def test_nonsense_makes_and_signs_nothing(public: Place, answer: str) -> None:
    browser = await signed_in(public)
    await asked(browser)
    assert (await browser.post("/account/passkeys", {"name": "x", "answer": answer})).status_code == 400
    await with_passkey(public)
    other = await at_the_passkey(public)
    await to_sign(other)
    assert (await signs(other, answer)).status_code == 401
    with reading(public.engine) as conn:
        assert len(conn.execute(select(passkey)).all()) == 1


@pytest.mark.parametrize("part", ["clientDataJSON", "attestationObject"])
async def test_a_broken_answer_makes_nothing(public: Place, part: str) -> None:
    browser, one = await signed_in(public), key()
    answer = json.loads(one.makes((await asked(browser)).json()))
    answer["response"][part] = answer["response"][part][:-9]
    refused = await browser.post("/account/passkeys", {"name": "x", "answer": json.dumps(answer)})
    assert refused.status_code == 400
    assert "the passkey was not made" in refused.text


async def test_an_open_page_adds_nothing_without_the_password_and_a_code(public: Place) -> None:
    browser, _, codes = await with_passkey(public)
    assert (await asked(browser, password="wrong")).json()["at"] == "passkey-password"
    assert (await asked(browser)).json()["at"] == "passkey-code"
    assert (await asked(browser, code=codes[0])).status_code == 200
    never_asked = await signed_in(public, "lagos")
    answer = key().makes({"challenge": "AAAA"})
    assert (await never_asked.post("/account/passkeys", {"name": "x", "answer": answer})).status_code == 400


async def test_beside_a_passkey_an_app_needs_a_code_and_leaves_the_codes(public: Place) -> None:
    """A password and an open page alone would take the passkeys' place."""
    browser, _, codes = await with_passkey(public)
    refused = await browser.post("/account/second-factor", {"password": PASSWORD})
    assert (refused.status_code, 'id="app-code"' in refused.text) == (400, True)
    assert (await browser.get("/account/second-factor")).status_code == 303
    begun = await browser.post("/account/second-factor", {"password": PASSWORD, "code": codes[0]})
    assert begun.headers["location"] == "/account/second-factor"
    secret = re.search(r"data-secret>([A-Z2-7-]+)<", (await browser.get("/account/second-factor")).text)
    assert secret
    shown = TOTP(secret[1].replace("-", "")).at(now())
    done = await browser.post("/account/second-factor/confirm", {"code": shown})
    assert done.headers["location"] == "/account?done=app-added"
    again = await at_the_passkey(public)
    assert (await again.post("/login/code", {"code": codes[1]})).status_code == 303


async def test_what_was_asked_before_the_second_factor_was_on_adds_nothing(public: Place) -> None:
    browser, one = await signed_in(public), key()
    options = (await asked(browser)).json()
    await browser.post("/account/second-factor", {"password": PASSWORD})
    secret = re.search(r"data-secret>([A-Z2-7-]+)<", (await browser.get("/account/second-factor")).text)
    assert secret
    await browser.post("/account/second-factor/confirm", {"code": TOTP(secret[1].replace("-", "")).at(now())})
    late = await browser.post("/account/passkeys", {"name": "x", "answer": one.makes(options)})
    assert late.status_code == 400


async def test_codes_are_not_tried_out_at_a_passkey_that_is_not_there(public: Place) -> None:
    browser, _, _ = await with_passkey(public)
    fields = {"passkey": "999", "password": PASSWORD}
    tried = [await browser.post("/account/passkeys/remove", fields | {"code": f"{n:06}"}) for n in range(12)]
    assert [one.status_code for one in tried][-2:] == [429, 429]


async def test_a_second_one_needs_no_new_codes_and_one_key_is_one_persons(public: Place) -> None:
    browser, one, codes = await with_passkey(public)
    assert (await added(browser, key(), "otra", code=codes[0])).headers["location"] == "/account?done=passkey-added"
    other = await signed_in(public, "lagos")
    assert (await added(other, one)).status_code == 400, "it is Andes'"


async def test_there_is_an_end_to_them(public: Place) -> None:
    browser = await signed_in(public)
    with writing(public.engine) as conn:
        user_id = conn.scalar(select(web_session.c.user_id))
        for serial in range(MOST_PASSKEYS):
            values = {"credential": f"AA{serial}A", "public_key": "AAAA", "name": "x", "added_at": now()}
            conn.execute(passkey.insert().values(values | {"user_id": user_id}))
    refused = await asked(browser)
    assert (refused.status_code, refused.json()["what"]) == (400, "10 passkeys are enough: remove one first")


async def test_the_last_one_that_is_removed_takes_the_second_factor_with_it(public: Place) -> None:
    browser, _, codes = await with_passkey(public)
    with reading(public.engine) as conn:
        which = str(conn.scalar(select(passkey.c.id)))
    fields = {"passkey": which, "password": PASSWORD}
    refused = await browser.post("/account/passkeys/remove", fields | {"code": "none"})
    assert (refused.status_code, "open><summary>" in refused.text) == (400, True)
    removed = await browser.post("/account/passkeys/remove", fields | {"code": codes[0]})
    assert removed.headers["location"] == "/account?done=second-factor-off"
    assert told(public)[:2] == ["second factor off", "passkey removed"]
    assert (await place_signs_in(public)).headers["location"] == "/portal/messages"


async def place_signs_in(place: Place, who: str = "gerencia") -> httpx.Response:
    return await place.browser(base=BASE).sign_in(who)


async def test_another_ones_passkey_stays(public: Place) -> None:
    await with_passkey(public)
    with reading(public.engine) as conn:
        which = str(conn.scalar(select(passkey.c.id)))
    other, _, codes = await with_passkey(public, "lagos")
    fields = {"passkey": which, "password": PASSWORD, "code": codes[0]}
    await other.post("/account/passkeys/remove", fields)
    with reading(public.engine) as conn:
        assert len(conn.execute(select(passkey)).all()) == 2


async def test_turning_it_off_takes_app_and_passkeys(public: Place) -> None:
    browser, _, codes = await with_passkey(public)
    await browser.post("/account/second-factor/off", {"password": PASSWORD, "code": codes[0]})
    with reading(public.engine) as conn:
        assert conn.execute(select(passkey)).all() == []


async def test_owners_who_need_a_second_factor_may_take_a_passkey(public: Place, tmp_path: Path) -> None:
    strict = Place(tmp_path, public.engine, public_url=BASE, owners_need_second_factor=True)
    browser = await signed_in(strict)
    assert (await browser.get("/portal/messages")).headers["location"] == "/account?done=app-needed"
    found = re.findall(r'name="csrf" value="([0-9a-f]{64})"', (await browser.get("/account")).text)
    browser.csrf = found[0]
    assert (await added(browser, key())).status_code == 200
    assert (await browser.get("/portal/messages")).status_code == 200
    for client in strict.open:
        await client.aclose()


@pytest.mark.parametrize("csrf", ["", "0" * 64])
@pytest.mark.parametrize("path", ["/login/passkey", "/login/passkey/ask"])
async def test_the_forms_must_be_ours(public: Place, path: str, csrf: str) -> None:
    await with_passkey(public)
    browser = await at_the_passkey(public)
    assert (await browser.client.post(path, data={"csrf": csrf, "answer": "{}"})).status_code == 403


async def test_who_has_an_address_learns_of_it(public: Place) -> None:
    with writing(public.engine) as conn:
        conn.execute(update(account_user).where(account_user.c.name == "gerencia").values(email="g@andes.example"))
    browser, _, codes = await with_passkey(public)
    await added(browser, key(), "otra", code=codes[0])
    with reading(public.engine) as conn:
        texts = conn.scalars(select(letter.c.body_text).order_by(letter.c.id)).all()
    assert ["El segundo factor está activado" in texts[0], "Se agregó una llave de acceso" in texts[1]] == [True, True]


async def test_a_name_is_text(public: Place) -> None:
    browser = await signed_in(public)
    await added(browser, key(), '<script>"x"</script>')
    page = (await browser.get("/account")).text
    assert "<script>&" not in page
    assert "&lt;script&gt;" in page


async def test_where_browsers_make_none_nothing_is_offered(place: Place) -> None:
    browser = place.browser()
    await browser.sign_in("gerencia")
    page = (await browser.get("/account")).text
    assert "Add a passkey" not in page
    assert "an address with a name and HTTPS" in page
    refused = await browser.post("/account/passkeys/ask", {"password": PASSWORD})
    assert (refused.status_code, "public_url" in refused.json()["what"]) == (400, True)


@pytest.mark.parametrize(
    ("url", "host"),
    [
        ("https://desk.example.com", "desk.example.com"),
        ("https://desk.example.com:8443", "desk.example.com"),
        ("http://localhost:8080", "localhost"),
        ("http://desk.example.com", ""),
        ("https://192.0.2.7", ""),
        ("https://[2001:db8::7]", ""),
        ("http://127.0.0.1:8080", ""),
    ],
)
def test_where_browsers_make_passkeys(url: str, host: str) -> None:
    party = Party.of(url)
    assert (party.host if party else "") == host
    assert party is None or party.origin == url
