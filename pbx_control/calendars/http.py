"""HTTP to clients' calendar servers, with the guard of `outward`; what goes wrong there is a calendar's trouble."""

import time
from collections.abc import Iterable, Mapping
from typing import Protocol

import httpx

from pbx_control import outward
from pbx_control.calendars.remote import RemoteTrouble, TroubleKind
from pbx_control.outward import MOST_BYTES, Answer, Network, NoAnswer, host_of, retry_after

__all__ = ["Answer", "Asks", "Http", "Turnwise", "retry_after"]
SETTING = "[agenda] private_networks"


class Http:
    """Connections to remote calendars, kept for the next request; may be used by many threads.

    `private`: networks within our own walls that may be asked, without TLS, too.
    """

    def __init__(self, private: Iterable[Network] = ()) -> None:
        self._http = outward.Http(private, setting=SETTING)

    def ask(
        self,
        method: str,
        url: str,
        *,
        limit: float,
        headers: Mapping[str, str] | None = None,
        content: bytes = b"",
        auth: httpx.Auth | None = None,
        most: int = MOST_BYTES,
    ) -> Answer:
        """One request, `limit` seconds for all of it. Raises RemoteTrouble if there is no whole answer."""
        try:
            return self._http.ask(method, url, limit=limit, headers=headers, content=content, auth=auth, most=most)
        except NoAnswer as error:
            raise RemoteTrouble(error.template, TroubleKind(error.kind.value), **error.values) from error

    def close(self) -> None:
        """Ends all connections."""
        self._http.close()


class Asks(Protocol):
    """Whatever asks servers as `Http` does."""

    def ask(
        self,
        method: str,
        url: str,
        *,
        limit: float,
        headers: Mapping[str, str] | None = None,
        content: bytes = b"",
        auth: httpx.Auth | None = None,
        most: int = MOST_BYTES,
    ) -> Answer:
        """One request; see `Http.ask`."""


class Turnwise:
    """One turn's requests: all together take `seconds` from now on, and bring `most` bytes."""

    def __init__(self, http: Asks, seconds: float, most: int) -> None:
        self._http = http
        self._ends = time.monotonic() + seconds
        self._left = most

    def ask(
        self,
        method: str,
        url: str,
        *,
        limit: float,
        headers: Mapping[str, str] | None = None,
        content: bytes = b"",
        auth: httpx.Auth | None = None,
        most: int = MOST_BYTES,
    ) -> Answer:
        """One request. Raises RemoteTrouble if there is no whole answer, or the turn's time or bytes are used up."""
        seconds = self._ends - time.monotonic()
        if seconds <= 0:
            raise RemoteTrouble("{host} takes too long for all that is asked", TroubleKind.SLOW, host=host_of(url))
        if self._left <= 0:
            raise RemoteTrouble("the answers of {host} are too large", TroubleKind.ODD, host=host_of(url))
        answer = self._http.ask(
            method,
            url,
            limit=min(limit, seconds),
            headers=headers,
            content=content,
            auth=auth,
            most=min(most, self._left),
        )
        self._left -= len(answer.body)
        return answer
