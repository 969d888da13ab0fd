"""People who sign in with a name and a password: their roles, what they may be called, how long they stay signed in."""

import re
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum

from pbx_control.errors import ClientMistake, Code, Field

# From the sign-in on: her shift fits, and whoever finds the computer in the morning does not.
LONGEST_SESSION = timedelta(hours=14)
# Without any page open.
IDLE_LIMIT = timedelta(hours=2)
# That a session is used is written down once in so long.
SEEN_EVERY = timedelta(minutes=1)

_LOGIN_NAME = re.compile(r"[a-z0-9._-]{2,40}", re.ASCII)


class UserRole(StrEnum):
    """What somebody signs in for."""

    ADMIN = "admin"
    SUPERVISOR = "supervisor"
    SECRETARY = "secretary"
    CLIENT = "client"  # one of a client's people


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody who is signed in, as one request knows him."""

    user_id: int
    name: str  # to sign in with
    role: UserRole
    secretary_id: int | None  # with role secretary
    client_id: int | None  # with role client
    session_id: int
    csrf: str  # what each of the session's forms carries
    language: str  # es | en; "" where none was chosen


def login_name(value: str) -> str:
    """A name to sign in with, in small letters: nobody remembers with which ones it was made.

    Raises ClientMistake if it cannot be one.
    """
    name = value.strip().lower()
    if not _LOGIN_NAME.fullmatch(name):
        raise ClientMistake(
            "{value} cannot be a name to sign in with: use 2 to 40 letters, digits, dots, hyphens and underscores of "
            "ASCII, like ana.rojas",
            Code.BAD_VALUE,
            value=repr(value[:40]),
            field=Field("name"),
        )
    return name
