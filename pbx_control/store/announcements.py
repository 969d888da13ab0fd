"""Announcements in the store: what a client's callers hear in place of the house's own texts."""

from typing import Any

from sqlalchemy import ColumnElement, Connection, delete, insert, select

from pbx_control.domain.office import AnnouncementKind
from pbx_control.store.tables import announcement


def insert_row(connection: Connection, client_id: int, kind: AnnouncementKind, text: str, audio: str) -> None:
    """Keeps a client's own announcement."""
    connection.execute(insert(announcement).values(client_id=client_id, kind=kind.value, text=text, audio=audio))


def delete_row(connection: Connection, client_id: int, kind: AnnouncementKind) -> None:
    """Takes a client's own announcement away, if it has one."""
    connection.execute(delete(announcement).where(*_one(client_id, kind)))


def find(connection: Connection, client_id: int, kind: AnnouncementKind) -> dict[str, str]:
    """The client's own announcement: kind, text and audio; nothing if it has none."""
    row = connection.execute(select(announcement).where(*_one(client_id, kind))).one_or_none()
    return {"kind": row.kind, "text": row.text, "audio": row.audio} if row else {}


def rows(connection: Connection, client_id: int) -> list[dict[str, Any]]:
    """The client's own announcements, by kind."""
    query = select(announcement).where(announcement.c.client_id == client_id).order_by(announcement.c.kind)
    return [{"kind": row.kind, "text": row.text, "audio": row.audio} for row in connection.execute(query)]


def _one(client_id: int, kind: AnnouncementKind) -> tuple[ColumnElement[bool], ColumnElement[bool]]:
    return announcement.c.client_id == client_id, announcement.c.kind == kind.value
