"""What every answer has, and what no request gets past."""

import re
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest
from browsing import PASSWORD, Browser, Place
from sqlalchemy import Engine, text

from pbx_control.settings import Database, Home, Settings, Web
from pbx_control.store.engine import open_engine
from pbx_control.web.app import make_app
from pbx_control.web.guard import LONGEST_BODY, POLICY, hosts

PAGES = ["/login", "/desk", "/account", "/no-such-page", "/healthz", "/static/x/base.css"]


@pytest.mark.parametrize("path", PAGES)
async def test_every_answer_keeps_the_browser_strict(place: Place, path: str) -> None:
    for name in ("", "ana"):
        browser = place.browser()
        if name:
            await browser.sign_in(name)
        headers = (await browser.get(path)).headers
        assert headers["content-security-policy"] == POLICY
        assert "unsafe" not in POLICY
        assert headers["x-frame-options"] == "DENY"  # and frame-ancestors in the policy: no clickjacking
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["referrer-policy"] == "same-origin"
        assert headers["cross-origin-opener-policy"] == "same-origin"
        assert headers["cache-control"] == "no-store"
        assert "strict-transport-security" not in headers


async def test_over_https_browsers_stay_there(public: Place) -> None:
    answer = await public.browser(base="https://desk.example.com").get("/login")
    assert answer.headers["strict-transport-security"] == "max-age=31536000"


async def test_no_page_has_a_script_or_a_style_of_its_own(place: Place) -> None:
    browser = place.browser()
    pages = [await browser.get("/login"), await browser.get("/nothing")]
    await browser.sign_in("ana")
    pages += [await browser.get("/account"), await browser.get("/desk")]
    for page in pages:
        assert not re.search(r"<style| style=| on\w+=|javascript:|<script(?![^>]* src=)", page.text), page.url


async def test_files_are_kept_for_a_year_and_their_address_changes_with_them(place: Place) -> None:
    browser = place.browser()
    form = await browser.get("/login")
    found = re.findall(r'href="(/static/[^"]+)"', form.text)
    assert len(found) == 2
    for path in found:
        answer = await browser.get(path)
        assert answer.status_code == 200
        assert answer.headers["cache-control"] == "public, max-age=31536000, immutable"
    assert {(await browser.get(path)).headers["content-type"].partition(";")[0] for path in found} == {
        "text/css",
        "image/svg+xml",
    }
    assert (await browser.get("/static/0000000000000000/base.css")).status_code == 404


@pytest.mark.parametrize(
    "name",
    [
        *(
            "../app.py",
            "..%2fapp.py",
            "%2e%2e/app.py",
            "%2e%2e%2fapp.py",
            "....//app.py",
            "/etc/passwd",
            "%2fetc/passwd",
        ),
        *("..\\app.py", "..%5capp.py", "base.css/", "base.css%00.png", "%c0%ae%c0%ae/app.py", ""),
        *("__init__.py", "../templates/base.html.j2", "base.css/../../app.py", "a" * 5000),
    ],
)
async def test_no_address_leads_out_of_the_folder(place: Place, name: str) -> None:
    # As bytes on the wire: a browser, and httpx, would tidy the path before they ask.
    path = f"/static/{place.site.files.version}/{name}"
    scope_path = httpx.URL("http://127.0.0.1:8080").copy_with(raw_path=path.encode())
    answer = await place.browser().client.get(scope_path)
    assert answer.status_code in (400, 404)
    assert "import" not in answer.text


@pytest.mark.parametrize(
    "host", ["evil.example", "evil.example:8080", "127.0.0.1.evil.example", "a b", "[::1", "", "localhost@evil.example"]
)
async def test_another_hosts_name_is_refused(place: Place, host: str) -> None:
    """A foreign page whose name is made to lead here reads nothing."""
    answer = await place.browser().get("/login", headers={"host": host})
    assert answer.status_code == 400
    assert "password" not in answer.text


@pytest.mark.parametrize("host", ["127.0.0.1:8080", "localhost:8080", "[::1]:8080", "LOCALHOST"])
async def test_ours_is_not(place: Place, host: str) -> None:
    assert (await place.browser().get("/login", headers={"host": host})).status_code == 200


def test_behind_a_proxy_its_name_is_ours() -> None:
    assert "desk.example.com" in hosts(Web(public_url="https://desk.example.com:8443"))
    assert hosts(Web(bind="0.0.0.0:443", certificate="c", key="k")) == ["*"]


