"""Secretaries in the store: their telephones' accounts, languages, and the clients they may answer for."""

import re
import secrets
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from difflib import get_close_matches
from typing import Any

from sqlalchemy import Connection, Row, delete, func, insert, or_, select, update

from pbx_control.domain import checks
from pbx_control.errors import ClientMistake
from pbx_control.store.engine import bump_revision
from pbx_control.store.tables import client, seat_claim, secretary, secretary_client

# Typed by hand on a telephone: no characters that look alike.
_ALPHABET = "abcdefghjkmnpqrstuvwxyz"
_DIGITS = "23456789"
# 24 characters of 54: some 138 bits, far beyond guessing.
_PASSWORD_LENGTH = 24
# Why the system has paused her: her telephone refused one offer after another.
REFUSALS = "refusals"
NOT_PAUSED = {"paused": False, "paused_why": "", "paused_at": None}


@dataclass(frozen=True, slots=True)
class Account:
    """What is typed into her telephone; the password is shown once."""

    user: str
    password: str


def find(connection: Connection, name: str) -> Row[Any]:
    """The row of a secretary who has not left, by her name or her SIP user name. Raises ClientMistake if none."""
    query = select(secretary).where(
        or_(secretary.c.name == name, secretary.c.user == name), secretary.c.removed_at.is_(None)
    )
    row = connection.execute(query).first()
    if row is None:
        raise _unknown(connection, name)
    return row


def names(connection: Connection) -> list[str]:
    """The names of all who have not left, sorted."""
    return list(
        connection.scalars(select(secretary.c.name).where(secretary.c.removed_at.is_(None)).order_by(secretary.c.name))
    )


