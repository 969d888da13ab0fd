"""Webhooks (docs/api.md): made, tried, removed. What they are told stands in `call_events.py`."""

import secrets
from collections.abc import Collection

from pbx_control.domain.audit import Verb
from pbx_control.domain.webhooks import (
    MADE_WITHIN,
    MOST_MADE,
    MOST_OF_ONE,
    SECRET_BYTES,
    event_types,
    receiver_url,
    secret_of,
)
from pbx_control.errors import ClientMistake, Code
from pbx_control.services.standing import refuse_cancelled
from pbx_control.services.work import Work
from pbx_control.store import letters, webhooks
from pbx_control.store.webhooks import Webhook


def add(
    work: Work,
    url: str,
    events: Collection[str],
    client_id: int | None = None,
    *,
    private: bool,
    token_id: int | None = None,
) -> Webhook:
    """Makes a webhook, of the office or (`client_id`) of one client; no events are all of them. `private`: the settings
    list networks within our own walls. `token_id`: by which token it is made, with which it ends; None: by none.

    Raises ClientMistake if that is no address of a receiver or no event, the client has cancelled, or it has, or has
    made within a day, as many as it may.
    """
    kept, types = receiver_url(url, private=private), event_types(events)
    if client_id is not None:
        refuse_cancelled(work.conn, client_id)
    _refuse_too_many(work, client_id)
    values = {"client_id": client_id, "token_id": token_id, "url": kept}
    values |= {"secret": secret_of(secrets.token_bytes(SECRET_BYTES))}
    number = webhooks.insert_row(work.conn, values | {"events": " ".join(types), "created_at": work.at})
    new = {"url": _shown(kept), "events": list(types)}
    work.note(Verb.WEBHOOK_ADDED, _subject(number), client_id=client_id, new=new)
    return webhooks.get(work.conn, number)


def _refuse_too_many(work: Work, client_id: int | None) -> None:
    if webhooks.count_of(work.conn, client_id) >= MOST_OF_ONE:
        raise ClientMistake("there are {most} webhooks already", Code.TOO_MANY_WEBHOOKS, most=MOST_OF_ONE)
    if webhooks.made_since(work.conn, client_id, work.at - MADE_WITHIN) >= MOST_MADE:
        raise ClientMistake("{most} webhooks were made within a day", Code.TOO_MANY_WEBHOOKS, most=MOST_MADE)


def _subject(number: int) -> str:
    return f"webhook {number}"


def _shown(url: str) -> str:
    """As the trail has it: some receivers are given a key of theirs after the question mark."""
    return url.partition("?")[0]


def rotate(work: Work, number: int, client_id: int | None = None) -> Webhook:
    """Gives a webhook another secret; the one that it has signs, too, for a day (`domain.webhooks.BOTH_SIGN_FOR`), any
    earlier one no more. `client_id`: only if it is that client's. Raises ClientMistake if there is none."""
    found = webhooks.get(work.conn, number, client_id)
    webhooks.rotate(work.conn, found.id, secret_of(secrets.token_bytes(SECRET_BYTES)), work.at)
    work.note(Verb.WEBHOOK_ROTATED, _subject(number), client_id=found.client_id)
    return webhooks.get(work.conn, number)


def remove(work: Work, number: int, client_id: int | None = None) -> None:
    """Nothing is told there any more, and what waits is dropped. `client_id`: only if it is that client's. Raises
    ClientMistake if there is none."""
    found = webhooks.get(work.conn, number, client_id)
    webhooks.remove(work.conn, found.id, work.at)
    letters.drop_for_program(work.conn, str(found.id))
    work.note(Verb.WEBHOOK_REMOVED, _subject(number), client_id=found.client_id, old={"url": _shown(found.url)})


def note_test(work: Work, number: int, *, taken: bool) -> None:
    """A test was sent. If it was `taken`, one that had stopped goes on, and what waits is sent at once. Raises
    ClientMistake if it was removed meanwhile."""
    found = webhooks.get(work.conn, number)
    if taken:
        webhooks.go_on(work.conn, found.id, work.at)
        letters.hurry_for_program(work.conn, str(found.id), work.at)
    work.note(Verb.WEBHOOK_TESTED, _subject(number), client_id=found.client_id, new={"taken": taken})
