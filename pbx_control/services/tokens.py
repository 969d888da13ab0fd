"""Tokens by which programs use the API (docs/api.md): made, looked up, revoked; and what is asked for once only."""

import secrets
from collections.abc import Callable, Collection
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256

from sqlalchemy import Connection, Engine

from pbx_control.domain.audit import Verb
from pbx_control.domain.tokens import KEY_KEPT, PREFIX, USED_EVERY, token_name, token_scopes
from pbx_control.errors import ClientMistake, Code, Field, StoreUnavailable
from pbx_control.services import webhooks
from pbx_control.services.standing import refuse_cancelled
from pbx_control.services.work import Work
from pbx_control.store import tokens
from pbx_control.store import webhooks as stored_webhooks
from pbx_control.store.engine import reading, writing
from pbx_control.store.tokens import Token

__all__ = ["Once", "Token", "add", "holder", "once", "remove_webhooks_of_ended", "revoke"]
_SECRET_BYTES = 32
# Longer ones are none of ours.
LONGEST_SECRET = 100


@dataclass(frozen=True, slots=True)
class Once:
    """Something that a program asks for: its key, and all that it sent with it."""

    key: str
    sent: bytes


def add(
    work: Work, name: str, scopes: Collection[str], client_id: int | None = None, until: datetime | None = None
) -> str:
    """Makes a token, of the office or (`client_id`) bound to one client; gives its secret, which is not kept.

    Raises ClientMistake if the name cannot be one or is taken, a scope is none or not for a client's token, the client
    has cancelled, or it would be over already.
    """
    name = token_name(name)
    found = token_scopes(scopes, of_client=client_id is not None)
    if client_id is not None:
        refuse_cancelled(work.conn, client_id)
    if tokens.by_name(work.conn, name):
        raise ClientMistake(
            "there is a token {name} already: choose another name", Code.NAME_TAKEN, name=name, field=Field("name")
        )
    if until is not None and until <= work.at:
        raise ClientMistake("that is over already", Code.BAD_VALUE, field=Field("until"))
    secret = PREFIX + secrets.token_urlsafe(_SECRET_BYTES)
    values = {"name": name, "client_id": client_id, "token_hash": kept(secret), "scopes": " ".join(found)}
    tokens.insert_row(work.conn, values | {"created_at": work.at, "ends_at": until})
    work.note(Verb.TOKEN_ADDED, name, client_id=client_id, new={"scopes": list(found), "until": until})
    return secret


def revoke(work: Work, name: str) -> list[int]:
    """The token is good no more, from the next request on, and the webhooks that were made with it are removed; gives
    their numbers. Raises ClientMistake if there is none of that name."""
    found = tokens.find(work.conn, name.strip().lower())
    tokens.revoke(work.conn, found.id, work.at)
    work.note(Verb.TOKEN_REVOKED, found.name, client_id=found.client_id)
    return _remove_webhooks(work, found.id)


def remove_webhooks_of_ended(work: Work) -> int:
    """Removes the webhooks that were made with tokens whose time is over; gives how many."""
    return sum(len(_remove_webhooks(work, one)) for one in tokens.ended(work.conn, work.at))


def _remove_webhooks(work: Work, token_id: int) -> list[int]:
    numbers = [one.id for one in stored_webhooks.of_token(work.conn, token_id)]
    for number in numbers:
        webhooks.remove(work, number)
    return numbers


def holder(engine: Engine, secret: str, at: datetime) -> Token | None:
    """The token with that secret, and that it is used; None if it is good no more, or never was. Raises
    StoreUnavailable."""
    if len(secret) > LONGEST_SECRET:
        return None
    with reading(engine) as conn:
        found = tokens.good(conn, kept(secret), at)
    if found is not None and (found.used_at is None or at - found.used_at >= USED_EVERY):
        # Whoever can only read the database now is answered all the same.
        with suppress(StoreUnavailable), writing(engine) as conn:
            tokens.note_used(conn, found.id, at)
    return found


def kept(secret: str) -> str:
    """What is kept of a secret: whoever reads the database cannot show it."""
    return sha256(secret.encode(errors="replace")).hexdigest()


def once(conn: Connection, at: datetime, token: Token, asked: Once, do: Callable[[], str]) -> tuple[str, bool]:
    """Does something in the caller's transaction unless the same was asked for with the same key within KEY_KEPT; gives
    what came of it (a number, an id), and whether that was there already. Of several at once one does it.

    Raises ClientMistake (KEY_USED) if something else was asked for with that key; what `do` raises leaves no trace.
    """
    key, sent = kept(asked.key), sha256(asked.sent).hexdigest()
    tokens.forget(conn, at - KEY_KEPT)
    if tokens.ask(conn, token.id, key, sent, at):
        came = do()
        tokens.note_what_came(conn, token.id, key, came)
        return came, False
    known = tokens.asked_with(conn, token.id, key)
    if known is None or known.asked != sent:
        raise ClientMistake("with this Idempotency-Key something else was asked for", Code.KEY_USED)
    return known.came_of_it, True
