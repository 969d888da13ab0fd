"""Announcements in the store: what a client's callers hear in place of the house's own texts."""

from dataclasses import dataclass

from sqlalchemy import ColumnElement, Connection, delete, insert, select

from pbx_control.domain.office import AnnouncementKind
from pbx_control.store.tables import announcement


@dataclass(frozen=True, slots=True)
class Own:
    """A client's own announcement: a text, or the name of a converted upload."""

    kind: str
    text: str
    audio: str


def insert_row(connection: Connection, client_id: int, kind: AnnouncementKind, text: str, audio: str) -> None:
    """Keeps a client's own announcement."""
    connection.execute(insert(announcement).values(client_id=client_id, kind=kind.value, text=text, audio=audio))


def delete_row(connection: Connection, client_id: int, kind: AnnouncementKind) -> None:
    """Takes a client's own announcement away, if it has one."""
    connection.execute(delete(announcement).where(*_one(client_id, kind)))


def find(connection: Connection, client_id: int, kind: AnnouncementKind) -> Own | None:
    """The client's own announcement, if it has one."""
    row = connection.execute(select(announcement).where(*_one(client_id, kind))).one_or_none()
    return Own(row.kind, row.text, row.audio) if row else None


def _one(client_id: int, kind: AnnouncementKind) -> tuple[ColumnElement[bool], ColumnElement[bool]]:
    return announcement.c.client_id == client_id, announcement.c.kind == kind.value
