"""What leaves the house of a client's calls: all of it or, for one that handles sensitive matters, a link alone."""

from collections.abc import Sequence

from sqlalchemy import Connection

from pbx_control.domain.notices.discretion import without_content
from pbx_control.domain.notices.messages import Letter
from pbx_control.store import clients


def discreet(conn: Connection, client_id: int, written: Sequence[Letter], office_name: str, url: str) -> list[Letter]:
    """The letters as they may go out; `url` is where browsers reach the portal."""
    firm = clients.get(conn, client_id)
    if not firm.sensitive:
        return list(written)
    return [without_content(one, firm.name, firm.language, office_name, url) for one in written]
