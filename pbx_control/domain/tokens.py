"""Tokens by which programs use the API: what each may do, what they may be called, when their use is noted."""

import re
from collections.abc import Iterable
from datetime import timedelta
from enum import StrEnum

from pbx_control.errors import ClientMistake, Code, Field

# By this a token that was published by mistake is found, also by the programs that look for such.
PREFIX = "pbx_"
# That a token is used is written down once in so long.
USED_EVERY = timedelta(minutes=5)
# How long an Idempotency-Key is known.
KEY_KEPT = timedelta(hours=24)
# A client that has so many gets no more from its owners; the office may make more.
MOST_OF_OWNERS = 20

_NAME = re.compile(r"[a-z0-9._-]{2,40}", re.ASCII)


class Scope(StrEnum):
    """What a token may be used for: a thing, and reading or writing it."""

    CALLS_READ = "calls:read"
    MESSAGES_READ = "messages:read"
    MESSAGES_WRITE = "messages:write"
    CLIENTS_READ = "clients:read"
    LEDGER_READ = "ledger:read"
    CALENDARS_READ = "calendars:read"
    APPOINTMENTS_READ = "appointments:read"
    APPOINTMENTS_WRITE = "appointments:write"
    WEBHOOKS_READ = "webhooks:read"
    WEBHOOKS_WRITE = "webhooks:write"


# A client reads what is written to it about its calls; it does not write that itself.
OFFICE_ONLY = frozenset({Scope.MESSAGES_WRITE})
OF_CLIENTS = tuple(one for one in Scope if one not in OFFICE_ONLY)


def token_name(value: str) -> str:
    """What a token is called, in small letters. Raises ClientMistake if it cannot be called so."""
    name = value.strip().lower()
    if not _NAME.fullmatch(name):
        raise ClientMistake(
            "{value} cannot be a token's name: use 2 to 40 letters, digits, dots, hyphens and underscores of ASCII, "
            "like crm",
            Code.BAD_VALUE,
            value=repr(value[:40]),
            field=Field("name"),
        )
    return name


def token_scopes(texts: Iterable[str], *, of_client: bool) -> tuple[Scope, ...]:
    """Scopes as they were given, in the house's order, each once.

    Raises ClientMistake if there are none, one is unknown, or one is not for a client's token.
    """
    given = set(texts)
    known = {one.value for one in Scope}
    if unknown := sorted(given - known):
        raise ClientMistake(
            "{value} is no scope: there are {known}",
            Code.BAD_VALUE,
            value=repr(unknown[0][:40]),
            known=", ".join(Scope),
            field=Field("scope"),
        )
    found = tuple(one for one in Scope if one.value in given)
    if not found:
        raise ClientMistake(
            "a token needs a scope: there are {known}", Code.EMPTY_VALUE, known=", ".join(Scope), field=Field("scope")
        )
    if of_client and OFFICE_ONLY.intersection(found):
        raise ClientMistake(
            "{value} is for tokens of the office alone",
            Code.BAD_VALUE,
            value=", ".join(sorted(OFFICE_ONLY.intersection(found))),
            field=Field("scope"),
        )
    return found
