"""Passkeys in the store, and what they are to sign next."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, delete, func, insert, select, update

from pbx_control.store.engine import insert_into
from pbx_control.store.rows import record
from pbx_control.store.tables import passkey, passkey_challenge


@dataclass(frozen=True, slots=True, kw_only=True)
class Passkey:
    """One of a person's; what the columns mean is told in `tables.passkey`."""

    id: int
    user_id: int
    credential: str
    public_key: str
    sign_count: int
    name: str
    added_at: datetime
    used_at: datetime | None


def of_user(conn: Connection, user_id: int) -> list[Passkey]:
    """A person's, the oldest first."""
    columns = [passkey.c[name] for name in Passkey.__slots__]
    query = select(*columns).where(passkey.c.user_id == user_id).order_by(passkey.c.id)
    return [record(Passkey, row) for row in conn.execute(query)]


def are_there(conn: Connection, user_id: int) -> bool:
    """Whether a person has any."""
    return bool(conn.scalar(select(func.count()).select_from(passkey).where(passkey.c.user_id == user_id)))


def is_known(conn: Connection, credential: str) -> bool:
    """Whether it is somebody's already."""
    return conn.scalar(select(passkey.c.id).where(passkey.c.credential == credential)) is not None


def insert_row(conn: Connection, values: Mapping[str, Any]) -> None:
    """Keeps a new one."""
    conn.execute(insert(passkey).values(values))


def note_use(conn: Connection, passkey_id: int, sign_count: int, at: datetime) -> None:
    """It has signed, and counts so many signatures."""
    conn.execute(update(passkey).where(passkey.c.id == passkey_id).values(sign_count=sign_count, used_at=at))


def remove(conn: Connection, user_id: int, passkey_id: int) -> str:
    """Takes one of a person's away; gives its name, "" if it is none of his."""
    his = passkey.c.user_id == user_id, passkey.c.id == passkey_id
    name = conn.scalar(select(passkey.c.name).where(*his))
    return name or "" if conn.execute(delete(passkey).where(*his)).rowcount else ""


def remove_all(conn: Connection, user_id: int) -> bool:
    """Takes all of a person's away; whether there were any."""
    return conn.execute(delete(passkey).where(passkey.c.user_id == user_id)).rowcount > 0


def put_challenge(conn: Connection, place: str, user_id: int, challenge: str, at: datetime, ends_at: datetime) -> None:
    """Keeps what is to be signed at a place, instead of what was before; what nobody signed in time goes. Of two at the
    same instant the later one holds."""
    asked = {"user_id": user_id, "challenge": challenge, "ends_at": ends_at}
    adding = insert_into(conn.dialect.name, passkey_challenge).values(place=place, **asked)
    conn.execute(adding.on_conflict_do_update(index_elements=["place"], set_=asked))
    conn.execute(delete(passkey_challenge).where(passkey_challenge.c.ends_at <= at))


def forget_challenges(conn: Connection, user_id: int) -> None:
    """Nothing that a person was asked for can be answered any more."""
    conn.execute(delete(passkey_challenge).where(passkey_challenge.c.user_id == user_id))


def take_challenge(conn: Connection, place: str, user_id: int, at: datetime) -> str:
    """What was to be signed there, once: of two at the same instant one gets it; "" if there is nothing."""
    waiting = passkey_challenge.c.place == place, passkey_challenge.c.user_id == user_id
    in_time = passkey_challenge.c.ends_at > at
    challenge = conn.scalar(select(passkey_challenge.c.challenge).where(*waiting, in_time))
    taken = conn.execute(delete(passkey_challenge).where(*waiting, in_time)).rowcount == 1
    return challenge or "" if taken else ""
