"""Leases in the store: who does what one process does at a time."""

from datetime import datetime

from sqlalchemy import Connection, or_, update

from pbx_control.store.engine import insert_into
from pbx_control.store.tables import lease


def take(conn: Connection, name: str, holder: str, at: datetime, until: datetime) -> bool:
    """Takes or renews a lease; False if another holder has it at that instant."""
    conn.execute(
        insert_into(conn.dialect.name, lease).values(name=name, holder=holder, until=at).on_conflict_do_nothing()
    )
    free = lease.c.name == name, or_(lease.c.holder == holder, lease.c.until <= at)
    return bool(conn.execute(update(lease).where(*free).values(holder=holder, until=until)).rowcount)
