"""What a secretary writes about a call after its message has gone out, sent as a second letter (rule 9)."""

from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, select

from pbx_control.domain.notices.messages import Channel, Recipient
from pbx_control.domain.notices.notes import Supplement, clean_paragraphs, compose_supplement
from pbx_control.domain.words.wording import clean_line
from pbx_control.errors import ClientMistake, Code
from pbx_control.store import letters, recipients
from pbx_control.store.tables import call, client, letter


def write_supplement(conn: Connection, call_id: str, text: str, at: datetime, office_name: str) -> int:
    """Puts what she writes later into the outbox, one letter for each recipient of the client; gives their number.

    Each refers to the recipient's first letter about the call (In-Reply-To). The same text again adds nothing.

    Raises ClientMistake if there is no such call, its first message has not been written yet, or the text is empty.
    """
    row = _call(conn, call_id)
    if not clean_paragraphs(text):
        raise ClientMistake("there is nothing in the supplement: write what the client should know")
    added = Supplement(
        call_id=row.id,
        client_id=row.client_id,
        client_name=row.name,
        language=row.language,
        caller=row.caller,
        caller_name=row.caller_name,
        text=text,
        at=at,
    )
    told = _told(conn, row.id)
    people = recipients.of_client(conn, row.client_id)
    letters.add(conn, [compose_supplement(added, person, office_name, person in told) for person in people])
    return len(people)


def _call(conn: Connection, call_id: str) -> Row[*tuple[Any, ...]]:
    query = select(
        call.c.id,
        call.c.client_id,
        call.c.caller,
        call.c.caller_name,
        call.c.ended_at,
        call.c.handed_over_at,
        client.c.name,
        client.c.language,
    ).join_from(call, client)
    row = conn.execute(query.where(call.c.id == call_id)).one_or_none()
    if row is None:
        raise ClientMistake("there is no call {call}", Code.NO_SUCH_CALL, call=clean_line(call_id, 64))
    if row.ended_at is None and row.handed_over_at is None:
        raise ClientMistake("the call {call} goes on: its first message is still to come", call=row.id)
    return row


def _told(conn: Connection, call_id: str) -> set[Recipient]:
    """Who has got the first letter about the call."""
    query = select(letter.c.channel, letter.c.address).where(letter.c.call_id == call_id, letter.c.in_reply_to == "")
    return {Recipient(Channel(channel), address) for channel, address in conn.execute(query)}