def add(
    connection: Connection,
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
    name = checks.line(name, "NAME", longest=60)
    if name in names(connection):
        raise ClientMistake("there is a secretary {name} already: choose another name", name=name)
    account = Account(_free_user_name(connection, name), _password())
    added = connection.execute(
        insert(secretary).values(
            name=name,
            user=account.user,
            password=account.password,
            languages=",".join(languages),
            all_clients=client_ids is None,
            wrap_up=int(wrap_up.total_seconds()),
            secure=secure,
        )
    )
    _set_clients(connection, int(added.inserted_primary_key[0]), client_ids or ())
    return account


def change(connection: Connection, name: str, **fields: Any) -> None:
    """Changes columns of a secretary. Raises ClientMistake if she is unknown or nothing is to change."""
    row = find(connection, name)
    if not fields:
        raise ClientMistake("nothing to change was given: name an option, such as --name; --help lists them")
    connection.execute(update(secretary).where(secretary.c.id == row.id).values(**fields))


def pause(connection: Connection, secretary_id: int, at: datetime) -> bool:
    """Pauses her because her telephone refused one offer after another; a pause of the admin's stays as it is. False
    if she is paused already."""
    hers = secretary.c.id == secretary_id, secretary.c.paused.is_(False)
    values = {"paused": True, "paused_why": REFUSALS, "paused_at": at}
    paused = connection.execute(update(secretary).where(*hers).values(**values)).rowcount > 0
    if paused:
        bump_revision(connection)
    return paused


def note_forward(connection: Connection, secretary_id: int, at: datetime | None) -> None:
    """Her telephone has answered with a forward at that instant; None: it rings again."""
    connection.execute(update(secretary).where(secretary.c.id == secretary_id).values(forwarded_at=at))


def end_pause(connection: Connection, user: str) -> bool:
    """Her telephone has come back: a pause of the system's ends. False if there was none."""
    hers = secretary.c.user == user, secretary.c.paused_why != ""
    ended = connection.execute(update(secretary).where(*hers).values(**NOT_PAUSED)).rowcount > 0
    if ended:
        bump_revision(connection)
    return ended


def old_pauses(connection: Connection, before: datetime) -> list[str]:
    """The telephones' user names of the system's pauses that began before that instant."""
    old = secretary.c.paused_why == REFUSALS, func.coalesce(secretary.c.paused_at, before) <= before
    return list(connection.scalars(select(secretary.c.user).where(*old).order_by(secretary.c.user)))


def end_old_pauses(connection: Connection, before: datetime) -> list[str]:
    """Ends those pauses; gives the same names."""
    users = old_pauses(connection, before)
    if users:
        connection.execute(update(secretary).where(secretary.c.user.in_(users)).values(**NOT_PAUSED))
        bump_revision(connection)
    return users


def allow(connection: Connection, name: str, client_ids: Sequence[int] | None) -> None:
    """Lets her answer for these clients only, or for every client (None)."""
    row = find(connection, name)
    connection.execute(update(secretary).where(secretary.c.id == row.id).values(all_clients=client_ids is None))
    connection.execute(delete(secretary_client).where(secretary_client.c.secretary_id == row.id))
    _set_clients(connection, row.id, client_ids or ())


def reset_password(connection: Connection, name: str) -> Account:
    """A new password for her telephone; the old one stops working when the change is published."""
    row = find(connection, name)
    account = Account(row.user, _password())
    connection.execute(update(secretary).where(secretary.c.id == row.id).values(password=account.password))
    return account


def remove(connection: Connection, name: str, now: datetime) -> None:
    """She has left: her telephone is refused; the calls she answered still name her.

    Raises ClientMistake while she is in a call.
    """
    row = find(connection, name)
    if connection.scalar(select(seat_claim.c.call_id).where(seat_claim.c.secretary_id == row.id)):
        raise ClientMistake("{name} is in a call: remove her when it is over", name=row.name)
    connection.execute(delete(secretary_client).where(secretary_client.c.secretary_id == row.id))
    gone = {"removed_at": now, "password": _password()}
    connection.execute(update(secretary).where(secretary.c.id == row.id).values(**gone))


def rows(connection: Connection) -> list[dict[str, Any]]:
    """Every secretary who has not left, with the slugs of her clients (None: all), by name; no passwords."""
    slugs: dict[int, list[str]] = {}
    allowed = select(secretary_client.c.secretary_id, client.c.slug).join(client).order_by(client.c.slug)
    for secretary_id, slug in connection.execute(allowed):
        slugs.setdefault(secretary_id, []).append(slug)
    query = select(secretary).where(secretary.c.removed_at.is_(None)).order_by(secretary.c.name)
    return [
        {
            "name": row.name,
            "user": row.user,
            "languages": row.languages.split(","),
            "clients": None if row.all_clients else slugs.get(row.id, []),
            "paused": row.paused,
            "paused_why": row.paused_why,
            "paused_at": row.paused_at,
            "forwarded_at": row.forwarded_at,
            "wrap_up": row.wrap_up,
            "secure": row.secure,
        }
        for row in connection.execute(query)
    ]


def _unknown(connection: Connection, name: str) -> ClientMistake:
    near = get_close_matches(name[:60], names(connection), n=3, cutoff=0.4)
    if near:
        return ClientMistake(
            "there is no secretary {name}: did you mean {near}?", name=repr(name[:40]), near=" / ".join(near)
        )
    return ClientMistake("there is no secretary {name}: `secretary list` shows all", name=repr(name[:40]))


def _set_clients(connection: Connection, secretary_id: int, client_ids: Sequence[int]) -> None:
    pairs = [{"secretary_id": secretary_id, "client_id": client_id} for client_id in sorted(set(client_ids))]
    if pairs:
        connection.execute(insert(secretary_client), pairs)


def _free_user_name(connection: Connection, name: str) -> str:
    """One that nobody has, not even somebody who has left: of many with one first name, two draw the same tail."""
    taken = set(connection.execute(select(secretary.c.user)).scalars())
    return next(user for user in iter(lambda: _user_name(name), None) if user not in taken)


def _user_name(name: str) -> str:
    """Her first name and four random characters, never digits alone: scanners try numbers and common names."""
    plain = unicodedata.normalize("NFKD", name.split()[0]).encode("ascii", "ignore").decode().lower()
    word = re.sub(r"[^a-z]", "", plain)[:20] or "sec"
    tail = "".join(secrets.choice(_DIGITS if place % 2 == 0 else _ALPHABET) for place in range(4))
    return f"{word}-{tail}"


def _password() -> str:
    return "".join(secrets.choice(_ALPHABET + _ALPHABET.upper() + _DIGITS) for _ in range(_PASSWORD_LENGTH))
