"""The key by which links to letters' files are signed: one for all daemons and pages on a database."""

import secrets

from sqlalchemy import Connection, select

from pbx_control.store.engine import insert_into
from pbx_control.store.tables import link_key

_BYTES = 32


def find(conn: Connection) -> str:
    """The key; "" while no link has been made."""
    return conn.scalar(select(link_key.c.key)) or ""


def ensure(conn: Connection) -> str:
    """The key, made if there is none: of two who make one at once, one does."""
    if found := find(conn):
        return found
    values = {"id": 1, "key": secrets.token_urlsafe(_BYTES)}
    conn.execute(insert_into(conn.dialect.name, link_key).on_conflict_do_nothing(index_elements=["id"]), values)
    return find(conn)