@pytest.mark.parametrize(
    ("method", "path", "headers", "content"),
    [
        ("GET", "/login?next=%ff", {}, b""),
        ("GET", "/%ff%fe", {}, b""),
        ("GET", "/login?next=%00", {}, b""),
        ("GET", "/%00", {}, b""),
        ("GET", "/login", {"cookie": b"pbx=\xff\xfe"}, b""),
        ("GET", "/login", {"cookie": b"pbx=\x01"}, b""),
        ("GET", "/login", {"cookie": b"a=" + b"b" * 9000}, b""),
        ("POST", "/login", {"content-type": "application/x-www-form-urlencoded"}, b"name=%ff&password=x"),
        ("POST", "/login", {"content-type": "application/x-www-form-urlencoded"}, b"name=\xff&password=x"),
        ("POST", "/login", {"content-type": "application/x-www-form-urlencoded"}, b"name=a%00b&password=x"),
        ("POST", "/login", {"content-type": "multipart/form-data"}, b"--x\r\n"),
        ("POST", "/login", {"content-type": "multipart/form-data; boundary=x"}, b"--y\r\n\xff\xff"),
        ("POST", "/login", {"content-length": "-1"}, b""),
        ("POST", "/login", {"content-length": "1e3"}, b""),
        ("POST", "/login", {"content-type": "application/x-www-form-urlencoded"}, b"&".join([b"a=b"] * 2000)),
    ],
)
async def test_what_is_no_text_is_refused_and_breaks_nothing(
    place: Place, method: str, path: str, headers: dict[str, str], content: bytes
) -> None:
    client = place.browser().client
    answer = await client.request(method, path, headers=headers, content=content)
    assert answer.status_code == 400


@pytest.mark.parametrize(
    "cookie", ["pbx=", "pbx=;;;=", "=pbx", "pbx=%00%ff", "pbx=" + "a" * 44, "pbx=' OR 1=1", ";" * 50]
)
async def test_a_cookie_that_is_none_is_nobodys(place: Place, cookie: str) -> None:
    answer = await place.browser().get("/desk", headers={"cookie": cookie})
    assert (answer.status_code, answer.headers["location"]) == (303, "/login?next=%2Fdesk")


async def test_a_form_in_parts_is_none_of_our_pages(place: Place) -> None:
    parts = {"name": (None, "ana"), "password": (None, PASSWORD)}
    assert (await place.browser().client.post("/login", files=parts)).status_code == 400


async def test_a_body_has_a_limit_whatever_it_says_of_its_length(place: Place) -> None:
    async def pieces() -> AsyncIterator[bytes]:
        for _ in range(LONGEST_BODY // 1000 + 2):
            yield b"a" * 1000

    client = place.browser().client
    assert (await client.post("/login", content=pieces())).status_code == 413
    assert (await client.post("/login", content=b"a" * LONGEST_BODY)).status_code == 401


async def test_an_error_of_ours_tells_nothing_of_it(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    async def broken(*_: object) -> None:
        raise RuntimeError("secret of the house")

    monkeypatch.setattr(place.site.sessions, "person_of", broken)
    answer = await place.browser().get("/desk")
    assert answer.status_code == 500
    assert "secret" not in answer.text
    assert answer.headers["content-security-policy"] == POLICY


async def test_a_database_that_is_away_is_told(database: Engine, place: Place) -> None:
    browser = place.browser()
    await browser.sign_in("ana")
    with database.begin() as conn:
        conn.execute(text("ALTER TABLE web_session RENAME TO elsewhere"))
    answer = await browser.get("/desk")
    assert (answer.status_code, answer.headers["retry-after"]) == (503, "5")
    assert "the database is away" in answer.text
    # Nobody can be signed out meanwhile: her page stays.
    assert await place.site.sessions.still_valid(1)
    assert (await browser.get("/healthz")).json()["database"] == "ok"


async def test_a_database_that_is_not_there_makes_it_unhealthy(tmp_path: Path) -> None:
    url = f"postgresql+psycopg://nobody@/none?host={tmp_path}"  # no server's socket lies there
    settings = Settings(database=Database(url=url))
    app = make_app(Home(tmp_path), settings, open_engine(Home(tmp_path), settings))
    transport = httpx.ASGITransport(app)
    async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1:8080") as client:
        answer = await Browser(client).get("/healthz")
    assert (answer.status_code, answer.json()["database"]) == (503, "away")
