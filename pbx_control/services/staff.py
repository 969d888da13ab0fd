"""What can be done with secretaries: their telephones' accounts, languages, and the clients they may answer for."""

import re
import secrets
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection

from pbx_control.domain import checks
from pbx_control.domain.audit import Verb
from pbx_control.errors import ClientMistake, Code, Field
from pbx_control.services import duty, users
from pbx_control.services.work import Work, news
from pbx_control.store import clients, pauses, secretaries, supervisor_telephones

# Typed by hand on a telephone: no characters that look alike.
_ALPHABET = "abcdefghjkmnpqrstuvwxyz"
_DIGITS = "23456789"
# 24 characters of 54: some 138 bits, far beyond guessing.
_PASSWORD_LENGTH = 24


@dataclass(frozen=True, slots=True)
class Account:
    """What is typed into her telephone; the password is shown once."""

    user: str
    password: str


def add(
    work: Work,
    name: str,
    *,
    languages: Sequence[str],
    client_ids: Sequence[int] | None,
    wrap_up: timedelta = timedelta(0),
    secure: bool = False,
) -> Account:
    """Keeps a new secretary and gives her account; `client_ids` None: she may answer for every client.

    Raises ClientMistake if the name is taken.
    """
    name = checks.line(name, "name", longest=60)
    if name in secretaries.names(work.conn):
        raise ClientMistake(
            "there is a secretary {name} already: choose another name", Code.NAME_TAKEN, name=name, field=Field("name")
        )
    account = Account(free_user_name(work.conn, name), new_secret())
    values = {
        "name": name,
        "user": account.user,
        "password": account.password,
        "languages": ",".join(languages),
        "all_clients": client_ids is None,
        "wrap_up": int(wrap_up.total_seconds()),
        "secure": secure,
    }
    secretary_id = secretaries.insert_row(work.conn, values)
    secretaries.set_clients(work.conn, secretary_id, client_ids or ())
    work.note(Verb.SECRETARY_ADDED, name, new=values | {"clients": secretaries.slugs_of(work.conn, secretary_id)})
    return account


def change(work: Work, name: str, **fields: Any) -> None:
    """Changes columns of a secretary. Raises ClientMistake if she is unknown or nothing is to change."""
    row = secretaries.find(work.conn, name)
    if not fields:
        raise ClientMistake("nothing to change was given", Code.NOTHING_TO_CHANGE)
    if not (fields := news(row, fields)):
        return
    secretaries.update_row(work.conn, row.id, fields)
    work.note(Verb.SECRETARY_CHANGED, row.name, old=row, new=fields)


def allow(work: Work, name: str, client_ids: Sequence[int] | None) -> None:
    """Lets her answer for these clients only, or for every client (None)."""
    row = secretaries.find(work.conn, name)
    old = {"all_clients": row.all_clients, "clients": secretaries.slugs_of(work.conn, row.id)}
    slugs = sorted({clients.get(work.conn, one).slug for one in client_ids or ()})
    if not (new := news(old, {"all_clients": client_ids is None, "clients": slugs})):
        return
    secretaries.update_row(work.conn, row.id, {"all_clients": client_ids is None})
    secretaries.set_clients(work.conn, row.id, client_ids or ())
    work.note(Verb.SECRETARY_CHANGED, row.name, old=old, new=new)


def reset_password(work: Work, name: str) -> Account:
    """A new password for her telephone; the old one stops working when the change is published."""
    row = secretaries.find(work.conn, name)
    account = Account(row.user, new_secret())
    secretaries.update_row(work.conn, row.id, {"password": account.password})
    work.note(Verb.PASSWORD_RESET, row.name, old=row, new={"password": account.password})
    return account


def remove(work: Work, name: str) -> None:
    """She has left: her telephone is refused, nobody signs in as her; the calls she answered still name her.

    Raises ClientMistake while she is in a call.
    """
    row = secretaries.find(work.conn, name)
    if secretaries.is_in_call(work.conn, row.id):
        raise ClientMistake("{name} is in a call: remove her when it is over", Code.CALL_LASTS, name=row.name)
    old = {"user": row.user, "languages": row.languages, "clients": secretaries.slugs_of(work.conn, row.id)}
    users.remove_of_secretary(work, row.id)
    secretaries.set_clients(work.conn, row.id, ())
    pauses.end(work.conn, row.id, work.at)
    secretaries.update_row(work.conn, row.id, {"removed_at": work.at, "password": new_secret()})
    work.note(Verb.SECRETARY_REMOVED, row.name, old=old)


def end_pause(work: Work, user: str) -> bool:
    """Her telephone has come back: a pause of the system's ends. False if there was none."""
    paused = secretaries.paused_by_system(work.conn, [user])
    for her in paused:
        duty.end(work, her)
    return bool(paused)


def end_old_pauses(work: Work, before: datetime) -> list[str]:
    """Ends the system's pauses that began before that instant; gives the telephones' user names."""
    users = secretaries.old_pauses(work.conn, before)
    for her in secretaries.paused_by_system(work.conn, users) if users else ():
        duty.end(work, her)
    return users


def free_user_name(conn: Connection, name: str) -> str:
    """One that no telephone has, not even of somebody who has left: of many with one first name, two draw one tail."""
    taken = secretaries.users(conn) | supervisor_telephones.users(conn)
    return next(user for user in iter(lambda: _user_name(name), None) if user not in taken)


def _user_name(name: str) -> str:
    """Her first name and four random characters, never digits alone: scanners try numbers and common names."""
    plain = unicodedata.normalize("NFKD", name.split()[0]).encode("ascii", "ignore").decode().lower()
    word = re.sub(r"[^a-z]", "", plain)[:20] or "sec"
    tail = "".join(secrets.choice(_DIGITS if place % 2 == 0 else _ALPHABET) for place in range(4))
    return f"{word}-{tail}"


def new_secret() -> str:
    """A telephone's password."""
    return "".join(secrets.choice(_ALPHABET + _ALPHABET.upper() + _DIGITS) for _ in range(_PASSWORD_LENGTH))
