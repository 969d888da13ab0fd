"""Tells somebody by a letter that his sign-in was changed: if it was not he, he learns of it."""

from datetime import datetime
from zoneinfo import ZoneInfo

from sqlalchemy import Connection

from pbx_control.domain.notices.sign_in_letters import SignInChange, SignInChanged, compose_change
from pbx_control.settings import Settings
from pbx_control.store import clients, letters, users


def tell(
    conn: Connection, settings: Settings, user_id: int, what: SignInChange, at: datetime, *, address: str = ""
) -> None:
    """Writes the letter, if he has an address; `address`: another one than he has now."""
    user = users.by_id(conn, user_id)
    to = address or (user.email if user else "")
    if user is None or not to:
        return
    firm = clients.get(conn, user.client_id) if user.client_id is not None else None
    changed = SignInChanged(
        address=to,
        name=user.name,
        user_id=user.id,
        client_id=user.client_id,
        firm=firm.name if firm else "",
        language=user.language or (firm.language if firm else settings.office.language),
        what=what,
        at=at,
        zone=ZoneInfo(firm.timezone if firm else settings.office.timezone),
    )
    letters.add(conn, [compose_change(changed, settings.office.name)])
