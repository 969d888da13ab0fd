"""Tells the admin of a flood of calls (domain/money/repeats.py)."""

from datetime import datetime

from sqlalchemy import Connection, bindparam, select

from pbx_control.domain.money.repeats import FLOOD_WINDOW, flood
from pbx_control.domain.notices.flood_notes import compose_flood
from pbx_control.domain.notices.notes import AlarmDesk
from pbx_control.store import letters
from pbx_control.store.repeats import answered_since
from pbx_control.store.tables import client as clients

_CLIENT = select(clients.c.slug, clients.c.name).where(clients.c.id == bindparam("client"))


def tell_flood(conn: Connection, client_id: int, at: datetime, desk: AlarmDesk) -> None:
    """Writes to the admin if more calls of the client were answered in the minute before `at` than people make."""
    if not desk.address:
        return
    recent = answered_since(conn, client_id, at - FLOOD_WINDOW)
    if found := flood([one for one in recent if one.answered_at <= at]):
        row = conn.execute(_CLIENT, {"client": client_id}).one()
        letters.add(conn, [compose_flood(found, client_id, row.slug, row.name, at, desk)])
