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

# From the right password on, until the code is there.
CODE_WITHIN = timedelta(minutes=10)
# So many wrong codes; then the password is asked for again.
CODES_A_SIGN_IN = 5
# Typed from paper: small letters and digits, none that looks like another.
READABLE = "abcdefghjkmnpqrstuvwxyz23456789"

_LOGIN_NAME = re.compile(r"[a-z0-9._-]{2,40}", re.ASCII)


class UserRole(StrEnum):
    """What somebody signs in for."""

    ADMIN = "admin"
    SUPERVISOR = "supervisor"
    SECRETARY = "secretary"
    CLIENT = "client"  # one of a client's people


# Who looks after the secretaries: the wallboard, live calls, staffing.
SUPERVISORS = (UserRole.SUPERVISOR, UserRole.ADMIN)


class ClientRole(StrEnum):
    """What one of a client's people may do there."""

    OWNER = "owner"  # whatever the client may
    STAFF = "staff"  # reads messages and listens; changes what holds for today


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody who is signed in, as one request knows him."""

    user_id: int
    name: str  # to sign in with
    role: UserRole
    secretary_id: int | None  # with role secretary
    client_id: int | None  # with role client
    client_role: ClientRole | None  # with role client
    session_id: int
    has_second_factor: bool  # a code is asked for at the sign-in
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
