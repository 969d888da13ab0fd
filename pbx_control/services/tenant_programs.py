"""A client's programs: its owners make and revoke tokens, and say where events are told; of its own client alone.

Everything goes through an object that is bound to that client, as in `services/tenant.py`.
"""

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TypeVar

from sqlalchemy import Connection, Engine

from pbx_control.domain.audit import Actor
from pbx_control.domain.tokens import MOST_OF_OWNERS, token_name
from pbx_control.domain.users import Person
from pbx_control.errors import ClientMistake, Code, DeliveryFailed, Field
from pbx_control.services import tokens, webhooks
from pbx_control.services.standing import refuse_cancelled
from pbx_control.services.tenant_people import prefix_of, require_owner
from pbx_control.services.work import Work, booking
from pbx_control.settings import Settings
from pbx_control.store import clients
from pbx_control.store import tokens as kept_tokens
from pbx_control.store import webhooks as kept_webhooks
from pbx_control.store.engine import reading, writing
from pbx_control.store.tokens import Listed
from pbx_control.store.webhooks import Webhook

__all__ = ["Listed", "Programs", "ProgramsOf", "Webhook"]

Answer = TypeVar("Answer")


@dataclass(frozen=True, slots=True, kw_only=True)
class Programs:
    """What a client's programs may do, as its owner sees it."""

    firm: str
    timezone: str
    prefix: str  # what the names of those tokens begin with that he makes
    tokens: Sequence[Listed]
    webhooks: Sequence[Webhook]


@dataclass(frozen=True, slots=True)
class ProgramsOf:
    """One of a client's owners, and the client's programs. Each question and each change is a transaction of its
    own."""

    engine: Engine
    settings: Settings
    client_id: int
    person: Person
    actor: Actor

    def all(self) -> Programs:
        """Its tokens by name, its webhooks by number; whoever has made them."""
        with reading(self.engine) as conn:
            firm = clients.get(conn, self.client_id)
            return Programs(
                firm=firm.name,
                timezone=firm.timezone,
                prefix=prefix_of(firm.slug),
                tokens=kept_tokens.rows(conn, self.client_id),
                webhooks=kept_webhooks.rows(conn, self.client_id),
            )

    def add_token(self, name: str, scopes: Collection[str], until: datetime | None, at: datetime) -> tuple[str, str]:
        """Makes a token; gives its whole name, which begins with the client's, and its secret, which is not kept.

        Raises ClientMistake as `services.tokens.add`, and if there are too many.
        """

        def act(work: Work) -> tuple[str, str]:
            whole = prefix_of(clients.get(work.conn, self.client_id).slug) + token_name(name)
            if len(kept_tokens.rows(work.conn, self.client_id)) >= MOST_OF_OWNERS:
                raise ClientMistake(
                    "there are {most} tokens already: revoke one", Code.WRONG_STATE, most=MOST_OF_OWNERS
                )
            return whole, tokens.add(work, whole, scopes, self.client_id, until)

        return self._do(act, at)

    def revoke(self, name: str, at: datetime) -> None:
        """The token is good no more. Raises ClientMistake if the client has none of that name."""

        def act(work: Work) -> None:
            if name not in [one.name for one in kept_tokens.rows(work.conn, self.client_id)]:
                raise ClientMistake("this token is revoked already", Code.CHANGED_MEANWHILE)
            tokens.revoke(work, name)

        self._do(act, at)

    def add_webhook(self, url: str, events: Collection[str], at: datetime) -> Webhook:
        """Makes a webhook; no events are all of them. Raises ClientMistake as `services.webhooks.add`, and if events
        are told there already: a form that is sent twice makes one."""

        def act(work: Work) -> Webhook:
            if url.strip() in [one.url for one in kept_webhooks.rows(work.conn, self.client_id)]:
                raise ClientMistake("a webhook goes there already: remove it first", Code.TAKEN, field=Field("url"))
            return webhooks.add(work, url, events, self.client_id, private=bool(self.settings.webhooks.private))

        return self._do(act, at)

    def test(self, number: int, clock: Callable[[], datetime]) -> None:
        """Sends the event that means nothing; one that had stopped goes on if it is taken. Raises ClientMistake if the
        client has no such webhook or has cancelled, DeliveryFailed if it was not taken."""
        # Imported here: nothing else of this page speaks with receivers.
        from pbx_control.notify.webhooks import Teller

        with writing(self.engine) as conn:  # whose owner is asked is locked
            require_owner(conn, self.client_id, self.person)
            refuse_cancelled(conn, self.client_id)
            found = self._webhook(conn, number)
        try:
            Teller(self.engine, self.settings.webhooks.private).test(found)
        except DeliveryFailed:
            self._do(lambda work: webhooks.note_test(work, number, taken=False), clock())
            raise
        self._do(lambda work: webhooks.note_test(work, number, taken=True), clock())

    def remove_webhook(self, number: int, at: datetime) -> None:
        """Nothing is told there any more. Raises ClientMistake if the client has no such webhook."""

        def act(work: Work) -> None:
            webhooks.remove(work, self._webhook(work.conn, number).id, self.client_id)

        self._do(act, at)

    def _webhook(self, conn: Connection, number: int) -> Webhook:
        found = kept_webhooks.find(conn, number, self.client_id)
        if found is None:
            raise ClientMistake("this webhook is removed already", Code.CHANGED_MEANWHILE)
        return found

    def _do(self, act: Callable[[Work], Answer], at: datetime) -> Answer:
        with booking(self.engine, self.actor, at) as work:
            require_owner(work.conn, self.client_id, self.person)
            return act(work)
