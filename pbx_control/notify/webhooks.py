"""Tells webhooks of events: signed by the Standard Webhooks convention, one request each, no redirect followed."""

import asyncio
import time
from collections.abc import Callable, Iterable
from datetime import datetime, timedelta
from functools import cached_property
from http import HTTPStatus

from sqlalchemy import Engine
from standardwebhooks import Webhook as Signer

from pbx_control.clock import now
from pbx_control.domain.notices.messages import Letter
from pbx_control.domain.webhooks import TEST, body_of, event_id
from pbx_control.errors import DeliveryFailed, Fault, StoreUnavailable
from pbx_control.notify.turns import LastStep, at_once
from pbx_control.outward import Answer, Http, Network, NoAnswer, in_a_thread, retry_after
from pbx_control.store import webhooks
from pbx_control.store.engine import reading
from pbx_control.store.webhooks import Webhook

SETTING = "[webhooks] private_networks"
# All of one request, from looking up the name to the answer's headers, seconds.
LIMIT = 15.0
# With these a receiver says when it wants to be asked again.
WAITS = frozenset({HTTPStatus.TOO_MANY_REQUESTS, HTTPStatus.SERVICE_UNAVAILABLE})


class Teller:
    """Sends events, and tests. `private`: networks within our own walls that may be asked, without TLS, too."""

    def __init__(
        self, engine: Engine, private: Iterable[Network], clock: Callable[[], datetime] = now, limit: float = LIMIT
    ) -> None:
        self._engine = engine
        self._private = tuple(private)
        self._clock = clock
        self._limit = limit

    @cached_property
    def _http(self) -> Http:
        """Made by the first request, in its thread: it reads the system's authorities."""
        return Http(self._private, setting=SETTING)

    async def send(self, letter: Letter, last_step: LastStep = at_once) -> str:
        """Sends an event to its webhook. No turn is taken (`last_step`): its id tells a receiver what comes twice."""
        await asyncio.wrap_future(in_a_thread(lambda: self._tell(letter)))
        return ""

    async def rest(self) -> None:
        """No connection outlasts its request."""

    def _tell(self, letter: Letter) -> None:
        try:
            with reading(self._engine) as conn:
                found = webhooks.find(conn, int(letter.address))
        except StoreUnavailable as error:
            raise DeliveryFailed(error.template, Fault.LATER, **error.values) from error
        if found is None or found.stopped_at is not None:
            raise DeliveryFailed("the webhook was removed", Fault.FINAL)
        self._post(found, letter.message_id, letter.text)

    def test(self, to: Webhook) -> tuple[int, float]:
        """Sends an event that means nothing; gives the answer's status and how long it took, seconds. Raises
        DeliveryFailed if it was not taken."""
        at = self._clock()
        body = body_of(TEST, at, {"webhook": to.id, "client": to.client})
        began = time.monotonic()
        answer = self._post(to, event_id(str(to.id), TEST, at.isoformat()), body)
        return answer.status, time.monotonic() - began

    def _post(self, to: Webhook, name: str, body: str) -> Answer:
        """Raises DeliveryFailed unless the receiver has taken it."""
        try:
            answer = self._http.ask(
                "POST",
                to.url,
                limit=self._limit,
                headers=_headers(to, name, body, self._clock()),
                content=body.encode(),
                body=False,
            )
        except NoAnswer as error:
            raise DeliveryFailed(error.template, Fault.LATER, **error.values) from error
        if failure := _refusal(answer, self._clock):
            raise failure
        return answer


def _headers(to: Webhook, name: str, body: str, at: datetime) -> dict[str, str]:
    return {
        "Content-Type": "application/json",
        "webhook-id": name,
        "webhook-timestamp": str(int(at.timestamp())),
        "webhook-signature": " ".join(Signer(secret).sign(name, at, body) for secret in to.secrets_at(at)),
    }


def _refusal(answer: Answer, clock: Callable[[], datetime]) -> DeliveryFailed | None:
    """How it failed, if the answer is none of success."""
    status = answer.status
    if HTTPStatus.OK <= status < HTTPStatus.MULTIPLE_CHOICES:
        return None
    if status == HTTPStatus.GONE:
        return DeliveryFailed("the receiver wants nothing more (410 Gone)", Fault.FINAL)
    if HTTPStatus.MULTIPLE_CHOICES <= status < HTTPStatus.BAD_REQUEST:
        return DeliveryFailed("the receiver sends elsewhere ({status}): never followed", Fault.LETTER, status=status)
    wait = retry_after(answer.headers, clock) if status in WAITS else None
    if wait is not None:
        pause = timedelta(seconds=wait)
        return DeliveryFailed("the receiver asks to wait ({status})", Fault.PAUSE, retry_after=pause, status=status)
    return DeliveryFailed("the receiver answers {status}", Fault.LETTER, status=status)
