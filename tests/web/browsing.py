"""Browsers that look at the pages: they keep cookies and call the application directly, without a network."""

from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
from sqlalchemy import Engine

from pbx_control.domain.users import ClientRole, UserRole
from pbx_control.settings import Home, Settings, Web
from pbx_control.web.app import make_app

PASSWORD = "abcd-efgh-jkmn-pqrs"
# When Ana's call came, and what she has written about it.
AT = datetime(2026, 1, 5, 15, tzinfo=UTC)
SECRET = "Quiere vender la casa"
# Who has an account, and which.
ROLES = {
    "ana": UserRole.SECRETARY,
    "eva": UserRole.SECRETARY,
    "gerencia": UserRole.CLIENT,
    "recepcion": UserRole.CLIENT,
    "lagos": UserRole.CLIENT,
    "jefa": UserRole.SUPERVISOR,
    "root": UserRole.ADMIN,
}
# Whose of these accounts are a client's, and what they may do there; the others' client is Andes.
CLIENT_ROLES = {"gerencia": ClientRole.OWNER, "recepcion": ClientRole.STAFF, "lagos": ClientRole.OWNER}


@dataclass
class Browser:
    """A browser of one person's: it keeps cookies and goes nowhere by itself."""

    client: httpx.AsyncClient
    csrf: str = ""

    async def get(self, path: str, **options: Any) -> httpx.Response:
        return await self.client.get(path, **options)

    async def post(self, path: str, data: dict[str, str] | None = None, **options: Any) -> httpx.Response:
        """Sends a form, with the session's token unless another one is given."""
        fields = {"csrf": self.csrf} | (data or {}) if self.csrf else (data or {})
        return await self.client.post(path, data=fields, **options)

    async def sign_in(self, name: str, password: str = PASSWORD, **fields: str) -> httpx.Response:
        """Signs in, and reads the session's token from a page, as a page's script would."""
        answer = await self.client.post("/login", data={"name": name, "password": password, **fields})
        if answer.status_code == 303:
            home = await self.client.get("/account")
            _, _, rest = home.text.partition('name="csrf" value="')
            self.csrf = rest.partition('"')[0]
        return answer


class Place:
    """The pages of one installation, and browsers that look at them."""

    def __init__(self, home: Path, engine: Engine, **web: Any) -> None:
        self.engine = engine
        self.app = make_app(Home(home), Settings(web=Web(**web)), engine)
        self.site = self.app.site
        # This transport reads an answer to its end: streams end at once.
        self.site.room.ending = self.site.room.wall.ending = True
        self.open: list[httpx.AsyncClient] = []

    def browser(self, address: str = "198.51.100.7", base: str = "http://127.0.0.1:8080", **headers: str) -> Browser:
        transport = httpx.ASGITransport(self.app, raise_app_exceptions=False, client=(address, 40000))
        headers = {"accept": "text/html", "accept-language": "en"} | headers
        client = httpx.AsyncClient(transport=transport, base_url=base, headers=headers)
        self.open.append(client)
        return Browser(client)


async def at_desk(place: Place, who: str) -> Browser:
    """That secretary's browser, signed in."""
    browser = place.browser()
    await browser.sign_in(who)
    return browser


async def asks(browser: Browser, path: str, content: Any) -> httpx.Response:
    """What the page's script sends."""
    headers = {"x-csrf-token": browser.csrf, "accept": "*/*"}
    return await browser.client.post(path, json=content, headers=headers)
