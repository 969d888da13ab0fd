"""Who at a client is written to about what becomes of its data: incidents, and who else processes them."""

from sqlalchemy import Connection

from pbx_control.domain.notices.kinds import About
from pbx_control.domain.notices.messages import Channel, Recipient
from pbx_control.domain.users import ClientRole
from pbx_control.store import recipients, users


def answerable(conn: Connection, client_id: int) -> list[Recipient]:
    """Its owners and those who get its invoices, by e-mail; where there is nobody of these, all its recipients."""
    owners = [one.email for one in users.colleagues(conn, client_id) if one.client_role is ClientRole.OWNER]
    accounts = recipients.of_client(conn, client_id, About.INVOICES)
    addresses = [*owners, *(one.address for one in accounts if one.channel is Channel.EMAIL)]
    once = {address.lower(): address for address in reversed(addresses) if address}
    return [Recipient(Channel.EMAIL, one) for one in reversed(once.values())] or recipients.of_client(conn, client_id)
