"""Whether a client is one of ours still: nothing is sold to, given to or kept for one that has cancelled."""

from sqlalchemy import Connection

from pbx_control.domain.office import ClientState
from pbx_control.errors import ClientMistake, Code
from pbx_control.store import clients


def refuse_cancelled(conn: Connection, client_id: int) -> str:
    """Gives the client's short name. Raises ClientMistake if it has cancelled.

    What is kept of a cancelled client is erased once (`services/cancelled.py`): what came later would stay for ever.
    """
    row = clients.get(conn, client_id)
    if row.state == ClientState.CANCELLED:
        raise ClientMistake("the client {slug} has cancelled", Code.CLIENT_CANCELLED, slug=row.slug)
    return row.slug
