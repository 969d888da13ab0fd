"""Announcements in the store: what a client's callers hear in place of the house's own texts."""

from typing import Any

from sqlalchemy import Connection, delete, insert, select

from pbx_control.domain.office import AnnouncementKind
from pbx_control.domain.sounds import check_text
from pbx_control.store.tables import announcement


def put(connection: Connection, client_id: int, kind: AnnouncementKind, *, text: str = "", audio: str = "") -> None:
    """Keeps a client's own announcement, a text to speak or the name of a converted upload, in place of an old one.

    Raises ClientMistake for a text that cannot be spoken.
    """
    text = text if audio else check_text(kind, text)
    forget(connection, client_id, kind)
    connection.execute(insert(announcement).values(client_id=client_id, kind=kind.value, text=text, audio=audio))


def forget(connection: Connection, client_id: int, kind: AnnouncementKind) -> bool:
    """Goes back to the house's own text; False if that was in force."""
    gone = connection.execute(
        delete(announcement).where(announcement.c.client_id == client_id, announcement.c.kind == kind.value)
    )
    return bool(gone.rowcount)


def rows(connection: Connection, client_id: int) -> list[dict[str, Any]]:
    """The client's own announcements, by kind."""
    query = select(announcement).where(announcement.c.client_id == client_id).order_by(announcement.c.kind)
    return [{"kind": row.kind, "text": row.text, "audio": row.audio} for row in connection.execute(query)]
