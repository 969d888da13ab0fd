"""Who is signed in: the cookie, and the session behind it."""

import re
from datetime import timedelta

from anyio import CapacityLimiter
from anyio.to_thread import run_sync
from sqlalchemy import Engine
from starlette.requests import HTTPConnection, Request
from starlette.responses import Response

from pbx_control.clock import now
from pbx_control.domain.users import LONGEST_SESSION, Person
from pbx_control.errors import StoreUnavailable
from pbx_control.services import users

# So many are looked up at once: all open pages ask every few seconds, and each thread has the database open.
LOOKED_UP_AT_ONCE = 3
_TOKEN = re.compile(r"[A-Za-z0-9_-]{43}", re.ASCII)


def is_token(text: str) -> bool:
    """Whether a text may be a token of ours."""
    return _TOKEN.fullmatch(text) is not None


class Sessions:
    """The sessions of one web process; `https` is whether browsers reach it by that."""

    def __init__(self, engine: Engine, https: bool) -> None:
        self._engine = engine
        self._https = https
        self._looking_up = CapacityLimiter(LOOKED_UP_AT_ONCE)
        # Browsers take a cookie of that prefix only over HTTPS, from this very host, for all its paths.
        self.cookie = "__Host-pbx" if https else "pbx"

    def lend(self, response: Response, what: str, token: str, lasts: timedelta) -> None:
        """Puts something into the browser that is no session, for a while."""
        self._put(response, f"{self.cookie}-{what}", token, lasts)

    def lent(self, request: Request, what: str) -> str:
        """What the browser was lent; "" if nothing."""
        token = request.cookies.get(f"{self.cookie}-{what}", "")
        return token if is_token(token) else ""

    def take_back(self, response: Response, what: str) -> None:
        """Takes it out of the browser."""
        self._delete(response, f"{self.cookie}-{what}")

    async def person_of(self, request: HTTPConnection) -> Person | None:
        """Who is signed in with the request's cookie. Raises StoreUnavailable."""
        token = request.cookies.get(self.cookie, "")
        if not is_token(token):
            return None
        return await run_sync(users.session_of, self._engine, token, now(), limiter=self._looking_up)

    async def still_valid(self, session_id: int) -> bool:
        """Whether a session with a page open goes on; a stream asks every few seconds, and ends if it does not.

        While the database is away nobody can be signed out, and the page stays.
        """
        try:
            return await run_sync(users.still_valid, self._engine, session_id, now(), limiter=self._looking_up)
        except StoreUnavailable:
            return True

    async def end(self, person: Person) -> None:
        """Signs somebody out of this browser. Raises StoreUnavailable."""
        await run_sync(users.sign_out, self._engine, person.session_id, now())

    def give(self, response: Response, token: str) -> None:
        """Puts the session into the browser."""
        self._put(response, self.cookie, token, LONGEST_SESSION)

    def take(self, response: Response) -> None:
        """Takes it out of the browser."""
        self._delete(response, self.cookie)

    def _put(self, response: Response, name: str, token: str, lasts: timedelta) -> None:
        response.set_cookie(
            name,
            token,
            max_age=int(lasts.total_seconds()),
            path="/",
            secure=self._https,
            httponly=True,
            samesite="lax",
        )

    def _delete(self, response: Response, name: str) -> None:
        response.delete_cookie(name, path="/", secure=self._https, httponly=True, samesite="lax")
